"""Which policy, when nobody knows the future: regret, satisficing, break-even misuse cost.

Arms of a study are policies, its points futures.  Nothing here weighs futures beyond their being
listed: an ensemble's members count alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from econsim.experiments.store import Responses, StoreError
from econsim.results import Estimate, estimate


@dataclass(frozen=True)
class Standing:
    """How a policy does over all futures.

    Attributes:
        arm: the policy.
        effect: mean effect against the baseline over futures, with the interval of that mean.
        low, high: middle 90 % of futures.
        regret: largest shortfall against the best policy of the same future.
        typical_regret: the same in the worst 10 % of futures at least (90th percentile).
        satisfies: share of futures in which the effect reaches the threshold.
        best: share of futures in which the policy is the best, or ties with it.
    """

    arm: str
    effect: Estimate
    low: float
    high: float
    regret: float
    typical_regret: float
    satisfies: float
    best: float


@dataclass(frozen=True)
class Ranking:
    """Policies in order of their largest regret, the smallest first.

    Attributes:
        standings: of every arm, the baseline among them (effect 0).
        unit: of effects and regrets.
        threshold: of satisficing.
        futures: number of futures.
        words: what the outcome is.
        caution: that the study is incomplete, or nothing.
    """

    standings: tuple[Standing, ...]
    unit: str
    threshold: float
    futures: int
    words: str
    caution: str

    def sentence(self) -> str:
        """The ranking in a sentence."""
        first = self.standings[0]
        surest = max(self.standings, key=lambda s: s.satisfies)
        text = (
            f"{self.caution}Over {self.futures:,} futures '{first.arm}' has the smallest largest "
            f"regret in {self.words}: at worst {first.regret:.3g} {self.unit} behind the best "
            f"policy of that future; it is the best in {100 * first.best:.0f} % of them"
        )
        if surest.arm == first.arm:
            return f"{text}, and reaches {self.threshold:g} in {100 * first.satisfies:.0f} %."
        return (
            f"{text}. '{surest.arm}' reaches {self.threshold:g} most often, in "
            f"{100 * surest.satisfies:.0f} % of futures."
        )


def rank(responses: Responses, threshold: float = 0.0, larger_is_better: bool = True) -> Ranking:
    """Regret and satisficing of every arm over the points of a study.

    ``regret = max over arms (effect) - effect`` in each future; replicates are averaged first.

    Args:
        responses: of an outcome.
        threshold: that an effect should reach, in the outcome's unit.
        larger_is_better: false for costs.

    Raises:
        StoreError: fewer than two arms, or an outcome that has no baseline level.
    """
    study = responses.study
    if len(study.arms) < 2:
        raise StoreError(f"'{study.name}' has one arm: a ranking needs two")
    if responses.kept.paired:
        raise StoreError(f"'{responses.kept.key}' is counted against the baseline: rank a level")
    arms = list(study.arms)
    effects = np.array([responses.effects(a).mean(axis=1) for a in arms])
    known = np.isfinite(effects).all(axis=0)
    effects = effects[:, known]
    if not effects.shape[1]:
        raise StoreError("no future has all its runs")
    gains = effects if larger_is_better else -effects
    best = gains.max(axis=0)
    regret = best - gains
    standings = []
    for i, arm in enumerate(arms):
        low, high = np.quantile(effects[i], [0.05, 0.95])
        satisfied = effects[i] >= threshold if larger_is_better else effects[i] <= threshold
        standings.append(
            Standing(
                arm, estimate(effects[i], responses.unit()), float(low), float(high),
                float(regret[i].max()), float(np.quantile(regret[i], 0.9)),
                float(satisfied.mean()), float((regret[i] == 0.0).mean()),
            )
        )  # fmt: skip
    standings.sort(key=lambda s: (s.regret, -s.effect.mean))
    return Ranking(
        tuple(standings), responses.unit(), threshold, int(known.sum()), responses.kept.words(),
        responses.caution(),
    )  # fmt: skip


@dataclass(frozen=True)
class BreakEven:
    """Social cost per open user and year at which the advantage of the more open arm is used up.

    Attributes:
        arm: compared with the baseline.
        median, low, high: middle and middle 90 % over futures; positive where the arm with more
            open users has the higher income.
        defined: futures in which the arms differ in open users.
        futures: all of them.
        negative: share of the defined ones in which there is no advantage to use up.
        users: mean difference in open users, arm less baseline.
        unit: of the cost.
    """

    arm: str
    median: float
    low: float
    high: float
    defined: int
    futures: int
    negative: float
    users: float
    unit: str

    def sentence(self, caution: str = "") -> str:
        """The break-even in a sentence."""
        return (
            f"{caution}Misuse would have to cost society {self.median:,.0f} {self.unit} (middle "
            f"90 % of futures {self.low:,.0f} to {self.high:,.0f}) to use up the advantage of the "
            f"more open of the baseline and '{self.arm}'; in {100 * self.negative:.0f} % of "
            "futures there is none to use up."
        )


def break_even(money: Responses, users: Responses, shares: Responses, arm: str) -> BreakEven:
    """Break-even misuse cost: income difference over the difference in open users.

    Args:
        money: GDP or GNI (billion a year).
        users: users of general-purpose AI (``users``).
        shares: percent of them on open models (``open_share``).
        arm: against the baseline.

    Raises:
        StoreError: the same number of open users in every future.
    """
    if money.kept.outcome not in ("gdp", "gni", "consumption"):
        raise StoreError(f"'{money.kept.outcome}' is no income: break-even needs gdp, gni ...")
    study = money.study
    base = study.baseline

    def open_users(name: str) -> np.ndarray:
        return np.asarray((users.levels(name) * shares.levels(name) / 100.0).mean(axis=1))

    gap = 1e9 * money.effects(arm).mean(axis=1)
    more = open_users(arm) - open_users(base)
    usable = np.isfinite(gap) & np.isfinite(more) & (np.abs(more) > 0.5)
    if not usable.any():
        raise StoreError("no difference in open users: no break-even misuse cost")
    cost = gap[usable] / more[usable]
    low, high = np.quantile(cost, [0.05, 0.95])
    currency = next(iter(study.arms.values())).currency
    return BreakEven(
        arm, float(np.median(cost)), float(low), float(high), int(usable.sum()), len(gap),
        float((cost <= 0.0).mean()), float(more[usable].mean()),
        f"{currency} per open user and year",
    )  # fmt: skip
