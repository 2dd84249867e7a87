"""A firm's yearly evaluation, from its columns to the totals: one source for every way to run it.

The rules are those of :mod:`econsim.behaviour`; here they are composed into *stages* that work on
buffers of firms, and stages into *kernels*.  The same lines run in NumPy on all due firms at once
(one Mesa agent being a buffer of one), and compiled on blocks of them (:mod:`econsim.compiled`),
with equal bits.  A *lane* is one world: a scenario with its parameters.  Lanes share the firms'
columns and their luck, and advance in one pass.

Firms are kept small: what can be computed from a firm's identity (its key, its luck, its
thresholds) or from its columns (scale, hurdle, weights of the totals) is computed when needed.
"""

from typing import NamedTuple

import numpy as np

from econsim.arithmetic import exp, where
from econsim.behaviour import (
    NEVER,
    TENURE_CLASSES,
    benefit,
    better_option,
    better_value,
    considering_threshold,
    considers,
    hurdle_trait,
    inclusive_value,
    log_size,
    logistic_share,
    next_tenure,
    option_value,
    realised_hurdle,
    redrawn,
    shock,
    size_scale,
    up_front_cost,
    use_probability,
    voucher_payment,
    whole_money,
    yearly_cost,
)
from econsim.compiled import (
    compress,
    each,
    gather,
    kernel,
    kind_of,
    mark,
    number_rows,
    padded,
    pick,
    post,
    run_end,
    same,
    scatter,
    steps,
    whole_sum,
)
from econsim.draws import (
    PURPOSES,
    exponential,
    gumbel,
    key_of,
    log_positive_stable,
    uniform,
)

#: Bits of a firm's flags.
MATURE, DEEP, APPLICABLE, NARROW = 1, 2, 4, 8

#: Weights are kept as whole numbers of this fraction of an enterprise.
WEIGHT_UNIT = 2.0**-20

#: Depth (light, deep) times years of experience: the groups of users told apart.
GROUPS = 2 * TENURE_CLASSES

#: Nodes of the surplus integrals.
NODES = 12

_FEASIBLE = 0.5 * NEVER
_TINY = 1e-300

_REDRAW = PURPOSES["redraw"]
_NO_OPTION = PURPOSES["no_option"]
_ANGLE = PURPOSES["stable_angle"]
_WEIGHT = PURPOSES["stable_weight"]
_COMPLIANCE = PURPOSES["compliance"]
_CONSIDERING = PURPOSES["considering"]
_MATURITY = PURPOSES["digital_maturity"]
_DEPTH = PURPOSES["depth"]
_APPLICABILITY = PURPOSES["applicability"]
_NARROW = PURPOSES["narrow"]
_NEVER_AGAIN = np.uint64(0)


class People(NamedTuple):
    """Columns that all lanes share, sorted by evaluation month, then cell, then ordinal.

    ``cell`` int16, ``ordinal`` uint32 (number within the cell), ``persons`` and ``value_added``
    float64 (persons engaged; currency a year, prices and activity of the tables' year).
    """

    cell: np.ndarray
    ordinal: np.ndarray
    persons: np.ndarray
    value_added: np.ndarray


class Ground(NamedTuple):
    """Tables by cell.

    ``identity`` uint64, the high half of its firms' identities; ``weight`` float64, enterprises
    per row in units of :data:`WEIGHT_UNIT`, whole numbers; ``kind`` int64, the cell's class of
    terms.
    """

    identity: np.ndarray
    weight: np.ndarray
    kind: np.ndarray


class State(NamedTuple):
    """What lanes' firms remember.

    ``small`` is uint8 ``[5, lanes, firms]``: :data:`FLAGS` (traits drawn at the start:
    :data:`MATURE`, :data:`DEEP`, :data:`APPLICABLE`, :data:`NARROW`), :data:`CONSIDERING`,
    :data:`OPTION` (0 none, ``k + 1``), :data:`TENURE` (years of experience, in classes) and
    :data:`EPOCH` (evaluation at which the shocks were drawn).  ``money`` is float32
    ``[2, lanes, firms]``: :data:`HURDLE` and :data:`SURPLUS` of the last evaluation, weighted,
    whole currency units a year, as :func:`econsim.behaviour.whole_money` makes them.
    """

    small: np.ndarray
    money: np.ndarray

    @classmethod
    def start(cls, lanes: int, firms: int) -> "State":
        """Nobody considers or uses general-purpose AI; shocks are those of the first year."""
        small = np.zeros((5, lanes, firms), dtype=np.uint8)
        small[EPOCH] = 1
        return cls(small, np.zeros((2, lanes, firms), dtype=np.float32))


FLAGS, CONSIDERING, OPTION, TENURE, EPOCH = range(5)
HURDLE, SURPLUS = range(2)


class Offer(NamedTuple):
    """A month's terms as firms see them.

    ``option`` is ``[9, lanes, options, classes]`` with the rows :data:`BENEFIT_RATE`,
    :data:`SEAT_COST`, :data:`SET_UP_ANNUITY`, :data:`HARDWARE_ANNUITY`, :data:`RUNNING_COST`,
    :data:`TASTE`, :data:`AVAILABLE`, :data:`SET_UP_COST`, :data:`HARDWARE_COST`; ``kind`` is
    ``[3, lanes, classes]``: :data:`VOUCHER_RATE`, :data:`VOUCHER_CAP`, :data:`MOVING` (cost per
    person of moving between options); ``cell`` is ``[2, lanes, cells]``: :data:`COMMON` (log
    hurdle), :data:`CUMULATIVE` (considering hazard); ``activity`` is ``[lanes]``.
    """

    option: np.ndarray
    kind: np.ndarray
    cell: np.ndarray
    activity: np.ndarray


(
    BENEFIT_RATE, SEAT_COST, SET_UP_ANNUITY, HARDWARE_ANNUITY, RUNNING_COST, TASTE, AVAILABLE,
    SET_UP_COST, HARDWARE_COST,
) = range(9)  # fmt: skip
VOUCHER_RATE, VOUCHER_CAP, MOVING = range(3)
COMMON, CUMULATIVE = range(2)


class Numbers(NamedTuple):
    """Parameters.

    ``of`` is ``[13, lanes]`` with the rows :data:`BETA` to :data:`CONSIDERING_MATURITY`;
    ``powers`` ``[lanes, 2, NODES]`` and ``node_weights`` ``[NODES]`` belong to the surplus
    integrals; ``is_open`` bool is ``[lanes, options]``, ``addresses`` uint64 ``[options]``,
    ``start`` uint64 ``[1]`` the seed's start of all keys.
    """

    of: np.ndarray
    powers: np.ndarray
    node_weights: np.ndarray
    addresses: np.ndarray
    is_open: np.ndarray
    start: np.ndarray


(
    BETA, DISSIMILARITY, PERSISTENCE, CARRY_OVER, SET_UP_LIFE, SIZE_ELASTICITY, WEDGE,
    HURDLE_SIZE, HURDLE_MATURITY, LIGHT_DEPTH, PRICE_INDEX, CONSIDERING_SIZE,
    CONSIDERING_MATURITY,
) = range(13)  # fmt: skip


class Chances(NamedTuple):
    """What firms' fixed traits are drawn with.

    ``of`` is ``[8, lanes]`` with the rows :data:`MATURITY_LEVEL` to :data:`NARROW_MATURITY`;
    ``shifts`` is ``[2, lanes, cells]``: of applicability and of narrow AI.
    """

    of: np.ndarray
    shifts: np.ndarray


(
    MATURITY_LEVEL, MATURITY_SIZE, DEEP_SHARE, APPLICABLE_ODDS, APPLICABLE_SIZE, NARROW_LEVEL,
    NARROW_SIZE, NARROW_MATURITY,
) = range(8)  # fmt: skip


class Sums(NamedTuple):
    """Totals by cell, whole numbers in float64, exact in any order.

    ``value`` is ``[lanes, options * GROUPS * cells]``, weighted value added of users; ``pair``
    is ``[4, lanes, options * cells]``: :data:`USAGE`, :data:`FIRMS`, :data:`SCALE` of users and
    :data:`NEW_SCALE` of this month's starts; ``cell`` is ``[6, lanes, cells]``: :data:`USERS` (of
    narrow or general-purpose AI), :data:`CONSIDERED`, :data:`HURDLES`, :data:`SURPLUSES`,
    and of this month, currency, :data:`MOVES` and :data:`VOUCHERS`; ``events`` is ``[lanes, 3]``:
    leavers, switchers and users that evaluated this month.
    """

    value: np.ndarray
    pair: np.ndarray
    cell: np.ndarray
    events: np.ndarray

    @classmethod
    def empty(cls, lanes: int, cells: int, options: int) -> "Sums":
        """All zero."""
        return cls(
            np.zeros((lanes, cells * options * GROUPS)),
            np.zeros((4, lanes, cells * options)),
            np.zeros((6, lanes, cells)),
            np.zeros((lanes, 3)),
        )

    def begin_month(self) -> None:
        """Forget last month's events."""
        self.pair[NEW_SCALE] = 0.0
        self.cell[MOVES:] = 0.0
        self.events[:] = 0.0


USAGE, FIRMS, SCALE, NEW_SCALE = range(4)
USERS, CONSIDERED, HURDLES, SURPLUSES, MOVES, VOUCHERS = range(6)


class Work(NamedTuple):
    """Buffers of a block of firms: what evaluating firms weigh.

    ``option`` is ``[5, options, firms]``: :data:`DRAW` (the option's own Gumbel draw),
    :data:`NET` (net saving, currency a year), :data:`WORTH` (systematic utility), :data:`UTILITY`
    (with the firm's own shocks), :data:`VOUCHER` (what a voucher pays for a start).  ``real``
    (float64), ``whole`` (int64), ``address`` (uint64) and ``small`` (uint8) are ``[., firms]``,
    with rows named below.  ``note`` remembers whose luck the buffers hold.
    """

    option: np.ndarray
    real: np.ndarray
    whole: np.ndarray
    address: np.ndarray
    small: np.ndarray
    note: np.ndarray

    @classmethod
    def of(cls, firms: int, options: int) -> "Work":
        """Buffers for this many firms and options."""
        return cls(
            np.empty((5, options, firms)),
            np.empty((_REAL_ROWS, firms)),
            np.empty((_WHOLE_ROWS, firms), dtype=np.int64),
            np.empty((6, firms), dtype=np.uint64),
            np.empty((2, firms), dtype=np.uint8),
            np.zeros(2, dtype=np.int64),
        )


DRAW, NET, WORTH, UTILITY, VOUCHER = range(5)
KEEP, TRAITS = range(2)
IDENTITY, ORDINAL, KEY, OTHER_KEY, DRAWN, LUCKY_DRAWN = range(6)
ROWS, CANDIDATES, CELL, OTHER_CELL, NOW, YEARS, NEW_YEARS, NUMBER, LUCKY_ROWS = range(9)
#: Two buffers of choices, used in turn, and four of entries of the totals.
CHOSEN, INDEX, _WHOLE_ROWS = 9, 11, 15
(
    WEIGHT, PERSONS, VALUE_ADDED, LOG_SIZE, SHIFT, EFFORT, UP_FRONT_WEIGHT, TRAIT, DEPTH,
    USE, POTENTIAL, MOVE, COMPLIANCE, LOG_STABLE, NO_OPTION, OLD_MONEY,
) = range(16)  # fmt: skip
#: Two buffers of best utilities, used in turn; of the chosen option's net saving and utility; of
#: hurdle and surplus money; eight of the families' weights and savings; eight of amounts.
BEST, PAIR, MONEY, FAMILY, AMOUNT, _REAL_ROWS = 16, 18, 20, 22, 30, 38


# --- Stages: rules on buffers -------------------------------------------------------------------


@each()
def firm_keys(start, identity, ordinal):
    """Start of each firm's own random numbers."""
    return key_of(start, identity | ordinal)


@each()
def sizes(persons):
    """Log of persons engaged over 10."""
    return log_size(persons)


@each()
def fixed_traits(
    key, size, applicable_shift, narrow_shift, maturity_level, maturity_size, deep_share,
    applicable_odds, applicable_size, narrow_level, narrow_size, narrow_maturity,
):  # fmt: skip
    """A firm's flags: digital maturity, depth, applicability and narrow AI, each by its own luck.

    Shares are logistic in log size; shifts are those of the firm's sector and country.
    """
    mature = uniform(key, _MATURITY, _NEVER_AGAIN) < logistic_share(
        maturity_level + maturity_size * size
    )
    deep = uniform(key, _DEPTH, _NEVER_AGAIN) < deep_share
    applicable = uniform(key, _APPLICABILITY, _NEVER_AGAIN) < logistic_share(
        applicable_odds + applicable_size * size - applicable_shift
    )
    narrow = uniform(key, _NARROW, _NEVER_AGAIN) < logistic_share(
        narrow_level + narrow_size * size + narrow_maturity * where(mature, 1.0, 0.0)
        + narrow_shift
    )  # fmt: skip
    return (
        where(mature, MATURE, 0)
        + where(deep, DEEP, 0)
        + where(applicable, APPLICABLE, 0)
        + where(narrow, NARROW, 0)
    )


@each()
def narrow_weight(flags, weight):
    """Enterprises that use narrow AI."""
    return where((flags & NARROW) != 0, weight, 0.0)


@each()
def may_begin(considering, flags):
    """Whether a firm does not consider AI yet although it applies to it."""
    return where((considering == 0) & ((flags & APPLICABLE) != 0), 1, 0)


def threshold(key, size, flags, size_slope, maturity_slope):
    """Cumulative hazard at which a firm begins to consider AI."""
    return considering_threshold(
        exponential(uniform(key, _CONSIDERING, _NEVER_AGAIN)),
        size,
        where((flags & MATURE) != 0, 1.0, 0.0),
        size_slope,
        maturity_slope,
    )


@each()
def begins(key, size, flags, cumulative, size_slope, maturity_slope):
    """Whether a firm begins to consider AI this month."""
    now = considers(
        (flags & APPLICABLE) != 0,
        threshold(key, size, flags, size_slope, maturity_slope),
        cumulative,
    )
    return where(now, 1, 0)


@each()
def compliance_draw(key):
    """Uniform draw; the firm can use an option that is available to a larger share."""
    return uniform(key, _COMPLIANCE, _NEVER_AGAIN)


@each(tables=("available",))
def shut_out(option, compliance, available, kind):
    """Whether a firm's option is available to it no more."""
    k = np.maximum(option - 1, 0)
    return where((option > 0) & (compliance >= available[k, kind]), 1, 0)


@each()
def luck_epoch(key, occasion, epoch, persistence):
    """Evaluation at which the firm's present shocks were drawn: this one, if drawn anew."""
    anew = redrawn(uniform(key, _REDRAW, occasion), persistence)
    return where(anew, occasion, epoch)


@each()
def stable_draw(key, epoch, dissimilarity):
    """Logarithm of the positive stable factor that a firm's options share."""
    return log_positive_stable(
        uniform(key, _ANGLE, epoch), uniform(key, _WEIGHT, epoch), dissimilarity
    )


@each()
def no_option_draw(key, epoch):
    """Utility of not using AI."""
    return gumbel(uniform(key, _NO_OPTION, epoch))


@each()
def option_draw(key, address, epoch):
    """An option's own Gumbel draw."""
    return gumbel(uniform(key, address, epoch))


@each(5)
def own_traits(
    size, persons, flags, common, size_elasticity, wedge, hurdle_size, hurdle_maturity, light_depth
):
    """Scale, weight of up-front money, log hurdle, depth, and usage (persons times depth)."""
    depth = where((flags & DEEP) != 0, 1.0, light_depth)
    mature = where((flags & MATURE) != 0, 1.0, 0.0)
    return (
        size_scale(size, size_elasticity),
        where(persons < 50.0, 1.0 + wedge, 1.0),
        hurdle_trait(size, mature, hurdle_size, hurdle_maturity) + common,
        depth,
        persons * depth,
    )


@each(2)
def money_traits(value_added, persons, price_index, activity, moving):
    """Value added at this month's activity, and the cost of moving between options."""
    return activity * (value_added * price_index), moving * persons


@each(3)
def appraise_option(
    usage, scale, wedge, potential, depth, trait, current, move, compliance, benefit_rate,
    seat_cost, set_up_annuity, hardware_annuity, running_cost, taste, available, set_up_cost,
    hardware_cost, voucher_rate, voucher_cap, life, number, beta,
):  # fmt: skip
    """Net saving and systematic utility of option ``number``, and what a voucher pays for it."""
    voucher = voucher_payment(
        up_front_cost(scale, set_up_cost, hardware_cost), voucher_rate, voucher_cap
    )
    cost = yearly_cost(
        usage, scale, wedge, seat_cost, set_up_annuity, hardware_annuity, running_cost,
        life * where(current == number, 0.0, voucher),
    )  # fmt: skip
    cost = where((current > 0) & (current != number), cost + life * move, cost)
    gain = benefit(potential, benefit_rate, depth)
    worth = option_value(gain, cost, trait, taste, beta)
    return gain - cost, where(compliance < available, worth, NEVER), voucher


@each()
def utility_of(worth, draw, log_stable, dissimilarity):
    """Utility of an option with the firm's own shocks."""
    return worth + shock(draw, log_stable, dissimilarity)


@each(2)
def first_choice(no_option):
    """Before any option is looked at: use none."""
    return no_option, 0


@each(2)
def better(best, chosen, utility, number):
    """The better of the best so far and option ``number``."""
    return better_value(best, utility), better_option(best, chosen, utility, number)


@each()
def nothing_yet(largest):
    """Zero."""
    return 0.0 * largest


@each()
def larger(a, b):
    """The larger of two."""
    return np.maximum(a, b)


@each(2)
def family_sum(weight, saving, worth, net, largest, dissimilarity):
    r"""Adds an option to its family: weight ``exp((V - top) / lambda)`` and weight times saving."""
    top = where(largest > _FEASIBLE, largest, 0.0)
    usable = worth > _FEASIBLE
    share = where(usable, exp((worth - top) / dissimilarity), 0.0)
    return weight + share, saving + share * where(usable, net, 0.0)


@each()
def nest_odds(weight, largest, dissimilarity):
    """Odds of using the options of a family: ``exp(IV)``."""
    top = where(largest > _FEASIBLE, largest, 0.0)
    return exp(inclusive_value(top, np.maximum(weight, _TINY), dissimilarity))


@each()
def surplus_node(total, odds, power, node_weight):
    r"""One node of :math:`\int_0^1 A x^\beta / (1 + A x^\beta)\,dx`, ``A = exp(IV)``."""
    reached = odds * power
    return total + node_weight * (reached / (1.0 + reached))


@each()
def added_surplus_node(total, before, added, largest, power, node_weight, dissimilarity):
    r"""One node of the surplus that further options add, as a share of their mean net saving.

    .. math:: \int_0^1 \frac{T_a x^{\beta/\lambda}}{T(x)} \cdot
              \frac{1}{1 + e^{-top} T(x)^{-\lambda}}\,dx, \qquad
              T(x) = T_b + T_a x^{\beta/\lambda}

    It is never negative: options that are added never lower the surplus, as revealed preference
    demands, and options that get worse add less.
    """
    top = where(largest > _FEASIBLE, largest, 0.0)
    reached = np.maximum(before + added * power, _TINY)
    use = use_probability(inclusive_value(top, reached, dissimilarity))
    return total + node_weight * (added * power / reached * use)


@each()
def surplus_money(
    largest, weight, closed_weight, closed_saving, closed_share, open_weight, open_saving,
    open_share,
):  # fmt: skip
    """Expected surplus of the enterprises a firm stands for, whole currency units a year."""
    closed = closed_saving / np.maximum(closed_weight, _TINY) * closed_share
    added = open_saving / np.maximum(open_weight, _TINY) * open_share
    return whole_money(where(largest > _FEASIBLE, weight * WEIGHT_UNIT * (closed + added), 0.0))


@each()
def option_number(chosen):
    """Row of the chosen option in tables by option; the first where none is chosen."""
    return np.maximum(chosen - 1, 0)


@each(tables=("is_open",))
def tenure_after(before, chosen, tenure, is_open, carry_over):
    """Years of experience after an evaluation."""
    alike = is_open[np.maximum(chosen - 1, 0)] == is_open[np.maximum(before - 1, 0)]
    return where(chosen > 0, next_tenure(tenure, before > 0, alike, carry_over) * 1, 0)


@each()
def hurdle_money(chosen, weight, net, utility, no_option, beta):
    """Realised hurdle of the enterprises a firm stands for, whole currency units a year."""
    # Firms that use nothing have no realised hurdle; zero distance keeps arithmetic finite.
    reached = where(chosen > 0, utility, no_option)
    hurdle = realised_hurdle(net, reached, no_option, beta)
    return where(chosen > 0, whole_money(weight * WEIGHT_UNIT * hurdle), 0.0)


@each(4)
def places(cell, before, chosen, flags, tenure, new_tenure, cells):
    """Entries of the totals by option, and by option and group: before and after."""
    old, new = np.maximum(before - 1, 0), np.maximum(chosen - 1, 0)
    group = where((flags & DEEP) != 0, TENURE_CLASSES, 0)
    return (
        old * cells + cell,
        new * cells + cell,
        (old * GROUPS + group + tenure) * cells + cell,
        (new * GROUPS + group + new_tenure) * cells + cell,
    )


@each(8)
def amounts(before, chosen, weight, value_added, price_index, usage, scale):
    """What users take out of the totals and put into them: value, usage, firms, scale."""
    value = np.rint(weight * WEIGHT_UNIT * (value_added * price_index))
    used, uses = where(before > 0, 1.0, 0.0), where(chosen > 0, 1.0, 0.0)
    usage_weight, scale_weight = np.rint(weight * usage), np.rint(weight * scale)
    return (
        -used * value, uses * value, -used * usage_weight, uses * usage_weight,
        -used * weight, uses * weight, -used * scale_weight, uses * scale_weight,
    )  # fmt: skip


@each(2)
def starts(before, chosen, flags, weight, scale):
    """Scale of the starts on an option, and the change in users of any AI."""
    started = (chosen > 0) & (chosen != before)
    change = where(chosen > 0, 1.0, 0.0) - where(before > 0, 1.0, 0.0)
    return (
        where(started, np.rint(weight * scale), 0.0),
        where((flags & NARROW) != 0, 0.0, weight * change),
    )


@each(2)
def payments(before, chosen, weight, voucher, move):
    """Vouchers paid for starts, and what moves between options cost, whole currency units."""
    started = (chosen > 0) & (chosen != before)
    moved = started & (before > 0)
    real = weight * WEIGHT_UNIT
    return (
        where(started, np.rint(real * voucher), 0.0),
        where(moved, np.rint(real * move), 0.0),
    )


@each(3)
def turnover(before, chosen, weight):
    """Enterprises that leave AI, that move to another option, and users that evaluate."""
    used = before > 0
    return (
        where(used & (chosen == 0), weight, 0.0),
        where(used & (chosen > 0) & (chosen != before), weight, 0.0),
        where(used, weight, 0.0),
    )


@each(4, tables=("is_open",))
def fates(here, there, surplus_here, surplus_there, weight, is_open):
    """Weight of a firm if it is a lost, diverted or gained user, or worse off, in another world."""
    was_open = (here > 0) & is_open[np.maximum(here - 1, 0)]
    now_closed = (there > 0) & ~is_open[np.maximum(there - 1, 0)]
    return (
        where((here > 0) & (there == 0), weight, 0.0),
        where(was_open & now_closed, weight, 0.0),
        where((here == 0) & (there > 0), weight, 0.0),
        where(surplus_there < surplus_here, weight, 0.0),
    )


@each()
def difference(a, b):
    """``a - b``."""
    return a - b


# --- Steps ----------------------------------------------------------------------------------------


@steps
def look_up(people, ground, numbers, work, m):
    """Fill the buffers with what lanes share of the rows: identity, size, value added."""
    gather(m, work.whole[CELL], people.cell, work.whole[ROWS])
    gather(m, work.address[IDENTITY], ground.identity, work.whole[CELL])
    gather(m, work.address[ORDINAL], people.ordinal, work.whole[ROWS])
    firm_keys(m, work.address[KEY], numbers.start[0], work.address[IDENTITY], work.address[ORDINAL])
    gather(m, work.real[WEIGHT], ground.weight, work.whole[CELL])
    gather(m, work.real[PERSONS], people.persons, work.whole[ROWS])
    gather(m, work.real[VALUE_ADDED], people.value_added, work.whole[ROWS])
    sizes(m, work.real[LOG_SIZE], work.real[PERSONS])
    compliance_draw(m, work.real[COMPLIANCE], work.address[KEY])


@steps
def begin(people, ground, state, sums, work, lane, m):
    """The first ``m`` candidates begin to consider AI."""
    mark(m, state.small[CONSIDERING, lane], work.whole[CANDIDATES])
    gather(m, work.whole[NUMBER], people.cell, work.whole[CANDIDATES])
    gather(m, work.real[DEPTH], ground.weight, work.whole[NUMBER])
    post(m, sums.cell[CONSIDERED, lane], work.whole[NUMBER], work.real[DEPTH])


@steps
def consider(people, ground, state, offer, numbers, sums, work, lane, n):
    """Update who considers AI among the first ``n`` rows; keep those that do, return how many.

    It leaves alone what :func:`look_up` and :func:`luck` have put into the buffers.
    """
    gather(n, work.whole[YEARS], state.small[CONSIDERING, lane], work.whole[ROWS])
    gather(n, work.small[TRAITS], state.small[FLAGS, lane], work.whole[ROWS])
    may_begin(n, work.small[KEEP], work.whole[YEARS], work.small[TRAITS])
    m = compress(n, work.whole[CANDIDATES], work.whole[ROWS], work.small[KEEP])
    if m > 0:
        identify(people, ground, numbers, work, work.whole[CANDIDATES], m)
        gather(m, work.real[USE], people.persons, work.whole[CANDIDATES])
        sizes(m, work.real[EFFORT], work.real[USE])
        gather(m, work.small[TRAITS], state.small[FLAGS, lane], work.whole[CANDIDATES])
        gather(m, work.real[SHIFT], offer.cell[CUMULATIVE, lane], work.whole[NUMBER])
        begins(
            m, work.small[KEEP], work.address[OTHER_KEY], work.real[EFFORT], work.small[TRAITS],
            work.real[SHIFT], numbers.of[CONSIDERING_SIZE, lane],
            numbers.of[CONSIDERING_MATURITY, lane],
        )  # fmt: skip
        m = compress(m, work.whole[CANDIDATES], work.whole[CANDIDATES], work.small[KEEP])
        if m > 0:
            begin(people, ground, state, sums, work, lane, m)
        gather(n, work.whole[YEARS], state.small[CONSIDERING, lane], work.whole[ROWS])
    return compress(n, work.whole[ROWS], work.whole[ROWS], work.whole[YEARS])


@steps
def identify(people, ground, numbers, work, rows, m):
    """Cells of the first ``m`` rows into NUMBER, and their keys into OTHER_KEY."""
    gather(m, work.whole[NUMBER], people.cell, rows)
    gather(m, work.address[IDENTITY], ground.identity, work.whole[NUMBER])
    gather(m, work.address[ORDINAL], people.ordinal, rows)
    firm_keys(
        m, work.address[OTHER_KEY], numbers.start[0], work.address[IDENTITY], work.address[ORDINAL]
    )


@steps
def nest_luck(numbers, work, lane, m):
    """The shock that a firm's options share: it alone depends on a parameter, lambda."""
    stable_draw(
        m, work.real[LOG_STABLE], work.address[KEY], work.address[DRAWN],
        numbers.of[DISSIMILARITY, lane],
    )  # fmt: skip


@steps
def luck(numbers, work, lane, m):
    """Shocks of the first ``m`` firms, by their own addresses."""
    nest_luck(numbers, work, lane, m)
    no_option_draw(m, work.real[NO_OPTION], work.address[KEY], work.address[DRAWN])
    for k in range(numbers.addresses.shape[0]):
        option_draw(
            m, work.option[DRAW, k], work.address[KEY], numbers.addresses[k], work.address[DRAWN]
        )


@steps
def appraise(people, ground, state, offer, numbers, work, lane, occasion, n):
    """What the first ``n`` rows weigh; returns how many entries the buffers were filled to.

    Luck and columns that the lane before has left in the buffers are used again if they are those
    of the same firms and evaluations.
    """
    m = padded(n, work.whole[ROWS])
    known = work.note[0] == n and same(n, work.whole[ROWS], work.whole[LUCKY_ROWS])
    if not known:
        look_up(people, ground, numbers, work, m)
    gather(m, work.small[TRAITS], state.small[FLAGS, lane], work.whole[ROWS])
    gather(m, work.whole[NOW], state.small[OPTION, lane], work.whole[ROWS])
    gather(m, work.address[OTHER_KEY], state.small[EPOCH, lane], work.whole[ROWS])
    luck_epoch(
        m,
        work.address[DRAWN],
        work.address[KEY],
        occasion,
        work.address[OTHER_KEY],
        numbers.of[PERSISTENCE, lane],
    )
    if not (known and same(n, work.address[DRAWN], work.address[LUCKY_DRAWN])):
        luck(numbers, work, lane, m)
        work.whole[LUCKY_ROWS, :n] = work.whole[ROWS, :n]
        work.address[LUCKY_DRAWN, :n] = work.address[DRAWN, :n]
    elif numbers.of[DISSIMILARITY, work.note[1]] != numbers.of[DISSIMILARITY, lane]:
        nest_luck(numbers, work, lane, m)
    work.note[0] = n
    work.note[1] = lane
    gather(m, work.real[SHIFT], offer.cell[COMMON, lane], work.whole[CELL])
    own_traits(
        m, work.real[EFFORT], work.real[UP_FRONT_WEIGHT], work.real[TRAIT], work.real[DEPTH],
        work.real[USE], work.real[LOG_SIZE], work.real[PERSONS], work.small[TRAITS],
        work.real[SHIFT], numbers.of[SIZE_ELASTICITY, lane], numbers.of[WEDGE, lane],
        numbers.of[HURDLE_SIZE, lane], numbers.of[HURDLE_MATURITY, lane],
        numbers.of[LIGHT_DEPTH, lane],
    )  # fmt: skip
    kind = kind_of(ground.kind, work.whole[CELL], m)
    money_traits(
        m, work.real[POTENTIAL], work.real[MOVE], work.real[VALUE_ADDED], work.real[PERSONS],
        numbers.of[PRICE_INDEX, lane], offer.activity[lane], offer.kind[MOVING, lane][kind],
    )  # fmt: skip
    for k in range(numbers.addresses.shape[0]):
        appraise_option(
            m, work.option[NET, k], work.option[WORTH, k], work.option[VOUCHER, k], work.real[USE],
            work.real[EFFORT], work.real[UP_FRONT_WEIGHT], work.real[POTENTIAL], work.real[DEPTH],
            work.real[TRAIT], work.whole[NOW], work.real[MOVE], work.real[COMPLIANCE],
            offer.option[BENEFIT_RATE, lane, k][kind], offer.option[SEAT_COST, lane, k][kind],
            offer.option[SET_UP_ANNUITY, lane, k][kind],
            offer.option[HARDWARE_ANNUITY, lane, k][kind],
            offer.option[RUNNING_COST, lane, k][kind], offer.option[TASTE, lane, k][kind],
            offer.option[AVAILABLE, lane, k][kind], offer.option[SET_UP_COST, lane, k][kind],
            offer.option[HARDWARE_COST, lane, k][kind], offer.kind[VOUCHER_RATE, lane][kind],
            offer.kind[VOUCHER_CAP, lane][kind], numbers.of[SET_UP_LIFE, lane], k + 1,
            numbers.of[BETA, lane],
        )  # fmt: skip
        utility_of(
            m, work.option[UTILITY, k], work.option[WORTH, k], work.option[DRAW, k],
            work.real[LOG_STABLE], numbers.of[DISSIMILARITY, lane],
        )  # fmt: skip
    return m


@steps
def choose(numbers, work, m):
    """The choice that maximises utility; returns which of the two buffers holds it."""
    first_choice(m, work.real[BEST], work.whole[CHOSEN], work.real[NO_OPTION])
    here = 0
    for k in range(numbers.addresses.shape[0]):
        better(
            m, work.real[BEST + 1 - here], work.whole[CHOSEN + 1 - here],
            work.real[BEST + here], work.whole[CHOSEN + here], work.option[UTILITY, k], k + 1,
        )  # fmt: skip
        here = 1 - here
    return here


@steps
def surplus(numbers, work, lane, m):
    """Expected surplus of each evaluating firm, into the second buffer of money.

    The integral of the choice probability over net saving along a stated path: closed options
    first, all together, then open ones beside them.  (Value functions in logarithms leave the
    integral path-dependent; along this one, open options never lower it.)
    """
    options = numbers.addresses.shape[0]
    dissimilarity = numbers.of[DISSIMILARITY, lane]
    top = 0
    larger(m, work.real[BEST], work.option[WORTH, 0], work.option[WORTH, 0])
    for k in range(1, options):
        larger(m, work.real[BEST + 1 - top], work.real[BEST + top], work.option[WORTH, k])
        top = 1 - top
    largest = work.real[BEST + top]
    # Family 0 is closed, 1 open; each has two buffers of weight and two of saving, used in turn.
    turn = np.zeros(2, dtype=np.int64)
    for family in range(2):
        nothing_yet(m, work.real[FAMILY + 4 * family], largest)
        nothing_yet(m, work.real[FAMILY + 4 * family + 2], largest)
    for k in range(options):
        family = 1 if numbers.is_open[lane, k] else 0
        here = 4 * family + turn[family]
        turn[family] = 1 - turn[family]
        there = 4 * family + turn[family]
        family_sum(
            m, work.real[FAMILY + there], work.real[FAMILY + there + 2], work.real[FAMILY + here],
            work.real[FAMILY + here + 2], work.option[WORTH, k], work.option[NET, k], largest,
            dissimilarity,
        )  # fmt: skip
    closed, opened = turn[0], 4 + turn[1]
    odds = work.real[AMOUNT]
    nest_odds(m, odds, work.real[FAMILY + closed], largest, dissimilarity)
    for j in range(4):
        nothing_yet(m, work.real[AMOUNT + 1 + j], largest)
    for node in range(NODES):
        here = node % 2
        surplus_node(
            m, work.real[AMOUNT + 2 - here], work.real[AMOUNT + 1 + here], odds,
            numbers.powers[lane, 0, node], numbers.node_weights[node],
        )  # fmt: skip
    if whole_sum(m, work.real[FAMILY + opened]) > 0.0:  # some firm has an open option
        for node in range(NODES):
            here = node % 2
            added_surplus_node(
                m, work.real[AMOUNT + 4 - here], work.real[AMOUNT + 3 + here],
                work.real[FAMILY + closed], work.real[FAMILY + opened], largest,
                numbers.powers[lane, 1, node], numbers.node_weights[node], dissimilarity,
            )  # fmt: skip
    surplus_money(
        m, work.real[MONEY + 1], largest, work.real[WEIGHT], work.real[FAMILY + closed],
        work.real[FAMILY + closed + 2], work.real[AMOUNT + 1], work.real[FAMILY + opened],
        work.real[FAMILY + opened + 2], work.real[AMOUNT + 3],
    )  # fmt: skip


@steps
def settle(ground, state, offer, numbers, sums, work, lane, chosen, n, m):
    """Carry out the choices of the first ``n`` firms: experience, hurdle, totals."""
    gather(m, work.whole[YEARS], state.small[TENURE, lane], work.whole[ROWS])
    tenure_after(
        m, work.whole[NEW_YEARS], work.whole[NOW], chosen, work.whole[YEARS], numbers.is_open[lane],
        numbers.of[CARRY_OVER, lane],
    )  # fmt: skip
    option_number(m, work.whole[NUMBER], chosen)
    pick(m, work.real[PAIR], work.option[NET], work.whole[NUMBER])
    pick(m, work.real[PAIR + 1], work.option[UTILITY], work.whole[NUMBER])
    hurdle_money(
        m, work.real[MONEY], chosen, work.real[WEIGHT], work.real[PAIR], work.real[PAIR + 1],
        work.real[NO_OPTION], numbers.of[BETA, lane],
    )  # fmt: skip
    places(
        m, work.whole[INDEX], work.whole[INDEX + 1], work.whole[INDEX + 2], work.whole[INDEX + 3],
        work.whole[CELL], work.whole[NOW], chosen, work.small[TRAITS], work.whole[YEARS],
        work.whole[NEW_YEARS], ground.kind.shape[0],
    )  # fmt: skip
    amounts(
        m, work.real[AMOUNT], work.real[AMOUNT + 1], work.real[AMOUNT + 2], work.real[AMOUNT + 3],
        work.real[AMOUNT + 4], work.real[AMOUNT + 5], work.real[AMOUNT + 6], work.real[AMOUNT + 7],
        work.whole[NOW], chosen, work.real[WEIGHT], work.real[VALUE_ADDED],
        numbers.of[PRICE_INDEX, lane], work.real[USE], work.real[EFFORT],
    )  # fmt: skip
    for side in range(2):
        post(n, sums.value[lane], work.whole[INDEX + 2 + side], work.real[AMOUNT + side])
        post(n, sums.pair[USAGE, lane], work.whole[INDEX + side], work.real[AMOUNT + 2 + side])
        post(n, sums.pair[FIRMS, lane], work.whole[INDEX + side], work.real[AMOUNT + 4 + side])
        post(n, sums.pair[SCALE, lane], work.whole[INDEX + side], work.real[AMOUNT + 6 + side])
    starts(
        m,
        work.real[AMOUNT],
        work.real[AMOUNT + 1],
        work.whole[NOW],
        chosen,
        work.small[TRAITS],
        work.real[WEIGHT],
        work.real[EFFORT],
    )
    post(n, sums.pair[NEW_SCALE, lane], work.whole[INDEX + 1], work.real[AMOUNT])
    post(n, sums.cell[USERS, lane], work.whole[CELL], work.real[AMOUNT + 1])
    pick(m, work.real[PAIR], work.option[VOUCHER], work.whole[NUMBER])
    payments(
        m, work.real[AMOUNT], work.real[AMOUNT + 1], work.whole[NOW], chosen, work.real[WEIGHT],
        work.real[PAIR], work.real[MOVE],
    )  # fmt: skip
    post(n, sums.cell[VOUCHERS, lane], work.whole[CELL], work.real[AMOUNT])
    post(n, sums.cell[MOVES, lane], work.whole[CELL], work.real[AMOUNT + 1])
    turnover(
        m,
        work.real[AMOUNT],
        work.real[AMOUNT + 1],
        work.real[AMOUNT + 2],
        work.whole[NOW],
        chosen,
        work.real[WEIGHT],
    )
    for event in range(3):
        sums.events[lane, event] += whole_sum(n, work.real[AMOUNT + event])
    gather(m, work.real[OLD_MONEY], state.money[HURDLE, lane], work.whole[ROWS])
    difference(m, work.real[AMOUNT], work.real[MONEY], work.real[OLD_MONEY])
    post(n, sums.cell[HURDLES, lane], work.whole[CELL], work.real[AMOUNT])
    gather(m, work.real[OLD_MONEY], state.money[SURPLUS, lane], work.whole[ROWS])
    difference(m, work.real[AMOUNT], work.real[MONEY + 1], work.real[OLD_MONEY])
    post(n, sums.cell[SURPLUSES, lane], work.whole[CELL], work.real[AMOUNT])
    scatter(n, state.small[OPTION, lane], work.whole[ROWS], chosen)
    scatter(n, state.small[TENURE, lane], work.whole[ROWS], work.whole[NEW_YEARS])
    scatter(n, state.small[EPOCH, lane], work.whole[ROWS], work.address[DRAWN])
    scatter(n, state.money[HURDLE, lane], work.whole[ROWS], work.real[MONEY])
    scatter(n, state.money[SURPLUS, lane], work.whole[ROWS], work.real[MONEY + 1])


# --- Kernels --------------------------------------------------------------------------------------


@kernel
def evaluate(
    people, ground, state, offer, numbers, sums, work, occasion, rows, lanes, locked
):  # fmt: skip
    """Firms of ``rows`` (first, last) evaluate in each lane of ``lanes`` (first, last).

    They begin to consider, appraise their options, choose, and settle.  With ``locked``
    (``[lanes]`` of bool) only firms whose option has been taken from them evaluate, in the lanes
    it names; with an empty one all do.
    """
    block = work.whole.shape[1]
    first, last = rows
    while first < last:
        end = run_end(ground.kind, people.cell, first, min(first + block, last))
        work.note[0] = 0
        for lane in range(lanes[0], lanes[1]):
            n = number_rows(work.whole[ROWS], first, end)
            if locked.shape[0] > 0:
                n = find_locked(people, ground, state, offer, numbers, work, lane, n, locked[lane])
            else:
                n = consider(people, ground, state, offer, numbers, sums, work, lane, n)
            if n > 0:
                m = appraise(people, ground, state, offer, numbers, work, lane, occasion, n)
                here = choose(numbers, work, m)
                surplus(numbers, work, lane, m)
                settle(
                    ground, state, offer, numbers, sums, work, lane, work.whole[CHOSEN + here], n, m
                )
        first = end


@steps
def find_locked(people, ground, state, offer, numbers, work, lane, n, locked):
    """Keep those of the first ``n`` rows whose option has been taken away; return how many."""
    if not locked:
        return 0
    gather(n, work.whole[NOW], state.small[OPTION, lane], work.whole[ROWS])
    n = compress(n, work.whole[ROWS], work.whole[ROWS], work.whole[NOW])
    if n > 0:
        identify(people, ground, numbers, work, work.whole[ROWS], n)
        compliance_draw(n, work.real[USE], work.address[OTHER_KEY])
        gather(n, work.whole[NOW], state.small[OPTION, lane], work.whole[ROWS])
        kind = kind_of(ground.kind, work.whole[NUMBER], n)
        shut_out(
            n,
            work.small[KEEP],
            work.whole[NOW],
            work.real[USE],
            offer.option[AVAILABLE, lane],
            kind,
        )
        n = compress(n, work.whole[ROWS], work.whole[ROWS], work.small[KEEP])
    return n


@kernel
def compare_lanes(people, ground, state, numbers, sizes, counts, work, rows, lanes):
    """Weights of firms of ``rows`` by what became of them in one lane against another.

    ``lanes`` is (lane compared with, lane); ``counts`` is ``[4, size classes]``: lost, diverted
    and gained users, and firms worse off; ``sizes`` the size class of each cell.
    """
    block = work.whole.shape[1]
    first, last = rows
    base, lane = lanes
    while first < last:
        end = min(first + block, last)
        n = number_rows(work.whole[ROWS], first, end)
        gather(n, work.whole[CELL], people.cell, work.whole[ROWS])
        gather(n, work.real[WEIGHT], ground.weight, work.whole[CELL])
        gather(n, work.whole[NUMBER], sizes, work.whole[CELL])
        gather(n, work.whole[NOW], state.small[OPTION, base], work.whole[ROWS])
        gather(n, work.whole[YEARS], state.small[OPTION, lane], work.whole[ROWS])
        gather(n, work.real[OLD_MONEY], state.money[SURPLUS, base], work.whole[ROWS])
        gather(n, work.real[LOG_SIZE], state.money[SURPLUS, lane], work.whole[ROWS])
        fates(
            n, work.real[AMOUNT], work.real[AMOUNT + 1], work.real[AMOUNT + 2],
            work.real[AMOUNT + 3], work.whole[NOW], work.whole[YEARS], work.real[OLD_MONEY],
            work.real[LOG_SIZE], work.real[WEIGHT], numbers.is_open[base],
        )  # fmt: skip
        for fate in range(4):
            post(n, counts[fate], work.whole[NUMBER], work.real[AMOUNT + fate])
        first = end


@kernel
def draw_traits(people, ground, state, numbers, chances, sums, work, rows, lanes):
    """Draw the fixed traits of firms of ``rows`` in each lane; count users of narrow AI."""
    block = work.whole.shape[1]
    first, last = rows
    while first < last:
        end = min(first + block, last)
        n = number_rows(work.whole[ROWS], first, end)
        m = padded(n, work.whole[ROWS])
        look_up(people, ground, numbers, work, m)
        for lane in range(lanes[0], lanes[1]):
            gather(m, work.real[SHIFT], chances.shifts[0, lane], work.whole[CELL])
            gather(m, work.real[TRAIT], chances.shifts[1, lane], work.whole[CELL])
            fixed_traits(
                m, work.small[TRAITS], work.address[KEY], work.real[LOG_SIZE], work.real[SHIFT],
                work.real[TRAIT], chances.of[MATURITY_LEVEL, lane], chances.of[MATURITY_SIZE, lane],
                chances.of[DEEP_SHARE, lane], chances.of[APPLICABLE_ODDS, lane],
                chances.of[APPLICABLE_SIZE, lane], chances.of[NARROW_LEVEL, lane],
                chances.of[NARROW_SIZE, lane], chances.of[NARROW_MATURITY, lane],
            )  # fmt: skip
            scatter(n, state.small[FLAGS, lane], work.whole[ROWS], work.small[TRAITS])
            narrow_weight(m, work.real[SHIFT], work.small[TRAITS], work.real[WEIGHT])
            post(n, sums.cell[USERS, lane], work.whole[CELL], work.real[SHIFT])
        first = end
