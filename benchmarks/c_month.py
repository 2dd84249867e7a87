"""A straightforward C kernel of the month's firm loop, built here and driven through ctypes.

``month.c`` is compiled with ``gcc -O3 -march=native -fopenmp`` into a temporary folder.  It does
the same as the engine, firm by firm, with the same addressed shocks, in the platform's own
arithmetic: choices agree with the engine's but for ties at the level of rounding.

``python benchmarks/c_month.py`` compares it with the engine.
"""

from __future__ import annotations

import argparse
import ctypes
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

import columns
import numpy as np
from columns import Competitor, StartingPoint, Terms, Totals

from econsim import scenario

SOURCE = Path(__file__).with_name("month.c")
FLAGS = ("-O3", "-march=native", "-fopenmp", "-std=c11", "-shared", "-fPIC")
COMPILER = "gcc"
# A thread that waits for the other sleeps. Beside other work on the machine this is several times
# as fast as letting it spin, and on quiet processors as fast. Read when the library is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

#: Columns in the order of the struct ``Firms`` of month.c.
FIRM_COLUMNS = tuple(f.name for f in fields(columns.Columns) if f.name != "start")
#: Fields of ``Totals`` of month.c beyond the stocks: events of a month.
EVENTS = ("new_scale", "moving", "vouchers", "leavers", "switchers", "evaluating")
#: Smallest accepted share of firms with the engine's choice.
SAME = 0.9999


def missing() -> str | None:
    """Why the kernel cannot be built, or None."""
    return None if shutil.which(COMPILER) else f"no {COMPILER} on this machine"


def compiler_version() -> str:
    """Version of the compiler."""
    if missing():
        return "not installed"
    shown = subprocess.run(
        [COMPILER, "-dumpfullversion"], capture_output=True, text=True, check=True
    )
    return shown.stdout.strip()


@functools.lru_cache(maxsize=4)
def _library(options: int) -> tuple[ctypes.CDLL, tempfile.TemporaryDirectory]:
    """The compiled kernel; its folder goes when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="econsim-month-")
    built = Path(folder.name) / "month.so"
    subprocess.run(
        [COMPILER, *FLAGS, f"-DOPTIONS={options}", str(SOURCE), "-o", str(built), "-lm"],
        check=True,
    )
    library = ctypes.CDLL(str(built))
    for name in ("size_of_rules", "size_of_terms", "size_of_totals"):
        getattr(library, name).restype = ctypes.c_size_t
    library.month.restype = None
    return library, folder


def _address(array: np.ndarray) -> int:
    """Where a contiguous array begins."""
    assert array.flags.c_contiguous
    return array.ctypes.data


class CMonth(Competitor):
    """The C kernel behind the verbs of all models.

    Args:
        described, rows, seed: as everywhere.
        threads: of OpenMP.
    """

    def __init__(self, described, rows: int, seed: int, threads: int = 1) -> None:
        super().__init__(described, rows, seed)
        self.threads = threads

    def begin(self, start: StartingPoint) -> None:
        """Copy the columns, lay out rules and totals as the structs of month.c."""
        assert self.path is not None
        self.cells, self.options = self.path.shape
        self.library, _ = _library(self.options)
        self.start = start.columns.start
        self.firms = {name: getattr(start.columns, name).copy() for name in FIRM_COLUMNS}
        self._firms = np.array([_address(a) for a in self.firms.values()], dtype=np.uintp)

        def wide(name: str, kind=np.float64):
            count = np.atleast_1d(getattr(start.rules, name)).size
            return (name, kind, (count,)) if count > 1 else (name, kind)

        layout = np.dtype(
            [
                *(
                    wide(name)
                    for name in (
                        "beta",
                        "dissimilarity",
                        "persistence",
                        "carry_over",
                        "set_up_annuity",
                        "move_per_person",
                    )
                ),
                *(
                    wide(name, np.uint64)
                    for name in ("redraw", "no_option", "stable_angle", "stable_weight", "options")
                ),
                wide("open_weights", np.int64),
                *(wide(name) for name in ("node_power", "added_power", "node_weight")),
            ]
        )
        self.rules = np.zeros(1, dtype=layout)
        for name in layout.names or ():
            self.rules[name] = getattr(start.rules, name)
        self.terms = np.zeros(
            self.cells,
            dtype=[
                *((name, np.float64) for name in (*columns.BY_CELL, "cumulative")),
                ("offer", np.float64, (self.options, len(columns.BY_CELL_AND_OPTION))),
            ],
        )
        groups = 2 * start.rules.tenure_classes
        by_option = (self.options,)
        self.sums = np.zeros(
            self.cells,
            dtype=[
                ("value", np.float64, (self.options, groups)),
                *((name, np.float64, by_option) for name in ("usage", "firms", "scale")),
                *((name, np.float64) for name in ("users", "considering", "hurdle", "surplus")),
                ("new_scale", np.float64, by_option),
                *((name, np.float64) for name in EVENTS[1:]),
            ],
        )
        for f in fields(Totals):
            self.sums[f.name] = getattr(start.totals, f.name)
        self.changes = np.zeros((self.threads, self.cells), dtype=self.sums.dtype)
        for array, size in (
            (self.rules, self.library.size_of_rules()),
            (self.terms, self.library.size_of_terms()),
            (self.sums, self.library.size_of_totals()),
        ):
            assert array.itemsize == size, "month.c and c_month.py disagree on a struct"

    def decide(self, terms: Terms) -> np.ndarray:
        """The firm loop of a month."""
        packed = self.terms
        for name in (*columns.BY_CELL, "cumulative"):
            packed[name] = getattr(terms, name)
        for number, name in enumerate(columns.BY_CELL_AND_OPTION):
            packed["offer"][:, :, number] = getattr(terms, name)
        for name in EVENTS:
            self.sums[name] = 0.0
        self.library.month(
            ctypes.c_int64(self.start[terms.turn]),
            ctypes.c_int64(self.start[terms.turn + 1]),
            ctypes.c_void_p(_address(self._firms)),
            ctypes.c_void_p(_address(self.rules)),
            ctypes.c_void_p(_address(packed)),
            ctypes.c_void_p(_address(self.sums)),
            ctypes.c_void_p(_address(self.changes)),
            ctypes.c_int64(self.cells),
            ctypes.c_double(terms.activity),
            ctypes.c_uint64(terms.occasion),
            ctypes.c_int(self.threads),
        )
        return self.sums["firms"].sum(axis=0)

    def option(self) -> np.ndarray:
        """Every firm's present option."""
        return self.firms["option"]

    def totals(self) -> Totals:
        """Sums by cell."""
        return Totals(**{f.name: self.sums[f.name].copy() for f in fields(Totals)})


def main() -> int:
    """Compare the kernel with the engine; 0 when they agree."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--scenario", default="eu-diverse")
    parser.add_argument("--firms", type=int, default=100_000)
    parser.add_argument("--start", type=int, default=60)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    if missing():
        print(f"skipped: {missing()}")
        return 0
    described = scenario.load(arguments.scenario)
    runs = (
        columns.EngineRun(described, arguments.firms, arguments.seed),
        CMonth(described, arguments.firms, arguments.seed, threads=arguments.threads),
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
