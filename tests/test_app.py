"""The app: first view, stale results, policies that give the numbers of ``simulate``, messages."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

import econsim
from econsim import data, policy, results, scenario
from econsim.app import builder, draft, shipped, views
from econsim.app import session as state
from econsim.app.draft import Draft, Settings, Text
from econsim.app.jobs import Job, Order
from econsim.app.session import kept
from econsim.experiments.simulation import simulate

st = pytest.importorskip("streamlit")
from streamlit.testing.v1 import AppTest  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
SMALL = Settings(rows=1000, replicates=2, seed=5)
BUILD = "Build a policy"


def current(folder: Path, **changes: str) -> Path:
    """A copy of the shipped results whose certificates are those of today's files."""
    for region, names in draft.HEADLINE_PAIRS.items():
        place = folder / region
        place.mkdir(parents=True)
        source = shipped.FOLDER / region
        (place / "results.parquet").write_bytes((source / "results.parquet").read_bytes())
        manifest = json.loads((source / "manifest.json").read_text(encoding="utf-8"))
        hashes = {name: scenario.load(name).hash() for name in names}
        for entry in manifest["results"]:
            entry["data_hash"] = data.digest()
            entry["econsim"] = econsim.__version__
            entry["scenario_hash"] = changes.get(entry["scenario"], hashes[entry["scenario"]])
        (place / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        for name in ("preview.csv", "preview.json"):
            (place / name).write_bytes((source / name).read_bytes())
    return folder


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Shipped results that are up to date, whatever the state of the real ones."""
    st.cache_resource.clear()
    yield current(tmp_path_factory.mktemp("results") / "shipped")
    st.cache_resource.clear()


@pytest.fixture
def app(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., AppTest]]:
    """Makes sessions of the app on up-to-date shipped results."""
    monkeypatch.setattr(shipped, "FOLDER", fresh)
    sessions: list[AppTest] = []

    def open_session(**query: str) -> AppTest:
        session = AppTest.from_file(ROOT / "app.py", default_timeout=60)
        for key, value in query.items():
            session.query_params[key] = value
        session.run()
        assert not session.exception
        sessions.append(session)
        return session

    yield open_session
    for session in sessions:
        if "job" in session.session_state:
            session.session_state["job"].cancel()


def small(session: AppTest, rows: int = SMALL.rows) -> None:
    """Settings of a quick run, without the joint axes."""
    session.number_input(key="rows").set_value(rows)
    session.number_input(key="replicates").set_value(SMALL.replicates)
    session.number_input(key="seed").set_value(SMALL.seed)
    session.checkbox(key="grid").set_value(False)


def finish(session: AppTest, seconds: float = 40.0) -> list[str]:
    """Rerun until the run has ended, as the page does by itself; the texts of its progress."""
    said = []
    limit = time.monotonic() + seconds
    while "job" in session.session_state:
        assert time.monotonic() < limit, "the run does not end"
        time.sleep(0.2)
        session.run()
        assert not session.exception
        said += [p.proto.text for p in session.get("progress")]
    return said


def headlines(session: AppTest) -> list[str]:
    found = [m.value.replace("\u00a0", " ") for m in session.markdown]
    return [text.removeprefix("## ") for text in found if text.startswith("## ")]


def until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if condition():
            return True
        time.sleep(0.05)
    return False


def alive(pid: int) -> bool:
    """Whether a process runs (a dead one that nobody has collected yet does not)."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return bool(shown.stdout.strip()) and not shown.stdout.strip().startswith("Z")


# --- First view -----------------------------------------------------------------------------------


def test_first_view_is_the_headline_with_interval_and_n(app: Callable[..., AppTest]) -> None:
    session = app()
    headline, *_ = headlines(session)
    assert "AI use of firms with 10–249 persons" in headline
    assert "GDP" in headline
    assert headline.count("95 % interval") == 2
    text = " ".join(m.value for m in session.markdown)
    assert "n = 10 replicates of" in text
    assert "not a forecast" in text
    assert "λ 0.2 to 0.8, open share 5% to 30%" in text
    assert not session.warning
    charts = session.get("plotly_chart")
    assert len(charts) == 3
    shown = shipped.load("EU27")
    for chart, words in zip(charts, ("AI use by size", "difference in GDP", "lambda"), strict=True):
        assert words in chart.proto.alt
        assert json.loads(chart.proto.spec)["data"]
    assert f"n = {shown.comparison.a.replicates} replicates" in charts[0].proto.alt
    assert len(session.get("download_button")) >= 6


def test_region_comes_from_the_address_and_the_switch(app: Callable[..., AppTest]) -> None:
    session = app(region="US")
    assert headlines(session)[0].startswith("US,")
    session.radio(key="region").set_value("EU27").run()
    assert headlines(session)[0].startswith("EU,")


def test_stale_results_are_announced_and_can_be_run(
    app: Callable[..., AppTest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = current(tmp_path / "old", **{"eu-restrictive": "0" * 64})
    monkeypatch.setattr(shipped, "FOLDER", folder)
    session = app()
    (warning,) = session.warning
    assert "eu-restrictive" in warning.value
    assert "eu-diverse" not in warning.value
    assert headlines(session)
    assert session.button(key="refresh-EU27").label == "Run the current files"


def test_missing_and_damaged_results_leave_the_app_usable(
    app: Callable[..., AppTest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = current(tmp_path / "old")
    (folder / "EU27" / "manifest.json").write_text("{", encoding="utf-8")
    monkeypatch.setattr(shipped, "FOLDER", folder)
    assert "damaged" in app().warning[0].value
    assert app(view=BUILD).button(key="apply")
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "nowhere")
    assert "there are none" in app().warning[0].value


def test_shipped_results_are_those_of_the_current_files() -> None:
    for region in draft.HEADLINE_PAIRS:
        found = shipped.load(region)
        assert not found.reasons, "build them anew: python -m econsim.app.shipped"
        assert len(found.points) == 9
        size = sum(p.stat().st_size for p in (shipped.FOLDER / region).iterdir())
        assert size < 1_300_000


@pytest.mark.parametrize("region", list(draft.HEADLINE_PAIRS))
def test_shipped_results_are_those_of_the_current_code(region: str) -> None:
    """Their first replicate, run again, is the same (the scenario hash does not see the code)."""
    found = shipped.load(region).comparison
    pair = [scenario.load(name) for name in draft.HEADLINE_PAIRS[region]]
    again = simulate(*pair, rows=found.a.manifest["rows"], replicates=1)
    for then, now in zip((found.b, found.a), again, strict=True):
        for key, values in then.series.items():
            known = np.isfinite(values[0])  # of countries and sectors only the end is kept
            assert known[-1].all()
            np.testing.assert_allclose(
                values[0][known], now.series[key][0][known], rtol=1e-9, atol=1e-6,
                err_msg=f"{key}: build them anew: python -m econsim.app.shipped",
            )  # fmt: skip


# --- Policies -------------------------------------------------------------------------------------


def test_a_policy_gives_the_numbers_of_simulate(
    app: Callable[..., AppTest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = app(view=BUILD)
    small(session)
    session.slider(key="1-reentry_share").set_value(0.2)
    others = next(s for s in session.slider if s.key.endswith("choice.lambda"))
    others.set_value(0.3)
    session.run()
    assert "job" not in session.session_state, "moving a control starts no run"
    session.button(key="apply").click().run()
    said = finish(session)
    assert any("% done" in text for text in said)
    assert not session.error
    key, order = session.session_state["policy-EU27"]
    shown = kept().get(key).comparison()

    # The downloaded files, by the way of `econsim run`.
    for text in (order.baseline, order.policy):
        assert not text.shipped
        (tmp_path / f"{text.name}.yaml").write_text(text.yaml, encoding="utf-8")
    pair = [econsim.load(tmp_path / f"{text.name}.yaml") for text in (order.baseline, order.policy)]
    assert [s.values["choice.lambda"] for s in pair] == [0.3, 0.3]
    found = simulate(*pair, rows=SMALL.rows, replicates=SMALL.replicates, seed=SMALL.seed)
    for mine, theirs in zip(found, (shown.b, shown.a), strict=True):
        assert mine.manifest == theirs.manifest
        assert all(
            np.array_equal(theirs.series[k], mine.series[k], equal_nan=True) for k in theirs.series
        )
    gap = results.compare(found[1], found[0]).difference("gdp", 2035)
    assert gap == shown.difference("gdp", 2035)
    assert headlines(session)[-1] == views.sentence(views.view_of(kept().get(key)))
    code = " ".join(c.value for c in session.code)
    assert f"econsim run {order.baseline.name}.yaml {order.policy.name}.yaml --firms 1000" in code

    # What stood where the estimate was is now the run; the same order again starts no process.
    assert "**Run** (n = 2 replicates of 1,000 firms)" in session.success[0].value
    monkeypatch.setattr(state, "Job", None)
    session.button(key="apply").click().run()
    assert not session.exception
    assert "job" not in session.session_state
    assert headlines(session)


def test_every_instrument_has_a_form_that_loads(app: Callable[..., AppTest]) -> None:
    session = app(region="US", view=BUILD)
    assert "Change of a term" in list(session.selectbox(key="add-kind").options)[-1]
    kinds = [*(k for k in policy.INSTRUMENTS if k != "open_release_ban"), "term"]
    for kind in ("obligations", "term"):  # two by the button, the rest put there at once
        session.selectbox(key="add-kind").set_value(kind)
        session.button(key="add").click().run()
        assert session.session_state["items"][-1]["kind"] == kind
    rest = [k for k in kinds if k not in ("obligations", "term")]
    session.session_state["items"] += [
        {"id": 1000 + i, "kind": k, "body": {"from": "2028-01", **builder.STARTING.get(k, {})}}
        for i, k in enumerate(rest)
    ]
    session.run()
    assert not session.exception
    assert not session.error, session.error[0].value
    text = next(c.value for c in session.code if c.value.startswith("title: Variant"))
    found = [name for name, _ in scenario.loads(text, "all").instruments]
    assert [n.split()[-1] for n in found] == [
        "open_release_ban", "obligations", "open.compliance_cost", *rest
    ]  # fmt: skip
    session.button(key="1000-remove").click().run()
    assert len(session.session_state["items"]) == len(kinds)


def test_a_policy_that_cannot_be_run_says_why(app: Callable[..., AppTest]) -> None:
    session = app(view=BUILD)
    session.text_input(key="1-from").set_value("2027-13").run()
    (error,) = session.error
    assert "2027-13" in error.value
    assert "variant-of-eu-restrictive.yaml" in error.value
    session.text_input(key="1-from").set_value("2027-06").run()
    assert not session.error
    session.selectbox(key="add-kind").set_value("term")
    session.button(key="add").click().run()
    number = session.session_state["items"][-1]["id"]
    session.selectbox(key=f"{number}-lever").set_value("supply.frontier_pace").run()
    session.number_input(key=f"{number}-value-supply.frontier_pace-add").set_value(2.9).run()
    assert "would be 3.9 multiple in 2027-01" in session.error[0].value


def test_a_bad_file_is_refused_with_the_message_of_the_loader(app: Callable[..., AppTest]) -> None:
    session = app(view=BUILD)
    for text, message in (
        ("title: x\nextends: eu-diverse\ninstrumnts: []\n", "did you mean 'instruments'"),
        ("title: [", "not valid YAML"),
        ("title: &a x\nclaim: *a\n", "anchors and aliases"),
        ("title: !!python/object/apply:os.system [ls]\n", "not accepted"),
    ):
        upload = session.get("file_uploader")[0]
        upload.set_value(("mine.yaml", text.encode(), "application/yaml")).run()
        assert not session.exception
        (error,) = session.error
        assert message in error.value
        assert "mine.yaml:" in error.value
        assert session.button(key="apply"), "the form still stands"


def test_an_uploaded_file_becomes_the_starting_point(app: Callable[..., AppTest]) -> None:
    text = (
        "title: Mine\nextends: eu-diverse\nparameters: {choice.lambda: 0.4}\ninstruments:\n"
        "  - {term: open.compliance_cost, add: 1200, unit: EUR/firm/year, from: 2028-01}\n"
    )
    session = app(view=BUILD)
    upload = session.get("file_uploader")[0]
    upload.set_value(("mine.yaml", text.encode(), "application/yaml")).run()
    assert not session.error
    assert [i["kind"] for i in session.session_state["items"]] == ["term"]
    shown = next(c.value for c in session.code if c.value.startswith("title: Variant of mine"))
    assert scenario.loads(shown, "again").hash() == scenario.loads(text, "mine").hash()


def test_a_failed_run_shows_its_message(app: Callable[..., AppTest]) -> None:
    session = app(view=BUILD)
    small(session)
    impossible = {"considering.applicable_share": 0.1, "considering.hazard": 0.0001}
    others = next(m for m in session.multiselect if m.key.endswith("-others"))
    others.set_value(list(impossible)).run()
    for name, value in impossible.items():
        next(n for n in session.number_input if n.key.endswith(f"-{name}")).set_value(value)
    session.run()
    session.button(key="apply").click().run()
    finish(session)
    (error,) = session.error
    assert "The run failed" in error.value
    assert "cannot be reproduced with these parameters" in error.value
    assert not session.button(key="apply").disabled
    session.query_params["view"] = "Understand"
    session.run()
    assert session.get("plotly_chart"), "the app is still usable"


def test_cancel_ends_the_run_and_no_session_waits(app: Callable[..., AppTest]) -> None:
    session = app(view=BUILD)
    small(session, rows=200_000)
    session.run()
    session.button(key="apply").click().run()
    job = session.session_state["job"]
    assert session.button(key="apply").disabled
    assert until(
        lambda: job._process.is_alive() and os.getpgid(job._process.pid) == job._process.pid
    )

    other = app(region="US")
    job.poll()
    assert job.running, "the other session did not wait for the run"
    assert "job" not in other.session_state
    assert headlines(other)[0].startswith("US,")

    session.run()
    busy = [psutil.Process(job._process.pid), *psutil.Process(job._process.pid).children(True)]
    session.button(key="cancel").click().run()
    began = time.monotonic()
    _, left = psutil.wait_procs(busy, timeout=1.0)
    assert not left, "the processor is free within a second of Cancel"
    assert time.monotonic() - began < 1.0
    assert "job" not in session.session_state
    assert "cancelled" in session.info[0].value
    assert not job.running
    assert not alive(job._process.pid)
    assert not session.button(key="apply").disabled


# --- Jobs and drafts ------------------------------------------------------------------------------


def order(**settings: int) -> Order:
    pair = (draft.shipped_text("eu-diverse"), draft.shipped_text("eu-restrictive"))
    return Order(pair, Settings(**{**vars(SMALL), **settings}))


def settled(job: Job, seconds: float = 30.0) -> Job:
    def ended() -> bool:
        job.poll()
        return not job.running

    assert until(ended, seconds)
    return job


def test_a_killed_run_says_so() -> None:
    job = Job(order(rows=200_000))
    pid = job._process.pid
    assert until(lambda: os.getpgid(pid) == pid)
    os.kill(pid, signal.SIGKILL)
    assert "killed" in settled(job).failure
    assert job.answer is None


def _quits(order: Order, pipe: Any) -> None:
    sys.exit(3)


def _raises(order: Order, pipe: Any) -> None:
    pipe.send(("share", 0.5))
    pipe.send(("failed", "no luck"))
    pipe.close()


def test_a_run_that_ends_without_a_word_or_with_one() -> None:
    assert "exit code 3" in settled(Job(order(), target=_quits)).failure
    job = settled(Job(order(), target=_raises))
    assert (job.failure, job.share) == ("no luck", 0.5)


@pytest.mark.parametrize("name", ["eu-restrictive", "us-restrictive", "eu-substitutes-restrictive"])
def test_drafts_return_what_they_started_from(name: str) -> None:
    start = draft.shipped_scenario(name)
    entries = [draft.instrument_entry(item) for _, item in start.instruments]
    builds_on = draft.ancestry(draft.shipped_text(name).yaml)
    made = Draft("Mine", start, entries, {}, SMALL, builds_on)
    text = draft.policy_text(made)
    assert f"extends: {builds_on[0]}" in text.yaml
    assert "parameters:" not in text.yaml
    again = text.scenario()
    assert again.hash() == start.hash()
    assert (again.run.firms, again.run.replicates, again.run.seed) == (1000, 2, 5)
    assert draft.usual_baseline(made) == builds_on[0]
    assert draft.baseline_text(made, builds_on[0]).shipped


def test_a_draft_with_options_of_its_own_holds_everything() -> None:
    text = (
        "title: Dear\nextends: eu-restrictive\noptions: {open_own: {price: 999}}\n"
        "parameters: {choice.lambda: 0.4}\n"
    )
    start = scenario.loads(text, "dear")
    entries = [draft.instrument_entry(item) for _, item in start.instruments]
    made = Draft("Mine", start, entries, {}, SMALL, draft.ancestry(text))
    alone = draft.policy_text(made)
    assert "extends" not in alone.yaml
    assert alone.scenario().hash() == start.hash()
    assert draft.usual_baseline(made) == "eu-diverse"


@pytest.mark.parametrize("name", [n for n in scenario.shipped() if n not in draft.INGREDIENTS])
def test_every_shipped_scenario_can_be_a_starting_point(name: str) -> None:
    start = scenario.load(name)
    for _, item in start.instruments:
        entry = draft.instrument_entry(item)
        assert (
            type(item).model_validate(
                entry.get(next(iter(entry)), entry) if len(entry) == 1 else entry
            )
            == item
        )


def test_both_scenarios_get_the_same_assumptions() -> None:
    start = draft.shipped_scenario("eu-restrictive")
    made = Draft("Mine", start, [], {"choice.open_share": 0.3}, SMALL)
    pair = [draft.baseline_text(made, "eu-diverse"), draft.policy_text(made)]
    values = [text.scenario().values for text in pair]
    assert values[0] == values[1]
    assert values[0]["choice.open_share"] == 0.3
    other = draft.shipped_scenario("eu-substitutes-restrictive")
    assert draft.unlike(other, draft.shipped_scenario("eu-diverse")) == ["choice.lambda"]


@pytest.mark.parametrize("title", ["eu-diverse", "EU: diverse", "…", "a" * 200, "no", "x: [y", "'"])
def test_any_title_makes_a_file_that_loads(title: str) -> None:
    start = draft.shipped_scenario("eu-restrictive")
    text = draft.policy_text(Draft(title, start, [], {}, SMALL))
    assert text.name not in scenario.shipped()
    assert text.scenario().title == title


def test_reproduction_names_files_and_settings() -> None:
    mine = Text("mine", "title: x\n")
    base = draft.shipped_text("eu-diverse")
    command = draft.command((base, mine), SMALL, grid=False)
    assert command.startswith(
        "econsim run eu-diverse mine.yaml --firms 1000 --replicates 2 --seed 5"
    )
    assert "--no-grid" in command
    assert "--no-grid" not in draft.command((base, mine), SMALL, grid=True)
    compile(draft.python_code((base, mine), SMALL, 2035), "reproduce.py", "exec")
