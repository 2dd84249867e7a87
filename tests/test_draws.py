"""Random numbers with an address: uniform, independent, and tied to nothing but the address."""

from __future__ import annotations

import zlib
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import econsim
from econsim import draws

COUNT = 200_000
KEYS = draws.firm_key(1, np.arange(COUNT, dtype=np.uint64))
FIRST = np.zeros(COUNT, dtype=np.uint64)
#: A correlation of independent draws beyond this happens once in three million tries.
NOISE = 5.0 / np.sqrt(COUNT)


def uniform(purpose: str, occasion: int = 0, keys: np.ndarray = KEYS) -> np.ndarray:
    turn = np.full(len(keys), occasion, dtype=np.uint64)
    return draws.uniform(keys, draws.PURPOSES[purpose], turn)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


# --- The generator ------------------------------------------------------------------------------


def test_it_is_splitmix64() -> None:
    """The published first outputs of SplitMix64 started at 1234567 (Steele, Lea, Flood 2014)."""
    outputs = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    key = np.array([1234567], dtype=np.uint64)
    none = np.zeros(1, dtype=np.uint64)
    for number, output in enumerate(outputs, start=1):
        found = draws.uniform(key, np.uint64(number), none)[0]
        assert found == (output >> 11) * 2.0**-53 + 2.0**-54


def _undo_shift(z: int, shift: int) -> int:
    result = z
    for _ in range(64 // shift + 1):
        result = z ^ (result >> shift)
    return result


def _key_with_output(output: int, address: int, occasion: int) -> int:
    """The firm key whose draw at an address has the given 64 bits (the mixer is a bijection)."""
    full = 1 << 64
    z = _undo_shift(output, 31) * pow(0x94D049BB133111EB, -1, full) % full
    z = _undo_shift(z, 27) * pow(0xBF58476D1CE4E5B9, -1, full) % full
    z = _undo_shift(z, 30)
    return (z - ((occasion << 32) + address) * 0x9E3779B97F4A7C15) % full


@pytest.mark.parametrize("bits", [0, 1, 2**63 - 1, 2**63, 2**64 - 2**11, 2**64 - 1])
def test_even_the_last_of_all_draws_is_inside_the_open_interval(bits: int) -> None:
    address = draws.PURPOSES["no_option"]
    key = np.array([_key_with_output(bits, int(address), 7)], dtype=np.uint64)
    u = draws.uniform(key, address, np.array([7], dtype=np.uint64))
    assert u[0] == pytest.approx(bits / 2**64, abs=1e-15)  # the key does what it should
    assert 0.0 < u[0] < 1.0
    assert -4.0 < draws.gumbel(u)[0] < 40.0
    assert 0.0 < draws.exponential(u)[0] < 40.0
    assert abs(draws.logistic(u)[0]) < 40.0
    for index in (0.05, 0.5, 1.0):
        assert np.isfinite(draws.log_positive_stable(u, u, index)).all()


@pytest.mark.parametrize("purpose", sorted(draws.PURPOSES))
def test_uniform(purpose: str) -> None:
    u = uniform(purpose)
    assert (u > 0.0).all() and (u < 1.0).all()
    assert stats.kstest(u, "uniform").pvalue > 1e-4
    assert len(np.unique(u)) == COUNT


@given(
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**31),
)
def test_any_address_is_in_the_open_interval(key: int, address: int, occasion: int) -> None:
    u = draws.uniform(
        np.array([key], dtype=np.uint64), np.uint64(address), np.array([occasion], dtype=np.uint64)
    )
    assert 0.0 < u[0] < 1.0


# --- Independence of addresses --------------------------------------------------------------------


def test_addresses_are_unique() -> None:
    options = sorted({n for s in ("eu-diverse", "us-diverse") for n in econsim.load(s).options})
    options += [f"option_{i}" for i in range(100)]
    addresses = [int(a) for a in draws.PURPOSES.values()]
    addresses += [int(draws.option_address(name)) for name in options]
    assert len(set(addresses)) == len(addresses)
    # Occasions stand in the upper half of the counter: an address must leave it alone.
    assert all(0 <= a < 2**32 for a in addresses)


def test_addresses_are_names() -> None:
    """A purpose's address is a hash of its name: appending one cannot move another."""
    for name, address in draws.PURPOSES.items():
        assert int(address) == zlib.crc32(f"purpose:{name}".encode())
    assert int(draws.option_address("closed_api")) == zlib.crc32(b"option:closed_api")


def test_purposes_are_independent() -> None:
    values = {name: uniform(name) for name in draws.PURPOSES}
    for a, b in combinations(values, 2):
        assert abs(correlation(values[a], values[b])) < NOISE, (a, b)


def test_occasions_are_independent() -> None:
    turns = [uniform("redraw", occasion) for occasion in range(15)]
    for a, b in combinations(range(15), 2):
        assert abs(correlation(turns[a], turns[b])) < NOISE, (a, b)


def test_options_are_independent() -> None:
    names = [*econsim.load("eu-diverse").options, "another", "yet_another"]
    values = [draws.uniform(KEYS, draws.option_address(n), FIRST) for n in names]
    values.append(uniform("no_option"))
    for a, b in combinations(range(len(values)), 2):
        assert abs(correlation(values[a], values[b])) < NOISE


def test_seeds_are_independent() -> None:
    identity = np.arange(COUNT, dtype=np.uint64)
    seeds = [0, 1, 2, 3, 1_000_003, 2**62, 2**63 - 1]
    values = [uniform("depth", 0, draws.firm_key(seed, identity)) for seed in seeds]
    for a, b in combinations(range(len(seeds)), 2):
        assert abs(correlation(values[a], values[b])) < NOISE, (seeds[a], seeds[b])


def test_neighbouring_firms_are_independent() -> None:
    # Identities as the population makes them: (cell code, ordinal).
    for step in (np.uint64(1), np.uint64(1) << np.uint64(32), np.uint64(100) << np.uint64(32)):
        identity = np.arange(COUNT, dtype=np.uint64) * step
        for purpose in ("considering", "stable_angle"):
            u = uniform(purpose, 1, draws.firm_key(5, identity))
            assert abs(correlation(u[:-1], u[1:])) < NOISE
            assert abs(correlation(u[:-2], u[2:])) < NOISE


def test_dependence_beyond_correlation() -> None:
    """Pairs of draws fill the unit square evenly (chi-squared on a 20 by 20 grid)."""
    for a, b in [
        (uniform("stable_angle"), uniform("stable_weight")),
        (uniform("redraw", 1), uniform("redraw", 2)),
        (uniform("no_option")[:-1], uniform("no_option")[1:]),
    ]:
        table = np.histogram2d(a, b, bins=20, range=[[0, 1], [0, 1]])[0]
        assert stats.chisquare(table.reshape(-1)).pvalue > 1e-4


# --- A draw belongs to its address ----------------------------------------------------------------


def test_row_order_does_not_matter() -> None:
    order = np.random.default_rng(0).permutation(COUNT)
    turn = np.arange(COUNT, dtype=np.uint64) % np.uint64(9)
    address = draws.option_address("open_own")
    straight = draws.uniform(KEYS, address, turn)
    assert (draws.uniform(KEYS[order], address, turn[order]) == straight[order]).all()


def test_adding_firms_leaves_the_earlier_alone() -> None:
    some = draws.firm_key(9, np.arange(100, dtype=np.uint64))
    more = draws.firm_key(9, np.arange(10_000, dtype=np.uint64))
    assert (some == more[:100]).all()
    assert (draws.uniforms(9, "bootstrap", 100) == draws.uniforms(9, "bootstrap", 5000)[:100]).all()


def test_keys_are_distinct() -> None:
    identity = np.arange(COUNT, dtype=np.uint64) << np.uint64(20)
    keys = np.concatenate([draws.firm_key(seed, identity) for seed in (0, 1, 2)])
    assert len(np.unique(keys)) == 3 * COUNT


def test_draws_that_belong_to_no_firm() -> None:
    a, b = draws.uniforms(1, "bootstrap", COUNT), draws.uniforms(1, "design", COUNT)
    assert stats.kstest(a, "uniform").pvalue > 1e-4
    assert abs(correlation(a, b)) < NOISE
    assert (a == draws.uniforms(1, "bootstrap", COUNT)).all()
    assert (a != draws.uniforms(2, "bootstrap", COUNT)).all()


# --- Laws ---------------------------------------------------------------------------------------


def test_gumbel_exponential_logistic() -> None:
    u = uniform("depth")
    assert stats.kstest(draws.gumbel(u), "gumbel_r").pvalue > 1e-4
    assert stats.kstest(draws.exponential(u), "expon").pvalue > 1e-4
    assert stats.kstest(draws.logistic(u), "logistic").pvalue > 1e-4


def test_transformations_are_their_formulas() -> None:
    u = np.concatenate([2.0 ** -np.arange(1.0, 54.0), 1.0 - 2.0 ** -np.arange(1.0, 50.0)])
    v = np.random.default_rng(1).permutation(u)
    assert draws.gumbel(u) == pytest.approx(-np.log(-np.log(u)), rel=1e-12, abs=1e-15)
    assert draws.exponential(u) == pytest.approx(-np.log(u), rel=1e-14)
    assert draws.logistic(u) == pytest.approx(np.log(u / (1.0 - u)), rel=1e-9, abs=1e-15)
    for index in (0.2, 0.5, 0.8):
        theta, w = np.pi * u, -np.log(v)
        s = np.sin(index * theta) / np.sin(theta) ** (1.0 / index)
        s = s * (np.sin((1.0 - index) * theta) / w) ** ((1.0 - index) / index)
        assert draws.log_positive_stable(u, v, index) == pytest.approx(np.log(s), rel=1e-9)


def stable(index: float) -> np.ndarray:
    return draws.log_positive_stable(uniform("stable_angle"), uniform("stable_weight"), index)


@pytest.mark.parametrize("index", [0.05, 0.2, 0.5, 0.8, 1.0])
def test_shock_of_a_nest_is_standard_gumbel(index: float) -> None:
    g = draws.gumbel(draws.uniform(KEYS, draws.option_address("closed_api"), FIRST))
    shock = index * (g + stable(index))
    assert stats.kstest(shock, "gumbel_r").pvalue > 1e-4


@pytest.mark.parametrize("index", [0.2, 0.5, 0.8])
def test_stable_variate_has_its_laplace_transform(index: float) -> None:
    """``E exp(-t S) = exp(-t ** index)`` defines the positive stable law."""
    s = np.exp(stable(index))
    for t in (0.1, 0.5, 1.0, 3.0):
        sample = np.exp(-t * s)
        error = 5.0 * sample.std() / np.sqrt(COUNT)
        assert sample.mean() == pytest.approx(np.exp(-(t**index)), abs=error)


def test_stable_variate_of_index_one_is_one() -> None:
    assert (stable(1.0) == 0.0).all()


@pytest.mark.parametrize("index", [0.2, 0.5, 0.8])
def test_shocks_of_one_nest_correlate_as_theory_says(index: float) -> None:
    """Two options of a nest correlate by ``1 - lambda ** 2``; options of different firms do not."""
    a, b = (draws.gumbel(draws.uniform(KEYS, draws.option_address(n), FIRST)) for n in "ab")
    common = stable(index)
    x, y = index * (a + common), index * (b + common)
    assert correlation(x, y) == pytest.approx(1.0 - index**2, abs=0.02)
    assert abs(correlation(x[:-1], y[1:])) < 2.0 * NOISE


@pytest.mark.parametrize("name", ["gumbel", "exponential", "logistic", "log_positive_stable"])
def test_transformations_are_elementwise(name: str, rules: Any) -> None:
    rules.check_elementwise(getattr(draws, name))


def test_compiled_code_gives_the_same_bits(rules: Any) -> None:
    from econsim import arithmetic

    functions = rules.compiled(arithmetic, draws)
    for name in ("gumbel", "exponential", "logistic", "log_positive_stable"):
        rules.check_compiled(getattr(draws, name), functions[name])
    turn = np.arange(500, dtype=np.uint64) % np.uint64(7)
    address = draws.PURPOSES["redraw"]
    rows = [functions["uniform"](KEYS[i], address, turn[i]) for i in range(500)]
    assert rules.same_bits(np.array(rows), draws.uniform(KEYS[:500], address, turn))
