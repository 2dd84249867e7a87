"""How fast econsim is, beside Mesa objects, polars and C with the same rules, on this machine.

One command, one table::

    python benchmarks/speed.py [--firms 100000] [--months 24] [--repeats 5] [--only engine polars]
                               [--million] [--nations] [--profile] [--json FILE]
    python benchmarks/speed.py --arms | --ensemble [1000] | --sampling

All models meet the same firms in the same months, which begin when many firms already consider AI
(``--start``, default January 2026).  The engine and the Mesa objects simulate themselves there;
polars and the C kernel start from the engine's firms, and must end with the engine's choices.  In
each repeat every model is built anew, outside the clock, and the order of the models is reversed
in every other repeat.  Ratios are taken within a repeat.  Compiled code is at hand before any
clock starts.

The clock is wall time from the first to the last timed month; a *firm-month* is one firm in the
population for one month, whether or not it is its turn to evaluate (one firm in twelve has it).
*Month* is all that a model does in a month; *firm loop* is the part in which firms decide and
totals are kept, without the month's offers and whatever accounts the model closes.  The
competitors do less than the engine: no ledger, no outcomes by sector, size and country; the Mesa
objects, unless it says so, no firms' surplus.  Ratios of whole months therefore err in the
competitors' favour.

Beside the table: the engine's cost by size (``--nations``: up to thirty million firms), distance to
the memory bound, memory per firm, a small single run, compilation, imports.  ``--profile`` shows
only where the engine's month goes; ``--arms`` and ``--ensemble`` what it saves to advance scenarios
in one pass (:mod:`fused`); ``--sampling`` how far weighted samples are from the full population
(:mod:`sampling`).
"""

from __future__ import annotations

import argparse
import concurrent.futures
import functools
import gc
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import columns
import fused
import numpy as np
import sampling
from clock import progress, summary
from columns import EngineRun

from econsim import accounts, aggregation, compiled, engine, evaluation, policy, scenario, setting

#: First timed month: January 2026.
START = 60
#: Sizes of ``--nations``; the first is what the others' costs are compared with.
NATIONS = (100_000, 1_000_000, 10_000_000, 30_000_000)
#: Rows at which memory is measured, without and with ``--nations``.
MEMORY_ROWS = (1_000_000, 10_000_000)
#: Arms whose memory is measured together.
ARMS = ("eu-diverse", "eu-restrictive")
#: Bytes of each of the two arrays that measure how fast memory is copied: far beyond any cache.
COPIED = 512 * 2**20
#: Rows of the table that others are compared with begin with this; the row in NumPy does not.
ENGINE = "econsim engine"
IN_NUMPY = "econsim, in NumPy"


def models(threads: Sequence[int]) -> dict[str, Callable[..., Any]]:
    """What is timed: name -> builder(scenario, firms, seed).  The engine comes first."""
    # Here, since processes of --ensemble and --sampling begin with an import of this module.
    import c_month
    import polars_month
    from mesa_objects import DueOnlyModel, EveryMonthModel

    found: dict[str, Callable[..., Any]] = {}
    for count in threads if compiled.available() else ():
        found[f"{ENGINE}, {plural(count)}"] = functools.partial(EngineRun, threads=count)
    found[IN_NUMPY] = functools.partial(EngineRun, jit=False)
    found["Mesa objects, due firms only"] = DueOnlyModel
    found["Mesa objects, due only + firms' surplus"] = functools.partial(DueOnlyModel, surplus=True)
    found["Mesa objects, every month, shuffle_do"] = EveryMonthModel
    found["Mesa objects, every month, do"] = functools.partial(EveryMonthModel, shuffle=False)
    if polars_month.missing() is None:
        found["polars"] = polars_month.PolarsMonth
    if c_month.missing() is None:
        for count in threads:
            name = f"C kernel, {plural(count)}"
            found[name] = functools.partial(c_month.CMonth, threads=count)
    for reason in (polars_month.missing(), c_month.missing()):
        if reason:
            print(f"left out: {reason}")
    if not compiled.available():
        print("left out: the compiled engine (no Numba here, or it is switched off)")
    return found


def plural(threads: int) -> str:
    """So many threads, in words."""
    return f"{threads} thread{'s' if threads > 1 else ''}"


def time_months(build: Callable[..., Any], described, rows: int, months: int, start: int):
    """A freshly built model at month ``start`` does ``months``: seconds, of these in the firm loop.

    Returns:
        (seconds, seconds in the firm loop, the model).
    """
    model = build(described, rows, described.run.seed)
    model.warm_up(start)
    gc.collect()
    model.loop_seconds = 0.0
    began = time.perf_counter()
    for _ in range(months):
        model.step()
    return time.perf_counter() - began, model.loop_seconds, model


def result(model) -> Any:
    """What a model's firms chose: options of all firms, or the share of firms that use AI."""
    if hasattr(model, "option"):
        return model.option().copy()
    return model.user_rows / model.rows


def agreement(name: str, wanted: np.ndarray, found: Any) -> tuple[bool, str]:
    """Whether a model ended with the engine's choices, in words."""
    import c_month
    from mesa_objects import TOLERANCE

    if isinstance(found, np.ndarray):
        same = float((wanted == found).mean())
        needed = 1.0 if name.startswith("econsim") else c_month.SAME
        return same >= needed, f"{100.0 * same:.4f} % equal"
    points = 100.0 * (found - float((wanted > 0).mean()))
    return abs(points) <= TOLERANCE, f"use {points:+.2f} points"


def side_by_side(
    chosen: dict[str, Callable[..., Any]],
    described,
    rows: int,
    months: int,
    repeats: int,
    start: int,
) -> dict[str, Any]:
    """Speed of every model, how many times faster the engine is, and whether results agree.

    A ratio is the median over repeats of the ratio within a repeat.
    """
    month: dict[str, list[float]] = {name: [] for name in chosen}
    loop: dict[str, list[float]] = {name: [] for name in chosen}
    results: dict[str, Any] = {}
    for repeat in range(repeats):
        for name in list(chosen) if repeat % 2 == 0 else list(chosen)[::-1]:
            seconds, inner, model = time_months(chosen[name], described, rows, months, start)
            month[name].append(rows * months / seconds)
            loop[name].append(rows * months / inner)
            results[name] = result(model)
            model.release()
            del model
            gc.collect()
            progress(f"{rows:,} firms, repeat {repeat + 1} of {repeats}: {name}")
    columns.forget()
    engines = [name for name in chosen if name.startswith(ENGINE)] or [IN_NUMPY]
    wanted = results[engines[-1]]

    def ratios(speed):
        return {
            base: {
                name: summary([e / v for e, v in zip(speed[base], values, strict=True)])
                for name, values in speed.items()
                if name != base
            }
            for base in engines
        }

    return {
        "rows": rows,
        "engines": engines,
        "month": {name: summary(values) for name, values in month.items()},
        "firm_loop": {name: summary(values) for name, values in loop.items()},
        "month_ratio": ratios(month),
        "firm_loop_ratio": ratios(loop),
        "agreement": {name: agreement(name, wanted, found) for name, found in results.items()},
    }


def by_size(
    described, sizes: Sequence[int], repeats: int, start: int, threads: int
) -> dict[int, Any]:
    """The engine's cost per firm-month at several sizes, side by side.

    All sizes are brought to month ``start``; then each does a year, in turn, order alternating, as
    often as there are repeats (all meet the same years).  The ratio is to the first size's cost,
    within a year.
    """
    runs: dict[int, EngineRun] = {}
    built: dict[int, float] = {}
    per_firm = 0.0
    for rows in sorted(sizes):
        # What the size before took at its worst says whether the next may be tried at all.
        if not fits(rows, per_firm):
            print(f"{rows:,} firms do not fit into the memory that is free: left out")
            break
        progress(f"building {rows:,} firms")
        before = resident("VmRSS", forget_peak=True)
        began = time.perf_counter()
        runs[rows] = EngineRun(described, rows, described.run.seed, threads)
        built[rows] = time.perf_counter() - began
        runs[rows].warm_up(start)
        seen = (resident("VmHWM") - before) / rows
        # What earlier sizes gave back is used again unseen: columns twice over at the least.
        per_firm = max(seen, 2.0 * columns.bytes_by_firm(runs[rows].worlds))
    gc.collect()
    sizes = list(runs)
    cost: dict[int, list[float]] = {rows: [] for rows in sizes}
    loop: dict[int, list[float]] = {rows: [] for rows in sizes}
    moved: dict[int, list[float]] = {rows: [] for rows in sizes}
    for repeat in range(repeats):
        for rows in list(sizes) if repeat % 2 == 0 else list(sizes)[::-1]:
            progress(f"year {repeat + 1} of {repeats}: {rows:,} firms")
            run = runs[rows]
            run.loop_seconds = 0.0
            began = time.perf_counter()
            for _ in range(12):
                run.step()
            cost[rows].append((time.perf_counter() - began) / (12.0 * rows))
            loop[rows].append(run.loop_seconds / (12.0 * rows))
            moved[rows].append(columns.bytes_per_firm_month(run))
    for run in runs.values():
        run.release()
    first = cost[sizes[0]]
    return {
        rows: {
            "seconds_per_firm_month": summary(cost[rows]),
            "loop_seconds_per_firm_month": summary(loop[rows]),
            "ratio": summary([c / f for c, f in zip(cost[rows], first, strict=True)]),
            "bytes_per_firm_month": summary(moved[rows]),
            "build_seconds": built[rows],
        }
        for rows in sizes
    }


def resident(what: str, forget_peak: bool = False) -> float:
    """Resident bytes of this process: now (``VmRSS``) or at most (``VmHWM``); 0 if unknown."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    if forget_peak:
        Path("/proc/self/clear_refs").write_text("5")
    line = next(x for x in status.read_text().splitlines() if x.startswith(what))
    return 1024.0 * float(line.split()[1])


def fits(rows: int, per_firm: float) -> bool:
    """Whether so many firms fit into memory that is free now, with a third to spare."""
    return 1.5 * rows * per_firm < compiled.memory_available()


def copy_bandwidth(threads: int, repeats: int) -> dict[str, Any]:
    """Bytes a second that NumPy copies between two large arrays, counted as STREAM does.

    Every byte counts twice, once read and once written.
    """
    source, target = (np.ones(COPIED // 8) for _ in range(2))
    edges = np.linspace(0, len(source), threads + 1).astype(int)

    def copy(part: int) -> None:
        here = slice(edges[part], edges[part + 1])
        np.copyto(target[here], source[here])

    seconds = []
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for _ in range(repeats + 1):
            began = time.perf_counter()
            list(pool.map(copy, range(threads)))
            seconds.append(time.perf_counter() - began)
    return summary([2.0 * source.nbytes / s for s in seconds[1:]])


def in_child(code: str, folder: str | None = None) -> list[float]:
    """Numbers that a process of its own prints, with these benchmarks at hand.

    Args:
        code: what it runs.
        folder: where it keeps compiled code, if not where it usually does.
    """
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    if folder is not None:
        environment[compiled.FOLDER] = folder
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    ).stdout
    return [float(figure) for figure in shown.split()]


_MEMORY = """
import contextlib, ctypes, gc
import columns
from econsim import scenario
from speed import resident

arms = [scenario.load(name) for name in {arms!r}]


def run(rows):
    worlds = columns.worlds(arms, rows, 1, {threads})
    built = resident("VmHWM", forget_peak=True)
    for _ in range({months}):
        worlds.month()
    return built, resident("VmHWM"), resident("VmRSS")


run(2_000)
gc.collect()
# What the small run has given back must not be there for the large one to use unseen.
with contextlib.suppress(AttributeError, OSError):
    ctypes.CDLL(None).malloc_trim(0)
print(resident("VmRSS", forget_peak=True), *run({rows}))
"""


def memory(rows: int, months: int, arms: Sequence[str], threads: int) -> dict[str, Any] | None:
    """Resident memory per firm and arm beyond that of a process that has done a small run.

    Returns:
        Bytes per firm and arm: peak while the population is built, peak while the months pass,
        and at the end; None where the system does not tell.
    """
    if not Path("/proc/self/clear_refs").exists():
        return None
    code = _MEMORY.format(arms=tuple(arms), rows=rows, months=months, threads=threads)
    before, *after = in_child(code)
    building, running, end = ((figure - before) / (rows * len(arms)) for figure in after)
    return {
        "rows": rows,
        "arms": list(arms),
        "months": months,
        "interpreter_bytes": before,
        "peak_building": building,
        "peak_running": running,
        "at_the_end": end,
    }


_SINGLE = """
import time
from econsim import engine, scenario

for _ in range({repeats} + 1):
    began = time.perf_counter()
    engine.run(scenario.load({name!r}), rows={rows})
    print(time.perf_counter() - began)
"""


def single_run(described, rows: int, repeats: int) -> dict[str, Any]:
    """Seconds of one whole run, population and all, in processes that do nothing else."""
    code = _SINGLE.format(repeats=repeats, name=described.name, rows=rows)
    children = [in_child(code) for _ in range(repeats)]
    return {
        "months": described.run.months,
        "cold": summary([seconds[0] for seconds in children]),
        "warm": summary([second for seconds in children for second in seconds[1:]]),
    }


_COMPILED = """
import time
import columns
from econsim import engine, scenario

arms = [scenario.load({name!r})]
engine.bind_all(arms)
spent = []
for _ in range(2):
    began = time.perf_counter()
    worlds = columns.worlds(arms, 2_000, 1)
    for _ in range({months}):
        worlds.month()
    spent.append(time.perf_counter() - began)
print(spent[0] - spent[1])
"""


def compilation(described, start: int, repeats: int) -> dict[str, Any]:
    """Seconds that a process needs to compile the kernels of a run, and to load kept ones."""
    code = _COMPILED.format(name=described.name, months=start)
    with tempfile.TemporaryDirectory(prefix="econsim-kept-") as folder:
        (compiling,) = in_child(code, folder)
        loading = [in_child(code, folder)[0] for _ in range(repeats)]
    return {"compile": compiling, "load": summary(loading)}


def imports(repeats: int) -> dict[str, Any]:
    """Seconds of a whole new process that does nothing but import."""
    statements = {
        "nothing": "pass",
        "import numpy": "import numpy",
        "import econsim": "import econsim",
        "from econsim import engine, scenario": "from econsim import engine, scenario",
        "import mesa": "import mesa",
    }
    samples: dict[str, list[float]] = {name: [] for name in statements}
    for _ in range(repeats):
        for name, code in statements.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
            samples[name].append(time.perf_counter() - began)
    return {name: summary(values) for name, values in samples.items()}


# --- where the month goes -----------------------------------------------------------------------


class Stopwatch:
    """Exclusive wall time by label: a wrapped call's time is taken off its caller's."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)
        self._inner = [0.0]
        self._restore: list[tuple[Any, str, Any]] = []

    def wrap(self, owner: Any, name: str, label: str) -> None:
        """Time ``owner.name`` under a label; a name that does not exist is left out."""
        original = getattr(owner, name, None)
        if original is None:
            return

        @functools.wraps(original)
        def timed(*args, **kwargs):
            self._inner.append(0.0)
            began = time.perf_counter()
            try:
                return original(*args, **kwargs)
            finally:
                taken = time.perf_counter() - began
                self.seconds[label] += taken - self._inner.pop()
                self.calls[label] += 1
                self._inner[-1] += taken

        self._restore.append((owner, name, original))
        setattr(owner, name, timed)

    def stop(self) -> None:
        """Take all wrappers off."""
        for owner, name, original in reversed(self._restore):
            setattr(owner, name, original)
        self._restore.clear()


#: Phases of the month: (owner, attribute, label); ``None`` stands for the worlds.  Compiled, the
#: firm loop is one kernel, and shows as one; in NumPy it is a list of steps.
PHASES: tuple[tuple[Any, str, str], ...] = (
    (setting, "offers", "offers: prices, coverage, tastes by class"),
    (policy, "terms", "offers: terms"),
    (engine, "_offer", "offers: laid out for the firm loop"),
    (None, "_evaluate", "firm loop"),
    (evaluation, "consider", "firm loop: who considers"),
    (evaluation, "look_up", "firm loop: columns of due firms"),
    (evaluation, "luck", "firm loop: shocks"),
    (evaluation, "appraise", "firm loop: values of the options"),
    (evaluation, "choose", "firm loop: choice"),
    (evaluation, "surplus", "firm loop: firms' surplus"),
    (evaluation, "settle", "firm loop: experience, hurdle, totals"),
    (None, "_flows", "accounts: flows"),
    (aggregation, "price_table", "accounts: prices of the flows"),
    (accounts, "close", "accounts: ledger and closing"),
    (None, "_record", "record: outcomes"),
)


def phases(described, rows: int, months: int, start: int, jit: bool) -> dict[str, float]:
    """Milliseconds per month by phase, exclusive."""
    worlds = columns.worlds([described], rows, described.run.seed, jit=jit)
    for _ in range(start):
        worlds.month()
    watch = Stopwatch()
    for owner, name, label in PHASES:
        if not (jit and owner is evaluation):
            watch.wrap(worlds if owner is None else owner, name, label)
    watch.wrap(worlds.considering, "advance", "considering: spread by cell")
    watch.wrap(worlds, "month", "the rest of the month")
    try:
        for _ in range(months):
            worlds.month()
    finally:
        watch.stop()
    return {label: 1e3 * seconds / months for label, seconds in watch.seconds.items()}


def print_profile(described, sizes: Sequence[int], months: int, start: int) -> dict[str, Any]:
    """Print phases side by side for several sizes, compiled and in NumPy."""
    figures = {}
    for jit in (True, False) if compiled.available() else (False,):
        found = {rows: phases(described, rows, months, start, jit) for rows in sizes}
        labels = sorted(
            {label for by_label in found.values() for label in by_label},
            key=lambda label: -found[sizes[-1]].get(label, 0.0),
        )
        way = "compiled" if jit else "in NumPy"
        print(f"\nWhere the engine's month goes, {way}: milliseconds per month, {months} months")
        print(f"{'':44}" + "".join(f"{rows:>17,}" for rows in sizes))
        totals = {rows: sum(by_label.values()) for rows, by_label in found.items()}
        for label in labels:
            line = f"{label:44}"
            for rows in sizes:
                value = found[rows].get(label, 0.0)
                line += f"{value:9.3f} {100.0 * value / totals[rows]:5.1f} %"
            print(line)
        print(f"{'total':44}" + "".join(f"{totals[rows]:9.3f}        " for rows in sizes))
        figures[way] = {str(rows): by_label for rows, by_label in found.items()}
    return figures


# --- the report ---------------------------------------------------------------------------------


def environment() -> dict[str, Any]:
    """What the figures hold for."""
    import c_month
    import polars_month

    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                processor = line.partition(":")[2].strip()
                break
    found = {}
    for package in ("numpy", "mesa", "numba", "polars", "econsim"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return {
        "python": platform.python_version(),
        **found,
        "gcc": c_month.compiler_version(),
        "polars_threads": polars_month.threads(),
        "processor": processor,
        "processors": os.cpu_count(),
        "system": platform.system(),
        "load_average": load(),
    }


def load() -> float | None:
    """Processes that want to run, over the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def print_environment(where: dict[str, Any]) -> None:
    """What the figures hold for, in two lines."""
    average = where["load_average"]
    print(
        ", ".join(
            f"{label} {where[key]}"
            for key, label in (
                ("python", "Python"),
                ("numpy", "NumPy"),
                ("numba", "Numba"),
                ("mesa", "Mesa"),
                ("polars", "polars"),
                ("gcc", "gcc"),
            )
        )
    )
    print(
        f"{where['processors']} processors ({where['processor']}), {where['system']}"
        + (f", polars on {where['polars_threads']} threads" if where["polars_threads"] else "")
        + (f", load {average:.1f} at the start" if average is not None else "")
    )


def state_of(described, rows: int, start: int) -> str:
    """Who considers and uses AI when the clock starts."""
    run = EngineRun(described, rows, described.run.seed)
    run.warm_up(start)
    run.release()
    return (
        f"{100.0 * run.considering().mean():.0f} % of firms consider AI and "
        f"{100.0 * (run.option() > 0).mean():.0f} % use it"
    )


def print_table(found: dict[str, Any]) -> bool:
    """The one table; whether all results agree."""
    engines = found["engines"]
    short = [name.rpartition(", ")[2] for name in engines]
    times = "engine is ... times as fast"
    wide, narrow = 23 * len(engines), 11 * len(engines)
    print(f"{'':40}| {'whole month':^{25 + wide}} | {'firm loop':^{9 + narrow}} | choices: the")
    print(
        f"{'million firm-months per second':40}| {'median (range)':^25}{times:^{wide}} | "
        f"{'median':>9}{'times':^{narrow}} | last engine row"
    )
    print(
        f"{'':40}| {'':25}"
        + "".join(f"{name:^23}" for name in short)
        + f" | {'':9}"
        + "".join(f"{name:>11}" for name in short)
        + " |"
    )
    agree = True
    for name, speed in found["month"].items():
        span = f"({speed['min'] / 1e6:.2f} - {speed['max'] / 1e6:.2f})"
        line = f"{name:40}| {speed['median'] / 1e6:8.2f}{span:>17}"
        for base in engines:
            ratio = found["month_ratio"][base].get(name)
            if ratio is None:
                line += f"{'1':>6}{'':17}"
            else:
                span = f"({ratio['min']:.2f} - {ratio['max']:.2f})"
                line += f"{ratio['median']:7.2f}{span:>16}"
        line += f" | {found['firm_loop'][name]['median'] / 1e6:9.2f}"
        for base in engines:
            ratio = found["firm_loop_ratio"][base].get(name)
            line += f"{ratio['median']:11.2f}" if ratio else f"{'1':>11}"
        good, words = found["agreement"][name]
        agree = agree and good
        print(f"{line} | {words}" + ("" if good else "  DOES NOT AGREE"))
    return agree


def print_sizes(sizes: dict[int, Any], copied: dict[int, dict[str, Any]], used: int) -> None:
    """Cost by size, and distance to the bound that memory sets."""
    fastest = max(copied.values(), key=lambda speed: speed["median"])["median"]
    for threads, speed in copied.items():
        print(
            f"memory copied by {plural(threads)}: median "
            f"{speed['median'] / 1e9:.1f} GB/s ({speed['min'] / 1e9:.1f} - "
            f"{speed['max'] / 1e9:.1f}), reads and writes counted"
        )
    print(
        f"\n{f'engine, {plural(used)}':18}{'ns/firm-month':>14}{'to first size':>20}"
        f"{'firm loop, ns':>15}{'build, ns/firm':>16}{'bytes/firm-month':>18}"
        f"{'loop to memory bound':>22}"
    )
    for size, cost in sizes.items():
        each, ratio = cost["seconds_per_firm_month"], cost["ratio"]
        loop = cost["loop_seconds_per_firm_month"]["median"]
        touched = cost["bytes_per_firm_month"]["median"]
        print(
            f"{size:>12,} firms{1e9 * each['median']:14.2f}{ratio['median']:7.2f} "
            f"({ratio['min']:.2f} - {ratio['max']:.2f}){1e9 * loop:13.2f}"
            f"{1e9 * cost['build_seconds'] / size:16.0f}{touched:18.2f}"
            f"{loop / (touched / fastest):16.1f} times"
        )


def main() -> int:
    """Measure, print, and write JSON if asked; 1 when a model's results do not agree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenario", default="eu-diverse")
    parser.add_argument("--firms", type=int, default=100_000)
    parser.add_argument("--months", type=int, default=24, help="timed months")
    parser.add_argument("--start", type=int, default=START, help="first timed month, 0: 2021-01")
    parser.add_argument("--repeats", type=int, default=5, help="at least 5 for figures to quote")
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--only", nargs="*", help="models whose name holds one of these words")
    parser.add_argument("--million", action="store_true", help="also engine, polars and C at 10^6")
    parser.add_argument("--nations", action="store_true", help="cost by size up to 3 x 10^7 firms")
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--table", action="store_true", help="the table and nothing else")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--profile", action="store_true", help="only where the month goes")
    only.add_argument("--arms", action="store_true", help="only both arms, fused and apart")
    only.add_argument("--ensemble", type=int, nargs="?", const=1_000, help="only members, fused")
    only.add_argument("--sampling", action="store_true", help="only error of weighted samples")
    parser.add_argument("--full", type=int, help="rows that stand for the full population")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    described = scenario.load(arguments.scenario)
    months, repeats, start = arguments.months, arguments.repeats, arguments.start
    if start + max(months, 12 * repeats) > described.run.months:
        parser.error(f"the scenario ends after {described.run.months} months")
    where = environment()
    figures: dict[str, Any] = {"environment": where, "arguments": {**vars(arguments)}}
    figures["arguments"]["json"] = str(arguments.json)
    print_environment(where)
    agree = True

    if arguments.profile:
        sizes = sorted({2_000, 20_000, arguments.firms})
        figures["profile_ms_per_month"] = print_profile(described, sizes, months, start)
    elif arguments.arms:
        figures["arms"], agree = fused.print_arms(ARMS, arguments.firms, arguments.threads, repeats)
    elif arguments.ensemble:
        figures["ensemble"], agree = fused.print_ensemble(described, arguments.ensemble)
    elif arguments.sampling:
        figures["sampling"] = sampling.print_sampling(ARMS, arguments.full or "full")
    else:
        warm(described, arguments.threads)
        try:
            agree = measure_table(arguments, described, figures)
        except columns.UnsupportedError as problem:
            parser.error(f"'{arguments.scenario}': {problem}")
        if not arguments.table:
            measure_rest(arguments, described, figures)
    if load() is not None:
        print(f"\nload {load():.1f} at the end")
    if arguments.json:
        figures["load_average_at_the_end"] = load()
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0 if agree else 1


def warm(described, threads: Sequence[int]) -> None:
    """Load compiled code, or make it, before any clock starts."""
    progress("compiled code is loaded, or made")
    for count in threads:
        run = EngineRun(described, 20_000, described.run.seed, count)
        run.warm_up(START)
        run.release()


def measure_table(arguments, described, figures: dict[str, Any]) -> bool:
    """The table, at one size or two; whether all results agree."""
    months, repeats, start = arguments.months, arguments.repeats, arguments.start
    found = models(arguments.threads)
    if arguments.only:
        found = {
            name: build
            for name, build in found.items()
            if name.startswith("econsim") or any(word in name for word in arguments.only)
        }
    agree = True
    sizes = [arguments.firms, *([1_000_000] if arguments.million else [])]
    for rows in sizes:
        chosen = found
        if rows != arguments.firms:
            chosen = {name: build for name, build in found.items() if "Mesa" not in name}
        print(
            f"\n{rows:,} firms, {months} months from {policy.month_label(start)}, when "
            f"{state_of(described, rows, start)}; {repeats} repeats, order alternating\n"
        )
        table = side_by_side(chosen, described, rows, months, repeats, start)
        figures.setdefault("side_by_side", {})[rows] = table
        agree = print_table(table) and agree
    return agree


def measure_rest(arguments, described, figures: dict[str, Any]) -> None:
    """Everything that is about the engine alone."""
    repeats, start, threads = arguments.repeats, arguments.start, max(arguments.threads)
    rows = MEMORY_ROWS[arguments.nations]
    sizes = list(NATIONS if arguments.nations else arguments.sizes)
    progress(f"memory of {rows:,} firms")
    both = [memory(rows, described.run.months, arms, threads) for arms in (ARMS[:1], ARMS)]
    figures["memory"] = both
    used = [figure for figure in both if figure is not None]
    if used:
        print(
            f"\n{rows:,} firms, {described.run.months} months: bytes of memory per firm and arm "
            "beyond the interpreter\n"
            f"{'at most, and at the end':36}{'building':>10}{'running':>10}{'end':>10}"
        )
    for figure in used:
        print(
            f"{' and '.join(figure['arms']):36}{figure['peak_building']:10.1f}"
            f"{figure['peak_running']:10.1f}{figure['at_the_end']:10.1f}"
        )
    print()
    copied = {count: copy_bandwidth(count, repeats) for count in arguments.threads}
    figures["copy_bytes_per_second"] = copied
    found = by_size(described, sizes, repeats, start, threads)
    figures["by_size"] = found
    print_sizes(found, copied, threads)

    progress("a small run, compilation, imports")
    one = single_run(described, 2_000, repeats)
    figures["single_run_2000"] = one
    print(f"\n2,000 firms, {one['months']} months, whole run, seconds")
    print_seconds("first in a process, after imports", one["cold"])
    print_seconds("later ones", one["warm"])
    if compiled.available():
        figures["compilation"] = code = compilation(described, start, repeats)
        print("\nCompiled code of a run, seconds")
        print(f"  {'made from nothing':40}{code['compile']:10.2f}")
        print_seconds("loaded from where it is kept", code["load"])
    costs = imports(repeats)
    figures["imports"] = costs
    print("\nWhole process that only imports, seconds")
    for name, cost in costs.items():
        print_seconds(name, cost)


def print_seconds(label: str, cost: dict[str, Any]) -> None:
    """A line of the report: median and range."""
    print(f"  {label:40}{cost['median']:10.2f}   {cost['min']:.2f} - {cost['max']:.2f}")


if __name__ == "__main__":
    sys.exit(main())
