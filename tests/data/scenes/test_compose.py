"""Scenes: boxes lie where the heads are, and heads that are cut or covered are ignored."""

import numpy as np
import pytest

from fhr_jax.data.scenes import compose
from fhr_jax.data.scenes.compose import SceneOptions
from fhr_jax.errors import InputError
from tests.data.scenes.heads import pool

pytest.importorskip("cv2", reason='OpenCV is not installed: pip install -e ".[video]"')

ONE = SceneOptions(sizes=(20.0, 60.0), faces=1, lookalikes=0)


def scene(seed, options=ONE, size=(120, 160)):
    rng = np.random.default_rng(seed)
    behind = np.zeros((*size, 3), np.uint8)
    return compose.compose(rng, pool(), height=size[0], width=size[1], options=options, behind=behind)


def test_the_box_is_that_of_the_landmarks_at_any_roll_and_size():
    checked = 0
    for seed in range(40):
        found = scene(seed)
        if not len(found.boxes) or found.ignored[0]:
            continue
        x, y, width, height = found.boxes[0]
        if x < 1 or y < 1 or x + width > 158 or y + height > 118:
            continue
        red = found.image[..., 0].astype(float)
        rows, columns = np.flatnonzero(red.max(axis=1) > red.max() / 2), np.flatnonzero(red.max(axis=0) > red.max() / 2)
        seen = [columns[0], rows[0], np.ptp(columns), np.ptp(rows)]
        np.testing.assert_allclose(seen, found.boxes[0], atol=2.2)
        checked += 1
    assert checked > 5


def test_scenes_are_repeatable_and_hold_up_to_so_many_faces():
    options = SceneOptions(sizes=(8.0, 40.0), faces=6, lookalikes=2)
    numbers = []
    for seed in range(30):
        found, again = scene(seed, options), scene(seed, options)
        np.testing.assert_array_equal(found.image, again.image)
        np.testing.assert_array_equal(found.boxes, again.boxes)
        numbers.append(int((~found.ignored).sum()))
        assert found.ignored.shape == (len(found.boxes),)
        sizes = found.boxes[~found.ignored, 2:].max(axis=1)
        assert sizes.min(initial=8) > 7.9
        assert sizes.max(initial=8) < 40 * 1.5  # a square that is turned has a larger box
    assert min(numbers) == 0
    assert 3 <= max(numbers) <= 6


def test_small_heads_without_a_face_are_ignored_and_larger_ones_are_background():
    small = SceneOptions(sizes=(12.0, 12.1), faces=0, lookalikes=6)
    large = small._replace(sizes=(40.0, 40.1))
    assert all(scene(seed, small).ignored.all() for seed in range(9))
    assert any(len(scene(seed, small).boxes) for seed in range(9))
    assert not any(len(scene(seed, large).boxes) for seed in range(9))


def test_a_face_that_is_cut_off_is_ignored():
    for seed in range(40):
        found = scene(seed)
        for box, ignored in zip(found.boxes, found.ignored, strict=True):
            shares = compose._inside(box, 120, 160)
            assert ignored == (shares < compose.MIN_INSIDE)
    assert compose._inside(np.array([-10.0, 0, 19, 20]), 50, 50) == 0  # its centre lies outside
    assert compose._inside(np.array([-5.5, 10, 20, 20]), 50, 50) == pytest.approx(0.75)


def test_a_covered_face_is_ignored_or_gone():
    picture = np.zeros((50, 50, 3), np.uint8)
    for share, expected in ((0.2, [False]), (0.6, [True]), (1.0, [])):
        faces = compose._FacesSoFar([], [], [])
        faces.add(np.array([10.0, 10, 20, 20]), ignored=False)
        faces.cover(np.ones((50, round(20 * share))), np.array([10, 0]))
        faces.cover(np.zeros((50, 50)), np.array([0, 0]))
        assert faces.scene(picture).ignored.tolist() == expected


def test_a_large_head_hides_what_is_behind_it():
    options = SceneOptions(sizes=(10.0, 20.0), faces=4, lookalikes=0, large_chance=1.0, large_sizes=(100.0, 120.0))
    found = [scene(seed, options) for seed in range(12)]
    assert any((one.boxes[:, 2] > 90).any() for one in found)


def test_sizes_that_are_no_range_are_refused():
    with pytest.raises(InputError, match=r"sizes is \(5, 2\), expected a smallest and a largest"):
        scene(0, ONE._replace(sizes=(5, 2)))
