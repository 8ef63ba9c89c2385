import importlib.util
from collections import Counter

import h5py
import numpy as np
import pytest

from fhr_jax import cli
from fhr_jax.data.io import landmark_files
from fhr_jax.data.io.formats import hdf5
from fhr_jax.errors import InputError
from tests.data.io.formats.test_deeplabcut_hdf5 import as_table
from tests.data.io.formats.test_sleap_hdf5 import analysis


def test_a_file_is_known_by_its_signature_also_behind_a_block(tmp_path):
    for block in (0, 512, 1024):
        with h5py.File(tmp_path / "a", "w", userblock_size=block) as file:
            file["x"] = 1
        source = landmark_files.OpenedFile(tmp_path / "a")
        assert source.is_hdf5
        assert tuple(source.hdf5.items) == ("x",)
    (tmp_path / "b").write_bytes(b"x" * 600)
    assert landmark_files.OpenedFile(tmp_path / "b").hdf5.items == {}


def test_values_texts_and_attributes_come_back(tmp_path):
    rows = np.array([(1, [2.5, 3.5])], [("index", "i8"), ("values", "f4", (2,))])
    with h5py.File(tmp_path / "a", "w") as file:
        file["tracks"] = np.arange(6.0).reshape(2, 3)
        file["tracks"].attrs.update({"dims": '["ä"]', "kind": np.bytes_(b"x\x80"), "count": 3, "list": [1.5, 2]})
        file["track_names"] = ["ann", "bör"]
        file["other"] = np.zeros(1000)
        file.create_group("table").attrs["pandas_type"] = "frame_table"
        file["table/rows"] = rows
        file.create_group("plain")["more"] = 1.0
    found = hdf5.read(tmp_path / "a")
    tracks = hdf5.dataset(tmp_path / "a", found, "tracks")
    np.testing.assert_array_equal(tracks.values, np.arange(6.0).reshape(2, 3))
    assert tracks.attrs["count"] == 3
    assert tracks.attrs["kind"].encode("latin-1") == b"x\x80"
    assert hdf5.text(tracks.attrs["dims"]) == '["ä"]'
    assert [hdf5.text(name) for name in hdf5.values(tmp_path / "a", found, "track_names")] == ["ann", "bör"]
    assert hdf5.values(tmp_path / "a", found.items["table"], "rows").tobytes() == rows.tobytes()
    assert set(found.items) == {"tracks", "track_names", "other", "table", "plain"}
    with pytest.raises(InputError, match=r"a: other holds neither numbers nor texts"):  # it is not read
        hdf5.values(tmp_path / "a", found, "other")


def test_a_copy_that_fails_leaves_nothing(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = 1
    changes = {"x": hdf5.Change(np.array(2)), "missing": hdf5.Change(np.array(2))}
    with pytest.raises(InputError, match=r"a.h5: this HDF5 file cannot be read"):
        hdf5.write_copy(tmp_path / "b.h5", source=tmp_path / "a.h5", changes=changes)
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["x"][()] == 1


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import os; os.abort()", "is damaged: the HDF5 library crashes on it"),
        ("import time; time.sleep(60)", "is damaged: reading it does not end"),
        ("pass", "is damaged: its content is not whole"),
    ],
)
def test_a_crash_of_the_process_that_reads_is_one_line(tmp_path, monkeypatch, program, message):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = 1
    (tmp_path / "child.py").write_text(program)
    monkeypatch.setattr(hdf5.hdf5_child, "__file__", str(tmp_path / "child.py"))
    monkeypatch.setattr(hdf5, "SECONDS", 1.0)
    with pytest.raises(InputError, match=message):
        landmark_files.read(tmp_path / "a.h5")


def _outcome(path, output):
    try:
        recording = landmark_files.read(path)
        landmark_files.write(output, recording, [track.points for track in recording.tracks])
    except InputError as error:
        return "refused" if "\n" not in str(error) else str(error)
    return "read"


@pytest.mark.slow
def test_no_damaged_file_ends_the_process(tmp_path):
    """Flipped bytes, cut files and zeroed blocks: a track or one line, and the same when it is written."""
    files = [
        analysis(tmp_path / "sleap.h5", compression=None),
        analysis(tmp_path / "packed.h5"),
        as_table(tmp_path / "dlc.h5"),
    ]
    rng = np.random.default_rng(0)
    damaged = tmp_path / "damaged.h5"
    results = Counter()
    for number in range(100):
        content = bytearray(files[number % len(files)].read_bytes())
        if number % 5 == 0:
            content = content[: rng.integers(8, len(content))]
        for _ in range(int(rng.integers(1, 12))):
            at = int(rng.integers(8, len(content)))
            content[at] ^= 1 << int(rng.integers(8))
        damaged.write_bytes(content)
        results[_outcome(damaged, tmp_path / "out.h5")] += 1
    assert set(results) == {"read", "refused"}
    assert min(results["read"], results["refused"]) > 5


def test_without_h5py_one_line_says_what_to_install(tmp_path, monkeypatch, capsys):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = 1
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "h5py" else real(name))
    assert cli.main(["smooth", f"{tmp_path}/a.h5", f"{tmp_path}/b.h5"]) == 2
    assert 'this needs h5py, which is not installed: pip install "fhr-jax[formats]"' in capsys.readouterr().err
