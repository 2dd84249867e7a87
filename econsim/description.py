"""Descriptions that cannot drift: the ODD protocol and the assumption cards, from the code.

The rules are described by their own docstrings, parameters and outcomes by their registries, the
order of a month by the source of ``Economy.month``.  Each rule carries a short hash of its source:
a test compares the committed pages with what the code says now, so a default or a rule cannot
change without its description.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
from types import ModuleType

from econsim import (
    accounts,
    behaviour,
    data,
    engine,
    evaluation,
    policy,
    results,
    setting,
    supply,
)
from econsim import parameters as registry
from econsim.compiled import Stage

#: Files that :func:`pages` makes, relative to ``docs/``.
ODD, CARDS = "odd.md", "assumptions.md"

_PURPOSE = """\
## Purpose and patterns

**Purpose.** To compare, under stated assumptions and with their uncertainty, how small and medium
enterprises adopt AI when open and closed models are both available (diverse ecosystem) and when
only closed ones are (restrictive), under dated policy instruments, and what that does to GDP,
national income and firms' surplus. It is a conditional comparison, never a forecast.

**Patterns** the model must show before its comparisons are used:

1. EU AI use by size class in 2021, 2023 and 2024: flat to 2023, then take-off; log odds that rise
   with log employment (within 1.0 percentage point of the nine figures; tested).
2. Considering comes before choosing: the size gradient sits mostly in considering.
3. The order of sectors, and a gradient in digital maturity.
4. Users rarely leave (5 to 15 % a year) and rarely change option.
5. In a homogeneous group, removing open options changes use by
   `d logit(use) = lambda ln(1 - open share)` exactly (tested).
6. Published macroeconomic estimates, when the accounts are given their inputs (replications).
"""

# ruff: noqa: E501 - table rows of the generated pages are one line each.
_CONCEPTS = """\
## Design concepts

| concept | in this model |
|---|---|
| Basic principles | task-based benefits (Acemoglu 2024); random utility with a nested logit (McFadden 1978); hazard of considering (Bass 1969); Hulten aggregation; double-entry accounts |
| Emergence | use by size, sector, country and option; lost and diverted users; GDP, GNI, surplus |
| Adaptation, objectives | a firm that considers AI chooses each year the option of largest utility: net saving over a common hurdle |
| Learning | the realised share of the saving grows with years of use |
| Prediction | none: firms weigh the present capability, price and cost |
| Sensing | own traits, the month's offers, last month's signals (peers, rents) |
| Interaction | through the share of considering peers, closed suppliers' rents, and public budgets |
| Stochasticity | every draw is addressed by seed, purpose, firm, occasion and option; scenarios with one seed share all luck |
| Collectives | cells: country x sector x size class |
| Observation | the outcomes below, every month; paired by seed between scenarios |
"""


def _rule_hash(function: object) -> str:
    """Hash of a rule's code without comments, docstring and layout."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))  # type: ignore[arg-type]
    body = tree.body[0]
    assert isinstance(body, ast.FunctionDef)
    if ast.get_docstring(body) is not None:
        body.body = body.body[1:]
    return hashlib.sha256(ast.unparse(body).encode()).hexdigest()[:10]


def _summary(text: str | None) -> str:
    """A docstring as Markdown: its first part, before arguments and returns."""
    lines = inspect.cleandoc(text or "").splitlines()
    kept = []
    for line in lines:
        if line.rstrip() in ("Args:", "Returns:", "Raises:", "Attributes:"):
            break
        kept.append(line)
    shown, in_math = [], False
    for line in "\n".join(kept).strip().splitlines():
        if line.startswith(".. math::"):
            in_math = True
            shown += ["", "```text", line.removeprefix(".. math::").strip()]
        elif in_math and line.strip() and not line.startswith(" "):
            shown += ["```", "", line]
            in_math = False
        else:
            shown.append(line.strip() if in_math else line)
    if in_math:
        shown += ["```"]
    text = "\n".join(line for line in shown)
    return text.replace("``", "`").replace("```text\n\n", "```text\n")


def _rules(module: ModuleType) -> str:
    parts = []
    for name in module.RULES:
        function = getattr(module, name)
        arguments = ", ".join(inspect.signature(function).parameters)
        parts.append(
            f"#### {module.__name__.split('.')[-1]}.{name}({arguments})\n\n"
            f"{_summary(function.__doc__)}\n\nsource hash `{_rule_hash(function)}`\n"
        )
    return "\n".join(parts)


def _stages(module: ModuleType) -> str:
    """What a module composes of the rules, on buffers of firms."""
    rows = ["| stage | what it does | source hash |", "|---|---|---|"]
    for name, stage in vars(module).items():
        if isinstance(stage, Stage) and stage.rule.__module__ == module.__name__:
            first = inspect.cleandoc(stage.rule.__doc__ or "").split("\n\n")[0].replace("\n", " ")
            first = first.replace("``", "`").replace("|", "\\|")
            rows.append(f"| {name} | {first} | `{_rule_hash(stage.rule)}` |")
    return "\n".join(rows)


def _month() -> str:
    """The statements of a month, as written."""
    source = textwrap.dedent(inspect.getsource(engine.Worlds.month))
    tree = ast.parse(source).body[0]
    assert isinstance(tree, ast.FunctionDef)
    first = tree.body[1].lineno
    body = "\n".join(source.splitlines()[first - 1 :])
    return "```text\n" + textwrap.dedent(body).strip() + "\n```"


def _tables() -> str:
    rows = ["| table | keys |", "|---|---|"]
    rows += [f"| {n} | {', '.join(s.keys)} |" for n, s in sorted(data.SCHEMAS.items())]
    return "\n".join(rows)


def _instruments() -> str:
    rows = ["| instrument | what it is |", "|---|---|"]
    for name, model in policy.INSTRUMENTS.items():
        text = inspect.cleandoc(model.__doc__ or "").split("\n\n")
        source = text[-1].replace("\n", " ") if len(text) > 1 else ""
        rows.append(f"| {name} | {text[0]} {source} |")
    return "\n".join(rows)


def odd() -> str:
    """The ODD protocol (Grimm et al. 2020) as Markdown."""
    firm = _summary(engine.Firms.__doc__)
    columns = inspect.cleandoc(engine.Firms.__doc__ or "").split("Attributes:")[1]
    outcomes = "\n".join(
        f"| {o.name} | {o.unit} | {o.kind} | {o.definition} |" for o in results.OUTCOMES.values()
    )
    mechanisms = "\n".join(
        f"| {name} | {', '.join(parts) or 'payments to suppliers by residence'} |"
        for name, parts in setting.MECHANISMS.items()
    )
    return f"""\
# ODD protocol

Generated from the code by `econsim describe`; do not edit. Overview, design concepts and details
after Grimm et al. (2020).

{_PURPOSE}
## Entities, state variables and scales

One period is one month, January 2021 to December 2035 unless a scenario says otherwise; prices of
2024. Cells are country x sector (NACE section) x size class (persons engaged).

**Firms.** {firm}

```text
{textwrap.dedent(columns).strip()}
```

**Supply side.** {_summary(supply.Supply.__doc__)}

**What a month offers.** {_summary(setting.Offers.__doc__)}

## Process overview and scheduling

All decisions use signals of the previous month, so the order in which firms act cannot matter. A
month is this list:

{_month()}

{_CONCEPTS}
## Initialisation

{_summary(engine.build_firms.__doc__)} General-purpose AI is used by nobody in January 2021; narrow
AI is in steady state. Option constants are solved so that observed use in the reference month is
reproduced. Cells: {_summary(data.structure.__doc__)}

## Input data

{_tables()}

## Submodels

Rules are pure functions of a firm's own columns, the month's frozen terms and addressed draws; the
same source serves the vectorised month, single Mesa agents and compiled code.

### Behaviour of firms

{_rules(behaviour)}
### Their composition: a firm's evaluation

{_stages(evaluation)}

### Supply

{_rules(supply)}
### Accounts

{_rules(accounts)}
{_summary(accounts.close.__doc__)}

{_summary(accounts.__doc__)}

### Policy instruments

{_instruments()}

### Mechanisms that can be held

| mechanism | what is imposed from the other run |
|---|---|
{mechanisms}

## Outcomes

| outcome | unit | kind | definition |
|---|---|---|---|
{outcomes}
"""


def _confidence(parameter: registry.Parameter) -> str:
    source = parameter.source.lower()
    if source.startswith("assumption") or "unverified" in source:
        return "low: an assumption"
    if source.startswith("structural choice"):
        return "a structural choice, not an estimate"
    if source.startswith("fitted"):
        return "fitted; only about four directions of the fitted numbers are moved by data"
    return "as its source"


def cards() -> str:
    """An assumption card for every parameter, as Markdown."""
    parts = [
        "# Assumption cards\n\nGenerated from the code by `econsim describe`; do not edit. One card "
        "per number of the model: what it is, what it is worth, within which bounds, who says so, "
        "and how far to trust it. A test moves each and demands that some outcome moves.\n"
    ]
    for kind, title in (
        ("uncertainty", "Uncertainties"),
        ("constant", "Constants"),
        ("lever", "Levers"),
    ):
        parts.append(f"## {title}\n")
        for p in registry.PARAMETERS.values():
            if p.kind == kind:
                parts.append(
                    f"### {p.name}\n\n*{p.label}.* {p.definition}\n\n"
                    f"- default: {p.default:g} {p.unit}\n"
                    f"- range: {p.low:g} to {p.high:g}\n"
                    f"- source: {p.source}\n"
                    f"- confidence: {_confidence(p)}\n"
                )
    return "\n".join(parts)


def pages() -> dict[str, str]:
    """All generated pages: file name in ``docs/`` -> text."""
    return {ODD: odd(), CARDS: cards()}
