"""A short clip of people who cross: exact landmarks, and who can be seen."""

import jax
import numpy as np
import pytest

from fhr_jax.benchmark import crossing_faces


@pytest.mark.slow
def test_a_clip_shows_each_person_where_the_truth_says():
    clip = crossing_faces.film(jax.random.key(5), 3, 8, hold=4)
    assert clip.images.shape == (8, 480, 640, 3)
    assert clip.truth.shape == (3, 8, 68, 2)
    assert clip.visible.any()
    assert (clip.visible <= clip.present).all()
    sizes = np.ptp(clip.truth, axis=2).max(axis=-1).mean(axis=1)
    assert (np.diff(sizes) > 0).all()  # nearer people are larger
    speed = np.abs(np.diff(clip.truth.mean(axis=2), axis=1)).max(axis=(1, 2))
    assert (speed < 0.5 * sizes).all()


def test_a_share_is_that_of_the_box():
    mask = np.zeros((10, 10))
    mask[:, :5] = 1
    assert crossing_faces._share(mask, np.array([0.0, 0, 10, 10])) == 0.5
    assert crossing_faces._share(mask, np.array([-5.0, 0, 10, 10])) == 0.5
    assert crossing_faces._share(mask, np.array([20.0, 0, 10, 10])) == 0
