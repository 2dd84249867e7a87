"""Drawings of figures for a page, and their alternative texts."""

from __future__ import annotations

import io

from econsim.figures import Figure

WIDTH_MM = 176.0


def alternative(figure: Figure) -> str:
    """What a figure says to those who cannot see it."""
    return f"{figure.title}. {figure.alt}"


def drawn(figure: Figure) -> str:
    """The figure as SVG."""
    import matplotlib
    from matplotlib.figure import Figure as Canvas

    with matplotlib.rc_context({"svg.hashsalt": "econsim", "svg.fonttype": "path"}):
        canvas = Canvas(figsize=(WIDTH_MM / 25.4, 2.2))
        axes = canvas.subplots()
        axes.plot(figure.data["mean"] if "mean" in figure.data else figure.data["value"])
        axes.set_title(figure.title[:80], fontsize=7)
        out = io.StringIO()
        canvas.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()
