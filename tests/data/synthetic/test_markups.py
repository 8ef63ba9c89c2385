"""Other markups: weighted means of the 68 landmarks."""

import numpy as np
import pytest

from fhr_jax.data.synthetic import markups
from fhr_jax.data.synthetic.quick_motion import REFERENCE


@pytest.mark.parametrize(("weights", "number"), [(markups.contours98(), 98), (markups.dense(300), 300)])
def test_rows_are_weights(weights, number):
    assert weights.shape == (number, 68)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)


def test_contours_divide_those_of_the_68_points():
    points = markups.contours98() @ REFERENCE
    np.testing.assert_allclose(points[0:33:2], REFERENCE[:17], atol=1e-6)
    np.testing.assert_allclose(points[76:96], REFERENCE[48:], atol=1e-6)
    steps = np.linalg.norm(np.diff(points[:33], axis=0), axis=1)
    assert steps.max() < 0.15
    # The pupils lie between the corners of the eyes.
    np.testing.assert_allclose(np.abs(points[96:, 0]), 0.357, atol=0.02)


def test_dense_points_cover_the_face():
    points = markups.dense(500) @ REFERENCE
    assert len(np.unique(points.round(4), axis=0)) == 500
    assert (np.abs(points.std(axis=0) - REFERENCE.std(axis=0)) < 0.15).all()
