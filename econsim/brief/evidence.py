"""What a brief may speak of: a comparison, its figures, findings, scenarios; and how it is said."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from econsim.brief.content import Phrase, Said, quoted
from econsim.experiments.headline import GridPoint
from econsim.figures import (
    HEADLINE_GROUP,
    PERSONS,
    Figure,
    amount,
    finding,
    gdp_finding,
    interval,
    last_year,
    number,
    place,
    run_size,
    titles,
)
from econsim.figures.words import FIRST_YEAR, half_width, holds_zero
from econsim.results import (
    CONFIDENCE,
    Comparison,
    Estimate,
    Results,
    ResultsError,
    estimate,
    outcome,
)
from econsim.scenario import Scenario


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that a brief of a comparison is made from.

    Attributes:
        comparison: a scenario minus its baseline.
        points: the same over lambda and the open share; may be empty.
        figures: of the comparison, in the order in which a reader wants them.
        missing_figures: figure -> why it cannot be drawn from these results.
        findings: figures of studies about this very pair, by name.
        scenarios: the scenario and the baseline, where known.
        command: words that make the brief again.
    """

    comparison: Comparison
    points: Sequence[GridPoint] = ()
    figures: Sequence[Figure] = ()
    missing_figures: Mapping[str, str] = field(default_factory=dict)
    findings: Mapping[str, Figure] = field(default_factory=dict)
    scenarios: tuple[Scenario, Scenario] | None = None
    command: str = "econsim brief"


@dataclass(frozen=True)
class Told:
    """An estimate and what it is."""

    estimate: Estimate
    source: str

    def values(self) -> dict[str, float]:
        """Mean, interval and number of replicates, each by what it is."""
        e = self.estimate
        parts = {"mean": e.mean, "low": e.low, "high": e.high, "n": float(e.n)}
        return {f"{self.source} {k}": v for k, v in parts.items() if math.isfinite(v)}

    @property
    def unclear(self) -> bool:
        """Whether the interval of a difference holds zero, or there is no difference."""
        return holds_zero(self.estimate)


class Voice:
    """Says estimates of a comparison in words, and takes down what each number is.

    Attributes:
        said: what was said so far.
        missing: outcome -> why it could not be spoken of.
    """

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        self.main: Results = comparison.a
        self.year = last_year(comparison.a)
        self.said = Said()
        self.missing: dict[str, str] = {}

    def say(self, template: str, /, **parts: Phrase | str) -> str:
        """See :meth:`Said.say`."""
        return self.said.say(template, **parts)

    # --- estimates ----------------------------------------------------------------------------

    def difference(
        self, name: str, by: str | None = None, group: str = "all", year: int | None = None
    ) -> Told | None:
        """Scenario minus baseline, or none (and why) where it is not in the results."""
        return self._told("difference", name, by, group, year)

    def level(self, side: str, name: str, by: str | None = None, group: str = "all") -> Told | None:
        """The outcome in the ``scenario`` or the ``baseline``, or none."""
        return self._told(side, name, by, group, None)

    def _told(
        self, side: str, name: str, by: str | None, group: str, year: int | None
    ) -> Told | None:
        when = self.year if year is None else year
        try:
            value = estimate_of(self.comparison, side, name, when, by, group)
        except ResultsError as error:
            self.missing[_label(name, by)] = str(error)
            return None
        if not math.isfinite(value.mean):
            self.missing[_label(name, by)] = f"not kept for every month of {when}"
            return None
        return Told(value, f"{side} {name} {when} {by or 'total'} {group}")

    # --- phrases ------------------------------------------------------------------------------

    def when(self, year: int | None = None) -> Phrase:
        """A year."""
        chosen = self.year if year is None else year
        return Phrase(str(chosen), {"year": float(chosen)})

    def finding(self, told: Told, subject: Phrase | str) -> Phrase:
        """Direction, size and interval in the last year, or that nothing is clear."""
        about = subject if isinstance(subject, Phrase) else Phrase(subject)
        text = finding(told.estimate, about.text, self.year)
        return Phrase(text, {**about.values, **told.values(), **self._constants()})

    def gdp(self) -> Phrase:
        """The finding on GDP and, where it tells more, of the year in which it is largest."""
        values = self._constants()
        for year in range(FIRST_YEAR, self.year + 1):
            told = self.difference("gdp", year=year)
            if told is not None:
                values |= {**told.values(), f"year {year}": float(year)}
        return Phrase(gdp_finding(self.comparison), values)

    def _constants(self) -> dict[str, float]:
        return {"year": float(self.year), "confidence, percent": 100.0 * CONFIDENCE}

    def amount(self, told: Told) -> Phrase:
        """The mean with its unit."""
        said = self.number(told)
        return Phrase(amount(said.text, told.estimate.unit), said.values)

    def number(self, told: Told) -> Phrase:
        """The mean, with the digits that its error allows."""
        return Phrase(number(coarse(told.estimate)), _shown(told))

    def interval(self, told: Told) -> Phrase:
        """The interval, with the same digits."""
        return Phrase(interval(coarse(told.estimate)), _shown(told))

    def thousands(self, told: Told) -> Phrase:
        """A number of firms in thousands, or as it is when small."""
        e = told.estimate
        if abs(e.mean) < 2000.0:
            return self.number(told)
        small = Estimate(e.mean / 1e3, e.low / 1e3, e.high / 1e3, e.n, e.unit)
        phrase = self.number(Told(small, f"{told.source}, thousands,"))
        return Phrase(f"{phrase.text} thousand", phrase.values)

    def with_interval(self, told: Told) -> Phrase:
        """Mean and half the interval's width, or the mean alone of a single run."""
        e = told.estimate
        if not math.isfinite(e.low) or e.high == e.low:
            return self.number(told)
        values = {**_shown(told), f"{told.source} half width": e.half_width}
        return Phrase(f"{number(e)} ± {half_width(e)}", values)

    def persons(self, group: str = HEADLINE_GROUP) -> Phrase:
        """A size class in words."""
        words = PERSONS[group]
        if group == "nonemployer":
            return Phrase("firms without employees")
        return quoted(f"firms with {words} persons", f"size class {group}")

    def names(self) -> tuple[Phrase, Phrase]:
        """What scenario and baseline are called."""
        mine, theirs = titles(self.comparison)
        return (
            quoted(mine, f"title of {self.comparison.a.scenario}"),
            quoted(theirs, f"title of {self.comparison.b.scenario}"),
        )

    def whole_title(self, result: Results) -> Phrase:
        """The title of a scenario as its file has it."""
        title = str(result.manifest.get("title") or result.scenario)
        return quoted(title, f"title of {result.scenario}")

    def place(self) -> Phrase:
        """The region."""
        words = place(self.main)
        return quoted(f"the {words}" if words == "United States" else words, "region")

    def runs(self) -> Phrase:
        """Number of replicates and of firms."""
        return quoted(run_size(self.main), "manifest: replicates and rows")

    def span(self, estimates: Sequence[Told]) -> Phrase:
        """From the smallest to the largest mean, with the unit."""
        least = min(estimates, key=lambda t: t.estimate.mean)
        most = max(estimates, key=lambda t: t.estimate.mean)
        text = amount(f"{number(least.estimate)} to {number(most.estimate)}", least.estimate.unit)
        return Phrase(text, {**least.values(), **most.values()})


def _label(name: str, by: str | None) -> str:
    """An outcome in words, with its groups."""
    words = outcome(name).label
    return words if by is None else f"{words} by {by.replace('_', ' ')}"


def _shown(told: Told) -> dict[str, float]:
    """An estimate by what it is; where it is shown coarsely, so as well."""
    small = coarse(told.estimate)
    if small is told.estimate:
        return told.values()
    return {**told.values(), **Told(small, f"{told.source}, coarse,").values()}


def coarse(e: Estimate) -> Estimate:
    """A large number without the digits that its error leaves open: 92,285 ± 41,408 as 90,000."""
    error = e.half_width if math.isfinite(e.low) else abs(e.mean) / 100.0
    if not error >= 20.0:
        return e
    places = -math.floor(math.log10(error))
    low, high = (round(v, places) if math.isfinite(v) else v for v in (e.low, e.high))
    return Estimate(round(e.mean, places), low, high, e.n, e.unit)


def listed(phrases: Iterable[Phrase], joint: str = ", ") -> Phrase:
    """Phrases one after another."""
    parts = list(phrases)
    values: dict[str, float] = {}
    for part in parts:
        values |= part.values
    return Phrase(joint.join(p.text for p in parts), values)


def estimate_of(
    comparison: Comparison, side: str, name: str, year: int, by: str | None, group: str
) -> Estimate:
    """An estimate by what it is: ``difference``, ``scenario`` or ``baseline`` of an outcome.

    Raises:
        ResultsError: it is not in the results.
    """
    if side == "difference":
        return comparison.difference(name, year, by, group)
    result = comparison.a if side == "scenario" else comparison.b
    return estimate(result.yearly(name, year, by, group), result.unit(name))
