"""From evidence to documents, and from documents to files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from econsim import figures
from econsim.brief import annex, archives, numbers, sections, shipped, studies
from econsim.brief.content import (
    Block,
    BriefError,
    Document,
    Heading,
    Paragraph,
    Phrase,
    Picture,
    UnsoundError,
    quoted,
    unfounded,
)
from econsim.brief.evidence import Evidence, Voice
from econsim.experiments.headline import GridPoint
from econsim.experiments.store import Store
from econsim.figures import export, place
from econsim.parameters import nearest
from econsim.results import Comparison, Results
from econsim.scenario import Scenario

#: What a brief must know of its results.
NEEDED = (
    "region", "currency", "scenario_hash", "rows", "seeds", "months", "policy_start",
    "discount_rate", "data_hash", "econsim",
)  # fmt: skip
#: What can be written.
FORMATS = ("pdf", "html", "csv", "xlsx", "iamc")
#: Figures of the two forms, in order; the archive holds all that can be drawn.
SHORT_FIGURES = ("gdp_effect",)
LONG_FIGURES = (
    "gdp_effect", "adoption_by_size", "lost_and_diverted", "winners_and_losers", "headline_grid",
)  # fmt: skip


def of_comparison(evidence: Evidence, long: bool = True) -> Document:
    """The brief of a comparison.

    Args:
        evidence: what it may speak of.
        long: about eight pages; otherwise two.

    Raises:
        UnsoundError: a number of the text is not in the results (a defect).
    """
    voice = Voice(evidence.comparison)
    table = numbers.headline_table(voice)
    blocks: list[Block] = [
        *sections.caution(voice),
        *sections.lead(voice),
        Paragraph(sections.uncertainty_note(voice), "small"),
        *sections.question(voice, evidence, long),
        Heading("The headline in numbers"),
        *([table] if table is not None else []),
        *_pictures(evidence, LONG_FIGURES[:2] if long else SHORT_FIGURES),
        *sections.gains(voice, evidence, long),
        *(_pictures(evidence, LONG_FIGURES[2:]) if long else []),
        *sections.deciding(voice, evidence, long),
        *sections.reversal(voice, evidence, long),
        *sections.published(voice, long),
        sections.method(voice, long),
    ]
    # Last, so that they can name everything that was found missing above.
    blocks += sections.limits(voice, evidence, long)
    blocks += sections.sources(voice, evidence, long)
    form = "long" if long else "short"
    return _finished(voice, evidence, "brief", form, _title(voice), blocks)


def _title(voice: Voice) -> Phrase:
    mine, _ = voice.names()
    found = voice.gdp()
    return Phrase(f"{mine.text}: {found.text}", {**mine.values, **found.values})


def _pictures(evidence: Evidence, names: Sequence[str]) -> list[Picture]:
    by_name = {f.name: f for f in evidence.figures}
    return [Picture(by_name[n]) for n in names if n in by_name]


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
        kicker=voice.say(
            "{kind} · {place}", kind=kicker, place=quoted(place(voice.main), "region")
        ),
        blocks=tuple(blocks),
        quotes=tuple(voice.said.quotes),
        provenance=certificate(evidence, form),
        compact=form == "short",
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


# --- Birth certificates ------------------------------------------------------------------------


def certificate(evidence: Evidence, form: str) -> dict[str, Any]:
    """All that is needed to make a document again."""
    c = evidence.comparison
    points = [r for p in evidence.points for r in (p.comparison.b, p.comparison.a)]
    return {
        "made_by": {"kind": "brief", "form": form, "command": evidence.command},
        "kept": extent(c.a),
        "findings": {name: f.digest() for name, f in sorted(evidence.findings.items())},
        "made_with": libraries(),
        **figures.provenance(c.b, c.a, *points),
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
        shown = np.full(array.shape[1], True)
        if dimension in kept["decembers"]:
            shown = np.arange(array.shape[1]) % 12 == 11
        series[name, dimension] = np.where(shown[None, :, None], array, np.nan)
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

    Raises:
        BriefError: results of an older version, which lack what a brief must say.
    """
    for result in (comparison.b, comparison.a):
        lacking = [k for k in NEEDED if k not in result.manifest]
        if lacking:
            raise BriefError(
                f"the results of '{result.scenario}' come from an older version of econsim (no "
                f"'{lacking[0]}'): run it again"
            )
    found = shipped.findings(comparison)
    drawn, missing = figures.of_comparison(comparison, points)
    absent = {k: v for k, v in missing.items() if k not in found}
    return Evidence(comparison, points, drawn, absent, found, scenarios, command)


# --- Files -------------------------------------------------------------------------------------


def formats_named(text: str) -> tuple[str, ...]:
    """Formats given with commas between, in the order of :data:`FORMATS`.

    Raises:
        BriefError: one is unknown; the nearest is offered.
    """
    names = [part.strip() for part in text.split(",") if part.strip()]
    for name in names:
        if name not in FORMATS:
            known = ", ".join(FORMATS)
            raise BriefError(f"unknown format '{name}'{nearest(name, FORMATS)} ({known})")
    if not names:
        raise BriefError(f"no format given ({', '.join(FORMATS)})")
    return tuple(f for f in FORMATS if f in names)


def write(
    documents: Sequence[Document],
    folder: str | Path,
    formats: Sequence[str] = FORMATS,
    evidence: Evidence | None = None,
    *,
    archive: bool = False,
) -> tuple[list[Path], dict[str, str]]:
    """Write documents and their tables.

    Args:
        documents: brief, annex.
        folder: where to; made if it is not there.
        formats: some of :data:`FORMATS`.
        evidence: of the comparison, for the IAMC table and the archive.
        archive: whether to add ``archive.zip``.

    Returns:
        The files, and what could not be made -> why.

    Raises:
        econsim.results.ResultsError: a name is taken by a file that is not of econsim.
        OSError: the machine said no (permission, disk).
    """
    missing = {k: v for document in documents for k, v in document.missing.items()}
    if "iamc" in formats and evidence is None:
        missing["iamc"] = "a study has no yearly values for an IAMC table"
    comparison = None if evidence is None else evidence.comparison
    made = dict(files(documents, formats, comparison))
    if archive and evidence is not None:
        made["archive.zip"] = archives.crate(documents, made, evidence)
    places: dict[str, dict[str, bytes]] = {}
    for name, content in made.items():
        where, _, stem = name.rpartition("/")
        places.setdefault(where, {})[stem] = content
    written: list[Path] = []
    for where, part in places.items():
        written += export.write(Path(folder) / where, part, documents[0].provenance)
    return written, missing


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
        yield "iamc.xlsx", tables.iamc(comparison, documents[0].certificate("iamc.xlsx"))
