"""Figures: each a pure function of results, with its data, words and provenance.

A :class:`Figure` says its finding in the title, computed from the numbers it draws; carries the
drawn data as a tidy table, a text for those who cannot see it, a source note and the provenance of
the runs; and draws itself.

Every band is the interval of a mean over replicates (Monte Carlo noise); what nobody knows about
the parameters is shown by :func:`headline_grid`.
"""

from econsim.figures.comparison import (
    adoption_by_size,
    first_difference,
    gdp_effect,
    headline_grid,
    policy_start,
)
from econsim.figures.distribution import lost_and_diverted, winners_and_losers
from econsim.figures.figure import Figure, provenance
from econsim.figures.gallery import of_comparison
from econsim.figures.panels import COLOURS, Row
from econsim.figures.paths import incomes, option_shares, prices, sovereignty
from econsim.figures.places import member_states, outlines
from econsim.figures.studies import Words, rows, surface
from econsim.figures.uncertainty import (
    Part,
    Predicted,
    gdp_bands,
    joint_contour,
    kinds_of_uncertainty,
    policy_ranking,
    scorecard,
    surface_contour,
    tornado,
    waterfall,
)
from econsim.figures.words import (
    CONDITIONAL,
    HEADLINE_GROUP,
    PERSONS,
    amount,
    finding,
    gdp_finding,
    interval,
    last_year,
    minus,
    number,
    place,
    run_size,
    short_title,
    titles,
)

__all__ = [
    "COLOURS",
    "CONDITIONAL",
    "HEADLINE_GROUP",
    "PERSONS",
    "Figure",
    "Part",
    "Predicted",
    "Row",
    "Words",
    "adoption_by_size",
    "amount",
    "finding",
    "first_difference",
    "gdp_bands",
    "gdp_effect",
    "gdp_finding",
    "headline_grid",
    "incomes",
    "interval",
    "joint_contour",
    "kinds_of_uncertainty",
    "last_year",
    "lost_and_diverted",
    "member_states",
    "minus",
    "number",
    "of_comparison",
    "option_shares",
    "outlines",
    "place",
    "policy_ranking",
    "policy_start",
    "prices",
    "provenance",
    "rows",
    "run_size",
    "scorecard",
    "short_title",
    "sovereignty",
    "surface",
    "surface_contour",
    "titles",
    "tornado",
    "waterfall",
    "winners_and_losers",
]
