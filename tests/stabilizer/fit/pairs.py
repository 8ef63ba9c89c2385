"""Small videos for the tests of the fits."""

import numpy as np


def pairs(lengths=(60, 60, 60), points=2, seed=0, noise=0.5):
    """(observed, truth) of some videos: points that swing, with noise."""
    rng = np.random.default_rng(seed)
    made = []
    for frames in lengths:
        truth = 3 * np.sin(np.arange(frames)[:, None, None] / 6 + rng.uniform(0, 6, (1, points, 2)))
        made.append((truth + noise * rng.normal(size=truth.shape), truth))
    return made
