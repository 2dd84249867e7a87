"""Share links: state to link and back; bad, long and old ones say so and change nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import econsim
from econsim import scenario
from econsim.app import draft, link
from econsim.app.draft import Draft, Settings
from econsim.app.link import Link, LinkError

pytest.importorskip("streamlit")
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parent.parent
TOO_MUCH = '[{"sandbox": {"from": "2027-01", "risk_cut": 9}}]'
HASHES = "0" * 12 + "-" + "0" * 12


def policy(name: str = "eu-restrictive", **changes: Any) -> Draft:
    start = draft.shipped_scenario(name)
    entries = [draft.instrument_entry(item) for _, item in start.instruments]
    given: dict[str, Any] = {
        "title": "Mine & “yours” = 100 %", "start": start, "instruments": entries,
        "parameters": {"choice.lambda": 0.3}, "settings": Settings(2_000, 3, 7),
        "builds_on": (name, *draft.ancestry(draft.shipped_text(name).yaml)), **changes,
    }  # fmt: skip
    return Draft(**given)


@pytest.mark.parametrize("name", ["eu-restrictive", "us-licensing-score-70", "eu-laion-proposals"])
def test_a_policy_comes_back_from_its_link(name: str) -> None:
    sandbox = {"sandbox": {"from": "2028-03", "risk_cut": 0.1}}
    made = policy(name, instruments=[*policy(name).instruments, sandbox])
    against = draft.usual_baseline(made)
    found = link.of_draft(made, against, grid=False)
    assert found is not None
    again = link.read({**found.query(), "view": "Build a policy"})
    assert again == found
    back = again.draft()
    assert back is not None
    assert draft.policy_text(back).scenario().hash() == draft.policy_text(made).scenario().hash()
    assert draft.policy_text(back).name == draft.policy_text(made).name
    assert draft.baseline_text(back, against) == draft.baseline_text(made, against)
    assert (again.settings, again.grid, again.cautions()) == (made.settings, False, [])


def test_a_link_is_plain_to_read() -> None:
    found = link.of_draft(policy(), "eu-diverse", grid=True)
    assert found is not None
    query = found.query()
    assert query["start"] == "eu-restrictive"
    assert query["assumptions"] == '{"choice.lambda":0.3}'
    assert "instruments" not in query, "those of the start are not repeated"
    assert query["econsim"] == econsim.__version__


def test_what_only_a_file_can_hold_has_no_link() -> None:
    text = "title: Dear\nextends: eu-restrictive\noptions: {open_own: {price: 999}}\n"
    assert link.of_draft(policy(start=scenario.loads(text, "dear")), "eu-diverse", True) is None
    text = "title: Other\nextends: eu-restrictive\nparameters: {benefit.ceiling: 0.2}\n"
    assert link.of_draft(policy(start=scenario.loads(text, "other")), "eu-diverse", True) is None


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"region": "Mars"}, "‘Mars’ is not one of EU27, US"),
        ({"start": "eu-restrictve"}, "did you mean 'eu-restrictive'"),
        ({"start": "us-restrictive"}, "is not about EU27"),
        ({"start": "../../etc/passwd"}, "start"),
        ({"strat": "eu-restrictive"}, "unknown ‘strat’; did you mean 'start'"),
        ({"rows": "-5"}, "rows"),
        ({"rows": "1e99"}, "rows"),
        ({"n": "many"}, "n: Input should be a valid integer"),
        ({"seed": "1; import os"}, "seed"),
        ({"instruments": "[{]"}, "instruments: not JSON"),
        ({"instruments": "[" * 3000}, "instruments: not JSON"),
        ({"start": "eu-diverse", "instruments": '[{"sandbx": {}}]'}, "did you mean 'sandbox'"),
        ({"start": "eu-diverse", "instruments": TOO_MUCH}, "less than or equal to 2"),
        ({"start": "eu-diverse", "assumptions": '{"choice.lambda": 7}'}, "outside 0.05 to 1"),
        ({"start": "eu-diverse", "assumptions": '{"choice.lamda": 0.5}'}, "choice.lambda"),
        ({"compare": ",".join(["eu-diverse"] * 7)}, "compare"),
        ({"firm": "DE.C.10-49"}, "such as DE.C.10-49.1"),
        ({"title": "x" * 9000}, "longer than 8,000 characters"),
        ({"econsim": "<script>"}, "econsim"),
    ],
)  # fmt: skip
def test_a_bad_link_says_what_is_wrong(query: dict[str, str], message: str) -> None:
    with pytest.raises(LinkError) as caught:
        link.read({"econsim": econsim.__version__, **query})
    assert message in str(caught.value)


def test_region_and_view_alone_are_no_link() -> None:
    assert link.read({"region": "US", "view": "Compare"}) is None


def test_an_older_version_and_changed_scenarios_are_told() -> None:
    old = Link(econsim="0.0.9", start="eu-restrictive")
    (caution,) = old.cautions()
    assert "made with econsim 0.0.9" in caution
    moved = Link(econsim=econsim.__version__, start="eu-restrictive", made=HASHES)
    assert "no longer exactly" in moved.cautions()[0]
    assert Link(econsim=econsim.__version__, start="eu-restrictive").cautions() == []


def opened(**query: str) -> AppTest:
    session = AppTest.from_file(ROOT / "app.py", default_timeout=60)
    for key, value in query.items():
        session.query_params[key] = value
    session.run()
    assert not session.exception
    return session


def test_the_page_opens_where_the_link_says() -> None:
    found = link.of_draft(policy("us-restrictive"), "us-diverse", grid=False)
    assert found is not None
    session = opened(**found.query(), view="Build a policy")
    assert not session.error
    assert session.number_input(key="rows").value == 2_000
    assert session.number_input(key="replicates").value == 3
    assert session.number_input(key="seed").value == 7
    assert session.checkbox(key="grid").value is False
    text = next(c.value for c in session.code if c.value.startswith("title:"))
    assert (
        scenario.loads(text, "again").hash() == draft.policy_text(found.draft()).scenario().hash()
    )
    shown = next(c.value for c in session.code if c.value.startswith("http"))
    assert f"title={found.title.split()[0]}" in shown, "and from the page comes a link again"


def test_a_bad_link_leaves_the_page_usable() -> None:
    bad = json.dumps([{"sandbox": {"from": "2027-01", "risk_cut": "${jndi:ldap://x}"}}])
    session = opened(start="eu-diverse", instruments=bad, view="Build a policy")
    (error,) = session.error
    assert error.value.startswith("The link is not accepted")
    assert session.button(key="apply")
    assert "instruments" not in session.query_params


def test_an_old_link_is_announced_on_the_page() -> None:
    session = opened(econsim="0.0.1", start="eu-restrictive", view="Build a policy")
    assert any("econsim 0.0.1" in w.value for w in session.warning)
