"""Movement types without look-ahead: frame by frame, they give what whole tracks give."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import stabilizer
from fhr_jax.errors import InputError
from fhr_jax.stabilizer.filter import step_cleaned
from fhr_jax.stabilizer.smoothing import causal
from fhr_jax.stabilizer.smoothing.kalman_bank import TYPES
from tests.derivatives import check_gradient
from tests.stabilizer.smoothing.tracks import FRAMES, POINTS, moving_face, parameters, random_net

PARAMS = parameters()._replace(movements=random_net(5))


def _track():
    track, _ = moving_face()
    track[:3, 4] = track[12:15] = track[22:26, 1] = np.nan
    track[30:] += 300  # a cut
    return track


def run(track, *, reset=None, dt=None):
    """One program for all tracks."""
    reset = np.zeros(FRAMES, bool) if reset is None else reset
    dt = np.ones(FRAMES, np.float32) if dt is None else dt
    return np.asarray(stabilizer.run(PARAMS, track, reset=reset, dt=dt))


def test_steps_give_the_outputs_of_run():
    track, reset = _track(), np.arange(FRAMES) == 20
    dt = np.where(np.arange(FRAMES) % 6 == 1, 2.0, 0.5).astype(np.float32)
    step = jax.jit(stabilizer.step, donate_argnums=1)
    state, found = stabilizer.init_state(PARAMS), []
    shapes = jax.tree.map(jnp.shape, state)
    for frame, again, time in zip(track, reset, dt, strict=True):
        state, x = step(PARAMS, state, frame, reset=again, dt=time)
        found.append(np.asarray(x))
    assert jax.tree.map(jnp.shape, state) == shapes
    whole = run(track, reset=reset, dt=dt)
    np.testing.assert_allclose(found, whole, rtol=1e-5, atol=1e-4)
    # The past is forgotten at a reset, that of the network, too.
    alone = run(np.roll(track, -20, axis=0), dt=np.roll(dt, -20))[: FRAMES - 20]
    np.testing.assert_allclose(whole[20:], alone, rtol=1e-5, atol=1e-4)


def _only(choice):
    """A network that gives all weight to one movement type, or to the observation (the last)."""
    net = jax.tree.map(jnp.zeros_like, random_net(0))
    bias = jnp.where(jnp.arange(TYPES + 1) == choice, 60.0, 0.0)
    return net._replace(last_bias=jnp.broadcast_to(bias, net.last_bias.shape), refuted=net.refuted - 30)


def test_a_network_that_wants_one_movement_type_gives_its_filtered_positions():
    track = moving_face()[0]

    @jax.jit
    def outputs(net, track):
        def body(state, z):
            cleaning, movements = state
            cleaning, cleaned = step_cleaned(parameters(), cleaning, z)
            movements, output = causal.step(net, movements, cleaned)
            return (cleaning, movements), (output, movements.forward.bank.mean[0] + movements.forward.anchor[None])

        first = stabilizer.init_state(parameters()), causal.init_state(POINTS, 2, jnp.zeros(()))
        return jax.lax.scan(body, first, track)[1]

    for choice in (0, 4):
        output, positions = outputs(_only(choice), track)
        np.testing.assert_allclose(output, positions[:, choice], atol=1e-3)
    np.testing.assert_allclose(outputs(_only(TYPES), track)[0], track, atol=1e-3)


def test_far_from_the_origin_nothing_changes():
    track = moving_face()[0]
    moved = run(track + np.float32(2**14))
    np.testing.assert_allclose(moved - 2**14, run(track), atol=0.02)


def test_the_mode_is_that_of_the_mixture():
    track = _track()
    plain = PARAMS._replace(movements=None)
    np.testing.assert_array_equal(
        stabilizer.run(PARAMS, track, estimate="mode"), stabilizer.run(plain, track, estimate="mode")
    )


def test_gradients():
    track = jnp.asarray(_track()[10:30])

    def loss(net):
        return (stabilizer.run(PARAMS._replace(movements=net), track)[3:] ** 2).mean() / 1e4

    check_gradient(loss, (PARAMS.movements,), atol=0.02, rtol=0.02)


def test_the_fast_path_is_refused():
    with pytest.raises(InputError, match="movement types"):
        stabilizer.run(PARAMS._replace(outliers=None), moving_face()[0], complete=True)
