"""The point fit: default values of the free numbers, and the shifters of sectors and member states.

Least squares on the mean field, in turns with shrunken shifters.  The defaults in
:mod:`econsim.parameters` and the shipped table ``fitted_shifts`` come from it; how wrong they may
be is what the ensemble shows (:mod:`econsim.experiments.calibration`).  Rows of 2025 or later are
not read.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from econsim import meanfield, setting
from econsim import parameters as registry
from econsim.experiments import survey
from econsim.experiments.calibration import Prior, problem
from econsim.experiments.survey import Question, World, log_odds, wave_month
from econsim.scenario import Scenario

logger = logging.getLogger(__name__)

UNTIL = 2024
#: Share of a sector's or country's own deviation (log odds) that its shifters take up.
SHRINKAGE = 0.85
#: Standard deviation of a figure by size class about the model, percentage points.
_SIZE_ERROR = 0.3
_SHIFT_ROUNDS = 15
_OUTER_ROUNDS = 3

Shifts = dict[tuple[str, str, str], float]


@dataclass(frozen=True)
class Fit:
    """The result of a point fit.

    Attributes:
        values: fitted numbers.
        shifts: (dimension, key, indicator) -> log points.
        figures: (wave, size class) -> (model, observed), percent.
        worst: largest absolute error over the nine figures, percentage points.
    """

    values: dict[str, float]
    shifts: Shifts
    figures: dict[tuple[int, str], tuple[float, float]]
    worst: float


def _world(scenario: Scenario, shifts: Shifts) -> World:
    return World(survey.with_shifts(setting.bind(scenario), shifts), wave_month(UNTIL))


def _values(priors: tuple[Prior, ...], scores: np.ndarray) -> dict[str, float]:
    return {p.name: float(p.value(s)) for p, s in zip(priors, scores, strict=True)}


def fit(scenario: Scenario, progress: Callable[[float], None] | None = None) -> Fit:
    """Fit the free numbers and the shifters, in turns, to the observations up to 2024.

    Args:
        scenario: an EU baseline; its fitted parameters are ignored, all others kept.
        progress: called with the share of the work done.

    Raises:
        econsim.meanfield.MeanFieldError: no parameters near the priors reproduce the data.
        econsim.data.DataError: a broken table or a missing wave.
    """
    from scipy.optimize import least_squares

    chosen = problem(scenario, UNTIL)
    priors = tuple(p for p in chosen.priors if p.name != "survey.use_2024")
    questions = [o.question for o in chosen.observations]
    observed = np.array([o.value for o in chosen.observations])
    errors = np.array(
        [_SIZE_ERROR if o.question.kind == "size" else o.error for o in chosen.observations]
    )
    bounds = np.array([p.score_bounds() for p in priors]).T
    shifts: Shifts = {}
    scores = np.zeros(len(priors))
    for turn in range(_OUTER_ROUNDS):

        def residuals(x: np.ndarray, current: Shifts = shifts) -> np.ndarray:
            changed = scenario.with_changes(parameters=_values(priors, x))
            try:
                gaps = (_world(changed, current).answer(questions) - observed) / errors
            except meanfield.MeanFieldError:
                gaps = np.full(len(questions), 30.0)
            return np.concatenate([gaps, x])

        solved = least_squares(residuals, scores, bounds=bounds, diff_step=1e-3, max_nfev=20)
        scores = solved.x
        logger.info("turn %d: cost %.3f", turn + 1, solved.cost)
        shifts = fit_shifts(scenario.with_changes(parameters=_values(priors, scores)), shifts)
        if progress is not None:
            progress((turn + 1) / _OUTER_ROUNDS)
    values = {k: float(f"{v:.4g}") for k, v in _values(priors, scores).items()}
    shifts = {k: round(v, 4) for k, v in shifts.items()}
    sizes = [o for o in chosen.observations if o.question.kind == "size"]
    found = _world(scenario.with_changes(parameters=values), shifts).answer(
        [o.question for o in sizes]
    )
    figures = {
        (2021 + o.question.month // 12, o.question.key): (float(m), o.value)
        for o, m in zip(sizes, found, strict=True)
    }
    return Fit(values, shifts, figures, max(abs(m - y) for m, y in figures.values()))


#: Waves whose deviations narrow AI takes up: before general-purpose AI spread (sectors: 2023 is
#: the first wave).  The hurdle takes up those of 2024.
_BEFORE = {"sector": (2023,), "country": (2021, 2023)}


def fit_shifts(scenario: Scenario, start: Shifts) -> Shifts:
    """Shifters of sectors and member states, from deviations shrunk by :data:`SHRINKAGE`.

    Args:
        scenario: with the numbers to fit them at.
        start: where to begin.

    Raises:
        econsim.meanfield.MeanFieldError: the observed use cannot be reproduced.
    """
    facts = {d: survey.eu_use(d, UNTIL) for d in _BEFORE}

    def means(world: World) -> Shifts:
        """Mean log odds of the model's figures that each shifter answers for."""
        found: Shifts = {}
        for key, years in asked.items():
            figures = world.answer([Question(key[0], key[1], wave_month(y)) for y in years])
            if np.isfinite(figures).all():
                found[key] = float(np.mean([log_odds(f) for f in figures]))
        return found

    asked: dict[tuple[str, str, str], list[int]] = {}
    for dimension, table in facts.items():
        for group in sorted({k for _, k in table}):
            for indicator, waves in (("narrow", _BEFORE[dimension]), ("hurdle", (UNTIL,))):
                have = [y for y in waves if (y, group) in table]
                if have:
                    asked[dimension, group, indicator] = have
    plain = means(_world(scenario, {}))
    goals: Shifts = {}
    for key, base in plain.items():
        own = float(np.mean([log_odds(facts[key[0]][y, key[1]]) for y in asked[key]]))
        goals[key] = base + SHRINKAGE * (own - base)
    shifts = {k: start.get(k, 0.0) for k in sorted(goals)}
    share = _shares(scenario)
    for _ in range(_SHIFT_ROUNDS):
        now = means(_world(scenario, shifts))
        for key, goal in goals.items():
            step = (0.6 if key[2] == "narrow" else -0.5) * (goal - now[key])
            moved = shifts[key] + max(-0.4, min(0.4, step))
            shifts[key] = max(-3.0, min(3.0, moved))
        # Total use is met by the option constants, so hurdle shifters only tell groups apart:
        # their mean over surveyed firms is zero in each dimension.
        for dimension in _BEFORE:
            mine = [k for k in shifts if k[0] == dimension and k[2] == "hurdle"]
            total = sum(share[dimension, k[1]] for k in mine)
            mean = sum(shifts[k] * share[dimension, k[1]] for k in mine) / total
            for k in mine:
                shifts[k] -= mean
    return shifts


def _shares(scenario: Scenario) -> dict[tuple[str, str], float]:
    """Surveyed firms by sector and by member state."""
    bound = setting.bind(scenario)
    everyone = meanfield.nodes(bound)
    firms = everyone.take(meanfield.surveyed(bound, everyone))
    cells = bound.cells
    found: dict[tuple[str, str], float] = {}
    for dimension, names, index in (
        ("sector", cells.sectors, cells.sector), ("country", cells.countries, cells.country)
    ):  # fmt: skip
        weight = np.bincount(index[firms.cell], firms.weight, len(names))
        found |= {(dimension, k): float(w) for k, w in zip(names, weight, strict=True)}
    return found


def shifts_csv(shifts: Shifts) -> str:
    """The shifters as the shipped table ``fitted_shifts``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["dimension", "key", "indicator", "value", "unit", "year", "source", "licence",
         "reliability", "note"]
    )  # fmt: skip
    for (dimension, key, indicator), value in sorted(shifts.items(), reverse=True):
        source = "Eurostat isoc_eb_ain2" if dimension == "sector" else "Eurostat isoc_eb_ai"
        note = (
            "log points of the hurdle (positive: higher)"
            if indicator == "hurdle"
            else "log odds of narrow AI use"
        )
        writer.writerow(
            [dimension, key, indicator, value, "log points", UNTIL,
             f"econsim fit to {source} up to {UNTIL}", "Eurostat reuse policy, CC BY 4.0",
             "derived", note]
        )  # fmt: skip
    return text.getvalue()


def values_differ(found: Fit) -> dict[str, tuple[float, float]]:
    """Fitted numbers beside the shipped defaults: name -> (fitted, default)."""
    return {n: (v, registry.get(n).default) for n, v in found.values.items()}
