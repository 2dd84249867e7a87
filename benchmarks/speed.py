"""How fast econsim is, beside two Mesa object models with the same rules, on this machine.

One command, one table::

    python benchmarks/speed.py [--firms 100000] [--months 24] [--repeats 5]
                               [--profile] [--json FILE]

All models meet the same firms in the same months, which begin when many firms already consider AI
(``--start``, default January 2026; each model simulates itself there, outside the clock).  In each
repeat every model is built anew, and the order of the models is reversed in every other repeat.
The clock is wall time from the first to the last timed month; a *firm-month* is one firm in the
population for one month, whether or not it is its turn to evaluate (one firm in twelve has it).
The object models do less than the engine; see :mod:`mesa_objects`, which also checks that the
results agree.
"""

from __future__ import annotations

import argparse
import cProfile
import functools
import gc
import io
import json
import os
import platform
import pstats
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mesa_objects import DueOnlyModel, EveryMonthModel, release

from econsim import accounts, draws, engine, policy, scenario, setting

#: First timed month: January 2026.
START = 60
ENGINE = "econsim engine"
EVERY_MONTH = "Mesa objects, every month, shuffle_do"
DUE_ONLY = "Mesa objects, due firms only"


class EngineRun:
    """The vectorised engine behind the object models' two verbs."""

    def __init__(self, described, rows: int, seed: int) -> None:
        self.economy = engine.Economy.start(described, rows, seed)

    def warm_up(self, months: int) -> None:
        """Bring the economy to a month."""
        for _ in range(months):
            self.economy.month()

    def step(self) -> None:
        """One month."""
        self.economy.month()


#: What is timed: name -> builder(scenario, firms, seed).
MODELS: dict[str, Callable[..., Any]] = {
    ENGINE: EngineRun,
    EVERY_MONTH: EveryMonthModel,
    "Mesa objects, every month, do": functools.partial(EveryMonthModel, shuffle=False),
    DUE_ONLY: DueOnlyModel,
    "Mesa objects, due only + firms' surplus": functools.partial(DueOnlyModel, surplus=True),
}


def time_months(build: Callable[..., Any], described, rows: int, months: int, start: int) -> float:
    """Seconds that a freshly built model, brought to month ``start``, takes for ``months``."""
    model = build(described, rows, described.run.seed)
    model.warm_up(start)
    gc.collect()
    began = time.perf_counter()
    for _ in range(months):
        model.step()
    seconds = time.perf_counter() - began
    if not isinstance(model, EngineRun):
        release(model)
    del model
    gc.collect()
    return seconds


def summary(samples: Sequence[float]) -> dict[str, Any]:
    """Median, extremes and samples."""
    return {
        "median": statistics.median(samples),
        "min": min(samples),
        "max": max(samples),
        "samples": list(samples),
    }


def side_by_side(described, rows: int, months: int, repeats: int, start: int) -> dict[str, Any]:
    """Firm-months per second of every model, and how many times faster the engine is.

    A ratio is the median over repeats of the ratio within a repeat.
    """
    speed: dict[str, list[float]] = {name: [] for name in MODELS}
    for repeat in range(repeats):
        names = list(MODELS) if repeat % 2 == 0 else list(MODELS)[::-1]
        for name in names:
            seconds = time_months(MODELS[name], described, rows, months, start)
            speed[name].append(rows * months / seconds)
    return {
        "firm_months_per_second": {name: summary(values) for name, values in speed.items()},
        "engine_ratio": {
            name: summary([e / v for e, v in zip(speed[ENGINE], values, strict=True)])
            for name, values in speed.items()
            if name != ENGINE
        },
    }


def by_size(described, sizes: Sequence[int], months: int, repeats: int, start: int):
    """Nanoseconds of the engine per firm-month, and milliseconds per month, at several sizes."""
    seconds: dict[int, list[float]] = {rows: [] for rows in sizes}
    built: dict[int, list[float]] = {rows: [] for rows in sizes}
    for _ in range(repeats):
        for rows in sizes:
            seconds[rows].append(time_months(EngineRun, described, rows, months, start))
            began = time.perf_counter()
            engine.Economy.start(described, rows, described.run.seed)
            built[rows].append(time.perf_counter() - began)
    return {
        rows: {
            "ns_per_firm_month": summary([1e9 * s / (rows * months) for s in seconds[rows]]),
            "ms_per_month": summary([1e3 * s / months for s in seconds[rows]]),
            "build_seconds": statistics.median(built[rows]),
        }
        for rows in sizes
    }


def single_run(described, rows: int, repeats: int) -> dict[str, Any]:
    """Seconds of one whole run, population and all, from the first to the last month."""
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        engine.run(described, rows=rows)
        seconds.append(time.perf_counter() - began)
    code = (
        "import time; from econsim import engine, scenario; t = time.perf_counter(); "
        f"engine.run(scenario.load({described.name!r}), rows={rows}); "
        "print(time.perf_counter() - t)"
    )
    cold = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(repeats)
    ]
    return {"months": described.run.months, "warm": summary(seconds), "cold": summary(cold)}


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


#: Phases of the month: (owner, attribute, label); ``None`` stands for the economy.
PHASES: tuple[tuple[Any, str, str], ...] = (
    (setting, "offers", "offers: prices, coverage, tastes by cell"),
    (policy, "terms", "offers: terms"),
    (setting, "base_option_terms", "offers: base terms"),
    (None, "consider", "consider: who begins"),
    (None, "appraise", "appraise: values of the options"),
    (draws, "uniform", "appraise: random numbers"),
    (draws, "gumbel", "appraise: Gumbel shocks"),
    (draws, "log_positive_stable", "appraise: stable factor"),
    (None, "settle", "settle: experience, hurdle, events"),
    (None, "_move", "settle: totals by cell"),
    (None, "_surplus", "settle: firms' surplus"),
    (None, "_flows", "accounts: flows from the rules"),
    (accounts, "close", "accounts: ledger and closing"),
    (None, "_record", "record: outcomes"),
)


def phases(described, rows: int, months: int, start: int) -> dict[str, float]:
    """Milliseconds per month by phase, exclusive."""
    economy = engine.Economy.start(described, rows, described.run.seed)
    for _ in range(start):
        economy.month()
    watch = Stopwatch()
    for owner, name, label in PHASES:
        watch.wrap(economy if owner is None else owner, name, label)
    watch.wrap(economy.considering, "advance", "considering: spread by cell")
    watch.wrap(economy, "month", "the rest of the month")
    try:
        for _ in range(months):
            economy.month()
    finally:
        watch.stop()
    return {label: 1e3 * seconds / months for label, seconds in watch.seconds.items()}


def functions(described, rows: int, months: int, start: int, lines: int = 14) -> str:
    """The functions with the largest own time (cProfile)."""
    economy = engine.Economy.start(described, rows, described.run.seed)
    for _ in range(start):
        economy.month()
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(months):
        economy.month()
    profile.disable()
    text = io.StringIO()
    pstats.Stats(profile, stream=text).strip_dirs().sort_stats("tottime").print_stats(lines)
    body = text.getvalue().splitlines()
    table = next(i for i, line in enumerate(body) if "tottime" in line)
    return "\n".join(line for line in body[table:] if line.strip())


def print_profile(described, sizes: Sequence[int], months: int, start: int) -> dict[str, Any]:
    """Print phases side by side for several sizes, then the functions at the largest."""
    found = {rows: phases(described, rows, months, start) for rows in sizes}
    labels = sorted(
        {label for by_label in found.values() for label in by_label},
        key=lambda label: -found[sizes[-1]].get(label, 0.0),
    )
    print(f"\nWhere the engine's month goes, milliseconds per month (exclusive), {months} months")
    print(f"{'':44}" + "".join(f"{rows:>17,}" for rows in sizes))
    totals = {rows: sum(by_label.values()) for rows, by_label in found.items()}
    for label in labels:
        line = f"{label:44}"
        for rows in sizes:
            value = found[rows].get(label, 0.0)
            line += f"{value:9.3f} {100.0 * value / totals[rows]:5.1f} %"
        print(line)
    print(f"{'total':44}" + "".join(f"{totals[rows]:9.3f}        " for rows in sizes))
    for rows in (sizes[0], sizes[-1]):
        print(f"\nFunctions by own time, {rows:,} firms, {months} months (cProfile, slower)")
        print(functions(described, rows, months, start))
    return {str(rows): by_label for rows, by_label in found.items()}


# --- the report ---------------------------------------------------------------------------------


def environment() -> dict[str, Any]:
    """What the figures hold for."""
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                processor = line.partition(":")[2].strip()
                break
    found = {}
    for package in ("numpy", "mesa", "numba", "econsim"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return {
        "python": platform.python_version(),
        **found,
        "processor": processor,
        "processors": os.cpu_count(),
        "system": platform.system(),
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def millions(figure: dict[str, Any]) -> str:
    """Median and range in millions."""
    return (
        f"{figure['median'] / 1e6:10.2f}   {figure['min'] / 1e6:7.2f} - {figure['max'] / 1e6:.2f}"
    )


def print_environment(where: dict[str, Any]) -> None:
    """One line on the machine and the versions."""
    load = where["load_average"]
    print(
        f"Python {where['python']}, NumPy {where['numpy']}, Mesa {where['mesa']}, "
        f"{where['processors']} processors ({where['processor']}), {where['system']}"
        + (f", load {load:.1f} at the start" if load is not None else "")
    )


def state_of(described, rows: int, start: int) -> str:
    """Who considers and uses AI when the clock starts."""
    economy = engine.Economy.start(described, rows, described.run.seed)
    for _ in range(start):
        economy.month()
    return (
        f"{100.0 * economy.firms.considering.mean():.0f} % of firms consider AI and "
        f"{100.0 * (economy.firms.option > 0).mean():.0f} % use it"
    )


def main() -> int:
    """Measure, print, and write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenario", default="eu-diverse")
    parser.add_argument("--firms", type=int, default=100_000)
    parser.add_argument("--months", type=int, default=24, help="timed months")
    parser.add_argument("--start", type=int, default=START, help="first timed month, 0: 2021-01")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--profile", action="store_true", help="only where the month goes")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    described = scenario.load(arguments.scenario)
    if arguments.start + arguments.months > described.run.months:
        parser.error(f"the scenario ends after {described.run.months} months")
    where = environment()
    months, repeats, start = arguments.months, arguments.repeats, arguments.start
    figures: dict[str, Any] = {"environment": where, "arguments": {**vars(arguments)}}
    figures["arguments"]["json"] = str(arguments.json)
    print_environment(where)

    if arguments.profile:
        sizes = sorted({2_000, 20_000, arguments.firms})
        figures["profile_ms_per_month"] = print_profile(described, sizes, months, start)
    else:
        rows = arguments.firms
        print(
            f"{rows:,} firms, {months} months from {policy.month_label(start)}, when "
            f"{state_of(described, rows, start)}; {repeats} repeats, order alternating\n"
        )
        found = side_by_side(described, rows, months, repeats, start)
        figures["side_by_side"] = found
        print(f"{'million firm-months per second':42}{'median':>10}   {'range':^15}   engine is")
        for name, speed in found["firm_months_per_second"].items():
            line = f"{name:42}{millions(speed):28}"
            if name in found["engine_ratio"]:
                ratio = found["engine_ratio"][name]
                line += f"{ratio['median']:6.1f} times as fast"
                line += f" ({ratio['min']:.1f} - {ratio['max']:.1f})"
            print(line)

        sizes = by_size(described, arguments.sizes, months, repeats, start)
        figures["by_size"] = sizes
        print(f"\n{'engine by size':42}{'ns/firm-month':>13}{'ms/month':>11}{'build, s':>11}")
        for size, cost in sizes.items():
            each, month = cost["ns_per_firm_month"], cost["ms_per_month"]
            print(
                f"{size:>12,} firms{'':24}{each['median']:13.1f}{month['median']:11.2f}"
                f"{cost['build_seconds']:11.2f}   ({each['min']:.1f} - {each['max']:.1f} ns)"
            )

        one = single_run(described, 2_000, repeats)
        figures["single_run_2000"] = one
        print(f"\n2,000 firms, {one['months']} months, whole run, seconds")
        for kind, label in (("cold", "first in a process, after imports"), ("warm", "later ones")):
            cost = one[kind]
            print(f"  {label:40}{cost['median']:10.2f}   {cost['min']:.2f} - {cost['max']:.2f}")

        found = imports(repeats)
        figures["imports"] = found
        print("\nWhole process that only imports, seconds")
        for name, cost in found.items():
            print(f"  {name:40}{cost['median']:10.2f}   {cost['min']:.2f} - {cost['max']:.2f}")

    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
