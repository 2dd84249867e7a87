"""Published numbers from the model's own accounts, and what Annex B would need.

A published estimate is rebuilt as a tiny economy: a few cells with a share of GDP and a saving,
no costs, no agents, booked and closed by :mod:`econsim.accounts` like any month of the model.  GDP
and productivity are then read from the ledger.  Nothing here has a formula of its own for GDP.

Rows, inputs, published values and tolerances: table ``replications``.  What each row's reading
is and why: ``docs/replications.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from econsim import accounts, behaviour, data
from econsim.arithmetic import exp, log

ACCOUNTS_METHOD = "accounts"
BLOCK_METHOD = "considering block"
CHECK_METHOD = "table check"

#: Tiny economies have this GDP, currency per period: only ratios are read from them.
_GDP = 1.0e12
_COUNTRIES = ("US", "CA", "UK", "DE", "FR", "IT", "JP")
_SPEEDS = ("slow", "medium", "fast")


@dataclass(frozen=True)
class Line:
    """One published number beside ours.

    Attributes:
        row: row of the table ``replications``.
        study: whose number it is.
        item: which number of the study.
        unit: of ``published``, ``ours``, ``tolerance``.
        published: as printed.
        ours: what the method returns.
        tolerance: largest difference that still counts as the same number.
        method: the accounts, the considering block, or simple arithmetic (a table check).
        reading: what is read, in words.
    """

    row: str
    study: str
    item: str
    unit: str
    published: float
    ours: float
    tolerance: float
    method: str
    reading: str

    @property
    def difference(self) -> float:
        """Ours less published, in ``unit``."""
        return self.ours - self.published

    @property
    def within(self) -> bool:
        """Whether the difference is no larger than the tolerance (up to rounding error)."""
        return abs(self.difference) <= self.tolerance * (1.0 + 1e-9) + 1e-12

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        return "within" if self.within else "OUTSIDE"

    def record(self) -> dict[str, Any]:
        """Fields, difference and verdict, for JSON."""
        return {**asdict(self), "difference": self.difference, "verdict": self.verdict}


@dataclass(frozen=True)
class Missing:
    """A published number that cannot be rebuilt here, and why."""

    row: str
    study: str
    reason: str


NOT_REPRODUCIBLE = (
    Missing(
        "R7",
        "Acemoglu 2024, investment response",
        "1.4 to 1.56 % of GDP rest on a propagation model whose inputs are not printed; inverted, "
        "they imply that capital grows by 2.0 to 2.1 %",
    ),
    Missing(
        "R12",
        "Aghion and Bunel 2024, upper bound 1.24 pp a year",
        "the set of inputs behind it was not seen",
    ),
    Missing(
        "R20",
        "Penn Wharton Budget Model 2025",
        "the path of adoption is not printed; the mean of 0.149 pp a year to 2035 fits the "
        "printed peak of 0.2",
    ),
    Missing(
        "R21",
        "Goldman Sachs 2023, 7 % of world GDP",
        "inputs are not public, and the two headline numbers are different objects (world GDP; "
        "US labour productivity after adoption)",
    ),
    Missing(
        "R23",
        "Nagle and Yue 2025, saving of 24.8 billion USD",
        "needs prices and quality by model, which are not public; inverted, the market is about "
        "35 billion USD",
    ),
    Missing(
        "R32",
        "logistic curve of EU cloud use",
        "our own fit to Eurostat figures, not a published number",
    ),
)


# --- Tiny economies ---------------------------------------------------------------------------


def book(
    value: Sequence[float],
    saving: Sequence[float],
    *,
    first_order: bool = True,
    channels: accounts.Channels | None = None,
    services: Sequence[float] | np.ndarray | None = None,
) -> accounts.Month:
    r"""Book and close a tiny economy whose only event is a saving.

    .. math:: \ln(GDP / GDP_0) = \sum_i value_i\, s_i \quad (first\ order)

    Args:
        value: share of GDP of each cell, ``[cells]``; the rest of GDP saves nothing.
        saving: cost saved, share of the cell's value added, ``[cells]``.
        first_order: book ``s``; otherwise ``-ln(1 - s)``.
        channels: structural channels; each cell is a sector of its own.
        services: resident AI services bought, share of GDP, ``[cells]``; none when not given.

    Returns:
        The closed month; GDP without the saving is ``1e12``.
    """
    cells = len(value)
    baseline = _GDP * np.asarray(value, dtype=np.float64)
    share = behaviour.benefit(baseline, np.asarray(saving, dtype=np.float64), 1.0) / baseline
    none = np.zeros(cells)
    bought = none if services is None else _GDP * np.asarray(services, dtype=np.float64)
    return accounts.close(
        accounts.Flows(
            baseline=baseline,
            baseline_rest=np.array([_GDP - baseline.sum()]),
            gain=baseline * accounts.gross_gain(share, 1.0 if first_order else 0.0),
            hours=none,
            services_domestic=bought,
            services_foreign=none,
            hardware=none,
            rents_foreign=none,
            rents_domestic=none,
            vouchers=none,
            labour_share=np.full(cells, 0.6),
            mark_up_share=0.0,
            shares=(0.6, 0.2, 0.2),
            rest_labour_share=0.6,
            sector=np.arange(cells),
            channels=channels or accounts.Channels(),
        )
    )


def gdp_log_change(month: accounts.Month) -> float:
    """Log change of GDP, read from the ledger."""
    return float(log(np.float64(month.gdp / month.baseline_gdp)))


def multiplier(month: accounts.Month) -> float:
    """Log change of GDP over log change of productivity: what capital adds."""
    return gdp_log_change(month) / month.productivity


def _deepening(capital_share: float) -> accounts.Channels:
    return accounts.Channels(capital_deepening=1.0, capital_share=capital_share)


def output_gain(adopting: float, gain: float, channels: accounts.Channels) -> accounts.Month:
    r"""Book a *level* of output gained by adopters, as the OECD papers add them up.

    An output gain ``x`` at given inputs is a saving ``x / (1 + x)``, booked as ``ln(1 + x)``; with
    an elasticity of substitution of 2 across cells the accounts add levels:

    .. math:: \ln(GDP / GDP_0) = \ln(1 + adopting \cdot x)

    Args:
        adopting: share of GDP that adopts.
        gain: output gained by an adopter, share.
        channels: further channels; the elasticity of substitution is set here.
    """
    return book(
        [adopting],
        [gain / (1.0 + gain)],
        first_order=False,
        channels=replace(channels, substitution=2.0),
    )


# --- The table --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Inputs:
    """Inputs of one row: ``inputs["exposed"]``."""

    row: str
    values: dict[str, float]

    def __getitem__(self, item: str) -> float:
        try:
            return self.values[item]
        except KeyError as error:
            raise data.DataError("replications", f"no input {self.row}/{item}") from error

    def get(self, *items: str) -> list[float]:
        """Several inputs in order."""
        return [self[item] for item in items]


def _inputs(row: str) -> Inputs:
    frame = data.table("replications")
    chosen = frame[(frame["row"] == row) & (frame["role"] == "input")]
    return Inputs(row, {str(r.item): float(r.value) for r in chosen.itertuples(index=False)})


Result = dict[str, float]
Rule = Callable[[Inputs], Result]


@dataclass(frozen=True)
class Row:
    """One row: its name, its rule (inputs to items in published units) and its reading."""

    row: str
    study: str
    method: str
    reading: str
    rule: Rule = field(repr=False)


def _task_share(i: Inputs) -> float:
    """Share of GDP in tasks done with AI, as printed (rounded) where the study rounds it."""
    if "task_share" in i.values:
        return i["task_share"]
    return i["exposed"] * i["feasible"]


def _first_pass(i: Inputs) -> accounts.Month:
    """One cell of exposed and feasible tasks; the rest of GDP does not use AI."""
    return book([_task_share(i)], [i["saving"] * i["labour_share"]])


def _hard_tasks(i: Inputs) -> accounts.Month:
    """Two cells, easy and hard tasks, each with its own saving."""
    easy = i["easy_share"] * _task_share(i)
    return book(
        [easy, _task_share(i) - easy],
        [i["saving"] * i["labour_share"], i["hard_saving"] * i["labour_share"]],
    )


def _acemoglu(i: Inputs) -> Result:
    return {"productivity": 100.0 * _first_pass(i).productivity}


def _acemoglu_hard(i: Inputs) -> Result:
    return {"productivity": 100.0 * _hard_tasks(i).productivity}


def _acemoglu_gdp(i: Inputs) -> Result:
    channels = _deepening(i["capital_share"])
    months = {
        name: book([1.0], [i[f"productivity_{name}"] / 100.0], channels=channels)
        for name in ("low", "high")
    }
    return {
        **{f"gdp_{name}": 100.0 * gdp_log_change(month) for name, month in months.items()},
        "multiplier": multiplier(months["high"]),
    }


def _acemoglu_draft(i: Inputs) -> Result:
    gdp = _acemoglu_gdp(i)
    return {
        "productivity_first_pass": 100.0 * _first_pass(i).productivity,
        "productivity_hard_tasks": 100.0 * _hard_tasks(i).productivity,
        "gdp_low": gdp["gdp_low"],
        "gdp_high": gdp["gdp_high"],
    }


def _whole_economy(i: Inputs) -> Result:
    """Every exposed, feasible task of the economy, a tenth of the log change a year."""
    gain = 100.0 * _first_pass(i).productivity
    return {"productivity": gain, "per_year": gain / 10.0}


def _matrix(i: Inputs, month: Callable[[float, float], float]) -> Result:
    return {
        f"{exposure}_{adoption}": 100.0
        * month(i[f"exposed_{exposure}"] * i[f"adoption_{adoption}"], i["gain"])
        for exposure in ("automation", "baseline", "expanded")
        for adoption in ("low", "high")
    }


def _matrix_naive(i: Inputs) -> Result:
    return _matrix(i, lambda adopting, gain: book([adopting], [gain]).productivity / 10.0)


def _yearly(month: accounts.Month) -> float:
    """Yearly growth of productivity that compounds to the month's change in ten years."""
    return float(exp(np.float64(month.productivity / 10.0))) - 1.0


def _matrix_recovered(i: Inputs) -> Result:
    none = accounts.Channels()
    return _matrix(i, lambda adopting, gain: _yearly(output_gain(adopting, gain, none)))


def _labour_productivity(i: Inputs) -> Result:
    channels = _deepening(i["capital_share"])
    return {
        f"labour_productivity_{name}": 100.0
        * gdp_log_change(book([1.0], [i[f"productivity_{name}"] / 100.0], channels=channels))
        for name in ("low", "high")
    }


def _harmonised(i: Inputs) -> Result:
    def effect(saving: float) -> float:
        month = book([1.0], [saving], first_order=False)
        return 100.0 * (month.gdp / month.baseline_gdp - 1.0)

    saved = {n: effect(i[f"time_saved_{n}"]) for n in ("peng", "noy_zhang", "haslberger")}
    month = book([1.0], [i["log_output_gambacorta"]])
    return {**saved, "gambacorta": 100.0 * (month.gdp / month.baseline_gdp - 1.0)}


def logistic_adoption(start: float, saturation: float, rate: float, years: float) -> float:
    """Adoption after ``years`` of logistic spreading: ``K logistic(logit(start / K) + r t)``."""
    odds = float(log(np.float64(start / (saturation - start))))
    return saturation * float(behaviour.logistic_share(np.float64(odds + rate * years)))


def logistic_rate(start: float, end: float, saturation: float, years: float) -> float:
    """Rate of a logistic curve through two points, per year."""
    ratio = (end / (saturation - end)) * ((saturation - start) / start)
    return float(log(np.float64(ratio))) / years


def oecd_cell(inputs: Inputs, country: str, speed: str, exposed: float | None = None) -> float:
    """Labour productivity growth of one country and speed of adoption, percent a year.

    The part of GDP that *newly* adopts within ten years, times one exposure per speed, gains 30 %
    in level; capital follows.  Reading: yearly productivity growth times the ledger's multiplier.
    """
    saturation = inputs["saturation"]
    rate = logistic_rate(
        inputs["adoption_2024_US"], inputs[f"adoption_us_10_years_{speed}"], saturation, 10.0
    )
    start = inputs[f"adoption_2024_{country}"]
    new = logistic_adoption(start, saturation, rate, 10.0) - start
    share = inputs[f"exposed_{speed}"] if exposed is None else exposed
    month = output_gain(share * new, inputs["gain"], _deepening(inputs["capital_share"]))
    return 100.0 * _yearly(month) * multiplier(month)


def _oecd(i: Inputs) -> Result:
    return {f"{c}_{s}": oecd_cell(i, c, s) for c in _COUNTRIES for s in _SPEEDS}


def _revenue_share(i: Inputs) -> Result:
    """Spending by the model's cost rule, booked as services; receipts read from the ledger."""
    tokens = np.array([1.0 - i["open_tokens"], i["open_tokens"]])
    price = np.array([1.0, i["open_price_ratio"]])
    spent = behaviour.yearly_cost(tokens, 0.0, 1.0, price, 0.0, 0.0, 0.0, 0.0)

    def receipts(spending: np.ndarray) -> float:
        month = book([0.3, 0.3], [0.0, 0.0], services=0.001 * spending)
        return month.ledger.total("resource", ("intermediate",), ("ai_suppliers",))

    total = receipts(spent)
    return {"open_revenue": 100.0 * (1.0 - receipts(spent * np.array([1.0, 0.0])) / total)}


# --- The considering block against Bass's closed form -----------------------------------------


def bass_closed_form(innovation: float, imitation: float, years: float) -> float:
    r"""Share that has considered, Bass (1969): ``(1 - e^{-(p+q)t}) / (1 + (q/p) e^{-(p+q)t})``."""
    decay = float(exp(np.float64(-(innovation + imitation) * years)))
    return (1.0 - decay) / (1.0 + imitation / innovation * decay)


def bass_by_block(
    innovation: float, imitation: float, years: float, steps_per_year: int
) -> np.ndarray:
    """The same share by the model's considering block, whose peers are frozen within a step.

    Args:
        innovation, imitation: hazards per year.
        years: horizon.
        steps_per_year: 12 is the model's month.

    Returns:
        ``ndarray[steps + 1]``, share at the end of each step, from zero.
    """
    step = 1.0 / steps_per_year
    pressure = np.float64(0.0)
    shares = [np.float64(0.0)]
    for _ in range(round(years * steps_per_year)):
        pressure = pressure + behaviour.considering_pressure(
            innovation, 1.0, imitation, shares[-1], step
        )
        shares.append(1.0 - exp(-pressure))
    return np.array(shares)


def _bass(i: Inputs) -> Result:
    p, q = i.get("innovation", "imitation")
    monthly = bass_by_block(p, q, 10.0, 12)
    peak = int(np.argmax(np.diff(monthly)))
    exact = bass_closed_form(p, q, 10.0)
    errors = [abs(bass_by_block(p, q, 10.0, n)[-1] - exact) for n in (12, 24)]
    return {
        "peak_years": (peak + 0.5) / 12.0,
        "share_at_peak": float(0.5 * (monthly[peak] + monthly[peak + 1])),
        "share_after_ten_years": float(monthly[-1]),
        "error_ratio_at_half_step": float(errors[0] / errors[1]),
    }


# --- Table checks: simple arithmetic on published figures -------------------------------------


def _ratio(i: Inputs, above: str, below: str) -> float:
    return i[above] / i[below]


def _cost_fall(i: Inputs) -> Result:
    compute, chips = 12.0 / i["compute_halving"], 1.0 / i["price_performance_doubling"]
    return {"cost_fall_per_year": float(exp(np.float64((compute + chips) * np.log(2.0))))}


def _energy(i: Inputs) -> Result:
    small, large = i["joule_small"] / 3600.0, i["joule_large"] / 3600.0
    return {"watt_hours_small": small, "watt_hours_large": large, "ratio": large / small}


_LOG = "log productivity over ten years (Month.productivity)"
_LOG_TENTH = "a tenth of the log productivity of ten years; not compounded, as published"
ROWS = (
    Row("R1", "Acemoglu 2024, first pass", ACCOUNTS_METHOD, _LOG, _acemoglu),
    Row(
        "R2",
        "Acemoglu 2024, with the Copilot study",
        ACCOUNTS_METHOD,
        f"{_LOG}; task share as printed, 0.046",
        _acemoglu,
    ),
    Row(
        "R4",
        "Acemoglu 2024, hard tasks",
        ACCOUNTS_METHOD,
        f"{_LOG}; unrounded inputs, two cells",
        _acemoglu_hard,
    ),
    Row(
        "R6",
        "Acemoglu 2024, GDP",
        ACCOUNTS_METHOD,
        "log change of GDP, capital deepening at 0.43, from the printed productivity",
        _acemoglu_gdp,
    ),
    Row("R9", "Acemoglu re-run by a third party", ACCOUNTS_METHOD, _LOG, _acemoglu),
    Row("R10", "Aghion and Bunel 2024, centre", ACCOUNTS_METHOD, _LOG_TENTH, _whole_economy),
    Row("R11", "Aghion and Bunel 2024, lower", ACCOUNTS_METHOD, _LOG_TENTH, _whole_economy),
    Row(
        "R13",
        "Bergeaud 2024, euro area",
        ACCOUNTS_METHOD,
        "log productivity over ten years, and a tenth of it",
        _whole_economy,
    ),
    Row(
        "R14",
        "Filippucci, Gal and Schief, naive rule (known to be 9 to 13 % low)",
        ACCOUNTS_METHOD,
        _LOG_TENTH,
        _matrix_naive,
    ),
    Row(
        "R15",
        "Filippucci, Gal and Schief, recovered rule",
        ACCOUNTS_METHOD,
        "yearly growth that compounds to the level gained; gain 0.348 inferred",
        _matrix_recovered,
    ),
    Row(
        "R16",
        "Filippucci, Gal and Schief, labour productivity",
        ACCOUNTS_METHOD,
        "log change of GDP a year at fixed labour, capital deepening at 1/3",
        _labour_productivity,
    ),
    Row(
        "R17",
        "harmonised experiments",
        ACCOUNTS_METHOD,
        "level of GDP of one cell: a saving x booked as -ln(1 - x)",
        _harmonised,
    ),
    Row(
        "R18",
        "OECD G7, 21 cells (one exposure per speed fitted)",
        ACCOUNTS_METHOD,
        "yearly productivity growth times the ledger's multiplier; one exposure per speed fitted",
        _oecd,
    ),
    Row(
        "R22",
        "Nagle and Yue 2025, open revenue",
        ACCOUNTS_METHOD,
        "receipts for open models over all receipts of suppliers in the ledger",
        _revenue_share,
    ),
    Row(
        "R31",
        "Bass 1969",
        BLOCK_METHOD,
        "steps of one month against the closed form",
        _bass,
    ),
    Row(
        "R3",
        "Acemoglu 2024, 30 % feasible",
        CHECK_METHOD,
        "one significant figure",
        lambda i: {
            "productivity": 100.0 * _task_share(i) * i["saving"] * i["labour_share"],
        },
    ),
    Row(
        "R5",
        "Acemoglu 2024, a year",
        CHECK_METHOD,
        "compounded; the published value is slightly low",
        lambda i: {"per_year": 100.0 * ((1.0 + i["productivity"] / 100.0) ** 0.1 - 1.0)},
    ),
    Row(
        "R8",
        "Acemoglu, draft of April 2024",
        CHECK_METHOD,
        "as R1, R4 and R6, unrounded; an earlier version, not to be mixed with them",
        _acemoglu_draft,
    ),
    Row(
        "R19",
        "Anthropic 2025",
        CHECK_METHOD,
        "labour productivity times the labour share",
        lambda i: {"productivity": i["labour_productivity"] * i["labour_share"]},
    ),
    Row(
        "R24",
        "Hoffmann, Nagle and Zhou 2024",
        CHECK_METHOD,
        "ratio",
        lambda i: {"multiple": _ratio(i, "spending_without", "spending_with")},
    ),
    Row(
        "R25",
        "Blind et al. 2021",
        CHECK_METHOD,
        "ratio: the two headline claims of the study are one estimate",
        lambda i: {
            f"effect_{n}_of_gdp": 100.0 * _ratio(i, f"effect_{n}", "gdp") for n in ("low", "high")
        },
    ),
    Row(
        "R26",
        "AI Index 2025",
        CHECK_METHOD,
        "ratio; the dates imply 23 months, the report says 18",
        lambda i: {"multiple": _ratio(i, "price_before", "price_after")},
    ),
    Row(
        "R27",
        "Andreessen Horowitz 2024",
        CHECK_METHOD,
        "cube root",
        lambda i: {
            "multiple_per_year": _ratio(i, "price_before", "price_after") ** (1.0 / i["years"])
        },
    ),
    Row(
        "R28",
        "Ho et al. with Hobbhahn and Besiroglu",
        CHECK_METHOD,
        "product of two rates; nothing published to compare with but a first recomputation",
        _cost_fall,
    ),
    Row(
        "R29",
        "mean of two experiments",
        CHECK_METHOD,
        "mean",
        lambda i: {"saving": 0.5 * (i["noy_zhang"] + i["brynjolfsson"])},
    ),
    Row(
        "R30",
        "Peng et al. 2023",
        CHECK_METHOD,
        "share of time saved",
        lambda i: {"time_saved": 100.0 * (1.0 - _ratio(i, "minutes_with", "minutes_without"))},
    ),
    Row("R33", "energy of one answer", CHECK_METHOD, "joule over 3600", _energy),
)


def replicate() -> list[Line]:
    """Every row that can be rebuilt, in the order of :data:`ROWS`.

    Raises:
        econsim.data.DataError: the table lacks an input, or a published item has no rule.
        econsim.accounts.LedgerError: an identity of a tiny economy is broken.
    """
    return [line for row in ROWS for line in _lines(row)]


def _lines(row: Row) -> Iterator[Line]:
    frame = data.table("replications")
    published = frame[(frame["row"] == row.row) & (frame["role"] == "published")]
    ours = row.rule(_inputs(row.row))
    for r in published.itertuples(index=False):
        if r.item not in ours:
            raise data.DataError("replications", f"no rule for {row.row}/{r.item}")
        yield Line(
            row=row.row,
            study=row.study,
            item=str(r.item),
            unit=str(r.unit),
            published=float(r.value),
            ours=ours[r.item],
            tolerance=float(r.tolerance),
            method=row.method,
            reading=row.reading,
        )


# --- Annex B: what 1.5 trillion USD would need ------------------------------------------------

#: Benefit to US businesses in 2035, USD (Mandala Partners 2024, the published companion).
ANNEX_B_TARGET = 1.5e12
#: Middle of 2035, months after January 2021.
_MIDDLE_OF_2035 = 173.5


@dataclass(frozen=True)
class TaskScenario:
    """What AI does to the firms that adopt it.

    Attributes:
        name: whose numbers.
        saving: labour cost saved on a task done with AI, share.
        ceiling: share of exposed tasks on which AI pays.
        depth: share of the attainable saving that the mean adopter realises.
        exposure: share of tasks exposed; ``None`` takes each sector's own.
        labour_share: ``None`` takes each sector's own.
        capital_deepening: 0 to 1, with the capital share of Acemoglu (2024).
    """

    name: str
    saving: float
    ceiling: float
    depth: float = 1.0
    exposure: float | None = None
    labour_share: float | None = None
    capital_deepening: float = 0.0


TASK_SCENARIOS = (
    TaskScenario("Acemoglu 2024", 0.27, 0.23, exposure=0.199, labour_share=0.535),
    TaskScenario("model defaults, sectors' own exposure", 0.27, 0.40, depth=0.43),
    TaskScenario("Bergeaud 2024", 0.35, 0.40, exposure=0.43, labour_share=0.48),
    TaskScenario("Aghion and Bunel 2024", 0.40, 0.50, exposure=0.60, labour_share=0.57),
    TaskScenario(
        "the same, and capital follows",
        0.40,
        0.50,
        exposure=0.60,
        labour_share=0.57,
        capital_deepening=1.0,
    ),
)


@dataclass(frozen=True)
class UsBusiness:
    """US business economy in 2035, prices of 2024, before general-purpose AI.

    Attributes:
        value_added: ``ndarray[sectors]``, USD a year.
        rest: value added of the rest of the economy, USD a year.
        labour_share, exposure: ``ndarray[sectors]``.
        rest_labour_share: of the rest of the economy.
        shares: household, government and investment shares of GDP.
    """

    value_added: np.ndarray
    rest: float
    labour_share: np.ndarray
    exposure: np.ndarray
    rest_labour_share: float
    shares: tuple[float, float, float]


def us_business() -> UsBusiness:
    """The US of scenario ``us-diverse`` in the middle of 2035, by sector."""
    from econsim import setting
    from econsim.scenario import load

    bound = setting.bind(load("us-diverse"))
    values, cells = bound.values, bound.cells
    grown = float(setting.activity(bound.values, _MIDDLE_OF_2035))
    value = 1e6 * values["economy.price_index_2024"] * cells.value_added * grown
    totals = np.bincount(cells.sector, weights=value)

    def mean(column: np.ndarray) -> np.ndarray:
        return np.bincount(cells.sector, weights=value * column) / np.maximum(totals, 1e-300)

    kept = totals > 0.0
    return UsBusiness(
        value_added=totals[kept],
        rest=float(bound.gdp.sum() * grown - totals.sum()),
        labour_share=mean(bound.labour_share)[kept],
        exposure=mean(bound.exposure)[kept],
        rest_labour_share=bound.rest_labour_share,
        shares=(
            values["economy.household_share"],
            values["economy.government_share"],
            values["economy.investment_share"],
        ),
    )


def annex_b_month(
    economy: UsBusiness, task: TaskScenario, adoption: float, supplier_rents: float = 0.0
) -> accounts.Month:
    """The year 2035 of US business, booked and closed by the accounts (flows are yearly).

    Args:
        economy: :func:`us_business`.
        task: what AI does to adopters.
        adoption: share of business value added in firms that use AI.
        supplier_rents: paid to resident suppliers above cost, USD a year: a transfer.
    """
    value = economy.value_added
    labour = economy.labour_share if task.labour_share is None else task.labour_share
    exposure = economy.exposure if task.exposure is None else task.exposure
    rate = labour * exposure * task.saving * task.ceiling
    saving = behaviour.benefit(value, rate, task.depth) / value
    none = np.zeros_like(value)
    return accounts.close(
        accounts.Flows(
            baseline=value,
            baseline_rest=np.array([economy.rest]),
            gain=adoption * value * accounts.gross_gain(saving, 0.0),
            hours=none,
            services_domestic=none,
            services_foreign=none,
            hardware=none,
            rents_foreign=none,
            rents_domestic=supplier_rents * value / value.sum(),
            vouchers=none,
            labour_share=economy.labour_share,
            mark_up_share=0.0,
            shares=economy.shares,
            rest_labour_share=economy.rest_labour_share,
            channels=accounts.Channels(capital_deepening=task.capital_deepening),
        )
    )


def annex_b_gain(economy: UsBusiness, task: TaskScenario, gap: float) -> float:
    """GDP gained when a further share ``gap`` of business value added adopts, USD a year."""
    with_open = annex_b_month(economy, task, gap)
    return with_open.gdp - annex_b_month(economy, task, 0.0).gdp


def needed(gain: Callable[[float], float], target: float, largest: float) -> float | None:
    """Smallest value at which ``gain`` reaches ``target``; ``None`` if ``largest`` does not."""
    from scipy.optimize import brentq

    if gain(largest) < target:
        return None
    return float(brentq(lambda x: gain(x) - target, 0.0, largest, xtol=1e-10))


def needed_per_adopter(economy: UsBusiness, target: float, gap: float) -> float:
    """Output that each further adopter would have to gain, share of its value added.

    Whatever the tasks: all of value added counts as exposed labour, and the saving ``s`` that
    reaches ``target`` is an output gain ``1 / (1 - s) - 1``.
    """
    everything = TaskScenario("any", 0.0, 1.0, exposure=1.0, labour_share=1.0)
    saving = needed(
        lambda x: annex_b_gain(economy, replace(everything, saving=x), gap), target, 1.0 - 1e-6
    )
    return float("inf") if saving is None else 1.0 / (1.0 - saving) - 1.0


@dataclass(frozen=True)
class Reconciliation:
    """What one task scenario would need to reach the published benefit.

    Attributes:
        name: of the task scenario.
        full_effect: GDP gained if all US business adopts against none, USD a year.
        full_share: the same, share of business value added.
        gain: GDP gained at the reference gap, USD a year.
        gap, saving, ceiling, depth: value needed of each *alone*, the others as given (the last
            three at the reference gap); ``None``: no possible value reaches the target.
        transfers: to be counted beside GDP at the reference gap, USD a year.
    """

    name: str
    full_effect: float
    full_share: float
    gain: float
    gap: float | None
    saving: float | None
    ceiling: float | None
    depth: float | None
    transfers: float


#: Adoption gap between the two ecosystems, share of business value added: what the headline's
#: first-order line gives for lambda 0.8, open share 0.3 and use of 40 %, its largest corner.
REFERENCE_GAP = 0.066


def annex_b(target: float = ANNEX_B_TARGET, gap: float = REFERENCE_GAP) -> list[Reconciliation]:
    """What would have to be assumed to reach ``target`` in 2035, by task scenario.

    Gains of output come from the accounts.  Transfers (lower rents of AI suppliers, lower
    prices) are what is left: they are benefits to users and losses to suppliers, so the ledger
    leaves GDP unchanged by them, and a sum that counts them is not a gain of GDP.

    Args:
        target: benefit to be reached, USD a year.
        gap: adoption gap, share of business value added.
    """
    economy = us_business()
    total = float(economy.value_added.sum())
    found = []
    for task in TASK_SCENARIOS:
        now = annex_b_gain(economy, task, gap)
        full = annex_b_gain(economy, task, 1.0)
        alone = {
            name: _needed_alone(economy, task, gap, target, name)
            for name in ("gap", "saving", "ceiling", "depth")
        }
        found.append(
            Reconciliation(
                name=task.name,
                full_effect=full,
                full_share=full / total,
                gain=now,
                transfers=target - now,
                **alone,
            )
        )
    return found


def _needed_alone(
    economy: UsBusiness, task: TaskScenario, gap: float, target: float, name: str
) -> float | None:
    """Value of one assumption, from 0 to 1, that reaches the target while the others stay."""

    def gain(value: float) -> float:
        if name == "gap":
            return annex_b_gain(economy, task, value)
        changed: dict[str, Any] = {name: value}
        return annex_b_gain(economy, replace(task, **changed), gap)

    return needed(gain, target, 1.0)
