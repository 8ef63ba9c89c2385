"""Axes in another order are refused with the likely one where that is clear, and otherwise only mentioned."""

import itertools

import numpy as np
import pytest

from fhr_jax import axis_order
from fhr_jax.errors import InputError


def face(frames=60, points=68, dims=2, seed=0, step=3.0):
    rng = np.random.default_rng(seed)
    shape = 100 * rng.uniform(-1, 1, (1, points, dims))
    return 300 + shape + step * rng.normal(size=(frames, 1, dims)).cumsum(axis=0) + rng.normal(size=(1, points, dims))


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3)))[1:])
@pytest.mark.parametrize("points", [68, 468])
@pytest.mark.parametrize("dims", [2, 3])
def test_every_other_order_is_named(axes, points, dims):
    track = face(points=points, dims=dims)
    with pytest.raises(InputError, match="looks like") as caught:
        axis_order.check(track.transpose(axes), name="landmarks")
    message = str(caught.value)
    names = ", ".join("TMd"[axis] for axis in axes)
    assert f"landmarks: shape {track.transpose(axes).shape} looks like ({names})" in message
    way = tuple(int(word) for word in message.split("transpose(")[1].split(")")[0].split(","))
    np.testing.assert_array_equal(track.transpose(axes).transpose(way), track)


@pytest.mark.parametrize("frames", [1, 2, 9, 21, 68, 300])
@pytest.mark.parametrize("points", [2, 3, 5, 30, 68, 468])
@pytest.mark.parametrize("step", [0.0, 3.0, 20.0])
def test_tracks_in_order_pass(frames, points, step):
    assert axis_order.check(face(frames, points, step=step)) is None
    assert axis_order.check(face(frames, points, 3, step=step)) is None


def test_lengths_that_do_not_tell_are_only_mentioned():
    track = face(frames=50, points=33)
    assert axis_order.check(track) is None
    said = axis_order.check(track.transpose(1, 0, 2), name="landmarks")
    assert said is not None
    assert "looks like (M, T, d)" in said


@pytest.mark.parametrize("step", [60.0, 150.0])
def test_lengths_that_tell_are_mentioned_where_the_face_moves_fast(step):
    track = face(frames=20, step=step)
    assert axis_order.check(track) is None
    said = axis_order.check(track.transpose(1, 0, 2), name="landmarks")
    assert said is not None
    assert "landmarks: shape (68, 20, 2) looks like (M, T, d)" in said
    assert "unless these are 68 frames of 20 points" in said
    # 68 frames of 20 points are in order.
    assert axis_order.check(face(frames=68, points=20)) is None


def test_noise_jumps_gaps_and_batches_pass():
    rng = np.random.default_rng(0)
    assert axis_order.check(rng.uniform(size=(60, 68, 2))) is None
    assert axis_order.check(rng.uniform(size=(68, 98, 2))) is None
    assert axis_order.check(rng.uniform(size=(60, 50, 2))) is None
    assert axis_order.check(np.full((68, 60, 2), np.nan)) is None
    assert axis_order.check(np.zeros((0, 68, 2))) is None
    assert axis_order.check(np.zeros((68, 2))) is None
    track = face()
    track[::2, 5] = np.nan
    assert axis_order.check(np.stack([track, track])) is None
    with pytest.raises(InputError, match=r"transpose\(0, 2, 1, 3\)"):
        axis_order.check(np.stack([track, track]).transpose(0, 2, 1, 3))
    assert axis_order.check((face() * 10).astype(np.int32)) is None
    assert axis_order.check(face().astype(np.float16)) is None


def test_two_lengths_of_markups_are_told_apart_by_the_motion():
    track = face(frames=98, points=68)
    assert axis_order.check(track) is None
    said = axis_order.check(track.transpose(1, 0, 2))
    assert said is not None
    assert "looks like (M, T, d)" in said
    # As many frames as a markup has points, and points of no markup.
    track = face(frames=98, points=12)
    for axes in ((0, 2, 1), (2, 0, 1), (1, 2, 0)):
        with pytest.raises(InputError, match=rf"\({', '.join('TMd'[axis] for axis in axes)}\)"):
            axis_order.check(track.transpose(axes))


def images(number=40, points=68, spread=300.0, seed=0):
    """Faces of one shape and small differences, in pictures of many places and sizes."""
    rng = np.random.default_rng(seed)
    shape = rng.normal(size=(1, points, 2)) + 0.1 * rng.normal(size=(number, points, 2))
    return 500 + spread * rng.uniform(-1, 1, (number, 1, 2)) + rng.uniform(50, 60, (number, 1, 1)) * shape


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3)))[1:])
@pytest.mark.parametrize("spread", [0.0, 30.0, 300.0])
def test_the_order_of_images_is_named(axes, spread):
    faces = images(spread=spread)
    axis_order.check_images(faces)
    with pytest.raises(InputError, match="expected") as caught:
        axis_order.check_images(faces.transpose(axes), name="predictions")
    stored = faces.transpose(axes)
    names = ", ".join("NMd"[axis] for axis in axes)
    assert f"predictions: shape {stored.shape} looks like ({names}), expected (N, M, d), images" in str(caught.value)
    way = tuple(int(word) for word in str(caught.value).split("transpose(")[1].split(")")[0].split(","))
    np.testing.assert_array_equal(stored.transpose(way), faces)


def test_shapes_and_known_numbers_of_points_tell_where_lengths_do_not():
    crops = images(number=68, points=33, spread=5.0)
    with pytest.raises(InputError, match="a markup of 33 points keeps the order"):
        axis_order.check_images(crops)
    axis_order.check_images(crops, points=33)
    with pytest.raises(InputError, match=r"\(M, N, d\)"):
        axis_order.check_images(crops.transpose(1, 0, 2), points=33)
    for points in (33, 68):
        with pytest.raises(InputError, match=r"\(N, d, M\)"):
            axis_order.check_images(images(number=40, points=points, spread=5.0).transpose(0, 2, 1))
    for passing in (np.zeros((0, 68, 2)), np.zeros((5, 33, 2)), np.full((5, 33, 2), np.nan), np.zeros((6, 136, 1))):
        axis_order.check_images(passing)
    with pytest.raises(InputError, match="looks like"):
        axis_order.check_images(np.full((2, 68, 33), np.nan))
