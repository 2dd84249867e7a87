"""Holds the table of layers against the code, whatever modules exist."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "econsim"

# --- The table: module -> what it may import of econsim ---------------------------------------

LAYER_0 = {"parameters", "arithmetic", "compiled", "draws", "data", "results"}
LAYER_1 = {"population", "behaviour", "supply", "accounts", "policy"}
LAYER_2 = {"scenario", "setting", "meanfield", "evaluation", "aggregation"}
LAYER_3 = {"engine"}
LAYER_4 = {"model", "experiments", "figures"}
LAYER_5 = {"brief", "description", "findings", "verification"}
BELOW_4 = LAYER_0 | LAYER_1 | LAYER_2 | LAYER_3
EVERYTHING = BELOW_4 | LAYER_4 | LAYER_5 | {"cli", "app"}

MAY_IMPORT: dict[str, set[str]] = {
    "parameters": set(),
    "arithmetic": set(),
    "compiled": set(),
    "draws": {"arithmetic"},
    "data": set(),
    "results": set(),
    # Layer 1: never one another; the engine introduces them.
    **{module: LAYER_0 for module in LAYER_1},
    "scenario": LAYER_0 | {"policy"},
    "evaluation": LAYER_0 | {"behaviour"},
    "aggregation": LAYER_0 | {"accounts", "evaluation", "setting"},
    "setting": LAYER_0 | LAYER_1 | {"scenario"},
    "meanfield": LAYER_0 | LAYER_1 | {"scenario", "setting"},
    "engine": LAYER_0 | LAYER_1 | LAYER_2,
    "model": BELOW_4,
    "experiments": BELOW_4,
    "figures": {"results", "parameters"},
    "description": BELOW_4,
    "brief": BELOW_4 | LAYER_4 | {"findings"},
    "verification": BELOW_4 | LAYER_4 | {"brief"},
    "findings": BELOW_4 | LAYER_4,
    "cli": EVERYTHING,
    "app": EVERYTHING,
    "__main__": EVERYTHING,
    "__init__": EVERYTHING,  # what it may not do is import them at once: see below
}

FORBIDDEN_NAMES = {"util", "utils", "helper", "helpers", "common", "misc"}
HEAVY = {
    "mesa",
    "networkx",
    "numba",
    "pandas",
    "plotly",
    "psutil",
    "pyarrow",
    "scipy",
    "matplotlib",
    "streamlit",
    "SALib",
    "distributed",
    "duckdb",
    "ema_workbench",
    "sklearn",
}

# --- Reading the code -------------------------------------------------------------------------


def sources() -> list[Path]:
    return sorted(p for p in PACKAGE.rglob("*.py") if "__pycache__" not in p.parts)


def programs() -> list[Path]:
    """The package and the top-level app."""
    app = ROOT / "app.py"
    return [*sources(), *([app] if app.exists() else [])]


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def dotted(path: Path) -> str:
    """``econsim/experiments/designs.py`` -> ``econsim.experiments.designs``."""
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


def owner(path: Path) -> str:
    """The module of the table that a file belongs to."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[1] if parts[0] == "econsim" else parts[0]


MODULES = {dotted(path): path for path in sources()}


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every import of a file, at any depth, as (line, absolute dotted name).

    ``from econsim import engine`` gives ``econsim.engine``; ``from econsim.engine import run``
    gives ``econsim.engine.run``.  ``importlib.import_module("name")`` counts.
    """
    package = dotted(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            prefix = [*base, *([node.module] if node.module else [])]
            for alias in node.names:
                yield node.lineno, ".".join([*prefix, alias.name])
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func).endswith("import_module")
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            yield node.lineno, str(node.args[0].value)


def imported_modules(path: Path) -> set[str]:
    """The files of econsim (dotted) that a file imports."""
    found = set()
    for _, imported in imports(path):
        name = imported
        while name.startswith("econsim.") and name not in MODULES:
            name = name.rpartition(".")[0]
        if name in MODULES:
            found.add(name)
    return found - {dotted(path)}


def where(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT).as_posix()}:{line}"


# --- Layers -----------------------------------------------------------------------------------


def test_every_module_is_in_the_table() -> None:
    unknown = {owner(path) for path in sources()} - set(MAY_IMPORT)
    assert not unknown, f"give these modules a layer in {Path(__file__).name}: {sorted(unknown)}"


@pytest.mark.parametrize("path", programs(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_imports_stay_below_their_layer(path: Path) -> None:
    me = owner(path)
    allowed = MAY_IMPORT.get(me, set()) | {me}
    wrong = [
        f"{where(path, line)}: {me} may not import {name}"
        for line, name in imports(path)
        if name.startswith("econsim.") and (parts := name.split("."))[1] in MAY_IMPORT
        if parts[1] not in allowed
    ]
    assert not wrong, "\n".join(wrong)


def test_no_import_cycles() -> None:
    # The package's own __init__ is left out: everything imports it, and it imports lazily.
    graph = {name: imported_modules(path) - {"econsim"} for name, path in MODULES.items()}
    graph.pop("econsim", None)
    done: set[str] = set()

    def visit(name: str, trail: list[str]) -> None:
        if name in trail:
            cycle = [*trail[trail.index(name) :], name]
            pytest.fail("import cycle: " + " -> ".join(cycle))
        if name in done:
            return
        for other in sorted(graph.get(name, ())):
            # A package's __init__ gathers its own parts.
            if not other.startswith(name + ".") and not name.startswith(other + "."):
                visit(other, [*trail, name])
        done.add(name)

    for name in graph:
        visit(name, [])


def test_no_private_name_crosses_a_module() -> None:
    wrong = [
        f"{where(path, line)}: {name}"
        for path in programs()
        for line, name in imports(path)
        if name.startswith("econsim.") and not name.startswith(f"econsim.{owner(path)}.")
        if any(part.startswith("_") and not part.startswith("__") for part in name.split("."))
    ]
    assert not wrong, "private names imported from another module:\n" + "\n".join(wrong)


# --- Who may do what --------------------------------------------------------------------------


def test_only_the_model_imports_mesa() -> None:
    wrong = [
        f"{where(path, line)}: {name}"
        for path in programs()
        if path != PACKAGE / "model.py"
        for line, name in imports(path)
        if "mesa" in name.lower()
    ]
    assert not wrong, "\n".join(wrong)


def test_only_draws_makes_random_numbers() -> None:
    wrong = []
    for path in programs():
        if path == PACKAGE / "draws.py":
            continue
        for line, name in imports(path):
            if re.match(r"(random|secrets|numpy\.random)(\.|$)", name):
                wrong.append(f"{where(path, line)}: imports {name}")
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in {
                "np.random",
                "numpy.random",
                "os.urandom",
            }:
                wrong.append(f"{where(path, node.lineno)}: {ast.unparse(node)}")
    assert not wrong, "\n".join(wrong)


def test_only_the_cli_prints() -> None:
    wrong = [
        where(path, node.lineno)
        for path in programs()
        if path != PACKAGE / "cli.py"
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert not wrong, "print( outside the CLI: " + ", ".join(wrong)


def test_no_attic() -> None:
    places = [PACKAGE, ROOT / "tests", ROOT / "benchmarks"]
    wrong = [
        path.relative_to(ROOT).as_posix()
        for place in places
        for path in place.rglob("*")
        if path.stem.strip("_") in FORBIDDEN_NAMES
    ]
    assert not wrong, f"name modules by nouns of the field: {wrong}"


def test_importing_econsim_is_light(tmp_path: Path) -> None:
    code = "import sys, econsim; print(econsim.__file__); print(*sorted(sys.modules))"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    out = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.splitlines()
    assert Path(out[0]).resolve().parent == PACKAGE
    loaded = HEAVY & {name.partition(".")[0] for name in out[1].split()}
    assert not loaded, f"`import econsim` loads {sorted(loaded)}"


# --- One arithmetic ---------------------------------------------------------------------------

# Where rules live. All functions of arithmetic.py and draws.py are rules; in the others those that
# the module lists in RULES (names or the functions themselves) or makes stages of with @each, and
# every function of the same module that such a one calls.
RULE_MODULES = ("arithmetic", "draws", "behaviour", "supply", "population", "evaluation")
ALL_ARE_RULES = ("arithmetic", "draws")

NUMPY_FORBIDDEN = {
    *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "logaddexp"),
    *("power", "float_power", "pow", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arctan"),
    *("sum", "nansum", "cumsum", "mean", "average", "prod", "cumprod", "add.reduce"),
    *("dot", "matmul", "einsum", "inner", "outer", "tensordot", "linalg", "interp"),
}
METHODS_FORBIDDEN = {"sum", "mean", "prod", "cumsum", "cumprod", "dot", "std", "var"}


def rule_functions(path: Path) -> dict[str, ast.FunctionDef]:
    tree = parse(path)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if path.stem in ALL_ARE_RULES:
        return functions
    names = {
        name
        for name, node in functions.items()
        for decorator in node.decorator_list
        if re.fullmatch(r"(\w+\.)*each(\(.*\))?", ast.unparse(decorator))
    }
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(t, ast.Name) and t.id == "RULES" for t in targets):
            value = getattr(node, "value", None)
            assert value is not None
            for item in ast.walk(value):
                if isinstance(item, ast.Constant) and isinstance(item.value, str):
                    names.add(item.value)
                elif isinstance(item, ast.Name) and isinstance(item.ctx, ast.Load):
                    names.add(item.id)
    names -= {"tuple", "list", "frozenset", "Final"}
    missing = names - set(functions)
    assert not missing, f"{path.name}: RULES names no function: {sorted(missing)}"
    waiting, chosen = list(names), {}
    while waiting:
        name = waiting.pop()
        if name not in chosen:
            chosen[name] = functions[name]
            for node in ast.walk(functions[name]):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    waiting += [node.func.id] if node.func.id in functions else []
    return chosen


def offences(function: ast.FunctionDef) -> Iterator[tuple[int, str]]:
    """Operations whose last bits differ between NumPy, the JIT, libraries and processors."""
    for node in ast.walk(function):
        if isinstance(node, ast.BinOp | ast.AugAssign):
            if isinstance(node.op, ast.Pow):
                yield node.lineno, "**"
            elif isinstance(node.op, ast.MatMult):
                yield node.lineno, "@"
        elif isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            if re.match(r"(np|numpy)\.", name):
                if name.partition(".")[2] in NUMPY_FORBIDDEN:
                    yield node.lineno, name
            elif re.match(r"c?math\.", name):
                yield node.lineno, name
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in {"sum", "pow"}:
                yield node.lineno, f"{node.func.id}()"
            elif isinstance(node.func, ast.Attribute) and node.func.attr in METHODS_FORBIDDEN:
                yield node.lineno, f".{node.func.attr}()"


@pytest.mark.parametrize("module", RULE_MODULES)
def test_rules_use_the_one_arithmetic(module: str) -> None:
    path = PACKAGE / f"{module}.py"
    if not path.exists():
        pytest.skip(f"{path.name} does not exist yet")
    rules = rule_functions(path)
    assert rules, f"{module}.py has no rules"
    wrong = [
        f"{where(path, line)}: {what} in {name}"
        for name, function in rules.items()
        for line, what in offences(function)
    ]
    # `from numpy import exp` or `from math import log` would hide one.
    wrong += [
        f"{where(path, line)}: imports {name}"
        for line, name in imports(path)
        if re.match(r"c?math(\.|$)", name)
        or (name.startswith("numpy.") and name.partition(".")[2] in NUMPY_FORBIDDEN)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def f(x): return np.exp(x)", "np.exp"),
        ("def f(x): return x ** 2", "**"),
        ("def f(x, y): return x @ y", "@"),
        ("def f(x): return math.sqrt(x)", "math.sqrt"),
        ("def f(x): return x.sum()", ".sum()"),
        ("def f(x): return np.where(x > 0, np.maximum(x, 1.0), exp(x))", None),
    ],
)
def test_the_lint_of_rules_sees(source: str, found: str | None) -> None:
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert [what for _, what in offences(function)] == ([found] if found else [])


# --- The repository as a whole ----------------------------------------------------------------


def repository_files() -> list[Path]:
    """What is, or would be, committed."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout.split(b"\0")
    except (OSError, subprocess.SubprocessError):
        pytest.skip("not a git checkout")
    paths = [ROOT / os.fsdecode(name) for name in listed if name]
    return [path for path in paths if path.is_file()]


def test_nothing_names_a_registry_host() -> None:
    hosts = [  # in parts, so that this file does not name one either
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("python", "org/simple"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("jsdelivr", "net"),
        ("unpkg", "com"),
        ("deb.debian", "org"),
        ("archive.ubuntu", "com"),
        ("conda.anaconda", "org"),
        ("crates", "io"),
        ("ghcr", "io"),
        ("docker", "io"),
    ]
    pattern = re.compile("|".join(re.escape(".".join(host)) for host in hosts), re.IGNORECASE)
    wrong = []
    for path in repository_files():
        raw = path.read_bytes()
        if b"\0" in raw[:4096]:
            continue
        for number, line in enumerate(raw.decode("utf-8", "replace").splitlines(), 1):
            if found := pattern.search(line):
                wrong.append(f"{where(path, number)}: {found.group()}")
    assert not wrong, "\n".join(wrong)
