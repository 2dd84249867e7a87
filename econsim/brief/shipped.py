"""Findings of long studies that come with econsim, for the pair they are about.

``python -m econsim.brief.shipped results`` makes them anew from the stores of the four studies in
:data:`STUDIES` (``econsim sweep NAME``) and from runs of its own: about five minutes.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from econsim import figures, findings, scenario
from econsim.experiments import decomposition, ensemble
from econsim.experiments.headline import PAIRS
from econsim.experiments.simulation import manifest, replicate_seed, simulate, simulate_many
from econsim.experiments.store import Store
from econsim.figures import Figure
from econsim.results import Comparison, compare

logger = logging.getLogger(__name__)

#: Studies that explain a region's headline: of its sensitivity, and of when it reverses.
STUDIES = {
    "EU27": ("headline-sensitivity", "where-it-reverses"),
    "US": ("headline-sensitivity-us", "where-it-reverses-us"),
}
#: Firms, replicates and parameter sets of the ensemble's runs, and firms of the decompositions,
#: which run the pair dozens of times with mechanisms held.
ROWS, REPLICATES, MEMBERS, DECOMPOSED_ROWS, SEED = 20_000, 4, 48, 6_000, 1
#: The headline population: outcome, dimension, group.
_USE = ("use", "size_class", figures.HEADLINE_GROUP)
#: One folder for each region, with ``findings/NAME.json`` as ``Figure.json`` writes them.
FOLDER = Path(__file__).resolve().parent.parent / "data" / "shipped"


def of_pair(comparison: Comparison, folder: str | Path | None = None) -> dict[str, Figure]:
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


def build(
    stores: str | Path, regions: Sequence[str] = tuple(PAIRS), folder: str | Path | None = None
) -> list[Path]:
    """Make the findings of each region's headline pair.

    Args:
        stores: folder that holds the stores of :data:`STUDIES`.
        regions: which of ``EU27`` and ``US``.
        folder: where to (default: inside the package).

    Returns:
        The files.

    Raises:
        StoreError: a study is missing or incomplete.
    """
    written = []
    for region in regions:
        place = (FOLDER if folder is None else Path(folder)) / region / "findings"
        place.mkdir(parents=True, exist_ok=True)
        made = {**_of_studies(Path(stores), region), **_of_runs(region)}
        for name, figure in made.items():
            path = place / f"{name}.json"
            path.write_text(replace(figure, name=name).json(), encoding="utf-8")
            written.append(path)
        logger.info("%s: %s", region, ", ".join(made))
    return written


def _of_studies(stores: Path, region: str) -> dict[str, Figure]:
    """What moves the effect on GDP and on use, what is worth knowing, and when GNI turns."""
    importance, turning = (Store.open(stores / name) for name in STUDIES[region])
    arm = findings.last_arm(importance)
    gdp = importance.study.keep("gdp_gain")
    made = {"tornado": findings.tornado(importance, gdp, arm)}
    _, made["value_of_information"] = findings.information(importance, gdp, arm)
    made["tornado_use"] = findings.tornado(importance, importance.study.keep("use:10-249"), arm)
    (made["reversal"],) = findings.reversal(turning, turning.study.keep("gni"), arm).figures
    return made


def _of_runs(region: str) -> dict[str, Figure]:
    """The effects on GDP and on use by mechanism, and with kinds of uncertainty apart."""
    reference, acted = (scenario.load(name) for name in PAIRS[region])
    seeds = [replicate_seed(SEED, r) for r in range(REPLICATES)]
    certificate = {
        "n": REPLICATES,
        "results": [
            {"scenario": s.name, **manifest(s, DECOMPOSED_ROWS, seeds)} for s in (reference, acted)
        ],
    }
    made = {}
    wanted: dict[str, tuple[str, dict[str, Any]]] = {
        "decomposition": ("gdp_gain", {}),
        "decomposition_use": (_USE[0], {"by": _USE[1], "group": _USE[2]}),
    }
    for name, (outcome, where) in wanted.items():
        logger.info("%s: %s", region, name)
        found = decomposition.decompose(
            reference, acted, outcome, rows=DECOMPOSED_ROWS, replicates=REPLICATES, seed=SEED,
            **where,
        )  # fmt: skip
        made[name] = findings.mechanisms(found, region, certificate)
    logger.info("%s: ensemble", region)
    chosen = ensemble.load(region)
    pair = [reference, acted]
    baseline, policy = simulate(*pair, rows=ROWS, replicates=REPLICATES, seed=SEED)
    comparison = compare(policy, baseline)
    (lines,) = ensemble.spreads(
        pair, chosen, figures.last_year(policy), members=MEMBERS, rows=ROWS, seed=SEED
    )
    names = {v.name: v.title for v in ensemble.VARIANTS}
    sets = simulate_many(
        ensemble.spread_sets(pair, chosen, MEMBERS), rows=ROWS, replicates=1, seed=SEED
    )
    others = {k: compare(r[1], r[0]) for k, r in sets.items()}
    readings = {names[v]: others.pop(f"variant:{v}") for v in names}
    drawn = {
        "kinds_of_uncertainty": figures.kinds_of_uncertainty(lines, comparison, names),
        "gdp_bands": figures.gdp_bands(comparison, list(others.values()), readings),
    }
    card = {"sha256": chosen.digest, "members": MEMBERS}
    for name, figure in drawn.items():
        made[name] = replace(figure, provenance={**figure.provenance, "ensemble": card})
    return made


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    build(*sys.argv[1:2])
