"""Tune the classical filters by the stabilization loss, all in the same way: a grid, then Nelder-Mead.

The loss is compiled once per filter and window length; the other settings are traced. Positive settings are searched in
the logarithm, window lengths are tried one by one. The search over one to three settings is SciPy's Nelder-Mead and not
`stabilizer.fit.nelder_mead`, which has no bounds: that one fits unconstrained vectors of a `Problem`.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fhr_jax import filters
from fhr_jax.errors import InputError
from fhr_jax.filters import Gain, smoothers
from fhr_jax.losses import PAPER_WEIGHTS, LossWeights, stabilization
from fhr_jax.stabilizer.fit.tracks import Videos

INFINITE = 1e30
"""Replaces a loss that is not finite, which the search could not compare."""

Smoother = Callable[[Float[Array, "t m d"]], Float[Array, "t m d"]]
"""Takes and returns a track (T, M, d)."""


class BaselineFilter(NamedTuple):
    """A filter with settings to tune.

    Attributes:
        name: for tables.
        build: takes the settings as keywords and returns a function that smooths a track.
        ranges: lowest value, highest value and number of grid points of each positive setting. The grid is evenly
            spaced in the logarithm, and the search stays within the range.
        choices: settings that are tried one by one, such as window lengths.
        causal: False for a reference that sees the whole track.
        compiled: False for a filter in NumPy.
    """

    name: str
    build: Callable[..., Smoother]
    ranges: Mapping[str, tuple[float, float, int]] = {}
    choices: tuple[Mapping[str, int], ...] = ({},)
    causal: bool = True
    compiled: bool = True


class TunedFilter(NamedTuple):
    """The best settings found.

    Attributes:
        settings: by name.
        loss: of the videos at these settings.
        evaluations: of the loss.
    """

    settings: dict[str, float | int]
    loss: float
    evaluations: int


def tune(
    baseline: BaselineFilter,
    videos: Videos,
    *,
    weights: LossWeights = PAPER_WEIGHTS,
    starts: int = 3,
    evaluations: int = 200,
) -> TunedFilter:
    """The settings of a filter with the lowest stabilization loss on these videos.

    Args:
        baseline: one of those below, or your own.
        videos: tracks (N, T, M, d) in pixels of the 256 crop, for which the weights of the loss are meant.
        weights: lambda_1, lambda_2 and lambda_3 of the loss.
        starts: number of best grid points from which the search continues.
        evaluations: of the loss at most, for each of them.

    Raises:
        InputError: no point of the grid has a finite loss.
    """
    return _search(baseline, lambda choice: _loss(baseline, choice, videos, weights), starts, evaluations)


def tune_for_all(
    baseline: BaselineFilter,
    sets: Sequence[Videos],
    *,
    weights: LossWeights = PAPER_WEIGHTS,
    starts: int = 3,
    evaluations: int = 200,
) -> TunedFilter:
    """The one setting of a filter with the lowest geometric mean of the losses of several sets of videos.

    Args:
        baseline: one of those below, or your own.
        sets: such as the tracks of one detector each; each (N, T, M, d) as in `tune`.
        weights: lambda_1, lambda_2 and lambda_3 of the loss.
        starts: number of best grid points from which the search continues.
        evaluations: of all losses at most, for each of them.

    Returns:
        The settings; their `loss` is the geometric mean.

    Raises:
        InputError: there is no set, or no point of the grid has a finite loss in all of them.
    """
    if not sets:
        raise InputError("sets: none, expected videos")

    def together(choice: Mapping[str, int]) -> Callable[[np.ndarray], float]:
        losses = [_loss(baseline, choice, videos, weights) for videos in sets]

        def mean(point: np.ndarray) -> float:
            found = [loss(point) for loss in losses]
            return INFINITE if max(found) >= INFINITE else float(np.exp(np.mean(np.log(found))))

        return mean

    return _search(baseline, together, starts, evaluations)


def coarser(baseline: BaselineFilter, *, points: int = 5) -> BaselineFilter:
    """The filter with at most so many grid points of each setting, where tuning is slow; the search refines them."""
    ranges = {name: (low, high, min(number, points)) for name, (low, high, number) in baseline.ranges.items()}
    return baseline._replace(ranges=ranges)


def smooth(
    baseline: BaselineFilter, settings: Mapping[str, Gain | int], observed: Float[Array, "n t m d"]
) -> Float[Array, "n t m d"]:
    """The outputs (N, T, M, d) of a filter with these settings.

    Args:
        baseline: the filter.
        settings: by name.
        observed: tracks (N, T, M, d) in any unit of length, NaN where a point is missing.
    """
    one = baseline.build(**settings)
    if baseline.compiled:
        return jax.vmap(one)(observed)
    return jnp.asarray(np.stack([one(track) for track in np.asarray(observed)]), observed.dtype)


def _search(
    baseline: BaselineFilter,
    loss_of: Callable[[Mapping[str, int]], Callable[[np.ndarray], float]],
    starts: int,
    evaluations: int,
) -> TunedFilter:
    """The best settings: a grid, then Nelder-Mead. `loss_of` makes the loss, of logarithms, from what is chosen."""
    from scipy.optimize import minimize

    names = list(baseline.ranges)
    grids = [np.geomspace(low, high, points) for low, high, points in baseline.ranges.values()]
    bounds = [(np.log(low), np.log(high)) for low, high, _ in baseline.ranges.values()]
    number, coarse, losses = 0, [], []
    for choice in baseline.choices:
        losses.append(loss_of(choice))
        for point in product(*grids):
            coarse.append((losses[-1](np.log(point)), len(losses) - 1, np.log(point)))
            number += 1
    coarse.sort(key=lambda entry: entry[0])
    if coarse[0][0] >= INFINITE:
        raise InputError(
            f"{baseline.name}: no setting of the grid has a finite loss, expected one in {baseline.ranges}"
        )
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
    settings = dict(zip(names, np.exp(point).tolist(), strict=True)) | dict(baseline.choices[which])
    return TunedFilter(settings, float(loss), number)


def _loss(
    baseline: BaselineFilter,
    choice: Mapping[str, int],
    videos: Videos,
    weights: LossWeights,
) -> Callable[[np.ndarray], float]:
    """The loss as a function of the logarithms of the settings; where it is not finite, a large number."""
    names = list(baseline.ranges)

    def at(point: Array, videos: Videos) -> Array:
        settings: dict[str, Any] = {name: jnp.exp(point[i]) for i, name in enumerate(names)}
        output = smooth(baseline, settings | dict(choice), videos.observed)
        return stabilization(output, videos.truth, weights=weights, mask=videos.mask).total

    compiled = jax.jit(at) if baseline.compiled else at

    def loss(point: np.ndarray) -> float:
        value = float(compiled(jnp.asarray(point, videos.observed.dtype), videos))
        return value if np.isfinite(value) else INFINITE

    return loss


def _simplex(start: np.ndarray, grids: list[np.ndarray], bounds: list[tuple[float, float]]) -> np.ndarray:
    """A simplex whose edges are half a step of the grid, directed into the range."""
    edges = []
    for i, (grid, (low, high)) in enumerate(zip(grids, bounds, strict=True)):
        step = 0.5 * (high - low) / max(len(grid) - 1, 1)
        edges.append(np.eye(len(grids))[i] * (step if start[i] + step <= high else -step))
    return np.concatenate([start[None], start[None] + np.array(edges)])


def causal(build: Callable[..., filters.Filter]) -> Callable[..., Smoother]:
    """The `build` of a causal filter, from the function that makes the filter from its settings."""

    def smoother(**settings: Any) -> Smoother:
        filter = build(**settings)
        return lambda track: filters.run(filter, track)

    return smoother


def _zero_phase(*, window: int, order: int) -> Smoother:
    def smoother(track: Any) -> Any:
        missing = ~np.isfinite(track).all(axis=-1)
        return smoothers.zero_phase(smoothers.interpolate(track, missing), window=window, order=order)

    return smoother


RAW = BaselineFilter("raw", causal(lambda: filters.first_order(1.0)))
"""The track itself, with the last value where it is missing; nothing to tune."""

MOVING_AVERAGE = BaselineFilter(
    "moving average", causal(filters.moving_average), choices=tuple({"n": n} for n in range(1, 13))
)
FIRST_ORDER = BaselineFilter("first order", causal(filters.first_order), {"a": (0.02, 1.0, 16)})
SECOND_ORDER = BaselineFilter(
    "second order", causal(filters.second_order), {"a": (0.02, 1.0, 12), "c": (1e-3, 1.0, 12)}
)
CONSTANT_SPEED = BaselineFilter("constant speed", causal(filters.constant_speed), {"a": (0.02, 1.0, 16)})
ONE_EURO = BaselineFilter(
    "One Euro",
    causal(filters.one_euro),
    {"min_cutoff": (0.05, 30.0, 8), "beta": (1e-4, 3.0, 8), "d_cutoff": (0.1, 30.0, 5)},
)
ALPHA_BETA = BaselineFilter("alpha-beta", causal(filters.alpha_beta), {"a": (0.02, 1.0, 12), "b": (1e-4, 2.0, 12)})
KALMAN = BaselineFilter(
    "Kalman",
    causal(lambda q, speed: filters.kalman(q=q, r=1.0, velocity_variance=speed)),
    {"q": (1e-5, 10.0, 13), "speed": (1e-2, 1e3, 3)},
)
"""Only the ratios of its settings matter, so the variance of an observation is 1."""

SAVGOL = BaselineFilter(
    "Savitzky-Golay",
    causal(filters.savgol),
    choices=tuple({"n": n, "order": order} for order in (0, 1, 2, 3) for n in range(order + 1, 16)),
)
RTS = BaselineFilter(
    "RTS smoother",
    lambda q, speed: lambda track: smoothers.rts(track, q=q, r=1.0, velocity_variance=speed),
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
"""References that see the whole track: not causal, so a limit for the others."""
