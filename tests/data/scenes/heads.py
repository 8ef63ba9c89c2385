"""Cut-out heads that are cheap to make: a red square that its landmarks fill, and nothing else."""

import numpy as np

from fhr_jax.data.scenes.compose import Pool
from fhr_jax.data.scenes.patches import Patches


def patches(number=3, size=48, *, colour=(255, 0, 0)):
    """The box of the landmarks is that of the square's pixel centres."""
    pixels = np.zeros((number, size, size, 4), np.uint8)
    first, last = round(0.3 * size), round(0.6 * size)
    pixels[:, first : last + 1, first : last + 1] = [*colour, 255]
    rng = np.random.default_rng(0)
    points = rng.uniform(first, last, (number, 68, 2)).astype(np.float32)
    points[:, :4] = [[first, first], [last, first], [last, last], [first, last]]
    return Patches(pixels, points)


def pool():
    return Pool(patches(), patches(2, colour=(0, 255, 0)), patches(2, 96))
