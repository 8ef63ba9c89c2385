"""Who a face is: where it was, how it moved, its size, the shape of its landmarks, the colours of skin and hair.

It tells faces apart that cross, or that are found again; it does not know people by their faces.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, UInt8

from fhr_jax import crop, geometry
from fhr_jax.pipeline.crop_region import CropRegion

LOOK = 8
"""Side of the small picture of a face in pixels."""
LOOK_PART = 0.75
"""Side of its square over that of the crop region: without most of the background."""
MEMORY = 30.0
"""Frames of 1/30 s over which shape, look and confidence are averaged."""
VELOCITY_MEMORY = 2.0
"""Frames over which the velocity is averaged."""
QUICK = 0.04
"""Speed over the side of the region, a frame, from which the region is moved ahead."""
COASTING = 12.0
"""Frames after which a face that is lost is expected to stand still."""
POSITION_SIGMA, POSITION_GROWTH = 0.12, 0.06
"""Standard deviation of the position over the side of the region, and what each lost frame adds to it."""
SIZE_SIGMA, SIZE_GROWTH = 0.12, 0.004
"""Of the logarithm of the size, and what each lost frame adds."""
SHAPE_SIGMA = 0.07
"""Of the landmarks over their root mean square distance to the centroid, as a root mean square."""
LOOK_SIGMA = 0.03
"""Of the small picture, in [0, 1], as a root mean square."""
FOREIGN = 0.15
"""Difference of a pixel from its mean from which something else hides the face there."""
TYPICAL = 0.6
"""Share of the landmarks, and of the pixels, that count: those that fit best, because others may be hidden."""
MAX_COST = 12.0
"""Sum of the differences from which a face that is found is not the one that was lost."""
MAX_PART, MAX_JUMP = 8.0, 11.0
"""Bound on each difference, and their sum from which landmarks have slipped to somebody else from one frame to the
next: one of them alone, as a flash of light, does not suffice."""


class FaceIdentity(NamedTuple):
    """What is known of one face of M landmarks.

    Attributes:
        region: square region of its last landmarks.
        velocity: of its centre (2,), pixels a frame of 1/30 s.
        shape: mean landmarks (M, 2), without place, size and roll.
        look: mean small picture (8, 8, 3), RGB in [0, 1].
        frames: over which they were averaged, in frames of 1/30 s.
    """

    region: CropRegion
    velocity: Float[np.ndarray, "2"]
    shape: Float[np.ndarray, "m 2"]
    look: Float32[np.ndarray, "8 8 3"]
    frames: float


def look_of(image: UInt8[np.ndarray, "h w 3"], region: CropRegion) -> Float32[np.ndarray, "8 8 3"]:
    """A small picture (8, 8, 3) of the inner part of a region, RGB in [0, 1]; NaN outside the image (H, W, 3)."""
    affine = geometry.square_crop_on_host(region.centre, LOOK_PART * region.side, LOOK)
    look = crop.extract(image, affine, LOOK).astype(np.float32) / 255
    columns, rows = (np.arange(LOOK)[None] - affine[:, 2:]) / affine[[0, 1], [0, 1]][:, None]
    look[(rows < 0) | (rows > image.shape[0] - 1)] = np.nan
    look[:, (columns < 0) | (columns > image.shape[1] - 1)] = np.nan
    return look


def shape_of(points: Float[np.ndarray, "m 2"]) -> Float[np.ndarray, "m 2"]:
    """The landmarks (M, 2), pixels (x, y), about their centroid, with a root mean square distance of 1 to it."""
    centred = points - points.mean(axis=0)
    return centred / max(float(np.sqrt((centred**2).sum(axis=1).mean())), 1e-6)


def begin(
    points: Float[np.ndarray, "m 2"], region: CropRegion, look: Float32[np.ndarray, "8 8 3"] | None
) -> FaceIdentity:
    """The identity of a new face.

    Args:
        points: its landmarks (M, 2) in pixels.
        region: of the landmarks.
        look: of the region; None beside another face.
    """
    unknown = np.full((LOOK, LOOK, 3), np.nan, np.float32)
    return FaceIdentity(region, np.zeros(2), shape_of(points), unknown if look is None else look, 1.0)


def update(
    identity: FaceIdentity,
    points: Float[np.ndarray, "m 2"],
    region: CropRegion,
    look: Float32[np.ndarray, "8 8 3"] | None,
    *,
    elapsed: float,
) -> FaceIdentity:
    """The identity after another frame.

    Args:
        identity: so far.
        points: its landmarks (M, 2) in pixels.
        region: of the landmarks.
        look: of the region; None leaves shape and look as they are, as beside another face.
        elapsed: frames of 1/30 s since the last one, above 0.
    """
    share = 1 - np.exp(-elapsed / VELOCITY_MEMORY) if identity.velocity.any() else 1.0
    moved = (region.centre - identity.region.centre) / elapsed
    identity = identity._replace(region=region, velocity=identity.velocity + share * (moved - identity.velocity))
    if look is None:
        return identity
    frames = min(identity.frames + elapsed, MEMORY)
    part = min(elapsed / frames, 1.0)
    shape = identity.shape + part * (shape_of(points) - identity.shape)
    near = np.abs(look - identity.look).max(axis=-1, keepdims=True) < FOREIGN
    mean = np.where(near, identity.look + np.float32(part) * (look - identity.look), identity.look)
    mean = np.where(np.isnan(identity.look), look, mean)
    return identity._replace(shape=shape, look=mean, frames=frames)


def next_region(identity: FaceIdentity, stabilized: CropRegion) -> CropRegion:
    """Where to look for the face in the next frame.

    A face that rests, or moves slowly, is where its stabilized landmarks are; a quick one is ahead of those that the
    net found.

    Args:
        identity: after the frame.
        stabilized: region of the stabilized landmarks.
    """
    if np.linalg.norm(identity.velocity) < QUICK * identity.region.side:
        return stabilized
    return CropRegion(identity.region.centre + identity.velocity, identity.region.side)


def expected_region(identity: FaceIdentity, *, elapsed: float) -> CropRegion:
    """Where the face should be `elapsed` frames of 1/30 s after it was last seen: it slows down."""
    ahead = COASTING * (1 - np.exp(-elapsed / COASTING))
    return CropRegion(identity.region.centre + ahead * identity.velocity, identity.region.side)


def differences(
    identity: FaceIdentity,
    points: Float[np.ndarray, "m 2"],
    region: CropRegion,
    look: Float32[np.ndarray, "8 8 3"],
    *,
    elapsed: float,
) -> Float[np.ndarray, "4"]:
    """How badly a face fits an identity: half the squares (4,) of position, size, shape and look over their sigmas.

    Args:
        identity: that it may be.
        points: landmarks (M, 2) of the face in pixels.
        region: of them.
        look: of the region.
        elapsed: frames of 1/30 s since the identity was seen.
    """
    expected = expected_region(identity, elapsed=elapsed)
    distance = np.linalg.norm(region.centre - expected.centre) / max(region.side, expected.side)
    parts = (
        distance / (POSITION_SIGMA + POSITION_GROWTH * elapsed),
        np.log(region.side / expected.side) / (SIZE_SIGMA + SIZE_GROWTH * elapsed),
        _typical(np.linalg.norm(shape_of(points) - identity.shape, axis=1)) / SHAPE_SIGMA,
        _typical(np.sqrt(((look - identity.look) ** 2).mean(axis=-1)).ravel()) / LOOK_SIGMA,
    )
    return 0.5 * np.square(np.array(parts))


def _typical(distances: Float[np.ndarray, " n"]) -> float:
    """The mean of the smaller part of the distances (N,) that are known: a part of a face may be hidden."""
    known = np.sort(distances[~np.isnan(distances)])
    return float(known[: max(1, int(TYPICAL * len(known)))].mean()) if len(known) else 0.0
