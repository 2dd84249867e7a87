"""Tables of a brief as files: unrounded, with units and provenance, readable by other tools."""

from __future__ import annotations

import gc
import io
import math
import warnings
from pathlib import Path

import pandas as pd
import pytest
from conftest import BAN, build_scenario

from econsim import brief
from econsim.brief import tables
from econsim.experiments.simulation import simulate
from econsim.figures import export
from econsim.results import OUTCOMES, Comparison, compare


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    """A ban from 2023 against the baseline, two replicates to 2024."""
    ban = {"open_release_ban": {"from": "2023-01", **BAN}}
    base = build_scenario(name="base", last="2024-12", replicates=2, title='=1+1 "first"')
    acted = build_scenario("EU27", ban, name="restrictive", last="2024-12", replicates=2)
    baseline, other = simulate(base, acted, workers=1)
    return compare(other, baseline)


@pytest.fixture(scope="module")
def document(comparison: Comparison) -> brief.Document:
    return brief.annex_of(brief.Evidence(comparison))


def test_csv_reads_back_exactly_with_provenance_first(
    document: brief.Document, comparison: Comparison
) -> None:
    files = tables.csv_files(document)
    assert set(files) == {t.name for t in document.tables()} | {"annex_numbers"}
    for text in files.values():
        assert text.startswith(export.MARK)
    table = pd.read_csv(io.StringIO(files["annex_economic"]), comment="#")
    row = table[(table["row"] == "GDP") & table["column"].str.startswith("difference")].iloc[0]
    gap = comparison.difference("gdp", 2024)
    assert (row["mean"], row["low"], row["high"], row["n"]) == (gap.mean, gap.low, gap.high, 2)
    assert row["unit"] == "EUR billion per year, prices of 2024"


def test_every_number_of_the_text_is_listed_with_what_it_is(document: brief.Document) -> None:
    listed = pd.read_csv(io.StringIO(tables.csv_files(document)["annex_numbers"]), comment="#")
    assert list(listed.columns) == ["text", "what", "value"]
    assert listed["value"].notna().all()
    assert len(listed) == sum(len(q.values) for q in document.quotes)


def test_the_workbook_opens_with_one_sheet_a_table_and_no_formula(
    document: brief.Document,
) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.load_workbook(io.BytesIO(tables.xlsx(document)))
    assert book.sheetnames == [t.name[:31] for t in document.tables()] + ["provenance"]
    for table in document.tables():
        sheet = book[table.name[:31]]
        assert sheet["A1"].value == table.title
        header = [c.value for c in sheet[3]]
        for line, record in enumerate(table.records, start=4):
            for cell, key in zip(sheet[line], header, strict=False):
                value = record.get(key)
                missing = isinstance(value, float) and not math.isfinite(value)
                if isinstance(value, float) and not missing:  # a workbook keeps sixteen digits
                    value = pytest.approx(value, rel=1e-15)
                assert cell.value == (None if missing else value)
                assert cell.data_type != "f"


# pyam calls pandas in ways that pandas is about to drop.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pyam_loads_the_iamc_table(
    comparison: Comparison,
    document: brief.Document,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Its table of units is kept with paths into the environment that first read it.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    pyam = pytest.importorskip("pyam")
    place = tmp_path / "iamc.xlsx"
    place.write_bytes(tables.iamc(comparison, document.provenance))
    with warnings.catch_warnings():
        # pyam leaves the workbook open: its handle is closed here, not in some later test.
        warnings.simplefilter("ignore", ResourceWarning)
        loaded = pyam.IamDataFrame(place)
        gc.collect()
    assert set(loaded.scenario) == {"base", "restrictive", "restrictive minus base"}
    assert loaded.region == ["EU27"]
    assert loaded.year == [2021, 2022, 2023, 2024]
    gap = comparison.difference("gdp", 2024)
    here = loaded.filter(scenario="restrictive minus base", year=2024).data
    gdp = here.set_index("variable")["value"]
    assert gdp["GDP"] == pytest.approx(gap.mean, rel=1e-15)
    assert gdp["GDP|Interval Low"] == pytest.approx(gap.low, rel=1e-15)
    use = comparison.level("use", 2023, "size_class", "10-49")[0]
    there = loaded.filter(scenario="restrictive", year=2023, variable="AI use|Size|10-49").data
    assert there["value"].iloc[0] == pytest.approx(use.mean, rel=1e-15)
    assert there["unit"].iloc[0] == "percent of firms"
    known = {o.label for o in OUTCOMES.values()}
    assert {v.split("|")[0] for v in loaded.variable} <= known
