"""Fits of the stabilizer by gradient and by simplex, their common problem, and synthetic tracks."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fhr_jax import losses, stabilizer
from fhr_jax.benchmark.steadiness import find_outliers, interpolate, steadiness, zero_phase
from fhr_jax.cli import fit as command
from fhr_jax.errors import InputError
from fhr_jax.stabilizer.fit.objective import make_problem


def pairs(number=3, points=2, seed=0):
    rng = np.random.default_rng(seed)
    made = []
    for i in range(number):
        frames = 40 + 10 * i
        truth = 3 * np.sin(np.arange(frames)[:, None, None] / 6 + rng.uniform(0, 6, (1, points, 2)))
        made.append((truth + 0.5 * rng.normal(size=truth.shape), truth))
    return made


@pytest.fixture(scope="module")
def videos():
    return stabilizer.pad_videos(pairs())


def test_problem_is_the_loss_of_run_over_all_frames(videos):
    start = stabilizer.paper_init(videos)
    problem = make_problem(start, videos)
    outputs = [stabilizer.run(start, jnp.asarray(z, jnp.float32)) for z, _ in pairs()]
    longest = max(map(len, outputs))
    x = jnp.stack([jnp.pad(o, ((0, longest - len(o)), (0, 0), (0, 0))) for o in outputs])
    expected = losses.stabilization(x, videos.truth, mask=videos.mask).total
    np.testing.assert_allclose(problem.loss(problem.start), expected, rtol=1e-4)


def test_missing_points_take_the_careful_path(videos):
    holes = videos._replace(observed=videos.observed.at[0, 20, 1].set(jnp.nan))
    start = stabilizer.paper_init(holes)
    loss = make_problem(start, holes).loss(make_problem(start, holes).start)
    assert jnp.isfinite(loss)
    assert abs(loss - make_problem(start, videos).loss(make_problem(start, videos).start)) < 0.2 * loss


def test_tied_problem_has_seven_numbers_and_the_same_start(videos):
    start = stabilizer.paper_init(videos)
    free, tied = make_problem(start, videos), make_problem(start, videos, tied=True)
    assert (free.start.size, tied.start.size) == (4 + 3 * 4, 7)
    np.testing.assert_allclose(free.loss(free.start), tied.loss(tied.start), rtol=1e-5)
    moved = tied.expand(jnp.zeros(7).at[4].set(1.0))
    assert (moved.noise > start.noise).all()
    np.testing.assert_allclose(moved.prior, start.prior, rtol=1e-4)


def test_chunks_and_temperature_1_leave_the_loss_as_it_is(videos):
    start = stabilizer.paper_init(videos)
    problem = make_problem(start, videos)
    expected = problem.loss(problem.start)
    chunked = make_problem(start, videos, chunk=7)
    np.testing.assert_allclose(chunked.loss(problem.start), expected, rtol=1e-6)
    heated = jax.jit(problem.loss_of)
    np.testing.assert_allclose(heated(problem.start, videos, jnp.float32(1.0)), expected, rtol=1e-5)
    assert abs(heated(problem.start, videos, jnp.float32(10.0)) - expected) > 0.01 * expected


def test_a_tied_problem_leaves_the_network_alone(videos):
    start = stabilizer.extended_init(jax.random.key(0), videos)
    problem = make_problem(start, videos, tied=True)
    assert problem.start.size == 7 + 6 + 1
    moved = problem.expand(problem.start + 0.3)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), moved.recurrent, start.recurrent)
    for one, other in (
        (moved.velocity, start.velocity),
        (moved.responsibilities.temperature, start.responsibilities.temperature),
    ):
        assert all((a != b).all() for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))
    full = make_problem(start, videos)
    np.testing.assert_array_equal(full.ties.sum(axis=0), [1, 1, 1, 1, 4, 4, 4] + [1] * 7)


def test_bad_temperatures_are_refused(videos):
    for temperatures in ((), (10.0,), (-1.0, 1.0)):
        with pytest.raises(InputError, match="temperatures"):
            stabilizer.fit_gradient(videos, temperatures=temperatures)
    with pytest.raises(TypeError, match="unknown option 'lamda1'"):
        stabilizer.fit_gradient(videos, lamda1=2.0)


@pytest.mark.parametrize(
    ("method", "tied"),
    [
        ("gradient", False),
        ("adam", False),
        ("simplex", False),
        ("simplex", True),
        pytest.param("gradient", True, marks=pytest.mark.slow),
        pytest.param("adam", True, marks=pytest.mark.slow),
    ],
)
def test_fits_improve_on_the_start_and_tell_how(method, tied, videos):
    seen = []
    options = {"tied": tied, "callback": lambda *progress: seen.append(progress)}
    if method == "simplex":
        fit = stabilizer.fit_simplex(videos, evaluations=150, **options)
    elif method == "adam":
        fit = stabilizer.fit_gradient(videos, optimizer=optax.adam(0.1), steps=40, **options)
    else:
        fit = stabilizer.fit_gradient(videos, steps=15, **options)
    history = fit.history
    assert history.loss[-1] < (0.97 if method == "simplex" and not tied else 0.9) * history.loss[0]
    assert (np.diff(history.loss) <= 0).all()
    assert (np.diff(history.seconds) >= 0).all()
    assert (np.diff(history.evaluations) >= 0).all()
    assert seen == list(zip(*history, strict=True))
    problem = make_problem(fit.params, videos)
    np.testing.assert_allclose(problem.loss(problem.start), history.loss[-1], rtol=1e-3)
    start = stabilizer.paper_init(videos)
    first = make_problem(start, videos)
    np.testing.assert_allclose(history.loss[0], first.loss(first.start), rtol=1e-4)
    np.testing.assert_array_equal(fit.params.basis, start.basis)


def test_fits_stop_in_time(videos):
    for fit in (
        stabilizer.fit_gradient(videos, steps=10**6, seconds=0.3),
        stabilizer.fit_simplex(videos, evaluations=10**6, seconds=0.3),
    ):
        assert fit.history.seconds[-1] < 5


def test_gradient_fits_the_full_covariance_and_the_extensions(videos):
    start = stabilizer.paper_init(videos)._replace(velocity=stabilizer.Velocity(*jnp.full((3, 2), 0.5)))
    fit = stabilizer.fit_gradient(videos, start=start, steps=5, covariance="full")
    assert fit.history.loss[-1] < fit.history.loss[0]
    assert (fit.params.velocity.decay != start.velocity.decay).all()


def test_compare_fits(videos):
    fits = stabilizer.compare_fits(videos, seconds=0.5)
    assert len({round(fit.history.loss[0], 4) for fit in fits.values()}) == 1
    assert all(fit.history.loss[-1] < fit.history.loss[0] for fit in fits.values())


def test_bad_videos():
    with pytest.raises(InputError, match="none"):
        stabilizer.pad_videos([])
    with pytest.raises(InputError, match="video 1: shapes"):
        stabilizer.pad_videos([pairs()[0], (np.zeros((5, 2, 2)), np.zeros((6, 2, 2)))])


# The reference for tracks without truth


def test_reference_finds_and_bridges_thrown_points():
    frames = np.arange(60.0)[:, None, None]
    track = frames * np.ones((1, 5, 2)) + 40 * np.random.default_rng(0).normal(size=(1, 5, 2))
    thrown = track.copy()
    thrown[20, 3] += 500
    thrown[40, 1] = np.nan
    found = find_outliers(thrown)
    assert set(zip(*np.nonzero(found), strict=True)) == {(20, 3), (40, 1)}
    np.testing.assert_allclose(interpolate(thrown, found), track, atol=1e-9)
    np.testing.assert_allclose(zero_phase(thrown), track, atol=1e-6)


def test_steadiness_knows_delay_and_bend():
    rng = np.random.default_rng(0)
    track = 20 * np.sin(np.arange(200.0)[:, None, None] / 9 + rng.uniform(0, 6, (1, 5, 2))) + 50 * rng.normal(
        size=(1, 5, 2)
    )
    noisy = track + rng.normal(size=track.shape)
    same = steadiness(noisy, noisy)
    np.testing.assert_allclose((same.bend, same.distance, same.delay), (1, 1, 0))
    late = steadiness(np.concatenate([noisy[:2], noisy[:-2]]), noisy)
    assert late.delay == 2
    assert late.distance > 1
    perfect = steadiness(zero_phase(noisy), noisy)
    assert perfect.bend < 0.5
    assert perfect.distance == 0


# The command


def test_command_fits_and_writes(tmp_path, capsys):
    folder = tmp_path / "tracks"
    folder.mkdir()
    for i, (z, p) in enumerate(pairs()):
        extra = {"truth": p} if i else {}
        np.savez(
            folder / f"{i}.npz",
            predictions=z.astype(np.float32) + 30 * np.arange(2)[None, :, None],
            **{k: v + 30 * np.arange(2)[None, :, None] for k, v in extra.items()},
        )
    command.run(command.FitOptions((folder,), out=tmp_path / "out", seconds=1.0))
    params = stabilizer.load(tmp_path / "out" / "params.npz")
    assert params.noise.shape == (4,)
    history = json.loads((tmp_path / "out" / "history.json").read_text())
    assert history["loss"][-1] < history["loss"][0]
    assert "1 of 3 tracks have no truth" in capsys.readouterr().out


def test_command_refuses_bad_input(tmp_path):
    np.savez(tmp_path / "flat.npz", predictions=np.zeros((5, 4)))
    np.savez(tmp_path / "other.npz", points=np.zeros((5, 4, 2)))
    np.savez(tmp_path / "nan.npz", predictions=np.full((5, 4, 2), np.nan))
    (tmp_path / "empty").mkdir()
    for name, message in (
        ("flat.npz", "shape"),
        ("other.npz", "no array predictions"),
        ("nan.npz", "every point is missing"),
        ("empty", "no .npz file"),
        ("none.npz", "none.npz"),
    ):
        with pytest.raises(InputError, match=message):
            command.run(command.FitOptions((tmp_path / name,), out=tmp_path / "out"))
        assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="seconds"):
        command.run(dataclasses.replace(command.FitOptions(), seconds=0.0))
