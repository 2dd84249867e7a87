"""Is a figure, a table or a brief what its own provenance makes anew?

Every file that econsim writes carries what it was made from: scenarios in their effective form,
seeds, rows, hashes of the data tables, version.  :func:`verify` reads that, says which of it is
different here (a key of a scenario, a default, a table, a version), and otherwise makes the file
again and compares every byte.

Provenance is read from a file that anybody may have written.  It is checked like a scenario file,
nothing in it is executed, and no path in it is followed.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import econsim
from econsim import brief, data, policy, scenario
from econsim.brief.making import extent, libraries, within
from econsim.brief.tables import MARK, SHEET
from econsim.brief.webpage import CARRIER
from econsim.experiments.headline import grid_points
from econsim.experiments.simulation import replicate_seed, simulate, simulate_many
from econsim.parameters import ParameterError
from econsim.policy import PolicyError
from econsim.results import DEFAULT_SET, Results, compare
from econsim.scenario import Run, Scenario, ScenarioError, Strict, differences
from pydantic import Field, ValidationError

#: No file of econsim is larger, and no provenance in one.
LARGEST_FILE, LARGEST_TEXT = 200_000_000, 20_000_000
#: Differences that are told one by one.
TOLD = 6

Progress = Callable[[float], None]


class VerificationError(ValueError):
    """A file that carries no provenance, or one that cannot be followed."""


@dataclass(frozen=True)
class Verdict:
    """What came of verifying a file.

    Attributes:
        differences: what is not as the file says; empty: MATCH.
        rebuilt: what was made again, in words.
    """

    differences: tuple[str, ...]
    rebuilt: str

    @property
    def matches(self) -> bool:
        """Whether the file is what its provenance makes."""
        return not self.differences


# --- What a provenance may hold --------------------------------------------------------------------


class _MadeBy(Strict):
    kind: Literal["brief"]
    form: Literal["short", "long", "annex"]
    command: str = Field(max_length=2000)


class _Result(Strict):
    scenario: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$")
    parameter_set: str = Field(max_length=200)
    title: str = Field(max_length=200)
    region: Literal["EU27", "US"]
    scenario_hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    parameters: dict[str, float]
    rows: int | Literal["full"]
    seeds: tuple[int, ...] = Field(min_length=1, max_length=100_000)
    months: int = Field(ge=12, le=600)


class _Kept(Strict):
    series: dict[str, tuple[str, ...]]
    decembers: tuple[str, ...]


class _Provenance(Strict):
    made_by: _MadeBy
    file: str = Field(max_length=200)
    econsim: str
    data_hash: str
    data_tables: dict[str, str]
    scenarios: dict[str, dict[str, Any]]
    kept: _Kept
    results: tuple[_Result, _Result]
    points: tuple[_Result, ...] = Field(max_length=1000)
    findings: dict[str, str]
    made_with: dict[str, str]


# --- Reading ---------------------------------------------------------------------------------------


def provenance_of(path: str | Path) -> dict[str, Any]:
    """The provenance that a file carries.

    Args:
        path: PDF, HTML, CSV or XLSX of a brief.

    Raises:
        VerificationError: it carries none, or is damaged.
        OSError: it cannot be read.
    """
    path = Path(path)
    if path.stat().st_size > LARGEST_FILE:
        raise VerificationError(f"{path}: larger than any file that econsim writes")
    readers = {".pdf": _of_pdf, ".html": _of_html, ".csv": _of_csv, ".xlsx": _of_xlsx}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(sorted(readers))
        raise VerificationError(f"{path}: only files of these kinds can be verified: {known}")
    text = reader(path.read_bytes())
    if text is None:
        raise VerificationError(f"{path}: carries no provenance of econsim")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise VerificationError(f"{path}: its provenance is damaged") from None
    if not isinstance(found, dict):
        raise VerificationError(f"{path}: its provenance is damaged")
    return found


def _of_html(raw: bytes) -> str | None:
    text = raw.decode("utf-8", "replace")
    pattern = rf'<script type="application/json" id="{CARRIER}">(.*?)</script>'
    found = re.search(pattern, text, re.DOTALL)
    return found.group(1) if found else None


def _of_csv(raw: bytes) -> str | None:
    first = raw.partition(b"\n")[0].decode("utf-8", "replace").rstrip("\r")
    return first.removeprefix(MARK) if first.startswith(MARK) else None


def _of_pdf(raw: bytes) -> str | None:
    """The attachment that is a provenance: a stream, compressed or not."""
    for found in re.finditer(rb"stream\r?\n", raw):
        end = raw.find(b"endstream", found.end())
        body = raw[found.end() : end]
        if body[:1] != b"{":
            try:
                body = zlib.decompressobj().decompress(body, LARGEST_TEXT)
            except zlib.error:
                continue
        if body.startswith(b'{"data_hash"'):
            return body.rstrip().decode("utf-8", "replace")
    return None


def _of_xlsx(raw: bytes) -> str | None:
    """Texts of a workbook after the mark, which stands in the last sheet."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            info = archive.getinfo("xl/sharedStrings.xml")
            if info.file_size > LARGEST_TEXT:
                return None
            root = ElementTree.fromstring(archive.read(info))
    except (zipfile.BadZipFile, KeyError, ElementTree.ParseError, zlib.error):
        return None
    texts = [e.text or "" for e in root.iter() if e.tag.endswith("}t")]
    mark = f"econsim {SHEET}"
    return "".join(texts[texts.index(mark) + 1 :]) if mark in texts else None


# --- Comparing what a file was made from with what is here -----------------------------------------


def verify(path: str | Path, progress: Progress | None = None) -> Verdict:
    """Whether a file is what its provenance makes here and now.

    Args:
        path: PDF, HTML, CSV or XLSX of a brief.
        progress: called with the share of the work done.

    Raises:
        VerificationError: it carries no provenance, or one that cannot be followed.
        OSError: it cannot be read.
    """
    path = Path(path)
    given = _checked(path, provenance_of(path))
    found = _inputs(given)
    if found:
        return Verdict(tuple(found), "nothing: it was not made from what is here")
    evidence = _evidence(given, path, progress)
    if evidence.comparison.a.manifest["scenario_hash"] != given.results[1].scenario_hash:
        raise AssertionError("a scenario changed while it was run")
    differing = _findings(given, evidence)
    if differing:
        return Verdict(tuple(differing), "the runs")
    document = _document(given, evidence)
    made = dict(brief.files([document], brief.FORMATS, evidence.comparison))
    if given.file not in made:
        raise VerificationError(f"{path}: econsim writes no file called '{given.file}'")
    rows, n = given.results[0].rows, len(given.results[0].seeds)
    rebuilt = f"{given.file}: {n} x {rows} firms, {len(given.points) // 2} points of the joint axes"
    return Verdict(tuple(_bytes(path.read_bytes(), made[given.file], given)), rebuilt)


def _checked(path: Path, found: Mapping[str, Any]) -> _Provenance:
    kind = found.get("made_by")
    if isinstance(kind, dict) and kind.get("kind") == "study brief":
        raise VerificationError(
            f"{path}: a brief of a study; make it again from its run store "
            "(econsim brief STORE): its runs take too long to be repeated here"
        )
    try:
        # Strict, as JSON: neither 'true' nor '"5"' is a number.
        return _Provenance.model_validate_json(json.dumps(dict(found)), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"])
        raise VerificationError(
            f"{path}: its provenance cannot be followed: {place}: {first['msg']}"
        ) from None


def _inputs(given: _Provenance) -> list[str]:
    """What the file was made from and is not the same here."""
    found = []
    if given.econsim != econsim.__version__:
        found.append(f"version: made by econsim {given.econsim}, here {econsim.__version__}")
    here = data.digests()
    for name in sorted({*here, *given.data_tables}):
        if here.get(name) != given.data_tables.get(name):
            found.append(f"data table '{name}': its content differs")
    if given.data_hash != data.digest() and not found:
        found.append("data: the tables together differ")
    for result in given.results:
        found += _scenario_differences(given, result)
    if not found:
        for result in given.points:
            if _current(given, result).hash() != result.scenario_hash:
                found.append(f"scenario '{result.scenario}' at {result.parameter_set} differs")
    if len(found) > TOLD:
        found = [*found[:TOLD], f"and {len(found) - TOLD} more"]
    return found


def _scenario_differences(given: _Provenance, result: _Result) -> list[str]:
    """Keys in which the effective scenario of today differs from the one in the file."""
    then = given.scenarios.get(result.scenario)
    now = _current(given, result)
    if then is None:
        if now.hash() == result.scenario_hash:
            return []
        return [f"scenario '{result.scenario}' differs from the one the file was made from"]
    found = []
    for key, x, y in differences(then, now.canonical()):
        name = key.removeprefix("values.")
        what = f"scenario '{result.scenario}', {key}"
        if name != key and name not in result.parameters and name not in now.overrides:
            what = f"default of parameter '{name}'"
        found.append(f"{what}: {x} in the file, {y} here")
    if not found and now.hash() != result.scenario_hash:
        found.append(f"scenario '{result.scenario}': its hash is not that of its definition")
    return list(dict.fromkeys(found))


def _current(given: _Provenance, result: _Result) -> Scenario:
    """The scenario as it is today: the shipped one of its name, else as the file describes it.

    Raises:
        VerificationError: the file's description is no valid scenario.
    """
    try:
        if result.scenario in scenario.shipped():
            base = scenario.load(result.scenario)
            last = policy.month_label(result.months - 1)
            run = Run(**{**base.run.model_dump(), "horizon": ("2021-01", last)})
            return base.with_changes(parameters=result.parameters, run=run)
        definition = given.scenarios.get(result.scenario)
        if definition is None:
            raise VerificationError(
                f"scenario '{result.scenario}' is not shipped, and the file does not describe it"
            )
        text = as_file(definition, result.title, result.parameters)
        return scenario.loads(text, result.scenario)
    except (ScenarioError, PolicyError, ParameterError, ValidationError) as error:
        raise VerificationError(
            f"the scenario '{result.scenario}' in the file cannot be run: {error}"
        ) from None


def as_file(definition: Mapping[str, Any], title: str, parameters: Mapping[str, float]) -> str:
    """An effective scenario (``Scenario.canonical()``) as the text of a scenario file.

    Args:
        definition: region, options, instruments, horizon.
        title: of the scenario.
        parameters: those that differ from the defaults.

    Raises:
        VerificationError: it is no effective scenario.
    """
    keys = {model.__name__: key for key, model in policy.INSTRUMENTS.items()}
    try:
        instruments = []
        for item in definition["instruments"]:
            body = {k: v for k, v in item.items() if k != "kind" and v is not None}
            kind = item["kind"]
            instruments.append(body if kind == "Adjustment" else {keys[kind]: body})
        options = {
            name: {**option, "label": name[:60], "source": "as the file describes it"}
            for name, option in definition["options"].items()
        }
        return json.dumps(
            {
                "title": title,
                "region": definition["region"],
                "parameters": dict(parameters),
                "options": options,
                "instruments": instruments,
                "run": {"horizon": definition["horizon"]},
            }
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise VerificationError(f"a scenario in the file is damaged: {error}") from None


# --- Making it again -------------------------------------------------------------------------------


def _evidence(given: _Provenance, path: Path, progress: Progress | None) -> brief.Evidence:
    """Run everything again and gather what the document was made from."""
    pair = [_current(given, r) for r in given.results]
    baseline, acted = _simulated(given.results, pair, path, progress)
    groups: dict[str, list[Results]] = {}
    points = _by_set(given.points)
    if points:
        first = given.points[0]
        groups = simulate_many(
            {name: [_current(given, r) for r in both] for name, both in points.items()},
            rows=first.rows, replicates=len(first.seeds), seed=_seed(first, path),
        )  # fmt: skip
    kept = given.kept.model_dump()
    comparison = compare(within(acted, kept), within(baseline, kept))
    if extent(comparison.a) != json.loads(json.dumps(kept)):
        raise VerificationError(f"{path}: it was made from series that a run no longer keeps")
    return brief.gather(
        comparison, grid_points(groups), (pair[1], pair[0]), given.made_by.command
    )


def _simulated(
    given: Sequence[_Result], pair: Sequence[Scenario], path: Path, progress: Progress | None
) -> list[Results]:
    first = given[0]
    found = simulate(
        *pair, rows=first.rows, replicates=len(first.seeds), seed=_seed(first, path),
        progress=progress,
    )  # fmt: skip
    return found


def _seed(result: _Result, path: Path) -> int:
    """The run's seed, from the seeds of its replicates."""
    seed = result.seeds[0] // replicate_seed(1, 0)
    if result.seeds != tuple(replicate_seed(seed, r) for r in range(len(result.seeds))):
        raise VerificationError(f"{path}: its seeds are not those of one run")
    return seed


def _by_set(points: Sequence[_Result]) -> dict[str, list[_Result]]:
    found: dict[str, list[_Result]] = {}
    for result in points:
        if result.parameter_set == DEFAULT_SET:
            raise VerificationError("a point of the joint axes has no parameter set")
        found.setdefault(result.parameter_set, []).append(result)
    return found


def _findings(given: _Provenance, evidence: brief.Evidence) -> list[str]:
    from econsim.brief.making import digest_of

    here = {name: digest_of(figure) for name, figure in evidence.findings.items()}
    return [
        f"shipped finding '{name}' differs"
        for name in sorted({*here, *given.findings})
        if here.get(name) != given.findings.get(name)
    ]


def _document(given: _Provenance, evidence: brief.Evidence) -> brief.Document:
    if given.made_by.form == "annex":
        return brief.annex_of(evidence)
    return brief.of_comparison(evidence, long=given.made_by.form == "long")


# --- Comparing bytes -------------------------------------------------------------------------------


def _bytes(file: bytes, made: bytes, given: _Provenance) -> list[str]:
    """Where the file differs from the one made anew, or nothing."""
    if file == made:
        return []
    found = [
        f"library {name}: made with {then}, here {libraries().get(name)}"
        for name, then in sorted(given.made_with.items())
        if libraries().get(name) != then
    ]
    return [*found, _first_difference(file, made)]


def _first_difference(file: bytes, made: bytes) -> str:
    """The first place where two files differ, in words."""
    try:
        theirs, ours = file.decode("utf-8").splitlines(), made.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        position = next(
            (i for i, (x, y) in enumerate(zip(file, made, strict=False)) if x != y),
            min(len(file), len(made)),
        )
        return f"content: byte {position + 1:,} differs ({len(file):,} bytes, made {len(made):,})"
    for number, (x, y) in enumerate(zip_longest(theirs, ours), start=1):
        if x != y:
            return f"content, line {number}: {_around(x, y)}"
    return "content: line ends differ"


def _around(x: str | None, y: str | None) -> str:
    """Two lines around the place where they part."""
    if x is None or y is None:
        return "the file ends here" if x is None else "the file goes on"
    place = next((i for i, (a, b) in enumerate(zip(x, y, strict=False)) if a != b), 0)
    start = max(0, place - 20)
    return f"'{x[start : place + 20]}' in the file, '{y[start : place + 20]}' made anew"
