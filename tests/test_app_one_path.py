"""One path to a number: for every scenario app, command line and Python agree to the last digit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import econsim
from econsim import cli, results, scenario
from econsim.app import draft
from econsim.app.draft import Settings, Text
from econsim.app.jobs import Order
from econsim.experiments import simulation
from econsim.results import Results

#: Every instrument of the library has begun by then.
RUN = "run: {horizon: [2021-01, 2030-12]}\n"
SMALL = Settings(rows=1_000, replicates=1, seed=11)


@pytest.mark.parametrize("region", draft.BASELINES)
def test_app_command_line_and_python_agree(
    region: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    base = draft.BASELINES[region]
    names = sorted(draft.titles(region), key=lambda n: n != base)
    assert set(names) == {n for n in scenario.shipped() if n[:3] == base[:3]}
    shown = tuple(Text(f"{n}-short", f"title: {n}\nextends: {n}\n{RUN}") for n in names)
    for text in shown:
        (tmp_path / text.reference).write_text(text.yaml, encoding="utf-8")
        # The hash decides the numbers: all ways in give the same one.
        assert econsim.load(text.reference).hash() == text.scenario().hash()
    # All of the US run; of the EU, whose cells are thirty times as many, every third.
    shown = shown if region == "US" else shown[::3]
    mine = Order(shown, SMALL).perform().results

    # The very command that the page shows.
    words = draft.command(shown, SMALL, grid=False).split()
    stored: list[Results] = []
    monkeypatch.setattr(results, "save", lambda given, *_, **__: stored.extend(given))
    assert cli._run([*words[1:], "--quiet"]) == 0

    for text, app, command in zip(shown, mine, stored, strict=True):
        assert app.scenario == command.scenario == text.name
        certificates = {r.manifest["scenario_hash"] for r in (app, command)}
        assert certificates == {text.scenario().hash()}
        for key, values in app.series.items():
            assert np.array_equal(values, command.series[key], equal_nan=True), (text.name, key)

    # In Python, as the page shows it: the pair alone and not in one pass with all the others.
    assert econsim.simulate is simulation.simulate
    for number in range(1, len(shown), 8):
        pair = [econsim.load(shown[n].reference) for n in (0, number)]
        found = econsim.simulate(*pair, rows=SMALL.rows, replicates=1, seed=SMALL.seed)
        gap = econsim.compare(found[1], found[0]).difference("gdp", 2030)
        assert gap == econsim.compare(mine[number], mine[0]).difference("gdp", 2030)
        for key, values in mine[number].series.items():
            assert np.array_equal(values, found[1].series[key], equal_nan=True), key
