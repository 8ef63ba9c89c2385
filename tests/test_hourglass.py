"""The network: shapes, size, half pixels, mirror symmetry, gradients."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import geometry, heatmap, hourglass
from fhr_jax.hourglass import PRESETS, TINY, Hourglass
from tests.nets import random_net, variable_shapes


@pytest.fixture(scope="module")
def tiny():
    return random_net().variables


@pytest.fixture(scope="module")
def images():
    return jnp.asarray(np.random.default_rng(1).uniform(size=(3, 32, 32, 3)), jnp.float32)


@pytest.fixture(scope="module")
def maps(tiny, images):
    """Without jit."""
    return Hourglass(TINY).apply(tiny, images)


def _count(config):
    return sum(leaf.size for leaf in jax.tree.leaves(variable_shapes(config)["params"]))


@pytest.mark.parametrize("name", PRESETS)
def test_presets_give_one_set_of_maps_a_stack(name):
    config = PRESETS[name]
    images = jax.ShapeDtypeStruct((2, config.crop, config.crop, 3), jnp.float32)
    maps = jax.eval_shape(Hourglass(config).apply, variable_shapes(config), images)
    assert maps.shape == (config.stacks, 2, config.heatmap, config.heatmap, config.landmarks)


def test_the_papers_network_has_its_size():
    assert 6.2e6 < _count(PRESETS["paper"]) < 6.6e6


def test_small_differs_from_medium_by_the_grid_only():
    assert PRESETS["small"]._replace(heatmap=64, pool=False, sigma=1.5) == PRESETS["medium"]
    assert _count(PRESETS["small"]) == _count(PRESETS["medium"])


def test_jit_agrees_and_traces_once(tiny, images, maps):
    traces = []

    @jax.jit
    def apply(variables, images):
        traces.append(1)
        return Hourglass(TINY).apply(variables, images)

    np.testing.assert_allclose(apply(tiny, images), maps, atol=1e-4)
    apply(tiny, 1 - images)
    assert len(traces) == 1


def test_one_image_does_not_depend_on_its_batch(tiny, images, maps):
    alone = Hourglass(TINY).apply(tiny, images[1:2])
    np.testing.assert_allclose(maps[:, 1:2], alone, atol=1e-4)


def test_a_dot_in_the_crop_its_mirror_image_and_its_heatmap_agree(tiny):
    """The stem that averages the 2 x 2 crop pixels of a heatmap pixel keeps a dot where `geometry` says.

    That kernel has its taps at offsets 0 and +1 of each axis; another padding would move the dot by a crop pixel.
    """
    size, point = 32, jnp.array([[12.3, 17.6]])
    dot = heatmap.encode(point, size=(size, size), sigma=2.0)
    mean = np.zeros((7, 7, 1, 1), np.float32)
    mean[3:5, 3:5] = 0.25

    @jax.jit
    def stem(image):
        return nn.Conv(1, (7, 7), (2, 2), padding=hourglass.STEM_PADDING, use_bias=False).apply(
            {"params": {"kernel": mean}}, image[None]
        )[0]

    to_heatmap = geometry.resize((size, size), (size // 2, size // 2))
    expected = geometry.apply(to_heatmap, point)
    np.testing.assert_allclose(heatmap.decode(stem(dot), decoder="parabola"), expected, atol=0.02)
    mirrored = np.array(heatmap.decode(stem(dot[:, ::-1]), decoder="parabola"))
    mirrored[:, 0] = size // 2 - 1 - mirrored[:, 0]
    np.testing.assert_allclose(mirrored, expected, atol=0.02)


def test_training_changes_the_running_statistics_and_gradients_reach_every_parameter(tiny, images):
    @jax.jit
    def objective(params):
        variables = {"params": params, "batch_stats": tiny["batch_stats"]}
        maps, changed = Hourglass(TINY).apply(variables, images, train=True, mutable=["batch_stats"])
        return jnp.mean(maps**2), changed["batch_stats"]

    grads, stats = jax.grad(objective, has_aux=True)(tiny["params"])
    moved = jax.tree.map(lambda a, b: bool(np.any(np.asarray(a) != b)), stats, tiny["batch_stats"])
    assert all(jax.tree.leaves(moved))
    for path, leaf in jax.tree_util.tree_leaves_with_path(grads):
        leaf = np.asarray(leaf)
        assert np.isfinite(leaf).all()
        # A bias before a normalization cannot matter; every kernel must.
        if "kernel" in str(path):
            assert np.abs(leaf).max() > 0, path


def test_computing_in_bfloat16_keeps_parameters_and_maps_in_float32():
    network = Hourglass(TINY, dtype=jnp.bfloat16)
    images = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
    variables = jax.eval_shape(network.init, jax.random.key(0), images)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    maps, seen = jax.eval_shape(lambda v, x: network.apply(v, x, capture_intermediates=True), variables, images)
    assert maps.dtype == jnp.float32
    assert jnp.dtype("bfloat16") in {leaf.dtype for leaf in jax.tree.leaves(seen)}
