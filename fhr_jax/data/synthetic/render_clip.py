"""Render clips of synthetic faces as one camera would record them, with exact landmarks."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, PRNGKeyArray

from fhr_jax import augment
from fhr_jax.data import faces
from fhr_jax.data.examples import render_in_batches
from fhr_jax.data.faces.motion import smooth_noise
from fhr_jax.data.faces.random_draws import random_block

EXPOSURE, EXPOSURE_SECONDS = 0.03, 1.5
"""Standard deviation of the logarithm of the exposure, and the time scale of its variation."""


class RenderedClip(NamedTuple):
    """A clip of T frames.

    Attributes:
        images: (T, S, S, 3) in [0, 1].
        points: (T, 68, 2) exact landmarks in pixels (x, y).
        visible: (T, 68), inside the frame and not hidden.
    """

    images: Float[Array, "t s s 3"]
    points: Float[Array, "t 68 2"]
    visible: Bool[Array, "t 68"]


def render_clip(
    key: PRNGKeyArray,
    clip: faces.SyntheticFace,
    *,
    size: int,
    options: augment.Photometric | None = None,
) -> RenderedClip:
    """Render a clip and degrade it as one camera would.

    Blur, resolution, colours and quality of the compression are drawn once. Noise is drawn for each frame, exposure
    varies slowly, and each frame is compressed on its own.

    Args:
        key: random key of the camera, () or (2,).
        clip: T faces with a leading frame axis, from `faces.clip` or your own.
        size: side S of the frames in pixels, a multiple of 8.
        options: of `augment.photometric`; `augment.OFF` degrades nothing.

    Returns:
        Images (T, S, S, 3), landmarks (T, 68, 2) and their visibility (T, 68).
    """
    camera_key, noise_key, exposure_key = jax.random.split(key, 3)
    frames = clip.pose.shape[0]
    picture = render_in_batches(clip, size=size)
    images = picture.image
    if options != augment.OFF:
        drift = random_block(exposure_key, lambda draws: smooth_noise(draws, frames, EXPOSURE_SECONDS)[:, 0])
        exposure = jnp.exp(EXPOSURE * drift)
        exposed = jnp.clip(images * exposure[:, None, None, None], 0, 1)
        images = _degraded(camera_key, jax.random.split(noise_key, frames), exposed, options)
    return RenderedClip(images, picture.points, picture.visible)


@partial(jax.jit, static_argnames="options")
def _degraded(
    key: PRNGKeyArray,
    noise_keys: Key[Array, " t"],
    images: Float[Array, "t s s 3"],
    options: augment.Photometric | None,
) -> Float[Array, "t s s 3"]:
    def one(frame: tuple[Array, Array]) -> Array:
        return augment.photometric(key, frame[1], options=options, noise_key=frame[0])

    return jax.lax.map(one, (noise_keys, images))
