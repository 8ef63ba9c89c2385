"""The comparison of synthetic with real shapes, on shapes of which the answer is known."""

import numpy as np
import pytest

from fhr_jax import npz
from fhr_jax.data.faces import anatomy
from fhr_jax.errors import InputError
from tests.experiments.test_experiments import load

coverage = load("shape_coverage")


def shapes(number, modes=4, sd=0.03, seed=0):
    """A mean head and a few fixed ways to differ from it."""
    ways = np.random.default_rng(42).normal(size=(modes, 68, 2))
    amounts = np.random.default_rng(seed).normal(size=(number, modes))
    return anatomy.MEAN[None, :68, :2] + sd * np.einsum("nk,kmd->nmd", amounts, ways)


def moved(points, seed=1):
    """Each shape with a similarity of its own."""
    rng = np.random.default_rng(seed)
    angle, scale = rng.uniform(-0.5, 0.5, len(points)), np.exp(rng.normal(size=len(points)))
    turn = scale[:, None, None] * np.stack(
        [np.stack([np.cos(angle), -np.sin(angle)], -1), np.stack([np.sin(angle), np.cos(angle)], -1)], 1
    )
    return points @ turn.transpose(0, 2, 1) + 100 * rng.normal(size=(len(points), 1, 2))


def test_the_same_shapes_elsewhere_are_covered_alike():
    made = shapes(400)
    found = coverage.compare(made, moved(made), components=(2, 10))
    np.testing.assert_allclose(found.apart, 0, atol=1e-9)
    np.testing.assert_allclose(found.sd_ratio, 1, atol=1e-9)
    np.testing.assert_allclose(found.error, found.own, atol=1e-9)
    assert found.error[0] > 0.005 > 0.001 > found.error[1]


def test_twice_the_deviation_and_a_shifted_mean_are_measured():
    made, real = shapes(2000), shapes(2000, sd=0.015, seed=3)
    real[:, 8] += [0.0, 0.05]
    found = coverage.compare(made, real, components=(10,))
    assert found.apart.argmax() == 8
    assert 0.04 < found.apart[8] < 0.055
    assert 1.8 < np.median(found.sd_ratio) < 2.2


def test_directions_that_are_missing_are_left():
    made, real = shapes(500, modes=2), shapes(500, modes=4)
    found = coverage.compare(made, real, components=(10,))
    assert found.error[0] > 5 * found.own[0]


def test_a_file_without_shapes_is_named(tmp_path):
    npz.write(tmp_path / "a.npz", {"points": np.zeros((3, 5, 2))})
    with pytest.raises(InputError, match="expected an array points"):
        coverage.run(coverage.Coverage(out=tmp_path / "out", data=tmp_path / "a.npz"))


def test_it_measures_and_draws(tmp_path):
    npz.write(tmp_path / "a.npz", {"points": moved(shapes(50))})
    found = coverage.run(coverage.Coverage(out=tmp_path / "out", data=tmp_path / "a.npz", shapes=60))
    assert np.isfinite(found.sd_ratio).all()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"summary.json", "coverage.png"}


def test_synthetic_shapes_cover_300w(real_data, tmp_path):
    found = coverage.run(coverage.Coverage(out=tmp_path / "out", data=real_data, shapes=3000))
    assert found.error[found.components.index(20)] < 0.025
    assert found.apart.max() < 0.03
    assert found.sd_ratio.min() > 0.7
    assert found.sd_ratio.max() < 1.4
