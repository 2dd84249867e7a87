"""A figure: what is drawn, what it says, where it comes from."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from econsim.results import Results

if TYPE_CHECKING:
    import pandas as pd

#: Colour of words beside the data.
MUTED = "#56666D"


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
        height: pixels when drawn without heading.
        drawing: turns the figure into a plotly figure.
        marks: further things drawn (dates, names of lines).
    """

    name: str
    title: str
    subtitle: str
    alt: str
    note: str
    source: str
    data: pd.DataFrame
    provenance: Mapping[str, Any]
    height: int
    drawing: Callable[[Figure], Any]
    marks: Mapping[str, Any] = field(default_factory=dict)

    def plotly(self, heading: bool = True) -> Any:
        """The figure as ``plotly.graph_objects.Figure``.

        Args:
            heading: with title, subtitle, note and source inside, as for a file; without them
                for a page that shows them as text.
        """
        chart = self.drawing(self)
        chart.update_layout(height=self.height)
        if heading:
            _add_heading(chart, self)
        return chart

    def csv(self) -> str:
        """The drawn data as CSV; numbers read back exactly."""
        return str(self.data.to_csv(index=False, lineterminator="\n"))

    def json(self) -> str:
        """Words, provenance and drawn data as JSON; missing numbers are null."""
        rows = [
            {k: _plain(v) for k, v in row.items()} for row in self.data.to_dict(orient="records")
        ]
        content = {
            "figure": self.name,
            "title": self.title,
            "subtitle": self.subtitle,
            "alt": self.alt,
            "note": self.note,
            "source": self.source,
            "provenance": dict(self.provenance),
            "data": rows,
        }
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """A value that JSON can hold."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


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


def _add_heading(chart: Any, figure: Figure) -> None:
    """Title, subtitle, note and source inside the figure, wrapped for a print width."""
    title = textwrap.wrap(figure.title, 78)
    subtitle = textwrap.wrap(figure.subtitle, 104)
    foot = [
        *textwrap.wrap(f"Note: {figure.note}", 118),
        *textwrap.wrap(f"Source: {figure.source}", 118),
    ]
    above = 22 * len(title) + 16 * len(subtitle) + 20
    below = 15 * len(foot) + 14
    margin = chart.layout.margin
    top, bottom = margin.t + above, margin.b + below
    inner = figure.height - margin.t - margin.b
    chart.update_layout(
        height=figure.height + above + below,
        width=760,
        margin={"t": top, "b": bottom},
        title={
            "text": "<br>".join(f"<b>{line}</b>" for line in title),
            "x": 0.01,
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 12},
            "font": {"size": 17},
            "subtitle": {
                "text": "<br>".join(subtitle),
                "font": {"size": 12.5, "color": MUTED},
            },
        },
    )
    chart.add_annotation(
        x=0, xref="paper", xshift=-margin.l + 6, y=0, yref="paper", yshift=-(bottom - below),
        yanchor="top", xanchor="left", align="left", text="<br>".join(foot), showarrow=False,
        font={"size": 11, "color": MUTED},
    )  # fmt: skip
    assert inner > 0
