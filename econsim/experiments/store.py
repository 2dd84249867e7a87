"""The run store: every finished run, once, with its birth certificate, whatever happens.

A store is a folder:

``study.json``
    the birth certificate: the study in canonical form, model source, data, versions, units;
``study.yaml``
    the study file as it was;
``points.csv``, ``plan.csv``
    the design matrix, and which variant each (arm, point) is;
``shards/*.jsonl``
    the runs: one JSON record a line, each with its checksum, only ever appended to.  Every worker
    of every session writes a shard of its own, and a line is on disk before the run counts as done;
``lock``
    held by the one process that drives the sweep.

A record that was being written when the machine stopped is the last line of its shard and has no
line end: it is reported and its run is made again.  Anything else that does not read back is
damage, and refused.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import socket
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import econsim
from econsim import data
from econsim.experiments import study as studies
from econsim.experiments.design import StudyError
from econsim.experiments.study import Kept, Plan, Study
from econsim.results import ResultsError
from econsim.scenario import differences

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1
_KEPT_BESIDE = ("study.yaml", "points.csv", "plan.csv")
#: Seconds that a new session waits for the workers of a killed one to be gone.
PATIENCE = 15.0


class StoreError(ResultsError):
    """A store that does not exist, is damaged, or does not belong to the study."""


@dataclass(frozen=True)
class Record:
    """One run that was made, or failed.

    Attributes:
        run: its identity.
        variant: identity of its effective scenario, without the seed.
        arm, point: where the variant first occurs in the study.
        replicate, seed: which luck.
        status: ``done`` or ``failed``.
        values: kept numbers in the order of the study's ``kept``; NaN where there is none.
        error: stage, message, traceback, command to reproduce (of a failed run).
        seconds: what it took.
        memory: largest memory of its process so far, bytes.
        worst_identity: largest relative error of the accounts' identities.
        made: when (Unix time), on which host, by which process.
    """

    run: str
    variant: str
    arm: str
    point: int
    replicate: int
    seed: int
    status: Literal["done", "failed"]
    values: tuple[float, ...] = ()
    error: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    memory: int = 0
    worst_identity: float = 0.0
    made: Mapping[str, Any] = field(default_factory=dict)

    def line(self, kept: Sequence[Kept]) -> bytes:
        """The record as a line of a shard, checksum last."""
        values = {
            k.key: (v if np.isfinite(v) else None) for k, v in zip(kept, self.values, strict=False)
        }
        body = json.dumps(
            {**vars(self), "values": values, "error": dict(self.error), "made": dict(self.made)},
            separators=(",", ":"), allow_nan=False,
        )[:-1]  # fmt: skip
        return f'{body},"check":"{zlib.crc32(body.encode()):08x}"}}\n'.encode()

    @classmethod
    def read(cls, line: bytes, kept: Sequence[Kept]) -> Record:
        """The record of a line without its end.

        Raises:
            ValueError: the checksum does not fit, or it is not a record.
        """
        body, mark, check = line.rpartition(b',"check":"')
        if not mark or check != f'{zlib.crc32(body):08x}"}}'.encode():
            raise ValueError("checksum does not fit")
        given = json.loads(body + b"}")
        known = given.pop("values")
        values = tuple(np.nan if known.get(k.key) is None else float(known[k.key]) for k in kept)
        return cls(**given, values=values if given["status"] == "done" else ())


def signature() -> dict[str, Any]:
    """When, where and by which process something is made."""
    return {"at": round(time.time(), 3), "host": socket.gethostname(), "process": os.getpid()}


@dataclass(frozen=True)
class Contents:
    """What a store holds at a moment.

    Attributes:
        done: run -> record of the runs made.
        failed: run -> latest record of the runs that failed and were not made since.
        torn: shards that end in a half-written record.
        repeated: runs that were made more than once.
    """

    done: Mapping[str, Record]
    failed: Mapping[str, Record]
    torn: tuple[str, ...]
    repeated: tuple[str, ...]

    def torn_words(self) -> str:
        """A sentence on half-written records, or nothing."""
        if not self.torn:
            return ""
        several = len(self.torn) > 1
        return (
            f"{len(self.torn)} shard{'s' if several else ''} end{'' if several else 's'} in a "
            f"half-written record ({', '.join(self.torn)}); the run is made again"
        )


# --- locks -----------------------------------------------------------------------------------


def _try_lock(descriptor: int) -> bool:
    """An exclusive lock that ends with the process, or False if another process has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            # A byte far behind the content, which stays readable.
            os.lseek(descriptor, 1 << 40, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


class Shard:
    """A file of records that one worker appends to; each append is on disk when it returns."""

    def __init__(self, path: Path, kept: Sequence[Kept]) -> None:
        self.path = path
        self._kept = tuple(kept)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        _try_lock(self._descriptor)
        _sync_folder(path.parent)
        self._size = 0

    def append(self, records: Sequence[Record]) -> None:
        """Write records durably, all or (on error) none.

        Raises:
            OSError: the machine said no; what was written before is untouched.
        """
        content = b"".join(r.line(self._kept) for r in records)
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(self._descriptor, left) :]
            os.fsync(self._descriptor)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise OSError(
                error.errno, f"{error.strerror}: a run could not be stored", str(self.path)
            ) from None
        self._size += len(content)

    def close(self) -> None:
        """Close the file; an empty one is removed."""
        os.close(self._descriptor)
        if self._size == 0:
            with contextlib.suppress(OSError):
                self.path.unlink()


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, text: str) -> None:
    """Replace a small file at once and durably."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(path.parent)


# --- the store -------------------------------------------------------------------------------


def certificate(plan: Plan) -> dict[str, Any]:
    """Birth certificate of a store: all that decides its numbers, with versions and units."""
    study = plan.study
    return {
        "schema_version": SCHEMA_VERSION,
        "name": study.name,
        "title": study.title,
        "question": study.question,
        "study": study.canonical(),
        "runs": plan.runs,
        "beside": str(study.beside or ""),
        "scenario_hashes": {name: s.hash() for name, s in study.arms.items()},
        "units": {k.key: study.unit(k) for k in study.kept},
        "model": studies.model_source(),
        "data": data.digest(),
        "made_with": {
            "econsim": econsim.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }


class Store:
    """A folder of runs of one study."""

    def __init__(self, folder: Path, plan: Plan, manifest: Mapping[str, Any]) -> None:
        self.folder = folder
        self.plan = plan
        self.manifest = manifest

    @property
    def study(self) -> Study:
        """The study whose runs these are."""
        return self.plan.study

    # --- opening

    @classmethod
    def exists(cls, folder: Path) -> bool:
        """Whether a folder holds a store."""
        return (folder / "study.json").is_file()

    @classmethod
    def create(cls, folder: Path, study: Study) -> Store:
        """A new, empty store; the folder must be new or empty.

        Raises:
            StoreError: the folder holds something else.
            OSError: the machine said no.
        """
        if folder.exists() and not _is_unfinished(folder):
            raise StoreError(f"'{folder}' exists and is not a run store")
        plan = studies.plan(study, SCHEMA_VERSION)
        (folder / "shards").mkdir(parents=True, exist_ok=True)
        store = cls(folder, plan, certificate(plan))
        # The certificate comes last: without it the folder is not a store.
        _write(folder / "study.yaml", study.text)
        _write(folder / "points.csv", study.points_csv())
        _write(folder / "plan.csv", plan.csv())
        _write(folder / "study.json", json.dumps(store.manifest, indent=1, sort_keys=True) + "\n")
        return store

    @classmethod
    def open(cls, folder: str | Path, study: Study | None = None) -> Store:
        """Open a store to read it, or, with its study, to go on with it.

        Args:
            folder: where it is.
            study: as described now; more replicates than the store has are added, any other
                change is refused.

        Raises:
            StoreError: not a store, damaged, from a newer version, or of another study (the
                message names the key).
        """
        folder = Path(folder)
        manifest = cls.read_manifest(folder)
        if study is None:
            return cls(folder, _own_plan(folder, manifest), manifest)
        plan = studies.plan(study, SCHEMA_VERSION)
        _check_same(folder, manifest, certificate(plan))
        return cls(folder, plan, manifest)

    def save_growth(self) -> None:
        """Write down that there are to be more replicates; call it with the lock held."""
        if self.study.replicates > self.manifest["study"]["run"]["replicates"]:
            self.manifest = certificate(self.plan)
            _write(self.folder / "study.yaml", self.study.text)
            text = json.dumps(self.manifest, indent=1, sort_keys=True) + "\n"
            _write(self.folder / "study.json", text)

    @staticmethod
    def read_manifest(folder: Path) -> dict[str, Any]:
        """The birth certificate of the store in a folder.

        Raises:
            StoreError: not a store, damaged, or from a newer version.
        """
        try:
            manifest = json.loads((folder / "study.json").read_text(encoding="utf-8"))
            version = int(manifest["schema_version"])
        except FileNotFoundError:
            raise StoreError(f"'{folder}' is not a run store: it has no study.json") from None
        except NotADirectoryError:
            raise StoreError(f"'{folder}' is not a run store") from None
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"'{folder}/study.json' is damaged: {error}") from None
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"'{folder}' was written by a newer version of econsim (store schema {version}; "
                f"this one reads {SCHEMA_VERSION})"
            )
        return dict(manifest)

    # --- writing

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the store: only one process drives a sweep; ends with the process, however it ends.

        Raises:
            OSError: another process has it.
        """
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            # `econsim status` holds the lock for a moment when it looks.
            for _ in range(20):
                if _try_lock(descriptor):
                    break
                time.sleep(0.05)
            else:
                who = (self.folder / "lock").read_text(encoding="utf-8").strip()
                raise BlockingIOError(
                    errno.EAGAIN, f"in use by {who or 'another process'}", str(self.folder)
                )
            mark = signature()
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, f"process {mark['process']} on {mark['host']}\n".encode())
            self._await_workers()
            yield
        finally:
            os.close(descriptor)

    def in_use(self) -> bool:
        """Whether some process is driving this store's sweep right now."""
        try:
            descriptor = os.open(self.folder / "lock", os.O_RDWR)
        except OSError:
            return False
        try:
            return not _try_lock(descriptor)
        finally:
            os.close(descriptor)

    def _await_workers(self) -> None:
        """Wait until the workers of an earlier, killed session no longer hold their shards."""
        deadline = time.monotonic() + PATIENCE
        for path in self.shards():
            while True:
                descriptor = os.open(path, os.O_RDWR)
                free = _try_lock(descriptor)
                os.close(descriptor)
                if free:
                    break
                if time.monotonic() > deadline:
                    raise BlockingIOError(
                        errno.EAGAIN, "a worker of an earlier session still writes here", str(path)
                    )
                time.sleep(0.05)

    def shard(self, worker: str) -> Shard:
        """A new shard for a worker of this session."""
        return new_shard(self.folder, self.study.kept, worker)

    # --- reading

    def shards(self) -> list[Path]:
        """The shards, oldest first."""
        return sorted((self.folder / "shards").glob("*.jsonl"))

    def contents(self) -> Contents:
        """All runs of the store, at this moment.

        Raises:
            StoreError: a shard is damaged; the message says which and what to do.
        """
        done: dict[str, Record] = {}
        failed: dict[str, Record] = {}
        torn: list[str] = []
        repeated: list[str] = []
        for path in self.shards():
            for record in read_shard(path, self.study.kept, torn):
                if record.status == "done":
                    if record.run in done:
                        repeated.append(record.run)
                    done[record.run] = record
                    continue
                before = failed.get(record.run)
                if before is None or record.made["at"] >= before.made["at"]:
                    failed[record.run] = record
        failed = {run: r for run, r in failed.items() if run not in done}
        return Contents(done, failed, tuple(torn), tuple(repeated))

    def query(self, sql: str) -> pd.DataFrame:
        """Ask the store in SQL (DuckDB), also while a sweep writes to it.

        Tables: ``runs`` (one row a record), ``kept`` (run, outcome, value), ``points`` (the design
        matrix), ``plan`` (arm, point, variant).

        Raises:
            StoreError: the query cannot be answered.
        """
        import duckdb

        # A half-written last line is left out here as everywhere.
        names = [str(p) for p in self.shards() if p.stat().st_size]
        columns = (
            "{run: 'VARCHAR', variant: 'VARCHAR', arm: 'VARCHAR', point: 'BIGINT', "
            "replicate: 'BIGINT', seed: 'BIGINT', status: 'VARCHAR', "
            "values: 'MAP(VARCHAR, DOUBLE)', error: 'MAP(VARCHAR, VARCHAR)', seconds: 'DOUBLE', "
            "memory: 'BIGINT', worst_identity: 'DOUBLE', "
            "made: 'STRUCT(\"at\" DOUBLE, host VARCHAR, process BIGINT)', \"check\": 'VARCHAR'}"
        )
        with duckdb.connect() as connection:
            if names:
                connection.execute(
                    "CREATE TABLE runs AS SELECT * FROM read_json(?, "
                    f"format = 'newline_delimited', ignore_errors = true, columns = {columns}) "
                    'WHERE run IS NOT NULL AND "check" IS NOT NULL',
                    [names],
                )
            else:
                connection.execute(
                    "CREATE TABLE runs (run VARCHAR, variant VARCHAR, arm VARCHAR, point BIGINT, "
                    "replicate BIGINT, seed BIGINT, status VARCHAR, values MAP(VARCHAR, DOUBLE))"
                )
            connection.execute(
                "CREATE VIEW kept AS SELECT run, arm, point, replicate, seed, variant, "
                'unnest(map_keys("values")) AS outcome, unnest(map_values("values")) AS value '
                "FROM runs WHERE status = 'done'"
            )
            for table in ("points", "plan"):
                connection.execute(
                    f"CREATE TABLE {table} AS SELECT * FROM read_csv(?, header = true)",
                    [str(self.folder / f"{table}.csv")],
                )
            connection.execute("SET enable_external_access = false")
            try:
                return connection.execute(sql).df()
            except duckdb.Error as error:
                raise StoreError(f"the query cannot be answered: {error}") from None

    def responses(self, kept: Kept, *, allow_incomplete: bool = False) -> Responses:
        """A kept number of every arm, point and replicate.

        Args:
            kept: which number.
            allow_incomplete: go on when runs are missing; they are NaN, and the result says so.

        Raises:
            StoreError: runs are missing, and that was not allowed.
        """
        contents = self.contents()
        study = self.study
        column = study.kept.index(kept)
        arms = list(study.arms)
        values = np.full((len(arms), len(study.points), study.replicates), np.nan)
        missing = 0
        by_variant = np.full((len(self.plan.variants), study.replicates), np.nan)
        for index, variant in enumerate(self.plan.variants):
            for replicate in range(study.replicates):
                record = contents.done.get(variant.run(study.replicate_seed(replicate)))
                if record is None:
                    missing += 1
                else:
                    by_variant[index, replicate] = record.values[column]
        for (arm, point), index in self.plan.places.items():
            values[arms.index(arm), point] = by_variant[index]
        total = self.plan.runs
        found = Responses(study, kept, values, total - missing, total)
        if missing and not allow_incomplete:
            raise StoreError(
                f"'{self.folder}' holds {found.completeness()} ({len(contents.failed)} failed): "
                "finish it (--resume, --retry-failed), or allow an incomplete study on purpose "
                "(--allow-incomplete)"
            )
        return found


@dataclass(frozen=True)
class Responses:
    """A kept number of every arm, point and replicate of a study.

    Attributes:
        study: whose.
        kept: which number.
        values: ``ndarray[arms, points, replicates]``, in the number's unit; NaN where a run is
            missing.
        made, total: runs made, and runs that there should be.
    """

    study: Study
    kept: Kept
    values: np.ndarray
    made: int
    total: int

    def completeness(self) -> str:
        """``485 of 500 runs``."""
        return f"{self.made:,} of {self.total:,} runs"

    def caution(self) -> str:
        """What every figure must say of an incomplete study, or nothing."""
        return "" if self.made == self.total else f"INCOMPLETE: {self.completeness()}. "

    def levels(self, arm: str) -> np.ndarray:
        """The number in an arm, ``ndarray[points, replicates]``."""
        return np.asarray(self.values[list(self.study.arms).index(arm)])

    def effects(self, arm: str, against: str | None = None) -> np.ndarray:
        """Arm minus another, paired, ``ndarray[points, replicates]``; levels with one arm.

        Args:
            arm: name.
            against: its reference (default: the baseline).
        """
        if len(self.study.arms) == 1 or self.kept.paired:
            return self.levels(arm)
        return self.levels(arm) - self.levels(against or self.study.baseline)

    def unit(self, difference: bool = True) -> str:
        """Unit of the number, or of its difference."""
        unit = self.study.unit(self.kept)
        if difference and unit.startswith("percent"):
            return "percentage points" + unit.removeprefix("percent")
        return unit


def _is_unfinished(folder: Path) -> bool:
    """Whether a folder is empty, or a store whose making was cut short."""
    if not folder.is_dir():
        return False
    names = {p.name for p in folder.iterdir() if not p.name.startswith(".study.")}
    shards = folder / "shards"
    return names <= {*_KEPT_BESIDE, "shards"} and not (shards.is_dir() and any(shards.iterdir()))


def new_shard(folder: Path, kept: Sequence[Kept], worker: str) -> Shard:
    """A shard that no other session or worker has used."""
    session = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    for number in range(10_000):
        path = folder / "shards" / f"{session}-{socket.gethostname()}-{worker}-{number}.jsonl"
        with contextlib.suppress(FileExistsError):
            return Shard(path, kept)
    raise StoreError(f"no free name for a shard in '{folder}'")


def read_shard(path: Path, kept: Sequence[Kept], torn: list[str]) -> Iterator[Record]:
    """The records of a shard; a half-written last one is named in ``torn``.

    Raises:
        StoreError: a record is damaged.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                # Being written just now, or torn by a crash.
                torn.append(path.name)
                return
            try:
                yield Record.read(line[:-1], kept)
            except (ValueError, KeyError, TypeError) as error:
                raise StoreError(
                    f"{path}:{number}: the record is damaged ({error}). Move this shard out of "
                    "the store and resume: its runs are made again, all others stay"
                ) from None


def _own_plan(folder: Path, manifest: Mapping[str, Any]) -> Plan:
    """The plan of a store from what it keeps itself, whatever has changed outside since."""
    try:
        texts = [(folder / n).read_text(encoding="utf-8") for n in _KEPT_BESIDE]
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"'{folder}' is damaged: {error}") from None
    beside = manifest.get("beside")
    name = str(manifest.get("name", folder.name))
    try:
        study = studies.loads(texts[0], name, Path(beside) if beside else None, texts[1])
        study = study.with_replicates(int(manifest["study"]["run"]["replicates"]))
        return Plan.read(study, texts[2])
    except (StudyError, KeyError, TypeError, ValueError) as error:
        raise StoreError(f"the store '{folder}' cannot be read: {error}") from None


def _check_same(folder: Path, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to mix runs of different studies, models or data, naming what differs."""
    for key, a, b in differences(then["study"], now["study"]):
        if key == "run.replicates":
            if b > a:
                continue
            raise StoreError(
                f"'{folder}' holds {a} replicates, the study asks for {b}: runs are never thrown "
                f"away; give --replicates {a} (or more), or use another --out"
            )
        if key == "points":
            continue  # told below, when nothing else explains it
        raise StoreError(
            f"the study has changed since '{folder}' was begun: {key} was {_short(a)} and is "
            f"{_short(b)}. Runs of both cannot be mixed: use another --out"
        )
    if then["study"]["points"] != now["study"]["points"]:
        raise StoreError(
            f"the design's points are not those of '{folder}': the sampling library or the "
            "ensemble's file has changed. Use another --out"
        )
    changed = sorted(
        k for k in {*then["model"], *now["model"]} if then["model"].get(k) != now["model"].get(k)
    )
    if changed:
        raise StoreError(
            f"the model has changed since '{folder}' was begun: {', '.join(changed)}.py. Its runs "
            "stay readable with the version that made them; use another --out for new ones"
        )
    if then["data"] != now["data"]:
        raise StoreError(f"the data tables have changed since '{folder}' was begun")


def _short(value: Any) -> str:
    text = "absent" if value is None else json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
