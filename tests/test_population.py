"""The synthetic population: margins of the shipped tables, sizes, tails, seeds, growth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from econsim import data, draws, engine, population, setting

REGIONS = ("EU27", "US")
ROWS = (1000, 1500, 5000, 20000)
TOLERANCE = 1e-3


@lru_cache(maxsize=64)
def people(region: str, rows: int, seed: int = 1) -> population.Population:
    return population.synthesise(region, rows, seed)


def columns(firms: population.Population) -> dict[str, np.ndarray]:
    """What the tables call firms, persons and value added, per row."""
    return {
        "firms": firms.weight,
        "persons_employed": firms.weight * firms.persons,
        "value_added": firms.weight * firms.value_added * 1e-6,
    }


def labels(firms: population.Population) -> dict[str, np.ndarray]:
    cells = firms.cells
    return {
        "country": np.array(cells.countries)[cells.country[firms.cell]],
        "sector": np.array(cells.sectors)[cells.sector[firms.cell]],
        "size": np.array(cells.size_classes)[cells.size[firms.cell]],
    }


def check_margins(firms: population.Population, region: str) -> None:
    tables = data.structure(region)
    label = labels(firms)
    sector = np.array([data.SECTORS.index(s) for s in label["sector"]])
    size = np.array([data.SIZE_CLASSES.index(s) for s in label["size"]])
    for name, column in columns(firms).items():
        table = tables[name]
        assert column.sum() == pytest.approx(table.sum(), rel=TOLERANCE)
        by_sector = np.bincount(sector, weights=column, minlength=len(data.SECTORS))
        by_size = np.bincount(size, weights=column, minlength=len(data.SIZE_CLASSES))
        joint = np.zeros_like(table)
        np.add.at(joint, (sector, size), column)
        assert by_sector == pytest.approx(table.sum(axis=1), rel=TOLERANCE, abs=1e-9), name
        assert by_size == pytest.approx(table.sum(axis=0), rel=TOLERANCE, abs=1e-9), name
        assert joint == pytest.approx(table, rel=TOLERANCE, abs=1e-9), name
    if region == "EU27":
        states = data.member_state_structure()
        place = np.array([data.MEMBER_STATES.index(c) for c in label["country"]])
        for name, column in columns(firms).items():
            found = np.bincount(place, weights=column, minlength=len(data.MEMBER_STATES))
            assert found == pytest.approx(states[name], rel=TOLERANCE), name


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("rows", ROWS)
def test_margins_of_the_tables(region: str, rows: int) -> None:
    firms = people(region, rows)
    assert firms.rows == rows
    check_margins(firms, region)


@pytest.mark.parametrize("region", REGIONS)
@settings(max_examples=12)
@given(rows=st.integers(population.MINIMUM_ROWS, 3000), seed=st.integers(0, 2**63 - 1))
def test_margins_hold_for_any_seed_and_number_of_rows(region: str, rows: int, seed: int) -> None:
    check_margins(population.synthesise(region, rows, seed), region)


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("rows", ROWS)
def test_sizes_are_within_their_class(region: str, rows: int) -> None:
    firms = people(region, rows)
    size = labels(firms)["size"]
    assert (firms.persons >= 1.0).all()
    assert (firms.persons <= population.LARGEST_FIRM).all()
    for name in firms.cells.size_classes:
        low, high = data.SIZE_CLASS_BOUNDS[name]
        here = firms.persons[size == name]
        assert len(here)
        assert here.min() >= max(low, 1.0)
        assert here.max() < high + 1.0  # "9 persons" ends where 10 begin
    assert (firms.weight > 0.0).all()
    assert (firms.value_added > 0.0).all()


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("rows", ROWS)
def test_every_group_has_rows(region: str, rows: int) -> None:
    label = labels(people(region, rows))
    assert set(label["sector"]) == set(people(region, rows).cells.sectors)
    assert set(label["size"]) == set(people(region, rows).cells.size_classes)
    if region == "EU27":
        assert set(label["country"]) == set(data.MEMBER_STATES)
        pairs = set(zip(label["country"], label["size"], strict=True))
        assert len(pairs) == len(data.MEMBER_STATES) * len(people(region, rows).cells.size_classes)


def top_share(value: np.ndarray, weight: np.ndarray, share: float) -> float:
    """Part of the weighted total held by the largest ``share`` of firms."""
    order = np.argsort(-value)
    reached = np.cumsum(weight[order]) / weight.sum()
    part = (value * weight)[order][reached <= share].sum()
    return float(part / (value * weight).sum())


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("rows", ROWS)
def test_sizes_are_heavy_tailed(region: str, rows: int) -> None:
    firms = people(region, rows)
    # 0.16 % of EU enterprises have 250 or more persons and employ some 37 % of all.
    assert top_share(firms.persons, firms.weight, 0.01) > 0.4
    large = labels(firms)["size"] == "250+"
    persons, weight = firms.persons[large], firms.weight[large]
    # Within the open class: far from one representative firm, as no uniform or normal law gives.
    assert top_share(persons, weight, 0.1) > 0.3
    assert persons.max() > 10.0 * np.average(persons, weights=weight)
    assert np.median(persons) < np.average(persons, weights=weight)


@pytest.mark.parametrize("region", REGIONS)
def test_productivity_differs_within_cells_and_is_luck(region: str) -> None:
    spread = []
    for seed in (1, 2):
        firms = people(region, 5000, seed)
        log_productivity = np.log(firms.value_added / firms.persons)
        count = np.bincount(firms.cell, minlength=firms.cells.count)
        mean = np.bincount(firms.cell, weights=log_productivity, minlength=firms.cells.count)
        within = log_productivity - (mean / np.maximum(count, 1))[firms.cell]
        spread.append(within[count[firms.cell] >= 8])
        assert 0.3 < spread[-1].std() < 0.7
    assert abs(np.corrcoef(*spread)[0, 1]) < 0.1


# --- Seeds and growth -----------------------------------------------------------------------------


@pytest.mark.parametrize("region", REGIONS)
def test_the_same_seed_gives_the_same_firms(region: str) -> None:
    first, second = (population.synthesise(region, 1500, 42) for _ in range(2))
    for field in fields(population.Population):
        if field.name != "cells":
            assert np.array_equal(getattr(first, field.name), getattr(second, field.name))


@pytest.mark.parametrize("region", REGIONS)
def test_another_seed_gives_other_firms_in_the_same_cells(region: str) -> None:
    first, second = people(region, 1500, 1), people(region, 1500, 2)
    assert identities(first) == identities(second)
    here, there = (np.lexsort((p.ordinal, p.cell)) for p in (first, second))
    sized = labels(first)["size"][here] != "nonemployer"
    assert (first.persons[here] != second.persons[there])[sized].mean() > 0.8
    assert (first.value_added[here] != second.value_added[there]).mean() > 0.99


def identities(firms: population.Population) -> set[tuple[int, int]]:
    return set(zip(firms.cell.tolist(), firms.ordinal.tolist(), strict=True))


@pytest.mark.parametrize("region", REGIONS)
def test_a_larger_population_contains_the_smaller(region: str) -> None:
    sets = [identities(people(region, rows)) for rows in (1000, 1001, 1500, 5000, 20000)]
    assert [len(s) for s in sets] == [1000, 1001, 1500, 5000, 20000]
    for smaller, larger in pairwise(sets):
        assert smaller < larger


@given(st.integers(1000, 6000), st.integers(1, 500))
@settings(max_examples=15)
def test_adding_rows_takes_none_away(rows: int, more: int) -> None:
    for region in REGIONS:
        few = population.synthesise(region, rows, 1)
        many = population.synthesise(region, rows + more, 1)
        assert identities(few) < identities(many)


def test_ordinals_count_within_cells_and_identities_are_unique() -> None:
    firms = people("EU27", 5000)
    for cell in np.unique(firms.cell)[::17]:
        ordinal = firms.ordinal[firms.cell == cell]
        assert sorted(ordinal.tolist()) == list(range(len(ordinal)))
    assert len(np.unique(firms.identity())) == firms.rows
    both = np.concatenate([people(r, 5000).identity() for r in REGIONS])
    assert len(np.unique(both)) == len(both), "firms of both regions must not share luck"


@pytest.mark.parametrize("region", REGIONS)
def test_adding_rows_keeps_the_earlier_firms_luck(
    region: str, build: Callable[..., engine.Economy]
) -> None:
    bound = setting.bind(build(region))
    few, many = (engine.build_firms(bound, rows, 7) for rows in (1200, 4000))

    def by_identity(firms: engine.Firms) -> dict[tuple[int, int], tuple]:
        month = np.searchsorted(firms.start, np.arange(firms.rows), side="right") - 1
        keys = zip(firms.cell.tolist(), firms.ordinal.tolist(), strict=True)
        luck = (firms.key, month, firms.compliance, firms.deep)
        return dict(zip(keys, zip(*(c.tolist() for c in luck), strict=True), strict=True))

    small, large = by_identity(few), by_identity(many)
    assert len(small) == 1200
    assert all(large[who] == luck for who, luck in small.items())
    # Traits with a probability that depends on size (raked anew) keep their luck, so nearly all
    # firms keep the trait; with fresh luck a fifth or more would differ.
    order_few = np.lexsort((few.ordinal, few.cell))
    kept = {k: i for i, k in enumerate(zip(many.cell, many.ordinal, strict=True))}
    place = np.array([kept[k] for k in zip(few.cell, few.ordinal, strict=True)])
    for trait in ("narrow", "applicable", "maturity"):
        same = getattr(few, trait)[order_few] == getattr(many, trait)[place][order_few]
        assert same.mean() > 0.97, trait
    assert (few.persons[order_few] / many.persons[place][order_few]).std() < 0.5


def test_each_firm_draws_by_its_identity() -> None:
    firms = people("EU27", 1000, 3)
    key = draws.firm_key(3, firms.identity())
    assert len(np.unique(key)) == 1000
    assert not np.isin(key, draws.firm_key(4, firms.identity())).any()


# --- Cells ----------------------------------------------------------------------------------------


def test_cells_meet_all_margins_before_any_row_is_drawn() -> None:
    for region in REGIONS:
        cells = population.region_cells(region)
        tables = data.structure(region)
        for name, column in (
            ("firms", cells.firms),
            ("persons_employed", cells.persons),
            ("value_added", cells.value_added),
        ):
            joint = np.zeros_like(tables[name])
            place = np.array([data.SECTORS.index(s) for s in cells.sectors])[cells.sector]
            size = np.array([data.SIZE_CLASSES.index(s) for s in cells.size_classes])[cells.size]
            np.add.at(joint, (place, size), column)
            assert joint == pytest.approx(tables[name], rel=1e-6), name
        assert (cells.persons / cells.firms >= 1.0 - 1e-9).all()


def test_cell_codes_are_unique_over_regions() -> None:
    codes = np.concatenate([population.region_cells(r).code() for r in REGIONS])
    assert len(np.unique(codes)) == len(codes)


def test_masks() -> None:
    cells = population.region_cells("EU27")
    assert cells.mask({}).all()
    assert cells.mask({"country": (), "sector": (), "size_class": ()}).all()
    chosen = cells.mask({"country": ("DE", "FR"), "size_class": ("10-49",)})
    expected = np.isin(np.array(cells.countries)[cells.country], ["DE", "FR"]) & (
        np.array(cells.size_classes)[cells.size] == "10-49"
    )
    assert (chosen == expected).all() and 0 < chosen.sum() < cells.count
    assert not cells.mask({"country": ("US",)}).any()


@given(st.floats(1.0, 100.0), st.floats(1.5, 1000.0), st.floats(0.01, 0.99))
def test_sizes_of_a_class_have_the_mean_of_the_class(low: float, factor: float, p: float) -> None:
    """The truncated Pareto law is solved for the table's mean, wherever that lies."""
    high = low * factor
    mean = low * factor**p
    u = (np.arange(20_000) + 0.5) / 20_000
    sizes = population.pareto_quantile(u, low, high, mean)
    assert sizes.min() >= low * (1.0 - 1e-9) and sizes.max() <= high * (1.0 + 1e-9)
    assert (np.diff(sizes) >= 0.0).all()
    assert sizes.mean() == pytest.approx(mean, rel=0.02)


# --- Errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("rows", [-1, 0, 1, 999])
def test_too_few_rows(region: str, rows: int) -> None:
    with pytest.raises(population.PopulationError, match=r"too few: at least \d+ rows"):
        population.synthesise(region, rows, 1)


def test_unknown_region() -> None:
    with pytest.raises(
        population.PopulationError, match="unknown region 'UK': expected EU27 or US"
    ):
        population.synthesise("UK", 1000, 1)
