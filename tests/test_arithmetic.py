"""The one arithmetic: as exact as it says, and equal bits however it is evaluated."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from econsim import arithmetic

PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")
SMALLEST_NORMAL = float(np.finfo(np.float64).tiny)
LARGEST = float(np.finfo(np.float64).max)


def decimal_sine(x: Decimal) -> Decimal:
    """Taylor series about the nearer of 0 and pi; the calling context has 60 digits."""
    x = PI - x if x > PI / 2 else x
    term, total, n = x, x, 1
    while abs(term) > Decimal("1e-55"):
        term *= -x * x / ((2 * n) * (2 * n + 1))
        total += term
        n += 1
    return total


REFERENCE: dict[str, Callable[[Decimal], Decimal]] = {
    "log": lambda x: x.ln(),
    "exp": lambda x: x.exp(),
    "sine": decimal_sine,
}


def around(points: np.ndarray, steps: int = 3) -> np.ndarray:
    """The points and their nearest neighbours in floating point."""
    found = [points]
    up = down = points
    for _ in range(steps):
        up, down = np.nextafter(up, np.inf), np.nextafter(down, -np.inf)
        found += [up, down]
    return np.concatenate(found)


def arguments(name: str) -> np.ndarray:
    """Where the function is defined: everywhere, and densely where its source has seams."""
    rng = np.random.default_rng(20240229)
    if name == "log":
        exponents = np.arange(-1022.0, 1024.0, 31.0)
        powers = np.exp2(exponents)
        seams = around(np.concatenate([powers * 1.0, powers * np.sqrt(0.5), powers * np.sqrt(2.0)]))
        anywhere = np.exp2(rng.uniform(-1021.0, 1023.0, 600)) * rng.uniform(1.0, 2.0, 600)
        near_one = 1.0 + rng.uniform(-1.0, 1.0, 600) * np.exp2(rng.uniform(-52.0, -2.0, 600))
        found = np.concatenate([seams, anywhere, near_one, rng.random(600), [LARGEST]])
        return found[(found >= SMALLEST_NORMAL) & np.isfinite(found)]
    if name == "exp":
        limit = arithmetic.EXPONENT_LIMIT
        halves = np.arange(-1009.0, 1010.0, 6.0) * 0.5 * np.log(2.0)
        tiny = rng.uniform(-1.0, 1.0, 500) * np.exp2(rng.uniform(-60.0, -2.0, 500))
        found = np.concatenate([around(halves), rng.uniform(-limit, limit, 1500), tiny, [0.0]])
        return found[np.abs(found) <= limit]
    quarters = around(np.array([0.25, 0.5, 0.75, 1.0]) * np.pi, 5)
    near = np.pi * np.exp2(-rng.uniform(1.0, 50.0, 500))
    found = np.concatenate([quarters, rng.uniform(0.0, np.pi, 2000), near, np.pi - near])
    return found[(found > 0.0) & (found <= np.pi)]


@pytest.mark.parametrize("name", ["log", "exp", "sine"])
def test_error_is_below_one_unit_in_the_last_place(name: str) -> None:
    x = arguments(name)
    assert len(x) > 1500
    computed = getattr(arithmetic, name)(x)
    worst, where = 0.0, 0.0
    with localcontext() as context:
        context.prec = 60
        for argument, value in zip(x.tolist(), computed.tolist(), strict=True):
            exact = REFERENCE[name](Decimal(argument))
            unit = Decimal(float(np.spacing(abs(float(exact)))))
            error = float(abs(Decimal(value) - exact) / unit)
            if error > worst:
                worst, where = error, argument
    assert worst < 1.0, f"{name}({where!r}) is off by {worst:.3f} units in the last place"


def test_exact_values() -> None:
    one = np.array([1.0])
    assert arithmetic.log(one)[0] == 0.0
    assert arithmetic.exp(np.array([0.0, -0.0])).tolist() == [1.0, 1.0]
    assert arithmetic.sine(np.array([0.0]))[0] == 0.0
    assert arithmetic.sine(np.array([np.pi / 2]))[0] == 1.0


def test_exponential_is_limited_and_never_warns() -> None:
    limit = arithmetic.EXPONENT_LIMIT
    beyond = np.array([limit, limit + 1e-9, 709.9, 1e4, 1e30, LARGEST])
    assert (arithmetic.exp(beyond) == arithmetic.exp(np.array([limit]))[0]).all()
    assert (arithmetic.exp(-beyond) == arithmetic.exp(np.array([-limit]))[0]).all()
    assert np.isfinite(arithmetic.exp(beyond)).all()
    assert (arithmetic.exp(-beyond) > 0.0).all()


@pytest.mark.parametrize("name", ["log", "exp", "sine"])
def test_shape_and_neighbours_do_not_matter(name: str, rules: Any) -> None:
    function, x = getattr(arithmetic, name), arguments(name)[:1500]
    whole = function(x)
    assert rules.same_bits(function(x[::-1])[::-1].copy(), whole)
    assert rules.same_bits(function(x.reshape(3, -1)).reshape(-1), whole)
    assert rules.same_bits(function(np.repeat(x, 2)[::2]), whole)  # not contiguous
    rows = np.array([function(x[i : i + 1])[0] for i in range(len(x))])
    assert rules.same_bits(rows, whole)
    numbers = np.array([function(value) for value in x])
    assert rules.same_bits(numbers, whole)


@given(st.lists(st.floats(-750.0, 750.0), min_size=1, max_size=40))
def test_any_row_equals_the_whole_exponential(values: list[float]) -> None:
    x = np.array(values)
    whole = arithmetic.exp(x)
    assert [float(arithmetic.exp(x[i : i + 1])[0]) for i in range(len(x))] == whole.tolist()


@given(st.lists(st.floats(SMALLEST_NORMAL, LARGEST), min_size=1, max_size=40))
def test_any_row_equals_the_whole_logarithm(values: list[float]) -> None:
    x = np.array(values)
    whole = arithmetic.log(x)
    assert [float(arithmetic.log(x[i : i + 1])[0]) for i in range(len(x))] == whole.tolist()


@given(st.floats(-690.0, 690.0))
def test_logarithm_undoes_exponential(x: float) -> None:
    back = float(arithmetic.log(arithmetic.exp(np.array([x])))[0])
    assert back == pytest.approx(x, rel=1e-15, abs=2.3e-16)


@pytest.mark.parametrize("name", ["log", "exp", "sine"])
def test_compiled_code_gives_the_same_bits(name: str, rules: Any) -> None:
    numba = pytest.importorskip("numba")
    function, x = getattr(arithmetic, name), arguments(name)
    one = rules.compiled(arithmetic)[name]

    @numba.njit
    def rows(values: np.ndarray) -> np.ndarray:
        result = np.empty_like(values)
        for i in range(len(values)):
            result[i] = one(values[i])
        return result

    assert rules.same_bits(rows(x), function(x))


#: Of the bits below, the same with Python 3.11 and 3.13.
DIGEST = "b9260e0456ab6f53483d4d389e82405e42277482c87c1f3013e199787b8aa526"


def test_bits_do_not_depend_on_the_platform() -> None:
    """A digest of the bits on a grid that needs no library function.

    It changes only if the arithmetic itself is changed; then every result changes with it.
    """
    steps = np.arange(1, 100_001, dtype=np.float64)
    digest = hashlib.sha256()
    for values in (
        arithmetic.log(steps * 0.013671875),
        arithmetic.exp((steps - 50_000.0) * 0.0126953125),
        arithmetic.sine(steps * 0.000030517578125),
    ):
        digest.update(values.astype("<f8").tobytes())
    assert digest.hexdigest() == DIGEST
