"""From totals by cell to the month's flows by cell: what users buy, pay and gain.

Flows are prices times quantities: each is a sum over options (or groups of users) of a total by
cell times a price by class.  :func:`price_table` has the prices, :func:`add_up` the sums; the
kernels run in NumPy and compiled with equal bits, like those of :mod:`econsim.evaluation`.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from econsim.accounts import gross_gain
from econsim.compiled import kernel, kind_of, number_rows, post_rows, run_end, weighted_sum
from econsim.evaluation import FIRMS, GROUPS, NEW_SCALE, USAGE, WEIGHT_UNIT
from econsim.setting import Offers, Stack

#: Rows of what comes out, by cell: output gained, and its square over baseline value added; AI
#: services at reference prices, all and foreign; subsidies; payments above reference prices, all
#: and foreign; set-up; hosting; compliance; duties pushed upstream; hardware (currency a month);
#: users of general-purpose AI, of open options, of options they control (enterprises); foreign
#: spending, compliance and misuse costs (currency a year).
(
    GAIN, SQUARES, SERVICES, SERVICES_FOREIGN, SUBSIDIES, RENTS, RENTS_FOREIGN, SET_UPS, HOSTED,
    COMPLIED, PUSHED, BOUGHT, GENERAL, OPEN, CONTROLLED, SPENDING_FOREIGN, COMPLIANCE_SPENDING,
    MISUSED,
) = range(18)  # fmt: skip

#: Rows from SERVICES on are sums of usage (persons engaged times depth), starts and firms.
_OF_USAGE = (SERVICES, SERVICES_FOREIGN, SUBSIDIES, RENTS, RENTS_FOREIGN)
_OF_FIRMS = (HOSTED, COMPLIED, PUSHED, BOUGHT, GENERAL, OPEN, CONTROLLED, COMPLIANCE_SPENDING,
             MISUSED)  # fmt: skip


class Prices(NamedTuple):
    """What each unit of a total adds to the flows.

    ``gain`` and ``squares`` are ``[lanes, options * GROUPS, classes]``, for value added of users;
    ``usage``, ``starts`` and ``firms`` ``[rows, lanes, options, classes]`` for usage, scale of
    starts and firms; ``paid`` ``[2, 2, lanes, options, classes]`` for spending (all, foreign) by
    usage and by firms.
    """

    gain: np.ndarray
    squares: np.ndarray
    usage: np.ndarray
    starts: np.ndarray
    firms: np.ndarray
    paid: np.ndarray


def price_table(stack: Stack, offered: Offers, realised: np.ndarray) -> Prices:
    """Prices of a month.

    Args:
        stack: the lanes.
        offered: what the month offers.
        realised: ``[lanes, GROUPS]``, share of the attainable saving that users of a depth and
            experience realise.
    """
    values: Mapping[str, np.ndarray] = stack.values
    lanes = len(realised)

    def of(name: str) -> np.ndarray:
        return np.asarray(getattr(offered, name).transpose(0, 2, 1))

    per_value = gross_gain(
        of("benefit_rate")[:, :, None, :] * realised[:, None, :, None],
        values["accounts.first_order"][:, None, None, None],
    ).reshape(lanes, -1, offered.benefit_rate.shape[1])
    month = WEIGHT_UNIT / 12.0
    activity = (offered.activity / 12.0)[:, None, None]
    reference, actual, foreign = of("reference_seat_cost"), of("seat_cost"), of("foreign_share")
    rents = actual + of("seat_subsidy") - reference
    life = values["cost.hardware_life"][:, None, None]
    running = of("running_cost")
    one = np.ones_like(actual)
    return Prices(
        gain=activity * per_value,
        squares=activity * per_value * per_value,
        usage=month
        * np.stack([reference, reference * foreign, of("seat_subsidy"), rents, rents * foreign]),
        starts=WEIGHT_UNIT * of("set_up_cost")[None],
        firms=np.stack(
            [
                month * of("hosting_cost"),
                month * of("compliance_cost"),
                month * of("upstream_cost"),
                month * of("hardware_cost") / life,
                WEIGHT_UNIT * one,
                WEIGHT_UNIT * np.where(stack.open_weights[:, :, None], one, 0.0),
                WEIGHT_UNIT * np.where(stack.controlled[:, :, None], one, 0.0),
                WEIGHT_UNIT * of("compliance_cost"),
                WEIGHT_UNIT * of("misuse_cost"),
            ]
        ),
        paid=WEIGHT_UNIT
        * np.stack([np.stack([actual, actual * foreign]), np.stack([running, running * foreign])]),
    )


@kernel
def add_up(ground, sums, prices, whole, real, out, paid, lanes):
    """The month's flows by cell of the lanes from ``lanes[0]`` to below ``lanes[1]``.

    Args:
        ground, sums: see :mod:`econsim.evaluation`.
        prices: see :class:`Prices`.
        whole: ``[cells]`` of int64, a buffer.
        real: ``[cells]``, a buffer.
        out: ``[18, lanes, cells]``, written.
        paid: ``[lanes, options, cells]``, written: spending on each option, currency a year.
        lanes: first and last lane.
    """
    cells = ground.kind.shape[0]
    number_rows(whole, 0, cells)
    for lane in range(lanes[0], lanes[1]):
        value = sums.value[lane].reshape((-1, cells))
        usage = sums.pair[USAGE, lane].reshape((-1, cells))
        firms = sums.pair[FIRMS, lane].reshape((-1, cells))
        starts = sums.pair[NEW_SCALE, lane].reshape((-1, cells))
        first = 0
        while first < cells:
            end = run_end(ground.kind, whole, first, cells)
            n = end - first
            kind = kind_of(ground.kind, whole[first:end], n)
            weighted_sum(n, out[GAIN, lane], value, prices.gain[lane], kind, first)
            weighted_sum(n, out[SQUARES, lane], value, prices.squares[lane], kind, first)
            for row in range(len(_OF_USAGE)):
                weighted_sum(
                    n, out[_OF_USAGE[row], lane], usage, prices.usage[row, lane], kind, first
                )
            weighted_sum(n, out[SET_UPS, lane], starts, prices.starts[0, lane], kind, first)
            for row in range(len(_OF_FIRMS)):
                weighted_sum(
                    n, out[_OF_FIRMS[row], lane], firms, prices.firms[row, lane], kind, first
                )
            target = out[SPENDING_FOREIGN, lane]
            weighted_sum(n, target, usage, prices.paid[0, 1, lane], kind, first)
            weighted_sum(n, real, firms, prices.paid[1, 1, lane], kind, first)
            target[first:end] += real[first:end]
            for k in range(usage.shape[0]):
                one = slice(k, k + 1)
                target = paid[lane, k]
                weighted_sum(n, target, usage[one], prices.paid[0, 0, lane, one], kind, first)
                weighted_sum(n, real, firms[one], prices.paid[1, 0, lane, one], kind, first)
                target[first:end] += real[first:end]
            first = end


@kernel
def by_group(values, groups, out, lanes):
    """Sums over the cells of each group: of country, sector, size class.

    Args:
        values: ``[lanes, cells, series]``.
        groups: ``[3, cells]``, the group of each cell in each of three dimensions.
        out: ``[3, lanes, groups, series]``, added to.
        lanes: first and last lane.
    """
    cells = values.shape[1]
    for lane in range(lanes[0], lanes[1]):
        for dimension in range(3):
            post_rows(cells, out[dimension, lane], groups[dimension], values[lane])


__all__ = ["GROUPS", "Prices", "add_up", "by_group", "price_table"]
