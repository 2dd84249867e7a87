"""Two Mesa object models with the rules of econsim's engine, to compare the engine with.

Here a firm is a real ``mesa.Agent`` with Python attributes and scalar code, written as one would
write it in Mesa, and as fast as that style allows:

* :class:`EveryMonthModel` steps every firm every month; a firm looks whether it is its turn.
* :class:`DueOnlyModel` touches only the firms whose evaluation month it is.

Same choice rule as :mod:`econsim.behaviour` (considering threshold, five options, benefit, cost,
hurdle, nested-logit shocks that persist, experience) and same monthly totals (users by option,
value gain, hurdles, moves).  What is not the firm loop is shared with econsim: the population, its
traits and thresholds, the month's offers by cell and the spread of considering
(:class:`columns.Path`).  The luck is the agents' own.
The two implementations share no line of the choice rule, so agreement checks both; when the
engine's rules change on purpose, :class:`Firm` must follow.

The models do *less* than the engine: no ledger, no outcomes by sector, size and country and, unless
asked for, no firms' surplus; ratios of speed therefore err in their favour.

``python benchmarks/mesa_objects.py`` runs all of them and the engine, compares use rates, moves and
value gain, and fails when a use rate is more than 1.5 percentage points from the engine's.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import math
import sys
import time
from math import exp, log

import columns
import mesa
import numpy as np

from econsim import accounts, behaviour, engine, evaluation, scenario, setting
from econsim.setting import Offers, Setting

#: Largest accepted distance of a use rate from the engine's, percentage points.
TOLERANCE = 1.5

#: Added to ``random()``: keeps it off zero, and changes no other value it can take near one.
_TINY = 1e-17

_DEPTH_GROUPS = 2 * behaviour.TENURE_CLASSES


class Firm(mesa.Agent):
    """One firm: its traits, its luck, what it uses."""

    def __init__(
        self, model, turn, cell, group, persons, usage, potential, deep, scale, wedge, hurdle,
        applicable, threshold, compliance, weight, weight_value,
    ):  # fmt: skip
        super().__init__(model)
        self.turn = turn
        self.cell = cell
        self.group = group
        self.persons = persons
        self.usage = usage  # persons engaged times depth
        self.potential = potential  # value added times depth
        self.deep = deep
        self.scale = scale
        self.wedge = wedge
        self.hurdle = hurdle
        self.applicable = applicable
        self.threshold = threshold
        self.compliance = compliance
        self.weight = weight
        self.weight_value = weight_value
        self.considering = False
        self.option = 0
        self.tenure = 0
        self.no_option = 0.0
        self.shocks = None
        self.hurdle_money = 0.0
        self.surplus = 0.0

    def step(self):
        """Evaluate, if it is the firm's month."""
        model = self.model
        if self.turn == model.turn:
            self.evaluate()

    def draw(self):
        """New luck: a Gumbel shock for each option and for none, and the nest's shared factor."""
        model = self.model
        uniform, index = model.uniform, model.dissimilarity
        common = 0.0
        if index < 1.0:
            angle = math.pi * (uniform() + _TINY)
            weight = -log(uniform() + _TINY)
            common = (
                log(math.sin(index * angle))
                - log(math.sin(angle)) / index
                + (1.0 - index) / index * log(math.sin((1.0 - index) * angle) / weight)
            )
        self.no_option = -log(-log(uniform() + _TINY))
        self.shocks = [
            index * (common - log(-log(uniform() + _TINY))) for _ in range(model.options)
        ]

    def evaluate(self):
        """Begin to consider AI, appraise the options, choose, settle."""
        model = self.model
        if not self.considering:
            if not self.applicable or model.cumulative[self.cell] < self.threshold:
                return
            self.considering = True
            model.considering_rows += 1
            self.draw()
        elif model.uniform() >= model.persistence:
            self.draw()

        beta, shocks, before = model.beta, self.shocks, self.option
        usage, scale, wedge, hurdle = self.usage, self.scale, self.wedge, self.hurdle
        compliance = self.compliance
        potential = model.activity * self.potential
        voucher_rate, voucher_cap, switching_cost = model.terms_of_all[self.group]
        switching = switching_cost * self.persons if before else 0.0
        appraised = [] if model.surplus_counted else None
        tastes = model.tastes[self.cell]
        best, chosen, best_net = self.no_option, 0, 0.0
        k = -1
        for (
            benefit, seat, set_up, hardware, running, available, set_up_cost, hardware_cost,
        ) in model.terms[self.group]:  # fmt: skip
            k += 1
            if compliance >= available:
                continue
            up_front = scale * set_up + hardware
            if voucher_rate:
                relief = min(voucher_rate * (scale * set_up_cost + hardware_cost), voucher_cap)
                up_front = max(up_front - model.set_up_annuity * relief, 0.0)
            net = potential * benefit - (usage * seat + wedge * up_front + running)
            if switching and k + 1 != before:
                net -= switching
            if net > 0.0:
                value = beta * (log(net) - hurdle) + tastes[k]
                if appraised is not None:
                    appraised.append((value, net, model.open_weights[k]))
                value += shocks[k]
                if value > best:
                    best, chosen, best_net = value, k + 1, net

        self.settle(before, chosen)
        money = self.weight * best_net * exp((self.no_option - best) / beta) if chosen else 0.0
        model.hurdle_money += money - self.hurdle_money
        self.hurdle_money = money
        if appraised is not None:
            surplus = self.weight * self.expected_surplus(appraised)
            model.surplus += surplus - self.surplus
            self.surplus = surplus

    def settle(self, before, chosen):
        """Experience, moves and totals of a choice."""
        model, weight = self.model, self.weight
        if before:
            model.evaluating += weight
            value = model.value[self.group][before - 1]
            value[self.deep * behaviour.TENURE_CLASSES + self.tenure] -= self.weight_value
        if chosen:
            if not before:
                tenure = 0
            else:
                tenure = min(self.tenure + 1, behaviour.TENURE_CLASSES - 1)
                family = model.open_weights
                if family[chosen - 1] != family[before - 1]:
                    tenure = int(model.carry_over * tenure)
            value = model.value[self.group][chosen - 1]
            value[self.deep * behaviour.TENURE_CLASSES + tenure] += self.weight_value
            self.tenure = tenure
        else:
            self.tenure = 0
        if chosen != before:
            if before:
                model.users[before - 1] -= weight
                model.user_rows -= 1
                if chosen:
                    model.switchers += weight
                else:
                    model.leavers += weight
            if chosen:
                model.users[chosen - 1] += weight
                model.user_rows += 1
            self.option = chosen

    def expected_surplus(self, appraised):
        """Expected surplus a year of what was appraised, as ``evaluation.surplus``."""
        if not appraised:
            return 0.0
        model = self.model
        index = model.dissimilarity
        largest = max(appraised)[0]
        weight, saving = [0.0, 0.0], [0.0, 0.0]
        for value, net, is_open in appraised:
            share = exp((value - largest) / index)
            weight[is_open] += share
            saving[is_open] += share * net
        surplus = 0.0
        if weight[0]:
            odds = exp(largest + index * log(weight[0]))
            reached = 0.0
            for factor, part in model.quadrature:
                along = odds * factor
                reached += part * (along / (1.0 + along))
            surplus = saving[0] / weight[0] * reached
        if weight[1]:
            reached = 0.0
            for factor, part in model.added_quadrature:
                own = weight[1] * factor
                together = weight[0] + own
                use = 1.0 / (1.0 + exp(-(largest + index * log(together))))
                reached += part * own / together * use
            surplus += saving[1] / weight[1] * reached
        return surplus


class FirmModel(mesa.Model):
    """What both models share: the firms, the month's terms, the totals.

    Args:
        described: the scenario; instruments with a budget are refused.
        rows: number of firms.
        seed: run seed; the population is the engine's for this seed, the luck is not.
        surplus: whether firms' surplus is computed too, as the engine does.
    """

    def __init__(self, described, rows, seed, *, surplus=False):
        super().__init__(rng=int(seed))
        economy = columns.worlds([described], rows, seed).economies[0]
        bound, self.path = economy.bound, columns.Path(economy)
        self.bound: Setting = bound
        self.turn = 0
        values = bound.values
        self.beta = values["choice.beta"]
        self.dissimilarity = values["choice.lambda"]
        self.persistence = values["choice.persistence"]
        self.carry_over = values["learning.carry_over"]
        self.set_up_annuity = setting.set_up_annuity(values)
        self.switching_cost = (
            self.set_up_annuity
            * values["choice.switching_cost"]
            * values["economy.currency_per_eur"]
        )
        self.options = len(bound.options)
        self.open_weights = bound.open_weights.tolist()
        nodes, weights = behaviour.surplus_nodes(evaluation.NODES)
        self.quadrature, self.added_quadrature = (
            list(zip(behaviour.node_powers(nodes, p).tolist(), weights.tolist(), strict=True))
            for p in (self.beta, self.beta / self.dissimilarity)
        )
        self.learning = behaviour.learning_curve(values["learning.start"], values["learning.time"])
        self.surplus_counted = surplus
        self.uniform = self.random.random

        self.offered: Offers | None = None
        self.activity = 1.0
        self.cumulative: list[float] = []
        self.tastes: list[list[float]] = []  # by cell and option
        self.terms: list[list[list[float]]] = []  # by class of cells, option and term
        self.terms_of_all: list[list[float]] = []  # by class: voucher rate and cap, moving cost

        self.users = [0.0] * self.options
        self.user_rows = self.considering_rows = 0
        self.value = [
            [[0.0] * _DEPTH_GROUPS for _ in range(self.options)] for _ in bound.class_cell
        ]
        self.hurdle_money = self.surplus = 0.0
        self.leavers = self.switchers = self.evaluating = 0.0
        self.loop_seconds = 0.0  # spent letting firms evaluate
        self.history: list[dict[str, float]] = []

        firms = economy.firms
        Firm.create_agents(
            self,
            firms.rows,
            turn=np.repeat(np.arange(12), np.diff(firms.start)).tolist(),
            cell=firms.cell.tolist(),
            group=bound.benefit_class[firms.cell].tolist(),
            persons=firms.persons.tolist(),
            usage=(firms.persons * firms.depth).tolist(),
            potential=(firms.value_added * firms.depth).tolist(),
            deep=firms.deep.astype(int).tolist(),
            scale=firms.scale.tolist(),
            wedge=firms.wedge.tolist(),
            hurdle=firms.hurdle.tolist(),
            applicable=firms.applicable.tolist(),
            threshold=firms.threshold.tolist(),
            compliance=firms.compliance.tolist(),
            weight=(firms.weight * engine.WEIGHT_UNIT).tolist(),
            weight_value=firms.weight_value.tolist(),
        )
        self.due = self.agents.groupby("turn", result_type="list").groups

    def begin_month(self):
        """The month's offers and considering, by cell, as plain lists for scalar code."""
        path = self.path
        self.turn = path.period % 12
        self.offered = offered = path.offers()
        self.activity = float(offered.activity)
        self.cumulative = path.cumulative.tolist()
        self.tastes = path.tastes(offered).tolist()
        by_option = (
            offered.benefit_rate,
            offered.seat_cost,
            offered.set_up_annuity,
            offered.hardware_annuity,
            offered.running_cost,
            offered.available,
            offered.set_up_cost,
            offered.hardware_cost,
        )
        self.terms = np.stack(by_option, axis=-1).tolist()
        moving = self.switching_cost * offered.switching_multiple
        self.terms_of_all = np.stack(
            (offered.voucher_rate, offered.voucher_cap, moving), axis=-1
        ).tolist()
        self.leavers = self.switchers = self.evaluating = 0.0

    def activate_due(self):
        """Let the firms evaluate whose month it is; no other firm is touched."""
        for firm in self.due[self.turn]:
            firm.evaluate()

    def activate(self):
        """How the model activates its firms."""
        raise NotImplementedError

    def end_month(self):
        """Totals of the month, and the signal to suppliers."""
        offered = self.offered
        assert offered is not None
        self.history.append(
            {
                "user_rows": self.user_rows,
                "users": sum(self.users),
                "gain": value_gain(self.bound, offered, self.learning, np.array(self.value)),
                "hurdle": self.hurdle_money,
                "surplus": self.surplus,
                "leavers": self.leavers,
                "switchers": self.switchers,
                "evaluating": self.evaluating,
                **{
                    f"users:{name}": users
                    for name, users in zip(self.bound.options, self.users, strict=True)
                },
            }
        )
        self.path.end(np.array(self.users))

    def step(self):
        """One month."""
        self.begin_month()
        began = time.perf_counter()
        self.activate()
        self.loop_seconds += time.perf_counter() - began
        self.end_month()

    @property
    def rows(self):
        """Number of firms."""
        return len(self.agents)

    def release(self):
        """Let the model's memory go."""
        release(self)

    def warm_up(self, months):
        """Bring the model to a month quickly, touching due firms only (the result is the same)."""
        for _ in range(months):
            self.begin_month()
            self.activate_due()
            self.end_month()


class EveryMonthModel(FirmModel):
    """Every firm steps every month, in random order (or, ``shuffle=False``, in creation order).

    The order cannot matter here, as firms decide on last month's signals; shuffling is Mesa's
    habit, and costs what it costs.
    """

    def __init__(self, described, rows, seed, *, surplus=False, shuffle=True):
        super().__init__(described, rows, seed, surplus=surplus)
        self.shuffle = shuffle

    def activate(self):
        """Step all firms."""
        if self.shuffle:
            self.agents.shuffle_do("step")
        else:
            self.agents.do("step")


class DueOnlyModel(FirmModel):
    """Only the firms whose evaluation month it is are touched: the fastest plain Mesa model."""

    def activate(self):
        """Let due firms evaluate."""
        self.activate_due()


def value_gain(bound: Setting, offered: Offers, learning: np.ndarray, value: np.ndarray) -> float:
    """Output gained in a month, currency, from users' value added.

    Args:
        value: value added of users, ``[benefit classes, options, depth x experience]``.
    """
    depth = np.array([bound.values["benefit.light_depth"], 1.0])
    realised = (depth[:, None] * learning[None, :]).reshape(-1)
    per_value = accounts.gross_gain(
        offered.benefit_rate[:, :, None] * realised, bound.values["accounts.first_order"]
    )
    return float((value * per_value).sum() * offered.activity / 12.0)


def release(model: mesa.Model) -> None:
    """Forget a model: Mesa 3.3 keeps every model alive in a class attribute of its agents."""
    ids = getattr(mesa.Agent, "_ids", None)
    if ids is not None:
        ids.pop(model, None)
    model.remove_all_agents()
    model.due = {}


# --- agreement with the engine ------------------------------------------------------------------


def engine_history(described, rows: int, seed: int, months: int):
    """The same totals, month by month, from the engine; with its final state."""
    economy = columns.EngineRun(described, rows, seed).economy
    bound, totals = economy.bound, economy.totals
    classes = len(bound.class_cell)
    history = []
    for _ in range(months):
        economy.month()
        by_class = np.zeros((classes, *totals.value.shape[1:]))
        np.add.at(by_class, bound.benefit_class, totals.value)
        by_option = totals.firms.sum(axis=0) * engine.WEIGHT_UNIT
        assert economy.offered is not None
        history.append(
            {
                "user_rows": int((economy.firms.option > 0).sum()),
                "users": float(by_option.sum()),
                "gain": value_gain(bound, economy.offered, economy.learning, by_class),
                "hurdle": float(totals.hurdle.sum()),
                "surplus": float(totals.surplus.sum()),
                "leavers": totals.leavers * engine.WEIGHT_UNIT,
                "switchers": totals.switchers * engine.WEIGHT_UNIT,
                "evaluating": totals.evaluating * engine.WEIGHT_UNIT,
                **{f"users:{n}": float(by_option[k]) for k, n in enumerate(bound.options)},
            }
        )
    return economy, history


def figures(history, month: int, rows: int, enterprises: float) -> dict[str, float]:
    """Figures of a run at a month, in per cent; moves are those of the year that ends there."""
    now = history[month]
    year = history[max(month - 11, 0) : month + 1]
    evaluating = max(sum(h["evaluating"] for h in year), 1e-300)
    users = max(now["users"], 1e-300)
    return {
        "use, share of rows": 100.0 * now["user_rows"] / rows,
        "use, share of enterprises": 100.0 * now["users"] / enterprises,
        "leave, share of users a year": 100.0 * sum(h["leavers"] for h in year) / evaluating,
        "switch, share of users a year": 100.0 * sum(h["switchers"] for h in year) / evaluating,
        **{
            f"{k.split(':')[1]}, share of users": 100.0 * v / users
            for k, v in now.items()
            if k.startswith("users:")
        },
    }


def compare(
    described, rows: int, seed: int, months: int, checked: tuple[int, ...], stream=sys.stdout
) -> bool:
    """Run all models and the engine on one population; print both; say whether they agree.

    Two independent sets of shocks on the same firms differ by chance.  The standard error printed
    is that of a difference of two use rates with these weights, at most (traits and thresholds
    are shared, which makes the true one smaller).
    """
    economy, reference = engine_history(described, rows, seed, months)
    weight = economy.firms.weight * engine.WEIGHT_UNIT
    enterprises = float(weight.sum())
    effective = enterprises**2 / float((weight**2).sum())
    print(
        f"{rows:,} firms (as good as {effective:,.0f} equally weighted ones), {months} months, "
        f"seed {seed}, scenario {described.name}",
        file=stream,
    )
    agree = True
    variants = {
        "every month": lambda: EveryMonthModel(described, rows, seed),
        "due only": lambda: DueOnlyModel(described, rows, seed),
        "due only + surplus": lambda: DueOnlyModel(described, rows, seed, surplus=True),
    }
    histories = {}
    for name, build in variants.items():
        model = build()
        started = time.perf_counter()
        for _ in range(months):
            model.step()
        print(f"  {name}: {time.perf_counter() - started:.1f} s", file=stream)
        assert model.considering_rows == int(economy.firms.considering.sum())
        histories[name] = model.history
        release(model)
        del model
        gc.collect()
    header = f"{'':32}{'engine':>9}" + "".join(f"{n:>20}" for n in histories)
    for month in checked:
        label = f"{2021 + month // 12}-{month % 12 + 1:02d}"
        print(f"\n{label}\n{header}", file=stream)
        wanted = figures(reference, month, rows, enterprises)
        found = {n: figures(h, month, rows, enterprises) for n, h in histories.items()}
        for key, value in wanted.items():
            line = f"{key:32}{value:9.2f}" + "".join(f"{f[key]:20.2f}" for f in found.values())
            if key.startswith("use,"):
                share = value / 100.0
                count = rows if "rows" in key else effective
                error = 100.0 * math.sqrt(2.0 * share * (1.0 - share) / count)
                worst = max(abs(f[key] - value) for f in found.values())
                line += f"   worst {worst:.2f}, s.e. {error:.2f}"
                if worst > TOLERANCE:
                    line += f"  MORE THAN {TOLERANCE} POINTS"
                    agree = False
            print(line, file=stream)
        for key in ("gain", "hurdle", "surplus"):
            base = reference[month][key]
            line = f"{key + ', engine = 1':32}{1.0:9.2f}"
            for history in histories.values():
                value = history[month][key]
                line += f"{value / base:20.3f}" if base and value else f"{'-':>20}"
            print(line, file=stream)
    return agree


def main() -> int:
    """Compare the models with the engine; 0 when they agree."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--scenario", default="eu-diverse")
    parser.add_argument("--firms", type=int, default=50_000)
    parser.add_argument("--months", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    checked = tuple(sorted({m for m in (47, 71, arguments.months - 1) if m < arguments.months}))
    agree = compare(
        scenario.load(arguments.scenario),
        arguments.firms,
        arguments.seed,
        arguments.months,
        checked,
    )
    print(
        f"\n{'agree' if agree else 'DO NOT AGREE'}: use rates "
        f"{'all' if agree else 'not all'} within {TOLERANCE} percentage points of the engine's"
    )
    return 0 if agree else 1


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
