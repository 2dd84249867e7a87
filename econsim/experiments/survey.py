"""Surveys of AI use, each through its own reporting equation, and what the mean field says of them.

EU (Eurostat isoc_eb_ai): an enterprise with 10 or more persons, sections C-J, L-N and S, counts as
a user if it uses at least one of seven technologies (eight in 2025), narrow or general-purpose:

.. math:: y_c = \\frac{\\sum_i w_i [1 - (1 - n_i)(1 - g_i)]}{\\sum_i w_i}

US (Census BTOS, wording up to September 2025): use in producing goods or services in the last two
weeks, employers; its own intercept and slope in log odds,

.. math:: \\mathrm{logit}(y_c) = \\alpha + \\sigma\\, \\mathrm{logit}(u_c)

The intercept follows from ``survey.us_reporting_share`` at the reference month, the slope is
sampled.  The wording of November 2025 and later is another survey and is never read.  A wave of
year Y means the end of February of Y.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from econsim import data, meanfield, setting
from econsim.scenario import Scenario
from econsim.setting import Setting

#: Waves of the EU survey with the definition of seven technologies.
EU_WAVES = (2021, 2023, 2024)
EU_SIZES = ("10-49", "50-249", "250+")
#: Employment bins of BTOS within the headline population, with their bounds in persons.
US_BINS = {"10-19": (10, 20), "20-49": (20, 50), "50-99": (50, 100), "100-249": (100, 250)}
#: Standard error of an EU figure by class, percentage points (assumption: Eurostat publishes none
#: for the aggregate; large firms are few, so their share is noisier).
EU_ERROR = {"10-49": 0.3, "50-249": 0.5, "250+": 1.0, "10+": 0.25}
#: Standard error of the share that considered AI and does not use it.  That of 2023 was partly
#: about narrow AI; "ever considered" of 2025 asks for more than the model's considering.
CONSIDERED_ERROR = {2023: 3.0, 2024: 1.0}
EVER_CONSIDERED_ERROR = {"10-49": 2.5, "50-249": 4.0, "250+": 6.0}
#: Biweekly samples of BTOS repeat firms within a quarter, so a quarter's mean is taken to be as
#: good as two independent periods (assumption), and never better than this.
_US_INDEPENDENT_PERIODS = 2.0
_US_LEAST_ERROR = 0.2
_TINY = 1e-9


@dataclass(frozen=True, order=True)
class Question:
    """One survey figure: what is asked (``kind``), of whom (``key``), when.

    Attributes:
        kind: ``size``, ``sector`` or ``country`` (EU use, percent of enterprises), ``total`` (key
            empty), ``considered`` (percent of enterprises that considered AI and do not use it),
            ``ever_considered`` (percent of non-users), ``btos`` (US, key an employment bin or
            ``10-249``, percent of employers).
        key: the group.
        month: months after January 2021.
    """

    kind: str
    key: str
    month: int


@dataclass(frozen=True)
class Observation:
    """A survey figure in percent with its standard error in percentage points."""

    question: Question
    value: float
    error: float


def wave_month(year: int) -> int:
    """A wave means the end of February of its year; months after January 2021."""
    return (year - 2021) * 12 + 1


def log_odds(percent: float) -> float:
    """Log odds of a percentage, kept off 0 and 100."""
    share = min(max(percent / 100.0, 1e-5), 1.0 - 1e-5)
    return math.log(share / (1.0 - share))


def percent(log_odds_: float) -> float:
    """The percentage whose log odds are given."""
    return 100.0 / (1.0 + math.exp(-log_odds_))


# --- Observations ---------------------------------------------------------------------------------


def _eu_table(
    name: str, key: str, until: int, folder: str | Path | None
) -> dict[tuple[int, str], float]:
    frame = data.observed(name, until, folder)
    wrong = {u for u in frame["unit"] if u != "percent of enterprises"}
    if wrong:
        raise data.DataError(name, f"mixed definitions: {', '.join(sorted(wrong))}")
    scopes = {str(s) for s in frame["scope"]}
    if len(scopes) > 1:
        raise data.DataError(name, f"mixed definitions: {'; '.join(sorted(scopes))}")
    return {(int(r["year"]), str(r[key])): float(r["value"]) for r in frame.to_dict("records")}


def eu_use(
    dimension: str, until: int = 2024, folder: str | Path | None = None
) -> dict[tuple[int, str], float]:
    """EU use by ``size``, ``sector`` or ``country``: (wave, group) -> percent, up to a year.

    Raises:
        econsim.data.DataError: a broken table, or rows of several definitions.
    """
    key = {"size": "size_class", "sector": "sector", "country": "country"}[dimension]
    return _eu_table(f"ai_use_by_{dimension}", key, until, folder)


def eu_observations(until: int = 2024, folder: str | Path | None = None) -> list[Observation]:
    """EU use by size class and what small firms considered, up to a cut-off year.

    Raises:
        econsim.data.DataError: a broken table, mixed definitions, or a wave that is missing.
    """
    use = eu_use("size", until, folder)
    found = []
    for year in (y for y in EU_WAVES if y <= until):
        for size in EU_SIZES:
            if (year, size) not in use:
                raise data.DataError("ai_use_by_size", f"wave {year} of class {size} is missing")
            found.append(
                Observation(
                    Question("size", size, wave_month(year)), use[year, size], EU_ERROR[size]
                )
            )
    if until >= min(CONSIDERED_ERROR):
        for (year, size), value in _eu_table("ai_considered", "size_class", until, folder).items():
            if year not in CONSIDERED_ERROR:
                raise data.DataError("ai_considered", f"wave {year} has no stated error")
            question = Question("considered", size, wave_month(year))
            found.append(Observation(question, value, CONSIDERED_ERROR[year]))
    return found


def ever_considered(folder: str | Path | None = None) -> list[Observation]:
    """EU non-users of 2025 that ever considered AI, by size class: never for a scored fit.

    Raises:
        econsim.data.DataError: a broken table.
    """
    frame = data.held_out(folder)
    rows = frame[frame["indicator"] == "ever_considered_ai"].to_dict("records")
    return [
        Observation(
            Question("ever_considered", str(r["size_class"]), wave_month(int(r["year"]))),
            float(r["value"]),
            EVER_CONSIDERED_ERROR[str(r["size_class"])],
        )
        for r in rows
    ]


def us_observations(until: int = 2024, folder: str | Path | None = None) -> list[Observation]:
    """US use by employment bin, means of quarters of the old wording, up to a cut-off year.

    Raises:
        econsim.data.DataError: a broken table, or no periods that early.
    """
    frame = data.observed("ai_use_us_btos", until, folder)
    frame = frame[frame["measure"] == "use_last_2_weeks"]
    late = frame[frame["period_start"] > "2025-10-05"]
    if len(late):
        raise data.DataError(
            "ai_use_us_btos", "mixed definitions: the wording changed in November 2025"
        )
    groups: dict[tuple[str, int, int], list[tuple[int, float, float]]] = {}
    for row in frame.to_dict("records"):
        if row["size_class_employees"] not in US_BINS:
            continue
        year, month = int(row["period_start"][:4]), int(row["period_start"][5:7])
        key = (str(row["size_class_employees"]), year, (month - 1) // 3)
        groups.setdefault(key, []).append(
            ((year - 2021) * 12 + month - 1, float(row["value"]), float(row["standard_error"]))
        )
    if not groups:
        raise data.DataError("ai_use_us_btos", f"no periods by employment size up to {until}")
    found = []
    for (size, _, _), periods in sorted(groups.items()):
        month = round(float(np.mean([p[0] for p in periods])))
        error = float(np.mean([p[2] for p in periods]))
        error /= math.sqrt(min(float(len(periods)), _US_INDEPENDENT_PERIODS))
        found.append(
            Observation(
                Question("btos", size, month),
                float(np.mean([p[1] for p in periods])),
                max(error, _US_LEAST_ERROR),
            )
        )
    return found


def observations(
    region: str, until: int = 2024, folder: str | Path | None = None
) -> list[Observation]:
    """What a region's fit sees up to a cut-off year."""
    return us_observations(until, folder) if region == "US" else eu_observations(until, folder)


# --- What the mean field says ---------------------------------------------------------------------


class World:
    """A scenario's mean field, walked once and asked for many survey figures.

    The option constants enter values additively, so the path is walked without them and they are
    added: one walk serves both the solution and the figures.
    """

    def __init__(self, bound: Setting, last_month: int, tastes: np.ndarray | None = None) -> None:
        """Walk the path.

        Args:
            bound: the setting, with its shifters; its constants are ignored.
            last_month: last month asked about.
            tastes: constants (default: solved when first needed, so that observed use is met).
        """
        self.bound = replace(bound, tastes=np.zeros(len(bound.options)))
        reference = int(bound.values["survey.reference_month"])
        self.walked = meanfield.path(self.bound, max(last_month, reference) + 1)
        self._tastes = tastes
        everyone = meanfield.nodes(self.bound)
        self.firms = everyone.take(meanfield.surveyed(self.bound, everyone))
        self._evaluated: dict[int, np.ndarray] = {}

    @property
    def tastes(self) -> np.ndarray:
        """Option constants, ``ndarray[options]``.

        Raises:
            econsim.meanfield.MeanFieldError: the observed use cannot be reproduced.
        """
        if self._tastes is None:
            self._tastes = meanfield.solve_bound(self.bound, self.walked)
        return self._tastes

    def limits(self) -> tuple[float, float]:
        """Least and most use that constants can reach in the reference month, percent.

        Narrow AI alone, and narrow AI with all firms that consider general-purpose AI using it.
        """
        month = int(self.bound.values["survey.reference_month"])
        considering = [
            meanfield.considering_share(self.bound, self.firms, self.walked.cumulative[past])
            for past in range(max(month - 11, 0), month + 1)
            if (self.bound.arrival <= past).any()
        ]
        narrow = self.firms.traits.narrow_share
        weight = self.firms.weight / self.firms.weight.sum()
        most = narrow + (1.0 - narrow) * np.sum(considering, axis=0) / 12.0
        return 100.0 * float(weight @ narrow), 100.0 * float(weight @ most)

    def _evaluation(self, month: int) -> np.ndarray:
        """Probability that a firm evaluating in a month uses general-purpose AI, ``[nodes]``."""
        if month not in self._evaluated:
            dissimilarity = self.bound.values["choice.lambda"]
            considered = meanfield.considering_share(
                self.bound, self.firms, self.walked.cumulative[month]
            )
            if considered.any():
                values = meanfield.option_values(self.bound, self.walked.offered[month], self.firms)
                chosen = meanfield.choice_probabilities(values + self.tastes, dissimilarity)
                considered = considered * chosen.sum(axis=1)
            self._evaluated[month] = considered
        return self._evaluated[month]

    def general(self, month: int) -> np.ndarray:
        """Share using general-purpose AI: the last twelve evaluations, ``ndarray[nodes]``.

        Equal to :func:`econsim.meanfield.general_use` summed over options.
        """
        total = np.zeros(len(self.firms.cell))
        for past in range(max(month - 11, 0), month + 1):
            if (self.bound.arrival <= past).any():
                total = total + self._evaluation(past)
        return total / 12.0

    def use(self, month: int, nested: bool = False) -> np.ndarray:
        """Share using any AI, ``ndarray[nodes]``.

        Args:
            month: months after January 2021.
            nested: narrow and general-purpose AI are used by the same firms as far as can be
                (structural alternative) instead of independently.
        """
        narrow, general = self.firms.traits.narrow_share, self.general(month)
        if nested:
            return np.maximum(narrow, general)
        return narrow + (1.0 - narrow) * general

    def _group(self, question: Question) -> np.ndarray:
        cells = self.bound.cells
        if question.kind == "btos" and question.key in US_BINS:
            low, high = US_BINS[question.key]
            return (self.firms.persons >= low - 0.5) & (self.firms.persons < high - 0.5)
        if question.kind in ("total", "btos") or question.key == "10+":
            return np.ones(len(self.firms.cell), bool)
        names, index = {
            "sector": (cells.sectors, cells.sector),
            "country": (cells.countries, cells.country),
        }.get(question.kind, (cells.size_classes, cells.size))
        wanted = ("10-49", "50-249") if question.key == "10-249" else (question.key,)
        codes = [names.index(w) for w in wanted]
        return np.isin(index[self.firms.cell], codes)

    def answer(
        self, questions: Sequence[Question], slope: float = 1.0, nested: bool = False
    ) -> np.ndarray:
        """Survey figures in percent, ``ndarray[questions]``.

        Args:
            questions: what is asked; a group without firms gives NaN.
            slope: of the US reporting equation.
            nested: see :meth:`use`.
        """
        result = np.full(len(questions), np.nan)
        for number, question in enumerate(questions):
            group = self._group(question)
            weight = self.firms.weight[group]
            if weight.sum() <= 0.0:
                continue
            use = self.use(question.month, nested)[group]
            share = float(weight @ use / weight.sum())
            if question.kind in ("considered", "ever_considered"):
                considering = meanfield.considering_share(
                    self.bound, self.firms, self.walked.cumulative[question.month]
                )[group]
                narrow = self.firms.traits.narrow_share[group]
                gap = np.maximum(considering - self.general(question.month)[group], 0.0)
                declined = float(weight @ ((1.0 - narrow) * gap) / weight.sum())
                top = declined / (1.0 - share) if question.kind == "ever_considered" else declined
                result[number] = 100.0 * top
            elif question.kind == "btos":
                result[number] = self._reported(share, slope)
            else:
                result[number] = 100.0 * share
        return result

    def _reported(self, share: float, slope: float) -> float:
        """The US reporting equation; its intercept meets reported use in the reference month."""
        values = self.bound.values
        reference = values["survey.use_2024"]
        true = min(reference / values["survey.us_reporting_share"], 99.9)
        intercept = log_odds(reference) - slope * log_odds(true)
        return percent(intercept + slope * log_odds(max(100.0 * share, 100.0 * _TINY)))


Shifts = Mapping[tuple[str, str, str], float]


def with_shifts(bound: Setting, shifts: Shifts) -> Setting:
    """A setting with other shifters of sectors and member states than the shipped ones.

    Args:
        bound: the setting.
        shifts: (dimension, key, indicator) -> log points; what is missing is zero.
    """
    cells = bound.cells

    def column(indicator: str) -> np.ndarray:
        sector = np.array([shifts.get(("sector", s, indicator), 0.0) for s in cells.sectors])
        country = np.array([shifts.get(("country", c, indicator), 0.0) for c in cells.countries])
        return np.asarray(sector[cells.sector] + country[cells.country])

    return replace(bound, hurdle_shift=column("hurdle"), narrow_shift=column("narrow"))


def shipped_shifts(folder: str | Path | None = None) -> dict[tuple[str, str, str], float]:
    """The shipped shifters, fitted to waves up to 2024."""
    frame = data.observed("fitted_shifts", 2024, folder)
    return {
        (str(r["dimension"]), str(r["key"]), str(r["indicator"])): float(r["value"])
        for r in frame.to_dict("records")
    }


def world(
    scenario: Scenario,
    last_month: int,
    keep: Callable[[tuple[str, str, str]], bool] | None = None,
) -> World:
    """The mean field of a scenario (without its instruments).

    Args:
        scenario: the scenario.
        last_month: last month asked about.
        keep: which shipped shifters to keep (default: all); a fit that may not see what one was
            made from leaves it out.

    Raises:
        econsim.meanfield.MeanFieldError: the observed use cannot be reproduced.
    """
    bound = setting.bind(scenario.with_changes(instruments=()))
    if keep is not None:
        shifts = {k: v for k, v in shipped_shifts().items() if keep(k)}
        bound = with_shifts(bound, shifts)
    return World(bound, last_month)
