"""Figures say what their data say, and change nothing."""

from __future__ import annotations

import copy
import csv
import io
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from econsim import figures
from econsim.figures import panels
from econsim.results import Comparison, Estimate, Results, ResultsError, compare

SIZES = ("0-9", "10-49", "50-249", "250+")
MONTHS, START = 48, 24


def result(
    name: str, title: str, use_change: float = 0.0, gdp_change: float = 0.0,
    noise: float = 0.0, replicates: int = 5, **manifest: object,
) -> Results:  # fmt: skip
    """Made-up results: common luck, a change from month START on, and noise of that change."""
    common = np.random.default_rng(1)
    own = np.random.default_rng(2)
    share = np.array([0.1, 0.3, 0.5, 0.7])
    firms = np.full((replicates, MONTHS, len(SIZES)), 1000.0)
    trend = np.linspace(0.5, 1.0, MONTHS)[None, :, None]
    users = firms * share * trend + common.normal(0.0, 3.0, (replicates, 1, 1))
    gdp = np.full((replicates, MONTHS, 1), 20e12) + common.normal(0.0, 1e9, (replicates, 1, 1))
    after = (np.arange(MONTHS) >= START)[None, :, None]
    if use_change or gdp_change or noise:
        luck = 1.0 + noise * own.normal(0.0, 1.0, (replicates, 1, 1))
        users = users + after * firms * 0.01 * use_change * luck
        gdp = gdp + after * 1e9 * gdp_change * luck
    series = {
        ("users", "size_class"): users,
        ("narrow", "size_class"): users,
        ("firms", "size_class"): firms,
        ("gdp", "total"): gdp,
        ("baseline_gdp", "total"): np.full_like(gdp, 19.9e12),
    }
    birth = {
        "title": title, "region": "EU27", "currency": "EUR", "scenario_hash": f"hash-{name}",
        "rows": 5000, "seeds": list(range(replicates)), "months": MONTHS, "data_hash": "data",
        "econsim": "0.1.0", **manifest,
    }  # fmt: skip
    return Results(name, "default", series, {"total": ("all",), "size_class": SIZES}, birth)


def pair(**changes: float) -> Comparison:
    replicates = int(changes.pop("replicates", 5))
    base = result("base", "Base: all models", replicates=replicates)
    return compare(result("ban", "Ban: closed only", replicates=replicates, **changes), base)


@dataclass(frozen=True)
class Point:
    dissimilarity: float
    open_share: float
    comparison: Comparison


def grid(**changes: float) -> list[Point]:
    return [
        Point(d, s, pair(**{k: v * d * s for k, v in changes.items()}))
        for d in (0.2, 0.8)
        for s in (0.05, 0.3)
    ]


def numbers(text: str) -> list[float]:
    return [float(t.replace(",", "")) for t in re.findall(r"-?[\d,]*\d(?:\.\d+)?", plain(text))]


def plain(text: str) -> str:
    return text.replace("−", "-").replace("10–249", "").replace("–", " ")


def drawn_lines(chart: object) -> dict[str, tuple[list, list]]:
    return {
        t.name: (list(t.x), list(t.y))
        for t in chart.data  # type: ignore[attr-defined]
        if t.name != "interval"
    }


# --- Titles -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "use", "gdp"),
    [
        ({"use_change": -2.0, "gdp_change": -3.0, "noise": 0.05}, "lower", "lower"),
        ({"use_change": 2.0, "gdp_change": 3.0, "noise": 0.05}, "higher", "higher"),
        ({"use_change": 0.1, "gdp_change": -0.1, "noise": 8.0}, "no clear", "no clear"),
        ({}, "no difference", "no difference"),
    ],
)
def test_titles_follow_sign_and_uncertainty(changes: dict, use: str, gdp: str) -> None:
    comparison = pair(**changes)
    for figure, word in (
        (figures.adoption_by_size(comparison), use),
        (figures.gdp_effect(comparison), gdp),
    ):
        assert figure.title.startswith("Ban: ")
        found = [w for w in ("lower", "higher", "no clear", "no difference") if w in figure.title]
        assert found == [word]


def test_title_gives_size_and_interval_of_the_data() -> None:
    comparison = pair(use_change=-2.0, gdp_change=-3.0, noise=0.05)
    gap = comparison.difference("gdp", 2024)
    title = figures.gdp_effect(comparison).title
    size, year, level, low, high = numbers(title.partition(": ")[2])
    assert (year, level) == (2024, 95)
    step = 10.0 ** -len(figures.number(gap).partition(".")[2])
    assert size == pytest.approx(-gap.mean, abs=step)
    assert (low, high) == (pytest.approx(-gap.high, abs=step), pytest.approx(-gap.low, abs=step))


def test_an_interval_without_zero_never_reads_as_zero() -> None:
    value = Estimate(0.05, 0.002, 0.098, 5, "percentage points of firms")
    assert figures.interval(value) == "0.002 to 0.098"
    assert figures.number(Estimate(-0.004, -0.4, 0.392, 5, "")) == "0.0"


def test_title_tells_of_a_larger_effect_in_another_year() -> None:
    base, other = result("base", "Base"), result("ban", "Ban", gdp_change=1.0, noise=0.01)
    gdp = other.series["gdp", "total"].copy()
    gdp[:, START : START + 12] -= 9e9
    other = Results(
        "ban", "default", {**other.series, ("gdp", "total"): gdp}, other.labels, other.manifest
    )
    title = figures.gdp_effect(compare(other, base)).title
    assert "higher in 2024" in title
    assert re.search(r"largest in 2023: EUR [78][\d.]* billion a year lower", title)


def test_one_run_has_no_interval() -> None:
    comparison = pair(use_change=-2.0, gdp_change=-3.0, replicates=1)
    for figure in (figures.adoption_by_size(comparison), figures.gdp_effect(comparison)):
        assert "one run, no interval" in figure.title
        assert "n = 1 replicate of" in figure.note
        assert not any(t.name == "interval" for t in figure.plotly().data)
        assert '"low": null' in figure.json()


def test_single_scenario() -> None:
    figure = figures.adoption_by_size(result("base", "Base: all models"))
    assert re.search(r"rises from [\d.]+ % in 2021 to [\d.]+ % in 2024", figure.title)
    assert set(figure.data["panel"]) == {"level"}
    assert len(drawn_lines(figure.plotly())) == len(SIZES)


# --- Words and data -------------------------------------------------------------------------------


def every_figure() -> list[figures.Figure]:
    comparison = pair(use_change=-2.0, gdp_change=-3.0, noise=0.05)
    return [
        figures.adoption_by_size(comparison),
        figures.gdp_effect(comparison),
        figures.headline_grid(grid(use_change=-20.0, gdp_change=30.0, noise=0.5)),
    ]


def test_every_figure_carries_its_words() -> None:
    for figure in every_figure():
        assert "not a forecast" in figure.note
        assert "n = 5 replicates of 5,000 firms" in figure.note
        assert "Eurostat isoc_eb_ai" in figure.source
        assert "SBS" in figure.source
        assert "EU-27" in figure.subtitle
        assert "2024" in figure.title
        assert figure.provenance["n"] == 5
        names = {r["scenario_hash"] for r in figure.provenance["results"]}
        assert names == {"hash-base", "hash-ban"}
        for entry in figure.provenance["results"]:
            assert {"seeds", "rows", "data_hash", "econsim"} <= set(entry)
        assert figure.data["unit"].notna().all()


def test_alt_text_matches_the_data() -> None:
    adoption, gdp, joint = every_figure()
    final = adoption.data[adoption.data["period"] == "2024-12"]
    for size in SIZES:
        label = figures.PERSONS[size]
        part = adoption.alt[adoption.alt.index(f"{label}: ") + len(label) :].partition(";")[0]
        base, other, gap, *_ = numbers(part.partition(". n =")[0])
        rows = final[final["size_class"] == size].set_index("scenario")["mean"]
        assert base == pytest.approx(rows["base"], abs=0.06)
        assert other == pytest.approx(rows["ban"], abs=0.06)
        assert gap == pytest.approx(rows["ban minus base"], abs=0.06)
        assert gap < 0
    year = gdp.data[gdp.data["frequency"] == "year"].iloc[0]
    assert re.search(r"In 2024 it is EUR −[\d.]+ billion a year", gdp.alt)
    assert numbers(gdp.alt.partition("In 2024 it is")[2])[0] == pytest.approx(
        year["mean"], abs=0.06
    )
    assert "identical before January 2023" in gdp.alt
    for outcome, words in (("use", "AI use"), ("gdp", "GDP")):
        part = joint.data[joint.data["outcome"] == outcome]
        found = numbers(joint.alt[joint.alt.index(f"{words}") :].partition(";")[0])
        assert found[0] == pytest.approx(part["mean"].min(), rel=0.3)
        low = part.loc[part["mean"].idxmin()]
        assert found[1:3] == [low["lambda"], low["open_share"]]


def test_the_table_is_what_is_drawn() -> None:
    adoption, gdp, joint = every_figure()
    lines = drawn_lines(adoption.plotly())
    groups = adoption.data.groupby(["panel", "scenario", "size_class"], sort=False)
    assert len(lines) == len(groups)
    for (panel, scenario, size), part in groups:
        end = "difference" if panel == "difference" else scenario
        x, y = lines[f"{figures.PERSONS[size]} persons, {end}"]
        assert x == list(part["period"])
        assert y == list(part["mean"])
    bands = [t for t in adoption.plotly().data if t.name == "interval"]
    assert len(bands) == len(groups)
    drawn = {v for t in bands for v in t.y}
    assert drawn == set(adoption.data["low"]) | set(adoption.data["high"])

    chart = gdp.plotly(heading=False)
    monthly = gdp.data[gdp.data["frequency"] == "month"]
    assert drawn_lines(chart)["Difference"] == (list(monthly["period"]), list(monthly["mean"]))
    assert drawn_lines(chart)["Mean of 2024"][1] == list(
        gdp.data[gdp.data["frequency"] == "year"]["mean"]
    )
    assert any(s.x0 == "2023-01" for s in chart.layout.shapes)

    maps = [t for t in joint.plotly().data if t.type == "heatmap"]
    shown = sorted(v for t in maps for row in t.z for v in row)
    assert shown == sorted(joint.data["mean"])


def test_the_line_ends_at_the_mean_of_the_last_year() -> None:
    figure = every_figure()[1]
    last = figure.data[figure.data["period"] == "2024-12"].iloc[0]
    year = figure.data[figure.data["frequency"] == "year"].iloc[0]
    for column in ("mean", "low", "high"):
        assert last[column] == pytest.approx(year[column], rel=1e-9)
    (point,) = (t for t in figure.plotly().data if t.name == "Mean of 2024")
    assert list(point.x) == ["2024-12"]


def test_csv_and_json_hold_the_data_exactly() -> None:
    for figure in every_figure():
        first, _, table = figure.csv().partition("\n")
        assert first.startswith("# econsim provenance: {")
        read = list(csv.DictReader(io.StringIO(table)))
        pd.testing.assert_frame_equal(
            pd.read_csv(io.StringIO(figure.csv()), comment="#"),
            pd.read_csv(io.StringIO(table)),
        )
        for column in ("mean", "low", "high"):
            assert [float(row[column]) for row in read] == list(figure.data[column])
        content = json.loads(figure.json())
        assert [row["mean"] for row in content["data"]] == list(figure.data["mean"])
        assert content["title"] == figure.title
        assert content["alt"] == figure.alt
        assert content["provenance"]["n"] == 5


def test_heading_holds_title_note_and_source() -> None:
    for figure in every_figure():
        layout = figure.plotly().layout
        title = re.sub(r"</?b>", "", layout.title.text).replace("<br>", " ")
        assert title == figure.title
        foot = " ".join(a.text.replace("<br>", " ") for a in layout.annotations)
        assert figure.note in foot
        assert figure.source in foot
        bare = figure.plotly(heading=False).layout
        assert bare.title.text is None
        assert figure.note not in " ".join(a.text for a in bare.annotations)


# --- Pure -----------------------------------------------------------------------------------------


def test_figures_change_nothing_and_repeat_exactly() -> None:
    comparison = pair(use_change=-2.0, gdp_change=-3.0, noise=0.05)
    kept = copy.deepcopy((comparison.a.series, comparison.b.series))
    for make in (figures.adoption_by_size, figures.gdp_effect):
        first, second = make(comparison), make(comparison)
        before = first.data.copy()
        charts = [first.plotly().to_json(), first.plotly().to_json(), second.plotly().to_json()]
        assert len(set(charts)) == 1
        pd.testing.assert_frame_equal(first.data, before)
        assert first.json() == second.json()
    for now, then in zip((comparison.a.series, comparison.b.series), kept, strict=True):
        assert all(np.array_equal(now[k], then[k]) for k in then)


def test_start_is_the_first_month_that_differs() -> None:
    assert figures.first_difference(pair(gdp_change=1.0)) == "2023-01"
    assert figures.first_difference(pair()) is None
    assert "never differ" in figures.gdp_effect(pair()).alt


def test_the_first_instrument_is_marked_even_before_it_bites() -> None:
    base = result("base", "Base", policy_start=None)
    comparison = compare(result("ban", "Ban", gdp_change=1.0, policy_start=20), base)
    assert figures.policy_start(comparison) == "2022-09"
    figure = figures.gdp_effect(comparison)
    assert any(s.x0 == "2022-09" for s in figure.plotly().layout.shapes)
    assert "identical before January 2023" in figure.alt
    assert any(
        s.x0 == "2022-10" for s in figures.gdp_effect(comparison, "2022-10").plotly().layout.shapes
    )
    assert figures.policy_start(compare(base, base)) is None


def test_two_results_are_paired_baseline_first() -> None:
    comparison = pair(use_change=-2.0, gdp_change=-3.0, noise=0.05)
    one = figures.gdp_effect([comparison.b, comparison.a])
    assert one.json() == figures.gdp_effect(comparison).json()
    with pytest.raises(ResultsError, match="two scenarios"):
        figures.gdp_effect([comparison.b])


def test_a_grid_needs_points_at_different_places() -> None:
    with pytest.raises(ResultsError, match="at least one"):
        figures.headline_grid([])
    with pytest.raises(ResultsError, match="one place"):
        figures.headline_grid([Point(0.5, 0.1, pair()), Point(0.5, 0.1, pair())])


def test_labels_at_line_ends_keep_apart() -> None:
    comparison = pair(use_change=-2.0, noise=0.01)
    chart = figures.adoption_by_size(comparison).plotly(heading=False)
    ends = sorted(a.y for a in chart.layout.annotations if a.yref == "y2" and a.xref == "x2 domain")
    assert len(ends) == len(SIZES) + 1
    low, high = chart.layout.yaxis2.range
    assert min(np.diff(ends)) > 0.04 * (high - low)


def test_colours_differ_in_grey() -> None:
    """Lines of neighbouring size classes keep apart when printed without colour."""

    def grey(colour: str) -> float:
        red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    shades = [grey(figures.COLOURS[s]) for s in ("0-9", "10-49", "50-249", "250+", "10-249")]
    assert len({round(s, 2) for s in shades}) == len(shades)
    assert max(shades) < 0.6


# --- Panels ---------------------------------------------------------------------------------------


def every_panel() -> tuple[panels.Lines | panels.Map | object, ...]:
    """One panel of each kind, with what each can hold."""
    months = ("2024-01", "2024-02", "2024-03")
    gap = math.nan
    line = panels.Series(
        "Use", (1.0, gap, 3.0), "#0B6E75",
        (panels.Band((0.0, gap, 1.0), (2.0, gap, 5.0), "parameters"),),
        dash="dash", end="3\n1 to 5", bold=True, dots=True,
        marker=panels.Marker("2024-03", 3.0, 1.0, 5.0, "Mean", "3 (1 to 5)"),
    )  # fmt: skip
    square = (((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)),)
    return (
        panels.Lines("Use, %", "percent", months, (line,), start="2024-02", zero=True),
        panels.Areas("Shares", "percent", months, (
            panels.Area("open", (10.0, 20.0, 30.0), "#0B6E75"),
            panels.Area("closed", (50.0, 40.0, 30.0), "#C8571B"),
        ), top=100.0, suffix=" %"),
        panels.Rows("Effect", "points", (
            panels.Row("one", 1.0, 0.5, 1.5, 0.0, 2.0, "1.0"), panels.Row("two", -1.0, faint=True),
        )),
        panels.Bars("Parts", "points", (
            panels.Bar("lost", 0.0, -2.0, "#C8571B", "−2", -2.5, -1.5),
            panels.Bar("whole", 0.0, -2.0, "#1B2A30", "−2", bold=True),
        ), linked=True, key=(("lost", "#C8571B"),)),
        panels.Cells("GDP", "EUR", ("5 %", "15 %"), ("λ 0.2",), ((1.0, gap),), (("1", ""),)),
        panels.Contour(
            "GDP", "EUR", (0.0, 1.0), (0.0, 1.0), ((0.0, 1.0), (1.0, 2.0)), (0.5,), "x", "y",
            (panels.Place("prior", 0.5, 0.5, 0.2, 0.8, 0.2, 0.8),),
        ),
        panels.Points("Use", "percent", (panels.Dot("FR", 1.0, 2.0, 0.5, 1.5, 1.5, 2.5),), "x", "y",
                      diagonal=True),
        panels.Map("GDP", "percent", (
            panels.Shape("France", square, 1.0, "1.0", "FR"), panels.Shape("Spain", square, gap),
        ), ticks=((0.0, "0"),), missing="not known"),
    )  # fmt: skip


def test_a_figure_passes_through_json_unchanged() -> None:
    for figure in (*every_figure(), replace(every_figure()[0], panels=every_panel(), columns=2)):
        again = figures.Figure.from_json(figure.json())
        assert again.json() == figure.json()
        pd.testing.assert_frame_equal(again.data, figure.data)
        # NaN differs from itself, so panels are compared as text.
        assert repr(again.panels) == repr(figure.panels)
        assert again.plotly().to_json() == figure.plotly().to_json()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("title"), "'title' is missing"),
        (lambda c: c["panels"][0].update(kind="spiral"), "spiral"),
        (lambda c: c["panels"][0].update(colour="red"), "colour"),
        (lambda c: c["panels"][0]["series"][0].pop("values"), "values"),
        (lambda c: c.update(panels=3), "tuple"),
    ],
)
def test_json_that_is_no_figure_is_refused(change: Callable, message: str) -> None:
    content = json.loads(every_figure()[1].json())
    change(content)
    with pytest.raises(ResultsError, match=message):
        figures.Figure.from_json(json.dumps(content))
    with pytest.raises(ResultsError, match="no figure in this JSON"):
        figures.Figure.from_json("[1, 2")


def test_every_panel_is_drawn_on_a_page() -> None:
    figure = replace(every_figure()[0], panels=every_panel())
    chart = figure.plotly(heading=False)
    kinds = {t.type for t in chart.data}
    assert {"scatter", "bar", "heatmap", "contour"} <= kinds
    axes = {t.xaxis for t in chart.data}
    assert len(axes) == len(every_panel())
    # No two panels share a height.
    domains = sorted(chart.layout[f"yaxis{i or ''}"].domain for i in (0, *range(2, 9)))
    assert all(a[1] < b[0] for a, b in pairwise(domains))
    assert panels.Lines("", "", ("2024",), (panels.Series("", (1.0,), "#000000"),)).limits()


@pytest.mark.parametrize(
    ("heights", "sizes", "expected"),
    [
        ([1.0, 5.0], [1.0, 1.0], [1.0, 5.0]),
        ([5.0, 5.0], [1.0, 1.0], [4.5, 5.5]),
        ([9.9, 10.0, 0.0], [1.0, 1.0, 1.0], [8.5, 9.5, 0.5]),
        ([5.0, 5.0, 5.0], [10.0, 10.0, 10.0], [5 / 3, 5.0, 25 / 3]),
    ],
)
def test_labels_are_moved_as_little_as_needed(
    heights: list[float], sizes: list[float], expected: list[float]
) -> None:
    assert panels.spread(heights, sizes, 0.0, 10.0) == pytest.approx(expected)
