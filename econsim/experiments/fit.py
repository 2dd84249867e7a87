"""A first fit of the few free numbers to observed AI use, 2021, 2023 and 2024.

Least squares on the mean field (chance integrated out, so luck is common to all trials), with
weak priors on every fitted number and shrunken shifters for sectors and member states.  Nothing
of 2025 or later is read.  What data on use do not identify (lambda, open share, ceiling, depth,
saving, persistence, ...) keeps its default.
"""

from __future__ import annotations

import csv
import io
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from econsim import data, meanfield, setting
from econsim import parameters as registry
from econsim.scenario import Scenario
from econsim.setting import Setting

logger = logging.getLogger(__name__)

WAVES = (2021, 2023, 2024)
SIZES = ("10-49", "50-249", "250+")

#: Fitted number -> (prior centre, prior standard deviation), natural units (log for hazards).
PRIORS: dict[str, tuple[float, float]] = {
    "choice.beta": (0.6, 0.2),
    "considering.hazard": (math.log(0.015), 1.0),
    "considering.size_slope": (0.35, 0.15),
    "considering.maturity_slope": (0.5, 0.4),
    "considering.applicable_share": (0.6, 0.15),
    "considering.applicable_size_slope": (0.15, 0.15),
    "hurdle.size_elasticity": (0.6, 0.25),
    "hurdle.decline": (0.1, 0.1),
    "hurdle.maturity_effect": (0.8, 0.5),
    "coverage.midpoint": (48.0, 10.0),
    "coverage.rate": (math.log(0.06), 0.4),
    "narrow.level": (-3.0, 1.0),
    "narrow.size_slope": (0.4, 0.2),
    "narrow.maturity_slope": (0.6, 0.5),
}
_LOGARITHMIC = ("considering.hazard", "coverage.rate")
#: Standard deviation of a survey figure about the model, percentage points.
SURVEY_ERROR = 0.3
#: The same for the share of small firms that considered AI and do not use it: by wave.  That of
#: 2023 was partly about narrow AI, so it weighs little.
CONSIDERED_ERROR = {2023: 3.0, 2024: 1.0}
#: Share of a sector's or country's own deviation (log odds) that its shifters take up.
SHRINKAGE = 0.85
_SHIFT_ROUNDS = 15
_OUTER_ROUNDS = 3


@dataclass(frozen=True)
class Observed:
    """EU survey figures used, percent of enterprises.

    Attributes:
        size: (year, size class) -> percent.
        sector: (year, section) -> percent.
        country: (year, member state) -> percent.
        considered: (year, size class) -> percent that considered AI and do not use it.
    """

    size: dict[tuple[int, str], float]
    sector: dict[tuple[int, str], float]
    country: dict[tuple[int, str], float]
    considered: dict[tuple[int, str], float]


def observed() -> Observed:
    """The observations of 2021, 2023 and 2024.

    Raises:
        econsim.data.DataError: a broken table, or a wave that is missing.
    """

    def read(table: str, key: str) -> dict[tuple[int, str], float]:
        frame = data.table(table)
        return {
            (int(r["year"]), str(r[key])): float(r["value"])
            for r in frame.to_dict("records")
            if int(r["year"]) in WAVES
        }

    found = Observed(
        read("ai_use_by_size", "size_class"),
        read("ai_use_by_sector", "sector"),
        read("ai_use_by_country", "country"),
        read("ai_considered", "size_class"),
    )
    for year in WAVES:
        for size in SIZES:
            if (year, size) not in found.size:
                raise data.DataError("ai_use_by_size", f"wave {year} of class {size} is missing")
    return found


def wave_month(year: int) -> int:
    """A wave means the end of February of its year; months after January 2021."""
    return (year - 2021) * 12 + 1


@dataclass(frozen=True)
class Prediction:
    """What the model says each survey figure is, keyed as :class:`Observed`."""

    size: dict[tuple[int, str], float]
    sector: dict[tuple[int, str], float]
    country: dict[tuple[int, str], float]
    considered: dict[tuple[int, str], float]
    total: dict[int, float]


def predict(bound: Setting, years: tuple[int, ...] = WAVES) -> Prediction:
    """Survey figures of the mean field, through the EU survey's scope (10 or more persons)."""
    everyone = meanfield.nodes(bound)
    firms = everyone.take(meanfield.surveyed(bound, everyone))
    walked = meanfield.path(bound, wave_month(max(years)) + 1)
    cells = bound.cells
    labels = {
        "size": (cells.size_classes, cells.size[firms.cell]),
        "sector": (cells.sectors, cells.sector[firms.cell]),
        "country": (cells.countries, cells.country[firms.cell]),
    }
    tables: dict[str, dict[tuple[int, str], float]] = {k: {} for k in labels}
    total = {}
    considered: dict[tuple[int, str], float] = {}
    narrow = firms.traits.narrow_share
    for year in years:
        general = meanfield.general_use(bound, walked, firms, wave_month(year)).sum(axis=1)
        use = firms.weight * (narrow + (1.0 - narrow) * general)
        total[year] = 100.0 * float(use.sum() / firms.weight.sum())
        considering = meanfield.considering_share(bound, firms, walked.cumulative[wave_month(year)])
        declined = firms.weight * (1.0 - narrow) * np.maximum(considering - general, 0.0)
        for kind, (names, index) in labels.items():
            if kind == "size":
                top = np.bincount(index, weights=declined, minlength=len(names))
                bottom = np.bincount(index, weights=firms.weight, minlength=len(names))
                for name, a, b in zip(names, top, bottom, strict=True):
                    if b > 0.0:
                        considered[year, name] = 100.0 * float(a / b)
            top = np.bincount(index, weights=use, minlength=len(names))
            bottom = np.bincount(index, weights=firms.weight, minlength=len(names))
            for name, a, b in zip(names, top, bottom, strict=True):
                if b > 0.0:
                    tables[kind][year, name] = 100.0 * float(a / b)
    return Prediction(tables["size"], tables["sector"], tables["country"], considered, total)


Shifts = dict[tuple[str, str, str], float]


def _with_shifts(bound: Setting, shifts: Mapping[tuple[str, str, str], float]) -> Setting:
    cells = bound.cells

    def column(indicator: str) -> np.ndarray:
        sector = np.array([shifts.get(("sector", s, indicator), 0.0) for s in cells.sectors])
        country = np.array([shifts.get(("country", c, indicator), 0.0) for c in cells.countries])
        return np.asarray(sector[cells.sector] + country[cells.country])

    return replace(bound, hurdle_shift=column("hurdle"), narrow_shift=column("narrow"))


def _bound(scenario: Scenario, shifts: Shifts) -> Setting:
    plain = _with_shifts(setting.bind(scenario), shifts)
    return replace(plain, tastes=meanfield.solve_bound(plain))


def _to_values(point: np.ndarray) -> dict[str, float]:
    return {
        name: math.exp(x) if name in _LOGARITHMIC else float(x)
        for name, x in zip(PRIORS, point, strict=True)
    }


def _bounds() -> tuple[np.ndarray, np.ndarray]:
    low, high = [], []
    for name in PRIORS:
        parameter = registry.get(name)
        edges = (parameter.low, parameter.high)
        if name in _LOGARITHMIC:
            edges = (math.log(parameter.low), math.log(parameter.high))
        low.append(edges[0])
        high.append(edges[1])
    return np.array(low), np.array(high)


@dataclass(frozen=True)
class Fit:
    """The result of a fit.

    Attributes:
        values: fitted numbers.
        shifts: (dimension, key, indicator) -> log points.
        prediction: survey figures at the fit.
        worst: largest absolute error over the nine size figures, percentage points.
        singular_values: of the data's information on the fitted numbers, prior units.
    """

    values: dict[str, float]
    shifts: Shifts
    prediction: Prediction
    worst: float
    singular_values: np.ndarray


def fit(scenario: Scenario, progress: Callable[[float], None] | None = None) -> Fit:
    """Fit the free numbers and the shifters, in turns, to the observations up to 2024.

    Args:
        scenario: an EU baseline; its fitted parameters are ignored, all others kept.
        progress: called with the share of the work done.

    Raises:
        econsim.meanfield.MeanFieldError: no parameters near the priors reproduce the data.
    """
    from scipy.optimize import least_squares

    facts = observed()
    keys = [(year, size) for year in WAVES for size in SIZES]
    centre = np.array([m for m, _ in PRIORS.values()])
    spread = np.array([s for _, s in PRIORS.values()])
    low, high = _bounds()
    shifts: Shifts = {}
    point = centre.copy()
    count = len(keys) + len(facts.considered)
    jacobian = np.zeros((count, len(centre)))

    for turn in range(_OUTER_ROUNDS):
        turn_shifts = dict(shifts)

        def residuals(x: np.ndarray, current: Shifts = turn_shifts) -> np.ndarray:
            try:
                bound = _bound(scenario.with_changes(parameters=_to_values(x)), current)
                found = predict(bound)
                gaps = [(found.size[k] - facts.size[k]) / SURVEY_ERROR for k in keys]
                gaps += [
                    (found.considered[k] - v) / CONSIDERED_ERROR[k[0]]
                    for k, v in facts.considered.items()
                ]
            except meanfield.MeanFieldError:
                gaps = [30.0] * (len(keys) + len(facts.considered))
            return np.concatenate([gaps, (x - centre) / spread])

        solved = least_squares(
            residuals, point, bounds=(low, high), x_scale=spread, diff_step=1e-4, max_nfev=20
        )
        point = solved.x
        jacobian = solved.jac[:count] * spread[None, :]
        logger.info("turn %d: cost %.3f", turn + 1, solved.cost)
        shifts = _fit_shifts(scenario.with_changes(parameters=_to_values(point)), shifts, facts)
        if progress is not None:
            progress((turn + 1) / _OUTER_ROUNDS)

    values = {k: float(f"{v:.4g}") for k, v in _to_values(point).items()}
    shifts = {k: round(v, 4) for k, v in shifts.items()}
    bound = _bound(scenario.with_changes(parameters=values), shifts)
    prediction = predict(bound)
    worst = max(abs(prediction.size[k] - facts.size[k]) for k in keys)
    singular = np.linalg.svd(jacobian, compute_uv=False)
    return Fit(values, shifts, prediction, worst, singular)


def _log_odds(percent: float) -> float:
    share = min(max(percent / 100.0, 1e-4), 1.0 - 1e-4)
    return math.log(share / (1.0 - share))


def _fit_shifts(scenario: Scenario, start: Shifts, facts: Observed) -> Shifts:
    """Shifters of sectors and member states.

    Narrow AI takes up the deviations of the waves before general-purpose AI spread (countries:
    2021 and 2023; sectors: 2023, the first wave by sector), the hurdle those of 2024.  Deviations
    are from the model without shifters and are shrunk by SHRINKAGE.
    """
    plain = predict(_bound(scenario, {}))
    before = {"sector": (2023,), "country": (2021, 2023)}
    goals: dict[tuple[str, str, str], float] = {}
    for dimension, table, model in (
        ("sector", facts.sector, plain.sector),
        ("country", facts.country, plain.country),
    ):
        for key in {k for _, k in table}:
            for indicator, years in (("narrow", before[dimension]), ("hurdle", (2024,))):
                have = [y for y in years if (y, key) in table and (y, key) in model]
                if have:
                    own = np.mean([_log_odds(table[y, key]) for y in have])
                    base = np.mean([_log_odds(model[y, key]) for y in have])
                    goals[dimension, key, indicator] = float(base + SHRINKAGE * (own - base))
    shifts = {k: start.get(k, 0.0) for k in sorted(goals)}
    # Total use is met by the option constants, so hurdle shifters only tell groups apart: their
    # mean over surveyed firms is zero in each dimension.
    bound = setting.bind(scenario)
    everyone = meanfield.nodes(bound)
    firms = everyone.take(meanfield.surveyed(bound, everyone))
    cells = bound.cells
    share = {
        ("sector", k): w
        for k, w in zip(cells.sectors, np.bincount(cells.sector[firms.cell], firms.weight,
                                                   len(cells.sectors)), strict=True)
    } | {
        ("country", k): w
        for k, w in zip(cells.countries, np.bincount(cells.country[firms.cell], firms.weight,
                                                     len(cells.countries)), strict=True)
    }  # fmt: skip
    for _ in range(_SHIFT_ROUNDS):
        now = predict(_bound(scenario, shifts))
        for (dimension, key, indicator), goal in goals.items():
            model = now.sector if dimension == "sector" else now.country
            years = before[dimension] if indicator == "narrow" else (2024,)
            have = [y for y in years if (y, key) in model]
            gap = goal - float(np.mean([_log_odds(model[y, key]) for y in have]))
            step = 0.6 * gap if indicator == "narrow" else -0.5 * gap
            moved = shifts[dimension, key, indicator] + max(-0.4, min(0.4, step))
            shifts[dimension, key, indicator] = max(-3.0, min(3.0, moved))
        for dimension in before:
            mine = [k for k in shifts if k[0] == dimension and k[2] == "hurdle"]
            total = sum(share[dimension, k[1]] for k in mine)
            mean = sum(shifts[k] * share[dimension, k[1]] for k in mine) / total
            for k in mine:
                shifts[k] -= mean
    return shifts


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
            [dimension, key, indicator, value, "log points", 2024,
             f"econsim fit to {source} up to 2024", "Eurostat reuse policy, CC BY 4.0",
             "derived", note]
        )  # fmt: skip
    return text.getvalue()
