"""Scores: right on known answers; observations from a file are read strictly."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from econsim import cli, data
from econsim.experiments import scorecard, scoring, survey
from econsim.experiments.faults import ScoringError
from econsim.experiments.scoring import Persistence, Prediction


def prediction(group: str, centre: float, spread: float, family: str = "size") -> Prediction:
    quantiles = tuple(float(q) for q in centre + spread * norm.ppf(scoring.LEVELS))
    return Prediction(family, group, 2025, quantiles)


@pytest.fixture
def shipped() -> list[Prediction]:
    return scoring.shipped_predictions()


# --- Discrepancy and prediction -------------------------------------------------------------------


def test_persistence_is_recovered() -> None:
    totals = {2021: 10.0, 2023: 12.0, 2024: 20.0}
    start = np.linspace(-1.5, 1.5, 41)
    observed = {}
    for n, gap in enumerate(start):
        for year, factor in ((2021, 1.0), (2023, 0.9**2), (2024, 0.9**3)):
            observed[year, f"g{n}"] = survey.percent(survey.log_odds(totals[year]) + factor * gap)
    found = scoring.persistence(observed, totals, 2024)
    assert found.slope == pytest.approx(0.9, abs=1e-3)
    assert found.intercept == pytest.approx(0.0, abs=1e-3)
    assert found.innovation < 1e-3 and found.transitions == 82


def test_persistence_sees_no_later_wave() -> None:
    totals = {y: v for (y, g), v in survey.eu_use("size").items() if g == "10+"}
    observed = survey.eu_use("country")
    spoilt = {k: (99.0 if k[0] == 2024 else v) for k, v in observed.items()}
    assert scoring.persistence(observed, totals, 2023) == scoring.persistence(spoilt, totals, 2023)
    with pytest.raises(ScoringError, match="only 0 transitions"):
        scoring.persistence(observed, totals, 2021)


def test_predictive_draws_have_the_stated_spread() -> None:
    kept = Persistence(0.0, 1.0, 0.2, 0)
    cloud = scoring.predictive(np.full(50, 30.0), np.full(50, 20.0), 20.0, kept, 0.0, 1, "test")
    centre = np.log(cloud / (100.0 - cloud))
    assert centre.mean() == pytest.approx(survey.log_odds(30.0), abs=1e-3)
    assert centre.std() == pytest.approx(0.2, rel=0.01)
    carried = scoring.predictive(np.full(50, 30.0), np.full(50, 20.0), 25.0, kept, 0.0, 1, "test")
    assert np.median(carried) > np.median(cloud)


# --- Baselines and scores -------------------------------------------------------------------------


def test_baselines_on_a_known_series() -> None:
    history = {(2021, "a"): 8.0, (2023, "a"): 10.0, (2024, "a"): 20.0,
               (2021, "b"): 4.0, (2023, "b"): 5.0, (2024, "b"): 10.0}  # fmt: skip
    found = scoring.baseline_forecasts(history, ["a", "b"], 2025)
    assert found["no change"] == {"a": 20.0, "b": 10.0}
    assert found["linear trend"] == pytest.approx({"a": 30.0, "b": 15.0})
    rise = survey.log_odds(20.0) - survey.log_odds(10.0)
    assert found["logit trend"]["a"] == pytest.approx(survey.percent(survey.log_odds(20.0) + rise))
    shift = np.mean([rise, survey.log_odds(10.0) - survey.log_odds(5.0)])
    assert found["common logit shift"]["b"] == pytest.approx(
        survey.percent(survey.log_odds(10.0) + shift)
    )
    assert all(0.0 < v < 100.0 for rule in found.values() for v in rule.values())


def test_orientation_of_the_simple_baselines_on_2025() -> None:
    frame = data.held_out()
    use = frame[(frame["indicator"] == "ai_use") & (frame["size_class"] != "10+")]
    truth = dict(zip(use["size_class"], use["value"], strict=True))
    made = scoring.baseline_forecasts(survey.eu_use("size"), survey.EU_SIZES, 2025)

    def error(name: str) -> float:
        return float(np.mean([abs(made[name][g] - truth[g]) for g in survey.EU_SIZES]))

    assert error("logit trend") == pytest.approx(1.9, abs=0.05)
    assert error("no change") == pytest.approx(9.7, abs=0.05)


def test_scores_of_a_perfect_and_of_a_poor_forecast() -> None:
    observed = {"10-49": 17.0, "50-249": 30.0, "250+": 55.0}
    history = survey.eu_use("size")
    good = scoring.score_family(
        [prediction(g, v, 1.0) for g, v in observed.items()], observed, history
    )
    assert good.error == pytest.approx(0.0, abs=1e-9)
    assert good.covered_50 == good.covered_80 == 1.0
    poor = scoring.score_family(
        [prediction(g, v + 30.0, 1.0) for g, v in observed.items()], observed, history
    )
    assert poor.error == pytest.approx(30.0) and poor.covered_80 == 0.0
    assert poor.crps > 20.0 > 1.0 > good.crps
    assert all(a.statistic < 0.0 for a in good.against)
    assert all(a.statistic > 0.0 for a in poor.against)
    rows = scorecard.score_table(poor)
    assert all("LOSS" in row[3] for row in rows[1:])


def test_the_score_of_a_normal_forecast_is_near_its_closed_form() -> None:
    """CRPS of a normal at one standard deviation off (Gneiting and Raftery 2007)."""
    z, spread = 1.0, 2.0
    expected = spread * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi))
    found = scoring.score_family([prediction("10-49", 20.0, spread)], {"10-49": 22.0}, {})
    assert found.crps == pytest.approx(expected, rel=0.05)


# --- What ships -----------------------------------------------------------------------------------


def test_shipped_predictions_cover_all_states_classes_and_sectors(
    shipped: list[Prediction],
) -> None:
    groups = {f: [p.group for p in shipped if p.family == f] for f in scoring.FAMILIES}
    assert sorted(groups["country"]) == list(data.MEMBER_STATES)
    assert groups["size"] == [*survey.EU_SIZES, "10+"]
    assert len(groups["sector"]) == 11
    for p in shipped:
        assert (np.diff(p.quantiles) >= 0.0).all() and p.year == 2025
        assert p.quantiles[0] > 0.0 and p.quantiles[-1] < 100.0
        low, high = p.band(0.8)
        inner = p.band(0.5)
        assert low <= inner[0] <= p.quantile(0.5) <= inner[1] <= high


def test_predictions_come_back_from_their_file(shipped: list[Prediction], tmp_path: Path) -> None:
    place = tmp_path / "predictions.csv"
    place.write_text(scoring.predictions_csv(shipped, 2024))
    assert scoring.shipped_predictions(place) == shipped
    with pytest.raises(ScoringError, match="missing; run 'econsim calibrate'"):
        scoring.shipped_predictions(tmp_path / "none.csv")
    place.write_text(place.read_text().replace("q05", "q5"))
    with pytest.raises(ScoringError, match="line 2"):
        scoring.shipped_predictions(place)


# --- Observations from a file ---------------------------------------------------------------------

GOOD = "geo,year,value,size_class_persons,nace_section,remark\n"


def write(tmp_path: Path, text: str) -> Path:
    place = tmp_path / "seen.csv"
    place.write_text(text, encoding="utf-8")
    return place


def test_observations_of_all_families_are_scored(tmp_path: Path) -> None:
    place = write(
        tmp_path,
        GOOD + "EU27_2020,2025,17.0,10-49,,x\nEU27,2025,19.95,10+,,\nGR,2025,12.5,10+,,\n"
        "DE,2025,26,,,\nEU27,2025,50,10+,J,\nDE,2025,30,250+,,\nEU27,2025,9,10+,C10-C12,\n"
        "EU27,2024,13.48,10+,,\n",
    )
    observed = scoring.read_observations(place)
    assert observed.skipped == 2
    assert observed.values["country", 2025, "EL"] == 12.5
    scores, left = scoring.score(observed)
    assert {s.family: len(s.groups) for s in scores} == {"size": 1, "country": 2, "sector": 1}
    assert left == 2  # the total, and a row of 2024


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("geo,year,size_class_persons\nDE,2025,10+\n", "column 'value' is missing"),
        ("geo,yaer,value,size_class_persons\nDE,2025,3,\n", "'year' is missing; did you mean 'yae"),
        ("geo,year,value\nDE,2025,3\n", "one of the columns"),
        (GOOD + "DE,2025,101,10+,,\n", "line 2: value 101 is outside 0 to 100"),
        (GOOD + "DE,2025,-1,10+,,\n", "outside 0 to 100"),
        (GOOD + "DE,2025,nan,10+,,\n", "outside 0 to 100"),
        (GOOD + "DE,2025,many,10+,,\n", "value 'many' is not a number"),
        (GOOD + "DE,2025.5,3,10+,,\n", "not a year"),
        (GOOD + "DE,inf,3,10+,,\n", "not a year"),
        (GOOD + "D,2025,3,10+,,\n", "unknown geo 'D'; did you mean"),
        (GOOD + "DE,2025,3,10+,,\nDE,2025,4,10+,,\n", "another value on line 2"),
        (GOOD + "DE,2025,0.26,10+,,\n", "percent are expected, not shares"),
        (GOOD + "DE,2025,26,250+,,\n", "no row about a predicted kind"),
        ("", "column 'geo' is missing"),
        (GOOD + "DE\n", "year '' is not a number"),
    ],
)
def test_bad_observations_are_refused(tmp_path: Path, text: str, message: str) -> None:
    place = write(tmp_path, text)
    with pytest.raises(ScoringError, match=message) as caught:
        scoring.read_observations(place)
    assert str(place) in str(caught.value)


def test_observations_that_match_nothing_are_refused(tmp_path: Path) -> None:
    observed = scoring.read_observations(write(tmp_path, GOOD + "DE,2031,26,10+,,\n"))
    with pytest.raises(ScoringError, match="no observation matches a prediction"):
        scoring.score(observed)


def test_the_command_scores_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = write(tmp_path, GOOD + "DE,2025,26,10+,,\nFR,2025,18,10+,,\nIT,2025,16,10+,,\n")
    with pytest.raises(SystemExit) as done:
        cli.main(["score", "--observations", str(place)])
    assert done.value.code == 0
    out = capsys.readouterr().out
    assert "member states, 2025" in out and "does not discriminate the headline" in out
    with pytest.raises(SystemExit) as done:
        cli.main(["score", "--observations", str(place), "--json"])
    assert done.value.code == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert record["groups"] == ["DE", "FR", "IT"] and len(record["against"]) == 6


def test_the_command_without_a_file_scores_the_size_classes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as done:
        cli.main(["score"])
    assert done.value.code == 0
    assert "EU size classes, 2025" in capsys.readouterr().out


@pytest.mark.parametrize("text", [None, GOOD + "DE,2025,126,10+,,\n", "\xff\xfe"])
def test_the_command_ends_with_2_on_wrong_input(
    tmp_path: Path, text: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "seen.csv"
    if text is not None:
        place.write_bytes(text.encode("latin-1"))
    with pytest.raises(SystemExit) as done:
        cli.main(["score", "--observations", str(place)])
    assert done.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
