"""Clips of several synthetic people who walk past each other before a still camera, with exact landmarks.

Everybody keeps a distance to the camera, turns, speaks and blinks, walks to and fro across the picture and beyond its
edges. Nearer people hide farther ones.
"""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, PRNGKeyArray, UInt8

from fhr_jax import geometry
from fhr_jax.benchmark.filmed_clips import person
from fhr_jax.data import examples
from fhr_jax.data.scenes.backgrounds import background
from fhr_jax.data.scenes.patches import FRAME, Patches, cut_out

PATCH = 192
"""Side of a rendered head in pixels."""
SIZES = (48.0, 130.0)
"""Longer side of the landmarks' box of the farthest and of the nearest person, in pixels of 480 rows."""
SPEED = (0.08, 0.33)
"""Slowest and fastest person, in sizes of the landmarks' box a frame. The box is about 14 cm wide, so that the fastest
walks at 1.4 m a second."""
MAX_COVERED = 0.3
"""Share of the landmarks' box that nearer people may hide for the face to count as visible."""
MIN_INSIDE = 0.8
"""Share of the landmarks' box that must lie in the picture for the face to count as visible."""
MAX_HIDDEN = 0.85
"""Share that may be hidden, or outside, for an output not to count as false."""
NOISE = 3.0
"""Standard deviation of the noise of the camera in grey levels."""


class CrossingFaces(NamedTuple):
    """A clip of T frames with F people.

    Attributes:
        images: (T, H, W, 3), RGB bytes.
        truth: (F, T, 68, 2), exact landmarks in pixels (x, y), also where they are hidden or outside.
        visible: (F, T), whether the face has to be found.
        present: (F, T), whether a part of the face can be seen.
    """

    images: UInt8[np.ndarray, "t h w 3"]
    truth: Float[np.ndarray, "f t 68 2"]
    visible: Bool[np.ndarray, "f t"]
    present: Bool[np.ndarray, "f t"]


def film(
    key: PRNGKeyArray, people: int, frames: int, *, height: int = 480, width: int = 640, hold: int = 1
) -> CrossingFaces:
    """Film people who cross.

    Args:
        key: random key, () or (2,).
        people: number F.
        frames: number T, at 30 a second.
        height: H of the picture in pixels.
        width: W of the picture in pixels.
        hold: frames for which a head looks the same, while it is moved in each; rendering takes the time.
    """
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())
    behind = background(rng, height, width).astype(np.float32)
    people_key = jax.random.split(key, people)
    heads = [heads_of(own, -(-frames // hold), hold=hold) for own in people_key]
    walks = [_walk(rng, k, people, frames, height, width) for k in range(people)]  # the farthest first
    images = np.empty((frames, height, width, 3), np.uint8)
    truth = np.empty((people, frames, 68, 2))
    covered, inside = np.zeros((people, frames)), np.zeros((people, frames))
    for t in range(frames):
        picture = behind
        for k, (head, walk) in enumerate(zip(heads, walks, strict=True)):
            scale, centre = walk.scale * FRAME / PATCH, walk.centre[t]
            affine = np.column_stack([scale * np.eye(2), centre - scale * geometry.grid_centre(PATCH)])
            pasted, alpha = _moved(head.pixels[t // hold], affine, (width, height))
            picture = picture * (1 - alpha) + walk.light * pasted
            truth[k, t] = head.points[t // hold] @ affine[:, :2].T + affine[:, 2]
            box = geometry.box_of(truth[k, t])
            inside[k, t] = _share(np.ones((height, width)), box)
            for farther in range(k):
                covered[farther, t] += _share(alpha[..., 0], geometry.box_of(truth[farther, t]))
        images[t] = np.round(picture + rng.normal(0, NOISE, picture.shape)).clip(0, 255).astype(np.uint8)
    visible = (covered <= MAX_COVERED) & (inside >= MIN_INSIDE)
    return CrossingFaces(images, truth, visible, (covered < MAX_HIDDEN) & (inside > 1 - MAX_HIDDEN))


def heads_of(key: PRNGKeyArray, frames: int, *, hold: int = 1) -> Patches:
    """The head of one person in T frames, cut out.

    Args:
        key: random key, () or (2,).
        frames: number T.
        hold: frames of 1/30 s from one to the next.
    """
    clip = jax.tree.map(lambda leaf: leaf[::hold], person(key, frames * hold, scale=FRAME))
    order = np.arange(-(-frames // examples.BATCH) * examples.BATCH) % frames
    batches = [jax.tree.map(lambda leaf, rows=rows: leaf[rows], clip) for rows in order.reshape(-1, examples.BATCH)]
    parts = [cut_out(batch, size=PATCH) for batch in batches]
    pixels, points = (np.concatenate(arrays)[:frames] for arrays in zip(*parts, strict=True))
    return Patches(pixels, points)


class _Walk(NamedTuple):
    """How a person crosses the picture: centre of the head (T, 2), longer side of the landmarks' box, and the light."""

    centre: np.ndarray
    scale: float
    light: np.ndarray


def _walk(rng: np.random.Generator, number: int, people: int, frames: int, height: int, width: int) -> _Walk:
    far, near = np.log(SIZES) + np.log(height / 480)
    scale = float(np.exp(far + (near - far) * (number + rng.uniform(0, 0.7)) / people))
    time, reach = np.arange(frames) / 30, rng.uniform(0.25, 0.65) * width
    period = 2 * np.pi * reach / (30 * scale * rng.uniform(*SPEED))  # seconds, so that this is the highest speed
    across = width / 2 + reach * np.sin(2 * np.pi * (time / period + rng.random()))
    row = rng.uniform(0.3, 0.6) * height + 0.04 * scale * np.sin(2 * np.pi * 1.8 * time + rng.uniform(0, 6))
    light = rng.uniform(0.7, 1.1) * rng.uniform(0.95, 1.05, 3)
    return _Walk(np.stack([across, row], axis=1), scale, light)


def _moved(
    patch: UInt8[np.ndarray, "s s 4"], affine: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """A head in the picture: colour times opacity (H, W, 3) and opacity (H, W, 1). Shoulders go on to the bottom."""
    import cv2

    below = int(size[1] / affine[0, 0])
    whole = cv2.copyMakeBorder(patch, 0, below, 0, 0, cv2.BORDER_REPLICATE)
    pasted = cv2.warpAffine(whole, affine, size, flags=cv2.INTER_LINEAR).astype(np.float32)
    return pasted[..., :3], pasted[..., 3:] / 255


def _share(mask: np.ndarray, box: np.ndarray) -> float:
    """The sum of a mask (H, W) over a box, divided by the area of the box."""
    x, y, width, height = (float(value) for value in box)
    left, top = max(round(x), 0), max(round(y), 0)
    right, bottom = max(round(x + width), left), max(round(y + height), top)
    return float(mask[top:bottom, left:right].sum()) / (width * height)
