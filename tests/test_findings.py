"""From a store to a sentence and a figure: every kind of question, on planted answers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from econsim import cli, findings
from econsim.experiments import study
from econsim.experiments.store import Record, Store, StoreError, signature
from econsim.experiments.study import Point
from econsim.figures import export

OUTCOMES = [
    {"outcome": "gni", "years": [2035]},
    {"outcome": "users", "years": [2035]},
    {"outcome": "open_share", "years": [2035]},
]
Values = Callable[[str, Point, int], tuple[float, ...]]


@pytest.fixture
def fill(tmp_path: Path) -> Callable[..., Store]:
    """A store of a study whose runs are made up: (arm, point, replicate) -> kept numbers."""

    def make(values: Values, leave_out: int = 0, **changes: Any) -> Store:
        body: dict[str, Any] = {
            "title": "planted",
            "question": "is it found?",
            "arms": {"diverse": "us-diverse", "restrictive": "us-restrictive"},
            "run": {"firms": 1000, "replicates": 2},
            "outcomes": OUTCOMES,
        }
        store = Store.create(tmp_path / "store", study.loads(json.dumps(body | changes), "planted"))
        given = store.study
        with store.writing():
            shard = store.shard("test")
            runs = [
                Record(
                    v.run(given.replicate_seed(r)), v.key, v.arm, v.point, r,
                    given.replicate_seed(r), "done", values(v.arm, given.points[v.point], r),
                    made=signature(),
                )
                for r in range(given.replicates)
                for v in store.plan.variants
            ]  # fmt: skip
            shard.append(runs[leave_out:])
            shard.close()
        return store

    return make


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command line in this process; exit code, output, errors."""
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    shown = capsys.readouterr()
    return int(ended.value.code or 0), shown.out, shown.err


def plain(arm: str, point: Point, replicate: int) -> tuple[float, ...]:
    """GNI falls by 2 lambda with some noise; a tenth fewer open users."""
    noise = 0.01 * replicate
    lost = 2.0 * point.uncertainties.get("choice.lambda", 0.5) + noise
    return (100.0 - lost, 1e6, 20.0) if arm == "restrictive" else (100.0, 1e6, 30.0)


RANGES = {"choice.lambda": [0.2, 0.9], "benefit.saving": [0.1, 0.4]}


def test_sensitivity_names_what_matters_and_what_is_worth_knowing(
    fill: Callable[..., Store], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    store = fill(
        plain,
        uncertainties=[{"design": "sobol", "samples": 64, "ranges": RANGES}],
        analysis={"kind": "sensitivity", "outcome": "gni"},
    )
    out = tmp_path / "figures"
    code, shown, err = call(capsys, "answer", str(store.folder), "--out", str(out))
    assert code == 0, err
    assert "choice.lambda" in shown and "knowing choice.lambda would narrow it most" in shown
    drawn = json.loads((out / "sensitivity.json").read_text(encoding="utf-8"))
    assert "users lost, not diverted (λ) matters most" in drawn["title"]
    assert drawn["provenance"]["scenario_hashes"]
    rows = {r["label"]: r for r in drawn["data"]}
    assert rows["Users lost, not diverted (λ)"]["value"] == pytest.approx(1.0, abs=0.05)
    assert rows["Saving on a task done with AI"]["faint"]
    assert rows["Dummy, acts on nothing"]["faint"]
    for ending in ("svg", "png", "pdf", "html", "csv"):
        certificate = export.provenance_of(out / f"sensitivity.{ending}")
        assert certificate["scenario_hashes"] == drawn["provenance"]["scenario_hashes"]
    assert (out / "finding.txt").read_text(encoding="utf-8").strip() in shown
    code, shown, _ = call(capsys, "sensitivity", str(store.folder), "--outcome", "gni")
    assert code == 0 and "Convergence of total indices" in shown
    code, shown, _ = call(
        capsys, "emulate", str(store.folder), "--outcome", "gni", "--at", "choice.lambda=0.5",
        "--json", "--out", str(tmp_path / "e.json"),
    )  # fmt: skip
    assert code == 0
    told = json.loads(shown)
    assert told["preview"][0] == pytest.approx(-1.005, abs=0.01)
    assert told["coverage"] > 0.5 and told["held_out_error"] < 0.05
    assert (tmp_path / "e.json").is_file()
    code, _, err = call(
        capsys, "emulate", str(store.folder), "--outcome", "gni", "--at", "choice.lambda=0.1"
    )
    assert code == 2 and "outside" in err


def test_discovery_tells_when_the_diverse_ecosystem_does_not_win(
    fill: Callable[..., Store], capsys: pytest.CaptureFixture[str]
) -> None:
    def reverses(arm: str, point: Point, replicate: int) -> tuple[float, ...]:
        wins = point.uncertainties["choice.lambda"] < 0.45
        return (100.0 + (0.5 if wins else -0.5) * (arm == "restrictive"), 1e6, 30.0)

    store = fill(
        reverses,
        uncertainties=[{"design": "lhs", "samples": 200, "ranges": RANGES}],
        analysis={"kind": "discovery", "outcome": "gni", "arm": "restrictive"},
    )
    code, shown, _ = call(capsys, "answer", str(store.folder))
    assert code == 0
    assert "'diverse' does not beat 'restrictive' in Gross national income, 2035 in 7" in shown
    assert "choice.lambda below 0.4" in shown and "of resamples" in shown
    code, shown, _ = call(
        capsys, "discover", str(store.folder), "--outcome", "gni", "--threshold", "3"
    )
    assert code == 0 and "or more in Gross national income, 2035 in 0 of 200 futures" in shown


def test_ranking_says_regret_and_break_even(
    fill: Callable[..., Store], capsys: pytest.CaptureFixture[str]
) -> None:
    store = fill(
        plain,
        uncertainties=[{"design": "grid", "values": {"choice.lambda": [0.25, 0.5]}}],
        analysis={"kind": "ranking", "outcome": "gni"},
    )
    code, shown, _ = call(capsys, "answer", str(store.folder))
    assert code == 0
    assert "'diverse' has the smallest largest regret" in shown
    # 0.505 and 1.005 billion over 100,000 open users.
    assert "Misuse would have to cost society 7,550 USD per open user and year" in shown


def test_arms_keep_noise_and_ignorance_apart(
    fill: Callable[..., Store], capsys: pytest.CaptureFixture[str]
) -> None:
    store = fill(
        plain,
        uncertainties=[{"design": "grid", "values": {"choice.lambda": [0.25, 0.75]}}],
        analysis={"kind": "arms", "outcome": "gni"},
    )
    finding = findings.answer(store)
    row = finding.figures[0].data.iloc[0]
    assert row["value"] == pytest.approx(-1.005)
    assert row["high"] - row["low"] == pytest.approx(2 * 12.706 * 0.005, rel=1e-3)
    assert (row["wide_low"], row["wide_high"]) == pytest.approx((-1.505, -0.505))
    assert "over points" in finding.sentence
    assert finding.figures[0].plotly().layout.title.text


def test_the_surface_shows_both_axes(fill: Callable[..., Store]) -> None:
    axes = {"choice.lambda": [0.2, 0.5], "choice.open_share": [0.1, 0.2, 0.3]}
    store = fill(
        plain,
        uncertainties=[{"design": "grid", "values": axes}],
        analysis={"kind": "surface", "outcome": "gni"},
    )
    finding = findings.answer(store)
    data = finding.figures[0].data
    assert len(data) == 6 * len(OUTCOMES)
    gni = data[(data["outcome"] == "gni@2035") & (data["lambda"] == 0.2)]
    assert gni["mean"].to_numpy() == pytest.approx([-0.405] * 3)
    assert len(finding.figures[0].plotly().data) == len(OUTCOMES)


def test_an_incomplete_study_is_refused_or_says_so_on_every_figure(
    fill: Callable[..., Store], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    store = fill(
        plain,
        leave_out=15,
        uncertainties=[{"design": "lhs", "samples": 125, "ranges": RANGES}],
        analysis={"kind": "arms", "outcome": "gni"},
    )
    with pytest.raises(StoreError, match="485 of 500 runs"):
        findings.answer(store)
    out = tmp_path / "figures"
    code, shown, _ = call(
        capsys, "answer", str(store.folder), "--allow-incomplete", "--out", str(out)
    )
    assert code == 0 and "INCOMPLETE: 485 of 500 runs" in shown
    drawn = json.loads((out / "arms.json").read_text(encoding="utf-8"))
    for key in ("subtitle", "note", "alt"):
        assert "485 of 500 runs" in drawn[key]


def test_a_run_without_a_number_is_not_a_zero(fill: Callable[..., Store]) -> None:
    store = fill(lambda arm, point, replicate: (math.nan, 1.0, 2.0))
    kept = store.study.keep("gni")
    assert all(math.isnan(r.values[0]) for r in store.contents().done.values())
    assert store.responses(kept).made == 4
