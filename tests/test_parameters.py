"""The registry of parameters: bounded, sourced, and every one of them alive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from econsim import engine, meanfield, parameters, population
from econsim.experiments import simulation
from econsim.parameters import Parameter, ParameterError
from econsim.results import compare
from econsim.scenario import Scenario

Build = Callable[..., Scenario]
RunOnce = Callable[[Scenario], engine.Economy]

FREE = {**parameters.UNCERTAINTIES, **parameters.CONSTANTS}
EVERY = sorted(parameters.PARAMETERS)

# --- The registry ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_every_parameter_is_bounded_and_sourced(name: str) -> None:
    parameter = parameters.PARAMETERS[name]
    assert parameter.name == name and name.count(".") == 1
    assert parameter.low <= parameter.default <= parameter.high
    assert parameter.low < parameter.high and np.isfinite([parameter.low, parameter.high]).all()
    assert parameter.unit.strip()
    assert parameter.definition.rstrip().endswith(".") and len(parameter.definition) > 20
    assert parameter.source.strip()
    assert parameter.kind in ("uncertainty", "constant", "lever")


def test_the_kinds_are_disjoint() -> None:
    tables = (parameters.UNCERTAINTIES, parameters.CONSTANTS, parameters.LEVERS)
    for table in tables:
        labels = [p.label for p in table.values()]
        assert len(set(labels)) == len(labels)  # two rows of a figure never read alike
        assert all(3 <= len(text) <= 38 and text == text.strip() for text in labels)
    assert sum(len(t) for t in tables) == len(parameters.PARAMETERS)
    for table, kind in zip(tables, ("uncertainty", "constant", "lever"), strict=True):
        assert {p.kind for p in table.values()} == {kind}
    assert not set(parameters.RETIRED) & set(parameters.PARAMETERS)


@given(st.sampled_from(EVERY), st.floats(allow_nan=True, allow_infinity=True))
def test_values_out_of_bounds_are_refused(name: str, value: float) -> None:
    parameter = parameters.get(name)
    if parameter.low <= value <= parameter.high:
        assert parameter.check(value) == value
    else:
        with pytest.raises(ParameterError, match=name):
            parameter.check(value)


@pytest.mark.parametrize("value", [True, "0.5", None, [0.5], np.array(0.5), 1j])
def test_what_is_not_a_number_is_refused(value: Any) -> None:
    with pytest.raises(ParameterError, match="expected a number"):
        parameters.get("choice.lambda").check(value)


def test_whole_numbers_are_numbers() -> None:
    assert parameters.get("choice.lambda").check(1) == 1.0


@given(st.sampled_from(EVERY), st.data())
def test_a_mistyped_name_gets_its_nearest(name: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(name) - 1))
    wrong = name[:place] + name[place + 1 :]
    if wrong in parameters.PARAMETERS:
        return
    with pytest.raises(ParameterError, match=r"unknown parameter '.*'; did you mean '"):
        parameters.get(wrong)


def test_a_retired_name_explains_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(parameters.RETIRED, "old.name", "write choice.lambda instead")
    with pytest.raises(ParameterError, match=r"'old\.name' is retired: write choice\.lambda"):
        parameters.get("old.name")


def test_resolving() -> None:
    values = parameters.resolve({})
    assert values == {n: p.default for n, p in FREE.items()}
    changed = parameters.resolve({"choice.lambda": 0.9})
    assert changed["choice.lambda"] == 0.9
    assert {n: v for n, v in changed.items() if values[n] != v} == {"choice.lambda": 0.9}
    with pytest.raises(ParameterError, match="is a lever: change it with an instrument"):
        parameters.resolve({"hurdle.level": 0.5})


def test_levers_of_options_need_a_scope() -> None:
    options = ("closed_api", "open_own")
    for scope in (*options, *parameters.OPTION_GROUPS):
        lever, found = parameters.lever(f"{scope}.price", options)
        assert lever is parameters.LEVERS["option.price"] and found == scope
    assert parameters.lever("hurdle.level", options)[1] is None
    for term in ("option.price", "nobody.price", "open.prices", "price", ""):
        with pytest.raises(ParameterError, match="unknown term"):
            parameters.lever(term, options)


# --- Alive ----------------------------------------------------------------------------------------

#: The world in which parameters are moved: open models leave in mid-2024.
WITHDRAWAL = {
    "open_release_ban": {
        "from": "2024-06",
        "object": ["release", "hosting", "use"],
        "jurisdiction": "world",
        "existing_weights": "withdrawn",
        "reentry_share": 0.5,
    }
}
DUTIES = {
    "obligations": {"from": "2024-02", "per_base_model": 4e6, "per_variant": 900.0, "unit": "EUR"}
}
LICENCE = {"from": "2024-02", "delay_open": 12.0, "refusal_share": 0.5, "unit": "EUR"}
COMPLIANCE = {
    "term": "open.compliance_cost", "add": 500.0, "unit": "EUR/firm/year", "from": "2024-02"
}  # fmt: skip


def adjust(term: str, operation: str, value: float, start: str = "2024-02") -> dict[str, Any]:
    """A generic instrument; the unit is looked up."""
    attribute = term.partition(".")[2]
    name = term if term in parameters.LEVERS else f"option.{attribute}"
    unit = "multiple" if operation == "scale" else parameters.LEVERS[name].unit
    return {"term": term, operation: value, "unit": unit, "from": start}


#: Parameters that matter only under another policy, or beside another parameter.
CONTEXT: dict[str, dict[str, Any]] = {
    "supply.domestic_pool_share": {
        "instruments": [
            {
                "open_release_ban": {
                    **WITHDRAWAL["open_release_ban"],
                    "object": ["release"],
                    "jurisdiction": "domestic",
                }
            }
        ]
    },
    "supply.pool_recovery": {
        "instruments": [
            {"open_release_ban": {**WITHDRAWAL["open_release_ban"], "until": "2024-09"}}
        ]
    },
    "supply.pool_elasticity": {"instruments": [adjust("supply.open_pool", "scale", 0.4)]},
    "supply.lag_pool_elasticity": {"instruments": [adjust("supply.open_pool", "scale", 0.4)]},
    "supply.fit_pool_elasticity": {"instruments": [adjust("supply.open_pool", "scale", 0.4)]},
    "supply.silencing": {"instruments": [DUTIES]},
    "supply.base_budget": {"instruments": [DUTIES]},
    "supply.base_budget_spread": {"instruments": [DUTIES]},
    "supply.variant_budget": {"instruments": [DUTIES]},
    "supply.variant_budget_spread": {"instruments": [DUTIES]},
    "supply.deployed_share": {
        "instruments": [{"obligations": {**DUTIES["obligations"], "scope": "deployed"}}]
    },
    "supply.deployers_per_variant": {
        "instruments": [
            COMPLIANCE, {"misallocated_responsibility": {"from": "2024-02", "share": 0.5}}
        ]
    },
    "supply.score_2024": {"instruments": [{"licensing": {**LICENCE, "score": 80.0}}]},
    "supply.score_slope": {"instruments": [{"licensing": {**LICENCE, "score": 80.0}}]},
    "supply.compute_2024": {"instruments": [{"licensing": {**LICENCE, "compute": 1e25}}]},
    "supply.compute_growth": {"instruments": [{"licensing": {**LICENCE, "compute": 1e25}}]},
    "accounts.marginal_cost_of_funds": {
        "instruments": [adjust("public.programme", "add", 1e9)]
    },
    "accounts.capital_share": {"parameters": {"accounts.capital_deepening": 1.0}},
    # Without capital deepening the three shares only say what consumption is not.
    "economy.investment_share": {"parameters": {"accounts.capital_deepening": 1.0}},
    "openness.data_fit": {"instruments": [adjust("open.data_openness", "set", 0.9)]},
    "openness.code_trust": {"instruments": [adjust("open.code_openness", "set", 0.9)]},
    "survey.us_reporting_share": {"region": "US"},
}  # fmt: skip


def context(name: str) -> dict[str, Any]:
    return {
        "region": "EU27",
        "instruments": [WITHDRAWAL],
        "parameters": {},
        **CONTEXT.get(name, {}),
    }


def world(build: Build, given_: dict[str, Any], **values: float) -> Scenario:
    return build(
        given_["region"],
        *given_["instruments"],
        parameters={**given_["parameters"], **values},
        last="2025-06",
        rows=population.MINIMUM_ROWS,
    )


def moves(parameter: Parameter, start: float) -> Iterator[float]:
    """Values within bounds: half-way, all the way, then nearer ones if those cannot be run."""
    for share in (0.5, 1.0, 0.2, 0.05, 0.01):
        for bound in (parameter.high, parameter.low):
            value = bound if share == 1.0 else start + share * (bound - start)
            if value != start:
                yield value


def moved(first: engine.Economy, second: engine.Economy) -> list[str]:
    """Recorded outcomes, and solved constants, that differ by more than rounding."""
    found = []
    for key, series in first.record.series.items():
        other = second.record.series[key]
        scale = max(np.abs(series).max(), np.abs(other).max())
        if np.abs(series - other).max() > 1e-9 * scale:
            found.append(f"{key[0]} by {key[1]}")
    if np.abs(first.bound.tastes - second.bound.tastes).max() > 1e-8:
        found.append("constants of the options")
    return found


#: The discount rate moves no month, only cumulative figures (tests/test_headline.py).
PROBED = sorted(set(FREE) - {"economy.discount_rate"})


@pytest.mark.parametrize("name", PROBED)
def test_every_uncertainty_and_constant_is_alive(name: str, build: Build, run: RunOnce) -> None:
    given_ = context(name)
    base = run(world(build, given_))
    start = base.scenario.values[name]
    tried, refused = [], []
    for value in moves(parameters.get(name), start):
        try:
            changed = engine.run(world(build, given_, **{name: value}))
        except meanfield.MeanFieldError as error:
            # The survey cannot be reproduced with a value this extreme.
            refused.append(f"{value:g}: {error}")
            continue
        tried.append(value)
        if moved(base, changed):
            return
    pytest.fail(f"{name} is inert: {start:g} -> {tried} moves nothing (refused: {refused})")


def test_the_discount_rate_is_alive(build: Build) -> None:
    """It moves no series, only sums over years."""
    runs = simulation.simulate(
        build(last="2024-12"),
        build("EU27", WITHDRAWAL, last="2024-12"),
        replicates=2,
        workers=1,
    )
    against = compare(runs[1], runs[0])
    sums = [against.cumulative("gdp", 2021, 2024, rate).mean for rate in (0.0, 0.03, 0.15)]
    yearly = [against.difference("gdp", year).mean for year in range(2021, 2025)]
    assert yearly[3] != 0.0
    assert sums[0] == pytest.approx(sum(yearly))
    for rate, found in zip((0.03, 0.15), sums[1:], strict=True):
        assert found == pytest.approx(sum(y / (1.0 + rate) ** i for i, y in enumerate(yearly)))


#: How each lever is moved, and what it needs beside it.
VOUCHER_RATE = adjust("voucher.rate", "set", 0.5)
VOUCHER_CAP = adjust("voucher.cap", "set", 4000.0)
THRESHOLD = adjust("supply.licence_threshold", "set", 20.0)
EXEMPTION = {"open_exemption": {"from": "2024-02"}}
DUTY = adjust("supply.base_duty", "set", 4e6)
LEVER_MOVES: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "considering.pace": (adjust("considering.pace", "scale", 2.0), []),
    "firms.maturity": (adjust("firms.maturity", "add", 0.5), []),
    "hurdle.level": (adjust("hurdle.level", "scale", 0.5), []),
    "supply.frontier_pace": (adjust("supply.frontier_pace", "scale", 0.5), []),
    "supply.open_lag_change": (adjust("supply.open_lag_change", "add", 12.0), []),
    "supply.open_pool": (adjust("supply.open_pool", "scale", 0.3), []),
    "supply.open_frozen": (adjust("supply.open_frozen", "set", 1.0), []),
    "supply.reentry_share": (
        adjust("supply.reentry_share", "set", 1.0), [adjust("open.available", "set", 0.0)]
    ),
    "supply.base_duty": (DUTY, []),
    "supply.variant_duty": (adjust("supply.variant_duty", "set", 900.0), []),
    "supply.duty_threshold": (adjust("supply.duty_threshold", "set", 1000.0), [DUTY]),
    "supply.duty_scope": (adjust("supply.duty_scope", "set", 0.1), [DUTY]),
    "supply.exemption": (
        adjust("supply.exemption", "set", 1.0),
        [DUTY, adjust("supply.systemic_threshold", "set", 1000.0)],
    ),
    "supply.systemic_threshold": (
        adjust("supply.systemic_threshold", "set", 1000.0),
        [DUTY, adjust("supply.exemption", "set", 1.0)],
    ),
    "supply.upstream_share": (adjust("supply.upstream_share", "set", 0.5), [COMPLIANCE]),
    "supply.licence_threshold": (THRESHOLD, [adjust("supply.licence_delay_open", "set", 12.0)]),
    "supply.licence_cost": (adjust("supply.licence_cost", "set", 4e6), [THRESHOLD]),
    "supply.licence_delay_open": (adjust("supply.licence_delay_open", "set", 12.0), [THRESHOLD]),
    "supply.licence_delay_closed": (
        adjust("supply.licence_delay_closed", "set", 12.0), [THRESHOLD]
    ),
    "supply.licence_refusal": (adjust("supply.licence_refusal", "set", 0.8), [THRESHOLD]),
    "public.programme": (adjust("public.programme", "set", 1e9), []),
    "firms.switching_cost": (adjust("firms.switching_cost", "set", 0.0), []),
    "voucher.rate": (VOUCHER_RATE, [VOUCHER_CAP]),
    "voucher.cap": (VOUCHER_CAP, [VOUCHER_RATE]),
    "option.available": (adjust("open.available", "set", 0.5), []),
    "option.price": (adjust("closed.price", "scale", 1.5), []),
    "option.price_subsidy": (adjust("closed.price_subsidy", "set", 0.5), []),
    "option.foreign_share": (adjust("closed.foreign_share", "set", 0.2), []),
    "option.set_up_hours": (adjust("all.set_up_hours", "scale", 0.5), []),
    "option.hosting_cost": (adjust("open_own.hosting_cost", "add", 500.0), []),
    "option.hardware_cost": (adjust("open_own.hardware_cost", "add", 2000.0), []),
    "option.compliance_cost": (adjust("open.compliance_cost", "add", 500.0), []),
    "option.misuse_cost": (adjust("open.misuse_cost", "add", 50.0), []),
    "option.perceived_risk": (adjust("all.perceived_risk", "add", 0.5), []),
    "option.confidentiality_exposure": (adjust("all.confidentiality_exposure", "scale", 0.1), []),
    "option.dependence_exposure": (adjust("all.dependence_exposure", "scale", 0.1), []),
    "option.fit": (adjust("open.fit", "scale", 1.3), []),
    "option.licence_openness": (adjust("open.licence_openness", "scale", 0.2), []),
    "option.data_openness": (adjust("open.data_openness", "set", 0.9), []),
    "option.code_openness": (adjust("open.code_openness", "set", 0.9), []),
    "option.capability_lag": (adjust("closed_api.capability_lag", "add", 12.0), []),
}  # fmt: skip
LEVER_VALUES = {"firms.switching_cost": {"choice.switching_cost": 300.0}}


def test_every_lever_has_a_test() -> None:
    assert set(LEVER_MOVES) == set(parameters.LEVERS)


@pytest.mark.parametrize("name", sorted(LEVER_MOVES))
def test_every_lever_is_alive(name: str, build: Build, run: RunOnce) -> None:
    instrument, beside = LEVER_MOVES[name]
    values = LEVER_VALUES.get(name, {})
    short = {"parameters": values, "last": "2025-06"}
    without = run(build("EU27", *beside, **short))
    having = run(build("EU27", *beside, instrument, **short))
    assert {e.lever for e in having.scenario.package.entries} >= {name}
    assert moved(without, having), f"{name} is inert"
    # Levers are policy: what they move is the run, never the solved constants.
    assert (without.bound.tastes == having.bound.tastes).all()


def test_the_switch_of_first_order_gains(build: Build, run: RunOnce) -> None:
    """-ln(1 - s) against s: first-order books less, and moves no decision."""
    second = run(build(last="2025-06"))
    first = run(build(last="2025-06", parameters={"accounts.first_order": 1.0}))
    users = [e.record.series["general_users", "total"] for e in (second, first)]
    assert (users[0] == users[1]).all()
    gains = [
        (e.record.series["gdp", "total"] - e.record.series["baseline_gdp", "total"])[-1, 0]
        for e in (second, first)
    ]
    assert gains[1] < gains[0]
