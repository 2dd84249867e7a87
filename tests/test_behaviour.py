"""What a firm does: the nested logit, removal of options, considering, persistence, surplus."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from econsim import arithmetic, behaviour, draws, evaluation, meanfield

# --- Rules are pure -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", behaviour.RULES)
def test_rule_is_elementwise_and_changes_nothing(name: str, rules: Any) -> None:
    rules.check_elementwise(getattr(behaviour, name))


def test_compiled_rules_give_the_same_bits(rules: Any) -> None:
    functions = rules.compiled(arithmetic, behaviour)
    for name in behaviour.RULES:
        rules.check_compiled(getattr(behaviour, name), functions[name])


# --- The nested logit ---------------------------------------------------------------------------

FIRMS = 400_000
OPTIONS = ("one", "two", "three", "four")
VALUES = np.array([-0.4, 0.1, -1.0, -0.2])
LAMBDAS = (0.2, 0.5, 0.8, 1.0)
#: Two of the options are "open"; the tests below take them away.
OPEN = np.array([False, True, False, True])


def luck(dissimilarity: float, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Shocks of the options ``[firms, options]`` and of using none, as the engine draws them."""
    key = draws.firm_key(seed, np.arange(FIRMS, dtype=np.uint64))
    turn = np.ones(FIRMS, dtype=np.uint64)

    def uniform(purpose: str) -> np.ndarray:
        return draws.uniform(key, draws.PURPOSES[purpose], turn)

    log_stable = draws.log_positive_stable(
        uniform("stable_angle"), uniform("stable_weight"), dissimilarity
    )
    shocks = np.stack(
        [
            behaviour.shock(
                draws.gumbel(draws.uniform(key, draws.option_address(name), turn)),
                log_stable,
                dissimilarity,
            )
            for name in OPTIONS
        ],
        axis=1,
    )
    return shocks, draws.gumbel(uniform("no_option"))


def choices(values: np.ndarray, shocks: np.ndarray, none: np.ndarray) -> np.ndarray:
    """The best option of each firm by the rules, 0 for none."""
    best, chosen = none, np.zeros(len(none), dtype=np.int64)
    for k in range(shocks.shape[1]):
        utility = values[k] + shocks[:, k]
        chosen = behaviour.better_option(best, chosen, utility, k + 1)
        best = behaviour.better_value(best, utility)
    return chosen


def nested_logit(values: np.ndarray, dissimilarity: float) -> np.ndarray:
    """Textbook shares of none and of each option (McFadden 1978)."""
    inside = np.exp(values / dissimilarity)
    nest = inside.sum() ** dissimilarity
    return np.r_[1.0, nest * inside / inside.sum()] / (1.0 + nest)


@pytest.fixture(scope="module", params=LAMBDAS)
def world(request: pytest.FixtureRequest) -> tuple[float, np.ndarray, np.ndarray]:
    return (request.param, *luck(request.param))


def test_choices_follow_the_nested_logit(world: tuple[float, np.ndarray, np.ndarray]) -> None:
    dissimilarity, shocks, none = world
    for values in (VALUES, VALUES - 1.5, np.array([2.0, -3.0, 0.0, 0.0])):
        shares = np.bincount(choices(values, shocks, none), minlength=5) / FIRMS
        assert shares == pytest.approx(nested_logit(values, dissimilarity), abs=0.005)
        error = stats.chisquare(shares * FIRMS, nested_logit(values, dissimilarity) * FIRMS)
        assert error.pvalue > 1e-4


def test_removing_an_option_moves_only_its_users(
    world: tuple[float, np.ndarray, np.ndarray],
) -> None:
    dissimilarity, shocks, none = world
    before = choices(VALUES, shocks, none)
    for gone in ([1], [1, 3], [0, 1, 2, 3]):
        left = VALUES.copy()
        left[gone] = behaviour.NEVER
        after = choices(left, shocks, none)
        users = np.isin(before, np.array(gone) + 1)
        assert (after[~users] == before[~users]).all(), "a firm moved that had no reason to"
        assert not np.isin(after[users], np.array(gone) + 1).any()
        # Lost and diverted users in the shares of theory.
        expected = np.zeros(5)
        kept = [k for k in range(4) if k not in gone]
        expected[[0, *(k + 1 for k in kept)]] = nested_logit(VALUES[kept], dissimilarity)
        assert np.bincount(after, minlength=5) / FIRMS == pytest.approx(expected, abs=0.005)


def test_a_smaller_lambda_diverts_more() -> None:
    lost = []
    for dissimilarity in LAMBDAS:
        shocks, none = luck(dissimilarity)
        before = choices(VALUES, shocks, none)
        after = choices(np.where(OPEN, behaviour.NEVER, VALUES), shocks, none)
        users = np.isin(before, np.flatnonzero(OPEN) + 1)
        lost.append(float((after[users] == 0).mean()))
    assert (np.diff(lost) > 0.02).all()


def test_another_option_only_attracts(world: tuple[float, np.ndarray, np.ndarray]) -> None:
    """The mirror image: a firm that does not want the new option keeps its choice."""
    _, shocks, none = world
    before = choices(np.where(OPEN, behaviour.NEVER, VALUES), shocks, none)
    after = choices(VALUES, shocks, none)
    assert (after[before != after] > 0).all()
    assert OPEN[after[before != after] - 1].all()


# --- d logit(use) = lambda ln(1 - s_open) ---------------------------------------------------------


def logit(share: float) -> float:
    return float(np.log(share / (1.0 - share)))


@given(
    st.floats(0.05, 1.0),
    st.lists(st.floats(-6.0, 4.0), min_size=2, max_size=6),
    st.data(),
)
def test_the_line_holds_analytically(
    dissimilarity: float, values: list[float], data: st.DataObject
) -> None:
    """Removing open options changes log odds of use by ``lambda ln(1 - s_open)`` exactly."""
    v = np.array([values])
    gone = np.array(data.draw(st.lists(st.booleans(), min_size=v.size, max_size=v.size)))
    if gone.all() or not gone.any():
        gone[:] = False
        gone[0] = True
    before = meanfield.choice_probabilities(v, dissimilarity)[0]
    after = meanfield.choice_probabilities(np.where(gone, behaviour.NEVER, v), dissimilarity)[0]
    open_share = before[gone].sum() / before.sum()
    if 1.0 - open_share < 1e-6:
        return  # all users open to within rounding: the logarithm says nothing
    change = logit(after.sum()) - logit(before.sum())
    assert change == pytest.approx(dissimilarity * np.log(1.0 - open_share), rel=1e-7, abs=1e-9)
    assert (after[gone] == 0.0).all()


@pytest.mark.parametrize("dissimilarity", LAMBDAS)
def test_the_line_holds_with_agents(dissimilarity: float) -> None:
    shocks, none = luck(dissimilarity, seed=8)
    before = choices(VALUES, shocks, none)
    after = choices(np.where(OPEN, behaviour.NEVER, VALUES), shocks, none)
    users = before > 0
    open_share = OPEN[before[users] - 1].mean()
    change = logit((after > 0).mean()) - logit(users.mean())
    assert change == pytest.approx(dissimilarity * np.log(1.0 - open_share), abs=0.015)


@given(st.floats(0.05, 1.0), st.lists(st.floats(-20.0, 20.0), min_size=1, max_size=6))
def test_probabilities_are_the_nested_logit(dissimilarity: float, values: list[float]) -> None:
    found = meanfield.choice_probabilities(np.array([values]), dissimilarity)[0]
    v = np.array(values, dtype=np.longdouble)
    inside = np.exp((v - v.max()) / dissimilarity)
    nest = np.exp(v.max()) * inside.sum() ** dissimilarity
    expected = inside / inside.sum() * nest / (1.0 + nest)
    assert found == pytest.approx(expected.astype(float), rel=1e-10, abs=1e-300)


def test_nobody_uses_what_is_never_feasible() -> None:
    values = np.full((3, 4), behaviour.NEVER)
    assert (meanfield.choice_probabilities(values, 0.5) == 0.0).all()


# --- The value of an option -----------------------------------------------------------------------


@given(
    benefit=st.floats(0.0, 1e8),
    cost=st.floats(0.0, 1e8),
    trait=st.floats(-10.0, 10.0),
    taste=st.floats(-30.0, 30.0),
    beta=st.floats(0.1, 3.0),
    shock=st.floats(-40.0, 2000.0),
    none=st.floats(-4.0, 40.0),
)
def test_infeasible_options_are_never_chosen(
    benefit: float, cost: float, trait: float, taste: float, beta: float, shock: float, none: float
) -> None:
    value = behaviour.option_value(
        np.array([benefit]), np.array([cost]), trait, np.array([taste]), beta
    )
    chosen = behaviour.better_option(np.array([none]), np.array([0]), value + shock, 1)
    if benefit <= cost:
        assert value[0] == behaviour.NEVER
        assert chosen[0] == 0
    else:
        assert value[0] > 0.5 * behaviour.NEVER


@given(st.floats(1.0, 1e7), st.floats(1.01, 10.0), st.floats(0.1, 3.0), st.floats(-3.0, 3.0))
def test_value_grows_with_net_saving_at_elasticity_beta(
    net: float, factor: float, beta: float, trait: float
) -> None:
    low, high = (
        behaviour.option_value(np.array([n]), np.array([0.0]), trait, 0.0, beta)[0]
        for n in (net, factor * net)
    )
    assert high - low == pytest.approx(beta * np.log(factor), rel=1e-9)


def test_at_a_tie_nothing_changes() -> None:
    """The earlier option stays, and using none stays: order of options is order of names."""
    same = np.array([1.5])
    for held in (0, 1, 3):
        chosen = behaviour.better_option(same, np.array([held]), same, 4)
        assert chosen[0] == held
        assert behaviour.better_value(same, same)[0] == 1.5
    assert behaviour.better_option(same, np.array([1]), np.nextafter(same, 2.0), 4)[0] == 4


def test_options_are_ranked_by_net_saving_over_a_common_hurdle() -> None:
    """Not by benefit over cost, which would favour a cheap option that does little."""
    benefit, cost = np.array([100.0, 10.0]), np.array([40.0, 1.0])
    cheap_ratio, cheap_net = benefit / cost, benefit - cost
    value = behaviour.option_value(benefit, cost, 2.0, 0.0, 0.7)
    assert cheap_ratio[1] > cheap_ratio[0] and cheap_net[0] > cheap_net[1]
    assert value[0] > value[1]


def test_yearly_cost() -> None:
    given_ = {"usage": 20.0, "scale": 2.0, "seat_cost": 50.0, "running_cost": 7.0}
    annuities = {"set_up_annuity": 100.0, "hardware_annuity": 30.0}
    plain = behaviour.yearly_cost(**given_, **annuities, wedge=1.0, relief=0.0)
    assert plain == 20.0 * 50.0 + 2.0 * 100.0 + 30.0 + 7.0
    # The wedge weighs only up-front money; a voucher relieves it and never pays more than it.
    assert behaviour.yearly_cost(**given_, **annuities, wedge=2.0, relief=0.0) == plain + 230.0
    assert behaviour.yearly_cost(**given_, **annuities, wedge=1.0, relief=80.0) == plain - 80.0
    assert behaviour.yearly_cost(**given_, **annuities, wedge=1.0, relief=1e9) == plain - 230.0


@given(st.floats(0.0, 1e6), st.floats(0.0, 1.0), st.floats(0.0, 1e6))
def test_voucher_pays_no_more_than_its_cap_or_its_rate(
    up_front: float, rate: float, cap: float
) -> None:
    paid = float(behaviour.voucher_payment(up_front, rate, cap))
    assert 0.0 <= paid <= min(cap, up_front)
    assert paid == min(cap, rate * up_front)


@given(st.floats(1.0, 2e5), st.floats(0.0, 1.0), st.floats(-1.0, 4.0))
def test_elasticities_are_to_firms_of_ten_persons(
    persons: float, elasticity: float, effect: float
) -> None:
    size = behaviour.log_size(np.array([persons]))
    scale = behaviour.size_scale(size, elasticity)[0]
    assert scale == pytest.approx((persons / 10.0) ** elasticity, rel=1e-12)
    trait = behaviour.hurdle_trait(size, np.array([1.0]), elasticity, effect)[0]
    assert trait == pytest.approx(elasticity * np.log(persons / 10.0) - effect, abs=1e-12)


# --- Considering ----------------------------------------------------------------------------------


def bass(p: float, q: float, t: float) -> float:
    """Closed form of ``F' = (p + q F)(1 - F)``, ``F(0) = 0`` (Bass 1969)."""
    decay = np.exp(-(p + q) * t)
    return float((1.0 - decay) / (1.0 + q / p * decay))


def simulated_bass(p: float, q: float, t: float, steps: int) -> float:
    cumulative = np.zeros(1)
    for _ in range(steps):
        share = 1.0 - np.exp(-cumulative)
        cumulative = cumulative + behaviour.considering_pressure(p, 1.0, q, share, t / steps)
    return float(1.0 - np.exp(-cumulative[0]))


@pytest.mark.parametrize(("p", "q"), [(0.01, 0.1), (0.02, 0.3), (0.05, 0.05)])
def test_considering_has_the_bass_model_as_its_limit(p: float, q: float) -> None:
    for t in (12.0, 36.0, 60.0):
        exact = bass(p, q, t)
        errors = [abs(simulated_bass(p, q, t, int(t) * n) - exact) for n in (1, 2, 4, 8, 16)]
        assert errors[-1] < 0.005
        for coarse, fine in pairwise(errors):
            assert coarse / fine == pytest.approx(2.0, abs=0.25), "error must halve with the step"


def test_without_peers_considering_is_exact_at_any_step() -> None:
    for steps in (1, 7, 60):
        share = simulated_bass(0.02, 0.0, 60.0, steps)
        assert share == pytest.approx(1.0 - np.exp(-1.2), rel=1e-12)


def test_pace_multiplies_innovation_and_not_imitation() -> None:
    assert behaviour.considering_pressure(0.02, 3.0, 0.0, 0.5, 1.0) == 0.02 * 3.0
    assert behaviour.considering_pressure(0.02, 0.0, 0.3, 0.5, 2.0) == 0.3 * 0.5 * 2.0


def test_considering_is_the_poisson_process_of_the_firm() -> None:
    """``P(threshold <= Lambda) = 1 - exp(-m Lambda)`` with the firm's own multiplier ``m``."""
    key = draws.firm_key(4, np.arange(100_000, dtype=np.uint64))
    e = draws.exponential(
        draws.uniform(key, draws.PURPOSES["considering"], np.zeros(100_000, dtype=np.uint64))
    )
    for size, maturity in [(0.0, 0.0), (2.0, 1.0), (-1.5, 1.0)]:
        threshold = behaviour.considering_threshold(e, size, maturity, 0.4, 0.5)
        multiplier = np.exp(0.4 * size + 0.5 * maturity)
        assert stats.kstest(threshold * multiplier, "expon").pvalue > 1e-4


def test_firms_to_which_ai_does_not_apply_never_consider() -> None:
    now = behaviour.considers(np.array([True, True, False]), np.array([1.0, 3.0, 0.0]), 2.0)
    assert now.tolist() == [True, False, False]


# --- Persistence, experience, hurdle --------------------------------------------------------------


def test_draws_are_kept_with_probability_rho() -> None:
    u = draws.uniforms(1, "persistence", 200_000)
    assert not behaviour.redrawn(u, 1.0).any()
    assert behaviour.redrawn(u, 0.0).all()
    assert behaviour.redrawn(u, 0.8).mean() == pytest.approx(0.2, abs=0.005)


def test_experience() -> None:
    last = behaviour.TENURE_CLASSES - 1
    years = np.arange(behaviour.TENURE_CLASSES)
    yes, no = np.ones(len(years), dtype=bool), np.zeros(len(years), dtype=bool)
    stays = behaviour.next_tenure(years, yes, yes, 0.5)
    assert stays.tolist() == [*range(1, last + 1), last]
    starts = behaviour.next_tenure(years, no, yes, 0.5)
    assert (starts == 0).all()
    # A move between families keeps a share, in whole years; all or none at the extremes.
    assert behaviour.next_tenure(years, yes, no, 0.5).tolist() == [s // 2 for s in stays]
    assert (behaviour.next_tenure(years, yes, no, 1.0) == stays).all()
    assert (behaviour.next_tenure(years, yes, no, 0.0) == 0).all()


@given(st.floats(0.0, 1.0), st.floats(1.0, 60.0))
def test_learning_rises_from_its_start_towards_all(start: float, time: float) -> None:
    curve = behaviour.learning_curve(start, time)
    assert len(curve) == behaviour.TENURE_CLASSES
    assert (curve >= start).all() and (curve <= 1.0).all()
    assert (np.diff(curve) >= 0.0).all()
    assert curve[0] == pytest.approx(start + (1.0 - start) * (1.0 - np.exp(-6.0 / time)))
    if start < 0.99:
        slower = behaviour.learning_curve(start, time + 5.0)
        assert slower[0] < curve[0]


@given(
    net=st.floats(1e-3, 1e9),
    margin=st.floats(1e-6, 60.0),
    none=st.floats(-5.0, 40.0),
    beta=st.floats(0.1, 3.0),
)
def test_the_realised_hurdle_of_a_user_is_below_its_net_saving(
    net: float, margin: float, none: float, beta: float
) -> None:
    hurdle = float(behaviour.realised_hurdle(net, np.float64(none + margin), none, beta))
    assert 0.0 < hurdle < net
    assert hurdle == pytest.approx(net * np.exp(-(none + margin - none) / beta), rel=1e-9)


def test_at_indifference_the_hurdle_is_the_net_saving() -> None:
    assert behaviour.realised_hurdle(250.0, np.float64(1.5), 1.5, 0.6) == 250.0


def test_simulated_users_clear_their_hurdle(world: tuple[float, np.ndarray, np.ndarray]) -> None:
    _, shocks, none = world
    chosen = choices(VALUES, shocks, none)
    users = np.flatnonzero(chosen > 0)
    utility = VALUES[chosen[users] - 1] + shocks[users, chosen[users] - 1]
    hurdle = behaviour.realised_hurdle(np.full(len(users), 100.0), utility, none[users], 0.6)
    assert (hurdle < 100.0).all() and (hurdle > 0.0).all()


# --- Surplus --------------------------------------------------------------------------------------


def surplus_share(inclusive: np.ndarray, beta: float) -> np.ndarray:
    """Surplus of one set of options as a share of their mean net saving, node by node."""
    nodes, weights = behaviour.surplus_nodes(evaluation.NODES)
    odds, total = behaviour.exp(inclusive), np.zeros_like(inclusive)
    for power, weight in zip(behaviour.node_powers(nodes, beta), weights, strict=True):
        total = evaluation.surplus_node.rule(total, odds, power, weight)
    return total


def added_surplus_share(
    top: float, before: float, added: float, beta: float, dissimilarity: float
) -> float:
    """Surplus that further options add as a share of their own mean net saving."""
    nodes, weights = behaviour.surplus_nodes(evaluation.NODES)
    powers = behaviour.node_powers(nodes, beta / dissimilarity)
    args = [np.array([v]) for v in (before, added, top)]
    total = np.zeros(1)
    for power, weight in zip(powers, weights, strict=True):
        total = evaluation.added_surplus_node.rule(total, *args, power, weight, dissimilarity)
    return float(total[0])


def surplus_integral(inclusive: float, beta: float) -> float:
    """The integral of the docstring by adaptive quadrature (with ``x = y ** 2``)."""
    odds = np.exp(inclusive)
    exact, _ = integrate.quad(
        lambda y: 2.0 * y * odds * y ** (2.0 * beta) / (1.0 + odds * y ** (2.0 * beta)),
        0.0, 1.0, epsabs=1e-14, epsrel=1e-12, limit=400,
    )  # fmt: skip
    return float(exact)


@pytest.mark.parametrize("beta", [0.1, 0.3, 0.6, 1.0, 2.0, 3.0])
def test_surplus_is_the_integral_it_claims_to_be(beta: float) -> None:
    inclusive = np.linspace(-14.0, 14.0, 57)
    found = surplus_share(inclusive, beta)
    exact = np.array([surplus_integral(iv, beta) for iv in inclusive])
    error = np.abs(found / exact - 1.0)
    assert error.max() < 1e-3
    # Where firms are undecided (use below 90 %) the twelve nodes are far better.
    assert error[inclusive <= 2.0].max() < 1e-5


@given(st.floats(0.1, 3.0), st.lists(st.floats(-30.0, 30.0), min_size=2, max_size=20, unique=True))
def test_surplus_grows_with_the_inclusive_value(beta: float, values: list[float]) -> None:
    inclusive = np.sort(np.array(values))
    share = surplus_share(inclusive, beta)
    assert (share >= 0.0).all() and (share <= 1.0).all()
    apart = np.diff(inclusive) > 1e-6
    assert (np.diff(share)[apart] >= 0.0).all()
    low = apart & (inclusive[1:] < 20.0)
    assert (np.diff(share)[low] > 0.0).all()


def test_surplus_is_never_more_than_the_probability_of_use() -> None:
    inclusive = np.linspace(-10.0, 10.0, 101)
    share = surplus_share(inclusive, 0.6)
    assert (share < behaviour.use_probability(inclusive)).all()


def _nest_use(log_total: float, top: float, dissimilarity: float) -> float:
    return 1.0 / (1.0 + np.exp(-(top + dissimilarity * log_total)))


@pytest.mark.parametrize("beta", [0.3, 0.6, 1.2])
@pytest.mark.parametrize("dissimilarity", [0.2, 0.5, 1.0])
def test_added_surplus_is_the_integral_it_claims_to_be(beta: float, dissimilarity: float) -> None:
    from scipy.integrate import quad

    for top, before, added in ((-1.0, 1.0, 0.3), (0.5, 0.4, 2.0), (-3.0, 0.0, 1.0)):

        def chosen(
            x: float, top: float = top, before: float = before, added: float = added
        ) -> float:
            own = added * x ** (beta / dissimilarity)
            total = before + own
            return own / total * _nest_use(np.log(total), top, dissimilarity) if total else 0.0

        found = added_surplus_share(top, before, added, beta, dissimilarity)
        assert found == pytest.approx(quad(chosen, 0.0, 1.0)[0], abs=2e-4)


@given(st.floats(-5.0, 3.0), st.floats(0.0, 5.0), st.floats(0.0, 5.0), st.floats(0.0, 5.0))
def test_options_that_are_added_never_lower_the_surplus(
    top: float, before: float, worse: float, more: float
) -> None:
    """Revealed preference: none at all, a worse set, a better set of open options, in order."""
    shares = [
        added_surplus_share(top, before, added, 0.6, 0.5) for added in (0.0, worse, worse + more)
    ]
    assert 0.0 == shares[0] <= shares[1] + 1e-15 <= shares[2] + 2e-15 <= 1.0
