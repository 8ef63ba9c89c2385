"""Fit by minibatches: an optimizer of Optax on random windows of the videos, each with burn-in frames before it.

The filter remembers the past, so a window that starts without it does not behave like the same frames in the middle of
a video, and its gradient is biased. Therefore `burn_in` frames before each window are filtered and not scored. Only
windows at the beginning of a video start without a past, as the filter itself does.

The windows of a video follow each other without gaps, and every term of the loss belongs to the window that holds the
last of its frames. The terms of a window are summed and divided by the number of terms in all videos. So the sum over
all windows is the loss of `stabilization`, and a random window times their number is an unbiased estimate.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, PRNGKeyArray, UInt32

from fhr_jax import sharding
from fhr_jax.errors import InputError
from fhr_jax.losses import PAPER_WEIGHTS, LossWeights, stabilization_terms
from fhr_jax.progress import ProgressCallback, silent
from fhr_jax.stabilizer.covariance import CovarianceKind
from fhr_jax.stabilizer.fit.loop import PATIENCE, Budget, KeepCallback, StepResult, fit
from fhr_jax.stabilizer.fit.objective import Problem, make_problem, with_temperature
from fhr_jax.stabilizer.fit.state import Fit, FitState
from fhr_jax.stabilizer.fit.tracks import Videos
from fhr_jax.stabilizer.params import Params
from fhr_jax.stabilizer.units import first_face_size

Key = PRNGKeyArray | UInt32[Array, "2"]


def fit_minibatch(
    key: Key,
    videos: Videos,
    *,
    init_params: Params | None = None,
    optimizer: optax.GradientTransformation | None = None,
    window: int = 64,
    burn_in: int = 64,
    batch: int = 16,
    updates_per_iteration: int = 10,
    steps: int | None = 1000,
    seconds: float = float("inf"),
    patience: int = PATIENCE,
    clock: Callable[[], float] = time.perf_counter,
    share_scales: bool = False,
    freeze_recurrent: bool = False,
    validation: Videos | None = None,
    covariance: CovarianceKind = "diagonal",
    chunk: int | None = None,
    weights: LossWeights = PAPER_WEIGHTS,
    mesh: Mesh | None = None,
    progress: ProgressCallback = silent,
    resume: str | os.PathLike[str] | FitState | None = None,
    keep: KeepCallback | None = None,
) -> Fit:
    """Minimize the stabilization loss by random windows of the videos.

    Args:
        key: draws the windows.
        videos: what to fit, tracks (N, T, M, d) from `pad_videos` or `as_videos`.
        init_params: first parameters; None is `paper_init(videos)`, the paper's.
        optimizer: of Optax; None is Adam with learning rate 0.05.
        window: frames of a window that are scored.
        burn_in: frames before them that are filtered and not scored. There are enough if the filter has forgotten
            what came before.
        batch: windows per update.
        updates_per_iteration: number of updates between two evaluations of the loss of all videos, for the history.
        steps: maximum number of updates; None is no limit.
        seconds: stop after the first iteration that ends later; compiling does not count.
        patience: with `validation`, stop after this number of iterations in a row without an improvement there.
        clock: returns the time in seconds, see `Budget`.
        share_scales: move each row of variances by one shared number, see `make_problem`.
        freeze_recurrent: leave the weights of a recurrent network as they are.
        validation: videos that choose the best parameters and stop the fit; they are not fitted.
        covariance: which covariance of the history to keep, see `run`.
        chunk: keep only the states of every `chunk`-th frame for the gradient, for long windows; see `run`.
        weights: lambda_1, lambda_2 and lambda_3 of the loss.
        mesh: devices to divide the videos among, from `device_mesh`.
        progress: called after each iteration, see `fit`.
        resume: an earlier fit with the same options to continue, see `fit`.
        keep: called with the state after each iteration, to save it.

    Returns:
        The best parameters found after an iteration. An evaluation in the history is one of all frames, so a batch
        counts as the share of the frames that it filters.

    Raises:
        InputError: an option is out of range, no frame is scored, or see `fit` and `make_problem`.
    """
    problem = make_problem(
        videos,
        init_params=init_params,
        share_scales=share_scales,
        freeze_recurrent=freeze_recurrent,
        validation=validation,
        covariance=covariance,
        chunk=chunk,
        weights=weights,
        mesh=mesh,
    )
    optimizer = optax.adam(0.05) if optimizer is None else optimizer
    solver = Minibatch(
        key, optimizer, window=window, burn_in=burn_in, batch=batch, updates_per_iteration=updates_per_iteration
    )
    iterations = None if steps is None else -(-steps // updates_per_iteration)
    budget = Budget(iterations=iterations, seconds=seconds, patience=patience, clock=clock)
    return fit(problem, solver, budget=budget, progress=progress, resume=resume, keep=keep)


class Windows(NamedTuple):
    """All windows of some videos.

    Attributes:
        video: (w,), number of the video of each window.
        first: (w,), its first scored frame.
        terms: (3,), number of euclidean, delay and smooth terms in all videos.
    """

    video: Int[np.ndarray | Array, " w"]
    first: Int[np.ndarray | Array, " w"]
    terms: Float[np.ndarray | Array, "3"]


def all_windows(videos: Videos, window: int) -> Windows:
    """Every window of `window` frames with a scored frame, and the number of terms in the loss of all videos."""
    mask = np.asarray(videos.mask)
    number = -(-mask.shape[1] // window)
    padded = np.pad(mask, ((0, 0), (0, number * window - mask.shape[1])))
    video, place = np.nonzero(padded.reshape(len(mask), number, window).any(axis=-1))
    pairs = mask[:, 1:] & mask[:, :-1]
    terms = [mask.sum(), pairs.sum(), (pairs[:, 1:] & pairs[:, :-1]).sum()]
    return Windows(video, window * place, np.maximum(terms, 1).astype(np.float32))


def window_loss(
    problem: Problem,
    vector: Float[Array, " n"],
    videos: Videos,
    windows: Windows,
    *,
    window: int,
    burn_in: int,
    temperature: Float[Array, ""] | None = None,
) -> Float[Array, ""]:
    """Sum over some windows of their share of the loss of all videos, a scalar ().

    Args:
        problem: of the videos.
        vector: (n,), parameters.
        videos: the windows are cut from them.
        windows: some of `all_windows`, with the number of terms in all videos.
        window: scored frames of each.
        burn_in: frames filtered before them.
        temperature: (), see `Problem`.
    """
    params = with_temperature(problem.to_params(vector), temperature)
    frames = videos.mask.shape[1]
    length = min(window + burn_in, frames)
    begin = jnp.clip(windows.first - burn_in, 0, frames - length)

    def cut(array: Array) -> Array:
        def one(i: Array, t: Array) -> Array:
            return jax.lax.dynamic_slice_in_dim(array[i], t, length)

        return sharding.constrain_spread(jax.vmap(one)(jnp.asarray(windows.video), begin), problem.mesh)

    some = jax.tree.map(cut, videos)
    # A point that was seen earlier in the video may not have been seen yet in the window: such frames are not scored.
    seen = jnp.isfinite(some.observed).all(axis=-1)
    if some.confidence is not None:
        seen = seen & (some.confidence > 0)
    mask = some.mask & (seen.cumsum(axis=1) > 0).all(axis=-1)
    scale = jnp.ones(len(windows.video), some.observed.dtype)
    if params.face_size is not None:
        # The unit is the face in the first frame of the video, not in that of the window.
        scale = jax.vmap(first_face_size)(videos.observed)[windows.video] / params.face_size
        params = params._replace(face_size=None)
    scale = scale[:, None, None, None]
    output = scale * problem.stabilize(params, some._replace(observed=some.observed / scale))

    terms = stabilization_terms(output, some.truth, even_steps=problem.weights.even_steps, mask=mask)
    inside = begin[:, None] + jnp.arange(length)[None]
    inside = (inside >= windows.first[:, None]) & (inside < windows.first[:, None] + window)
    pairs = mask[:, 1:] & mask[:, :-1]
    euclidean = jnp.where(mask & inside, terms.euclidean, 0).sum() / windows.terms[0]
    delay = jnp.where(pairs & inside[:, 1:], terms.delay, 0).sum() / windows.terms[1]
    smooth = jnp.where(pairs[:, 1:] & pairs[:, :-1] & inside[:, 2:], terms.smooth, 0).sum() / windows.terms[2]
    return euclidean + problem.weights.delay * delay + problem.weights.smooth * smooth


class MinibatchState(NamedTuple):
    """State of the stochastic descent.

    Attributes:
        vector: (n,), the current point.
        optimizer: state of the optimizer.
        steps: updates made.
        key: data of the random key, (2,).
    """

    vector: Float[Array, " n"]
    optimizer: optax.OptState
    steps: Int[Array, ""]
    key: UInt32[Array, "2"]


@dataclass(frozen=True)
class Minibatch:
    """Solver: an optimizer of Optax on random windows.

    Attributes:
        key: draws the windows.
        optimizer: of Optax.
        window: frames of a window that are scored.
        burn_in: frames before them that are filtered and not scored.
        batch: windows per update.
        updates_per_iteration: updates between two evaluations of the loss of all videos.
    """

    key: Key | UInt32[np.ndarray, "2"] = field(compare=False)
    optimizer: optax.GradientTransformation
    window: int = 64
    burn_in: int = 64
    batch: int = 16
    updates_per_iteration: int = 10

    def __post_init__(self) -> None:
        """Check the sizes."""
        if min(self.window, self.batch, self.updates_per_iteration) < 1 or self.burn_in < 0:
            raise InputError(
                f"window: {self.window}, burn_in: {self.burn_in}, batch: {self.batch}, updates_per_iteration: "
                f"{self.updates_per_iteration}, expected at least 1, 0, 1 and 1"
            )

    def init(self, problem: Problem) -> MinibatchState:
        """The state at the problem's initial point."""
        if not np.asarray(problem.videos.mask).any():
            raise InputError("videos: no scored frame, expected tracks to learn from")
        if problem.mesh is not None and self.batch % problem.mesh.devices.size:
            raise InputError(f"batch: {self.batch}, expected a multiple of the {problem.mesh.devices.size} devices")
        typed = jnp.issubdtype(self.key.dtype, jax.dtypes.prng_key)
        key = jnp.asarray(jax.random.key_data(self.key) if typed else self.key)
        optimizer = self.optimizer.init(problem.initial)
        state = MinibatchState(problem.initial, optimizer, jnp.zeros((), jnp.int32), key)
        return sharding.everywhere(state, problem.mesh)

    def step(self, problem: Problem, state: MinibatchState) -> tuple[MinibatchState, StepResult]:
        """Some updates, then the loss of all videos."""
        windows = jax.tree.map(jnp.asarray, all_windows(problem.videos, self.window))
        state = problem.compiled(_minibatch_step, self)(state, problem.videos, windows)
        filtered = min(self.window + self.burn_in, problem.videos.mask.shape[1]) * self.batch
        share = self.updates_per_iteration * filtered / problem.videos.mask.size
        finished = not bool(jnp.isfinite(state.vector).all())
        return state, StepResult(np.asarray(state.vector), float(problem.loss(state.vector)), share + 1, finished)


def _minibatch_step(
    problem: Problem, solver: Minibatch, state: MinibatchState, videos: Videos, windows: Windows
) -> MinibatchState:
    """The state after `updates_per_iteration` updates, each on random windows."""
    total = len(windows.video)

    def update(state: MinibatchState, _: None) -> tuple[MinibatchState, None]:
        draw = jax.random.fold_in(jax.random.wrap_key_data(state.key), state.steps)
        chosen = jax.random.randint(draw, (solver.batch,), 0, total)

        def loss(vector: Array) -> Array:
            some = Windows(windows.video[chosen], windows.first[chosen], windows.terms)
            part = window_loss(problem, vector, videos, some, window=solver.window, burn_in=solver.burn_in)
            return part * (total / solver.batch)

        updates, optimizer = solver.optimizer.update(jax.grad(loss)(state.vector), state.optimizer, state.vector)
        vector = jnp.asarray(optax.apply_updates(state.vector, updates))
        return MinibatchState(vector, optimizer, state.steps + 1, state.key), None

    return jax.lax.scan(update, state, None, length=solver.updates_per_iteration)[0]
