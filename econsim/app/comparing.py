"""Comparing up to six scenarios that share luck, against one of them.

One run makes all of them; every difference is taken between the same results, so that changing the
base turns the signs and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

import econsim
from econsim import figures
from econsim.app import builder, draft, exhibits, session
from econsim.app.draft import Settings, Text
from econsim.app.jobs import Answer, Order
from econsim.app.link import MOST, Link
from econsim.figures import paths
from econsim.figures.comparison import trailing_year
from econsim.figures.panels import ACCENT, Lines, padded
from econsim.figures.words import note_of, source_of
from econsim.results import Estimate, Results, ResultsError, compare, estimate, outcome
from econsim.scenario import ScenarioError

#: Rows of the table of differences: label, outcome, dimension, group.
ROWS = (
    ("AI use, 10–249 persons", "use", "size_class", "10-249"),
    ("AI use, under 10 persons", "use", "size_class", "0-9"),
    ("AI use, 250 or more persons", "use", "size_class", "250+"),
    ("Users on open models", "open_share", None, "all"),
    ("GDP", "gdp", None, "all"),
    ("Gross national income", "gni", None, "all"),
    ("Firms' surplus", "firms_surplus", None, "all"),
    ("Public spending on the policy", "public_spending", None, "all"),
)

#: Small multiples: outcome, dimension, group, words.
MULTIPLES = (
    ("use", "size_class", "10-249", "AI use of firms with 10–249 persons"),
    ("gdp", None, "all", "GDP"),
)


def page(region: str, linked: Link | None, visible: bool) -> None:
    """Choose scenarios and a base, run them together, see differences on shared axes.

    Args:
        region: of the scenarios.
        linked: what the link that the page was opened with holds.
        visible: whether this page is looked at; otherwise it only keeps what is chosen.
    """
    st.write(
        f"Choose two to {MOST} scenarios. One run makes all of them, with the same firms and the "
        "same luck; the base may be changed afterwards without running again."
    )
    texts = _offered(region)
    given = [n for n in linked.compare if n in texts] if linked else []
    left, right = st.columns([3, 1])
    with left:
        names = st.multiselect(
            "Scenarios",
            list(texts),
            default=given or list(draft.HEADLINE_PAIRS[region]),
            format_func=lambda n: f"{n}: {_title(texts[n])}",
            max_selections=MOST,
            key=f"compared-{region}",
        )
    with right:
        wanted = linked.base if linked and linked.base in names else None
        base = st.selectbox(
            "Base",
            names,
            index=names.index(wanted) if wanted else 0 if names else None,
            key=f"base-{region}",
            help="What the others are compared with.",
        )
    settings = _settings(region, linked)
    if not visible:
        return
    if len(names) < 2 or base is None:
        st.info("Choose at least two scenarios.")
        return
    order = Order(tuple(texts[name] for name in names), settings)
    problem = _problem(order)
    if problem:
        st.error(problem)
        return
    place = f"compare-{region}"
    if st.button("Run the comparison", type="primary", key="compare", disabled=session.busy()):
        session.start(order, place)
        st.rerun()
    found = session.shown(place)
    if found is None:
        return
    answer, made, key = found
    if made != order:
        st.info("What is shown is the last run; the choice above has not been run yet.")
    if base not in [r.scenario for r in answer.results]:
        return
    address = _link(region, names, base, settings)
    if address is not None and made == order:
        session.write_address(address)
    _show(answer, made, base, repr(key))


def _offered(region: str) -> dict[str, Text]:
    """Scenarios to choose from: the policy of this session first, then the shipped ones."""
    texts = {name: draft.shipped_text(name) for name in draft.titles(region)}
    mine = session.shown(f"policy-{region}")
    if mine is not None:
        texts = {t.name: t for t in mine[1].texts[::-1] if not t.shipped} | texts
    return texts


def _title(text: Text) -> str:
    return draft.title_of(text.yaml) or text.name


def _settings(region: str, linked: Link | None) -> Settings:
    given = builder.DEFAULT if linked is None else linked.settings
    columns = st.columns(3)
    limits = (
        ("Firms (rows)", "rows", 1_000, 1_000_000, given.rows),
        ("Replicates", "n", 1, 200, given.replicates),
        ("Seed", "seed", 0, 10**12, given.seed),
    )
    values = []
    for column, (label, name, low, high, value) in zip(columns, limits, strict=True):
        with column:
            values.append(
                int(st.number_input(label, low, high, value, key=f"compare-{name}-{region}"))
            )
    return Settings(*values)


def _problem(order: Order) -> str:
    """Why the scenarios cannot be compared, or nothing."""
    try:
        loaded = [text.scenario() for text in order.texts]
    except ScenarioError as error:
        return f"A scenario does not load. {error}"
    if len({s.run.horizon for s in loaded}) > 1:
        return "These scenarios cover different months: they cannot be paired."
    return ""


def _link(region: str, names: Sequence[str], base: str, settings: Settings) -> Link | None:
    """The link to a comparison of shipped scenarios; none with one of the user's own."""
    shipped = draft.titles(region)
    if any(name not in shipped for name in names):
        return None
    return Link(
        econsim=econsim.__version__, region=region, compare=tuple(names), base=base,
        rows=settings.rows, n=settings.replicates, seed=settings.seed,
    )  # fmt: skip


def differences(results: Sequence[Results], base: str, year: int) -> list[dict[str, str]]:
    """The table of paired differences: one row an outcome, one column a scenario.

    Args:
        results: of one run.
        base: name of the scenario that the others are compared with.
        year: of all numbers.
    """
    reference = next(r for r in results if r.scenario == base)
    table = []
    for label, name, by, group in ROWS:
        row: dict[str, str] = {}
        for other in results:
            if other is reference:
                continue
            gap = compare(other, reference).difference(name, year, by, group)
            row.setdefault("outcome", f"{label}, {gap.unit.partition(', prices')[0]}")
            row[other.scenario] = f"{figures.number(gap)} ({figures.interval(gap)})"
        table.append(row)
    return table


def _show(answer: Answer, order: Order, base: str, key: str) -> None:
    import pandas as pd

    year = figures.last_year(answer.results[0])
    try:
        table = differences(answer.results, base, year)
        shown = _exhibits(key, base, answer)
    except ResultsError as error:
        st.error(f"These results cannot be compared: {error}")
        return
    st.markdown(f"## Differences from {base} in {year}")
    st.table(pd.DataFrame(table).set_index("outcome"), border="horizontal")
    st.caption(
        f"Scenario minus {base}; in brackets the 95 % interval of the paired difference over "
        f"{figures.run_size(answer.results[0])}: Monte Carlo noise, not what nobody knows about "
        f"the parameters. {figures.CONDITIONAL}"
    )
    exhibits.show_all(shown, f"compare-{base}")
    with st.expander("Reproduce this"):
        st.code(draft.command(order.texts, order.settings, grid=False), language=None,
                wrap_lines=True)  # fmt: skip
        st.code(draft.python_code(order.texts, order.settings, year), language=None)
        found = _link(answer.results[0].manifest["region"], [t.name for t in order.texts], base,
                      order.settings)  # fmt: skip
        if found is not None:
            st.write("Whoever opens this address finds the same choice:")
            st.code(found.url(st.context.url or "", "Compare"), language=None, wrap_lines=True)


@st.cache_resource(show_spinner=False, max_entries=32)
def _exhibits(key: str, base: str, _answer: Answer) -> list[exhibits.Exhibit]:
    """The small multiples of an answer against a base, drawn once; ``key`` names the answer."""
    return [
        exhibits.Exhibit(small_multiples(_answer.results, base, name, by, group, subject))
        for name, by, group, subject in MULTIPLES
    ]


def small_multiples(
    results: Sequence[Results], base: str, name: str, by: str | None, group: str, subject: str
) -> figures.Figure:
    """Paired differences over time, one panel a scenario, all on the same axes.

    Args:
        results: of one run.
        base: name of the scenario that the others are compared with.
        name, by, group: outcome, dimension and group.
        subject: the outcome in words.

    Raises:
        ResultsError: they cannot be paired, or it is not recorded.
    """
    import pandas as pd

    reference = next(r for r in results if r.scenario == base)
    pairs = [compare(r, reference) for r in results if r is not reference]
    year = figures.last_year(reference)
    flow = outcome(name).kind == "flow"
    rows: list[dict[str, object]] = []
    lines, ends = [], []
    months = paths.months_of(pairs[0])
    for pair in pairs:
        end = pair.difference(name, year, by, group)
        gap = pair.a.values(name, by, group) - pair.b.values(name, by, group)
        gap = trailing_year(gap) if flow else gap
        bands = [estimate(gap[:, m], end.unit) for m in range(gap.shape[1])]
        fixed = {"panel": pair.a.scenario, "scenario": f"{pair.a.scenario} minus {base}",
                 "outcome": name, "group": group}  # fmt: skip
        rows += paths.tidy(fixed, months, bands)
        lines.append(paths.line(bands, pair.a.scenario, ACCENT, end=figures.number(end), bold=True))
        ends.append(end)
    values = [v for s in lines for v in s.values]
    values += [v for s in lines for b in s.bands for v in (*b.low, *b.high)]
    reach = padded(values, zero=True)
    unit = ends[0].unit.partition(", prices")[0]
    panels = tuple(
        Lines(
            f"{pair.a.scenario}, {unit}", ends[0].unit, tuple(months), (line,),
            start=figures.policy_start(pair), start_words=False, zero=True, reach=reach,
            height=110.0,
        )
        for pair, line in zip(pairs, lines, strict=True)
    )  # fmt: skip
    listed = "; ".join(
        f"{pair.a.scenario} {figures.number(end)} ({figures.interval(end)})"
        for pair, end in zip(pairs, ends, strict=True)
    )
    found = "; ".join(
        f"{pair.a.scenario} {_brief(end)}" for pair, end in zip(pairs, ends, strict=True)
    )
    return figures.Figure(
        name=f"compared_{name}",
        title=f"{subject} against {base} in {year}: {found}",
        subtitle=f"Difference from {base} in {subject}, {ends[0].unit}"
        f"{', mean of the twelve months to each month' if flow else ''}; "
        f"{figures.place(reference)}, {months[0]} to {months[-1]}; all panels on one scale.",
        alt=f"Line charts, one a scenario, of the difference from {base} in {subject}. In {year}, "
        f"{ends[0].unit}: {listed}. n = {reference.replicates}.",
        note=note_of(reference),
        source=source_of(reference),
        data=pd.DataFrame(rows),
        provenance=figures.provenance(*results),
        panels=panels,
    )


def _brief(gap: Estimate) -> str:
    """A difference in a few words."""
    if gap.mean == 0.0 and not gap.high > gap.low:
        return "no difference"
    if gap.low <= 0.0 <= gap.high:
        return "no clear difference"
    size = figures.number(gap).removeprefix("−")
    return f"{figures.amount(size, gap.unit)} {'lower' if gap.mean < 0.0 else 'higher'}"
