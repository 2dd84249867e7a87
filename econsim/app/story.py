"""One firm's story: its options, what they are worth to it, what it chooses, in two worlds.

The firm is addressed by cell and ordinal, and every draw by the firm's identity: it meets the same
luck in both worlds.  Other firms follow the rules of the engine month by month, as in every run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from econsim.app.draft import Text
from econsim.policy import month_label

if TYPE_CHECKING:
    from econsim.engine import Economy

#: Firms of a story's run: enough that most cells have one.
ROWS = 5_000


class NoFirmError(ValueError):
    """There is no such firm among the rows."""


@dataclass(frozen=True)
class Address:
    """Which firm.

    Attributes:
        country, sector, size_class: its cell.
        ordinal: number within the cell, from 1.
    """

    country: str
    sector: str
    size_class: str
    ordinal: int = 1

    def text(self) -> str:
        """Its four parts separated by points, as a link holds them."""
        return f"{self.country}.{self.sector}.{self.size_class}.{self.ordinal}"


@dataclass(frozen=True)
class Evaluation:
    """What the firm weighed at one evaluation.

    Attributes:
        month: ``YYYY-MM``.
        net_saving: option -> saving less money cost, currency a year; without the options that
            the firm cannot get.
        utility: option -> utility with the firm's own luck, hurdle deducted; without those that
            cost more than they save.
        no_option: utility of using none.
        before, chosen: option until then and from then on; none without AI.
        forced: whether it evaluated because its option had been taken from it.
    """

    month: str
    net_saving: dict[str, float]
    utility: dict[str, float]
    no_option: float
    before: str | None
    chosen: str | None
    forced: bool


@dataclass(frozen=True)
class Life:
    """The firm in one world.

    Attributes:
        scenario: its name.
        considers_from: month of the evaluation at which it began to consider AI, or none.
        evaluations: those at which it considered AI.
        options: option in use at the end of each month.
        cell: ``ndarray[months, firms]``, number of the option in use, of all firms of its cell.
    """

    scenario: str
    considers_from: str | None
    evaluations: list[Evaluation]
    options: list[str | None]
    cell: np.ndarray


@dataclass(frozen=True)
class Story:
    """A firm and its lives.

    Attributes:
        address: which firm.
        persons: engaged.
        value_added: currency a year, prices of 2024, activity of the tables' year.
        stands_for: enterprises.
        mature, deep, applicable: digital maturity, deep use, whether general-purpose AI applies.
        evaluation_month: of the year, 0 for January.
        currency: of all money.
        labels: option -> its name for readers.
        alike: numbers of the sampled firms of the same cell.
        moved: those of them that use another option under the policy in some month.
        lives: in the baseline and under the policy.
        provenance: seed, rows and scenario hashes.
    """

    address: Address
    persons: float
    value_added: float
    stands_for: float
    mature: bool
    deep: bool
    applicable: bool
    evaluation_month: int
    currency: str
    labels: dict[str, str]
    alike: int
    moved: tuple[int, ...]
    lives: tuple[Life, Life]
    provenance: dict[str, Any]


@dataclass(frozen=True)
class StoryOrder:
    """A story to be told: a firm in two scenarios.

    Attributes:
        baseline, policy: the worlds.
        address: the firm.
        rows, seed: of the runs.
    """

    baseline: Text
    policy: Text
    address: Address
    rows: int = ROWS
    seed: int = 1

    @property
    def name(self) -> str:
        """Of what is run, for the page."""
        return f"one firm under {self.policy.name}"

    def key(self) -> tuple[object, ...]:
        """What decides the story."""
        hashes = (self.baseline.scenario().hash(), self.policy.scenario().hash())
        return ("story", *hashes, self.address, self.rows, self.seed)

    def perform(self, progress: Callable[[float], None] | None = None) -> Story:
        """Live through both worlds.

        Raises:
            NoFirmError: no such firm among the rows.
        """
        from econsim import engine
        from econsim.experiments.simulation import replicate_seed

        scenarios = (self.baseline.scenario(), self.policy.scenario())
        lives = []
        for number, scenario in enumerate(scenarios):
            # The first replicate of a run with this seed.
            economy = engine.Economy.start(scenario, self.rows, replicate_seed(self.seed, 0))
            rows = alike(economy, self.address)
            row = int(rows[self.address.ordinal - 1])
            months = scenario.run.months

            def report(done: int, before: int = number, total: int = months) -> None:
                if progress is not None:
                    progress((before + done / total) / len(scenarios))

            lives.append(_live(economy, row, rows, report))
        firms = economy.firms
        apart = (lives[0].cell != lives[1].cell).any(axis=0)
        one = slice(row, row + 1)
        return Story(
            self.address,
            persons=float(firms.of("persons", one)[0]),
            value_added=float(firms.of("value_added", one)[0]),
            stands_for=float(firms.of("weight", one)[0] * engine.WEIGHT_UNIT),
            mature=bool(firms.of("maturity", one)[0] > 0.5),
            deep=bool(firms.of("deep", one)[0]),
            applicable=bool(firms.of("applicable", one)[0]),
            evaluation_month=int(np.searchsorted(firms.start, row, side="right") - 1),
            currency=scenarios[0].currency,
            labels={n: o.label for s in scenarios for n, o in s.options.items()},
            alike=len(rows),
            moved=tuple(int(n) + 1 for n in np.flatnonzero(apart)),
            lives=(lives[0], lives[1]),
            provenance={
                "n": 1,
                "results": [
                    {"scenario": s.name, "scenario_hash": s.hash(), "region": s.region,
                     "rows": self.rows, "seeds": [replicate_seed(self.seed, 0)]}
                    for s in scenarios
                ],
            },
        )  # fmt: skip


def alike(economy: Economy, address: Address) -> np.ndarray:
    """Rows of the firms of a cell, by their ordinal.

    Raises:
        NoFirmError: the cell has no such firm, or there is no such cell.
    """
    cells = economy.bound.cells
    labels = (
        (cells.countries, cells.country, address.country),
        (cells.sectors, cells.sector, address.sector),
        (cells.size_classes, cells.size, address.size_class),
    )
    chosen = np.ones(cells.count, dtype=bool)
    for known, index, wanted in labels:
        chosen &= index == (known.index(wanted) if wanted in known else -1)
    rows = np.flatnonzero(chosen[economy.firms.cell])
    rows = rows[np.argsort(economy.firms.ordinal[rows], kind="stable")]
    if not 1 <= address.ordinal <= len(rows):
        some = f"only {len(rows)}" if len(rows) else "no firm"
        raise NoFirmError(
            f"among {economy.firms.rows:,} sampled firms there is {some} of this size in this "
            "sector and country: choose another number, size, sector or country"
        )
    return rows


def _live(economy: Economy, row: int, rows: np.ndarray, report: Callable[[int], None]) -> Life:
    """Run a world and note what one of its firms weighs and does."""
    from econsim import evaluation

    names = economy.bound.options
    one = slice(row, row + 1)
    kind = int(economy.worlds.ground.kind[economy.firms.cell[row]])
    compliance = float(economy.firms.of("compliance", one)[0])
    evaluations: list[Evaluation] = []
    options: list[str | None] = []
    cell = np.zeros((economy.bound.months, len(rows)), dtype=np.uint8)
    began: str | None = None

    def name(number: int) -> str | None:
        return names[number - 1] if number else None

    def decide(due: np.ndarray) -> None:
        nonlocal began
        economy.evaluate(due[due != row])
        if row not in due:
            return
        mine = economy.consider(np.array([row]))
        if not len(mine):
            return
        month = month_label(economy.period)
        began = began or month
        appraisal = economy.appraise(mine)
        before, best = name(int(economy.firms.option[row])), name(int(appraisal.best()[0]))
        offered = economy.worlds.offer.option[evaluation.AVAILABLE, economy.lane, :, kind]
        open_to_it = [k for k in range(len(names)) if compliance < offered[k]]
        usable = [k for k in open_to_it if appraisal.net[0, k] > 0.0]
        first, last = economy.worlds.due()
        evaluations.append(
            Evaluation(
                month,
                {names[k]: float(appraisal.net[0, k]) for k in open_to_it},
                {names[k]: float(appraisal.utility[0, k]) for k in usable},
                float(appraisal.no_option[0]),
                before,
                best,
                forced=not first <= row < last,
            )
        )
        economy.settle(appraisal, appraisal.best())

    for month in range(economy.bound.months):
        economy.month(decide)
        cell[month] = economy.firms.option[rows]
        options.append(name(int(economy.firms.option[row])))
        report(economy.period)
    economy.worlds.close()
    return Life(economy.scenario.name, began, evaluations, options, cell)
