"""The firms: weighted synthetic rows by country x sector x size class.

Cell totals (firms, persons engaged, value added) come from the shipped tables by raking; rows are
given to cells by a divisor rule, so that a larger population contains the smaller one; persons
engaged are heavy-tailed within a class (truncated Pareto); weights and sizes are then raked so
that every margin of the tables is met.  Everything random is addressed by (seed, firm).

Passes over the rows are kernels (:mod:`econsim.compiled`): every enterprise of a region takes
seconds, and the bits are those of NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from econsim import compiled, data, draws
from econsim.arithmetic import exp, log, where
from econsim.compiled import BLOCK, cells_of, each, gather, kernel, places_of, post, scatter, steps
from econsim.draws import PURPOSES, key_of, logistic, uniform

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
    """Weighted firms, sorted by the month in which they evaluate, then cell, then ordinal.

    Attributes:
        cells: the cells.
        cell: ``ndarray[firms]`` of int16, index into the cells.
        ordinal: ``ndarray[firms]`` of uint32, the firm's number within its cell.
        persons: persons engaged, at least 1.
        value_added: currency a year, prices of the tables.
        start: ``ndarray[13]``, first row of each evaluation month.
        cell_weight: ``ndarray[cells]``, enterprises that each row of a cell stands for.
        seed: run seed.
    """

    cells: Cells
    cell: np.ndarray
    ordinal: np.ndarray
    persons: np.ndarray
    value_added: np.ndarray
    start: np.ndarray
    cell_weight: np.ndarray
    seed: int

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.cell)

    @property
    def weight(self) -> np.ndarray:
        """Enterprises that each row stands for, ``ndarray[firms]``."""
        return self.cell_weight[self.cell]

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
        joint = _rounded(_spread_firms(firms, persons, states["firms"], states["persons_employed"]))
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


def _rounded(values: np.ndarray) -> np.ndarray:
    """Ten significant digits: the last bits of an iteration depend on the processor's library."""
    scale = 10.0 ** (9.0 - np.floor(np.log10(np.maximum(values, 1e-300))))
    return np.asarray(np.where(values > 0.0, np.rint(values * scale) / scale, values))


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
    # The power function's last bits depend on the library; the rounding does not.
    return float(f"{0.5 * (small + large):.10g}")


def pareto(u, low, high, exponent):
    r"""Quantile of the Pareto law truncated to [low, high].

    .. math:: low \,\left[1 - u\,(1 - (low / high)^a)\right]^{-1/a}

    and ``low (high / low)^u`` at ``a = 0``.
    """
    flat = np.abs(exponent) < 1e-9
    a = where(flat, 1.0, exponent)
    span = log(low / high)
    steep = exp(-log(1.0 - u * (1.0 - exp(a * span))) / a)
    return low * where(flat, exp(-u * span), steep)


def pareto_quantile(u: np.ndarray, low: float, high: float, mean: float) -> np.ndarray:
    """Quantiles of the Pareto law truncated to [low, high] with a given mean.

    Args:
        u: ``ndarray[firms]`` in (0, 1).
        low, high: bounds of the size class, persons engaged.
        mean: mean persons engaged, strictly between them.
    """
    bounds = np.float64(low), np.float64(high)
    return np.asarray(pareto(u, *bounds, np.float64(_pareto_exponent(low, high, mean))))


# --- Passes over the rows -------------------------------------------------------------------------

_PERSONS = PURPOSES["persons"]
_PRODUCTIVITY = PURPOSES["productivity"]
_MONTH = PURPOSES["evaluation_month"]
_ONCE = np.uint64(0)
#: Distance of 32-bit fractions.
_STEP = 2.0**-32
_B1, _B2, _B4, _B8, _B16, _B32 = (np.uint64(n) for n in (1, 2, 4, 8, 16, 32))
_M1, _M2, _M4, _M8, _M16 = (
    np.uint64(n)
    for n in (0x55555555, 0x33333333, 0x0F0F0F0F, 0x00FF00FF, 0x0000FFFF)
)  # fmt: skip


def bit_reversed(ordinal):
    """Van der Corput sequence in base 2: evenly spread however many terms are taken."""
    x = ((ordinal >> _B1) & _M1) | ((ordinal & _M1) << _B1)
    x = ((x >> _B2) & _M2) | ((x & _M2) << _B2)
    x = ((x >> _B4) & _M4) | ((x & _M4) << _B4)
    x = ((x >> _B8) & _M8) | ((x & _M8) << _B8)
    x = ((x >> _B16) & _M16) | ((x & _M16) << _B16)
    return x * _STEP


@each()
def persons_of(ordinal, shift, low, high, exponent):
    """Persons engaged before raking: evenly spread quantiles of the class's law, shifted by luck.

    An exponent above 1,000 stands for enterprises without employees: one person.
    """
    u = bit_reversed(ordinal) + shift
    u = u - np.floor(u)
    u = np.minimum(np.maximum(u, 1e-12), 1.0 - 1e-12)
    return where(exponent > 1000.0, 1.0, pareto(u, low, high, np.minimum(exponent, 1000.0)))


@each()
def rescaled(persons, factor, low, high):
    """Persons engaged times a factor, within the bounds of the class."""
    return np.minimum(np.maximum(persons * factor, low), high)


@each(2)
def month_and_value(start, identity, ordinal, persons, rate, spread):
    """Evaluation month, and value added: the cell's productivity, spread by luck."""
    key = key_of(start, identity | ordinal)
    month = np.minimum(np.floor(uniform(key, _MONTH, _ONCE) * 12.0), 11.0)
    luck = logistic(uniform(key, _PRODUCTIVITY, _ONCE))
    return month, rate * persons * exp(spread * luck)


@kernel
def draw_persons(persons, starts, tables, sums, whole, address, real, rows):
    """Persons engaged of ``rows`` and their sums by cell.

    ``tables`` is ``[4, cells]``: shift, low, high, exponent.
    """
    first, last = rows
    while first < last:
        end = min(first + whole.shape[1], last)
        n = cells_of(whole[0], address[0], starts, first, end)
        for row in range(4):
            gather(n, real[row], tables[row], whole[0])
        persons_of(n, real[4], address[0], real[0], real[1], real[2], real[3])
        persons[first:end] = real[4, :n]
        post(n, sums, whole[0], real[4])
        first = end


@kernel
def rescale_persons(persons, starts, tables, sums, whole, address, real, rows):
    """Multiply persons engaged of ``rows`` and add them up by cell.

    ``tables`` is ``[3, cells]``: factor, low, high.
    """
    first, last = rows
    while first < last:
        end = min(first + whole.shape[1], last)
        n = cells_of(whole[0], address[0], starts, first, end)
        for row in range(3):
            gather(n, real[row], tables[row], whole[0])
        rescaled(n, real[3], persons[first:end], real[0], real[1], real[2])
        persons[first:end] = real[3, :n]
        post(n, sums, whole[0], real[3])
        first = end


@steps
def look_up_rows(
    persons, starts, identity, rate, spread, seed_start, whole, address, real, first, end
):
    """Cells, evaluation months and value added of rows ``first`` to below ``end``; how many."""
    n = cells_of(whole[0], address[0], starts, first, end)
    gather(n, address[1], identity, whole[0])
    gather(n, real[0], rate, whole[0])
    month_and_value(
        n, whole[1], real[1], seed_start, address[1], address[0], persons[first:end], real[0],
        spread,
    )  # fmt: skip
    return n


@kernel
def add_up_values(
    persons, starts, identity, rate, spread, seed_start, sums, counts, whole, address, real, rows
):
    """Value added of ``rows`` by cell, and how many evaluate in each month."""
    first, last = rows
    while first < last:
        end = min(first + whole.shape[1], last)
        n = look_up_rows(
            persons, starts, identity, rate, spread, seed_start, whole, address, real, first, end
        )
        post(n, sums, whole[0], real[1])
        post(n, counts, whole[1], whole[2])
        first = end


@kernel
def place_rows(
    persons, starts, identity, rate, spread, seed_start, placed, turn, whole, address, real, rows
):
    """Put the columns of ``rows`` where their evaluation months stand; ``turn`` says from where."""
    cell, ordinal, sorted_persons, value_added = placed
    first, last = rows
    while first < last:
        end = min(first + whole.shape[1], last)
        n = look_up_rows(
            persons, starts, identity, rate, spread, seed_start, whole, address, real, first, end
        )
        places_of(n, whole[2], whole[1], turn)
        scatter(n, cell, whole[2], whole[0])
        scatter(n, ordinal, whole[2], address[0])
        scatter(n, sorted_persons, whole[2], persons[first:end])
        scatter(n, value_added, whole[2], real[1])
        first = end


def synthesise(
    region: str,
    rows: int | str,
    seed: int,
    *,
    threads: int = 1,
    jit: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Population:
    """The weighted population of a region.

    Args:
        region: ``EU27`` or ``US``.
        rows: number of rows, at least :data:`MINIMUM_ROWS`, or ``"full"`` for one row per
            enterprise.
        seed: run seed; firms keep their luck when rows are added.
        threads: how many may work at once; numbers do not depend on it.
        jit: whether kernels run compiled; numbers do not depend on it.
        progress: called with the share of the work done.

    Raises:
        PopulationError: too few rows, or margins that cannot be met.
    """
    cells = region_cells(region)
    counts = row_counts(region, rows)
    pairs = cells.sector * len(cells.size_classes) + cells.size
    places = cells.country * len(cells.size_classes) + cells.size
    weight = np.divide(cells.firms, counts, out=np.zeros(cells.count), where=counts > 0)
    weight = _rake(weight, (pairs, places), cells.firms, counts.astype(np.float64), counts.sum())
    passes = _Passes(cells, counts, seed, threads, jit)
    try:
        passes.draw_persons(weight, pairs, progress or (lambda share: None))
        columns = passes.place(weight, pairs)
    finally:
        passes.close()
    return Population(cells, *columns, weight, seed)


def row_counts(region: str, rows: int | str) -> np.ndarray:
    """Rows of each cell, ``ndarray[cells]``.

    Raises:
        PopulationError: too few rows, or an unknown region.
    """
    cells = region_cells(region)
    if rows == "full":
        return np.maximum(np.rint(cells.firms).astype(np.int64), 1)
    return _row_order(cells, int(rows))


class _Passes:
    """The passes over a population's rows, by parts of whole cells."""

    def __init__(
        self,
        cells: Cells,
        counts: np.ndarray,
        seed: int,
        threads: int,
        jit: bool,
    ) -> None:
        self.cells, self.seed = cells, seed
        self.code = compiled.twin() if jit else None
        self.starts = np.concatenate([[0], np.cumsum(counts)])
        self.rows = int(self.starts[-1])
        self.persons = np.empty(self.rows)
        self.start = draws.seed_start(seed)
        self.identity = cells.code().astype(np.uint64) << np.uint64(32)
        width = BLOCK if self.code is not None else 16_384
        # A cell is one part's alone, so that its sum is added up in one order.
        wanted = np.linspace(0, self.rows, threads + 1)[1:-1]
        inner = self.starts[np.searchsorted(self.starts, wanted)]
        edges = np.unique([0, *inner, self.rows]).tolist()
        self.parts = list(pairwise(edges))
        self.buffers = [
            (
                np.ones((3, width), dtype=np.int64),
                np.empty((2, width), dtype=np.uint64),
                np.empty((5, width)),
            )
            for _ in self.parts
        ]
        self.pool = ThreadPoolExecutor(len(self.parts)) if len(self.parts) > 1 else None

    def close(self) -> None:
        """Let go of the threads."""
        if self.pool is not None:
            self.pool.shutdown()

    def run(self, name: str, arguments: Sequence[tuple]) -> None:
        """One pass: a kernel on each part, with the part's own arguments."""
        function = globals()[name] if self.code is None else getattr(self.code, name)
        jobs = [
            (*own, *buffers, part)
            for own, buffers, part in zip(arguments, self.buffers, self.parts, strict=True)
        ]
        if self.pool is None:
            function(*jobs[0])
        else:
            for done in [self.pool.submit(function, *job) for job in jobs]:
                done.result()

    def draw_persons(
        self, weight: np.ndarray, pairs: np.ndarray, progress: Callable[[float], None]
    ) -> None:
        """Draw persons engaged and rake them within their classes until the margins are met.

        Raises:
            PopulationError: they cannot be met.
        """
        cells = self.cells
        bounds = [data.SIZE_CLASS_BOUNDS[s] for s in cells.size_classes]
        low = np.array([max(b[0], 1.0) for b in bounds])[cells.size]
        high = np.array([min(b[1] + 0.999, LARGEST_FIRM) for b in bounds])[cells.size]
        shift_identity = firm_identity(cells.code(), np.full(cells.count, 0xFFFFFFFF))
        key = draws.firm_key(self.seed, shift_identity)
        shift = draws.uniform(key, _PERSONS, np.zeros(cells.count, np.uint64))
        exponent = np.empty(cells.count)
        for pair in np.unique(pairs):
            members = np.flatnonzero(pairs == pair)
            mean = cells.persons[members].sum() / cells.firms[members].sum()
            one = members[0]
            alone = cells.size_classes[cells.size[one]] == "nonemployer"
            exponent[members] = 1e6 if alone else _pareto_exponent(low[one], high[one], mean)
        sums = np.zeros(cells.count)
        tables = np.stack([shift, low, high, exponent])
        self.run("draw_persons", [(self.persons, self.starts, tables, sums)] * len(self.parts))

        def rescale(factor: np.ndarray) -> np.ndarray:
            found = np.zeros(cells.count)
            tables = np.stack([factor, low, high])
            self.run(
                "rescale_persons", [(self.persons, self.starts, tables, found)] * len(self.parts)
            )
            return found

        _rake(
            sums, (pairs, cells.country), cells.persons, weight, self.rows,
            rescale=rescale, progress=progress,
        )  # fmt: skip

    def place(
        self, weight: np.ndarray, pairs: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Sort by evaluation month; value added is drawn and raked on the way."""
        cells = self.cells
        target = 1e6 * cells.value_added
        rate = 1e6 * (cells.value_added / cells.persons)
        common = (self.persons, self.starts, self.identity)
        spread = np.float64(PRODUCTIVITY_SPREAD)
        sums = np.zeros(cells.count)
        counts = [np.zeros(12, dtype=np.int64) for _ in self.parts]
        self.run(
            "add_up_values", [(*common, rate, spread, self.start, sums, count) for count in counts]
        )
        raked = _rake(sums, (pairs, cells.country), target, weight, self.rows)
        rate *= np.divide(raked, sums, out=np.ones_like(sums), where=sums > 0.0)
        # Each part fills its own stretch of each month, after those of the parts before it.
        by_month = np.stack(counts)
        start = np.concatenate([[0], np.cumsum(by_month.sum(axis=0))])
        turns = start[:-1] + np.cumsum(by_month, axis=0) - by_month
        placed = (
            np.empty(self.rows, dtype=np.int16),
            np.empty(self.rows, dtype=np.uint32),
            np.empty(self.rows),
            np.empty(self.rows),
        )
        self.run(
            "place_rows",
            [(*common, rate, spread, self.start, placed, turn.copy()) for turn in turns],
        )
        return (*placed, start)


def _rake(
    values: np.ndarray,
    groupings: tuple[np.ndarray, ...],
    targets: np.ndarray,
    weight: np.ndarray,
    rows: int,
    *,
    rescale: Callable[[np.ndarray], np.ndarray] | None = None,
    progress: Callable[[float], None] | None = None,
) -> np.ndarray:
    """Scale cells by group factors until weighted sums meet every group's total.

    Args:
        values: ``ndarray[cells]``, each cell's sum over its rows.
        groupings: each ``ndarray[cells]``, the group of a cell.
        targets: ``ndarray[cells]``; a group's total is the sum over its cells.
        weight: weights of the sums, ``ndarray[cells]``.
        rows: number of rows (for the message).
        rescale: multiplies the rows by a factor of their cell, within bounds, and returns the new
            sums by cell; plain multiplication when not given.
        progress: called with the share of the work done, judged by how near the totals are.

    Raises:
        PopulationError: the totals cannot be met within 0.05 %.
    """
    values = values.copy()
    worst = np.inf
    for _ in range(_RAKING_ROUNDS):
        worst = 0.0
        for grouping in groupings:
            total = np.bincount(grouping, weights=targets)
            sums = np.bincount(grouping, weights=values * weight, minlength=len(total))
            factor = np.divide(total, sums, out=np.ones_like(total), where=sums > 0)
            worst = max(worst, float(np.abs(factor[total > 0] - 1.0).max()))
            by_cell = factor[grouping]
            values = values * by_cell if rescale is None else rescale(by_cell)
        if progress is not None:
            progress(min(1.0, max(0.0, -np.log10(max(worst, 1e-9)) / 9.0)))
        if worst < 1e-9:
            break
    if worst > 5e-4:
        raise PopulationError(
            f"the margins cannot be met with {rows} rows (worst {100 * worst:.2f} %): use more rows"
        )
    return values
