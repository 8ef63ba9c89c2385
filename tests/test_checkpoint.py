"""Checkpoints: state and data come back together, and a foreign one is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import checkpoint
from fhr_jax.data import loader
from fhr_jax.errors import InputError


def _iterator():
    return loader.batches(loader.Indices(0, 10), batch=4, seed=0)


@pytest.fixture
def state():
    return {"weights": jnp.arange(3.0), "inner": (jnp.asarray(7, jnp.int32), {"b": jnp.ones((2, 2))})}


def test_state_and_position_come_back(tmp_path, state):
    data = _iterator()
    next(data)
    with checkpoint.manager(tmp_path) as checkpoints:
        checkpoint.save(checkpoints, 1, state, data)
        checkpoints.wait_until_finished()
        expected = next(data)["index"]
        again = _iterator()
        restored = checkpoint.restore(checkpoints, jax.tree.map(jnp.zeros_like, state), again)
    jax.tree.map(np.testing.assert_array_equal, restored, state)
    assert jax.tree.structure(restored) == jax.tree.structure(state)
    assert list(next(again)["index"]) == list(expected)


def test_only_the_latest_are_kept(tmp_path, state):
    with checkpoint.manager(tmp_path, keep=2) as checkpoints:
        for step in (1, 2, 3):
            checkpoint.save(checkpoints, step, state, _iterator())
        checkpoints.wait_until_finished()
        assert sorted(checkpoints.all_steps()) == [2, 3]


def test_other_arrays_are_refused(tmp_path, state):
    with checkpoint.manager(tmp_path) as checkpoints:
        checkpoint.save(checkpoints, 1, state, _iterator())
        checkpoints.wait_until_finished()
        for other in (
            {**state, "weights": jnp.arange(4.0)},
            {**state, "more": jnp.ones(1)},
            {"weights": jnp.ones(3)},
        ):
            with pytest.raises(InputError, match="another preset"):
                checkpoint.restore(checkpoints, other, _iterator())


def test_other_data_are_refused(tmp_path, state):
    with checkpoint.manager(tmp_path) as checkpoints:
        checkpoint.save(checkpoints, 1, state, _iterator())
        checkpoints.wait_until_finished()
        others = loader.batches(loader.Indices(0, 11), batch=4, seed=0)
        with pytest.raises(InputError, match=r"the data have changed: .*Indices\(0, 10\), batch 4, seed 0, not"):
            checkpoint.restore(checkpoints, state, others)


def test_a_checkpoint_of_version_0_1_is_refused(tmp_path, state):
    import grain
    import orbax.checkpoint as ocp

    leaves = {str(i): leaf for i, leaf in enumerate(jax.tree.leaves(state))}
    data = iter(grain.MapDataset.range(9).to_iter_dataset())
    old = ocp.args.Composite(state=ocp.args.StandardSave(leaves), data=grain.checkpoint.CheckpointSave(data))
    with checkpoint.manager(tmp_path) as checkpoints:
        checkpoints.save(1, args=old)
        checkpoints.wait_until_finished()
    with checkpoint.manager(tmp_path) as checkpoints, pytest.raises(InputError, match="checkpoint 1 is broken"):
        checkpoint.restore(checkpoints, state, _iterator())


def test_an_empty_folder_is_named(tmp_path, state):
    with checkpoint.manager(tmp_path) as checkpoints, pytest.raises(InputError, match=r"no checkpoint there"):
        checkpoint.restore(checkpoints, state, _iterator())
