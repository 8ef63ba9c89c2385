"""The loss of the face detector against its oracle, its minimum and its gradient."""

import jax
import jax.numpy as jnp
import numpy as np

from fhr_jax.losses import detection
from tests.derivatives import check_gradient
from tests.oracles import detection as oracle

loss = jax.jit(detection.detection_loss)
RNG = np.random.default_rng(0)
MAPS = RNG.normal(size=(2, 3, 4, 3)).astype(np.float32) * 2
CENTRES = RNG.uniform(size=(2, 3, 4)).astype(np.float32)
CENTRES[0, 0, :2] = 0, 1
SIZES = RNG.normal(size=(2, 3, 4, 2)).astype(np.float32)
WEIGHTS = (RNG.uniform(size=(2, 3, 4)) < 0.7).astype(np.float32)
TARGETS = tuple(jnp.asarray(array) for array in (CENTRES, SIZES, WEIGHTS))


def test_agrees_with_the_oracle():
    limits = {"size_weight": detection.SIZE_WEIGHT, "near": detection._NEAR}
    expected = oracle.detection_loss(MAPS, CENTRES, SIZES, WEIGHTS, **limits)
    np.testing.assert_allclose(loss(MAPS, CENTRES, SIZES, WEIGHTS), expected, rtol=1e-5)


def test_it_is_zero_at_the_target():
    inner = CENTRES.clip(0.01, 0.99)
    maps = np.concatenate([np.log(inner / (1 - inner))[..., None], SIZES], axis=-1)
    np.testing.assert_allclose(loss(maps, inner, SIZES, WEIGHTS), 0, atol=1e-5)


def test_gradient():
    check_gradient(lambda maps: detection.detection_loss(maps, *TARGETS), (jnp.asarray(MAPS),), atol=0.02, rtol=0.02)


def test_it_stays_finite_where_the_net_is_sure_and_wrong():
    maps = jnp.full((2, 3, 4, 3), 1e4).at[0].set(-1e4)
    value, gradient = jax.jit(jax.value_and_grad(detection.detection_loss))(maps, CENTRES, SIZES, WEIGHTS)
    assert np.isfinite(value)
    assert np.isfinite(np.asarray(gradient)).all()
