"""Designs: which points of what nobody knows a study visits.

Grid, Latin hypercube (SciPy), Saltelli's design for Sobol indices and Morris's for elementary
effects (SALib), points written out, and an ensemble from a file.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from econsim import data
from econsim import parameters as registry
from econsim import scenario as scenarios
from econsim.experiments import ensemble
from econsim.experiments.faults import EnsembleError
from econsim.scenario import ScenarioError, Strict

#: Name of the factor that acts on nothing: what an index says of it is noise.
DUMMY = "dummy"
#: Attributes of instruments that nobody knows: they vary like parameters, within 0 and 1, on every
#: instrument that has them.
ATTRIBUTES = {"ban.reentry_share": "reentry_share"}
#: Columns of an ensemble's file that are no parameters.
_BESIDE = ("member", "region", "weight", "scored_weight", "reporting.slope")


class StudyError(ScenarioError):
    """A study that cannot be run as written; the message names file and line."""


Ranges = dict[str, tuple[float, float]]
Seed = Field(default=1, ge=0, le=2**31 - 1)


class Grid(Strict):
    """Every combination of listed values."""

    design: Literal["grid"]
    values: dict[str, tuple[float, ...]] = Field(min_length=1)


class LatinHypercube(Strict):
    """Latin hypercube over ranges (uniform)."""

    design: Literal["lhs"]
    samples: int = Field(ge=2, le=100_000)
    seed: int = Seed
    ranges: Ranges = Field(min_length=1)


class Sobol(Strict):
    """Saltelli's design for Sobol indices: ``samples * (factors + 2)`` points."""

    design: Literal["sobol"]
    samples: int = Field(ge=4, le=65536)
    seed: int = Seed
    ranges: Ranges = Field(min_length=1)

    @model_validator(mode="after")
    def _power(self) -> Sobol:
        if self.samples & (self.samples - 1):
            near = 2 ** round(math.log2(self.samples))
            raise ValueError(f"samples must be a power of 2 (such as {near})")
        return self


class Morris(Strict):
    """Morris's elementary effects: ``trajectories * (factors + 1)`` points."""

    design: Literal["morris"]
    trajectories: int = Field(ge=2, le=10_000)
    levels: int = Field(default=4, ge=4, le=32, multiple_of=2)
    seed: int = Seed
    ranges: Ranges = Field(min_length=1)


class Listed(Strict):
    """Points written out."""

    design: Literal["list"]
    points: tuple[dict[str, float], ...] = Field(min_length=1)


class Ensemble(Strict):
    """Parameter sets of a file: CSV with one column a parameter, or a YAML list of mappings.

    A CSV may also have ``region`` (others' rows are left out) and ``weight`` (members are then
    chosen in proportion to it, so that those chosen count alike).  Without a file: the calibrated
    ensemble that econsim ships.
    """

    design: Literal["ensemble"]
    file: str | None = Field(default=None, min_length=1)
    members: int | None = Field(default=None, ge=1)
    without: tuple[str, ...] = Field(default=(), description="parameters left as they are")


DESIGNS: dict[str, type[Strict]] = {
    "grid": Grid,
    "lhs": LatinHypercube,
    "sobol": Sobol,
    "morris": Morris,
    "list": Listed,
    "ensemble": Ensemble,
}
#: Designs whose points belong together: they cannot be crossed with another design.
STRUCTURED = ("sobol", "morris")


# --- designs ---------------------------------------------------------------------------------


def problem(ranges: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    """The factors as SALib wants them, with the dummy last."""
    return {
        "num_vars": len(ranges) + 1,
        "names": [*ranges, DUMMY],
        "bounds": [*(list(r) for r in ranges.values()), [0.0, 1.0]],
    }


def sample(
    design: Strict, beside: Path | None = None, region: str = "EU27"
) -> list[dict[str, float]]:
    """The points of one design, as mappings from parameter to value.

    Args:
        design: which.
        beside: folder of the study, for an ensemble's file.
        region: whose members of an ensemble.

    Raises:
        StudyError: an ensemble's file cannot be used.
    """
    if isinstance(design, Grid):
        names = list(design.values)
        return [
            dict(zip(names, chosen, strict=True))
            for chosen in itertools.product(*design.values.values())
        ]
    if isinstance(design, LatinHypercube):
        from scipy.stats import qmc

        unit = qmc.LatinHypercube(len(design.ranges), rng=design.seed).random(design.samples)
        low, high = (np.array([r[i] for r in design.ranges.values()]) for i in (0, 1))
        return _rows(list(design.ranges), low + unit * (high - low))
    if isinstance(design, Sobol):
        from SALib.sample import sobol

        given = problem(design.ranges)
        found = sobol.sample(given, design.samples, calc_second_order=False, seed=design.seed)
        return _rows(given["names"], found)
    if isinstance(design, Morris):
        from SALib.sample import morris

        given = problem(design.ranges)
        found = morris.sample(
            given, design.trajectories, num_levels=design.levels, seed=design.seed
        )
        return _rows(given["names"], found)
    if isinstance(design, Listed):
        return [dict(p) for p in design.points]
    assert isinstance(design, Ensemble)
    return _members(design, beside, region)


def _rows(names: Sequence[str], matrix: np.ndarray) -> list[dict[str, float]]:
    return [dict(zip(names, map(float, row), strict=True)) for row in matrix]


def _members(design: Ensemble, beside: Path | None, region: str) -> list[dict[str, float]]:
    if design.file is None:
        path = Path(data.__file__).resolve().parent / "data" / "ensemble" / "ensemble.csv"
        try:
            ensemble.load(region)  # that it is whole, and what its card describes
        except EnsembleError as error:
            raise StudyError(f"the shipped ensemble cannot be used: {error}") from None
    else:
        path = Path(design.file)
        if not path.is_absolute() and beside is not None:
            path = beside / path
    weights: list[float] = []
    if path.suffix == ".csv":
        members, weights = _csv_members(path, region)
    else:
        document = scenarios.read(path)
        value = document.value
        if not isinstance(value, list) or not all(isinstance(m, dict) for m in value):
            raise document.error((), "an ensemble is a list of 'parameter: value' mappings")
        members = [dict(m) for m in value]
    if not members:
        raise StudyError(f"{path}:1: the ensemble has no members for {region}")
    if any(set(m) != set(members[0]) for m in members):
        raise StudyError(f"{path}: members do not all give the same parameters")
    unknown = [n for n in design.without if n not in members[0]]
    if unknown:
        hint = registry.nearest(unknown[0], members[0])
        raise StudyError(f"{path}: the ensemble has no '{unknown[0]}' to leave out{hint}")
    count = design.members or len(members)
    if count > len(members):
        raise StudyError(f"{path}: {count} members are asked for, the file has {len(members)}")
    if weights:
        # Systematic resampling: those chosen stand for all, and count alike.
        edges = np.cumsum(weights) / np.sum(weights)
        places = (np.arange(count) + 0.5) / count
        chosen = np.minimum(np.searchsorted(edges, places), len(members) - 1)
        members = [members[i] for i in chosen]
    return [{k: v for k, v in m.items() if k not in design.without} for m in members[:count]]


def _csv_members(path: Path, region: str) -> tuple[list[dict[str, float]], list[float]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise StudyError(f"ensemble '{path}' cannot be read: {reason}") from None
    reader = csv.DictReader(io.StringIO(text))
    known = {**registry.PARAMETERS, **dict.fromkeys(ATTRIBUTES)}
    columns = list(reader.fieldnames or ())
    unknown = [c for c in columns if c not in known and c not in _BESIDE]
    if unknown:
        hint = registry.nearest(str(unknown[0]), known)
        raise StudyError(f"{path}:1: unknown parameter '{unknown[0]}'{hint}")
    members, weights = [], []
    for number, row in enumerate(reader, start=2):
        if row.get("region", region) != region:
            continue
        try:
            # An empty cell: the fit of this region does not move that parameter.
            members.append({k: float(v) for k, v in row.items() if k in known and v != ""})
            if "weight" in columns:
                weights.append(float(row["weight"]))
        except (TypeError, ValueError):
            raise StudyError(f"{path}:{number}: not a row of numbers") from None
        if weights and not 0.0 <= weights[-1] < math.inf:
            raise StudyError(f"{path}:{number}: a weight is a number from 0")
    if weights and not sum(weights) > 0.0:
        raise StudyError(f"{path}: all weights are 0")
    return members, weights
