"""The real app in a real browser: it opens, asks no outside host, runs a policy, fits a phone."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    pytest.skip("Chromium is not installed", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api")

ROOT = Path(__file__).resolve().parent.parent
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots go: docs/screenshots when ECONSIM_SCREENSHOTS names it."""
    folder = Path(os.environ.get("ECONSIM_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app, served on this machine as ``econsim app`` serves it."""
    port = free_port()
    log = tmp_path_factory.mktemp("server") / "log.txt"
    command = [
        sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"),
        "--server.port", str(port), "--server.address", "127.0.0.1",
        "--server.headless", "true", "--browser.gatherUsageStats", "false",
    ]  # fmt: skip
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with log.open("w") as output:
        server = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output)
        try:
            limit = time.monotonic() + 30
            while True:
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < limit, "the server does not start"
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()
            server.wait(timeout=20)
    assert "Traceback" not in log.read_text(), log.read_text()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as run:
        window = run.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield window
        window.close()


def opened(browser: Any, address: str, width: int, height: int) -> tuple[Any, list[str]]:
    """A page of the app once it has settled, and every address it asked for."""
    page = browser.new_page(viewport={"width": width, "height": height})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.wait_for_selector(".js-plotly-plot .main-svg", timeout=60_000)
    page.wait_for_selector(IDLE)
    playwright.expect(page.locator(".js-plotly-plot:visible")).to_have_count(3, timeout=30_000)
    return page, asked


def outside(asked: list[str]) -> list[str]:
    return [u for u in asked if not re.match(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:", u)]


def whole(page: Any, width: int) -> int:
    """Make the window as tall as the page, so that a screenshot holds all of it."""
    page.wait_for_timeout(500)
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": height + 20})
    page.wait_for_timeout(700)
    return int(height)


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (360, 800)])
def test_first_view(browser: Any, address: str, pictures: Path, width: int, height: int) -> None:
    page, asked = opened(browser, address, width, height)
    headline = page.locator("h4:visible").first
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
    whole(page, width)
    picture = pictures / f"headline-{width}.png"
    page.screenshot(path=picture)
    assert picture.stat().st_size > 20_000
    page.set_viewport_size({"width": width, "height": height})
    for tab, name in (("Build a policy", "build"), ("What is assumed", "assumed")):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.screenshot(path=pictures / f"{name}-{width}.png")
    page.close()


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


def test_a_policy_runs_and_its_data_can_be_taken_away(
    browser: Any, address: str, pictures: Path
) -> None:
    page, asked = opened(browser, address, 1280, 900)
    page.get_by_role("tab", name="Build a policy").click()
    page.get_by_text("Size of the run").click()
    for_show = "ECONSIM_SCREENSHOTS" in os.environ
    size = ("5000", "10") if for_show else ("1000", "2")
    for label, value in zip(("Firms (rows)", "Replicates"), size, strict=True):
        field = page.get_by_label(label, exact=True)
        field.fill(value)
        field.press("Enter")
        page.wait_for_selector(IDLE)
    page.get_by_text("Also over λ and the open share").click()
    page.wait_for_selector(IDLE)
    playwright.expect(page.locator("[data-testid=stProgress]")).to_have_count(0)
    page.get_by_role("button", name="Apply").click()
    playwright.expect(page.locator("[data-testid=stProgress]")).to_be_visible(timeout=15_000)
    found = page.locator("h4:visible", has_text="Variant of eu-restrictive")
    playwright.expect(found).to_be_visible(timeout=120_000 if for_show else 60_000)
    playwright.expect(page.locator("[data-testid=stProgress]")).to_have_count(0)
    details = page.locator("summary:visible", has_text="Data, description and source").first
    details.click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Data (CSV)").locator("visible=true").first.click()
    table = download.value.path().read_text(encoding="utf-8")
    details.click()
    whole(page, 1280)
    page.screenshot(path=pictures / "policy-1280.png")
    assert table.startswith("panel,scenario,outcome,size_class,unit,period,mean,low,high,n")
    assert outside(asked) == []
    page.close()


def test_the_region_is_in_the_address(browser: Any, address: str) -> None:
    page, _ = opened(browser, f"{address}?region=US", 1280, 900)
    playwright.expect(page.locator("h4:visible").first).to_contain_text("US,")
    page.get_by_text("EU", exact=True).click()
    playwright.expect(page.locator("h4:visible").first).to_contain_text("EU,")
    page.wait_for_selector(IDLE)
    assert "region=US" not in page.url
    page.close()
