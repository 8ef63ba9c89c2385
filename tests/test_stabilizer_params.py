"""Parameters of the stabilizer: start, basis, constraints, files, the shipped set; and the mode of the mixture."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from jax.test_util import check_grads

from fhr_jax import npz, stabilizer
from fhr_jax.errors import InputError
from fhr_jax.stabilizer.mode import mixture_mode
from fhr_jax.stabilizer.params import as_arrays
from tests.oracles import stabilizer as oracle


def moving(seed=0, frames=200, points=4):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, frames, points, 2)).cumsum(axis=1).astype(np.float32)


def test_init_is_the_paper_s_start():
    p = stabilizer.init_params(2.0, jnp.eye(6))
    assert (p.gamma, *p.alpha, *p.beta) == (0.5, 0.5, 0.5, 0.5, 0.5)
    np.testing.assert_array_equal(p.noise, np.full(6, 2.0))
    np.testing.assert_allclose(p.prior, [np.full(6, 0.02), np.full(6, 20.0)], rtol=1e-6)
    assert (p.motion, p.gate, p.face) == (None, None, None)
    assert ravel_pytree(stabilizer.unconstrain(stabilizer.init_params(1.0, jnp.eye(136))))[0].size == 4 + 3 * 136
    with pytest.raises(InputError, match="components"):
        stabilizer.init_params(1.0, jnp.eye(6), components=0)


@pytest.mark.parametrize("motion", [None, stabilizer.Motion(jnp.float32(0.3), jnp.array([0.2, 1.5]))])
def test_constrain_undoes_unconstrain(motion):
    p = stabilizer.init_params(1e-3, jnp.eye(6))._replace(motion=motion, alpha=jnp.array([0.2, 0.8]))
    back = stabilizer.constrain(stabilizer.unconstrain(p), p)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4), back, p)


def test_constrained_values_are_valid_anywhere():
    p = stabilizer.init_params(1.0, jnp.eye(4))
    flat, unravel = ravel_pytree(stabilizer.unconstrain(p))
    for value in (-30.0, 0.0, 30.0):
        q = stabilizer.constrain(unravel(jnp.full_like(flat, value)), p)
        assert 0 <= q.gamma <= 1
        np.testing.assert_allclose(q.alpha.sum(), 1, rtol=1e-6)
        assert q.noise.min() > 0
        assert q.prior.min() > 0


def test_basis_diagonalizes_the_covariance_of_motion():
    truth = moving()
    v = np.asarray(stabilizer.motion_basis(jnp.asarray(truth)))
    np.testing.assert_allclose(v.T @ v, np.eye(8), atol=1e-5)
    steps = np.diff(truth.reshape(2, 200, 8).astype(np.float64), axis=1).reshape(-1, 8)
    turned = v.T @ np.cov(steps.T) @ v
    np.testing.assert_allclose(turned, np.diag(np.diag(turned)), atol=1e-4)
    assert (np.diff(np.diag(turned)) < 1e-6).all()


def test_basis_leaves_masked_and_missing_frames_out():
    truth = moving()
    mask = np.ones((2, 200), bool)
    mask[0, 50] = False
    broken = truth.copy()
    broken[0, 50] = 1e6
    missing = truth.copy()
    missing[0, 50] = np.nan
    expected = stabilizer.motion_basis(jnp.asarray(truth), jnp.asarray(mask))
    for changed, given in ((broken, jnp.asarray(mask)), (missing, None)):
        np.testing.assert_allclose(stabilizer.motion_basis(jnp.asarray(changed), given), expected, atol=1e-5)


@pytest.mark.parametrize("truth", [np.zeros((1, 5, 4, 2)), np.ones((1, 1, 4, 2)), moving()[:, :3], moving()[:, :, :1]])
def test_basis_is_orthonormal_with_zero_and_repeated_eigenvalues(truth):
    v = np.asarray(stabilizer.motion_basis(jnp.asarray(truth, jnp.float32)))
    np.testing.assert_allclose(v.T @ v, np.eye(len(v)), atol=1e-5)


# Files


def full():
    p = stabilizer.init_params(1.0, jnp.eye(4))
    return p._replace(
        motion=stabilizer.Motion(jnp.float32(0.5), jnp.ones(2)),
        gate=stabilizer.default_gate(),
        face=jnp.float32(1.0),
    )


def test_files_round_trip(tmp_path):
    for p in (full(), stabilizer.init_params(1.0, jnp.eye(4))):
        stabilizer.save(tmp_path / "p.npz", p)
        jax.tree.map(np.testing.assert_array_equal, stabilizer.load(tmp_path / "p.npz"), p)
        assert [f.name for f in tmp_path.iterdir()] == ["p.npz"]


BAD = {
    "no array 'gamma'": lambda a: a.pop("gamma"),
    "unknown array 'extra'": lambda a: a.update(extra=np.zeros(1, np.float32)),
    "prior has shape": lambda a: a.update(prior=np.ones((3, 4), np.float32)),
    "noise is not finite": lambda a: a.update(noise=np.full(4, np.nan, np.float32)),
    "gamma lies outside": lambda a: a.update(gamma=np.float32(1.5)),
    "positive noise": lambda a: a.update(noise=np.zeros(4, np.float32)),
    "alpha sums to": lambda a: a.update(alpha=np.full(2, 0.2, np.float32)),
    "not orthonormal": lambda a: a.update(basis=np.ones((4, 4), np.float32)),
    "no array 'motion.lead'": lambda a: a.pop("motion.lead"),
    "holds int64": lambda a: a.update(beta=np.ones(2, np.int64)),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_files(message, tmp_path):
    arrays = as_arrays(full())
    BAD[message](arrays)
    npz.write(tmp_path / "p.npz", {k: np.asarray(v) for k, v in arrays.items()})
    with pytest.raises(InputError, match=message):
        stabilizer.load(tmp_path / "p.npz")


def test_missing_and_unreadable_files(tmp_path):
    (tmp_path / "text.npz").write_text("no")
    for name in ("none.npz", "text.npz"):
        with pytest.raises(InputError, match=name):
            stabilizer.load(tmp_path / name)


# The shipped set


@pytest.mark.parametrize(("landmarks", "dims"), [(68, 2), (7, 2), (68, 3), (2, 2)])
def test_default_params_suit_any_points_and_any_size(landmarks, dims):
    p = stabilizer.default_params(landmarks, dims)
    rng = np.random.default_rng(0)
    z = jnp.asarray(100 * rng.normal(size=(1, landmarks, dims)) + rng.normal(size=(30, landmarks, dims)), jnp.float32)
    x = stabilizer.run(p, z)
    moved = stabilizer.run(p, 20 * z + 1000)
    np.testing.assert_allclose(moved, 20 * x + 1000, rtol=0, atol=0.2)
    assert jnp.abs(jnp.diff(x, 2, axis=0)).mean() < 0.9 * jnp.abs(jnp.diff(z, 2, axis=0)).mean()


def test_default_params_under_jit_leak_nothing():
    z = jnp.ones((3, 68, 2))
    jax.jit(lambda z: stabilizer.run(stabilizer.default_params(), z))(z)
    stabilizer.run(stabilizer.default_params(), z)


def test_default_params_refuse_nonsense():
    with pytest.raises(InputError, match="landmarks: 1"):
        stabilizer.default_params(1)


# The mode


def mixture(seed, size, components, dense):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(components))
    means = rng.normal(size=(components, size)) * 2
    if not dense:
        variances = rng.uniform(0.1, 3, (components, size))
        return weights, means, variances, np.stack([np.diag(v) for v in variances])
    roots = rng.normal(size=(components, size, size))
    covariances = roots @ roots.transpose(0, 2, 1) + 0.2 * np.eye(size)
    return weights, means, covariances, covariances


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("components", "dense"), [(1, False), (2, False), (2, True), (3, False)])
def test_mode_agrees_with_brute_force(components, dense, seed):
    weights, means, given, covariances = mixture(seed, 2, components, dense)
    expected = oracle.mode(weights, means, covariances)
    with jax.enable_x64(True):
        ours = np.asarray(mixture_mode(*(jnp.asarray(a) for a in (np.log(weights), means, given))))
    height = oracle.log_density(np.stack([ours, expected]), weights, means, covariances)
    assert height[0] >= height[1] - 1e-6
    np.testing.assert_allclose(ours, expected, atol=2e-3)


@pytest.mark.parametrize("dense", [False, True])
def test_derivatives_of_the_mode(dense):
    weights, means, given, _ = mixture(1, 3, 2, dense)
    with jax.enable_x64(True):
        arguments = [jnp.asarray(a) for a in (np.log(weights), means, given)]
        symmetric = (lambda c: (c + jnp.matrix_transpose(c)) / 2) if dense else (lambda c: c)
        check_grads(
            lambda w, m, c: mixture_mode(*map(jnp.asarray, (w, m, symmetric(c)))),
            arguments,
            order=1,
            modes=["fwd", "rev"],
            rtol=1e-3,
            atol=1e-3,
        )


def test_mode_and_mean_agree_when_one_component_has_all_the_weight():
    rng = np.random.default_rng(0)
    z = jnp.asarray(100 + rng.normal(size=(40, 3, 2)), jnp.float32)
    p = stabilizer.init_params(1.0, jnp.eye(6))._replace(alpha=jnp.array([1 - 1e-6, 1e-6]))
    for covariance in ("diagonal", "full"):
        mean, mode = (stabilizer.run(p, z, covariance=covariance, estimate=e) for e in ("mean", "mode"))
        np.testing.assert_allclose(mean, mode, atol=5e-3)


def test_mode_of_many_components_needs_diagonal_covariances():
    with pytest.raises(InputError, match="at most 2"):
        mixture_mode(jnp.zeros(3), jnp.zeros((3, 2)), jnp.ones((3, 2, 2)))


def test_points_of_another_number_are_named_by_step_and_run():
    params = stabilizer.default_params(5)
    with pytest.raises(InputError, match="4 points of 2 dimensions, expected 10"):
        stabilizer.step(params, stabilizer.init_state(params), jnp.zeros((4, 2)))
    with pytest.raises(InputError, match="4 points of 2 dimensions, expected 10"):
        stabilizer.run(params, jnp.zeros((3, 4, 2)))
