"""How sure a result is, and why: kinds of uncertainty, ranking, joint axes, parts, fit.

What comes from experiments is given as plain rows: this module computes nothing but paired
differences of the results it is given.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from econsim.figures.comparison import GRID_OUTCOMES, Point, policy_start
from econsim.figures.figure import Figure, provenance
from econsim.figures.panels import (
    ACCENT,
    INK,
    MUTED,
    Band,
    Bar,
    Bars,
    Contour,
    Dot,
    Lines,
    Place,
    Points,
    Row,
    Rows,
    Series,
    numbers,
)
from econsim.figures.paths import CLOSED, compose, line, tidy, told
from econsim.figures.studies import Words, source_of_study, subtitle_of_study
from econsim.figures.words import (
    CONDITIONAL,
    FIRST_YEAR,
    PERSONS,
    amount,
    finding,
    holds_zero,
    interval,
    last_year,
    minus,
    note_of,
    number,
    place,
    run_size,
    short_title,
    source_of,
)
from econsim.results import Comparison, Estimate, ResultsError, compare, outcome

#: Colours of less and of more.
LESS, MORE = CLOSED, "#1B4F72"


# --- kinds of uncertainty -------------------------------------------------------------------------


class Spread(Protocol):
    """An effect with its uncertainties kept apart (see ``experiments.ensemble.Spread``)."""

    @property
    def label(self) -> str:
        """Words of the outcome."""

    @property
    def unit(self) -> str:
        """Of all numbers."""

    @property
    def point(self) -> float:
        """Mean at the scenarios' own parameters."""

    @property
    def noise(self) -> tuple[float, float]:
        """80 % band of one replicate."""

    @property
    def parameters(self) -> tuple[float, float, float]:
        """10 %, 50 % and 90 % points over parameter sets."""

    @property
    def structure(self) -> Mapping[str, float]:
        """Variant of the model -> value."""

    @property
    def members(self) -> int:
        """Parameter sets."""


def kinds_of_uncertainty(
    spreads: Sequence[Spread], comparison: Comparison, names: Mapping[str, str] | None = None
) -> Figure:
    """Effects with luck, parameters and structure apart, one panel an outcome.

    Args:
        spreads: effects of the comparison's scenario in its last year.
        comparison: which it is, for words and provenance.
        names: variant -> what it is called.

    Raises:
        ResultsError: no spreads.
    """
    if not spreads:
        raise ResultsError("give spreads of an ensemble (econsim run --ensemble)")
    year = last_year(comparison.a)
    rows: list[dict[str, Any]] = []
    panels, alts = [], []
    verdict = ""
    for s in spreads:
        low, middle, high = s.parameters
        label = s.label.replace("10-249", PERSONS["10-249"])
        scale = _digits([s.point, *s.noise, *s.parameters, *s.structure.values()])
        drawn_rows = [
            Row(kind, at, *reach, text=_span(*reach, scale), faint=reach[0] <= 0.0 <= reach[1])
            for kind, at, reach in (
                ("Luck of the agents", s.point, s.noise), ("Parameters", middle, (low, high)),
            )
        ]  # fmt: skip
        for name, value in s.structure.items():
            variant = (names or {}).get(name, name.replace("-", " "))
            drawn_rows.append(Row(f"Structure: {variant}", value, text=_plain(value, scale)))
        for kind, item, value in (
            ("own parameters", "mean", s.point),
            ("luck", "q10", s.noise[0]), ("luck", "q90", s.noise[1]),
            ("parameters", "q10", low), ("parameters", "q50", middle), ("parameters", "q90", high),
            *(("structure", n, v) for n, v in s.structure.items()),
        ):  # fmt: skip
            rows.append(
                {"outcome": s.label, "kind": kind, "item": item, "unit": s.unit,
                 "period": str(year), "mean": value, "n": s.members if kind == "parameters" else 1}
            )  # fmt: skip
        panels.append(
            Rows(f"{label}, {_short_unit(s.unit)}", s.unit, tuple(drawn_rows),
                 height=24.0 * len(drawn_rows))
        )  # fmt: skip
        if s.label == "GDP" or not verdict:
            verdict = _verdict(s, label, scale)
        alts.append(
            f"{s.label}, {s.unit}: luck {_span(*s.noise, scale)}, parameters "
            f"{_span(low, high, scale)}, structure "
            + ", ".join(f"{n} {_plain(v, scale)}" for n, v in s.structure.items())
        )
    return compose(
        comparison, "kinds_of_uncertainty",
        found=f"in {year}, {verdict}",
        subtitle=f"Paired differences in {year} with three kinds of uncertainty kept apart: "
        + "; ".join(f"{p.heading.partition(',')[0]}, {p.unit}" for p in panels[:2]),
        alt=f"Rows with ranges. {'. '.join(alts)}.",
        rows=rows, panels=panels,
        note=f"Luck: 80 % of single runs at one parameter set. Parameters: middle 80 % of "
        f"{spreads[0].members} parameter sets compatible with the surveys, one luck. Structure: "
        "another reading of the model each, fitted to the same use; never mixed into a band.",
    )  # fmt: skip


def gdp_bands(
    comparison: Comparison, members: Sequence[Comparison], variants: Mapping[str, Comparison]
) -> Figure:
    """Paired difference in GDP by year with luck, parameters and structure drawn apart.

    Args:
        comparison: at the scenarios' own parameters.
        members: the same at parameter sets compatible with the surveys, equally weighted.
        variants: the same under other readings of the model, by name.

    Raises:
        ResultsError: fewer than two parameter sets.
    """
    if len(members) < 2:
        raise ResultsError("needs the comparison at the parameter sets of an ensemble")
    year = last_year(comparison.a)
    years = range(FIRST_YEAR, year + 1)
    scenario = f"{comparison.a.scenario} minus {comparison.b.scenario}"
    bands = [comparison.difference("gdp", y) for y in years]
    unit = bands[-1].unit
    cloud = np.array([[m.difference("gdp", y).mean for y in years] for m in members])
    low, high = np.quantile(cloud, (0.1, 0.9), axis=0)
    rows = tidy({"kind": "luck", "scenario": scenario, "outcome": "gdp"}, map(str, years), bands)
    for y, middle, below, above in zip(years, np.median(cloud, axis=0), low, high, strict=True):
        rows.append({"kind": "parameters", "scenario": scenario, "outcome": "gdp",
                     "period": str(y), "unit": unit, "mean": float(middle), "low": float(below),
                     "high": float(above), "n": len(members)})  # fmt: skip
    drawn = line(bands, "own parameters", ACCENT, end=number(bands[-1]), bold=True)
    wide = Band(numbers(low), numbers(high), "parameters")
    lines = [replace(drawn, bands=(wide, *drawn.bands))]
    for name, variant in variants.items():
        gaps = [variant.difference("gdp", y) for y in years]
        fixed = {"kind": f"structure: {name}", "scenario": scenario, "outcome": "gdp"}
        rows += tidy(fixed, map(str, years), gaps)
        lines.append(
            Series(name, numbers(g.mean for g in gaps), MUTED, dash="dot", width=1.2,
                   end=name.replace("-", " "))
        )  # fmt: skip
    start = policy_start(comparison)
    decimals = _digits([float(low[-1]), float(high[-1])])
    reach = amount(_span(float(low[-1]), float(high[-1]), decimals), unit)
    return compose(
        comparison, "gdp_bands",
        found=f"{finding(bands[-1], 'GDP', year)}; {reach} over parameter sets",
        subtitle=f"Paired difference in GDP by year, {unit}",
        alt=f"Line chart with bands. In {year}: {told(bands[-1])} at the scenarios' own "
        f"parameters; {reach} over most parameter sets.",
        rows=rows,
        panels=(
            Lines(f"Difference in GDP, {_short_unit(unit)}", unit, tuple(map(str, years)),
                  tuple(lines), start=start[:4] if start else None, zero=True, height=300.0),
        ),
        note=f"Wide band: middle 80 % of {len(members)} parameter sets; dotted: other readings of "
        "the model, never mixed into a band; narrow band as follows.",
    )  # fmt: skip


def _verdict(s: Spread, label: str, decimals: int) -> str:
    """What holds of an effect under every kind of uncertainty."""
    low, _, high = s.parameters
    known = [v for v in (*s.noise, low, high, *s.structure.values()) if math.isfinite(v)]
    if not any(known):
        return f"no difference in {label} under any kind of uncertainty"
    reach = amount(_span(low, high, decimals), s.unit)
    if min(known) <= 0.0 <= max(known):
        return f"no clear difference in {label}: {reach} over parameter sets"
    way = "lower" if max(known) < 0.0 else "higher"
    return f"{label} {way} under every kind of uncertainty: {reach} over parameter sets"


def _short_unit(unit: str) -> str:
    return "percentage points" if unit.startswith("percentage points") else unit.partition(",")[0]


def _digits(values: Sequence[float]) -> int:
    """Decimals that show a spread of values with two digits, and none but zero as zero."""
    known = [v for v in values if math.isfinite(v)]
    reach = max(max(known) - min(known), 0.02 * max(abs(v) for v in known)) if known else 0.0
    if not reach > 0.0:
        return 0
    decimals = min(max(0, 1 - math.floor(math.log10(reach))), 6)
    while decimals < 8 and any(v != 0.0 and round(v, decimals) == 0.0 for v in known):
        decimals += 1
    return decimals


def _plain(value: float, decimals: int) -> str:
    if not math.isfinite(value):
        return "none"
    text = f"{value:,.{decimals}f}"
    return minus(text if text.strip("-0.,") else text.removeprefix("-"))


def _span(low: float, high: float, decimals: int) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return "one run, no range"
    return f"{_plain(low, decimals)} to {_plain(high, decimals)}"


# --- ranking of policies --------------------------------------------------------------------------


def policy_ranking(
    comparisons: Sequence[Comparison], name: str = "gdp", year: int | None = None
) -> Figure:
    """Scenarios against one baseline, the best first, with paired intervals.

    Scenarios share luck, so that neighbours are compared pair by pair: only differences between
    them that are clear make a rank.

    Args:
        comparisons: of two or more scenarios with one baseline.
        name: outcome; more of it is better.
        year: default the last whole year.

    Raises:
        ResultsError: fewer than two, or baselines that differ.
    """
    import pandas as pd

    if len(comparisons) < 2:
        raise ResultsError("a ranking needs two or more scenarios beside the baseline")
    base = comparisons[0].b
    if len({c.b.scenario for c in comparisons}) > 1:
        raise ResultsError("scenarios of a ranking share one baseline")
    year = last_year(base) if year is None else year
    ranked = sorted(comparisons, key=lambda c: -c.difference(name, year).mean)
    gaps = [c.difference(name, year) for c in ranked]
    labels = _distinct([short_title(c.a) for c in ranked], [c.a.scenario for c in ranked])
    rows: list[dict[str, Any]] = []
    shown, ties = [], 0
    for place_in, (c, gap, label) in enumerate(zip(ranked, gaps, labels, strict=True)):
        text = number(gap) + (f" ({interval(gap)})" if math.isfinite(gap.low) else "")
        step = Estimate(math.nan, math.nan, math.nan, 0, gap.unit)
        if place_in + 1 < len(ranked):
            step = compare(c.a, ranked[place_in + 1].a).difference(name, year)
            if holds_zero(step) or step.mean == 0.0:
                ties += 1
                text += "  ≈ next"
        rows += [
            {**r, "ahead_of_next": step.mean, "ahead_low": step.low, "ahead_high": step.high}
            for r in tidy({"rank": place_in + 1, "scenario": c.a.scenario, "label": label,
                           "outcome": name}, [str(year)], [gap])
        ]  # fmt: skip
        shown.append(
            Row(label, gap.mean, gap.low, gap.high, text=text,
                faint=holds_zero(gap) or gap.mean == 0.0)
        )  # fmt: skip
    unit, words = gaps[0].unit, outcome(name).label
    first = compare(ranked[0].a, ranked[1].a).difference(name, year)
    unclear = holds_zero(first) or first.mean == 0.0 or not math.isfinite(first.low)
    title = (
        f"{words}, {year}: no clear first among {len(ranked)} scenarios"
        if unclear
        else f"{words}, {year}: {labels[0]} ranks first of {len(ranked)} scenarios, "
        f"{amount(number(first), first.unit)} ahead of {labels[1]}"
    )
    listed = "; ".join(f"{label} {number(g)} ({interval(g)})"
                       for label, g in zip(labels, gaps, strict=True))  # fmt: skip
    return Figure(
        name="policy_ranking",
        title=title,
        subtitle=f"Paired difference in {words} from “{short_title(base)}”, {unit}, {year}; "
        f"{place(base)}.",
        alt=f"Rows with intervals, {unit}, the best first. {listed}. {run_size(base)}.",
        note="≈ next: no clear difference from the scenario below, compared pair by pair"
        f" ({ties} of {len(ranked) - 1} steps); grey: the interval holds zero. {note_of(base)}",
        source=source_of(base),
        data=pd.DataFrame(rows),
        provenance=provenance(base, *(c.a for c in ranked)),
        panels=(Rows(f"{words}, {_short_unit(unit)}", unit, tuple(shown)),),
    )


def _distinct(labels: Sequence[str], names: Sequence[str]) -> list[str]:
    """Labels, replaced by names where two would be the same."""
    return [n if list(labels).count(x) > 1 else x for x, n in zip(labels, names, strict=True)]


# --- joint axes -----------------------------------------------------------------------------------

#: Prior of an axis: 10 % point, default, 90 % point.
Prior = tuple[float, float, float]
#: Those of the calibration (``calibration.UNIDENTIFIED``), which data on use do not move.
PRIORS: Mapping[str, Prior] = {
    "lambda": (0.27, 0.5, 0.83),
    "open_share": (0.105, 0.15, 0.273),
}


def joint_contour(points: Sequence[Point], priors: Mapping[str, Prior] = PRIORS) -> Figure:
    """Effects on AI use and GDP over lambda and the open share as contours, priors marked.

    Args:
        points: comparisons at all places of a grid, at least two by two.
        priors: ``lambda`` and ``open_share`` -> 10 % point, default and 90 % point of the prior.

    Raises:
        ResultsError: no whole grid.
    """
    places = {(p.dissimilarity, p.open_share): p for p in points}
    if not places:
        raise ResultsError(_NO_GRID)
    main = points[0].comparison
    year = last_year(main.a)
    rows: list[dict[str, Any]] = []
    clauses, alts = [], []
    for name, by, group, words in GRID_OUTCOMES:
        gaps = {k: p.comparison.difference(name, year, by, group) for k, p in places.items()}
        for (d, s), gap in gaps.items():
            fixed = {"outcome": name, "group": group, "label": words, "lambda": d, "open_share": s}
            rows += tidy(fixed, [str(year)], [gap])
        unit = next(iter(gaps.values())).unit
        least, most = (pick(gaps.items(), key=lambda i: i[1].mean) for pick in (min, max))
        unclear = sum(holds_zero(g) or g.mean == 0.0 for g in gaps.values())
        span = amount(f"{number(least[1])} to {number(most[1])}", unit)
        clauses.append(f"{words} {span}")
        alts.append(
            f"{words}: from {told(least[1])} at lambda {least[0][0]:g} and open share "
            f"{100 * least[0][1]:g} % to {told(most[1])} at lambda {most[0][0]:g} and open share "
            f"{100 * most[0][1]:g} %; the interval holds zero at {unclear} of {len(gaps)} points"
        )
    panels = _contours(rows, priors)
    flat = all(r["mean"] == 0.0 for r in rows)
    found = (
        f"no difference in {year} at any lambda and open share"
        if flat
        else f"in {year}, over lambda and the open share: {'; '.join(clauses)}"
    )
    return compose(
        main, "joint_contour", found=found,
        subtitle=f"Paired differences in {year} (AI use: percentage points of firms; GDP: "
        f"{panels[-1].unit}) over the two numbers that data on use do not identify",
        alt=f"Contour maps. {'. '.join(alts)}.",
        rows=rows, panels=panels,
        note=_contour_note(len(places), priors),
    )  # fmt: skip


def surface_contour(
    points: Sequence[Mapping[str, Any]], words: Words, priors: Mapping[str, Prior] = PRIORS
) -> Figure:
    """Differences of a study over lambda and the open share as contours, priors marked.

    Args:
        points: rows as for :func:`econsim.figures.surface`.
        words: of the figure.
        priors: as for :func:`joint_contour`.

    Raises:
        ResultsError: no whole grid.
    """
    panels = _contours(points, priors)
    parts = [
        f"{p.heading}: {minus(f'{np.min(p.values):.3g}')} to {minus(f'{np.max(p.values):.3g}')}"
        for p in panels
    ]
    places = len({(r["lambda"], r["open_share"]) for r in points})
    return _of_study(
        "surface_contour", points, words, panels=panels,
        alt=f"Contour maps of differences by lambda and open share. {'; '.join(parts)}.",
        more=f" {_contour_note(places, priors)}",
    )  # fmt: skip


_NO_GRID = "contours need comparisons on a whole grid of lambda and open share"


def _contours(rows: Sequence[Mapping[str, Any]], priors: Mapping[str, Prior]) -> list[Contour]:
    """One contour map for each outcome of rows over both axes."""
    panels = []
    for name in dict.fromkeys(r["outcome"] for r in rows):
        cells = {(r["lambda"], r["open_share"]): r for r in rows if r["outcome"] == name}
        across, up = sorted({s for _, s in cells}), sorted({d for d, _ in cells})
        if len(across) < 2 or len(up) < 2 or len(cells) != len(across) * len(up):
            raise ResultsError(_NO_GRID)
        means = tuple(tuple(float(cells[d, s]["mean"]) for s in across) for d in up)
        if not np.isfinite(means).all():
            raise ResultsError(_NO_GRID)
        one = next(iter(cells.values()))
        panels.append(
            Contour(
                f"{one['label']}, {_short_unit(one['unit'])}", one["unit"],
                tuple(100.0 * s for s in across), tuple(up), means, _levels(means),
                "Share of users on open models in 2024, %", "λ (dissimilarity of options)",
                (_prior_mark(priors, across, up),), height=260.0,
            )
        )  # fmt: skip
    return panels


def _contour_note(places: int, priors: Mapping[str, Prior]) -> str:
    (bottom, _, top), (left, _, right) = priors["lambda"], priors["open_share"]
    return (
        f"Lines between the {places} places that were run are interpolated. Point: default; box: "
        f"middle 80 % of the prior (λ {bottom:.2g} to {top:.2g}, open share {100 * left:.0f} to "
        f"{100 * right:.0f} %), within what was run."
    )


def _prior_mark(priors: Mapping[str, Prior], across: Sequence[float], up: Sequence[float]) -> Place:
    def inside(value: float, axis: Sequence[float]) -> float:
        return min(max(value, axis[0]), axis[-1])

    left, x, right = (100.0 * inside(v, across) for v in priors["open_share"])
    bottom, y, top = (inside(v, up) for v in priors["lambda"])
    return Place("default", x, y, left, right, bottom, top)


def _levels(values: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """About six round levels between the least and the greatest value."""
    low, high = float(np.min(values)), float(np.max(values))
    if not high > low:
        return (low,)
    raw = (high - low) / 6.0
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1.0, 2.0, 2.5, 5.0, 10.0) if m * power >= raw)
    first, last = math.ceil(low / step), math.floor(high / step)
    return tuple(round(k * step, 12) for k in range(first, last + 1))


def _of_study(
    name: str, rows: Sequence[Mapping[str, Any]], words: Words, *, alt: str, panels: Sequence[Any],
    more: str = "",
) -> Figure:  # fmt: skip
    """A figure whose words come with it."""
    import pandas as pd

    return Figure(
        name=name,
        title=words.title,
        subtitle=subtitle_of_study(words),
        alt=f"{words.caution}{alt}",
        note=f"{words.caution}{words.note}{more} {CONDITIONAL}",
        source=source_of_study(words),
        data=pd.DataFrame(list(rows)),
        provenance=words.provenance,
        panels=tuple(panels),
    )


# --- parts and factors ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """A part of an effect.

    Attributes:
        label: what it is.
        value: its size, with its interval.
        acts: whether it acts at all; one that does not contributes exactly zero.
    """

    label: str
    value: Estimate
    acts: bool = True


def waterfall(name: str, parts: Sequence[Part], whole: Estimate, words: Words) -> Figure:
    """Parts of an effect that add up to the whole, from part to part.

    Args:
        name: identifier.
        parts: in the order drawn; those that do not act are counted and not drawn.
        whole: the effect.
        words: of the figure.

    Raises:
        ResultsError: the parts do not add up to the whole.
    """
    total = sum(p.value.mean for p in parts)
    if abs(total - whole.mean) > 1e-6 * max(1.0, abs(whole.mean)):
        raise ResultsError(f"the parts add up to {total:g}, not to {whole.mean:g}")
    bars, at = [], 0.0
    acting = [p for p in parts if p.acts]
    for p in acting:
        end = at + p.value.mean
        bars.append(
            Bar(
                p.label, at, end, LESS if p.value.mean < 0.0 else MORE, minus(p.value.text()),
                at + p.value.low, at + p.value.high,
            )
        )  # fmt: skip
        at = end
    bars.append(
        Bar(
            "Whole effect", 0.0, whole.mean, INK, minus(whole.text()), whole.low, whole.high,
            bold=True,
        )
    )  # fmt: skip
    idle = len(parts) - len(acting)
    rows = [
        {"label": p.label, "acts": p.acts, "unit": p.value.unit, "mean": p.value.mean,
         "low": p.value.low, "high": p.value.high, "n": p.value.n,
         "text": minus(p.value.text()) if p.acts else "0 (does not act)"}
        for p in [*parts, Part("Whole effect", whole)]
    ]  # fmt: skip
    listed = "; ".join(f"{p.label} {minus(p.value.text())}" for p in acting) or "no part acts"
    zero = f" {idle} other part{'' if idle == 1 else 's'}: exactly 0." if idle else ""
    return _of_study(
        name, rows, words,
        alt=f"Waterfall, {whole.unit}. {listed}. Whole effect: {minus(whole.text())}.",
        panels=(Bars(_short_unit(whole.unit), whole.unit, tuple(bars), linked=True),),
        more=zero,
    )  # fmt: skip


class Swing(Protocol):
    """An effect at the two ends of a factor (see ``experiments.sensitivity.Swing``)."""

    @property
    def factor(self) -> str:
        """Name."""

    @property
    def low(self) -> float:
        """Mean effect where it is low."""

    @property
    def high(self) -> float:
        """Mean effect where it is high."""

    @property
    def at_low(self) -> float:
        """Mean of the factor where it is low."""

    @property
    def at_high(self) -> float:
        """Mean of the factor where it is high."""

    @property
    def clear(self) -> bool:
        """Whether the two effects differ by more than noise."""


def tornado(name: str, swings: Sequence[Swing], centre: float, unit: str, words: Words) -> Figure:
    """What an effect is at the low and at the high end of each factor, the widest first.

    Args:
        name: identifier.
        swings: of the factors.
        centre: mean effect over all points.
        unit: of the effects.
        words: of the figure.
    """
    ordered = sorted(swings, key=lambda s: -abs(s.high - s.low))
    scale = _digits([v for s in ordered for v in (s.low, s.high)])
    bars: list[Bar] = []
    rows: list[dict[str, Any]] = []
    for s in ordered:
        text = f"{_plain(s.low, scale)} / {_plain(s.high, scale)}" + ("" if s.clear else "  ≈")
        for end, colour in ((s.low, LESS), (s.high, MORE)):
            bars.append(Bar(s.factor, centre, end, colour, text))
        for side, at, value in (("low", s.at_low, s.low), ("high", s.at_high, s.high)):
            rows.append({"label": s.factor, "side": side, "factor_at": at, "unit": unit,
                         "mean": value, "clear": s.clear})  # fmt: skip
    rows.append({"label": "all points", "side": "mean", "factor_at": math.nan, "unit": unit,
                 "mean": centre, "clear": True})  # fmt: skip
    listed = "; ".join(
        f"{s.factor}: {_plain(s.low, scale)} at {s.at_low:.3g}, {_plain(s.high, scale)} at "
        f"{s.at_high:.3g}{'' if s.clear else ' (not clear)'}"
        for s in ordered
    )
    return _of_study(
        name, rows, words,
        alt=f"Tornado, {unit}, around {_plain(centre, scale)}. {listed}.",
        panels=(
            Bars(
                _short_unit(unit), unit, tuple(bars), line=centre,
                key=(("factor low", LESS), ("factor high", MORE)),
            ),
        ),
    )  # fmt: skip


# --- fit and prediction ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Predicted:
    """A predicted figure and what was observed afterwards.

    Attributes:
        label: of the figure.
        median, low, high: predicted, with the 80 % band (NaN: none).
        observed: what was observed.
        fitted: whether it was seen in fitting (then it tests nothing).
    """

    label: str
    median: float
    low: float
    high: float
    observed: float
    fitted: bool = False


def scorecard(figures: Sequence[Predicted], unit: str, words: Words) -> Figure:
    """Predicted against observed figures with 80 % bands.

    Args:
        figures: the figures.
        unit: of all of them.
        words: of the figure.
    """
    rows: list[dict[str, Any]] = []
    dots = []
    for p in figures:
        inside = p.low <= p.observed <= p.high
        colour = MUTED if p.fitted else ACCENT if inside else CLOSED
        rows.append(
            {"label": p.label, "fitted": p.fitted, "unit": unit, "observed": p.observed,
             "mean": p.median, "low": p.low, "high": p.high, "inside": inside,
             "error": abs(p.median - p.observed)}
        )  # fmt: skip
        dots.append(
            Dot(p.label, p.observed, p.median, y_low=p.low, y_high=p.high, hollow=p.fitted,
                colour=colour, text="" if p.fitted else p.label)
        )  # fmt: skip
    listed = "; ".join(
        f"{p.label}: fitted {p.median:.1f}, observed {p.observed:.1f}"
        if p.fitted
        else f"{p.label}: predicted {p.median:.1f} ({p.low:.1f} to {p.high:.1f}), observed "
        f"{p.observed:.1f}"
        for p in figures
    )
    return _of_study(
        "scorecard", rows, words, alt=f"Predicted against observed, {unit}. {listed}.",
        panels=(
            Points(
                f"Predicted against observed, {unit}", unit, tuple(dots), f"Observed, {unit}",
                f"Predicted, {unit}", diagonal=True,
                key=(("predicted, inside the 80 % band", ACCENT), ("outside", CLOSED))
                + ((("fitted (rings)", MUTED),) if any(p.fitted for p in figures) else ()),
            ),
        ),
    )  # fmt: skip


__all__ = [
    "LESS",
    "MORE",
    "PRIORS",
    "Part",
    "Predicted",
    "Prior",
    "Spread",
    "Swing",
    "gdp_bands",
    "joint_contour",
    "kinds_of_uncertainty",
    "policy_ranking",
    "scorecard",
    "surface_contour",
    "tornado",
    "waterfall",
]
