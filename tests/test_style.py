"""Every figure keeps the house style, and every way to break it is found."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace

import pytest
import test_figures
import test_figureset

from econsim import figures
from econsim.figures import paper, style
from econsim.figures.figure import Figure
from econsim.figures.panels import Area, Areas, Bar, Bars, Lines, Series, contrast, legible
from econsim.results import compare


@pytest.fixture(scope="module")
def good() -> Figure:
    return test_figures.every_figure()[1]


def rules(figure: Figure, anew: Figure | None = None) -> set[str]:
    return {fault.rule for fault in style.lint(figure, anew)}


# --- The shipped kinds ----------------------------------------------------------------------------

OTHER = compare(
    test_figureset.result("other", "Other", change=-2.0), test_figureset.PLACES[0].comparison.b
)
DRAWN = figures.of_comparison(
    test_figureset.pair(), test_figureset.PLACES, others=[OTHER], spreads=test_figureset.SPREADS
)[0]


@pytest.mark.parametrize("figure", DRAWN, ids=lambda f: f.name)
def test_every_figure_of_a_comparison_keeps_the_style(figure: Figure) -> None:
    assert style.lint(figure, figure) == []
    assert style.lint(figure, width=paper.HALF) == []


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"use_change": 0.1, "gdp_change": -0.1, "noise": 8.0},
        {"use_change": -2.0, "gdp_change": -3.0, "replicates": 1},
        {"use_change": 30.0, "gdp_change": 3e4, "noise": 0.001},
        {"use_change": -1e-3, "gdp_change": -1e-4, "noise": 0.3},
    ],
)
def test_any_size_and_noise_keeps_it(changes: dict[str, float]) -> None:
    comparison = test_figures.pair(**changes)
    for make in (figures.adoption_by_size, figures.gdp_effect):
        assert style.lint(make(comparison), make(comparison)) == []


def test_rows_of_a_study_keep_it() -> None:
    words = figures.Words(
        "GDP 2035: from 'ban' −3.0 to 'cap' 1.2 EUR billion a year",
        "Paired difference in GDP 2035, EUR billion per year, prices of 2024.",
        "n = 8 replicates. Thin bars: 95 % intervals.",
        "",
        "EU27",
        {"results": [{"econsim": "0.1.0"}]},
    )
    long = "an arm whose name is much longer than anybody would care to read in a figure"
    given = [
        figures.Row("ban", -3.04, -3.5, -2.5, -5.0, -1.0, "−3.0 (−3.5 to −2.5)"),
        figures.Row(long, 1.23, 0.8, 1.6, text="1.2 (0.8 to 1.6)", faint=True),
    ]
    figure = figures.rows("arms", given, "EUR billion per year, prices of 2024", words)
    assert "EU-27" in figure.subtitle
    for width in (paper.FULL, paper.HALF):
        assert style.lint(figure, width=width) == []


# --- Every rule is held ---------------------------------------------------------------------------


def lines(figure: Figure) -> Lines:
    (panel,) = figure.panels
    assert isinstance(panel, Lines)
    return panel


def with_series(figure: Figure, *series: Series) -> Figure:
    return replace(figure, panels=(replace(lines(figure), series=series),))


def recoloured(figure: Figure, *colours: str, end: str = "") -> Figure:
    """The figure's line several times in other colours, without direct labels."""
    line = replace(lines(figure).series[0], end=end, bands=(), marker=None)
    panel = replace(
        lines(figure),
        series=tuple(replace(line, colour=c) for c in colours),
        key=tuple((c, c) for c in colours),
    )
    return replace(figure, panels=(panel,))


Plant = Callable[[Figure], Figure]
PLANTED: dict[str, list[Plant]] = {
    "finding": [lambda f: replace(f, title="GDP in both ecosystems, 2021 to 2024")],
    "number": [
        lambda f: replace(f, title=f.title.replace("3.0", "3.4")),
        lambda f: replace(f, alt=f.alt.replace("3.0", "7.7")),
    ],
    "digits": [
        lambda f: replace(f, title=f.title.replace("3.0", f"{-f.data['mean'].iloc[-2]:.7f}")),
        lambda f: with_series(
            f, replace(lines(f).series[0], end=f"{-f.data['mean'].iloc[-2]:.8f}")
        ),
    ],
    "subtitle": [
        lambda f: replace(f, subtitle=f.subtitle.replace("EUR billion per year", "money")),
        lambda f: replace(f, subtitle=f.subtitle.replace("EU-27", "everywhere")),
        lambda f: replace(f, subtitle=f.subtitle.replace("202", "xx")),
    ],
    "note": [
        lambda f: replace(f, note=f.note.replace("n = 5 replicates", "some runs")),
        lambda f: replace(f, note="n = 5 replicates of 5,000 firms."),
    ],
    "source": [lambda f: replace(f, source=" ")],
    "alt": [lambda f: replace(f, alt="A chart.")],
    "label": [
        lambda f: replace(
            recoloured(f, "#0B6E75", "#3A2A6B"),
            panels=(replace(lines(recoloured(f, "#0B6E75", "#3A2A6B")), key=()),),
        ),
        lambda f: replace(f, panels=(Bars("", "", (Bar("", 0.0, 1.0, "#0B6E75"),)),)),
    ],
    "contrast": [
        lambda f: recoloured(f, "#E8E03A"),
        lambda f: with_series(f, replace(lines(f).series[0], colour="#C9C9C9")),
    ],
    "colours": [
        lambda f: recoloured(f, "#0B6E75", "#0B6E7A"),
        lambda f: recoloured(f, "#C8571B", "#5E8C1A"),  # deuteranopia
        lambda f: recoloured(f, "#C8571B", "#2E8FB8"),  # grey
        lambda f: replace(
            f,
            panels=(
                Areas(
                    "", "percent", ("2021", "2022"),
                    (Area("a", (1.0, 1.0), "#C8571B"), Area("b", (1.0, 1.0), "#5E8C1A")), top=2.0,
                ),
            ),
        ),
    ],
    "letters": [lambda f: replace(f, subtitle=f"{f.subtitle} 漢字")],
}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "plant"), [(rule, plant) for rule, plants in PLANTED.items() for plant in plants]
)
def test_a_planted_fault_is_found(good: Figure, rule: str, plant: Plant) -> None:
    assert style.lint(good) == []
    assert rule in rules(plant(good))


def test_stale_words_are_found(good: Figure) -> None:
    other = figures.gdp_effect(test_figures.pair(gdp_change=-4.0, noise=0.05))
    assert rules(good, good) == set()
    assert "stale" in rules(good, other)
    assert "stale" in rules(replace(good, note=good.note + " More."), good)


@pytest.mark.parametrize(
    ("rule", "name", "value"),
    [
        ("size", "LABEL", 6.5),
        ("overlap", "spread", lambda heights, *_: list(heights)),
        ("clipping", "_beside", lambda _: 3.0),
    ],
)
def test_a_fault_of_the_drawing_is_found(
    monkeypatch: pytest.MonkeyPatch, rule: str, name: str, value: object
) -> None:
    figure = test_figures.every_figure()[0]
    monkeypatch.setattr(paper, name, value)
    assert rule in rules(figure)


def test_every_rule_has_a_planted_fault() -> None:
    assert set(PLANTED) | {"stale", "size", "overlap", "clipping"} == set(style.RULES)


def test_dash_and_direct_labels_make_up_for_colours(good: Figure) -> None:
    line = replace(lines(good).series[0], bands=(), marker=None)
    same = replace(line, colour="#0B6E7A", dash="dash", end="")
    assert "colours" not in rules(with_series(good, line, same))
    assert "colours" not in rules(recoloured(good, "#0B6E75", "#0B6E7A", end="2024: −3.0"))


@pytest.mark.parametrize(
    ("one", "two", "who"),
    [
        ("#000000", "#FFFFFF", ""),
        ("#0B6E75", "#0B6E75", "all"),
        ("#C8571B", "#5E8C1A", "deuteranopia"),
        ("#C8571B", "#2E8FB8", "grey"),
    ],
)
def test_who_confuses_colours(one: str, two: str, who: str) -> None:
    assert style.confused(one, two) == who
    assert style.confused(two, one) == who


def test_contrast_is_that_of_the_web_guidelines() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)
    assert legible("#D5DBDE") != "#D5DBDE" and legible("#0B6E75") == "#0B6E75"


def test_measuring_says_nothing_about_missing_letters(good: Figure) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "letters" in rules(replace(good, title=f"{good.title} 漢"))
