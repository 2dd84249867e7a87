"""A run described: strict YAML, ``extends``, canonical form, hash, JSON Schema.

Loading executes nothing: files are parsed as YAML 1.2 nodes, anchors, aliases, tags and duplicate
keys are refused, and files over one megabyte are not read.  Every error names file, line, what is
wrong and the nearest valid name.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from econsim import parameters as registry
from econsim import policy
from econsim.arithmetic import exp
from econsim.policy import Month, month_index

MAXIMUM_BYTES = 1_000_000
MAXIMUM_DEPTH = 20
CURRENCY = {"EU27": "EUR", "US": "USD"}
#: Month to which prices and costs of options refer (middle of 2024).
PRICE_MONTH = 41.5
#: Rows, replicates and seed when neither the file nor the user says otherwise.
DEFAULT_ROWS = 20_000
DEFAULT_REPLICATES = 10

Model = TypeVar("Model", bound=BaseModel)

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")


class ScenarioError(ValueError):
    """A scenario that cannot be run as written; the message names file and line."""


class Strict(BaseModel):
    """Refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Option(Strict):
    """An AI option: route x base x deployment, with capability, price and supplier.

    Costs are in EUR at prices of 2024 and converted into the region's currency.
    """

    label: str = Field(min_length=1, max_length=60)
    route: Literal["ready_made", "provider", "adapted", "self_hosted"]
    deployment: Literal["embedded", "provider_cloud", "third_party_host", "private_hardware"]
    open_weights: bool
    arrival: Month
    target_share: float = Field(gt=0.0, le=1.0, description="share within its family, 2024 users")
    price: float = Field(ge=0.0, le=20000.0, description="EUR per seat and year, 2024")
    model_cost_share: float = Field(
        default=0.5, ge=0.0, le=1.0, description="share of the price that is the model"
    )
    price_decline: float = Field(default=0.0, ge=-0.5, le=2.0, description="log decline a year")
    set_up_hours: float = Field(ge=0.0, le=20000.0, description="hours, firm of 10 persons")
    hosting_cost: float = Field(default=0.0, ge=0.0, le=1e6, description="EUR a year")
    hardware_cost: float = Field(default=0.0, ge=0.0, le=1e6, description="EUR")
    capability_lag: float = Field(default=0.0, ge=-24.0, le=120.0, description="months")
    perceived_risk: float = Field(default=0.0, ge=-2.0, le=5.0, description="log points")
    confidentiality_exposure: float = Field(default=1.0, ge=0.0, le=1.0)
    dependence_exposure: float = Field(default=1.0, ge=0.0, le=1.0)
    fit: float = Field(default=1.0, ge=0.0, le=3.0)
    foreign_share: float = Field(default=0.85, ge=0.0, le=1.0, description="of payments")
    licence_openness: float = Field(default=0.0, ge=0.0, le=1.0)
    data_openness: float = Field(default=0.0, ge=0.0, le=1.0)
    code_openness: float = Field(default=0.0, ge=0.0, le=1.0)
    energy: float = Field(default=1.0, ge=0.0, le=1e5, description="kWh per seat and year")
    source: str = Field(min_length=1)


class Run(Strict):
    """How a scenario is run unless the user says otherwise."""

    horizon: tuple[Month, Month] = ("2021-01", "2035-12")
    firms: int | Literal["full"] = DEFAULT_ROWS
    replicates: int = Field(default=DEFAULT_REPLICATES, ge=1, le=100_000)
    seed: int = Field(default=1, ge=0, le=2**63 - 1)

    @model_validator(mode="after")
    def _order(self) -> Run:
        first, last = (month_index(m) for m in self.horizon)
        if first != 0:
            raise ValueError("the horizon must begin in 2021-01 (calibrated start)")
        if not 12 <= last - first + 1 <= 600:
            raise ValueError("the horizon must hold 12 to 600 months")
        if isinstance(self.firms, int) and self.firms < 1000:
            raise ValueError(f"{self.firms} firms are too few: at least 1000 rows are needed")
        return self

    @property
    def months(self) -> int:
        """Number of months."""
        return month_index(self.horizon[1]) - month_index(self.horizon[0]) + 1


class ScenarioFile(Strict):
    """The top level of a scenario file."""

    title: str = Field(min_length=1, max_length=200)
    claim: str = Field(default="", max_length=2000)
    extends: str | None = None
    region: Literal["EU27", "US"] | None = None
    parameters: dict[str, float] = {}
    options: dict[str, dict[str, Any]] = {}
    instruments: tuple[dict[str, Any], ...] = ()
    run: dict[str, Any] = {}


@dataclass(frozen=True)
class Scenario:
    """A scenario ready to run: everything resolved, nothing left to look up.

    Attributes:
        name: file name without ending.
        title, claim: what it is and which claim it stands for.
        region: ``EU27`` or ``US``.
        values: uncertainties and constants, resolved.
        overrides: those that differ from the defaults because a file says so.
        options: the AI options in order of their names.
        instruments: (label, instrument) in order.
        package: the instruments as elementary edits.
        run: horizon, rows, replicates, seed.
        path: the file, if any.
    """

    name: str
    title: str
    claim: str
    region: str
    values: dict[str, float]
    overrides: dict[str, float]
    options: dict[str, Option]
    instruments: tuple[tuple[str, policy.Dated], ...]
    package: policy.Package
    run: Run
    path: str = ""

    @property
    def currency(self) -> str:
        """Currency of all money: EUR or USD, prices of 2024."""
        return CURRENCY[self.region]

    def kinds(self) -> list[policy.OptionKind]:
        """The options as the policy layer sees them."""
        return _kinds(self.options)

    def canonical(self) -> dict[str, Any]:
        """The effective scenario: all that decides the numbers, and nothing else."""
        return {
            "region": self.region,
            "values": dict(sorted(self.values.items())),
            "options": {
                name: {k: v for k, v in o.model_dump().items() if k not in ("label", "source")}
                for name, o in sorted(self.options.items())
            },
            "instruments": [
                {"kind": type(i).__name__, **i.model_dump(mode="json", exclude_defaults=False)}
                for _, i in self.instruments
            ],
            "horizon": list(self.run.horizon),
        }

    def base_terms(self, month: int) -> dict[str, np.ndarray]:
        """Base values of the option levers in a month, ``ndarray[options]``, region's currency."""
        return base_terms(self.options, self.values, month)

    def hash(self) -> str:
        """SHA-256 of the canonical form, hexadecimal."""
        text = json.dumps(self.canonical(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def with_changes(
        self,
        *,
        parameters: Mapping[str, float] | None = None,
        instruments: Sequence[tuple[str, policy.Dated]] | None = None,
        run: Run | None = None,
        name: str | None = None,
        title: str | None = None,
    ) -> Scenario:
        """A copy with other parameters, instruments or run settings, validated anew."""
        overrides = {**self.overrides, **(parameters or {})}
        return _assemble(
            name=name or self.name,
            title=title or self.title,
            claim=self.claim,
            region=self.region,
            overrides=overrides,
            options=self.options,
            instruments=self.instruments if instruments is None else tuple(instruments),
            run=run or self.run,
            path=self.path,
        )


def _kinds(options: Mapping[str, Option]) -> list[policy.OptionKind]:
    return [policy.OptionKind(n, o.open_weights, o.deployment) for n, o in options.items()]


def base_terms(
    options: Mapping[str, Option], values: Mapping[str, float], month: int
) -> dict[str, np.ndarray]:
    """Base values of the option levers: the options' own, prices on their paths.

    Args:
        options: by name, in order.
        values: uncertainties and constants (the currency's conversion).
        month: months after January 2021; an option is unavailable before it arrives.

    Returns:
        lever -> ``ndarray[options]``; levers that no option sets are zero.
    """
    money = values["economy.currency_per_eur"]
    chosen = list(options.values())
    years = (month - PRICE_MONTH) / 12.0
    own = {
        name.removeprefix(registry.OPTION_PREFIX)
        for name in registry.LEVERS
        if name.startswith(registry.OPTION_PREFIX)
    }
    result = {}
    for attribute in sorted(own & set(Option.model_fields)):
        scale = money if attribute in ("price", "hosting_cost", "hardware_cost") else 1.0
        column = np.array([scale * float(getattr(o, attribute)) for o in chosen])
        result[registry.OPTION_PREFIX + attribute] = column
    for attribute in own - set(Option.model_fields):
        result[registry.OPTION_PREFIX + attribute] = np.zeros(len(chosen))
    decline = np.array([o.price_decline for o in chosen])
    result["option.price"] = result["option.price"] * exp(-decline * years)
    arrival = np.array([month_index(o.arrival) for o in chosen])
    result["option.available"] = (arrival <= month).astype(np.float64)
    return result


def _check_bounds(
    package: policy.Package, options: Mapping[str, Option], values: Mapping[str, float], months: int
) -> None:
    """Refuse, before anything runs, a package that drives a term out of its bounds.

    Terms change only where instruments begin, end or reach full strength, and prices drift
    slowly between: those months are tried, for every combination of the targets' labels.
    """
    targets = list({e.where for e in package.entries})
    labels = [
        [*sorted({label for w in targets for label in w.mapping()[key]}), ""]
        for key in ("country", "sector", "size_class")
    ]
    combinations = list(itertools.product(*labels))
    masks = {
        where: np.array(
            [
                all(
                    not wanted or label in wanted
                    for label, wanted in zip(combination, where.mapping().values(), strict=True)
                )
                for combination in combinations
            ]
        )
        for where in targets
    }
    tried = {m for change in package.changes() for m in (change - 1, change)} | {months - 1}
    for month in sorted(m for m in tried if 0 <= m < months):
        policy.terms(
            month, base_terms(options, values, month), package, masks, tuple(options),
            len(combinations),
        )  # fmt: skip


def _assemble(
    *,
    name: str,
    title: str,
    claim: str,
    region: str,
    overrides: Mapping[str, float],
    options: Mapping[str, Option],
    instruments: tuple[tuple[str, policy.Dated], ...],
    run: Run,
    path: str,
) -> Scenario:
    values = registry.resolve(overrides)
    package = policy.expand(instruments, _kinds(options), values, CURRENCY[region])
    last = run.months
    for label, item in instruments:
        start, stop = item.span()
        if start >= last or start < 0:
            raise policy.PolicyError(
                f"{label}: 'from' {item.start} is outside the horizon {run.horizon[0]} to "
                f"{run.horizon[1]}"
            )
        if item.until is not None and stop > last:
            raise policy.PolicyError(
                f"{label}: 'until' {item.until} is outside the horizon {run.horizon[0]} to "
                f"{run.horizon[1]}"
            )
    ordered = dict(sorted(options.items()))
    _check_bounds(package, ordered, values, last)
    return Scenario(
        name, title, claim, region, values, dict(overrides), ordered,
        tuple(instruments), package, run, path,
    )  # fmt: skip


# --- reading files ---------------------------------------------------------------------------


class Document:
    """A parsed file: plain values, and the line each path of keys stands on.

    Scenario files and study files are read through this one door.
    """

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.lines: dict[tuple[Any, ...], int] = {(): 1}
        self.value = self._parse(text)

    def error(self, where: tuple[Any, ...], message: str) -> ScenarioError:
        """An error at a path of keys, or at its nearest known parent."""
        place = where
        while place not in self.lines:
            place = place[:-1]
        return ScenarioError(f"{self.path}:{self.lines[place]}: {message}")

    def _parse(self, text: str) -> Any:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError, YAMLError

        yaml = YAML(typ="safe", pure=True)
        depth = 0
        try:
            for event in yaml.parse(text):
                depth = self._refuse(event, depth)
            node = YAML(typ="safe", pure=True).compose(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            raise ScenarioError(f"{self.path}:{line}: not valid YAML: {error.problem}") from None
        except ScenarioError:
            raise
        except (YAMLError, RecursionError, ValueError) as error:
            message = " ".join(str(error).split())
            raise ScenarioError(f"{self.path}:1: not valid YAML: {message}") from None
        if node is None:
            raise ScenarioError(f"{self.path}:1: the file is empty")
        return self._convert(node, ())

    def _refuse(self, event: Any, depth: int) -> int:
        """Refuse what no scenario needs, before anything is built; return the depth reached."""
        from ruamel.yaml import events

        problem = None
        if isinstance(event, events.CollectionStartEvent):
            depth += 1
            problem = "nested too deeply" if depth > MAXIMUM_DEPTH else None
        elif isinstance(event, events.CollectionEndEvent):
            depth -= 1
        if isinstance(event, events.AliasEvent) or getattr(event, "anchor", None):
            problem = "anchors and aliases are not accepted"
        elif getattr(event, "tag", None) is not None:
            problem = f"tag '{event.tag}' is not accepted"
        elif getattr(event, "version", None) not in (None, (1, 2)):
            problem = "only YAML 1.2 is accepted"
        if problem:
            raise ScenarioError(f"{self.path}:{event.start_mark.line + 1}: {problem}")
        return depth

    def _convert(self, node: Any, place: tuple[Any, ...]) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(place, line)
        kind = str(node.tag).removeprefix("tag:yaml.org,2002:")
        if kind == "map":
            result: dict[str, Any] = {}
            for key_node, value_node in node.value:
                key_line = key_node.start_mark.line + 1
                key = key_node.value
                if not isinstance(key, str):
                    raise ScenarioError(f"{self.path}:{key_line}: keys must be plain text")
                if key in result:
                    raise ScenarioError(f"{self.path}:{key_line}: '{key}' is given twice")
                self.lines[(*place, key)] = key_line
                result[key] = self._convert(value_node, (*place, key))
            return result
        if kind == "seq":
            return [self._convert(n, (*place, i)) for i, n in enumerate(node.value)]
        return self._scalar(kind, node.value, line)

    def _scalar(self, kind: str, text: str, line: int) -> Any:
        try:
            if kind == "int":
                return int(text.replace("_", ""), 0 if text.startswith("0x") else 10)
            if kind == "float":
                number = float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
                if not math.isfinite(number):
                    raise ValueError
                return number
        except ValueError:
            raise ScenarioError(f"{self.path}:{line}: '{text}' is not a finite number") from None
        if kind == "bool":
            return text.lower() == "true"
        if kind == "null":
            return None
        if kind in ("str", "timestamp"):
            return text
        raise ScenarioError(f"{self.path}:{line}: values of type '{kind}' are not accepted")


def folder() -> Path:
    """The folder of shipped scenarios: the checkout's, else the installed copy."""
    package = Path(__file__).resolve().parent
    checkout = package.parent / "scenarios"
    if (package.parent / "pyproject.toml").exists() and checkout.is_dir():
        return checkout
    return package / "_bundled" / "scenarios"


def shipped() -> list[str]:
    """Names of all shipped scenarios, sorted."""
    return sorted(p.stem for p in folder().glob("*.yaml"))


def locate(name: str, beside: Path | None = None) -> Path:
    """The file of a scenario given by name or path.

    Raises:
        ScenarioError: no such scenario; the nearest shipped name is offered.
    """
    candidate = Path(name)
    if candidate.suffix in (".yaml", ".yml"):
        if candidate.is_file():
            return candidate
        raise ScenarioError(f"no scenario file '{name}'")
    if _NAME.fullmatch(name):
        for place in (beside, folder()):
            if place is not None and (place / f"{name}.yaml").is_file():
                return place / f"{name}.yaml"
    raise ScenarioError(f"no scenario '{name}'{registry.nearest(name, shipped())}")


def read(path: Path) -> Document:
    """Read and parse a YAML file; :class:`ScenarioError` names file, line and what is wrong."""
    try:
        if path.stat().st_size > MAXIMUM_BYTES:
            raise ScenarioError(f"{path}:1: larger than {MAXIMUM_BYTES:,} bytes")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ScenarioError(f"{path}:1: not UTF-8 text") from None
    return Document(str(path), text)


def load(name: str | Path) -> Scenario:
    """Load a scenario by shipped name or by path of a YAML file.

    Raises:
        ScenarioError: with file, line, what is wrong, and the nearest valid name.
    """
    path = locate(str(name))
    return _load_document(read(path), path.stem, path.parent)


def loads(text: str, name: str = "scenario") -> Scenario:
    """Load a scenario from YAML text, exactly as from a file of that name.

    Raises:
        ScenarioError: as :func:`load`.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAXIMUM_BYTES:
        raise ScenarioError(f"{name}.yaml:1: larger than {MAXIMUM_BYTES:,} bytes")
    return _load_document(Document(f"{name}.yaml", text), name, None)


def _load_document(document: Document, name: str, beside: Path | None) -> Scenario:
    chain = [(document, _top_level(document))]
    seen = [name]
    while chain[-1][1].extends is not None:
        current, top = chain[-1]
        parent_name = top.extends
        assert parent_name is not None
        try:
            if not _NAME.fullmatch(parent_name):
                raise ScenarioError(f"'{parent_name}' is not a scenario name")
            parent_path = locate(parent_name, beside)
        except ScenarioError as error:
            raise current.error(("extends",), str(error)) from None
        if parent_name in seen:
            circle = " -> ".join([*seen[seen.index(parent_name) :], parent_name])
            raise current.error(("extends",), f"'extends' goes in a circle: {circle}")
        seen.append(parent_name)
        parent = read(parent_path)
        chain.append((parent, _top_level(parent)))
    return _merge(name, chain)


def _top_level(document: Document) -> ScenarioFile:
    if not isinstance(document.value, dict):
        raise document.error((), "a scenario file holds keys and values")
    return validate(ScenarioFile, document.value, document, ())


def validate(model: type[Model], value: Any, document: Document, place: tuple[Any, ...]) -> Model:
    """Validate with pydantic, turning its first error into one line with the file's line."""
    try:
        # Strict, as JSON: a list may be a tuple, but neither 'true' nor '"5"' is a number.
        return model.model_validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        # A mistyped key explains a missing one, so it comes first.
        found = error.errors()
        first = next((e for e in found if e["type"] == "extra_forbidden"), found[0])
        where = (*place, *first["loc"])
        if first["type"] == "extra_forbidden":
            names = [f.alias or n for n, f in model.model_fields.items()]
            if len(first["loc"]) > 1:
                names = list(policy.Where.model_fields)
            key = first["loc"][-1]
            message = f"unknown key '{key}'{registry.nearest(str(key), names)}"
        elif first["type"] == "missing":
            message = f"'{first['loc'][-1]}' is missing"
        else:
            shown = ".".join(str(p) for p in first["loc"])
            text = first["msg"].removeprefix("Value error, ")
            given = first.get("input")
            tail = f", got {given!r}" if isinstance(given, str | int | float | bool) else ""
            message = f"{shown}: {text}{tail}" if shown else text
        raise document.error(where, message) from None


def _merge(name: str, chain: list[tuple[Document, ScenarioFile]]) -> Scenario:
    """Join a file with those it extends, the most basic first."""
    document, top = chain[0]
    region = next((t.region for _, t in chain if t.region), None)
    if region is None:
        raise document.error((), "'region' is missing (EU27 or US)")
    overrides: dict[str, float] = {}
    options: dict[str, dict[str, Any]] = {}
    instruments: list[tuple[str, policy.Dated]] = []
    run: dict[str, Any] = {}
    origin: dict[str, Document] = {}
    for source, part in reversed(chain):
        for key, value in part.parameters.items():
            try:
                overrides.update({key: registry.resolve({key: value})[key]})
            except registry.ParameterError as error:
                raise source.error(("parameters", key), str(error)) from None
        for key, change in part.options.items():
            if not _NAME.fullmatch(key) or key in registry.OPTION_GROUPS:
                raise source.error(("options", key), f"'{key}' cannot be the name of an option")
            options[key] = {**options.get(key, {}), **change}
            origin[key] = source
        for number, raw in enumerate(part.instruments):
            instruments.append(_instrument(source, number, raw))
        run.update(part.run)
    checked = {
        key: validate(Option, value, origin[key], ("options", key))
        for key, value in options.items()
    }
    if not checked:
        raise document.error(("options",), "a scenario needs at least one AI option")
    settings = validate(Run, run, document, ("run",))
    try:
        return _assemble(
            name=name, title=top.title, claim=top.claim, region=region, overrides=overrides,
            options=checked, instruments=tuple(instruments), run=settings, path=document.path,
        )  # fmt: skip
    except (policy.PolicyError, registry.ParameterError) as error:
        message = str(error)
        for source, part in chain:
            for number in range(len(part.instruments)):
                # The line says which instrument; two that contradict one another keep their names.
                if message.startswith(_label(source, number)):
                    raise source.error(
                        ("instruments", number), message.partition(": ")[2]
                    ) from None
                if message.startswith("'" + _label(source, number)):
                    raise source.error(("instruments", number), message) from None
        raise document.error(("instruments",), message) from None


def _label(document: Document, number: int) -> str:
    return f"{Path(document.path).stem}[{number + 1}]"


def _instrument(document: Document, number: int, raw: dict[str, Any]) -> tuple[str, policy.Dated]:
    """One entry of ``instruments:``: a generic adjustment or a named instrument."""
    place: tuple[Any, ...] = ("instruments", number)
    label = _label(document, number)
    if "term" in raw:
        item: policy.Dated = validate(policy.Adjustment, raw, document, place)
        assert isinstance(item, policy.Adjustment)
        return f"{label} {item.term}", item
    if len(raw) == 1:
        key, body = next(iter(raw.items()))
        if key not in policy.INSTRUMENTS:
            hint = registry.nearest(key, ["term", *policy.INSTRUMENTS])
            raise document.error((*place, key), f"unknown instrument '{key}'{hint}")
        if not isinstance(body, dict):
            raise document.error((*place, key), f"'{key}' needs keys and values")
        return f"{label} {key}", validate(policy.INSTRUMENTS[key], body, document, (*place, key))
    hint = registry.nearest(next(iter(raw), ""), ["term", *policy.INSTRUMENTS])
    raise document.error(place, f"an instrument is a 'term' or one named instrument{hint}")


def differences(x: Any, y: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two canonical forms differ: (key, value in the first, value in the second)."""
    if isinstance(x, dict) and isinstance(y, dict):
        for name in dict.fromkeys((*x, *y)):
            yield from differences(x.get(name), y.get(name), f"{key}.{name}" if key else name)
    elif isinstance(x, list) and isinstance(y, list):
        for number in range(max(len(x), len(y))):
            left = x[number] if number < len(x) else None
            right = y[number] if number < len(y) else None
            yield from differences(left, right, f"{key}[{number + 1}]")
    elif x != y:
        yield key, x, y


def schema() -> dict[str, Any]:
    """JSON Schema of scenario files, for editors."""
    result = ScenarioFile.model_json_schema()
    definitions = result.setdefault("$defs", {})
    levers = [n for n in registry.LEVERS if not n.startswith(registry.OPTION_PREFIX)]
    attributes = "|".join(
        n.removeprefix(registry.OPTION_PREFIX)
        for n in registry.LEVERS
        if n.startswith(registry.OPTION_PREFIX)
    )
    adjustment = policy.Adjustment.model_json_schema(by_alias=True)
    alternatives: list[dict[str, Any]] = []
    kinds: dict[str, type[BaseModel]] = {"": policy.Adjustment, **policy.INSTRUMENTS}
    for key, model in kinds.items():
        body = adjustment if not key else model.model_json_schema(by_alias=True)
        definitions.update(body.pop("$defs", {}))
        if not key:
            body["properties"]["term"] = {
                "anyOf": [
                    {"enum": levers},
                    {"pattern": rf"^[a-z0-9][a-z0-9_-]*\.({attributes})$", "type": "string"},
                ]
            }
            definitions["adjustment"] = body
            alternatives.append({"$ref": "#/$defs/adjustment"})
        else:
            definitions[key] = body
            alternatives.append(
                {
                    "type": "object",
                    "properties": {key: {"$ref": f"#/$defs/{key}"}},
                    "required": [key],
                    "additionalProperties": False,
                }
            )
    properties = result["properties"]
    properties["instruments"] = {"type": "array", "items": {"anyOf": alternatives}}
    option = Option.model_json_schema()
    option.pop("required", None)
    definitions["option"] = option
    properties["options"] = {"type": "object", "additionalProperties": {"$ref": "#/$defs/option"}}
    properties["run"] = {"$ref": "#/$defs/run"}
    definitions["run"] = Run.model_json_schema()
    properties["parameters"] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            p.name: {
                "type": "number",
                "minimum": p.low,
                "maximum": p.high,
                "description": f"{p.definition} [{p.unit}]",
            }
            for p in (*registry.UNCERTAINTIES.values(), *registry.CONSTANTS.values())
        },
    }
    result["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    result["title"] = "econsim scenario"
    return result


__all__ = [
    "CURRENCY",
    "Document",
    "Option",
    "Run",
    "Scenario",
    "ScenarioError",
    "differences",
    "folder",
    "load",
    "loads",
    "locate",
    "read",
    "schema",
    "shipped",
    "validate",
]
