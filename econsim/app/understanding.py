"""Why: the figures of a comparison, and what studies found about it."""

from __future__ import annotations


def page(region: str) -> None:
    """Placeholder."""
