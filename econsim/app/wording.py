"""What a policy changes against its baseline, in plain words.

The words come from the effective scenarios, after every instrument has been turned into edits of
terms: they say what the engine will do, not what a file is called.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from econsim import parameters as registry
from econsim import policy
from econsim.policy import Dated, Entry
from econsim.scenario import Scenario, differences

#: Sections of economic activity (NACE Rev. 2), in short.
SECTIONS = {
    "B": "Mining",
    "C": "Manufacturing",
    "D": "Energy",
    "E": "Water and waste",
    "F": "Construction",
    "G": "Trade",
    "H": "Transport and storage",
    "I": "Hotels and restaurants",
    "J": "Information and communication",
    "K": "Finance and insurance",
    "L": "Real estate",
    "M": "Professional and technical services",
    "N": "Administrative and support services",
    "P": "Education",
    "Q": "Health and social work",
    "R": "Arts and recreation",
    "S": "Repair and personal services",
}
SIZES = {
    "nonemployer": "no employees",
    "0-9": "0–9 persons",
    "10-49": "10–49 persons",
    "50-249": "50–249 persons",
    "250+": "250 or more persons",
}


def month(text: str) -> str:
    """``2027-01`` as ``January 2027``."""
    names = (
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    )  # fmt: skip
    return f"{names[int(text[5:7]) - 1]} {text[:4]}"


def kind_of(item: Dated) -> str:
    """Name of an instrument's kind in a scenario file; ``term`` for the generic one."""
    return next((k for k, model in policy.INSTRUMENTS.items() if model is type(item)), "term")


def name_of(kind: str) -> str:
    """Name of an instrument's kind for readers."""
    return "Change of a term" if kind == "term" else kind.replace("_", " ").capitalize()


def difference(scenario: Scenario, baseline: Scenario) -> list[str]:
    """One sentence for each thing in which a scenario differs from its baseline, in Markdown.

    Args:
        scenario: the policy.
        baseline: what it is compared with.

    Returns:
        Instruments first (with what each does to the terms), then assumptions, then options; empty
        when the two are the same.
    """
    here = [item for _, item in scenario.instruments]
    there = [item for _, item in baseline.instruments]
    found = [
        _instrument(label, item, scenario)
        for label, item in scenario.instruments
        if item not in there
    ]
    found += [
        f"**Without {name_of(kind_of(item)).lower()}**, which {baseline.name} has from "
        f"{month(item.start)}."
        for item in there
        if item not in here
    ]
    for name, value in scenario.values.items():
        if value != baseline.values[name]:
            known = registry.get(name)
            unit = registry.unit_in_region(known.unit, scenario.currency)
            found.append(
                f"**Assumption: {known.label}** ({name}): {amount(value, unit)} instead of "
                f"{amount(baseline.values[name], unit)}."
            )
    a, b = ({"options": s.canonical()["options"]} for s in (scenario, baseline))
    found += [
        f"**{key.partition('.')[2].replace('.', ', ').replace('_', ' ')}**: {mine} instead of "
        f"{theirs}."
        for key, mine, theirs in differences(a, b)
    ]
    return found


def _instrument(label: str, item: Dated, scenario: Scenario) -> str:
    entries = [e for e in scenario.package.entries if e.instrument == label]
    when = f"from {month(item.start)}"
    if item.until is not None:
        when += f" to {month(item.until)}"
    if item.phase_in:
        when += f", phased in over {item.phase_in} months"
    whom = _target(item.where.mapping())
    # A threshold is said in the terms of the file, not in months of the model's frontier.
    entries = [e for e in entries if not e.lever.endswith("_threshold")]
    effects = "; ".join(_effects(entries, scenario)) or "no change of any term"
    return f"**{name_of(kind_of(item))}**, {when}{whom}{_threshold(item)}: {effects}."


def _threshold(item: Dated) -> str:
    """From which capability on an instrument bites, if it has a threshold."""
    if not isinstance(item, policy.Threshold):
        return ""
    if item.score is not None:
        return f", for models from {item.score:g} % on an MMLU-like test"
    if item.compute is not None:
        return f", for models from {item.compute:g} FLOP of training"
    return ""


def _target(where: Mapping[str, Sequence[str]]) -> str:
    words = (("size_class", "persons"), ("sector", "NACE"), ("country", ""))
    parts = [f"{', '.join(where[key])} {unit}".strip() for key, unit in words if where[key]]
    return f", only for firms of {' · '.join(parts)}" if parts else ""


def _effects(entries: Iterable[Entry], scenario: Scenario) -> list[str]:
    """Edits in words; options that are changed alike share one."""
    grouped: dict[tuple[str, str, float], list[str]] = {}
    for entry in entries:
        options = grouped.setdefault((entry.lever, entry.operation, entry.value), [])
        if entry.option is not None and entry.option not in options:
            options.append(entry.option)
    found = []
    for (lever, operation, value), options in grouped.items():
        label = registry.get(lever).label
        words = label[0].lower() + label[1:]
        whose = f" of {_options(options, scenario)}" if options else ""
        found.append(f"{words}{whose}: {_change(lever, operation, value, scenario.currency)}")
    return found


def _options(names: Sequence[str], scenario: Scenario) -> str:
    for words, wanted in (
        ("all AI options", set(scenario.options)),
        ("all open options", {n for n, o in scenario.options.items() if o.open_weights}),
        ("all closed options", {n for n, o in scenario.options.items() if not o.open_weights}),
    ):
        if set(names) == wanted:
            return words
    return " and ".join(f"“{scenario.options[n].label}”" for n in names)


def _change(lever: str, operation: str, value: float, currency: str) -> str:
    unit = registry.unit_in_region(registry.get(lever).unit, currency)
    if operation == "set":
        return amount(value, unit)
    if operation == "add":
        size = amount(abs(value), unit).replace(" %", " percentage points")
        return f"{size} {'higher' if value > 0 else 'lower'}"
    if value == 0.0:
        return "nothing is left"
    change = f"{abs(100.0 * (value - 1.0)):,.3g} %"
    return f"{change} {'higher' if value > 1.0 else 'lower'}"


def amount(value: float, unit: str) -> str:
    """A number of the registry with its unit as it is read: shares in percent."""
    if unit == "share":
        return f"{100.0 * value:,.4g} %"
    shown = {"1": "", "multiple": " times the base value"}.get(unit, f" {unit}")
    return f"{value:,g}{shown}"
