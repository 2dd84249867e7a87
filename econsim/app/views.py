"""The pages: the headline from shipped results, a policy and its result, what is assumed.

Pages only show: numbers come from :mod:`econsim.results`, figures from :mod:`econsim.figures`,
runs from :mod:`econsim.app.jobs`.  What is compared, explained, and told of one firm has modules of
its own.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import streamlit as st

from econsim import figures
from econsim import parameters as registry
from econsim.app import (
    briefing,
    builder,
    comparing,
    draft,
    link,
    session,
    shipped,
    stories,
    understanding,
)
from econsim.app.draft import Settings
from econsim.app.exhibits import STYLE, Exhibit, show, unbroken
from econsim.app.jobs import Answer, Order
from econsim.app.link import Link, LinkError
from econsim.brief.shipped import of_pair
from econsim.experiments import headline
from econsim.experiments.simulation import replicate_seed
from econsim.results import Comparison, Estimate, ResultsError

logger = logging.getLogger(__name__)

QUESTION = (
    "A government considers rules under which businesses can use closed AI models only. How would "
    "that change the use of AI by small and medium enterprises, and GDP?"
)
#: Names of economies; the address of the page carries them too (``?region=US``).
REGIONS = {"EU27": "EU", "US": "US"}
#: Views, in the order of the tabs; the address of the page carries them (``?view=Compare``).
VIEWS = (
    "Headline", "Build a policy", "Compare", "Understand", "One firm", "What is assumed",
)  # fmt: skip
#: Assumptions shown on the first view; the answer moves most with these.
ASSUMPTIONS = (
    "choice.lambda",
    "choice.open_share",
    "supply.price_response",
    "choice.persistence",
    "benefit.ceiling",
    "benefit.saving",
    "benefit.light_depth",
    "considering.applicable_share",
)

ASSUMED = """
- **Not a forecast.** Two worlds that differ only in the policy are compared under the same
  assumptions. Bands show Monte Carlo noise; what nobody knows about the parameters stands apart.
- **λ and the open share** decide most of the answer and are not identified by data on use: near
  λ = 0 all users of a removed option move to another AI option, at λ = 1 they spread over all
  alternatives, no AI included. So every headline is shown over both.
- **The level of the GDP gain is assumed, not calibrated**: ceiling, depth and saving per task come
  from the literature; data on use fit almost any ceiling.
- Mark-ups between residents, subsidies and vouchers are transfers and not in GDP; rents paid
  abroad lower national income; shadow costs (fear, confidentiality) steer choices and are never
  booked.
- The headline population is firms with 10–249 persons, where the surveys of EU and US agree. Use
  by firms under 10 persons is extrapolated in the EU.
"""


@dataclass(frozen=True)
class View:
    """What a page shows of a comparison: figures (drawn once), table, and the year of both."""

    answer: Answer
    comparison: Comparison
    points: list[headline.GridPoint]
    adoption: Exhibit
    gdp: Exhibit
    grid: Exhibit | None
    lines: list[headline.Line]
    year: int
    sets: str


def view_of(answer: Answer) -> View:
    """Draw up everything that a page shows of a pair's results."""
    comparison = answer.comparison()
    points = headline.grid_points(answer.grid) if answer.grid else []
    year = figures.last_year(comparison.a)
    return View(
        answer,
        comparison,
        list(points),
        Exhibit(figures.adoption_by_size(comparison)),
        Exhibit(figures.gdp_effect(comparison)),
        Exhibit(figures.headline_grid(points, year)) if points else None,
        headline.lines(comparison, year),
        year,
        over_sets(comparison),
    )


@st.cache_resource(show_spinner=False, max_entries=8)
def _shipped_view(region: str, folder: str, changed: int) -> tuple[View, tuple[str, ...]]:
    """View of shipped results and why they are stale; ``changed`` is the time of their file."""
    found = shipped.load(region, folder)
    return view_of(found.answer), found.reasons


@st.cache_resource(show_spinner=False, max_entries=session.KEPT_ANSWERS)
def _answer_view(key: str, _answer: Answer) -> View:
    """View of the answer to an order, drawn once."""
    return view_of(_answer)


def _chosen(place: str) -> tuple[View, Order] | None:
    """The result in a place of the session, if it is still kept and can be shown."""
    found = session.shown(place)
    if found is None:
        return None
    answer, order, key = found
    try:
        return _answer_view(repr(key), answer), order
    except Exception as error:
        logger.exception("a result cannot be shown")
        st.error(f"The result cannot be shown: {type(error).__name__}: {error}")
        return None


# --- showing a comparison --------------------------------------------------------------------


def sentence(view: View) -> str:
    """The headline in one sentence, with intervals."""
    c = view.comparison
    use = c.difference("use", view.year, "size_class", figures.HEADLINE_GROUP)
    return (
        f"{figures.titles(c)[0]}: "
        f"{figures.finding(use, 'AI use of firms with 10–249 persons', view.year)}; "
        f"{figures.gdp_finding(c)}."
    )


def span(view: View) -> str:
    """How far the headline moves over the joint axes."""
    if view.grid is None:
        return ""
    parts = []
    for label, part in view.grid.figure.data.groupby("label", sort=False):
        ends = part.loc[[part["mean"].idxmin(), part["mean"].idxmax()]].to_dict("records")
        low, high = (
            figures.number(Estimate(e["mean"], e["low"], e["high"], e["n"], e["unit"]))
            for e in ends
        )
        parts.append(f"{label} {figures.amount(f'{low} to {high}', ends[0]['unit'])}")
    shares = sorted({p.open_share for p in view.points})
    steps = sorted({p.dissimilarity for p in view.points})
    return (
        f"Over the two unknowns that use data cannot settle (λ {steps[0]:g} to {steps[-1]:g}, open "
        f"share {shares[0]:.0%} to {shares[-1]:.0%}): {'; '.join(parts)}."
    )


def over_sets(comparison: Comparison) -> str:
    """How far the effects move over the ensemble's parameter sets, where that ships."""
    try:
        found = of_pair(comparison, shipped.FOLDER).get("kinds_of_uncertainty")
    except ResultsError:
        logger.exception("the shipped findings cannot be read")
        return ""
    if found is None:
        return ""
    (n,) = set(found.data.loc[found.data["kind"] == "parameters", "n"])
    parts = [
        f"{panel.heading}: {row.text}"
        for panel in found.panels
        for row in panel.rows
        if row.label == "Parameters"
    ]
    return (
        f"Over {n} parameter sets that the surveys allow (middle 80 %, apart from the intervals "
        f"above): {'; '.join(parts)}."
    )


def show_table(view: View) -> None:
    """The headline table: both levels and the paired difference, with intervals."""
    import pandas as pd

    c = view.comparison
    st.markdown(f"### {view.year} in numbers")
    change, full = [], []
    for line in map(_in_thousands, view.lines):
        level = "" if line.baseline is None else figures.number(line.baseline)
        change.append(
            {
                "outcome": f"{line.label}, {line.unit.partition(', prices')[0]}",
                c.b.scenario: level,
                "difference": _mean_interval(line.difference),
            }
        )
        if line.baseline is None:
            continue
        full.append(
            {
                "outcome": line.label,
                "unit": line.unit,
                c.b.scenario: figures.minus(line.baseline.text()),
                c.a.scenario: figures.minus(line.scenario.text()),
                "difference": figures.minus(line.difference.text()),
            }
        )
    st.table(pd.DataFrame(change).set_index("outcome"), border="horizontal")
    gain = c.pairing_gain("gdp", view.year)
    st.caption(
        f"Difference: {c.a.scenario} minus {c.b.scenario}; in brackets the 95 % interval over n = "
        f"{c.a.replicates} replicates. It is paired: the same firms meet the same luck in both "
        "scenarios"
        + (f", so its interval is {gain:,.0f} times narrower (GDP)." if 1 < gain < 1e6 else ".")
    )
    with st.expander("Levels with their intervals"):
        st.dataframe(pd.DataFrame(full), hide_index=True)


def _mean_interval(value: Estimate) -> str:
    return f"{figures.number(value)} ({figures.interval(value)})"


def _in_thousands(line: headline.Line) -> headline.Line:
    """Numbers of firms in thousands, so that digits follow the error; other lines as they are."""
    if line.unit != "firms" or abs(line.difference.mean) < 2_000.0:
        return line

    def less(value: Estimate) -> Estimate:
        low, high = value.low / 1e3, value.high / 1e3
        return Estimate(value.mean / 1e3, low, high, value.n, "thousand firms")

    baseline = None if line.baseline is None else less(line.baseline)
    return headline.Line(
        line.label, "thousand firms", less(line.scenario), baseline, less(line.difference)
    )


def show_comparison(view: View, order: Order | None, key: str) -> None:
    """Everything about a comparison: sentence, charts, joint axes, numbers, how to make it.

    Args:
        view: what to show.
        order: how it was made; none when today's files no longer make it.
        key: begins the keys of its controls.
    """
    c = view.comparison
    st.markdown(f"## {unbroken(sentence(view))}")
    st.markdown(
        f"Compared with {figures.titles(c)[1]}. {figures.run_size(c.a)}. {span(view)} {view.sets} "
        f"**{figures.CONDITIONAL}**"
    )
    left, right = st.columns(2, gap="large")
    with left:
        show(view.adoption, f"{key}-adoption")
    with right:
        show(view.gdp, f"{key}-gdp")
        st.markdown("### What is assumed")
        st.markdown(ASSUMED)
        st.caption("Values, ranges and sources: under “What is assumed” above.")
    left, right = st.columns(2, gap="large")
    with left:
        if view.grid is not None:
            show(view.grid, f"{key}-grid")
        else:
            st.info("This run was made at one point of the joint axes (λ, open share) only.")
    with right:
        show_table(view)
        if order is not None:
            briefing.offer(order, view.answer, key)
            show_reproduction(view, order, key)


def show_reproduction(view: View, order: Order, key: str) -> None:
    """The files, the command and the Python that make the same numbers."""
    with st.expander("Reproduce this"):
        st.write("The same numbers, to the last digit, from the command line:")
        st.code(
            draft.command(order.texts, order.settings, order.grid),
            language=None, wrap_lines=True,
        )  # fmt: skip
        st.write("or from Python:")
        st.code(draft.python_code(order.texts, order.settings, view.year), language=None)
        for text in (order.policy, order.baseline):
            note = " (comes with econsim)" if text.shipped else ""
            st.write(f"Scenario file `{text.name}.yaml`{note}:")
            st.code(text.yaml, language=None, height=240)
            st.download_button(
                f"Download {text.name}.yaml", text.yaml, f"{text.name}.yaml", "application/yaml",
                key=f"{key}-{text.name}", on_click="ignore",
            )  # fmt: skip
        c = view.comparison
        st.caption(
            f"Scenario hashes {c.a.manifest['scenario_hash'][:12]} and "
            f"{c.b.manifest['scenario_hash'][:12]}, data {c.a.manifest['data_hash'][:12]}, "
            f"econsim {c.a.manifest['econsim']}."
        )


# --- pages -----------------------------------------------------------------------------------


def headline_page(region: str) -> None:
    """The headline pair with its band, from shipped results or from a run of today's files."""
    names = draft.HEADLINE_PAIRS[region]
    place = shipped.FOLDER / region
    view: View | None = None
    reasons: tuple[str, ...] = ("there are none",)
    try:
        stamp = (place / "manifest.json").stat().st_mtime_ns
        view, reasons = _shipped_view(region, str(shipped.FOLDER), stamp)
    except OSError:
        pass
    except ResultsError as error:
        reasons = (str(error),)
    except (KeyError, ValueError) as error:
        reasons = (f"they are of another form ({error})",)
    if reasons:
        fresh = _chosen(f"headline-{region}")
        if fresh is not None:
            show_comparison(*fresh, key=f"headline-{region}")
            return
        message = "The shipped results do not belong to the current scenario files: "
        st.warning(f"{message}{'; '.join(reasons)}. The numbers below may differ from a run today.")
        if st.button("Run the current files", key=f"refresh-{region}", disabled=session.busy()):
            session.start(_headline_order(names), f"headline-{region}")
            st.rerun()
    if view is not None:
        made_by = None if reasons else _headline_order(names, view)
        show_comparison(view, made_by, key=f"shipped-{region}")


def _headline_order(names: tuple[str, str], view: View | None = None) -> Order:
    """The order that makes the headline pair: of the current files, or as a view was made."""
    baseline, policy = (draft.shipped_text(name) for name in names)
    if view is None:
        run = baseline.scenario().run
        rows = run.firms if isinstance(run.firms, int) else builder.DEFAULT.rows
        return Order((baseline, policy), Settings(rows, run.replicates, run.seed), grid=True)
    manifest = view.comparison.a.manifest
    seed = int(manifest["seeds"][0]) // replicate_seed(1, 0)
    settings = Settings(manifest["rows"], view.comparison.a.replicates, seed)
    return Order((baseline, policy), settings, grid=bool(view.points))


def policy_page(region: str, linked: Link | None, visible: bool) -> None:
    """Build a policy, run it, see what it does.

    Args:
        region: of the economy.
        linked: what the link that the page was opened with holds.
        visible: whether this page is looked at; otherwise its form only keeps what is in it.
    """
    st.write(
        "Start from a scenario, add or change instruments, and apply. Moving a control starts no "
        "run. The policy is compared with its baseline firm by firm, under the same assumptions "
        "and the same luck."
    )
    pressed = builder.build(region, linked, visible)
    if pressed is not None:
        order, address = pressed
        session.start(order, f"policy-{region}")
        session.write_address(address)
        st.rerun()
    found = _chosen(f"policy-{region}") if visible else None
    if found is not None:
        st.divider()
        show_comparison(*found, key=f"policy-{region}")


def assumptions_page(region: str) -> None:
    """What is assumed, with values and sources, and what the model does not say."""
    import pandas as pd

    st.markdown(ASSUMED)
    st.markdown("## Numbers that the answer hangs on most")
    values = draft.shipped_text(draft.BASELINES[region]).scenario().values
    rows = []
    for name in ASSUMPTIONS:
        p = registry.get(name)
        rows.append(
            {
                "assumption": f"{p.label} ({name})",
                "meaning": p.definition,
                "value": f"{values[name]:.3g}",
                "range": f"{p.low:g} to {p.high:g}",
                "unit": p.unit,
                "source": p.source,
            }
        )
    st.table(pd.DataFrame(rows).set_index("assumption"), border="horizontal")
    st.caption("All parameters: `econsim parameters`.")


def _linked() -> Link | None:
    """What the address held when the page was opened; a bad one says why and holds nothing."""
    state = st.session_state
    if "linked" not in state:
        state["linked"], state["cautions"] = None, []
        try:
            found = link.read(st.query_params.to_dict())
            if found is not None:
                state["linked"], state["cautions"] = found, found.cautions()
        except LinkError as error:
            state["link_error"] = f"The link is not accepted: {error}. Nothing of it is used."
            session.write_address(None)
    if "link_error" in state:
        st.error(state["link_error"])
    for caution in state["cautions"]:
        st.warning(caution)
    linked: Link | None = state["linked"]
    return linked


def main() -> None:
    """The app."""
    st.set_page_config(page_title="econsim: open and closed AI", layout="wide")
    st.html(STYLE)
    st.title("Open and closed AI models, or closed only?")
    st.markdown(QUESTION)
    linked = _linked()
    region = st.radio(
        "Economy",
        list(REGIONS),
        format_func=lambda name: REGIONS[name],
        horizontal=True,
        key="region",
        bind="query-params",
    )
    session.news()
    held = linked if linked is not None and linked.region == region else None
    tabs = dict(zip(VIEWS, st.tabs(VIEWS, key="view", bind="query-params"), strict=True))
    # What has controls is there always, so that it keeps what was entered; charts only if seen.
    with tabs["Headline"] as tab:
        if tab.open:
            headline_page(region)
    with tabs["Build a policy"] as tab:
        policy_page(region, held, bool(tab.open))
    with tabs["Compare"] as tab:
        comparing.page(region, held, bool(tab.open))
    with tabs["Understand"] as tab:
        if tab.open:
            understanding.page(region)
    with tabs["One firm"] as tab:
        stories.page(region, held, bool(tab.open))
    with tabs["What is assumed"] as tab:
        if tab.open:
            assumptions_page(region)
