"""Calibration: which parameter sets are compatible with what surveys observed.

The posterior of the fitted numbers is sampled in three established steps.

1. *Design and emulator.* The mean field (:mod:`econsim.experiments.survey`) is evaluated on a
   design drawn from the prior and then, in waves, near the posterior; a Gaussian process
   (scikit-learn) learns the survey figures as functions of the parameters.
2. *Sampling.* The affine-invariant ensemble sampler (emcee; Goodman and Weare 2010,
   Foreman-Mackey et al. 2013) draws from prior times emulated likelihood.
3. *Correction.* For every draw of the numbers that data do not identify (from their prior, never
   fitted), a few candidates are evaluated with the mean field itself and one is kept with
   probability in proportion to true over emulated likelihood (sampling importance resampling).
   So no member rests on the emulator, and the unidentified numbers keep their prior exactly.

Likelihood of a figure ``y`` with standard error ``e`` at model value ``m`` (percent):

.. math:: y \\sim N\\left(m,\\ e^2 + [\\delta\\, y (1 - y/100)]^2\\right)

``delta`` is the model's discrepancy in log odds.  All luck is addressed by the seed; evaluations
are stored as they come, so an interrupted calibration resumes and gives the same bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import econsim
from econsim import data, draws, meanfield
from econsim import parameters as registry
from econsim.experiments import survey
from econsim.experiments.faults import CalibrationError
from econsim.experiments.survey import Observation, Question, log_odds
from econsim.scenario import Scenario

logger = logging.getLogger(__name__)

#: Standard deviation of the model's discrepancy, log odds (assumption).
DISCREPANCY = {"EU27": 0.05, "US": 0.1}
#: Slope of the US reporting equation in log odds: not a parameter of the model.
SLOPE = "reporting.slope"
#: Share of open developers who re-enter as closed suppliers (kappa): an attribute of a ban.
REENTRY = "ban.reentry_share"
#: Fewest members that an ensemble may have.
LEAST_MEMBERS = 50
_DIGITS = 5
_OUTPUT_DIGITS = 8
#: Design points: from the prior, then near the posterior at these temperatures.
_FIRST_WAVE, _NEXT_WAVES = 160, ((60, 4.0), (60, 1.5))
_TUNING_POINTS = 200
_WALKERS_PER_DIMENSION = 4
_EVALUATION = 2  # raise when evaluations change, so that older ones are not resumed
_LIMITS = 2  # least and most use that can be reached
_MARGIN = 1.01
_SLOPPIEST_TAU = 10.0  # steps per autocorrelation time that a sample needs
_LEAST_STEPS = 100  # an autocorrelation time from fewer means nothing


# --- Priors ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Prior:
    """A prior with its reason.

    Attributes:
        name: parameter, or :data:`SLOPE`, :data:`REENTRY`.
        kind: ``normal``, ``lognormal`` or ``logitnormal`` (percent) with centre and standard
            deviation of the transformed value, cut off at the parameter's bounds; ``uniform``
            with both ends; ``triangular`` with low, mode and high.
        numbers: of the kind.
        reason: source, or *assumption*.
    """

    name: str
    kind: str
    numbers: tuple[float, ...]
    reason: str

    def bounds(self) -> tuple[float, float]:
        """Accepted values."""
        if self.kind in ("uniform", "triangular"):
            return self.numbers[0], self.numbers[-1]
        if self.name in registry.PARAMETERS:
            parameter = registry.get(self.name)
            return parameter.low, parameter.high
        return 0.1, 3.0

    def value(self, score: np.ndarray | float) -> np.ndarray:
        """Natural value at a standard score, ``ndarray[...]``."""
        score = np.asarray(score, float)
        if self.kind in ("uniform", "triangular"):
            from scipy.stats import norm

            return self.quantile(norm.cdf(score))
        raw = self.numbers[0] + self.numbers[1] * score
        if self.kind == "lognormal":
            return np.exp(raw)
        if self.kind == "logitnormal":
            return 100.0 / (1.0 + np.exp(-raw))
        return raw

    def score(self, value: float) -> float:
        """Standard score of a natural value (normal kinds)."""
        raw = value
        if self.kind == "lognormal":
            raw = math.log(value)
        elif self.kind == "logitnormal":
            raw = log_odds(value)
        return float((raw - self.numbers[0]) / self.numbers[1])

    def score_bounds(self) -> tuple[float, float]:
        """Standard scores of the bounds."""
        if self.kind in ("uniform", "triangular"):
            return -8.0, 8.0
        low, high = self.bounds()
        return self.score(low), self.score(high)

    def quantile(self, probability: np.ndarray | float) -> np.ndarray:
        """Quantiles of the prior, cut off at the bounds."""
        from scipy.stats import norm

        p = np.asarray(probability, float)
        if self.kind == "uniform":
            return self.numbers[0] + p * (self.numbers[1] - self.numbers[0])
        if self.kind == "triangular":
            low, mode, high = self.numbers
            turn = (mode - low) / (high - low)
            left = low + np.sqrt(p * (high - low) * (mode - low))
            right = high - np.sqrt((1.0 - p) * (high - low) * (high - mode))
            return np.where(p < turn, left, right)
        low_score, high_score = self.score_bounds()
        low_p, high_p = norm.cdf(low_score), norm.cdf(high_score)
        inside = np.clip(norm.ppf(low_p + p * (high_p - low_p)), low_score, high_score)
        return np.clip(self.value(inside), *self.bounds())


_WEAK = "assumption: weak prior"
_EU_FITTED = (
    Prior("choice.beta", "normal", (0.6, 0.2), _WEAK),
    Prior("considering.hazard", "lognormal", (math.log(0.015), 1.0), _WEAK),
    Prior("considering.size_slope", "normal", (0.35, 0.15), _WEAK),
    Prior("considering.maturity_slope", "normal", (0.5, 0.4), _WEAK),
    Prior("considering.applicable_share", "normal", (0.6, 0.15), _WEAK),
    Prior("considering.applicable_size_slope", "normal", (0.15, 0.15), _WEAK),
    Prior("hurdle.size_elasticity", "normal", (0.6, 0.25), _WEAK),
    Prior("hurdle.decline", "normal", (0.1, 0.1), _WEAK),
    Prior("hurdle.maturity_effect", "normal", (0.8, 0.5), _WEAK),
    Prior("coverage.midpoint", "normal", (48.0, 10.0), _WEAK),
    Prior("coverage.rate", "lognormal", (math.log(0.06), 0.4), _WEAK),
    Prior("narrow.level", "normal", (-3.0, 1.0), _WEAK),
    Prior("narrow.size_slope", "normal", (0.4, 0.2), _WEAK),
    Prior("narrow.maturity_slope", "normal", (0.6, 0.5), _WEAK),
)
#: US firms differ by size in their own way (BTOS is nearly flat from 1 to 99 persons), so the
#: slopes in size are centred on none and wide.
_US_SLOPES = {
    "considering.size_slope": (0.0, 0.25),
    "considering.applicable_size_slope": (0.0, 0.2),
    "hurdle.size_elasticity": (0.7, 0.3),
    "narrow.size_slope": (0.0, 0.25),
}
_US_FITTED = (
    *(replace(p, numbers=_US_SLOPES[p.name]) if p.name in _US_SLOPES else p for p in _EU_FITTED),
    Prior(SLOPE, "normal", (1.0, 0.15), "assumption: own slope of the US survey, near one"),
    Prior(
        "survey.us_reporting_share",
        "lognormal",
        (math.log(0.33), 0.25),
        "assumption: core-business use about a third of any use (OECD G7 2025)",
    ),
)
#: Never fitted: literature priors and stated ranges.
UNIDENTIFIED = (
    Prior("choice.lambda", "uniform", (0.2, 0.9), "assumption: joint axis of the headline"),
    Prior(
        "choice.open_share",
        "triangular",
        (0.05, 0.15, 0.35),
        "Menlo Ventures 2024-2025 (11-19 %), OpenRouter 2025 (about 30 % of tokens)",
    ),
    Prior(
        "choice.persistence",
        "triangular",
        (0.6, 0.75, 0.9),
        "assumption: 5-15 % of users leave in a year",
    ),
    Prior(
        "benefit.ceiling",
        "triangular",
        (0.23, 0.4, 0.5),
        "Acemoglu 2024, Bergeaud 2024, Aghion and Bunel 2024",
    ),
    Prior(
        "benefit.saving",
        "triangular",
        (0.14, 0.27, 0.4),
        "Acemoglu 2024; 0.14 experienced workers, 0.40 Aghion and Bunel 2024",
    ),
    Prior("benefit.light_depth", "uniform", (0.1, 0.5), "assumption: OECD D4SME 2026 (novices)"),
    Prior(
        "benefit.deep_share",
        "triangular",
        (0.1, 0.24, 0.4),
        "ECB SAFE 2025 (10 %), OECD D4SME 2026 (24 %); upper end an assumption",
    ),
    Prior("hurdle.real_share", "uniform", (0.0, 0.2), "assumption: voucher sizes"),
    Prior("supply.price_response", "uniform", (0.0, 0.5), "assumption; stress 1.0 apart"),
    Prior("supply.vendor_pass_through", "uniform", (0.0, 1.0), "assumption"),
    Prior("supply.rents_elasticity", "uniform", (-0.3, 0.3), "assumption: range spans zero"),
    Prior("supply.pool_elasticity", "uniform", (-0.3, 0.3), "assumption: range spans zero"),
    Prior("supply.lag_pool_elasticity", "uniform", (0.0, 0.6), "assumption: 0 is in the range"),
    Prior("supply.silencing", "uniform", (0.0, 1.0), "assumption: the prior includes none"),
    Prior(REENTRY, "uniform", (0.0, 1.0), "assumption: 0 to 1"),
)


def level_prior(region: str, until: int, scenario: Scenario) -> Prior:
    """Prior of use in the reference month, which the option constants reproduce.

    Where the fit sees February 2024 it is that observation with its error.  Where it sees 2023
    only, the coming of general-purpose AI is not in the data: use of 2023 plus a rise of 0.3 in
    log odds with standard deviation 0.4 (assumption: a new technology adds users, nobody knows
    how many).

    Raises:
        econsim.data.DataError: the wave is missing.
    """
    name = "survey.use_2024"
    if region == "US":
        return Prior(name, "logitnormal", (log_odds(scenario.values[name]), 0.08), "Census BTOS")
    use = survey.eu_use("size", until)
    if until >= 2024:
        observed = use[2024, "10+"]
        spread = survey.EU_ERROR["10+"] / (observed * (1.0 - observed / 100.0))
        return Prior(name, "logitnormal", (log_odds(observed), spread), "Eurostat isoc_eb_ai 2024")
    return Prior(name, "logitnormal", (log_odds(use[2023, "10+"]) + 0.3, 0.4), "assumption")


# --- Problems and their evaluation ----------------------------------------------------------------


@dataclass(frozen=True)
class Problem:
    """What is fitted to what.

    Attributes:
        scenario: the baseline; its fitted numbers are replaced.
        until: last year whose rows the fit sees.
        priors: of the fitted numbers.
        unidentified: priors of what is drawn and never fitted.
        observations: what the fit sees.
        left_out: member states whose shifters are not used.
        fixed_errors: whole errors of the observations, if not those of the surveys (simulated
            data).
    """

    scenario: Scenario
    until: int
    priors: tuple[Prior, ...]
    unidentified: tuple[Prior, ...]
    observations: tuple[Observation, ...]
    left_out: tuple[str, ...] = ()
    fixed_errors: tuple[float, ...] = ()

    @property
    def region(self) -> str:
        """EU27 or US."""
        return self.scenario.region

    def errors(self) -> np.ndarray:
        """Standard deviation of observations about the model, percentage points."""
        if self.fixed_errors:
            return np.array(self.fixed_errors)
        delta = DISCREPANCY[self.region]
        return np.array(
            [
                math.hypot(o.error, delta * o.value * (1.0 - o.value / 100.0))
                for o in self.observations
            ]
        )

    def told(self, values: np.ndarray, errors: np.ndarray) -> Problem:
        """The same problem with other observed values, and errors that are already whole."""
        observations = tuple(
            replace(o, value=float(v)) for o, v in zip(self.observations, values, strict=True)
        )
        return replace(
            self, observations=observations, fixed_errors=tuple(float(e) for e in errors)
        )

    def log_likelihood(self, figures: np.ndarray) -> np.ndarray:
        """Log likelihood of figures in percent, ``ndarray[..., observations]`` -> ``[...]``."""
        observed = np.array([o.value for o in self.observations])
        gaps = (np.asarray(figures) - observed) / self.errors()
        return np.asarray(-0.5 * (gaps**2).sum(axis=-1))


def problem(
    scenario: Scenario,
    until: int = 2024,
    folder: str | Path | None = None,
    ever_considered: bool = False,
) -> Problem:
    """The calibration of a region's baseline to what was observed up to a year.

    Args:
        scenario: ``eu-diverse`` or ``us-diverse`` or one like it.
        until: last year whose rows the fit sees.
        folder: of the tables (tests).
        ever_considered: also use the EU's 2025 "ever considered" shares by size; never for a fit
            that is scored.

    Raises:
        econsim.data.DataError: a broken table, mixed definitions, a missing wave.
    """
    observations = tuple(survey.observations(scenario.region, until, folder))
    if ever_considered:
        observations += tuple(survey.ever_considered(folder))
    fitted = _US_FITTED if scenario.region == "US" else _EU_FITTED
    return Problem(
        scenario,
        until,
        (*fitted, level_prior(scenario.region, until, scenario)),
        UNIDENTIFIED,
        observations,
    )


@dataclass(frozen=True)
class Task:
    """One evaluation of the mean field.

    Attributes:
        scenario: the baseline.
        values: (name, value) of what differs from it.
        questions: survey figures asked for.
        hurdle_shifts: whether shifters made from the wave of 2024 are used.
        left_out: member states without shifters.
    """

    scenario: Scenario
    values: tuple[tuple[str, float], ...]
    questions: tuple[Question, ...]
    hurdle_shifts: bool = True
    left_out: tuple[str, ...] = ()

    def key(self, basis: str) -> str:
        """Identity of the evaluation on a basis (:func:`_basis`)."""
        words = json.dumps(
            [
                basis,
                self.values,
                self.hurdle_shifts,
                self.left_out,
                [(q.kind, q.key, q.month) for q in self.questions],
            ]
        )
        return hashlib.sha256(words.encode()).hexdigest()[:24]


def _basis(scenario: Scenario) -> str:
    """What evaluations of a scenario rest on: rules, scenario, tables."""
    return (
        f"{_EVALUATION} {econsim.__version__} {scenario.hash()} {data.digest(leave_out=HELD_OUT)}"
    )


def evaluate(task: Task) -> list[float]:
    """Least and most use that the model can reach in the reference month, then survey figures.

    All in percent; the figures are missing where the model cannot meet the reference use.
    """
    values = dict(task.values)
    slope = values.pop(SLOPE, 1.0)
    values.pop(REENTRY, None)

    def keep(shift: tuple[str, str, str]) -> bool:
        dimension, key, indicator = shift
        hidden = dimension == "country" and key in task.left_out
        return not hidden and (task.hurdle_shifts or indicator != "hurdle")

    last = max(q.month for q in task.questions)
    everything = task.hurdle_shifts and not task.left_out
    world = survey.world(
        task.scenario.with_changes(parameters=values), last, None if everything else keep
    )
    found = list(world.limits())
    with contextlib.suppress(meanfield.MeanFieldError):
        found += list(world.answer(task.questions, slope))
    return [round(float(f), _OUTPUT_DIGITS) for f in found]


#: Tables that no fit may read, not even for a hash.
HELD_OUT = ("held_out_2025",)


class Store:
    """Evaluations done so far, in a file of JSON lines; without a folder they are only remembered.

    A last line cut off by an interruption is dropped.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.known: dict[str, list[float]] = {}
        self._path = None if folder is None else folder / "evaluations.jsonl"
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.is_file():
            kept = []
            for line in self._path.read_text(encoding="utf-8").splitlines():
                try:
                    key, figures = json.loads(line)
                    self.known[str(key)] = [float(f) for f in figures]
                except (ValueError, TypeError):
                    continue
                kept.append(line)
            self._path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    def add(self, key: str, figures: list[float]) -> None:
        """Remember one evaluation."""
        self.known[key] = figures
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([key, figures]) + "\n")


@dataclass
class Machine:
    """Where evaluations run: store, processes, progress.

    Attributes:
        store: of evaluations.
        workers: processes.
        report: called with each batch of work done, in evaluations.
    """

    store: Store = field(default_factory=Store)
    workers: int = 1
    report: Callable[[int], None] | None = None

    def run(self, tasks: Sequence[Task]) -> list[list[float]]:
        """What :func:`evaluate` gives for each task, in order; what is known is not done again."""
        bases: dict[int, str] = {}
        for task in tasks:
            bases.setdefault(id(task.scenario), _basis(task.scenario))
        keys = [t.key(bases[id(t.scenario)]) for t in tasks]
        waiting = {k: t for k, t in zip(keys, tasks, strict=True) if k not in self.store.known}
        if self.report is not None:
            self.report(len(tasks) - len(waiting))
        for key, figures in self._execute(waiting):
            self.store.add(key, figures)
            if self.report is not None:
                self.report(1)
        return [self.store.known[k] for k in keys]

    def _execute(self, waiting: Mapping[str, Task]) -> Iterator[tuple[str, list[float]]]:
        if self.workers == 1 or len(waiting) < 20:
            for key, task in waiting.items():
                yield key, evaluate(task)
            return
        with ProcessPoolExecutor(self.workers, mp_context=get_context("spawn")) as pool:
            futures = {pool.submit(evaluate, task): key for key, task in waiting.items()}
            try:
                for future in as_completed(futures):
                    yield futures[future], future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


# --- Emulator -------------------------------------------------------------------------------------


class Emulator:
    """Survey figures as functions of the fitted numbers: a line plus a Gaussian process.

    Figures enter in log odds.  One kernel (squared exponential with a length scale for every
    number, plus noise) serves all figures.
    """

    def __init__(self, scores: np.ndarray, figures: np.ndarray) -> None:
        """Learn from ``ndarray[points, numbers]`` and ``ndarray[points, figures]`` (percent)."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

        share = np.clip(np.asarray(figures) / 100.0, 1e-5, 1.0 - 1e-5)
        outputs = np.log(share / (1.0 - share))
        design = np.column_stack([np.ones(len(scores)), scores])
        self._line, *_ = np.linalg.lstsq(design, outputs, rcond=None)
        rest = outputs - design @ self._line
        self._scale = np.maximum(rest.std(axis=0), 1e-6)
        rest = rest / self._scale
        kernel = ConstantKernel(1.0, (1e-2, 1e3)) * RBF(
            np.full(scores.shape[1], 3.0), (0.5, 50.0)
        ) + WhiteKernel(1e-3, (1e-6, 1e-1))
        tuning = slice(-_TUNING_POINTS, None)
        with warnings.catch_warnings():
            # A length scale at its bound says that a number does not matter; that is no failure.
            warnings.simplefilter("ignore", ConvergenceWarning)
            tuned = GaussianProcessRegressor(kernel).fit(scores[tuning], rest[tuning])
            # The last bits of an optimum depend on the linear algebra library.
            theta = np.round(tuned.kernel_.theta, 2)
            self._process = GaussianProcessRegressor(
                tuned.kernel_.clone_with_theta(theta), optimizer=None
            ).fit(scores, rest)

    def figures(self, scores: np.ndarray) -> np.ndarray:
        """Emulated figures in percent, ``ndarray[points, figures]``."""
        rest = self._process.predict(scores).reshape(len(scores), -1) * self._scale
        value = np.column_stack([np.ones(len(scores)), scores]) @ self._line + rest
        return np.asarray(100.0 / (1.0 + np.exp(-value)))


@dataclass(frozen=True)
class Design:
    """Evaluated points of a problem.

    Attributes:
        points: ``ndarray[points, numbers]``, standard scores.
        limits: ``ndarray[points, 2]``, least and most use that can be reached, percent.
        outputs: ``ndarray[points, observations]``, percent; NaN where infeasible.
    """

    points: np.ndarray
    limits: np.ndarray
    outputs: np.ndarray

    @property
    def feasible(self) -> np.ndarray:
        """Points that meet the reference use, ``ndarray[points]`` of bool."""
        return np.asarray(np.isfinite(self.outputs).all(axis=1))

    def joined(self, other: Design) -> Design:
        """Both, one after the other."""
        return Design(
            *(np.vstack([getattr(self, k), getattr(other, k)])
              for k in ("points", "limits", "outputs"))
        )  # fmt: skip

    def columns(self, kept: Sequence[int]) -> Design:
        """The same for some of the observations."""
        return Design(self.points, self.limits, self.outputs[:, list(kept)])


class Surrogate:
    """Emulated figures, and where the reference use can be reached at all."""

    def __init__(self, chosen: Problem, design: Design) -> None:
        """Learn figures from feasible points, limits from all."""
        good = design.feasible
        self._figures = Emulator(design.points[good], design.outputs[good])
        self._limits = Emulator(design.points, design.limits)
        self._priors = chosen.priors
        self._default = chosen.scenario.values

    def figures(self, scores: np.ndarray) -> np.ndarray:
        """Emulated figures in percent, ``ndarray[points, figures]``."""
        return self._figures.figures(scores)

    def _value(self, name: str, scores: np.ndarray) -> np.ndarray:
        for number, prior in enumerate(self._priors):
            if prior.name == name:
                return prior.value(scores[:, number])
        return np.full(len(scores), self._default[name])

    def reachable(self, scores: np.ndarray, us: bool) -> np.ndarray:
        """Whether the reference use lies between the limits, ``ndarray[points]`` of bool."""
        target = self._value("survey.use_2024", scores)
        if us:
            target = target / self._value("survey.us_reporting_share", scores)
        limits = self._limits.figures(scores)
        return np.asarray((limits[:, 0] * _MARGIN < target) & (target * _MARGIN < limits[:, 1]))


# --- Sampling -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Diagnostics:
    """How well a sample was made.

    Attributes:
        autocorrelation: longest integrated autocorrelation time, steps.
        steps: steps kept per walker.
        acceptance: share of accepted proposals.
        emulator_error: median absolute error of the emulator at candidates, in units of the
            observations' standard deviation.
        effective_share: effective share of candidates after the correction (1: none needed).
        infeasible: share of candidates that the model cannot reproduce.
        evaluations: of the mean field.
        warnings: what a reader of results must know; empty if all is well.
    """

    autocorrelation: float
    steps: int
    acceptance: float
    emulator_error: float
    effective_share: float
    infeasible: float
    evaluations: int
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Posterior:
    """A sample of parameter sets.

    Attributes:
        problem: what was fitted.
        members: parameter values of each member (fitted and drawn).
        figures: ``ndarray[members, observations]``, percent.
        reports: ``ndarray[members, reports]``, percent: the further figures asked for.
        scores: ``ndarray[draws, numbers]``, the emulated posterior in standard scores.
        design: points evaluated on the way.
        diagnostics: of the sampling.
    """

    problem: Problem
    members: tuple[dict[str, float], ...]
    figures: np.ndarray
    reports: np.ndarray
    scores: np.ndarray
    design: Design
    diagnostics: Diagnostics


def _standard_normals(seed: int, purpose: str, count: int) -> np.ndarray:
    from scipy.stats import norm

    return np.asarray(norm.ppf(draws.uniforms(seed, purpose, count)))


def _prior_scores(chosen: Problem, seed: int, purpose: str, count: int) -> np.ndarray:
    """Standard scores of prior draws within the bounds, ``ndarray[count, numbers]``."""
    from scipy.stats import norm

    dimension = len(chosen.priors)
    uniform = draws.uniforms(seed, purpose, count * dimension).reshape(count, dimension)
    edges = norm.cdf(np.array([p.score_bounds() for p in chosen.priors]))
    return np.asarray(norm.ppf(edges[:, 0] + uniform * (edges[:, 1] - edges[:, 0])))


def _rounded(value: float, digits: int = _DIGITS) -> float:
    return float(f"{value:.{digits}g}")


def fitted_values(chosen: Problem, scores: np.ndarray) -> dict[str, float]:
    """Rounded values of the fitted numbers at standard scores, ``ndarray[numbers]``."""
    values = {}
    for prior, score in zip(chosen.priors, scores, strict=True):
        low, high = prior.bounds()
        values[prior.name] = min(max(_rounded(float(prior.value(score))), low), high)
    return values


def tasks(
    chosen: Problem, sets: Sequence[Mapping[str, float]], questions: Sequence[Question]
) -> list[Task]:
    """Evaluations of parameter sets, with the shifters that the problem may use."""
    return [
        Task(
            chosen.scenario,
            tuple(sorted(values.items())),
            tuple(questions),
            chosen.region == "US" or chosen.until >= 2024,
            chosen.left_out,
        )
        for values in sets
    ]


def evaluate_sets(
    chosen: Problem,
    sets: Sequence[Mapping[str, float]],
    questions: Sequence[Question],
    machine: Machine,
) -> np.ndarray:
    """Survey figures of parameter sets, ``ndarray[sets, questions]``; NaN where infeasible."""
    return evaluated_sets(chosen, sets, questions, machine)[1]


def evaluated_sets(
    chosen: Problem,
    sets: Sequence[Mapping[str, float]],
    questions: Sequence[Question],
    machine: Machine,
) -> tuple[np.ndarray, np.ndarray]:
    """Limits ``ndarray[sets, 2]`` and figures ``ndarray[sets, questions]``."""
    found = machine.run(tasks(chosen, sets, questions))
    figures = np.full((len(sets), len(questions)), np.nan)
    for number, values in enumerate(found):
        if len(values) > _LIMITS:
            figures[number] = values[_LIMITS:]
    return np.array([f[:_LIMITS] for f in found]), figures


def _generator(seed: int, purpose: str) -> tuple[str, np.ndarray, int]:
    """A state of the Mersenne Twister from addressed luck, for libraries that want one."""
    words = (draws.uniforms(seed, purpose, 624) * 2.0**32).astype(np.uint32)
    return ("MT19937", words, 624)


def chain(
    chosen: Problem, emulator: Surrogate, start: np.ndarray, temperature: float,
    steps: int, seed: int, purpose: str,
) -> tuple[np.ndarray, float, float]:  # fmt: skip
    """Draws from prior times emulated likelihood ** (1 / temperature).

    Returns:
        ``ndarray[steps / 2, walkers, numbers]`` after burn-in, longest autocorrelation time,
        acceptance.
    """
    import emcee

    bounds = np.array([p.score_bounds() for p in chosen.priors])

    def log_density(scores: np.ndarray) -> np.ndarray:
        inside = np.all((scores >= bounds[:, 0]) & (scores <= bounds[:, 1]), axis=1)
        if inside.any():
            inside[inside] = emulator.reachable(scores[inside], chosen.region == "US")
        result = np.full(len(scores), -np.inf)
        if inside.any():
            kept = scores[inside]
            likelihood = chosen.log_likelihood(emulator.figures(kept))
            result[inside] = -0.5 * (kept**2).sum(axis=1) + likelihood / temperature
        return result

    dimension = len(chosen.priors)
    walkers = _WALKERS_PER_DIMENSION * dimension
    density = log_density(start)
    usable = np.flatnonzero(np.isfinite(density))
    if len(usable) < 2:
        raise CalibrationError("no design point has a finite density: the priors do not fit")
    order = usable[np.argsort(-density[usable], kind="stable")]
    best = start[order[np.arange(walkers) % min(len(order), max(walkers // 2, 2))]]
    first = best.copy()
    for scale in (0.1, 0.01, 0.001):
        jitter = _standard_normals(seed, f"{purpose}: walkers {scale}", best.size)
        moved = np.clip(best + scale * jitter.reshape(best.shape), bounds[:, 0], bounds[:, 1])
        good = np.isfinite(log_density(moved)) & (first == best).all(axis=1)
        first[good] = moved[good]
    sampler = emcee.EnsembleSampler(
        walkers,
        dimension,
        log_density,
        vectorize=True,
        moves=[(emcee.moves.DEMove(), 0.8), (emcee.moves.DESnookerMove(), 0.2)],
    )
    sampler.random_state = _generator(seed, purpose)
    sampler.run_mcmc(emcee.State(first), steps, skip_initial_state_check=True)
    burnt = steps // 2
    kept = sampler.get_chain(discard=burnt)
    # A chain too short for its autocorrelation time is said in the diagnostics instead.
    logging.getLogger("emcee.autocorr").setLevel(logging.ERROR)
    tau = emcee.autocorr.integrated_time(kept, quiet=True)
    return kept, float(np.max(tau)), float(np.mean(sampler.acceptance_fraction))


def sample(
    chosen: Problem,
    members: int,
    *,
    seed: int = 1,
    candidates: int = 2,
    steps: int = 4_000,
    machine: Machine | None = None,
    design: Design | None = None,
    reports: Sequence[Question] = (),
    waves: tuple[int, tuple[tuple[int, float], ...]] = (_FIRST_WAVE, _NEXT_WAVES),
) -> Posterior:
    """Draw parameter sets compatible with the observations.

    Args:
        chosen: the problem.
        members: how many.
        seed: of all luck.
        candidates: evaluated per member for the correction.
        steps: of the sampler, half of them burn-in.
        machine: where evaluations run.
        design: of a problem with the same numbers and observations, used instead of the first
            wave.
        reports: further figures wanted of every member.
        waves: size of the first wave, then (size, temperature) of those near the posterior.

    Raises:
        CalibrationError: too few members, or no parameters reproduce the reference use.
    """
    if members < 2 or candidates < 1:
        raise CalibrationError("at least 2 members and 1 candidate each are needed")
    machine = machine or Machine()
    questions = [o.question for o in chosen.observations]
    evaluations = 0

    def evaluated(scores: np.ndarray) -> Design:
        nonlocal evaluations
        evaluations += len(scores)
        sets = [fitted_values(chosen, s) for s in scores]
        return Design(scores, *evaluated_sets(chosen, sets, questions, machine))

    dimension = len(chosen.priors)
    first, later = waves
    if design is None:
        design = evaluated(_prior_scores(chosen, seed, "calibration: design", first))
    if design.feasible.sum() < dimension + 5:
        raise CalibrationError(
            f"only {int(design.feasible.sum())} of {len(design.points)} design points reproduce "
            "the reference use: the priors do not fit the data"
        )
    for number, (size, temperature) in enumerate(later):
        walked, *_ = chain(
            chosen, Surrogate(chosen, design), design.points[design.feasible], temperature,
            max(steps // 4, 200), seed, f"calibration: wave {number}",
        )  # fmt: skip
        flat = walked.reshape(-1, dimension)
        near = flat[np.linspace(0, len(flat) - 1, size).astype(int)]
        design = design.joined(evaluated(near))
    emulator = Surrogate(chosen, design)
    walked, tau, acceptance = chain(
        chosen, emulator, design.points[design.feasible], 1.0, steps, seed,
        "calibration: posterior",
    )  # fmt: skip
    flat = walked.reshape(-1, dimension)
    wanted = members * candidates
    place = draws.uniforms(seed, "calibration: candidates", wanted)
    scores = flat[(place * len(flat)).astype(int)]
    others = drawn(chosen.unidentified, seed, members)
    sets = [
        {**fitted_values(chosen, s), **others[number // candidates]}
        for number, s in enumerate(scores)
    ]
    evaluations += len(sets)
    found = evaluate_sets(chosen, sets, [*questions, *reports], machine)
    found, more = found[:, : len(questions)], found[:, len(questions) :]
    emulated = emulator.figures(scores)
    feasible = np.isfinite(found).all(axis=1)
    weight = np.where(
        feasible,
        chosen.log_likelihood(np.where(feasible[:, None], found, 0.0))
        - chosen.log_likelihood(emulated),
        -np.inf,
    ).reshape(members, candidates)
    kept, effective = resample(weight, seed)
    errors = np.abs(found - emulated)[feasible] / chosen.errors()
    emulator_error = float(np.median(errors)) if len(errors) else math.inf
    infeasible = float(1.0 - feasible.mean())
    notes = []
    if len(walked) < max(_SLOPPIEST_TAU * tau, _LEAST_STEPS):
        notes.append(
            f"not converged: {len(walked)} steps are fewer than {_LEAST_STEPS} or than "
            f"{_SLOPPIEST_TAU:g} times the autocorrelation time of {tau:.0f}"
        )
    if emulator_error > 0.5:
        notes.append(f"not converged: the emulator is off by {emulator_error:.1f} standard errors")
    if infeasible > 0.4:
        notes.append(f"{100 * infeasible:.0f} % of candidates cannot reproduce the reference use")
    if (kept < 0).mean() > 0.05:
        notes.append(f"{int((kept < 0).sum())} members had no feasible candidate and are left out")
    if members < LEAST_MEMBERS:
        notes.append(f"only {members} members: fewer than {LEAST_MEMBERS} cannot show a band")
    rows = [m * candidates + int(k) for m, k in enumerate(kept) if k >= 0]
    if not rows:
        raise CalibrationError("no parameter set near the posterior reproduces the reference use")
    for note in notes:
        logger.warning("%s: %s", chosen.region, note)
    return Posterior(
        chosen,
        tuple(sets[r] for r in rows),
        found[rows],
        more[rows],
        flat,
        design,
        Diagnostics(
            round(tau, 1), len(walked), round(acceptance, 3), round(emulator_error, 4),
            round(effective, 3), round(infeasible, 4), evaluations, tuple(notes),
        ),
    )  # fmt: skip


def drawn(priors: Sequence[Prior], seed: int, count: int) -> list[dict[str, float]]:
    """Draws of what is not fitted: one stratum of the prior per member (Latin hypercube)."""
    columns = {}
    for prior in priors:
        order = np.argsort(draws.uniforms(seed, f"calibration: order of {prior.name}", count))
        inside = draws.uniforms(seed, f"calibration: place of {prior.name}", count)
        columns[prior.name] = prior.quantile((order + inside) / count)
    return [{k: _rounded(float(v[m]), 4) for k, v in columns.items()} for m in range(count)]


def resample(log_weight: np.ndarray, seed: int) -> tuple[np.ndarray, float]:
    """One candidate of each row with probability in proportion to its weight; -1 if none can be.

    Returns:
        ``ndarray[rows]``, and the mean effective share of candidates.
    """
    best = log_weight.max(axis=1, keepdims=True)
    possible = np.isfinite(best[:, 0])
    weight = np.exp(log_weight - np.where(possible[:, None], best, 0.0))
    total = np.where(possible, weight.sum(axis=1), 1.0)
    cumulated = (weight / total[:, None]).cumsum(axis=1)
    place = draws.uniforms(seed, "calibration: resample", len(weight))
    chosen = np.minimum((cumulated < place[:, None]).sum(axis=1), weight.shape[1] - 1)
    effective = total[possible] ** 2 / (weight[possible] ** 2).sum(axis=1) / weight.shape[1]
    return np.where(possible, chosen, -1), float(effective.mean()) if possible.any() else 0.0


# --- What the data identify -----------------------------------------------------------------------


def information(posterior: Posterior) -> tuple[np.ndarray, np.ndarray]:
    """Singular values and directions of the data's information at the posterior's mean.

    Of the matrix of slopes of figures over their standard deviations with respect to the numbers
    in prior standard deviations: a value above one means that data say more than the prior in
    that direction.

    Returns:
        values, falling, ``ndarray[min(observations, numbers)]``; directions ``ndarray[values,
        numbers]``.
    """
    emulator = Surrogate(posterior.problem, posterior.design)
    centre = posterior.scores.mean(axis=0)
    step = 0.05
    slopes = []
    for number in range(len(centre)):
        pair = np.tile(centre, (2, 1))
        pair[0, number] -= step
        pair[1, number] += step
        low, high = emulator.figures(pair)
        slopes.append((high - low) / (2.0 * step) / posterior.problem.errors())
    _, values, directions = np.linalg.svd(np.array(slopes).T, full_matrices=False)
    return values, directions


def as_record(diagnostics: Diagnostics) -> dict[str, Any]:
    """Diagnostics for a JSON file."""
    return {**vars(diagnostics), "warnings": list(diagnostics.warnings)}
