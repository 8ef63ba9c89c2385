"""Synthetic landmark tracks: where the points of a talking head are, and where a detector says they are.

The truth is the 3D face of `data.faces`, moved by `data.faces.motion`, projected and cropped to 256 x 256 as the data
of 300-VW are. The observation is made by `detector_noise`. There are 30 frames a second.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

from fhr_jax.data.faces import anatomy, shape
from fhr_jax.data.faces.motion import HeadMotion, move
from fhr_jax.data.faces.random_draws import RandomDraws, random_block
from fhr_jax.data.synthetic.detector_noise import DetectorNoise, observe

Key = PRNGKeyArray | UInt32[Array, "2"]

CROP = 256
"""Side of the crop in pixels."""

MARGIN = 1.3
"""Side of the crop in longer sides of the landmarks' box."""

FINE, FINE_WINDOW = 0.6, 9
"""Fine motion: its size if the noise were white, in the level of the noise, and the frames that it is smoothed by."""


class Tracks(NamedTuple):
    """Pairs of truth and observation, pixels of the 256 crop, (x, y).

    Attributes:
        truth: (..., T, 68, 2).
        observed: (..., T, 68, 2), NaN where the detector found nothing.
    """

    truth: Float[Array, "*batch t 68 2"]
    observed: Float[Array, "*batch t 68 2"]


def sample(
    key: Key, frames: int, *, noise: DetectorNoise | None = None, follow: float | None = None, faults: bool = True
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
    mixing = None if noise is None else (noise.shared, noise.near)
    rest = None if noise is None else noise._replace(shared=(0.0, 0.0), near=(0.0, 0.0))
    return _sample(key, frames, rest, mixing, follow, faults)


@partial(jax.jit, static_argnames=("frames", "mixing", "faults"))
def _sample(
    key: Key,
    frames: int,
    noise: DetectorNoise | None,
    mixing: tuple[tuple[float, float], tuple[float, float]] | None,
    follow: float | Float[Array, ""] | None,
    faults: bool,
) -> Tracks:
    """`sample`, compiled; `mixing` are the `shared` and `near` of the noise, which are not traced."""
    if noise is not None and mixing is not None:
        noise = noise._replace(shared=mixing[0], near=mixing[1])
    shape_key, lively_key, crop_key, level_key, noise_key, fine_key, size_key = jax.random.split(key, 7)
    liveliness = jnp.exp(0.6 * jnp.clip(jax.random.normal(lively_key), -2, 1.2))
    points = head_points(shape_key, frames, liveliness=liveliness)
    chosen = jax.random.bernoulli(crop_key).astype(points.dtype) if follow is None else follow
    noise = DetectorNoise.draw(level_key, liveliness) if noise is None else noise
    if not faults:
        noise = noise._replace(lost=0.0, missing=0.0, bias=0.0)
    truth = crop(points, follow=chosen)
    varied = jnp.exp(0.5 * jnp.clip(jax.random.normal(size_key), -2, 2))
    truth = truth + varied * fine_motion(fine_key, truth, noise)
    return Tracks(truth, observe(noise_key, truth, noise))


def fine_motion(key: Key, truth: Float[Array, "t 68 2"], noise: DetectorNoise) -> Float[Array, "t 68 2"]:
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


def batch(key: Key, tracks: int, frames: int, *, noise: DetectorNoise | None = None) -> Tracks:
    """`tracks` clips of `frames` frames each, stacked along the first axis."""
    return jax.vmap(lambda k: sample(k, frames, noise=noise))(jax.random.split(key, tracks))


def head_points(key: Key, frames: int, *, liveliness: float | Float[Array, ""] = 1.0) -> Float[Array, "t 68 2"]:
    """Landmarks of a moving, talking head in head units (inter-ocular distances), x right, y down."""
    lively = jnp.asarray(liveliness, jnp.float32)

    def person(dice: RandomDraws) -> tuple[Array, HeadMotion]:
        return dice.normal(0.8, shape=(len(anatomy.IDENTITY),)), move(dice, frames, lively)

    identity, motion = random_block(key, person)

    def frame(pose: Array, expression: Array, place: Array) -> Array:
        head = shape.head(identity, expression)
        jaw = shape.contour(head[:17], pose[0])
        turned = shape.turned(jnp.concatenate([jaw, head[17:68]]), shape.rotation(pose[0], pose[1]))
        flat = shape.perspective(turned, jnp.asarray(7.0, head.dtype))
        cos, sin = jnp.cos(pose[2]), jnp.sin(pose[2])
        x, y = flat[:, 0], flat[:, 1]
        return jnp.exp(place[2]) * jnp.stack([cos * x - sin * y + place[0], sin * x + cos * y + place[1]], axis=1)

    return jax.vmap(frame)(*motion)


def crop(points: Float[Array, "t 68 2"], *, follow: float | Float[Array, ""]) -> Float[Array, "t 68 2"]:
    """Fit the points into the crop: by the box of each frame (follow = 1), or of the first frame (0)."""
    low, high = points.min(axis=1), points.max(axis=1)
    centre, side = (low + high) / 2, MARGIN * (high - low).max(axis=1)
    centre = follow * centre + (1 - follow) * centre[:1]
    side = follow * side + (1 - follow) * side[:1]
    return (CROP - 1) / 2 + CROP * (points - centre[:, None]) / side[:, None, None]
