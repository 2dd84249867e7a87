"""The ledger and the accounts: GDP three ways, national income, surplus, identities.

Every flow of a month is one posting with two legs in one double-entry ledger; GDP by production,
by income and by expenditure are three readings of it.  Amounts come from the rules
(:class:`Flows`), never from another side's residual.  Flows are real: prices of 2024, AI services
at their reference prices, so that a price change that only moves rents is an income flow (terms of
trade or a transfer), not a volume.

Shadow costs (confidentiality, dependence, perceived risk, the hurdle except its real share) are
never booked.  Aggregate labour is fixed: hours of set-up, compliance and AI supply are taken from
other output.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from types import EllipsisType
from typing import Any

import numpy as np

from econsim.arithmetic import exp, log, where

RULES = ("gross_gain",)

ACCOUNTS = ("firms", "ai_suppliers", "rest", "households", "government", "world")
PRODUCERS = ("firms", "ai_suppliers", "rest")
#: Relative precision of every identity.
TOLERANCE = 1e-9

#: A float, or ``ndarray[lanes]``: one number for each of many runs that are closed together.
Number = Any
#: Where a leg of a posting stands: account, side, item.
Place = tuple[str, str, str]


class LedgerError(AssertionError):
    """An accounting identity does not hold: a defect of the model."""


def gross_gain(saving, first_order):
    r"""Output-augmenting productivity of a realised saving share ``s``: ``-ln(1 - s)``.

    ``first_order`` books ``s`` itself (the replicated papers do).
    """
    return where(first_order > 0.5, saving, -log(np.maximum(1.0 - saving, 1e-12)))


@dataclass(frozen=True)
class Channels:
    """Channels that are off by default; each is a switch whose limit is no effect.

    Attributes:
        capital_deepening: 0 to 1; capital follows persistent net productivity, up to the
            multiplier ``1 / (1 - capital share)``; the investment is taken from consumption.
        capital_share: of output.
        substitution: elasticity of substitution across sectors; 1 is Hulten's aggregation, below
            1 the slow sectors weigh more (Baumol).
        reallocation: elasticity of labour to firms' productivity within sectors; 0 is none.

    Each is a float, or ``ndarray[lanes]``: a channel may be on in some lanes only.
    """

    capital_deepening: Number = 0.0
    capital_share: Number = 0.43
    substitution: Number = 1.0
    reallocation: Number = 0.0


@dataclass(frozen=True)
class Flows:
    """What the rules say happens in a month, currency per month.

    Arrays are ``ndarray[..., cells]``: ``[cells]`` for one run, ``[lanes, cells]`` for many that
    are closed together, each to the bits it has alone.  With lanes a number is a float, the same
    for all, or ``ndarray[lanes]``.

    Attributes:
        baseline: value added of firms without general-purpose AI.
        baseline_rest: value added of the rest of the economy, ``ndarray[..., countries]``.
        gain: output gained by realised savings (before second-order terms).
        hours: set-up, compliance and the real share of the hurdle, valued at labour cost.
        services_domestic, services_foreign: AI services and hosting bought, reference prices.
        hardware: hardware bought (imported, investment).
        rents_foreign: payments to foreign suppliers above reference prices.
        rents_domestic: the same to resident suppliers (a transfer).
        vouchers: paid by the government (a transfer).
        labour_share: of value added; ``ndarray[cells]`` when it is the same in all lanes.
        mark_up_share: share of resident suppliers' receipts that is mark-up.
        shares: (household, government, investment) shares of baseline GDP.
        rest_labour_share: labour share of the rest of the economy.
        programme: public spending on programmes; bought from the rest of the economy instead of
            household consumption.
        cost_of_funds: marginal cost of public funds; what exceeds 1 is output lost in the rest
            of the economy.
        transitory: part of ``hours`` that is spent once (set-up); no capital follows it.
        sector: ``ndarray[cells]``, sector of each cell, in all lanes (needed by the channel across
            sectors).
        within_variance: variance of log productivity within sectors, weighted by value added
            over GDP (needed by reallocation).
        channels: structural channels beyond Hulten's aggregation; all off by default.
    """

    baseline: np.ndarray
    baseline_rest: np.ndarray
    gain: np.ndarray
    hours: np.ndarray
    services_domestic: np.ndarray
    services_foreign: np.ndarray
    hardware: np.ndarray
    rents_foreign: np.ndarray
    rents_domestic: np.ndarray
    vouchers: np.ndarray
    labour_share: np.ndarray
    mark_up_share: Number
    shares: tuple[Number, Number, Number]
    rest_labour_share: Number
    programme: Number = 0.0
    cost_of_funds: Number = 1.0
    transitory: np.ndarray | None = None
    sector: np.ndarray | None = None
    within_variance: Number = 0.0
    channels: Channels = field(default_factory=Channels)


def same_suppliers(
    flows: Flows, other: Flows | None, lane: np.ndarray | EllipsisType = ...
) -> Flows:
    """Flows with payments to suppliers, by residence, taken from another run.

    Args:
        flows: ``ndarray[..., cells]``.
        other: the other run, or the other runs in lanes; ``flows`` itself when one of its lanes is
            the other run.
        lane: ``ndarray[lanes]``, the lane of ``other`` that each lane of ``flows`` takes them from;
            when not given, the same lane, or the one run that ``other`` is.
    """
    if other is None:
        return flows
    names = (
        "services_domestic", "services_foreign", "hardware", "rents_foreign", "rents_domestic",
    )  # fmt: skip
    shape = flows.baseline.shape
    taken: dict[str, Any] = {
        name: np.broadcast_to(getattr(other, name)[lane], shape) for name in names
    }
    return replace(flows, **taken)


def lane_of(flows: Flows, lane: int) -> Flows:
    """The flows of one lane of ``[lanes, cells]``, without the axis of lanes."""

    def of(value: Any) -> Any:
        return value[lane] if isinstance(value, np.ndarray) else value

    shared = ("labour_share", "sector")
    taken: dict[str, Any] = {
        f.name: of(getattr(flows, f.name)) for f in fields(flows) if f.name not in shared
    }
    taken["shares"] = tuple(of(share) for share in flows.shares)
    channels = {f.name: of(getattr(flows.channels, f.name)) for f in fields(flows.channels)}
    taken["channels"] = Channels(**channels)
    if flows.labour_share.ndim > 1:
        taken["labour_share"] = flows.labour_share[lane]
    return replace(flows, **taken)


@dataclass(frozen=True)
class Leg:
    """One side of a posting: an account uses or receives an amount of an item."""

    account: str
    side: str
    item: str
    amount: Number


class Ledger:
    """The legs of a month's postings, in order; two legs make a posting.

    Places and amounts are kept apart: every month has the same places, so that what is summed in
    an identity is looked up once, and only amounts are new.

    Attributes:
        places: (account, side, item) of each leg.
        amounts: of each leg, currency per month.
    """

    def __init__(self, legs: Iterable[Leg] = ()) -> None:
        self.places: list[Place] = []
        self.amounts: list[Number] = []
        for leg in legs:
            self.places.append((leg.account, leg.side, leg.item))
            self.amounts.append(leg.amount)

    @property
    def legs(self) -> list[Leg]:
        """The legs, each with its place and amount."""
        return [Leg(*p, amount) for p, amount in zip(self.places, self.amounts, strict=True)]

    def post(self, item: str, payer: str, payee: str, amount: Number) -> None:
        """One flow from ``payer`` to ``payee``."""
        self.places += (payer, "use", item), (payee, "resource", item)
        self.amounts += amount, amount

    def total(self, side: str, items: tuple[str, ...], accounts: tuple[str, ...]) -> Number:
        """Sum of the legs of one side, of given items, in given accounts."""
        total: Number = 0.0
        for position in _positions(self.places, side, items, accounts):
            # sum() rounds differently from Python 3.12 on
            total = total + self.amounts[position]
        return total


def _positions(
    places: Iterable[Place], side: str, items: tuple[str, ...], accounts: tuple[str, ...]
) -> list[int]:
    """Positions of the legs of one side, of given items, in given accounts."""
    return [
        position
        for position, (account, its_side, item) in enumerate(places)
        if its_side == side and item in items and account in accounts
    ]


#: Items that buy final goods and services.
_FINAL = ("consumption", "government", "investment", "exports")


@dataclass(frozen=True)
class Month:
    """The closed accounts of a month; its numbers are floats, or ``ndarray[lanes]`` if flows are.

    Attributes:
        gdp, gni, consumption: currency per month, 2024 prices.
        baseline_gdp: GDP without general-purpose AI.
        value_added: of firms by cell (their part of GDP), ``ndarray[..., cells]``.
        contribution: ``ndarray[..., cells]``, each cell's part of ``gdp - baseline_gdp``, including
            the labour that its suppliers take from the rest of the economy.
        funds: output lost to the marginal cost of public funds (not in any cell).
        productivity: log change of total factor productivity.
        rest_value_added: of the rest of the economy and AI suppliers, total.
        imports_ai: AI services and hardware bought abroad.
        hours: set-up, compliance and the real share of the hurdle.
        rents_domestic: payments to resident suppliers above reference prices.
        worst: largest relative error of the identities.
        ledger: the postings.
        book: the amounts of all flows from the rules, before they were posted.
    """

    gdp: Number
    gni: Number
    consumption: Number
    baseline_gdp: Number
    value_added: np.ndarray
    contribution: np.ndarray
    funds: Number
    productivity: Number
    rest_value_added: Number
    imports_ai: Number
    hours: Number
    rents_domestic: Number
    worst: Number
    ledger: Ledger
    book: dict[str, Number]


def close(flows: Flows) -> Month:
    r"""Book a month and close its accounts.

    .. math:: \ln\frac{GDP}{GDP_0} = \sum_i \frac{VA_i}{GDP_0}
              \left[-\ln(1 - s_i) - \frac{resources_i + imports_i}{VA_i}\right]

    and what the structural channels add (:class:`Channels`).  What exceeds the sum of the
    contributions (second order, channels) is spread over the gross gains.

    Raises:
        LedgerError: an identity is broken by more than :data:`TOLERANCE` of GDP.
    """
    # Arrays are changed in place: with many lanes new memory costs more than arithmetic.
    costs = _by_cell(1.0 - flows.mark_up_share) * flows.services_domestic
    supplier_labour = _sum(costs)
    costs += flows.hours
    costs += flows.services_foreign
    baseline_rest = _sum(flows.baseline_rest)
    baseline_gdp = _sum(flows.baseline) + baseline_rest
    funds = (flows.cost_of_funds - 1.0) * (_sum(flows.vouchers) + flows.programme)
    net, productivity = _aggregate(flows, flows.gain - costs, funds, baseline_rest, baseline_gdp)
    change = _number(baseline_gdp * (exp(net) - 1.0))
    gross = _sum(flows.gain)
    some = np.greater(gross, 0.0)
    # Without gains there is nothing to spread: the factor is one.
    stretch = np.where(some, change + _sum(costs) + funds, 1.0) / np.where(some, gross, 1.0)
    contribution = flows.gain * _by_cell(stretch)
    value_added = flows.baseline + contribution
    contribution -= costs
    value_added -= flows.hours
    output = _sum(value_added)
    value_added -= flows.services_domestic + flows.services_foreign

    rest_output = baseline_rest - supplier_labour - funds
    deepened = flows.channels.capital_deepening * _number(np.maximum(change, 0.0))
    book = _book(flows, output, value_added, rest_output, supplier_labour, baseline_gdp, deepened)
    ledger = _post(book)
    _, worst = check(ledger, book)
    gdp = book["value_added"]
    return Month(
        gdp=gdp,
        gni=gdp - book["rents_foreign"],
        consumption=book["consumption"],
        baseline_gdp=baseline_gdp,
        value_added=value_added,
        contribution=contribution,
        funds=funds,
        productivity=productivity,
        rest_value_added=rest_output + book["services_domestic"],
        imports_ai=book["services_foreign"] + book["hardware"],
        hours=_sum(flows.hours),
        rents_domestic=book["rents_domestic"],
        worst=worst,
        ledger=ledger,
        book=book,
    )


def _number(values: Any) -> Number:
    """A float for one run, ``ndarray[lanes]`` for many."""
    return values if values.ndim else float(values)


def _sum(values: np.ndarray) -> Number:
    """Sum over cells, the last axis, of ``ndarray[..., cells]``.

    NumPy sums each contiguous row pairwise: a lane is rounded as it is alone.
    """
    return _number(np.add.reduce(np.ascontiguousarray(values), axis=-1))


def _by_cell(number: Number) -> np.ndarray:
    """A number of each lane, to be spread over its cells: ``ndarray[..., 1]``."""
    return np.asarray(number)[..., None]


def _by_sector(sector: np.ndarray, values: np.ndarray, rest: Number) -> np.ndarray:
    """Sums of ``ndarray[..., cells]`` by sector and, last, the rest of the economy.

    Bins are filled cell after cell and each lane has its own: ``ndarray[..., sectors + 1]``.
    """
    lanes, count = values.reshape(-1, values.shape[-1]), int(sector.max()) + 1
    bins = sector + count * np.arange(len(lanes))[:, None]
    sums = np.bincount(bins.ravel(), weights=lanes.ravel(), minlength=count * len(lanes))
    return np.concatenate([sums.reshape(*values.shape[:-1], count), _by_cell(rest)], axis=-1)


def _aggregate(
    flows: Flows,
    contribution: np.ndarray,
    funds: Number,
    baseline_rest: Number,
    baseline_gdp: Number,
) -> tuple[Number, Number]:
    r"""Log change of GDP and of productivity.

    Hulten: ``sum of contributions / GDP``.  Across sectors with elasticity sigma,
    ``ln(sum_s w_s exp((sigma - 1) z_s)) / (sigma - 1)`` with ``z_s`` the log productivity of
    sector s; reallocation adds ``elasticity / 2 * variance within sectors``; capital multiplies
    the persistent part.
    """
    channels = flows.channels
    net = (_sum(contribution) - funds) / baseline_gdp
    power = channels.substitution - 1.0
    uneven = np.abs(power) > 1e-9
    if flows.sector is not None and uneven.any():
        power = np.where(uneven, power, 1.0)  # elsewhere any number: net stays as it is
        base = _by_sector(flows.sector, flows.baseline, baseline_rest)
        gain = _by_sector(flows.sector, contribution, -funds)
        change = np.divide(gain, base, out=np.zeros_like(gain), where=base > 0.0)
        weighed = base / _by_cell(baseline_gdp) * exp(_by_cell(power) * change)
        net = _number(np.where(uneven, log(_sum(weighed)) / power, net))
    net = net + 0.5 * channels.reallocation * flows.within_variance
    productivity = net
    once = 0.0 if flows.transitory is None else _sum(flows.transitory) / baseline_gdp
    persistent = _number(np.maximum(net + once, 0.0))
    share = _number(np.where(channels.capital_deepening > 0.0, channels.capital_share, 0.0))
    return net + channels.capital_deepening * (share / (1.0 - share)) * persistent, productivity


def _book(
    flows: Flows,
    output: Number,
    value_added: np.ndarray,
    rest_output: Number,
    supplier_labour: Number,
    baseline_gdp: Number,
    deepened: Number,
) -> dict[str, Number]:
    """Amounts of all flows of the month from the rules, currency per month.

    ``deepened`` is the part of the GDP gain that capital follows: it needs the baseline's
    investment share, out of consumption.
    """
    households, government, investment = flows.shares
    book = {
        name: _sum(getattr(flows, name))
        for name in (
            "services_domestic", "services_foreign", "hardware", "rents_foreign",
            "rents_domestic", "vouchers",
        )
    }  # fmt: skip
    net_exports = 1.0 - households - government - investment
    book["output_firms"] = output
    book["output_rest"] = rest_output
    book["value_added"] = _sum(value_added) + book["services_domestic"] + rest_output
    book["government"] = government * baseline_gdp + flows.programme
    book["investment_domestic"] = investment * (baseline_gdp + deepened)
    book["imports_consumer"] = _number(np.maximum(-net_exports, 0.0)) * baseline_gdp
    # Exports pay for AI imports and for rents abroad: no part of a gain is borrowed.
    book["exports"] = (
        _number(np.maximum(net_exports, 0.0)) * baseline_gdp
        + book["services_foreign"]
        + book["hardware"]
        + book["rents_foreign"]
    )
    book["wages_firms"] = _sum(flows.labour_share * value_added)
    book["wages_suppliers"] = supplier_labour
    book["wages_rest"] = flows.rest_labour_share * rest_output
    book["profits_firms"] = (
        _sum((1.0 - flows.labour_share) * value_added)
        + book["vouchers"]
        - book["rents_foreign"]
        - book["rents_domestic"]
    )
    book["profits_suppliers"] = (
        flows.mark_up_share * book["services_domestic"] + book["rents_domestic"]
    )
    book["profits_rest"] = (1.0 - flows.rest_labour_share) * rest_output
    book["taxes"] = book["government"] + book["vouchers"]
    book["investment_finance"] = book["investment_domestic"] + book["hardware"]
    book["net_lending"] = net_exports * baseline_gdp
    income: Number = 0.0
    for kind in ("wages", "profits"):
        for producer in ("firms", "suppliers", "rest"):
            income += book[f"{kind}_{producer}"]
    # Households spend what they do not save: investment finance and lending abroad.
    book["consumption"] = income - book["taxes"] - book["investment_finance"] - book["net_lending"]
    return book


def _post(book: dict[str, Number]) -> Ledger:
    """Post a month.  Final sales are shared by the two producers as their final output."""
    ledger = Ledger()
    post = ledger.post
    output = book["output_firms"] + book["output_rest"]
    firms = book["output_firms"] / output
    domestic_consumption = book["consumption"] - book["imports_consumer"]
    for producer, share in (("firms", firms), ("rest", 1.0 - firms)):
        post("consumption", "households", producer, share * domestic_consumption)
        post("government", "government", producer, share * book["government"])
        post("investment", "firms", producer, share * book["investment_domestic"])
        post("exports", "world", producer, share * book["exports"])
    post("consumption", "households", "world", book["imports_consumer"])
    post("investment", "firms", "world", book["hardware"])
    post("intermediate", "firms", "ai_suppliers", book["services_domestic"])
    post("intermediate", "firms", "world", book["services_foreign"])
    for account, name in (("firms", "firms"), ("ai_suppliers", "suppliers"), ("rest", "rest")):
        post("wages", account, "households", book[f"wages_{name}"])
        post("profits", account, "households", book[f"profits_{name}"])
    post("rents", "firms", "world", book["rents_foreign"])
    post("rents", "firms", "ai_suppliers", book["rents_domestic"])
    post("subsidies", "government", "firms", book["vouchers"])
    post("taxes", "households", "government", book["taxes"])
    post("finance", "households", "firms", book["investment_finance"])
    post("finance", "households", "world", book["net_lending"])
    return ledger


#: Approaches to GDP: the identities that come first.
_APPROACHES = ("production", "income", "expenditure")


@lru_cache(maxsize=64)
def _identities(places: tuple[Place, ...]) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the identities of a ledger with legs at these places, and what they sum.

    An identity is two totals less a third.  Totals are positions of legs, in order, filled up with
    the position after the last: ``ndarray[longest, 3, identities]``.
    """

    def total(side: str, items: tuple[str, ...], accounts: tuple[str, ...]) -> list[int]:
        return _positions(places, side, items, accounts)

    none: list[int] = []
    bought = ("intermediate",)
    imported = ("consumption", "investment", "intermediate")
    found = {
        "GDP by production": (
            total("resource", (*_FINAL, *bought), PRODUCERS),
            none,
            total("use", bought, PRODUCERS),
        ),
        "GDP by income": (
            total("resource", ("wages", "profits"), ("households",)),
            total("resource", ("rents",), ("world",)),
            total("resource", ("subsidies",), PRODUCERS),
        ),
        "GDP by expenditure": (
            total("use", _FINAL, ACCOUNTS),
            none,
            total("resource", imported, ("world",)),
        ),
    }
    items = tuple(sorted({item for _, _, item in places}))
    for item in items:
        found[f"uses and resources of {item}"] = (
            total("use", (item,), ACCOUNTS),
            none,
            total("resource", (item,), ACCOUNTS),
        )
    for account in ACCOUNTS:
        found[f"account of {account}"] = (
            total("use", items, (account,)),
            none,
            total("resource", items, (account,)),
        )
    found["payments and receipts of AI suppliers"] = (
        total("resource", bought, ("ai_suppliers", "world")),
        none,
        none,
    )
    longest = max(len(positions) for totals in found.values() for positions in totals)
    legs = np.full((longest, 3, len(found)), len(places))
    for number, totals in enumerate(found.values()):
        for term, positions in enumerate(totals):
            legs[: len(positions), term, number] = positions
    return tuple(found), legs


def _balances(ledger: Ledger) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the identities and what their legs add up to: nothing, or a control total.

    ``ndarray[identities, ...]``.  Legs are added one after the other, in all identities and lanes
    at once: NumPy's own sums may round by the number of lanes.
    """
    names, legs = _identities(tuple(ledger.places))
    amounts = np.array(ledger.amounts)
    amounts = np.concatenate([amounts, np.zeros_like(amounts[:1])])  # to fill up with
    totals = amounts.take(legs[0], axis=0)
    for positions in legs[1:]:
        totals += amounts.take(positions, axis=0)
    return names, totals[0] + totals[1] - totals[2]


def readings(ledger: Ledger) -> dict[str, Number]:
    """GDP of a month by production, income and expenditure, three readings of one ledger.

    Production: sales of producers less what they buy for use in production.  Income: wages and
    profits paid by producers, plus rents paid to abroad, net of rents received, less subsidies.
    Expenditure: final purchases less imports.
    """
    _, balances = _balances(ledger)
    return {name: _number(balances[i]) for i, name in enumerate(_APPROACHES)}


def check(ledger: Ledger, book: dict[str, Number]) -> tuple[Number, Number]:
    """Check every identity of a month; return GDP and the worst relative error.

    Three readings agree; every item's uses equal its resources; every account closes; control
    totals computed outside the ledger hold (value added of the rules; users' payments are
    suppliers' receipts).

    Raises:
        LedgerError: naming the identity, its error and, of many, the lane.
    """
    names, balances = _balances(ledger)
    gaps = balances.copy()
    gaps[: len(_APPROACHES)] -= book["value_added"]
    gaps[-1] = gaps[-1] - book["services_domestic"] - book["services_foreign"]
    errors = np.abs(gaps) / np.abs(book["value_added"])
    worst = np.max(errors, axis=0)  # a number that is none is the worst of all
    if not np.all(worst <= TOLERANCE):
        lane = int(np.argmax(worst))
        name = names[int(np.argmax(errors.reshape(len(names), -1)[:, lane]))]
        where = f" in lane {lane}" if worst.ndim else ""
        raise LedgerError(f"{name}: relative error {worst.flat[lane]:.1e}{where}")
    return _number(balances[0]), _number(worst)
