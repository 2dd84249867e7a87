"""The form in which a policy is built; it becomes a :class:`econsim.app.draft.Draft`.

Every control carries its unit, bounds, definition and source.  The form is a fragment: moving a
control redraws the form alone and starts no run.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic.fields import FieldInfo

from econsim import data, figures
from econsim import parameters as registry
from econsim.app import draft, link, preview, session, shipped, wording
from econsim.app.draft import Draft, Settings, Text
from econsim.app.jobs import Order
from econsim.app.link import Link
from econsim.parameters import Parameter
from econsim.policy import INSTRUMENTS, Dated
from econsim.results import Estimate
from econsim.scenario import Scenario, ScenarioError

DEFAULT = Settings(rows=5_000, replicates=10, seed=1)
TERM = "term"
#: Values a new instrument starts with where its model has none: to be changed, no proposals.
STARTING: dict[str, dict[str, Any]] = {
    TERM: {"term": "open.compliance_cost", "add": 0.0},
    "open_release_ban": {
        "object": ["release", "hosting", "use"],
        "jurisdiction": "world",
        "existing_weights": "withdrawn",
    },
    "licensing": {"score": 70.0, "delay_open": 6.0, "delay_closed": 3.0},
    "obligations": {"per_base_model": 100_000.0, "per_variant": 1_000.0},
    "risk_proportionate_duties": {"cost_by_tier": [0.0, 500.0, 5_000.0]},
    "upstream_liability": {"per_base_model": 100_000.0, "per_variant": 1_000.0},
    "misallocated_responsibility": {"share": 0.5},
    "public_compute": {"budget": 1.0e9, "per_year": 2.0e8, "lag_reduction": 1.0},
    "open_model_programme": {"budget": 3.74e7, "per_year": 9.35e6, "fit_gain": 0.02},
    "sandbox": {"compliance_cut": 0.3, "risk_cut": 0.1},
    "evaluation_standards": {"risk_cut": 0.1},
    "adoption_voucher": {"until": "2030-12", "rate": 0.5, "cap": 3_000.0, "budget": 1.0e9},
    "skills_programme": {"maturity_gain": 0.05, "per_year": 1.0e8},
    "data_protection": {"exposure_cut": 0.3},
    "portability": {"switching_cost_cut": 0.5, "dependence_cut": 0.5},
    "supplier_shock": {"options": "closed", "price_rise": 0.5},
    "misuse_cost": {"per_firm": 10.0},
}
#: Units of fields of named instruments that are not shares of something.
UNITS = {
    "score": "percent",
    "compute": "FLOP",
    "delay_open": "months",
    "delay_closed": "months",
    "lag_reduction": "months",
    "risk_cut": "log points",
    "considering_pace": "multiple",
    "cost_per_model": "{currency}/model",
    "per_base_model": "{currency}/model",
    "per_variant": "{currency}/variant",
    "cost_by_tier": "{currency}/firm/year",
    "per_firm": "{currency}/firm/year",
    "per_year": "{currency}/year",
    "budget": "{currency} in all",
    "cap": "{currency}/firm",
}
#: What a field means where its name does not say it.
MEANINGS = {
    "object": "What is banned. release: no new open models; hosting: third parties may not offer "
    "them; use: firms may not use them.",
    "jurisdiction": "A domestic ban on release does not stop open models from elsewhere.",
    "existing_weights": "frozen: models already released stay as they are; withdrawn: firms that "
    "comply give them up.",
    "compliance_share": "Share of firms with open models on their own hardware that obey.",
    "reentry_share": "Share of open developers who re-enter as closed suppliers (kappa).",
    "cost_by_tier": "Yearly duty of a using firm by risk tier of its sector (0 lowest).",
    "score": "Capability from which it bites, on an MMLU-like test; or give the compute.",
    "compute": "Training compute from which it bites; or give the score.",
    "options": "The AI options it is about.",
}
OPERATIONS = {"set": "set to", "scale": "multiply by", "add": "add"}
GROUPS = {"all": "all options", "open": "open options", "closed": "closed options"}
UPLOADED = "(uploaded file)"
#: Kinds of instruments by what they act on, in the order of the list.
FAMILIES: dict[str, tuple[str, ...]] = {
    "Rules for models": (
        "open_release_ban", "licensing", "obligations", "open_exemption", "upstream_liability",
        "misallocated_responsibility",
    ),
    "Rules for users": ("risk_proportionate_duties", "sandbox", "data_protection", "portability"),
    "Public support": (
        "adoption_voucher", "skills_programme", "public_compute", "open_model_programme",
        "evaluation_standards",
    ),
    "Shocks and costs": ("supplier_shock", "misuse_cost"),
    "Anything else": (TERM,),
}  # fmt: skip


def build(region: str, linked: Link | None, visible: bool) -> tuple[Order, Link | None] | None:
    """The form; an order and the link to it when the user has pressed Apply.

    Args:
        region: of the scenarios to start from.
        linked: what the link that the page was opened with holds, where the form starts.
        visible: whether the form is looked at; otherwise it only keeps what is in it.
    """
    st.fragment(_form)(region, linked, visible)
    return st.session_state.pop("order", None)


def _form(region: str, linked: Link | None, visible: bool) -> None:
    chosen = _start(region, linked)
    if chosen is None:
        return
    start, builds_on = chosen
    given = linked if linked is not None and linked.start == start.name else None
    if start.claim:
        st.caption(start.claim)
    usual = draft.usual_baseline(Draft("", start, (), {}, DEFAULT, builds_on))
    titles = draft.titles(region)
    left, right = st.columns(2)
    with left:
        title = st.text_input(
            "Name of the policy",
            value=(given and given.title) or f"Variant of {start.name}",
            max_chars=200,
            key=f"title-{region}-{start.name}",
        )
    with right:
        names = list(titles)
        wanted = (given and given.against) or usual
        compared = st.selectbox(
            "Compare with",
            names,
            index=names.index(wanted) if wanted in names else 0,
            format_func=lambda name: f"{name}: {titles[name]}",
            key=f"baseline-{region}-{start.name}",
            help="It gets the assumptions that you move below as well.",
        )
    st.markdown("## Instruments")
    entries = _instruments(start)
    with st.expander("Uncertain assumptions (both scenarios get them)"):
        values = _uncertainties(start, dict(given.assumptions) if given else {})
    with st.expander("Size of the run"):
        settings, grid = _settings(linked)
    made = Draft(title.strip() or "My policy", start, entries, values, settings, builds_on)
    try:
        policy = draft.policy_text(made)
        baseline = draft.baseline_text(made, compared)
        pair = (policy.scenario(), baseline.scenario())
    except ScenarioError as error:
        st.error(f"This policy cannot be run as written. {error}")
        return
    order = Order((baseline, policy), settings, grid)
    address = link.of_draft(made, compared, grid, (policy, baseline))
    if not visible:
        return
    st.markdown("## What this changes")
    _say_difference(*pair)
    st.markdown("## What it would do")
    _say_effect(order, *pair)
    with st.container(horizontal=True):
        pressed = st.button(
            "Apply", type="primary", key="apply", disabled=session.busy(),
            help="Runs the policy and its baseline in a process of its own.",
        )  # fmt: skip
        st.download_button(
            "Scenario file (YAML)", policy.yaml, f"{policy.name}.yaml", "application/yaml",
            key="yaml", on_click="ignore",
        )  # fmt: skip
    with st.expander("Show the scenario file"):
        st.code(policy.yaml, language=None)
    with st.expander("Share this policy"):
        _share(address)
    if pressed:
        st.session_state["order"] = (order, address)
        st.rerun()


def _say_difference(policy: Scenario, baseline: Scenario) -> None:
    """What the policy changes against its baseline, in words."""
    found = wording.difference(policy, baseline)
    if not found:
        st.write(f"Nothing: this is {baseline.name} itself.")
        return
    st.markdown("\n".join(f"- {line}" for line in found))
    unlike = draft.unlike(policy, baseline)
    if unlike:
        st.info(
            "The two scenarios differ in assumptions, so their difference holds these too: "
            f"{', '.join(unlike)}."
        )


def _say_effect(order: Order, policy: Scenario, baseline: Scenario) -> None:
    """The numbers of the run if it has been made, else an estimate, else why there is none."""
    answer = session.kept().get(order.key())
    if answer is not None:
        comparison = answer.comparison()
        year = figures.last_year(comparison.a)
        parts = [
            figures.finding(comparison.difference(t.outcome, year, t.by, t.group), t.label, year)
            for t in preview.TARGETS
        ]
        st.success(f"**Run** ({figures.run_size(comparison.a)}): {'; '.join(parts)}.")
        return
    try:
        found = preview.estimates(policy, baseline, shipped.FOLDER)
    except preview.NoPreviewError as reason:
        st.info(f"No preview: {reason}. Apply runs the policy.")
        return
    lines = "; ".join(_estimate(e) for e in found)
    st.info(
        f"**Estimate, not a run** (difference to {baseline.name} in {found[0].year}, 90 % band): "
        f"{lines}. It comes from an emulator of earlier runs of this one instrument; on runs held "
        f"out its bands held {min(e.coverage for e in found):.0%} or more. Apply replaces it by "
        "the real run."
    )


def _estimate(e: preview.Estimate) -> str:
    """A previewed number with its band, with the digits that the band allows."""
    shown = Estimate(e.value, e.low, e.high, 0, e.unit)
    unit = e.unit.partition(",")[0].removesuffix(" of firms")
    size = f"{figures.number(shown)} ({figures.interval(shown)})"
    return f"{e.label} {figures.amount(size, unit)}"


def _share(found: Link | None) -> None:
    """The link to the policy as the form holds it."""
    if found is None:
        st.write("This policy has options or assumptions of its own: share its scenario file.")
        return
    address = found.url(st.context.url or "http://127.0.0.1:8501/", "Build a policy")
    if len(address) > link.MAXIMUM_LENGTH:
        st.write("This policy is too long for a link: share its scenario file.")
        return
    st.write("Whoever opens this address finds the form as it is now:")
    st.code(address, language=None, wrap_lines=True)


# --- where it starts -------------------------------------------------------------------------


def _start(region: str, linked: Link | None) -> tuple[Scenario, tuple[str, ...]] | None:
    """The scenario that the policy starts from, and the shipped ones it builds on.

    A shipped scenario or an uploaded file; none when it does not load.
    """
    left, right = st.columns(2)
    with right:
        file = st.file_uploader(
            "Or a scenario file",
            type=["yaml", "yml"],
            key="upload",
            max_upload_size=1,
            help="Checked like any scenario file; nothing in it is executed.",
        )
    titles = draft.titles(region)
    uploaded: Text | None = None
    if file is not None:
        uploaded = _uploaded(file.name, file.getvalue(), region)
        if uploaded is not None:
            titles = {UPLOADED: uploaded.scenario().title, **titles}
    names = list(titles)
    usual = UPLOADED if uploaded else draft.HEADLINE_PAIRS[region][1]
    if uploaded is None and linked is not None and linked.start in names:
        usual = linked.start
    with left:
        name = st.selectbox(
            "Start from",
            names,
            index=names.index(usual) if usual in names else 0,
            format_func=lambda n: f"{n}: {titles[n]}",
            key=f"start-{region}-{uploaded is not None}",
        )
    try:
        if uploaded is not None and name == UPLOADED:
            start, builds_on = uploaded.scenario(), draft.ancestry(uploaded.yaml)
        else:
            start = draft.shipped_scenario(name)
            builds_on = (name, *draft.ancestry(draft.shipped_text(name).yaml))
    except ScenarioError as error:
        st.error(f"This scenario does not load. {error}")
        return None
    mark = (region, name, start.hash())
    if st.session_state.get("items_of") != mark:
        st.session_state["items_of"] = mark
        entries: Sequence[Mapping[str, Any]] = [
            draft.instrument_entry(instrument) for _, instrument in start.instruments
        ]
        if linked is not None and linked.start == name:
            held = linked.draft()
            entries = entries if held is None else held.instruments
        st.session_state["items"] = [_item(entry) for entry in entries]
    return start, builds_on


def _uploaded(name: str, content: bytes, region: str) -> Text | None:
    """An uploaded file that loads and is about the region; else its message is shown."""
    try:
        text = Text(draft.file_name(name.rpartition(".")[0]), content.decode("utf-8"))
        found = text.scenario()
    except UnicodeDecodeError:
        st.error(f"{name}: not UTF-8 text")
        return None
    except ScenarioError as error:
        st.error(f"The file is not accepted. {error}")
        return None
    if found.region != region:
        st.info(f"The file is about {found.region}: switch the economy to use it.")
        return None
    return text


def _item(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An instrument in the form: identity, kind, and the values it starts with."""
    number = st.session_state.get("items_made", 0) + 1
    st.session_state["items_made"] = number
    kind = TERM if TERM in entry else next(iter(entry))
    return {"id": number, "kind": kind, "body": entry if kind == TERM else entry[kind]}


def _add() -> None:
    kind = st.session_state["add-kind"]
    body = {"from": "2027-01", **STARTING.get(kind, {})}
    st.session_state["items"].append(_item(body if kind == TERM else {kind: body}))


def _remove(number: int) -> None:
    items = st.session_state["items"]
    st.session_state["items"] = [i for i in items if i["id"] != number]


# --- instruments -----------------------------------------------------------------------------


def _about(kind: str) -> tuple[str, str]:
    """What an instrument is, and the rest of its description with the source."""
    if kind == TERM:
        return "Sets, multiplies or adds to one lever of the model.", ""
    text = inspect.cleandoc(INSTRUMENTS[kind].__doc__ or "").replace("``", "'")
    first, _, rest = text.partition("\n\n")
    return " ".join(first.split()), " ".join(rest.split())


def _instruments(start: Scenario) -> list[dict[str, Any]]:
    entries = []
    for position, item in enumerate(st.session_state["items"], start=1):
        number, kind, body = item["id"], item["kind"], item["body"]
        with st.container(border=True):
            st.markdown(f"{position}. **{wording.name_of(kind)}**: {_about(kind)[0]}")
            wide = False
            if kind == TERM:
                inner = entry = _term(number, body, start)
                wide = str(entry["term"]).startswith(registry.ECONOMY_WIDE)
            else:
                inner = _named(number, kind, body, start)
                entry = {kind: inner}
            inner.update(_dates(number, body, start))
            if not wide:
                where = _where(number, body, start)
                inner.update({"where": where} if where else {})
            if kind != TERM:
                st.caption(_about(kind)[1])
            st.button("Remove", key=f"{number}-remove", on_click=_remove, args=(number,))
            entries.append(entry)
    if not entries:
        st.caption("None.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Another instrument",
            [kind for kinds in FAMILIES.values() for kind in kinds],
            format_func=_listed,
            key="add-kind",
            help="It starts with values to be changed; they are no proposals.",
        )
        st.button("Add", key="add", on_click=_add)
    return entries


def _listed(kind: str) -> str:
    """An instrument in the list of instruments: family, name, what it is."""
    family = next(f for f, kinds in FAMILIES.items() if kind in kinds)
    return f"{family} – {wording.name_of(kind)}: {_about(kind)[0]}"


def _named(number: int, kind: str, body: Mapping[str, Any], start: Scenario) -> dict[str, Any]:
    """The fields of a named instrument, with controls made from its model."""
    result: dict[str, Any] = {}
    fields = [
        (name, field)
        for name, field in INSTRUMENTS[kind].model_fields.items()
        if name not in Dated.model_fields and name != "unit"
    ]
    columns = st.columns(min(3, max(1, len(fields))))
    for position, (name, field) in enumerate(fields):
        given = body.get(name, None if field.is_required() else field.default)
        with columns[position % len(columns)]:
            value = _field(f"{number}-{name}", kind, name, field, given, start)
        if value is not None and (field.is_required() or value != field.default):
            result[name] = value
    if "unit" in INSTRUMENTS[kind].model_fields:
        result["unit"] = start.currency
    return result


def _field(key: str, kind: str, name: str, field: FieldInfo, given: Any, start: Scenario) -> Any:
    """One control; its value as a scenario file writes it, or none when left empty."""
    words = name.replace("_", " ").capitalize()
    low, high = _bounds(field.metadata)
    unit = UNITS.get(name, "share").replace("{currency}", start.currency)
    meaning = f"{MEANINGS.get(name, '')} {field.description or ''}".strip()
    tail = f"Unit: {unit}. Bounds: {low:g} to {high:g}. {_about(kind)[1]}"
    annotation, several = field.annotation, get_args(field.annotation)
    if get_origin(annotation) is Literal:
        choices = [str(c) for c in several]
        index = choices.index(given) if given in choices else 0
        return st.selectbox(words, choices, index=index, key=key, help=meaning or None)
    if get_origin(annotation) is tuple and get_origin(several[0]) is Literal:
        choices = [str(c) for c in get_args(several[0])]
        default = [c for c in given or () if c in choices]
        return list(st.multiselect(words, choices, default=default, key=key, help=meaning or None))
    if get_origin(annotation) is tuple:
        values = []
        for place, part in enumerate(several):
            low, high = _bounds(getattr(part, "__metadata__", ()))
            start_value = float(given[place]) if given else low
            label = f"{words} {place}, {unit}"
            values.append(
                _number(label, f"{key}-{place}", start_value, low, high, f"{meaning} {tail}")
            )
        return values
    if annotation is bool:
        return st.checkbox(words, value=bool(given), key=key, help=meaning or None)
    if annotation is str:
        if name != "options":
            return st.text_input(words, value=given or "", key=key, help=meaning or None)
        scopes = [*GROUPS, *start.options]
        return st.selectbox(
            words, scopes, index=scopes.index(given) if given in scopes else 0,
            format_func=lambda s: _scope_name(s, start), key=key, help=meaning,
        )  # fmt: skip
    if type(None) in several:
        number = st.number_input(
            f"{words}, {unit}", low, high, given if given is None else float(given),
            step=_step(low, high, given), format="%g", key=key, help=f"{meaning} {tail}",
            placeholder="none",
        )  # fmt: skip
        return number if number is None else float(number)
    value = low if given is None else float(given)
    help_text = f"{meaning} {tail}".strip()
    if (low, high) == (0.0, 1.0):
        label = words if words.lower().endswith("share") else f"{words}, {unit}"
        return float(st.slider(label, low, high, value, 0.01, key=key, help=help_text))
    return _number(f"{words}, {unit}", key, value, low, high, help_text)


def _bounds(metadata: Iterable[Any]) -> tuple[float, float]:
    """Lowest and highest value that a field of a model accepts."""
    low, high = -1.0e12, 1.0e12
    for item in metadata:
        if isinstance(item, FieldInfo):
            low, high = _bounds(item.metadata)
        for name in ("ge", "gt"):
            low = float(getattr(item, name, low))
        for name in ("le", "lt"):
            high = float(getattr(item, name, high))
    return low, high


def _scope_name(scope: str, start: Scenario) -> str:
    return GROUPS.get(scope) or f"{scope}: {start.options[scope].label}"


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
            format_func=lambda n: _label(registry.get(n)),
            key=f"{number}-lever",
        )
        lever = registry.LEVERS[name]
        of_option = name.startswith(registry.OPTION_PREFIX)
        if of_option:
            scope = st.selectbox(
                "Of which AI options",
                scopes,
                index=scopes.index(scope) if scope in scopes else 0,
                format_func=lambda s: _scope_name(s, start),
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


def _label(parameter: Parameter) -> str:
    """A parameter as readers, and as files call it, with its unit."""
    unit = "" if parameter.unit == "1" else f", {parameter.unit}"
    return f"{parameter.label} ({parameter.name}){unit}"


def _help(parameter: Parameter, unit: str) -> str:
    return (
        f"{parameter.definition} Unit: {unit}. Bounds: {parameter.low:g} to {parameter.high:g}. "
        f"Source: {parameter.source}."
    )


def _number(label: str, key: str, value: float, low: float, high: float, help_text: str) -> float:
    value = st.number_input(
        label, float(low), float(high), float(value), step=_step(low, high, value), format="%g",
        key=key, help=help_text,
    )  # fmt: skip
    return float(value)


def _step(low: float, high: float, value: float | None = None) -> float:
    """A round step: about a tenth of the value, or a hundredth of the range."""
    size = abs(value) / 10.0 if value else (high - low) / 100.0
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
                format_func=_cell_label,
                key=f"{number}-{key}",
                placeholder="all",
            )
            if chosen:
                result[key] = list(chosen)
    return result


def _cell_label(code: str) -> str:
    """A size class or section as it is read; countries stay codes."""
    if code in wording.SECTIONS:
        return f"{code}: {wording.SECTIONS[code]}"
    return wording.SIZES.get(code, code)


# --- assumptions and size of the run ---------------------------------------------------------


def _uncertainties(start: Scenario, given: Mapping[str, float]) -> dict[str, float]:
    """Uncertainties that the user has moved away from the starting scenario's values.

    Args:
        start: where the form starts.
        given: values it starts with instead.
    """
    moved: dict[str, float] = {}
    mark = f"{start.name}-{start.hash()[:8]}"
    left, right = st.columns(2)
    for column, name, step in (
        (left, "choice.lambda", 0.05),
        (right, "choice.open_share", 0.01),
    ):
        p = registry.get(name)
        first = float(given.get(name, start.values[name]))
        with column:
            value = st.slider(
                _label(p), p.low, p.high, first, step,
                key=f"{mark}-{name}", help=_help(p, p.unit),
            )  # fmt: skip
        if value != start.values[name]:
            moved[name] = float(value)
    others = [n for n in registry.UNCERTAINTIES if n not in ("choice.lambda", "choice.open_share")]
    chosen = st.multiselect(
        "Other uncertainties",
        others,
        default=[n for n in given if n in others],
        format_func=lambda n: _label(registry.get(n)),
        key=f"{mark}-others",
    )
    for name in chosen:
        p = registry.get(name)
        first = float(given.get(name, start.values[name]))
        value = _number(
            _label(p), f"{mark}-{name}", first, p.low, p.high, _help(p, p.unit),
        )  # fmt: skip
        if value != start.values[name]:
            moved[name] = value
    return moved


def _settings(linked: Link | None) -> tuple[Settings, bool]:
    given = DEFAULT if linked is None else linked.settings
    left, middle, right = st.columns(3)
    with left:
        rows = st.number_input(
            "Firms (rows)", 1_000, 1_000_000, given.rows, step=1_000, key="rows",
            help="Sampled firms, each standing for many; more firms, less noise.",
        )  # fmt: skip
    with middle:
        replicates = st.number_input(
            "Replicates", 1, 200, given.replicates, key="replicates",
            help="Runs with other luck; the interval is over them. One run has no interval.",
        )  # fmt: skip
    with right:
        seed = st.number_input(
            "Seed", 0, 10**12, given.seed, key="seed",
            help="The same seed gives the same numbers.",
        )  # fmt: skip
    grid = st.checkbox(
        "Also over λ and the open share (nine more pairs, with fewer firms)",
        value=linked is None or linked.grid,
        key="grid",
    )
    return Settings(int(rows), int(replicates), int(seed)), bool(grid)


__all__ = ["DEFAULT", "build"]
