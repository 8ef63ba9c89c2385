"""Fit the networks that weigh the movement types: `movements` (causal) and `smoother` of `default_params()`.

Adam minimizes the paper's loss on synthetic tracks: `data.synthetic.randomized`, whose noise, motion and frame rates
vary more than real ones, and `data.synthetic.tracks`; with 68 points, 98, and a dense set. Some have missing points and
frames added. The movement types do not depend on the network, so they are computed once, before the fit.

The losses of clips differ by a factor 1,000, and that of a face at rest can be arbitrarily large. So the loss of a clip
is divided by that of one fixed movement type, or of the observation where that is lower (in a head that shakes). It
counts in proportion to the latter up to `MAX_WEIGHT`; beyond `MAX_RATIO` it grows like its logarithm.

What parts of a face do quickly is a small share of a clip and of its loss, but it is what a person looks at. So the
squared error where points move by themselves, over that of the observation there, is added, with the weight `quick`.

Command:  python experiments/fit_movements.py --out runs/first --clips 560 --steps 2200 --quick 0.4
          python experiments/fit_movements.py --out runs/movements --clips 600 --steps 2400 --quick 0.3 --rate 3e-3 \
              --seed 6 --init runs/first/movements.npz
          python experiments/fit_movements.py --out runs/smoother --network smoother --clips 420 --steps 1800 \
              --quick 0.2
          python experiments/fit_movements.py --out runs/movements2 --clips 420 --steps 1200 --quick 0.3 \
              --rate 2.5e-3 --seed 9 --init runs/movements/movements.npz
          python experiments/fit_movements.py --out runs/smoother2 --network smoother --clips 360 --steps 1000 \
              --quick 0.2 --rate 2.5e-3 --seed 10 --init runs/smoother/smoother.npz
Cost:     a quarter of an hour of one x86 core each; 6 GB of memory.
Figures:  the first three commands made networks for heads that shake at up to 4 Hz, and the last two made those in the
          package from them. docs/results.md has what they do on other tracks.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro

from fhr_jax import losses, stabilizer
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.cli.options import optional
from fhr_jax.data.synthetic import markups, randomized, tracks
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder
from fhr_jax.stabilizer.extensions.common_motion import common_motion
from fhr_jax.stabilizer.filter import step_cleaned
from fhr_jax.stabilizer.smoothing import bands, mixing, passes
from fhr_jax.stabilizer.smoothing.kalman_bank import TYPES
from fhr_jax.stabilizer.smoothing.passes import Prepared

LAGS: dict[str, dict[int | None, float]] = {
    "movements": {0: 1.0},
    "smoother": {None: 0.3, 1: 0.2, 2: 0.18, 5: 0.18, 3: 0.07, 10: 0.07},
}
"""Shares of the clips by frames of look-ahead, for each network; None is the whole clip."""

TEST_LAGS: dict[str, tuple[int | None, ...]] = {"movements": (0,), "smoother": (1, 2, 5, None)}

REFERENCE_TYPE = 1
"""Index of the movement type whose loss a clip is measured by."""

MAX_RATIO, MAX_WEIGHT, MIN_REFERENCE = 3.0, 600.0, 3.0
"""Bounds of the ratio and of the reference loss (px^2) from above and below."""

MAX_QUICK = 9.0
"""Ratio of squared errors from which quick parts count like the logarithm."""

QUICK_SPEED, QUICK_FRAMES = 0.012, 3
"""Face sizes in 1/30 s from which a point counts as quick, and for how many frames longer."""

MIN_NOISE = 0.3
"""Mean square (px^2) of a coordinate of the noise from below, where quick errors are compared with it."""

SKIPPED = 4
"""First frames of a clip that are not scored."""

SHARES = {68: 0.8, 98: 0.14, 300: 0.06}
"""Shares of the steps by number of points."""


@dataclass(frozen=True)
class Options:
    """Fit a network and compare it with single movement types on held-out tracks."""

    out: Path
    """Folder for NETWORK.npz (default parameters with the network) and summary.json."""
    network: Literal["movements", "smoother"] = "movements"
    """The causal network, or that with look-ahead."""
    clips: int = 640
    """Clips of 68 points to fit on; of other markups, as many as their share."""
    frames: int = 160
    """Frames of a clip."""
    steps: int = 3000
    """Steps of Adam."""
    batch: int = 8
    """Clips of a step, fewer of many points."""
    hidden: int = 32
    """Hidden units of the network."""
    rate: float = 4e-3
    """Learning rate at the start; it falls to 0 like a cosine."""
    quick: float = 0.3
    """Weight of the squared error of quick parts."""
    init: Annotated[Path | None, optional("FILE")] = None
    """Parameters whose network is the first one; default: random. With another seed the clips are other ones."""
    seed: int = 5
    """Draws the clips and the network."""


class Clip(NamedTuple):
    """Truth and observation (T, M, 2) in pixels of the 256 crop, NaN where missing, and dt (T,) in frames of 1/30 s."""

    truth: np.ndarray
    observed: np.ndarray
    dt: np.ndarray


class Examples(NamedTuple):
    """Clips of one number of points.

    Attributes:
        truth: (N, T, M, 2) pixels.
        prepared: what `passes.prepare` made of each.
        reference: (N,) loss of the fixed movement type.
        quick: (N, T, M) in [0, 1], how much each point moves by itself.
        noise: (N,) mean square error of a coordinate of the observation where points are quick.
    """

    truth: np.ndarray
    prepared: Prepared
    reference: np.ndarray
    quick: np.ndarray
    noise: np.ndarray


def main(options: Options) -> None:
    """Fit, save, compare."""
    folder = output_folder(options.out)
    rng = np.random.default_rng(options.seed)
    examples = {points: make_examples(rng, points, options) for points in SHARES}
    net = first_network(options)
    schedule = optax.cosine_decay_schedule(options.rate, options.steps)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))

    @jax.jit
    def update(net, state, examples):
        value, gradient = jax.value_and_grad(objective)(net, examples, quick=options.quick)
        change, state = optimizer.update(gradient, state)
        return optax.apply_updates(net, change), state, value

    state, mean = optimizer.init(net), math.nan
    for step in range(options.steps):
        points = int(rng.choice(list(SHARES), p=list(SHARES.values())))
        chosen = rng.integers(0, len(examples[points].truth), max(1, options.batch * 68 // max(68, points)))
        part = jax.tree.map(lambda a, chosen=chosen: a[chosen], examples[points])
        net, state, value = update(net, state, part)
        if points == 68:
            mean = float(value) if math.isnan(mean) else 0.98 * mean + 0.02 * float(value)
        if (step + 1) % 100 == 0:
            print(f"step {step + 1:5d}  objective {mean:.3f}", flush=True)
            params = stabilizer.default_params()._replace(**{options.network: net})
            stabilizer.save(folder / f"{options.network}.npz", params)
    figures = compare(net, options)
    write_summary(folder, figures)
    print(figures)


def first_network(options: Options) -> mixing.MixingNet:
    """Random, or that of a file."""
    if options.init is None:
        return stabilizer.init_net(jax.random.key(options.seed), hidden=options.hidden)
    found = getattr(stabilizer.load(options.init), options.network)
    if found is None:
        raise InputError(f"{options.init}: no network {options.network!r}, expected one to begin with")
    return found


def make_examples(rng: np.random.Generator, points: int, options: Options) -> Examples:
    """Clips of a number of points, with all that the fit computes once."""
    number = max(4, round(options.clips * SHARES[points] / SHARES[68]))
    clips = [draw(rng, options.frames, points=points) for _ in range(number)]
    shares = LAGS[options.network]
    lags = [list(shares)[i] for i in rng.choice(len(shares), size=number, p=list(shares.values()))]
    truth, prepared = stack(clips, lags)
    reference = np.maximum(batched(reference_loss, truth, prepared), MIN_REFERENCE)
    quick = np.stack([quick_points(clip) for clip in clips])
    square = np.nan_to_num(np.stack([((c.observed - c.truth) ** 2).mean(axis=-1) for c in clips]))
    noise = (quick * square).sum(axis=(1, 2)) / np.maximum(quick.sum(axis=(1, 2)), 1e-6)
    print(f"{number} clips of {points} points", flush=True)
    return Examples(truth, prepared, reference, quick, np.maximum(noise, MIN_NOISE).astype(np.float32))


def draw(rng: np.random.Generator, frames: int, *, points: int = 68, plain: bool | None = None) -> Clip:
    """One clip; `plain` is one of `tracks` with nothing missing, None draws."""
    key = jax.random.key(rng.integers(2**31))
    if plain or (plain is None and points == 68 and rng.random() < 0.25):
        made, fps = tracks.sample(key, frames, faults=False), 30.0
    else:
        made = randomized.sample(key, frames, faults=False, markup=markup(points))
        fps = float(made.fps)
    observed = np.array(made.observed)
    if not plain:
        _lose_frames_and_points(rng, observed)
    return Clip(np.asarray(made.truth), observed, np.full(frames, 30 / fps, np.float32))


def markup(points: int) -> np.ndarray | None:
    """Weights (M, 68) of a markup, None for the 68 points themselves."""
    return {68: lambda: None, 98: markups.contours98}.get(points, lambda: markups.dense(points))()


def _lose_frames_and_points(rng: np.random.Generator, observed: np.ndarray) -> None:
    frames, points = observed.shape[:2]
    for some, length in ((points, 5), (25, 12)):
        if rng.random() < 0.3:
            for _ in range(rng.integers(1, 4)):
                start, run = rng.integers(8, frames - 4), int(rng.exponential(length)) + 1
                first = 0 if some == points else rng.integers(0, points)
                last = points if some == points else first + rng.integers(1, some)
                observed[start : start + run, first:last] = np.nan


def quick_points(clip: Clip) -> np.ndarray:
    """How much each point moves by itself (T, M), in [0, 1]: beyond the motion that all points have in common."""
    before, after = clip.truth[:-1], clip.truth[1:]
    weight = jnp.ones(clip.truth.shape[1])
    common = np.asarray(jax.vmap(lambda m, p: common_motion(m, p, weight))(after - before, before))
    centred = before - before.mean(axis=1, keepdims=True)
    size = np.sqrt((centred**2).sum(axis=-1).mean(axis=1))
    speed = np.linalg.norm(after - before - common, axis=-1) / (size[:, None] * clip.dt[1:, None] * QUICK_SPEED)
    quick = np.pad(speed**2 / (1 + speed**2), ((1, 0), (0, 0)))
    longer = [np.pad(quick[: len(quick) - i], ((i, 0), (0, 0))) for i in range(QUICK_FRAMES + 1)]
    return np.max(longer, axis=0).astype(np.float32)


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
    points, dims = observed.shape[1:]
    params = stabilizer.default_params(points)._replace(movements=None)
    like = jnp.zeros((), observed.dtype)

    def first_pass(state, frame):
        z, dt = frame
        return step_cleaned(params, state, z, dt=dt)

    cleaned = jax.lax.scan(first_pass, stabilizer.init_state(params, dims=dims), (observed, dt))[1]
    passed = passes.forward_all(passes.init_forward(points, dims, like), cleaned)[1]
    return passes.prepare(passed, passes.init_mixing(points, dims, like), lag=lag)


def losses_of(x, truth):
    """The paper's loss of each clip (N,)."""
    return jax.vmap(lambda x, p: losses.stabilization(x[SKIPPED:], p[SKIPPED:]).total)(x, truth)


def mixed(net: mixing.MixingNet, prepared: Prepared):
    """Outputs (N, T, M, 2) with the network."""

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
    """Loss of the fixed movement type or of the observation (N,), whichever is lower."""
    fixed = losses_of(single(prepared, k=REFERENCE_TYPE), truth)
    return jnp.minimum(fixed, losses_of(prepared.frames.z, truth))


def objective(net: mixing.MixingNet, examples: Examples, *, quick: float):
    """What the fit minimizes; see the top of the file."""
    x, reference = mixed(net, examples.prepared), examples.reference
    ratio = losses_of(x, examples.truth) / reference
    loss = (_bounded(ratio, MAX_RATIO) * jnp.minimum(reference, MAX_WEIGHT)).mean() / 100
    square = jnp.nan_to_num((x - examples.truth) ** 2).mean(axis=-1)
    total = examples.quick[:, SKIPPED:].sum(axis=(1, 2))
    error = (examples.quick * square)[:, SKIPPED:].sum(axis=(1, 2)) / jnp.maximum(total, 1e-6)
    share = jnp.minimum(total / examples.quick.shape[2], 1.0)
    return loss + quick * (share * _bounded(error / examples.noise, MAX_QUICK)).mean()


def _bounded(ratio, limit: float):
    return jnp.where(ratio < limit, ratio, limit + jnp.log(jnp.maximum(ratio, limit) / limit))


def batched(function, truth, prepared: Prepared, size: int = 4) -> np.ndarray:
    """`function` of all clips, a few at a time."""
    compiled = jax.jit(function)
    return np.concatenate([compiled(*part) for part in _parts(truth, prepared, size)])


def _parts(truth: np.ndarray, prepared: Prepared, size: int) -> Iterator[tuple[np.ndarray, Prepared]]:
    for i in range(0, len(truth), size):
        yield truth[i : i + size], jax.tree.map(lambda a, i=i: a[i : i + size], prepared)


def compare(net: mixing.MixingNet, options: Options) -> dict[str, dict[str, float]]:
    """Mean loss on unseen `tracks` by look-ahead, beside the best single movement type."""
    rng = np.random.default_rng(2005)
    clips = [draw(rng, options.frames, plain=True) for _ in range(24)]
    figures = {}
    for lag in TEST_LAGS[options.network]:
        truth, prepared = stack(clips, [lag] * len(clips))
        types = [batched(lambda t, p, k=k: losses_of(single(p, k=k), t), truth, prepared).mean() for k in range(TYPES)]
        own = batched(lambda t, p: losses_of(mixed(net, p), t), truth, prepared).mean()
        figures[str(lag)] = {"network": float(own), "best single type": float(min(types))}
    return figures


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
