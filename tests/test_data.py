"""Reference tables: they load, they add up, they can be recomputed, and bad copies are refused."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from econsim import data

FOLDER = Path(data.__file__).parent / "data"
ORDINARY = sorted(name for name in data.SCHEMAS if name != "held_out_2025")


def _rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.reader(handle))


def _write(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle, lineterminator="\n").writerows(rows)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    target = tmp_path / "tables"
    shutil.copytree(FOLDER, target)
    return target


@pytest.mark.parametrize("name", ORDINARY)
def test_every_table_loads_with_full_provenance(name: str) -> None:
    frame = data.table(name)
    assert tuple(frame.columns) == data.SCHEMAS[name].columns
    for column in ("unit", "source", "licence", "reliability"):
        assert (frame[column].str.strip() != "").all()
    assert np.isfinite(frame["value"]).all()
    assert frame["year"].between(1990, 2040).all()


def test_every_shipped_file_is_declared() -> None:
    assert {path.stem for path in FOLDER.glob("*.csv")} == set(data.SCHEMAS)


def test_table_returns_independent_copies() -> None:
    first = data.table("macro")
    first.loc[:, "value"] = -1.0
    assert (data.table("macro")["value"] != -1.0).all()


def test_import_is_light() -> None:
    code = "import sys, econsim.data; print('pandas' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=FOLDER.parent.parent,
    )
    assert done.stdout.strip() == "False"


def test_recalled_rows_stay_where_nothing_else_exists() -> None:
    allowed = {"published_structure", "macro"}
    for name in ORDINARY:
        recalled = data.table(name)["reliability"] == "from-memory-unverified"
        assert not recalled.any() or name in allowed
    macro = data.table("macro")
    recalled_macro = macro[macro["reliability"] == "from-memory-unverified"]
    assert set(recalled_macro["geo"]) == {"US"} and set(recalled_macro["year"]) == {2024}


# --- structure ------------------------------------------------------------------------------


def _published(geo: str, activity: str, band: str, indicator: str) -> float:
    frame = data.table("published_structure")
    hit = frame[
        (frame.geo == geo)
        & (frame.activity == activity)
        & (frame.size_band == band)
        & (frame.indicator == indicator)
    ]
    assert len(hit) == 1
    return float(hit["value"].iloc[0])


def test_structure_is_complete() -> None:
    frame = data.table("business_structure")
    assert len(frame[frame.region == "EU27"]) == 17 * 4 * 3
    assert len(frame[frame.region == "US"]) == 16 * 5 * 3
    for region in data.REGIONS:
        for values in data.structure(region).values():
            assert values.shape == (17, 5)
            empty = values <= 0
            if region == "EU27":
                assert empty[:, 0].all() and not empty[:, 1:].any()
            else:
                assert empty[data.SECTORS.index("E")].all() and empty.sum() == 5


def test_eu_size_totals_equal_published_ones() -> None:
    eu = data.structure("EU27")
    np.testing.assert_array_equal(eu["firms"].sum(axis=0)[1:], [31190636, 1571814, 248817, 54256])
    np.testing.assert_allclose(
        eu["persons_employed"].sum(axis=0)[1:],
        162.2e6 * np.array([0.295, 0.185, 0.15, 0.37]),
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        eu["value_added"].sum(axis=0)[1:], 10.5e6 * np.array([0.186, 0.164, 0.16, 0.49]), rtol=1e-6
    )


def test_eu_sector_groups_equal_published_shares() -> None:
    eu = data.structure("EU27")
    groups = {"B-E": "BCDE", "F": "F", "G": "G", "services": "HIJKLMNPQRS"}
    for group, letters in groups.items():
        index = [data.SECTORS.index(letter) for letter in letters]
        for indicator, share_name in (
            ("firms", "firms_share"),
            ("persons_employed", "persons_employed_share"),
            ("value_added", "value_added_share"),
        ):
            share = _published("EU27", group, "all", share_name) / 100.0
            values = eu[indicator]
            assert values[index].sum() == pytest.approx(share * values.sum(), rel=1e-6)


def test_eu_published_counts_are_kept() -> None:
    firms = data.structure("EU27")["firms"]
    for sector in "BCDEFGHIJKLMNPQR":
        row = data.SECTORS.index(sector)
        small = sum(_published("EU27", sector, band, "firms") for band in ("10-19", "20-49"))
        assert firms[row, 2] == small
        assert firms[row, 3] == _published("EU27", sector, "50-249", "firms")


def test_eu_firm_counts_come_near_unused_published_ones() -> None:
    firms = data.structure("EU27")["firms"].sum(axis=1)
    for sector in "CMQ":
        check = _published("EU27", sector, "all", "firms_check")
        assert firms[data.SECTORS.index(sector)] == pytest.approx(check, rel=0.15)


def test_us_totals_equal_published_ones() -> None:
    us = data.structure("US")
    published = data.table("published_structure")
    susb = published[(published.geo == "US") & (published.year == 2022)]
    in_scope = susb[~susb.activity.isin(["TOTAL", "NAICS 11", "NAICS 99"])]
    persons = in_scope[in_scope.indicator == "persons_employed"]["value"].sum()
    assert us["persons_employed"][:, 1:].sum() == pytest.approx(persons, rel=1e-6)
    firms = susb[susb.indicator == "firms"].groupby("activity")["value"].sum()
    expected = firms["TOTAL"] - firms["NAICS 11"] - firms["NAICS 99"]
    assert us["firms"][:, 1:].sum() == pytest.approx(expected, rel=1e-6)
    bea = published[(published.geo == "US") & (published.indicator == "value_added")]
    bea = bea.set_index("activity")["value"]
    housing = bea["NAICS 53 housing"]
    assert us["value_added"].sum() == pytest.approx(bea.sum() - 2 * housing, rel=1e-6)
    sector_l = us["value_added"][data.SECTORS.index("L")].sum()
    assert sector_l == pytest.approx(bea["NAICS 53"] - housing, abs=0.3)
    np.testing.assert_array_equal(us["firms"][:, 0], us["persons_employed"][:, 0])
    assert 29.5e6 < us["firms"][:, 0].sum() < 30.6e6


@pytest.mark.parametrize("region", data.REGIONS)
def test_mean_sizes_lie_inside_the_class(region: str) -> None:
    values = data.structure(region)
    slack = {
        "0-9": (1.05, 6.0),
        "10-49": (12.0, 35.0),
        "50-249": (60.0, 180.0),
        "250+": (320.0, np.inf),
    }
    for size, (low, high) in slack.items():
        column = data.SIZE_CLASSES.index(size)
        present = values["firms"][:, column] > 0
        mean = values["persons_employed"][present, column] / values["firms"][present, column]
        assert (mean > low).all() and (mean < high).all()


@pytest.mark.parametrize("region", data.REGIONS)
def test_value_added_per_person_is_plausible(region: str) -> None:
    values = data.structure(region)
    present = values["persons_employed"] > 0
    per_person = np.full(present.shape, np.nan)
    per_person[present] = values["value_added"][present] * 1e6 / values["persons_employed"][present]
    assert np.nanmin(per_person) > 9e3
    capital_heavy = [data.SECTORS.index(letter) for letter in "BDKL"]
    others = [index for index in range(len(data.SECTORS)) if index not in capital_heavy]
    assert np.nanmax(per_person[others]) < (2e5 if region == "EU27" else 4.6e5)
    assert np.nanmax(per_person[capital_heavy]) < 1e6


def test_member_states_add_up_and_are_feasible() -> None:
    states, eu = data.member_state_structure(), data.structure("EU27")
    for indicator in data.STRUCTURE_INDICATORS:
        assert states[indicator].shape == (27,) and (states[indicator] > 0).all()
        assert states[indicator].sum() == pytest.approx(eu[indicator].sum(), rel=1e-9)
    mean = states["persons_employed"] / states["firms"]
    assert (mean > 2.5).all() and (mean < 12.0).all()
    gdp = data.table("macro").query("indicator == 'gdp' and year == 2023").set_index("geo")["value"]
    share = states["value_added"] / np.array([gdp[state] for state in data.MEMBER_STATES])
    assert (share > 0.35).all() and (share < 0.85).all()


def test_derivation_reproduces_the_shipped_tables() -> None:
    for name, frame in data.derive_structure().items():
        shipped = data.table(name)
        assert list(frame.columns) == list(shipped.columns)
        texts = [column for column in frame.columns if column != "value"]
        assert frame[texts].equals(shipped[texts])
        np.testing.assert_allclose(frame["value"], shipped["value"], rtol=1e-9, atol=1e-6)


def test_derivation_names_a_missing_input(copy: Path) -> None:
    path = copy / "published_structure.csv"
    rows = _rows(path)
    _write(path, [row for row in rows if row[:4] != ["EU27", "TOTAL", "0-9", "firms"]])
    with pytest.raises(data.DataError, match="EU27/TOTAL/0-9/firms"):
        data.derive_structure(copy)


# --- observations ---------------------------------------------------------------------------


def test_fitting_tables_hold_no_later_observation() -> None:
    for name in (
        "ai_use_by_size",
        "ai_use_by_sector",
        "ai_use_by_country",
        "acquisition_routes",
        "digital_foundations",
    ):
        assert data.table(name)["year"].max() <= 2024
    btos = data.table("ai_use_us_btos")
    assert btos["period_start"].max() < "2025-10"


def test_held_out_rows_need_their_own_function() -> None:
    with pytest.raises(data.DataError, match="held_out"):
        data.table("held_out_2025")
    frame = data.held_out()
    assert set(frame["year"]) == {2025}
    use = frame[frame.indicator == "ai_use"].set_index("size_class")["value"]
    assert use.to_dict() == {"10-49": 17.0, "50-249": 30.36, "10+": 19.95, "250+": 55.03}


def test_survey_totals_lie_between_their_classes() -> None:
    frame = data.table("ai_use_by_size").pivot(index="year", columns="size_class", values="value")
    assert (frame["10-49"] < frame["10+"]).all() and (frame["10+"] < frame["50-249"]).all()
    firms = data.structure("EU27")["firms"][:, 2:].sum(axis=0)
    for year in (2021, 2023, 2024):
        mean = np.average(frame.loc[year, ["10-49", "50-249", "250+"]], weights=firms)
        assert mean == pytest.approx(frame.loc[year, "10+"], rel=0.08)


def test_country_table_is_complete() -> None:
    frame = data.table("ai_use_by_country")
    for year in (2021, 2023, 2024):
        assert set(frame[frame.year == year]["country"]) == set(data.MEMBER_STATES)


def test_gdp_is_complete_and_adds_up() -> None:
    gdp = data.table("macro").query("indicator == 'gdp'")
    for year in (2021, 2022, 2023, 2024):
        values = gdp[gdp.year == year].set_index("geo")["value"]
        assert set(values.index) == {"EU27", "US", *data.MEMBER_STATES}
        total = values[list(data.MEMBER_STATES)].sum()
        assert total == pytest.approx(values["EU27"], rel=1e-3)


def test_sector_vector_is_aligned() -> None:
    vector = data.sector_vector("exposure_by_sector", "EU27", "beta_human")
    assert vector.shape == (17,) and np.isfinite(vector).all()
    assert vector[data.SECTORS.index("K")] == pytest.approx(0.5024)
    assert np.isnan(data.sector_vector("labour_share_by_sector", "US", "labour_share")[3])
    tiers = data.sector_vector("confidentiality_by_sector", "EU27", "regulated_data_tier")
    assert set(tiers) == {0.0, 1.0, 2.0}
    with pytest.raises(data.DataError, match="known"):
        data.sector_vector("exposure_by_sector", "EU27", "gamma")
    with pytest.raises(data.DataError):
        data.sector_vector("macro", "EU27", "gdp")


# --- refusals -------------------------------------------------------------------------------

Break = Callable[[list[list[str]]], None]


def _set(line: int, column: str, text: str) -> Break:
    def change(rows: list[list[str]]) -> None:
        rows[line - 1][rows[0].index(column)] = text

    return change


def _drop_column(rows: list[list[str]]) -> None:
    place = rows[0].index("licence")
    for row in rows:
        del row[place]


def _repeat_row(rows: list[list[str]]) -> None:
    rows.append(list(rows[1]))


def _short_row(rows: list[list[str]]) -> None:
    rows[3].pop()


def _no_rows(rows: list[list[str]]) -> None:
    del rows[1:]


LABOUR_LINES = len(_rows(FOLDER / "labour_share_by_sector.csv"))
BROKEN: list[tuple[str, Break, int, str | None, str]] = [
    ("missing column", _drop_column, 1, "licence", "missing"),
    ("duplicated row", _repeat_row, LABOUR_LINES + 1, "region", "duplicate"),
    ("text in value", _set(5, "value", "half"), 5, "value", "not a number"),
    ("digit groups", _set(5, "value", "0_5"), 5, "value", "not a number"),
    ("not a number", _set(6, "value", "NaN"), 6, "value", "not a finite number"),
    ("infinite", _set(6, "value", "inf"), 6, "value", "not a finite number"),
    ("empty value", _set(6, "value", ""), 6, "value", "empty"),
    ("share above one", _set(7, "value", "1.2"), 7, "value", "outside 0 to 1"),
    ("negative share", _set(7, "value", "-0.1"), 7, "value", "outside 0 to 1"),
    ("unknown sector", _set(8, "sector", "Z"), 8, "sector", "unknown entry"),
    ("unknown region", _set(8, "region", "EU28"), 8, "region", "EU27"),
    ("unknown unit", _set(4, "unit", "percentage"), 4, "unit", "unknown unit"),
    ("empty source", _set(9, "source", " "), 9, "source", "empty"),
    ("empty licence", _set(9, "licence", ""), 9, "licence", "empty"),
    ("unknown reliability", _set(10, "reliability", "good"), 10, "reliability", "reliability"),
    ("bad year", _set(10, "year", "2023.5"), 10, "year", "not a year"),
    ("short row", _short_row, 4, None, "cells"),
    ("no rows", _no_rows, 1, None, "no rows"),
]


@pytest.mark.parametrize(
    ("change", "line", "column", "words"),
    [case[1:] for case in BROKEN],
    ids=[case[0] for case in BROKEN],
)
def test_broken_copies_are_refused(
    copy: Path, change: Break, line: int, column: str | None, words: str
) -> None:
    path = copy / "labour_share_by_sector.csv"
    rows = _rows(path)
    change(rows)
    _write(path, rows)
    with pytest.raises(data.DataError, match=words) as caught:
        data.table("labour_share_by_sector", copy)
    assert caught.value.line == line and caught.value.column == column
    assert str(path) in str(caught.value) and f"line {line}" in str(caught.value)


def test_percent_above_hundred_is_refused(copy: Path) -> None:
    path = copy / "ai_use_by_size.csv"
    rows = _rows(path)
    _set(2, "value", "101")(rows)
    _write(path, rows)
    with pytest.raises(data.DataError, match=r"line 2.*outside 0 to 100"):
        data.table("ai_use_by_size", copy)


def test_missing_and_undecodable_files_are_refused(copy: Path) -> None:
    (copy / "macro.csv").unlink()
    with pytest.raises(data.DataError, match=r"macro\.csv.*missing"):
        data.table("macro", copy)
    path = copy / "costs.csv"
    path.write_bytes(path.read_bytes() + b"\xff\n")
    with pytest.raises(data.DataError, match="UTF-8"):
        data.table("costs", copy)


def test_unknown_names_offer_the_nearest() -> None:
    with pytest.raises(data.DataError, match="did you mean 'business_structure'"):
        data.table("busines_structure")
    with pytest.raises(data.DataError, match="no table"):
        data.table("zzz")
    with pytest.raises(data.DataError, match="unknown region"):
        data.structure("UK")


def test_digest_depends_on_content_not_on_line_ends(copy: Path) -> None:
    assert data.digest(copy) == data.digest() and len(data.digest()) == 64
    path = copy / "macro.csv"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert data.digest(copy) == data.digest()
    path.write_bytes(path.read_bytes() + b"x")
    assert data.digest(copy) != data.digest()
