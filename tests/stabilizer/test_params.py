"""Parameters of the stabilizer: initial values, basis, constraints, files, the default set."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from fhr_jax import npz, stabilizer
from fhr_jax.errors import InputError
from fhr_jax.stabilizer import pretrained
from fhr_jax.stabilizer.extensions.responsibilities import single_group
from fhr_jax.stabilizer.params_io import as_arrays
from tests.tracks import EXTENSIONS, extended


def moving(seed=0, frames=200, points=4):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, frames, points, 2)).cumsum(axis=1).astype(np.float32)


def test_init_params_are_the_paper_s():
    p = stabilizer.init_params(2.0, jnp.eye(6))
    assert (p.gamma, *p.alpha, *p.beta) == (0.5, 0.5, 0.5, 0.5, 0.5)
    np.testing.assert_array_equal(p.noise, np.full(6, 2.0))
    np.testing.assert_allclose(p.prior, [np.full(6, 0.02), np.full(6, 20.0)], rtol=1e-6)
    assert (p.velocity, p.responsibilities, p.recurrent, p.outliers, p.face_size) == (None,) * 5
    assert ravel_pytree(stabilizer.unconstrain(stabilizer.init_params(1.0, jnp.eye(136))))[0].size == 4 + 3 * 136
    with pytest.raises(InputError, match="components"):
        stabilizer.init_params(1.0, jnp.eye(6), components=0)


def test_params_have_a_short_repr():
    paper = stabilizer.init_params(1.0, jnp.eye(6), components=3)
    assert repr(paper) == "<Params: 6 directions, 3 components, track units>"
    everything = "velocity, responsibilities, recurrent, outliers"
    assert repr(extended("all")) == f"<Params: 6 directions, 2 components with {everything}, face units>"
    # It is a pytree still, also one whose leaves are no arrays.
    assert repr(jax.tree.map(lambda _: None, paper)) == "<Params: ? directions, ? components, track units>"
    assert jax.tree.structure(paper) == jax.tree.structure(paper._replace(gamma=1.0))


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_constrain_undoes_unconstrain(extension):
    p = extended(extension)._replace(alpha=jnp.array([0.2, 0.8]))
    free = stabilizer.unconstrain(p)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-6), stabilizer.constrain(free, p), p)
    # A fit does not move basis, groups and face size.
    size = p.noise.size
    fixed = (
        size**2
        + (p.face_size is not None)
        + (0 if p.responsibilities is None or p.responsibilities.groups is None else size)
    )
    leaves = sum(leaf.size for leaf in jax.tree.leaves(p))
    assert sum(leaf.size for leaf in jax.tree.leaves(free)) == leaves - fixed - 1  # alpha sums to 1


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_constrained_values_are_valid_anywhere_and_their_files_are_read(extension, tmp_path):
    p = extended(extension)
    flat, unravel = ravel_pytree(stabilizer.unconstrain(p))
    for value in (-30.0, -3.0, 0.0, 3.0, 30.0):
        q = stabilizer.constrain(unravel(jnp.full_like(flat, value)), p)
        np.testing.assert_allclose(q.alpha.sum(), 1, rtol=1e-6)
        assert q.noise.min() > 0
        stabilizer.save(tmp_path / "p.npz", q)
        jax.tree.map(np.testing.assert_array_equal, stabilizer.load(tmp_path / "p.npz"), q)


def test_basis_diagonalizes_the_covariance_of_motion():
    truth = moving()
    v = np.asarray(stabilizer.motion_basis(jnp.asarray(truth)))
    np.testing.assert_allclose(v.T @ v, np.eye(8), atol=1e-5)
    steps = np.diff(truth.reshape(2, 200, 8).astype(np.float64), axis=1).reshape(-1, 8)
    turned = v.T @ np.cov(steps.T) @ v
    np.testing.assert_allclose(turned, np.diag(np.diag(turned)), atol=1e-4)
    assert (np.diff(np.diag(turned)) < 1e-6).all()


def test_basis_ignores_masked_and_missing_frames():
    truth = moving()
    mask = np.ones((2, 200), bool)
    mask[0, 50] = False
    broken = truth.copy()
    broken[0, 50] = 1e6
    missing = truth.copy()
    missing[0, 50] = np.nan
    expected = stabilizer.motion_basis(jnp.asarray(truth), mask=jnp.asarray(mask))
    for changed, given in ((broken, jnp.asarray(mask)), (missing, None)):
        np.testing.assert_allclose(stabilizer.motion_basis(jnp.asarray(changed), mask=given), expected, atol=1e-5)


@pytest.mark.parametrize("truth", [np.zeros((1, 5, 4, 2)), np.ones((1, 1, 4, 2)), moving()[:, :3], moving()[:, :, :1]])
def test_basis_is_orthonormal_with_zero_and_repeated_eigenvalues(truth):
    v = np.asarray(stabilizer.motion_basis(jnp.asarray(truth, jnp.float32)))
    np.testing.assert_allclose(v.T @ v, np.eye(len(v)), atol=1e-5)


# Files


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_files_round_trip(extension, tmp_path):
    p = extended(extension)
    stabilizer.save(tmp_path / "p.npz", p)
    back = stabilizer.load(tmp_path / "p.npz")
    assert jax.tree.structure(back) == jax.tree.structure(p)
    jax.tree.map(np.testing.assert_array_equal, back, p)
    assert [f.name for f in tmp_path.iterdir()] == ["p.npz"]


def changed(name, value):
    return lambda arrays: arrays.update({name: np.asarray(value, np.float32)})


BAD = {
    "no array 'gamma'": lambda a: a.pop("gamma"),
    "unknown array 'extra'": changed("extra", np.zeros(1)),
    "unknown array 'gate.most'": changed("gate.most", 0.5),
    "prior has shape": changed("prior", np.ones((3, 6))),
    "noise is not finite": changed("noise", np.full(6, np.nan)),
    "gamma lies outside": changed("gamma", 1.5),
    "noise variances above 0": changed("noise", np.zeros(6)),
    "prior variances of at least 0": changed("prior", -np.ones((2, 6))),
    "alpha sums to": changed("alpha", np.full(2, 0.2)),
    "not orthonormal": changed("basis", np.ones((6, 6))),
    "basis has shape": changed("basis", np.eye(5)),
    "holds int64": lambda a: a.update(beta=np.ones(2, np.int64)),
    "face is 0": changed("face", 0.0),
    "no array 'motion.lead', expected it beside the others of motion": lambda a: a.pop("motion.lead"),
    "motion.decay lies outside": changed("motion.decay", [0.5, -0.1]),
    "motion.anchor lies outside": changed("motion.anchor", [0.5, 1.1]),
    "motion.lead has shape": changed("motion.lead", np.ones(3)),
    "no array 'switch.temperature'": lambda a: a.pop("switch.temperature"),
    "switch.temperature is 0": changed("switch.temperature", 0.0),
    "switch.groups has shape": changed("switch.groups", np.ones((5, 2))),
    "switch.groups assigns": changed("switch.groups", np.ones((6, 2))),
    "no array 'recurrent.last_bias'": lambda a: a.pop("recurrent.last_bias"),
    "recurrent.last has shape": changed("recurrent.last", np.ones((5, 3))),
    "recurrent.first has shape": changed("recurrent.first", np.ones((7, 5))),
    "recurrent.decay lies outside": changed("recurrent.decay", [0.5, 0.5, 2.0]),
    "recurrent.second is not finite": changed("recurrent.second", np.full((5, 5), np.inf)),
    "recurrent without motion": lambda a: [a.pop(f"motion.{name}") for name in ("decay", "lead", "anchor")],
    "no array 'tail.reach'": lambda a: a.pop("tail.reach"),
    "tail.reach is 0": changed("tail.reach", 0.0),
    "tail.odds has shape": changed("tail.odds", np.ones(2)),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_files(message, tmp_path):
    arrays = as_arrays(extended("all")._replace(responsibilities=single_group(6)))
    BAD[message](arrays)
    npz.write(tmp_path / "p.npz", {k: np.asarray(v) for k, v in arrays.items()})
    with pytest.raises(InputError, match=message):
        stabilizer.load(tmp_path / "p.npz")


def test_missing_and_unreadable_files(tmp_path):
    (tmp_path / "text.npz").write_text("no")
    for name in ("none.npz", "text.npz"):
        with pytest.raises(InputError, match=name):
            stabilizer.load(tmp_path / name)


# The default set


def test_default_params_under_jit_leak_nothing():
    pretrained._read.cache_clear()  # so that the files are read under jit
    for points in (68, 5):
        inside = jax.jit(lambda points=points: stabilizer.default_params(points))()
        jax.tree.map(np.testing.assert_array_equal, inside, stabilizer.default_params(points))


def test_default_params_need_two_points():
    with pytest.raises(InputError, match="landmarks: 1"):
        stabilizer.default_params(1)


def test_points_of_another_number_are_named_by_step_and_run():
    params = stabilizer.default_params(5)
    with pytest.raises(InputError, match="4 points of 2 dimensions, expected 10"):
        stabilizer.step(params, stabilizer.init_state(params), jnp.zeros((4, 2)))
    with pytest.raises(InputError, match="4 points of 2 dimensions, expected 10"):
        stabilizer.run(params, jnp.zeros((3, 4, 2)))


def test_a_basis_of_huge_numbers_is_refused(tmp_path):
    """Their products are infinite, and the difference of two of these is no number, which no comparison finds large."""
    path = tmp_path / "a.npz"
    stabilizer.save(path, stabilizer.default_params(2))
    with np.load(path) as arrays:
        arrays = dict(arrays)
    arrays["basis"] = arrays["basis"] * np.float32(1e30) + np.float32(1e30) * np.triu(np.ones((4, 4), np.float32), 1)
    np.savez(path, **arrays)
    with pytest.raises(InputError, match="basis is not orthonormal"):
        stabilizer.load(path)
