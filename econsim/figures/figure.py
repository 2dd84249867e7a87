"""A figure: what is drawn, what it says, where it comes from."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from econsim.figures import drawing, export, paper
from econsim.figures.export import FORMATS
from econsim.figures.panels import decode, encode
from econsim.results import Results, ResultsError

if TYPE_CHECKING:
    import pandas as pd

_WORDS = ("title", "subtitle", "alt", "note", "source")


@dataclass(frozen=True, eq=False)
class Figure:
    """A figure ready to draw, with all that must travel with it.

    Attributes:
        name: identifier, also the stem of its files.
        title: the finding, from the data.
        subtitle: what is drawn, unit, place and time.
        alt: direction and size in words.
        note: what the band means, number of replicates, and that it is no forecast.
        source: where the data of the model come from.
        data: the drawn numbers, tidy: one row a point, unit in every row.
        provenance: scenario hashes, seeds, rows, versions, data hash of the runs.
        panels: what is drawn (see :mod:`econsim.figures.panels`).
        columns: panels side by side in print; on a page they stand one below the other.
    """

    name: str
    title: str
    subtitle: str
    alt: str
    note: str
    source: str
    data: pd.DataFrame
    provenance: Mapping[str, Any]
    panels: tuple[Any, ...]
    columns: int = 1

    def plotly(self, heading: bool = True) -> Any:
        """The figure as ``plotly.graph_objects.Figure``.

        Args:
            heading: with title, subtitle, note and source inside, as for a file; without them
                for a page that shows them as text.
        """
        chart = drawing.draw(self.panels)
        if heading:
            foot = (f"Note: {self.note}", f"Source: {self.source}")
            drawing.add_heading(chart, self.title, self.subtitle, foot)
        return chart

    def files(
        self, formats: Sequence[str] = FORMATS, width: float = paper.FULL
    ) -> dict[str, bytes]:
        """The figure as the contents of files, by format: the same bytes every time.

        Args:
            formats: of ``svg``, ``png``, ``pdf``, ``html``, ``csv``, ``json``.
            width: of drawings, millimetres (:data:`paper.FULL`, :data:`paper.HALF`).

        Raises:
            ResultsError: an unknown format.
        """
        wanted = export.formats_named(formats)
        drawings = [f for f in ("svg", "png", "pdf") if f in wanted]
        if "html" in wanted and "svg" not in wanted:
            drawings.append("svg")  # a page shows it
        content = self.json()
        digest = _digest(content)
        certificates = {f: self._certificate(f, width, digest) for f in (*drawings, "html")}
        made = paper.files(
            self, drawings, width, {f: export.carried(c) for f, c in certificates.items()}
        )
        if "html" in wanted:
            words = {key: getattr(self, key) for key in _WORDS}
            drawing = made["svg"].decode("utf-8")
            page = export.html(words, drawing, self.data, certificates["html"])
            made["html"] = page.encode("utf-8")
        if "csv" in wanted:
            table = export.csv(self.data, self._certificate("csv", None, digest))
            made["csv"] = table.encode("utf-8")
        if "json" in wanted:
            made["json"] = content.encode("utf-8")
        return {f: made[f] for f in wanted}

    def save(
        self,
        folder: str | Path,
        formats: Sequence[str] = FORMATS,
        width: float = paper.FULL,
    ) -> list[Path]:
        """Write the figure as files ``NAME.FORMAT`` into a folder, made if need be.

        Args:
            folder: where to.
            formats, width: as for :meth:`files`.

        Raises:
            ResultsError: an unknown format, or a name taken by a file that is not the same figure
                of the same scenarios; nothing is written.
            OSError: the machine said no.
        """
        made = self.files(formats, width)
        contents = {f"{self.name}.{f}": content for f, content in made.items()}
        return export.write(folder, contents, self.provenance)

    def svg(self, width: float = paper.FULL) -> str:
        """The figure as SVG, ``width`` millimetres wide."""
        return self.files(("svg",), width)["svg"].decode("utf-8")

    def _certificate(self, kind: str, width: float | None, digest: str) -> dict[str, Any]:
        """What a file of the figure carries: how it was made, and of which runs."""
        return {"made_by": self._made_by(kind, width), "drawn": digest, **self.provenance}

    def _made_by(self, kind: str, width: float | None = None) -> dict[str, Any]:
        sized = {} if width is None else {"width": width}
        return {"kind": "figure", "figure": self.name, "file": f"{self.name}.{kind}", **sized}

    def digest(self) -> str:
        """SHA-256 of words, data and panels: equal figures have equal ones."""
        return _digest(self.json())

    def csv(self) -> str:
        """The drawn data as CSV, provenance in the first line; numbers read back exactly."""
        return export.csv(self.data, self._certificate("csv", None, self.digest()))

    def json(self) -> str:
        """The whole figure as JSON; :meth:`from_json` makes it again. Missing numbers are null."""
        rows = [
            {k: _plain(v) for k, v in row.items()} for row in self.data.to_dict(orient="records")
        ]
        content = {
            "figure": self.name,
            **{key: getattr(self, key) for key in _WORDS},
            "made_by": self._made_by("json"),
            # In one order, whether the results come from a run or from a file.
            "provenance": json.loads(json.dumps(dict(self.provenance), sort_keys=True)),
            "columns": self.columns,
        }
        parts = [f"{_compact(key)}: {_compact(value)}" for key, value in content.items()]
        for key, values in (("data", rows), ("panels", encode(self.panels))):
            lines = ",\n  ".join(_compact(value) for value in values)
            parts.append(f"{_compact(key)}: [\n  {lines}\n ]")
        return "{\n " + ",\n ".join(parts) + "\n}\n"

    @classmethod
    def from_json(cls, text: str) -> Figure:
        """The figure that :meth:`json` wrote, equal in all it holds.

        Raises:
            ResultsError: the text is no figure, or one of a version that drew otherwise.
        """
        import pandas as pd

        try:
            content = json.loads(text)
            words = {key: str(content[key]) for key in _WORDS}
            data = pd.DataFrame(content["data"])
            for column in data.columns[data.isna().all()]:
                data[column] = math.nan
            return cls(
                name=str(content["figure"]),
                **words,
                data=data,
                provenance=dict(content["provenance"]),
                panels=decode(content["panels"]),
                columns=int(content["columns"]),
            )
        except KeyError as error:
            raise ResultsError(f"no figure in this JSON: {error} is missing") from None
        except (TypeError, ValueError, AttributeError) as error:
            if isinstance(error, ResultsError):
                raise
            raise ResultsError(f"no figure in this JSON: {error}") from None


def _plain(value: Any) -> Any:
    """A value that JSON can hold."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def provenance(*results: Results, **arguments: Any) -> dict[str, Any]:
    """Birth certificate of a figure: that of each of its results.

    Args:
        results: that the figure draws.
        arguments: what else decided what is drawn, such as ``year``.
    """
    kept = (
        "title", "region", "scenario_hash", "parameters", "rows", "seeds", "months",
        "policy_start", "data_hash", "econsim", "numpy", "python",
    )  # fmt: skip
    # What a scenario is in full stands once, however many points of a grid it was run at.
    definitions = {
        r.scenario: r.manifest["definition"]
        for r in reversed(results)
        if "definition" in r.manifest
    }
    tables = results[0].manifest.get("data_tables")
    return {
        "n": results[0].replicates,
        **({"arguments": arguments} if arguments else {}),
        **({"scenarios": definitions} if definitions else {}),
        **({"data_tables": tables} if tables else {}),
        "results": [
            {
                "scenario": r.scenario,
                "parameter_set": r.parameter_set,
                **{k: r.manifest[k] for k in kept if k in r.manifest},
            }
            for r in results
        ],
    }
