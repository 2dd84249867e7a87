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

from dataclasses import dataclass, field, replace

import numpy as np

from econsim.arithmetic import exp, log

RULES = ("gross_gain",)

ACCOUNTS = ("firms", "ai_suppliers", "rest", "households", "government", "world")
PRODUCERS = ("firms", "ai_suppliers", "rest")
#: Relative precision of every identity.
TOLERANCE = 1e-9


class LedgerError(AssertionError):
    """An accounting identity does not hold: a defect of the model."""


def gross_gain(saving, first_order):
    r"""Output-augmenting productivity of a realised saving share ``s``: ``-ln(1 - s)``.

    ``first_order`` books ``s`` itself (the replicated papers do).
    """
    return np.where(first_order > 0.5, saving, -log(np.maximum(1.0 - saving, 1e-12)))


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
    """

    capital_deepening: float = 0.0
    capital_share: float = 0.43
    substitution: float = 1.0
    reallocation: float = 0.0


@dataclass(frozen=True)
class Flows:
    """What the rules say happens in a month, currency per month.

    Arrays are ``ndarray[cells]``.

    Attributes:
        baseline: value added of firms without general-purpose AI.
        baseline_rest: value added of the rest of the economy, ``ndarray[countries]``.
        gain: output gained by realised savings (before second-order terms).
        hours: set-up, compliance and the real share of the hurdle, valued at labour cost.
        services_domestic, services_foreign: AI services and hosting bought, reference prices.
        hardware: hardware bought (imported, investment).
        rents_foreign: payments to foreign suppliers above reference prices.
        rents_domestic: the same to resident suppliers (a transfer).
        vouchers: paid by the government (a transfer).
        labour_share: of value added.
        mark_up_share: share of resident suppliers' receipts that is mark-up.
        shares: (household, government, investment) shares of baseline GDP.
        rest_labour_share: labour share of the rest of the economy.
        programme: public spending on programmes; bought from the rest of the economy instead of
            household consumption.
        cost_of_funds: marginal cost of public funds; what exceeds 1 is output lost in the rest
            of the economy.
        transitory: part of ``hours`` that is spent once (set-up); no capital follows it.
        sector: ``ndarray[cells]``, sector of each cell (needed by the channel across sectors).
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
    mark_up_share: float
    shares: tuple[float, float, float]
    rest_labour_share: float
    programme: float = 0.0
    cost_of_funds: float = 1.0
    transitory: np.ndarray | None = None
    sector: np.ndarray | None = None
    within_variance: float = 0.0
    channels: Channels = field(default_factory=Channels)


def same_suppliers(flows: Flows, other: Flows | None) -> Flows:
    """Flows with payments to suppliers, by residence, taken from another run."""
    if other is None:
        return flows
    names = (
        "services_domestic", "services_foreign", "hardware", "rents_foreign", "rents_domestic",
    )  # fmt: skip
    return replace(flows, **{name: getattr(other, name) for name in names})


@dataclass(frozen=True)
class Leg:
    """One side of a posting: an account uses or receives an amount of an item."""

    account: str
    side: str
    item: str
    amount: float


@dataclass
class Ledger:
    """The legs of a month's postings, in order; two legs make a posting."""

    legs: list[Leg] = field(default_factory=list)

    def post(self, item: str, payer: str, payee: str, amount: float) -> None:
        """One flow from ``payer`` to ``payee``."""
        self.legs.append(Leg(payer, "use", item, amount))
        self.legs.append(Leg(payee, "resource", item, amount))

    def total(self, side: str, items: tuple[str, ...], accounts: tuple[str, ...]) -> float:
        """Sum of the legs of one side, of given items, in given accounts."""
        total = 0.0
        for leg in self.legs:  # sum() rounds differently from Python 3.12 on
            if leg.side == side and leg.item in items and leg.account in accounts:
                total += leg.amount
        return total


#: Items that buy final goods and services.
_FINAL = ("consumption", "government", "investment", "exports")


@dataclass(frozen=True)
class Month:
    """The closed accounts of a month.

    Attributes:
        gdp, gni, consumption: currency per month, 2024 prices.
        baseline_gdp: GDP without general-purpose AI.
        value_added: of firms by cell (their part of GDP), ``ndarray[cells]``.
        contribution: ``ndarray[cells]``, each cell's part of ``gdp - baseline_gdp``, including
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

    gdp: float
    gni: float
    consumption: float
    baseline_gdp: float
    value_added: np.ndarray
    contribution: np.ndarray
    funds: float
    productivity: float
    rest_value_added: float
    imports_ai: float
    hours: float
    rents_domestic: float
    worst: float
    ledger: Ledger
    book: dict[str, float]


def close(flows: Flows) -> Month:
    r"""Book a month and close its accounts.

    .. math:: \ln\frac{GDP}{GDP_0} = \sum_i \frac{VA_i}{GDP_0}
              \left[-\ln(1 - s_i) - \frac{resources_i + imports_i}{VA_i}\right]

    and what the structural channels add (:class:`Channels`).  What exceeds the sum of the
    contributions (second order, channels) is spread over the gross gains.

    Raises:
        LedgerError: an identity is broken by more than :data:`TOLERANCE` of GDP.
    """
    supplier_labour = (1.0 - flows.mark_up_share) * flows.services_domestic
    baseline_gdp = float(flows.baseline.sum() + flows.baseline_rest.sum())
    costs = flows.hours + supplier_labour + flows.services_foreign
    funds = (flows.cost_of_funds - 1.0) * (float(flows.vouchers.sum()) + flows.programme)
    net, productivity = _aggregate(flows, flows.gain - costs, funds, baseline_gdp)
    change = baseline_gdp * (float(exp(np.float64(net))) - 1.0)
    gross = float(flows.gain.sum())
    stretch = (change + float(costs.sum()) + funds) / gross if gross > 0.0 else 1.0
    gain = flows.gain * stretch
    contribution = gain - costs

    output = flows.baseline + gain - flows.hours
    services = flows.services_domestic + flows.services_foreign
    value_added = output - services
    rest_output = float(flows.baseline_rest.sum()) - float(supplier_labour.sum()) - funds
    deepened = flows.channels.capital_deepening * max(change, 0.0)
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
        hours=float(flows.hours.sum()),
        rents_domestic=book["rents_domestic"],
        worst=worst,
        ledger=ledger,
        book=book,
    )


def _aggregate(
    flows: Flows, contribution: np.ndarray, funds: float, baseline_gdp: float
) -> tuple[float, float]:
    r"""Log change of GDP and of productivity.

    Hulten: ``sum of contributions / GDP``.  Across sectors with elasticity sigma,
    ``ln(sum_s w_s exp((sigma - 1) z_s)) / (sigma - 1)`` with ``z_s`` the log productivity of
    sector s; reallocation adds ``elasticity / 2 * variance within sectors``; capital multiplies
    the persistent part.
    """
    channels = flows.channels
    net = (float(contribution.sum()) - funds) / baseline_gdp
    if abs(channels.substitution - 1.0) > 1e-9 and flows.sector is not None:
        base = np.bincount(flows.sector, weights=flows.baseline)
        gain = np.bincount(flows.sector, weights=contribution)
        share = np.append(base, flows.baseline_rest.sum()) / baseline_gdp
        change = np.append(
            np.divide(gain, base, out=np.zeros_like(gain), where=base > 0.0),
            -funds / float(flows.baseline_rest.sum()),
        )
        power = channels.substitution - 1.0
        net = float(log(np.float64((share * exp(power * change)).sum()))) / power
    net += 0.5 * channels.reallocation * flows.within_variance
    productivity = net
    once = 0.0 if flows.transitory is None else float(flows.transitory.sum()) / baseline_gdp
    persistent = net + once
    if channels.capital_deepening > 0.0 and persistent > 0.0:
        follow = channels.capital_share / (1.0 - channels.capital_share)
        net += channels.capital_deepening * follow * persistent
    return net, productivity


def _book(
    flows: Flows,
    output: np.ndarray,
    value_added: np.ndarray,
    rest_output: float,
    supplier_labour: np.ndarray,
    baseline_gdp: float,
    deepened: float,
) -> dict[str, float]:
    """Amounts of all flows of the month from the rules, currency per month.

    ``deepened`` is the part of the GDP gain that capital follows: it needs the baseline's
    investment share, out of consumption.
    """
    households, government, investment = flows.shares
    book = {
        name: float(getattr(flows, name).sum())
        for name in (
            "services_domestic", "services_foreign", "hardware", "rents_foreign",
            "rents_domestic", "vouchers",
        )
    }  # fmt: skip
    net_exports = 1.0 - households - government - investment
    book["output_firms"] = float(output.sum())
    book["output_rest"] = rest_output
    book["value_added"] = float(value_added.sum()) + book["services_domestic"] + rest_output
    book["government"] = government * baseline_gdp + flows.programme
    book["investment_domestic"] = investment * (baseline_gdp + deepened)
    book["imports_consumer"] = max(-net_exports, 0.0) * baseline_gdp
    # Exports pay for AI imports and for rents abroad: no part of a gain is borrowed.
    book["exports"] = (
        max(net_exports, 0.0) * baseline_gdp
        + book["services_foreign"]
        + book["hardware"]
        + book["rents_foreign"]
    )
    book["wages_firms"] = float((flows.labour_share * value_added).sum())
    book["wages_suppliers"] = float(supplier_labour.sum())
    book["wages_rest"] = flows.rest_labour_share * rest_output
    book["profits_firms"] = (
        float(((1.0 - flows.labour_share) * value_added).sum())
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
    income = 0.0
    for kind in ("wages", "profits"):
        for producer in ("firms", "suppliers", "rest"):
            income += book[f"{kind}_{producer}"]
    # Households spend what they do not save: investment finance and lending abroad.
    book["consumption"] = income - book["taxes"] - book["investment_finance"] - book["net_lending"]
    return book


def _post(book: dict[str, float]) -> Ledger:
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


def readings(ledger: Ledger) -> dict[str, float]:
    """GDP of a month by production, income and expenditure, three readings of one ledger.

    Production: sales of producers less what they buy for use in production.  Income: wages and
    profits paid by producers, plus rents paid to abroad, net of rents received, less subsidies.
    Expenditure: final purchases less imports.
    """
    total = ledger.total
    production = total("resource", (*_FINAL, "intermediate"), PRODUCERS) - total(
        "use", ("intermediate",), PRODUCERS
    )
    income = (
        total("resource", ("wages", "profits"), ("households",))
        + total("resource", ("rents",), ("world",))
        - total("resource", ("subsidies",), PRODUCERS)
    )
    expenditure = total("use", _FINAL, ACCOUNTS) - total(
        "resource", ("consumption", "investment", "intermediate"), ("world",)
    )
    return {"production": production, "income": income, "expenditure": expenditure}


def check(ledger: Ledger, book: dict[str, float]) -> tuple[float, float]:
    """Check every identity of a month; return GDP and the worst relative error.

    Three readings agree; every item's uses equal its resources; every account closes; control
    totals computed outside the ledger hold (value added of the rules; users' payments are
    suppliers' receipts).

    Raises:
        LedgerError: naming the identity and its error.
    """
    three = readings(ledger)
    scale = abs(book["value_added"])
    gaps = {f"GDP by {k}": abs(v - book["value_added"]) for k, v in three.items()}
    for item in sorted({leg.item for leg in ledger.legs}):
        used = ledger.total("use", (item,), ACCOUNTS)
        received = ledger.total("resource", (item,), ACCOUNTS)
        gaps[f"uses and resources of {item}"] = abs(used - received)
    items = tuple({leg.item for leg in ledger.legs})
    for account in ACCOUNTS:
        uses = ledger.total("use", items, (account,))
        resources = ledger.total("resource", items, (account,))
        gaps[f"account of {account}"] = abs(uses - resources)
    receipts = ledger.total("resource", ("intermediate",), ("ai_suppliers", "world"))
    gaps["payments and receipts of AI suppliers"] = abs(
        receipts - book["services_domestic"] - book["services_foreign"]
    )
    # A number that is none is the worst of all.
    worst_name = max(gaps, key=lambda name: gaps[name] if gaps[name] == gaps[name] else np.inf)
    worst = gaps[worst_name] / scale
    if not worst <= TOLERANCE:
        raise LedgerError(f"{worst_name}: relative error {worst:.1e}")
    return three["production"], worst
