"""Running scenarios: replicates, pairs, processes.  The one path from a scenario to a number.

Every front end (command line, app, brief, Python) calls :func:`simulate`.
"""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

import econsim
from econsim import data, engine
from econsim.results import DEFAULT_SET, Results
from econsim.scenario import Scenario

logger = logging.getLogger(__name__)

Series = dict[tuple[str, str], np.ndarray]
Progress = Callable[[float], None]

#: Series that exist only against a baseline: the same firm in two worlds, at year ends.
AGAINST_BASELINE = ("lost_users", "diverted_users", "gained_users", "worse_off_firms")

#: Firm-months below which starting processes costs more than it saves.
_SMALL = 2.0e7


@dataclass(frozen=True)
class Task:
    """One replicate of several scenarios that share luck; the first is the baseline."""

    scenarios: tuple[Scenario, ...]
    rows: int | str
    replicate: int
    seed: int


@dataclass(frozen=True)
class Done:
    """What a task gives back: the series of each scenario and the worst identity error."""

    replicate: int
    series: list[Series]
    labels: list[dict[str, tuple[str, ...]]]
    worst: float


def replicate_seed(seed: int, replicate: int) -> int:
    """Seed of a replicate: far apart for different run seeds."""
    return seed * 1_000_003 + replicate


def perform(task: Task, progress: Callable[[int, int], None] | None = None) -> Done:
    """Run one replicate of all scenarios of a task and compare them firm by firm.

    Args:
        task: what to run.
        progress: called after each month with (months done, months in all).
    """
    series: list[Series] = []
    labels: list[dict[str, tuple[str, ...]]] = []
    worst = 0.0
    base: engine.Economy | None = None
    total = sum(s.run.months for s in task.scenarios)
    before = 0
    for scenario in task.scenarios:

        def report(done: int, _: int, offset: int = before) -> None:
            if progress is not None:
                progress(offset + done, total)

        economy = engine.run(scenario, rows=task.rows, seed=task.seed, progress=report)
        before += scenario.run.months
        recorded = dict(economy.record.series)
        if base is not None:
            recorded.update(_against(base, economy))
        else:
            base = economy
        series.append(recorded)
        labels.append(dict(economy.record.labels))
        worst = max(worst, economy.record.worst_identity)
    return Done(task.replicate, series, labels, worst)


def _against(base: engine.Economy, other: engine.Economy) -> Series:
    """Lost, diverted and gained users, and firms worse off, against the baseline, at year ends.

    The same firm is compared with itself in the other world, which needs the same rows, luck and
    options; other pairs get no such series.
    """
    if (
        base.firms.rows != other.firms.rows
        or base.seed != other.seed
        or base.bound.options != other.bound.options
        or base.scenario.region != other.scenario.region
    ):
        return {}
    cells = base.bound.cells
    size = cells.size[base.firms.cell]
    weight = base.firms.weight * engine.WEIGHT_UNIT
    is_open = np.r_[False, base.bound.open_weights]
    result: Series = {}
    for name in AGAINST_BASELINE:
        result[name, "total"] = np.full((base.bound.months, 1), np.nan)
        result[name, "size_class"] = np.full((base.bound.months, len(cells.size_classes)), np.nan)
    for year, here in base.record.year_end.items():
        there = other.record.year_end.get(year)
        if there is None:
            continue
        flags = {
            "lost_users": (here > 0) & (there == 0),
            "diverted_users": is_open[here] & (there > 0) & ~is_open[there],
            "gained_users": (here == 0) & (there > 0),
            "worse_off_firms": other.record.year_end_surplus[year]
            < base.record.year_end_surplus[year],
        }
        month = (year - 2021) * 12 + 11
        for name, flag in flags.items():
            by_size = np.bincount(size, weights=weight * flag, minlength=len(cells.size_classes))
            result[name, "size_class"][month] = by_size
            result[name, "total"][month, 0] = by_size.sum()
    return result


def manifest(scenario: Scenario, rows: int | str, seeds: Sequence[int]) -> dict[str, object]:
    """Birth certificate of a scenario's results."""
    return {
        "title": scenario.title,
        "region": scenario.region,
        "currency": scenario.currency,
        "scenario_hash": scenario.hash(),
        "parameters": dict(scenario.overrides),
        "rows": rows,
        "seeds": list(seeds),
        "months": scenario.run.months,
        "policy_start": scenario.package.first_month(),
        "discount_rate": scenario.values["economy.discount_rate"],
        "cost_of_funds": scenario.values["accounts.marginal_cost_of_funds"],
        "data_hash": data.digest(),
        "econsim": econsim.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def simulate_many(
    groups: Mapping[str, Sequence[Scenario]],
    *,
    rows: int | str | None = None,
    replicates: int | None = None,
    seed: int | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> dict[str, list[Results]]:
    """Run groups of scenarios; within a group, scenarios share luck firm by firm.

    Args:
        groups: parameter set -> scenarios, the first of each group being its baseline.
        rows, replicates, seed: default to those of the first scenario of each group.
        workers: processes (default: all processors, one for small work).
        progress: called with the share of the work done, 0 to 1.

    Returns:
        parameter set -> results, in the order of the scenarios.
    """
    tasks: list[tuple[str, Task]] = []
    for name, scenarios in groups.items():
        settings = scenarios[0].run
        count = settings.replicates if replicates is None else replicates
        start = settings.seed if seed is None else seed
        for r in range(count):
            tasks.append(
                (
                    name,
                    Task(
                        tuple(scenarios),
                        settings.firms if rows is None else rows,
                        r,
                        replicate_seed(start, r),
                    ),
                )
            )
    finished: dict[str, dict[int, Done]] = {name: {} for name in groups}
    for (name, task), done in _execute(tasks, workers, progress):
        finished[name][task.replicate] = done
    return {
        name: _gather(name, scenarios, [t for n, t in tasks if n == name], finished[name])
        for name, scenarios in groups.items()
    }


def _execute(
    tasks: list[tuple[str, Task]], workers: int | None, progress: Progress | None
) -> Iterator[tuple[tuple[str, Task], Done]]:
    """Yield finished tasks, in processes of their own when there is enough work."""
    work = sum(
        (t.rows if isinstance(t.rows, int) else 3.0e7) * sum(s.run.months for s in t.scenarios)
        for _, t in tasks
    )
    if workers is None:
        workers = 1 if work < _SMALL else (os.cpu_count() or 1)
    workers = max(1, min(workers, len(tasks)))
    if workers == 1:
        for number, (name, task) in enumerate(tasks):

            def report(done: int, total: int, position: int = number) -> None:
                if progress is not None:
                    progress((position + done / total) / len(tasks))

            yield (name, task), perform(task, report)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(perform, task): (name, task) for name, task in tasks}
        try:
            for number, future in enumerate(as_completed(futures)):
                if progress is not None:
                    progress((number + 1) / len(tasks))
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _gather(
    name: str, scenarios: Sequence[Scenario], tasks: Sequence[Task], done: Mapping[int, Done]
) -> list[Results]:
    """Stack replicates in their order, whatever order they finished in."""
    ordered = [done[t.replicate] for t in tasks]
    seeds = [t.seed for t in tasks]
    results = []
    for number, scenario in enumerate(scenarios):
        keys = ordered[0].series[number]
        series = {key: np.stack([d.series[number][key] for d in ordered]) for key in keys}
        certificate = manifest(scenario, tasks[0].rows, seeds)
        certificate["worst_identity"] = max(d.worst for d in ordered)
        results.append(Results(scenario.name, name, series, ordered[0].labels[number], certificate))
    return results


def simulate(
    *scenarios: Scenario,
    rows: int | str | None = None,
    replicates: int | None = None,
    seed: int | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[Results]:
    """Run scenarios that share luck; the first is the baseline of firm-by-firm comparisons.

    Args:
        scenarios: one or more.
        rows: number of firms, or ``"full"`` (default: of the first scenario).
        replicates: number of replicates (default: of the first scenario).
        seed: run seed (default: of the first scenario).
        workers: processes; numbers do not depend on it.
        progress: called with the share of the work done.

    Raises:
        econsim.population.PopulationError, econsim.meanfield.MeanFieldError,
        econsim.policy.PolicyError, econsim.data.DataError: the run cannot be made as described.
    """
    found = simulate_many(
        {DEFAULT_SET: scenarios},
        rows=rows, replicates=replicates, seed=seed, workers=workers, progress=progress,
    )  # fmt: skip
    return found[DEFAULT_SET]
