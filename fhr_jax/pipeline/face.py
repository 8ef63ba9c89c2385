"""The landmarks of one face in one frame: what the pipeline returns."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fhr_jax import geometry


class Face(NamedTuple):
    """The landmarks of one face in one frame.

    Attributes:
        points: (M, 2) in image pixels, order (x, y), stabilized on request; NaN where there is no face.
        raw: (M, 2) in image pixels, as the net finds them in this frame alone.
        confidence: (M,) in [0, 1].
        covariance: (M, 2, 2) in square image pixels, of the error of `raw`; see `Prediction`.
    """

    points: Float[np.ndarray, "m 2"]
    raw: Float[np.ndarray, "m 2"]
    confidence: Float[np.ndarray, " m"]
    covariance: Float[np.ndarray, "m 2 2"]

    def __repr__(self) -> str:
        """One line: number of landmarks, their box and their mean confidence."""
        if not isinstance(self.points, np.ndarray) or not isinstance(self.confidence, np.ndarray):
            return f"Face(points={self.points!r}, raw={self.raw!r}, ...)"
        if not np.isfinite(self.points).all():
            return f"Face({len(self.points)} landmarks, not found)"
        x, y, width, height = geometry.box_of(self.points)
        box = f"x {x:.1f}, y {y:.1f}, width {width:.1f}, height {height:.1f}"
        return f"Face({len(self.points)} landmarks, {box}, mean confidence {self.confidence.mean():.2f})"
