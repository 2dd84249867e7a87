"""The month as a list, and the run.

:class:`Worlds` are one or several worlds (scenarios, parameter sets) over one population: they
share the firms' columns and luck and advance in one pass.  :meth:`Worlds.month` is one readable
list of what happens in a month; :class:`Economy` is one of the worlds, and :func:`run` one run.
Decisions use last month's signals, so the order in which firms act cannot matter; totals are sums
of whole numbers, so the order in which they are added cannot matter either: any activation, any
number of threads, blocks of any size, compiled or not, give the same bits.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from econsim import (
    accounts,
    aggregation,
    behaviour,
    compiled,
    data,
    draws,
    evaluation,
    meanfield,
    population,
    setting,
    supply,
)
from econsim.evaluation import GROUPS, WEIGHT_UNIT
from econsim.scenario import Scenario
from econsim.setting import Offers, Setting

logger = logging.getLogger(__name__)

#: Firm-months from which compiled code that is not at hand yet is worth its compilation.
WORTH_COMPILING = 1.0e8
#: Firm-months from which loading compiled code that is at hand is worth it.
WORTH_LOADING = 1.0e7

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


class Firms:
    """The firms of one world, column by column: a view, sorted as the population.

    A firm has few columns of its own; the rest follows from its identity, these columns and the
    world's parameters, and is computed when asked for (:meth:`of`).

    Attributes:
        cell: ``ndarray[firms]``, index into the cells.
        ordinal: number within the cell; with the cell's code, the firm's identity.
        persons: persons engaged.
        option: current option, 0 none, ``k + 1``.
        tenure: years of experience, in classes.
        epoch: evaluation at which the firm's draws were last made.
        considering: whether it considers AI.
        hurdle_money, surplus: of the last evaluation, weighted, whole currency units a year.
        maturity, deep, applicable, narrow: traits drawn at the start: digital maturity (0 or 1),
            deep use, whether general-purpose AI applies to the firm, whether it uses narrow AI.
        value_added: currency a year, prices of 2024, activity of the tables' year.
        depth: share of the attainable saving realised.
        scale, wedge, hurdle: see :class:`econsim.setting.Traits`.
        threshold: cumulative hazard at which it begins to consider AI.
        compliance: uniform draw; the firm can use an option available to a larger share.
        key: start of the firm's own random numbers, uint64.
        weight: enterprises in units of WEIGHT_UNIT, whole numbers.
        weight_usage, weight_value, weight_scale: weight times usage (persons engaged times
            depth), value added and set-up scale, whole numbers.
    """

    def __init__(
        self, shared: population.Population, bound: Setting, worlds: Worlds, lane: int
    ) -> None:
        """View one lane."""
        self._shared, self._bound, self._worlds, self._lane = shared, bound, worlds, lane

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self._shared.rows

    @property
    def start(self) -> np.ndarray:
        """``ndarray[13]``, first row of each evaluation month."""
        return self._shared.start

    @property
    def cell(self) -> np.ndarray:
        """Index into the cells."""
        return self._shared.cell

    @property
    def ordinal(self) -> np.ndarray:
        """Number within the cell; with the cell's code, the firm's identity."""
        return self._shared.ordinal

    @property
    def persons(self) -> np.ndarray:
        """Persons engaged."""
        return self._shared.persons

    @property
    def option(self) -> np.ndarray:
        """Current option, 0 none, ``k + 1``; uint8."""
        return self._worlds.state.small[evaluation.OPTION, self._lane]

    @property
    def tenure(self) -> np.ndarray:
        """Years of experience, in classes; uint8."""
        return self._worlds.state.small[evaluation.TENURE, self._lane]

    @property
    def epoch(self) -> np.ndarray:
        """Evaluation at which the firm's shocks were last drawn; uint8."""
        return self._worlds.state.small[evaluation.EPOCH, self._lane]

    @property
    def considering(self) -> np.ndarray:
        """Whether it considers AI."""
        return self._worlds.state.small[evaluation.CONSIDERING, self._lane].view(bool)

    @property
    def hurdle_money(self) -> np.ndarray:
        """Realised hurdle of the last evaluation, weighted, whole currency units a year."""
        return self._worlds.state.money[evaluation.HURDLE, self._lane]

    @property
    def surplus(self) -> np.ndarray:
        """Expected surplus of the last evaluation, weighted, whole currency units a year."""
        return self._worlds.state.money[evaluation.SURPLUS, self._lane]

    def of(self, name: str, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """A column for some rows only (all by default).

        Args:
            name: any column of this class.
            rows: row numbers.
        """
        if name in ("maturity", "deep", "applicable", "narrow"):
            bit = {
                "maturity": evaluation.MATURE, "deep": evaluation.DEEP,
                "applicable": evaluation.APPLICABLE, "narrow": evaluation.NARROW,
            }[name]  # fmt: skip
            found = (self._worlds.state.small[evaluation.FLAGS, self._lane][rows] & bit) != 0
            return found.astype(np.float64) if name == "maturity" else found
        values, people = self._bound.values, self._shared
        cell = people.cell[rows]
        if name == "value_added":
            return people.value_added[rows] * values["economy.price_index_2024"]
        if name == "weight":
            return self._worlds.ground.weight[cell]
        if name == "depth":
            return np.where(self.of("deep", rows), 1.0, values["benefit.light_depth"])
        if name in ("scale", "wedge", "hurdle"):
            trait = setting.traits(
                self._bound, people.persons[rows], self.of("maturity", rows), cell
            )
            return np.asarray(getattr(trait, name))
        if name in ("key", "compliance", "threshold"):
            identity = self._worlds.ground.identity[cell] | people.ordinal[rows].astype(np.uint64)
            key = draws.firm_key(self._shared.seed, identity)
            if name == "key":
                return np.asarray(key)
            if name == "compliance":
                return np.asarray(evaluation.compliance_draw.rule(key))
            return np.asarray(
                evaluation.threshold(
                    key,
                    behaviour.log_size(people.persons[rows]),
                    self._worlds.state.small[evaluation.FLAGS, self._lane][rows],
                    values["considering.size_slope"],
                    values["considering.maturity_slope"],
                )
            )
        weight = self._worlds.ground.weight[cell]
        if name == "weight_usage":
            return np.rint(weight * (people.persons[rows] * self.of("depth", rows)))
        if name == "weight_value":
            return np.rint(weight * WEIGHT_UNIT * self.of("value_added", rows))
        if name == "weight_scale":
            return np.rint(weight * self.of("scale", rows))
        return np.asarray(getattr(self, name)[rows])

    def __getattr__(self, name: str) -> np.ndarray:
        if name in DERIVED:
            return self.of(name)
        raise AttributeError(f"firms have no column '{name}'")


#: Columns that are computed when asked for.
DERIVED = (
    "maturity", "deep", "applicable", "narrow", "value_added", "weight", "depth", "scale",
    "wedge", "hurdle", "key", "compliance", "threshold", "weight_usage", "weight_value",
    "weight_scale",
)  # fmt: skip

#: What firms remember.
REMEMBERED = ("option", "tenure", "epoch", "considering", "hurdle_money", "surplus")


def build_firms(bound: Setting, rows: int | str, seed: int) -> Firms:
    """Firm columns of a run: the population with its traits and its luck.

    Args:
        bound: the bound scenario.
        rows: number of rows or ``"full"``.
        seed: run seed.

    Raises:
        econsim.population.PopulationError: too few rows.
    """
    return (
        Worlds([bound], population.synthesise(bound.scenario.region, rows, seed)).economies[0].firms
    )


class Totals:
    """Sums over the firms of one world by cell: whole numbers in float64, exact in any order.

    ``value`` is ``[cells, options, depth x tenure]``, weighted value added of users; ``usage``
    (persons engaged times depth), ``firms``, ``scale`` and ``new_scale`` (this month's starts on
    an option) are ``[cells, options]``; ``users`` (of narrow or general-purpose AI),
    ``considering``, ``hurdle`` and ``surplus`` (currency a year), ``moving`` (cost of this month's
    moves between options) and ``vouchers`` (of this month, currency) are ``[cells]``.
    """

    def __init__(self, worlds: Worlds, lane: int) -> None:
        """View one lane of the sums."""
        self._worlds, self._lane = worlds, lane

    def _pair(self, row: int) -> np.ndarray:
        options = self._worlds.stack.open_weights.shape[1]
        return self._worlds.sums.pair[row, self._lane].reshape(options, -1).T

    def __getattr__(self, name: str) -> np.ndarray:
        if name == "value":
            options = self._worlds.stack.open_weights.shape[1]
            value = self._worlds.sums.value[self._lane].reshape(options, GROUPS, -1)
            return value.transpose(2, 0, 1)
        if name in _PAIRS:
            return self._pair(_PAIRS[name])
        if name in _CELLS:
            return self._worlds.sums.cell[_CELLS[name], self._lane]
        raise AttributeError(f"there is no total called '{name}'")

    @property
    def events(self) -> np.ndarray:
        """Leavers, switchers and users that evaluated this month, units of weight."""
        return self._worlds.sums.events[self._lane]

    @property
    def leavers(self) -> float:
        """Firms that stopped using AI this month, units of weight."""
        return float(self.events[0])

    @property
    def switchers(self) -> float:
        """Firms that moved to another option this month, units of weight."""
        return float(self.events[1])

    @property
    def evaluating(self) -> float:
        """Users that evaluated this month, units of weight."""
        return float(self.events[2])


_PAIRS = {
    "usage": evaluation.USAGE, "firms": evaluation.FIRMS, "scale": evaluation.SCALE,
    "new_scale": evaluation.NEW_SCALE,
}  # fmt: skip
_CELLS = {
    "users": evaluation.USERS, "considering": evaluation.CONSIDERED,
    "hurdle": evaluation.HURDLES, "surplus": evaluation.SURPLUSES, "moving": evaluation.MOVES,
    "vouchers": evaluation.VOUCHERS,
}  # fmt: skip


@dataclass(frozen=True)
class Appraisal:
    """What evaluating firms weigh, one row per firm.

    Attributes:
        rows: ``ndarray[evaluating]``, row numbers of the firms.
        work: the buffers of the evaluation.
        here: which buffer holds the best choice.
    """

    rows: np.ndarray
    work: evaluation.Work
    here: int

    @property
    def net(self) -> np.ndarray:
        """Net saving of each option, ``[evaluating, options]``, currency a year."""
        return self.work.option[evaluation.NET].T

    @property
    def value(self) -> np.ndarray:
        """Systematic utility, ``[evaluating, options]``."""
        return self.work.option[evaluation.WORTH].T

    @property
    def utility(self) -> np.ndarray:
        """Utility with the firm's own shocks, ``[evaluating, options]``."""
        return self.work.option[evaluation.UTILITY].T

    @property
    def no_option(self) -> np.ndarray:
        """Utility of not using AI, ``[evaluating]``."""
        return self.work.real[evaluation.NO_OPTION]

    def best(self) -> np.ndarray:
        """The choice that maximises utility: 0 for none, ``k + 1`` for option k."""
        return self.work.whole[evaluation.CHOSEN + self.here]


@dataclass
class Record:
    """All monthly outcomes of a run.

    Attributes:
        series: (outcome, dimension) -> ``ndarray[months, groups]``; dimension ``total`` has one
            group.
        labels: dimension -> labels of its groups.
        worst_identity: largest relative error of an accounting identity.
    """

    series: dict[tuple[str, str], np.ndarray]
    labels: dict[str, tuple[str, ...]]
    worst_identity: float = 0.0


@dataclass(frozen=True)
class _Constant:
    """Columns of the record that do not change, ``[cells]``."""

    firms: np.ndarray
    surveyed: np.ndarray
    survey_firms: np.ndarray
    non_market: np.ndarray


def _constant_columns(stack: setting.Stack) -> _Constant:
    cells = stack.lanes[0].cells
    sizes = np.array([s not in ("nonemployer", "0-9") for s in cells.size_classes])
    sectors = np.array([s in data.SURVEY_SECTORS for s in cells.sectors])
    surveyed = np.where(sizes[cells.size] & sectors[cells.sector], 1.0, 0.0)
    non_market = np.array([s in ("P", "Q") for s in cells.sectors])[cells.sector]
    return _Constant(cells.firms, surveyed, cells.firms * surveyed, non_market)


def _group_sums(values: np.ndarray, group: np.ndarray, groups: int) -> np.ndarray:
    """Sums over cells by group, ``[lanes, groups]``: each lane in the order of its cells."""
    lanes = len(values)
    bins = np.arange(lanes)[:, None] * groups + group
    found = np.bincount(bins.ravel(), weights=values.ravel(), minlength=lanes * groups)
    return found.reshape(lanes, groups)


#: Series that exist only against a baseline: the same firm in two worlds, at year ends.
AGAINST_BASELINE = ("lost_users", "diverted_users", "gained_users", "worse_off_firms")


class Worlds:
    """One or several worlds over one population, advanced together.

    Lanes share the firms' columns and luck.  Each gives the numbers it gives alone, bit for bit.

    Args:
        bound: the bound scenarios, one per lane, with one region, one set of options and one
            partition of cells into classes (:func:`bind_all`).
        shared: the population.
        threads: how many may evaluate firms at once; numbers do not depend on it.
        against: lane -> an earlier lane that it is compared with, firm by firm, at year ends.
        held: lane -> an earlier lane and the mechanisms (keys of ``setting.MECHANISMS``) that are
            held at that lane's path.
        jit: whether kernels run compiled; numbers do not depend on it.
    """

    def __init__(
        self,
        bound: Sequence[Setting],
        shared: population.Population,
        *,
        threads: int = 1,
        against: Mapping[int, int] | None = None,
        held: setting.Held | None = None,
        jit: bool = False,
    ) -> None:
        """Start all worlds in January 2021: nobody uses general-purpose AI."""
        first = bound[0]
        cells, options = first.cells.count, len(first.options)
        lanes = len(bound)
        self.shared = shared
        self.people = evaluation.People(
            shared.cell, shared.ordinal, shared.persons, shared.value_added
        )
        self.period = 0
        self.held = dict(held or {})
        self.against = dict(against or {})
        self._threads = threads
        self.jit = jit
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self.months = max(b.months for b in bound)
        self.stack = setting.Stack.of(bound)
        self.supplied = supply.Supply.start(self.months, (lanes,))
        self.considering = setting.Considering.start(self.stack)
        self.rents_index = np.ones(lanes)
        self.spent = [[0.0] * len(b.scenario.package.budgets) for b in bound]
        self.offered: Offers | None = None
        self.flows: accounts.Flows | None = None
        self.closed: accounts.Month | None = None
        self.ground = evaluation.Ground(
            first.cells.code().astype(np.uint64) << np.uint64(32),
            np.rint(shared.cell_weight / WEIGHT_UNIT),
            first.benefit_class.astype(np.int64),
        )
        rows = shared.rows
        self.state = evaluation.State.start(lanes, rows)
        self.numbers = numbers(self.stack, shared.seed)
        self.sums = evaluation.Sums.empty(lanes, cells, options)
        self._work: list[evaluation.Work] = []
        chances = _chances(self.stack)
        for month in range(12):
            self._each_part(
                month, lambda sums, work, part, span: self._kernel("draw_traits")(
                    self.people, self.ground, self.state, self.numbers, chances, sums, work, part,
                    span,
                ),
            )  # fmt: skip
        self._groups = np.stack([first.cells.country, first.cells.sector, first.cells.size])
        self._whole, self._real = np.empty(cells, dtype=np.int64), np.empty(cells)
        self._out = np.empty((18, lanes, cells))
        self._paid = np.empty((lanes, options, cells))
        self.learning = np.stack(
            [
                behaviour.learning_curve(b.values["learning.start"], b.values["learning.time"])
                for b in bound
            ]
        )
        self.worst_identity = np.zeros(lanes)
        self.labels = {
            "total": ("all",),
            "size_class": first.cells.size_classes,
            "sector": first.cells.sectors,
            "country": first.cells.countries,
            "option": first.options,
        }
        self.series = {
            (name, dimension): np.zeros((lanes, self.months, len(self.labels[dimension])))
            for name, dimensions in RECORDED.items()
            for dimension in ("total", *dimensions)
        }
        self._constant = _constant_columns(self.stack)
        self.economies = [Economy(self, lane, b) for lane, b in enumerate(bound)]

    # --- the month --------------------------------------------------------------------------

    def month(self, decide: Callable[[np.ndarray], None] | None = None) -> None:
        """One month, in order.

        Args:
            decide: how due firms evaluate, given their rows; by the rules when not given (Mesa
                agents pass their own activation, for one world).
        """
        before = self.offered
        self.offered = setting.offers(
            self.stack, self.period, self.supplied, self.rents_index, self._exhausted(), self.held
        )
        self.considering.advance(self.period, self.stack.values, self.offered.considering_pace)
        self.sums.begin_month()
        self.offer = _offer(self.stack, self.offered, self.considering.cumulative)
        self.locked = _loses_options(before, self.offered)
        if decide is not None:
            decide(np.concatenate([self.economies[0].due(), self.economies[0].locked_out()]))
        else:
            self._evaluate_due()
            self._evaluate_locked()
        self._pay_vouchers()
        self.flows = self._flows()
        self.closed = accounts.close(self.flows)
        self._record()
        if self.against and self.period % 12 == 11:
            self._compare()
        self.rents_index = self._next_rents_index()
        self.period += 1

    def due(self) -> tuple[int, int]:
        """First and last row of the firms whose evaluation month it is."""
        start, turn = self.shared.start, self.period % 12
        return int(start[turn]), int(start[turn + 1])

    def occasion(self) -> np.uint64:
        """Number of this year's evaluation, the address of its draws."""
        return np.uint64(self.period // 12 + 1)

    def _evaluate_due(self) -> None:
        if not self.offer.cell[evaluation.CUMULATIVE].any():
            return  # nobody considers general-purpose AI before it is known
        self._evaluate(self.period % 12, np.zeros(0, dtype=bool))

    def _evaluate_locked(self) -> None:
        """Firms, not due anyway, whose option has just been taken from them.

        A ban or a supplier's exit bites at once: these firms evaluate now.
        """
        if self.locked.any():
            for month in range(12):
                if month != self.period % 12:
                    self._evaluate(month, self.locked)

    def _evaluate(self, month: int, locked: np.ndarray) -> None:
        self._each_part(
            month, lambda sums, work, part, span: self._kernel("evaluate")(
                self.people, self.ground, self.state, self.offer, self.numbers, sums, work,
                self.occasion(), part, span, locked,
            ),
        )  # fmt: skip

    def _kernel(self, name: str) -> Callable[..., None]:
        code = compiled.twin() if self.jit else None
        if code is not None:
            return getattr(code, name)
        return getattr(evaluation if hasattr(evaluation, name) else aggregation, name)

    def _each_part(
        self,
        month: int,
        do: Callable[[evaluation.Sums, evaluation.Work, tuple[int, int], tuple[int, int]], None],
    ) -> None:
        """Do something for all firms of an evaluation month and all lanes, in parts.

        Lanes are shared out to threads where there are as many; rows otherwise, by whole cells, so
        that each total is one thread's alone.
        """
        first, last = self.shared.start[month : month + 2].tolist()
        lanes, options = self.stack.open_weights.shape
        threads = self._threads
        if not self.jit:
            # In NumPy one block is all firms that fit into the processor's cache.
            for begin in range(first, last, _NUMPY_BLOCK):
                end = min(begin + _NUMPY_BLOCK, last)
                do(self.sums, evaluation.Work.of(end - begin, options), (begin, end), (0, lanes))
            return
        while len(self._work) < threads:
            self._work.append(evaluation.Work.of(compiled.BLOCK, options))
        if self._pool is None or last - first < 2 * compiled.BLOCK:
            do(self.sums, self._work[0], (first, last), (0, lanes))
            return
        if lanes >= 2 * threads:
            edges = np.linspace(0, lanes, threads + 1).astype(int).tolist()
            parts = [((first, last), span) for span in pairwise(edges)]
        else:
            cells = self.people.cell[first:last]
            cuts = np.linspace(0, last - first, threads + 1).astype(int)[1:-1]
            inner = first + np.searchsorted(cells, cells[cuts])
            parts = [(part, (0, lanes)) for part in pairwise([first, *inner.tolist(), last])]
        # Events belong to no cell: each thread counts its own.
        own = [self.sums, *(self.sums._replace(events=np.zeros((lanes, 3))) for _ in parts[1:])]
        jobs = [
            self._pool.submit(do, sums, work, *part)
            for sums, work, part in zip(own[1:], self._work[1:], parts[1:], strict=True)
        ]
        do(own[0], self._work[0], *parts[0])
        for job, sums in zip(jobs, own[1:], strict=True):
            job.result()
            self.sums.events[:] += sums.events

    def _compare(self) -> None:
        """Lost, diverted and gained users, and firms worse off, against another lane's firms.

        The same firm is compared with itself in the other world.
        """
        cells = self.economies[0].bound.cells
        sizes = cells.size.astype(np.int64)
        width = len(cells.size_classes)
        for lane, base in self.against.items():
            counts = np.zeros((len(AGAINST_BASELINE), width))
            block = compiled.BLOCK if self.jit else _NUMPY_BLOCK
            self._kernel("compare_lanes")(
                self.people, self.ground, self.state, self.numbers, sizes, counts,
                evaluation.Work.of(block, len(self.numbers.addresses)), (0, self.shared.rows),
                (base, lane),
            )  # fmt: skip
            economy = self.economies[lane]
            if self.period < economy.bound.months:
                for number, name in enumerate(AGAINST_BASELINE):
                    by_size = counts[number] * WEIGHT_UNIT
                    economy.against[name, "size_class"][self.period] = by_size
                    economy.against[name, "total"][self.period, 0] = by_size.sum()

    # --- accounts and signals ---------------------------------------------------------------

    def _exhausted(self) -> list[tuple[bool, ...]]:
        """Whether each budget of each lane has been spent."""
        return [
            tuple(s >= b.total for s, b in zip(spent, one.scenario.package.budgets, strict=True))
            for spent, one in zip(self.spent, self.stack.lanes, strict=True)
        ]

    def _pay_vouchers(self) -> None:
        """Charge this month's vouchers to their budgets; the last payments share what is left."""
        for lane, bound in enumerate(self.stack.lanes):
            package, spent = bound.scenario.package, self.spent[lane]
            vouchers = self.sums.cell[evaluation.VOUCHERS, lane]
            for number, budget in enumerate(package.budgets):
                entry = next(e for e in package.entries if e.budget == number)
                if entry.strength(self.period) > 0.0 and spent[number] < budget.total:
                    reached = bound.masks[entry.where]
                    asked = float(vouchers[reached].sum())
                    left = budget.total - spent[number]
                    if asked < left:
                        spent[number] += asked
                    else:
                        vouchers[reached] *= left / asked
                        # To the last cent: what rounding left would keep the offer standing.
                        spent[number] = budget.total

    def _flows(self) -> accounts.Flows:
        """The month's flows from the rules, ``[lanes, cells]``."""
        offered, stack = self.offered, self.stack
        assert offered is not None
        one, values = stack.lanes[0], stack.values
        cells, lanes = one.cells, len(stack.lanes)
        depth = np.stack([values["benefit.light_depth"], np.ones(lanes)], axis=1)
        realised = (depth[:, :, None] * self.learning[:, None, :]).reshape(lanes, GROUPS)
        prices = aggregation.price_table(stack, offered, realised)
        self._kernel("add_up")(
            self.ground,
            self.sums,
            prices,
            self._whole,
            self._real,
            self._out,
            self._paid,
            (0, lanes),
        )
        out, cell = self._out, self.sums.cell
        moving, vouchers = cell[evaluation.MOVES], cell[evaluation.VOUCHERS]
        transitory = out[aggregation.SET_UPS] + moving
        hours = (
            transitory
            + out[aggregation.COMPLIED]
            + out[aggregation.PUSHED]
            + values["hurdle.real_share"][:, None] * cell[evaluation.HURDLES] / 12.0
        )
        scale = (offered.activity / 12.0)[:, None]
        index = values["economy.price_index_2024"][:, None]
        baseline = 1e6 * index * cells.value_added * scale
        by_country = _group_sums(baseline, cells.country, len(cells.countries))
        gdp = np.stack([b.gdp for b in stack.lanes])
        rest = gdp * scale - by_country
        base, gain, squares = (
            _group_sums(w, cells.sector, len(cells.sectors))
            for w in (baseline, out[aggregation.GAIN], out[aggregation.SQUARES])
        )
        variance = squares / base - (gain / base) ** 2
        spread = (variance * base).sum(axis=1)
        self._dispersion = np.sqrt(np.maximum(spread / baseline.sum(axis=1), 0.0))
        foreign, rents_foreign = out[aggregation.SERVICES_FOREIGN], out[aggregation.RENTS_FOREIGN]
        flows = accounts.Flows(
            baseline=baseline,
            baseline_rest=rest,
            gain=out[aggregation.GAIN],
            hours=hours,
            services_domestic=out[aggregation.SERVICES] - foreign + out[aggregation.HOSTED],
            services_foreign=foreign,
            hardware=out[aggregation.BOUGHT],
            rents_foreign=rents_foreign,
            rents_domestic=out[aggregation.RENTS] - rents_foreign,
            vouchers=vouchers + out[aggregation.SUBSIDIES],
            programme=offered.programme / 12.0,
            cost_of_funds=values["accounts.marginal_cost_of_funds"],
            transitory=transitory,
            sector=cells.sector,
            within_variance=spread / (baseline.sum(axis=1) + rest.sum(axis=1)),
            channels=accounts.Channels(
                capital_deepening=values["accounts.capital_deepening"],
                capital_share=values["accounts.capital_share"],
                substitution=values["accounts.sector_substitution"],
                reallocation=values["accounts.reallocation"],
            ),
            labour_share=one.labour_share,
            mark_up_share=values["supply.mark_up_share"],
            shares=(
                values["economy.household_share"],
                values["economy.government_share"],
                values["economy.investment_share"],
            ),
            rest_labour_share=one.rest_labour_share,
        )
        takers = np.arange(lanes)
        for lane, (reference, mechanisms) in self.held.items():
            if "residence_and_imports" in mechanisms:
                takers[lane] = takers[reference]
        if (takers != np.arange(lanes)).any():
            flows = accounts.same_suppliers(flows, flows, takers)
        return flows

    def _next_rents_index(self) -> np.ndarray:
        """What suppliers know next month: closed suppliers' rents relative to the reference."""
        assert self.offered is not None
        by_option = self._users_by_option()
        users = by_option.sum(axis=1)
        closed = np.where(self.stack.open_weights, 0.0, by_option).sum(axis=1)
        share = closed / np.where(users > 0.0, users, 1.0)
        reference = 1.0 - self.stack.values["choice.open_share"]
        index = np.maximum(share / reference, 0.05) * self.offered.closed_multiple
        return np.where(users > 0.0, index, 1.0)

    def _users_by_option(self) -> np.ndarray:
        """Weight of the users of each option, ``[lanes, options]``."""
        lanes, options = self.stack.open_weights.shape
        return np.asarray(self.sums.pair[evaluation.FIRMS].reshape(lanes, options, -1).sum(axis=2))

    # --- recording --------------------------------------------------------------------------

    def _record(self) -> None:
        """Write the month's outcomes; money is per year."""
        offered, closed, flows = self.offered, self.closed, self.flows
        assert offered is not None and closed is not None and flows is not None
        stack, sums, out, month = self.stack, self.sums, self._out, self.period
        values, series = stack.values, self.series
        cells, unit = stack.lanes[0].cells, WEIGHT_UNIT
        lanes, options = stack.open_weights.shape
        users = sums.cell[evaluation.USERS] * unit
        by_cell = {
            "firms": self._constant.firms,
            "users": users,
            "general_users": out[aggregation.GENERAL],
            "open_users": out[aggregation.OPEN],
            "controlled_users": out[aggregation.CONTROLLED],
            "compliance_spending": out[aggregation.COMPLIANCE_SPENDING],
            "considering_firms": sums.cell[evaluation.CONSIDERED] * unit,
            "survey_firms": self._constant.survey_firms,
            "survey_users": users * self._constant.surveyed,
            "contribution": 12.0 * closed.contribution,
            "firms_surplus": sums.cell[evaluation.SURPLUSES],
            "ai_spending": self._paid.sum(axis=1),
        }
        stacked = np.empty((lanes, cells.count, len(by_cell)))
        for number, (name, column) in enumerate(by_cell.items()):
            stacked[:, :, number] = column
            series[name, "total"][:, month, 0] = column.sum(axis=-1)
        widths = [len(self.labels[d]) for d in ("country", "sector", "size_class")]
        grouped = np.zeros((3, lanes, max(widths), len(by_cell)))
        self._kernel("by_group")(stacked, self._groups, grouped, (0, lanes))
        for number, name in enumerate(by_cell):
            for place, dimension in enumerate(("country", "sector", "size_class")):
                series[name, dimension][:, month] = grouped[place, :, : widths[place], number]
        general = self._users_by_option() * unit
        paid = self._paid.sum(axis=2)
        series["general_users", "option"][:, month] = general
        series["ai_spending", "option"][:, month] = paid
        gdp = np.stack([b.gdp for b in stack.lanes]) * offered.activity[:, None]
        series["baseline_gdp", "country"][:, month] = gdp
        # The cost of public funds belongs to no cell: countries bear it by their GDP.
        lost = 12.0 * closed.funds[:, None] * gdp / gdp.sum(axis=1)[:, None]
        series["gdp", "country"][:, month] = (
            gdp + series["contribution", "country"][:, month] - lost
        )
        total_paid = paid.sum(axis=1)
        share = paid / np.where(total_paid > 0.0, total_paid, 1.0)[:, None]
        usage = sums.pair[evaluation.USAGE].reshape(lanes, options, -1).sum(axis=2) * unit
        energy = (usage * values["cost.seat_share"][:, None] * stack.energy).sum(axis=1)
        book = closed.book
        extra = 12.0 * (closed.gdp - closed.baseline_gdp)
        # Public administration, education and health are assumed to gain what the firms of
        # education and health gain; at cost their output does not show it.
        alike = self._constant.non_market
        # Contiguous, so that each lane is added up in the order it has alone.
        alike_gain = np.ascontiguousarray(closed.contribution[:, alike]).sum(axis=1)
        alike_gain /= np.ascontiguousarray(flows.baseline[:, alike]).sum(axis=1)
        events = sums.events * unit
        single = {
            "government_consumption": 12.0 * book["government"],
            "programme_spending": offered.programme,
            "public_revenue": values["economy.revenue_share"] * extra,
            "non_market_volume": values["economy.non_market_share"]
            * 12.0
            * closed.baseline_gdp
            * alike_gain,
            "wages": 12.0 * (book["wages_firms"] + book["wages_suppliers"] + book["wages_rest"]),
            "productivity": 100.0 * closed.productivity,
            "dispersion": self._dispersion,
            "foreign_spending": out[aggregation.SPENDING_FOREIGN].sum(axis=1),
            "concentration": (share * share).sum(axis=1),
            "energy": energy,
            "emissions": energy * values["energy.emission_factor"],
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
            "misuse_cost": out[aggregation.MISUSED].sum(axis=1),
            "leavers": events[:, 0],
            "switchers": events[:, 1],
            "evaluating_users": events[:, 2],
            "closed_price_multiple": offered.closed_multiple,
            "closed_frontier": offered.closed_frontier,
            "open_frontier": offered.open_frontier,
            "open_presence": offered.open_presence,
        }
        for name, value in single.items():
            series[name, "total"][:, month, 0] = value
        self.worst_identity = np.maximum(self.worst_identity, closed.worst)

    def close(self) -> None:
        """Let go of the threads."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None


#: Firms that NumPy works on at a time.
_NUMPY_BLOCK = 16_384


def is_worth_compiling(firm_months: float) -> bool:
    """Whether compiled kernels are worth it for this much work.

    Numbers do not depend on it: loading or making compiled code takes a while, and small runs are
    quicker without.  Work adds up over the life of a process.
    """
    _asked.append(firm_months)
    work = sum(_asked)
    if work < WORTH_LOADING or not compiled.available():
        return False
    return work >= WORTH_COMPILING or compiled.is_warm()


#: Firm-months asked for in this process so far (the last few thousand runs).
_asked: deque[float] = deque(maxlen=4096)


class TooLargeError(MemoryError):
    """A run that would not fit into the memory there is."""


class Interrupted(KeyboardInterrupt):
    """A run that was interrupted.

    Attributes:
        economies: the worlds after the months that were done.
        months: how many that were.
    """

    def __init__(self, economies: Sequence[Economy], months: int) -> None:
        """What was done."""
        super().__init__(f"interrupted after {months} months")
        self.economies, self.months = list(economies), months


def memory_needed(rows: float, worlds: int, cells: int, options: int, months: int) -> float:
    """Bytes that worlds over one population take: columns, state, totals, records."""
    columns = sum(np.dtype(d).itemsize for d in (np.int16, np.uint32, np.float64, np.float64))
    state = sum(a.itemsize * len(a) for a in evaluation.State.start(1, 0))
    # While the population is sorted, persons engaged are there twice.
    by_row = columns + max(8, worlds * state)
    totals = 8 * cells * (2 * options * (GROUPS + 4) + 60)
    return rows * by_row + worlds * (totals + 8 * months * 600) + 3e8


def check_memory(rows: float, worlds: int, region: str, months: int, copies: int = 1) -> None:
    """Refuse, before anything runs, what would not fit.

    Args:
        rows: rows of the population.
        worlds: how many advance together.
        region: of the population.
        months: of the run.
        copies: processes that do this at once.

    Raises:
        TooLargeError: saying what is needed, what there is, and what would fit.
    """
    cells = population.region_cells(region).count
    needed = copies * memory_needed(rows, worlds, cells, 8, months)
    there = compiled.memory_available()
    if needed > there:
        fixed = copies * memory_needed(0.0, worlds, cells, 8, months)
        each = (needed - fixed) / rows
        fits_rows = int(max((0.9 * there - fixed) / each, 0.0)) // 1000 * 1000
        advice = f"use --firms {fits_rows:_} or fewer" if fits_rows >= 1000 else "free some memory"
        raise TooLargeError(
            f"{rows:,.0f} firms in {worlds} scenarios need about {needed / 1e9:.1f} GB of memory, "
            f"{there / 1e9:.1f} GB are available: {advice}"
        )


def bind_all(scenarios: Sequence[Scenario]) -> list[Setting]:
    """Bind scenarios so that they share one partition of cells into classes.

    Raises:
        econsim.meanfield.MeanFieldError, econsim.data.DataError: a scenario cannot start.
        ValueError: scenarios that differ in region or options.
    """
    if any(not fits(s, scenarios[0]) for s in scenarios):
        raise ValueError("worlds must share region and options to advance together")
    return meanfield.solved_all(scenarios)


def fits(a: Scenario, b: Scenario) -> bool:
    """Whether two scenarios can advance together: one region, the same names of options."""
    return a.region == b.region and tuple(a.options) == tuple(b.options)


def numbers(stack: setting.Stack, seed: int) -> evaluation.Numbers:
    """Parameters of all lanes as the kernels take them."""
    of = stack.values
    nodes, weights = behaviour.surplus_nodes(evaluation.NODES)
    beta, dissimilarity = of["choice.beta"], of["choice.lambda"]
    powers = [
        [behaviour.node_powers(nodes, b), behaviour.node_powers(nodes, b / d)]
        for b, d in zip(beta, dissimilarity, strict=True)
    ]
    return evaluation.Numbers(
        of=np.stack(
            [
                beta, dissimilarity, of["choice.persistence"], of["learning.carry_over"],
                stack.set_up_annuity, of["cost.size_elasticity"], of["cost.liquidity_wedge"],
                of["hurdle.size_elasticity"], of["hurdle.maturity_effect"],
                of["benefit.light_depth"], of["economy.price_index_2024"],
                of["considering.size_slope"], of["considering.maturity_slope"],
            ]
        ),
        powers=np.array(powers),
        node_weights=weights,
        addresses=np.array(stack.lanes[0].addresses, dtype=np.uint64),
        is_open=stack.open_weights,
        start=np.array([draws.seed_start(seed)]),
    )  # fmt: skip


def _chances(stack: setting.Stack) -> evaluation.Chances:
    """What fixed traits are drawn with."""
    of = stack.values
    odds = np.array([setting.log_odds(s) for s in of["considering.applicable_share"]])
    return evaluation.Chances(
        of=np.stack(
            [
                of["maturity.level"], of["maturity.size_slope"], of["benefit.deep_share"], odds,
                of["considering.applicable_size_slope"], of["narrow.level"],
                of["narrow.size_slope"], of["narrow.maturity_slope"],
            ]
        ),
        shifts=np.array(
            [[b.hurdle_shift for b in stack.lanes], [b.narrow_shift for b in stack.lanes]]
        ),
    )  # fmt: skip


def _by_option(offered: Offers, names: Sequence[str]) -> np.ndarray:
    """Terms as ``[names, lanes, options, classes]``."""
    return np.stack([getattr(offered, name) for name in names]).transpose(0, 1, 3, 2).copy()


def _offer(stack: setting.Stack, offered: Offers, cumulative: np.ndarray) -> evaluation.Offer:
    """The month's offers as the evaluation takes them."""
    each = stack.values["choice.switching_cost"] * stack.values["economy.currency_per_eur"]
    return evaluation.Offer(
        option=_by_option(
            offered,
            (
                "benefit_rate", "seat_cost", "set_up_annuity", "hardware_annuity", "running_cost",
                "taste", "available", "set_up_cost", "hardware_cost",
            ),
        ),
        kind=np.stack(
            [offered.voucher_rate, offered.voucher_cap, each[:, None] * offered.switching_multiple]
        ),
        cell=np.stack([offered.common, cumulative]),
        activity=offered.activity,
    )  # fmt: skip


def _loses_options(before: Offers | None, offered: Offers) -> np.ndarray:
    """Whether some option is available to fewer firms than last month, ``[lanes]`` of bool."""
    if before is None:
        return np.zeros(len(offered.available), dtype=bool)
    return np.asarray((offered.available < before.available).any(axis=(1, 2)))


class Economy:
    """One world of :class:`Worlds`: its firms, its totals, its record."""

    def __init__(self, worlds: Worlds, lane: int, bound: Setting) -> None:
        """A lane (:meth:`start` makes an economy of its own)."""
        self.worlds, self.lane, self.bound = worlds, lane, bound
        self.scenario = bound.scenario
        self.firms = Firms(worlds.shared, bound, worlds, lane)
        self.totals = Totals(worlds, lane)
        self.learning = worlds.learning[lane]
        self.against: dict[tuple[str, str], np.ndarray] = {}
        if lane in worlds.against:
            self.against = {
                (name, dimension): np.full((bound.months, len(worlds.labels[dimension])), np.nan)
                for name in AGAINST_BASELINE
                for dimension in ("total", "size_class")
            }

    @classmethod
    def start(cls, scenario: Scenario, rows: int | str, seed: int) -> Economy:
        """A world of its own.

        Raises:
            econsim.population.PopulationError, econsim.meanfield.MeanFieldError,
            econsim.data.DataError: the run cannot start.
        """
        count = float(population.row_counts(scenario.region, rows).sum())
        jit = is_worth_compiling(count * scenario.run.months)
        shared = population.synthesise(scenario.region, rows, seed, jit=jit)
        return Worlds([meanfield.solved(scenario)], shared, jit=jit).economies[0]

    @property
    def period(self) -> int:
        """Months done."""
        return self.worlds.period

    @property
    def seed(self) -> int:
        """Run seed."""
        return self.worlds.shared.seed

    def month(self, decide: Callable[[np.ndarray], None] | None = None) -> None:
        """One month of this world (of all worlds, if it is one of several)."""
        self.worlds.month(decide)

    @property
    def spent(self) -> list[float]:
        """Spent so far of each budget of the package, currency."""
        return self.worlds.spent[self.lane]

    @property
    def cumulative(self) -> np.ndarray:
        """Cumulative considering hazard, ``ndarray[cells]``."""
        return self.worlds.considering.cumulative[self.lane]

    @property
    def offered(self) -> Offers | None:
        """What the last month offered."""
        offered = self.worlds.offered
        return None if offered is None else offered.lane(self.lane)

    @property
    def closed(self) -> accounts.Month | None:
        """The last month's accounts."""
        flows = self.worlds.flows
        return None if flows is None else accounts.close(accounts.lane_of(flows, self.lane))

    @property
    def record(self) -> Record:
        """All monthly outcomes so far."""
        months = self.bound.months
        series = {k: a[self.lane, :months] for k, a in self.worlds.series.items()}
        worst = float(self.worlds.worst_identity[self.lane])
        return Record({**series, **self.against}, dict(self.worlds.labels), worst)

    # --- evaluation, step by step: Mesa agents and tests -------------------------------------

    def due(self) -> np.ndarray:
        """Rows of the firms whose evaluation month it is."""
        return np.arange(*self.worlds.due())

    def locked_out(self) -> np.ndarray:
        """Rows of firms, not due anyway, whose option has just been taken from them."""
        if not self.worlds.locked[self.lane]:
            return np.zeros(0, dtype=np.int64)
        first, last = self.worlds.due()
        rows = np.r_[np.arange(first), np.arange(last, self.firms.rows)]
        work = evaluation.Work.of(len(rows), len(self.bound.options))
        work.whole[evaluation.ROWS] = rows
        worlds = self.worlds
        count = evaluation.find_locked(
            worlds.people, worlds.ground, worlds.state, worlds.offer, worlds.numbers, work,
            self.lane, len(rows), True,
        )  # fmt: skip
        return work.whole[evaluation.ROWS, :count]

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
        worlds, work = self.worlds, self._buffers(rows)
        if now is not None:
            begun = rows[now & ~self.firms.considering[rows]]
            work.whole[evaluation.CANDIDATES, : len(begun)] = begun
            evaluation.begin(
                worlds.people, worlds.ground, worlds.state, worlds.sums, work, self.lane,
                len(begun),
            )  # fmt: skip
            return rows[self.firms.considering[rows]]
        count = evaluation.consider(
            worlds.people, worlds.ground, worlds.state, worlds.offer, worlds.numbers,
            worlds.sums, work, self.lane, len(rows),
        )  # fmt: skip
        return work.whole[evaluation.ROWS, :count]

    def appraise(self, rows: np.ndarray) -> Appraisal:
        """What firms that consider AI weigh this month; changes nothing.

        Args:
            rows: ``ndarray[evaluating]`` of row numbers.
        """
        worlds, work = self.worlds, self._buffers(rows)
        evaluation.appraise(
            worlds.people, worlds.ground, worlds.state, worlds.offer, worlds.numbers, work,
            self.lane, worlds.occasion(), len(rows),
        )  # fmt: skip
        here = evaluation.choose(worlds.numbers, work, len(rows))
        return Appraisal(rows, work, here)

    def settle(self, appraisal: Appraisal, chosen: np.ndarray) -> None:
        """Carry out choices: experience, hurdle, surplus, totals.

        Args:
            appraisal: what the firms weighed.
            chosen: ``ndarray[evaluating]``: 0 for none, ``k + 1`` for option k; an option of
                utility NEVER cannot be chosen.
        """
        worlds, count = self.worlds, len(appraisal.rows)
        chosen = np.array(chosen, dtype=np.int64)
        evaluation.surplus(worlds.numbers, appraisal.work, self.lane, count)
        evaluation.settle(
            worlds.ground, worlds.state, worlds.offer, worlds.numbers, worlds.sums, appraisal.work,
            self.lane, chosen, count, count,
        )  # fmt: skip

    def _buffers(self, rows: np.ndarray) -> evaluation.Work:
        work = evaluation.Work.of(len(rows), len(self.bound.options))
        work.whole[evaluation.ROWS] = rows
        return work


def run_together(
    scenarios: Sequence[Scenario],
    *,
    rows: int | str,
    seed: int,
    threads: int = 1,
    against: Mapping[int, int] | None = None,
    held: setting.Held | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Economy]:
    """Run scenarios of one region and one set of options in one pass.

    Args:
        scenarios: one or more.
        rows, seed: of the population and luck that all share.
        threads: how many may evaluate firms at once; numbers do not depend on it.
        against, held: see :class:`Worlds`, by the number of the scenario.
        progress: called after each month with (months done, months in all).

    Returns:
        The economies at the end, each with its :class:`Record`.

    Raises:
        TooLargeError: it would not fit into memory.
        Interrupted: by Ctrl-C; it carries what was done.
        econsim.population.PopulationError, econsim.meanfield.MeanFieldError,
        econsim.policy.PolicyError, econsim.data.DataError: the run cannot be made as described.
    """
    bound = bind_all(scenarios)
    months = max(s.run.months for s in scenarios)
    region = scenarios[0].region
    count = int(population.row_counts(region, rows).sum())
    check_memory(count, len(scenarios), region, months)
    jit = is_worth_compiling(float(count) * months * len(scenarios))
    shared = population.synthesise(region, rows, seed, threads=threads, jit=jit)
    worlds = Worlds(bound, shared, threads=threads, against=against, held=held, jit=jit)
    try:
        for month in range(months):
            worlds.month()
            if progress is not None:
                progress(month + 1, months)
    except KeyboardInterrupt:
        raise Interrupted(worlds.economies, worlds.period) from None
    finally:
        worlds.close()
    return worlds.economies


def run(
    scenario: Scenario,
    *,
    rows: int | str | None = None,
    seed: int | None = None,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Economy:
    """One run of a scenario from its first to its last month.

    Args:
        scenario: what to run.
        rows: number of firms (default: the scenario's).
        seed: run seed (default: the scenario's).
        threads: how many may evaluate firms at once; numbers do not depend on it.
        progress: called after each month with (months done, months in all).

    Returns:
        The economy at the end, with its :class:`Record`.
    """
    (economy,) = run_together(
        [scenario],
        rows=scenario.run.firms if rows is None else rows,
        seed=scenario.run.seed if seed is None else seed,
        threads=threads,
        progress=progress,
    )
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
    if not fits(reference, scenario) or reference.run.months != scenario.run.months:
        raise ValueError("scenarios must share region, options and horizon to hold mechanisms")
    first, second = run_together(
        [reference, scenario], rows=rows, seed=seed, held={1: (0, tuple(mechanisms))}
    )
    return first, second
