"""Frame by frame, saved and restored, many faces at once, padded, causal: always the output of `run`."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import filters, stabilizer
from tests.tracks import COVARIANCES, extended, params, walk

CASES = [("diagonal", "none"), ("diagonal", "groups"), *((c, "all") for c in COVARIANCES)]


def track_with_gaps(frames=40):
    """Missing frames and points, a throw, a cut."""
    z = walk(frames)
    z[0, 1] = z[10, 0] = z[15:18] = np.nan
    z[22, 2] += 500
    z[30:] += 400
    return z


@pytest.mark.parametrize(("covariance", "extension"), CASES)
def test_step_equals_run_and_is_traced_once_and_survives_a_file(covariance, extension, tmp_path):
    p, z = extended(extension), track_with_gaps()
    traces = []

    @partial(jax.jit, donate_argnums=0)
    def step(state, z):
        traces.append(1)
        return stabilizer.step(p, state, z)

    empty = stabilizer.init_state(p, covariance=covariance, window=8)
    state, outputs = stabilizer.init_state(p, covariance=covariance, window=8), []
    for i, frame in enumerate(z):
        if i == 20:  # in the middle: to a file of plain arrays, and back into the structure of an empty state
            leaves, structure = jax.tree.flatten(state)
            np.savez(tmp_path / "state.npz", *leaves)
            with np.load(tmp_path / "state.npz", allow_pickle=False) as arrays:
                restored = [jnp.asarray(arrays[f"arr_{n}"]) for n in range(len(leaves))]
            assert structure == jax.tree.structure(empty)
            for one, other in zip(restored, jax.tree.leaves(empty), strict=True):
                assert (one.shape, one.dtype) == (other.shape, other.dtype)
            kept = jax.tree.map(jnp.copy, state)
            state = jax.tree.unflatten(structure, restored)
        if i == 25:
            later, _ = _continue(step, kept, z[20:25])
            jax.tree.map(np.testing.assert_array_equal, later, state)
        state, x = step(state, jnp.asarray(frame))
        outputs.append(x)
    np.testing.assert_allclose(
        jnp.stack(outputs), stabilizer.run(p, jnp.asarray(z), covariance=covariance, window=8), rtol=1e-5
    )
    assert len(traces) == 1


def _continue(step, state, frames):
    outputs = []
    for frame in jnp.asarray(frames):
        state, x = step(state, frame)
        outputs.append(x)
    return state, outputs


def test_orbax_saves_and_restores_a_state(tmp_path):
    import orbax.checkpoint as ocp

    p, z = extended("all"), jnp.asarray(track_with_gaps())
    state = stabilizer.init_state(p)
    step = jax.jit(partial(stabilizer.step, p))
    state, _ = _continue(step, state, z[:20])
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "state", state)
    with ocp.StandardCheckpointer() as checkpointer:
        restored = checkpointer.restore(tmp_path / "state", stabilizer.init_state(p))
    for one, other in zip(*(_continue(step, s, z[20:])[1] for s in (state, restored)), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_the_state_is_small_and_does_not_grow(covariance):
    p = params(68)
    state = stabilizer.init_state(p, covariance=covariance)
    after = jax.eval_shape(stabilizer.step, p, state, jnp.ones((68, 2)))[0]
    assert jax.tree.map(lambda a: (a.shape, a.dtype), after) == jax.tree.map(lambda a: (a.shape, a.dtype), state)
    numbers = sum(leaf.size for leaf in jax.tree.leaves(state))
    assert numbers < {"diagonal": 600, "windowed": 600 + 33 * 136, "full": 600 + 136**2}[covariance]


@pytest.mark.parametrize(("covariance", "extension"), [("diagonal", "all"), ("windowed", "all")])
def test_many_faces_at_once(covariance, extension):
    p = extended(extension)
    tracks = np.stack([track_with_gaps(), walk(40, seed=1), walk(40, seed=2)])
    tracks[1, 12] = np.nan
    together = jax.vmap(partial(stabilizer.run, p, covariance=covariance))(jnp.asarray(tracks))
    for one, track in zip(together, tracks, strict=True):
        np.testing.assert_allclose(
            one, stabilizer.run(p, jnp.asarray(track), covariance=covariance), rtol=1e-5, atol=1e-4
        )

    states = jax.vmap(lambda _: stabilizer.init_state(p, covariance=covariance))(jnp.arange(3))
    step = jax.jit(jax.vmap(partial(stabilizer.step, p)))
    for frames, expected in zip(tracks.swapaxes(0, 1), together.swapaxes(0, 1), strict=True):
        states, x = step(states, jnp.asarray(frames))
        np.testing.assert_allclose(x, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("extension", ["none", "all"])
def test_the_output_does_not_depend_on_later_frames_or_padding(extension):
    p, z = extended(extension), track_with_gaps()
    whole = stabilizer.run(p, jnp.asarray(z))
    for padding in (np.nan, 0.0, 1e6):
        padded = np.where(np.arange(40)[:, None, None] < 27, z, padding).astype(np.float32)
        x = stabilizer.run(p, jnp.asarray(padded))
        np.testing.assert_allclose(x[:27], whole[:27], rtol=1e-6)
    mask = jnp.arange(40) < 27
    np.testing.assert_allclose(stabilizer.run(p, jnp.asarray(z), mask=mask)[:27], whole[:27], rtol=1e-6)


def test_filter_interface():
    p, z = params(), jnp.asarray(walk())
    for covariance in COVARIANCES:
        ours = filters.run(stabilizer.as_filter(p, covariance=covariance), z)
        np.testing.assert_allclose(ours, stabilizer.run(p, z, covariance=covariance), rtol=1e-5)
    dt = np.random.default_rng(0).uniform(0.4, 2.5, len(z)).astype(np.float32)
    ours = filters.run(stabilizer.as_filter(p), z, dt=dt)
    np.testing.assert_allclose(ours, stabilizer.run(p, z, dt=dt), rtol=1e-5)
    assert np.abs(ours - stabilizer.run(p, z)).max() > 0.1
