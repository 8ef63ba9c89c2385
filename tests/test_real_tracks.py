"""The shipped stabilizer on every published prediction of 300-VW: steadier, and neither frozen, late nor led astray."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import stabilizer
from fhr_jax.stabilizer.reference import outliers, steadiness


@pytest.fixture(scope="module")
def outputs(real_data: Path):
    """(name, track, valid, output) of every file, all filtered at once."""
    files = sorted((real_data / "300vw_fhr_predictions").glob("*/*.npz"))
    if not files:
        pytest.skip("no 300vw_fhr_predictions in FHR_JAX_DATA")
    tracks, valid = [], []
    for file in files:
        with np.load(file, allow_pickle=False) as arrays:
            tracks.append(arrays["predictions"])
            valid.append(~np.isin(np.arange(len(tracks[-1])), arrays["broken_frames"] - 1))
    longest = max(map(len, tracks))
    # The filter is causal, so what is padded behind a track changes nothing before.
    padded = np.stack([np.concatenate([t, np.repeat(t[-1:], longest - len(t), axis=0)]) for t in tracks])
    params = stabilizer.default_params()
    smooth = np.asarray(jax.vmap(lambda z: stabilizer.run(params, z))(jnp.asarray(padded)))
    names = [f"{file.parent.name}/{file.stem}" for file in files]
    return [(name, track, ok, x[: len(track)]) for name, track, ok, x in zip(names, tracks, valid, smooth, strict=True)]


def test_steadier_on_every_file(outputs):
    figures = {name: steadiness(x, track, valid) for name, track, valid, x in outputs}
    assert len(figures) >= 27
    for name, found in figures.items():
        assert found.bend <= 0.7, (name, found)
        assert found.distance <= 1.0, (name, found)
        assert abs(found.delay) <= 1, (name, found)


def test_finite_and_no_landmark_carried_away(outputs):
    """A landmark is carried away if it is over half a face further from the face than any honest observation."""
    for name, track, _, x in outputs:
        assert np.isfinite(x).all(), name
        honest = np.where(outliers(track)[..., None], np.nan, track)
        low, high = np.nanmin(honest, axis=(0, 1)), np.nanmax(honest, axis=(0, 1))
        assert (x > low - 36).all(), name
        assert (x < high + 36).all(), name
