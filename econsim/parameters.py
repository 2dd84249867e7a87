"""Every structural number of the model, once.

A :class:`Parameter` carries its label, default, unit, bounds, definition and source.  Its ``kind``
says what one may do with it:

``lever``
    a policy instrument may change it over time (``term:`` in a scenario file);
``uncertainty``
    nobody decides it and nobody knows it exactly; studies vary it, policies may not;
``constant``
    a convention of the model (a date, a discount rate); changed only on purpose, in a scenario's
    ``parameters:`` block.

Names are ``block.name``.  Levers of AI options are declared once as ``option.name`` and addressed
in scenario files with a scope instead of ``option``: the name of one option, or ``open``,
``closed`` or ``all``.

``source`` is a primary source, or begins with ``assumption``, or ``fitted``: then the default was
estimated by ``econsim calibrate --point`` on Eurostat isoc_eb_ai 2021, 2023 and 2024.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


class ParameterError(ValueError):
    """A parameter name or value that the model does not accept."""


@dataclass(frozen=True)
class Parameter:
    """One number of the model: what it means, what it is worth, and who says so.

    ``label`` is what figures and forms call it.
    """

    name: str
    label: str
    default: float
    unit: str
    low: float
    high: float
    kind: str
    definition: str
    source: str

    def check(self, value: float) -> float:
        """Return ``value`` as a float, or raise :class:`ParameterError` when out of bounds."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ParameterError(f"{self.name}: expected a number in {self.unit}, got {value!r}")
        number = float(value)
        if not math.isfinite(number) or not self.low <= number <= self.high:
            unit = "" if self.unit == "1" else f" {self.unit}"
            raise ParameterError(
                f"{self.name}: {value!r} is outside {self.low:g} to {self.high:g}{unit}"
            )
        return number


def _table(kind: str, rows: Iterable[tuple]) -> dict[str, Parameter]:
    return {
        name: Parameter(
            name, label, float(default), unit, float(low), float(high), kind, text, source
        )
        for name, label, default, unit, low, high, text, source in rows
    }


_FIT = "fitted: Eurostat isoc_eb_ai, use by size class 2021, 2023, 2024 (econsim calibrate --point)"

# fmt: off
UNCERTAINTIES = _table(
    "uncertainty",
    [
        # name, label, default, unit, low, high, definition, source
        (
            "choice.lambda", "Users lost, not diverted (λ)",
            0.5, "1", 0.05, 1.0,
            "Dissimilarity of AI options within the nest of AI use: near 0 a removed option's "
            "users all divert to another AI option, at 1 they spread over all alternatives "
            "including no AI. Not identified by data on use: an axis of every headline.",
            "assumption: joint axis of the headline, prior uniform 0.2 to 0.9",
        ),
        (
            "choice.open_share", "Open share in 2024",
            0.15, "share", 0.01, 0.6,
            "Share of general-purpose AI users with 10 or more persons engaged who were on "
            "open-weight options in February 2024. Not identified by data on use: an axis of "
            "every headline.",
            "Menlo Ventures 2024-2025 (11-19 % of enterprise workloads); OpenRouter 2025 (about "
            "30 % of tokens); Eurostat isoc_eb_ai 2024 route (27 %, diagnostic only)",
        ),
        (
            "choice.beta", "Response to net saving",
            0.5348, "1", 0.1, 3.0,
            "Elasticity of the odds of choosing AI to net saving over the hurdle.",
            _FIT,
        ),
        (
            "choice.persistence", "Persistence of choices",
            0.75, "share/year", 0.5, 1.0,
            "Probability that a firm keeps all its draws from one yearly evaluation to the next "
            "(rho); otherwise all are redrawn together.",
            "assumption: set so that 5-15 % of users leave in a year (range of survey and "
            "subscription evidence); Menlo Ventures 2025: 11 % switched supplier in a year",
        ),
        (
            "choice.switching_cost", "Switching cost",
            0.0, "EUR/person", 0.0, 1000.0,
            "One-off money cost of moving from one AI option to another, per person engaged, "
            "annuitised like set-up.",
            "assumption: off by default, so that shares follow the nested logit exactly",
        ),
        (
            "considering.hazard", "Pace of considering AI",
            0.0133, "1/month", 0.0001, 0.5,
            "Hazard at which an applicable firm of 10 persons and low digital maturity begins to "
            "consider general-purpose AI, before peers.",
            _FIT,
        ),
        (
            "considering.size_slope", "Considering, by size",
            0.1995, "1", -0.5, 1.5,
            "Elasticity of the considering hazard to persons engaged.",
            _FIT,
        ),
        (
            "considering.maturity_slope", "Considering, by digital maturity",
            0.2889, "log points", -1.0, 3.0,
            "Difference in the log hazard of considering between digitally mature firms and "
            "others.",
            _FIT,
        ),
        (
            "considering.peers", "Imitation of peers",
            0.0, "1/month", 0.0, 0.3,
            "Imitation: added hazard per share of applicable firms of the same country and "
            "sector that already consider (Bass's q).",
            "CEPR DP20894: no effect on AI in a trial of 3,000 Italian firms (default 0); "
            "Sultan, Farley and Lehmann 1990: mean q 0.38 a year over 213 applications",
        ),
        (
            "considering.applicable_share", "Firms to which AI applies",
            0.5599, "share", 0.1, 1.0,
            "Share of firms of 10 persons to whose business general-purpose AI applies at all "
            "within the horizon.",
            _FIT + "; US Census BTOS AI supplement 2026: 61.6 % of non-users say not applicable",
        ),
        (
            "considering.applicable_size_slope", "Applicability, by size",
            0.06833, "log odds", -0.5, 1.0,
            "Change of the log odds of applicability per unit of log persons engaged.",
            _FIT,
        ),
        (
            "hurdle.size_elasticity", "Hurdle, by size",
            0.7735, "1", 0.0, 1.5,
            "Elasticity of the hurdle (skill, data, attention, perceived risk) to persons "
            "engaged (phi).",
            _FIT,
        ),
        (
            "hurdle.decline", "Yearly fall of the hurdle",
            0.09434, "1/year", -0.3, 1.0,
            "Yearly log decline of the hurdle as tools, skills and examples spread.",
            _FIT,
        ),
        (
            "hurdle.maturity_effect", "Hurdle, by digital maturity",
            0.7171, "log points", -1.0, 4.0,
            "By how much digital maturity lowers the log hurdle.",
            _FIT,
        ),
        (
            "hurdle.real_share", "Share of the hurdle that is real hours",
            0.1, "share", 0.0, 0.5,
            "Share of the hurdle that is real hours and is booked as a resource cost (chi); the "
            "rest is a shadow cost and never booked.",
            "assumption: anchored on digital voucher sizes (Kit Digital, 3,000-29,000 EUR)",
        ),
        (
            "hurdle.confidentiality", "Weight of confidentiality",
            0.3, "log points", 0.0, 2.0,
            "Rise of the log hurdle of a fully exposed option in a sector with regulated or "
            "secret data (tier 2); half of it in tier 1.",
            "assumption: 52-59 % of firms that considered AI and declined name data protection "
            "(Eurostat isoc_eb_ai 2025, direction only)",
        ),
        (
            "hurdle.dependence", "Weight of dependence on a supplier",
            0.1, "log points", 0.0, 1.0,
            "Rise of the log hurdle of an option that binds the firm fully to one supplier.",
            "assumption: NTIA comments 8d and 42 (direction only)",
        ),
        (
            "maturity.level", "Digital maturity",
            -0.54, "log odds", -5.0, 5.0,
            "Log odds that a firm of 10 persons is digitally mature (buys cloud services).",
            "fitted to Eurostat isoc_cicce_use 2023 (41.7 / 59.1 / 77.6 % by size class)",
        ),
        (
            "maturity.size_slope", "Digital maturity, by size",
            0.42, "log odds", -1.0, 2.0,
            "Change of the log odds of digital maturity per unit of log persons engaged.",
            "fitted to Eurostat isoc_cicce_use 2023 (41.7 / 59.1 / 77.6 % by size class)",
        ),
        (
            "narrow.level", "Use of narrow AI",
            -3.134, "log odds", -8.0, 2.0,
            "Log odds of using narrow AI (from before 2022) in a firm of 10 persons and low "
            "digital maturity.",
            _FIT,
        ),
        (
            "narrow.size_slope", "Narrow AI, by size",
            0.4826, "log odds", -0.5, 1.5,
            "Change of the log odds of narrow AI use per unit of log persons engaged.",
            _FIT,
        ),
        (
            "narrow.maturity_slope", "Narrow AI, by digital maturity",
            0.2131, "log odds", -1.0, 4.0,
            "Change of the log odds of narrow AI use with digital maturity.",
            _FIT,
        ),
        (
            "coverage.midpoint", "When AI covers half its tasks",
            41.84, "months", 0.0, 180.0,
            "Month after January 2021, at the frontier's reference pace, at which the closed "
            "frontier can deliver half of the feasible savings.",
            _FIT + "; any ceiling fits: the level is a literature scenario",
        ),
        (
            "coverage.rate", "Pace at which AI covers tasks",
            0.04826, "1/month", 0.005, 0.5,
            "Rate of the logistic path of coverage.",
            _FIT,
        ),
        (
            "benefit.ceiling", "Share of exposed tasks that pay",
            0.4, "share", 0.05, 1.0,
            "Share of exposed tasks on which AI saves cost profitably once coverage is complete.",
            "Bergeaud 2024 (0.40); Acemoglu 2024 (0.23); Aghion and Bunel 2024 (0.50)",
        ),
        (
            "benefit.saving", "Saving on a task done with AI",
            0.27, "share", 0.01, 0.6,
            "Labour-cost saving on a task done with AI.",
            "Acemoglu 2024: mean of Noy and Zhang 2023 and Brynjolfsson et al. 2023 (0.27); "
            "range 0.14 (experienced workers) to 0.40 (Aghion and Bunel 2024)",
        ),
        (
            "benefit.light_depth", "Depth of light use",
            0.25, "share", 0.0, 1.0,
            "Share of the attainable saving that a light user realises; a deep user realises all.",
            "assumption: OECD D4SME 2026, 76 % of SME users are novices with isolated "
            "off-the-shelf use",
        ),
        (
            "benefit.deep_share", "Share of deep users",
            0.24, "share", 0.0, 1.0,
            "Share of firms that would use AI deeply.",
            "OECD D4SME survey 2026: 24 % of SME users are not novices; ECB SAFE 2025: 10 % of "
            "users are intensive users",
        ),
        (
            "learning.start", "Saving realised at the start",
            0.5, "share", 0.0, 1.0,
            "Share of the attainable saving realised at the start of use.",
            "assumption",
        ),
        (
            "learning.time", "Time to learn",
            12.0, "months", 1.0, 60.0,
            "Time constant of learning by use.",
            "assumption",
        ),
        (
            "learning.carry_over", "Experience kept on a move",
            0.5, "share", 0.0, 1.0,
            "Share of experience kept on a move between the closed and the open family; within "
            "a family all is kept.",
            "assumption",
        ),
        (
            "cost.seat_share", "Seats per person",
            0.4, "seats/person", 0.02, 1.0,
            "Seats or usage-equivalent seats bought per person engaged in a deep user; light "
            "users buy the share of it that their depth is.",
            "assumption: Ramp AI Index 2026, median spend 137 USD per employee and year",
        ),
        (
            "cost.size_elasticity", "Set-up hours, by size",
            0.6, "1", 0.0, 1.0,
            "Elasticity of set-up hours to persons engaged (1: no economies of scale).",
            "assumption",
        ),
        (
            "cost.liquidity_wedge", "Credit limits of small firms",
            0.0, "share", 0.0, 3.0,
            "Extra weight that firms under 50 persons give to up-front money (credit limits).",
            "assumption: off by default",
        ),
        (
            "supply.rents_elasticity", "Frontier's response to rents",
            0.0, "1", -1.0, 1.0,
            "Elasticity of the frontier's pace to the rents of closed suppliers (psi).",
            "assumption: range spans zero; rents finance research, or protect it",
        ),
        (
            "supply.pool_elasticity", "Frontier's response to the open pool",
            0.0, "1", -1.0, 1.0,
            "Elasticity of the frontier's pace to the open pool (xi).",
            "assumption: range spans zero",
        ),
        (
            "supply.lag_pool_elasticity", "Open lag's response to the open pool",
            0.3, "1", 0.0, 2.0,
            "Elasticity of the open lag to a shrinking open pool.",
            "assumption: NTIA comments 9-10 count stocks, not responses; 0 is in the range",
        ),
        (
            "supply.pool_recovery", "Recovery of the open pool",
            0.05, "1/month", 0.0, 1.0,
            "Share of a lost open pool that comes back each month once nothing keeps it away "
            "(0: never, a point of no return; 1: at once).",
            "assumption: LAION 2023 names a possible point of no return; no measurement",
        ),
        (
            "supply.fit_pool_elasticity", "Fit's response to the open pool",
            0.05, "1", 0.0, 0.5,
            "Elasticity of the fit of open options to the open pool (variants per sector).",
            "assumption: NTIA comments 9-10 count stocks, not responses; 0 is in the range",
        ),
        (
            "supply.silencing", "Silencing of open contributors",
            0.5, "share", 0.0, 1.0,
            "Weight of the budget rule: the share of open contributors whose budget a duty "
            "exceeds falls silent, times this weight (0: no response).",
            "assumption: NTIA comments 29a-c name the channel; no measured response, so the prior "
            "includes none",
        ),
        (
            "supply.base_budget", "Budget of base-model developers",
            5.0e6, "EUR", 1.0e4, 1.0e10,
            "Median budget of developers of open base models (lognormal).",
            "Stability AI, comments to NTIA 2024, 8b: about 5 million USD to train a "
            "70-billion-parameter model in 2024",
        ),
        (
            "supply.base_budget_spread", "Spread of developers' budgets",
            1.5, "log points", 0.1, 5.0,
            "Standard deviation of the log budget of developers of open base models.",
            "assumption",
        ),
        (
            "supply.variant_budget", "Budget of variants' contributors",
            1000.0, "EUR", 1.0, 1.0e7,
            "Median budget of contributors of variants of open models (lognormal).",
            "assumption: grass-roots developers (NTIA comments 9-10)",
        ),
        (
            "supply.variant_budget_spread", "Spread of contributors' budgets",
            1.5, "log points", 0.1, 5.0,
            "Standard deviation of the log budget of contributors of variants.",
            "assumption",
        ),
        (
            "supply.deployed_share", "Share of models put on the market",
            0.1, "share", 0.0, 1.0,
            "Share of open models and variants that are put on the market at all.",
            "assumption",
        ),
        (
            "supply.deployers_per_variant", "Firms deploying a variant",
            5.0, "firms", 0.0, 10000.0,
            "Firms that deploy a variant: how often a duty pushed upstream falls on it.",
            "assumption",
        ),
        (
            "supply.price_response", "Price rise without open models",
            0.25, "share", 0.0, 1.0,
            "Rise of the price of closed options when all open options leave.",
            "assumption: prior uniform 0 to 0.5, stress 1.0",
        ),
        (
            "supply.vendor_pass_through", "Pass-through by software vendors",
            0.5, "share", 0.0, 1.5,
            "Share of a change of the model price that vendors of ready-made software pass on.",
            "assumption: prior uniform 0 to 1",
        ),
        (
            "supply.vendor_open_base", "Software built on open models",
            0.2, "share", 0.0, 1.0,
            "Share of ready-made AI software built on open models before any ban.",
            "Menlo Ventures 2024-2025: 11-19 % of enterprise workloads on open models",
        ),
        (
            "supply.vendor_model_cost", "Model's part of software prices",
            0.2, "share", 0.0, 1.0,
            "Share of the price of ready-made AI software that is the cost of the model.",
            "assumption",
        ),
        (
            "supply.open_price_ratio", "Open price relative to closed",
            0.1566, "ratio", 0.01, 1.5,
            "List price of open models relative to closed ones at the same use.",
            "Nagle and Yue 2025 (SSRN 5767103): 15.66 %",
        ),
        (
            "openness.data_fit", "Gain in fit from open data",
            0.05, "share", -0.5, 1.0,
            "Gain in fit of an option whose training data are fully open.",
            "assumption: EOSA 2025 (the gradient of openness); the sign may be either",
        ),
        (
            "openness.code_trust", "Gain in trust from open code",
            0.1, "log points", -1.0, 1.0,
            "Fall of the perceived risk of an option whose code is fully open.",
            "assumption: EOSA 2025; the sign may be either (misuse, security)",
        ),
        (
            "supply.domestic_pool_share", "Domestic share of the open pool",
            0.2, "share", 0.0, 1.0,
            "Share of the open pool (developers, base models) under the region's jurisdiction.",
            "assumption",
        ),
        (
            "supply.mark_up_share", "Mark-up in the price of AI",
            0.4, "share", 0.0, 0.95,
            "Share of the price of AI services that is mark-up over resource cost.",
            "assumption: range 0 to 0.8",
        ),
        (
            "survey.us_reporting_share", "Users who report use (US survey)",
            0.33, "share", 0.1, 1.0,
            "Share of using firms that answer yes to the US BTOS question in its old wording "
            "(use in producing goods or services in the last two weeks).",
            "assumption: OECD G7 2025, core-business use in Europe about a third of any use; until "
            "the US survey equation is calibrated",
        ),
        (
            "accounts.marginal_cost_of_funds", "Marginal cost of public funds",
            1.2, "ratio", 1.0, 2.0,
            "Cost to the economy of one unit of public money; what exceeds 1 is lost output.",
            "assumption: range 1.0 to 1.5 in public-finance studies",
        ),
        (
            "accounts.capital_deepening", "Capital deepening",
            0.0, "share", 0.0, 1.0,
            "How far capital follows persistent net productivity: 1 gives the multiplier "
            "1 / (1 - capital share); the investment is deducted from consumption.",
            "structural choice, off by default; Acemoglu 2024",
        ),
        (
            "accounts.capital_share", "Capital share",
            0.43, "share", 0.1, 0.7,
            "Capital share in that multiplier.",
            "Acemoglu 2024 (0.43)",
        ),
        (
            "accounts.sector_substitution", "Substitution across sectors",
            1.0, "1", 0.05, 3.0,
            "Elasticity of substitution across sectors; 1 is Hulten's aggregation, below 1 slow "
            "sectors weigh more (Baumol).",
            "structural choice, off by default; Filippucci, Gal and Schief 2024",
        ),
        (
            "accounts.reallocation", "Reallocation within sectors",
            0.0, "1", 0.0, 5.0,
            "Elasticity of labour to firms' productivity within sectors.",
            "structural choice, off by default",
        ),
        (
            "energy.emission_factor", "Emissions of electricity",
            0.25, "kg CO2e/kWh", 0.0, 1.5,
            "Emissions per unit of electricity used by AI.",
            "assumption: about the EU grid average of recent years",
        ),
        (
            "accounts.first_order", "First-order savings",
            0.0, "switch", 0.0, 1.0,
            "1 books a saving s as s instead of -ln(1 - s), as the replicated papers do.",
            "structural choice",
        ),
    ],
)

CONSTANTS = _table(
    "constant",
    [
        (
            "economy.gdp_growth", "Growth of baseline value added",
            0.014, "1/year", -0.05, 0.1,
            "Growth of baseline gross value added, at constant prices.",
            "European Commission, Autumn 2025 Economic Forecast: EU potential growth 1.3-1.5 %; "
            "CBO 2025 for the US (1.8 %, set in the US scenarios)",
        ),
        (
            "economy.price_index_2024", "Price level of 2024",
            1.0305, "ratio", 0.8, 1.5,
            "Price level of 2024 relative to the year of the value-added tables (2023).",
            "Eurostat nama_10_gdp deflator 2024 over 2023 (3.05 %); BEA for the US scenarios",
        ),
        (
            "economy.household_share", "Household consumption",
            0.53, "share of GDP", 0.2, 0.9,
            "Baseline household consumption.",
            "assumption: rounded national accounts share; moves levels of consumption only",
        ),
        (
            "economy.government_share", "Government consumption",
            0.21, "share of GDP", 0.05, 0.5,
            "Baseline government consumption.",
            "assumption: rounded national accounts share; moves levels only",
        ),
        (
            "economy.investment_share", "Investment",
            0.22, "share of GDP", 0.05, 0.5,
            "Baseline gross fixed capital formation; net exports are what the three shares leave.",
            "assumption: rounded national accounts share; moves levels only",
        ),
        (
            "economy.non_market_share", "Non-market services",
            0.15, "share of GDP", 0.0, 0.5,
            "Non-market public administration, education and health outside the business economy; "
            "volume gains there are shown beside GDP, never in it.",
            "assumption: sections O-Q are 19-20 % of EU GVA (Eurostat nama_10_a10) less the part "
            "that is in the business economy",
        ),
        (
            "economy.revenue_share", "Public revenue per GDP",
            0.4, "share of GDP", 0.0, 0.8,
            "Public revenue per unit of extra GDP.",
            "assumption: about the EU ratio of taxes and contributions to GDP",
        ),
        (
            "economy.hourly_cost", "Hourly labour cost",
            32.0, "EUR/hour", 5.0, 200.0,
            "Hourly labour cost at which set-up and compliance hours are valued.",
            "assumption: about the Eurostat EU average hourly labour cost of 2023",
        ),
        (
            "economy.currency_per_eur", "Currency per EUR",
            1.0, "currency/EUR", 0.5, 2.0,
            "Conversion of option prices and costs in EUR into the region's currency.",
            "ECB annual average 2024: 1.0824 USD per EUR (set in the US scenarios)",
        ),
        (
            "economy.discount_rate", "Social discount rate",
            0.03, "1/year", 0.0, 0.15,
            "Social discount rate of cumulative figures.",
            "European Commission, Better Regulation Toolbox 2021/2023: 3 %",
        ),
        (
            "cost.set_up_life", "Life of set-up",
            3.0, "years", 1.0, 10.0,
            "Years over which set-up is annuitised.",
            "assumption",
        ),
        (
            "cost.interest", "Interest on up-front money",
            0.08, "1/year", 0.0, 0.5,
            "Interest at which firms annuitise up-front money.",
            "assumption",
        ),
        (
            "cost.hardware_life", "Life of hardware",
            4.0, "years", 1.0, 10.0,
            "Service life of own AI hardware.",
            "assumption",
        ),
        (
            "considering.start", "Start of general-purpose AI",
            22.0, "months", 0.0, 120.0,
            "Month after January 2021 in which general-purpose AI becomes known (November 2022).",
            "public release of ChatGPT, 30 November 2022",
        ),
        (
            "supply.open_lag_2021", "Open lag in 2021",
            28.0, "months", 0.0, 60.0,
            "Lag of open behind closed models in 2021.",
            "Stability AI, comments to NTIA 2024, paragraph 38 (GPT-J behind GPT-2: 28 months)",
        ),
        (
            "supply.open_lag_2023", "Open lag in mid-2023",
            9.0, "months", 0.0, 60.0,
            "Lag of open behind closed models in mid-2023.",
            "Stability AI, comments to NTIA 2024, paragraph 38 (8 to 10 months behind GPT-3.5)",
        ),
        (
            "supply.open_lag_2025", "Open lag from 2025",
            3.5, "months", 0.0, 60.0,
            "Lag of open behind closed models from 2025 on.",
            "Epoch AI 2025-2026: 3 to 4 months (90 % interval 1.1 to 5.3)",
        ),
        (
            "supply.score_2024", "Frontier's test score in 2024",
            86.0, "percent", 10.0, 99.9,
            "Score of the closed frontier on a general knowledge test (MMLU-like) in January 2024.",
            "assumption: recalled published scores of GPT-4; unverified",
        ),
        (
            "supply.score_slope", "Rise of the test score",
            0.069, "log odds/month", 0.001, 1.0,
            "Rise of the log odds of that score per month of reference pace.",
            "assumption: about 70 in late 2022 and 86 in 2024 (recalled; unverified)",
        ),
        (
            "supply.compute_2024", "Frontier's compute in 2024",
            25.3, "log10 FLOP", 20.0, 30.0,
            "Training compute of the closed frontier in January 2024.",
            "assumption: between the thresholds 1e25 (EU AI Act, Art. 51) and 1e26 (EO 14110)",
        ),
        (
            "supply.compute_growth", "Growth of compute",
            0.699, "log10 FLOP/year", 0.05, 2.0,
            "Growth of training compute at the frontier (about fivefold a year).",
            "Epoch AI 2025",
        ),
        (
            "survey.reference_month", "Month of the solved constants",
            37.0, "months", 0.0, 180.0,
            "Month whose observed use the option constants reproduce (February 2024).",
            "Eurostat isoc_eb_ai 2024; a wave means the end of February",
        ),
        (
            "survey.use_2024", "Observed use in 2024",
            13.48, "percent", 0.1, 90.0,
            "Observed AI use that the option constants reproduce: enterprises with 10 or more "
            "persons in the surveyed sectors (EU); employers of 10 to 249 persons (US, BTOS).",
            "Eurostat isoc_eb_ai 2024 (E_AI_TANY, 10 or more persons)",
        ),
    ],
)

LEVERS = _table(
    "lever",
    [
        (
            "considering.pace", "Pace of considering AI",
            1.0, "multiple", 0.0, 20.0,
            "Multiplies the hazard of considering AI (information, skills programmes).",
            "NTIA comments; EOSA 2025 (skills)",
        ),
        (
            "firms.maturity", "Added digital maturity",
            0.0, "levels", -1.0, 1.0,
            "Added digital maturity (1: from no cloud use to cloud use).",
            "EOSA 2025 (skills programmes)",
        ),
        (
            "hurdle.level", "Level of the hurdle",
            1.0, "multiple", 0.05, 20.0,
            "Multiplies the hurdle of all AI options.",
            "LAION 2023 (sandbox); NTIA comments 32 (evaluation standards)",
        ),
        (
            "supply.frontier_pace", "Pace of the frontier",
            1.0, "multiple", 0.0, 3.0,
            "Multiplies the pace of the closed frontier.",
            "NTIA comments 23-26 (licensing)",
        ),
        (
            "supply.open_lag_change", "Added lag of open models",
            0.0, "months", -24.0, 120.0,
            "Added lag of open behind closed models.",
            "LAION 2023 demand 3 (public compute); NTIA comments 23-29",
        ),
        (
            "supply.open_pool", "Size of the open pool",
            1.0, "multiple", 0.0, 5.0,
            "Size of the open pool (developers, variants) relative to the baseline.",
            "NTIA comments 9-10, 29",
        ),
        (
            "supply.open_frozen", "Open releases frozen",
            0.0, "share", 0.0, 1.0,
            "1 stops new open releases: open capability stays where it is.",
            "NTIA comments; Annex B",
        ),
        (
            "supply.reentry_share", "Developers re-entering as closed (κ)",
            0.0, "share", 0.0, 1.0,
            "Share of open developers who re-enter as closed suppliers (kappa).",
            "assumption: 0 to 1, default 0.5 inside a ban",
        ),
        (
            "supply.base_duty", "Duty on a base model",
            0.0, "EUR/model", 0.0, 1.0e9,
            "Cost of duties and expected liability of an open base model.",
            "NTIA comments 29a-b; LAION 2023 demand 2",
        ),
        (
            "supply.variant_duty", "Duty on a variant",
            0.0, "EUR/variant", 0.0, 1.0e7,
            "Cost of duties and expected liability of a variant of an open model.",
            "NTIA comments 29a-b; LAION 2023 demand 2",
        ),
        (
            "supply.duty_threshold", "Threshold of duties",
            -1000.0, "months of reference pace", -1000.0, 10000.0,
            "Duties fall on open models beyond this capability only.",
            "EU AI Act Art. 51; EO 14110 (compute thresholds)",
        ),
        (
            "supply.duty_scope", "Scope of duties",
            1.0, "share", 0.0, 1.0,
            "Share of open models and variants on which duties fall.",
            "NTIA comments 29a (deployed or not)",
        ),
        (
            "supply.exemption", "Exemption of open models",
            0.0, "share", 0.0, 1.0,
            "Share of duties lifted from open models below systemic risk.",
            "LAION 2023 demand 1; EU AI Act Art. 53(2)",
        ),
        (
            "supply.systemic_threshold", "Threshold of systemic risk",
            30.85, "months of reference pace", -1000.0, 10000.0,
            "Capability beyond which an exemption no longer holds.",
            "EU AI Act Art. 51: 1e25 FLOP",
        ),
        (
            "supply.upstream_share", "Duties pushed upstream",
            0.0, "share", 0.0, 1.0,
            "Share of deployers' duties on open models that falls on their developers.",
            "NTIA comments 29c, 36",
        ),
        (
            "supply.licence_threshold", "Threshold of licensing",
            10000.0, "months of reference pace", -1000.0, 10000.0,
            "Capability from which a model needs a licence before release.",
            "NTIA comments 23-26",
        ),
        (
            "supply.licence_cost", "Cost of a licence",
            0.0, "EUR/model", 0.0, 1.0e9,
            "Cost of a licence for an open base model beyond the licence threshold.",
            "NTIA comments 23-26",
        ),
        (
            "supply.licence_delay_open", "Licensing delay, open",
            0.0, "months", 0.0, 120.0,
            "Delay of licensed open models.",
            "NTIA comments 23-26",
        ),
        (
            "supply.licence_delay_closed", "Licensing delay, closed",
            0.0, "months", 0.0, 120.0,
            "Delay of licensed closed models.",
            "NTIA comments 23-26",
        ),
        (
            "supply.licence_refusal", "Refusal of open models",
            0.0, "share", 0.0, 1.0,
            "Share of progress beyond the threshold that open models are refused.",
            "NTIA comments 23-26",
        ),
        (
            "public.programme", "Public programme",
            0.0, "EUR/year", 0.0, 1.0e12,
            "Public spending on a programme (labour and equipment, not transfers).",
            "EuroHPC; OpenEuroLLM; national programmes",
        ),
        (
            "firms.switching_cost", "Switching cost",
            1.0, "multiple", 0.0, 10.0,
            "Multiplies the cost of moving between AI options.",
            "NTIA comments 42; Data Act (EU 2023/2854)",
        ),
        (
            "option.price_subsidy", "Price subsidy",
            0.0, "share", 0.0, 1.0,
            "Share of the price that the government pays (a transfer).",
            "LAION 2023 demand 3; EuroHPC (privileged access of small firms)",
        ),
        (
            "option.foreign_share", "Foreign share of payments",
            0.85, "share", 0.0, 1.0,
            "Share of payments for the option that goes to foreign suppliers (base: its own).",
            "Synergy Research 2024: 85 % of European cloud revenue is non-European",
        ),
        (
            "option.misuse_cost", "Social cost of misuse",
            0.0, "EUR/firm/year", 0.0, 1.0e6,
            "Social cost of misuse per using firm; never part of GDP, shown beside it.",
            "NTIA comments 17-21, 28",
        ),
        (
            "option.available", "Availability",
            1.0, "share", 0.0, 1.0,
            "Share of firms that can still use the option.",
            "NTIA comments; Annex B",
        ),
        (
            "option.price", "Price of a seat",
            240.0, "EUR/seat/year", 0.0, 20000.0,
            "Price of a seat or equivalent use for a year (base value: the option's own path).",
            "list prices 2024-2026, see the option",
        ),
        (
            "option.set_up_hours", "Hours of set-up",
            20.0, "hours", 0.0, 20000.0,
            "Hours of set-up in a firm of 10 persons (base value: the option's own).",
            "assumption, see the option",
        ),
        (
            "option.hosting_cost", "Hosting cost",
            0.0, "EUR/firm/year", 0.0, 1000000.0,
            "Yearly cost of hosting, power and administration (base value: the option's own).",
            "assumption, see the option",
        ),
        (
            "option.hardware_cost", "Hardware cost",
            0.0, "EUR/firm", 0.0, 1000000.0,
            "Hardware a using firm owns, renewed over its service life (base: the option's own).",
            "Pan et al. 2025 (arXiv 2509.18101), see the option",
        ),
        (
            "option.compliance_cost", "Compliance cost",
            0.0, "EUR/firm/year", 0.0, 500000.0,
            "Yearly cost of legal duties of a firm that uses the option.",
            "NTIA comments 29a; LAION 2023 demand 2; CEPS 2021",
        ),
        (
            "option.perceived_risk", "Perceived risk",
            0.0, "log points", -2.0, 5.0,
            "Rise of the log hurdle by perceived legal, security and quality risk (base: the "
            "option's own).",
            "McKinsey, Mozilla Foundation and McGovern Foundation 2025 (direction only)",
        ),
        (
            "option.confidentiality_exposure", "Confidentiality exposure",
            1.0, "share", 0.0, 1.0,
            "How far the firm's data leave its control with the option (base: the option's own).",
            "NTIA comments 8d, 41-42",
        ),
        (
            "option.dependence_exposure", "Dependence exposure",
            1.0, "share", 0.0, 1.0,
            "How far the option binds the firm to one supplier (base: the option's own).",
            "NTIA comments 42",
        ),
        (
            "option.fit", "Fit",
            1.0, "multiple", 0.0, 3.0,
            "Multiplies the benefit of the option (language, sector, adaptation).",
            "EOSA 2025 (open-model programme)",
        ),
        (
            "option.licence_openness", "Openness of licence",
            0.0, "share", 0.0, 1.0,
            "How free the licence of open weights is: at 1 any host may compete and the model part "
            "of the price falls to the open price ratio (base: the option's own).",
            "EOSA 2025; NTIA comments 35 (openness is a gradient)",
        ),
        (
            "option.data_openness", "Openness of data",
            0.0, "share", 0.0, 1.0,
            "How open the training data are: moves the fit (base: the option's own).",
            "EOSA 2025; NTIA comments 35 (openness is a gradient)",
        ),
        (
            "option.code_openness", "Openness of code",
            0.0, "share", 0.0, 1.0,
            "How open the code is: moves the perceived risk (base: the option's own).",
            "EOSA 2025; NTIA comments 35 (openness is a gradient)",
        ),
        (
            "option.capability_lag", "Capability lag",
            0.0, "months", -24.0, 120.0,
            "Months by which the option trails the frontier of its family (base: the option's "
            "own).",
            "Epoch AI 2025: 6 to 12 months for models that run on one consumer GPU",
        ),
        (
            "voucher.rate", "Rate of the voucher",
            0.0, "share", 0.0, 1.0,
            "Share of up-front cost (set-up and hardware) that a voucher pays.",
            "Kit Digital (ES): 100 % of cost up to a cap",
        ),
        (
            "voucher.cap", "Cap of the voucher",
            0.0, "EUR/firm", 0.0, 1000000.0,
            "Most that one voucher pays.",
            "Kit Digital (ES): 3,000 / 12,000 / 29,000 EUR by size",
        ),
    ],
)

# fmt: on
PARAMETERS: dict[str, Parameter] = {**UNCERTAINTIES, **CONSTANTS, **LEVERS}

#: Names that older versions used, and what to write instead.
RETIRED: dict[str, str] = {}

#: Levers of these blocks are the same for all firms.
ECONOMY_WIDE = ("supply.", "public.")
OPTION_PREFIX = "option."
OPTION_GROUPS = ("all", "closed", "open")


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint naming the nearest known name, or an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else ""


def get(name: str) -> Parameter:
    """The parameter called ``name``; :class:`ParameterError` offers the nearest name."""
    if name in RETIRED:
        raise ParameterError(f"'{name}' is retired: {RETIRED[name]}")
    if name not in PARAMETERS:
        raise ParameterError(f"unknown parameter '{name}'{nearest(name, PARAMETERS)}")
    return PARAMETERS[name]


def lever(term: str, options: Iterable[str]) -> tuple[Parameter, str | None]:
    """The lever that a scenario's ``term`` names, and its option scope.

    Args:
        term: ``supply.open_pool`` or ``SCOPE.price`` with SCOPE an option's name, ``open``,
            ``closed`` or ``all``.
        options: names of the scenario's options.

    Returns:
        The lever, and the scope for an option's lever or ``None``.

    Raises:
        ParameterError: unknown name (the nearest is offered), or a name that is no lever.
    """
    options = tuple(options)
    scope, _, attribute = term.partition(".")
    if scope in OPTION_GROUPS or scope in options:
        name = OPTION_PREFIX + attribute
        if name in LEVERS:
            return LEVERS[name], scope
        known = [f"{scope}.{n.removeprefix(OPTION_PREFIX)}" for n in LEVERS if "option." in n]
        raise ParameterError(f"unknown term '{term}'{nearest(term, known)}")
    if term in LEVERS and not term.startswith(OPTION_PREFIX):
        return LEVERS[term], None
    if term in PARAMETERS and not term.startswith(OPTION_PREFIX):
        kind = PARAMETERS[term].kind
        article = "an" if kind.startswith("u") else "a"
        raise ParameterError(
            f"'{term}' is {article} {kind}, not a lever: a policy cannot change it "
            "(use the scenario's 'parameters:' block)"
        )
    known = [n for n in LEVERS if not n.startswith(OPTION_PREFIX)]
    for name in LEVERS:
        if name.startswith(OPTION_PREFIX):
            attribute = name.removeprefix(OPTION_PREFIX)
            known += [f"{scope}.{attribute}" for scope in (*OPTION_GROUPS, *options)]
    raise ParameterError(f"unknown term '{term}'{nearest(term, known)}")


def unit_in_region(unit: str, currency: str) -> str:
    """The unit with EUR replaced by the region's own currency."""
    return unit.replace("EUR", currency)


def resolve(overrides: Mapping[str, float]) -> dict[str, float]:
    """Default values of all uncertainties and constants, with checked overrides.

    Raises:
        ParameterError: unknown name, a lever, or a value out of bounds.
    """
    values = {name: p.default for name, p in {**UNCERTAINTIES, **CONSTANTS}.items()}
    for name, value in overrides.items():
        parameter = get(name)
        if parameter.kind == "lever":
            raise ParameterError(f"'{name}' is a lever: change it with an instrument")
        values[name] = parameter.check(value)
    return values
