"""Synthetic landmark tracks: where the points of a talking head are, and where a detector says they are.

The truth is the 3D face of `fhr_jax.data.faces` turned by a random but smooth pose, with speech, smiles, brows and
blinks, projected and cropped to 256 x 256 as the data of 300-VW are. The observation is made by
`fhr_jax.data.track_noise`. Frames count as 30 a second. The constants were rounded until statistics of published
predictions on 300-VW were met: power by frequency, speed, bend, range and speed of the pose, directions of motion
(`experiments/match_tracks.py`).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

from fhr_jax.data.faces import anatomy, shape
from fhr_jax.data.track_noise import Noise, observe

Key = PRNGKeyArray | UInt32[Array, "2"]

CROP = 256
"""Side of the crop in pixels."""

MARGIN = 1.3
"""Side of the crop in longer sides of the landmarks' box."""

FINE, FINE_WINDOW = 0.6, 9
"""Fine motion: its size if the noise were white, in the level of the noise, and the frames that it is smoothed by."""

RATE = 30.0
"""Frames a second."""


class Tracks(NamedTuple):
    """Pairs of truth and observation, pixels of the 256 crop, (x, y).

    Attributes:
        truth: (..., T, 68, 2).
        observed: (..., T, 68, 2), NaN where the detector found nothing.
    """

    truth: Float[Array, "*batch t 68 2"]
    observed: Float[Array, "*batch t 68 2"]


def sample(
    key: Key, frames: int, *, noise: Noise | None = None, follow: float | None = None, faults: bool = True
) -> Tracks:
    """One clip of `frames` frames and what a detector sees of it.

    Args:
        key: random key.
        frames: T.
        noise: observation model; None draws its level as the published predictions vary between videos.
        follow: 1 crops every frame to its own landmarks, which removes slow global motion, as the crops of 300-VW;
            0 crops all frames alike; None draws one of the two.
        faults: False leaves out what no filter of complete tracks can mend: throws, drop-outs and bias by pose.
    """
    shape_key, lively_key, crop_key, level_key, noise_key, fine_key, size_key = jax.random.split(key, 7)
    liveliness = jnp.exp(0.6 * jnp.clip(jax.random.normal(lively_key), -2, 1.2))
    points = head_points(shape_key, frames, liveliness=liveliness)
    chosen = jax.random.bernoulli(crop_key).astype(points.dtype) if follow is None else follow
    noise = Noise.draw(level_key, liveliness) if noise is None else noise
    if not faults:
        noise = noise._replace(lost=0.0, missing=0.0, bias=0.0)
    truth = crop(points, follow=chosen)
    varied = jnp.exp(0.5 * jnp.clip(jax.random.normal(size_key), -2, 2))
    truth = truth + varied * fine_motion(fine_key, truth, noise)
    return Tracks(truth, observe(noise_key, truth, noise))


def fine_motion(key: Key, truth: Float[Array, "t 68 2"], noise: Noise) -> Float[Array, "t 68 2"]:
    """Small slow motion of single points that no model of a head makes: skin, hair line, and slow errors of a detector.

    Published predictions, smoothed, still step along every direction with about a tenth of the variance of their noise,
    where the head above hardly moves in most. So it is made as the noise is, smoothed by `FINE_WINDOW` frames.
    """
    rough = observe(key, truth, noise._replace(lost=0.0, missing=0.0, bias=0.0)) - truth
    kernel = jnp.hanning(FINE_WINDOW + 2)[1:-1]
    kernel = FINE / jnp.linalg.norm(kernel) * kernel
    half = FINE_WINDOW // 2
    padded = jnp.pad(rough.reshape(len(rough), -1), ((half, half), (0, 0)))
    smooth = jax.vmap(lambda x: jnp.convolve(x, kernel, mode="valid"), in_axes=1, out_axes=1)(padded)
    return smooth.reshape(truth.shape)


def batch(key: Key, tracks: int, frames: int, *, noise: Noise | None = None) -> Tracks:
    """`tracks` clips of `frames` frames each, stacked along the first axis."""
    return jax.vmap(lambda k: sample(k, frames, noise=noise))(jax.random.split(key, tracks))


def head_points(key: Key, frames: int, *, liveliness: float | Float[Array, ""] = 1.0) -> Float[Array, "t 68 2"]:
    """Landmarks of a moving, talking head in head units (inter-ocular distances), x right, y down."""
    keys = jax.random.split(key, 4)
    liveliness = jnp.asarray(liveliness, jnp.float32)
    identity = 0.8 * jax.random.normal(keys[0], (len(anatomy.IDENTITY),))
    pose = _pose(keys[1], frames, liveliness)
    expression = _expression(keys[2], frames, liveliness)
    place = _place(keys[3], frames, liveliness)

    def frame(pose: Array, expression: Array, place: Array) -> Array:
        head = shape.head(identity, expression)
        front = jnp.asarray(anatomy.CONTOUR_FRONT, head.dtype)
        jaw = shape.outline(head[:17], jnp.concatenate([front, front[-2::-1]]), pose[0])
        turned = shape.turned(jnp.concatenate([jaw, head[17:68]]), shape.rotation(pose[0], pose[1]))
        flat = shape.perspective(turned, jnp.asarray(7.0, head.dtype))
        cos, sin = jnp.cos(pose[2]), jnp.sin(pose[2])
        x, y = flat[:, 0], flat[:, 1]
        return jnp.exp(place[2]) * jnp.stack([cos * x - sin * y + place[0], sin * x + cos * y + place[1]], axis=1)

    return jax.vmap(frame)(pose, expression, place)


def crop(points: Float[Array, "t 68 2"], *, follow: float | Float[Array, ""]) -> Float[Array, "t 68 2"]:
    """Fit the points into the crop: by the box of each frame (follow = 1), or of the first frame (0)."""
    low, high = points.min(axis=1), points.max(axis=1)
    centre, side = (low + high) / 2, MARGIN * (high - low).max(axis=1)
    centre = follow * centre + (1 - follow) * centre[:1]
    side = follow * side + (1 - follow) * side[:1]
    return (CROP - 1) / 2 + CROP * (points - centre[:, None]) / side[:, None, None]


def wander(key: Key, frames: int, seconds: float, *, size: int = 1) -> Float[Array, "t size"]:
    """Smooth stationary noise of variance 1 whose turns take about `seconds`: a sum of random waves."""
    waves = 24
    frequency_key, phase_key, weight_key = jax.random.split(key, 3)
    frequency = jnp.abs(jax.random.normal(frequency_key, (waves, size))) / (2 * jnp.pi * seconds)
    phase = 2 * jnp.pi * jax.random.uniform(phase_key, (waves, size))
    weight = jax.random.normal(weight_key, (waves, size)) / jnp.sqrt(waves / 2)
    time = jnp.arange(frames)[:, None, None] / RATE
    return (weight[None] * jnp.sin(2 * jnp.pi * frequency[None] * time + phase[None])).sum(axis=1)


def _moves(key: Key, frames: int, *, every: float, lasting: tuple[float, float]) -> Float[Array, "t"]:
    """Steps from one random rest (variance 1) to the next, smooth (minimum jerk), at random times."""
    steps = max(1, round(frames / RATE / every))
    time_key, length_key, size_key = jax.random.split(key, 3)
    start = jax.random.uniform(time_key, (steps,), minval=0, maxval=frames / RATE)
    length = jax.random.uniform(length_key, (steps,), minval=lasting[0], maxval=lasting[1])
    rests = jax.random.normal(size_key, (steps + 1,))
    time = jnp.arange(frames)[:, None] / RATE
    u = jnp.clip((time - jnp.sort(start)[None]) / length[None], 0, 1)
    return rests[0] + (u**3 * (10 - 15 * u + 6 * u**2) * (rests[1:] - rests[:-1])[None]).sum(axis=1)


def _pose(key: Key, frames: int, liveliness: Array) -> Float[Array, "t 3"]:
    """Yaw, pitch, roll in radians: drift, turns and nods."""
    keys = jax.random.split(key, 8)
    drift = wander(keys[0], frames, 0.6, size=3) * jnp.array([[0.08, 0.03, 0.03]])
    sway = wander(keys[7], frames, 0.22, size=3) * jnp.array([[0.03, 0.025, 0.015]])
    tremor = wander(keys[1], frames, 0.12, size=3) * jnp.array([[0.004, 0.004, 0.003]])
    turn = 0.28 * _moves(keys[2], frames, every=3.0, lasting=(0.45, 1.3))
    bow = 0.10 * _moves(keys[3], frames, every=3.0, lasting=(0.3, 1.0))
    tilt = 0.07 * _moves(keys[4], frames, every=4.0, lasting=(0.4, 1.2))
    nodding = jax.nn.sigmoid(4 * (_moves(keys[5], frames, every=2.5, lasting=(0.3, 0.6)) - 1))
    nod = 0.05 * nodding * wander(keys[6], frames, 0.22)[:, 0]
    limited = jnp.stack([0.7 * jnp.tanh(turn / 0.7), bow + nod, tilt], axis=1)
    return liveliness * (sway + tremor) + liveliness**0.75 * (drift + limited)


def _expression(key: Key, frames: int, liveliness: Array) -> Float[Array, "t e"]:
    """Coefficients of `anatomy.EXPRESSION`: jaw, smile, pucker, press, lids, squint, brows up, together, nose."""
    keys = jax.random.split(key, 8)
    talking = jax.nn.sigmoid(5 * _moves(keys[0], frames, every=2.5, lasting=(0.2, 0.5)))
    syllables = wander(keys[1], frames, 0.08, size=3) * talking[:, None]
    jaw = 0.25 * jax.nn.softplus(2 * syllables[:, 0] - 0.6) * jnp.sqrt(liveliness)
    pucker, press = 0.35 * jax.nn.relu(syllables[:, 1]), 0.3 * jax.nn.relu(syllables[:, 2])
    smile = jax.nn.sigmoid(2 * _moves(keys[2], frames, every=4.0, lasting=(0.3, 1.0)) - 1)
    up = 0.8 * jax.nn.sigmoid(2.5 * _moves(keys[3], frames, every=3.0, lasting=(0.2, 0.6)) - 2)
    together = 0.6 * jax.nn.sigmoid(2 * _moves(keys[4], frames, every=4.0, lasting=(0.3, 0.8)) - 2)
    squint = 0.4 * jax.nn.sigmoid(2 * _moves(keys[5], frames, every=4.0, lasting=(0.3, 0.8)) - 1)
    nose = 0.3 * jax.nn.relu(wander(keys[6], frames, 0.5)[:, 0])
    lid = blinks(keys[7], frames)
    known = jnp.stack([jaw, smile, pucker, press, lid, lid, squint, up, together, nose], axis=1)
    return jnp.pad(known, ((0, 0), (0, len(anatomy.EXPRESSION) - known.shape[1])))


def blinks(key: Key, frames: int, *, every: float = 3.5) -> Float[Array, "t"]:
    """Closure of the lids in [0, 1]: down in about 0.1 s, up in about 0.2 s."""
    number = max(1, round(frames / RATE / every))
    time_key, speed_key, depth_key = jax.random.split(key, 3)
    start = jax.random.uniform(time_key, (number,), minval=0, maxval=frames / RATE)
    pace = jax.random.uniform(speed_key, (number,), minval=0.8, maxval=1.4)
    depth = jax.random.uniform(depth_key, (number,), minval=0.6, maxval=1.0)
    t = (jnp.arange(frames)[:, None] / RATE - start[None]) / pace[None]

    def ease(u: Array) -> Array:
        u = jnp.clip(u, 0, 1)
        return u**2 * (3 - 2 * u)

    return (depth[None] * (ease(t / 0.11) - ease((t - 0.14) / 0.2))).max(axis=1)


def _place(key: Key, frames: int, liveliness: Array) -> Float[Array, "t 3"]:
    """Shift (x, y) in head units and log size: a person who sways before the camera."""
    drift_key, tremor_key = jax.random.split(key)
    drift = wander(drift_key, frames, 0.7, size=3) * jnp.array([[0.08, 0.05, 0.03]])
    tremor = wander(tremor_key, frames, 0.12, size=3) * jnp.array([[0.004, 0.004, 0.001]])
    return liveliness * (drift + tremor)
