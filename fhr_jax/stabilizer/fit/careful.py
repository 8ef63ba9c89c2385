"""A fit that stays near its initial parameters unless tracks that it has not seen say otherwise.

The network of the movement types moves, or for parameters without it all numbers but those of the outlier detection,
by a few steps of Adam and with a Gaussian prior around the initial parameters. How many steps is the only choice, and
whole tracks that are left out make it:

1. The tracks are divided into folds. Each fold is left out in turn, and the others are fitted.
2. After 0, 5, 10 and 20 steps (`CHECKPOINTS`) the left-out tracks are scored.
3. A gain is certain if it exceeds twice its standard error over the folds. The number of steps with the largest certain
   gain counts. If there is none, the initial parameters are the result.
4. The result is the mean of the fits of all folds after this number of steps, which averages what each has learned of
   its own tracks only.

Tracks that are left out are scored by the stabilizer as it runs, with its outlier detection. The gradient is that of
the model without it: the detection decides by thresholds, which no gradient sees.
"""

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh
from jaxtyping import Array, Float

from fhr_jax import sharding
from fhr_jax.errors import InputError
from fhr_jax.losses import PAPER_WEIGHTS, LossWeights, stabilization
from fhr_jax.progress import Progress, ProgressCallback, silent
from fhr_jax.stabilizer.covariance import CovarianceKind
from fhr_jax.stabilizer.fit.careful_state import CarefulState, load_careful
from fhr_jax.stabilizer.fit.state import History
from fhr_jax.stabilizer.fit.tracks import Videos, pad_to_mesh
from fhr_jax.stabilizer.params import Params, constrain, unconstrain
from fhr_jax.stabilizer.run_tracks import run

STEPS, LEARNING_RATE = 20, 0.01
"""Of Adam; the learning rate falls to 0 over the steps, by a half cosine."""

CHECKPOINTS = (1 / 4, 1 / 2, 1.0)
"""Shares of the steps after which the tracks that are left out are scored."""

PRIOR = 0.02
"""Weight of the squared distance to the initial parameters, against the logarithm of the loss, for one track; it is
divided by the number of tracks. The numbers that move are logarithms or log odds, so 1 is a factor of 2.7."""

FOLDS = 4
"""Parts of the tracks that are left out in turn, at most."""

SURE = 2.0
"""Standard errors of the gain by which it must exceed 0."""

NET_SCALE = 0.3
"""By how much a weight of the network of the movement types moves for a step of 1. With movement types only this
network moves, since it gives the output."""

VideosOf = Callable[[Sequence[int], int], Videos]
"""Numbers of tracks, and a seed -> videos of these tracks, always of one shape."""


class CarefulFit(NamedTuple):
    """The result of a careful fit.

    Attributes:
        params: fitted, or the initial ones.
        steps: after which they were taken; 0 for the initial ones.
        held_out: mean loss on the tracks that were left out: of the initial parameters, and the lowest of a fit.
            NaN where the time did not suffice.
        history: of all tracks, two entries: with the initial parameters, and with the result if it is another.
        compile_seconds: time for compiling.
        folds: number of folds that were left out; fewer than there are where the time ended before.
    """

    params: Params
    steps: int
    held_out: tuple[float, float]
    history: History
    compile_seconds: float
    folds: int

    def __repr__(self) -> str:
        """One line: steps, and the loss on the tracks that were left out, before and after."""
        before, after = self.held_out
        return f"CarefulFit({self.steps} steps, held-out loss {before:.2f} -> {after:.2f}, {self.folds} folds)"


def checkpoints(steps: int) -> tuple[int, ...]:
    """Numbers of steps after which the tracks that are left out are scored, without 0."""
    return tuple(sorted({max(1, round(share * steps)) for share in CHECKPOINTS}))


def fit_carefully(
    videos_of: VideosOf,
    tracks: int,
    *,
    init_params: Params,
    left_out: Sequence[Sequence[int]] | None = None,
    steps: int = STEPS,
    learning_rate: float = LEARNING_RATE,
    prior: float = PRIOR,
    seconds: float = float("inf"),
    clock: Callable[[], float] = time.perf_counter,
    covariance: CovarianceKind = "diagonal",
    chunk: int | None = None,
    weights: LossWeights = PAPER_WEIGHTS,
    mesh: Mesh | None = None,
    progress: ProgressCallback = silent,
    resume: str | os.PathLike[str] | CarefulState | None = None,
    keep: Callable[[CarefulState], None] | None = None,
) -> CarefulFit:
    """Fit near the initial parameters, as far as tracks that are left out say that it helps.

    Args:
        videos_of: makes the videos of some of the tracks, such as their motion with noise of each other. Called with
            the tracks to fit and with those that are left out.
        tracks: their number. Of a single one nothing can be left out, so the initial parameters are the result.
        init_params: first parameters, and the result where no fit is better.
        left_out: tracks of each fold; those of a single one are never fitted. None divides all tracks into `FOLDS`
            folds, or fewer where there are fewer tracks.
        steps: of Adam at most.
        learning_rate: of Adam at the first step.
        prior: see `PRIOR`.
        seconds: the fit leaves out only as many folds as this time allows, and keeps the initial parameters if it
            does not suffice for two. The fit of a single fold ends where this time does. Compiling does not count.
        clock: returns the time in seconds.
        covariance: which covariance of the history to keep, see `run`.
        chunk: keep only the states of every `chunk`-th frame for the gradient, for long tracks; see `run`.
        weights: lambda_1, lambda_2 and lambda_3 of the loss.
        mesh: devices to divide the videos among, from `device_mesh`.
        progress: called after each step; `info` has `seconds`, `evaluations` and the lowest `loss` of this fold.
        resume: an earlier fit with the same options to continue: its state, from `keep`, or the file of one.
        keep: called at the start and after each fold, to save what is known.

    Returns:
        The fit; the initial parameters with 0 steps where no fit is better beyond doubt.

    Raises:
        InputError: there are no tracks or no steps, or `resume` is broken or holds another fit.
    """
    if isinstance(resume, str | os.PathLike):
        resume = load_careful(resume)
    if tracks < 1 or steps < 1:
        raise InputError(f"tracks: {tracks}, steps: {steps}, expected at least 1 of each")
    folds = _folds(tracks) if left_out is None else [list(fold) for fold in left_out]
    marks = checkpoints(steps)
    began = time.perf_counter()
    everything = videos_of(range(tracks), 0)
    path = _Path(
        init_params if resume is None else resume.init_params,
        optimizer=optax.adam(optax.cosine_decay_schedule(learning_rate, steps)),
        stabilize=partial(run, covariance=covariance, chunk=chunk),
        weights=weights,
        mesh=mesh,
    )
    first = path.warm_up(everything)
    losses = np.full((len(folds), 1 + len(marks), len(first)), np.nan)
    points = np.full((*losses.shape[:2], path.origin.size), np.nan, path.origin.dtype)
    if resume is not None and (resume.losses.shape, resume.points.shape) != (losses.shape, points.shape):
        raise InputError("resume: holds another fit, expected one with the same options and tracks")
    losses, points = (losses, points) if resume is None else (np.array(resume.losses), np.array(resume.points))
    compile_seconds = time.perf_counter() - began
    began = clock() - (0.0 if resume is None else float(resume.seconds))

    def elapsed() -> float:
        return clock() - began

    def finished() -> list[int]:
        return np.flatnonzero(np.isfinite(losses).any(axis=(1, 2))).tolist()

    if keep is not None:
        keep(CarefulState(losses, points, np.asarray(elapsed()), path.init_params))
    enough = min(2, len(folds))
    for i, fold in enumerate(folds):
        done = len(finished())
        # The first fold shows how long one takes.
        if i in finished() or (done and elapsed() * (1 + 1 / done) > seconds):
            continue
        rest = [track for track in range(tracks) if track not in fold]
        end = seconds if done or enough == 1 else seconds / 2
        found = path.follow(videos_of(rest, i + 1), steps, marks, prior / len(rest), elapsed, end, progress)
        if len(found) < 1 + len(marks) and enough > 1:
            break
        judged = videos_of(fold, i + 1)
        for place, mark in enumerate((0, *marks)):
            points[i, place] = found.get(mark, np.inf)
            losses[i, place] = path.losses(found[mark], judged) if mark in found else np.inf
        if keep is not None:
            keep(CarefulState(losses, points, np.asarray(elapsed()), path.init_params))
    done = finished()
    best, held_out = choose(losses[done]) if len(done) >= max(enough, 1) else (0, (float("nan"), float("nan")))
    history = History([0.0], [1], [float(np.nanmean(first))])
    if best == 0:
        return CarefulFit(path.init_params, 0, held_out, history, compile_seconds, len(done))
    vector = jnp.asarray(points[done, best].mean(axis=0))
    history.seconds.append(elapsed())
    history.evaluations.append(1 + len(done) * steps)
    history.loss.append(float(np.nanmean(path.losses(vector, everything))))
    return CarefulFit(path.params(vector), (0, *marks)[best], held_out, history, compile_seconds, len(done))


def choose(losses: Float[np.ndarray, "f c n"]) -> tuple[int, tuple[float, float]]:
    """Which checkpoint to take, 0 for the initial parameters; their mean loss, and the lowest one of a fit.

    Args:
        losses: (F, C, N) of the videos of each fold that was left out, see `CarefulState`.
    """
    scored = np.isfinite(losses[:, 0])
    by_fold = [fold[:, some].mean(axis=1) for fold, some in zip(losses, scored, strict=True) if some.any()]
    means = np.mean(by_fold, axis=0)
    if len(by_fold) > 1:
        gains = np.log(np.array(by_fold) / np.array(by_fold)[:, :1])
    else:  # a single fold: the videos take the place of folds
        gains = np.log(losses[0][:, scored[0]] / losses[0][:1, scored[0]]).T
    with np.errstate(invalid="ignore"):  # a point that was not reached has an infinite loss
        error = gains.std(axis=0, ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else np.full(gains.shape[1], np.inf)
        certain = np.where(means < means[0], gains.mean(axis=0) + SURE * error, np.inf)
    # The lowest mean of those that are certain.
    taken = np.where(certain < 0, gains.mean(axis=0), 0.0)
    return int(taken.argmin()), (float(means[0]), float(np.min(means[1:])))


def _folds(tracks: int) -> list[list[int]]:
    """Tracks (numbers) of each fold: every `FOLDS`-th."""
    number = min(FOLDS, tracks) if tracks > 1 else 0
    return [list(range(first, tracks, number)) for first in range(number)]


class _Path:
    """Adam from the initial parameters on; everything is compiled once for videos of one shape."""

    def __init__(
        self,
        init_params: Params,
        *,
        optimizer: optax.GradientTransformation,
        stabilize: Callable[..., Array],
        weights: LossWeights,
        mesh: Mesh | None,
    ):
        self.init_params, self._mesh = init_params, mesh
        # The videos hold no outliers, so they say nothing about how to detect them.
        free = init_params.movements or unconstrain(init_params._replace(outliers=None))
        self.origin, self._unravel = ravel_pytree(free)
        self._optimizer = optimizer

        def losses(params: Params, videos: Videos, *, complete: bool = False) -> Array:
            steady = stabilize(params, videos.observed, dt=videos.dt, confidence=videos.confidence, complete=complete)
            score = partial(stabilization, weights=weights)
            return jax.vmap(lambda x, p, mask: score(x, p, mask=mask).total)(steady, videos.truth, videos.mask)

        def objective(vector: Array, videos: Videos, first: Array, prior: Array, *, complete: bool) -> Array:
            scored = videos.mask.any(axis=1)
            found = losses(self.params(vector)._replace(outliers=None), videos, complete=complete)
            mean = jnp.where(scored, found, 0).sum() / jnp.maximum(scored.sum(), 1)
            return jnp.log(mean / first) + prior * ((vector - self.origin) ** 2).sum()

        def step(
            vector: Array, state: optax.OptState, videos: Videos, first: Array, prior: Array, *, complete: bool
        ) -> tuple[Array, optax.OptState]:
            slope = jax.grad(objective)(vector, videos, first, prior, complete=complete)
            updates, state = optimizer.update(slope, state, vector)
            return jnp.asarray(optax.apply_updates(vector, updates)), state

        self._losses = sharding.jit_everywhere(lambda vector, videos: losses(self.params(vector), videos), mesh)
        self._steps = {
            complete: sharding.jit_everywhere(partial(step, complete=complete), mesh) for complete in (True, False)
        }

    def params(self, vector: Float[Array, " n"]) -> Params:
        """The parameters at a point (n,)."""
        constant = self.init_params
        if constant.movements is not None:
            return constant._replace(movements=self._unravel(self.origin + NET_SCALE * (vector - self.origin)))
        return constrain(self._unravel(vector), constant._replace(outliers=None))._replace(outliers=constant.outliers)

    def losses(self, vector: Float[Array, " n"], videos: Videos) -> Float[np.ndarray, " v"]:
        """Loss of each video; NaN where no frame is scored."""
        videos = pad_to_mesh(videos, self._mesh)
        found = np.asarray(self._losses(sharding.everywhere(vector, self._mesh), videos), np.float64)
        return np.where(np.asarray(videos.mask).any(axis=1), found, np.nan)

    def warm_up(self, videos: Videos) -> Float[np.ndarray, " n"]:
        """Compile everything; the losses of the videos at the initial parameters."""
        state = self._optimizer.init(self.origin)
        one = jnp.ones_like(self.origin[0])
        arguments = sharding.everywhere((self.origin, state), self._mesh)
        step = self._steps[self._is_complete(videos)]
        jax.block_until_ready(step(*arguments, pad_to_mesh(videos, self._mesh), one, one))
        return self.losses(self.origin, videos)

    def follow(
        self,
        videos: Videos,
        steps: int,
        marks: Sequence[int],
        prior: float,
        elapsed: Callable[[], float],
        end: float,
        progress: ProgressCallback,
    ) -> dict[int, Array]:
        """The points after 0 steps and after those of `marks` that were reached before the time `end`."""
        first = lowest = float(np.nanmean(self.losses(self.origin, videos)))
        vector, state = sharding.everywhere((self.origin, self._optimizer.init(self.origin)), self._mesh)
        placed, points = pad_to_mesh(videos, self._mesh), {0: self.origin}
        step = self._steps[self._is_complete(videos)]
        scale, weight = (jnp.asarray(value, self.origin.dtype) for value in (first, prior))
        for i in range(1, steps + 1):
            if elapsed() > end:
                break
            vector, state = step(vector, state, placed, scale, weight)
            if i in marks:
                points[i] = vector
                lowest = min(lowest, float(np.nanmean(self.losses(vector, videos))))
            progress(Progress(i, steps, {"seconds": elapsed(), "evaluations": i + 1, "loss": lowest}))
        return points

    def _is_complete(self, videos: Videos) -> bool:
        """Whether all frames may be transformed at once, see `run`."""
        plain = videos.dt is None and videos.confidence is None and self.init_params.movements is None
        return plain and bool(jnp.isfinite(videos.observed).all())
