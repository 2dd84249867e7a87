"""A brief with all that it rests on in one file: an RO-Crate, the same bytes every time."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from econsim import data, results, scenario
from econsim.brief.content import Document
from econsim.brief.evidence import Evidence
from econsim.figures import export

#: The archive names a year and no day: a day would give other bytes tomorrow.
PUBLISHED = "2026"
LICENCE = "https://spdx.org/licenses/Apache-2.0"
_KINDS = {
    ".pdf": "application/pdf", ".html": "text/html", ".csv": "text/csv",
    ".json": "application/json", ".svg": "image/svg+xml", ".yaml": "application/yaml",
    ".md": "text/markdown", ".parquet": "application/vnd.apache.parquet", "": "text/plain",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}  # fmt: skip


def crate(documents: Sequence[Document], made: Mapping[str, bytes], evidence: Evidence) -> bytes:
    """A zip with the files of a brief, its figures, results, scenarios, reference tables, licence.

    ``ro-crate-metadata.json`` lists every file with its size and SHA-256, and carries the
    provenance of the brief.

    Args:
        documents: of the brief.
        made: their files.
        evidence: that they were made from.
    """
    contents = {
        **made,
        **_figures(evidence),
        **_results(evidence),
        **_scenarios(evidence),
        **_tables(),
        "LICENSE": _licence().encode("utf-8"),
        "REPRODUCE.md": _how(evidence).encode("utf-8"),
    }
    contents["ro-crate-metadata.json"] = _metadata(documents[0], contents)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(contents):
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, contents[name])
    return out.getvalue()


def _metadata(document: Document, contents: Mapping[str, bytes]) -> bytes:
    from rocrate.rocrate import ROCrate

    described = ROCrate()
    described.name = document.title
    described.description = f"{document.kicker}. {document.footer}"
    described.license = LICENCE
    described.root_dataset["datePublished"] = PUBLISHED
    for name in sorted(contents):
        described.add_file(
            dest_path=name,
            properties={
                "name": name,
                "encodingFormat": _KINDS.get(Path(name).suffix, "application/octet-stream"),
                "contentSize": str(len(contents[name])),
                "sha256": hashlib.sha256(contents[name]).hexdigest(),
            },
        )
    described.root_dataset["econsimProvenance"] = export.carried(
        document.certificate("archive.zip")
    )
    listed: dict[str, Any] = described.metadata.generate()
    # The library stamps its own file with the day.
    for entity in listed["@graph"]:
        if entity["@id"] == "./":
            entity["datePublished"] = PUBLISHED
    return (json.dumps(listed, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8")


def _figures(evidence: Evidence) -> dict[str, bytes]:
    drawn = [*evidence.figures, *evidence.findings.values()]
    return {
        f"figures/{f.name}.{kind}": content
        for f in drawn
        for kind, content in f.files(("svg", "json")).items()
    }


def _results(evidence: Evidence) -> dict[str, bytes]:
    """Both scenarios' results, as ``econsim run`` stores them."""
    pair = (evidence.comparison.b, evidence.comparison.a)
    with tempfile.TemporaryDirectory() as folder:
        place = results.save(pair, Path(folder) / "results")
        return {f"results/{p.name}": p.read_bytes() for p in sorted(place.iterdir())}


def _scenarios(evidence: Evidence) -> dict[str, bytes]:
    """Shipped files by name with those they extend, and every scenario in its effective form."""
    found = {}
    for result in (evidence.comparison.b, evidence.comparison.a):
        definition = result.manifest.get("definition")
        if definition is not None:
            text = json.dumps(definition, indent=1, sort_keys=True) + "\n"
            found[f"scenarios/{result.scenario}.effective.json"] = text.encode("utf-8")
        name: str | None = result.scenario
        while name in scenario.shipped():
            path = scenario.locate(name)
            found[f"scenarios/{name}.yaml"] = path.read_bytes()
            name = scenario.read(path).value.get("extends")
    if evidence.scenarios is not None:
        for given in evidence.scenarios:
            if given.path and Path(given.path).is_file():
                found[f"scenarios/{given.name}.yaml"] = Path(given.path).read_bytes()
    return found


def _tables() -> dict[str, bytes]:
    return {f"data/{path.name}": content for path, content in data.contents()}


def _licence() -> str:
    checkout = Path(__file__).resolve().parents[2] / "LICENSE"
    if checkout.is_file():
        return checkout.read_text(encoding="utf-8")
    return distribution("econsim").read_text("licenses/LICENSE") or LICENCE


def _how(evidence: Evidence) -> str:
    c = evidence.comparison
    version = c.a.manifest.get("econsim", "")
    return (
        f"# How to make this again\n\nWith econsim {version} (see LICENSE), from a clone of the "
        f"project:\n\n```sh\n{evidence.command}\neconsim verify brief.pdf\n```\n\n"
        "`results/` holds the runs as `econsim run` stores them, `figures/` each figure with its "
        "drawn data, `tables/` every table and every number of the text with what it is, "
        "`scenarios/` the files and their effective form, `data/` the reference tables.\n"
    )
