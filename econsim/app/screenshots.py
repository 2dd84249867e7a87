"""The app in a real browser: screenshots of every view, and how long things take.

``python -m econsim.app.screenshots`` writes ``docs/screenshots/*.png`` at desktop and telephone
width, in light and dark, and says how long the first view, a preview, a repeated request and a
cancelled run take.  It needs playwright and a Chromium on this machine.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import econsim

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parent.parent.parent
#: Where the pictures go.
FOLDER = ROOT / "docs" / "screenshots"
#: Widths of a window: a desktop's and a telephone's.
WIDTHS = {1280: 900, 360: 800}
#: Views to look at: name of the picture, query of the page.
PICTURES: dict[str, dict[str, Any]] = {
    "headline": {},
    "headline-us": {"region": "US"},
    "build": {"view": "Build a policy"},
    "compare": {
        "view": "Compare",
        "econsim": econsim.__version__,
        "compare": "eu-diverse,eu-restrictive,eu-skills,eu-adoption-voucher",
        "base": "eu-diverse",
    },
    "understand": {"view": "Understand"},
    "firm": {"view": "One firm"},
    "assumed": {"view": "What is assumed"},
}
#: Query of a page whose policy runs quickly.
SMALL: dict[str, Any] = {
    "view": "Build a policy",
    "econsim": econsim.__version__,
    "start": "eu-restrictive",
    "rows": "1000",
    "n": "2",
    "grid": "false",
}
#: A page whose script has ended.
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"


def chromium() -> str | None:
    """The browser of this machine, if there is one."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def served(log: Path) -> Iterator[str]:
    """The app as ``econsim app`` serves it, on a free port of this machine; gives its address.

    Args:
        log: file for what the server says.

    Raises:
        RuntimeError: it does not start.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [
        sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"),
        "--server.port", str(port), "--server.address", "127.0.0.1",
        "--server.headless", "true", "--browser.gatherUsageStats", "false",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with log.open("w", encoding="utf-8") as output:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
        try:
            limit = time.monotonic() + 60.0
            while True:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                if server.poll() is not None or time.monotonic() > limit:
                    raise RuntimeError(f"the server does not start: {log.read_text('utf-8')}")
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()
            server.wait(timeout=20)


@contextmanager
def window() -> Iterator[Any]:
    """A browser without a screen.

    Raises:
        RuntimeError: there is none on this machine.
    """
    from playwright.sync_api import sync_playwright

    program = chromium()
    if program is None:
        raise RuntimeError("Chromium is not installed")
    with sync_playwright() as run:
        browser = run.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def opened(
    browser: Any, address: str, width: int = 1280, *, dark: bool = False, **query: str
) -> tuple[Any, list[str]]:
    """A page of the app once it has settled, and the list of every address it asks for.

    Args:
        browser: see :func:`window`.
        address: see :func:`served`.
        width: of the window, pixels.
        dark: whether the system prefers dark.
        query: of the page's address.
    """
    page = browser.new_page(
        viewport={"width": width, "height": WIDTHS.get(width, 900)},
        color_scheme="dark" if dark else "light",
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}?{urlencode(query)}" if query else address)
    page.wait_for_selector("h1", timeout=60_000)
    settle(page)
    return page, asked


def settle(page: Any) -> None:
    """Wait until the script has run and charts are drawn."""
    page.wait_for_selector(IDLE, timeout=60_000)
    page.wait_for_timeout(250)
    page.wait_for_selector(IDLE, timeout=60_000)
    charts = page.locator("[data-testid=stPlotlyChart]:visible")
    for number in range(charts.count()):
        charts.nth(number).locator(".main-svg").first.wait_for(timeout=30_000)


def outside(asked: list[str]) -> list[str]:
    """Those addresses that are not of this machine."""
    return [u for u in asked if not re.match(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:", u)]


def picture(page: Any, path: Path, width: int) -> None:
    """A screenshot of the whole page, not only of what the window shows."""
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": int(height) + 20})
    page.wait_for_timeout(700)
    settle(page)  # charts that came into view are drawn now
    page.screenshot(path=path)
    page.set_viewport_size({"width": width, "height": WIDTHS.get(width, 900)})


def fill(page: Any, label: str, value: str) -> None:
    """Enter a value into a field of the view that is looked at."""
    field = page.get_by_label(label, exact=True).locator("visible=true").first
    field.fill(value)
    field.press("Enter")
    settle(page)


def press(page: Any, name: str) -> None:
    """Press a button of the view that is looked at."""
    page.get_by_role("button", name=name).locator("visible=true").first.click()


def finished(page: Any, seconds: float = 120.0) -> None:
    """Wait until a run has ended."""
    bar = page.locator("[data-testid=stProgress]")
    bar.first.wait_for(timeout=15_000)
    bar.first.wait_for(state="detached", timeout=1000.0 * seconds)
    settle(page)


# --- the command -----------------------------------------------------------------------------


def take(folder: Path) -> None:
    """Take every picture and measure what users wait for."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as place,
        served(Path(place) / "log.txt") as address,
        window() as browser,
    ):
        _timings(browser, address)
        for width in WIDTHS:
            for name, query in PICTURES.items():
                page, _ = opened(browser, address, width, **query)
                _act(page, name)
                picture(page, folder / f"{name}-{width}.png", width)
                page.close()
        for name in ("headline", "build"):
            page, _ = opened(browser, address, 1280, dark=True, **PICTURES[name])
            picture(page, folder / f"{name}-dark-1280.png", 1280)
            page.close()
    logger.info("pictures in %s", folder)


def _act(page: Any, name: str) -> None:
    """What must be done on a page before there is something to see."""
    if name == "compare":
        fill(page, "Replicates", "4")
        press(page, "Run the comparison")
    elif name == "firm":
        press(page, "Tell its story")
    else:
        return
    # Nothing has a heading on these pages before there is a result.
    page.locator("h2:visible").first.wait_for(timeout=300_000)
    settle(page)


def _seconds(act: Callable[[], Any]) -> float:
    """How long something takes."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def _timings(browser: Any, address: str) -> None:
    from streamlit.testing.v1 import AppTest

    session = AppTest.from_file(ROOT / "app.py", default_timeout=120)
    session.run()
    logger.info("first view, server script, warm: %.0f ms", 1e3 * _seconds(session.run))
    session = AppTest.from_file(ROOT / "app.py", default_timeout=120)
    for key, value in SMALL.items():
        session.query_params[key] = value
    session.run()
    session.button(key="apply").click().run()
    while "job" in session.session_state:
        time.sleep(0.2)
        session.run()
    again = session.button(key="apply").click()
    logger.info("the same request again, server script: %.0f ms", 1e3 * _seconds(again.run))
    for words in ("cold", "warm"):
        begun = time.perf_counter()
        page, _ = opened(browser, address)
        taken = time.perf_counter() - begun - 0.25
        logger.info("first view, browser, %s server: %.1f s", words, taken)
        page.close()
    page, _ = opened(browser, address, **SMALL)
    page.get_by_text("Estimate, not a run").wait_for(timeout=60_000)
    share = page.get_by_label("Reentry share").locator("visible=true").first
    begun = time.perf_counter()
    before = page.get_by_text("Estimate, not a run").inner_text()
    share.press("ArrowRight")
    page.wait_for_function(
        "before => ![...document.querySelectorAll('p')].some(p => p.innerText === before)",
        arg=before,
    )
    logger.info("preview after a move of a slider, browser: %.1f s", time.perf_counter() - begun)
    press(page, "Apply")
    finished(page)
    begun = time.perf_counter()
    press(page, "Apply")
    settle(page)
    logger.info("the same request again, browser: %.1f s", time.perf_counter() - begun - 0.25)
    page.get_by_text("Size of the run").locator("visible=true").first.click()
    fill(page, "Firms (rows)", "300000")
    press(page, "Apply")
    cancel = page.get_by_role("button", name="Cancel the run")
    cancel.wait_for(timeout=15_000)
    page.wait_for_timeout(3_000)
    begun = time.perf_counter()
    cancel.click()
    page.get_by_text("The run was cancelled.").wait_for(timeout=15_000)
    logger.info("cancel, until the page says so: %.1f s", time.perf_counter() - begun)
    page.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("streamlit").setLevel(logging.ERROR)
    take(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
