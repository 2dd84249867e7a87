"""Sweeps: every run once, whatever happens to the machine, the same numbers wherever it runs."""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from econsim import cli
from econsim.experiments import execution, simulation, study
from econsim.experiments.store import Store, StoreError
from econsim.experiments.study import ExecutorFile, Study

#: One machine's threads, one at a time: what most tests need.
ALONE = ExecutorFile(kind="threads", workers=1)


def arm_text(share: float = 0.0) -> str:
    """An arm that takes open options away from mid-2021, short enough for tests."""
    return json.dumps(
        {
            "title": "open models withdrawn",
            "extends": "us-diverse",
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
        "arms": {"diverse": "us-diverse", "restrictive": "arm.yaml"},
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
    """The command line in a process of its own."""
    # A test runner in the background ignores Ctrl-C, and what it starts would ignore it too.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "econsim", *arguments],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)


# --- kill -9 ------------------------------------------------------------------------------------

#: Two arms, 250 replicates: 500 runs of some 50 ms.
FIVE_HUNDRED: dict[str, Any] = {
    "run": {"firms": 1000, "replicates": 250, "seed": 3, "horizon": ["2021-01", "2021-12"]},
    "uncertainties": [],
}


def test_kill_nine_at_ten_moments_of_500_runs_loses_and_repeats_nothing(
    make: Callable[..., Study], tmp_path: Path
) -> None:
    given = make(**FIVE_HUNDRED)
    command = ("sweep", given.path, "--resume", "--workers", "2", "--out", "killed")
    executors = (("--executor", "processes"), ("--executor", "threads"))
    place = tmp_path / "killed"
    kills = 0
    seen = 0
    for number in range(10):
        process = start(*command, *executors[number % 3 > 0], cwd=tmp_path)
        # Ten moments, spread over the runs, each at another place within a run.
        goal = seen + 10 + 2 * number
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
    execution.sweep(whole, executor=ALONE)
    assert numbers(store) == numbers(whole)


def _records(place: Path) -> int:
    """Lines on disk, however far the writer is."""
    return sum(p.read_bytes().count(b"\n") for p in place.glob("shards/*.jsonl"))


# --- one number wherever it is made -------------------------------------------------------------


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A small study made by one thread, in order.  Treat it as read-only."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "arm.yaml").write_text(arm_text(), encoding="utf-8")
    (folder / "small.yaml").write_text(study_text(), encoding="utf-8")
    store = Store.create(folder / "store", study.load(folder / "small.yaml"))
    tally = execution.sweep(store, executor=ALONE)
    assert (tally.done, tally.failed, tally.total) == (12, 0, 12)
    return store


@pytest.mark.parametrize(
    ("kind", "workers", "shuffle"),
    [("threads", 2, None), ("threads", 4, 7), ("processes", 2, 8)],
)
def test_numbers_do_not_depend_on_workers_or_order(
    alone: Store, tmp_path: Path, kind: str, workers: int, shuffle: int | None
) -> None:
    store = Store.create(tmp_path / "store", alone.study)
    executor = ExecutorFile.model_validate({"kind": kind, "workers": workers, "batch": 1})
    execution.sweep(store, executor=executor, shuffle=shuffle)
    assert numbers(store) == numbers(alone)


def test_a_kept_number_is_that_of_econsim_run(alone: Store) -> None:
    given = alone.study
    found = simulation.simulate(*given.arms.values(), rows=1000, replicates=1, seed=3)
    # The second point is as the scenarios are, but for the hazard.
    point = given.points[1]
    pair = [given.at(arm, point) for arm in given.arms]
    found = simulation.simulate(*pair, rows=1000, replicates=3, seed=3)
    kept = given.keep("use:10-249@2021")
    responses = alone.responses(kept)
    for arm, result in zip(given.arms, found, strict=True):
        expected = result.yearly("use", 2021, "size_class", "10-249")
        assert (responses.levels(arm)[1] == expected).all()


def test_dask_with_a_scheduler_and_two_workers_one_of_them_killed(
    make: Callable[..., Study], tmp_path: Path
) -> None:
    given = make(run={"firms": 1000, "replicates": 60, "seed": 3,
                      "horizon": ["2021-01", "2021-12"]}, uncertainties=[])  # fmt: skip
    python = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    log = (tmp_path / "dask.log").open("w")

    def begin(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*arguments], cwd=tmp_path, stdout=log, stderr=log, stdin=subprocess.DEVNULL, text=True
        )

    place = tmp_path / "scheduler.json"
    processes = [
        begin(*python, "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file",
              str(place))
    ]  # fmt: skip
    try:
        _wait_for(place.is_file)
        address = json.loads(place.read_text(encoding="utf-8"))["address"]
        assert address.startswith("tcp://127.0.0.1:")
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1"]
        worker += ["--no-dashboard", "--host", "127.0.0.1", "--no-nanny"]
        processes += [begin(*worker), begin(*worker)]
        sweep = start(
            "sweep", given.path, "--executor", "dask", "--scheduler", address, "--out", "dask",
            cwd=tmp_path,
        )  # fmt: skip
        _wait_for(lambda: _records(tmp_path / "dask") >= 8 or sweep.poll() is not None)
        assert sweep.poll() is None, "it ended before a worker could be killed"
        processes[1].send_signal(signal.SIGKILL)
        out, err = sweep.communicate(timeout=200)
        assert sweep.returncode == 0, err
        assert "120 of 120 runs, 0 failed" in out
    finally:
        for process in processes[::-1]:
            process.kill()
            process.wait()
        log.close()
    store = Store.open(tmp_path / "dask")
    assert not store.contents().repeated
    whole = Store.create(tmp_path / "whole", given)
    execution.sweep(whole, executor=ALONE)
    assert numbers(store) == numbers(whole)


def _wait_for(true: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_a_scheduler_that_is_not_there_is_the_machines_no(
    make: Callable[..., Study],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(execution, "PATIENCE", 0.5)
    given = make()
    out = str(tmp_path / "store")
    code, _, err = call(
        capsys, "sweep", given.path, "--scheduler", "tcp://127.0.0.1:9", "--out", out
    )
    assert code == 5
    assert "no Dask scheduler at 'tcp://127.0.0.1:9'" in err
    code, _, err = call(capsys, "sweep", given.path, "--executor", "dask", "--out", out, "--resume")
    assert code == 2
    assert "--scheduler" in err
    code, _, err = call(capsys, "sweep", given.path, "--executor", "dusk", "--out", out)
    assert code == 2
    assert "did you mean 'dask'" in err


def test_a_killed_worker_process_takes_nothing_with_it(
    make: Callable[..., Study], tmp_path: Path
) -> None:
    given = make(run={"firms": 1000, "replicates": 40, "seed": 3,
                      "horizon": ["2021-01", "2021-12"]}, uncertainties=[])  # fmt: skip
    sweep = start("sweep", given.path, "--workers", "2", "--out", "store", cwd=tmp_path)
    _wait_for(lambda: _records(tmp_path / "store") >= 6 or sweep.poll() is not None)
    shard = next((tmp_path / "store" / "shards").glob("*.jsonl"))
    first = json.loads(shard.read_bytes().split(b"\n")[0])
    os.kill(first["made"]["process"], signal.SIGKILL)
    out, err = sweep.communicate(timeout=200)
    assert sweep.returncode == 0, err
    assert "80 of 80 runs, 0 failed" in out
    assert not Store.open(tmp_path / "store").contents().repeated


# --- the store ----------------------------------------------------------------------------------


@pytest.fixture
def copy(alone: Store, tmp_path: Path) -> Path:
    """A copy of the small store beside a copy of its study."""
    for name in ("arm.yaml", "small.yaml"):
        (tmp_path / name).write_bytes((alone.folder.parent / name).read_bytes())
    shutil.copytree(alone.folder, tmp_path / "store")
    return tmp_path


def last_shard(folder: Path) -> Path:
    return sorted((folder / "store" / "shards").glob("*.jsonl"))[-1]


def test_every_run_has_its_birth_certificate(alone: Store) -> None:
    manifest = json.loads((alone.folder / "study.json").read_text(encoding="utf-8"))
    assert manifest["runs"] == 12
    assert set(manifest["model"]) >= {"engine", "behaviour", "accounts", "simulation"}
    assert manifest["units"]["gdp@2021"].startswith("USD billion")
    for run, record in alone.contents().done.items():
        assert re.fullmatch(r"[0-9a-f]{32}", run)
        assert record.seed == 3 * 1_000_003 + record.replicate
        assert 0.0 <= record.worst_identity < 1e-9
        assert record.seconds > 0.0 and record.memory > 1e6 and record.made["process"]
    assert (alone.folder / "study.yaml").read_text(encoding="utf-8") == alone.study.text


def test_a_torn_last_record_is_tolerated_said_and_made_again(
    copy: Path, alone: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    shard = last_shard(copy)
    shard.write_bytes(shard.read_bytes()[:-40])
    code, out, _ = call(capsys, "status", str(copy / "store"))
    assert code == 0
    assert "11 of 12 runs" in out and "half-written" in out and shard.name in out
    code, out, _ = call(
        capsys, "sweep", str(copy / "small.yaml"), "--out", str(copy / "store"), "--resume",
        "--workers", "1",
    )  # fmt: skip
    assert code == 0
    assert "half-written" in out and "12 of 12" in out
    assert numbers(Store.open(copy / "store")) == numbers(alone)


def test_a_corrupted_record_is_refused_and_costs_no_other(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shard = last_shard(copy)
    lines = shard.read_bytes().split(b"\n")
    lines[3] = lines[3].replace(b'"replicate":', b'"replicate":1')
    shard.write_bytes(b"\n".join(lines))
    code, _, err = call(capsys, "status", str(copy / "store"))
    assert code == 2
    assert f"{shard}:4: the record is damaged" in err and "Move this shard" in err
    shard.rename(copy / "damaged.jsonl")
    code, out, _ = call(
        capsys, "sweep", str(copy / "small.yaml"), "--out", str(copy / "store"), "--resume",
        "--workers", "1",
    )  # fmt: skip
    assert code == 0 and "12 of 12" in out


def test_a_store_of_a_newer_version_is_refused(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = copy / "store" / "study.json"
    manifest = json.loads(place.read_text(encoding="utf-8"))
    place.write_text(json.dumps({**manifest, "schema_version": 99}), encoding="utf-8")
    before = sorted(p.name for p in (copy / "store").rglob("*"))
    for command in (("status",), ("sweep", str(copy / "small.yaml"), "--resume", "--out")):
        code, _, err = call(capsys, *command, str(copy / "store"))
        assert code == 2
        assert "newer version" in err
    assert sorted(p.name for p in (copy / "store").rglob("*")) == before


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"arm": 0.5}, "arms.restrictive.instruments[1].set_ was 0.0 and is 0.5"),
        ({"run": {"seed": 4}}, "run.seed was 3 and is 4"),
        ({"run": {"firms": 2000}}, "run.firms was 1000 and is 2000"),
        ({"uncertainties": [{"design": "grid", "values": {"considering.hazard": [0.01, 0.03]}}]},
         "uncertainties[1].values.considering.hazard[2] was 0.02 and is 0.03"),
        ({"outcomes": [{"outcome": "gdp", "years": [2021]}]}, "outcomes[1] was"),
        ({"run": {"replicates": 2}}, "runs are never thrown away"),
    ],
)  # fmt: skip
def test_a_changed_study_is_refused_naming_the_key(
    copy: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], key: str
) -> None:
    changed = dict(change)
    (copy / "arm.yaml").write_text(arm_text(changed.pop("arm", 0.0)), encoding="utf-8")
    body = json.loads(study_text())
    run = {**body["run"], **changed.pop("run", {})}
    (copy / "small.yaml").write_text(study_text(**{**changed, "run": run}), encoding="utf-8")
    code, _, err = call(
        capsys, "sweep", str(copy / "small.yaml"), "--out", str(copy / "store"), "--resume"
    )
    assert code == 2
    assert key in err


def test_a_changed_model_is_refused(
    copy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = study.model_source()
    monkeypatch.setattr(study, "model_source", lambda: {**real, "supply": "0" * 64})
    code, _, err = call(
        capsys, "sweep", str(copy / "small.yaml"), "--out", str(copy / "store"), "--resume"
    )
    assert code == 2
    assert "the model has changed" in err and "supply.py" in err
    # What is there can still be read.
    assert call(capsys, "status", str(copy / "store"))[0] == 0


def test_more_replicates_run_exactly_as_many_more(
    copy: Path, alone: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = call(
        capsys, "sweep", str(copy / "small.yaml"), "--out", str(copy / "store"), "--resume",
        "--replicates", "5", "--workers", "1", "--json",
    )  # fmt: skip
    assert code == 0
    told = json.loads(out)
    # From 3 to 5 replicates: 2 arms x 2 points x 2 more.
    assert (told["total"], told["made"], told["done"]) == (20, 8, 20)
    grown = Store.open(copy / "store")
    assert grown.study.replicates == 5
    assert {k: v for k, v in numbers(grown).items() if k in numbers(alone)} == numbers(alone)


def test_a_store_is_not_overwritten_without_resume(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = call(capsys, "sweep", str(copy / "small.yaml"), "--out", str(copy / "store"))
    assert code == 2
    assert "--resume" in err
    code, _, err = call(capsys, "sweep", str(copy / "small.yaml"), "--out", str(copy))
    assert code == 2
    assert "is not a run store" in err


def test_two_processes_on_one_store_do_not_corrupt_it(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store.open(copy / "store")
    with store.writing():
        assert Store.open(copy / "store").in_use()
        done = subprocess.run(
            [sys.executable, "-m", "econsim", "sweep", "small.yaml", "--resume", "--out", "store"],
            cwd=copy, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 5
        assert "in use by process" in done.stderr
    assert not store.in_use()
    assert numbers(store)


def test_the_store_answers_in_sql_also_with_a_torn_record(copy: Path) -> None:
    shard = last_shard(copy)
    shard.write_bytes(shard.read_bytes()[:-40])
    store = Store.open(copy / "store")
    table = store.query(
        "SELECT arm, count(*) AS n, avg(value) AS use FROM kept "
        "WHERE outcome = 'use:10-249@2021' GROUP BY arm ORDER BY arm"
    )
    assert list(table["arm"]) == ["diverse", "restrictive"]
    assert table["n"].sum() == 11
    joined = store.query(
        "SELECT count(*) AS n FROM runs JOIN plan USING (variant) JOIN points ON points.point = "
        'plan.point WHERE points."considering.hazard" = 0.02'
    )
    assert 5 <= joined["n"][0] <= 6
    with pytest.raises(StoreError, match="cannot be answered"):
        store.query("SELECT * FROM read_csv('/etc/hostname')")
    with pytest.raises(StoreError, match="cannot be answered"):
        store.query("SELECT nothing")


def test_no_space_left_is_the_machines_no_and_the_store_stays_valid(
    make: Callable[..., Study],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = make()
    real, calls = os.write, 0

    def full(descriptor: int, content: Any) -> int:
        """Half of the third record, then no space."""
        nonlocal calls
        if bytes(content[:7]) != b'{"run":':
            if calls >= 3:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(descriptor, content)
        calls += 1
        if calls >= 3:
            return real(descriptor, bytes(content)[: len(content) // 2])
        return real(descriptor, content)

    out = str(tmp_path / "store")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        code, _, err = call(capsys, "sweep", given.path, "--workers", "1", "--out", out)
    assert code == 5
    assert "No space left" in err and "could not be stored" in err
    contents = Store.open(out).contents()
    assert len(contents.done) == 4 and not contents.torn
    code, shown, _ = call(capsys, "sweep", given.path, "--workers", "1", "--out", out, "--resume")
    assert code == 0 and "12 of 12 runs" in shown

    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=100))
    code, _, err = call(
        capsys, "sweep", given.path, "--workers", "1", "--out", str(tmp_path / "other")
    )
    assert code == 5
    assert "12 runs need about" in err


# --- failures -----------------------------------------------------------------------------------

#: With the first hazard observed use cannot be reproduced, so its runs fail; with the other not.
HALF: dict[str, Any] = {
    "uncertainties": [{"design": "grid", "values": {"considering.hazard": [0.002, 0.0133]}}]
}


def test_failures_are_rows_with_a_command_and_can_be_retried(
    make: Callable[..., Study], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = make(**HALF)
    out = str(tmp_path / "store")
    code, shown, err = call(capsys, "sweep", given.path, "--workers", "1", "--out", out)
    assert code == 3
    assert "6 of 12 runs, 6 failed" in shown
    assert "6 x [run] MeanFieldError" in err
    failed = Store.open(out).contents().failed
    record = next(iter(failed.values()))
    assert record.error["stage"] == "run"
    assert "Traceback" in record.error["traceback"]
    words = shlex.split(record.error["reproduce"])
    assert words[:2] == ["econsim", "sweep"]
    code, _, err = call(capsys, *words[1:])
    assert code == 2 and "cannot be reproduced" in err

    # A resume leaves failures alone, --retry-failed makes them again.
    code, shown, _ = call(
        capsys, "sweep", given.path, "--workers", "1", "--out", out, "--resume", "--json"
    )
    assert code == 3 and json.loads(shown)["made"] == 0
    code, shown, _ = call(
        capsys, "sweep", given.path, "--workers", "1", "--out", out, "--retry-failed", "--json"
    )
    assert code == 3 and json.loads(shown)["made"] == 6

    # Analysis refuses the incomplete study, and says so when told to go on.
    code, _, err = call(capsys, "rank", out, "--outcome", "gdp")
    assert code == 2
    assert "6 of 12 runs" in err and "--allow-incomplete" in err
    figures = tmp_path / "figures"
    code, shown, _ = call(
        capsys, "rank", out, "--outcome", "gdp", "--allow-incomplete", "--out", str(figures)
    )
    assert code == 0
    assert "INCOMPLETE: 6 of 12 runs" in shown
    assert "6 of 12 runs" in json.loads((figures / "ranking.json").read_text())["note"]


def test_retrying_mends_what_can_be_mended(
    make: Callable[..., Study], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alone: Store
) -> None:
    given = make()
    store = Store.create(tmp_path / "store", given)
    real = execution.perform_together

    def moody(tasks: Any) -> Any:
        for task in tasks:
            if task.replicate == 1 and any(s.package.entries for s in task.scenarios):
                raise MemoryError("too little")
        return real(tasks)

    with monkeypatch.context() as patch:
        patch.setattr(execution, "perform_together", moody)
        tally = execution.sweep(store, executor=ALONE)
    # Only the arm that failed, at both points; the other arm of the pair was kept.
    assert (tally.done, tally.failed) == (10, 2)
    assert {r.arm for r in store.contents().failed.values()} == {"restrictive"}
    tally = execution.sweep(store, executor=ALONE, retry_failed=True)
    assert (tally.made, tally.done, tally.failed) == (2, 12, 0)
    assert not store.contents().failed
    assert list(numbers(store).values()) and set(numbers(store)) == set(numbers(alone))
    assert numbers(store) == numbers(alone)


def test_a_study_whose_first_runs_all_fail_stops_early(
    make: Callable[..., Study], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = make(
        uncertainties=[{"design": "list", "points": [{"considering.hazard": 0.002}]}],
        run={"firms": 1000, "replicates": 50, "seed": 3, "horizon": ["2021-01", "2021-12"]},
        stop_after_failures=4,
    )
    out = str(tmp_path / "store")
    code, shown, err = call(capsys, "sweep", given.path, "--workers", "1", "--out", out, "--json")
    assert code == 3
    assert "stopped early" in err
    told = json.loads(shown)
    assert told["total"] == 100 and 4 <= told["failed"] <= 20


def test_an_interrupted_sweep_leaves_a_valid_store(
    make: Callable[..., Study], tmp_path: Path
) -> None:
    # Long enough that it is still under way when the signal comes.
    longer = FIVE_HUNDRED["run"] | {"firms": 4000, "horizon": ["2021-01", "2035-12"]}
    given = make(**FIVE_HUNDRED | {"run": longer})
    sweep = start("sweep", given.path, "--workers", "2", "--out", "store", cwd=tmp_path)
    _wait_for(lambda: _records(tmp_path / "store") >= 4 or sweep.poll() is not None)
    sweep.send_signal(signal.SIGINT)
    _, err = sweep.communicate(timeout=60)
    assert sweep.returncode == 130, err
    store = Store.open(tmp_path / "store")
    assert not store.in_use()
    contents = store.contents()
    assert 4 <= len(contents.done) < 500
    assert not contents.torn


# --- before and while ---------------------------------------------------------------------------


def test_dry_run_counts_exactly_and_tells_disk_within_a_tenth(
    alone: Store, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    place = tmp_path / "nothing"
    code, out, _ = call(
        capsys, "sweep", alone.study.path, "--dry-run", "--out", str(place), "--json"
    )
    assert code == 0
    told = json.loads(out)
    assert told["runs"] == 12
    real = sum(p.stat().st_size for p in alone.folder.rglob("*") if p.is_file())
    assert abs(told["disk"] / real - 1.0) < 0.1
    assert told["memory"] > 1e7
    assert 0.0 < told["seconds"][0] < told["seconds"][1]
    assert not place.exists()
    code, out, _ = call(capsys, "sweep", alone.study.path, "--dry-run", "--out", str(place))
    assert code == 0 and "12 runs (2 arms x 2 points x 3 replicates" in out


def test_runs_that_are_the_same_scenario_are_made_once(make: Callable[..., Study]) -> None:
    levers = [
        {"term": "closed.price", "scale": [1.0, 1.2, 1.5], "unit": "multiple", "from": "2021-03",
         "arms": ["restrictive"]}
    ]  # fmt: skip
    found = study.plan(make(levers=levers, uncertainties=[]), 1)
    # The lever does not touch the diverse arm: 3 + 1 scenarios, 3 replicates.
    assert (len(found.study.points), found.runs) == (3, 12)


def test_memory_does_not_grow_with_the_number_of_runs(
    make: Callable[..., Study], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alone: Store
) -> None:
    made = execution.perform(simulation.Task(tuple(alone.study.arms.values()), 1000, 0, 7))
    monkeypatch.setattr(execution, "perform_together", lambda tasks: [made for _ in tasks])
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    peaks = []
    for runs in (1000, 10_000):
        given = make(
            run={"firms": 1000, "replicates": runs // 2, "seed": 3,
                 "horizon": ["2021-01", "2021-12"]},
            uncertainties=[],
        )  # fmt: skip
        store = Store.create(tmp_path / str(runs), given)
        tracemalloc.start()
        tally = execution.sweep(store, executor=ALONE)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert tally.done == runs
    # Ten times the runs: a list of identities more, nothing else.
    assert peaks[1] - peaks[0] < 4_000_000


def test_studies_are_answered_from_the_command_line(
    alone: Store, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, _, err = call(capsys, "answer", str(alone.folder))
    assert code == 2 and "asks no question" in err
    code, _, err = call(capsys, "sensitivity", str(alone.folder), "--outcome", "gdp")
    assert code == 2 and "no sobol or morris design" in err
    code, _, err = call(capsys, "rank", str(alone.folder), "--outcome", "gpd")
    assert code == 2 and "did you mean 'gdp" in err
    code, _, err = call(capsys, "discover", str(alone.folder), "--arm", "restrictve")
    assert code == 2 and "did you mean 'restrictive'" in err
    code, _, err = call(capsys, "status", str(tmp_path))
    assert code == 2 and "not a run store" in err


def test_a_run_that_kills_its_worker_twice_is_a_failure_and_no_other_is(
    make: Callable[..., Study], tmp_path: Path
) -> None:
    store = Store.create(tmp_path / "store", make())
    (batch, *_) = execution.batches(store.plan, (), 2)
    deadly = batch.groups[0].variants[0].run(batch.seed)

    class Workers:
        window = 2

        def submit(self, batch: execution.Batch) -> Future[Any]:
            found: Future[Any] = Future()
            runs = [v.run(batch.seed) for g in batch.groups for v in g.variants]
            if deadly in runs:
                found.set_exception(execution.WorkerLostError("killed"))
            else:
                found.set_result([(run, False) for run in runs])
            return found

    reports = [r for found in execution._drive(store, Workers(), [batch]) for r in found]  # type: ignore[arg-type]
    assert len(reports) == batch.runs == 4
    assert [run for run, failed in reports if failed] == [deadly]
    record = store.contents().failed[deadly]
    assert record.error["stage"] == "worker" and "out of memory" in record.error["message"]
