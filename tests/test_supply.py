"""The supply side: lag record, coverage, prices, vendors, re-entry, the two frontiers."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from econsim import arithmetic, meanfield, parameters, supply

share = st.floats(0.0, 1.0)
VALUES = parameters.resolve({})


#: ``lagged`` takes a whole history and one month.
ELEMENTWISE = [name for name in supply.RULES if name != "lagged"]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_rule_is_elementwise_and_changes_nothing(name: str, rules: Any) -> None:
    rules.check_elementwise(getattr(supply, name))


def test_compiled_rules_give_the_same_bits(rules: Any) -> None:
    functions = rules.compiled(arithmetic, supply)
    for name in ELEMENTWISE:
        rules.check_compiled(getattr(supply, name), functions[name])


# --- The open lag ---------------------------------------------------------------------------------


@given(st.floats(0.0, 60.0), st.floats(0.0, 60.0), st.floats(0.0, 60.0))
def test_the_lag_record_passes_through_its_points(a: float, b: float, c: float) -> None:
    points = np.array(supply.LAG_RECORD_MONTHS)
    found = supply.open_lag_record(points, a, b, c)
    assert found == pytest.approx([a, b, c], abs=1e-12)
    months = np.linspace(0.0, 240.0, 481)
    lag = supply.open_lag_record(months, a, b, c)
    assert lag.min() >= min(a, b, c) - 1e-9 and lag.max() <= max(a, b, c) + 1e-9
    assert (lag[months >= points[-1]] == c).all()
    # Continuous: no jump larger than the steeper of the two slopes allows.
    slope = max(abs(b - a) / (points[1] - points[0]), abs(c - b) / (points[2] - points[1]))
    assert np.abs(np.diff(lag)).max() <= 0.5 * slope + 1e-9


def test_between_points_the_lag_record_is_linear() -> None:
    first, middle, last = supply.LAG_RECORD_MONTHS
    found = supply.open_lag_record(
        np.array([(first + middle) / 2.0, (middle + last) / 2.0]), 28.0, 10.0, 4.0
    )
    assert found == pytest.approx([19.0, 7.0])


def test_the_frontier_some_months_ago() -> None:
    history = np.array([0.0, 2.0, 3.0, 7.0, 0.0, 0.0])
    assert supply.lagged(history, 3, 0.0) == 7.0
    assert supply.lagged(history, 3, 1.0) == 3.0
    assert supply.lagged(history, 3, 0.5) == 5.0
    assert supply.lagged(history, 3, 3.0) == 0.0
    # Before the record the frontier moved at reference pace.
    assert supply.lagged(history, 3, 10.0) == -7.0


@given(st.integers(0, 50), st.floats(0.0, 120.0))
def test_at_reference_pace_a_lag_is_a_lag(month: int, lag: float) -> None:
    history = np.arange(52, dtype=np.float64)
    assert supply.lagged(history, month, lag) == pytest.approx(month - lag, abs=1e-9)


# --- Coverage -------------------------------------------------------------------------------------


@given(st.floats(0.0, 180.0), st.floats(0.005, 0.5))
def test_coverage_rises_from_none_to_all(midpoint: float, rate: float) -> None:
    progress = np.linspace(-60.0, 240.0, 301)
    found = supply.coverage(progress, midpoint, rate)
    assert (found > 0.0).all() and (found <= 1.0).all()
    assert (np.diff(found) >= 0.0).all()
    unsaturated = np.abs(rate * (progress - midpoint)) < 30.0
    assert (np.diff(found)[unsaturated[1:] & unsaturated[:-1]] > 0.0).all()
    assert supply.coverage(np.array([midpoint]), midpoint, rate)[0] == 0.5


# --- Prices ---------------------------------------------------------------------------------------


@given(share, share, share)
def test_closed_prices_rise_only_as_open_leaves(
    presence: float, reentry: float, response: float
) -> None:
    found = supply.closed_price_multiple(presence, reentry, response)
    assert 1.0 <= found <= 1.0 + response
    assert supply.closed_price_multiple(1.0, reentry, response) == 1.0
    assert supply.closed_price_multiple(presence, 1.0, response) == 1.0
    assert supply.closed_price_multiple(presence, reentry, 0.0) == 1.0
    assert supply.closed_price_multiple(0.0, 0.0, response) == 1.0 + response
    less = supply.closed_price_multiple(0.5 * presence, reentry, response)
    assert less >= found


@given(
    closed=st.floats(1.0, 2.0),
    presence=share,
    ratio=st.floats(0.01, 1.5),
    base=share,
    cost=share,
    pass_on=st.floats(0.0, 1.5),
)
def test_vendors(
    closed: float, presence: float, ratio: float, base: float, cost: float, pass_on: float
) -> None:
    vendor = supply.vendor_price_multiple
    # Nothing changes while open is there and closed prices stay.
    assert vendor(1.0, 1.0, ratio, base, cost, pass_on) == pytest.approx(1.0, abs=1e-12)
    # Nothing passed on, or a model that costs nothing: no change for users.
    assert vendor(closed, presence, ratio, base, cost, 0.0) == 1.0
    assert vendor(closed, presence, ratio, base, 0.0, pass_on) == 1.0
    # A vendor on closed models only passes on the closed price.
    only_closed = vendor(closed, presence, ratio, 0.0, cost, pass_on)
    assert only_closed == pytest.approx(1.0 + pass_on * cost * (closed - 1.0), abs=1e-12)
    # A vendor on open models only pays for closed ones once they have gone.
    switched = vendor(closed, 0.0, ratio, 1.0, cost, pass_on)
    assert switched == pytest.approx(1.0 + pass_on * cost * (closed / ratio - 1.0), rel=1e-12)
    # Cheaper open models: the fewer are left, the dearer the software.
    if ratio <= closed:
        found = vendor(closed, presence, ratio, base, cost, pass_on)
        gone = vendor(closed, 0.0, ratio, base, cost, pass_on)
        assert 1.0 - 1e-12 <= found <= gone + 1e-12


# --- Re-entry -------------------------------------------------------------------------------------


@given(st.floats(0.01, 0.6), st.floats(0.05, 1.0), share, share)
def test_reentry(open_share: float, dissimilarity: float, presence: float, reentry: float) -> None:
    mass = supply.reentry_mass(0.0, 1.0, open_share)
    assert dissimilarity * np.log((1.0 - open_share) * mass) == pytest.approx(0.0, abs=1e-12)
    assert supply.reentry_mass(presence, 0.0, open_share) == 1.0
    assert supply.reentry_mass(1.0, reentry, open_share) == 1.0
    found = supply.reentry_mass(presence, reentry, open_share)
    assert 1.0 <= found <= mass * (1.0 + 1e-12)


@pytest.mark.parametrize("dissimilarity", [0.2, 0.5, 0.8])
def test_full_reentry_restores_the_nest_exactly(dissimilarity: float) -> None:
    """Choice probabilities: the closed options inherit all that the open ones had."""
    values = np.array([[-0.5, 0.2, -1.0, 0.4]])
    is_open = np.array([False, True, False, True])
    before = meanfield.choice_probabilities(values, dissimilarity)[0]
    open_share = before[is_open].sum() / before.sum()
    variety = dissimilarity * np.log(supply.reentry_mass(0.0, 1.0, open_share))
    left = np.where(is_open, -1.0e30, values + variety)
    after = meanfield.choice_probabilities(left, dissimilarity)[0]
    assert after.sum() == pytest.approx(before.sum(), rel=1e-12)
    assert after[0] / after[2] == pytest.approx(before[0] / before[2], rel=1e-12)


# --- The frontiers --------------------------------------------------------------------------------

REFERENCE = {"pace": 1.0, "lag_change": 0.0, "pool": 1.0, "frozen": 0.0, "rents_index": 1.0}
# Further terms (licences and the like) stand at the default of the lever of their name.
REFERENCE |= {
    name: parameters.LEVERS[f"supply.{name}"].default
    for name, argument in inspect.signature(supply.Supply.advance).parameters.items()
    if argument.kind is argument.KEYWORD_ONLY and name not in REFERENCE
}


def walk(months: int, values: dict[str, float], **changes: float) -> list[tuple[float, float]]:
    supplied = supply.Supply.start(months)
    return [supplied.advance(m, values, **{**REFERENCE, **changes}) for m in range(months)]


def test_at_reference_terms_the_frontier_moves_one_month_a_month() -> None:
    closed = [c for c, _ in walk(120, VALUES)]
    assert closed == [float(m) for m in range(120)]


def test_the_open_frontier_is_the_closed_one_lag_months_ago() -> None:
    path = walk(120, VALUES)
    for month in range(int(supply.LAG_RECORD_MONTHS[-1]), 120):
        closed, opened = path[month]
        assert closed - opened == pytest.approx(VALUES["supply.open_lag_2025"])


@given(st.floats(0.0, 3.0), st.floats(0.05, 5.0), st.floats(0.05, 20.0))
def test_with_zero_elasticities_only_pace_moves_the_frontier(
    pace: float, pool: float, rents: float
) -> None:
    step = supply.frontier_step(pace, np.float64(rents), 0.0, np.float64(pool), 0.0)
    assert step == pace
    assert supply.frontier_step(pace, np.float64(1.0), 0.7, np.float64(1.0), -0.4) == pace


@given(st.floats(-1.0, 1.0), st.floats(-1.0, 1.0), st.floats(0.05, 5.0), st.floats(0.05, 20.0))
def test_frontier_elasticities(psi: float, xi: float, pool: float, rents: float) -> None:
    step = supply.frontier_step(2.0, np.float64(rents), psi, np.float64(pool), xi)
    assert step == pytest.approx(2.0 * rents**psi * pool**xi, rel=1e-12)


@given(
    st.lists(
        st.tuples(
            st.floats(0.0, 3.0),
            st.floats(-24.0, 120.0),
            st.floats(0.0, 5.0),
            share,
            st.floats(0.05, 3.0),
        ),
        min_size=2,
        max_size=60,
    ),
    st.floats(-1.0, 1.0),
    st.floats(-1.0, 1.0),
)
def test_the_open_frontier_never_falls(
    terms: list[tuple[float, float, float, float, float]], psi: float, xi: float
) -> None:
    values = {**VALUES, "supply.rents_elasticity": psi, "supply.pool_elasticity": xi}
    supplied = supply.Supply.start(len(terms))
    closed_before, open_before = -np.inf, -np.inf
    for month, (pace, lag_change, pool, frozen, rents) in enumerate(terms):
        closed, opened = supplied.advance(
            month,
            values,
            **{
                **REFERENCE,
                **{"pace": pace, "lag_change": lag_change, "pool": pool, "frozen": frozen},
                "rents_index": rents,
            },
        )
        assert opened >= open_before
        assert closed >= closed_before
        assert opened <= closed + 1e-9, "open models cannot lead the closed frontier"
        closed_before, open_before = closed, opened


def test_frozen_models_stay_where_they_are() -> None:
    supplied = supply.Supply.start(120)
    for month in range(60):
        at_ban = supplied.advance(month, VALUES, **REFERENCE)[1]
    frozen = [supplied.advance(m, VALUES, **{**REFERENCE, "frozen": 1.0})[1] for m in range(60, 90)]
    assert frozen == [at_ban] * 30
    # After repeal they catch up with the frontier less the lag.
    closed, opened = supplied.advance(90, VALUES, **REFERENCE)
    assert closed - opened == pytest.approx(VALUES["supply.open_lag_2025"])


def test_partly_frozen_models_lag_behind_free_and_lead_frozen_ones() -> None:
    def later(frozen: float) -> float:
        supplied = supply.Supply.start(120)
        for month in range(90):
            terms = {**REFERENCE, "frozen": frozen if month >= 60 else 0.0}
            opened = supplied.advance(month, VALUES, **terms)[1]
        return opened

    assert later(1.0) < later(0.9) < later(0.5) < later(0.0)


def test_lag_responds_to_policy_and_to_the_pool() -> None:
    values = {**VALUES, "supply.lag_pool_elasticity": 0.5}
    last = -1
    assert walk(120, values, lag_change=6.0)[last][1] == pytest.approx(
        walk(120, values)[last][1] - 6.0
    )
    # A lag never becomes a lead.
    assert walk(120, values, lag_change=-24.0)[last][1] == walk(120, values)[last][0]
    lag = values["supply.open_lag_2025"]
    shrunk = walk(120, values, pool=0.25)[last]
    assert shrunk[0] - shrunk[1] == pytest.approx(lag * 2.0)
    unmoved = walk(120, {**values, "supply.lag_pool_elasticity": 0.0}, pool=0.25)[last]
    assert unmoved[0] - unmoved[1] == pytest.approx(lag)


# --- Duties and licences --------------------------------------------------------------------------


@given(st.floats(1e-3, 1e12), st.floats(1.0, 1e10), st.floats(0.1, 5.0), share)
def test_a_duty_silences_those_who_cannot_pay_it(
    duty: float, budget: float, spread: float, response: float
) -> None:
    found = float(supply.silenced_share(np.float64(duty), budget, spread, response))
    exact = response * stats.norm.cdf(np.log(duty / budget) / spread)
    assert found == pytest.approx(exact, abs=2e-7)
    assert float(supply.silenced_share(np.float64(0.0), budget, spread, response)) == 0.0
    assert float(supply.silenced_share(np.float64(duty), budget, spread, 0.0)) == 0.0
    higher = float(supply.silenced_share(np.float64(2.0 * duty), budget, spread, response))
    assert higher >= found - 2e-7


@given(st.floats(-50.0, 250.0), st.floats(0.0, 120.0), st.floats(-50.0, 250.0), share)
def test_a_licence_only_holds_back(
    target: float, delay: float, threshold: float, refusal: float
) -> None:
    def licensed(target: float, delayed: float, refusal: float) -> float:
        return float(supply.licensed(np.float64(target), delayed, threshold, refusal))

    found = licensed(target, target - delay, refusal)
    assert found <= target
    if target <= threshold:
        assert found == target
    else:
        assert found >= threshold
        assert licensed(target, target - delay, 1.0) == threshold
        assert licensed(target, target, 0.0) == pytest.approx(target)
        assert licensed(target, target - delay - 1.0, refusal) <= found


def licence_terms(**terms: float) -> dict[str, float]:
    return {"licence_threshold": 60.0, **terms}


def test_a_licence_nobody_needs_changes_nothing() -> None:
    at_once = walk(120, VALUES)
    assert walk(120, VALUES, **licence_terms()) == pytest.approx(np.array(at_once))
    far = {"licence_threshold": 200.0, "licence_delay_open": 24.0, "licence_refusal": 1.0}
    assert walk(120, VALUES, **far) == at_once


def test_licences_delay_and_refuse_beyond_their_threshold() -> None:
    free = walk(120, VALUES)
    slow = walk(120, VALUES, **licence_terms(licence_delay_open=12.0, licence_delay_closed=6.0))
    refused = walk(120, VALUES, **licence_terms(licence_refusal=1.0))
    for month in range(120):
        assert slow[month][0] <= free[month][0] and slow[month][1] <= free[month][1]
        assert refused[month][0] == free[month][0]
        if free[month][1] <= 60.0:
            assert slow[month][1] == free[month][1]
    assert free[119][0] - slow[119][0] == pytest.approx(6.0)
    assert free[119][1] - slow[119][1] == pytest.approx(12.0)
    assert refused[119][1] == 60.0
    for path in (slow, refused):
        assert (np.diff(np.array(path), axis=0) >= 0.0).all(), "what is released stays released"


def test_a_lost_pool_falls_at_once_and_comes_back_slowly() -> None:
    one = np.float64(1.0)
    assert supply.pool_after(one, 0.2, 0.05) == 0.2
    back = np.float64(0.2)
    for _ in range(12):
        back = supply.pool_after(back, 1.0, 0.05)
    assert 0.2 < back < 1.0
    assert supply.pool_after(np.float64(0.2), 1.0, 0.0) == 0.2
    assert supply.pool_after(np.float64(0.2), 1.0, 1.0) == 1.0
    assert supply.pool_after(one, 1.0, 0.05) == 1.0
