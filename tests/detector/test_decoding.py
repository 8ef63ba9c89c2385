"""Boxes come back from their target maps to a fraction of a pixel."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax.detector import decoding, targets
from tests.detector.nets import CONFIG

decode = jax.jit(decoding.decode, static_argnums=1, static_argnames="decoder")
encode = jax.jit(targets.encode, static_argnames=("size", "config"))


def maps_of(boxes, size=(96, 128)):
    """The maps of a net that is right."""
    found = encode(jnp.asarray([boxes], jnp.float32), jnp.zeros((1, len(boxes)), bool), size=size, config=CONFIG)
    heat = np.asarray(found.centres[0], np.float64).clip(1e-12, 1 - 1e-7)
    return jnp.asarray(np.concatenate([np.log(heat / (1 - heat))[..., None], found.sizes[0]], axis=-1), jnp.float32)


@pytest.mark.parametrize("decoder", ["two_sided", "parabola", "argmax"])
@pytest.mark.parametrize("seed", range(4))
def test_boxes_come_back(seed, decoder):
    rng = np.random.default_rng(seed)
    # One face in each quarter, at a position that is no whole number of cells.
    corners = np.array([[0, 0], [64, 0], [0, 48], [64, 48]]) + rng.uniform(4, 16, (4, 2))
    boxes = np.concatenate([corners, rng.uniform(13, 40, (4, 2))], axis=1)
    boxes[:, 2:] = np.minimum(boxes[:, 2:], 30)
    found = decode(maps_of(boxes), CONFIG, decoder=decoder)
    likely = np.asarray(found.scores) > 0.3
    assert likely.sum() == 4
    got = np.asarray(found.boxes)[likely]
    order = [np.abs(got - box).sum(axis=1).argmin() for box in boxes]
    np.testing.assert_allclose(got[order], boxes, atol=4 if decoder == "argmax" else 5e-3)
    assert (decoder == "argmax") == (np.abs(got[order] - boxes).max() > 1)


def test_faces_at_the_edges_come_back():
    boxes = [[-9.0, -10, 20, 22], [115, 84, 21, 20], [60, -9, 22, 20]]
    found = decode(maps_of(boxes), CONFIG)
    got = np.asarray(found.boxes)[np.asarray(found.scores) > 0.3]
    order = [np.abs(got - box).sum(axis=1).argmin() for box in boxes]
    np.testing.assert_allclose(got[order], boxes, atol=5e-3)


def test_only_local_maxima_count_and_the_highest_come_first():
    maps = jnp.full((12, 16, 3), -9.0).at[..., 1:].set(0.0)
    maps = maps.at[3, 4, 0].set(2.0).at[3, 5, 0].set(1.9).at[8, 8, 0].set(3.0).at[0, 0, 0].set(1.0)
    found = decode(maps, CONFIG)
    scores = np.asarray(found.scores)
    np.testing.assert_allclose(scores[:3], 1 / (1 + np.exp([-3.0, -2, -1])), rtol=1e-5)
    assert scores[3:].max() < 1e-3
    assert (np.diff(scores) <= 0).all()
    assert len(scores) == decoding.CANDIDATES
    np.testing.assert_allclose(found.boxes[0, :2] + found.boxes[0, 2:] / 2, [67.5, 67.5], atol=1e-3)


@pytest.mark.parametrize("value", [0.0, -50.0, 1e4, np.nan])
def test_any_map_gives_finite_boxes(value):
    found = decode(jnp.full((12, 16, 3), value, jnp.float32), CONFIG)
    if not np.isnan(value):
        assert np.isfinite(np.asarray(found.boxes)).all()
        assert (np.asarray(found.boxes)[:, 2:] > 0).all()
    assert ((np.asarray(found.scores) >= 0) & (np.asarray(found.scores) <= 1)).all()
