"""How far the headline of weighted samples is from that of the full population.

``python benchmarks/speed.py --sampling`` writes ``sampling.csv`` beside this file and
``docs/sampling.svg``.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from clock import progress

from econsim import scenario
from econsim.experiments.simulation import simulate
from econsim.results import Results

#: Rows of the samples, and how many seeds each is drawn with.
SIZES = {
    1_000: 16, 2_000: 16, 5_000: 12, 10_000: 12, 20_000: 10, 50_000: 8, 100_000: 6, 500_000: 4,
}  # fmt: skip
YEAR = 2035
#: Figures of the headline: label, outcome, dimension, group.
HEADLINE = (
    ("use, 10-249 persons", "use", "size_class", "10-249"),
    ("GDP gain", "gdp_gain", None, "all"),
    ("firms' surplus", "firms_surplus", None, "all"),
)
TABLE = Path(__file__).with_suffix(".csv")
FIGURE = Path(__file__).parents[1] / "docs" / "sampling.svg"


def headline(results: Sequence[Results]) -> dict[str, np.ndarray]:
    """Figures of the headline by label, one for each seed: both levels, and the difference."""
    found = {}
    for label, *where in HEADLINE:
        name, by, group = where
        baseline, other = (r.yearly(name, YEAR, by, group) for r in results)
        for result, level in zip(results, (baseline, other), strict=True):
            found[f"{label}: {result.scenario}"] = level
        found[f"{label}: difference"] = other - baseline
    return found


def error(sample: np.ndarray, full: float) -> float:
    """Root mean square error over seeds, relative to the full population, per cent."""
    return 100.0 * math.sqrt(float(((sample - full) ** 2).mean())) / abs(full)


def print_sampling(names: Sequence[str], full: int | str) -> dict[str, Any]:
    """Print errors by size; write the table and the figure.

    Args:
        names: the baseline and the scenario that is compared with it.
        full: rows of what counts as the full population.
    """
    arms = [scenario.load(name) for name in names]

    def run(rows: int | str, seeds: int, seed: int) -> dict[str, np.ndarray]:
        progress(f"{rows} rows, {seeds} seed{'s' if seeds > 1 else ''}")
        return headline(simulate(*arms, rows=rows, replicates=seeds, seed=seed, workers=2))

    # A seed of its own: samples share the luck of firms with a population of the same seed.
    truth = {label: float(x[0]) for label, x in run(full, 1, arms[0].run.seed + 1).items()}
    found = {}
    for rows, seeds in SIZES.items():
        if full == "full" or rows < int(full):
            sample = run(rows, seeds, arms[0].run.seed)
            found[rows] = {label: error(x, truth[label]) for label, x in sample.items()}
    whole = "every enterprise" if full == "full" else f"{full:,} firms, NOT THE FULL POPULATION"
    print(
        f"\nRoot mean square error over seeds against {whole}, {YEAR}, per cent of the figure\n\n"
        f"| {'':36} | {'value':>12} | " + " | ".join(f"{rows:>9,}" for rows in found) + " |\n"
        f"|{'-' * 38}|{'-' * 13}:|" + f"{'-' * 10}:|" * len(found)
    )
    for label, value in truth.items():
        line = " | ".join(f"{errors[label]:9.2f}" for errors in found.values())
        print(f"| {label:36} | {value:12.4g} | {line} |")
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("rows", "seeds", "compared_with", "figure", "value", "error_percent"))
        for rows, errors in found.items():
            for label, value in errors.items():
                row = (rows, SIZES[rows], full, label, f"{truth[label]:.6g}", f"{value:.3f}")
                writer.writerow(row)
    FIGURE.write_text(drawing(found), encoding="utf-8")
    progress(f"written: {TABLE.name}, {FIGURE.name}")
    return {"compared_with": full, "values": truth, "errors": found}


def drawing(errors: dict[int, dict[str, float]]) -> str:
    """Errors against rows, both on logarithmic scales, as SVG: the differences, and 1 per cent."""
    left, right, top, bottom = 60, 560, 30, 310
    rows = list(errors)
    lines = {label: [e[f"{label}: difference"] for e in errors.values()] for label, *_ in HEADLINE}
    values = [value for line in lines.values() for value in line]
    low, high = (math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))))

    def x(count: int) -> float:
        share = math.log(count / rows[0]) / math.log(rows[-1] / rows[0])
        return left + (right - left) * share

    def y(value: float) -> float:
        return bottom - (bottom - top) * (math.log10(value) - low) / (high - low)

    def text(across: float, down: float, words: str, anchor: str = "middle") -> str:
        return f'<text x="{across:.0f}" y="{down:.0f}" text-anchor="{anchor}">{words}</text>'

    def line(points: Sequence[tuple[float, float]], style: str) -> str:
        places = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        return f'<polyline points="{places}" fill="none" {style}/>'

    parts = [text(left - 50, 16, f"Sampling error of the difference in {YEAR}, per cent", "start")]
    for power in range(low, high + 1):
        style = 'stroke="#888"' if power == 0 else 'stroke="#ddd"'
        parts.append(line([(left, y(10.0**power)), (right, y(10.0**power))], style))
        parts.append(text(left - 8, y(10.0**power) + 4, f"{10.0**power:g}", "end"))
    parts += [text(x(count), bottom + 18, f"{count:,}") for count in rows]
    parts.append(text(0.5 * (left + right), bottom + 38, "firms (rows)"))
    colours = ("#0072b2", "#d55e00", "#009e73")
    for (label, shares), colour in zip(lines.items(), colours, strict=True):
        points = [(x(count), y(share)) for count, share in zip(rows, shares, strict=True)]
        parts.append(line(points, f'stroke="{colour}" stroke-width="2"'))
        parts.append(f'<g fill="{colour}">{text(right + 8, points[-1][1] + 4, label, "start")}</g>')
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 360" font-family="sans-serif" '
        'font-size="12">\n<rect width="720" height="360" fill="white"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )
