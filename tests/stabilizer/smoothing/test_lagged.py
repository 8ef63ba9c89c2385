"""Frame by frame with a lag: the outputs of `smooth`, with constant memory."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import stabilizer
from fhr_jax.errors import InputError
from fhr_jax.stabilizer.smoothing.chunks import mix_track
from fhr_jax.stabilizer.smoothing.lagged import step_both
from tests.stabilizer.smoothing.tracks import FRAMES, POINTS, moving_face, parameters

PARAMS = parameters()


def _track():
    track, _ = moving_face()
    track[:3, 4] = track[12:15] = track[22:26, 1] = np.nan
    track[30:] += 300  # a cut
    return track


@pytest.mark.parametrize("lag", [0, 3])
def test_steps_give_the_outputs_of_smooth_and_those_without_look_ahead(lag):
    track, dt = _track(), np.where(np.arange(FRAMES) % 6 == 1, 2.0, 1.0).astype(np.float32)
    step = jax.jit(step_both, donate_argnums=1)
    state, found, at_once = stabilizer.init_lagged(PARAMS, lag=lag), [], []
    shapes = jax.tree.map(jnp.shape, state)
    after = np.full((lag, POINTS, 2), np.nan, np.float32)
    for frame, time in zip(np.concatenate([track, after]), np.append(dt, np.ones(lag, np.float32)), strict=True):
        state, (now, x) = step(PARAMS, state, jnp.asarray(frame), dt=time)
        found.append(np.asarray(x))
        at_once.append(np.asarray(now))
    assert jax.tree.map(jnp.shape, state) == shapes
    assert np.isnan(found[:lag]).all()
    # `smooth` without look-ahead is the causal stabilizer, whose network is another one.
    whole = jax.jit(partial(mix_track, lag=lag))(PARAMS, PARAMS.smoother, {"z": track, "dt": dt})
    np.testing.assert_allclose(found[lag:], whole, rtol=1e-5, atol=1e-3)
    causal = stabilizer.run(PARAMS, track, dt=dt)
    np.testing.assert_allclose(at_once[:FRAMES], causal, rtol=1e-5, atol=1e-3)


def test_a_step_gives_the_later_of_both():
    state = stabilizer.init_lagged(PARAMS, lag=0)
    frame = jnp.asarray(_track()[5])
    ours, theirs = (jax.jit(step)(PARAMS, state, frame) for step in (stabilizer.step_lagged, step_both))
    np.testing.assert_allclose(ours[1], theirs[1][1], rtol=1e-6)


def test_a_negative_lag_and_parameters_without_a_smoother_are_refused():
    with pytest.raises(InputError, match="lag: -2"):
        stabilizer.init_lagged(PARAMS, lag=-2)
    with pytest.raises(InputError, match="without a smoother"):
        stabilizer.init_lagged(PARAMS._replace(smoother=None), lag=2)
