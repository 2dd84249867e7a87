"""Results: outcomes, intervals, pairing, and folders that are whole or not there."""

from __future__ import annotations

import json
import math
import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from econsim import engine, results
from econsim.experiments import headline, simulation
from econsim.results import OUTCOMES, Estimate, Results, ResultsError, compare, estimate
from econsim.scenario import Scenario

Build = Callable[..., Scenario]


@pytest.fixture(scope="module")
def made(build: Build, ban: Any) -> list[Results]:
    """A small pair: two replicates to 2024, ban in 2024."""
    common = {"last": "2024-12", "replicates": 2}
    base, other = build(name="base", **common), build("EU27", ban("2024-01"), name="ban", **common)
    return simulation.simulate(base, other, workers=1)


# --- Outcomes -------------------------------------------------------------------------------------


def test_every_outcome_has_words_unit_and_a_recorded_series(made: list[Results]) -> None:
    against_baseline = {"lost_users", "diverted_users", "gained_users", "worse_off_firms"}
    for name, outcome in OUTCOMES.items():
        assert outcome.name == name
        assert outcome.label and outcome.definition.endswith(".")
        assert outcome.unit and outcome.kind in ("stock", "flow", "rate")
        for recorded in (outcome.numerator, outcome.denominator):
            assert recorded is None or recorded in engine.RECORDED or recorded in against_baseline
        values = made[1].values(name)
        assert values.shape == (2, 48)


def test_every_recorded_series_is_shown_by_some_outcome() -> None:
    """A series that no outcome shows would be a number without unit and definition."""
    shown = {o.numerator for o in OUTCOMES.values()} | {o.denominator for o in OUTCOMES.values()}
    hidden = set(engine.RECORDED) - shown
    assert not hidden, f"recorded but never shown: {sorted(hidden)}"


def test_units_are_in_the_currency_of_the_region(made: list[Results]) -> None:
    assert made[0].unit("gdp").startswith("EUR billion")
    dollars = replace(made[0], manifest={**made[0].manifest, "currency": "USD"})
    assert dollars.unit("gdp").startswith("USD billion")
    assert made[0].unit("use") == "percent of firms"


def test_a_rate_of_a_group_is_the_rate_of_its_firms(made: list[Results]) -> None:
    use = made[0].values("use", "size_class", "10-249")
    users, firms = (
        sum(made[0].series[n, "size_class"][:, :, made[0].labels["size_class"].index(s)]
            for s in ("10-49", "50-249"))
        for n in ("users", "firms")
    )  # fmt: skip
    assert use == pytest.approx(100.0 * users / firms)
    parts = [made[0].values("use", "size_class", s) for s in ("10-49", "50-249")]
    assert (np.minimum(*parts) <= use).all() and (use <= np.maximum(*parts)).all()


def test_years(made: list[Results]) -> None:
    """Stocks: December.  Flows: the mean of monthly annual rates.  Rates: over all events."""
    r = made[0]
    assert (r.yearly("use", 2024) == r.values("use")[:, 47]).all()
    assert r.yearly("gdp", 2023) == pytest.approx(r.values("gdp")[:, 24:36].mean(axis=1))
    leavers, users = (
        r.series[n, "total"][:, 36:48, 0].sum(axis=1) for n in ("leavers", "evaluating_users")
    )
    assert r.yearly("leaving_rate", 2024) == pytest.approx(100.0 * leavers / users)
    gain = r.series["gdp", "total"][:, 36:48, 0].sum(axis=1)
    gain = 100.0 * gain / r.series["baseline_gdp", "total"][:, 36:48, 0].sum(axis=1) - 100.0
    assert r.yearly("gdp_gain", 2024) == pytest.approx(gain)
    for year in (2020, 2025):
        with pytest.raises(ResultsError, match=f"{year} is not a whole year"):
            r.yearly("gdp", year)


def test_frames_are_tidy(made: list[Results]) -> None:
    frame = made[0].frame("use", by=["size_class"])
    assert tuple(frame.columns) == results.COLUMNS
    assert len(frame) == 2 * 48 * len(made[0].labels["size_class"])
    keys = [c for c in results.COLUMNS if c != "value"]
    assert not frame.duplicated(keys).any()
    assert set(frame["unit"]) == {"percent of firms"}
    assert set(frame["country"]) == {"all"} and set(frame["scenario"]) == {"base"}
    assert sorted(set(frame["month"]))[0] == "2021-01"
    one = frame[
        (frame["replicate"] == 1) & (frame["month"] == "2024-12") & (frame["size_class"] == "10-49")
    ]
    assert one["value"].item() == made[0].values("use", "size_class", "10-49")[1, 47]
    total = made[0].frame("gdp")
    assert set(total["size_class"]) == {"all"} and len(total) == 96


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: r.values("gpd"), "unknown outcome 'gpd'; did you mean 'gdp'"),
        (lambda r: r.values("gni", "country", "DE"), "'gni' is not recorded by country"),
        (lambda r: r.values("use", "country", "XX"), "no country 'XX' here"),
        (lambda r: r.groups("gni", "sector"), "not recorded by sector"),
        (lambda r: r.frame("use", by=["country", "sector"]), "one dimension at a time"),
        (lambda r: r.frame("use", by=["planet"]), "unknown dimension 'planet'"),
        (lambda r: r.yearly("lost_users", 2024), "not recorded in these results"),
    ],
)
def test_questions_without_an_answer(
    made: list[Results], call: Callable[[Results], Any], message: str
) -> None:
    with pytest.raises(ResultsError, match=message):
        call(made[0])


# --- Intervals ------------------------------------------------------------------------------------


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_the_interval_is_students(values: list[float]) -> None:
    draws = np.array(values)
    found = estimate(draws, "x")
    assert (found.n, found.unit) == (len(values), "x")
    reach = stats.sem(draws) * stats.t.ppf(0.975, len(values) - 1)
    scale = np.abs(draws).max()
    assert found.mean == pytest.approx(draws.mean(), abs=1e-9 * scale + 1e-12)
    assert found.half_width == pytest.approx(reach, rel=1e-9, abs=1e-9 * scale + 1e-12)


def test_one_run_has_no_interval() -> None:
    found = estimate(np.array([3.0]), "x")
    assert found.mean == 3.0 and math.isnan(found.low) and math.isnan(found.high)
    assert "one run, no interval" in found.text()


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    covered = [
        e.low <= 0.0 <= e.high
        for e in (estimate(rng.standard_normal(10), "x") for _ in range(3000))
    ]
    assert np.mean(covered) == pytest.approx(results.CONFIDENCE, abs=0.015)


@pytest.mark.parametrize(
    ("mean", "half", "text"),
    [
        (12.3456, 0.5, "12.35 (11.85 to 12.85)"),
        (12.3456, 0.05, "12.346 (12.296 to 12.396)"),
        (12.3456, 5.0, "12.3 (7.3 to 17.3)"),
        (12.3456, 50.0, "12 (-38 to 62)"),
        (123456.7, 3000.0, "123,500 (120,500 to 126,500)"),
        (-0.00123, 0.0004, "-0.00123 (-0.00163 to -0.00083)"),
        (0.0, 0.0, "0.0 (0.0 to 0.0)"),
    ],
)
def test_digits_follow_the_error(mean: float, half: float, text: str) -> None:
    assert Estimate(mean, mean - half, mean + half, 10, "x").text() == text


@given(
    st.floats(-900.0, 900.0).filter(lambda m: abs(m) > 1e-3),
    st.integers(-5, 5),
    st.floats(1.2, 9.5),
)
def test_a_tenfold_error_costs_a_digit(mean: float, power: int, lead: float) -> None:
    def decimals(half: float) -> int:
        text = Estimate(mean, mean - half, mean + half, 10, "x").text().split(" ")[0]
        return len(text.partition(".")[2])

    fine, coarse = decimals(lead * 10.0**power), decimals(lead * 10.0 ** (power + 1))
    assert fine - coarse == (1 if power <= 0 else 0)


def test_no_negative_zero() -> None:
    assert Estimate(-0.0001, -1.0, 1.0, 5, "x").text().startswith("0.0 (")


# --- Comparing ------------------------------------------------------------------------------------


def test_a_comparison_is_a_minus_b(made: list[Results]) -> None:
    base, other = made
    there, back = compare(other, base), compare(base, other)
    gap = other.yearly("general_use", 2024) - base.yearly("general_use", 2024)
    found = there.difference("general_use", 2024)
    assert found.mean == pytest.approx(gap.mean()) and found.mean != 0.0
    assert there.difference("open_share", 2024).mean < 0.0
    assert back.difference("general_use", 2024).mean == pytest.approx(-found.mean)
    assert found.unit == "percentage points of firms"
    levels = there.level("general_use", 2024)
    assert levels[0].mean - levels[1].mean == pytest.approx(found.mean)
    mean, low, high = there.path("general_use")
    assert mean.shape == (48,) and (low <= mean).all() and (mean <= high).all()
    assert (mean[:36] == 0.0).all() and mean[47] == pytest.approx(found.mean)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("seeds", [1, 2], "differ in seeds"),
        ("rows", 2000, "differ in number of firms"),
        ("region", "US", "differ in region"),
        ("data_hash", "0" * 64, "differ in data"),
    ],
)
def test_what_does_not_share_luck_is_not_compared(
    made: list[Results], key: str, value: Any, message: str
) -> None:
    other = replace(made[1], manifest={**made[1].manifest, key: value})
    with pytest.raises(ResultsError, match=message):
        compare(other, made[0])


def test_real_runs_that_cannot_be_paired(build: Build, made: list[Results]) -> None:
    cases = {
        "seeds": build(last="2024-12", replicates=2, seed=12),
        "number of firms": build(last="2024-12", replicates=2, rows=1100),
        "region": build("US", last="2024-12", replicates=2),
        "horizon": build(last="2023-12", replicates=2),
    }
    for words, scenario in cases.items():
        (other,) = simulation.simulate(scenario, workers=1)
        with pytest.raises(ResultsError, match=words):
            compare(other, made[0])
    (fewer,) = simulation.simulate(build(last="2024-12", replicates=2), replicates=1, workers=1)
    with pytest.raises(ResultsError, match="seeds"):
        compare(fewer, made[0])


@pytest.fixture(scope="module")
def many(build: Build, ban: Any) -> list[Results]:
    """Twelve replicates of a pair, ban in 2024, to 2025."""
    common = {"last": "2025-12", "replicates": 12}
    base, other = build(**common), build("EU27", ban("2024-01"), **common)
    return simulation.simulate(base, other, workers=1)


def test_the_paired_interval_is_many_times_narrower(many: list[Results]) -> None:
    against = compare(many[1], many[0])
    gain = against.pairing_gain("gdp", 2025)
    assert gain > 3.0, f"pairing gains a factor of {gain:.1f} only"
    # The ratio is that of the two intervals.
    paired = against.difference("gdp", 2025).half_width
    a, b = against.level("gdp", 2025)
    unpaired = math.hypot(a.half_width, b.half_width)
    assert unpaired / paired == pytest.approx(gain, rel=1e-6)


def test_doubling_replicates_shrinks_the_error_by_the_root_of_two(many: list[Results]) -> None:
    """Over outcomes and years, the standard error with n and 2 n replicates."""
    ratios = []
    for name in ("gdp", "general_use", "firms_surplus", "survey_use", "considering"):
        for year in (2023, 2024, 2025):
            draws = many[0].yearly(name, year)
            whole = draws.std(ddof=1) / math.sqrt(len(draws))
            halves = [h.std(ddof=1) / math.sqrt(len(h)) for h in (draws[:6], draws[6:])]
            ratios.append(math.sqrt(np.mean(np.square(halves))) / whole)
    assert np.median(ratios) == pytest.approx(math.sqrt(2.0), abs=0.25)
    # And the interval shown follows.
    few, all_ = (estimate(many[0].yearly("gdp", 2025)[:n], "x") for n in (3, 12))
    assert all_.half_width < few.half_width


# --- Folders --------------------------------------------------------------------------------------


def identical(a: Results, b: Results) -> None:
    """Equal after a round trip: all that is kept is kept to the last bit."""
    assert (a.scenario, a.parameter_set) == (b.scenario, b.parameter_set)
    assert dict(a.labels) == dict(b.labels)
    assert json.loads(json.dumps(dict(a.manifest))) == dict(b.manifest)
    assert set(a.series) == set(b.series)
    for (name, dimension), series in a.series.items():
        other = b.series[name, dimension]
        assert other.shape == series.shape
        if dimension in ("country", "sector"):
            december = np.arange(11, series.shape[1], 12)
            assert np.array_equal(other[:, december], series[:, december], equal_nan=True)
        else:
            assert np.array_equal(other, series, equal_nan=True), (name, dimension)


def test_round_trip(made: list[Results], tmp_path: Path) -> None:
    folder = results.save(made, tmp_path / "deep" / "run", extra={"note.txt": "häb Sorge\n"})
    assert sorted(p.name for p in folder.iterdir()) == [
        "manifest.json", "note.txt", "results.parquet"
    ]  # fmt: skip
    assert (folder / "note.txt").read_text(encoding="utf-8") == "häb Sorge\n"
    for before, after in zip(made, results.load(folder), strict=True):
        identical(before, after)
    assert [p.name for p in folder.parent.iterdir()] == ["run"], "nothing else is left beside"


def test_numbers_from_a_folder_are_the_numbers_of_the_run(
    made: list[Results], tmp_path: Path
) -> None:
    """The same number by every path, or none: never another one."""
    loaded = results.load(results.save(made, tmp_path / "run"))
    for before, after in zip(made, loaded, strict=True):
        for name, outcome in OUTCOMES.items():
            for by in (None, *results.DIMENSIONS):
                if by is not None and (outcome.numerator, by) not in before.series:
                    continue
                if (outcome.numerator, by or "total") not in before.series:
                    continue
                if (
                    outcome.denominator
                    and (outcome.denominator, by or "total") not in before.series
                ):
                    continue
                for group in before.groups(name, by):
                    for year in (2023, 2024):
                        here = before.yearly(name, year, by, group)
                        there = after.yearly(name, year, by, group)
                        if by in ("country", "sector") and outcome.kind == "flow":
                            assert np.isnan(there).all() or (there == here).all(), (name, group)
                        else:
                            assert np.array_equal(here, there, equal_nan=True), (name, group)
        # Months that were not kept are absent from tables, not zero.
        table = after.frame("use", by=["country"])
        assert set(table["month"].str[-2:]) == {"12"} and (table["value"] > 0.0).mean() > 0.8
    again = compare(loaded[1], loaded[0]).difference("gdp", 2024)
    assert again == compare(made[1], made[0]).difference("gdp", 2024)


def test_parameter_sets_are_kept_apart(made: list[Results], tmp_path: Path) -> None:
    low = replace(made[0], parameter_set="lambda=0.2;open_share=0.05")
    doubled = {k: 2.0 * v for k, v in made[0].series.items()}
    high = replace(made[0], parameter_set="lambda=0.8;open_share=0.3", series=doubled)
    loaded = results.load(results.save([low, high], tmp_path / "grid"))
    for before, after in zip((low, high), loaded, strict=True):
        identical(before, after)


def test_the_table_is_plain_parquet(made: list[Results], tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    folder = results.save(made, tmp_path / "run")
    table = pq.read_table(folder / "results.parquet").to_pandas()
    assert tuple(table.columns) == results.COLUMNS
    keys = [c for c in results.COLUMNS if c != "value"]
    assert not table.duplicated(keys).any()
    assert np.isfinite(table["value"]).all()
    money = table[table["outcome"] == "gdp"]
    assert set(money["unit"].astype(str)) == {"EUR per year, prices of 2024"}
    for name in engine.RECORDED:
        assert results.recorded_unit(name, "EUR")


def test_a_birth_certificate(made: list[Results]) -> None:
    certificate = made[1].manifest
    assert certificate["rows"] == 1000 and len(certificate["seeds"]) == 2
    assert len(certificate["scenario_hash"]) == len(certificate["data_hash"]) == 64
    assert certificate["scenario_hash"] != made[0].manifest["scenario_hash"]
    assert certificate["currency"] == "EUR" and certificate["months"] == 48
    assert certificate["econsim"] and certificate["numpy"] and certificate["python"]


def test_subset(made: list[Results]) -> None:
    small = results.subset(made[0], ["size_class"])
    assert {d for _, d in small.series} == {"total", "size_class"}
    assert (small.yearly("use", 2024) == made[0].yearly("use", 2024)).all()


# --- Atomic writing -------------------------------------------------------------------------------


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


class DiskFullError(OSError):
    """What the machine says in the tests below."""


def fail(*args: Any, **kwargs: Any) -> None:
    raise DiskFullError(28, "No space left on device")


STEPS = ("table", "half table", "manifest", "extra", "move", "replace")


def break_at(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the machine say no at one of the steps of saving."""
    if step == "table":
        monkeypatch.setattr("pyarrow.parquet.ParquetWriter.__init__", fail)
    elif step == "half table":
        monkeypatch.setattr("pyarrow.parquet.ParquetWriter.write_table", fail)
    elif step in ("manifest", "extra"):
        original = Path.write_text
        wanted = {"manifest": "manifest.json", "extra": "note.txt"}[step]

        def write_text(self: Path, *args: Any, **kwargs: Any) -> int:
            if self.name == wanted:
                original(self, "half", encoding="utf-8")
                fail()
            return original(self, *args, **kwargs)

        monkeypatch.setattr(Path, "write_text", write_text)
    else:
        renames: list[Path] = []
        rename = Path.rename

        def moving(self: Path, target: Any) -> Path:
            renames.append(self)
            if len(renames) == {"move": 1, "replace": 2}[step]:
                fail()
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", moving)


@pytest.mark.parametrize("step", [s for s in STEPS if s != "replace"])
def test_a_failed_save_leaves_nothing_behind(
    step: str, made: list[Results], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_at(step, monkeypatch)
    with pytest.raises(OSError, match="No space left"):
        results.save(made[:1], tmp_path / "run", extra={"note.txt": "x"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", STEPS)
def test_a_failed_save_leaves_old_results_intact(
    step: str, made: list[Results], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = results.save(made, tmp_path / "run", extra={"note.txt": "old"})
    before = snapshot(tmp_path)
    break_at(step, monkeypatch)
    with pytest.raises(OSError, match="No space left"):
        results.save(made[:1], folder, extra={"note.txt": "new"})
    assert snapshot(tmp_path) == before
    assert len(results.load(folder)) == 2


def test_new_results_replace_old_ones(made: list[Results], tmp_path: Path) -> None:
    folder = results.save(made, tmp_path / "run", extra={"note.txt": "old"})
    results.save(made[:1], folder)
    assert len(results.load(folder)) == 1
    assert not (folder / "note.txt").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_an_empty_folder_may_be_used(made: list[Results], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert results.load(results.save(made[:1], tmp_path / "run"))


@pytest.mark.parametrize("kind", ["files", "own manifest", "file", "folder inside"])
def test_what_is_not_ours_is_not_overwritten(
    kind: str, made: list[Results], tmp_path: Path
) -> None:
    place = tmp_path / "mine"
    if kind == "file":
        place.write_text("thesis", encoding="utf-8")
    else:
        place.mkdir()
        name = "manifest.json" if kind == "own manifest" else "thesis.txt"
        target = place / "inside" / name if kind == "folder inside" else place / name
        target.parent.mkdir(exist_ok=True)
        target.write_text('{"name": "a web app"}', encoding="utf-8")
    before = snapshot(tmp_path)
    with pytest.raises(ResultsError, match="exists and does not hold econsim results"):
        results.save(made[:1], place)
    assert snapshot(tmp_path) == before


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(made: list[Results], tmp_path: Path) -> None:
    place = tmp_path / "locked"
    place.mkdir()
    place.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(OSError, match="denied"):
            results.save(made[:1], place / "run")
        assert list(place.iterdir()) == []
    finally:
        place.chmod(stat.S_IRWXU)


# --- Damaged, foreign, newer ----------------------------------------------------------------------


@pytest.fixture
def stored(made: list[Results], tmp_path: Path) -> Path:
    return results.save(made, tmp_path / "run")


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    change(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "half a table": lambda f: cut(f / "results.parquet"),
    "empty table": lambda f: (f / "results.parquet").write_bytes(b""),
    "other bytes": lambda f: (f / "results.parquet").write_bytes(b"PAR1" + b"x" * 500),
    "flipped bytes": lambda f: (f / "results.parquet").write_bytes(
        (f / "results.parquet").read_bytes().replace(b"gdp", b"xdp")[::-1]
    ),
    "half a manifest": lambda f: cut(f / "manifest.json"),
    "manifest of another kind": lambda f: (f / "manifest.json").write_text("[1, 2]"),
    "manifest of bytes": lambda f: (f / "manifest.json").write_bytes(b"\xff\xfe\x00"),
    "no version": lambda f: edit(f, lambda m: m.pop("schema_version")),
    "no results": lambda f: edit(f, lambda m: m.pop("results")),
    "version in words": lambda f: edit(f, lambda m: m.update(schema_version="one")),
    "no seeds": lambda f: edit(f, lambda m: m["results"][0].pop("seeds")),
    "too few seeds": lambda f: edit(f, lambda m: m["results"][0].update(seeds=[1])),
    "no labels": lambda f: edit(f, lambda m: m["results"][0].pop("labels")),
    "too few months": lambda f: edit(f, lambda m: m["results"][0].update(months=12)),
}


@pytest.mark.parametrize("kind", sorted(DAMAGES))
def test_damage_is_told(kind: str, stored: Path) -> None:
    DAMAGES[kind](stored)
    with pytest.raises(ResultsError, match="damaged") as caught:
        results.load(stored)
    assert str(stored) in str(caught.value)


def test_results_of_a_newer_version_are_refused(stored: Path) -> None:
    edit(stored, lambda m: m.update(schema_version=results.SCHEMA_VERSION + 1))
    with pytest.raises(ResultsError, match="written by a newer version of econsim"):
        results.load(stored)


def test_no_results_there(stored: Path, tmp_path: Path) -> None:
    for place in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(ResultsError, match="does not hold econsim results"):
            results.load(place)
    (stored / "results.parquet").unlink()
    with pytest.raises(ResultsError, match="does not hold econsim results"):
        results.load(stored)
    shutil.rmtree(stored)


# --- The headline grid ----------------------------------------------------------------------------


def test_the_headline_is_a_grid_over_both_axes(build: Build, ban: Any) -> None:
    common = {"last": "2024-12", "rows": 2000}
    arms = [build(**common), build("EU27", ban("2023-12", reentry_share=0.0), **common)]
    sets = headline.grid_sets(arms, (0.2, 0.8), (0.05, 0.3))
    assert len(sets) == 4
    for name, scenarios in sets.items():
        assert [s.values["choice.lambda"] for s in scenarios] == [
            scenarios[0].values["choice.lambda"]
        ] * 2
        assert name == headline.set_name(
            scenarios[0].values["choice.lambda"], scenarios[0].values["choice.open_share"]
        )
    runs = simulation.simulate_many(sets, replicates=2, workers=1)
    points = headline.grid_points({**runs, results.DEFAULT_SET: runs[next(iter(runs))]})
    assert {(p.dissimilarity, p.open_share) for p in points} == {
        (d, s) for d in (0.2, 0.8) for s in (0.05, 0.3)
    }
    lost, gone = {}, {}
    for p in points:
        users, out, diverted = (
            r.yearly(name, 2024, "size_class", "10+").mean()
            for r, name in (
                (p.comparison.b, "users"),
                (p.comparison.a, "lost_users"),
                (p.comparison.a, "diverted_users"),
            )
        )
        lost[p.dissimilarity, p.open_share] = out / (out + diverted)
        gone[p.dissimilarity, p.open_share] = out / users
    # Lambda: how far open users are lost rather than diverted; open share: how many there are.
    assert lost[0.2, 0.3] < lost[0.8, 0.3]
    assert gone[0.2, 0.05] < gone[0.2, 0.3] and gone[0.8, 0.05] < gone[0.8, 0.3]
    lines = headline.lines(points[0].comparison, 2024)
    assert len(lines) >= 8 and len({line.label for line in lines}) == len(lines)
    for line in lines:
        assert line.unit and line.difference.n == 2
