"""Policy instruments, packages of them, and the terms of a month.

A policy edits *terms*, never the model: the terms of a month are computed anew from base values
and the instruments in force, so an ended instrument leaves no trace.  Terms = base, then every
``set``, then every ``scale``, then every ``add``, then the sandbox's ``cut`` of that sum; the order
within ``scale``, ``add`` and ``cut`` does not matter, and concatenating packages composes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from econsim import data
from econsim import parameters as registry
from econsim.arithmetic import log
from econsim.parameters import Parameter, ParameterError

EPOCH_YEAR = 2021


class PolicyError(ValueError):
    """An instrument, or a combination of instruments, that the model does not accept."""


def month_index(text: str) -> int:
    """Months after January 2021 of ``YYYY-MM``.

    Raises:
        ValueError: not a month of that form.
    """
    year, separator, month = str(text).partition("-")
    well_formed = separator and len(year) == 4 and len(month) == 2
    if not (well_formed and year.isdigit() and month.isdigit() and 1 <= int(month) <= 12):
        raise ValueError(f"'{text}' is not a month of the form YYYY-MM")
    return (int(year) - EPOCH_YEAR) * 12 + int(month) - 1


def month_label(index: int) -> str:
    """``YYYY-MM`` of a month counted from January 2021."""
    return f"{EPOCH_YEAR + index // 12:04d}-{index % 12 + 1:02d}"


def _month(value: object) -> object:
    if isinstance(value, str):
        month_index(value)
    return value


Month = Annotated[str, BeforeValidator(_month)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


def _known(value: object, known: Sequence[str], what: str) -> object:
    for item in value if isinstance(value, list | tuple) else ():
        if item not in known:
            raise ValueError(f"unknown {what} '{item}'{registry.nearest(str(item), known)}")
    return value


class Where(BaseModel):
    """Which firms an instrument reaches; a dimension left out means all of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    country: tuple[str, ...] = ()
    sector: tuple[str, ...] = ()
    size_class: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _labels(self) -> Where:
        _known(self.country, (*data.MEMBER_STATES, "US"), "country")
        _known(self.sector, data.SECTORS, "sector")
        _known(self.size_class, data.SIZE_CLASSES, "size class")
        return self

    def mapping(self) -> dict[str, tuple[str, ...]]:
        """The target as a plain mapping."""
        return {"country": self.country, "sector": self.sector, "size_class": self.size_class}

    def overlaps(self, other: Where) -> bool:
        """Whether some firm could be in both targets."""
        mine, theirs = self.mapping(), other.mapping()
        return all(
            not mine[key] or not theirs[key] or set(mine[key]) & set(theirs[key]) for key in mine
        )


@dataclass(frozen=True)
class OptionKind:
    """What the policy layer must know of an AI option."""

    name: str
    open_weights: bool
    deployment: str


@dataclass(frozen=True)
class Entry:
    """One elementary edit of one lever."""

    instrument: str
    lever: str
    option: str | None
    operation: str
    value: float
    start: int
    stop: int
    phase_in: int
    where: Where
    budget: int | None = None

    def strength(self, month: int) -> float:
        """Share of full effect reached in a month, 0 outside the dates."""
        if not self.start <= month < self.stop:
            return 0.0
        if self.phase_in == 0:
            return 1.0
        return min((month - self.start + 1) / self.phase_in, 1.0)


@dataclass(frozen=True)
class Budget:
    """Money that an instrument can spend in all, currency of the region."""

    instrument: str
    total: float


@dataclass(frozen=True)
class Package:
    """All instruments of a scenario, as elementary edits."""

    entries: tuple[Entry, ...] = ()
    budgets: tuple[Budget, ...] = ()

    def first_month(self) -> int | None:
        """The month the first instrument bites, or ``None`` for the empty package."""
        return min((e.start for e in self.entries), default=None)

    def changes(self) -> tuple[int, ...]:
        """Months at which strength may change (starts, ends and ends of phase-in)."""
        months = set()
        for entry in self.entries:
            months |= {entry.start, entry.stop, entry.start + max(entry.phase_in - 1, 0)}
        return tuple(sorted(months))


class Edits:
    """Collects an instrument's edits of levers; dates and target come from the instrument.

    Attributes:
        label: file, number and name of the instrument.
        options: the scenario's AI options.
        values: uncertainties and constants.
        currency: of the region.
        budget: number of the budget that pays for the instrument, if any.
        entries: the edits so far.
    """

    def __init__(
        self,
        label: str,
        item: Dated,
        options: Sequence[OptionKind],
        values: Mapping[str, float],
        currency: str,
        budget: int | None = None,
    ) -> None:
        """Nothing is edited yet."""
        self.label, self.item, self.options = label, item, options
        self.values, self.currency, self.budget = values, currency, budget
        self.entries: list[Entry] = []

    def put(
        self,
        lever: str,
        operation: str,
        value: float,
        scope: str | None = None,
        *,
        where: Where | None = None,
        at_once: bool = False,
    ) -> None:
        """One edit of a lever, for every option in scope; none where it would change nothing.

        Args:
            lever: a key of ``parameters.LEVERS``.
            operation: ``set``, ``scale``, ``add``, or ``cut`` (a multiple taken after every
                ``add``).
            value: in the lever's unit; a multiple for ``scale``.
            scope: an option's name, ``open``, ``closed`` or ``all``, for an option's lever.
            where: target (default: the instrument's); economy-wide levers have none.
            at_once: ignore the phase-in; a threshold is in force or not, never half-way.

        Raises:
            PolicyError: an unknown option.
        """
        if value == {"scale": 1.0, "cut": 1.0, "add": 0.0}.get(operation):
            return
        target = self.item.where if where is None else where
        start, stop = self.item.span()
        for option in self._in_scope(scope):
            self.entries.append(
                Entry(
                    instrument=self.label,
                    lever=lever,
                    option=option,
                    operation=operation,
                    value=value,
                    start=start,
                    stop=stop,
                    phase_in=0 if at_once else self.item.phase_in,
                    where=Where() if lever.startswith(registry.ECONOMY_WIDE) else target,
                    budget=self.budget,
                )
            )

    def hosted(self, kind: str) -> list[str]:
        """Names of the options with a deployment."""
        return [o.name for o in self.options if o.deployment == kind]

    def _in_scope(self, scope: str | None) -> tuple[str | None, ...]:
        names = tuple(o.name for o in self.options)
        if scope is None or scope in names:
            return (scope,)
        if scope == "all":
            return names
        if scope in ("open", "closed"):
            return tuple(o.name for o in self.options if o.open_weights == (scope == "open"))
        known = (*registry.OPTION_GROUPS, *names)
        raise PolicyError(f"{self.label}: unknown option '{scope}'{registry.nearest(scope, known)}")


class Dated(BaseModel):
    """Dates, phase-in and target common to all instruments.

    ``from`` is the first month in force and ``until`` the last; ``phase_in`` months bring the
    instrument linearly to full strength (0: at once).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    start: Month = Field(alias="from")
    until: Month | None = None
    phase_in: int = Field(default=0, ge=0, le=360)
    where: Where = Where()

    @model_validator(mode="after")
    def _order(self) -> Dated:
        if self.until is not None and month_index(self.until) < month_index(self.start):
            raise ValueError(f"'until' {self.until} is before 'from' {self.start}")
        return self

    def span(self) -> tuple[int, int]:
        """First month in force and first month no longer in force."""
        stop = month_index(self.until) + 1 if self.until is not None else 10**6
        return month_index(self.start), stop

    def edit(self, made: Edits) -> None:
        """Put the instrument's edits of levers; each instrument says what it acts on."""
        raise NotImplementedError


class Adjustment(Dated):
    """The generic instrument: ``set``, ``scale`` or ``add`` on one lever."""

    term: str
    set_: float | None = Field(default=None, alias="set")
    scale: float | None = None
    add: float | None = None
    unit: str

    @model_validator(mode="after")
    def _one_operation(self) -> Adjustment:
        given = [v for v in (self.set_, self.scale, self.add) if v is not None]
        if len(given) != 1:
            raise ValueError("exactly one of 'set', 'scale' and 'add' is needed")
        if not np.isfinite(given[0]):
            raise ValueError("the value must be a finite number")
        return self

    def operation(self) -> tuple[str, float]:
        """Name and value of the operation."""
        if self.set_ is not None:
            return "set", self.set_
        if self.scale is not None:
            return "scale", self.scale
        assert self.add is not None
        return "add", self.add

    def edit(self, made: Edits) -> None:
        """The lever named by ``term``, in its declared unit."""
        lever, scope = registry.lever(self.term, [o.name for o in made.options])
        operation, value = self.operation()
        unit = registry.unit_in_region(lever.unit, made.currency)
        expected = "multiple" if operation == "scale" else unit
        if self.unit != expected and not (operation == "scale" and self.unit == unit):
            raise PolicyError(
                f"{made.label}: unit of '{self.term}' is '{expected}', not '{self.unit}'"
            )
        if operation == "set":
            lever.check(value)
        elif operation == "scale" and not 0.0 <= value <= 1000.0:
            raise PolicyError(f"{made.label}: 'scale' of '{self.term}' must be between 0 and 1000")
        if lever.name.startswith(registry.ECONOMY_WIDE) and self.where != Where():
            raise PolicyError(
                f"{made.label}: '{self.term}' is the same for all firms; remove 'where'"
            )
        made.put(lever.name, operation, value, scope)


class OpenReleaseBan(Dated):
    """A ban on open models; it must state its object, jurisdiction, stock and re-entry.

    Source: NTIA comments (Stability AI 2024), Annex B; LAION 2023.
    """

    object: tuple[Literal["release", "hosting", "use"], ...] = Field(min_length=1)
    jurisdiction: Literal["domestic", "world"]
    existing_weights: Literal["frozen", "withdrawn"]
    compliance_share: Share = 1.0
    reentry_share: Share = 0.5

    def edit(self, made: Edits) -> None:
        """Stop releases, take options away, let some developers re-enter as closed suppliers."""
        world = self.jurisdiction == "world"
        if "release" in self.object:
            reached = 1.0 if world else made.values["supply.domestic_pool_share"]
            made.put("supply.open_pool", "scale", 1.0 - reached)
            if world:
                made.put("supply.open_frozen", "set", 1.0)
        gone = "use" in self.object or (
            "release" in self.object and world and self.existing_weights == "withdrawn"
        )
        for option in made.options:
            if not option.open_weights:
                continue
            hosted = option.deployment == "third_party_host"
            if hosted and (gone or "hosting" in self.object):
                made.put("option.available", "scale", 0.0, option.name)
            elif gone:
                # Local copies of weights: only the complying share of firms gives them up.
                made.put("option.available", "scale", 1.0 - self.compliance_share, option.name)
        made.put("supply.reentry_share", "add", self.reentry_share)


class AdoptionVoucher(Dated):
    """Pays a share of up-front cost up to a cap, until the budget is spent.

    Source: Kit Digital (ES).  Payments are transfers; the resources bought are not.
    """

    rate: Share = 1.0
    cap: float = Field(ge=0.0, le=1e6)
    budget: float = Field(gt=0.0, le=1e12)
    unit: str

    def edit(self, made: Edits) -> None:
        """The voucher's rate and cap."""
        made.put("voucher.rate", "set", self.rate)
        made.put("voucher.cap", "set", self.cap, at_once=True)


Money = Annotated[float, Field(ge=0.0, le=1e12)]
#: Months that a licence may delay, a programme may save.
Delay = Annotated[float, Field(ge=0.0, le=60.0)]


def capability_at_score(score: float, score_2024: float, slope: float) -> float:
    """Frontier progress (months of reference pace) at which a model reaches a test score.

    ``36 + (logit(score) - logit(score_2024)) / slope``, scores in percent.
    """
    odds, reference = (np.float64(s / (100.0 - s)) for s in (score, score_2024))
    return float(36.0 + (log(odds) - log(reference)) / slope)


def capability_at_compute(flop: float, compute_2024: float, growth: float) -> float:
    """Frontier progress (months of reference pace) at which training takes ``flop`` FLOP.

    ``36 + 12 (log10 flop - compute_2024) / growth``; ``compute_2024`` is a log10.
    """
    log10 = float(log(np.float64(flop)) / log(np.float64(10.0)))
    return 36.0 + 12.0 * (log10 - compute_2024) / growth


class Threshold(Dated):
    """An instrument that bites from a capability on, given as a score or as training compute.

    ``score``: percent on an MMLU-like test; ``compute``: FLOP.  The model's frontier path turns
    either into months of reference pace.
    """

    score: float | None = Field(default=None, gt=0.0, lt=100.0)
    compute: float | None = Field(default=None, ge=1e20, le=1e32)

    def capability(self, values: Mapping[str, float]) -> float | None:
        """Frontier progress at the threshold, months of reference pace; none if not given."""
        if self.score is not None:
            return capability_at_score(
                self.score, values["supply.score_2024"], values["supply.score_slope"]
            )
        if self.compute is not None:
            return capability_at_compute(
                self.compute, values["supply.compute_2024"], values["supply.compute_growth"]
            )
        return None

    @model_validator(mode="after")
    def _one_threshold(self) -> Threshold:
        if self.score is not None and self.compute is not None:
            raise ValueError("give 'score' or 'compute', not both")
        return self


class Licensing(Threshold):
    """A licence before release from a capability on: delay, cost, refusal.

    Source: NTIA comments (Stability AI 2024), 23-28: MMLU 70; 1e25 and 1e26 FLOP.
    """

    delay_open: Delay = 0.0
    delay_closed: Delay = 0.0
    refusal_share: Share = 0.0
    cost_per_model: Money = 0.0
    unit: str

    @model_validator(mode="after")
    def _threshold_needed(self) -> Licensing:
        if self.score is None and self.compute is None:
            raise ValueError("licensing needs a threshold: 'score' or 'compute'")
        return self

    def edit(self, made: Edits) -> None:
        """Delay, refusal and cost beyond the threshold."""
        threshold = self.capability(made.values)
        assert threshold is not None
        if self.delay_open or self.delay_closed or self.refusal_share or self.cost_per_model:
            made.put("supply.licence_threshold", "set", threshold, at_once=True)
        made.put("supply.licence_delay_open", "add", self.delay_open)
        made.put("supply.licence_delay_closed", "add", self.delay_closed)
        made.put("supply.licence_refusal", "add", self.refusal_share)
        made.put("supply.licence_cost", "add", self.cost_per_model)


class Obligations(Threshold):
    """Pre-release duties: cost per open base model and per variant.

    ``scope``: ``all`` models, those ``above_threshold``, or those ``deployed``.  Closed
    laboratories bear the same duties without effect on their supply: the claim under test.
    Source: NTIA comments 29a; LAION 2023, demand 2.
    """

    per_base_model: Money = 0.0
    per_variant: Money = 0.0
    scope: Literal["all", "above_threshold", "deployed"] = "all"
    unit: str

    @model_validator(mode="after")
    def _scope_has_threshold(self) -> Obligations:
        given = self.score is not None or self.compute is not None
        if (self.scope == "above_threshold") != given:
            raise ValueError("a threshold goes with scope 'above_threshold', and only with it")
        return self

    def edit(self, made: Edits) -> None:
        """Duties per base model and variant, on the models in scope."""
        made.put("supply.base_duty", "add", self.per_base_model)
        made.put("supply.variant_duty", "add", self.per_variant)
        if self.scope == "deployed":
            made.put("supply.duty_scope", "scale", made.values["supply.deployed_share"])
        threshold = self.capability(made.values)
        if threshold is not None:
            made.put("supply.duty_threshold", "set", threshold, at_once=True)


class OpenExemption(Threshold):
    """Lifts obligations and liability from open models below systemic risk.

    Source: LAION 2023, demand 1; EU AI Act Art. 53(2) (lapses at 1e25 FLOP).
    """

    share: Share = 1.0

    def edit(self, made: Edits) -> None:
        """The lifted share, and the capability beyond which it lapses."""
        made.put("supply.exemption", "set", self.share)
        threshold = self.capability(made.values)
        if threshold is not None:
            made.put("supply.systemic_threshold", "set", threshold, at_once=True)


class RiskProportionateDuties(Dated):
    """Deployers' yearly duties by risk tier of the sector instead of one size for all.

    Source: LAION 2023, demand 2; NTIA comments 30.
    """

    cost_by_tier: tuple[Money, Money, Money]
    options: str = "all"
    unit: str

    def edit(self, made: Edits) -> None:
        """One yearly duty per risk tier, on the sectors of that tier."""
        for sectors, cost in zip(data.sectors_by_tier(), self.cost_by_tier, strict=True):
            aimed = tuple(s for s in sectors if not self.where.sector or s in self.where.sector)
            if aimed:
                where = self.where.model_copy(update={"sector": aimed})
                made.put("option.compliance_cost", "add", cost, self.options, where=where)


class UpstreamLiability(Dated):
    """Expected liability of developers for what others do with their models.

    Source: NTIA comments 29b.
    """

    per_base_model: Money = 0.0
    per_variant: Money = 0.0
    unit: str

    def edit(self, made: Edits) -> None:
        """Expected liability counts like a duty."""
        made.put("supply.base_duty", "add", self.per_base_model)
        made.put("supply.variant_duty", "add", self.per_variant)


class MisallocatedResponsibility(Dated):
    """Part of the duties of those who deploy open models falls on those who made them.

    Source: NTIA comments 29c, 36.
    """

    share: Share

    def edit(self, made: Edits) -> None:
        """The share that is pushed upstream."""
        made.put("supply.upstream_share", "add", self.share)


class PublicCompute(Dated):
    """Public computing for open research and small firms, until its budget is spent.

    Source: LAION 2023, demand 3; EuroHPC AI Factories.
    """

    budget: float = Field(gt=0.0, le=1e12)
    per_year: float = Field(gt=0.0, le=1e12)
    lag_reduction: Delay = 0.0
    hosting_price_cut: Share = 0.0
    unit: str

    def span(self) -> tuple[int, int]:
        """The programme ends when its budget is spent, if not before."""
        start, stop = super().span()
        return start, min(stop, start + int(np.ceil(12.0 * self.budget / self.per_year - 1e-9)))

    def edit(self, made: Edits) -> None:
        """A shorter open lag, subsidised hosting, and what the programme spends."""
        made.put("supply.open_lag_change", "add", -self.lag_reduction)
        for name in made.hosted("third_party_host"):
            made.put("option.price_subsidy", "add", self.hosting_price_cut, name)
        made.put("public.programme", "add", self.per_year)


class OpenModelProgramme(PublicCompute):
    """A public programme for open models: lag, fit to languages and sectors, residence of hosts.

    Source: EOSA 2025; OpenEuroLLM (37.4 million EUR).
    """

    fit_gain: Share = 0.0
    residence_gain: Share = 0.0

    def edit(self, made: Edits) -> None:
        """As public computing, and better fit and residence of open options."""
        super().edit(made)
        made.put("option.fit", "scale", 1.0 + self.fit_gain, "open")
        made.put("option.foreign_share", "scale", 1.0 - self.residence_gain, "open")


class Sandbox(Dated):
    """A sandbox: lower compliance cost and perceived risk, usually in regulated sectors.

    Source: LAION 2023.
    """

    compliance_cut: Share = 0.0
    risk_cut: float = Field(default=0.0, ge=0.0, le=2.0)

    def edit(self, made: Edits) -> None:
        """Compliance cost and perceived risk of all options."""
        made.put("option.compliance_cost", "cut", 1.0 - self.compliance_cut, "all")
        made.put("option.perceived_risk", "add", -self.risk_cut, "all")


class EvaluationStandards(Dated):
    """Public evaluation and standards: lower perceived risk of all options.

    Source: NTIA comments 32.
    """

    risk_cut: float = Field(ge=0.0, le=2.0)

    def edit(self, made: Edits) -> None:
        """Perceived risk of all options."""
        made.put("option.perceived_risk", "add", -self.risk_cut, "all")


class SkillsProgramme(Dated):
    """Raises digital maturity and the pace of considering.

    Source: EOSA 2025.
    """

    maturity_gain: Share = 0.0
    considering_pace: float = Field(default=1.0, ge=1.0, le=10.0)
    per_year: Money = 0.0
    unit: str

    def edit(self, made: Edits) -> None:
        """Maturity, pace of considering, and what the programme spends."""
        made.put("firms.maturity", "add", self.maturity_gain)
        made.put("considering.pace", "scale", self.considering_pace)
        made.put("public.programme", "add", self.per_year)


class DataProtection(Dated):
    """Data protection or sovereign hosting: less exposure of data at hosted options.

    Source: NTIA comments 8d, 41-42.
    """

    exposure_cut: Share

    def edit(self, made: Edits) -> None:
        """Exposure of data at every option that is not on private hardware."""
        own = made.hosted("private_hardware")
        for option in made.options:
            if option.name not in own:
                made.put(
                    "option.confidentiality_exposure", "scale", 1.0 - self.exposure_cut, option.name
                )


class Portability(Dated):
    """Lower switching costs and less dependence on one supplier.

    Source: NTIA comments 42; Data Act (EU 2023/2854).
    """

    switching_cost_cut: Share = 0.0
    dependence_cut: Share = 0.0

    def edit(self, made: Edits) -> None:
        """Cost of moving, and dependence on one supplier."""
        made.put("firms.switching_cost", "scale", 1.0 - self.switching_cost_cut)
        made.put("option.dependence_exposure", "scale", 1.0 - self.dependence_cut, "all")


class SupplierShock(Dated):
    """A supplier's price, terms (felt as risk, log points of the hurdle) or exit at a date.

    Source: NTIA comments 42.
    """

    options: str
    price_rise: float = Field(default=0.0, ge=-0.95, le=10.0)
    risk_rise: float = Field(default=0.0, ge=0.0, le=2.0)
    exit_share: Share = 0.0

    def edit(self, made: Edits) -> None:
        """Price, felt risk and availability of the options hit."""
        made.put("option.price", "scale", 1.0 + self.price_rise, self.options)
        made.put("option.perceived_risk", "add", self.risk_rise, self.options)
        made.put("option.available", "scale", 1.0 - self.exit_share, self.options)


class MisuseCost(Dated):
    """Assumed social cost of misuse per using firm, shown beside GDP, never in it.

    Source: NTIA comments 17-21, 28.
    """

    options: str = "open"
    per_firm: float = Field(ge=0.0, le=1e6)
    unit: str

    def edit(self, made: Edits) -> None:
        """Social cost per using firm."""
        made.put("option.misuse_cost", "add", self.per_firm, self.options)


#: Named instruments of a scenario file: key -> model.
INSTRUMENTS: dict[str, type[Dated]] = {
    "open_release_ban": OpenReleaseBan,
    "licensing": Licensing,
    "obligations": Obligations,
    "open_exemption": OpenExemption,
    "risk_proportionate_duties": RiskProportionateDuties,
    "upstream_liability": UpstreamLiability,
    "misallocated_responsibility": MisallocatedResponsibility,
    "public_compute": PublicCompute,
    "open_model_programme": OpenModelProgramme,
    "sandbox": Sandbox,
    "evaluation_standards": EvaluationStandards,
    "adoption_voucher": AdoptionVoucher,
    "skills_programme": SkillsProgramme,
    "data_protection": DataProtection,
    "portability": Portability,
    "supplier_shock": SupplierShock,
    "misuse_cost": MisuseCost,
}


def expand(
    instruments: Sequence[tuple[str, Dated]],
    options: Sequence[OptionKind],
    values: Mapping[str, float],
    currency: str,
) -> Package:
    """All instruments of a scenario as elementary edits.

    Args:
        instruments: (label, instrument) pairs in the order of the file.
        options: the scenario's AI options.
        values: uncertainties and constants (a ban on domestic release needs the domestic share).
        currency: currency of the region, for units.

    Raises:
        PolicyError: unknown term, wrong unit, value out of bounds, two ``set`` on one term, month
            and firm, or an exemption from obligations that nothing imposes.
    """
    entries: list[Entry] = []
    budgets: list[Budget] = []
    for label, item in instruments:
        unit = getattr(item, "unit", currency)
        if unit != currency and not isinstance(item, Adjustment):
            raise PolicyError(f"{label}: its unit is '{currency}', not '{unit}'")
        paid = isinstance(item, AdoptionVoucher)
        made = Edits(label, item, options, values, currency, len(budgets) if paid else None)
        try:
            item.edit(made)
        except ParameterError as error:
            raise PolicyError(f"{label}: {error}") from None
        entries += made.entries
        if isinstance(item, AdoptionVoucher):
            budgets.append(Budget(label, item.budget))
    _refuse_contradictions(entries)
    _refuse_idle_exemptions(instruments)
    return Package(tuple(entries), tuple(budgets))


def _refuse_idle_exemptions(instruments: Sequence[tuple[str, Dated]]) -> None:
    """An exemption needs an obligation, liability or licence cost to lift."""
    imposing = [
        item
        for _, item in instruments
        if isinstance(item, Obligations | UpstreamLiability | Licensing)
        or (isinstance(item, Adjustment) and item.term.endswith("_duty"))
    ]
    for label, item in instruments:
        if isinstance(item, OpenExemption) and not any(_overlap(item, o) for o in imposing):
            raise PolicyError(
                f"{label}: an exemption without an obligation: no instrument of this scenario "
                "imposes duties on open models at that time"
            )


def _overlap(first: Dated, second: Dated) -> bool:
    a, b = first.span(), second.span()
    return a[0] < b[1] and b[0] < a[1]


def _refuse_contradictions(entries: Sequence[Entry]) -> None:
    sets = [e for e in entries if e.operation == "set"]
    for number, first in enumerate(sets):
        for second in sets[number + 1 :]:
            if (
                first.lever == second.lever
                and first.option == second.option
                and first.start < second.stop
                and second.start < first.stop
                and first.where.overlaps(second.where)
            ):
                name = first.lever.replace("option.", f"{first.option}.")
                raise PolicyError(
                    f"'{first.instrument}' and '{second.instrument}' both set '{name}' for the "
                    f"same firms from {month_label(max(first.start, second.start))}"
                )


@dataclass(frozen=True)
class Terms:
    """The terms of one month.

    Attributes:
        economy: lever -> ``ndarray[cells]`` (levers of firms) or one number (``supply.*``).
        option: lever -> ``ndarray[cells, options]``.
        touched: (lever, option or ``None``, instrument) of every edit in force.
    """

    economy: dict[str, np.ndarray]
    option: dict[str, np.ndarray]
    touched: tuple[tuple[str, str | None, str], ...]

    def scalar(self, lever: str) -> float:
        """A lever that is the same for all firms."""
        return float(self.economy[lever][0])


def terms(
    month: int,
    base_option: Mapping[str, np.ndarray],
    package: Package,
    masks: Mapping[Where, np.ndarray],
    option_names: Sequence[str],
    cells: int,
    exhausted: Sequence[bool] = (),
) -> Terms:
    """Terms of a month: base, then every set, every scale, every add, every cut of the sum.

    Args:
        month: months after January 2021.
        base_option: option lever -> ``ndarray[options]`` of the month's base values.
        package: the instruments.
        masks: target -> ``ndarray[cells]`` of bool, for every target in the package.
        option_names: the options in order.
        cells: number of cells.
        exhausted: for each budget of the package, whether it has been spent.

    Raises:
        PolicyError: a term leaves its bounds; the message names the instruments that did it.
    """
    economy = {
        name: np.full(1 if name.startswith(registry.ECONOMY_WIDE) else cells, p.default)
        for name, p in registry.LEVERS.items()
        if not name.startswith(registry.OPTION_PREFIX)
    }
    option = {name: np.repeat(base_option[name][None, :], cells, axis=0) for name in base_option}
    active = [
        (e, e.strength(month))
        for e in package.entries
        if not (e.budget is not None and exhausted and exhausted[e.budget])
    ]
    active = [(e, s) for e, s in active if s > 0.0]
    position = {name: i for i, name in enumerate(option_names)}
    for operation in ("set", "scale", "add", "cut"):
        for entry, strength in active:
            if entry.operation != operation:
                continue
            if entry.option is None:
                values = economy[entry.lever]
            else:
                values = option[entry.lever][:, position[entry.option]]
            chosen = slice(None) if len(values) == 1 else masks[entry.where]
            if operation == "set":
                blend = values[chosen] + strength * (entry.value - values[chosen])
                values[chosen] = entry.value if strength >= 1.0 else blend
            elif operation in ("scale", "cut"):
                values[chosen] *= 1.0 + strength * (entry.value - 1.0)
            else:
                values[chosen] += strength * entry.value
    touched = tuple(dict.fromkeys((e.lever, e.option, e.instrument) for e, _ in active))
    for lever, name, _ in touched:
        values = economy[lever] if name is None else option[lever][:, position[name]]
        _check_bounds(registry.LEVERS[lever], values, name, month, touched)
    return Terms(economy, option, touched)


def _check_bounds(
    parameter: Parameter,
    values: np.ndarray,
    option: str | None,
    month: int,
    touched: Sequence[tuple[str, str | None, str]],
) -> None:
    slack = 1e-9 * max(1.0, abs(parameter.low), abs(parameter.high))
    if values.min() < parameter.low - slack or values.max() > parameter.high + slack:
        worst = values.min() if values.min() < parameter.low - slack else values.max()
        culprits = sorted({i for lv, o, i in touched if lv == parameter.name and o == option})
        name = parameter.name.replace("option.", f"{option}.")
        raise PolicyError(
            f"'{name}' would be {worst:g} {parameter.unit} in {month_label(month)}, outside "
            f"{parameter.low:g} to {parameter.high:g}: {', '.join(culprits)}"
        )


__all__ = [
    "EPOCH_YEAR",
    "INSTRUMENTS",
    "Adjustment",
    "AdoptionVoucher",
    "Budget",
    "Dated",
    "Entry",
    "OpenReleaseBan",
    "OptionKind",
    "Package",
    "ParameterError",
    "PolicyError",
    "Terms",
    "Where",
    "expand",
    "month_index",
    "month_label",
    "terms",
]
