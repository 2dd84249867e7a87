"""The regression guard: exact numbers of a few runs, and the speed of compiled code beside NumPy.

``python benchmarks/baseline.py`` compares with ``tests/baseline.json`` (the tests do the same);
``python benchmarks/baseline.py --update`` writes it anew, after a change that is meant to move
numbers (then ``CHANGELOG.md`` says so with "Numbers:").

Speed is a ratio measured side by side in one process, so it does not depend on the machine: the
firm loop compiled against the same lines in NumPy.  The guard asks for a third of what is written
down, since machines are noisy.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from econsim import compiled, engine, population, scenario

BASELINE = Path(__file__).resolve().parent.parent / "tests" / "baseline.json"
SCENARIOS = ("eu-diverse", "eu-restrictive", "us-diverse", "us-restrictive")
OUTCOMES = ("users", "gdp", "gni", "consumption", "firms_surplus", "ai_spending", "leavers")
ROWS, SEED, MONTHS = 2_000, 1, 120
SPEED_ROWS, SPEED_MONTHS, REPEATS = 60_000, 6, 3
#: Part of the ratio written down that must be reached.
SLACK = 1.0 / 3.0


def numbers() -> dict[str, dict[str, str]]:
    """Outcomes of December 2030 in hexadecimal, exact to the last bit."""
    found = {}
    for name in SCENARIOS:
        economy = engine.Economy.start(scenario.load(name), ROWS, SEED)
        for _ in range(MONTHS):
            economy.month()
        series = economy.record.series
        found[name] = {o: float(series[o, "total"][MONTHS - 1, 0]).hex() for o in OUTCOMES}
    return found


def speed_ratio() -> float | None:
    """How many times faster the compiled firm loop is than NumPy's, median; ``None`` without."""
    if compiled.twin() is None:
        return None
    bound = engine.bind_all([scenario.load("eu-diverse")])
    shared = population.synthesise("EU27", SPEED_ROWS, SEED)
    ways = {jit: engine.Worlds(bound, shared, jit=jit) for jit in (True, False)}
    for _ in range(60):
        for worlds in ways.values():
            worlds.month()
    ratios = []
    for _ in range(REPEATS):
        seconds = {}
        for jit, worlds in ways.items():
            evaluate = worlds._evaluate
            taken = 0.0

            def timed(*arguments: Any, inner: Any = evaluate) -> None:
                nonlocal taken
                began = time.perf_counter()
                inner(*arguments)
                taken += time.perf_counter() - began

            worlds._evaluate = timed
            for _ in range(SPEED_MONTHS):
                worlds.month()
            worlds._evaluate = evaluate
            seconds[jit] = taken
        ratios.append(seconds[False] / seconds[True])
    return statistics.median(ratios)


def differences() -> list[str]:
    """What is not as written down."""
    kept = json.loads(BASELINE.read_text())
    wrong = []
    for name, outcomes in numbers().items():
        for outcome, value in outcomes.items():
            if kept["numbers"][name][outcome] != value:
                before = float.fromhex(kept["numbers"][name][outcome])
                wrong.append(f"{name}: {outcome} {before!r} -> {float.fromhex(value)!r}")
    ratio = speed_ratio()
    if ratio is not None and ratio < SLACK * kept["compiled_to_numpy"]:
        wrong.append(f"compiled code is {ratio:.1f} times as fast as NumPy, not "
                     f"{kept['compiled_to_numpy']:.1f}")  # fmt: skip
    return wrong


def main() -> int:
    """Compare, or write anew."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--update", action="store_true", help="write the baseline anew")
    if parser.parse_args().update:
        ratio = speed_ratio()
        kept = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
        found = {
            "numbers": numbers(),
            "compiled_to_numpy": round(ratio, 1) if ratio else kept.get("compiled_to_numpy"),
        }
        BASELINE.write_text(json.dumps(found, indent=1) + "\n")
        print(f"wrote {BASELINE}")
        return 0
    wrong = differences()
    print("\n".join(wrong) or "as written down")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
