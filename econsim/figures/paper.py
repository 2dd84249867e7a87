"""Panels drawn with matplotlib for print: fixed millimetres, shipped fonts, no global state.

Everything is placed in millimetres from the top left corner, by the measured extents of its words;
so labels keep apart and nothing is cut off, on any machine.  The only font is the one that comes
with econsim, so no font of the system matters.  The same figure gives the same bytes.

Matplotlib is imported where it is used.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol
from xml.sax.saxutils import escape

from econsim.figures.panels import (
    ACCENT,
    GRID_LINE,
    INK,
    MUTED,
    Areas,
    Bars,
    Cells,
    Contour,
    Lines,
    Map,
    Points,
    Rows,
    Series,
    legible,
    shade,
    span,
    spread,
    years,
)
from econsim.figures.words import minus, month_words

#: DejaVu Sans, cut down to European scripts and signs: an eighth of its size and as much quicker to
#: put into a PDF.
FONTS = Path(__file__).resolve().parent / "fonts"
#: Widths of a figure across a page and in one of two columns, millimetres.
FULL, HALF = 160.0, 78.0
#: Dots per inch of PNG.
RESOLUTION = 300
#: Sizes of type, points.
TITLE, SUBTITLE, LABEL, FOOT = 10.0, 8.0, 7.5, 7.0
#: Millimetres in a point, and from line to line per point of type.
_POINT = 25.4 / 72.0
_LEADING = 1.22 * _POINT
#: Millimetres of a page's pixel; between panels; free at every edge; from an axis to its words.
_PIXEL, _GAP, _EDGE, _DOWN = 0.2, 5.0, 0.6, 1.9
_DASHES = {"solid": "solid", "dash": (0, (4, 1.6)), "dot": (0, (1.2, 1.4)), "none": "none"}


class Drawable(Protocol):
    """What is needed of a figure to draw it."""

    @property
    def title(self) -> str:
        """The finding."""

    @property
    def subtitle(self) -> str:
        """What is drawn, unit, place, time."""

    @property
    def alt(self) -> str:
        """The figure in words."""

    @property
    def note(self) -> str:
        """What bands mean."""

    @property
    def source(self) -> str:
        """Where data come from."""

    @property
    def panels(self) -> tuple[Any, ...]:
        """What is drawn."""

    @property
    def columns(self) -> int:
        """Panels side by side."""


# --- type ----------------------------------------------------------------------------------------


@contextmanager
def _style() -> Iterator[None]:
    """Matplotlib's own defaults, whatever the user's settings are, and what makes bytes repeat."""
    import matplotlib

    ours = {
        "svg.hashsalt": "econsim",
        "svg.fonttype": "path",
        "pdf.fonttype": 42,
        "text.hinting": "no_hinting",
        "text.parse_math": False,
        "path.simplify": False,
        "axes.linewidth": 0.6,
        "font.family": ["DejaVu Sans"],
    }
    with matplotlib.rc_context():
        matplotlib.rcParams.update(
            {k: v for k, v in matplotlib.rcParamsDefault.items() if k != "backend"}
        )
        matplotlib.rcParams.update(ours)
        yield


@cache
def _font(size: float, bold: bool) -> Any:
    """The font beside this module, by its file: no other of its name can take its place."""
    from matplotlib.font_manager import FontProperties

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return FontProperties(fname=str(FONTS / name), size=size)


@cache
def _width(text: str, size: float, bold: bool = False) -> float:
    """Width of one line of words, millimetres."""
    from matplotlib.textpath import text_to_path

    if not text:
        return 0.0
    wide, _, _ = text_to_path.get_text_width_height_descent(text, _font(size, bold), False)
    return float(wide) * _POINT


def _widest(texts: Sequence[str], size: float, bold: bool = False) -> float:
    return max((_width(t, size, bold) for text in texts for t in text.split("\n")), default=0.0)


def _wrap(text: str, size: float, room: float, bold: bool = False) -> list[str]:
    """Lines of words that fit a width, millimetres; a word that is too long is cut."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if _width(longer, size, bold) <= room:
                line = longer
                continue
            if line:
                lines.append(line)
            line = word
            while _width(line, size, bold) > room and len(line) > 1:
                cut = len(line) - 1
                while cut > 1 and _width(line[:cut], size, bold) > room:
                    cut -= 1
                lines.append(line[:cut])
                line = line[cut:]
        lines.append(line)
    return lines


def _ticks(low: float, high: float, room: float, each: float) -> tuple[list[float], list[str]]:
    """Round values within a range, and their words.

    Args:
        low, high: the range.
        room: millimetres of the axis.
        each: millimetres that a tick should have at least.
    """
    from matplotlib.ticker import MaxNLocator

    places = MaxNLocator(nbins=max(2, int(room / each)), steps=[1, 2, 2.5, 5, 10])
    air = 1e-9 * (high - low)
    values = [float(v) for v in places.tick_values(low, high) if low - air <= v <= high + air]
    values = [0.0 if abs(v) < air else v for v in values]
    step = min((b - a for a, b in pairwise(values)), default=1.0)
    decimals = 0
    while decimals < 8 and abs(round(step, decimals) - step) > 1e-6 * step:
        decimals += 1
    return values, [minus(f"{v:,.{decimals}f}") for v in values]


# --- the sheet -----------------------------------------------------------------------------------


class _Sheet:
    """A sheet in millimetres, from the top left corner."""

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.figure import Figure

        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / 25.4, height / 25.4), dpi=RESOLUTION)
        self.figure.patch.set_facecolor("white")

    def words(
        self, x: float, y: float, text: str, size: float = LABEL, colour: str = MUTED,
        bold: bool = False, across: str = "left", up: str = "top",
    ) -> None:  # fmt: skip
        """One line of words; ``y`` is the top, centre or baseline as ``up`` says."""
        if text:
            self.figure.text(
                x / self.width, 1.0 - y / self.height, text, color=colour, ha=across, va=up,
                fontproperties=_font(size, bold), parse_math=False,
            )  # fmt: skip

    def block(
        self, x: float, y: float, lines: Sequence[str], size: float, colour: str,
        bold: bool = False, across: str = "left", first_bold: bool = False,
    ) -> float:  # fmt: skip
        """Lines of words from their top; returns where they end."""
        for number, line in enumerate(lines):
            heavy = bold or (first_bold and number == 0)
            self.words(x, y, line, size, colour, heavy, across)
            y += _LEADING * size
        return y

    def axes(self, x: float, y: float, width: float, height: float) -> Any:
        """Axes whose top left corner and size are given, without words of their own."""
        axes = self.figure.add_axes(
            (
                x / self.width,
                1.0 - (y + height) / self.height,
                width / self.width,
                height / self.height,
            )
        )
        for side in axes.spines.values():
            side.set_visible(False)
        axes.tick_params(left=False, bottom=False, labelleft=False, labelbottom=False, which="both")
        axes.patch.set_visible(False)
        axes.set_axisbelow(True)
        return axes

    def line(
        self, x: Sequence[float], y: Sequence[float], colour: str, width: float,
        dashes: Any = "solid",
    ) -> None:  # fmt: skip
        """A line anywhere on the sheet."""
        from matplotlib.lines import Line2D

        self.figure.add_artist(
            Line2D(
                [v / self.width for v in x], [1.0 - v / self.height for v in y], color=colour,
                linewidth=width, linestyle=dashes, transform=self.figure.transFigure,
            )
        )  # fmt: skip


@dataclass
class _Frame:
    """Room of a panel: its column, the drawn area and what stands around it, millimetres."""

    width: float
    left: float
    right: float
    above: float
    height: float
    below: float
    heading: list[str]
    x: float = 0.0
    y: float = 0.0

    @property
    def inner(self) -> float:
        """Width of the drawn area."""
        return self.width - self.left - self.right

    @property
    def total(self) -> float:
        """Height with everything."""
        return self.above + self.height + self.below

    @property
    def corner(self) -> tuple[float, float]:
        """Top left corner of the drawn area."""
        return self.x + self.left, self.y + self.above

    def across(self, value: float, low: float, high: float) -> float:
        """Millimetres from the left edge of the sheet to a value."""
        return self.corner[0] + self.inner * (value - low) / (high - low)

    def down(self, value: float, low: float, high: float) -> float:
        """Millimetres from the top edge of the sheet to a value."""
        return self.corner[1] + self.height * (high - value) / (high - low)


def draw(figure: Drawable, width: float = FULL) -> Any:
    """A figure on a sheet of its own, as a ``matplotlib.figure.Figure`` of ``width`` millimetres.

    The height follows from the words and the panels.
    """
    with _style():
        return _draw(figure, width)


def _draw(figure: Drawable, width: float) -> Any:
    room = width - 2 * _EDGE
    title = _wrap(figure.title, TITLE, room, bold=True)
    subtitle = _wrap(figure.subtitle, SUBTITLE, room)
    foot = [
        *_wrap(f"Note: {figure.note}", FOOT, room),
        *_wrap(f"Source: {figure.source}", FOOT, room),
    ]
    columns = max(1, min(figure.columns, len(figure.panels)) if width > HALF else 1)
    column = (room - _GAP * (columns - 1)) / columns
    frames = [_frame(panel, column) for panel in figure.panels]
    # Axes of one kind that stand in one column have one left and one right edge.
    for first in range(columns):
        for kinds in ((Lines, Areas), (Rows,), (Bars,), (Cells,)):
            same = [
                f
                for p, f in zip(figure.panels[first::columns], frames[first::columns], strict=True)
                if isinstance(p, kinds)
            ]
            for frame in same:
                frame.left = max(f.left for f in same)
                frame.right = max(f.right for f in same)
    y = _EDGE + _LEADING * (TITLE * len(title) + SUBTITLE * len(subtitle)) + 4.0
    for row in range(0, len(frames), columns):
        line = frames[row : row + columns]
        above = max(f.above for f in line)
        for number, frame in enumerate(line):
            frame.x = _EDGE + number * (column + _GAP)
            frame.y = y + above - frame.above
        y += max(above - f.above + f.total for f in line) + _GAP
    y -= _GAP - 2.5
    sheet = _Sheet(width, y + _LEADING * FOOT * len(foot) + _EDGE)
    below = sheet.block(_EDGE, _EDGE, title, TITLE, INK, bold=True)
    sheet.block(_EDGE, below + 0.8, subtitle, SUBTITLE, MUTED)
    for panel, frame in zip(figure.panels, frames, strict=True):
        top = sheet.block(frame.x, frame.y, frame.heading, LABEL, MUTED)
        for keys in _key(panel, frame.width):
            x = frame.x
            for words, colour in keys:
                sheet.words(x, top, words, LABEL, colour, bold=True)
                x += _width(words, LABEL, bold=True) + 4.0
            top += _LEADING * LABEL
        _DRAW[type(panel)](sheet, panel, frame)
    sheet.block(_EDGE, y, foot, FOOT, MUTED)
    return sheet.figure


# --- room ----------------------------------------------------------------------------------------


def _frame(panel: Any, width: float) -> _Frame:
    """The room that a panel needs in a column of ``width`` millimetres."""
    heading = _wrap(panel.heading, LABEL, width)
    lines = len(heading) + len(_key(panel, width))
    above = _LEADING * LABEL * lines + 1.6
    tick = _LEADING * LABEL + _DOWN
    shrink = 1.0 if width > HALF else 0.85
    height = panel.height * _PIXEL * shrink

    def frame(left: float, right: float, height: float, below: float) -> _Frame:
        return _Frame(width, left, right, above, height, below, heading)

    if isinstance(panel, Lines):
        words = _ticks(*panel.limits(), height, 7.0)[1]
        left = _widest([w + panel.suffix for w in words], LABEL) + 1.5
        ends = [s.end for s in panel.series if s.end]
        return frame(left, _beside(ends), height, tick)
    if isinstance(panel, Areas):
        words = _ticks(0.0, panel.top, height, 7.0)[1]
        left = _widest([w + panel.suffix for w in words], LABEL) + 1.5
        return frame(left, _beside([a.label for a in panel.areas]), height, tick)
    if isinstance(panel, Rows):
        labels, texts = _columns([r.label for r in panel.rows], _texts(panel), width)
        return frame(
            _widest(["\n".join(t) for t in labels], LABEL) + 2.0,
            _widest(["\n".join(t) for t in texts], LABEL) + 2.5,
            math.fsum(_row_heights(labels, texts)),
            tick,
        )
    if isinstance(panel, Bars):
        rows = panel.rows()
        labels, texts = _columns([r[0].label for r in rows], [r[-1].text for r in rows], width)
        return frame(
            _widest(["\n".join(t) for t in labels], LABEL, bold=True) + 2.0,
            _widest(["\n".join(t) for t in texts], LABEL) + 2.5,
            math.fsum(_row_heights(labels, texts)),
            tick,
        )
    title = _LEADING * LABEL
    if isinstance(panel, Cells):
        left = _widest(panel.rows, LABEL) + 1.5 + title * bool(panel.row_title)
        tall = 1 + max((t.count("\n") for row in panel.texts for t in row), default=0)
        each = max(_LEADING * LABEL * tall + 2.4, 7.0)
        names = max(
            len(_wrap(c, LABEL, (width - left) / len(panel.columns))) for c in panel.columns
        )
        below = _LEADING * LABEL * names + 1.0 + (title + 0.6) * bool(panel.column_title)
        return frame(left, 0.0, each * len(panel.rows), below)
    if isinstance(panel, Contour):
        words = _ticks(panel.y[0], panel.y[-1], height, 7.0)[1]
        return frame(_widest(words, LABEL) + 2.0 + title, 3.0, height, tick + title + 0.6)
    if isinstance(panel, Points):
        _, (low, high) = panel.limits()
        words = _ticks(low, high, height, 7.0)[1]
        left = _widest(words, LABEL) + 2.0 + title
        right = 3.0
        if panel.diagonal:  # a square, so that the diagonal is one
            right = max(3.0, width - left - height)
        return frame(left, right, height, tick + title + 0.6)
    assert isinstance(panel, Map)
    left, bottom, right, top = panel.box()
    bar = _widest([*(w for _, w in panel.ticks), panel.missing], LABEL) + 7.0
    wide = min(width - bar, height * (right - left) / (top - bottom))
    return frame(0.0, width - wide, wide * (top - bottom) / (right - left), 0.0)


def _key(panel: Any, width: float) -> list[list[tuple[str, str]]]:
    """Lines of the words that explain colours, as many to a line as fit."""
    lines: list[list[tuple[str, str]]] = []
    used = math.inf
    for words, colour in getattr(panel, "key", ()):
        marked = f"■ {words}"
        needed = _width(marked, LABEL, bold=True)
        if used + needed > width:
            lines.append([])
            used = 0.0
        lines[-1].append((marked, colour))
        used += needed + 4.0
    return lines


def _beside(texts: Sequence[str]) -> float:
    """Room for labels at the ends of lines, with the leaders to them."""
    return _widest(texts, LABEL, bold=True) + 4.2 if texts else 4.0


def _texts(panel: Rows) -> list[str]:
    return [r.text or minus(f"{r.value:.3g}") for r in panel.rows]


def _columns(
    labels: Sequence[str], texts: Sequence[str], width: float
) -> tuple[list[list[str]], list[list[str]]]:
    """Labels at the left and texts at the right of rows, wrapped to leave half of the width."""
    return (
        [_wrap(t, LABEL, 0.3 * width, bold=True) for t in labels],
        [_wrap(t, LABEL, 0.27 * width) for t in texts],
    )


def _row_heights(labels: Sequence[list[str]], texts: Sequence[list[str]]) -> list[float]:
    return [
        _LEADING * LABEL * max(len(a), len(b)) + 2.0 for a, b in zip(labels, texts, strict=True)
    ]


# --- axes ----------------------------------------------------------------------------------------


def _upright(
    sheet: _Sheet, axes: Any, frame: _Frame, low: float, high: float, suffix: str = ""
) -> None:
    """The vertical axis: pale lines and the words at their left."""
    axes.set_ylim(low, high)
    values, words = _ticks(low, high, frame.height, 7.0)
    for value, word in zip(values, words, strict=True):
        axes.axhline(value, color=GRID_LINE, linewidth=0.5, zorder=0.5)
        sheet.words(
            frame.corner[0] - 1.0, frame.down(value, low, high), word + suffix, across="right",
            up="center_baseline",
        )  # fmt: skip


def _level(
    sheet: _Sheet, axes: Any, frame: _Frame, low: float, high: float, title: str = ""
) -> None:
    """The horizontal axis of numbers: pale lines and the words below."""
    axes.set_xlim(low, high)
    values, words = _ticks(low, high, frame.inner, 16.0)
    bottom = frame.corner[1] + frame.height
    free = -math.inf
    for value, word in zip(values, words, strict=True):
        axes.axvline(value, color=GRID_LINE, linewidth=0.5, zorder=0.5)
        x = frame.across(value, low, high)
        half = _width(word, LABEL) / 2
        if x - half > free:
            sheet.words(x, bottom + _DOWN, word, across="center")
            free = x + half + 1.0
    if title:
        middle = frame.corner[0] + frame.inner / 2
        sheet.words(middle, bottom + _DOWN + 0.6 + _LEADING * LABEL, title, across="center")


def _sideways(sheet: _Sheet, frame: _Frame, title: str) -> None:
    """Title of a vertical axis, read from below."""
    if title:
        sheet.figure.text(
            frame.x / sheet.width, 1.0 - (frame.corner[1] + frame.height / 2) / sheet.height, title,
            color=MUTED, rotation=90, ha="left", va="center", fontproperties=_font(LABEL, False),
            parse_math=False,
        )  # fmt: skip


def _position(period: str) -> float:
    """A period as a year and its part."""
    return int(period[:4]) + (int(period[5:7]) - 1) / 12.0 if len(period) > 4 else float(period)


def _time(sheet: _Sheet, axes: Any, frame: _Frame, periods: Sequence[str]) -> tuple[float, float]:
    """The time axis; returns its ends."""
    monthly = len(periods[0]) > 4
    low, high = float(periods[0][:4]), float(periods[-1][:4]) + (1.0 if monthly else 0.0)
    high = max(high, low + 1.0)
    axes.set_xlim(low, high)
    bottom = frame.corner[1] + frame.height
    sheet.line([frame.corner[0], frame.corner[0] + frame.inner], [bottom] * 2, MUTED, 0.5)
    shown = years(periods)
    if frame.inner / len(shown) < 8.0:
        shown = shown[::2]
    for year in shown:
        x = frame.across(year, low, high)
        sheet.line([x, x], [bottom, bottom + 0.8], MUTED, 0.5)
        sheet.words(x, bottom + _DOWN, str(year), across="center")
    return low, high


def _start(
    sheet: _Sheet,
    frame: _Frame,
    panel: Lines | Areas,
    ends: tuple[float, float],
    drawn: Sequence[tuple[float, float]],
) -> None:
    """Marks the first instrument; its words stand where least is drawn (points on the sheet)."""
    if panel.start is None:
        return
    x = frame.across(_position(panel.start), *ends)
    top, bottom = frame.corner[1], frame.corner[1] + frame.height
    sheet.line([x, x], [top, bottom], MUTED, 0.7, _DASHES["dot"])
    if not panel.start_words:
        return
    month = month_words(panel.start) if len(panel.start) > 4 else panel.start
    lines = ["policy starts", month]
    wide, high = _widest(lines, FOOT), 2 * _LEADING * FOOT
    places: list[tuple[int, int, str, float]] = []
    for across, left in (("right", x - 1.0 - wide), ("left", x + 1.0)):
        if frame.corner[0] <= left <= frame.corner[0] + frame.inner - wide:
            for y in (top + 0.4, bottom - 0.4 - high):
                crowd = sum(
                    left - 1.0 <= u <= left + wide + 1.0 and y - 1.0 <= v <= y + high + 1.0
                    for u, v in drawn
                )
                places.append((crowd, len(places), across, y))
    if places:
        _, _, across, y = min(places)
        at = x - 1.0 if across == "right" else x + 1.0
        sheet.block(at, y, lines, FOOT, MUTED, across=across)


def _centred(middle: float, lines: int) -> float:
    """Top of so many lines of labels around a middle; letters stand a little low in their line."""
    return middle - _LEADING * LABEL * lines / 2 + 0.1 * LABEL * _POINT


def _labels(sheet: _Sheet, frame: _Frame, ends: Sequence[tuple[float, str, str, bool]]) -> None:
    """Labels beside the right edge (millimetres down, text, colour, bold), kept apart."""
    sizes = [_LEADING * LABEL * (1 + text.count("\n")) for _, text, _, _ in ends]
    # Labels may stand a little above and below the drawn area.
    low, high = frame.corner[1] - 1.5, frame.corner[1] + frame.height + 1.5
    x = frame.corner[0] + frame.inner
    places = spread([e[0] for e in ends], sizes, low, high)
    for at, (wish, text, colour, bold) in zip(places, ends, strict=True):
        if abs(at - wish) > 1.0:
            sheet.line([x + 0.6, x + 2.6], [wish, at], colour, 0.5)
        sheet.block(
            x + 3.2,
            _centred(at, 1 + text.count("\n")),
            text.split("\n"),
            LABEL,
            colour,
            first_bold=bold,
        )


# --- one function a kind of panel ----------------------------------------------------------------


def _lines(sheet: _Sheet, panel: Lines, frame: _Frame) -> None:
    axes = sheet.axes(*frame.corner, frame.inner, frame.height)
    low, high = panel.limits()
    _upright(sheet, axes, frame, low, high, panel.suffix)
    ends = _time(sheet, axes, frame, panel.periods)
    if panel.zero:
        axes.axhline(0.0, color=INK, linewidth=0.7, zorder=1.5)
    x = [_position(p) for p in panel.periods]
    for series in panel.series:
        _series(axes, series, x)
    shown = [
        (frame.down(min(max(_final(s), low), high), low, high), s.end, s.colour, s.bold)
        for s in panel.series
        if s.end
    ]
    _labels(sheet, frame, shown)
    edges = [s.values for s in panel.series]
    edges += [edge for s in panel.series for b in s.bands for edge in (b.low, b.high)]
    drawn = [
        (frame.across(u, *ends), frame.down(v, low, high))
        for values in edges
        for u, v in zip(x, values, strict=True)
        if math.isfinite(v)
    ]
    if panel.zero:
        steps = int(frame.inner)
        drawn += [(frame.corner[0] + i, frame.down(0.0, low, high)) for i in range(steps)]
    _start(sheet, frame, panel, ends, drawn)


def _final(series: Series) -> float:
    """Where a line ends."""
    return next((v for v in reversed(series.values) if math.isfinite(v)), 0.0)


def _series(axes: Any, series: Series, x: Sequence[float]) -> None:
    for number, band in enumerate(series.bands):
        axes.fill_between(
            x, band.low, band.high, color=series.colour, alpha=0.2 + 0.12 * number, linewidth=0,
            zorder=2,
        )  # fmt: skip
    axes.plot(
        x, series.values, color=series.colour, linewidth=0.62 * series.width,
        linestyle=_DASHES[series.dash], marker="o" if series.dots else None, markersize=3.2,
        zorder=3, gid=series.label, solid_capstyle="butt",
    )  # fmt: skip
    if series.marker:
        at = _position(series.marker.at)
        if math.isfinite(series.marker.low) and math.isfinite(series.marker.high):
            axes.plot(
                [at] * 2, [series.marker.low, series.marker.high], color=INK, linewidth=1.1,
                zorder=4,
            )  # fmt: skip
        axes.plot(
            [at], [series.marker.value], marker="o", markersize=5.0, color=INK, zorder=5,
            markeredgecolor="white", markeredgewidth=0.6, clip_on=False, linestyle="none",
        )  # fmt: skip


def _areas(sheet: _Sheet, panel: Areas, frame: _Frame) -> None:
    axes = sheet.axes(*frame.corner, frame.inner, frame.height)
    _upright(sheet, axes, frame, 0.0, panel.top, panel.suffix)
    ends = _time(sheet, axes, frame, panel.periods)
    x = [_position(p) for p in panel.periods]
    shown = []
    for area, (below, above) in zip(panel.areas, panel.edges(), strict=True):
        axes.fill_between(x, below, above, color=area.colour, linewidth=0, zorder=2)
        axes.plot(x, above, color="white", linewidth=0.8, zorder=2.5)
        middle = (below[-1] + above[-1]) / 2
        shown.append((frame.down(middle, 0.0, panel.top), area.label, legible(area.colour), False))
    _labels(sheet, frame, shown)
    drawn = [
        (frame.across(u, *ends), frame.down(share * v, 0.0, panel.top))
        for _, above in panel.edges()
        for u, v in zip(x, above, strict=True)
        for share in (0.25, 0.5, 0.75, 1.0)  # the area below the edge as well
    ]
    _start(sheet, frame, panel, ends, drawn)


def _listed(
    sheet: _Sheet, frame: _Frame, labels: Sequence[list[str]], texts: Sequence[list[str]],
    colours: Sequence[str], bold: Sequence[bool],
) -> list[float]:  # fmt: skip
    """Labels and texts of rows; returns the middle of each row, millimetres down the sheet."""
    middles = []
    top = frame.corner[1]
    heights = _row_heights(labels, texts)
    for label, text, colour, heavy, height in zip(
        labels, texts, colours, bold, heights, strict=True
    ):
        middle = top + height / 2
        y = _centred(middle, len(label))
        sheet.block(frame.corner[0] - 1.5, y, label, LABEL, INK, heavy, across="right")
        y = _centred(middle, len(text))
        sheet.block(frame.corner[0] + frame.inner + 2.0, y, text, LABEL, colour)
        middles.append(middle)
        top += height
    return middles


def _rows(sheet: _Sheet, panel: Rows, frame: _Frame) -> None:
    axes = sheet.axes(*frame.corner, frame.inner, frame.height)
    labels, texts = _columns([r.label for r in panel.rows], _texts(panel), frame.width)
    colours = [MUTED if r.faint else ACCENT for r in panel.rows]
    middles = _listed(sheet, frame, labels, texts, colours, [False] * len(labels))
    low, high = _reach(
        [v for r in panel.rows for v in (r.value, r.low, r.high, r.wide_low, r.wide_high)],
        panel.line,
    )
    _level(sheet, axes, frame, low, high)
    axes.set_ylim(frame.corner[1] + frame.height, frame.corner[1])
    if panel.line is not None:
        axes.axvline(panel.line, color=INK, linewidth=0.7, zorder=1.5)
    for row, colour, y in zip(panel.rows, colours, middles, strict=True):
        for first, last, width, opacity in (
            (row.wide_low, row.wide_high, 4.2, 0.35),
            (row.low, row.high, 1.3, 1.0),
        ):
            if math.isfinite(first) and math.isfinite(last):
                axes.plot(
                    [first, last], [y] * 2, color=colour, alpha=opacity, linewidth=width, zorder=3,
                    solid_capstyle="butt",
                )  # fmt: skip
        if panel.line is not None:
            axes.plot(
                [row.value], [y], marker="o", markersize=4.4, color=colour, zorder=4,
                markeredgecolor="white", markeredgewidth=0.5, clip_on=False,
            )  # fmt: skip


def _reach(values: Sequence[float], line: float | None) -> tuple[float, float]:
    """Range of values, and of the reference line, with some air."""
    known = [v for v in values if math.isfinite(v)]
    known += [] if line is None else [line]
    low, high = min(known, default=0.0), max(known, default=1.0)
    air = 0.04 * (high - low) or 1.0
    return low - air, high + air


def _bars(sheet: _Sheet, panel: Bars, frame: _Frame) -> None:
    axes = sheet.axes(*frame.corner, frame.inner, frame.height)
    rows = panel.rows()
    labels, texts = _columns([r[0].label for r in rows], [r[-1].text for r in rows], frame.width)
    middles = _listed(sheet, frame, labels, texts, [INK] * len(rows), [r[0].bold for r in rows])
    low, high = _reach([v for b in panel.bars for v in (b.start, b.end, b.low, b.high)], panel.line)
    _level(sheet, axes, frame, low, high)
    axes.set_ylim(frame.corner[1] + frame.height, frame.corner[1])
    if panel.line is not None:
        axes.axvline(panel.line, color=INK, linewidth=0.7, zorder=1.5)
    for number, (row, y) in enumerate(zip(rows, middles, strict=True)):
        for bar in row:
            if math.isfinite(bar.start) and math.isfinite(bar.end):
                axes.barh(
                    y, bar.end - bar.start, left=bar.start, height=3.2, color=bar.colour, zorder=3,
                    edgecolor="white", linewidth=0.4,
                )  # fmt: skip
            if math.isfinite(bar.low) and math.isfinite(bar.high):
                # White around it: it must be seen on a dark bar as well.
                for colour, width in (("white", 2.2), (INK, 0.9)):
                    axes.plot([bar.low, bar.high], [y] * 2, color=colour, linewidth=width, zorder=4)
        if panel.linked and number + 1 < len(rows):
            axes.plot(
                [row[-1].end] * 2, [y + 1.6, middles[number + 1] - 1.6], color=MUTED,
                linewidth=0.5, zorder=2,
            )  # fmt: skip


def _cells(sheet: _Sheet, panel: Cells, frame: _Frame) -> None:
    from matplotlib.patches import Rectangle

    axes = sheet.axes(*frame.corner, frame.inner, frame.height)
    columns, rows = len(panel.columns), len(panel.rows)
    axes.set_xlim(0, columns)
    axes.set_ylim(0, rows)
    low, high = span((v for row in panel.values for v in row), panel.scale)
    bottom = frame.corner[1] + frame.height
    for row, name in enumerate(panel.rows):
        y = frame.down(row + 0.5, 0, rows)
        sheet.words(frame.corner[0] - 1.0, y, name, across="right", up="center_baseline")
        for column in range(columns):
            value = panel.values[row][column]
            if not math.isfinite(value):
                continue
            axes.add_patch(
                Rectangle(
                    (column, row), 1, 1, edgecolor="white", linewidth=1.2,
                    facecolor=shade(panel.scale, (value - low) / (high - low)),
                )
            )  # fmt: skip
            lines = panel.texts[row][column].split("\n")
            sheet.block(
                frame.across(column + 0.5, 0, columns), _centred(y, len(lines)), lines, LABEL, INK,
                across="center",
            )  # fmt: skip
    each = frame.inner / columns
    names = [_wrap(c, LABEL, each) for c in panel.columns]
    for column, lines in enumerate(names):
        x = frame.across(column + 0.5, 0, columns)
        sheet.block(x, bottom + 0.8, lines, LABEL, MUTED, across="center")
    if panel.column_title:
        y = bottom + 1.4 + _LEADING * LABEL * max(map(len, names))
        sheet.words(frame.corner[0] + frame.inner / 2, y, panel.column_title, across="center")
    _sideways(sheet, frame, panel.row_title)


def _contour(sheet: _Sheet, panel: Contour, frame: _Frame) -> None:
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patches import Rectangle

    axes = sheet.axes(*frame.corner, frame.inner, frame.height)
    low, high = span((v for row in panel.values for v in row), panel.scale)
    steps = 64
    colours = LinearSegmentedColormap.from_list(
        panel.scale, [shade(panel.scale, i / steps) for i in range(steps + 1)], N=steps
    )
    filled = [low + (high - low) * i / steps for i in range(steps + 1)]
    axes.contourf(panel.x, panel.y, panel.values, levels=filled, cmap=colours, zorder=0)
    if panel.levels:
        drawn = axes.contour(
            panel.x, panel.y, panel.values, levels=panel.levels, colors=INK, linewidths=0.7,
            linestyles="solid", zorder=2,
        )  # fmt: skip
        words = {v: minus(f"{v:g}") for v in panel.levels}
        middles = [_half_way(p.vertices) for p in drawn.get_paths() if len(p.vertices)]
        axes.clabel(drawn, fontsize=LABEL, inline_spacing=3, fmt=words, manual=middles)
        for mark in drawn.labelTexts:
            mark.set_fontproperties(_font(LABEL, False))
    _upright(sheet, axes, frame, panel.y[0], panel.y[-1])
    _level(sheet, axes, frame, panel.x[0], panel.x[-1], panel.x_title)
    _sideways(sheet, frame, panel.y_title)
    for place in panel.places:
        corners = (place.x_low, place.x_high, place.y_low, place.y_high)
        if all(map(math.isfinite, corners)):
            axes.add_patch(
                Rectangle(
                    (place.x_low, place.y_low), place.x_high - place.x_low,
                    place.y_high - place.y_low, fill=False, edgecolor=INK, linewidth=1.0,
                    linestyle=(0, (4, 1.6)), zorder=3,
                )
            )  # fmt: skip
        axes.plot(
            [place.x], [place.y], marker="o", markersize=4.6, color=INK, zorder=4,
            markeredgecolor="white", markeredgewidth=0.6, linestyle="none",
        )  # fmt: skip
        x = frame.across(place.x, panel.x[0], panel.x[-1])
        y = frame.down(place.y, panel.y[0], panel.y[-1])
        lines = place.label.split("\n")
        wide = _widest(lines, LABEL, bold=True)
        right = x + 1.5 + wide < frame.corner[0] + frame.inner
        sheet.block(
            x + 1.5 if right else x - 1.5, y - _LEADING * LABEL * len(lines) - 0.4, lines, LABEL,
            INK, bold=True, across="left" if right else "right",
        )  # fmt: skip


def _half_way(points: Any) -> tuple[float, float]:
    """Half way along a line, where its label is far from the edges."""
    steps = [math.dist(a, b) for a, b in pairwise(points)]
    left = math.fsum(steps) / 2
    for (a, b), step in zip(pairwise(points), steps, strict=True):
        if step >= left > 0.0:
            return tuple(p + (q - p) * left / step for p, q in zip(a, b, strict=True))
        left -= step
    return tuple(points[0])


def _points(sheet: _Sheet, panel: Points, frame: _Frame) -> None:
    axes = sheet.axes(*frame.corner, frame.inner, frame.height)
    (left, right), (bottom, top) = panel.limits()
    _upright(sheet, axes, frame, bottom, top)
    _level(sheet, axes, frame, left, right, panel.x_title)
    _sideways(sheet, frame, panel.y_title)
    if panel.diagonal:
        axes.plot([left, right], [bottom, top], color=MUTED, linewidth=0.7, zorder=1)
    for dot in panel.dots:
        for x, y in (
            ([dot.x_low, dot.x_high], [dot.y] * 2),
            ([dot.x] * 2, [dot.y_low, dot.y_high]),
        ):
            if all(map(math.isfinite, (*x, *y))):
                axes.plot(x, y, color=dot.colour, linewidth=0.9, alpha=0.7, zorder=2)
        axes.plot(
            [dot.x], [dot.y], marker="o", markersize=4.2, zorder=3, linestyle="none",
            color="white" if dot.hollow else dot.colour,
            markeredgecolor=dot.colour if dot.hollow else "white",
            markeredgewidth=1.0 if dot.hollow else 0.5,
        )  # fmt: skip
        if dot.text:
            sheet.words(
                frame.across(dot.x, left, right) + 1.2, frame.down(dot.y, bottom, top), dot.text,
                colour=dot.colour, up="center_baseline",
            )  # fmt: skip


def _short_words(sheet: _Sheet, panel: Map, frame: _Frame) -> None:
    """Short words on areas, the largest first; one that has no room left is not written."""
    left, bottom, right, top = panel.box()
    taken: list[tuple[float, float, float]] = []
    high = _LEADING * FOOT
    for shape in sorted(panel.shapes, key=lambda s: s.size(), reverse=True):
        if not shape.short:
            continue
        across, up = shape.middle()
        x, y = frame.across(across, left, right), frame.down(up, bottom, top)
        half = _width(shape.short, FOOT) / 2
        if all(abs(y - v) > high or abs(x - u) > half + w + 0.4 for u, v, w in taken):
            taken.append((x, y, half))
            sheet.words(x, y, shape.short, FOOT, INK, across="center", up="center")


def _map(sheet: _Sheet, panel: Map, frame: _Frame) -> None:
    from matplotlib.patches import PathPatch, Rectangle
    from matplotlib.path import Path

    left, bottom, right, top = panel.box()
    axes = sheet.axes(*frame.corner, frame.inner, frame.height)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    low, high = span((s.value for s in panel.shapes), panel.scale)
    for shape in panel.shapes:
        share = (shape.value - low) / (high - low)
        fill = shade(panel.scale, share) if math.isfinite(share) else GRID_LINE
        outline = Path.make_compound_path(
            *(Path([*ring, ring[0]], closed=True) for ring in shape.rings)
        )
        axes.add_patch(PathPatch(outline, facecolor=fill, edgecolor=MUTED, linewidth=0.35))
    _short_words(sheet, panel, frame)
    # The bar that explains the colours.
    x = frame.corner[0] + frame.inner + 2.0
    tall = 0.5 * frame.height
    y = frame.corner[1] + 0.1 * frame.height
    bar = sheet.axes(x, y, 3.0, tall)
    bar.set_xlim(0, 1)
    bar.set_ylim(0, 1)
    steps = 40
    for step in range(steps):
        colour = shade(panel.scale, (step + 0.5) / steps)
        bar.add_patch(Rectangle((0, step / steps), 1, 1 / steps, facecolor=colour, linewidth=0))
    wishes = [y + tall * (high - t) / (high - low) for t, _ in panel.ticks]
    sizes = [_LEADING * LABEL] * len(wishes)
    for at, (_, words) in zip(
        spread(wishes, sizes, y - 2.0, y + tall + 2.0), panel.ticks, strict=True
    ):
        sheet.words(x + 4.0, at - _LEADING * LABEL / 2, words)
    if panel.missing:
        at = y + tall + 5.0
        patch = sheet.axes(x, at, 3.0, 2.6)
        patch.add_patch(
            Rectangle((0, 0), 1, 1, facecolor=GRID_LINE, edgecolor=MUTED, linewidth=0.35)
        )
        sheet.words(x + 4.0, at, panel.missing)


_DRAW: dict[type, Any] = {
    Lines: _lines,
    Areas: _areas,
    Rows: _rows,
    Bars: _bars,
    Cells: _cells,
    Contour: _contour,
    Points: _points,
    Map: _map,
}


# --- files ---------------------------------------------------------------------------------------


def files(
    figure: Drawable, kinds: Sequence[str], width: float, certificates: Mapping[str, str]
) -> dict[str, bytes]:
    """A figure as the contents of files, drawn once for all of them.

    SVG has its words as outlines, so that it looks the same without any font, and is read aloud as
    the figure's alt text; PNG has 300 dots per inch; PDF has its font inside.

    Args:
        figure: to draw.
        kinds: of ``svg``, ``png``, ``pdf``.
        width: millimetres.
        certificates: kind -> provenance as JSON in ASCII; goes into ``<metadata>`` (SVG), a text
            chunk (PNG), the keywords (PDF).
    """
    if not kinds:
        return {}
    metadata = {
        "svg": dict.fromkeys(("Date", "Creator", "Format", "Type")),
        "png": {
            "Title": figure.title, "Description": figure.alt, "Software": "econsim",
            "Provenance": certificates.get("png", ""),
        },
        "pdf": {
            "Title": figure.title, "Subject": figure.alt, "Keywords": certificates.get("pdf", ""),
            "Creator": "econsim", "Producer": "econsim", "CreationDate": None,
        },
    }  # fmt: skip
    made = {}
    with _style():
        drawn = _draw(figure, width)
        for kind in kinds:
            stream = io.BytesIO()
            drawn.savefig(stream, format=kind, dpi=RESOLUTION, metadata=metadata[kind])
            made[kind] = stream.getvalue()
    if "svg" in made:
        text = _described(made["svg"].decode("utf-8"), figure, certificates.get("svg", ""))
        made["svg"] = text.encode("utf-8")
    return made


def _described(text: str, figure: Drawable, certificate: str) -> str:
    """SVG with title, description and provenance instead of matplotlib's own metadata."""
    start = text.index("<svg")
    end = text.index(">", start) + 1
    opening = re.sub(r"\s+", " ", text[start : end - 1])
    head = (
        f'<?xml version="1.0" encoding="utf-8"?>\n'
        f'{opening} role="img" aria-labelledby="figure-title figure-words">\n'
        f'<title id="figure-title">{escape(figure.title)}</title>\n'
        f'<desc id="figure-words">{escape(figure.alt)}</desc>\n'
    )
    if certificate:
        head += f'<metadata id="provenance">{escape(certificate)}</metadata>\n'
    body = re.sub(r"\n\s*<metadata>.*?</metadata>", "", text[end:], flags=re.DOTALL)
    return head + "\n".join(line.rstrip() for line in body.strip("\n").splitlines()) + "\n"


# --- measuring -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Word:
    """Words on a drawn sheet.

    Attributes:
        text: the words.
        size: points.
        colour: ``#RRGGBB``.
        box: left, top, right, bottom, millimetres from the top left corner.
        known: whether the font has all of its letters.
    """

    text: str
    size: float
    colour: str
    box: tuple[float, float, float, float]
    known: bool


@dataclass(frozen=True)
class Measured:
    """A drawn sheet, measured.

    Attributes:
        width, height: of the sheet, millimetres.
        words: all words on it.
        ground: what is drawn under the words, ``ndarray[rows, columns, 3]``, 0 to 255.
    """

    width: float
    height: float
    words: tuple[Word, ...]
    ground: Any

    def under(self, word: Word) -> Any:
        """Colours under a word, ``ndarray[points, 3]``."""
        rows, columns, _ = self.ground.shape
        left, top, right, bottom = word.box
        across = slice(max(0, int(left / self.width * columns)), int(right / self.width * columns))
        down = slice(max(0, int(top / self.height * rows)), int(bottom / self.height * rows))
        return self.ground[down, across].reshape(-1, 3)


def measure(figure: Drawable, width: float = FULL) -> Measured:
    """Draw a figure for print and measure it.

    Args:
        figure: to draw.
        width: millimetres.
    """
    import warnings

    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import to_hex
    from matplotlib.font_manager import get_font
    from matplotlib.text import Text

    with _style(), warnings.catch_warnings():
        # Words say themselves whether the font knows them.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        drawn = _draw(figure, width)
        drawn.set_dpi(100)
        canvas = FigureCanvasAgg(drawn)
        renderer = canvas.get_renderer()
        height = width * drawn.get_figheight() / drawn.get_figwidth()
        scale = 25.4 / drawn.dpi
        texts = [t for t in drawn.findobj(Text) if t.get_visible() and t.get_text().strip()]
        words = []
        for text in texts:
            box = text.get_window_extent(renderer)
            letters = get_font(text.get_fontproperties().get_file()).get_charmap()
            words.append(
                Word(
                    text.get_text(), float(text.get_fontsize()), to_hex(text.get_color()).upper(),
                    (box.x0 * scale, height - box.y1 * scale, box.x1 * scale,
                     height - box.y0 * scale),
                    all(ord(c) in letters for c in text.get_text()),
                )
            )  # fmt: skip
        for text in texts:
            text.set_visible(False)
        canvas.draw()
        ground = np.asarray(canvas.buffer_rgba())[:, :, :3].copy()
    return Measured(width, height, tuple(words), ground)
