"""Study files: shipped ones load, designs are what they say, hostile ones are refused by line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from econsim import cli
from econsim.experiments import ensemble, study
from econsim.experiments.design import DESIGNS, DUMMY, StudyError
from econsim.experiments.study import Study
from econsim.scenario import ScenarioError

BODY: dict[str, Any] = {
    "title": "a study",
    "arms": {"diverse": "us-diverse", "restrictive": "us-restrictive"},
    "run": {"firms": 1000, "replicates": 2},
    "uncertainties": [{"design": "grid", "values": {"choice.lambda": [0.3, 0.6]}}],
    "outcomes": [{"outcome": "gdp", "years": [2035]}],
}


def load(**changes: Any) -> Study:
    return study.loads(json.dumps(BODY | changes))


def refused(text: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        study.loads(text)
    message = str(caught.value)
    assert re.match(r"study\.yaml:\d+: ", message), message
    return message


# --- shipped ------------------------------------------------------------------------------------


def test_nine_studies_are_shipped() -> None:
    assert set(study.shipped()) >= {
        "headline", "headline-sensitivity", "headline-sensitivity-us", "openness-gradient",
        "policy-ranking-eu", "compute-thresholds", "where-it-reverses", "where-it-reverses-us",
        "supplier-shock",
    }  # fmt: skip


@pytest.mark.parametrize("name", study.shipped())
def test_every_shipped_study_can_be_planned_and_asks_a_question(name: str) -> None:
    given = study.load(name)
    assert given.question and given.analysis
    found = study.plan(given, 1)
    assert 0 < found.runs <= len(given.arms) * len(given.points) * given.replicates
    assert {v.key for v in found.variants} == {v.key for v in dict.fromkeys(found.variants)}


# --- designs ------------------------------------------------------------------------------------


def test_designs_are_crossed_and_levers_kept_apart() -> None:
    given = load(
        uncertainties=[
            {"design": "grid", "values": {"choice.lambda": [0.3, 0.6]}},
            {"design": "list", "points": [{"choice.open_share": v} for v in (0.1, 0.2, 0.3)]},
        ],
        levers=[
            {"term": "closed.price", "scale": [1.0, 1.5], "unit": "multiple", "from": "2028-01",
             "arms": ["restrictive"]}
        ],
    )  # fmt: skip
    assert len(given.points) == 12
    point = given.points[-1]
    assert point.uncertainties == {"choice.lambda": 0.6, "choice.open_share": 0.3}
    assert point.levers == {"closed.price": 1.5}
    base, acted = (given.at(arm, point) for arm in given.arms)
    assert base.values["choice.lambda"] == acted.values["choice.lambda"] == 0.6
    assert not base.package.entries
    assert any(e.lever == "option.price" and e.value == 1.5 for e in acted.package.entries)


def test_latin_hypercube_has_one_point_in_every_slice() -> None:
    given = load(
        uncertainties=[
            {"design": "lhs", "samples": 16, "ranges": {"choice.lambda": [0.2, 0.6],
                                                        "benefit.saving": [0.1, 0.3]}}
        ]
    )  # fmt: skip
    x = given.matrix()
    for column, (low, high) in zip(x.T, ((0.2, 0.6), (0.1, 0.3)), strict=True):
        slices = np.floor(16 * (column - low) / (high - low)).astype(int)
        assert sorted(slices) == list(range(16))


def test_sobol_has_a_dummy_that_costs_no_run() -> None:
    given = load(
        uncertainties=[{"design": "sobol", "samples": 8, "ranges": {"choice.lambda": [0.2, 0.9]}}]
    )
    # Blocks of A, AB(lambda), AB(dummy), B.
    assert len(given.points) == 8 * 4
    assert given.factors == ("choice.lambda", DUMMY)
    # AB(dummy) is the scenario of A, and AB(lambda) that of B: each is run once.
    assert study.plan(given, 1).runs == 2 * 16 * 2
    assert DUMMY not in given.points[0].parameters


@pytest.mark.parametrize("ending", ["csv", "yaml"])
def test_an_ensemble_comes_from_a_file(tmp_path: Path, ending: str) -> None:
    members = [{"choice.lambda": 0.3, "benefit.saving": 0.2}, {"choice.lambda": 0.4,
               "benefit.saving": 0.25}]  # fmt: skip
    path = tmp_path / f"ensemble.{ending}"
    path.write_text(
        json.dumps(members)
        if ending == "yaml"
        else "member,choice.lambda,benefit.saving\n1,0.3,0.2\n2,0.4,0.25\n",
        encoding="utf-8",
    )
    body = BODY | {"uncertainties": [{"design": "ensemble", "file": path.name}]}
    given = study.loads(json.dumps(body), beside=tmp_path)
    assert [dict(p.uncertainties) for p in given.points] == members
    body["uncertainties"][0]["members"] = 3
    with pytest.raises(StudyError, match="3 members are asked for, the file has 2"):
        study.loads(json.dumps(body), beside=tmp_path)
    path.write_text("choice.lamda\n0.3\n" if ending == "csv" else '[{"choice.lamda": 0.3}]')
    del body["uncertainties"][0]["members"]
    with pytest.raises(StudyError, match=r"did you mean 'choice\.lambda'"):
        study.loads(json.dumps(body), beside=tmp_path)


@pytest.mark.parametrize("region", ["EU27", "US"])
def test_the_shipped_ensemble_is_a_design(region: str) -> None:
    """Its parameters are accepted by the scenarios of its region; other regions' are left out."""
    prefix = "eu" if region == "EU27" else "us"
    arms = {"diverse": f"{prefix}-diverse", "restrictive": f"{prefix}-restrictive"}
    design = {"design": "ensemble", "members": 20}
    given = study.loads(json.dumps(BODY | {"arms": arms, "uncertainties": [design]}))
    shipped = ensemble.load(region)
    assert len(given.points) == 20
    assert set(given.factors) == {*shipped.members[0].parameters, "ban.reentry_share"}
    assert all(study.Study.at(given, "restrictive", point) for point in given.points[:3])


def test_a_weighted_ensemble_stands_by_equal_members_and_may_leave_axes_alone(
    tmp_path: Path,
) -> None:
    (tmp_path / "e.csv").write_text(
        "region,member,weight,scored_weight,choice.lambda,benefit.saving,ban.reentry_share\n"
        "US,a,0.7,0.1,0.3,0.2,0.4\nUS,b,0.3,0.9,0.5,0.25,0.6\nEU27,c,1,1,0.6,0.3,0.5\n"
    )
    design = {"design": "ensemble", "file": "e.csv", "members": 2, "without": ["choice.lambda"]}
    axis = {"design": "grid", "values": {"choice.lambda": [0.2, 0.8]}}
    given = study.loads(json.dumps(BODY | {"uncertainties": [axis, design]}), beside=tmp_path)
    savings = [p.uncertainties["benefit.saving"] for p in given.points]
    assert savings == [0.2, 0.25] * 2  # places 1/4 and 3/4 of the weights
    design["members"] = 1
    given = study.loads(json.dumps(BODY | {"uncertainties": [axis, design]}), beside=tmp_path)
    assert [p.uncertainties["benefit.saving"] for p in given.points] == [0.2, 0.2]
    point = given.points[0]
    ban = dict(given.at("restrictive", point).instruments)
    assert [i.reentry_share for i in ban.values()] == [0.4]
    assert given.at("diverse", point).instruments == ()
    design["without"] = ["choice.lamda"]
    with pytest.raises(StudyError, match="to leave out"):
        study.loads(json.dumps(BODY | {"uncertainties": [design]}), beside=tmp_path)


def test_the_share_that_re_enters_varies_like_a_parameter() -> None:
    given = load(uncertainties=[{"design": "grid", "values": {"ban.reentry_share": [0.0, 1.0]}}])
    assert study.plan(given, 1).runs == 3 * 2  # the diverse arm has no ban
    message = refused(
        json.dumps(
            BODY
            | {"uncertainties": [{"design": "grid", "values": {"ban.reentry_share": [0.0, 2.0]}}]}
        )
    )
    assert "ban.reentry_share: 2.0 is outside 0 to 1" in message


def test_identity_follows_what_decides_numbers_and_nothing_else() -> None:
    keys = {v.key for v in study.plan(load(), 1).variants}
    assert {
        v.key for v in study.plan(load(title="other", executor={"workers": 7}), 1).variants
    } == keys
    for change in (
        {"run": {"firms": 2000, "replicates": 2}},
        {"outcomes": [{"outcome": "gni", "years": [2035]}]},
    ):
        assert not {v.key for v in study.plan(load(**change), 1).variants} & keys
    assert not {v.key for v in study.plan(load(), 2).variants} & keys
    given = study.plan(load(), 1)
    assert given.variants[0].run(1) != given.variants[0].run(2)


def test_the_design_matrix_reads_back_exactly() -> None:
    given = load(
        uncertainties=[{"design": "lhs", "samples": 7, "ranges": {"choice.lambda": [0.2, 0.9]}}],
        levers=[
            {"term": "closed.price", "scale": [0.9, 1.1], "unit": "multiple", "from": "2028-01"}
        ],
    )
    again = study.loads(given.text, points=given.points_csv())
    assert again.points == given.points
    assert again.canonical() == given.canonical()
    plan = study.plan(given, 1)
    assert study.Plan.read(again, plan.csv()).places == plan.places


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"uncertainties": [{"design": "grid", "values": {"closed.price": [100.0, 200.0]}}]},
         "'closed.price' is a lever: vary it under 'levers'"),
        ({"uncertainties": [{"design": "grid", "values": {"supply.open_pool": [0.5, 1.0]}}]},
         "'supply.open_pool' is a lever: vary it under 'levers'"),
        ({"levers": [{"term": "choice.lambda", "set": [0.5], "unit": "1", "from": "2028-01"}]},
         "'choice.lambda' is an uncertainty, not a lever"),
        ({"uncertainties": [{"design": "grid", "values": {"choice.lambda": [0.3]}},
                            {"design": "lhs", "samples": 4,
                             "ranges": {"choice.lambda": [0.2, 0.9]}}]},
         "designs overlap: 'choice.lambda' is varied by design 1 and by design 2"),
        ({"levers": [{"term": "closed.price", "scale": [1.1], "unit": "multiple",
                      "from": "2028-01"}] * 2},
         "designs overlap: two levers vary 'closed.price'"),
        ({"uncertainties": [{"design": "sobol", "samples": 100,
                             "ranges": {"choice.lambda": [0.2, 0.9]}}]},
         "samples must be a power of 2 (such as 128)"),
        ({"uncertainties": [{"design": "sobol", "samples": 8,
                             "ranges": {"choice.lambda": [0.2, 0.9]}},
                            {"design": "grid", "values": {"benefit.saving": [0.2]}}]},
         "cannot be crossed"),
        ({"uncertainties": [{"design": "grid", "values": {"choice.lamda": [0.3]}}]},
         "did you mean 'choice.lambda'"),
        ({"uncertainties": [{"design": "grid", "values": {"choice.lambda": [0.3, 3.0]}}]},
         "3.0 is outside 0.05 to 1"),
        ({"uncertainties": [{"design": "grid", "values": {"choice.lambda": [0.3, 0.3]}}]},
         "once each"),
        ({"uncertainties": [{"design": "lhs", "samples": 4,
                             "ranges": {"choice.lambda": [0.9, 0.2]}}]}, "low first"),
        ({"uncertainties": [{"design": "gird", "values": {}}]}, "did you mean 'grid'"),
        ({"uncertainties": [{"design": "grid", "vlaues": {}}]}, "did you mean 'values'"),
        ({"uncertainties": [{"design": "ensemble", "file": "nowhere.csv"}]}, "cannot be read"),
        ({"arms": {"a": "us-divers"}}, "did you mean 'us-diverse'"),
        ({"arms": {"a": "us-diverse", "b": "eu-diverse"}}, "arms of one study share a region"),
        ({"arms": {}}, "at least 1"),
        ({"outcomes": []}, "at least 1"),
        ({"outcomes": [{"outcome": "gpd", "years": [2035]}]}, "did you mean 'gdp'"),
        ({"outcomes": [{"outcome": "gdp", "years": [2036]}]}, "2036 is not a whole year"),
        ({"outcomes": [{"outcome": "gdp", "by": "sector", "groups": ["C"], "years": [2035]}]},
         "not recorded by sector (recorded by: country)"),
        ({"outcomes": [{"outcome": "use", "by": "size_class", "groups": ["10-94"],
                        "years": [2035]}]}, "no size_class '10-94'"),
        ({"outcomes": [{"outcome": "gdp", "years": [2035]}] * 2}, "'gdp@2035' is kept twice"),
        ({"outcomes": [{"outcome": "lost_users", "years": [2035]}],
          "arms": {"a": "us-diverse"}}, "needs two arms"),
        ({"levers": [{"term": "closed.price", "scale": [1.1], "unit": "multiple",
                      "from": "2028-01", "arms": ["x"]}]}, "no arm 'x'"),
        ({"levers": [{"term": "closed.price", "set": [100], "unit": "EUR/seat/year",
                      "from": "2028-01"}]}, "unit of 'closed.price' is 'USD/seat/year'"),
        ({"levers": [{"term": "closed.price", "scale": [1.1], "unit": "multiple",
                      "from": "2050-01"}]}, "outside the horizon"),
        ({"levers": [{"term": "closed.price", "unit": "multiple", "from": "2028-01"}]},
         "exactly one list"),
        ({"run": {"firms": 10}}, "at least 1000 rows"),
        ({"executor": {"kind": "ray"}}, "kind"),
        ({"replicates": 5}, "unknown key 'replicates'"),
        ({"analysis": {"kind": "ranking", "outcome": "gni"}}, "does not keep 'gni'"),
        ({"analysis": {"kind": "surface", "outcome": "gdp", "arm": "restrictve"}},
         "did you mean 'restrictive'"),
        ({"stop_after_failures": 0}, "stop_after_failures"),
    ],
)  # fmt: skip
def test_a_study_that_cannot_be_run_as_written_is_refused(
    change: dict[str, Any], message: str
) -> None:
    assert message in refused(json.dumps(BODY | change))


def test_a_parameter_that_tells_arms_apart_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(
        json.dumps(
            {"title": "other", "extends": "us-diverse", "parameters": {"choice.lambda": 0.9}}
        )
    )
    body = BODY | {"arms": {"a": "us-diverse", "b": "other.yaml"}}
    with pytest.raises(StudyError, match=r"'choice\.lambda' differs between arms"):
        study.loads(json.dumps(body), beside=tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("- a\n- b\n", "holds keys and values"),
        ("title: a\ntitle: b\n", "given twice"),
        ("title: &x a\narms: {a: *x}\n", "anchors and aliases"),
        ("title: !!python/object:os.system a\n", "tag"),
        ("title: [\n", "not valid YAML"),
    ],
)
def test_hostile_yaml_is_refused_and_nothing_is_executed(text: str, message: str) -> None:
    assert message in refused(text)


def test_errors_name_the_line() -> None:
    text = """
title: a
arms:
  diverse: us-diverse
uncertainties:
  - design: grid
    values:
      choice.lambda: [0.3]
      closed.price: [1.0]
outcomes:
  - {outcome: gdp, years: [2035]}
"""
    assert refused(text).startswith("study.yaml:9: ")


def test_a_wrong_study_exits_with_two_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wrong.yaml").write_text(json.dumps(BODY | {"arms": {"a": "us-divers"}}))
    for name, message in (("wrong.yaml", "us-diverse"), ("headlin", "did you mean 'headline'"),
                          ("nowhere.yaml", "no study file")):  # fmt: skip
        with pytest.raises(SystemExit) as ended:
            cli.main(["sweep", name])
        assert ended.value.code == 2
        assert message in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["wrong.yaml"]


def test_studies_are_checked_like_scenarios(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps(BODY), encoding="utf-8")
    for name in (str(path), "openness-gradient", "us-diverse"):
        with pytest.raises(SystemExit) as ended:
            cli.main(["check", name])
        assert not ended.value.code
        assert capsys.readouterr().out.startswith(f"ok  {name}  ")
    path.write_text(json.dumps(BODY | {"arms": {"a": "us-divers"}}), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        cli.main(["check", str(path)])
    assert ended.value.code == 2
    assert "did you mean 'us-diverse'" in capsys.readouterr().err


def test_studies_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["list", "--studies", "--json"])
    assert not ended.value.code
    assert [s["name"] for s in json.loads(capsys.readouterr().out)] == study.shipped()


def test_the_schema_of_studies_names_every_key() -> None:
    found = study.schema()
    assert set(found["properties"]) >= {"arms", "uncertainties", "levers", "outcomes", "analysis"}
    kinds = [d["properties"]["design"]["const"] for d in
             found["properties"]["uncertainties"]["items"]["anyOf"]]  # fmt: skip
    assert kinds == list(DESIGNS)
