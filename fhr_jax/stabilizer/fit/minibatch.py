"""Fit by mini-batches: Adam over windows of the videos that warm up before they are scored.

The filter carries its past along, so a window that starts cold is not like the same frames in the middle of a video,
and its gradient is biased. Here `warm` frames before each window are run and not scored; windows at the beginning
of a video start cold, as the filter itself does.

The windows of a video follow each other without gaps, and every term of the loss belongs to the window that holds
the last of its frames. The terms of a window are added up and divided by their number in all videos, so the sum over
all windows is the loss of `stabilization`, and a random window times their number is right on average.
"""

from typing import NamedTuple, Unpack

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray, UInt32

from fhr_jax import sharding
from fhr_jax.errors import InputError
from fhr_jax.losses import stabilization_terms
from fhr_jax.stabilizer.fit.initial import paper_init
from fhr_jax.stabilizer.fit.loop import Fit, Options, Solver, StepResult, run_loop, split
from fhr_jax.stabilizer.fit.objective import LAMBDAS, Problem, make_problem, with_temperature
from fhr_jax.stabilizer.fit.tracks import Videos
from fhr_jax.stabilizer.params import Params

Key = PRNGKeyArray | UInt32[Array, "2"]


def fit_minibatch(
    key: Key,
    videos: Videos,
    *,
    start: Params | None = None,
    optimizer: optax.GradientTransformation | None = None,
    window: int = 64,
    warm: int = 64,
    batch: int = 16,
    inner: int = 10,
    steps: int = 1000,
    **options: Unpack[Options],
) -> Fit:
    """Minimize the stabilization loss by random windows.

    Args:
        key: of the choice of windows.
        videos: from `pad_videos` or `as_videos`.
        start: first parameters; None is the paper's start.
        optimizer: of Optax; None is Adam at a rate of 0.05.
        window: frames that are scored.
        warm: frames before them that are run only. Enough if the filter has forgotten what was before them.
        batch: windows an update.
        inner: updates an iteration; after each iteration the loss of all videos is taken, for the history.
        steps: updates at most.
        **options: see `Objective` and `Budget`.

    Returns:
        The best parameters seen after an iteration. A batch counts as the part of all frames that it runs.
    """
    if min(window, batch, inner) < 1 or warm < 0:
        raise InputError(
            f"window: {window}, warm: {warm}, batch: {batch}, inner: {inner}, expected at least 1, 0, 1 and 1"
        )
    objective, budget = split(options)
    problem = make_problem(paper_init(videos) if start is None else start, videos, **objective)
    optimizer = optax.adam(0.05) if optimizer is None else optimizer
    solver = stochastic(key, problem, optimizer, window=window, warm=warm, batch=batch, inner=inner)
    return run_loop(problem, solver, iterations=-(-steps // inner), **budget)


class Minibatches(NamedTuple):
    """All windows of some videos.

    Attributes:
        video: number of the video of each window.
        first: its first scored frame.
        numbers: of euclidean, delay and smooth terms in all videos.
    """

    video: Int[np.ndarray, " w"]
    first: Int[np.ndarray, " w"]
    numbers: Float[np.ndarray, "3"]


def all_minibatches(videos: Videos, window: int) -> Minibatches:
    """Every window with a scored frame, and how many terms the loss of all videos has."""
    mask = np.asarray(videos.mask)
    number = -(-mask.shape[1] // window)
    padded = np.pad(mask, ((0, 0), (0, number * window - mask.shape[1])))
    video, place = np.nonzero(padded.reshape(len(mask), number, window).any(axis=-1))
    pairs = mask[:, 1:] & mask[:, :-1]
    numbers = [mask.sum(), pairs.sum(), (pairs[:, 1:] & pairs[:, :-1]).sum()]
    return Minibatches(video, window * place, np.maximum(numbers, 1).astype(np.float32))


def minibatch_loss(
    problem: Problem,
    vector: Float[Array, " n"],
    videos: Videos,
    video: Int[Array, " b"],
    first: Int[Array, " b"],
    numbers: Float[Array, "3"],
    *,
    window: int,
    warm: int,
    temperature: Float[Array, ""] | None = None,
) -> Float[Array, ""]:
    """Sum over some windows of their share of the loss of all videos.

    Args:
        problem: of the videos.
        vector: parameters.
        videos: to cut the windows from.
        video: number of the video of each window.
        first: first scored frame of each.
        numbers: see `Windows`.
        window: frames scored.
        warm: frames run before them.
        temperature: see `Problem`.
    """
    params = with_temperature(problem.expand(vector), temperature)
    frames = videos.mask.shape[1]
    length = min(window + warm, frames)
    begin = jnp.clip(first - warm, 0, frames - length)

    def cut(array: Array) -> Array:
        def one(i: Array, t: Array) -> Array:
            return jax.lax.dynamic_slice_in_dim(array[i], t, length)

        return sharding.constrained(jax.vmap(one)(video, begin), problem.mesh)

    observed, truth, mask = cut(videos.observed), cut(videos.truth), cut(videos.mask)
    # In a window a point may not have been seen yet that had been seen in the video by then.
    mask = mask & (jnp.isfinite(observed).all(axis=-1).cumsum(axis=1) > 0).all(axis=-1)
    scale = jnp.ones(len(video), observed.dtype)
    if params.face is not None:
        # The unit is the face in the first frame of the video, not in that of the window.
        scale = face_sizes(videos.observed)[video] / params.face
        params = params._replace(face=None)
    scale = scale[:, None, None, None]
    output = scale * problem.outputs(params, observed / scale)

    weights = {name: problem.objective.get(name, usual) for name, usual in LAMBDAS.items()}
    terms = stabilization_terms(output, truth, lambda3=weights["lambda3"], mask=mask)
    inside = begin[:, None] + jnp.arange(length)[None]
    inside = (inside >= first[:, None]) & (inside < first[:, None] + window)
    pairs = mask[:, 1:] & mask[:, :-1]
    euclidean = jnp.where(mask & inside, terms.euclidean, 0).sum() / numbers[0]
    delay = jnp.where(pairs & inside[:, 1:], terms.delay, 0).sum() / numbers[1]
    smooth = jnp.where(pairs[:, 1:] & pairs[:, :-1] & inside[:, 2:], terms.smooth, 0).sum() / numbers[2]
    return euclidean + weights["lambda2"] * delay + weights["lambda1"] * smooth


def face_sizes(observed: Float[Array, "n t m d"]) -> Float[Array, " n"]:
    """RMS distance of the points to their centroid in the first frame with any of them, as `run` takes it."""
    here = jnp.isfinite(observed).all(axis=-1)
    frame = here.any(axis=-1).argmax(axis=1)
    first = jnp.take_along_axis(observed, frame[:, None, None, None], axis=1)[:, 0]
    known = jnp.take_along_axis(here, frame[:, None, None], axis=1)[:, 0][..., None]
    number = jnp.maximum(known.sum(axis=1, keepdims=True), 1)
    centre = jnp.where(known, first, 0).sum(axis=1, keepdims=True) / number
    square = (jnp.where(known, first - centre, 0) ** 2).sum(axis=(1, 2)) / number[:, 0, 0]
    return jnp.sqrt(jnp.where(square > 0, square, 1))


class MinibatchState(NamedTuple):
    """State of the stochastic descent: where it is, what the optimizer remembers, updates made, the random key."""

    vector: Float[Array, " n"]
    optimizer: optax.OptState
    steps: Int[Array, ""]
    key: UInt32[Array, "2"]


def stochastic(
    key: Key,
    problem: Problem,
    optimizer: optax.GradientTransformation,
    *,
    window: int,
    warm: int,
    batch: int,
    inner: int,
) -> Solver:
    """An optimizer of Optax on random windows; see `fit_windows`."""
    windows = all_minibatches(problem.videos, window)
    total = len(windows.video)
    if total == 0:
        raise InputError("videos: no scored frame, expected tracks to learn from")
    if problem.mesh is not None and batch % problem.mesh.devices.size:
        raise InputError(f"batch: {batch}, expected a multiple of the {problem.mesh.devices.size} devices")
    table = tuple(jnp.asarray(column) for column in windows)
    frames = problem.videos.mask.size
    share = inner * batch * min(window + warm, problem.videos.mask.shape[1]) / frames

    def iterate(walk: MinibatchState, videos: Videos, table: tuple[Array, ...]) -> MinibatchState:
        def step(walk: MinibatchState, _: None) -> tuple[MinibatchState, None]:
            draw = jax.random.fold_in(jax.random.wrap_key_data(walk.key), walk.steps)
            chosen = jax.random.randint(draw, (batch,), 0, total)

            def loss(vector: Array) -> Array:
                some = (table[0][chosen], table[1][chosen], table[2])
                return minibatch_loss(problem, vector, videos, *some, window=window, warm=warm) * (total / batch)

            gradient = jax.grad(loss)(walk.vector)
            updates, after = optimizer.update(gradient, walk.optimizer, walk.vector)
            vector = jnp.asarray(optax.apply_updates(walk.vector, updates))
            return MinibatchState(vector, after, walk.steps + 1, walk.key), None

        return jax.lax.scan(step, walk, None, length=inner)[0]

    compiled = sharding.compiled(iterate, problem.mesh)

    def init(start: Array) -> MinibatchState:
        data = jax.random.key_data(key) if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else key
        walk = MinibatchState(start, optimizer.init(start), jnp.zeros((), jnp.int32), jnp.asarray(data))
        return sharding.everywhere(walk, problem.mesh)

    def update(walk: MinibatchState) -> tuple[MinibatchState, StepResult]:
        walk = compiled(walk, problem.videos, table)
        loss = float(problem.loss(walk.vector))
        return walk, StepResult(np.asarray(walk.vector), loss, share + 1, not bool(jnp.isfinite(walk.vector).all()))

    return Solver(init, update)
