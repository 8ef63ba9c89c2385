"""The extensions against loops in float64, the paper's model as their limit, and the purpose of each."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import stabilizer
from fhr_jax.errors import InputError
from fhr_jax.stabilizer.extensions import recurrent as network
from fhr_jax.stabilizer.extensions.responsibilities import by_region, single_group
from tests.oracles import stabilizer as oracle
from tests.tracks import COVARIANCES, as_dict, extended, in_faces, params, recurrent, velocity, walk

GROUPS = np.array([0, 1, 0, 2, 1, 2])


def gappy(frames=60):
    z = walk(frames)
    z[:2] = z[20:24] = z[40] = np.nan
    return z


def fields(part):
    return {name: np.asarray(value) for name, value in part._asdict().items()}


PARTS = [(part, 2) for part in ("none", "velocity", "direction", "groups", "recurrent", "all")]


@pytest.mark.parametrize(("parts", "components"), [*PARTS, ("all", 1), ("all", 3)])
def test_agrees_with_the_equations_in_loops(parts, components):
    z = gappy()
    times = np.arange(60) + 0.3 * np.sin(np.arange(60))
    with jax.enable_x64(True):
        p = params(components=components, dtype=np.float64)
        ours, theirs = {}, {}
        if parts in ("velocity", "recurrent", "all"):
            ours["velocity"] = velocity(components, np.float64)
            theirs["velocity"] = fields(ours["velocity"])
        if parts in ("recurrent", "all"):
            ours["recurrent"] = recurrent(components, dtype=np.float64)
            theirs["recurrent"] = fields(ours["recurrent"])
        if parts in ("direction", "groups", "all"):
            one_hot = None if parts == "direction" else jnp.asarray(np.eye(3)[GROUPS])
            ours["responsibilities"] = stabilizer.Responsibilities(jnp.asarray(1.7), one_hot)
            theirs["responsibilities"] = (1.7, np.arange(6) if parts == "direction" else GROUPS)
        dt = jnp.asarray(np.diff(times, prepend=-1.0))
        x = np.asarray(stabilizer.run(p._replace(**ours), jnp.asarray(z, jnp.float64), dt=dt))
    expected = oracle.run_extended(z.reshape(60, -1), as_dict(p), times=times, **theirs)
    np.testing.assert_allclose(x.reshape(60, -1), expected, rtol=0, atol=1e-8)
    plain = oracle.run_extended(z.reshape(60, -1), as_dict(p), times=times)
    assert parts == "none" or components == 1 or np.nanmax(np.abs(plain - expected)) > 0.01  # it matters


# Each at its limit is the paper's model


def full_velocity(decay, lead, anchor):
    """The same for both components."""
    return stabilizer.Velocity(*(jnp.asarray(np.full(2, value, np.float32)) for value in (decay, lead, anchor)))


NO_MOTION = full_velocity(0.6, 0.0, 0.0)


CASES = [(part, "diagonal") for part in ("velocity", "responsibilities", "recurrent", "outliers")]


@pytest.mark.parametrize(("part", "covariance"), [*CASES, ("responsibilities", "windowed"), ("outliers", "full")])
def test_a_neutral_extension_changes_nothing(part, covariance):
    nothing = {
        "velocity": {"velocity": NO_MOTION},
        "responsibilities": {"responsibilities": single_group(6, temperature=1.0)},
        "recurrent": {"velocity": NO_MOTION, "recurrent": stabilizer.init_recurrent(jax.random.key(1), 2)},
        "outliers": {"outliers": stabilizer.Outliers(jnp.float32(1e9), jnp.float32(1.0))},
    }[part]
    p, z = params(), gappy()
    z[30, 1] = np.nan
    if part == "responsibilities" and covariance != "diagonal":
        # By the variances alone: with them the diagonal, whose off-diagonal is dropped in the weights, is not whole.
        p = p._replace(beta=np.ones(2, np.float32))
    dt = jnp.asarray(1 + 0.5 * np.sin(np.arange(60)), jnp.float32)
    plain, same = (stabilizer.run(q, jnp.asarray(z), dt=dt, covariance=covariance) for q in (p, p._replace(**nothing)))
    np.testing.assert_allclose(same, plain, rtol=0, atol=1e-3)


# Velocity


def ramp(frames=80, speed=2.0):
    return speed * np.arange(frames, dtype=np.float32)[:, None, None] * np.ones((1, 3, 2), np.float32)


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_extrapolating_the_velocity_removes_the_lag_on_a_ramp(covariance):
    plain = params()._replace(gamma=np.float32(0.6), prior=np.ones((2, 6), np.float32))
    ahead = plain._replace(velocity=full_velocity(0.5, 1.0, 1.0))
    late, on_time = (ramp() - np.asarray(stabilizer.run(p, ramp(), covariance=covariance)) for p in (plain, ahead))
    assert np.abs(late[60:]).min() > 0.1
    assert np.abs(on_time[60:]).max() < 1e-2


def test_in_a_gap_the_extrapolation_slows_down():
    z = np.array(ramp(80))
    z[60:] = np.nan
    p = params()._replace(velocity=full_velocity(0.8, 1.0, 1.0))
    x = np.asarray(stabilizer.run(p, jnp.asarray(z)))
    steps = np.diff(x[58:, 0, 0])
    np.testing.assert_allclose(steps[1:4], 2.0 * 0.8 ** np.arange(3), rtol=2e-2)
    assert (np.diff(steps[1:]) < 1e-4).all()
    assert steps[-1] < 0.1
    still = np.asarray(stabilizer.run(p._replace(velocity=NO_MOTION), jnp.asarray(z)))
    assert np.abs(np.diff(still[60:], axis=0)).max() < 1e-4


# Responsibilities


def test_at_a_high_temperature_the_responsibilities_are_alpha():
    z = jnp.asarray(walk())
    soft = params()._replace(responsibilities=single_group(6, temperature=1e9))
    ones = [params()._replace(alpha=jnp.asarray(a)) for a in ([1 - 1e-7, 1e-7], [1e-7, 1 - 1e-7])]
    # The mean, weighted by alpha, of the outputs of each component by itself.
    x, *both = (np.asarray(stabilizer.run(p, z))[1] for p in (soft, *ones))
    alpha = np.asarray(soft.alpha)
    np.testing.assert_allclose(x, alpha[0] * both[0] + alpha[1] * both[1], rtol=1e-5)


def test_by_region_assigns_a_direction_to_the_region_of_its_energy():
    regions = np.array([0, 1, 1])
    basis = np.zeros((6, 6), np.float32)
    basis[[2, 0, 4, 1, 3, 5], range(6)] = 1  # directions are coordinates, in another order
    regional = by_region(jnp.asarray(basis), regions)
    np.testing.assert_array_equal(np.asarray(regional.groups).argmax(axis=1), [1, 0, 1, 0, 1, 1])
    np.testing.assert_array_equal(np.asarray(regional.groups).sum(axis=1), np.ones(6))
    flat = by_region(jnp.eye(9), regions, dims=3)
    np.testing.assert_array_equal(np.asarray(flat.groups).argmax(axis=1), np.repeat(regions, 3))
    with pytest.raises(InputError, match="regions: 2 points of 2 dimensions, expected 6"):
        by_region(jnp.eye(6), np.array([0, 1]))


def test_groups_are_independent():
    """With the identity as basis and points as groups, each point is filtered by itself."""
    eye, z = np.eye(6, dtype=np.float32), walk()
    p = params()._replace(basis=eye, responsibilities=by_region(jnp.asarray(eye), np.arange(3)))
    x, noise, prior = (np.asarray(a) for a in (stabilizer.run(p, z), p.noise, p.prior))
    for j in range(3):
        one = slice(2 * j, 2 * j + 2)
        alone = params()._replace(noise=noise[one], prior=prior[:, one], basis=eye[:2, :2])
        np.testing.assert_allclose(x[:, j], stabilizer.run(alone, z[:, j : j + 1])[:, 0], rtol=0, atol=1e-3)


# Recurrent network


apply = jax.jit(network.apply)


def test_a_mirrored_track_is_filtered_alike():
    p = extended("all")
    z = gappy()[2:]
    mirrored = 2 * z[:1] - z
    x, y = (np.asarray(stabilizer.run(p, jnp.asarray(a))) for a in (z, mirrored))
    np.testing.assert_allclose(y, 2 * z[:1] - x, rtol=0, atol=5e-3)


def test_the_change_of_the_noise_is_limited():
    r = recurrent()._replace(last_bias=jnp.asarray([0.0, 0.0, 1e3, -1e3]))
    like = jnp.float32(0)
    far = np.linspace(-1e6, 1e6, 6, dtype=np.float32)
    _, output = apply(r, network.init_state(6, like), far, np.ones(6, np.float32))
    np.testing.assert_allclose(
        output.noise_factor,
        np.exp([[network.MAX_LOG_NOISE_CHANGE], [-network.MAX_LOG_NOISE_CHANGE]]) * np.ones((2, 6)),
        rtol=1e-5,
    )


def test_the_inputs_of_the_network_are_clipped():
    r, memory = recurrent(), network.init_state(4, jnp.float32(0))
    near = np.asarray([network.MAX_INPUT, -network.MAX_INPUT, 1.0, 0.0], np.float32)
    further = np.asarray([1e4, -5.0, 1.0, 0.0], np.float32)
    seen = (apply(r, memory, near, near), apply(r, memory, further, further))
    jax.tree.map(np.testing.assert_array_equal, *seen)
    assert (np.asarray(seen[0][1].log_odds) != apply(r, memory, near / 2, near)[1].log_odds).any()


def test_the_network_sees_each_direction_by_itself_and_the_mean_of_all():
    r, like = recurrent(), jnp.float32(0)
    base = np.asarray([0.3, -1.0, 2.0, 0.1, 0.4, -0.2], np.float32)
    # The same mean square, two directions exchanged: the output for the others is the same.
    swapped, memory = base[[1, 0, 2, 3, 4, 5]], network.init_state(6, like)

    def log_odds(inputs):
        return np.asarray(apply(r, memory, inputs, np.zeros(6, np.float32))[1].log_odds)

    one, two = log_odds(base), log_odds(swapped)
    np.testing.assert_allclose(one[:, 2:], two[:, 2:], rtol=1e-5)
    np.testing.assert_allclose(one[:, 0], two[:, 1], rtol=1e-5)
    changed = base.copy()
    changed[0] = 5.0
    assert np.abs(log_odds(changed)[:, 2:] - one[:, 2:]).max() > 1e-3


def test_face_units_are_the_same_model():
    """Noise and prior over the square of the size, and that size of the first frame: the same in pixels."""
    z = walk()
    off = z[0] - z[0].mean(axis=0)
    size = float(np.sqrt((off**2).sum(axis=-1).mean()))
    p = params()._replace(velocity=velocity(), recurrent=recurrent(), responsibilities=single_group(6, temperature=2.0))
    pixels, faces = (np.asarray(stabilizer.run(q, jnp.asarray(z))) for q in (p, in_faces(p, size)))
    np.testing.assert_allclose(faces, pixels, rtol=0, atol=2e-3)
