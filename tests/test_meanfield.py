"""The mean field: solved constants reproduce the survey; agents converge to it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from econsim import behaviour, engine, meanfield, population, setting
from econsim.scenario import Scenario

GRID = [(0.05, 0.15), (0.2, 0.05), (0.5, 0.15), (0.5, 0.35), (0.8, 0.3), (1.0, 0.15)]


def surveyed_use(scenario: Scenario) -> tuple[float, np.ndarray]:
    """Use counted by the region's survey in the reference month, and shares of the options.

    Written out from the equations, beside the solver's own algebra.
    """
    bound = meanfield.solved(scenario)
    month = int(scenario.values["survey.reference_month"])
    everyone = meanfield.nodes(bound)
    firms = everyone.take(meanfield.surveyed(bound, everyone))
    walked = meanfield.path(bound, month + 1)
    general = meanfield.general_use(bound, walked, firms, month)
    narrow = firms.traits.narrow_share
    used = 1.0 - (1.0 - narrow) * (1.0 - general.sum(axis=1))
    weight = firms.weight / firms.weight.sum()
    by_option = weight @ general
    counted = (weight @ used) * meanfield.reporting_share(scenario)
    return float(counted), by_option / by_option.sum()


@pytest.mark.parametrize("region", ["EU27", "US"])
@pytest.mark.parametrize(("dissimilarity", "open_share"), GRID)
def test_solved_constants_reproduce_the_survey(
    region: str, dissimilarity: float, open_share: float, build: Callable[..., Scenario]
) -> None:
    scenario = build(
        region,
        parameters={"choice.lambda": dissimilarity, "choice.open_share": open_share},
        last="2024-12",
    )
    counted, shares = surveyed_use(scenario)
    assert counted == pytest.approx(scenario.values["survey.use_2024"] / 100.0, abs=1e-8)
    assert shares == pytest.approx(meanfield.target_shares(scenario), abs=1e-8)
    is_open = np.array([o.open_weights for o in scenario.options.values()])
    assert shares[is_open].sum() == pytest.approx(open_share, abs=1e-8)


def test_target_shares_are_those_of_the_files(build: Callable[..., Scenario]) -> None:
    scenario = build("EU27", parameters={"choice.open_share": 0.3})
    shares = dict(zip(scenario.options, meanfield.target_shares(scenario), strict=True))
    assert sum(shares.values()) == pytest.approx(1.0)
    options = scenario.options
    for flag, total in ((True, 0.3), (False, 0.7)):
        family = {n: o.target_share for n, o in options.items() if o.open_weights == flag}
        assert sum(shares[n] for n in family) == pytest.approx(total)
        for name, weight in family.items():
            assert shares[name] == pytest.approx(total * weight / sum(family.values()))


def test_constants_belong_to_the_scenario_without_its_policy(
    build: Callable[..., Scenario], ban: Callable[..., dict]
) -> None:
    early = build("EU27", ban("2022-01"))
    assert (meanfield.solve_tastes(early) == meanfield.solve_tastes(build())).all()


def test_solving_is_repeatable_and_gives_copies(build: Callable[..., Scenario]) -> None:
    first = meanfield.solve_tastes(build())
    first += 1.0
    assert (meanfield.solve_tastes(build()) == first - 1.0).all()


def test_another_target_gives_other_constants(build: Callable[..., Scenario]) -> None:
    base = meanfield.solve_tastes(build())
    target = build().values["survey.use_2024"]
    less = meanfield.solve_tastes(build(parameters={"survey.use_2024": 0.9 * target}))
    assert (less < base).all()
    opened = meanfield.solve_tastes(build(parameters={"choice.open_share": 0.3}))
    is_open = np.array([o.open_weights for o in build().options.values()])
    change = opened - base
    assert (change[is_open] > 0.0).all() and change[is_open].min() > change[~is_open].max()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"survey.use_2024": 0.2}, "narrow AI alone"),
        ({"survey.use_2024": 89.0}, "cannot be reproduced|worth its cost"),
        (
            {"benefit.saving": 0.01, "benefit.ceiling": 0.05, "cost.seat_share": 1.0},
            "worth its cost|cannot be reproduced",
        ),
    ],
)
def test_what_cannot_be_reproduced_is_refused(
    parameters: dict[str, float], message: str, build: Callable[..., Scenario]
) -> None:
    with pytest.raises(meanfield.MeanFieldError, match=message):
        meanfield.solve_tastes(build("EU27", parameters=parameters))


def test_a_short_horizon_is_solved_all_the_same(build: Callable[..., Scenario]) -> None:
    """The reference month lies after the end of a run of one year."""
    short, long = build(last="2021-12"), build(last="2030-12")
    assert (meanfield.solve_tastes(short) == meanfield.solve_tastes(long)).all()
    assert engine.run(short).period == 12


# --- Agents and the mean field --------------------------------------------------------------------

MONTH = 59  # December 2025


def own_nodes(bound: setting.Setting, people: population.Population) -> meanfield.Nodes:
    """The mean field's nodes on the very population of a run: only luck is left out."""
    values = bound.values
    mature = behaviour.logistic_share(
        values["maturity.level"]
        + values["maturity.size_slope"] * behaviour.log_size(people.persons)
    )
    deep = values["benefit.deep_share"]
    parts = [
        (m, d, (mature if m else 1.0 - mature) * (deep if d else 1.0 - deep))
        for m in (0.0, 1.0)
        for d in (0.0, 1.0)
    ]
    cell, persons = np.tile(people.cell, 4), np.tile(people.persons, 4)
    maturity = np.repeat([m for m, _, _ in parts], people.rows)
    return meanfield.Nodes(
        cell=cell,
        persons=persons,
        value_added=np.tile(people.value_added, 4) * values["economy.price_index_2024"],
        maturity=maturity,
        depth=np.repeat(
            [1.0 if d else values["benefit.light_depth"] for _, d, _ in parts], people.rows
        ),
        weight=np.tile(people.weight, 4) * np.concatenate([p for _, _, p in parts]),
        traits=setting.traits(bound, persons, maturity, cell),
    )


def expected_use(
    bound: setting.Setting, walked: meanfield.Path, firms: meanfield.Nodes
) -> np.ndarray:
    """Mean-field users of each option among firms of 10 and more persons, then of all AI."""
    firms = firms.take(firms.persons >= 10.0)
    general = meanfield.general_use(bound, walked, firms, MONTH)
    used = 1.0 - (1.0 - firms.traits.narrow_share) * (1.0 - general.sum(axis=1))
    return np.append(firms.weight @ general, firms.weight @ used) / firms.weight.sum()


def actual_use(economy: engine.Economy) -> np.ndarray:
    """The same shares counted over the agents."""
    firms = economy.firms
    weight = firms.weight * (firms.persons >= 10.0)
    by_option = [weight[firms.option == k + 1].sum() for k in range(len(economy.bound.options))]
    used = (weight * (firms.narrow | (firms.option > 0))).sum()
    return np.append(by_option, used) / weight.sum()


def errors(scenario: Scenario, rows: int, seeds: range) -> tuple[np.ndarray, np.ndarray]:
    """Agents less mean field on the same population, ``[seeds, options + 1]``; expected shares."""
    found, expected = [], []
    bound = meanfield.solved(scenario)
    walked = meanfield.path(bound, MONTH + 1)
    for seed in seeds:
        people = population.synthesise(scenario.region, rows, seed)
        expected.append(expected_use(bound, walked, own_nodes(bound, people)))
        found.append(actual_use(engine.run(scenario, rows=rows, seed=seed)) - expected[-1])
    return np.array(found), np.array(expected)


@pytest.mark.parametrize("region", ["EU27", "US"])
def test_agents_converge_to_the_mean_field(region: str, build: Callable[..., Scenario]) -> None:
    scenario = build(region, last="2025-12")
    assert scenario.run.months == MONTH + 1
    few, _ = errors(scenario, 1000, range(6))
    many, expected = errors(scenario, 12_000, range(3))

    def size(error: np.ndarray) -> float:
        return float(np.sqrt((error**2).mean()))

    # Twelve times the rows: 3.5 times less error, within what six and three seeds can tell.
    assert size(few) / size(many) > 2.0
    assert size(many) < 0.01
    # No bias: the mean over seeds is within the noise that remains.
    assert np.abs(many.mean(axis=0)).max() < 4.0 * size(many)
    assert expected[:, -1].mean() > 0.1, "a test on numbers near zero would say little"


def test_the_reference_population_stands_for_all(build: Callable[..., Scenario]) -> None:
    """Solving on a small reference population is enough for larger ones."""
    for region in ("EU27", "US"):
        bound = meanfield.solved(build(region, last="2025-12"))
        walked = meanfield.path(bound, MONTH + 1)
        people = population.synthesise(region, 10_000, 5)
        small = expected_use(bound, walked, meanfield.nodes(bound))
        large = expected_use(bound, walked, own_nodes(bound, people))
        assert small == pytest.approx(large, abs=0.01)


@pytest.mark.parametrize("reentry", [0.0, 0.5, 1.0])
def test_a_ban_in_the_homogeneous_limit(
    reentry: float, build: Callable[..., Scenario], ban: Callable[..., dict]
) -> None:
    """One kind of firm that considers AI: log odds of use fall by ``lambda ln(1 - s_open)``.

    Through the whole path from a scenario file to the value of options, without the price
    response.  Developers who re-enter as closed suppliers give back their part of the population's
    open share: with all of them the nest of the average firm is what it was.
    """
    for dissimilarity, open_share in GRID if reentry == 0.0 else GRID[2:4]:
        plain = {
            "choice.lambda": dissimilarity,
            "choice.open_share": open_share,
            "supply.price_response": 0.0,
            "supply.vendor_pass_through": 0.0,
        }
        free = build("EU27", parameters=plain, last="2024-12")
        left = ban("2023-12", reentry_share=reentry)
        banned = build("EU27", left, parameters=plain, last="2024-12")
        month = int(free.values["survey.reference_month"])
        users = []
        for scenario in (free, banned):
            bound = meanfield.solved(scenario)
            firms = meanfield.nodes(bound)
            one = firms.take(np.flatnonzero((firms.persons > 30.0) & (firms.depth == 1.0))[:1])
            offered = meanfield.path(bound, month + 1).offered[month]
            values = meanfield.option_values(bound, offered, one)
            users.append(meanfield.choice_probabilities(values, dissimilarity)[0])
        before, after = users
        assert (before > 0.0).all()
        assert (after[bound.open_weights] == 0.0).all()
        share = before[bound.open_weights].sum() / before.sum()
        odds = [p.sum() / (1.0 - p.sum()) for p in (before, after)]
        kept = (1.0 - share) * (1.0 + reentry * open_share / (1.0 - open_share))
        assert np.log(odds[1] / odds[0]) == pytest.approx(
            dissimilarity * np.log(kept), rel=1e-9, abs=1e-12
        )
