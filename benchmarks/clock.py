"""What all measurements share: samples in figures, progress."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any


def progress(text: str) -> None:
    """What has been done or begins, with the time it happened."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def summary(samples: Sequence[float]) -> dict[str, Any]:
    """Median, extremes and samples."""
    return {
        "median": statistics.median(samples),
        "min": min(samples),
        "max": max(samples),
        "samples": list(samples),
    }


def spread(figure: dict[str, Any], digits: int = 2) -> str:
    """A figure in words: median and range."""
    low, high = figure["min"], figure["max"]
    return f"{figure['median']:.{digits}f} ({low:.{digits}f} - {high:.{digits}f})"
