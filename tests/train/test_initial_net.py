"""A run that starts from a trained net: the same parameters, or its trunk with new heads."""

import jax
import numpy as np
import optax
import pytest
from flax import traverse_util

from fhr_jax import hourglass, weights
from fhr_jax.data import loader
from fhr_jax.errors import InputError
from fhr_jax.hourglass import TINY
from fhr_jax.sharding import device_mesh
from fhr_jax.train import QUICK, init_from, init_state, load_initial
from fhr_jax.train.run import TrainPlan, initialize
from tests.nets import SMALLEST, random_net

TWO_STACKS = TINY._replace(depth=1)


def _flat(variables):
    return {name: np.asarray(leaf) for name, leaf in traverse_util.flatten_dict(dict(variables), sep="/").items()}


@pytest.mark.parametrize("landmarks", [7, 16])
def test_another_number_of_landmarks_keeps_the_trunk(landmarks):
    """Also 16, the number of features: the layers that feed 16 maps back have the shape of a trunk layer."""
    net = random_net(TWO_STACKS)
    found = init_from(jax.random.key(1), net, landmarks=landmarks)
    before, after = _flat(net.variables), _flat(found.variables)
    assert found.config == net.config._replace(landmarks=landmarks)
    assert {name: leaf.shape for name, leaf in after.items()} == weights.shapes_of(found.config)
    fresh = _flat(hourglass.init(jax.random.key(1), found.config))
    changed = {name for name in after if not np.array_equal(after[name], before[name])}
    assert {name.split("/")[1] for name in changed} == {"maps_0", "maps_1", "Dense_2"}
    for name in changed:
        np.testing.assert_array_equal(after[name], fresh[name])


def test_the_same_number_of_landmarks_changes_nothing():
    net = random_net(SMALLEST)
    assert init_from(jax.random.key(0), net) is net
    assert init_from(jax.random.key(0), net, landmarks=68) is net


def test_another_number_drops_the_calibration():
    assert weights.load().calibration is not None
    assert init_from(jax.random.key(0), weights.load(), landmarks=7).calibration is None


def test_a_net_of_the_package_has_a_name_and_others_a_path(tmp_path, monkeypatch):
    same = np.testing.assert_array_equal
    jax.tree.map(same, load_initial("small").variables, weights.load().variables)
    weights.save(tmp_path / "small.npz", random_net(SMALLEST))
    monkeypatch.chdir(tmp_path)
    assert load_initial("small.npz").config == SMALLEST
    assert load_initial("small").config == hourglass.SMALL
    with pytest.raises(InputError, match="smaller"):
        load_initial("smaller")


@pytest.mark.parametrize("mesh", [None, device_mesh()])
def test_a_state_starts_from_the_given_variables(mesh):
    net = random_net(SMALLEST)
    state = init_state(jax.random.key(0), SMALLEST, optax.adam(1e-3), ema=True, mesh=mesh, variables=net.variables)
    assert int(state.step) == 0
    jax.tree.map(np.testing.assert_array_equal, state.params, net.variables["params"])
    jax.tree.map(np.testing.assert_array_equal, state.ema, (net.variables["params"], net.variables["batch_stats"]))


def _plan(**changes):
    net = random_net(SMALLEST, loss="cross_entropy")
    plan = TrainPlan(SMALLEST, QUICK, 2, loader.Indices(0, 4), lambda _, batch: batch, None, init=net)  # ty: ignore
    return plan._replace(**changes)


def test_a_plan_starts_from_its_net():
    plan = _plan()
    _, state = initialize(plan)
    jax.tree.map(np.testing.assert_array_equal, state.params, plan.init.variables["params"])
    jax.tree.map(np.testing.assert_array_equal, state.batch_stats, plan.init.variables["batch_stats"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": SMALLEST._replace(features=8)}, "expected Config"),
        ({"recipe": QUICK._replace(loss="squared")}, "trained with the loss cross_entropy, but the recipe has squared"),
    ],
)
def test_a_net_that_does_not_fit_the_plan_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        initialize(_plan(**changes))
