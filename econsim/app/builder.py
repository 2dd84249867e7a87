"""The form in which a policy is built; it becomes a :class:`econsim.app.draft.Draft`.

Every control carries its unit, bounds, definition and source.  The form is a fragment: moving a
control redraws the form alone and starts no run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from econsim import data, scenario
from econsim import parameters as registry
from econsim.app import draft
from econsim.app.draft import Draft, Settings, Text
from econsim.app.jobs import Order
from econsim.parameters import Parameter
from econsim.scenario import Scenario, ScenarioError

DEFAULT = Settings(rows=5_000, replicates=10, seed=1)
#: What a new instrument of each kind starts as; money in the region's currency.
NEW: dict[str, dict[str, Any]] = {
    "open_release_ban": {
        "from": "2027-01",
        "object": ["release", "hosting", "use"],
        "jurisdiction": "world",
        "existing_weights": "withdrawn",
    },
    "adoption_voucher": {
        "from": "2027-01",
        "until": "2030-12",
        "rate": 0.5,
        "cap": 3_000.0,
        "budget": 1.0e9,
    },
    "term": {"term": "open.compliance_cost", "add": 0.0, "from": "2027-01"},
}
NAMES = {
    "open_release_ban": "Ban on open models",
    "adoption_voucher": "Adoption voucher",
    "term": "Change of a term",
}
BAN_SOURCE = "Source: NTIA comments (Stability AI 2024), Annex B; LAION 2023."
SIZES = {
    "nonemployer": "no employees",
    "0-9": "0–9 persons",
    "10-49": "10–49 persons",
    "50-249": "50–249 persons",
    "250+": "250 or more",
}
OPERATIONS = {"set": "set to", "scale": "multiply by", "add": "add"}
GROUPS = {"all": "all options", "open": "open options", "closed": "closed options"}
UPLOADED = "(uploaded file)"


def build(region: str, busy: bool) -> Order | None:
    """The form; an order when the user has pressed Apply.

    Args:
        region: of the scenarios to start from.
        busy: whether a run is under way, so that none may be started.
    """
    st.fragment(_form)(region, busy)
    return st.session_state.pop("order", None)


def _form(region: str, busy: bool) -> None:
    shipped, wrong = _library(region, _stamp())
    for message in wrong:
        st.warning(f"A shipped scenario does not load: {message}")
    start = _start(region, shipped)
    left, right = st.columns(2)
    with left:
        title = st.text_input(
            "Name of the policy",
            value=f"Variant of {start.name}",
            max_chars=200,
            key=f"title-{region}-{start.name}",
        )
    with right:
        baselines = list(shipped)
        usual = draft.BASELINES[start.region]
        compared = st.selectbox(
            "Compare with",
            baselines,
            index=baselines.index(usual) if usual in baselines else 0,
            format_func=lambda name: f"{name}: {shipped[name].title}",
            key=f"baseline-{start.region}",
            help="The baseline gets the same assumptions as the policy.",
        )
    st.markdown("**Instruments**")
    entries = _instruments(start)
    with st.expander("Uncertain assumptions (both scenarios get them)"):
        values = _uncertainties(start)
    with st.expander("Size of the run"):
        settings, grid = _settings()
    made = Draft(title.strip() or "My policy", start, entries, values, settings)
    try:
        policy = draft.policy_text(made, shipped)
        policy.scenario()
        baseline = draft.baseline_text(made, shipped[compared])
        baseline.scenario()
    except ScenarioError as error:
        st.error(f"This policy cannot be run as written. {error}")
        return
    with st.container(horizontal=True):
        pressed = st.button(
            "Apply", type="primary", key="apply", disabled=busy,
            help="Runs the policy and its baseline in a process of its own.",
        )  # fmt: skip
        st.download_button(
            "Download as scenario file", policy.yaml, f"{policy.name}.yaml", "application/yaml",
            key="yaml", on_click="ignore",
        )  # fmt: skip
    with st.expander("Show the scenario file"):
        st.code(policy.yaml, language="yaml")
    if pressed:
        st.session_state["order"] = Order(baseline, policy, settings, grid)
        st.rerun()


def _stamp() -> tuple[tuple[str, int], ...]:
    """Names and times of the shipped files, to notice when one changes."""
    files = sorted(scenario.folder().glob("*.yaml"))
    return tuple((f.name, f.stat().st_mtime_ns) for f in files)


@st.cache_resource(show_spinner=False, max_entries=4)
def _library(
    region: str, stamp: tuple[tuple[str, int], ...]
) -> tuple[dict[str, Scenario], list[str]]:
    """The shipped scenarios of a region, read once for each state of their files."""
    return draft.library(region)


# --- where it starts -------------------------------------------------------------------------


def _start(region: str, shipped: Mapping[str, Scenario]) -> Scenario:
    """The scenario that the policy starts from: a shipped one or an uploaded file."""
    left, right = st.columns(2)
    with right:
        file = st.file_uploader(
            "Or a scenario file",
            type=["yaml", "yml"],
            key="upload",
            max_upload_size=1,
            help="Checked like any scenario file; nothing in it is executed.",
        )
    choices: dict[str, Scenario] = dict(shipped)
    if file is not None:
        loaded = _uploaded(file.name, file.getvalue())
        if loaded is not None and loaded.region == region:
            choices = {UPLOADED: loaded, **choices}
        elif loaded is not None:
            st.info(f"The file is about {loaded.region}: switch the economy to use it.")
    names = list(choices)
    usual = UPLOADED if UPLOADED in choices else draft.HEADLINE_PAIRS[region][1]
    with left:
        name = st.selectbox(
            "Start from",
            names,
            index=names.index(usual) if usual in names else 0,
            format_func=lambda n: f"{n}: {choices[n].title}",
            key=f"start-{region}-{len(names)}",
        )
    start = choices[name]
    mark = (region, name, start.hash())
    if st.session_state.get("items_of") != mark:
        st.session_state["items_of"] = mark
        st.session_state["items"] = [
            _item(draft.instrument_entry(instrument)) for _, instrument in start.instruments
        ]
    return start


def _uploaded(name: str, content: bytes) -> Scenario | None:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        st.error(f"{name}: not UTF-8 text")
        return None
    try:
        return Text(draft.file_name(name.rpartition(".")[0]), text).scenario()
    except ScenarioError as error:
        st.error(f"The file is not accepted. {error}")
        return None


def _item(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An instrument in the form: identity, kind, and the values it starts with."""
    number = st.session_state.get("items_made", 0) + 1
    st.session_state["items_made"] = number
    kind = "term" if "term" in entry else next(iter(entry))
    return {"id": number, "kind": kind, "body": entry if kind == "term" else entry[kind]}


def _add(kind: str) -> None:
    body = dict(NEW[kind])
    st.session_state["items"].append(_item(body if kind == "term" else {kind: body}))


def _remove(number: int) -> None:
    items = st.session_state["items"]
    st.session_state["items"] = [i for i in items if i["id"] != number]


# --- instruments -----------------------------------------------------------------------------


def _instruments(start: Scenario) -> list[dict[str, Any]]:
    entries = []
    for position, item in enumerate(st.session_state["items"], start=1):
        number, kind, body = item["id"], item["kind"], item["body"]
        with st.container(border=True):
            st.markdown(f"{position}. **{NAMES[kind]}**")
            if kind == "term":
                entry = _term(number, body, start)
            elif kind == "open_release_ban":
                entry = {kind: _ban(number, body)}
            else:
                entry = {kind: _voucher(number, body, start)}
            inner = entry if kind == "term" else entry[kind]
            uniform = kind == "term" and str(entry["term"]).startswith("supply.")
            inner.update(_dates(number, body, start))
            if not uniform:
                where = _where(number, body, start)
                inner.update({"where": where} if where else {})
            st.button("Remove", key=f"{number}-remove", on_click=_remove, args=(number,))
            entries.append(entry)
    if not entries:
        st.caption("None: the policy equals its starting point without instruments.")
    with st.container(horizontal=True):
        for kind, name in NAMES.items():
            st.button(f"Add: {name.lower()}", key=f"add-{kind}", on_click=_add, args=(kind,))
    return entries


def _share(label: str, key: str, value: float, help_text: str) -> float:
    return float(
        st.slider(f"{label}, share", 0.0, 1.0, float(value), 0.05, key=key, help=help_text)
    )


def _ban(number: int, body: Mapping[str, Any]) -> dict[str, Any]:
    left, right = st.columns(2)
    with left:
        objects = st.multiselect(
            "What is banned",
            ["release", "hosting", "use"],
            default=list(body["object"]),
            key=f"{number}-object",
            help="release: no new open models. hosting: third parties may not offer open models. "
            f"use: firms may not use them. {BAN_SOURCE}",
        )
        world = st.selectbox(
            "Jurisdiction",
            ["domestic", "world"],
            index=["domestic", "world"].index(body["jurisdiction"]),
            key=f"{number}-jurisdiction",
            help="A domestic ban on release does not stop open models from elsewhere: only the "
            f"domestic share of the open pool is reached. {BAN_SOURCE}",
        )
        existing = st.selectbox(
            "Models already released",
            ["frozen", "withdrawn"],
            index=["frozen", "withdrawn"].index(body["existing_weights"]),
            key=f"{number}-existing",
            help="frozen: they stay as they are. withdrawn: firms that comply give them up. "
            f"{BAN_SOURCE}",
        )
    with right:
        comply = _share(
            "Firms that give up local copies", f"{number}-comply",
            body.get("compliance_share", 1.0),
            "Share of firms with open models on their own hardware that obey. Bounds 0 to 1. "
            f"{BAN_SOURCE}",
        )  # fmt: skip
        kappa = registry.LEVERS["supply.reentry_share"]
        reentry = _share(
            "Developers who re-enter as closed suppliers", f"{number}-reentry",
            body.get("reentry_share", 0.5), _help(kappa, kappa.unit),
        )  # fmt: skip
    return {
        "object": list(objects),
        "jurisdiction": world,
        "existing_weights": existing,
        "compliance_share": comply,
        "reentry_share": reentry,
    }


def _voucher(number: int, body: Mapping[str, Any], start: Scenario) -> dict[str, Any]:
    rate_of, cap_of = registry.LEVERS["voucher.rate"], registry.LEVERS["voucher.cap"]
    left, middle, right = st.columns(3)
    with left:
        rate = _share("Share of up-front cost paid", f"{number}-rate", body.get("rate", 1.0),
                      _help(rate_of, rate_of.unit))  # fmt: skip
    with middle:
        unit = registry.unit_in_region(cap_of.unit, start.currency)
        cap = _number(f"Most for a firm, {unit}", f"{number}-cap", body["cap"], cap_of.low,
                      cap_of.high, _help(cap_of, unit))  # fmt: skip
    with right:
        budget = _number(
            f"Budget in all, {start.currency}", f"{number}-budget", body["budget"], 1.0, 1.0e12,
            f"The voucher ends when it is spent. Unit: {start.currency}. Bounds: above 0, at most "
            "1,000 billion. Source: Kit Digital (ES).",
        )  # fmt: skip
    return {"rate": rate, "cap": cap, "budget": budget, "unit": start.currency}


def _term(number: int, body: Mapping[str, Any], start: Scenario) -> dict[str, Any]:
    """The generic instrument on one lever; the unit is that of the lever."""
    scope, _, attribute = str(body["term"]).partition(".")
    scopes = [*GROUPS, *start.options]
    mine = f"{registry.OPTION_PREFIX}{attribute}" if scope in scopes else str(body["term"])
    levers = sorted(n for n in registry.LEVERS if not n.startswith("voucher."))
    left, middle, right = st.columns([2, 1, 1])
    with left:
        name = st.selectbox(
            "Term",
            levers,
            index=levers.index(mine),
            format_func=lambda n: f"{n}: {registry.LEVERS[n].definition}",
            key=f"{number}-lever",
        )
        lever = registry.LEVERS[name]
        of_option = name.startswith(registry.OPTION_PREFIX)
        if of_option:
            scope = st.selectbox(
                "Of which AI options",
                scopes,
                index=scopes.index(scope) if scope in scopes else 0,
                format_func=lambda s: GROUPS.get(s) or f"{s}: {start.options[s].label}",
                key=f"{number}-scope",
            )
    given = next((o for o in OPERATIONS if o in body), "add")
    with middle:
        operation = st.selectbox(
            "Change",
            list(OPERATIONS),
            index=list(OPERATIONS).index(given),
            format_func=OPERATIONS.__getitem__,
            key=f"{number}-operation",
            help="Terms of a month are the base value, then every set, every multiplication, "
            "every addition.",
        )
    unit = registry.unit_in_region(lever.unit, start.currency)
    base = _base(lever, scope if of_option else "", start)
    low, high, value, shown = {
        "set": (lever.low, lever.high, base, unit),
        "scale": (0.0, 1000.0, 1.0, "multiple"),
        "add": (lever.low - lever.high, lever.high - lever.low, 0.0, unit),
    }[operation]
    if name == mine and operation == given:
        value = float(body[given])
    with right:
        chosen = _number(
            f"Value, {shown}", f"{number}-value-{name}-{operation}", value, low, high,
            f"{_help(lever, unit)} Base value: {base:g}.",
        )  # fmt: skip
    st.caption(f"{lever.definition} Unit: {unit}. Source: {lever.source}.")
    term = f"{scope}.{name.removeprefix(registry.OPTION_PREFIX)}" if of_option else name
    return {"term": term, operation: chosen, "unit": shown}


def _base(lever: Parameter, scope: str, start: Scenario) -> float:
    """Base value of a lever: an option's own if one option is meant and it has one."""
    attribute = lever.name.removeprefix(registry.OPTION_PREFIX)
    option = start.options.get(scope)
    own = getattr(option, attribute, None)
    return float(own) if isinstance(own, int | float) else lever.default


def _help(parameter: Parameter, unit: str) -> str:
    return (
        f"{parameter.definition} Unit: {unit}. Bounds: {parameter.low:g} to {parameter.high:g}. "
        f"Source: {parameter.source}."
    )


def _number(label: str, key: str, value: float, low: float, high: float, help_text: str) -> float:
    value = st.number_input(
        label, float(low), float(high), float(value), step=_step(low, high), format="%g",
        key=key, help=help_text,
    )  # fmt: skip
    return float(value)


def _step(low: float, high: float) -> float:
    """A round step of about a hundredth of the range."""
    size = (high - low) / 100.0
    power = 1.0
    while power > size:
        power /= 10.0
    while power * 10.0 <= size:
        power *= 10.0
    return power


def _dates(number: int, body: Mapping[str, Any], start: Scenario) -> dict[str, Any]:
    first, last = start.run.horizon
    left, middle, right = st.columns(3)
    with left:
        begin = st.text_input(
            "From (YYYY-MM)", value=str(body["from"]), key=f"{number}-from", max_chars=7,
            help=f"First month in force; horizon {first} to {last}.",
        )  # fmt: skip
    with middle:
        end = st.text_input(
            "Until (YYYY-MM, empty: for good)", value=str(body.get("until") or ""),
            key=f"{number}-until", max_chars=7, help="Last month in force.",
        )  # fmt: skip
    with right:
        phase = st.number_input(
            "Phase-in, months", 0, 360, int(body.get("phase_in", 0)), key=f"{number}-phase",
            help="Months over which it grows linearly to full strength; 0: at once.",
        )  # fmt: skip
    result: dict[str, Any] = {"from": begin.strip()}
    if end.strip():
        result["until"] = end.strip()
    if phase:
        result["phase_in"] = int(phase)
    return result


def _where(number: int, body: Mapping[str, Any], start: Scenario) -> dict[str, list[str]]:
    """The firms an instrument reaches; empty lists mean all."""
    given = body.get("where", {})
    countries = ["US"] if start.region == "US" else list(data.MEMBER_STATES)
    sizes = [s for s in data.SIZE_CLASSES if start.region == "US" or s != "nonemployer"]
    result = {}
    with st.expander("Target: all firms unless chosen here"):
        for key, label, options in (
            ("size_class", "Sizes", sizes),
            ("country", "Countries", countries),
            ("sector", "Sectors (NACE sections)", list(data.SECTORS)),
        ):
            chosen = st.multiselect(
                label,
                options,
                default=[c for c in given.get(key, ()) if c in options],
                format_func=lambda c: SIZES.get(c, c),
                key=f"{number}-{key}",
                placeholder="all",
            )
            if chosen:
                result[key] = list(chosen)
    return result


# --- assumptions and size of the run ---------------------------------------------------------


def _uncertainties(start: Scenario) -> dict[str, float]:
    """Uncertainties that the user has moved away from the starting scenario's values."""
    moved: dict[str, float] = {}
    mark = f"{start.name}-{start.hash()[:8]}"
    left, right = st.columns(2)
    for column, name, step in (
        (left, "choice.lambda", 0.05),
        (right, "choice.open_share", 0.01),
    ):
        p = registry.get(name)
        with column:
            value = st.slider(
                f"{name}, {p.unit}", p.low, p.high, float(start.values[name]), step,
                key=f"{mark}-{name}", help=_help(p, p.unit),
            )  # fmt: skip
        if value != start.values[name]:
            moved[name] = float(value)
    others = [n for n in registry.UNCERTAINTIES if n not in ("choice.lambda", "choice.open_share")]
    chosen = st.multiselect(
        "Other uncertainties",
        others,
        format_func=lambda n: f"{n}: {registry.get(n).definition}",
        key=f"{mark}-others",
    )
    for name in chosen:
        p = registry.get(name)
        value = _number(
            f"{name}, {p.unit}", f"{mark}-{name}", start.values[name], p.low, p.high,
            _help(p, p.unit),
        )  # fmt: skip
        if value != start.values[name]:
            moved[name] = value
    return moved


def _settings() -> tuple[Settings, bool]:
    left, middle, right = st.columns(3)
    with left:
        rows = st.number_input(
            "Firms (rows)", 1_000, 1_000_000, DEFAULT.rows, step=1_000, key="rows",
            help="Sampled firms, each standing for many; more firms, less noise.",
        )  # fmt: skip
    with middle:
        replicates = st.number_input(
            "Replicates", 1, 200, DEFAULT.replicates, key="replicates",
            help="Runs with other luck; the interval is over them. One run has no interval.",
        )  # fmt: skip
    with right:
        seed = st.number_input(
            "Seed", 0, 10**12, DEFAULT.seed, key="seed",
            help="The same seed gives the same numbers.",
        )  # fmt: skip
    grid = st.checkbox(
        "Also over λ and the open share (nine more pairs, with fewer firms)",
        value=True,
        key="grid",
    )
    return Settings(int(rows), int(replicates), int(seed)), bool(grid)


__all__ = ["DEFAULT", "build"]
