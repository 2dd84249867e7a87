"""Prediction out of sample and its scores.

A group (size class, member state, sector) deviates from what the mean field says of it by a
discrepancy in log odds that persists.  From the last wave seen, ``y0`` at model value ``m0``, the
prediction of the next is

.. math:: \\mathrm{logit}\\, y = \\mathrm{logit}\\, m + a + \\phi\\,(\\mathrm{logit}\\, y_0 -
          \\mathrm{logit}\\, m_0) + \\sigma\\epsilon

with ``m`` from every member of the scored ensemble (which saw nothing of the year predicted), and
``a``, ``phi``, ``sigma`` from earlier transitions of the same kind of group.  The model value of
member states and sectors is the EU total: what tells them apart is carried by the discrepancy.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from econsim import data, draws
from econsim import parameters as registry
from econsim.experiments import survey
from econsim.experiments.faults import ScoringError
from econsim.experiments.survey import log_odds, percent

#: Quantiles that the shipped predictions store.
LEVELS = tuple(round(0.05 * n, 2) for n in range(1, 20))
FAMILIES = ("size", "country", "sector")
#: One-year-ahead innovation of a size class, log odds (assumption: deviations of the classes from
#: the total moved by about 0.06 between waves; the rest is for the level).
SIZE_INNOVATION = 0.1
_NOISE_DRAWS = 40
_COLUMNS = ("geo", "year", "value")
_GEO = {"EU27_2020": "EU27", "EU": "EU27", "GR": "EL"}
_SIZES = {"GE10": "10+", "10-49": "10-49", "50-249": "50-249", "250+": "250+", "GE250": "250+"}


# --- The discrepancy ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Persistence:
    """How a group's deviation from the total moves from wave to wave, log odds.

    Attributes:
        intercept, slope: of the later deviation on the earlier one; the slope per year.
        innovation: standard deviation of what is left.
        transitions: how many were used.
    """

    intercept: float
    slope: float
    innovation: float
    transitions: int


def persistence(
    observed: Mapping[tuple[int, str], float], totals: Mapping[int, float], until: int
) -> Persistence:
    """Pooled least squares over all transitions between consecutive waves up to a year.

    ``deviation(late) = intercept + slope ** years * deviation(early) + innovation``.

    Args:
        observed: (wave, group) -> percent.
        totals: wave -> percent of all enterprises.
        until: last wave used.

    Raises:
        ScoringError: fewer than five transitions.
    """
    from scipy.optimize import minimize_scalar

    years = sorted({y for y, _ in observed if y <= until})
    rows = []
    for early, late in itertools.pairwise(years):
        for group in sorted({g for y, g in observed if y == early and g != "10+"}):
            if (late, group) in observed:
                gaps = [log_odds(observed[y, group]) - log_odds(totals[y]) for y in (early, late)]
                rows.append([*gaps, late - early])
    if len(rows) < 5:
        raise ScoringError(f"only {len(rows)} transitions between waves up to {until}")
    x, y, span = np.array(rows, float).T

    def fitted(slope: float) -> tuple[float, np.ndarray]:
        left = y - np.sign(slope) * np.abs(slope) ** span * x
        return float(left.mean()), left - left.mean()

    found = minimize_scalar(
        lambda slope: float((fitted(slope)[1] ** 2).sum()), bounds=(0.0, 1.5), method="bounded"
    )
    slope = round(float(found.x), 4)
    intercept, left = fitted(slope)
    spread = float(np.sqrt(left @ left / (len(left) - 2)))
    return Persistence(round(intercept, 4), slope, round(spread, 4), len(left))


def predictive(
    model: np.ndarray, model_before: np.ndarray, before: float, kept: Persistence, error: float,
    seed: int, purpose: str,
) -> np.ndarray:  # fmt: skip
    """Draws of a group's next figure, percent.

    Args:
        model: the group's model value in the year predicted, ``ndarray[members]``, percent.
        model_before: the same in the last wave seen.
        before: observed then, percent; NaN where it may not be seen (then no persistence and the
            spread of deviations in ``kept.innovation``).
        kept: the discrepancy.
        error: standard error of the survey figure, percentage points.
        seed, purpose: address of the noise.

    Returns:
        ``ndarray[members * noise draws]``.
    """
    from scipy.stats import norm

    count = len(model) * _NOISE_DRAWS
    centre = np.array([log_odds(m) for m in model])
    if math.isfinite(before):
        gap = log_odds(before) - np.array([log_odds(m) for m in model_before])
        centre = centre + kept.intercept + kept.slope * gap
    # Latin hypercube: the noise is spread evenly, so that few draws are needed.
    order = np.argsort(draws.uniforms(seed, f"prediction: {purpose}", count))
    noise = norm.ppf((order + 0.5) / count).reshape(len(model), _NOISE_DRAWS)
    value = 100.0 / (1.0 + np.exp(-(centre[:, None] + kept.innovation * noise)))
    second = np.argsort(draws.uniforms(seed, f"survey: {purpose}", count))
    survey_noise = norm.ppf((second + 0.5) / count).reshape(value.shape)
    return np.clip(value + error * survey_noise, 0.01, 99.99).reshape(-1)


@dataclass(frozen=True)
class Prediction:
    """Predictive quantiles of one figure, percent of enterprises.

    Attributes:
        family: ``size``, ``country`` or ``sector``.
        group: of the family.
        year: wave.
        quantiles: at :data:`LEVELS`.
    """

    family: str
    group: str
    year: int
    quantiles: tuple[float, ...]

    def quantile(self, level: float) -> float:
        """Quantile at a level between 0.05 and 0.95, by interpolation."""
        return float(np.interp(level, LEVELS, self.quantiles))

    def band(self, share: float) -> tuple[float, float]:
        """Central band of a share (0.5, 0.8, 0.9)."""
        return self.quantile(0.5 - share / 2.0), self.quantile(0.5 + share / 2.0)


def summarise(family: str, group: str, year: int, cloud: np.ndarray) -> Prediction:
    """The stored form of predictive draws."""
    values = np.quantile(cloud, LEVELS)
    return Prediction(family, group, year, tuple(round(float(v), 3) for v in values))


def predictions_csv(predictions: Sequence[Prediction], until: int) -> str:
    """The shipped table: one row per figure, quantiles in percent of enterprises."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["geo", "year", "size_class_persons", "nace_section", "median", "low_50", "high_50",
         "low_80", "high_80", *(f"q{round(100 * q):02d}" for q in LEVELS), "unit", "source"]
    )  # fmt: skip
    for p in predictions:
        geo = p.group if p.family == "country" else "EU27"
        size = p.group if p.family == "size" else "10+"
        section = p.group if p.family == "sector" else ""
        bands = [f"{v:.3f}" for share in (0.5, 0.8) for v in p.band(share)]
        writer.writerow(
            [geo, p.year, size, section, f"{p.quantile(0.5):.3f}", *bands,
             *(f"{q:.3f}" for q in p.quantiles), "percent of enterprises",
             f"econsim, from rows up to {until} of Eurostat isoc_eb_ai and isoc_eb_ain2"]
        )  # fmt: skip
    return text.getvalue()


def shipped_predictions(path: str | Path | None = None) -> list[Prediction]:
    """The shipped predictions, or those of another file of the same form.

    Raises:
        ScoringError: missing or broken.
    """
    place = (
        Path(str(resources.files("econsim") / "data" / "ensemble" / "predictions.csv"))
        if path is None
        else Path(path)
    )
    if not place.is_file():
        raise ScoringError(f"{place}: missing; run 'econsim calibrate'")
    reader = csv.DictReader(io.StringIO(place.read_text(encoding="utf-8")))
    found = []
    for row in reader:
        try:
            if row["nace_section"]:
                family, group = "sector", row["nace_section"]
            elif row["geo"] != "EU27":
                family, group = "country", row["geo"]
            else:
                family, group = "size", row["size_class_persons"]
            values = tuple(float(row[f"q{round(100 * q):02d}"]) for q in LEVELS)
            found.append(Prediction(family, group, int(row["year"]), values))
        except (KeyError, TypeError, ValueError) as error:
            raise ScoringError(f"{place}, line {reader.line_num}: {error}") from None
    return found


# --- Simple baselines -----------------------------------------------------------------------------

Series = Mapping[int, float]


def no_change(series: Series, year: int, _: float) -> float:
    """The last wave again."""
    return series[max(series)]


def linear_trend(series: Series, year: int, _: float) -> float:
    """The last change per year goes on."""
    early, late = sorted(series)[-2:]
    step = (series[late] - series[early]) / (late - early)
    return min(max(series[late] + step * (year - late), 0.0), 100.0)


def logit_trend(series: Series, year: int, _: float) -> float:
    """The last change of log odds per year goes on."""
    early, late = sorted(series)[-2:]
    step = (log_odds(series[late]) - log_odds(series[early])) / (late - early)
    return percent(log_odds(series[late]) + step * (year - late))


def common_logit_shift(series: Series, year: int, shift: float) -> float:
    """Every group's log odds move by the mean last change per year of all groups."""
    late = max(series)
    return percent(log_odds(series[late]) + shift * (year - late))


def logistic(series: Series, year: int, _: float) -> float:
    """Least-squares line through the log odds of all waves (logistic curve, ceiling 100 %)."""
    years = np.array(sorted(series), float)
    slope, start = np.polyfit(years - years[0], [log_odds(series[int(y)]) for y in years], 1)
    return percent(start + slope * (year - years[0]))


#: Year in which Bass's curve starts at zero (assumption: AI in firms from 2010).
BASS_START = 2010


def bass(series: Series, year: int, _: float) -> float:
    """Bass (1969) with a market of 100 %, innovation and imitation by least squares."""
    from scipy.optimize import least_squares

    years = np.array(sorted(series), float)
    values = np.array([series[int(y)] for y in years])

    def curve(x: np.ndarray, when: np.ndarray) -> np.ndarray:
        p, q = np.exp(x)
        decay = np.exp(-(p + q) * (when - BASS_START))
        return np.asarray(100.0 * (1.0 - decay) / (1.0 + q / p * decay))

    solved = least_squares(
        lambda x: curve(x, years) - values,
        np.log([0.005, 0.2]),
        bounds=(np.log([1e-8, 1e-4]), np.log([0.5, 3.0])),
    )
    return float(curve(solved.x, np.array([float(year)]))[0])


BASELINES: dict[str, Callable[[Series, int, float], float]] = {
    "no change": no_change,
    "linear trend": linear_trend,
    "logit trend": logit_trend,
    "common logit shift": common_logit_shift,
    "Bass": bass,
    "logistic": logistic,
}


def baseline_forecasts(
    history: Mapping[tuple[int, str], float], groups: Sequence[str], year: int
) -> dict[str, dict[str, float]]:
    """Forecasts of every baseline: name -> group -> percent.

    Args:
        history: (wave, group) -> percent, earlier than ``year``.
        groups: with at least two waves in it.
        year: predicted.
    """
    series = {g: {y: v for (y, k), v in history.items() if k == g and y < year} for g in groups}
    shifts = []
    for waves in series.values():
        early, late = sorted(waves)[-2:]
        shifts.append((log_odds(waves[late]) - log_odds(waves[early])) / (late - early))
    shift = float(np.mean(shifts))
    return {
        name: {g: rule(series[g], year, shift) for g in groups} for name, rule in BASELINES.items()
    }


# --- Scores ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Against:
    """The model against one baseline.

    Attributes:
        name: of the baseline.
        error: its mean absolute error, percentage points.
        statistic, probability: Diebold-Mariano test of equal absolute errors with the small-sample
            correction of Harvey, Leybourne and Newbold 1997 (negative: the model is nearer); NaN
            with fewer than three figures.
    """

    name: str
    error: float
    statistic: float
    probability: float


@dataclass(frozen=True)
class Score:
    """Scores of one family of figures.

    Attributes:
        family: ``size``, ``country`` or ``sector``.
        year: wave.
        groups, observed, median: of each figure.
        error: mean absolute error of the median, percentage points.
        crps: mean continuous ranked probability score, percentage points.
        covered_50, covered_80: share of figures inside the central bands.
        against: each baseline.
    """

    family: str
    year: int
    groups: tuple[str, ...]
    observed: tuple[float, ...]
    median: tuple[float, ...]
    error: float
    crps: float
    covered_50: float
    covered_80: float
    against: tuple[Against, ...]


def score_family(
    predictions: Sequence[Prediction],
    observed: Mapping[str, float],
    history: Mapping[tuple[int, str], float],
) -> Score:
    """Score predictions of one family and year where there is an observation.

    Args:
        predictions: of one family and year.
        observed: group -> percent.
        history: earlier waves, for the baselines.

    Raises:
        ScoringError: nothing to score.
    """
    import scoringrules
    from scipy.stats import ttest_1samp

    found = [p for p in predictions if p.group in observed]
    if not found:
        raise ScoringError("no observation matches a prediction")
    year = found[0].year
    truth = np.array([observed[p.group] for p in found])
    median = np.array([p.quantile(0.5) for p in found])
    errors = np.abs(median - truth)
    crps = scoringrules.crps_ensemble(truth, np.array([p.quantiles for p in found]))
    covered = {
        share: float(
            np.mean([p.band(share)[0] <= t <= p.band(share)[1]
                     for p, t in zip(found, truth, strict=True)])
        )
        for share in (0.5, 0.8)
    }  # fmt: skip
    groups = [p.group for p in found]
    against = []
    waves = {g: [y for y, k in history if k == g and y < year] for g in groups}
    known = [g for g in groups if len(waves[g]) >= 2]
    if known:
        here = np.array([g in known for g in groups])
        for name, forecast in baseline_forecasts(history, known, year).items():
            theirs = np.abs(np.array([forecast[g] for g in known]) - truth[here])
            gap = errors[here] - theirs
            statistic = probability = math.nan
            if len(gap) > 2 and gap.std() > 0.0:
                test = ttest_1samp(gap, 0.0)
                statistic, probability = float(test.statistic), float(test.pvalue)
            against.append(Against(name, float(theirs.mean()), statistic, probability))
    return Score(
        found[0].family, year, tuple(groups), tuple(map(float, truth)),
        tuple(map(float, median)), float(errors.mean()), float(np.mean(crps)),
        covered[0.5], covered[0.8], tuple(against),
    )  # fmt: skip


# --- Observations from a file ---------------------------------------------------------------------


@dataclass(frozen=True)
class Observed:
    """Observations read from a file: (family, year, group) -> percent, and how many rows were not
    about a predicted kind of figure."""

    values: Mapping[tuple[str, int, str], float]
    skipped: int


def read_observations(path: str | Path) -> Observed:
    """Read ``geo, year, value`` and ``size_class_persons`` or ``nace_section`` (percent).

    Extra columns are ignored.  ``geo`` is a Eurostat code (EU27, EU27_2020 or a member state; GR
    is read as EL).  A member state counts with size class 10+ or none.  Rows about anything else
    (a state's size class, a NACE group that is no section) are counted, not scored.

    Raises:
        ScoringError: no such file, a missing column, a value that is no number or outside 0 to
            100, shares instead of percent, an unknown country, or two values for one figure.
    """
    place = Path(path)
    try:
        text = place.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ScoringError(f"{place}: no such file") from None
    except UnicodeDecodeError:
        raise ScoringError(f"{place}: not valid UTF-8 text") from None
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="", restval="")
    header = [str(h).strip() for h in reader.fieldnames or ()]
    reader.fieldnames = header
    for column in _COLUMNS:
        if column not in header:
            raise ScoringError(
                f"{place}, line 1: column '{column}' is missing{registry.nearest(column, header)}"
            )
    if not {"size_class_persons", "nace_section"} & set(header):
        raise ScoringError(
            f"{place}, line 1: one of the columns 'size_class_persons' and 'nace_section' is needed"
        )
    values: dict[tuple[str, int, str], float] = {}
    lines: dict[tuple[str, int, str], int] = {}
    skipped = 0
    for row in reader:
        key, value = _observation(row, f"{place}, line {reader.line_num}")
        if key is None:
            skipped += 1
            continue
        if key in values and values[key] != value:
            raise ScoringError(
                f"{place}, line {reader.line_num}: {key[2]} {key[1]} has another value on line "
                f"{lines[key]} (mixed definitions?)"
            )
        values[key] = value
        lines[key] = reader.line_num
    if not values:
        raise ScoringError(f"{place}: no row about a predicted kind of figure")
    if max(values.values()) <= 1.0:
        raise ScoringError(f"{place}: no value above 1: percent are expected, not shares")
    return Observed(values, skipped)


def _observation(row: Mapping[str, Any], where: str) -> tuple[tuple[str, int, str] | None, float]:
    cell = {k: str(v).strip() for k, v in row.items() if isinstance(v, str)}
    numbers = {}
    for column in ("year", "value"):
        try:
            numbers[column] = float(cell[column])
        except (KeyError, ValueError):
            raise ScoringError(
                f"{where}: {column} '{cell.get(column, '')}' is not a number"
            ) from None
    value, year = (
        numbers["value"],
        int(numbers["year"])
        if numbers["year"] == numbers["year"] and abs(numbers["year"]) < 1e4
        else 0,
    )
    if not 0.0 <= value <= 100.0:
        raise ScoringError(f"{where}: value {cell['value']} is outside 0 to 100 percent")
    if year != numbers["year"] or not 1990 <= year <= 2040:
        raise ScoringError(f"{where}: '{cell['year']}' is not a year from 1990 to 2040")
    geo = _GEO.get(cell["geo"], cell["geo"])
    known = ("EU27", *data.MEMBER_STATES)
    if geo not in known:
        raise ScoringError(f"{where}: unknown geo '{cell['geo']}'{registry.nearest(geo, known)}")
    section = cell.get("nace_section", "")
    size = cell.get("size_class_persons", "")
    size = _SIZES.get(size, size)
    if section and section not in ("TOTAL", "C10-S951_X_K"):
        if geo != "EU27" or section not in data.SURVEY_SECTORS or size not in ("", "10+"):
            return None, value
        return ("sector", year, section), value
    if geo == "EU27":
        return (("size", year, size) if size in _SIZES.values() else None), value
    return (("country", year, geo) if size in ("", "10+") else None), value


def histories(until: int = 2024) -> dict[str, dict[tuple[int, str], float]]:
    """Observed waves by family up to a year: (wave, group) -> percent."""
    return {family: survey.eu_use(family, until) for family in FAMILIES}


def score(
    observed: Observed, predictions: Sequence[Prediction] | None = None
) -> tuple[list[Score], int]:
    """Compare predictions with observations.

    The total of all enterprises (10+) is not counted among the size classes.

    Args:
        observed: as read.
        predictions: default: the shipped ones.

    Returns:
        a score per family that has observations of the predicted year, and how many observations
        were of other years or not predicted.

    Raises:
        ScoringError: nothing matches.
    """
    predictions = shipped_predictions() if predictions is None else predictions
    past = histories()
    found = []
    used = 0
    for family in FAMILIES:
        mine = [p for p in predictions if p.family == family and p.group != "10+"]
        for year in sorted({p.year for p in mine}):
            seen = {g: v for (f, y, g), v in observed.values.items() if f == family and y == year}
            chosen = [p for p in mine if p.year == year and p.group in seen]
            if chosen:
                found.append(score_family(chosen, seen, past[family]))
                used += len(chosen)
    if not found:
        years = ", ".join(str(y) for y in sorted({p.year for p in predictions}))
        raise ScoringError(f"no observation matches a prediction (predicted: {years})")
    return found, len(observed.values) - used
