"""Making a study's runs: which are missing, in which order, where, and what becomes of failures.

A *group* is the arms of one point with one replicate: they share luck and are performed together.
A *batch* is several groups of one replicate, so that all runs of a batch share rows and seed; it
is what a worker is given at a time (:func:`advance` is the one place that turns a batch into
records, and may make its runs side by side).  Workers on this machine write their own shards;
those of a Dask cluster send records back, since machines share no disk.

A run that fails is a record like any other.  A worker that dies takes nothing with it but the runs
it was making; they are tried again alone, and only a run that kills its worker twice is a failure.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import shlex
import shutil
import statistics
import sys
import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from econsim.experiments import study as studies
from econsim.experiments.design import StudyError
from econsim.experiments.simulation import Done, Task, perform, perform_together
from econsim.experiments.store import (
    SCHEMA_VERSION,
    Record,
    Shard,
    Store,
    StoreError,
    certificate,
    new_shard,
    signature,
)
from econsim.experiments.study import ExecutorFile, Kept, Plan, Study, Variant
from econsim.results import Results
from econsim.scenario import Scenario

logger = logging.getLogger(__name__)

#: Groups in a batch: one machine, Dask (whose dispatch costs some milliseconds).
BATCH, BATCH_DASK = 12, 24
#: How often a run may take its worker with it before it counts as failed.
DEATHS = 2
#: Seconds to wait for a Dask scheduler, and for a first worker there.
PATIENCE = 10.0


@dataclass(frozen=True)
class Group:
    """Variants of one point that are performed together."""

    point: int
    variants: tuple[Variant, ...]


@dataclass(frozen=True)
class Batch:
    """Groups of one replicate: every run shares rows and seed."""

    replicate: int
    seed: int
    groups: tuple[Group, ...]

    @property
    def runs(self) -> int:
        """Number of runs."""
        return sum(len(g.variants) for g in self.groups)

    def singly(self) -> Iterator[Batch]:
        """The same runs, each alone."""
        for group in self.groups:
            for variant in group.variants:
                yield replace(self, groups=(Group(group.point, (variant,)),))


@dataclass
class Tally:
    """How far a sweep is.

    Attributes:
        total: runs of the study.
        done, failed: of them, in the store.
        made: runs made or failed in this session.
        started: when this session began (monotonic seconds).
        stopped: why the sweep stopped early, if it did.
        torn: what was said about half-written records.
    """

    total: int
    done: int = 0
    failed: int = 0
    made: int = 0
    started: float = field(default_factory=time.monotonic)
    stopped: str = ""
    torn: str = ""

    @property
    def rate(self) -> float:
        """Runs per minute of this session."""
        return 60.0 * self.made / max(time.monotonic() - self.started, 1e-9)

    @property
    def seconds_left(self) -> float:
        """At this session's rate."""
        left = self.total - self.done - self.failed
        return 60.0 * left / self.rate if self.made else float("nan")


Progress = Callable[[Tally], None]


def batches(
    plan: Plan, finished: Collection[str], size: int, shuffle: int | None = None
) -> Iterator[Batch]:
    """The runs that are still to be made, in batches.

    Args:
        plan: of the study.
        finished: identities of runs that are not to be made.
        size: groups in a batch.
        shuffle: makes another order of the batches, for those who doubt that it does not matter.
    """
    study = plan.study
    points: dict[int, list[Variant]] = {}
    for variant in plan.variants:
        points.setdefault(variant.point, []).append(variant)

    def of_replicate(replicate: int) -> Iterator[Batch]:
        seed = study.replicate_seed(replicate)
        groups: list[Group] = []
        for point, variants in points.items():
            missing = tuple(v for v in variants if v.run(seed) not in finished)
            if missing:
                groups.append(Group(point, missing))
            if len(groups) == size:
                yield Batch(replicate, seed, tuple(groups))
                groups = []
        if groups:
            yield Batch(replicate, seed, tuple(groups))

    ordered = (b for r in range(study.replicates) for b in of_replicate(r))
    if shuffle is None:
        yield from ordered
        return
    yield from (b for _, b in sorted(
        ((studies.digest([shuffle, number]), b) for number, b in enumerate(ordered)),
        key=lambda pair: pair[0],
    ))  # fmt: skip


# --- from a batch to records -----------------------------------------------------------------


def advance(study: Study, batch: Batch) -> Iterator[list[Record]]:
    """Make the runs of a batch; yields the records of each group when it is finished.

    All runs of a batch share rows and seed and advance in one pass.  If any of them fails, each
    group is made by itself, so that one run's failure is not the others'.
    """
    if len(batch.groups) > 1:
        try:
            together = _perform(study, batch, [_ready(study, group) for group in batch.groups])
        except Exception as error:
            logger.info("a batch of %d runs is made group by group: %s", batch.runs, error)
        else:
            yield from together
            return
    for group in batch.groups:
        yield _perform_group(study, batch, group)


def _ready(study: Study, group: Group) -> list[tuple[Variant, Scenario]]:
    return [(v, study.at(v.arm, study.points[group.point])) for v in group.variants]


def _perform_group(study: Study, batch: Batch, group: Group) -> list[Record]:
    point = study.points[group.point]
    failed: list[Record] = []
    ready: list[tuple[Variant, Scenario]] = []
    for variant in group.variants:
        try:
            ready.append((variant, study.at(variant.arm, point)))
        except Exception as error:
            failed.append(_failure(study, batch, variant, "prepare", error))
    if not ready:
        return failed
    try:
        return failed + _perform(study, batch, [ready])[0]
    except Exception as error:
        if len(ready) == 1:
            return [*failed, _failure(study, batch, ready[0][0], "run", error)]
    # One arm's failure is not the others': each alone says whose it was.
    for one in ready:
        try:
            failed += _perform(study, batch, [[one]])[0]
        except Exception as error:
            failed.append(_failure(study, batch, one[0], "run", error))
    return failed


def _perform(
    study: Study, batch: Batch, groups: Sequence[Sequence[tuple[Variant, Scenario]]]
) -> list[list[Record]]:
    """Runs of several groups in one pass; each group with its baseline, if it is compared."""
    started = time.perf_counter()
    paired = any(k.paired for k in study.kept)
    tasks, firsts = [], []
    for ready in groups:
        reference = paired and ready[0][0].arm != study.baseline
        first = [study.at(study.baseline, study.points[ready[0][0].point])] if reference else []
        firsts.append(len(first))
        scenarios = (*first, *(s for _, s in ready))
        tasks.append(Task(scenarios, study.rows, batch.replicate, batch.seed))
    made = perform_together(tasks)
    seconds = (time.perf_counter() - started) / sum(len(ready) for ready in groups)
    return [
        _records(study, batch, ready, done, first, seconds)
        for ready, done, first in zip(groups, made, firsts, strict=True)
    ]


def _records(
    study: Study,
    batch: Batch,
    ready: Sequence[tuple[Variant, Scenario]],
    made: Done,
    first: int,
    seconds: float,
) -> list[Record]:
    records = []
    for number, (variant, scenario) in enumerate(ready):
        try:
            values = extract(study.kept, made, number + first, scenario, variant.arm,
                             study.baseline)  # fmt: skip
        except Exception as error:
            records.append(_failure(study, batch, variant, "record", error))
            continue
        records.append(
            Record(
                variant.run(batch.seed), variant.key, variant.arm, variant.point, batch.replicate,
                batch.seed, "done", values, {}, round(seconds, 4), _memory(), made.worst,
                signature(),
            )
        )  # fmt: skip
    return records


def extract(
    kept: Sequence[Kept], made: Done, number: int, scenario: Scenario, arm: str, baseline: str
) -> tuple[float, ...]:
    """The kept numbers of one run, by the path that all results take."""
    found = Results(
        arm, "study", {k: v[None] for k, v in made.series[number].items()}, made.labels[number],
        {"currency": scenario.currency, "region": scenario.region},
    )  # fmt: skip
    return tuple(
        float("nan")
        if k.paired and arm == baseline
        else float(found.yearly(k.outcome, k.year, k.by, k.group)[0])
        for k in kept
    )


def _failure(
    study: Study, batch: Batch, variant: Variant, stage: str, error: BaseException | str
) -> Record:
    run = variant.run(batch.seed)
    words = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
    trace = "" if isinstance(error, str) else "".join(traceback.format_exception(error))
    return Record(
        run, variant.key, variant.arm, variant.point, batch.replicate, batch.seed, "failed",
        error={
            "stage": stage,
            "message": " ".join(words.split())[:2000],
            "traceback": trace[-8000:],
            "reproduce": f"econsim sweep {shlex.quote(study.path)} --replicates {study.replicates} "
            f"--only {run}",
        },
        memory=_memory(),
        made=signature(),
    )  # fmt: skip


def _memory() -> int:
    """Largest memory of this process so far, bytes (0 where the system does not tell)."""
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else int(peak) * 1024


def make_one(study: Study, run: str) -> tuple[Variant, int, dict[str, float]]:
    """Make a single run in this process and let its error through.

    Args:
        study: whose run.
        run: its identity, or the beginning of it.

    Returns:
        Variant, replicate, and the kept numbers by name.

    Raises:
        StudyError: no such run; besides whatever the run raises.
    """
    found = [
        (variant, replicate)
        for variant in studies.plan(study, SCHEMA_VERSION).variants
        for replicate in range(study.replicates)
        if variant.run(study.replicate_seed(replicate)).startswith(run)
    ]
    if len(found) != 1:
        raise StudyError(
            f"{'no run' if not found else f'{len(found)} runs'} of '{study.name}' begin with "
            f"'{run}': the study or the model has changed, or give more of it"
        )
    variant, replicate = found[0]
    point = study.points[variant.point]
    names = [variant.arm]
    if any(k.paired for k in study.kept) and variant.arm != study.baseline:
        names.insert(0, study.baseline)
    chosen = [study.at(name, point) for name in names]
    made = perform(Task(tuple(chosen), study.rows, replicate, study.replicate_seed(replicate)))
    values = extract(study.kept, made, len(chosen) - 1, chosen[-1], variant.arm, study.baseline)
    return variant, replicate, {k.key: v for k, v in zip(study.kept, values, strict=True)}


# --- workers ---------------------------------------------------------------------------------

#: (run, failed) of every run of a batch.
Reports = list[tuple[str, bool]]


@dataclass
class _Worker:
    """What a worker on this machine has: the study, a shard of its own, a lock around appends."""

    study: Study
    shard: Shard
    appending: threading.Lock = field(default_factory=threading.Lock)

    def work(self, batch: Batch) -> Reports:
        reports: Reports = []
        for records in advance(self.study, batch):
            with self.appending:
                self.shard.append(records)
            reports += [(r.run, r.status == "failed") for r in records]
        return reports


_process_worker: _Worker | None = None


def _start_process(study: Study, folder: Path, lifeline: Connection) -> None:
    """Begin a worker process: its shard, and a watch on the process that drives the sweep."""
    global _process_worker  # noqa: PLW0603  (a process pool has no other place for it)
    worker = _Worker(study, new_shard(folder, study.kept, f"p{os.getpid()}"))
    _process_worker = worker

    def watch() -> None:
        # The other end closes when the sweep is given up, or when its process is killed.
        try:
            lifeline.poll(None)
        finally:
            with worker.appending:
                os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _work_in_process(batch: Batch) -> Reports:
    assert _process_worker is not None
    return _process_worker.work(batch)


def _work_remotely(study: Study, batch: Batch, model: str) -> list[Record]:
    """A batch on a machine of a cluster; records travel back."""
    if studies.digest(studies.model_source()) != model:
        raise StoreError("a worker of the cluster has another version of the model")
    return [record for records in advance(study, batch) for record in records]


class WorkerLostError(Exception):
    """The process that made a batch is gone."""


class _Threads:
    """Workers that are threads of this process."""

    def __init__(self, store: Store, workers: int) -> None:
        self._store, self._own = store, threading.local()
        self._shards: list[Shard] = []
        self.window = 2 * workers
        self._pool = ThreadPoolExecutor(workers)

    def submit(self, batch: Batch) -> Future[Reports]:
        return self._pool.submit(self._work, batch)

    def _work(self, batch: Batch) -> Reports:
        if not hasattr(self._own, "worker"):
            shard = self._store.shard(f"t{threading.get_native_id()}")
            self._shards.append(shard)
            self._own.worker = _Worker(self._store.study, shard)
        found: Reports = self._own.worker.work(batch)
        return found

    def close(self, given_up: bool) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        for shard in self._shards:
            shard.close()


class _Processes:
    """Workers that are processes of this machine."""

    def __init__(self, store: Store, workers: int) -> None:
        self._store, self._workers = store, workers
        self.window = 2 * workers
        self._context = get_context("spawn")
        self._open(workers)

    def _open(self, workers: int) -> None:
        reader, self._lifeline = self._context.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(
            workers, mp_context=self._context, initializer=_start_process,
            initargs=(self._store.study, self._store.folder, reader),
        )  # fmt: skip

    def submit(self, batch: Batch) -> Future[Reports]:
        return self._pool.submit(_work_in_process, batch)

    def renew(self, workers: int | None = None) -> None:
        """New workers after one of them died (a pool does not outlive any of its processes)."""
        self.close(True)
        self._open(workers or self._workers)

    def close(self, given_up: bool) -> None:
        if given_up:
            self._lifeline.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        if not given_up:
            self._lifeline.close()


class _Cluster:
    """Workers of a Dask cluster; their records are written here."""

    def __init__(self, store: Store, address: str) -> None:
        from distributed import Client

        try:
            self._client = Client(address, timeout=PATIENCE, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ConnectionError(f"no Dask scheduler at '{address}': {first}") from None
        try:
            self._client.wait_for_workers(1, timeout=PATIENCE)
            cores = self._client.nthreads()
        except (OSError, TimeoutError):
            self._client.close()
            raise ConnectionError(f"the Dask scheduler at '{address}' has no workers") from None
        self.window = 2 * max(1, sum(cores.values()))
        self._executor: Executor = self._client.get_executor(pure=False)
        self._study = self._client.scatter(store.study, broadcast=True, hash=False)
        self._model = studies.digest(studies.model_source())
        self._shard = store.shard("dask")
        self._appending = threading.Lock()

    def submit(self, batch: Batch) -> Future[Reports]:
        remote = self._executor.submit(_work_remotely, self._study, batch, self._model)
        local: Future[Reports] = Future()
        local.set_running_or_notify_cancel()
        remote.add_done_callback(lambda f: self._receive(f, local))
        return local

    def _receive(self, remote: Future[list[Record]], local: Future[Reports]) -> None:
        from distributed import KilledWorker

        try:
            records = remote.result()
            with self._appending:
                self._shard.append(records)
            local.set_result([(r.run, r.status == "failed") for r in records])
        except KilledWorker as error:
            local.set_exception(WorkerLostError(str(error)))
        except ModuleNotFoundError as error:
            local.set_exception(StoreError(f"a worker of the cluster lacks econsim: {error}"))
        except BaseException as error:
            local.set_exception(error)

    def close(self, given_up: bool) -> None:
        self._client.close(timeout=5)
        self._shard.close()


Workers = _Threads | _Processes | _Cluster


@contextmanager
def _workers(store: Store, executor: ExecutorFile) -> Iterator[Workers]:
    count = executor.workers or os.cpu_count() or 1
    workers: Workers
    if executor.kind == "dask":
        if not executor.scheduler:
            raise StudyError("the dask executor needs --scheduler ADDRESS")
        workers = _Cluster(store, executor.scheduler)
    elif executor.kind == "processes" and count > 1:
        workers = _Processes(store, count)
    else:
        workers = _Threads(store, count)
    given_up = True
    try:
        yield workers
        given_up = False
    finally:
        workers.close(given_up)


# --- the sweep -------------------------------------------------------------------------------


def sweep(
    store: Store,
    *,
    executor: ExecutorFile | None = None,
    retry_failed: bool = False,
    progress: Progress | None = None,
    shuffle: int | None = None,
) -> Tally:
    """Make the runs that a store lacks.

    Args:
        store: opened or created with its study.
        executor: where (default: as the study says).
        retry_failed: also those that failed before.
        progress: called when runs are finished.
        shuffle: another order of the batches.

    Returns:
        How many runs there are, and whether the sweep stopped early.

    Raises:
        OSError: the machine said no (disk, lock, scheduler); what is done is in the store.
        StoreError: the store is damaged.
    """
    chosen = executor or store.study.executor
    with store.writing():
        store.save_growth()
        before = store.contents()
        seeds = [store.study.replicate_seed(r) for r in range(store.study.replicates)]
        wanted = {v.run(seed) for v in store.plan.variants for seed in seeds}
        kept_failures = set() if retry_failed else wanted & set(before.failed)
        finished = wanted & set(before.done) | kept_failures
        tally = Tally(
            len(wanted), len(wanted & set(before.done)), len(kept_failures),
            torn=before.torn_words(),
        )  # fmt: skip
        if tally.torn:
            logger.warning("%s", tally.torn)
        if progress is not None:
            progress(tally)
        if len(finished) == len(wanted):
            return tally
        _check_space(store, len(wanted) - len(finished))
        size = _batch_size(store, chosen, len(wanted) - len(finished))
        todo = batches(store.plan, finished, size, shuffle)
        patience = store.study.stop_after_failures
        hopeless = not tally.done
        with _workers(store, chosen) as workers:
            for reports in _drive(store, workers, todo):
                bad = sum(failed for _, failed in reports)
                tally.failed += bad
                tally.done += len(reports) - bad
                tally.made += len(reports)
                hopeless = hopeless and tally.done == 0
                if progress is not None:
                    progress(tally)
                if hopeless and tally.failed >= min(patience, tally.total):
                    tally.stopped = f"the first {tally.failed} runs all failed"
                    break
    return tally


def _check_space(store: Store, runs: int) -> None:
    """Refuse to begin what cannot be stored (a record is some hundred bytes, at least)."""
    needed = runs * (400 + 40 * len(store.study.kept))
    free = shutil.disk_usage(store.folder).free
    if free < needed:
        raise OSError(
            errno.ENOSPC, f"{runs:,} runs need about {needed:,} bytes, {free:,} are free",
            str(store.folder),
        )  # fmt: skip


def _batch_size(store: Store, executor: ExecutorFile, runs: int) -> int:
    """Groups in a batch: few enough that workers end together."""
    size = executor.batch or (BATCH_DASK if executor.kind == "dask" else BATCH)
    workers = executor.workers or os.cpu_count() or 1
    arms = len(store.study.arms)
    return max(1, min(size, runs // (8 * workers * arms)))


def _drive(store: Store, workers: Workers, todo: Iterable[Batch]) -> Iterator[Reports]:
    """Keep the workers busy with a bounded number of batches; yield what is finished."""
    source = iter(todo)
    waiting: dict[Future[Reports], Batch] = {}
    suspects: list[Batch] = []
    while True:
        try:
            while len(waiting) < workers.window and not suspects:
                batch = next(source, None)
                if batch is None:
                    break
                suspects.append(batch)
                waiting[workers.submit(batch)] = batch
                suspects.pop()
        except BrokenProcessPool:
            pass
        if not waiting and not suspects:
            return
        ended, _ = wait(waiting, return_when=FIRST_COMPLETED)
        for future in ended:
            batch = waiting.pop(future)
            try:
                yield future.result()
            except (BrokenProcessPool, WorkerLostError):
                suspects.append(batch)
        if suspects and not waiting:
            yield from _try_alone(store, workers, suspects)
            suspects = []


def _try_alone(store: Store, workers: Workers, suspects: Sequence[Batch]) -> Iterator[Reports]:
    """The batches that were being made when a worker died: one run at a time."""
    logger.warning("a worker died; its runs are tried again, one at a time")
    made = set(store.contents().done)
    known = {v.run(b.seed) for b in suspects for g in b.groups for v in g.variants}
    if known & made:
        yield [(run, False) for run in sorted(known & made)]
    if isinstance(workers, _Processes):
        workers.renew(1)
    for batch in suspects:
        for single in batch.singly():
            variant = single.groups[0].variants[0]
            if variant.run(single.seed) in made:
                continue
            for _ in range(DEATHS):
                try:
                    reports = workers.submit(single).result()
                    break
                except (BrokenProcessPool, WorkerLostError):
                    if isinstance(workers, _Processes):
                        workers.renew(1)
            else:
                shard = store.shard("lost")
                record = _failure(
                    store.study, single, variant, "worker",
                    f"the worker process died {DEATHS} times in this run (killed, or out of "
                    "memory)",
                )  # fmt: skip
                shard.append([record])
                shard.close()
                reports = [(record.run, True)]
            yield reports
    if isinstance(workers, _Processes):
        workers.renew()


# --- before the sweep ------------------------------------------------------------------------


@dataclass(frozen=True)
class Forecast:
    """What a sweep will need.

    Attributes:
        runs: number of runs, exactly.
        points, arms, replicates: of the study.
        disk: bytes of the finished store.
        free: bytes free where it is to be.
        memory: bytes of all workers together.
        seconds: range of its duration.
        pilots: runs made to find out.
        workers: processes or threads assumed.
    """

    runs: int
    points: int
    arms: int
    replicates: int
    disk: int
    free: int
    memory: int
    seconds: tuple[float, float]
    pilots: int
    workers: int


def forecast(study: Study, folder: Path, executor: ExecutorFile | None = None) -> Forecast:
    """Number of runs, disk, memory and time of a sweep, from a few pilot runs; stores nothing.

    Raises:
        StudyError: a point is not a valid scenario; besides whatever a pilot run raises.
    """
    chosen = executor or study.executor
    plan = studies.plan(study, SCHEMA_VERSION)
    workers = chosen.workers or os.cpu_count() or 1
    count = len(study.points)
    places = sorted({0, count // 3, (2 * count) // 3, count - 1})
    lines: list[int] = []
    seconds: list[float] = []
    for number, point in enumerate([places[0], *places]):
        group = Group(point, tuple(plan.variant(arm, point) for arm in study.arms))
        records = _perform_group(study, Batch(0, study.replicate_seed(0), (group,)), group)
        for record in records:
            if record.status == "failed":
                raise StoreError(
                    f"a pilot run failed ({record.error['stage']}): {record.error['message']}\n"
                    f"reproduce: {record.error['reproduce']}"
                )
        if number:  # the first also compiles and fills caches
            lines += [len(r.line(study.kept)) for r in records]
            seconds += [r.seconds for r in records]
    texts = (study.text, study.points_csv(), plan.csv(),
             json.dumps(certificate(plan), indent=1, sort_keys=True))  # fmt: skip
    fixed = sum(len(t.encode()) for t in texts)
    existing = folder.resolve()
    while not existing.exists():
        existing = existing.parent
    busy = min(workers, os.cpu_count() or 1)
    work = plan.runs / busy
    least, most = min(seconds), max(seconds)
    if len(set(seconds)) > 2:
        # Points differ: a mean of many lies between the mean's bounds, not between extremes.
        middle, spread = statistics.mean(seconds), statistics.stdev(seconds)
        least, most = max(least, middle - spread), min(most, middle + spread)
    return Forecast(
        runs=plan.runs,
        points=count,
        arms=len(study.arms),
        replicates=study.replicates,
        disk=fixed + round(plan.runs * float(np.mean(lines))),
        free=shutil.disk_usage(existing).free,
        memory=_memory() * (workers if chosen.kind != "threads" else 1),
        seconds=(0.9 * work * least, 1.5 * work * most),
        pilots=len(seconds),
        workers=workers,
    )


__all__ = [
    "Batch",
    "Forecast",
    "Group",
    "Tally",
    "advance",
    "batches",
    "forecast",
    "make_one",
    "sweep",
]
