"""What pages show is what the files hold."""

import numpy as np
import pytest

from fhr_jax import npz
from fhr_jax.data.io.landmark_files import LandmarkTrack, read
from fhr_jax.errors import InputError
from fhr_jax.reports import recordings, track_report
from tests.reports.faces import track_of


def arrays(frames=6, faces=None):
    track = np.stack([track_of(frames, seed=i) for i in range(faces or 1)]).astype(np.float32)
    found = {"landmarks": track, "raw": track + 1, "confidence": np.full(track.shape[:3], 0.5, np.float32)}
    if faces is None:
        found = {name: own[0] for name, own in found.items()}
    else:
        found["face_id"] = np.arange(faces) + 7
    return found | {"time": np.arange(frames) / 25 + 2}


def test_the_file_of_track_with_one_face(tmp_path):
    own = arrays()
    npz.write(tmp_path / "landmarks.npz", own)
    shown = recordings.of_track(tmp_path / "landmarks.npz", video=None, title="a")
    (face,) = shown.faces
    np.testing.assert_array_equal(face.steady, own["landmarks"])
    np.testing.assert_array_equal(face.raw, own["raw"])
    np.testing.assert_array_equal(face.confidence, own["confidence"])
    np.testing.assert_allclose(face.times, own["time"])
    assert shown.video_start == 2
    assert shown.markup.name == "300w"


def test_the_file_of_track_with_several_faces(tmp_path):
    own = arrays(faces=3)
    own["raw"][1] = own["landmarks"][1]  # this one was not smoothed
    npz.write(tmp_path / "landmarks.npz", own)
    shown = recordings.of_track(tmp_path / "landmarks.npz", video=None, title="a")
    assert [face.name for face in shown.faces] == ["face 7", "face 8", "face 9"]
    np.testing.assert_array_equal(shown.faces[2].steady, own["landmarks"][2])
    assert [face.raw is None for face in shown.faces] == [False, True, False]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time": np.zeros(5)}, "expected the arrays landmarks and time"),
        ({"landmarks": np.zeros((6, 68, 3))}, "expected the arrays landmarks and time"),
        ({"raw": np.zeros((6, 5, 2))}, r"raw is \(6, 5, 2\), expected the shape of landmarks"),
        ({"confidence": np.array(["a"] * 6)}, "confidence is <U1, expected numbers"),
        ({"landmarks": np.zeros((0, 68, 2)), "time": np.zeros(0), "raw": np.zeros((0, 68, 2))}, "frames"),
    ],
)
def test_other_files_are_refused(tmp_path, change, message):
    own = arrays() | change
    own = own if len(own["time"]) else {name: own[name] for name in ("landmarks", "raw", "time")}
    npz.write(tmp_path / "landmarks.npz", own)
    with pytest.raises(InputError, match=message):
        recordings.of_track(tmp_path / "landmarks.npz", video=None, title="a")


def test_broken_files_are_refused(tmp_path):
    (tmp_path / "landmarks.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"landmarks\.npz: not an \.npz file of plain arrays"):
        recordings.of_track(tmp_path / "landmarks.npz", video=None, title="a")


def test_landmarks_beside_those_before_smoothing(tmp_path):
    before = track_of(5)
    npz.write(tmp_path / "raw.npz", {"landmarks": before, "fps": np.array(50.0)})
    npz.write(tmp_path / "steady.npz", {"landmarks": before + 2})
    shown = recordings.of_file(tmp_path / "steady.npz", raw=tmp_path / "raw.npz")
    np.testing.assert_allclose(shown.faces[0].steady - shown.faces[0].raw, 2, atol=1e-9)
    np.testing.assert_allclose(shown.faces[0].times, np.arange(5) / 50)
    assert recordings.of_file(tmp_path / "steady.npz").faces[0].raw is None
    np.testing.assert_allclose(recordings.of_file(tmp_path / "steady.npz", fps=10.0).faces[0].times, np.arange(5) / 10)
    npz.write(tmp_path / "short.npz", {"landmarks": before[:4]})
    with pytest.raises(InputError, match=r"--raw .*short\.npz: tracks of \(4, 68, 2\), expected \(5, 68, 2\)"):
        recordings.of_file(tmp_path / "steady.npz", raw=tmp_path / "short.npz")


def test_depth_is_left_out_and_said(tmp_path):
    points = np.concatenate([track_of(5), np.random.default_rng(0).normal(0, 40, (5, 68, 1))], axis=-1)
    npz.write(tmp_path / "a.npz", {"landmarks": points})
    recording = read(tmp_path / "a.npz")
    shown = recordings.of_smoothed(recording, [own.points for own in recording.tracks], title="a")
    assert shown.faces[0].steady.shape == (5, 68, 2)
    assert shown.notes == ("Depth, the third coordinate, is not shown.",)


def test_shares_of_the_image_are_no_pixels(tmp_path):
    for scale, unit in ((1, "px"), (0.001, "units of the file")):
        npz.write(tmp_path / "a.npz", {"landmarks": scale * track_of(5)})
        assert recordings.of_file(tmp_path / "a.npz").unit == unit


@pytest.mark.parametrize(
    ("time", "fps", "given", "expected"),
    [
        (None, None, False, [0, 1 / 30, 2 / 30, 3 / 30]),
        (None, 10.0, False, [0, 0.1, 0.2, 0.3]),
        ([5, 5.1, np.nan, 5.3], 10.0, False, [5, 5.1, 5.2, 5.3]),
        ([np.nan, 5.1, 5.2, np.nan], 10.0, False, [5, 5.1, 5.2, 5.3]),
        ([5, 5, 5.2, 5.3], 10.0, False, [5, 5.1, 5.2, 5.3]),
        ([5, 5, 5, 5], 10.0, False, [0, 0.1, 0.2, 0.3]),
        ([5, 6, 7, 8], 10.0, True, [0, 0.1, 0.2, 0.3]),
        ([5, np.nan, np.nan, np.nan], None, False, [0, 1 / 30, 2 / 30, 3 / 30]),
    ],
)
def test_times(time, fps, given, expected):
    track = LandmarkTrack(np.zeros((4, 2, 2)), np.ones(4, bool), time=None if time is None else np.array(time))
    np.testing.assert_allclose(recordings.times_of(track, fps, given=given), expected)


def test_the_page_lies_beside_the_landmarks(tmp_path):
    assert recordings.beside(tmp_path / "steady.v2.npz") == tmp_path / "steady.v2.report.html"
    assert recordings.beside(tmp_path / "folder") == tmp_path / "folder.report.html"


def test_the_page_of_another_file_stays(tmp_path):
    for name in ("s & <a>.mat", "s & <a>"):
        for old in tmp_path.iterdir():
            old.unlink()
        own = recordings.of_smoothed(*recorded(tmp_path), title=name)
        track_report.write(tmp_path / "s & <a>.report.html", own)
        assert recordings.beside(tmp_path / name) == tmp_path / "s & <a>.report.html"
        assert recordings.beside(tmp_path / "s & <a>.npy") == tmp_path / "s & <a>.npy.report.html"
    (tmp_path / "t.report.html").write_text("<title>other</title>")  # no report: writing refuses it
    assert recordings.beside(tmp_path / "t.npy") == tmp_path / "t.report.html"


def test_the_page_of_a_folder_beside_that_of_a_file(tmp_path):
    track_report.write(tmp_path / "a.report.html", recordings.of_smoothed(*recorded(tmp_path), title="a.npz"))
    assert recordings.beside(tmp_path / "a") == tmp_path / "a.folder.report.html"


def recorded(folder):
    npz.write(folder / "in.npz", {"landmarks": track_of(3)})
    recording = read(folder / "in.npz")
    return recording, [track.points for track in recording.tracks]
