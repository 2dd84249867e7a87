"""Scenarios that advance in one pass, beside the same scenarios one after the other.

``python benchmarks/speed.py --arms`` and ``--ensemble``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import columns
import numpy as np
from clock import progress, spread, summary

from econsim import draws, engine, meanfield, scenario
from econsim.experiments import simulation
from econsim.scenario import Scenario

#: Firms of each member of the ensemble.
MEMBER_ROWS = 20_000
#: What its members differ in, and between which values.
VARIED = {
    "choice.lambda": (0.2, 0.9),
    "choice.open_share": (0.05, 0.3),
    "choice.beta": (0.4, 0.7),
    "benefit.saving": (0.2, 0.35),
}
#: Processes that share the ensemble.
WORKERS = 2
#: Members that are also run one by one.
ALONE = 6


def unequal(a: dict[Any, np.ndarray], b: dict[Any, np.ndarray]) -> set[str]:
    """Names of the series in which two records differ, be it by a bit."""
    return {name for name, by in a if a[name, by].tobytes() != b[name, by].tobytes()}


def print_equality(differing: set[str]) -> bool:
    """Print and return whether scenarios gave the same in one pass as by themselves."""
    found = f"NOT EQUAL: {', '.join(sorted(differing))}" if differing else "equal bit for bit"
    print(f"  results are {found}")
    return not differing


def print_arms(
    names: Sequence[str], rows: int, threads: Sequence[int], repeats: int
) -> tuple[dict[int, Any], bool]:
    """Print the time of whole runs of all arms in one pass against one after the other."""
    arms = [scenario.load(name) for name in names]
    months, seed = arms[0].run.months, arms[0].run.seed
    found: dict[int, Any] = {}
    differing: set[str] = set()
    print(f"\n{' and '.join(names)}, {rows:,} firms, {months} months, whole runs, seconds")
    for count in threads:
        seconds: dict[str, list[float]] = {"fused": [], "apart": []}
        parties = {"fused": [arms], "apart": [[arm] for arm in arms]}
        records: dict[str, list[dict]] = {}
        for repeat in range(-1, repeats):  # the first fills the caches, and does not count
            for way in ("fused", "apart") if repeat % 2 == 0 else ("apart", "fused"):
                began = time.perf_counter()
                ended = [
                    economy
                    for party in parties[way]
                    for economy in engine.run_together(party, rows=rows, seed=seed, threads=count)
                ]
                if repeat >= 0:
                    seconds[way].append(time.perf_counter() - began)
                records[way] = [economy.record.series for economy in ended]
                progress(f"{count} threads, repeat {repeat + 1} of {repeats}: {way}")
        differing |= set().union(*map(unequal, records["fused"], records["apart"]))
        pairs = zip(seconds["apart"], seconds["fused"], strict=True)
        ratio = summary([apart / fused for apart, fused in pairs])
        found[count] = {"ratio": ratio, **{way: summary(s) for way, s in seconds.items()}}
        print(
            f"  threads {count}: in one pass {spread(found[count]['fused'])}, one after the other "
            f"{spread(found[count]['apart'])}: {spread(ratio)} times as long"
        )
    return found, print_equality(differing)


def members(described: Scenario, count: int) -> list[Scenario]:
    """Members of an ensemble: the scenario with parameters drawn from :data:`VARIED`."""
    design = {
        name: low + (high - low) * draws.uniforms(1, f"ensemble:{name}", count)
        for name, (low, high) in VARIED.items()
    }
    return [
        described.with_changes(parameters={name: float(design[name][i]) for name in VARIED})
        for i in range(count)
    ]


def seconds_to_solve(batch: Sequence[Scenario]) -> float:
    """Processor seconds to solve the option constants of members that advance together."""
    began = time.process_time()
    meanfield.solved_all(batch)
    return time.process_time() - began


def print_ensemble(described: Scenario, count: int) -> tuple[dict[str, Any], bool]:
    """Print the time of an ensemble, what of it solves the constants, and what one pass saves."""
    all_members = members(described, count)
    months = described.run.months
    began = time.perf_counter()
    simulation.simulate_many(
        {str(number): [member] for number, member in enumerate(all_members)},
        rows=MEMBER_ROWS,
        replicates=1,
        workers=WORKERS,
        progress=lambda share: progress(f"ensemble: {100.0 * share:.0f} %"),
    )  # fmt: skip
    whole = time.perf_counter() - began
    step = min(simulation.TOGETHER, -(-count // WORKERS))
    batches = [all_members[i : i + step] for i in range(0, count, step)]
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        solving = sum(pool.map(seconds_to_solve, batches)) / WORKERS
    progress("constants solved once more, by themselves")

    def task(member: Scenario) -> simulation.Task:
        return simulation.Task((member,), MEMBER_ROWS, 0, described.run.seed)

    columns.worlds(all_members[:1], MEMBER_ROWS, 1)  # compiled code is at hand
    alone: list[simulation.Done] = []
    each: dict[str, float] = {}
    for way, chosen in (("fused", batches[0]), ("alone", batches[0][:ALONE])):
        meanfield._solved.clear()  # both solve the constants
        began = time.process_time()
        if way == "fused":
            fused = simulation.perform_together([task(member) for member in chosen])
        else:
            alone = [simulation.perform(task(member)) for member in chosen]
        each[way] = (time.process_time() - began) / len(chosen)
        progress(f"{len(chosen)} members, {way}")
    pairs = zip(alone, fused, strict=False)
    differing = set().union(*(unequal(a.series[0], b.series[0]) for a, b in pairs))
    found = {
        "members": count,
        "seconds": whole,
        "seconds_solving": solving,
        "seconds_each": each,
        "ratio": each["alone"] / each["fused"],
    }
    print(
        f"\n{count:,} members of {MEMBER_ROWS:,} firms, {months} months, {WORKERS} processes: "
        f"{whole:.1f} s\n"
        f"  of these, option constants {solving:.1f} s, the rest {whole - solving:.1f} s\n"
        f"  processor seconds of a member in a pass of {len(batches[0])}: {each['fused']:.3f}; by "
        f"itself: {each['alone']:.3f}, {found['ratio']:.2f} times as long"
    )
    return found, print_equality(differing)
