"""Results: the registry of outcomes, tidy tables with provenance, saving, loading, comparing.

A number leaves with a unit, a definition and a birth certificate.  :class:`Results` holds one
scenario's runs; :func:`compare` pairs two of them by seed.  Intervals are over replicates: they
show Monte Carlo noise, not what nobody knows about the parameters.
"""

from __future__ import annotations

import difflib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1
DIMENSIONS = ("country", "sector", "size_class", "option")
COLUMNS = (
    "scenario", "parameter_set", "replicate", "month", "outcome", "unit",
    *DIMENSIONS, "value",
)  # fmt: skip
#: Sums over size classes that are shown beside them.
SIZE_GROUPS = {"10-249": ("10-49", "50-249"), "10+": ("10-49", "50-249", "250+")}
CONFIDENCE = 0.95
DEFAULT_SET = "default"


class ResultsError(ValueError):
    """Results that do not exist, do not fit together, or are not what was asked for."""


@dataclass(frozen=True)
class Outcome:
    """What a number of the model means.

    ``value = factor * numerator / denominator`` of recorded series; sums over groups and years
    are taken before dividing, so a rate of a group is the rate of its firms.

    Attributes:
        name, label: identifier and words.
        unit: with ``{currency}`` for the region's currency.
        kind: ``stock`` (at a date; a year shows its December), ``flow`` (per year; a year shows
            the mean of its months) or ``rate`` (of events in a period).
        definition: one sentence.
        numerator, denominator: recorded series.
        factor: multiplies the ratio.
        offset: subtracted after multiplying.
    """

    name: str
    label: str
    unit: str
    kind: str
    definition: str
    numerator: str
    denominator: str | None = None
    factor: float = 1.0
    offset: float = 0.0


# fmt: off
OUTCOMES: dict[str, Outcome] = {
    o.name: o
    for o in (
        Outcome("use", "AI use", "percent of firms", "stock",
                "Firms that use narrow or general-purpose AI.", "users", "firms", 100.0),
        Outcome("general_use", "Use of general-purpose AI", "percent of firms", "stock",
                "Firms that use a general-purpose AI option.", "general_users", "firms", 100.0),
        Outcome("open_use", "Use of open models", "percent of firms", "stock",
                "Firms that use an open-weight option.", "open_users", "firms", 100.0),
        Outcome("survey_use", "AI use as surveyed in the EU", "percent of firms", "stock",
                "Firms with 10 or more persons in the sectors of Eurostat's survey that use AI.",
                "survey_users", "survey_firms", 100.0),
        Outcome("considering", "Firms that consider AI", "percent of firms", "stock",
                "Firms that have begun to consider general-purpose AI.",
                "considering_firms", "firms", 100.0),
        Outcome("users", "Users of general-purpose AI", "firms", "stock",
                "Firms that use a general-purpose AI option.", "general_users"),
        Outcome("open_share", "Users on open models", "percent of users", "stock",
                "Users of open-weight options among users of general-purpose AI.",
                "open_users", "general_users", 100.0),
        Outcome("lost_users", "Lost users", "firms", "stock",
                "Firms that use general-purpose AI in the baseline but not here.", "lost_users"),
        Outcome("diverted_users", "Diverted users", "firms", "stock",
                "Firms on an open option in the baseline that use a closed one here.",
                "diverted_users"),
        Outcome("gained_users", "Gained users", "firms", "stock",
                "Firms that use general-purpose AI here but not in the baseline.",
                "gained_users"),
        Outcome("lost_share", "Lost users, share of firms", "percent of firms", "stock",
                "Firms that use general-purpose AI in the baseline but not here.",
                "lost_users", "firms", 100.0),
        Outcome("diverted_share", "Diverted users, share of firms", "percent of firms", "stock",
                "Firms on an open option in the baseline that use a closed one here.",
                "diverted_users", "firms", 100.0),
        Outcome("gained_share", "Gained users, share of firms", "percent of firms", "stock",
                "Firms that use general-purpose AI here but not in the baseline.",
                "gained_users", "firms", 100.0),
        Outcome("worse_off", "Firms worse off", "percent of firms", "stock",
                "Firms whose expected surplus is lower here than in the baseline.",
                "worse_off_firms", "firms", 100.0),
        Outcome("gdp", "GDP", "{currency} billion per year, prices of 2024", "flow",
                "Gross domestic product.", "gdp", None, 1e-9),
        Outcome("gdp_gain", "GDP gain from general-purpose AI", "percent of baseline GDP", "flow",
                "GDP relative to GDP without general-purpose AI.",
                "gdp", "baseline_gdp", 100.0, 100.0),
        Outcome("gdp_contribution", "Contribution to GDP",
                "{currency} billion per year, prices of 2024", "flow",
                "Part of the GDP gain that firms of the group bring.", "contribution", None, 1e-9),
        Outcome("gni", "Gross national income", "{currency} billion per year, prices of 2024",
                "flow", "GDP less rents paid abroad.", "gni", None, 1e-9),
        Outcome("consumption", "Household consumption",
                "{currency} billion per year, prices of 2024", "flow",
                "Household consumption after investment and the exports that pay for AI imports.",
                "consumption", None, 1e-9),
        Outcome("firms_surplus", "Firms' surplus", "{currency} billion per year, prices of 2024",
                "flow",
                "Integral of the choice probability over net saving (the hurdle deducted).",
                "firms_surplus", None, 1e-9),
        Outcome("programme_spending", "Public spending on programmes",
                "{currency} billion per year, prices of 2024", "flow",
                "Programmes only: resources, not transfers.", "programme_spending", None, 1e-9),
        Outcome("public_revenue", "Public revenue from the GDP gain",
                "{currency} billion per year, prices of 2024", "flow",
                "Revenue share times GDP above GDP without general-purpose AI.",
                "public_revenue", None, 1e-9),
        Outcome("non_market_volume", "Volume gain of non-market services (outside GDP)",
                "{currency} billion per year, prices of 2024", "flow",
                "Gain of education and health firms carried over to non-market services, which "
                "are valued at cost in GDP.", "non_market_volume", None, 1e-9),
        Outcome("government_consumption", "Government consumption",
                "{currency} billion per year, prices of 2024", "flow",
                "Baseline government consumption and programmes.", "government_consumption", None,
                1e-9),
        Outcome("wages", "Wages", "{currency} billion per year, prices of 2024", "flow",
                "Compensation of labour in all sectors; labour is fixed, so a change is in pay.",
                "wages", None, 1e-9),
        Outcome("productivity", "Total factor productivity", "percent", "stock",
                "Log change of productivity by general-purpose AI, times 100.", "productivity"),
        Outcome("dispersion", "Dispersion of productivity gains", "log points", "stock",
                "Standard deviation of firms' log gains within sectors, weighted by value added.",
                "dispersion"),
        Outcome("control", "Users in control of their model", "percent of users", "stock",
                "Users on open weights or on private hardware among users of general-purpose AI.",
                "controlled_users", "general_users", 100.0),
        Outcome("compliance_cost", "Compliance cost per user", "{currency} per user and year",
                "flow", "Yearly cost of deployers' duties per using firm (SME test).",
                "compliance_spending", "general_users"),
        Outcome("spending_per_user", "AI spending per user", "{currency} per user and year",
                "flow", "Spending on AI over firms that use general-purpose AI (SME test).",
                "ai_spending", "general_users"),
        Outcome("surplus_per_firm", "Firms' surplus per firm", "{currency} per firm and year",
                "flow", "Firms' surplus over all firms, users or not (SME test).",
                "firms_surplus", "firms"),
        Outcome("foreign_share", "Foreign share of AI spending", "percent of spending", "flow",
                "Share of AI spending that goes to foreign suppliers.",
                "foreign_spending", "ai_spending", 100.0),
        Outcome("concentration", "Concentration of AI spending", "index, 0 to 1", "stock",
                "Herfindahl index over AI options.", "concentration"),
        Outcome("energy", "Electricity used by AI", "GWh per year", "flow",
                "Seats in use times electricity per seat.", "energy", None, 1e-6),
        Outcome("emissions", "Emissions of AI use", "kt CO2e per year", "flow",
                "Electricity used times the emission factor.", "emissions", None, 1e-6),
        Outcome("open_pool", "Open pool", "relative to the baseline", "stock",
                "Contributors of open models and variants.", "open_pool"),
        Outcome("ai_spending", "Spending on AI", "{currency} billion per year, prices of 2024",
                "flow", "Seats, usage, hosting and compliance of users.",
                "ai_spending", None, 1e-9),
        Outcome("imports_ai", "Imports of AI services and hardware",
                "{currency} billion per year, prices of 2024", "flow",
                "Payments to foreign suppliers at reference prices.", "imports_ai", None, 1e-9),
        Outcome("resource_hours", "Hours spent on set-up and compliance",
                "{currency} billion per year, prices of 2024", "flow",
                "Set-up, compliance and the real share of the hurdle at labour cost.",
                "resource_hours", None, 1e-9),
        Outcome("rents_foreign", "Rents paid abroad",
                "{currency} billion per year, prices of 2024", "flow",
                "Payments to foreign AI suppliers above reference prices.",
                "rents_foreign", None, 1e-9),
        Outcome("rents_domestic", "Rents of resident suppliers",
                "{currency} billion per year, prices of 2024", "flow",
                "Payments to resident AI suppliers above reference prices (a transfer).",
                "rents_domestic", None, 1e-9),
        Outcome("public_spending", "Public spending on the policy",
                "{currency} billion per year, prices of 2024", "flow",
                "Vouchers paid (a transfer) and programmes.", "public_spending", None, 1e-9),
        Outcome("misuse_cost", "Social cost of misuse",
                "{currency} billion per year, prices of 2024", "flow",
                "Assumed social cost per using firm times users; never part of GDP.",
                "misuse_cost", None, 1e-9),
        Outcome("leaving_rate", "Users who leave", "percent of users per year", "rate",
                "Users who stop at their yearly evaluation.",
                "leavers", "evaluating_users", 100.0),
        Outcome("switching_rate", "Users who switch", "percent of users per year", "rate",
                "Users who change option at their yearly evaluation.",
                "switchers", "evaluating_users", 100.0),
        Outcome("closed_price", "Price of closed models", "multiple of reference", "stock",
                "Closed price relative to a world with open models.", "closed_price_multiple"),
        Outcome("closed_frontier", "Closed frontier", "months of reference pace", "stock",
                "Progress of the closed frontier since January 2021.", "closed_frontier"),
        Outcome("open_frontier", "Open frontier", "months of reference pace", "stock",
                "Progress of open models since January 2021.", "open_frontier"),
        Outcome("open_presence", "Open supply present", "share", "stock",
                "Share of open supply that firms can still use.", "open_presence"),
    )
}
# fmt: on


def outcome(name: str) -> Outcome:
    """The outcome called ``name``.

    Raises:
        ResultsError: unknown; the nearest name is offered.
    """
    if name not in OUTCOMES:
        close = difflib.get_close_matches(name, OUTCOMES, n=1, cutoff=0.5)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        raise ResultsError(f"unknown outcome '{name}'{hint}")
    return OUTCOMES[name]


@dataclass(frozen=True)
class Results:
    """All runs of one scenario and parameter set.

    Attributes:
        scenario: its name.
        parameter_set: ``default`` or what was varied.
        series: (recorded name, dimension) -> ``ndarray[replicates, months, groups]``.
        labels: dimension -> labels of the groups (``total``: ``all``).
        manifest: birth certificate: scenario hash, seeds, rows, versions, data hash.
    """

    scenario: str
    parameter_set: str
    series: Mapping[tuple[str, str], np.ndarray]
    labels: Mapping[str, tuple[str, ...]]
    manifest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def replicates(self) -> int:
        """Number of replicates."""
        return len(self.series["gdp", "total"])

    @property
    def months(self) -> int:
        """Number of months."""
        return self.series["gdp", "total"].shape[1]

    @property
    def currency(self) -> str:
        """Currency of money outcomes."""
        return str(self.manifest["currency"])

    def unit(self, name: str) -> str:
        """Unit of an outcome in this region."""
        return outcome(name).unit.replace("{currency}", self.currency)

    def groups(self, name: str, by: str | None = None) -> tuple[str, ...]:
        """Labels of the groups of an outcome: ``("all",)`` or those of a dimension."""
        if by is None:
            return ("all",)
        numerator = outcome(name).numerator
        if (numerator, by) not in self.series:
            have = sorted(d for n, d in self.series if n == numerator and d != "total")
            raise ResultsError(
                f"'{name}' is not recorded by {by} (recorded by: {', '.join(have) or 'nothing'})"
            )
        return tuple(self.labels[by])

    def values(self, name: str, by: str | None = None, group: str = "all") -> np.ndarray:
        """Monthly values of an outcome, ``ndarray[replicates, months]``.

        Args:
            name: outcome.
            by: dimension, or none for the total.
            group: one label of the dimension; for sizes also ``10-249`` and ``10+``.

        Raises:
            ResultsError: unknown outcome, dimension or group.
        """
        o = outcome(name)
        top = self._sum(o.numerator, by, group)
        if o.denominator is None:
            return o.factor * top - o.offset
        bottom = self._sum(o.denominator, by, group)
        return np.asarray(o.factor * _ratio(top, bottom) - o.offset)

    def _sum(self, recorded: str, by: str | None, group: str) -> np.ndarray:
        dimension = by or "total"
        if (recorded, dimension) not in self.series:
            if (recorded, "total") in self.series and by is not None:
                raise ResultsError(f"'{recorded}' is not recorded by {by}")
            raise ResultsError(f"'{recorded}' is not recorded in these results")
        array = self.series[recorded, dimension]
        if by is None:
            return array[:, :, 0]
        labels = self.labels[by]
        parts = SIZE_GROUPS.get(group, (group,)) if by == "size_class" else (group,)
        unknown = [p for p in parts if p not in labels]
        if unknown:
            raise ResultsError(f"no {by} '{unknown[0]}' here: {', '.join(labels)}")
        return np.asarray(array[:, :, [labels.index(p) for p in parts]].sum(axis=2))

    def yearly(self, name: str, year: int, by: str | None = None, group: str = "all") -> np.ndarray:
        """Value of an outcome in a year for each replicate, ``ndarray[replicates]``.

        Stocks: December; flows and rates: over the twelve months.

        Raises:
            ResultsError: the year is not within the run.
        """
        first = (year - 2021) * 12
        if not first >= 0 or first + 12 > self.months:
            raise ResultsError(f"{year} is not a whole year of these results")
        o = outcome(name)
        if o.kind == "stock":
            return self.values(name, by, group)[:, first + 11]
        if o.denominator is None:
            return self.values(name, by, group)[:, first : first + 12].mean(axis=1)
        span = slice(first, first + 12)
        top = self._sum(o.numerator, by, group)[:, span].sum(axis=1)
        bottom = self._sum(o.denominator, by, group)[:, span].sum(axis=1)
        return np.asarray(o.factor * _ratio(top, bottom) - o.offset)

    def frame(self, name: str, by: Sequence[str] = ()) -> pd.DataFrame:
        """A tidy table of an outcome: scenario, replicate, month, groups, unit, value.

        Args:
            name: outcome.
            by: at most one dimension (``country``, ``sector``, ``size_class``, ``option``).

        Raises:
            ResultsError: unknown outcome, or a grouping that is not recorded.
        """
        import pandas as pd

        if len(by) > 1:
            raise ResultsError("results are grouped by one dimension at a time")
        dimension = by[0] if by else None
        if dimension is not None and dimension not in DIMENSIONS:
            raise ResultsError(f"unknown dimension '{dimension}': {', '.join(DIMENSIONS)}")
        labels = self.groups(name, dimension)
        replicate, month = np.indices((self.replicates, self.months)).reshape(2, -1)
        pieces = []
        for label in labels:
            piece = {
                "scenario": self.scenario,
                "parameter_set": self.parameter_set,
                "replicate": replicate,
                "month": _month_labels(self.months)[month],
                "outcome": name,
                "unit": self.unit(name),
                **{d: (label if d == dimension else "all") for d in DIMENSIONS},
                "value": self.values(name, dimension, label).reshape(-1),
            }
            pieces.append(pd.DataFrame(piece, columns=list(COLUMNS)))
        table = pd.concat(pieces, ignore_index=True)
        return table[np.isfinite(table["value"])].reset_index(drop=True)


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """``top / bottom``; 0 where there is nothing to divide by, NaN where it is not known."""
    positive = bottom > 0.0
    ratio = top / np.where(positive, bottom, 1.0)
    return np.where(positive | np.isnan(bottom), ratio, 0.0)


def _month_labels(months: int) -> np.ndarray:
    return np.array([f"{2021 + m // 12:04d}-{m % 12 + 1:02d}" for m in range(months)])


# --- comparing -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Estimate:
    """A mean over replicates with its interval.

    Attributes:
        mean: over replicates.
        low, high: Student interval of the mean at CONFIDENCE; NaN with one replicate.
        n: replicates.
        unit: of all three.
    """

    mean: float
    low: float
    high: float
    n: int
    unit: str

    @property
    def half_width(self) -> float:
        """Half the width of the interval."""
        return 0.5 * (self.high - self.low)

    def text(self) -> str:
        """``mean (low to high)`` with as many digits as the Monte Carlo error allows."""
        if not math.isfinite(self.low):
            return f"{_round_to(self.mean, abs(self.mean) / 100 or 0.01)} (one run, no interval)"
        step = max(self.half_width, 1e-12)
        if step < 1e-9 * max(1.0, abs(self.mean)):
            step = max(abs(self.mean) / 1000.0, 1e-6) if self.mean else 1.0
        return (
            f"{_round_to(self.mean, step)} "
            f"({_round_to(self.low, step)} to {_round_to(self.high, step)})"
        )


def _round_to(value: float, error: float) -> str:
    """A number with one digit beyond the first digit of its error."""
    if not math.isfinite(value):
        return "n/a"
    decimals = min(8, 1 - math.floor(math.log10(error)) if error > 0 else 2)
    shown = max(decimals, 0)
    text = f"{round(value, decimals):,.{shown}f}"
    return text if float(text.replace(",", "")) != 0.0 else f"{0:.{shown}f}"


def estimate(draws: np.ndarray, unit: str) -> Estimate:
    """Mean of independent replicates and its Student interval."""
    from scipy.special import stdtrit

    n = len(draws)
    mean = float(np.mean(draws))
    if n < 2:
        return Estimate(mean, math.nan, math.nan, n, unit)
    error = float(np.std(draws, ddof=1)) / math.sqrt(n)
    reach = float(stdtrit(n - 1, 0.5 + CONFIDENCE / 2.0)) * error
    return Estimate(mean, mean - reach, mean + reach, n, unit)


@dataclass(frozen=True)
class Comparison:
    """Scenario A minus scenario B, paired by seed."""

    a: Results
    b: Results

    def difference(
        self, name: str, year: int, by: str | None = None, group: str = "all"
    ) -> Estimate:
        """A minus B of an outcome in a year, with the interval of the *difference*."""
        gap = self.a.yearly(name, year, by, group) - self.b.yearly(name, year, by, group)
        return estimate(gap, _difference_unit(self.a.unit(name)))

    def level(
        self, name: str, year: int, by: str | None = None, group: str = "all"
    ) -> tuple[Estimate, Estimate]:
        """The outcome itself in A and in B."""
        unit = self.a.unit(name)
        return (
            estimate(self.a.yearly(name, year, by, group), unit),
            estimate(self.b.yearly(name, year, by, group), unit),
        )

    def path(
        self, name: str, by: str | None = None, group: str = "all"
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Monthly mean, low and high of the paired difference, ``ndarray[months]`` each."""
        gap = self.a.values(name, by, group) - self.b.values(name, by, group)
        bands = [estimate(gap[:, m], "") for m in range(gap.shape[1])]
        return (
            np.array([e.mean for e in bands]),
            np.array([e.low for e in bands]),
            np.array([e.high for e in bands]),
        )

    def pairing_gain(self, name: str, year: int) -> float:
        """Width of the unpaired interval over that of the paired one (NaN if undefined)."""
        a, b = self.a.yearly(name, year), self.b.yearly(name, year)
        n = len(a)
        if n < 2:
            return math.nan
        unpaired = math.sqrt((np.var(a, ddof=1) + np.var(b, ddof=1)) / n)
        paired = float(np.std(a - b, ddof=1)) / math.sqrt(n)
        return unpaired / paired if paired > 0.0 else math.inf

    def probability_of_loss(self, name: str, year: int, more_than: float = 0.0) -> float:
        """Share of replicates in which A is below B by more than a given amount."""
        gap = self.a.yearly(name, year) - self.b.yearly(name, year)
        return float(np.mean(gap < -more_than))

    def benefit_cost(
        self, first: int, last: int, discount_rate: float, cost_of_funds: float
    ) -> dict[str, Estimate]:
        """Cost-benefit of A against B: benefits, costs, net present value, their ratio.

        Benefits: difference in GNI, vouchers received, and the deadweight of public funds added
        back (it is in GNI and counted as cost here). Costs: difference in public spending times
        the marginal cost of funds. Net present value: difference in GNI less programmes (they
        use resources; vouchers are transfers). The ratio is NaN where nothing is spent.

        Args:
            first, last: years.
            discount_rate: per year; present value at ``first``.
            cost_of_funds: marginal cost of public funds of the scenarios.
        """

        def present(name: str) -> np.ndarray:
            years = range(first, last + 1)
            return np.sum(
                [
                    (self.a.yearly(name, y) - self.b.yearly(name, y))
                    / (1.0 + discount_rate) ** (y - first)
                    for y in years
                ],
                axis=0,
            )

        income, spending = present("gni"), present("public_spending")
        programmes = present("programme_spending")
        cost = cost_of_funds * spending
        benefit = income + (cost_of_funds - 1.0) * spending + (spending - programmes)
        unit = f"{self.a.currency} billion, {first}-{last}, discounted to {first}"
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(np.abs(cost) > 0.0, benefit / cost, np.nan)
        return {
            "benefits": estimate(benefit, unit),
            "costs": estimate(cost, unit),
            "net_present_value": estimate(income - programmes, unit),
            "benefit_cost_ratio": estimate(ratio, "ratio"),
        }

    def break_even_misuse(self, year: int) -> Estimate:
        """Social cost per open user at which A's GDP advantage over B is used up.

        GDP difference over the difference in users of open options, currency per user and year;
        negative where A has the lower GDP.

        Raises:
            ResultsError: both have the same number of open users.
        """
        month = (year - 2021) * 12 + 11
        users = self.a.series["open_users", "total"] - self.b.series["open_users", "total"]
        change = users[:, month, 0]
        if not np.all(np.abs(change) > 0.5):
            raise ResultsError("no difference in open users: no break-even misuse cost")
        gap = 1e9 * (self.a.yearly("gdp", year) - self.b.yearly("gdp", year))
        return estimate(gap / change, f"{self.a.currency} per open user and year")

    def cumulative(self, name: str, first: int, last: int, discount_rate: float) -> Estimate:
        """Discounted sum of yearly differences, to the middle of ``first``."""
        total = np.zeros(self.a.replicates)
        for year in range(first, last + 1):
            gap = self.a.yearly(name, year) - self.b.yearly(name, year)
            total += gap / (1.0 + discount_rate) ** (year - first)
        unit = self.a.unit(name).replace(" per year", "")
        return estimate(total, f"{unit}, {first}-{last}, discounted to {first}")


def _difference_unit(unit: str) -> str:
    return (
        "percentage points" + unit.removeprefix("percent") if unit.startswith("percent") else unit
    )


def compare(a: Results, b: Results) -> Comparison:
    """Pair two scenarios' results: A minus B.

    Raises:
        ResultsError: they do not share seeds, rows, months or region, so they cannot be paired.
    """
    for key, words in (
        ("region", "region"),
        ("seeds", "seeds"),
        ("rows", "number of firms"),
        ("data_hash", "data"),
    ):
        if a.manifest.get(key) != b.manifest.get(key):
            raise ResultsError(
                f"'{a.scenario}' and '{b.scenario}' differ in {words}: they cannot be paired"
            )
    if a.months != b.months:
        raise ResultsError(f"'{a.scenario}' and '{b.scenario}' differ in their horizon")
    return Comparison(a, b)


# --- saving and loading ----------------------------------------------------------------------


def save(
    results: Sequence[Results], folder: str | Path, extra: Mapping[str, str] | None = None
) -> Path:
    """Write results to a folder: ``results.parquet``, ``manifest.json`` and extra texts.

    The whole folder appears at once: it is written beside its place and then moved, so nothing
    half-written is left behind, and an older folder is replaced only when the new one is whole.

    Args:
        results: of all scenarios and parameter sets.
        folder: where to; an existing folder must hold earlier results.
        extra: file name -> text, written beside.

    Raises:
        ResultsError: the place is taken by something that is not results.
        OSError: the machine said no (permission, disk); nothing is left behind.
    """
    folder = Path(folder)
    taken = folder.exists() and not _is_results(folder)
    if taken and (not folder.is_dir() or any(folder.iterdir())):
        raise ResultsError(f"'{folder}' exists and does not hold econsim results")
    parent = folder.resolve().parent
    parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=parent))
    try:
        _write_table(results, staging / "results.parquet")
        manifest = {
            "schema_version": SCHEMA_VERSION,
            "results": [
                {
                    "scenario": r.scenario,
                    "parameter_set": r.parameter_set,
                    "labels": {k: list(v) for k, v in r.labels.items()},
                    **dict(r.manifest),
                }
                for r in results
            ],
        }
        text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
        (staging / "manifest.json").write_text(text, encoding="utf-8")
        for name, content in (extra or {}).items():
            (staging / name).write_text(content, encoding="utf-8")
        # mkdtemp makes private folders; results are meant to be read.
        umask = os.umask(0)
        os.umask(umask)
        staging.chmod(0o777 & ~umask)
        if folder.exists():
            old = parent / f"{staging.name}-old"
            folder.rename(old)
            try:
                staging.rename(folder)
            except BaseException:
                old.rename(folder)
                raise
            shutil.rmtree(old, ignore_errors=True)
        else:
            staging.rename(folder)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return folder


def _is_results(folder: Path) -> bool:
    """Whether a folder holds results, of this or another version, whole or damaged."""
    if not (folder / "results.parquet").is_file():
        return False
    try:
        return "schema_version" in json.loads((folder / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError, TypeError):
        return False


def _kept_months(dimension: str, months: int) -> np.ndarray:
    """Totals, sizes and options are kept monthly; countries and sectors at year ends."""
    if dimension in ("country", "sector"):
        return np.arange(11, months, 12)
    return np.arange(months)


def _write_table(results: Sequence[Results], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = [(c, pa.dictionary(pa.int32(), pa.string())) for c in COLUMNS]
    types: dict[str, pa.DataType] = dict(fields)
    types["replicate"], types["value"] = pa.int32(), pa.float64()
    table_schema = pa.schema([(c, types[c]) for c in COLUMNS])
    with pq.ParquetWriter(path, table_schema, compression="zstd") as writer:
        for result in results:
            writer.write_table(_arrow(result, table_schema))


def _arrow(result: Results, table_schema: Any) -> Any:
    """One result's recorded series as an Arrow table, outcome names as recorded."""
    import pyarrow as pa

    labels_of_months = _month_labels(result.months)
    columns: dict[str, list[np.ndarray]] = {c: [] for c in ("replicate", "month", "value")}
    words: dict[str, list[tuple[str, int]]] = {c: [] for c in ("outcome", *DIMENSIONS)}
    for (name, dimension), array in result.series.items():
        kept = _kept_months(dimension, result.months)
        part = array[:, kept, :]
        for g, label in enumerate(result.labels[dimension]):
            replicate, month = np.indices(part.shape[:2]).reshape(2, -1)
            value = part[:, :, g].reshape(-1)
            finite = np.isfinite(value)
            columns["replicate"].append(replicate[finite].astype(np.int32))
            columns["month"].append(kept[month[finite]])
            columns["value"].append(value[finite])
            count = int(finite.sum())
            words["outcome"].append((name, count))
            for d in DIMENSIONS:
                words[d].append((label if d == dimension else "all", count))
    size = sum(len(v) for v in columns["value"])

    def constant(text: str) -> Any:
        return pa.DictionaryArray.from_arrays(np.zeros(size, np.int32), [text])

    def run_length(pieces: list[tuple[str, int]]) -> Any:
        known = list(dict.fromkeys(word for word, _ in pieces))
        index = np.repeat([known.index(w) for w, _ in pieces], [n for _, n in pieces])
        return pa.DictionaryArray.from_arrays(index.astype(np.int32), known)

    month = np.concatenate(columns["month"]).astype(np.int32)
    arrays = {
        "scenario": constant(result.scenario),
        "parameter_set": constant(result.parameter_set),
        "replicate": pa.array(np.concatenate(columns["replicate"])),
        "month": pa.DictionaryArray.from_arrays(month, list(labels_of_months)),
        "unit": constant("recorded"),
        "value": pa.array(np.concatenate(columns["value"])),
        **{c: run_length(words[c]) for c in ("outcome", *DIMENSIONS)},
    }
    outcome_units = [recorded_unit(w, result.currency) for w, _ in words["outcome"]]
    pairs = [(u, n) for u, (_, n) in zip(outcome_units, words["outcome"], strict=True)]
    arrays["unit"] = run_length(pairs)
    return pa.table([arrays[c] for c in COLUMNS], schema=table_schema)


#: Units of the recorded series that are not firms or money.
_RECORDED_UNITS = {
    "closed_price_multiple": "multiple of reference",
    "closed_frontier": "months of reference pace",
    "open_frontier": "months of reference pace",
    "open_presence": "share",
    "open_pool": "relative to the baseline",
    "productivity": "percent",
    "dispersion": "log points",
    "concentration": "index, 0 to 1",
    "energy": "kWh per year",
    "emissions": "kg CO2e per year",
}
_MONEY = (
    "gdp", "baseline_gdp", "contribution", "gni", "consumption", "firms_surplus", "ai_spending",
    "imports_ai", "resource_hours", "rents_foreign", "rents_domestic", "public_spending",
    "misuse_cost", "wages", "foreign_spending", "compliance_spending", "programme_spending",
    "public_revenue", "non_market_volume", "government_consumption",
)  # fmt: skip


def recorded_unit(name: str, currency: str) -> str:
    """Unit of a recorded series."""
    if name in _MONEY:
        return f"{currency} per year, prices of 2024"
    return _RECORDED_UNITS.get(name, "firms")


def load(folder: str | Path) -> list[Results]:
    """Read results that :func:`save` wrote.

    Series by country and sector come back at year ends only (other months are NaN).

    Raises:
        ResultsError: no results there, damaged ones, or from a newer version.
    """
    import pyarrow.parquet as pq

    folder = Path(folder)
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if int(manifest["schema_version"]) > SCHEMA_VERSION:
            raise ResultsError(f"'{folder}' was written by a newer version of econsim")
        table = pq.read_table(folder / "results.parquet")
        return [_restore(entry, table) for entry in manifest["results"]]
    except FileNotFoundError:
        raise ResultsError(f"'{folder}' does not hold econsim results") from None
    except ResultsError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, OSError) as error:
        raise ResultsError(f"the results in '{folder}' are damaged: {error}") from None


def _restore(entry: Mapping[str, Any], table: Any) -> Results:
    import pyarrow.compute as pc

    mine = table.filter(
        pc.and_(
            pc.equal(table["scenario"], entry["scenario"]),
            pc.equal(table["parameter_set"], entry["parameter_set"]),
        )
    ).to_pandas()
    labels = {k: tuple(v) for k, v in entry["labels"].items()}
    months = int(entry["months"])
    replicates = len(entry["seeds"])
    month_number = {m: i for i, m in enumerate(_month_labels(months))}
    series: dict[tuple[str, str], np.ndarray] = {}
    grouped = mine["outcome"].astype(str).to_numpy()
    dimension = np.full(len(mine), "total", dtype=object)
    label = np.full(len(mine), "all", dtype=object)
    for d in DIMENSIONS:
        here = mine[d].astype(str).to_numpy()
        dimension = np.where(here != "all", d, dimension)
        label = np.where(here != "all", here, label)
    # A region with one country labels it "US", never "all", so the split above is unambiguous.
    month = mine["month"].astype(str).map(month_number).to_numpy()
    replicate, value = mine["replicate"].to_numpy(), mine["value"].to_numpy()
    for name in dict.fromkeys(grouped):
        for d in dict.fromkeys(dimension[grouped == name]):
            chosen = (grouped == name) & (dimension == d)
            position = {w: i for i, w in enumerate(labels[d])}
            array = np.full((replicates, months, len(position)), np.nan)
            where = np.array([position[w] for w in label[chosen]])
            array[replicate[chosen], month[chosen], where] = value[chosen]
            series[name, str(d)] = array
    keep = {k: v for k, v in entry.items() if k not in ("scenario", "parameter_set", "labels")}
    return Results(entry["scenario"], entry["parameter_set"], series, labels, keep)


def subset(result: Results, dimensions: Sequence[str]) -> Results:
    """The same results with only some dimensions kept (``total`` always is)."""
    kept = {k: v for k, v in result.series.items() if k[1] in ("total", *dimensions)}
    return replace(result, series=kept)
