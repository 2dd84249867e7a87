"""Static figures of the scorecard: deterministic SVG, drawn without a browser."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

INK, MUTED, BLUE, ORANGE = "#1B2A30", "#56666D", "#0B6E75", "#C8571B"
_STYLE: Any = {
    "svg.hashsalt": "econsim",
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
}


def _svg(size: tuple[float, float], draw: Callable[[Any], None]) -> str:
    """The figure that ``draw`` puts on a matplotlib figure of a size in inches."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


Row = tuple[str, Sequence[float], float]


def intervals(rows: Sequence[Row], unit: str) -> str:
    """Predicted bands beside what was observed, one row a figure.

    Args:
        rows: label, (10, 25, 50, 75, 90 % points), observed (NaN: none).
        unit: of the axis.
    """

    def draw(figure: Any) -> None:
        axis = figure.subplots()
        for number, (_, q, seen) in enumerate(rows):
            y = -number
            axis.plot(q[0::4], [y, y], color=BLUE, lw=1.2)
            axis.plot([q[1], q[3]], [y, y], color=BLUE, lw=4.0, solid_capstyle="butt")
            axis.plot(q[2], y, "|", color="white", ms=7)
            if np.isfinite(seen):
                axis.plot(seen, y, "o", color=ORANGE, ms=4.5, mec="white", mew=0.6)
        axis.set_yticks([-n for n in range(len(rows))], [r[0] for r in rows])
        legend = "; orange: observed" if any(np.isfinite(r[2]) for r in rows) else ""
        axis.set_xlabel(f"{unit}; thick 50 %, thin 80 % band{legend}")
        axis.set_xlim(left=0.0)
        axis.grid(axis="x", color="#E3E8EA", lw=0.6)
        axis.set_axisbelow(True)

    return _svg((6.4, 0.7 + 0.21 * len(rows)), draw)


def priors(rows: Sequence[tuple[str, Sequence[float], Sequence[float]]]) -> str:
    """Prior (grey) against posterior (blue) in prior standard deviations.

    Args:
        rows: name, prior and posterior (10, 50, 90 % points) in the same unit.
    """

    def draw(figure: Any) -> None:
        axis = figure.subplots()
        for number, (_, before, after) in enumerate(rows):
            y = -number
            axis.plot(before[0::2], [y + 0.14] * 2, color="#A9B4B9", lw=3.5)
            axis.plot(after[0::2], [y - 0.14] * 2, color=BLUE, lw=3.5)
            axis.plot(after[1], y - 0.14, "|", color="white", ms=6)
        axis.set_yticks([-n for n in range(len(rows))], [r[0] for r in rows])
        axis.set_xlabel("prior standard deviations; grey: prior, blue: ensemble, 80 % each")
        axis.grid(axis="x", color="#E3E8EA", lw=0.6)
        axis.set_axisbelow(True)

    return _svg((6.4, 0.7 + 0.24 * len(rows)), draw)


def singular(values: Mapping[str, Sequence[float]]) -> str:
    """Singular values of the data's information, by region; one is the prior's own."""

    def draw(figure: Any) -> None:
        axis = figure.subplots()
        for (name, found), colour in zip(values.items(), (BLUE, ORANGE), strict=False):
            kept = np.maximum(np.asarray(found), 1e-3)
            axis.plot(np.arange(1, len(kept) + 1), kept, "o-", color=colour, ms=4, lw=1)
            axis.annotate(
                name, (len(kept), kept[-1]), xytext=(5, 0), textcoords="offset points",
                color=colour,
            )  # fmt: skip
        axis.axhline(1.0, color=MUTED, lw=0.8, ls="--")
        axis.set_yscale("log")
        axis.set_xlabel("direction")
        axis.set_ylabel("singular value")
        axis.margins(x=0.12)

    return _svg((4.8, 2.6), draw)


def ranks(counts: Mapping[str, Sequence[int]], expected: tuple[float, float]) -> str:
    """Rank histograms of the simulation-based check; grey: 99 % range of a uniform one."""

    def draw(figure: Any) -> None:
        axes = figure.subplots(1, len(counts), sharey=True, squeeze=False)[0]
        for axis, (name, found) in zip(axes, counts.items(), strict=True):
            axis.axhspan(*expected, color="#E3E8EA")
            axis.bar(range(len(found)), found, color=BLUE, width=0.9)
            axis.set_title(name)
            axis.set_xticks([])

    return _svg((6.4, 2.0), draw)


def fan(
    years: Sequence[int],
    bands: Sequence[tuple[Sequence[float], Sequence[float], str]],
    lines: Mapping[str, Sequence[float]],
    points: Mapping[int, float],
    unit: str,
) -> str:
    """A path with parameter bands and, apart from them, structural lines.

    Args:
        years: of the axis.
        bands: (low, high, what), widest first.
        lines: label -> values; the first is drawn heavier.
        points: observed, year -> value.
        unit: of the axis.
    """

    def draw(figure: Any) -> None:
        axis = figure.subplots()
        for (low, high, _), colour in zip(bands, ("#D5E6E8", "#A9CFD3"), strict=False):
            axis.fill_between(years, low, high, color=colour, lw=0)
        ends = sorted((float(v[-1]), k) for k, v in lines.items())
        top = max(float(np.max(v)) for v in (*lines.values(), *(b[1] for b in bands)))
        places: list[float] = []
        for end, _ in ends:
            places.append(max(end, places[-1] + 0.055 * top) if places else end)
        over = max(places[-1] - 1.02 * top, 0.0)
        styles = ("-", "--", "-.", ":", (0, (4, 1, 1, 1)), (0, (1, 1)))
        for number, values in enumerate(lines.values()):
            first = number == 0
            axis.plot(
                years, values, color=INK if first else ORANGE, lw=1.8 if first else 1.0,
                ls=styles[number % len(styles)],
            )  # fmt: skip
        for (_, label), place in zip(ends, places, strict=True):
            axis.annotate(label, (years[-1], place - over), xytext=(5, -3),
                          textcoords="offset points", fontsize=7.5)  # fmt: skip
        axis.set_ylim(0.0, 1.06 * top)
        axis.plot(list(points), list(points.values()), "o", color=INK, ms=4, mec="white", mew=0.6)
        axis.set_ylabel(unit)
        axis.set_xlim(years[0], years[-1])
        axis.set_xticks(list(years)[::2])

    return _svg((6.8, 3.3), draw)


def spread(rows: Sequence[tuple[str, Mapping[str, Any]]], unit: str) -> str:
    """Effects with noise, parameters and structure on separate rows.

    Args:
        rows: label, {"noise": (low, high), "parameters": (10, 50, 90 %), "structure": {name:
            value}, "point": value}.
        unit: of the axis.
    """

    def draw(figure: Any) -> None:
        axes = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
        for axis, (label, found) in zip(axes, rows, strict=True):
            low, high = found["noise"]
            axis.plot([low, high], [0, 0], color=MUTED, lw=4)
            q = found["parameters"]
            axis.plot(q[0::2], [-1, -1], color=BLUE, lw=4)
            axis.plot(q[1], -1, "|", color="white", ms=7)
            names = list(found["structure"])
            for place, name in enumerate(names, start=2):
                axis.plot(found["structure"][name], -place, "D", color=ORANGE, ms=4)
            axis.axvline(found["point"], color=INK, lw=0.8)
            axis.set_yticks(
                -np.arange(2 + len(names)),
                ["replicate noise", "parameters", *(f"structure: {name}" for name in names)],
            )
            axis.set_ylim(-1.6 - len(names), 0.6)
            axis.set_title(label)
            axis.grid(axis="x", color="#E3E8EA", lw=0.6)
        axes[-1].set_xlabel(unit)

    most = max(len(found["structure"]) for _, found in rows)
    return _svg((6.8, (1.1 + 0.22 * most) * len(rows)), draw)
