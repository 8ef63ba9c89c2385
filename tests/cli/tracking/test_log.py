"""The log of one face and of several, as an .npz."""

import numpy as np
import pytest

from fhr_jax import npz, pipeline
from fhr_jax.cli.tracking import log


def face(value):
    points = np.full((4, 2), value, np.float32)
    return pipeline.Face(points, points + 1, np.full(4, 0.5, np.float32), np.full((4, 2, 2), 2.0, np.float32))


def test_one_face_has_no_axis_of_faces(tmp_path):
    with log.FaceLog(tmp_path / "log", landmarks=4, several=False) as faces:
        for t in range(3):
            faces.start_frame(t / 30)
            faces.add(face(t), number=0)
    faces.save(tmp_path / "out.npz")
    arrays = npz.read(tmp_path / "out.npz")
    assert arrays["landmarks"].shape == (3, 4, 2)
    assert arrays["covariance"].shape == (3, 4, 2, 2)
    np.testing.assert_allclose(arrays["raw"][:, 0, 0], [1, 2, 3])
    np.testing.assert_allclose(arrays["time"], [0, 1 / 30, 2 / 30])
    assert {path.name for path in tmp_path.iterdir()} == {"out.npz"}


@pytest.mark.parametrize("chunk", [1, 7, 4096])
def test_faces_that_come_and_go_in_any_order(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(log, "CHUNK", chunk)
    rng = np.random.default_rng(0)
    expected = np.full((30, 40), np.nan)
    with log.FaceLog(tmp_path / "log", landmarks=4, several=True) as faces:
        for t in range(40):
            faces.start_frame(float(t))
            for number in rng.permutation(30)[: rng.integers(0, 6)].tolist():
                expected[number, t] = 100 * number + t
                faces.add(face(expected[number, t]), number=number)
    faces.save(tmp_path / "out.npz")
    arrays = npz.read(tmp_path / "out.npz")
    there = np.isfinite(expected).any(axis=1)
    np.testing.assert_array_equal(arrays["face_id"], np.flatnonzero(there))
    np.testing.assert_array_equal(arrays["landmarks"][..., 3, 1], expected[there])
    np.testing.assert_array_equal(arrays["raw"][..., 0, 0], expected[there] + 1)
    assert {path.name for path in tmp_path.iterdir()} == {"out.npz"}


def test_each_record_is_read_once_for_each_array(tmp_path, monkeypatch):
    monkeypatch.setattr(log, "CHUNK", 10)
    read = []

    class Counted(np.memmap):
        def __getitem__(self, index):
            found = super().__getitem__(index)
            if isinstance(index, np.ndarray):
                read.append(len(index))
            return found

    with log.FaceLog(tmp_path / "log", landmarks=4, several=True) as faces:
        for t in range(100):
            faces.start_frame(float(t))
            for number in range(8):
                faces.add(face(t), number=number)
    monkeypatch.setattr(np, "memmap", Counted)
    faces.save(tmp_path / "out.npz")
    # The number of its frame and its own values: 800 records, four arrays.
    assert sum(read) == 2 * 4 * 800


def test_several_faces_none_of_which_comes(tmp_path):
    with log.FaceLog(tmp_path / "log", landmarks=4, several=True) as faces:
        faces.start_frame(0.0)
        (tmp_path / "log").write_bytes(b"")
    with pytest.raises(ValueError, match="empty"):
        faces.save(tmp_path / "out.npz")


@pytest.mark.parametrize("chunk", [2, 100])
def test_several_faces_are_missing_where_they_are_not(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(log, "CHUNK", chunk)
    seen = [[0], [], [0, 3], [3], [3, 0]]
    with log.FaceLog(tmp_path / "log", landmarks=4, several=True) as faces:
        for t, numbers in enumerate(seen):
            faces.start_frame(float(t))
            for number in numbers:
                faces.add(face(10 * number + t), number=number)
    faces.save(tmp_path / "out.npz")
    arrays = npz.read(tmp_path / "out.npz")
    np.testing.assert_array_equal(arrays["face_id"], [0, 3])
    nan = np.nan
    expected = [[0, nan, 2, nan, 4], [nan, nan, 32, 33, 34]]
    np.testing.assert_array_equal(arrays["landmarks"][..., 0, 0], expected)
    np.testing.assert_array_equal(arrays["confidence"][..., 0], 0.5 * np.isfinite(expected))
    assert arrays["covariance"].shape == (2, 5, 4, 2, 2)
    np.testing.assert_array_equal(arrays["time"], np.arange(5))
