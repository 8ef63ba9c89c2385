"""Gains over dt frames against the roots of the error's recursion, in float64."""

import itertools

import jax
import numpy as np
import pytest

from fhr_jax.filters import rates


@pytest.mark.parametrize("dt", [0.05, 0.25, 0.5, 1.0, 1.2, 2.0, 3.7, 10.0])
def test_both_gains_are_those_of_the_roots(dt):
    pair = jax.jit(rates.pair_over)
    for a, b in itertools.product([0.02, 0.3, 0.5, 0.9, 0.99], [1e-4, 1e-3, 0.01, 0.1, 0.3, 0.6, 1.0]):
        roots = np.roots([1, -(2 - a - b), 1 - a]).astype(complex) ** dt
        found = pair(a, b, dt)
        np.testing.assert_allclose(found.a, 1 - roots.prod().real, rtol=1e-4)
        np.testing.assert_allclose(found.b, (1 - roots).prod().real, rtol=2e-3)


def test_one_frame_and_full_gain_are_exact():
    assert rates.gain_over(0.3, 1) == 0.3
    assert rates.pair_over(0.3, 0.1, 1.0) == (0.3, 0.1)
    for dt in (0.1, 0.25, 2.0):
        assert rates.gain_over(1.0, dt) == 1
        np.testing.assert_allclose(rates.pair_over(1.0, 0.3, dt), (1, 1 - 0.7**dt), rtol=1e-6)
    gradients = jax.grad(lambda a, b, dt: sum(rates.pair_over(a, b, dt)), argnums=(0, 1, 2))
    for a, b in ((1.0, 0.0), (1.0, 1.0), (0.36, 0.04), (0.5, 1.6)):
        assert np.isfinite(gradients(a, b, 1.0)).all()
        assert np.isfinite(gradients(a, b, 0.5)).all()
