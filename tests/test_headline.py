"""The headline table: joint axes, cumulative figures, and a baseline that differs by nothing."""

import math

import pytest

from econsim import scenario
from econsim.experiments import headline, mechanisms
from econsim.experiments.simulation import simulate
from econsim.results import ResultsError, compare
from econsim.setting import MECHANISMS

SMALL = {"rows": 1000, "replicates": 2, "workers": 1}


@pytest.fixture(scope="module")
def pair():  # type: ignore[no-untyped-def]
    names = ("eu-diverse", "eu-restrictive")
    diverse, restrictive = simulate(*(scenario.load(n) for n in names), **SMALL)
    return compare(restrictive, diverse)


def test_every_line_has_unit_interval_and_n(pair) -> None:  # type: ignore[no-untyped-def]
    for line in headline.lines(pair, 2035):
        assert line.unit and line.difference.unit
        assert line.difference.n == 2
        assert line.difference.low <= line.difference.mean <= line.difference.high


def test_cumulative_figures_follow_the_discount_rate(pair) -> None:  # type: ignore[no-untyped-def]
    assert headline.policy_start(pair) == 2027
    at_zero = pair.cumulative("gdp", 2027, 2035, 0.0).mean
    years = [pair.difference("gdp", y).mean for y in range(2027, 2036)]
    assert at_zero == pytest.approx(math.fsum(years))
    by_hand = math.fsum(d / 1.03**i for i, d in enumerate(years))
    assert pair.cumulative("gdp", 2027, 2035, 0.03).mean == pytest.approx(by_hand)
    (shown,) = [x for x in headline.lines(pair, 2035) if "2027-2035" in x.label]
    assert shown.difference.mean == pytest.approx(by_hand)
    dear = scenario.load("eu-restrictive").with_changes(parameters={"economy.discount_rate": 0.1})
    other, base = simulate(dear, scenario.load("eu-diverse"), **SMALL)
    (moved,) = [x for x in headline.lines(compare(other, base), 2035) if "2027-2035" in x.label]
    assert moved.difference.mean != shown.difference.mean


def test_a_scenario_against_itself_differs_by_nothing() -> None:
    once, again = simulate(scenario.load("eu-diverse"), scenario.load("eu-diverse"), **SMALL)
    same = compare(again, once)
    for line in headline.lines(same, 2035):
        assert line.difference.mean == 0.0
        assert line.difference.low == line.difference.high == 0.0
    assert (again.yearly("worse_off", 2035) == 0.0).all()
    with pytest.raises(ResultsError, match="no difference in open users"):
        same.break_even_misuse(2035)


def test_break_even_misuse_and_probability_of_loss(pair) -> None:  # type: ignore[no-untyped-def]
    even = pair.break_even_misuse(2035)
    assert even.unit == "EUR per open user and year"
    users = (
        pair.a.series["open_users", "total"][:, -1, 0].mean()
        - pair.b.series["open_users", "total"][:, -1, 0].mean()
    )
    assert users < 0.0
    assert 0.0 <= pair.probability_of_loss("gdp", 2035) <= 1.0
    assert pair.probability_of_loss("gdp", 2035, more_than=1e6) == 0.0


def test_benefit_and_cost_of_a_programme() -> None:
    text = (
        "title: skills\nextends: eu-diverse\ninstruments:\n"
        "  - skills_programme:\n"
        "      {from: 2026-01, considering_pace: 1.5, per_year: 1.0e+9, unit: EUR}\n"
    )
    base, skills = simulate(scenario.load("eu-diverse"), scenario.loads(text, "skills"), **SMALL)
    found = compare(skills, base).benefit_cost(2026, 2035, 0.03, 1.2)
    spent = math.fsum(1.0 / 1.03**i for i in range(10))
    assert found["costs"].mean == pytest.approx(1.2 * spent)
    assert found["net_present_value"].mean == pytest.approx(
        found["benefits"].mean - found["costs"].mean
    )
    nothing = compare(base, base).benefit_cost(2026, 2035, 0.03, 1.2)
    assert math.isnan(nothing["benefit_cost_ratio"].mean)


def test_lost_and_diverted_users_add_up(pair) -> None:  # type: ignore[no-untyped-def]
    """Those who leave less those who come is the difference in users."""
    lost, gained = (pair.a.yearly(n, 2035) for n in ("lost_users", "gained_users"))
    change = pair.a.yearly("users", 2035) - pair.b.yearly("users", 2035)
    assert (gained - lost) == pytest.approx(change, rel=1e-6, abs=1.0)
    assert (pair.a.yearly("diverted_users", 2035) > 0.0).all()


def test_only_firms_that_consider_ai_can_be_worse_off(pair) -> None:  # type: ignore[no-untyped-def]
    worse = pair.a.yearly("worse_off", 2035)
    assert (worse > 0.0).all()
    assert (worse <= pair.b.yearly("considering", 2035) + 1e-9).all()
    by_size = pair.a.yearly("worse_off", 2035, "size_class", "10-249")
    assert (by_size > 0.0).all()


def test_holding_every_mechanism_leaves_no_effect() -> None:
    short = scenario.Run(horizon=("2021-01", "2028-12"), firms=1000)
    base, other = (
        scenario.load(n).with_changes(run=short) for n in ("eu-diverse", "eu-restrictive")
    )
    found = {h.name: h for h in mechanisms.hold_each(base, other, rows=1000, replicates=1)}
    assert set(found) == {*MECHANISMS, mechanisms.NOTHING, mechanisms.EVERYTHING}
    assert found[mechanisms.EVERYTHING].use.mean == 0.0
    assert found[mechanisms.EVERYTHING].gdp.mean == 0.0
    assert found["option_removal"].use.mean != found[mechanisms.NOTHING].use.mean
    # A mechanism that this ban does not touch carries nothing.
    assert found["considering"].use.mean == found[mechanisms.NOTHING].use.mean


def test_freezing_costs_firms_less_than_withdrawing() -> None:
    """As revealed preference demands, whatever GDP says."""
    names = ("eu-diverse", "eu-ban-frozen", "eu-restrictive")
    base, frozen, gone = simulate(
        *(scenario.load(n) for n in names), rows=2000, replicates=2, workers=1
    )
    costs = [compare(x, base).difference("firms_surplus", 2032).mean for x in (frozen, gone)]
    assert costs[1] < costs[0] < 0.0
