"""The weights of the movement types, the noise and the evidence, against plain NumPy."""

import jax
import jax.numpy as jnp
import numpy as np

from fhr_jax.stabilizer.smoothing import bands, mixing
from fhr_jax.stabilizer.smoothing.kalman_bank import TYPES

POINTS = 6


def _inputs():
    rng = np.random.default_rng(0)
    points = jnp.asarray(rng.normal(size=(POINTS, 2)), jnp.float32)
    weight = jnp.asarray([1.0, 1.0, 0.5, 1.0, 0.0, 1.0])
    regions = bands.regions(points, jnp.ones(POINTS), jnp.ones(()))
    moved = jnp.asarray(rng.normal(size=(2, TYPES, POINTS, 2)), jnp.float32)
    parts, last = (bands.split(value, points, jnp.ones(POINTS), regions) for value in moved)
    return parts, last, regions, weight


def _evidence(parts, last, regions, weight, variance):
    return mixing.evidence_of_frame(
        parts,
        last,
        variance=variance,
        size=jnp.full((), 2.0),
        counted=jnp.ones(POINTS),
        weights=mixing.part_weights(weight, regions),
    )


@jax.jit
def _weights(net, parts, last, regions, weight, variance):
    evidence = _evidence(parts, last, regions, weight, variance)
    running = tuple(jnp.zeros((len(part), mixing.EVIDENCE, len(mixing.DECAYS))) for part in evidence)
    weights = mixing.type_weights(
        net,
        evidence,
        running,
        regions=regions,
        variance=variance,
        tail=jnp.asarray([1.0, 2.0]),
        ahead=jnp.full((), 3.0),
        weights=mixing.part_weights(weight, regions),
        dt=jnp.ones(()),
    )
    return evidence, weights


VARIANCE = jnp.asarray([0.1, 0.2, 0.3])


def test_evidence_of_points():
    parts, last, regions, weight = _inputs()
    evidence, _ = _weights(mixing.init_net(jax.random.key(0)), parts, last, regions, weight, VARIANCE)
    unit = np.sqrt(0.3) * 2
    d, before = np.asarray(parts.points, np.float64) / unit, np.asarray(last.points, np.float64) / unit
    for m in range(POINTS):
        for k in range(TYPES):
            square = (d[k, m] ** 2).sum()
            np.testing.assert_allclose(
                evidence[2][m, k], np.log(float(weight[m]) * square + mixing.FLOOR), rtol=1e-4, atol=1e-4
            )
            cosine = (d[k, m] * before[k, m]).sum() / np.sqrt((1 + square) * (1 + (before[k, m] ** 2).sum()))
            np.testing.assert_allclose(evidence[2][m, 2 * TYPES - 1 + k], cosine, atol=1e-4)


def test_a_new_network_weighs_by_the_evidence_alone():
    parts, last, regions, weight = _inputs()
    net = mixing.init_net(jax.random.key(0))
    evidence, weights = _weights(net, parts, last, regions, weight, VARIANCE)
    for logs, found, observed in zip(evidence, weights, mixing.part_weights(weight, regions), strict=True):
        np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
        odds = -np.log1p(np.exp(-2.0)) * np.minimum(np.exp(np.asarray(logs[:, :TYPES], np.float64)), mixing.MAX_REFUTED)
        odds = np.concatenate([odds, np.log(np.maximum(np.asarray(observed), 1e-6))[:, None]], axis=1)
        expected = np.exp(odds - odds.max(axis=1, keepdims=True))
        np.testing.assert_allclose(found, expected / expected.sum(axis=1, keepdims=True), atol=1e-4)
    # A missing point has no observation to stay at.
    assert weights[2][4, -1] < 1e-4


def test_running_evidence_is_a_mean_whose_weights_fade():
    state = mixing.init_evidence(POINTS, jnp.zeros(()))
    rng = np.random.default_rng(1)
    frames = rng.normal(size=(5, POINTS, mixing.EVIDENCE)).astype(np.float32)
    follow = jax.jit(mixing.update_evidence)
    for first, frame in enumerate([7 * frames[0], *frames]):  # the first frame is forgotten at the second
        logs = tuple(jnp.asarray(frame[: len(mean)]) for mean in state.mean)
        state = follow(state, logs, observed=jnp.ones(()), dt=jnp.ones(()), first=jnp.asarray(first == 1))
    for i, decay in enumerate(mixing.DECAYS):
        weight = decay ** np.arange(4, -1, -1)
        expected = (weight[:, None, None] * frames).sum(axis=0) / weight.sum()
        np.testing.assert_allclose(state.mean[2][..., i], expected, atol=1e-5)
