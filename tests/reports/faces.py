"""A face and its tracks, for the tests of reports."""

import numpy as np

from fhr_jax.data.faces import anatomy


def face():
    """The mean face of the generator (68, 2), about 180 pixels wide."""
    return 160 + 90 * np.asarray(anatomy.MEAN, np.float64)[:68, :2]


def track_of(frames, *, seed=0):
    """A face (T, 68, 2) that moves slowly."""
    time = np.arange(frames)
    way = np.stack([12 * np.sin(time / 9 + seed), 7 * np.cos(time / 13 + seed)], axis=-1)
    return face() + way[:, None]
