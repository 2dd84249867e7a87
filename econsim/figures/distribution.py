"""Who gains and who loses: users lost and diverted, sizes, sectors.

By sector, results keep Decembers only once they are stored, so flows by sector are those of
December at a yearly rate, whether results are fresh or stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from econsim.figures.comparison import policy_start
from econsim.figures.figure import Figure
from econsim.figures.panels import ACCENT, Bar, Bars, Lines, Row, Rows
from econsim.figures.paths import CLOSED, compose, line, row, tidy, told
from econsim.figures.words import (
    FIRST_YEAR,
    HEADLINE_GROUP,
    PERSONS,
    amount,
    interval,
    last_year,
    number,
)
from econsim.results import CONFIDENCE, Comparison, Estimate, ResultsError, estimate, outcome

#: What sections of the economy (NACE Rev. 2) are called on figures.
SECTORS = {
    "B": "Mining",
    "C": "Manufacturing",
    "D": "Energy",
    "E": "Water and waste",
    "F": "Construction",
    "G": "Trade",
    "H": "Transport",
    "I": "Hotels and restaurants",
    "J": "Information and communication",
    "K": "Finance and insurance",
    "L": "Real estate",
    "M": "Professional services",
    "N": "Administrative services",
    "P": "Education",
    "Q": "Health and social work",
    "R": "Arts and recreation",
    "S": "Other services",
}
_FLOWS = (
    ("lost", "lost: use none any more", CLOSED),
    ("diverted", "diverted: from open to closed", ACCENT),
    ("gained", "gained: would not have used any", "#3A2A6B"),
)


def december(
    comparison: Comparison, name: str, by: str, group: str, year: int, unit: str
) -> Estimate:
    """Paired difference of an outcome in December of a year (flows: at a yearly rate).

    Sums over the cells of a group differ by rounding where no firm does: that is no difference.
    """
    month = 12 * (year - FIRST_YEAR) + 11
    here, there = (r.values(name, by, group)[:, month] for r in (comparison.a, comparison.b))
    alike = np.abs(here - there) <= 1e-12 * np.maximum(np.abs(here), np.abs(there))
    return estimate(np.where(alike, 0.0, here - there), unit)


def lost_and_diverted(comparison: Comparison) -> Figure:
    """Users lost against users diverted to closed models, and users gained.

    Firms that use general-purpose AI in one scenario and not in the other, firm by firm, percent
    of firms: of 10-249 persons at the end of each year, and by size class at the last.

    Raises:
        ResultsError: the runs were not compared firm by firm.
    """
    main = comparison.a
    if not {("lost_users", "size_class"), ("diverted_users", "size_class")} <= set(main.series):
        raise ResultsError(
            "lost and diverted users are counted only where scenarios were run together, the "
            "baseline first"
        )
    flows = [f for f in _FLOWS if (f"{f[0]}_users", "size_class") in main.series]
    year = last_year(main)
    years = range(FIRST_YEAR, year + 1)
    unit = main.unit("lost_share")
    rows: list[dict[str, Any]] = []
    lines, ends = [], {}
    for name, label, colour in flows:
        shares = [main.yearly(f"{name}_share", y, "size_class", HEADLINE_GROUP) for y in years]
        bands = [estimate(s, unit) for s in shares]
        fixed = {
            "panel": "path", "scenario": main.scenario, "outcome": f"{name}_share",
            "size_class": HEADLINE_GROUP,
        }  # fmt: skip
        rows += tidy(fixed, map(str, years), bands)
        ends[name] = bands[-1]
        lines.append(line(bands, label, colour, end=f"{name} {number(bands[-1])}", dots=True))
    bars = []
    sizes = main.groups("lost_share", "size_class")
    parts = []
    for size in sizes:
        at = 0.0
        texts = []
        for name, _, colour in flows:
            value = estimate(main.yearly(f"{name}_share", year, "size_class", size), unit)
            fixed = {
                "panel": "size", "scenario": main.scenario, "outcome": f"{name}_share",
                "size_class": size,
            }  # fmt: skip
            rows += tidy(fixed, [str(year)], [value])
            texts.append(number(value))
            # Written beside the row, so only once.
            beside = " / ".join(texts) if len(texts) == len(flows) else ""
            bars.append(Bar(f"{PERSONS[size]} persons", at, at + value.mean, colour, beside))
            at += value.mean
        parts.append(f"{PERSONS[size]}: {', '.join(texts)}")
    start = policy_start(comparison)
    panels = (
        Lines(
            f"Firms with {PERSONS[HEADLINE_GROUP]} persons, % of firms, each December", unit,
            tuple(map(str, years)), tuple(lines), start=start[:4] if start else None, zero=True,
            key=tuple((label, colour) for _, label, colour in flows), height=200.0,
        ),
        Bars(
            f"By persons engaged, December {year}, % of firms ({' / '.join(ends)})", unit,
            tuple(bars),
        ),
    )  # fmt: skip
    who = f"firms with {PERSONS[HEADLINE_GROUP]} persons"
    if all(e.mean == 0.0 for e in ends.values()):
        found = f"no difference in who uses AI among {who} in {year}: none lost or diverted"
    else:
        sides = [
            f"{number(e)} % {words}"
            for e, words in (
                (ends["lost"], "lose AI"),
                (ends["diverted"], "move from open to closed models"),
            )
        ]
        found = f"of {who}, {sides[0]} and {sides[1]} by {year}"
        if np.isfinite(ends["lost"].low):
            found += f" (95 % intervals {interval(ends['lost'])} and {interval(ends['diverted'])})"
    return compose(
        comparison, "lost_and_diverted", found=found,
        subtitle="Firms whose use of general-purpose AI differs from their own in the baseline, "
        "percent of firms",
        alt=f"Line chart and bars. In December {year}, of {who}: "
        f"{', '.join(f'{name} {told(e)}' for name, e in ends.items())}. By persons engaged, "
        f"percent of firms {', '.join(ends)}: {'; '.join(parts)}.",
        rows=rows, panels=panels,
        note="The same firm is compared with itself in the other scenario.",
    )  # fmt: skip


def _ordered(rows: Sequence[tuple[Estimate, str]]) -> list[tuple[Estimate, str]]:
    return sorted(rows, key=lambda r: (r[0].mean, r[1]))


def winners_and_losers(comparison: Comparison) -> Figure:
    """Which sizes and sectors gain or lose: firms' surplus by size, GDP contribution by sector.

    Paired differences of December of the last year at a yearly rate, currency billion; and the
    share of firms that are worse off, percent of firms, where it was recorded.

    Raises:
        ResultsError: the outcomes are not recorded by size and sector.
    """
    main = comparison.a
    year = last_year(main)
    scenario = f"{main.scenario} minus {comparison.b.scenario}"
    rows: list[dict[str, Any]] = []
    panels: list[Any] = []
    found: dict[str, list[tuple[Estimate, str]]] = {}
    for name, by, heading in (
        ("firms_surplus", "size_class", "Firms’ surplus by persons engaged, {unit}"),
        ("gdp_contribution", "sector", "Contribution to GDP by sector, {unit}"),
    ):
        unit = main.unit(name)
        gaps = []
        for group in main.groups(name, by):
            gap = december(comparison, name, by, group, year, unit)
            label = f"{PERSONS[group]} persons" if by == "size_class" else SECTORS[group]
            fixed = {"panel": by, "scenario": scenario, "outcome": name, "group": group}
            rows += tidy(fixed, [f"{year}-12"], [gap])
            gaps.append((gap, label.replace("no employees persons", "no employees")))
        shown = gaps if by == "size_class" else _ordered(gaps)
        found[by] = _ordered(gaps)
        panels.append(
            Rows(
                heading.replace("{unit}", unit.partition(",")[0]), unit,
                tuple(row(label, gap) for gap, label in shown), height=24.0 * len(shown),
            )
        )  # fmt: skip
    if ("worse_off_firms", "size_class") in main.series:
        unit = main.unit("worse_off")
        shares: list[Row] = []
        for size in main.groups("worse_off", "size_class"):
            value = estimate(main.yearly("worse_off", year, "size_class", size), unit)
            fixed = {
                "panel": "worse_off", "scenario": main.scenario, "outcome": "worse_off",
                "group": size,
            }  # fmt: skip
            rows += tidy(fixed, [f"{year}-12"], [value])
            label = f"{PERSONS[size]} persons".replace("no employees persons", "no employees")
            shares.append(row(label, value))
        panels.append(
            Rows("Firms worse off than in the baseline, % of firms", unit, tuple(shares),
                 height=24.0 * len(shares))
        )  # fmt: skip
    return compose(
        comparison, "winners_and_losers",
        found=f"in {year}, {counted(found['size_class'], 'firms’ surplus', 'size', 'sizes')}; "
        f"{counted(found['sector'], 'contribution to GDP', 'sector', 'sectors')}",
        subtitle=f"Paired differences by size and sector, December {year} at a yearly rate, "
        f"{main.unit('gdp_contribution')}",
        alt="Rows with intervals. "
        + ". ".join(
            f"{outcome(name).label}, from least to most: "
            + "; ".join(f"{label} {number(gap)}" for gap, label in found[by])
            for by, name in (("size_class", "firms_surplus"), ("sector", "gdp_contribution"))
        )
        + ".",
        rows=rows, panels=panels,
        note="Sums over all firms of a group, so large sectors weigh more; grey: the interval "
        "holds zero, and of many groups about one in twenty is clear by chance. Sizes show firms’ "
        "surplus, sectors what their firms bring to GDP.",
    )  # fmt: skip


def counted(gaps: Sequence[tuple[Estimate, str]], subject: str, one: str, many: str) -> str:
    """In how many groups something is clearly lower or higher, and where most.

    Of many intervals some hold no zero by chance: as few as that make no pattern.

    Args:
        gaps: difference and name of each group.
        subject: what differs.
        one, many: what a group and groups are called.
    """
    from scipy.stats import binom

    if all(g.mean == 0.0 for g, _ in gaps):
        return f"no difference in {subject} in any {one}"
    ordered = _ordered(gaps)
    if any(not np.isfinite(g.low) for g, _ in gaps):
        (least, low), (most, high) = ordered[0], ordered[-1]
        return (
            f"{subject} by {one} from {amount(number(least), least.unit)} ({low}) to "
            f"{amount(number(most), most.unit)} ({high}), one run"
        )
    losing = [(g, label) for g, label in ordered if g.high < 0.0]
    winning = [(g, label) for g, label in ordered[::-1] if g.low > 0.0]
    clear = len(losing) + len(winning)
    if not clear:
        return f"no clear difference in {subject} in any {one}"
    if clear <= binom.ppf(CONFIDENCE, len(gaps), 1.0 - CONFIDENCE):
        return (
            f"no clear pattern in {subject} over {many} ({clear} of {len(gaps)} clear, as chance "
            "alone may show)"
        )
    parts = [
        f"{way} in {len(side)} of {len(gaps)} {many} ({'most: ' if len(side) > 1 else ''}"
        f"{side[0][1]}, {amount(number(side[0][0]), side[0][0].unit)})"
        for way, side in (("lower", losing), ("higher", winning))
        if side
    ]
    return f"{subject} {' and '.join(parts)}"


__all__ = ["SECTORS", "counted", "december", "lost_and_diverted", "winners_and_losers"]
