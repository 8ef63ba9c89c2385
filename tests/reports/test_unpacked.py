"""Arrays of an .npz in memory and in files without a name."""

import numpy as np
import pytest

from fhr_jax import npz
from fhr_jax.errors import InputError
from fhr_jax.reports import unpacked


@pytest.mark.parametrize("limit", [0, 10**9])
def test_the_arrays_that_are_asked_for(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(unpacked, "IN_MEMORY", limit)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(unpacked.tempfile, "tempdir", None)
    (tmp_path / "temporary").mkdir()
    own = {"a": np.arange(6.0).reshape(2, 3), "b": np.asfortranarray(np.eye(3)[:2]), "empty": np.zeros((0, 2))}
    npz.write(tmp_path / "a.npz", own | {"other": np.ones(5)})
    found = unpacked.arrays(tmp_path / "a.npz", ("a", "b", "empty", "missing"))
    assert set(found) == set(own)
    for name, array in own.items():
        np.testing.assert_array_equal(found[name], array)
    assert isinstance(found["a"], np.memmap) == (limit == 0)
    assert not list((tmp_path / "temporary").iterdir())


def test_what_does_not_fit_is_refused(tmp_path, monkeypatch):
    npz.write(tmp_path / "a.npz", {"a": np.zeros(1000)})
    monkeypatch.setattr(unpacked, "IN_MEMORY", 0)
    usage = unpacked.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(unpacked.shutil, "disk_usage", lambda folder: usage._replace(free=100))
    with pytest.raises(InputError, match=r"a\.npz: 0 MiB have to be unpacked into .*, where 0 MiB are free; .* TMPDIR"):
        unpacked.arrays(tmp_path / "a.npz", ("a",))
    monkeypatch.setattr(npz, "MAX_BYTES", 1000)
    with pytest.raises(InputError, match=r"a\.npz: its arrays take 8128 bytes; at most 1000 are read"):
        unpacked.arrays(tmp_path / "a.npz", ("a",))


@pytest.mark.parametrize("limit", [0, 10**9])
def test_objects_are_refused(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(unpacked, "IN_MEMORY", limit)
    np.savez(tmp_path / "a.npz", a=np.array([{}], object))
    with pytest.raises(InputError, match=r"not an \.npz file of plain arrays"):
        unpacked.arrays(tmp_path / "a.npz", ("a",))
