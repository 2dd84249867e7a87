"""What a sweep costs beyond its runs, what a second worker brings, and Mesa's batch_run beside it.

One command, one table::

    python benchmarks/sweep.py [--runs 2000] [--firms 20000] [--months 180] [--pairs 3]
                               [--json FILE]

1. *Overhead*: a Sobol study of the headline pair (six uncertainties and a dummy) on two workers.
   Overhead is what the workers' wall time holds beyond the runs' own seconds, as recorded in the
   store: planning, dispatch, checksums, every record forced to disk.  Interpreters and imports of
   the worker processes are in it.
2. *Two workers against one*: parts of the same study, one and two workers alternating.
3. *Mesa*: ``mesa.batch_run`` driving the idiomatic object model of ``mesa_objects.py`` (every firm
   an agent, every firm stepped every month in random order) over the same uncertainties, with two
   processes; runs per minute, side by side.  The object model does less (no ledger, fewer
   outcomes), which errs in its favour.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import shutil
import statistics
import sys
import tempfile
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import mesa
from mesa_objects import EveryMonthModel

from econsim import policy, scenario
from econsim.experiments import execution, study
from econsim.experiments.store import Store
from econsim.experiments.study import ExecutorFile

RANGES = {
    "choice.lambda": [0.2, 0.9],
    "choice.open_share": [0.05, 0.3],
    "benefit.ceiling": [0.23, 0.5],
    "benefit.saving": [0.18, 0.4],
    "supply.price_response": [0.0, 0.5],
    "supply.vendor_pass_through": [0.0, 1.0],
}
#: Distinct points of a base sample (A, B and one mix a factor; the dummy's mix is A), two arms.
RUNS_PER_SAMPLE = 2 * (len(RANGES) + 2)


def described(runs: int, firms: int, months: int, replicates: int = 1) -> study.Study:
    """A Sobol study with at least so many runs."""
    samples = max(4, 2 ** math.ceil(math.log2(max(runs / RUNS_PER_SAMPLE / replicates, 1.0))))
    last = policy.month_label(months - 1)
    body = {
        "title": "benchmark",
        "arms": {"diverse": "eu-diverse", "restrictive": "eu-restrictive"},
        "run": {
            "firms": firms,
            "replicates": replicates,
            "seed": 1,
            "horizon": ["2021-01", last],
        },
        "uncertainties": [{"design": "sobol", "samples": samples, "seed": 1, "ranges": RANGES}],
        "outcomes": [
            {"outcome": "gdp", "years": [2020 + months // 12]},
            {"outcome": "gni", "years": [2020 + months // 12]},
            {
                "outcome": "use",
                "by": "size_class",
                "groups": ["10-249"],
                "years": [2020 + months // 12],
            },
        ],
    }
    return study.loads(json.dumps(body), "benchmark")


def timed(given: study.Study, workers: int, folder: Path) -> tuple[float, float, int, int]:
    """Sweep into a new store: wall seconds, seconds of the runs themselves, runs, bytes."""
    place = folder / f"store-{time.monotonic_ns()}"
    started = time.perf_counter()
    store = Store.create(place, given)
    tally = execution.sweep(store, executor=ExecutorFile(kind="processes", workers=workers))
    wall = time.perf_counter() - started
    assert tally.failed == 0 and tally.done == tally.total
    own = sum(r.seconds for r in store.contents().done.values())
    size = sum(p.stat().st_size for p in place.rglob("*") if p.is_file())
    shutil.rmtree(place)
    return wall, own, tally.total, size


class BatchModel(EveryMonthModel):
    """The object model as batch_run wants it: plain keyword parameters."""

    def __init__(self, rows: int = 1000, months: int = 180, number: int = 0, rng=None) -> None:
        given = described(RUNS_PER_SAMPLE * 4, rows, months)
        points = given.points
        super().__init__(given.at("diverse", points[number % len(points)]), rows, number)
        self.datacollector = mesa.DataCollector(model_reporters={"users": lambda m: sum(m.users)})

    def step(self) -> None:
        """One month, recorded."""
        super().step()
        self.datacollector.collect(self)


def mesa_rate(runs: int, firms: int, months: int, processes: int) -> float:
    """Runs per minute of mesa.batch_run on the object model."""
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # batch_run is on its way out of Mesa
        mesa.batch_run(
            BatchModel,
            parameters={"rows": firms, "months": months, "number": list(range(runs))},
            number_processes=processes,
            # batch_run steps until `steps` exceeds this: once more than it says.
            max_steps=months - 1,
            data_collection_period=-1,
            display_progress=False,
        )
    return 60.0 * runs / (time.perf_counter() - started)


def main() -> int:
    """Print the table; 0 when the promises hold."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--firms", type=int, default=20_000)
    parser.add_argument("--months", type=int, default=180)
    parser.add_argument("--pairs", type=int, default=3, help="repeats of one against two workers")
    parser.add_argument("--part", type=int, default=64, help="runs of each such repeat")
    parser.add_argument("--mesa-runs", type=int, default=4, help="0 leaves Mesa out")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    firms, months = arguments.firms, arguments.months
    folder = Path(tempfile.mkdtemp(prefix="econsim-sweep-"))
    found: dict[str, object] = {
        "python": platform.python_version(),
        "mesa": version("mesa"),
        "firms": firms,
        "months": months,
        "scenario": scenario.load("eu-diverse").hash(),
    }
    try:
        wall, own, runs, size = timed(described(arguments.runs, firms, months), 2, folder)
        overhead = 2.0 * wall / own - 1.0
        rate = 60.0 * runs / wall
        print(f"Sobol study: {runs:,} runs of {firms:,} firms x {months} months, two workers")
        print(f"  wall {wall:.1f} s, runs themselves {own:.1f} s, {rate:.1f} runs/min")
        print(f"  overhead beyond the runs {100 * overhead:.1f} %  (promise: below 5 %)")
        print(f"  store {size / 1e6:.2f} MB, {size / runs:.0f} bytes a run")
        found |= {"runs": runs, "wall": wall, "own": own, "overhead": overhead, "rate": rate}

        ratios = []
        part = described(arguments.part, firms, months)
        for number in range(arguments.pairs):
            order = (1, 2) if number % 2 == 0 else (2, 1)
            walls = {w: timed(part, w, folder)[0] for w in order}
            ratios.append(walls[1] / walls[2])
            print(f"  one worker {walls[1]:.1f} s, two {walls[2]:.1f} s: {ratios[-1]:.2f} times")
        middle = statistics.median(ratios) if ratios else math.nan
        print(f"Two workers against one: {middle:.2f} times  (promise: at least 1.8)")
        found["two_to_one"] = ratios

        if arguments.mesa_runs:
            objects = mesa_rate(arguments.mesa_runs, firms, months, 2)
            print(
                f"mesa.batch_run, object model, two processes: {objects:.2f} runs/min "
                f"({arguments.mesa_runs} runs)\neconsim sweep against it: "
                f"{rate / objects:.1f} times the runs per minute"
            )
            found |= {"mesa_rate": objects, "ratio": rate / objects}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0 if overhead < 0.05 and not middle < 1.8 else 1


if __name__ == "__main__":
    sys.exit(main())
