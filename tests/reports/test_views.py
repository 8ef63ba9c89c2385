"""Where points lie in a film whose frames change their size."""

import numpy as np

from fhr_jax.reports import views


def test_the_same_pixels():
    points = np.array([[0.0, 3.5], [np.nan, 1]])
    np.testing.assert_array_equal(views.in_film(points, views.SAME, -5.0), points)


def test_each_view_holds_until_the_next_one():
    own = np.array([[1.0, 2, 2, 0, 0], [3.0, 0.5, 0.25, 10, 20]])
    corner = np.array([-0.5, -0.5])
    for time, expected in ((0.5, [-0.5, -0.5]), (2.9, [-0.5, -0.5]), (3.0, [9.5, 19.5]), (9.0, [9.5, 19.5])):
        np.testing.assert_allclose(views.in_film(corner, own, time), expected)
    np.testing.assert_allclose(views.in_film(np.array([1.5, 1.5]), own, 2.0), [3.5, 3.5])
    np.testing.assert_allclose(views.in_film(np.array([1.5, 1.5]), own, 4.0), [10.5, 20])
