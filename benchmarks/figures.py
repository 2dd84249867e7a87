"""How long it takes to draw and write figures: SVG, PNG, PDF, HTML, CSV and JSON of each.

    python benchmarks/figures.py

Runs the EU's headline pair and its grid small, then draws what a comparison allows until there are
twelve figures, in a process that has drawn nothing before. Prints seconds for each figure and for
all (of the clock, and of one processor, which a busy machine does not change), and whether a second
time gives the same bytes.
"""

import tempfile
import time
from pathlib import Path

from econsim import figures, scenario
from econsim.experiments import headline
from econsim.experiments.simulation import simulate
from econsim.results import compare

WANTED = 12


def main() -> None:
    pair = [scenario.load(name) for name in ("eu-diverse", "eu-restrictive")]
    baseline, policy = simulate(*pair, rows=2000, replicates=3)
    comparison = compare(policy, baseline)
    points = headline.grid_points(headline.run_grid(pair, rows=1000, replicates=2))
    start = time.perf_counter()
    drawn, _ = figures.of_comparison(comparison, points)
    drawn = (drawn * 2)[:WANTED]
    print(f"made {len(drawn)} figures in {time.perf_counter() - start:.1f} s")
    with tempfile.TemporaryDirectory() as place:
        start, worked = time.perf_counter(), time.process_time()
        for number, figure in enumerate(drawn):
            begun = time.perf_counter()
            figure.save(Path(place) / str(number))
            print(f"{figure.name:24} {time.perf_counter() - begun:5.2f} s")
        total, worked = time.perf_counter() - start, time.process_time() - worked
        size = sum(p.stat().st_size for p in Path(place).rglob("*.*")) / 1e6
        print(f"{len(drawn)} figures in six formats: {total:.1f} s of the clock, "
              f"{worked:.1f} s of a processor, {size:.1f} MB")  # fmt: skip
        again = all(
            (Path(place) / str(number) / f"{figure.name}.{kind}").read_bytes() == content
            for number, figure in enumerate(drawn)
            for kind, content in figure.files().items()
        )
    print("the same bytes a second time" if again else "NOT the same bytes a second time")


if __name__ == "__main__":
    main()
