"""Calibration: right on known answers, repeatable, resumable, blind to what it may not see."""

import builtins
import io
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chisquare, kstest, norm

from econsim import data, draws
from econsim.experiments import calibration, scorecard, shifters, survey
from econsim.experiments.calibration import Machine, Prior, Problem, Store
from econsim.experiments.faults import CalibrationError
from econsim.scenario import load

SMALL = {"steps": 240, "waves": (24, ((8, 1.5),)), "candidates": 2}


@pytest.fixture(scope="module")
def reduced() -> Problem:
    """Four numbers, the rest at their defaults."""
    return replace(calibration.problem(load("eu-diverse")), priors=scorecard.REDUCED)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def posterior(reduced: Problem, store: Path) -> calibration.Posterior:
    return calibration.sample(reduced, 12, machine=Machine(Store(store)), **SMALL)


# --- Priors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", ["eu-diverse", "us-diverse"])
def test_priors_stay_within_bounds_and_have_reasons(region: str) -> None:
    chosen = calibration.problem(load(region))
    for prior in (*chosen.priors, *chosen.unidentified):
        low, high = prior.bounds()
        values = prior.quantile(np.linspace(0.0, 1.0, 101))
        assert values[0] >= low - 1e-9 and values[-1] <= high + 1e-9
        assert (np.diff(values) >= 0.0).all() and prior.reason


@pytest.mark.parametrize(
    "prior",
    [
        Prior("choice.beta", "normal", (0.6, 0.2), ""),
        Prior("considering.hazard", "lognormal", (math.log(0.015), 1.0), ""),
        Prior("survey.use_2024", "logitnormal", (-1.9, 0.1), ""),
    ],
)
def test_scores_and_values_are_inverse(prior: Prior) -> None:
    for score in (-1.0, 0.0, 1.5):
        assert prior.score(float(prior.value(score))) == pytest.approx(score, abs=1e-9)


def test_what_data_do_not_identify_is_never_fitted() -> None:
    named = {
        "choice.lambda", "choice.open_share", "benefit.ceiling", "benefit.saving",
        "benefit.light_depth", "choice.persistence", "hurdle.real_share", calibration.REENTRY,
        "supply.price_response", "supply.rents_elasticity", "supply.pool_elasticity",
    }  # fmt: skip
    for region in ("eu-diverse", "us-diverse"):
        chosen = calibration.problem(load(region))
        assert named <= {p.name for p in chosen.unidentified}
        assert not named & {p.name for p in chosen.priors}


def test_unidentified_numbers_keep_their_prior() -> None:
    for prior in calibration.UNIDENTIFIED:
        values = [d[prior.name] for d in calibration.drawn([prior], 1, 200)]
        share = [float(np.interp(v, prior.quantile(np.linspace(0, 1, 401)),
                                 np.linspace(0, 1, 401))) for v in values]  # fmt: skip
        assert kstest(share, "uniform").pvalue > 0.5, prior.name


# --- The sampler on known answers -----------------------------------------------------------------


class _Line:
    """Figures that are a line in the scores; everything can be reached."""

    def __init__(self, slopes: np.ndarray) -> None:
        self.slopes = slopes

    def figures(self, scores: np.ndarray) -> np.ndarray:
        return 20.0 + scores @ self.slopes.T

    def reachable(self, scores: np.ndarray, us: bool) -> np.ndarray:
        return np.ones(len(scores), bool)


def test_the_sampler_finds_a_known_posterior(reduced: Problem) -> None:
    rng = draws.uniforms(3, "test: line", 44).reshape(11, 4)
    slopes = norm.ppf(rng)
    wide = tuple(replace(p, numbers=(0.0, 1.0), name="test", kind="normal") for p in reduced.priors)
    wide = tuple(replace(p, kind="uniform", numbers=(-1.0, 1.0)) for p in wide)
    known = replace(reduced, priors=wide).told(
        20.0 + slopes @ np.array([0.5, -0.5, 0.2, 0.0]), np.full(11, 1.5)
    )
    start = norm.ppf(draws.uniforms(4, "test: start", 200)).reshape(50, 4)
    found, tau, _ = calibration.chain(known, _Line(slopes), start, 1.0, 4000, 1, "test")
    precision = np.eye(4) + slopes.T @ slopes / 1.5**2
    mean = np.linalg.solve(precision, slopes.T @ (slopes @ [0.5, -0.5, 0.2, 0.0]) / 1.5**2)
    deviation = np.sqrt(np.diag(np.linalg.inv(precision)))
    flat = found.reshape(-1, 4)
    assert np.abs((flat.mean(axis=0) - mean) / deviation).max() < 0.15
    assert flat.std(axis=0) == pytest.approx(deviation, rel=0.1)
    assert tau < 100.0


def test_resampling_follows_the_weights() -> None:
    weights = np.log(np.tile([1.0, 3.0, 0.0 + 1e-300], (4000, 1)))
    weights[:5] = -np.inf
    chosen, effective = calibration.resample(weights, 1)
    assert (chosen[:5] == -1).all() and not (chosen == 2).any()
    assert np.mean(chosen[5:] == 1) == pytest.approx(0.75, abs=0.02)
    assert effective == pytest.approx(16.0 / 10.0 / 3.0, abs=1e-6)


def test_parameters_are_recovered_from_simulated_data(store: Path) -> None:
    """Rank statistics are uniform (Talts et al. 2018) in the reduced setting."""
    ranks = scorecard.simulated_ranks(
        load("eu-diverse"), 24, Machine(Store(store)), seed=5, design=30, steps=160
    )
    for name, found in ranks.items():
        counts, _ = np.histogram(found, 4, (0, scorecard.RANK_DRAWS + 1))
        assert chisquare(counts).pvalue > 0.002, (name, counts)


# --- Repeatable, resumable ------------------------------------------------------------------------


def test_members_fit_and_come_with_diagnostics(posterior: calibration.Posterior) -> None:
    gaps = (posterior.figures - [o.value for o in posterior.problem.observations]) / (
        posterior.problem.errors()
    )
    assert np.abs(gaps).mean() < 1.5
    assert posterior.diagnostics.emulator_error < 0.2
    assert posterior.diagnostics.effective_share > 0.5
    assert any("only 12 members" in w for w in posterior.diagnostics.warnings)


def test_the_same_seed_gives_the_same_members_without_new_work(
    posterior: calibration.Posterior, reduced: Problem, store: Path
) -> None:
    """Resumed from the store: nothing is evaluated twice, and nothing changes."""
    place = store / "evaluations.jsonl"
    before = len(place.read_text().splitlines())
    again = calibration.sample(reduced, 12, machine=Machine(Store(store)), **SMALL)
    assert again.members == posterior.members
    assert (again.figures == posterior.figures).all()
    assert len(place.read_text().splitlines()) == before


def test_an_interrupted_calibration_resumes_to_the_same_members(
    posterior: calibration.Posterior, reduced: Problem, store: Path, tmp_path: Path
) -> None:
    lines = (store / "evaluations.jsonl").read_text().splitlines()
    half = lines[: len(lines) // 2]
    cut = "\n".join([*half, lines[len(lines) // 2][:17]])  # killed while writing a line
    (tmp_path / "evaluations.jsonl").write_text(cut)
    resumed = calibration.sample(reduced, 12, machine=Machine(Store(tmp_path)), **SMALL)
    assert resumed.members == posterior.members
    for line in (tmp_path / "evaluations.jsonl").read_text().splitlines():
        json.loads(line)


def test_other_seeds_give_other_members(posterior: calibration.Posterior, reduced: Problem) -> None:
    first = calibration.drawn(reduced.unidentified, 1, 3)
    second = calibration.drawn(reduced.unidentified, 2, 3)
    assert first != second


def test_the_kernel_of_information_is_small_where_data_are_silent(
    posterior: calibration.Posterior,
) -> None:
    values, directions = calibration.information(posterior)
    assert values[0] > 1.0 and (np.diff(values) <= 0.0).all()
    assert directions.shape == (4, 4)


# --- Held out -------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", ["eu-diverse", "us-diverse"])
def test_held_out_rows_cannot_be_read_by_the_fit(
    region: str, changed_tables: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Corrupt or removed rows of 2025 leave the problem, hence every member, as it was."""
    scenario = load(region)
    before = calibration.problem(scenario)

    def late(row: dict[str, str]) -> dict[str, str]:
        return row | {"value": "99"} if row["year"] == "2025" else row

    folder = changed_tables("ai_use_us_btos", late)
    (folder / "held_out_2025.csv").unlink()
    opened: list[str] = []
    original = io.open

    def watched(file, *args, **kwargs):  # type: ignore[no-untyped-def]
        opened.append(str(file))
        return original(file, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", watched)
    monkeypatch.setattr(io, "open", watched)
    monkeypatch.setattr(data, "held_out", lambda *_: pytest.fail("held-out rows were read"))
    after = calibration.problem(scenario, 2024, folder)
    assert after == before
    few = replace(after, priors=after.priors[:1]) if region == "us-diverse" else after
    figures = calibration.evaluate_sets(
        few, [{}], [o.question for o in few.observations], Machine()
    )
    assert np.isfinite(figures).all()
    assert not [name for name in opened if "held_out_2025" in name]


def test_a_fit_to_2023_uses_nothing_made_from_2024() -> None:
    chosen = calibration.problem(load("eu-diverse"), 2023)
    assert max(o.question.month for o in chosen.observations) == survey.wave_month(2023)
    (task,) = calibration.tasks(chosen, [{}], [survey.Question("size", "10+", 25)])
    assert not task.hurdle_shifts
    (level,) = (p for p in chosen.priors if p.name == "survey.use_2024")
    assert level.numbers[1] > 0.3 and "assumption" in level.reason


# --- Refusals and warnings ------------------------------------------------------------------------


def test_too_few_members_are_refused(reduced: Problem, tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="at least 2 members"):
        calibration.sample(reduced, 1)
    with pytest.raises(CalibrationError, match="at least 50"):
        scorecard.calibrate(tmp_path, effort=scorecard.Effort(members=49))


def test_priors_that_do_not_fit_are_said(reduced: Problem) -> None:
    narrow = Prior("narrow.level", "normal", (1.5, 0.05), "nonsense")
    with pytest.raises(CalibrationError, match="0 of 12 design points"):
        calibration.sample(replace(reduced, priors=(narrow,)), 2, waves=(12, ()))


def test_a_sample_that_did_not_converge_says_so(reduced: Problem, store: Path) -> None:
    short = calibration.sample(
        reduced, 12, machine=Machine(Store(store)), **(SMALL | {"steps": 24})
    )
    assert any("not converged" in w for w in short.diagnostics.warnings)


# --- The point fit --------------------------------------------------------------------------------


def test_shifters_move_groups_towards_what_was_observed() -> None:
    scenario = load("eu-diverse")
    found = shifters.fit_shifts(scenario, survey.shipped_shifts())
    shipped = survey.shipped_shifts()
    assert set(found) == set(shipped)
    gaps = [abs(found[k] - shipped[k]) for k in found]
    assert np.mean(gaps) < 0.05, "the shipped shifters are what the fit gives at the defaults"
    assert shifters.shifts_csv(found).startswith("dimension,key,indicator,value")
