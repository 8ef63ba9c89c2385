"""Non-maximum suppression and intersection over union against their oracles."""

import numpy as np
import pytest

from fhr_jax.detector import suppression
from tests.oracles import detection as oracle


def random_boxes(seed, number=40):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.uniform(0, 60, (number, 2)), rng.uniform(2, 40, (number, 2))], axis=1)


def test_intersection_over_union():
    first, second = random_boxes(0, 12), random_boxes(1, 9)
    expected = [[oracle.overlap(a, b)[0] for b in second] for a in first]
    np.testing.assert_allclose(suppression.overlaps(first, second), expected)
    assert suppression.overlaps(first, second[:0]).shape == (12, 0)


@pytest.mark.parametrize("seed", range(8))
def test_agrees_with_the_oracle(seed):
    boxes = random_boxes(seed)
    scores = np.round(np.random.default_rng(seed).uniform(size=len(boxes)), 1)  # with equal ones
    limits = {"max_overlap": 0.3, "max_contained": 0.7}
    assert suppression.suppress(boxes, scores, **limits).tolist() == oracle.suppress(boxes, scores, **limits)


def test_a_small_box_inside_a_much_likelier_one_is_dropped_but_not_the_reverse():
    boxes = np.array([[0.0, 0, 100, 100], [20, 20, 10, 10]])
    assert suppression.suppress(boxes, np.array([0.9, 0.4])).tolist() == [0]
    assert suppression.suppress(boxes, np.array([0.9, 0.5])).tolist() == [0, 1]
    assert suppression.suppress(boxes, np.array([0.5, 0.9])).tolist() == [1, 0]


def test_no_boxes():
    assert suppression.suppress(np.zeros((0, 4)), np.zeros(0)).shape == (0,)


def test_boxes_that_stay_are_averaged_with_those_that_overlap_by_half():
    boxes = np.array([[0.0, 0, 10, 10], [2, 0, 10, 10], [9, 9, 10, 10], [50, 50, 8, 4]])
    scores = np.array([0.6, 0.3, 0.5, 0.4])
    merged = suppression.merge(boxes, scores, np.array([0, 2, 3]))
    np.testing.assert_allclose(merged, [[2 / 3, 0, 10, 10], boxes[2], boxes[3]], atol=1e-12)
    larger = np.array([[0.0, 0, 8, 8], [-1, -1, 10, 10]])
    size = np.exp((np.log(8) + np.log(10)) / 2)
    np.testing.assert_allclose(suppression.merge(larger, np.ones(2), np.array([0]))[0, 2:], size)
    assert suppression.merge(boxes[:0], scores[:0], np.zeros(0, int)).shape == (0, 4)
