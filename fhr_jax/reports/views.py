"""Where the landmarks of a recording lie in its film, which may be smaller, and whose frames may change their size.

A view is a row (time, x scale, y scale, left, top): from this time on, in seconds, a point at x pixels lies at
(x + 1/2) scale + left pixels from the left edge of the film.
"""

import numpy as np
from jaxtyping import Float

from fhr_jax import geometry

SAME = np.array([[0.0, 1.0, 1.0, 0.0, 0.0]])
"""The views (1, 5) of a film that has the pixels of the landmarks."""


def in_film(
    points: Float[np.ndarray, "*n 2"], views: Float[np.ndarray, "k 5"], time: float
) -> Float[np.ndarray, "*n 2"]:
    """Points (..., 2) of a frame in pixels of the film.

    Args:
        points: in pixels of the frame, the first one at 0.
        views: in the order of their times; the first one also holds before its time.
        time: of the frame in seconds.
    """
    view = views[max(int(np.searchsorted(views[:, 0], time, side="right")) - 1, 0)]
    return geometry.resize_points(points, view[1:3]) + view[3:]
