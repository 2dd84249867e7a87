"""A figure: what is drawn, what it says, where it comes from."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from econsim.figures import drawing
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

    def csv(self) -> str:
        """The drawn data as CSV; numbers read back exactly."""
        return str(self.data.to_csv(index=False, lineterminator="\n"))

    def json(self) -> str:
        """The whole figure as JSON; :meth:`from_json` makes it again. Missing numbers are null."""
        rows = [
            {k: _plain(v) for k, v in row.items()} for row in self.data.to_dict(orient="records")
        ]
        content = {
            "figure": self.name,
            **{key: getattr(self, key) for key in _WORDS},
            "provenance": dict(self.provenance),
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


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def provenance(*results: Results) -> dict[str, Any]:
    """Birth certificate of a figure: that of each of its results."""
    kept = (
        "region", "scenario_hash", "parameters", "rows", "seeds", "months", "data_hash", "econsim",
        "numpy", "python",
    )  # fmt: skip
    return {
        "n": results[0].replicates,
        "results": [
            {
                "scenario": r.scenario,
                "parameter_set": r.parameter_set,
                **{k: r.manifest[k] for k in kept if k in r.manifest},
            }
            for r in results
        ],
    }
