"""Tuning the classical filters by the paper's loss, each with the same care: a grid, then a simplex from its best.

One function is compiled for each family and window; its settings are traced. Positive settings are searched in their
logarithm; window lengths are tried one by one.
"""

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import minimize

from fhr_jax import filters
from fhr_jax.errors import InputError
from fhr_jax.filters import Gain, smoothers
from fhr_jax.losses import stabilization
from fhr_jax.stabilizer.fit.tracks import Videos

INFINITE = 1e30
"""Stands for a loss that is not finite, which a simplex could not compare."""

Smoother = Callable[[Float[Array, "t m d"]], Float[Array, "t m d"]]
"""Takes and returns a track."""


class BaselineFilter(NamedTuple):
    """A filter with settings to be tuned.

    Attributes:
        name: for tables.
        build: takes the settings as keywords, returns what smooths a track.
        ranges: lowest and highest value of each positive setting, and the points of the grid between them, evenly
            spaced in the logarithm. The simplex stays inside.
        choices: settings that are tried one by one, such as window lengths.
        causal: False for a reference that sees the whole track.
        compiled: False for what runs on the host.
    """

    name: str
    build: Callable[..., Smoother]
    ranges: Mapping[str, tuple[float, float, int]] = {}
    choices: tuple[Mapping[str, int], ...] = ({},)
    causal: bool = True
    compiled: bool = True


class Tuned(NamedTuple):
    """The best settings that were found.

    Attributes:
        settings: by name.
        loss: of the videos at these settings.
        evaluations: of the loss.
    """

    settings: dict[str, float | int]
    loss: float
    evaluations: int


def tune(
    family: BaselineFilter,
    videos: Videos,
    *,
    lambda1: float = 1.0,
    lambda2: float = 10.0,
    lambda3: float = 1.0,
    starts: int = 3,
    evaluations: int = 200,
) -> Tuned:
    """The settings of a family with the lowest stabilization loss on these videos.

    Args:
        family: what to tune, one of those below or your own.
        videos: pixels of the 256 crop, as everywhere where the paper's lambdas are meant.
        lambda1: weight of the smooth term.
        lambda2: weight of the delay.
        lambda3: see `stabilization`.
        starts: grid points from which a simplex goes on.
        evaluations: of the loss, at most, for each of them.
    """
    names = list(family.ranges)
    grids = [np.geomspace(low, high, points) for low, high, points in family.ranges.values()]
    bounds = [(np.log(low), np.log(high)) for low, high, _ in family.ranges.values()]
    number, coarse, losses = 0, [], []
    for choice in family.choices:
        losses.append(_loss(family, names, choice, videos, lambda1, lambda2, lambda3))
        for point in product(*grids):
            coarse.append((losses[-1](np.log(point)), len(losses) - 1, np.log(point)))
            number += 1
    coarse.sort(key=lambda entry: entry[0])
    if coarse[0][0] >= INFINITE:
        raise InputError(f"{family.name}: no setting of the grid has a finite loss, expected one in {family.ranges}")
    best = coarse[0]
    for _, which, start in coarse[:starts] if names else ():
        found = minimize(
            losses[which],
            start,
            method="Nelder-Mead",
            bounds=bounds,
            options={
                "initial_simplex": _simplex(start, grids, bounds),
                "maxfev": evaluations,
                "xatol": 1e-3,
                "fatol": 1e-4 * coarse[0][0],
            },
        )
        number += found.nfev
        best = min(best, (float(found.fun), which, found.x), key=lambda entry: entry[0])
    loss, which, point = best
    settings = dict(zip(names, np.exp(point).tolist(), strict=True)) | dict(family.choices[which])
    return Tuned(settings, float(loss), number)


def smooth(
    family: BaselineFilter, settings: Mapping[str, Gain | int], observed: Float[Array, "n t m d"]
) -> Float[Array, "n t m d"]:
    """The outputs of a family at these settings, for all tracks of `Videos.observed`."""
    one = family.build(**settings)
    if family.compiled:
        return jax.vmap(one)(observed)
    return jnp.asarray(np.stack([one(track) for track in np.asarray(observed)]), observed.dtype)


def _loss(
    family: BaselineFilter,
    names: list[str],
    choice: Mapping[str, int],
    videos: Videos,
    lambda1: float,
    lambda2: float,
    lambda3: float,
) -> Callable[[np.ndarray], float]:
    """The loss as a function of the logarithms of the settings; where it is not finite, a large number."""

    def judged(output: Array, videos: Videos) -> Array:
        return stabilization(
            output, videos.truth, lambda1=lambda1, lambda2=lambda2, lambda3=lambda3, mask=videos.mask
        ).total

    def whole(point: Array, videos: Videos) -> Array:
        settings: dict[str, Any] = {name: jnp.exp(point[i]) for i, name in enumerate(names)}
        return judged(smooth(family, settings | dict(choice), videos.observed), videos)

    compiled = jax.jit(whole) if family.compiled else whole

    def loss(point: np.ndarray) -> float:
        value = float(compiled(jnp.asarray(point, videos.observed.dtype), videos))
        return value if np.isfinite(value) else INFINITE

    return loss


def _simplex(start: np.ndarray, grids: list[np.ndarray], bounds: list[tuple[float, float]]) -> np.ndarray:
    """Edges of half a step of the grid, towards the inside."""
    edges = []
    for i, (grid, (low, high)) in enumerate(zip(grids, bounds, strict=True)):
        step = 0.5 * (high - low) / max(len(grid) - 1, 1)
        edges.append(np.eye(len(grids))[i] * (step if start[i] + step <= high else -step))
    return np.concatenate([start[None], start[None] + np.array(edges)])


def _causal(build: Callable[..., filters.Filter]) -> Callable[..., Smoother]:
    """A filter's settings to what filters a track."""

    def made(**settings: Any) -> Smoother:
        filter = build(**settings)
        return lambda track: filters.run(filter, track)

    return made


def _zero_phase(*, window: int, order: int) -> Smoother:
    def smoothed(track: Any) -> Any:
        missing = ~np.isfinite(track).all(axis=-1)
        return smoothers.zero_phase(smoothers.interpolate(track, missing), window=window, order=order)

    return smoothed


RAW = BaselineFilter("raw", _causal(lambda: filters.first_order(1.0)))
"""The track itself, held where it is missing: nothing to tune."""

MOVING_AVERAGE = BaselineFilter(
    "moving average", _causal(filters.moving_average), choices=tuple({"n": n} for n in range(1, 13))
)
FIRST_ORDER = BaselineFilter("first order", _causal(filters.first_order), {"a": (0.02, 1.0, 16)})
SECOND_ORDER = BaselineFilter(
    "second order", _causal(filters.second_order), {"a": (0.02, 1.0, 12), "c": (1e-3, 1.0, 12)}
)
CONSTANT_SPEED = BaselineFilter("constant speed", _causal(filters.constant_speed), {"a": (0.02, 1.0, 16)})
ONE_EURO = BaselineFilter(
    "One Euro",
    _causal(filters.one_euro),
    {"min_cutoff": (0.05, 30.0, 8), "beta": (1e-4, 3.0, 8), "d_cutoff": (0.1, 30.0, 5)},
)
ALPHA_BETA = BaselineFilter("alpha-beta", _causal(filters.alpha_beta), {"a": (0.02, 1.0, 12), "b": (1e-4, 2.0, 12)})
KALMAN = BaselineFilter(
    "Kalman",
    _causal(lambda q, speed: filters.kalman(q=q, r=1.0, speed=speed)),
    {"q": (1e-5, 10.0, 13), "speed": (1e-2, 1e3, 3)},
)
"""Only the ratios of its settings count, so the variance of an observation is 1."""

SAVGOL = BaselineFilter(
    "Savitzky-Golay",
    _causal(filters.savgol),
    choices=tuple({"n": n, "order": order} for order in (0, 1, 2, 3) for n in range(order + 1, 16)),
)
RTS = BaselineFilter(
    "RTS smoother",
    lambda q, speed: lambda track: smoothers.rts(track, q=q, r=1.0, speed=speed),
    {"q": (1e-5, 10.0, 13), "speed": (1e-2, 1e3, 3)},
    causal=False,
)
ZERO_PHASE = BaselineFilter(
    "zero-phase Savitzky-Golay",
    _zero_phase,
    choices=tuple({"window": n, "order": order} for order in (1, 2, 4) for n in range(order + 1 + order % 2, 26, 2)),
    causal=False,
    compiled=False,
)

BASELINES = (
    MOVING_AVERAGE,
    FIRST_ORDER,
    SECOND_ORDER,
    CONSTANT_SPEED,
    ONE_EURO,
    ALPHA_BETA,
    KALMAN,
    SAVGOL,
)
"""Every causal baseline."""

REFERENCES = (RTS, ZERO_PHASE)
"""What is not causal: the limit."""
