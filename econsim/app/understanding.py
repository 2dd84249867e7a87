"""Why: the figures of a comparison, and what studies of the headline found.

Findings are figures that ship with econsim (``data/shipped/REGION/findings/*.json``); one that is
missing is replaced by the command that makes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from econsim import figures
from econsim.app import draft, exhibits, session, shipped
from econsim.app.exhibits import Exhibit
from econsim.app.jobs import Answer
from econsim.brief.shipped import STUDIES
from econsim.experiments import headline
from econsim.results import Comparison, ResultsError


@dataclass(frozen=True)
class Finding:
    """A shipped figure of a study.

    Attributes:
        name: of its file.
        sentence: how to read it.
        command: what makes it.
    """

    name: str
    sentence: str
    command: str


@dataclass(frozen=True)
class Question:
    """A question of a reader, and the figures that answer it.

    Attributes:
        asked: the question.
        findings: shipped ones.
        drawn: names of figures drawn from the comparison itself.
    """

    asked: str
    findings: tuple[Finding, ...] = ()
    drawn: tuple[str, ...] = ()


QUESTIONS = (
    Question(
        "Who gains, who loses",
        drawn=("winners_and_losers", "member_states", "lost_and_diverted", "incomes"),
    ),
    Question(
        "By which mechanism",
        (
            Finding(
                "decomposition",
                "Each bar is what one mechanism contributes to the effect on GDP; the parts add up "
                "to the whole.",
                "econsim decompose {policy} {baseline} --outcome gdp_gain",
            ),
            Finding(
                "decomposition_use",
                "The same for the use of AI by firms with 10–249 persons.",
                "econsim decompose {policy} {baseline} --outcome use:10-249",
            ),
        ),
        ("option_shares", "prices", "sovereignty"),
    ),
    Question(
        "Which assumptions matter",
        (
            Finding(
                "tornado",
                "The five assumptions at the top move the effect on GDP most: each bar goes from "
                "where that assumption is low to where it is high, all others varying.",
                "econsim sweep {importance}\neconsim answer results/{importance}",
            ),
            Finding(
                "tornado_use",
                "The same for the use of AI by firms with 10–249 persons.",
                "econsim sweep {importance}\neconsim answer results/{importance}",
            ),
            Finding(
                "value_of_information",
                "By how much the band of the headline would narrow if one assumption were known.",
                "econsim sweep {importance}\n"
                "econsim sensitivity results/{importance} --outcome gdp_gain",
            ),
        ),
        ("headline_grid",),
    ),
    Question(
        "How sure is it",
        (
            Finding(
                "gdp_bands",
                "Three kinds of uncertainty, never added up: luck of the replicates, parameters "
                "that nobody knows, and choices of structure.",
                "econsim run {baseline} {policy} --ensemble 48",
            ),
            Finding(
                "kinds_of_uncertainty",
                "The same for each headline number in the last year.",
                "econsim run {baseline} {policy} --ensemble 48",
            ),
        ),
        ("adoption_by_size", "gdp_effect"),
    ),
    Question(
        "When it reverses",
        (
            Finding(
                "reversal",
                "Ranges of assumptions within which open and closed models together do not win.",
                "econsim sweep {turning}\neconsim answer results/{turning}",
            ),
        ),
        ("joint_contour",),
    ),
)


def page(region: str) -> None:
    """Answers to a reader's questions about the policy last applied, or about the headline."""
    found = _comparison(region)
    asked = st.radio(
        "What do you want to understand?",
        [q.asked for q in QUESTIONS],
        horizontal=True,
        key="question",
    )
    question = next(q for q in QUESTIONS if q.asked == asked)
    baseline, policy = draft.HEADLINE_PAIRS[region]
    st.markdown(f"## {question.asked}")
    if question.findings:
        st.caption(f"Studies are of the headline: {policy} against {baseline}.")
    for finding in question.findings:
        exhibit = _finding(str(shipped.FOLDER / region / "findings" / f"{finding.name}.json"))
        if exhibit is not None:
            st.write(f"{finding.sentence} {_first_five(exhibit.figure, finding)}".strip())
            exhibits.show_all([exhibit], "finding", dense=True)
            continue
        st.info(
            f"The study “{finding.name.replace('_', ' ')}” does not come with this copy of "
            "econsim. This makes it:"
        )
        importance, turning = STUDIES[region]
        command = finding.command.format(
            policy=policy, baseline=baseline, importance=importance, turning=turning
        )
        st.code(command, language=None)
    if found is None:
        st.info("There are no results of the headline to draw from: apply a policy first.")
        return
    key, comparison, points = found
    st.caption(f"Below: {comparison.a.scenario} against {comparison.b.scenario}.")
    drawn, reasons = _gallery(key, comparison, points)
    shown = [e for name in question.drawn for e in drawn if e.figure.name == name]
    exhibits.show_all(shown, "understand", dense=True)
    for name in question.drawn:
        if name in reasons:
            st.caption(f"No figure “{name.replace('_', ' ')}”: {reasons[name]}.")


def _first_five(figure: figures.Figure, finding: Finding) -> str:
    """The five assumptions at the top of a sensitivity, named."""
    first = figure.panels[0] if figure.panels else None
    drawn = getattr(first, "bars", None) or getattr(first, "rows", ())
    if finding.name != "tornado" or not drawn:
        return ""
    labels = list(dict.fromkeys(part.label for part in drawn))
    return f"They are: {'; '.join(labels[:5])}."


def _comparison(region: str) -> tuple[str, Comparison, Sequence[headline.GridPoint]] | None:
    """What the page is about, with a key that names it: the last policy, else the headline."""
    mine = session.shown(f"policy-{region}")
    if mine is not None and isinstance(mine[0], Answer):
        answer: Answer = mine[0]
        points = headline.grid_points(answer.grid) if answer.grid else []
        return repr(mine[2]), answer.comparison(), points
    place = shipped.FOLDER / region / "manifest.json"
    try:
        stamp = place.stat().st_mtime_ns
        found = _shipped(region, str(shipped.FOLDER), stamp)
    except (OSError, ValueError, KeyError):
        return None
    return f"{place}-{stamp}", found.comparison, found.points


@st.cache_resource(show_spinner=False, max_entries=8)
def _shipped(region: str, folder: str, changed: int) -> shipped.Shipped:
    """Shipped results; ``changed`` is the time of their file."""
    return shipped.load(region, folder)


@st.cache_resource(show_spinner=False, max_entries=8)
def _gallery(
    key: str, _comparison: Comparison, _points: Sequence[headline.GridPoint]
) -> tuple[list[Exhibit], dict[str, str]]:
    """Every figure that a comparison allows, and why the others are missing."""
    # The grid's ends and middle are the priors' (see experiments.headline).
    ends = (headline.LAMBDA_GRID, headline.OPEN_SHARE_GRID)
    priors = {
        name: (low, middle, high)
        for name, (low, middle, high) in zip(("lambda", "open_share"), ends, strict=True)
    }
    drawn, reasons = figures.of_comparison(_comparison, points=_points, priors=priors)
    return [Exhibit(f) for f in drawn], reasons


def _finding(path: str) -> Exhibit | None:
    """A shipped finding; none when there is none, or none that can be read."""
    place = Path(path)
    if not place.is_file():
        return None
    try:
        return _read(path, place.stat().st_mtime_ns)
    except (OSError, ResultsError) as error:
        st.warning(f"{place.name} cannot be shown: {error}")
        return None


@st.cache_resource(show_spinner=False, max_entries=32)
def _read(path: str, changed: int) -> Exhibit:
    """A figure of a file; ``changed`` is its time."""
    return Exhibit(figures.Figure.from_json(Path(path).read_text(encoding="utf-8")))
