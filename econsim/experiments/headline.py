"""The headline: what a scenario does against a baseline, over lambda and the open share.

Neither axis is identified by data on use, so both are shown jointly: a headline is never one
number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from econsim.experiments.simulation import Progress, simulate_many
from econsim.results import DEFAULT_SET, Comparison, Estimate, Results, compare, estimate
from econsim.scenario import Scenario

#: The pair of each region's headline, the baseline first.
PAIRS = {"EU27": ("eu-diverse", "eu-restrictive"), "US": ("us-diverse", "us-restrictive")}
LAMBDA = "choice.lambda"
OPEN_SHARE = "choice.open_share"
#: Grid of the joint axes: low, default and high of each prior.
LAMBDA_GRID = (0.2, 0.5, 0.8)
OPEN_SHARE_GRID = (0.05, 0.15, 0.3)
#: Its rows and replicates: coarser than the headline itself.
GRID_ROWS, GRID_REPLICATES = 8_000, 4

#: Rows of the headline table: label, outcome, dimension, group.
ROWS = (
    ("AI use, 10-249 persons", "use", "size_class", "10-249"),
    ("AI use, under 10 persons", "use", "size_class", "0-9"),
    ("AI use, 250 or more persons", "use", "size_class", "250+"),
    ("AI use, without employees", "use", "size_class", "nonemployer"),
    ("GDP", "gdp", None, "all"),
    ("GDP gain from AI", "gdp_gain", None, "all"),
    ("Gross national income", "gni", None, "all"),
    ("Firms' surplus", "firms_surplus", None, "all"),
)
#: Rows that exist only against a baseline.
FLOW_ROWS = (
    ("Lost users, 10-249 persons", "lost_users", "size_class", "10-249"),
    ("Diverted users, 10-249 persons", "diverted_users", "size_class", "10-249"),
)


@dataclass(frozen=True)
class Line:
    """One line of the headline table: level in both scenarios and the paired difference."""

    label: str
    unit: str
    scenario: Estimate
    baseline: Estimate | None
    difference: Estimate


@dataclass(frozen=True)
class GridPoint:
    """The headline at one (lambda, open share)."""

    dissimilarity: float
    open_share: float
    comparison: Comparison


def lines(comparison: Comparison, year: int) -> list[Line]:
    """The headline table of a comparison in a year."""
    table = []
    sizes = comparison.a.labels["size_class"]
    for label, name, by, group in ROWS:
        if by == "size_class" and group not in (*sizes, "10-249"):
            continue
        here, there = comparison.level(name, year, by, group)
        gap = comparison.difference(name, year, by, group)
        table.append(Line(label, comparison.a.unit(name), here, there, gap))
    start = policy_start(comparison)
    if start is not None and start < year:
        rate = float(comparison.a.manifest["discount_rate"])
        total = comparison.cumulative("gdp", start, year, rate)
        table.append(Line(f"GDP, {start}-{year} at {100 * rate:g} % a year", total.unit, total,
                          None, total))  # fmt: skip
    for label, name, by, group in FLOW_ROWS:
        if (name, "size_class") in comparison.a.series:
            value = estimate(comparison.a.yearly(name, year, by, group), comparison.a.unit(name))
            table.append(Line(label, comparison.a.unit(name), value, None, value))
    return table


def policy_start(comparison: Comparison) -> int | None:
    """Year in which the first instrument of either scenario bites, if any."""
    months = [r.manifest.get("policy_start") for r in (comparison.a, comparison.b)]
    known = [int(m) for m in months if m is not None]
    return 2021 + min(known) // 12 if known else None


def grid_sets(
    scenarios: Sequence[Scenario],
    dissimilarities: Sequence[float] = LAMBDA_GRID,
    open_shares: Sequence[float] = OPEN_SHARE_GRID,
) -> dict[str, list[Scenario]]:
    """The scenarios at every point of the joint axes, by the name of the parameter set."""
    sets = {}
    for d in dissimilarities:
        for s in open_shares:
            change = {LAMBDA: d, OPEN_SHARE: s}
            sets[set_name(d, s)] = [x.with_changes(parameters=change) for x in scenarios]
    return sets


def set_name(dissimilarity: float, open_share: float) -> str:
    """Name of a grid point's parameter set."""
    return f"lambda={dissimilarity:g};open_share={open_share:g}"


def run_grid(
    scenarios: Sequence[Scenario],
    *,
    rows: int | str,
    replicates: int,
    seed: int | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> dict[str, list[Results]]:
    """Run all scenarios at every point of the joint axes."""
    return simulate_many(
        grid_sets(scenarios),
        rows=rows, replicates=replicates, seed=seed, workers=workers, progress=progress,
    )  # fmt: skip


def grid_points(results: dict[str, list[Results]], number: int = 1) -> list[GridPoint]:
    """Comparisons of one scenario with the baseline at every grid point."""
    points = []
    for name, group in results.items():
        if name == DEFAULT_SET:
            continue
        d, s = (float(part.split("=")[1]) for part in name.split(";"))
        points.append(GridPoint(d, s, compare(group[number], group[0])))
    return points
