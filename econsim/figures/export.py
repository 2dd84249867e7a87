"""Files of figures: pages and tables, the provenance that each file carries, and how to read it.

Every file says inside what it was made from, in the place that its format has for that:

===== ==============================================================================
SVG   ``<metadata id="provenance">``
PNG   text chunk ``Provenance``
PDF   keywords of the document
HTML  ``<script type="application/json" id="econsim-provenance">``
CSV   first line, after ``# econsim provenance:`` (``pandas.read_csv(..., comment="#")``)
JSON  ``provenance``
XLSX  last sheet, after a cell ``# econsim provenance:``
ZIP   root entity of ``ro-crate-metadata.json``
===== ==============================================================================
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import tempfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from html import escape, unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from econsim.figures.words import minus
from econsim.results import ResultsError

if TYPE_CHECKING:
    import pandas as pd

#: Formats of a figure, in the order in which they are told.
FORMATS = ("svg", "png", "pdf", "html", "csv", "json")
#: What stands before the provenance in a CSV file.
MARK = "# econsim provenance: "
#: Identifier of the element of a page that carries it.
CARRIER = "econsim-provenance"
#: No file of a figure is larger, and no provenance in one.
LARGEST_FILE, LARGEST_TEXT = 100_000_000, 10_000_000


def carried(certificate: Mapping[str, Any]) -> str:
    """Provenance as JSON in one line of ASCII, always in the same order."""
    return json.dumps(certificate, sort_keys=True, separators=(",", ":"), allow_nan=False)


# --- writing -------------------------------------------------------------------------------------


def csv(data: pd.DataFrame, certificate: Mapping[str, Any]) -> str:
    """A table as CSV whose first line is its provenance; numbers read back exactly."""
    return f"{MARK}{carried(certificate)}\n{data.to_csv(index=False, lineterminator=chr(10))}"


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.45 Arial, Helvetica, sans-serif; color: #1B2A30; background: #FFFFFF;
  max-width: 60rem; margin: 0 auto; padding: 1rem; }}
h1 {{ font-size: 1.35rem; }} figure {{ margin: 0; }} svg {{ width: 100%; height: auto; }}
table {{ border-collapse: collapse; font-size: 0.85rem; }} caption {{ text-align: left; }}
th, td {{ padding: 0.15rem 0.6rem 0.15rem 0; border-bottom: 1px solid #8A979C; text-align: left; }}
td.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
.wide {{ overflow-x: auto; }} summary {{ cursor: pointer; }}
</style>
<script type="application/json" id="{carrier}">{provenance}</script>
</head>
<body>
<main>
<h1>{title}</h1>
<figure>
{drawing}
<figcaption>
<p>{alt}</p>
</figcaption>
</figure>
<h2>Data</h2>
<div class="wide" tabindex="0" role="region" aria-label="Table of the drawn data">
{table}
</div>
<p>{subtitle}</p>
<p>Note: {note}</p>
<p>Source: {source}</p>
</main>
</body>
</html>
"""


def html(
    words: Mapping[str, str], drawing: str, data: pd.DataFrame, certificate: Mapping[str, Any]
) -> str:
    """A page that needs nothing else: no network, no script, no font.

    Args:
        words: ``title``, ``subtitle``, ``alt``, ``note``, ``source``.
        drawing: SVG.
        data: the drawn numbers.
        certificate: provenance.
    """
    inline = drawing[drawing.index("<svg") :]
    inline = re.sub(r'<metadata id="provenance">.*?</metadata>\n', "", inline, flags=re.DOTALL)
    return _PAGE.format(
        carrier=CARRIER,
        # "<" could end the element; JSON may write it otherwise.
        provenance=carried(certificate).replace("<", "\\u003c"),
        drawing=inline.rstrip("\n"),
        table=_table(data),
        **{key: escape(text) for key, text in words.items()},
    )


def _table(data: pd.DataFrame) -> str:
    """The drawn data as a table; of months, those that end a year."""
    rows = data
    caption = "The drawn data."
    if "period" in data.columns:
        months = data["period"].astype(str).str.fullmatch(r"\d{4}-\d{2}")
        decembers = data["period"].astype(str).str.endswith("-12")
        if (months & ~decembers).any() and decembers.any():
            rows = data[~months | decembers]
            caption = "The drawn data at the end of each year; every month is in the CSV file."
    # A column that holds nothing would be read aloud for every row.
    rows = rows.dropna(axis="columns", how="all")
    head = "".join(f'<th scope="col">{escape(str(c).replace("_", " "))}</th>' for c in rows)
    lines = []
    for row in rows.to_dict(orient="records"):
        error = _error(row)
        cells = []
        for value in row.values():
            if isinstance(value, float):
                cells.append(f'<td class="number">{_shown(value, error)}</td>')
            else:
                cells.append(f"<td>{escape(str(value))}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    body = "\n".join(lines)
    return (
        f"<table>\n<caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{body}\n</tbody>\n</table>"
    )


def _error(row: Mapping[str, Any]) -> float:
    """Half the width of the interval of a row of estimates; NaN: there is none."""
    low, high = row.get("low", math.nan), row.get("high", math.nan)
    return (high - low) / 2.0 if isinstance(low, float) and isinstance(high, float) else math.nan


def _shown(value: float, error: float) -> str:
    """A number with one digit more than its error has, for people."""
    if not math.isfinite(value):
        return ""
    if error > 0.0:
        return minus(f"{value:,.{min(max(0, 1 - math.floor(math.log10(error))), 10)}f}")
    return minus(f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}")


def write(
    folder: str | Path, contents: Mapping[str, bytes], certificate: Mapping[str, Any]
) -> list[Path]:
    """Write files of a figure into a folder, made if need be; each appears whole or not at all.

    A file of that name is replaced if it shows the same figure of the same scenarios; any other is
    left alone, and then nothing is written.

    Args:
        folder: where to.
        contents: file name -> bytes.
        certificate: provenance of the figure.

    Raises:
        ResultsError: a name is taken by another file.
        OSError: the machine said no (permission, disk).
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ResultsError(f"'{folder}' is a file, not a folder")
    for name in contents:
        path = folder / name
        if not path.exists():
            continue
        try:
            other = subject(provenance_of(path))
        except ResultsError:
            other = "a file that econsim did not write"
        if other != subject(certificate):
            raise ResultsError(
                f"'{path}' exists and shows {other}: move it away, or choose another folder"
            )
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in contents.items():
        handle, staging = tempfile.mkstemp(prefix=f".{name}-", dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(staging, 0o666 & ~umask)
            os.replace(staging, folder / name)
        except BaseException:
            Path(staging).unlink(missing_ok=True)
            raise
        written.append(folder / name)
    return written


def subject(certificate: Mapping[str, Any]) -> str:
    """What a figure is about, from its provenance: scenarios or a study."""
    results = certificate.get("results")
    if isinstance(results, list | tuple):
        names = [str(r.get("scenario")) for r in results if isinstance(r, Mapping)]
        return f"scenarios {', '.join(sorted(set(names)))}"
    return f"study {certificate.get('name', '')}"


# --- reading -------------------------------------------------------------------------------------


def provenance_of(path: str | Path) -> dict[str, Any]:
    """What a file of a figure says it was made from.

    Nothing in the file is executed and no path in it is followed.

    Args:
        path: SVG, PNG, PDF, HTML, CSV, JSON, XLSX or ZIP that econsim wrote.

    Returns:
        ``made_by`` (kind, figure, file, arguments), ``drawn`` (SHA-256 of words, data and panels)
        and the birth certificates of the runs: scenarios, seeds, rows, months, hashes, versions.

    Raises:
        ResultsError: it carries no provenance of econsim, or a damaged one.
        OSError: it cannot be read.
    """
    path = Path(path)
    readers = {
        ".svg": _of_svg, ".png": _of_png, ".pdf": _of_pdf, ".html": _of_html, ".csv": _of_csv,
        ".json": _of_json, ".xlsx": _of_xlsx, ".zip": _of_zip,
    }  # fmt: skip
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ResultsError(f"'{path}' is none of {', '.join(sorted(readers))}")
    if path.stat().st_size > LARGEST_FILE:
        raise ResultsError(f"'{path}' is larger than any figure of econsim")
    text = reader(path.read_bytes())
    if text is None or len(text) > LARGEST_TEXT:
        raise ResultsError(f"'{path}' carries no provenance of econsim")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("made_by"), dict):
        raise ResultsError(f"the provenance in '{path}' is damaged")
    return found


def _of_svg(raw: bytes) -> str | None:
    found = re.search(rb'<metadata id="provenance">(.*?)</metadata>', raw, re.DOTALL)
    return unescape(found.group(1).decode("utf-8", "replace")) if found else None


def _of_html(raw: bytes) -> str | None:
    pattern = rf'<script type="application/json" id="{CARRIER}">(.*?)</script>'
    found = re.search(pattern.encode(), raw, re.DOTALL)
    return found.group(1).decode("utf-8", "replace") if found else None


def _of_csv(raw: bytes) -> str | None:
    first = raw.partition(b"\n")[0].decode("utf-8", "replace").strip()
    return first.removeprefix(MARK) if first.startswith(MARK) else None


def _of_json(raw: bytes) -> str | None:
    try:
        content = json.loads(raw)
        return json.dumps({"made_by": content["made_by"], **content["provenance"]})
    except (ValueError, RecursionError, KeyError, TypeError):
        return None


def _of_zip(raw: bytes) -> str | None:
    """The root of an archive's metadata (RO-Crate)."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            info = archive.getinfo("ro-crate-metadata.json")
            if info.file_size > LARGEST_TEXT:
                return None
            entities = json.loads(archive.read(info))["@graph"]
        return next(str(e["econsimProvenance"]) for e in entities if "econsimProvenance" in e)
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, RecursionError, StopIteration,
            zlib.error):  # fmt: skip
        return None


def _of_xlsx(raw: bytes) -> str | None:
    """The texts of a workbook after the mark, which stand in its last sheet."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            info = archive.getinfo("xl/sharedStrings.xml")
            if info.file_size > 2 * LARGEST_TEXT:
                return None
            root = ElementTree.fromstring(archive.read(info))
    except (zipfile.BadZipFile, KeyError, ElementTree.ParseError, zlib.error):
        return None
    texts = [e.text or "" for e in root.iter() if e.tag.endswith("}t")]
    mark = MARK.strip()
    return "".join(texts[texts.index(mark) + 1 :]) if mark in texts else None


def _of_png(raw: bytes) -> str | None:
    """The text chunk ``Provenance``, whose checksum must hold."""
    position = 8
    while raw[:8] == b"\x89PNG\r\n\x1a\n" and position + 12 <= len(raw):
        length = int.from_bytes(raw[position : position + 4], "big")
        chunk = raw[position + 4 : position + 8 + length]
        checksum = raw[position + 8 + length : position + 12 + length]
        if chunk.startswith(b"tEXtProvenance\0"):
            whole = zlib.crc32(chunk).to_bytes(4, "big") == checksum
            return chunk[len(b"tEXtProvenance\0") :].decode("latin-1") if whole else None
        position += 12 + length
    return None


def _of_pdf(raw: bytes) -> str | None:
    """The keywords of the document, written as a string in brackets."""
    found = re.search(rb"/Keywords\s*\(((?:[^\\()]|\\.)*)\)", raw, re.DOTALL)
    if found is None:
        return None
    text = found.group(1).decode("latin-1")
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "r": "\r"}.get(m.group(1), m.group(1)), text)


def formats_named(names: Sequence[str]) -> tuple[str, ...]:
    """Formats as asked for, in order, each once.

    Raises:
        ResultsError: one is unknown; the nearest is offered.
    """
    import difflib

    for name in names:
        if name not in FORMATS:
            close = difflib.get_close_matches(name, FORMATS, n=1, cutoff=0.3)
            hint = f"; did you mean '{close[0]}'?" if close else ""
            raise ResultsError(f"unknown format '{name}'{hint} ({', '.join(FORMATS)})")
    return tuple(f for f in FORMATS if f in names)
