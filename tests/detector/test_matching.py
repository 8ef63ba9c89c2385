"""Which faces were found, and which boxes are wrong."""

import numpy as np

from fhr_jax.detector.matching import match

TRUTH = np.array([[0.0, 0, 20, 20], [50, 50, 30, 30], [100, 0, 10, 10]])


def test_each_face_takes_one_box_and_the_best_comes_first():
    boxes = np.array([[1.0, 0, 20, 20], [0, 0, 20, 20], [52, 50, 30, 30], [200, 200, 9, 9]])
    found = match(boxes, TRUTH)
    assert found.found.tolist() == [True, True, False]
    assert found.wrong.tolist() == [False, True, False, True]


def test_any_number_of_boxes_may_lie_on_an_ignored_face():
    boxes = np.array([[50.0, 50, 30, 30], [51, 50, 30, 30]])
    found = match(boxes, TRUTH, ignored=np.array([False, True, False]))
    assert found.found.tolist() == [False, False, False]
    assert not found.wrong.any()


def test_half_an_overlap_counts():
    box = np.array([[0.0, 0, 20, 10]])
    assert match(box, TRUTH).found.tolist() == [True, False, False]
    assert match(box, TRUTH, min_overlap=0.51).found.tolist() == [False] * 3


def test_nothing_found_and_nothing_there():
    assert match(np.zeros((0, 4)), TRUTH).found.tolist() == [False] * 3
    assert match(TRUTH, np.zeros((0, 4))).wrong.all()
