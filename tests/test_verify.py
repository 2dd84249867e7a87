"""A file is what its own provenance makes anew, or what differs is named."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import BAN, build_scenario
from test_findings import call

import econsim
from econsim import brief, data, figures, results, scenario, verification
from econsim import parameters as registry
from econsim.brief import archives
from econsim.experiments.simulation import simulate
from econsim.figures import export
from econsim.results import ResultsError, compare
from econsim.scenario import Run, Scenario


def short(name: str) -> Scenario:
    """A shipped scenario to the end of 2028."""
    found = scenario.load(name)
    run = {**found.run.model_dump(), "horizon": ("2021-01", "2028-12")}
    return found.with_changes(run=Run(**run))


def written(pair: tuple[Scenario, Scenario], place: Path) -> Path:
    """A short brief, its tables, one figure and the archive, of small runs."""
    base, acted = pair
    baseline, other = simulate(base, acted, rows=1000, replicates=2, seed=3, workers=1)
    evidence = brief.gather(compare(other, baseline), (), (acted, base), "econsim brief")
    document = brief.of_comparison(evidence, long=False)
    brief.write([document], place, brief.FORMATS, evidence)
    evidence.figures[0].save(place, ("svg", "png", "json"))
    again = results.load(results.save([baseline, other], place / "results"))
    figures.gdp_effect(compare(again[1], again[0])).save(place, ("svg",))
    files = dict(brief.files([document], ("html", "csv")))
    small = replace(evidence, figures=())
    (place / "archive.zip").write_bytes(archives.crate([document], files, small))
    return place


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files about two shipped scenarios."""
    pair = (short("eu-diverse"), short("eu-restrictive"))
    return written(pair, tmp_path_factory.mktemp("shipped"))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files about two scenarios that nobody ships."""
    size: dict[str, Any] = {"last": "2023-12"}
    changed = {"parameters": {"choice.lambda": 0.4}}
    base = build_scenario(name="mine", **size, **changed)
    instruments = (
        {"open_release_ban": {"from": "2022-01", **BAN}},
        {"term": "open.compliance_cost", "add": 500, "unit": "EUR/firm/year", "from": "2022-06",
         "where": {"size_class": ["0-9"]}},
    )  # fmt: skip
    acted = build_scenario("EU27", *instruments, name="theirs", **size, **changed)
    return written((base, acted), tmp_path_factory.mktemp("own"))


# --- MATCH --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["brief.pdf", "tables/headline.csv", "adoption_by_size.svg", "gdp_effect.svg", "archive.zip"],
)
def test_an_untouched_file_matches(
    name: str, shipped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = call(capsys, "verify", str(shipped / name))
    assert code == 0
    assert out.startswith("MATCH")


@pytest.mark.parametrize("name", ["brief.html", "iamc.xlsx", "adoption_by_size.json"])
def test_scenarios_of_ones_own_are_rebuilt_from_the_file_alone(name: str, own: Path) -> None:
    verdict = verification.verify(own / name)
    assert verdict.differences == ()
    assert "2 replicates of 1,000 firms" in verdict.rebuilt


def test_every_shipped_scenario_survives_the_way_through_a_file() -> None:
    for name in scenario.shipped():
        if name == "common":
            continue
        given = scenario.load(name)
        text = verification.as_file(given.canonical(), given.title, given.overrides)
        assert scenario.loads(text, name).hash() == given.hash(), name


# --- MISMATCH -----------------------------------------------------------------------------------


def edited(path: Path, place: Path, change: Callable[[bytes], bytes]) -> Path:
    copy = place / path.name
    raw = path.read_bytes()
    content = change(raw)
    assert content != raw
    copy.write_bytes(content)
    return copy


def test_one_changed_digit_is_found_and_named(
    own: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def digit(raw: bytes) -> bytes:
        place = raw.rindex(b"GDP,")
        found = re.compile(rb"\d").search(raw, raw.index(b"prices of 2024", place) + 16)
        assert found is not None
        new = b"1" if found[0] != b"1" else b"2"
        return raw[: found.start()] + new + raw[found.end() :]

    file = edited(own / "tables" / "headline.csv", tmp_path, digit)
    code, out, _ = call(capsys, "verify", str(file))
    assert code == 4
    assert out.startswith("MISMATCH")
    assert re.search(r"content, line \d+: '.*' in the file, '.*' made anew", out)


def test_changed_words_in_a_page_and_bytes_in_a_pdf_are_found(own: Path, tmp_path: Path) -> None:
    page = edited(own / "brief.html", tmp_path, lambda raw: raw.replace(b"lower", b"upper", 1)
                  if b"lower" in raw else raw.replace(b"clear", b"plain", 1))  # fmt: skip
    assert any("made anew" in d for d in verification.verify(page).differences)
    pdf = edited(own / "brief.pdf", tmp_path, lambda raw: raw.replace(b"/Lang", b"/Lbng", 1))
    assert any(re.search(r"byte [\d,]+ differs", d) for d in verification.verify(pdf).differences)


def test_a_changed_file_in_an_archive_is_named(own: Path, tmp_path: Path) -> None:
    copy = tmp_path / "archive.zip"
    with zipfile.ZipFile(own / "archive.zip") as given, zipfile.ZipFile(copy, "w") as made:
        for name in given.namelist():
            content = given.read(name)
            made.writestr(name, content.replace(b"2024", b"2025", 1) if name == "data/macro.csv"
                          else content)  # fmt: skip
    verdict = verification.verify(copy)
    assert verdict.differences == ("'data/macro.csv' is not the file that the archive lists",)


def test_a_damaged_archive_is_refused(own: Path, tmp_path: Path) -> None:
    carried = json.dumps(export.provenance_of(own / "brief.html"))
    described = {"@graph": [{"econsimProvenance": carried}, {"sha256": "of nothing"}]}
    place = tmp_path / "archive.zip"
    with zipfile.ZipFile(place, "w") as made:
        made.writestr("ro-crate-metadata.json", json.dumps(described))
    with pytest.raises(ResultsError, match="damaged"):
        verification.verify(place)


def test_a_changed_default_is_named(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = replace(registry.UNCERTAINTIES["benefit.saving"], default=0.31)
    monkeypatch.setitem(registry.UNCERTAINTIES, "benefit.saving", changed)
    verdict = verification.verify(shipped / "tables" / "headline.csv")
    assert verdict.differences == (
        "default of parameter 'benefit.saving': 0.27 in the file, 0.31 here",
    )


def test_a_changed_byte_of_a_table_is_named(
    own: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    copy = tmp_path / "data"
    shutil.copytree(Path(data.__file__).parent / "data", copy)
    place = copy / "macro.csv"
    raw = place.read_bytes()
    place.write_bytes(raw.replace(b"Eurostat", b"Eurostut", 1))
    here, whole = data.digests(copy), data.digest(copy)
    monkeypatch.setattr(data, "digests", lambda: here)
    monkeypatch.setattr(data, "digest", lambda: whole)
    verdict = verification.verify(own / "brief.html")
    assert verdict.differences == ("data table 'macro': its content is not that of the file's",)


def test_a_changed_scenario_file_is_named_by_its_key(
    shipped: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    copy = tmp_path / "scenarios"
    shutil.copytree(scenario.folder(), copy)
    place = copy / "eu-restrictive.yaml"
    text = place.read_text(encoding="utf-8").replace("reentry_share: 0.5", "reentry_share: 0.6")
    place.write_text(text, encoding="utf-8")
    monkeypatch.setattr(scenario, "folder", lambda: copy)
    verdict = verification.verify(shipped / "brief.pdf")
    assert verdict.differences == (
        "scenario 'eu-restrictive', instruments[1].reentry_share: 0.5 in the file, 0.6 here",
    )


def test_another_version_is_named(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(econsim, "__version__", "9.9.9", raising=False)
    verdict = verification.verify(own / "brief.html")
    assert verdict.differences == ("version: made by econsim 0.1.0, here 9.9.9",)


# --- Files that cannot be followed ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.pdf", b"%PDF-1.7 nothing"),
        ("a.html", b"<html></html>"),
        ("a.csv", b"x,y\n1,2\n"),
        ("a.csv", b"# econsim provenance: {broken\nx\n"),
        ("a.xlsx", b"PK\x03\x04 not a zip"),
        ("a.zip", b""),
        ("a.json", b"[[[[1]]]]"),
        ("a.docx", b""),
    ],
)
def test_a_foreign_or_damaged_file_is_refused_in_one_line(
    name: str, content: bytes, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    place = tmp_path / name
    place.write_bytes(content)
    code, _, errors = call(capsys, "verify", str(place))
    assert code == 2
    assert len(errors.strip().splitlines()) == 1
    assert name in errors


def test_a_file_that_is_not_there_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, _, errors = call(capsys, "verify", str(tmp_path / "none.pdf"))
    assert code == 5
    assert "none.pdf" in errors


def first_result(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda given: given["results"][0].update(changes)


@pytest.mark.parametrize(
    "change",
    [
        lambda given: given.update(extra=1),
        lambda given: given["made_by"].update(kind="command", command="rm -rf /"),
        lambda given: given["made_by"].update(file="../../outside"),
        lambda given: given.update(results=[]),
        lambda given: given["results"].append(dict(given["results"][0])),
        lambda given: given["scenarios"]["mine"].update(region="Moon"),
        lambda given: given["scenarios"]["mine"]["instruments"].append({"kind": "Path"}),
        lambda given: given["scenarios"].pop("mine"),
        first_result(scenario="../../etc/passwd"),
        first_result(rows="many"),
        first_result(rows=5),
        first_result(seeds=[1, 2]),
        first_result(seeds=[]),
        first_result(months=10**9),
        first_result(parameters={"choice.lambda": "0.5"}),
        first_result(parameters={"no.such": 1.0}),
        first_result(parameters={"choice.lambda": 1e300}),
    ],
)
def test_hostile_provenance_is_refused(
    change: Callable[[dict[str, Any]], None], own: Path, tmp_path: Path
) -> None:
    file = own / "tables" / "headline.csv"
    given = json.loads(json.dumps(export.provenance_of(file)))
    change(given)
    _, _, rest = file.read_text(encoding="utf-8").partition("\n")
    place = tmp_path / "hostile.csv"
    place.write_text(f"{export.MARK}{json.dumps(given)}\n{rest}", encoding="utf-8")
    with pytest.raises(ResultsError) as refused:
        verification.verify(place)
    assert "\n" not in str(refused.value)


def test_provenance_without_end_is_refused(own: Path, tmp_path: Path) -> None:
    place = tmp_path / "deep.csv"
    place.write_text(f"{export.MARK}{'[' * 200_000}\nx\n", encoding="utf-8")
    with pytest.raises(ResultsError):
        verification.verify(place)
