"""Maps of the member states: their shapes, and differences by member state."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from econsim.figures.distribution import counted, december
from econsim.figures.figure import Figure
from econsim.figures.panels import Map, Shape
from econsim.figures.paths import compose, tidy
from econsim.figures.words import holds_zero, interval, last_year, minus, number
from econsim.results import Comparison, Estimate, ResultsError

#: A closed line, ``(x, y)`` in kilometres, its first point not repeated.
Ring = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class State:
    """A member state on the map.

    Attributes:
        code: as Eurostat writes it (EL is Greece).
        name: in words.
        rings: outlines of its parts, the largest first.
    """

    code: str
    name: str
    rings: tuple[Ring, ...]


@dataclass(frozen=True)
class Outlines:
    """Shapes of the map, projected (ETRS89-LAEA Europe), in kilometres.

    Attributes:
        width, height: of the sheet; every point lies on it.
        states: by code.
        source, licence, note: where the shapes come from and what was done to them.
    """

    width: float
    height: float
    states: Mapping[str, State]
    source: str
    licence: str
    note: str


def outlines(path: str | Path | None = None) -> Outlines:
    """The shipped shapes of the 27 member states, or those of another file of the same form.

    Args:
        path: of a file to read instead (for tests).

    Raises:
        ResultsError: the file is missing or broken, with the part that is wrong.
    """
    shipped = Path(str(resources.files("econsim") / "data" / "member_states.json"))
    return _outlines(str(shipped if path is None else path))


@lru_cache(maxsize=4)
def _outlines(path: str) -> Outlines:
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        width, height = float(found["width"]), float(found["height"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultsError(f"{path}: no map to read: {error}") from None

    def ring(where: str, flat: Any) -> Ring:
        if not isinstance(flat, list) or len(flat) < 6 or len(flat) % 2:
            raise ResultsError(f"{path}, {where}: an outline needs three points or more")
        points = tuple((float(x), float(y)) for x, y in zip(flat[::2], flat[1::2], strict=True))
        if not all(0.0 <= x <= width and 0.0 <= y <= height for x, y in points):
            raise ResultsError(f"{path}, {where}: a point lies outside the sheet")
        return points

    try:
        states = {
            code: State(
                code, str(s["name"]), tuple(ring(f"state {code}", r) for r in s["rings"]),
            )
            for code, s in found["states"].items()
        }  # fmt: skip
        words = [str(found[k]) for k in ("source", "licence", "note")]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, ResultsError):
            raise
        raise ResultsError(f"{path}: a part of the map is broken: {error}") from None
    empty = [code for code, s in states.items() if not s.rings]
    if empty or not states:
        raise ResultsError(f"{path}: no outline of {empty[0] if empty else 'any state'}")
    return Outlines(width, height, states, *words)


#: What the maps show: outcome, heading, subject of a sentence.
_MAPS = (
    ("survey_use", "AI use as surveyed (10+ persons), points", "AI use"),
    ("gdp_gain", "GDP, points of GDP without general-purpose AI", "GDP"),
)


def member_states(comparison: Comparison) -> Figure:
    """Paired differences in AI use and in GDP by member state, on maps.

    Percentage points, December of the last year (GDP at a yearly rate, so that fresh and stored
    results show the same).

    Raises:
        ResultsError: the region has no member states, or results are not recorded by country.
    """
    main = comparison.a
    if main.manifest.get("region") != "EU27":
        raise ResultsError("the model knows the United States as one: there are no states to map")
    year = last_year(main)
    sheet = outlines()
    rows: list[dict[str, Any]] = []
    panels, clauses, alts = [], [], []
    unknown = [c for c in main.groups("gdp_gain", "country") if c not in sheet.states]
    if unknown:
        raise ResultsError(f"the map has no shape of {unknown[0]}")
    for name, heading, subject in _MAPS:
        unit = f"percentage points{main.unit(name).removeprefix('percent')}"
        gaps = {
            code: december(comparison, name, "country", code, year, unit)
            for code in main.groups(name, "country")
        }
        for code, gap in gaps.items():
            fixed = {
                "panel": name, "scenario": f"{main.scenario} minus {comparison.b.scenario}",
                "outcome": name, "country": code, "label": sheet.states[code].name,
            }  # fmt: skip
            rows += tidy(fixed, [f"{year}-12"], [gap])
        panels.append(_map(heading, unit, gaps, sheet))
        ordered = sorted(gaps.items(), key=lambda i: (i[1].mean, i[0]))
        listed = "; ".join(f"{sheet.states[c].name} {number(g)}" for c, g in ordered)
        clauses.append(
            counted(
                [(g, sheet.states[c].name) for c, g in gaps.items()],
                subject,
                "member state",
                "member states",
            )
        )
        alts.append(f"{heading}, from least to most: {listed}")
    return compose(
        comparison, "member_states", found=f"in {year}, {'; '.join(clauses)}",
        subtitle=f"Paired differences by member state, percentage points, December {year}",
        alt=f"Two maps of the European Union. {'. '.join(alts)}.",
        rows=rows, panels=panels,
        note="Grey: the interval holds zero; of 27 about one is clear by chance. "
        "Structures of member states are "
        "derived from few published figures: patterns, not country studies. Map: "
        f"{sheet.source}; Malta is drawn larger than it is.",
    )  # fmt: skip


#: Square kilometres of a state's largest part from which its code does not touch another's.
_ROOM = 32_000.0


def _has_room(state: State) -> bool:
    ring = state.rings[0]
    pairs = zip(ring, [*ring[1:], ring[0]], strict=True)
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)) / 2.0 >= _ROOM


def _map(heading: str, unit: str, gaps: dict[str, Estimate], sheet: Outlines) -> Map:
    """The map of one outcome: colours only where the interval holds no zero."""
    shapes = []
    for code, gap in gaps.items():
        state = sheet.states[code]
        unclear = holds_zero(gap) and gap.mean != 0.0
        shapes.append(
            Shape(
                state.name, state.rings, math.nan if unclear else gap.mean,
                f"{number(gap)} ({interval(gap)})", code if _has_room(state) else "",
            )
        )  # fmt: skip
    known = [s.value for s in shapes if math.isfinite(s.value)] or [0.0]
    reach = max(map(abs, known))
    digits = max(0, 1 - math.floor(math.log10(reach))) if reach > 0.0 else 0
    edges = (-reach, 0.0, reach) if reach > 0.0 else (0.0,)
    ticks = tuple((v, minus(f"{v:.{digits}f}")) for v in edges)
    return Map(
        heading, unit, tuple(shapes), ticks=ticks, missing="no clear difference", height=380.0
    )


__all__ = ["Outlines", "Ring", "State", "member_states", "outlines"]
