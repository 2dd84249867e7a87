"""The preview: bands that hold on points held out, and a reason where there is none."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from econsim import scenario
from econsim.app import preview, shipped
from econsim.app.preview import FAMILIES, TARGETS, NoPreviewError
from econsim.experiments.simulation import simulate, simulate_many
from econsim.results import compare
from econsim.scenario import Scenario

REGIONS = {"EU27": "eu-diverse", "US": "us-diverse"}


def policy(instruments: str, base: str = "eu-diverse", more: str = "") -> Scenario:
    text = f"title: x\nextends: {base}\n{more}instruments:\n{instruments}"
    return scenario.loads(text, "x")


SANDBOX = "  - sandbox: {from: 2027-01, risk_cut: 0.2}\n"


@pytest.mark.parametrize("region", REGIONS)
def test_the_shipped_table_is_of_todays_model_and_its_bands_hold(region: str) -> None:
    held = []
    for kind in FAMILIES:
        for found in preview.emulators(region, kind, shipped.FOLDER):
            assert found.coverage >= 0.75, f"{kind}, {found.outcome}"
            assert found.error > 0.0
            held.append(found.coverage)
    # 90 % bands: over all families they hold about nine in ten points that were held out.
    assert 0.85 <= np.mean(held) <= 0.97


def test_the_shipped_table_is_what_the_model_gives() -> None:
    with (shipped.FOLDER / "EU27" / "preview.csv").open(encoding="utf-8") as stream:
        rows = [r for r in csv.DictReader(stream) if r["point"] == "0"]
    assert [r["family"] for r in rows] == list(FAMILIES)
    worlds = preview._worlds("EU27", preview.design()[0])[:4]
    (found,) = simulate_many(
        {"0": worlds}, rows=preview.ROWS, replicates=1, seed=int(rows[0]["seed"])
    ).values()
    for row, result in zip(rows, found[1:], strict=False):
        for target in TARGETS:
            gap = compare(result, found[0]).difference(
                target.outcome, 2035, target.by, target.group
            )
            assert gap.mean == pytest.approx(float(row[target.outcome]), rel=1e-9, abs=1e-12), (
                "build it anew: python -m econsim.app.shipped preview"
            )


def test_new_runs_lie_in_the_bands() -> None:
    """One run of every family at a point and with a seed that were not trained on."""
    point = {"choice.lambda": 0.65, "choice.open_share": 0.22, "supply.price_response": 0.2}
    for kind, family in FAMILIES.items():
        for number, (name, (low, high)) in enumerate(family.strengths.items()):
            point[f"{kind}.{name}"] = low + (0.3 + 0.15 * number) * (high - low)
    worlds = preview._worlds("EU27", point)
    base, *results = simulate(*worlds, rows=preview.ROWS, replicates=1, seed=4321)
    inside = []
    for world, result in zip(worlds[1:], results, strict=True):
        for estimate, target in zip(
            preview.estimates(world, worlds[0], shipped.FOLDER), TARGETS, strict=True
        ):
            gap = compare(result, base).difference(target.outcome, 2035, target.by, target.group)
            assert gap.unit == estimate.unit
            assert estimate.low < estimate.value < estimate.high
            inside.append(estimate.low <= gap.mean <= estimate.high)
    # They share one seed, so they miss together: nine in ten on average, seven here.
    assert np.mean(inside) >= 0.7, f"{sum(inside)} of {len(inside)}"


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (policy(SANDBOX + "  - evaluation_standards: {from: 2027-01, risk_cut: 0.1}\n"),
         "one instrument at a time"),
        (policy("  - sandbox: {from: 2028-01, risk_cut: 0.2}\n"), "another ‘from’"),
        (policy("  - sandbox: {from: 2027-01, risk_cut: 0.2, where: {size_class: [0-9]}}\n"),
         "another ‘where’"),
        (policy("  - sandbox: {from: 2027-01, risk_cut: 1.2}\n"), "risk cut = 1.2 is outside"),
        (policy("  - misuse_cost: {from: 2027-01, per_firm: 5, unit: EUR}\n"), "misuse cost is"),
        (policy("  - {term: open.price, scale: 2, unit: multiple, from: 2027-01}\n"),
         "change of a term"),
        (policy(SANDBOX, more="parameters: {choice.lambda: 0.4}\n"), "differ in assumptions"),
        (policy(SANDBOX, more="options: {open_own: {price: 999}}\n"), "options and months"),
    ],
)  # fmt: skip
def test_outside_what_was_trained_there_is_a_reason(made: Scenario, why: str) -> None:
    with pytest.raises(NoPreviewError, match=why):
        preview.estimates(made, scenario.load("eu-diverse"), shipped.FOLDER)


def test_other_assumptions_and_other_baselines_have_no_preview() -> None:
    moved = {"benefit.ceiling": 0.3}
    base, made = (
        s.with_changes(parameters=moved) for s in (scenario.load("eu-diverse"), policy(SANDBOX))
    )
    with pytest.raises(NoPreviewError, match=r"benefit\.ceiling is not among"):
        preview.estimates(made, base, shipped.FOLDER)
    with pytest.raises(NoPreviewError, match="against eu-diverse only"):
        preview.estimates(made, scenario.load("eu-restrictive"), shipped.FOLDER)
    with pytest.raises(NoPreviewError, match="exactly zero"):
        preview.estimates(base, base, shipped.FOLDER)


def test_a_table_of_another_model_is_not_used(tmp_path: Path) -> None:
    place = tmp_path / "EU27"
    place.mkdir()
    with pytest.raises(NoPreviewError, match="missing"):
        preview.emulators("EU27", "sandbox", tmp_path)
    for name in ("preview.csv", "preview.json"):
        (place / name).write_bytes((shipped.FOLDER / "EU27" / name).read_bytes())
    assert preview.emulators("EU27", "sandbox", tmp_path)
    content = json.loads((place / "preview.json").read_text(encoding="utf-8"))
    content["data_hash"] = "0" * 64
    (place / "preview.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(NoPreviewError, match="not that of today"):
        preview.emulators("EU27", "sandbox", tmp_path)
