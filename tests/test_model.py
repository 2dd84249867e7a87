"""Mesa: the same numbers bit for bit, agents as views, decisions that can be changed."""

import gc
import weakref

import numpy as np
import pytest

from econsim import model as mesa_model
from econsim import scenario
from econsim.model import SME, EcosystemModel, ModelError

COLUMNS = ("option", "tenure", "epoch", "considering", "hurdle_money", "surplus")


def run(months: int, **settings: object) -> EcosystemModel:
    model = EcosystemModel("eu-restrictive", seed=7, **settings)  # type: ignore[arg-type]
    for _ in range(months):
        model.step()
    return model


@pytest.fixture(scope="module")
def vectorised() -> EcosystemModel:
    """Sixty months of two thousand firms, from before general-purpose AI until 2025."""
    return run(60, firms=2000)


@pytest.mark.parametrize("order", ["random", "ascending", "descending"])
def test_agents_and_columns_give_equal_bits(vectorised: EcosystemModel, order: str) -> None:
    one_by_one = run(60, firms=2000, activation="agents", order=order)
    for key, series in vectorised.economy.record.series.items():
        assert np.array_equal(series, one_by_one.economy.record.series[key]), key
    for name in COLUMNS:
        mine = getattr(vectorised.economy.firms, name)
        assert np.array_equal(mine, getattr(one_by_one.economy.firms, name)), name
    # The comparison means something: firms do use AI by then.
    assert (vectorised.economy.firms.option > 0).sum() > 50
    one_by_one.close()


def test_agents_see_their_row(vectorised: EcosystemModel) -> None:
    firms = vectorised.economy.firms
    cells = vectorised.economy.bound.cells
    row = int(np.flatnonzero(firms.option > 0)[0])
    view = vectorised.firm(row)
    assert view.persons == firms.persons[row]
    assert view.option == vectorised.economy.bound.options[firms.option[row] - 1]
    assert view.size_class == cells.size_classes[cells.size[firms.cell[row]]]
    assert view.considering and 0 <= view.evaluation_month < 12
    assert view.country in cells.countries and view.sector in cells.sectors


def test_agents_are_created_on_access() -> None:
    model = EcosystemModel("eu-diverse", firms=1000)
    assert not model._views
    agents = model.agents
    assert len(agents) == 1000 and hasattr(agents, "shuffle_do")
    assert sum(a.weight for a in agents) == pytest.approx(
        model.economy.bound.cells.firms.sum(), rel=1e-6
    )
    assert model.agents.select(lambda a: a.size_class == "250+").agg("persons", min) >= 250
    model.close()


def test_many_rows_never_become_agents_by_accident(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mesa_model, "AGENT_LIMIT", 1500)
    model = EcosystemModel("eu-diverse", firms=2000)
    with pytest.raises(ModelError, match="too many for agents"):
        _ = model.agents
    assert model.firm(3).persons >= 1.0
    with pytest.raises(ModelError, match="no row"):
        model.firm(2000)


def test_data_collector_collects_outcomes() -> None:
    model = EcosystemModel(
        "eu-diverse",
        firms=1000,
        model_reporters={"use": lambda m: m.outcome("use"), "gdp": lambda m: m.outcome("gdp")},
        agent_reporters={"option": "option"},
    )
    for _ in range(3):
        model.step()
    table = model.datacollector.get_model_vars_dataframe()
    assert list(table.columns) == ["use", "gdp"] and len(table) == 3
    assert table["use"].iloc[-1] == model.results().values("use")[0, -1]
    model.close()


class Cautious(SME):
    """Never uses AI."""

    def decide(self, choice: mesa_model.Choice) -> str | None:
        return None


class Deaf(SME):
    """Never considers AI."""

    def considers(self) -> bool:
        return False


class Loyal(SME):
    """Stays with its option while it can."""

    def decide(self, choice: mesa_model.Choice) -> str | None:
        return self.option if self.option in choice.utility else choice.best


@pytest.mark.parametrize("agent_class", [Cautious, Deaf])
def test_a_changed_decision_is_carried_out(agent_class: type[SME]) -> None:
    model = run(48, firms=1000, agent_class=agent_class)
    assert model.activation == "agents"
    assert model.outcome("general_use") == 0.0
    model.close()


def test_loyal_firms_switch_less() -> None:
    plain, loyal = run(72, firms=1000), run(72, firms=1000, agent_class=Loyal)

    def switched(model: EcosystemModel) -> float:
        return float(model.economy.record.series["switchers", "total"][60:72].sum())

    assert switched(loyal) < switched(plain)
    loyal.close()


def test_a_subclass_is_never_ignored() -> None:
    with pytest.raises(ModelError, match="would ignore"):
        EcosystemModel("eu-diverse", firms=1000, agent_class=Loyal, activation="vectorised")

    class Larger(SME):
        @property
        def persons(self) -> float:
            return 1e6

    with pytest.raises(ModelError, match="views on the firm columns"):
        EcosystemModel("eu-diverse", firms=1000, agent_class=Larger)
    with pytest.raises(ModelError, match="subclass of SME"):
        EcosystemModel("eu-diverse", firms=1000, agent_class=dict)  # type: ignore[arg-type]


def test_an_impossible_choice_is_refused() -> None:
    class Confused(SME):
        def decide(self, choice: mesa_model.Choice) -> str | None:
            return "telepathy"

    model = EcosystemModel("eu-diverse", firms=1000, agent_class=Confused)
    with pytest.raises(ModelError, match="not an option"):
        for _ in range(48):
            model.step()


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ModelError, match="activation"):
        EcosystemModel("eu-diverse", firms=1000, activation="parallel")
    with pytest.raises(ModelError, match="order"):
        EcosystemModel("eu-diverse", firms=1000, order="alphabetical")
    with pytest.raises(scenario.ScenarioError, match="did you mean 'eu-diverse'"):
        EcosystemModel("eu-divers", firms=1000)


def test_the_horizon_ends() -> None:
    short = scenario.loads(
        "title: short\nextends: eu-diverse\nrun: {horizon: [2021-01, 2021-12], firms: 1000}\n"
    )
    model = EcosystemModel(short)
    for _ in range(12):
        assert model.running
        model.step()
    assert not model.running
    with pytest.raises(ModelError, match="horizon ends in 2021-12"):
        model.step()


def test_a_closed_model_is_let_go() -> None:
    model = EcosystemModel("eu-diverse", firms=1000)
    assert len(model.agents) == 1000
    watch = weakref.ref(model)
    model.close()
    del model
    gc.collect()
    assert watch() is None
