"""Quick motions reach their amplitude, come back, and stay where they belong."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax.data.faces.motion import Clock
from fhr_jax.data.faces.random_draws import random_block
from fhr_jax.data.synthetic import quick_motion
from fhr_jax.data.synthetic.quick_motion import HEAD_SIZE, KINDS, ease, gestures, local_motion


def drawn(make, seconds, rate, number=40):
    """(N, T, ...) of N draws."""
    clock = Clock(jnp.arange(round(seconds * rate)) / rate, seconds)
    keys = jax.random.split(jax.random.key(0), number)
    return np.asarray(jax.jit(jax.vmap(lambda key: random_block(key, lambda draws: make(draws, clock))))(keys))


@pytest.mark.parametrize("softness", [0.01, 0.2, 0.5])
def test_ease_goes_from_0_to_1_at_the_speed_that_its_softness_says(softness):
    u = np.linspace(-0.5, 1.5, 2001, dtype=np.float32)
    progress = np.asarray(ease(jnp.asarray(u), jnp.full_like(u, softness)), np.float64)
    assert (progress[u <= 0] == 0).all()
    np.testing.assert_allclose(progress[u >= 1], 1, atol=1e-6)
    steps = np.diff(progress) / np.diff(u)
    assert steps.min() > -1e-3
    np.testing.assert_allclose(steps.max(), 1 / (1 - softness), rtol=0.01)
    np.testing.assert_allclose(progress[1000], 0.5, atol=1e-4)


@pytest.mark.parametrize("name", KINDS)
def test_a_local_motion_reaches_its_amplitude_and_ends(name, monkeypatch):
    kind = KINDS[name]
    monkeypatch.setattr(quick_motion, "KINDS", {name: kind})
    # One event in a second, seen 240 times a second for five.
    clock = Clock(jnp.arange(1200) / 240, 1.0)
    keys = jax.random.split(jax.random.key(1), 40)
    one = jax.vmap(lambda key: random_block(key, lambda draws: local_motion(draws, clock, share=jnp.ones(()))))
    moved = np.linalg.norm(np.asarray(jax.jit(one)(keys)), axis=-1)
    low, high = kind.amplitude
    peak = moved.max(axis=(1, 2)) / HEAD_SIZE
    assert (peak > 0.98 * low).all()
    assert (peak < 1.001 * high).all()
    assert peak.max() > 0.6 * high
    np.testing.assert_allclose(moved[:, -1], 0, atol=1e-5)
    # Up to the peak within the frames of its rise, of 30 a second.
    for track in moved.max(axis=2):
        first, top = np.flatnonzero(track > 0)[0], np.flatnonzero(track > 0.999 * track.max())[0]
        assert top - first <= 8 * kind.rise[1] + 2


def test_parts_of_a_face_move_by_themselves():
    jaw, lids = quick_motion._jaw(), quick_motion._lids()
    assert np.abs(jaw[17:48]).max() < 1e-3
    assert np.abs(jaw[[62, 51]]).max() < 0.06
    assert jaw[[8, 57, 66], 1].min() > 0.95
    assert np.abs(lids[:36]).max() < 0.02
    assert lids[[37, 38, 43, 44], 1].min() > 0.75


def test_a_share_of_zero_is_rest_and_amplitudes_scale():
    still = drawn(lambda d, c: local_motion(d, c, share=jnp.zeros(())), 3.0, 30.0, 5)
    assert not still.any()
    assert not drawn(lambda d, c: gestures(d, c, share=jnp.zeros(())), 3.0, 30.0, 5).any()


def test_gestures_are_as_fast_as_they_say():
    moved = drawn(lambda d, c: gestures(d, c, share=jnp.ones(())), 10.0, 30.0, 400)
    speed = np.abs(np.diff(moved, axis=1)).max(axis=(0, 1))
    assert np.deg2rad(5) < speed[2] < np.deg2rad(45)
    assert speed[3:5].min() > 0.7 * HEAD_SIZE
    assert speed[3:5].max() < 6 * HEAD_SIZE
    assert speed[5] < 0.5
    assert np.abs(moved[..., :2]).max() < 2.5
