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


def test_noise_jumps_gaps_and_batches_pass():
    rng = np.random.default_rng(0)
    assert axis_order.check(rng.uniform(size=(68, 60, 2))) is None
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
