"""One update of the face detector: repeatable, and the loss falls."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from fhr_jax import augment
from fhr_jax.train import detector
from tests.detector.nets import CONFIG

RNG = np.random.default_rng(0)
BATCH = {
    "image": RNG.integers(0, 256, (2, 64, 64, 3), np.uint8),
    "boxes": np.array([[[20.0, 20, 24, 24]], [[np.nan] * 4]], np.float32),
    "ignored": np.zeros((2, 1), bool),
}


def test_the_loss_falls_and_the_same_key_gives_the_same_state():
    batch = {name: jnp.asarray(value) for name, value in BATCH.items()}
    optimizer = optax.adam(1e-2)
    update = detector.make_update(jax.random.key(1), CONFIG, optimizer, options=augment.OFF)
    states, losses = [], []
    for _ in range(2):
        state = detector.init_state(jax.random.key(0), CONFIG, optimizer)
        for _ in range(12):
            state, metrics = update(state, batch)
            losses.append(float(metrics.loss))
        states.append(state)
    assert losses[:12] == losses[12:]
    assert losses[11] < 0.7 * losses[0]
    assert int(states[0].step) == 12
    for one, other in zip(jax.tree.leaves(states[0]), jax.tree.leaves(states[1]), strict=True):
        np.testing.assert_array_equal(one, other)
    net = detector.trained_detector(states[0], CONFIG)
    changed = jax.tree.map(lambda a, b: bool((a != b).any()), net.variables["params"], states[0].params)
    assert any(jax.tree.leaves(changed))  # the moving averages lag behind
    assert jax.tree.structure(net.variables) == jax.tree.structure(detector.detector.init(jax.random.key(0), CONFIG))


def test_without_faces_the_sizes_learn_nothing():
    batch = {name: jnp.asarray(value[1:].repeat(2, axis=0)) for name, value in BATCH.items()}
    optimizer = optax.sgd(1.0)
    update = detector.make_update(jax.random.key(1), CONFIG, optimizer, options=augment.OFF)
    state = detector.init_state(jax.random.key(0), CONFIG, optimizer)
    after, _ = update(state, batch)
    np.testing.assert_array_equal(after.params["maps"]["bias"][1:], state.params["maps"]["bias"][1:])
    assert after.params["maps"]["bias"][0] < state.params["maps"]["bias"][0]
