"""The objective of the fits: the loss of `run`, shared scales, frozen networks, temperatures."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import losses, stabilizer
from fhr_jax.errors import InputError
from fhr_jax.stabilizer.fit.objective import _directions, make_problem
from tests.stabilizer.fit.pairs import pairs

LENGTHS = (40, 50, 60)


@pytest.fixture(scope="module")
def videos():
    return stabilizer.pad_videos(pairs(LENGTHS))


@pytest.fixture(scope="module")
def start(videos):
    return stabilizer.paper_init(videos)


def test_the_loss_is_that_of_run_over_all_frames(videos, start):
    problem = make_problem(videos)
    outputs = [stabilizer.run(start, jnp.asarray(z, jnp.float32)) for z, _ in pairs(LENGTHS)]
    longest = max(map(len, outputs))
    x = jnp.stack([jnp.pad(o, ((0, longest - len(o)), (0, 0), (0, 0))) for o in outputs])
    for weights in (losses.PAPER_WEIGHTS, losses.LossWeights(2.0, 3.0, 4.0)):
        problem = make_problem(videos, weights=weights)
        expected = losses.stabilization(x, videos.truth, mask=videos.mask, weights=weights).total
        np.testing.assert_allclose(problem.loss(problem.initial), expected, rtol=1e-4)


def test_the_loss_is_finite_where_points_are_missing(videos, start):
    holes = videos._replace(observed=videos.observed.at[0, 20, 1].set(jnp.nan))
    problem, complete = (make_problem(some, init_params=start) for some in (holes, videos))
    loss = problem.loss(problem.initial)
    assert jnp.isfinite(loss)
    assert abs(loss - complete.loss(complete.initial)) < 0.2 * loss


def test_steps_and_confidence_count_as_in_run(videos, start):
    rng = np.random.default_rng(0)
    steps = [rng.uniform(0.5, 2, length).astype(np.float32) for length in LENGTHS[:2]] + [None]
    weights = [None, rng.uniform(0.1, 1, 50).astype(np.float32), rng.uniform(0.1, 1, (60, 2)).astype(np.float32)]
    some = stabilizer.pad_videos(pairs(LENGTHS), dt=steps, confidence=weights)
    np.testing.assert_array_equal(some.dt[0, :40], steps[0])
    np.testing.assert_array_equal(some.dt[2], 1)
    np.testing.assert_array_equal(some.confidence[1, :50, 1], weights[1])
    problem = make_problem(some, init_params=start)
    x = stabilizer.run(start, some.observed, dt=some.dt, confidence=some.confidence)
    expected = losses.stabilization(x, some.truth, mask=some.mask).total
    np.testing.assert_allclose(problem.loss(problem.initial), expected, rtol=1e-5)
    plain = make_problem(videos, init_params=start)
    assert abs(problem.loss(problem.initial) - plain.loss(plain.initial)) > 0.01 * expected
    with pytest.raises(InputError, match=r"video 0: dt of shape \(3,\), expected \(40,\)"):
        stabilizer.pad_videos(pairs(LENGTHS), dt=[np.ones(3)] * 3)


def test_a_point_without_confidence_has_not_been_seen(videos):
    weights = np.ones((3, 60, 2))
    weights[1, :7, 1] = 0
    some = stabilizer.as_videos(videos.observed, videos.truth, mask=videos.mask, confidence=weights)
    assert not some.mask[1, :7].any()
    assert some.mask[1, 7]


@pytest.mark.parametrize(("missing", "dt"), [(range(10, 45), 1.0), ([12], 30.5), (range(10, 35), 1.0)])
def test_after_a_long_gap_every_point_has_to_be_seen_again(start, missing, dt):
    track = np.cumsum(np.random.default_rng(0).normal(size=(1, 60, 2, 2)), axis=1).astype(np.float32)
    track[0, list(missing)] = np.nan
    track[0, max(missing) + 1, 1] = np.nan
    steps = np.where(np.arange(60) == 12, dt, 1)[None].astype(np.float32)
    some = stabilizer.as_videos(track, np.nan_to_num(track), dt=steps)
    output = np.asarray(stabilizer.run(start, track, dt=steps))
    np.testing.assert_array_equal(np.asarray(some.mask), np.isfinite(output).all(axis=(2, 3)))
    assert bool(some.mask[0, 1:].all()) == (len(missing) == 25)


def test_shared_scales_have_seven_numbers_and_the_same_start(videos, start):
    free, shared = make_problem(videos), make_problem(videos, share_scales=True)
    assert (free.initial.size, shared.initial.size) == (4 + 3 * 4, 7)
    np.testing.assert_allclose(free.loss(free.initial), shared.loss(shared.initial), rtol=1e-5)
    moved = shared.to_params(jnp.zeros(7).at[4].set(1.0))
    assert (moved.noise > start.noise).all()
    np.testing.assert_allclose(moved.prior, start.prior, rtol=1e-4)
    moved = shared.to_params(jnp.zeros(7).at[6].set(1.0))
    assert (moved.prior[1] > start.prior[1]).all()
    for name in ("gamma", "alpha", "beta", "noise"):
        np.testing.assert_allclose(getattr(moved, name), getattr(start, name), rtol=1e-5)


def test_chunks_and_temperature_1_leave_the_loss_as_it_is(videos):
    problem = make_problem(videos)
    expected = problem.loss(problem.initial)
    chunked = make_problem(videos, chunk=7)
    np.testing.assert_allclose(chunked.loss(problem.initial), expected, rtol=1e-6)
    annealed = jax.jit(problem.loss_on)
    np.testing.assert_allclose(annealed(problem.initial, videos, jnp.float32(1.0)), expected, rtol=1e-5)
    assert abs(annealed(problem.initial, videos, jnp.float32(10.0)) - expected) > 0.01 * expected


@pytest.mark.parametrize("share_scales", [True, False])
def test_a_frozen_network_stays_as_it_is(videos, share_scales):
    start = stabilizer.extended_init(jax.random.key(0), videos)
    problem = make_problem(videos, init_params=start, share_scales=share_scales, freeze_recurrent=True)
    assert problem.initial.size == (7 if share_scales else 4 + 3 * 4) + 6 + 1
    moved = problem.to_params(problem.initial + 0.3)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), moved.recurrent, start.recurrent)
    for one, other in (
        (moved.velocity, start.velocity),
        (moved.responsibilities.temperature, start.responsibilities.temperature),
    ):
        assert all((a != b).all() for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))


def test_shared_scales_move_whole_rows_of_variances(videos):
    start = stabilizer.extended_init(jax.random.key(0), videos)
    directions = _directions(stabilizer.unconstrain(start), share_scales=True, freeze_recurrent=True)
    np.testing.assert_array_equal(directions.sum(axis=0), [1, 1, 1, 1, 4, 4, 4] + [1] * 7)


def test_shared_scales_move_a_network_that_is_not_frozen(videos):
    start = stabilizer.extended_init(jax.random.key(0), videos)
    problem = make_problem(videos, init_params=start, share_scales=True)
    assert problem.initial.size == 7 + 6 + 1 + sum(leaf.size for leaf in start.recurrent)
    moved = problem.to_params(problem.initial + 0.3)
    assert all((a != b).all() for a, b in zip(moved.recurrent, start.recurrent, strict=True))


def test_bad_videos_are_refused():
    with pytest.raises(InputError, match="none"):
        stabilizer.pad_videos([])
    with pytest.raises(InputError, match="video 1: shapes"):
        stabilizer.pad_videos([pairs()[0], (np.zeros((5, 2, 2)), np.zeros((6, 2, 2)))])
