r"""Nash-Bertrand prices of closed suppliers: a structural alternative, not the model's prices.

The model takes prices as inputs with evidence.  This module asks what a pricing game would say
instead: closed suppliers, one option each, set prices against each other and against an open
fringe priced at cost; firms choose by the model's own nested logit (one nest of AI options,
dissimilarity :math:`\lambda`, "no AI" outside with utility 0).

.. math::
    s_j = r_j S,\quad r_j = \frac{e^{V_j/\lambda}}{\sum_k e^{V_k/\lambda}},\quad
    S = \frac{e^{I}}{1 + e^{I}},\quad I = \lambda \ln \sum_k e^{V_k/\lambda}

Price enters utility in one of two forms: ``log``, :math:`V_j = a_j - \beta \ln p_j`, or
``linear``, :math:`V_j = a_j - \alpha p_j`.  Each supplier maximises :math:`(p_j - c_j) s_j`:

.. math::
    \text{log: } \frac{p_j - c_j}{p_j}\,\beta E_j = 1,\qquad
    \text{linear: } (p_j - c_j)\,\alpha E_j = 1,\qquad
    E_j = \frac{1 - r_j}{\lambda} + r_j (1 - S)

The left side rises in a supplier's own price, so one solution is its best answer; the solution of
all is unique (Mizuno 2003; Nocke and Schutz 2018).  Without the open fringe little but the form
bounds a price: elasticity rises with price in the linear form and does not in the log form.
That the two disagree by orders of magnitude on the same data is the result.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from econsim import draws

Form = Literal["log", "linear"]
FORMS: tuple[Form, Form] = ("log", "linear")

#: Largest residual of a first-order condition (dimensionless) that counts as solved.
TOLERANCE = 1e-8
#: Residual at which the quick solver's answer is taken as it is.
_QUICK = 1e-11


class NoEquilibriumError(ValueError):
    """No finite prices satisfy the first-order conditions: demand is too inelastic."""


@dataclass(frozen=True)
class Market:
    r"""Closed suppliers, an open fringe, and how firms choose among them.

    Attributes:
        form: how price enters utility.
        sensitivity: :math:`\beta` (log form, elasticity) or :math:`\alpha` (linear form, per unit
            of currency); positive.
        dissimilarity: :math:`\lambda` in (0, 1].
        quality: utility of each closed option before its price, ``ndarray[closed]``.
        cost: marginal cost of a closed user, currency, ``ndarray[closed]``; positive.
        open_quality: of each open option, ``ndarray[open]``; may be empty.
        open_cost: price, equal to cost, of each open option, currency, ``ndarray[open]``.
    """

    form: Form
    sensitivity: float
    dissimilarity: float
    quality: np.ndarray
    cost: np.ndarray
    open_quality: np.ndarray
    open_cost: np.ndarray

    def __post_init__(self) -> None:
        for name in ("quality", "cost", "open_quality", "open_cost"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        if self.form not in FORMS:
            raise ValueError(f"unknown form '{self.form}': log or linear")
        if not (np.isfinite(self.sensitivity) and self.sensitivity > 0.0):
            raise ValueError(f"sensitivity {self.sensitivity} is not positive")
        if not 0.0 < self.dissimilarity <= 1.0:
            raise ValueError(f"dissimilarity {self.dissimilarity} is outside (0, 1]")
        if self.quality.ndim != 1 or not len(self.quality) or len(self.quality) != len(self.cost):
            raise ValueError("quality and cost need one value for each closed supplier")
        if len(self.open_quality) != len(self.open_cost):
            raise ValueError("open_quality and open_cost need one value for each open option")
        if (self.cost <= 0.0).any() or (self.open_cost <= 0.0).any():
            raise ValueError("costs must be positive")

    def without_open(self) -> Market:
        """The same closed suppliers with no open fringe."""
        return replace(self, open_quality=np.zeros(0), open_cost=np.zeros(0))

    def price_utility(self, price: np.ndarray) -> np.ndarray:
        """What price adds to utility: ``-sensitivity * ln p`` or ``-sensitivity * p``."""
        return -self.sensitivity * (np.log(price) if self.form == "log" else price)


@dataclass(frozen=True)
class Shares:
    """Shares of all firms, at given closed prices.

    Attributes:
        closed, open: ``ndarray[closed]`` and ``ndarray[open]``, shares of all firms.
        within: ``ndarray[closed]``, closed shares of AI users.
        none: share that uses no AI.
    """

    closed: np.ndarray
    open: np.ndarray
    within: np.ndarray
    none: float

    @property
    def use(self) -> float:
        """Share that uses AI."""
        return 1.0 - self.none


def shares(market: Market, price: np.ndarray) -> Shares:
    """Nested logit shares at closed prices ``ndarray[closed]``; open options cost what they cost.

    Args:
        market: the market.
        price: of closed options, currency.
    """
    closed = market.quality + market.price_utility(price)
    fringe = market.open_quality + market.price_utility(market.open_cost)
    scaled = np.concatenate([closed, fringe]) / market.dissimilarity
    top = scaled.max()
    weight = np.exp(scaled - top)
    total = weight.sum()
    inclusive = market.dissimilarity * (top + np.log(total))
    none = float(np.exp(-np.logaddexp(0.0, inclusive)))
    use = float(np.exp(-np.logaddexp(0.0, -inclusive)))
    within = weight / total
    count = len(closed)
    return Shares(within[:count] * use, within[count:] * use, within[:count], none)


def residuals(market: Market, price: np.ndarray) -> np.ndarray:
    """First-order conditions less 1, dimensionless, ``ndarray[closed]``; zero at equilibrium.

    Args:
        market: the market.
        price: of closed options, currency.
    """
    return _margin(market, price - market.cost, price) * _elasticity(market, price) - 1.0


def _margin(market: Market, above_cost: np.ndarray, price: np.ndarray) -> np.ndarray:
    scale = market.sensitivity * above_cost
    return scale / price if market.form == "log" else scale


def _elasticity(market: Market, price: np.ndarray) -> np.ndarray:
    """``E_j``: how a closed option's log share falls in its own utility."""
    found = shares(market, price)
    return (1.0 - found.within) / market.dissimilarity + found.within * found.none


@dataclass(frozen=True)
class Equilibrium:
    """Prices at which no closed supplier wants to move.

    Attributes:
        market: the market.
        price: ``ndarray[closed]``, currency.
        shares: at these prices.
        residual: largest residual of the first-order conditions, dimensionless.
    """

    market: Market
    price: np.ndarray
    shares: Shares
    residual: float

    @property
    def price_over_cost(self) -> np.ndarray:
        """``ndarray[closed]``."""
        return self.price / self.market.cost


def exists(market: Market) -> bool:
    r"""Whether finite equilibrium prices exist.

    Always in the linear form.  In the log form an option's elasticity stays below
    :math:`\beta / \lambda`, which must exceed 1; and without open options all closed prices may
    rise together, which ends only if :math:`\beta (N - 1 + \lambda) > N \lambda` for ``N``
    suppliers (a monopolist: :math:`\beta > 1`).
    """
    if market.form == "linear":
        return True
    beta, dissimilarity, count = market.sensitivity, market.dissimilarity, len(market.quality)
    if beta <= dissimilarity:
        return False
    if len(market.open_quality):
        return True
    return beta * (count - 1.0 + dissimilarity) > count * dissimilarity


def solve(market: Market) -> Equilibrium:
    """Nash-Bertrand prices.

    First ``scipy.optimize.root`` on the log of each mark-up; if that fails, a nested search that
    cannot: for a given inclusive value each price is found by bisection, and the inclusive value
    that these prices imply is matched by another.

    Raises:
        NoEquilibriumError: no finite prices exist, or (a defect) none was found.
    """
    from scipy.optimize import root

    if not exists(market):
        raise NoEquilibriumError(
            f"log form: elasticity {market.sensitivity:g} is too low for finite prices with "
            f"{len(market.quality)} closed supplier(s), dissimilarity {market.dissimilarity:g} "
            f"and {len(market.open_quality)} open option(s)"
        )

    def conditions(log_markup: np.ndarray) -> np.ndarray:
        above, price = _prices(market, np.exp(np.clip(log_markup, -700.0, 6.0)))
        return np.log(_margin(market, above, price)) + np.log(_elasticity(market, price))

    # Start where each supplier's elasticity is the one it has when all sell at cost.
    start = 1.0 / np.maximum(_elasticity(market, market.cost), 1e-3)
    if market.form == "log":
        start = np.log1p(start / market.sensitivity)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        quick = root(conditions, np.log(start), method="hybr", options={"xtol": 1e-14})
        _, price = _prices(market, np.exp(np.clip(quick.x, -700.0, 6.0)))
        worst = _worst(market, price)
    if not worst <= _QUICK:
        second = _nested_search(market)
        other = _worst(market, second)
        if not worst <= other:
            price, worst = second, other
    if not worst <= TOLERANCE:
        raise NoEquilibriumError(f"no prices found: worst residual {worst:.1e} of {market}")
    return Equilibrium(market, price, shares(market, price), worst)


def _prices(market: Market, markup: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mark-up variable to (price above cost, price).

    Linear form: sensitivity times price above cost.  Log form: log of price over cost.
    """
    if market.form == "linear":
        above = markup / market.sensitivity
    else:
        above = market.cost * np.expm1(markup)
    return above, market.cost + above


def _worst(market: Market, price: np.ndarray) -> float:
    if not np.isfinite(price).all():
        return float("inf")
    value = float(np.abs(residuals(market, price)).max())
    return value if np.isfinite(value) else float("inf")


def _nested_search(market: Market) -> np.ndarray:
    r"""Prices by two nested bracketed searches.

    Given :math:`H = \sum_k e^{V_k/\lambda}`, the condition of supplier j is
    :math:`m_j [1/\lambda - k_j e^{-b u_j}] = 1`, increasing in its mark-up ``u_j``; and the sum
    that these prices imply, over ``H``, falls in ``H``.
    """
    from scipy.optimize import brentq

    dissimilarity, sensitivity = market.dissimilarity, market.sensitivity
    linear = market.form == "linear"
    slope = (1.0 if linear else sensitivity) / dissimilarity
    at_cost = (market.quality + market.price_utility(market.cost)) / dissimilarity
    fringe = (market.open_quality + market.price_utility(market.open_cost)) / dissimilarity
    log_open = float(np.logaddexp.reduce(fringe)) if len(fringe) else -np.inf

    def markups(log_sum: float) -> np.ndarray:
        inclusive = dissimilarity * log_sum
        use = np.exp(-np.logaddexp(0.0, -inclusive))
        pull = (1.0 - dissimilarity) / dissimilarity + use
        found = []
        for value in at_cost:
            log_pull = value - log_sum + np.log(pull)

            def condition(u: float, log_pull: float = log_pull) -> float:
                margin = u if linear else -sensitivity * np.expm1(-u)
                return float(margin * (1.0 / dissimilarity - np.exp(log_pull - slope * u)) - 1.0)

            low = max(0.0, (log_pull + np.log(dissimilarity)) / slope)
            high = low + 1.0
            while condition(high) < 0.0 and high < 1e6:
                high = 2.0 * high
            found.append(brentq(condition, low, high, xtol=1e-15, rtol=8.9e-16, maxiter=300))
        return np.array(found)

    def excess(log_sum: float) -> float:
        implied = np.logaddexp.reduce(np.append(at_cost - slope * markups(log_sum), log_open))
        return float(implied - log_sum)

    high = float(np.logaddexp.reduce(np.append(at_cost, log_open))) + 1e-9
    low = log_open if np.isfinite(log_open) else high - 1.0
    step = 1.0
    while excess(low) < 0.0:
        low -= step
        step *= 2.0
        if step > 1e8:
            raise NoEquilibriumError("no finite prices bring demand and mark-ups together")
    log_sum = brentq(excess, low, high, xtol=1e-14, rtol=8.9e-16, maxiter=300)
    return _prices(market, markups(log_sum))[1]


# --- What the model would take from it --------------------------------------------------------


def observed_market(
    form: Form,
    *,
    use: float,
    open_share: float,
    closed_suppliers: int,
    price_elasticity: float,
    dissimilarity: float,
    price: float = 1.0,
) -> Market:
    r"""The market whose equilibrium is what is observed.

    Equal closed suppliers sell at ``price``; quality follows from shares (Berry 1994) and cost
    from the first-order condition.  Both forms have the same elasticity at today's price, so that
    they differ in form only: :math:`\alpha = \beta / p`.

    Args:
        form: of price in utility.
        use: share of considering firms that use AI, in (0, 1).
        open_share: share of users on open options, in (0, 1).
        closed_suppliers: number of closed suppliers.
        price_elasticity: :math:`\beta`, elasticity of an option's odds to its price today.
        dissimilarity: :math:`\lambda`.
        price: closed price today, currency.

    Raises:
        NoEquilibriumError: at this elasticity no positive cost makes today's price a best answer.
    """
    if not (0.0 < use < 1.0 and 0.0 < open_share < 1.0):
        raise ValueError("use and open_share must lie between 0 and 1")
    if closed_suppliers < 1 or price <= 0.0:
        raise ValueError("closed_suppliers must be at least 1 and price positive")
    within = (1.0 - open_share) / closed_suppliers
    elasticity = price_elasticity * ((1.0 - within) / dissimilarity + within * (1.0 - use))
    if elasticity <= 1.0:
        raise NoEquilibriumError(
            f"own-price elasticity {elasticity:.2f} of a closed supplier is not above 1: today's "
            "price cannot be a best answer"
        )
    sensitivity = price_elasticity if form == "log" else price_elasticity / price
    level = np.log(use / (1.0 - use))
    closed_utility = level + dissimilarity * np.log(within)
    open_utility = level + dissimilarity * np.log(open_share)
    paid = -sensitivity * (np.log(price) if form == "log" else price)
    return Market(
        form=form,
        sensitivity=sensitivity,
        dissimilarity=dissimilarity,
        quality=np.full(closed_suppliers, closed_utility - paid),
        cost=np.full(closed_suppliers, price * (1.0 - 1.0 / elasticity)),
        # Only the utility of the fringe matters: its price, its cost, does not move.
        open_quality=np.array([open_utility - paid]),
        open_cost=np.array([price]),
    )


def closed_price_response(
    form: Form,
    *,
    use: float,
    open_share: float,
    closed_suppliers: int,
    price_elasticity: float,
    dissimilarity: float,
) -> float:
    """Rise of the closed price when all open options leave: an alternative parameter value.

    What the game implies for the parameter ``supply.price_response``, as a share; a scenario may
    set it under ``parameters:`` as long as it lies within that parameter's bounds (0 to 1).
    Infinite if without open options no finite price is a best answer.  Arguments as in
    :func:`observed_market`.

    Raises:
        NoEquilibriumError: today's price cannot be a best answer at this elasticity.
    """
    market = observed_market(
        form,
        use=use,
        open_share=open_share,
        closed_suppliers=closed_suppliers,
        price_elasticity=price_elasticity,
        dissimilarity=dissimilarity,
    )
    if not exists(market.without_open()):
        return float("inf")
    return float(solve(market.without_open()).price.mean() / solve(market).price.mean() - 1.0)


# --- Robustness -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Benchmark:
    """How the solver did on random markets, each with and without its open fringe.

    Attributes:
        markets: parameter sets.
        solved: equilibria found (two per set).
        failures: equilibria not found.
        worst: largest residual of all, dimensionless.
        seconds: wall time.
    """

    markets: int
    solved: int
    failures: int
    worst: float
    seconds: float


def random_markets(count: int, seed: int = 1) -> Iterator[Market]:
    """Markets with addressed luck, log and linear in turn; every one has an equilibrium.

    One to six closed suppliers and one to four open options; dissimilarity 0.1 to 1; elasticity
    1.05 to 6 (log), 0.3 to 6 at mean cost (linear); costs 0.2 to 5, open ones 0.05 to 5;
    qualities so that use runs from nearly none to nearly all.
    """
    width = 24
    table = draws.uniforms(seed, "bertrand markets", count * width).reshape(count, width)
    for number, u in enumerate(table):
        form = FORMS[number % 2]
        closed, fringe = 1 + int(6 * u[0]), 1 + int(4 * u[1])
        cost = 0.2 * 25.0 ** u[2 : 2 + closed]
        open_cost = 0.05 * 100.0 ** u[8 : 8 + fringe]
        if form == "log":
            sensitivity = 1.05 + 4.95 * u[22]
        else:
            sensitivity = float((0.3 + 5.7 * u[22]) / cost.mean())
        yield Market(
            form=form,
            sensitivity=float(sensitivity),
            dissimilarity=float(0.1 + 0.9 * u[23]),
            quality=-4.0 + 12.0 * u[12 : 12 + closed],
            cost=cost,
            open_quality=-4.0 + 12.0 * u[18 : 18 + fringe],
            open_cost=open_cost,
        )


def benchmark(count: int = 10_000, seed: int = 1) -> Benchmark:
    """Solve ``count`` random markets, each with and without open options."""
    started = time.perf_counter()
    solved = failures = 0
    worst = 0.0
    for market in random_markets(count, seed):
        for variant in (market, market.without_open()):
            try:
                worst = max(worst, solve(variant).residual)
                solved += 1
            except NoEquilibriumError:
                failures += 1
    return Benchmark(count, solved, failures, worst, time.perf_counter() - started)


def comparison(elasticities: Sequence[float], **market: Any) -> list[dict[str, float]]:
    """What each form says when open leaves, by price elasticity: the form decides.

    Args:
        elasticities: values of ``price_elasticity``.
        market: the other arguments of :func:`observed_market`, except ``form``.

    Returns:
        One record per elasticity: ``elasticity``, then for each form ``*_price_over_cost``
        without open options and ``*_rise`` of the closed price (share); infinite or not a number
        where no finite price, or no price at all, is a best answer.
    """
    records = []
    for elasticity in elasticities:
        record = {"elasticity": float(elasticity)}
        for form in FORMS:
            over_cost = rise = float("nan")
            try:
                today = observed_market(form, price_elasticity=elasticity, **market)
                rise = over_cost = float("inf")
                alone = solve(today.without_open())
                over_cost = float(alone.price_over_cost.mean())
                rise = float(alone.price.mean() / solve(today).price.mean() - 1.0)
            except NoEquilibriumError:
                pass
            record[f"{form}_price_over_cost"] = over_cost
            record[f"{form}_rise"] = rise
        records.append(record)
    return records
