"""What matters: Sobol indices, Morris's elementary effects, and the value of knowing a number.

The indices are SALib's; what is added here is refusal.  Samples and responses must have the
structure of the design they claim, or nothing is computed.  Every design carries a *dummy* factor
that acts on nothing: an index not clear of the dummy's is noise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from econsim import draws
from econsim.experiments.design import DUMMY, Morris, Sobol, StudyError, problem
from econsim.experiments.store import Responses
from econsim.results import CONFIDENCE

#: Bootstrap resamples of every interval here.
RESAMPLES = 200
#: Coverage of the band whose shrinking tells the value of information.
BAND = 0.9


class SensitivityError(StudyError):
    """Samples or responses that do not fit the design."""


@dataclass(frozen=True)
class Index:
    """Importance of one factor, with half-widths of 95 % intervals.

    Attributes:
        factor: name.
        first, first_error: Sobol first-order index; for Morris the mean effect ``mu``, and NaN.
        total, total_error: Sobol total index; for Morris ``mu*``, mean absolute effect over the
            factor's whole range, in the response's unit.
        spread: for Morris the standard deviation ``sigma`` of the effects (interaction, curvature).
    """

    factor: str
    first: float
    first_error: float
    total: float
    total_error: float
    spread: float = math.nan


@dataclass(frozen=True)
class Sensitivity:
    """Indices of all factors, and how they settle as the sample grows.

    Attributes:
        method: ``sobol`` or ``morris``.
        samples: base samples (Sobol) or trajectories (Morris) used.
        dropped: base samples or trajectories left out because runs were missing.
        indices: of all factors, the most important first, the dummy among them.
        convergence: sample size -> indices from the first so many samples.
        variance: of the response over the sample.
    """

    method: str
    samples: int
    dropped: int
    indices: tuple[Index, ...]
    convergence: Mapping[int, tuple[Index, ...]]
    variance: float

    @property
    def noise(self) -> float:
        """What an index may be without acting on anything: the dummy's upper limit."""
        for index in self.indices:
            if index.factor == DUMMY:
                return max(0.0, index.total) + index.total_error
        return math.nan

    def clear(self) -> tuple[Index, ...]:
        """Factors whose lower limit is above the dummy's upper limit."""
        return tuple(
            i for i in self.indices if i.factor != DUMMY and i.total - i.total_error > self.noise
        )

    def settled(self) -> bool:
        """Whether indices are told to a tenth, and none moved by more when the sample last doubled.

        A tenth of the variance (Sobol), or a quarter of the largest effect (Morris).
        """
        largest = max((i.total for i in self.indices), default=0.0)
        fine = 0.1 if self.method == "sobol" else 0.25 * largest
        if any(i.total_error > fine for i in self.indices):
            return False
        sizes = sorted(self.convergence)
        if len(sizes) < 2:
            return False
        before = {i.factor: i for i in self.convergence[sizes[-2]]}
        return all(
            abs(i.total - before[i.factor].total) <= i.total_error + before[i.factor].total_error
            for i in self.indices
        )

    def sentence(self, words: str) -> str:
        """What matters most, in a sentence.

        Args:
            words: what the response is.
        """
        found = self.clear()
        unit = "samples" if self.method == "sobol" else "trajectories"
        tail = f"{self.samples} base {unit}; " + (
            "indices have settled" if self.settled() else "indices have not settled: enlarge it"
        )
        if not found:
            return f"No factor moves {words} clearly more than the dummy does ({tail})."
        if self.method == "sobol":
            shares = ", ".join(
                f"{i.factor} {100 * i.total:.0f} % (±{100 * i.total_error:.0f})" for i in found[:5]
            )
            return f"{words} varies mostly with: {shares} of its variance ({tail})."
        shares = ", ".join(f"{i.factor} {i.total:.3g} (±{i.total_error:.2g})" for i in found[:5])
        return f"{words} moves most with: {shares} over the factor's range ({tail})."


def _settings(names: Sequence[str]) -> dict[str, Any]:
    return {"num_vars": len(names), "names": list(names), "bounds": [[0.0, 1.0]] * len(names)}


def sobol(names: Sequence[str], samples: np.ndarray, response: np.ndarray) -> Sensitivity:
    """Sobol indices of a response on Saltelli's design.

    ``S_i = Var(E[y | x_i]) / Var(y)``, ``ST_i = 1 - Var(E[y | x_~i]) / Var(y)`` (Saltelli et al.
    2010, Jansen's estimator for ST), as SALib computes them.

    Args:
        names: factors, in the order of the columns.
        samples: ``ndarray[N * (factors + 2), factors]``.
        response: ``ndarray[N * (factors + 2)]``; base samples with NaN are left out.

    Raises:
        SensitivityError: samples and response are not those of such a design.
    """
    from SALib.analyze import sobol as analyse

    blocks = check_saltelli(samples, response)
    width = samples.shape[1] + 2
    values = response.reshape(blocks, width)
    whole = np.isfinite(values).all(axis=1)
    used = values[whole]
    if len(used) < 4:
        raise SensitivityError(f"only {len(used)} whole base samples: too few for an index")

    def analysed(part: np.ndarray) -> tuple[Index, ...]:
        flat = part.reshape(-1)
        if not np.ptp(flat) > 0.0:
            return tuple(Index(n, 0.0, 0.0, 0.0, 0.0) for n in names)
        found = analyse.analyze(
            _settings(names), flat, calc_second_order=False, num_resamples=RESAMPLES,
            conf_level=CONFIDENCE, print_to_console=False, seed=1,
        )  # fmt: skip
        return tuple(
            Index(n, *(float(found[k][i]) for k in ("S1", "S1_conf", "ST", "ST_conf")))
            for i, n in enumerate(names)
        )

    return _gather("sobol", used, len(values) - len(used), analysed)


def _gather(method: str, used: np.ndarray, dropped: int, analysed: Any) -> Sensitivity:
    sizes = [len(used)]
    while sizes[-1] // 2 >= 4 and len(sizes) < 5:
        sizes.append(sizes[-1] // 2)
    convergence = {size: analysed(used[:size]) for size in reversed(sizes)}
    indices = sorted(convergence[len(used)], key=lambda i: -i.total)
    return Sensitivity(method, len(used), dropped, tuple(indices), convergence, float(np.var(used)))


def check_saltelli(samples: np.ndarray, response: np.ndarray) -> int:
    """Number of base samples of Saltelli's design, if it is one.

    A block is a row of A, A with one column from B for each factor, and the row of B.

    Raises:
        SensitivityError: it is not.
    """
    rows, factors = samples.shape
    if response.shape != (rows,):
        raise SensitivityError(
            f"samples do not match the design: {rows:,} points, {response.size:,} responses"
        )
    if rows % (factors + 2):
        raise SensitivityError(
            f"samples do not match the design: {rows:,} points are no multiple of {factors} "
            "factors + 2"
        )
    blocks = samples.reshape(-1, factors + 2, factors)
    a, b = blocks[:, :1, :], blocks[:, -1:, :]
    mixed = blocks[:, 1:-1, :]
    own = np.eye(factors, dtype=bool)[None]
    if not (mixed == np.where(own, b, a)).all():
        raise SensitivityError(
            "samples do not match the design: a point is not the mix of its base samples that "
            "Saltelli's design has there (points reordered, edited, or of another design)"
        )
    return len(blocks)


def morris(
    names: Sequence[str], samples: np.ndarray, response: np.ndarray, levels: int
) -> Sensitivity:
    """Morris's elementary effects: ``mu``, ``mu*`` and ``sigma`` of each factor.

    Args:
        names: factors, in the order of the columns.
        samples: ``ndarray[trajectories * (factors + 1), factors]``.
        response: as many; trajectories with NaN are left out.
        levels: of the design.

    Raises:
        SensitivityError: samples and response are not those of such a design.
    """
    from SALib.analyze import morris as analyse

    rows, factors = samples.shape
    if response.shape != (rows,) or rows % (factors + 1):
        raise SensitivityError(
            f"samples do not match the design: {rows:,} points, {response.size:,} responses, "
            f"{factors} factors"
        )
    paths = samples.reshape(-1, factors + 1, factors)
    moved = (np.diff(paths, axis=1) != 0.0).sum(axis=2)
    each = (np.diff(paths, axis=1) != 0.0).sum(axis=1)
    if not ((moved == 1).all() and (each == 1).all()):
        raise SensitivityError(
            "samples do not match the design: a trajectory does not move one factor at a time"
        )
    low, high = samples.min(axis=0), samples.max(axis=0)
    # Effects are told over the whole range of a factor, whatever its unit.
    unit = (paths - low) / (high - low)
    values = response.reshape(len(paths), factors + 1)
    whole = np.isfinite(values).all(axis=1)
    if whole.sum() < 2:
        raise SensitivityError("fewer than two whole trajectories")
    unit, used = unit[whole], values[whole]

    def analysed(part: np.ndarray) -> tuple[Index, ...]:
        found = analyse.analyze(
            _settings(names), unit[: len(part)].reshape(-1, factors), part.reshape(-1),
            num_resamples=RESAMPLES, conf_level=CONFIDENCE, print_to_console=False,
            num_levels=levels, seed=1,
        )  # fmt: skip
        return tuple(
            Index(
                n, float(found["mu"][i]), math.nan, float(found["mu_star"][i]),
                float(found["mu_star_conf"][i]), float(found["sigma"][i]),
            )
            for i, n in enumerate(names)
        )  # fmt: skip

    return _gather("morris", used, int((~whole).sum()), analysed)


def of_responses(responses: Responses, arm: str) -> Sensitivity:
    """Sensitivity of an arm's effect (mean over replicates) to the study's uncertainties.

    Raises:
        SensitivityError: the study's design is neither Sobol nor Morris, has lever values besides,
            or its points are not those of its design.
    """
    study = responses.study
    design = study.designs[0] if study.designs else None
    if not isinstance(design, Sobol | Morris):
        raise SensitivityError(
            f"'{study.name}' has no sobol or morris design: indices need one (or use 'information')"
        )
    if study.levers:
        raise SensitivityError(f"'{study.name}' varies levers as well: indices are over one policy")
    samples = study.matrix()
    names = list(study.factors)
    count = design.samples if isinstance(design, Sobol) else design.trajectories
    width = len(names) + (2 if isinstance(design, Sobol) else 1)
    if names != problem(design.ranges)["names"] or len(samples) != count * width:
        raise SensitivityError(
            f"samples do not match the design: {len(samples):,} points of {len(names)} factors, "
            f"the design has {count * width:,}"
        )
    effects = responses.effects(arm).mean(axis=1)
    if isinstance(design, Sobol):
        return sobol(names, samples, effects)
    return morris(names, samples, effects, design.levels)


# --- value of information --------------------------------------------------------------------


@dataclass(frozen=True)
class Information:
    """What knowing one number would do to the band of the response.

    Attributes:
        factor: name.
        shrink: expected share by which the band narrows if the number were known, less what
            chance alone would show.
        low, high: 90 % bootstrap interval.
        width: expected width of the band then, in the response's unit.
        clear: whether it narrows the band more than any shuffle of its values does, and the
            interval holds no zero.
    """

    factor: str
    shrink: float
    low: float
    high: float
    width: float
    clear: bool


def information(
    names: Sequence[str], samples: np.ndarray, response: np.ndarray, seed: int = 1
) -> tuple[float, list[Information]]:
    """Which number, if known, would shrink the response's band most.

    The band is the range of the middle 90 % over the sample.  For each factor the sample is split
    into slices of its value; the mean width of the band within a slice is what would be expected if
    the number were known.  The same with shuffled values is what chance shows, and is taken off.

    Args:
        names: factors.
        samples: ``ndarray[points, factors]``, independent points.
        response: ``ndarray[points]``.
        seed: of shuffles and resamples.

    Returns:
        Width of the band now, and the factors, the most informative first.

    Raises:
        SensitivityError: too few points.
    """
    known = np.isfinite(response)
    x, y = samples[known], response[known]
    count = len(y)
    slices = int(np.clip(round(count ** (1 / 3)), 2, 12))
    if count < 20 * slices // 2 or count < 30:
        raise SensitivityError(f"{count} points are too few to tell the value of information")

    def width(values: np.ndarray) -> float:
        low, high = np.quantile(values, [(1 - BAND) / 2, (1 + BAND) / 2])
        return float(high - low)

    now = width(y)
    if not now > 0.0:
        return now, [Information(n, 0.0, 0.0, 0.0, now, False) for n in names if n != DUMMY]

    def within(column: np.ndarray, values: np.ndarray) -> float:
        order = np.argsort(column, kind="stable")
        parts = np.array_split(values[order], slices)
        return sum(width(p) * len(p) for p in parts) / len(values)

    def shuffled(values: np.ndarray, number: int) -> float:
        return within(draws.uniforms(seed, f"information shuffle {number}", count), values)

    shuffles = [shuffled(y, k) for k in range(60)]
    chance, luckiest = float(np.mean(shuffles)), min(shuffles)
    resampled = []
    for k in range(100):
        pick = (draws.uniforms(seed, f"information resample {k}", count) * count).astype(int)
        # Repeated points narrow every slice; the shuffle of the same points does so alike.
        resampled.append((pick, float(np.mean([shuffled(y[pick], 4 * k + j) for j in range(4)]))))
    found = []
    for number, name in enumerate(names):
        if name == DUMMY:
            continue
        column = x[:, number]
        inside = within(column, y)
        value = 1.0 - inside / chance
        again = [
            1.0 - within(column[pick], y[pick]) / alike for pick, alike in resampled if alike > 0.0
        ]
        low, high = np.quantile(again, [0.05, 0.95])
        found.append(
            Information(
                name,
                value,
                float(low),
                float(high),
                now * (1.0 - max(value, 0.0)),
                bool(low > 0.0 and inside < luckiest),
            )
        )
    return now, sorted(found, key=lambda i: -i.shrink)


@dataclass(frozen=True)
class Swing:
    """The response where one factor is low and where it is high, all others varying.

    Attributes:
        factor: name.
        low, high: mean response over the lowest and the highest fifth of the factor's values.
        at_low, at_high: mean value of the factor there.
        clear: whether the 95 % interval of the difference (normal) holds no zero.
    """

    factor: str
    low: float
    high: float
    at_low: float
    at_high: float
    clear: bool


def swings(names: Sequence[str], samples: np.ndarray, response: np.ndarray) -> list[Swing]:
    """What a tornado shows: the response at the two ends of each factor, the widest first.

    Args:
        names: factors; the dummy is left out.
        samples: ``ndarray[points, factors]``, independent points.
        response: ``ndarray[points]``; points with NaN are left out.

    Raises:
        SensitivityError: fewer than 10 points in a fifth.
    """
    known = np.isfinite(response)
    x, y = samples[known], response[known]
    fifth = len(y) // 5
    if fifth < 10:
        raise SensitivityError(f"{len(y)} points are too few: a fifth of them must be 10 or more")
    found = []
    for number, name in enumerate(names):
        if name == DUMMY:
            continue
        order = np.argsort(x[:, number], kind="stable")
        ends = [y[order[:fifth]], y[order[-fifth:]]]
        at_low, at_high = (float(x[p, number].mean()) for p in (order[:fifth], order[-fifth:]))
        low, high = (float(e.mean()) for e in ends)
        error = math.sqrt(sum(float(e.var(ddof=1)) / fifth for e in ends))
        found.append(Swing(name, low, high, at_low, at_high, abs(high - low) > 1.96 * error))
    return sorted(found, key=lambda s: -abs(s.high - s.low))


def independent(responses: Responses, arm: str) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Factors, points and effects of a study, of its independent points only.

    Of Saltelli's design those are the base samples A and B; of others all points.
    """
    study = responses.study
    samples, names = study.matrix(), list(study.factors)
    effects = responses.effects(arm).mean(axis=1)
    if study.designs and isinstance(study.designs[0], Sobol):
        width = len(names) + 2
        keep = np.zeros(len(samples), dtype=bool)
        keep[::width] = keep[width - 1 :: width] = True
        samples, effects = samples[keep], effects[keep]
    return names, samples, effects


def information_sentence(now: float, found: Sequence[Information], words: str, unit: str) -> str:
    """The value of information in a sentence."""
    clear = [i for i in found if i.clear]
    head = (
        f"The band of {words} (middle {100 * BAND:.0f} % over the study) is {now:.3g} {unit} wide"
    )
    if not clear:
        return f"{head}; knowing any one number would not clearly narrow it."
    best = clear[0]
    rest = ", ".join(f"{i.factor} {100 * i.shrink:.0f} %" for i in clear[1:4])
    return (
        f"{head}; knowing {best.factor} would narrow it most, by {100 * best.shrink:.0f} % "
        f"({100 * best.low:.0f} to {100 * best.high:.0f} %)" + (f"; then {rest}." if rest else ".")
    )
