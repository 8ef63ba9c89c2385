"""Smoothing of whole tracks: what it may look at, gaps, cuts, chunks, units, gradients, bad input."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import stabilizer
from fhr_jax.errors import InputError
from tests.derivatives import check_compiled
from tests.stabilizer.smoothing.tracks import FRAMES, POINTS, moving_face, parameters

PARAMS = parameters()
OBSERVED, TRUTH = moving_face()


@partial(jax.jit, static_argnames="lag")
def smooth(track, lag=None, reset=None):
    return stabilizer.smooth(PARAMS, track, lag=lag, reset=jnp.zeros(FRAMES, bool) if reset is None else reset)


@pytest.mark.parametrize("lag", [2, None])
def test_an_output_depends_on_its_look_ahead_only(lag):
    before = np.asarray(smooth(OBSERVED, lag))
    changed = OBSERVED.copy()
    changed[25] += 2.0
    moved = np.abs(np.asarray(smooth(changed, lag)) - before).max(axis=(1, 2))
    first = 0 if lag is None else 25 - lag
    assert (moved[:first] == 0).all()
    assert moved[first if lag else 24] > 0


def test_no_look_ahead_is_the_causal_stabilizer():
    np.testing.assert_array_equal(stabilizer.smooth(PARAMS, OBSERVED, lag=0), stabilizer.run(PARAMS, OBSERVED))


def test_nothing_is_smoothed_across_a_reset():
    reset = jnp.arange(FRAMES) == 20
    moved = OBSERVED.copy()
    moved[20:] += 7.0
    one, other = (np.asarray(smooth(track, None, reset)) for track in (OBSERVED, moved))
    np.testing.assert_array_equal(one[:20], other[:20])
    np.testing.assert_allclose(one[20:] + 7.0, other[20:], atol=1e-3)


def test_a_gap_is_filled_from_both_sides():
    track = OBSERVED.copy()
    track[15:22] = np.nan
    track[28:32, 2] = np.nan
    smoothed = np.asarray(smooth(track))
    assert np.isfinite(smoothed).all()
    assert np.abs(smoothed - TRUTH).max() < 8
    # Up to 18 px of motion happen in the gap; the causal stabilizer sees none of it.
    causal = np.asarray(stabilizer.run(PARAMS, track))
    assert np.abs(smoothed - TRUTH)[15:22].mean() < np.abs(causal - TRUTH)[15:22].mean()


def test_an_outlier_moves_neither_its_point_nor_the_others():
    track = OBSERVED.copy()
    track[20:22, 3] += 150
    difference = np.abs(np.asarray(smooth(track)) - np.asarray(smooth(OBSERVED)))
    assert difference.max() < 4
    assert np.delete(difference, 3, axis=1).max() < 0.5


def test_points_are_missing_until_they_are_observed():
    track = OBSERVED.copy()
    track[:5, 1] = np.nan
    smoothed = np.asarray(smooth(track))
    assert np.isnan(smoothed[:5, 1]).all()
    assert np.isfinite(np.delete(smoothed, 1, axis=1)).all()
    assert np.isfinite(smoothed[5:]).all()


def test_a_batch_is_one_track_after_the_other():
    tracks = np.stack([OBSERVED, OBSERVED[::-1]])
    both = np.asarray(smooth(tracks))
    for track, found in zip(tracks, both, strict=True):
        np.testing.assert_allclose(found, smooth(track), atol=1e-4)


def test_units_place_rotation_and_mirror_do_not_matter():
    expected = np.asarray(smooth(OBSERVED), np.float64)
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]]) @ np.diag([1.0, -1.0])
    found = smooth(np.float32(0.01 * OBSERVED @ turn + 30))
    np.testing.assert_allclose((np.asarray(found, np.float64) - 30) / 0.01 @ turn.T, expected, atol=0.02)


def test_gradients():
    def loss(net, track):
        return (stabilizer.smooth(PARAMS._replace(smoother=net), track, lag=1)[3:] ** 2).mean() / 1e4

    compiled = jax.jit(jax.value_and_grad(loss, argnums=(0,)))
    check_compiled(lambda net: compiled(net, OBSERVED[:12]), (PARAMS.smoother,), atol=0.02, rtol=0.02)
    still = np.broadcast_to(OBSERVED[:1], (12, POINTS, 2))
    for track in (still, np.where(np.arange(12)[:, None, None] % 4 == 1, np.nan, OBSERVED[:12])):
        gradients = compiled(PARAMS.smoother, np.float32(track))[1][0]
        assert all(np.isfinite(value).all() for value in gradients)


def test_half_precision_is_computed_in_single():
    smoothed = stabilizer.smooth(PARAMS, OBSERVED.astype(np.float16))
    assert smoothed.dtype == np.float32
    np.testing.assert_allclose(smoothed, smooth(OBSERVED.astype(np.float16).astype(np.float32)), atol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lag": -1}, "lag: -1, expected"),
        ({"track": OBSERVED[:0]}, "empty"),
        ({"track": OBSERVED[:, :3]}, "3 points of 2 dimensions"),
        ({"params": PARAMS._replace(smoother=None)}, "without a smoother"),
        ({"dt": np.ones(3)}, "dt: shape"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    given = {"params": PARAMS, "track": OBSERVED} | change
    with pytest.raises(InputError, match=message):
        stabilizer.smooth(given.pop("params"), given.pop("track"), **given)
