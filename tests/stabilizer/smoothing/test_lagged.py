"""Frame by frame with a lag: the outputs of `smooth`, with constant memory."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import stabilizer
from fhr_jax.errors import InputError
from tests.stabilizer.smoothing.tracks import FRAMES, POINTS, moving_face, parameters

PARAMS = parameters()


def _track():
    track, _ = moving_face()
    track[:3, 4] = track[12:15] = track[22:26, 1] = np.nan
    track[30:] += 300  # a cut
    return track


@pytest.mark.parametrize("lag", [0, 3])
def test_steps_give_the_outputs_of_smooth(lag):
    track, dt = _track(), np.where(np.arange(FRAMES) % 6 == 1, 2.0, 1.0).astype(np.float32)
    step = jax.jit(stabilizer.step_lagged, donate_argnums=1)
    state, found = stabilizer.init_lagged(PARAMS, lag=lag), []
    shapes = jax.tree.map(jnp.shape, state)
    after = np.full((lag, POINTS, 2), np.nan, np.float32)
    for frame, time in zip(np.concatenate([track, after]), np.append(dt, np.ones(lag, np.float32)), strict=True):
        state, x = step(PARAMS, state, jnp.asarray(frame), dt=time)
        found.append(np.asarray(x))
    assert jax.tree.map(jnp.shape, state) == shapes
    assert np.isnan(found[:lag]).all()
    if lag:  # `smooth` without look-ahead is the causal stabilizer
        expected = jax.jit(partial(stabilizer.smooth, lag=lag))(PARAMS, track, dt=dt)
        np.testing.assert_allclose(found[lag:], expected, rtol=1e-5, atol=1e-3)


def test_a_negative_lag_and_parameters_without_a_smoother_are_refused():
    with pytest.raises(InputError, match="lag: -2"):
        stabilizer.init_lagged(PARAMS, lag=-2)
    with pytest.raises(InputError, match="without a smoother"):
        stabilizer.init_lagged(PARAMS._replace(smoother=None), lag=2)
