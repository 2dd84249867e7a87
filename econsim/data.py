"""Reference tables: reading, checking and deriving the figures the model rests on.

The tables are small CSV files in ``econsim/data``.  Every row names its unit, year, primary
source, licence and reliability; nothing is loaded that lacks them.  ``table`` reads one file and
refuses it, with file and line, as soon as one cell breaks the declared schema.  ``structure`` and
``member_state_structure`` hand the business structure over as arrays, and ``derive_structure``
recomputes those two tables from the published inputs, so that no derived figure has to be taken
on trust.  Observations of 2025 on AI use are kept apart (``held_out``): they judge the model and
must never enter its fitting.

Nothing heavy is imported until a function needs it.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

REGIONS: tuple[str, ...] = ("EU27", "US")
"""The two regions of the model."""

SECTORS: tuple[str, ...] = (
    "B",
    "C",
    "D",
    "E",
    "F",
    "G",
    "H",
    "I",
    "J",
    "K",
    "L",
    "M",
    "N",
    "P",
    "Q",
    "R",
    "S",
)
"""NACE Rev. 2 sections of the EU business economy; S stands for divisions S95 and S96."""

SIZE_CLASSES: tuple[str, ...] = ("nonemployer", "0-9", "10-49", "50-249", "250+")
"""Size classes in persons engaged; "nonemployer" exists in the US only."""

SIZE_CLASS_BOUNDS: dict[str, tuple[float, float]] = {
    "nonemployer": (1.0, 1.0),
    "0-9": (0.0, 9.0),
    "10-49": (10.0, 49.0),
    "50-249": (50.0, 249.0),
    "250+": (250.0, math.inf),
}
"""Lowest and highest number of persons of a firm in each class."""

MEMBER_STATES: tuple[str, ...] = (
    "AT",
    "BE",
    "BG",
    "CY",
    "CZ",
    "DE",
    "DK",
    "EE",
    "EL",
    "ES",
    "FI",
    "FR",
    "HR",
    "HU",
    "IE",
    "IT",
    "LT",
    "LU",
    "LV",
    "MT",
    "NL",
    "PL",
    "PT",
    "RO",
    "SE",
    "SI",
    "SK",
)
"""Eurostat codes of the 27 member states (EL is Greece), in alphabetical order."""

SURVEY_SECTORS: tuple[str, ...] = ("C", "D", "E", "F", "G", "H", "I", "J", "L", "M", "N", "S")
"""Sections covered by the Eurostat survey of AI use (C10 to S951 without K; of S only S951)."""

STRUCTURE_INDICATORS: tuple[str, ...] = ("firms", "persons_employed", "value_added")
"""Indicators of the two structure tables."""

RELIABILITY_LEVELS: tuple[str, ...] = (
    "verified",
    "single-source",
    "derived",
    "estimate",
    "from-memory-unverified",
)
"""Allowed values of the reliability column, from best to worst."""

UNIT_BOUNDS: dict[str, tuple[float, float]] = {
    "log points": (-5.0, 5.0),
    "enterprises": (0.0, 1e9),
    "persons": (0.0, 1e9),
    "EUR million": (0.0, 1e9),
    "USD million": (0.0, 1e9),
    "EUR": (0.0, 1e7),
    "USD": (0.0, 1e7),
    "thousand EUR per person": (0.0, 2000.0),
    "thousand USD per person": (0.0, 2000.0),
    "persons per enterprise": (1.0, 1e5),
    "percent": (0.0, 100.0),
    "percent of enterprises": (0.0, 100.0),
    "percent of AI-using enterprises": (0.0, 100.0),
    "percent of enterprises not using AI": (0.0, 100.0),
    "percent per year": (-50.0, 50.0),
    "share": (0.0, 1.0),
    "share of tasks": (0.0, 1.0),
    "ratio": (0.0, 100.0),
    "elasticity": (-10.0, 10.0),
    "months": (0.0, 600.0),
    "hours": (0.0, 1e5),
    "hours per person": (0.0, 1e4),
    "tier 0-2": (0.0, 2.0),
    "EUR per user and month": (0.0, 1e4),
    "USD per user and month": (0.0, 1e4),
    "USD per employee and month": (0.0, 1e5),
    "USD per kilowatt hour": (0.0, 10.0),
    "percent increase": (-100.0, 1e4),
    "multiple": (0.0, 1e5),
    "per year": (0.0, 10.0),
    "years": (0.0, 100.0),
    "minutes": (0.0, 1e5),
    "joule": (0.0, 1e6),
    "watt hours": (0.0, 1e6),
    "USD per million tokens": (0.0, 1e4),
}
"""Every unit a table may use, with the smallest and the largest value accepted in it."""

PROVENANCE_COLUMNS: tuple[str, ...] = (
    "value",
    "unit",
    "year",
    "source",
    "licence",
    "reliability",
    "note",
)
"""Columns that end every table."""


class DataError(ValueError):
    """A reference table is missing or breaks its schema.

    Attributes: ``file`` (name or path), ``line`` (1 is the header; ``None`` if the file as a
    whole is meant), ``column`` (``None`` if no single column is meant) and ``problem``.
    """

    def __init__(
        self, file: str, problem: str, line: int | None = None, column: str | None = None
    ) -> None:
        self.file = file
        self.line = line
        self.column = column
        self.problem = problem
        place = file
        if line is not None:
            place += f", line {line}"
        if column is not None:
            place += f", column '{column}'"
        super().__init__(f"{place}: {problem}")


@dataclass(frozen=True)
class Schema:
    """Declared form of one table.

    ``keys`` identify a row.  ``domains`` lists the allowed words of a column.  ``units`` are the
    units the table may use.  ``numeric`` names numeric columns other than ``value``, with bounds.
    """

    keys: tuple[str, ...]
    units: tuple[str, ...]
    domains: Mapping[str, tuple[str, ...]]
    numeric: Mapping[str, tuple[float, float]]
    extra: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Exact header of the file: key columns, further columns, provenance columns."""
        lead = tuple(key for key in self.keys if key not in PROVENANCE_COLUMNS)
        return lead + self.extra + PROVENANCE_COLUMNS


_NAICS: tuple[str, ...] = (
    "21",
    "22",
    "23",
    "31-33",
    "42",
    "44-45",
    "48-49",
    "51",
    "52",
    "53",
    "54",
    "55",
    "56",
    "61",
    "62",
    "71",
    "72",
    "81",
)
_NAICS_TO_SECTOR: dict[str, str] = {
    "21": "B",
    "22": "D",
    "23": "F",
    "31-33": "C",
    "42": "G",
    "44-45": "G",
    "48-49": "H",
    "51": "J",
    "52": "K",
    "53": "L",
    "54": "M",
    "55": "M",
    "56": "N",
    "61": "P",
    "62": "Q",
    "71": "R",
    "72": "I",
    "81": "S",
}
_SUSB_BANDS: tuple[str, ...] = ("0-9", "10-49", "50-199", "200-299", "300+")
_NACE_GROUPS: dict[str, tuple[str, ...]] = {
    "B-E": ("B", "C", "D", "E"),
    "F": ("F",),
    "G": ("G",),
    "services": ("H", "I", "J", "K", "L", "M", "N", "P", "Q", "R", "S"),
}
_EU_SIZES: tuple[str, ...] = SIZE_CLASSES[1:]

_PLACES = (*REGIONS, *MEMBER_STATES)
_ACTIVITIES = (
    "TOTAL",
    *SECTORS,
    "B-E",
    "services",
    *(f"NAICS {code}" for code in _NAICS),
    "NAICS 11",
    "NAICS 99",
    "NAICS 53 housing",
)
_BANDS = ("all", *_EU_SIZES, "10-19", "20-49", "50-199", "200-299", "300+", "0-249", "nonemployer")
_SURVEY_SIZES = ("10+", "10-49", "50-249", "250+")


def _schema(
    keys: Sequence[str],
    units: Sequence[str],
    domains: Mapping[str, tuple[str, ...]] | None = None,
    numeric: Mapping[str, tuple[float, float]] | None = None,
    extra: Sequence[str] = (),
) -> Schema:
    return Schema(tuple(keys), tuple(units), dict(domains or {}), dict(numeric or {}), tuple(extra))


_SIZE_SCHEMA_PARTS: dict[str, tuple[str, ...]] = {"region": REGIONS, "size_class": _SURVEY_SIZES}

SCHEMAS: dict[str, Schema] = {
    "business_structure": _schema(
        ("region", "sector", "size_class", "indicator"),
        ("enterprises", "persons", "EUR million", "USD million"),
        {
            "region": REGIONS,
            "sector": SECTORS,
            "size_class": SIZE_CLASSES,
            "indicator": STRUCTURE_INDICATORS,
        },
    ),
    "published_structure": _schema(
        ("geo", "activity", "size_band", "indicator", "year"),
        (
            "enterprises",
            "persons",
            "EUR million",
            "USD million",
            "percent",
            "share",
            "thousand EUR per person",
            "thousand USD per person",
            "persons per enterprise",
            "ratio",
        ),
        {"geo": (*_PLACES, "US3"), "activity": _ACTIVITIES, "size_band": _BANDS},
    ),
    "member_state_structure": _schema(
        ("country", "indicator"),
        ("enterprises", "persons", "EUR million"),
        {"country": MEMBER_STATES, "indicator": STRUCTURE_INDICATORS},
    ),
    "ai_use_by_size": _schema(
        ("region", "size_class", "year"),
        ("percent of enterprises",),
        _SIZE_SCHEMA_PARTS,
        extra=("scope",),
    ),
    "ai_use_by_sector": _schema(
        ("region", "sector", "year"),
        ("percent of enterprises",),
        {"region": REGIONS, "sector": SURVEY_SECTORS},
        extra=("scope",),
    ),
    "ai_use_by_country": _schema(
        ("country", "year"),
        ("percent of enterprises",),
        {"country": MEMBER_STATES},
        extra=("scope",),
    ),
    "ai_use_us_btos": _schema(
        ("period_start", "size_class_employees", "measure"),
        ("percent of enterprises",),
        {
            "size_class_employees": (
                "all",
                "1-4",
                "5-9",
                "10-19",
                "20-49",
                "50-99",
                "100-249",
                "250+",
            ),
            "measure": ("use_last_2_weeks", "expected_use_next_6_months"),
        },
        {"standard_error": (0.0, 20.0)},
        extra=("standard_error",),
    ),
    "held_out_2025": _schema(
        ("region", "size_class", "indicator", "year"),
        ("percent of enterprises", "percent of enterprises not using AI"),
        {
            **_SIZE_SCHEMA_PARTS,
            "indicator": ("ai_use", "ever_considered_ai"),
            "use": ("held out: never fit",),
        },
        extra=("use", "scope"),
    ),
    "acquisition_routes": _schema(
        ("region", "size_class", "route", "year"),
        ("percent of AI-using enterprises",),
        {
            **_SIZE_SCHEMA_PARTS,
            "route": (
                "developed_by_own_employees",
                "commercial_modified_by_own_employees",
                "open_source_modified_by_own_employees",
                "commercial_ready_to_use",
                "external_providers",
            ),
        },
        extra=("scope",),
    ),
    "exposure_by_sector": _schema(
        ("region", "sector", "indicator"),
        ("share of tasks",),
        {"region": REGIONS, "sector": SECTORS, "indicator": ("beta_human", "beta_gpt4")},
    ),
    "labour_share_by_sector": _schema(
        ("region", "sector", "indicator"),
        ("share",),
        {
            "region": REGIONS,
            "sector": (*SECTORS, "TOTAL", "REST"),
            "indicator": (
                "labour_share",
                "labour_share_self_employed_adjusted",
                "labour_share_with_imputed_rents",
            ),
        },
    ),
    "macro": _schema(
        ("geo", "indicator", "year"),
        ("EUR million", "USD million", "percent per year"),
        {
            "geo": _PLACES,
            "indicator": ("gdp", "real_gdp_growth", "potential_growth", "gdp_deflator_growth"),
            "price_basis": ("current prices", "constant prices", "not applicable"),
        },
        extra=("price_basis",),
    ),
    "digital_foundations": _schema(
        ("region", "size_class", "technology", "year"),
        ("percent of enterprises",),
        {**_SIZE_SCHEMA_PARTS, "technology": ("cloud_computing",)},
        extra=("scope",),
    ),
    "confidentiality_by_sector": _schema(
        ("region", "sector", "indicator"),
        ("tier 0-2",),
        {"region": REGIONS, "sector": SECTORS, "indicator": ("regulated_data_tier",)},
    ),
    "ai_considered": _schema(
        ("region", "size_class", "year"),
        ("percent of enterprises",),
        {**_SIZE_SCHEMA_PARTS},
        extra=("scope",),
    ),
    "fitted_shifts": _schema(
        ("dimension", "key", "indicator"),
        ("log points",),
        {"dimension": ("sector", "country"), "indicator": ("hurdle", "narrow")},
    ),
    "supplier_residence": _schema(
        ("region", "market", "indicator"),
        ("share",),
        {"region": REGIONS},
    ),
    "open_share_evidence": _schema(
        ("topic", "population", "indicator", "year"),
        ("percent", "ratio", "months", "elasticity"),
        {
            "topic": (
                "open_share",
                "price_ratio",
                "open_lag",
                "switching",
                "leaving",
                "price_response",
            )
        },
    ),
    "costs": _schema(
        ("region", "item", "indicator"),
        (
            "USD",
            "EUR",
            "USD per user and month",
            "EUR per user and month",
            "USD per employee and month",
            "USD per kilowatt hour",
            "hours",
            "hours per person",
        ),
    ),
    "replications": _schema(
        ("row", "role", "item"),
        (
            "percent",
            "percent per year",
            "percent increase",
            "share",
            "ratio",
            "multiple",
            "per year",
            "EUR million",
            "USD million",
            "USD per million tokens",
            "months",
            "years",
            "minutes",
            "joule",
            "watt hours",
        ),
        {"row": tuple(f"R{n}" for n in range(1, 34)), "role": ("input", "published")},
        {"tolerance": (0.0, 100.0)},
        extra=("tolerance",),
    ),
}
"""Declared schema of every table; the keys are the table names and the file stems."""

_HELD_OUT_TABLE = "held_out_2025"


def _base_folder() -> Path:
    """Folder of the shipped tables inside the installed package."""
    return Path(str(resources.files("econsim") / "data"))


def _decode(path: Path, name: str) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(str(path), f"table '{name}' cannot be read: {error.strerror}") from error
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(str(path), "not valid UTF-8 text", line) from error


def _number(text: str, file: str, line: int, column: str) -> float:
    try:
        # float() also reads digit groups such as 1_000, which no table should contain.
        value = float(text if "_" not in text else "")
    except ValueError as error:
        raise DataError(file, f"'{text}' is not a number", line, column) from error
    if not math.isfinite(value):
        raise DataError(file, f"'{text}' is not a finite number", line, column)
    return value


def _check_row(schema: Schema, row: Mapping[str, str], file: str, line: int) -> dict[str, Any]:
    """Return the row with numbers converted, or refuse it."""
    checked: dict[str, Any] = dict(row)
    for column in schema.columns:
        if column != "note" and not row[column].strip():
            raise DataError(file, "empty cell", line, column)
    for column, allowed in schema.domains.items():
        if row[column] not in allowed:
            near = difflib.get_close_matches(row[column], allowed, n=1)
            hint = f"; nearest is '{near[0]}'" if near else ""
            raise DataError(file, f"unknown entry '{row[column]}'{hint}", line, column)
    if row["reliability"] not in RELIABILITY_LEVELS:
        raise DataError(
            file,
            f"unknown reliability '{row['reliability']}'; allowed: "
            + ", ".join(RELIABILITY_LEVELS),
            line,
            "reliability",
        )
    unit = row["unit"]
    if unit not in UNIT_BOUNDS or unit not in schema.units:
        raise DataError(
            file, f"unknown unit '{unit}'; allowed here: {', '.join(schema.units)}", line, "unit"
        )
    checks = {"value": UNIT_BOUNDS[unit], **schema.numeric}
    for column, (low, high) in checks.items():
        value = _number(row[column], file, line, column)
        if not low <= value <= high:
            raise DataError(
                file, f"{value:g} lies outside {low:g} to {high:g} ({unit})", line, column
            )
        checked[column] = value
    year = _number(row["year"], file, line, "year")
    if year != int(year) or not 1990 <= year <= 2040:
        raise DataError(file, f"'{row['year']}' is not a year from 1990 to 2040", line, "year")
    checked["year"] = int(year)
    return checked


def _read(name: str, folder: Path) -> list[dict[str, Any]]:
    """Read and check one file; the rows come back in file order."""
    schema = SCHEMAS[name]
    path = folder / f"{name}.csv"
    if not path.is_file():
        raise DataError(str(path), f"file of table '{name}' is missing")
    file = str(path)
    reader = csv.reader(io.StringIO(_decode(path, name), newline=""), strict=True)
    rows: list[dict[str, Any]] = []
    seen: dict[tuple[str, ...], int] = {}
    try:
        header = next(reader, None)
        if header is None:
            raise DataError(file, "file is empty", 1)
        for column in schema.columns:
            if column not in header:
                raise DataError(file, "column is missing from the header", 1, column)
        if tuple(header) != schema.columns:
            raise DataError(file, f"header must be exactly {','.join(schema.columns)}", 1)
        for cells in reader:
            line = reader.line_num
            if len(cells) != len(header):
                raise DataError(file, f"{len(cells)} cells, expected {len(header)}", line)
            text_row = dict(zip(header, cells, strict=True))
            row = _check_row(schema, text_row, file, line)
            key = tuple(text_row[column] for column in schema.keys)
            if key in seen:
                raise DataError(
                    file,
                    f"duplicate key {' / '.join(key)} (first on line {seen[key]})",
                    line,
                    schema.keys[0],
                )
            seen[key] = line
            rows.append(row)
    except csv.Error as error:
        raise DataError(file, f"malformed CSV: {error}", reader.line_num) from error
    if not rows:
        raise DataError(file, "no rows", 1)
    return rows


@lru_cache(maxsize=64)
def _cached(name: str, folder: str) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(_read(name, Path(folder)), columns=list(SCHEMAS[name].columns))


def table(name: str, folder: str | Path | None = None) -> pd.DataFrame:
    """Load one reference table and check every cell of it.

    The frame has the columns of ``SCHEMAS[name]``; ``value`` is in the unit named in its row and
    ``year`` is the reference year (for money also the year of prices).  A fresh copy is returned
    on every call.  ``folder`` points to another copy of the tables and is meant for tests.

    Raises ``DataError`` for an unknown name (offering the nearest), a missing file, a wrong
    header, a duplicated key, a value that is not finite or out of range for its unit, an unknown
    code or unit, and an empty source or licence.  The held-out table is refused here.
    Sources: see the ``source`` column and docs/data.md.
    """
    if name == _HELD_OUT_TABLE:
        raise DataError(
            name, "this table is held out from fitting; call held_out() to judge results with it"
        )
    if name not in SCHEMAS:
        near = difflib.get_close_matches(name, SCHEMAS, n=1)
        hint = f"; did you mean '{near[0]}'?" if near and near[0] != _HELD_OUT_TABLE else ""
        raise DataError(name, f"no table of this name{hint}")
    return _cached(name, str(_base_folder() if folder is None else folder)).copy(deep=True)


def observed(name: str, until: int, folder: str | Path | None = None) -> pd.DataFrame:
    """Rows of a table up to a cut-off year: what a fit may see that is judged on later years.

    Args:
        name: a table of ``SCHEMAS``.
        until: last year whose rows are returned.
        folder: as in ``table``.

    Raises ``DataError`` like ``table``, and if no row is as old as that.
    """
    frame = table(name, folder)
    kept = frame[frame["year"] <= until].reset_index(drop=True)
    if kept.empty:
        raise DataError(name, f"no rows up to {until}")
    return kept


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a frame as plain dictionaries."""
    return [{str(key): cell for key, cell in row.items()} for row in frame.to_dict("records")]


def held_out(folder: str | Path | None = None) -> pd.DataFrame:
    """Load the EU observations of 2025 that must never be used in fitting.

    Rows: AI use by size class (percent of enterprises with 10 or more persons) and, among
    enterprises not using AI, the percentage that ever considered it.  Raises ``DataError`` like
    ``table``.  Source: Eurostat isoc_eb_ai, 2025 survey.
    """
    base = str(_base_folder() if folder is None else folder)
    return _cached(_HELD_OUT_TABLE, base).copy(deep=True)


def structure(region: str, folder: str | Path | None = None) -> dict[str, FloatArray]:
    """Business structure of a region as arrays of shape [sectors, size classes].

    Keys: ``firms`` (enterprises), ``persons_employed`` (persons; US: paid employees, and one
    person per nonemployer) and ``value_added`` (million EUR or USD of 2023).  Cells that do not
    exist (E in the US, nonemployers in the EU) are zero.  Raises ``DataError`` for an unknown
    region.  Source: table ``business_structure`` (Eurostat SBS, US Census SUSB, BEA; derived).
    """
    import numpy as np

    if region not in REGIONS:
        raise DataError(
            "business_structure", f"unknown region '{region}'; known: " + ", ".join(REGIONS)
        )
    frame = table("business_structure", folder)
    result = {name: np.zeros((len(SECTORS), len(SIZE_CLASSES))) for name in STRUCTURE_INDICATORS}
    for row in _records(frame[frame["region"] == region]):
        place = SECTORS.index(row["sector"]), SIZE_CLASSES.index(row["size_class"])
        result[row["indicator"]][place] = row["value"]
    return result


def member_state_structure(folder: str | Path | None = None) -> dict[str, FloatArray]:
    """Business structure of the 27 member states, in the order of ``MEMBER_STATES``.

    Keys and units as in ``structure``; the sums equal the EU27 totals there.  All values are
    derived and weak (docs/data.md).  Raises ``DataError`` like ``table``.
    """
    import numpy as np

    frame = table("member_state_structure", folder)
    result = {name: np.full(len(MEMBER_STATES), np.nan) for name in STRUCTURE_INDICATORS}
    for row in _records(frame):
        result[row["indicator"]][MEMBER_STATES.index(row["country"])] = row["value"]
    return result


def sector_vector(
    table_name: str, region: str, indicator: str, folder: str | Path | None = None
) -> FloatArray:
    """One indicator of a table with a sector column, aligned to ``SECTORS``.

    Sectors without a row are NaN.  If a table covers several years the latest is taken.  The unit
    is the one of the table.  Raises ``DataError`` if the table has no sector column or if nothing
    at all matches ``region`` and ``indicator``.
    """
    import numpy as np

    frame = table(table_name, folder)
    if not {"region", "sector", "indicator"} <= set(frame.columns):
        raise DataError(table_name, "table lacks a region, sector or indicator column")
    if "size_class" in frame.columns:
        raise DataError(table_name, "table is split by size class; use structure()")
    chosen = frame[(frame["region"] == region) & (frame["indicator"] == indicator)]
    if chosen.empty:
        known = sorted({f"{row['region']}/{row['indicator']}" for row in _records(frame)})
        raise DataError(table_name, f"no rows for {region}/{indicator}; known: " + ", ".join(known))
    vector = np.full(len(SECTORS), np.nan)
    for row in _records(chosen.sort_values("year", kind="stable")):
        if row["sector"] in SECTORS:
            vector[SECTORS.index(row["sector"])] = row["value"]
    return vector


@lru_cache(maxsize=1)
def sectors_by_tier() -> tuple[tuple[str, ...], ...]:
    """Sections of regulated-data tier 0, 1 and 2 (judgement from EU law, docs/data.md)."""
    tiers = sector_vector("confidentiality_by_sector", "EU27", "regulated_data_tier")
    return tuple(
        tuple(s for s, t in zip(SECTORS, tiers, strict=True) if t == tier) for tier in (0, 1, 2)
    )


def digest(folder: str | Path | None = None, leave_out: Sequence[str] = ()) -> str:
    """SHA-256 (hex) of all shipped tables, the data hash of a result's provenance.

    ``leave_out`` names tables that do not count (and are not read).

    Files enter in the order of their names, each with its name and its bytes; line ends are
    normalised first so that a checkout on another system gives the same hash.
    """
    total = hashlib.sha256()
    for path, content in contents(folder, leave_out):
        total.update(path.name.encode() + b"\0" + str(len(content)).encode() + b"\0" + content)
    return total.hexdigest()


def digests(folder: str | Path | None = None) -> dict[str, str]:
    """Table -> first half of the SHA-256 (hex) of its bytes, to name the one that has changed."""
    return {p.stem: hashlib.sha256(content).hexdigest()[:32] for p, content in contents(folder)}


def contents(
    folder: str | Path | None = None, leave_out: Sequence[str] = ()
) -> list[tuple[Path, bytes]]:
    """The shipped tables in the order of their names, line ends normalised.

    ``leave_out`` names tables that are not read.
    """
    base = _base_folder() if folder is None else Path(folder)
    return [
        (path, path.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
        for path in sorted(base.glob("*.csv"), key=lambda item: item.name)
        if path.stem not in leave_out
    ]


# --------------------------------------------------------------------------------------------
# Derivation of the structure tables from published figures
# --------------------------------------------------------------------------------------------


class _Inputs:
    """Look-up of published figures; a missing one is an error, never a silent zero."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._values: dict[tuple[str, str, str, str], float] = {}
        self._by_year: dict[tuple[str, str, str, str, int], float] = {}
        # Years are sorted so that, where two years of one figure are shipped, the later wins.
        for row in _records(frame.sort_values("year", kind="stable")):
            key = (row["geo"], row["activity"], row["size_band"], row["indicator"])
            self._values[key] = row["value"]
            self._by_year[(*key, row["year"])] = row["value"]

    def get(self, geo: str, activity: str, band: str, indicator: str) -> float:
        try:
            return self._values[(geo, activity, band, indicator)]
        except KeyError as error:
            raise DataError(
                "published_structure", f"no input {geo}/{activity}/{band}/{indicator}"
            ) from error

    def at(self, geo: str, activity: str, band: str, indicator: str, year: int) -> float:
        try:
            return self._by_year[(geo, activity, band, indicator, year)]
        except KeyError as error:
            raise DataError(
                "published_structure", f"no input {geo}/{activity}/{band}/{indicator}/{year}"
            ) from error

    def has(self, geo: str, activity: str, band: str, indicator: str) -> bool:
        return (geo, activity, band, indicator) in self._values

    def vector(self, geo: str, activities: Iterable[str], band: str, indicator: str) -> FloatArray:
        import numpy as np

        return np.array([self.get(geo, activity, band, indicator) for activity in activities])


def _fit_margins(
    seed: FloatArray, rows: FloatArray, columns: FloatArray, tolerance: float = 1e-13
) -> FloatArray:
    """Iterative proportional fitting (RAS) of a positive seed to row and column sums."""
    import numpy as np

    if not np.isclose(rows.sum(), columns.sum(), rtol=1e-9):
        raise DataError("published_structure", "row and column totals disagree")
    fitted = seed.astype(float).copy()
    for _ in range(10_000):
        fitted *= (rows / fitted.sum(axis=1))[:, None]
        fitted *= columns / fitted.sum(axis=0)
        if np.max(np.abs(fitted.sum(axis=1) / rows - 1.0)) < tolerance:
            return fitted
    raise DataError("published_structure", "iterative proportional fitting did not converge")


def _scale_within(seed: FloatArray, total: float, low: FloatArray, high: FloatArray) -> FloatArray:
    """Scale a seed to a total while every element keeps inside its own bounds.

    Elements that would leave their bounds are set to the bound; the others share the rest in
    proportion to the seed (found by bisection on the common factor).
    """
    import numpy as np

    if not low.sum() <= total <= high.sum():
        raise DataError("published_structure", "bounds leave no room for the published total")
    smallest, largest = 1e-9, 1e9
    for _ in range(400):
        factor = math.sqrt(smallest * largest)
        if np.clip(seed * factor, low, high).sum() < total:
            smallest = factor
        else:
            largest = factor
    result: FloatArray = np.clip(seed * largest, low, high)
    return result


def _round_to_sum(values: FloatArray, step: float = 1.0) -> FloatArray:
    """Round to multiples of ``step`` so that the sum is the rounded sum (largest remainder)."""
    import numpy as np

    scaled = values / step
    floor = np.floor(scaled + 1e-9)
    missing = round(float(scaled.sum())) - int(floor.sum())
    order = np.argsort(-(scaled - floor), kind="stable")
    if missing > 0:
        floor[order[:missing]] += 1.0
    elif missing < 0:
        floor[order[missing:]] -= 1.0
    result: FloatArray = np.round(floor * step, 6)
    return result


def _fill_group(
    inputs: _Inputs,
    group: str,
    total: float,
    known: Mapping[str, float],
    seeds: Mapping[str, float],
) -> dict[str, float]:
    """Sector totals of one group: known ones stay, the rest of the group total follows seeds."""
    members = _NACE_GROUPS[group]
    if len(members) == 1:
        return {members[0]: total}
    rest = total - sum(known[sector] for sector in members if sector in known)
    open_members = [sector for sector in members if sector not in known]
    seed_sum = sum(seeds[sector] for sector in open_members)
    if rest <= 0:
        raise DataError("published_structure", f"group {group}: nothing left for its sectors")
    return {
        sector: known[sector] if sector in known else rest * seeds[sector] / seed_sum
        for sector in members
    }


def _derive_eu(inputs: _Inputs) -> dict[str, FloatArray]:
    """EU structure, arrays [sectors, 4 size classes]; steps are described in docs/data.md."""
    import numpy as np

    geo = "EU27"
    class_firms = np.array(
        [
            inputs.get(geo, "TOTAL", "0-9", "firms"),
            inputs.get(geo, "TOTAL", "10-19", "firms") + inputs.get(geo, "TOTAL", "20-49", "firms"),
            inputs.get(geo, "TOTAL", "50-249", "firms"),
            inputs.get(geo, "TOTAL", "250+", "firms"),
        ]
    )
    firms_total = float(class_firms.sum())
    persons_total = inputs.at(geo, "TOTAL", "all", "persons_employed", 2023)
    value_total = inputs.at(geo, "TOTAL", "all", "value_added", 2023)
    class_persons = (
        persons_total
        / 100.0
        * np.array([inputs.get(geo, "TOTAL", size, "persons_employed_share") for size in _EU_SIZES])
    )
    class_value = (
        value_total
        / 100.0
        * np.array([inputs.get(geo, "TOTAL", size, "value_added_share") for size in _EU_SIZES])
    )

    # Published counts by sector; S is what the published band totals leave.
    bands: dict[str, FloatArray] = {}
    for band in ("10-19", "20-49", "50-249"):
        counts = inputs.vector(geo, SECTORS[:-1], band, "firms")
        rest = inputs.get(geo, "TOTAL", band, "firms") - counts.sum()
        if rest <= 0:
            raise DataError("published_structure", f"band {band}: no firms left for S")
        bands[band] = np.append(counts, rest)

    # Sector totals: published 2022 levels move with the business economy to 2023; the sectors
    # without a published level share the remainder of their group.
    growth = persons_total / inputs.at(geo, "TOTAL", "all", "persons_employed", 2022)
    persons_known = {
        sector: inputs.get(geo, sector, "all", "persons_employed") * growth
        for sector in SECTORS
        if inputs.has(geo, sector, "all", "persons_employed")
    }
    persons_seed = {
        sector: inputs.get(geo, sector, "all", "persons_seed")
        for sector in SECTORS
        if inputs.has(geo, sector, "all", "persons_seed")
    }
    sector_persons_map: dict[str, float] = {}
    for group in _NACE_GROUPS:
        share = inputs.get(geo, group, "all", "persons_employed_share") / 100.0
        sector_persons_map.update(
            _fill_group(inputs, group, share * persons_total, persons_known, persons_seed)
        )
    sector_persons = np.array([sector_persons_map[sector] for sector in SECTORS])

    value_known = {}
    for sector in SECTORS:
        if inputs.has(geo, sector, "all", "value_added"):
            year = 2021 if sector == "L" else 2022
            growth = value_total / inputs.at(geo, "TOTAL", "all", "value_added", year)
            value_known[sector] = inputs.get(geo, sector, "all", "value_added") * growth
    gva_total = inputs.get(geo, "TOTAL", "all", "gross_value_added")
    value_seed = {}
    for sector in SECTORS:
        if inputs.has(geo, sector, "all", "gva_share"):
            value_seed[sector] = inputs.get(geo, sector, "all", "gva_share") * gva_total
        elif inputs.has(geo, sector, "all", "value_added_per_person_seed"):
            per_person = inputs.get(geo, sector, "all", "value_added_per_person_seed")
            value_seed[sector] = per_person / 1000.0 * sector_persons_map[sector]
    sector_value_map: dict[str, float] = {}
    for group in _NACE_GROUPS:
        share = inputs.get(geo, group, "all", "value_added_share") / 100.0
        sector_value_map.update(
            _fill_group(inputs, group, share * value_total, value_known, value_seed)
        )
    sector_value = np.array([sector_value_map[sector] for sector in SECTORS])

    # Persons: the two middle classes follow the published counts and stay fixed, so that their
    # mean sizes remain sound; the outer two share what is left of each sector.
    small = bands["10-19"] * inputs.get(geo, "TOTAL", "10-19", "mean_size_assumed") + bands[
        "20-49"
    ] * inputs.get(geo, "TOTAL", "20-49", "mean_size_assumed")
    small *= class_persons[1] / small.sum()
    medium = bands["50-249"] * class_persons[2] / bands["50-249"].sum()
    rest_persons = sector_persons - small - medium
    if (rest_persons <= 0).any():
        raise DataError("published_structure", "a sector has no persons left for micro and large")
    large_seed = sector_persons * inputs.vector(geo, SECTORS, "250+", "persons_share_seed")
    large_seed = np.minimum(large_seed, 0.95 * rest_persons)
    outer = _fit_margins(
        np.column_stack([rest_persons - large_seed, large_seed]),
        rest_persons,
        class_persons[[0, 3]],
    )
    persons = np.column_stack([outer[:, 0], small, medium, outer[:, 1]])

    # Firms: large ones from persons and assumed means; micro ones from the published group
    # shares of all enterprises, split by micro persons over assumed means.
    large_mean = inputs.vector(geo, SECTORS, "250+", "mean_size_assumed")
    large_firms = _scale_within(
        persons[:, 3] / large_mean,
        float(class_firms[3]),
        persons[:, 3] / 1e5,
        persons[:, 3] / inputs.get(geo, "TOTAL", "250+", "mean_size_lower_guard"),
    )
    micro_mean = inputs.vector(geo, SECTORS, "0-9", "mean_size_assumed")
    micro_low = inputs.get(geo, "TOTAL", "0-9", "mean_size_lower_guard")
    micro_high = inputs.get(geo, "TOTAL", "0-9", "mean_size_upper_guard")
    micro_firms = np.zeros(len(SECTORS))
    small_firms = bands["10-19"] + bands["20-49"]
    for group, members in _NACE_GROUPS.items():
        index = [SECTORS.index(sector) for sector in members]
        share = inputs.get(geo, group, "all", "firms_share") / 100.0
        group_micro = share * firms_total - float(
            (small_firms + bands["50-249"] + large_firms)[index].sum()
        )
        micro_firms[index] = _scale_within(
            (persons[:, 0] / micro_mean)[index],
            group_micro,
            persons[index, 0] / micro_high,
            persons[index, 0] / micro_low,
        )
    firms = np.column_stack([micro_firms, small_firms, bands["50-249"], large_firms])

    # Value added: the gradient of productivity over size is the same in all sectors before the
    # fit, and the fit then meets sector and class totals.
    gradient = (class_value / class_persons) / (value_total / persons_total)
    value_seed_matrix = persons * (sector_value / sector_persons)[:, None] * gradient
    value = _fit_margins(value_seed_matrix, sector_value, class_value)
    return {"firms": firms, "persons_employed": persons, "value_added": value}


def _derive_us(inputs: _Inputs) -> dict[str, FloatArray]:
    """US structure, arrays [sectors, 5 size classes]; steps are described in docs/data.md."""
    import numpy as np

    shape = (len(SECTORS), len(SIZE_CLASSES))
    firms, persons = np.zeros(shape), np.zeros(shape)
    payroll = np.zeros((len(SECTORS), 4))

    # Share of the 200-299 band below 250, with firm counts falling in size as a power law.
    exponent = inputs.get("US", "TOTAL", "200-299", "power_law_exponent")

    def below(power: float) -> float:
        edges = [200.0, 250.0, 300.0]
        if abs(power) < 1e-12:
            parts = [math.log(edge) for edge in edges]
        else:
            parts = [edge**power for edge in edges]
        return (parts[1] - parts[0]) / (parts[2] - parts[0])

    firm_share, employee_share = below(-exponent), below(1.0 - exponent)

    def by_class(activity: str, indicator: str) -> FloatArray:
        band = [inputs.get("US", activity, name, indicator) for name in _SUSB_BANDS]
        share = firm_share if indicator == "firms" else employee_share
        return np.array(
            [band[0], band[1], band[2] + share * band[3], band[4] + (1.0 - share) * band[3]]
        )

    for code in _NAICS:
        row = SECTORS.index(_NAICS_TO_SECTOR[code])
        firms[row, 1:] += by_class(f"NAICS {code}", "firms")
        persons[row, 1:] += by_class(f"NAICS {code}", "persons_employed")
        payroll[row] += by_class(f"NAICS {code}", "payroll")

    # A firm active in several sectors is counted in each by the source.  Counts are scaled to
    # the published number of firms so that each counts once, within bounds of the mean size.
    present = persons[:, 1] > 0
    for column, size in enumerate(_EU_SIZES, start=1):
        total = by_class("TOTAL", "firms")[column - 1]
        for code in ("11", "99"):  # agriculture and unclassified firms are out of scope
            total -= by_class(f"NAICS {code}", "firms")[column - 1]
        people = persons[present, column]
        firms[present, column] = _scale_within(
            firms[present, column],
            float(total),
            people / inputs.get("US", "TOTAL", size, "mean_size_upper_guard"),
            people / inputs.get("US", "TOTAL", size, "mean_size_lower_guard"),
        )

    # Nonemployers: the published national number, spread by the sector pattern of three states,
    # with the national share of transport replaced by its own later value.
    pattern = np.zeros(len(SECTORS))
    receipts = np.zeros(len(SECTORS))
    for code in _NAICS:
        if inputs.has("US3", f"NAICS {code}", "nonemployer", "firms"):
            row = SECTORS.index(_NAICS_TO_SECTOR[code])
            pattern[row] += inputs.get("US3", f"NAICS {code}", "nonemployer", "firms")
            receipts[row] += inputs.get("US3", f"NAICS {code}", "nonemployer", "receipts")
    farm_count = inputs.get("US3", "NAICS 11", "nonemployer", "firms")
    in_scope = pattern.sum() / (pattern.sum() + farm_count)
    receipts_per_firm = np.divide(receipts, pattern, out=np.zeros_like(receipts), where=pattern > 0)
    transport = SECTORS.index("H")
    transport_share = (
        inputs.get("US", "NAICS 48-49", "nonemployer", "firms")
        / inputs.get("US", "TOTAL", "nonemployer", "firms_2016")
    ) / in_scope
    others = np.arange(len(SECTORS)) != transport
    share_of_firms = np.where(
        others, pattern / pattern[others].sum() * (1 - transport_share), transport_share
    )
    growth = 1.0
    for year in (2021, 2022, 2023):
        growth *= 1.0 + inputs.at("US", "TOTAL", "nonemployer", "firms_growth", year) / 100.0
    count = inputs.get("US", "TOTAL", "nonemployer", "firms") * growth * in_scope
    firms[:, 0] = persons[:, 0] = share_of_firms * count
    total_receipts = inputs.get("US", "TOTAL", "nonemployer", "receipts") * growth * in_scope
    receipts_seed = share_of_firms * receipts_per_firm
    sector_receipts = receipts_seed / receipts_seed.sum() * total_receipts
    ratio = np.array(
        [
            inputs.get("US", sector, "nonemployer", "value_added_over_receipts")
            if inputs.has("US", sector, "nonemployer", "value_added_over_receipts")
            else inputs.get("US", "TOTAL", "nonemployer", "value_added_over_receipts")
            for sector in SECTORS
        ]
    )

    # Value added: nonemployers first, the rest in proportion to payroll.
    value = np.zeros(shape)
    sector_value = np.zeros(len(SECTORS))
    for code in _NAICS:
        sector_value[SECTORS.index(_NAICS_TO_SECTOR[code])] += inputs.get(
            "US", f"NAICS {code}", "all", "value_added"
        )
    sector_value[SECTORS.index("L")] -= inputs.get("US", "NAICS 53 housing", "all", "value_added")
    value[:, 0] = sector_receipts * ratio
    rest = sector_value - value[:, 0]
    if (rest[present] <= 0).any():
        raise DataError("published_structure", "nonemployers use up a sector's value added")
    value[present, 1:] = (
        rest[present, None] * payroll[present] / payroll[present].sum(axis=1, keepdims=True)
    )
    return {"firms": firms, "persons_employed": persons, "value_added": value}


def _derive_states(inputs: _Inputs, eu_totals: Mapping[str, float]) -> dict[str, FloatArray]:
    """Member-state totals that add up to the EU totals; rules are described in docs/data.md."""
    import numpy as np

    states = MEMBER_STATES

    def column(indicator: str, band: str = "all") -> FloatArray:
        return np.array([inputs.get(state, "TOTAL", band, indicator) for state in states])

    productivity = column("labour_productivity")
    by_output = column("gdp") / productivity
    by_output *= eu_totals["persons_employed"] / by_output.sum()
    by_pattern = column("persons_employed", "0-249") / (
        column("persons_employed_share", "0-249") / 100.0
    )
    by_pattern *= eu_totals["persons_employed"] / by_pattern.sum()
    # The output rule assumes one business share of GDP everywhere.  Where it strays far from the
    # older pattern it is known to fail (shadow self-employment, profit shifting): pattern alone.
    limit = inputs.get("EU27", "TOTAL", "all", "state_disagreement_limit")
    ratio = by_output / by_pattern
    sound = (ratio <= limit) & (ratio >= 1.0 / limit)
    persons = np.where(sound, np.sqrt(by_output * by_pattern), by_pattern)
    persons *= eu_totals["persons_employed"] / persons.sum()
    value = persons * productivity
    value *= eu_totals["value_added"] / value.sum()
    density = np.array(
        [
            inputs.get(state, "TOTAL", "0-249", "firms_2021")
            if inputs.has(state, "TOTAL", "0-249", "firms_2021")
            else inputs.get(state, "TOTAL", "0-249", "firms")
            for state in states
        ]
    )
    firms = _scale_within(
        density,
        eu_totals["firms"],
        persons / inputs.get("EU27", "TOTAL", "all", "state_mean_size_upper_guard"),
        persons / inputs.get("EU27", "TOTAL", "all", "state_mean_size_lower_guard"),
    )
    return {"firms": firms, "persons_employed": persons, "value_added": value}


_STRUCTURE_SOURCES: dict[tuple[str, str], tuple[str, str, int, str]] = {
    ("EU27", "firms"): (
        "Eurostat sbs_sc_ovw 2023",
        "enterprises",
        2023,
        "Eurostat reuse policy, CC BY 4.0",
    ),
    ("EU27", "persons_employed"): (
        "Eurostat sbs_sc_ovw 2022 and 2023",
        "persons",
        2023,
        "Eurostat reuse policy, CC BY 4.0",
    ),
    ("EU27", "value_added"): (
        "Eurostat sbs_sc_ovw 2021 to 2023 and nama_10_a64",
        "EUR million",
        2023,
        "Eurostat reuse policy, CC BY 4.0",
    ),
    ("US", "firms"): (
        "US Census Bureau SUSB 2022",
        "enterprises",
        2022,
        "US government work, public domain",
    ),
    ("US", "persons_employed"): (
        "US Census Bureau SUSB 2022",
        "persons",
        2022,
        "US government work, public domain",
    ),
    ("US", "value_added"): (
        "BEA Summary Use table 2023 and US Census Bureau SUSB 2022",
        "USD million",
        2023,
        "US government work, public domain",
    ),
}
_INDICATOR_STEP: dict[str, float] = {"firms": 1.0, "persons_employed": 1.0, "value_added": 0.1}


def _cell_provenance(
    region: str, sector: str, size: str, indicator: str
) -> tuple[str, str, int, str, str, str]:
    """Source, unit, year, licence, reliability and note of one structure cell."""
    source, unit, year, licence = _STRUCTURE_SOURCES[(region, indicator)]
    reliability, note = "derived", ""
    if region == "EU27" and indicator == "firms" and size in ("10-49", "50-249"):
        if sector == "S":
            note = "published band total less the published sections"
        elif size == "50-249" and sector in ("D", "K"):
            reliability, note = "estimate", "cell confidential in the source, estimated there"
        else:
            reliability = "single-source"
            note = "sum of the bands 10-19 and 20-49" if size == "10-49" else "as published"
    elif region == "EU27":
        note = {
            "firms": "published group totals split by assumed mean sizes",
            "persons_employed": "proportional fitting to class and sector totals",
            "value_added": "proportional fitting to class and sector totals",
        }[indicator]
    elif size == "nonemployer":
        source, year = "US Census Bureau Nonemployer Statistics", 2023
        reliability = "estimate"
        note = {
            "firms": "national number spread by the sector pattern of three states",
            "persons_employed": "one person per nonemployer",
            "value_added": "assumed share of receipts",
        }[indicator]
    else:
        note = {
            "firms": "each firm counted in one sector; 200-299 split at 250 by a power law",
            "persons_employed": "paid employees; 200-299 split at 250 by a power law",
            "value_added": "sector value added less nonemployers, split by payroll",
        }[indicator]
        if indicator == "persons_employed" and size in ("0-9", "10-49"):
            reliability, note = "single-source", "paid employees, as published"
    return source, unit, year, licence, reliability, note


def derive_structure(folder: str | Path | None = None) -> dict[str, pd.DataFrame]:
    """Recompute ``business_structure`` and ``member_state_structure`` from published inputs.

    Only the table ``published_structure`` is read.  Returns the two frames with the columns of
    the shipped tables, counts rounded to one and value added to 0.1 million so that size-class
    totals stay exact.  Raises ``DataError`` if an input is missing or if the inputs contradict
    each other.  Method and weaknesses: docs/data.md.
    """
    import numpy as np
    import pandas as pd

    inputs = _Inputs(table("published_structure", folder))
    rows: list[dict[str, Any]] = []
    eu_totals: dict[str, float] = {}
    for region in REGIONS:
        matrices = _derive_eu(inputs) if region == "EU27" else _derive_us(inputs)
        sizes = _EU_SIZES if region == "EU27" else SIZE_CLASSES
        for indicator in STRUCTURE_INDICATORS:
            step = _INDICATOR_STEP[indicator]
            rounded = np.column_stack(
                [
                    _round_to_sum(matrices[indicator][:, column], step)
                    for column in range(len(sizes))
                ]
            )
            if region == "US" and indicator == "persons_employed":
                rounded[:, 0] = _round_to_sum(matrices["firms"][:, 0])
            if region == "EU27":
                eu_totals[indicator] = float(np.round(rounded.sum(), 6))
            for number, sector in enumerate(SECTORS):
                for column, size in enumerate(sizes):
                    if region == "US" and sector == "E":
                        continue
                    source, unit, year, licence, reliability, note = _cell_provenance(
                        region, sector, size, indicator
                    )
                    rows.append(
                        {
                            "region": region,
                            "sector": sector,
                            "size_class": size,
                            "indicator": indicator,
                            "value": float(rounded[number, column]),
                            "unit": unit,
                            "year": year,
                            "source": source,
                            "licence": licence,
                            "reliability": reliability,
                            "note": note,
                        }
                    )
    states = _derive_states(inputs, eu_totals)
    state_rows: list[dict[str, Any]] = []
    for indicator in STRUCTURE_INDICATORS:
        values = _round_to_sum(states[indicator], _INDICATOR_STEP[indicator])
        _, unit, year, licence = _STRUCTURE_SOURCES[("EU27", indicator)]
        for state, value in zip(MEMBER_STATES, values, strict=True):
            note = (
                "older pattern of 2018 is from-memory-unverified; "
                "scaled to the EU total of business_structure"
            )
            if indicator == "firms" and inputs.has(state, "TOTAL", "0-249", "firms_2021"):
                note = "density of 2021; scaled to the EU total of business_structure"
            state_rows.append(
                {
                    "country": state,
                    "indicator": indicator,
                    "value": float(value),
                    "unit": unit,
                    "year": year,
                    "source": "Eurostat nama_10r_2gdp and sbs_sc_ovw, EC SME fact sheets 2019",
                    "licence": licence,
                    "reliability": "derived",
                    "note": note,
                }
            )
    return {
        "business_structure": pd.DataFrame(
            rows, columns=list(SCHEMAS["business_structure"].columns)
        ),
        "member_state_structure": pd.DataFrame(
            state_rows, columns=list(SCHEMAS["member_state_structure"].columns)
        ),
    }
