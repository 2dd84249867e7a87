"""One source, two ways to run it: NumPy on whole arrays, or the same lines compiled.

Rules are elementwise functions; a *stage* (:func:`each`) applies one to buffers; a *kernel*
(:func:`kernel`) is a list of stages and of the few primitives below.  As written, kernels run in
NumPy on whole arrays.  :func:`twin` compiles the unchanged source with Numba, when it is
installed: stages become loops over short blocks, which the compiler vectorises, and the bits are
the same, because rules use nothing but the one arithmetic (:mod:`econsim.arithmetic`) and totals
are sums of whole numbers.

The primitives (gathering, compressing, posting) move numbers and add whole ones; they hold no
equation.  Each exists as an array version, here, and as a loop, in :func:`_loops`.

Compiled code is kept in a folder private to the user, named by the hash of all the sources it
was made of; without such a folder it is compiled anew in each process, and without Numba, or with
``ECONSIM_JIT=0``, everything runs in NumPy.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import logging
import os
import stat
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

import numpy as np

logger = logging.getLogger(__name__)

#: Firms that compiled stages work on at a time: their buffers stay in the processor's cache.
BLOCK = 512

#: Modules whose rules, stages and kernels are compiled, each after those it imports.
MODULES = (
    "econsim.arithmetic",
    "econsim.draws",
    "econsim.behaviour",
    "econsim.population",
    "econsim.evaluation",
    "econsim.aggregation",
)

#: Environment variables: ``0`` switches compilation off; where compiled code is kept.
SWITCH, FOLDER = "ECONSIM_JIT", "ECONSIM_CACHE"


class Stage:
    """A rule applied to buffers: ``stage(n, *outputs, *arguments)``.

    The first ``n`` entries of each output become the rule's values for the first ``n`` entries of
    each argument; arguments may also be single numbers.  Arguments named in ``tables`` are handed
    to the rule whole.
    """

    def __init__(self, rule: Callable[..., Any], outputs: int, tables: tuple[str, ...]) -> None:
        self.rule = rule
        self.outputs = outputs
        names = tuple(inspect.signature(rule).parameters)
        self.whole = tuple(name in tables for name in names)
        self.__doc__ = rule.__doc__
        self.__name__ = rule.__name__

    def __call__(self, n: int, *buffers: Any) -> None:
        """Run the rule in NumPy."""
        outputs, arguments = buffers[: self.outputs], buffers[self.outputs :]
        values = self.rule(
            *(
                a if whole or not isinstance(a, np.ndarray) or len(a) == n else a[:n]
                for a, whole in zip(arguments, self.whole, strict=True)
            )
        )
        for buffer, value in zip(outputs, values if self.outputs > 1 else (values,), strict=True):
            buffer[:n] = value


def each(outputs: int = 1, tables: tuple[str, ...] = ()) -> Callable[[Callable[..., Any]], Stage]:
    """Make a stage of a rule.

    Args:
        outputs: how many values the rule returns.
        tables: arguments that are tables, not one value per firm.
    """
    return lambda rule: Stage(rule, outputs, tables)


def steps(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a list of stages that kernels call."""
    function.__dict__["kind"] = "steps"
    return function


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a list of stages that Python calls: its compiled form is kept."""
    function.__dict__["kind"] = "kernel"
    return function


# --- Primitives: the array versions -------------------------------------------------------------


def number_rows(out, first, last):
    """Write the row numbers from ``first`` to below ``last``; return how many."""
    out[: last - first] = np.arange(first, last)
    return last - first


def gather(n, out, column, index):
    """``out[i] = column[index[i]]``."""
    out[:n] = column[index[:n]]


def scatter(n, column, index, values):
    """``column[index[i]] = values[i]``, each index once."""
    column[index[:n]] = values[:n]


def mark(n, column, index):
    """``column[index[i]] = 1``."""
    column[index[:n]] = 1


def compress(n, out, values, keep):
    """Copy the values to keep to the front of ``out``; return how many."""
    kept = values[:n][keep[:n] != 0]
    out[: len(kept)] = kept
    return len(kept)


def post(n, totals, index, amounts):
    """``totals[index[i]] += amounts[i]``: exact for whole numbers, whatever their order."""
    np.add.at(totals, index[:n], amounts[:n])


def weighted_sum(n, out, quantities, weights, kind, first):
    """``out[c] = sum over rows r of quantities[r, c] * weights[r, kind]``, from ``first`` on."""
    total = np.zeros(n)
    for row in range(len(quantities)):
        total += quantities[row, first : first + n] * weights[row][kind]
    out[first : first + n] = total


def post_rows(n, totals, index, amounts):
    """``totals[index[i], :] += amounts[i, :]``, in order; the totals are zero before."""
    for column in range(amounts.shape[1]):
        totals[:, column] += np.bincount(
            index[:n], weights=amounts[:n, column], minlength=len(totals)
        )


def pick(n, out, rows, number):
    """``out[i] = rows[number[i], i]``."""
    out[:n] = rows[number[:n], np.arange(n)]


def whole_sum(n, amounts):
    """Sum of whole numbers (or whether there is any: positive if one is)."""
    return float(amounts[:n].sum())


def same(n, a, b):
    """Whether the first ``n`` entries agree."""
    return bool((a[:n] == b[:n]).all())


def run_end(kinds, cells, first, last):
    """End of the rows from ``first`` whose cells are of one kind; arrays need no such runs."""
    return last


def kind_of(kinds, cells, n):
    """The kind of the first ``n`` cells: one number where a run has one, an array otherwise."""
    return kinds[cells[:n]]


def padded(n, index):
    """Round ``n`` up to what the processor takes at a time; arrays take any number."""
    return n


def cells_of(cells, ordinals, starts, first, last):
    """Cells and ordinals of the rows from ``first`` to below ``last``; returns how many.

    Row ``starts[c]`` is the first of cell ``c``.
    """
    rows = np.arange(first, last)
    found = np.searchsorted(starts, rows, side="right") - 1
    cells[: len(rows)] = found
    ordinals[: len(rows)] = (rows - starts[found]).astype(np.uint64)
    return len(rows)


def places_of(n, places, groups, turn):
    """The next place of each entry's group, in order; ``turn`` holds the groups' next places."""
    for group in range(len(turn)):
        found = np.flatnonzero(groups[:n] == group)
        places[found] = turn[group] + np.arange(len(found))
        turn[group] += len(found)


#: Compiled stages work on multiples of this many firms.
_WIDTH = 16


def _loops() -> dict[str, Callable[..., Any]]:
    """The primitives as loops, for compilation."""

    def number_rows(out, first, last):
        for i in range(last - first):
            out[i] = first + i
        return last - first

    def gather(n, out, column, index):
        for i in range(n):
            out[i] = column[index[i]]

    def scatter(n, column, index, values):
        for i in range(n):
            column[index[i]] = values[i]

    def mark(n, column, index):
        for i in range(n):
            column[index[i]] = 1

    def compress(n, out, values, keep):
        kept = 0
        for i in range(n):
            out[kept] = values[i]
            kept += keep[i] != 0
        return kept

    def post(n, totals, index, amounts):
        for i in range(n):
            totals[index[i]] += amounts[i]

    def weighted_sum(n, out, quantities, weights, kind, first):
        for i in range(first, first + n):
            out[i] = 0.0
        for row in range(quantities.shape[0]):
            weight = weights[row, kind]
            for i in range(first, first + n):
                out[i] += quantities[row, i] * weight

    def post_rows(n, totals, index, amounts):
        for i in range(n):
            for j in range(amounts.shape[1]):
                totals[index[i], j] += amounts[i, j]

    def pick(n, out, rows, number):
        for i in range(n):
            out[i] = rows[number[i], i]

    def whole_sum(n, amounts):
        total = 0.0
        for i in range(n):
            total += amounts[i]
        return total

    def same(n, a, b):
        different = 0
        for i in range(n):
            different += a[i] != b[i]
        return different == 0

    def run_end(kinds, cells, first, last):
        kind = kinds[cells[first]]
        end = first + 1
        while end < last and kinds[cells[end]] == kind:
            end += 1
        return end

    def kind_of(kinds, cells, n):
        return kinds[cells[0]]

    def cells_of(cells, ordinals, starts, first, last):
        low, high = 0, len(starts) - 1
        while high - low > 1:
            middle = (low + high) // 2
            if starts[middle] <= first:
                low = middle
            else:
                high = middle
        cell = low
        for i in range(last - first):
            while starts[cell + 1] <= first + i:
                cell += 1
            cells[i] = cell
            ordinals[i] = np.uint64(first + i - starts[cell])
        return last - first

    def places_of(n, places, groups, turn):
        for i in range(n):
            places[i] = turn[groups[i]]
            turn[groups[i]] += 1

    def padded(n, index):
        full = (n + _WIDTH - 1) // _WIDTH * _WIDTH
        for i in range(n, full):
            index[i] = index[0]
        return full

    return {name: value for name, value in locals().items() if isinstance(value, FunctionType)}


def select(condition, yes, no):
    """``numpy.where`` of single numbers, for compilation."""
    return yes if condition else no


def memory_available() -> float:
    """Bytes of memory that a run may still take: the machine's, or the container's if less."""
    import psutil

    there = float(psutil.virtual_memory().available)
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    with contextlib.suppress(OSError, ValueError):  # no such limit ("max"), or another system
        there = min(there, float(limit.read_text()) - float(used.read_text()))
    return there


# --- Compilation --------------------------------------------------------------------------------

_lock = threading.Lock()
#: The kernels compiled in this process: none or one.
_twins: list[SimpleNamespace] = []


def available() -> bool:
    """Whether kernels can be compiled here: Numba is installed and not switched off."""
    return os.environ.get(SWITCH, "1") != "0" and find_spec("numba") is not None


def digest() -> str:
    """Hash of all sources that compiled code is made of."""
    found = hashlib.sha256(Path(__file__).read_bytes())
    for name in MODULES:
        spec = find_spec(name)
        assert spec is not None and spec.origin is not None
        found.update(Path(spec.origin).read_bytes())
    return found.hexdigest()


def folder() -> Path | None:
    """The folder that keeps compiled code, or ``None`` where there is no safe, writable one.

    It is private to the user, because what lies in it is executed.
    """
    chosen = os.environ.get(FOLDER)
    if chosen:
        root = Path(chosen)
    elif sys.platform == "win32":
        root = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "econsim"
    elif sys.platform == "darwin":
        root = Path.home() / "Library/Caches/econsim"
    else:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "econsim"
    place = root / f"compiled-{digest()[:16]}"
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if hasattr(os, "getuid"):
            status = place.stat()
            if status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise PermissionError(f"{place} can be written by others")
        probe = place / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except (OSError, RuntimeError) as error:
        logger.info("compiled code is not kept: %s", error)
        return None
    return place


def is_warm() -> bool:
    """Whether compiled code is at hand: in this process, or kept from an earlier one."""
    if not available():
        return False
    if _twins:
        return True
    place = folder()
    return place is not None and any(place.rglob("*.nbi"))


def twin() -> SimpleNamespace | None:
    """All kernels of :data:`MODULES`, compiled, by name; ``None`` if there is no compiler.

    Compilation itself happens when a kernel is first called with new kinds of arguments.
    """
    if _twins and os.environ.get(SWITCH, "1") != "0":
        return _twins[0]
    if not available():
        return None
    with _lock:
        if not _twins:
            _twins.append(SimpleNamespace(**_compile()))
    return _twins[0]


def functions() -> dict[str, Any]:
    """Everything compiled, by name: rules, stages and kernels (tests look at single rules)."""
    with _lock:
        return _compile(callable_from_python=True)


def _compile(callable_from_python: bool = False) -> dict[str, Any]:
    import numba
    from numba.extending import overload

    options: dict[str, Any] = {"error_model": "numpy", "nogil": True}
    # What only compiled code calls needs no entry from Python or C, which take time to make.
    inner = options if callable_from_python else {
        **options, "no_cpython_wrapper": True, "no_cfunc_wrapper": True,
    }  # fmt: skip

    def at(buffer, i):
        """Entry ``i`` of an array, or a number itself."""

    @overload(at, jit_options={"forceinline": True})
    def _at(buffer, i):
        if isinstance(buffer, numba.types.Array):
            return lambda buffer, i: buffer[i]
        return lambda buffer, i: buffer

    def loop(stage: Stage, rule: Any) -> Any:
        """The stage as a compiled loop; the text is built here, the rule is compiled source."""
        outputs = [f"o{j}" for j in range(stage.outputs)]
        arguments = [f"a{j}" for j in range(len(stage.whole))]
        values = [
            name if whole else f"at({name}, i)"
            for name, whole in zip(arguments, stage.whole, strict=True)
        ]
        text = (
            f"def loop(n, {', '.join(outputs + arguments)}):\n"
            f"    for i in range(n):\n"
            f"        {', '.join(f'{o}[i]' for o in outputs)} = rule({', '.join(values)})\n"
        )
        namespace = {"rule": rule, "at": at}
        exec(text, namespace)
        return numba.njit(**inner)(namespace["loop"])

    # What a function of the sources is replaced by, wherever a module refers to it.
    known: dict[int, Any] = {id(np.where): numba.njit(**inner, forceinline=True)(select)}
    for name, primitive in _loops().items():
        known[id(globals()[name])] = numba.njit(**inner)(primitive)
    found: dict[str, Any] = {}
    place = folder()
    for module_name in MODULES:
        module = import_module(module_name)
        own = dict(vars(module))
        for name, value in vars(module).items():
            own[name] = known.get(id(value), value)
        for name, value in vars(module).items():
            rule = value.rule if isinstance(value, Stage) else value
            if not isinstance(rule, FunctionType) or rule.__module__ != module_name:
                continue
            copy = FunctionType(rule.__code__, own, rule.__name__, rule.__defaults__)
            if isinstance(value, Stage):
                compiled = loop(value, numba.njit(**inner, forceinline=True)(copy))
            elif rule.__dict__.get("kind") == "kernel":
                compiled = _kept(numba, copy, options, place)
            else:  # rules are put into the loops that call them, lists of stages are not
                inline = rule.__dict__.get("kind") != "steps"
                compiled = numba.njit(**inner, forceinline=inline)(copy)
            own[name] = found[name] = known[id(value)] = compiled
    return found


def _kept(numba: Any, copy: FunctionType, options: dict[str, Any], place: Path | None) -> Any:
    """A compiled kernel whose code is kept in ``place``."""
    if place is None:
        return numba.njit(**options)(copy)
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(place)
    try:
        return numba.njit(**options, cache=True)(copy)
    finally:
        numba.config.CACHE_DIR = before
