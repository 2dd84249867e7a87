"""Instruments, packages and the terms of a month: identity, order, dates, bounds, budgets, bans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from econsim import data, engine, parameters, policy, population, scenario, setting
from econsim.scenario import Scenario, ScenarioError

KINDS = [
    policy.OptionKind("closed_api", False, "provider_cloud"),
    policy.OptionKind("open_hosted", True, "third_party_host"),
    policy.OptionKind("open_own", True, "private_hardware"),
]
NAMES = [k.name for k in KINDS]
CELLS = population.region_cells("EU27")
#: Base values of the option levers: the bounds' middle where that is finite and plain.
BASE = {
    "option.available": np.array([1.0, 1.0, 1.0]),
    "option.price": np.array([260.0, 150.0, 100.0]),
    "option.set_up_hours": np.array([16.0, 40.0, 80.0]),
    "option.hosting_cost": np.array([0.0, 100.0, 400.0]),
    "option.hardware_cost": np.array([0.0, 0.0, 2500.0]),
    "option.compliance_cost": np.array([0.0, 10.0, 0.0]),
    "option.misuse_cost": np.zeros(3),
    "option.perceived_risk": np.array([0.0, 0.1, 0.2]),
    "option.confidentiality_exposure": np.array([1.0, 0.7, 0.0]),
    "option.dependence_exposure": np.array([1.0, 0.4, 0.1]),
    "option.fit": np.ones(3),
    "option.capability_lag": np.array([0.0, 2.0, 7.0]),
}
VALUES = parameters.resolve({})


def adjustment(term: str, start: str = "2027-01", **fields: Any) -> policy.Adjustment:
    """A generic instrument; its unit is looked up."""
    parameter, _ = parameters.lever(term, NAMES)
    unit = "multiple" if fields.get("scale") is not None else parameter.unit
    return policy.Adjustment.model_validate({"term": term, "unit": unit, "from": start, **fields})


def expand(*items: policy.Dated, values: dict[str, float] = VALUES) -> policy.Package:
    return policy.expand([(f"test[{n}]", i) for n, i in enumerate(items, 1)], KINDS, values, "EUR")


def terms(
    package: policy.Package, month: int, base: dict[str, np.ndarray] = BASE, **kwargs: Any
) -> policy.Terms:
    masks = {e.where: CELLS.mask(e.where.mapping()) for e in package.entries}
    return policy.terms(month, base, package, masks, NAMES, CELLS.count, **kwargs)


def same_terms(a: policy.Terms, b: policy.Terms) -> bool:
    """Equal to the last bit."""
    return all(
        (mine[k] == theirs[k]).all()
        for mine, theirs in ((a.economy, b.economy), (a.option, b.option))
        for k in mine
    )


def close_terms(a: policy.Terms, b: policy.Terms) -> bool:
    return all(
        np.allclose(mine[k], theirs[k], rtol=1e-12, atol=1e-12)
        for mine, theirs in ((a.economy, b.economy), (a.option, b.option))
        for k in mine
    )


JANUARY_2027 = policy.month_index("2027-01")
UNTOUCHED = terms(policy.Package(), JANUARY_2027)


# --- Months ---------------------------------------------------------------------------------------


@given(st.integers(0, 599))
def test_months_are_counted_from_january_2021(index: int) -> None:
    assert policy.month_index(policy.month_label(index)) == index
    assert policy.month_index("2021-01") == 0 and policy.month_index("2022-03") == 14


@pytest.mark.parametrize("text", ["2027", "2027-13", "2027-00", "27-01", "2027-1", "2027/01", ""])
def test_what_is_not_a_month(text: str) -> None:
    with pytest.raises(ValueError, match="is not a month of the form YYYY-MM"):
        policy.month_index(text)


# --- Identity -------------------------------------------------------------------------------------


def test_the_empty_package_is_the_identity() -> None:
    assert expand() == policy.Package()
    assert policy.Package().first_month() is None
    for name, base in BASE.items():
        assert (UNTOUCHED.option[name] == base[None, :]).all()
    for name, lever in parameters.LEVERS.items():
        if not name.startswith("option."):
            assert (UNTOUCHED.economy[name] == lever.default).all()
    assert UNTOUCHED.touched == ()


#: Levers with a change that stays within bounds from the base values above.
PLAIN = {
    "open.compliance_cost": (10.0, 5_000.0),
    "all.price": (1.0, 500.0),
    "closed.set_up_hours": (1.0, 100.0),
    "open_own.hosting_cost": (1.0, 3_000.0),
    "considering.pace": (0.1, 2.0),
    "hurdle.level": (0.1, 2.0),
    "supply.open_pool": (0.1, 1.0),
    "supply.frontier_pace": (0.1, 0.5),
}


@st.composite
def adjustments(
    draw: st.DrawFn, operations: tuple[str, ...] = ("scale", "add"), everywhere: bool = False
) -> policy.Adjustment:
    """Any generic instrument of the plain levers; its values keep terms within bounds."""
    term = draw(st.sampled_from(sorted(PLAIN)))
    low, high = PLAIN[term]
    operation = draw(st.sampled_from(operations))
    value = draw(st.floats(0.5, 1.5)) if operation == "scale" else draw(st.floats(low, high))
    start = draw(st.integers(0, 100))
    where: dict[str, Any] = {}
    if not everywhere and not term.startswith("supply."):
        where = draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "country": st.lists(st.sampled_from(data.MEMBER_STATES), min_size=1),
                    "sector": st.lists(st.sampled_from(data.SECTORS), min_size=1),
                    "size_class": st.lists(st.sampled_from(["0-9", "10-49"]), min_size=1),
                },
            )
        )
    fields: dict[str, Any] = {
        operation: value,
        "start": policy.month_label(start),
        "phase_in": draw(st.integers(0, 24)),
        "where": where,
    }
    if draw(st.booleans()):
        fields["until"] = policy.month_label(start + draw(st.integers(0, 60)))
    return adjustment(term, **fields)


packages = st.lists(adjustments(), max_size=4)


@given(packages, st.integers(0, 180))
def test_instruments_of_no_strength_change_nothing(
    others: list[policy.Adjustment], month: int
) -> None:
    nothing = [
        *(adjustment(term, scale=1.0, start="2021-01") for term in PLAIN),
        *(adjustment(term, add=0.0, start="2021-01", phase_in=7) for term in PLAIN),
    ]
    assert same_terms(terms(expand(*nothing), month), terms(policy.Package(), month))
    # Nor do they beside others: adding 0 and multiplying by 1 are exact.
    assert same_terms(terms(expand(*others, *nothing), month), terms(expand(*others), month))


@given(packages)
def test_before_the_first_and_after_the_last_month_there_is_no_trace(
    items: list[policy.Adjustment],
) -> None:
    package = expand(*items)
    first = package.first_month()
    if first is None:
        return
    for month in range(max(first - 2, 0), first):
        assert same_terms(terms(package, month), terms(policy.Package(), month))
        assert terms(package, month).touched == ()
    stops = [e.stop for e in package.entries]
    if max(stops) < 10**5:
        after = terms(package, max(stops))
        assert same_terms(after, terms(policy.Package(), max(stops)))
        assert after.touched == ()
    assert all(m in package.changes() for m in (first, max(stops)))


# --- Order and composition ------------------------------------------------------------------------


@given(packages, st.randoms(use_true_random=False), st.integers(0, 180))
def test_order_within_scale_and_add_does_not_matter(
    items: list[policy.Adjustment], random: Any, month: int
) -> None:
    shuffled = list(items)
    random.shuffle(shuffled)
    assert close_terms(terms(expand(*items), month), terms(expand(*shuffled), month))


def test_set_comes_before_scale_and_scale_before_add() -> None:
    parts = [
        adjustment("open_own.price", add=7.0),
        adjustment("open_own.price", scale=3.0),
        adjustment("open_own.price", set=50.0),
    ]
    expected = 50.0 * 3.0 + 7.0
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]):
        found = terms(expand(*(parts[i] for i in order)), JANUARY_2027)
        assert (found.option["option.price"][:, 2] == expected).all()
        assert (found.option["option.price"][:, :2] == BASE["option.price"][:2]).all()


@given(packages, packages, st.integers(0, 180))
def test_concatenation_is_composition(
    first: list[policy.Adjustment], second: list[policy.Adjustment], month: int
) -> None:
    """The entries of both packages, in order; terms of the second start from the first's."""
    both = expand(*first, *second)
    assert [e for e in both.entries if e.instrument.startswith("test")] == list(both.entries)
    parts = expand(*first).entries + tuple(
        e.__class__(**{**e.__dict__, "instrument": f"test[{int(e.instrument[5:-1]) + len(first)}]"})
        for e in expand(*second).entries
    )
    assert both.entries == parts
    assert close_terms(terms(both, month), terms(policy.Package(parts), month))


@pytest.mark.parametrize("operation", ["scale", "add"])
@given(data_=st.data(), month=st.integers(0, 180))
def test_one_package_applied_to_the_terms_of_another(
    operation: str, data_: st.DataObject, month: int
) -> None:
    items = st.lists(adjustments((operation,), everywhere=True), max_size=3)
    first, second = data_.draw(items), data_.draw(items)
    after_first = {k: v[0] for k, v in terms(expand(*first), month).option.items()}
    in_turn = terms(expand(*second), month, base=after_first)
    at_once = terms(expand(*first, *second), month)
    for name in at_once.option:
        assert np.allclose(in_turn.option[name], at_once.option[name], rtol=1e-12, atol=1e-12)


# --- Dates and phase-in ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "reached"),
    [
        ({"add": 1200.0}, lambda s: BASE["option.compliance_cost"][1] + 1200.0 * s),
        ({"scale": 3.0}, lambda s: BASE["option.compliance_cost"][1] * (1.0 + 2.0 * s)),
        ({"set": 610.0}, lambda s: 10.0 + 600.0 * s),
    ],
)
def test_phase_in_is_linear(fields: dict[str, float], reached: Callable[[float], float]) -> None:
    package = expand(
        adjustment("open_hosted.compliance_cost", phase_in=12, until="2028-12", **fields)
    )
    for offset in range(-3, 30):
        strength = min(max(offset + 1, 0), 12) / 12 if offset < 24 else 0.0
        found = terms(package, JANUARY_2027 + offset).option["option.compliance_cost"]
        assert found[:, 1] == pytest.approx(reached(strength), rel=1e-12)
        assert (found[:, 0] == 0.0).all()


def test_first_and_last_month_are_in_force() -> None:
    package = expand(adjustment("hurdle.level", scale=2.0, until="2027-03"))
    levels = [terms(package, JANUARY_2027 + i).economy["hurdle.level"][0] for i in range(-1, 4)]
    assert levels == [1.0, 2.0, 2.0, 2.0, 1.0]


def test_an_end_before_the_beginning_is_refused() -> None:
    with pytest.raises(ValueError, match="'until' 2026-12 is before 'from' 2027-01"):
        adjustment("hurdle.level", scale=2.0, until="2026-12")


@pytest.mark.parametrize("fields", [{}, {"add": 1.0, "scale": 2.0}, {"set": 1.0, "add": 1.0}])
def test_exactly_one_operation(fields: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="exactly one of 'set', 'scale' and 'add' is needed"):
        policy.Adjustment.model_validate(
            {"term": "hurdle.level", "unit": "multiple", "from": "2027-01", **fields}
        )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_are_finite(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        adjustment("open.price", add=value)


# --- Where ----------------------------------------------------------------------------------------


@given(
    st.lists(st.sampled_from(data.MEMBER_STATES), max_size=3),
    st.lists(st.sampled_from(data.SECTORS), max_size=3),
    st.lists(st.sampled_from(["0-9", "10-49", "50-249", "250+"]), max_size=3),
)
def test_an_instrument_reaches_only_its_target(
    country: list[str], sector: list[str], size: list[str]
) -> None:
    where = {"country": country, "sector": sector, "size_class": size}
    package = expand(adjustment("considering.pace", scale=2.0, where=where))
    found = terms(package, JANUARY_2027).economy["considering.pace"]
    reached = np.array(
        [
            (not country or CELLS.countries[c] in country)
            and (not sector or CELLS.sectors[s] in sector)
            and (not size or CELLS.size_classes[z] in size)
            for c, s, z in zip(CELLS.country, CELLS.sector, CELLS.size, strict=True)
        ]
    )
    assert (found == np.where(reached, 2.0, 1.0)).all()


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"country": ["GR"]}, "unknown country 'GR'"),
        ({"sector": ["Z"]}, "unknown sector 'Z'"),
        ({"size_class": ["10-50"]}, "unknown size class '10-50'; did you mean '10-49'"),
        ({"region": ["EU27"]}, "region"),
    ],
)
def test_unknown_targets(where: dict[str, list[str]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        policy.Where.model_validate(where)


def test_supply_is_the_same_for_all() -> None:
    with pytest.raises(policy.PolicyError, match="is the same for all firms; remove 'where'"):
        expand(adjustment("supply.open_pool", scale=0.5, where={"country": ["DE"]}))


# --- Refusals -------------------------------------------------------------------------------------


def test_two_sets_on_one_term_are_refused_and_both_named() -> None:
    first = adjustment("open.price", set=100.0, until="2028-12")
    with pytest.raises(policy.PolicyError, match=r"'test\[1\]' and 'test\[2\]' both set") as caught:
        expand(first, adjustment("open_own.price", start="2028-06", set=120.0))
    assert "open_own.price" in str(caught.value) and "2028-06" in str(caught.value)
    # Other months, other firms, other options or other operations are no contradiction.
    expand(first, adjustment("open.price", start="2029-01", set=120.0))
    expand(first, adjustment("closed.price", set=120.0))
    expand(first, adjustment("open.price", scale=1.5), adjustment("open.price", add=5.0))
    small, large = ({"size_class": [s]} for s in ("0-9", "250+"))
    expand(
        adjustment("open.price", set=100.0, where=small),
        adjustment("open.price", set=120.0, where=large),
    )
    with pytest.raises(policy.PolicyError, match="both set"):
        expand(
            adjustment("open.price", set=100.0, where=small),
            adjustment("open.price", set=120.0, where={"country": ["DE"]}),
        )


@pytest.mark.parametrize(
    ("term", "fields", "unit", "expected"),
    [
        ("open.compliance_cost", {"add": 100.0}, "USD/firm/year", "EUR/firm/year"),
        ("open.compliance_cost", {"add": 100.0}, "EUR", "EUR/firm/year"),
        ("hurdle.level", {"scale": 2.0}, "percent", "multiple"),
    ],
)
def test_units_must_be_the_declared_ones(
    term: str, fields: dict[str, float], unit: str, expected: str
) -> None:
    item = policy.Adjustment.model_validate(
        {"term": term, "unit": unit, "from": "2027-01", **fields}
    )
    with pytest.raises(policy.PolicyError, match=f"unit of '{term}' is '{expected}', not '{unit}'"):
        expand(item)


def test_units_are_in_the_currency_of_the_region() -> None:
    item = policy.Adjustment.model_validate(
        {"term": "open.price", "unit": "USD/seat/year", "from": "2027-01", "add": 5.0}
    )
    assert policy.expand([("us", item)], KINDS, VALUES, "USD").entries
    with pytest.raises(policy.PolicyError, match="EUR/seat/year"):
        expand(item)


@pytest.mark.parametrize("value", [-1.0, 1e9])
def test_a_set_value_out_of_bounds(value: float) -> None:
    with pytest.raises(policy.PolicyError, match=r"test\[1\]: option.price: .* is outside"):
        expand(adjustment("open.price", set=value))


@pytest.mark.parametrize(
    ("term", "hint"),
    [
        ("open.prise", "open.price"),
        ("opn.price", "open.price"),
        ("hurdle.levle", "hurdle.level"),
        ("supply.opn_pool", "supply.open_pool"),
    ],
)
def test_unknown_terms_get_the_nearest_name(term: str, hint: str) -> None:
    item = policy.Adjustment.model_validate(
        {"term": term, "unit": "x", "from": "2027-01", "add": 1.0}
    )
    with pytest.raises(policy.PolicyError, match=f"unknown term '{term}'.*'{hint}'"):
        expand(item)


@pytest.mark.parametrize("term", ["choice.lambda", "economy.discount_rate", "benefit.saving"])
def test_policies_cannot_change_what_nobody_decides(term: str) -> None:
    item = policy.Adjustment.model_validate(
        {"term": term, "unit": "1", "from": "2027-01", "add": 0.1}
    )
    with pytest.raises(policy.PolicyError, match="not a lever: a policy cannot change it"):
        expand(item)


def test_bounds_hold_after_composition() -> None:
    """Each instrument alone is within bounds; together they are not, and both are named."""
    parts = [adjustment("supply.open_pool", scale=2.3), adjustment("supply.open_pool", scale=2.4)]
    for part in parts:
        terms(expand(part), JANUARY_2027)
    with pytest.raises(policy.PolicyError, match=r"outside 0 to 5: test\[1\], test\[2\]"):
        terms(expand(*parts), JANUARY_2027)
    terms(expand(*parts), JANUARY_2027 - 1)
    lower = expand(adjustment("open_hosted.compliance_cost", add=-11.0))
    with pytest.raises(policy.PolicyError, match=r"open_hosted\.compliance_cost' would be -1"):
        terms(lower, JANUARY_2027)


def test_a_package_that_leaves_bounds_is_refused_before_it_runs(
    build: Callable[..., Scenario],
) -> None:
    doubled = {"term": "supply.open_pool", "scale": 2.4, "unit": "multiple"}
    with pytest.raises(ScenarioError, match=r"2021-05.*test\[1\].*test\[2\]"):
        build("EU27", {**doubled, "from": "2021-03"}, {**doubled, "from": "2021-05"})


# --- In a run -------------------------------------------------------------------------------------


RunOnce = Callable[[Scenario], engine.Economy]


@pytest.fixture(scope="module")
def plain(build: Callable[..., Scenario], run: RunOnce) -> engine.Economy:
    return run(build())


def test_instruments_of_no_strength_leave_a_run_bit_identical(
    build: Callable[..., Scenario], plain: engine.Economy, differing_series: Any
) -> None:
    idle = [
        {"term": term, operation: value, "unit": unit, "from": "2021-01"}
        for term, unit in [
            ("open.price", "EUR/seat/year"),
            ("all.set_up_hours", "hours"),
            ("hurdle.level", "multiple"),
            ("considering.pace", "multiple"),
            ("supply.open_lag_change", "months"),
        ]
        for operation, value, unit in [("scale", 1.0, "multiple"), ("add", 0.0, unit)]
    ]
    targeted = {"term": "closed.price", "scale": 1.0, "unit": "multiple", "from": "2024-01"}
    targeted["where"] = {"country": ["DE"], "size_class": ["10-49"]}
    with_idle = engine.run(build("EU27", *idle, targeted))
    assert not differing_series(plain.record.series, with_idle.record.series)


def test_months_before_the_first_date_are_bit_identical(
    build: Callable[..., Scenario], ban: Callable[..., dict[str, Any]], plain: engine.Economy
) -> None:
    later = engine.run(
        build("EU27", ban("2025-03"), {"term": "open.price", "add": 10.0, "from": "2025-06",
                                       "unit": "EUR/seat/year"})
    )  # fmt: skip
    first = policy.month_index("2025-03")
    for key, series in plain.record.series.items():
        assert (series[:first] == later.record.series[key][:first]).all(), key
    assert (
        plain.record.series["general_users", "total"][first:]
        != later.record.series["general_users", "total"][first:]
    ).any()


# --- Vouchers -------------------------------------------------------------------------------------


def voucher(**fields: Any) -> dict[str, Any]:
    body = {"from": "2024-01", "rate": 0.5, "cap": 2_000.0, "budget": 1e12, "unit": "EUR"}
    return {"adoption_voucher": {**body, **fields}}


def spending(economy: engine.Economy) -> np.ndarray:
    """Vouchers paid in each month, currency."""
    return economy.record.series["public_spending", "total"][:, 0] / 12.0


def test_a_voucher_ends_when_its_budget_is_spent(
    build: Callable[..., Scenario], run: RunOnce
) -> None:
    unlimited = spending(run(build("EU27", voucher())))
    assert (unlimited[:36] == 0.0).all() and (unlimited[36:] > 0.0).mean() > 0.9
    for share in (0.1, 0.3, 0.37):
        budget = share * unlimited.sum()
        economy = run(build("EU27", voucher(budget=budget)))
        paid = spending(economy)
        # Every cent of the budget is paid, and not one more.
        assert paid.sum() == pytest.approx(budget, rel=1e-9)
        spent = int(np.flatnonzero(np.cumsum(paid) >= budget * (1.0 - 1e-9))[0])
        assert spent < 71, "the budget must run out within the run for this test"
        assert (paid[spent + 1 :] == 0.0).all()
        # Up to that month nothing differs from the unlimited voucher; then the offer ends.
        assert (paid[:spent] == unlimited[:spent]).all() and 0.0 < paid[spent] <= unlimited[spent]
        assert economy.spent == [budget]
        assert economy.offered is not None
        assert (economy.offered.voucher_rate == 0.0).all()
        assert (economy.offered.voucher_cap == 0.0).all()


def test_a_spent_budget_ends_the_offer_and_nothing_else() -> None:
    item = policy.INSTRUMENTS["adoption_voucher"].model_validate(voucher()["adoption_voucher"])
    package = expand(item, adjustment("hurdle.level", start="2024-01", scale=0.5))
    month = policy.month_index("2025-01")
    offered, ended = (terms(package, month, exhausted=(flag,)) for flag in (False, True))
    assert (offered.economy["voucher.rate"] == 0.5).all()
    assert (offered.economy["voucher.cap"] == 2000.0).all()
    assert (ended.economy["voucher.rate"] == 0.0).all()
    assert (ended.economy["voucher.cap"] == 0.0).all()
    assert (ended.economy["hurdle.level"] == 0.5).all()


def test_a_voucher_reaches_its_target_and_brings_users(
    build: Callable[..., Scenario], run: RunOnce
) -> None:
    small = {"size_class": ["10-49"], "country": ["DE"]}
    everywhere, none = run(build("EU27", voucher())), run(build())
    somewhere = run(build("EU27", voucher(where=small)))
    assert 0.0 < spending(somewhere).sum() < 0.2 * spending(everywhere).sum()
    users = [
        e.record.series["general_users", "total"][-1, 0] for e in (none, somewhere, everywhere)
    ]
    assert users[0] <= users[1] < users[2]
    # Firms outside the target are not touched: no country's neighbours change.
    place = CELLS.countries.index("FR")
    by_country = [e.record.series["general_users", "country"][:, place] for e in (none, somewhere)]
    assert (by_country[0] == by_country[1]).all()


def test_two_vouchers_with_budgets_of_their_own(build: Callable[..., Scenario]) -> None:
    first = voucher(where={"country": ["DE"]}, budget=1e6)
    second = voucher(where={"country": ["FR"]}, budget=1e12)
    economy = engine.run(build("EU27", first, second))
    one = spending(engine.run(build("EU27", second)))
    assert economy.spent[0] == pytest.approx(1e6, rel=1e-12)
    assert economy.spent[1] == pytest.approx(one.sum(), rel=1e-9)
    assert sum(economy.spent) == pytest.approx(spending(economy).sum(), rel=1e-9)


def test_vouchers_are_in_the_currency_of_the_region() -> None:
    item = policy.AdoptionVoucher.model_validate(voucher(unit="USD")["adoption_voucher"])
    with pytest.raises(policy.PolicyError, match="'EUR', not 'USD'"):
        expand(item)


# --- The ban --------------------------------------------------------------------------------------


def ban_terms(ban: Callable[..., dict[str, Any]], **changes: Any) -> policy.Terms:
    item = policy.OpenReleaseBan.model_validate(ban("2027-01", **changes)["open_release_ban"])
    return terms(expand(item), JANUARY_2027)


def availability(found: policy.Terms) -> list[float]:
    return [float(found.option["option.available"][0, k]) for k in range(3)]


def test_world_wide_withdrawal(ban: Callable[..., dict[str, Any]]) -> None:
    found = ban_terms(ban)
    assert availability(found) == [1.0, 0.0, 0.0]
    assert found.scalar("supply.open_frozen") == 1.0
    assert found.scalar("supply.open_pool") == 0.0
    assert found.scalar("supply.reentry_share") == 0.5


def test_a_domestic_release_ban_leaves_weights_from_elsewhere(
    ban: Callable[..., dict[str, Any]],
) -> None:
    for stock in ("withdrawn", "frozen"):
        found = ban_terms(ban, object=["release"], jurisdiction="domestic", existing_weights=stock)
        assert availability(found) == [1.0, 1.0, 1.0]
        assert found.scalar("supply.open_frozen") == 0.0
        share = 1.0 - VALUES["supply.domestic_pool_share"]
        assert found.scalar("supply.open_pool") == pytest.approx(share)


def test_frozen_weights_stay_in_use_and_stop_improving(ban: Callable[..., dict[str, Any]]) -> None:
    found = ban_terms(ban, object=["release"], existing_weights="frozen")
    assert availability(found) == [1.0, 1.0, 1.0]
    assert found.scalar("supply.open_frozen") == 1.0


def test_a_ban_on_hosting_leaves_local_copies(ban: Callable[..., dict[str, Any]]) -> None:
    found = ban_terms(ban, object=["hosting"], existing_weights="frozen")
    assert availability(found) == [1.0, 0.0, 1.0]
    assert found.scalar("supply.open_frozen") == 0.0
    assert found.scalar("supply.open_pool") == 1.0


def test_only_the_complying_give_up_local_copies(ban: Callable[..., dict[str, Any]]) -> None:
    for share in (0.0, 0.25, 1.0):
        found = ban_terms(ban, object=["use"], compliance_share=share)
        assert availability(found) == [1.0, 0.0, 1.0 - share]


def test_a_ban_must_state_itself() -> None:
    with pytest.raises(ValueError, match="jurisdiction"):
        policy.OpenReleaseBan.model_validate(
            {"from": "2027-01", "object": ["use"], "existing_weights": "frozen"}
        )
    with pytest.raises(ValueError, match="object"):
        policy.OpenReleaseBan.model_validate(
            {"from": "2027-01", "object": [], "jurisdiction": "world", "existing_weights": "frozen"}
        )


@pytest.fixture(scope="module")
def banned(
    build: Callable[..., Scenario], ban: Callable[..., dict[str, Any]]
) -> Callable[..., engine.Economy]:
    def run(**changes: Any) -> engine.Economy:
        return engine.run(build("EU27", ban("2025-01", **changes), rows=1200))

    return run


def option_users(economy: engine.Economy, option: str) -> np.ndarray:
    place = economy.bound.options.index(option)
    return economy.record.series["general_users", "option"][:, place]


def test_bans_in_a_run(banned: Callable[..., engine.Economy]) -> None:
    start, settled = policy.month_index("2025-01"), policy.month_index("2026-01")
    withdrawn = banned()
    series = withdrawn.record.series
    assert (series["open_users", "total"][settled - 1 :] == 0.0).all()
    assert series["open_users", "total"][start - 1] > 0.0
    assert (series["open_presence", "total"][start:] == 0.0).all()
    assert (series["closed_price_multiple", "total"][start:] > 1.0).all()

    frozen = banned(object=["release"], existing_weights="frozen")
    frontier = frozen.record.series["open_frontier", "total"][:, 0]
    assert (frontier[start:] == frontier[start - 1]).all()
    assert frozen.record.series["open_users", "total"][-1, 0] > 0.0
    assert (frozen.record.series["closed_price_multiple", "total"] == 1.0).all()

    domestic = banned(object=["release"], jurisdiction="domestic")
    there = domestic.record.series["open_frontier", "total"][:, 0]
    assert there[-1] > frontier[-1]
    assert domestic.record.series["open_users", "total"][-1, 0] > 0.0

    hosting = banned(object=["hosting"], existing_weights="frozen")
    assert (option_users(hosting, "open_hosted")[settled - 1 :] == 0.0).all()
    assert option_users(hosting, "open_own")[-1] > 0.0

    half = banned(object=["use"], compliance_share=0.5)
    assert (option_users(half, "open_hosted")[settled - 1 :] == 0.0).all()
    kept = option_users(half, "open_own")[-1]
    nobody = banned(object=["use"], compliance_share=0.0)
    assert 0.0 < kept < option_users(nobody, "open_own")[-1]


def test_an_ended_ban_lets_open_models_return(
    banned: Callable[..., engine.Economy],
) -> None:
    repealed = banned(until="2025-12")
    series = repealed.record.series
    end = policy.month_index("2026-01")
    assert (series["open_presence", "total"][end:] == 1.0).all()
    assert (series["closed_price_multiple", "total"][end:] == 1.0).all()
    assert series["open_users", "total"][end - 1, 0] == 0.0
    assert series["open_users", "total"][-1, 0] > 0.0


# --- Thresholds -----------------------------------------------------------------------------------


def test_capability_thresholds_in_scores_and_compute() -> None:
    """January 2024 is month 36; scores and compute are read back from the capability."""
    assert policy.capability_at_score(86.0, 86.0, 0.07) == pytest.approx(36.0)
    for score in (50.0, 70.0, 95.0):
        month = policy.capability_at_score(score, 86.0, 0.07)
        odds = np.exp(np.log(86.0 / 14.0) + 0.07 * (month - 36.0))
        assert 100.0 * odds / (1.0 + odds) == pytest.approx(score)
    assert policy.capability_at_compute(10**25.3, 25.3, 0.7) == pytest.approx(36.0)
    assert policy.capability_at_compute(1e26, 25.3, 0.7) == pytest.approx(48.0)


# --- Every named instrument does something --------------------------------------------------------

#: An example of each named instrument (without its date), and what it needs beside it.
Example = tuple[dict[str, Any], list[dict[str, Any]], dict[str, float]]
DUTY = {
    "obligations": {"from": "2024-01", "per_base_model": 3e7, "per_variant": 5e3, "unit": "EUR"}
}
COST = {"term": "open.compliance_cost", "add": 900.0, "unit": "EUR/firm/year", "from": "2024-01"}
EXAMPLES: dict[str, Example] = {
    "open_release_ban": (
        {"object": ["use"], "jurisdiction": "world", "existing_weights": "withdrawn"}, [], {}
    ),
    "licensing": ({"score": 70.0, "delay_open": 12.0, "unit": "EUR"}, [], {}),
    "obligations": ({"per_base_model": 1e7, "per_variant": 2e3, "unit": "EUR"}, [], {}),
    "open_exemption": ({"share": 1.0, "compute": 1e28}, [DUTY], {}),
    "risk_proportionate_duties": ({"cost_by_tier": [0.0, 500.0, 5000.0], "unit": "EUR"}, [], {}),
    "upstream_liability": ({"per_base_model": 1e7, "per_variant": 2e3, "unit": "EUR"}, [], {}),
    "misallocated_responsibility": ({"share": 0.5}, [COST], {}),
    "public_compute": (
        {"budget": 1e9, "per_year": 2e8, "lag_reduction": 2.0, "hosting_price_cut": 0.3,
         "unit": "EUR"}, [], {},
    ),
    "open_model_programme": (
        {"budget": 1e9, "per_year": 2e8, "fit_gain": 0.2, "unit": "EUR"}, [], {}
    ),
    "sandbox": ({"risk_cut": 0.3}, [], {}),
    "evaluation_standards": ({"risk_cut": 0.3}, [], {}),
    "adoption_voucher": ({"rate": 0.8, "cap": 3e3, "budget": 1e11, "unit": "EUR"}, [], {}),
    "skills_programme": ({"maturity_gain": 0.3, "considering_pace": 1.5, "unit": "EUR"}, [], {}),
    "data_protection": ({"exposure_cut": 0.8}, [], {}),
    "portability": ({"switching_cost_cut": 1.0}, [], {"choice.switching_cost": 300.0}),
    "supplier_shock": ({"options": "closed", "price_rise": 1.0}, [], {}),
    "misuse_cost": ({"options": "open", "per_firm": 100.0, "unit": "EUR"}, [], {}),
}  # fmt: skip


def test_every_named_instrument_has_an_example() -> None:
    assert set(EXAMPLES) == set(policy.INSTRUMENTS)


@pytest.mark.parametrize("name", sorted(policy.INSTRUMENTS))
def test_every_named_instrument_moves_some_outcome(
    name: str, build: Callable[..., Scenario], run: RunOnce, differing_series: Any
) -> None:
    body, beside, values = EXAMPLES[name]
    short = {"parameters": values, "last": "2025-12"}
    without = run(build("EU27", *beside, **short))
    having = run(build("EU27", *beside, {name: {"from": "2024-03", **body}}, **short))
    moved = differing_series(without.record.series, having.record.series)
    assert moved
    start = policy.month_index("2024-03")
    for key, series in without.record.series.items():
        assert (series[:start] == having.record.series[key][:start]).all(), key


def test_misuse_is_shown_beside_gdp_and_not_in_it(
    build: Callable[..., Scenario], run: RunOnce, differing_series: Any
) -> None:
    body = {"from": "2024-03", **EXAMPLES["misuse_cost"][0]}
    having = run(build("EU27", {"misuse_cost": body}, last="2025-12"))
    without = run(build(last="2025-12"))
    assert differing_series(without.record.series, having.record.series) == ["misuse_cost by total"]
    assert having.record.series["misuse_cost", "total"][-1, 0] > 0.0


def test_a_programme_ends_when_its_budget_is_spent(build: Callable[..., Scenario]) -> None:
    body = {"from": "2024-01", "budget": 3e8, "per_year": 2e8, "lag_reduction": 2.0, "unit": "EUR"}
    economy = engine.run(build("EU27", {"public_compute": body}))
    yearly = economy.record.series["public_spending", "total"][:, 0]
    assert yearly[36:54].tolist() == [2e8] * 18
    assert (yearly[:36] == 0.0).all() and (yearly[54:] == 0.0).all()
    assert yearly.sum() / 12.0 == pytest.approx(3e8)


def test_a_sandbox_cuts_what_others_add() -> None:
    """Whatever the order of the file: half of the base and of the added duty."""
    sandbox = policy.INSTRUMENTS["sandbox"].model_validate(
        {"from": "2027-01", "compliance_cut": 0.5}
    )
    duty = adjustment("open_hosted.compliance_cost", add=100.0)
    for order in ([sandbox, duty], [duty, sandbox]):
        found = terms(expand(*order), JANUARY_2027).option["option.compliance_cost"]
        assert found[:, 1] == pytest.approx(0.5 * (BASE["option.compliance_cost"][1] + 100.0))


def test_a_threshold_is_not_phased_in() -> None:
    """Half a licence is half the delay, never a threshold half-way to nowhere."""
    body = {"from": "2027-01", "phase_in": 12, "score": 70.0, "delay_open": 12.0, "unit": "EUR"}
    licence = policy.INSTRUMENTS["licensing"].model_validate(body)
    first, last = (terms(expand(licence), JANUARY_2027 + m) for m in (0, 11))
    assert first.scalar("supply.licence_threshold") == last.scalar("supply.licence_threshold")
    assert first.scalar("supply.licence_delay_open") == pytest.approx(1.0)
    assert last.scalar("supply.licence_delay_open") == 12.0


def test_an_exemption_needs_something_to_lift() -> None:
    exemption = policy.OpenExemption.model_validate({"from": "2027-01"})
    with pytest.raises(policy.PolicyError, match="exemption without an obligation"):
        expand(exemption)


def test_risk_tiers_are_sectors() -> None:
    item = policy.RiskProportionateDuties.model_validate(
        {"from": "2027-01", "cost_by_tier": [1.0, 20.0, 300.0], "unit": "EUR", "options": "open"}
    )
    found = terms(expand(item), JANUARY_2027).option["option.compliance_cost"][:, 2]
    tiers = data.sectors_by_tier()
    for tier, cost in enumerate((1.0, 20.0, 300.0)):
        here = np.isin(np.array(CELLS.sectors)[CELLS.sector], tiers[tier])
        assert here.any()
        assert (found[here] == cost).all()


def test_bound_masks_cover_every_target(build: Callable[..., Scenario]) -> None:
    bound = setting.bind(build("EU27", voucher(where={"country": ["DE"]}), DUTY))
    assert {e.where for e in bound.scenario.package.entries} == set(bound.masks)
    assert isinstance(bound.scenario, scenario.Scenario)
