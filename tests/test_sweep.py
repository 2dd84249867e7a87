"""Sweeps: every run once, whatever happens to the machine, the same numbers wherever it runs."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from econsim import cli
from econsim.experiments import execution, study
from econsim.experiments.store import Record, Shard, Store, StoreError
from econsim.experiments.study import ExecutorFile, Study

#: One machine's threads, one at a time: what most tests need.
ALONE = ExecutorFile(kind="threads", workers=1)


def arm_text(share: float = 0.0) -> str:
    """An arm that takes open options away from mid-2021, short enough for tests."""
    return json.dumps(
        {
            "title": "open models withdrawn",
            "extends": "eu-diverse",
            "instruments": [
                {"term": "open.available", "set": share, "unit": "share", "from": "2021-06"}
            ],
            "run": {"horizon": ["2021-01", "2021-12"]},
        }
    )


def study_text(**changes: Any) -> str:
    """A small study: 2 arms x 2 points x 3 replicates = 12 runs unless changed."""
    body: dict[str, Any] = {
        "title": "a small study",
        "arms": {"diverse": "eu-diverse", "restrictive": "arm.yaml"},
        "run": {"firms": 1000, "replicates": 3, "seed": 3, "horizon": ["2021-01", "2021-12"]},
        "uncertainties": [
            {"design": "grid", "values": {"considering.hazard": [0.01, 0.02]}},
        ],
        "outcomes": [
            {"outcome": "use", "by": "size_class", "groups": ["10-249"], "years": [2021]},
            {"outcome": "gdp", "years": [2021]},
        ],
    }
    return json.dumps(body | changes)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Study]:
    """A study from a file in a folder of its own."""

    def build(share: float = 0.0, **changes: Any) -> Study:
        (tmp_path / "arm.yaml").write_text(arm_text(share), encoding="utf-8")
        path = tmp_path / "small.yaml"
        path.write_text(study_text(**changes), encoding="utf-8")
        return study.load(path)

    return build


def numbers(store: Store) -> dict[str, tuple[float, ...]]:
    """Run -> kept numbers, bit for bit."""
    return {run: r.values for run, r in store.contents().done.items()}


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command line in this process; exit code, output, errors."""
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    shown = capsys.readouterr()
    return int(ended.value.code or 0), shown.out, shown.err


def start(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    """The command line in a process of its own, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "econsim", *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# --- kill -9 ------------------------------------------------------------------------------------

#: Five points, two arms, fifty replicates: 500 runs of some 50 ms.
FIVE_HUNDRED: dict[str, Any] = {
    "run": {"firms": 1000, "replicates": 50, "seed": 3, "horizon": ["2021-01", "2021-12"]},
    "uncertainties": [
        {
            "design": "grid",
            "values": {"considering.hazard": [0.005, 0.01, 0.0133, 0.02, 0.03]},
        }
    ],
}


def test_kill_nine_at_ten_moments_of_500_runs_loses_and_repeats_nothing(
    make: Callable[..., Study], tmp_path: Path
) -> None:
    given = make(**FIVE_HUNDRED)
    command = ("sweep", given.path, "--resume", "--workers", "2", "--out", "killed")
    place = tmp_path / "killed"
    kills = 0
    seen = 0
    for number in range(10):
        process = start(*command, cwd=tmp_path)
        # Ten moments, spread over the runs, each at another place within a run.
        goal = min(seen + 20 + 3 * number, 480)
        while process.poll() is None and _records(place) < goal:
            time.sleep(0.02)
        time.sleep(0.013 * number)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate()
        seen = _records(place)
    assert kills == 10
    assert 0 < seen < 500
    process = start(*command, cwd=tmp_path)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "500 of 500 runs, 0 failed" in out
    store = Store.open(place)
    contents = store.contents()
    assert len(contents.done) == 500
    assert not contents.failed
    assert not contents.repeated, "a run was made twice"

    whole = Store.create(tmp_path / "whole", given)
    execution.sweep(whole, executor=ExecutorFile(kind="processes", workers=2))
    assert numbers(store) == numbers(whole)


def _records(place: Path) -> int:
    """Lines on disk, however far the writer is."""
    return sum(p.read_bytes().count(b"\n") for p in place.glob("shards/*.jsonl"))
