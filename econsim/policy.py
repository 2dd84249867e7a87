"""Policy instruments, packages of them, and the terms of a month.

A policy edits *terms*, never the model: the terms of a month are computed anew from base values
and the instruments in force, so an ended instrument leaves no trace.  Terms = base, then every
``set``, then every ``scale``, then every ``add``; the order within ``scale`` and within ``add``
does not matter, and concatenating packages composes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from econsim import data
from econsim import parameters as registry
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


class OpenReleaseBan(Dated):
    """A ban on open models; it must state its object, jurisdiction, stock and re-entry.

    Source: NTIA comments (Stability AI 2024), Annex B; LAION 2023.
    """

    object: tuple[Literal["release", "hosting", "use"], ...] = Field(min_length=1)
    jurisdiction: Literal["domestic", "world"]
    existing_weights: Literal["frozen", "withdrawn"]
    compliance_share: Share = 1.0
    reentry_share: Share = 0.5


class AdoptionVoucher(Dated):
    """Pays a share of up-front cost up to a cap, until the budget is spent.

    Source: Kit Digital (ES).  Payments are transfers; the resources bought are not.
    """

    rate: Share = 1.0
    cap: float = Field(ge=0.0, le=1e6)
    budget: float = Field(gt=0.0, le=1e12)
    unit: str


#: Named instruments of a scenario file: key -> model.
INSTRUMENTS: dict[str, type[Dated]] = {
    "open_release_ban": OpenReleaseBan,
    "adoption_voucher": AdoptionVoucher,
}


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


def _scopes(scope: str | None, options: Sequence[OptionKind]) -> tuple[str | None, ...]:
    if scope is None:
        return (None,)
    if scope == "all":
        return tuple(o.name for o in options)
    if scope in ("open", "closed"):
        return tuple(o.name for o in options if o.open_weights == (scope == "open"))
    return (scope,)


def _adjustment_entries(
    label: str, item: Adjustment, options: Sequence[OptionKind], currency: str
) -> list[Entry]:
    parameter, scope = registry.lever(item.term, [o.name for o in options])
    operation, value = item.operation()
    unit = registry.unit_in_region(parameter.unit, currency)
    expected = "multiple" if operation == "scale" else unit
    if item.unit != expected and not (operation == "scale" and item.unit == unit):
        raise PolicyError(f"{label}: unit of '{item.term}' is '{expected}', not '{item.unit}'")
    if operation == "set":
        parameter.check(value)
    elif operation == "scale" and not 0.0 <= value <= 1000.0:
        raise PolicyError(f"{label}: 'scale' of '{item.term}' must be between 0 and 1000")
    if parameter.name.startswith("supply.") and item.where != Where():
        raise PolicyError(f"{label}: '{item.term}' is the same for all firms; remove 'where'")
    start, stop = item.span()
    return [
        Entry(label, parameter.name, option, operation, value, start, stop, item.phase_in,
              item.where)
        for option in _scopes(scope, options)
    ]  # fmt: skip


def _ban_entries(
    label: str, ban: OpenReleaseBan, options: Sequence[OptionKind], values: Mapping[str, float]
) -> list[Entry]:
    start, stop = ban.span()

    def entry(lever: str, operation: str, value: float, option: str | None = None) -> Entry:
        where = ban.where if lever.startswith("option.") else Where()
        return Entry(label, lever, option, operation, value, start, stop, ban.phase_in, where)

    entries = []
    world = ban.jurisdiction == "world"
    if "release" in ban.object:
        reached = 1.0 if world else values["supply.domestic_pool_share"]
        entries.append(entry("supply.open_pool", "scale", 1.0 - reached))
        if world:
            entries.append(entry("supply.open_frozen", "set", 1.0))
    gone = "use" in ban.object or (
        "release" in ban.object and world and ban.existing_weights == "withdrawn"
    )
    for option in options:
        if not option.open_weights:
            continue
        hosted = option.deployment == "third_party_host"
        if hosted and (gone or "hosting" in ban.object):
            entries.append(entry("option.available", "scale", 0.0, option.name))
        elif gone:
            # Local copies of weights: only the complying share of firms gives them up.
            entries.append(
                entry("option.available", "scale", 1.0 - ban.compliance_share, option.name)
            )
    entries.append(entry("supply.reentry_share", "add", ban.reentry_share))
    return entries


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
        PolicyError, ParameterError: unknown term, wrong unit, value out of bounds, or two
            ``set`` on one term, month and firm.
    """
    entries: list[Entry] = []
    budgets: list[Budget] = []
    for label, item in instruments:
        if isinstance(item, Adjustment):
            entries += _adjustment_entries(label, item, options, currency)
        elif isinstance(item, OpenReleaseBan):
            entries += _ban_entries(label, item, options, values)
        elif isinstance(item, AdoptionVoucher):
            if item.unit != currency:
                raise PolicyError(f"{label}: unit of a voucher is '{currency}', not '{item.unit}'")
            start, stop = item.span()
            common = (start, stop, item.phase_in, item.where, len(budgets))
            entries.append(Entry(label, "voucher.rate", None, "set", item.rate, *common))
            entries.append(
                Entry(label, "voucher.cap", None, "set", item.cap, start, stop, 0, item.where,
                      len(budgets))
            )  # fmt: skip
            budgets.append(Budget(label, item.budget))
        else:
            raise PolicyError(f"{label}: no rule for instrument {type(item).__name__}")
    _refuse_contradictions(entries)
    return Package(tuple(entries), tuple(budgets))


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
    """Terms of a month: base, then every set, every scale, every add.

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
        name: np.full(1 if name.startswith("supply.") else cells, p.default)
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
    for operation in ("set", "scale", "add"):
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
            elif operation == "scale":
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
