"""The command line: tables, stored results, exit codes, one clear line for wrong input."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from econsim import cli, results
from econsim import scenario as scenarios

ROOT = Path(__file__).resolve().parent.parent


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command line in this process; exit code, output, errors."""
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    shown = capsys.readouterr()
    return int(ended.value.code or 0), shown.out, shown.err


SMALL = ("--firms", "1000", "--replicates", "2", "--months", "96", "--workers", "1")


def test_run_pair_prints_and_stores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "pair"
    code, shown, _ = call(
        capsys, "run", "eu-diverse", "eu-restrictive", *SMALL, "--no-grid", "--out", str(out)
    )
    assert code == 0
    for text in ("AI use, 10-249 persons", "Lost users", "Firms' surplus", "not a", "n = 2"):
        assert text in shown
    assert "Unpaired interval of GDP / paired interval" in shown
    stored = results.load(out)
    assert [r.scenario for r in stored] == ["eu-diverse", "eu-restrictive"]
    assert (
        stored[0].manifest["scenario_hash"]
        == scenarios.load("eu-diverse")
        .with_changes(
            run=scenarios.Run(horizon=("2021-01", "2028-12"), firms=20_000, replicates=10, seed=1)
        )
        .hash()
    )
    assert (out / "headline-eu-restrictive.csv").read_text().count("\n") > 5


def test_run_with_grid_shows_the_joint_axes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, shown, _ = call(
        capsys, "run", "us-diverse", "us-restrictive", *SMALL, "--out", str(tmp_path / "g"),
        "--json",
    )  # fmt: skip
    assert code == 0
    grid = json.loads(shown)[0]["comparisons"][0]["grid"]
    assert {(p["lambda"], p["open_share"]) for p in grid} == {
        (a, b) for a in (0.2, 0.5, 0.8) for b in (0.05, 0.15, 0.3)
    }
    assert all(p["gdp"]["unit"].startswith("USD") and p["gdp"]["n"] == 2 for p in grid)


def test_run_single(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown, _ = call(capsys, "run", "eu-diverse", *SMALL, "--out", str(tmp_path / "one"))
    assert code == 0 and "GDP gain from AI" in shown


def test_python_and_command_line_agree_to_the_last_digit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from econsim.experiments.simulation import simulate

    code, shown, _ = call(
        capsys, "compare", "eu-restrictive", "eu-diverse", "--firms", "1000", "--replicates", "2",
        "--outcome", "use", "--by", "size_class", "--year", "2030", "--json",
    )  # fmt: skip
    assert code == 0
    base, other = simulate(
        scenarios.load("eu-diverse"), scenarios.load("eu-restrictive"), rows=1000, replicates=2
    )
    for group, found in json.loads(shown)["groups"].items():
        gap = results.compare(other, base).difference("use", 2030, "size_class", group)
        assert found["difference"]["mean"] == gap.mean


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "eu-divers"), "did you mean 'eu-diverse'"),
        (("run", "eu-diverse", "--firms", "10"), "at least 1000 rows"),
        (("run", "eu-diverse", "--firms", "0"), "at least 1000 rows"),
        (("run", "eu-diverse", "--firms", "many"), "neither a whole number nor 'full'"),
        (("run", "eu-diverse", "--seed", "-1"), "outside 0"),
        (("run", "eu-diverse", "--months", "3"), "outside 12 to 600"),
        (("run", "eu-diverse", "--replicates", "0"), "--replicates"),
        (("run", "--unknown"), "No such option"),
        (("compare", "eu-diverse", "eu-restrictive", "--outcome", "gpd"), "did you mean 'gdp'"),
        (("show", "nothing"), "no scenario 'nothing'"),
        (("parameters", "choice.lamda"), "did you mean 'choice.lambda'"),
        (("check", "no-such.yaml"), "no scenario file"),
        (("show", "eu-diverse", "--month", "2027"), "not a month"),
    ],
)
def test_wrong_input_is_one_clear_line_and_writes_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, errors = call(capsys, *arguments)
    assert code == 2
    assert message in " ".join(errors.split())
    assert "Traceback" not in errors
    assert not list(tmp_path.iterdir())


def test_file_errors_name_file_and_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "mine.yaml"
    wrong.write_text("title: mine\nextends: eu-diverse\nparametres: {choice.lambda: 0.3}\n")
    code, _, errors = call(capsys, "run", str(wrong))
    assert code == 2
    assert f"{wrong}:3: unknown key 'parametres'; did you mean 'parameters'?" in errors


def test_check_goes_on_after_the_first_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("title: [\n")
    code, shown, errors = call(capsys, "check", "eu-diverse", str(wrong), "us-diverse")
    assert code == 2
    assert "ok  eu-diverse" in shown and "ok  us-diverse" in shown and "wrong.yaml:" in errors


def test_an_unwritable_place_is_said_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    code, _, errors = call(capsys, "run", "eu-diverse", *SMALL, "--out", str(blocked / "x"))
    assert code == 5 and "error: the machine said no" in errors
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("years of work")
    code, _, errors = call(capsys, "run", "eu-diverse", *SMALL, "--out", str(foreign))
    assert code == 2 and "does not hold econsim results" in errors
    assert (foreign / "thesis.txt").read_text() == "years of work"


def test_full_disk_while_writing_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(results, "_write_table", full)
    code, _, errors = call(capsys, "run", "eu-diverse", *SMALL, "--out", str(tmp_path / "full"))
    assert code == 5 and "No space left" in errors
    assert not list(tmp_path.iterdir())


def test_interruption_is_130(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from econsim.experiments import simulation

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(simulation, "perform_together", stop)
    code, _, errors = call(capsys, "run", "eu-diverse", *SMALL, "--out", str(tmp_path / "i"))
    assert code == 130 and "interrupted" in errors
    assert not list(tmp_path.iterdir())


def test_a_defect_is_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from econsim.experiments import simulation

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(simulation, "perform_together", broken)
    code, _, _ = call(capsys, "compare", "eu-diverse", "eu-restrictive", "--workers", "1")
    assert code == 1


def test_looking_around(capsys: pytest.CaptureFixture[str]) -> None:
    code, shown, _ = call(capsys, "list")
    assert code == 0 and "eu-restrictive" in shown
    code, shown, _ = call(capsys, "list", "--outcomes", "--json")
    assert {"use", "gdp", "gni"} <= {o["name"] for o in json.loads(shown)}
    code, shown, _ = call(capsys, "show", "eu-restrictive")
    assert code == 0 and "open_hosted.available" in shown and "hash" in shown
    code, shown, _ = call(capsys, "show", "eu-restrictive", "--month", "2026-12")
    assert "No instruments in force" in shown
    code, shown, _ = call(capsys, "diff", "eu-diverse", "eu-restrictive", "--json")
    assert all(d["key"].startswith("instruments") for d in json.loads(shown))
    code, shown, _ = call(capsys, "diff", "eu-diverse", "eu-diverse")
    assert "same scenario" in shown
    code, shown, _ = call(capsys, "schema")
    assert json.loads(shown)["title"] == "econsim scenario"
    code, shown, _ = call(capsys, "parameters", "--kind", "lever", "--json")
    assert all(p["kind"] == "lever" and p["source"] for p in json.loads(shown))
    code, shown, _ = call(capsys, "--version")
    assert code == 0 and shown.startswith("econsim ")


def test_quiet_and_verbose_work_on_either_side(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (("--quiet", "list"), ("list", "--quiet"), ("list", "--verbose")):
        code, shown, _ = call(capsys, *arguments)
        assert code == 0 and "eu-diverse" in shown


def test_as_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "econsim", "show", "eu-divers"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    assert done.returncode == 2 and "did you mean" in done.stderr


def test_descriptions_are_those_of_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    """A rule or a default cannot change without its description (run 'econsim describe')."""
    code, _, errors = call(capsys, "describe", "--check", "--out", str(ROOT / "docs"))
    assert code == 0, errors
