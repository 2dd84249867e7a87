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
from econsim.figures.figure import Figure, provenance
from econsim.figures.panels import COLOURS, Row
from econsim.figures.studies import Words, rows, surface
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
    "Row",
    "Words",
    "adoption_by_size",
    "amount",
    "finding",
    "first_difference",
    "gdp_effect",
    "gdp_finding",
    "headline_grid",
    "interval",
    "last_year",
    "minus",
    "number",
    "place",
    "policy_start",
    "provenance",
    "rows",
    "run_size",
    "short_title",
    "surface",
    "titles",
]
