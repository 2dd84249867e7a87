"""Panels drawn with plotly, for pages: they can be pointed at and follow the width of the page.

Panels stand one below the other whatever the figure's columns, so that a telephone can show them.
Plotly is imported where it is used.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

from econsim.figures.panels import (
    ACCENT,
    GRID_LINE,
    INK,
    MUTED,
    SCALES,
    Areas,
    Bars,
    Cells,
    Contour,
    Key,
    Lines,
    Map,
    Points,
    Rows,
    Series,
    legible,
    padded,
    shade,
    span,
    spread,
    years,
)
from econsim.figures.words import month_words

FONT = "Source Sans, Source Sans Pro, Source Sans 3, Arial, Helvetica, sans-serif"
#: Pixels above a panel (heading), below it (ticks), and beside a panel of lines.
_ABOVE, _BELOW, _LEFT, _RIGHT = 38, 34, 46, 96


def draw(panels: Sequence[Any]) -> Any:
    """Panels as one ``plotly.graph_objects.Figure``, without title and notes."""
    import plotly.graph_objects as go

    sides = [_sides(panel) for panel in panels]
    left, right = (max(side[i] for side in sides) for i in (0, 1))
    above = [_ABOVE + 18 * _key_lines(getattr(p, "key", ())) for p in panels]
    heights = [height_of(p) for p in panels]
    below = [_BELOW + 12 * bool(_bottom_title(p)) for p in panels]
    inner = sum(heights) + sum(above[1:]) + sum(below[:-1])
    chart = go.Figure()
    chart.update_layout(
        template="none",
        paper_bgcolor="white",
        plot_bgcolor="white",
        font={"family": FONT, "size": 13, "color": INK},
        margin={"l": left, "r": right, "t": above[0], "b": below[-1]},
        height=above[0] + inner + below[-1],
        hovermode="closest",
        hoverlabel={"bgcolor": "white", "font": {"color": INK}},
        dragmode=False,
        showlegend=False,
    )
    top = inner
    for number, panel in enumerate(panels, start=1):
        top -= above[number - 1] if number > 1 else 0
        suffix = "" if number == 1 else str(number)
        place = _Place(chart, suffix, heights[number - 1], left)
        chart.update_layout(
            {
                f"xaxis{suffix}": {"anchor": f"y{suffix}"},
                f"yaxis{suffix}": {
                    "anchor": f"x{suffix}",
                    "domain": [max(0.0, (top - heights[number - 1]) / inner), top / inner],
                },
            }
        )
        _DRAW[type(panel)](place, panel)
        place.heading(panel.heading)
        place.key(getattr(panel, "key", ()))
        top -= heights[number - 1] + below[number - 1]
    return chart


def height_of(panel: Any) -> float:
    """Pixels of a panel's drawn area on a page."""
    if panel.height:
        return float(panel.height)
    if isinstance(panel, Rows):
        return 38.0 + 34.0 * len(panel.rows)
    if isinstance(panel, Bars):
        return 16.0 + 30.0 * len(panel.rows())
    return 58.0 * len(panel.rows)


def _key_lines(words: Key) -> int:
    """Lines that a key takes: one where it fits a telephone, otherwise one for each entry."""
    return min(len(words), 1) if sum(len(w) + 5 for w, _ in words) <= 44 else len(words)


def _sides(panel: Any) -> tuple[int, int]:
    """Pixels needed left and right of a panel."""

    def wide(texts: Sequence[str]) -> int:
        return max((len(line) for text in texts for line in text.split("\n")), default=0)

    if isinstance(panel, Lines):
        return _LEFT, max(_RIGHT, 14 + 7 * wide([s.end for s in panel.series]))
    if isinstance(panel, Areas):
        return _LEFT, max(_RIGHT, 14 + 7 * wide([a.label for a in panel.areas]))
    if isinstance(panel, Rows):
        beside = wide([r.text for r in panel.rows])
        return 16 + 7 * wide([_folded(r.label) for r in panel.rows]), max(60, 14 + 7 * beside)
    if isinstance(panel, Bars):
        beside = wide([b.text for b in panel.bars])
        return 16 + 7 * wide([_folded(b.label) for b in panel.bars]), max(40, 14 + 7 * beside)
    if isinstance(panel, Cells):
        return 18 + 7 * wide(panel.rows) + 18 * bool(panel.row_title), 8
    if isinstance(panel, Map):
        return 8, 110
    return 64, 40


def _bottom_title(panel: Any) -> str:
    return str(getattr(panel, "column_title", "") or getattr(panel, "x_title", ""))


def _folded(label: str) -> str:
    return "\n".join(textwrap.wrap(label, 30)) or label


def _html(text: str) -> str:
    return text.replace("\n", "<br>")


def _rgba(colour: str, opacity: float) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def _colorscale(scale: str) -> list[list[Any]]:
    colours = SCALES[scale]
    return [[i / (len(colours) - 1), c] for i, c in enumerate(colours)]


class _Place:
    """One panel's axes in a chart, and what every panel puts there."""

    def __init__(self, chart: Any, suffix: str, height: float, left: int) -> None:
        self.chart, self.suffix, self.height, self.left = chart, suffix, height, left
        self.x, self.y = f"x{suffix}", f"y{suffix}"

    def add(self, trace: Any) -> None:
        trace.update(xaxis=self.x, yaxis=self.y)
        self.chart.add_trace(trace)

    def axes(self, x: dict[str, Any], y: dict[str, Any]) -> None:
        plain = {
            "gridcolor": GRID_LINE, "zeroline": False, "tickfont": {"color": MUTED, "size": 12},
            "fixedrange": True, "automargin": False,
        }  # fmt: skip
        self.chart.update_layout(
            {f"xaxis{self.suffix}": {**plain, **x}, f"yaxis{self.suffix}": {**plain, **y}}
        )

    def note(self, text: str, **more: Any) -> None:
        font = {"color": MUTED, "size": 12, **more.pop("font", {})}
        self.chart.add_annotation(text=_html(text), showarrow=False, font=font, **more)

    def heading(self, text: str) -> None:
        self.note(
            text, x=0, xref=f"{self.x} domain", y=1, yref=f"{self.y} domain", yanchor="bottom",
            yshift=8, xshift=4 - self.left, xanchor="left", align="left",
        )  # fmt: skip

    def key(self, words: Key) -> None:
        if words:
            between = "   " if _key_lines(words) == 1 else "<br>"
            text = between.join(f'<span style="color:{c}"><b>■ {w}</b></span>' for w, c in words)
            self.note(
                text, x=0, xref=f"{self.x} domain", y=1, yref=f"{self.y} domain", yanchor="bottom",
                yshift=26, xshift=4 - self.left, xanchor="left", align="left",
            )  # fmt: skip

    def beside(self, y: float, text: str, colour: str, yref: str = "") -> None:
        """Words at the right edge."""
        self.note(
            text, x=1, xref=f"{self.x} domain", y=y, yref=yref or self.y, xanchor="left", xshift=5,
            align="left", font={"color": colour},
        )  # fmt: skip

    def across(self, y: float) -> None:
        """A line from left to right."""
        self.chart.add_shape(
            type="line", x0=0, x1=1, xref=f"{self.x} domain", y0=y, y1=y, yref=self.y,
            line={"color": INK, "width": 1},
        )  # fmt: skip

    def upright(self, x: Any, **line: Any) -> None:
        """A line from bottom to top."""
        self.chart.add_shape(
            type="line", x0=x, x1=x, xref=self.x, y0=0, y1=1, yref=f"{self.y} domain",
            line={"color": INK, "width": 1, **line},
        )  # fmt: skip

    def start(self, month: str | None, words: bool, on_top: bool) -> None:
        """Marks the first instrument."""
        if not month:
            return
        self.upright(month, color=MUTED, dash="dot")
        if words:
            self.note(
                f"policy starts\n{month_words(month) if len(month) > 4 else month}",
                x=f"{month}-01" if len(month) == 7 else month, xref=self.x,
                y=1 if on_top else 0, yref=f"{self.y} domain",
                yanchor="top" if on_top else "bottom", xanchor="right", xshift=-3, align="right",
                font={"size": 11},
            )  # fmt: skip


def _time(periods: Sequence[str]) -> dict[str, Any]:
    """A date axis over whole years."""
    monthly = len(periods[0]) > 4
    first, last = periods[0][:4], periods[-1][:4]
    shown = years(periods)
    return {
        "type": "date",
        "range": [f"{first}-01-01", f"{last}-12-31" if monthly else f"{last}-01-01"],
        "tickvals": [f"{y}-01-01" for y in shown],
        "ticktext": [str(y) for y in shown],
        "ticks": "outside",
        "tickcolor": GRID_LINE,
    }


def _with_end(text: str, bold: bool) -> str:
    first, found, rest = text.partition("\n")
    return f"<b>{first}</b>{found}{rest}" if bold else text


# --- one function a kind of panel ----------------------------------------------------------------


def _lines(place: _Place, panel: Lines) -> None:
    low, high = panel.limits()
    for series in panel.series:
        _series(place, series, panel.periods)
    place.axes(_time(panel.periods), {"range": [low, high], "ticksuffix": panel.suffix})
    if panel.zero:
        place.across(0)
    ends = [(s, _last(s)) for s in panel.series if s.end]
    pixel = (high - low) / place.height
    sizes = [15.0 * pixel * (1 + s.end.count("\n")) for s, _ in ends]
    heights = spread([min(max(y, low), high) for _, y in ends], sizes, low, high)
    for height, (series, _) in zip(heights, ends, strict=True):
        place.beside(height, _with_end(series.end, series.bold), series.colour)
    place.start(panel.start, panel.start_words, panel.words_on_top())


def _last(series: Series) -> float:
    """Where a line ends."""
    return next((v for v in reversed(series.values) if math.isfinite(v)), 0.0)


def _series(place: _Place, series: Series, periods: Sequence[str]) -> None:
    import plotly.graph_objects as go

    for number, band in enumerate(series.bands):
        known = [
            (p, a, b)
            for p, a, b in zip(periods, band.low, band.high, strict=True)
            if math.isfinite(a) and math.isfinite(b)
        ]
        if known:
            place.add(
                go.Scatter(
                    x=[p for p, _, _ in known] + [p for p, _, _ in known[::-1]],
                    y=[b for _, _, b in known] + [a for _, a, _ in known[::-1]],
                    fill="toself", fillcolor=_rgba(series.colour, 0.22 + 0.12 * number),
                    line={"width": 0}, mode="lines", hoverinfo="skip", name=band.label,
                )
            )  # fmt: skip
    inner = series.bands[-1] if series.bands else None
    ranged = inner is not None and all(map(math.isfinite, (*inner.low, *inner.high)))
    inside = " (%{customdata[0]:,.3~f} to %{customdata[1]:,.3~f})" if ranged else ""
    mode = "markers" if series.dash == "none" else "lines+markers" if series.dots else "lines"
    line = {"color": series.colour, "width": series.width}
    if series.dash not in ("solid", "none"):
        line["dash"] = series.dash
    time = "%{x|%B %Y}" if len(periods[0]) > 4 else "%{x|%Y}"
    place.add(
        go.Scatter(
            x=list(periods), y=list(series.values), mode=mode, line=line, name=series.label,
            marker={"color": series.colour, "size": 7},
            customdata=list(map(list, zip(inner.low, inner.high, strict=True))) if inner else None,
            hovertemplate=f"{series.label}<br>{time}: %{{y:,.3~f}}{inside}<extra></extra>",
        )
    )  # fmt: skip
    if series.marker:
        place.add(
            go.Scatter(
                x=[series.marker.at], y=[series.marker.value], mode="markers", cliponaxis=False,
                marker={"color": INK, "size": 9, "line": {"color": "white", "width": 1}},
                name=series.marker.label,
                hovertemplate=f"{series.marker.label}: {series.marker.text}<extra></extra>",
            )
        )  # fmt: skip


def _areas(place: _Place, panel: Areas) -> None:
    import plotly.graph_objects as go

    time = "%{x|%B %Y}" if len(panel.periods[0]) > 4 else "%{x|%Y}"
    edges = panel.edges()
    for area, (below, above) in zip(panel.areas, edges, strict=True):
        place.add(
            go.Scatter(
                x=[*panel.periods, *panel.periods[::-1]], y=[*above, *below[::-1]], fill="toself",
                fillcolor=area.colour, line={"width": 0.8, "color": "white"}, mode="lines",
                hoverinfo="skip", name="area",
            )
        )  # fmt: skip
        place.add(
            go.Scatter(
                x=list(panel.periods), y=list(above), mode="lines", name=area.label,
                line={"width": 0}, customdata=list(area.values),
                hovertemplate=f"{area.label}<br>{time}: %{{customdata:,.3~f}}<extra></extra>",
            )
        )  # fmt: skip
    place.axes(_time(panel.periods), {"range": [0, panel.top], "ticksuffix": panel.suffix})
    middles = [(below[-1] + above[-1]) / 2 for below, above in edges]
    pixel = panel.top / place.height
    sizes = [15.0 * pixel * (1 + a.label.count("\n")) for a in panel.areas]
    for height, area in zip(spread(middles, sizes, 0.0, panel.top), panel.areas, strict=True):
        place.beside(height, area.label, legible(area.colour))
    place.start(panel.start, panel.start_words, on_top=True)


def _rows(place: _Place, panel: Rows) -> None:
    import plotly.graph_objects as go

    for number, row in enumerate(panel.rows):
        colour = MUTED if row.faint else ACCENT
        for low, high, width, opacity in (
            (row.wide_low, row.wide_high, 7, 0.3),
            (row.low, row.high, 2, 1.0),
        ):
            if math.isfinite(low) and math.isfinite(high):
                place.add(
                    go.Scatter(
                        x=[low, high], y=[-number] * 2, mode="lines", hoverinfo="skip",
                        line={"color": _rgba(colour, opacity), "width": width},
                    )
                )  # fmt: skip
        shown = row.text or f"{row.value:.3g}"
        place.add(
            go.Scatter(
                x=[row.value], y=[-number], mode="markers", cliponaxis=False,
                visible=panel.line is not None,
                marker={"color": colour, "size": 9, "line": {"color": "white", "width": 1}},
                hovertemplate=f"{row.label}: {shown}<extra></extra>",
            )
        )  # fmt: skip
        place.beside(-number, shown, colour)
    ends = [v for r in panel.rows for v in (r.value, r.low, r.high, r.wide_low, r.wide_high)]
    ends += [panel.line] if panel.line is not None else []
    _listed(place, [r.label for r in panel.rows], {"range": list(padded(ends, zero=False))})
    if panel.line is not None:
        place.upright(panel.line)


def _listed(
    place: _Place, labels: Sequence[str], x: dict[str, Any], bold: Sequence[bool] = ()
) -> None:
    """Labelled rows from the top at heights 0, -1, ..."""
    texts = [_html(_folded(text)) for text in labels]
    if bold:
        texts = [f"<b>{t}</b>" if b else t for t, b in zip(texts, bold, strict=True)]
    place.axes(
        x,
        {
            "range": [-len(labels) + 0.4, 0.6], "tickvals": [-i for i in range(len(labels))],
            "ticktext": texts, "showgrid": False,
        },
    )  # fmt: skip


def _bars(place: _Place, panel: Bars) -> None:
    import plotly.graph_objects as go

    rows = panel.rows()
    for number, row in enumerate(rows):
        for bar in row:
            place.add(
                go.Bar(
                    x=[bar.end - bar.start], base=[bar.start], y=[-number], orientation="h",
                    width=0.62, marker={"color": bar.colour},
                    hovertemplate=f"{bar.label}: {bar.text or '%{x:,.3~f}'}<extra></extra>",
                )
            )  # fmt: skip
            if math.isfinite(bar.low) and math.isfinite(bar.high):
                place.add(
                    go.Scatter(
                        x=[bar.low, bar.high], y=[-number] * 2, mode="lines", hoverinfo="skip",
                        line={"color": INK, "width": 1.5},
                    )
                )  # fmt: skip
        place.beside(-number, row[-1].text, INK)
        if panel.linked and number + 1 < len(rows):
            place.chart.add_shape(
                type="line", x0=row[-1].end, x1=row[-1].end, xref=place.x, y0=-number - 0.31,
                y1=-number - 0.69, yref=place.y, line={"color": MUTED, "width": 1},
            )  # fmt: skip
    ends = [v for bar in panel.bars for v in (bar.start, bar.end, bar.low, bar.high)]
    reach = {"range": list(padded(ends, zero=False))}
    _listed(place, [r[0].label for r in rows], reach, [r[0].bold for r in rows])
    place.chart.update_layout(barmode="overlay")
    if panel.line is not None:
        place.upright(panel.line)


def _titles(x: str, y: str) -> tuple[dict[str, Any], dict[str, Any]]:
    font = {"size": 12, "color": MUTED}
    return (
        {"title": {"text": x, "standoff": 6, "font": font}} if x else {},
        {"title": {"text": y, "standoff": 4, "font": font}} if y else {},
    )


def _cells(place: _Place, panel: Cells) -> None:
    import plotly.graph_objects as go

    low, high = span((v for row in panel.values for v in row), panel.scale)
    place.add(
        go.Heatmap(
            z=[[v if math.isfinite(v) else None for v in row] for row in panel.values],
            x=list(panel.columns), y=list(panel.rows),
            text=[[_html(t) for t in row] for row in panel.texts], texttemplate="%{text}",
            textfont={"size": 13, "color": INK}, colorscale=_colorscale(panel.scale),
            zmin=low, zmax=high, showscale=False,
            xgap=2, ygap=2, hovertemplate="%{y}, %{x}<br>%{text}<extra></extra>",
        )
    )  # fmt: skip
    x, y = _titles(panel.column_title, panel.row_title)
    place.axes(
        {"showgrid": False, "type": "category", **x}, {"showgrid": False, "type": "category", **y}
    )


def _contour(place: _Place, panel: Contour) -> None:
    import plotly.graph_objects as go

    low, high = span((v for row in panel.values for v in row), panel.scale)
    place.add(
        go.Heatmap(
            z=[list(row) for row in panel.values], x=list(panel.x), y=list(panel.y),
            zsmooth="best", colorscale=_colorscale(panel.scale), zmin=low, zmax=high,
            showscale=False, hovertemplate="%{x:.3g}, %{y:.3g}: %{z:,.3~f}<extra></extra>",
        )
    )  # fmt: skip
    for level in panel.levels:
        place.add(
            go.Contour(
                z=[list(row) for row in panel.values], x=list(panel.x), y=list(panel.y),
                contours={
                    "type": "constraint", "operation": "=", "value": level, "showlabels": True,
                    "labelfont": {"size": 12, "color": INK},
                },
                line={"color": INK, "width": 1.2, "smoothing": 0}, showscale=False,
                hoverinfo="skip", name=f"{level:g}",
            )
        )  # fmt: skip
    for mark in panel.places:
        if all(map(math.isfinite, (mark.x_low, mark.x_high, mark.y_low, mark.y_high))):
            place.chart.add_shape(
                type="rect", x0=mark.x_low, x1=mark.x_high, xref=place.x, y0=mark.y_low,
                y1=mark.y_high, yref=place.y, line={"color": INK, "width": 1.5, "dash": "dash"},
            )  # fmt: skip
        place.add(
            go.Scatter(
                x=[mark.x], y=[mark.y], mode="markers+text", text=[_html(mark.label)],
                textposition="top center", textfont={"size": 12, "color": INK},
                marker={"color": INK, "size": 9, "line": {"color": "white", "width": 1}},
                hovertemplate=f"{mark.label}<extra></extra>", name=mark.label,
            )
        )  # fmt: skip
    x, y = _titles(panel.x_title, panel.y_title)
    place.axes(
        {"showgrid": False, "range": [panel.x[0], panel.x[-1]], **x},
        {"showgrid": False, "range": [panel.y[0], panel.y[-1]], **y},
    )


def _points(place: _Place, panel: Points) -> None:
    import plotly.graph_objects as go

    (left, right), (bottom, top) = panel.limits()
    if panel.diagonal:
        place.add(
            go.Scatter(
                x=[left, right], y=[bottom, top], mode="lines", hoverinfo="skip",
                line={"color": MUTED, "width": 1}, name="equal",
            )
        )  # fmt: skip
    for dot in panel.dots:
        for across, up in (
            ([dot.x_low, dot.x_high], [dot.y] * 2),
            ([dot.x] * 2, [dot.y_low, dot.y_high]),
        ):
            if all(map(math.isfinite, (*across, *up))):
                place.add(
                    go.Scatter(
                        x=across, y=up, mode="lines", hoverinfo="skip",
                        line={"color": _rgba(dot.colour, 0.6), "width": 1.5},
                    )
                )  # fmt: skip
        place.add(
            go.Scatter(
                x=[dot.x], y=[dot.y], mode="markers+text" if dot.text else "markers",
                text=[_html(dot.text)],
                # Words stay inside the panel.
                textposition="middle left" if 4 * dot.x > left + 3 * right else "middle right",
                textfont={"size": 12, "color": dot.colour}, name=dot.label,
                marker={
                    "color": "white" if dot.hollow else dot.colour, "size": 8,
                    "line": {"color": dot.colour if dot.hollow else "white", "width": 1.5},
                },
                hovertemplate=f"{dot.label}<br>%{{x:,.3~f}}; %{{y:,.3~f}}<extra></extra>",
            )
        )  # fmt: skip
    x, y = _titles(panel.x_title, panel.y_title)
    place.axes({"range": [left, right], **x}, {"range": [bottom, top], **y})


def _map(place: _Place, panel: Map) -> None:
    import plotly.graph_objects as go

    low, high = span((s.value for s in panel.shapes), panel.scale)
    for shape in panel.shapes:
        share = (shape.value - low) / (high - low)
        colour = shade(panel.scale, share) if math.isfinite(share) else GRID_LINE
        x: list[float | None] = []
        y: list[float | None] = []
        for ring in shape.rings:
            x += [*(p[0] for p in ring), ring[0][0], None]
            y += [*(p[1] for p in ring), ring[0][1], None]
        shown = shape.text or panel.missing
        place.add(
            go.Scatter(
                x=x, y=y, fill="toself", fillcolor=colour, mode="lines", hoveron="fills",
                line={"color": MUTED, "width": 0.6}, name=f"{shape.label}: {shown}",
                hoverinfo="name", hoverlabel={"namelength": -1},
            )
        )  # fmt: skip
    # The bar that explains the colours, and its words, beside its own map.
    lowest, highest = place.chart.layout[f"yaxis{place.suffix}"].domain
    place.add(
        go.Scatter(
            x=[None], y=[None], mode="markers", hoverinfo="skip", name="scale",
            marker={
                "color": [low], "cmin": low, "cmax": high, "colorscale": _colorscale(panel.scale),
                "showscale": True,
                "colorbar": {
                    "thickness": 12, "len": 0.6 * (highest - lowest), "outlinewidth": 0,
                    "y": (lowest + highest) / 2,
                    "tickvals": [t for t, _ in panel.ticks],
                    "ticktext": [_html(w) for _, w in panel.ticks],
                    "tickfont": {"size": 12, "color": MUTED},
                },
            },
        )
    )  # fmt: skip
    for shape in panel.shapes:
        if shape.short:
            x_middle, y_middle = shape.middle()
            place.note(
                shape.short, x=x_middle, y=y_middle, xref=place.x, yref=place.y,
                font={"size": 11, "color": INK},
            )  # fmt: skip
    left, bottom, right, top = panel.box()
    hidden = {"visible": False}
    place.axes(
        {"range": [left, right], **hidden},
        {"range": [bottom, top], "scaleanchor": place.x, "scaleratio": 1, **hidden},
    )


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


# --- title and notes -----------------------------------------------------------------------------


def add_heading(chart: Any, title: str, subtitle: str, foot: Sequence[str]) -> None:
    """Title, subtitle and foot notes inside the chart, wrapped for a print width."""
    titles = textwrap.wrap(title, 78)
    subtitles = textwrap.wrap(subtitle, 104)
    lines = [line for text in foot for line in textwrap.wrap(text, 118)]
    above = 22 * len(titles) + 16 * len(subtitles) + 20
    below = 15 * len(lines) + 14
    margin = chart.layout.margin
    left, bottom = margin.l, margin.b
    chart.update_layout(
        height=chart.layout.height + above + below,
        width=760,
        margin={"t": margin.t + above, "b": margin.b + below},
        title={
            "text": "<br>".join(f"<b>{line}</b>" for line in titles),
            "x": 0.01,
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 12 + 5 * (len(titles) > 1)},
            "font": {"size": 17},
            "subtitle": {
                "text": "<br>".join(subtitles),
                "font": {"size": 12.5, "color": MUTED},
            },
        },
    )
    chart.add_annotation(
        x=0, xref="paper", xshift=6 - left, y=0, yref="paper", yshift=-bottom,
        yanchor="top", xanchor="left", align="left", text="<br>".join(lines), showarrow=False,
        font={"size": 11, "color": MUTED},
    )  # fmt: skip
