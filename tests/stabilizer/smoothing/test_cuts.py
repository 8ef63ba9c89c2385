"""Cuts that later frames tell: against plain loops, found where they are, and not where a face moves."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import stabilizer
from fhr_jax.benchmark.known_motions import cases, motions
from fhr_jax.stabilizer.smoothing import cuts
from tests.compiling import fully_optimized
from tests.oracles import smoothing as oracle
from tests.stabilizer.smoothing.tracks import FRAMES, moving_face, parameters

POINTS = 30


@jax.jit
def find(z, present):
    return cuts.find(z, present)


def two_people(seed, *, frames=FRAMES, points=POINTS, different=0.2):
    """A face that moves, and from frame 20 on another one in its place; noise, gaps, outliers, broken frames."""
    rng = np.random.default_rng(seed)
    shapes = rng.normal(size=(2, points, 2))
    shapes[1] = shapes[0] + different * rng.normal(size=(points, 2))
    face = shapes[(np.arange(frames) >= 20).astype(int)]
    place = 200 + 3 * rng.normal(size=(frames, 1, 2)).cumsum(axis=0)
    z = place + 50 * face + 0.3 * rng.normal(size=face.shape)
    return z.astype(np.float32), rng


@pytest.mark.parametrize("seed", range(6))
def test_every_decision_is_that_of_plain_loops(seed):
    z, rng = two_people(seed, different=(0.0, 0.1, 0.15, 0.2, 0.3, 0.5)[seed])
    present = rng.uniform(size=z.shape[:2]) < 0.9
    z[rng.uniform(size=z.shape[:2]) < 0.03] += 200
    z[5] = 0
    present[28] = False
    z[33:] = 200 + (z[33:] - 200) * (6.0 if seed % 2 else 0.1)
    expected = oracle.cuts(np.float64(z), present)
    assert expected.any()
    np.testing.assert_array_equal(find(z, present), expected)


@pytest.mark.parametrize("seed", range(3))
def test_another_person_in_the_same_place_starts_anew(seed):
    z, _ = two_people(seed)
    everywhere = np.ones(z.shape[:2], bool)
    np.testing.assert_array_equal(np.flatnonzero(find(z, everywhere)), [20])
    # One frame of another shape is broken, and no cut.
    z[21:] = two_people(seed, different=0.0)[0][21:]
    assert not np.asarray(find(z, everywhere)).any()


def test_no_known_motion_is_a_cut():
    """Jaws by 0.4 sizes in four frames, nods, shakes, rolls by 9 degrees a frame, zooms, faces that set off."""
    face = motions.mean_face(size=72.0)
    truths = np.stack([cases.sample(case, face).truth for case in cases.CASES])
    for noise in (0.0, 1.0):
        z = (truths + noise * np.random.default_rng(0).normal(size=truths.shape)).astype(np.float32)
        found = np.asarray(jax.jit(jax.vmap(cuts.find))(z, np.ones(z.shape[:-1], bool)))
        assert not found.any(), [cases.CASES[i].name for i in np.flatnonzero(found.any(axis=1))]


def test_of_all_real_tracks_one_has_a_cut(real_data):
    """In 403 of 300-VW another face follows in the last three frames."""
    files = sorted((real_data / "300vw_fhr_predictions").glob("*/*.npz"))
    files += sorted((real_data / "detector_tracks").glob("*_*.npz"))
    gap, parts, starts = np.full((8, 68, 2), np.nan, np.float32), [], {}
    for file in files:
        with np.load(file, allow_pickle=False) as arrays:
            track = arrays["predictions" if "predictions" in arrays else "landmarks"][..., :2]
        if track.shape[1] == 68:
            starts[file.stem] = sum(map(len, parts))
            parts += [track.astype(np.float32), gap]
    if not parts:
        pytest.skip("no tracks in FHR_JAX_DATA")
    z = np.concatenate(parts)
    with fully_optimized():
        found = np.asarray(find(z, np.isfinite(z).all(axis=-1)))
    expected = [starts["403"] + 1338] if "403" in starts else []
    np.testing.assert_array_equal(np.flatnonzero(found), expected)


@partial(jax.jit, static_argnames="lag")
def smooth(z, reset, *, lag=None):
    return stabilizer.smooth(PARAMS, z, lag=lag, reset=reset)


PARAMS = parameters()


def test_a_size_that_changes_tenfold_starts_anew_at_once():
    z, truth = moving_face()
    none, at_20 = np.zeros(FRAMES, bool), np.arange(FRAMES) == 20
    for factor in (0.1, 10.0):
        far = z.copy()
        far[20:] = 300 + factor * (z[20:] - 300)
        assert np.flatnonzero(find(far, np.ones(z.shape[:2], bool))).tolist() == [20]
        smoothed = np.asarray(smooth(far, none))
        np.testing.assert_array_equal(smoothed, smooth(far, at_20))
        error = np.linalg.norm(smoothed[20:23] - 300 - factor * (truth[20:23] - 300), axis=-1)
        assert error.max() < 4 * max(factor, 1)
    # Two frames of another size are broken.
    far[22:] = z[22:]
    assert not np.asarray(find(far, np.ones(z.shape[:2], bool))).any()


def test_a_missing_point_does_not_count():
    z, _ = two_people(0)
    present = np.ones(z.shape[:2], bool)
    present[15:, : POINTS // 2 + 1] = False
    assert not np.asarray(find(z, present)).any()
    assert not np.asarray(find(np.where(present[..., None], z, np.nan), present)).any()
    assert not np.asarray(find(jnp.zeros((40, POINTS, 2)), np.ones((40, POINTS), bool))).any()
