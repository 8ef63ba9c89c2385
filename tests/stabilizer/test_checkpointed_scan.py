"""Scans with gradient checkpointing: the same result and gradient, in less memory."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import losses, stabilizer
from fhr_jax.errors import InputError
from fhr_jax.stabilizer.checkpointed_scan import checkpointed_scan


def _body(carry, x):
    total, last = carry
    total = jnp.tanh(0.9 * total + x["a"] * last)
    return (total, x["b"]), {"sum": total, "pair": jnp.stack([total, last])}


@partial(jax.jit, static_argnums=2)
def _result_and_gradient(scale, inputs, chunk):
    def loss(scale):
        carry, out = checkpointed_scan(_body, (scale, scale**2), inputs, chunk=chunk)
        return sum((leaf**2).sum() for leaf in jax.tree.leaves((carry, out))), (carry, out)

    (_, result), gradient = jax.value_and_grad(loss, has_aux=True)(scale)
    return result, gradient


@pytest.mark.parametrize("frames", [1, 6, 7, 12, 13])
@pytest.mark.parametrize("chunk", [1, 3, 6, 20])
def test_any_length_gives_the_result_and_the_gradient_of_a_plain_scan(frames, chunk):
    inputs = {
        "a": np.linspace(-1, 1, frames, dtype=np.float32),
        "b": np.cos(np.arange(frames, dtype=np.float32)),
    }
    result, gradient = _result_and_gradient(np.float32(0.7), inputs, chunk)
    expected, slope = _result_and_gradient(np.float32(0.7), inputs, None)
    jax.tree.map(np.testing.assert_array_equal, result, expected)
    np.testing.assert_allclose(gradient, slope, rtol=1e-5)


def test_a_chunk_without_frames_is_refused():
    with pytest.raises(InputError, match="chunk: 0"):
        checkpointed_scan(_body, (0.0, 0.0), {"a": jnp.ones(3), "b": jnp.ones(3)}, chunk=0)


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("complete", "covariance"),
    [
        (False, "diagonal"),
        (True, "full"),
        pytest.param(False, "full", marks=SLOW),
        pytest.param(False, "windowed", marks=SLOW),
        pytest.param(True, "diagonal", marks=SLOW),
        pytest.param(True, "windowed", marks=SLOW),
    ],
)
def test_the_model_has_the_same_gradient_in_chunks(complete, covariance):
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(50, 2, 2)).cumsum(axis=0).astype(np.float32)
    track = truth + rng.normal(size=truth.shape).astype(np.float32)
    if not complete:
        track[20, 1] = np.nan
    params = stabilizer.init_params(1.0, jnp.eye(4))

    def gradient(chunk):
        def loss(p):
            x = stabilizer.run(p, track, covariance=covariance, chunk=chunk, complete=complete)
            return losses.stabilization(x, jnp.asarray(truth)).total

        return jax.tree.leaves(jax.jit(jax.value_and_grad(loss))(params))

    for one, other in zip(gradient(None), gradient(16), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4 * np.abs(other).max())


def _gradient_bytes(frames, chunk):
    params = stabilizer.init_params(1.0, jnp.eye(100))
    track = jax.ShapeDtypeStruct((frames, 50, 2), jnp.float32)
    f = jax.jit(jax.grad(lambda p, z: stabilizer.run(p, z, covariance="full", chunk=chunk, complete=True).sum()))
    return f.lower(params, track).compile().memory_analysis().temp_size_in_bytes


@SLOW
def test_the_memory_of_a_gradient_grows_with_the_chunks_and_not_with_the_frames():
    plain, chunked = _gradient_bytes(10_000, None), _gradient_bytes(10_000, 100)
    assert chunked < plain / 10
    # Twice the frames are twice as many chunks: their states and the inputs grow, what is inside one does not.
    assert _gradient_bytes(20_000, 100) < 2.1 * chunked
    assert plain > 1.9 * _gradient_bytes(5_000, None)
