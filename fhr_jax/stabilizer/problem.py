"""What both fits minimize: the same compiled loss over padded, masked videos, from the same start."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float

from fhr_jax.errors import InputError
from fhr_jax.losses import stabilization
from fhr_jax.stabilizer.model import Covariance, run, run_complete
from fhr_jax.stabilizer.params import Free, Params, constrain, init_params, motion_basis, unconstrain


class Videos(NamedTuple):
    """Videos of one length, padded; pixels of the 256 crop, or of any track whose lambdas are meant.

    Attributes:
        observed: z, (N, T, M, d), NaN where a point is missing.
        truth: p, (N, T, M, d), NaN where it is not known.
        mask: (N, T), True where a frame is scored.
    """

    observed: Float[Array, "n t m d"]
    truth: Float[Array, "n t m d"]
    mask: Bool[Array, "n t"]


class History(NamedTuple):
    """How a fit went: one entry an iteration, the best loss so far.

    Attributes:
        seconds: since the start, without the compilation.
        evaluations: of the loss, with or without its gradient.
        loss: the lowest so far.
    """

    seconds: list[float]
    evaluations: list[int]
    loss: list[float]


class Fit(NamedTuple):
    """The result of a fit.

    Attributes:
        params: the best parameters that were seen.
        history: loss against seconds and evaluations; the first entry is the start.
        compile_seconds: what compiling took, before the clock of the history started.
    """

    params: Params
    history: History
    compile_seconds: float


def join_histories(parts: Sequence[History]) -> History:
    """One history of fits that followed each other, each starting where the last one ended."""
    joined = History([], [], [])
    for part in parts:
        seconds = joined.seconds[-1] if joined.seconds else 0.0
        evaluations = joined.evaluations[-1] if joined.evaluations else 0
        lowest = joined.loss[-1] if joined.loss else np.inf
        joined.seconds.extend(seconds + value for value in part.seconds)
        joined.evaluations.extend(evaluations + value for value in part.evaluations)
        joined.loss.extend(min(lowest, value) for value in part.loss)
    return joined


class Problem(NamedTuple):
    """The loss as a function of a flat vector in the unconstrained space.

    Attributes:
        start: (n,) where a fit begins.
        loss: (n,) -> loss of the problem's videos, compiled.
        loss_of: (n,), videos -> loss, to be compiled with whatever calls it.
        expand: (n,) -> Params.
    """

    start: Float[Array, " n"]
    loss: Callable[[Float[Array, " n"]], Float[Array, ""]]
    loss_of: Callable[[Float[Array, " n"], Videos], Float[Array, ""]]
    expand: Callable[[Float[Array, " n"]], Params]


Callback = Callable[[float, int, float], None]
"""Called after each iteration with seconds, evaluations and the lowest loss so far."""


def pad_videos(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> Videos:
    """Videos of any lengths, each a pair (observed, truth) of shape (T, M, d), padded to the longest."""
    if not pairs:
        raise InputError("videos: none, expected at least one pair of tracks")
    longest = max(len(z) for z, _ in pairs)
    shape = pairs[0][0].shape[1:]
    for i, (z, p) in enumerate(pairs):
        if z.shape != p.shape or z.ndim != 3 or len(z) == 0 or z.shape[1:] != shape:
            raise InputError(f"video {i}: shapes {z.shape} and {p.shape}, expected (T, {shape[0]}, {shape[1]}) twice")

    def pad(track: np.ndarray) -> np.ndarray:
        # The last frame again, not NaN: the padding comes after all that is scored and changes nothing.
        return np.concatenate([track, np.repeat(track[-1:], longest - len(track), axis=0)])

    observed, truth = (np.stack([pad(pair[i]) for pair in pairs]).astype(np.float32) for i in (0, 1))
    lengths = np.array([len(z) for z, _ in pairs])
    inside = np.arange(longest)[None] < lengths[:, None]
    return as_videos(observed, truth, inside)


def as_videos(
    observed: np.ndarray | Array, truth: np.ndarray | Array, mask: np.ndarray | Array | None = None
) -> Videos:
    """Videos (N, T, M, d) with the mask worked out: the truth is known and every point has been seen by then."""
    observed, truth = np.asarray(observed), np.asarray(truth)
    scored = np.isfinite(truth).all(axis=(-2, -1))
    scored &= np.isfinite(observed).all(axis=-1).cumsum(axis=1).all(axis=-1)
    if mask is not None:
        scored &= np.asarray(mask)
    return Videos(jnp.asarray(observed), jnp.asarray(truth), jnp.asarray(scored))


def without_bias(observed: Float[np.ndarray, "t m d"], truth: Float[np.ndarray, "t m d"]) -> np.ndarray:
    """The track less the constant part of its error, point by point: no filter can remove it.

    A detector that is off by some pixels throughout a video would drown the error that a filter does change, above
    all in the paper's start, where rho would be that of the bias.
    """
    error = observed - truth
    known = np.isfinite(error)
    mean = np.where(known, error, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return (observed - mean[None]).astype(observed.dtype)


def paper_start(videos: Videos, *, components: int = 2) -> Params:
    """The paper's start for these videos: rho, the mean variance of z - p, and the basis of the truth's motion."""
    error = np.asarray(videos.observed - videos.truth)
    known = np.isfinite(error) & np.asarray(videos.mask)[:, :, None, None]
    rho = float(np.mean(error[known] ** 2)) if known.any() else 1.0
    return init_params(max(rho, 1e-6), motion_basis(videos.truth, videos.mask), components=components)


def make_problem(
    start: Params,
    videos: Videos,
    *,
    tied: bool = False,
    covariance: Covariance = "diagonal",
    lambda1: float = 1.0,
    lambda2: float = 10.0,
    lambda3: float = 1.0,
) -> Problem:
    """The stabilization loss of the outputs of all videos, as a function of the unconstrained parameters.

    Args:
        start: where the fit begins; its basis, gate and units stay as they are.
        videos: from `pad_videos` or `as_videos`.
        tied: True moves each row of variances as a whole, keeping its shape: 7 numbers for two components instead
            of 4 + 3D, where a simplex can work.
        covariance: of the history, as in `run`.
        lambda1: weight of the smooth term.
        lambda2: weight of the delay.
        lambda3: see `stabilization`.
    """
    free = unconstrain(start)
    origin, unravel = ravel_pytree(free)
    directions = jnp.asarray(_tie(free)) if tied else None
    complete = start.tail is None and bool(jnp.isfinite(videos.observed).all())

    def expand(vector: Float[Array, " n"]) -> Params:
        full = vector if directions is None else origin + jnp.matmul(directions, vector, precision="highest")
        return constrain(unravel(full), start)

    def loss(vector: Float[Array, " n"], videos: Videos) -> Float[Array, ""]:
        params = expand(vector)

        def one(track: Float[Array, "t m d"]) -> Float[Array, "t m d"]:
            follow = run_complete if complete else run
            return follow(params, track, covariance=covariance)

        output = jax.vmap(one)(videos.observed)
        return stabilization(
            output, videos.truth, lambda1=lambda1, lambda2=lambda2, lambda3=lambda3, mask=videos.mask
        ).total

    # The videos are an argument, not a constant that the compiler would fold into the program.
    compiled = jax.jit(loss)
    zero = jnp.zeros(directions.shape[1], origin.dtype) if directions is not None else origin
    return Problem(zero, lambda vector: compiled(vector, videos), loss, expand)


def _tie(free: Free) -> np.ndarray:
    """0/1 matrix from the tied numbers to all: one column a scalar, one a row of variances."""
    sizes = []
    for name, leaf in free._asdict().items():
        if name == "noise":
            sizes.append(leaf.shape[0])
        elif name == "prior":
            sizes.extend([leaf.shape[1]] * leaf.shape[0])
        else:
            sizes.extend([1] * sum(part.size for part in jax.tree.leaves(leaf)))
    return np.repeat(np.eye(len(sizes), dtype=np.float32), sizes, axis=0)


class Recorder:
    """Keeps the best vector and the history of a fit, and the clock that leaves compilation out."""

    def __init__(self, problem: Problem, callback: Callback | None) -> None:
        self.problem, self.callback = problem, callback
        self.best, self.lowest, self.evaluations = np.asarray(problem.start), np.inf, 0
        self.history = History([], [], [])
        self.began = time.perf_counter()

    def see(self, vector: np.ndarray | Array, loss: float, evaluations: int = 1) -> None:
        """Count evaluations and keep the vector if it is the best."""
        self.evaluations += evaluations
        if np.isfinite(loss) and loss < self.lowest:
            self.best, self.lowest = np.array(vector), float(loss)

    def note(self) -> float:
        """Close an iteration; returns the seconds so far."""
        seconds = time.perf_counter() - self.began
        self.history.seconds.append(seconds)
        self.history.evaluations.append(self.evaluations)
        self.history.loss.append(self.lowest)
        if self.callback is not None:
            self.callback(seconds, self.evaluations, self.lowest)
        return seconds

    def result(self, compile_seconds: float) -> Fit:
        """The fit."""
        best = jnp.asarray(self.best, self.problem.start.dtype)
        return Fit(self.problem.expand(best), self.history, compile_seconds)
