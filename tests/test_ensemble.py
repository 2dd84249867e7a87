"""The shipped ensemble: whole, usable, and honest about where uncertainty comes from."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from econsim import cli, data, meanfield
from econsim import parameters as registry
from econsim.experiments import calibration, ensemble, survey
from econsim.experiments.faults import EnsembleError
from econsim.experiments.survey import Question, wave_month
from econsim.scenario import Scenario, load

FOLDER = Path(data.__file__).parent / "data" / "ensemble"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "ensemble"))


# --- What ships -----------------------------------------------------------------------------------


@pytest.mark.parametrize("region", data.REGIONS)
def test_the_ensemble_is_a_few_hundred_weighted_sets(region: str) -> None:
    found = ensemble.load(region)
    assert 150 <= len(found.members) <= 400
    assert found.weights().sum() == pytest.approx(1.0)
    assert len({m.name for m in found.members}) == len(found.members)
    assert len(found.digest) == 64 and not found.warnings
    assert (FOLDER / "ensemble.csv").stat().st_size < 300_000


@pytest.mark.parametrize("region", data.REGIONS)
def test_every_number_has_a_prior_in_the_card(region: str) -> None:
    card = json.loads((FOLDER / "ensemble.json").read_text())
    described = card["regions"][region]
    priors = {p["name"]: p for p in described["priors"]}
    member = ensemble.load(region).members[0]
    assert set(member.parameters) <= set(priors)
    assert all(p["reason"] for p in priors.values())
    assert not priors["choice.lambda"]["fitted"] and priors["narrow.level"]["fitted"]
    assert described["until"] == {"EU27": 2024, "US": 2025}[region]


def test_only_the_fit_that_ships_uses_2025_and_says_so() -> None:
    card = json.loads((FOLDER / "ensemble.json").read_text())
    assert "ever considered" in card["regions"]["EU27"]["also"]
    scenario = load("eu-diverse")
    kinds = {o.question.kind for o in calibration.problem(scenario).observations}
    assert "ever_considered" not in kinds
    ships = calibration.problem(scenario, ever_considered=True)
    late = {o.question.kind for o in ships.observations if o.question.month >= 48}
    assert late == {"ever_considered"}


def test_members_meet_the_observed_use_and_fit_the_waves() -> None:
    observations = survey.eu_observations(2024)
    for member in ensemble.load("EU27").thin(3):
        scenario = member.apply(load("eu-diverse"))
        world = survey.world(scenario, wave_month(2024))
        (total,) = world.answer([Question("size", "10+", wave_month(2024))])
        assert total == pytest.approx(member.parameters["survey.use_2024"], abs=1e-6)
        figures = world.answer([o.question for o in observations])
        gaps = [(f - o.value) / o.error for f, o in zip(figures, observations, strict=True)]
        assert np.sqrt(np.mean(np.square(gaps))) < 2.0


def test_unidentified_numbers_have_their_prior_in_what_ships() -> None:
    for region in data.REGIONS:
        found = ensemble.load(region)
        for prior in calibration.UNIDENTIFIED:
            values = np.array(
                [m.parameters.get(prior.name, m.reentry_share) for m in found.members]
            )
            middle = float(prior.quantile(0.5))
            assert np.mean(values < middle) == pytest.approx(0.5, abs=0.08), (region, prior.name)


# --- Using it -------------------------------------------------------------------------------------


def test_a_member_changes_numbers_and_the_re_entry_of_bans() -> None:
    member = ensemble.load("EU27").members[3]
    restrictive = load("eu-restrictive")
    changed = member.apply(restrictive)
    assert changed.values["choice.lambda"] == member.parameters["choice.lambda"]
    assert changed.instruments[0][1].reentry_share == member.reentry_share
    assert restrictive.instruments[0][1].reentry_share == 0.5
    kept = member.apply(restrictive, keep=("choice.lambda",))
    assert kept.values["choice.lambda"] == restrictive.values["choice.lambda"]
    with pytest.raises(EnsembleError, match="belongs to EU27"):
        member.apply(load("us-diverse"))


def test_thinning_keeps_the_mean() -> None:
    found = ensemble.load("EU27")
    weights = found.weights()
    values = np.array([m.parameters["narrow.level"] for m in found.members])
    thin = [m.parameters["narrow.level"] for m in found.thin(60)]
    assert np.mean(thin) == pytest.approx(weights @ values, abs=0.3 * values.std())
    for count in (1, 10_000):
        with pytest.raises(EnsembleError, match="ask for 2 to"):
            found.thin(count)


def test_named_levels_are_parameter_sets_of_benefit_only() -> None:
    assert len({level.name for level in ensemble.LEVELS}) == len(ensemble.LEVELS) >= 3
    for level in ensemble.LEVELS:
        assert level.source
        assert {n.partition(".")[0] for n in level.parameters} == {"benefit"}
        for name, value in level.parameters.items():
            registry.get(name).check(value)


# --- What is wrong with it is said ----------------------------------------------------------------


def test_a_changed_file_is_refused(copied: Path) -> None:
    place = copied / "ensemble.csv"
    place.write_text(place.read_text().replace("EU27-001", "EU27-01"))
    with pytest.raises(EnsembleError, match="hash differs"):
        ensemble.load("EU27", copied)


def test_a_missing_file_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(EnsembleError, match="missing; run 'econsim calibrate'"):
        ensemble.load("EU27", tmp_path)
    with pytest.raises(EnsembleError, match="unknown region 'EU'; did you mean 'EU27'"):
        ensemble.load("EU")


def test_too_few_members_are_refused(tmp_path: Path) -> None:
    card = {"regions": {"EU27": {"warnings": [], "until": 2024}}}
    ensemble.write(tmp_path, {"EU27": ensemble.load("EU27").members[:49]}, card)
    with pytest.raises(EnsembleError, match="49 members for EU27; at least 50"):
        ensemble.load("EU27", tmp_path)


def test_values_out_of_bounds_are_refused(tmp_path: Path) -> None:
    members = list(ensemble.load("EU27").members)
    wrong = dict(members[7].parameters) | {"choice.lambda": 1.7}
    members[7] = ensemble.Member("x", "EU27", 0.01, wrong, 0.5)
    card = {"regions": {"EU27": {"warnings": [], "until": 2024}}}
    ensemble.write(tmp_path, {"EU27": members}, card)
    with pytest.raises(EnsembleError, match=r"line 9: choice\.lambda: 1\.7 is outside"):
        ensemble.load("EU27", tmp_path)


def test_warnings_of_the_fit_travel(tmp_path: Path) -> None:
    card = {"regions": {"EU27": {"warnings": ["not converged: test"], "until": 2024}}}
    members = ensemble.load("EU27").members
    ensemble.write(tmp_path, {"EU27": members}, card)
    found = ensemble.load("EU27", tmp_path)
    assert found.warnings == ("not converged: test",)
    line = ensemble.Spread("GDP", "x", 1.0, (0.0, 2.0), (0.0, 1.0, 2.0), {}, 5, found.warnings)
    assert "not converged: test" in ensemble.spreads_csv([line], "a", "b", 2035, found.digest)


def test_the_same_members_give_the_same_bytes(copied: Path) -> None:
    groups = {r: ensemble.load(r).members for r in data.REGIONS}
    text = (FOLDER / "ensemble.csv").read_text()
    assert ensemble.to_csv(groups) == text
    assert ensemble.text_digest(text) == ensemble.load("EU27").digest


# --- Structural choices and spreads ---------------------------------------------------------------


@pytest.mark.parametrize("variant", ensemble.VARIANTS, ids=lambda v: v.name)
def test_a_structural_choice_meets_the_same_use_of_2024(variant: ensemble.Variant) -> None:
    scenario = load("us-diverse")  # its mean field is quicker; the rule is the same
    changed = variant.change(scenario)
    assert changed.hash() != scenario.hash()
    month = int(scenario.values["survey.reference_month"])
    world = survey.world(changed, month)
    weight = world.firms.weight
    use = float(weight @ world.use(month, variant.nested) / weight.sum())
    reported = 100.0 * use * meanfield.reporting_share(scenario)
    assert reported == pytest.approx(scenario.values["survey.use_2024"], abs=0.02)


def test_noise_parameters_and_structure_are_kept_apart(
    build: Callable[..., Scenario], ban: Callable[..., dict]
) -> None:
    parts = [build("US", last="2025-12"), build("US", ban("2024-06"), last="2025-12")]
    (lines,) = ensemble.spreads(
        parts, ensemble.load("US"), 2025, members=2, rows=1000, replicates=2, workers=1
    )
    by_label = {s.label: s for s in lines}
    use = by_label["AI use, 10-249 persons"]
    assert set(use.structure) == {v.name for v in ensemble.VARIANTS}
    assert use.noise[0] < use.point < use.noise[1]
    assert use.parameters[0] <= use.parameters[1] <= use.parameters[2]
    assert use.members == 2
    # Taste against hurdle books other costs and leaves every choice alone.
    default = ensemble.simulate_many({"x": parts}, rows=1000, replicates=1, workers=1)["x"]
    gap = default[1].yearly("use", 2025, "size_class", "10-249") - default[0].yearly(
        "use", 2025, "size_class", "10-249"
    )
    assert use.structure["taste"] == pytest.approx(float(gap[0]), abs=1e-12)


def test_too_many_members_are_refused_before_any_work(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as done:
        cli.main(["run", "eu-diverse", "eu-restrictive", "--ensemble", "9999", "--out", "x"])
    assert done.value.code == 2
    assert "ask for 2 to" in capsys.readouterr().err
    assert not Path("x").exists()
