"""How far the headline of weighted samples is from that of the full population.

``python benchmarks/speed.py --sampling`` writes ``sampling.csv`` beside this file and
``docs/sampling.svg``.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
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
#: Colours of the drawing, one for each figure.
COLOURS = ("#0072b2", "#d55e00", "#009e73")
#: Figures of the headline: label, outcome, dimension, group.
HEADLINE = (
    ("use, 10-249 persons", "use", "size_class", "10-249"),
    ("GDP gain", "gdp_gain", None, "all"),
    ("firms' surplus", "firms_surplus", None, "all"),
)
TABLE = Path(__file__).with_suffix(".csv")
DRAWING = Path(__file__).parents[1] / "docs" / "sampling.svg"


@dataclass(frozen=True)
class Figure:
    """One figure of the headline.

    Attributes:
        value: of the full population, or ``ndarray[seeds]`` of samples.
        scale: what errors are relative to.
    """

    value: np.ndarray
    scale: np.ndarray


def headline(results: Sequence[Results]) -> dict[str, Figure]:
    """Both levels of each figure of the headline, and their difference.

    Errors of a difference are relative to itself and, since some are near zero, to the level.
    """
    found = {}
    for label, name, by, group in HEADLINE:
        baseline, other = (r.yearly(name, YEAR, by, group) for r in results)
        for result, level in zip(results, (baseline, other), strict=True):
            found[f"{label}: {result.scenario}"] = Figure(level, level)
        found[f"{label}: difference"] = Figure(other - baseline, other - baseline)
        found[f"{label}: difference / level"] = Figure(other - baseline, baseline)
    return found


@dataclass(frozen=True)
class Error:
    """Of samples of a size: root mean square over seeds, and mean, per cent."""

    root: float
    mean: float


def error(sample: Figure, truth: Figure) -> Error:
    """Error of samples relative to the full population."""
    relative = 100.0 * (sample.value - truth.value[0]) / abs(truth.scale[0])
    return Error(math.sqrt(float((relative**2).mean())), float(relative.mean()))


def print_sampling(names: Sequence[str], full: int | str) -> dict[str, Any]:
    """Print errors by size; write the table and the drawing.

    Args:
        names: the baseline and the scenario that is compared with it.
        full: rows of what counts as the full population.
    """
    arms = [scenario.load(name) for name in names]

    def run(rows: int | str, seeds: int, seed: int) -> dict[str, Figure]:
        progress(f"{rows} rows, {seeds} seed{'s' if seeds > 1 else ''}")
        return headline(simulate(*arms, rows=rows, replicates=seeds, seed=seed, workers=2))

    # A seed of its own: samples share the luck of firms with a population of the same seed.
    truth = run(full, 1, arms[0].run.seed + 1)
    found: dict[int, dict[str, Error]] = {}
    for rows, seeds in SIZES.items():
        if full == "full" or rows < int(full):
            sample = run(rows, seeds, arms[0].run.seed)
            found[rows] = {label: error(x, truth[label]) for label, x in sample.items()}
    whole = "every enterprise" if full == "full" else f"{full:,} firms, NOT THE FULL POPULATION"
    print(
        f"\nRoot mean square error over seeds (and mean error) against {whole}, {YEAR}, "
        "per cent\n\n"
        f"| {'':39} | {'value':>10} | " + " | ".join(f"{rows:>16,}" for rows in found) + " |\n"
        f"|{'-' * 41}|{'-' * 11}:|" + f"{'-' * 17}:|" * len(found)
    )
    for label, figure in truth.items():
        cells = [f"{e[label].root:.2f} ({e[label].mean:+.2f})" for e in found.values()]
        line = " | ".join(f"{cell:>16}" for cell in cells)
        print(f"| {label:39} | {figure.value[0]:10.4g} | {line} |")
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ("rows", "seeds", "compared_with", "figure", "value", "error_percent", "mean_percent")
        )
        for rows, errors in found.items():
            for label, e in errors.items():
                value = truth[label].value[0]
                writer.writerow(
                    (
                        rows,
                        SIZES[rows],
                        full,
                        label,
                        f"{value:.6g}",
                        f"{e.root:.3f}",
                        f"{e.mean:.3f}",
                    )
                )
    DRAWING.write_text(drawing(found, names[0], whole), encoding="utf-8")
    progress(f"written: {TABLE.name}, {DRAWING.name}")
    return {
        "compared_with": full,
        "values": {label: float(figure.value[0]) for label, figure in truth.items()},
        "errors": {
            rows: {n: asdict(e) for n, e in errors.items()} for rows, errors in found.items()
        },
    }


def drawing(errors: dict[int, dict[str, Error]], baseline: str, whole: str) -> str:
    """Errors against rows, both on logarithmic scales, as SVG.

    Lines are errors of levels; dashed ones of differences between scenarios, relative to the level.
    """
    left, right, top, bottom = 60, 480, 34, 310
    rows = list(errors)
    lines = {
        (label, kind): [e[f"{label}: {kind}"].root for e in errors.values()]
        for label, *_ in HEADLINE
        for kind in (baseline, "difference / level")
    }
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

    parts = [text(10, 18, f"Root mean square error against {whole}, {YEAR}, per cent", "start")]
    for power in range(low, high + 1):
        style = 'stroke="#888"' if power == 0 else 'stroke="#ddd"'
        parts.append(line([(left, y(10.0**power)), (right, y(10.0**power))], style))
        parts.append(text(left - 8, y(10.0**power) + 4, f"{10.0**power:g}", "end"))
    parts += [text(x(count), bottom + 18, short(count)) for count in rows]
    parts.append(text(0.5 * (left + right), bottom + 38, "firms (rows)"))
    for number, ((label, kind), shares) in enumerate(lines.items()):
        dashes = ' stroke-dasharray="6 4"' if number % 2 else ""
        style = f'stroke="{COLOURS[number // 2]}" stroke-width="2"{dashes}'
        parts.append(line([(x(c), y(share)) for c, share in zip(rows, shares, strict=True)], style))
        down = top + 12 + 22 * number
        parts.append(line([(right + 20, down - 4), (right + 50, down - 4)], style))
        parts.append(text(right + 58, down, f"{label}: {kind}", "start"))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 360" font-family="sans-serif" '
        'font-size="12">\n<rect width="800" height="360" fill="white"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def short(count: int) -> str:
    """A number of rows, for an axis: thousands as k."""
    return f"{count // 1000}k"
