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

#: Firms that compiled stages work on at a time.
BLOCK = 512

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
    """What a lane's firms remember, each ``ndarray[lanes, firms]``.

    ``flags`` (traits drawn at the start: :data:`MATURE`, :data:`DEEP`, :data:`APPLICABLE`,
    :data:`NARROW`), ``considering``, ``option`` (0 none, ``k + 1``), ``tenure`` (years of
    experience, in classes) and ``epoch`` (evaluation at which the shocks were drawn) are uint8;
    ``hurdle`` and ``surplus`` (of the last evaluation, weighted, whole currency units a year)
    float32, which holds :func:`econsim.behaviour.whole_money` exactly.
    """

    flags: np.ndarray
    considering: np.ndarray
    option: np.ndarray
    tenure: np.ndarray
    epoch: np.ndarray
    hurdle: np.ndarray
    surplus: np.ndarray


class Offer(NamedTuple):
    """A month's terms as firms see them.

    ``[lanes, options, classes]``: ``benefit_rate``, ``seat_cost``, ``set_up_annuity``,
    ``hardware_annuity``, ``running_cost``, ``taste``, ``available``, ``set_up_cost``,
    ``hardware_cost``; ``[lanes, classes]``: ``voucher_rate``, ``voucher_cap``, ``moving`` (cost
    per person of moving between options); ``[lanes, cells]``: ``common`` (log hurdle) and
    ``cumulative`` (considering hazard); ``[lanes]``: ``activity``.
    """

    benefit_rate: np.ndarray
    seat_cost: np.ndarray
    set_up_annuity: np.ndarray
    hardware_annuity: np.ndarray
    running_cost: np.ndarray
    taste: np.ndarray
    available: np.ndarray
    set_up_cost: np.ndarray
    hardware_cost: np.ndarray
    voucher_rate: np.ndarray
    voucher_cap: np.ndarray
    moving: np.ndarray
    common: np.ndarray
    cumulative: np.ndarray
    activity: np.ndarray


class Numbers(NamedTuple):
    """Parameters: ``[lanes]`` each, save the last rows.

    ``powers`` is ``[lanes, 2, NODES]`` and ``node_weights`` ``[NODES]`` (surplus integrals),
    ``is_open`` bool is ``[lanes, options]``, ``addresses`` uint64 ``[options]``, ``start`` uint64 ``[1]`` the seed's
    start of all keys.
    """

    beta: np.ndarray
    dissimilarity: np.ndarray
    persistence: np.ndarray
    carry_over: np.ndarray
    set_up_life: np.ndarray
    size_elasticity: np.ndarray
    wedge: np.ndarray
    hurdle_size: np.ndarray
    hurdle_maturity: np.ndarray
    light_depth: np.ndarray
    price_index: np.ndarray
    considering_size: np.ndarray
    considering_maturity: np.ndarray
    powers: np.ndarray
    node_weights: np.ndarray
    addresses: np.ndarray
    is_open: np.ndarray
    start: np.ndarray


class Chances(NamedTuple):
    """What a firm's fixed traits are drawn with: ``[lanes]``; ``*_shift`` ``[lanes, cells]``."""

    maturity_level: np.ndarray
    maturity_size: np.ndarray
    deep_share: np.ndarray
    applicable_odds: np.ndarray
    applicable_size: np.ndarray
    applicable_shift: np.ndarray
    narrow_level: np.ndarray
    narrow_size: np.ndarray
    narrow_maturity: np.ndarray
    narrow_shift: np.ndarray


class Sums(NamedTuple):
    """Totals by cell, whole numbers in float64, exact in any order.

    ``[lanes, cells * options * GROUPS]``: ``value`` (weighted value added of users);
    ``[lanes, cells * options]``: ``usage``, ``firms``, ``scale``, ``new_scale`` (of this month's
    starts); ``[lanes, cells]``: ``users`` (of narrow or general-purpose AI), ``considering``,
    ``hurdle``, ``surplus``, ``moving`` and ``vouchers`` (this month, currency);
    ``[lanes, 3]``: ``events``, leavers, switchers and users that evaluated this month.
    """

    value: np.ndarray
    usage: np.ndarray
    firms: np.ndarray
    scale: np.ndarray
    new_scale: np.ndarray
    users: np.ndarray
    considering: np.ndarray
    hurdle: np.ndarray
    surplus: np.ndarray
    moving: np.ndarray
    vouchers: np.ndarray
    events: np.ndarray

    @classmethod
    def empty(cls, lanes: int, cells: int, options: int) -> "Sums":
        """All zero."""
        pair = (lanes, cells * options)
        return cls(
            np.zeros((lanes, cells * options * GROUPS)),
            *(np.zeros(pair) for _ in range(4)),
            *(np.zeros((lanes, cells)) for _ in range(6)),
            np.zeros((lanes, 3)),
        )


class Work(NamedTuple):
    """Buffers of a block of firms: what evaluating firms weigh, ``[firms]`` or ``[., firms]``.

    ``net`` (net saving, currency a year), ``worth`` (systematic utility), ``utility`` (with the
    firm's own shocks), ``voucher`` (what a voucher pays for a start) are ``[options, firms]``.
    """

    rows: np.ndarray
    candidates: np.ndarray
    keep: np.ndarray
    cell: np.ndarray
    identity: np.ndarray
    ordinal: np.ndarray
    key: np.ndarray
    weight: np.ndarray
    persons: np.ndarray
    value_added: np.ndarray
    size: np.ndarray
    shift: np.ndarray
    flags: np.ndarray
    option: np.ndarray
    tenure: np.ndarray
    old_epoch: np.ndarray
    epoch: np.ndarray
    scale: np.ndarray
    wedge: np.ndarray
    trait: np.ndarray
    depth: np.ndarray
    usage: np.ndarray
    potential: np.ndarray
    move: np.ndarray
    compliance: np.ndarray
    log_stable: np.ndarray
    no_option: np.ndarray
    gumbel: np.ndarray
    net: np.ndarray
    worth: np.ndarray
    utility: np.ndarray
    voucher: np.ndarray
    best: np.ndarray
    chosen: np.ndarray
    number: np.ndarray
    pair: np.ndarray
    family: np.ndarray
    new_tenure: np.ndarray
    old_money: np.ndarray
    money: np.ndarray
    index: np.ndarray
    amount: np.ndarray
    lucky_rows: np.ndarray
    lucky_epoch: np.ndarray
    note: np.ndarray

    @classmethod
    def of(cls, firms: int, options: int) -> "Work":
        """Buffers for this many firms and options."""
        shapes = {
            "rows": ("int64", ()), "candidates": ("int64", ()), "keep": ("uint8", ()),
            "cell": ("int64", ()), "identity": ("uint64", ()), "ordinal": ("uint64", ()),
            "key": ("uint64", ()), "flags": ("uint8", ()), "option": ("int64", ()),
            "tenure": ("int64", ()), "old_epoch": ("uint64", ()), "epoch": ("uint64", ()),
            "gumbel": ("float64", (options,)), "net": ("float64", (options,)),
            "worth": ("float64", (options,)), "utility": ("float64", (options,)),
            "voucher": ("float64", (options,)), "best": ("float64", (2,)),
            "chosen": ("int64", (2,)), "number": ("int64", ()), "pair": ("float64", (2,)),
            "family": ("float64", (8,)), "new_tenure": ("int64", ()),
            "old_money": ("float64", ()), "money": ("float64", (2,)), "index": ("int64", (4,)),
            "amount": ("float64", (8,)), "lucky_rows": ("int64", ()),
            "lucky_epoch": ("uint64", ()),
        }  # fmt: skip
        found = {
            name: np.empty((*shapes.get(name, ("", ()))[1], firms), shapes.get(name, ("f8",))[0])
            for name in cls._fields
            if name != "note"
        }
        return cls(**found, note=np.zeros(2, dtype=np.int64))


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
    return no_option, where(no_option > 0.0, 0, 0)


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
    return whole_money(
        where(largest > _FEASIBLE, weight * WEIGHT_UNIT * (closed + added), 0.0)
    )


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
def places(cell, before, chosen, flags, tenure, new_tenure, options):
    """Entries of the totals by option, and by option and group: before and after."""
    old = cell * options + np.maximum(before - 1, 0)
    new = cell * options + np.maximum(chosen - 1, 0)
    group = where((flags & DEEP) != 0, TENURE_CLASSES, 0)
    return old, new, old * GROUPS + group + tenure, new * GROUPS + group + new_tenure


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
    gather(m, work.cell, people.cell, work.rows)
    gather(m, work.identity, ground.identity, work.cell)
    gather(m, work.ordinal, people.ordinal, work.rows)
    firm_keys(m, work.key, numbers.start[0], work.identity, work.ordinal)
    gather(m, work.weight, ground.weight, work.cell)
    gather(m, work.persons, people.persons, work.rows)
    gather(m, work.value_added, people.value_added, work.rows)
    sizes(m, work.size, work.persons)
    compliance_draw(m, work.compliance, work.key)


@steps
def begin(people, ground, state, sums, work, lane, m):
    """The first ``m`` candidates begin to consider AI."""
    mark(m, state.considering[lane], work.candidates)
    gather(m, work.number, people.cell, work.candidates)
    gather(m, work.depth, ground.weight, work.number)
    post(m, sums.considering[lane], work.number, work.depth)


@steps
def consider(people, ground, state, offer, numbers, sums, work, lane, n):
    """Update who considers AI among the first ``n`` rows; keep those that do, return how many.

    It leaves alone what :func:`look_up` and :func:`luck` have put into the buffers.
    """
    gather(n, work.tenure, state.considering[lane], work.rows)
    gather(n, work.flags, state.flags[lane], work.rows)
    may_begin(n, work.keep, work.tenure, work.flags)
    m = compress(n, work.candidates, work.rows, work.keep)
    if m > 0:
        identify(people, ground, numbers, work, work.candidates, m)
        gather(m, work.usage, people.persons, work.candidates)
        sizes(m, work.scale, work.usage)
        gather(m, work.flags, state.flags[lane], work.candidates)
        gather(m, work.shift, offer.cumulative[lane], work.number)
        begins(
            m, work.keep, work.old_epoch, work.scale, work.flags, work.shift,
            numbers.considering_size[lane], numbers.considering_maturity[lane],
        )  # fmt: skip
        m = compress(m, work.candidates, work.candidates, work.keep)
        if m > 0:
            begin(people, ground, state, sums, work, lane, m)
        gather(n, work.tenure, state.considering[lane], work.rows)
    return compress(n, work.rows, work.rows, work.tenure)


@steps
def identify(people, ground, numbers, work, rows, m):
    """Cells of the first ``m`` rows into ``number`` and their keys into ``old_epoch``."""
    gather(m, work.number, people.cell, rows)
    gather(m, work.identity, ground.identity, work.number)
    gather(m, work.ordinal, people.ordinal, rows)
    firm_keys(m, work.old_epoch, numbers.start[0], work.identity, work.ordinal)


@steps
def luck(numbers, work, lane, m):
    """Shocks of the first ``m`` firms, by their own addresses."""
    stable_draw(m, work.log_stable, work.key, work.epoch, numbers.dissimilarity[lane])
    no_option_draw(m, work.no_option, work.key, work.epoch)
    for k in range(numbers.addresses.shape[0]):
        option_draw(m, work.gumbel[k], work.key, numbers.addresses[k], work.epoch)


@steps
def appraise(people, ground, state, offer, numbers, work, lane, occasion, n):
    """What the first ``n`` rows weigh; returns how many entries the buffers were filled to.

    Luck and columns that the lane before has left in the buffers are used again if they are those
    of the same firms and evaluations.
    """
    m = padded(n, work.rows)
    known = work.note[0] == n and same(n, work.rows, work.lucky_rows)
    if not known:
        look_up(people, ground, numbers, work, m)
    gather(m, work.flags, state.flags[lane], work.rows)
    gather(m, work.option, state.option[lane], work.rows)
    gather(m, work.old_epoch, state.epoch[lane], work.rows)
    luck_epoch(m, work.epoch, work.key, occasion, work.old_epoch, numbers.persistence[lane])
    if not (
        known
        and numbers.dissimilarity[work.note[1]] == numbers.dissimilarity[lane]
        and same(n, work.epoch, work.lucky_epoch)
    ):
        luck(numbers, work, lane, m)
        work.lucky_rows[:n] = work.rows[:n]
        work.lucky_epoch[:n] = work.epoch[:n]
        work.note[0] = n
        work.note[1] = lane
    gather(m, work.shift, offer.common[lane], work.cell)
    own_traits(
        m, work.scale, work.wedge, work.trait, work.depth, work.usage,
        work.size, work.persons, work.flags, work.shift, numbers.size_elasticity[lane],
        numbers.wedge[lane], numbers.hurdle_size[lane], numbers.hurdle_maturity[lane],
        numbers.light_depth[lane],
    )  # fmt: skip
    kind = kind_of(ground.kind, work.cell, m)
    money_traits(
        m, work.potential, work.move,
        work.value_added, work.persons, numbers.price_index[lane], offer.activity[lane],
        offer.moving[lane][kind],
    )  # fmt: skip
    for k in range(numbers.addresses.shape[0]):
        appraise_option(
            m, work.net[k], work.worth[k], work.voucher[k],
            work.usage, work.scale, work.wedge, work.potential, work.depth, work.trait,
            work.option, work.move, work.compliance,
            offer.benefit_rate[lane, k][kind], offer.seat_cost[lane, k][kind],
            offer.set_up_annuity[lane, k][kind], offer.hardware_annuity[lane, k][kind],
            offer.running_cost[lane, k][kind], offer.taste[lane, k][kind],
            offer.available[lane, k][kind], offer.set_up_cost[lane, k][kind],
            offer.hardware_cost[lane, k][kind], offer.voucher_rate[lane][kind],
            offer.voucher_cap[lane][kind], numbers.set_up_life[lane], k + 1, numbers.beta[lane],
        )  # fmt: skip
        utility_of(
            m, work.utility[k],
            work.worth[k], work.gumbel[k], work.log_stable, numbers.dissimilarity[lane],
        )  # fmt: skip
    return m


@steps
def choose(numbers, work, m):
    """The choice that maximises utility; returns which of the two buffers holds it."""
    first_choice(m, work.best[0], work.chosen[0], work.no_option)
    here = 0
    for k in range(numbers.addresses.shape[0]):
        better(
            m, work.best[1 - here], work.chosen[1 - here],
            work.best[here], work.chosen[here], work.utility[k], k + 1,
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
    dissimilarity = numbers.dissimilarity[lane]
    top = 0
    larger(m, work.best[0], work.worth[0], work.worth[0])
    for k in range(1, options):
        larger(m, work.best[1 - top], work.best[top], work.worth[k])
        top = 1 - top
    largest = work.best[top]
    # Family 0 is closed, 1 open; each has two buffers of weight and two of saving, used in turn.
    turn = np.zeros(2, dtype=np.int64)
    for family in range(2):
        nothing_yet(m, work.family[4 * family], largest)
        nothing_yet(m, work.family[4 * family + 2], largest)
    for k in range(options):
        family = 1 if numbers.is_open[lane, k] else 0
        here = 4 * family + turn[family]
        turn[family] = 1 - turn[family]
        there = 4 * family + turn[family]
        family_sum(
            m, work.family[there], work.family[there + 2],
            work.family[here], work.family[here + 2], work.worth[k], work.net[k], largest,
            dissimilarity,
        )  # fmt: skip
    closed, opened = turn[0], 4 + turn[1]
    odds = work.amount[0]
    nest_odds(m, odds, work.family[closed], largest, dissimilarity)
    for j in range(4):
        nothing_yet(m, work.amount[1 + j], largest)
    for node in range(NODES):
        here = node % 2
        surplus_node(
            m, work.amount[2 - here], work.amount[1 + here], odds, numbers.powers[lane, 0, node],
            numbers.node_weights[node],
        )  # fmt: skip
        added_surplus_node(
            m, work.amount[4 - here], work.amount[3 + here],
            work.family[closed], work.family[opened], largest, numbers.powers[lane, 1, node],
            numbers.node_weights[node], dissimilarity,
        )  # fmt: skip
    surplus_money(
        m, work.money[1],
        largest, work.weight, work.family[closed], work.family[closed + 2], work.amount[1],
        work.family[opened], work.family[opened + 2], work.amount[3],
    )  # fmt: skip


@steps
def settle(ground, state, offer, numbers, sums, work, lane, chosen, n, m):
    """Carry out the choices of the first ``n`` firms: experience, hurdle, totals."""
    options = numbers.addresses.shape[0]
    gather(m, work.tenure, state.tenure[lane], work.rows)
    tenure_after(
        m, work.new_tenure, work.option, chosen, work.tenure, numbers.is_open[lane],
        numbers.carry_over[lane],
    )  # fmt: skip
    option_number(m, work.number, chosen)
    pick(m, work.pair[0], work.net, work.number)
    pick(m, work.pair[1], work.utility, work.number)
    hurdle_money(
        m, work.money[0], chosen, work.weight, work.pair[0], work.pair[1], work.no_option,
        numbers.beta[lane],
    )  # fmt: skip
    places(
        m, work.index[0], work.index[1], work.index[2], work.index[3],
        work.cell, work.option, chosen, work.flags, work.tenure, work.new_tenure, options,
    )  # fmt: skip
    amounts(
        m, work.amount[0], work.amount[1], work.amount[2], work.amount[3], work.amount[4],
        work.amount[5], work.amount[6], work.amount[7],
        work.option, chosen, work.weight, work.value_added, numbers.price_index[lane], work.usage,
        work.scale,
    )  # fmt: skip
    for side in range(2):
        post(n, sums.value[lane], work.index[2 + side], work.amount[side])
        post(n, sums.usage[lane], work.index[side], work.amount[2 + side])
        post(n, sums.firms[lane], work.index[side], work.amount[4 + side])
        post(n, sums.scale[lane], work.index[side], work.amount[6 + side])
    starts(
        m, work.amount[0], work.amount[1], work.option, chosen, work.flags, work.weight, work.scale
    )
    post(n, sums.new_scale[lane], work.index[1], work.amount[0])
    post(n, sums.users[lane], work.cell, work.amount[1])
    pick(m, work.pair[0], work.voucher, work.number)
    payments(
        m, work.amount[0], work.amount[1], work.option, chosen, work.weight, work.pair[0],
        work.move,
    )  # fmt: skip
    post(n, sums.vouchers[lane], work.cell, work.amount[0])
    post(n, sums.moving[lane], work.cell, work.amount[1])
    turnover(m, work.amount[0], work.amount[1], work.amount[2], work.option, chosen, work.weight)
    for event in range(3):
        sums.events[lane, event] += whole_sum(n, work.amount[event])
    gather(m, work.old_money, state.hurdle[lane], work.rows)
    difference(m, work.amount[0], work.money[0], work.old_money)
    post(n, sums.hurdle[lane], work.cell, work.amount[0])
    gather(m, work.old_money, state.surplus[lane], work.rows)
    difference(m, work.amount[0], work.money[1], work.old_money)
    post(n, sums.surplus[lane], work.cell, work.amount[0])
    scatter(n, state.option[lane], work.rows, chosen)
    scatter(n, state.tenure[lane], work.rows, work.new_tenure)
    scatter(n, state.epoch[lane], work.rows, work.epoch)
    scatter(n, state.hurdle[lane], work.rows, work.money[0])
    scatter(n, state.surplus[lane], work.rows, work.money[1])


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
    block = work.rows.shape[0]
    first, last = rows
    while first < last:
        end = run_end(ground.kind, people.cell, first, min(first + block, last))
        work.note[0] = 0
        for lane in range(lanes[0], lanes[1]):
            n = number_rows(work.rows, first, end)
            if locked.shape[0] > 0:
                n = find_locked(people, ground, state, offer, numbers, work, lane, n, locked[lane])
            else:
                n = consider(people, ground, state, offer, numbers, sums, work, lane, n)
            if n > 0:
                m = appraise(people, ground, state, offer, numbers, work, lane, occasion, n)
                here = choose(numbers, work, m)
                surplus(numbers, work, lane, m)
                settle(
                    ground, state, offer, numbers, sums, work, lane, work.chosen[here], n, m
                )
        first = end


@steps
def find_locked(people, ground, state, offer, numbers, work, lane, n, locked):
    """Keep those of the first ``n`` rows whose option has been taken away; return how many."""
    if not locked:
        return 0
    gather(n, work.option, state.option[lane], work.rows)
    n = compress(n, work.rows, work.rows, work.option)
    if n > 0:
        identify(people, ground, numbers, work, work.rows, n)
        compliance_draw(n, work.usage, work.old_epoch)
        gather(n, work.option, state.option[lane], work.rows)
        kind = kind_of(ground.kind, work.number, n)
        shut_out(n, work.keep, work.option, work.usage, offer.available[lane], kind)
        n = compress(n, work.rows, work.rows, work.keep)
    return n


@kernel
def compare_lanes(people, ground, state, numbers, sizes, counts, work, rows, lane):
    """Weights of firms of ``rows`` by what became of them in ``lane`` against lane 0.

    ``counts`` is ``[4, size classes]``: lost, diverted and gained users, and firms worse off;
    ``sizes`` the size class of each cell.
    """
    block = work.rows.shape[0]
    first, last = rows
    while first < last:
        end = min(first + block, last)
        n = number_rows(work.rows, first, end)
        gather(n, work.cell, people.cell, work.rows)
        gather(n, work.weight, ground.weight, work.cell)
        gather(n, work.number, sizes, work.cell)
        gather(n, work.option, state.option[0], work.rows)
        gather(n, work.tenure, state.option[lane], work.rows)
        gather(n, work.old_money, state.surplus[0], work.rows)
        gather(n, work.size, state.surplus[lane], work.rows)
        fates(
            n, work.amount[0], work.amount[1], work.amount[2], work.amount[3],
            work.option, work.tenure, work.old_money, work.size, work.weight, numbers.is_open[0],
        )  # fmt: skip
        for fate in range(4):
            post(n, counts[fate], work.number, work.amount[fate])
        first = end


@kernel
def draw_traits(people, ground, state, numbers, chances, sums, work, rows, lanes):
    """Draw the fixed traits of firms of ``rows`` in each lane; count users of narrow AI."""
    block = work.rows.shape[0]
    first, last = rows
    while first < last:
        end = min(first + block, last)
        n = number_rows(work.rows, first, end)
        m = padded(n, work.rows)
        look_up(people, ground, numbers, work, m)
        for lane in range(lanes[0], lanes[1]):
            gather(m, work.shift, chances.applicable_shift[lane], work.cell)
            gather(m, work.trait, chances.narrow_shift[lane], work.cell)
            fixed_traits(
                m, work.flags, work.key, work.size, work.shift, work.trait,
                chances.maturity_level[lane], chances.maturity_size[lane],
                chances.deep_share[lane], chances.applicable_odds[lane],
                chances.applicable_size[lane], chances.narrow_level[lane],
                chances.narrow_size[lane], chances.narrow_maturity[lane],
            )  # fmt: skip
            scatter(n, state.flags[lane], work.rows, work.flags)
            narrow_weight(m, work.shift, work.flags, work.weight)
            post(n, sums.users[lane], work.cell, work.shift)
        first = end
