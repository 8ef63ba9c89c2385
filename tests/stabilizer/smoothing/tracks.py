"""Tracks and parameters for the tests of the smoother: few points, so that they compile fast."""

import jax
import numpy as np

from fhr_jax import stabilizer

POINTS, FRAMES = 6, 40


def parameters():
    """Default parameters for 6 points, without movement types, and with a smoother whose weights are random."""
    return stabilizer.default_params(POINTS)._replace(smoother=random_net(0), movements=None)


def random_net(seed):
    """A small network whose weights are all random."""
    net = stabilizer.init_net(jax.random.key(seed), hidden=8)
    keys = jax.random.split(jax.random.key(seed + 1), len(net))
    return type(net)(*(value + 0.3 * jax.random.normal(key, value.shape) for key, value in zip(keys, net, strict=True)))


def moving_face(frames=FRAMES):
    """A face of 6 points that moves, as observed (T, 6, 2) in pixels, and its truth."""
    rng = np.random.default_rng(3)
    face = 40 * rng.normal(size=(POINTS, 2))
    time = np.arange(frames)[:, None, None]
    truth = face + np.array([200.0, 150.0]) + np.concatenate([3 * time, 10 * np.sin(time / 6)], axis=-1)
    return np.float32(truth + rng.normal(size=truth.shape)), np.float32(truth)
