"""The ledger: identities on any flows, broken by any mutation; transfers; shadow costs."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from econsim import accounts, engine, setting
from econsim.scenario import Scenario

CELLS = 4


def share(top: float) -> st.SearchStrategy[float]:
    return st.floats(0.0, top)


@st.composite
def flows(draw: st.DrawFn, gains: bool = True) -> accounts.Flows:
    """Any flows a month could have, and more extreme ones."""

    def column(top: float, bottom: float = 0.0) -> np.ndarray:
        # Nothing, or an amount that means something: a unit of account is no currency unit.
        element = st.floats(max(bottom, 1e-6 * top), top)
        return draw(
            arrays(np.float64, CELLS, elements=element if bottom else st.just(0.0) | element)
        )

    baseline = column(1e9, 1e4)
    rest = draw(arrays(np.float64, 2, elements=st.floats(1e4, 1e9))) + baseline.sum()
    return accounts.Flows(
        baseline=baseline,
        baseline_rest=rest,
        gain=baseline * column(0.3, 1e-4 if gains else 0.0),
        hours=baseline * column(0.05),
        services_domestic=baseline * column(0.05),
        services_foreign=baseline * column(0.05),
        hardware=baseline * column(0.02),
        rents_foreign=baseline * column(0.02),
        rents_domestic=baseline * column(0.02),
        vouchers=baseline * column(0.02),
        labour_share=column(1.0),
        mark_up_share=draw(share(0.95)),
        shares=(
            draw(st.floats(0.45, 0.7)),
            draw(st.floats(0.1, 0.25)),
            draw(st.floats(0.1, 0.25)),
        ),
        rest_labour_share=draw(share(1.0)),
        programme=rest.sum() * draw(share(0.02)),
        cost_of_funds=draw(st.floats(1.0, 2.0)),
        sector=np.arange(CELLS) // 2,
        within_variance=draw(share(0.01)),
    )


#: Any setting of the structural channels.
channels = st.builds(
    accounts.Channels,
    capital_deepening=share(1.0),
    capital_share=st.floats(0.2, 0.6),
    substitution=st.floats(0.3, 2.0),
    reallocation=share(2.0),
)


def ordinary(**changes: Any) -> accounts.Flows:
    """A month in which every flow is positive."""
    rng = np.random.default_rng(12)

    def column(share: float) -> np.ndarray:
        return share * rng.uniform(0.5, 1.5, CELLS) * 1e6

    given_: dict[str, Any] = {
        "baseline": column(1.0),
        "baseline_rest": column(0.6),
        "gain": column(0.03),
        "hours": column(0.002),
        "services_domestic": column(0.003),
        "services_foreign": column(0.004),
        "hardware": column(0.001),
        "rents_foreign": column(0.0012),
        "rents_domestic": column(0.0007),
        "vouchers": column(0.0006),
        "labour_share": rng.uniform(0.4, 0.7, CELLS),
        "mark_up_share": 0.4,
        "shares": (0.53, 0.21, 0.22),
        "rest_labour_share": 0.55,
        "programme": 2_000.0,
        "cost_of_funds": 1.2,
    }
    return accounts.Flows(**{**given_, **changes})


def surplus_and_deficit() -> list[accounts.Flows]:
    """A country that exports more than it imports, and one that does not."""
    return [ordinary(), ordinary(shares=(0.68, 0.17, 0.18))]


# --- Identities on any flows ----------------------------------------------------------------------


@given(flows(gains=False), channels)
def test_identities_hold_on_any_flows(given_: accounts.Flows, switches: accounts.Channels) -> None:
    month = accounts.close(replace(given_, channels=switches))
    assert month.worst <= accounts.TOLERANCE == 1e-9
    three = accounts.readings(month.ledger)
    assert set(three) == {"production", "income", "expenditure"}
    for value in three.values():
        assert value == pytest.approx(month.gdp, rel=1e-9)
    assert month.gdp == pytest.approx(month.value_added.sum() + month.rest_value_added, rel=1e-9)
    # Every account closes, item by item: uses equal resources.
    for item in {leg.item for leg in month.ledger.legs}:
        used = sum(leg.amount for leg in month.ledger.legs if (leg.side, leg.item) == ("use", item))
        got = sum(
            leg.amount for leg in month.ledger.legs if (leg.side, leg.item) == ("resource", item)
        )
        assert used == pytest.approx(got, rel=1e-9, abs=1e-9 * month.gdp)


@given(flows())
def test_gdp_is_the_formula(given_: accounts.Flows) -> None:
    """``ln(GDP / GDP0)``: gains less resources and imports over GDP0, exactly."""
    month = accounts.close(given_)
    base = given_.baseline.sum() + given_.baseline_rest.sum()
    resources = given_.hours + (1.0 - given_.mark_up_share) * given_.services_domestic
    funds = (given_.cost_of_funds - 1.0) * (given_.vouchers.sum() + given_.programme)
    change = ((given_.gain - resources - given_.services_foreign).sum() - funds) / base
    assert month.baseline_gdp == pytest.approx(base, rel=1e-12)
    assert np.log(month.gdp / month.baseline_gdp) == pytest.approx(change, rel=1e-9, abs=1e-12)


@given(flows(), channels)
def test_contributions_sum_to_the_change_of_gdp(
    given_: accounts.Flows, switches: accounts.Channels
) -> None:
    month = accounts.close(replace(given_, channels=switches))
    change = month.gdp - month.baseline_gdp
    total = month.contribution.sum() - month.funds
    assert total == pytest.approx(change, rel=1e-9, abs=1e-9 * month.gdp)


@given(flows(gains=False))
def test_without_ai_gdp_is_the_baseline(given_: accounts.Flows) -> None:
    none = np.zeros(CELLS)
    quiet = replace(
        given_,
        **{
            f.name: none
            for f in fields(given_)
            if isinstance(getattr(given_, f.name), np.ndarray)
            and f.name not in ("baseline", "baseline_rest", "labour_share")
        },
        programme=0.0,
    )
    month = accounts.close(quiet)
    assert month.gdp == pytest.approx(month.baseline_gdp, rel=1e-12)
    assert (month.contribution == 0.0).all()
    assert month.gni == month.gdp
    assert month.imports_ai == 0.0


def test_gross_gain() -> None:
    saving = np.linspace(0.0, 0.5, 11)
    assert accounts.gross_gain(saving, 0.0) == pytest.approx(-np.log(1.0 - saving), abs=1e-15)
    assert (accounts.gross_gain(saving, 1.0) == saving).all()
    assert (accounts.gross_gain(saving, 0.0)[1:] > saving[1:]).all()


def test_sums_are_plain_additions_in_order() -> None:
    """Python's own sum compensates rounding from 3.12 on: a last bit that differs from 3.11."""
    ledger = accounts.Ledger()
    for amount in (1e16, 1.0, -1e16):
        ledger.post("taxes", "households", "government", amount)
    assert ledger.total("use", ("taxes",), ("households",)) == 0.0


def test_readings_are_totals_of_the_ledger() -> None:
    """Sums of all identities at once are, to the last bit, those of one total after another."""
    ledger = accounts.close(ordinary()).ledger
    total, firms = ledger.total, accounts.PRODUCERS
    final = ("consumption", "government", "investment", "exports")
    abroad = ("consumption", "investment", "intermediate")
    assert accounts.readings(ledger) == {
        "production": total("resource", (*final, "intermediate"), firms)
        - total("use", ("intermediate",), firms),
        "income": total("resource", ("wages", "profits"), ("households",))
        + total("resource", ("rents",), ("world",))
        - total("resource", ("subsidies",), firms),
        "expenditure": total("use", final, accounts.ACCOUNTS)
        - total("resource", abroad, ("world",)),
    }


# --- Lanes: many runs closed together ----------------------------------------------------------


def together(alone: list[accounts.Flows], order: str = "C") -> accounts.Flows:
    """Flows of single runs as lanes; sectors are those of all."""

    def lanes(*values: Any) -> Any:
        first = values[0]
        if isinstance(first, tuple):
            return tuple(lanes(*each) for each in zip(*values, strict=True))
        if isinstance(first, accounts.Channels):
            return accounts.Channels(
                **{f.name: lanes(*(getattr(v, f.name) for v in values)) for f in fields(first)}
            )
        return None if first is None else np.array(values, order=order)

    names = [f.name for f in fields(accounts.Flows) if f.name != "sector"]
    return accounts.Flows(
        **{name: lanes(*(getattr(flows_, name) for flows_ in alone)) for name in names},
        sector=alone[0].sector,
    )


def bits(month: accounts.Month, lane: Any = ...) -> dict[str, bytes]:
    """Every number of a month, of one of its lanes."""
    numbers = {f.name: getattr(month, f.name) for f in fields(month)}
    numbers |= {f"book {name}": amount for name, amount in numbers.pop("book").items()}
    numbers |= {f"leg {i}": a for i, a in enumerate(numbers.pop("ledger").amounts)}
    numbers |= accounts.readings(month.ledger)
    return {name: np.asarray(value)[lane].tobytes() for name, value in numbers.items()}


def same_as_alone(alone: list[accounts.Flows], order: str = "C") -> None:
    closed = accounts.close(together(alone, order))
    assert closed.worst.shape == (len(alone),)
    assert closed.contribution.shape == (len(alone), len(alone[0].baseline))
    for lane, flows_ in enumerate(alone):
        assert bits(closed, lane) == bits(accounts.close(flows_))


@st.composite
def runs(draw: st.DrawFn) -> accounts.Flows:
    """A run with every channel on or off."""
    off, on = accounts.Channels(), draw(channels)
    given_ = draw(flows(gains=draw(st.booleans())))
    names = draw(st.sets(st.sampled_from([f.name for f in fields(off)])))
    switches = replace(off, **{name: getattr(on, name) for name in names})
    return replace(given_, channels=switches, transitory=given_.hours)


@given(st.lists(runs(), min_size=1, max_size=4))
def test_lanes_are_closed_to_the_bits_each_has_alone(alone: list[accounts.Flows]) -> None:
    same_as_alone(alone)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("lanes", [1, 2, 7, 50])
@pytest.mark.parametrize("cells", [1, 8, 9, 130, 1836])
def test_bits_do_not_depend_on_cells_lanes_or_layout(cells: int, lanes: int, order: str) -> None:
    rng = np.random.default_rng(cells + lanes)
    sector = rng.integers(0, 5, cells)

    def run(number: int) -> accounts.Flows:
        columns = {
            name: values.mean() * rng.uniform(0.1, 2.0, cells)
            for name, values in vars(ordinary()).items()
            if isinstance(values, np.ndarray) and name not in ("baseline_rest", "labour_share")
        }
        return ordinary(
            **columns,
            baseline_rest=3e6 * cells * rng.uniform(0.5, 1.0, 27),
            labour_share=rng.uniform(0.4, 0.7, cells),
            sector=sector,
            transitory=0.5 * columns["hours"] if lanes % 2 else None,
            channels=accounts.Channels(
                capital_deepening=(0.0, 1.0)[number % 2],
                substitution=(1.0, 0.5, 1.5)[number % 3],
            ),
        )

    same_as_alone([run(number) for number in range(lanes)], order)


def test_numbers_and_labour_shares_may_be_those_of_all_lanes() -> None:
    alone = [ordinary(), ordinary(gain=2.0 * ordinary().gain)]
    names = ("mark_up_share", "shares", "rest_labour_share", "programme", "cost_of_funds")
    common = {name: getattr(alone[0], name) for name in (*names, "labour_share", "channels")}
    closed = accounts.close(replace(together(alone), **common))
    for lane, flows_ in enumerate(alone):
        assert bits(closed, lane) == bits(accounts.close(flows_))


def test_channels_that_are_off_in_a_lane_do_nothing_there_whatever_their_numbers() -> None:
    """Nothing is to capital what it cannot follow: its share is not even looked at."""
    off = accounts.Channels(capital_share=1.0)
    on = accounts.Channels(capital_deepening=1.0, substitution=0.5, reallocation=1.0)
    sector = np.arange(CELLS)
    alone = [ordinary(sector=sector, within_variance=0.01, channels=c) for c in (off, on)]
    same_as_alone(alone)
    plain = accounts.close(ordinary())
    assert bits(accounts.close(together(alone)), 0) == bits(plain)


@pytest.mark.parametrize("lane", [0, 1, 2])
def test_a_leg_that_is_wrong_in_one_lane_is_found_there(lane: int) -> None:
    closed = accounts.close(together([*surplus_and_deficit(), ordinary()]))
    assert (closed.worst <= 1e-12).all()
    for position, leg in enumerate(closed.ledger.legs):
        if leg.amount[lane] == 0.0:
            continue
        for wrong in (0.0, 2.0 * leg.amount[lane], np.nan):
            legs = list(closed.ledger.legs)
            amount = leg.amount.copy()
            amount[lane] = wrong
            legs[position] = replace(leg, amount=amount)
            with pytest.raises(accounts.LedgerError, match=rf": relative error .* in lane {lane}$"):
                accounts.check(accounts.Ledger(legs), closed.book)


def test_an_error_names_the_identity_that_is_broken_most() -> None:
    closed = accounts.close(ordinary())
    legs = [
        replace(leg, amount=1.5 * leg.amount)
        if (leg.account, leg.side, leg.item) == ("households", "use", "taxes")
        else leg
        for leg in closed.ledger.legs
    ]
    error = 0.5 * closed.book["taxes"] / closed.gdp
    with pytest.raises(accounts.LedgerError) as caught:
        accounts.check(accounts.Ledger(legs), closed.book)
    assert str(caught.value) in {
        f"{name}: relative error {error:.1e}"
        for name in ("uses and resources of taxes", "account of households")
    }


def test_payments_to_suppliers_may_be_those_of_another_lane() -> None:
    names = ("services_domestic", "services_foreign", "hardware", "rents_foreign", "rents_domestic")
    own, other = ordinary(), ordinary(**{n: 3.0 * getattr(ordinary(), n) for n in names})
    expected = accounts.same_suppliers(own, other)
    assert accounts.same_suppliers(own, None) is own
    for name in (f.name for f in fields(own)):
        taken_from = other if name in names else own
        assert np.array_equal(getattr(expected, name), getattr(taken_from, name))
    both = together([own, other])
    held = accounts.close(accounts.same_suppliers(both, both, np.array([1, 1])))
    assert bits(held, 0) == bits(accounts.close(expected))
    assert bits(held, 1) == bits(accounts.close(other))
    # One run for all lanes, and lanes for lanes.
    for flows_ in (
        accounts.same_suppliers(both, other),
        accounts.same_suppliers(both, together([other, other])),
    ):
        assert bits(accounts.close(flows_), 0) == bits(accounts.close(expected))


# --- Mutations ------------------------------------------------------------------------------------


def legs_of(month: accounts.Month) -> list[accounts.Leg]:
    """Legs that carry an amount; legs of nothing can be deleted without a trace."""
    return [leg for leg in month.ledger.legs if leg.amount != 0.0]


def refuses(month: accounts.Month, legs: list[accounts.Leg]) -> None:
    with pytest.raises(accounts.LedgerError):
        accounts.check(accounts.Ledger(legs), month.book)


@pytest.mark.parametrize("number", [0, 1])
def test_the_unchanged_ledger_passes(number: int) -> None:
    month = accounts.close(surplus_and_deficit()[number])
    gdp, worst = accounts.check(accounts.Ledger(list(month.ledger.legs)), month.book)
    assert gdp == pytest.approx(month.gdp) and worst <= 1e-12


def test_every_kind_of_posting_is_put_to_the_test() -> None:
    """Over both countries every posting carries an amount, so that its mutation must show."""
    months = [accounts.close(f) for f in surplus_and_deficit()]
    places: dict[tuple[str, str, str], float] = {}
    for month in months:
        legs = month.ledger.legs
        assert len(legs) % 2 == 0 and len(legs) > 30
        for use, resource in zip(legs[::2], legs[1::2], strict=True):
            assert (use.side, resource.side) == ("use", "resource")
            assert use.item == resource.item and use.amount == resource.amount
            key = (use.item, use.account, resource.account)
            places[key] = max(places.get(key, 0.0), abs(use.amount))
    assert min(places.values()) > 1.0


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("factor", [0.0, 2.0, 1.0 + 1e-5])
def test_changing_any_single_leg_breaks_an_identity(number: int, factor: float) -> None:
    month = accounts.close(surplus_and_deficit()[number])
    for position, leg in enumerate(month.ledger.legs):
        if abs(leg.amount * (factor - 1.0)) <= 2e-9 * month.gdp:
            assert leg.amount == 0.0 or factor not in (0.0, 2.0)
            continue
        legs = list(month.ledger.legs)
        legs[position] = replace(leg, amount=leg.amount * factor)
        refuses(month, legs)


@pytest.mark.parametrize("number", [0, 1])
def test_deleting_or_adding_any_single_leg_breaks_an_identity(number: int) -> None:
    month = accounts.close(surplus_and_deficit()[number])
    kept = legs_of(month)
    for position, leg in enumerate(kept):
        refuses(month, kept[:position] + kept[position + 1 :])
        refuses(month, [*kept, leg])


@pytest.mark.parametrize("number", [0, 1])
def test_deleting_or_doubling_any_whole_posting_breaks_a_control(number: int) -> None:
    """Both legs go: uses still equal resources, but controls outside the ledger do not hold."""
    month = accounts.close(surplus_and_deficit()[number])
    kept = legs_of(month)
    assert len(kept) % 2 == 0
    for position in range(0, len(kept), 2):
        refuses(month, kept[:position] + kept[position + 2 :])
        refuses(month, kept + kept[position : position + 2])


@pytest.mark.parametrize("number", [0, 1])
def test_a_leg_in_the_wrong_account_breaks_an_identity(number: int) -> None:
    month = accounts.close(surplus_and_deficit()[number])
    legs = month.ledger.legs
    for position, leg in enumerate(legs):
        if leg.amount != 0.0:
            other = next(a for a in accounts.ACCOUNTS if a != leg.account)
            moved = [*legs[:position], replace(leg, account=other), *legs[position + 1 :]]
            refuses(month, moved)


@pytest.mark.parametrize("name", ["value_added", "services_domestic", "services_foreign"])
def test_control_totals_are_computed_outside_the_ledger(name: str) -> None:
    month = accounts.close(ordinary())
    with pytest.raises(accounts.LedgerError, match="relative error"):
        accounts.check(month.ledger, {**month.book, name: month.book[name] * 1.01})


def test_a_ledger_with_a_hole_is_refused() -> None:
    month = accounts.close(ordinary())
    legs = [replace(leg, amount=float("nan")) if i == 4 else leg
            for i, leg in enumerate(month.ledger.legs)]  # fmt: skip
    refuses(month, legs)


# --- Transfers are zero ---------------------------------------------------------------------------


@given(flows(gains=False), share(1e9))
def test_domestic_rents_are_a_transfer(given_: accounts.Flows, more: float) -> None:
    before = accounts.close(given_)
    after = accounts.close(replace(given_, rents_domestic=given_.rents_domestic + more))
    assert after.gdp == before.gdp
    assert (after.contribution == before.contribution).all()
    assert after.gni == pytest.approx(before.gni, rel=1e-12)
    assert after.consumption == pytest.approx(before.consumption, rel=1e-9, abs=1e-9 * before.gdp)
    assert after.rents_domestic > before.rents_domestic or more < 1e-6


@given(flows(gains=False), share(1e7))
def test_vouchers_are_a_transfer(given_: accounts.Flows, more: float) -> None:
    """But for the marginal cost of public funds, which is a switch."""
    given_ = replace(given_, cost_of_funds=1.0)
    before = accounts.close(given_)
    after = accounts.close(replace(given_, vouchers=given_.vouchers + more))
    assert after.gdp == before.gdp
    assert after.gni == pytest.approx(before.gni, rel=1e-12)
    assert after.consumption == pytest.approx(before.consumption, rel=1e-9, abs=1e-9 * before.gdp)


@pytest.mark.parametrize("name", ["rents_domestic", "vouchers"])
def test_a_transfer_leaves_gdp_equal_to_the_last_bit(name: str) -> None:
    """Not a small effect: none.  The rules' control total does not contain the transfer."""
    base = ordinary(cost_of_funds=1.0)
    before = accounts.close(base)
    after = accounts.close(replace(base, **{name: 3.0 * getattr(base, name) + 17.0}))
    assert after.book["value_added"] == before.book["value_added"]
    assert (after.value_added == before.value_added).all()
    assert (after.contribution == before.contribution).all()
    assert after.gdp == before.gdp


@given(flows(gains=False), share(1e7))
def test_foreign_rents_move_national_income_and_not_gdp(
    given_: accounts.Flows, more: float
) -> None:
    before = accounts.close(given_)
    after = accounts.close(replace(given_, rents_foreign=given_.rents_foreign + more))
    assert after.gdp == before.gdp
    tolerance = 1e-9 * before.gdp
    assert before.gni - after.gni == pytest.approx(CELLS * more, abs=tolerance)
    # They are paid out of exports: what is sent abroad is not consumed at home.
    assert before.consumption - after.consumption == pytest.approx(CELLS * more, abs=tolerance)


def test_public_funds_have_their_marginal_cost() -> None:
    base = ordinary(cost_of_funds=1.0)
    free, dear = accounts.close(base), accounts.close(replace(base, cost_of_funds=1.25))
    money = base.vouchers.sum() + base.programme
    assert free.funds == 0.0
    assert dear.funds == pytest.approx(0.25 * money)
    assert np.log(free.gdp / dear.gdp) == pytest.approx(0.25 * money / free.baseline_gdp, rel=1e-9)


def test_a_programme_is_bought_instead_of_household_consumption() -> None:
    base = ordinary(cost_of_funds=1.0, programme=0.0)
    before, after = accounts.close(base), accounts.close(replace(base, programme=5_000.0))
    assert after.gdp == pytest.approx(before.gdp, rel=1e-14)
    assert before.consumption - after.consumption == pytest.approx(5_000.0, rel=1e-6)


# --- Structural channels --------------------------------------------------------------------------


def growth(month: accounts.Month) -> float:
    return float(np.log(month.gdp / month.baseline_gdp))


@given(flows())
def test_channels_are_off_by_default_and_at_their_limits(given_: accounts.Flows) -> None:
    plain = accounts.close(given_)
    limits = [
        accounts.Channels(),
        accounts.Channels(capital_deepening=0.0, capital_share=0.6),
        accounts.Channels(reallocation=0.0),
        accounts.Channels(substitution=1.0),
    ]
    for limit in limits:
        assert accounts.close(replace(given_, channels=limit)).gdp == plain.gdp
    for near in (1.0 - 1e-5, 1.0 + 1e-5):
        month = accounts.close(replace(given_, channels=accounts.Channels(substitution=near)))
        assert growth(month) == pytest.approx(growth(plain), abs=1e-5)


def test_sectors_that_complement_one_another_hold_each_other_back() -> None:
    uneven = ordinary(sector=np.arange(CELLS), gain=ordinary().gain * np.array([4, 2, 0.5, 0.1]))
    found = [
        growth(accounts.close(replace(uneven, channels=accounts.Channels(substitution=s))))
        for s in (0.4, 0.7, 1.0, 1.5)
    ]
    assert (np.diff(found) > 0.0).all()


def test_capital_follows_persistent_productivity() -> None:
    base = ordinary(cost_of_funds=1.0, transitory=ordinary().hours)
    full = accounts.Channels(capital_deepening=1.0, capital_share=0.4)
    before, after = accounts.close(base), accounts.close(replace(base, channels=full))
    once = base.hours.sum() / before.baseline_gdp
    multiplied = (growth(before) + once) / (1.0 - 0.4) - once
    assert growth(after) == pytest.approx(multiplied, rel=1e-9)
    assert after.productivity == pytest.approx(growth(before), rel=1e-12)
    half = accounts.close(
        replace(base, channels=accounts.Channels(capital_deepening=0.5, capital_share=0.4))
    )
    assert growth(before) < growth(half) < growth(after)
    # Investment is not free: consumption grows by less than output.
    assert after.consumption - before.consumption < after.gdp - before.gdp
    falling = replace(base, gain=base.gain * 0.01, channels=full)
    assert growth(accounts.close(falling)) == pytest.approx(
        growth(accounts.close(replace(falling, channels=accounts.Channels())))
    ), "no capital follows a loss"


def test_reallocation_pays_for_dispersion() -> None:
    base = ordinary(within_variance=0.02)
    found = accounts.close(replace(base, channels=accounts.Channels(reallocation=0.5)))
    assert growth(found) - growth(accounts.close(base)) == pytest.approx(0.5 * 0.5 * 0.02)


# --- What costs and what does not -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "part"),
    [("hours", 1.0), ("services_foreign", 1.0), ("services_domestic", 0.6), ("hardware", 0.0)],
)
def test_resource_costs_lower_gdp_by_their_resource_part(name: str, part: float) -> None:
    """Hours and imports fully, domestic services without their mark-up, hardware not at all."""
    base = ordinary()
    more = 1_000.0 / CELLS
    before = accounts.close(base)
    after = accounts.close(replace(base, **{name: getattr(base, name) + more}))
    change = np.log(after.gdp / before.gdp) * before.baseline_gdp
    assert change == pytest.approx(-part * 1_000.0, rel=1e-6, abs=1e-6)


def test_hardware_is_paid_by_consumption() -> None:
    base = ordinary()
    before = accounts.close(base)
    after = accounts.close(replace(base, hardware=base.hardware + 250.0))
    assert before.consumption - after.consumption == pytest.approx(1_000.0, rel=1e-6)
    assert after.imports_ai - before.imports_ai == pytest.approx(1_000.0, rel=1e-9)


def test_shadow_costs_have_no_place_in_the_ledger() -> None:
    names = {f.name for f in fields(accounts.Flows)}
    assert not [
        name
        for name in names
        for word in ("confidential", "dependence", "risk", "hurdle", "shadow", "misuse", "privacy")
        if word in name
    ]


def continued(economy: engine.Economy, **parameters: float) -> engine.Economy:
    """A copy of an economy whose next months go by other parameters, tastes held."""
    other = copy.deepcopy(economy)
    changed = economy.scenario.with_changes(
        parameters={name.replace("__", "."): value for name, value in parameters.items()}
    )
    other.scenario = changed
    other.bound = replace(other.bound, scenario=changed)
    worlds = other.worlds
    worlds.stack = setting.Stack.of([other.bound])
    worlds.numbers = engine.numbers(worlds.stack, other.seed)
    return other


@pytest.fixture(scope="module")
def halfway(build: Callable[..., Scenario]) -> engine.Economy:
    """The EU baseline at the end of 2025 (of a run to 2026)."""
    given_ = engine.Economy.start(build(last="2026-12", rows=1500), 1500, 3)
    for _ in range(60):
        given_.month()
    return given_


SHADOW = {
    "hurdle__confidentiality": 2.0,
    "hurdle__dependence": 1.0,
    "hurdle__decline": 0.6,
}


@pytest.mark.parametrize("name", sorted(SHADOW))
def test_shadow_costs_are_never_booked(halfway: engine.Economy, name: str) -> None:
    """With everybody's choice held, a heavier shadow cost changes no account at all."""
    same, heavier = continued(halfway), continued(halfway, **{name: SHADOW[name]})
    for each in (same, heavier):
        each.month(decide=lambda rows: None)
    assert same.closed is not None and heavier.closed is not None
    for what in ("gdp", "gni", "consumption", "hours", "imports_ai"):
        assert getattr(same.closed, what) == getattr(heavier.closed, what)
    # And it does matter to firms: once they decide, the accounts move.
    same, heavier = continued(halfway), continued(halfway, **{name: SHADOW[name]})
    for each in (same, heavier):
        for _ in range(6):
            each.month()
    assert same.closed is not None and heavier.closed is not None
    assert same.closed.gdp != heavier.closed.gdp


def hours_without_hurdle(economy: engine.Economy) -> float:
    """Set-up of new users and compliance of users, from the totals; currency per month."""
    offered, totals = economy.offered, economy.totals
    assert offered is not None
    kind = economy.bound.benefit_class
    set_up = (totals.new_scale * engine.WEIGHT_UNIT * offered.set_up_cost[kind]).sum()
    compliance = (totals.firms * engine.WEIGHT_UNIT * offered.compliance_cost[kind]).sum() / 12.0
    return float(set_up + compliance)


def test_only_the_real_share_of_the_hurdle_is_booked(halfway: engine.Economy) -> None:
    for chi in (0.0, 0.1, 0.5):
        economy = continued(halfway, hurdle__real_share=chi)
        economy.month()
        assert economy.closed is not None
        hurdle = economy.totals.hurdle.sum() / 12.0
        assert hurdle > 0.0
        expected = hours_without_hurdle(economy) + chi * hurdle
        assert economy.closed.hours == pytest.approx(expected, rel=1e-12)


def test_first_order_books_the_saving_itself(halfway: engine.Economy) -> None:
    second, first = continued(halfway), continued(halfway, accounts__first_order=1.0)
    for each in (second, first):
        each.month(decide=lambda rows: None)
    assert second.closed is not None and first.closed is not None
    # -ln(1 - s) > s; both gains are of the same order.
    gains = [m.closed.gdp - m.closed.baseline_gdp for m in (second, first)]
    assert gains[1] < gains[0] < 1.5 * gains[1]


def test_every_month_of_a_run_is_checked(halfway: engine.Economy) -> None:
    assert 0.0 <= halfway.record.worst_identity <= 1e-9
    assert halfway.closed is not None
    refuses(halfway.closed, legs_of(halfway.closed)[1:])
