"""Clips of synthetic faces as a camera would film them, with exact landmarks, for detectors of any kind.

The person of `data.faces.motion` speaks, turns, sways and blinks, more often than people do. The camera does not move.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, UInt8

from fhr_jax import augment
from fhr_jax.data import faces
from fhr_jax.data.faces.motion import blinks, even_clock
from fhr_jax.data.faces.random_draws import random_block
from fhr_jax.data.synthetic.render_clip import render_clip

BLINK_EVERY = 1.5
"""Seconds of a clip per blink, so that a short clip has several."""

FRAME_SCALE = 2.0
"""Side of the frame over the longer side of the box of the landmarks, in the first frame."""

CAMERA = augment.OFF._replace(
    brightness=0.08,
    contrast=0.12,
    gamma=0.12,
    cast=0.05,
    blur=0.6,
    blur_chance=0.5,
    noise=0.03,
    noise_chance=1.0,
    quality=(50.0, 90.0),
    jpeg_chance=1.0,
)
"""A camera of today: noise and compression in every clip, no low resolution. A blur may hide a lid that is a few pixels
high, and then the detector is measured and not the filter."""

_LIDS = slice(4, 6)
"""Columns of the lids in `anatomy.EXPRESSION`."""


class FilmedClip(NamedTuple):
    """A clip of T frames.

    Attributes:
        images: (T, S, S, 3), RGB bytes.
        truth: (T, 68, 2), exact landmarks in pixels (x, y).
    """

    images: UInt8[np.ndarray, "t s s 3"]
    truth: Float[np.ndarray, "t 68 2"]


def film(key: PRNGKeyArray, frames: int, *, size: int) -> FilmedClip:
    """Film one random person, who faces the camera on average.

    Nothing hides the eyes: there are no glasses, and no hand in front of the face.

    Args:
        key: random key, () or (2,).
        frames: number of frames T, at 30 a second.
        size: side S of the frames in pixels, a multiple of 8.
    """
    face_key, camera_key = jax.random.split(key)
    shot = render_clip(camera_key, person(face_key, frames), size=size, options=CAMERA)
    images = np.round(255 * np.asarray(shot.images)).astype(np.uint8)
    return FilmedClip(images, np.asarray(shot.points))


@partial(jax.jit, static_argnames=("frames", "scale"))
def person(key: PRNGKeyArray, frames: int, *, scale: float = FRAME_SCALE) -> faces.SyntheticFace:
    """The parameters of a person who blinks often; the camera is placed for the first frame.

    Args:
        key: random key, () or (2,).
        frames: number of frames T; each leaf of the result begins with an axis (T,).
        scale: side of the frame over the longer side of the landmarks' box, in the first frame.
    """
    clip_key, blink_key = jax.random.split(key)
    clip = faces.clip(clip_key, frames)
    for name in ("glasses", "occluder"):
        clip = faces.ABLATIONS[name](clip)
    closed = random_block(blink_key, lambda draws: blinks(draws, even_clock(frames), every=BLINK_EVERY))
    lids = jnp.maximum(clip.expression[:, _LIDS], closed[:, None])
    clip = clip._replace(
        pose=clip.pose - clip.pose.mean(axis=0, keepdims=True), expression=clip.expression.at[:, _LIDS].set(lids)
    )
    return _on_a_tripod(clip, scale)


def _on_a_tripod(clip: faces.SyntheticFace, scale: float) -> faces.SyntheticFace:
    """Place the camera for the first frame."""
    first: faces.SyntheticFace = jax.tree.map(lambda leaf: leaf[0], clip)
    view = faces.fill(first, scale=scale).view
    zoom: Array = view.scale / first.view.scale
    moved = clip.view._replace(
        centre=view.centre[None] + (clip.view.centre - first.view.centre[None]) * zoom, scale=clip.view.scale * zoom
    )
    return clip._replace(view=moved)
