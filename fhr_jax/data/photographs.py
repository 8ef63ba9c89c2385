"""A folder of photographs with .pts files as records."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from fhr_jax.data import pts
from fhr_jax.data.images import Annotated, read_image
from fhr_jax.errors import InputError


class Photographs:
    """Records (`crops.Records`) of photographs; the box is that of the landmarks, the frame is 0."""

    def __init__(self, pairs: Sequence[Annotated], *, landmarks: int = 68):
        self._pairs, self._landmarks = tuple(pairs), landmarks

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> dict[str, Any]:
        record = self.encoded(index)
        return record | {"image": read_image(record["image"])}

    def encoded(self, index: int) -> dict[str, Any]:
        """The record with the path of the photograph in place of its pixels."""
        pair = self._pairs[int(index)]
        points = pts.read(pair.landmarks, landmarks=self._landmarks)
        low, high = points.min(axis=0), points.max(axis=0)
        if not (high > low).any():
            raise InputError(f"{pair.landmarks}: all landmarks lie at one place")
        return {
            "image": pair.image,
            "points": points.astype(np.float32),
            "box": np.concatenate([low, high - low]).astype(np.float32),
            "dataset": pair.image.parent.name,
            "file": pair.image.name,
            "frame": np.int32(0),
        }

    def __repr__(self) -> str:  # compared when a run resumes
        names = "\n".join(pair.image.name for pair in self._pairs)
        return f"Photographs({len(self._pairs)}, {hashlib.blake2b(names.encode(), digest_size=6).hexdigest()})"
