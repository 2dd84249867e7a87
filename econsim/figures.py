"""Figures: each a pure function of results, with its data, words and provenance.

A :class:`Figure` says its finding in the title, computed from the numbers it draws; carries the
drawn data as a tidy table, a text for those who cannot see it, a source note and the provenance of
the runs; and draws itself.  Nothing here computes an answer: estimates come from
:mod:`econsim.results`.

Every band is the interval of a mean over replicates (Monte Carlo noise); what nobody knows about
the parameters is shown by :func:`headline_grid`.
"""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from econsim.results import (
    CONFIDENCE,
    Comparison,
    Estimate,
    Results,
    ResultsError,
    compare,
    estimate,
)

if TYPE_CHECKING:
    import pandas as pd

FIRST_YEAR = 2021
CONDITIONAL = "Conditional comparison under stated assumptions, not a forecast."
#: The headline population: where surveys and definitions of EU and US agree.
HEADLINE_GROUP = "10-249"
PLACES = {"EU27": "EU-27", "US": "United States"}
SOURCES = {
    "EU27": (
        "econsim {version}, fitted to Eurostat isoc_eb_ai (AI use 2021, 2023, 2024) and "
        "isoc_cicce_use; firms and value added: Eurostat SBS and national accounts (nama_10_a64, "
        "nama_10_gdp), AMECO."
    ),
    "US": (
        "econsim {version}, shape fitted to Eurostat isoc_eb_ai, level to Census BTOS; firms and "
        "value added: Census SUSB and NES, BEA."
    ),
}
PERSONS = {
    "nonemployer": "no employees",
    "0-9": "0–9",
    "10-49": "10–49",
    "50-249": "50–249",
    "250+": "250+",
    "10-249": "10–249",
    "10+": "10+",
}
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
INK, MUTED, GRID_LINE, ACCENT = "#1B2A30", "#56666D", "#E3E8EA", "#0B6E75"
FONT = "Source Sans Pro, Source Sans 3, Arial, Helvetica, sans-serif"
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Figure:
    """A figure ready to draw, with all that must travel with it.

    Attributes:
        name: identifier, also the stem of its files.
        title: the finding, from the data.
        subtitle: what is drawn, unit, place and time.
        alt: direction and size in words.
        note: what the band means, number of replicates, and that it is no forecast.
        source: where the data of the model come from.
        data: the drawn numbers, tidy: one row a point, unit in every row.
        provenance: scenario hashes, seeds, rows, versions, data hash of the runs.
        height: pixels when drawn without heading.
        drawing: turns the figure into a plotly figure.
        marks: further things drawn (dates, names of lines).
    """

    name: str
    title: str
    subtitle: str
    alt: str
    note: str
    source: str
    data: pd.DataFrame
    provenance: Mapping[str, Any]
    height: int
    drawing: Callable[[Figure], Any]
    marks: Mapping[str, Any] = field(default_factory=dict)

    def plotly(self, heading: bool = True) -> Any:
        """The figure as ``plotly.graph_objects.Figure``.

        Args:
            heading: with title, subtitle, note and source inside, as for a file; without them
                for a page that shows them as text.
        """
        chart = self.drawing(self)
        chart.update_layout(height=self.height)
        if heading:
            _add_heading(chart, self)
        return chart

    def csv(self) -> str:
        """The drawn data as CSV; numbers read back exactly."""
        return str(self.data.to_csv(index=False, lineterminator="\n"))

    def json(self) -> str:
        """Words, provenance and drawn data as JSON; missing numbers are null."""
        rows = [
            {k: _plain(v) for k, v in row.items()} for row in self.data.to_dict(orient="records")
        ]
        content = {
            "figure": self.name,
            "title": self.title,
            "subtitle": self.subtitle,
            "alt": self.alt,
            "note": self.note,
            "source": self.source,
            "provenance": dict(self.provenance),
            "data": rows,
        }
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


class Point(Protocol):
    """A comparison at one point of the joint axes (see ``experiments.headline.GridPoint``)."""

    @property
    def dissimilarity(self) -> float:
        """Lambda."""

    @property
    def open_share(self) -> float:
        """Share of users on open models in February 2024."""

    @property
    def comparison(self) -> Comparison:
        """The scenario minus its baseline there."""


def _plain(value: Any) -> Any:
    """A value that JSON can hold."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


# --- words -----------------------------------------------------------------------------------


def last_year(results: Results) -> int:
    """The last whole year of results."""
    return FIRST_YEAR + results.months // 12 - 1


def short_title(results: Results) -> str:
    """What a scenario is called on figures: its title up to the colon."""
    return str(results.manifest.get("title") or results.scenario).partition(":")[0].strip()


def place(results: Results) -> str:
    """The region in words."""
    region = str(results.manifest.get("region", ""))
    return PLACES.get(region, region)


def holds_zero(gap: Estimate) -> bool:
    """Whether the interval of a difference holds zero (never with one replicate)."""
    return bool(gap.low <= 0.0 <= gap.high)


def minus(text: str) -> str:
    """Text with typographic minus signs before digits."""
    return "".join(
        "−" if c == "-" and text[i + 1 : i + 2].isdigit() and not text[i - 1 : i].isdigit() else c
        for i, c in enumerate(text)
    )


def _decimals(value: Estimate) -> int:
    """Digits after the point: down to the first digit of the error, and no clear zero."""
    error = value.half_width if math.isfinite(value.low) else abs(value.mean) / 100.0
    if not error > 0.0:
        error = abs(value.mean) / 100.0
    decimals = min(max(0, -math.floor(math.log10(error))), 8) if error > 0.0 else 0
    clear = not holds_zero(value)
    while (
        clear
        and decimals < 8
        and any(
            math.isfinite(v) and round(v, decimals) == 0.0
            for v in (value.mean, value.low, value.high)
        )
    ):
        decimals += 1
    return decimals


def _written(value: float, decimals: int) -> str:
    text = f"{value:,.{decimals}f}"
    return minus(text if text.strip("-0.,") else text.removeprefix("-"))


def number(value: Estimate) -> str:
    """The mean with the digits that its error allows."""
    return _written(value.mean, _decimals(value))


def interval(value: Estimate) -> str:
    """The interval with the digits that its width allows, or that there is none."""
    if not math.isfinite(value.low):
        return "one run, no interval"
    decimals = _decimals(value)
    return f"{_written(value.low, decimals)} to {_written(value.high, decimals)}"


def _turned(gap: Estimate) -> Estimate:
    """The size of a difference: turned positive, interval with it."""
    if gap.mean >= 0.0:
        return gap
    return Estimate(-gap.mean, -gap.high, -gap.low, gap.n, gap.unit)


def amount(text: str, unit: str) -> str:
    """A number with its unit as it is read: ``EUR 3 billion a year``, ``3 percentage points``."""
    money, found, _ = unit.partition(" billion per year")
    if found:
        return f"{money} {text} billion a year"
    if unit.startswith("percentage points"):
        return f"{text} percentage points"
    return f"{text} {unit}"


def finding(gap: Estimate, subject: str, year: int) -> str:
    """A difference as a clause that fits its sign and its uncertainty.

    Args:
        gap: scenario minus baseline.
        subject: what differs, such as ``GDP``.
        year: of the difference.
    """
    if gap.mean == 0.0 and not gap.high > gap.low:
        return f"no difference in {subject} in {year}"
    level = f"{100.0 * CONFIDENCE:g} % interval"
    if holds_zero(gap):
        inside = amount(interval(gap), gap.unit)
        return f"no clear difference in {subject} in {year} ({level} {inside})"
    size = _turned(gap)
    words = f"{subject} {amount(number(size), gap.unit)} {'lower' if gap.mean < 0 else 'higher'}"
    inside = f"{level} {interval(size)}" if math.isfinite(gap.low) else interval(size)
    return f"{words} in {year} ({inside})"


def month_words(month: str) -> str:
    """``2027-01`` as ``January 2027``."""
    return f"{_MONTHS[int(month[5:7]) - 1]} {month[:4]}"


def run_size(results: Results) -> str:
    """Number of replicates and of firms, in words."""
    rows = results.manifest.get("rows", "")
    firms = f"{rows:,} firms" if isinstance(rows, int) else "one row per firm"
    n = results.replicates
    return f"n = {n} replicate{'' if n == 1 else 's'} of {firms}"


def _note(results: Results) -> str:
    band = (
        "One run, no interval. "
        if results.replicates < 2
        else f"Band: {100.0 * CONFIDENCE:g} % interval of the mean over replicates (Monte Carlo "
        "noise only; uncertain parameters are not in it). "
    )
    return f"{run_size(results)}. {band}{CONDITIONAL}"


def _clipped(name: str, length: int = 24) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"


def _lines(comparison: Comparison) -> str:
    return (
        f"Solid: {comparison.b.scenario}; dashed: {comparison.a.scenario}; bold: firms with "
        f"{PERSONS[HEADLINE_GROUP]} persons, the headline population."
    )


def _source(results: Results) -> str:
    text = SOURCES.get(str(results.manifest.get("region")), "econsim {version}.")
    return text.format(version=results.manifest.get("econsim", ""))


def provenance(*results: Results) -> dict[str, Any]:
    """Birth certificate of a figure: that of each of its results."""
    kept = (
        "region", "scenario_hash", "parameters", "rows", "seeds", "months", "data_hash", "econsim",
        "numpy", "python",
    )  # fmt: skip
    return {
        "n": results[0].replicates,
        "results": [
            {
                "scenario": r.scenario,
                "parameter_set": r.parameter_set,
                **{k: r.manifest[k] for k in kept if k in r.manifest},
            }
            for r in results
        ],
    }


# --- reading results -------------------------------------------------------------------------


def _month_names(results: Results) -> list[str]:
    return [f"{FIRST_YEAR + m // 12}-{m % 12 + 1:02d}" for m in range(results.months)]


def _paired(results: Comparison | Sequence[Results]) -> Comparison:
    """A comparison as given, or of two results, the baseline first."""
    if isinstance(results, Comparison):
        return results
    if isinstance(results, Results) or len(results) != 2:
        raise ResultsError("this figure compares two scenarios: give the baseline and another")
    return compare(results[1], results[0])


def first_difference(comparison: Comparison) -> str | None:
    """First month in which the two scenarios differ, or none.

    Scenarios that share luck are identical until the first instrument bites, so this is the month
    of the first instrument.
    """
    first = []
    for key, here in comparison.a.series.items():
        there = comparison.b.series.get(key)
        if key[1] != "total" or there is None or here.shape != there.shape:
            continue
        apart = ~((here == there) | (np.isnan(here) & np.isnan(there)))
        months = np.flatnonzero(apart.any(axis=(0, 2)))
        first += [int(months[0])] if len(months) else []
    return _month_names(comparison.a)[min(first)] if first else None


def _rows(
    fixed: Mapping[str, Any], periods: Iterable[str], bands: Iterable[Estimate]
) -> list[dict[str, Any]]:
    return [
        {**fixed, "period": p, "mean": e.mean, "low": e.low, "high": e.high, "n": e.n}
        for p, e in zip(periods, bands, strict=True)
    ]


def _monthly(draws: np.ndarray, unit: str) -> list[Estimate]:
    """Estimate of each month of ``ndarray[replicates, months]``."""
    return [estimate(draws[:, m], unit) for m in range(draws.shape[1])]


# --- figures ---------------------------------------------------------------------------------


def adoption_by_size(results: Comparison | Results | Sequence[Results]) -> Figure:
    """AI use by size class over time, percent of firms, in one scenario or in two.

    Of a comparison the second panel shows the paired difference (scenario minus baseline,
    percentage points), with firms of 10-249 persons as well.

    Args:
        results: a comparison, two results (the baseline first), or one.

    Raises:
        ResultsError: use by size class is not in the results, or they cannot be paired.
    """
    import pandas as pd

    comparison = None if isinstance(results, Results) else _paired(results)
    if comparison is None:
        assert isinstance(results, Results)
        shown, main = [results], results
    else:
        shown, main = [comparison.b, comparison.a], comparison.a
    year = last_year(main)
    unit = main.unit("use")
    months = _month_names(main)
    groups = main.groups("use", "size_class")
    rows: list[dict[str, Any]] = []
    for result in shown:
        for group in groups:
            fixed = {
                "panel": "level", "scenario": result.scenario, "outcome": "use",
                "size_class": group, "unit": unit,
            }  # fmt: skip
            rows += _rows(fixed, months, _monthly(result.values("use", "size_class", group), unit))
    if comparison is not None:
        gap_unit = comparison.difference("use", year, "size_class", HEADLINE_GROUP).unit
        for group in (*groups, HEADLINE_GROUP):
            gap = comparison.a.values("use", "size_class", group) - comparison.b.values(
                "use", "size_class", group
            )
            fixed = {
                "panel": "difference",
                "scenario": f"{comparison.a.scenario} minus {comparison.b.scenario}",
                "outcome": "use", "size_class": group, "unit": gap_unit,
            }  # fmt: skip
            rows += _rows(fixed, months, _monthly(gap, gap_unit))
    span = f"{PLACES.get(main.manifest['region'], '')}, {months[0]} to {months[-1]}"
    if comparison is None:
        title, alt = _adoption_words(main, groups, year)
        subtitle = f"Firms that use AI, {unit}, by persons engaged; {span}."
    else:
        subject = "AI use of firms with 10–249 persons"
        gap = comparison.difference("use", year, "size_class", HEADLINE_GROUP)
        title = f"{short_title(main)}: {finding(gap, subject, year)}"
        subtitle = (
            f"Firms that use AI, {unit}, by persons engaged, and paired difference from "
            f"“{short_title(comparison.b)}”, percentage points; {span}."
        )
        alt = _adoption_alt(comparison, groups, year)
    return Figure(
        name="adoption_by_size",
        title=title,
        subtitle=subtitle,
        alt=alt,
        note=_note(main) if comparison is None else f"{_lines(comparison)} {_note(main)}",
        source=_source(main),
        data=pd.DataFrame(rows),
        provenance=provenance(*shown),
        height=620 if comparison is not None else 380,
        drawing=_draw_adoption,
        marks={
            "lines": [r.scenario for r in shown],
            "start": None if comparison is None else first_difference(comparison),
        },
    )


def _adoption_words(main: Results, groups: Sequence[str], year: int) -> tuple[str, str]:
    """Title and alt text of use in one scenario."""
    unit = main.unit("use")
    ends = [
        estimate(main.yearly("use", y, "size_class", HEADLINE_GROUP), unit)
        for y in (FIRST_YEAR, year)
    ]
    change = "rises" if ends[1].mean > ends[0].mean else "falls"
    title = (
        f"{short_title(main)}: AI use of firms with 10–249 persons {change} from "
        f"{number(ends[0])} % in {FIRST_YEAR} to {number(ends[1])} % in {year}"
    )
    levels = [
        f"{PERSONS[g]}: {number(estimate(main.yearly('use', year, 'size_class', g), unit))} %"
        for g in groups
    ]
    alt = (
        f"Line chart of AI use by size class, {FIRST_YEAR} to {year}. In December {year}, by "
        f"persons engaged: {'; '.join(levels)}. {run_size(main)}."
    )
    return title, alt


def _adoption_alt(comparison: Comparison, groups: Sequence[str], year: int) -> str:
    parts = []
    for group in (*groups, HEADLINE_GROUP):
        here, there = comparison.level("use", year, "size_class", group)
        gap = comparison.difference("use", year, "size_class", group)
        parts.append(
            f"{PERSONS[group]}: {number(there)} % and {number(here)} %, difference {number(gap)} "
            f"points ({interval(gap)})"
        )
    return (
        f"Line chart of AI use by size class, {FIRST_YEAR} to {year}, and of the difference "
        f"between scenarios. In December {year}, by persons engaged, "
        f"{short_title(comparison.b)} and {short_title(comparison.a)}: {'; '.join(parts)}. "
        f"{run_size(comparison.a)}."
    )


def gdp_finding(comparison: Comparison) -> str:
    """The difference in GDP of the last year and, where it tells more, of the year it is largest.

    The largest is told when it has another sign, or is more than twice as large.
    """
    years = range(FIRST_YEAR, last_year(comparison.a) + 1)
    yearly = [comparison.difference("gdp", year) for year in years]
    final = yearly[-1]
    peak = max(range(len(yearly)), key=lambda i: abs(yearly[i].mean))
    largest = yearly[peak]
    words = finding(final, "GDP", years[-1])
    other = largest.mean * final.mean < 0.0 or holds_zero(final)
    if not holds_zero(largest) and (other or abs(largest.mean) > 2.0 * abs(final.mean)):
        size = amount(number(_turned(largest)), largest.unit)
        way = "lower" if largest.mean < 0.0 else "higher"
        words += f"; largest in {years[peak]}: {size} {way}"
    return words


def gdp_effect(
    results: Comparison | Sequence[Results], first_instrument: str | None = None
) -> Figure:
    """Paired difference in GDP over time, currency billion a year at prices of 2024.

    Drawn monthly, with the difference of the last whole year beside it.

    Args:
        results: a comparison, or two results, the baseline first.
        first_instrument: month to mark, ``YYYY-MM`` (default: :func:`first_difference`).

    Raises:
        ResultsError: the results cannot be paired.
    """
    import pandas as pd

    comparison = _paired(results)
    main = comparison.a
    year = last_year(main)
    unit = main.unit("gdp")
    months = _month_names(main)
    fixed = {
        "panel": "difference", "scenario": f"{main.scenario} minus {comparison.b.scenario}",
        "outcome": "gdp", "unit": unit,
    }  # fmt: skip
    monthly = main.values("gdp") - comparison.b.values("gdp")
    years = range(FIRST_YEAR, year + 1)
    yearly = [comparison.difference("gdp", y) for y in years]
    data = pd.DataFrame(
        [
            *_rows({**fixed, "frequency": "month"}, months, _monthly(monthly, unit)),
            *_rows({**fixed, "frequency": "year"}, [str(year)], yearly[-1:]),
        ]
    )
    final = yearly[-1]
    peak = max(range(len(yearly)), key=lambda i: abs(yearly[i].mean))
    extreme = yearly[peak]
    title = f"{short_title(main)}: {gdp_finding(comparison)}"
    share = comparison.difference("gdp_gain", year)
    alt = (
        f"Line chart of the difference in GDP, {FIRST_YEAR} to {year}, {short_title(main)} minus "
        f"{short_title(comparison.b)}. In {year} it is {amount(number(final), unit)} "
        f"({interval(final)}), or {number(share)} percent of baseline GDP. The largest difference "
        f"of a year is {amount(number(extreme), unit)} ({interval(extreme)}), in {years[peak]}. "
        f"{run_size(main)}."
    )
    start = first_instrument or first_difference(comparison)
    if start:
        alt += f" The scenarios are identical before {month_words(start)}."
    else:
        alt += " The scenarios never differ."
    return Figure(
        name="gdp_effect",
        title=title,
        subtitle=(
            f"Paired difference in GDP from “{short_title(comparison.b)}”, {unit}; {place(main)}, "
            f"{months[0]} to {months[-1]}."
        ),
        alt=alt,
        note=_note(main),
        source=_source(main),
        data=data,
        provenance=provenance(comparison.b, main),
        height=400,
        drawing=_draw_gdp,
        marks={"start": start},
    )


#: What the grid shows: outcome, dimension, group, words.
GRID_OUTCOMES = (
    ("use", "size_class", HEADLINE_GROUP, "AI use, 10–249 persons"),
    ("gdp", None, "all", "GDP"),
)


def headline_grid(points: Sequence[Point], year: int | None = None) -> Figure:
    """Differences in AI use (10-249 persons) and GDP over lambda and the open share.

    Args:
        points: comparisons at the points of the joint axes.
        year: of the differences (default: the last whole year).

    Raises:
        ResultsError: no points, or two at one place.
    """
    import pandas as pd

    if not points:
        raise ResultsError("a grid needs at least one point")
    ordered = sorted(points, key=lambda p: (p.dissimilarity, p.open_share))
    places = [(p.dissimilarity, p.open_share) for p in ordered]
    if len(set(places)) < len(places):
        raise ResultsError("two points of the grid have one place")
    main = ordered[0].comparison.a
    year = last_year(main) if year is None else year
    rows = []
    titles, alts = [], []
    for name, by, group, words in GRID_OUTCOMES:
        gaps = [p.comparison.difference(name, year, by, group) for p in ordered]
        for p, gap in zip(ordered, gaps, strict=True):
            rows.append(
                {
                    "outcome": name, "group": group, "label": words, "unit": gap.unit,
                    "period": str(year), "lambda": p.dissimilarity, "open_share": p.open_share,
                    "mean": gap.mean, "low": gap.low, "high": gap.high, "n": gap.n,
                }
            )  # fmt: skip
        least, most = min(gaps, key=lambda e: e.mean), max(gaps, key=lambda e: e.mean)
        span = amount(f"{number(least)} to {number(most)}", least.unit)
        unclear = sum(holds_zero(g) for g in gaps)
        titles.append(f"{words} {span}")
        low, high = ordered[gaps.index(least)], ordered[gaps.index(most)]
        alts.append(
            f"{words}: from {amount(number(least), least.unit)} at lambda "
            f"{low.dissimilarity:g} and open share {low.open_share:g} to "
            f"{amount(number(most), most.unit)} at lambda {high.dissimilarity:g} and open share "
            f"{high.open_share:g}; the interval holds zero at {unclear} of {len(gaps)} points."
        )
    both = [r for p in ordered for r in (p.comparison.b, p.comparison.a)]
    return Figure(
        name="headline_grid",
        title=f"{short_title(main)}: change in {year} over both axes: {'; '.join(titles)}",
        subtitle=(
            f"Paired difference from “{short_title(ordered[0].comparison.b)}” in {year} by lambda "
            f"(how far users who lose open models stop instead of moving to closed ones) and by "
            f"the share of users on open models in February 2024; {place(main)}. Use in "
            f"percentage points, GDP in {main.unit('gdp')}."
        ),
        alt="Two tables of differences by lambda and open share. " + " ".join(alts),
        note=(
            f"Each cell: mean and half the width of the {100.0 * CONFIDENCE:g} % interval over "
            f"replicates; brackets: the interval holds zero. {run_size(main)}. Neither axis is "
            f"identified by data on use. {CONDITIONAL}"
        ),
        source=_source(main),
        data=pd.DataFrame(rows),
        provenance=provenance(*both),
        height=560,
        drawing=_draw_grid,
    )


# --- drawing ---------------------------------------------------------------------------------

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
        yshift=20,
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


def _draw_adoption(figure: Figure) -> Any:
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
        heading = f"AI use, % of firms (dashed: {_clipped(names[-1])})"
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


def _draw_gdp(figure: Figure) -> Any:
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
            x=[f"{year}-07"],
            y=[end.mean],
            mode="markers",
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
    _panel_heading(chart, f"Difference in GDP, {unit}", 1)
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


def _draw_grid(figure: Figure) -> Any:
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
        _panel_heading(chart, f"<b>{label}</b>: difference, {unit}", row)
    return chart


def _cell(point: Mapping[str, Any] | None) -> str:
    """Mean and half width of one point of the grid, in brackets when the interval holds zero."""
    if point is None:
        return ""
    gap = Estimate(point["mean"], point["low"], point["high"], point["n"], point["unit"])
    if not math.isfinite(gap.low):
        return f"{number(gap)}<br>one run"
    decimals = _decimals(gap)
    text = f"{_written(gap.mean, decimals)}<br>± {_written(gap.half_width, decimals)}"
    return f"({text.replace('<br>', ')<br>(')})" if holds_zero(gap) else text


def _add_heading(chart: Any, figure: Figure) -> None:
    """Title, subtitle, note and source inside the figure, wrapped for a print width."""
    title = textwrap.wrap(figure.title, 78)
    subtitle = textwrap.wrap(figure.subtitle, 104)
    foot = [
        *textwrap.wrap(f"Note: {figure.note}", 118),
        *textwrap.wrap(f"Source: {figure.source}", 118),
    ]
    above = 22 * len(title) + 16 * len(subtitle) + 20
    below = 15 * len(foot) + 14
    margin = chart.layout.margin
    top, bottom = margin.t + above, margin.b + below
    inner = figure.height - margin.t - margin.b
    chart.update_layout(
        height=figure.height + above + below,
        width=760,
        margin={"t": top, "b": bottom},
        title={
            "text": "<br>".join(f"<b>{line}</b>" for line in title),
            "x": 0.01,
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 12},
            "font": {"size": 17},
            "subtitle": {
                "text": "<br>".join(subtitle),
                "font": {"size": 12.5, "color": MUTED},
            },
        },
    )
    chart.add_annotation(
        x=0, xref="paper", xshift=-margin.l + 6, y=0, yref="paper", yshift=-(bottom - below),
        yanchor="top", xanchor="left", align="left", text="<br>".join(foot), showarrow=False,
        font={"size": 11, "color": MUTED},
    )  # fmt: skip
    assert inner > 0


__all__ = [
    "CONDITIONAL",
    "Figure",
    "adoption_by_size",
    "amount",
    "finding",
    "first_difference",
    "gdp_effect",
    "gdp_finding",
    "headline_grid",
    "interval",
    "last_year",
    "minus",
    "number",
    "place",
    "provenance",
    "run_size",
    "short_title",
]
