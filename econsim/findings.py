"""What a study found: its sentence and its figure, from its run store alone.

Each study file names the question it asks (``analysis:``); :func:`answer` turns the store into the
answer.  Nothing is computed here that the experiments do not compute.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import econsim
from econsim import data, figures
from econsim import parameters as registry
from econsim.experiments import discovery, robustness, scoring, sensitivity
from econsim.experiments.decomposition import Decomposition
from econsim.experiments.design import ATTRIBUTES, DUMMY
from econsim.experiments.headline import LAMBDA, OPEN_SHARE
from econsim.experiments.store import Responses, Store, StoreError
from econsim.experiments.study import Kept
from econsim.experiments.survey import EU_SIZES, Question, wave_month, world
from econsim.figures import Figure, Part, Row, Words
from econsim.figures.words import PLACES
from econsim.results import Estimate, ResultsError, estimate
from econsim.scenario import load

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Finding:
    """The answer to a study's question.

    Attributes:
        sentence: the answer.
        figures: what shows it.
    """

    sentence: str
    figures: tuple[Figure, ...]


def answer(
    store: Store, *, allow_incomplete: bool = False, progress: Progress | None = None
) -> Finding:
    """Answer the question that a study's file asks.

    Args:
        store: of the study.
        allow_incomplete: answer although runs are missing, and say so on every figure.
        progress: called with the share of the work done.

    Raises:
        StoreError: the study asks no question, or is incomplete and that was not allowed.
    """
    asked = store.study.analysis
    if asked is None:
        raise StoreError(
            f"'{store.study.name}' asks no question: give it an 'analysis', or use sensitivity, "
            "discover or rank"
        )
    kept = store.study.keep(asked.outcome)
    arm = asked.arm or last_arm(store)
    if asked.kind == "surface":
        return surface(store, arm, allow_incomplete)
    if asked.kind == "sensitivity":
        return importance(store, kept, arm, allow_incomplete)
    if asked.kind == "arms":
        return arms(store, kept, allow_incomplete)
    if asked.kind == "ranking":
        return ranking(store, kept, asked.threshold, allow_incomplete, asked.arm)
    return reversal(store, kept, arm, asked.threshold, allow_incomplete, progress)


def last_arm(store: Store) -> str:
    """The arm that is compared with the baseline unless another is named."""
    return list(store.study.arms)[-1]


def _words(store: Store, found: Responses, title: str, subtitle: str, note: str) -> Words:
    manifest = store.manifest
    kept = ("name", "title", "study", "scenario_hashes", "model", "data", "made_with")
    study = store.study
    region = next(iter(study.arms.values())).region
    firms = f"{study.rows:,} firms" if isinstance(study.rows, int) else "one row per firm"
    luck = f"{study.replicates} replicate{'' if study.replicates == 1 else 's'}"
    runs = f"{found.completeness()} of {firms}, {luck}. "
    years = sorted({k.year for k in study.kept})
    span = str(years[0]) if len(years) == 1 else f"{years[0]} to {years[-1]}"
    return Words(
        title, f"{subtitle.removesuffix('.')}; {PLACES[region]}, {span}.", runs + note,
        found.caution(), region,
        {"n": study.replicates, **{k: manifest[k] for k in kept}},
    )  # fmt: skip


def _title(store: Store, arm: str) -> str:
    return store.study.arms[arm].title.partition(":")[0].strip()


def label(factor: str) -> str:
    """What figures call a factor of a study: its parameter's label."""
    if factor == DUMMY:
        return "Dummy, acts on nothing"
    attribute = ATTRIBUTES.get(factor)  # of an instrument; its lever is called the same
    parameter = registry.PARAMETERS.get(f"supply.{attribute}" if attribute else factor)
    return factor if parameter is None else parameter.label


def _within(factor: str) -> str:
    """The same inside a sentence."""
    name = label(factor)
    return name[:1].lower() + name[1:]


def importance(store: Store, kept: Kept, arm: str, allow_incomplete: bool = False) -> Finding:
    """Which factors move an arm's effect (indices), and which number is worth knowing.

    Raises:
        StoreError, SensitivityError: incomplete, or not the design that indices need.
    """
    found = store.responses(kept, allow_incomplete=allow_incomplete)
    indices = sensitivity.of_responses(found, arm)
    what = f"the effect of '{arm}' on {kept.words()}"
    sentence = found.caution() + indices.sentence(what[:1].upper() + what[1:])
    clear = {i.factor for i in indices.clear()}
    sobol = indices.method == "sobol"
    title = f"{what[:1].upper()}{what[1:]}: no factor is clear of the dummy"
    if clear:
        first = indices.clear()[0]
        share = f" ({100 * first.total:.0f} % of its variance)" if sobol else ""
        title = f"{what[:1].upper()}{what[1:]}: {_within(first.factor)} matters most{share}"
    drawn = figures.rows(
        "sensitivity",
        [
            Row(
                label(i.factor), i.total, i.total - i.total_error, i.total + i.total_error,
                text=f"{i.total:.2g} ± {i.total_error:.1g}", faint=i.factor not in clear,
            )
            for i in indices.indices
        ],
        "Sobol total index" if sobol else f"mean absolute effect over the range, {found.unit()}",
        _words(
            store, found, title,
            f"{'Share of the variance (Sobol total index)' if sobol else 'Movement'} of {what}, "
            f"{found.unit()}.",
            "Bars: 95 % bootstrap intervals; grey: not clear of the dummy factor.",
        ),
    )  # fmt: skip
    drawings = [drawn]
    if sobol:
        with contextlib.suppress(sensitivity.SensitivityError):
            drawings.append(tornado(store, kept, arm, allow_incomplete))
        try:
            told, value = information(store, kept, arm, allow_incomplete)
        except sensitivity.SensitivityError:
            pass
        else:
            sentence += " " + told
            drawings.append(value)
    return Finding(sentence, tuple(drawings))


def information(
    store: Store, kept: Kept, arm: str, allow_incomplete: bool = False
) -> tuple[str, Figure]:
    """Which number, if known, would shrink the band of an arm's effect most.

    Raises:
        StoreError, SensitivityError: incomplete, or too few points.
    """
    found = store.responses(kept, allow_incomplete=allow_incomplete)
    names, samples, effects = sensitivity.independent(found, arm)
    now, value = sensitivity.information(names, samples, effects)
    what = f"the effect of '{arm}' on {kept.words()}"
    told = sensitivity.information_sentence(now, value, what, found.unit())
    best = next((i for i in value if i.clear), None)
    title = f"No one number would clearly narrow the band of {what}"
    if best is not None:
        title = (
            f"Knowing {_within(best.factor)} would narrow the band of {what} most, by "
            f"{100 * best.shrink:.0f} %"
        )
    drawn = figures.rows(
        "value_of_information",
        [
            Row(
                label(i.factor), 100 * i.shrink, 100 * i.low, 100 * i.high,
                text=f"{100 * i.shrink:.0f} %", faint=not i.clear,
            )
            for i in value
        ],
        "percent by which the band would narrow",
        _words(
            store, found, title, f"Band of {what} (middle 90 % over the study) if one number were "
            "known.", "Bars: 90 % bootstrap intervals; what chance alone shows is taken off.",
        ),
    )  # fmt: skip
    return told, drawn


def surface(store: Store, arm: str, allow_incomplete: bool = False) -> Finding:
    """The headline over lambda and the open share: one map for each kept outcome of the last year.

    Raises:
        StoreError: the study does not vary exactly these two, or is incomplete.
    """
    study = store.study
    if set(study.factors) != {LAMBDA, OPEN_SHARE} or study.levers:
        raise StoreError(f"a surface needs {LAMBDA} and {OPEN_SHARE} to vary, and nothing else")
    last = max(k.year for k in study.kept)
    rows: list[dict[str, Any]] = []
    told = []
    found = None
    for kept in (k for k in study.kept if k.year == last and not k.paired):
        found = store.responses(kept, allow_incomplete=allow_incomplete)
        gaps = [_estimate(e, found.unit()) for e in found.effects(arm)]
        unclear = sum(g.low <= 0.0 <= g.high for g in gaps)
        known = [g.mean for g in gaps if math.isfinite(g.mean)]
        reach = figures.minus(f"{min(known):.2g} to {max(known):.2g}")
        told.append(
            f"{kept.words()} {reach} {found.unit().partition(',')[0]} "
            f"(interval holds zero at {unclear} of {len(gaps)} points)"
        )
        for point, gap in zip(study.points, gaps, strict=True):
            rows.append(
                {
                    "outcome": kept.key, "label": kept.words(), "unit": gap.unit,
                    "period": str(kept.year), "lambda": point.uncertainties[LAMBDA],
                    "open_share": point.uncertainties[OPEN_SHARE], "mean": gap.mean,
                    "low": gap.low, "high": gap.high, "n": gap.n,
                }
            )  # fmt: skip
    if found is None:
        raise StoreError(f"'{study.name}' keeps no outcome that has a level in the baseline")
    head = f"{_title(store, arm)}: change over both axes: "
    title = head + "; ".join(told[:2])  # the sentence has them all
    words = _words(
        store, found, title,
        f"Paired difference from “{_title(store, study.baseline)}” by lambda and by the share of "
        f"users on open models in 2024; {'; '.join(dict.fromkeys(r['unit'] for r in rows))}.",
        "Neither axis is identified by data on use.",
    )  # fmt: skip
    cells = "Each cell: mean and half the width of the 95 % interval over replicates; brackets: it "
    drawings = [
        figures.surface("surface", rows, replace(words, note=f"{words.note} {cells}holds zero."))
    ]
    with contextlib.suppress(ResultsError):  # points that make no whole grid
        lines = "Lines: means over replicates; their 95 % intervals are in the table."
        told_too = replace(words, note=f"{words.note} {lines}")
        drawings.append(figures.surface_contour(rows, told_too))
    return Finding(f"{found.caution()}{head}{'; '.join(told)}.", tuple(drawings))


def _estimate(values: np.ndarray, unit: str) -> Estimate:
    known = values[np.isfinite(values)]
    if not len(known):
        return Estimate(math.nan, math.nan, math.nan, 0, unit)
    return estimate(known, unit)


def arms(store: Store, kept: Kept, allow_incomplete: bool = False) -> Finding:
    """Effect of each arm on an outcome, over the study's points.

    Raises:
        StoreError: the study is incomplete.
    """
    study = store.study
    found = store.responses(kept, allow_incomplete=allow_incomplete)
    against = study.analysis.against if study.analysis else {}
    chosen = list(against) or [a for a in study.arms if a != study.baseline]
    rows, told = [], []
    for arm in chosen:
        effects = found.effects(arm, against.get(arm))
        # Replicates carry the noise, points what nobody knows: two ranges, never one.
        gap = _estimate(np.nanmean(effects, axis=0), found.unit())
        by_point = np.nanmean(effects, axis=1)
        several = len(study.points) > 1
        low, high = (float(v) for v in (np.nanmin(by_point), np.nanmax(by_point)))
        reference = against.get(arm, study.baseline)
        label = f"{arm} against {reference}" if against else arm
        text = figures.minus(gap.text())
        spread = f", {low:.2g} to {high:.2g} over points" if several else ""
        told.append(f"{label} {text}{spread}")
        rows.append(
            Row(
                label, gap.mean, gap.low, gap.high,
                low if several else math.nan, high if several else math.nan, text,
                faint=bool(gap.low <= 0.0 <= gap.high),
            )
        )  # fmt: skip
    unit = found.unit()
    sentence = (
        f"{kept.words()}, {unit}, against '{study.baseline}': "
        if not against
        else (f"{kept.words()}, {unit}: ")
    )
    sentence += "; ".join(told)
    ordered = sorted(rows, key=lambda r: r.value)
    least, most = (f"{r.label} {r.text}" for r in (ordered[0], ordered[-1]))
    span = least if len(rows) == 1 else f"from {least} to {most}"
    title = f"{kept.words()}: {span} {unit.partition(' per year')[0]}"
    words = _words(
        store, found, title, f"Paired difference in {kept.words()}, {unit}.",
        "Thin bars: 95 % intervals over replicates (Monte Carlo noise); wide bars: range over the "
        "study's points; grey: the interval holds zero.",
    )  # fmt: skip
    return Finding(f"{found.caution()}{sentence}.", (figures.rows("arms", rows, unit, words),))


def ranking(
    store: Store,
    kept: Kept,
    threshold: float = 0.0,
    allow_incomplete: bool = False,
    arm: str | None = None,
) -> Finding:
    """Policies by regret and satisficing; break-even misuse cost where the study keeps it.

    The break-even is that of one arm (default: the one that moves most open users).

    Raises:
        StoreError: one arm only, or incomplete.
    """
    study = store.study
    found = store.responses(kept, allow_incomplete=allow_incomplete)
    ranked = robustness.rank(found, threshold)
    sentence = ranked.sentence()
    rows = [
        Row(
            s.arm, s.effect.mean, s.effect.low, s.effect.high, s.low, s.high,
            f"regret {s.regret:.3g}; {100 * s.satisfies:.0f} %",
        )
        for s in ranked.standings
    ]  # fmt: skip
    kept_keys = {(k.outcome, k.by): k for k in study.kept if k.year == kept.year}
    if {("users", None), ("open_share", None)} <= set(kept_keys) and kept.outcome in ("gdp", "gni"):
        users, shares = (
            store.responses(kept_keys[o, None], allow_incomplete=allow_incomplete)
            for o in ("users", "open_share")
        )
        evens = []
        for name in [arm] if arm else [a for a in study.arms if a != study.baseline]:
            with contextlib.suppress(StoreError):  # no difference in open users
                evens.append(robustness.break_even(found, users, shares, name))
        if evens:
            sentence += " " + max(evens, key=lambda e: abs(e.users)).sentence()
    words = _words(
        store, found,
        f"{kept.words()}: '{ranked.standings[0].arm}' has the smallest largest regret over "
        f"{ranked.futures:,} futures",
        f"Effect on {kept.words()} against '{study.baseline}', {ranked.unit}; beside it the "
        f"largest regret, and the share of futures that reach {threshold:g}.",
        f"Wide bars: middle 90 % of {ranked.futures} futures; thin bars: 95 % interval of the "
        "mean over futures. Smallest largest regret first.",
    )  # fmt: skip
    return Finding(sentence, (figures.rows("ranking", rows, ranked.unit, words),))


def reversal(
    store: Store,
    kept: Kept,
    arm: str,
    threshold: float = 0.0,
    allow_incomplete: bool = False,
    progress: Progress | None = None,
) -> Finding:
    """When the baseline does not win: where an arm's effect reaches the threshold.

    Raises:
        StoreError: incomplete.
    """
    found = store.responses(kept, allow_incomplete=allow_incomplete)
    names, samples, effects = sensitivity.independent(found, arm)
    known = np.isfinite(effects)
    samples, effects = samples[known], effects[known]
    box = discovery.discover(names, samples, effects >= threshold, progress=progress)
    beyond = "" if threshold == 0.0 else f" by {-threshold:g} {found.unit()} or more"
    event = f"'{store.study.baseline}' does not beat '{arm}'{beyond} in {kept.words()}"
    sentence = found.caution() + box.sentence(event)
    rows = []
    for i, name in enumerate(n for n in names if n != DUMMY):
        column = samples[:, names.index(name)]
        bottom, top = float(column.min()), float(column.max())
        reach = (top - bottom) or 1.0
        limits = next((r for r in box.restrictions if r.parameter == name), None)
        low = limits.low if limits and math.isfinite(limits.low) else bottom
        high = limits.high if limits and math.isfinite(limits.high) else top
        left, right = (100.0 * (v - bottom) / reach for v in (low, high))
        text = f"{low:.3g} to {high:.3g}" if limits else "any"
        row = Row(label(name), (left + right) / 2, left, right, 0.0, 100.0, text, limits is None)
        rows.append((limits is None, i, row))
    where = ", ".join(_within(r.parameter) for r in box.restrictions)
    words = _words(
        store, found,
        f"{event}: {100 * box.cases / box.points:.0f} % of futures"
        + (f", told apart by {where}" if where else ""),
        f"Box in which {event}: percent of each parameter's range in the study.",
        f"Wide bars: the range studied; thin bars: the box. {box.resamples} bootstrap resamples; "
        "grey: any value.",
    )  # fmt: skip
    ordered = [row for *_, row in sorted(rows, key=lambda r: r[:2])]
    return Finding(
        sentence, (figures.rows("reversal", ordered, "percent of the range", words, None),)
    )


def mechanisms(found: Decomposition, region: str, provenance: dict[str, Any]) -> Figure:
    """The parts of a decomposition as a waterfall that ends at the whole."""
    parts = [Part(p.mechanism.replace("_", " ").capitalize(), p.value, p.acts) for p in found.parts]
    told = "no difference: no mechanism acts"
    if any(p.acts for p in parts):
        told = (
            f"{found.whole.text()} {found.whole.unit}; largest part: {parts[0].label.lower()} "
            f"{parts[0].value.text()}"
        )
    words = Words(
        f"{found.label}, {found.year}, {found.scenario} against {found.reference}: "
        + figures.minus(told),
        f"Shapley values of mechanisms, {found.label}, {found.whole.unit}; {PLACES[region]}, "
        f"{found.year}.",
        f"n = {found.whole.n} paired replicates; lines at the ends of bars: 95 % intervals (Monte "
        f"Carlo noise). Parts add up to the whole for every seed (largest gap {found.worst:.1g}).",
        "", region, provenance,
    )  # fmt: skip
    return figures.waterfall("decomposition", parts, found.whole, words)


def tornado(store: Store, kept: Kept, arm: str, allow_incomplete: bool = False) -> Figure:
    """An arm's effect where each factor of a study is low and where it is high.

    Raises:
        StoreError, SensitivityError: incomplete, or too few points.
    """
    found = store.responses(kept, allow_incomplete=allow_incomplete)
    names, samples, effects = sensitivity.independent(found, arm)
    swings = [
        replace(s, factor=label(s.factor)) for s in sensitivity.swings(names, samples, effects)
    ]
    what = f"the effect of '{arm}' on {kept.words()}"
    head = f"{what[:1].upper()}{what[1:]}"
    clear = [s for s in swings if s.clear]
    unit = found.unit()
    title = f"{head}: no factor moves it clearly"
    if clear:
        first = clear[0]
        # As many digits as tell the larger end to a hundredth.
        digits = max(0, 1 - math.floor(math.log10(max(abs(first.low), abs(first.high), 1e-9))))
        low, high = (figures.minus(f"{v:.{digits}f}") for v in (first.low, first.high))
        by = first.factor[:1].lower() + first.factor[1:]
        title = f"{head} moves most with {by}: {low} where it is low, {high} where high"
    known = effects[np.isfinite(effects)]
    return figures.tornado(
        "tornado", swings, float(known.mean()), unit,
        _words(
            store, found, title, f"{head}, {unit}: mean over the lowest and over the highest fifth "
            "of each factor's values, all others varying.",
            f"From the mean over {len(known):,} independent points; ≈: the two ends are not "
            "clearly apart (95 %). Ends are means, so interactions are averaged out.",
        ),
    )  # fmt: skip


def scorecard() -> Figure:
    """Fitted and predicted AI use of EU firms by size class against what was observed.

    The fit is the mean field of the shipped default; predictions of 2025 are the shipped ones,
    from fits that saw no row of 2025.

    Raises:
        econsim.experiments.scoring.ScoringError: the shipped predictions are missing or broken.
    """
    frame = data.held_out()
    later = {
        str(r["size_class"]): float(r["value"])
        for r in frame[frame["indicator"] == "ai_use"].to_dict("records")
    }
    known = {k: v for k, v in scoring.histories()["size"].items() if k[1] in EU_SIZES}
    asked = [Question("size", group, wave_month(year)) for year, group in known]
    answered = world(load("eu-diverse"), max(q.month for q in asked)).answer(asked)
    fitted = [
        figures.Predicted(
            f"{figures.PERSONS[group]} persons, {year}", float(value), math.nan, math.nan, seen,
            fitted=True,
        )
        for ((year, group), seen), value in zip(known.items(), answered, strict=True)
    ]  # fmt: skip
    shown = [
        figures.Predicted(
            f"{figures.PERSONS[p.group]} persons", p.quantile(0.5), *p.band(0.8), later[p.group]
        )
        for p in scoring.shipped_predictions()
        if p.family == "size" and p.year == 2025 and p.group in EU_SIZES
    ]
    inside = sum(p.low <= p.observed <= p.high for p in shown)
    worst = max(shown, key=lambda p: abs(p.median - p.observed))
    words = Words(
        f"AI use of EU firms in 2025, predicted from data to 2024: {inside} of {len(shown)} "
        "observed figures inside the 80 % band; largest miss "
        f"{abs(worst.median - worst.observed):.1f} percentage points ({worst.label})",
        "Firms that use AI, percent of enterprises, by persons engaged; EU-27, rings: fitted waves "
        f"{min(y for y, _ in known)} to {max(y for y, _ in known)}, dots: predictions of 2025.",
        f"n = {len(shown)} predicted figures, {len(fitted)} fitted. Vertical lines: 80 % bands of "
        "the ensemble. Observations of 2025 were held out: no fit that is scored here saw them. "
        "Rings test nothing: the default was fitted to them.",
        "", "EU27", {"n": len(shown), "made_with": {"econsim": econsim.__version__}},
    )  # fmt: skip
    return figures.scorecard([*fitted, *shown], "percent of enterprises", words)
