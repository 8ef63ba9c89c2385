"""The conventions that every module keeps, stated once.

* A point is ``(x, y)``, x to the right and y down, in pixels; pixel centres lie at integers, counted
  from 0, so an image of width W covers x in [-1/2, W - 1/2].
* A size is ``(height, width)``.
* Images and heatmaps are channels-last: ``(..., height, width, channels)``; image values lie in [0, 1]
  (float) or [0, 255] (uint8).
* Landmark axes come last: ``(..., M, 2)``; a track is ``(T, M, 2)``, and the stabilizer works on the
  flattened ``(T, D)`` with D = 2M in the order x0, y0, x1, y1, ...
* An affine map is a ``(2, 3)`` matrix A that takes the point p to ``A[:, :2] @ p + A[:, 2]``.
* Files of other programs that count from 1 (``.pts``) are converted where they are read and written,
  nowhere else.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Array, Float

Points = Float[Array, "*batch m 2"]
"""Landmarks (x, y) in pixels of the grid that the context names."""

Heatmaps = Float[Array, "*batch h w m"]
"""One map a landmark, channels-last."""

Track = Float[Array, "t m 2"]
"""Landmarks over the frames of one video."""

Affine = Float[Array, "2 3"]
"""Maps a point p of one grid to A[:, :2] @ p + A[:, 2] on another."""

Size = tuple[int, int]
"""(height, width) in pixels."""


Box = Sequence[float | int] | np.ndarray
"""(x, y, width, height) in image pixels: the smallest and largest coordinates of landmarks, as pixel centres."""
