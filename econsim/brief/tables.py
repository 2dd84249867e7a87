"""Tables as files: CSV, a workbook, and the IAMC format that scenario databases read."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from econsim.brief.content import Document
from econsim.figures import export
from econsim.results import (
    OUTCOMES,
    Comparison,
    Estimate,
    Outcome,
    Results,
    ResultsError,
    estimate,
)

#: A cell of a workbook holds no more text than this.
CELL = 30_000
#: Every workbook says it was made then, so that the same content gives the same bytes.
CREATED = datetime(2024, 1, 1)
#: Text in a cell is text, whatever it begins with.
PLAIN = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
FIRST_YEAR = 2021


# --- CSV --------------------------------------------------------------------------------------


def csv_files(document: Document) -> dict[str, str]:
    """Name -> text of a CSV file for each table, and one with every number of the text."""
    import pandas as pd

    tables = {t.name: t.records for t in document.tables()}
    tables[f"{document.name}_numbers"] = tuple(
        {"text": q.text, "what": what, "value": value}
        for q in document.quotes
        for what, value in q.values.items()
    )
    return {
        name: export.csv(pd.DataFrame(list(records)), document.certificate(f"tables/{name}.csv"))
        for name, records in tables.items()
    }


# --- Workbooks ----------------------------------------------------------------------------------


def xlsx(document: Document) -> bytes:
    """All tables of a document as a workbook: one sheet each, units beside the numbers."""
    sheets = {t.name: (t.title, t.records, t.note) for t in document.tables()}
    return _workbook(sheets, document.title, document.certificate(f"{document.name}.xlsx"))


def _workbook(
    sheets: Mapping[str, tuple[str, Any, str]], title: str, provenance: Mapping[str, Any]
) -> bytes:
    from xlsxwriter import Workbook

    out = io.BytesIO()
    book = Workbook(out, PLAIN)
    book.set_properties({"title": title[:250], "author": "econsim", "created": CREATED})
    bold = book.add_format({"bold": True, "bottom": 1})
    head = book.add_format({"bold": True})
    faint = book.add_format({"italic": True, "font_color": "#56666D"})
    for name, (caption, records, note) in sheets.items():
        sheet = book.add_worksheet(name[:31])
        sheet.write_string(0, 0, caption, head)
        columns = list(dict.fromkeys(key for record in records for key in record))
        for column, key in enumerate(columns):
            sheet.write_string(2, column, key, bold)
            widest = max([len(key), *(len(str(r.get(key, ""))) for r in records)])
            sheet.set_column(column, column, min(60, max(9, widest + 1)))
        for row, record in enumerate(records, start=3):
            for column, key in enumerate(columns):
                _write(sheet, row, column, record.get(key))
        if note:
            sheet.write_string(4 + len(records), 0, note, faint)
        sheet.freeze_panes(3, 1)
    _carry(book, provenance)
    book.close()
    return out.getvalue()


def _write(sheet: Any, row: int, column: int, value: Any) -> None:
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, int | float):
        if math.isfinite(value):
            sheet.write_number(row, column, value)
    elif value is not None:
        sheet.write_string(row, column, str(value))


def _carry(book: Any, provenance: Mapping[str, Any]) -> None:
    """The provenance in a sheet of its own, cut into cells that are not too long."""
    sheet = book.add_worksheet("provenance")
    sheet.write_string(0, 0, export.MARK.strip())
    text = export.carried(provenance)
    for row, start in enumerate(range(0, len(text), CELL), start=1):
        sheet.write_string(row, 0, text[start : start + CELL])


# --- IAMC ---------------------------------------------------------------------------------------


def iamc(comparison: Comparison, provenance: Mapping[str, Any]) -> bytes:
    """Yearly values of every outcome as an IAMC workbook (sheet ``data``), which pyam loads.

    One row for each model, scenario, region, variable and unit, one column for each year.  Both
    scenarios and their paired difference; a variable is an outcome, by size class or sector as
    ``Outcome|Size|10-49``; the interval of its mean stands in ``...|Interval Low`` and
    ``...|Interval High``.
    """
    from xlsxwriter import Workbook

    main = comparison.a
    years = list(range(FIRST_YEAR, FIRST_YEAR + main.months // 12))
    model = f"econsim {main.manifest.get('econsim', '')}".strip()
    region = str(main.manifest.get("region", "World"))
    out = io.BytesIO()
    book = Workbook(out, PLAIN)
    book.set_properties({"title": f"{model}: yearly values", "created": CREATED})
    sheet = book.add_worksheet("data")
    for column, name in enumerate(("Model", "Scenario", "Region", "Variable", "Unit")):
        sheet.write_string(0, column, name)
    for column, year in enumerate(years, start=5):
        sheet.write_number(0, column, year)
    row = 1
    for scenario, variable, unit, values in _variables(comparison, years):
        parts = {"": "mean", "|Interval Low": "low", "|Interval High": "high"}
        for ending, attribute in parts.items():
            numbers = [getattr(e, attribute) if e is not None else math.nan for e in values]
            if not any(math.isfinite(v) for v in numbers):
                continue
            for column, text in enumerate((model, scenario, region, variable + ending, unit)):
                sheet.write_string(row, column, text)
            for column, value in enumerate(numbers, start=5):
                _write(sheet, row, column, value)
            row += 1
    _carry(book, provenance)
    book.close()
    return out.getvalue()


def _variables(
    comparison: Comparison, years: list[int]
) -> Iterator[tuple[str, str, str, list[Estimate | None]]]:
    """Scenario, variable, unit and one estimate a year."""
    a, b = comparison.a, comparison.b
    gap_name = f"{a.scenario} minus {b.scenario}"
    for o in OUTCOMES.values():
        for by, group, ending in _groups(a, o):
            variable = o.label.replace("|", " ") + ending
            for name, of in ((b.scenario, b), (a.scenario, a)):
                levels = [_level(of, o, y, by, group) for y in years]
                if any(e is not None for e in levels):
                    yield name, variable, _plain_unit(of.unit(o.name)), levels
            gaps = [_difference(comparison, o, y, by, group) for y in years]
            known = [e for e in gaps if e is not None]
            if known:
                yield gap_name, variable, _plain_unit(known[0].unit), gaps


def _groups(result: Results, o: Outcome) -> Iterator[tuple[str | None, str, str]]:
    yield None, "all", ""
    for by, word in (("size_class", "Size"), ("sector", "Sector"), ("option", "Option")):
        if (o.numerator, by) in result.series:
            for group in result.labels[by]:
                yield by, group, f"|{word}|{group}"


def _level(result: Results, o: Outcome, year: int, by: str | None, group: str) -> Estimate | None:
    try:
        draws = result.yearly(o.name, year, by, group)
    except ResultsError:
        return None
    found = estimate(draws, result.unit(o.name))
    return found if math.isfinite(found.mean) else None


def _difference(
    comparison: Comparison, o: Outcome, year: int, by: str | None, group: str
) -> Estimate | None:
    try:
        found = comparison.difference(o.name, year, by, group)
    except ResultsError:
        return None
    return found if math.isfinite(found.mean) else None


def _plain_unit(unit: str) -> str:
    """Units of the IAMC format stand without commas."""
    return unit.replace(", prices of 2024", " (prices of 2024)").replace(",", "")
