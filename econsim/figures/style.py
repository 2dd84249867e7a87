"""The house style of figures, held by measuring: :func:`lint` draws one and says what is wrong.

Each rule has a name; :data:`RULES` says what it asks for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from econsim.figures import paper
from econsim.figures.figure import Figure
from econsim.figures.panels import Areas, Bars, Cells, Lines, Points, Rows, contrast
from econsim.figures.words import HEADLINE_GROUP, PERSONS, PLACES, decimals
from econsim.results import Estimate

#: What each rule asks for.
RULES = {
    "stale": "title, subtitle, note and alt text are those that the results give anew",
    "finding": "the title states the finding, with its number or that there is no clear one",
    "number": "numbers in title and alt text occur in the drawn data",
    "digits": "no number has more digits than its error allows",
    "subtitle": "the subtitle says unit, place and time",
    "note": "the note explains the band and says how many runs there were",
    "source": "there is a source note",
    "alt": "there is an alt text",
    "label": "lines, areas and rows carry their labels",
    "size": f"type of at least {paper.FOOT:g} points in print",
    "overlap": "no words stand on others",
    "clipping": "nothing is cut off at the edge",
    "contrast": "words and lines have a contrast of at least 3:1 to what is under them",
    "colours": "colours differ for colour-blind readers and in grey, or the label or dash does",
    "letters": "the font has every letter",
}
#: Millimetres by which boxes of words may touch; they are higher than the letters in them.
_TOUCH = 0.35
_CONTRAST = 3.0
#: Smallest difference of colours (CIE 1976), and of their lightness in grey.
_DIFFERENCE, _LIGHTNESS = 15.0, 8.0


@dataclass(frozen=True)
class Fault:
    """Something that breaks the house style.

    Attributes:
        rule: its name in :data:`RULES`.
        message: what and where.
    """

    rule: str
    message: str


def lint(figure: Figure, anew: Figure | None = None, width: float = paper.FULL) -> list[Fault]:
    """What in a figure breaks the house style, drawn for print.

    Args:
        figure: to check.
        anew: the same figure made again from the results, to find words that have become stale.
        width: millimetres.
    """
    found = [*_words(figure), *_numbers(figure), *_labels(figure), *_colours(figure)]
    found += _measured(paper.measure(figure, width))
    if anew is not None:
        for key in ("title", "subtitle", "note", "alt"):
            if getattr(figure, key) != getattr(anew, key):
                found.append(Fault("stale", f"{key} is not what the results say: '{figure.title}'"))
    return found


# --- words ---------------------------------------------------------------------------------------

_NUMBER = re.compile(r"(?<![\w.])[-−]?\d[\d,]*(?:\.\d+)?(?![\w])")
#: What is counted, not measured.
_COUNTED = "replicates?|firms|member states|sectors|size classes|places|futures|clear|or more"
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")


def _words(figure: Figure) -> Iterator[Fault]:
    title = figure.title.strip()
    words = r"\bno (clear |difference|one |factor|number)|\b(lower|higher|most|smallest)\b"
    if not re.search(words, title, re.IGNORECASE) and not _tokens(figure, title):
        yield Fault(
            "finding", f"'{title}' states no number, no direction, no 'no clear difference'"
        )
    text = figure.subtitle
    units = [str(u) for u in figure.data.get("unit", ()) if str(u) not in ("", "nan")]
    if units and not any(_said(unit, text) for unit in dict.fromkeys(units)):
        yield Fault("subtitle", f"no unit ({units[0]}) in '{text}'")
    places = [*PLACES.values(), *PLACES]
    if not any(place in text for place in places):
        yield Fault("subtitle", f"no place in '{text}'")
    if not _YEAR.search(text):
        yield Fault("subtitle", f"no year in '{text}'")
    if not re.search(
        r"\bn = \d|\d[\d,]* (of [\d,]+ )?(replicates|runs|futures|points|sets)", figure.note
    ):
        yield Fault("note", f"says not how many runs there were: '{figure.note}'")
    ranged = _ranged(figure)
    if ranged and not re.search(r"interval|[Bb]and|[Rr]ange|[Bb]ars?\b|quartile", figure.note):
        yield Fault("note", f"does not explain the band: '{figure.note}'")
    if not figure.source.strip():
        yield Fault("source", "there is no source note")
    if len(figure.alt.split()) < 6:
        yield Fault("alt", f"no alt text but '{figure.alt}'")


def _said(unit: str, text: str) -> bool:
    """Whether a text says a unit, in full or in its short form."""
    head = unit.partition(",")[0]
    short = head.partition(" of ")[0]
    return short in text or (short.startswith("percent") and "%" in text)


def _ranged(figure: Figure) -> bool:
    """Whether any interval is drawn."""
    columns = [c for c in ("low", "wide_low") if c in figure.data]
    return any(bool(figure.data[c].notna().any()) for c in columns)


def _tokens(figure: Figure, text: str) -> list[str]:
    """Numbers in a text that say a result: no years, names, levels of confidence, counts."""
    names = {str(r.get("title", "")) for r in figure.provenance.get("results", ())}
    names |= {n.partition(":")[0] for n in names}
    names |= {str(r.get("scenario", "")) for r in figure.provenance.get("results", ())}
    for name in sorted({*names, *PLACES.values(), *PLACES}, key=len, reverse=True):
        if name:
            text = text.replace(name, " ")
    for group in sorted({*PERSONS.values(), *PERSONS, HEADLINE_GROUP}, key=len, reverse=True):
        text = re.sub(rf"(?<![\d.]){re.escape(group)}(?= (persons|or)|:|\)|;|,| and|$)", " ", text)
    text = re.sub(r"\b(80|90|95) % (interval|band)", " ", text)
    text = re.sub(r"\b\d[\d,]* of (the )?[\d,]+\b|\bn = [\d,]+", " ", text)
    text = re.sub(rf"(?<![\d.,])[\d,]+ ({_COUNTED})\b", " ", text)
    text = re.sub(r"(?<!\d)(?:19|20)\d\d(-\d\d)?(?!\d|\.\d)", " ", text)
    return _NUMBER.findall(text)


@dataclass(frozen=True)
class _Known:
    """A number of the data, and how many digits after the point it may have."""

    size: float
    digits: int


def _known(figure: Figure) -> list[_Known]:
    """Every number of the drawn data."""
    found = []
    for row in figure.data.to_dict(orient="records"):
        centre = next((row[c] for c in ("mean", "value") if c in row), math.nan)
        low, high = row.get("low", math.nan), row.get("high", math.nan)
        digits = None
        if all(isinstance(v, float) and math.isfinite(v) for v in (centre, low, high)):
            # One digit beyond the first of the error, as tables print it.
            digits = decimals(Estimate(centre, low, high, 2, "")) + 1
        for value in row.values():
            if isinstance(value, bool | str) or not isinstance(value, int | float | np.number):
                continue
            size = abs(float(value))
            if math.isfinite(size):
                own = 0 if size == 0.0 else 2 - math.floor(math.log10(size))
                estimated = digits is not None and value in (centre, low, high)
                found.append(_Known(size, digits if estimated and digits else max(0, own)))
                if size <= 1.0:  # shares that are told in percent
                    found.append(_Known(100.0 * size, 2))
        if digits is not None:
            found.append(_Known((high - low) / 2.0, digits))
    return found


def _numbers(figure: Figure) -> Iterator[Fault]:
    known = _known(figure)
    sizes = np.array([k.size for k in known])
    digits = np.array([k.digits for k in known])
    texts = [("title", figure.title), ("alt text", figure.alt)]
    texts += [("panel", t) for t in _panel_texts(figure)]
    for where, text in texts:
        for token in _tokens(figure, text):
            _, _, after = token.partition(".")
            value = abs(float(token.replace(",", "").replace("−", "-")))
            step = 10.0 ** -len(after)
            near = np.abs(sizes - value) <= 0.5 * step + 1e-9 * max(1.0, value)
            if not near.any():
                yield Fault("number", f"{token} in the {where} is not in the data: '{text}'")
            elif not (digits[near] >= len(after)).any():
                yield Fault("digits", f"{token} in '{text}': its error allows fewer digits")


def _panel_texts(figure: Figure) -> list[str]:
    found = []
    for panel in figure.panels:
        if isinstance(panel, Lines):
            found += [s.end for s in panel.series if s.end]
        elif isinstance(panel, Rows):
            found += [r.text for r in panel.rows if r.text]
        elif isinstance(panel, Bars):
            found += [b.text for b in panel.bars if b.text]
        elif isinstance(panel, Cells):
            found += [t for row in panel.texts for t in row if t]
    return found


def _labels(figure: Figure) -> Iterator[Fault]:
    """Lines, areas and rows are named where they stand."""
    for panel in figure.panels:
        if isinstance(panel, Lines) and len(panel.series) > 1:
            named = {s.colour for s in panel.series if s.end} | {c for _, c in panel.key}
            for series in panel.series:
                if series.colour not in named:
                    yield Fault("label", f"the line '{series.label}' has no label")
        elif isinstance(panel, Areas):
            if not all(a.label for a in panel.areas):
                yield Fault("label", f"an area of '{panel.heading}' has no label")
        elif isinstance(panel, Rows | Bars):
            rows: Sequence[Any] = panel.rows if isinstance(panel, Rows) else panel.bars
            if not all(r.label for r in rows):
                yield Fault("label", f"a row of '{panel.heading}' has no label")


# --- the drawn sheet -----------------------------------------------------------------------------


def _measured(sheet: paper.Measured) -> Iterator[Fault]:
    for word in sheet.words:
        left, top, right, bottom = word.box
        if word.size < paper.FOOT - 1e-6:
            yield Fault("size", f"'{word.text}' is set in {word.size:g} points")
        if not (
            left > -0.1 and top > -0.1 and right < sheet.width + 0.1 and bottom < sheet.height + 0.1
        ):
            yield Fault("clipping", f"'{word.text}' is cut off at the edge")
        if not word.known:
            yield Fault("letters", f"'{word.text}' has a letter that the font does not have")
        ground = sheet.under(word)
        if len(ground):
            ratios = _contrast(_rgb(word.colour), ground)
            # A line that crosses the words does not make them unreadable; a ground does.
            if float(np.mean(ratios < _CONTRAST)) > 0.2:
                worst = float(np.percentile(ratios, 10))
                yield Fault("contrast", f"'{word.text}' has a contrast of {worst:.1f}:1")
    for a, b in combinations(sheet.words, 2):
        wide = min(a.box[2], b.box[2]) - max(a.box[0], b.box[0])
        high = min(a.box[3], b.box[3]) - max(a.box[1], b.box[1])
        if wide > _TOUCH and high > _TOUCH:
            yield Fault("overlap", f"'{a.text}' and '{b.text}' stand on each other")


# --- colours -------------------------------------------------------------------------------------


def _rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=float)


def _linear(rgb: np.ndarray) -> np.ndarray:
    """sRGB (0 to 255) as linear light (0 to 1)."""
    share = rgb / 255.0
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
#: Linear light as seen without green or without red receptors (Viénot, Brettel and Mollon 1999).
_VISION = {
    "deuteranopia": np.array([[0.293, 0.707, 0.0], [0.293, 0.707, 0.0], [-0.022, 0.022, 1.0]]),
    "protanopia": np.array([[0.113, 0.887, 0.0], [0.113, 0.887, 0.0], [0.004, -0.004, 1.0]]),
}


def _contrast(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Contrast ratio as defined by WCAG 2, of colours of 0 to 255."""
    one, two = _linear(a) @ _LUMINANCE, _linear(b) @ _LUMINANCE
    return np.asarray((np.maximum(one, two) + 0.05) / (np.minimum(one, two) + 0.05))


def _lab(linear: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear light."""
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    white = np.array([0.9505, 1.0, 1.089])
    x, y, z = np.cbrt(np.maximum(to_xyz @ np.clip(linear, 0.0, 1.0) / white, 0.008856))
    return np.array([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)])


def confused(a: str, b: str) -> str:
    """Who cannot tell two colours apart: ``all``, a colour blindness, ``grey``; empty: nobody."""
    one, two = _linear(_rgb(a)), _linear(_rgb(b))
    if float(np.linalg.norm(_lab(one) - _lab(two))) < _DIFFERENCE:
        return "all"
    for name, seen in _VISION.items():
        if float(np.linalg.norm(_lab(seen @ one) - _lab(seen @ two))) < _DIFFERENCE:
            return name
    if abs(float(_lab(one)[0] - _lab(two)[0])) < _LIGHTNESS:
        return "grey"
    return ""


def _drawn(panel: Any) -> list[tuple[str, str, str, bool]]:
    """What has a colour in a panel: name, colour, dash or form, whether its label stands beside."""
    if isinstance(panel, Lines):
        beside = {s.colour for s in panel.series if s.end}
        return [(s.label, s.colour, s.dash, s.colour in beside) for s in panel.series]
    if isinstance(panel, Bars):
        # Parts of one row are told apart by colour alone; rows by their labels.
        several = any(len(row) > 1 for row in panel.rows())
        return [(b.text or b.label, b.colour, "", not several) for b in panel.bars]
    if isinstance(panel, Points):
        return [
            (d.label, d.colour, "ring" if d.hollow else "dot", bool(d.text)) for d in panel.dots
        ]
    return []


def _colours(figure: Figure) -> Iterator[Fault]:
    for panel in figure.panels:
        drawn = list({(d[1], d[2], d[3]): d for d in _drawn(panel)}.values())
        if isinstance(panel, Areas):
            # An area is told from its neighbours; a pale one may well stand for nothing.
            for one, two in pairwise(panel.areas):
                if who := confused(one.colour, two.colour):
                    yield Fault("colours", f"'{one.label}' and '{two.label}' look alike ({who})")
            continue
        for name, colour, _, _ in drawn:
            ratio = contrast(colour, "#FFFFFF")
            if ratio < _CONTRAST:
                yield Fault("contrast", f"'{name}' ({colour}) has a contrast of {ratio:.1f}:1")
        for a, b in combinations(drawn, 2):
            if a[1] == b[1] or a[2] != b[2] or (a[3] and b[3]):
                continue
            if who := confused(a[1], b[1]):
                yield Fault("colours", f"'{a[0]}' and '{b[0]}' look alike ({who})")
