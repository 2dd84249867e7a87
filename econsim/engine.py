"""The month as a list, and the vectorised run.

:class:`Economy` is the state of one run: firm columns, supply, considering, totals by cell.
:meth:`Economy.month` is one readable list of what happens in a month; :func:`run` is one run.
Decisions use last month's signals, so the order in which firms act cannot matter; totals are sums
of whole numbers, so the order in which they are added cannot matter either.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from econsim import accounts, behaviour, data, draws, meanfield, population, setting, supply
from econsim.scenario import Scenario
from econsim.setting import Offers, Setting

logger = logging.getLogger(__name__)

#: Weights are kept as whole numbers of this fraction of an enterprise.
WEIGHT_UNIT = 2.0**-20
_GROUPS = 2 * behaviour.TENURE_CLASSES

#: Outcomes recorded every month: name -> dimensions besides the total.
RECORDED = {
    "firms": ("size_class", "sector", "country"),
    "users": ("size_class", "sector", "country"),
    "general_users": ("size_class", "sector", "country", "option"),
    "open_users": ("size_class", "sector", "country"),
    "considering_firms": ("size_class", "sector", "country"),
    "survey_firms": ("size_class", "sector", "country"),
    "survey_users": ("size_class", "sector", "country"),
    "gdp": ("country",),
    "baseline_gdp": ("country",),
    "contribution": ("size_class", "sector", "country"),
    "firms_surplus": ("size_class", "sector", "country"),
    "ai_spending": ("size_class", "sector", "country", "option"),
    "controlled_users": ("size_class", "sector", "country"),
    "compliance_spending": ("size_class", "sector", "country"),
    "gni": (),
    "consumption": (),
    "wages": (),
    "government_consumption": (),
    "programme_spending": (),
    "public_revenue": (),
    "non_market_volume": (),
    "productivity": (),
    "dispersion": (),
    "foreign_spending": (),
    "concentration": (),
    "energy": (),
    "emissions": (),
    "open_pool": (),
    "imports_ai": (),
    "resource_hours": (),
    "rents_foreign": (),
    "rents_domestic": (),
    "public_spending": (),
    "misuse_cost": (),
    "leavers": (),
    "switchers": (),
    "evaluating_users": (),
    "closed_price_multiple": (),
    "closed_frontier": (),
    "open_frontier": (),
    "open_presence": (),
}


@dataclass
class Firms:
    """Columns of all firms, sorted by evaluation month, then cell, then ordinal.

    Attributes:
        cell: ``ndarray[firms]``, index into the cells.
        ordinal: number within the cell; with the cell's code, the firm's identity.
        key: start of the firm's own random numbers, uint64.
        persons: persons engaged.
        value_added: currency a year, prices of 2024, activity of the tables' year.
        scale, wedge, hurdle: see :class:`econsim.setting.Traits`.
        depth: share of the attainable saving realised.
        deep: whether the firm is a deep user.
        applicable: whether general-purpose AI applies to the firm.
        threshold: cumulative hazard at which it begins to consider AI.
        narrow: whether it uses narrow AI.
        compliance: uniform draw; the firm can use an option available to a larger share.
        weight: enterprises in units of WEIGHT_UNIT, whole numbers.
        weight_usage, weight_value, weight_scale: weight times usage (persons engaged times
            depth), value added and set-up scale, whole numbers.
        start: ``ndarray[13]``, first row of each evaluation month.
        option: current option, 0 none, ``k + 1``.
        tenure: years of experience, in classes.
        epoch: evaluation at which the firm's draws were last made.
        considering: whether it considers AI.
        hurdle_money, surplus: of the last evaluation, weighted, whole currency units a year.
    """

    cell: np.ndarray
    ordinal: np.ndarray
    key: np.ndarray
    persons: np.ndarray
    value_added: np.ndarray
    scale: np.ndarray
    wedge: np.ndarray
    hurdle: np.ndarray
    depth: np.ndarray
    deep: np.ndarray
    maturity: np.ndarray
    applicable: np.ndarray
    threshold: np.ndarray
    narrow: np.ndarray
    compliance: np.ndarray
    weight: np.ndarray
    weight_usage: np.ndarray
    weight_value: np.ndarray
    weight_scale: np.ndarray
    start: np.ndarray
    option: np.ndarray
    tenure: np.ndarray
    epoch: np.ndarray
    considering: np.ndarray
    hurdle_money: np.ndarray
    surplus: np.ndarray

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.cell)


def _whole(values: np.ndarray) -> np.ndarray:
    """Nearest whole numbers, still float64: sums below 2**53 are exact in any order."""
    return np.rint(values)


def build_firms(bound: Setting, rows: int | str, seed: int) -> Firms:
    """Firm columns of a run: the population with its traits and its luck.

    Args:
        bound: the bound scenario.
        rows: number of rows or ``"full"``.
        seed: run seed.

    Raises:
        econsim.population.PopulationError: too few rows.
    """
    people = population.synthesise(bound.scenario.region, rows, seed)
    values = bound.values
    key = draws.firm_key(seed, people.identity())
    never = np.zeros(people.rows, dtype=np.uint64)

    def luck(purpose: str) -> np.ndarray:
        return np.asarray(draws.uniform(key, draws.PURPOSES[purpose], never))

    size = behaviour.log_size(people.persons)
    mature = luck("digital_maturity") < behaviour.logistic_share(
        values["maturity.level"] + values["maturity.size_slope"] * size
    )
    maturity = mature.astype(np.float64)
    trait = setting.traits(bound, people.persons, maturity, people.cell)
    deep = luck("depth") < values["benefit.deep_share"]
    depth = np.where(deep, 1.0, values["benefit.light_depth"])
    evaluation = np.minimum(np.floor(luck("evaluation_month") * 12.0), 11.0).astype(np.int64)
    order = np.argsort(evaluation, kind="stable")
    value_added = people.value_added * values["economy.price_index_2024"]
    weight = _whole(people.weight / WEIGHT_UNIT)
    columns = {
        "cell": people.cell,
        "ordinal": people.ordinal,
        "key": key,
        "persons": people.persons,
        "value_added": value_added,
        "scale": trait.scale,
        "wedge": trait.wedge,
        "hurdle": trait.hurdle,
        "depth": depth,
        "deep": deep,
        "maturity": maturity,
        "applicable": luck("applicability") < trait.applicable_share,
        "threshold": behaviour.considering_threshold(
            draws.exponential(luck("considering")),
            trait.size,
            maturity,
            values["considering.size_slope"],
            values["considering.maturity_slope"],
        ),
        "narrow": luck("narrow") < trait.narrow_share,
        "compliance": luck("compliance"),
        "weight": weight,
        "weight_usage": _whole(weight * people.persons * depth),
        "weight_value": _whole(people.weight * value_added),
        "weight_scale": _whole(weight * trait.scale),
    }
    count = people.rows
    return Firms(
        **{name: column[order] for name, column in columns.items()},
        start=np.searchsorted(evaluation[order], np.arange(13)),
        option=np.zeros(count, dtype=np.int64),
        tenure=np.zeros(count, dtype=np.int64),
        epoch=np.ones(count, dtype=np.uint64),
        considering=np.zeros(count, dtype=bool),
        hurdle_money=np.zeros(count),
        surplus=np.zeros(count),
    )


@dataclass
class Totals:
    """Sums over firms by cell: whole numbers in float64, exact in any order.

    Attributes:
        value: ``[cells, options, depth x tenure]``, weighted value added of users.
        usage, firms, scale: ``[cells, options]``; usage is persons engaged times depth.
        users: ``[cells]``, firms using narrow or general-purpose AI.
        considering: ``[cells]``.
        hurdle, surplus: ``[cells]``, currency a year.
        new_scale: ``[cells, options]``, of this month's starts on an option.
        moving: ``[cells]``, cost of this month's moves between options, currency.
        vouchers: ``[cells]``, currency, of this month.
        leavers, switchers, evaluating: this month, units of weight.
    """

    value: np.ndarray
    usage: np.ndarray
    firms: np.ndarray
    scale: np.ndarray
    users: np.ndarray
    considering: np.ndarray
    hurdle: np.ndarray
    surplus: np.ndarray
    new_scale: np.ndarray
    moving: np.ndarray
    vouchers: np.ndarray
    leavers: float = 0.0
    switchers: float = 0.0
    evaluating: float = 0.0

    @classmethod
    def start(cls, cells: int, options: int, firms: Firms) -> Totals:
        """Totals before anybody uses general-purpose AI: narrow AI only."""
        users = np.bincount(firms.cell, weights=firms.weight * firms.narrow, minlength=cells)
        return cls(
            value=np.zeros((cells, options, _GROUPS)),
            usage=np.zeros((cells, options)),
            firms=np.zeros((cells, options)),
            scale=np.zeros((cells, options)),
            users=users,
            considering=np.zeros(cells),
            hurdle=np.zeros(cells),
            surplus=np.zeros(cells),
            new_scale=np.zeros((cells, options)),
            moving=np.zeros(cells),
            vouchers=np.zeros(cells),
        )

    def begin_month(self) -> None:
        """Forget last month's events."""
        for events in (self.new_scale, self.moving, self.vouchers):
            events[:] = 0.0
        self.leavers = self.switchers = self.evaluating = 0.0


@dataclass(frozen=True)
class Appraisal:
    """What evaluating firms weigh, one row per firm.

    Attributes:
        rows: ``ndarray[evaluating]``, row numbers of the firms.
        net: net saving of each option, ``[evaluating, options]``, currency a year.
        value: systematic utility, ``[evaluating, options]``.
        utility: with the firm's own shocks, ``[evaluating, options]``.
        no_option: utility of not using AI, ``[evaluating]``.
        voucher: what a voucher pays for a start on the option, ``[evaluating, options]``.
        moving: one-off cost of moving to another option, currency, ``[evaluating]``.
        epoch: evaluation at which the shocks were drawn.
    """

    rows: np.ndarray
    net: np.ndarray
    value: np.ndarray
    utility: np.ndarray
    no_option: np.ndarray
    voucher: np.ndarray
    moving: np.ndarray
    epoch: np.ndarray

    def best(self) -> np.ndarray:
        """The choice that maximises utility: 0 for none, ``k + 1`` for option k."""
        best = self.no_option
        chosen = np.zeros(len(self.rows), dtype=np.int64)
        for k in range(self.utility.shape[1]):
            utility = self.utility[:, k]
            chosen = behaviour.better_option(best, chosen, utility, k + 1)
            best = behaviour.better_value(best, utility)
        return chosen


@dataclass
class Record:
    """All monthly outcomes of a run, and who used what at the end of each year.

    Attributes:
        series: (outcome, dimension) -> ``ndarray[months, groups]``; dimension ``total`` has one
            group.
        labels: dimension -> labels of its groups.
        year_end: year -> ``ndarray[firms]`` of options, in the order of ``Firms``.
        year_end_surplus: year -> ``ndarray[firms]`` of weighted surplus, currency a year.
        worst_identity: largest relative error of an accounting identity.
    """

    series: dict[tuple[str, str], np.ndarray]
    labels: dict[str, tuple[str, ...]]
    year_end: dict[int, np.ndarray]
    year_end_surplus: dict[int, np.ndarray]
    worst_identity: float = 0.0


class Economy:
    """The state of one run, and the month."""

    def __init__(self, scenario: Scenario, rows: int | str, seed: int) -> None:
        """Build the population and the starting state.

        Raises:
            econsim.population.PopulationError, econsim.meanfield.MeanFieldError,
            econsim.data.DataError: the run cannot start.
        """
        self.scenario = scenario
        self.bound = meanfield.solved(scenario)
        self.firms = build_firms(self.bound, rows, seed)
        self.seed = seed
        self.period = 0
        cells, options = self.bound.cells, len(self.bound.options)
        self.totals = Totals.start(cells.count, options, self.firms)
        self.supplied = supply.Supply.start(self.bound.months)
        self.considering = setting.Considering.start(self.bound)
        self.signals = setting.Signals()
        self.spent = [0.0] * len(scenario.package.budgets)
        values = scenario.values
        self.learning = behaviour.learning_curve(values["learning.start"], values["learning.time"])
        self.offered: Offers | None = None
        self._available: np.ndarray | None = None
        self.flows: accounts.Flows | None = None
        self.closed: accounts.Month | None = None
        self.dispersion = 0.0
        self.record = self._empty_record()
        survey_size = np.array([s not in ("nonemployer", "0-9") for s in cells.size_classes])[
            cells.size
        ]
        survey_sector = np.array([s in data.SURVEY_SECTORS for s in cells.sectors])
        self._controlled = self.bound.open_weights | np.array(
            [o.deployment == "private_hardware" for o in scenario.options.values()]
        )
        self._non_market = [i for i, s in enumerate(cells.sectors) if s in ("P", "Q")]
        self._surveyed = survey_size & survey_sector[cells.sector]

    # --- the month --------------------------------------------------------------------------

    def month(
        self,
        decide: Callable[[np.ndarray], None] | None = None,
        held: tuple[Economy, Collection[str]] | None = None,
    ) -> None:
        """One month, in order.

        Args:
            decide: how due firms evaluate; :meth:`evaluate` on all of them when not given (Mesa
                agents pass their own activation).
            held: another run that has just done this month, and the mechanisms (keys of
                ``setting.MECHANISMS``) whose path of that run is imposed on this one.
        """
        offered = setting.offers(
            self.bound, self.period, self.supplied, self.signals, self._exhausted()
        )
        if held is not None:
            reference, mechanisms = held
            assert reference.offered is not None
            offered = setting.impose(self.bound, offered, reference.offered, mechanisms)
        self.offered = offered
        self.considering.advance(self.period, self.scenario.values, offered.considering_pace)
        self.totals.begin_month()
        (decide or self.evaluate)(np.concatenate([self.due(), self._locked_out(offered)]))
        self._pay_vouchers()
        self.flows = self._flows(offered)
        if held is not None and "residence_and_imports" in held[1]:
            self.flows = accounts.same_suppliers(self.flows, held[0].flows)
        self.closed = accounts.close(self.flows)
        self._record(offered, self.closed)
        self.signals = self._next_signals(offered)
        self.period += 1

    def due(self) -> np.ndarray:
        """Rows of the firms whose evaluation month it is."""
        start = self.firms.start
        turn = self.period % 12
        return np.arange(start[turn], start[turn + 1])

    def _locked_out(self, offered: Offers) -> np.ndarray:
        """Rows of firms, not due anyway, whose option has just been taken from them.

        A ban or a supplier's exit bites at once: these firms evaluate now.
        """
        before, self._available = self._available, offered.available
        if before is None or not (offered.available < before).any():
            return np.zeros(0, dtype=np.int64)
        firms = self.firms
        using = np.flatnonzero(firms.option)
        usable = offered.available[firms.cell[using], firms.option[using] - 1]
        shut = using[firms.compliance[using] >= usable]
        start, turn = firms.start, self.period % 12
        return shut[(shut < start[turn]) | (shut >= start[turn + 1])]

    def evaluate(self, rows: np.ndarray) -> None:
        """Due firms begin to consider, appraise their options, choose, and settle."""
        rows = self.consider(rows)
        if len(rows):
            appraisal = self.appraise(rows)
            self.settle(appraisal, appraisal.best())

    def consider(self, rows: np.ndarray, now: np.ndarray | None = None) -> np.ndarray:
        """Update who considers AI; return the rows that do.

        Args:
            rows: ``ndarray[evaluating]`` of row numbers.
            now: whether each begins to consider (default: by the rule).
        """
        firms = self.firms
        cell = firms.cell[rows]
        if now is None:
            now = behaviour.considers(
                firms.applicable[rows], firms.threshold[rows], self.considering.cumulative[cell]
            )
        begun = now & ~firms.considering[rows]
        np.add.at(self.totals.considering, cell[begun], firms.weight[rows][begun])
        firms.considering[rows] |= now
        return rows[firms.considering[rows]]

    def appraise(self, rows: np.ndarray) -> Appraisal:
        """What firms that consider AI weigh this month; changes nothing.

        Args:
            rows: ``ndarray[evaluating]`` of row numbers.
        """
        offered = self.offered
        assert offered is not None
        firms, values = self.firms, self.scenario.values
        cell = firms.cell[rows]
        persons, scale, wedge = firms.persons[rows], firms.scale[rows], firms.wedge[rows]
        value_added = offered.activity * firms.value_added[rows]
        hurdle, depth = firms.hurdle[rows], firms.depth[rows]
        compliance, current = firms.compliance[rows], firms.option[rows]
        rate, cap = offered.voucher_rate[cell], offered.voucher_cap[cell]
        life = setting.annuity(values["cost.interest"], values["cost.set_up_life"])
        move = (
            values["choice.switching_cost"]
            * values["economy.currency_per_eur"]
            * offered.switching_multiple[cell]
            * persons
        )
        key = firms.key[rows]
        occasion = np.uint64(self.period // 12 + 1)
        turn = np.full(len(rows), occasion)
        anew = behaviour.redrawn(
            draws.uniform(key, draws.PURPOSES["redraw"], turn), values["choice.persistence"]
        )
        epoch = np.where(anew, turn, firms.epoch[rows])
        dissimilarity = values["choice.lambda"]
        log_stable = draws.log_positive_stable(
            draws.uniform(key, draws.PURPOSES["stable_angle"], epoch),
            draws.uniform(key, draws.PURPOSES["stable_weight"], epoch),
            dissimilarity,
        )
        no_option = draws.gumbel(draws.uniform(key, draws.PURPOSES["no_option"], epoch))
        shape = (len(rows), len(self.bound.options))
        net, value, utility, vouchers = (np.empty(shape) for _ in range(4))
        for k, address in enumerate(self.bound.addresses):
            up_front = behaviour.up_front_cost(
                scale, offered.set_up_cost[cell, k], offered.hardware_cost[cell, k]
            )
            voucher = behaviour.voucher_payment(up_front, rate, cap)
            cost = behaviour.yearly_cost(
                persons * depth,
                scale,
                wedge,
                offered.seat_cost[cell, k],
                offered.set_up_annuity[cell, k],
                offered.hardware_annuity[cell, k],
                offered.running_cost[cell, k],
                life * np.where(current == k + 1, 0.0, voucher),
            )
            moving = (current > 0) & (current != k + 1)
            cost = np.where(moving, cost + life * move, cost)
            gain = behaviour.benefit(value_added, offered.benefit_rate[cell, k], depth)
            worth = behaviour.option_value(
                gain, cost, hurdle, offered.taste[cell, k], values["choice.beta"]
            )
            worth = np.where(compliance < offered.available[cell, k], worth, behaviour.NEVER)
            own = draws.gumbel(draws.uniform(key, address, epoch))
            net[:, k] = gain - cost
            value[:, k] = worth
            utility[:, k] = worth + behaviour.shock(own, log_stable, dissimilarity)
            vouchers[:, k] = voucher
        return Appraisal(rows, net, value, utility, no_option, vouchers, move, epoch)

    def settle(self, appraisal: Appraisal, chosen: np.ndarray) -> None:
        """Carry out choices: experience, hurdle, surplus, totals.

        Args:
            appraisal: what the firms weighed.
            chosen: ``ndarray[evaluating]``: 0 for none, ``k + 1`` for option k; an option of
                utility NEVER cannot be chosen.
        """
        firms, totals, values = self.firms, self.totals, self.scenario.values
        rows = appraisal.rows
        before = firms.option[rows]
        uses, used = chosen > 0, before > 0
        pick = np.maximum(chosen - 1, 0)
        line = np.arange(len(rows))
        family = self.bound.open_weights
        same = family[pick] == family[np.maximum(before - 1, 0)]
        tenure = behaviour.next_tenure(
            firms.tenure[rows], used, same, values["learning.carry_over"]
        ).astype(np.int64)
        tenure = np.where(uses, tenure, 0)
        self._move(rows, before, firms.tenure[rows], -1.0)
        self._move(rows, chosen, tenure, 1.0)

        weight = firms.weight[rows]
        cell = firms.cell[rows]
        real = firms.weight[rows] * WEIGHT_UNIT
        # Firms that use nothing have no realised hurdle; zero distance keeps arithmetic finite.
        utility = np.where(uses, appraisal.utility[line, pick], appraisal.no_option)
        hurdle = behaviour.realised_hurdle(
            appraisal.net[line, pick], utility, appraisal.no_option, values["choice.beta"]
        )
        hurdle = np.where(uses, _whole(real * hurdle), 0.0)
        surplus = _whole(real * self._surplus(appraisal))
        np.add.at(totals.hurdle, cell, hurdle - firms.hurdle_money[rows])
        np.add.at(totals.surplus, cell, surplus - firms.surplus[rows])
        changed_use = (uses.astype(np.float64) - used) * ~firms.narrow[rows]
        np.add.at(totals.users, cell, weight * changed_use)

        started = uses & (chosen != before)
        where = (cell[started], pick[started])
        np.add.at(totals.new_scale, where, firms.weight_scale[rows][started])
        paid = _whole(real[started] * appraisal.voucher[line, pick][started])
        np.add.at(totals.vouchers, cell[started], paid)
        moved = used & uses & (chosen != before)
        np.add.at(totals.moving, cell[moved], _whole(real * appraisal.moving)[moved])
        totals.leavers += float(weight[used & ~uses].sum())
        totals.switchers += float(weight[moved].sum())
        totals.evaluating += float(weight[used].sum())

        firms.option[rows] = chosen
        firms.tenure[rows] = tenure
        firms.epoch[rows] = appraisal.epoch
        firms.hurdle_money[rows] = hurdle
        firms.surplus[rows] = surplus

    def _move(self, rows: np.ndarray, option: np.ndarray, tenure: np.ndarray, sign: float) -> None:
        """Add (or take away) users to the totals of their cell, option, depth and tenure."""
        firms, totals = self.firms, self.totals
        uses = option > 0
        rows, k = rows[uses], option[uses] - 1
        cell = firms.cell[rows]
        group = firms.deep[rows] * behaviour.TENURE_CLASSES + tenure[uses]
        np.add.at(totals.value, (cell, k, group), sign * firms.weight_value[rows])
        np.add.at(totals.usage, (cell, k), sign * firms.weight_usage[rows])
        np.add.at(totals.firms, (cell, k), sign * firms.weight[rows])
        np.add.at(totals.scale, (cell, k), sign * firms.weight_scale[rows])

    def _surplus(self, appraisal: Appraisal) -> np.ndarray:
        """Expected surplus of each evaluating firm, currency a year.

        The integral of the choice probability over net saving along a stated path: closed options
        first, all together, then open ones beside them.  (Value functions in logarithms leave the
        integral path-dependent; along this one, open options never lower it.)
        """
        values = self.scenario.values
        dissimilarity, beta = values["choice.lambda"], values["choice.beta"]
        largest = appraisal.value.max(axis=1)
        feasible = largest > 0.5 * behaviour.NEVER
        top = np.where(feasible, largest, 0.0)
        weight = [np.zeros(len(top)), np.zeros(len(top))]
        saving = [np.zeros(len(top)), np.zeros(len(top))]
        for k, is_open in enumerate(self.bound.open_weights):
            usable = appraisal.value[:, k] > 0.5 * behaviour.NEVER
            share = behaviour.exp((appraisal.value[:, k] - top) / dissimilarity)
            share = np.where(usable, share, 0.0)
            family = int(is_open)
            weight[family] = weight[family] + share
            saving[family] = saving[family] + share * np.where(usable, appraisal.net[:, k], 0.0)
        mean = [s / np.maximum(w, 1e-300) for s, w in zip(saving, weight, strict=True)]
        inclusive = behaviour.inclusive_value(top, np.maximum(weight[0], 1e-300), dissimilarity)
        closed = mean[0] * behaviour.surplus_share(inclusive, beta)
        added = behaviour.added_surplus_share(top, weight[0], weight[1], beta, dissimilarity)
        return np.asarray(np.where(feasible, closed + mean[1] * added, 0.0))

    # --- accounts and signals ---------------------------------------------------------------

    def _flows(self, offered: Offers) -> accounts.Flows:
        """The month's flows from the rules."""
        bound, totals, values = self.bound, self.totals, self.scenario.values
        cells = bound.cells
        depth = np.array([values["benefit.light_depth"], 1.0])
        realised = (depth[:, None] * self.learning[None, :]).reshape(-1)
        rate = offered.benefit_rate[bound.class_cell]
        per_value = accounts.gross_gain(
            rate[:, :, None] * realised[None, None, :], values["accounts.first_order"]
        )
        value = totals.value * (offered.activity / 12.0)
        gains = per_value[bound.benefit_class]
        gain = (value * gains).sum(axis=(1, 2))
        usage = totals.usage * WEIGHT_UNIT
        upstream = (totals.firms * WEIGHT_UNIT * offered.upstream_cost).sum(axis=1) / 12.0
        firms = totals.firms * WEIGHT_UNIT
        services = usage * offered.reference_seat_cost / 12.0
        subsidies = (usage * offered.seat_subsidy).sum(axis=1) / 12.0
        hosting = (firms * offered.hosting_cost).sum(axis=1) / 12.0
        received = offered.seat_cost + offered.seat_subsidy
        rents = usage * (received - offered.reference_seat_cost) / 12.0
        foreign = offered.foreign_share
        set_up = (totals.new_scale * WEIGHT_UNIT * offered.set_up_cost).sum(axis=1)
        compliance = (firms * offered.compliance_cost).sum(axis=1) / 12.0
        hours = (
            set_up
            + totals.moving
            + compliance
            + upstream
            + values["hurdle.real_share"] * totals.hurdle / 12.0
        )
        hardware = (firms * offered.hardware_cost).sum(axis=1) / (
            12.0 * values["cost.hardware_life"]
        )
        baseline = (
            1e6 * values["economy.price_index_2024"] * cells.value_added * (offered.activity / 12.0)
        )
        by_country = np.bincount(cells.country, weights=baseline, minlength=len(cells.countries))
        rest = bound.gdp * (offered.activity / 12.0) - by_country
        squares = (value * gains * gains).sum(axis=(1, 2))
        by_sector = [
            np.bincount(cells.sector, weights=w, minlength=len(cells.sectors))
            for w in (baseline, gain, squares)
        ]
        variance = by_sector[2] / by_sector[0] - (by_sector[1] / by_sector[0]) ** 2
        self.dispersion = float(np.sqrt(max((variance * by_sector[0]).sum() / baseline.sum(), 0.0)))
        return accounts.Flows(
            baseline=baseline,
            baseline_rest=rest,
            gain=gain,
            hours=hours,
            services_domestic=(services * (1.0 - foreign)).sum(axis=1) + hosting,
            services_foreign=(services * foreign).sum(axis=1),
            hardware=hardware,
            rents_foreign=(rents * foreign).sum(axis=1),
            rents_domestic=(rents * (1.0 - foreign)).sum(axis=1),
            vouchers=totals.vouchers + subsidies,
            programme=offered.programme / 12.0,
            cost_of_funds=values["accounts.marginal_cost_of_funds"],
            transitory=set_up + totals.moving,
            sector=cells.sector,
            within_variance=float((variance * by_sector[0]).sum())
            / float(baseline.sum() + rest.sum()),
            channels=accounts.Channels(
                capital_deepening=values["accounts.capital_deepening"],
                capital_share=values["accounts.capital_share"],
                substitution=values["accounts.sector_substitution"],
                reallocation=values["accounts.reallocation"],
            ),
            labour_share=bound.labour_share,
            mark_up_share=values["supply.mark_up_share"],
            shares=(
                values["economy.household_share"],
                values["economy.government_share"],
                values["economy.investment_share"],
            ),
            rest_labour_share=bound.rest_labour_share,
        )

    def _exhausted(self) -> tuple[bool, ...]:
        budgets = self.scenario.package.budgets
        return tuple(s >= b.total for s, b in zip(self.spent, budgets, strict=True))

    def _pay_vouchers(self) -> None:
        """Charge this month's vouchers to their budgets; the last payments share what is left."""
        vouchers = self.totals.vouchers
        for number, budget in enumerate(self.scenario.package.budgets):
            entry = next(e for e in self.scenario.package.entries if e.budget == number)
            if entry.strength(self.period) > 0.0 and not self._exhausted()[number]:
                reached = self.bound.masks[entry.where]
                asked = float(vouchers[reached].sum())
                left = budget.total - self.spent[number]
                if asked < left:
                    self.spent[number] += asked
                else:
                    vouchers[reached] *= left / asked
                    # To the last cent: what rounding left over would keep the offer standing.
                    self.spent[number] = budget.total

    def _next_signals(self, offered: Offers) -> setting.Signals:
        """What suppliers know next month: closed suppliers' rents relative to the reference."""
        by_option = self.totals.firms.sum(axis=0)
        users = float(by_option.sum())
        if users <= 0.0:
            return setting.Signals()
        closed = float(by_option[~self.bound.open_weights].sum()) / users
        reference = 1.0 - self.scenario.values["choice.open_share"]
        index = max(closed / reference, 0.05) * offered.closed_multiple
        return setting.Signals(rents_index=index)

    # --- recording --------------------------------------------------------------------------

    def _empty_record(self) -> Record:
        cells = self.bound.cells
        labels = {
            "total": ("all",),
            "size_class": cells.size_classes,
            "sector": cells.sectors,
            "country": cells.countries,
            "option": self.bound.options,
        }
        series = {
            (name, dimension): np.zeros((self.bound.months, len(labels[dimension])))
            for name, dimensions in RECORDED.items()
            for dimension in ("total", *dimensions)
        }
        return Record(series, labels, {}, {})

    def _record(self, offered: Offers, closed: accounts.Month) -> None:
        """Write the month's outcomes; money is per year."""
        assert self.flows is not None
        totals, cells, month = self.totals, self.bound.cells, self.period
        unit = WEIGHT_UNIT
        general = totals.firms.sum(axis=1) * unit
        users = totals.users * unit
        surveyed = np.where(self._surveyed, 1.0, 0.0)
        spending = totals.usage * unit * offered.seat_cost + totals.firms * unit * (
            offered.running_cost
        )
        by_cell = {
            "firms": cells.firms,
            "users": users,
            "general_users": general,
            "open_users": totals.firms[:, self.bound.open_weights].sum(axis=1) * unit,
            "controlled_users": totals.firms[:, self._controlled].sum(axis=1) * unit,
            "compliance_spending": (totals.firms * unit * offered.compliance_cost).sum(axis=1),
            "considering_firms": totals.considering * unit,
            "survey_firms": cells.firms * surveyed,
            "survey_users": users * surveyed,
            "contribution": 12.0 * closed.contribution,
            "firms_surplus": totals.surplus,
            "ai_spending": spending.sum(axis=1),
        }
        index = {"size_class": cells.size, "sector": cells.sector, "country": cells.country}
        series = self.record.series
        for name, values in by_cell.items():
            series[name, "total"][month, 0] = values.sum()
            for dimension in RECORDED[name]:
                if dimension in index:
                    width = len(self.record.labels[dimension])
                    series[name, dimension][month] = np.bincount(
                        index[dimension], weights=values, minlength=width
                    )
        series["general_users", "option"][month] = totals.firms.sum(axis=0) * unit
        series["ai_spending", "option"][month] = spending.sum(axis=0)
        base_by_country = self.bound.gdp * offered.activity
        series["baseline_gdp", "country"][month] = base_by_country
        # The cost of public funds belongs to no cell: countries bear it by their GDP.
        lost = 12.0 * closed.funds * base_by_country / base_by_country.sum()
        series["gdp", "country"][month] = (
            base_by_country + series["contribution", "country"][month] - lost
        )
        options = list(self.scenario.options.values())
        by_option = spending.sum(axis=0)
        share = by_option / by_option.sum() if by_option.sum() > 0.0 else np.zeros(len(options))
        seats = totals.usage.sum(axis=0) * unit * self.scenario.values["cost.seat_share"]
        energy = float((seats * np.array([o.energy for o in options])).sum())
        book = closed.book
        values = self.scenario.values
        extra = 12.0 * (closed.gdp - closed.baseline_gdp)
        # Public administration, education and health are assumed to gain what the firms of
        # education and health gain; at cost their output does not show it.
        alike = np.isin(cells.sector, self._non_market)
        alike_gain = float(closed.contribution[alike].sum()) / float(
            self.flows.baseline[alike].sum()
        )
        volume = values["economy.non_market_share"] * 12.0 * closed.baseline_gdp * alike_gain
        single = {
            "government_consumption": 12.0 * book["government"],
            "programme_spending": offered.programme,
            "public_revenue": values["economy.revenue_share"] * extra,
            "non_market_volume": volume,
            "wages": 12.0 * (book["wages_firms"] + book["wages_suppliers"] + book["wages_rest"]),
            "productivity": 100.0 * closed.productivity,
            "dispersion": self.dispersion,
            "foreign_spending": float((spending * offered.foreign_share).sum()),
            "concentration": float((share * share).sum()),
            "energy": energy,
            "emissions": energy * self.scenario.values["energy.emission_factor"],
            "open_pool": offered.open_pool,
            "gdp": 12.0 * closed.gdp,
            "baseline_gdp": 12.0 * closed.baseline_gdp,
            "gni": 12.0 * closed.gni,
            "consumption": 12.0 * closed.consumption,
            "imports_ai": 12.0 * closed.imports_ai,
            "resource_hours": 12.0 * closed.hours,
            "rents_foreign": 12.0 * (closed.gdp - closed.gni),
            "rents_domestic": 12.0 * closed.rents_domestic,
            "public_spending": 12.0 * book["vouchers"] + offered.programme,
            "misuse_cost": float((totals.firms * unit * offered.misuse_cost).sum()),
            "leavers": totals.leavers * unit,
            "switchers": totals.switchers * unit,
            "evaluating_users": totals.evaluating * unit,
            "closed_price_multiple": offered.closed_multiple,
            "closed_frontier": offered.closed_frontier,
            "open_frontier": offered.open_frontier,
            "open_presence": offered.open_presence,
        }
        for name, value in single.items():
            series[name, "total"][month, 0] = value
        self.record.worst_identity = max(self.record.worst_identity, closed.worst)
        if month % 12 == 11:
            year = 2021 + month // 12
            self.record.year_end[year] = self.firms.option.astype(np.int8)
            self.record.year_end_surplus[year] = self.firms.surplus.copy()


def run(
    scenario: Scenario,
    *,
    rows: int | str | None = None,
    seed: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Economy:
    """One run of a scenario from its first to its last month.

    Args:
        scenario: what to run.
        rows: number of firms (default: the scenario's).
        seed: run seed (default: the scenario's).
        progress: called after each month with (months done, months in all).

    Returns:
        The economy at the end, with its :class:`Record`.
    """
    settings = scenario.run
    economy = Economy(
        scenario,
        settings.firms if rows is None else rows,
        settings.seed if seed is None else seed,
    )
    for month in range(settings.months):
        economy.month()
        if progress is not None:
            progress(month + 1, settings.months)
    return economy


def run_held(
    reference: Scenario,
    scenario: Scenario,
    mechanisms: Collection[str],
    *,
    rows: int | str,
    seed: int,
) -> tuple[Economy, Economy]:
    """Run two scenarios in step, with some mechanisms held in the second at the first's path.

    With every mechanism held the second run equals the first.

    Args:
        reference: whose monthly path is imposed.
        scenario: on which it is imposed.
        mechanisms: keys of ``setting.MECHANISMS``.
        rows, seed: of both runs.

    Raises:
        ValueError: an unknown mechanism, or scenarios that differ in region, options or horizon.
    """
    unknown = sorted(set(mechanisms) - set(setting.MECHANISMS))
    if unknown:
        raise ValueError(f"unknown mechanism '{unknown[0]}': {', '.join(setting.MECHANISMS)}")
    first, second = Economy(reference, rows, seed), Economy(scenario, rows, seed)
    if (
        first.bound.options != second.bound.options
        or reference.region != scenario.region
        or reference.run.months != scenario.run.months
    ):
        raise ValueError("scenarios must share region, options and horizon to hold mechanisms")
    for _ in range(reference.run.months):
        first.month()
        second.month(held=(first, mechanisms))
    return first, second
