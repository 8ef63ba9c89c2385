"""Landmarks stay exact to 0.05 px under every geometric step of the pipeline: drawn dots, found by their centroids."""

import io

import jax
import numpy as np
import pytest

from fhr_jax import augment, geometry
from fhr_jax.data import crops, examples
from fhr_jax.markup import Markup

SIZE = 128
THREE = Markup(size=3, flip=(1, 0, 2), eye_corners=(0, 1), edges=())
WIDTH = 2.0
"""Standard deviation of a dot in pixels of the crop; at least 1 in those of the picture."""
GROUND = 30
"""Black would cut the noise of JPEG off on one side."""


class Dots:
    """Records of three dots, one a channel; the face box has a side of `side` pixels.

    The dots lie in the inner part of the box, so that no similarity takes them out of the crop.
    """

    def __init__(self, side, jpeg):
        self.side, self.jpeg = side, jpeg

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return self._record(index)

    def encoded(self, index):
        record = self._record(index)
        if self.jpeg:
            from PIL import Image

            stream = io.BytesIO()
            Image.fromarray(record["image"]).save(stream, "JPEG", quality=97, subsampling=0)
            record["image"] = stream.getvalue()
        return record

    def _record(self, index):
        rng = np.random.default_rng([index, int(self.side)])
        corner = rng.uniform(0.6, 0.7, 2) * self.side
        points = corner + self.side * (0.5 + rng.uniform(-0.2, 0.2, (3, 2)))
        height, width = (int(2.3 * self.side) + n for n in (3, 10))
        sigma = max(WIDTH * self.side * geometry.CROP_SCALE / SIZE, 1.0)
        rows, columns = (
            np.exp(-((np.arange(n)[:, None] - centre) ** 2) / (2 * sigma**2))
            for n, centre in ((height, points[:, 1]), (width, points[:, 0]))
        )
        image = np.round(GROUND + 220 * rows[:, None] * columns).astype(np.uint8)
        points = centroids(image, points, sigma)  # a byte rounds: by up to 0.01 px, and crops that grow magnify it
        box = np.array([*corner, self.side, self.side], np.float32)
        record = {"image": image, "points": points.astype(np.float32), "box": box}
        return record | {"dataset": "dots", "file": f"{index}", "frame": np.int32(0)}


def centroids(image, points, sigma):
    """Centres of mass (M, 2) of the channels about the points."""
    found, radius = [], 3.2 * sigma  # far off, noise has a long lever
    for channel, (u, v) in zip(np.moveaxis(np.asarray(image), -1, 0), np.asarray(points, np.float64), strict=True):
        top, left = (max(int(centre - radius), 0) for centre in (v, u))
        part = channel[top : max(int(v + radius) + 2, 0), left : max(int(u + radius) + 2, 0)]
        y, x = np.arange(top, top + part.shape[0])[:, None], np.arange(left, left + part.shape[1])
        weight = (np.asarray(part, np.float64) - GROUND) * (np.hypot(x - u, y - v) < radius)
        found.append(np.array([(weight * x).sum(), (weight * y).sum()]) / max(weight.sum(), 1.0))
    return np.array(found)


def landed(image, points, sigma):
    """Largest distance in pixels, on an axis, from the centroids of the channels to the points."""
    return np.abs(centroids(image, points, sigma) - np.asarray(points)).max()


# Sides of the box: crops that grow 6.2 and 2.5 times, that keep the size, that shrink 1.5 to 9.3 times.
SIDES = (16, 40, 98.5, 150, 300, 531)
CASES = [*((side, False) for side in SIDES), (98.5, True), (300, True), (915, True)]


@pytest.fixture(scope="module")
def augmented():
    """A batch of stored crops, similarity and mirror on the device, without the photometric part."""
    moves = {"turn_chance": 0.8, "turn": 15.0, "flip_chance": 0.5}
    return jax.jit(examples.photograph_examples(SIZE, markup=THREE, options=augment.OFF, **moves))


@pytest.mark.parametrize(("side", "jpeg"), CASES)
def test_dots_land_on_their_landmarks(side, jpeg, augmented):
    source = crops.Crops(Dots(side, jpeg), size=round(SIZE * crops.MARGIN), landmarks=3)
    sigma = 1.1 * max(WIDTH, SIZE / (geometry.CROP_SCALE * side))
    stored = [source[i] for i in range(4)]
    assert max(landed(e["image"], e["points"], sigma) for e in stored) < 0.05
    batch = {name: np.stack([stored[i % 4][name] for i in range(16)]) for name in ("image", "points")}
    flips = 0
    for seed in range(2):
        made = jax.tree.map(np.asarray, augmented(jax.random.key(seed), batch))
        for image, points in zip(made.images, made.points, strict=True):
            # Channel 0 followed the pixels of landmark 0, which in a mirrored crop is called landmark 1.
            distances = [landed(255 * image, points[list(names)], sigma) for names in ((0, 1, 2), THREE.flip)]
            assert min(distances) < 0.05 < 0.3 < max(distances)
            flips += distances[0] > 0.3
    assert 0 < flips < 32
