"""Results that come with econsim, so that the app's first view needs no run.

They are those of ``econsim run`` without arguments: the headline pair of each region month by
month, and the pair at every point of the joint axes in its last year.
``python -m econsim.app.shipped`` builds them anew from the current scenario files, with the table
that the preview is fitted to (``results`` or ``preview`` after it: only these); :func:`stale` says
when the files have moved on.
"""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import econsim
from econsim import data, results, scenario
from econsim.app import preview
from econsim.app.draft import HEADLINE_PAIRS
from econsim.app.jobs import Answer
from econsim.experiments import headline
from econsim.experiments.simulation import simulate
from econsim.results import DEFAULT_SET, Comparison, Results
from econsim.scenario import ScenarioError

logger = logging.getLogger(__name__)

#: Where they lie inside the package: one folder for each region.
FOLDER = Path(__file__).resolve().parent.parent / "data" / "shipped"
#: Series that the pages show; the rest is left out to keep the files small.
_KEPT = {
    "total": (
        "gdp", "baseline_gdp", "gni", "firms_surplus", "users", "general_users", "open_users",
        "firms", "lost_users", "diverted_users", "gained_users", "open_presence",
        "closed_price_multiple", "controlled_users", "consumption", "wages", "rents_foreign",
        "rents_domestic", "public_spending", "foreign_spending", "ai_spending",
    ),
    "size_class": (
        "users", "firms", "lost_users", "diverted_users", "gained_users", "general_users",
        "open_users", "firms_surplus",
    ),
    "sector": ("contribution",),
    "country": ("survey_users", "survey_firms", "gdp", "baseline_gdp"),
}  # fmt: skip
#: Of these only the last December is kept.
_KEPT_AT_THE_END = ("sector", "country")
_KEPT_GRID = {"total": ("gdp", "baseline_gdp"), "size_class": ("users", "firms")}


@dataclass(frozen=True)
class Shipped:
    """The shipped results of a region.

    Attributes:
        answer: the headline pair, the baseline first, and over the joint axes.
        reasons: why they are stale; empty when they are current.
    """

    answer: Answer
    reasons: tuple[str, ...]

    @property
    def comparison(self) -> Comparison:
        """The headline pair, restrictive minus diverse."""
        return self.answer.comparison()

    @property
    def points(self) -> list[headline.GridPoint]:
        """The pair over the joint axes."""
        return headline.grid_points(self.answer.grid)


#: What :func:`build` makes: results of the headline pair, and the table of the preview.
PARTS = ("results", "preview")


def build(
    folder: str | Path | None = None,
    regions: Sequence[str] = tuple(HEADLINE_PAIRS),
    parts: Sequence[str] = PARTS,
) -> Path:
    """Run the headline pairs and their grids, and what the preview is fitted to, and save them.

    Args:
        folder: where to (default: inside the package); other files in it stay.
        regions: which of ``EU27`` and ``US``.
        parts: which of :data:`PARTS`.

    Returns:
        The folder, with one subfolder for each region.
    """
    target = FOLDER if folder is None else Path(folder)
    for region in regions:
        place = target / region
        place.mkdir(parents=True, exist_ok=True)
        if "results" in parts:
            _run(region, place)
        if "preview" in parts:
            logger.info("%s: runs for the preview", region)
            preview.build(region, place)
        logger.info("%s: saved in %s", region, place)
    return target


def _run(region: str, place: Path) -> None:
    """Run a region's headline pair and its grid, and put the results into a folder."""
    from econsim.experiments.headline import GRID_REPLICATES, GRID_ROWS  # as `econsim run`

    pair = [scenario.load(name) for name in HEADLINE_PAIRS[region]]
    logger.info("%s: the pair", region)
    main = [_trimmed(r, _KEPT) for r in simulate(*pair)]
    logger.info("%s: the joint axes", region)
    grid = headline.run_grid(pair, rows=GRID_ROWS, replicates=GRID_REPLICATES)
    points = [_last_year(_trimmed(r, _KEPT_GRID)) for group in grid.values() for r in group]
    with tempfile.TemporaryDirectory() as beside:
        made = results.save([*main, *points], Path(beside) / region)
        for file in made.iterdir():
            shutil.copyfile(file, place / file.name)


def _trimmed(result: Results, kept: Mapping[str, Sequence[str]]) -> Results:
    """Only the series that are shown."""
    series = {k: v for k, v in result.series.items() if k[0] in kept.get(k[1], ())}
    for key, values in series.items():
        if key[1] in _KEPT_AT_THE_END:
            series[key] = np.full_like(values, np.nan)
            series[key][:, -1] = values[:, -1]
    labels = {k: v for k, v in result.labels.items() if k in kept}
    return replace(result, series=series, labels=labels)


def _last_year(result: Results) -> Results:
    """The months before the last year made missing, which saving leaves out."""
    series = {}
    for key, values in result.series.items():
        blank = np.full_like(values, np.nan)
        blank[:, -12:] = values[:, -12:]
        series[key] = blank
    return replace(result, series=series)


def load(region: str, folder: str | Path | None = None) -> Shipped:
    """The shipped results of a region.

    Raises:
        econsim.results.ResultsError: there are none, or they are damaged.
    """
    place = (FOLDER if folder is None else Path(folder)) / region
    groups: dict[str, list[Results]] = {}
    for result in results.load(place):
        groups.setdefault(result.parameter_set, []).append(result)
    pair = groups.pop(DEFAULT_SET)
    return Shipped(Answer(pair, groups), stale(pair))


def stale(pair: Sequence[Results]) -> tuple[str, ...]:
    """Why saved results are not those of the current scenario files, tables and version."""
    reasons = []
    for result in pair:
        try:
            current = scenario.load(result.scenario).hash()
        except ScenarioError as error:
            reasons.append(str(error))
            continue
        if result.manifest.get("scenario_hash") != current:
            reasons.append(f"the scenario '{result.scenario}' or a parameter default has changed")
    if any(r.manifest.get("data_hash") != data.digest() for r in pair):
        reasons.append("a data table has changed")
    versions = {str(r.manifest.get("econsim")) for r in pair} - {econsim.__version__}
    if versions:
        reasons.append(f"they were made by econsim {', '.join(sorted(versions))}")
    return tuple(reasons)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    build(parts=sys.argv[1:] or PARTS)
