"""A document as one web page that loads nothing: text, inline drawings, tables, provenance."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

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
from econsim.brief.typesetting import alternative, text_columns
from econsim.figures import export

STYLE = Path(__file__).with_name("page.css")


def html(document: Document) -> str:
    """The document as HTML, complete in itself."""
    body = "\n".join(_block(b) for b in document.blocks)
    # No "<" can end or change the element; JSON may write it otherwise.
    carried = export.carried(document.certificate(f"{document.name}.html"))
    carried = carried.replace("<", "\\u003c")
    return f"""<!DOCTYPE html>
<html lang="{escape(document.language, quote=True)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(document.title)}</title>
<style>
{STYLE.read_text(encoding="utf-8")}</style>
<script type="application/json" id="{export.CARRIER}">{carried}</script>
</head>
<body>
<main>
<header>
<p class="kicker">{escape(document.kicker)}</p>
<h1>{escape(document.title)}</h1>
</header>
{body}
</main>
<footer><p>{escape(document.footer)}</p></footer>
</body>
</html>
"""


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        level = block.level + 1
        return f"<h{level}>{escape(block.text)}</h{level}>"
    if isinstance(block, Paragraph):
        kind = "" if block.style == "plain" else f' class="{block.style}"'
        return f"<p{kind}>{escape(block.text)}</p>"
    if isinstance(block, Bullets):
        return "<ul>" + "".join(f"<li>{escape(i)}</li>" for i in block.items) + "</ul>"
    if isinstance(block, Command):
        return f"<pre><code>{escape(chr(10).join(block.lines))}</code></pre>"
    if isinstance(block, Picture):
        return _picture(block)
    if isinstance(block, Table):
        return _table(block)
    assert isinstance(block, Box)
    inner = "\n".join(_block(b) for b in block.blocks)
    return f"<aside><h2>{escape(block.title)}</h2>\n{inner}\n</aside>"


def _picture(block: Picture) -> str:
    # A drawing of its own: names inside it cannot meet those of another one.
    drawing = base64.b64encode(block.figure.svg().encode("utf-8")).decode("ascii")
    words = escape(alternative(block.figure), quote=True)
    return f'<figure><img src="data:image/svg+xml;base64,{drawing}" alt="{words}"></figure>'


def _table(table: Table) -> str:
    words = set(text_columns(table))

    kinds = ["" if c in words else ' class="number"' for c in range(len(table.header))]
    head = "".join(
        f'<th scope="col"{kind}>{escape(name)}</th>'
        for kind, name in zip(kinds, table.header, strict=True)
    )
    rows = "\n".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td{k}>{escape(c)}</td>" for k, c in zip(kinds[1:], row[1:], strict=True))
        + "</tr>"
        for row in table.rows
    )
    note = f'<p class="small">{escape(table.note)}</p>' if table.note else ""
    name = escape(table.title, quote=True)
    return (
        f'<div class="table" tabindex="0" role="region" aria-label="{name}"><table>\n'
        f"<caption>{escape(table.title)}</caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table></div>\n{note}"
    )
