"""The counts of a few frames that can be worked out by hand."""

import numpy as np

from fhr_jax.benchmark.face_tracks import MEMORY, score

FACE = np.random.default_rng(0).uniform(0, 20, (68, 2))


OTHER, FAR = FACE + np.array([100.0, 0]), FACE + np.array([160.0, 0])


def at(*places):
    return np.stack([FACE + np.array([place, 0.0]) for place in places])


def clip(frames):
    truth = np.stack([at(*[0] * frames), at(*[100] * frames)])
    visible = np.ones((2, frames), bool)
    return truth, visible, visible.copy()


def test_a_perfect_output_has_no_errors():
    truth, visible, present = clip(3)
    outputs = [[(7, OTHER), (2, FACE)]] * 3
    assert score(truth, visible, present, outputs) == (0, 0, 6, 0, 6, 2, 2)


def test_exchanged_numbers_misses_and_false_faces_are_counted():
    truth, visible, present = clip(4)
    right, swapped = [(0, FACE), (1, OTHER)], [(1, FACE), (0, OTHER)]
    far = [(0, FACE), (1, FAR)]
    assert score(truth, visible, present, [right, swapped, far, []]) == (3, 3, 8, 1, 6, 2, 2)


def test_a_hidden_face_is_neither_missed_nor_false():
    truth, visible, present = clip(2)
    visible[1] = False
    outputs = [[(0, FACE)], [(0, FACE), (1, OTHER)]]
    assert score(truth, visible, present, outputs) == (0, 0, 2, 0, 3, 2, 1)
    present[1] = False
    assert score(truth, visible, present, outputs).wrong == 1


def test_a_new_number_after_two_seconds_is_no_exchange():
    frames = MEMORY + 3
    truth, visible, present = clip(frames)
    outputs = [[(0, FACE)], *[[]] * (frames - 2), [(1, FACE)]]
    assert score(truth, visible, present, outputs).switches == 0
    assert score(truth, visible, present, [*outputs[:2], [(1, FACE)], *outputs[3:]]).switches == 1
