"""Sphinx configuration; writes the pages of parameters and outcomes from the code."""

from collections.abc import Iterable, Sequence
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

project = "econsim"
author = "The econsim developers"
project_copyright = "The econsim developers, Apache-2.0"
release = installed_version("econsim")
version = ".".join(release.split(".")[:2])

# No page loads anything from another host: equations are plain text, so no MathJax.
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"econsim {release}"
html_show_sphinx = False

GENERATED = Path(__file__).resolve().parent / "_generated"
_KINDS = {
    "lever": (
        "Levers",
        "A policy may change these over time, in `instruments:`. `option` stands for the name of "
        "one option, `open`, `closed` or `all`. EUR becomes USD in the US.",
    ),
    "uncertainty": (
        "Uncertainties",
        "Nobody decides these and nobody knows them exactly. A scenario may set them in "
        "`parameters:`; a policy may not.",
    ),
    "constant": ("Constants", "Conventions of the model, changed on purpose in `parameters:`."),
}


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in lines)


def parameters_page() -> str:
    """Every parameter, from ``econsim.parameters``."""
    from econsim.parameters import PARAMETERS

    parts = [
        "# Parameters\n\nMade from `econsim.parameters` when these pages are built. The same from "
        "the command line:\n\n```sh\neconsim parameters\neconsim parameters choice.lambda\n```\n\n"
        "A source that begins with *assumption* is one; *fitted* means estimated by "
        "`econsim calibrate --point`; how wrong that may be: [scorecard](../scorecard.md)."
    ]
    for kind, (title, text) in _KINDS.items():
        rows = [
            (
                f"`{p.name}`",
                f"{p.default:g}",
                f"{p.low:g} to {p.high:g}",
                "" if p.unit == "1" else p.unit,
                f"**{p.label}.** {p.definition} *Source:* {p.source.rstrip('.')}.",
            )
            for p in PARAMETERS.values()
            if p.kind == kind
        ]
        header = ("name", "default", "bounds", "unit", "meaning")
        parts.append(f"## {title}\n\n{text}\n\n{_table(header, rows)}")
    return "\n\n".join(parts) + "\n"


def outcomes_page() -> str:
    """Every outcome, from ``econsim.results``, with the dimensions the engine records."""
    from econsim.engine import AGAINST_BASELINE, RECORDED
    from econsim.results import OUTCOMES

    against = {name: ("size_class",) for name in AGAINST_BASELINE}
    rows = []
    for o in OUTCOMES.values():
        dimensions = {**RECORDED, **against}[o.numerator]
        if o.denominator is not None:
            dimensions = tuple(d for d in dimensions if d in RECORDED[o.denominator])
        unit = o.unit.replace("{currency}", "EUR or USD")
        rows.append((f"`{o.name}`", o.definition, unit, o.kind, ", ".join(dimensions)))
    header = ("name", "definition", "unit", "kind", "by")
    return (
        "# Outcomes\n\nMade from `econsim.results.OUTCOMES` when these pages are built. The same "
        "from the command line:\n\n```sh\neconsim list --outcomes\n```\n\nKind says what a year "
        "shows: a *stock* its December, a *flow* the mean of its months (already per year), a "
        "*rate* the events of its twelve months. *By* lists the groupings besides the total.\n\n"
        f"{_table(header, rows)}\n"
    )


def write_generated(folder: Path) -> None:
    """Write both pages; a page that has not changed is left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("parameters", parameters_page()), ("outcomes", outcomes_page())):
        path = folder / f"{name}.md"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Any) -> None:
    """Sphinx calls this before it looks for pages."""
    write_generated(GENERATED)
