"""Figures over time of a comparison: who uses which models, incomes, prices, dependence.

Every line is the mean over replicates with its interval; a line of a flow is the mean of the
twelve months to each month, as in :func:`econsim.figures.gdp_effect`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from econsim.figures.comparison import policy_start, trailing_year
from econsim.figures.figure import Figure, provenance
from econsim.figures.panels import (
    ACCENT,
    INK,
    MUTED,
    Area,
    Areas,
    Band,
    Key,
    Lines,
    Row,
    Rows,
    Series,
    numbers,
    padded,
)
from econsim.figures.words import (
    FIRST_YEAR,
    HEADLINE_GROUP,
    PERSONS,
    amount,
    clipped,
    finding,
    holds_zero,
    interval,
    last_year,
    note_of,
    number,
    place,
    source_of,
    titles,
)
from econsim.results import Comparison, Estimate, Results, estimate, outcome

#: Colours of open and of closed models.
OPEN, CLOSED = ACCENT, "#C8571B"


# --- what all figures of a comparison share -------------------------------------------------------


def months_of(comparison: Comparison) -> list[str]:
    """The months of a comparison, ``YYYY-MM``."""
    return [f"{FIRST_YEAR + m // 12}-{m % 12 + 1:02d}" for m in range(comparison.a.months)]


def tidy(
    fixed: Mapping[str, Any], periods: Iterable[str], bands: Iterable[Estimate]
) -> list[dict[str, Any]]:
    """Rows of a figure's table: one an estimate, its unit in each."""
    return [
        {**fixed, "period": p, "unit": e.unit, "mean": e.mean, "low": e.low, "high": e.high,
         "n": e.n}
        for p, e in zip(periods, bands, strict=True)
    ]  # fmt: skip


def line(bands: Sequence[Estimate], label: str, colour: str, **drawn: Any) -> Series:
    """A line of estimates with its interval (none with one replicate)."""
    band = Band(numbers(e.low for e in bands), numbers(e.high for e in bands))
    known = bool(np.isfinite(band.low).any())
    return Series(label, numbers(e.mean for e in bands), colour, (band,) if known else (), **drawn)


def row(label: str, value: Estimate) -> Row:
    """A row of an estimate; faint where its interval holds zero or it is exactly zero."""
    text = number(value)
    if np.isfinite(value.low):
        text += f" ({interval(value)})"
    faint = holds_zero(value) or value.mean == 0.0
    return Row(label, value.mean, value.low, value.high, text=text, faint=faint)


def arms(comparison: Comparison) -> Key:
    """What the two scenarios are called above a panel, and their colours: baseline first."""
    mine, theirs = titles(comparison)
    return ((clipped(theirs, 34), MUTED), (clipped(mine, 34), ACCENT))


def brief(gap: Estimate, subject: str) -> str:
    """A difference as a short clause, without year and interval."""
    if gap.mean == 0.0 and not gap.high > gap.low:
        return f"no difference in {subject}"
    if holds_zero(gap):
        return f"no clear difference in {subject}"
    size = gap
    if gap.mean < 0.0:
        size = Estimate(-gap.mean, -gap.high, -gap.low, gap.n, gap.unit)
    way = "lower" if gap.mean < 0.0 else "higher"
    return f"{subject} {amount(number(size), gap.unit)} {way}"


def told(gap: Estimate) -> str:
    """A difference for those who cannot see it: size, unit and interval."""
    return f"{amount(number(gap), gap.unit)} ({interval(gap)})"


def compose(
    comparison: Comparison,
    name: str,
    *,
    found: str,
    subtitle: str,
    alt: str,
    rows: Sequence[Mapping[str, Any]],
    panels: Sequence[Any],
    note: str = "",
) -> Figure:
    """A figure of a comparison with the words that all of them carry.

    Args:
        comparison: of which.
        name: identifier.
        found: the finding; the scenario's title comes before it.
        subtitle: what is drawn and its unit; baseline, place and time come after it.
        alt: direction and size; number of runs comes after it.
        rows: the drawn data.
        panels: what is drawn.
        note: said before what every note says.
    """
    import pandas as pd

    mine, theirs = titles(comparison)
    months = months_of(comparison)
    return Figure(
        name=name,
        title=f"{clipped(mine, 72)}: {found}",
        subtitle=f"{subtitle}; baseline “{clipped(theirs, 72)}”; {place(comparison.a)}, "
        f"{months[0]} to {months[-1]}.",
        alt=f"{alt} n = {comparison.a.replicates}.",
        note=f"{note} {note_of(comparison.a)}".strip(),
        source=source_of(comparison.a),
        data=pd.DataFrame(list(rows)),
        provenance=provenance(comparison.b, comparison.a),
        panels=tuple(panels),
    )


def _monthly(draws: np.ndarray, unit: str) -> list[Estimate]:
    return [estimate(draws[:, m], unit) for m in range(draws.shape[1])]


def _nothing(result: Results, name: str) -> np.ndarray:
    """Months in which some replicate has nothing to take a share of, ``ndarray[months]``."""
    below = outcome(name).denominator
    if below is None:
        return np.zeros(result.months, dtype=bool)
    return np.asarray((result.series[below, "total"][:, :, 0] == 0.0).any(axis=0))


def _both(
    comparison: Comparison, name: str, smooth: bool = False
) -> tuple[Series, Series, list[dict[str, Any]], tuple[Estimate, Estimate]]:
    """Lines of an outcome in the baseline and in the scenario, their rows, the last year's levels.

    A flow is smoothed over twelve months where asked; a share of nothing is left out.
    """
    year = last_year(comparison.a)
    rows: list[dict[str, Any]] = []
    lines = []
    levels = comparison.level(name, year)[::-1]
    marks = arms(comparison)
    for result, level, (label, colour) in zip(
        (comparison.b, comparison.a), levels, marks, strict=True
    ):
        values = np.where(_nothing(result, name), np.nan, result.values(name))
        bands = _monthly(trailing_year(values) if smooth else values, result.unit(name))
        fixed = {"panel": name, "scenario": result.scenario, "outcome": name}
        rows += tidy(fixed, months_of(comparison), bands)
        lines.append(line(bands, label, colour, end=number(level)))
    return lines[0], lines[1], rows, (levels[0], levels[1])


# --- figures --------------------------------------------------------------------------------------


def option_shares(comparison: Comparison) -> Figure:
    """Shares of firms on open models, on closed models and without general-purpose AI over time.

    Firms with 10-249 persons, percent of firms: both scenarios, and the paired differences.

    Raises:
        ResultsError: use by size class is not in the results.
    """
    year, months = last_year(comparison.a), months_of(comparison)
    start = policy_start(comparison)
    group = ("size_class", HEADLINE_GROUP)
    unit = comparison.a.unit("open_use")
    layers = (("open models", OPEN), ("closed models", CLOSED), ("none", MUTED))
    shares: list[tuple[np.ndarray, ...]] = []
    panels: list[Any] = []
    rows: list[dict[str, Any]] = []
    most = max(
        float(r.values("general_use", *group).mean(axis=0).max())
        for r in (comparison.a, comparison.b)
    )
    top = min(100.0, 10.0 * math.ceil((most + 3.0) / 10.0))
    for result, title in zip(
        (comparison.b, comparison.a), reversed(titles(comparison)), strict=True
    ):
        opened, general = (result.values(n, *group) for n in ("open_use", "general_use"))
        split = (opened, general - opened, 100.0 - general)
        shares.append(split)
        areas = []
        for (label, colour), draws in zip(layers, split, strict=True):
            bands = _monthly(draws, unit)
            fixed = {
                "panel": "level", "scenario": result.scenario, "outcome": label,
                "size_class": HEADLINE_GROUP,
            }  # fmt: skip
            rows += tidy(fixed, months, bands)
            areas.append(Area(label, numbers(e.mean for e in bands), colour))
        panels.append(
            Areas(
                f"{clipped(title, 60)}, % of firms (the rest: none)", unit, tuple(months),
                tuple(areas[:2]), top, start=start, start_words=False, suffix=" %", height=170.0,
            )
        )  # fmt: skip
    lines, gaps = [], []
    for (label, colour), there, here in zip(layers, *shares, strict=True):
        bands = _monthly(here - there, "percentage points of firms")
        gaps.append(bands[12 * (year - FIRST_YEAR) + 11])
        fixed = {
            "panel": "difference",
            "scenario": f"{comparison.a.scenario} minus {comparison.b.scenario}",
            "outcome": label, "size_class": HEADLINE_GROUP,
        }  # fmt: skip
        rows += tidy(fixed, months, bands)
        lines.append(line(bands, label, colour, end=f"{label.split()[0]}: {number(gaps[-1])}"))
    panels.append(
        Lines(
            "Difference, percentage points", gaps[0].unit, tuple(months),
            tuple(lines), start=start, zero=True, height=170.0,
        )
    )  # fmt: skip
    who = f"firms ({PERSONS[HEADLINE_GROUP]} persons)"
    found = finding(gaps[2], f"share of {who} without general-purpose AI", year)
    found += (
        f"; {brief(gaps[0], 'share on open models')}; {brief(gaps[1], 'share on closed models')}"
    )
    ends = [
        f"{label}: {number(estimate(there[:, -1], unit))} % and "
        f"{number(estimate(here[:, -1], unit))} %, difference {told(gap)}"
        for (label, _), there, here, gap in zip(layers, *shares, gaps, strict=True)
    ]
    mine, theirs = titles(comparison)
    return compose(
        comparison, "option_shares", found=found,
        subtitle=f"Firms with {PERSONS[HEADLINE_GROUP]} persons by the general-purpose AI they "
        "use, percent of firms",
        alt=f"Stacked areas for both scenarios and lines of their differences. In December {year}, "
        f"{theirs} and {mine}: {'; '.join(ends)}.",
        rows=rows, panels=panels,
        note="Narrow AI is left out: a firm that uses only narrow AI counts as none.",
    )  # fmt: skip


#: Incomes shown over time, and those only shown for the last year.
_INCOMES = (("gdp", INK), ("gni", ACCENT), ("firms_surplus", CLOSED))
_MORE_INCOMES = ("consumption", "wages", "rents_foreign", "public_spending")
_SHORT = {
    "gdp": "GDP", "gni": "GNI", "firms_surplus": "surplus", "consumption": "household consumption",
}  # fmt: skip


def incomes(comparison: Comparison) -> Figure:
    """GDP against gross national income against firms' surplus: paired differences.

    Currency billion a year at prices of 2024; the last year with further flows as rows.

    Raises:
        ResultsError: one of the three is not in the results.
    """
    year, months = last_year(comparison.a), months_of(comparison)
    rows: list[dict[str, Any]] = []
    lines, gaps = [], {}
    scenario = f"{comparison.a.scenario} minus {comparison.b.scenario}"
    for name, colour in _INCOMES:
        draws = trailing_year(comparison.a.values(name) - comparison.b.values(name))
        gaps[name] = comparison.difference(name, year)
        bands = _monthly(draws, gaps[name].unit)
        fixed = {"panel": "path", "scenario": scenario, "outcome": name}
        rows += tidy(fixed, months, bands)
        lines.append(
            line(bands, outcome(name).label, colour, end=f"{_SHORT[name]} {number(gaps[name])}",
                 bold=name == "gdp")
        )  # fmt: skip
    for name in _MORE_INCOMES:
        if (outcome(name).numerator, "total") in comparison.a.series:
            gaps[name] = comparison.difference(name, year)
    for name, gap in gaps.items():
        fixed = {"panel": "year", "scenario": scenario, "outcome": name}
        rows += tidy(fixed, [str(year)], [gap])
    unit = gaps["gdp"].unit
    panels = (
        Lines(
            f"Difference, {unit.partition(',')[0]}, 12-month mean", unit, tuple(months),
            tuple(lines), start=policy_start(comparison), zero=True,
        ),
        Rows(
            f"Difference in {year}, {unit.partition(',')[0]}", unit,
            tuple(row(outcome(n).label, g) for n, g in gaps.items()),
        ),
    )  # fmt: skip
    found = (
        f"{finding(gaps['gdp'], 'GDP', year)}; {brief(gaps['gni'], 'GNI')}; "
        f"{brief(gaps['firms_surplus'], 'firms’ surplus')}"
    )
    listed = "; ".join(f"{outcome(n).label} {told(g)}" for n, g in gaps.items())
    return compose(
        comparison, "incomes", found=found,
        subtitle=f"Paired differences, {unit}",
        alt=f"Line chart and rows of differences between scenarios. In {year}: {listed}.",
        rows=rows, panels=panels,
        note="GNI is GDP less rents paid abroad; firms’ surplus is a measure of benefit and no "
        "part of GDP.",
    )  # fmt: skip


#: What the figure of prices shows where it is recorded: outcome, heading, whether it is smoothed.
_PRICES = (
    ("closed_price", "Price of closed models, multiple of the price with open models", False),
    ("rents_foreign", "Mark-ups paid to foreign suppliers, {unit}, 12-month mean", True),
    ("rents_domestic", "Mark-ups paid to resident suppliers, {unit}, 12-month mean", True),
)


def prices(comparison: Comparison) -> Figure:
    """Price of closed models, and payments above reference prices (mark-ups), in both scenarios.

    Raises:
        ResultsError: prices are not in the results.
    """
    year, months = last_year(comparison.a), tuple(months_of(comparison))
    here, there = (r.yearly("closed_price", year) for r in (comparison.a, comparison.b))
    dearer = estimate(100.0 * (here / there - 1.0), "percent")
    start, key = policy_start(comparison), arms(comparison)
    kept = [o for o in _PRICES if (outcome(o[0]).numerator, "total") in comparison.a.series]
    of = {
        "panel": "difference",
        "scenario": f"{comparison.a.scenario} minus {comparison.b.scenario}",
    }
    rows = tidy({**of, "outcome": "closed_price"}, [str(year)], [dearer])
    panels: list[Any] = []
    ends = []
    for name, heading, smooth in kept:
        base, mine, drawn, levels = _both(comparison, name, smooth)
        rows += drawn
        unit = comparison.a.unit(name)
        panels.append(
            Lines(
                heading.replace("{unit}", unit.partition(",")[0]), unit, months, (base, mine),
                start=start, start_words=not panels, zero=smooth, key=() if panels else key,
                height=150.0,
            )
        )  # fmt: skip
        ends.append(f"{outcome(name).label}: {number(levels[0])} and {number(levels[1])} {unit}")
    dear = finding(dearer, "price of closed models", year)
    if abs(dearer.high - dearer.low) < 1e-9:
        # Luck does not reach the price: an interval without width tells nothing.
        dear = dear.partition(" (")[0]
    found = dear
    if any(name == "rents_foreign" for name, *_ in kept):
        rents = comparison.difference("rents_foreign", year)
        rows += tidy({**of, "outcome": "rents_foreign"}, [str(year)], [rents])
        found += f"; {brief(rents, 'mark-ups paid abroad')}"
    mine_title, theirs = titles(comparison)
    return compose(
        comparison, "prices", found=found,
        subtitle="Price of closed models, multiple of reference, and payments above reference "
        f"prices, {comparison.a.unit('rents_foreign')}",
        alt=f"Line charts of both scenarios. In {year}, {theirs} and {mine_title}: "
        f"{'; '.join(ends)}. Price of closed models: difference {told(dearer)}.",
        rows=rows, panels=panels,
        note="Reference prices are those of a world with open models; payments above them are "
        "mark-ups (rents).",
    )  # fmt: skip


#: Sides of dependence: outcome, heading, subject of a sentence.
_DEPENDENCE = (
    ("foreign_share", "Foreign share of AI spending, %", "foreign share of AI spending"),
    ("control", "Users in control of their model, %", "share of users in control of their model"),
    ("open_share", "Users on open models, %", "share of users on open models"),
)


def sovereignty(comparison: Comparison) -> Figure:
    """Foreign share of AI spending and users in control of their model, in both scenarios.

    Percent; the last panel gives paired differences of the last year in percentage points.

    Raises:
        ResultsError: these outcomes are not in the results.
    """
    year, months = last_year(comparison.a), tuple(months_of(comparison))
    rows: list[dict[str, Any]] = []
    panels: list[Any] = []
    gaps, ends = [], []
    for name, heading, _ in _DEPENDENCE:
        base, mine, drawn, levels = _both(comparison, name)
        rows += drawn
        gap = comparison.difference(name, year)
        gaps.append(gap)
        fixed = {
            "panel": "difference", "outcome": name,
            "scenario": f"{comparison.a.scenario} minus {comparison.b.scenario}",
        }  # fmt: skip
        rows += tidy(fixed, [str(year)], [gap])
        low, high = padded((v for s in (base, mine) for v in s.values), zero=False)
        panels.append(
            Lines(
                heading, comparison.a.unit(name), months, (base, mine),
                start=policy_start(comparison), start_words=False, suffix=" %",
                reach=(max(0.0, low - 2.0), min(100.0, high + 2.0)),
                key=() if panels else arms(comparison), height=125.0,
            )
        )  # fmt: skip
        ends.append(f"{outcome(name).label}: {number(levels[0])} % and {number(levels[1])} %")
    panels.append(
        Rows(
            f"Difference in {year}, percentage points", "percentage points",
            tuple(row(outcome(n).label, g) for (n, *_), g in zip(_DEPENDENCE, gaps, strict=True)),
        )
    )  # fmt: skip
    found = f"{finding(gaps[0], _DEPENDENCE[0][2], year)}; {brief(gaps[1], _DEPENDENCE[1][2])}"
    mine_title, theirs = titles(comparison)
    return compose(
        comparison, "sovereignty", found=found,
        subtitle="Where AI spending goes, and who controls the models in use, percent",
        alt=f"Line charts of both scenarios. In {year}, {theirs} and {mine_title}: "
        f"{'; '.join(ends)}. Differences: {'; '.join(told(g) for g in gaps)}.",
        rows=rows, panels=panels,
        note="Control: open weights or private hardware. Shares say nothing about how much AI is "
        "used.",
    )  # fmt: skip


__all__ = [
    "arms",
    "brief",
    "compose",
    "incomes",
    "line",
    "months_of",
    "option_shares",
    "prices",
    "row",
    "sovereignty",
    "tidy",
    "told",
]
