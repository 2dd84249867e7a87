"""The ensemble: weighted parameter sets compatible with the surveys, and what they do to a result.

Three kinds of uncertainty are kept apart:

*replicate noise*
    luck of the agents at one parameter set;
*parameter uncertainty*
    the ensemble (:func:`load`), with luck held;
*structural choices*
    :data:`VARIANTS`: other readings of the model, each solved again so that it meets the same
    observed use, one at a time and never mixed into a band.

GDP level scenarios (:data:`LEVELS`) are named literature sets, apart from all three: no data on
use identify the level of a gain.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from econsim import data, meanfield
from econsim import parameters as registry
from econsim.experiments import survey
from econsim.experiments.calibration import LEAST_MEMBERS, REENTRY, SLOPE
from econsim.experiments.faults import EnsembleError
from econsim.experiments.simulation import Progress, simulate_many
from econsim.experiments.survey import Question
from econsim.results import Results, compare
from econsim.scenario import Scenario

#: Version of the file's form.
VERSION = 1
_FILE, _CARD = "ensemble.csv", "ensemble.json"
_LEAD = ("region", "member", "weight")
_EXTRA = (SLOPE, REENTRY)
#: Firms of a run on a member: coarser than a headline, with the same luck for all members.
ROWS = 2_000


@dataclass(frozen=True)
class Member:
    """One parameter set.

    Attributes:
        name: of the set, as in result rows.
        region: EU27 or US.
        weight: share of the ensemble.
        parameters: overrides for ``Scenario.with_changes(parameters=...)``.
        reentry_share: kappa, for bans of the scenario it is applied to.
        reporting_slope: of the US survey equation; 1 in the EU.
    """

    name: str
    region: str
    weight: float
    parameters: Mapping[str, float]
    reentry_share: float
    reporting_slope: float = 1.0

    def apply(self, scenario: Scenario, keep: Sequence[str] = ()) -> Scenario:
        """The scenario with this member's numbers; bans let its share of developers re-enter.

        Args:
            scenario: of the same region.
            keep: parameters that the scenario's own value wins (axes set on purpose).

        Raises:
            EnsembleError: another region.
        """
        if scenario.region != self.region:
            raise EnsembleError(
                f"member {self.name} belongs to {self.region}, {scenario.name} to {scenario.region}"
            )
        instruments = tuple(
            (label, item.model_copy(update={"reentry_share": self.reentry_share}))
            if hasattr(item, "reentry_share")
            else (label, item)
            for label, item in scenario.instruments
        )
        chosen = {k: v for k, v in self.parameters.items() if k not in keep}
        return scenario.with_changes(parameters=chosen, instruments=instruments)


@dataclass(frozen=True)
class Ensemble:
    """Members of one region.

    Attributes:
        region: EU27 or US.
        members: in order.
        warnings: what must be said with every result made with it.
        digest: SHA-256 of the file, hexadecimal.
        until: last year of use data in it.
    """

    region: str
    members: tuple[Member, ...]
    warnings: tuple[str, ...]
    digest: str
    until: int

    def weights(self) -> np.ndarray:
        """Weights that sum to one."""
        raw = np.array([m.weight for m in self.members])
        return np.asarray(raw / raw.sum())

    def thin(self, count: int) -> tuple[Member, ...]:
        """``count`` members standing for all, equally weighted (systematic resampling).

        Raises:
            EnsembleError: fewer than two, or more than there are.
        """
        if not 2 <= count <= len(self.members):
            raise EnsembleError(f"ask for 2 to {len(self.members)} members, not {count}")
        edges = self.weights().cumsum()
        place = (np.arange(count) + 0.5) / count
        chosen = np.minimum(np.searchsorted(edges, place), len(edges) - 1)
        return tuple(self.members[i] for i in chosen)


def _folder() -> Path:
    return Path(str(resources.files("econsim") / "data" / "ensemble"))


def to_csv(groups: Mapping[str, Sequence[Member]]) -> str:
    """Members of all regions as the text of the shipped file."""
    names = sorted({n for g in groups.values() for m in g for n in m.parameters})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_LEAD, *_EXTRA, *names])
    for region, members in groups.items():
        for m in members:
            writer.writerow(
                [
                    region, m.name, f"{m.weight:.6g}",
                    f"{m.reporting_slope:.6g}", f"{m.reentry_share:.6g}",
                    *(f"{m.parameters[n]:.6g}" if n in m.parameters else "" for n in names),
                ]
            )  # fmt: skip
    return text.getvalue()


def text_digest(text: str) -> str:
    """SHA-256 of a table's text, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def write(folder: Path, groups: Mapping[str, Sequence[Member]], card: Mapping[str, Any]) -> str:
    """Write the ensemble and its card; returns the hash of the ensemble.

    Args:
        folder: created if missing.
        groups: region -> members.
        card: warnings, cut-off year by region and whatever else describes the making.
    """
    text = to_csv(groups)
    digest = text_digest(text)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _FILE).write_text(text, encoding="utf-8")
    full = {"version": VERSION, "sha256": digest, **card}
    (folder / _CARD).write_text(json.dumps(full, indent=1) + "\n", encoding="utf-8")
    return digest


def load(region: str, folder: str | Path | None = None) -> Ensemble:
    """The shipped ensemble of a region.

    Args:
        region: EU27 or US.
        folder: another ensemble's (default: the shipped one).

    Raises:
        EnsembleError: missing, not what its hash says, another version, too few members, or a
            value that its parameter does not accept.
    """
    if region not in data.REGIONS:
        raise EnsembleError(f"unknown region '{region}'{registry.nearest(region, data.REGIONS)}")
    place = _folder() if folder is None else Path(folder)
    try:
        text = (place / _FILE).read_text(encoding="utf-8")
        card = json.loads((place / _CARD).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise EnsembleError(f"{error.filename}: missing; run 'econsim calibrate'") from None
    except ValueError as error:
        raise EnsembleError(f"{place / _CARD}: {error}") from None
    if card.get("version") != VERSION:
        raise EnsembleError(f"{place / _CARD}: version {card.get('version')}, expected {VERSION}")
    digest = text_digest(text)
    if digest != card.get("sha256"):
        raise EnsembleError(f"{place / _FILE}: not the file that its card describes (hash differs)")
    members = tuple(_members(text, region, place / _FILE))
    if len(members) < LEAST_MEMBERS:
        raise EnsembleError(
            f"{place / _FILE}: {len(members)} members for {region}; at least {LEAST_MEMBERS} are "
            "needed to show a band"
        )
    described = card["regions"][region]
    return Ensemble(region, members, tuple(described["warnings"]), digest, int(described["until"]))


def _members(text: str, region: str, place: Path) -> list[Member]:
    reader = csv.DictReader(io.StringIO(text))
    found = []
    for row in reader:
        if row["region"] != region:
            continue
        try:
            parameters = {
                name: registry.get(name).check(float(cell))
                for name, cell in row.items()
                if name not in (*_LEAD, *_EXTRA) and cell
            }
            weight, slope, reentry = (float(row[k]) for k in ("weight", SLOPE, REENTRY))
        except (ValueError, TypeError, KeyError) as error:
            raise EnsembleError(f"{place}, line {reader.line_num}: {error}") from None
        if not (weight >= 0.0 and math.isfinite(weight)):
            raise EnsembleError(f"{place}, line {reader.line_num}: a weight is not 0 or more")
        found.append(Member(row["member"], region, weight, parameters, reentry, slope))
    return found


# --- GDP level scenarios --------------------------------------------------------------------------


@dataclass(frozen=True)
class Level:
    """A named literature set of ceiling, saving and depth: a level of GDP gain, not a fit."""

    name: str
    title: str
    parameters: Mapping[str, float]
    source: str


LEVELS = (
    Level(
        "acemoglu",
        "Acemoglu 2024",
        {"benefit.ceiling": 0.23, "benefit.saving": 0.27},
        "Acemoglu 2024: 23 % of exposed tasks, saving 27 %; depth as in the default",
    ),
    Level(
        "bergeaud",
        "Bergeaud 2024",
        {"benefit.ceiling": 0.4, "benefit.saving": 0.35},
        "Bergeaud 2024, euro area: 40 % of exposed tasks, saving 35 %",
    ),
    Level(
        "aghion-bunel",
        "Aghion and Bunel 2024",
        {"benefit.ceiling": 0.5, "benefit.saving": 0.4},
        "Aghion and Bunel 2024: 50 % of exposed tasks, saving 40 %",
    ),
    Level(
        "shallow",
        "Shallow use",
        {"benefit.ceiling": 0.23, "benefit.saving": 0.14, "benefit.deep_share": 0.1},
        "Acemoglu 2024 ceiling; saving 14 % (experienced workers, Brynjolfsson et al. 2023); "
        "10 % of users intensive (ECB SAFE 2025)",
    ),
)


# --- Structural choices ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Variant:
    """Another reading of the model, solved again to meet the same observed use.

    Attributes:
        name, title: identifiers for tables and for readers.
        change: scenario -> the scenario under this reading.
        nested: whether narrow and general-purpose AI are read as nested in the survey.
    """

    name: str
    title: str
    change: Callable[[Scenario], Scenario]
    nested: bool = False


#: Imitation of the peer-effect variant: mean q of 0.38 a year (Sultan, Farley and Lehmann 1990).
PEER_EFFECT = 0.032


def _with_peers(scenario: Scenario) -> Scenario:
    """Peer effect on; the hazard falls so that as many firms had considered AI by then."""
    from scipy.optimize import brentq

    month = int(scenario.values["survey.reference_month"])

    def reached(changes: Mapping[str, float]) -> float:
        return survey.world(scenario.with_changes(parameters=changes), month).limits()[1]

    goal = reached({})
    hazard = scenario.values["considering.hazard"]

    def gap(log_multiple: float) -> float:
        tried = {
            "considering.peers": PEER_EFFECT,
            "considering.hazard": hazard * math.exp(log_multiple),
        }
        return reached(tried) - goal

    found = brentq(gap, -1.5, 0.1, xtol=1e-3)
    return scenario.with_changes(
        parameters={
            "considering.peers": PEER_EFFECT,
            "considering.hazard": float(f"{hazard * math.exp(found):.5g}"),
        }
    )


def _nested(scenario: Scenario) -> Scenario:
    """Narrow users are general-purpose users as far as can be.

    The two then add up to less, so more firms must use general-purpose AI to meet the same use,
    and more must consider it: the hazard rises so that the ratio of most to observed use stays.
    """
    from scipy.optimize import brentq

    month = int(scenario.values["survey.reference_month"])
    observed = scenario.values["survey.use_2024"]
    share = meanfield.reporting_share(scenario)
    headroom = share * survey.world(scenario, month).limits()[1] / observed
    hazard = scenario.values["considering.hazard"]

    def changed(target: float) -> Scenario:
        def short(log_multiple: float) -> float:
            tried = scenario.with_changes(
                parameters={"considering.hazard": hazard * math.exp(log_multiple)}
            )
            return share * survey.world(tried, month).limits()[1] - headroom * target

        multiple = math.exp(brentq(short, -0.2, 3.0, xtol=1e-3))
        return scenario.with_changes(
            parameters={
                "survey.use_2024": float(f"{target:.6g}"),
                "considering.hazard": float(f"{hazard * multiple:.5g}"),
            }
        )

    def gap(target: float) -> float:
        world = survey.world(changed(target), month)
        weight = world.firms.weight
        use = float(weight @ world.use(month, nested=True) / weight.sum())
        return 100.0 * share * use - observed

    return changed(brentq(gap, observed, 1.8 * observed, xtol=0.005))


def _parameters(**changes: float) -> Callable[[Scenario], Scenario]:
    named = {k.replace("__", "."): v for k, v in changes.items()}
    return lambda scenario: scenario.with_changes(parameters=named)


#: Structural choices beside the default (no peer effect; the random term is heterogeneity of the
#: hurdle; the fitted coverage path; narrow AI independent of general-purpose AI).
VARIANTS = (
    Variant("peers", "Peer effect on", _with_peers),
    Variant(
        "taste",
        "Random term is taste: no part of the hurdle is real hours",
        _parameters(hurdle__real_share=0.0),
    ),
    Variant(
        "early-coverage",
        "Coverage early and fast",
        _parameters(coverage__midpoint=36.0, coverage__rate=0.1),
    ),
    Variant(
        "late-coverage",
        "Coverage late and slow",
        _parameters(coverage__midpoint=72.0, coverage__rate=0.035),
    ),
    Variant("nested", "Narrow AI nested in general-purpose AI", _nested, nested=True),
)


# --- Spreads of a result --------------------------------------------------------------------------


@dataclass(frozen=True)
class Spread:
    """One outcome's difference, scenario less baseline, with its uncertainties kept apart.

    Attributes:
        label, unit: of the outcome.
        point: mean over replicates at the scenarios' own parameters.
        noise: 80 % band of one replicate at the scenarios' own parameters.
        parameters: 10 %, 50 % and 90 % points over ensemble members, at one luck.
        structure: variant -> value, at the scenarios' own parameters and the same luck.
        members: how many.
        warnings: of the ensemble.
    """

    label: str
    unit: str
    point: float
    noise: tuple[float, float]
    parameters: tuple[float, float, float]
    structure: Mapping[str, float]
    members: int
    warnings: tuple[str, ...]


#: Outcomes of :func:`spreads`: label, outcome, dimension, group.
OUTCOMES = (
    ("AI use, 10-249 persons", "use", "size_class", "10-249"),
    ("GDP", "gdp", None, "all"),
    ("Gross national income", "gni", None, "all"),
    ("Firms' surplus", "firms_surplus", None, "all"),
)


def spread_sets(
    scenarios: Sequence[Scenario], ensemble: Ensemble, members: int
) -> dict[str, list[Scenario]]:
    """Parameter sets to run: members by name and variants as ``variant:NAME``.

    Raises:
        EnsembleError: too few or too many members, or another region.
        econsim.meanfield.MeanFieldError: a variant cannot meet the observed use.
    """
    sets = {f"{m.name}#{n}": [m.apply(s) for s in scenarios]
            for n, m in enumerate(ensemble.thin(members))}  # fmt: skip
    for variant in VARIANTS:
        first = variant.change(scenarios[0])
        changed = {k: v for k, v in first.overrides.items() if scenarios[0].overrides.get(k) != v}
        sets[f"variant:{variant.name}"] = [
            first, *(s.with_changes(parameters=changed) for s in scenarios[1:])
        ]  # fmt: skip
    return sets


def spreads(
    scenarios: Sequence[Scenario],
    ensemble: Ensemble,
    year: int,
    *,
    members: int = 24,
    rows: int = ROWS,
    replicates: int = 6,
    seed: int | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[list[Spread]]:
    """Differences from the first scenario with replicate noise, parameters and structure apart.

    Args:
        scenarios: the baseline and one or more others, of one region.
        ensemble: of that region.
        year: of the outcomes.
        members: parameter sets drawn from the ensemble.
        rows: firms per run.
        replicates: for the noise, at the scenarios' own parameters.
        seed, workers, progress: as in :func:`econsim.experiments.simulation.simulate`.

    Returns:
        for each scenario after the first, one spread per outcome of :data:`OUTCOMES`.
    """
    own = "own parameters"
    total = replicates + members + len(VARIANTS)

    def part(start: int, size: int) -> Progress | None:
        if progress is None:
            return None
        return lambda share: progress((start + share * size) / total)

    base = simulate_many(
        {own: list(scenarios)}, rows=rows, replicates=replicates, seed=seed, workers=workers,
        progress=part(0, replicates),
    )[own]  # fmt: skip
    sets = simulate_many(
        spread_sets(scenarios, ensemble, members), rows=rows, replicates=1, seed=seed,
        workers=workers, progress=part(replicates, total - replicates),
    )  # fmt: skip
    found = []
    for number in range(1, len(scenarios)):
        lines = []
        for label, name, by, group in OUTCOMES:
            values, unit = _differences(base[number], base[0], name, year, by, group)
            others = {
                key: float(_differences(r[number], r[0], name, year, by, group)[0][0])
                for key, r in sets.items()
            }
            cloud = [v for k, v in others.items() if not k.startswith("variant:")]
            low, middle, high = np.quantile(cloud, (0.1, 0.5, 0.9))
            edge = 1.2816 * float(values.std(ddof=1)) if len(values) > 1 else math.nan
            centre = float(values.mean())
            lines.append(
                Spread(
                    label,
                    unit,
                    centre,
                    (centre - edge, centre + edge),
                    (float(low), float(middle), float(high)),
                    {v.name: others[f"variant:{v.name}"] for v in VARIANTS},
                    members,
                    ensemble.warnings,
                )
            )
        found.append(lines)
    return found


def _differences(
    a: Results, b: Results, name: str, year: int, by: str | None, group: str
) -> tuple[np.ndarray, str]:
    """Paired differences by replicate, ``ndarray[replicates]``, and their unit."""
    pair = compare(a, b)
    gap = a.yearly(name, year, by, group) - b.yearly(name, year, by, group)
    return np.asarray(gap), pair.difference(name, year, by, group).unit


def spreads_csv(
    lines: Sequence[Spread], scenario: str, baseline: str, year: int, digest: str
) -> str:
    """Spreads as a tidy table: one row per number, with the kind of uncertainty it belongs to."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["scenario", "baseline", "year", "outcome", "unit", "kind", "item", "value", "members",
         "ensemble_sha256", "warnings"]
    )  # fmt: skip
    for s in lines:
        numbers: list[tuple[str, str, float]] = [("own parameters", "mean", s.point)]
        numbers += zip(("replicate noise",) * 2, ("q10", "q90"), s.noise, strict=True)
        numbers += zip(("parameters",) * 3, ("q10", "q50", "q90"), s.parameters, strict=True)
        numbers += [("structure", name, value) for name, value in s.structure.items()]
        for kind, item, value in numbers:
            writer.writerow(
                [scenario, baseline, year, s.label, s.unit, kind, item, value, s.members, digest,
                 "; ".join(s.warnings)]
            )  # fmt: skip
    return text.getvalue()


def use_paths(
    scenario: Scenario, members: Sequence[Member], years: Sequence[int], key: str = "10-249"
) -> np.ndarray:
    """EU use at the end of February of each year by the mean field, ``ndarray[members, years]``.

    Args:
        scenario: an EU baseline.
        members: parameter sets.
        years: asked for.
        key: size class.
    """
    questions = [Question("size", key, survey.wave_month(y)) for y in years]
    last = questions[-1].month
    rows = []
    for member in members:
        rows.append(survey.world(member.apply(scenario), last).answer(questions))
    return np.array(rows)


def variant_paths(
    scenario: Scenario, years: Sequence[int], key: str = "10-249"
) -> dict[str, np.ndarray]:
    """The same for the scenario's own parameters (``""``) and each structural variant."""
    questions = [Question("size", key, survey.wave_month(y)) for y in years]
    last = questions[-1].month
    found = {"": survey.world(scenario, last).answer(questions)}
    for variant in VARIANTS:
        world = survey.world(variant.change(scenario), last)
        found[variant.name] = world.answer(questions, nested=variant.nested)
    return found


def equal_members(region: str, sets: Sequence[Mapping[str, float]]) -> tuple[Member, ...]:
    """Members from equally likely parameter sets.

    Args:
        region: EU27 or US.
        sets: parameter values, with the slope and kappa under their own names.
    """
    return tuple(
        Member(
            f"{region}-{n + 1:03d}",
            region,
            float(f"{1.0 / len(sets):.6g}"),
            {k: v for k, v in values.items() if k not in _EXTRA},
            values[REENTRY],
            values.get(SLOPE, 1.0),
        )
        for n, values in enumerate(sets)
    )


__all__ = [
    "LEVELS",
    "OUTCOMES",
    "ROWS",
    "VARIANTS",
    "Ensemble",
    "EnsembleError",
    "Level",
    "Member",
    "Spread",
    "Variant",
    "equal_members",
    "load",
    "spread_sets",
    "spreads",
    "spreads_csv",
    "text_digest",
    "to_csv",
    "use_paths",
    "variant_paths",
    "write",
]
