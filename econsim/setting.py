"""A scenario bound to its region's tables, and what a month offers to firms.

:class:`Setting` holds what stays the same over a run: cells, sector data, option data.
:func:`offers` turns the month's terms and the supply side into benefit rates, costs and tastes by
cell and option: the cell-level part of the value of an option, computed once per month and cell.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import InitVar, dataclass, field, fields
from functools import lru_cache
from typing import Any

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


def activity(values: Mapping[str, Any], month: float) -> Any:
    """Baseline value added relative to the tables' year: ``(1 + growth) ** years``."""
    years = (month - TABLE_MONTH) / 12.0
    return exp(years * log(np.asarray(1.0 + values["economy.gdp_growth"])))


@dataclass(frozen=True)
class Stack:
    """Scenarios, bound alike, whose months are computed together: one lane each.

    Attributes:
        lanes: the settings; all have the same cells, classes and names of options.
        values: uncertainties and constants -> ``ndarray[lanes]``.
        tastes, arrival, open_weights, target_share, model_cost_share: ``ndarray[lanes, options]``.
        ready_made, controlled: ``ndarray[lanes, options]`` of bool: bought as software; its users
            are in control of the model.
        energy: ``ndarray[lanes, options]``, kWh per seat and year.
        options_of, terms_of: which of the distinct sets of options, and of the distinct pairs of
            options and package, each lane has; ``ndarray[lanes]``.
        first_with_options, first_with_terms: one lane of each distinct one.
    """

    lanes: tuple[Setting, ...]
    values: dict[str, np.ndarray]
    tastes: np.ndarray
    arrival: np.ndarray
    open_weights: np.ndarray
    ready_made: np.ndarray
    controlled: np.ndarray
    energy: np.ndarray
    target_share: np.ndarray
    model_cost_share: np.ndarray
    set_up_annuity: np.ndarray
    hardware_annuity: np.ndarray
    options_of: np.ndarray
    terms_of: np.ndarray
    first_with_options: tuple[int, ...]
    first_with_terms: tuple[int, ...]

    @classmethod
    def of(cls, lanes: Sequence[Setting]) -> Stack:
        """Stack settings."""
        kinds = [list(s.scenario.options.values()) for s in lanes]

        def column(name: str) -> np.ndarray:
            return np.array([[getattr(o, name) for o in options] for options in kinds])

        options_of, first_with_options = _distinct(
            [(s.scenario.options, s.values["economy.currency_per_eur"]) for s in lanes]
        )
        terms_of, first_with_terms = _distinct(
            [(o, s.scenario.package) for o, s in zip(options_of, lanes, strict=True)]
        )
        return cls(
            lanes=tuple(lanes),
            values={n: np.array([s.values[n] for s in lanes]) for n in lanes[0].values},
            tastes=np.stack([s.tastes for s in lanes]),
            arrival=np.stack([s.arrival for s in lanes]),
            open_weights=np.stack([s.open_weights for s in lanes]),
            ready_made=column("route") == "ready_made",
            controlled=np.stack([s.open_weights for s in lanes])
            | (column("deployment") == "private_hardware"),
            energy=column("energy").astype(np.float64),
            target_share=column("target_share").astype(np.float64),
            model_cost_share=column("model_cost_share").astype(np.float64),
            set_up_annuity=np.array([set_up_annuity(s.values) for s in lanes]),
            hardware_annuity=np.array(
                [annuity(s.values["cost.interest"], s.values["cost.hardware_life"]) for s in lanes]
            ),
            options_of=np.array(options_of),
            terms_of=np.array(terms_of),
            first_with_options=first_with_options,
            first_with_terms=first_with_terms,
        )

    def by_class(self, name: str) -> np.ndarray:
        """A parameter, to go with ``[lanes, classes, options]``."""
        return self.values[name][:, None, None]


def _distinct(things: Sequence[Any]) -> tuple[list[int], tuple[int, ...]]:
    """Which of the distinct things each is, and where each distinct one first stands."""
    numbers: list[int] = []
    firsts: list[int] = []
    for place, thing in enumerate(things):
        for number, first in enumerate(firsts):
            if thing == things[first]:
                numbers.append(number)
                break
        else:
            numbers.append(len(firsts))
            firsts.append(place)
    return numbers, tuple(firsts)


def _licence_factor(stack: Stack, licence: np.ndarray) -> np.ndarray:
    """Price of open options relative to closed ones at the same use, by how free the licence is.

    ``1 - model part of the price * licence openness * (1 - open price ratio)``; 1 for closed
    options.  ``licence`` is ``[lanes, classes, options]``.
    """
    part = np.where(stack.open_weights, stack.model_cost_share, 0.0)[:, None, :]
    return np.asarray(1.0 - part * licence * (1.0 - stack.by_class("supply.open_price_ratio")))


@lru_cache(maxsize=1024)
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

    Classes are those of :attr:`Setting.benefit_class`.  The parts below are what the mechanisms
    of :data:`MECHANISMS` are made of; benefit rate, taste and yearly equivalents follow from
    them.  Every shape begins with ``[lanes]``, save in what :meth:`lane` returns.

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
    activity: np.ndarray
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
    programme: np.ndarray
    closed_multiple: np.ndarray
    open_presence: np.ndarray
    open_pool: np.ndarray
    closed_frontier: np.ndarray
    open_frontier: np.ndarray
    benefit_rate: np.ndarray = field(init=False)
    taste: np.ndarray = field(init=False)
    set_up_annuity: np.ndarray = field(init=False)
    hardware_annuity: np.ndarray = field(init=False)
    running_cost: np.ndarray = field(init=False)
    stack: InitVar[Stack] = None

    def __post_init__(self, stack: Stack) -> None:
        """Benefit rate, taste and yearly equivalents from the parts."""
        derived = {
            "benefit_rate": self.attainable[:, :, None] * self.covered * self.fit,
            "taste": (stack.tastes + self.variety)[:, None, :]
            - stack.by_class("choice.beta")
            * (self.perceived_risk + self.confidentiality + self.dependence),
            "set_up_annuity": self.set_up_cost * stack.set_up_annuity[:, None, None],
            "hardware_annuity": self.hardware_cost * stack.hardware_annuity[:, None, None],
            "running_cost": self.hosting_cost + self.compliance_cost,
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def lane(self, number: int) -> Offers:
        """The offers of one lane: the same without the first axis."""
        view = object.__new__(Offers)
        for part in fields(self):
            object.__setattr__(view, part.name, getattr(self, part.name)[number])
        return view


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


#: lane -> an earlier lane, and the mechanisms held at that lane's path.
Held = Mapping[int, tuple[int, Collection[str]]]


def _hold(parts: dict[str, np.ndarray], stack: Stack, held: Held) -> None:
    """Give lanes other lanes' parts of the month's offers, in place."""
    for lane, (reference, mechanisms) in held.items():
        for mechanism in mechanisms:
            for name in MECHANISMS[mechanism]:
                part = parts[name]
                if name == "covered":
                    column = stack.open_weights[lane] == (mechanism == "open_lag")
                    part[lane] = np.where(column[None, :], part[reference], part[lane])
                else:
                    part[lane] = part[reference]


def _terms(
    stack: Stack, month: int, exhausted: Sequence[tuple[bool, ...]]
) -> tuple[policy.Terms, np.ndarray]:
    """Terms of a month, stacked by lane, and base prices ``[lanes, options]``.

    Lanes with the same options, package and spent budgets have the same terms.

    Raises:
        econsim.policy.PolicyError: a term leaves its bounds.
    """
    bases = [stack.lanes[n].scenario.base_terms(month) for n in stack.first_with_options]
    pairs = list(zip(stack.terms_of.tolist(), exhausted, strict=True))
    known: dict[tuple[int, tuple[bool, ...]], int] = {}
    found: list[policy.Terms] = []
    for pair in pairs:
        if pair not in known:
            lane = stack.first_with_terms[pair[0]]
            one = stack.lanes[lane]
            known[pair] = len(found)
            found.append(
                policy.terms(
                    month, bases[stack.options_of[lane]], one.scenario.package, one.class_masks,
                    one.options, len(one.class_cell), pair[1],
                )
            )  # fmt: skip
    if len(pairs) == 1:
        economy = {n: values[None] for n, values in found[0].economy.items()}
        option = {n: values[None] for n, values in found[0].option.items()}
    else:
        which = np.array([known[pair] for pair in pairs])
        economy = {n: np.stack([t.economy[n] for t in found])[which] for n in found[0].economy}
        option = {n: np.stack([t.option[n] for t in found])[which] for n in found[0].option}
    price = np.stack([b["option.price"] for b in bases])[stack.options_of]
    licence = np.stack([b["option.licence_openness"] for b in bases])[stack.options_of]
    reference = price[:, None, :] * _licence_factor(stack, licence[:, None, :])
    return policy.Terms(economy, option, ()), reference


def offers(
    stack: Stack,
    month: int,
    supplied: supply.Supply,
    rents_index: np.ndarray,
    exhausted: Sequence[tuple[bool, ...]],
    held: Held | None = None,
) -> Offers:
    """Terms, supply and prices of a month; advances the supply side by one month.

    Args:
        stack: the bound scenarios.
        month: months after January 2021.
        supplied: the supply side's memory.
        rents_index: rents of closed suppliers in the previous month relative to the reference,
            ``ndarray[lanes]``.
        exhausted: spent budgets of each lane's package.
        held: mechanisms held at other lanes' paths.

    Raises:
        econsim.policy.PolicyError: a term leaves its bounds.
    """
    one, values = stack.lanes[0], stack.values
    terms, reference = _terms(stack, month, exhausted)
    economy, option = terms.economy, terms.option

    def scalar(name: str) -> np.ndarray:
        return economy[name][:, 0]

    base_pool, variant_pool = _open_pool(stack, terms, supplied)
    closed, opened = supplied.advance(
        month,
        values,
        pace=scalar("supply.frontier_pace"),
        lag_change=scalar("supply.open_lag_change"),
        pool=base_pool,
        frozen=scalar("supply.open_frozen"),
        rents_index=rents_index,
        licence_threshold=scalar("supply.licence_threshold"),
        licence_delay_open=scalar("supply.licence_delay_open"),
        licence_delay_closed=scalar("supply.licence_delay_closed"),
        licence_refusal=scalar("supply.licence_refusal"),
    )
    family = np.where(stack.open_weights, opened[:, None], closed[:, None])[:, None, :]
    progress = family - option["option.capability_lag"]
    available = option["option.available"]
    presence = _presence(stack, available, stack.arrival <= month)
    reentry = scalar("supply.reentry_share")
    closed_multiple, seat_cost = _prices(stack, terms, presence, reentry)
    mass = supply.reentry_mass(presence, reentry, values["choice.open_share"])
    compliance = option["option.compliance_cost"]
    pushed = np.where(stack.open_weights, economy["supply.upstream_share"], 0.0)[:, None, :]
    upstream = compliance * pushed * stack.by_class("supply.domestic_pool_share")
    subsidy = option["option.price_subsidy"]
    years = ((month - values["survey.reference_month"]) / 12.0)[:, None]
    kinds, by_cell = one.class_cell, one.benefit_class
    maturity = economy["firms.maturity"]
    shift = np.stack([s.hurdle_shift for s in stack.lanes])
    tier = one.tier[kinds][None, :, None]
    parts = dict(
        attainable=one.labour_share[kinds]
        * one.exposure[kinds]
        * (values["benefit.saving"] * values["benefit.ceiling"])[:, None],
        covered=supply.coverage(
            progress, stack.by_class("coverage.midpoint"), stack.by_class("coverage.rate")
        ),
        fit=_fit(stack, terms, variant_pool),
        activity=activity(values, float(month)),
        seat_cost=seat_cost * (1.0 - subsidy),
        reference_seat_cost=np.repeat(
            stack.by_class("cost.seat_share") * reference, len(kinds), axis=1
        ),
        seat_subsidy=seat_cost * subsidy,
        foreign_share=option["option.foreign_share"],
        set_up_cost=option["option.set_up_hours"]
        * (
            stack.by_class("economy.hourly_cost") * stack.by_class("economy.currency_per_eur")
        ),
        hardware_cost=option["option.hardware_cost"],
        hosting_cost=option["option.hosting_cost"],
        compliance_cost=compliance * (1.0 - pushed),
        upstream_cost=upstream,
        misuse_cost=option["option.misuse_cost"],
        common=shift
        - values["hurdle.decline"][:, None] * years
        + (
            log(np.maximum(economy["hurdle.level"], 1e-12))
            - values["hurdle.maturity_effect"][:, None] * maturity
        )[:, by_cell],
        perceived_risk=option["option.perceived_risk"]
        - stack.by_class("openness.code_trust") * option["option.code_openness"],
        confidentiality=stack.by_class("hurdle.confidentiality")
        * 0.5
        * tier
        * option["option.confidentiality_exposure"],
        dependence=stack.by_class("hurdle.dependence") * option["option.dependence_exposure"],
        variety=np.where(stack.open_weights, 0.0, (values["choice.lambda"] * log(mass))[:, None]),
        available=available,
        switching_multiple=economy["firms.switching_cost"],
        voucher_rate=economy["voucher.rate"],
        voucher_cap=economy["voucher.cap"],
        considering_pace=economy["considering.pace"][:, by_cell]
        * exp(values["considering.maturity_slope"][:, None] * maturity[:, by_cell] - shift),
        programme=scalar("public.programme"),
        closed_multiple=closed_multiple,
        open_presence=presence,
        open_pool=variant_pool,
        closed_frontier=closed,
        open_frontier=opened,
    )  # fmt: skip
    if held:
        parts = {name: np.array(part) for name, part in parts.items()}
        _hold(parts, stack, held)
    return Offers(**parts, stack=stack)


def _fit(stack: Stack, terms: policy.Terms, variant_pool: np.ndarray) -> np.ndarray:
    """Fit of each option: its own, the open pool's variants, open training data."""
    pool = exp(stack.values["supply.fit_pool_elasticity"] * log(np.maximum(variant_pool, 0.05)))
    fit = terms.option["option.fit"] * np.where(stack.open_weights, pool[:, None], 1.0)[:, None, :]
    data_fit = stack.by_class("openness.data_fit")
    return np.asarray(fit * (1.0 + data_fit * terms.option["option.data_openness"]))


def _prices(
    stack: Stack, terms: policy.Terms, presence: np.ndarray, reentry: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Closed price multiple ``[lanes]``, and cost per person and year at actual prices."""
    values = stack.values
    closed_multiple = supply.closed_price_multiple(
        presence, reentry, values["supply.price_response"]
    )
    vendor_multiple = supply.vendor_price_multiple(
        closed_multiple,
        presence,
        values["supply.open_price_ratio"],
        values["supply.vendor_open_base"],
        values["supply.vendor_model_cost"],
        values["supply.vendor_pass_through"],
    )
    multiple = np.where(stack.ready_made, vendor_multiple[:, None], closed_multiple[:, None])
    multiple = np.where(stack.open_weights, 1.0, multiple)
    price = terms.option["option.price"] * multiple[:, None, :]
    price = price * _licence_factor(stack, terms.option["option.licence_openness"])
    return closed_multiple, stack.by_class("cost.seat_share") * price


def _open_pool(
    stack: Stack, terms: policy.Terms, supplied: supply.Supply
) -> tuple[np.ndarray, np.ndarray]:
    """Developers of open base models and of variants, relative to the baseline, ``[lanes]``.

    Duties (own, expected liability, and those pushed upstream from deployers) silence
    contributors whose budget they exceed, on the share of models in scope, beyond the duty's
    threshold, and less what an exemption lifts: from base models below systemic risk, and from
    variants, which are small models, always.  A lost pool comes back slowly.
    """
    values = stack.values

    def scalar(name: str) -> np.ndarray:
        return terms.economy[name][:, 0]

    money = values["economy.currency_per_eur"]
    upstream = scalar("supply.upstream_share")
    pushed = np.zeros(len(upstream))
    for lane in np.flatnonzero(upstream > 0.0):
        bound = stack.lanes[lane]
        if bound.open_weights.any():
            # By cell, so that the sum does not depend on how cells are classed.
            weights = bound.cells.firms / bound.cells.firms.sum()
            cost = terms.option["option.compliance_cost"][lane][:, bound.open_weights].mean(axis=1)
            by_firm = (cost[bound.benefit_class] * weights).sum()
            pushed[lane] = upstream[lane] * by_firm * values["supply.deployers_per_variant"][lane]
    frontier = supplied.open_frontier
    reached = frontier > scalar("supply.duty_threshold")
    exempt = frontier <= scalar("supply.systemic_threshold")
    lifted = 1.0 - scalar("supply.exemption")
    licensed = frontier > scalar("supply.licence_threshold")
    licence = np.where(licensed, scalar("supply.licence_cost"), 0.0)
    base_duty = np.where(reached, scalar("supply.base_duty"), 0.0)
    variant_duty = np.where(reached, scalar("supply.variant_duty") + pushed, 0.0)
    base_duty = (base_duty + licence) * np.where(exempt, lifted, 1.0)
    result = []
    for duty, kind in ((base_duty, "base"), (variant_duty * lifted, "variant")):
        silenced = supply.silenced_share(
            duty,
            money * values[f"supply.{kind}_budget"],
            values[f"supply.{kind}_budget_spread"],
            values["supply.silencing"],
        )
        result.append(scalar("supply.open_pool") * (1.0 - scalar("supply.duty_scope") * silenced))
    recovery = values["supply.pool_recovery"]
    supplied.base_pool, supplied.variant_pool = (
        supply.pool_after(pool, target, recovery)
        for pool, target in zip((supplied.base_pool, supplied.variant_pool), result, strict=True)
    )
    return supplied.base_pool, supplied.variant_pool


def _presence(stack: Stack, available: np.ndarray, arrived: np.ndarray) -> np.ndarray:
    """Share of the arrived open supply still present (1 before any arrived), ``[lanes]``."""
    by_option = available[:, 0, :].copy()
    uneven = (available != available[:, :1, :]).any(axis=(1, 2))
    for lane in np.flatnonzero(uneven):
        # By cell, so that the sum does not depend on how cells are classed.
        bound = stack.lanes[lane]
        weights = bound.cells.firms / bound.cells.firms.sum()
        by_option[lane] = [
            (column[bound.benefit_class] * weights).sum() if (column != column[0]).any()
            else column[0]
            for column in available[lane].T
        ]  # fmt: skip
    shares = np.where(stack.open_weights & arrived, stack.target_share, 0.0)
    total = shares.sum(axis=1)
    some = total > 0.0
    present = (by_option * shares).sum(axis=1) / np.where(some, total, 1.0)
    return np.where(some, present, 1.0)


@dataclass
class Considering:
    """The considering block: each cell's cumulative hazard, spreading month by month.

    Attributes:
        cumulative: ``ndarray[lanes, cells]``, Lambda.
        multiplier: ``ndarray[lanes, cells]``, hazard multiplier of the cell's mean firm.
        group: ``ndarray[cells]``, country x sector: whose peers they are.
        weight: ``ndarray[lanes, cells]``, applicable firms.
    """

    cumulative: np.ndarray
    multiplier: np.ndarray
    group: np.ndarray
    weight: np.ndarray

    @classmethod
    def start(cls, stack: Stack) -> Considering:
        """Nobody considers general-purpose AI before it is known."""
        cells = stack.lanes[0].cells

        def of(name: str) -> np.ndarray:
            return stack.values[name][:, None]

        size = behaviour.log_size(np.maximum(cells.persons / cells.firms, 1.0))[None, :]
        maturity = behaviour.logistic_share(of("maturity.level") + of("maturity.size_slope") * size)
        multiplier = exp(
            of("considering.size_slope") * size + of("considering.maturity_slope") * maturity
        )
        odds = np.array([log_odds(s) for s in stack.values["considering.applicable_share"]])
        applicable = behaviour.logistic_share(
            odds[:, None]
            + of("considering.applicable_size_slope") * size
            - np.stack([s.hurdle_shift for s in stack.lanes])
        )
        return cls(
            np.zeros((len(stack.lanes), cells.count)),
            multiplier,
            cells.country * len(cells.sectors) + cells.sector,
            cells.firms * applicable,
        )

    def peers(self, lane: int) -> np.ndarray:
        """Share of applicable peers of each cell's country and sector that consider AI."""
        considering = 1.0 - exp(-self.multiplier[lane] * self.cumulative[lane])
        weight = self.weight[lane]
        total = np.bincount(self.group, weights=weight)
        share = np.bincount(self.group, weights=weight * considering) / np.maximum(total, 1e-300)
        return np.asarray(share[self.group])

    def advance(self, month: int, values: Mapping[str, np.ndarray], pace: np.ndarray) -> None:
        """One month of spreading: ``Lambda += p * pace + q * peers`` once AI is known."""
        share = np.zeros_like(self.cumulative)
        for lane in np.flatnonzero(values["considering.peers"] != 0.0):
            share[lane] = self.peers(int(lane))
        known = (month >= values["considering.start"])[:, None]
        more = behaviour.considering_pressure(
            values["considering.hazard"][:, None], pace, values["considering.peers"][:, None],
            share, 1.0,
        )  # fmt: skip
        self.cumulative = np.where(known, self.cumulative + more, self.cumulative)


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
