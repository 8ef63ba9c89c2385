from pathlib import Path

import numpy as np
import pytest

from fhr_jax import npz
from fhr_jax.data.io import landmark_arrays, landmark_files
from fhr_jax.data.io.formats import arrays
from fhr_jax.data.io.landmark_arrays import DEFAULT
from fhr_jax.errors import InputError
from tests.data.io.formats.samples import FRAMES, scores, track


def faces():
    found = np.stack([track(), track(seed=5, at=700)])
    found[1, [0, 3]] = np.nan
    found[1, 2, 1, 0] = np.nan
    return found


def test_several_faces_in_an_npz(tmp_path):
    trust = np.stack([scores(), scores(seed=9)])
    others = {
        "face_id": np.array([3, 8]), "raw": faces() + 1, "confidence": trust, "time": np.arange(FRAMES) / 25,
        "names": np.array(["a", "b"]),
    }  # fmt: skip
    npz.write(tmp_path / "in.npz", {"landmarks": faces().astype(np.float32)} | others)
    recording = landmark_files.read(tmp_path / "in.npz")
    one, two = recording.tracks
    assert (one.face, two.face) == (3, 8)
    np.testing.assert_allclose(one.points, faces()[0], rtol=1e-6)
    # The second face is from frame 1 to 5, away in frame 3, and lacks a point in frame 2.
    assert two.present.tolist() == [True, True, False, True, True]
    assert (
        np.isnan(two.points[..., 0]).tolist()
        == [[False] * 4, [False, True, False, False], [True] * 4] + [[False] * 4] * 2
    )
    np.testing.assert_allclose(two.confidence[two.present], trust[1][[1, 2, 4, 5]])
    np.testing.assert_allclose(two.time[two.present], np.array([1, 2, 4, 5]) / 25)
    assert landmark_files.sentence(recording) == "read as array landmarks of an .npz, 2 faces, 6 frames, 4 points"
    landmark_files.write(tmp_path / "out.npz", recording, [one.points + 1, np.ones_like(two.points)])
    written = npz.read(tmp_path / "out.npz")
    assert written["landmarks"].dtype == np.float32
    np.testing.assert_allclose(written["landmarks"][0], faces()[0] + 1, rtol=1e-6)
    assert np.isnan(written["landmarks"][1, [0, 3]]).all()
    assert (written["landmarks"][1, [1, 2, 4, 5]] == 1).all()
    for name, value in others.items():
        np.testing.assert_array_equal(written[name], value)


def test_several_faces_in_an_npy_with_scores_in_percent(tmp_path):
    trust = 100 * np.stack([scores(), scores(seed=9)])
    trust[0, 1, 2] = 0.01
    np.save(tmp_path / "in", np.concatenate([faces(), trust[..., None]], axis=-1))
    (tmp_path / "in.npy").rename(tmp_path / "in.bin")
    recording = landmark_files.read(tmp_path / "in.bin")
    one, two = recording.tracks
    np.testing.assert_allclose(one.confidence, trust[0] / 100)
    assert np.argwhere(np.isnan(one.points[..., 0])).tolist() == [[1, 2]]
    landmark_files.write(tmp_path / "out.npy", recording, [one.points, two.points])
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy")[..., 2], trust)


def test_a_face_in_no_frame_is_left_as_it_is(tmp_path):
    value = faces()
    value[1] = np.nan
    npz.write(tmp_path / "in.npz", {"landmarks": value})
    recording = landmark_files.read(tmp_path / "in.npz")
    assert len(recording.tracks) == 1
    assert "face 1 is in no frame: left as it is" in recording.notes
    value[0] = np.nan
    npz.write(tmp_path / "in.npz", {"landmarks": value})
    with pytest.raises(InputError, match="no landmark in any frame"):
        landmark_files.read(tmp_path / "in.npz")


def test_other_shapes_are_named(tmp_path):
    for shape, message in (((2, 5, 4, 4), "for several faces"), ((0, 5, 4, 2), "empty"), ((2, 0, 4, 2), "empty")):
        with pytest.raises(InputError, match=f"a: .*{message}"):
            arrays.read(Path("a"), {"landmarks": np.zeros(shape)}, ("landmarks",), DEFAULT)
    found = arrays.read(
        Path("a"), {"landmarks": faces(), "face_id": np.zeros(3), "score": np.ones(7)}, ("landmarks",), DEFAULT
    )
    assert found.notes[-2:] == (
        "score is float64 (7,), not (F, T) or (F, T, M): not used",
        "face_id is float64 (3,), not whole numbers (F,): not used",
    )


@pytest.mark.parametrize("several", [False, True])
def test_float16_is_written_as_float32(tmp_path, several):
    value = track(at=3000).astype(np.float16)
    npz.write(tmp_path / "in.npz", {"landmarks": value[None] if several else value})
    recording = landmark_files.read(tmp_path / "in.npz")
    assert recording.notes[0].startswith("landmarks is float16, which has steps of 2 at 3")
    assert recording.notes[0].endswith(": written as float32")
    assert recording.tracks[0].points.dtype == np.float64
    landmark_files.write(tmp_path / "out.npz", recording, [recording.tracks[0].points + 0.125])
    written = npz.read(tmp_path / "out.npz")["landmarks"]
    assert written.dtype == np.float32
    np.testing.assert_array_equal(written.reshape(value.shape), value.astype(np.float32) + 0.125)


def test_whole_numbers_get_a_type_that_holds_them(tmp_path, monkeypatch):
    monkeypatch.setattr(landmark_arrays, "MAX_PIXEL", 1e8)
    for largest, dtype in ((4000, np.float32), (2**24 + 1, np.float64)):
        value = np.round(track()).astype(np.int64)
        value[0, 0, 0] = largest
        npz.write(tmp_path / "in.npz", {"landmarks": value})
        recording = landmark_files.read(tmp_path / "in.npz")
        landmark_files.write(tmp_path / "out.npz", recording, [recording.tracks[0].points])
        written = npz.read(tmp_path / "out.npz")["landmarks"]
        assert written.dtype == dtype
        np.testing.assert_array_equal(written, value)


@pytest.mark.parametrize("several", [True, False])
def test_frames_before_faces_are_refused(tmp_path, several):
    found = np.stack([track(frames=9), track(frames=9, seed=5, at=700)])[: 1 + several]
    np.save(tmp_path / "good.npy", found)
    assert len(landmark_files.read(tmp_path / "good.npy").tracks) == 1 + several
    np.save(tmp_path / "bad.npy", found.transpose(1, 0, 2, 3))
    with pytest.raises(InputError, match=r"expected \(F, T, M, 2\), . faces? of 9 frames: transpose"):
        landmark_files.read(tmp_path / "bad.npy")


def test_two_tracks_of_one_face_are_no_frames(tmp_path):
    moving = track(frames=9) + 50.0 * np.arange(9)[:, None, None]
    np.save(tmp_path / "a.npy", np.stack([moving, moving + 0.5]))
    assert [len(one.points) for one in landmark_files.read(tmp_path / "a.npy").tracks] == [9, 9]
