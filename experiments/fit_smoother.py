"""Fit the network of the smoother, `Params.smoother` of `default_params()`.

Adam minimizes the paper's loss on synthetic tracks: `data.synthetic.randomized`, whose noise, motion and frame rates
vary more than real ones, and `data.synthetic.tracks`. Some have missing points and frames added. The look-ahead of a
clip is drawn from `LAGS`. The movement types do not depend on the network, so they are smoothed once, before the fit.

The losses of clips differ by a factor 1,000, and that of a face at rest can be arbitrarily large. So the loss of a clip
is divided by that of one fixed movement type, and counts in proportion to the latter up to `MAX_WEIGHT`; beyond
`MAX_RATIO` it grows like its logarithm.

Command:  python experiments/fit_smoother.py --out runs/smoother
Figures:  the network in the package was fitted with these settings by an earlier form of this script, which cleaned
          observations less: outliers and broken frames were not recognised (its clips have none). It has not been
          fitted again since.
"""

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro

from fhr_jax import losses, stabilizer
from fhr_jax.data.synthetic import randomized, tracks
from fhr_jax.files import output_folder, write_json
from fhr_jax.stabilizer.filter import step_cleaned
from fhr_jax.stabilizer.smoothing import bands, mixing, passes
from fhr_jax.stabilizer.smoothing.kalman_bank import TYPES
from fhr_jax.stabilizer.smoothing.passes import Prepared

LAGS: tuple[int | None, ...] = (None, 1, 2, 5, 0, 10, 3)
"""Frames of look-ahead; None is the whole clip."""

SHARES = (0.3, 0.2, 0.15, 0.15, 0.08, 0.06, 0.06)
"""Shares of the clips that get each of them."""

REFERENCE_TYPE = 1
"""Index of the movement type whose loss a clip is measured by."""

MAX_RATIO, MAX_WEIGHT, MIN_REFERENCE = 3.0, 600.0, 3.0
"""Bounds of the ratio and of the reference loss (px^2) from above and below."""

SKIPPED = 4
"""First frames of a clip that are not scored."""

TEST_LAGS: tuple[int | None, ...] = (1, 2, 5, None)


@dataclass(frozen=True)
class Options:
    """Fit the network and compare it with single movement types on held-out tracks."""

    out: Path
    """Folder for smoother.npz (default parameters with the network) and summary.json."""
    clips: int = 448
    """Clips to fit on."""
    frames: int = 160
    """Frames of a clip."""
    steps: int = 2000
    """Steps of Adam."""
    batch: int = 8
    """Clips of a step."""
    hidden: int = 24
    """Hidden units of the network."""
    rate: float = 4e-3
    """Learning rate at the start; it falls to 0 like a cosine."""
    seed: int = 5
    """Draws the clips and the network."""


class Clip(NamedTuple):
    """Truth and observation (T, M, 2) in pixels of the 256 crop, NaN where missing, and dt (T,) in frames of 1/30 s."""

    truth: np.ndarray
    observed: np.ndarray
    dt: np.ndarray


def main(options: Options) -> None:
    """Fit, save, compare."""
    folder = output_folder(options.out)
    rng = np.random.default_rng(options.seed)
    drawn = [draw(rng, options.frames) for _ in range(options.clips)]
    lags = [LAGS[i] for i in rng.choice(len(LAGS), size=len(drawn), p=SHARES)]
    truth, prepared = stack(drawn, lags)
    reference = np.maximum(batched(reference_loss, truth, prepared), MIN_REFERENCE)

    net = stabilizer.init_net(jax.random.key(options.seed), hidden=options.hidden)
    schedule = optax.cosine_decay_schedule(options.rate, options.steps)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))

    @jax.jit
    def update(net, state, truth, prepared, reference):
        value, gradient = jax.value_and_grad(objective)(net, truth, prepared, reference)
        change, state = optimizer.update(gradient, state)
        return optax.apply_updates(net, change), state, value

    state, mean = optimizer.init(net), math.nan
    for step in range(options.steps):
        chosen = rng.integers(0, len(drawn), options.batch)
        part = jax.tree.map(lambda a, chosen=chosen: a[chosen], prepared)
        net, state, value = update(net, state, truth[chosen], part, reference[chosen])
        mean = float(value) if math.isnan(mean) else 0.98 * mean + 0.02 * float(value)
        if (step + 1) % 100 == 0:
            print(f"step {step + 1:5d}  objective {mean:.3f}", flush=True)
            stabilizer.save(folder / "smoother.npz", stabilizer.default_params()._replace(smoother=net))
    figures = compare(net, options.frames)
    write_json(folder / "summary.json", figures)
    print(figures)


def draw(rng: np.random.Generator, frames: int, *, plain: bool | None = None) -> Clip:
    """One clip; `plain` is one of `tracks` with nothing missing, None draws."""
    key = jax.random.key(rng.integers(2**31))
    if plain or (plain is None and rng.random() < 0.3):
        made, fps = tracks.sample(key, frames, faults=False), 30.0
    else:
        made = randomized.sample(key, frames, faults=False)
        fps = float(made.fps)
    observed = np.array(made.observed)
    if not plain:
        _lose_frames_and_points(rng, observed)
    return Clip(np.asarray(made.truth), observed, np.full(frames, 30 / fps, np.float32))


def _lose_frames_and_points(rng: np.random.Generator, observed: np.ndarray) -> None:
    frames, points = observed.shape[:2]
    for some, length in ((points, 5), (25, 12)):
        if rng.random() < 0.3:
            for _ in range(rng.integers(1, 4)):
                start, run = rng.integers(8, frames - 4), int(rng.exponential(length)) + 1
                first = 0 if some == points else rng.integers(0, points)
                last = points if some == points else first + rng.integers(1, some)
                observed[start : start + run, first:last] = np.nan


def stack(clips: list[Clip], lags: list[int | None]) -> tuple[np.ndarray, Prepared]:
    """Truths (N, T, M, 2) and what `passes.prepare` makes of each clip, stacked."""
    made = [
        jax.tree.map(np.asarray, prepare(clip.observed, clip.dt, lag=lag))
        for clip, lag in zip(clips, lags, strict=True)
    ]
    return np.stack([clip.truth for clip in clips]), jax.tree.map(lambda *a: np.stack(a), *made)


@partial(jax.jit, static_argnames="lag")
def prepare(observed, dt, *, lag: int | None) -> Prepared:
    """All of a clip that does not depend on the network."""
    params = stabilizer.default_params()
    points, dims = observed.shape[1:]
    like = jnp.zeros((), observed.dtype)

    def first_pass(state, frame):
        z, dt = frame
        return step_cleaned(params, state, z, dt=dt)

    cleaned = jax.lax.scan(first_pass, stabilizer.init_state(params, dims=dims), (observed, dt))[1]
    passed = jax.lax.scan(passes.forward, passes.init_forward(points, dims, like), cleaned)[1]
    return passes.prepare(passed, passes.init_mixing(points, dims, like), lag=lag)


def losses_of(x, truth):
    """The paper's loss of each clip (N,)."""
    return jax.vmap(lambda x, p: losses.stabilization(x[SKIPPED:], p[SKIPPED:]).total)(x, truth)


def mixed(net: mixing.MixingNet, prepared: Prepared):
    """Outputs (N, T, M, 2) of the smoother."""

    def one(prepared):
        points, dims = prepared.frames.z.shape[1:]
        return passes.mix_all(net, prepared, passes.init_mixing(points, dims, prepared.frames.z[0, 0, 0]))[1]

    return jax.vmap(one)(prepared)


def single(prepared: Prepared, *, k: int):
    """Outputs (N, T, M, 2) of one movement type."""

    def one(z, parts, regions):
        return z + parts.face[k] + bands.interpolate(parts.regions[k][None], regions)[0] + parts.points[k]

    return jax.vmap(jax.vmap(one))(prepared.frames.z, prepared.displacements.parts, prepared.frames.regions)


def reference_loss(truth, prepared: Prepared):
    """Loss of the fixed movement type (N,)."""
    return losses_of(single(prepared, k=REFERENCE_TYPE), truth)


def objective(net: mixing.MixingNet, truth, prepared: Prepared, reference):
    """What the fit minimizes; see the top of the file."""
    ratio = losses_of(mixed(net, prepared), truth) / reference
    bounded = jnp.where(ratio < MAX_RATIO, ratio, MAX_RATIO + jnp.log(ratio / MAX_RATIO))
    return (bounded * jnp.minimum(reference, MAX_WEIGHT)).mean() / 100


def batched(function, truth, prepared: Prepared, size: int = 4) -> np.ndarray:
    """`function` of all clips, a few at a time."""
    compiled = jax.jit(function)
    parts = [slice(i, i + size) for i in range(0, len(truth), size)]
    return np.concatenate([compiled(truth[p], jax.tree.map(lambda a, p=p: a[p], prepared)) for p in parts])


def compare(net: mixing.MixingNet, frames: int) -> dict[str, dict[str, float]]:
    """Mean loss on unseen `tracks` by look-ahead, beside the best single movement type."""
    rng = np.random.default_rng(2005)
    clips = [draw(rng, frames, plain=True) for _ in range(24)]
    figures = {}
    for lag in TEST_LAGS:
        truth, prepared = stack(clips, [lag] * len(clips))
        types = [batched(lambda t, p, k=k: losses_of(single(p, k=k), t), truth, prepared).mean() for k in range(TYPES)]
        own = batched(lambda t, p: losses_of(mixed(net, p), t), truth, prepared).mean()
        figures[str(lag)] = {"smoother": float(own), "best single type": float(min(types))}
    return figures


if __name__ == "__main__":
    main(tyro.cli(Options))
