"""Drawing figures with plotly, from their data alone.

Colours are safe for colour-blind readers and differ in grey; lines carry their labels at the end.
Plotly is imported where it is used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from econsim.figures.figure import MUTED, Figure
from econsim.figures.words import (
    HEADLINE_GROUP,
    PERSONS,
    clipped,
    half_width,
    holds_zero,
    interval,
    month_words,
    number,
)
from econsim.results import Estimate

if TYPE_CHECKING:
    import pandas as pd

#: Short forms for labels at the end of lines.
LABELS = {**PERSONS, "nonemployer": "no staff"}
#: Safe for colour-blind readers, with different grey values; always labelled at the line as well.
COLOURS = {
    "nonemployer": "#A8842C",
    "0-9": "#C8571B",
    "10-49": "#2E8FB8",
    "50-249": "#0B6E75",
    "250+": "#3A2A6B",
    "10-249": "#111111",
}
INK, GRID_LINE, ACCENT = "#1B2A30", "#E3E8EA", "#0B6E75"
FONT = "Source Sans, Source Sans Pro, Source Sans 3, Arial, Helvetica, sans-serif"
_MARGIN = {"l": 46, "r": 96, "t": 38, "b": 34}


def _base_layout() -> dict[str, Any]:
    return {
        "template": "none",
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "font": {"family": FONT, "size": 13, "color": INK},
        "margin": dict(_MARGIN),
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": "white", "font": {"color": INK}},
        "dragmode": False,
        "showlegend": False,
    }


def _axis(**more: Any) -> dict[str, Any]:
    return {
        "gridcolor": GRID_LINE,
        "zeroline": False,
        "tickfont": {"color": MUTED, "size": 12},
        "fixedrange": True,
        "automargin": False,
        **more,
    }


def _time_axis(periods: Sequence[str], **more: Any) -> dict[str, Any]:
    """A date axis over whole years with a tick every five years and the first."""
    first, last = int(periods[0][:4]), int(periods[-1][:4])
    step = 5 if last - first > 8 else 2 if last - first > 3 else 1
    years = sorted({first, *(y for y in range(first, last + 2) if y % step == 0)})
    return _axis(
        type="date",
        range=[f"{first}-01-01", f"{last}-12-31"],
        tickvals=[f"{y}-01-01" for y in years],
        ticktext=[str(y) for y in years],
        ticks="outside",
        tickcolor=GRID_LINE,
        **more,
    )


def _faint(colour: str, opacity: float = 0.22) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def _band(chart: Any, part: pd.DataFrame, colour: str, row: int) -> None:
    """The interval of a line, if there is one."""
    import plotly.graph_objects as go

    known = part[part["low"].notna() & part["high"].notna()]
    if known.empty:
        return
    chart.add_trace(
        go.Scatter(
            x=[*known["period"], *known["period"][::-1]],
            y=[*known["high"], *known["low"][::-1]],
            fill="toself",
            fillcolor=_faint(colour),
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            name="interval",
        ),
        row=row,
        col=1,
    )


def _line(chart: Any, part: pd.DataFrame, name: str, style: Mapping[str, Any], row: int) -> None:
    import plotly.graph_objects as go

    chart.add_trace(
        go.Scatter(
            x=list(part["period"]),
            y=list(part["mean"]),
            mode="lines",
            line=dict(style),
            name=name,
            customdata=part[["low", "high"]].to_numpy().tolist(),
            hovertemplate=(
                f"{name}<br>%{{x|%B %Y}}: %{{y:,.3~f}}"
                + (
                    " (%{customdata[0]:,.3~f} to %{customdata[1]:,.3~f})"
                    if part["low"].notna().all()
                    else ""
                )
                + "<extra></extra>"
            ),
        ),
        row=row,
        col=1,
    )


def _spread(heights: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Heights moved as little as needed so that neighbours are ``gap`` apart within bounds."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    placed = [heights[i] for i in order]
    for _ in range(200):
        moved = False
        for i in range(len(placed) - 1):
            short = gap - (placed[i + 1] - placed[i])
            if short > 1e-9 * gap:
                placed[i] -= short / 2
                placed[i + 1] += short / 2
                moved = True
        placed[0] = max(placed[0], low)
        placed[-1] = min(placed[-1], high)
        if not moved:
            break
    result = [0.0] * len(heights)
    for position, i in enumerate(order):
        result[i] = placed[position]
    return result


def _end_labels(
    chart: Any,
    ends: Sequence[tuple[float, str, str]],
    reach: tuple[float, float],
    pixels: float,
    row: int,
) -> None:
    """Labels at the right end of lines (height, text, colour), kept apart."""
    low, high = reach
    gap = 15.0 * (high - low) / pixels
    heights = _spread([e[0] for e in ends], gap, low, high)
    suffix = "" if row == 1 else str(row)
    for height, (_, text, colour) in zip(heights, ends, strict=True):
        chart.add_annotation(
            x=1,
            xref=f"x{suffix} domain",
            y=height,
            yref=f"y{suffix}",
            text=text,
            showarrow=False,
            xanchor="left",
            align="left",
            xshift=5,
            font={"color": colour, "size": 12},
        )


def _panel_heading(chart: Any, text: str, row: int) -> None:
    suffix = "" if row == 1 else str(row)
    chart.add_annotation(
        x=0,
        xref=f"x{suffix} domain",
        y=1,
        yref=f"y{suffix} domain",
        yanchor="bottom",
        yshift=8,
        xshift=4 - _MARGIN["l"],
        text=text,
        showarrow=False,
        xanchor="left",
        align="left",
        font={"color": MUTED, "size": 12},
    )


def _start_line(chart: Any, start: str | None, row: int, words: bool, top: bool = True) -> None:
    """Marks the month of the first instrument."""
    if not start:
        return
    suffix = "" if row == 1 else str(row)
    chart.add_shape(
        type="line",
        x0=start,
        x1=start,
        xref=f"x{suffix}",
        y0=0,
        y1=1,
        yref=f"y{suffix} domain",
        line={"color": MUTED, "width": 1, "dash": "dot"},
    )
    if words:
        chart.add_annotation(
            x=f"{start}-01",
            xref=f"x{suffix}",
            y=1 if top else 0,
            yref=f"y{suffix} domain",
            yanchor="top" if top else "bottom",
            xanchor="right",
            xshift=-3,
            align="right",
            text=f"policy starts<br>{month_words(start)}",
            showarrow=False,
            font={"color": MUTED, "size": 11},
        )


def _padded(part: pd.DataFrame) -> tuple[float, float]:
    """Range that holds means, intervals and zero with some air."""
    values = part[["mean", "low", "high"]].to_numpy().ravel()
    values = values[np.isfinite(values)]
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    air = 0.06 * (high - low) or 1.0
    return low - air, high + air


def draw_adoption(figure: Figure) -> Any:
    """Lines of use by size class, and below them the paired differences."""
    from plotly.subplots import make_subplots

    data = figure.data
    paired = bool((data["panel"] == "difference").any())
    spacing = 0.12
    chart = make_subplots(
        rows=2 if paired else 1,
        cols=1,
        vertical_spacing=spacing if paired else 0.0,
        row_heights=[0.58, 0.42] if paired else [1.0],
    )
    chart.update_layout(**_base_layout())
    inner = figure.height - _MARGIN["t"] - _MARGIN["b"]
    level = data[data["panel"] == "level"]
    groups = list(dict.fromkeys(level["size_class"]))
    names = figure.marks["lines"]
    dashes = dict(zip(names, ("solid", "dash"), strict=False))
    finals = []
    for name in names:
        for group in groups:
            part = level[(level["scenario"] == name) & (level["size_class"] == group)]
            colour = COLOURS[group]
            _band(chart, part, colour, 1)
            style = {"color": colour, "width": 2, "dash": dashes[name]}
            _line(chart, part, f"{PERSONS[group]} persons, {name}", style, 1)
            if name == names[-1]:
                finals.append((float(part["mean"].iloc[-1]), LABELS[group], colour))
    high = float(level[["mean", "high"]].max().max())
    top = min(100.0, 10.0 * math.ceil((high + 4.0) / 10.0))
    periods = list(dict.fromkeys(level["period"]))
    share = 0.58 * (1 - spacing) if paired else 1.0
    chart.update_xaxes(**_time_axis(periods), row=1, col=1)
    chart.update_yaxes(**_axis(range=[0, top], ticksuffix=" %"), row=1, col=1)
    _end_labels(chart, finals, (0.0, top), inner * share, 1)
    heading = "AI use, % of firms, by persons engaged"
    if paired:
        heading = f"AI use, % of firms (dashed: {clipped(names[-1])})"
    _panel_heading(chart, heading, 1)
    _start_line(chart, figure.marks.get("start"), 1, words=False)
    if paired:
        gaps = data[data["panel"] == "difference"]
        finals = []
        for group in (*groups, HEADLINE_GROUP):
            part = gaps[gaps["size_class"] == group]
            bold = group == HEADLINE_GROUP
            colour = COLOURS[group]
            _band(chart, part, colour, 2)
            style = {"color": colour, "width": 3 if bold else 1.5}
            _line(chart, part, f"{PERSONS[group]} persons, difference", style, 2)
            last = part.iloc[-1]
            end = Estimate(
                float(last["mean"]), float(last["low"]), float(last["high"]), int(last["n"]), ""
            )
            text = f"{LABELS[group]}: {number(end)}"
            finals.append((end.mean, f"<b>{text}</b>" if bold else text, colour))
        reach = _padded(gaps)
        chart.update_xaxes(**_time_axis(periods), row=2, col=1)
        chart.update_yaxes(**_axis(range=list(reach)), row=2, col=1)
        chart.add_hline(y=0, line={"color": INK, "width": 1}, row=2, col=1)
        _end_labels(chart, finals, reach, inner * 0.42 * (1 - spacing), 2)
        _panel_heading(chart, "Difference, percentage points", 2)
        start = figure.marks.get("start")
        _start_line(chart, start, 2, words=True, top=abs(reach[0]) < abs(reach[1]))
    return chart


def draw_gdp(figure: Figure) -> Any:
    """The monthly difference in GDP with its band, and the last year as a point."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    chart = make_subplots(rows=1, cols=1)
    chart.update_layout(**_base_layout())
    monthly = figure.data[figure.data["frequency"] == "month"]
    yearly = figure.data[figure.data["frequency"] == "year"].iloc[0]
    _band(chart, monthly, ACCENT, 1)
    _line(chart, monthly, "Difference", {"color": ACCENT, "width": 2}, 1)
    year = str(yearly["period"])
    end = Estimate(
        float(yearly["mean"]), float(yearly["low"]), float(yearly["high"]), int(yearly["n"]), ""
    )
    chart.add_trace(
        go.Scatter(
            x=[f"{year}-12"],  # where the line is the mean of that year
            y=[end.mean],
            mode="markers",
            cliponaxis=False,
            marker={"color": INK, "size": 9, "line": {"color": "white", "width": 1}},
            name=f"Mean of {year}",
            hovertemplate=f"mean of {year}: {number(end)} ({interval(end)})<extra></extra>",
        ),
        row=1,
        col=1,
    )
    reach = _padded(figure.data)
    chart.update_xaxes(**_time_axis(list(monthly["period"])), row=1, col=1)
    chart.update_yaxes(**_axis(range=list(reach)), row=1, col=1)
    chart.add_hline(y=0, line={"color": INK, "width": 1}, row=1, col=1)
    inside = interval(end)
    lines = f"<b>{year}: {number(end)}</b>"
    if math.isfinite(end.low):
        lines += f"<br>{inside.replace(' to ', ' to<br>')}"
    chart.add_annotation(
        x=1, xref="x domain", y=min(max(end.mean, reach[0]), reach[1]), yref="y",
        text=lines, showarrow=False, xanchor="left", xshift=5, align="left",
        font={"color": INK, "size": 12},
    )  # fmt: skip
    unit = str(yearly["unit"]).partition(",")[0]
    _panel_heading(chart, f"GDP difference, {unit}, 12-month mean", 1)
    _start_line(chart, figure.marks.get("start"), 1, words=True, top=abs(reach[0]) < abs(reach[1]))
    return chart


#: Diverging and safe for colour-blind readers; the sign is written in each cell as well.
_SCALE = [
    [0.0, "#B8500F"],
    [0.25, "#EBA877"],
    [0.5, "#F7F7F5"],
    [0.75, "#8FBBD6"],
    [1.0, "#1F6C9B"],
]


def draw_grid(figure: Figure) -> Any:
    """One map of differences over lambda and the open share for each outcome."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    data = figure.data
    outcomes = list(dict.fromkeys(data["outcome"]))
    chart = make_subplots(rows=len(outcomes), cols=1, vertical_spacing=0.22)
    chart.update_layout(**_base_layout())
    chart.update_layout(margin={"l": 46, "r": 8, "t": 38, "b": 46})
    for row, name in enumerate(outcomes, start=1):
        part = data[data["outcome"] == name]
        rows = sorted(set(part["lambda"]))
        columns = sorted(set(part["open_share"]))
        cells = {(p["lambda"], p["open_share"]): p for p in part.to_dict("records")}
        means = [[cells[d, s]["mean"] if (d, s) in cells else None for s in columns] for d in rows]
        texts = [[_cell(cells.get((d, s))) for s in columns] for d in rows]
        reach = max((abs(v) for line in means for v in line if v is not None), default=1.0) or 1.0
        labels = [f"{100 * s:g} %" for s in columns]
        chart.add_trace(
            go.Heatmap(
                z=means, x=labels, y=[f"λ {d:g}" for d in rows], text=texts,
                texttemplate="%{text}", textfont={"size": 13, "color": INK},
                colorscale=_SCALE, zmin=-1.35 * reach, zmax=1.35 * reach, showscale=False,
                xgap=2, ygap=2,
                hovertemplate="%{y}, open share %{x}<br>%{text}<extra></extra>",
            ),
            row=row, col=1,
        )  # fmt: skip
        chart.update_xaxes(
            **_axis(showgrid=False, type="category", title={
                "text": "Share of users on open models, 2024", "standoff": 6,
                "font": {"size": 12, "color": MUTED},
            }),
            row=row, col=1,
        )  # fmt: skip
        chart.update_yaxes(**_axis(showgrid=False, type="category"), row=row, col=1)
        unit = str(part["unit"].iloc[0])
        unit = "percentage points" if unit.startswith("percentage") else unit.partition(",")[0]
        label = str(part["label"].iloc[0])
        _panel_heading(chart, f"<b>{label}</b> ({unit})", row)
    return chart


def _cell(point: Mapping[str, Any] | None) -> str:
    """Mean and half width of one point of the grid, in brackets when the interval holds zero."""
    if point is None:
        return ""
    gap = Estimate(point["mean"], point["low"], point["high"], point["n"], point["unit"])
    if not math.isfinite(gap.low):
        return f"{number(gap)}<br>one run"
    text = f"{number(gap)}<br>± {half_width(gap)}"
    return f"({text.replace('<br>', ')<br>(')})" if holds_zero(gap) else text


def draw_rows(figure: Figure) -> Any:
    """Rows of a study: a point each, with an inner and an outer range, labels at the left."""
    import plotly.graph_objects as go

    data = figure.data
    labels = list(data["label"])
    chart = go.Figure()
    chart.update_layout(**_base_layout())
    longest = max((len(text) for text in labels), default=10)
    chart.update_layout(margin={"l": min(16 + 7 * longest, 330), "r": 150, "t": 38, "b": 34})
    for row in data.to_dict("records"):
        colour = MUTED if row["faint"] else ACCENT
        for low, high, width, opacity in (
            (row["wide_low"], row["wide_high"], 7, 0.22),
            (row["low"], row["high"], 2, 1.0),
        ):
            if math.isfinite(low) and math.isfinite(high):
                chart.add_trace(
                    go.Scatter(
                        x=[low, high], y=[row["label"]] * 2, mode="lines", hoverinfo="skip",
                        line={"color": _faint(colour, opacity), "width": width},
                    )
                )  # fmt: skip
        shown = row["text"] or f"{row['value']:.3g}"
        chart.add_trace(
            go.Scatter(
                x=[row["value"]], y=[row["label"]], mode="markers", cliponaxis=False,
                visible=figure.marks["line"] is not None,
                marker={"color": colour, "size": 9, "line": {"color": "white", "width": 1}},
                hovertemplate=f"{row['label']}: {shown}<extra></extra>",
            )
        )  # fmt: skip
        chart.add_annotation(
            x=1, xref="x domain", y=row["label"], yref="y", text=shown, showarrow=False,
            xanchor="left", xshift=6, align="left", font={"color": colour, "size": 12},
        )  # fmt: skip
    chart.update_yaxes(
        **_axis(type="category", categoryorder="array", categoryarray=labels[::-1], showgrid=False)
    )
    chart.update_xaxes(**_axis())
    if figure.marks["line"] is not None:
        chart.add_vline(x=figure.marks["line"], line={"color": INK, "width": 1})
    _panel_heading(chart, str(figure.marks["unit"]).partition(",")[0], 1)
    return chart
