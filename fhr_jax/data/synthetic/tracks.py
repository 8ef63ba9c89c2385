"""Synthetic landmark tracks: the true landmarks of a talking head, and what a detector reports.

The truth is the 3D face of `data.faces`, moved by `data.faces.motion`, projected, and cropped to 256 x 256 pixels like
the predictions on 300-VW. `detector_noise` makes the observation. There are 30 frames a second.
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
from fhr_jax.geometry import landmark_square, points_in_crop

Key = PRNGKeyArray | UInt32[Array, "2"]

CROP = 256
"""Side of the crop in pixels."""

FINE, FINE_WINDOW = 0.6, 9
"""Fine motion: its size relative to the level of the noise, and the number of frames that it is smoothed over."""


class Tracks(NamedTuple):
    """Truth and observation, in pixels (x, y) of the 256 crop.

    Attributes:
        truth: (..., T, 68, 2).
        observed: (..., T, 68, 2), NaN where the detector reports nothing.
    """

    truth: Float[Array, "*batch t 68 2"]
    observed: Float[Array, "*batch t 68 2"]


def sample(
    key: Key, frames: int, *, noise: DetectorNoise | None = None, follow: float | None = None, faults: bool = True
) -> Tracks:
    """One random track, and what a detector reports for it.

    Args:
        key: random key, () or (2,).
        frames: number of frames T.
        noise: model of the detector; None draws one, as `DetectorNoise.draw` does.
        follow: 1 crops each frame to its own landmarks, which removes slow global motion, like the crops of 300-VW;
            0 crops all frames alike; None draws one of the two.
        faults: False removes what a filter of complete tracks cannot repair: outliers, drop-outs and bias by pose.

    Returns:
        Truth and observation, each (T, 68, 2).
    """
    mixing = None if noise is None else (noise.common_share, noise.neighbour_share)
    rest = None if noise is None else noise._replace(common_share=(0.0, 0.0), neighbour_share=(0.0, 0.0))
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
    """`sample`, compiled; `mixing` holds `common_share` and `neighbour_share` of the noise, which are not traced."""
    if noise is not None and mixing is not None:
        noise = noise._replace(common_share=mixing[0], neighbour_share=mixing[1])
    shape_key, lively_key, crop_key, level_key, noise_key, fine_key, size_key = jax.random.split(key, 7)
    liveliness = jnp.exp(0.6 * jnp.clip(jax.random.normal(lively_key), -2, 1.2))
    points = head_points(shape_key, frames, liveliness=liveliness)
    chosen = jax.random.bernoulli(crop_key).astype(points.dtype) if follow is None else follow
    noise = DetectorNoise.draw(level_key, liveliness=liveliness) if noise is None else noise
    if not faults:
        noise = noise._replace(outlier_rate=0.0, dropout_rate=0.0, pose_bias=0.0)
    truth = crop(points, follow=chosen)
    fine_size = jnp.exp(0.5 * jnp.clip(jax.random.normal(size_key), -2, 2))
    truth = truth + fine_size * fine_motion(fine_key, truth, noise)
    return Tracks(truth, observe(noise_key, truth, noise))


def fine_motion(key: Key, truth: Float[Array, "t 68 2"], noise: DetectorNoise) -> Float[Array, "t 68 2"]:
    """Small slow motion of single points that the model of the head lacks: of the skin, and slow detector errors.

    Smoothed published predictions still move along every direction of the space of landmarks, with about a tenth of the
    variance of their noise, while the model of the head hardly moves along most. So this motion is generated like the
    noise, and smoothed over `FINE_WINDOW` frames.

    Args:
        key: random key, () or (2,).
        truth: landmarks (T, 68, 2) in pixels of the 256 crop.
        noise: model of the detector, which sets the size.

    Returns:
        Displacements (T, 68, 2) in pixels.
    """
    rough = observe(key, truth, noise._replace(outlier_rate=0.0, dropout_rate=0.0, pose_bias=0.0)) - truth
    kernel = jnp.hanning(FINE_WINDOW + 2)[1:-1]
    kernel = FINE / jnp.linalg.norm(kernel) * kernel
    half = FINE_WINDOW // 2
    padded = jnp.pad(rough.reshape(len(rough), -1), ((half, half), (0, 0)))
    smooth = jax.vmap(lambda x: jnp.convolve(x, kernel, mode="valid"), in_axes=1, out_axes=1)(padded)
    return smooth.reshape(truth.shape)


def batch(key: Key, tracks: int, frames: int, *, noise: DetectorNoise | None = None) -> Tracks:
    """Several tracks of equal length, stacked along the first axis.

    Args:
        key: random key, () or (2,).
        tracks: number of tracks B.
        frames: frames T of each.
        noise: model of the detector; None draws one for each track.

    Returns:
        Truth and observation, each (B, T, 68, 2).
    """
    return jax.vmap(lambda k: sample(k, frames, noise=noise))(jax.random.split(key, tracks))


def head_points(key: Key, frames: int, *, liveliness: float | Float[Array, ""] = 1.0) -> Float[Array, "t 68 2"]:
    """Landmarks of a moving, talking head.

    Args:
        key: random key, () or (2,).
        frames: number of frames T.
        liveliness: amount of motion, ().

    Returns:
        Landmarks (T, 68, 2) in inter-ocular distances, x right, y down.
    """
    lively = jnp.asarray(liveliness, jnp.float32)

    def person(draws: RandomDraws) -> tuple[Array, HeadMotion]:
        return draws.normal(0.8, shape=(len(anatomy.IDENTITY),)), move(draws, frames, lively)

    return project(*random_block(key, person))


def project(
    identity: Float[Array, "k"], motion: HeadMotion, *, local: Float[Array, "t 68 3"] | None = None
) -> Float[Array, "t 68 2"]:
    """Landmarks of one person who moves.

    Args:
        identity: coefficients of `anatomy.IDENTITY`, (K,).
        motion: of T frames.
        local: displacements of the landmarks of the frontal head, (T, 68, 3) in inter-ocular distances.

    Returns:
        Landmarks (T, 68, 2) in inter-ocular distances, x right, y down.
    """

    def frame(pose: Array, expression: Array, place: Array, moved: Array | None) -> Array:
        head = shape.head(identity, expression)
        if moved is not None:
            head = head[:68] + moved
        jaw = shape.contour(head[:17], pose[0], pose[1])
        rotated = shape.rotate(jnp.concatenate([jaw, head[17:68]]), shape.rotation(pose[0], pose[1]))
        flat = shape.perspective(rotated, jnp.asarray(7.0, head.dtype))
        cos, sin = jnp.cos(pose[2]), jnp.sin(pose[2])
        x, y = flat[:, 0], flat[:, 1]
        return jnp.exp(place[2]) * jnp.stack([cos * x - sin * y + place[0], sin * x + cos * y + place[1]], axis=1)

    return jax.vmap(frame)(*motion, local)


def crop(points: Float[Array, "t 68 2"], *, follow: float | Float[Array, ""]) -> Float[Array, "t 68 2"]:
    """Landmarks (T, 68, 2) in pixels of the 256 crop of each frame's own box (`follow` 1) or of the first one's (0)."""
    centre, side = jax.vmap(landmark_square)(points)
    centre = follow * centre + (1 - follow) * centre[:1]
    side = follow * side + (1 - follow) * side[:1]
    return points_in_crop(points, centre=centre, side=side, size=CROP)
