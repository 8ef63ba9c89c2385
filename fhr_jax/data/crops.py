"""From records to stored crops: decode the part of the image around the box, and crop it with a margin.

Everything runs in NumPy on the host, so that reading processes take no memory of an accelerator.
"""

import os
from typing import Any

import numpy as np
from jaxtyping import Float

from fhr_jax import crop, geometry
from fhr_jax.data.io.images import ImagePart, read_part
from fhr_jax.data.records import Records, encoded
from fhr_jax.errors import InputError

MARGIN = 1.5
"""Side of a stored crop over that of the face square: room for the random scale, rotation and shift of training."""


class Crops:
    """One example for each record: the square around its box, cropped.

    The side of the square is `margin` * `geometry.CROP_SCALE` times the longer side of the box. An example has

    - "image": uint8 (S, S, 3), RGB;
    - "points": float32 (M, 2), landmarks in pixels (x, y) of the crop;
    - "affine": float32 (2, 3), from pixels of the record's image to those of the crop;
    - "record": int32 (), index of the record; and "dataset", "file" and "frame" of the record.

    Args:
        records: single faces.
        size: side S of the crops in pixels.
        landmarks: M; a record with another number raises InputError.
        margin: side of a crop over that of the face square.
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
        centre, side = _crop_square(record["box"], self._margin, name)
        scale = self._size / side
        part = _decode(record["image"], centre, side, int(scale**-1), name)
        affine = geometry.square_crop_on_host(centre, side, self._size)
        local = (centre - part.origin) / part.shrink
        within = geometry.square_crop_on_host(local, side / part.shrink, self._size)
        return {
            "image": crop.extract(part.pixels, within, self._size),
            "points": (points.astype(np.float64) @ affine[:, :2].T + affine[:, 2]).astype(np.float32),
            "affine": affine.astype(np.float32),
            "record": np.int32(index),
            **{key: record[key] for key in ("dataset", "file", "frame")},
        }

    def __repr__(self) -> str:  # a run compares it when it resumes
        return f"Crops({self._records!r}, size={self._size}, landmarks={self._landmarks}, margin={self._margin})"


def _crop_square(box: np.ndarray, margin: float, name: str) -> tuple[Float[np.ndarray, "2"], float]:
    """Centre (x, y) and side of the square that the crop shows, in image pixels."""
    centre, side = geometry.square_of_box(box.astype(np.float64), scale=margin * geometry.CROP_SCALE)
    if not (0 < side < np.inf and np.isfinite(box[:2]).all()):
        x, y, width, height = box.tolist()
        raise InputError(f"{name}: box {x:g},{y:g},{width:g},{height:g}: expected a positive size")
    return centre, float(side)


def _decode(image: Any, centre: np.ndarray, side: float, reduction: int, name: str) -> ImagePart:
    """Decode what the crop shows; where the crop shrinks a JPEG by k, at 1/8, 1/4 or 1/2 of its size, at least 1/k."""
    if not isinstance(image, str | os.PathLike | bytes):
        return ImagePart(image, np.zeros(2), 1)
    shrink = next(k for k in (8, 4, 2, 1) if k <= max(reduction, 1))
    return read_part(image, centre - side / 2, centre + side / 2, shrink=shrink, name=_name(image, name))


def _name(image: Any, name: str) -> object:
    return name if isinstance(image, bytes) else image
