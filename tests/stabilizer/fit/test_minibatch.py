"""Minibatches: windows with burn-in have the gradient of the whole videos, windows without it do not."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fhr_jax import stabilizer
from fhr_jax.errors import InputError
from fhr_jax.stabilizer.fit.minibatch import all_windows, window_loss
from fhr_jax.stabilizer.fit.objective import make_problem
from fhr_jax.stabilizer.units import in_face_units


def pairs(seed=0, lengths=(90, 61, 40), points=2):
    rng = np.random.default_rng(seed)
    made = []
    for i, frames in enumerate(lengths):
        truth = 8 * np.sin(np.arange(frames)[:, None, None] / 6 + rng.uniform(0, 6, (1, points, 2)))
        truth += (15 + 10 * i) * np.array([[-1.0, -1.0], [1.0, 1.0]])[None]
        made.append((truth + rng.normal(size=truth.shape), truth))
    return made


@pytest.fixture(scope="module")
def videos():
    made = stabilizer.pad_videos(pairs())
    return made._replace(mask=made.mask.at[0, 30:33].set(False))


def summed(problem, videos, **sizes):
    """Loss and gradient of all windows together."""
    windows = jax.tree.map(jnp.asarray, all_windows(videos, sizes["window"]))
    return jax.jit(jax.value_and_grad(lambda v: window_loss(problem, v, videos, windows, **sizes)))(problem.initial)


def whole(problem):
    return jax.jit(jax.value_and_grad(lambda v: problem.loss_on(v, problem.videos)))(problem.initial)


@pytest.mark.parametrize(("window", "face"), [(7, False), (16, True), (100, False)])
def test_all_windows_with_burn_in_have_the_gradient_of_the_whole(videos, window, face):
    start = stabilizer.paper_init(videos)
    start = in_face_units(start, size=25.0) if face else start
    problem = make_problem(videos, init_params=start)
    loss, gradient = summed(problem, videos, window=window, burn_in=40)
    expected, slope = whole(problem)
    np.testing.assert_allclose(loss, expected, rtol=1e-4)
    np.testing.assert_allclose(gradient, slope, rtol=1e-3, atol=1e-4 * np.abs(slope).max())


def test_windows_have_the_steps_and_the_confidence_of_their_frames(videos):
    rng = np.random.default_rng(0)
    shape = videos.observed.shape[:3]
    some = videos._replace(
        dt=jnp.asarray(rng.uniform(0.5, 2, shape[:2]), jnp.float32),
        confidence=jnp.asarray(rng.uniform(0.2, 1, shape), jnp.float32),
    )
    problem = make_problem(some)
    loss, gradient = summed(problem, some, window=16, burn_in=60)
    expected, slope = whole(problem)
    np.testing.assert_allclose(loss, expected, rtol=1e-4)
    np.testing.assert_allclose(gradient, slope, rtol=1e-3, atol=1e-4 * np.abs(slope).max())


@pytest.mark.slow
def test_windows_without_burn_in_are_biased(videos):
    problem = make_problem(videos)
    slope = whole(problem)[1]
    biases = [np.linalg.norm(summed(problem, videos, window=8, burn_in=burn_in)[1] - slope) for burn_in in (0, 4, 40)]
    assert biases[0] > 0.2 * np.linalg.norm(slope)
    assert biases[1] > 0.02 * np.linalg.norm(slope)
    assert biases[2] < 1e-3 * np.linalg.norm(slope)
    assert (np.diff(biases) < 0).all()


def test_the_mean_step_is_that_of_the_whole(videos):
    """Stochastic descent at a tiny rate moves by the mean gradient."""
    problem = make_problem(videos)
    slope = whole(problem)[1]
    fit = stabilizer.fit_minibatch(
        jax.random.key(0),
        videos,
        optimizer=optax.sgd(1e-7),
        window=16,
        burn_in=40,
        batch=32,
        updates_per_iteration=100,
        steps=100,
    )
    moved = make_problem(videos, init_params=fit.params).initial - problem.initial
    cosine = moved @ -slope / np.linalg.norm(moved) / np.linalg.norm(slope)
    assert cosine > 0.98


def test_padding_and_videos_without_a_scored_frame_change_nothing(videos):
    problem = make_problem(videos)
    longer = jax.tree.map(lambda a: jnp.concatenate([a, jnp.repeat(a[:, -1:], 30, axis=1)], axis=1), videos)
    longer = longer._replace(mask=longer.mask.at[:, 90:].set(False))
    more = jax.tree.map(lambda a: jnp.concatenate([a, a[:1]]), longer)
    more = more._replace(mask=more.mask.at[-1].set(False))
    loss, gradient = summed(problem, videos, window=16, burn_in=20)
    again, slope = summed(problem, more, window=16, burn_in=20)
    np.testing.assert_allclose(loss, again, rtol=1e-5)
    np.testing.assert_allclose(gradient, slope, rtol=1e-4, atol=1e-4)


def test_points_that_are_missing_at_the_start_of_a_window(videos):
    holes = videos._replace(observed=videos.observed.at[1, 14:20, 0].set(jnp.nan))
    problem = make_problem(holes)
    loss, gradient = summed(problem, holes, window=16, burn_in=0)
    assert jnp.isfinite(loss)
    assert jnp.isfinite(gradient).all()


def test_adam_on_windows_improves_and_counts_what_it_has_seen(videos):
    seen = []
    options = {"window": 16, "burn_in": 16, "batch": 4, "updates_per_iteration": 5, "steps": 60}
    fit = stabilizer.fit_minibatch(jax.random.key(0), videos, progress=seen.append, **options)
    history = fit.history
    assert history.loss[-1] < 0.9 * history.loss[0]
    assert [report.info["loss"] for report in seen] == history.loss
    assert len(history.loss) == 13
    assert history.evaluations[-1] == round(1 + 12 * (1 + 5 * 4 * 32 / videos.mask.size))
    again = stabilizer.fit_minibatch(jax.random.key(0), videos, **options)
    other = stabilizer.fit_minibatch(jax.random.key(1), videos, **options)
    assert again.history.loss == history.loss
    assert other.history.loss != history.loss


def test_bad_sizes_are_refused(videos):
    with pytest.raises(InputError, match="window: 0"):
        stabilizer.fit_minibatch(jax.random.key(0), videos, window=0)
    with pytest.raises(InputError, match="no scored frame"):
        stabilizer.fit_minibatch(jax.random.key(0), videos._replace(mask=jnp.zeros_like(videos.mask)))
