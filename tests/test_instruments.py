"""The seventeen named instruments in runs: no strength is no change, more strength is more effect.

Each instrument has a *limit*: a strength at which the run equals its baseline to the last bit.  And
it has *directions*: what rises and what falls as it grows stronger, with the same luck.  Where a
direction is not what a reader expects, the reason stands beside it.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from conftest import build_scenario, same_bits

from econsim import data, engine, policy, scenario
from econsim.scenario import ScenarioError

LAST = "2026-12"
START = "2025-01"
FIRST = policy.month_index(START)

Body = dict[str, Any]
Item = dict[str, Body] | Body
Series = dict[tuple[str, str], np.ndarray]


@functools.lru_cache(maxsize=512)
def _run(text: str) -> engine.Economy:
    given = json.loads(text)
    built = build_scenario(
        given["region"],
        *given["items"],
        parameters=given["parameters"],
        last=given["last"],
        rows=given["rows"],
    )
    return engine.run(built)


def run(
    *items: Item,
    parameters: dict[str, float] | None = None,
    region: str = "EU27",
    last: str = LAST,
    rows: int = 1000,
) -> engine.Economy:
    """One run; the same one is made once.  Items are written in EUR, whatever the region."""
    given = {"items": items, "parameters": parameters or {}, "region": region}
    text = json.dumps({**given, "last": last, "rows": rows}, sort_keys=True)
    return _run(text if region == "EU27" else text.replace('"unit": "EUR', '"unit": "USD'))


def series(economy: engine.Economy) -> Series:
    return economy.record.series


def named(name: str, start: str = START, **body: Any) -> Item:
    """A named instrument as a file entry."""
    return {name: {"from": start, **body}}


def unequal(a: Series, b: Series, allowed: Sequence[str] = ()) -> list[str]:
    """Series that are not bit-identical, but for those allowed to differ."""
    assert set(a) == set(b)
    names = sorted({name for (name, by) in a if not same_bits(a[name, by], b[name, by])})
    return [name for name in names if name not in allowed]


# --- Background against which instruments act -----------------------------------------------------

DUTIES = named("obligations", per_base_model=1e6, per_variant=3000.0, unit="EUR")
NO_CEILING: Item = {
    "term": "supply.systemic_threshold", "set": 10_000.0, "unit": "months of reference pace",
    "from": START,
}  # fmt: skip
DEPLOYERS = named("risk_proportionate_duties", cost_by_tier=[0.0, 100.0, 500.0], unit="EUR")
PAID = ("public_spending", "programme_spending")


# --- The limit of no strength ---------------------------------------------------------------------


@dataclass(frozen=True)
class Limit:
    """An instrument of no strength: equal to the run without it, but for its own spending."""

    item: Item
    beside: tuple[Item, ...] = ()
    parameters: dict[str, float] = field(default_factory=dict)
    own: tuple[str, ...] = ()


#: A programme must have a budget; it is so small that only its own spending can show it.
_SMALL = {"budget": 3e-6, "per_year": 1e-6, "unit": "EUR"}
LIMITS = {
    # A ban that reaches no developer and brings nobody back: release at home, where none is.
    "open_release_ban": Limit(
        named("open_release_ban", object=["release"], jurisdiction="domestic",
              existing_weights="frozen", reentry_share=0.0),
        parameters={"supply.domestic_pool_share": 0.0},
    ),
    "licensing": Limit(named("licensing", score=70.0, unit="EUR")),
    "obligations": Limit(named("obligations", scope="deployed", unit="EUR")),
    "open_exemption": Limit(named("open_exemption", share=0.0, compute=1e30), (DUTIES,)),
    "risk_proportionate_duties": Limit(
        named("risk_proportionate_duties", cost_by_tier=[0.0, 0.0, 0.0], unit="EUR")
    ),
    "upstream_liability": Limit(named("upstream_liability", unit="EUR")),
    "misallocated_responsibility": Limit(
        named("misallocated_responsibility", share=0.0), (DEPLOYERS,)
    ),
    "public_compute": Limit(named("public_compute", **_SMALL), own=PAID),
    "open_model_programme": Limit(named("open_model_programme", **_SMALL), own=PAID),
    "sandbox": Limit(named("sandbox"), (DEPLOYERS,)),
    "evaluation_standards": Limit(named("evaluation_standards", risk_cut=0.0)),
    "adoption_voucher": Limit(
        named("adoption_voucher", rate=1.0, cap=0.0, budget=1e9, unit="EUR")
    ),
    "skills_programme": Limit(named("skills_programme", unit="EUR")),
    "data_protection": Limit(named("data_protection", exposure_cut=0.0)),
    "portability": Limit(named("portability"), parameters={"choice.switching_cost": 200.0}),
    "supplier_shock": Limit(named("supplier_shock", options="all")),
    "misuse_cost": Limit(named("misuse_cost", per_firm=0.0, unit="EUR")),
}  # fmt: skip
#: Other ways of having no strength.
FURTHER = {
    "a licence from a score nobody reaches": Limit(
        named("licensing", score=99.99, delay_open=24.0, delay_closed=24.0, refusal_share=1.0,
              cost_per_model=1e9, unit="EUR"),
    ),
    "duties beyond a compute nobody reaches": Limit(
        named("obligations", scope="above_threshold", compute=1e30, per_base_model=1e9,
              per_variant=1e7, unit="EUR"),
    ),
    "duties that silence nobody": Limit(
        named("obligations", per_base_model=1e6, per_variant=3000.0, unit="EUR"),
        parameters={"supply.silencing": 0.0},
    ),
    "responsibility for duties that nobody has": Limit(
        named("misallocated_responsibility", share=1.0)
    ),
    "a voucher that pays nothing of the cost": Limit(
        named("adoption_voucher", rate=0.0, cap=1e4, budget=1e9, unit="EUR")
    ),
    "portability where moving costs nothing": Limit(named("portability", switching_cost_cut=1.0)),
    "data protection where nobody minds": Limit(
        named("data_protection", exposure_cut=1.0), parameters={"hurdle.confidentiality": 0.0}
    ),
    "a sandbox of compliance cost without duties": Limit(named("sandbox", compliance_cut=1.0)),
}  # fmt: skip


def test_every_instrument_has_a_limit_and_a_direction() -> None:
    assert set(LIMITS) == set(policy.INSTRUMENTS)
    assert {d.instrument for d in DIRECTIONS} == set(policy.INSTRUMENTS)


@pytest.mark.parametrize("name", [*LIMITS, *FURTHER])
def test_no_strength_is_no_change(name: str) -> None:
    limit = {**LIMITS, **FURTHER}[name]
    without = run(*limit.beside, parameters=limit.parameters)
    having = run(*limit.beside, limit.item, parameters=limit.parameters)
    assert unequal(series(without), series(having), limit.own) == []
    for column in ("option", "tenure", "surplus"):
        assert np.array_equal(getattr(without.firms, column), getattr(having.firms, column))


# --- More strength, more effect -------------------------------------------------------------------


@dataclass(frozen=True)
class Direction:
    """What an instrument moves, and which way, as one of its keys grows.

    ``rises`` and ``falls`` are recorded series, or ``(series, dimension, label)``: each month
    weakly, over all months strictly between the weakest and the strongest.
    """

    instrument: str
    key: str
    strengths: tuple[Any, ...]
    rises: tuple[Any, ...] = ()
    falls: tuple[Any, ...] = ()
    body: Body = field(default_factory=dict)
    beside: tuple[Item, ...] = ()
    parameters: dict[str, float] = field(default_factory=dict)
    still: tuple[Any, ...] = ()


_BAN = {"object": ["use"], "jurisdiction": "world", "existing_weights": "frozen"}
_PROGRAMME = {"budget": 1e10, "per_year": 1e9, "unit": "EUR"}
_OWN = ("general_users", "option", "open_own")
_HOSTED = ("general_users", "option", "open_hosted")
_API = ("general_users", "option", "closed_api")
_FIRST_TIER = tuple(("users", "sector", s) for s in data.sectors_by_tier()[0])
DIRECTIONS = (
    # Total use has no sure direction under a ban: who stays open keeps closed suppliers' prices
    # down, and who leaves brings re-entrants' variety to the others.
    Direction(
        "open_release_ban", "compliance_share", (0.0, 0.5, 1.0), body=_BAN,
        rises=("closed_price_multiple",), falls=("open_users", _OWN, "open_presence"),
    ),
    Direction(
        "licensing", "delay_open", (0.0, 6.0, 18.0), body={"score": 70.0, "unit": "EUR"},
        falls=("open_frontier", "open_users"), still=("closed_frontier",),
    ),
    Direction(
        "licensing", "refusal_share", (0.1, 0.5, 1.0), body={"compute": 1e25, "unit": "EUR"},
        falls=("open_frontier", "open_users"), still=("closed_frontier",),
    ),
    # Only the released frontier of closed models: open models follow what exists, not what sells.
    Direction(
        "licensing", "delay_closed", (0.0, 6.0, 18.0), body={"score": 70.0, "unit": "EUR"},
        falls=("closed_frontier",), still=("open_frontier",),
    ),
    Direction(
        "licensing", "cost_per_model", (0.0, 1e6, 1e8), body={"score": 70.0, "unit": "EUR"},
        falls=("open_frontier",), still=("closed_frontier", "open_pool"),
    ),
    Direction(
        "obligations", "per_variant", (0.0, 300.0, 3e3, 3e4), body={"unit": "EUR"},
        falls=("open_pool", "open_users"), still=("open_frontier",),
    ),
    Direction(
        "obligations", "per_base_model", (0.0, 1e6, 1e8), body={"unit": "EUR"},
        falls=("open_frontier",), still=("open_pool", "closed_frontier"),
    ),
    Direction(
        "open_exemption", "share", (0.0, 0.5, 1.0), beside=(DUTIES, NO_CEILING),
        rises=("open_pool", "open_frontier", "open_users"),
    ),
    Direction(
        "risk_proportionate_duties", "cost_by_tier",
        ([0.0, 0.0, 0.0], [0.0, 50.0, 500.0], [0.0, 100.0, 3e3]), body={"unit": "EUR"},
        falls=("general_users", "firms_surplus"), still=_FIRST_TIER,
    ),
    Direction(
        "upstream_liability", "per_variant", (0.0, 500.0, 5e3), body={"unit": "EUR"},
        falls=("open_pool", "open_users"),
    ),
    # Not the sign a reader of the claim expects for use: whom the duty leaves is relieved of it, so
    # open use rises with the whole of it, while the developers on whom it falls go silent.  A
    # little of it may go either way.
    Direction(
        "misallocated_responsibility", "share", (0.0, 0.9), beside=(DEPLOYERS,),
        rises=("open_users",),
    ),
    Direction(
        "misallocated_responsibility", "share", (0.0, 0.4, 0.9), beside=(DEPLOYERS,),
        falls=("open_pool",),
    ),
    Direction(
        "public_compute", "lag_reduction", (0.0, 1.0, 3.0), body=_PROGRAMME,
        rises=("open_frontier", "open_users"), still=("closed_frontier",),
    ),
    Direction(
        "public_compute", "hosting_price_cut", (0.0, 0.4, 0.9), body=_PROGRAMME,
        rises=(_HOSTED, "general_users"), still=("open_frontier",),
    ),
    Direction(
        "open_model_programme", "fit_gain", (0.0, 0.1, 0.4), body=_PROGRAMME,
        rises=("open_users", "general_users"),
    ),
    Direction(
        "open_model_programme", "residence_gain", (0.0, 0.5, 1.0), body=_PROGRAMME,
        falls=("foreign_spending", "imports_ai"), still=("general_users", "firms_surplus"),
    ),
    Direction(
        "sandbox", "compliance_cut", (0.0, 0.5, 1.0), beside=(DEPLOYERS,),
        rises=("general_users", "firms_surplus"),
    ),
    Direction(
        "sandbox", "risk_cut", (0.0, 0.2, 0.8),
        body={"where": {"sector": list(data.sectors_by_tier()[2])}},
        rises=("general_users", "firms_surplus"), still=_FIRST_TIER,
    ),
    Direction(
        "evaluation_standards", "risk_cut", (0.0, 0.2, 0.8),
        rises=("general_users", "firms_surplus"),
    ),
    # Who uses an option has its set-up behind him: a voucher makes starting elsewhere cheaper, so
    # use as a whole rises, no single option surely.
    Direction(
        "adoption_voucher", "cap", (0.0, 500.0, 5e3), body={"rate": 1.0, "budget": 1e12,
        "unit": "EUR"}, rises=("general_users",),
    ),
    Direction(
        "skills_programme", "maturity_gain", (0.0, 0.2, 1.0), body={"unit": "EUR"},
        rises=("considering_firms", "general_users", "firms_surplus"),
    ),
    Direction(
        "skills_programme", "considering_pace", (1.0, 2.0, 5.0), body={"unit": "EUR"},
        rises=("considering_firms", "general_users"),
    ),
    # Firms of tier 0 have no secret data: nothing changes for them.
    Direction(
        "data_protection", "exposure_cut", (0.0, 0.5, 1.0),
        parameters={"hurdle.confidentiality": 1.5},
        rises=("general_users",), still=_FIRST_TIER,
    ),
    Direction(
        # Not firms' surplus: less dependence draws users to closed options, which save less money.
        "portability", "dependence_cut", (0.0, 0.5, 1.0), parameters={"hurdle.dependence": 0.8},
        rises=("general_users",),
    ),
    Direction(
        "supplier_shock", "price_rise", (-0.5, 0.0, 1.0, 5.0), body={"options": "closed_api"},
        falls=(_API, "general_users"), rises=("rents_foreign",),
    ),
    Direction(
        "supplier_shock", "exit_share", (0.0, 0.5, 1.0), body={"options": "closed_api"},
        falls=(_API, "general_users"), rises=("open_users",),
    ),
    Direction(
        "supplier_shock", "risk_rise", (0.0, 0.5, 2.0), body={"options": "closed_api"},
        falls=(_API, "general_users"),
    ),
    Direction(
        "misuse_cost", "per_firm", (0.0, 100.0, 1e3), body={"unit": "EUR"},
        rises=("misuse_cost",), still=("gdp", "gni", "general_users", "firms_surplus"),
    ),
)  # fmt: skip

#: Not sure month by month: expected surplus and flows of money of other firms' reactions.
_OVERALL = ("firms_surplus", "rents_foreign", "foreign_spending", "imports_ai")
#: Nor where two effects oppose: relief for deployers, a smaller pool for all.
_OPPOSED = ("misallocated_responsibility",)


def _stack(runs: Sequence[engine.Economy], what: Any) -> np.ndarray:
    name, by, label = what if isinstance(what, tuple) else (what, "total", "all")
    column = runs[0].record.labels[by].index(label)
    return np.stack([series(r)[name, by][:, column] for r in runs])


@pytest.mark.parametrize("way", DIRECTIONS, ids=lambda d: f"{d.instrument}.{d.key}")
def test_more_strength_is_more_effect(way: Direction) -> None:
    runs = [
        run(
            *way.beside,
            named(way.instrument, **way.body, **{way.key: strength}),
            parameters=way.parameters,
            region="US",  # fewer cells, faster
        )
        for strength in way.strengths
    ]
    for sign, moved in ((1.0, way.rises), (-1.0, way.falls)):
        for what in moved:
            path = sign * _stack(runs, what)
            total = path.sum(axis=1)
            assert total[-1] > total[0], what
            assert (np.diff(total) >= -1e-9 * np.abs(total[:-1])).all(), what
            if what not in _OVERALL and way.instrument not in _OPPOSED:
                slack = 1e-9 * np.abs(path).max()
                assert (np.diff(path, axis=0) >= -slack).all(), what
    for what in way.still:
        path = _stack(runs, what)
        assert all(same_bits(path[0], other) for other in path[1:]), what
    for other in runs[1:]:
        for key in series(runs[0]):
            assert same_bits(series(runs[0])[key][:FIRST], series(other)[key][:FIRST]), key


# --- Budgets --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["public_compute", "open_model_programme"])
def test_a_programme_spends_its_budget_and_ends(name: str) -> None:
    item = named(name, budget=1.5e9, per_year=1e9, lag_reduction=3.0, unit="EUR")
    having, without = series(run(item)), series(run())
    yearly = having["programme_spending", "total"][:, 0]
    assert yearly[FIRST : FIRST + 18].tolist() == [1e9] * 18
    assert yearly.sum() / 12.0 == pytest.approx(1.5e9)
    ahead = (having["open_frontier", "total"] - without["open_frontier", "total"])[:, 0]
    assert ahead[FIRST + 5] == pytest.approx(3.0)
    # What was released is not taken back: the lead melts away as the others come up to it.
    assert (np.diff(having["open_frontier", "total"][:, 0]) >= 0.0).all()
    assert ahead[FIRST + 22] == pytest.approx(0.0, abs=1e-9)


def test_larger_voucher_budgets_last_longer_and_are_never_exceeded() -> None:
    lasting, reached = [], []
    for budget in (2e7, 2e8, 2e9):
        economy = run(named("adoption_voucher", rate=1.0, cap=3000.0, budget=budget, unit="EUR"))
        paid = series(economy)["public_spending", "total"][:, 0] / 12.0
        assert paid.sum() <= budget * (1.0 + 1e-9)
        lasting.append(np.flatnonzero(paid > 0.0).max())
        reached.append(float(series(economy)["general_users", "total"].sum()))
    assert lasting == sorted(lasting) and lasting[0] < lasting[-1]
    assert reached == sorted(reached) and reached[0] < reached[-1]


def test_after_its_budget_a_voucher_leaves_terms_as_they_were() -> None:
    item = named("adoption_voucher", rate=1.0, cap=3000.0, budget=2e7, unit="EUR")
    economy = run(item)
    assert economy.spent == [2e7]
    assert economy.offered is not None
    assert (economy.offered.voucher_cap == 0.0).all()
    paid = series(economy)["public_spending", "total"][:, 0]
    assert paid[FIRST] > 0.0 and (paid[FIRST + 12 :] == 0.0).all()


# --- Licences, duties, exemptions -----------------------------------------------------------------


def _licence(**threshold: float) -> np.ndarray:
    item = named("licensing", start="2021-01", delay_open=12.0, unit="EUR", **threshold)
    return series(run(item, last="2026-12"))["open_frontier", "total"][:, 0]


def test_a_licence_bites_from_its_threshold_on() -> None:
    without = series(run(last="2026-12"))["open_frontier", "total"][:, 0]
    values = build_scenario().values
    for threshold, capability in (
        ({"score": 70.0}, policy.capability_at_score(
            70.0, values["supply.score_2024"], values["supply.score_slope"])),
        ({"score": 86.0}, 36.0),
        ({"compute": 1e25}, policy.capability_at_compute(
            1e25, values["supply.compute_2024"], values["supply.compute_growth"])),
        ({"compute": 1e26}, policy.capability_at_compute(
            1e26, values["supply.compute_2024"], values["supply.compute_growth"])),
    ):  # fmt: skip
        licensed = _licence(**threshold)
        below = without <= capability
        assert below.any() and not below.all()
        assert same_bits(licensed[below], without[below])
        assert (licensed[~below] < without[~below]).all()
        # A year behind, and never below what needed no licence.
        assert licensed[-1] == pytest.approx(without[-1] - 12.0)
        assert (licensed[~below] >= min(capability, licensed.max()) - 1e-9).all()


def test_a_higher_threshold_is_a_milder_licence() -> None:
    paths = [_licence(score=70.0), _licence(compute=1e25), _licence(compute=1e26)]
    assert (np.diff(np.stack(paths), axis=0) >= 0.0).all()
    assert paths[-1].sum() > paths[0].sum()


def test_duties_and_liability_silence_contributors_through_their_budgets() -> None:
    """The pool falls by the share of lognormal budgets below the duty, times the weight."""
    from scipy.stats import norm

    values = build_scenario().values
    for name in ("obligations", "upstream_liability"):
        pool = series(run(named(name, per_variant=2000.0, unit="EUR")))["open_pool", "total"][:, 0]
        z = (
            np.log(2000.0 / values["supply.variant_budget"])
            / values["supply.variant_budget_spread"]
        )
        expected = 1.0 - values["supply.silencing"] * norm.cdf(z)
        assert (pool[:FIRST] == 1.0).all()
        assert pool[FIRST:] == pytest.approx(expected, abs=1e-6)


def test_duties_and_liability_add_up() -> None:
    both = run(
        named("obligations", per_variant=1500.0, unit="EUR"),
        named("upstream_liability", per_variant=500.0, unit="EUR"),
    )
    one = run(named("obligations", per_variant=2000.0, unit="EUR"))
    assert unequal(series(both), series(one)) == []


def test_duties_of_deployed_models_reach_their_share_only() -> None:
    share = build_scenario().values["supply.deployed_share"]
    duty = {"per_base_model": 1e7, "per_variant": 5e3, "unit": "EUR"}
    lost_all = 1.0 - series(run(named("obligations", **duty)))["open_pool", "total"][-1, 0]
    some = run(named("obligations", scope="deployed", **duty))
    lost_some = 1.0 - series(some)["open_pool", "total"][-1, 0]
    assert 0.0 < lost_some == pytest.approx(share * lost_all)


def test_an_exemption_of_base_models_holds_below_systemic_risk_only() -> None:
    duties = named("obligations", start="2023-01", per_base_model=1e9, unit="EUR")
    threshold = 1e26
    exemption = named("open_exemption", start="2023-01", share=1.0, compute=threshold)
    plain, having = series(run()), series(run(duties, exemption))
    values = build_scenario().values
    systemic = policy.capability_at_compute(
        threshold, values["supply.compute_2024"], values["supply.compute_growth"]
    )
    here, there = (s["open_frontier", "total"][:, 0] for s in (having, plain))
    # A duty is judged by the open frontier of the month before.
    below = np.r_[True, here[:-1] <= systemic]
    assert below.any() and not below.all()
    assert (here[below] == there[below]).all()
    # Beyond it developers fall silent and open models fall behind.
    assert (here[~below] < there[~below])[1:].any() and here[-1] < there[-1]


def test_variants_are_small_models_and_stay_exempt() -> None:
    duties = named("obligations", start="2023-01", per_variant=5e3, unit="EUR")
    exemption = named("open_exemption", start="2023-01", share=1.0, compute=1e25)
    assert series(run(duties))["open_pool", "total"][-1, 0] < 0.6
    assert (series(run(duties, exemption))["open_pool", "total"] == 1.0).all()


def test_half_an_exemption_is_half_the_duty() -> None:
    half = run(
        named("obligations", per_variant=4000.0, unit="EUR"),
        NO_CEILING,
        named("open_exemption", share=0.5),
    )
    less = run(named("obligations", per_variant=2000.0, unit="EUR"))
    assert unequal(series(half), series(less)) == []


# --- Refusals -------------------------------------------------------------------------------------


def _refused(*items: Item) -> str:
    with pytest.raises(ScenarioError) as caught:
        build_scenario("EU27", *items, last=LAST)
    message = str(caught.value)
    assert "\n" not in message and message.startswith("test.yaml:")
    return message


def test_an_exemption_without_an_obligation_is_refused() -> None:
    message = _refused(DEPLOYERS, named("open_exemption"))
    assert "an exemption without an obligation" in message
    culprit = scenario_text(DEPLOYERS, named("open_exemption"))
    with pytest.raises(ScenarioError, match=r"^named\.yaml:9: an exemption without"):
        scenario.loads(culprit, "named")


def scenario_text(*items: Item) -> str:
    """A file with one instrument a line, so that the line names the culprit."""
    entries = "\n".join(f"  - {json.dumps(item)}" for item in items)
    return (
        "title: a test\nclaim: none\nextends: eu-diverse\nrun:\n"
        f'  horizon: ["2021-01", "{LAST}"]\n  firms: 1000\ninstruments:\n{entries}\n'
    )


@pytest.mark.parametrize(
    ("start", "until"), [("2025-01", "2025-03"), ("2026-01", "2026-06")]
)  # fmt: skip
def test_an_exemption_at_another_time_than_the_obligation_is_refused(
    start: str, until: str
) -> None:
    duties = {"obligations": {**DUTIES["obligations"], "from": "2025-06", "until": "2025-12"}}
    assert "exemption without an obligation" in _refused(
        duties, named("open_exemption", start=start, until=until)
    )
    build_scenario("EU27", duties, named("open_exemption", start="2025-12"), last=LAST)


@pytest.mark.parametrize("other", ["upstream_liability", "licensing"])
def test_an_exemption_may_lift_liability_or_a_licence_cost(other: str) -> None:
    body: Body = {"per_variant": 5e3} if other == "upstream_liability" else {"score": 70.0}
    build_scenario("EU27", named(other, unit="EUR", **body), named("open_exemption"), last=LAST)


@pytest.mark.parametrize(
    ("first", "second", "term"),
    [
        (
            named("licensing", score=70.0, delay_open=6.0, unit="EUR"),
            named("licensing", compute=1e26, delay_open=3.0, unit="EUR"),
            "supply.licence_threshold",
        ),
        (
            named("adoption_voucher", rate=1.0, cap=1e3, budget=1e8, unit="EUR"),
            named("adoption_voucher", rate=0.5, cap=1e3, budget=1e8, unit="EUR",
                  where={"size_class": ["10-49"]}),
            "voucher.rate",
        ),
        (
            {"term": "open.price", "set": 100.0, "unit": "EUR/seat/year", "from": "2026-01"},
            {"term": "open_own.price", "set": 50.0, "unit": "EUR/seat/year", "from": "2026-06"},
            "open_own.price",
        ),
    ],
)  # fmt: skip
def test_two_conflicting_sets_are_refused_and_both_named(
    first: Item, second: Item, term: str
) -> None:
    message = _refused(first, second)
    assert "test[1]" in message and "test[2]" in message
    assert f"both set '{term}'" in message
    assert message.rstrip().endswith(("2025-01", "2026-06"))


@pytest.mark.parametrize(
    "item",
    [
        named("supplier_shock", options="open_hostd", price_rise=1.0),
        named("misuse_cost", options="open_hostd", per_firm=1.0, unit="EUR"),
        named("risk_proportionate_duties", options="open_hostd", cost_by_tier=[1, 1, 1],
              unit="EUR"),
        {"term": "open_hostd.price", "scale": 2.0, "unit": "multiple", "from": START},
    ],
)  # fmt: skip
def test_an_unknown_scope_of_options_gets_the_nearest_name(item: Item) -> None:
    assert "did you mean 'open_hosted" in _refused(item)


@pytest.mark.parametrize("name", ["licensing", "obligations", "public_compute", "misuse_cost"])
def test_money_must_be_in_the_currency_of_the_region(name: str) -> None:
    body: dict[str, Body] = {
        "licensing": {"score": 70.0},
        "obligations": {},
        "public_compute": {"budget": 1.0, "per_year": 1.0},
        "misuse_cost": {"per_firm": 1.0},
    }
    assert "its unit is 'EUR', not 'USD'" in _refused(named(name, unit="USD", **body[name]))


# --- Nothing to choose from -----------------------------------------------------------------------

NOTHING: Item = {"term": "all.available", "set": 0.0, "unit": "share", "from": START}


def test_without_any_option_nobody_uses_general_purpose_ai() -> None:
    """The engine's answer to an empty choice set: it runs, and everybody is back to narrow AI."""
    found = series(run(NOTHING))
    a_year_on = slice(FIRST + 12, None)
    assert (found["general_users", "total"][FIRST - 1] > 0.0).all()
    for name in ("general_users", "ai_spending", "firms_surplus", "imports_ai", "energy"):
        assert (found[name, "total"][a_year_on] == 0.0).all(), name
    assert (found["users", "total"][a_year_on] > 0.0).all()
    assert found["gdp", "total"][a_year_on] == pytest.approx(
        found["baseline_gdp", "total"][a_year_on]
    )
    assert all(np.isfinite(array).all() for array in found.values())


def test_only_closed_or_only_open_options_run() -> None:
    for scope in ("open", "closed"):
        item = {"term": f"{scope}.available", "set": 0.0, "unit": "share", "from": START}
        found = series(run(item))
        users, opened = (found[n, "total"][-1, 0] for n in ("general_users", "open_users"))
        assert users > 0.0
        assert opened == (0.0 if scope == "open" else users)


def test_a_ban_ended_lets_options_come_back_without_a_trace_in_terms() -> None:
    until = "2025-12"
    gone = {**NOTHING, "until": until}
    found, without = run(gone), run()
    assert found.offered is not None and without.offered is not None
    assert np.array_equal(found.offered.available, without.offered.available)
    assert series(found)["general_users", "total"][-1, 0] > 0.0


# --- The sandbox relieves duties that are added ---------------------------------------------------


def test_a_sandbox_cuts_the_duties_themselves() -> None:
    """Duties are added to a base of zero: the cut has to come after them."""
    flat = {
        "term": "all.compliance_cost", "add": 400.0, "unit": "EUR/firm/year", "from": START,
    }  # fmt: skip
    half = {**flat, "add": 200.0}
    cut = run(flat, named("sandbox", compliance_cut=0.5))
    assert unequal(series(cut), series(run(half))) == []


def test_a_sandbox_reaches_its_sectors_only() -> None:
    item = named("sandbox", compliance_cut=1.0, where={"sector": ["K"]})
    economy = run(DEPLOYERS, item)
    assert economy.offered is not None
    cost = economy.offered.compliance_cost.max(axis=1)
    cells = economy.bound.cells
    sector = np.array(cells.sectors)[cells.sector]
    tier = {s: t for t, sectors in enumerate(data.sectors_by_tier()) for s in sectors}
    wanted = np.array([0.0 if s == "K" else (0.0, 100.0, 500.0)[tier[s]] for s in sector])
    classes = economy.bound.benefit_class
    reached = wanted if len(cost) == cells.count else wanted[economy.bound.class_cell]
    assert len(cost) in (cells.count, len(np.unique(classes)))
    assert cost.tolist() == reached.tolist()


def test_misuse_is_its_cost_times_open_users() -> None:
    found = series(run(named("misuse_cost", options="open", per_firm=250.0, unit="EUR")))
    users = found["open_users", "total"][:, 0]
    assert found["misuse_cost", "total"][FIRST:, 0] == pytest.approx(250.0 * users[FIRST:])
    assert (found["misuse_cost", "total"][:FIRST] == 0.0).all()
