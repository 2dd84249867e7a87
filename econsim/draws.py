"""Random numbers with an address.

A draw is named by *(seed, purpose, firm, occasion, option)* and by nothing else: not by how many
numbers were drawn before, nor by the row a firm happens to stand in.  Scenarios with one seed
therefore share all luck, adding firms leaves earlier firms' luck alone, and the order in which
firms act cannot matter.

A firm has a 64-bit key, mixed from the seed and its identity; the draw number *n* of the firm is
the *n*-th output of the SplitMix64 generator started at that key (Steele, Lea and Flood 2014),
reached directly because SplitMix64's state is a counter.  *n* packs purpose, option and occasion.
Everything is integer arithmetic modulo 2**64, elementwise, equal in NumPy and in compiled code.
"""

import zlib

import numpy as np

from econsim.arithmetic import log, sine

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11, _S32 = (np.uint64(n) for n in (30, 27, 31, 11, 32))
_TWO_TO_MINUS_53 = 2.0**-53
_HALF_STEP = 2.0**-54
_BELOW_ONE = 1.0 - 2.0**-53

#: What a draw is for.  The number is part of the address: never renumber, only append.
PURPOSES = {
    name: np.uint64(zlib.crc32(f"purpose:{name}".encode()))
    for name in (
        "persons",
        "productivity",
        "digital_maturity",
        "depth",
        "applicability",
        "considering",
        "narrow",
        "evaluation_month",
        "compliance",
        "redraw",
        "no_option",
        "stable_angle",
        "stable_weight",
    )
}


def option_address(name: str) -> np.uint64:
    """The address of an AI option's own shock: a hash of its name.

    Named, not numbered, so that adding or removing one option leaves the others' luck alone.
    """
    return np.uint64(zlib.crc32(f"option:{name}".encode()))


def _mix(z):
    z = (z ^ (z >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    return z ^ (z >> _S31)


def seed_start(seed):
    """Where a seed's keys start, uint64 (``seed``: an integer from 0 to 2**63 - 1)."""
    return np.uint64((int(seed) * 0x9E3779B97F4A7C15 + 0x2545F4914F6CDD1D) & 0xFFFFFFFFFFFFFFFF)


def key_of(start, identity):
    """The 64-bit start of each firm's own sequence, from :func:`seed_start`."""
    return _mix(_mix(identity ^ start) + start)


def firm_key(seed, identity):
    """The 64-bit start of each firm's own sequence.

    Args:
        seed: run seed, an integer from 0 to 2**63 - 1.
        identity: ``ndarray[firms]`` of uint64, see :func:`econsim.population.firm_identity`.

    Returns:
        ``ndarray[firms]`` of uint64.
    """
    return key_of(seed_start(seed), identity)


def uniform(key, address, occasion):
    """Uniform draw on the open interval (0, 1), in steps of 2**-53.

    Args:
        key: ``ndarray[firms]`` of uint64 from :func:`firm_key`.
        address: uint64 purpose (:data:`PURPOSES`) or option (:func:`option_address`).
        occasion: ``ndarray[firms]`` of uint64; 0 for a firm's fixed traits, otherwise the
            number of the evaluation at which the draw was made.

    Returns:
        ``ndarray[firms]`` of float64.
    """
    # Of the key's shape, since a single number that overflows is worth a warning to NumPy.
    counter = ((occasion + (key - key)) << _S32) + address
    u = (_mix(key + counter * _GAMMA) >> _S11) * _TWO_TO_MINUS_53 + _HALF_STEP
    # The half step rounds the very last of the 2**53 values up to 1, whose logarithm is 0.
    return np.minimum(u, _BELOW_ONE)


def gumbel(u):
    """Standard Gumbel variate, ``-ln(-ln u)``."""
    return -log(-log(u))


def exponential(u):
    """Standard exponential variate, ``-ln u``."""
    return -log(u)


def logistic(u):
    """Standard logistic variate, ``ln(u / (1 - u))``."""
    return log(u) - log(1.0 - u)


def log_positive_stable(u, v, index):
    r"""Logarithm of a positive stable variate of the given index.

    .. math::
        S = \frac{\sin(\lambda\theta)}{\sin(\theta)^{1/\lambda}}
            \left[\frac{\sin((1-\lambda)\theta)}{w}\right]^{(1-\lambda)/\lambda},
        \quad \theta \sim U(0,\pi),\ w \sim \mathrm{Exp}(1)

    (Chambers, Mallows and Stuck 1976; Kanter 1975.)  With ``g`` Gumbel,
    ``lambda * (g + ln S)`` is again standard Gumbel, which makes a nested logit of it
    (McFadden 1978): options of one nest share ``S``.

    Args:
        u, v: ``ndarray[firms]``, uniform draws for the angle and the exponential weight.
        index: the nest's dissimilarity parameter lambda, in (0, 1]; 1 gives ``ln S = 0``.

    Returns:
        ``ndarray[firms]``.
    """
    angle = u * 3.141592653589793
    # At index 1 the last factor is 0 ** 0; the guard keeps the logarithm finite, and its
    # coefficient (1 - index) / index is then exactly zero.
    complement = np.maximum(sine((1.0 - index) * angle), 1e-300)
    return (
        log(sine(index * angle))
        - log(sine(angle)) / index
        + ((1.0 - index) / index) * (log(complement) - log(exponential(v)))
    )


def uniforms(seed: int, purpose: str, count: int) -> np.ndarray:
    """Uniform draws that belong to no firm (bootstrap resamples, designs), by position.

    Args:
        seed: run seed.
        purpose: a free text naming what the draws are for.
        count: how many.

    Returns:
        ``ndarray[count]`` of float64 in (0, 1).
    """
    identity = np.arange(count, dtype=np.uint64)
    address = np.uint64(zlib.crc32(purpose.encode()))
    return uniform(firm_key(seed, identity), address, np.zeros(count, dtype=np.uint64))


__all__ = [
    "PURPOSES",
    "exponential",
    "firm_key",
    "gumbel",
    "key_of",
    "log_positive_stable",
    "logistic",
    "option_address",
    "seed_start",
    "uniform",
    "uniforms",
]
