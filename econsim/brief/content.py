"""What a document holds, described once: blocks of plain text, figures, tables, boxes.

PDF and web page are made from the same :class:`Document`.  Text is plain, never markup, so nothing
in a title of a scenario can change a page.  Every number in a text is *said* through
:class:`Said`, together with what it is; :func:`unfounded` finds those that are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from econsim.figures import Figure
from econsim.results import ResultsError

#: A number as a reader sees it in a text.
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


class BriefError(ResultsError):
    """What was asked for cannot be made into a brief; the message says why."""


class UnsoundError(RuntimeError):
    """A document with a number that stands for nothing, or a heading with nothing: a defect."""


@dataclass(frozen=True)
class Heading:
    """A heading; ``level`` 1 is a section."""

    text: str
    level: int = 1


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; ``style`` is ``plain``, ``lead`` (the headline) or ``small`` (notes)."""

    text: str
    style: str = "plain"


@dataclass(frozen=True)
class Bullets:
    """A list of short texts."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """Lines to be typed in a shell."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Picture:
    """A figure, drawn as wide as the page or as ``width`` (a share of it)."""

    figure: Figure
    width: float = 1.0


@dataclass(frozen=True, eq=False)
class Table:
    """A table as it is read, with its numbers as they are.

    Attributes:
        name: identifier, also the stem of its file.
        title: what it shows, with the unit if all rows share one.
        header: names of the columns; the first column is text.
        rows: what is read.
        records: the same numbers unrounded, one mapping a row of the file; may be longer.
        note: under the table.
        widths: relative widths of columns (default: the first is twice as wide).
    """

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    records: tuple[Mapping[str, Any], ...]
    note: str = ""
    widths: tuple[float, ...] = ()


@dataclass(frozen=True)
class Box:
    """A framed aside."""

    title: str
    blocks: tuple[Block, ...]


Block = Heading | Paragraph | Bullets | Command | Picture | Table | Box


@dataclass(frozen=True)
class Quote:
    """A text with numbers, and what each of them is.

    Attributes:
        text: as it stands in the document.
        values: what a number is -> its value, unrounded.
    """

    text: str
    values: Mapping[str, float]

    def wrong(self) -> list[str]:
        """Numbers of the text that no value rounds to."""
        return [n for n in NUMBER.findall(self.text) if not _rounds_to(n, self.values.values())]


def _rounds_to(shown: str, values: Iterable[float]) -> bool:
    """Whether one of the values, without its sign, is shown as this text."""
    plain = shown.replace(",", "")
    decimals = len(plain.partition(".")[2])
    return any(abs(abs(v) - float(plain)) <= 0.5000001 * 10.0**-decimals for v in values)


@dataclass(frozen=True)
class Phrase:
    """Part of a text with what its numbers are."""

    text: str
    values: Mapping[str, float] = field(default_factory=dict)


def quoted(text: str, source: str) -> Phrase:
    """A text taken over as it is: its numbers are those of the named source."""
    numbers = [float(n.replace(",", "")) for n in NUMBER.findall(text)]
    name = f"{source}, as written: {text if len(text) <= 60 else text[:60] + '…'}"
    return Phrase(text, {f"{name} ({i + 1})": v for i, v in enumerate(numbers)})


@dataclass
class Said:
    """Takes down every number of a text with what it is."""

    quotes: list[Quote] = field(default_factory=list)

    def say(self, template: str, /, **parts: Phrase | str) -> str:
        """A text made of a template and its parts; what their numbers are is taken down.

        Args:
            template: with ``{name}`` for each part and without a number of its own.
            parts: phrases, or words without numbers.
        """
        words = {k: p.text if isinstance(p, Phrase) else p for k, p in parts.items()}
        text = template.format(**words)
        values: dict[str, float] = {}
        for part in parts.values():
            if isinstance(part, Phrase):
                values |= part.values
        self.quotes.append(Quote(text, values))
        return text


@dataclass(frozen=True, eq=False)
class Document:
    """A brief or an annex, ready to be set.

    Attributes:
        name: stem of its files.
        title: the finding.
        kicker: what kind of document, about where.
        language: of the text (BCP 47).
        blocks: in order.
        quotes: what the numbers of the text are.
        provenance: of everything in it.
        footer: on every page.
        compact: whether it is set closely, to fit on few pages.
        missing: what it should hold and does not -> why.
    """

    name: str
    title: str
    kicker: str
    blocks: tuple[Block, ...]
    quotes: tuple[Quote, ...]
    provenance: Mapping[str, Any]
    footer: str = ""
    compact: bool = False
    missing: Mapping[str, str] = field(default_factory=dict)
    language: str = "en"

    def certificate(self, file: str) -> dict[str, Any]:
        """The provenance as a file of that name carries it."""
        return {**self.provenance, "made_by": {**self.provenance["made_by"], "file": file}}

    def figures(self) -> list[Figure]:
        """Its figures, in order."""
        return [b.figure for b in walk(self.blocks) if isinstance(b, Picture)]

    def tables(self) -> list[Table]:
        """Its tables, in order."""
        return [b for b in walk(self.blocks) if isinstance(b, Table)]

    def texts(self) -> list[str]:
        """Every text that it says itself; figures say theirs from their own data."""
        return [self.title, self.kicker, self.footer, *_texts(self.blocks)]


def walk(blocks: Sequence[Block]) -> Iterator[Block]:
    """All blocks, those in boxes too."""
    for block in blocks:
        yield block
        if isinstance(block, Box):
            yield from walk(block.blocks)


def _texts(blocks: Sequence[Block]) -> Iterator[str]:
    for block in walk(blocks):
        if isinstance(block, Heading | Paragraph):
            yield block.text
        elif isinstance(block, Bullets):
            yield from block.items
        elif isinstance(block, Command):
            yield from block.lines
        elif isinstance(block, Box):
            yield block.title
        elif isinstance(block, Table):
            yield from (block.title, block.note, *block.header)
            for row in block.rows:
                yield from row


def unfounded(document: Document) -> list[str]:
    """Numbers in a document that nothing stands for.

    A text with a number must have been said as a whole, and each of its numbers must be one of
    the values it was said with, rounded.

    Returns:
        One line for each such number, with its text.
    """
    known = {quote.text: quote for quote in document.quotes}
    found = []
    for text in document.texts():
        numbers = NUMBER.findall(text)
        if not numbers:
            continue
        quote = known.get(text)
        wrong = numbers if quote is None else quote.wrong()
        found += [f"{number} in '{text}'" for number in wrong]
    return found
