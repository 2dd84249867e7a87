"""Figures of studies: what matters, which arm, where it reverses.

All are rows with a value and ranges, drawn as points and bars; the words come with them, since a
study's finding is a sentence of its analysis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from econsim.figures.comparison import maps
from econsim.figures.figure import Figure
from econsim.figures.panels import Row, Rows
from econsim.figures.words import CONDITIONAL, PLACES, SOURCES


@dataclass(frozen=True)
class Words:
    """What a figure of a study says and where it comes from.

    Attributes:
        title: the finding.
        subtitle: what is drawn.
        note: what ranges mean, how many runs; an incomplete study says so here and above.
        caution: that the study is incomplete, or nothing.
        region: of the study.
        provenance: birth certificate of the store.
    """

    title: str
    subtitle: str
    note: str
    caution: str
    region: str
    provenance: Mapping[str, Any]


def rows(
    name: str, given: Sequence[Row], unit: str, words: Words, line: float | None = 0.0
) -> Figure:
    """A figure of rows: a point with an inner and an outer range each.

    Args:
        name: identifier.
        given: from top to bottom.
        unit: of the axis.
        words: of the figure.
        line: where the reference line stands; without one, ranges are drawn and no points.
    """
    import pandas as pd

    data = pd.DataFrame([{**vars(r), "unit": unit} for r in given])
    listed = "; ".join(f"{r.label}: {r.text or f'{r.value:.3g}'}" for r in given)
    return Figure(
        name=name,
        title=words.title,
        subtitle=subtitle_of_study(words),
        alt=f"{words.caution}Rows with ranges, {unit}. {listed}.",
        note=f"{words.caution}{words.note} {CONDITIONAL}",
        source=source_of_study(words),
        data=data,
        provenance=words.provenance,
        panels=(Rows(unit.partition(",")[0], unit, tuple(given), line),),
    )


def surface(name: str, points: Sequence[Mapping[str, Any]], words: Words) -> Figure:
    """Differences over lambda and the open share, one map an outcome.

    Args:
        name: identifier.
        points: rows with ``outcome, label, unit, lambda, open_share, mean, low, high, n``.
        words: of the figure.
    """
    import pandas as pd

    data = pd.DataFrame(list(points))
    parts = [
        f"{label}: {part['mean'].min():.3g} to {part['mean'].max():.3g} {part['unit'].iloc[0]}"
        for label, part in data.groupby("label", sort=False)
    ]
    return Figure(
        name=name,
        title=words.title,
        subtitle=subtitle_of_study(words),
        alt=f"{words.caution}Tables of differences by lambda and open share. {'; '.join(parts)}.",
        note=f"{words.caution}{words.note} {CONDITIONAL}",
        source=source_of_study(words),
        data=data,
        provenance=words.provenance,
        panels=maps(data),
    )


def subtitle_of_study(words: Words) -> str:
    """What a study's figure draws, and where."""
    where = PLACES.get(words.region, words.region)
    text = words.caution + words.subtitle
    return text if where in text else f"{text.rstrip('. ')}; {where}."


def source_of_study(words: Words) -> str:
    """Where the data of the model behind a study come from."""
    runs = words.provenance.get("results", [{}])
    made = words.provenance.get("made_with", runs[0])
    text = SOURCES.get(words.region, "econsim {version}.")
    return text.format(version=made.get("econsim", ""))
