"""Comparing up to six scenarios: one run, any base, signs that turn exactly."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from econsim.app import comparing, draft, session
from econsim.app.draft import Settings
from econsim.app.jobs import Answer, Order
from econsim.results import ResultsError, compare

pytest.importorskip("streamlit")
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("eu-diverse", "eu-restrictive", "eu-skills")


@pytest.fixture(scope="module")
def answer() -> Answer:
    texts = tuple(draft.shipped_text(name) for name in NAMES)
    return Order(texts, Settings(1_000, 3, 5)).perform()


def test_changing_the_base_turns_every_sign_and_nothing_else(answer: Answer) -> None:
    for _, name, by, group in comparing.ROWS:
        for first in range(len(NAMES)):
            for second in range(len(NAMES)):
                there = answer.comparison(first, second).difference(name, 2035, by, group)
                back = answer.comparison(second, first).difference(name, 2035, by, group)
                assert (back.mean, back.low, back.high) == (-there.mean, -there.high, -there.low)
                if first == second:
                    assert there.mean == there.low == there.high == 0.0


def test_the_table_holds_every_other_scenario_with_its_paired_interval(answer: Answer) -> None:
    table = comparing.differences(answer.results, "eu-restrictive", 2035)
    assert len(table) == len(comparing.ROWS)
    for row in table:
        assert list(row) == ["outcome", "eu-diverse", "eu-skills"]
        assert all(" to " in row[name] for name in NAMES if name in row)
    gdp = next(row for row in table if row["outcome"].startswith("GDP"))
    assert "EUR billion" in gdp["outcome"]


def test_small_multiples_share_one_scale_and_say_what_they_show(answer: Answer) -> None:
    for name, by, group, subject in comparing.MULTIPLES:
        found = comparing.small_multiples(answer.results, "eu-diverse", name, by, group, subject)
        assert len(found.panels) == 2
        assert len({panel.reach for panel in found.panels}) == 1
        low, high = found.panels[0].reach
        assert low <= found.data["low"].min()
        assert high >= found.data["high"].max()
        assert low <= 0.0 <= high
        gap = answer.comparison(0, 1).difference(name, 2035, by, group)
        last = found.data[(found.data["panel"] == "eu-restrictive")].iloc[-1]
        if name == "use":
            assert last["mean"] == pytest.approx(gap.mean)
        for scenario in NAMES[1:]:
            assert scenario in found.alt
            assert scenario in found.title
        assert "n = 3" in found.alt
        assert "not a forecast" in found.note
        assert found.plotly(heading=False).data


def test_what_cannot_be_paired_is_refused(answer: Answer) -> None:
    other = Order((draft.shipped_text("eu-skills"),), Settings(1_000, 3, 6)).perform()
    with pytest.raises(ResultsError, match="seeds"):
        compare(other.results[0], answer.results[0])
    us = draft.shipped_text("us-diverse")
    text = "title: x\nextends: us-diverse\nrun: {horizon: [2021-01, 2030-12]}\n"
    order = Order((us, draft.Text("short", text)), Settings(1_000, 1, 1))
    assert "different months" in comparing._problem(order)


def test_a_comparison_runs_once_and_the_base_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    page = AppTest.from_file(ROOT / "app.py", default_timeout=60)
    page.query_params["view"] = "Compare"
    page.run()
    page.multiselect(key="compared-EU27").set_value(list(NAMES))
    page.number_input(key="compare-rows-EU27").set_value(1_000)
    page.number_input(key="compare-n-EU27").set_value(2)
    page.run()
    page.button(key="compare").click().run()
    limit = time.monotonic() + 60
    while "job" in page.session_state:
        assert time.monotonic() < limit
        time.sleep(0.2)
        page.run()
    assert not page.exception
    assert not page.error
    assert len(page.get("plotly_chart")) == 2
    assert list(page.table[0].value.columns) == ["eu-restrictive", "eu-skills"]
    monkeypatch.setattr(session, "Job", None)
    page.selectbox(key="base-EU27").set_value("eu-skills").run()
    assert not page.exception
    assert list(page.table[0].value.columns) == ["eu-diverse", "eu-restrictive"]
    assert page.query_params["compare"] == ",".join(NAMES)
    assert page.query_params["base"] == "eu-skills"

    again = AppTest.from_file(ROOT / "app.py", default_timeout=60)
    for key, value in page.query_params.items():
        again.query_params[key] = value
    again.run()
    assert again.multiselect(key="compared-EU27").value == list(NAMES)
    assert again.selectbox(key="base-EU27").value == "eu-skills"
    assert again.number_input(key="compare-rows-EU27").value == 1_000
