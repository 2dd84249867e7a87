"""What a figure draws, without any drawing library: panels of lines, rows, bars, cells, maps.

A panel says *what* is drawn (numbers, words, colours); :mod:`econsim.figures.drawing` draws it with
plotly for a page and :mod:`econsim.figures.paper` with matplotlib for print.  Panels are frozen,
compare by value, and pass through JSON unchanged (:func:`encode`, :func:`decode`); a number that is
missing is NaN, in JSON null.

In every text a line break is ``\\n``.  Colours are ``#RRGGBB``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Discriminator, TypeAdapter, ValidationError

from econsim.results import ResultsError

#: Colours of words and lines.
INK, MUTED, GRID_LINE, ACCENT = "#1B2A30", "#56666D", "#E3E8EA", "#0B6E75"
#: Safe for colour-blind readers, with different grey values; always labelled at the line as well.
COLOURS = {
    "nonemployer": "#8F6F1F",
    "0-9": "#C8571B",
    "10-49": "#2E8FB8",
    "50-249": "#0B6E75",
    "250+": "#3A2A6B",
    "10-249": "#111111",
}
#: Colours of values around zero and of values from nothing to much, evenly spaced; pale enough for
#: dark words on all of them.
SCALES = {
    "diverging": ("#CF7B3F", "#EBB48A", "#F7F7F5", "#A5C8DD", "#5E9CC2"),
    "sequential": ("#F3F6F5", "#CFE0E1", "#A3C9CD", "#77B0B6", "#4F9BA3"),
}


def _number(value: Any) -> Any:
    """JSON has no NaN: null stands for it."""
    return math.nan if value is None else value


#: A number that may be missing (NaN).
Number = Annotated[float, BeforeValidator(_number)]
Numbers = tuple[Number, ...]
Scale = Literal["diverging", "sequential"]
Dash = Literal["solid", "dash", "dot", "none"]
#: Words and their colour, shown in one line above a panel.
Key = tuple[tuple[str, str], ...]


def numbers(values: Iterable[Any]) -> Numbers:
    """Numbers of an array or a column as a panel keeps them."""
    return tuple(float(v) for v in values)


class _Strict:
    """Unknown keys in JSON are errors."""

    __pydantic_config__ = ConfigDict(extra="forbid")


# --- lines over time -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Band(_Strict):
    """A range around a line.

    Attributes:
        low, high: one number a period.
        label: kind of uncertainty; the figure's note explains it.
    """

    low: Numbers
    high: Numbers
    label: str = "interval"


@dataclass(frozen=True)
class Marker(_Strict):
    """A single value drawn on a line, with its range.

    Attributes:
        at: period.
        value, low, high: the value and its range (NaN: none).
        label: what it is, such as ``Mean of 2035``.
        text: the value in words, shown when pointed at.
    """

    at: str
    value: Number
    low: Number = math.nan
    high: Number = math.nan
    label: str = ""
    text: str = ""


@dataclass(frozen=True)
class Series(_Strict):
    """One line.

    Attributes:
        label: what it is, in full.
        values: one number a period.
        colour: of line, band and label.
        bands: ranges, the widest first.
        dash: how the line is drawn; ``none`` draws only dots.
        width: of the line, pixels on a page.
        end: label at its right end; empty: none.
        bold: whether the (first line of the) label is bold.
        dots: whether each value is marked.
        marker: a value drawn larger.
    """

    label: str
    values: Numbers
    colour: str
    bands: tuple[Band, ...] = ()
    dash: Dash = "solid"
    width: float = 2.0
    end: str = ""
    bold: bool = False
    dots: bool = False
    marker: Marker | None = None


@dataclass(frozen=True)
class Lines(_Strict):
    """Lines over time with direct labels.

    Attributes:
        heading: above the panel, with the unit.
        unit: of the values.
        periods: ``YYYY-MM`` or ``YYYY``, shared by all lines.
        series: the lines, drawn in this order.
        start: period of the first instrument, marked; none: not marked.
        start_words: whether the mark is explained.
        zero: whether zero is marked and always in view.
        reach: lowest and highest value shown (default: what the lines need).
        suffix: after the numbers of the axis, such as ``" %"``.
        key: words and their colours, above the panel.
        height: of the drawn area, pixels on a page.
    """

    heading: str
    unit: str
    periods: tuple[str, ...]
    series: tuple[Series, ...]
    start: str | None = None
    start_words: bool = True
    zero: bool = False
    reach: tuple[float, float] | None = None
    suffix: str = ""
    key: Key = ()
    height: float = 240.0
    kind: Literal["lines"] = "lines"

    def limits(self) -> tuple[float, float]:
        """Lowest and highest value shown."""
        if self.reach is not None:
            return self.reach
        values = [v for s in self.series for v in s.values]
        values += [v for s in self.series for b in s.bands for v in (*b.low, *b.high)]
        values += [
            v
            for s in self.series
            if s.marker
            for v in (s.marker.value, s.marker.low, s.marker.high)
        ]
        return padded(values, zero=self.zero)

    def words_on_top(self) -> bool:
        """Whether the top is freer than the bottom just before the first instrument."""
        low, high = self.limits()
        if self.start is None or self.start not in self.periods:
            return True
        last = self.periods.index(self.start) + 1
        near = [v for s in self.series for v in s.values[max(0, last - last // 2 - 1) : last]]
        near = [v for v in near if math.isfinite(v)] or [low]
        return high - max(near) >= min(near) - low


@dataclass(frozen=True)
class Area(_Strict):
    """One layer of stacked areas.

    Attributes:
        label: at its right end.
        values: one number a period.
        colour: of the area.
    """

    label: str
    values: Numbers
    colour: str


@dataclass(frozen=True)
class Areas(_Strict):
    """Areas over time, stacked from the bottom.

    Attributes:
        heading, unit, periods, start, start_words, suffix, height: as for :class:`Lines`.
        areas: from the bottom up.
        top: highest value shown.
    """

    heading: str
    unit: str
    periods: tuple[str, ...]
    areas: tuple[Area, ...]
    top: float
    start: str | None = None
    start_words: bool = True
    suffix: str = ""
    height: float = 220.0
    kind: Literal["areas"] = "areas"

    def edges(self) -> list[tuple[Numbers, Numbers]]:
        """Lower and upper edge of each area."""
        edges = []
        below: Numbers = (0.0,) * len(self.periods)
        for area in self.areas:
            above = tuple(b + v for b, v in zip(below, area.values, strict=True))
            edges.append((below, above))
            below = above
        return edges


# --- rows ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row(_Strict):
    """One row: a point with an inner and an outer range.

    Attributes:
        label: what it is.
        value: the point.
        low, high: the inner range (NaN: none).
        wide_low, wide_high: the outer range (NaN: none).
        text: written beside it.
        faint: whether it is drawn as not clear of noise.
    """

    label: str
    value: Number
    low: Number = math.nan
    high: Number = math.nan
    wide_low: Number = math.nan
    wide_high: Number = math.nan
    text: str = ""
    faint: bool = False


@dataclass(frozen=True)
class Rows(_Strict):
    """Rows from top to bottom: tornado, ranking, winners and losers.

    Attributes:
        heading, unit, height: as for :class:`Lines` (height 0: 34 pixels a row).
        rows: from the top.
        line: where the reference line stands; none: no line, and ranges without points.
    """

    heading: str
    unit: str
    rows: tuple[Row, ...]
    line: float | None = 0.0
    height: float = 0.0
    kind: Literal["rows"] = "rows"


@dataclass(frozen=True)
class Bar(_Strict):
    """A bar from one value to another.

    Attributes:
        label: of its row; bars that follow each other with one label share the row.
        start, end: where it begins and ends.
        colour: of the bar.
        text: written beside the row (of the last bar of a row).
        low, high: range of its end (NaN: none).
        bold: whether the label is bold, as for a total.
    """

    label: str
    start: Number
    end: Number
    colour: str
    text: str = ""
    low: Number = math.nan
    high: Number = math.nan
    bold: bool = False


@dataclass(frozen=True)
class Bars(_Strict):
    """Horizontal bars: a waterfall from row to row, or parts side by side in one row.

    Attributes:
        heading, unit, key, height: as for :class:`Lines` (height 0: 30 pixels a row).
        bars: from the top.
        line: where the reference line stands; none: no line.
        linked: whether the end of each row is joined to the start of the next (waterfall).
    """

    heading: str
    unit: str
    bars: tuple[Bar, ...]
    line: float | None = 0.0
    linked: bool = False
    key: Key = ()
    height: float = 0.0
    kind: Literal["bars"] = "bars"

    def rows(self) -> list[tuple[Bar, ...]]:
        """The bars of each row, from the top."""
        rows: list[tuple[Bar, ...]] = []
        for bar in self.bars:
            if rows and rows[-1][0].label == bar.label:
                rows[-1] = (*rows[-1], bar)
            else:
                rows.append((bar,))
        return rows


# --- two axes ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cells(_Strict):
    """A table of coloured cells, each with its value written in it.

    Attributes:
        heading, unit, height: as for :class:`Lines` (height 0: 58 pixels a row).
        columns, rows: labels, rows from the bottom up.
        values: rows of numbers; NaN draws no cell.
        texts: written in the cells.
        column_title, row_title: what the axes are.
        scale: of the colours; ``diverging`` is centred on zero.
    """

    heading: str
    unit: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    values: tuple[Numbers, ...]
    texts: tuple[tuple[str, ...], ...]
    column_title: str = ""
    row_title: str = ""
    scale: Scale = "diverging"
    height: float = 0.0
    kind: Literal["cells"] = "cells"


@dataclass(frozen=True)
class Place(_Strict):
    """A point marked on a contour map, with ranges along both axes.

    Attributes:
        label: what it is.
        x, y: where.
        x_low, x_high, y_low, y_high: sides of a box around it (NaN: none).
    """

    label: str
    x: Number
    y: Number
    x_low: Number = math.nan
    x_high: Number = math.nan
    y_low: Number = math.nan
    y_high: Number = math.nan


@dataclass(frozen=True)
class Contour(_Strict):
    """A value over two continuous axes: colours, labelled lines of equal value, places.

    Attributes:
        heading, unit, height: as for :class:`Lines`.
        x, y: positions of the columns and rows, ascending.
        values: one row for each ``y``.
        levels: of the lines, ascending.
        x_title, y_title: what the axes are.
        places: marked points.
        scale: of the colours; ``diverging`` is centred on zero.
    """

    heading: str
    unit: str
    x: Numbers
    y: Numbers
    values: tuple[Numbers, ...]
    levels: Numbers
    x_title: str
    y_title: str
    places: tuple[Place, ...] = ()
    scale: Scale = "diverging"
    height: float = 300.0
    kind: Literal["contour"] = "contour"


@dataclass(frozen=True)
class Dot(_Strict):
    """A point over two axes, with ranges.

    Attributes:
        label: what it is.
        x, y: where.
        x_low, x_high, y_low, y_high: ranges (NaN: none).
        colour: of point and ranges.
        hollow: whether it is drawn as a ring.
        text: written beside it; empty: nothing.
    """

    label: str
    x: Number
    y: Number
    x_low: Number = math.nan
    x_high: Number = math.nan
    y_low: Number = math.nan
    y_high: Number = math.nan
    colour: str = ACCENT
    hollow: bool = False
    text: str = ""


@dataclass(frozen=True)
class Points(_Strict):
    """Points over two axes, such as predicted against observed.

    Attributes:
        heading, unit, key, height: as for :class:`Lines`.
        dots: the points.
        x_title, y_title: what the axes are.
        diagonal: whether the line of equal values is drawn (both axes then have one range).
    """

    heading: str
    unit: str
    dots: tuple[Dot, ...]
    x_title: str
    y_title: str
    diagonal: bool = False
    key: Key = ()
    height: float = 340.0
    kind: Literal["points"] = "points"

    def limits(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Range of x and range of y."""
        x = [v for d in self.dots for v in (d.x, d.x_low, d.x_high)]
        y = [v for d in self.dots for v in (d.y, d.y_low, d.y_high)]
        if self.diagonal:
            both = padded([*x, *y], zero=False)
            return both, both
        return padded(x, zero=False), padded(y, zero=False)


# --- map -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shape(_Strict):
    """A filled area of a map.

    Attributes:
        label: its name.
        rings: outlines, each a list of (x, y) in the map's own plane.
        value: decides the colour (NaN: missing).
        text: its value in words, shown when pointed at.
        short: written on it, such as a country's code; empty: nothing.
    """

    label: str
    rings: tuple[tuple[tuple[float, float], ...], ...]
    value: Number
    text: str = ""
    short: str = ""

    def middle(self) -> tuple[float, float]:
        """Centre of gravity of the largest outline, where a short word goes."""
        area, across, up = max(map(_moments, self.rings), key=lambda m: abs(m[0]))
        return across / area, up / area

    def size(self) -> float:
        """Area of the largest outline."""
        return max(abs(_moments(ring)[0]) for ring in self.rings)


def _moments(ring: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Area of an outline (signed) and its moments along both axes."""
    area = across = up = 0.0
    for a, b in zip(ring, [*ring[1:], ring[0]], strict=True):
        cross = a[0] * b[1] - b[0] * a[1]
        area += cross / 2.0
        across += (a[0] + b[0]) * cross / 6.0
        up += (a[1] + b[1]) * cross / 6.0
    return area, across, up


@dataclass(frozen=True)
class Map(_Strict):
    """Filled areas in a plane with one scale, and a bar that explains it.

    Attributes:
        heading, unit, height: as for :class:`Lines`.
        shapes: the areas, drawn in this order.
        scale: of the colours; ``diverging`` is centred on zero.
        ticks: values named at the bar, with their words.
        missing: words for areas without a value; empty: there are none.
    """

    heading: str
    unit: str
    shapes: tuple[Shape, ...]
    scale: Scale = "diverging"
    ticks: tuple[tuple[float, str], ...] = ()
    missing: str = ""
    height: float = 420.0
    kind: Literal["map"] = "map"

    def box(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top of all areas."""
        points = [p for s in self.shapes for ring in s.rings for p in ring]
        across, up = [p[0] for p in points], [p[1] for p in points]
        return min(across), min(up), max(across), max(up)


Panel = Annotated[
    Lines | Areas | Rows | Bars | Cells | Contour | Points | Map, Discriminator("kind")
]


# --- what both ways of drawing need --------------------------------------------------------------


def padded(values: Iterable[float], zero: bool) -> tuple[float, float]:
    """A range that holds the finite values (and zero, if asked) with some air."""
    known = [v for v in values if math.isfinite(v)] or [0.0]
    low, high = min(known), max(known)
    if zero:
        low, high = min(0.0, low), max(0.0, high)
    air = 0.06 * (high - low) or 1.0
    return low - air, high + air


def span(values: Iterable[float], scale: str) -> tuple[float, float]:
    """Values at the two ends of a colour scale."""
    known = [v for v in values if math.isfinite(v)] or [0.0]
    if scale == "diverging":
        reach = max(abs(v) for v in known) or 1.0
        return -reach, reach
    low, high = min(known), max(known)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def years(periods: Sequence[str]) -> list[int]:
    """Years named on a time axis: every five (or fewer) and the first."""
    first, last = int(periods[0][:4]), int(periods[-1][:4])
    step = 5 if last - first > 8 else 2 if last - first > 3 else 1
    return sorted({first, *(y for y in range(first, last + 1) if y % step == 0)})


def spread(
    heights: Sequence[float], sizes: Sequence[float], low: float, high: float
) -> list[float]:
    """Centres of labels moved as little as needed so that they keep apart within bounds.

    Args:
        heights: where each label would like to be.
        sizes: how high each is.
        low, high: bounds of the labels' edges.

    Returns:
        Where each goes. Labels that do not fit together are spread evenly over the bounds.
    """
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    if not order:
        return []
    total = math.fsum(sizes)
    tight = min(1.0, (high - low) / total) if total > 0.0 else 1.0
    size = [tight * sizes[i] for i in order]
    # Exact sums: those of Python differ between versions in the last bit, and bytes must repeat.
    # Each label takes the place it wants; labels that touch join a block around their common wish.
    blocks: list[tuple[float, list[int]]] = []
    for position, i in enumerate(order):
        centre = min(max(heights[i], low + size[position] / 2), high - size[position] / 2)
        blocks.append((centre, [position]))
        while len(blocks) > 1:
            (below, lower), (above, upper) = blocks[-2], blocks[-1]
            apart = math.fsum(size[p] for p in lower) / 2 + math.fsum(size[p] for p in upper) / 2
            if above - below >= apart - 1e-12:
                break
            both = [*lower, *upper]
            length = math.fsum(size[p] for p in both)
            wishes, offset = [], -length / 2
            for p in both:
                wishes.append(heights[order[p]] - (offset + size[p] / 2))
                offset += size[p]
            centre = min(max(math.fsum(wishes) / len(wishes), low + length / 2), high - length / 2)
            blocks[-2:] = [(centre, both)]
    result = [0.0] * len(heights)
    for centre, members in blocks:
        at = centre - math.fsum(size[p] for p in members) / 2
        for p in members:
            result[order[p]] = at + size[p] / 2
            at += size[p]
    return result


def shade(scale: str, share: float) -> str:
    """The colour at a share (0 to 1) of a scale."""
    colours = SCALES[scale]
    position = min(max(share, 0.0), 1.0) * (len(colours) - 1)
    first = min(int(position), len(colours) - 2)
    part = position - first
    pairs = [
        (int(colours[first][i : i + 2], 16), int(colours[first + 1][i : i + 2], 16))
        for i in (1, 3, 5)
    ]
    return "#" + "".join(f"{round(a + part * (b - a)):02X}" for a, b in pairs)


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two colours as WCAG 2 defines it, 1 to 21."""

    def luminance(colour: str) -> float:
        shares = [int(colour[i : i + 2], 16) / 255.0 for i in (1, 3, 5)]
        red, green, blue = (
            s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def legible(colour: str) -> str:
    """A colour for words on white: itself, or that of notes where it is too pale."""
    return colour if contrast(colour, "#FFFFFF") >= 3.0 else MUTED


# --- JSON ----------------------------------------------------------------------------------------


@cache
def _adapter() -> TypeAdapter[tuple[Panel, ...]]:
    return TypeAdapter(tuple[Panel, ...])


def encode(panels: Sequence[Any]) -> Any:
    """Panels as plain JSON values; missing numbers are None."""
    import json

    return json.loads(_adapter().dump_json(tuple(panels)))


def decode(content: Any) -> tuple[Any, ...]:
    """Panels of what :func:`encode` gave.

    Raises:
        ResultsError: it is no list of panels; the first thing that is wrong is named.
    """
    try:
        return _adapter().validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ResultsError(f"no panels of a figure: {place}: {first['msg']}") from None
