"""A document as a tagged PDF, by Typst, from the fonts that matplotlib brings along.

The same document gives the same bytes: no date, no system fonts, no network.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from econsim.brief.content import (
    Block,
    Box,
    Bullets,
    Command,
    Document,
    Heading,
    Paragraph,
    Picture,
    Table,
)
from econsim.figures import Figure, export

TEMPLATE = Path(__file__).with_name("template.typ")
#: Accessible PDF: tagged, with title, language and alternative texts.
STANDARD = "ua-1"


def pdf(document: Document) -> bytes:
    """The document as PDF/UA-1."""
    return _compiled(document, "pdf", pdf_standards=[STANDARD])


def pages(document: Document, resolution: float = 100.0) -> list[bytes]:
    """Each page as PNG, for looking at it.

    Args:
        document: to be drawn.
        resolution: dots per inch.
    """
    made = _compiled(document, "png", ppi=resolution)
    return made if isinstance(made, list) else [made]


def _compiled(document: Document, kind: str, **settings: Any) -> Any:
    import typst

    # The library takes several files as a mapping, which its annotations do not say.
    compiled: Any = typst.compile
    return compiled(_files(document), format=kind, **settings, **_settings())


def _settings() -> dict[str, Any]:
    import matplotlib

    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return {"font_paths": [str(fonts)], "ignore_system_fonts": True}


def _files(document: Document) -> dict[str, bytes]:
    """The template, the content and the drawings, as Typst wants them."""
    figures = {f.name: f for f in document.figures()}
    # Brackets would end a string of a PDF; JSON may write them otherwise.
    provenance = export.carried(document.certificate(f"{document.name}.pdf"))
    provenance = provenance.replace("(", "\\u0028").replace(")", "\\u0029")
    content = {
        "title": document.title,
        "kicker": document.kicker,
        "language": document.language,
        "footer": document.footer,
        "compact": document.compact,
        "provenance": provenance,
        "blocks": [plain(b) for b in document.blocks],
    }
    return {
        "main": TEMPLATE.read_bytes(),
        "content.json": json.dumps(content, ensure_ascii=False).encode("utf-8"),
        **{f"{name}.svg": f.svg().encode("utf-8") for name, f in figures.items()},
    }


def alternative(figure: Figure) -> str:
    """What a figure says to those who cannot see it."""
    return f"{figure.title}. {figure.alt}"


def plain(block: Block) -> dict[str, Any]:
    """A block as the template reads it."""
    if isinstance(block, Heading):
        return {"kind": "heading", "text": block.text, "level": block.level}
    if isinstance(block, Paragraph):
        return {"kind": "paragraph", "text": block.text, "style": block.style}
    if isinstance(block, Bullets):
        return {"kind": "bullets", "items": list(block.items)}
    if isinstance(block, Command):
        return {"kind": "command", "lines": list(block.lines)}
    if isinstance(block, Picture):
        return {
            "kind": "picture", "file": f"{block.figure.name}.svg", "width": block.width,
            "alt": alternative(block.figure),
        }  # fmt: skip
    if isinstance(block, Table):
        return {
            "kind": "table", "title": block.title, "header": list(block.header),
            "rows": [list(r) for r in block.rows], "note": block.note,
            "widths": list(block.widths), "texts": text_columns(block),
        }  # fmt: skip
    assert isinstance(block, Box)
    return {"kind": "box", "title": block.title, "blocks": [plain(b) for b in block.blocks]}


def text_columns(table: Table) -> list[int]:
    """Columns that hold words; the others hold numbers and are set flush right."""
    return [
        column
        for column in range(len(table.header))
        if column == 0 or any(not _numeric(row[column]) for row in table.rows)
    ]


def _numeric(cell: str) -> bool:
    return cell == "–" or (cell.lstrip("−-")[:1].isdigit() and not cell[-1:].isalpha())
