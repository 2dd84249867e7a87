"""Briefs say what the results say, in every form, and refuse to say anything else."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import test_findings
from conftest import BAN, build_scenario

from econsim import brief, figures, scenario
from econsim.brief import annex, archives, shipped, typesetting, webpage
from econsim.brief.content import Heading, Paragraph, Table
from econsim.brief.evidence import estimate_of
from econsim.experiments import headline, simulation
from econsim.experiments.store import Store
from econsim.results import Comparison, Results, compare, save
from econsim.scenario import Scenario

call = test_findings.call
#: Stores whose runs are made up.
fill = test_findings.fill


def changed(given: Results, gdp: np.ndarray | float) -> Results:
    """Results with GDP moved, each replicate by its own amount, from the fifth year on."""
    series = dict(given.series)
    after = (np.arange(given.months) >= 48)[None, :, None]
    series["gdp", "total"] = series["gdp", "total"] + np.reshape(gdp, (-1, 1, 1)) * after
    return replace(given, series=series)


def first(given: Results) -> Results:
    """Its first replicate alone."""
    series = {key: values[:1] for key, values in given.series.items()}
    return replace(given, series=series, manifest={**given.manifest, "seeds": [1_000_003]})


def scaled(comparison: Comparison, lambdas: tuple[float, ...] = (0.2, 0.8)) -> list[Any]:
    """Made-up points of the joint axes: the comparison itself everywhere."""
    return [headline.GridPoint(d, s, comparison) for d in lambdas for s in (0.05, 0.3)]


def ran(region: str) -> tuple[Scenario, Scenario, list[Results]]:
    """Both scenarios of a region, ban from 2025, and their results to 2026."""
    size: dict[str, Any] = {"last": "2026-12", "rows": 1000, "replicates": 3}
    base = build_scenario(region, name="base", **size)
    ban = {"open_release_ban": {"from": "2025-01", **BAN}}
    acted = build_scenario(region, ban, name="restrictive", **size)
    return base, acted, simulation.simulate(base, acted, workers=1)


@pytest.fixture(scope="module")
def evidence() -> brief.Evidence:
    """The EU's, with points."""
    base, acted, (baseline, other) = ran("EU27")
    comparison = compare(other, baseline)
    return brief.gather(
        comparison, scaled(comparison), (acted, base), "econsim brief a.yaml b.yaml"
    )


@pytest.fixture(scope="module")
def american() -> brief.Evidence:
    """That of the US, where firms without employees are a size class."""
    base, acted, (baseline, other) = ran("US")
    comparison = compare(other, baseline)
    return brief.Evidence(comparison, scaled(comparison), scenarios=(acted, base))


def documents(evidence: brief.Evidence) -> list[brief.Document]:
    return [
        brief.of_comparison(evidence, long=False),
        brief.of_comparison(evidence, long=True),
        brief.annex_of(evidence),
    ]


def kinds(evidence: brief.Evidence) -> dict[str, brief.Evidence]:
    """The same results made lower, higher, unclear, equal, a single run."""
    a, b = evidence.comparison.a, evidence.comparison.b
    base = changed(b, 0.0)
    made = {
        "lower": compare(changed(b, [-1e9, -1.1e9, -1.2e9]), base),
        "higher": compare(changed(b, [9e11, 9.1e11, 9.2e11]), base),
        "no clear": compare(changed(b, [-5e9, 5e9, 1e8]), base),
        "no difference": compare(b, b),
        "one run": compare(first(a), first(b)),
    }
    return {w: brief.Evidence(c, scaled(c) if w != "one run" else ()) for w, c in made.items()}


# --- Numbers ------------------------------------------------------------------------------------


def rederived(comparison: Comparison, label: str) -> float | None:
    """The value that a label names, computed anew from the results."""
    found = re.fullmatch(
        r"(difference|scenario|baseline) (\w+) (\d{4}) (\w+) (\S+) (mean|low|high|n)", label
    )
    if found is None:
        return None
    side, name, year, by, group, part = found.groups()
    value = estimate_of(comparison, side, name, int(year), None if by == "total" else by, group)
    return float(getattr(value, part))


def test_every_number_in_the_text_is_in_the_results(
    evidence: brief.Evidence, american: brief.Evidence
) -> None:
    for given in (evidence, american, *kinds(evidence).values()):
        for document in documents(given):
            assert brief.unfounded(document) == []
            checked = 0
            for quote in document.quotes:
                for label, value in quote.values.items():
                    anew = rederived(given.comparison, label)
                    if anew is not None:
                        assert value == anew, (label, quote.text)
                        checked += 1
            assert checked > 50


def test_a_number_of_nowhere_is_found(evidence: brief.Evidence) -> None:
    document = brief.of_comparison(evidence, long=False)
    for wrong in (
        (*document.blocks, Paragraph("GDP falls by 4.2 %.")),
        tuple(_another_number(b) for b in document.blocks),
    ):
        assert brief.unfounded(replace(document, blocks=wrong)) != []


def _another_number(block: Any) -> Any:
    """The same table with the digits of its numbers changed."""
    if not isinstance(block, Table):
        return block
    rows = [[re.sub(r"\d", lambda m: str(9 - int(m[0])), c) for c in row] for row in block.rows]
    return replace(block, rows=tuple(tuple(row) for row in rows))


def test_a_brief_with_a_number_of_nowhere_is_not_made(
    evidence: brief.Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    from econsim.brief import sections

    monkeypatch.setattr(sections, "LIMITS", ("About 3 in 4 firms.",) * 6)
    with pytest.raises(brief.UnsoundError, match="numbers that are not in the results"):
        brief.of_comparison(evidence)


# --- Words --------------------------------------------------------------------------------------


def test_the_title_follows_sign_size_and_uncertainty(evidence: brief.Evidence) -> None:
    words, texts = ("lower", "higher", "no clear", "no difference"), {}
    for word, given in kinds(evidence).items():
        made = brief.of_comparison(given, long=False)
        texts[word] = " ".join(made.texts())
        if word in words:
            assert [w for w in words if w in made.title] == [word]
        if word == "one run":
            assert "one run, no interval" in made.title
    assert "very small beside the whole economy" in texts["lower"]
    assert "large beside the whole economy" in texts["higher"]
    assert "whatever its sign" in texts["no clear"]
    assert "beside the whole economy" not in texts["no difference"]
    assert "One run only: no interval" in texts["one run"]
    assert "does not reverse at any of the 4 points" in texts["lower"]
    assert "no clear GDP effect that could reverse" in texts["no clear"]


def test_a_turn_of_sign_over_the_joint_axes_is_told(evidence: brief.Evidence) -> None:
    b = evidence.comparison.b
    main = compare(changed(b, [-5e9, -5.1e9, -5.2e9]), b)
    turned = compare(changed(b, [5e9, 5.1e9, 5.2e9]), b)
    points = [headline.GridPoint(0.2, 0.05, main), headline.GridPoint(0.8, 0.3, turned)]
    text = " ".join(brief.of_comparison(brief.Evidence(main, points)).texts())
    assert "the sign of the GDP effect changes within this range" in text
    assert "the other sign at lambda 0.8 with open share 0.3" in text


def test_every_section_is_there_and_nothing_forecasts(evidence: brief.Evidence) -> None:
    for long in (False, True):
        document = brief.of_comparison(evidence, long)
        headings = [b.text for b in document.blocks if isinstance(b, Heading)]
        for wanted in (
            "The question", "The headline in numbers", "Who gains and who loses",
            "The assumptions that decide", "When it reverses", "Beside published estimates",
            "Limits", "Data, sources, and how to reproduce",
        ):  # fmt: skip
            assert wanted in headings
        text = " ".join(document.texts())
        assert "The method in brief" in text
        assert "not a forecast" in text
        assert "will " not in re.sub("which scenario will come", "", text)


def test_what_results_do_not_hold_is_named(evidence: brief.Evidence) -> None:
    c = evidence.comparison
    kept = {
        k: v for k, v in c.a.series.items()
        if k[1] == "total" or (k[1] == "size_class" and k[0] in ("users", "firms"))
    }  # fmt: skip
    labels = {k: v for k, v in c.a.labels.items() if k in ("total", "size_class")}
    trimmed = [
        replace(r, series={k: r.series[k] for k in kept if k in r.series}, labels=labels)
        for r in (c.a, c.b)
    ]
    document = brief.of_comparison(brief.gather(compare(*trimmed)))
    assert "Contribution to GDP by size class" in document.missing
    assert "winners_and_losers" in document.missing
    assert any("winners and losers: " in t for t in document.texts())


def test_findings_are_shipped_for_the_headline_pair_alone(
    evidence: brief.Evidence, tmp_path: Path
) -> None:
    drawn = evidence.figures[0]
    region = evidence.comparison.a.manifest["region"]
    place = tmp_path / region / "findings"
    place.mkdir(parents=True)
    (place / "reversal.json").write_text(drawn.json(), encoding="utf-8")
    assert shipped.of_pair(evidence.comparison, tmp_path) == {}
    names = headline.PAIRS[region]
    a, b = (
        replace(r, scenario=n, manifest={**r.manifest, "scenario_hash": scenario.load(n).hash()})
        for r, n in ((evidence.comparison.a, names[1]), (evidence.comparison.b, names[0]))
    )
    found = shipped.of_pair(compare(a, b), tmp_path)
    assert found["reversal"].json() == drawn.json()
    document = brief.of_comparison(replace(evidence, findings=found))
    assert f"{drawn.title.rstrip('.')}." in document.texts()
    assert document.provenance["findings"] == {"reversal": drawn.digest()}
    # One that nobody foresaw is told as well; some are drawn.
    other = {"another": evidence.figures[1], "tornado": evidence.figures[0]}
    document = brief.of_comparison(replace(evidence, figures=(), findings=other))
    assert f"{other['another'].title.rstrip('.')}." in document.texts()
    assert document.figures() == [other["tornado"]]


# --- The annex ----------------------------------------------------------------------------------


def test_an_unfilled_heading_of_the_annex_fails(evidence: brief.Evidence) -> None:
    document = brief.annex_of(evidence)
    assert annex.unfilled(document) == []
    at = [i for i, b in enumerate(document.blocks) if isinstance(b, Heading)]
    for start, stop in zip(at, [*at[1:], len(document.blocks)], strict=True):
        heading = document.blocks[start]
        assert isinstance(heading, Heading)
        emptied = document.blocks[: start + 1] + document.blocks[stop:]
        with pytest.raises(brief.UnsoundError, match=re.escape(heading.text)):
            annex.check(replace(document, blocks=emptied))


def test_the_annex_has_the_sme_test_and_says_what_is_not_modelled(american: brief.Evidence) -> None:
    evidence = american
    document = brief.annex_of(evidence)
    texts = document.texts()
    for wanted in ("Baseline", "Policy options", "Affected parties", "Economic impacts",
                   "Social impacts", "Environmental impacts", "SME test: cost per firm by size",
                   "Sensitivity and uncertainty", "Limits of the evidence"):  # fmt: skip
        assert wanted in texts
    assert sum(t.startswith("Not modelled: ") and len(t) > 40 for t in texts) >= 3
    costs = next(t for t in document.tables() if t.name == "annex_cost_per_firm")
    sizes = evidence.comparison.a.labels["size_class"]
    assert len(costs.rows) == len(sizes)
    assert {r["unit"] for r in costs.records if "surplus" in r["column"]} == {
        f"{evidence.comparison.a.currency} per firm and year"
    }


# --- PDF and page -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def printed(evidence: brief.Evidence) -> list[tuple[brief.Document, bytes]]:
    """Short form, long form and annex with their PDFs."""
    return [(d, typesetting.pdf(d)) for d in documents(evidence)]


def test_the_pdf_is_tagged_titled_and_says_what_its_figures_show(
    printed: list[tuple[brief.Document, bytes]],
) -> None:
    pypdf = pytest.importorskip("pypdf")
    for document, content in printed:
        reader = pypdf.PdfReader(io.BytesIO(content))
        root = reader.trailer["/Root"]
        assert reader.metadata.title == document.title
        assert root["/Lang"] == "en"
        assert root["/MarkInfo"]["/Marked"]
        assert root["/ViewerPreferences"]["/DisplayDocTitle"]
        assert b"pdfuaid:part>1<" in root["/Metadata"].get_data()
        tags, alternatives = _structure(root["/StructTreeRoot"])
        assert {"/H1", "/P", "/Table", "/TH", "/TD", "/L"} <= tags
        drawn = [typesetting.alternative(f) for f in document.figures()]
        assert sorted(alternatives) == sorted(drawn)
        text = " ".join(page.extract_text() for page in reader.pages)
        assert "not a forecast" in " ".join(text.split())


def _structure(root: Any) -> tuple[set[str], list[str]]:
    """Kinds of elements in the structure tree, and alternative texts."""
    tags: set[str] = set()
    texts: list[str] = []
    waiting = [root]
    while waiting:
        node = waiting.pop()
        node = node.get_object() if hasattr(node, "get_object") else node
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            if "/S" in node:
                tags.add(str(node["/S"]))
                if "/Alt" in node:
                    texts.append(str(node["/Alt"]))
            if "/K" in node:
                waiting.append(node["/K"])
    return tags, texts


def test_two_pages_in_short_about_eight_in_long(
    printed: list[tuple[brief.Document, bytes]],
) -> None:
    pypdf = pytest.importorskip("pypdf")
    short, long, _ = (len(pypdf.PdfReader(io.BytesIO(c)).pages) for _, c in printed)
    assert short == 2
    assert 6 <= long <= 10


def test_equal_evidence_gives_equal_bytes(
    evidence: brief.Evidence, printed: list[tuple[brief.Document, bytes]]
) -> None:
    anew = documents(evidence)
    assert [typesetting.pdf(d) for d in anew] == [content for _, content in printed]
    one_figure = replace(evidence, figures=evidence.figures[:1])

    def made() -> dict[str, bytes]:
        document = brief.annex_of(one_figure)
        formats = ("html", "csv", "xlsx", "iamc")
        content = dict(brief.files([document], formats, evidence.comparison))
        return {**content, "archive.zip": archives.crate([document], content, one_figure)}

    first_time, second_time = made(), made()
    assert first_time.keys() == second_time.keys()
    assert [n for n in first_time if first_time[n] != second_time[n]] == []


class _Page(HTMLParser):
    """Elements of a page with their attributes, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_complete_in_itself_and_reads_aloud(evidence: brief.Evidence) -> None:
    document = brief.of_comparison(evidence)
    page = _Page()
    page.feed(webpage.html(document))
    tags = [tag for tag, _ in page.elements]
    assert tags.count("h1") == 1
    assert {"main", "header", "footer", "caption", "th"} <= set(tags)
    assert dict(page.elements)["html"]["lang"] == "en"
    links = [v for _, a in page.elements for k, v in a.items() if k in ("src", "href") and v]
    assert all(v.startswith("data:image/svg+xml;base64,") for v in links)
    assert [a["alt"] for t, a in page.elements if t == "img"] == [
        typesetting.alternative(f) for f in document.figures()
    ]
    for text in document.texts():
        assert text in page.text


def test_a_title_cannot_change_the_page(evidence: brief.Evidence) -> None:
    nasty = '<script>alert(1)</script> #import "x" $a$ \\ (end) “q”'
    c = evidence.comparison
    named = replace(c.a, manifest={**c.a.manifest, "title": nasty})
    document = brief.of_comparison(brief.gather(compare(named, c.b)), long=False)
    html = webpage.html(document)
    assert "<script>alert" not in html
    assert figures.export.CARRIER in html
    pypdf = pytest.importorskip("pypdf")
    reader = pypdf.PdfReader(io.BytesIO(typesetting.pdf(document)))
    assert nasty in " ".join(reader.pages[0].extract_text().split())


# --- Studies ------------------------------------------------------------------------------------


def test_a_study_is_briefed_and_says_when_it_is_incomplete(
    fill: Callable[..., Store], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    store = fill(
        test_findings.plain, analysis={"kind": "arms", "outcome": "gni"}, leave_out=1,
        uncertainties=[{"design": "grid", "values": {"choice.lambda": [0.3, 0.7]}}],
    )  # fmt: skip
    place = str(store.folder)
    code, _, errors = call(capsys, "brief", place, "--out", str(tmp_path / "out"))
    assert code == 2
    assert "--allow-incomplete" in errors
    assert not (tmp_path / "out").exists()
    document = brief.of_store(store, f"econsim brief {place}", allow_incomplete=True)
    assert brief.unfounded(document) == []
    assert any(t.startswith("INCOMPLETE: 7 of 8 runs") for t in document.texts())
    assert "is it found?" in document.texts()
    code, out, _ = call(
        capsys, "brief", place, "--allow-incomplete", "--out", str(tmp_path / "out"), "--format",
        "pdf,html,iamc",
    )  # fmt: skip
    assert code == 0
    assert "not made: iamc" in out
    assert (tmp_path / "out" / "brief.pdf").read_bytes()[:5] == b"%PDF-"
    code, _, errors = call(capsys, "verify", str(tmp_path / "out" / "brief.pdf"))
    assert code == 2
    assert "run store" in errors


# --- The command --------------------------------------------------------------------------------


def stored(evidence: brief.Evidence, place: Path) -> Path:
    return save([evidence.comparison.b, evidence.comparison.a], place)


def test_a_folder_of_results_becomes_a_brief_with_annex_and_archive(
    evidence: brief.Evidence, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    results, out = stored(evidence, tmp_path / "results"), tmp_path / "out"
    order = ("brief", str(results), "--out", str(out), "--annex", "--archive", "--json")
    code, text, _ = call(capsys, *order)
    assert code == 0
    told = json.loads(text)
    assert {Path(f).name for f in told["files"]} >= {
        "brief.pdf", "brief.html", "brief.xlsx", "annex.pdf", "annex.html", "iamc.xlsx",
        "headline.csv", "brief_numbers.csv", "archive.zip",
    }  # fmt: skip
    assert "headline_grid" in told["missing"]
    # What econsim wrote may be replaced.
    again = ("brief", str(results), "--out", str(out), "--short", "--format", "csv")
    assert call(capsys, *again)[0] == 0
    with zipfile.ZipFile(out / "archive.zip") as archive:
        names = set(archive.namelist())
        described = json.loads(archive.read("ro-crate-metadata.json"))["@graph"]
    assert {"brief.pdf", "LICENSE", "REPRODUCE.md", "results/results.parquet", "data/macro.csv",
            "figures/gdp_effect.svg", "scenarios/base.effective.json"} <= names  # fmt: skip
    listed = {e["@id"] for e in described if e["@type"] == "File"}
    assert listed == names - {"ro-crate-metadata.json"}
    root = next(e for e in described if e["@id"] == "./")
    assert root["license"]
    assert root["datePublished"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["eu-diverse"], "of scenarios give two"),
        (["eu-diverse", "eu-restrictive", "us-diverse"], "3 given"),
        (["eu-divers", "eu-restrictive"], "did you mean 'eu-diverse'"),
        (["--region", "EU"], "neither EU27 nor US"),
        (["--format", "pdf,docx"], "unknown format 'docx'"),
        (["--format", ","], "no format given"),
        (["--firms", "10"], "at least 1000"),
    ],
)
def test_wrong_input_is_told_and_nothing_written(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    code, _, errors = call(capsys, "brief", *arguments, "--out", str(out))
    assert code == 2
    assert said in errors
    assert len(errors.strip().splitlines()) == 1
    assert not out.exists()


def test_results_of_another_version_and_damaged_ones_are_refused(
    evidence: brief.Evidence, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    place = stored(evidence, tmp_path / "results")
    manifest = json.loads((place / "manifest.json").read_text(encoding="utf-8"))
    for wrong in ({**manifest, "schema_version": 99}, {"schema_version": 1}):
        (place / "manifest.json").write_text(json.dumps(wrong), encoding="utf-8")
        code, _, errors = call(capsys, "brief", str(place), "--out", str(tmp_path / "out"))
        assert code == 2
        assert "newer version" in errors or "damaged" in errors


def test_older_and_interrupted_results_say_so(evidence: brief.Evidence) -> None:
    c = evidence.comparison
    older = {k: v for k, v in c.a.manifest.items() if k != "discount_rate"}
    with pytest.raises(brief.BriefError, match="older version of econsim \\(no 'discount_rate'"):
        brief.gather(compare(replace(c.a, manifest=older), c.b))
    partial = [
        replace(r, manifest={**r.manifest, "partial": "3 of 10 replicates"}) for r in (c.a, c.b)
    ]
    document = brief.of_comparison(brief.Evidence(compare(*partial)), long=False)
    assert "INCOMPLETE: the runs were interrupted (3 of 10 replicates)." in document.texts()


def test_a_place_that_cannot_be_written_is_told(
    evidence: brief.Evidence, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    place = stored(evidence, tmp_path / "results")
    taken = tmp_path / "taken"
    taken.write_text("mine", encoding="utf-8")
    code, _, errors = call(capsys, "brief", str(place), "--out", str(taken / "out"))
    assert code == 5
    assert "not a folder" in errors
    out = tmp_path / "out"
    out.mkdir()
    (out / "brief.pdf").write_text("mine", encoding="utf-8")
    code, _, errors = call(capsys, "brief", str(place), "--out", str(out), "--format", "pdf")
    assert code == 2
    assert "a file that econsim did not write" in errors
    assert (out / "brief.pdf").read_text(encoding="utf-8") == "mine"


def test_one_number_by_every_path(evidence: brief.Evidence) -> None:
    """The brief's GDP effect is that of Python on the same scenarios."""
    assert evidence.scenarios is not None
    acted, base = evidence.scenarios
    runs = simulation.simulate(base, acted, workers=1)
    gap = compare(runs[1], runs[0]).difference("gdp", 2026)
    table = brief.of_comparison(evidence, long=False).tables()[0]
    row = next(r for r in table.records if r["row"] == "GDP" and "difference" in r["column"])
    assert (row["mean"], row["low"], row["high"], row["n"]) == (gap.mean, gap.low, gap.high, gap.n)


def test_figures_of_a_brief_are_those_of_python(evidence: brief.Evidence) -> None:
    drawn = {f.name: f for f in brief.of_comparison(evidence).figures()}
    assert drawn["gdp_effect"].digest() == figures.gdp_effect(evidence.comparison).digest()
