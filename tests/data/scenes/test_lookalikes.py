"""Things that are no faces: drawn where they are asked for."""

import numpy as np
import pytest

from fhr_jax.data.scenes import lookalikes

pytest.importorskip("cv2", reason='OpenCV is not installed: pip install -e ".[video]"')


def test_they_are_drawn_about_their_centre():
    rng = np.random.default_rng(0)
    for _ in range(40):
        picture = np.full((100, 120, 3), 128, np.uint8)
        lookalikes.draw(rng, picture, np.array([70.0, 40.0]), 20.0)
        changed = np.argwhere((picture != 128).any(axis=-1))
        assert len(changed) > 3
        assert np.abs(changed - [40, 70]).max() < 25


def test_they_may_be_tiny_or_lie_outside():
    rng = np.random.default_rng(0)
    picture = np.zeros((20, 20, 3), np.uint8)
    for _ in range(20):
        lookalikes.draw(rng, picture, np.array([-5.0, 30.0]), 9.0)
        lookalikes.draw(rng, picture, np.array([10.0, 10.0]), 1.0)


def test_a_scrambled_face_is_changed_in_its_middle_only():
    patch = np.random.default_rng(0).integers(0, 256, (128, 128, 4), np.uint8)
    before = patch.copy()
    found = lookalikes.scrambled(np.random.default_rng(1), patch)
    np.testing.assert_array_equal(patch, before)
    changed = np.argwhere((found != patch).any(axis=-1))
    assert np.abs(changed - [57, 64]).max() <= 26
    assert len(changed) > 1000
