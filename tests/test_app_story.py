"""One firm's story is the firm of the model, month by month, in both worlds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from econsim import scenario
from econsim.app import draft, stories, story
from econsim.app.story import Address, NoFirmError, Story, StoryOrder
from econsim.model import EcosystemModel

ROWS, SEED = 1_500, 3


def order(number: int = 1, size: str = "250+", rows: int = ROWS) -> StoryOrder:
    pair = (draft.shipped_text("us-diverse"), draft.shipped_text("us-restrictive"))
    return StoryOrder(*pair, Address("US", "C", size, number), rows=rows, seed=SEED)


@pytest.fixture(scope="module")
def told() -> Story:
    """The story of a firm that the policy moves."""
    first = order().perform()
    assert first.moved, "the policy moves no firm of this kind"
    return order(first.moved[0]).perform()


def test_the_firm_is_that_of_the_model(told: Story) -> None:
    for life in told.lives:
        model = EcosystemModel(scenario.load(life.scenario), firms=ROWS, seed=SEED * 1_000_003)
        row = int(story.alike(model.economy, told.address)[told.address.ordinal - 1])
        firm = model.firm(row)
        assert (firm.country, firm.sector, firm.size_class) == ("US", "C", "250+")
        assert firm.persons == told.persons
        for month, option in enumerate(life.options):
            model.step()
            assert firm.option == option, month
        assert firm.considering == (life.considers_from is not None)


def test_both_worlds_share_luck_until_the_policy_bites(told: Story) -> None:
    first, second = told.lives
    assert first.options[:72] == second.options[:72]
    assert first.options != second.options
    assert first.considers_from == second.considers_from
    early = [[e for e in life.evaluations if e.month < "2027-01"] for life in told.lives]
    assert early[0] == early[1]


def test_it_chooses_what_is_worth_most_to_it(told: Story) -> None:
    for life in told.lives:
        assert life.evaluations
        for e in life.evaluations:
            worth = {None: e.no_option, **e.utility}
            assert max(worth, key=lambda name: worth[name]) == e.chosen
            assert all(e.net_saving[name] > 0.0 for name in e.utility)
    banned = [e for e in told.lives[1].evaluations if e.month >= "2027-01"]
    assert not any("open" in name for e in banned for name in e.net_saving)


def test_words_and_chart_say_what_happens(told: Story) -> None:
    moves = [e for life in told.lives for e in life.evaluations if e.before != e.chosen]
    text = " ".join(stories.biography(life, told) for life in told.lives)
    assert text.count("moves to") + text.count("takes up") + text.count("stops using") == len(moves)
    assert "does otherwise under the policy" in stories.headline(told)
    assert str(told.address.ordinal) in stories.others(told)
    figure = stories.figure(told)
    assert figure.alt.endswith(stories.biography(told.lives[1], told))
    assert len({panel.reach for panel in figure.panels}) == 1
    assert figure.plotly(heading=False).data
    chosen = figure.data[figure.data["chosen"]]
    assert len(chosen) == sum(e.chosen is not None for life in told.lives for e in life.evaluations)
    table = stories.weighed(told.lives[1], told)
    assert "not available" in table[-1].values()


def test_a_firm_that_is_not_there_says_so() -> None:
    with pytest.raises(NoFirmError, match="there is only"):
        order(900).perform()
    with pytest.raises(NoFirmError, match="no firm"):
        replace(order(), address=Address("DE", "C", "250+")).perform()
