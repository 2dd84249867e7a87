"""The model as Mesa users meet it: ``EcosystemModel`` and ``SME``.

Columns are the economy; Mesa is how one looks at it and drives it.  An :class:`SME` is a view on
one row of the firm columns: it owns no numbers.  By default a month runs vectorised; with
``activation="agents"`` firms are driven one by one, in any order, through the same rules on
slices of the same arrays, with equal numbers bit for bit.  This is the only file that imports
mesa.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mesa
import numpy as np

from econsim import behaviour, engine
from econsim.results import DEFAULT_SET, Results
from econsim.scenario import Scenario, load

logger = logging.getLogger(__name__)

#: Rows above which agents are not created unless asked for: each object takes about a kilobyte.
AGENT_LIMIT = 100_000

#: Decisions of a firm that a subclass may change.
DECISIONS = ("considers", "decide", "step")


class ModelError(ValueError):
    """A model that cannot be built or driven as asked."""


@dataclass(frozen=True)
class Choice:
    """What one firm weighs at its yearly evaluation.

    Attributes:
        net_saving: option -> saving less money cost, currency a year.
        utility: option -> utility with the firm's own shocks; only feasible, available options.
        no_option: utility of not using AI.
        best: the option of largest utility, or ``None``.
    """

    net_saving: Mapping[str, float]
    utility: Mapping[str, float]
    no_option: float
    best: str | None


class SME(mesa.Agent):
    """A firm: a view on one row.  Subclass it to change a decision.

    ``considers`` says whether the firm considers AI from now on; ``decide`` picks an option;
    ``step`` is a yearly evaluation as a whole.  Everything else is read from the columns.
    """

    def __init__(self, model: EcosystemModel, row: int) -> None:
        """View row ``row`` of the model's firm columns."""
        super().__init__(model)
        self.row = row

    @property
    def _one(self) -> slice:
        return slice(self.row, self.row + 1)

    @property
    def _firms(self) -> engine.Firms:
        return self.model.economy.firms

    @property
    def _cell(self) -> int:
        return int(self._firms.cell[self.row])

    @property
    def country(self) -> str:
        """Country code."""
        cells = self.model.economy.bound.cells
        return str(cells.countries[cells.country[self._cell]])

    @property
    def sector(self) -> str:
        """NACE section."""
        cells = self.model.economy.bound.cells
        return str(cells.sectors[cells.sector[self._cell]])

    @property
    def size_class(self) -> str:
        """Size class, persons engaged."""
        cells = self.model.economy.bound.cells
        return str(cells.size_classes[cells.size[self._cell]])

    @property
    def persons(self) -> float:
        """Persons engaged."""
        return float(self._firms.of("persons", self._one)[0])

    @property
    def value_added(self) -> float:
        """Value added, currency a year at prices of 2024, activity of the tables' year."""
        return float(self._firms.of("value_added", self._one)[0])

    @property
    def weight(self) -> float:
        """Enterprises that the row stands for."""
        return float(self._firms.of("weight", self._one)[0] * engine.WEIGHT_UNIT)

    @property
    def deep(self) -> bool:
        """Whether the firm would use AI deeply."""
        return bool(self._firms.of("deep", self._one)[0])

    @property
    def digitally_mature(self) -> bool:
        """Whether the firm is digitally mature."""
        return bool(self._firms.of("maturity", self._one)[0] > 0.5)

    @property
    def considering(self) -> bool:
        """Whether the firm considers general-purpose AI."""
        return bool(self._firms.considering[self.row])

    @property
    def uses_narrow_ai(self) -> bool:
        """Whether the firm uses narrow AI."""
        return bool(self._firms.of("narrow", self._one)[0])

    @property
    def option(self) -> str | None:
        """The AI option in use, or ``None``."""
        number = int(self._firms.option[self.row])
        return self.model.economy.bound.options[number - 1] if number else None

    @property
    def tenure(self) -> int:
        """Years of experience with general-purpose AI (the last class means and more)."""
        return int(self._firms.tenure[self.row])

    @property
    def evaluation_month(self) -> int:
        """Month of the year in which the firm evaluates, 0 for January."""
        return int(np.searchsorted(self._firms.start, self.row, side="right") - 1)

    def considers(self) -> bool:
        """Whether the firm considers AI from now on (the considering block of the rules)."""
        firms, economy = self._firms, self.model.economy
        now = behaviour.considers(
            firms.of("applicable", self._one),
            firms.of("threshold", self._one),
            economy.cumulative[firms.cell[self._one]],
        )
        return bool(now[0])

    def decide(self, choice: Choice) -> str | None:
        """The option to use for the next year, or ``None``; by default the best."""
        return choice.best

    def step(self) -> None:
        """The yearly evaluation: consider, appraise, decide, settle."""
        economy = self.model.economy
        rows = economy.consider(np.array([self.row]), np.array([bool(self.considers())]))
        if len(rows):
            appraisal = economy.appraise(rows)
            chosen = self.decide(self._choice(appraisal))
            economy.settle(appraisal, np.array([self._number(chosen, appraisal)]))

    def _choice(self, appraisal: engine.Appraisal) -> Choice:
        names = self.model.economy.bound.options
        best = int(appraisal.best()[0])
        usable = [k for k in range(len(names)) if appraisal.value[0, k] > 0.5 * behaviour.NEVER]
        return Choice(
            {names[k]: float(appraisal.net[0, k]) for k in usable},
            {names[k]: float(appraisal.utility[0, k]) for k in usable},
            float(appraisal.no_option[0]),
            names[best - 1] if best else None,
        )

    def _number(self, chosen: str | None, appraisal: engine.Appraisal) -> int:
        names = self.model.economy.bound.options
        if chosen is None:
            return 0
        if chosen not in names:
            raise ModelError(f"decide() returned '{chosen}', which is not an option: {names}")
        k = names.index(chosen)
        if appraisal.value[0, k] <= 0.5 * behaviour.NEVER:
            raise ModelError(f"decide() returned '{chosen}', which this firm cannot use now")
        return k + 1


def _overrides(agent_class: type[SME]) -> set[str]:
    """Attributes of SME that a subclass replaces."""
    known = {n for n in vars(SME) if not n.startswith("_")}
    found: set[str] = set()
    for cls in agent_class.__mro__:
        if cls is SME:
            break
        found |= set(vars(cls)) & known
    return found


class EcosystemModel(mesa.Model):
    """A run of a scenario as a Mesa model: one step is one month.

    Args:
        ecosystem: a scenario, or the name of a shipped one.
        firms: rows (default: the scenario's).
        seed: run seed (default: the scenario's).
        activation: ``"vectorised"`` or ``"agents"``; default vectorised, or agents when
            ``agent_class`` changes a decision.
        agent_class: a subclass of :class:`SME`.
        order: order in which agents act: ``"random"``, ``"ascending"`` or ``"descending"``;
            numbers do not depend on it.
        model_reporters, agent_reporters: for Mesa's ``DataCollector``; outcomes are collected by
            name when no model reporters are given.

    Raises:
        ModelError: an activation that would ignore the subclass, or too many rows for agents.
    """

    def __init__(
        self,
        ecosystem: Scenario | str = "eu-diverse",
        *,
        firms: int | str | None = None,
        seed: int | None = None,
        activation: str | None = None,
        agent_class: type[SME] = SME,
        order: str = "random",
        model_reporters: Mapping[str, Any] | None = None,
        agent_reporters: Mapping[str, Any] | None = None,
    ) -> None:
        """Build the economy; agents are created when somebody looks at them."""
        chosen = load(ecosystem) if isinstance(ecosystem, str) else ecosystem
        run_seed = chosen.run.seed if seed is None else int(seed)
        super().__init__(rng=run_seed)
        self.ecosystem = chosen
        self.agent_class = agent_class
        self.activation = _activation(activation, agent_class)
        if order not in ("random", "ascending", "descending"):
            raise ModelError(f"unknown order '{order}': random, ascending or descending")
        self.order = order
        rows = chosen.run.firms if firms is None else firms
        self.economy = engine.Economy.start(chosen, rows, run_seed)
        self._views: list[SME] = []
        if self.activation == "agents":
            self._create_views()
        reporters = dict(model_reporters or {})
        if not reporters:
            for name in ("use", "general_use", "gdp", "gni", "firms_surplus"):
                reporters[name] = _reporter(name)
        self.datacollector = mesa.DataCollector(
            model_reporters=reporters, agent_reporters=dict(agent_reporters or {}) or None
        )

    # --- driving ----------------------------------------------------------------------------

    def step(self) -> None:
        """One month."""
        if self.economy.period >= self.ecosystem.run.months:
            raise ModelError(f"the horizon ends in {self.ecosystem.run.horizon[1]}")
        if self.activation == "agents":
            self.economy.month(self._activate)
        else:
            self.economy.month()
        self.datacollector.collect(self)
        self.running = self.economy.period < self.ecosystem.run.months

    def _activate(self, due: np.ndarray) -> None:
        rows = [int(r) for r in due]
        if self.order == "random":
            self.random.shuffle(rows)
        elif self.order == "descending":
            rows.reverse()
        for row in rows:
            self._views[row].step()

    # --- looking ----------------------------------------------------------------------------

    @property
    def agents(self) -> Any:
        """All firms as Mesa agents, created on first access.

        Raises:
            ModelError: more rows than :data:`AGENT_LIMIT` (use :meth:`firm` for single ones).
        """
        # Mesa looks at its own agents while it sets itself up, before there is an economy.
        if "economy" in self.__dict__ and not self._views:
            self._create_views()
        return super().agents

    @agents.setter
    def agents(self, value: Any) -> None:
        raise AttributeError("agents cannot be set: they are views on the firm columns")

    def _create_views(self) -> None:
        rows = self.economy.firms.rows
        if rows > AGENT_LIMIT:
            raise ModelError(
                f"{rows:,} rows are too many for agents (limit {AGENT_LIMIT:,}): run vectorised, "
                "or look at single firms with firm(row)"
            )
        self._views = [self.agent_class(self, row) for row in range(rows)]

    def firm(self, row: int) -> SME:
        """The firm in a row; with many rows this makes just this one view."""
        if self._views:
            return self._views[row]
        if not 0 <= row < self.economy.firms.rows:
            raise ModelError(f"no row {row}: there are {self.economy.firms.rows:,}")
        view = self.agent_class(self, row)
        self.deregister_agent(view)
        return view

    def results(self) -> Results:
        """Outcomes of the months run so far, as one replicate."""
        record, done = self.economy.record, self.economy.period
        series = {key: array[None, :done] for key, array in record.series.items()}
        manifest = {
            "region": self.ecosystem.region,
            "currency": self.ecosystem.currency,
            "scenario_hash": self.ecosystem.hash(),
            "rows": self.economy.firms.rows,
            "seeds": [self.economy.seed],
            "months": done,
        }
        return Results(self.ecosystem.name, DEFAULT_SET, series, record.labels, manifest)

    def outcome(self, name: str) -> float:
        """An outcome in the last month run (see ``econsim.results.OUTCOMES``)."""
        return float(self.results().values(name)[0, -1])

    def close(self) -> None:
        """Let go of the agents; Mesa 3.3 otherwise keeps every model alive."""
        for view in self._views:
            view.remove()
        self._views = []
        counters = getattr(mesa.Agent, "_ids", None)
        if isinstance(counters, dict):
            counters.pop(self, None)


def _reporter(name: str) -> Any:
    return lambda model: model.outcome(name)


def _activation(wanted: str | None, agent_class: type[SME]) -> str:
    """Which activation runs; never one that would ignore what a subclass changes."""
    if wanted not in (None, "vectorised", "agents"):
        raise ModelError(f"unknown activation '{wanted}': vectorised or agents")
    if not issubclass(agent_class, SME):
        raise ModelError("agent_class must be a subclass of SME")
    changed = _overrides(agent_class)
    views = sorted(changed - set(DECISIONS))
    if views:
        raise ModelError(
            f"{agent_class.__name__} replaces {', '.join(views)}: these are views on the firm "
            f"columns and changing them would change nothing; override {' or '.join(DECISIONS)}"
        )
    if changed & set(DECISIONS):
        if wanted == "vectorised":
            raise ModelError(
                f"{agent_class.__name__} changes {', '.join(sorted(changed & set(DECISIONS)))}: "
                "a vectorised run would ignore it; use activation='agents'"
            )
        logger.info("%s changes a decision: running agents one by one", agent_class.__name__)
        return "agents"
    return wanted or "vectorised"
