"""What surrounds the numbers: files of every chart, findings, briefs, words, refused uploads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from econsim import brief, cli, figures
from econsim.app import briefing, draft, shipped, understanding
from econsim.app.briefing import BriefOrder
from econsim.app.draft import Settings
from econsim.app.exhibits import FILES, Exhibit
from econsim.app.jobs import Order
from econsim.app.views import view_of
from econsim.experiments import headline
from econsim.figures.export import provenance_of

pytest.importorskip("streamlit")
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parent.parent


def opened(**query: str) -> AppTest:
    page = AppTest.from_file(ROOT / "app.py", default_timeout=60)
    for key, value in query.items():
        page.query_params[key] = value
    page.run()
    assert not page.exception
    return page


@pytest.fixture(scope="module")
def exhibits() -> dict[str, Exhibit]:
    found = shipped.load("EU27")
    drawn, _ = understanding._gallery("test", found.comparison, found.points)
    return {e.figure.name: e for e in drawn}


@pytest.mark.parametrize("ending", FILES)
def test_each_file_of_a_chart_carries_its_provenance(
    exhibits: dict[str, Exhibit], ending: str, tmp_path: Path
) -> None:
    content = exhibits["gdp_effect"].file(ending)
    path = tmp_path / f"gdp.{ending}"
    path.write_bytes(content)
    assert shipped.load("EU27").comparison.a.manifest["scenario_hash"] in str(provenance_of(path))
    assert exhibits["gdp_effect"].file(ending) == content


def test_what_was_taken_away_can_be_verified(tmp_path: Path) -> None:
    pair = tuple(draft.shipped_text(n) for n in draft.HEADLINE_PAIRS["US"])
    view = view_of(Order(pair, Settings(1_000, 1, 3)).perform())
    path = tmp_path / "gdp_effect.svg"
    path.write_bytes(view.gdp.file("svg"))
    assert cli._run(["verify", str(path)]) == 0
    path.write_bytes(path.read_bytes().replace(b"GDP difference", b"GDP difference!"))
    assert cli._run(["verify", str(path)]) == 4


def test_the_shipped_results_allow_every_figure_that_a_question_names(
    exhibits: dict[str, Exhibit],
) -> None:
    wanted = {name for question in understanding.QUESTIONS for name in question.drawn}
    assert wanted <= set(exhibits)


def test_the_text_of_a_chart_says_what_its_data_hold(exhibits: dict[str, Exhibit]) -> None:
    found = shipped.load("EU27").comparison
    gdp = found.difference("gdp", 2035)
    assert f"{figures.number(gdp)} billion a year ({figures.interval(gdp)})" in (
        exhibits["gdp_effect"].figure.alt
    )
    for exhibit in exhibits.values():
        alt = exhibit.figure.alt
        assert re.search(r"\d", alt), exhibit.figure.name
        assert "n = " in f"{alt} {exhibit.figure.note}", exhibit.figure.name


@pytest.mark.parametrize("question", [q.asked for q in understanding.QUESTIONS])
def test_a_question_is_answered_or_says_what_would(question: str) -> None:
    page = opened(view="Understand")
    page.radio(key="question").set_value(question).run()
    assert not page.exception
    asked = next(q for q in understanding.QUESTIONS if q.asked == question)
    have = [
        f for f in asked.findings
        if (shipped.FOLDER / "EU27" / "findings" / f"{f.name}.json").is_file()
    ]  # fmt: skip
    shown = " ".join(c.value for c in page.code)
    for finding in asked.findings:
        if finding not in have:
            assert finding.command.split("{")[0].strip() in shown
    assert len(page.get("plotly_chart")) == len(asked.drawn) + len(have)


def test_a_shipped_finding_is_shown_with_its_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exhibits: dict[str, Exhibit]
) -> None:
    place = tmp_path / "US" / "findings"
    place.mkdir(parents=True)
    text = exhibits["winners_and_losers"].figure.json()
    (place / "tornado.json").write_text(text, encoding="utf-8")
    (place / "value_of_information.json").write_text("{", encoding="utf-8")
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    page = opened(region="US", view="Understand")
    page.radio(key="question").set_value("Which assumptions matter").run()
    assert not page.exception
    assert len(page.get("plotly_chart")) == 1
    said = next(m.value for m in page.markdown if m.value.startswith("The five assumptions"))
    top = exhibits["winners_and_losers"].figure.panels[0].rows
    assert all(row.label in said for row in top[:5])
    assert "value_of_information.json cannot be shown" in page.warning[0].value


def test_the_brief_is_that_of_the_command_line() -> None:
    found = shipped.load("EU27")
    baseline, policy = (draft.shipped_text(n) for n in draft.HEADLINE_PAIRS["EU27"])
    order = Order((baseline, policy), Settings(20_000, 10, 1), grid=True)
    made = BriefOrder(order, found.answer)
    content = made.perform()
    assert content.startswith(b"%PDF")
    evidence = brief.gather(
        found.comparison,
        headline.grid_points(found.answer.grid),
        (policy.scenario(), baseline.scenario()),
        draft.command(order.texts, order.settings, order.grid),
    )
    ((name, again),) = brief.files([brief.of_comparison(evidence)], ["pdf"])
    assert (name, again) == ("brief.pdf", content)
    assert made.key() != BriefOrder(Order((policy, baseline), order.settings), found.answer).key()
    assert briefing.BriefOrder(order, found.answer).name == "the brief on eu-restrictive"


def test_the_first_view_tells_what_parameters_that_the_surveys_allow_would_change() -> None:
    path = shipped.FOLDER / "EU27" / "findings" / "kinds_of_uncertainty.json"
    data = figures.Figure.from_json(path.read_text(encoding="utf-8")).data
    sets = data[(data["kind"] == "parameters") & (data["outcome"] == "GDP")].set_index("item")
    told = next(m.value for m in opened().markdown if "parameter sets" in m.value)
    assert f"Over {sets['n'].iloc[0]} parameter sets" in told
    found = re.search(r"GDP, EUR billion per year: (\S+) to (\S+);", told)
    assert found is not None
    low, high = (float(v.replace("−", "-")) for v in found.groups())
    assert low == pytest.approx(sets["mean"]["q10"], abs=0.01)
    assert high == pytest.approx(sets["mean"]["q90"], abs=0.01)


def test_the_first_view_offers_brief_and_reproduction() -> None:
    page = opened()
    assert any(b.label == "Make the brief (PDF)" for b in page.button)
    shown = view_of(shipped.load("EU27").answer)
    hashes = [r.manifest["scenario_hash"][:12] for r in shown.answer.results]
    said = " ".join(c.value for c in page.caption)
    assert all(digest in said for digest in hashes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"title: x\n#" + b"x" * 1_000_100, "larger than 1,000,000 bytes"),
        (b"title: " + b"[" * 5_000, "mine.yaml"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"title: x\nextends: ../../../etc/passwd\n", "is not a scenario name"),
        (b"title: x\nextends: eu-diverse\nparameters: {choice.lambda: 9}\n", "outside 0.05 to 1"),
        (b"", "mine.yaml"),
    ],
    ids=["huge", "deep", "bytes", "path", "bounds", "empty"],
)
def test_a_hostile_or_huge_file_is_refused(content: bytes, message: str) -> None:
    page = opened(view="Build a policy")
    page.get("file_uploader")[0].set_value(("mine.yaml", content, "application/yaml")).run()
    assert not page.exception
    (error,) = page.error
    assert message in error.value
    assert page.button(key="apply"), "the form still stands"
