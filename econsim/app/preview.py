"""The instant preview of a policy: an emulator's estimate with its band, before the real run.

What was trained is one instrument at a time, at several strengths and over three assumptions
(:data:`FAMILIES`, :data:`ASSUMPTIONS`), against the region's baseline.  The runs are shipped as a
table; :func:`build` makes it.  A policy outside that space gets no preview and is told why.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

import econsim
from econsim import data, scenario
from econsim.app import wording
from econsim.app.draft import BASELINES, shipped_scenario
from econsim.policy import INSTRUMENTS
from econsim.results import compare, outcome
from econsim.scenario import Scenario

#: Assumptions that the preview follows, and the ranges it was trained on.
ASSUMPTIONS: dict[str, tuple[float, float]] = {
    "choice.lambda": (0.2, 0.8),
    "choice.open_share": (0.05, 0.3),
    "supply.price_response": (0.0, 0.5),
}
#: Points a region, random seeds they are shared out to (so that luck is noise), firms a run.
POINTS, SEEDS, ROWS = 48, 6, 2_000
#: First month of every instrument trained.
START = "2027-01"


@dataclass(frozen=True)
class Target:
    """A number that is previewed: difference to the baseline in the last year."""

    outcome: str
    label: str
    by: str | None = None
    group: str = "all"


TARGETS = (
    Target("use", "AI use of firms with 10–249 persons", "size_class", "10-249"),
    Target("gdp", "GDP"),
    Target("firms_surplus", "Firms' surplus"),
)


@dataclass(frozen=True)
class Family:
    """One instrument as it was trained.

    Attributes:
        strengths: field of the instrument -> range; ``field.N`` is the Nth of a tuple.
        fixed: fields that stood at one value.
    """

    strengths: Mapping[str, tuple[float, float]]
    fixed: Mapping[str, Any] = field(default_factory=dict)


FAMILIES: dict[str, Family] = {
    "open_release_ban": Family(
        {"compliance_share": (0.0, 1.0), "reentry_share": (0.0, 1.0)},
        {
            "object": ("release", "hosting", "use"),
            "jurisdiction": "world",
            "existing_weights": "withdrawn",
        },
    ),
    "licensing": Family(
        {
            "delay_open": (0.0, 24.0),
            "delay_closed": (0.0, 12.0),
            "refusal_share": (0.0, 1.0),
        },
        {"score": 70.0},
    ),
    "obligations": Family({"per_base_model": (0.0, 1.0e6), "per_variant": (0.0, 1.0e4)}),
    "upstream_liability": Family({"per_base_model": (0.0, 1.0e6), "per_variant": (0.0, 1.0e4)}),
    "risk_proportionate_duties": Family(
        {
            "cost_by_tier.0": (0.0, 1_000.0),
            "cost_by_tier.1": (0.0, 2_000.0),
            "cost_by_tier.2": (0.0, 10_000.0),
        },
    ),
    "public_compute": Family(
        {
            "per_year": (1.0e7, 1.0e9),
            "lag_reduction": (0.0, 6.0),
            "hosting_price_cut": (0.0, 1.0),
        },
        {"budget": 1.0e10},
    ),
    "sandbox": Family({"compliance_cut": (0.0, 1.0), "risk_cut": (0.0, 0.5)}),
    "evaluation_standards": Family({"risk_cut": (0.0, 0.5)}),
    "skills_programme": Family(
        {
            "maturity_gain": (0.0, 0.2),
            "considering_pace": (1.0, 2.0),
            "per_year": (0.0, 1.0e9),
        }
    ),
    "data_protection": Family({"exposure_cut": (0.0, 1.0)}),
    "portability": Family({"switching_cost_cut": (0.0, 1.0), "dependence_cut": (0.0, 1.0)}),
    "supplier_shock": Family(
        {"price_rise": (-0.5, 2.0), "risk_rise": (0.0, 0.5), "exit_share": (0.0, 1.0)},
        {"options": "closed"},
    ),
}


class NoPreviewError(ValueError):
    """A policy that the preview does not cover; the message says why."""


@dataclass(frozen=True)
class Estimate:
    """A previewed number.

    Attributes:
        label: what it is.
        unit: of the numbers.
        value, low, high: and its 90 % band (emulator and luck of a run of :data:`ROWS` firms).
        year: the last.
        error: root mean square error on points held out, in the unit.
        coverage: share of points held out that lie in their band.
    """

    label: str
    unit: str
    value: float
    low: float
    high: float
    year: int
    error: float
    coverage: float


# --- making the table ------------------------------------------------------------------------


def design() -> list[dict[str, float]]:
    """The points: a Latin hypercube over the assumptions and every strength of every family."""
    from econsim.experiments.design import LatinHypercube, sample

    ranges = dict(ASSUMPTIONS)
    for kind, family in FAMILIES.items():
        ranges |= {f"{kind}.{name}": limits for name, limits in family.strengths.items()}
    return sample(LatinHypercube(design="lhs", samples=POINTS, ranges=ranges))


def entry(kind: str, strengths: Mapping[str, float], currency: str) -> dict[str, Any]:
    """An instrument of a family as its entry in a scenario file.

    Args:
        kind: of the instrument.
        strengths: field -> value, as in :attr:`Family.strengths`.
        currency: of the region.
    """
    body: dict[str, Any] = {"from": START}
    for name, value in FAMILIES[kind].fixed.items():
        body[name] = list(value) if isinstance(value, tuple) else value
    for name, value in strengths.items():
        place, _, number = name.partition(".")
        if number:
            body.setdefault(place, []).append(value)
        else:
            body[place] = value
    if "unit" in INSTRUMENTS[kind].model_fields:
        body["unit"] = currency
    return {kind: body}


def _worlds(region: str, point: Mapping[str, float]) -> list[Scenario]:
    """The baseline at a point, then one scenario for each family."""
    base = shipped_scenario(BASELINES[region]).with_changes(
        parameters={name: point[name] for name in ASSUMPTIONS}
    )
    found = [base]
    for kind, family in FAMILIES.items():
        strengths = {name: point[f"{kind}.{name}"] for name in family.strengths}
        body = entry(kind, strengths, base.currency)[kind]
        item = INSTRUMENTS[kind].model_validate(body)
        found.append(base.with_changes(instruments=[(kind, item)], name=kind))
    return found


def build(region: str, folder: Path, progress: Callable[[float], None] | None = None) -> None:
    """Run the design and write ``preview.csv`` and ``preview.json`` (its birth certificate).

    Args:
        region: ``EU27`` or ``US``.
        folder: where to.
        progress: called with the share of the work done.
    """
    from econsim.experiments.simulation import simulate_many

    points = design()
    rows: list[tuple[str, int, int, list[float]]] = []
    for number in range(SEEDS):
        groups = {str(i): _worlds(region, points[i]) for i in range(number, POINTS, SEEDS)}
        found = simulate_many(groups, rows=ROWS, replicates=1, seed=number + 1)
        for name, (base, *others) in found.items():
            for kind, result in zip(FAMILIES, others, strict=True):
                values = _outcomes(compare(result, base))
                rows.append((kind, int(name), number + 1, values))
        if progress is not None:
            progress((number + 1) / SEEDS)
    rows.sort(key=lambda row: (list(FAMILIES).index(row[0]), row[1]))
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["family", "point", "seed", *(t.outcome for t in TARGETS)])
    writer.writerows([*identity, *values] for *identity, values in rows)
    (folder / "preview.csv").write_text(stream.getvalue(), encoding="utf-8")
    fit(region, folder)


def fit(region: str, folder: Path) -> None:
    """Fit the emulators to a region's table and write ``preview.json``: what the table depends
    on, and the settings of the emulators with their errors on points held out.

    Args:
        region: ``EU27`` or ``US``.
        folder: of ``preview.csv``.
    """
    from econsim.experiments import emulator

    fitted: dict[str, dict[str, Any]] = {}
    for kind in FAMILIES:
        names, samples, effects = _table(kind, folder)
        fitted[kind] = {}
        for target in TARGETS:
            found = emulator.fit_points(
                names, samples, effects[target.outcome], outcome=target.outcome,
                unit=_unit(target, region), arm=kind, study="preview",
            )  # fmt: skip
            settings = {name: getattr(found, name) for name in _SETTINGS}
            fitted[kind][target.outcome] = {**settings, "lengths": found.lengths.tolist()}
    content = {**_certificate(region), "fitted": fitted}
    (folder / "preview.json").write_text(
        json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )


#: What a fit finds, beside the lengths of its kernel.
_SETTINGS = ("amplitude", "noise", "error", "explained", "coverage")


def _table(kind: str, folder: Path) -> tuple[list[str], np.ndarray, dict[str, np.ndarray]]:
    """Names of a family's factors, ``ndarray[points, factors]``, outcome -> ``ndarray[points]``."""
    with (folder / "preview.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["family"] == kind]
    points = design()
    strengths = FAMILIES[kind].strengths
    columns = [*ASSUMPTIONS, *(f"{kind}.{name}" for name in strengths)]
    samples = np.array([[points[int(row["point"])][c] for c in columns] for row in rows])
    effects = {t.outcome: np.array([float(row[t.outcome]) for row in rows]) for t in TARGETS}
    return [*ASSUMPTIONS, *strengths], samples, effects


def _unit(target: Target, region: str) -> str:
    """Unit of a difference."""
    unit = outcome(target.outcome).unit.replace("{currency}", scenario.CURRENCY[region])
    if unit.startswith("percent"):
        return "percentage points" + unit.removeprefix("percent")
    return unit


def _outcomes(comparison: Any) -> list[float]:
    year = 2020 + comparison.a.months // 12
    return [comparison.difference(t.outcome, year, t.by, t.group).mean for t in TARGETS]


def _certificate(region: str) -> dict[str, Any]:
    """What the table depends on; a table with another one is not used."""
    base = shipped_scenario(BASELINES[region])
    return {
        "econsim": econsim.__version__,
        "data_hash": data.digest(),
        "scenario_hash": base.hash(),
        "rows": ROWS,
        "points": POINTS,
        "seeds": SEEDS,
        "from": START,
        "assumptions": {k: list(v) for k, v in ASSUMPTIONS.items()},
        "families": {
            kind: {
                "strengths": {k: list(v) for k, v in family.strengths.items()},
                "fixed": {
                    k: list(v) if isinstance(v, tuple) else v for k, v in family.fixed.items()
                },
            }
            for kind, family in FAMILIES.items()
        },
    }


# --- asking ----------------------------------------------------------------------------------


def locate(policy: Scenario, baseline: Scenario) -> tuple[str, dict[str, float]]:
    """The family of a policy and its point in what was trained.

    Args:
        policy, baseline: what would be run.

    Returns:
        Kind of the instrument, and strength or assumption -> value.

    Raises:
        NoPreviewError: it lies outside; the message says what does.
    """
    usual = shipped_scenario(BASELINES[policy.region])
    if baseline.instruments or baseline.canonical()["options"] != usual.canonical()["options"]:
        raise NoPreviewError(f"it was trained against {usual.name} only")
    if (
        policy.canonical()["options"] != usual.canonical()["options"]
        or policy.run.horizon != usual.run.horizon
    ):
        raise NoPreviewError(f"it was trained with the options and months of {usual.name} only")
    if policy.values != baseline.values:
        raise NoPreviewError("the two scenarios differ in assumptions")
    moved = [n for n, v in policy.values.items() if usual.values[n] != v and n not in ASSUMPTIONS]
    if moved:
        raise NoPreviewError(f"{moved[0]} is not among the assumptions it was trained on")
    if len(policy.instruments) != 1:
        raise NoPreviewError("it knows one instrument at a time")
    item = policy.instruments[0][1]
    kind = wording.kind_of(item)
    if kind not in FAMILIES:
        raise NoPreviewError(f"{wording.name_of(kind).lower()} is outside what it was trained on")
    family = FAMILIES[kind]
    point = {name: policy.values[name] for name in ASSUMPTIONS}
    ranges: dict[str, tuple[float, float]] = {**ASSUMPTIONS, **family.strengths}
    trained = {"start": START, **family.fixed}
    for name, model in type(item).model_fields.items():
        value = getattr(item, name)
        if name in family.strengths:
            point[name] = float(value)
        elif f"{name}.0" in family.strengths:
            point |= {f"{name}.{i}": float(part) for i, part in enumerate(value)}
        elif name != "unit" and value != trained.get(name, model.default):
            words = (model.alias or name).replace("_", " ")
            raise NoPreviewError(f"it was trained with another ‘{words}’ than this one")
    for name, value in point.items():
        low, high = ranges[name]
        if not low <= value <= high:
            words = name.partition(".")[0].replace("_", " ") if name not in ASSUMPTIONS else name
            raise NoPreviewError(
                f"{words} = {value:g} is outside {low:g} to {high:g}, on which it was trained"
            )
    return kind, point


def estimates(policy: Scenario, baseline: Scenario, folder: Path) -> list[Estimate]:
    """Preview of a policy: every number of :data:`TARGETS`.

    Args:
        policy, baseline: what would be run.
        folder: of the shipped results, one subfolder for each region.

    Raises:
        NoPreviewError: the policy is outside what was trained, or the table is not that of
            today's model; the message says why.
    """
    if policy.canonical() == baseline.canonical():
        raise NoPreviewError("the policy is its baseline: every difference is exactly zero")
    kind, point = locate(policy, baseline)
    found = []
    for target, fitted in zip(TARGETS, emulators(policy.region, kind, folder), strict=True):
        # Ends of a range that were not drawn are as good as the points next to them.
        inside = {
            name: float(np.clip(point[name], low, high))
            for name, low, high in zip(fitted.names, fitted.low, fitted.high, strict=True)
        }
        value, low, high = fitted.preview(inside)
        year = 2020 + policy.run.months // 12
        found.append(
            Estimate(
                target.label, fitted.unit, value, low, high, year, fitted.error, fitted.coverage
            )
        )
    return found


def emulators(region: str, kind: str, folder: Path) -> Sequence[Any]:
    """The fitted emulators of a family, one for each of :data:`TARGETS`.

    Raises:
        NoPreviewError: there is no table, or not one of today's model.
    """
    place = folder / region
    try:
        stamp = (place / "preview.csv").stat().st_mtime_ns
        certificate = json.loads((place / "preview.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise NoPreviewError("its table is missing: python -m econsim.app.shipped") from None
    fitted = certificate.pop("fitted", {})
    if certificate != _certificate(region):
        raise NoPreviewError(
            "its table is not that of today's scenarios: python -m econsim.app.shipped"
        )
    return _made(region, kind, str(place), stamp, json.dumps(fitted[kind]))


@lru_cache(maxsize=64)
def _made(region: str, kind: str, place: str, stamp: int, fitted: str) -> tuple[Any, ...]:
    """Emulators of a region's table with the settings found; ``stamp`` is the time of its file."""
    from econsim.experiments.emulator import Emulator

    names, samples, effects = _table(kind, Path(place))
    low, high = samples.min(axis=0), samples.max(axis=0)
    found = []
    for target in TARGETS:
        settings = json.loads(fitted)[target.outcome]
        values = effects[target.outcome]
        centre, scale = float(values.mean()), float(values.std())
        found.append(
            Emulator(
                outcome=target.outcome, unit=_unit(target, region), arm=kind, study="preview",
                names=tuple(names), low=low, high=high, points=(samples - low) / (high - low),
                values=(values - centre) / scale, centre=centre, scale=scale,
                lengths=np.array(settings.pop("lengths")), **settings,
            )
        )  # fmt: skip
    return tuple(found)
