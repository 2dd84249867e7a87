"""The project as a thing to install: metadata, lock, wheel."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


# --- Metadata ---------------------------------------------------------------------------------


def test_metadata() -> None:
    assert PROJECT["name"] == "econsim"
    assert PROJECT["scripts"] == {"econsim": "econsim.cli:main"}
    assert PROJECT["requires-python"] == ">=3.11"
    assert PROJECT["license"] == "Apache-2.0"
    assert "Version 2.0, January 2004" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_version_is_the_same_everywhere() -> None:
    import econsim

    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    cited = re.search(r"^version: (.+)$", citation, re.MULTILINE)
    assert cited
    assert cited.group(1) == PROJECT["version"] == econsim.__version__


# --- Lock -------------------------------------------------------------------------------------


def locked() -> list[tuple[Requirement, int]]:
    """Each entry of the lock with its number of hashes."""
    joined = re.sub(r"\\\n\s*", " ", LOCK)
    entries = []
    for line in joined.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            requirement = Requirement(line.partition(" --hash")[0].strip())
            entries.append((requirement, line.count("--hash=sha256:")))
    return entries


def direct() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"]
    # What only a benchmark compares with is not installed with the project.
    lists = [PROJECT["dependencies"], *(extras[name] for name in extras if name != "benchmarks")]
    return [Requirement(text) for entries in lists for text in entries]


def test_every_locked_requirement_is_pinned_and_hashed() -> None:
    entries = locked()
    assert len(entries) > 50
    assert [str(r) for r, hashes in entries if hashes == 0] == []
    assert [str(r) for r, _ in entries if not re.fullmatch(r"==[^*]+", str(r.specifier))] == []
    assert [str(r) for r, _ in entries if r.url] == []


def test_lock_names_no_host() -> None:
    assert re.findall(r"https?://\S*|file:\S*", LOCK) == []
    assert not re.search(
        r"^\s*(-i|-f|--index-url|--extra-index-url|--find-links|--trusted-host)\b",
        LOCK,
        re.MULTILINE,
    )


def test_lock_holds_every_direct_dependency_within_its_range() -> None:
    entries: dict[str, list[Requirement]] = {}
    for requirement, _ in locked():
        entries.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    wrong = []
    for wanted in direct():
        found = entries.get(canonicalize_name(wanted.name), [])
        if not found:
            wrong.append(f"{wanted} is not locked")
        for requirement in found:
            (pin,) = requirement.specifier
            if not wanted.specifier.contains(pin.version, prereleases=True):
                wrong.append(f"{wanted} but locked {requirement}")
    assert not wrong, "make requirements.lock anew (see pyproject.toml):\n" + "\n".join(wrong)


def test_lock_says_what_is_direct() -> None:
    """Nothing is locked as the project's own that pyproject.toml does not ask for."""
    asked = {canonicalize_name(r.name) for r in direct()}
    marked, current = set(), ""
    for line in LOCK.splitlines():
        if found := re.match(r"([A-Za-z0-9_.-]+)==", line):
            current = canonicalize_name(found.group(1))
        elif re.match(r"\s+#.*\beconsim\b", line):
            marked.add(current)
    assert marked == asked


def test_bootstrap_tells_an_old_python(tmp_path: Path) -> None:
    """The script is readable by old Pythons and refuses them in one line with exit code 2."""
    source = (ROOT / ".ci" / "bootstrap.py").read_text(encoding="utf-8")
    compile(source, "bootstrap.py", "exec")
    # Pretend: a version check that fails is all that an old Python gets to.
    script = tmp_path / ".ci" / "bootstrap.py"
    script.parent.mkdir()
    script.write_text(
        source.replace("OLDEST = (3, 11)", "OLDEST = (99, 0)"),
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, str(script), "pytest"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "Python 99.0 or newer is needed" in done.stderr


def test_bootstrap_without_arguments_prints_usage() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "bootstrap.py")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("usage: python3 .ci/bootstrap.py")


# --- Wheel ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode:
        said = [line for line in done.stdout.splitlines() if "Error" in line] or [done.stderr]
        pytest.fail("the wheel cannot be built: " + "\n".join(said), pytrace=False)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the installed wheel and nothing else."""
    target = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, "--no-deps", "--no-index", "--target", target, wheel],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def python_elsewhere(installed: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run Python far from the checkout, with the installed wheel first on its path."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "ECONSIM_"))}
    env["PYTHONPATH"] = str(installed)
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_wheel_carries_tables_scenarios_and_app(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    tables = {f"econsim/data/{p.name}" for p in (ROOT / "econsim" / "data").glob("*.csv")}
    library = {
        f"econsim/_bundled/{p.relative_to(ROOT).as_posix()}"
        for p in (ROOT / "scenarios").rglob("*.yaml")
    }
    modules = {p.relative_to(ROOT).as_posix() for p in (ROOT / "econsim").rglob("*.py")}
    assert tables
    assert library
    assert tables | library | modules | {"econsim/_bundled/app.py"} <= names
    outside = {n for n in names if not n.startswith("econsim/")}
    assert all(re.match(r"econsim-[^/]+\.dist-info/", n) for n in outside), outside


def test_wheel_is_what_runs(installed: Path, tmp_path: Path) -> None:
    done = python_elsewhere(installed, tmp_path, "-c", "import econsim; print(econsim.__file__)")
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(installed)


def test_installed_wheel_lists_scenarios(installed: Path, tmp_path: Path) -> None:
    done = python_elsewhere(installed, tmp_path, "-m", "econsim.cli", "list")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "eu-diverse" in done.stdout
    assert "eu-restrictive" in done.stdout


def test_installed_wheel_compares_two_scenarios(installed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    pair = ("eu-diverse", "eu-restrictive")
    size = ("--firms", "1000", "--replicates", "2", "--months", "96")
    done = python_elsewhere(
        installed, tmp_path, "-m", "econsim.cli", "run", *pair, *size, "--out", str(out)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert out.exists()


def test_console_script_is_on_the_path() -> None:
    folder = Path(sys.executable).parent
    assert shutil.which("econsim", path=str(folder)), f"no econsim command in {folder}"
