"""The one arithmetic: natural logarithm, exponential and sine that give equal bits everywhere.

The platform's own ``exp`` and ``log`` differ in the last bit between processors, between NumPy
and a JIT compiler and between library versions, and a choice between two near-equal options then
flips.  The functions here use only ``+ - * /``, comparisons, ``where`` and exact bit shifts, so
the same source gives the same bits on a whole array, on one row, and when compiled without
fast-math.  Coefficients and error analysis: FreeBSD ``msun`` (``e_log.c``, ``e_exp.c``,
``k_sin.c``, ``k_cos.c``; Sun Microsystems 1993); the error is below 1 unit in the last place on
the stated domains.

Arguments are float64 arrays of any shape (or NumPy float64 scalars); the result has their shape.
"""

import numpy as np

_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_INVERSE_LN2 = 1.44269504088896338700e00
_PI_HIGH = 3.141592653589793116
_PI_LOW = 1.2246467991473532e-16
_EXPONENT_MASK = 0x000FFFFFFFFFFFFF
_EXPONENT_OF_ONE = 0x3FF0000000000000
_SQRT_TWO = 1.4142135623730951

#: Arguments of :func:`exp` are limited to this magnitude: beyond it a choice is certain anyway.
EXPONENT_LIMIT = 700.0


#: Elementwise choice; a name of its own, so that a compiler can put a branchless one in its place.
where = np.where


def log(x):
    """Natural logarithm of a positive, normal, finite number (below 1 unit in the last place).

    ``x = 2^k (1 + f)`` with ``1 + f`` in (sqrt(1/2), sqrt(2)], then the minimax polynomial in
    ``s = f / (2 + f)``.  Non-positive, subnormal or non-finite ``x`` is outside the domain:
    callers guard with ``np.maximum``.
    """
    # np.float64 and np.int64 convert a whole array as well as one number, and give a compiler
    # the type it needs before the bits are read.
    bits = np.float64(x).view(np.int64)
    exponent = (bits >> 52) - 1023
    mantissa = np.int64((bits & _EXPONENT_MASK) | _EXPONENT_OF_ONE).view(np.float64)
    large = mantissa > _SQRT_TWO
    mantissa = where(large, mantissa * 0.5, mantissa)
    k = where(large, exponent + 1, exponent) * 1.0
    f = mantissa - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = w * (0.3999999999940941908 + w * (0.2222219843214978396 + w * 0.1531383769920937332))
    odd = z * (
        0.6666666666666735130
        + w * (0.2857142874366239149 + w * (0.1818357216161805012 + w * 0.1479819860511658591))
    )
    half_square = 0.5 * f * f
    return k * _LN2_HIGH - ((half_square - (s * (half_square + (even + odd)) + k * _LN2_LOW)) - f)


def exp(x):
    """Exponential of a finite number, limited to ``|x| <= EXPONENT_LIMIT`` (below 1 ulp).

    ``x = k ln 2 + r`` with ``|r| <= ln(2)/2``, a rational approximation of ``exp(r)``, and an
    exact scaling by ``2^k`` through the exponent bits.
    """
    x = np.minimum(np.maximum(x, -EXPONENT_LIMIT), EXPONENT_LIMIT)
    k = np.floor(x * _INVERSE_LN2 + 0.5)
    high = x - k * _LN2_HIGH
    low = k * _LN2_LOW
    r = high - low
    t = r * r
    c = r - t * (
        1.66666666666666019037e-01
        + t
        * (
            -2.77777777770155933842e-03
            + t
            * (
                6.61375632143793436117e-05
                + t * (-1.65339022054652515390e-06 + t * 4.13813679705723846039e-08)
            )
        )
    )
    y = 1.0 - ((low - (r * c) / (2.0 - c)) - high)
    scale = np.int64((np.int64(k) + 1023) << 52).view(np.float64)
    return y * scale


def sine(x):
    """Sine on ``[0, pi]`` (below 1 unit in the last place).

    Arguments above ``pi/2`` are reflected with a two-part ``pi``; the half interval uses the sine
    kernel up to ``pi/4`` and the cosine kernel of ``pi/2 - x`` above.
    """
    reflected = where(x > 0.5 * _PI_HIGH, (_PI_HIGH - x) + _PI_LOW, x)
    complement = (0.5 * _PI_HIGH - reflected) + 0.5 * _PI_LOW
    use_sine = reflected <= 0.25 * _PI_HIGH
    z = reflected * reflected
    sine_kernel = reflected + reflected * z * (
        -1.66666666666666324348e-01
        + z
        * (
            8.33333333332248946124e-03
            + z
            * (
                -1.98412698298579493134e-04
                + z
                * (
                    2.75573137070700676789e-06
                    + z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)
                )
            )
        )
    )
    v = complement * complement
    tail = v * (
        4.16666666666666019037e-02
        + v
        * (
            -1.38888888888741095749e-03
            + v
            * (
                2.48015872894767294178e-05
                + v
                * (
                    -2.75573143513906633035e-07
                    + v * (2.08757232129817482790e-09 + v * -1.13596475577881948265e-11)
                )
            )
        )
    )
    half = 0.5 * v
    rounded = 1.0 - half
    cosine_kernel = rounded + (((1.0 - rounded) - half) + v * tail)
    return where(use_sine, sine_kernel, cosine_kernel)
