"""The supply side: frontier, open lag, open pool, prices, vendors, bans.

Signals of the previous month come in; the month's coverage and prices come out.  Prices are
inputs with evidence, not solved games.  The functions in :data:`RULES` are pure and use the one
arithmetic; :class:`Supply` holds what must be remembered between months.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from econsim.arithmetic import exp, log, where

RULES = (
    "frontier_step",
    "open_lag_record",
    "coverage",
    "closed_price_multiple",
    "vendor_price_multiple",
    "reentry_mass",
    "silenced_share",
    "licensed",
    "pool_after",
)

#: A licence threshold from here on means that no licence is needed.
NO_LICENCE = 10_000.0

#: Progress before anything has been released.
_NOTHING_YET = -1.0e9

#: Months (after January 2021) at which the record of the open lag is given.
LAG_RECORD_MONTHS = (0.0, 30.0, 48.0)


def frontier_step(pace, rents_index, rents_elasticity, pool_index, pool_elasticity):
    r"""Progress of the closed frontier in one month, in months of reference pace.

    .. math:: \Delta F = pace \cdot rents^{\psi} \cdot pool^{\xi}

    Both indices are 1 in the reference; both elasticities may have either sign.
    """
    return pace * exp(rents_elasticity * log(rents_index) + pool_elasticity * log(pool_index))


def open_lag_record(month, lag_2021, lag_2023, lag_2025):
    """Months by which open trails closed, as recorded: linear between 2021, mid-2023 and 2025."""
    first, middle, last = LAG_RECORD_MONTHS
    early = lag_2021 + (lag_2023 - lag_2021) * (month - first) / (middle - first)
    late = lag_2023 + (lag_2025 - lag_2023) * (month - middle) / (last - middle)
    return where(month < middle, early, where(month < last, late, lag_2025))


def coverage(progress, midpoint, rate):
    """Share of the feasible savings a model can deliver: ``1 / (1 + exp(-rate (F - F0)))``."""
    return 1.0 / (1.0 + exp(-rate * (progress - midpoint)))


def closed_price_multiple(presence, reentry, response):
    """Rise of closed prices as open competitors leave.

    ``1 + response * (1 - presence) * (1 - reentry)``: re-entering open developers compete as
    closed suppliers.
    """
    return 1.0 + response * (1.0 - presence) * (1.0 - reentry)


def vendor_price_multiple(closed_multiple, presence, open_ratio, open_base, model_cost, pass_on):
    """Price of ready-made software relative to a world with open models.

    A vendor pays for a model, closed or (share ``open_base``) open at ``open_ratio`` of the
    closed price; without open models it pays the closed price.  The share ``pass_on`` of the
    change in model cost, which is ``model_cost`` of the price, reaches the user: an input-cost
    change, not migration.
    """
    before = (1.0 - open_base) + open_base * open_ratio
    after = (1.0 - open_base) * closed_multiple + open_base * (
        presence * open_ratio + (1.0 - presence) * closed_multiple
    )
    return 1.0 + pass_on * model_cost * (after / before - 1.0)


def reentry_mass(presence, reentry, open_share):
    """Gain of closed variety when open developers re-enter as closed suppliers.

    ``1 + kappa (1 - presence) s / (1 - s)``: at ``kappa = 1`` the nest keeps the value it had.
    """
    return 1.0 + reentry * (1.0 - presence) * open_share / (1.0 - open_share)


def silenced_share(duty, budget, spread, response):
    r"""Share of open contributors whom a duty silences.

    .. math:: response \cdot \Phi\left(\frac{\ln(duty / budget)}{spread}\right)

    Contributors have lognormal budgets; a duty silences those below it.  The normal distribution
    function is Abramowitz and Stegun 26.2.17 (error below 1e-7).  No duty silences nobody.
    """
    x = log(np.maximum(duty, 1e-300) / budget) / spread
    z = np.abs(x)
    t = 1.0 / (1.0 + 0.2316419 * z)
    tail = (
        0.3989422804014327
        * exp(-0.5 * z * z)
        * t
        * (
            0.319381530
            + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429)))
        )
    )
    return where(duty > 0.0, response * where(x > 0.0, 1.0 - tail, tail), 0.0)


def pool_after(pool, target, recovery):
    """Open pool after a month: it falls at once and recovers by a share of the gap each month."""
    return where(target < pool, target, pool + recovery * (target - pool))


def licensed(target, delayed, threshold, refusal):
    """Progress that a licence lets through.

    Up to the threshold nothing changes; beyond it, what existed ``delay`` months ago, less the
    refused share: ``threshold + (1 - refusal) * max(delayed - threshold, 0)``.
    """
    beyond = threshold + (1.0 - refusal) * np.maximum(delayed - threshold, 0.0)
    return where(target > threshold, np.minimum(beyond, target), target)


def lagged(history: np.ndarray, month: int, lag: np.ndarray) -> np.ndarray:
    """The frontier ``lag`` months before ``month``; before the record, at reference pace.

    Args:
        history: ``ndarray[..., months]``.
        month: months after January 2021.
        lag: ``ndarray[...]``, months.
    """
    position = np.asarray(month - lag)
    before = np.clip(position.astype(np.int64), 0, month)
    after = np.minimum(before + 1, month)
    here, there = (
        np.take_along_axis(history, i[..., None], axis=-1)[..., 0] for i in (before, after)
    )
    within = here + (position - before) * (there - here)
    return np.where(position <= 0.0, history[..., 0] + position, within)


@dataclass
class Supply:
    """What the supply side remembers: the frontier's history and the open frontier.

    Attributes:
        frontier: ``ndarray[..., months + 1]``, closed frontier in months of reference pace.
        open_frontier: ``ndarray[...]``, open frontier, same unit; never falls.
        closed_released: best closed model released so far, same unit; never falls.
        base_pool, variant_pool: developers of open base models and of variants relative to the
            baseline; they fall at once and recover slowly.
    """

    frontier: np.ndarray
    open_frontier: np.ndarray
    closed_released: np.ndarray
    base_pool: np.ndarray
    variant_pool: np.ndarray

    @classmethod
    def start(cls, months: int, lanes: tuple[int, ...] = ()) -> Supply:
        """At the start of 2021 the frontier's progress is zero by definition."""
        return cls(
            np.zeros((*lanes, months + 1)),
            np.full(lanes, _NOTHING_YET),
            np.full(lanes, _NOTHING_YET),
            np.ones(lanes),
            np.ones(lanes),
        )

    def advance(
        self,
        month: int,
        values: Mapping[str, Any],
        *,
        pace: Any,
        lag_change: Any,
        pool: Any,
        frozen: Any,
        rents_index: Any,
        licence_threshold: Any,
        licence_delay_open: Any,
        licence_delay_closed: Any,
        licence_refusal: Any,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Progress of the closed and the open frontier in ``month`` (months of reference pace).

        Everything but the month is one number or ``ndarray[...]``.

        Args:
            month: months after January 2021.
            values: uncertainties and constants.
            pace, lag_change, frozen: the month's terms (see the levers of that name).
            pool: developers of open base models relative to the baseline.
            rents_index: closed suppliers' rents of last month relative to the reference.
            licence_threshold, licence_delay_open, licence_delay_closed, licence_refusal: see the
                levers of that name.
        """
        pool_index = np.maximum(np.asarray(pool, dtype=np.float64), 0.05)
        if month > 0:
            self.frontier[..., month] = self.frontier[..., month - 1] + frontier_step(
                np.asarray(pace, dtype=np.float64),
                np.asarray(rents_index, dtype=np.float64),
                values["supply.rents_elasticity"],
                pool_index,
                values["supply.pool_elasticity"],
            )
        lag = open_lag_record(
            np.float64(month),
            values["supply.open_lag_2021"],
            values["supply.open_lag_2023"],
            values["supply.open_lag_2025"],
        )
        lag = lag * exp(-values["supply.lag_pool_elasticity"] * log(pool_index))
        behind = np.maximum(lag + lag_change, 0.0)
        needed = np.asarray(licence_threshold) < NO_LICENCE
        target = lagged(self.frontier, month, behind)
        delayed = lagged(self.frontier, month, behind + licence_delay_open)
        target = np.where(
            needed, licensed(target, delayed, licence_threshold, licence_refusal), target
        )
        advance = np.maximum(target - self.open_frontier, 0.0)
        self.open_frontier = np.where(
            self.open_frontier == _NOTHING_YET,
            target,
            self.open_frontier + (1.0 - np.asarray(frozen)) * advance,
        )
        closed = self.frontier[..., month]
        delayed = lagged(self.frontier, month, np.asarray(licence_delay_closed, dtype=np.float64))
        closed = np.where(
            needed & (np.asarray(licence_delay_closed) > 0.0),
            licensed(closed, delayed, licence_threshold, 0.0),
            closed,
        )
        self.closed_released = np.maximum(self.closed_released, closed)
        return self.closed_released, self.open_frontier
