"""The claims: what the model says of each claim of the source documents, and of counter-claims.

Every claim that an economy could show is a pair of shipped scenarios.  :func:`claims_table` runs
the pairs with shared luck and reads the differences; the verdict words follow from the interval
alone.  What decides a claim is written by hand beside it, in names of parameters.

The page ``docs/claims.md`` is made by :func:`write_page`::

    python -c "from econsim.experiments.claims import write_page; write_page('docs/claims.md')"
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import econsim
from econsim import data
from econsim.experiments.simulation import Progress, simulate_many
from econsim.results import Comparison, Estimate, ResultsError, compare, estimate, outcome
from econsim.scenario import Scenario, load

#: Rows, replicates and seed of the committed page.
ROWS, REPLICATES, SEED = 5_000, 4, 1
#: Year of the differences, and first year of the cumulative figure.
YEAR, FIRST_YEAR = 2035, 2027
HASH_DIGITS = 8


@dataclass(frozen=True)
class Case:
    """A scenario set against its baseline.

    Attributes:
        scenario, baseline: names of shipped scenarios; the difference is scenario less baseline.
        also: further outcomes to show.
        break_even: whether to show the misuse cost at which the difference in GDP is used up.
    """

    scenario: str
    baseline: str
    also: tuple[str, ...] = ()
    break_even: bool = False


@dataclass(frozen=True)
class Claim:
    """A claim, the pairs that test it, and the assumptions that decide it.

    Attributes:
        key: number of the claim, or ``S`` and a number for a counter-claim.
        where: document and paragraph.
        text: the claim in a sentence.
        cases: pairs of scenarios.
        decides: what the answer hangs on; names in backticks are parameters, levers or
            ``instrument.key``.
    """

    key: str
    where: str
    text: str
    cases: tuple[Case, ...]
    decides: tuple[str, ...]


def _world(*names: str, baseline: str, also: tuple[str, ...] = ()) -> tuple[Case, ...]:
    return tuple(Case(name, baseline, also) for name in names)


def _pair(key: str, *also: str) -> Case:
    return Case(f"eu-{key}-restrictive", f"eu-{key}-diverse", also)


_FLOWS = ("lost_users", "diverted_users")

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "1",
        "NTIA 2, Annex B",
        "A diverse ecosystem yields more AI adoption, hence more GDP, than a closed-only one. (The "
        "difference is restrictive less diverse: the claim says lowers.)",
        (
            Case("eu-restrictive", "eu-diverse", _FLOWS, break_even=True),
            Case("us-restrictive", "us-diverse", _FLOWS, break_even=True),
        ),
        (
            "`choice.lambda` and `choice.open_share`: neither is identified; both are axes of the "
            "headline",
            "`open_release_ban.reentry_share` (kappa): at 1 lost variety comes back as closed",
            "`benefit.ceiling`, `benefit.saving`, `benefit.light_depth`: the level of any gain",
        ),
    ),
    Claim(
        "3, 25",
        "NTIA 8d, 41",
        "Sharing proprietary data is a major obstacle, most of all in sectors with sensitive data; "
        "protection at hosted options helps.",
        (Case("eu-data-protection", "eu-diverse", ("open_share", "control")),),
        (
            "`hurdle.confidentiality`: how far exposure deters; direction only is known",
            "`data_protection.exposure_cut`: it protects closed clouds too, and so takes users "
            "from local open models",
        ),
    ),
    Claim(
        "4",
        "NTIA 8d, 42",
        "Local deployment gives operational independence: a supplier's shock hurts less where open "
        "models are there.",
        (
            Case("eu-closed-price-jump-diverse", "eu-diverse", ("rents_foreign", "open_share")),
            Case("eu-closed-price-jump-restrictive", "eu-restrictive", ("rents_foreign",)),
            Case("eu-closed-exit-diverse", "eu-diverse", ("open_share",)),
            Case("eu-closed-exit-restrictive", "eu-restrictive"),
            Case("us-closed-price-jump-diverse", "us-diverse", ("rents_foreign", "open_share")),
            Case("us-closed-price-jump-restrictive", "us-restrictive", ("rents_foreign",)),
            Case("eu-portability", "eu-diverse"),
            Case("us-portability", "us-diverse"),
        ),
        (
            "`supplier_shock.price_rise`, `supplier_shock.exit_share`: the size of the shock",
            "`choice.lambda`: how readily users move to what is left",
            "`cost.seat_share`: price is a small part of what holds firms back",
            "`hurdle.dependence`; `choice.switching_cost` is 0 by default, so portability acts "
            "through dependence only",
        ),
    ),
    Claim(
        "8",
        "NTIA 7-8; LAION 1",
        "Open models raise competition and check rents and concentration. (Restrictive less "
        "diverse, with other price responses.)",
        (
            Case(
                "eu-restrictive", "eu-diverse", ("closed_price", "concentration", "rents_foreign")
            ),
            Case("eu-restrictive-price-stress", "eu-diverse", ("closed_price", "rents_foreign")),
            Case("eu-restrictive-no-price-response", "eu-diverse", ("closed_price",)),
        ),
        (
            "`supply.price_response`: an input with a prior, not a result; so is the answer",
            "foreign share of payments (options): rents abroad move GNI, rents at home nothing",
            "concentration is over options, not firms: removing two of five raises it by itself",
        ),
    ),
    Claim(
        "9",
        "NTIA 38",
        "Open follows closed within months. (Restrictive less diverse, if it does not.)",
        (_pair("slow-catch-up", "open_share"),),
        (
            "`supply.open_lag_2025`; the constants are solved anew, so a longer lag in 2024 is "
            "offset by taste",
            "`coverage.rate`: coverage is nearly complete by 2035, and then no lag matters",
        ),
    ),
    Claim(
        "11",
        "NTIA 23-26",
        "Licensing before release, from a score (MMLU 70) or from compute (1e25, 1e26 FLOP), "
        "chills open innovation.",
        (
            *_world(
                "eu-licensing-score-70",
                "eu-licensing-compute-1e25",
                "eu-licensing-compute-1e26",
                baseline="eu-diverse",
                also=("open_frontier", "closed_frontier"),
            ),
            *_world(
                "us-licensing-score-70",
                "us-licensing-compute-1e25",
                "us-licensing-compute-1e26",
                baseline="us-diverse",
                also=("open_frontier", "closed_frontier"),
            ),
        ),
        (
            "`licensing.refusal_share`, `licensing.delay_open`, `licensing.delay_closed`: all "
            "assumptions; no source gives the length of a procedure",
            "thresholds set at the frontier of 2022 to 2025 catch every frontier model of 2027, so "
            "their height hardly matters",
            "`coverage.rate`: lags cost most about 2030; see the cumulative column",
        ),
    ),
    Claim(
        "12",
        "NTIA 29a; LAION 2",
        "The same obligations on every model are feasible for a large laboratory and not for "
        "grassroots developers.",
        (
            Case("eu-obligations-all", "eu-diverse", ("open_pool",)),
            Case("eu-obligations-deployed", "eu-diverse", ("open_pool",)),
            Case("us-obligations-all", "us-diverse", ("open_pool",)),
        ),
        (
            "`supply.variant_budget`, `supply.variant_budget_spread`, `supply.silencing`: who "
            "falls silent; no measured response",
            "`supply.fit_pool_elasticity`, `supply.lag_pool_elasticity`: what a smaller pool costs "
            "users; 0 is in the range",
        ),
    ),
    Claim(
        "13",
        "NTIA 29b",
        "Upstream liability for downstream use chills.",
        (
            Case("eu-upstream-liability", "eu-diverse", ("open_pool",)),
            Case("us-upstream-liability", "us-diverse", ("open_pool",)),
        ),
        (
            "`upstream_liability.per_variant`: expected liability, an assumption",
            "`supply.variant_budget`, `supply.silencing`, `supply.fit_pool_elasticity`",
        ),
    ),
    Claim(
        "14",
        "NTIA 29c, 36",
        "Confusing the duties of developers and deployers chills.",
        (
            Case(
                "eu-misallocated-responsibility",
                "eu-proportionate-duties",
                ("open_pool", "open_share", "compliance_cost"),
            ),
            Case(
                "us-misallocated-responsibility",
                "us-deployer-duties",
                ("open_pool", "open_share", "compliance_cost"),
            ),
        ),
        (
            "what is pushed upstream relieves open deployers, and its cost is booked nowhere: "
            "`misallocated_responsibility.share` raises open use while it silences developers",
            "`supply.deployers_per_variant`: how often the pushed duty falls on one developer",
            "`supply.fit_pool_elasticity`: whether users notice",
        ),
    ),
    Claim(
        "15",
        "LAION 1",
        "Exempt open models from rules meant for closed hosted services.",
        (
            Case("eu-exemption", "eu-obligations-all", ("open_pool",)),
            Case("eu-exemption-1e25", "eu-obligations-all", ("open_pool",)),
            Case("eu-today-ai-act", "eu-no-rules", ("open_pool", "compliance_cost")),
        ),
        (
            "the same parameters as claim 12: an exemption is worth what the obligation costs",
            "`supply.systemic_threshold`: one open frontier stands for all open models, so an "
            "exemption up to 1e25 FLOP has lapsed for all of them",
            "`risk_proportionate_duties.cost_by_tier`: today's effect is that of deployers' duties",
        ),
    ),
    Claim(
        "16",
        "LAION 2; NTIA 30",
        "Obligations in proportion to risk, not one size for all.",
        (
            Case(
                "eu-proportionate-duties",
                "eu-one-size-obligations",
                ("compliance_cost", "open_pool"),
            ),
            Case(
                "eu-flat-duties-same-burden",
                "eu-proportionate-duties",
                ("compliance_cost",),
            ),
            Case("eu-proportionate-duties", "eu-no-rules", ("compliance_cost",)),
            Case("us-deployer-duties", "us-diverse", ("compliance_cost",)),
            Case("eu-laion-proposals", "eu-one-size-obligations", ("open_pool",)),
            Case("eu-laion-proposals", "eu-no-rules", ("open_pool",)),
        ),
        (
            "`risk_proportionate_duties.cost_by_tier`: the level of duties decides far more than "
            "their grading",
            "a duty is a cost per firm: a few hundred a year exceed what light use saves under 10 "
            "persons (`benefit.light_depth`, `benefit.deep_share`)",
            "benefits of the duties themselves (fewer harms) are not in the model",
        ),
    ),
    Claim(
        "17",
        "LAION 3; EOSA",
        "Public supercomputing facilities for open research.",
        (
            Case(
                "eu-public-compute",
                "eu-diverse",
                ("open_share", "open_frontier", "public_spending"),
            ),
        ),
        (
            "`public_compute.lag_reduction`, `public_compute.hosting_price_cut`: assumptions",
            "`accounts.marginal_cost_of_funds`: what the budget costs beyond itself",
            "the price cut is a subsidy paid besides the programme's own budget",
        ),
    ),
    Claim(
        "18",
        "LAION",
        "A sandbox with controls for the highest risk.",
        (Case("eu-sandbox", "eu-proportionate-duties", ("compliance_cost",)),),
        ("`sandbox.compliance_cut`, `sandbox.risk_cut`: a target and an assumption",),
    ),
    Claim(
        "19",
        "LAION",
        "Without open models, dependence on a few foreign firms; a possible point of no return; "
        "investment moving overseas.",
        (
            Case("eu-restrictive", "eu-diverse", ("foreign_share", "imports_ai", "control")),
            Case("eu-restrictive-repealed", "eu-diverse", ("open_share", "foreign_share")),
            Case("eu-resident-hosts-restrictive", "eu-resident-hosts-diverse", ("foreign_share",)),
            Case("eu-foreign-hosts-restrictive", "eu-foreign-hosts-diverse", ("foreign_share",)),
            Case("eu-ban-domestic", "eu-diverse", ("open_pool", "foreign_share")),
            Case("eu-sovereign-hosting", "eu-diverse", ("foreign_share", "imports_ai")),
        ),
        (
            "foreign share of payments (options): assumptions",
            "no point of no return can show: contributors return with the law, and only firms' "
            "experience and `choice.persistence` outlast a ban",
            "`supply.domestic_pool_share`, `supply.fit_pool_elasticity`: what a domestic ban costs",
        ),
    ),
    Claim(
        "20",
        "EOSA; NTIA 35",
        "Openness is a gradient, not a switch. (Each step less the one before.)",
        (
            Case("eu-openness-1-weights", "eu-openness-0-closed", ("open_share",)),
            Case("eu-openness-2-free-licence", "eu-openness-1-weights", ("open_share",)),
            Case("eu-openness-3-open-code", "eu-openness-2-free-licence", ("open_share",)),
            Case("eu-openness-4-open-data", "eu-openness-3-open-code", ("open_share",)),
        ),
        (
            "`supply.open_price_ratio`: what a free licence is worth",
            "`openness.code_trust`, `openness.data_fit`: assumptions; either sign is possible",
        ),
    ),
    Claim(
        "21",
        "EOSA",
        "Smaller, cheaper, greener open models (DeepSeek R1, OpenEuroLLM).",
        (
            Case("eu-open-price-shock", "eu-diverse", ("open_share", "energy", "rents_foreign")),
            Case("eu-open-model-programme", "eu-diverse", ("open_share", "public_spending")),
        ),
        (
            "`supplier_shock.price_rise`; what foreign hosts no longer receive is booked as gain",
            "`open_model_programme.fit_gain`: an assumption, and the whole effect",
            "electricity per seat is a constant of each option: greener models cannot show",
        ),
    ),
    Claim(
        "22",
        "EOSA",
        "Collaboration of small firms, administration and developers; skills.",
        (
            Case("eu-skills", "eu-diverse", ("considering", "public_spending")),
            Case("eu-adoption-voucher", "eu-diverse", ("public_spending",)),
        ),
        (
            "`skills_programme.maturity_gain`, `skills_programme.considering_pace`: assumptions",
            "`considering.applicable_share`: many firms have no use for AI whatever their skills",
            "a voucher is paid on starts and moves, and ends with its budget "
            "(`adoption_voucher.budget`): by 2035 nothing is left of it",
        ),
    ),
    Claim(
        "23",
        "NTIA 32",
        "Public evaluation and standards give confidence for deployment.",
        (
            Case("eu-evaluation-standards", "eu-diverse"),
            Case("us-evaluation-standards", "us-diverse"),
        ),
        ("`evaluation_standards.risk_cut`: an assumption, and the whole effect", "`choice.beta`"),
    ),
    Claim(
        "24",
        "NTIA 17-21, 28",
        "Misuse and product-safety risks belong in the weighing; marginal risk is the yardstick.",
        (
            Case("eu-misuse-cost", "eu-diverse", ("misuse_cost",)),
            Case("eu-restrictive", "eu-misuse-cost", ("misuse_cost",), break_even=True),
            Case("us-misuse-cost", "us-diverse", ("misuse_cost",)),
            Case("us-restrictive", "us-misuse-cost", ("misuse_cost",), break_even=True),
        ),
        (
            "`misuse_cost.per_firm`: no estimate exists; it stands beside GDP and moves nobody",
            "the break-even: above that cost per open user and year the ban pays in the model",
        ),
    ),
)

COUNTER_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "S1",
        "against NTIA 2, Annex B",
        "Options are near-perfect substitutes: whoever loses open models takes a closed one.",
        (_pair("substitutes", *_FLOWS), _pair("distinct", *_FLOWS)),
        ("`choice.lambda`, not identified by data on use",),
    ),
    Claim(
        "S2",
        "against NTIA 7-8",
        "Closed prices do not respond, or fall, when open models leave.",
        (
            Case("eu-restrictive-no-price-response", "eu-diverse", ("closed_price",)),
            Case("eu-restrictive-closed-undercut", "eu-diverse", ("rents_foreign",)),
        ),
        (
            "`supply.price_response`, `supply.vendor_pass_through`",
            "a lower price of foreign suppliers is a gain in GNI",
        ),
    ),
    Claim(
        "S3",
        "against NTIA 2, Annex B",
        "Open developers re-enter as closed suppliers, so nothing is lost.",
        (
            Case("eu-restrictive-full-reentry", "eu-diverse", _FLOWS),
            Case("eu-restrictive-no-reentry", "eu-diverse", _FLOWS),
        ),
        ("`supply.reentry_share` (kappa)", "`choice.lambda`: what variety is worth"),
    ),
    Claim(
        "S4",
        "against NTIA 7-8",
        "The frontier is financed by closed suppliers' rents; or (other side) it lives on the open "
        "pool.",
        (
            _pair("rents-fund-frontier", "closed_frontier"),
            Case("eu-restrictive-pool-feeds-frontier", "eu-diverse", ("closed_frontier",)),
        ),
        (
            "`supply.rents_elasticity`, `supply.pool_elasticity`: both ranges span zero",
            "`coverage.rate`: with coverage nearly complete by 2035 pace matters in between",
        ),
    ),
    Claim(
        "S5",
        "against NTIA 2, Annex B",
        "Real bans are milder: domestic only, hosting only, frozen weights, leaky.",
        (
            Case("eu-ban-domestic", "eu-diverse", ("open_share",)),
            Case("eu-ban-hosting", "eu-diverse", ("open_share",)),
            Case("eu-ban-frozen", "eu-diverse", ("open_share",)),
            Case("eu-ban-leaky", "eu-diverse", ("open_share",)),
            Case("us-ban-domestic", "us-diverse", ("open_share",)),
            Case("us-ban-frozen", "us-diverse", ("open_share",)),
        ),
        (
            "`supply.domestic_pool_share`; `open_release_ban.existing_weights`, "
            "`open_release_ban.compliance_share`",
            "`coverage.rate`: frozen models fall behind, then out of use",
        ),
    ),
    Claim(
        "S6",
        "against NTIA 8c, 15",
        "Small firms use AI in shallow ways, so little is at stake.",
        (_pair("shallow-use"),),
        ("`benefit.deep_share`, `benefit.light_depth`",),
    ),
    Claim(
        "S7",
        "against NTIA 8d, 41-42",
        "Stated worries about data and dependence move no decision.",
        (_pair("no-independence", "control"),),
        (
            "`hurdle.confidentiality`, `hurdle.dependence`; the constants are solved anew, so the "
            "worries are read into taste instead",
        ),
    ),
    Claim(
        "S8",
        "against LAION on no return",
        "A ban that is repealed leaves nothing behind.",
        (Case("eu-restrictive-repealed", "eu-diverse", ("open_share",)),),
        ("the open pool has no memory in the model; `choice.persistence`, `learning.time`",),
    ),
)
#: Claims of the documents that are inputs or read-outs of the model and have no scenario.
WITHOUT_SCENARIO = (
    ("2", "NTIA 8b", "cost of training a base model", "`supply.base_budget`"),
    ("5", "NTIA 8e", "small open models on ordinary hardware", "the option `open_own`"),
    ("6", "NTIA 9-10", "the grassroots ecosystem", "`supply.variant_budget`, `supply.open_pool`"),
    ("7", "NTIA 8c, 15, 19", "adaptation to the firm's field", "`option.fit`"),
    ("10", "NTIA 39-40", "falling compute needs", "`coverage.rate`, price decline of options"),
)


@dataclass(frozen=True)
class Verdict:
    """What the model says of one case, scenario less baseline.

    Attributes:
        claim, case: what was asked.
        use: AI use of firms with 10-249 persons, percentage points.
        gdp, gni, surplus: currency billion a year.
        gdp_share: GDP, percent of the baseline's.
        cumulative: GDP, FIRST_YEAR to the year, discounted, currency billion.
        also: further outcomes by label.
        hashes: of scenario and baseline.
    """

    claim: Claim
    case: Case
    use: Estimate
    gdp: Estimate
    gdp_share: Estimate
    gni: Estimate
    surplus: Estimate
    cumulative: Estimate
    also: dict[str, Estimate] = field(default_factory=dict)
    hashes: tuple[str, str] = ("", "")

    def words(self) -> str:
        """For instance ``lowers use and GDP; no clear difference in GNI``."""
        named = {"use": self.use, "GDP": self.gdp, "GNI": self.gni, "surplus": self.surplus}
        groups: dict[str, list[str]] = {}
        for name, found in named.items():
            groups.setdefault(verdict_word(found), []).append(name)
        return "; ".join(f"{word} {_listed(names)}" for word, names in groups.items())


def verdict_word(found: Estimate) -> str:
    """``raises``, ``lowers``, ``no clear difference in`` or ``no difference in``, by the interval.

    With one replicate there is no interval and no verdict: ``one run, no verdict on``.
    """
    if not math.isfinite(found.low):
        return "one run, no verdict on"
    if found.low > 0.0:
        return "raises"
    if found.high < 0.0:
        return "lowers"
    if found.low == found.high == 0.0:
        return "no difference in"
    return "no clear difference in"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def claims_table(
    *,
    rows: int | str = ROWS,
    replicates: int = REPLICATES,
    seed: int = SEED,
    year: int = YEAR,
    keys: Collection[str] | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[Verdict]:
    """Run every pair of the claims and counter-claims and read the differences.

    Scenarios with the same baseline share one run of it, and all share luck.

    Args:
        rows, replicates, seed: of the runs.
        year: of the differences; the horizon of the scenarios must reach it.
        keys: only these claims (default: all).
        workers: processes; numbers do not depend on it.
        progress: called with the share of the work done.

    Raises:
        ValueError: an unknown key.
        econsim.scenario.ScenarioError, econsim.results.ResultsError: as of loading and reading.
    """
    everything = (*CLAIMS, *COUNTER_CLAIMS)
    unknown = sorted(set(keys or ()) - {c.key for c in everything})
    if unknown:
        known = ", ".join(c.key for c in everything)
        raise ValueError(f"unknown claim '{unknown[0]}': one of {known}")
    claims = [c for c in everything if keys is None or c.key in keys]
    baselines: dict[str, dict[str, Scenario]] = {}
    for case in (case for claim in claims for case in claim.cases):
        group = baselines.setdefault(case.baseline, {case.baseline: load(case.baseline)})
        group.setdefault(case.scenario, load(case.scenario))
    found = simulate_many(
        {name: list(group.values()) for name, group in baselines.items()},
        rows=rows, replicates=replicates, seed=seed, workers=workers, progress=progress,
    )  # fmt: skip
    results = {name: {r.scenario: r for r in group} for name, group in found.items()}
    return [
        _verdict(
            claim,
            case,
            compare(results[case.baseline][case.scenario], results[case.baseline][case.baseline]),
            year,
            baselines[case.baseline][case.baseline].values["economy.discount_rate"],
        )
        for claim in claims
        for case in claim.cases
    ]


def _verdict(claim: Claim, case: Case, c: Comparison, year: int, discount: float) -> Verdict:
    gap = c.a.yearly("gdp", year) - c.b.yearly("gdp", year)
    also = {}
    for name in case.also:
        if outcome(name).numerator in ("lost_users", "diverted_users"):
            # Flows between the two worlds: they exist only against a baseline.
            unit = c.a.unit(name)
            also[outcome(name).label] = estimate(c.a.yearly(name, year), unit)
        else:
            also[outcome(name).label] = c.difference(name, year)
    if case.break_even:
        # Too few rows may leave no difference in open users to divide by.
        with contextlib.suppress(ResultsError):
            also["Break-even misuse cost"] = c.break_even_misuse(year)
    hashes = tuple(str(r.manifest["scenario_hash"])[:HASH_DIGITS] for r in (c.a, c.b))
    return Verdict(
        claim=claim,
        case=case,
        use=c.difference("use", year, "size_class", "10-249"),
        gdp=c.difference("gdp", year),
        gdp_share=estimate(100.0 * gap / c.b.yearly("gdp", year), "percent of GDP"),
        gni=c.difference("gni", year),
        surplus=c.difference("firms_surplus", year),
        cumulative=c.cumulative("gdp", min(FIRST_YEAR, year), year, discount),
        also=also,
        hashes=(hashes[0], hashes[1]),
    )


# --- the page --------------------------------------------------------------------------------


def page(
    verdicts: Sequence[Verdict],
    *,
    rows: int | str = ROWS,
    replicates: int = REPLICATES,
    seed: int = SEED,
    year: int = YEAR,
) -> str:
    """The claims table as a Markdown page.

    Args:
        verdicts: of :func:`claims_table`.
        rows, replicates, seed, year: with which it was called.
    """
    parts = [_introduction(rows, replicates, seed, year)]
    for title, claims in (("The claims", CLAIMS), ("Counter-claims", COUNTER_CLAIMS)):
        mine = [(c, [v for v in verdicts if v.claim is c]) for c in claims]
        sections = [_section(c, found, year) for c, found in mine if found]
        if sections:
            parts.append(f"## {title}\n")
            parts += sections
    parts.append(_rest())
    return "\n".join(parts)


def write_page(
    path: str | Path,
    *,
    rows: int | str = ROWS,
    replicates: int = REPLICATES,
    seed: int = SEED,
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[Verdict]:
    """Run :func:`claims_table` and write the page ``docs/claims.md``.

    Args:
        path: where to.
        rows, replicates, seed, workers, progress: as of :func:`claims_table`.

    Returns:
        The verdicts on the page.
    """
    verdicts = claims_table(
        rows=rows, replicates=replicates, seed=seed, workers=workers, progress=progress
    )
    text = page(verdicts, rows=rows, replicates=replicates, seed=seed)
    Path(path).write_text(text, encoding="utf-8")
    return verdicts


def _introduction(rows: int | str, replicates: int, seed: int, year: int) -> str:
    shown = f"{rows:,}" if isinstance(rows, int) else rows
    return f"""\
# The claims, one by one

<!-- Made by econsim.experiments.claims.write_page; do not edit by hand. -->

What the model says of each claim of the three documents that set its question, and of the
counter-claims of a sceptic. NTIA: Stability AI, comments to the US National Telecommunications and
Information Administration, March 2024 (paragraphs). LAION: open letter to the European Parliament,
2023 (demands). EOSA: European Open Source Academy, February 2025.

- Every row is one scenario of `scenarios/` less another in {year}, under the same luck.
- Money: EUR or USD billion a year at prices of 2024; *cumulative*: GDP of {FIRST_YEAR} to {year},
  discounted.
- Intervals (95 %, n = {replicates} replicates of {shown} rows) are Monte Carlo noise only. What is
  not known of the parameters is far larger: read *decided by* before any number.
- In this model a worse open option can cost more GDP than none: firms that stay with it save less,
  firms that lose it mostly move to a closed one. Compare claims 11 to 13 and S5 with claim 1 before
  reading them as a ranking; GDP and surplus do not weigh what firms like about an option.
- The verdict follows from the interval alone. With some hundred intervals, a few verdicts are luck.
- A conditional comparison under stated assumptions, never a forecast. A verdict on a claim is a
  statement about the model.

Made again, with the same numbers, by

```sh
python -c "from econsim.experiments.claims import write_page; write_page('docs/claims.md')"
```

(econsim {econsim.__version__}, data {data.digest()[:HASH_DIGITS]}, seed {seed}, {shown} rows, \
n = {replicates}; after each pair stand the first {HASH_DIGITS} digits of the two scenario hashes).
"""


def _section(claim: Claim, verdicts: Sequence[Verdict], year: int) -> str:
    kind = "Counter-claim" if claim.key.startswith("S") else "Claim"
    lines = [
        f"### {kind} {claim.key} ({claim.where})",
        "",
        claim.text,
        "",
        "| scenario less baseline | use, 10-249 persons, pp | GDP, billion | GDP, % | GNI, billion "
        "| firms' surplus, billion | GDP, cumulative, billion | verdict |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for v in verdicts:
        cells = [
            f"`{v.case.scenario}` less `{v.case.baseline}`",
            *(e.text() for e in (v.use, v.gdp, v.gdp_share, v.gni, v.surplus, v.cumulative)),
            v.words(),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    lines.append("")
    for v in verdicts:
        more = "; ".join(f"{label} {e.text()} {e.unit}" for label, e in v.also.items())
        names = f"`{v.case.scenario}` ({v.hashes[0]}) less `{v.case.baseline}` ({v.hashes[1]})"
        lines.append(f"- {names}{': ' + more if more else ''}")
    lines += ["", "Decided by: " + ". ".join(_sentence(d) for d in claim.decides) + ".", ""]
    return "\n".join(lines)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _rest() -> str:
    rows = [f"| {key} | {where} | {text} | {what} |" for key, where, text, what in WITHOUT_SCENARIO]
    head = ["| claim | where | about | in the model as |", "|---|---|---|---|"]
    return "\n".join(
        ["## Claims that are inputs, without a scenario of their own", "", *head, *rows, ""]
    )


__all__ = [
    "CLAIMS",
    "COUNTER_CLAIMS",
    "Case",
    "Claim",
    "Verdict",
    "claims_table",
    "page",
    "verdict_word",
    "write_page",
]
