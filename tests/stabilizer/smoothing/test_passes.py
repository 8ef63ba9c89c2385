"""The pass forward: which observations enter the Kalman filters, and how many frames follow."""

import jax
import jax.numpy as jnp
import numpy as np

from fhr_jax import stabilizer
from fhr_jax.stabilizer.filter import step_cleaned
from fhr_jax.stabilizer.smoothing import passes
from tests.stabilizer.smoothing.tracks import POINTS, moving_face, parameters


@jax.jit
def _forward(track):
    params, like = parameters(), jnp.zeros(())

    def body(state, z):
        causal, forward = state
        causal, cleaned = step_cleaned(params, causal, z)
        forward, passed = passes.forward(forward, cleaned)
        return (causal, forward), (cleaned.output, passed.frame)

    first = stabilizer.init_state(params), passes.init_forward(POINTS, 2, like)
    return jax.lax.scan(body, first, track)[1]


def test_a_missing_point_moves_with_the_others_and_a_missing_frame_is_missing():
    track, _ = moving_face()
    track[10, 2] = np.nan
    track[15] = np.nan
    output, frames = _forward(track)
    np.testing.assert_array_equal(frames.z[10, 2], output[10, 2])
    np.testing.assert_array_equal(frames.z[10, 3], track[10, 3])
    np.testing.assert_allclose(frames.weight[10, 2], passes.MISSING_WEIGHT)
    np.testing.assert_allclose(frames.weight[10, 3], 1, atol=0.2)
    np.testing.assert_array_equal(frames.weight[15], 0)
    np.testing.assert_array_equal(frames.some, np.arange(len(track)) != 15)
    np.testing.assert_array_equal(frames.variance[15], frames.variance[14])

    # Frames without an observation do not count as look-ahead.
    np.testing.assert_allclose(np.asarray(passes.ahead(frames, lag=3))[[11, 12, 13, 14, 38, 39]], [3, 2, 2, 2, 1, 0])
    np.testing.assert_allclose(np.asarray(passes.ahead(frames, lag=None))[[0, 20]], [38, 19])
    # Nor do those after a reset.
    anew = frames._replace(first=frames.first.at[30].set(True))
    np.testing.assert_allclose(np.asarray(passes.ahead(anew, lag=3))[[20, 27, 28, 29, 30]], [3, 2, 1, 0, 3])
    np.testing.assert_allclose(np.asarray(passes.ahead(anew, lag=None))[[0, 20, 29, 30]], [28, 9, 0, 9])
