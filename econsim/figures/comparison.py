"""The figures of a comparison: AI use by size class, GDP, and the joint axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from econsim.figures.figure import Figure, provenance
from econsim.figures.panels import ACCENT, COLOURS, Band, Cells, Lines, Marker, Series, numbers
from econsim.figures.words import (
    CONDITIONAL,
    FIRST_YEAR,
    HEADLINE_GROUP,
    PERSONS,
    PLACES,
    amount,
    clipped,
    finding,
    gdp_finding,
    half_width,
    holds_zero,
    interval,
    last_year,
    lines_of,
    month_words,
    note_of,
    number,
    place,
    run_size,
    short_title,
    source_of,
    titles,
)
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


def policy_start(comparison: Comparison) -> str | None:
    """Month of the first instrument of either scenario, as their certificates say, or none.

    Results without that in their certificate: :func:`first_difference`.
    """
    manifests = (comparison.a.manifest, comparison.b.manifest)
    if not all("policy_start" in m for m in manifests):
        return first_difference(comparison)
    known = [int(m["policy_start"]) for m in manifests if m["policy_start"] is not None]
    return f"{FIRST_YEAR + min(known) // 12}-{min(known) % 12 + 1:02d}" if known else None


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
    shown: list[Results]
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
        title = f"{titles(comparison)[0]}: {finding(gap, subject, year)}"
        subtitle = (
            f"Firms that use AI, {unit}, by persons engaged, and paired difference from "
            f"“{titles(comparison)[1]}”, percentage points; {span}."
        )
        alt = _adoption_alt(comparison, groups, year)
    data = pd.DataFrame(rows)
    return Figure(
        name="adoption_by_size",
        title=title,
        subtitle=subtitle,
        alt=alt,
        note=note_of(main) if comparison is None else f"{lines_of(comparison)} {note_of(main)}",
        source=source_of(main),
        data=data,
        provenance=provenance(*shown),
        panels=_adoption_panels(
            data,
            [r.scenario for r in shown],
            None if comparison is None else policy_start(comparison),
        ),
    )


#: Short forms for labels at the end of lines.
LABELS = {**PERSONS, "nonemployer": "no staff"}


def band(part: pd.DataFrame) -> tuple[Band, ...]:
    """The interval of a line of estimates, if there is one."""
    if not (part["low"].notna() & part["high"].notna()).any():
        return ()
    return (Band(numbers(part["low"]), numbers(part["high"])),)


def _last(part: pd.DataFrame) -> Estimate:
    """The last estimate of a table."""
    row = part.iloc[-1]
    return Estimate(
        float(row["mean"]), float(row["low"]), float(row["high"]), int(row["n"]), str(row["unit"])
    )


def _adoption_panels(
    data: pd.DataFrame, names: Sequence[str], start: str | None
) -> tuple[Lines, ...]:
    """Lines of use by size class, and below them the paired differences."""
    level = data[data["panel"] == "level"]
    groups = list(dict.fromkeys(level["size_class"]))
    periods = tuple(dict.fromkeys(level["period"]))
    lines = []
    for which, name in enumerate(names):
        for group in groups:
            part = level[(level["scenario"] == name) & (level["size_class"] == group)]
            # A scenario compared with itself is there twice.
            part = part.iloc[-len(periods) :] if which else part.iloc[: len(periods)]
            lines.append(
                Series(
                    f"{PERSONS[group]} persons, {name}",
                    numbers(part["mean"]),
                    COLOURS[group],
                    band(part),
                    dash="dash" if which else "solid",
                    end=LABELS[group] if which == len(names) - 1 else "",
                )
            )
    high = float(level[["mean", "high"]].max().max())
    paired = len(names) > 1
    heading = "AI use, % of firms, by persons engaged"
    if paired:
        heading = f"AI use, % of firms (dashed: {clipped(names[-1])})"
    upper = Lines(
        heading,
        str(level["unit"].iloc[0]),
        periods,
        tuple(lines),
        start=start,
        start_words=False,
        reach=(0.0, min(100.0, 10.0 * math.ceil((high + 4.0) / 10.0))),
        suffix=" %",
        height=290.0,
    )
    if not paired:
        return (upper,)
    gaps = data[data["panel"] == "difference"]
    lines = []
    for group in (*groups, HEADLINE_GROUP):
        part = gaps[gaps["size_class"] == group]
        bold = group == HEADLINE_GROUP
        lines.append(
            Series(
                f"{PERSONS[group]} persons, difference",
                numbers(part["mean"]),
                COLOURS[group],
                band(part),
                width=3.0 if bold else 1.5,
                end=f"{LABELS[group]}: {number(_last(part))}",
                bold=bold,
            )
        )
    lower = Lines(
        "Difference, percentage points",
        str(gaps["unit"].iloc[0]),
        periods,
        tuple(lines),
        start=start,
        zero=True,
        height=210.0,
    )
    return upper, lower


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
        levels = "" if group == HEADLINE_GROUP else f"{number(there)} % and {number(here)} %, "
        parts.append(f"{PERSONS[group]}: {levels}difference {number(gap)} points ({interval(gap)})")
    return (
        f"Line chart of AI use by size class, {FIRST_YEAR} to {year}, and of the difference "
        f"between scenarios. In December {year}, by persons engaged, "
        f"{titles(comparison)[1]} and {titles(comparison)[0]}: {'; '.join(parts)}. "
        f"{run_size(comparison.a)}."
    )


def trailing_year(values: np.ndarray) -> np.ndarray:
    """Mean of the twelve months to each month (fewer at the start), ``ndarray[runs, months]``."""
    total = np.cumsum(values, axis=1)
    before = np.concatenate([np.zeros((len(values), 12)), total], axis=1)[:, : values.shape[1]]
    months = np.minimum(np.arange(1, values.shape[1] + 1), 12)
    return np.asarray((total - before) / months)


def gdp_effect(
    results: Comparison | Sequence[Results], first_instrument: str | None = None
) -> Figure:
    """Paired difference in GDP over time, currency billion a year at prices of 2024.

    Drawn as the mean of the twelve months to each month (one-off costs fall in single months), with
    the difference of the last whole year beside it.

    Args:
        results: a comparison, or two results, the baseline first.
        first_instrument: month to mark, ``YYYY-MM`` (default: :func:`policy_start`).

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
    monthly = trailing_year(main.values("gdp") - comparison.b.values("gdp"))
    years = range(FIRST_YEAR, year + 1)
    yearly = [comparison.difference("gdp", y) for y in years]
    share = comparison.difference("gdp_gain", year)
    data = pd.DataFrame(
        [
            *_rows({**fixed, "frequency": "month"}, months, _monthly(monthly, unit)),
            *_rows({**fixed, "frequency": "year"}, [str(year)], yearly[-1:]),
            *_rows(
                {**fixed, "outcome": "gdp_gain", "unit": share.unit, "frequency": "share of year"},
                [str(year)],
                [share],
            ),
        ]
    )
    final = yearly[-1]
    peak = max(range(len(yearly)), key=lambda i: abs(yearly[i].mean))
    extreme = yearly[peak]
    mine, theirs = titles(comparison)
    title = f"{mine}: {gdp_finding(comparison)}"
    alt = (
        f"Line chart of the difference in GDP, {FIRST_YEAR} to {year}, {mine} minus "
        f"{theirs}. In {year} it is {amount(number(final), unit)} "
        f"({interval(final)}), or {number(share)} percent of baseline GDP. The largest difference "
        f"of a year is {amount(number(extreme), unit)} ({interval(extreme)}), in {years[peak]}. "
        f"{run_size(main)}."
    )
    apart = first_difference(comparison)
    if apart is None:
        alt += " The scenarios never differ."
    elif apart > months[0]:
        alt += f" The scenarios are identical before {month_words(apart)}."
    return Figure(
        name="gdp_effect",
        title=title,
        subtitle=(
            f"Paired difference in GDP from “{theirs}”, {unit}, mean of the twelve months to each "
            f"month; {place(main)}, {months[0]} to {months[-1]}."
        ),
        alt=alt,
        note=note_of(main),
        source=source_of(main),
        data=data,
        provenance=provenance(
            comparison.b,
            main,
            **({} if first_instrument is None else {"first_instrument": first_instrument}),
        ),
        panels=(_gdp_panel(data, first_instrument or policy_start(comparison)),),
    )


def _gdp_panel(data: pd.DataFrame, start: str | None) -> Lines:
    """The difference month by month with its band, and the last year as a point."""
    monthly = data[data["frequency"] == "month"]
    yearly = data[data["frequency"] == "year"]
    end = _last(yearly)
    year = str(yearly["period"].iloc[-1])
    words = f"{year}: {number(end)}"
    if math.isfinite(end.low):
        low, _, high = interval(end).partition(" to ")
        words += f"\n{low} to\n{high}"
    line = Series(
        "Difference",
        numbers(monthly["mean"]),
        ACCENT,
        band(monthly),
        end=words,
        bold=True,
        # Where the line is the mean of that year.
        marker=Marker(
            f"{year}-12", end.mean, end.low, end.high, f"Mean of {year}",
            f"{number(end)} ({interval(end)})",
        ),
    )  # fmt: skip
    return Lines(
        f"GDP difference, {end.unit.partition(',')[0]}, 12-month mean",
        end.unit,
        tuple(monthly["period"]),
        (line,),
        start=start,
        zero=True,
        height=320.0,
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
    findings, alts = [], []
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
        findings.append(f"{words} {span}")
        low, high = ordered[gaps.index(least)], ordered[gaps.index(most)]
        alts.append(
            f"{words}: from {amount(number(least), least.unit)} at lambda "
            f"{low.dissimilarity:g} and open share {low.open_share:g} to "
            f"{amount(number(most), most.unit)} at lambda {high.dissimilarity:g} and open share "
            f"{high.open_share:g}; the interval holds zero at {unclear} of {len(gaps)} points."
        )
    mine, theirs = titles(ordered[0].comparison)
    both = [r for p in ordered for r in (p.comparison.b, p.comparison.a)]
    data = pd.DataFrame(rows)
    return Figure(
        name="headline_grid",
        title=f"{mine}: change in {year} over both axes: {'; '.join(findings)}",
        subtitle=(
            f"Paired difference from “{theirs}” in {year} by lambda "
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
        source=source_of(main),
        data=data,
        provenance=provenance(*both, year=year),
        panels=maps(data),
    )


def maps(data: pd.DataFrame) -> tuple[Cells, ...]:
    """One map over lambda and the open share for each outcome of a table of differences.

    Args:
        data: rows with ``outcome, label, unit, lambda, open_share, mean, low, high, n``.
    """
    return tuple(_cells(part) for _, part in data.groupby("outcome", sort=False))


def _cells(part: pd.DataFrame) -> Cells:
    rows = sorted(set(part["lambda"]))
    columns = sorted(set(part["open_share"]))
    cells = {(p["lambda"], p["open_share"]): p for p in part.to_dict("records")}
    unit = str(part["unit"].iloc[0])
    short = "percentage points" if unit.startswith("percentage") else unit.partition(",")[0]
    return Cells(
        f"{part['label'].iloc[0]} ({short})",
        unit,
        tuple(f"{100 * s:g} %" for s in columns),
        tuple(f"λ {d:g}" for d in rows),
        tuple(
            numbers(cells[d, s]["mean"] if (d, s) in cells else math.nan for s in columns)
            for d in rows
        ),
        tuple(tuple(_cell(cells.get((d, s))) for s in columns) for d in rows),
        column_title="Share of users on open models, 2024",
    )


def _cell(point: Mapping[str, Any] | None) -> str:
    """Mean and half width of one point of the grid, in brackets when the interval holds zero."""
    if point is None or not math.isfinite(point["mean"]):
        return ""
    gap = Estimate(point["mean"], point["low"], point["high"], point["n"], point["unit"])
    if not math.isfinite(gap.low):
        return f"{number(gap)}\none run"
    if holds_zero(gap):
        return f"({number(gap)})\n(± {half_width(gap)})"
    return f"{number(gap)}\n± {half_width(gap)}"
