"""The month's firm loop in polars, written for speed in polars' own style.

* One frame per evaluation month, and in it only firms that consider AI: a month touches only those
  of its turn.  Firms that do not consider yet wait in a frame of their own, from which the month
  takes those whose threshold has been reached; firms to which AI does not apply are in no frame.
* All arithmetic is expressions, the shocks included: SplitMix64 is unsigned 64-bit arithmetic,
  which wraps in polars, so the draws are the engine's, address by address.  Polars runs the
  expressions of a context, and the parts of its streaming engine, on its own threads.
* The month's offers come in by a join on the cell.
* Totals are kept by group: what the firms of a turn contribute is replaced once a year.

``python benchmarks/polars_month.py`` compares it with the engine.
"""

from __future__ import annotations

import argparse
import functools
import operator
import sys

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


def missing() -> str | None:
    """Why the competitor cannot run, or None."""
    return None if pl is not None else "polars is not installed (extra 'benchmarks')"


def _u64(number: int):
    return pl.lit(int(number) % _WRAP, dtype=pl.UInt64)


def _right(expression, bits: int):
    # A division by a power of two: polars has no shift, and divides by a constant quickly.
    return expression // _u64(2**bits)


def _mix(z):
    z = (z ^ _right(z, 30)) * _u64(0xBF58476D1CE4E5B9)
    z = (z ^ _right(z, 27)) * _u64(0x94D049BB133111EB)
    return z ^ _right(z, 31)


def _uniform(address: int, occasion):
    """A draw of the firm at an address: the expression of ``econsim.draws.uniform``."""
    counter = occasion * _u64(2**32 * _GAMMA) + _u64(int(address) * _GAMMA)
    drawn = _right(_mix(pl.col("key") + counter), 11).cast(pl.Float64)
    return pl.min_horizontal(drawn * 2.0**-53 + 2.0**-54, pl.lit(1.0 - 2.0**-53))


def _gumbel(uniform):
    return -((-(uniform.log())).log())


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
        self.active, self.waiting, self.parts = [], [], []
        for turn in range(12):
            here = slice(given.start[turn], given.start[turn + 1])
            part = frame[here]
            self.active.append(part.filter(pl.Series(considering[here])).drop("threshold"))
            left = ~considering[here] & applicable[here]
            self.waiting.append(part.filter(pl.Series(left)))
        self.rows_in_all = given.rows
        self.groups = 2 * start.rules.tenure_classes
        self.sums = Totals(**{n: v.copy() for n, v in vars(start.totals).items()})
        self.parts = [self._grouped(part) for part in self.active]
        self.events: dict[str, np.ndarray] = {}
        self.stages = self._stages()

    # --- expressions, made once -------------------------------------------------------------

    def _stages(self):
        """Contexts of the month: each may use what the ones before it have made."""
        rules, options = self.rules, range(self.options)
        col, index, beta = pl.col, rules.dissimilarity, rules.beta
        occasion = col("occasion")
        epoch = (
            pl.when(_uniform(rules.redraw, occasion) >= rules.persistence)
            .then(occasion)
            .otherwise(col("epoch"))
        )
        draws = {
            "angle": _uniform(rules.stable_angle, col("epoch")) * np.pi,
            "exponential": -(_uniform(rules.stable_weight, col("epoch")).log()),
            "no_option": _gumbel(_uniform(rules.no_option, col("epoch"))),
            "usage": col("persons") * col("depth"),
            "potential": col("value_added") * col("activity") * col("depth"),
            "move": rules.move_per_person * col("switching_multiple") * col("persons"),
            **{
                f"own_{k}": _gumbel(_uniform(rules.options[k], col("epoch"))) for k in options
            },
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
        usable = {
            k: col(f"value_{k}") > 0.5 * rules.never for k in options
        }
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
        odds = (col("top") + index * col("closed").log()).exp()
        reached = []
        for power, weight in zip(rules.node_power, rules.node_weight, strict=True):
            along = col("odds") * float(power)
            reached.append(float(weight) * (along / (1.0 + along)))
        added = []
        for power, weight in zip(rules.added_power, rules.node_weight, strict=True):
            own = col("open") * float(power)
            together = col("closed") + own
            use = 1.0 / (1.0 + (-(col("top") + index * together.log())).exp())
            added.append((float(weight) * (own / together * use)))
        # One context may hold many terms: polars runs them side by side.
        quadrature = {f"added_{n}": term for n, term in enumerate(added)}
        surplus = pl.when(col("closed") > 0.0).then(
            col("saving_closed") / col("closed") * col("reached")
        ).otherwise(0.0) + pl.when(col("open") > 0.0).then(
            col("saving_open") / col("open") * _sum([col(name) for name in quadrature])
        ).otherwise(0.0)
        real = col("weight") * columns.WEIGHT_UNIT

        def picked(prefix: str, otherwise: float = 0.0):
            found = pl.lit(otherwise)
            for k in options:
                found = (
                    pl.when(col("chosen") == k + 1).then(col(f"{prefix}_{k}")).otherwise(found)
                )
            return found

        same = _sum(
            [
                (col("chosen").is_in([k + 1 for k in members]))
                & (col("option").is_in([k + 1 for k in members]))
                for members in family
            ]
        ) if False else functools.reduce(
            operator.or_,
            [
                col("chosen").is_in([k + 1 for k in members])
                & col("option").is_in([k + 1 for k in members])
                for members in family
            ],
        )
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
            "new_hurdle": pl.when(uses).then((real * realised).round()).otherwise(0.0),
            "new_surplus": (real * surplus).round(),
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
            {"epoch": epoch},
            draws,
            {"common": common, **net},
            value,
            {**utility, "largest": largest},
            {"best": best, "top": pl.when(col("largest") > 0.5 * rules.never).then(col("largest")).otherwise(0.0)},
            {"chosen": chosen, **share},
            {**weights, **savings},
            {"odds": odds, **quadrature},
            {"reached": _sum(reached)},
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
        data["cell"] = np.arange(self.cells, dtype=np.int32)
        return pl.DataFrame(data)

    def _begin_to_consider(self, terms: Terms) -> None:
        """Move firms whose threshold has been reached from the waiting to the active."""
        turn = terms.turn
        waiting = self.waiting[turn]
        reached = (
            waiting.select(
                pl.lit(pl.Series(terms.cumulative)).gather(pl.col("cell")) >= pl.col("threshold")
            )
            .to_series()
        )
        begun = waiting.filter(reached)
        if begun.height:
            np.add.at(
                self.sums.considering, begun["cell"].to_numpy(), begun["weight"].to_numpy()
            )
            self.active[turn] = pl.concat([self.active[turn], begun.drop("threshold")])
            self.waiting[turn] = waiting.filter(~reached)

    def decide(self, terms: Terms) -> np.ndarray:
        """The firm loop of a month."""
        self._begin_to_consider(terms)
        turn = terms.turn
        plan = self.active[turn].lazy().join(self._offers(terms).lazy(), on="cell", how="left")
        plan = plan.with_columns(
            pl.lit(terms.occasion, dtype=pl.UInt64).alias("occasion"),
            pl.lit(terms.activity).alias("activity"),
        )
        for context in self.stages:
            plan = plan.with_columns(context)
        appraised = plan.select(
            "row",
            *TRAITS,
            *STATE,
            "chosen",
            *("new_tenure", "new_hurdle", "new_surplus", "started", "moved", "left"),
            *("change", "paid", "move_cost"),
        ).collect(engine=self.engine)
        self._settle(appraised)
        settled = appraised.select(
            "row",
            *TRAITS,
            option="chosen",
            tenure="new_tenure",
            epoch="epoch",
            hurdle_money="new_hurdle",
            surplus="new_surplus",
        )
        self.active[turn] = settled
        before, after = self.parts[turn], self._grouped(settled)
        self._add(before, -1.0)
        self._add(after, 1.0)
        self.parts[turn] = after
        return self.sums.firms.sum(axis=0)

    def _settle(self, appraised) -> None:
        """Totals by cell of what changed."""
        col = pl.col
        by_cell = appraised.group_by("cell").agg(
            hurdle=(col("new_hurdle") - col("hurdle_money")).sum(),
            surplus=(col("new_surplus") - col("surplus")).sum(),
            users=(col("weight") * col("change")).sum(),
            moving=(col("move_cost") * col("moved")).sum(),
            vouchers=(col("paid") * col("started")).sum(),
            leavers=(col("weight") * col("left")).sum(),
            switchers=(col("weight") * col("moved")).sum(),
            evaluating=(col("weight") * (col("option") > 0)).sum(),
        )
        cell = by_cell["cell"].to_numpy()
        for name in ("hurdle", "surplus", "users"):
            getattr(self.sums, name)[cell] += by_cell[name].to_numpy()
        self.events = {
            name: by_cell[name].to_numpy()
            for name in ("moving", "vouchers", "leavers", "switchers", "evaluating")
        }
        self.events["new_scale"] = (
            appraised.filter("started")
            .group_by("cell", "chosen")
            .agg(col("weight_scale").sum())
            .to_numpy()
        )

    def _grouped(self, frame):
        """Users' totals by cell, option, depth and experience."""
        return (
            frame.filter(pl.col("option") > 0)
            .group_by("cell", "option", "deep", "tenure")
            .agg(pl.col("weight_value", "weight_usage", "weight", "weight_scale").sum())
        )

    def _add(self, grouped, sign: float) -> None:
        """Add (or take away) what a turn's users contribute to the totals."""
        cell = grouped["cell"].to_numpy().astype(np.int64)
        k = grouped["option"].to_numpy().astype(np.int64) - 1
        tenures = self.rules.tenure_classes
        group = grouped["deep"].to_numpy().astype(np.int64) * tenures + grouped["tenure"].to_numpy()
        self.sums.value[cell, k, group] += sign * grouped["weight_value"].to_numpy()
        slot = cell * self.options + k
        size = self.cells * self.options
        for name, column in (
            ("usage", "weight_usage"),
            ("firms", "weight"),
            ("scale", "weight_scale"),
        ):
            change = np.bincount(slot, weights=grouped[column].to_numpy(), minlength=size)
            getattr(self.sums, name)[:] += sign * change.reshape(self.cells, self.options)

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
