"""The firms: weighted synthetic rows by country x sector x size class.

Cell totals (firms, persons engaged, value added) come from the shipped tables by raking; rows are
given to cells by a divisor rule, so that a larger population contains the smaller one; persons
engaged are heavy-tailed within a class (truncated Pareto); weights and sizes are then raked so
that every margin of the tables is met.  Everything random is addressed by (seed, firm).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from econsim import data, draws

#: Rows below which margins cannot all be met.
MINIMUM_ROWS = 1_000

#: Persons engaged in the largest enterprise a row may stand for.
LARGEST_FIRM = 200_000.0

#: Scale of the logistic spread of log labour productivity within a cell (assumption: standard
#: deviation about 0.45, the order of the within-industry dispersion in OECD MultiProd).
PRODUCTIVITY_SPREAD = 0.25

#: How rows are shared over cells: by firms, persons engaged and value added.
ROW_SHARES = (0.2, 0.3, 0.5)

_RAKING_ROUNDS = 400
#: The tilt of member states settles slowly (some 4,000 rounds, a tenth of a second).
_TILTING_ROUNDS = 20_000


class PopulationError(ValueError):
    """A population that cannot be built."""


@dataclass(frozen=True)
class Cells:
    """The cells of a region and what each must add up to.

    Attributes:
        region: ``EU27`` or ``US``.
        countries, sectors, size_classes: labels of the three dimensions.
        country, sector, size: ``ndarray[cells]`` of indices into them.
        firms, persons, value_added: ``ndarray[cells]``; enterprises, persons engaged, million
            currency a year in prices of the tables.
    """

    region: str
    countries: tuple[str, ...]
    sectors: tuple[str, ...]
    size_classes: tuple[str, ...]
    country: np.ndarray
    sector: np.ndarray
    size: np.ndarray
    firms: np.ndarray
    persons: np.ndarray
    value_added: np.ndarray

    @property
    def count(self) -> int:
        """Number of cells."""
        return len(self.firms)

    def code(self) -> np.ndarray:
        """The stable number of each cell, part of its firms' identity; ``ndarray[cells]``."""
        region = data.REGIONS.index(self.region)
        sector = np.array([data.SECTORS.index(s) for s in self.sectors])[self.sector]
        size = np.array([data.SIZE_CLASSES.index(s) for s in self.size_classes])[self.size]
        return ((region * 100 + self.country) * 100 + sector) * 100 + size

    def mask(self, where: dict[str, tuple[str, ...]]) -> np.ndarray:
        """Cells that a target names, ``ndarray[cells]`` of bool; an empty target is everywhere."""
        chosen = np.ones(self.count, dtype=bool)
        for key, labels, index in (
            ("country", self.countries, self.country),
            ("sector", self.sectors, self.sector),
            ("size_class", self.size_classes, self.size),
        ):
            if where.get(key):
                wanted = np.array([label in where[key] for label in labels])
                chosen &= wanted[index]
        return chosen


@dataclass(frozen=True)
class Population:
    """Weighted firms, sorted by cell and ordinal.

    Attributes:
        cells: the cells.
        cell: ``ndarray[firms]``, index into the cells.
        ordinal: ``ndarray[firms]``, the firm's number within its cell.
        persons: persons engaged, at least 1.
        value_added: currency a year, prices of the tables.
        cell_weight: ``ndarray[cells]``, enterprises that each row of a cell stands for.
    """

    cells: Cells
    cell: np.ndarray
    ordinal: np.ndarray
    persons: np.ndarray
    value_added: np.ndarray
    cell_weight: np.ndarray

    @property
    def weight(self) -> np.ndarray:
        """Enterprises that each row stands for, ``ndarray[firms]``."""
        return self.cell_weight[self.cell]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.cell)

    def identity(self) -> np.ndarray:
        """Each firm's address for :mod:`econsim.draws`, ``ndarray[firms]`` of uint64."""
        return firm_identity(self.cells.code()[self.cell], self.ordinal)


def firm_identity(code: np.ndarray, ordinal: np.ndarray) -> np.ndarray:
    """A firm's identity, the pair (cell, ordinal) in 64 bits: never a row number."""
    return (code.astype(np.uint64) << np.uint64(32)) | ordinal.astype(np.uint64)


@lru_cache(maxsize=4)
def region_cells(region: str) -> Cells:
    """Cells of a region with their totals.

    For the EU the table sector x size class is spread over member states so that each state's
    firms, persons engaged and value added are met: states share the sector x size pattern, tilted
    towards larger or smaller classes (firms, persons) and by a productivity factor (value added).
    These joint cells are *derived*: no official table crosses the three.

    Raises:
        PopulationError: unknown region.
        econsim.data.DataError: a broken table.
    """
    if region not in data.REGIONS:
        raise PopulationError(f"unknown region '{region}': expected {' or '.join(data.REGIONS)}")
    structure = data.structure(region)
    firms = structure["firms"]
    used_sizes = [i for i in range(firms.shape[1]) if firms[:, i].any()]
    used_sectors = [i for i in range(firms.shape[0]) if firms[i].any()]
    grid = np.ix_(used_sectors, used_sizes)
    firms, persons, value = (
        structure[k][grid] for k in ("firms", "persons_employed", "value_added")
    )
    sector_size = firms.reshape(-1)
    countries: tuple[str, ...]
    if region == "EU27":
        countries = data.MEMBER_STATES
        states = data.member_state_structure()
        joint = _spread_firms(firms, persons, states["firms"], states["persons_employed"])
        joint_persons = joint * (persons.reshape(-1) / sector_size)[None, :]
        productivity = value.reshape(-1) / persons.reshape(-1)
        joint_value = _rake_two_way(
            joint_persons * productivity[None, :], states["value_added"], value.reshape(-1)
        )
    else:
        countries = ("US",)
        joint = sector_size[None, :]
        joint_persons = persons.reshape(1, -1)
        joint_value = value.reshape(1, -1)
    # By sector, then size, then country: cells that meet the same terms stand together.
    pair, country = np.nonzero(joint.T > 0.0)
    return Cells(
        region=region,
        countries=countries,
        sectors=tuple(data.SECTORS[i] for i in used_sectors),
        size_classes=tuple(data.SIZE_CLASSES[i] for i in used_sizes),
        country=country,
        sector=pair // len(used_sizes),
        size=pair % len(used_sizes),
        firms=joint[country, pair],
        persons=joint_persons[country, pair],
        value_added=joint_value[country, pair],
    )


def _rake_two_way(seed: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Iterative proportional fitting of a non-negative table to its two margins."""
    table = seed.copy()
    for _ in range(_RAKING_ROUNDS):
        table *= (rows / table.sum(axis=1))[:, None]
        sums = table.sum(axis=0)
        table *= np.divide(columns, sums, out=np.zeros_like(columns), where=sums > 0)[None, :]
        if np.abs(table.sum(axis=1) / rows - 1.0).max() < 1e-13:
            break
    return table


def _spread_firms(
    firms: np.ndarray, persons: np.ndarray, state_firms: np.ndarray, state_persons: np.ndarray
) -> np.ndarray:
    """Firms by country and sector x size that meet firms and persons of each country.

    ``N_csz = N_sz a_sz b_c exp(theta_c ln(mean persons_sz))``; ``theta_c`` is found by Newton
    steps within the raking rounds.

    Raises:
        PopulationError: the tables contradict one another.
    """
    pair_firms = firms.reshape(-1)
    mean = np.divide(
        persons.reshape(-1), pair_firms, out=np.ones_like(pair_firms), where=pair_firms > 0
    )
    log_mean = np.log(mean)
    column = pair_firms.copy()
    tilt = np.zeros(len(state_firms))
    for _ in range(_TILTING_ROUNDS):
        table = column[None, :] * np.exp(tilt[:, None] * log_mean[None, :])
        table *= (state_firms / table.sum(axis=1))[:, None]
        engaged = table @ mean
        slope = table @ (mean * log_mean) - engaged * (table @ log_mean) / state_firms
        step = (state_persons - engaged) / slope
        tilt += np.clip(step, -0.2, 0.2)
        sums = table.sum(axis=0)
        column *= np.divide(pair_firms, sums, out=np.ones_like(sums), where=sums > 0)
        worst = max(
            np.abs(engaged / state_persons - 1.0).max(),
            np.abs(sums[pair_firms > 0] / pair_firms[pair_firms > 0] - 1.0).max(),
        )
        if worst < 1e-12:
            break
    if worst > 1e-6:
        raise PopulationError(
            f"firms and persons of the member states do not fit the table by sector and size "
            f"({100 * worst:.2g} % apart)"
        )
    return table


def _row_order(cells: Cells, rows: int) -> np.ndarray:
    """How many of the first ``rows`` rows stand in each cell, ``ndarray[cells]``.

    Webster's divisor rule never takes a row away when the total grows.  A base set comes first,
    so that every sector x size class and every country x size class has rows from the start.
    """
    measure = sum(
        share * total / total.sum()
        for share, total in zip(
            ROW_SHARES, (cells.firms, cells.persons, cells.value_added), strict=True
        )
    )
    base = np.zeros(cells.count, dtype=bool)
    for first, second in ((cells.sector, cells.size), (cells.country, cells.size)):
        group = first * len(cells.size_classes) + second
        order = np.lexsort((-measure, group))
        starts = np.r_[0, np.flatnonzero(np.diff(group[order])) + 1]
        rank = np.arange(cells.count) - np.repeat(starts, np.diff(np.r_[starts, cells.count]))
        base[order[rank < 3]] = True
    if rows < max(MINIMUM_ROWS, base.sum()):
        raise PopulationError(
            f"{rows} firms are too few: at least {max(MINIMUM_ROWS, int(base.sum()))} rows are "
            f"needed to meet the margins of {cells.region}"
        )
    # Webster: cell c gets its (n + 1)-th row at priority measure_c / (2 n + 1).  The base rows are
    # each cell's first row; the others follow by priority, found by bisection on the divisor.
    low, high = 0.0, 4.0 * rows + 4.0
    for _ in range(200):
        divisor = 0.5 * (low + high)
        counts = np.maximum(np.floor(measure * divisor + 0.5).astype(np.int64), base)
        if counts.sum() > rows:
            high = divisor
        else:
            low = divisor
    counts = np.maximum(np.floor(measure * low + 0.5).astype(np.int64), base)
    missing = rows - int(counts.sum())
    if missing:
        priority = measure / (2.0 * counts + 1.0)
        counts[np.argsort(-priority, kind="stable")[:missing]] += 1
    return counts


def _bit_reversed(ordinal: np.ndarray) -> np.ndarray:
    """Van der Corput sequence in base 2: evenly spread however many terms are taken."""
    value = np.zeros(len(ordinal))
    remaining = ordinal.astype(np.uint64)
    step = 0.5
    while remaining.any():
        value += step * (remaining & np.uint64(1)).astype(np.float64)
        remaining >>= np.uint64(1)
        step *= 0.5
    return value


def _pareto_exponent(low: float, high: float, mean: float) -> float:
    """Exponent of the Pareto law on [low, high] that has the given mean (bisection)."""

    def mean_of(a: float) -> float:
        if abs(a) < 1e-9:
            return (high - low) / np.log(high / low)
        if abs(a - 1.0) < 1e-9:
            return low * np.log(high / low) / (1.0 - low / high)
        ratio = (low / high) ** a
        return a * low / (a - 1.0) * (1.0 - ratio * high / low) / (1.0 - ratio)

    small, large = -20.0, 60.0
    for _ in range(200):
        middle = 0.5 * (small + large)
        if mean_of(middle) > mean:
            small = middle
        else:
            large = middle
    return 0.5 * (small + large)


def pareto_quantile(u: np.ndarray, low: float, high: float, mean: float) -> np.ndarray:
    """Quantiles of the Pareto law truncated to [low, high] with a given mean.

    Args:
        u: ``ndarray[firms]`` in (0, 1).
        low, high: bounds of the size class, persons engaged.
        mean: mean persons engaged, strictly between them.
    """
    a = _pareto_exponent(low, high, mean)
    if abs(a) < 1e-9:
        return low * (high / low) ** u
    return low * (1.0 - u * (1.0 - (low / high) ** a)) ** (-1.0 / a)


def synthesise(region: str, rows: int | str, seed: int) -> Population:
    """The weighted population of a region.

    Args:
        region: ``EU27`` or ``US``.
        rows: number of rows, at least :data:`MINIMUM_ROWS`, or ``"full"`` for one row per
            enterprise.
        seed: run seed; firms keep their luck when rows are added.

    Raises:
        PopulationError: too few rows, or margins that cannot be met.
    """
    cells = region_cells(region)
    if rows == "full":
        counts = np.maximum(np.rint(cells.firms).astype(np.int64), 1)
    else:
        counts = _row_order(cells, int(rows))
    cell = np.repeat(np.arange(cells.count), counts)
    ordinal = np.arange(len(cell)) - np.repeat(np.cumsum(counts) - counts, counts)
    persons, low, high = _persons(cells, cell, ordinal, seed)
    pairs = cells.sector * len(cells.size_classes) + cells.size
    places = cells.country * len(cells.size_classes) + cells.size
    cell_weight = np.divide(cells.firms, counts, out=np.zeros(cells.count), where=counts > 0)
    everyone = np.arange(cells.count)
    cell_weight = _rake_rows(
        cell_weight, cells, everyone, (pairs, places), cells.firms, counts.astype(np.float64)
    )
    weight = cell_weight[cell]
    persons = _rake_rows(
        persons, cells, cell, (pairs, cells.country), cells.persons, weight, low, high
    )
    key = draws.firm_key(seed, firm_identity(cells.code()[cell], ordinal))
    u = draws.uniform(key, draws.PURPOSES["productivity"], np.zeros(len(cell), np.uint64))
    spread = np.exp(PRODUCTIVITY_SPREAD * draws.logistic(u))
    value = 1e6 * (cells.value_added / cells.persons)[cell] * persons * spread
    value = _rake_rows(value, cells, cell, (pairs, cells.country), 1e6 * cells.value_added, weight)
    return Population(cells, cell, ordinal, persons, value, cell_weight)


def _persons(
    cells: Cells, cell: np.ndarray, ordinal: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Persons engaged of each row, with the bounds of its class."""
    shift_identity = firm_identity(cells.code(), np.full(cells.count, 0xFFFFFFFF))
    shift = draws.uniform(
        draws.firm_key(seed, shift_identity),
        draws.PURPOSES["persons"],
        np.zeros(cells.count, np.uint64),
    )
    u = np.mod(_bit_reversed(ordinal) + shift[cell], 1.0)
    u = np.clip(u, 1e-12, 1.0 - 1e-12)
    persons = np.empty(len(cell))
    low = np.array([max(data.SIZE_CLASS_BOUNDS[s][0], 1.0) for s in cells.size_classes])
    high = np.array(
        [min(data.SIZE_CLASS_BOUNDS[s][1] + 0.999, LARGEST_FIRM) for s in cells.size_classes]
    )
    pair = cells.sector * len(cells.size_classes) + cells.size
    by_pair = pair[cell]
    order = np.argsort(by_pair, kind="stable")
    edges = np.r_[0, np.flatnonzero(np.diff(by_pair[order])) + 1, len(order)]
    for start, stop in pairwise(edges):
        chosen = order[start:stop]
        size = cells.size[cell[chosen[0]]]
        members = pair == by_pair[chosen[0]]
        mean = cells.persons[members].sum() / cells.firms[members].sum()
        if cells.size_classes[size] == "nonemployer":
            persons[chosen] = 1.0
        else:
            persons[chosen] = pareto_quantile(u[chosen], low[size], high[size], mean)
    row_size = cells.size[cell]
    return persons, low[row_size], high[row_size]


def _rake_rows(
    values: np.ndarray,
    cells: Cells,
    cell: np.ndarray,
    groupings: tuple[np.ndarray, ...],
    targets: np.ndarray,
    weight: np.ndarray | None = None,
    low: np.ndarray | None = None,
    high: np.ndarray | None = None,
) -> np.ndarray:
    """Scale rows by group factors until weighted sums meet every group's total.

    Args:
        values: ``ndarray[firms]`` to scale.
        groupings: each ``ndarray[cells]``, the group of a cell.
        targets: ``ndarray[cells]``; a group's total is the sum over its cells.
        weight: weights of the sums (default: none).
        low, high: bounds kept while scaling, ``ndarray[firms]``.

    Raises:
        PopulationError: the totals cannot be met within 0.05 %.
    """
    values = values.copy()
    prepared = []
    for grouping in groupings:
        total = np.bincount(grouping, weights=targets)
        prepared.append((grouping[cell], total))
    for _ in range(_RAKING_ROUNDS):
        worst = 0.0
        for group, total in prepared:
            weighted = values if weight is None else values * weight
            sums = np.bincount(group, weights=weighted, minlength=len(total))
            factor = np.divide(total, sums, out=np.ones_like(total), where=sums > 0)
            worst = max(worst, float(np.abs(factor[total > 0] - 1.0).max()))
            values *= factor[group]
            if low is not None and high is not None:
                np.clip(values, low, high, out=values)
        if worst < 1e-9:
            break
    if worst > 5e-4:
        raise PopulationError(
            f"the margins of {cells.region} cannot be met with {len(cell)} rows "
            f"(worst {100 * worst:.2f} %): use more rows"
        )
    return values
