"""Maps of the member states: their shapes, and differences by member state."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from econsim.results import ResultsError

#: A closed line, ``(x, y)`` in kilometres, its first point not repeated.
Ring = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class State:
    """A member state on the map.

    Attributes:
        code: as Eurostat writes it (EL is Greece).
        name: in words.
        label: where its name may stand, inside its largest part.
        rings: outlines of its parts, the largest first.
    """

    code: str
    name: str
    label: tuple[float, float]
    rings: tuple[Ring, ...]


@dataclass(frozen=True)
class Outlines:
    """Shapes of the map, projected (ETRS89-LAEA Europe), in kilometres.

    Attributes:
        width, height: of the sheet; every point lies on it.
        states: by code.
        land: outlines of other countries, behind.
        source, licence, note: where the shapes come from and what was done to them.
    """

    width: float
    height: float
    states: Mapping[str, State]
    land: tuple[Ring, ...]
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
                code, str(s["name"]), (float(s["label"][0]), float(s["label"][1])),
                tuple(ring(f"state {code}", r) for r in s["rings"]),
            )
            for code, s in found["states"].items()
        }  # fmt: skip
        land = tuple(ring(f"land {i}", r) for i, r in enumerate(found["land"]))
        words = [str(found[k]) for k in ("source", "licence", "note")]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, ResultsError):
            raise
        raise ResultsError(f"{path}: a part of the map is broken: {error}") from None
    empty = [code for code, s in states.items() if not s.rings]
    if empty or not states:
        raise ResultsError(f"{path}: no outline of {empty[0] if empty else 'any state'}")
    return Outlines(width, height, states, land, *words)
