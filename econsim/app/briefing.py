"""The brief of a comparison, set as PDF in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from econsim.app import draft, session
from econsim.app.jobs import Answer, Order


@dataclass(frozen=True)
class BriefOrder:
    """A brief to be made.

    Attributes:
        order: how the comparison was made.
        answer: its results.
    """

    order: Order
    answer: Answer

    @property
    def name(self) -> str:
        """Of what is made, for the page."""
        return f"the brief on {self.order.policy.name}"

    def key(self) -> tuple[object, ...]:
        """What decides the brief."""
        return ("brief", *self.order.key())

    def perform(self, progress: Callable[[float], None] | None = None) -> bytes:
        """The brief as PDF; the same bytes as from the command line."""
        from econsim import brief
        from econsim.experiments import headline

        points = headline.grid_points(self.answer.grid) if self.answer.grid else []
        scenarios = (self.order.policy.scenario(), self.order.baseline.scenario())
        command = draft.command(self.order.texts, self.order.settings, self.order.grid)
        evidence = brief.gather(self.answer.comparison(), points, scenarios, command)
        if progress is not None:
            progress(0.5)
        document = brief.of_comparison(evidence)
        ((_, content),) = brief.files([document], ["pdf"])
        return content


def offer(order: Order, answer: Answer, key: str) -> None:
    """A button that makes the brief, and the brief once it is made.

    Args:
        order, answer: of the comparison.
        key: begins the keys of the controls.
    """
    wanted = BriefOrder(order, answer)
    content = session.kept().get(wanted.key())
    if content is not None:
        st.download_button(
            "Download the brief (PDF)", content, f"brief-{order.policy.name}.pdf",
            "application/pdf", key=f"{key}-brief", on_click="ignore",
        )  # fmt: skip
        return
    if st.button("Make the brief (PDF)", key=f"{key}-make-brief", disabled=session.busy()):
        session.start(wanted, f"{key}-brief-made")
        st.rerun()
