"""Findings of long studies that come with econsim, for the pair they are about."""

from __future__ import annotations

from pathlib import Path

from econsim import scenario
from econsim.figures import Figure
from econsim.results import Comparison

#: Pairs that findings are shipped for: region -> baseline, scenario.
PAIRS = {"EU27": ("eu-diverse", "eu-restrictive"), "US": ("us-diverse", "us-restrictive")}
#: One folder for each region, with ``findings/NAME.json`` as ``Figure.json`` writes them.
FOLDER = Path(__file__).resolve().parent.parent / "data" / "shipped"


def findings(comparison: Comparison, folder: str | Path | None = None) -> dict[str, Figure]:
    """Shipped findings, where the comparison is the very pair that they are about.

    Args:
        comparison: a scenario minus its baseline.
        folder: of the regions (default: inside the package).

    Returns:
        Name -> figure, in the order of the names; empty for any pair but the headline pair of a
        region as its scenario files stand today.

    Raises:
        econsim.results.ResultsError: a file is damaged.
    """
    region = str(comparison.a.manifest.get("region"))
    pair = (comparison.b, comparison.a)
    if tuple(r.scenario for r in pair) != PAIRS.get(region):
        return {}
    if any(r.manifest.get("scenario_hash") != scenario.load(r.scenario).hash() for r in pair):
        return {}
    base = FOLDER if folder is None else Path(folder)
    files = sorted((base / region / "findings").glob("*.json"))
    return {path.stem: Figure.from_json(path.read_text(encoding="utf-8")) for path in files}
