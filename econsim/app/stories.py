"""One firm's story: choose a firm, see what it weighs and does in both worlds."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

import econsim
from econsim import data, figures
from econsim.app import draft, exhibits, session, wording
from econsim.app.draft import Text
from econsim.app.link import Link
from econsim.app.story import ROWS, Address, Life, Story, StoryOrder
from econsim.figures.panels import Lines, Series, padded
from econsim.figures.places import outlines

#: Colours of options, in their order: safe for colour-blind readers.
_COLOURS = ("#3A2A6B", "#2E8FB8", "#0B6E75", "#C8571B", "#8F6F1F")
_MONTHS = 12
#: The firm asked for at first: country, sector, size class, number.
DEFAULT = {"EU27": "DE.C.10-49.2", "US": "US.C.10-49.16"}


def page(region: str, linked: Link | None, visible: bool) -> None:
    """Choose a firm, live through both worlds, read its story.

    Args:
        region: of the firm.
        linked: what the link that the page was opened with holds.
        visible: whether this page is looked at; otherwise it only keeps what is chosen.
    """
    baseline, policy = _pair(region, linked)
    st.write(
        f"One of {ROWS:,} sampled firms, with the same luck in both worlds: **{baseline.name}** "
        f"and **{policy.name}** (the policy that you last applied, otherwise the headline pair). "
        "One firm is an illustration, never evidence."
    )
    address = _choose(region, linked)
    if not visible:
        return
    place = f"story-{region}"
    if st.button("Tell its story", type="primary", key="tell", disabled=session.busy()):
        session.start(StoryOrder(baseline, policy, address), place)
        st.query_params.update({"econsim": econsim.__version__, "firm": address.text()})
        st.rerun()
    found = session.shown(place)
    if found is None:
        return
    story: Story = found[0]
    if story.address != address:
        st.info("What is shown is the story told last; the firm chosen above has not been asked.")
    _tell(story)


def _pair(region: str, linked: Link | None) -> tuple[Text, Text]:
    """The pair last applied, else that of the link, else that of the headline."""
    mine = session.shown(f"policy-{region}")
    if mine is not None:
        return mine[1].baseline, mine[1].policy
    made = linked.draft() if linked else None
    if linked is not None and made is not None:
        against = linked.against or draft.usual_baseline(made)
        return draft.baseline_text(made, against), draft.policy_text(made)
    baseline, policy = (draft.shipped_text(n) for n in draft.HEADLINE_PAIRS[region])
    return baseline, policy


def _choose(region: str, linked: Link | None) -> Address:
    start = ((linked and linked.firm) or DEFAULT[region]).split(".")
    countries = ["US"] if region == "US" else list(data.MEMBER_STATES)
    sizes = [s for s in data.SIZE_CLASSES if region == "US" or s != "nonemployer"]
    columns = st.columns(4)

    def pick(place: int, label: str, options: Sequence[str], names: dict[str, str]) -> str:
        with columns[place]:
            return st.selectbox(
                label, options,
                index=options.index(start[place]) if start[place] in options else 0,
                format_func=lambda code: names.get(code, code), key=f"firm-{label}-{region}",
            )  # fmt: skip

    names = {code: state.name for code, state in outlines().states.items()}
    country = pick(0, "Country", countries, {**names, "US": "United States"})
    sector = pick(1, "Sector", list(data.SECTORS), wording.SECTIONS)
    size = pick(2, "Size", sizes, wording.SIZES)
    with columns[3]:
        number = st.number_input(
            "Number of the firm", 1, 999, int(start[3]),
            key=f"firm-number-{region}", help="There are few of each kind among the sampled firms.",
        )  # fmt: skip
    return Address(country, sector, size, int(number))


def _tell(story: Story) -> None:
    import pandas as pd

    st.markdown(f"## {headline(story)}")
    st.markdown(about(story))
    st.markdown(others(story))
    for life, words in zip(story.lives, ("In the baseline", "Under the policy"), strict=True):
        st.markdown(f"**{words} ({life.scenario})**: {biography(life, story)}")
    if any(life.evaluations for life in story.lives):
        exhibits.show_all([exhibits.Exhibit(figure(story))], "story")
    for life in story.lives:
        st.markdown(f"### What it weighed in {life.scenario}")
        table = weighed(life, story)
        if table:
            st.dataframe(pd.DataFrame(table), hide_index=True)
        else:
            st.write("Nothing: it never considered general-purpose AI.")
    st.caption(
        "Net saving: what the option saves a year less what it costs in money. The firm chooses "
        "the option of largest utility: net saving over the firm's hurdle (risk, effort, fear for "
        "its data) with the firm's own taste, which it keeps from year to year or draws anew. "
        f"Prices of 2024, {story.currency}. {figures.CONDITIONAL}"
    )


def about(story: Story) -> str:
    """Who the firm is, in a sentence."""
    address = story.address
    traits = [
        "digitally mature" if story.mature else "not digitally mature",
        "would use AI deeply" if story.deep else "would use AI lightly",
    ]
    if not story.applicable:
        traits.append("general-purpose AI does not apply to what it does")
    month = wording.month(f"2021-{story.evaluation_month + 1:02d}").partition(" ")[0]
    return (
        f"A firm in {_country(address.country)}, {wording.SECTIONS[address.sector].lower()}, with "
        f"{story.persons:,.0f} persons and {story.currency} {story.value_added / 1e6:,.3g} million "
        f"of value added a year; it stands for {story.stands_for:,.0f} firms. It is {traits[0]}, "
        f"{'; '.join(traits[1:])}. It evaluates once a year, in {month}."
    )


def _country(code: str) -> str:
    return "the United States" if code == "US" else outlines().states[code].name


def others(story: Story) -> str:
    """How many firms of the same kind the policy moves, and which to look at."""
    count = f"Of {story.alike} sampled firms of this size, sector and country"
    if not story.moved:
        return f"{count} none does otherwise under the policy."
    numbers = ", ".join(str(n) for n in story.moved[:12])
    more = ", …" if len(story.moved) > 12 else ""
    return f"{count} {len(story.moved)} do otherwise under the policy: number {numbers}{more}."


def headline(story: Story) -> str:
    """The two ends in a sentence."""
    names = [_name(life.options[-1], story) for life in story.lives]
    apart = _first_apart(story)
    if apart is None:
        return f"This firm does the same in both worlds: {names[0]} at the end"
    start = f"From {wording.month(apart)} this firm does otherwise under the policy"
    if names[0] == names[1]:
        return f"{start}; at the end it has {names[0]} in both worlds"
    return f"{start}: at the end {names[1]}, where the baseline has {names[0]}"


def _first_apart(story: Story) -> str | None:
    first, second = (life.options for life in story.lives)
    for month, (a, b) in enumerate(zip(first, second, strict=True)):
        if a != b:
            return f"{2021 + month // _MONTHS}-{month % _MONTHS + 1:02d}"
    return None


def _name(option: str | None, story: Story) -> str:
    if option is None:
        return "no general-purpose AI"
    label = story.labels[option]
    return label[0].lower() + label[1:]


def biography(life: Life, story: Story) -> str:
    """What the firm did in one world, month by month where something changed."""
    if life.considers_from is None:
        return "it never considers general-purpose AI."
    parts = [f"it considers general-purpose AI from {wording.month(life.considers_from)}"]
    for e in life.evaluations:
        if e.before == e.chosen:
            continue
        why = " (its option was taken from it)" if e.forced else ""
        if e.chosen is None:
            parts.append(f"stops using AI in {wording.month(e.month)}{why}")
        elif e.before is None:
            parts.append(f"takes up {_name(e.chosen, story)} in {wording.month(e.month)}")
        else:
            parts.append(f"moves to {_name(e.chosen, story)} in {wording.month(e.month)}{why}")
    if len(parts) == 1:
        parts.append("and never uses it" if life.options[-1] is None else "and stays with it")
    return "; ".join(parts) + "."


def weighed(life: Life, story: Story) -> list[dict[str, str]]:
    """What the firm weighed at each evaluation, one row each."""
    table = []
    for e in life.evaluations:
        row = {"month": e.month, "chosen": _name(e.chosen, story)}
        for option, label in story.labels.items():
            if option not in e.net_saving:
                row[label] = "not available"
                continue
            money = figures.minus(f"{e.net_saving[option]:,.0f}")
            luck = e.utility.get(option)
            row[label] = f"{money} {story.currency} a year" + (
                "" if luck is None else figures.minus(f", utility {luck:.2f}")
            )
        row["no AI"] = figures.minus(f"utility {e.no_option:.2f}")
        table.append(row)
    return table


def figure(story: Story) -> figures.Figure:
    """Net saving of each option at the firm's evaluations, one panel a world, on one scale."""
    import pandas as pd

    rows = []
    panels = []
    every = [v for life in story.lives for e in life.evaluations for v in e.net_saving.values()]
    reach = padded(every, zero=True) if every else (0.0, 1.0)
    unit = f"{story.currency} per year, prices of 2024"
    seen = [int(e.month[:4]) for life in story.lives for e in life.evaluations]
    # From a round year, so that the marks of the axis stand apart.
    years = [str(y) for y in range(max(2021, min(seen) // 5 * 5), max(seen) + 1)]
    for life in story.lives:
        series = []
        by_year = {e.month[:4]: e for e in life.evaluations}
        for number, (option, label) in enumerate(story.labels.items()):
            values = []
            for year in years:
                e = by_year.get(year)
                value = float("nan") if e is None else e.net_saving.get(option, float("nan"))
                values.append(value)
                rows.append(
                    {"panel": life.scenario, "option": option, "label": label, "period": year,
                     "unit": unit, "value": value,
                     "chosen": e is not None and e.chosen == option, "n": 1}
                )  # fmt: skip
            if any(v == v for v in values):
                colour = _COLOURS[number % len(_COLOURS)]
                series.append(Series(label, tuple(values), colour, dots=True, end=_short(label)))
        panels.append(
            Lines(
                f"{life.scenario}: net saving, {story.currency} a year", unit, tuple(years),
                tuple(series), zero=True, reach=reach, height=190.0,
            )
        )  # fmt: skip
    return figures.Figure(
        name="one_firm",
        title=_most(story),
        subtitle=f"Net saving of each option at the firm's yearly evaluations, {unit}; the options "
        "that the firm can get.",
        alt="Line charts of the net saving of each AI option, one a world. "
        + " ".join(f"{life.scenario}: {biography(life, story)}" for life in story.lives),
        note="One firm, one run, no interval: an illustration of the rules, no evidence. "
        f"{figures.CONDITIONAL}",
        source=f"econsim, seed {story.provenance['results'][0]['seeds'][0]}.",
        data=pd.DataFrame(rows),
        provenance=story.provenance,
        panels=tuple(panels),
    )


def _most(story: Story) -> str:
    """Which option saves most in money at the end of each world."""
    best = []
    for life in story.lives:
        last = life.evaluations[-1].net_saving if life.evaluations else {}
        best.append(max(last, key=lambda name: last[name]) if last else None)
    names = [_name(option, story) for option in best]
    if names[0] == names[1]:
        return f"At the last evaluation {names[0]} saves this firm most money in both worlds"
    return (
        f"At the last evaluation {names[0]} saves this firm most money in the baseline, {names[1]} "
        "under the policy"
    )


def _short(label: str) -> str:
    """A label that fits the end of a line."""
    return (
        label.replace("Open weights at a third-party host", "Open, hosted")
        .replace("Open weights on own hardware", "Open, own")
        .replace("Closed model on private hardware", "Closed, own")
        .replace("Closed API or assistant", "Closed, API")
        .replace("Ready-made software", "Ready-made")
    )


__all__ = ["page"]
