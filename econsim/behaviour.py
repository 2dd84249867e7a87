"""What a firm does: considering, the value of options, choice, persistence, learning.

Every function listed in :data:`RULES` is *pure and elementwise*: own columns, the month's frozen
terms and addressed draws in; values out.  It cannot know whether it has one firm or thirty
million, and it gives equal bits on a whole array, on one row, and compiled (see
:mod:`econsim.arithmetic`).  Money is in the region's currency at prices of 2024, per year unless
said otherwise.  Equations: ``docs/model.md``.
"""

import numpy as np

from econsim.arithmetic import exp, log, where

#: Utility of an infeasible or absent option: finite, so that no infinity enters arithmetic.
NEVER = -1.0e30

#: Firms of this many persons engaged are the reference of all size elasticities.
REFERENCE_PERSONS = 10.0

#: Years of experience told apart: 0, 1, 2, 3, and 4 or more.
TENURE_CLASSES = 5

RULES = (
    "log_size",
    "logistic_share",
    "considering_threshold",
    "considering_pressure",
    "considers",
    "size_scale",
    "hurdle_trait",
    "benefit",
    "up_front_cost",
    "voucher_payment",
    "yearly_cost",
    "option_value",
    "better_value",
    "better_option",
    "shock",
    "redrawn",
    "inclusive_value",
    "use_probability",
    "realised_hurdle",
    "next_tenure",
    "whole_money",
)


def log_size(persons):
    """Log of persons engaged relative to the reference size, ``ln(persons / 10)``."""
    return log(persons * (1.0 / REFERENCE_PERSONS))


def logistic_share(log_odds):
    """Share whose log odds are given, ``1 / (1 + exp(-log_odds))``."""
    return 1.0 / (1.0 + exp(-log_odds))


def considering_threshold(draw, size, maturity, size_slope, maturity_slope):
    r"""Cumulative cell hazard at which a firm begins to consider AI.

    A firm with hazard multiplier ``m`` in a cell with cumulative hazard ``Lambda(t)`` considers
    from the moment ``m Lambda(t) >= e``, ``e`` standard exponential: exactly the inhomogeneous
    Poisson process, with one draw per firm instead of one per month.

    .. math:: m = \exp(\sigma_{size} \ln(persons/10) + \sigma_{maturity}\, maturity)

    Args:
        draw: standard exponential ``e``, ``ndarray[firms]``.
        size: :func:`log_size`.
        maturity: digital maturity, 0 or 1.
        size_slope, maturity_slope: slopes of the log hazard.
    """
    return draw * exp(-(size_slope * size + maturity_slope * maturity))


def considering_pressure(hazard, pace, peers, peer_share, months):
    r"""Growth of a cell's cumulative hazard over a step: ``(p + q F) dt``.

    Bass (1969) with innovation ``p = hazard * pace`` and imitation ``q = peers`` times the share
    ``F`` of applicable peers that consider, frozen at the start of the step.
    """
    return (hazard * pace + peers * peer_share) * months


def considers(applicable, threshold, cumulative_hazard):
    """Whether a firm considers AI: AI applies to it, and its threshold has been reached."""
    return applicable & (cumulative_hazard >= threshold)


def size_scale(size, elasticity):
    """Set-up effort relative to a firm of 10 persons, ``(persons / 10) ** elasticity``."""
    return exp(elasticity * size)


def hurdle_trait(size, maturity, size_elasticity, maturity_effect):
    """A firm's own part of the log hurdle: ``phi ln(persons/10) - eta maturity``."""
    return size_elasticity * size - maturity_effect * maturity


def benefit(value_added, benefit_rate, depth):
    r"""Yearly saving from an option: ``VA_i * labour share * exposure * saving * ceiling *
    coverage_k(t) * fit_k * depth_i`` (task-based, Acemoglu 2024).

    Args:
        value_added: of the firm, currency per year.
        benefit_rate: cell and option part of the product, share of value added.
        depth: share of the attainable saving that the firm realises (light or deep use).
    """
    return value_added * benefit_rate * depth


def up_front_cost(scale, set_up_cost, hardware_cost):
    """Money needed before use begins: set-up (grows with :func:`size_scale`) and hardware."""
    return scale * set_up_cost + hardware_cost


def voucher_payment(up_front, rate, cap):
    """What an adoption voucher pays: ``min(rate * up-front cost, cap)``."""
    return np.minimum(rate * up_front, cap)


def yearly_cost(
    usage, scale, wedge, seat_cost, set_up_annuity, hardware_annuity, running_cost, relief
):
    """Money cost of an option a year, as the firm weighs it.

    ``usage * seat cost + wedge * (annuities of set-up and hardware - annuity of the voucher) +
    hosting and compliance``.

    Args:
        usage: persons engaged times depth: light users buy fewer seats.
        scale: :func:`size_scale`.
        wedge: weight of up-front money (1, or more for firms with credit limits).
        seat_cost: currency per person and year (price times seats per person of a deep user).
        set_up_annuity: yearly equivalent of set-up in a firm of 10 persons.
        hardware_annuity: yearly equivalent of hardware.
        running_cost: hosting and compliance, currency per firm and year.
        relief: yearly equivalent of the voucher.
    """
    up_front = np.maximum(scale * set_up_annuity + hardware_annuity - relief, 0.0)
    return usage * seat_cost + wedge * up_front + running_cost


def option_value(benefit_, cost, trait, taste, beta):
    r"""Systematic utility of an option against not using AI.

    .. math:: V_{ik} = \beta \left[\ln(B_{ik} - R_{ik}) - \ln H_i\right] + a_k

    Net saving over a *common* hurdle: options with ``B <= R`` are infeasible.

    Args:
        benefit_, cost: currency per year.
        trait: the firm's own part of the log hurdle.
        taste: cell and option part: ``a_k - beta * (common log hurdle)``.
        beta: elasticity of the odds to net saving.
    """
    net = benefit_ - cost
    return where(net > 0.0, beta * (log(np.maximum(net, 1e-9)) - trait) + taste, NEVER)


def better_value(best, value):
    """The larger of the best utility so far and an option's."""
    return where(value > best, value, best)


def better_option(best, chosen, value, option):
    """The option with the larger utility; the earlier one at a tie."""
    return where(value > best, option, chosen)


def shock(gumbel_draw, log_stable, dissimilarity):
    r"""An option's random term ``X_ik = lambda (g_ik + ln S_i)``: heterogeneity of the hurdle.

    With ``S_i`` positive stable of index lambda, shared by the options of the nest, choices
    follow the nested logit exactly (McFadden 1978).
    """
    return dissimilarity * (gumbel_draw + log_stable)


def redrawn(draw, persistence):
    """Whether all of a firm's draws are made anew at this evaluation (probability ``1 - rho``)."""
    return draw >= persistence


def inclusive_value(largest, exponential_sum, dissimilarity):
    """Utility of the nest of options: ``max + lambda ln sum exp((V_k - max) / lambda)``."""
    return largest + dissimilarity * log(exponential_sum)


def use_probability(inclusive):
    """Probability that a firm that considers AI uses it: ``exp(IV) / (1 + exp(IV))``."""
    return 1.0 / (1.0 + exp(-inclusive))


def realised_hurdle(net, utility, no_option, beta):
    r"""Money equivalent of the hurdle a using firm actually has, per year.

    The firm uses option k because ``net_k > h_i``; from ``U_k - U_0 = beta ln(net_k / h_i)``
    follows ``h_i = net_k exp(-(U_k - U_0) / beta)``.  Only the share chi of it is real hours.
    """
    return net * exp(-(utility - no_option) / beta)


def next_tenure(tenure, was_user, same_family, carry_over):
    """Years of experience after an evaluation at which the firm uses an option.

    Stays within a family: one more year (at most ``TENURE_CLASSES - 1``); moves between
    families: the share ``carry_over`` of it, in whole years; starts: none.
    """
    grown = np.minimum(tenure + 1, TENURE_CLASSES - 1)
    moved = np.floor(carry_over * grown)
    return where(was_user, where(same_family, grown, moved), 0)


def learning_curve(start: float, time: float) -> np.ndarray:
    """Share of the attainable saving realised in each year of use, ``ndarray[TENURE_CLASSES]``.

    ``start + (1 - start) (1 - exp(-m / time))`` at the middle month ``m`` of each year.
    """
    months = 12.0 * np.arange(TENURE_CLASSES) + 6.0
    return start + (1.0 - start) * (1.0 - exp(-months / time))


def whole_money(money):
    """Money as a whole number of at most 24 binary digits: exact in float32, and in any sum."""
    return np.rint(np.float64(np.float32(money)))


def surplus_nodes(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on (0, 1) of the surplus integrals, ``ndarray[count]`` each.

    Gauss-Legendre in ``y``, with ``x = y ** 2``, which makes the integrands smooth.
    """
    nodes, weights = np.polynomial.legendre.leggauss(count)
    nodes = 0.5 * (nodes + 1.0)
    return nodes, weights * nodes


def node_powers(nodes: np.ndarray, power: float) -> np.ndarray:
    """``x ** power`` at the nodes, with ``x = y ** 2``; ``ndarray[count]``."""
    return np.asarray(exp(2.0 * power * log(nodes)))
