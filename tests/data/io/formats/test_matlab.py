import contextlib
import struct
import zlib

import h5py
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from fhr_jax.data.io import landmark_files
from fhr_jax.data.io.formats import mat5
from fhr_jax.errors import InputError
from tests.data.io.formats.samples import FRAMES, scores, track

OTHERS = {
    "names": np.array(["ann", "bob"]), "cells": np.array([[1, "two"]], object), "flag": np.array([[True, False]]),
    "nested": {"a": np.array([[1.5]]), "b": "text"}, "counts": np.array([[1, 2]], np.int16),
}  # fmt: skip


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0)])
def test_version_5_is_read_and_everything_else_is_written_back(tmp_path, order, compressed):
    arrays = {"landmarks": track(frames=7).transpose(order), "confidence": scores(frames=7), "fps": 25.0}
    savemat(tmp_path / "in.mat", arrays | OTHERS | {"time": np.arange(7) / 50}, do_compression=compressed)
    recording = landmark_files.read(tmp_path / "in.mat")
    (found,) = recording.tracks
    np.testing.assert_array_equal(found.points, track(frames=7))
    np.testing.assert_array_equal(found.confidence, scores(frames=7))
    np.testing.assert_allclose(found.time, np.arange(7) / 50)
    assert recording.fps == 25
    assert ("landmarks is (4, 2, 7): read as (M, 2, T)" in recording.notes) == (order != (0, 1, 2))
    assert landmark_files.sentence(recording) == "read as array landmarks of a MATLAB file, 1 face, 7 frames, 4 points"
    landmark_files.write(tmp_path / "out.mat", recording, [found.points + 0.125])
    before, after = (loadmat(tmp_path / name, mat_dtype=True) for name in ("in.mat", "out.mat"))
    np.testing.assert_array_equal(after["landmarks"], before["landmarks"] + 0.125)
    assert before.keys() == after.keys()
    for name in before.keys() - {"landmarks"}:
        assert str(before[name]) == str(after[name])
        if isinstance(before[name], np.ndarray):
            assert before[name].dtype == after[name].dtype
            assert before[name].shape == after[name].shape


def test_all_other_bytes_of_version_5_stay(tmp_path):
    savemat(tmp_path / "in.mat", OTHERS | {"landmarks": track()} | {"more": "x"})
    file = mat5.read(tmp_path / "in.mat")
    assert set(file.variables) == {*OTHERS, "landmarks", "more"}
    np.testing.assert_array_equal(mat5.array(tmp_path / "in.mat", file, "counts"), OTHERS["counts"])
    with pytest.raises(InputError, match=r"in.mat: names is no array of real numbers"):
        mat5.array(tmp_path / "in.mat", file, "names")
    recording = landmark_files.read(tmp_path / "in.mat")
    landmark_files.write(tmp_path / "out.mat", recording, [track() + 1])
    before, after = file.content, (tmp_path / "out.mat").read_bytes()
    own = file.variables["landmarks"]
    assert after[: own.start] == before[: own.start]
    assert after[len(after) - (len(before) - own.end) :] == before[own.end :]


def test_the_place_of_the_data_of_objects_moves_with_them(tmp_path):
    savemat(tmp_path / "in.mat", {"landmarks": np.zeros((7, 4, 2), np.float32), "objects": np.ones(3)})
    content = bytearray((tmp_path / "in.mat").read_bytes())
    start = mat5.read(tmp_path / "in.mat").variables["objects"].start
    content[116:124] = start.to_bytes(8, "little")
    (tmp_path / "in.mat").write_bytes(content)
    file = mat5.read(tmp_path / "in.mat")
    mat5.write(tmp_path / "out.mat", file, "landmarks", np.zeros((7, 4, 2)))
    found = mat5.read(tmp_path / "out.mat")
    assert found.variables["objects"].start == int.from_bytes(found.content[116:124], "little") > start


@pytest.mark.parametrize("compressed", [True, False])
def test_damage_is_found_without_a_crash(tmp_path, compressed):
    savemat(tmp_path / "in.mat", {"landmarks": track(), "fps": 25.0}, do_compression=compressed)
    whole = (tmp_path / "in.mat").read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        content = bytearray(whole)
        for place in rng.integers(120, len(whole), 3):
            content[place] = rng.integers(256)
        (tmp_path / "bad.mat").write_bytes(content[: rng.integers(100, 2 * len(whole))])
        with contextlib.suppress(InputError):  # a changed digit is no damage that shows
            landmark_files.read(tmp_path / "bad.mat")
            continue
        refused += 1
    assert refused > 100
    with pytest.raises(InputError, match="is damaged"):
        file = mat5.read(tmp_path / "in.mat")
        own = file.variables["landmarks"]
        packed = zlib.compress(b"\x0e\0\0\0\xff\xff\xff\x7f" + bytes(100)) if compressed else b""
        content = file.content[: own.start + 8] + packed + file.content[own.start + 8 + len(packed) :]
        changed = file._replace(content=content[: -2 if compressed else own.end - 200])
        mat5.array(tmp_path / "in.mat", changed, "landmarks")


def hdf5(path, value, **more):
    """A file of version 7.3: HDF5 behind a header, the axes in the opposite order."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in (("landmarks", value), *more.items()):
            file[name] = np.asarray(array).T
            file[name].attrs["MATLAB_class"] = np.bytes_(str(np.asarray(array).dtype.name).encode())
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(116) + bytes(8) + b"\x00\x02IM")
    return path


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0)])
def test_version_7_3_is_copied_with_other_landmarks(tmp_path, order):
    value = track(frames=7)
    path = hdf5(tmp_path / "in.mat", value.transpose(order), fps=np.array([[25.0]]), note=np.arange(3.0)[None])
    recording = landmark_files.read(path)
    np.testing.assert_array_equal(recording.tracks[0].points, value)
    assert recording.fps == 25
    landmark_files.write(tmp_path / "same.mat", recording, [value])
    assert (tmp_path / "same.mat").read_bytes() == path.read_bytes()
    landmark_files.write(tmp_path / "out.mat", recording, [value + 1])
    with h5py.File(tmp_path / "out.mat") as file:
        np.testing.assert_array_equal(file["landmarks"][()].T, value.transpose(order) + 1)
        np.testing.assert_array_equal(file["note"][:, 0], np.arange(3))
    assert (tmp_path / "out.mat").read_bytes()[:512] == path.read_bytes()[:512]


def test_whole_numbers_of_version_7_3_become_doubles(tmp_path):
    value = np.round(track(frames=7)).astype(np.int16)
    recording = landmark_files.read(hdf5(tmp_path / "in.mat", value))
    landmark_files.write(tmp_path / "out.mat", recording, [recording.tracks[0].points + 0.25])
    with h5py.File(tmp_path / "out.mat") as file:
        np.testing.assert_array_equal(file["landmarks"][()].T, value + 0.25)
        assert file["landmarks"].attrs["MATLAB_class"] == b"double"


def test_several_faces(tmp_path):
    faces = np.stack([track(), track(seed=5, at=700)])
    faces[1, :2] = np.nan
    savemat(tmp_path / "in.mat", {"predictions": faces, "face_id": [[4, 9]]})
    recording = landmark_files.read(tmp_path / "in.mat")
    assert [found.face for found in recording.tracks] == [4, 9]
    landmark_files.write(tmp_path / "out.mat", recording, [found.points + 1 for found in recording.tracks])
    np.testing.assert_array_equal(loadmat(tmp_path / "out.mat")["predictions"], faces + 1)


def test_files_that_are_none_are_refused_in_one_line(tmp_path):
    savemat(tmp_path / "in.mat", {"landmarks": track()})
    whole = (tmp_path / "in.mat").read_bytes()
    for content in (b"hello", whole[:60], whole[:200], whole[:-8], b"MATLAB 5.0".ljust(200, b"\x07"), b""):
        (tmp_path / "bad.mat").write_bytes(content)
        with pytest.raises(InputError, match=r"bad.mat: ") as caught:
            landmark_files.read(tmp_path / "bad.mat")
        assert "\n" not in str(caught.value)
    savemat(tmp_path / "bad.mat", {"points": track()})
    with pytest.raises(InputError, match="no array predictions or landmarks in it, only points"):
        landmark_files.read(tmp_path / "bad.mat")
    with pytest.raises(InputError, match="no array predictions or landmarks in it, only note"):
        path = hdf5(tmp_path / "c.mat", track(), note=np.ones((2, FRAMES)))
        with h5py.File(path, "r+") as file:
            del file["landmarks"]
        landmark_files.read(path)


def test_another_version_or_a_name_that_is_no_text_is_refused(tmp_path):
    savemat(tmp_path / "in.mat", {"landmarks": track()})
    content = (tmp_path / "in.mat").read_bytes()
    place = content.index(b"landmarks") - 8
    for damaged in (content[:124] + b"\0\x11" + content[126:], content[:place] + b"\t" + content[place + 1 :]):
        (tmp_path / "damaged.mat").write_bytes(damaged)
        with pytest.raises(InputError, match="not a MATLAB file"):
            landmark_files.read(tmp_path / "damaged.mat")


def test_objects_of_matlab_are_passed_over(tmp_path):
    savemat(tmp_path / "plain.mat", {"landmarks": track()}, do_compression=False)
    flags, name = struct.pack("<IIII", 6, 8, 17, 0), struct.pack("<II8s", 1, 4, b"text")
    body = flags + name + struct.pack("<II8s", 1, 4, b"MCOS")
    element = struct.pack("<II", 14, len(body)) + body
    (tmp_path / "in.mat").write_bytes((tmp_path / "plain.mat").read_bytes() + element)
    recording = landmark_files.read(tmp_path / "in.mat")
    np.testing.assert_array_equal(recording.tracks[0].points, track())
    landmark_files.write(tmp_path / "out.mat", recording, [track() + 1])
    assert (tmp_path / "out.mat").read_bytes().endswith(element)
