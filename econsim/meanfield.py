"""The mean field: the same value functions with chance integrated out.

Given the month's offers, a firm's probability of using each option is known in closed form (the
nested logit), and because a firm's draws keep their distribution whether they are kept or redrawn,
the share of users after an evaluation depends on that month's values only (without switching
costs).  The agents converge to this as the population grows.  It solves the option constants, and
it serves fitting: milliseconds instead of seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from econsim import behaviour, data, population, setting, supply
from econsim.arithmetic import exp, log
from econsim.scenario import Scenario
from econsim.setting import Setting

#: Rows of the reference population of the mean field, before maturity and depth are split.
REFERENCE_ROWS = 2_000
_CONTRACTION_ROUNDS = 500


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
    (Census BTOS, all sectors).
    """
    cells = bound.cells
    size = np.array([s not in ("nonemployer", "0-9") for s in cells.size_classes])
    if bound.scenario.region == "US":
        size = np.array([s != "nonemployer" for s in cells.size_classes])
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
            firms.persons,
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
    supplied = supply.Supply.start(bound.months)
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

    The open family gets ``choice.open_share``; each option its part of its family.
    """
    options = list(scenario.options.values())
    family = {
        flag: sum(o.target_share for o in options if o.open_weights == flag)
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
            for o in options
        ]
    )


def solve_tastes(scenario: Scenario) -> np.ndarray:
    """Option constants ``a_k`` that reproduce observed use in the reference month.

    Solved, not fitted: at every (lambda, open share) anew, on the scenario without its
    instruments, so that total use (narrow or general-purpose) equals ``survey.use_2024`` through
    the region's survey and the options' shares equal :func:`target_shares`.  Berry's (1994)
    contraction with nested-logit damping.

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
    scenario = carried.scenario.with_changes(instruments=())
    bound = setting.bind(scenario)
    values = scenario.values
    month = int(values["survey.reference_month"])
    everyone = nodes(bound)
    firms = everyone.take(surveyed(bound, everyone))
    walked = path(bound, month + 1)
    shares = target_shares(scenario)
    present = bound.arrival <= month
    narrow = firms.traits.narrow_share
    weight = firms.weight / firms.weight.sum()
    target = values["survey.use_2024"] / 100.0 / reporting_share(scenario)

    # Values without constants do not change between rounds; only the constants move.
    stack, considered = [], []
    for past in range(month - 11, month + 1):
        if past >= 0 and (bound.arrival <= past).any():
            stack.append(option_values(bound, walked.offered[past], firms))
            considered.append(considering_share(bound, firms, walked.cumulative[past]))
    if not stack:
        raise MeanFieldError("no AI option has arrived before the reference month")
    tastes = np.zeros(len(bound.options))
    dissimilarity = values["choice.lambda"]
    gap = np.inf
    for _ in range(_CONTRACTION_ROUNDS):
        users = (
            sum(
                c[:, None] * choice_probabilities(v + tastes[None, :], dissimilarity)
                for v, c in zip(stack, considered, strict=True)
            )
            / 12.0
        )
        users = np.asarray(users)
        by_option = (weight[:, None] * users).sum(axis=0)
        general = by_option.sum()
        if general <= 0.0:
            raise MeanFieldError("no AI option is worth its cost to any surveyed firm")
        # Total use moves with general-purpose use of firms without narrow AI.
        total = (weight * (narrow + (1.0 - narrow) * users.sum(axis=1))).sum()
        wanted = general + (target - total) * general / max(
            float((weight * (1.0 - narrow) * users.sum(axis=1)).sum()), 1e-300
        )
        if wanted <= 0.0:
            raise MeanFieldError(
                f"narrow AI alone exceeds the observed use of {values['survey.use_2024']} %"
            )
        ratio = np.where(present, shares / shares[present].sum() * wanted, 1.0)
        ratio = np.where(present, ratio / np.maximum(by_option, 1e-300), 1.0)
        level = wanted / general
        step = dissimilarity * log(ratio / level) + log(np.float64(level))
        step = np.where(present, np.clip(step, -3.0, 3.0), 0.0)
        tastes = tastes + step
        gap = float(np.abs(step).max())
        if gap < 1e-11:
            break
        if np.abs(tastes).max() > 60.0:
            break
    if gap > 1e-6:
        raise MeanFieldError(
            "the observed use in the reference month cannot be reproduced with these parameters "
            "(too few firms consider AI, or some option is feasible for too few)"
        )
    if not present.all():
        tastes = np.where(present, tastes, tastes[present].mean())
    return np.asarray(tastes)


def solved(scenario: Scenario) -> Setting:
    """A scenario bound to its tables, with its option constants solved."""
    return replace(setting.bind(scenario), tastes=solve_tastes(scenario))
