"""Nash-Bertrand prices: known solutions, residuals, comparative statics, the form decides."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import lambertw

from econsim import parameters
from econsim.experiments import bertrand
from econsim.experiments.bertrand import Form, Market


def market(form: Form, closed: int = 3, fringe: int = 2, **changes: Any) -> Market:
    given: dict[str, Any] = {
        "form": form,
        "sensitivity": 2.0,
        "dissimilarity": 0.5,
        "quality": np.linspace(1.0, 2.0, closed),
        "cost": np.linspace(0.8, 1.5, closed),
        "open_quality": np.linspace(0.0, 0.5, fringe),
        "open_cost": np.full(fringe, 0.3),
    }
    return Market(**{**given, **changes})


@pytest.mark.parametrize("sensitivity", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("quality", [-3.0, 1.0, 12.0])
def test_monopoly_in_the_linear_form_is_lambert(sensitivity: float, quality: float) -> None:
    """One option, simple logit: ``alpha (p - c) = 1 + W(exp(a - alpha c - 1))``."""
    found = bertrand.solve(
        market(
            "linear", 1, 0, sensitivity=sensitivity, quality=[quality], cost=[2.0],
            dissimilarity=0.7,
        )
    )  # fmt: skip
    expected = 1.0 + lambertw(np.exp(quality - sensitivity * 2.0 - 1.0)).real
    assert sensitivity * (found.price[0] - 2.0) == pytest.approx(expected, rel=1e-9)


def test_symmetric_suppliers_in_the_linear_form() -> None:
    """Equal suppliers charge one price; with a hopeless outside it is ``N lambda / (N - 1)``.

    With everybody using AI, ``E = (1 - 1/N) / lambda``, so ``alpha (p - c) = lambda N / (N - 1)``.
    """
    many = market("linear", 4, 0, quality=np.full(4, 60.0), cost=np.ones(4), sensitivity=3.0)
    found = bertrand.solve(many)
    assert np.ptp(found.price) < 1e-10
    assert 3.0 * (found.price[0] - 1.0) == pytest.approx(0.5 * 4.0 / 3.0, rel=1e-9)


def test_symmetric_suppliers_in_the_log_form() -> None:
    """The same limit: ``(p - c) / p = lambda N / (beta (N - 1))``."""
    many = market("log", 4, 0, quality=np.full(4, 60.0), cost=np.full(4, 7.0), sensitivity=3.0)
    found = bertrand.solve(many)
    assert 1.0 - 1.0 / found.price_over_cost == pytest.approx(0.5 * 4.0 / (3.0 * 3.0), rel=1e-9)


def test_nobody_buys_limit() -> None:
    """A tiny supplier faces elasticity ``1 / lambda`` within the nest."""
    tiny = market("linear", 1, 1, quality=[-40.0], cost=[1.0], sensitivity=2.0)
    assert 2.0 * (bertrand.solve(tiny).price[0] - 1.0) == pytest.approx(0.5, rel=1e-9)


@pytest.mark.parametrize("form", bertrand.FORMS)
def test_no_supplier_can_gain(form: Form) -> None:
    """Profit of each at its price, against a search over its own prices."""
    given = market(form)
    found = bertrand.solve(given)
    for j in range(3):

        def loss(price: float, j: int = j) -> float:
            prices = found.price.copy()
            prices[j] = price
            return -float((price - given.cost[j]) * bertrand.shares(given, prices).closed[j])

        best = minimize_scalar(
            loss, bounds=(given.cost[j], 20.0), method="bounded", options={"xatol": 1e-9}
        )
        assert found.price[j] == pytest.approx(best.x, rel=1e-5)


def test_random_markets_are_solved() -> None:
    found = bertrand.benchmark(300, seed=11)
    assert (found.markets, found.solved, found.failures) == (300, 600, 0)
    assert found.worst < 1e-8


def test_comparative_statics_on_random_markets() -> None:
    """Never below cost; no price falls when the open fringe leaves; shares add up."""
    for given in bertrand.random_markets(80, seed=5):
        with_open = bertrand.solve(given)
        alone = bertrand.solve(given.without_open())
        assert (with_open.price > given.cost).all()
        assert (alone.price >= with_open.price * (1.0 - 1e-9)).all()
        total = with_open.shares.closed.sum() + with_open.shares.open.sum() + with_open.shares.none
        assert total == pytest.approx(1.0, abs=1e-12)
        assert with_open.shares.use >= alone.shares.use - 1e-12


@pytest.mark.parametrize("form", bertrand.FORMS)
def test_leaving_open_options_raise_prices_strictly(form: Form) -> None:
    prices = [
        bertrand.solve(market(form, open_quality=np.full(2, q))).price for q in (1.0, 0.0, -2.0)
    ]
    prices.append(bertrand.solve(market(form).without_open()).price)
    for lower, higher in pairwise(prices):
        assert (higher > lower).all()


@pytest.mark.parametrize("form", bertrand.FORMS)
def test_both_solvers_agree(form: Form) -> None:
    given = market(form)
    slow = bertrand._nested_search(given)
    np.testing.assert_allclose(slow, bertrand.solve(given).price, rtol=1e-9)
    alone = given.without_open()
    np.testing.assert_allclose(
        bertrand._nested_search(alone), bertrand.solve(alone).price, rtol=1e-9
    )


def test_inelastic_demand_has_no_equilibrium() -> None:
    monopoly = market("log", 1, 0, sensitivity=0.9)
    assert not bertrand.exists(monopoly)
    with pytest.raises(bertrand.NoEquilibriumError, match="too low"):
        bertrand.solve(monopoly)
    # An open option bounds the price; so does competition among closed suppliers.
    assert bertrand.solve(market("log", 1, 1, sensitivity=0.9)).residual < 1e-8
    assert bertrand.solve(market("log", 3, 0, sensitivity=0.9)).residual < 1e-8
    assert bertrand.exists(replace(monopoly, form="linear"))


@pytest.mark.parametrize("form", bertrand.FORMS)
def test_observed_market_reproduces_what_is_observed(form: Form) -> None:
    observed = bertrand.observed_market(
        form, use=0.3, open_share=0.2, closed_suppliers=2, price_elasticity=1.5,
        dissimilarity=0.4, price=7.0,
    )  # fmt: skip
    found = bertrand.solve(observed)
    np.testing.assert_allclose(found.price, 7.0, rtol=1e-9)
    assert found.shares.use == pytest.approx(0.3, rel=1e-9)
    assert found.shares.open[0] / found.shares.use == pytest.approx(0.2, rel=1e-9)


ONE_SUPPLIER: dict[str, Any] = {"use": 0.2, "open_share": 0.15, "dissimilarity": 0.5}


def test_the_form_decides() -> None:
    """Same shares, same elasticity today: a multiple in logs, some percent in levels."""
    record = bertrand.comparison([1.1], closed_suppliers=1, **ONE_SUPPLIER)[0]
    assert record["log_rise"] > 1.5 > 0.2 > record["linear_rise"] > 0.1
    assert record["log_price_over_cost"] > 2.0 * record["linear_price_over_cost"]


def test_closed_price_response_is_a_value_for_the_parameter() -> None:
    bounds = parameters.get("supply.price_response")
    for form in bertrand.FORMS:
        response = bertrand.closed_price_response(
            form, closed_suppliers=3, price_elasticity=1.5, **ONE_SUPPLIER
        )
        assert bounds.low < response < bounds.high
    # Below unit elasticity no finite price ends the log form's rise for a lone supplier.
    alone = {"use": 0.2, "open_share": 0.6, "dissimilarity": 0.2}
    assert bertrand.closed_price_response(
        "log", closed_suppliers=1, price_elasticity=0.9, **alone
    ) == float("inf")
    with pytest.raises(bertrand.NoEquilibriumError, match="best answer"):
        bertrand.closed_price_response(
            "log", closed_suppliers=1, price_elasticity=0.5, **ONE_SUPPLIER
        )


@pytest.mark.parametrize(
    "changes",
    [
        {"form": "cubic"},
        {"sensitivity": 0.0},
        {"dissimilarity": 1.2},
        {"cost": [-1.0, 1.0, 1.0]},
        {"quality": [1.0]},
        {"open_cost": [1.0]},
    ],
)
def test_wrong_markets_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        replace(market("log"), **changes)
