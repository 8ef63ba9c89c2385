"""Every product of matrices on the way of a landmark runs at HIGHEST precision, read off the traced programs."""

from functools import partial

import jax
import jax.numpy as jnp
import pytest
from jax.lax import Precision

from fhr_jax import crop, geometry, losses, stabilizer
from fhr_jax.markup import FACE68
from tests.tracks import COVARIANCES, extended, params

TRACK = jnp.ones((4, 3, 2))


def dots(jaxpr):
    """All dot_general of a jaxpr and of those inside it: scans, branches, calls."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            yield equation
        inner = jax.tree.leaves(list(equation.params.values()), is_leaf=lambda v: hasattr(v, "eqns"))
        for value in inner:
            value = getattr(value, "jaxpr", value)
            if hasattr(value, "eqns"):
                yield from dots(value)


def precisions(function, *arguments):
    """Of every product in one trace of the function with its gradient."""

    def total(*arguments):
        leaves = jax.tree.leaves(function(*arguments))
        return sum(leaf.sum() for leaf in leaves if jnp.issubdtype(leaf.dtype, jnp.floating)), leaves

    traced = jax.make_jaxpr(jax.value_and_grad(total, has_aux=True))(*arguments)
    return [dot.params["precision"] for dot in dots(traced.jaxpr)]


def assert_highest(found, least=1):
    assert len(found) >= least
    assert all(p is not None and set(p) == {Precision.HIGHEST} for p in found), found


def test_the_walk_finds_what_is_hidden_in_scans_branches_and_checkpoints():
    def hidden(x, chosen):
        def body(carry, _):
            return jax.lax.cond(chosen, jax.checkpoint(jax.jit(lambda a: a @ x)), lambda a: a, carry), None

        return jax.lax.scan(body, x, None, length=3)[0]

    found = [d.params["precision"] for d in dots(jax.make_jaxpr(hidden)(jnp.ones((2, 2)), True).jaxpr)]
    assert len(found) == 1
    with pytest.raises(AssertionError):
        assert_highest(found)


# The products of every other extension are among those of "none" and "all".
@pytest.mark.parametrize("extension", ["none", "groups", "all"])
@pytest.mark.parametrize("covariance", COVARIANCES)
def test_run(covariance, extension):
    run = partial(stabilizer.run, covariance=covariance, window=3)
    assert_highest(precisions(run, extended(extension), TRACK), least=4)


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_step_and_the_mode(covariance):
    p = params()
    state = stabilizer.init_state(p, covariance=covariance, window=3)
    for estimate in ("mean", "mode"):

        def step(p, z, estimate=estimate):
            return stabilizer.step(p, state, z, estimate=estimate)[1]

        assert_highest(precisions(step, p, TRACK[0]), least=4)


def test_loss_and_geometry():
    assert_highest(precisions(lambda x: losses.stabilization(x, TRACK).total, TRACK), least=3)
    affine = geometry.similarity(8, scale=1.5, angle=0.3)
    assert_highest(precisions(geometry.apply, affine, TRACK))
    assert_highest(precisions(geometry.compose, affine, affine), least=2)
    assert_highest(precisions(geometry.invert, affine))
    assert_highest(precisions(lambda s: geometry.similarity(8, scale=s, angle=s), jnp.float32(1.0)))
    assert_highest(precisions(partial(crop.warp, size=4), jnp.ones((8, 8, 1)), affine))
    assert precisions(partial(geometry.mirror, width=8, markup=FACE68), jnp.ones((68, 2))) == []


@pytest.mark.parametrize("points", [68, 5])
def test_the_default_stabilizer(points):
    p = stabilizer.default_params(points)
    assert_highest(precisions(stabilizer.run, p, jnp.ones((4, points, 2))), least=4)
