"""A surrogate for instant previews: a Gaussian process fitted to a study, honest about itself.

It is judged on points that it was not fitted to, carries that error and coverage with it, and
declines a point outside the ranges it was fitted on.  It previews; it never stands in for a run.
Saved as JSON (data and kernel settings); loading fits nothing and executes nothing.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from econsim import draws
from econsim import parameters as registry
from econsim.experiments import sensitivity
from econsim.experiments.design import DUMMY
from econsim.experiments.store import Responses
from econsim.results import ResultsError

SCHEMA_VERSION = 1
#: Level of the emulator's own interval, and folds in which points are held out.
LEVEL, FOLDS = 0.9, 5
#: More points than these are thinned: the fit is cubic in them.
MAXIMUM_POINTS = 1_000


class EmulatorError(ResultsError):
    """An emulator that cannot be fitted, read, or asked about this point."""


def _process(kernel: Any, optimise: bool = False) -> Any:
    from sklearn.gaussian_process import GaussianProcessRegressor

    return GaussianProcessRegressor(
        kernel, optimizer="fmin_l_bfgs_b" if optimise else None, normalize_y=False, random_state=1
    )


def _kernel(amplitude: float, lengths: np.ndarray, noise: float) -> Any:
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    return ConstantKernel(amplitude, (1e-3, 1e4)) * Matern(
        lengths, (0.05, 100.0), nu=2.5
    ) + WhiteKernel(noise, (1e-9, 1.0))


@dataclass(frozen=True)
class Emulator:
    """A fitted surrogate of an arm's effect on one outcome.

    Attributes:
        outcome, unit, arm, study: what it previews.
        names, low, high: factors and the ranges it was fitted on.
        points, values: ``ndarray[points, factors]`` scaled to 0..1, ``ndarray[points]`` scaled.
        centre, scale: of the values.
        amplitude, lengths, noise: of the kernel (Matern 5/2 with a length for each factor).
        error: held-out root mean square error, in the unit.
        explained: share of the variance explained on held-out points.
        coverage: share of held-out points in their 90 % interval.
    """

    outcome: str
    unit: str
    arm: str
    study: str
    names: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    points: np.ndarray
    values: np.ndarray
    centre: float
    scale: float
    amplitude: float
    lengths: np.ndarray
    noise: float
    error: float
    explained: float
    coverage: float

    def sentence(self) -> str:
        """How good it is, in a sentence."""
        return (
            f"Emulator of the effect of '{self.arm}' on {self.outcome} from {len(self.values)} "
            f"points of {len(self.names)} factors: on points held out it errs by {self.error:.3g} "
            f"{self.unit} (root mean square), explains {100 * self.explained:.0f} % of the "
            f"variance, and its {100 * LEVEL:.0f} % interval holds {100 * self.coverage:.0f} %."
        )

    def preview(self, point: Mapping[str, float]) -> tuple[float, float, float]:
        """Value at a point with its 90 % interval; factors not named stand in mid-range.

        Raises:
            EmulatorError: an unknown factor, or a point outside the ranges it was fitted on.
        """
        middle = {n: 0.5 * (a + b) for n, a, b in zip(self.names, self.low, self.high, strict=True)}
        for name, value in point.items():
            if name not in middle:
                raise EmulatorError(
                    f"the emulator knows no '{name}'{registry.nearest(name, self.names)}"
                )
            i = self.names.index(name)
            if not self.low[i] <= value <= self.high[i]:
                raise EmulatorError(
                    f"{name} = {value:g} is outside {self.low[i]:g} to {self.high[i]:g}, on which "
                    "the emulator was fitted: run the model there"
                )
        x = np.array([{**middle, **point}[n] for n in self.names])
        unit = ((x - self.low) / (self.high - self.low))[None, :]
        mean, spread = self._model().predict(unit, return_std=True)
        reach = _reach() * float(spread[0]) * self.scale
        value = self.centre + self.scale * float(mean[0])
        return value, value - reach, value + reach

    def _model(self) -> Any:
        model = _process(_kernel(self.amplitude, self.lengths, self.noise))
        return model.fit(self.points, self.values)

    def save(self, path: str | Path) -> None:
        """Write it as JSON.

        Raises:
            OSError: the machine said no.
        """
        body = {
            "schema_version": SCHEMA_VERSION,
            **{k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in vars(self).items()},
        }
        Path(path).write_text(json.dumps(body, allow_nan=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Emulator:
        """Read what :meth:`save` wrote.

        Raises:
            EmulatorError: not an emulator, damaged, or from a newer version.
        """
        try:
            body = json.loads(Path(path).read_text(encoding="utf-8"))
            if int(body.pop("schema_version")) > SCHEMA_VERSION:
                raise EmulatorError(f"'{path}' was written by a newer version of econsim")
            arrays = ("low", "high", "points", "values", "lengths")
            given: dict[str, Any] = {
                k: np.array(v, dtype=float) if k in arrays else v for k, v in body.items()
            }
            found = cls(**{**given, "names": tuple(given["names"])})
            if found.points.shape != (len(found.values), len(found.names)):
                raise ValueError("sizes do not fit")
        except FileNotFoundError:
            raise EmulatorError(f"no emulator '{path}'") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, EmulatorError):
                raise
            raise EmulatorError(f"'{path}' is not an emulator: {error}") from None
        return found


def _reach() -> float:
    """Standard deviations of the 90 % interval."""
    from scipy.special import ndtri

    return float(ndtri(0.5 + LEVEL / 2))


def fit(responses: Responses, arm: str) -> Emulator:
    """Fit the emulator of an arm's effect to a study's points.

    Raises:
        EmulatorError: too few points, no factors, or an effect that never varies.
    """
    names, samples, effects = sensitivity.independent(responses, arm)
    return fit_points(
        names, samples, effects, outcome=responses.kept.key, unit=responses.unit(), arm=arm,
        study=responses.study.name,
    )  # fmt: skip


def fit_points(
    names: list[str],
    samples: np.ndarray,
    effects: np.ndarray,
    *,
    outcome: str,
    unit: str,
    arm: str,
    study: str,
) -> Emulator:
    """Fit to points; :func:`fit` does so for a study.

    Args:
        names: factors; a dummy is left out.
        samples, effects: ``ndarray[points, factors]``, ``ndarray[points]``; NaN is left out.
        outcome, unit, arm, study: what it is.

    Raises:
        EmulatorError: as :func:`fit`.
    """
    keep = [i for i, n in enumerate(names) if n != DUMMY and np.ptp(samples[:, i]) > 0.0]
    known = np.isfinite(effects)
    x, y = samples[known][:, keep], effects[known]
    if len(y) > MAXIMUM_POINTS:
        pick = np.sort(np.argsort(draws.uniforms(1, "emulator thinning", len(y)))[:MAXIMUM_POINTS])
        x, y = x[pick], y[pick]
    if not keep or len(y) < max(4 * FOLDS, 4 * len(keep)):
        raise EmulatorError(
            f"{len(y)} points of {len(keep)} factors are too few: at least "
            f"{max(4 * FOLDS, 4 * len(keep))} are needed"
        )
    centre, scale = float(y.mean()), float(y.std())
    if not scale > 0.0:
        raise EmulatorError(f"the effect of '{arm}' on {outcome} never varies")
    low, high = x.min(axis=0), x.max(axis=0)
    inside, target = (x - low) / (high - low), (y - centre) / scale
    start = _kernel(1.0, np.full(len(keep), 1.0), 0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a length at its bound says that a factor does not matter
        kernel = _process(start, optimise=True).fit(inside, target).kernel_
    product, white = kernel.k1, kernel.k2
    amplitude = float(product.k1.constant_value)
    lengths = np.atleast_1d(product.k2.length_scale).astype(float)
    noise = float(white.noise_level)
    settled = _kernel(amplitude, lengths, noise)
    fold = np.argsort(draws.uniforms(1, "emulator folds", len(y))) % FOLDS
    mean, spread = np.empty(len(y)), np.empty(len(y))
    for number in range(FOLDS):
        out = fold == number
        model = _process(settled).fit(inside[~out], target[~out])
        mean[out], spread[out] = model.predict(inside[out], return_std=True)
    miss = mean - target
    return Emulator(
        outcome, unit, arm, study, tuple(names[i] for i in keep), low, high, inside, target,
        centre, scale, amplitude, lengths, noise,
        error=scale * math.sqrt(float((miss**2).mean())),
        explained=1.0 - float((miss**2).mean()) / float(target.var()),
        coverage=float((np.abs(miss) <= _reach() * spread).mean()),
    )  # fmt: skip
