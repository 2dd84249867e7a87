"""From totals by cell to the month's flows by cell: what users buy, pay and gain.

Rules on cells and options, composed into one kernel like :mod:`econsim.evaluation`: the same
lines in NumPy and compiled, equal bits.  Sums over cells are left to NumPy, which adds them in one
order; sums over options go in the order of the options.
"""

from typing import NamedTuple

import numpy as np

from econsim.arithmetic import where
from econsim.compiled import each, kernel, kind_of, number_rows, post_rows, run_end, steps
from econsim.evaluation import FIRMS, GROUPS, NEW_SCALE, USAGE, WEIGHT_UNIT


class Prices(NamedTuple):
    """A month's terms as the accounts see them.

    ``option`` is ``[10, lanes, options, classes]`` with the rows :data:`REFERENCE_COST` (per person
    and year), :data:`ACTUAL_COST`, :data:`SUBSIDY`, :data:`FOREIGN` (share), :data:`SET_UP` (of a
    firm of 10 persons), :data:`HARDWARE`, :data:`HOSTING`, :data:`COMPLIANCE`, :data:`UPSTREAM`,
    :data:`MISUSE` (per firm and year); ``per_value`` is ``[lanes, options * GROUPS, classes]``,
    output that users of a depth and experience gain per unit of value added; ``activity`` and
    ``hardware_life`` (years) are ``[lanes]``; ``is_open`` and ``controlled`` bool
    ``[lanes, options]``.
    """

    option: np.ndarray
    per_value: np.ndarray
    activity: np.ndarray
    hardware_life: np.ndarray
    is_open: np.ndarray
    controlled: np.ndarray


(
    REFERENCE_COST, ACTUAL_COST, SUBSIDY, FOREIGN, SET_UP, HARDWARE, HOSTING, COMPLIANCE, UPSTREAM,
    MISUSE,
) = range(10)  # fmt: skip

#: Rows of what comes out, by cell, currency a month where not said otherwise: gain of output and
#: its square over baseline value added; AI services at reference prices, all and foreign; hosting;
#: subsidies; payments above reference prices, all and foreign; set-up; compliance; duties pushed
#: upstream; hardware; then users of general-purpose AI, of open options, of options they control
#: (enterprises); spending and foreign spending, compliance and misuse costs, currency a year.
(
    GAIN, SQUARES, SERVICES, SERVICES_FOREIGN, HOSTED, SUBSIDIES, RENTS, RENTS_FOREIGN, SET_UPS,
    COMPLIED, PUSHED, BOUGHT, GENERAL, OPEN, CONTROLLED, SPENDING, SPENDING_FOREIGN,
    COMPLIANCE_SPENDING, MISUSED,
) = range(19)  # fmt: skip


@each(2)
def gains(gain, squares, value, per_value, activity):
    """Adds a group of users: output gained in a month, and its square over value added."""
    gained = value * (activity / 12.0) * per_value
    return gain + gained, squares + gained * per_value


@each(6)
def services(
    bought, foreign, subsidies, rents, rents_foreign, set_up, usage, new_scale, reference, actual,
    subsidy, foreign_share, set_up_cost,
):  # fmt: skip
    """Adds an option: services at reference prices, subsidies, rents and set-up, a month."""
    real = usage * WEIGHT_UNIT
    at_reference = real * reference / 12.0
    above = real * ((actual + subsidy) - reference) / 12.0
    return (
        bought + at_reference,
        foreign + at_reference * foreign_share,
        subsidies + real * subsidy / 12.0,
        rents + above,
        rents_foreign + above * foreign_share,
        set_up + new_scale * WEIGHT_UNIT * set_up_cost,
    )


@each(4)
def per_firm(
    hosted, complied, pushed, bought, firms, hosting, compliance, upstream, hardware, life
):
    """Adds an option: hosting, compliance, duties pushed upstream and hardware, a month."""
    real = firms * WEIGHT_UNIT
    return (
        hosted + real * hosting / 12.0,
        complied + real * compliance / 12.0,
        pushed + real * upstream / 12.0,
        bought + real * hardware / (12.0 * life),
    )


@each(4)
def spending(
    total, foreign, compliance_spending, misused, usage, firms, actual, hosting, compliance,
    foreign_share, misuse,
):  # fmt: skip
    """Adds an option: what users pay, to whom abroad, for compliance, and misuse, a year."""
    real = firms * WEIGHT_UNIT
    paid = usage * WEIGHT_UNIT * actual + real * (hosting + compliance)
    return (
        total + paid,
        foreign + paid * foreign_share,
        compliance_spending + real * compliance,
        misused + real * misuse,
    )


@each()
def paid_for(usage, firms, actual, hosting, compliance):
    """What users of one option pay, currency a year."""
    return usage * WEIGHT_UNIT * actual + firms * WEIGHT_UNIT * (hosting + compliance)


@each(3)
def users(general, opened, controlled, firms, is_open, is_controlled):
    """Adds an option's users, enterprises."""
    real = firms * WEIGHT_UNIT
    return (
        general + real,
        opened + where(is_open, real, 0.0),
        controlled + where(is_controlled, real, 0.0),
    )


@steps
def _add_option(ground, sums, prices, turn, paid, first, end, lane, k, kind):
    """One option of the cells from ``first`` to below ``end`` of one lane."""
    n = end - first
    a, b = turn[k % 2], turn[1 - k % 2]
    cells = ground.kind.shape[0]
    here, there = k * cells + first, k * cells + end
    usage = sums.pair[USAGE, lane, here:there]
    firms = sums.pair[FIRMS, lane, here:there]
    new_scale = sums.pair[NEW_SCALE, lane, here:there]
    cost = prices.option[:, lane, k]
    services(
        n, b[SERVICES], b[SERVICES_FOREIGN], b[SUBSIDIES], b[RENTS], b[RENTS_FOREIGN], b[SET_UPS],
        a[SERVICES], a[SERVICES_FOREIGN], a[SUBSIDIES], a[RENTS], a[RENTS_FOREIGN], a[SET_UPS],
        usage, new_scale, cost[REFERENCE_COST][kind], cost[ACTUAL_COST][kind],
        cost[SUBSIDY][kind], cost[FOREIGN][kind], cost[SET_UP][kind],
    )  # fmt: skip
    per_firm(
        n, b[HOSTED], b[COMPLIED], b[PUSHED], b[BOUGHT],
        a[HOSTED], a[COMPLIED], a[PUSHED], a[BOUGHT],
        firms, cost[HOSTING][kind], cost[COMPLIANCE][kind], cost[UPSTREAM][kind],
        cost[HARDWARE][kind], prices.hardware_life[lane],
    )  # fmt: skip
    spending(
        n, b[SPENDING], b[SPENDING_FOREIGN], b[COMPLIANCE_SPENDING], b[MISUSED],
        a[SPENDING], a[SPENDING_FOREIGN], a[COMPLIANCE_SPENDING], a[MISUSED],
        usage, firms, cost[ACTUAL_COST][kind], cost[HOSTING][kind], cost[COMPLIANCE][kind],
        cost[FOREIGN][kind], cost[MISUSE][kind],
    )  # fmt: skip
    users(
        n, b[GENERAL], b[OPEN], b[CONTROLLED], a[GENERAL], a[OPEN], a[CONTROLLED],
        firms, prices.is_open[lane, k], prices.controlled[lane, k],
    )  # fmt: skip
    paid_for(
        n, paid[lane, k, first:end],
        usage, firms, cost[ACTUAL_COST][kind], cost[HOSTING][kind], cost[COMPLIANCE][kind],
    )  # fmt: skip
    for group in range(GROUPS):
        # An even number of groups: after the last one the sum is where it was before the first.
        c, d = turn[(k + group) % 2], turn[1 - (k + group) % 2]
        row = k * GROUPS + group
        gains(
            n, d[GAIN], d[SQUARES], c[GAIN], c[SQUARES],
            sums.value[lane, row * cells + first : row * cells + end],
            prices.per_value[lane, row][kind], prices.activity[lane],
        )  # fmt: skip
    b[GAIN, :n] = a[GAIN, :n]
    b[SQUARES, :n] = a[SQUARES, :n]


@kernel
def add_up(ground, sums, prices, turn, whole, out, paid, lanes):
    """The month's flows by cell of the lanes from ``lanes[0]`` to below ``lanes[1]``.

    Args:
        ground, sums: see :mod:`econsim.evaluation`.
        prices: the month's terms.
        turn: two buffers ``[2, 19, cells]``, used in turn.
        whole: ``[2, cells]``, buffers of whole numbers.
        out: ``[19, lanes, cells]``, written.
        paid: ``[lanes, options, cells]``, written: spending by option, currency a year.
        lanes: first and last lane.
    """
    cells = ground.kind.shape[0]
    options = prices.is_open.shape[1]
    number_rows(whole[0], 0, cells)
    for lane in range(lanes[0], lanes[1]):
        first = 0
        while first < cells:
            end = run_end(ground.kind, whole[0], first, cells)
            n = end - first
            kind = kind_of(ground.kind, whole[0, first:end], n)
            turn[0, :, :n] = 0.0
            for k in range(options):
                _add_option(ground, sums, prices, turn, paid, first, end, lane, k, kind)
            for row in range(19):
                out[row, lane, first:end] = turn[options % 2, row, :n]
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
