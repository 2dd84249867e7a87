"""When does it reverse?  Scenario discovery by PRIM, with the stability of what it finds.

PRIM (Friedman and Fisher 1999; Bryant and Lempert 2010) peels a box of parameter ranges in which
the cases of interest are dense.  It is EMA Workbench's; what is added is that the answer comes with
its stability: the same search on bootstrap resamples, which tells how often a parameter is in the
answer at all and between which values its limit lies.
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from econsim import draws
from econsim.experiments.design import DUMMY, StudyError

#: Share of points that a peel takes off, and least share that a box holds.
PEEL, LEAST_MASS = 0.05, 0.05
#: A limit counts when it cuts off more than this share of a parameter's range.
CUT = 0.02
#: A restriction that chance explains with at least this probability is dropped.
SIGNIFICANT = 0.05
#: A parameter belongs to the answer if it is restricted in at least this share of resamples.
STABLE = 0.5
#: With fewer cases, or fewer points that are none, no range is told.
FEWEST = 5


@dataclass(frozen=True)
class Restriction:
    """One parameter's range in the box.

    Attributes:
        parameter: name.
        low, high: of the box; infinite where it does not restrict.
        low_range, high_range: middle 90 % of the limit over resamples that restrict it there.
        stability: share of resamples that restrict the parameter.
    """

    parameter: str
    low: float
    high: float
    low_range: tuple[float, float]
    high_range: tuple[float, float]
    stability: float

    def words(self) -> str:
        """``choice.lambda below 0.31 (0.28 to 0.35, in 96 % of resamples)``."""
        stable = f"in {100 * self.stability:.0f} % of resamples"
        parts = []
        for limit, spread, word in (
            (self.low, self.low_range, "above"),
            (self.high, self.high_range, "below"),
        ):
            if math.isfinite(limit):
                around = f"{spread[0]:.3g} to {spread[1]:.3g}, " if math.isfinite(spread[0]) else ""
                parts.append(f"{word} {limit:.3g} ({around}{stable})")
        return f"{self.parameter} {' and '.join(parts)}"


@dataclass(frozen=True)
class Box:
    """Where the cases of interest are.

    Attributes:
        cases, points: cases of interest among all points.
        restrictions: the parameters that define the box, the most stable first.
        unstable: parameters that the search restricts, but not its resamples.
        coverage, coverage_range: share of the cases that are in the box; middle 90 % of the same
            for boxes found on resamples, judged on the points that these left out.
        density, density_range: share of the box's points that are cases; the same.
        mass: share of all points in the box.
        resamples: number of resamples.
    """

    cases: int
    points: int
    restrictions: tuple[Restriction, ...]
    unstable: tuple[str, ...]
    coverage: float
    coverage_range: tuple[float, float]
    density: float
    density_range: tuple[float, float]
    mass: float
    resamples: int

    def sentence(self, event: str) -> str:
        """When it happens, in a sentence.

        Args:
            event: what happens, such as ``the diverse ecosystem does not win``.
        """
        share = 100.0 * self.cases / self.points
        head = (
            f"{event[:1].upper()}{event[1:]} in {self.cases:,} of {self.points:,} futures "
            f"({share:.0f} %)"
        )
        if min(self.cases, self.points - self.cases) < FEWEST:
            none = self.cases in (0, self.points)
            return f"{head}{'.' if none else ': too few of one kind to tell where.'}"
        if not self.restrictions:
            loose = f" stably (found, but not stable: {', '.join(self.unstable)})"
            return f"{head}; no range tells where{loose if self.unstable else ''}."
        ranges = "; ".join(r.words() for r in self.restrictions)
        low, high = (100 * v for v in self.coverage_range)
        dense_low, dense_high = (100 * v for v in self.density_range)
        text = (
            f"{head}, mostly with {ranges}. That box holds {100 * self.coverage:.0f} % of these "
            f"cases ({low:.0f} to {high:.0f} on points left out), and {100 * self.density:.0f} % "
            f"of its futures are such cases ({dense_low:.0f} to {dense_high:.0f})"
        )
        if self.unstable:
            text += f"; not stable, and left out: {', '.join(self.unstable)}"
        return text + "."


@lru_cache(maxsize=1)
def _prim() -> Any:
    """EMA Workbench's PRIM; its import warns of optional parts that are not used here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ema_workbench.analysis import prim
    return prim


def _find(
    samples: np.ndarray, cases: np.ndarray, threshold: float, bottom: np.ndarray, top: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Limits of the box, infinite where it does not restrict."""
    low, high = _peel(samples, cases, threshold)
    reach = np.where(top > bottom, top - bottom, np.inf)
    return _needed(
        samples, cases,
        np.where((low - bottom) / reach > CUT, low, -np.inf),
        np.where((top - high) / reach > CUT, high, np.inf),
    )  # fmt: skip


def _peel(
    samples: np.ndarray, cases: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Limits (low, high) of the box that PRIM finds; the range of the samples where it has none."""
    import pandas as pd

    prim = _prim()
    names = [f"x{i}" for i in range(samples.shape[1])]
    settings: dict[str, Any] = {"peel_alpha": PEEL, "mass_min": LEAST_MASS}
    if "threshold" in inspect.signature(prim.Prim.__init__).parameters:  # before version 3
        # Above 0, which tells cases from others; the whole path is wanted, the box chosen below.
        settings["threshold"] = 1e-6
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas and seaborn, about the library's own code
        found = prim.Prim(pd.DataFrame(samples, columns=names), cases, **settings).find_box()
        if found is None:
            return samples.min(axis=0), samples.max(axis=0)
        path = found.peeling_trajectory
        coverage, density = path["coverage"].to_numpy(), path["density"].to_numpy()
        # Of the boxes that are dense enough (of all, if none is) the one that best joins both.
        joint = 2.0 * coverage * density / np.maximum(coverage + density, 1e-300)
        dense = density >= threshold
        pick = int(np.argmax(np.where(dense, joint, -1.0) if dense.any() else joint))
        limits = found.box_lims[pick]
    return (
        limits.iloc[0][names].to_numpy(dtype=float),
        limits.iloc[1][names].to_numpy(dtype=float),
    )


def _needed(
    samples: np.ndarray, cases: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The box without the restrictions that chance explains.

    Quasi-p of a restriction (Bryant and Lempert 2010): the probability that a box without it, of
    that density, would show as many cases in the box by chance.  The largest goes first, until all
    are below :data:`SIGNIFICANT`.
    """
    from scipy.stats import binom

    low, high = low.copy(), high.copy()
    while True:
        inside = _inside(samples, low, high)
        count, total = int(inside.sum()), int((inside & cases).sum())
        chances = {}
        for i in np.flatnonzero(np.isfinite(low) | np.isfinite(high)):
            wide_low, wide_high = low.copy(), high.copy()
            wide_low[i], wide_high[i] = -np.inf, np.inf
            density = float(cases[_inside(samples, wide_low, wide_high)].mean())
            chances[int(i)] = float(binom.sf(total - 1, count, density))
        worst = max(chances, key=lambda i: chances[i], default=None)
        if worst is None or chances[worst] < SIGNIFICANT:
            return low, high
        low[worst], high[worst] = -np.inf, np.inf


def _inside(samples: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return np.asarray(((samples >= low) & (samples <= high)).all(axis=1))


def discover(
    names: Sequence[str],
    samples: np.ndarray,
    cases: np.ndarray,
    *,
    threshold: float = 0.8,
    resamples: int = 50,
    seed: int = 1,
    progress: Callable[[float], None] | None = None,
) -> Box:
    """Find the box of parameter ranges in which the cases of interest are.

    Args:
        names: parameters, in the order of the columns (a dummy is left out).
        samples: ``ndarray[points, parameters]``.
        cases: ``ndarray[points]`` of bool.
        threshold: density that a box should reach.
        resamples: bootstrap resamples that tell stability.
        seed: of the resamples.
        progress: called with the share of the work done.

    Raises:
        StudyError: samples and cases do not fit together.
    """
    if samples.shape != (len(cases), len(names)):
        raise StudyError(
            f"samples do not match: {samples.shape[0]} points, {len(cases)} cases, "
            f"{len(names)} names"
        )
    keep = [i for i, n in enumerate(names) if n != DUMMY]
    names, x = [names[i] for i in keep], np.asarray(samples[:, keep], dtype=float)
    y = np.asarray(cases, dtype=bool)
    count, total = len(y), int(y.sum())
    if min(total, count - total) < FEWEST:
        all_points = (total / max(count, 1),) * 2
        return Box(total, count, (), (), 1.0, (1.0, 1.0), all_points[0], all_points, 1.0, 0)
    bottom, top = x.min(axis=0), x.max(axis=0)
    low, high = _find(x, y, threshold, bottom, top)
    lows, highs, outside = [], [], []
    for number in range(resamples):
        picks = (draws.uniforms(seed, f"discovery resample {number}", count) * count).astype(int)
        if y[picks].sum() >= 2 and (~y[picks]).sum() >= 2:
            one_low, one_high = _find(x[picks], y[picks], threshold, bottom, top)
            lows.append(one_low)
            highs.append(one_high)
            # The points that a resample leaves out judge the box that it finds.
            left = np.ones(count, dtype=bool)
            left[picks] = False
            if y[left].any():
                outside.append(_shares(_inside(x[left], lows[-1], highs[-1]), y[left]))
        if progress is not None:
            progress((number + 1) / resamples)
    all_low, all_high = np.array(lows), np.array(highs)
    stability = (np.isfinite(all_low) | np.isfinite(all_high)).mean(axis=0)
    restrictions, unstable = [], []
    box_low, box_high = np.full(len(names), -np.inf), np.full(len(names), np.inf)
    for i, name in enumerate(names):
        if not (np.isfinite(low[i]) or np.isfinite(high[i])):
            continue
        if stability[i] < STABLE:
            unstable.append(name)
            continue
        box_low[i], box_high[i] = low[i], high[i]
        restrictions.append(
            Restriction(
                name, float(box_low[i]), float(box_high[i]), _middle(all_low[:, i]),
                _middle(all_high[:, i]), float(stability[i]),
            )
        )  # fmt: skip
    restrictions.sort(key=lambda r: -r.stability)
    inside = _inside(x, box_low, box_high)
    coverage, density = _shares(inside, y)
    ranges = (
        np.quantile(np.array(outside), [0.05, 0.95], axis=0)
        if outside
        else np.full((2, 2), math.nan)
    )
    return Box(
        total, count, tuple(restrictions), tuple(unstable),
        coverage, (float(ranges[0, 0]), float(ranges[1, 0])),
        density, (float(ranges[0, 1]), float(ranges[1, 1])),
        float(inside.mean()), resamples,
    )  # fmt: skip


def _middle(limits: np.ndarray) -> tuple[float, float]:
    known = limits[np.isfinite(limits)]
    if not len(known):
        return math.nan, math.nan
    low, high = np.quantile(known, [0.05, 0.95])
    return float(low), float(high)


def _shares(inside: np.ndarray, cases: np.ndarray) -> tuple[float, float]:
    """Coverage and density."""
    both = float((inside & cases).sum())
    return both / max(float(cases.sum()), 1.0), both / max(float(inside.sum()), 1.0)
