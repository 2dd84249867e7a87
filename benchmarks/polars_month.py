"""The month's firm loop in polars, written for speed in polars' own style.

* One frame per evaluation month, and in it only firms that consider AI: a month touches only those
  of its turn.  Firms that do not consider yet wait in a frame of their own, from which the month
  takes those whose threshold has been reached; firms to which AI does not apply are in no frame.
* All arithmetic is expressions, the shocks included: SplitMix64 is unsigned 64-bit arithmetic,
  which wraps in polars, so the draws are the engine's, address by address.  Polars runs the
  expressions of a context, and the parts of its streaming engine, on its own threads.
* The month's offers come in by a gather on the cell (quicker than a join).
* Totals by cell are NumPy's ``bincount`` on the columns, which polars hands over uncopied: it was
  quicker than polars' own grouping.

``python benchmarks/polars_month.py`` compares it with the engine.
"""

from __future__ import annotations

import argparse
import functools
import operator
import sys
from typing import Any

import columns
import numpy as np
from columns import Competitor, StartingPoint, Terms, Totals

from econsim import scenario

try:
    import polars as pl
except ImportError:  # an optional extra
    pl = None

#: Smallest accepted share of firms with the engine's choice.
SAME = 0.9999

_WRAP = 2**64
_GAMMA = 0x9E3779B97F4A7C15
#: Columns of fixed traits, in the frame of every firm.
TRAITS = (
    "cell",
    "key",
    "persons",
    "value_added",
    "scale",
    "wedge",
    "hurdle",
    "depth",
    "deep",
    "narrow",
    "compliance",
    "weight",
    "weight_usage",
    "weight_value",
    "weight_scale",
)
STATE = ("option", "tenure", "epoch", "hurdle_money", "surplus")
#: What a month keeps of a firm's frame, and what it makes.
KEPT = ("row", *TRAITS, *STATE)
MADE = (
    "chosen",
    "new_tenure",
    "new_hurdle",
    "new_surplus",
    "started",
    "moved",
    "left",
    "change",
    "paid",
    "move_cost",
)


def missing() -> str | None:
    """Why the competitor cannot run, or None."""
    return None if pl is not None else "polars is not installed (extra 'benchmarks')"


def threads() -> int:
    """How many threads polars uses; ``POLARS_MAX_THREADS`` sets it."""
    return 0 if pl is None else pl.thread_pool_size()


def _u64(number: int):
    return pl.lit(int(number) % _WRAP, dtype=pl.UInt64)


def _right(expression, bits: int):
    # A division by a power of two: polars has no shift, and divides by a constant quickly.
    return expression // _u64(2**bits)


def _counters(draws: dict[str, tuple[int, str]]):
    """Contexts that make several addressed draws at once, as ``econsim.draws.uniform`` does.

    SplitMix64 uses every intermediate twice, so each gets a context of its own: as one expression
    it would be a tree of eight times the size.

    Args:
        draws: name -> (address, column that holds the occasion).
    """
    col = pl.col

    def states(step):
        return {name: step(name, *where) for name, where in draws.items()}

    def start(_, address, occasion):
        return (col(occasion) * _u64(2**32 * _GAMMA) + _u64(int(address) * _GAMMA)) + col("key")

    def finish(name, *_):
        mixed = _right(col(name) ^ _right(col(name), 31), 11).cast(pl.Float64)
        return (mixed * 2.0**-53 + 2.0**-54).clip(upper_bound=1.0 - 2.0**-53)

    return [
        states(start),
        states(lambda name, *_: (col(name) ^ _right(col(name), 30)) * _u64(0xBF58476D1CE4E5B9)),
        states(lambda name, *_: (col(name) ^ _right(col(name), 27)) * _u64(0x94D049BB133111EB)),
        states(finish),
    ]


def _gumbel(uniform):
    return -((-(uniform.log())).log())


def _whole_money(money):
    # A whole number of at most 24 binary digits, as the engine keeps money.
    return money.cast(pl.Float32).cast(pl.Float64).round()


def _sum(expressions):
    return functools.reduce(operator.add, expressions)


class PolarsMonth(Competitor):
    """The polars version behind the verbs of all models.

    Args:
        described, rows, seed: as everywhere.
        streaming: whether the month runs in polars' streaming engine.
    """

    def __init__(self, described, rows: int, seed: int, streaming: bool = False) -> None:
        super().__init__(described, rows, seed)
        self.engine = "streaming" if streaming else "in-memory"

    def begin(self, start: StartingPoint) -> None:
        """Frames by turn, totals by group."""
        assert self.path is not None
        self.cells, self.options = self.path.shape
        self.rules = start.rules
        given = start.columns
        frame = pl.DataFrame(
            {
                "row": np.arange(given.rows, dtype=np.uint32),
                **{name: getattr(given, name) for name in (*TRAITS, *STATE)},
                "threshold": given.threshold,
            }
        ).with_columns(pl.col("epoch").cast(pl.UInt64))
        considering, applicable = given.considering.astype(bool), given.applicable.astype(bool)
        self.active, self.waiting = [], []
        for turn in range(12):
            here = slice(given.start[turn], given.start[turn + 1])
            part = frame[here]
            self.active.append(part.filter(pl.Series(considering[here])).drop("threshold"))
            left = ~considering[here] & applicable[here]
            self.waiting.append(part.filter(pl.Series(left)))
        self.rows_in_all = given.rows
        self.sums = Totals(**{n: v.copy() for n, v in vars(start.totals).items()})
        self.events: dict[str, Any] = {}
        self.stages = self._stages()

    # --- expressions, made once -------------------------------------------------------------

    def _stages(self):
        """Contexts of the month: each may use what the ones before it have made."""
        rules, options = self.rules, range(self.options)
        col, index, beta = pl.col, rules.dissimilarity, rules.beta
        occasion = col("occasion")
        epoch = pl.when(col("redraw") >= rules.persistence).then(occasion).otherwise(col("epoch"))
        draws = {
            "angle": col("angle") * np.pi,
            "exponential": -(col("exponential").log()),
            "no_option": _gumbel(col("no_option")),
            "usage": col("persons") * col("depth"),
            "potential": col("value_added") * col("activity") * col("depth"),
            "move": rules.move_per_person * col("switching_multiple") * col("persons"),
            **{f"own_{k}": _gumbel(col(f"own_{k}")) for k in options},
            **{
                f"voucher_{k}": pl.min_horizontal(
                    col("voucher_rate")
                    * (col("scale") * col(f"set_up_cost_{k}") + col(f"hardware_cost_{k}")),
                    col("voucher_cap"),
                )
                for k in options
            },
        }
        common = (
            (
                (index * col("angle")).sin().log()
                - col("angle").sin().log() / index
                + (1.0 - index)
                / index
                * (((1.0 - index) * col("angle")).sin().log() - col("exponential").log())
            )
            if index < 1.0
            else pl.lit(0.0)
        )
        net = {}
        for k in options:
            relief = pl.when(col("option") == k + 1).then(0.0).otherwise(col(f"voucher_{k}"))
            up_front = pl.max_horizontal(
                col("scale") * col(f"set_up_annuity_{k}")
                + col(f"hardware_annuity_{k}")
                - rules.set_up_annuity * relief,
                pl.lit(0.0),
            )
            cost = (
                col("usage") * col(f"seat_cost_{k}")
                + col("wedge") * up_front
                + col(f"running_cost_{k}")
            )
            moving = (col("option") > 0) & (col("option") != k + 1)
            net[f"net_{k}"] = (
                col("potential") * col(f"benefit_rate_{k}")
                - cost
                - pl.when(moving).then(rules.set_up_annuity * col("move")).otherwise(0.0)
            )
        value = {
            f"value_{k}": pl.when(
                (col(f"net_{k}") > 0.0) & (col("compliance") < col(f"available_{k}"))
            )
            .then(beta * (col(f"net_{k}").log() - col("hurdle")) + col(f"taste_{k}"))
            .otherwise(rules.never)
            for k in options
        }
        utility = {
            f"utility_{k}": col(f"value_{k}") + index * (col(f"own_{k}") + col("common"))
            for k in options
        }
        best = pl.max_horizontal("no_option", *utility)
        largest = pl.max_horizontal(*value)
        # The first option with the largest utility; ties have no probability.
        chosen = pl.lit(0, dtype=pl.UInt8)
        for k in reversed(options):
            chosen = (
                pl.when(col(f"utility_{k}") == col("best"))
                .then(pl.lit(k + 1, dtype=pl.UInt8))
                .otherwise(chosen)
            )
        chosen = (
            pl.when(col("no_option") == col("best"))
            .then(pl.lit(0, dtype=pl.UInt8))
            .otherwise(chosen)
        )
        usable = {k: col(f"value_{k}") > 0.5 * rules.never for k in options}
        share = {
            f"share_{k}": pl.when(usable[k])
            .then(((col(f"value_{k}") - col("top")) / index).exp())
            .otherwise(0.0)
            for k in options
        }
        family = [[k for k in options if rules.open_weights[k] == is_open] for is_open in (0, 1)]
        weights = {
            name: _sum([col(f"share_{k}") for k in members] or [pl.lit(0.0)])
            for name, members in zip(("closed", "open"), family, strict=True)
        }
        savings = {
            f"saving_{name}": _sum(
                [col(f"share_{k}") * col(f"net_{k}") for k in members] or [pl.lit(0.0)]
            )
            for name, members in zip(("closed", "open"), family, strict=True)
        }
        # The integrands, with terms collected so that each node costs as few passes as can be:
        # A x / (1 + A x) = 1 / (1 + 1 / (A x)), and both open parts relative to the open sum.
        against = (-(col("top") + index * col("closed").log())).exp()
        reached = [
            float(weight) / (1.0 + col("against_closed") * (1.0 / float(power)))
            for power, weight in zip(rules.node_power, rules.node_weight, strict=True)
        ]
        added = []
        for power, weight in zip(rules.added_power, rules.node_weight, strict=True):
            together = col("relative") + float(power)
            use = col("against_open") * together.pow(-index) + 1.0
            added.append(float(weight * power) / (together * use))
        # A context of several expressions of like length keeps all of polars' threads busy.
        half = len(added) // 2
        quadrature = {
            "reached": _sum(reached),
            "added_low": _sum(added[:half]),
            "added_high": _sum(added[half:]),
        }
        surplus = pl.when(col("closed") > 0.0).then(
            col("saving_closed") / col("closed") * col("reached")
        ).otherwise(0.0) + pl.when(col("open") > 0.0).then(
            col("saving_open") / col("open") * (col("added_low") + col("added_high"))
        ).otherwise(0.0)
        real = col("weight") * columns.WEIGHT_UNIT

        def picked(prefix: str, otherwise: float = 0.0):
            found = pl.lit(otherwise)
            for k in options:
                found = pl.when(col("chosen") == k + 1).then(col(f"{prefix}_{k}")).otherwise(found)
            return found

        def is_open(name: str):
            return functools.reduce(operator.or_, [col(name) == k + 1 for k in family[1]])

        same = is_open("chosen") == is_open("option") if family[1] else pl.lit(True)
        grown = pl.min_horizontal(
            col("tenure").cast(pl.UInt8) + 1, pl.lit(rules.tenure_classes - 1, dtype=pl.UInt8)
        )
        moved = (rules.carry_over * grown.cast(pl.Float64)).floor().cast(pl.UInt8)
        tenure = (
            pl.when((col("chosen") == 0) | (col("option") == 0))
            .then(pl.lit(0, dtype=pl.UInt8))
            .when(same)
            .then(grown)
            .otherwise(moved)
        )
        uses, used = col("chosen") > 0, col("option") > 0
        realised = picked("net") * (-(col("best") - col("no_option")) / beta).exp()
        settled = {
            "new_tenure": tenure,
            "new_hurdle": pl.when(uses).then(_whole_money(real * realised)).otherwise(0.0),
            "new_surplus": _whole_money(real * surplus),
            "started": uses & (col("chosen") != col("option")),
            "moved": uses & used & (col("chosen") != col("option")),
            "left": used & ~uses,
            "change": pl.when(col("narrow") == 0)
            .then(uses.cast(pl.Float64) - used.cast(pl.Float64))
            .otherwise(0.0),
            "paid": (real * picked("voucher")).round(),
            "move_cost": (real * col("move")).round(),
        }
        contexts = [
            *_counters({"redraw": (rules.redraw, "occasion")}),
            {"epoch": epoch},
            *_counters(
                {
                    "angle": (rules.stable_angle, "epoch"),
                    "exponential": (rules.stable_weight, "epoch"),
                    "no_option": (rules.no_option, "epoch"),
                    **{f"own_{k}": (rules.options[k], "epoch") for k in options},
                }
            ),
            draws,
            {"common": common, **net},
            value,
            {**utility, "largest": largest},
            {
                "best": best,
                "top": pl.when(col("largest") > 0.5 * rules.never)
                .then(col("largest"))
                .otherwise(0.0),
            },
            {"chosen": chosen, **share},
            {**weights, **savings},
            {
                "against_closed": against,
                "against_open": (-(col("top") + index * col("open").log())).exp(),
                "relative": col("closed") / col("open"),
            },
            quadrature,
            settled,
        ]
        return [[e.alias(name) for name, e in context.items()] for context in contexts]

    # --- the month --------------------------------------------------------------------------

    def _offers(self, terms: Terms):
        """The month's offers as a frame, one row per cell."""
        data = {name: getattr(terms, name) for name in columns.BY_CELL}
        for name in columns.BY_CELL_AND_OPTION:
            by_option = getattr(terms, name)
            for k in range(self.options):
                data[f"{name}_{k}"] = np.ascontiguousarray(by_option[:, k])
        return pl.DataFrame(data)

    def _begin_to_consider(self, terms: Terms) -> None:
        """Move firms whose threshold has been reached from the waiting to the active."""
        turn = terms.turn
        waiting = self.waiting[turn]
        reached = waiting.select(
            pl.lit(pl.Series(terms.cumulative)).gather(pl.col("cell")) >= pl.col("threshold")
        ).to_series()
        begun = waiting.filter(reached)
        if begun.height:
            np.add.at(self.sums.considering, begun["cell"].to_numpy(), begun["weight"].to_numpy())
            self.active[turn] = pl.concat([self.active[turn], begun.drop("threshold")])
            self.waiting[turn] = waiting.filter(~reached)

    def decide(self, terms: Terms) -> np.ndarray:
        """The firm loop of a month."""
        self._begin_to_consider(terms)
        turn = terms.turn
        active = self.active[turn]
        plan = active.hstack(self._offers(terms)[active["cell"]]).lazy()
        plan = plan.with_columns(
            pl.lit(terms.occasion, dtype=pl.UInt64).alias("occasion"),
            pl.lit(terms.activity).alias("activity"),
        )
        for context in self.stages:
            plan = plan.with_columns(context)
        # The contexts are staged by hand; what the optimiser would find costs more than it saves.
        appraised = plan.select(*KEPT, *MADE).collect(
            engine=self.engine, optimizations=pl.QueryOptFlags.none()
        )
        self._settle(appraised)
        self.active[turn] = appraised.select(
            "row",
            *TRAITS,
            pl.col("chosen").alias("option"),
            pl.col("new_tenure").alias("tenure"),
            "epoch",
            pl.col("new_hurdle").alias("hurdle_money"),
            pl.col("new_surplus").alias("surplus"),
        )
        return self.sums.firms.sum(axis=0)

    def _settle(self, appraised) -> None:
        """Add what changed to the totals by cell: sums by group of polars' columns, uncopied."""
        sums, cells, options = self.sums, self.cells, self.options
        get = {name: appraised[name].to_numpy() for name in (*KEPT, *MADE)}
        cell, weight = get["cell"], get["weight"]

        def by_cell(values, chosen=slice(None)):
            return np.bincount(cell[chosen], weights=values[chosen], minlength=cells)

        sums.hurdle[:] += by_cell(get["new_hurdle"] - get["hurdle_money"])
        sums.surplus[:] += by_cell(get["new_surplus"] - get["surplus"])
        sums.users[:] += by_cell(weight * get["change"])
        before, after = get["option"], get["chosen"]
        tenures = self.rules.tenure_classes
        for option, tenure, sign in (
            (before, get["tenure"], -1.0),
            (after, get["new_tenure"], 1.0),
        ):
            uses = np.flatnonzero(option)
            slot = cell[uses].astype(np.int64) * options + (option[uses] - 1)
            group = slot * (2 * tenures) + get["deep"][uses] * tenures + tenure[uses]
            for total, column, where in (
                (sums.value, "weight_value", group),
                (sums.usage, "weight_usage", slot),
                (sums.firms, "weight", slot),
                (sums.scale, "weight_scale", slot),
            ):
                change = np.bincount(where, weights=get[column][uses], minlength=total.size)
                total[:] += sign * change.reshape(total.shape)
        started, moved = np.flatnonzero(get["started"]), np.flatnonzero(get["moved"])
        slot = cell[started].astype(np.int64) * options + (after[started] - 1)
        scale = np.bincount(slot, weights=get["weight_scale"][started], minlength=cells * options)
        self.events = {
            "new_scale": scale.reshape(cells, options),
            "vouchers": by_cell(get["paid"], started),
            "moving": by_cell(get["move_cost"], moved),
            "leavers": weight[get["left"]].sum(),
            "switchers": weight[moved].sum(),
            "evaluating": weight[before > 0].sum(),
        }

    def option(self) -> np.ndarray:
        """Every firm's present option."""
        result = np.zeros(self.rows_in_all, dtype=np.uint8)
        for frame in self.active:
            result[frame["row"].to_numpy()] = frame["option"].to_numpy()
        return result

    def totals(self) -> Totals:
        """Sums by cell."""
        return self.sums


def main() -> int:
    """Compare the polars version with the engine; 0 when they agree."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--scenario", default="eu-diverse")
    parser.add_argument("--firms", type=int, default=100_000)
    parser.add_argument("--start", type=int, default=60)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--streaming", action="store_true")
    arguments = parser.parse_args()
    if missing():
        print(f"skipped: {missing()}")
        return 0
    described = scenario.load(arguments.scenario)
    runs = (
        columns.EngineRun(described, arguments.firms, arguments.seed),
        PolarsMonth(described, arguments.firms, arguments.seed, arguments.streaming),
    )
    for run in runs:
        run.warm_up(arguments.start)
        for _ in range(arguments.months):
            run.step()
    found = columns.agreement(*runs)
    print(
        f"same choice: {100.0 * found['same']:.4f} % of firms; largest distance of an option's "
        f"share {found['use']:.2e}, of a total {found['totals']:.2e}"
    )
    return 0 if found["same"] >= SAME else 1


if __name__ == "__main__":
    sys.exit(main())
