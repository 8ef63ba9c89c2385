"""Folders of photographs that show nothing, with random landmarks."""

import numpy as np
from PIL import Image

from fhr_jax.data.io import pts


def write(folder, names, *, seed=0):
    """Make a folder with an image of 60 x 60 pixels and 68 landmarks for each name."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for name in names:
        Image.fromarray(rng.integers(0, 255, (60, 60, 3), np.uint8)).save(folder / f"{name}.png")
        pts.write(folder / f"{name}.pts", rng.uniform(10, 50, (68, 2)))
