"""An annex in the form of an EU impact assessment with SME test.

The headings are those of the Better Regulation Guidelines and its toolbox.  Each is filled from
results or says that it is not modelled, and why; :func:`unfilled` finds those that are neither.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from econsim.brief import numbers, sections
from econsim.brief.content import (
    Block,
    Bullets,
    Document,
    Heading,
    Paragraph,
    Phrase,
    Table,
    UnsoundError,
    quoted,
)
from econsim.brief.evidence import Evidence, Told, Voice
from econsim.results import outcome

Fill = Callable[[Voice, Evidence], list[Block]]


@dataclass(frozen=True)
class Section:
    """One heading of the annex and what fills it."""

    title: str
    fill: Fill
    level: int = 1


def not_modelled(reason: str) -> Fill:
    """Fills a heading with the reason why the model says nothing under it."""
    return lambda voice, evidence: [Paragraph(f"Not modelled: {reason}")]


def _problem(voice: Voice, evidence: Evidence) -> list[Block]:
    return sections.question(voice, evidence, long=True)[1:]


def _baseline(voice: Voice, evidence: Evidence) -> list[Block]:
    title = voice.whole_title(evidence.comparison.b)
    blocks: list[Block] = [
        Paragraph(voice.say("The baseline is “{title}”, held to {year}. What it holds by then:",
                            title=title, year=voice.when()))
    ]  # fmt: skip
    rows = [
        (quoted(outcome(n).label, f"label of {n}"), [voice.level("baseline", n)])
        for n in ("use", "general_use", "open_share", "gdp", "gdp_gain", "energy")
    ]
    table = numbers.estimates(
        voice, "annex_baseline", Phrase(f"The baseline in {voice.year}", voice.when().values),
        ("", "level"), rows, units=True,
    )  # fmt: skip
    return [*blocks, *([table] if table else [])]


def _options(voice: Voice, evidence: Evidence) -> list[Block]:
    c = evidence.comparison
    items = [
        voice.say("Option: {title} ({name}).", title=voice.whole_title(r),
                  name=quoted(r.scenario, "scenario name"))
        for r in (c.b, c.a)
    ]  # fmt: skip
    return [
        Bullets(tuple(items)),
        Paragraph("Other options are other scenarios: brief each against the same baseline, or "
                  "rank several with a study (econsim rank)."),
    ]  # fmt: skip


def _affected(voice: Voice, evidence: Evidence) -> list[Block]:
    rows = []
    sizes = voice.main.labels.get("size_class", ())
    for size in sizes:
        rows.append(
            (
                voice.persons(size),
                [
                    voice.level("baseline", "general_use", "size_class", size),
                    voice.level("baseline", "open_share", "size_class", size),
                    voice.level("scenario", "lost_users", "size_class", size),
                    voice.level("scenario", "diverted_users", "size_class", size),
                ],
            )
        )
    table = numbers.estimates(
        voice, "annex_affected",
        Phrase(f"Firms affected, by persons engaged, {voice.year}", voice.when().values),
        ("", "users in the baseline, % of firms", "of these on open models, %", "lost users, firms",
         "diverted users, firms"), rows,
    )  # fmt: skip
    text = Paragraph(
        "Affected: firms that use or consider AI, resident and foreign suppliers of AI, developers "
        "of open models, households as earners and taxpayers, and the state."
    )
    return [text, *([table] if table else [])]


def _economic(voice: Voice, evidence: Evidence) -> list[Block]:
    names = ("gdp", "gni", "consumption", "firms_surplus", "rents_foreign", "rents_domestic",
             "resource_hours", "imports_ai", "concentration", "foreign_share")  # fmt: skip
    table = numbers.economy_table(voice, names, "annex_economic", "Economic impacts")
    blocks = sections.lead(voice)
    return [*blocks, *([table] if table else [])]


def _budget(voice: Voice, evidence: Evidence) -> list[Block]:
    names = ("public_spending", "programme_spending", "public_revenue")
    table = numbers.economy_table(voice, names, "annex_budget", "Public budget")
    return [table] if table else _absent(voice)


def _social(voice: Voice, evidence: Evidence) -> list[Block]:
    names = ("wages", "consumption", "dispersion", "control", "non_market_volume", "misuse_cost")
    table = numbers.economy_table(voice, names, "annex_social", "Social impacts")
    text = Paragraph(
        "Labour is fixed in the model, so a change of wages is a change of pay. Employment, skills "
        "and working conditions are not modelled: the data do not tell which tasks are lost or "
        "made."
    )
    return [text, *([table] if table else [])]


def _environment(voice: Voice, evidence: Evidence) -> list[Block]:
    table = numbers.economy_table(
        voice, ("energy", "emissions"), "annex_environment", "Environmental impacts"
    )
    text = Paragraph(
        "Electricity of AI in use and its emissions at a fixed emission factor; training of "
        "models, hardware and water are not modelled: no data by option were found."
    )
    return [text, *([table] if table else [])]


def _cost_per_firm(voice: Voice, evidence: Evidence) -> list[Block]:
    sizes = voice.main.labels.get("size_class", ())
    rows: list[tuple[Phrase | str, list[Told | None]]] = [
        (
            voice.persons(size),
            [
                voice.level("baseline", "compliance_cost", "size_class", size),
                voice.level("scenario", "compliance_cost", "size_class", size),
                voice.difference("spending_per_user", "size_class", size),
                voice.difference("surplus_per_firm", "size_class", size),
            ],
        )
        for size in sizes
    ]
    money = voice.main.currency
    table = numbers.estimates(
        voice, "annex_cost_per_firm",
        Phrase(f"Cost per firm and year by persons engaged, {money}, {voice.year}",
               voice.when().values),
        ("", "duties per user, baseline", "duties per user, scenario",
         "change of AI spending per user", "change of surplus per firm"), rows,
        note="Duties: yearly cost of deployers' duties per using firm. Surplus: saving less cost "
        "and hurdle, over all firms of the class.",
    )  # fmt: skip
    return [table] if table else _absent(voice)


def _sme_measure(voice: Voice, evidence: Evidence) -> list[Block]:
    table = numbers.size_table(voice)
    if table is None:
        return _absent(voice)
    renamed = Table(
        "annex_sme", table.title, table.header, table.rows, table.records, table.note, table.widths
    )
    return [renamed]


def _alternatives(voice: Voice, evidence: Evidence) -> list[Block]:
    return [
        Paragraph(
            "Instruments of the model that lighten a burden for small firms, each of which can be "
            "added to the scenario file and briefed in the same way: exemption by size, "
            "proportionate duties, adoption voucher, skills, sandbox, public compute, shared "
            "hosting."
        )
    ]


def _sensitivity(voice: Voice, evidence: Evidence) -> list[Block]:
    text = Paragraph(sections.axes(voice, evidence))
    table = numbers.axes_table(voice, evidence.points)
    return [text, *([table] if table else []), *sections.reversal(voice, evidence, False)[1:]]


def _comparison(voice: Voice, evidence: Evidence) -> list[Block]:
    gdp, use = voice.difference("gdp"), voice.difference("use")
    spent = voice.difference("public_spending")
    items = []
    if use is not None:
        found = voice.finding(use, "AI use of all firms")
        items.append(voice.say("Effectiveness (use of AI): {x}.", x=found))
    if gdp is not None:
        items.append(voice.say("Effectiveness (output): {x}.", x=voice.finding(gdp, "GDP")))
    if spent is not None:
        money = voice.finding(spent, "public spending on the policy")
        items.append(voice.say("Efficiency (public money): {x}.", x=money))
    items.append("Coherence and proportionality: judgements for the reader; not modelled.")
    return [Bullets(tuple(items))]


def _limits(voice: Voice, evidence: Evidence) -> list[Block]:
    return sections.limits(voice, evidence, long=True)[1:]


def _reproduce(voice: Voice, evidence: Evidence) -> list[Block]:
    return sections.sources(voice, evidence, long=False)[1:]


def _absent(voice: Voice) -> list[Block]:
    return [Paragraph("Not modelled in these results: they keep no such series; make the results "
                      "anew with econsim run.")]  # fmt: skip


SECTIONS = (
    Section("Problem and question", _problem),
    Section("Baseline", _baseline),
    Section("Policy options", _options),
    Section("Affected parties", _affected),
    Section("Economic impacts", _economic),
    Section("Public budget", _budget, 2),
    Section(
        "International trade and investment",
        not_modelled(
            "trade enters only as payments for AI services and hardware; no trading partner reacts."
        ),
        2,
    ),
    Section("Social impacts", _social),
    Section(
        "Fundamental rights",
        not_modelled("no equation of the model speaks of rights; assess them by other means."),
        2,
    ),
    Section("Environmental impacts", _environment),
    Section(
        "SME test: consultation of SME representatives",
        not_modelled("a model consults nobody; add the results of the consultation here."),
    ),
    Section("SME test: impact on SMEs by size", _sme_measure),
    Section("SME test: cost per firm by size", _cost_per_firm),
    Section("SME test: alternatives and mitigating measures", _alternatives),
    Section("How the options compare", _comparison),
    Section("Sensitivity and uncertainty", _sensitivity),
    Section(
        "Monitoring and evaluation",
        not_modelled(
            "the outcomes above that surveys observe (AI use by size, sector and member state) can "
            "be monitored; no plan follows from the model."
        ),
    ),
    Section("Limits of the evidence", _limits),
    Section("Data, sources, and how to reproduce", _reproduce),
)


def blocks(voice: Voice, evidence: Evidence) -> list[Block]:
    """All headings with what fills them."""
    found: list[Block] = []
    for section in SECTIONS:
        found += [Heading(section.title, section.level), *section.fill(voice, evidence)]
    return found


def unfilled(document: Document) -> list[str]:
    """Headings of the annex that are missing, or are followed by nothing."""
    present = {}
    current = None
    for block in document.blocks:
        if isinstance(block, Heading):
            current = block.text
            present[current] = 0
        elif current is not None and _says_something(block):
            present[current] += 1
    return [s.title for s in SECTIONS if not present.get(s.title)]


def _says_something(block: Block) -> bool:
    if isinstance(block, Paragraph):
        return bool(block.text.strip())
    if isinstance(block, Bullets):
        return any(item.strip() for item in block.items)
    return not isinstance(block, Table) or bool(block.rows)


def check(document: Document) -> None:
    """Refuse an annex with an unfilled heading.

    Raises:
        UnsoundError: names the headings.
    """
    empty = unfilled(document)
    if empty:
        raise UnsoundError(f"annex: nothing under {'; '.join(empty)}")
