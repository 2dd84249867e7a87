"""The mean field: the same value functions with chance integrated out.

Given the month's offers, a firm's probability of using each option is known in closed form (the
nested logit), and because a firm's draws keep their distribution whether they are kept or redrawn,
the share of users after an evaluation depends on that month's values only (without switching
costs).  The agents converge to this as the population grows.  It solves the option constants, and
it serves fitting: milliseconds instead of seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from econsim import behaviour, data, population, setting, supply
from econsim.arithmetic import exp, log
from econsim.policy import month_index
from econsim.scenario import Scenario
from econsim.setting import Setting

#: Rows of the reference population of the mean field, before maturity and depth are split.
REFERENCE_ROWS = 2_000
_NEWTON_ROUNDS = 100
_TASTE_DIGITS = 10


class MeanFieldError(ValueError):
    """The observed use cannot be reproduced with these parameters."""


@dataclass(frozen=True)
class Nodes:
    """Firms of the mean field: rows split by maturity and depth, with their probabilities.

    Attributes:
        cell, persons, value_added, maturity, depth: ``ndarray[nodes]``.
        weight: enterprises times the probability of the node.
        traits: fixed traits.
    """

    cell: np.ndarray
    persons: np.ndarray
    value_added: np.ndarray
    maturity: np.ndarray
    depth: np.ndarray
    weight: np.ndarray
    traits: setting.Traits

    def take(self, chosen: np.ndarray) -> Nodes:
        """The chosen nodes."""
        columns = {
            k: getattr(self, k)[chosen]
            for k in ("cell", "persons", "value_added", "maturity", "depth", "weight")
        }
        kept = {k: getattr(self.traits, k)[chosen] for k in self.traits.__dataclass_fields__}
        return Nodes(**columns, traits=setting.Traits(**kept))


@lru_cache(maxsize=4)
def _reference_population(region: str) -> population.Population:
    return population.synthesise(region, REFERENCE_ROWS, seed=0)


def nodes(bound: Setting) -> Nodes:
    """The reference population of a setting's region, split by maturity and depth."""
    firms = _reference_population(bound.scenario.region)
    values = bound.values
    size = behaviour.log_size(firms.persons)
    mature = behaviour.logistic_share(
        values["maturity.level"] + values["maturity.size_slope"] * size
    )
    deep = values["benefit.deep_share"]
    parts = [
        (m, d, (mature if m else 1.0 - mature) * (deep if d else 1.0 - deep))
        for m in (0.0, 1.0)
        for d in (0.0, 1.0)
    ]
    count = firms.rows
    cell = np.tile(firms.cell, 4)
    maturity = np.repeat([m for m, _, _ in parts], count)
    persons = np.tile(firms.persons, 4)
    return Nodes(
        cell=cell,
        persons=persons,
        value_added=np.tile(firms.value_added, 4) * values["economy.price_index_2024"],
        maturity=maturity,
        depth=np.repeat([1.0 if d else values["benefit.light_depth"] for _, d, _ in parts], count),
        weight=np.tile(firms.weight, 4) * np.concatenate([p for _, _, p in parts]),
        traits=setting.traits(bound, persons, maturity, cell),
    )


def surveyed(bound: Setting, firms: Nodes) -> np.ndarray:
    """Nodes within the scope of the region's AI survey, ``ndarray[nodes]`` of bool.

    EU: 10 or more persons engaged, sections C-J, L-N and S (Eurostat isoc_eb_ai).  US: employers
    with 10 to 249 persons, all sectors (Census BTOS), where both surveys' populations agree.
    """
    cells = bound.cells
    size = np.array([s not in ("nonemployer", "0-9") for s in cells.size_classes])
    if bound.scenario.region == "US":
        size = np.array([s in ("10-49", "50-249") for s in cells.size_classes])
        return np.asarray(size[cells.size][firms.cell])
    sector = np.array([s in data.SURVEY_SECTORS for s in cells.sectors])
    return np.asarray((sector[cells.sector] & size[cells.size])[firms.cell])


def reporting_share(scenario: Scenario) -> float:
    """Share of using firms that the region's survey counts as users."""
    if scenario.region == "US":
        return scenario.values["survey.us_reporting_share"]
    return 1.0


def option_values(bound: Setting, offered: setting.Offers, firms: Nodes) -> np.ndarray:
    """Systematic utility of each option for each node, ``ndarray[nodes, options]``."""
    values = bound.values
    result = np.empty((len(firms.cell), len(bound.options)))
    life = setting.annuity(values["cost.interest"], values["cost.set_up_life"])
    for k in range(len(bound.options)):
        up_front = behaviour.up_front_cost(
            firms.traits.scale,
            offered.set_up_cost[firms.cell, k],
            offered.hardware_cost[firms.cell, k],
        )
        relief = life * behaviour.voucher_payment(
            up_front, offered.voucher_rate[firms.cell], offered.voucher_cap[firms.cell]
        )
        cost = behaviour.yearly_cost(
            firms.persons * firms.depth,
            firms.traits.scale,
            firms.traits.wedge,
            offered.seat_cost[firms.cell, k],
            offered.set_up_annuity[firms.cell, k],
            offered.hardware_annuity[firms.cell, k],
            offered.running_cost[firms.cell, k],
            relief,
        )
        gain = behaviour.benefit(
            firms.value_added,
            offered.activity * offered.benefit_rate[firms.cell, k],
            firms.depth,
        )
        value = behaviour.option_value(
            gain, cost, firms.traits.hurdle, offered.taste[firms.cell, k], values["choice.beta"]
        )
        usable = offered.available[firms.cell, k]
        # A share of firms without access is a share of zero utility: exact for 0 and 1, and for
        # partial availability an average within the nest.
        open_door = np.maximum(usable, 1e-300)
        with_access = value + values["choice.lambda"] * log(open_door)
        result[:, k] = np.where(usable > 0.0, with_access, behaviour.NEVER)
    return result


def choice_probabilities(values: np.ndarray, dissimilarity: float) -> np.ndarray:
    r"""Nested-logit probabilities of each option, given that AI is considered.

    .. math:: P_k = \frac{e^{V_k/\lambda}}{\sum_j e^{V_j/\lambda}} \cdot
              \frac{e^{IV}}{1 + e^{IV}}, \quad IV = \lambda \ln \sum_j e^{V_j/\lambda}

    Args:
        values: ``ndarray[nodes, options]``.
        dissimilarity: lambda.

    Returns:
        ``ndarray[nodes, options]``; the rest to one is not using AI.
    """
    largest = values.max(axis=1)
    feasible = largest > 0.5 * behaviour.NEVER
    safe = np.where(feasible, largest, 0.0)
    weights = exp((values - safe[:, None]) / dissimilarity)
    weights = np.where(values > 0.5 * behaviour.NEVER, weights, 0.0)
    total = np.where(feasible, weights.sum(axis=1), 1.0)
    inclusive = behaviour.inclusive_value(safe, total, dissimilarity)
    use = np.where(feasible, behaviour.use_probability(inclusive), 0.0)
    return np.asarray(weights / total[:, None] * use[:, None])


def considering_share(bound: Setting, firms: Nodes, cumulative: np.ndarray) -> np.ndarray:
    """Probability that a node considers AI, given its cell's cumulative hazard."""
    values = bound.values
    unit_threshold = behaviour.considering_threshold(
        np.ones(len(firms.cell)),
        firms.traits.size,
        firms.maturity,
        values["considering.size_slope"],
        values["considering.maturity_slope"],
    )
    reached = cumulative[firms.cell] / unit_threshold
    return np.asarray(firms.traits.applicable_share * (1.0 - exp(-reached)))


@dataclass(frozen=True)
class Path:
    """Month by month: offers and cumulative hazards of a run without feedback."""

    offered: list[setting.Offers]
    cumulative: list[np.ndarray]


def path(bound: Setting, months: int) -> Path:
    """Offers and considering of the first ``months`` months, with signals at their reference."""
    supplied = supply.Supply.start(max(bound.months, months))
    considering = setting.Considering.start(bound)
    offered, cumulative = [], []
    for month in range(months):
        now = setting.offers(bound, month, supplied, setting.Signals())
        considering.advance(month, bound.values, now.considering_pace)
        offered.append(now)
        cumulative.append(considering.cumulative.copy())
    return Path(offered, cumulative)


def general_use(bound: Setting, walked: Path, firms: Nodes, month: int) -> np.ndarray:
    """Probability of using each option in a month, ``ndarray[nodes, options]``.

    Firms evaluate once a year, a twelfth each month: the average over the last twelve
    evaluations.
    """
    total = np.zeros((len(firms.cell), len(bound.options)))
    for past in range(month - 11, month + 1):
        if past < 0 or not (bound.arrival <= past).any():
            continue
        values = option_values(bound, walked.offered[past], firms)
        considered = considering_share(bound, firms, walked.cumulative[past])
        total += considered[:, None] * choice_probabilities(values, bound.values["choice.lambda"])
    return total / 12.0


def target_shares(scenario: Scenario) -> np.ndarray:
    """Shares of the options among general-purpose users in the reference month.

    The open family gets ``choice.open_share``; each option that has arrived its part of its
    family.
    """
    month = scenario.values["survey.reference_month"]
    options = list(scenario.options.values())
    here = [month_index(o.arrival) <= month for o in options]
    family = {
        flag: math.fsum(
            o.target_share
            for o, h in zip(options, here, strict=True)
            if h and o.open_weights == flag
        )
        for flag in (True, False)
    }
    s = scenario.values["choice.open_share"]
    if not family[True]:
        s = 0.0
    if not family[False]:
        s = 1.0
    return np.array(
        [
            (s if o.open_weights else 1.0 - s) * o.target_share / family[o.open_weights]
            if h
            else 0.0
            for o, h in zip(options, here, strict=True)
        ]
    )


def solve_tastes(scenario: Scenario) -> np.ndarray:
    """Option constants ``a_k`` that reproduce observed use in the reference month.

    Solved, not fitted: at every (lambda, open share) anew, on the scenario without its
    instruments, so that total use (narrow or general-purpose) equals ``survey.use_2024`` through
    the region's survey and the options' shares equal :func:`target_shares` (Berry 1994), by
    Newton's method on the mean field's closed form.

    Returns:
        ``ndarray[options]``.

    Raises:
        MeanFieldError: the observed use cannot be reached (too few firms consider AI, or no
            option is worth its cost).
    """
    key = (
        scenario.region,
        tuple(sorted(scenario.values.items())),
        tuple((n, o.model_dump_json()) for n, o in scenario.options.items()),
        scenario.run.months,
    )
    return _solve_cached(key, _Unhashed(scenario)).copy()


class _Unhashed:
    """Carries the scenario past the cache key, which already names all that matters."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Unhashed)


@lru_cache(maxsize=256)
def _solve_cached(key: tuple, carried: _Unhashed) -> np.ndarray:
    return solve_bound(setting.bind(carried.scenario.with_changes(instruments=())))


def solve_bound(bound: Setting, walked: Path | None = None) -> np.ndarray:
    """:func:`solve_tastes` for a scenario already bound, without instruments (fitting uses it).

    Args:
        bound: the setting.
        walked: its path without option constants, at least to the reference month, if known.
    """
    values = bound.values
    month = int(values["survey.reference_month"])
    everyone = nodes(bound)
    firms = everyone.take(surveyed(bound, everyone))
    if walked is None:
        walked = path(replace(bound, tastes=np.zeros(len(bound.options))), month + 1)
    target = values["survey.use_2024"] / 100.0 / reporting_share(bound.scenario)
    present = bound.arrival <= month
    months = [m for m in range(max(month - 11, 0), month + 1) if (bound.arrival <= m).any()]
    if not months:
        raise MeanFieldError("no AI option has arrived before the reference month")
    stack = _Stack.build(bound, walked, firms, months)
    shares = target_shares(bound.scenario)
    tastes = _newton(stack, shares, present, target, values["choice.lambda"])
    tastes = np.where(present, tastes, tastes[present].mean())
    # The last bits of the iteration depend on the linear algebra library; the rounding does not.
    return np.asarray(np.round(tastes, _TASTE_DIGITS))


@dataclass(frozen=True)
class _Stack:
    """Option values of the surveyed nodes at their evaluations of the year, without constants.

    Attributes:
        top: ``[n]``, the largest value of each node and month (0 where nothing is feasible).
        weights: ``[n, options]``, ``exp((V - top) / lambda)``, 0 where infeasible.
        share: ``[n]``, the node's share of all surveyed firms, times considering, over 12.
        narrow: ``[n]``, probability of narrow AI.
        narrow_only: share of surveyed firms that use narrow AI.
    """

    top: np.ndarray
    weights: np.ndarray
    share: np.ndarray
    narrow: np.ndarray
    narrow_only: float

    @classmethod
    def build(cls, bound: Setting, walked: Path, firms: Nodes, months: list[int]) -> _Stack:
        """Evaluate all months once; only the constants move between iterations."""
        weight = firms.weight / firms.weight.sum()
        dissimilarity = bound.values["choice.lambda"]
        tops, weights, shares = [], [], []
        for month in months:
            value = option_values(bound, walked.offered[month], firms)
            largest = value.max(axis=1)
            top = np.where(largest > 0.5 * behaviour.NEVER, largest, 0.0)
            relative = exp((value - top[:, None]) / dissimilarity)
            weights.append(np.where(value > 0.5 * behaviour.NEVER, relative, 0.0))
            tops.append(top)
            shares.append(weight * considering_share(bound, firms, walked.cumulative[month]))
        return cls(
            np.concatenate(tops),
            np.concatenate(weights),
            np.concatenate(shares) / 12.0,
            np.tile(firms.traits.narrow_share, len(months)),
            float((weight * firms.traits.narrow_share).sum()),
        )


def _newton(
    stack: _Stack, shares: np.ndarray, present: np.ndarray, target: float, dissimilarity: float
) -> np.ndarray:
    """Constants with the given shares and total use: damped Newton steps on log shares."""
    chosen = np.flatnonzero(present)
    wanted = shares[chosen] / shares[chosen].sum()
    tastes = np.zeros(len(present))
    if stack.narrow_only >= target:
        raise MeanFieldError(
            f"narrow AI alone ({100 * stack.narrow_only:.1f} %) exceeds the observed use "
            f"({100 * target:.1f} %)"
        )
    gap = np.inf
    for _ in range(_NEWTON_ROUNDS):
        weights = stack.weights[:, chosen] * exp(tastes[chosen] / dissimilarity)[None, :]
        total = weights.sum(axis=1)
        open_ = total > 0.0
        safe = np.where(open_, total, 1.0)
        inclusive = behaviour.inclusive_value(stack.top, safe, dissimilarity)
        use = np.where(open_, behaviour.use_probability(inclusive), 0.0)
        within = weights / safe[:, None]
        users = (stack.share * use)[:, None] * within
        by_option = users.sum(axis=0)
        if (by_option <= 1e-280).any():
            raise MeanFieldError("some AI option is worth its cost to no surveyed firm")
        # Residuals: log shares against the wanted ones (all but the last), and total use.
        slope = (
            np.diag(by_option) / dissimilarity
            - (users * (1.0 / dissimilarity - (1.0 - use))[:, None]).T @ within
        )
        only_general = users * (1.0 - stack.narrow)[:, None]
        observed = stack.narrow_only + float(only_general.sum())
        total_slope = ((stack.share * use * (1.0 - use) * (1.0 - stack.narrow))[:, None]
                       * within).sum(axis=0)  # fmt: skip
        log_slope = slope / by_option[:, None]
        residual = np.log(by_option / wanted)
        residual = np.append(residual[:-1] - residual[-1], np.log(observed / target))
        jacobian = np.vstack([log_slope[:-1] - log_slope[-1], total_slope / observed])
        try:
            step = -np.linalg.solve(jacobian, residual)
        except np.linalg.LinAlgError:
            break
        gap = float(np.abs(step).max())
        tastes[chosen] += step * min(1.0, 1.0 / gap if gap > 0.0 else 1.0)
        if gap < 1e-13 or np.abs(tastes).max() > 60.0:
            break
    if gap > 1e-8:
        raise MeanFieldError(
            "the observed use in the reference month cannot be reproduced with these parameters "
            "(too few firms consider AI, or some option is feasible for too few)"
        )
    return tastes


def solved(scenario: Scenario) -> Setting:
    """A scenario bound to its tables, with its option constants solved."""
    return replace(setting.bind(scenario), tastes=solve_tastes(scenario))
