"""Scenario files: shipped ones load, hashes mean what they say, hostile ones are refused."""

from __future__ import annotations

import copy
import json
import re
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from econsim import parameters, policy, scenario
from econsim.scenario import Scenario, ScenarioError

# --- The shipped files ----------------------------------------------------------------------------


@lru_cache
def shipped(name: str) -> Scenario:
    """A shipped scenario, loaded once for all tests."""
    return scenario.load(name)


def test_the_headline_scenarios_are_shipped() -> None:
    assert {"eu-diverse", "eu-restrictive", "us-diverse", "us-restrictive"} <= set(
        scenario.shipped()
    )


@pytest.mark.parametrize("name", scenario.shipped())
def test_every_shipped_scenario_loads(name: str) -> None:
    given_ = shipped(name)
    assert given_.name == name
    assert given_.title and given_.claim
    assert given_.region in scenario.CURRENCY
    assert given_.options
    assert set(given_.values) == set(parameters.UNCERTAINTIES) | set(parameters.CONSTANTS)
    assert re.fullmatch(r"[0-9a-f]{64}", given_.hash())


@pytest.mark.parametrize("name", scenario.shipped())
def test_every_option_says_where_it_comes_from(name: str) -> None:
    for option in shipped(name).options.values():
        assert option.source.strip() and option.label.strip()


@pytest.mark.parametrize("region", ["eu", "us"])
def test_the_headline_pair_differs_by_its_instruments_only(region: str) -> None:
    base, other = (shipped(f"{region}-{kind}") for kind in ("diverse", "restrictive"))
    assert not base.instruments and other.instruments
    assert other.with_changes(instruments=()).hash() == base.hash()
    assert other.hash() != base.hash()


def test_a_name_and_a_path_are_the_same_scenario() -> None:
    for name in ("eu-restrictive", "us-diverse"):
        by_path = scenario.load(scenario.folder() / f"{name}.yaml")
        assert by_path.hash() == shipped(name).hash() and by_path.name == name


def test_the_two_regions_have_their_currencies() -> None:
    assert scenario.load("eu-diverse").currency == "EUR"
    assert scenario.load("us-diverse").currency == "USD"


# --- Hash -----------------------------------------------------------------------------------------

FILE = """\
title: One obligation for every model
claim: "NTIA 29a"
extends: eu-diverse
parameters:
  choice.lambda: 0.4
  benefit.saving: 0.3
options:
  closed_api:
    price: 250
    set_up_hours: 12
instruments:
  - term: open.compliance_cost
    add: 12000
    unit: EUR/firm/year
    from: 2027-01
    until: 2031-12
    phase_in: 12
    where: {size_class: [0-9, 10-49]}
run:
  horizon: [2021-01, 2035-12]
  firms: 2000
  replicates: 3
  seed: 5
"""


@pytest.fixture(scope="module")
def original() -> Scenario:
    return scenario.loads(FILE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("title: One obligation for every model", "title: Something else"),
        ('claim: "NTIA 29a"', "claim: another claim"),
        ("12000", "12_000"),
        ("12000", "1.2e4"),
        ("12000", "12000.0   # euros"),
        ("0.4", "4e-1"),
        ("benefit.saving: 0.3", "benefit.saving: 0.30 # a comment"),
        ("firms: 2000", "firms: 2_000"),
        ("firms: 2000", "firms: 5000"),
        ("seed: 5", "seed: 6"),
        ("replicates: 3", "replicates: 4"),
        (
            "  choice.lambda: 0.4\n  benefit.saving: 0.3\n",
            "  benefit.saving: 0.3\n  choice.lambda: 0.4\n",
        ),
        ("    price: 250\n    set_up_hours: 12\n", "    set_up_hours: 12\n    price: 250\n"),
        ("    price: 250\n", "    price: 250\n    label: Other words\n"),
        (
            "closed_api:\n    price: 250\n    set_up_hours: 12",
            "closed_api: {price: 250, set_up_hours: 12}",
        ),
        (
            "- term: open.compliance_cost\n    add: 12000",
            "- add: 12000\n    term: open.compliance_cost",
        ),
    ],
)
def test_hash_is_stable_under_what_does_not_matter(original: Scenario, old: str, new: str) -> None:
    assert old in FILE
    assert scenario.loads(FILE.replace(old, new)).hash() == original.hash()


def test_hash_is_stable_under_the_order_of_blocks_and_the_name(original: Scenario) -> None:
    blocks = re.split(r"(?m)^(?=\w)", FILE)
    assert len(blocks) > 6
    assert scenario.loads("".join(reversed(blocks)), "other").hash() == original.hash()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.4", "0.40000001"),
        ("benefit.saving: 0.3", "benefit.saving: 0.31"),
        ("  benefit.saving: 0.3\n", ""),
        ("price: 250", "price: 251"),
        ("set_up_hours: 12", "set_up_hours: 13"),
        ("add: 12000", "add: 12001"),
        ("add: 12000\n    unit: EUR/firm/year", "scale: 2\n    unit: multiple"),
        ("open.compliance_cost", "open_own.compliance_cost"),
        ("from: 2027-01", "from: 2027-02"),
        ("until: 2031-12", "until: 2031-11"),
        ("phase_in: 12", "phase_in: 11"),
        ("10-49]", "10-49, 50-249]"),
        ("where: {size_class: [0-9, 10-49]}", "where: {}"),
        ("2035-12]", "2034-12]"),
        ("extends: eu-diverse", "extends: eu-restrictive"),
    ],
)
def test_hash_changes_with_anything_that_matters(original: Scenario, old: str, new: str) -> None:
    assert old in FILE
    assert scenario.loads(FILE.replace(old, new)).hash() != original.hash()


def numbers(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Places of all numbers in the canonical form."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from numbers(part, (*place, key))
    elif isinstance(value, list | tuple):
        for i, part in enumerate(value):
            yield from numbers(part, (*place, i))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield place


def test_every_number_of_every_option_and_parameter_enters_the_hash(original: Scenario) -> None:
    canonical = original.canonical()
    places = set(numbers(canonical))
    for name in (*parameters.UNCERTAINTIES, *parameters.CONSTANTS):
        assert ("values", name) in places
    for name, option in original.options.items():
        for field, value in option.model_dump().items():
            if isinstance(value, float):
                assert ("options", name, field) in places
    assert ("instruments", 0, "add") in places and ("instruments", 0, "phase_in") in places
    # And two canonical forms that differ in one of them hash differently: it is plain JSON.
    text = json.dumps(canonical, sort_keys=True)
    for place in list(places)[::7]:
        changed = copy.deepcopy(canonical)
        parent: Any = changed
        for key in place[:-1]:
            parent = parent[key]
        parent[place[-1]] += 1e-9 if parent[place[-1]] else 1e-12
        assert json.dumps(changed, sort_keys=True) != text


@given(st.sampled_from(sorted({**parameters.UNCERTAINTIES, **parameters.CONSTANTS})), st.data())
@settings(max_examples=40)
def test_any_parameter_changes_the_hash(name: str, data: st.DataObject) -> None:
    base = shipped("eu-diverse")
    parameter = parameters.get(name)
    value = data.draw(st.floats(parameter.low, parameter.high))
    changed = base.with_changes(parameters={name: value})
    assert (changed.hash() == base.hash()) == (value == base.values[name])


def test_a_parameter_equal_to_its_default_is_no_change() -> None:
    base = scenario.load("eu-diverse")
    name = "choice.lambda"
    again = base.with_changes(parameters={name: base.values[name]})
    assert again.hash() == base.hash()


# --- Extends --------------------------------------------------------------------------------------


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_builds_on_those_it_extends(tmp_path: Path) -> None:
    write(
        tmp_path, "first",
        "title: first\nextends: eu-diverse\nparameters: {choice.lambda: 0.3, benefit.saving: 0.2}\n"
        "instruments:\n  - {term: hurdle.level, scale: 0.9, unit: multiple, from: 2027-01}\n"
        "run: {firms: 1500}\n",
    )  # fmt: skip
    second = write(
        tmp_path, "second",
        "title: second\nextends: first\nparameters: {choice.lambda: 0.7}\n"
        "options: {closed_api: {price: 1}}\n"
        "instruments:\n  - {term: considering.pace, scale: 2, unit: multiple, from: 2027-01}\n",
    )  # fmt: skip
    given_ = scenario.load(second)
    base = scenario.load("eu-diverse")
    assert given_.title == "second"
    assert given_.values["choice.lambda"] == 0.7
    assert given_.values["benefit.saving"] == 0.2
    assert given_.run.firms == 1500
    assert [e.lever for e in given_.package.entries] == ["hurdle.level", "considering.pace"]
    assert given_.options["closed_api"].price == 1.0
    assert given_.options["closed_api"].source == base.options["closed_api"].source


@pytest.mark.parametrize("length", [1, 2, 3])
def test_extends_in_a_circle(tmp_path: Path, length: int) -> None:
    names = [f"s{i}" for i in range(length)]
    for i, name in enumerate(names):
        write(tmp_path, name, f"title: x\nextends: {names[(i + 1) % length]}\n")
    with pytest.raises(ScenarioError, match=r"s\d\.yaml:2: 'extends' goes in a circle: s0 ->"):
        scenario.load(tmp_path / "s0.yaml")


def test_extends_names_the_nearest_scenario() -> None:
    with pytest.raises(ScenarioError, match=r"x\.yaml:2: no scenario 'eu-divers'.*'eu-diverse'"):
        scenario.loads("title: x\nextends: eu-divers\n", "x")


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "a/b", "A", "", "eu diverse", "x" * 99]
)
def test_extends_takes_names_and_not_paths(name: str) -> None:
    with pytest.raises(ScenarioError, match="is not a scenario name"):
        scenario.loads(json.dumps({"title": "x", "extends": name}))


@pytest.mark.parametrize(
    "name", ["nowhere.yaml", "no/such/file.yml", "eu-diverce", "../eu-diverse"]
)
def test_missing_scenarios(name: str) -> None:
    with pytest.raises(ScenarioError, match="no scenario"):
        scenario.load(name)


def test_an_error_in_a_parent_names_the_parent(tmp_path: Path) -> None:
    write(tmp_path, "parent", "title: p\nextends: eu-diverse\n\n\nparameters:\n  choice.lamda: 1\n")
    child = write(tmp_path, "child", "title: c\nextends: parent\n")
    with pytest.raises(ScenarioError, match=r"parent\.yaml:6: .*did you mean 'choice.lambda'"):
        scenario.load(child)


# --- Mistakes: file, line, nearest name -----------------------------------------------------------

HEAD = "title: x\nextends: eu-diverse\n"
INSTRUMENT = "  - {term: open.price, add: 5, unit: EUR/seat/year, from: 2027-01}\n"


def second(body: str) -> str:
    """A file whose second instrument, on line 5, is the one in question."""
    return f"{HEAD}instruments:\n{INSTRUMENT}  - {{{body}}}\n"


def block(key: str, body: str) -> str:
    """A file with one block, whose first line is line 4."""
    return f"{HEAD}{key}:\n  {body}\n"


PRICE = "term: closed.price, set: 5, unit: EUR/seat/year"
TARGETED = HEAD + (
    "instruments:\n  - term: all.price\n    add: 5\n    unit: EUR/seat/year\n"
    "    from: 2027-01\n    where: {WHERE}\n"
)
MISTAKES = {
    "top-level key": ("titel: x\nextends: eu-diverse\n", 1, "unknown key 'titel'.*'title'"),
    "parameter": (block("parameters", "choice.lamda: 0.5"), 4, "'choice.lamda'.*'choice.lambda'"),
    "lever as parameter": (block("parameters", "hurdle.level: 0.5"), 4, "is a lever"),
    "parameter out of bounds": (
        block("parameters", "choice.lambda: 1.5"), 4, r"outside 0\.05 to 1"
    ),
    "option key": (
        block("options", "closed_api:\n    prise: 3"), 5, "unknown key 'prise'.*'price'"
    ),
    "new option incomplete": (block("options", "mine:\n    price: 3"), 4, "'label' is missing"),
    "option name": (
        block("options", "open: {price: 3}"), 4, "cannot be the name of an option"
    ),
    "option out of bounds": (
        block("options", "closed_api:\n    fit: 9"), 5, "fit: .*less than or equal to 3"
    ),
    "route": (block("options", "closed_api:\n    route: magic"), 5, "route: .*'ready_made'"),
    "instrument": (
        block("instruments", "- open_release_bann: {from: 2027-01}"), 4,
        "'open_release_bann'.*'open_release_ban'",
    ),
    "instrument key": (
        f"{HEAD}instruments:\n{INSTRUMENT}  - open_release_ban:\n      from: 2027-01\n"
        "      objekt: [use]\n", 7, "'objekt'.*'object'",
    ),
    "term": (
        second("term: open.prise, add: 5, unit: x, from: 2027-01"), 5,
        r"'open\.prise'.*'open\.price'",
    ),
    "unit": (
        second("term: all.price, add: 5, unit: USD, from: 2027-01"), 5,
        "'EUR/seat/year', not 'USD'",
    ),
    "set out of bounds": (
        second("term: closed.price, set: -5, unit: EUR/seat/year, from: 2027-01"), 5,
        "outside 0 to",
    ),
    "after the horizon": (
        second(f"{PRICE}, from: 2036-01"), 5,
        "'from' 2036-01 is outside the horizon 2021-01 to 2035-12",
    ),
    "before the horizon": (
        second(f"{PRICE}, from: 2020-12"), 5, "'from' 2020-12 is outside"
    ),
    "end after the horizon": (
        second(f"{PRICE}, from: 2027-01, until: 2036-01"), 5, "'until' 2036-01 is outside"
    ),
    "not a month": (second(f"{PRICE}, from: 2027-13"), 5, "'2027-13' is not a month"),
    "target": (
        TARGETED.replace("WHERE", "size_klass: [0-9]"), 8, "'size_klass'.*'size_class'"
    ),
    "label of a target": (
        TARGETED.replace("WHERE", "size_class: [1-9]"), 8, "unknown size class '1-9'"
    ),
    "contradiction": (
        block("instruments", 2 * f"- {{{PRICE}, from: 2027-01}}\n  "), 4,
        r"'.*\[1\].*' and '.*\[2\].*' both set",
    ),
    "run key": (block("run", "firmes: 2000"), 4, "'firmes'.*'firms'"),
    "too few firms": (block("run", "firms: 10"), 3, "10 firms are too few: at least 1000"),
    "late start": (block("run", "horizon: [2022-01, 2030-12]"), 3, "must begin in 2021-01"),
    "short horizon": (block("run", "horizon: [2021-01, 2021-11]"), 3, "12 to 600 months"),
    "no region": ("title: x\n", 1, "'region' is missing"),
    "unknown region": ("title: x\nregion: UK\n", 2, "region: .*'EU27' or 'US'"),
    "no options": ("title: x\nregion: EU27\n", 1, "at least one AI option"),
    "no title": ("extends: eu-diverse\n", 1, "'title' is missing"),
    "duplicate key": (
        block("parameters", "choice.lambda: 0.5\n  choice.lambda: 0.6"), 5, "is given twice"
    ),
    "duplicate block": (HEAD + "extends: us-diverse\n", 3, "'extends' is given twice"),
    "list instead of keys": ("- a\n- b\n", 1, "holds keys and values"),
    "empty": ("", 1, "the file is empty"),
    "only a comment": ("# nothing\n", 1, "the file is empty"),
    "a word": ("hello\n", 1, "holds keys and values"),
    "broken": ("title: [x\nregion: EU27\n", 2, "not valid YAML"),
    "tab": ("title: x\n\tregion: EU27\n", 2, "not valid YAML"),
    "two documents": ("title: x\n---\ntitle: y\n", 2, "not valid YAML"),
    "bool as number": (block("parameters", "choice.lambda: true"), 4, "valid number"),
    "text as number": (block("parameters", "choice.lambda: '0.5'"), 4, "valid number"),
    "text as flag": (
        block("options", "closed_api:\n    open_weights: 'no'"), 5, "valid boolean"
    ),
    "number as title": ("title: 5\nextends: eu-diverse\n", 1, "title: .*valid string"),
    "infinite": (block("parameters", "choice.lambda: .inf"), 4, "not a finite number"),
    "not a number": (block("parameters", "choice.lambda: .nan"), 4, "not a finite number"),
    "overflow": (block("parameters", "choice.lambda: 1e999"), 4, "not a finite number"),
    "instruments as text": (HEAD + "instruments: none\n", 3, "instruments: "),
    "instrument as text": (block("instruments", "- ban"), 4, "instruments"),
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(MISTAKES))
def test_a_mistake_is_told_with_file_and_line(kind: str, tmp_path: Path) -> None:
    text, line, message = MISTAKES[kind]
    path = write(tmp_path, "mine", text)
    with pytest.raises(ScenarioError, match=message) as caught:
        scenario.load(path)
    told = str(caught.value)
    assert told.startswith(f"{path}:{line}: "), told
    assert "\n" not in told and "Traceback" not in told and "pydantic" not in told
    with pytest.raises(ScenarioError) as from_text:
        scenario.loads(text, "mine")
    assert str(from_text.value) == told.replace(str(path), "mine.yaml", 1)


# --- Hostile files --------------------------------------------------------------------------------


def billion_laughs() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for i in range(1, 10):
        aliases = ", ".join([f"*a{i - 1}"] * 9)
        lines.append(f"a{i}: &a{i} [{aliases}]")
    return "\n".join(lines) + "\n"


HOSTILE = {
    "alias bomb": (billion_laughs(), "anchors and aliases are not accepted"),
    "anchor": ("title: &t x\nextends: eu-diverse\n", "anchors and aliases are not accepted"),
    "merge key": ("base: &b {x: 1}\ny:\n  <<: *b\n", "anchors and aliases are not accepted"),
    "python object": ("title: !!python/object/apply:os.system ['x']\n", "tag .* is not accepted"),
    "python name": ("!!python/name:os.system x: 1\n", "tag .* is not accepted"),
    "local tag": ("title: !secret x\n", "tag '!secret' is not accepted"),
    "tagged key": ("!k title: x\nextends: eu-diverse\n", "tag '!k' is not accepted"),
    "tagged list as number": (HEAD + "parameters: {choice.lambda: !!int [1]}\n", "not accepted"),
    "tagged text as map": (HEAD + "parameters: !!map x\n", "not accepted"),
    "binary": ("title: !!binary aGVsbG8=\n", "not accepted"),
    "set": (HEAD + "options: !!set {a, b}\n", "not accepted"),
    "old YAML": ("%YAML 1.1\n---\ntitle: x\n", "only YAML 1.2"),
    "NUL": ("title: x\0\nextends: eu-diverse\n", "not valid YAML"),
    "control character": ("title: x\x07\n", "not valid YAML"),
    "deep list": (HEAD + "claim: " + "[" * 50_000, "nested too deeply"),
    "deep map": ("{a: " * 50_000, "nested too deeply"),
    "deep block": ("".join("  " * i + "- \n" for i in range(60)), "nested too deeply"),
    "deep keys": ("".join("  " * i + "a:\n" for i in range(60)), "nested too deeply"),
    "complex key": ("? [a, b]\n: c\n", "keys must be plain text"),
    "long number": (HEAD + f"run: {{seed: {'9' * 6000}}}\n", "not a finite number"),
    "sexagesimal": (HEAD + "run: {seed: 1:30}\n", "valid integer"),
    "surrogate": ('title: "\\ud800"\nextends: eu-diverse\n', "title|JSON"),
    "megabyte": ("title: x\n#" + "x" * 1_000_001, "larger than 1,000,000 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(HOSTILE))
def test_hostile_text_is_refused_quickly_and_clearly(kind: str) -> None:
    text, message = HOSTILE[kind]
    start = time.perf_counter()
    with pytest.raises(ScenarioError, match=message) as caught:
        scenario.loads(text, "hostile")
    assert time.perf_counter() - start < 5.0
    assert re.match(r"hostile\.yaml:\d+: ", str(caught.value))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"title: \xff\xfe\n", "not UTF-8 text"),
        (b"title: caf\xe9\n", "not UTF-8 text"),
        (b"title: x\x00y\n", "not valid YAML"),
        (b"#" * 1_000_001, "larger than 1,000,000 bytes"),
    ],
)
def test_hostile_bytes(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bytes.yaml"
    path.write_bytes(content)
    with pytest.raises(ScenarioError, match=message) as caught:
        scenario.load(path)
    assert str(path) in str(caught.value)


def test_a_folder_is_no_scenario(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(ScenarioError, match="no scenario file"):
        scenario.load(tmp_path / "folder.yaml")


@given(st.text(max_size=300))
@settings(max_examples=150)
def test_no_text_does_more_than_raise_a_scenario_error(text: str) -> None:
    try:
        scenario.loads(text)
    except ScenarioError as error:
        assert "scenario.yaml:" in str(error)


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.sampled_from(["parameters", "options", "instruments", "run", "claim", "region"]),
        plain_values,
        min_size=1,
        max_size=3,
    )
)
@settings(max_examples=150)
def test_no_structure_does_more_than_raise_a_scenario_error(body: dict[str, Any]) -> None:
    text = json.dumps({"title": "x", "extends": "eu-diverse", **body})
    try:
        given_ = scenario.loads(text)
    except ScenarioError as error:
        assert "scenario.yaml:1: " in str(error)
    else:
        assert given_.hash()


# --- What YAML means ------------------------------------------------------------------------------


def test_yaml_is_1_2() -> None:
    compute = scenario.loads(
        HEAD
        + "instruments:\n  - licensing: {compute: 1e25, delay_open: 6, unit: EUR, from: 2027-01}\n"
    )
    item = compute.instruments[0][1]
    assert isinstance(item, policy.Licensing) and item.compute == 1e25
    # Norway: an unquoted NO is a word, and so are yes and on.
    for word in ("NO", "yes", "on", "off"):
        assert scenario.loads(f"title: {word}\nextends: eu-diverse\n").title == word
    with pytest.raises(ScenarioError, match="valid boolean"):
        scenario.loads(HEAD + "options: {closed_api: {open_weights: NO}}\n")
    opened = scenario.loads(
        HEAD + "options: {closed_api: {open_weights: true, arrival: 2023-07}}\n"
    )
    assert opened.options["closed_api"].open_weights is True


def test_a_date_is_text_and_an_underscore_is_allowed() -> None:
    given_ = scenario.loads(HEAD + "run: {firms: 12_500, horizon: [2021-01, 2030-12]}\n")
    assert given_.run.firms == 12_500
    assert given_.run.months == 120


def test_text_and_file_are_the_same_scenario(tmp_path: Path) -> None:
    path = write(tmp_path, "mine", FILE)
    assert scenario.load(path).hash() == scenario.loads(FILE, "mine").hash()
    assert scenario.load(path).canonical() == scenario.loads(FILE, "mine").canonical()


def test_windows_line_ends_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "windows.yaml"
    path.write_bytes(FILE.replace("\n", "\r\n").encode())
    assert scenario.load(path).hash() == scenario.loads(FILE).hash()


# --- Changes --------------------------------------------------------------------------------------


def test_changes_make_a_copy_and_are_checked(original: Scenario) -> None:
    before = original.hash()
    changed = original.with_changes(parameters={"choice.lambda": 0.9}, name="other")
    assert changed.values["choice.lambda"] == 0.9 and changed.name == "other"
    assert changed.values["benefit.saving"] == 0.3, "other overrides stay"
    assert original.hash() == before
    with pytest.raises(parameters.ParameterError, match="outside"):
        original.with_changes(parameters={"choice.lambda": 2.0})
    with pytest.raises(parameters.ParameterError, match="did you mean"):
        original.with_changes(parameters={"choice.lamda": 0.5})
    with pytest.raises(parameters.ParameterError, match="is a lever"):
        original.with_changes(parameters={"hurdle.level": 0.5})


def test_changed_parameters_reach_the_instruments(
    build: Callable[..., Scenario], ban: Callable[..., dict[str, Any]]
) -> None:
    """A domestic ban reads the domestic share: the package is made anew."""
    given_ = build("EU27", ban("2025-01", object=["release"], jurisdiction="domestic"))
    values = {}
    for share in (0.0, 0.25, 1.0):
        changed = given_.with_changes(parameters={"supply.domestic_pool_share": share})
        left = [e.value for e in changed.package.entries if e.lever == "supply.open_pool"]
        values[share] = left[0] if left else 1.0
    assert values == {0.0: 1.0, 0.25: 0.75, 1.0: 0.0}


# --- JSON Schema ----------------------------------------------------------------------------------


def plain_yaml(path: Path) -> Any:
    from ruamel.yaml import YAML

    return json.loads(json.dumps(YAML(typ="safe", pure=True).load(path), default=str))


SCHEMA = scenario.schema()


def test_the_schema_knows_every_name() -> None:
    top = SCHEMA["properties"]
    assert SCHEMA["$schema"].startswith("https://json-schema.org/draft/")
    assert SCHEMA["additionalProperties"] is False
    assert set(top) >= {"title", "extends", "region", "parameters", "options", "instruments", "run"}
    known = {**parameters.UNCERTAINTIES, **parameters.CONSTANTS}
    assert set(top["parameters"]["properties"]) == set(known)
    for name, entry in top["parameters"]["properties"].items():
        assert (entry["minimum"], entry["maximum"]) == (known[name].low, known[name].high)
        assert known[name].unit in entry["description"]
    kinds = [
        name
        for alternative in top["instruments"]["items"]["anyOf"]
        for name in alternative.get("required", ["adjustment"])
    ]
    assert sorted(kinds) == sorted(["adjustment", *policy.INSTRUMENTS])
    assert set(policy.INSTRUMENTS) <= set(SCHEMA["$defs"])


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def test_the_schema_is_whole_and_plain_json() -> None:
    found = set(references(SCHEMA))
    assert found
    assert all(r.removeprefix("#/$defs/") in SCHEMA["$defs"] for r in found)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


@pytest.mark.parametrize("name", scenario.shipped())
def test_keys_of_shipped_files_are_in_the_schema(name: str) -> None:
    body = plain_yaml(scenario.folder() / f"{name}.yaml")
    top, definitions = SCHEMA["properties"], SCHEMA["$defs"]
    assert set(body) <= set(top)
    assert set(SCHEMA["required"]) <= set(body)
    assert set(body.get("parameters", {})) <= set(top["parameters"]["properties"])
    assert set(body.get("run", {})) <= set(definitions["run"]["properties"])
    for option in body.get("options", {}).values():
        assert set(option) <= set(definitions["option"]["properties"])
        for key in ("route", "deployment"):
            assert option.get(key) in (None, *definitions["option"]["properties"][key]["enum"])
    for entry in body.get("instruments", []):
        if "term" in entry:
            assert set(entry) <= set(definitions["adjustment"]["properties"])
        else:
            ((key, inner),) = entry.items()
            assert set(inner) <= set(definitions[key]["properties"])
            assert set(definitions[key].get("required", [])) <= set(inner)


def test_shipped_files_validate_against_the_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(SCHEMA)
    validator.check_schema(SCHEMA)
    for name in scenario.shipped():
        assert not list(validator.iter_errors(plain_yaml(scenario.folder() / f"{name}.yaml"))), name
    for wrong in (
        {"title": "x", "titel": "y"},
        {"title": "x", "parameters": {"choice.lambda": 7}},
        {"title": "x", "parameters": {"choice.lamda": 0.5}},
        {"title": "x", "region": "UK"},
        {"title": "x", "instruments": [{"term": "choice.lambda", "add": 1, "unit": "1"}]},
        {"title": "x", "instruments": [{"no_such_instrument": {}}]},
        {"title": "x", "options": {"a": {"route": "magic"}}},
        {"title": "x", "run": {"firms": "many"}},
    ):
        assert list(validator.iter_errors(wrong)), wrong
