"""Is a figure, a table or a brief what its own provenance makes anew?

Every file that econsim writes carries what it was made from: scenarios in their effective form,
seeds, rows, hashes of the data tables, version.  :func:`verify` reads that, says which of it is
different here (a key of a scenario, a default, a table, a version), and otherwise makes the file
again and compares every byte.

Provenance is read from a file that anybody may have written.  It is checked like a scenario file,
nothing in it is executed, and no path in it is followed.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

import econsim
from econsim import brief, data, figures, policy, scenario
from econsim.brief.making import extent, libraries, within
from econsim.experiments.headline import GridPoint, grid_points
from econsim.experiments.simulation import replicate_seed, simulate_many
from econsim.figures import export
from econsim.parameters import ParameterError
from econsim.policy import PolicyError
from econsim.results import DEFAULT_SET, Comparison, Results, ResultsError, compare
from econsim.scenario import Run, Scenario, ScenarioError, Strict, differences

#: What an archive says of itself.
CRATE = "ro-crate-metadata.json"
#: Differences that are told one by one.
TOLD = 6

Progress = Callable[[float], None]


class VerificationError(ResultsError):
    """A file whose provenance cannot be followed."""


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


# --- What a provenance may hold -----------------------------------------------------------------


class _MadeBy(Strict):
    kind: Literal["brief", "figure"]
    file: str = Field(max_length=200)
    form: Literal["short", "long", "annex", ""] = ""
    command: str = Field(default="", max_length=2000)
    figure: str = Field(default="", max_length=80)
    width: float | None = Field(default=None, gt=0.0, le=1000.0)


class _Result(Strict):
    scenario: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$")
    parameter_set: str = Field(max_length=200)
    title: str = Field(default="", max_length=200)
    region: Literal["EU27", "US"]
    scenario_hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    parameters: dict[str, float]
    rows: Annotated[int, Field(ge=1000)] | Literal["full"]
    seeds: tuple[int, ...] = Field(min_length=1, max_length=100_000)
    months: int = Field(ge=12, le=600)
    policy_start: int | None = None
    data_hash: str = ""
    econsim: str = ""
    numpy: str = ""
    python: str = ""


class _Kept(Strict):
    series: dict[str, tuple[str, ...]]
    decembers: tuple[str, ...]


class _Provenance(Strict):
    made_by: _MadeBy
    n: int
    results: tuple[_Result, ...] = Field(min_length=1, max_length=1000)
    arguments: dict[str, Any] = Field(default_factory=dict)
    scenarios: dict[str, dict[str, Any]] = Field(default_factory=dict)
    data_tables: dict[str, str] = Field(default_factory=dict)
    kept: _Kept | None = None
    findings: dict[str, str] = Field(default_factory=dict)
    made_with: dict[str, str] = Field(default_factory=dict)
    drawn: str = ""

    def sets(self) -> dict[str, list[_Result]]:
        """Results by parameter set, the baseline first."""
        found: dict[str, list[_Result]] = {}
        for result in self.results:
            found.setdefault(result.parameter_set, []).append(result)
        return found


# --- Comparing what a file was made from with what is here --------------------------------------


def verify(path: str | Path, progress: Progress | None = None) -> Verdict:
    """Whether a file is what its provenance makes here and now.

    Args:
        path: SVG, PNG, PDF, HTML, CSV, JSON or XLSX of a figure or a brief, or its archive.
        progress: called with the share of the work done.

    Raises:
        VerificationError, econsim.results.ResultsError: it carries no provenance, or one that
            cannot be followed.
        OSError: it cannot be read.
    """
    path = Path(path)
    carried = export.provenance_of(path)
    if path.suffix.lower() == ".zip":
        return _archive(path, progress)
    given = _checked(path, carried)
    found = _inputs(given)
    if found:
        return Verdict(tuple(found), "nothing: what it was made from is not what is here")
    sets = _simulated(given, path, progress)
    if given.made_by.kind == "figure":
        made, ours = _figure(given, sets, carried, path)
    else:
        made, ours = _brief(given, sets, carried, path)
    then = {k: v for k, v in carried.items() if k != "made_by"}
    differing = [
        f"{key}: {_short(x)} in the file, {_short(y)} made anew"
        for key, x, y in differences(then, json.loads(json.dumps(ours)))
    ]
    first = given.results[0]
    firms = f"{first.rows:,} firms" if isinstance(first.rows, int) else "one row per enterprise"
    rebuilt = f"{len(sets)} parameter sets, {len(first.seeds)} replicates of {firms}"
    content = _bytes(path.read_bytes(), made, given)
    return Verdict(tuple([*differing, *content][:TOLD]), rebuilt)


def _checked(path: Path, found: Mapping[str, Any]) -> _Provenance:
    kind = found.get("made_by")
    if isinstance(kind, dict) and (kind.get("kind") == "study brief" or "study" in found):
        raise VerificationError(
            f"{path}: made from a study, whose runs take too long to be repeated here: make it "
            "again from its run store"
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
    first = given.results[0]
    found = []
    if first.econsim != econsim.__version__:
        found.append(f"version: made by econsim {first.econsim}, here {econsim.__version__}")
    here = data.digests()
    if given.data_tables:
        for name in sorted({*here, *given.data_tables}):
            if here.get(name) != given.data_tables.get(name):
                found.append(f"data table '{name}': its content is not that of the file's")
    if first.data_hash != data.digest() and not found:
        found.append("data: a table is not that of the file's")
    # The sets of a grid differ from one another in parameters only: tell what the first tells.
    for result in next(iter(given.sets().values())):
        found += _scenario_differences(given, result)
    if not found:
        found = [
            f"scenario '{r.scenario}' at {r.parameter_set}: not the one of the file"
            for r in given.results
            if _current(given, r).hash() != r.scenario_hash
        ]
    found = list(dict.fromkeys(found))
    return [*found[:TOLD], f"and {len(found) - TOLD} more"] if len(found) > TOLD else found


def _scenario_differences(given: _Provenance, result: _Result) -> list[str]:
    """Keys in which the effective scenario of today differs from the one in the file."""
    then = given.scenarios.get(result.scenario)
    now = _current(given, result)
    if then is None:
        if now.hash() == result.scenario_hash:
            return []
        return [f"scenario '{result.scenario}' differs from the one the file was made from"]
    # A definition stands for all parameter sets; each result names its own parameters.
    then = {**then, "values": {**dict(then.get("values", {})), **result.parameters}}
    found = []
    for key, x, y in differences(then, now.canonical()):
        name = key.removeprefix("values.")
        what = f"scenario '{result.scenario}', {key}"
        if name != key and name not in result.parameters and name not in now.overrides:
            what = f"default of parameter '{name}'"
        found.append(f"{what}: {_short(x)} in the file, {_short(y)} here")
    if not found and now.hash() != result.scenario_hash:
        found.append(f"scenario '{result.scenario}': its hash is not that of its definition")
    return found


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:60]}…"


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


# --- Making it again ----------------------------------------------------------------------------


def _simulated(
    given: _Provenance, path: Path, progress: Progress | None
) -> dict[str, list[Results]]:
    """Run every parameter set again."""
    found: dict[str, list[Results]] = {}
    sets = given.sets()
    # Sets of the same size and seed advance together, as they did the first time.
    sizes: dict[tuple[Any, ...], list[str]] = {}
    for name, group in sets.items():
        if len({r.scenario for r in group}) < len(group) or len({r.seeds for r in group}) > 1:
            raise VerificationError(f"{path}: its results are not those of one run")
        sizes.setdefault((group[0].rows, group[0].seeds), []).append(name)
    for (rows, seeds), names in sizes.items():
        groups = {n: [_current(given, r) for r in sets[n]] for n in names}
        found |= simulate_many(
            groups, rows=rows, replicates=len(seeds), seed=_seed(seeds, path), progress=progress
        )
    return {name: found[name] for name in sets}


def _seed(seeds: Sequence[int], path: Path) -> int:
    """The run's seed, from the seeds of its replicates."""
    seed = seeds[0] // replicate_seed(1, 0)
    if tuple(seeds) != tuple(replicate_seed(seed, r) for r in range(len(seeds))):
        raise VerificationError(f"{path}: its seeds are not those of one run")
    return seed


def _pair(given: _Provenance, sets: Mapping[str, list[Results]], path: Path) -> Comparison | None:
    """The comparison of the default set, cut down to what the file was made from."""
    group = sets.get(DEFAULT_SET, [])
    if len(group) != 2:
        return None
    if given.kept is not None:
        kept = json.loads(given.kept.model_dump_json())
        group = [within(r, kept) for r in group]
        if extent(group[1]) != kept:
            raise VerificationError(f"{path}: it was made from series that a run does not keep")
    return compare(group[1], group[0])


def _points(sets: Mapping[str, list[Results]], path: Path) -> list[GridPoint]:
    try:
        return grid_points({n: g for n, g in sets.items() if len(g) == 2})
    except (ValueError, IndexError):
        raise VerificationError(f"{path}: its parameter sets are no points of a grid") from None


def _brief(
    given: _Provenance, sets: Mapping[str, list[Results]], carried: Mapping[str, Any], path: Path
) -> tuple[bytes, Mapping[str, Any]]:
    """The file of a brief made anew, and its provenance."""
    comparison = _pair(given, sets, path)
    if comparison is None or given.kept is None:
        raise VerificationError(f"{path}: a brief is made from two scenarios")
    both = {r.scenario: _current(given, r) for r in given.results if r.parameter_set == DEFAULT_SET}
    scenarios = (both[comparison.a.scenario], both[comparison.b.scenario])
    evidence = brief.gather(comparison, _points(sets, path), scenarios, given.made_by.command)
    form = given.made_by.form
    made = brief.annex_of(evidence) if form == "annex" else brief.of_comparison(
        evidence, long=form == "long"
    )  # fmt: skip
    made = replace(made, provenance=_restamped(made.provenance, carried))
    files = dict(brief.files([made], brief.FORMATS, comparison))
    if given.made_by.file not in files:
        raise VerificationError(f"{path}: no brief has a file called '{given.made_by.file}'")
    return files[given.made_by.file], {k: v for k, v in made.provenance.items() if k != "made_by"}


def _figure(
    given: _Provenance, sets: Mapping[str, list[Results]], carried: Mapping[str, Any], path: Path
) -> tuple[bytes, Mapping[str, Any]]:
    """The file of a figure made anew, and its provenance."""
    name = given.made_by.figure
    comparison = _pair(given, sets, path)
    points = _points(sets, path)
    if comparison is None and points:
        comparison = points[0].comparison
    if comparison is None:
        single = next(iter(sets.values()))[0]
        drawn = [figures.adoption_by_size(single)]
    else:
        drawn, _ = figures.of_comparison(comparison, points)
    chosen = next((f for f in drawn if f.name == name), None)
    if chosen is None:
        raise VerificationError(
            f"{path}: what it was made from is what is here, but a figure '{name}' cannot be "
            "drawn from runs of two scenarios alone"
        )
    made = replace(chosen, provenance=_restamped(chosen.provenance, carried))
    ending = path.suffix.removeprefix(".").lower()
    width = {} if given.made_by.width is None else {"width": given.made_by.width}
    content = made.files((ending,), **width)[ending]
    ours = {**made.provenance, **({"drawn": made.digest()} if ending != "json" else {})}
    return content, ours


def _restamped(made: Mapping[str, Any], carried: Mapping[str, Any]) -> dict[str, Any]:
    """A provenance with the interpreter and libraries of the file: they make no number."""
    results = []
    for ours, theirs in zip(made["results"], carried["results"], strict=False):
        kept = {k: theirs[k] for k in ("numpy", "python") if k in theirs}
        results.append({**ours, **kept})
    changed = {"made_with": carried["made_with"]} if "made_with" in carried else {}
    return {**made, "results": results, **changed}


def _archive(path: Path, progress: Progress | None) -> Verdict:
    """Every file of an archive against its listed hash, then the brief in it made anew."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist()) > export.LARGEST_FILE:
                raise VerificationError(f"{path}: larger than any archive of econsim")
            contents = {name: archive.read(name) for name in archive.namelist()}
        entities = json.loads(contents[CRATE])["@graph"]
        listed = {str(e["@id"]): e["sha256"] for e in entities if "sha256" in e}
    except (zipfile.BadZipFile, zlib.error, RuntimeError, KeyError, TypeError) as error:
        raise VerificationError(f"{path}: the archive is damaged: {error}") from None
    found = []
    for name in sorted({*listed, *contents} - {CRATE}):
        if name not in contents or name not in listed:
            found.append(f"'{name}' is {'listed' if name in listed else 'there'} only")
        elif hashlib.sha256(contents[name]).hexdigest() != listed[name]:
            found.append(f"'{name}' is not the file that the archive lists")
    briefs = [n for n in contents if Path(n).parent == Path(".") and Path(n).stem == "brief"]
    if found or not briefs:
        return Verdict(tuple(found or ["no brief in the archive"])[:TOLD], "nothing")
    with tempfile.TemporaryDirectory() as folder:
        inner = Path(folder) / Path(briefs[0]).name
        inner.write_bytes(contents[briefs[0]])
        verdict = verify(inner, progress)
    told = tuple(f"{briefs[0]}: {text}" for text in verdict.differences)
    return Verdict(told, f"{briefs[0]} ({verdict.rebuilt}); hashes of {len(listed)} files")


# --- Comparing bytes ----------------------------------------------------------------------------


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
