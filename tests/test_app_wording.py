"""What a policy changes, in words, for every shipped scenario."""

from __future__ import annotations

import pytest

from econsim import scenario
from econsim.app import draft, wording
from econsim.app.builder import FAMILIES
from econsim.policy import INSTRUMENTS

SHIPPED = [n for n in scenario.shipped() if n not in draft.INGREDIENTS]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_scenario_is_told_in_words(name: str) -> None:
    made = scenario.load(name)
    base = scenario.load(draft.BASELINES[made.region])
    found = wording.difference(made, base)
    assert bool(found) == (made.hash() != base.hash())
    for _, item in made.instruments:
        start = wording.name_of(wording.kind_of(item))
        assert any(line.startswith(f"**{start}**, from ") for line in found)
    text = " ".join(found)
    assert "_" not in text.replace("open_", "").replace("closed_", "") or "instead of" in text
    assert "{" not in text
    assert not wording.difference(made, made)


def test_words_say_direction_size_and_whom() -> None:
    text = (
        "title: x\nextends: eu-diverse\nparameters: {choice.lambda: 0.3}\ninstruments:\n"
        "  - {term: open.compliance_cost, add: 1_200, unit: EUR/firm/year, from: 2027-01,"
        " until: 2031-12, phase_in: 12, where: {size_class: [0-9, 10-49]}}\n"
        "  - {term: closed.price, scale: 0.7, unit: multiple, from: 2028-06}\n"
        "  - licensing: {from: 2029-01, score: 70, delay_open: 6, unit: EUR}\n"
    )
    assert wording.difference(scenario.loads(text, "x"), scenario.load("eu-diverse")) == [
        "**Change of a term**, from January 2027 to December 2031, phased in over 12 months, only "
        "for firms of 0-9, 10-49 persons: compliance cost of all open options: "
        "1,200 EUR/firm/year higher.",
        "**Change of a term**, from June 2028: price of a seat of all closed options: 30 % lower.",
        "**Licensing**, from January 2029, for models from 70 % on an MMLU-like test: licensing "
        "delay, open: 6 months higher.",
        "**Assumption: Users lost, not diverted (λ)** (choice.lambda): 0.3 instead of 0.5.",
    ]
    undone = wording.difference(scenario.load("eu-diverse"), scenario.load("eu-restrictive"))
    assert undone == ["**Without open release ban**, which eu-restrictive has from January 2027."]


def test_every_instrument_belongs_to_one_family() -> None:
    listed = [kind for kinds in FAMILIES.values() for kind in kinds]
    assert sorted(listed) == sorted([*INSTRUMENTS, "term"])
