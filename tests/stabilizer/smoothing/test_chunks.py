"""A track in chunks is the same track."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax.stabilizer.smoothing import chunks
from tests.stabilizer.smoothing.tracks import FRAMES, moving_face, parameters

PARAMS = parameters()
INPUTS = {"z": jnp.asarray(moving_face()[0]), "reset": jnp.arange(FRAMES) == 20}


@pytest.mark.parametrize(("lag", "atol"), [(0, 1e-4), (2, 1e-4), (None, 0.02)])
def test_chunks_change_nothing(monkeypatch, lag, atol):
    mix = partial(chunks.mix_track, PARAMS, PARAMS.smoother, lag=lag)
    whole = jax.jit(mix)(INPUTS)
    monkeypatch.setattr(chunks, "HORIZON", 30)
    np.testing.assert_allclose(jax.jit(partial(mix, chunk=8))(INPUTS), whole, atol=atol)


def test_a_gradient_that_computes_the_states_of_chunks_again_is_the_same():
    plain = PARAMS._replace(outliers=None, velocity=None, recurrent=None)  # the rest does not depend on the network

    def loss(net, chunk):
        return (chunks.mix_track(plain, net, INPUTS, lag=0, chunk=chunk) ** 2).mean() / 1e4

    gradient = jax.jit(jax.grad(loss), static_argnums=1)
    kept, again = (gradient(PARAMS.smoother, chunk) for chunk in (None, 16))
    for a, b in zip(kept, again, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
