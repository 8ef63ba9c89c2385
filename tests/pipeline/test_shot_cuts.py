"""Cuts of a film, beside motion, flicker and noise, which are none."""

import numpy as np

from fhr_jax.pipeline import shot_cuts


def scene(seed, size=(90, 120)):
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (6, 8, 3)).astype(np.uint8)
    return np.kron(small, np.ones((size[0] // 6, size[1] // 8, 1), np.uint8))


def cuts(images):
    state, found = shot_cuts.CutState(), []
    for number, image in enumerate(images):
        state, cut = shot_cuts.read_frame(state, image)
        if cut:
            found.append(number)
    return found


def test_a_cut_is_where_the_picture_changes():
    rng = np.random.default_rng(0)
    images = [scene(k // 10) + rng.integers(0, 12, (90, 120, 3)).astype(np.uint8) // 2 for k in range(30)]
    assert cuts(images) == [10, 20]


def test_frames_of_another_size_may_be_the_same_scene():
    assert cuts([scene(0), scene(0, (180, 240)), scene(0, (180, 240))]) == []


def test_a_moving_camera_and_a_still_picture_have_no_cuts():
    wide = np.concatenate([scene(k) for k in range(4)], axis=1)
    assert cuts([wide[:, 3 * k : 3 * k + 120] for k in range(100)]) == []
    assert cuts([scene(0)] * 20) == []
    assert shot_cuts.CutState().thumbnail is None
