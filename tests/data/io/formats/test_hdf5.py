import builtins

import h5py
import pytest

from fhr_jax import cli
from fhr_jax.data.io import landmark_files
from fhr_jax.data.io.formats import hdf5
from fhr_jax.errors import InputError


def test_a_file_is_known_by_its_signature_also_behind_a_block(tmp_path):
    for block in (0, 512, 1024):
        with h5py.File(tmp_path / "a", "w", userblock_size=block) as file:
            file["x"] = 1
        source = landmark_files.OpenedFile(tmp_path / "a")
        assert hdf5.is_hdf5(source)
        assert hdf5.top_names(source) == ("x",)
    (tmp_path / "b").write_bytes(b"x" * 600)
    assert hdf5.top_names(landmark_files.OpenedFile(tmp_path / "b")) == ()


def test_a_copy_that_fails_leaves_nothing(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = 1
    message = r"a.h5: this HDF5 file cannot be read"
    copy = hdf5.changed_copy(tmp_path / "b.h5", source=tmp_path / "a.h5")
    with pytest.raises(InputError, match=message), copy as file:
        file["x"][...] = 2
        file["missing"][...] = 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["x"][()] == 1


def test_without_h5py_one_line_says_what_to_install(tmp_path, monkeypatch, capsys):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = 1
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == "h5py":
            raise ModuleNotFoundError("No module named 'h5py'", name="h5py")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    assert cli.main(["smooth", f"{tmp_path}/a.h5", f"{tmp_path}/b.h5"]) == 2
    assert 'this needs h5py, which is not installed: pip install "fhr-jax[formats]"' in capsys.readouterr().err
