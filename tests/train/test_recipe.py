"""The optimizers and schedules of recipes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax.train.recipe import PAPER, QUICK, RECIPES, finetune_steps, make_optimizer, make_schedule

PARAMS = {"kernel": jnp.ones((3, 2)), "scale": jnp.ones(2), "bias": jnp.zeros(2)}
GRADIENT = jax.tree.map(lambda leaf: jnp.full(leaf.shape, 0.3), PARAMS)


def _change(recipe, steps=100, updates=1):
    optimizer = make_optimizer(recipe, steps)
    state = optimizer.init(PARAMS)
    for _ in range(updates):
        change, state = optimizer.update(GRADIENT, state, PARAMS)
    return change


def test_the_papers_recipe_has_a_constant_learning_rate_and_no_clipping():
    assert make_schedule(PAPER, 10) == 2.5e-4
    expected = -2.5e-4 * 0.3 / np.sqrt(0.01 * 0.3**2 + 1e-8)
    np.testing.assert_allclose(_change(PAPER)["kernel"], expected, rtol=1e-4)
    large = jax.tree.map(lambda leaf: 1e6 * leaf, GRADIENT)
    change, _ = make_optimizer(PAPER, 1).update(large, make_optimizer(PAPER, 1).init(PARAMS), PARAMS)
    np.testing.assert_allclose(change["kernel"], -2.5e-3, rtol=1e-4)


def test_a_cosine_warms_up_and_ends_low():
    rate = make_schedule(QUICK, 1000)
    assert rate(0) == pytest.approx(1e-4)
    assert rate(100) == pytest.approx(2e-3)
    assert rate(1000) == pytest.approx(2e-5)
    assert make_schedule(QUICK, 50)(5) == pytest.approx(2e-3)  # the warm-up is a tenth at most


def test_weights_decay_but_not_biases_and_normalizations():
    recipe = QUICK._replace(optimizer="adamw", weight_decay=0.1)
    plain, decayed = _change(QUICK), _change(recipe)
    rate = make_schedule(QUICK, 100)(0)
    np.testing.assert_allclose(decayed["kernel"], plain["kernel"] - rate * 0.1, rtol=1e-4)
    for name in ("scale", "bias"):
        np.testing.assert_array_equal(decayed[name], plain[name])


def test_clipping_shortens_only_long_gradients():
    sgd_like = QUICK._replace(optimizer="rmsprop", schedule="constant")
    norm = float(jnp.sqrt(sum((leaf**2).sum() for leaf in jax.tree.leaves(GRADIENT))))
    never = _change(sgd_like._replace(clip=None))
    np.testing.assert_allclose(_change(sgd_like._replace(clip=2 * norm))["kernel"], never["kernel"], rtol=1e-6)
    half = 0.5 * 0.3
    expected = -2e-3 * half / np.sqrt(0.01 * half**2 + 1e-8)
    np.testing.assert_allclose(_change(sgd_like._replace(clip=norm / 2))["kernel"], expected, rtol=1e-4)


def test_every_recipe_makes_an_optimizer():
    for recipe in RECIPES.values():
        assert jax.tree.structure(_change(recipe)) == jax.tree.structure(PARAMS)


@pytest.mark.parametrize(("photographs", "steps"), [(1, 100), (20, 110), (870, 535), (2**31 - 65, 2000)])
def test_more_photographs_get_more_updates(photographs, steps):
    assert finetune_steps(photographs) == steps
