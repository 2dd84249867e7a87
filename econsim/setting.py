"""A scenario bound to its region's tables, and what a month offers to firms.

:class:`Setting` holds what stays the same over a run: cells, sector data, option data.
:func:`offers` turns the month's terms and the supply side into benefit rates, costs and tastes by
cell and option: the cell-level part of the value of an option, computed once per month and cell.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import InitVar, dataclass, field, fields
from functools import lru_cache

import numpy as np

from econsim import behaviour, data, draws, policy, population, supply
from econsim.arithmetic import exp, log
from econsim.scenario import Scenario

#: Month in which the value-added tables stand (middle of 2023), months after January 2021.
TABLE_MONTH = 29.5
#: Month of the annual GDP of 2024 (its middle).
GDP_MONTH = 41.5


@dataclass(frozen=True)
class Setting:
    """What stays the same over a run.

    Attributes:
        scenario: the scenario.
        cells: the region's cells.
        options: option names in order; index ``k`` below, choice ``k + 1`` in firm columns.
        tastes: ``ndarray[options]``, the constants ``a_k``.
        open_weights: ``ndarray[options]`` of bool.
        arrival: ``ndarray[options]``, month of arrival.
        addresses: address of each option's own shock.
        labour_share, exposure, tier: ``ndarray[cells]``.
        hurdle_shift, narrow_shift: ``ndarray[cells]``, fitted sector and country shifters.  The
            first raises the log hurdle and lowers considering and applicability alike.
        benefit_class: ``ndarray[cells]``; cells of one class (sector and targets of instruments)
            always share the terms of options.
        class_cell: ``ndarray[classes]``, one cell of each class.
        masks: target of an instrument -> ``ndarray[cells]`` of bool.
        class_masks: the same by class.
        gdp: GDP a year at TABLE_MONTH's activity and 2024 prices, currency, by country.
        rest_labour_share: labour share of the rest of the economy.
    """

    scenario: Scenario
    cells: population.Cells
    options: tuple[str, ...]
    tastes: np.ndarray
    open_weights: np.ndarray
    arrival: np.ndarray
    addresses: tuple[np.uint64, ...]
    labour_share: np.ndarray
    exposure: np.ndarray
    tier: np.ndarray
    hurdle_shift: np.ndarray
    narrow_shift: np.ndarray
    benefit_class: np.ndarray
    class_cell: np.ndarray
    masks: dict[policy.Where, np.ndarray]
    class_masks: dict[policy.Where, np.ndarray]
    gdp: np.ndarray
    rest_labour_share: float

    @property
    def values(self) -> dict[str, float]:
        """Uncertainties and constants."""
        return self.scenario.values

    @property
    def months(self) -> int:
        """Months of the run."""
        return self.scenario.run.months


@lru_cache(maxsize=8)
def _sector_data(region: str) -> dict[str, np.ndarray]:
    """Labour share, exposure and data tier aligned to ``data.SECTORS``."""
    return {
        "labour_share": data.sector_vector("labour_share_by_sector", region, "labour_share"),
        "exposure": data.sector_vector("exposure_by_sector", region, "beta_human"),
        "tier": data.sector_vector("confidentiality_by_sector", region, "regulated_data_tier"),
    }


@lru_cache(maxsize=4)
def _rest_labour_share(region: str) -> float:
    frame = data.table("labour_share_by_sector")
    rows = frame[(frame["region"] == region) & (frame["sector"] == "REST")]
    return float(rows["value"].iloc[0])


@lru_cache(maxsize=2)
def _shifts() -> dict[tuple[str, str, str], float]:
    frame = data.table("fitted_shifts")
    return {
        (str(r.dimension), str(r.key), str(r.indicator)): float(r.value)
        for r in frame.itertuples(index=False)
    }


@lru_cache(maxsize=4)
def _gdp(region: str, countries: tuple[str, ...]) -> np.ndarray:
    """GDP of 2024, currency, by country (member states scaled to the EU figure)."""
    frame = data.table("macro")
    rows = frame[(frame["indicator"] == "gdp") & (frame["year"] == 2024)]
    by_geo = {str(r.geo): 1e6 * float(r.value) for r in rows.itertuples(index=False)}
    values = np.array([by_geo[c] for c in countries])
    return np.asarray(values * (by_geo[region] / values.sum()))


def bind(
    scenario: Scenario,
    tastes: np.ndarray | None = None,
    targets: Collection[policy.Where] = (),
) -> Setting:
    """Bind a scenario to the shipped tables.

    Args:
        scenario: the scenario.
        tastes: constants ``a_k``, ``ndarray[options]``; zeros when not given (they are solved by
            :func:`econsim.meanfield.solve_tastes`).
        targets: of other scenarios, which are to share its classes.

    Raises:
        econsim.data.DataError: a broken or missing table.
    """
    cells = population.region_cells(scenario.region)
    values = scenario.values
    columns = _sector_data(scenario.region)
    sector = np.array([data.SECTORS.index(s) for s in cells.sectors])[cells.sector]
    shifts = _shifts()

    def shift(indicator: str) -> np.ndarray:
        by_sector = np.array([shifts.get(("sector", s, indicator), 0.0) for s in cells.sectors])
        by_country = np.array([shifts.get(("country", c, indicator), 0.0) for c in cells.countries])
        return np.asarray(by_sector[cells.sector] + by_country[cells.country])

    masks = {e.where: cells.mask(e.where.mapping()) for e in scenario.package.entries}
    others = [cells.mask(where.mapping()) for where in targets if where not in masks]
    profile = np.stack([sector, *(m.astype(np.int64) for m in (*masks.values(), *others))])
    _, class_cell, benefit_class = np.unique(
        profile, axis=1, return_index=True, return_inverse=True
    )
    names = tuple(scenario.options)
    options = list(scenario.options.values())
    growth = (1.0 + values["economy.gdp_growth"]) ** ((GDP_MONTH - TABLE_MONTH) / 12.0)
    return Setting(
        scenario=scenario,
        cells=cells,
        options=names,
        tastes=np.zeros(len(names)) if tastes is None else tastes,
        open_weights=np.array([o.open_weights for o in options]),
        arrival=np.array([policy.month_index(o.arrival) for o in options]),
        addresses=tuple(draws.option_address(n) for n in names),
        labour_share=columns["labour_share"][sector],
        exposure=columns["exposure"][sector],
        tier=columns["tier"][sector],
        hurdle_shift=shift("hurdle"),
        narrow_shift=shift("narrow"),
        benefit_class=benefit_class.reshape(-1),
        class_cell=class_cell,
        masks=masks,
        class_masks={where: mask[class_cell] for where, mask in masks.items()},
        gdp=_gdp(scenario.region, cells.countries) / growth,
        rest_labour_share=_rest_labour_share(scenario.region),
    )


def activity(setting: Setting, month: float) -> float:
    """Baseline value added relative to the tables' year: ``(1 + growth) ** years``."""
    years = (month - TABLE_MONTH) / 12.0
    rate = np.float64(1.0 + setting.values["economy.gdp_growth"])
    return float(exp(years * log(rate)))


@dataclass(frozen=True)
class Signals:
    """What firms and suppliers know of last month.

    Attributes:
        rents_index: rents of closed suppliers relative to the reference (1).
    """

    rents_index: float = 1.0


def _licence_factor(setting: Setting, licence: np.ndarray) -> np.ndarray:
    """Price of open options relative to closed ones at the same use, by how free the licence is.

    ``1 - model part of the price * licence openness * (1 - open price ratio)``; 1 for closed
    options.
    """
    part = np.array(
        [o.model_cost_share if o.open_weights else 0.0 for o in setting.scenario.options.values()]
    )
    return np.asarray(1.0 - part * licence * (1.0 - setting.values["supply.open_price_ratio"]))


@lru_cache(maxsize=64)
def annuity(interest: float, years: float) -> float:
    """Yearly payment that repays one unit over ``years``: ``r / (1 - (1 + r) ** -years)``."""
    if interest == 0.0:
        return 1.0 / years
    factor = exp(np.float64(-years) * log(np.float64(1.0 + interest)))
    return float(interest / (1.0 - factor))


def set_up_annuity(values: dict[str, float]) -> float:
    """Yearly equivalent of one unit of set-up."""
    return annuity(values["cost.interest"], values["cost.set_up_life"])


@dataclass(frozen=True)
class Offers:
    """What a month offers, by class and option (money in the region's currency, 2024 prices).

    Classes are those of :attr:`Setting.benefit_class`.  The parts below are what the mechanisms of :data:`MECHANISMS` are made of; benefit rate, taste
    and yearly equivalents follow from them.

    Attributes:
        attainable: share of value added that full coverage would save a deep user, ``[classes]``.
        covered: share of feasible savings that can be delivered, ``[classes, options]``.
        fit: multiple of the benefit, ``[classes, options]``.
        activity: baseline value added relative to the tables' year.
        seat_cost, reference_seat_cost: per person and year, at actual and at reference prices,
            ``[classes, options]``.
        seat_subsidy: what the government adds to ``seat_cost``, ``[classes, options]``.
        foreign_share: of payments, ``[classes, options]``.
        set_up_cost: of a firm of 10 persons, ``[classes, options]``.
        hardware_cost: per firm; hosting_cost, compliance_cost: per firm and year.
        upstream_cost: duties of deployers that resident developers bear, per using firm and year.
        misuse_cost: social cost per using firm and year (never in GDP), ``[classes, options]``.
        common: log hurdle of all options, ``[cells]``.
        perceived_risk, confidentiality, dependence: what each adds to the log hurdle,
            ``[classes, options]``.
        variety: what re-entering developers add to the value of closed options, ``[options]``.
        available: share of firms that can use the option, ``[classes, options]``.
        switching_multiple: multiplies the cost of moving between options, ``[classes]``.
        voucher_rate, voucher_cap: ``[classes]``.
        considering_pace: multiple of the considering hazard, ``[cells]``.
        programme: public spending on programmes, currency a year.
        closed_multiple: closed price relative to a world with open models.
        open_presence: share of open supply still present, 0 to 1.
        open_pool: contributors of open models and variants relative to the baseline.
        closed_frontier, open_frontier: months of reference pace.
        benefit_rate: share of value added saved by an experienced deep user.
        taste: ``a_k`` less beta times the option's own risks; the common log hurdle comes on top.
        set_up_annuity, hardware_annuity: yearly equivalents.
        running_cost: hosting and compliance, per firm and year.
    """

    attainable: np.ndarray
    covered: np.ndarray
    fit: np.ndarray
    activity: float
    seat_cost: np.ndarray
    reference_seat_cost: np.ndarray
    seat_subsidy: np.ndarray
    foreign_share: np.ndarray
    set_up_cost: np.ndarray
    hardware_cost: np.ndarray
    hosting_cost: np.ndarray
    compliance_cost: np.ndarray
    upstream_cost: np.ndarray
    misuse_cost: np.ndarray
    common: np.ndarray
    perceived_risk: np.ndarray
    confidentiality: np.ndarray
    dependence: np.ndarray
    variety: np.ndarray
    available: np.ndarray
    switching_multiple: np.ndarray
    voucher_rate: np.ndarray
    voucher_cap: np.ndarray
    considering_pace: np.ndarray
    programme: float
    closed_multiple: float
    open_presence: float
    open_pool: float
    closed_frontier: float
    open_frontier: float
    benefit_rate: np.ndarray = field(init=False)
    taste: np.ndarray = field(init=False)
    set_up_annuity: np.ndarray = field(init=False)
    hardware_annuity: np.ndarray = field(init=False)
    running_cost: np.ndarray = field(init=False)
    setting: InitVar[Setting] = None

    def __post_init__(self, setting: Setting) -> None:
        """Benefit rate, taste and yearly equivalents from the parts."""
        values = setting.values
        interest = values["cost.interest"]
        derived = {
            "benefit_rate": self.attainable[:, None] * self.covered * self.fit,
            "taste": (setting.tastes + self.variety)[None, :]
            - values["choice.beta"]
            * (self.perceived_risk + self.confidentiality + self.dependence),
            "set_up_annuity": self.set_up_cost * set_up_annuity(values),
            "hardware_annuity": self.hardware_cost
            * annuity(interest, values["cost.hardware_life"]),
            "running_cost": self.hosting_cost + self.compliance_cost,
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)


#: Mechanisms by which a policy acts -> the parts of a month's offers that carry each.  Holding a
#: mechanism imposes another run's path of these parts (columns of open options for ``open_lag``,
#: of closed ones for ``frontier``).
MECHANISMS: dict[str, tuple[str, ...]] = {
    "option_removal": ("available", "open_presence"),
    "price_response": ("seat_cost", "closed_multiple"),
    "open_lag": ("covered", "open_frontier"),
    "frontier": ("covered", "closed_frontier"),
    "fit_and_variants": ("fit", "open_pool"),
    "confidentiality": ("confidentiality",),
    "dependence": ("dependence", "switching_multiple"),
    "perceived_risk": ("perceived_risk", "common"),
    "entry": ("variety",),
    "compliance": (
        "set_up_cost",
        "hardware_cost",
        "hosting_cost",
        "compliance_cost",
        "upstream_cost",
    ),
    "considering": ("considering_pace",),
    "public_support": ("voucher_rate", "voucher_cap", "seat_subsidy", "programme", "misuse_cost"),
    "residence_and_imports": ("foreign_share",),
}


def impose(bound: Setting, own: Offers, other: Offers, mechanisms: Collection[str]) -> Offers:
    """A month's offers with some mechanisms held at another run's.

    Args:
        bound: the run's setting (same options and cells as the other's).
        own, other: offers of the same month.
        mechanisms: keys of :data:`MECHANISMS`.
    """
    parts = {f.name: getattr(own, f.name) for f in fields(own) if f.init}
    for mechanism in mechanisms:
        for name in MECHANISMS[mechanism]:
            taken = getattr(other, name)
            if name == "covered":
                column = bound.open_weights == (mechanism == "open_lag")
                taken = np.where(column[None, :], taken, parts[name])
            parts[name] = taken
    return Offers(**parts, setting=bound)


def offers(
    setting: Setting,
    month: int,
    supplied: supply.Supply,
    signals: Signals,
    exhausted: tuple[bool, ...] = (),
) -> Offers:
    """Terms, supply and prices of a month; advances the supply side by one month.

    Args:
        setting: the bound scenario.
        month: months after January 2021.
        supplied: the supply side's memory.
        signals: of the previous month.
        exhausted: spent budgets of the package.

    Raises:
        econsim.policy.PolicyError: a term leaves its bounds.
    """
    values = setting.values
    base = setting.scenario.base_terms(month)
    terms = policy.terms(
        month, base, setting.scenario.package, setting.class_masks, setting.options,
        len(setting.class_cell), exhausted,
    )  # fmt: skip
    base_pool, variant_pool = _open_pool(setting, terms, supplied)
    closed, opened = supplied.advance(
        month,
        values,
        pace=terms.scalar("supply.frontier_pace"),
        lag_change=terms.scalar("supply.open_lag_change"),
        pool=base_pool,
        frozen=terms.scalar("supply.open_frozen"),
        rents_index=signals.rents_index,
        licence_threshold=terms.scalar("supply.licence_threshold"),
        licence_delay_open=terms.scalar("supply.licence_delay_open"),
        licence_delay_closed=terms.scalar("supply.licence_delay_closed"),
        licence_refusal=terms.scalar("supply.licence_refusal"),
    )
    family = np.where(setting.open_weights, opened, closed)[None, :]
    progress = family - terms.option["option.capability_lag"]
    available = terms.option["option.available"]
    presence = _presence(setting, available, setting.arrival <= month)
    reentry = terms.scalar("supply.reentry_share")
    closed_multiple, seat_cost, reference = _prices(setting, terms, base, presence, reentry)
    mass = np.float64(supply.reentry_mass(presence, reentry, values["choice.open_share"]))
    compliance = terms.option["option.compliance_cost"].copy()
    pushed = np.where(setting.open_weights, terms.scalar("supply.upstream_share"), 0.0)
    upstream = compliance * pushed[None, :] * values["supply.domestic_pool_share"]
    compliance *= 1.0 - pushed[None, :]
    subsidy = terms.option["option.price_subsidy"]
    years = (month - values["survey.reference_month"]) / 12.0
    one, by_cell = setting.class_cell, setting.benefit_class
    maturity = terms.economy["firms.maturity"]
    return Offers(
        attainable=setting.labour_share[one]
        * setting.exposure[one]
        * (values["benefit.saving"] * values["benefit.ceiling"]),
        covered=supply.coverage(progress, values["coverage.midpoint"], values["coverage.rate"]),
        fit=_fit(setting, terms, variant_pool),
        activity=activity(setting, float(month)),
        seat_cost=seat_cost * (1.0 - subsidy),
        reference_seat_cost=reference,
        seat_subsidy=seat_cost * subsidy,
        foreign_share=terms.option["option.foreign_share"],
        set_up_cost=terms.option["option.set_up_hours"]
        * (values["economy.hourly_cost"] * values["economy.currency_per_eur"]),
        hardware_cost=terms.option["option.hardware_cost"],
        hosting_cost=terms.option["option.hosting_cost"],
        compliance_cost=compliance,
        upstream_cost=upstream,
        misuse_cost=terms.option["option.misuse_cost"],
        common=setting.hurdle_shift
        - values["hurdle.decline"] * years
        + (
            log(np.maximum(terms.economy["hurdle.level"], 1e-12))
            - values["hurdle.maturity_effect"] * maturity
        )[by_cell],
        perceived_risk=terms.option["option.perceived_risk"]
        - values["openness.code_trust"] * terms.option["option.code_openness"],
        confidentiality=values["hurdle.confidentiality"]
        * 0.5
        * setting.tier[one][:, None]
        * terms.option["option.confidentiality_exposure"],
        dependence=values["hurdle.dependence"] * terms.option["option.dependence_exposure"],
        variety=np.where(setting.open_weights, 0.0, values["choice.lambda"] * float(log(mass))),
        available=available,
        switching_multiple=terms.economy["firms.switching_cost"],
        voucher_rate=terms.economy["voucher.rate"],
        voucher_cap=terms.economy["voucher.cap"],
        considering_pace=terms.economy["considering.pace"][by_cell]
        * exp(values["considering.maturity_slope"] * maturity[by_cell] - setting.hurdle_shift),
        programme=terms.scalar("public.programme"),
        closed_multiple=closed_multiple,
        open_presence=presence,
        open_pool=variant_pool,
        closed_frontier=closed,
        open_frontier=opened,
        setting=setting,
    )


def _fit(setting: Setting, terms: policy.Terms, variant_pool: float) -> np.ndarray:
    """Fit of each option: its own, the open pool's variants, open training data."""
    values = setting.values
    fit = terms.option["option.fit"].copy()
    pool = np.float64(max(variant_pool, 0.05))
    fit[:, setting.open_weights] *= float(exp(values["supply.fit_pool_elasticity"] * log(pool)))
    return np.asarray(
        fit * (1.0 + values["openness.data_fit"] * terms.option["option.data_openness"])
    )


def _prices(
    setting: Setting,
    terms: policy.Terms,
    base: dict[str, np.ndarray],
    presence: float,
    reentry: float,
) -> tuple[float, np.ndarray, np.ndarray]:
    """Closed price multiple, and cost per person and year at actual and at reference prices."""
    values = setting.values
    closed_multiple = float(
        supply.closed_price_multiple(presence, reentry, values["supply.price_response"])
    )
    vendor_multiple = float(
        supply.vendor_price_multiple(
            closed_multiple,
            presence,
            values["supply.open_price_ratio"],
            values["supply.vendor_open_base"],
            values["supply.vendor_model_cost"],
            values["supply.vendor_pass_through"],
        )
    )
    multiple = []
    for option in setting.scenario.options.values():
        if option.open_weights:
            multiple.append(1.0)
        elif option.route == "ready_made":
            multiple.append(vendor_multiple)
        else:
            multiple.append(closed_multiple)
    seat_share = values["cost.seat_share"]
    price = terms.option["option.price"] * np.array(multiple)[None, :]
    price = price * _licence_factor(setting, terms.option["option.licence_openness"])
    reference = base["option.price"] * _licence_factor(setting, base["option.licence_openness"])
    return (
        closed_multiple,
        seat_share * price,
        np.repeat(seat_share * reference[None, :], len(setting.class_cell), axis=0),
    )


def _open_pool(
    setting: Setting, terms: policy.Terms, supplied: supply.Supply
) -> tuple[float, float]:
    """Developers of open base models and of variants, relative to the baseline.

    Duties (own, expected liability, and those pushed upstream from deployers) silence
    contributors whose budget they exceed, on the share of models in scope, beyond the duty's
    threshold, and less what an exemption lifts: from base models below systemic risk, and from
    variants, which are small models, always.  A lost pool comes back slowly.
    """
    values = setting.values
    money = values["economy.currency_per_eur"]
    upstream = terms.scalar("supply.upstream_share")
    pushed = 0.0
    if upstream > 0.0 and setting.open_weights.any():
        weights = setting.cells.firms / setting.cells.firms.sum()
        cost = terms.option["option.compliance_cost"][:, setting.open_weights].mean(axis=1)
        by_firm = float((cost[setting.benefit_class] * weights).sum())
        pushed = upstream * by_firm * values["supply.deployers_per_variant"]
    reached = supplied.open_frontier > terms.scalar("supply.duty_threshold")
    exempt = supplied.open_frontier <= terms.scalar("supply.systemic_threshold")
    lifted = 1.0 - terms.scalar("supply.exemption")
    licensed = supplied.open_frontier > terms.scalar("supply.licence_threshold")
    licence = terms.scalar("supply.licence_cost") if licensed else 0.0
    pool = terms.scalar("supply.open_pool")
    result = []
    base_duty = terms.scalar("supply.base_duty") if reached else 0.0
    variant_duty = terms.scalar("supply.variant_duty") + pushed if reached else 0.0
    base_duty = (base_duty + licence) * (lifted if exempt else 1.0)
    for duty, kind in ((base_duty, "base"), (variant_duty * lifted, "variant")):
        silenced = float(
            supply.silenced_share(
                np.float64(duty),
                money * values[f"supply.{kind}_budget"],
                values[f"supply.{kind}_budget_spread"],
                values["supply.silencing"],
            )
        )
        result.append(pool * (1.0 - terms.scalar("supply.duty_scope") * silenced))
    recovery = values["supply.pool_recovery"]
    now = [np.float64(p) for p in (supplied.base_pool, supplied.variant_pool)]
    supplied.base_pool, supplied.variant_pool = (
        float(supply.pool_after(p, target, recovery)) for p, target in zip(now, result, strict=True)
    )
    return supplied.base_pool, supplied.variant_pool


def _presence(setting: Setting, available: np.ndarray, arrived: np.ndarray) -> float:
    """Share of the arrived open supply still present (1 before any arrived)."""
    chosen = setting.open_weights & arrived
    if not chosen.any():
        return 1.0
    shares = np.array([o.target_share for o in setting.scenario.options.values()])[chosen]
    usable = available[:, chosen]
    if (usable == usable[0]).all():
        by_option = usable[0]
    else:  # by cell, so that the sum does not depend on how cells are classed
        weights = setting.cells.firms / setting.cells.firms.sum()
        by_option = (usable[setting.benefit_class] * weights[:, None]).sum(axis=0)
    return float((by_option * shares).sum() / shares.sum())


@dataclass
class Considering:
    """The considering block: each cell's cumulative hazard, spreading month by month.

    Attributes:
        cumulative: ``ndarray[cells]``, Lambda.
        multiplier: ``ndarray[cells]``, hazard multiplier of the cell's mean firm.
        group: ``ndarray[cells]``, country x sector: whose peers they are.
        weight: ``ndarray[cells]``, applicable firms.
    """

    cumulative: np.ndarray
    multiplier: np.ndarray
    group: np.ndarray
    weight: np.ndarray

    @classmethod
    def start(cls, setting: Setting) -> Considering:
        """Nobody considers general-purpose AI before it is known."""
        values, cells = setting.values, setting.cells
        size = behaviour.log_size(np.maximum(cells.persons / cells.firms, 1.0))
        maturity = behaviour.logistic_share(
            values["maturity.level"] + values["maturity.size_slope"] * size
        )
        multiplier = exp(
            values["considering.size_slope"] * size
            + values["considering.maturity_slope"] * maturity
        )
        applicable = behaviour.logistic_share(
            log_odds(values["considering.applicable_share"])
            + values["considering.applicable_size_slope"] * size
            - setting.hurdle_shift
        )
        return cls(
            np.zeros(cells.count),
            multiplier,
            cells.country * len(cells.sectors) + cells.sector,
            cells.firms * applicable,
        )

    def peers(self) -> np.ndarray:
        """Share of applicable peers of each cell's country and sector that consider AI."""
        considering = 1.0 - exp(-self.multiplier * self.cumulative)
        total = np.bincount(self.group, weights=self.weight)
        share = np.bincount(self.group, weights=self.weight * considering) / np.maximum(
            total, 1e-300
        )
        return np.asarray(share[self.group])

    def advance(self, month: int, values: dict[str, float], pace: np.ndarray) -> None:
        """One month of spreading: ``Lambda += p * pace + q * peers`` once AI is known."""
        if month < values["considering.start"]:
            return
        self.cumulative = self.cumulative + behaviour.considering_pressure(
            values["considering.hazard"], pace, values["considering.peers"], self.peers(), 1.0
        )


def log_odds(share: float) -> float:
    """Logarithm of the odds of a share (shares within 1e-12 of 1 count as that far from it)."""
    odds = np.float64(min(share, 1.0 - 1e-12) / (1.0 - min(share, 1.0 - 1e-12)))
    return float(log(odds))


@dataclass(frozen=True)
class Traits:
    """A firm's fixed traits, each ``ndarray[firms]``.

    Attributes:
        size: log of persons engaged over 10.
        scale: set-up effort relative to a firm of 10 persons.
        wedge: weight of up-front money.
        hurdle: own part of the log hurdle.
        applicable_share: probability that AI applies.
        narrow_share: probability of using narrow AI.
    """

    size: np.ndarray
    scale: np.ndarray
    wedge: np.ndarray
    hurdle: np.ndarray
    applicable_share: np.ndarray
    narrow_share: np.ndarray


def traits(setting: Setting, persons: np.ndarray, maturity: np.ndarray, cell: np.ndarray) -> Traits:
    """Fixed traits of firms of given size, maturity and cell (``ndarray[firms]`` each)."""
    values = setting.values
    size = behaviour.log_size(persons)
    return Traits(
        size=size,
        scale=behaviour.size_scale(size, values["cost.size_elasticity"]),
        wedge=np.where(persons < 50.0, 1.0 + values["cost.liquidity_wedge"], 1.0),
        hurdle=behaviour.hurdle_trait(
            size, maturity, values["hurdle.size_elasticity"], values["hurdle.maturity_effect"]
        ),
        applicable_share=behaviour.logistic_share(
            log_odds(values["considering.applicable_share"])
            + values["considering.applicable_size_slope"] * size
            - setting.hurdle_shift[cell]
        ),
        narrow_share=behaviour.logistic_share(
            values["narrow.level"]
            + values["narrow.size_slope"] * size
            + values["narrow.maturity_slope"] * maturity
            + setting.narrow_shift[cell]
        ),
    )
