"""A figure on a page: title, chart, words, table, and everything to take away."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import streamlit as st

from econsim.figures import Figure


@dataclass(frozen=True)
class Exhibit:
    """A figure, drawn for a page when it is first shown."""

    figure: Figure

    @cached_property
    def chart(self) -> Any:
        """The plotly figure without heading, which the page shows as text."""
        return self.figure.plotly(heading=False)

    def file(self, ending: str) -> bytes:
        """The figure as a file with its provenance; the same bytes every time."""
        with _DRAWING:
            return self.figure.files([ending])[ending]


#: Pixels of a figure that stands alone.
WIDTH = 700
#: On a telephone a dense figure keeps its width and is moved sideways.
STYLE = """<style>
[class*="st-key-dense-"] { overflow-x: auto; }
[class*="st-key-dense-"] > :first-child { min-width: 640px; }
</style>"""
#: Endings and types of the files of a figure.
FILES = {
    "csv": "text/csv",
    "json": "application/json",
    "svg": "image/svg+xml",
    "png": "image/png",
}
#: Figures on paper are drawn one at a time: the library's settings are global.
_DRAWING = threading.Lock()


def unbroken(text: str) -> str:
    """Text whose numbers stay on one line with their percent signs."""
    return text.replace(" %", "\u00a0%")


def show(exhibit: Exhibit, key: str, dense: bool = False) -> None:
    """A figure with its words, its data to read, and its files.

    Args:
        exhibit: what to show.
        key: begins the keys of its controls.
        dense: whether it holds more words than fit a telephone, and is moved sideways there.
    """
    figure = exhibit.figure
    st.markdown(f"### {unbroken(figure.title)}")
    st.caption(figure.subtitle)
    with st.container(key=f"{'dense' if dense else 'plain'}-{key}"):
        st.plotly_chart(
            exhibit.chart,
            width=WIDTH if dense else "stretch",
            theme=None,
            alt=figure.alt,
            key=f"{key}-chart",
            config={"displayModeBar": False},
        )
        if dense:
            # What moves sideways must hold something that the keyboard reaches.
            st.download_button(
                "Drawing (SVG)", partial(exhibit.file, "svg"), f"{figure.name}.svg",
                FILES["svg"], key=f"{key}-drawing", on_click="ignore", width="content",
            )  # fmt: skip
    st.caption(figure.note)
    with st.expander("Table, description, files of this chart"):
        st.write(figure.alt)
        st.write(f"Source: {figure.source}")
        with st.container(horizontal=True):
            for ending, kind in FILES.items():
                st.download_button(
                    ending.upper(), partial(exhibit.file, ending), f"{figure.name}.{ending}", kind,
                    key=f"{key}-{ending}", on_click="ignore",
                )  # fmt: skip
        st.caption("Each file carries its provenance: scenario hashes, seeds, firms, versions.")
        st.dataframe(figure.data, hide_index=True, height=240)


def show_all(exhibits: Sequence[Exhibit], key: str, dense: bool = False) -> None:
    """Figures below one another, at the width they are made for or that of a telephone.

    Args:
        exhibits, key, dense: see :func:`show`.
    """
    with st.container(width=WIDTH):
        for exhibit in exhibits:
            show(exhibit, f"{key}-{exhibit.figure.name}", dense)
