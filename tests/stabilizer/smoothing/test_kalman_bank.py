"""Every movement type against the dense Gaussian, forward and back in time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax.stabilizer.smoothing import kalman_bank
from tests.oracles import smoothing as oracle

FRAMES = 24


def _inputs():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(FRAMES, 3, 2)).cumsum(axis=0)
    weight = rng.uniform(0.2, 1, size=(FRAMES, 3))
    weight[9:13, 1] = weight[15] = 0
    dt = np.where(np.arange(FRAMES) % 5 == 2, 0.25, 1.0)
    restart = np.zeros((FRAMES, 3), bool)
    restart[0] = True
    return z, weight, dt, restart


@jax.jit
def _forward(z, weight, dt, restart):
    def body(state, frame):
        z, weight, dt, restart = frame
        return kalman_bank.step(state, z, weight=weight, restart=restart, dt=dt)

    first = kalman_bank.init_state(*z.shape[1:], jnp.zeros(()))
    return jax.lax.scan(body, first, (z, weight, dt, restart))[1]


@pytest.fixture(scope="module")
def frames():
    return _forward(*(jnp.asarray(value, value.dtype if value.dtype == bool else np.float32) for value in _inputs()))


@pytest.mark.parametrize("lag", [0, 2, None])
def test_positions_are_those_of_the_dense_gaussian(frames, lag):
    z, weight, dt, _ = _inputs()
    found = np.asarray(kalman_bank.smooth(frames, lag=lag))
    for k, (order, tau) in enumerate(zip(kalman_bank.ORDERS, kalman_bank.TIME_CONSTANTS, strict=True)):
        for m in range(3):
            expected = oracle.positions(
                z[:, m, 0],
                weight[:, m],
                dt,
                order=order,
                tau=tau,
                first_variance=kalman_bank.FIRST_VARIANCE,
                lag=lag,
            )
            np.testing.assert_allclose(found[:, k, m, 0], expected, atol=2e-4, err_msg=f"type {k}, point {m}")


def test_nothing_crosses_a_restart():
    z, weight, dt, restart = _inputs()
    restart[10, 2] = True
    other = z.copy()
    other[10:, 2] += 300
    rest = (jnp.asarray(weight, jnp.float32), jnp.asarray(dt, jnp.float32), jnp.asarray(restart))
    both = [np.asarray(kalman_bank.smooth(_forward(jnp.asarray(x, jnp.float32), *rest), lag=None)) for x in (z, other)]
    np.testing.assert_array_equal(both[0][:10], both[1][:10])
    np.testing.assert_allclose(both[1][10:, :, 2], both[0][10:, :, 2] + 300, atol=2e-3)


def test_innovations_measure_the_noise():
    rng = np.random.default_rng(1)
    z = np.float32(rng.normal(size=(400, 20, 2)) + np.arange(400)[:, None, None])
    restart = np.zeros((400, 20), bool)
    restart[0] = True
    passed = _forward(jnp.asarray(z), jnp.ones((400, 20)), jnp.ones(400), jnp.asarray(restart))
    # Below 1, since this motion is smoother than that of the quick type.
    assert 0.5 < np.asarray(passed.innovation)[20:].std() < 1
