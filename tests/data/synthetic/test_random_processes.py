"""Random processes against the same draws taken one by one, and against the moments that they are to have."""

import jax
import numpy as np
import pytest

from fhr_jax.data.faces.random_draws import RandomDraws
from fhr_jax.data.synthetic.random_processes import autoregression, runs

FRAMES, SIZE = 4000, 6


@jax.jit
def autoregress(key, autocorrelation):
    """The process (T, 2, 3), and the draws that it takes: of the start (2, 3) and of the frames (T, 2, 3)."""
    number = (FRAMES + 1) * SIZE
    process = autoregression(RandomDraws(key, uniforms=0, normals=number), FRAMES, (2, 3), autocorrelation)
    draws = RandomDraws(key, uniforms=0, normals=number)
    return process, draws.normal(shape=(2, 3), limit=np.inf), draws.normal(shape=(FRAMES, 2, 3), limit=np.inf)


@pytest.mark.parametrize("autocorrelation", [0.0, 0.8, -0.5, 1.0])
def test_an_autoregression_has_variance_1_and_the_given_correlation(autocorrelation):
    process, start, fresh = (np.asarray(part, np.float64) for part in autoregress(jax.random.key(0), autocorrelation))
    expected, last = np.zeros((FRAMES, 2, 3)), start
    for t in range(FRAMES):
        last = expected[t] = autocorrelation * last + np.sqrt(1 - autocorrelation**2) * fresh[t]
    np.testing.assert_allclose(process, expected, atol=1e-4)
    if autocorrelation == 1:
        np.testing.assert_array_equal(process, np.broadcast_to(start, process.shape))
    else:
        assert process.std() == pytest.approx(1, abs=0.05)
        assert (process[1:] * process[:-1]).mean() == pytest.approx(autocorrelation, abs=0.05)


@jax.jit
def switch(key, share):
    return runs(RandomDraws(key, uniforms=(FRAMES + 1) * SIZE), FRAMES, SIZE, share, 5.0)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.6, 1.0])
def test_runs_have_their_share_of_the_frames_and_their_mean_length(share):
    on = np.asarray(switch(jax.random.key(1), share))
    assert on.shape == (FRAMES, SIZE)
    # Between two runs of 5 frames a chain is False for at least one frame.
    assert on.mean() == pytest.approx(min(share, 5 / 6), abs=0.03)
    if 0 < share < 1:
        ends = (on[:-1] & ~on[1:]).sum()
        assert on[:-1].sum() / ends == pytest.approx(5, rel=0.1)
        first, second = on[:, 0].astype(float), on[:, 1].astype(float)
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.12  # the chains are independent
