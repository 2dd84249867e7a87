"""Running scenarios: replicates, pairs, processes.  The one path from a scenario to a number.

Every front end (command line, app, brief, Python) calls :func:`simulate`.
"""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np

import econsim
from econsim import data, engine
from econsim.population import region_cells
from econsim.results import DEFAULT_SET, Results
from econsim.scenario import Scenario

logger = logging.getLogger(__name__)

Series = dict[tuple[str, str], np.ndarray]
Progress = Callable[[float], None]

#: Firm-months below which starting processes costs more than it saves.
_SMALL = 2.0e7
#: Worlds that advance in one pass: as many as stay in the processor's cache with their accounts.
TOGETHER = 48
#: Rows from which one run's firms are shared out to threads instead of runs to processes.
MANY_ROWS = 200_000


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


def perform(
    task: Task, progress: Callable[[int, int], None] | None = None, threads: int = 1
) -> Done:
    """Run one replicate of all scenarios of a task and compare them firm by firm.

    Args:
        task: what to run.
        progress: called after each month with (months done, months in all).
        threads: how many may evaluate firms at once.
    """
    return perform_together([task], progress, threads)[0]


def perform_together(
    tasks: Sequence[Task],
    progress: Callable[[int, int], None] | None = None,
    threads: int = 1,
) -> list[Done]:
    """Run tasks of the same rows and seed in one pass, as far as their scenarios allow.

    Scenarios of one region and with the same options advance together, and each is compared with
    the first of its task, firm by firm; a scenario that differs in these from the first gets no
    such comparison.

    Args:
        tasks: what to run.
        progress: called after each month with (months done, months in all).
        threads: how many may evaluate firms at once.

    Raises:
        ValueError: tasks that differ in rows or seed.
    """
    if len({(t.rows, t.seed) for t in tasks}) != 1:
        raise ValueError("tasks run together must share rows and seed")
    places = [(n, m) for n, task in enumerate(tasks) for m in range(len(task.scenarios))]
    parties: list[list[tuple[int, int]]] = []
    for n, m in places:
        scenario = tasks[n].scenarios[m]
        for party in parties:
            there, number = party[0]
            if engine.fits(scenario, tasks[there].scenarios[number]):
                party.append((n, m))
                break
        else:
            parties.append([(n, m)])
    economies: dict[tuple[int, int], engine.Economy] = {}
    lengths = [max(tasks[n].scenarios[m].run.months for n, m in party) for party in parties]
    before = 0
    for party, length in zip(parties, lengths, strict=True):

        def report(done: int, _: int, offset: int = before) -> None:
            if progress is not None:
                progress(offset + done, sum(lengths))

        lane = {place: number for number, place in enumerate(party)}
        found = engine.run_together(
            [tasks[n].scenarios[m] for n, m in party],
            rows=tasks[0].rows,
            seed=tasks[0].seed,
            threads=threads,
            against={lane[n, m]: lane[n, 0] for n, m in party if m > 0 and (n, 0) in lane},
            progress=report,
        )
        economies |= dict(zip(party, found, strict=True))
        before += length
    done = []
    for n, task in enumerate(tasks):
        own = [economies[n, m] for m in range(len(task.scenarios))]
        done.append(
            Done(
                task.replicate,
                [dict(e.record.series) for e in own],
                [dict(e.record.labels) for e in own],
                max(e.record.worst_identity for e in own),
            )
        )
    return done


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
        "data_tables": data.digests(),
        "definition": scenario.canonical(),
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
        size = settings.firms if rows is None else rows
        # One row per enterprise leaves little sampling noise: one replicate, unless asked.
        usual = 1 if size == "full" else settings.replicates
        count = usual if replicates is None else replicates
        start = settings.seed if seed is None else seed
        for r in range(count):
            tasks.append(
                (
                    name,
                    Task(
                        tuple(scenarios),
                        size,
                        r,
                        replicate_seed(start, r),
                    ),
                )
            )
    finished: dict[str, dict[int, Done]] = {name: {} for name in groups}
    try:
        for (name, task), done in _execute(tasks, workers, progress):
            finished[name][task.replicate] = done
    except KeyboardInterrupt as stop:
        raise Interrupted(_partial(groups, tasks, finished, stop)) from None
    return {
        name: _gather(name, scenarios, [t for n, t in tasks if n == name], finished[name])
        for name, scenarios in groups.items()
    }


class Interrupted(KeyboardInterrupt):
    """Runs that were interrupted.

    Attributes:
        results: parameter set -> results of the replicates, or of the months, that were done; each
            manifest says under ``partial`` how much that is.
    """

    def __init__(self, results: dict[str, list[Results]]) -> None:
        """What was done."""
        super().__init__("interrupted")
        self.results = results


def _partial(
    groups: Mapping[str, Sequence[Scenario]],
    tasks: Sequence[tuple[str, Task]],
    finished: Mapping[str, Mapping[int, Done]],
    stop: KeyboardInterrupt,
) -> dict[str, list[Results]]:
    """Results of what was done: whole replicates, or the months of an only one."""
    found = {}
    for name, scenarios in groups.items():
        certificate: dict[str, object] = {}
        own = [t for n, t in tasks if n == name]
        whole = [t for t in own if t.replicate in finished[name]]
        if whole:
            found[name] = _gather(name, scenarios, whole, finished[name])
            extent = f"{len(whole)} of {len(own)} replicates"
        elif (
            len(groups) == 1
            and isinstance(stop, engine.Interrupted)
            and stop.months >= 12
            and len(stop.economies) == len(scenarios)
        ):
            months = stop.months // 12 * 12
            done = Done(
                own[0].replicate,
                [{k: a[:months] for k, a in e.record.series.items()} for e in stop.economies],
                [dict(e.record.labels) for e in stop.economies],
                max(e.record.worst_identity for e in stop.economies),
            )
            found[name] = _gather(name, scenarios, own[:1], {own[0].replicate: done})
            extent = f"{months} of {scenarios[0].run.months} months of 1 replicate"
            certificate["months"] = months
        else:
            continue
        certificate["partial"] = extent
        found[name] = [
            replace(result, manifest={**result.manifest, **certificate}) for result in found[name]
        ]
    return found


def _firms(rows: int | str, region: str) -> float:
    return float(rows) if isinstance(rows, int) else float(region_cells(region).firms.sum())


def batches(tasks: Sequence[tuple[str, Task]], workers: int) -> list[list[tuple[str, Task]]]:
    """Tasks that can advance in one pass, at most :data:`TOGETHER` worlds each.

    There are at least as many batches as workers, if there are as many tasks.
    """
    alike: dict[tuple[int | str, int, str], list[tuple[str, Task]]] = {}
    for name, task in tasks:
        key = (task.rows, task.seed, task.scenarios[0].region)
        alike.setdefault(key, []).append((name, task))
    share = -(-len(tasks) // workers)
    found = []
    for group in alike.values():
        worlds = max(len(t.scenarios) for _, t in group)
        size = max(1, min(TOGETHER // worlds, share))
        found += [group[i : i + size] for i in range(0, len(group), size)]
    return found


def _execute(
    tasks: list[tuple[str, Task]], workers: int | None, progress: Progress | None
) -> Iterator[tuple[tuple[str, Task], Done]]:
    """Yield finished tasks, in processes of their own when there is enough work.

    Runs of many rows take turns, and share their firms out to threads.
    """
    work = sum(
        _firms(t.rows, t.scenarios[0].region) * sum(s.run.months for s in t.scenarios)
        for _, t in tasks
    )
    largest = max(_firms(t.rows, t.scenarios[0].region) for _, t in tasks)
    if workers is None:
        workers = 1 if work < _SMALL else (os.cpu_count() or 1)
    threads = workers if largest >= MANY_ROWS else 1
    workers = 1 if threads > 1 else max(1, min(workers, len(tasks)))
    todo = batches(tasks, workers)
    worlds = max(sum(len(t.scenarios) for _, t in batch) for batch in todo)
    months = max(s.run.months for _, t in tasks for s in t.scenarios)
    engine.check_memory(largest, worlds, tasks[0][1].scenarios[0].region, months, workers)
    if workers == 1:
        for number, batch in enumerate(todo):

            def report(done: int, total: int, position: int = number) -> None:
                if progress is not None:
                    progress((position + done / total) / len(todo))

            found = perform_together([task for _, task in batch], report, threads)
            yield from zip(batch, found, strict=True)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(perform_together, [t for _, t in batch]): batch for batch in todo}
        try:
            for number, future in enumerate(as_completed(futures)):
                if progress is not None:
                    progress((number + 1) / len(futures))
                yield from zip(futures[future], future.result(), strict=True)
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
        Interrupted: by Ctrl-C; it carries what was done.
        econsim.engine.TooLargeError: it would not fit into memory.
        econsim.population.PopulationError, econsim.meanfield.MeanFieldError,
        econsim.policy.PolicyError, econsim.data.DataError: the run cannot be made as described.
    """
    found = simulate_many(
        {DEFAULT_SET: scenarios},
        rows=rows, replicates=replicates, seed=seed, workers=workers, progress=progress,
    )  # fmt: skip
    return found[DEFAULT_SET]
