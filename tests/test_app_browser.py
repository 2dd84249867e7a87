"""The real app in a real browser: journeys, downloads, links, cancel, two sessions, access."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from econsim.app import screenshots
from econsim.app.screenshots import fill, finished, opened, outside, press, settle
from econsim.figures.export import provenance_of

pytestmark = pytest.mark.browser

if screenshots.chromium() is None:
    pytest.skip("Chromium is not installed", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

#: Serious or worse in axe-core's words; Streamlit's own lesser ones are listed by nobody.
GRAVE = ("serious", "critical")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app, served on this machine as ``econsim app`` serves it."""
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with screenshots.served(log) as found:
        yield found
    assert "Traceback" not in log.read_text(encoding="utf-8"), log.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with screenshots.window() as found:
        yield found


def clipped_labels(chart: Any) -> list[str]:
    """Texts inside a chart that stick out of it."""
    script = """element => {
        const outer = element.getBoundingClientRect();
        return [...element.querySelectorAll('.main-svg text')].filter(t => {
            const r = t.getBoundingClientRect();
            return r.width > 0 && (r.left < outer.left - 1 || r.right > outer.right + 1);
        }).map(t => t.textContent);
    }"""
    return list(chart.evaluate(script))


def violations(page: Any) -> list[str]:
    """What axe-core finds serious or critical on a page."""
    found = axe.Axe().run(page).response["violations"]
    return [
        f"{v['id']}: {node['html'][:200]} {node['failureSummary']}"
        for v in found
        if v["impact"] in GRAVE
        for node in v["nodes"]
    ]


def small(page: Any) -> None:
    """Settings of a quick run, without the joint axes."""
    page.get_by_text("Size of the run").locator("visible=true").first.click()
    fill(page, "Firms (rows)", "1000")
    fill(page, "Replicates", "2")
    page.get_by_text("Also over λ and the open share").click()
    settle(page)


def command_of(process: psutil.Process) -> str:
    """The command of a process; nothing for one that has just ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@pytest.mark.parametrize("width", [1280, 360])
def test_first_view_says_all_and_fits(browser: Any, address: str, width: int) -> None:
    page, asked = opened(browser, address, width)
    playwright.expect(page.locator(".js-plotly-plot:visible")).to_have_count(3, timeout=30_000)
    headline = page.locator("h2:visible").first
    playwright.expect(headline).to_contain_text("AI use of firms with 10–249 persons")
    playwright.expect(headline).to_contain_text("interval")
    text = page.locator("[data-testid=stMain]").inner_text()
    assert "n = 10 replicates" in text
    assert "not a forecast" in text
    assert outside(asked) == []
    # Nothing is wider than the window, and every chart says what it shows.
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for chart in page.locator("[data-testid=stPlotlyChart]:visible").all():
        box = chart.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert clipped_labels(chart) == []
    assert page.locator("[aria-label*='difference in GDP']").count() >= 1
    page.close()


def test_dense_figures_are_whole_on_a_telephone(browser: Any, address: str) -> None:
    page, _ = opened(browser, address, 360, view="Understand")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    charts = page.locator("[data-testid=stPlotlyChart]:visible").all()
    assert len(charts) == 4
    for chart in charts:
        assert clipped_labels(chart) == []
    assert violations(page) == []
    page.close()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_no_page_keeps_anyone_out(browser: Any, address: str, dark: bool) -> None:
    """axe-core finds nothing serious or critical on any page."""
    page, _ = opened(browser, address, dark=dark)
    assert violations(page) == [], "Headline"
    for view in ("Build a policy", "Compare", "Understand", "One firm", "What is assumed"):
        page.get_by_role("tab", name=view).click()
        settle(page)
        assert violations(page) == [], view
    page.close()


def test_a_policy_is_previewed_run_and_taken_away(
    browser: Any, address: str, tmp_path: Path
) -> None:
    page, asked = opened(browser, address, view="Build a policy")
    playwright.expect(page.get_by_text("Estimate, not a run")).to_be_visible(timeout=30_000)
    small(page)
    playwright.expect(page.locator("[data-testid=stProgress]")).to_have_count(0)
    press(page, "Apply")
    finished(page)
    playwright.expect(page.get_by_text("n = 2 replicates of 1,000 firms").first).to_be_visible()
    playwright.expect(page.get_by_text("Estimate, not a run")).to_have_count(0)
    details = page.locator("summary:visible", has_text="Table, description, files").first
    details.click()
    for ending in ("csv", "json", "svg", "png"):
        with page.expect_download() as download:
            press(page, ending.upper())
        path = tmp_path / download.value.suggested_filename
        download.value.save_as(path)
        assert path.suffix == f".{ending}"
        hashes = re.findall(r"[0-9a-f]{64}", str(provenance_of(path)))
        assert hashes, "the file carries the hash of its scenario"
    with page.expect_download() as download:
        press(page, "Scenario file (YAML)")
    text = download.value.path().read_text(encoding="utf-8")
    assert text.startswith("title: Variant of eu-restrictive")

    # The address now holds the policy: whoever opens it finds the form as it was.
    link = page.url
    assert "start=eu-restrictive" in link
    other = browser.new_page()
    other.goto(link)
    other.wait_for_selector("h1")
    settle(other)
    other.get_by_text("Size of the run").locator("visible=true").first.click()
    playwright.expect(other.get_by_label("Firms (rows)", exact=True).first).to_have_value("1000")
    # The same request again, from another session: its answer is kept, no run starts.
    press(other, "Apply")
    playwright.expect(other.locator("h2:visible", has_text="Variant of")).to_be_visible()
    other.close()

    press(page, "Make the brief (PDF)")
    finished(page)
    with page.expect_download() as download:
        press(page, "Download the brief (PDF)")
    assert download.value.path().read_bytes().startswith(b"%PDF")
    assert outside(asked) == []
    page.close()


def test_cancel_frees_the_processor_and_nobody_waits(browser: Any, address: str) -> None:
    page, _ = opened(browser, address, view="Build a policy", rows="300000", econsim="0.1.0")
    ours = psutil.Process(os.getpid())
    before = {p.pid for p in ours.children(recursive=True)}
    press(page, "Apply")
    cancel = page.get_by_role("button", name="Cancel the run")
    cancel.wait_for(timeout=15_000)

    # Another session is served meanwhile.
    other, _ = opened(browser, address, region="US")
    playwright.expect(other.locator("h2:visible").first).to_contain_text("US,")
    other.close()
    playwright.expect(cancel).to_be_visible()
    runs = [p for p in ours.children(recursive=True) if p.pid not in before]
    runs = [p for p in runs if "multiprocessing.spawn" in command_of(p)]
    assert runs, "the run has a process of its own"
    cancel.click()
    page.get_by_text("The run was cancelled.").wait_for(timeout=15_000)
    _, left = psutil.wait_procs(runs, timeout=1.0)
    assert not left, "every process of the run is gone within a second"
    playwright.expect(page.get_by_role("button", name="Apply")).to_be_enabled()
    page.close()


def test_the_main_task_needs_no_mouse(browser: Any, address: str) -> None:
    """Open, go to the form, change a value, apply, read the result: with the keyboard alone."""
    page, _ = opened(browser, address, rows="1000", n="2", grid="false", econsim="0.1.0")

    def until(selector: str) -> None:
        """Tab on until the focus is there."""
        for _ in range(120):
            page.keyboard.press("Tab")
            if page.evaluate(f"document.activeElement.matches({selector!r})"):
                return
        raise AssertionError(f"the keyboard does not reach {selector}")

    until("[role=tab]")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    settle(page)
    playwright.expect(page.get_by_role("tab", name="Build a policy")).to_have_attribute(
        "aria-selected", "true"
    )
    until("[aria-label^='Reentry share']")
    page.keyboard.press("ArrowLeft")
    settle(page)
    until(".st-key-apply button")
    page.keyboard.press("Enter")
    found = page.locator("h2:visible", has_text="Variant of eu-restrictive")
    playwright.expect(found).to_be_visible(timeout=60_000)
    page.close()


def test_a_bad_link_is_told_and_harms_nothing(browser: Any, address: str) -> None:
    page, _ = opened(browser, address, start="eu-restrictve", econsim="0.1.0")
    alert = page.get_by_role("alert").filter(has_text="The link is not accepted")
    playwright.expect(alert).to_contain_text("eu-restrictive")
    playwright.expect(page.locator("h2:visible").first).to_contain_text("EU,")
    assert "start=" not in page.url
    page.close()


def test_the_region_is_in_the_address(browser: Any, address: str) -> None:
    page, _ = opened(browser, address, region="US")
    playwright.expect(page.locator("h2:visible").first).to_contain_text("US,")
    page.get_by_text("EU", exact=True).click()
    playwright.expect(page.locator("h2:visible").first).to_contain_text("EU,")
    limit = time.monotonic() + 10.0
    while "region=US" in page.url and time.monotonic() < limit:
        page.wait_for_timeout(100)
    assert "region=US" not in page.url
    page.close()
