"""The whole calibration: fits, predictions, backtests, checks; tables and the page that shows them.

The scored fits see rows up to 2024 only.  Observations of 2025 enter in two named places: scoring
(:func:`score_sizes`, :func:`considered_rows`, :func:`backtest_us`), and the fits that *ship*, which
are never scored: the EU's also uses the 2025 "ever considered" shares by size, the US's sees BTOS
to September 2025.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from econsim import data, draws
from econsim.experiments import calibration, diagrams, ensemble, scoring, survey
from econsim.experiments.calibration import (
    Design,
    Machine,
    Posterior,
    Prior,
    Problem,
    Surrogate,
    evaluate_sets,
    sample,
)
from econsim.experiments.faults import CalibrationError
from econsim.experiments.scoring import Persistence, Prediction, Score
from econsim.experiments.survey import EU_SIZES, Question, log_odds, wave_month
from econsim.scenario import Scenario, load

SCORED, SHIPPED = 2024, 2025
MEMBERS = 200
_FAN_YEARS = tuple(range(2021, 2036))
_GROUPS = (*EU_SIZES, "10+")
_US_SPLIT = 48  # January 2025
_Q = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class Effort:
    """How much work goes into a scorecard.

    Attributes:
        members: of each region's ensemble.
        backtest: members of each fit that is only scored.
        fan: members whose paths of use are drawn.
        agents: members that agents run on.
        rows, replicates: of the agents' runs.
        simulated: data sets of the simulation-based check.
        waves: of the designs, see :func:`econsim.experiments.calibration.sample`.
        steps: of the samplers.
    """

    members: int = MEMBERS
    backtest: int = 60
    fan: int = 30
    agents: int = 16
    rows: int = ensemble.ROWS
    replicates: int = 4
    simulated: int = 100
    waves: tuple[int, tuple[tuple[int, float], ...]] = (160, ((60, 4.0), (60, 1.5)))
    steps: int = 4_000

    @property
    def design(self) -> int:
        """Design points of one fit."""
        return self.waves[0] + sum(n for n, _ in self.waves[1])


@dataclass(frozen=True)
class Backtest:
    """A fit that may not see something, and how it did on it.

    Attributes:
        name: what was left out.
        rows: label, (10, 25, 50, 75, 90 % points), observed.
        error: mean absolute error of medians, percentage points.
        covered_80: share inside the 80 % band.
        baselines: name -> mean absolute error, where a baseline exists.
    """

    name: str
    rows: tuple[tuple[str, tuple[float, ...], float], ...]
    error: float
    covered_80: float
    baselines: Mapping[str, float]


@dataclass(frozen=True)
class Card:
    """Everything the scorecard shows.

    Attributes:
        scored: posteriors to 2024, by region.
        shipped: posteriors that also saw what of 2025 they may, by region.
        predictions: of 2025.
        scores: of EU size classes in 2025.
        backtests: in order.
        ranks: number -> ranks of the simulation-based check.
        rank_bins: bins of their histograms.
        information: region -> singular values.
        fan: years, member paths, variants: EU use, 10-249 persons.
        spreads: effects of the restrictive scenarios in 2035, region -> spreads.
        digest: of the ensemble.
        seconds: wall-clock time of the parts.
        persistence: of member states and sectors.
    """

    scored: Mapping[str, Posterior]
    shipped: Mapping[str, Posterior]
    predictions: tuple[Prediction, ...]
    scores: tuple[Score, ...]
    backtests: tuple[Backtest, ...]
    ranks: Mapping[str, Sequence[int]]
    rank_draws: int
    information: Mapping[str, Sequence[float]]
    fan: tuple[np.ndarray, Mapping[str, np.ndarray]]
    spreads: Mapping[str, Sequence[ensemble.Spread]]
    groups: Mapping[str, tuple[ensemble.Member, ...]]
    digest: str
    seconds: Mapping[str, float]
    persistence: Mapping[str, Persistence]


# --- Parts ----------------------------------------------------------------------------------------


def size_questions(*years: int) -> list[Question]:
    """EU use by size class and in all, for each year."""
    return [Question("size", g, wave_month(y)) for y in years for g in _GROUPS]


def predict_year(
    posterior: Posterior, year: int, last: int, seed: int
) -> tuple[list[Prediction], dict[str, Persistence]]:
    """Predict a wave of the EU survey by size, member state and sector from waves up to ``last``.

    Args:
        posterior: of a fit that saw nothing after ``last``; its reports begin with
            :func:`size_questions` of both years.
        year: predicted.
        last: last wave seen.
        seed: of the noise.

    Returns:
        predictions, and the discrepancy by family.
    """
    count = len(_GROUPS)
    before, after = posterior.reports[:, :count], posterior.reports[:, count : 2 * count]
    seen = scoring.histories(last)
    totals = {y: v for (y, g), v in seen["size"].items() if g == "10+"}
    span = math.sqrt(year - last)
    kept = {"size": Persistence(0.0, 1.0, span * scoring.SIZE_INNOVATION, 0)}
    for family in ("country", "sector"):
        try:
            kept[family] = scoring.persistence(seen[family], totals, last)
        except scoring.ScoringError:
            # One wave of sectors only: deviations stay, as uncertain as those of member states.
            kept[family] = Persistence(0.0, 1.0, kept["country"].innovation, 0)
    found = []
    for family in scoring.FAMILIES:
        known = {g for y, g in seen[family] if y == last}
        for group in _GROUPS if family == "size" else sorted(known):
            column = _GROUPS.index(group) if family == "size" else _GROUPS.index("10+")
            cloud = scoring.predictive(
                after[:, column], before[:, column], seen[family][last, group], kept[family],
                survey.EU_ERROR.get(group, 0.5), seed, f"{family} {group} {year}",
            )  # fmt: skip
            found.append(scoring.summarise(family, group, year, cloud))
    return found, kept


def score_sizes(predictions: Sequence[Prediction]) -> Score:
    """Score EU size classes of 2025 against the held-out observations."""
    frame = data.held_out()
    use = frame[frame["indicator"] == "ai_use"]
    observed = {
        str(r["size_class"]): float(r["value"])
        for r in use.to_dict("records")
        if r["size_class"] in EU_SIZES
    }
    mine = [p for p in predictions if p.family == "size" and p.group in EU_SIZES]
    return scoring.score_family(mine, observed, scoring.histories()["size"])


def considered_rows(posterior: Posterior) -> list[tuple[str, tuple[float, ...], float]]:
    """What a fit says of the 2025 "ever considered" shares, if its reports end with them."""
    seen = survey.ever_considered()
    return [
        _row(f"{o.question.key}, ever considered", column, o.value)
        for o, column in zip(seen, posterior.reports[:, -len(seen) :].T, strict=True)
    ]


def _row(label: str, cloud: np.ndarray, seen: float) -> tuple[str, tuple[float, ...], float]:
    return label, tuple(round(float(v), 3) for v in np.quantile(cloud, _Q)), seen


def _backtest(
    name: str,
    rows: Sequence[tuple[str, tuple[float, ...], float]],
    baselines: Mapping[str, float] | None = None,
) -> Backtest:
    errors = [abs(q[2] - seen) for _, q, seen in rows]
    covered = [q[0] <= seen <= q[4] for _, q, seen in rows]
    return Backtest(
        name, tuple(rows), float(np.mean(errors)), float(np.mean(covered)), dict(baselines or {})
    )


def backtest_wave(
    machine: Machine, seed: int, scenario: Scenario, effort: Effort
) -> list[Backtest]:
    """Fit to 2021 and 2023, predict 2024: by size class, member state and sector."""
    problem = calibration.problem(scenario, 2023)
    posterior = sample(
        problem, effort.backtest, seed=seed, machine=machine, waves=effort.waves,
        steps=effort.steps, reports=size_questions(2023, 2024),
    )  # fmt: skip
    predictions, _ = predict_year(posterior, 2024, 2023, seed)
    seen = scoring.histories(2024)
    found = []
    for family, words in (
        ("size", "size classes"), ("country", "member states"), ("sector", "sectors")
    ):  # fmt: skip
        mine = [p for p in predictions if p.family == family and p.group != "10+"]
        history = {k: v for k, v in seen[family].items() if k[0] < 2024}
        rows = [
            (p.group, tuple(p.quantile(q) for q in _Q), seen[family][2024, p.group])
            for p in mine
            if (2024, p.group) in seen[family]
        ]
        groups = [r[0] for r in rows if sum(k == r[0] for _, k in history) >= 2]
        baselines = {}
        if groups:
            truth = {r[0]: r[2] for r in rows}
            for name, forecast in scoring.baseline_forecasts(history, groups, 2024).items():
                baselines[name] = float(np.mean([abs(forecast[g] - truth[g]) for g in groups]))
        found.append(_backtest(f"2021 and 2023 only, predict 2024: {words}", rows, baselines))
    return found


def backtest_sizes(parent: Posterior, machine: Machine, seed: int, effort: Effort) -> Backtest:
    """Leave one size class out of the fit, predict it in all three waves."""
    rows = []
    for size in EU_SIZES:
        keep = [
            n
            for n, o in enumerate(parent.problem.observations)
            if not (o.question.kind == "size" and o.question.key == size)
        ]
        left = replace(
            parent.problem,
            observations=tuple(parent.problem.observations[n] for n in keep),
        )
        years = survey.EU_WAVES
        posterior = sample(
            left, effort.backtest, seed=seed, candidates=1, machine=machine, steps=effort.steps,
            design=parent.design.columns(keep), waves=(0, ((40, 1.5),)),
            reports=[Question("size", size, wave_month(y)) for y in years],
        )  # fmt: skip
        figures = posterior.reports
        seen = scoring.histories()["size"]
        # The class's own past may not be seen, so its discrepancy is that of the likelihood.
        spread = calibration.DISCREPANCY["EU27"]
        for number, year in enumerate(years):
            cloud = scoring.predictive(
                figures[:, number], figures[:, number], math.nan,
                Persistence(0.0, 0.0, spread, 0), survey.EU_ERROR[size], seed,
                f"left out {size} {year}",
            )  # fmt: skip
            rows.append(_row(f"{size}, {year}", cloud, seen[year, size]))
    return _backtest("one size class left out", rows)


def backtest_countries(scenario: Scenario, machine: Machine, seed: int) -> Backtest:
    """Leave one member state's rows out, predict its 2024 from sector and size mix alone."""
    seen = scoring.histories()["country"]
    totals = {y: v for (y, g), v in scoring.histories()["size"].items() if g == "10+"}
    month = wave_month(2024)
    rows, naive = [], []
    problem = calibration.problem(scenario)
    for state in data.MEMBER_STATES:
        left = replace(problem, left_out=(state,))
        (figure,) = evaluate_sets(left, [{}], [Question("country", state, month)], machine)[0]
        others = [
            log_odds(v) - log_odds(totals[y])
            for (y, g), v in seen.items()
            if y == 2024 and g != state
        ]
        kept = Persistence(0.0, 0.0, float(np.std(others)), 0)
        cloud = scoring.predictive(
            np.full(20, figure), np.full(20, figure), math.nan, kept, 0.5, seed,
            f"left out {state}",
        )  # fmt: skip
        rows.append(_row(state, cloud, seen[2024, state]))
        naive.append(abs(totals[2024] - seen[2024, state]))
    return _backtest("one member state left out, 2024", rows, {"EU total": float(np.mean(naive))})


def us_questions() -> list[Question]:
    """Figures that :func:`backtest_us` needs as reports: each bin's last before 2025, then 2025."""
    everything = survey.us_observations(2025)
    late = [o.question for o in everything if o.question.month >= _US_SPLIT]
    last = [_us_last(everything, b, _US_SPLIT).question for b in survey.US_BINS]
    return [*last, *late]


def _us_last(
    observations: Sequence[survey.Observation], size: str, before: int
) -> survey.Observation:
    mine = [o for o in observations if o.question.key == size and o.question.month < before]
    return max(mine, key=lambda o: o.question.month)


def backtest_us(posterior: Posterior, seed: int) -> Backtest:
    """US fit to 2024, predict the quarters of 2025 by employment bin."""
    everything = survey.us_observations(2025)
    late = [o for o in everything if o.question.month >= _US_SPLIT]
    last = {b: _us_last(everything, b, _US_SPLIT) for b in survey.US_BINS}
    year_before = {b: _us_last(everything, b, _US_SPLIT - 11) for b in survey.US_BINS}
    figures = posterior.reports
    before = dict(zip(last, figures.T[: len(last)], strict=True))
    rows = []
    errors: dict[str, list[float]] = {"no change": [], "linear trend": [], "logit trend": []}
    for number, o in enumerate(late):
        size = o.question.key
        ahead = (o.question.month - last[size].question.month) / 12.0
        kept = Persistence(0.0, 1.0, calibration.DISCREPANCY["US"] * math.sqrt(1.0 + ahead), 0)
        cloud = scoring.predictive(
            figures[:, len(last) + number], before[size], last[size].value, kept, o.error, seed,
            f"US {size} {o.question.month}",
        )  # fmt: skip
        quarter = (o.question.month % 12) // 3 + 1
        rows.append(_row(f"{size}, 2025 Q{quarter}", cloud, o.value))
        early, end = year_before[size], last[size]
        years = (end.question.month - early.question.month) / 12.0
        straight = end.value + (end.value - early.value) / years * ahead
        step = (log_odds(end.value) - log_odds(early.value)) / years
        errors["no change"].append(abs(end.value - o.value))
        errors["linear trend"].append(abs(straight - o.value))
        errors["logit trend"].append(
            abs(survey.percent(log_odds(end.value) + step * ahead) - o.value)
        )
    return _backtest(
        "US to 2024, predict 2025 (BTOS, old wording)",
        rows,
        {k: float(np.mean(v)) for k, v in errors.items()},
    )


# --- Simulation-based check -----------------------------------------------------------------------

#: The reduced setting of the check: four numbers with priors narrow enough that all draws are
#: feasible; everything else stays at its default.
REDUCED = (
    Prior("considering.hazard", "lognormal", (math.log(0.0133), 0.15), "reduced setting"),
    Prior("hurdle.size_elasticity", "normal", (0.77, 0.2), "reduced setting"),
    Prior("narrow.level", "normal", (-3.13, 0.1), "reduced setting"),
    Prior("narrow.size_slope", "normal", (0.48, 0.08), "reduced setting"),
)
RANK_DRAWS = 99


def simulated_ranks(
    scenario: Scenario,
    data_sets: int,
    machine: Machine,
    seed: int,
    design: int = 60,
    steps: int = 240,
) -> dict[str, list[int]]:
    """Ranks of true values among posterior draws, over data simulated from the prior.

    Parameters are drawn from the reduced prior, figures come from the mean field itself with
    survey error and discrepancy added, and the same emulator and sampler as in the calibration
    recover the parameters.  Ranks are uniform on 0..99 if all of that is right (Talts et al.
    2018).

    Args:
        scenario: an EU baseline.
        data_sets: how many.
        machine: where evaluations run.
        seed: of all luck.
        design: points of the emulator.
        steps: of the sampler.
    """
    from scipy.stats import norm

    full = calibration.problem(scenario)
    problem = replace(full, priors=REDUCED, unidentified=())
    questions = [o.question for o in problem.observations]

    def draw(purpose: str, count: int) -> np.ndarray:
        flat = draws.uniforms(seed, purpose, count * len(REDUCED))
        return np.asarray(norm.ppf(flat)).reshape(count, len(REDUCED))

    def figures(scores: np.ndarray) -> np.ndarray:
        return evaluate_sets(problem, [calibration.fitted_values(problem, s) for s in scores],
                             questions, machine)  # fmt: skip

    points = draw("simulated: design", design)
    emulator = Surrogate(
        problem,
        Design(points, *calibration.evaluated_sets(
            problem, [calibration.fitted_values(problem, s) for s in points], questions, machine
        )),
    )  # fmt: skip
    truths = draw("simulated: truth", data_sets)
    clean = figures(truths)
    if not np.isfinite(clean).all():
        raise CalibrationError("a draw of the reduced prior cannot reproduce the reference use")
    errors = problem.errors()
    noise = norm.ppf(draws.uniforms(seed, "simulated: noise", clean.size)).reshape(clean.shape)
    found: dict[str, list[int]] = {p.name: [] for p in REDUCED}
    for number in range(data_sets):
        observed = clean[number] + errors * noise[number]
        told = problem.told(observed, errors)
        chain, *_ = calibration.chain(
            told, emulator, points, 1.0, steps, seed, f"simulated: {number}"
        )
        flat = chain.reshape(-1, len(REDUCED))
        kept = flat[np.linspace(0, len(flat) - 1, RANK_DRAWS).astype(int)]
        for place, prior in enumerate(REDUCED):
            found[prior.name].append(int((kept[:, place] < truths[number, place]).sum()))
    return found


# --- The whole ------------------------------------------------------------------------------------


def calibrate(
    folder: Path,
    *,
    seed: int = 1,
    effort: Effort = Effort(),
    workers: int = 2,
    progress: Callable[[float], None] | None = None,
) -> Card:
    """Fit, predict, backtest and check; evaluations are kept in ``folder`` and resumed from there.

    Args:
        folder: working folder; tables and card are written there too.
        seed: of all luck: the same seed gives the same bytes.
        effort: how much work.
        workers: processes for evaluations.
        progress: called with the share of the work done.

    Raises:
        econsim.experiments.calibration.CalibrationError: too few members, or no fit.
        econsim.data.DataError: a broken table, mixed definitions, a missing wave.
    """
    if effort.members < calibration.LEAST_MEMBERS:
        raise CalibrationError(
            f"{effort.members} members are too few to show a band: at least "
            f"{calibration.LEAST_MEMBERS}"
        )
    eu, us = load("eu-diverse"), load("us-diverse")
    planned = 5 * effort.design + 6 * effort.members + 4 * effort.backtest
    planned += 3 * (40 + effort.backtest) + len(data.MEMBER_STATES) + 60 + effort.simulated
    done = 0
    share_of_agents = 0.25

    def report(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(min(done / planned, 1.0) * (1.0 - share_of_agents))

    machine = Machine(calibration.Store(folder), workers, report)
    seconds: dict[str, float] = {}
    clock = time.monotonic()

    def lap(name: str) -> None:
        nonlocal clock
        now = time.monotonic()
        seconds[name] = round(now - clock, 1)
        clock = now

    def fit(problem: Problem, count: int, reports: Sequence[Question]) -> Posterior:
        return sample(
            problem, count, seed=seed, machine=machine, waves=effort.waves, steps=effort.steps,
            reports=reports,
        )  # fmt: skip

    considered = [o.question for o in survey.ever_considered()]
    scored = {
        "EU27": fit(
            calibration.problem(eu, SCORED),
            effort.members,
            [*size_questions(SCORED, 2025), *considered],
        )
    }
    predictions, kept = predict_year(scored["EU27"], 2025, SCORED, seed)
    lap("fit EU to 2024, predict 2025")
    shipped = {
        "EU27": fit(calibration.problem(eu, SCORED, ever_considered=True), effort.members,
                    size_questions(2025))
    }  # fmt: skip
    lap("fit EU that ships")
    scored["US"] = fit(calibration.problem(us, SCORED), effort.backtest, us_questions())
    lap("fit US to 2024")
    shipped["US"] = fit(calibration.problem(us, SHIPPED), effort.members, ())
    lap("fit US that ships")
    backtests = backtest_wave(machine, seed, eu, effort)
    lap("backtest 2024")
    backtests.append(backtest_sizes(scored["EU27"], machine, seed, effort))
    backtests.append(backtest_countries(eu, machine, seed))
    backtests.append(backtest_us(scored["US"], seed))
    lap("other backtests")
    ranks = simulated_ranks(eu, effort.simulated, machine, seed)
    lap("simulation-based check")
    groups = {r: ensemble.equal_members(r, p.members) for r, p in shipped.items()}
    also = {
        "EU27": "use up to 2024; of 2025 only the share of non-users that ever considered AI, by "
        "size class (Eurostat isoc_eb_ai); the scored fit saw nothing of 2025",
        "US": "BTOS to September 2025, old wording; the scored fit saw 2024",
    }
    regions = {
        region: {
            "until": {"EU27": SCORED, "US": SHIPPED}[region],
            "also": also[region],
            "warnings": list(posterior.diagnostics.warnings),
            "diagnostics": calibration.as_record(posterior.diagnostics),
            "priors": [
                {"name": p.name, "kind": p.kind, "numbers": list(p.numbers),
                 "reason": p.reason, "fitted": p in posterior.problem.priors}
                for p in (*posterior.problem.priors, *posterior.problem.unidentified)
            ],
        }
        for region, posterior in shipped.items()
    }  # fmt: skip
    digest = ensemble.write(folder, groups, {"seed": seed, "regions": regions})
    (folder / "predictions.csv").write_text(
        scoring.predictions_csv(predictions, SCORED), encoding="utf-8"
    )
    loaded = {r: ensemble.load(r, folder) for r in groups}
    fan = (
        ensemble.use_paths(eu, loaded["EU27"].thin(effort.fan), _FAN_YEARS),
        ensemble.variant_paths(eu, _FAN_YEARS),
    )
    lap("paths of use to 2035")
    spreads = {}
    for number, region in enumerate(groups):
        name = region[:2].lower()

        def report_agents(share: float, start: int = number) -> None:
            if progress is not None:
                progress(1.0 - share_of_agents * (1.0 - (start + share) / len(groups)))

        (found,) = ensemble.spreads(
            [load(f"{name}-diverse"), load(f"{name}-restrictive")], loaded[region], 2035,
            members=effort.agents, rows=effort.rows, replicates=effort.replicates,
            workers=workers, seed=seed, progress=report_agents,
        )  # fmt: skip
        spreads[region] = found
    lap("effects by agents")
    return Card(
        scored, shipped, tuple(predictions), (score_sizes(predictions),), tuple(backtests),
        ranks, RANK_DRAWS,
        {r: [float(v) for v in calibration.information(p)[0]] for r, p in scored.items()},
        fan, spreads, groups, digest, seconds, kept,
    )  # fmt: skip


# --- The page -------------------------------------------------------------------------------------


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)


def _points(value: float) -> str:
    return "n/a" if not math.isfinite(value) else f"{value:.2f}"


def _percent(share: float) -> str:
    return f"{100.0 * share:.0f} %"


def score_table(score: Score) -> list[tuple[str, str, str, str]]:
    """Rows for people: model first, then baselines: name, error, CRPS or DM, verdict."""
    rows = [("model", _points(score.error), f"CRPS {_points(score.crps)}", "")]
    for a in score.against:
        verdict = "better" if score.error < a.error else "LOSS: the baseline is nearer"
        test = (
            f"DM {a.statistic:+.2f}, p {a.probability:.2f}"
            if math.isfinite(a.statistic)
            else "DM n/a"
        )
        rows.append((a.name, _points(a.error), test, verdict))
    return rows


WORDS = {"size": "EU size classes", "country": "member states", "sector": "sectors"}


def _score_section(score: Score, picture: str) -> str:
    rows = [
        (g, f"{m:.1f}", f"{o:.1f}", f"{m - o:+.1f}")
        for g, m, o in zip(score.groups, score.median, score.observed, strict=True)
    ]
    return (
        _table(("persons", "predicted", "observed", "difference"), rows)
        + "\n\n"
        + _table(("forecast", "mean absolute error", "", "the model is"), score_table(score))
        + f"\n\nCRPS {score.crps:.2f} points; the 50 % bands cover {_percent(score.covered_50)}, "
        f"the 80 % bands {_percent(score.covered_80)} of {len(score.groups)} figures. With so few "
        "figures no Diebold-Mariano test can say much.\n\n"
        f"![Predicted bands and observations of 2025 by size class]({picture})\n"
    )


def _ensemble_section(card: Card) -> str:
    parts = []
    for region, posterior in card.shipped.items():
        rows = []
        members = card.groups[region]
        weight = np.array([m.weight for m in members])
        for prior in (*posterior.problem.priors, *posterior.problem.unidentified):
            values = _member_values(members, prior.name)
            before = prior.quantile(np.array([0.1, 0.5, 0.9]))
            after = _weighted_quantile(values, weight, (0.1, 0.5, 0.9))
            fitted = prior in posterior.problem.priors
            shrink = (after[2] - after[0]) / max(float(before[2] - before[0]), 1e-12)
            verdict = (
                "drawn from its prior, never fitted"
                if not fitted
                else f"identified (band {_percent(shrink)} of the prior's)"
                if shrink < 0.6
                else f"hardly identified ({_percent(shrink)})"
            )
            rows.append(
                (f"`{prior.name}`", " / ".join(f"{v:.3g}" for v in before),
                 " / ".join(f"{v:.3g}" for v in after), verdict)
            )  # fmt: skip
        parts.append(
            f"### {'EU' if region == 'EU27' else 'US'}\n\n"
            + _table(("number", "prior 10 / 50 / 90 %", "ensemble 10 / 50 / 90 %", ""), rows)
        )
    return "\n\n".join(parts)


def _member_values(members: Sequence[ensemble.Member], name: str) -> np.ndarray:
    if name == calibration.SLOPE:
        return np.array([m.reporting_slope for m in members])
    if name == calibration.REENTRY:
        return np.array([m.reentry_share for m in members])
    return np.array([m.parameters[name] for m in members])


def _weighted_quantile(
    values: np.ndarray, weight: np.ndarray, levels: Sequence[float]
) -> list[float]:
    order = np.argsort(values, kind="stable")
    cumulated = (weight[order].cumsum() - 0.5 * weight[order]) / weight.sum()
    return [float(np.interp(q, cumulated, values[order])) for q in levels]


def _prior_rows(card: Card, region: str) -> list[tuple[str, list[float], list[float]]]:
    posterior = card.shipped[region]
    members = card.groups[region]
    weight = np.array([m.weight for m in members])
    rows = []
    for prior in (*posterior.problem.priors, *posterior.problem.unidentified):
        before = [float(v) for v in prior.quantile(np.array([0.1, 0.5, 0.9]))]
        after = _weighted_quantile(_member_values(members, prior.name), weight, (0.1, 0.5, 0.9))
        scale = max((before[2] - before[0]) / 2.563, 1e-12)
        rows.append(
            (prior.name, [(b - before[1]) / scale for b in before],
             [(a - before[1]) / scale for a in after])
        )  # fmt: skip
    return rows


def figures(card: Card) -> dict[str, str]:
    """The page's figures as SVG, by file name."""
    unit = "percent of enterprises"
    made = {}
    seen = dict(zip(card.scores[0].groups, card.scores[0].observed, strict=True))

    def rows(family: str) -> list[tuple[str, list[float], float]]:
        return [
            (p.group, [p.quantile(q) for q in _Q],
             seen.get(p.group, math.nan) if family == "size" else math.nan)
            for p in card.predictions
            if p.family == family
        ]  # fmt: skip

    made["predicted-size.svg"] = diagrams.intervals(rows("size"), unit)
    states = sorted(rows("country"), key=lambda r: -r[1][2])
    made["predicted-country.svg"] = diagrams.intervals(states, unit)
    made["predicted-sector.svg"] = diagrams.intervals(
        sorted(rows("sector"), key=lambda r: -r[1][2]), unit
    )
    posterior = card.scored["EU27"]
    made["fit.svg"] = diagrams.intervals(
        [
            (f"{o.question.key}, {2021 + o.question.month // 12}"
             + (" (considered)" if o.question.kind == "considered" else ""),
             [float(v) for v in np.quantile(column, _Q)], o.value)
            for o, column in zip(posterior.problem.observations, posterior.figures.T, strict=True)
        ],
        unit,
    )  # fmt: skip
    us = card.scored["US"]
    made["fit-us.svg"] = diagrams.intervals(
        [
            (f"{o.question.key}, {2021 + o.question.month // 12}-{o.question.month % 12 + 1:02d}",
             [float(v) for v in np.quantile(column, _Q)], o.value)
            for o, column in zip(us.problem.observations, us.figures.T, strict=True)
        ],
        unit,
    )  # fmt: skip
    for region in card.groups:
        made[f"priors-{region[:2].lower()}.svg"] = diagrams.priors(_prior_rows(card, region))
    made["singular.svg"] = diagrams.singular(
        {("EU" if r == "EU27" else r): v for r, v in card.information.items()}
    )
    bins = 10
    total = len(next(iter(card.ranks.values())))
    from scipy.stats import binom

    low, high = binom.ppf([0.005, 0.995], total, 1.0 / bins)
    made["ranks.svg"] = diagrams.ranks(
        {
            k.partition(".")[2]: [
                int(n) for n in np.histogram(v, bins, (0, card.rank_draws + 1))[0]
            ]
            for k, v in card.ranks.items()
        },
        (float(low), float(high)),
    )
    for number, test in enumerate(card.backtests):
        made[f"backtest-{number + 1}.svg"] = diagrams.intervals(test.rows, unit)
    paths, variants = card.fan
    low80, low50, high50, high80 = np.quantile(paths, (0.1, 0.25, 0.75, 0.9), axis=0)
    names = {"": "default", **{v.name: v.name for v in ensemble.VARIANTS}}
    waves = _observed_small()
    made["fan-use.svg"] = diagrams.fan(
        _FAN_YEARS, [(low80, high80, "80 %"), (low50, high50, "50 %")],
        {names[k]: v.tolist() for k, v in variants.items()}, waves, unit,
    )  # fmt: skip
    for region, spreads in card.spreads.items():
        made[f"spread-{region[:2].lower()}.svg"] = diagrams.spread(
            [
                (f"{s.label} [{s.unit}]",
                 {"noise": s.noise, "parameters": s.parameters, "structure": s.structure,
                  "point": s.point})
                for s in spreads[:2]
            ],
            "restrictive less diverse, 2035",
        )  # fmt: skip
    return made


def _observed_small() -> dict[int, float]:
    """EU use of 10-249 persons by wave: the two classes by their enterprises (derived)."""
    firms = data.structure("EU27")["firms"].sum(axis=0)
    weight = [firms[data.SIZE_CLASSES.index(s)] for s in ("10-49", "50-249")]
    use = survey.eu_use("size")
    return {
        y: float(np.average([use[y, s] for s in ("10-49", "50-249")], weights=weight))
        for y in survey.EU_WAVES
    }


def _spread_table(spreads: Sequence[ensemble.Spread]) -> str:
    variants = [v.name for v in ensemble.VARIANTS]
    return _table(
        ("outcome, 2035", "default", "replicate noise (80 %)", "parameters 10 / 50 / 90 %",
         *variants),
        [
            (f"{s.label} [{s.unit}]", f"{s.point:.3g}", f"{s.noise[0]:.3g} to {s.noise[1]:.3g}",
             " / ".join(f"{v:.3g}" for v in s.parameters),
             *(f"{s.structure[v]:.3g}" for v in variants))
            for s in spreads
        ],
    )  # fmt: skip


#: The sentence that the issue of belief turns on.
NO_DISCRIMINATION = (
    "Agreement in 2025 does not discriminate the headline: an eighth technology entered the "
    "survey that year, and any lambda fits."
)


def page(card: Card, folder: str = "scorecard") -> str:
    """The scorecard as Markdown; figures are in ``folder`` beside it."""
    score = card.scores[0]
    eu, us = (card.shipped[r].diagnostics for r in ("EU27", "US"))
    country = card.persistence["country"]
    backtest_rows = [
        (b.name, str(len(b.rows)), _points(b.error), _percent(b.covered_80),
         "; ".join(f"{k} {v:.2f}" + (" (nearer)" if v < b.error else "")
                   for k, v in b.baselines.items()) or "none")
        for b in card.backtests
    ]  # fmt: skip
    backtest_figures = "\n\n".join(
        f"![{b.name}]({folder}/backtest-{n + 1}.svg)\n\n*{b.name}*"
        for n, b in enumerate(card.backtests)
    )
    ranks = [(f"`{name}`", f"{_uniformity(found):.2f}") for name, found in card.ranks.items()]
    values = "; ".join(
        f"{'EU' if r == 'EU27' else r}: " + " ".join(f"{v:.2f}" for v in found)
        for r, found in card.information.items()
    )
    moved = {r: int((np.asarray(v) > 1.0).sum()) for r, v in card.information.items()}
    warnings = [
        f"- **Warning ({r})**: {w}" for r, d in (("EU", eu), ("US", us)) for w in d.warnings
    ]
    levels = _table(
        ("name", "set", "source"),
        [
            (f"`{level.name}`", ", ".join(f"`{k}` {v:g}" for k, v in level.parameters.items()),
             level.source)
            for level in ensemble.LEVELS
        ],
    )  # fmt: skip
    variants = "\n".join(f"- `{v.name}`: {v.title}" for v in ensemble.VARIANTS)
    lines = [
        "# Scorecard",
        "Generated by `econsim calibrate`; do not edit. How wrong the model may be: what it was "
        "fitted to, what it predicted without seeing it, and what the data do not say.",
        "## In short",
        f"- Mean absolute error by EU size class in 2025: **{score.error:.2f} points** "
        f"(aim 1.2). Baselines: "
        + "; ".join(
            f"{a.name} {a.error:.2f}" + (" (**nearer: a loss**)" if a.error < score.error else "")
            for a in score.against
        )
        + ".",
        f"- Data on use move {moved.get('EU27', 0)} directions of the EU's "
        f"{len(card.scored['EU27'].problem.priors)} fitted numbers (US: {moved.get('US', 0)}); "
        "the rest is prior.",
        f"- {NO_DISCRIMINATION}",
        *warnings,
        "## 2025 by EU size class, predicted from rows up to 2024",
        _score_section(score, f"{folder}/predicted-size.svg"),
        "The observations of 2025 were known to the people who wrote the model; the scored fit "
        "reads none, and a test takes them away and gets the same bytes.",
        "Non-users that ever considered AI, 2025, percent of non-users, predicted by the same fit "
        "and seen by no scored fit:\n\n"
        + _table(
            ("persons", "predicted (10 to 90 %)", "observed"),
            [
                (label.partition(",")[0], f"{q[2]:.1f} ({q[0]:.1f} to {q[4]:.1f})", f"{o:.1f}")
                for label, q, o in considered_rows(card.scored["EU27"])
            ],
        ),
        "## 2025 by member state and by sector, predicted",
        "In `econsim/data/ensemble/predictions.csv`; compare with\n\n```sh\neconsim score "
        "--observations FILE\n```\n\nWhat tells member states apart is carried forward, not "
        f"explained: a state's deviation from the EU in log odds keeps {country.slope:.2f} of "
        f"itself per year (intercept {country.intercept:+.3f}), with innovations of "
        f"{country.innovation:.2f}, from {country.transitions} transitions up to 2024. At use of "
        "20 % that alone is an error of about 2.7 points for a typical state.",
        f"![Member states]({folder}/predicted-country.svg)",
        f"![Sectors]({folder}/predicted-sector.svg)",
        "## Fit",
        f"![EU figures and the ensemble]({folder}/fit.svg)",
        f"![US figures and the ensemble]({folder}/fit-us.svg)",
        "Errors allowed: survey error (EU 0.3 / 0.5 / 1.0 points by class, assumption; BTOS as "
        "published, by quarter) and the model's discrepancy, "
        f"{calibration.DISCREPANCY['EU27']:g} (EU) and {calibration.DISCREPANCY['US']:g} (US) in "
        "log odds. "
        + _table(
            ("", "EU", "US"),
            [
                ("members", str(len(card.groups["EU27"])), str(len(card.groups["US"]))),
                (
                    "autocorrelation time, steps",
                    f"{eu.autocorrelation:g}",
                    f"{us.autocorrelation:g}",
                ),
                ("steps kept", str(eu.steps), str(us.steps)),
                (
                    "emulator error, standard errors",
                    f"{eu.emulator_error:g}",
                    f"{us.emulator_error:g}",
                ),
                (
                    "effective share of candidates",
                    f"{eu.effective_share:g}",
                    f"{us.effective_share:g}",
                ),
                ("evaluations", str(eu.evaluations), str(us.evaluations)),
            ],
        ).join(("\n\n", "")),
        "## What the data identify",
        "Singular values of the data's information, in prior standard deviations (above one: the "
        f"data say more than the prior). {values}.",
        f"![Singular values]({folder}/singular.svg)",
        f"![Prior and ensemble, EU]({folder}/priors-eu.svg)",
        f"![Prior and ensemble, US]({folder}/priors-us.svg)",
        _ensemble_section(card),
        "## Backtests",
        _table(
            ("left out", "figures", "mean absolute error", "inside 80 % band", "baselines"),
            backtest_rows,
        ),
        "The coming of general-purpose AI is not in the data up to 2023: the first backtest rests "
        "on a wide assumption about it (0.3 more in log odds, standard deviation 0.4).",
        backtest_figures,
        "## Simulation-based check",
        "Parameters drawn from a reduced prior, data simulated with survey error and discrepancy, "
        "parameters recovered by the same emulator and sampler: ranks must be uniform "
        f"({len(next(iter(card.ranks.values())))} data sets).",
        _table(("number", "p of uniform ranks"), ranks),
        f"![Rank histograms; grey: 99 % range]({folder}/ranks.svg)",
        "## What an uncertain result looks like",
        "EU use, 10-249 persons, diverse ecosystem: bands are parameters (50 % and 80 %), lines "
        "are structural choices, each solved again to meet the use of 2024. Dots: Eurostat.",
        f"![Use, 10-249 persons, to 2035]({folder}/fan-use.svg)",
        variants,
        "Effect of the restrictive against the diverse ecosystem by agents; the three kinds of "
        "uncertainty on rows of their own. Members and structural choices are run at one luck, "
        "that of the first replicate, with few rows: the noise row says how far that alone can "
        "move them.",
        *(
            f"**{'EU' if r == 'EU27' else r}**, {s[0].members} members\n\n{_spread_table(s)}\n\n"
            f"![Effects, {r}]({folder}/spread-{r[:2].lower()}.svg)"
            for r, s in card.spreads.items()
        ),
        "## GDP level scenarios",
        "Named literature sets, apart from the fit: any ceiling fits the data.",
        levels,
        "## The ensemble",
        f"`econsim/data/ensemble/ensemble.csv`, SHA-256 `{card.digest}`. The sets that ship come "
        "from fits of their own: the EU's also uses the share of non-users of 2025 that ever "
        "considered AI, by size class, the US's BTOS to September 2025. Everything above on 2025 "
        "comes from fits to 2024.",
    ]
    return "\n\n".join(line.strip() for line in lines) + "\n"


def _uniformity(ranks: Sequence[int]) -> float:
    """p value of a chi-square test that ranks on 0..99 are uniform over ten bins."""
    from scipy.stats import chisquare

    counts, _ = np.histogram(ranks, 10, (0, RANK_DRAWS + 1))
    return float(chisquare(counts).pvalue)


def write_page(card: Card, place: Path) -> None:
    """Write the page and, in a folder of its name beside it, the figures."""
    place.parent.mkdir(parents=True, exist_ok=True)
    folder = place.parent / place.stem
    folder.mkdir(exist_ok=True)
    for name, text in figures(card).items():
        (folder / name).write_text(text, encoding="utf-8")
    place.write_text(page(card, place.stem), encoding="utf-8")


def record(card: Card) -> dict[str, Any]:
    """The card's numbers for a JSON file."""
    return {
        "ensemble_sha256": card.digest,
        "seconds": dict(card.seconds),
        "scores": [
            {**vars(s), "against": [vars(a) for a in s.against]} for s in card.scores
        ],
        "backtests": [
            {"name": b.name, "error": b.error, "covered_80": b.covered_80,
             "baselines": dict(b.baselines), "figures": len(b.rows)}
            for b in card.backtests
        ],
        "information": {r: [round(float(v), 4) for v in x] for r, x in card.information.items()},
        "diagnostics": {
            "EU27": calibration.as_record(card.scored["EU27"].diagnostics),
            "US": calibration.as_record(card.scored["US"].diagnostics),
            **{
                f"{r}, ships": calibration.as_record(p.diagnostics)
                for r, p in card.shipped.items()
            },
        },
        "rank_p_values": {k: round(_uniformity(v), 4) for k, v in card.ranks.items()},
    }  # fmt: skip


def write_record(card: Card, place: Path) -> None:
    """Write :func:`record`."""
    place.write_text(json.dumps(record(card), indent=1) + "\n", encoding="utf-8")


__all__ = [
    "MEMBERS",
    "NO_DISCRIMINATION",
    "Backtest",
    "Card",
    "Problem",
    "calibrate",
    "figures",
    "page",
    "predict_year",
    "record",
    "score_sizes",
    "score_table",
    "simulated_ranks",
    "write_page",
    "write_record",
]
