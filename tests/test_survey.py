"""Surveys through their own reporting equations, and what a fit may see of them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from econsim import data, meanfield, setting
from econsim.experiments import survey
from econsim.experiments.survey import Question, wave_month
from econsim.scenario import Scenario, load


@pytest.fixture(scope="module")
def baseline() -> survey.World:
    return survey.world(load("eu-diverse"), wave_month(2024))


# --- The mean field asked through a survey --------------------------------------------------------


def test_use_is_that_of_the_mean_field(baseline: survey.World) -> None:
    month = wave_month(2024)
    bound = meanfield.solved(load("eu-diverse"))
    walked = meanfield.path(bound, month + 1)
    general = meanfield.general_use(bound, walked, baseline.firms, month).sum(axis=1)
    assert baseline.general(month) == pytest.approx(general, abs=1e-12)


def test_the_reference_use_is_met_exactly(baseline: survey.World) -> None:
    (total,) = baseline.answer([Question("size", "10+", wave_month(2024))])
    assert total == pytest.approx(13.48, abs=1e-6)


def test_the_shipped_defaults_are_near_what_was_observed(baseline: survey.World) -> None:
    for observation in survey.eu_observations(2024):
        (figure,) = baseline.answer([observation.question])
        assert abs(figure - observation.value) < (3.0 if observation.error > 2.0 else 1.0)


def test_sectors_and_states_are_told_apart(baseline: survey.World) -> None:
    month = wave_month(2024)
    seen = {g: v for (y, g), v in survey.eu_use("sector").items() if y == 2024}
    model = baseline.answer([Question("sector", g, month) for g in seen])
    ranks = np.corrcoef(np.argsort(np.argsort(model)), np.argsort(np.argsort(list(seen.values()))))
    assert ranks[0, 1] > 0.9
    states = {g: v for (y, g), v in survey.eu_use("country").items() if y == 2024}
    found = baseline.answer([Question("country", g, month) for g in states])
    assert np.mean(np.abs(found - np.array(list(states.values())))) < 1.0


def test_nested_reading_counts_fewer_users_and_never_less_than_either(
    baseline: survey.World,
) -> None:
    month = wave_month(2024)
    nested, independent = baseline.use(month, nested=True), baseline.use(month)
    narrow, general = baseline.firms.traits.narrow_share, baseline.general(month)
    assert (nested <= independent + 1e-15).all() and nested.mean() < independent.mean()
    assert (nested >= narrow).all() and (nested >= general).all()


def test_limits_enclose_the_reference_use(baseline: survey.World) -> None:
    low, high = baseline.limits()
    assert 0.0 < low < 13.48 < high < 100.0


def test_us_reports_meet_the_reference_month_and_follow_the_slope() -> None:
    scenario = load("us-diverse")
    world = survey.world(scenario, 50)
    month = int(scenario.values["survey.reference_month"])
    asked = [Question("btos", "10-249", month), Question("btos", "10-249", 50)]
    plain = world.answer(asked)
    steep = world.answer(asked, slope=1.5)
    assert plain[0] == pytest.approx(scenario.values["survey.use_2024"], abs=1e-6)
    assert steep[0] == pytest.approx(plain[0], abs=1e-6)
    rise = [survey.log_odds(a[1]) - survey.log_odds(a[0]) for a in (plain, steep)]
    assert rise[1] == pytest.approx(1.5 * rise[0], rel=1e-6)


def test_shifters_tell_groups_apart_and_vanish_when_left_out() -> None:
    scenario = load("eu-diverse")
    flat = survey.world(scenario, wave_month(2024), keep=lambda _: False)
    bound = setting.bind(scenario)
    assert bound.hurdle_shift.std() > 0.1 and (flat.bound.hurdle_shift == 0.0).all()
    same = survey.with_shifts(bound, survey.shipped_shifts())
    assert (same.hurdle_shift == bound.hurdle_shift).all()
    assert (same.narrow_shift == bound.narrow_shift).all()


def test_impossible_levels_are_said() -> None:
    base = load("eu-diverse")
    for use, words in ((1.0, "narrow AI alone"), (80.0, "cannot be reproduced")):
        world = survey.world(base.with_changes(parameters={"survey.use_2024": use}), 37)
        with pytest.raises(meanfield.MeanFieldError, match=words):
            world.answer([Question("size", "10+", 37)])


def test_a_group_without_firms_has_no_figure(build: Callable[..., Scenario]) -> None:
    world = survey.World(setting.bind(load("eu-diverse")), 37)
    world.firms = replace(world.firms, weight=np.zeros_like(world.firms.weight))
    assert np.isnan(world.answer([Question("size", "10+", 37)])).all()


# --- What a fit may see ---------------------------------------------------------------------------


@pytest.mark.parametrize("until", [2023, 2024])
@pytest.mark.parametrize("region", ["EU27", "US"])
def test_a_cut_off_year_hides_what_is_later(region: str, until: int) -> None:
    last = max(o.question.month for o in survey.observations(region, until))
    assert last < (until + 1 - 2021) * 12


@pytest.mark.parametrize("table", ["ai_use_by_size", "ai_use_by_sector", "ai_use_by_country"])
def test_no_shipped_table_of_use_holds_2025(table: str) -> None:
    assert data.table(table)["year"].max() <= 2024
    assert data.observed(table, 2023)["year"].max() == 2023


def test_observed_needs_a_row_that_old() -> None:
    with pytest.raises(data.DataError, match="no rows up to 2019"):
        data.observed("ai_use_by_size", 2019)


def test_the_held_out_table_is_refused_by_the_cut_off_reader() -> None:
    with pytest.raises(data.DataError, match="held out"):
        data.observed("held_out_2025", 2030)


def test_a_missing_wave_is_refused(changed_tables: Callable[..., Path]) -> None:
    def without(row: dict[str, str]) -> dict[str, str] | None:
        return None if row["year"] == "2023" and row["size_class"] == "250+" else row

    with pytest.raises(data.DataError, match=r"wave 2023 of class 250\+ is missing"):
        survey.eu_observations(2024, changed_tables("ai_use_by_size", without))


def test_a_share_above_100_is_refused(changed_tables: Callable[..., Path]) -> None:
    def broken(row: dict[str, str]) -> dict[str, str]:
        return row | {"value": "111.2"} if row["year"] == "2024" else row

    with pytest.raises(data.DataError, match=r"line 4.*111\.2 lies outside 0 to 100"):
        survey.eu_observations(2024, changed_tables("ai_use_by_size", broken))


def test_mixed_definitions_are_refused(changed_tables: Callable[..., Path]) -> None:
    def mixed(row: dict[str, str]) -> dict[str, str]:
        return row | {"scope": "eight technologies"} if row["year"] == "2024" else row

    with pytest.raises(data.DataError, match="mixed definitions"):
        survey.eu_observations(2024, changed_tables("ai_use_by_size", mixed))


def test_the_new_us_wording_is_never_spliced(changed_tables: Callable[..., Path]) -> None:
    def new(row: dict[str, str]) -> dict[str, str]:
        return row | {"period_start": "2025-11-17"} if row["period_start"] == "2025-09-22" else row

    folder = changed_tables("ai_use_us_btos", new)
    with pytest.raises(data.DataError, match="wording changed"):
        survey.us_observations(2025, folder)
    assert survey.us_observations(2024, folder) == survey.us_observations(2024)
