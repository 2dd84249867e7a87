"""Briefs: what a comparison or a study says, for people who must decide and be able to defend it.

A brief is described once (:mod:`econsim.brief.content`) and set as PDF and as web page.  Its text
follows the sign, size and uncertainty of what it is given, and no number can stand in it that is
not in the results: :func:`of_comparison` and :func:`of_store` refuse to return one that does.
"""

from econsim.brief.content import BriefError, Document, UnsoundError, unfounded
from econsim.brief.evidence import Evidence
from econsim.brief.making import (
    FORMATS,
    annex_of,
    files,
    formats_named,
    gather,
    of_comparison,
    of_store,
    write,
)

__all__ = [
    "FORMATS",
    "BriefError",
    "Document",
    "Evidence",
    "UnsoundError",
    "annex_of",
    "files",
    "formats_named",
    "gather",
    "of_comparison",
    "of_store",
    "unfounded",
    "write",
]
