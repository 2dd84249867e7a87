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
from typing import Any, Protocol

from econsim.app.draft import Settings, Text
from econsim.results import Comparison, Results

#: Dimensions sent back with the results.
_SHOWN = ("size_class", "sector", "country", "option")


class Work(Protocol):
    """Something that a child process does: it is pickled, done there, and its answer sent back."""

    @property
    def name(self) -> str:
        """Of what is run, for the page."""

    def key(self) -> tuple[object, ...]:
        """What decides the answer: equal keys have equal answers."""

    def perform(self, progress: Callable[[float], None] | None = None) -> Any:
        """The answer; ``progress`` is called with the share of the work done."""


@dataclass(frozen=True)
class Order:
    """What to run: scenario texts that share luck, and whether over the joint axes too.

    Attributes:
        texts: two or more; the first is the baseline of what is counted firm by firm.
        settings: rows, replicates, seed of all.
        grid: whether the pair is also run at every point of the joint axes.
    """

    texts: tuple[Text, ...]
    settings: Settings
    grid: bool = False

    @property
    def baseline(self) -> Text:
        """The first scenario."""
        return self.texts[0]

    @property
    def policy(self) -> Text:
        """The last scenario: of a pair, the one that is compared with the first."""
        return self.texts[-1]

    @property
    def name(self) -> str:
        """Of what is run, for the page."""
        return self.policy.name if len(self.texts) == 2 else f"{len(self.texts)} scenarios"

    def key(self) -> tuple[object, ...]:
        """What decides the numbers and the words: equal orders have equal results."""
        loaded = [text.scenario() for text in self.texts]
        words = tuple((s.name, s.title) for s in loaded)
        return (*(s.hash() for s in loaded), self.settings, self.grid, words)

    def perform(self, progress: Callable[[float], None] | None = None) -> Answer:
        """Run by the path of the command line: ``scenario.loads``, then ``simulate``."""
        from econsim.experiments import headline
        from econsim.experiments.simulation import simulate
        from econsim.results import subset

        loaded = [text.scenario() for text in self.texts]
        s = self.settings
        # The same grid as `econsim run`.
        rows = min(s.rows, headline.GRID_ROWS)
        replicates = min(s.replicates, headline.GRID_REPLICATES)
        points = len(headline.LAMBDA_GRID) * len(headline.OPEN_SHARE_GRID)
        work = (s.rows * s.replicates, points * rows * replicates if self.grid else 0)
        part = work[0] / (work[0] + work[1])

        def first(share: float) -> None:
            if progress is not None:
                progress(part * share)

        def second(share: float) -> None:
            if progress is not None:
                progress(part + (1.0 - part) * share)

        main = simulate(*loaded, rows=s.rows, replicates=s.replicates, seed=s.seed, progress=first)
        grid: dict[str, list[Results]] = {}
        if self.grid:
            grid = headline.run_grid(
                loaded, rows=rows, replicates=replicates, seed=s.seed, progress=second
            )
        return Answer(
            [subset(r, _SHOWN) for r in main],
            {name: [subset(r, ("size_class",)) for r in group] for name, group in grid.items()},
        )


@dataclass(frozen=True)
class Answer:
    """What a run of scenarios gives back.

    Attributes:
        results: of every scenario, in the order of the order.
        grid: parameter set -> results of all, over the joint axes (may be empty).
    """

    results: list[Results]
    grid: dict[str, list[Results]]

    def comparison(self, base: int = 0, number: int = -1) -> Comparison:
        """Scenario ``number`` minus scenario ``base``, paired."""
        from econsim.results import compare

        return compare(self.results[number], self.results[base])


# --- the child -------------------------------------------------------------------------------


def _work(order: Work, pipe: Connection) -> None:
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
        answer = order.perform(report)
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

    def __init__(self, order: Work, target: Callable[..., None] = _work) -> None:
        """Start the run.

        Args:
            order: what to run.
            target: what the child does with the order and the pipe.
        """
        self.order = order
        self.share = 0.0
        self.answer: Any = None
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

    def _finish(self, answer: Any = None, failure: str = "") -> None:
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

__all__ = ["Answer", "Job", "Order", "Work"]
