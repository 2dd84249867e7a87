"""The run: shared luck, order that cannot matter, totals that add up, users who stay or leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from econsim import behaviour, engine, policy
from econsim.experiments import simulation
from econsim.results import OUTCOMES, Results, ResultsError, compare
from econsim.scenario import Scenario

Build = Callable[..., Scenario]
RunOnce = Callable[[Scenario], engine.Economy]


def years(results: Results) -> range:
    return range(2021, 2021 + results.months // 12)


# --- Shared luck ----------------------------------------------------------------------------------


@pytest.mark.parametrize("region", ["EU27", "US"])
def test_a_scenario_equal_to_the_baseline_differs_by_exactly_zero(
    region: str, build: Build, differing_series: Any
) -> None:
    base = build(region, replicates=2, last="2025-12", name="base")
    twin = build(region, replicates=2, last="2025-12", name="twin", title="Another title")
    first, second = simulation.simulate(base, twin, workers=1)
    flows = set(second.series) - set(first.series)
    assert {name for name, _ in flows} == {
        "lost_users", "diverted_users", "gained_users", "worse_off_firms",
    }  # fmt: skip
    shared = {k: v for k, v in second.series.items() if k not in flows}
    assert not differing_series(first.series, shared)
    for key in flows:
        values = second.series[key][np.isfinite(second.series[key])]
        assert len(values) and (values == 0.0).all()
    against = compare(second, first)
    for name, outcome in OUTCOMES.items():
        if (outcome.numerator, "total") not in first.series:
            continue
        for year in years(first):
            gap = against.difference(name, year)
            assert (gap.mean, gap.low, gap.high) == (0.0, 0.0, 0.0), (name, year)


def test_arms_are_bit_identical_until_the_first_instrument_bites(pair: Any) -> None:
    base, other = pair.results
    assert pair.restrictive.package.first_month() == pair.start
    for key, series in base.series.items():
        there = other.series[key]
        assert (series[:, : pair.start] == there[:, : pair.start]).all(), key
    for name in ("lost_users", "diverted_users", "gained_users"):
        early = other.series[name, "total"][:, : pair.start]
        assert (early[np.isfinite(early)] == 0.0).all()
    for name in ("general_users", "gdp", "open_users", "firms_surplus"):
        later = (slice(None), slice(pair.start, None))
        assert (base.series[name, "total"][later] != other.series[name, "total"][later]).any()


def test_a_longer_horizon_continues_a_shorter_one(run: RunOnce, build: Build) -> None:
    short, long = run(build(last="2024-12")), run(build(last="2026-12"))
    for key, series in short.record.series.items():
        assert (series == long.record.series[key][:48]).all(), key


def test_the_same_seed_gives_the_same_numbers(
    run: RunOnce, build: Build, differing_series: Any
) -> None:
    first = run(build(last="2024-12"))
    again = engine.run(build(last="2024-12"))
    assert not differing_series(first.record.series, again.record.series)
    other = engine.run(build(last="2024-12"), seed=12)
    assert differing_series(first.record.series, other.record.series)
    assert first.seed == 11 and other.seed == 12


@pytest.mark.parametrize("region", ["EU27", "US"])
def test_lost_diverted_and_gained_users_account_for_the_change(region: str, pair: Any) -> None:
    base, other = pair.results
    for year in years(base):
        change = other.yearly("users", year) - base.yearly("users", year)
        moved = other.yearly("gained_users", year) - other.yearly("lost_users", year)
        assert moved == pytest.approx(change, rel=1e-9, abs=1e-3)
    last = years(base)[-1]
    assert (other.yearly("diverted_users", last) > 0.0).all()
    assert (other.yearly("lost_users", last) > 0.0).all()


def test_removing_options_moves_only_their_users(build: Build, ban: Any) -> None:
    """At given prices and signals: in the ban's first month nobody else changes their mind."""
    same_prices = {"supply.price_response": 0.0, "supply.vendor_pass_through": 0.0}
    economies = []
    for instruments in ([], [ban("2025-01", reentry_share=0.0)]):
        scenario = build("EU27", *instruments, parameters=same_prices, last="2025-12", rows=4000)
        economy = engine.Economy.start(scenario, 4000, 5)
        for _ in range(49):
            economy.month()
        economies.append(economy)
    free, banned = economies
    there, here = free.firms.option, banned.firms.option
    is_open = np.r_[False, free.bound.open_weights]
    moved = there != here
    assert moved.any()
    # The ban bites at once, for every user of an open option and for nobody else.
    assert (moved == is_open[there]).all()
    assert not is_open[here].any()


# --- Workers, order, chunks -----------------------------------------------------------------------


def test_numbers_do_not_depend_on_the_number_of_processes(
    build: Build, ban: Any, differing_series: Any
) -> None:
    arms = [build(last="2024-12"), build("EU27", ban("2024-01"), last="2024-12")]
    alone = simulation.simulate(*arms, replicates=3, workers=1)
    together = simulation.simulate(*arms, replicates=3, workers=2)
    for one, two in zip(alone, together, strict=True):
        keys = {k for k in one.series if np.isfinite(one.series[k]).all()}
        assert not differing_series(
            {k: one.series[k] for k in keys}, {k: two.series[k] for k in keys}
        )
        for key in set(one.series) - keys:
            assert np.array_equal(one.series[key], two.series[key], equal_nan=True)
        assert one.manifest == two.manifest


def test_replicates_have_seeds_of_their_own(build: Build, differing_series: Any) -> None:
    first, second = (
        simulation.simulate(build(last="2024-12"), replicates=n, workers=1)[0] for n in (2, 3)
    )
    assert second.manifest["seeds"][:2] == first.manifest["seeds"]
    assert len(set(second.manifest["seeds"])) == 3
    # More replicates leave the earlier ones as they were.
    assert not differing_series(first.series, {k: v[:2] for k, v in second.series.items()})
    users = second.series["general_users", "total"][:, -1, 0]
    assert len(set(users)) == 3


def driven(scenario: Scenario, how: Callable[[engine.Economy, np.ndarray], None]) -> engine.Economy:
    """A run whose due firms evaluate as ``how`` says."""
    economy = engine.Economy.start(scenario, scenario.run.firms, scenario.run.seed)

    def decide(rows: np.ndarray) -> None:
        how(economy, rows)

    for _ in range(scenario.run.months):
        economy.month(decide=decide)
    return economy


def in_chunks(economy: engine.Economy, rows: np.ndarray) -> None:
    for start in range(0, len(rows), 13):
        economy.evaluate(rows[start : start + 13])


def backwards(economy: engine.Economy, rows: np.ndarray) -> None:
    economy.evaluate(rows[::-1].copy())


def shuffled(economy: engine.Economy, rows: np.ndarray) -> None:
    order = np.random.default_rng(economy.period).permutation(rows)
    economy.evaluate(order)


def one_by_one_shuffled(economy: engine.Economy, rows: np.ndarray) -> None:
    for row in np.random.default_rng(economy.period).permutation(rows):
        economy.evaluate(np.array([row]))


@pytest.mark.parametrize("how", [in_chunks, backwards, shuffled, one_by_one_shuffled])
def test_the_order_in_which_firms_act_cannot_matter(
    how: Callable[[engine.Economy, np.ndarray], None],
    run: RunOnce,
    build: Build,
    ban: Any,
    differing_series: Any,
) -> None:
    last = "2024-06" if how is one_by_one_shuffled else "2025-12"
    changes = {"parameters": {"choice.switching_cost": 50.0, "considering.peers": 0.1}}
    scenario = build("EU27", ban("2024-02"), last=last, **changes)
    straight, otherwise = run(scenario), driven(scenario, how)
    assert not differing_series(straight.record.series, otherwise.record.series)
    for column in ("option", "tenure", "epoch", "considering", "hurdle_money", "surplus"):
        assert (getattr(straight.firms, column) == getattr(otherwise.firms, column)).all(), column


def test_every_firm_evaluates_once_a_year(economy: engine.Economy) -> None:
    start = economy.firms.start
    assert start[0] == 0 and start[-1] == economy.firms.rows
    share = np.diff(start) / economy.firms.rows
    assert (share > 0.04).all() and (share < 0.13).all()


# --- Totals and groups ----------------------------------------------------------------------------


def test_totals_equal_recomputation_from_firm_columns(economy: engine.Economy) -> None:
    firms, totals = economy.firms, economy.totals
    cells, options = economy.bound.cells.count, len(economy.bound.options)
    uses = firms.option > 0
    row = np.flatnonzero(uses)
    k = firms.option[row] - 1

    def by_cell(values: np.ndarray) -> np.ndarray:
        return np.bincount(firms.cell, weights=values, minlength=cells)

    def by_option(column: np.ndarray) -> np.ndarray:
        result = np.zeros((cells, options))
        np.add.at(result, (firms.cell[row], k), column[row])
        return result

    assert (totals.firms == by_option(firms.weight)).all()
    assert (totals.usage == by_option(firms.weight_usage)).all()
    assert (totals.scale == by_option(firms.weight_scale)).all()
    assert (totals.users == by_cell(firms.weight * (firms.narrow | uses))).all()
    assert (totals.considering == by_cell(firms.weight * firms.considering)).all()
    assert (totals.hurdle == by_cell(firms.hurdle_money)).all()
    assert (totals.surplus == by_cell(firms.surplus)).all()
    value = np.zeros_like(totals.value)
    group = firms.deep[row] * behaviour.TENURE_CLASSES + firms.tenure[row]
    np.add.at(value, (firms.cell[row], k, group), firms.weight_value[row])
    assert (totals.value == value).all()


def test_weights_and_totals_are_whole_numbers(economy: engine.Economy) -> None:
    """Sums of whole numbers below 2 ** 53 are exact in any order: this is why order is free."""
    firms = economy.firms
    for name in ("weight", "weight_usage", "weight_value", "weight_scale", "hurdle_money"):
        column = getattr(firms, name)
        assert (column == np.rint(column)).all(), name
        assert np.abs(column).sum() < 2.0**53, name
    people = firms.weight.sum() * engine.WEIGHT_UNIT
    assert people == pytest.approx(economy.bound.cells.firms.sum(), rel=1e-6)


def test_state_of_firms_is_consistent(economy: engine.Economy) -> None:
    firms = economy.firms
    uses = firms.option > 0
    assert (firms.option <= len(economy.bound.options)).all() and (firms.option >= 0).all()
    assert firms.considering[uses].all()
    assert firms.applicable[firms.considering].all()
    assert (firms.tenure[~uses] == 0).all()
    assert (firms.hurdle_money >= 0.0).all() and (firms.hurdle_money[~uses] == 0.0).all()
    assert (firms.hurdle_money[uses] > 0.0).mean() > 0.99  # a few round to nothing
    assert (firms.surplus >= 0.0).all()
    assert set(np.unique(firms.tenure)) <= set(range(behaviour.TENURE_CLASSES))


def grouped(results: Results) -> list[tuple[str, str]]:
    return [key for key in results.series if key[1] != "total"]


def check_groups(results: Results) -> None:
    checked = 0
    for name, dimension in grouped(results):
        total = results.series[name, "total"][:, :, 0]
        parts = results.series[name, dimension].sum(axis=2)
        scale = np.nanmax(np.abs(total))
        known = np.isfinite(total)
        assert (np.isfinite(parts) == known).all(), (name, dimension)
        assert parts[known] == pytest.approx(total[known], rel=1e-9, abs=1e-9 * scale), (
            name,
            dimension,
        )
        checked += 1
    assert checked > 25


def test_group_sums_equal_totals(pair: Any) -> None:
    for results in pair.results:
        check_groups(results)


def test_group_sums_equal_totals_under_every_money_flow(build: Build) -> None:
    """With vouchers, programmes, foreign and domestic rents, compliance cost in force."""
    year = "2024-01"
    costly = build(
        "EU27",
        {"adoption_voucher": {"from": year, "cap": 5e3, "budget": 1e11, "unit": "EUR"}},
        {"skills_programme": {"from": year, "per_year": 1e9, "unit": "EUR"}},
        {"term": "closed.price", "from": year, "scale": 1.5, "unit": "multiple"},
        {"term": "all.compliance_cost", "from": year, "add": 50.0, "unit": "EUR/firm/year"},
        {"misuse_cost": {"from": year, "per_firm": 10.0, "unit": "EUR"}},
        last="2025-12",
    )
    (results,) = simulation.simulate(costly, workers=1)
    for name in ("public_spending", "rents_foreign", "rents_domestic", "misuse_cost"):
        assert results.series[name, "total"][0, -1, 0] > 0.0
    check_groups(results)


def test_gdp_is_baseline_plus_contributions(pair: Any) -> None:
    for results in pair.results:
        gap = results.series["gdp", "total"] - results.series["baseline_gdp", "total"]
        contribution = results.series["contribution", "total"]
        scale = results.series["gdp", "total"].max()
        assert gap == pytest.approx(contribution, rel=1e-9, abs=1e-9 * scale)


def test_identities_hold_in_every_month(pair: Any, economy: engine.Economy) -> None:
    for results in pair.results:
        assert 0.0 <= results.manifest["worst_identity"] < 1e-9
    assert 0.0 <= economy.record.worst_identity < 1e-9


def test_no_series_is_empty_or_broken(pair: Any) -> None:
    base, other = pair.results
    for key, series in base.series.items():
        assert np.isfinite(series).all(), key
    for name in engine.RECORDED:
        values = np.concatenate([r.series[name, "total"].reshape(-1) for r in (base, other)])
        if name not in ("misuse_cost", "public_spending", "programme_spending",
                        "compliance_spending"):  # fmt: skip
            assert (values != 0.0).any(), f"{name} is always zero"
    rates = base.values("leaving_rate")
    assert (rates >= 0.0).all() and (rates <= 100.0).all()


def test_shares_are_shares(pair: Any) -> None:
    for results in pair.results:
        for name, outcome in OUTCOMES.items():
            if (outcome.numerator, "total") not in results.series:
                continue  # recorded against a baseline only
            if outcome.unit.startswith("percent of firms"):
                values = results.values(name)
                values = values[np.isfinite(values)]
                assert len(values)
                assert (values >= 0.0).all() and (values <= 100.0).all(), name
        users, general = (results.series[n, "total"] for n in ("users", "general_users"))
        firms, considering = (results.series[n, "total"] for n in ("firms", "considering_firms"))
        assert (users >= general - 1.0).all() and (users <= firms).all()
        assert (general <= considering + 1.0).all()


# --- What firms do --------------------------------------------------------------------------------


def test_users_save_more_than_they_pay_and_clear_their_hurdle(build: Build) -> None:
    """At each evaluation of a run: no infeasible choice, hurdle below net saving, best is best."""
    seen = 0

    def watch(economy: engine.Economy, rows: np.ndarray) -> None:
        nonlocal seen
        rows = economy.consider(rows)
        if not len(rows):
            return
        appraisal = economy.appraise(rows)
        chosen = appraisal.best()
        everything = np.concatenate([appraisal.no_option[:, None], appraisal.utility], axis=1)
        assert (everything.max(axis=1) == everything[np.arange(len(rows)), chosen]).all()
        users = np.flatnonzero(chosen > 0)
        net = appraisal.net[users, chosen[users] - 1]
        assert (net > 0.0).all()
        economy.settle(appraisal, chosen)
        real = economy.firms.weight[rows[users]] * engine.WEIGHT_UNIT
        hurdle = economy.firms.hurdle_money[rows[users]]
        assert (hurdle <= np.rint(real * net) + 0.5).all()
        seen += len(users)

    driven(build(last="2025-06"), watch)
    assert seen > 300


def test_set_up_is_paid_at_every_start_and_at_every_move(build: Build) -> None:
    """Once per option: not while a firm stays, again when it moves or comes back."""
    economy = engine.Economy.start(build(last="2026-12"), 1500, 3)
    kinds = set()
    for _ in range(72):
        before = economy.firms.option.copy()
        economy.month()
        after, firms = economy.firms.option, economy.firms
        starts = (after > 0) & (after != before)
        kinds |= {("move" if b else "start") for b in before[starts]}
        place = (firms.cell[starts], after[starts] - 1)
        expected = np.zeros_like(economy.totals.new_scale)
        np.add.at(expected, place, firms.weight_scale[starts])
        assert (economy.totals.new_scale == expected).all()
        left = (before > 0) & (after == 0)
        assert economy.totals.leavers == firms.weight[left].sum()
        moved = (before > 0) & (after > 0) & (before != after)
        assert economy.totals.switchers == firms.weight[moved].sum()
    assert kinds == {"start", "move"}


def test_appraising_changes_nothing(build: Build) -> None:
    economy = engine.Economy.start(build(last="2024-12"), 1000, 3)
    for _ in range(40):
        economy.month()
    rows = economy.due()
    rows = rows[economy.firms.considering[rows]]
    before = {k: getattr(economy.firms, k).copy() for k in engine.REMEMBERED}
    first, second = economy.appraise(rows), economy.appraise(rows)
    assert (first.utility == second.utility).all()
    assert all((before[k] == getattr(economy.firms, k)).all() for k in engine.REMEMBERED)


def test_nobody_uses_general_purpose_ai_before_it_exists(economy: engine.Economy) -> None:
    arrival = min(policy.month_index(o.arrival) for o in economy.scenario.options.values())
    users = economy.record.series["general_users", "total"][:, 0]
    assert (users[:arrival] == 0.0).all() and users[-1] > 0.0
    for k, option in enumerate(economy.scenario.options.values()):
        early = economy.record.series["general_users", "option"][
            : policy.month_index(option.arrival), k
        ]
        assert (early == 0.0).all()
    # Narrow AI is there from the start.
    assert (economy.record.series["users", "total"][:arrival] > 0.0).all()
    assert np.ptp(economy.record.series["users", "total"][:arrival]) == 0.0


def test_considering_only_grows(economy: engine.Economy) -> None:
    considering = economy.record.series["considering_firms", "total"][:, 0]
    assert (np.diff(considering) >= 0.0).all() and considering[-1] > 0.0


def test_the_agents_reproduce_the_survey(build: Build) -> None:
    """Use in the reference month is what the constants were solved for, within sampling noise."""
    scenario = build(rows=6000, last="2024-12", replicates=3)
    (results,) = simulation.simulate(scenario, workers=1)
    month = int(scenario.values["survey.reference_month"])
    use = results.values("survey_use")[:, month].mean()
    assert use == pytest.approx(scenario.values["survey.use_2024"], abs=1.5)
    by_option = [results.series["general_users", "option"][:, month].mean(axis=0)]
    is_open = np.array([o.open_weights for o in scenario.options.values()])
    # All firms here, the surveyed ones in the solver: the open share is near, not equal.
    share = by_option[0][is_open].sum() / by_option[0].sum()
    assert 0.3 < share / scenario.values["choice.open_share"] < 3.0


@pytest.mark.parametrize("region", ["EU27", "US"])
def test_users_rarely_leave_or_change_supplier(region: str, build: Build) -> None:
    scenario = build(region, last="2030-12", rows=4000, replicates=2)
    (results,) = simulation.simulate(scenario, workers=1)

    def mean(rate: str) -> float:
        return float(np.mean([results.yearly(rate, year) for year in (2028, 2029, 2030)]))

    # Design: 5 to 15 % leave in a year.  Persistence is tuned later; until then from 3.
    assert 3.0 <= mean("leaving_rate") <= 15.0
    assert 1.0 <= mean("switching_rate") <= 25.0


def test_persistence_keeps_users(run: RunOnce, build: Build) -> None:
    rates = []
    for rho in (0.5, 0.75, 1.0):
        series = run(build(parameters={"choice.persistence": rho})).record.series
        left = (
            series["leavers", "total"][48:].sum() / series["evaluating_users", "total"][48:].sum()
        )
        rates.append(left)
    assert rates[0] > rates[1] > rates[2]
    assert rates[2] < 0.03


# --- Pairing --------------------------------------------------------------------------------------


def test_worlds_with_other_options_are_not_compared_firm_by_firm(build: Build) -> None:
    base = build(last="2024-12")
    another = {**base.options["open_own"].model_dump(), "label": "One more"}
    other = build(last="2024-12", options={"open_more": another})
    results = simulation.simulate(base, other, workers=1)
    assert ("lost_users", "total") not in results[1].series
    with pytest.raises(ResultsError, match="'lost_users' is not recorded"):
        results[1].values("lost_users")


def test_progress_is_reported(build: Build) -> None:
    told: list[float] = []
    simulation.simulate(
        build(last="2021-12"), build(last="2021-12"), replicates=2, workers=1, progress=told.append
    )
    assert told == sorted(told) and told[-1] == 1.0 and len(told) == 24
    done: list[tuple[int, int]] = []
    engine.run(build(last="2021-12"), progress=lambda a, b: done.append((a, b)))
    assert done == [(i, 12) for i in range(1, 13)]


def test_rows_and_seed_can_be_given(build: Build) -> None:
    scenario = build(last="2021-12")
    economy = engine.run(scenario, rows=1234, seed=99)
    assert economy.firms.rows == 1234 and economy.seed == 99
    assert replace(economy.bound).months == 12
