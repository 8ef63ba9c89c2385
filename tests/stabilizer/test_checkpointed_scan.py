"""Scans with gradient checkpointing: the same result and gradient, in less memory."""

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


@pytest.mark.parametrize("frames", [1, 6, 7, 12, 13])
@pytest.mark.parametrize("chunk", [1, 3, 6, 20])
def test_any_length_gives_the_result_and_the_gradient_of_a_plain_scan(frames, chunk):
    inputs = {"a": jnp.linspace(-1, 1, frames), "b": jnp.cos(jnp.arange(frames, dtype=jnp.float32))}

    def result(scale, chunk):
        carry, out = checkpointed_scan(_body, (scale, scale**2), inputs, chunk=chunk)
        return carry, out

    def loss(scale, chunk):
        carry, out = result(scale, chunk)
        return sum((leaf**2).sum() for leaf in jax.tree.leaves((carry, out)))

    start = jnp.float32(0.7)
    jax.tree.map(np.testing.assert_array_equal, result(start, chunk), result(start, None))
    np.testing.assert_allclose(jax.grad(loss)(start, chunk), jax.grad(loss)(start, None), rtol=1e-5)


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
    truth = jnp.asarray(rng.normal(size=(50, 2, 2)).cumsum(axis=0), jnp.float32)
    track = truth + jnp.asarray(rng.normal(size=truth.shape), jnp.float32)
    if not complete:
        track = track.at[20, 1].set(jnp.nan)
    params = stabilizer.init_params(1.0, jnp.eye(4))

    def gradient(chunk):
        def loss(p):
            x = stabilizer.run(p, track, covariance=covariance, chunk=chunk, complete=complete)
            return losses.stabilization(x, truth).total

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
