"""Why: the effect of one scenario against another, shared out over mechanisms (Shapley).

A mechanism that does not act is held at the path it took in the reference run with the same seed
(:func:`econsim.engine.run_held`).  The effect with a set of mechanisms acting is ``v(S)``; with
none acting it is exactly 0, with all it is the whole effect.  A mechanism's part is its average
contribution over all orders in which mechanisms could be switched on, so the parts add up to the
whole for every seed, and a mechanism that changes nothing gets exactly 0.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from econsim import draws, engine, setting
from econsim.experiments.simulation import replicate_seed
from econsim.results import Estimate, Results, ResultsError, estimate, outcome
from econsim.scenario import Scenario

#: Mechanisms that act in at most so many are shared out exactly, over every subset.
EXACT = 6
#: Largest accepted gap between the parts and the whole, relative to the whole.
TOLERANCE = 1e-9

Value = Callable[[frozenset[str]], np.ndarray]


@dataclass(frozen=True)
class Part:
    """What one mechanism contributes, with its interval over replicates."""

    mechanism: str
    acts: bool
    value: Estimate
    draws: np.ndarray


@dataclass(frozen=True)
class Decomposition:
    """An effect and its parts.

    Attributes:
        label, year: of the outcome.
        reference, scenario: names.
        whole: effect of scenario against reference.
        whole_draws: ``ndarray[replicates]``.
        parts: of all mechanisms, the largest first.
        worst: largest gap between the parts' sum and the whole over seeds.
        exact: whether all subsets were run (else a sample of orders).
        coalitions: subsets run for each seed.
    """

    label: str
    year: int
    reference: str
    scenario: str
    whole: Estimate
    whole_draws: np.ndarray
    parts: tuple[Part, ...]
    worst: float
    exact: bool
    coalitions: int

    def sentence(self) -> str:
        """The decomposition in a sentence."""
        acting = [p for p in self.parts if p.acts]
        if not acting:
            return (
                f"{self.scenario} and {self.reference} do not differ in {self.label}, "
                f"{self.year}: no mechanism acts."
            )
        shares = "; ".join(f"{p.mechanism.replace('_', ' ')} {p.value.text()}" for p in acting)
        return (
            f"{self.label}, {self.year}, {self.scenario} minus {self.reference}: "
            f"{self.whole.text()} {self.whole.unit}, of which {shares}; "
            f"{len(self.parts) - len(acting)} mechanisms contribute exactly 0."
        )


def shapley(
    players: Sequence[str], value: Value, orders: int | None = None
) -> dict[str, np.ndarray]:
    """Shapley values of a game whose values are arrays.

    ``phi_i = sum over S without i of |S|! (n - |S| - 1)! / n! * (v(S + i) - v(S))``.

    Args:
        players: names.
        value: coalition -> ``ndarray[replicates]``; called once a coalition.
        orders: none for the exact sum over subsets; else the number of orders sampled (each
            with its reverse), whose parts add up to the whole all the same.

    Returns:
        player -> ``ndarray[replicates]``.
    """
    known: dict[frozenset[str], np.ndarray] = {}

    def v(coalition: Collection[str]) -> np.ndarray:
        key = frozenset(coalition)
        if key not in known:
            known[key] = value(key)
        return known[key]

    n = len(players)
    nothing = v(())
    parts = {p: np.zeros_like(nothing) for p in players}
    if orders is None:
        for player in players:
            others = [p for p in players if p != player]
            for size in range(n):
                weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
                for chosen in itertools.combinations(others, size):
                    parts[player] = parts[player] + weight * (v((*chosen, player)) - v(chosen))
        return parts
    sampled: list[list[str]] = []
    for number in range(orders):
        keys = draws.uniforms(1, f"shapley order {number}", n)
        order = [players[i] for i in np.argsort(keys)]
        sampled += [order, order[::-1]]
    for order in sampled:
        before = nothing
        for position, player in enumerate(order):
            after = v(order[: position + 1])
            parts[player] = parts[player] + (after - before) / len(sampled)
            before = after
    return parts


def decompose(
    reference: Scenario,
    scenario: Scenario,
    name: str = "gdp",
    year: int | None = None,
    *,
    by: str | None = None,
    group: str = "all",
    rows: int | str = 5_000,
    replicates: int = 4,
    seed: int = 1,
    mechanisms: Mapping[str, Sequence[str]] | None = None,
    orders: int = 8,
    progress: Callable[[float], None] | None = None,
) -> Decomposition:
    """Share the effect of a scenario against a reference out over mechanisms, on paired runs.

    First every mechanism is tried alone and as the only one missing: one that changes no bit of
    the outcome either way does not act, and gets exactly 0.  The others are shared out exactly up
    to :data:`EXACT` of them, beyond over a sample of orders.

    Args:
        reference: whose paths are imposed where a mechanism is held.
        scenario: on which they are imposed.
        name, year, by, group: the outcome (year: default the last of the horizon).
        rows, replicates, seed: of the runs; all share luck.
        mechanisms: name -> keys of ``setting.MECHANISMS`` that count as one (default: each alone);
            keys left out are always held.
        orders: sampled when too many mechanisms act.
        progress: called with the share of the work done (an upper limit of it).

    Raises:
        ResultsError: unknown outcome, year or mechanism; or the parts do not add up (a defect).
        ValueError: scenarios that cannot be run in step.
    """
    players = {
        k: tuple(v) for k, v in (mechanisms or {k: (k,) for k in setting.MECHANISMS}).items()
    }
    wrong = [m for v in players.values() for m in v if m not in setting.MECHANISMS]
    if wrong:
        raise ResultsError(f"unknown mechanism '{wrong[0]}': {', '.join(setting.MECHANISMS)}")
    found = outcome(name)
    chosen = year or 2020 + reference.run.months // 12
    known: dict[frozenset[str], np.ndarray] = {}
    expected = 2 * len(players) + 2 ** min(EXACT, len(players))

    def value(acting: frozenset[str]) -> np.ndarray:
        if acting not in known:
            free = {m for p in acting for m in players[p]}
            held = sorted(set(setting.MECHANISMS) - free)
            known[acting] = np.array(
                [
                    _effect(
                        engine.run_held(
                            reference, scenario, held, rows=rows, seed=replicate_seed(seed, r)
                        ),
                        name, chosen, by, group,
                    )
                    for r in range(replicates)
                ]
            )  # fmt: skip
            if progress is not None:
                progress(min(1.0, len(known) / expected))
        return known[acting]

    everything = frozenset(players)
    nothing = value(frozenset())
    whole = value(everything) - nothing
    acting = [
        p
        for p in players
        if (value(frozenset((p,))) != nothing).any()
        or (value(everything - {p}) != value(everything)).any()
    ]
    idle = frozenset(players) - frozenset(acting)
    exact = len(acting) <= EXACT
    # Idle mechanisms are left to act: that is the scenario as it is.
    parts = shapley(
        acting, lambda s: value(s | idle if s else frozenset()), None if exact else orders
    )
    total = sum(parts.values(), np.zeros(replicates))
    worst = float(np.max(np.abs(total - whole), initial=0.0))
    scale = max(1.0, float(np.max(np.abs(whole), initial=0.0)))
    if worst > TOLERANCE * scale:
        raise ResultsError(
            f"the parts miss the whole by {worst:g}: a mechanism taken for idle is not"
        )
    unit = found.unit.replace("{currency}", reference.currency)
    if unit.startswith("percent"):
        unit = "percentage points" + unit.removeprefix("percent")
    listed = [
        Part(p, p in parts, estimate(parts.get(p, np.zeros(replicates)), unit),
             parts.get(p, np.zeros(replicates)))
        for p in players
    ]  # fmt: skip
    listed.sort(key=lambda p: -abs(p.value.mean))
    label = found.label if by is None else f"{found.label}, {group}"
    return Decomposition(
        label, chosen, reference.name, scenario.name, estimate(whole, unit), whole, tuple(listed),
        worst, exact, len(known),
    )  # fmt: skip


def _effect(
    pair: tuple[engine.Economy, engine.Economy], name: str, year: int, by: str | None, group: str
) -> float:
    """Second minus first, by the path that all results take."""
    levels = []
    for economy in pair:
        found = Results(
            economy.scenario.name, "held",
            {k: v[None] for k, v in economy.record.series.items()}, economy.record.labels,
            {"currency": economy.scenario.currency},
        )  # fmt: skip
        levels.append(float(found.yearly(name, year, by, group)[0]))
    return levels[1] - levels[0]
