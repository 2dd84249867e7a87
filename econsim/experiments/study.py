"""A study described: arms, levers and uncertainties kept apart, a design, outcomes to keep.

A study file is YAML, read as strictly as a scenario.  Its *arms* are scenarios, the first the
baseline; *uncertainties* are what nobody knows (parameters), *levers* what somebody decides
(instruments whose strength varies).  Every point of the uncertainties is crossed with every
combination of lever values, every arm and every replicate.  All runs of one replicate share luck,
so arms and points are compared firm by firm.

A *run* is one arm at one point with one seed.  Where two of them are the same scenario (a lever
that does not touch an arm, a factor that is a dummy) they are the same run, and run once.
"""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from econsim import data, engine, policy, results
from econsim import parameters as registry
from econsim import scenario as scenarios
from econsim.experiments import simulation
from econsim.experiments.design import (
    ATTRIBUTES,
    DESIGNS,
    DUMMY,
    STRUCTURED,
    Ensemble,
    Grid,
    Listed,
    Ranges,
    StudyError,
    sample,
)
from econsim.policy import Month
from econsim.scenario import Document, Run, Scenario, ScenarioError, Strict

#: Most points of a study: beyond it a mistyped number is more likely than a wish.
MAXIMUM_POINTS = 1_000_000


# --- what a file may hold ---------------------------------------------------------------------


class LeverFile(Strict):
    """A generic instrument with a list of values in place of one."""

    term: str
    set_: tuple[float, ...] | None = Field(default=None, alias="set")
    scale: tuple[float, ...] | None = None
    add: tuple[float, ...] | None = None
    unit: str
    start: Month = Field(alias="from")
    until: Month | None = None
    phase_in: int = Field(default=0, ge=0)
    where: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    arms: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_operation(self) -> LeverFile:
        given = [v for v in (self.set_, self.scale, self.add) if v is not None]
        if len(given) != 1 or not given[0]:
            raise ValueError("exactly one list of 'set', 'scale' and 'add' is needed")
        return self

    def operation(self) -> tuple[str, tuple[float, ...]]:
        """Name of the operation and its values."""
        for name, values in (("set", self.set_), ("scale", self.scale), ("add", self.add)):
            if values is not None:
                return name, values
        raise AssertionError


class OutcomeFile(Strict):
    """An outcome to keep, in some years, as a total or for some groups."""

    outcome: str
    by: str | None = None
    groups: tuple[str, ...] = ("all",)
    years: tuple[int, ...] = Field(min_length=1)


class ExecutorFile(Strict):
    """Where runs are made unless the command line says otherwise."""

    kind: Literal["threads", "processes", "dask"] = "processes"
    workers: int | None = Field(default=None, ge=1, le=1024)
    scheduler: str | None = None
    batch: int | None = Field(default=None, ge=1, le=10_000)


class AnalysisFile(Strict):
    """The question that the study's figure and sentence answer."""

    kind: Literal["surface", "sensitivity", "arms", "ranking", "discovery"]
    outcome: str
    arm: str | None = None
    against: dict[str, str] = Field(default_factory=dict, description="arm: its reference")
    threshold: float = 0.0


class StudyFile(Strict):
    """The top level of a study file."""

    title: str = Field(min_length=1, max_length=200)
    question: str = Field(default="", max_length=2000)
    arms: dict[str, str] = Field(min_length=1, max_length=1000)
    run: dict[str, Any] = Field(default_factory=dict)
    uncertainties: tuple[dict[str, Any], ...] = ()
    levers: tuple[dict[str, Any], ...] = ()
    outcomes: tuple[dict[str, Any], ...] = Field(min_length=1)
    executor: dict[str, Any] = Field(default_factory=dict)
    stop_after_failures: int = Field(default=10, ge=1, le=100_000)
    analysis: dict[str, Any] | None = None


# --- a study ready to run --------------------------------------------------------------------


@dataclass(frozen=True)
class Kept:
    """A number kept of every run: an outcome of a year, as a total or of one group.

    ``key`` names it in stores and on the command line: ``gdp@2035``, ``use:10-249@2035``.
    """

    outcome: str
    by: str | None
    group: str
    year: int

    @property
    def key(self) -> str:
        """Name of the number."""
        group = "" if self.by is None else f":{self.group}"
        return f"{self.outcome}{group}@{self.year}"

    @property
    def paired(self) -> bool:
        """Whether it exists only against the baseline (users lost, diverted, gained ...)."""
        return results.outcome(self.outcome).numerator in engine.AGAINST_BASELINE

    def words(self) -> str:
        """The number in words, without its unit."""
        group = "" if self.by is None else f", {self.group}"
        return f"{results.outcome(self.outcome).label}{group}, {self.year}"


@dataclass(frozen=True)
class Lever:
    """An instrument whose strength the study varies, on some arms."""

    name: str
    values: tuple[float, ...]
    arms: tuple[str, ...]
    instruments: tuple[tuple[str, policy.Dated], ...]


@dataclass(frozen=True)
class Point:
    """One combination of uncertainties and lever values.

    Attributes:
        number: position in the study, from 0.
        uncertainties: parameter -> value (with the dummy factor, where the design has one).
        levers: lever -> value.
    """

    number: int
    uncertainties: Mapping[str, float]
    levers: Mapping[str, float]

    @property
    def parameters(self) -> dict[str, float]:
        """Parameters that are changed in the scenario."""
        return {k: v for k, v in self.uncertainties.items() if k != DUMMY and k not in ATTRIBUTES}

    def revised(
        self, instruments: Sequence[tuple[str, policy.Dated]]
    ) -> tuple[tuple[str, policy.Dated], ...]:
        """Instruments with the attributes that vary."""
        change = {
            a: self.uncertainties[n] for n, a in ATTRIBUTES.items() if n in self.uncertainties
        }
        return tuple(
            (label, i.model_copy(update={a: v for a, v in change.items() if hasattr(i, a)}))
            for label, i in instruments
        )


@dataclass(frozen=True)
class Study:
    """A study ready to run: everything resolved and checked.

    Attributes:
        name: file name without ending.
        title, question: what it asks.
        arms: name -> scenario, the first the baseline; all share region and horizon.
        rows, replicates, seed: of the runs.
        designs: the uncertainties' designs as validated.
        levers: instruments that vary.
        points: all combinations, in order.
        kept: numbers kept of every run.
        executor: where runs are made.
        stop_after_failures: stop when the first so many runs all failed.
        analysis: the question its figure answers, if any.
        text, path, beside: the file and the folder it lies in.
    """

    name: str
    title: str
    question: str
    arms: Mapping[str, Scenario]
    rows: int | str
    replicates: int
    seed: int
    designs: tuple[Strict, ...]
    levers: tuple[Lever, ...]
    points: tuple[Point, ...]
    kept: tuple[Kept, ...]
    executor: ExecutorFile
    stop_after_failures: int
    analysis: AnalysisFile | None
    text: str
    path: str
    beside: Path | None = None

    @property
    def baseline(self) -> str:
        """Name of the first arm."""
        return next(iter(self.arms))

    @property
    def factors(self) -> tuple[str, ...]:
        """Names of the uncertainties, in order, with the dummy where there is one."""
        return tuple(self.points[0].uncertainties)

    def at(self, arm: str, point: Point) -> Scenario:
        """The effective scenario of an arm at a point.

        Raises:
            econsim.policy.PolicyError, econsim.parameters.ParameterError: not a valid scenario.
        """
        base = self.arms[arm]
        added = [
            lever.instruments[lever.values.index(point.levers[lever.name])]
            for lever in self.levers
            if arm in lever.arms
        ]
        if not point.uncertainties and not added:
            return base
        return base.with_changes(
            parameters=point.parameters, instruments=(*point.revised(base.instruments), *added)
        )

    def replicate_seed(self, replicate: int) -> int:
        """Seed of a replicate; the same for all arms and points."""
        return simulation.replicate_seed(self.seed, replicate)

    def with_replicates(self, replicates: int) -> Study:
        """The same study with another number of replicates."""
        return replace(self, replicates=replicates)

    def canonical(self) -> dict[str, Any]:
        """All that decides which runs there are and what is kept of them, and nothing else."""
        return {
            "arms": {name: s.canonical() for name, s in self.arms.items()},
            "run": {"firms": self.rows, "replicates": self.replicates, "seed": self.seed},
            "uncertainties": [d.model_dump(mode="json") for d in self.designs],
            "levers": [
                {
                    "term": lever.name,
                    "values": list(lever.values),
                    "arms": list(lever.arms),
                    "instruments": [i.model_dump(mode="json") for _, i in lever.instruments],
                }
                for lever in self.levers
            ],
            "points": hashlib.sha256(self.points_csv().encode()).hexdigest(),
            "outcomes": [k.key for k in self.kept],
        }

    def points_csv(self) -> str:
        """The design matrix: point, uncertainties, levers; numbers read back exactly."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        levers = [lever.name for lever in self.levers]
        writer.writerow(["point", *self.factors, *(f"lever {n}" for n in levers)])
        for p in self.points:
            numbers = [p.uncertainties[n] for n in self.factors] + [p.levers[n] for n in levers]
            writer.writerow([p.number, *(repr(float(v)) for v in numbers)])
        return text.getvalue()

    def matrix(self) -> np.ndarray:
        """Values of the uncertainties, ``ndarray[points, factors]``."""
        return np.array([[p.uncertainties[n] for n in self.factors] for p in self.points])

    def unit(self, kept: Kept) -> str:
        """Unit of a kept number in this study's region."""
        currency = next(iter(self.arms.values())).currency
        return results.outcome(kept.outcome).unit.replace("{currency}", currency)

    def keep(self, key: str) -> Kept:
        """The kept number called ``key``; without a year the last one kept of that outcome.

        Raises:
            StudyError: the study does not keep it; the nearest is offered.
        """
        latest = {k.key.partition("@")[0]: k for k in sorted(self.kept, key=lambda k: k.year)}
        known = {**latest, **{k.key: k for k in self.kept}}
        if key not in known:
            hint = registry.nearest(key, known)
            raise StudyError(f"the study '{self.name}' does not keep '{key}'{hint}")
        return known[key]


# --- identity of runs ------------------------------------------------------------------------

#: Modules whose source does not decide a run's numbers.
_OUTSIDE = (
    "__init__", "__main__", "cli", "model", "brief", "description", "findings", "verification",
)  # fmt: skip


@lru_cache(maxsize=1)
def model_source() -> dict[str, str]:
    """SHA-256 of every module that decides a run's numbers, by name."""
    package = Path(engine.__file__).resolve().parent
    files = [p for p in sorted(package.glob("*.py")) if p.stem not in _OUTSIDE]
    files.append(package / "experiments" / "simulation.py")
    return {p.stem: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def digest(value: Any) -> str:
    """SHA-256 of a plain value in its canonical JSON form, hexadecimal."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


#: Hexadecimal digits of an identity: 128 bits.
IDENTITY = 32


@dataclass(frozen=True)
class Variant:
    """A distinct effective scenario of a study: where it first occurs, and its identity.

    ``key`` is the SHA-256 of scenario, rows, model source, data, schema of what is kept and, where
    something kept exists only against the baseline, the baseline; with a seed it is a run.
    """

    key: str
    arm: str
    point: int

    def run(self, seed: int) -> str:
        """Identity of the run of this variant with a seed."""
        return digest([self.key, seed])[:IDENTITY]


@dataclass(frozen=True)
class Plan:
    """Which runs a study needs.

    Attributes:
        study: the study.
        variants: distinct scenarios in order of their first occurrence.
        places: (arm, point) -> index into ``variants``.
    """

    study: Study
    variants: tuple[Variant, ...]
    places: Mapping[tuple[str, int], int]

    @property
    def runs(self) -> int:
        """Number of runs, exactly."""
        return len(self.variants) * self.study.replicates

    def variant(self, arm: str, point: int) -> Variant:
        """The variant of an arm at a point."""
        return self.variants[self.places[arm, point]]

    def csv(self) -> str:
        """The plan as CSV: arm, point, variant."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["arm", "point", "variant"])
        for (arm, point), index in self.places.items():
            writer.writerow([arm, point, self.variants[index].key])
        return text.getvalue()

    @classmethod
    def read(cls, study: Study, text: str) -> Plan:
        """The plan that :meth:`csv` wrote, whatever model made its runs.

        Raises:
            StudyError: it is not a plan of the study.
        """
        variants: dict[str, Variant] = {}
        order: dict[str, int] = {}
        places: dict[tuple[str, int], int] = {}
        try:
            for row in csv.DictReader(io.StringIO(text)):
                arm, point, key = row["arm"], int(row["point"]), row["variant"]
                order.setdefault(key, len(variants))
                variants.setdefault(key, Variant(key, arm, point))
                places[arm, point] = order[key]
        except (KeyError, TypeError, ValueError):
            places = {}
        if set(places) != set(itertools.product(study.arms, range(len(study.points)))):
            raise StudyError("the plan is not that of the study")
        return cls(study, tuple(variants.values()), places)


def plan(study: Study, schema: int) -> Plan:
    """Find the distinct runs of a study; every scenario of every point is built and checked.

    Args:
        study: the study.
        schema: version of the store's records, part of a run's identity.

    Raises:
        StudyError: a point is not a valid scenario; the message says which.
    """
    fixed = {
        "rows": study.rows,
        "model": digest(model_source()),
        "data": data.digest(),
        "schema": [schema, [k.key for k in study.kept]],
    }
    needs_baseline = any(k.paired for k in study.kept)
    variants: dict[str, Variant] = {}
    order: dict[str, int] = {}
    places: dict[tuple[str, int], int] = {}
    for point in study.points:
        against = ""
        for arm in study.arms:
            try:
                effective = study.at(arm, point).hash()
            except (policy.PolicyError, registry.ParameterError) as error:
                shown = {**point.parameters, **point.levers}
                raise StudyError(
                    f"{study.path}: arm '{arm}' at point {point.number} {shown}: {error}"
                ) from None
            if needs_baseline and arm == study.baseline:
                against = effective
            key = digest({**fixed, "scenario": effective, "against": against})[:IDENTITY]
            if key not in variants:
                order[key] = len(variants)
                variants[key] = Variant(key, arm, point.number)
            places[arm, point.number] = order[key]
    return Plan(study, tuple(variants.values()), places)


# --- reading files ---------------------------------------------------------------------------


def folder() -> Path:
    """The folder of shipped studies."""
    return scenarios.folder() / "studies"


def shipped() -> list[str]:
    """Names of the shipped studies, sorted."""
    return sorted(p.stem for p in folder().glob("*.yaml"))


def load(name: str | Path) -> Study:
    """Load a study by shipped name or by path of a YAML file.

    Raises:
        ScenarioError: with file, line, what is wrong, and the nearest valid name.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise StudyError(f"no study file '{name}'")
    else:
        path = folder() / f"{name}.yaml"
        if str(name) not in shipped():
            raise StudyError(f"no study '{name}'{registry.nearest(str(name), shipped())}")
    document = scenarios.read(path)
    return _build(document, path.stem, path.parent, path.read_text(encoding="utf-8"))


def loads(
    text: str, name: str = "study", beside: Path | None = None, points: str | None = None
) -> Study:
    """Load a study from YAML text, exactly as from a file of that name in a folder.

    Args:
        text: the file.
        name: file name without ending.
        beside: folder in which files named in it are looked for.
        points: a design matrix written by :meth:`Study.points_csv`, used instead of sampling.

    Raises:
        StudyError: as :func:`load`.
    """
    if len(text.encode("utf-8", "surrogatepass")) > scenarios.MAXIMUM_BYTES:
        raise StudyError(f"{name}.yaml:1: larger than {scenarios.MAXIMUM_BYTES:,} bytes")
    return _build(Document(f"{name}.yaml", text), name, beside, text, points)


def schema() -> dict[str, Any]:
    """JSON Schema of study files, for editors."""
    result = StudyFile.model_json_schema()
    definitions = result.setdefault("$defs", {})

    def body(model: type[Strict]) -> dict[str, Any]:
        made = model.model_json_schema(by_alias=True)
        definitions.update(made.pop("$defs", {}))
        return made

    properties = result["properties"]
    designs = {"anyOf": [body(model) for model in DESIGNS.values()]}
    properties["uncertainties"] = {"type": "array", "items": designs}
    properties["levers"] = {"type": "array", "items": body(LeverFile)}
    properties["outcomes"] = {"type": "array", "minItems": 1, "items": body(OutcomeFile)}
    properties["run"] = body(Run)
    properties["executor"] = body(ExecutorFile)
    properties["analysis"] = body(AnalysisFile)
    result["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    result["title"] = "econsim study"
    return result


def is_study(name: str | Path) -> bool:
    """Whether a name is a shipped study's, or a file has the keys of one."""
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        return str(name) in shipped() and str(name) not in scenarios.shipped()
    if not path.is_file():
        return False
    value = scenarios.read(path).value
    return isinstance(value, dict) and "arms" in value


def _build(
    document: Document, name: str, beside: Path | None, text: str, matrix: str | None = None
) -> Study:
    if not isinstance(document.value, dict):
        raise _error(document, (), "a study file holds keys and values")
    try:
        top = scenarios.validate(StudyFile, document.value, document, ())
        run = scenarios.validate(Run, top.run, document, ("run",))
        executor = scenarios.validate(ExecutorFile, top.executor, document, ("executor",))
    except ScenarioError as error:
        raise StudyError(str(error)) from None
    arms = _arms(document, top, run, beside)
    kept = tuple(_kept(document, top, arms))
    designs, uncertain = _uncertainties(document, top, arms, beside, matrix is None)
    levers = _levers(document, top, arms)
    strengths = [
        dict(zip((x.name for x in levers), chosen, strict=True))
        for chosen in itertools.product(*(x.values for x in levers))
    ]
    if len(uncertain) * len(strengths) > MAXIMUM_POINTS:
        raise _error(
            document, (), f"{len(uncertain) * len(strengths):,} points are more than "
            f"{MAXIMUM_POINTS:,}",
        )  # fmt: skip
    points = tuple(
        Point(number, values, strength)
        for number, (values, strength) in enumerate(itertools.product(uncertain, strengths))
    )
    if matrix is not None:
        points = _points(matrix, [x.name for x in levers])
    study = Study(
        name, top.title, top.question, arms, run.firms, run.replicates, run.seed, designs, levers,
        points, kept, executor, top.stop_after_failures, None, text, document.path,
        None if beside is None else beside.resolve(),
    )  # fmt: skip
    return replace(study, analysis=_analysis(document, top, study))


def _points(matrix: str, levers: Sequence[str]) -> tuple[Point, ...]:
    """The points of a design matrix that was written down."""
    try:
        reader = csv.DictReader(io.StringIO(matrix))
        names = [n for n in reader.fieldnames or () if n != "point"]
        columns = {n: f"lever {n}" for n in levers}
        uncertain = [n for n in names if n not in columns.values()]
        return tuple(
            Point(
                number,
                {n: float(row[n]) for n in uncertain},
                {n: float(row[column]) for n, column in columns.items()},
            )
            for number, row in enumerate(reader)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StudyError(f"the design matrix is damaged: {error}") from None


def _error(document: Document, place: tuple[Any, ...], message: str) -> StudyError:
    return StudyError(str(document.error(place, message)))


def _arms(document: Document, top: StudyFile, run: Run, beside: Path | None) -> dict[str, Scenario]:
    arms: dict[str, Scenario] = {}
    for name, given in top.arms.items():
        place = ("arms", name)
        try:
            file = Path(given)
            if beside is not None and file.suffix in (".yaml", ".yml") and not file.is_absolute():
                file = beside / file
            arms[name] = scenarios.load(file).with_changes(run=run)
        except (ScenarioError, policy.PolicyError, registry.ParameterError) as error:
            raise _error(document, place, f"arm '{name}': {error}") from None
        first = next(iter(arms.values()))
        if arms[name].region != first.region:
            raise _error(
                document, place, f"arm '{name}' is in {arms[name].region}, the first in "
                f"{first.region}: arms of one study share a region",
            )  # fmt: skip
    return arms


def _kept(document: Document, top: StudyFile, arms: Mapping[str, Scenario]) -> Iterator[Kept]:
    first = next(iter(arms.values()))
    seen: set[str] = set()
    for number, raw in enumerate(top.outcomes):
        place = ("outcomes", number)
        try:
            entry = scenarios.validate(OutcomeFile, raw, document, place)
            found = results.outcome(entry.outcome)
        except ScenarioError as error:
            raise StudyError(str(error)) from None
        except results.ResultsError as error:
            raise _error(document, (*place, "outcome"), str(error)) from None
        _check_groups(document, place, entry, found.numerator, first)
        for group, year in itertools.product(entry.groups, entry.years):
            if not 2021 <= year <= 2020 + first.run.months // 12:
                raise _error(
                    document, (*place, "years"), f"{year} is not a whole year of the horizon "
                    f"{first.run.horizon[0]} to {first.run.horizon[1]}",
                )  # fmt: skip
            kept = Kept(entry.outcome, entry.by, group, year)
            if kept.paired and len(arms) < 2:
                raise _error(
                    document, place, f"'{entry.outcome}' is counted against a baseline: it needs "
                    "two arms",
                )  # fmt: skip
            if kept.key in seen:
                raise _error(document, place, f"'{kept.key}' is kept twice")
            seen.add(kept.key)
            yield kept


def _check_groups(
    document: Document, place: tuple[Any, ...], entry: OutcomeFile, recorded: str, first: Scenario
) -> None:
    """Refuse a dimension that is not recorded and labels that do not exist."""
    if entry.by is None:
        if entry.groups != ("all",):
            raise _error(document, (*place, "groups"), "'groups' needs 'by'")
        return
    paired = recorded in engine.AGAINST_BASELINE
    have = ("size_class",) if paired else engine.RECORDED.get(recorded, ())
    if entry.by not in have:
        raise _error(
            document, (*place, "by"), f"'{entry.outcome}' is not recorded by {entry.by} "
            f"(recorded by: {', '.join(have) or 'nothing'})",
        )  # fmt: skip
    for group in entry.groups:
        if entry.by == "option":
            problem_found = group not in first.options
            hint = registry.nearest(group, first.options)
        elif entry.by == "size_class" and group in results.SIZE_GROUPS:
            continue
        else:
            try:
                policy.Where.model_validate({entry.by: (group,)})
                problem_found, hint = False, ""
            except ValidationError as error:
                problem_found = True
                hint = f": {error.errors()[0]['msg'].removeprefix('Value error, ')}"
        if problem_found:
            raise _error(document, (*place, "groups"), f"no {entry.by} '{group}'{hint}")


def _uncertainties(
    document: Document,
    top: StudyFile,
    arms: Mapping[str, Scenario],
    beside: Path | None,
    sampled: bool,
) -> tuple[tuple[Strict, ...], list[dict[str, float]]]:
    """The designs and, when sampled, the cross product of their points."""
    designs: list[Strict] = []
    crossed: list[dict[str, float]] = [{}]
    owner: dict[str, int] = {}
    for number, raw in enumerate(top.uncertainties):
        place: tuple[Any, ...] = ("uncertainties", number)
        kind = raw.get("design")
        if kind not in DESIGNS:
            hint = registry.nearest(str(kind), DESIGNS)
            known = ", ".join(DESIGNS)
            raise _error(document, (*place, "design"), f"unknown design '{kind}'{hint} ({known})")
        try:
            design = scenarios.validate(DESIGNS[kind], raw, document, place)
        except ScenarioError as error:
            raise StudyError(str(error)) from None
        if kind in STRUCTURED and len(top.uncertainties) > 1:
            raise _error(
                document, place, f"a {kind} design cannot be crossed with another: its points "
                "belong together",
            )  # fmt: skip
        _check_names(document, place, design, arms, owner, number)
        designs.append(design)
        if not sampled:
            continue
        try:
            mine = sample(design, beside, next(iter(arms.values())).region)
        except StudyError as error:
            raise _error(document, (*place, "file"), str(error)) from None
        if isinstance(design, Ensemble):
            for name in mine[0]:
                _check_name(document, place, name, arms, owner, number)
        for values in mine:
            for name, value in values.items():
                if name == DUMMY:
                    continue
                if name in ATTRIBUTES and not 0.0 <= value <= 1.0:
                    raise _error(document, place, f"{name}: {value!r} is outside 0 to 1")
                try:
                    if name not in ATTRIBUTES:
                        registry.get(name).check(value)
                except registry.ParameterError as error:
                    raise _error(document, place, str(error)) from None
        if len(crossed) * len(mine) > MAXIMUM_POINTS:
            raise _error(document, place, f"more than {MAXIMUM_POINTS:,} points")
        crossed = [{**a, **b} for a in crossed for b in mine]
    return tuple(designs), crossed


def _check_names(
    document: Document,
    place: tuple[Any, ...],
    design: Strict,
    arms: Mapping[str, Scenario],
    owner: dict[str, int],
    number: int,
) -> None:
    if isinstance(design, Ensemble):
        return
    if isinstance(design, Listed):
        names = list(design.points[0])
        if any(set(p) != set(names) for p in design.points):
            raise _error(document, (*place, "points"), "points do not all give the same parameters")
        inner: tuple[Any, ...] = (*place, "points", 0)
    elif isinstance(design, Grid):
        names, inner = list(design.values), (*place, "values")
        for name, values in design.values.items():
            if not values or len(set(values)) < len(values):
                raise _error(document, (*inner, name), f"{name}: values must be given once each")
    else:
        ranges: Ranges = design.ranges  # type: ignore[attr-defined]
        names, inner = list(ranges), (*place, "ranges")
        for name, (low, high) in ranges.items():
            if not low < high:
                raise _error(document, (*inner, name), f"{name}: a range is [low, high], low first")
    for name in names:
        _check_name(document, (*inner, name), name, arms, owner, number)


def _check_name(
    document: Document,
    place: tuple[Any, ...],
    name: str,
    arms: Mapping[str, Scenario],
    owner: dict[str, int],
    number: int,
) -> None:
    """An uncertainty varies in one design only, is no lever, and is alike in all arms."""
    if name in ATTRIBUTES:
        _claim(document, place, name, owner, number)
        return
    try:
        parameter = registry.get(name)
    except registry.ParameterError as error:
        scope = name.partition(".")[0]
        options = next(iter(arms.values())).options
        if scope in registry.OPTION_GROUPS or scope in options:
            raise _error(
                document, place, f"'{name}' is a lever: vary it under 'levers', not under "
                "'uncertainties'",
            ) from None  # fmt: skip
        raise _error(document, place, str(error)) from None
    if parameter.kind == "lever":
        raise _error(
            document, place, f"'{name}' is a lever: vary it under 'levers', not under "
            "'uncertainties'",
        )  # fmt: skip
    _claim(document, place, name, owner, number)
    values = {arm: s.values[name] for arm, s in arms.items()}
    if len(set(values.values())) > 1:
        shown = ", ".join(f"{arm} {value:g}" for arm, value in values.items())
        raise _error(
            document, place, f"'{name}' differs between arms ({shown}): a design would overwrite "
            "what tells them apart",
        )  # fmt: skip


def _claim(
    document: Document, place: tuple[Any, ...], name: str, owner: dict[str, int], number: int
) -> None:
    if name in owner:
        raise _error(
            document, place, f"designs overlap: '{name}' is varied by design {owner[name] + 1} and "
            f"by design {number + 1}",
        )  # fmt: skip
    owner[name] = number


def _levers(document: Document, top: StudyFile, arms: Mapping[str, Scenario]) -> tuple[Lever, ...]:
    levers: list[Lever] = []
    for number, raw in enumerate(top.levers):
        place: tuple[Any, ...] = ("levers", number)
        try:
            entry = scenarios.validate(LeverFile, raw, document, place)
        except ScenarioError as error:
            raise StudyError(str(error)) from None
        chosen = entry.arms or tuple(arms)
        unknown = [a for a in chosen if a not in arms]
        if unknown:
            hint = registry.nearest(unknown[0], arms)
            raise _error(document, (*place, "arms"), f"no arm '{unknown[0]}'{hint}")
        for other in levers:
            if other.name == entry.term and set(other.arms) & set(chosen):
                raise _error(
                    document, place, f"designs overlap: two levers vary '{entry.term}' on the "
                    "same arm",
                )  # fmt: skip
        try:
            registry.lever(entry.term, next(iter(arms.values())).options)
        except registry.ParameterError as error:
            raise _error(document, (*place, "term"), str(error)) from None
        operation, values = entry.operation()
        if len(set(values)) < len(values):
            raise _error(document, (*place, operation), "values must be given once each")
        body = {k: v for k, v in raw.items() if k not in ("arms", "set", "scale", "add")}
        made = []
        for value in values:
            try:
                item = scenarios.validate(
                    policy.Adjustment, {**body, operation: value}, document, place
                )
                made.append((f"lever {entry.term}", item))
                for arm in chosen:
                    arms[arm].with_changes(instruments=(*arms[arm].instruments, made[-1]))
            except ScenarioError as error:
                raise StudyError(str(error)) from None
            except (policy.PolicyError, registry.ParameterError) as error:
                raise _error(document, place, str(error)) from None
        levers.append(Lever(entry.term, values, chosen, tuple(made)))
    return tuple(levers)


def _analysis(document: Document, top: StudyFile, study: Study) -> AnalysisFile | None:
    if top.analysis is None:
        return None
    try:
        entry = scenarios.validate(AnalysisFile, top.analysis, document, ("analysis",))
    except ScenarioError as error:
        raise StudyError(str(error)) from None
    try:
        study.keep(entry.outcome)
    except StudyError as error:
        raise _error(document, ("analysis", "outcome"), str(error)) from None
    for name in (*([entry.arm] if entry.arm else ()), *entry.against, *entry.against.values()):
        if name not in study.arms:
            hint = registry.nearest(name, study.arms)
            raise _error(document, ("analysis",), f"no arm '{name}'{hint}")
    return entry
