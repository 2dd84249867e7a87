"""The first fit: the shipped baseline meets what was observed, and saw nothing later."""

import builtins
import io
from dataclasses import replace

import numpy as np
import pytest

from econsim import data, meanfield, scenario, setting
from econsim.experiments import fit


@pytest.fixture(scope="module")
def baseline() -> fit.Prediction:
    return fit.predict(meanfield.solved(scenario.load("eu-diverse")))


@pytest.mark.parametrize("year", fit.WAVES)
@pytest.mark.parametrize("size", fit.SIZES)
def test_use_by_size_within_one_point(baseline: fit.Prediction, year: int, size: str) -> None:
    assert abs(baseline.size[year, size] - fit.observed().size[year, size]) < 1.0


@pytest.mark.parametrize("year", [2023, 2024])
def test_sectors_are_ordered_rightly(baseline: fit.Prediction, year: int) -> None:
    facts = {k: v for (y, k), v in fit.observed().sector.items() if y == year}
    model = [baseline.sector[year, k] for k in facts]
    ranks = np.corrcoef(np.argsort(np.argsort(model)), np.argsort(np.argsort(list(facts.values()))))
    assert ranks[0, 1] > 0.9


def test_member_states_are_near(baseline: fit.Prediction) -> None:
    facts = fit.observed().country
    gaps = [abs(baseline.country[k] - v) for k, v in facts.items() if k[0] == 2024]
    assert np.mean(gaps) < 1.0


def test_considering_is_near_what_was_derived(baseline: fit.Prediction) -> None:
    facts = fit.observed().considered
    assert abs(baseline.considered[2024, "10-49"] - facts[2024, "10-49"]) < 2.0


def test_total_use_of_2024_is_met_exactly(baseline: fit.Prediction) -> None:
    assert baseline.total[2024] == pytest.approx(13.48, abs=1e-6)


def test_nothing_of_2025_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """No table that the fit opens holds an observation later than 2024."""
    opened: list[str] = []
    original = io.open

    def watched(file, *args, **kwargs):  # type: ignore[no-untyped-def]
        opened.append(str(file))
        return original(file, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", watched)
    monkeypatch.setattr(io, "open", watched)
    facts = fit.observed()
    years = {y for table in (facts.size, facts.sector, facts.country) for y, _ in table}
    assert max(years) <= 2024
    assert not [name for name in opened if "held_out" in name]
    with pytest.raises(data.DataError, match="held out"):
        data.table("held_out_2025")


def test_shifters_tell_groups_apart_and_vanish_at_zero() -> None:
    bound = setting.bind(scenario.load("eu-diverse"))
    assert bound.hurdle_shift.std() > 0.1 and bound.narrow_shift.std() > 0.1
    flat = replace(
        bound,
        hurdle_shift=np.zeros_like(bound.hurdle_shift),
        narrow_shift=np.zeros_like(bound.narrow_shift),
    )
    flat = replace(flat, tastes=meanfield.solve_bound(flat))
    sectors = fit.predict(flat, (2024,)).sector
    shifted = fit.predict(meanfield.solved(scenario.load("eu-diverse")), (2024,)).sector
    assert shifted[2024, "J"] > sectors[2024, "J"] + 5.0


def test_a_missing_wave_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    original = data.table

    def without(name: str, folder: object = None) -> object:
        frame = original(name)
        return frame[frame["year"] != 2023] if name == "ai_use_by_size" else frame

    monkeypatch.setattr(data, "table", without)
    with pytest.raises(data.DataError, match="wave 2023"):
        fit.observed()


def test_impossible_level_is_said() -> None:
    base = scenario.load("eu-diverse")
    with pytest.raises(meanfield.MeanFieldError, match="narrow AI alone"):
        meanfield.solve_tastes(base.with_changes(parameters={"survey.use_2024": 1.0}))
    with pytest.raises(meanfield.MeanFieldError, match="cannot be reproduced"):
        meanfield.solve_tastes(base.with_changes(parameters={"survey.use_2024": 80.0}))
