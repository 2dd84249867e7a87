"""The sections of a brief of a comparison; every sentence follows sign, size and uncertainty."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from econsim.brief import numbers
from econsim.brief.content import (
    Block,
    Box,
    Bullets,
    Command,
    Heading,
    Paragraph,
    Phrase,
    Picture,
    Table,
    quoted,
)
from econsim.brief.evidence import Evidence, Told, Voice, listed
from econsim.experiments import headline, replications
from econsim.figures import HEADLINE_GROUP, policy_start
from econsim.figures.words import month_words
from econsim.parameters import get
from econsim.scenario import Scenario

#: Figures of studies about the pair, and what makes them.
STUDIES = {
    "tornado": ("which assumption moves the effect most", "sensitivity"),
    "value_of_information": ("which number would be worth knowing", "sensitivity"),
    "decomposition": ("which mechanism carries the effect", "decompose"),
    "kinds_of_uncertainty": ("three kinds of uncertainty side by side", "run --ensemble"),
    "reversal": ("when the baseline does not win", "discover"),
}
#: Findings that the long form draws; the others it tells in a sentence.
DRAWN = ("tornado", "gdp_bands")
#: Figures that runs of two scenarios cannot give.
OF_OTHERS = (*STUDIES, "sensitivity", "gdp_bands", "scorecard", "policy_ranking", "joint_contour")
#: Assumptions that every reader of a headline should know.
DECIDING = (
    headline.LAMBDA, headline.OPEN_SHARE, "benefit.ceiling", "benefit.saving",
    "benefit.light_depth",
)  # fmt: skip


def question(voice: Voice, evidence: Evidence, long: bool) -> list[Block]:
    """What is asked, and in what the two scenarios differ."""
    comparison = evidence.comparison
    mine, theirs = (voice.whole_title(r) for r in (comparison.a, comparison.b))
    blocks: list[Block] = [
        Heading("The question"),
        Paragraph(
            voice.say(
                "How do small and medium enterprises in {place} use AI, and what is GDP, if "
                "“{mine}” holds rather than “{theirs}”? Both scenarios meet the same firms with "
                "the same luck, so what differs between them is the policy and what it sets in "
                "motion.",
                place=voice.place(), mine=mine, theirs=theirs,
            )
        ),
    ]  # fmt: skip
    if evidence.scenarios is not None:
        blocks.append(Paragraph(_what_differs(voice, *evidence.scenarios)))
        claim = evidence.scenarios[0].claim.strip()
        if long and claim:
            text = quoted(claim.rstrip("."), f"claim of {comparison.a.scenario}")
            blocks.append(Paragraph(voice.say("The scenario stands for: {claim}.", claim=text)))
    return blocks


def _what_differs(voice: Voice, scenario: Scenario, baseline: Scenario) -> str:
    """Instruments and parameters that differ, in words."""
    parts = []
    for given, owner in ((scenario, "the first"), (baseline, "the second")):
        other = baseline if given is scenario else scenario
        known = {i.model_dump_json() for _, i in other.instruments}
        for label, item in given.instruments:
            if item.model_dump_json() in known:
                continue
            kind = label.partition(" ")[2].replace("_", " ")
            when = quoted(month_words(item.start), "date of the instrument")
            kind_phrase = quoted(kind, "name of the instrument")
            parts.append(Phrase(f"{owner} has “{kind_phrase.text}” from {when.text}",
                                {**kind_phrase.values, **when.values}))  # fmt: skip
    for name in sorted({*scenario.overrides, *baseline.overrides}):
        here, there = scenario.values[name], baseline.values[name]
        if here != there:
            parts.append(Phrase(f"{name} is {here:g} in the first and {there:g} in the second",
                                {f"{name} scenario": here, f"{name} baseline": there,
                                 **quoted(name, "parameter").values}))  # fmt: skip
    if scenario.options != baseline.options:
        parts.append(Phrase("the AI options offered differ"))
    if not parts:
        return "The two scenarios do not differ in any rule, parameter or option."
    return voice.say("The two differ in this: {parts}.", parts=listed(parts, "; "))


# --- The headline -------------------------------------------------------------------------------


def lead(voice: Voice) -> list[Block]:
    """What stands under the title, which gives GDP: use, size, sum over the years, income."""
    items = []
    use = voice.difference("use", "size_class", HEADLINE_GROUP)
    if use is not None:
        group = quoted("10–249", "size class")
        subject = Phrase(f"AI use of firms with {group.text} persons", group.values)
        items.append(voice.say("{use}.", use=_capital(voice.finding(use, subject))))
    gdp = voice.difference("gdp")
    size = None if gdp is None else _size(voice, gdp)
    if size is not None:
        items.append(voice.say("GDP: {size}", size=size))
    items += [text for text in (_sum(voice), _income(voice)) if text]
    return [Bullets(tuple(items))] if items else []


def caution(voice: Voice) -> list[Block]:
    """That the runs were interrupted, where they were."""
    partial = voice.main.manifest.get("partial")
    if partial is None:
        return []
    extent = quoted(str(partial), "manifest: partial")
    return [Paragraph(voice.say("INCOMPLETE: the runs were interrupted ({x}).", x=extent), "lead")]


def _sum(voice: Voice) -> str:
    """The discounted sum of yearly differences in GDP since the first instrument."""
    start = headline.policy_start(voice.comparison)
    if start is None or start >= voice.year:
        return ""
    rate = float(voice.main.manifest["discount_rate"])
    total = voice.comparison.cumulative("gdp", start, voice.year, rate)
    if total.mean == 0.0:
        return ""
    told = Told(total, f"cumulative gdp {start} {voice.year}")
    currency = voice.main.currency
    return voice.say(
        "Summed from {start} to {year}, discounted at {rate} % a year: {currency} {total} billion "
        "({interval}).",
        start=Phrase(str(start), {"first year of the policy": float(start)}), year=voice.when(),
        rate=Phrase(f"{100.0 * rate:g}", {"discount rate, percent": 100.0 * rate}),
        currency=currency, total=voice.number(told), interval=voice.interval(told),
    )  # fmt: skip


def _income(voice: Voice) -> str:
    gni = voice.difference("gni")
    if gni is None:
        return ""
    found = voice.finding(gni, "national income (GDP less rents paid abroad)")
    return voice.say("{gni}.", gni=_capital(found))


def _capital(phrase: Phrase) -> Phrase:
    return Phrase(phrase.text[:1].upper() + phrase.text[1:], phrase.values)


def _size(voice: Voice, gdp: Told) -> Phrase | None:
    """How large the difference is beside GDP, or nothing where there is none."""
    share = voice.difference("gdp_gain")
    if share is None or (gdp.estimate.mean == 0.0 and not gdp.estimate.high > gdp.estimate.low):
        return None
    size = abs(share.estimate.mean)
    words = (
        "very small" if size < 0.02 else "small" if size < 0.2
        else "noticeable" if size < 1.0 else "large"
    )  # fmt: skip
    said = voice.with_interval(share)
    if gdp.unclear:
        return Phrase(
            f"whatever its sign, {words} beside the whole economy ({said.text} % of baseline GDP).",
            said.values,
        )
    return Phrase(f"{said.text} % of baseline GDP, {words} beside the whole economy.", said.values)


def axes(voice: Voice, evidence: Evidence) -> str:
    """What the headline becomes over the two numbers that data do not tell."""
    if not evidence.points:
        return (
            "Not shown here: the same difference over lambda and the open share, the two numbers "
            "that data on use do not tell (run with the joint axes to get it)."
        )
    told = [numbers.point_told(voice, p) for p in evidence.points]
    gdp = [t["gdp"] for t in told]
    use = [t["use"] for t in told]
    lambdas = sorted({p.dissimilarity for p in evidence.points})
    shares = sorted({p.open_share for p in evidence.points})
    ends = {"lambda low": lambdas[0], "lambda high": lambdas[-1], "share low": shares[0],
            "share high": shares[-1]}  # fmt: skip
    where = Phrase(
        f"lambda {lambdas[0]:g} to {lambdas[-1]:g}, open share {shares[0]:g} to {shares[-1]:g}",
        ends,
    )
    signs = {math.copysign(1.0, t.estimate.mean) for t in gdp if not t.unclear}
    verdict = (
        "the sign of the GDP effect changes within this range" if len(signs) > 1
        else "its sign is the same wherever it is clear" if signs
        else "nowhere is it clear"
    )  # fmt: skip
    return voice.say(
        "Two numbers decide the size and no data on AI use tell them: lambda (how far users of "
        "open models are lost rather than diverted) and the share of users on open models. Over "
        "{where}, the difference in GDP runs from {gdp} and in AI use of firms with {group} "
        "persons from {use}; {verdict}.",
        where=where, gdp=voice.span(gdp), use=voice.span(use),
        group=quoted("10–249", "size class"), verdict=verdict,
    )  # fmt: skip


def uncertainty_note(voice: Voice) -> str:
    """What the intervals of this document mean."""
    if voice.main.replicates < 2:
        return (
            "One run only: no interval can be given, and a small difference may be chance. "
            "Conditional comparison under stated assumptions, not a forecast."
        )
    return (
        "Intervals show Monte Carlo noise of the runs only. What nobody knows about the "
        "assumptions is wider, and is shown apart. Conditional comparison under stated "
        "assumptions, not a forecast."
    )


# --- Who gains ----------------------------------------------------------------------------------


def gains(voice: Voice, evidence: Evidence, long: bool) -> list[Block]:
    """Who gains and who loses: sizes, firms, suppliers, the public, sectors, member states."""
    items = [s for s in (_by_size(voice), _flows(voice), _surplus(voice), _suppliers(voice),
                         _public(voice)) if s]  # fmt: skip
    blocks: list[Block] = [Heading("Who gains and who loses"), Bullets(tuple(items))]
    if not items:
        blocks = [blocks[0], Paragraph("These results keep no series by group.")]
    if not long:
        return blocks
    tables = [numbers.size_table(voice), numbers.economy_table(voice)]
    if not any(f.name == "winners_and_losers" for f in evidence.figures):
        tables.append(
            numbers.group_table(
                voice, "sector", "gdp_contribution", "Contribution to GDP by sector"
            )
        )
    if len(voice.main.labels.get("country", ())) > 1:
        tables.append(numbers.group_table(voice, "country", "gdp", "GDP by member state", limit=10))
    return [*blocks, *(t for t in tables if t is not None)]


def _by_size(voice: Voice) -> str:
    sizes = voice.main.labels.get("size_class", ())
    told = [(s, voice.difference("use", "size_class", s)) for s in sizes]
    clear = [(s, t) for s, t in told if t is not None and not t.unclear]
    if not clear:
        return (
            "By size: no clear difference in AI use in any size class."
            if any(t is not None for _, t in told) else ""
        )  # fmt: skip
    most = max(clear, key=lambda pair: abs(pair[1].estimate.mean))
    least = min(clear, key=lambda pair: abs(pair[1].estimate.mean))
    if most is least or len(clear) == 1:
        return voice.say(
            "By size: AI use differs clearly among {who} only ({how}).",
            who=voice.persons(most[0]), how=voice.amount(most[1]),
        )  # fmt: skip
    return voice.say(
        "By size: AI use differs most among {most} ({how}) and least among {least} ({little}).",
        most=voice.persons(most[0]), how=voice.amount(most[1]), least=voice.persons(least[0]),
        little=voice.amount(least[1]),
    )  # fmt: skip


def _flows(voice: Voice) -> str:
    lost = voice.level("scenario", "lost_users")
    diverted = voice.level("scenario", "diverted_users")
    gained = voice.level("scenario", "gained_users")
    if lost is None or diverted is None or gained is None:
        return ""
    if lost.estimate.mean == diverted.estimate.mean == gained.estimate.mean == 0.0:
        return "Firms: not one firm stops, moves or starts."
    return voice.say(
        "Firms: {lost} use general-purpose AI in the baseline and not here, {diverted} move from "
        "an open to a closed model, {gained} use it only here.",
        lost=voice.thousands(lost), diverted=voice.thousands(diverted),
        gained=voice.thousands(gained),
    )  # fmt: skip


def _surplus(voice: Voice) -> str:
    told = voice.difference("firms_surplus")
    if told is None:
        return ""
    text = voice.finding(told, "the firms' own surplus (saving less cost and hurdle)")
    worse = voice.level("scenario", "worse_off")
    if worse is None or not worse.estimate.mean > 0.0:
        return voice.say("Users: {text}.", text=text)
    return voice.say(
        "Users: {text}; {share} % of firms are worse off.", text=text, share=voice.number(worse)
    )


def _suppliers(voice: Voice) -> str:
    abroad = voice.difference("rents_foreign")
    home = voice.difference("rents_domestic")
    if abroad is None or home is None:
        return ""
    return voice.say(
        "Suppliers: {abroad}; {home}. Rents are transfers: what suppliers gain, users pay.",
        abroad=voice.finding(abroad, "rents paid to foreign suppliers"),
        home=voice.finding(home, "rents of resident suppliers"),
    )


def _public(voice: Voice) -> str:
    told = voice.difference("public_revenue")
    if told is None:
        return ""
    text = voice.say("Public purse: {text}.", text=voice.finding(told, "public revenue"))
    return text


# --- What decides, and when it reverses -----------------------------------------------------------


def deciding(voice: Voice, evidence: Evidence, long: bool) -> list[Block]:
    """The assumptions that decide: joint axes, studies of the pair."""
    blocks: list[Block] = [
        Heading("The assumptions that decide"),
        Paragraph(axes(voice, evidence)),
    ]
    known = [n for n in STUDIES if n in evidence.findings]
    told = dict.fromkeys((*known, *(evidence.findings if long else ())))
    present = [n for n in told if n != "reversal"]
    items = [voice.say("{title}.", title=_found(evidence, n)) for n in present]
    if items:
        blocks.append(Bullets(tuple(items)))
    if long:
        table = numbers.axes_table(voice, evidence.points)
        blocks += [table] if table is not None else []
        blocks.append(_parameters(voice, evidence))
        blocks += [Picture(evidence.findings[n]) for n in DRAWN if n in evidence.findings]
    absent = [n for n in STUDIES if n not in evidence.findings]
    if absent:
        text = _not_run(voice, evidence, absent if long else [])
        blocks.append(Paragraph(text, "small"))
    return blocks


def _found(evidence: Evidence, name: str) -> Phrase:
    """What a finding says."""
    return quoted(evidence.findings[name].title.rstrip("."), f"figure {name}")


def _not_run(voice: Voice, evidence: Evidence, names: Sequence[str]) -> str:
    """What was not run for this pair, and the command that would."""
    c = evidence.comparison
    pair = quoted(f"{c.a.scenario} against {c.b.scenario}", "scenario names")
    if not names:
        return voice.say(
            "Not every study of assumptions was run for this pair ({pair}); the long form names "
            "them.", pair=pair,
        )  # fmt: skip
    what = "; ".join(f"{STUDIES[n][0]} (econsim {STUDIES[n][1]})" for n in names)
    return voice.say("Not run for this pair ({pair}): {what}.", pair=pair, what=what)


def _parameters(voice: Voice, evidence: Evidence) -> Table:
    """The deciding parameters: value here, range, source."""
    rows, records = [], []
    values = evidence.scenarios[0].values if evidence.scenarios is not None else {}
    for name in DECIDING:
        p = get(name)
        used = values.get(name, p.default)
        number = Phrase(f"{used:g}", {f"parameter {name}": used})
        ends = {f"parameter {name} low": p.low, f"parameter {name} high": p.high}
        limits = Phrase(f"{p.low:g} to {p.high:g}", ends)
        definition = quoted(p.definition, f"definition of {name}")
        source = quoted(p.source, f"source of {name}")
        rows.append((
            voice.say("{x}", x=quoted(name, "parameter")), voice.say("{x}", x=definition),
            voice.say("{x}", x=number), voice.say("{x}", x=limits), voice.say("{x}", x=source),
        ))  # fmt: skip
        records.append({
            "parameter": name, "unit": p.unit, "value": used, "low": p.low, "high": p.high,
            "definition": p.definition, "source": p.source,
        })  # fmt: skip
    return Table(
        "assumptions", "What the size of the effect rests on",
        ("parameter", "meaning", "here", "bounds", "source"), tuple(rows), tuple(records),
        "The level of any GDP gain is assumed (ceiling, depth, saving), not calibrated: data on "
        "use fit many levels.",
        widths=(2.0, 3.4, 0.8, 1.3, 3.4),
    )  # fmt: skip


def reversal(voice: Voice, evidence: Evidence, long: bool) -> list[Block]:
    """When it reverses."""
    blocks: list[Block] = [Heading("When it reverses")]
    if "reversal" in evidence.findings:
        blocks.append(Paragraph(voice.say("{title}.", title=_found(evidence, "reversal"))))
        if long:
            blocks.append(Picture(evidence.findings["reversal"]))
        return blocks
    main = voice.difference("gdp")
    if main is None:
        return [*blocks, Paragraph("These results keep no GDP.")]
    told = [(p, numbers.point_told(voice, p)["gdp"]) for p in evidence.points]
    clear = [(p, t.estimate.mean) for p, t in told if not t.unclear]
    if main.unclear:
        lower = _places(p for p, mean in clear if mean < 0.0)
        higher = _places(p for p, mean in clear if mean > 0.0)
        text = "There is no clear GDP effect that could reverse."
        if lower.text and higher.text:
            text = voice.say(
                "At the default assumptions the GDP effect is not clear. Over the joint axes it is "
                "clearly lower at {lower}, and clearly higher at {higher}.",
                lower=lower, higher=higher,
            )  # fmt: skip
        elif lower.text or higher.text:
            text = voice.say(
                "At the default assumptions the GDP effect is not clear; it is clearly {way} at "
                "{places}.",
                way="lower" if lower.text else "higher",
                places=lower if lower.text else higher,
            )  # fmt: skip
        return [*blocks, Paragraph(text)]
    if not told:
        text = "Whether it reverses was not searched: the joint axes were not run."
        return [*blocks, Paragraph(text)]
    other = _places(p for p, mean in clear if mean * main.estimate.mean < 0.0)
    count = Phrase(str(len(told)), {"points of the joint axes": float(len(told))})
    unclear = len(told) - len(clear)
    if other.text:
        text = voice.say(
            "Over the joint axes the GDP effect has the other sign at {places}.", places=other
        )
    elif unclear:
        text = voice.say(
            "At none of the {count} points of lambda and the open share does the GDP effect "
            "clearly turn; at {unclear} of them its interval holds zero.",
            count=count, unclear=Phrase(str(unclear), {"unclear points": float(unclear)}),
        )  # fmt: skip
    else:
        text = voice.say(
            "It does not reverse at any of the {count} points of lambda and the open share.",
            count=count,
        )
    return [*blocks, Paragraph(text)]


def _places(points: Iterable[headline.GridPoint]) -> Phrase:
    """Points of the joint axes in words."""
    return listed(
        (
            Phrase(
                f"lambda {p.dissimilarity:g} with open share {p.open_share:g}",
                {
                    f"lambda {p.dissimilarity:g}": p.dissimilarity,
                    f"open share {p.open_share:g}": p.open_share,
                },
            )
            for p in points
        ),
        "; ",
    )


# --- Published estimates --------------------------------------------------------------------------


def published(voice: Voice, long: bool) -> list[Block]:
    """Published estimates beside the model's accounts, and the level of the gain here."""
    lines = [x for x in replications.replicate() if x.method == replications.ACCOUNTS_METHOD]
    inside = sum(x.within for x in lines)
    counts = {"published numbers": float(len(lines)), "within tolerance": float(inside)}
    level = voice.level("baseline", "gdp_gain")
    items = [
        voice.say(
            "Fed with the inputs of published studies, the model's accounts return {inside} of the "
            "{all} published numbers within a stated tolerance. That shows that the bookkeeping "
            "agrees, not that the inputs are right.",
            inside=Phrase(str(inside), counts), all=Phrase(str(len(lines)), counts),
        )
    ]  # fmt: skip
    if level is not None:
        ten = {x.item: x for x in lines if x.row == "R1"}
        first = next(iter(ten.values()))
        items.append(
            voice.say(
                "In the baseline general-purpose AI adds {gain} % to GDP by {year}. For scale: "
                "{study}: {their} % of productivity in ten years.",
                gain=voice.number(level), year=voice.when(),
                study=quoted(first.study, "table replications R1"),
                their=Phrase(f"{first.published:g}", {"published R1": first.published}),
            )
        )  # fmt: skip
    target, gap = replications.ANNEX_B_TARGET, replications.REFERENCE_GAP
    needed = replications.needed_per_adopter(replications.us_business(), target, gap)
    items.append(
        voice.say(
            "A published figure of USD {target} trillion a year for US business from open models "
            "would need each further adopter to gain {needed} % of its value added, if {gap} % of "
            "business value added adopted more; most of such sums are transfers from suppliers to "
            "users, which are no GDP.",
            target=Phrase(f"{target / 1e12:g}", {"published target, trillion": target / 1e12}),
            needed=Phrase(f"{100.0 * needed:.0f}", {"needed, percent": 100.0 * needed}),
            gap=Phrase(f"{100.0 * gap:.1f}", {"gap, percent": 100.0 * gap}),
        )
    )  # fmt: skip
    blocks: list[Block] = [Heading("Beside published estimates"), Bullets(tuple(items))]
    if long:
        blocks.append(numbers.published_table(voice, lines))
    return blocks


# --- Method, limits, sources, reproduction -------------------------------------------------------


def method(voice: Voice, long: bool) -> Box:
    """The model in a box."""
    rows = voice.say(
        "This brief: {runs}, {months} months from January {first}; instruments first act in "
        "{start}.",
        runs=voice.runs(),
        months=Phrase(str(voice.main.months), {"months": float(voice.main.months)}),
        first=Phrase("2021", {"first year": 2021.0}),
        start=_start(voice),
    )  # fmt: skip
    short = (
        "Firms are weighted rows by country, sector and size that add up to official totals. Each "
        "month some consider AI, weigh the options on offer (closed and open models, bought, "
        "hosted or run in house), choose, learn, stay or leave. Suppliers' prices, the gap between "
        "open and closed models and the pool of open developers respond.",
        "Every flow is booked twice in one ledger; GDP by production, income and expenditure are "
        "three readings of it and must agree. Time saved raises output; set-up, compliance and "
        "AI services cost labour and money.",
    )
    more = (
        "A policy changes the terms on which options are offered, from a date on and for the firms "
        "it reaches; no rule of the model knows which regime it is in. The two scenarios are run "
        "side by side with the same random draws, firm by firm, so that a difference is the "
        "policy's and not luck's. Parameters that data on use tell were fitted to survey waves; "
        "lambda, the open share, price responses and re-entry have stated ranges instead.",
    )
    texts = (*short, *more) if long else short
    return Box("The method in brief", tuple(Paragraph(t) for t in (*texts, rows)))


def _start(voice: Voice) -> Phrase:
    month = policy_start(voice.comparison)
    if month is None:
        return Phrase("no month: there is none")
    return quoted(month_words(month), "month of the first instrument")


LIMITS = (
    "The level of any GDP gain rests on assumed ceilings, savings and depths of use; data on use "
    "alone fit many levels.",
    "Lambda, the open share, price responses and the re-entry of open developers have ranges, not "
    "estimates.",
    "Intervals are Monte Carlo noise. They are not confidence in the model.",
    "Micro firms and the US rest on weaker data than EU firms of medium size; splits by member "
    "state are derived tables.",
    "Not modelled: strategic behaviour of model suppliers beyond stated responses, unemployment "
    "(labour is fixed), innovation spillovers across firms, security and misuse beyond a stated "
    "social cost that is never part of GDP.",
    "A conditional comparison under stated assumptions: it does not say which scenario will come.",
)


def limits(voice: Voice, evidence: Evidence, long: bool) -> list[Block]:
    """What this cannot tell."""
    chosen = LIMITS if long else (LIMITS[0], LIMITS[1], LIMITS[4])
    blocks: list[Block] = [Heading("Limits"), Bullets(chosen)]
    drawn = {k: v for k, v in evidence.missing_figures.items() if k not in OF_OTHERS}
    reasons = {**drawn, **voice.missing}
    if reasons and long:
        blocks.append(Paragraph("Not in these results, so not said here:"))
        blocks.append(
            Bullets(tuple(
                voice.say("{what}: {why}", what=quoted(k.replace("_", " "), "label"),
                          why=quoted(v, "reason"))
                for k, v in reasons.items()
            ))
        )  # fmt: skip
    return blocks


def sources(voice: Voice, evidence: Evidence, long: bool) -> list[Block]:
    """Data and how to make this again."""
    c = evidence.comparison
    source = evidence.figures[0].source if evidence.figures else ""
    hashes = listed(
        quoted(f"{r.scenario} {str(r.manifest['scenario_hash'])[:12]}", "manifest: scenario hash")
        for r in (c.a, c.b)
    )
    seeds = [int(s) for s in voice.main.manifest["seeds"]]
    certificate = voice.say(
        "econsim {version}; scenarios {hashes}; data {data}; seeds {seeds}.",
        version=quoted(str(voice.main.manifest.get("econsim", "")), "manifest: version"),
        hashes=hashes,
        data=quoted(str(voice.main.manifest.get("data_hash", ""))[:12], "manifest: data hash"),
        seeds=quoted(f"{seeds[0]} to {seeds[-1]}", "manifest: seeds"),
    )  # fmt: skip
    blocks: list[Block] = [Heading("Data, sources, and how to reproduce")]
    if source:
        blocks.append(Paragraph(voice.say("{source}", source=quoted(source, "source note"))))
    if long:
        blocks.append(numbers.data_table(voice))
    blocks.append(Paragraph("The same numbers, from a clone of the project:"))
    lines = (
        voice.say("{x}", x=quoted(evidence.command, "command")),
        "econsim verify brief.pdf",
    )
    blocks += [Command(lines), Paragraph(certificate, "small")]
    return blocks
