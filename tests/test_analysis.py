"""Analysis of studies: known answers are returned, and what does not fit is refused."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest

from econsim import draws, engine, scenario, setting
from econsim.experiments import decomposition, discovery, emulator, robustness, sensitivity
from econsim.experiments.design import DUMMY, Morris, Sobol, sample
from econsim.experiments.store import Responses, StoreError
from econsim.experiments.study import Kept, Study, loads
from econsim.scenario import Scenario

# --- Sobol and Morris: a function whose indices are known -----------------------------------------

ISHIGAMI = {"x1": (-math.pi, math.pi), "x2": (-math.pi, math.pi), "x3": (-math.pi, math.pi)}
#: Ishigami and Homma (1990) with a = 7, b = 0.1: first-order and total indices.
FIRST = {"x1": 0.3139, "x2": 0.4424, "x3": 0.0, DUMMY: 0.0}
TOTAL = {"x1": 0.5576, "x2": 0.4424, "x3": 0.2437, DUMMY: 0.0}


def ishigami(x: np.ndarray) -> np.ndarray:
    return np.asarray(
        np.sin(x[:, 0]) + 7.0 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])
    )


def saltelli(samples: int) -> tuple[list[str], np.ndarray]:
    points = sample(Sobol(design="sobol", samples=samples, ranges=ISHIGAMI))
    return list(points[0]), np.array([list(p.values()) for p in points])


@pytest.fixture(scope="module")
def design() -> tuple[list[str], np.ndarray]:
    return saltelli(4096)


def test_sobol_indices_of_ishigami_are_within_two_hundredths(
    design: tuple[list[str], np.ndarray],
) -> None:
    names, x = design
    found = sensitivity.sobol(names, x, ishigami(x))
    for index in found.indices:
        assert abs(index.first - FIRST[index.factor]) < 0.02, index
        assert abs(index.total - TOTAL[index.factor]) < 0.02, index
        assert 0.0 <= index.total_error < 0.1
    assert [i.factor for i in found.indices[:3]] == ["x1", "x2", "x3"]
    assert {i.factor for i in found.clear()} == {"x1", "x2", "x3"}
    assert sorted(found.convergence) == [256, 512, 1024, 2048, 4096]
    assert found.settled()
    assert "x1 5" in found.sentence("y") and "settled" in found.sentence("y")


def test_the_dummy_gets_nothing_and_nothing_is_clear_where_nothing_acts(
    design: tuple[list[str], np.ndarray],
) -> None:
    names, x = design
    found = sensitivity.sobol(names, x, ishigami(x))
    dummy = next(i for i in found.indices if i.factor == DUMMY)
    assert dummy.total == 0.0
    flat = sensitivity.sobol(names, x, np.ones(len(x)))
    assert not flat.clear()
    assert "No factor" in flat.sentence("y")


def test_missing_runs_cost_whole_base_samples(design: tuple[list[str], np.ndarray]) -> None:
    names, x = design
    y = ishigami(x)
    y[[7, 8, 100]] = np.nan
    found = sensitivity.sobol(names, x, y)
    assert (found.samples, found.dropped) == (4094, 2)


def test_samples_that_do_not_match_the_design_are_refused(
    design: tuple[list[str], np.ndarray],
) -> None:
    names, x = design
    y = ishigami(x)
    with pytest.raises(sensitivity.SensitivityError, match="responses"):
        sensitivity.sobol(names, x, y[:-1])
    with pytest.raises(sensitivity.SensitivityError, match="no multiple"):
        sensitivity.sobol(names, x[:-1], y[:-1])
    with pytest.raises(sensitivity.SensitivityError, match="reordered"):
        sensitivity.sobol(names, x[::-1], y)
    edited = x.copy()
    edited[10, 1] += 1e-9
    with pytest.raises(sensitivity.SensitivityError, match="do not match"):
        sensitivity.sobol(names, edited, y)


def test_morris_finds_the_effects_of_a_sum() -> None:
    given = Morris(design="morris", trajectories=20, ranges={"a": (0.0, 2.0), "b": (5.0, 6.0)})
    points = sample(given)
    names, x = list(points[0]), np.array([list(p.values()) for p in points])
    found = sensitivity.morris(names, x, 3.0 * x[:, 0] - x[:, 1], 4)
    effects = {i.factor: (i.first, i.total, i.spread) for i in found.indices}
    assert effects["a"] == pytest.approx((6.0, 6.0, 0.0), abs=1e-9)
    assert effects["b"] == pytest.approx((-1.0, 1.0, 0.0), abs=1e-9)
    assert effects[DUMMY] == pytest.approx((0.0, 0.0, 0.0), abs=1e-9)
    assert {i.factor for i in found.clear()} == {"a", "b"}
    with pytest.raises(sensitivity.SensitivityError, match="one factor at a time"):
        sensitivity.morris(names, x[::-2].repeat(2, axis=0), x[:, 0], 4)


def uniform(count: int, factors: int, seed: int = 1) -> np.ndarray:
    return np.column_stack([draws.uniforms(seed, f"test {i}", count) for i in range(factors)])


def test_value_of_information_names_the_number_worth_knowing() -> None:
    x = uniform(600, 4)
    y = 4.0 * x[:, 0] + 1.0 * x[:, 1]
    now, found = sensitivity.information(["big", "small", "none", DUMMY], x, y)
    assert [i.factor for i in found][:2] == ["big", "small"]
    by_name = {i.factor: i for i in found}
    assert by_name["big"].shrink > 0.5 > by_name["small"].shrink
    assert by_name["big"].clear and by_name["small"].clear
    assert not by_name["none"].clear and abs(by_name["none"].shrink) < 0.05
    # Known, only the small one's spread (0.9 of it) is left, and what a slice spans itself.
    assert 0.9 < by_name["big"].width < 1.6 < now
    told = sensitivity.information_sentence(now, found, "y", "units")
    assert "knowing big would narrow it most" in told


# --- PRIM: a planted box ----------------------------------------------------------------------


def test_discovery_recovers_a_planted_box_and_says_how_stable_it_is() -> None:
    x = uniform(600, 4)
    cases = (x[:, 0] < 0.35) & (x[:, 2] > 0.6)
    box = discovery.discover(["a", "b", "c", "d"], x, cases, resamples=20)
    found = {r.parameter: r for r in box.restrictions}
    assert set(found) == {"a", "c"}
    assert found["a"].high == pytest.approx(0.35, abs=0.05) and found["a"].low == -math.inf
    assert found["c"].low == pytest.approx(0.6, abs=0.05) and found["c"].high == math.inf
    assert min(r.stability for r in box.restrictions) > 0.95
    low, high = found["a"].high_range
    assert low <= 0.36 and high >= 0.34 and high - low < 0.1
    assert box.coverage > 0.85 and box.density >= 0.8
    told = box.sentence("the diverse ecosystem does not win")
    assert "a below 0.3" in told and "c above 0." in told and "resamples" in told


def test_discovery_tells_no_range_from_too_few_cases() -> None:
    x = uniform(100, 2)
    for cases, told in (
        (np.zeros(100, dtype=bool), "it happens in 0 of 100 futures (0 %)."),
        (np.arange(100) > 1, "in 98 of 100 futures (98 %): too few of one kind to tell where."),
    ):
        box = discovery.discover(["a", "b"], x, cases)
        assert not box.restrictions and box.mass == 1.0
        assert box.sentence("it happens").lower().endswith(told)


# --- Shapley ------------------------------------------------------------------------------------


def test_shapley_of_a_known_game() -> None:
    # Glove game: c holds the right glove, a and b a left one each.
    def value(s: frozenset[str]) -> np.ndarray:
        return np.array([float("c" in s and ("a" in s or "b" in s))])

    exact = decomposition.shapley(["a", "b", "c"], value)
    assert {p: float(v[0]) for p, v in exact.items()} == pytest.approx(
        {"a": 1 / 6, "b": 1 / 6, "c": 4 / 6}
    )


def test_sampled_orders_add_up_and_leave_a_null_player_nothing() -> None:
    players = [f"p{i}" for i in range(8)]
    weights = uniform(8, 3)

    def value(s: frozenset[str]) -> np.ndarray:
        mine = sum((weights[i] for i, p in enumerate(players[:-1]) if p in s), np.zeros(3))
        return np.asarray(mine + mine**2)

    found = decomposition.shapley(players, value, orders=6)
    whole = value(frozenset(players))
    assert np.abs(sum(found.values()) - whole).max() < 1e-12
    assert (found["p7"] == 0.0).all()


@pytest.fixture(scope="module")
def arms() -> tuple[Scenario, Scenario]:
    """Diverse, and open models withdrawn with a rise of closed prices, to the end of 2024."""
    text = {
        "title": "withdrawn",
        "extends": "eu-diverse",
        "instruments": [
            {"term": "open.available", "set": 0, "unit": "share", "from": "2023-06"},
            {"term": "all.compliance_cost", "add": 500, "unit": "EUR/firm/year",
             "from": "2023-06"},
        ],
        "run": {"horizon": ["2021-01", "2024-12"]},
    }  # fmt: skip
    acted = scenario.loads(json.dumps(text), "withdrawn")
    return scenario.load("eu-diverse").with_changes(run=acted.run), acted


def test_parts_of_the_gap_add_up_for_every_seed_and_idle_mechanisms_get_nothing(
    arms: tuple[Scenario, Scenario],
) -> None:
    groups = {
        "option_removal": ("option_removal",),
        "compliance": ("compliance",),
        "prices": ("price_response", "residence_and_imports"),
        "considering": ("considering",),
    }
    # What is left out is always held, so the rest must be among the players to be whole.
    groups["rest"] = tuple(
        m for m in setting.MECHANISMS if m not in set(itertools.chain(*groups.values()))
    )
    found = decomposition.decompose(
        *arms, "use", 2024, by="size_class", group="10-249", rows=1000, replicates=2,
        mechanisms=groups,
    )  # fmt: skip
    total = sum(p.draws for p in found.parts)
    assert np.abs(total - found.whole_draws).max() <= 1e-9 * max(1, np.abs(found.whole_draws).max())
    parts = {p.mechanism: p for p in found.parts}
    assert (parts["considering"].draws == 0.0).all() and not parts["considering"].acts
    assert parts["option_removal"].acts and parts["compliance"].acts
    assert found.exact
    pair = [engine.run(s, rows=1000, seed=1_000_003) for s in arms]
    levels = [
        e.record.series["users", "size_class"][-1, 1:3].sum()
        / e.record.series["firms", "size_class"][-1, 1:3].sum()
        for e in pair
    ]
    assert found.whole_draws[0] == pytest.approx(100 * (levels[1] - levels[0]), abs=1e-9)
    assert "exactly 0" in found.sentence()


# --- Regret, satisficing, break-even --------------------------------------------------------------


@pytest.fixture(scope="module")
def study() -> Study:
    return loads(
        json.dumps(
            {
                "title": "three policies",
                "arms": {"base": "eu-diverse", "a": "eu-sandbox", "b": "eu-skills"},
                "uncertainties": [
                    {"design": "list", "points": [{"choice.lambda": v} for v in (0.3, 0.5, 0.7)]}
                ],
                "outcomes": [
                    {"outcome": "gni", "years": [2035]},
                    {"outcome": "users", "years": [2035]},
                    {"outcome": "open_share", "years": [2035]},
                    {"outcome": "lost_users", "years": [2035]},
                ],
                "run": {"firms": 1000, "replicates": 2},
            }
        )
    )


def responses(study: Study, key: str, levels: list[list[float]]) -> Responses:
    """Arms x points, both replicates alike."""
    values = np.repeat(np.array(levels, dtype=float)[:, :, None], 2, axis=2)
    return Responses(study, study.keep(key), values, 18, 18)


def test_regret_and_satisficing_across_futures(study: Study) -> None:
    gni = responses(study, "gni", [[10, 10, 10], [12, 9, 10], [11, 11, 11]])
    ranked = robustness.rank(gni, threshold=1.0)
    by_arm = {s.arm: s for s in ranked.standings}
    assert [s.arm for s in ranked.standings] == ["b", "a", "base"]
    assert (by_arm["b"].regret, by_arm["base"].regret, by_arm["a"].regret) == (1.0, 2.0, 2.0)
    assert by_arm["b"].satisfies == 1.0 and by_arm["a"].satisfies == pytest.approx(1 / 3)
    assert by_arm["b"].best == pytest.approx(2 / 3)
    assert "'b' has the smallest largest regret" in ranked.sentence()
    with pytest.raises(StoreError, match="against the baseline"):
        robustness.rank(responses(study, "lost_users", [[0, 0, 0]] * 3))


def test_break_even_misuse_cost(study: Study) -> None:
    gni = responses(study, "gni", [[10, 10, 10], [8, 9, 11], [10, 10, 10]])
    users = responses(study, "users", [[1e6] * 3] * 3)
    shares = responses(study, "open_share", [[30] * 3, [10] * 3, [30] * 3])
    even = robustness.break_even(gni, users, shares, "a")
    # GNI lower by 2, 1, -1 billion with 200,000 fewer open users.
    assert even.median == pytest.approx(5_000)
    assert even.negative == pytest.approx(1 / 3)
    assert "EUR per open user and year" in even.sentence()
    with pytest.raises(StoreError, match="no difference in open users"):
        robustness.break_even(gni, users, shares, "b")


def test_an_incomplete_study_says_so_in_every_sentence(study: Study) -> None:
    whole = responses(study, "gni", [[10, 10, 10], [12, 9, 10], [11, 11, 11]])
    part = Responses(study, whole.kept, whole.values, 17, 18)
    assert "INCOMPLETE: 17 of 18 runs" in robustness.rank(part).sentence()


# --- Emulator -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted() -> emulator.Emulator:
    x = uniform(120, 3) * np.array([1.0, 10.0, 1.0])
    y = 3.0 + x[:, 0] ** 2 + np.sin(x[:, 1] / 2.0) + 0.02 * (uniform(120, 1, 9)[:, 0] - 0.5)
    return emulator.fit_points(
        ["a", "b", "c"], x, y, outcome="gdp@2035", unit="EUR", arm="x", study="s"
    )


def test_emulator_knows_its_own_error(fitted: emulator.Emulator) -> None:
    assert fitted.explained > 0.98 and fitted.error < 0.1
    assert 0.8 <= fitted.coverage <= 1.0
    value, low, high = fitted.preview({"a": 0.5, "b": 4.0})
    truth = 3.0 + 0.25 + math.sin(2.0)
    assert low <= truth <= high and abs(value - truth) < 0.1
    assert "held out" in fitted.sentence()


def test_emulator_declines_outside_its_training_domain(fitted: emulator.Emulator) -> None:
    with pytest.raises(emulator.EmulatorError, match="outside 0"):
        fitted.preview({"a": 1.5})
    with pytest.raises(emulator.EmulatorError, match="knows no 'aa'"):
        fitted.preview({"aa": 0.5})


def test_emulator_survives_saving_and_refuses_what_it_did_not_write(
    fitted: emulator.Emulator, tmp_path: Path
) -> None:
    path = tmp_path / "gdp.json"
    fitted.save(path)
    again = emulator.Emulator.load(path)
    assert again.preview({"a": 0.3}) == fitted.preview({"a": 0.3})
    body = json.loads(path.read_text())
    path.write_text(json.dumps({**body, "schema_version": 99}))
    with pytest.raises(emulator.EmulatorError, match="newer version"):
        emulator.Emulator.load(path)
    path.write_text(json.dumps({**body, "points": [[0.0]]}))
    with pytest.raises(emulator.EmulatorError, match="not an emulator"):
        emulator.Emulator.load(path)
    path.write_bytes(b"\x80\x04.")
    with pytest.raises(emulator.EmulatorError, match="not an emulator"):
        emulator.Emulator.load(path)


def test_emulator_refuses_too_few_points() -> None:
    with pytest.raises(emulator.EmulatorError, match="too few"):
        emulator.fit_points(
            ["a"], uniform(10, 1), np.arange(10.0), outcome="o", unit="u", arm="x", study="s"
        )


def test_kept_numbers_are_named() -> None:
    assert Kept("use", "size_class", "10-249", 2035).key == "use:10-249@2035"
    assert Kept("gdp", None, "all", 2030).words() == "GDP, 2030"
