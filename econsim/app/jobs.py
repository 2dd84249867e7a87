"""Runs in a process of their own: progress, a result or a message, and a Cancel that cancels."""

from __future__ import annotations

import atexit
import multiprocessing.util  # noqa: F401  (before atexit below: its clean-up waits for children)
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from typing import Any

from econsim.app.draft import Settings, Text
from econsim.results import Comparison, Results

#: Dimensions sent back; the pages show no countries and sectors.
_SHOWN = ("size_class", "option")


@dataclass(frozen=True)
class Order:
    """What to run: two scenario texts that share luck, and whether over the joint axes too."""

    baseline: Text
    policy: Text
    settings: Settings
    grid: bool = False

    def key(self) -> tuple[object, ...]:
        """What decides the numbers and the words: equal orders have equal results."""
        pair = [text.scenario() for text in (self.baseline, self.policy)]
        words = tuple((s.name, s.title) for s in pair)
        return (*(s.hash() for s in pair), self.settings, self.grid, words)


@dataclass(frozen=True)
class Answer:
    """What a run gives back.

    Attributes:
        pair: results of the baseline and of the policy.
        grid: parameter set -> results of both, over the joint axes (may be empty).
    """

    pair: list[Results]
    grid: dict[str, list[Results]]

    @property
    def comparison(self) -> Comparison:
        """Policy minus baseline."""
        from econsim.results import compare

        return compare(self.pair[1], self.pair[0])


def run(order: Order, progress: Callable[[float], None] | None = None) -> Answer:
    """Run an order by the path of the command line: ``scenario.loads``, then ``simulate``.

    Args:
        order: what to run.
        progress: called with the share of the work done.
    """
    from econsim.experiments import headline
    from econsim.experiments.headline import (
        GRID_REPLICATES,
        GRID_ROWS,
    )  # the same grid as `econsim run`
    from econsim.experiments.simulation import simulate
    from econsim.results import subset

    pair = [order.baseline.scenario(), order.policy.scenario()]
    s = order.settings
    rows, replicates = min(s.rows, GRID_ROWS), min(s.replicates, GRID_REPLICATES)
    points = len(headline.LAMBDA_GRID) * len(headline.OPEN_SHARE_GRID)
    work = (s.rows * s.replicates, points * rows * replicates if order.grid else 0)
    part = work[0] / (work[0] + work[1])

    def first(share: float) -> None:
        if progress is not None:
            progress(part * share)

    def second(share: float) -> None:
        if progress is not None:
            progress(part + (1.0 - part) * share)

    main = simulate(*pair, rows=s.rows, replicates=s.replicates, seed=s.seed, progress=first)
    grid: dict[str, list[Results]] = {}
    if order.grid:
        grid = headline.run_grid(
            pair, rows=rows, replicates=replicates, seed=s.seed, progress=second
        )
    return Answer(
        [subset(r, _SHOWN) for r in main],
        {name: [subset(r, _SHOWN) for r in group] for name, group in grid.items()},
    )


# --- the child -------------------------------------------------------------------------------


def _work(order: Order, pipe: Connection) -> None:
    """What the child process does: report progress, then the answer or why there is none."""
    if hasattr(os, "setsid"):
        os.setsid()  # a group of its own, so that Cancel also ends the processes of the run
    threading.Thread(target=_die_with_parent, daemon=True).start()
    last = 0.0

    def report(share: float) -> None:
        nonlocal last
        if share - last >= 0.005 or share >= 1.0:
            last = share
            pipe.send(("share", share))

    try:
        answer = run(order, report)
    except MemoryError:
        pipe.send(("failed", "not enough memory: fewer firms or replicates may fit"))
    except ValueError as error:  # the model's own errors, and all that say what is wrong
        pipe.send(("failed", str(error)))
    except Exception as error:
        pipe.send(("failed", f"{type(error).__name__}: {error}"))
    else:
        pipe.send(("done", answer))
    pipe.close()


def _die_with_parent() -> None:
    """End this process and its group when the server is gone."""
    parent = parent_process()
    if parent is not None:
        parent.join()
    if hasattr(os, "killpg"):
        os.killpg(os.getpgrp(), signal.SIGTERM)
    os._exit(1)


# --- the parent ------------------------------------------------------------------------------

_alive: weakref.WeakSet[Job] = weakref.WeakSet()


class Job:
    """A run under way.

    Attributes:
        order: what runs.
        share: of the work done, 0 to 1.
        answer: once it is done.
        failure: message, once it failed.
        seconds: since the start, or taken.
    """

    def __init__(self, order: Order, target: Callable[..., None] = _work) -> None:
        """Start the run.

        Args:
            order: what to run.
            target: what the child does with the order and the pipe.
        """
        self.order = order
        self.share = 0.0
        self.answer: Answer | None = None
        self.failure = ""
        self.cancelled = False
        self._begun = time.monotonic()
        self._taken: float | None = None
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe(duplex=False)
        # Not a daemon: those may not start processes. The server's end is handled below.
        self._process = context.Process(target=target, args=(order, theirs), daemon=False)
        self._process.start()
        theirs.close()
        weakref.finalize(self, _end, self._process).atexit = False
        _alive.add(self)

    @property
    def running(self) -> bool:
        """Whether neither an answer nor a failure is there yet."""
        return self.answer is None and not self.failure and not self.cancelled

    @property
    def seconds(self) -> float:
        """Seconds since the start, or taken in all."""
        return self._taken if self._taken is not None else time.monotonic() - self._begun

    def poll(self) -> None:
        """Take in what the child has said, without waiting."""
        while self.running:
            # Asked before the pipe is read: what a dead child said is all in the pipe by then.
            code = self._process.exitcode
            try:
                said = self._pipe.recv() if self._pipe.poll() else None
            except (EOFError, OSError):
                said, code = None, self._process.exitcode
                if code is None:
                    self._process.join(timeout=1.0)
                    code = self._process.exitcode
            except Exception as error:  # what was sent cannot be read: the child is of no use
                self._finish(failure=f"its answer cannot be read: {error}")
                return
            if said is None:
                if code is not None:
                    if self._process.pid is not None:
                        _sweep(self._process.pid)  # its own children may have outlived it
                    self._finish(failure=_death(code))
                return
            kind, content = said
            if kind == "share":
                self.share = float(content)
            elif kind == "done":
                self._finish(answer=content)
            else:
                self._finish(failure=str(content))

    def cancel(self) -> None:
        """End the run and every process it started."""
        if self.running:
            self.cancelled = True
            self._finish()

    def _finish(self, answer: Answer | None = None, failure: str = "") -> None:
        self.answer, self.failure = answer, failure
        self._taken = self.seconds
        if answer is not None:
            self.share = 1.0
        self._pipe.close()
        if self.cancelled:
            _end(self._process)
        else:
            self._process.join(timeout=5.0)
            if self._process.is_alive():
                _end(self._process)


def _death(code: int) -> str:
    if code == -getattr(signal, "SIGKILL", 0):
        return "the run was killed, perhaps for want of memory: try fewer firms or replicates"
    return f"the run stopped without a message (exit code {code})"


def _end(process: Any) -> None:
    """End a child and every process it started; nothing happens when it has ended already."""
    if not process.is_alive():
        return
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        if not _sweep(process.pid, number):
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)  # it has no group of its own yet
        process.join(timeout=2.0)
        if not process.is_alive():
            return


def _sweep(group: int, number: signal.Signals = signal.SIGTERM) -> bool:
    """Signal the group that a child leads or led; whether there was one."""
    if not hasattr(os, "killpg"):
        return False
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def _end_all() -> None:
    for job in list(_alive):
        job.cancel()


# Runs before multiprocessing's own clean-up at exit, which would wait for the children.
atexit.register(_end_all)

__all__ = ["Answer", "Job", "Order", "run"]
