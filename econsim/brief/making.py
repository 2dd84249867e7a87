"""From evidence to documents, and from documents to files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from econsim import figures
from econsim.brief import annex, sections, shipped, studies
from econsim.brief.content import (
    Block,
    Document,
    Heading,
    Paragraph,
    Phrase,
    Picture,
    UnsoundError,
    unfounded,
)
from econsim.brief.evidence import Evidence, Voice
from econsim.experiments.headline import GridPoint
from econsim.experiments.store import Store
from econsim.figures import Figure
from econsim.results import Comparison, Results
from econsim.scenario import Scenario

#: What can be written.
FORMATS = ("pdf", "html", "csv", "xlsx", "iamc")
#: Figures of the short form, in order of preference.
SHORT_FIGURES = ("gdp_effect", "adoption_by_size")


def of_comparison(evidence: Evidence, long: bool = True) -> Document:
    """The brief of a comparison.

    Args:
        evidence: what it may speak of.
        long: about eight pages; otherwise two.

    Raises:
        UnsoundError: a number of the text is not in the results (a defect).
    """
    voice = Voice(evidence.comparison)
    blocks: list[Block] = [*sections.lead(voice)]
    table = sections.numbers.headline_table(voice)
    note = Paragraph(sections.uncertainty_note(voice), "small")
    asked = sections.question(voice, evidence, long)
    pictures = [Picture(f) for f in _chosen(evidence, long)]
    decided = sections.deciding(voice, evidence, long)
    turned = sections.reversal(voice, evidence, long)
    gained = sections.gains(voice, evidence, long)
    beside = sections.published(voice, long)
    box = sections.method(voice, long)
    blocks += [note, *asked, Heading("The headline in numbers")]
    blocks += [table] if table is not None else []
    if long:
        blocks += [Heading("Figures"), *pictures] if pictures else []
    else:
        blocks += pictures
    blocks += [*gained, *decided, *turned, *beside, box]
    # Last, so that they can name everything that was found missing above.
    blocks += sections.limits(voice, evidence, long)
    blocks += sections.sources(voice, evidence, long)
    form = "long" if long else "short"
    return _finished(voice, evidence, "brief", form, _title(voice), blocks)


def _title(voice: Voice) -> Phrase:
    mine, _ = voice.names()
    found = voice.gdp()
    return Phrase(f"{mine.text}: {found.text}", {**mine.values, **found.values})


def _chosen(evidence: Evidence, long: bool) -> list[Figure]:
    if long:
        return list(evidence.figures)
    by_name = {f.name: f for f in evidence.figures}
    return [by_name[n] for n in SHORT_FIGURES if n in by_name][:1]


def annex_of(evidence: Evidence) -> Document:
    """The impact-assessment annex of a comparison.

    Raises:
        UnsoundError: a heading is unfilled, or a number is not in the results (defects).
    """
    voice = Voice(evidence.comparison)
    blocks = annex.blocks(voice, evidence)
    mine, theirs = voice.names()
    title = Phrase(
        f"Impact assessment annex: {mine.text} against {theirs.text}",
        {**mine.values, **theirs.values},
    )
    document = _finished(voice, evidence, "annex", "annex", title, blocks)
    annex.check(document)
    return document


def _finished(
    voice: Voice, evidence: Evidence, name: str, form: str, title: Phrase, blocks: Sequence[Block]
) -> Document:
    kicker = "econsim policy brief" if name == "brief" else "econsim impact assessment annex"
    document = Document(
        name=name,
        title=voice.say("{x}", x=title),
        kicker=voice.say("{kind} · {place}", kind=kicker, place=voice.place()),
        blocks=tuple(blocks),
        quotes=tuple(voice.said.quotes),
        provenance=certificate(evidence, form),
        footer="A conditional comparison under stated assumptions, not a forecast.",
        missing={**evidence.missing_figures, **voice.missing},
    )
    return checked(document)


def checked(document: Document) -> Document:
    """The document, if every number in it stands for something.

    Raises:
        UnsoundError: one does not.
    """
    wrong = unfounded(document)
    if wrong:
        raise UnsoundError(f"{document.name}: numbers that are not in the results: {wrong[:3]}")
    return document


def of_store(store: Store, command: str, *, allow_incomplete: bool = False) -> Document:
    """The brief of a study, from its run store.

    Args:
        store: of the study.
        command: words that make the brief again.
        allow_incomplete: although runs are missing, and saying so.

    Raises:
        econsim.experiments.store.StoreError: incomplete, or the study asks no question.
    """
    return checked(studies.document(store, command, allow_incomplete))


# --- Birth certificates ----------------------------------------------------------------------------


def certificate(evidence: Evidence, form: str) -> dict[str, Any]:
    """All that is needed to make a document again."""
    c = evidence.comparison
    points = [r for p in evidence.points for r in (p.comparison.b, p.comparison.a)]
    return {
        "made_by": {"kind": "brief", "form": form, "command": evidence.command},
        **birth([c.b, c.a], points),
        "made_with": libraries(),
        "findings": {n: digest_of(f) for n, f in sorted(evidence.findings.items())},
    }


def birth(pair: Sequence[Results], points: Sequence[Results]) -> dict[str, Any]:
    """Birth certificate of results: each by scenario and parameters, definitions and data once."""
    main = pair[0].manifest
    return {
        "econsim": main.get("econsim"),
        "data_hash": main.get("data_hash"),
        "data_tables": dict(main.get("data_tables", {})),
        "scenarios": {
            r.scenario: r.manifest["definition"] for r in pair if "definition" in r.manifest
        },
        "kept": extent(pair[1]),
        "results": [_certificate(r) for r in pair],
        "points": [_certificate(r) for r in points],
    }


def extent(result: Results) -> dict[str, Any]:
    """Which series results keep, by dimension, and for which dimensions only Decembers.

    Results read from a folder keep less than a run gives, and a brief says what is missing.
    """
    series: dict[str, list[str]] = {}
    decembers = set()
    for (name, dimension), array in result.series.items():
        series.setdefault(dimension, []).append(name)
        if dimension in ("country", "sector") and not np.isfinite(array[:, 0]).any():
            decembers.add(dimension)
    return {"series": {k: sorted(v) for k, v in series.items()}, "decembers": sorted(decembers)}


def within(result: Results, kept: Mapping[str, Any]) -> Results:
    """Results cut down to an :func:`extent`."""
    series = {}
    for (name, dimension), array in result.series.items():
        if name not in kept["series"].get(dimension, ()):
            continue
        if dimension in kept["decembers"]:
            array = np.where((np.arange(array.shape[1]) % 12 == 11)[None, :, None], array, np.nan)
        series[name, dimension] = array
    labels = {k: v for k, v in result.labels.items() if k in kept["series"]}
    return replace(result, series=series, labels=labels)


def libraries() -> dict[str, str]:
    """Versions of what sets and draws a document: other ones may give other bytes."""
    return {name: version(name) for name in ("typst", "matplotlib", "xlsxwriter")}


def _certificate(result: Results) -> dict[str, Any]:
    kept = ("title", "region", "scenario_hash", "parameters", "rows", "seeds", "months")
    return {
        "scenario": result.scenario,
        "parameter_set": result.parameter_set,
        **{k: result.manifest[k] for k in kept if k in result.manifest},
    }


def digest_of(figure: Figure) -> str:
    """SHA-256 of a figure's words and drawn data."""
    return hashlib.sha256(figure.json().encode("utf-8")).hexdigest()


def gather(
    comparison: Comparison,
    points: Sequence[GridPoint] = (),
    scenarios: tuple[Scenario, Scenario] | None = None,
    command: str = "econsim brief",
) -> Evidence:
    """The evidence of a comparison: its figures, and the findings shipped about this very pair.

    Args:
        comparison: a scenario minus its baseline.
        points: the same over lambda and the open share.
        scenarios: the scenario and the baseline, where known.
        command: words that make the brief again.
    """
    found = shipped.findings(comparison)
    drawn, missing = figures.of_comparison(comparison, points)
    absent = {k: v for k, v in missing.items() if k not in found}
    return Evidence(comparison, points, drawn, absent, found, scenarios, command)


# --- Files -----------------------------------------------------------------------------------------


def write(
    documents: Sequence[Document],
    folder: str | Path,
    formats: Sequence[str] = FORMATS,
    comparison: Comparison | None = None,
) -> tuple[list[Path], Mapping[str, str]]:
    """Write documents and their tables.

    Args:
        documents: brief, annex.
        folder: where to; made if it is not there.
        formats: some of :data:`FORMATS`.
        comparison: whose yearly values go into the IAMC table.

    Returns:
        The files, and what could not be written -> why.

    Raises:
        OSError: the machine said no (permission, disk).
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    refused: dict[str, str] = {}
    if "iamc" in formats and comparison is None:
        refused["iamc"] = "a study has no yearly values for an IAMC table"
    for name, content in files(documents, formats, comparison):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        written.append(path)
    return written, refused


def files(
    documents: Sequence[Document],
    formats: Sequence[str] = FORMATS,
    comparison: Comparison | None = None,
) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file, in order; the same documents give the same bytes."""
    from econsim.brief import tables, typesetting, webpage

    for document in documents:
        if "pdf" in formats:
            yield f"{document.name}.pdf", typesetting.pdf(document)
        if "html" in formats:
            yield f"{document.name}.html", webpage.html(document).encode("utf-8")
        if "csv" in formats:
            for name, text in tables.csv_files(document).items():
                yield f"tables/{name}.csv", text.encode("utf-8")
        if "xlsx" in formats:
            yield f"{document.name}.xlsx", tables.xlsx(document)
    if "iamc" in formats and comparison is not None:
        yield "iamc.xlsx", tables.iamc(comparison, documents[0].provenance)
