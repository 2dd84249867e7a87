"""The set of figures: each says what its results say, and which cannot be drawn says why."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from econsim import data, figures, findings, parameters
from econsim.experiments import calibration, sensitivity
from econsim.experiments.decomposition import Decomposition
from econsim.experiments.decomposition import Part as Share
from econsim.experiments.ensemble import Spread
from econsim.figures.distribution import SECTORS, counted
from econsim.figures.panels import Bars, Contour, Lines, Map, Points, Shape
from econsim.figures.style import lint
from econsim.figures.uncertainty import PRIORS
from econsim.results import Comparison, Estimate, Results, ResultsError, compare, estimate

SIZES = ("0-9", "10-49", "50-249", "250+")
MONTHS, START = 48, 24
BASE: dict[str, float] = {
    "firms": 1000.0, "users": 400.0, "general_users": 300.0, "open_users": 60.0,
    "controlled_users": 70.0, "survey_firms": 900.0, "survey_users": 350.0, "gdp": 2e13,
    "baseline_gdp": 1.99e13, "gni": 1.98e13, "consumption": 1e13, "wages": 9e12,
    "contribution": 1e11, "firms_surplus": 5e10, "foreign_spending": 8e9, "ai_spending": 1e10,
    "rents_foreign": 1e8, "rents_domestic": 2e7, "public_spending": 0.0,
    "closed_price_multiple": 1.0,
}  # fmt: skip
AGAINST = ("lost_users", "diverted_users", "gained_users", "worse_off_firms")
LABELS = {
    "total": ("all",), "size_class": SIZES, "sector": tuple(SECTORS),
    "country": data.MEMBER_STATES, "option": ("closed", "open"),
}  # fmt: skip


def result(
    name: str, title: str = "", change: float = 0.0, noise: float = 0.02, replicates: int = 5,
    region: str = "EU27",
) -> Results:  # fmt: skip
    """Made-up results: common luck; from month START on everything moves by ``change`` percent."""
    luck = np.random.default_rng(1).normal(1.0, 0.01, (replicates, 1, 1))
    own = 1.0 + noise * np.random.default_rng(2).normal(0.0, 1.0, (replicates, 1, 1))
    after = (np.arange(MONTHS) >= START)[None, :, None]
    move = 1.0 + after * 0.01 * change * own
    series = {}
    for key, value in BASE.items():
        for dimension, groups in LABELS.items():
            if dimension == "option":
                continue
            width = len(groups)
            tilt = np.linspace(0.8, 1.2, width)[None, None, :]
            steady = key in ("firms", "survey_firms", "baseline_gdp")
            path = np.broadcast_to(luck, (replicates, MONTHS, width)) * value * tilt
            series[key, dimension] = path * (1.0 if steady else move)
    december = (np.arange(MONTHS) % 12 == 11)[None, :, None]
    for key, value in zip(AGAINST, (20.0, 40.0, 1.0, 300.0), strict=True):
        for dimension in ("total", "size_class"):
            width = len(LABELS[dimension])
            count = np.full((replicates, MONTHS, width), value * (change != 0.0)) * own * after
            series[key, dimension] = np.where(december, count, np.nan)
    birth = {
        "title": title or name, "region": region, "currency": "EUR", "scenario_hash": f"h-{name}",
        "rows": 5000, "seeds": list(range(replicates)), "months": MONTHS, "data_hash": "d",
        "econsim": "0.1.0",
    }  # fmt: skip
    return Results(name, "default", series, LABELS, birth)


def pair(change: float = -5.0, **more: float) -> Comparison:
    replicates = int(more.pop("replicates", 5))
    base = result("base", "Base: all models", replicates=replicates)
    return compare(
        result("ban", "Ban: closed only", change=change, replicates=replicates, **more), base
    )


@dataclass(frozen=True)
class Place:
    dissimilarity: float
    open_share: float
    comparison: Comparison


PLACES = [
    Place(d, s, pair(-20.0 * d * s)) for d in (0.2, 0.5, 0.8) for s in (0.05, 0.15, 0.3)
]  # fmt: skip
SPREADS = (
    Spread("GDP", "EUR billion per year, prices of 2024", -3.0, (-4.0, -2.0), (-9.0, -3.0, -0.5),
           {"peers": -3.3, "taste": -5.2}, 24, ()),
)  # fmt: skip
MEMBERS = [pair(c) for c in (-9.0, -6.0, -4.0, -2.0)]
VARIANTS = {"peers": pair(-7.0)}
OF_COMPARISON = {
    "gdp_bands",
    "adoption_by_size", "option_shares", "lost_and_diverted", "gdp_effect", "incomes", "prices",
    "sovereignty", "winners_and_losers", "member_states", "kinds_of_uncertainty", "headline_grid",
    "joint_contour", "policy_ranking",
}  # fmt: skip


def numbers(text: str) -> list[float]:
    plain = text.replace("−", "-").replace("–", " ")
    return [float(t.replace(",", "")) for t in re.findall(r"-?\d[\d,]*(?:\.\d+)?", plain)]


@pytest.fixture(scope="module")
def drawn() -> dict[str, figures.Figure]:
    other = compare(result("other", "Other", change=-2.0), PLACES[0].comparison.b)
    found, reasons = figures.of_comparison(
        pair(), PLACES, others=[other], spreads=SPREADS, members=MEMBERS, variants=VARIANTS
    )
    assert set(reasons) == {"decomposition", "sensitivity", "reversal", "scorecard"}
    return {f.name: f for f in found}


# --- the whole set --------------------------------------------------------------------------------


def test_every_figure_of_a_comparison_is_drawn(drawn: dict[str, figures.Figure]) -> None:
    assert set(drawn) == OF_COMPARISON
    for figure in drawn.values():
        assert figure.plotly().data
        assert figures.Figure.from_json(figure.json()).json() == figure.json()
        assert "not a forecast" in figure.note
        assert "n = 5" in figure.note + figure.alt
        assert "Eurostat" in figure.source
        assert figure.data["unit"].notna().all()
        assert figure.provenance["results"]
        for words in (figure.title, figure.subtitle, figure.alt, figure.note):
            assert "{" not in words and "nan" not in words.lower().split()


def test_what_cannot_be_drawn_says_why() -> None:
    lone, there = (result(n, region="US") for n in ("lone", "there"))
    kept = {k: v for k, v in lone.series.items() if k[0] not in AGAINST and k[0] != "gni"}
    found, reasons = figures.of_comparison(compare(replace(lone, series=kept), there))
    names = {f.name for f in found}
    assert not names & set(reasons)
    assert names | set(reasons) >= OF_COMPARISON
    assert "no states" in reasons["member_states"]
    assert "run together" in reasons["lost_and_diverted"]
    assert "'gni' is not recorded" in reasons["incomes"]
    assert "econsim run --ensemble" in reasons["kinds_of_uncertainty"]
    assert "grid" in reasons["joint_contour"] and "two or more" in reasons["policy_ranking"]


def test_identical_worlds_differ_nowhere() -> None:
    base = result("base", "Base")
    same = [Place(p.dissimilarity, p.open_share, compare(base, base)) for p in PLACES]
    twin = replace(base, scenario="twin", manifest={**base.manifest, "title": "Twin"})
    found, _ = figures.of_comparison(compare(twin, base), same)
    for figure in found:
        if figure.name != "headline_grid":
            assert re.search(r"no (clear )?difference|no clear first", figure.title)
        gaps = figure.data
        if "panel" in gaps:
            gaps = gaps[gaps["panel"].isin(["difference", "year", "sector", "gdp_gain"])]
        assert (gaps["mean"].abs() == 0.0).all(), figure.name
        assert figure.plotly().data


@pytest.mark.parametrize(("change", "way"), [(-5.0, "lower"), (5.0, "higher")])
def test_titles_follow_the_sign(change: float, way: str) -> None:
    comparison = pair(change)
    size = abs(comparison.difference("gdp", 2024).mean)
    assert f"GDP EUR {size:.0f} billion a year {way}" in figures.incomes(comparison).title
    assert f"price of closed models 5.0 percent {way}" in figures.prices(comparison).title
    assert f"GDP {way} in 27 of 27 member states" in figures.member_states(comparison).title
    assert f"contribution to GDP {way} in 17 of 17" in figures.winners_and_losers(comparison).title


def test_noise_is_no_finding() -> None:
    comparison = pair(0.1, noise=40.0)
    for figure in (figures.incomes(comparison), figures.prices(comparison)):
        assert "no clear difference" in figure.title
    assert "no clear difference in GDP in any" in figures.member_states(comparison).title


def test_figures_keep_the_house_style(drawn: dict[str, figures.Figure]) -> None:
    faults = {n: lint(f) for n, f in drawn.items() if n not in ("adoption_by_size", "gdp_effect")}
    assert not {n: f for n, f in faults.items() if f}


def test_one_run_has_no_interval() -> None:
    found, _ = figures.of_comparison(pair(replicates=1))
    for figure in found:
        assert "One run, no interval" in figure.note
        for panel in figure.panels:
            if isinstance(panel, Lines):
                assert not any(s.bands for s in panel.series)
        assert not re.search(r"\bnan\b", figure.alt) and figure.plotly().data


# --- each figure ----------------------------------------------------------------------------------


def test_shares_add_up_and_are_those_of_the_results(drawn: dict[str, figures.Figure]) -> None:
    table, comparison = drawn["option_shares"].data, pair()
    level = table[table["panel"] == "level"]
    total = level.groupby(["scenario", "period"])["mean"].sum()
    assert np.allclose(total, 100.0)
    for world in (comparison.a, comparison.b):
        opened = level[(level["scenario"] == world.scenario) & (level["outcome"] == "open models")]
        expected = world.values("open_use", "size_class", "10-249").mean(axis=0)
        assert np.allclose(opened["mean"], expected, rtol=1e-12)


def test_incomes_are_the_paired_differences(drawn: dict[str, figures.Figure]) -> None:
    table, comparison = drawn["incomes"].data, pair()
    year = table[table["panel"] == "year"].set_index("outcome")
    for name in ("gdp", "gni", "firms_surplus"):
        gap = comparison.difference(name, 2024)
        assert tuple(year.loc[name, ["mean", "low", "high"]]) == (gap.mean, gap.low, gap.high)
        assert figures.number(gap) in drawn["incomes"].alt
    last = table[(table["panel"] == "path") & (table["period"] == "2024-12")].set_index("outcome")
    assert last.loc["gdp", "mean"] == pytest.approx(year.loc["gdp", "mean"], rel=1e-9)


def test_lost_and_diverted_are_counted_firm_by_firm(drawn: dict[str, figures.Figure]) -> None:
    figure, comparison = drawn["lost_and_diverted"], pair()
    lost = estimate(comparison.a.yearly("lost_share", 2024, "size_class", "10-249"), "")
    assert f"{figures.number(lost)} % lose AI" in figure.title
    table = figure.data[figure.data["panel"] == "size"]
    assert set(table["size_class"]) == set(SIZES)
    bars = next(p for p in figure.panels if isinstance(p, Bars))
    for row in bars.rows():
        assert [b.start for b in row[1:]] == [b.end for b in row[:-1]]


def test_shares_of_nothing_are_not_drawn() -> None:
    comparison = pair()
    series = dict(comparison.b.series)
    for key in (("ai_spending", "total"), ("foreign_spending", "total")):
        series[key] = np.where(np.arange(MONTHS)[None, :, None] < 6, 0.0, series[key])
    figure = figures.sovereignty(compare(comparison.a, replace(comparison.b, series=series)))
    base = figure.panels[0].series[0]
    assert all(math.isnan(v) for v in base.values[:6])
    assert all(math.isfinite(v) for v in base.values[6:])


def test_groups_that_are_clear_by_chance_make_no_pattern() -> None:
    def gaps(clear: int) -> list[tuple[Estimate, str]]:
        sure, unsure = Estimate(-1.0, -1.2, -0.8, 5, "EUR"), Estimate(-1.0, -2.0, 0.5, 5, "EUR")
        return [(sure if i < clear else unsure, f"group {i}") for i in range(17)]

    assert "no clear difference in GDP in any sector" in counted(
        gaps(0), "GDP", "sector", "sectors"
    )
    assert "no clear pattern" in counted(gaps(3), "GDP", "sector", "sectors")
    assert "lower in 4 of 17 sectors" in counted(gaps(4), "GDP", "sector", "sectors")
    one = [(Estimate(-2.0, math.nan, math.nan, 1, "EUR"), "group")]
    assert "one run" in counted(one, "GDP", "sector", "sectors")


def test_figures_draw_what_is_kept() -> None:
    """Results that come with econsim keep few series: a figure draws those it has."""
    comparison = pair()
    gone = {"gained_users", "rents_foreign", "rents_domestic"}
    thin = replace(
        comparison.a, series={k: v for k, v in comparison.a.series.items() if k[0] not in gone}
    )
    kept = compare(thin, comparison.b)
    moved, prices = figures.lost_and_diverted(kept), figures.prices(kept)
    assert set(moved.data["outcome"]) == {"lost_share", "diverted_share"}
    assert set(prices.data["outcome"]) == {"closed_price"} and len(prices.panels) == 1
    assert not lint(moved) and not lint(prices)


def test_stored_results_draw_the_same_sectors(drawn: dict[str, figures.Figure]) -> None:
    """Stored results know sectors and countries at year ends only."""
    comparison = pair()
    gone = np.arange(MONTHS)[None, :, None] % 12 != 11
    stored = [
        replace(r, series={k: np.where(gone, np.nan, v) if k[1] in ("sector", "country") else v
                           for k, v in r.series.items()})
        for r in (comparison.a, comparison.b)
    ]  # fmt: skip
    for make in (figures.winners_and_losers, figures.member_states):
        fresh = drawn[make.__name__]
        assert make(compare(*stored)).json() == fresh.json()


# --- maps -----------------------------------------------------------------------------------------


def test_the_map_has_every_member_state_on_its_sheet(drawn: dict[str, figures.Figure]) -> None:
    sheet = figures.outlines()
    assert set(sheet.states) == set(data.MEMBER_STATES)
    assert len({s.name for s in sheet.states.values()}) == 27
    assert sheet.source and sheet.licence
    for state in sheet.states.values():
        xs = [x for ring in state.rings for x, _ in ring]
        assert max(xs) - min(xs) > 30.0, "large enough to be seen"
    maps = [p for p in drawn["member_states"].panels if isinstance(p, Map)]
    assert len(maps) == 2
    for panel in maps:
        assert {s.label for s in panel.shapes} == {s.name for s in sheet.states.values()}
        left, bottom, right, top = panel.box()
        assert 0 <= left < right <= sheet.width and 0 <= bottom < top <= sheet.height


def test_countries_lie_where_they_lie() -> None:
    """Neighbours share a border exactly, and north is up."""
    states = figures.outlines().states

    def points(code: str) -> set[tuple[float, float]]:
        return {p for ring in states[code].rings for p in ring}

    for one, two in (("DE", "PL"), ("ES", "PT"), ("BE", "LU"), ("EE", "LV"), ("HR", "SI")):
        assert len(points(one) & points(two)) > 3
    east, north = zip(
        *(Shape(c, states[c].rings, 0.0).middle() for c in ("IE", "DE", "CY", "IT", "FI")),
        strict=True,
    )
    assert east[0] < east[1] < east[2]
    assert north[3] < north[1] < north[4]


def test_the_map_shows_colours_only_where_they_mean_something() -> None:
    clear, noise = (figures.member_states(pair(c, noise=n)) for c, n in ((-5.0, 0.02), (0.1, 40.0)))
    assert all(math.isfinite(s.value) for s in clear.panels[1].shapes)
    assert all(math.isnan(s.value) for s in noise.panels[1].shapes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m["states"]["AT"].update(rings=[[1, 2]]), "state AT: an outline needs three"),
        (lambda m: m["states"]["AT"]["rings"][0].__setitem__(0, 1e9), "outside the sheet"),
        (lambda m: m["states"]["AT"].pop("name"), "broken"),
        (lambda m: m["states"].clear(), "no outline"),
        (lambda m: m.pop("width"), "no map"),
    ],
)
def test_a_broken_map_is_refused(tmp_path: Path, change: object, message: str) -> None:
    content = json.loads((Path(data.__file__).parent / "data" / "member_states.json").read_text())
    change(content)  # type: ignore[operator]
    place = tmp_path / "map.json"
    place.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ResultsError, match=message):
        figures.outlines(place)


# --- uncertainty ----------------------------------------------------------------------------------


def test_kinds_of_uncertainty_stay_apart(drawn: dict[str, figures.Figure]) -> None:
    figure = drawn["kinds_of_uncertainty"]
    assert "GDP lower under every kind of uncertainty: EUR −9.0 to −0.5" in figure.title
    rows = figure.panels[0].rows
    assert [(r.low, r.high) for r in rows[:2]] == [(-4.0, -2.0), (-9.0, -0.5)]
    assert [r.value for r in rows[2:]] == [-3.3, -5.2]
    both = replace(SPREADS[0], structure={"peers": 1.0})
    assert (
        "no clear difference in GDP: EUR −9.0" in figures.kinds_of_uncertainty([both], pair()).title
    )


def test_bands_of_gdp_keep_kinds_apart(drawn: dict[str, figures.Figure]) -> None:
    figure = drawn["gdp_bands"]
    ends = [m.difference("gdp", 2024).mean for m in MEMBERS]
    table = figure.data[figure.data["period"] == "2024"].set_index("kind")
    assert table.loc["parameters", "low"] == pytest.approx(np.quantile(ends, 0.1))
    own, peers = figure.panels[0].series
    assert own.bands[0].low[-1] == table.loc["parameters", "low"]
    assert own.bands[1].low[-1] == pair().difference("gdp", 2024).low
    assert peers.values[-1] == VARIANTS["peers"].difference("gdp", 2024).mean and not peers.bands
    with pytest.raises(ResultsError, match="parameter sets"):
        figures.gdp_bands(pair(), MEMBERS[:1], {})


def test_a_rank_is_a_paired_difference() -> None:
    base = result("base", "Base")
    worlds = [compare(result(f"w{c}", f"World {c:g}", change=c), base) for c in (-1.0, 3.0, 1.0)]
    figure = figures.policy_ranking(worlds)
    assert list(figure.data["scenario"]) == ["w3.0", "w1.0", "w-1.0"]
    ahead = compare(worlds[1].a, worlds[2].a).difference("gdp", 2024)
    assert figure.data["ahead_of_next"][0] == ahead.mean
    assert "World 3 ranks first of 3" in figure.title
    assert figures.number(ahead) in figure.title
    tied = figures.policy_ranking([worlds[0], worlds[0]])
    assert "no clear first" in tied.title and "≈ next" in tied.panels[0].rows[0].text
    with pytest.raises(ResultsError, match="share one baseline"):
        figures.policy_ranking([worlds[0], compare(base, worlds[1].a)])


def test_the_contour_holds_the_grid_and_the_priors(drawn: dict[str, figures.Figure]) -> None:
    panel = drawn["joint_contour"].panels[1]
    assert isinstance(panel, Contour)
    for d, row in zip(panel.y, panel.values, strict=True):
        for s, value in zip(panel.x, row, strict=True):
            (place,) = (p for p in PLACES if (p.dissimilarity, 100 * p.open_share) == (d, s))
            assert value == place.comparison.difference("gdp", 2024).mean
    low, high = min(map(min, panel.values)), max(map(max, panel.values))
    assert 3 <= len(panel.levels) <= 8
    assert all(low <= level <= high for level in panel.levels)
    (mark,) = panel.places
    assert (mark.x, mark.y) == (15.0, 0.5)
    assert (mark.x_low, mark.x_high) == pytest.approx((10.5, 27.3))
    assert (mark.y_low, mark.y_high) == (0.27, 0.8), "cut to what was run"
    with pytest.raises(ResultsError, match="whole grid"):
        figures.joint_contour(PLACES[:-1])


def test_priors_are_those_of_the_calibration() -> None:
    held = {p.name.removeprefix("choice."): p for p in calibration.UNIDENTIFIED}
    for axis, (low, default, high) in PRIORS.items():
        assert default == parameters.get(f"choice.{axis}").default
        ends = [float(held[axis].quantile(p)) for p in (0.1, 0.9)]
        assert (low, high) == pytest.approx(ends, abs=6e-4)


UNIT = "EUR billion per year, prices of 2024"


def part(value: float, half: float = 0.2) -> Estimate:
    return Estimate(value, value - half, value + half, 4, UNIT)


def test_the_waterfall_ends_at_the_whole() -> None:
    shares = tuple(
        Share(n, a, part(v, 0.2 * a), np.zeros(4))
        for n, a, v in (("option_removal", True, -4.0), ("entry", True, 1.0), ("rents", False, 0.0))
    )
    found = Decomposition(
        "GDP", 2035, "base", "ban", part(-3.0), np.zeros(4), shares, 0.0, True, 8
    )  # fmt: skip
    figure = findings.mechanisms(found, "EU27", {"n": 4})
    (panel,) = figure.panels
    assert [(b.label, b.start, b.end) for b in panel.bars] == [
        ("Option removal", 0.0, -4.0), ("Entry", -4.0, -3.0), ("Whole effect", 0.0, -3.0),
    ]  # fmt: skip
    assert panel.linked and "1 other part: exactly 0" in figure.note
    assert "largest part: option removal −4" in figure.title
    assert len(figure.data) == 4
    with pytest.raises(ResultsError, match="add up to"):
        figures.waterfall("x", [figures.Part("a", part(1.0))], part(2.0), _words())


def _words() -> figures.Words:
    return figures.Words("title", "subtitle", "note", "", "EU27", {})


def test_the_tornado_is_widest_at_the_top() -> None:
    x = np.random.default_rng(5).uniform(0.0, 1.0, (200, 3))
    swings = sensitivity.swings(["weak", "strong", "dummy"], x, 0.1 * x[:, 0] - 3.0 * x[:, 1])
    assert [s.factor for s in swings] == ["strong", "weak"]
    assert swings[0].low - swings[0].high == pytest.approx(3.0 * 0.8, abs=0.15)
    assert swings[0].clear and not swings[1].clear
    figure = figures.tornado("tornado", swings, -1.45, UNIT, _words())
    (panel,) = figure.panels
    assert isinstance(panel, Bars) and panel.line == -1.45
    assert [b.start for b in panel.bars] == [-1.45] * 4
    assert list(figure.data["mean"])[:4] == [b.end for b in panel.bars]
    assert [row[0].label for row in panel.rows()] == ["strong", "weak"]
    assert "weak" in figure.alt and "(not clear)" in figure.alt
    with pytest.raises(sensitivity.SensitivityError, match="too few"):
        sensitivity.swings(["a"], x[:40, :1], x[:40, 0])


def test_the_scorecard_shows_predictions_against_what_came() -> None:
    figure = findings.scorecard()
    (panel,) = figure.panels
    assert isinstance(panel, Points) and panel.diagonal
    held = data.held_out()
    held = held[(held["indicator"] == "ai_use") & (held["size_class"] != "10+")]
    predicted = figure.data[~figure.data["fitted"]]
    assert sorted(predicted["observed"]) == sorted(held["value"])
    inside = int(predicted["inside"].sum())
    assert f"{inside} of {len(held)} observed figures inside" in figure.title
    assert f"largest miss {predicted['error'].max():.1f}" in figure.title
    fitted = figure.data[figure.data["fitted"]]
    assert len(fitted) == 9 and fitted["error"].max() < 3.0, "the default meets what it was fit to"
    assert [d.hollow for d in panel.dots] == list(figure.data["fitted"])
    assert not lint(figure)


def test_a_study_on_a_whole_grid_is_a_contour(drawn: dict[str, figures.Figure]) -> None:
    rows = drawn["joint_contour"].data.to_dict("records")
    assert figures.surface_contour(rows, _words()).panels == drawn["joint_contour"].panels
    with pytest.raises(ResultsError, match="whole grid"):
        figures.surface_contour(rows[:-1], _words())
