"""What the benchmarks take from the engine: plain arrays, and nothing else.

The competitors of :mod:`c_month` and :mod:`polars_month` know neither the engine's classes nor how
it stores its columns.  This module is the only place that does, so a change inside the engine is a
change in this one file:

* :class:`EngineRun` drives the engine, :func:`worlds` several scenarios in one pass;
* :func:`starting_point` gives a population at a month as plain arrays (:class:`Columns`), the
  totals that belong to it (:class:`Totals`), and the numbers of the rules (:class:`Rules`);
* :class:`Path` gives the offers of each further month, by class of cells or, as :class:`Terms`, by
  cell and option.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from econsim import behaviour, compiled, draws, engine, evaluation, population, setting
from econsim.setting import Offers

#: One enterprise is this many units of weight.
WEIGHT_UNIT = engine.WEIGHT_UNIT


class UnsupportedError(ValueError):
    """A scenario asks for something that the competitors have no code for."""


@dataclass(frozen=True)
class Columns:
    """Columns of all firms, sorted by evaluation month and then by cell; see ``engine.Firms``.

    The engine computes many of them anew whenever it needs them; the competitors keep them all,
    which takes more memory and less time.  The last six change as the months pass; ``weight`` and
    its products are whole numbers in units of :data:`WEIGHT_UNIT`.
    """

    cell: np.ndarray
    key: np.ndarray
    persons: np.ndarray
    value_added: np.ndarray
    scale: np.ndarray
    wedge: np.ndarray
    hurdle: np.ndarray
    depth: np.ndarray
    deep: np.ndarray
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
        """Number of firms."""
        return len(self.cell)


#: Types the competitors may rely on, whatever the engine keeps.
TYPES: dict[str, Any] = {
    "cell": np.int32,
    "key": np.uint64,
    "deep": np.uint8,
    "applicable": np.uint8,
    "narrow": np.uint8,
    "start": np.int64,
    "option": np.uint8,
    "tenure": np.uint8,
    "epoch": np.uint32,
    "considering": np.uint8,
}


@dataclass(frozen=True)
class Totals:
    """Sums over firms by cell; see ``engine.Totals``.  Stocks only: a month's events start at 0."""

    value: np.ndarray  # [cells, options, depth x experience]
    usage: np.ndarray  # [cells, options], like the next two
    firms: np.ndarray
    scale: np.ndarray
    users: np.ndarray  # [cells], like all that follow
    considering: np.ndarray
    hurdle: np.ndarray
    surplus: np.ndarray


@dataclass(frozen=True)
class Rules:
    """Numbers of the rules, addresses of the draws, nodes of the surplus integrals.

    Attributes:
        beta, dissimilarity, persistence, carry_over: parameters of choice and experience.
        set_up_annuity: yearly equivalent of one unit of up-front money.
        move_per_person: cost of moving between options per person engaged.
        open_weights: ``ndarray[options]`` of bool.
        redraw, no_option, stable_angle, stable_weight: addresses of the firm's own draws.
        options: address of each option's shock, ``ndarray[options]`` of uint64.
        node_power, added_power, node_weight: of the surplus integrals, see ``behaviour``.
        never: utility of an option that cannot be had.
        tenure_classes: years of experience told apart.
    """

    beta: float
    dissimilarity: float
    persistence: float
    carry_over: float
    set_up_annuity: float
    move_per_person: float
    open_weights: np.ndarray
    redraw: int
    no_option: int
    stable_angle: int
    stable_weight: int
    options: np.ndarray
    node_power: np.ndarray
    added_power: np.ndarray
    node_weight: np.ndarray
    never: float
    tenure_classes: int


@dataclass(frozen=True)
class Terms:
    """What a month offers, by cell and option, and how far considering has spread by cell.

    The common log hurdle of a cell is part of ``taste``.
    """

    period: int
    activity: float
    benefit_rate: np.ndarray  # [cells, options], like all down to ``available``
    seat_cost: np.ndarray
    set_up_cost: np.ndarray
    hardware_cost: np.ndarray
    set_up_annuity: np.ndarray
    hardware_annuity: np.ndarray
    running_cost: np.ndarray
    taste: np.ndarray
    available: np.ndarray
    voucher_rate: np.ndarray  # [cells], like all that follow
    voucher_cap: np.ndarray
    switching_multiple: np.ndarray
    cumulative: np.ndarray

    @property
    def turn(self) -> int:
        """Evaluation month."""
        return self.period % 12

    @property
    def occasion(self) -> int:
        """Number of the evaluation, part of the address of a draw."""
        return self.period // 12 + 1


#: Attributes of :class:`Terms` by cell and option, and by cell, as the month's offers name them.
BY_CELL_AND_OPTION = (
    "benefit_rate",
    "seat_cost",
    "set_up_cost",
    "hardware_cost",
    "set_up_annuity",
    "hardware_annuity",
    "running_cost",
    "taste",
    "available",
)
BY_CELL = ("voucher_rate", "voucher_cap", "switching_multiple")


def worlds(
    arms: Sequence[Any], rows: int | str, seed: int, threads: int = 1, jit: bool = True
) -> engine.Worlds:
    """Scenarios on one population, which advance in one pass.

    Args:
        arms: the scenarios.
        rows, seed: of the population.
        threads: how many may evaluate firms at once.
        jit: whether kernels run compiled, where they can be.
    """
    jit = jit and compiled.available()
    shared = population.synthesise(arms[0].region, rows, seed, threads=threads, jit=jit)
    return engine.Worlds(engine.bind_all(arms), shared, threads=threads, jit=jit)


class EngineRun:
    """The engine behind the verbs of all models: ``warm_up`` and ``step``.

    Attributes:
        loop_seconds: time spent in the firm loop since the run was built.
    """

    def __init__(
        self, described, rows: int | str, seed: int, threads: int = 1, jit: bool = True
    ) -> None:
        self.worlds = worlds([described], rows, seed, threads, jit)
        self.economy = self.worlds.economies[0]
        self.loop_seconds = 0.0
        evaluate = self.worlds._evaluate

        def timed(*arguments):
            began = time.perf_counter()
            evaluate(*arguments)
            self.loop_seconds += time.perf_counter() - began

        self.worlds._evaluate = timed

    def warm_up(self, months: int) -> None:
        """Bring the economy to a month."""
        for _ in range(months):
            self.worlds.month()

    def step(self) -> None:
        """One month."""
        self.worlds.month()

    def option(self) -> np.ndarray:
        """Every firm's present option, 0 for none, in the order of :class:`Columns`."""
        return self.economy.firms.option

    def considering(self) -> np.ndarray:
        """Whether each firm considers AI."""
        return self.economy.firms.considering

    def totals(self) -> Totals:
        """Sums by cell."""
        return _totals(self.economy)

    def release(self) -> None:
        """Let go of the threads."""
        self.worlds.close()


def columns(economy: engine.Economy) -> Columns:
    """The firm columns as they are now: a copy, in the types of :data:`TYPES` or float64."""
    firms = economy.firms
    return Columns(
        **{
            f.name: np.array(firms.of(f.name), dtype=TYPES.get(f.name, np.float64))
            for f in fields(Columns)
        }
    )


def _totals(economy: engine.Economy) -> Totals:
    return Totals(
        **{
            f.name: np.array(getattr(economy.totals, f.name), dtype=np.float64)
            for f in fields(Totals)
        }
    )


def rules(economy: engine.Economy) -> Rules:
    """Numbers of the rules."""
    values, bound = economy.scenario.values, economy.bound
    beta, dissimilarity = values["choice.beta"], values["choice.lambda"]
    nodes, weights = behaviour.surplus_nodes(evaluation.NODES)
    return Rules(
        beta=beta,
        dissimilarity=dissimilarity,
        persistence=values["choice.persistence"],
        carry_over=values["learning.carry_over"],
        set_up_annuity=setting.set_up_annuity(values),
        move_per_person=values["choice.switching_cost"] * values["economy.currency_per_eur"],
        open_weights=np.asarray(bound.open_weights, dtype=bool),
        options=np.array(bound.addresses, dtype=np.uint64),
        node_power=behaviour.node_powers(nodes, beta),
        added_power=behaviour.node_powers(nodes, beta / dissimilarity),
        node_weight=weights,
        never=behaviour.NEVER,
        tenure_classes=behaviour.TENURE_CLASSES,
        **{
            name: int(draws.PURPOSES[name])
            for name in ("redraw", "no_option", "stable_angle", "stable_weight")
        },
    )


class Path:
    """The months' offers from a point on, by the engine's own rules of supply and spreading.

    A competitor asks for a month's :meth:`terms` (or :meth:`offers`), lets its firms decide, and
    tells :meth:`end` who uses what; suppliers know it next month.
    """

    def __init__(self, economy: engine.Economy) -> None:
        if economy.scenario.package.budgets:
            raise UnsupportedError("the competitors know no budgets")
        worlds = economy.worlds
        self.bound, self.stack = economy.bound, worlds.stack
        self.period: int = economy.period
        self.supplied = copy.deepcopy(worlds.supplied)
        self.spread = copy.deepcopy(worlds.considering)
        self.rents_index = worlds.rents_index.copy()
        self._offered: Offers | None = worlds.offered

    @property
    def shape(self) -> tuple[int, int]:
        """Cells and options."""
        return self.bound.cells.count, len(self.bound.options)

    @property
    def cumulative(self) -> np.ndarray:
        """How far considering has spread, ``ndarray[cells]``."""
        return self.spread.cumulative[0]

    def offers(self) -> Offers:
        """Offers of the month by class of cells and option; considering spreads."""
        before = self._offered
        offered = setting.offers(self.stack, self.period, self.supplied, self.rents_index, [()])
        if before is not None and (offered.available < before.available).any():
            raise UnsupportedError("the competitors know no options that are taken away")
        self.spread.advance(self.period, self.stack.values, offered.considering_pace)
        self._offered = offered
        return offered.lane(0)

    def terms(self) -> Terms:
        """:meth:`offers` by cell and option."""
        offered, kind = self.offers(), self.bound.benefit_class
        by_cell = {n: getattr(offered, n)[kind] for n in (*BY_CELL_AND_OPTION, *BY_CELL)}
        by_cell["taste"] = self.tastes(offered)
        return Terms(self.period, float(offered.activity), cumulative=self.cumulative, **by_cell)

    def tastes(self, offered: Offers) -> np.ndarray:
        """Taste less beta times the common log hurdle, ``ndarray[cells, options]``."""
        common = self.bound.values["choice.beta"] * offered.common
        return np.asarray(offered.taste[self.bound.benefit_class] - common[:, None])

    def end(self, firms_by_option: np.ndarray) -> None:
        """End the month: suppliers learn how many firms use each option, ``ndarray[options]``."""
        assert self._offered is not None
        users = float(firms_by_option.sum())
        self.rents_index = np.ones(1)
        if users > 0.0:
            closed = float(firms_by_option[~self.bound.open_weights].sum()) / users
            reference = 1.0 - self.bound.values["choice.open_share"]
            self.rents_index = max(closed / reference, 0.05) * self._offered.closed_multiple
        self.period += 1


@dataclass(frozen=True)
class StartingPoint:
    """A population at a month, as plain arrays: never written to, copied by who needs to."""

    columns: Columns
    totals: Totals
    rules: Rules
    path: Path


#: The last starting point, which the models of one comparison share: scenario, size, itself.
_last: list[tuple[Any, tuple[int, int, int], StartingPoint]] = []


def starting_point(described, rows: int, seed: int, months: int) -> StartingPoint:
    """The population after so many months, and the path from there (a fresh copy of the path)."""
    wanted = (rows, seed, months)
    if not _last or _last[0][0] is not described or _last[0][1] != wanted:
        forget()
        run = EngineRun(described, rows, seed)
        run.warm_up(months)
        economy = run.economy
        made = StartingPoint(columns(economy), _totals(economy), rules(economy), Path(economy))
        run.release()
        _last.append((described, wanted, made))
    found = _last[0][2]
    return StartingPoint(found.columns, found.totals, found.rules, copy.deepcopy(found.path))


def forget() -> None:
    """Free the memory of the last starting point."""
    _last.clear()


class Competitor:
    """What the competitors share: they start where the engine has brought the population.

    A subclass takes over the columns in :meth:`begin` and does the firm loop of a month in
    :meth:`decide`, which returns the weight of firms by option.
    """

    def __init__(self, described, rows: int, seed: int) -> None:
        self.described, self.rows, self.seed = described, rows, seed
        self.loop_seconds = 0.0
        self.path: Path | None = None

    def warm_up(self, months: int) -> None:
        """Start at a month."""
        start = starting_point(self.described, self.rows, self.seed, months)
        self.path = start.path
        self.begin(start)

    def step(self) -> None:
        """One month: offers, firm loop, signals."""
        assert self.path is not None
        terms = self.path.terms()
        began = time.perf_counter()
        users = self.decide(terms)
        self.loop_seconds += time.perf_counter() - began
        self.path.end(users)

    def begin(self, start: StartingPoint) -> None:
        """Take over the population."""
        raise NotImplementedError

    def decide(self, terms: Terms) -> np.ndarray:
        """The firm loop of a month."""
        raise NotImplementedError

    def option(self) -> np.ndarray:
        """Every firm's present option, in the order of :class:`Columns`."""
        raise NotImplementedError

    def totals(self) -> Totals:
        """Sums by cell."""
        raise NotImplementedError

    def release(self) -> None:
        """Nothing outlives the object."""


# --- agreement ----------------------------------------------------------------------------------


def agreement(engine_run: EngineRun, competitor: Competitor) -> dict[str, float]:
    """How far a competitor's state is from the engine's at the same month.

    Returns:
        ``same``: share of firms with the same option; ``use``: largest distance of an option's
        share of all firms; ``totals``: largest relative distance of a total over all cells.
    """
    wanted, found = engine_run.option(), competitor.option()
    options = int(max(wanted.max(), found.max())) + 1
    count = [np.bincount(o, minlength=options) / len(wanted) for o in (wanted, found)]
    ours, theirs = engine_run.totals(), competitor.totals()
    distance = [
        abs(getattr(theirs, f.name).sum() - getattr(ours, f.name).sum())
        / max(abs(getattr(ours, f.name).sum()), 1e-300)
        for f in fields(Totals)
    ]
    return {
        "same": float((wanted == found).mean()),
        "use": float(np.abs(count[0] - count[1]).max()),
        "totals": float(max(distance)),
    }


# --- memory -------------------------------------------------------------------------------------


def bytes_by_firm(worlds: engine.Worlds) -> int:
    """Bytes of all columns of a firm: those that the worlds share, and what each remembers."""
    remembered = sum(array[:, :, 0].nbytes for array in worlds.state)
    return sum(column.itemsize for column in worlds.people) + remembered


def bytes_per_firm_month(run: EngineRun) -> float:
    """Bytes of the firm columns that a month must read or write, per firm in the population.

    One firm in twelve is due.  It shows its flags and whether it considers AI; if it may begin to,
    also what its threshold follows from; if it considers, all its columns are read, and what it
    remembers is written.
    """
    people, state, firms = run.worlds.people, run.worlds.state, run.economy.firms
    small, money = state.small.itemsize, state.money.itemsize
    asked = 2 * small
    threshold = people.cell.itemsize + people.ordinal.itemsize + people.persons.itemsize
    written = 3 * small + 2 * money
    considering = float(firms.considering.mean())
    waiting = float((firms.of("applicable") & ~firms.considering).mean())
    evaluated = bytes_by_firm(run.worlds) - asked + written
    return (asked + waiting * threshold + considering * evaluated) / 12.0
