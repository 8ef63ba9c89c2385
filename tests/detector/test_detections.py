"""What a detector may return, and what is refused."""

import numpy as np
import pytest

from fhr_jax.detector.detections import Detections, checked
from fhr_jax.errors import InputError


@pytest.mark.parametrize("none", [(), [], np.zeros((0, 4)), np.zeros(0), Detections(np.zeros((0, 4)), np.zeros(0))])
def test_no_faces(none):
    found = checked(none, name="mine")
    assert found.boxes.shape == (0, 4)
    assert found.scores.shape == (0,)


def test_boxes_alone_get_the_score_one():
    found = checked([(1, 2, 3, 4), (5, 6, 7, 8)], name="mine", size=(20, 20))
    np.testing.assert_array_equal(found.boxes, [[1, 2, 3, 4], [5, 6, 7, 8]])
    assert found.scores.tolist() == [1, 1]
    given = Detections(np.array([[1, 2, 3, 4]], np.float32), np.array([0.5], np.float32))
    assert checked(given, name="mine").scores.tolist() == [0.5]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (None, "mine: got a NoneType"),
        ("boxes", "mine: got a str"),
        ([1, 2, 3, 4], r"got boxes of shape \(4,\), expected \(N, 4\)"),
        ([[1, 2, 3, 4, 0.9]], r"got boxes of shape \(1, 5\)"),
        ([[1, 2, 3, 4], [1, 2, np.nan, 4]], "got the box 1, 2, nan, 4"),
        ([[1, 2, 3, 0]], "got the box 1, 2, 3, 0, expected x, y and a positive width and height"),
        ([[-9, 2, 3, 4]], "the box -9, 2, 3, 4 lies outside the picture of 30 x 20 pixels"),
        ([[1, 21, 3, 4]], "lies outside"),
        (Detections(np.ones((2, 4)), np.ones(3)), r"got scores of shape \(3,\), expected \(2,\)"),
    ],
)
def test_anything_else_is_refused(found, message):
    with pytest.raises(InputError, match=message):
        checked(found, name="mine", size=(20, 30))
