"""Every figure that a comparison allows, and why the others cannot be drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from econsim.figures.comparison import Point, adoption_by_size, gdp_effect, headline_grid
from econsim.figures.distribution import lost_and_diverted, winners_and_losers
from econsim.figures.figure import Figure
from econsim.figures.paths import incomes, option_shares, prices, sovereignty
from econsim.figures.places import member_states
from econsim.figures.uncertainty import (
    PRIORS,
    Prior,
    Spread,
    gdp_bands,
    joint_contour,
    kinds_of_uncertainty,
    policy_ranking,
)
from econsim.results import Comparison, ResultsError

#: Figures of studies, and what makes each.
_OF_STUDIES = {
    "decomposition": "needs runs with mechanisms held (econsim decompose)",
    "sensitivity": "needs a study of what matters (econsim answer)",
    "reversal": "needs a study of where the sign turns (econsim answer)",
    "scorecard": "is about predictions and not about a comparison (docs: scorecard)",
}


def of_comparison(
    comparison: Comparison,
    points: Sequence[Point] = (),
    *,
    others: Sequence[Comparison] = (),
    spreads: Sequence[Spread] = (),
    members: Sequence[Comparison] = (),
    variants: Mapping[str, Comparison] | None = None,
    priors: Mapping[str, Prior] = PRIORS,
    given: Sequence[Figure] = (),
) -> tuple[list[Figure], dict[str, str]]:
    """Every figure that can be drawn of a comparison, in the order of a report.

    Args:
        comparison: a scenario minus its baseline.
        points: the same over lambda and the open share, for the joint figures.
        others: further scenarios against the same baseline, for the ranking.
        spreads: effects with kinds of uncertainty apart (an ensemble's), for that figure.
        members, variants: the comparison at an ensemble's parameter sets and under other readings
            of the model, for GDP with both drawn apart.
        priors: of lambda and the open share, marked on the contours.
        given: figures made elsewhere (decomposition, sensitivity, reversal, scorecard), which
            are put at the end.

    Returns:
        The figures; and for each figure that cannot be drawn its name and the reason.
    """
    makers: dict[str, Callable[[], Figure]] = {
        "adoption_by_size": lambda: adoption_by_size(comparison),
        "option_shares": lambda: option_shares(comparison),
        "lost_and_diverted": lambda: lost_and_diverted(comparison),
        "gdp_effect": lambda: gdp_effect(comparison),
        "incomes": lambda: incomes(comparison),
        "prices": lambda: prices(comparison),
        "sovereignty": lambda: sovereignty(comparison),
        "winners_and_losers": lambda: winners_and_losers(comparison),
        "member_states": lambda: member_states(comparison),
        "kinds_of_uncertainty": lambda: kinds_of_uncertainty(spreads, comparison),
        "gdp_bands": lambda: gdp_bands(comparison, members, variants or {}),
        "headline_grid": lambda: headline_grid(points),
        "joint_contour": lambda: joint_contour(points, priors),
        "policy_ranking": lambda: policy_ranking([comparison, *others]),
    }
    drawn: list[Figure] = []
    reasons: dict[str, str] = {}
    for name, make in makers.items():
        try:
            drawn.append(make())
        except ResultsError as reason:
            reasons[name] = str(reason)
    drawn += given
    have = {f.name for f in drawn}
    reasons |= {name: why for name, why in _OF_STUDIES.items() if name not in have}
    return drawn, reasons


__all__ = ["of_comparison"]
