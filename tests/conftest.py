"""Short scenarios and shared runs for all tests; what CI demands of browser tests.

Scenarios are described as plain mappings and go through :func:`econsim.loads` (JSON is YAML), so
a test sees exactly what a file would give.
"""

from __future__ import annotations

import csv
import inspect
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from econsim import data, engine, scenario
from econsim.experiments import simulation
from econsim.results import Results
from econsim.scenario import Run, Scenario

settings.register_profile(
    "econsim", deadline=None, derandomize=True, database=None, max_examples=60, print_blob=False
)
settings.load_profile("econsim")

# --- CI: a browser test that cannot run is a failure --------------------------------------------


def _browser_required() -> bool:
    return os.environ.get("ECONSIM_REQUIRE_BROWSER") == "1"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """With ECONSIM_REQUIRE_BROWSER=1 a skipped browser test fails."""
    outcome = yield
    report = outcome.get_result()
    if _browser_required() and report.skipped and item.get_closest_marker("browser"):
        report.outcome = "failed"
        report.longrepr = (
            f"ECONSIM_REQUIRE_BROWSER=1, but a browser test was skipped: {report.longrepr}"
        )


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """The same for a whole module of browser tests that skips itself on import."""
    outcome = yield
    report = outcome.get_result()
    if (
        _browser_required()
        and report.skipped
        and isinstance(collector, pytest.Module)
        and "mark.browser" in collector.path.read_text(encoding="utf-8")
    ):
        report.outcome = "failed"
        report.longrepr = (
            f"ECONSIM_REQUIRE_BROWSER=1, but browser tests were skipped: {report.longrepr}"
        )


# --- Scenarios ----------------------------------------------------------------------------------

BASELINES = {"EU27": "eu-diverse", "US": "us-diverse"}
#: World-wide withdrawal of open weights, as the shipped restrictive scenarios have it.
BAN: dict[str, Any] = {
    "object": ["release", "hosting", "use"],
    "jurisdiction": "world",
    "existing_weights": "withdrawn",
    "compliance_share": 1.0,
    "reentry_share": 0.5,
}

Build = Callable[..., Scenario]


def build_scenario(
    region: str = "EU27",
    *instruments: Mapping[str, Any],
    parameters: Mapping[str, float] | None = None,
    options: Mapping[str, Any] | None = None,
    last: str = "2026-12",
    rows: int = 1000,
    replicates: int = 1,
    seed: int = 11,
    title: str = "test",
    name: str = "test",
) -> Scenario:
    """A scenario that extends a shipped baseline, as if read from a file."""
    text = json.dumps(
        {
            "title": title,
            "extends": BASELINES[region],
            "parameters": dict(parameters or {}),
            "options": dict(options or {}),
            "instruments": list(instruments),
            "run": {
                "horizon": ["2021-01", last],
                "firms": rows,
                "replicates": replicates,
                "seed": seed,
            },
        }
    )
    return scenario.loads(text, name)


@pytest.fixture(scope="session")
def build() -> Build:
    """:func:`build_scenario`."""
    return build_scenario


@pytest.fixture(scope="session")
def ban() -> Callable[..., dict[str, Any]]:
    """An open-release ban as a file entry; keywords change it (``start`` is its first month)."""

    def make(start: str = "2025-01", **changes: Any) -> dict[str, Any]:
        return {"open_release_ban": {"from": start, **BAN, **changes}}

    return make


@pytest.fixture(scope="session")
def short_run() -> Callable[[Scenario], Run]:
    """Run settings of a scenario with another horizon, number of rows or seed."""

    def change(given: Scenario, **changes: Any) -> Run:
        return Run.model_validate({**given.run.model_dump(), **changes})

    return change


# --- Shared runs --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pair:
    """The baseline and the restrictive scenario of a region, run firm by firm."""

    baseline: Scenario
    restrictive: Scenario
    start: int
    results: tuple[Results, Results]


@pytest.fixture(scope="session", params=["EU27", "US"])
def pair(request: pytest.FixtureRequest, ban: Callable[..., dict[str, Any]]) -> Pair:
    """Both worlds of a region, ban from January 2025, three replicates, to 2027."""
    common = {"last": "2027-12", "rows": 1500, "replicates": 3}
    base = build_scenario(request.param, name="base", **common)
    other = build_scenario(request.param, ban("2025-01"), name="restrictive", **common)
    runs = simulation.simulate(base, other, workers=1)
    return Pair(base, other, 48, (runs[0], runs[1]))


@pytest.fixture(scope="session")
def economy() -> engine.Economy:
    """The EU baseline run to the end of 2027 with 2,000 rows.  Treat it as read-only."""
    return engine.run(build_scenario(last="2027-12", rows=2000))


@pytest.fixture(scope="session")
def run() -> Callable[[Scenario], engine.Economy]:
    """Run a scenario, once per session for all that ask for the same.  Treat it as read-only."""
    known: dict[tuple[Any, ...], engine.Economy] = {}

    def once(given: Scenario) -> engine.Economy:
        key = (given.hash(), given.run.firms, given.run.seed)
        if key not in known:
            known[key] = engine.run(given)
        return known[key]

    return once


# --- Rules: plain, one by one, compiled -----------------------------------------------------------

#: Domains of rule arguments by name; others are drawn from 0.1 to 2.
DOMAINS: dict[str, tuple[float, float]] = {
    "persons": (1.0, 5e4),
    "usage": (0.2, 5e4),
    "size": (-2.4, 9.0),
    "log_odds": (-12.0, 12.0),
    "value_added": (1e3, 1e9),
    "benefit_": (1.0, 1e7),
    "net": (1e-3, 1e7),
    "cost": (1.0, 1e6),
    "trait": (-3.0, 6.0),
    "taste": (-12.0, 6.0),
    "value": (-30.0, 30.0),
    "best": (-30.0, 30.0),
    "utility": (-30.0, 30.0),
    "no_option": (-3.0, 30.0),
    "largest": (-30.0, 30.0),
    "inclusive": (-30.0, 30.0),
    "exponential_sum": (1.0, 5.0),
    "gumbel_draw": (-3.5, 36.0),
    "log_stable": (-5.0, 60.0),
    "dissimilarity": (0.05, 1.0),
    "persistence": (0.0, 1.0),
    "rate": (0.0, 1.0),
    "presence": (0.0, 1.0),
    "reentry": (0.0, 1.0),
    "open_share": (0.01, 0.6),
    "progress": (-40.0, 250.0),
    "midpoint": (0.0, 180.0),
    "month": (0.0, 180.0),
    "index": (0.05, 1.0),
    "u": (1e-9, 1.0 - 1e-9),
    "v": (1e-9, 1.0 - 1e-9),
    "draw": (1e-9, 1.0 - 1e-9),
}
_BOOLEAN = {"applicable", "was_user", "same_family"}
_WHOLE = {"tenure": 5, "chosen": 6, "option": 6}


def rule_arguments(rule: Callable[..., Any], count: int, seed: int = 3) -> dict[str, np.ndarray]:
    """Random arguments of a rule, ``ndarray[count]`` each, within the domains of their names."""
    rng = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {}
    for name in inspect.signature(rule).parameters:
        if name in _BOOLEAN:
            found[name] = rng.random(count) < 0.5
        elif name in _WHOLE:
            found[name] = rng.integers(0, _WHOLE[name], count)
        else:
            low, high = DOMAINS.get(name, (0.1, 2.0))
            found[name] = low + (high - low) * rng.random(count)
    return found


def compiled(*modules: ModuleType) -> dict[str, Any]:
    """All functions of modules, compiled by Numba from their unchanged source, by name.

    Functions see one another compiled: they are re-executed in one namespace.
    """
    numba = pytest.importorskip("numba")
    namespace: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for module in modules:
        own = dict(vars(module))
        for name, value in vars(module).items():
            if isinstance(value, FunctionType) and value.__module__ == module.__name__:
                copy = FunctionType(value.__code__, own, name, value.__defaults__)
                own[name] = found[name] = numba.njit(copy)
            elif name in namespace:
                own[name] = namespace[name]
        namespace |= found
    return found


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays hold equal bits (0.0 and -0.0 differ, NaN equals itself)."""
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype == np.float64 and b.dtype == np.float64:
        a, b = a.view(np.int64), b.view(np.int64)
    return a.shape == b.shape and bool((a == b).all())


@dataclass(frozen=True)
class Rules:
    """What tests of rules need: arguments, compilation, comparison of bits."""

    arguments: Callable[..., dict[str, np.ndarray]] = rule_arguments
    compiled: Callable[..., dict[str, Any]] = compiled
    same_bits: Callable[[Any, Any], bool] = same_bits

    def check_elementwise(self, rule: Callable[..., Any]) -> None:
        """Whole array, reversed, row by row: equal bits, and no argument is changed."""
        given = self.arguments(rule, 500)
        kept = {k: v.copy() for k, v in given.items()}
        whole = np.asarray(rule(**given))
        assert whole.shape == (500,)
        assert np.isfinite(whole.astype(np.float64)).all()
        assert all(self.same_bits(given[k], kept[k]) for k in given), "an argument was changed"
        backwards = np.asarray(rule(**{k: v[::-1] for k, v in given.items()}))
        assert self.same_bits(whole, backwards[::-1].copy())
        for i in range(0, 500, 7):
            row = np.asarray(rule(**{k: v[i : i + 1] for k, v in given.items()}))
            assert self.same_bits(row, whole[i : i + 1])

    def check_compiled(self, rule: Callable[..., Any], jitted: Callable[..., Any]) -> None:
        """One row at a time in compiled code equals the whole array in NumPy, bit for bit."""
        given = self.arguments(rule, 500)
        whole = np.asarray(rule(**given))
        names = list(given)
        rows = [jitted(*(given[k][i] for k in names)) for i in range(500)]
        assert self.same_bits(np.array(rows).reshape(-1).astype(whole.dtype), whole)


@pytest.fixture(scope="session")
def rules() -> Rules:
    """Helpers for tests of pure rules."""
    return Rules()


# --- Series -------------------------------------------------------------------------------------

Series = Mapping[tuple[str, str], np.ndarray]


def differing(a: Series, b: Series) -> list[str]:
    """Names of recorded series that are not bit-identical."""
    assert set(a) == set(b)
    return [f"{n} by {d}" for (n, d) in sorted(a) if not same_bits(a[n, d], b[n, d])]


@pytest.fixture(scope="session")
def differing_series() -> Callable[[Series, Series], Sequence[str]]:
    """:func:`differing`."""
    return differing


@pytest.fixture
def changed_tables(tmp_path: Path) -> Callable[..., Path]:
    """``changed_tables(name, change)``: a copy of the tables with the rows of one changed.

    ``change`` takes a row and returns it, or ``None`` to drop it.
    """

    def copy(name: str, change: Callable[[dict[str, str]], dict[str, str] | None]) -> Path:
        folder = tmp_path / "data"
        shutil.copytree(Path(data.__file__).parent / "data", folder, dirs_exist_ok=True)
        place = folder / f"{name}.csv"
        with place.open(newline="", encoding="utf-8") as handle:
            reader = csv.DictReader(handle)
            header = list(reader.fieldnames or ())
            rows = [r for r in (change(dict(row)) for row in reader) if r is not None]
        with place.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, header, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return folder

    return copy
