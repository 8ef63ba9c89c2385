import numpy as np

from fhr_jax import overlay


def test_points_are_drawn_where_they_are():
    points = np.full((68, 2), np.nan)
    points[30] = [20.0, 12.0]
    image = overlay.draw(np.zeros((40, 60, 3), np.uint8), points)
    y, x = np.nonzero(image.max(axis=-1))
    assert abs(np.average(x, weights=image[y, x, 0]) - 20) < 0.1
    assert abs(np.average(y, weights=image[y, x, 0]) - 12) < 0.1
    half = overlay.draw(np.zeros((40, 60, 3), np.uint8), points + 0.5)
    y, x = np.nonzero(half.max(axis=-1))
    assert abs(np.average(x, weights=half[y, x, 0].astype(float)) - 20.5) < 0.15


def test_nothing_is_drawn_without_a_face_and_the_image_stays():
    image = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    before = image.copy()
    np.testing.assert_array_equal(overlay.draw(image, np.full((68, 2), np.nan)), image)
    overlay.draw(image, np.random.default_rng(1).uniform(0, 20, (68, 2)))
    np.testing.assert_array_equal(image, before)


def test_points_far_outside_do_not_break_it():
    points = np.random.default_rng(0).uniform(-1e9, 1e9, (68, 2))
    points[3] = np.inf
    overlay.draw(np.zeros((20, 20, 3), np.uint8), points)


def test_other_markups_are_points_without_lines():
    image = overlay.draw(np.zeros((50, 50, 3), np.uint8), np.array([[10.0, 10.0], [40.0, 40.0]]))
    assert image[10, 10].max() == 255
    assert image[25, 25].max() == 0
