"""Records to stored crops, on the host and in NumPy alone: decode the part about the box, crop it with a margin.

Nothing here computes with JAX, so that a process that reads takes no memory of an accelerator.
"""

import os
from typing import Any

import numpy as np
from jaxtyping import Float

from fhr_jax import crop
from fhr_jax.data.io.images import ImagePart, read_part
from fhr_jax.data.records import Records, encoded
from fhr_jax.errors import InputError

MARGIN = 1.5
"""Side of a stored crop over that of the face square: room for the random scale, rotation and shift of training."""
SCALE = 1.3
"""Side of the face square over the longer side of the box."""


class Crops:
    """Examples of the square about each record's box, `SCALE` times its longer side, and `margin` times as wide.

    - "image": uint8 (S, S, 3);
    - "points": float32 (M, 2) in pixels of that crop;
    - "affine": float32 (2, 3), from pixels of the record's image to those of the crop;
    - "record": int32, the number of the record, with "dataset", "file" and "frame" as it has them.
    """

    def __init__(self, records: Records, *, size: int, landmarks: int = 68, margin: float = MARGIN):
        self._records, self._size, self._landmarks, self._margin = records, size, landmarks, margin

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> dict[str, Any]:
        record = encoded(self._records, int(index))
        points, name = record["points"], record["file"]
        if points.shape != (self._landmarks, 2):
            raise InputError(f"{name}: landmarks of shape {points.shape}, expected {(self._landmarks, 2)}")
        centre, side = _square(record["box"], self._margin * SCALE, name)
        scale = self._size / side
        part = _part(record["image"], centre, side, int(scale**-1), name)
        # By whole pixels of the photograph first: float32 keeps the fraction of a pixel in large ones.
        affine = _affine(scale, centre, self._size)
        within = _affine(scale * part.shrink, (centre - part.origin) / part.shrink, self._size)
        return {
            "image": crop.extract(part.pixels, within, self._size),
            "points": (points.astype(np.float64) @ affine[:, :2].T + affine[:, 2]).astype(np.float32),
            "affine": affine.astype(np.float32),
            "record": np.int32(index),
            **{key: record[key] for key in ("dataset", "file", "frame")},
        }

    def __repr__(self) -> str:  # compared when a run resumes
        return f"Crops({self._records!r}, size={self._size}, landmarks={self._landmarks}, margin={self._margin})"


def _square(box: np.ndarray, scale: float, name: str) -> tuple[Float[np.ndarray, "2"], float]:
    """Centre (x, y) and side of what the crop shows."""
    x, y, width, height = box.tolist()
    side = scale * max(width, height)
    if not (0 < side < np.inf and np.isfinite([x, y]).all()):
        raise InputError(f"{name}: box {x:g},{y:g},{width:g},{height:g}: expected a positive size")
    return np.array([x + width / 2, y + height / 2]), side


def _part(image: Any, centre: np.ndarray, side: float, reduction: int, name: str) -> ImagePart:
    """What the crop shows; where it shrinks the picture, perhaps at a fraction of its size, but never below 1."""
    if not isinstance(image, str | os.PathLike | bytes):
        return ImagePart(image, np.zeros(2), 1)
    shrink = next(k for k in (8, 4, 2, 1) if k <= max(reduction, 1))
    return read_part(image, centre - side / 2, centre + side / 2, shrink=shrink, name=_name(image, name))


def _name(image: Any, name: str) -> object:
    return name if isinstance(image, bytes) else image


def _affine(scale: float, centre: np.ndarray, size: int) -> Float[np.ndarray, "2 3"]:
    """`geometry.square_crop` in NumPy: the crop of `size` pixels about a centre."""
    shift = (size - 1) / 2 - scale * centre
    return np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])
