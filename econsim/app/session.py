"""What a session holds: its run, the address of its page; and the answers kept for all sessions."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from typing import Any

import streamlit as st

from econsim.app import link
from econsim.app.jobs import Answer, Job, Work
from econsim.app.link import Link

logger = logging.getLogger(__name__)

#: Answers kept for all sessions of a server, and bytes of series beyond which the oldest go.
KEPT_ANSWERS, KEPT_BYTES = 24, 400_000_000


def _size(answer: Any) -> int:
    """Bytes of the series in an answer."""
    if not isinstance(answer, Answer):
        return 0
    groups = [answer.results, *answer.grid.values()]
    return sum(a.nbytes for group in groups for r in group for a in r.series.values())


class Kept:
    """The latest answers of a server by the key of their order."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._lock = threading.Lock()
        self._answers: OrderedDict[tuple[object, ...], Any] = OrderedDict()

    def get(self, key: tuple[object, ...]) -> Any:
        """The answer to an order, or none when it is not kept."""
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
            return self._answers.get(key)

    def put(self, key: tuple[object, ...], answer: Any) -> None:
        """Keep an answer, and drop the oldest beyond what is kept (never this one)."""
        with self._lock:
            self._answers[key] = answer
            self._answers.move_to_end(key)
            while len(self._answers) > 1 and (
                len(self._answers) > KEPT_ANSWERS
                or sum(_size(a) for a in self._answers.values()) > KEPT_BYTES
            ):
                self._answers.popitem(last=False)


@st.cache_resource(show_spinner=False)
def kept() -> Kept:
    """The one store of answers of this server."""
    return Kept()


def busy() -> bool:
    """Whether this session has a run under way."""
    return "job" in st.session_state


def start(order: Work, show: str) -> None:
    """Start an order, or take its answer if it is kept.

    Args:
        order: what to run.
        show: name of the place in the session that the answer goes to.
    """
    state = st.session_state
    for message in ("failure", "news"):
        state.pop(message, None)
    if busy():
        state.pop("job").cancel()
    key = order.key()
    if kept().get(key) is not None:
        state[show] = (key, order)
        return
    state["wanted"] = (key, show)
    state["job"] = Job(order)


def shown(show: str) -> tuple[Any, Any, tuple[object, ...]] | None:
    """Answer, order and key in a place of the session, if the answer is still kept."""
    if show not in st.session_state:
        return None
    key, order = st.session_state[show]
    answer = kept().get(key)
    return None if answer is None else (answer, order, key)


def write_address(found: Link | None) -> None:
    """Make the page's address that of a link, so that it can be copied and loaded again."""
    keep = {k: v for k, v in st.query_params.to_dict().items() if k in link.BOUND}
    new = {} if found is None else found.query()
    for key in st.query_params.to_dict():
        if key not in keep and key not in new:
            del st.query_params[key]
    for key, value in new.items():
        if key not in link.BOUND:
            st.query_params[key] = value


def news() -> None:
    """Messages of the last run, and progress of the one under way; always in the same place."""
    # A container that is always there: what comes and goes in it does not move the tabs.
    with st.container(key="news"):
        if "failure" in st.session_state:
            st.error(st.session_state["failure"])
        if "news" in st.session_state:
            st.info(st.session_state["news"])
        if busy():
            st.fragment(_watch, run_every=0.5)()


def _watch() -> None:
    """Progress of the run under way; when it ends, the page is drawn anew."""
    state = st.session_state
    job: Job | None = state.get("job")
    if job is None:
        return
    job.poll()
    if job.running:
        st.progress(
            min(job.share, 1.0),
            text=f"Running {job.order.name}: {job.share:.0%} done, {_time(job)}",
        )
        if st.button("Cancel the run", key="cancel"):
            job.cancel()
            del state["job"]
            state["news"] = "The run was cancelled."
            st.rerun()
        return
    del state["job"]
    if job.answer is not None:
        key, show = state["wanted"]
        kept().put(key, job.answer)
        state[show] = (key, job.order)
    else:
        state["failure"] = f"The run failed: {job.failure}"
    st.rerun()


def _time(job: Job) -> str:
    """Seconds taken, and about how many more once that can be told."""
    taken = f"{job.seconds:.0f} s"
    if job.share < 0.05:
        return taken
    left = job.seconds * (1.0 - job.share) / job.share
    return f"{taken}, about {left:.0f} s to go"
