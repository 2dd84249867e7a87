"""The command line: parse, call, show.

Exit codes: 0 fine; 1 a defect; 2 the input is wrong; 3 some runs failed; 4 a check said no;
5 the machine said no (disk, permission, memory); 130 interrupted.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import econsim
from econsim import parameters as registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from econsim.brief import Evidence
    from econsim.experiments.ensemble import Ensemble
    from econsim.experiments.execution import Forecast, Tally
    from econsim.experiments.headline import GridPoint
    from econsim.experiments.scoring import Score
    from econsim.experiments.store import Store
    from econsim.experiments.study import ExecutorFile
    from econsim.figures import Figure
    from econsim.findings import Finding
    from econsim.results import Comparison, Results
    from econsim.scenario import Scenario

logger = logging.getLogger("econsim")

WRONG_INPUT, SOME_FAILED, CHECK_FAILED, MACHINE, INTERRUPTED = 2, 3, 4, 5, 130

HEADLINE_YEAR = 2035
#: Name of the parameter set of results that vary none.
DEFAULT_SET = "default"

app = typer.Typer(
    name="econsim",
    help="How small and medium enterprises adopt AI when open and closed models are both "
    "available, or closed only, and what that does to GDP.  Conditional comparisons with their "
    "uncertainty, never forecasts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ScenarioArguments = Annotated[
    list[str] | None,
    typer.Argument(metavar="SCENARIO...", help="names or files; the first is the baseline"),
]
Firms = Annotated[str | None, typer.Option("--firms", help="rows, at least 1000, or 'full'")]
Replicates = Annotated[int | None, typer.Option("--replicates", min=1, max=100_000)]
Seed = Annotated[int | None, typer.Option("--seed", help="run seed, 0 or more")]
Months = Annotated[int | None, typer.Option("--months", help="months from 2021-01, 12 to 600")]
Workers = Annotated[int | None, typer.Option("--workers", min=1, max=256)]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON instead of tables")]


def _console() -> Any:
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else 150)


def _say(text: str = "") -> None:
    sys.stdout.write(text + "\n")


def _version(value: bool) -> None:
    if value:
        _say(f"econsim {econsim.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="log what happens")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="no progress, errors only")] = False,
) -> None:
    """Options before the command."""
    level = logging.INFO if verbose else logging.ERROR if quiet else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s", force=True)
    app.info.epilog = "quiet" if quiet else None


def _is_quiet() -> bool:
    return app.info.epilog == "quiet"


@contextmanager
def _progress(text: str) -> Iterator[Callable[[float], None] | None]:
    """A progress bar with time left on standard error; nothing when it is not a terminal."""
    if _is_quiet() or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        job = bar.add_task(text, total=1.0)
        yield lambda share: bar.update(job, completed=share)


# --- loading -----------------------------------------------------------------------------------


def _load_all(names: Sequence[str], months: int | None) -> list[Scenario]:
    from econsim.policy import month_label
    from econsim.scenario import Run, ScenarioError, load

    loaded = [load(name) for name in names]
    if months is not None:
        if not 12 <= months <= 600:
            raise ScenarioError(f"--months {months} is outside 12 to 600")
        loaded = [
            s.with_changes(
                run=Run(**{**s.run.model_dump(), "horizon": ("2021-01", month_label(months - 1))})
            )
            for s in loaded
        ]
    return loaded


def _rows(text: str | None) -> int | str | None:
    from econsim.scenario import ScenarioError

    if text is None or text == "full":
        return text
    try:
        rows = int(text.replace("_", ""))
    except ValueError:
        raise ScenarioError(f"--firms '{text}' is neither a whole number nor 'full'") from None
    if rows < 1000:
        raise ScenarioError(f"--firms {rows}: at least 1000 rows are needed")
    return rows


def _seed(seed: int | None) -> int | None:
    from econsim.scenario import ScenarioError

    if seed is not None and not 0 <= seed <= 10**12:
        raise ScenarioError(f"--seed {seed} is outside 0 to 1,000,000,000,000")
    return seed


# --- run and compare ---------------------------------------------------------------------------


@app.command()
def run(
    scenarios: ScenarioArguments = None,
    firms: Firms = None,
    replicates: Replicates = None,
    seed: Seed = None,
    months: Months = None,
    workers: Workers = None,
    grid: Annotated[
        bool, typer.Option("--grid/--no-grid", help="also over lambda and open share")
    ] = True,
    members: Annotated[
        int | None,
        typer.Option("--ensemble", min=2, help="also on so many sets of the shipped ensemble"),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="folder for the results")] = None,
    as_json: AsJson = False,
) -> None:
    """Run scenarios (paired, the first is the baseline), print a table, store results.

    Without names: the headline comparison, diverse against restrictive, for the EU and the US.
    With --ensemble: replicate noise, parameter uncertainty and structural choices side by side.
    """
    from econsim.experiments import headline

    pairs = [list(scenarios)] if scenarios else [list(p) for p in headline.PAIRS.values()]
    rows, chosen_seed = _rows(firms), _seed(seed)
    groups = [_load_all(names, months) for names in pairs]
    places = [_place(out, group, len(groups)) for group in groups]
    for place in places:
        _check_writable(place)
    ensembles = _ensembles(groups, members)
    collected = []
    for group, place in zip(groups, places, strict=True):
        collected.append(
            _run_group(group, place, rows, replicates, chosen_seed, workers, grid, not as_json)
        )
        if members is not None and len(group) > 1:
            collected[-1]["spreads"] = _spreads(
                group, ensembles[group[0].region], members, place, rows, chosen_seed, workers,
                not as_json,
            )  # fmt: skip
    if as_json:
        _say(json.dumps(collected, indent=1))


def _ensembles(groups: Sequence[Sequence[Scenario]], members: int | None) -> dict[str, Ensemble]:
    """Shipped ensembles of the groups' regions, refused before any work."""
    from econsim.experiments import ensemble

    if members is None:
        return {}
    found = {r: ensemble.load(r) for r in {g[0].region for g in groups}}
    for chosen in found.values():
        chosen.thin(members)
    return found


def _spreads(
    group: Sequence[Scenario],
    chosen: Ensemble,
    members: int,
    place: Path,
    rows: int | str | None,
    seed: int | None,
    workers: int | None,
    show: bool,
) -> list[dict[str, Any]]:
    """The comparison on the ensemble: table, and ``ensemble-SCENARIO.csv`` beside the results."""
    from econsim.experiments import ensemble

    year = min(HEADLINE_YEAR, 2020 + group[0].run.months // 12)
    small = min(rows, ensemble.ROWS) if isinstance(rows, int) else ensemble.ROWS
    with _progress(f"on {members} parameter sets") as report:
        found = ensemble.spreads(
            group, chosen, year, members=members, rows=small, seed=seed, workers=workers,
            progress=report,
        )  # fmt: skip
    records = []
    for scenario, lines in zip(group[1:], found, strict=True):
        records += [{"a": scenario.name, "b": group[0].name, "year": year, **vars(s)}
                    for s in lines]  # fmt: skip
        (place / f"ensemble-{scenario.name}.csv").write_text(
            ensemble.spreads_csv(lines, scenario.name, group[0].name, year, chosen.digest),
            encoding="utf-8",
        )
        if show:
            variants = [v.name for v in ensemble.VARIANTS]
            _table(
                f"{scenario.name} less {group[0].name} ({year}): three kinds of uncertainty apart",
                ("", "own parameters", "replicate noise (80 %)", "parameters 10 / 50 / 90 %",
                 *variants, "unit"),
                [
                    (s.label, f"{s.point:.3g}", f"{s.noise[0]:.3g} to {s.noise[1]:.3g}",
                     " / ".join(f"{v:.3g}" for v in s.parameters),
                     *(f"{s.structure[v]:.3g}" for v in variants), s.unit)
                    for s in lines
                ],
            )  # fmt: skip
            _say(
                f"{members} of {len(chosen.members)} sets of ensemble {chosen.digest[:12]}; "
                f"{small:,} rows; structural choices one at a time, each meeting the same use of "
                "2024."
            )
            for warning in chosen.warnings:
                _say(f"WARNING: the ensemble's fit: {warning}")
            _say()
    return records


def _place(out: Path | None, group: Sequence[Scenario], groups: int) -> Path:
    name = "-vs-".join(s.name for s in (*group[1:], group[0])) if len(group) > 1 else group[0].name
    if out is None:
        return Path("results") / name
    return out / name if groups > 1 else out


def _check_writable(place: Path) -> None:
    """Fail before the work, not after it."""
    import tempfile

    existing = place.resolve()
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir():
        raise NotADirectoryError(20, "not a folder", str(existing))
    try:
        with tempfile.TemporaryFile(dir=existing.parent if place.exists() else existing):
            pass
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}: cannot write here", str(place)) from None


def _run_group(
    group: Sequence[Scenario],
    place: Path,
    rows: int | str | None,
    replicates: int | None,
    seed: int | None,
    workers: int | None,
    grid: bool,
    show: bool,
) -> dict[str, Any]:
    from econsim.experiments import headline
    from econsim.experiments.simulation import Interrupted, simulate
    from econsim.results import compare, save, subset

    try:
        with _progress(f"running {', '.join(s.name for s in group)}") as report:
            results = simulate(
                *group, rows=rows, replicates=replicates, seed=seed, workers=workers,
                progress=report,
            )  # fmt: skip
    except Interrupted as stop:
        done = [result for found in stop.results.values() for result in found]
        if done:
            save(done, place)
            sys.stderr.write(f"stored {done[0].manifest['partial']} in {place}\n")
        raise
    year = min(HEADLINE_YEAR, 2020 + group[0].run.months // 12)
    summary: dict[str, Any] = {"folder": str(place), "year": year, "comparisons": []}
    stored = list(results)
    extra = {}
    if len(group) == 1:
        summary["scenario"] = _single(results[0], year, show)
    comparisons = [compare(r, results[0]) for r in results[1:]]
    points: dict[str, list[GridPoint]] = {}
    if comparisons and grid:
        small = min(headline.GRID_ROWS, rows) if isinstance(rows, int) else headline.GRID_ROWS
        few = min(headline.GRID_REPLICATES, replicates or headline.GRID_REPLICATES)
        with _progress("over lambda and open share") as report:
            sets = headline.run_grid(
                group, rows=small, replicates=few, seed=seed, workers=workers, progress=report
            )
        for number, c in enumerate(comparisons, start=1):
            points[c.a.scenario] = headline.grid_points(sets, number)
        stored += [subset(r, ("size_class",)) for found in sets.values() for r in found]
    for c in comparisons:
        summary["comparisons"].append(_comparison(c, year, points.get(c.a.scenario, []), show))
        extra[f"headline-{c.a.scenario}.csv"] = _headline_csv(c, year)
    save(stored, place, extra)
    if show:
        _say(f"stored in {place}\n")
    return summary


def _caution(result: Results) -> str:
    return (
        f"n = {result.replicates} replicates of {result.manifest['rows']:,} rows; intervals: "
        "95 %, Monte Carlo noise only. A conditional comparison under stated assumptions, not a "
        "forecast."
        if isinstance(result.manifest["rows"], int)
        else f"n = {result.replicates}, one row per enterprise: what sampling noise is left, see "
        "docs/speed.md. A conditional comparison under stated assumptions, not a forecast."
    )


def _single(result: Results, year: int, show: bool) -> dict[str, Any]:
    from econsim.experiments import headline
    from econsim.results import estimate

    sizes = result.labels["size_class"]
    table = [
        (label, estimate(result.yearly(name, year, by, group), result.unit(name)))
        for label, name, by, group in headline.ROWS
        if by != "size_class" or group in (*sizes, "10-249")
    ]
    if show:
        _table(
            f"{result.manifest['title']} ({year})",
            ("", "value (95 % interval)", "unit"),
            [(label, e.text(), e.unit) for label, e in table],
        )
        _say(_caution(result))
    return {"name": result.scenario, "values": {label: _numbers(e) for label, e in table}}


def _numbers(e: Any) -> dict[str, Any]:
    interval = None if e.low != e.low else [e.low, e.high]
    return {"mean": e.mean, "interval": interval, "n": e.n, "unit": e.unit}


def _comparison(
    c: Comparison, year: int, points: Sequence[GridPoint], show: bool
) -> dict[str, Any]:
    from econsim.experiments import headline

    table = headline.lines(c, year)
    ratio = c.pairing_gain("gdp", year)
    if show:
        _table(
            f"{c.a.manifest['title']}\nagainst {c.b.manifest['title']} ({year})",
            ("", c.a.scenario, c.b.scenario, "difference (95 % interval)", "unit of difference"),
            [
                (
                    line.label,
                    line.scenario.text() if line.baseline else "",
                    line.baseline.text() if line.baseline else "",
                    line.difference.text(),
                    line.difference.unit,
                )
                for line in table
            ],
        )
        _say(_caution(c.a))
        if ratio == ratio:  # one replicate has no interval
            _say(f"Unpaired interval of GDP / paired interval: {ratio:.1f}")
    grid_rows = []
    for point in points:
        use = point.comparison.difference("use", year, "size_class", "10-249")
        lost = point.comparison.difference("gdp", year)
        surplus = point.comparison.difference("firms_surplus", year)
        gni = point.comparison.difference("gni", year)
        grid_rows.append((point, use, lost, gni, surplus))
    if show and grid_rows:
        _table(
            f"The same over its joint axes, {c.a.scenario} less {c.b.scenario} ({year})",
            (
                "lambda", "open share", f"use, 10-249 persons [{grid_rows[0][1].unit}]",
                f"GDP [{grid_rows[0][2].unit}]", "GNI [same]", "firms' surplus [same]",
            ),
            [
                (f"{p.dissimilarity:g}", f"{p.open_share:g}", *(e.text() for e in found))
                for p, *found in grid_rows
            ],
        )  # fmt: skip
        _say(
            f"Neither axis is identified by data on use. n = {grid_rows[0][1].n} replicates of "
            f"{points[0].comparison.a.manifest['rows']:,} rows.\n"
        )
    return {
        "a": c.a.scenario,
        "b": c.b.scenario,
        "lines": {
            line.label: {
                "a": _numbers(line.scenario) if line.baseline else None,
                "b": _numbers(line.baseline) if line.baseline else None,
                "difference": _numbers(line.difference),
            }
            for line in table
        },
        "unpaired_to_paired_interval": ratio,
        "grid": [
            {
                "lambda": p.dissimilarity,
                "open_share": p.open_share,
                "use_10_249": _numbers(use),
                "gdp": _numbers(lost),
                "gni": _numbers(gni),
                "firms_surplus": _numbers(surplus),
            }
            for p, use, lost, gni, surplus in grid_rows
        ],
        "scenario_hashes": [c.a.manifest["scenario_hash"], c.b.manifest["scenario_hash"]],
    }


def _headline_csv(c: Comparison, year: int) -> str:
    from econsim.experiments import headline

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["year", "line", "scenario", "baseline", "unit", "difference", "low", "high", "n"]
    )
    for line in headline.lines(c, year):
        d = line.difference
        writer.writerow(
            [year, line.label, c.a.scenario, c.b.scenario, d.unit, d.mean, d.low, d.high, d.n]
        )
    return text.getvalue()


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title), title_justify="left", title_style="bold", show_edge=False)
    for number, name in enumerate(header):
        numbers = all(row[number][:1] in "-0123456789n" for row in rows)
        right = number > 0 and numbers and header[number] != "name"
        table.add_column(
            escape(name), justify="right" if right else "left", overflow="fold", no_wrap=number == 0
        )
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    _console().print(table)


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help="scenario A, or a folder of results")],
    b: Annotated[str, typer.Argument(help="scenario B (the difference is A minus B)")],
    outcome: Annotated[
        str, typer.Option("--outcome", help="see 'econsim list --outcomes'")
    ] = "gdp",
    by: Annotated[
        str | None, typer.Option("--by", help="country, sector, size_class or option")
    ] = None,
    year: Annotated[int | None, typer.Option("--year")] = None,
    firms: Firms = None,
    replicates: Replicates = None,
    seed: Seed = None,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Paired difference A minus B of any outcome, with the interval of the difference."""
    from econsim.experiments.simulation import simulate
    from econsim.results import compare as pair
    from econsim.results import outcome as check_outcome

    check_outcome(outcome)
    group = _load_all([b, a], None)
    with _progress(f"running {b}, {a}") as report:
        second, first = simulate(
            *group,
            rows=_rows(firms), replicates=replicates, seed=_seed(seed), workers=workers,
            progress=report,
        )  # fmt: skip
    c = pair(first, second)
    chosen = year or min(HEADLINE_YEAR, 2020 + group[0].run.months // 12)
    rows = []
    for label in first.groups(outcome, by):
        here, there = c.level(outcome, chosen, by, label)
        rows.append((label, here, there, c.difference(outcome, chosen, by, label)))
    if as_json:
        _say(
            json.dumps(
                {
                    "outcome": outcome, "by": by, "year": chosen, "a": a, "b": b,
                    "groups": {
                        label: {
                            "a": _numbers(x), "b": _numbers(y), "difference": _numbers(d),
                        }
                        for label, x, y, d in rows
                    },
                },
                indent=1,
            )
        )  # fmt: skip
        return
    _table(
        f"{check_outcome(outcome).label}: {a} less {b} ({chosen})",
        (by or "", a, b, "difference (95 % interval)"),
        [(label, x.text(), y.text(), d.text()) for label, x, y, d in rows],
    )
    _say(f"Levels in {first.unit(outcome)}; difference in {rows[0][3].unit}.")
    if by == "country" and len(rows) > 1:
        _say("Splits by member state rest on derived tables (docs/data.md); they sum to the EU.")
    _say(_caution(first))


# --- studies -----------------------------------------------------------------------------------

StoreArgument = Annotated[Path, typer.Argument(metavar="STORE", help="folder of a run store")]
AllowIncomplete = Annotated[
    bool, typer.Option("--allow-incomplete", help="go on when runs are missing, and say so")
]


def _duration(seconds: float) -> str:
    """A length of time in words: ``40 s``, ``12 min``, ``3.5 h``, ``6.2 days``."""
    if seconds != seconds:
        return "unknown"
    for limit, size, unit in ((90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            digits = 1 if unit == "h" else 0
            return f"{seconds / size:.{digits}f} {unit}"
    return f"{seconds / 86_400:.1f} days"


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000.0 or unit == "GB":
            break
        size /= 1000.0
    return f"{size:.3g} {unit}"


@contextmanager
def _sweep_progress(total: int) -> Iterator[Callable[[Tally], None] | None]:
    """Runs done, rate and time left: a bar on a terminal, a line every half minute elsewhere."""
    import time

    if _is_quiet():
        yield None
        return

    def words(tally: Tally) -> str:
        failed = f", {tally.failed:,} failed" if tally.failed else ""
        rate = f"{tally.rate:.3g} runs/min, " if tally.made else ""
        return (
            f"{tally.done:,} of {tally.total:,} runs{failed}, {rate}"
            f"{_duration(tally.seconds_left)} left"
        )

    if not sys.stderr.isatty():
        said = time.monotonic()

        def line(tally: Tally) -> None:
            nonlocal said
            if time.monotonic() - said > 30.0:
                said = time.monotonic()
                sys.stderr.write(words(tally) + "\n")

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        job = bar.add_task("starting", total=total)
        yield lambda tally: bar.update(
            job, completed=tally.done + tally.failed, description=words(tally)
        )


@app.command()
def sweep(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="study file or shipped name")],
    out: Annotated[
        Path | None, typer.Option("--out", help="the store (default: results/STUDY)")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="number of runs, disk, memory, time; stores nothing")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="go on with a store")] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="make failed runs again (implies --resume)")
    ] = False,
    replicates: Replicates = None,
    executor: Annotated[
        str | None, typer.Option("--executor", help="threads, processes or dask")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", help="address of a Dask scheduler")
    ] = None,
    workers: Workers = None,
    only: Annotated[
        str | None, typer.Option("--only", help="make one run here, show its error, store nothing")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make every run of a study, once; what is finished is kept whatever happens."""
    from econsim.experiments import execution
    from econsim.experiments import study as studies
    from econsim.experiments.store import Store, StoreError

    given = studies.load(study)
    if replicates is not None:
        given = given.with_replicates(replicates)
    place = out or Path("results") / given.name
    chosen = _executor(given.executor, executor, scheduler, workers)
    if only is not None:
        variant, replicate, values = execution.make_one(given, only)
        _say(f"arm {variant.arm}, point {variant.point}, replicate {replicate}")
        for key, value in values.items():
            _say(f"{key} = {value!r}")
        return
    if dry_run:
        _show_forecast(execution.forecast(given, place, chosen), place, as_json)
        return
    if Store.exists(place):
        if not (resume or retry_failed):
            raise StoreError(
                f"'{place}' already holds a run store: go on with --resume, or use another --out"
            )
        store = Store.open(place, given)
    else:
        _check_writable(place)
        store = Store.create(place, given)
    with _sweep_progress(store.plan.runs) as report:
        tally = execution.sweep(store, executor=chosen, retry_failed=retry_failed, progress=report)
    if as_json:
        _say(json.dumps({"store": str(place), "total": tally.total, "done": tally.done,
                         "failed": tally.failed, "made": tally.made,
                         "stopped": tally.stopped, "torn": tally.torn}, indent=1))  # fmt: skip
    else:
        if tally.torn:
            _say(f"note: {tally.torn}")
        _say(f"{tally.done:,} of {tally.total:,} runs, {tally.failed:,} failed; stored in {place}")
    if tally.stopped:
        sys.stderr.write(f"error: stopped early: {tally.stopped}\n")
    if tally.failed:
        for message, count, command in _failures(store):
            sys.stderr.write(f"failed: {count} x {message}\n  reproduce: {command}\n")
        raise typer.Exit(SOME_FAILED)


def _executor(
    given: ExecutorFile, kind: str | None, scheduler: str | None, workers: int | None
) -> ExecutorFile:
    """The study's executor with what the command line changes."""
    if kind is not None and kind not in ("threads", "processes", "dask"):
        hint = registry.nearest(kind, ("threads", "processes", "dask"))
        raise registry.ParameterError(
            f"--executor '{kind}' is none of threads, processes, dask{hint}"
        )
    if kind is None and scheduler is not None:
        kind = "dask"
    change = {"kind": kind, "scheduler": scheduler, "workers": workers}
    return given.model_copy(update={k: v for k, v in change.items() if v is not None})


def _failures(store: Store) -> list[tuple[str, int, str]]:
    """Messages of failed runs, how often each, and a command that reproduces one."""
    found: dict[str, tuple[int, str]] = {}
    for record in store.contents().failed.values():
        message = f"[{record.error['stage']}] {record.error['message']}"
        count, command = found.get(message, (0, record.error["reproduce"]))
        found[message] = (count + 1, command)
    ordered = sorted(found.items(), key=lambda item: -item[1][0])
    return [(message, count, command) for message, (count, command) in ordered]


def _show_forecast(found: Forecast, place: Path, as_json: bool) -> None:
    if as_json:
        _say(json.dumps(vars(found), indent=1))
        return
    low, high = found.seconds
    _say(
        f"{found.runs:,} runs ({found.arms} arms x {found.points:,} points x {found.replicates} "
        "replicates, runs that are the same scenario counted once)\n"
        f"disk: {_bytes(found.disk)} in {place} ({_bytes(found.free)} free)\n"
        f"memory: about {_bytes(found.memory)} with {found.workers} workers\n"
        f"time: {_duration(low)} to {_duration(high)} ({found.pilots} pilot runs; nothing stored)"
    )


@app.command()
def status(
    store: StoreArgument,
    query: Annotated[
        str | None,
        typer.Option("--sql", help="ask in SQL (DuckDB): tables runs, kept, points, plan"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """How far a sweep is, from any shell, also while it runs."""
    import time

    from econsim.experiments.store import Store

    opened = Store.open(store)
    if query is not None:
        table = opened.query(query)
        _say(table.to_json(orient="records", indent=1) if as_json else table.to_string(index=False))
        return
    contents = opened.contents()
    total = int(opened.manifest["runs"])
    running = opened.in_use()
    now = time.time()
    recent = [r.made["at"] for r in contents.done.values() if now - r.made["at"] < 600.0]
    rate = 60.0 * len(recent) / max(now - min(recent), 1.0) if running and recent else 0.0
    left = total - len(contents.done) - len(contents.failed)
    if as_json:
        _say(json.dumps({"title": opened.study.title, "total": total, "done": len(contents.done),
                         "failed": len(contents.failed), "running": running,
                         "runs_per_minute": rate, "torn": list(contents.torn),
                         "repeated": len(contents.repeated)}, indent=1))  # fmt: skip
        return
    _say(f"{opened.study.title}\n{len(contents.done):,} of {total:,} runs, "
         f"{len(contents.failed):,} failed, {left:,} to be made; "
         f"{'running' if running else 'not running'}")  # fmt: skip
    if rate:
        _say(f"{rate:.3g} runs/min, {_duration(60.0 * left / rate)} left")
    if contents.torn and not running:
        _say(f"note: {contents.torn_words()}")
    for message, count, command in _failures(opened):
        _say(f"failed: {count} x {message}\n  reproduce: {command}")


Outcome = Annotated[
    str, typer.Option("--outcome", help="a kept number, such as gdp@2035 or use:10-249@2035")
]
Arm = Annotated[
    str | None, typer.Option("--arm", help="compared with the first arm (default: the last)")
]
FigureFolder = Annotated[
    Path | None, typer.Option("--out", help="folder for figures: SVG, PNG, PDF, HTML, CSV, JSON")
]


def _tell(finding: Finding, out: Path | None, as_json: bool) -> None:
    """Print a finding's sentence, and write its figures where asked."""
    written = []
    if out is not None:
        _check_writable(out)
        for figure in finding.figures:
            written += [str(path) for path in figure.save(out)]
        (out / "finding.txt").write_text(finding.sentence + "\n", encoding="utf-8")
    if as_json:
        drawn = {f.name: json.loads(f.json())["data"] for f in finding.figures}
        _say(json.dumps({"sentence": finding.sentence, "figures": written, "data": drawn},
                        indent=1))  # fmt: skip
        return
    for figure in finding.figures:
        data = figure.data
        if "text" not in data.columns:
            continue
        _table(
            figure.subtitle, ("", "value"),
            [(str(r["label"]), str(r["text"])) for r in data.to_dict("records")],
        )  # fmt: skip
    _say(finding.sentence)
    for path in written:
        _say(f"wrote {path}")


@app.command()
def answer(
    store: StoreArgument,
    out: FigureFolder = None,
    allow_incomplete: AllowIncomplete = False,
    as_json: AsJson = False,
) -> None:
    """Answer the question that a study's file asks: its sentence and its figure."""
    from econsim import findings
    from econsim.experiments.store import Store

    with _progress("analysing") as report:
        finding = findings.answer(
            Store.open(store), allow_incomplete=allow_incomplete, progress=report
        )
    _tell(finding, out, as_json)


@app.command("sensitivity")
def sensitivity_(
    store: StoreArgument,
    outcome: Outcome = "gdp",
    arm: Arm = None,
    out: FigureFolder = None,
    allow_incomplete: AllowIncomplete = False,
    as_json: AsJson = False,
) -> None:
    """What matters: Sobol or Morris indices with intervals, convergence, value of information."""
    from econsim import findings
    from econsim.experiments import sensitivity as indices
    from econsim.experiments.store import Store

    opened = Store.open(store)
    kept, chosen = opened.study.keep(outcome), _arm(opened, arm)
    finding = findings.importance(opened, kept, chosen, allow_incomplete)
    _tell(finding, out, as_json)
    if not as_json:
        found = indices.of_responses(
            opened.responses(kept, allow_incomplete=allow_incomplete), chosen
        )
        sizes = sorted(found.convergence)
        _table(
            "Convergence of total indices over base samples",
            ("", *(f"{size:,}" for size in sizes)),
            [
                (
                    i.factor,
                    *(
                        next(f"{j.total:.2g}" for j in found.convergence[size]
                             if j.factor == i.factor)
                        for size in sizes
                    ),
                )
                for i in found.indices
            ],
        )  # fmt: skip


def _arm(store: Store, name: str | None) -> str:
    from econsim.findings import last_arm

    if name is None:
        return last_arm(store)
    if name not in store.study.arms:
        hint = registry.nearest(name, store.study.arms)
        raise registry.ParameterError(f"no arm '{name}' in '{store.study.name}'{hint}")
    return name


@app.command()
def discover(
    store: StoreArgument,
    outcome: Outcome = "gdp",
    arm: Arm = None,
    threshold: Annotated[
        float, typer.Option("--threshold", help="a case is an effect of at least so much")
    ] = 0.0,
    out: FigureFolder = None,
    allow_incomplete: AllowIncomplete = False,
    as_json: AsJson = False,
) -> None:
    """When does it reverse?  Ranges of parameters (PRIM) with their stability, in a sentence."""
    from econsim import findings
    from econsim.experiments.store import Store

    opened = Store.open(store)
    with _progress("searching") as report:
        finding = findings.reversal(
            opened, opened.study.keep(outcome), _arm(opened, arm), threshold, allow_incomplete,
            report,
        )  # fmt: skip
    _tell(finding, out, as_json)


@app.command()
def rank(
    store: StoreArgument,
    outcome: Outcome = "gni",
    threshold: Annotated[
        float, typer.Option("--threshold", help="effect that a policy should reach")
    ] = 0.0,
    out: FigureFolder = None,
    allow_incomplete: AllowIncomplete = False,
    as_json: AsJson = False,
) -> None:
    """Policies by regret and satisficing over a study's futures; break-even misuse cost."""
    from econsim import findings
    from econsim.experiments.store import Store

    opened = Store.open(store)
    finding = findings.ranking(opened, opened.study.keep(outcome), threshold, allow_incomplete)
    _tell(finding, out, as_json)


@app.command()
def decompose(
    a: Annotated[
        str, typer.Argument(help="scenario whose effect is shared out")
    ] = "eu-restrictive",
    b: Annotated[str, typer.Argument(help="scenario it is compared with")] = "eu-diverse",
    outcome: Annotated[
        str,
        typer.Option(
            "--outcome", help="see 'econsim list --outcomes'; of a size class: use:10-249"
        ),
    ] = "gdp_gain",
    year: Annotated[int | None, typer.Option("--year")] = None,
    firms: Firms = None,
    replicates: Replicates = 4,
    seed: Seed = 1,
    months: Months = None,
    out: FigureFolder = None,
    as_json: AsJson = False,
) -> None:
    """Why: the effect of A against B shared out over mechanisms (Shapley), on paired runs."""
    from econsim import findings
    from econsim.experiments import decomposition
    from econsim.experiments.simulation import manifest, replicate_seed

    rows = _rows(firms) or 4_000
    acted, reference = _load_all([a, b], months)
    first_seed, count = _seed(seed) or 0, replicates or 4
    name, _, group = outcome.partition(":")
    with _progress("switching mechanisms") as report:
        found = decomposition.decompose(
            reference, acted, name, year, by="size_class" if group else None, group=group or "all",
            rows=rows, replicates=count, seed=first_seed, progress=report,
        )  # fmt: skip
    seeds = [replicate_seed(first_seed, r) for r in range(count)]
    provenance = {
        "n": count,
        "results": [{"scenario": s.name, **manifest(s, rows, seeds)} for s in (reference, acted)],
    }
    drawn = findings.mechanisms(found, reference.region, provenance)
    _tell(findings.Finding(found.sentence(), (drawn,)), out, as_json)


@app.command()
def emulate(
    store: StoreArgument,
    outcome: Outcome = "gdp",
    arm: Arm = None,
    at: Annotated[
        list[str] | None, typer.Option("--at", help="NAME=VALUE, repeated: preview this point")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="file for the fitted emulator (.json)")
    ] = None,
    allow_incomplete: AllowIncomplete = False,
    as_json: AsJson = False,
) -> None:
    """Fit a surrogate to a study for instant previews, with its own held-out error."""
    from econsim.experiments import emulator
    from econsim.experiments.store import Store

    opened = Store.open(store)
    found = opened.responses(opened.study.keep(outcome), allow_incomplete=allow_incomplete)
    fitted = emulator.fit(found, _arm(opened, arm))
    preview = None
    if at:
        point = {}
        for text in at:
            name, _, value = text.partition("=")
            try:
                point[name] = float(value)
            except ValueError:
                raise registry.ParameterError(f"--at '{text}' is not NAME=NUMBER") from None
        preview = fitted.preview(point)
    if out is not None:
        fitted.save(out)
    if as_json:
        _say(json.dumps({"outcome": fitted.outcome, "unit": fitted.unit,
                         "held_out_error": fitted.error, "coverage": fitted.coverage,
                         "explained": fitted.explained,
                         "preview": None if preview is None else list(preview)}, indent=1)
             )  # fmt: skip
        return
    _say(found.caution() + fitted.sentence())
    if preview is not None:
        _say(f"{fitted.outcome} there: {preview[0]:.4g} ({preview[1]:.4g} to {preview[2]:.4g}) "
             f"{fitted.unit}; a preview, not a run")  # fmt: skip


# --- figures -----------------------------------------------------------------------------------


@app.command("figures")
def figures_(
    places: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[A B | STORE | RESULTS]",
            help="two scenarios (A minus B, run now), a run store, or a folder of results "
            "(default: the results that come with econsim)",
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="folder for the files")] = Path("figures"),
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format", help="svg, png, pdf, html, csv, json; several times (default: all)"
        ),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="name of a figure; several times")
    ] = None,
    region: Annotated[
        str, typer.Option("--region", help="EU27 or US, of the results that come with econsim")
    ] = "EU27",
    half: Annotated[
        bool, typer.Option("--half", help="78 instead of 160 millimetres wide")
    ] = False,
    firms: Firms = None,
    replicates: Replicates = None,
    seed: Seed = None,
    workers: Workers = None,
    allow_incomplete: AllowIncomplete = False,
    as_json: AsJson = False,
) -> None:
    """Draw every figure that results allow, for print and as data, and name those they do not.

    Files of the same figure of the same scenarios are replaced; no other file is touched.
    """
    from econsim.figures import export, paper

    kinds = export.formats_named([k for f in formats or () for k in f.split(",")] or export.FORMATS)
    _check_writable(out)
    groups = _figure_groups(
        places or [], region, _rows(firms), replicates, _seed(seed), workers, allow_incomplete
    )
    chosen = {folder: _chosen(drawn, reasons, only) for folder, drawn, reasons in groups}
    written: list[str] = []
    count = sum(len(drawn) for drawn, _ in chosen.values())
    with _progress("drawing") as report:
        for folder, (drawn, _) in chosen.items():
            for figure in drawn:
                files = figure.save(out / folder, kinds, paper.HALF if half else paper.FULL)
                written += map(str, files)
                if report is not None:
                    report(len(written) / (count * len(kinds)))
    missing = {
        f"{folder}/{name}" if folder else name: why
        for folder, (_, reasons) in chosen.items()
        for name, why in reasons.items()
    }
    if as_json:
        _say(json.dumps({"written": written, "not_drawn": missing}, indent=1))
        return
    for folder, (drawn, _) in chosen.items():
        for figure in drawn:
            _say(f"{out / folder / figure.name}.{{{','.join(kinds)}}}\n  {figure.title}")
    for name, why in missing.items():
        _say(f"not drawn: {name}: {why}")
    if missing and not places:
        here = "us" if region == "US" else "eu"
        _say(f"a run of its own draws more: econsim figures {here}-restrictive {here}-diverse")


#: Name of a folder, figures, and the reasons why others cannot be drawn.
FigureGroup = tuple[str, "list[Figure]", dict[str, str]]


def _figure_groups(
    places: Sequence[str],
    region: str,
    rows: int | str | None,
    replicates: int | None,
    seed: int | None,
    workers: int | None,
    allow_incomplete: bool,
) -> list[FigureGroup]:
    """Figures of what is named, one group a comparison."""
    from econsim import figures, findings
    from econsim.app import shipped
    from econsim.experiments import headline
    from econsim.experiments.simulation import simulate
    from econsim.experiments.store import Store
    from econsim.results import DEFAULT_SET, ResultsError, load
    from econsim.results import compare as pair

    if not places:
        if region not in HEADLINE_REGIONS:
            raise ResultsError(f"--region '{region}' is neither {' nor '.join(HEADLINE_REGIONS)}")
        found = shipped.load(region)
        for reason in found.reasons:
            logger.warning("the results that come with econsim are not of this version: %s", reason)
        # What studies of this pair found comes with econsim as figures.
        files = sorted((shipped.FOLDER / region / "findings").glob("*.json"))
        given = [figures.Figure.from_json(f.read_text(encoding="utf-8")) for f in files]
        return [("", *figures.of_comparison(found.comparison, found.points, given=given))]
    if len(places) == 2:
        group = _load_all(places[::-1], None)
        with _progress(f"running {', '.join(places)}") as report:
            second, first = simulate(
                *group, rows=rows, replicates=replicates, seed=seed, workers=workers,
                progress=report,
            )  # fmt: skip
        return [("", *figures.of_comparison(pair(first, second)))]
    folder = Path(places[0])
    if len(places) > 2 or not folder.is_dir():
        raise ResultsError(
            f"'{' '.join(places)}': give two scenarios, or one folder of results or of a study"
        )
    if not (folder / "results.parquet").exists():
        with _progress("analysing") as report:
            answer = findings.answer(
                Store.open(folder), allow_incomplete=allow_incomplete, progress=report
            )
        return [("", list(answer.figures), {})]
    sets: dict[str, list[Results]] = {}
    for result in load(folder):
        sets.setdefault(result.parameter_set, []).append(result)
    baseline, *others = sets.get(DEFAULT_SET, next(iter(sets.values())))
    _tell_version(baseline)
    if not others:
        return [("", [figures.adoption_by_size(baseline)], {
            "gdp_effect": "compares two scenarios, and the folder holds one",
        })]  # fmt: skip
    made = []
    comparisons = [pair(other, baseline) for other in others]
    for number, comparison in enumerate(comparisons, start=1):
        points = headline.grid_points(sets, number)
        rest = [c for c in comparisons if c is not comparison]
        name = comparison.a.scenario if len(comparisons) > 1 else ""
        made.append((name, *figures.of_comparison(comparison, points, others=rest)))
    return made


#: Regions whose results come with econsim.
HEADLINE_REGIONS = ("EU27", "US")


def _tell_version(result: Results) -> None:
    """Says when results are of another version; figures show them as they are."""
    made = result.manifest.get("econsim")
    if made != econsim.__version__:
        logger.warning("these results were made by econsim %s, not by this version", made)


def _chosen(
    drawn: Sequence[Figure], reasons: dict[str, str], only: Sequence[str] | None
) -> tuple[list[Figure], dict[str, str]]:
    """The figures asked for; one that cannot be drawn, or is unknown, is an error."""
    import difflib

    from econsim.results import ResultsError

    if not only:
        return list(drawn), reasons
    have = {f.name: f for f in drawn}
    for name in only:
        if name in reasons:
            raise ResultsError(f"figure '{name}' cannot be drawn: {reasons[name]}")
        if name not in have:
            close = difflib.get_close_matches(name, [*have, *reasons], n=1, cutoff=0.4)
            hint = f"; did you mean '{close[0]}'?" if close else ""
            raise ResultsError(f"there is no figure '{name}'{hint}")
    return [have[name] for name in dict.fromkeys(only)], {}


# --- scenarios and parameters ------------------------------------------------------------------


@app.command("list")
def list_(
    outcomes: Annotated[bool, typer.Option("--outcomes", help="list outcomes instead")] = False,
    studies: Annotated[bool, typer.Option("--studies", help="list studies instead")] = False,
    as_json: AsJson = False,
) -> None:
    """List the shipped scenarios, the outcomes, or the studies."""
    if studies:
        from econsim.experiments import study

        listed = [(s.name, s.title, s.question) for s in map(study.load, study.shipped())]
        if as_json:
            keys = ("name", "title", "question")
            _say(json.dumps([dict(zip(keys, row, strict=True)) for row in listed], indent=1))
        else:
            _table("Studies", ("name", "title", "asks"), listed)
        return
    if outcomes:
        from econsim.results import OUTCOMES

        rows = [(o.name, o.unit, o.kind, o.definition) for o in OUTCOMES.values()]
        if as_json:
            _say(json.dumps([dict(zip(("name", "unit", "kind", "definition"), r, strict=True))
                             for r in rows], indent=1))  # fmt: skip
        else:
            _table("Outcomes", ("name", "unit", "kind", "definition"), rows)
        return
    from econsim.scenario import load, shipped

    found = [load(name) for name in shipped()]
    if as_json:
        _say(
            json.dumps(
                [{"name": s.name, "title": s.title, "region": s.region, "hash": s.hash()}
                 for s in found],
                indent=1,
            )
        )  # fmt: skip
    else:
        _table(
            "Scenarios", ("name", "region", "title"), [(s.name, s.region, s.title) for s in found]
        )


@app.command()
def show(
    scenario: Annotated[str, typer.Argument(help="name or file")],
    month: Annotated[str | None, typer.Option("--month", help="terms in force in YYYY-MM")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the effective scenario: options, parameters that differ, instruments, hash."""
    from econsim.policy import month_index, month_label

    (s,) = _load_all([scenario], None)
    if as_json:
        _say(json.dumps({"name": s.name, "title": s.title, "hash": s.hash(), **s.canonical()},
                        indent=1))  # fmt: skip
        return
    _say(f"{s.title}\n{s.claim}\nregion {s.region}, money in {s.currency} of 2024, "
         f"{s.run.horizon[0]} to {s.run.horizon[1]}\nhash {s.hash()}\n")  # fmt: skip
    _table(
        "AI options",
        ("name", "route", "deployment", "weights", "from", "price 2024"),
        [
            (n, o.route, o.deployment, "open" if o.open_weights else "closed", o.arrival,
             f"{o.price:g} EUR/seat/year")
            for n, o in s.options.items()
        ],
    )  # fmt: skip
    for name, value in s.overrides.items():
        p = registry.get(name)
        _say(f"{name} = {value:g} {p.unit} (default {p.default:g})")
    entries = s.package.entries
    if month is not None:
        try:
            index = month_index(month)
        except ValueError as error:
            raise registry.ParameterError(f"--month: {error}") from None
        entries = tuple(e for e in entries if e.strength(index) > 0.0)
    if not entries:
        _say("No instruments" + (f" in force in {month}." if month else "."))
        return
    _table(
        "Instruments" + (f" in force in {month}" if month else ""),
        ("instrument", "term", "change", "from", "to"),
        [
            (e.instrument, e.lever.replace("option.", f"{e.option}."),
             f"{e.operation} {e.value:g}", month_label(e.start),
             "end" if e.stop > 10**5 else month_label(e.stop - 1))
            for e in entries
        ],
    )  # fmt: skip


@app.command()
def diff(
    a: Annotated[str, typer.Argument(help="scenario A")],
    b: Annotated[str, typer.Argument(help="scenario B")],
    as_json: AsJson = False,
) -> None:
    """Show what differs between two effective scenarios."""
    from econsim.scenario import differences

    first, second = _load_all([a, b], None)
    found = list(differences(first.canonical(), second.canonical()))
    if as_json:
        _say(json.dumps([{"key": k, "a": x, "b": y} for k, x, y in found], indent=1))
    elif not found:
        _say(f"{a} and {b} are the same scenario (hash {first.hash()[:12]})")
    else:
        _table(f"{a} and {b}", ("key", a, b), [(k, _short(x), _short(y)) for k, x, y in found])


def _short(value: Any) -> str:
    return "-" if value is None else value if isinstance(value, str) else json.dumps(value)


@app.command()
def check(
    files: Annotated[list[str], typer.Argument(help="scenario or study files or names")],
    as_json: AsJson = False,
) -> None:
    """Validate scenario and study files; all are checked, the first error of each is shown."""
    from econsim.experiments import study as studies
    from econsim.scenario import ScenarioError, load

    wrong = {}
    good = {}
    for name in files:
        try:
            if studies.is_study(name):
                good[name] = studies.digest(studies.load(name).canonical())
            else:
                good[name] = load(name).hash()
        except ScenarioError as error:
            wrong[name] = str(error)
    if as_json:
        _say(json.dumps({"ok": good, "errors": wrong}, indent=1))
    else:
        for name, digest in good.items():
            _say(f"ok  {name}  {digest[:12]}")
        for message in wrong.values():
            sys.stderr.write(f"error: {message}\n")
    if wrong:
        raise typer.Exit(WRONG_INPUT)


@app.command()
def schema(
    study: Annotated[bool, typer.Option("--study", help="of study files instead")] = False,
) -> None:
    """Print the JSON Schema of scenario files, for editors."""
    if study:
        from econsim.experiments.study import schema as build
    else:
        from econsim.scenario import schema as build

    _say(json.dumps(build(), indent=1))


@app.command()
def parameters(
    name: Annotated[str | None, typer.Argument(help="one parameter")] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", help="lever, uncertainty or constant")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The parameter table: default, unit, bounds, definition, source."""
    if kind is not None and kind not in ("lever", "uncertainty", "constant"):
        raise registry.ParameterError(f"unknown kind '{kind}': lever, uncertainty or constant")
    chosen = [registry.get(name)] if name else list(registry.PARAMETERS.values())
    chosen = [p for p in chosen if kind is None or p.kind == kind]
    if as_json:
        _say(json.dumps([vars(p) for p in chosen], indent=1))
        return
    if name:
        p = chosen[0]
        _say(f"{p.name} ({p.kind}): {p.label}\n{p.definition}\ndefault {p.default:g} {p.unit}, "
             f"{p.low:g} to {p.high:g}\nsource: {p.source}")  # fmt: skip
        return
    _table(
        "Parameters",
        ("name", "kind", "default", "bounds", "unit", "source"),
        [
            (p.name, p.kind, f"{p.default:g}", f"{p.low:g} to {p.high:g}", p.unit, p.source)
            for p in chosen
        ],
    )


@app.command()
def calibrate(
    out: Annotated[
        Path, typer.Option("--out", help="working folder: tables, and what is resumed from")
    ] = Path("results/calibration"),
    members: Annotated[
        int | None, typer.Option("--members", help="parameter sets per region, at least 50")
    ] = None,
    seed: Seed = 1,
    workers: Workers = 2,
    page: Annotated[
        Path | None, typer.Option("--page", help="the scorecard (default: in the folder)")
    ] = None,
    point: Annotated[
        bool, typer.Option("--point", help="only the defaults and shifters, by least squares")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Fit to the survey waves up to 2024, predict 2025, backtest, write ensemble and scorecard.

    Interrupted, it goes on where it stopped.  The same seed gives the same ensemble.
    """
    from econsim.experiments import scorecard

    _check_writable(out)
    if point:
        _point_fit(out, as_json)
        return
    with _progress("calibrating") as report:
        card = scorecard.calibrate(
            out, seed=_seed(seed) or 0,
            effort=scorecard.Effort(members=scorecard.MEMBERS if members is None else members),
            workers=workers or 2, progress=report,
        )  # fmt: skip
    place = out / "scorecard.md" if page is None else page
    scorecard.write_page(card, place)
    scorecard.write_record(card, out / "scorecard.json")
    found = scorecard.record(card)
    if as_json:
        _say(json.dumps(found, indent=1))
        return
    _scores(card.scores)
    _table(
        "Backtests",
        ("left out", "figures", "error [points]", "inside 80 % band", "baselines"),
        [
            (b.name, str(len(b.rows)), f"{b.error:.2f}", f"{100 * b.covered_80:.0f} %",
             "; ".join(f"{k} {v:.2f}" for k, v in b.baselines.items()))
            for b in card.backtests
        ],
    )  # fmt: skip
    for region, values in found["information"].items():
        _say(f"singular values, {region}: " + " ".join(f"{v:.2f}" for v in values))
    for name, diagnostics in found["diagnostics"].items():
        for warning in diagnostics["warnings"]:
            _say(f"WARNING ({name}): {warning}")
    _say("; ".join(f"{k} {v:.0f} s" for k, v in card.seconds.items()))
    _say(f"ensemble {card.digest}\nstored in {out}; scorecard {place}")


def _point_fit(out: Path, as_json: bool) -> None:
    """Defaults and shifters by least squares."""
    from econsim.experiments import shifters
    from econsim.scenario import load

    with _progress("fitting") as report:
        found = shifters.fit(load("eu-diverse"), report)
    out.mkdir(parents=True, exist_ok=True)
    (out / "fitted_shifts.csv").write_text(shifters.shifts_csv(found.shifts), encoding="utf-8")
    values = json.dumps(found.values, indent=1) + "\n"
    (out / "fitted_values.json").write_text(values, encoding="utf-8")
    if as_json:
        _say(json.dumps({"values": found.values, "worst": found.worst}, indent=1))
        return
    _table(
        "AI use by size class, percent of enterprises (EU-27)",
        ("wave, persons", "model", "observed", "difference"),
        [
            (f"{y}, {s}", f"{m:.2f}", f"{o:.2f}", f"{m - o:+.2f}")
            for (y, s), (m, o) in found.figures.items()
        ],
    )
    _table(
        "Fitted numbers", ("name", "fitted", "shipped default"),
        [(n, f"{v:g}", f"{registry.get(n).default:g}") for n, v in found.values.items()],
    )  # fmt: skip
    _say(f"worst size figure: {found.worst:.2f} percentage points\nstored in {out}")


def _scores(scores: Sequence[Score]) -> None:
    from econsim.experiments import scorecard

    for score in scores:
        _table(
            f"{scorecard.WORDS[score.family]}, {score.year}: {len(score.groups)} figures, "
            f"percent of enterprises",
            ("forecast", "mean absolute error", "", "the model is"),
            scorecard.score_table(score),
        )
        _say(
            f"bands cover: 50 % band {100 * score.covered_50:.0f} %, 80 % band "
            f"{100 * score.covered_80:.0f} % of figures\n"
        )
    _say(scorecard.NO_DISCRIMINATION)


@app.command()
def score(
    observations: Annotated[
        Path | None,
        typer.Option(
            "--observations",
            help="CSV: geo, year, value, and size_class_persons or "
            "nace_section; percent (default: the held-out EU size classes of 2025)",
        ),
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", help="another predictions.csv than the shipped")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score the shipped predictions of 2025 against observations, with simple baselines."""
    from econsim.experiments import scorecard, scoring

    made = scoring.shipped_predictions(predictions)
    if observations is None:
        found, left = [scorecard.score_sizes(made)], 0
        skipped = 0
    else:
        observed = scoring.read_observations(observations)
        found, left = scoring.score(observed, made)
        skipped = observed.skipped
    if as_json:
        _say(
            json.dumps(
                [{**vars(s), "against": [vars(a) for a in s.against]} for s in found], indent=1
            )
        )
        return
    for s in found:
        _table(
            f"{scorecard.WORDS[s.family]}, {s.year}",
            ("group", "predicted", "observed", "difference"),
            [
                (g, f"{m:.1f}", f"{o:.1f}", f"{m - o:+.1f}")
                for g, m, o in zip(s.groups, s.median, s.observed, strict=True)
            ],
        )
    _scores(found)
    if left or skipped:
        _say(f"not scored: {left} observations of other years or without a prediction, {skipped} "
             "rows about other figures")  # fmt: skip


@app.command()
def regions(
    year: Annotated[int, typer.Option("--year")] = HEADLINE_YEAR,
    firms: Firms = None,
    replicates: Replicates = 4,
    seed: Seed = None,
    workers: Workers = None,
    out: Annotated[Path | None, typer.Option("--out", help="write a Markdown page")] = None,
) -> None:
    """Why the US effect differs from the EU effect: one difference swapped at a time."""
    from econsim.experiments import regions as swapping

    rows = _rows(firms) or 5_000
    if rows == "full":
        raise registry.ParameterError("--firms full is not offered here")
    with _progress("swapping") as report:
        found = swapping.decompose(
            year, rows=int(rows), replicates=replicates or 4, seed=_seed(seed), workers=workers,
            progress=report,
        )  # fmt: skip
    _table(
        f"Effect of restrictive against diverse ({year})",
        ("variant", f"use, 10-249 persons [{found[0].use.unit}]", f"GDP [{found[0].gdp.unit}]",
         f"GNI [{found[0].gni.unit}]"),
        [(v.name, v.use.text(), v.gdp.text(), v.gni.text()) for v in found],
    )  # fmt: skip
    if out is not None:
        out.write_text(swapping.markdown(found, year, int(rows)), encoding="utf-8")
        _say(f"wrote {out}")


@app.command()
def claims(
    out: Annotated[Path, typer.Option("--out", help="the Markdown page")] = Path("docs/claims.md"),
    firms: Firms = None,
    replicates: Replicates = None,
    workers: Workers = None,
) -> None:
    """Run the scenario library and write the claims table (claim, file, what the model says)."""
    from econsim.experiments import claims as library

    rows = _rows(firms) or library.ROWS
    with _progress("running the library") as report:
        library.write_page(
            out, rows=rows, replicates=replicates or library.REPLICATES, workers=workers,
            progress=report,
        )  # fmt: skip
    _say(f"wrote {out}")


@app.command()
def mechanisms(
    a: Annotated[str, typer.Argument(help="scenario acted upon")] = "eu-restrictive",
    b: Annotated[str, typer.Argument(help="scenario whose path is imposed")] = "eu-diverse",
    firms: Firms = None,
    replicates: Replicates = 4,
    seed: Seed = 1,
    out: Annotated[Path | None, typer.Option("--out", help="write a Markdown page")] = None,
) -> None:
    """What each mechanism carries: the effect of A against B with one mechanism held."""
    from econsim.experiments import mechanisms as holding

    rows = _rows(firms) or 5_000
    if rows == "full":
        raise registry.ParameterError("--firms full is not offered here")
    acted, reference = _load_all([a, b], None)
    with _progress("holding") as report:
        found = holding.hold_each(
            reference, acted, rows=int(rows), replicates=replicates or 4, seed=_seed(seed) or 0,
            progress=report,
        )  # fmt: skip
    _table(
        f"Effect of {a} against {b} with one mechanism held",
        ("held", f"use, 10-249 persons [{found[0].use.unit}]", f"GDP [{found[0].gdp.unit}]"),
        [(h.name, h.use.text(), h.gdp.text()) for h in found],
    )
    if out is not None:
        out.write_text(holding.markdown(found, reference, acted, int(rows)), encoding="utf-8")
        _say(f"wrote {out}")


@app.command()
def describe(
    out: Annotated[Path, typer.Option("--out", help="folder of the pages")] = Path("docs"),
    compare_only: Annotated[
        bool, typer.Option("--check", help="write nothing; exit 4 if a page is out of date")
    ] = False,
) -> None:
    """Write the ODD protocol and the assumption cards from the code."""
    from econsim.description import pages

    stale = []
    for name, text in pages().items():
        place = out / name
        if compare_only:
            if not place.is_file() or place.read_text(encoding="utf-8") != text:
                stale.append(str(place))
        else:
            out.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
            _say(f"wrote {place}")
    if stale:
        sys.stderr.write(f"out of date: {', '.join(stale)}; run 'econsim describe'\n")
        raise typer.Exit(CHECK_FAILED)


@app.command()
def replicate(as_json: AsJson = False) -> None:
    """Published numbers from the model's own accounts; exit code 4 if one is off its tolerance."""
    from econsim.experiments import replications

    lines = replications.replicate()
    economy = replications.us_business()
    needs = replications.annex_b()
    target, gap = replications.ANNEX_B_TARGET, replications.REFERENCE_GAP
    per_adopter = replications.needed_per_adopter(economy, target, gap)
    outside = [line for line in lines if not line.within]
    if as_json:
        _say(
            json.dumps(
                {
                    "lines": [line.record() for line in lines],
                    "not_reproducible": [vars(m) for m in replications.NOT_REPRODUCIBLE],
                    "annex_b": {
                        "target_usd": target,
                        "gap": gap,
                        "us_business_value_added_2035_usd": float(economy.value_added.sum()),
                        "output_gain_needed_per_adopter": per_adopter,
                        "scenarios": [vars(n) for n in needs],
                    },
                },
                indent=1,
            )
        )
    else:
        methods = {
            "accounts": "Published numbers from the model's own accounts",
            "considering block": "The considering block against a closed form",
            "table check": "Table checks: simple arithmetic on published figures",
        }
        for method, title in methods.items():
            _table(
                title,
                ("row", "study", "item", "unit", "published", "ours", "differs", "tol.", "verdict"),
                [
                    (
                        x.row, x.study, x.item, x.unit, f"{x.published:.5g}", f"{x.ours:.5g}",
                        f"{round(x.difference, 6):.2g}", f"{x.tolerance:.2g}", x.verdict,
                    )
                    for x in lines if x.method == method
                ],
            )  # fmt: skip
            _say()
        _table(
            "Not reproducible here",
            ("row", "study", "reason"),
            [(m.row, m.study, m.reason) for m in replications.NOT_REPRODUCIBLE],
        )
        _say()
        _table(
            f"Annex B's companion: what {target / 1e12:g} tn USD in 2035 would need "
            f"(US business value added {economy.value_added.sum() / 1e12:.1f} tn USD of 2024)",
            (
                "per adopter as in", "all adopt against none [bn USD]",
                f"gap of {100 * gap:g} points [bn USD]", "gap needed [points]",
                "transfers to be counted [bn USD]",
            ),
            [
                (
                    n.name, f"{n.full_effect / 1e9:,.0f}", f"{n.gain / 1e9:,.0f}",
                    "none is enough" if n.gap is None else f"{100 * n.gap:.0f}",
                    f"{n.transfers / 1e9:,.0f}",
                )
                for n in needs
            ],
        )  # fmt: skip
        _say(
            f"At that gap each further adopter would have to gain {100 * per_adopter:.0f} % of its "
            "value added.\nTransfers (lower rents and prices of AI suppliers) are not GDP: what "
            "users gain, suppliers lose."
        )
    for line in outside:
        sys.stderr.write(f"outside tolerance: {line.row} {line.item} ({line.study})\n")
    if outside:
        raise typer.Exit(CHECK_FAILED)


# --- briefs and proofs -------------------------------------------------------------------------


@app.command("brief")
def brief_(
    given: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[A B | STORE | RESULTS]",
            help="scenarios A and B (A against the baseline B), a run store, or a folder of "
            "results (default: the headline pair of the region)",
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="folder for the files")] = Path("brief"),
    long: Annotated[bool, typer.Option("--long/--short", help="about eight pages, or two")] = True,
    annex: Annotated[
        bool, typer.Option("--annex", help="also the annex in the form of an impact assessment")
    ] = False,
    archive: Annotated[
        bool, typer.Option("--archive", help="also archive.zip: an RO-Crate of all of it")
    ] = False,
    formats: Annotated[
        str, typer.Option("--format", help="of pdf, html, csv, xlsx, iamc; with commas between")
    ] = "pdf,html,csv,xlsx,iamc",
    region: Annotated[
        str, typer.Option("--region", help="EU27 or US: of the default pair")
    ] = "EU27",
    firms: Firms = None,
    replicates: Replicates = None,
    seed: Seed = None,
    months: Months = None,
    workers: Workers = None,
    grid: Annotated[
        bool, typer.Option("--grid/--no-grid", help="also over lambda and open share")
    ] = True,
    allow_incomplete: AllowIncomplete = False,
    as_json: AsJson = False,
) -> None:
    """Write the brief of a comparison or a study: PDF, web page, tables, annex, archive.

    What can be made is made; what the results do not hold is named.
    """
    from econsim import brief as briefs
    from econsim.experiments.store import Store

    wanted = briefs.formats_named(formats)
    _check_writable(out)
    names = list(given or [])
    if len(names) == 1 and Store.exists(Path(names[0])):
        if annex or archive:
            raise briefs.BriefError("--annex and --archive are for briefs of two scenarios")
        document = briefs.of_store(
            Store.open(names[0]), f"econsim brief {names[0]}", allow_incomplete=allow_incomplete
        )
        _tell_brief([briefs.write([document], out, wanted)], as_json)
        return
    if len(names) == 1:
        groups, scenarios = _stored_groups(names[0]), None
        command = f"econsim brief {names[0]}"
    else:
        groups, scenarios, command = _run_for_brief(
            names, region, firms, replicates, seed, months, workers, grid
        )
    command += "" if long else " --short"
    command += " --annex" if annex else ""
    # One brief for each scenario beside the baseline, in a folder of its own if there are several.
    policies = len(groups[DEFAULT_SET]) - 1
    made = []
    for number in range(1, policies + 1):
        evidence = _evidence(groups, number, scenarios, command)
        place = out if policies == 1 else out / groups[DEFAULT_SET][number].scenario
        documents = [briefs.of_comparison(evidence, long)]
        documents += [briefs.annex_of(evidence)] if annex else []
        made.append(briefs.write(documents, place, wanted, evidence, archive=archive))
    _tell_brief(made, as_json)


def _run_for_brief(
    names: Sequence[str],
    region: str,
    firms: str | None,
    replicates: int | None,
    seed: int | None,
    months: int | None,
    workers: int | None,
    grid: bool,
) -> tuple[dict[str, list[Results]], tuple[Scenario, Scenario], str]:
    """Results by parameter set of a pair run now, its scenarios, and the command."""
    from econsim.brief import BriefError
    from econsim.experiments import headline
    from econsim.experiments.simulation import simulate

    if not names:
        if region not in headline.PAIRS:
            hint = registry.nearest(region, headline.PAIRS)
            raise BriefError(f"--region '{region}' is neither EU27 nor US{hint}")
        names = list(reversed(headline.PAIRS[region]))
    if len(names) != 2:
        raise BriefError(
            f"a brief compares two scenarios, A against the baseline B: {len(names)} given"
        )
    acted, baseline = _load_all(names, months)
    rows, chosen_seed = _rows(firms), _seed(seed)
    with _progress(f"running {baseline.name}, {acted.name}") as report:
        groups = {
            DEFAULT_SET: simulate(
                baseline, acted, rows=rows, replicates=replicates, seed=chosen_seed,
                workers=workers, progress=report,
            )
        }  # fmt: skip
    if grid:
        size = min(headline.GRID_ROWS, rows) if isinstance(rows, int) else headline.GRID_ROWS
        few = min(headline.GRID_REPLICATES, replicates or headline.GRID_REPLICATES)
        with _progress("over lambda and open share") as report:
            groups |= headline.run_grid(
                (baseline, acted), rows=size, replicates=few, seed=chosen_seed, workers=workers,
                progress=report,
            )  # fmt: skip
    asked = {"--firms": firms, "--replicates": replicates, "--seed": seed, "--months": months}
    words = [f"{k} {v}" for k, v in asked.items() if v is not None]
    words += [] if grid else ["--no-grid"]
    return groups, (acted, baseline), " ".join(["econsim brief", *names, *words])


def _stored_groups(folder: str) -> dict[str, list[Results]]:
    """Results of a folder by parameter set, the baseline first."""
    from econsim.brief import BriefError
    from econsim.results import load

    if not Path(folder).is_dir():
        raise BriefError(
            f"'{folder}' is no folder of results and no run store; of scenarios give two, A and "
            "the baseline B"
        )
    groups: dict[str, list[Results]] = {}
    for result in load(folder):
        groups.setdefault(result.parameter_set, []).append(result)
    if len(groups.get(DEFAULT_SET, [])) < 2:
        raise BriefError(f"'{folder}' holds one scenario; a brief compares two")
    return groups


def _evidence(
    groups: dict[str, list[Results]],
    number: int,
    scenarios: tuple[Scenario, Scenario] | None,
    command: str,
) -> Evidence:
    from econsim import brief as briefs
    from econsim.experiments import headline
    from econsim.results import compare as pair

    main = groups[DEFAULT_SET]
    points = headline.grid_points(groups, number)
    return briefs.gather(pair(main[number], main[0]), points, scenarios, command)


def _tell_brief(made: Sequence[tuple[list[Path], Mapping[str, str]]], as_json: bool) -> None:
    """The files written, and what could not be made."""
    written = [str(path) for files, _ in made for path in files]
    missing = {name: why for _, absent in made for name, why in absent.items()}
    if as_json:
        _say(json.dumps({"files": written, "missing": missing}, indent=1))
        return
    for name, why in missing.items():
        _say(f"not made: {name}: {why}")
    tables = [f for f in written if f.endswith(".csv")]
    for path in written:
        if path not in tables:
            _say(f"wrote {path}")
    if tables:
        _say(f"wrote {len(tables)} tables in {Path(tables[0]).parent}")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="a figure, table, brief or archive of econsim")],
    as_json: AsJson = False,
) -> None:
    """Make a file again from its own provenance: MATCH, or MISMATCH naming what differs."""
    from econsim import verification

    with _progress(f"making {file.name} again") as report:
        found = verification.verify(file, report)
    if as_json:
        _say(json.dumps({"file": str(file), "match": found.matches, "rebuilt": found.rebuilt,
                         "differences": list(found.differences)}, indent=1))  # fmt: skip
    else:
        _say(f"{'MATCH' if found.matches else 'MISMATCH'}: {file}")
        for text in found.differences:
            _say(f"  {text}")
        _say(f"made again: {found.rebuilt}")
    if not found.matches:
        raise typer.Exit(CHECK_FAILED)


@app.command("app")
def app_(
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 8501,
) -> None:
    """Open the Streamlit app on this machine."""
    import subprocess

    checkout = Path(__file__).resolve().parent.parent / "app.py"
    bundled = Path(__file__).resolve().parent / "_bundled" / "app.py"
    script = checkout if checkout.is_file() else bundled
    command = [
        sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port),
        "--server.address", "127.0.0.1", "--browser.gatherUsageStats", "false",
    ]  # fmt: skip
    raise typer.Exit(subprocess.run(command, check=False).returncode)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    """One clear line for wrong input and for a machine that says no; a trace for a defect."""
    from econsim.data import DataError
    from econsim.experiments.faults import CalibrationError, EnsembleError, ScoringError
    from econsim.meanfield import MeanFieldError
    from econsim.policy import PolicyError
    from econsim.population import PopulationError
    from econsim.results import ResultsError
    from econsim.scenario import ScenarioError

    wrong = (
        ScenarioError, PolicyError, registry.ParameterError, PopulationError, MeanFieldError,
        ResultsError, DataError, CalibrationError, EnsembleError, ScoringError,
    )  # fmt: skip
    try:
        given = list(sys.argv[1:] if arguments is None else arguments)
        # --verbose and --quiet are understood before and after the command.
        everywhere = [a for a in given if a in ("--verbose", "--quiet")]
        rest = [a for a in given if a not in ("--verbose", "--quiet")]
        code = app(args=[*everywhere, *rest], standalone_mode=False)
        if code == INTERRUPTED:
            sys.stderr.write("interrupted\n")
        return int(code or 0)
    except wrong as error:
        sys.stderr.write(f"error: {error}\n")
        return WRONG_INPUT
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED
    except MemoryError as error:
        sys.stderr.write(f"error: {str(error) or 'not enough memory; use fewer firms'}\n")
        return MACHINE
    except OSError as error:
        place = f" '{error.filename}'" if error.filename else ""
        sys.stderr.write(f"error: the machine said no:{place} {error.strerror or error}\n")
        return MACHINE
    except typer.Exit as error:
        return int(error.exit_code)
    except typer.Abort:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED
    except Exception as error:
        # The parser's own errors (unknown option, missing argument) know how to show themselves;
        # their class is not public in every supported version.
        if hasattr(error, "show") and hasattr(error, "exit_code"):
            error.show()
            return WRONG_INPUT
        logger.exception("a defect: please report it")
        return 1


if __name__ == "__main__":
    main()
