"""Whole tracks: leading batch axes, the fast path and who chooses it, and files of parameters written before."""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import stabilizer
from fhr_jax.errors import InputError
from fhr_jax.stabilizer import run_tracks
from tests.tracks import extended, params, walk

GOLDEN = Path(__file__).parent.parent / "golden"


def _programs():
    return run_tracks._run._cache_size()


# The fast path


PATHS = [("diagonal", "recurrent"), ("diagonal", "none"), ("windowed", "responsibilities"), ("full", "velocity")]


@pytest.mark.parametrize(("covariance", "extension"), PATHS)
def test_a_complete_track_takes_the_fast_path_which_agrees_with_the_general_one(covariance, extension):
    z, p = walk(), extended(extension)
    general, fast, chosen = (stabilizer.run(p, z, covariance=covariance, complete=c) for c in (False, True, None))
    np.testing.assert_allclose(fast, general, rtol=0, atol=2e-3)
    np.testing.assert_array_equal(chosen, fast)


def _used(monkeypatch, track, p=None, **options):
    """The `complete` that `run` chooses."""
    chosen = []

    def record(_, track, *__, complete, **___):
        chosen.append(complete)
        return jnp.zeros(track.shape)

    monkeypatch.setattr(run_tracks, "_run", record)
    stabilizer.run(params() if p is None else p, track, **options)
    return chosen[0]


def test_the_host_chooses_the_fast_path_for_complete_tracks_without_options(monkeypatch):
    z = np.stack([walk(20), walk(20, seed=1)])
    used = partial(_used, monkeypatch)
    assert used(z) is used(jnp.asarray(z)) is used(z[0]) is True
    for value in (np.nan, np.inf, 1e16):
        broken = z.copy()
        broken[1, 4, 2, 0] = value
        assert used(broken) is False
        assert used(broken[0]) is True
    assert used(z, complete=False) is False
    assert used(z, estimate="mode") is False
    assert used(z, extended("outliers")) is False
    for options in ({"mask": np.ones(20, bool)}, {"dt": np.ones(20, np.float32)}, {"reset": np.zeros(20, bool)}):
        assert used(z, **options) is False
    # Concrete tracks are seen inside of a transformation of the parameters too; traced ones are not.
    seen = []
    jax.eval_shape(lambda p: seen.append(used(z, p)), params())
    jax.eval_shape(lambda z: seen.append(used(z)), z)
    jax.vmap(lambda z: seen.append(used(z)))(jnp.asarray(z))
    assert seen == [True, False, False]


def test_complete_is_refused_where_points_may_be_left_out():
    z = walk(5)
    with pytest.raises(InputError, match="without outlier detection"):
        stabilizer.run(extended("outliers"), z, complete=True)
    for options in ({"mask": jnp.ones(5, bool)}, {"estimate": "mode"}):
        with pytest.raises(InputError, match="complete: True"):
            stabilizer.run(params(), z, complete=True, **options)


def test_one_program_for_many_calls():
    z, p = walk(31), params()
    before = _programs()
    for seed in range(4):
        stabilizer.run(p._replace(gamma=jnp.float32(0.1 * seed + 0.1)), walk(31, seed=seed))
    assert _programs() == before + 1
    z[3] = np.nan
    for _ in range(3):
        stabilizer.run(p, z)
    assert _programs() == before + 2


def test_numpy_tracks_of_float64_count_as_float32():
    z, p = walk(20).astype(np.float64), params()
    out = stabilizer.run(p, z)
    assert out.dtype == jnp.float32
    np.testing.assert_allclose(out, stabilizer.run(p, z.astype(np.float32)), rtol=1e-6)


# Leading axes


def _batch():
    """(2, 3, 30, 3, 2) with gaps in two of the six tracks."""
    z = np.stack([walk(30, seed=seed) for seed in range(6)]).reshape(2, 3, 30, 3, 2)
    z[0, 1, 5:8] = np.nan
    z[1, 2, :4, 1] = np.nan
    return z


@pytest.mark.parametrize("extension", ["none", "all"])
def test_leading_axes_are_tracks_by_themselves(extension):
    z, p = _batch(), extended(extension)
    together = np.asarray(stabilizer.run(p, z))
    assert together.shape == z.shape
    for place in np.ndindex(2, 3):
        one = stabilizer.run(p, z[place], complete=False)
        np.testing.assert_allclose(together[place], one, rtol=1e-5, atol=1e-4)


def test_a_complete_batch_is_its_tracks_by_themselves():
    z, p = np.stack([walk(30, seed=seed) for seed in range(4)]), params()
    each = np.stack([stabilizer.run(p, track) for track in z])
    np.testing.assert_allclose(stabilizer.run(p, z), each, rtol=1e-5)
    mapped = jax.jit(jax.vmap(partial(stabilizer.run, p, complete=True)))(z)
    np.testing.assert_allclose(mapped, each, rtol=1e-5)
    np.testing.assert_allclose(stabilizer.run(p, z.reshape(2, 2, 30, 3, 2)).reshape(z.shape), each, rtol=1e-5)


OPTIONS = {
    "dt": np.linspace(0.5, 2, 30, dtype=np.float32),
    "mask": np.arange(30) % 7 > 0,
    "confidence": np.linspace(0.2, 1, 90, dtype=np.float32).reshape(30, 3),
    "reset": np.arange(30) == 12,
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_have_the_leading_axes_or_none(name):
    z, p, shared = _batch(), extended("velocity"), OPTIONS[name]
    shifted = np.stack([np.roll(shared, shift, axis=0) for shift in range(6)]).reshape(2, 3, *shared.shape)
    by_track = np.asarray(stabilizer.run(p, z, **{name: shifted}))
    for_all = np.asarray(stabilizer.run(p, z, **{name: shared}))
    np.testing.assert_allclose(for_all[0, 0], by_track[0, 0], rtol=1e-5, atol=1e-4)
    alone = stabilizer.run(p, z[1, 1], **{name: shifted[1, 1]}, complete=False)
    np.testing.assert_allclose(by_track[1, 1], alone, rtol=1e-5, atol=1e-4)
    assert np.nanmax(np.abs(by_track - for_all)) > 1e-2
    with pytest.raises(InputError, match=rf"{name}: shape .*, expected .*leading axes \(2, 3\)"):
        stabilizer.run(p, z, **{name: shifted[0]})


def test_float64_batches():
    with jax.enable_x64(True):
        p = params(dtype=np.float64)
        z = jnp.asarray(np.stack([walk(20), walk(20, seed=1)]), jnp.float64)
        out = stabilizer.run(p, z)
        assert out.dtype == jnp.float64
        np.testing.assert_allclose(out[1], stabilizer.run(p, z[1]), rtol=1e-12)


# Files written before


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "stabilizer_run.npz", allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.mark.parametrize("name", ["diagonal", "windowed", "full", "options", "fast"])
def test_a_parameter_file_with_older_keys_gives_the_outputs_recorded_then(golden, name):
    """Every extension, a throw, a cut, gaps; `options` with dt and confidence, `fast` complete and without outliers."""
    p, z = stabilizer.load(GOLDEN / "stabilizer_params.npz"), golden["track"]
    assert [name for name, part in p._asdict().items() if part is None] == ["movements", "smoother"]  # they are newer
    if name == "fast":
        out = stabilizer.run(p._replace(outliers=None), np.nan_to_num(z, nan=100.0), complete=True)
    elif name == "options":
        out = stabilizer.run(p, z, dt=golden["dt"], confidence=golden["confidence"])
    else:
        out = stabilizer.run(p, z, covariance=name, window=8)
    np.testing.assert_allclose(out, golden[name], rtol=0, atol=2e-3)
