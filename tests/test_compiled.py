"""One source run two ways: equal bits compiled, on threads, in blocks, together, anywhere."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from econsim import compiled, engine, evaluation, population
from econsim.scenario import Scenario

ROOT = Path(__file__).resolve().parent.parent
Build = Callable[..., Scenario]

pytestmark = pytest.mark.skipif(not compiled.available(), reason="no compiler here")


def digest(economies: Sequence[engine.Economy]) -> str:
    """Hash of every recorded number and of what firms remember."""
    found = hashlib.sha256()
    for economy in economies:
        record = economy.record
        for key in sorted(record.series):
            values = np.where(np.isnan(record.series[key]), -1.0, record.series[key])
            found.update(repr(key).encode())
            found.update(np.ascontiguousarray(values).astype("<f8").tobytes())
        for name in engine.REMEMBERED:
            found.update(np.ascontiguousarray(getattr(economy.firms, name)).tobytes())
    return found.hexdigest()


def worlds(
    scenarios: Sequence[Scenario], rows: int = 1500, seed: int = 5, months: int | None = None, **how
) -> list[engine.Economy]:
    """Run scenarios together in a chosen way."""
    shared = population.synthesise(
        scenarios[0].region, rows, seed, threads=how.get("threads", 1), jit=how.get("jit", False)
    )
    together = engine.Worlds(engine.bind_all(scenarios), shared, **how)
    try:
        for _ in range(months or max(s.run.months for s in scenarios)):
            together.month()
    finally:
        together.close()
    return together.economies


@pytest.fixture(scope="module")
def arms(build: Build, ban: Callable[..., dict[str, Any]]) -> list[Scenario]:
    """Worlds that use every path of the evaluation: bans, partial availability, vouchers, moves."""
    costly = {"choice.switching_cost": 50.0, "considering.peers": 0.1}
    voucher = {
        "adoption_voucher": {
            "from": "2024-03", "cap": 5e3, "budget": 2e9, "unit": "EUR",
            "where": {"size_class": ["10-49"], "country": ["DE", "FR"]},
        }
    }  # fmt: skip
    return [
        build("EU27", last="2026-12", name="base"),
        build("EU27", ban("2024-02"), last="2026-12", name="ban"),
        build("EU27", ban("2024-05", compliance_share=0.6), voucher, parameters=costly,
              last="2026-12", name="leaky"),
        build("EU27", {"skills_programme": {"from": "2024-01", "per_year": 1e9, "unit": "EUR"}},
              parameters={"choice.lambda": 0.8, "choice.persistence": 0.5}, last="2026-12",
              name="other parameters"),
    ]  # fmt: skip


AGAINST = {"against": {1: 0, 2: 0}}


@pytest.fixture(scope="module")
def plain(arms: list[Scenario]) -> str:
    """The digest of the worlds run together in NumPy."""
    return digest(worlds(arms, **AGAINST))


def test_compiled_worlds_equal_numpy_to_the_bit(arms: list[Scenario], plain: str) -> None:
    assert digest(worlds(arms, jit=True, **AGAINST)) == plain


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_do_not_matter(arms: list[Scenario], plain: str, threads: int) -> None:
    """Few lanes: threads share out the rows; many: the lanes."""
    assert digest(worlds(arms, rows=1500, jit=True, threads=threads, **AGAINST)) == plain
    pair = arms[:2]
    alone = digest(worlds(pair, rows=20_000, jit=True, months=50))
    assert digest(worlds(pair, rows=20_000, jit=True, months=50, threads=threads)) == alone
    several = [*arms, *arms]
    one = digest(worlds(several, rows=20_000, jit=True, months=40))
    assert digest(worlds(several, rows=20_000, jit=True, months=40, threads=threads)) == one


@pytest.mark.parametrize("block", [16, 48, 4096])
def test_blocks_do_not_matter(
    arms: list[Scenario], plain: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "BLOCK", block)
    monkeypatch.setattr(population, "BLOCK", block)
    assert digest(worlds(arms, jit=True, **AGAINST)) == plain


def test_numpy_chunks_do_not_matter(
    arms: list[Scenario], plain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_NUMPY_BLOCK", 77)
    assert digest(worlds(arms, **AGAINST)) == plain


def test_worlds_together_equal_worlds_alone(arms: list[Scenario], differing_series: Any) -> None:
    """Whatever else is in the pass: other policies (and so other classes), other parameters."""
    together = worlds(arms, jit=True)
    for scenario, economy in zip(arms, together, strict=True):
        (alone,) = worlds([scenario], jit=True)
        assert not differing_series(alone.record.series, economy.record.series), scenario.name
        for name in engine.REMEMBERED:
            assert (getattr(alone.firms, name) == getattr(economy.firms, name)).all()
        for name in ("value", "usage", "firms", "scale", "users", "considering", "hurdle"):
            assert (getattr(alone.totals, name) == getattr(economy.totals, name)).all(), name


def test_a_shorter_horizon_stands_beside_a_longer_one(build: Build, differing_series: Any) -> None:
    short, long = build(last="2023-12"), build(last="2025-12", name="long")
    both = engine.run_together([short, long], rows=1500, seed=5)
    assert both[0].record.series["users", "total"].shape == (36, 1)
    for one, economy in zip((short, long), both, strict=True):
        alone = engine.run(one, rows=1500, seed=5)
        assert not differing_series(alone.record.series, economy.record.series)


def test_worlds_must_fit_together(build: Build) -> None:
    with pytest.raises(ValueError, match="share region and options"):
        engine.run_together([build("EU27"), build("US")], rows=1500, seed=1)


def test_luck_is_drawn_once_for_arms_that_share_it(
    arms: list[Scenario], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the ban both arms have the same luck; a second draw would be wasted."""
    drawn = []
    luck = evaluation.luck
    monkeypatch.setattr(evaluation, "luck", lambda *a: (drawn.append(a[2]), luck(*a)))
    worlds(arms[:2], months=36)
    assert drawn and set(drawn) == {0}


PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
from conftest import BAN, build_scenario
from test_compiled import digest, worlds
arms = [build_scenario("EU27", last="2024-12"),
        build_scenario("EU27", {{"open_release_ban": {{"from": "2024-03", **BAN}}}},
                       last="2024-12")]
from econsim import compiled
print(digest(worlds(arms, jit=compiled.available())))
"""


def elsewhere(environment: dict[str, str]) -> str:
    """The digest in another process with other environment variables."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(tests=str(ROOT / "tests"))],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()[-1]


#: Of these two worlds; the same with Python 3.11 and 3.13, NumPy 2.4 and 2.5, any processor.
#: It changes with the rules, the parameters and the data, and then every number changes.
DIGEST = "815abbed9d923a67ef01137849410e9c0b11420e792ac1f416f0914444e25f06"


def test_the_processor_does_not_matter(tmp_path: Path) -> None:
    """NumPy; compiled; compiled for a processor without AVX, from nothing, beside NumPy without."""
    features = "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR AVX2 FMA3"
    plain = {
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NPY_DISABLE_CPU_FEATURES": _dispatched(features.split()),
        "ECONSIM_CACHE": str(tmp_path),
    }
    assert elsewhere({"ECONSIM_JIT": "0"}) == DIGEST
    assert elsewhere({}) == DIGEST
    assert elsewhere(plain) == DIGEST
    # What was compiled was kept, where only its owner can write.
    (kept,) = tmp_path.iterdir()
    assert any(kept.rglob("*.nbi"))
    if hasattr(os, "getuid"):
        assert kept.stat().st_mode & 0o077 == 0


def _dispatched(features: Sequence[str]) -> str:
    """Those features that NumPy would use here: naming another one is a warning."""
    core = sys.modules["numpy"]._core._multiarray_umath
    known = {f for f in core.__cpu_dispatch__ if core.__cpu_features__.get(f)}
    return " ".join(known if not features else (known & set(features)) or known)


# --- Where compiled code is kept ------------------------------------------------------------------


def test_a_folder_that_others_can_write_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies there is executed."""
    if not hasattr(os, "getuid"):
        pytest.skip("no owners here")
    monkeypatch.setenv("ECONSIM_CACHE", str(tmp_path))
    place = compiled.folder()
    assert place is not None and place.parent == tmp_path
    place.chmod(0o777)
    assert compiled.folder() is None


def test_without_a_folder_it_works_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = tmp_path / "file"
    taken.write_text("not a folder")
    monkeypatch.setenv("ECONSIM_CACHE", str(taken))
    assert compiled.folder() is None
    found = compiled.functions()["by_group"]
    values = np.arange(12.0).reshape(1, 4, 3)
    groups = np.array([[0, 0, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0]])
    sums = np.zeros((3, 1, 2, 3))
    found(values, groups, sums, (0, 1))
    assert sums[0, 0].tolist() == [[3.0, 5.0, 7.0], [15.0, 17.0, 19.0]]


def test_two_processes_may_start_at_once(tmp_path: Path) -> None:
    program = (
        "import numpy as np; from econsim import compiled; "
        "s = np.zeros((3, 1, 2, 3)); g = np.array([[0, 0, 1, 1]] * 3); "
        "compiled.functions()['by_group'](np.ones((1, 4, 3)), g, s, (0, 1)); print(s.sum())"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            env={**os.environ, "ECONSIM_CACHE": str(tmp_path)},
            cwd=ROOT,
        )
        for _ in range(3)
    ]
    for process in started:
        out, _ = process.communicate(timeout=300)
        assert process.returncode == 0 and out.split() == [b"36.0"]


def test_the_folder_is_named_by_the_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    before = compiled.digest()
    assert before == compiled.digest()
    monkeypatch.setattr(compiled, "MODULES", compiled.MODULES[:-1])
    assert compiled.digest() != before


def test_compilation_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECONSIM_JIT", "0")
    assert not compiled.available() and compiled.twin() is None and not compiled.is_warm()
    assert not engine.is_worth_compiling(1e12)


def test_small_work_is_not_worth_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    engine._asked.clear()
    monkeypatch.setattr(compiled, "is_warm", lambda: False)
    assert not engine.is_worth_compiling(engine.WORTH_LOADING)
    assert engine.is_worth_compiling(engine.WORTH_COMPILING)
    engine._asked.clear()
    monkeypatch.setattr(compiled, "is_warm", lambda: True)
    assert not engine.is_worth_compiling(0.5 * engine.WORTH_LOADING)
    # Work adds up over the life of a process.
    assert engine.is_worth_compiling(0.5 * engine.WORTH_LOADING)


# --- Memory and interruption ----------------------------------------------------------------------


def test_what_does_not_fit_is_refused_before_it_starts(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "memory_available", lambda: 1.0e9)
    with pytest.raises(engine.TooLargeError, match=r"need about 1\.\d GB .* 1\.0 GB are available"):
        engine.run_together([build(), build(name="b")], rows="full", seed=1)
    with pytest.raises(MemoryError, match=r"use --firms [\d_]+ or fewer"):
        engine.check_memory(1e8, 2, "EU27", 180)
    engine.check_memory(1e6, 2, "EU27", 180)


def test_the_estimate_of_memory_is_near_what_is_held(build: Build) -> None:
    economy = engine.run(build(last="2021-12"), rows=100_000)
    shared, state = economy.worlds.people, economy.worlds.state
    held = sum(column.nbytes for column in (*shared, *state))
    cells, options = economy.bound.cells.count, len(economy.bound.options)
    estimate = engine.memory_needed(1e5, 1, cells, options, 12)
    fixed = engine.memory_needed(0.0, 1, cells, options, 12)
    assert held / 100_000 == 35.0
    assert 1.0 <= (estimate - fixed) / held < 1.2


def test_an_interrupted_run_keeps_what_it_did(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Ctrl-C leaves the months that were done as a valid folder that says how much it is."""
    from econsim import cli, results

    month = engine.Worlds.month

    def until(self: engine.Worlds, decide: Any = None) -> None:
        if self.period == 45:
            raise KeyboardInterrupt
        month(self, decide)

    monkeypatch.setattr(engine.Worlds, "month", until)
    place = tmp_path / "out"
    names = ["eu-diverse", "eu-restrictive", "--firms", "1000", "--replicates", "1", "--out"]
    with pytest.raises(SystemExit) as ended:
        cli.main(["run", *names, str(place)])
    assert ended.value.code == 130
    assert "36 of 180 months of 1 replicate" in capsys.readouterr().err
    stored = results.load(place)
    assert [r.scenario for r in stored] == ["eu-diverse", "eu-restrictive"]
    assert all(r.months == 36 and r.manifest["months"] == 36 for r in stored)
    assert stored[0].manifest["partial"] == "36 of 180 months of 1 replicate"
    assert results.compare(stored[1], stored[0]).difference("gdp", 2023).mean == 0.0
