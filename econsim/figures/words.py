"""What figures say: findings, sizes and intervals in words, with the digits that they deserve.

Nothing here computes an answer: estimates come from :mod:`econsim.results`.
"""

from __future__ import annotations

import math

from econsim.results import CONFIDENCE, Comparison, Estimate, Results

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
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


def last_year(results: Results) -> int:
    """The last whole year of results."""
    return FIRST_YEAR + results.months // 12 - 1


def short_title(results: Results) -> str:
    """What a scenario is called on figures: its title up to the colon."""
    return str(results.manifest.get("title") or results.scenario).partition(":")[0].strip()


def titles(comparison: Comparison) -> tuple[str, str]:
    """What scenario and baseline are called: short titles, whole ones where those are the same."""
    pair = (comparison.a, comparison.b)
    short = tuple(short_title(r) for r in pair)
    if short[0] == short[1]:
        short = tuple(str(r.manifest.get("title") or r.scenario) for r in pair)
    if short[0] == short[1]:
        short = tuple(r.scenario for r in pair)
    return short[0], short[1]


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


def decimals(value: Estimate) -> int:
    """Digits after the point: down to the first digit of the error, and no clear zero."""
    error = value.half_width if math.isfinite(value.low) else abs(value.mean) / 100.0
    known = [abs(v) for v in (value.mean, value.low, value.high) if math.isfinite(v)]
    if max(known, default=0.0) < 1e-9:
        return 0  # what floating point leaves of a zero
    if not error > 1e-9 * abs(value.mean):
        error = abs(value.mean) / 100.0
    places = min(max(0, -math.floor(math.log10(error))), 8) if error > 0.0 else 0
    clear = not holds_zero(value)
    while (
        clear
        and places < 8
        and any(
            math.isfinite(v) and abs(v) > 5e-9 and round(v, places) == 0.0
            for v in (value.mean, value.low, value.high)
        )
    ):
        places += 1
    return places


def _written(value: float, places: int) -> str:
    text = f"{value:,.{places}f}"
    return minus(text if text.strip("-0.,") else text.removeprefix("-"))


def number(value: Estimate) -> str:
    """The mean with the digits that its error allows."""
    return _written(value.mean, decimals(value))


def interval(value: Estimate) -> str:
    """The interval with the digits that its width allows, or that there is none."""
    if not math.isfinite(value.low):
        return "one run, no interval"
    places = decimals(value)
    return f"{_written(value.low, places)} to {_written(value.high, places)}"


def half_width(value: Estimate) -> str:
    """Half the width of the interval, with the digits of the mean."""
    return _written(value.half_width, decimals(value))


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


def month_words(month: str) -> str:
    """``2027-01`` as ``January 2027``."""
    return f"{_MONTHS[int(month[5:7]) - 1]} {month[:4]}"


def run_size(results: Results) -> str:
    """Number of replicates and of firms, in words."""
    rows = results.manifest.get("rows", "")
    firms = f"{rows:,} firms" if isinstance(rows, int) else "one row per firm"
    n = results.replicates
    return f"n = {n} replicate{'' if n == 1 else 's'} of {firms}"


def note_of(results: Results) -> str:
    """Number of runs, what the band means, and that it is no forecast."""
    band = (
        "One run, no interval. "
        if results.replicates < 2
        else f"Band: {100.0 * CONFIDENCE:g} % interval of the mean over replicates (Monte Carlo "
        "noise only; uncertain parameters are not in it). "
    )
    return f"{run_size(results)}. {band}{CONDITIONAL}"


def clipped(name: str, length: int = 24) -> str:
    """A name that fits a heading."""
    return name if len(name) <= length else f"{name[: length - 1].rstrip(' ,;:')}…"


def lines_of(comparison: Comparison) -> str:
    """Which line is which."""
    return (
        f"Solid: {comparison.b.scenario}; dashed: {comparison.a.scenario}; bold: firms with "
        f"{PERSONS[HEADLINE_GROUP]} persons, the headline population."
    )


def source_of(results: Results) -> str:
    """Where the data of the model come from."""
    text = SOURCES.get(str(results.manifest.get("region")), "econsim {version}.")
    return text.format(version=results.manifest.get("econsim", ""))
