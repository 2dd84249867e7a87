"""Figures on paper and in files: the same bytes, the same numbers, their provenance inside."""

from __future__ import annotations

import hashlib
import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import test_figures
import test_findings
from test_cli import call

from econsim import figures, results
from econsim.app import shipped
from econsim.experiments import simulation
from econsim.experiments.store import Store
from econsim.figures import Figure, export, paper
from econsim.results import ResultsError
from econsim.scenario import Scenario

FORMATS = export.FORMATS
#: A fixture: a store of a study with planted results.
fill = test_findings.fill


@pytest.fixture(scope="module")
def figure() -> Figure:
    return test_figures.every_figure()[1]


@pytest.fixture(scope="module")
def folder(figure: Figure, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("files")
    figure.save(place)
    return place


# --- Bytes ----------------------------------------------------------------------------------------


def test_every_file_is_the_same_when_made_twice(figure: Figure, folder: Path) -> None:
    again = test_figures.every_figure()[1].files()
    assert set(again) == set(FORMATS)
    for kind, content in again.items():
        assert content == (folder / f"{figure.name}.{kind}").read_bytes(), kind
    panels = replace(figure, panels=test_figures.every_panel(), columns=2)
    assert panels.files() == panels.files()


#: Draws a figure in an empty world and prints the digest of each file.
_ALONE = """
import hashlib, sys
from pathlib import Path
from econsim.figures import Figure
figure = Figure.from_json(Path(sys.argv[1]).read_text(encoding="utf-8"))
for kind, content in figure.files().items():
    print(kind, hashlib.sha256(content).hexdigest())
assert "matplotlib.pyplot" not in sys.modules
"""


def test_a_bare_machine_makes_the_same_files(figure: Figure, folder: Path, tmp_path: Path) -> None:
    """No browser, no network, no font of the system, no settings: the same bytes."""
    home = tmp_path / "home"
    settings = home / ".config" / "matplotlib"
    settings.mkdir(parents=True)
    # Somebody's own taste must not show.
    (settings / "matplotlibrc").write_text(
        "lines.linewidth: 9\naxes.facecolor: red\nsvg.fonttype: none\n"
    )
    (tmp_path / "fonts.conf").write_text("<fontconfig></fontconfig>")
    kept = {k: v for k, v in os.environ.items() if k in ("SYSTEMROOT", "LD_LIBRARY_PATH")}
    done = subprocess.run(
        [sys.executable, "-c", _ALONE, str(folder / f"{figure.name}.json")],
        env={
            **kept, "PATH": "", "HOME": str(home), "MPLCONFIGDIR": str(settings),
            "FONTCONFIG_FILE": str(tmp_path / "fonts.conf"), "http_proxy": "http://127.0.0.1:1",
            "PYTHONPATH": str(Path(figures.__file__).resolve().parents[2]),
        },
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = dict(line.split() for line in done.stdout.splitlines())
    for kind in FORMATS:
        content = (folder / f"{figure.name}.{kind}").read_bytes()
        assert made[kind] == hashlib.sha256(content).hexdigest(), kind


def test_drawing_leaves_no_settings_behind(figure: Figure) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    figure.files(("png",))
    assert dict(matplotlib.rcParams) == before


# --- Sheets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [paper.FULL, paper.HALF])
def test_sheets_have_their_millimetres(figure: Figure, width: float) -> None:
    made = figure.files(("svg", "png", "pdf"), width)
    (points,) = re.findall(r'<svg [^>]*width="([\d.]+)pt"', made["svg"].decode())
    assert float(points) * 25.4 / 72 == pytest.approx(width, abs=0.01)
    across = int.from_bytes(made["png"][16:20], "big")
    assert across == pytest.approx(width / 25.4 * 300, abs=1)
    (box,) = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+)", made["pdf"])
    assert float(box) * 25.4 / 72 == pytest.approx(width, abs=0.01)


def test_words_that_are_too_long_are_folded_within_the_sheet(figure: Figure) -> None:
    words = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft " * 3
    sheet = paper.measure(replace(figure, title=words, source=words), paper.HALF)
    shown = "".join(w.text for w in sheet.words)
    assert words.split(maxsplit=1)[0] in shown.replace(" ", "")
    assert all(w.box[2] <= sheet.width for w in sheet.words)


def test_svg_draws_the_data(figure: Figure) -> None:
    """The line in the file has the shape of the drawn means."""
    svg = figure.svg()
    (path,) = re.findall(r'<g id="Difference">\s*<path d="([^"]+)"', svg)
    heights = np.array([float(y) for y in re.findall(r"[ML] [\d.]+ ([\d.]+)", path)])
    means = figure.data.loc[figure.data["frequency"] == "month", "mean"].to_numpy()
    assert len(heights) == len(means)
    slope, start = np.polyfit(means, heights, 1)
    assert slope < 0
    assert heights == pytest.approx(start + slope * means, abs=1e-3)


def test_words_in_svg_need_no_font_and_are_read_aloud(figure: Figure) -> None:
    svg = figure.svg()
    assert "<text" not in svg and "font-family" not in svg
    assert 'role="img" aria-labelledby="figure-title figure-words"' in svg
    assert f'<desc id="figure-words">{figure.alt}</desc>' in svg
    # Nothing is loaded from anywhere: the only addresses are names of formats.
    assert set(re.findall(r'"(https?://[^"]+)"', svg)) <= {
        "http://www.w3.org/1999/xlink", "http://www.w3.org/2000/svg",
    }  # fmt: skip


def test_pdf_has_its_font_its_title_and_its_words(folder: Path, figure: Figure) -> None:
    import pypdf

    reader = pypdf.PdfReader(folder / f"{figure.name}.pdf")
    (page,) = reader.pages
    assert reader.metadata is not None
    assert (reader.metadata.title, reader.metadata.subject) == (figure.title, figure.alt)
    assert "/CreationDate" not in reader.metadata
    fonts = [f.get_object() for f in page["/Resources"]["/Font"].values()]
    for font in fonts:
        assert font["/Subtype"] == "/Type0"  # TrueType inside, not shapes
        descriptor = font["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
        assert "/FontFile2" in descriptor
    text = " ".join(page.extract_text().split())
    for words in (figure.title, figure.source):
        assert words in text


class _Page(html.parser.HTMLParser):
    """What a page holds."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.scopes: list[str | None] = []
        self.loads: list[str] = []
        self.rows = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.rows += tag == "tr"
        if tag == "th":
            self.scopes.append(given.get("scope"))
        self.loads += [v for k, v in attrs if k in ("src", "href", "xlink:href", "data") and v]
        if tag == "script":
            assert given.get("type") == "application/json"


def test_the_page_needs_nothing_and_has_a_real_table(folder: Path, figure: Figure) -> None:
    text = (folder / f"{figure.name}.html").read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert all(v.startswith("#") for v in page.loads)
    assert {"svg", "table", "caption", "thead", "h1", "figcaption", "title"} <= set(page.tags)
    assert page.scopes and set(page.scopes) == {"col"}
    # One row for each December, the year, its share of GDP, and the header.
    assert page.rows == 4 + 1 + 1 + 1
    for words in (figure.alt, figure.subtitle, figure.note, figure.source):
        assert words in text
    assert "lang=" in text and 'role="img"' in text


def test_words_cannot_break_out_of_a_file(figure: Figure) -> None:
    words = "</script><script>alert(1)</script> & <b>\"' \\ ( )"
    bad = replace(figure, title=words, alt=f"{words} {figure.alt}", provenance={
        **figure.provenance, "results": [{"scenario": words}],
    })  # fmt: skip
    made = bad.files()
    for kind in ("svg", "html"):
        assert b"<script>alert" not in made[kind] and b"<b>" not in made[kind]
    again = Figure.from_json(made["json"].decode("utf-8"))
    assert again.title == words


# --- Provenance -----------------------------------------------------------------------------------


def test_every_file_carries_what_it_was_made_from(folder: Path, figure: Figure) -> None:
    for kind in FORMATS:
        found = export.provenance_of(folder / f"{figure.name}.{kind}")
        made = found.pop("made_by")
        assert (made["kind"], made["figure"]) == ("figure", "gdp_effect")
        assert made["file"] == f"gdp_effect.{kind}"
        if kind != "json":
            assert found.pop("drawn") == figure.digest()
        assert found == json.loads(json.dumps(figure.provenance))
        for entry in found["results"]:
            assert {"scenario", "scenario_hash", "seeds", "rows", "months", "data_hash"} <= set(
                entry
            )


def test_definitions_of_scenarios_stand_once() -> None:
    base = test_figures.result("base", "Base", definition={"values": {}}, data_tables={"a": "1"})
    ban = test_figures.result("ban", "Ban", definition={"values": {"x": 1}}, data_tables={"a": "1"})
    found = figures.provenance(base, ban, base, year=2024)
    assert found["scenarios"] == {"base": {"values": {}}, "ban": {"values": {"x": 1}}}
    assert found["data_tables"] == {"a": "1"} and found["arguments"] == {"year": 2024}
    assert all("definition" not in entry for entry in found["results"])


def test_the_digest_is_of_everything_that_is_seen(figure: Figure) -> None:
    data = figure.data.copy()
    data.loc[0, "mean"] += 1e-12
    for other in (
        replace(figure, data=data),
        replace(figure, title=f"{figure.title}."),
        replace(figure, panels=(replace(figure.panels[0], height=321.0),)),
    ):
        assert other.digest() != figure.digest()
    assert Figure.from_json(figure.json()).digest() == figure.digest()


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_without_provenance_or_with_a_broken_one_is_refused(
    kind: str, folder: Path, figure: Figure, tmp_path: Path
) -> None:
    whole = (folder / f"{figure.name}.{kind}").read_bytes()
    bad = tmp_path / f"bad.{kind}"
    for content in (
        b"",
        b"nothing",
        whole[: len(whole) // 400],
        b"\x89PNG\r\n\x1a\n" + b"\xff" * 40,
    ):
        bad.write_bytes(content)
        with pytest.raises(ResultsError):
            export.provenance_of(bad)
    broken = whole.replace(b"made_by", b"made_bx")
    assert broken != whole
    bad.write_bytes(broken)
    with pytest.raises(ResultsError):
        export.provenance_of(bad)


def test_other_kinds_of_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(b"")
    with pytest.raises(ResultsError, match="none of"):
        export.provenance_of(tmp_path / "a.docx")
    with pytest.raises(FileNotFoundError):
        export.provenance_of(tmp_path / "a.csv")


# --- Folders --------------------------------------------------------------------------------------


def test_only_the_same_figure_of_the_same_scenarios_is_replaced(
    figure: Figure, tmp_path: Path
) -> None:
    first = figure.save(tmp_path, ("csv", "json"))
    assert [p.name for p in first] == ["gdp_effect.csv", "gdp_effect.json"]
    assert figure.save(tmp_path, ("csv",)) == first[:1]
    other = figures.gdp_effect(
        [test_figures.result("base", "Base"), test_figures.result("cap", "Cap", gdp_change=1.0)]
    )
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(ResultsError, match="shows scenarios ban, base"):
        other.save(tmp_path, ("svg", "csv"))
    (tmp_path / "gdp_effect.svg").write_text("<svg>mine</svg>")
    with pytest.raises(ResultsError, match="did not write"):
        figure.save(tmp_path)
    (tmp_path / "gdp_effect.svg").unlink()
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    with pytest.raises(ResultsError, match="a file, not a folder"):
        figure.save(tmp_path / "gdp_effect.csv")


def test_nothing_half_written_is_left(
    figure: Figure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        figure.save(tmp_path, ("csv",))
    assert list(tmp_path.iterdir()) == []


# --- The command ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of results: a baseline and two policies."""
    pair = test_figures.pair(use_change=-2.0, gdp_change=-3.0, noise=0.05)
    cap = test_figures.result("cap", "Cap", use_change=1.0, gdp_change=2.0, noise=0.05)
    return results.save([pair.b, pair.a, cap], tmp_path_factory.mktemp("runs") / "stored")


def test_the_command_draws_what_results_allow_and_names_the_rest(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    code, shown, _ = call(
        capsys, "figures", str(stored), "--out", str(out), "--format", "svg,csv", "--json"
    )
    assert code == 0
    told = json.loads(shown)
    assert {p.name for p in out.iterdir()} == {"ban", "cap"}
    assert sorted(told["written"]) == sorted(str(p) for p in out.glob("*/*"))
    assert {"ban/gdp_effect.svg", "cap/adoption_by_size.csv"} <= {
        p.relative_to(out).as_posix() for p in out.glob("*/*")
    }
    assert "not recorded" in told["not_drawn"]["ban/sovereignty"]
    assert export.provenance_of(out / "cap" / "gdp_effect.svg")["n"] == 5


def test_the_command_draws_the_results_that_come_with_econsim(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    code, shown, _ = call(
        capsys, "figures", "--region", "US", "--only", "gdp_effect", "--half", "--out", out
    )
    assert code == 0 and "US, restrictive ecosystem" in shown
    assert {p.name for p in Path(out).iterdir()} == {f"gdp_effect.{f}" for f in FORMATS}
    table = pd.read_csv(Path(out) / "gdp_effect.csv", comment="#")
    assert table["unit"].notna().all() and len(table) > 100


def test_the_command_runs_two_scenarios_a_minus_b(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}

    def simulate(*scenarios: Scenario, **options: object) -> list[results.Results]:
        asked.update(names=[s.name for s in scenarios], **options)
        pair = test_figures.pair(gdp_change=-3.0, noise=0.05)
        return [pair.b, pair.a]

    monkeypatch.setattr(simulation, "simulate", simulate)
    code, shown, _ = call(
        capsys, "figures", "eu-restrictive", "eu-diverse", "--firms", "1000", "--seed", "3",
        "--only", "gdp_effect", "--format", "json", "--out", str(tmp_path),
    )  # fmt: skip
    assert code == 0 and "Ban: GDP EUR 3.0 billion a year lower" in shown
    # The baseline runs first.
    assert asked["names"] == ["eu-diverse", "eu-restrictive"]
    assert (asked["rows"], asked["seed"]) == (1000, 3)


def test_the_command_draws_what_a_study_found(
    fill: Callable[..., Store], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    axes = {"choice.lambda": [0.25, 0.75]}
    study = {
        "uncertainties": [{"design": "grid", "values": axes}],
        "analysis": {"kind": "arms", "outcome": "gni"},
    }
    store = fill(test_findings.plain, leave_out=1, **study)
    out = str(tmp_path / "out")
    code, _, error = call(capsys, "figures", str(store.folder), "--out", out)
    assert code == 2 and "incomplete" in error and not Path(out).exists()
    code, shown, _ = call(
        capsys, "figures", str(store.folder), "--out", out, "--allow-incomplete", "--format", "svg"
    )
    assert code == 0 and "arms.{svg}" in shown
    made = export.provenance_of(tmp_path / "out" / "arms.svg")
    assert made["made_by"]["figure"] == "arms" and made["scenario_hashes"]


def test_the_command_draws_the_findings_that_come_with_econsim(
    figure: Figure, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    shutil.copytree(shipped.FOLDER / "US", tmp_path / "shipped" / "US")
    place = tmp_path / "shipped" / "US" / "findings"
    place.mkdir(exist_ok=True)
    found = replace(figure, name="reversal")
    (place / "reversal.json").write_text(found.json(), encoding="utf-8")
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "shipped")
    code, _, _ = call(
        capsys, "figures", "--region", "US", "--only", "reversal", "--format", "json",
        "--out", str(tmp_path / "out"),
    )  # fmt: skip
    assert code == 0
    drawn = (tmp_path / "out" / "reversal.json").read_text(encoding="utf-8")
    assert Figure.from_json(drawn).digest() == found.digest()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--format", "pgn"), 2, "did you mean 'png'"),
        (("--only", "gdp_efect"), 2, "did you mean 'gdp_effect'"),
        (("--only", "sovereignty"), 2, "cannot be drawn"),
    ],
)
def test_wrong_requests_are_one_clear_line(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...], code: int, message: str,
) -> None:  # fmt: skip
    out = tmp_path / "out"
    found, _, error = call(capsys, "figures", str(stored), "--out", str(out), *arguments)
    assert found == code
    assert message in error and len(error.splitlines()) == 1
    assert not out.exists()


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nowhere", "two scenarios, or one folder"),
        ("empty", "is not a run store"),
        ("older", "older|damaged"),
        ("damaged", "damaged"),
    ],
)
def test_places_that_hold_no_results_are_refused(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str, message: str
) -> None:
    folder = tmp_path / place
    if place != "nowhere":
        folder.mkdir()
    if place in ("older", "damaged"):
        (folder / "results.parquet").write_bytes((stored / "results.parquet").read_bytes())
        content = json.loads((stored / "manifest.json").read_text(encoding="utf-8"))
        if place == "older":
            content = {"results": content["results"]}  # before there was a version
        text = json.dumps(content)
        (folder / "manifest.json").write_text(text[: 300 if place == "damaged" else len(text)])
    code, _, error = call(capsys, "figures", str(folder), "--out", str(tmp_path / "out"))
    assert code == 2
    assert re.search(message, error) and len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_told_before_the_work(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (tmp_path / "file").write_text("")
    drawn: list[object] = []
    monkeypatch.setattr(figures, "of_comparison", lambda *a, **k: drawn.append(a))
    out = str(tmp_path / "file" / "out")
    code, _, error = call(capsys, "figures", str(stored), "--out", out)
    assert code == 5 and "the machine said no" in error
    assert drawn == []
