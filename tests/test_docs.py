"""The pages in docs/ are true of the code: examples run, scenarios load, commands exist."""

import contextlib
import importlib
import importlib.util
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

import econsim
from econsim import cli, data, policy, results
from econsim import parameters as registry
from econsim.experiments import study
from econsim.figures.export import provenance_of

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
#: Pages that somebody wrote; those that `econsim` writes from the code say so.
PAGES = [
    p
    for p in sorted(DOCS.glob("*.md"))
    if not re.search(r"^Generated .*by `econsim ", p.read_text(encoding="utf-8"), re.MULTILINE)
]
#: Pages whose examples and commands are checked.
CHECKED = [*PAGES, ROOT / "README.md"]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """Fenced blocks of a language, each with the line its content begins on."""
    text = text_of(page)
    return [
        (text.count("\n", 0, found.start()) + 2, found.group(2))
        for found in FENCE.finditer(text)
        if found.group(1) == language
    ]


def page_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def sphinx_configuration() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_conf", DOCS / "conf.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- Examples ---------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [p for p in CHECKED if blocks(p, "python")], ids=page_name)
def test_python_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The blocks of a page are one program, as a reader would type them.
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "docs_example"}
    for line, code in blocks(page, "python"):
        program = compile("\n" * (line - 1) + code, str(page), "exec")
        with contextlib.redirect_stdout(io.StringIO()):
            exec(program, names)


def scenario_texts() -> list[Any]:
    return [
        pytest.param(text, id=f"{page_name(page)}:{line}")
        for page in PAGES
        for line, text in blocks(page, "yaml")
        if re.search(r"^title:", text, re.MULTILINE)
    ]


@pytest.mark.parametrize("text", scenario_texts())
def test_scenario_examples_load(text: str) -> None:
    if re.search(r"^arms:", text, re.MULTILINE):
        assert study.loads(text).points
        return
    assert econsim.loads(text).package.entries or "instruments" not in text


# --- Commands ---------------------------------------------------------------------------------


def commands() -> list[Any]:
    """Every line of a shell block that calls econsim, without comments and the bootstrap."""
    found = []
    for page in CHECKED:
        for first, text in blocks(page, "sh"):
            for number, line in enumerate(text.splitlines()):
                words = shlex.split(line, comments=True)
                if "econsim" in words:
                    where = f"{page_name(page)}:{first + number}"
                    found.append(pytest.param(words[words.index("econsim") + 1 :], id=where))
    return found


@pytest.mark.parametrize("words", commands())
def test_commands_parse(words: list[str]) -> None:
    group = typer.main.get_command(cli.app)
    assert words[0] in group.commands, f"there is no command '{words[0]}'"
    command = group.commands[words[0]]
    # Parses options and arguments as the command line does, and runs nothing.
    with command.make_context(words[0], words[1:]):
        pass


# --- Names ------------------------------------------------------------------------------------


def test_every_uncertainty_and_constant_is_described_on_the_model_page() -> None:
    # Levers are told where they act; all of them are in the generated table.
    text = text_of(DOCS / "model.md")
    missing = sorted(n for n in {**registry.UNCERTAINTIES, **registry.CONSTANTS} if n not in text)
    assert not missing, f"describe these in docs/model.md: {missing}"


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_parameters_named_on_a_page_exist(page: Path) -> None:
    prose = FENCE.sub("", text_of(page))
    prefixes = {name.partition(".")[0] for name in registry.PARAMETERS}
    modules = {p.stem for p in (ROOT / "econsim").glob("*.py")}
    wrong = []
    for word in re.findall(r"`([a-z_]+\.[a-z_0-9]+)`", prose):
        prefix, _, rest = word.partition(".")
        if prefix not in prefixes or word in registry.PARAMETERS or rest in ("py", "md"):
            continue
        if prefix in modules and hasattr(importlib.import_module(f"econsim.{prefix}"), rest):
            continue
        wrong.append(word)
    assert not wrong


def test_every_instrument_has_a_section_with_its_keys_and_an_example() -> None:
    page = DOCS / "scenarios.md"
    text = text_of(page)
    examples = "".join(t for _, t in blocks(page, "yaml"))
    common = {"from", "until", "phase_in", "where"}
    for name, model in policy.INSTRUMENTS.items():
        section = re.search(rf"^### {name}$(.*?)(?=^##)", text, re.MULTILINE | re.DOTALL)
        assert section, f"docs/scenarios.md has no section '### {name}'"
        own = {f.alias or n for n, f in model.model_fields.items()} - common
        if name == "open_model_programme":  # "as public_compute, and"
            own -= set(policy.PublicCompute.model_fields)
        missing = {k for k in own if f"`{k}`" not in section.group(1)}
        assert not missing, f"{name}: keys without a word: {sorted(missing)}"
        assert f"- {name}:" in examples, f"{name} has no example"


def test_every_key_of_a_scenario_file_is_named() -> None:
    from econsim.scenario import Option, Run, ScenarioFile

    text = text_of(DOCS / "scenarios.md")
    for model in (ScenarioFile, Option, Run):
        missing = [k for k in model.model_fields if f"`{k}" not in text]
        assert not missing, f"{model.__name__}: {missing}"


def test_generated_pages_are_complete(tmp_path: Path) -> None:
    configuration = sphinx_configuration()
    configuration.write_generated(tmp_path)
    parameters = (tmp_path / "parameters.md").read_text(encoding="utf-8")
    outcomes = (tmp_path / "outcomes.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in parameters for name in registry.PARAMETERS)
    assert all(f"| `{name}` |" in outcomes for name in results.OUTCOMES)


# --- The site ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", study.shipped())
def test_every_shipped_study_has_its_answer_from_scenarios_as_they_are(name: str) -> None:
    """The page of answers speaks of today's scenario files, parameters and data."""
    certificate = provenance_of(DOCS / "answers" / f"{name}.svg")
    given = study.load(name)
    assert certificate["name"] == name
    assert certificate["scenario_hashes"] == {a: s.hash() for a, s in given.arms.items()}
    assert certificate["data"] == data.digest()
    assert (DOCS / "answers" / f"{name}.txt").read_text(encoding="utf-8").strip()
    assert f"answers/{name}.svg" in (DOCS / "answers.md").read_text(encoding="utf-8")


def test_the_site_builds_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("sphinx")
    pytest.importorskip("furo")
    pytest.importorskip("myst_parser")
    site = tmp_path / "site"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONWARNINGS"}
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", "-d", str(tmp_path / "trees"),
         str(DOCS), str(site)],
        capture_output=True, text=True, timeout=120, env=environment,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    outside = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=[\"'](?:https?:)?//")
    wrong = [p.name for p in site.rglob("*.html") if outside.search(p.read_text(encoding="utf-8"))]
    assert not wrong, f"these pages load something from another host: {wrong}"
