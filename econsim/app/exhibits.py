"""A figure on a page: title, chart, words, table, and everything to take away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
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


def unbroken(text: str) -> str:
    """Text whose numbers stay on one line with their percent signs."""
    return text.replace(" %", "\u00a0%")


def show(exhibit: Exhibit, key: str) -> None:
    """A figure with its words, its data to read, and its files.

    Args:
        exhibit: what to show.
        key: begins the keys of its controls.
    """
    figure = exhibit.figure
    st.markdown(f"### {unbroken(figure.title)}")
    st.caption(figure.subtitle)
    st.plotly_chart(
        exhibit.chart,
        width="stretch",
        theme=None,
        alt=figure.alt,
        key=f"{key}-chart",
        config={"displayModeBar": False},
    )
    st.caption(figure.note)
    with st.expander("Table, description, files of this chart"):
        st.write(figure.alt)
        st.write(f"Source: {figure.source}")
        with st.container(horizontal=True):
            for label, ending, kind, content in (
                ("CSV", "csv", "text/csv", figure.csv),
                ("JSON", "json", "application/json", figure.json),
            ):
                st.download_button(
                    label, content, f"{figure.name}.{ending}", kind,
                    key=f"{key}-{ending}", on_click="ignore",
                    help=f"{figure.name}.{ending}, with its provenance"
                    if ending != "csv" else f"{figure.name}.csv: the drawn numbers",
                )  # fmt: skip
        st.dataframe(figure.data, hide_index=True, height=240)


def show_all(exhibits: Sequence[Exhibit], key: str) -> None:
    """Figures in two columns on a wide window, below one another on a narrow one."""
    for first in range(0, len(exhibits), 2):
        for column, exhibit in zip(
            st.columns(2, gap="large"), exhibits[first : first + 2], strict=False
        ):
            with column:
                show(exhibit, f"{key}-{exhibit.figure.name}")
