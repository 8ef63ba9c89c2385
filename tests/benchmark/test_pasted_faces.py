"""Pasted faces: the box lies where the face is, and in the picture."""

import numpy as np
import pytest

from fhr_jax.benchmark.pasted_faces import paste

pytest.importorskip("cv2", reason='OpenCV is not installed: pip install -e ".[video]"')

POINTS = np.array([[40.0, 40], [79, 40], [79, 79], [40, 79], [60, 60]])


def photograph():
    """Black, with a red square that the landmarks fill."""
    image = np.zeros((120, 120, 3), np.uint8)
    image[40:80, 40:80, 0] = 255
    return image


@pytest.mark.parametrize("seed", range(8))
def test_the_box_is_that_of_the_landmarks(monkeypatch, seed):
    monkeypatch.setattr("fhr_jax.benchmark.pasted_faces.background", lambda rng, h, w: np.zeros((h, w, 3), np.uint8))
    rng = np.random.default_rng(seed)
    found = paste(rng, photograph(), POINTS, size=(200, 300), face_sizes=(12.0, 90.0))
    assert found.image.shape == (200, 300, 3)
    assert found.image.dtype == np.uint8
    rows, columns = np.nonzero(found.image[..., 0] > 128)
    seen = [columns.min(), rows.min(), np.ptp(columns), np.ptp(rows)]
    np.testing.assert_allclose(seen, found.box, atol=2)
    assert (found.box[:2] >= -1e-6).all()
    assert (found.box[:2] + found.box[2:] <= [299 + 1e-6, 199 + 1e-6]).all()


def test_sizes_spread_over_the_range_and_pictures_repeat():
    sizes = []
    for seed in range(40):
        one, again = (
            paste(np.random.default_rng(seed), photograph(), POINTS, size=(200, 300), face_sizes=(12.0, 400.0))
            for _ in range(2)
        )
        np.testing.assert_array_equal(one.image, again.image)
        sizes.append(one.box[2:].max())
    assert min(sizes) < 25
    assert 150 < max(sizes) <= 200  # no face is larger than the picture
