"""The brief of a study: its question, its answer, every arm, what was varied."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from econsim import findings
from econsim.brief.content import (
    Block,
    Box,
    Bullets,
    Command,
    Document,
    Heading,
    Paragraph,
    Phrase,
    Picture,
    Said,
    Table,
    quoted,
)
from econsim.brief.sections import LIMITS
from econsim.experiments.store import Store
from econsim.experiments.study import Kept
from econsim.figures import interval, number
from econsim.results import Estimate, estimate


def document(store: Store, command: str, allow_incomplete: bool) -> Document:
    """The brief of a study.

    Args:
        store: of the study.
        command: words that make the brief again.
        allow_incomplete: although runs are missing; the brief says so at the top.

    Raises:
        econsim.experiments.store.StoreError: incomplete, or the study asks no question.
    """
    study, said = store.study, Said()
    answer = findings.answer(store, allow_incomplete=allow_incomplete)
    responses = store.responses(study.kept[0], allow_incomplete=allow_incomplete)
    blocks: list[Block] = []
    if caution := responses.caution():
        text = quoted(caution.strip(), "store: runs made")
        blocks.append(Paragraph(said.say("{x}", x=text), "lead"))
    blocks += [
        Heading("The question"),
        Paragraph(said.say("{x}", x=quoted(study.question.strip(), "question of the study"))),
        Heading("The answer"),
        Paragraph(said.say("{x}", x=quoted(answer.sentence, "finding of the study")), "lead"),
        *(Picture(f) for f in answer.figures),
        Heading("Every arm"),
        _arms_table(said, store, allow_incomplete),
        Heading("What was varied"),
        *_varied(said, store),
        _method(said, store, responses.completeness()),
        Heading("Limits"),
        Bullets(LIMITS),
        Heading("How to reproduce"),
        Command((said.say("{x}", x=quoted(command, "command")),)),
        Paragraph(said.say("{x}", x=quoted(_stamp(store), "certificate of the store")), "small"),
    ]  # fmt: skip
    title = answer.figures[0].title if answer.figures else answer.sentence
    region = next(iter(study.arms.values())).region
    return Document(
        name="brief",
        title=said.say("{x}", x=quoted(title, "finding of the study")),
        kicker=said.say("econsim study brief · {name}", name=quoted(study.title, "study title")),
        blocks=tuple(blocks),
        quotes=tuple(said.quotes),
        provenance=_certificate(store, command, region),
        footer="A conditional comparison under stated assumptions, not a forecast.",
    )


def _arms_table(said: Said, store: Store, allow_incomplete: bool) -> Table:
    """Effect of every arm on every kept number of the last year, over points and replicates."""
    study = store.study
    last = max(k.year for k in study.kept)
    kept = [k for k in study.kept if k.year == last]
    shown, records = [], []
    others = [a for a in study.arms if a != study.baseline] or [study.baseline]
    for arm in others:
        for k in kept:
            found = store.responses(k, allow_incomplete=allow_incomplete)
            effects = found.effects(arm)
            mean, points = _known_mean(effects, 0), _known_mean(effects, 1)
            if not len(mean):
                continue
            e = estimate(mean, found.unit())
            low, high = float(points.min()), float(points.max())
            shown.append(_arm_row(said, arm, k, e, (low, high) if len(points) > 1 else None))
            records.append({
                "arm": arm, "outcome": k.key, "unit": e.unit, "mean": e.mean, "low": e.low,
                "high": e.high, "n": e.n, "smallest_point": low, "largest_point": high,
            })  # fmt: skip
    baseline = study.baseline
    return Table(
        "arms",
        said.say("Effects against “{b}” in {y}", b=quoted(baseline, "arm"),
                 y=Phrase(str(last), {"year": float(last)})),
        (
            "arm", "outcome",
            said.say("effect ({x} % interval)", x=Phrase("95", {"confidence": 95.0})),
            "range over points", "unit",
        ),
        tuple(shown), tuple(records),
        "The interval shows Monte Carlo noise over replicates; the range shows what the study "
        "varied. They are different things.",
        widths=(1.6, 2.2, 2.4, 1.6, 2.4),
    )  # fmt: skip


def _known_mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Means along an axis over what is known; places of which nothing is known are left out."""
    return np.ma.masked_invalid(values).mean(axis=axis).compressed()


def _arm_row(
    said: Said, arm: str, kept: Kept, e: Estimate, points: tuple[float, float] | None
) -> tuple[str, ...]:
    values = {"mean": e.mean, "low": e.low, "high": e.high}
    known = {f"{arm} {kept.key} {k}": v for k, v in values.items() if math.isfinite(v)}
    text = f"{number(e)} ({interval(e)})"
    spread = "–"
    if points is not None:
        spread = said.say("{x}", x=quoted(f"{points[0]:.3g} to {points[1]:.3g}", "range"))
    unit = e.unit.removesuffix(", prices of 2024")
    return (
        said.say("{x}", x=quoted(arm, "arm")),
        said.say("{x}", x=quoted(kept.words(), "outcome")),
        said.say("{x}", x=Phrase(text, known)),
        spread,
        said.say("{x}", x=quoted(unit, "unit")),
    )


def _varied(said: Said, store: Store) -> list[Block]:
    study = store.study
    items = []
    if study.factors:
        matrix = study.matrix()
        for column, name in enumerate(study.factors):
            low, high = float(matrix[:, column].min()), float(matrix[:, column].max())
            limits = quoted(f"{low:.3g} to {high:.3g}", f"points of {name}")
            items.append(said.say("{name}: {limits}", name=quoted(name, "factor"), limits=limits))
    for lever in study.levers:
        steps = ", ".join(f"{v:g}" for v in lever.values)
        items.append(said.say("lever {name}: {v}", name=quoted(lever.name, "lever"),
                              v=quoted(steps, "values of the lever")))  # fmt: skip
    if not items:
        return [Paragraph("Nothing but the arms: no parameter was varied.")]
    return [Bullets(tuple(items))]


def _method(said: Said, store: Store, runs: str) -> Box:
    study = store.study
    firms = f"{study.rows:,} firms" if isinstance(study.rows, int) else "one row per enterprise"
    replicates = f"{study.replicates} replicate{'' if study.replicates == 1 else 's'}"
    text = said.say(
        "Made: {runs}, each of {firms}; {replicates} a point. All arms meet the same firms with "
        "the same luck, so that a difference is the arm's and not luck's.",
        runs=quoted(runs, "store: runs"), firms=quoted(firms, "study: rows"),
        replicates=quoted(replicates, "study: replicates"),
    )  # fmt: skip
    return Box("The method in brief", (Paragraph(text),))


def _stamp(store: Store) -> str:
    made = store.manifest["made_with"]
    return (
        f"econsim {made['econsim']}; study {store.manifest['name']}; data "
        f"{str(store.manifest['data'])[:12]}."
    )


def _certificate(store: Store, command: str, region: str) -> dict[str, Any]:
    manifest: Mapping[str, Any] = store.manifest
    return {
        "made_by": {"kind": "study brief", "form": "study", "command": command},
        "econsim": manifest["made_with"]["econsim"],
        "region": region,
        "data_hash": manifest["data"],
        "name": manifest["name"],
        "scenario_hashes": dict(manifest["scenario_hashes"]),
        "model": dict(manifest["model"]),
        "runs": manifest["runs"],
    }
