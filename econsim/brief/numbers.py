"""Tables of a brief: estimates in words for the reader, unrounded for the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from econsim import data
from econsim.brief.content import Phrase, Table, quoted
from econsim.brief.evidence import Told, Voice
from econsim.experiments import headline
from econsim.experiments.replications import Line
from econsim.figures import HEADLINE_GROUP, PERSONS
from econsim.results import CONFIDENCE, ResultsError

#: Sections of NACE in words.
SECTORS = {
    "B": "Mining", "C": "Manufacturing", "D": "Energy", "E": "Water and waste",
    "F": "Construction", "G": "Trade", "H": "Transport", "I": "Hotels and restaurants",
    "J": "Information and communication", "K": "Finance", "L": "Real estate",
    "M": "Professional services", "N": "Administrative services", "P": "Education (market)",
    "Q": "Health (market)", "R": "Arts and leisure", "S": "Other services",
}  # fmt: skip


def _record(row: str, column: str, told: Told) -> dict[str, Any]:
    e = told.estimate
    return {
        "row": row, "column": column, "unit": e.unit, "mean": e.mean, "low": e.low,
        "high": e.high, "n": e.n,
    }  # fmt: skip


def estimates(
    voice: Voice,
    name: str,
    title: Phrase,
    header: Sequence[Phrase | str],
    rows: Sequence[tuple[Phrase | str, Sequence[Told | None]]],
    *,
    units: bool = False,
    note: str = "",
) -> Table | None:
    """A table of estimates: the first column names the row, the others hold estimates.

    Args:
        voice: takes the numbers down.
        name: identifier.
        title: of the table.
        header: one for each column, the first too.
        rows: name and estimates; rows without any are left out.
        units: whether rows have units of their own, shown in a last column.
        note: under the table.

    Returns:
        The table, or none if no row is left.
    """
    shown, records = [], []
    columns = [h.text if isinstance(h, Phrase) else h for h in header]
    for label, cells in rows:
        given = [c for c in cells if c is not None]
        if not given:
            continue
        text = label.text if isinstance(label, Phrase) else label
        line = [voice.say("{x}", x=label)]
        for column, told in zip(columns[1:], cells, strict=True):
            if told is None:
                line.append("–")
                continue
            line.append(_cell(voice, told))
            records.append(_record(text, column, told))
        if units:
            line.append(voice.say("{x}", x=quoted(_row_unit(given), "unit")))
        shown.append(tuple(line))
    if not shown:
        return None
    heads = [voice.say("{x}", x=h) for h in header] + (["unit"] if units else [])
    # An interval needs room for two numbers more.
    longest = max(len(row[0]) for row in shown)
    widths = [2.2 if longest > 12 else 0.9] + [
        1.9 if any("(" in row[c] for row in shown) else 1.15 for c in range(1, len(columns))
    ]
    return Table(
        name, voice.say("{x}", x=title), tuple(heads), tuple(shown), tuple(records), note,
        (*widths, 2.0) if units else tuple(widths),
    )  # fmt: skip


def _cell(voice: Voice, told: Told) -> str:
    """An estimate in a table: a difference with its interval, a level without."""
    if told.source.startswith("difference") and told.estimate.high > told.estimate.low:
        return voice.say("{m} ({i})", m=voice.number(told), i=voice.interval(told))
    return voice.say("{m}", m=voice.number(told))


def _row_unit(row: Sequence[Told]) -> str:
    """Unit of a row: of its levels, and in brackets that of a difference of shares."""
    unit = row[0].estimate.unit.removesuffix(", prices of 2024").replace(" per year", " a year")
    points = row[-1].estimate.unit.startswith("percentage points")
    return f"{unit} (points)" if points and unit.startswith("percent of") else unit


def difference_header(voice: Voice) -> Phrase:
    """Heading of a column of differences."""
    level = 100.0 * CONFIDENCE
    return Phrase(f"difference ({level:g} % interval)", {"confidence, percent": level})


def headline_table(voice: Voice) -> Table | None:
    """Levels and paired differences of the headline outcomes in the last year."""
    mine, theirs = voice.names()
    sizes = voice.main.labels.get("size_class", ())
    rows: list[tuple[Phrase | str, list[Told | None]]] = []
    for label, name, by, group in headline.ROWS:
        if by == "size_class" and group not in (*sizes, HEADLINE_GROUP):
            continue
        rows.append((quoted(label, "headline row"), _sides(voice, name, by, group)))
    title = voice.when()
    return estimates(
        voice, "headline",
        Phrase(f"The two scenarios in {title.text}", title.values),
        ("", theirs, mine, difference_header(voice)), rows, units=True,
        note=voice.say(
            "Differences are paired replicate by replicate; money at prices of {base}. {runs}.",
            base=Phrase("2024", {"price base": 2024.0}), runs=voice.runs(),
        ),
    )  # fmt: skip


def _sides(voice: Voice, name: str, by: str | None, group: str) -> list[Told | None]:
    return [
        voice.level("baseline", name, by, group),
        voice.level("scenario", name, by, group),
        voice.difference(name, by, group),
    ]


def size_table(voice: Voice) -> Table | None:
    """Differences by size class: use, users lost and diverted, contribution, surplus."""
    what = (
        ("AI use, points", "difference", "use"),
        ("lost users", "scenario", "lost_users"),
        ("diverted users", "scenario", "diverted_users"),
        ("contribution to GDP", "difference", "gdp_contribution"),
        ("firms' surplus", "difference", "firms_surplus"),
    )
    sizes = voice.main.labels.get("size_class", ())
    kept = [
        w for w in what
        if any(voice.level("scenario", w[2], "size_class", s) for s in sizes)
    ]  # fmt: skip
    if not kept:
        return None
    rows = [
        (
            quoted(PERSONS[s], f"size class {s}"),
            [
                voice.difference(name, "size_class", s)
                if side == "difference"
                else voice.level(side, name, "size_class", s)
                for _, side, name in kept
            ],
        )
        for s in sizes
    ]
    money = f"{voice.main.currency} billion a year"
    header = [f"{w[0]}, {money}" if w[2] in ("gdp_contribution", "firms_surplus") else w[0]
              for w in kept]  # fmt: skip
    return estimates(
        voice, "sizes",
        Phrase(f"Who changes, by persons engaged, in {voice.year}", voice.when().values),
        ("persons", *header), rows,
        note=voice.say(
            "Lost users use general-purpose AI in the baseline and not here; diverted users move "
            "from an open to a closed model. Brackets: {level} % interval. Money: mean of the "
            "year; figures by sector and size show its December at a yearly rate.",
            level=Phrase("95", {"confidence, percent": 100.0 * CONFIDENCE}),
        ),
    )  # fmt: skip


def group_table(voice: Voice, by: str, name: str, title: str, limit: int = 0) -> Table | None:
    """Differences of an outcome by sector or country, the largest first.

    Args:
        voice: takes the numbers down.
        by: ``sector`` or ``country``.
        name: outcome.
        title: of the table, without the year.
        limit: rows shown (0: all); the file holds all.
    """
    try:
        labels = voice.main.groups(name, by)
    except ResultsError as error:
        voice.missing[title] = str(error)
        return None
    told = [(g, voice.difference(name, by, g)) for g in labels]
    known = [(g, t) for g, t in told if t is not None]
    known.sort(key=lambda pair: -abs(pair[1].estimate.mean))
    if not known:
        return None
    words = SECTORS if by == "sector" else {}
    unit = voice.main.unit(name).replace(" per year, prices of 2024", " a year")
    rows = [(words.get(g, g), [t]) for g, t in known]
    table = estimates(
        voice, f"{name}_by_{by}",
        Phrase(f"{title}, {unit}, {voice.year}",
               {**quoted(unit, "unit").values, **voice.when().values}),
        (by, difference_header(voice)), rows,
    )  # fmt: skip
    if table is None or not limit or len(table.rows) <= limit:
        return table
    rest = len(table.rows) - limit
    note = voice.say(
        "The largest; {rest} more in the table's file. Splits by member state rest on derived "
        "tables.",
        rest=Phrase(str(rest), {"further rows": float(rest)}),
    )
    return Table(table.name, table.title, table.header, table.rows[:limit], table.records, note)


#: Outcomes of the whole economy, in the order of the table.
ECONOMY = (
    "gdp", "gni", "consumption", "wages", "firms_surplus", "rents_foreign", "rents_domestic",
    "public_spending", "public_revenue", "resource_hours", "ai_spending", "imports_ai",
    "non_market_volume", "misuse_cost",
)  # fmt: skip


def economy_table(voice: Voice, names: Sequence[str] = ECONOMY, name: str = "economy",
                  title: str = "The economy") -> Table | None:  # fmt: skip
    """Levels and differences of outcomes of the whole economy."""
    from econsim.results import outcome

    mine, theirs = voice.names()
    rows = [
        (quoted(outcome(n).label, f"label of {n}"), _sides(voice, n, None, "all")) for n in names
    ]
    return estimates(
        voice, name, Phrase(f"{title} in {voice.year}", voice.when().values),
        ("", theirs, mine, difference_header(voice)), rows, units=True,
    )  # fmt: skip


def axes_table(voice: Voice, points: Sequence[headline.GridPoint]) -> Table | None:
    """Differences in use and GDP over lambda and the open share."""
    rows = []
    for p in sorted(points, key=lambda p: (p.dissimilarity, p.open_share)):
        label = Phrase(
            f"lambda {p.dissimilarity:g}, open share {p.open_share:g}",
            {"lambda of the point": p.dissimilarity, "open share of the point": p.open_share},
        )
        told = point_told(voice, p)
        rows.append((label, [told["use"], told["gdp"]]))
    if not rows:
        return None
    return estimates(
        voice, "joint_axes",
        Phrase(f"The same difference over what data do not tell, {voice.year}",
               voice.when().values),
        ("", quoted("AI use, 10–249 persons, percentage points", "size class"),
         f"GDP, {voice.main.currency} billion a year"),
        rows,
    )  # fmt: skip


def point_told(voice: Voice, point: headline.GridPoint) -> dict[str, Told]:
    """Differences in use (10-249 persons) and GDP at a point of the joint axes."""
    where = f"at lambda {point.dissimilarity:g}, open share {point.open_share:g}"
    c, year = point.comparison, voice.year
    use = c.difference("use", year, "size_class", HEADLINE_GROUP)
    return {
        "use": Told(use, f"difference use {year} size_class {HEADLINE_GROUP} {where}"),
        "gdp": Told(c.difference("gdp", year), f"difference gdp {year} total all {where}"),
    }


def published_table(voice: Voice, lines: Sequence[Line]) -> Table:
    """Published estimates beside what the model's own accounts return for them.

    The first number of each study is shown; the table's file holds all.
    """
    rows, records = [], []
    shown: set[str] = set()
    for line in lines:
        records.append(line.record())
        if line.row in shown:
            continue
        shown.add(line.row)
        item = line.item.replace("_", " ")
        label = quoted(f"{line.study}: {item}", f"table replications {line.row}")
        pair = {
            f"table replications {line.row} {line.item}": line.published,
            f"replicate {line.row} {line.item}": line.ours,
        }
        published, ours = f"{line.published:.3g}", f"{line.ours:.3g}"
        rows.append(
            (
                voice.say("{x}", x=label),
                voice.say("{x}", x=Phrase(published, pair)),
                voice.say("{x}", x=Phrase(ours, pair)),
                voice.say("{x}", x=quoted(line.unit, "unit")),
                "yes" if line.within else "no",
            )
        )
    return Table(
        "published", "Published estimates through the model's own accounts",
        ("study", "published", "here", "unit", "within tolerance"),
        tuple(rows), tuple(records),
        "The first number of each study, with its definitions and inputs, booked by this model's "
        "ledger; all are in the table's file.",
        widths=(5.0, 1.2, 1.2, 2.2, 1.2),
    )  # fmt: skip


def data_table(voice: Voice) -> Table:
    """The reference tables behind every run, with how sure their figures are."""
    rows, records = [], []
    for name in sorted(data.SCHEMAS):
        if name == "held_out_2025":  # judges the model, makes no number of a brief
            continue
        frame = data.table(name)
        best = frame["reliability"].value_counts()
        licences = "; ".join(sorted(set(frame["licence"].astype(str))))
        count = Phrase(f"{len(frame):,}", {f"rows of {name}": float(len(frame))})
        share = f"{best.index[0]}" if len(best) == 1 else f"{best.index[0]} and others"
        rows.append(
            (
                voice.say("{x}", x=quoted(name, "table name")),
                voice.say("{x}", x=count),
                voice.say("{x}", x=quoted(share, "reliability")),
                voice.say("{x}", x=quoted(licences, f"licence of {name}")),
            )
        )
        records.append({"table": name, "rows": len(frame), "licences": licences,
                        **{f"reliability: {k}": int(v) for k, v in best.items()}})  # fmt: skip
    return Table(
        "data_tables", "Reference tables", ("table", "rows", "reliability", "licence"),
        tuple(rows), tuple(records),
        "Every row of a table carries its own source, year and licence; see docs/data.md.",
        widths=(2.4, 0.7, 1.8, 3.4),
    )  # fmt: skip
