"""A policy as the app's user edits it, and the scenario files that it becomes.

The app never runs anything but the text of scenario files, so whoever downloads them gets the same
numbers from ``econsim run`` or Python.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from econsim import scenario
from econsim.experiments.headline import PAIRS
from econsim.policy import INSTRUMENTS, Adjustment, Dated
from econsim.scenario import Scenario

#: Scenario files that are ingredients, not scenarios.
INGREDIENTS = ("common",)
#: What policies are compared with unless the user says otherwise.
BASELINES = {"EU27": "eu-diverse", "US": "us-diverse"}
#: The pair of the first view, the baseline first.
HEADLINE_PAIRS = PAIRS


@dataclass(frozen=True)
class Text:
    """A scenario as text.

    Attributes:
        name: of the scenario and of its file, without ending.
        yaml: content of the file.
        shipped: whether it is a file that comes with econsim, so that its name is enough.
    """

    name: str
    yaml: str
    shipped: bool = False

    def scenario(self) -> Scenario:
        """The scenario, validated by the loader that reads files.

        Raises:
            ScenarioError: with line, what is wrong, and the nearest valid name.
        """
        return _read(self.yaml, self.name, _library())

    @property
    def reference(self) -> str:
        """How the command line names it."""
        return self.name if self.shipped else f"{self.name}.yaml"


@dataclass(frozen=True)
class Settings:
    """How a pair is run: rows (firms), replicates and seed of both scenarios."""

    rows: int
    replicates: int
    seed: int


@dataclass(frozen=True)
class Draft:
    """A policy being built.

    Attributes:
        title: of the scenario.
        start: the scenario it started from; gives region, options and horizon.
        instruments: entries of ``instruments:`` as in a scenario file.
        parameters: uncertainties and constants the user moved.
        settings: how to run it.
        builds_on: shipped scenarios that it may extend, nearest first.
        claim: for the file.
        values: all uncertainties and constants of the policy.
    """

    title: str
    start: Scenario
    instruments: Sequence[Mapping[str, Any]]
    parameters: Mapping[str, float]
    settings: Settings
    builds_on: tuple[str, ...] = ()
    claim: str = "Built in the econsim app"
    values: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", {**self.start.values, **self.parameters})


def titles(region: str) -> dict[str, str]:
    """Names and titles of the shipped scenarios of a region, by the names' first letters.

    Files are not validated, only their first title is read: there are many.
    """
    return dict(_titles(region, _library()))


@lru_cache(maxsize=4)
def _titles(region: str, library: tuple[tuple[int, int], ...]) -> dict[str, str]:
    first = f"{BASELINES[region].partition('-')[0]}-"
    found = {}
    for name in scenario.shipped():
        if name.startswith(first) and name not in INGREDIENTS:
            found[name] = title_of(_file(name)) or name
    return found


def title_of(text: str) -> str:
    """The title that a scenario file states itself, or nothing."""
    title = re.search(r"^title:[ \t]*(.+?)[ \t]*$", text, re.MULTILINE)
    return title.group(1).strip("\"'") if title else ""


def _file(name: str) -> str:
    return scenario.locate(name).read_text(encoding="utf-8")


def shipped_scenario(name: str) -> Scenario:
    """A shipped scenario, validated once for each state of the folder.

    Raises:
        ScenarioError: it does not load.
    """
    return _loaded(name, _library())


def _library() -> tuple[tuple[int, int], ...]:
    """State of the folder of shipped scenarios, which any text may extend; at most 0.2 s old."""
    return _library_at(int(5.0 * time.monotonic()))


@lru_cache(maxsize=1)
def _library_at(moment: int) -> tuple[tuple[int, int], ...]:
    files = (p.stat() for p in sorted(scenario.folder().glob("*.yaml")))
    return tuple((s.st_mtime_ns, s.st_size) for s in files)


@lru_cache(maxsize=64)
def _loaded(name: str, library: tuple[tuple[int, int], ...]) -> Scenario:
    return scenario.load(name)


@lru_cache(maxsize=128)
def _read(text: str, name: str, library: tuple[tuple[int, int], ...]) -> Scenario:
    return scenario.loads(text, name)


def ancestry(text: str) -> tuple[str, ...]:
    """Names of the shipped scenarios that a file extends, nearest first."""
    found: list[str] = []
    while match := re.search(r"^extends:[ \t]*[\"']?([a-z0-9_-]+)", text, re.MULTILINE):
        name = match.group(1)
        if name in found or name not in scenario.shipped():
            break
        found.append(name)
        text = _file(name)
    return tuple(found)


def shipped_text(name: str) -> Text:
    """A shipped scenario's own file."""
    return Text(name, _file(name), shipped=True)


def file_name(title: str) -> str:
    """A scenario name made of a title, never that of a shipped scenario."""
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60].strip("-") or "my-policy"
    return f"{name}-variant" if name in scenario.shipped() else name


def instrument_entry(item: Dated) -> dict[str, Any]:
    """An instrument as its entry in a scenario file, defaults left out."""
    body = item.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    where = {k: v for k, v in body.pop("where", {}).items() if v}
    if where:
        body["where"] = where
    if isinstance(item, Adjustment):
        return body
    kind = next(key for key, model in INSTRUMENTS.items() if model is type(item))
    return {kind: body}


def foundation(draft: Draft) -> Scenario | None:
    """The shipped scenario to extend: no instruments, same options and horizon, nearest values."""
    start = draft.start
    candidates: dict[str, Scenario] = {}
    for name in (*draft.builds_on, BASELINES[start.region]):
        if name in INGREDIENTS:
            continue
        found = shipped_scenario(name)
        if (
            not found.instruments
            and found.region == start.region
            and found.run.horizon == start.run.horizon
            and found.canonical()["options"] == start.canonical()["options"]
        ):
            candidates.setdefault(name, found)
    order = list(candidates)
    return min(
        candidates.values(),
        key=lambda s: (len(_changes(s, start.values)), order.index(s.name)),
        default=None,
    )


def usual_baseline(draft: Draft) -> str:
    """What a policy is compared with unless the user says otherwise: what it builds on."""
    base = foundation(draft)
    if base is None or base.name == draft.start.name:
        return BASELINES[draft.start.region]
    return base.name


def _changes(base: Scenario, values: Mapping[str, float]) -> dict[str, float]:
    """Values to write so that ``base`` gets ``values``."""
    return {name: value for name, value in values.items() if base.values[name] != value}


def policy_text(draft: Draft) -> Text:
    """The scenario file of a draft.

    It extends a shipped scenario when one has the same options; otherwise it holds everything.
    """
    base = foundation(draft)
    content: dict[str, Any] = {"title": draft.title, "claim": draft.claim}
    if base is not None:
        content["extends"] = base.name
        changes = _changes(base, draft.values)
    else:
        content["region"] = draft.start.region
        changes = {**draft.start.overrides, **draft.parameters}
    if changes:
        content["parameters"] = changes
    if base is None:
        content["options"] = {
            name: option.model_dump(mode="json") for name, option in draft.start.options.items()
        }
    if draft.instruments:
        content["instruments"] = [dict(i) for i in draft.instruments]
    content["run"] = _run_block(draft, horizon=base is None)
    return Text(file_name(draft.title), dump(content))


def baseline_text(draft: Draft, name: str) -> Text:
    """A shipped baseline under the assumptions that the user moved: its own file if none."""
    baseline = shipped_scenario(name)
    changes = {k: v for k, v in draft.parameters.items() if baseline.values[k] != v}
    if not changes:
        return shipped_text(name)
    content: dict[str, Any] = {
        "title": f"{baseline.title.partition(':')[0]}, assumptions of “{draft.title}”"[:200],
        "claim": "Baseline made in the econsim app",
        "extends": name,
        "parameters": changes,
        "run": _run_block(draft, horizon=False),
    }
    return Text(f"{file_name(draft.title)}-baseline", dump(content))


def unlike(policy: Scenario, baseline: Scenario) -> list[str]:
    """Assumptions in which two scenarios differ, so that their difference holds them too."""
    return [name for name, value in policy.values.items() if baseline.values[name] != value]


def _run_block(draft: Draft, horizon: bool) -> dict[str, Any]:
    block: dict[str, Any] = {"horizon": list(draft.start.run.horizon)} if horizon else {}
    s = draft.settings
    return {**block, "firms": s.rows, "replicates": s.replicates, "seed": s.seed}


def dump(content: Mapping[str, Any]) -> str:
    """Plain values as YAML 1.2, keys in their order."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 96
    yaml.default_flow_style = False
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump(_readable(dict(content)), stream)
    return stream.getvalue()


def _readable(value: Any) -> Any:
    """Whole numbers without ``.0``, which scenario files read as the same number."""
    if isinstance(value, Mapping):
        return {k: _readable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(v) for v in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value


def command(texts: Sequence[Text], settings: Settings, grid: bool) -> str:
    """The command that makes the same numbers from the downloaded files, the baseline first."""
    return (
        f"econsim run {' '.join(t.reference for t in texts)} --firms {settings.rows} "
        f"--replicates {settings.replicates} --seed {settings.seed}"
        f"{'' if grid else ' --no-grid'} --out results/{texts[-1].name}"
    )


def python_code(texts: Sequence[Text], settings: Settings, year: int) -> str:
    """Python that makes the same numbers from the downloaded files, and prints their hashes."""
    names = "".join(f'        econsim.load("{t.reference}"),\n' for t in texts)
    return (
        "import econsim\n\n\n"
        "def run():\n"
        "    scenarios = [\n"
        f"{names}"
        "    ]\n"
        "    for scenario in scenarios:\n"
        "        print(scenario.name, scenario.hash()[:12])\n"
        "    return econsim.simulate(\n"
        f"        *scenarios, rows={settings.rows}, replicates={settings.replicates}, "
        f"seed={settings.seed}\n"
        "    )\n\n\n"
        'if __name__ == "__main__":  # simulate starts processes\n'
        "    baseline, *others = run()\n"
        "    for other in others:\n"
        "        comparison = econsim.compare(other, baseline)\n"
        f'        print(other.scenario, comparison.difference("gdp", {year}).text())\n'
        f'        print(comparison.difference("use", {year}, "size_class", "10-249").text())\n'
    )
