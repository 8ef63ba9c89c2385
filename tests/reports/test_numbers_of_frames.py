"""The frames of a page have the numbers of the file."""

import numpy as np
import pytest

from fhr_jax import npz
from fhr_jax.data.io import openface
from fhr_jax.data.io.landmark_files import LandmarkTrack, read
from fhr_jax.reports import numbers_of_frames, recordings
from tests.reports.faces import track_of


def table(path, rows):
    """A table of `track` with rows (frame, face, time)."""
    with path.open("w", newline="") as stream:
        writer = openface.RowWriter(stream, landmarks=68)
        for frame, face, time in rows:
            writer.write(frame, time, 0.9, track_of(1)[0], face=face)


@pytest.mark.parametrize(("kind", "expected"), [("csv", [30, 31, 40]), ("npz", [31, 32, 41])])
def test_a_file(kind, expected):
    track = LandmarkTrack(np.zeros((3, 2, 2)), np.ones(3, bool), frame=np.array([0, 1, 10]), first=30)
    assert numbers_of_frames.in_file(track, kind).tolist() == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(14, 0, 0.52), (16, 0, 0.6), (17, 0, 0.64)], [14, 15, 16, 17, 18]),  # no row where nobody is
        ([(16, 0, 0.6), (16, 1, 0.6), (18, 1, 0.68)], [14, 15, 16, 17, 18]),
        ([(14, 0, 0.52), (14, 1, 0.52), (20, 0, 0.68)], [14, 16, 17, 18, 20]),
        ([(14, 0, 0.52), (15, 0, 0.58)], None),  # other times
        ([(14, 0, 0.52), (13, 0, 0.56)], None),
        ([], None),
    ],
)
def test_the_table_of_track(tmp_path, rows, expected):
    table(tmp_path / "landmarks.csv", rows)
    found = numbers_of_frames.in_table(tmp_path / "landmarks.csv", 0.52 + 0.04 * np.arange(5))
    assert (None if found is None else found.tolist()) == expected


def test_one_frame_and_other_files(tmp_path):
    table(tmp_path / "a.csv", [(7, 0, 0.2)])
    assert numbers_of_frames.in_table(tmp_path / "a.csv", np.array([0.2])).tolist() == [7]
    (tmp_path / "b.csv").write_text("frame,face_id,timestamp,\na,b\n")
    assert numbers_of_frames.in_table(tmp_path / "b.csv", np.array([0.2])) is None
    assert numbers_of_frames.in_table(tmp_path / "missing.csv", np.array([0.2])) is None


def test_a_face_that_comes_later_has_the_numbers_and_times_of_the_recording(tmp_path):
    table(tmp_path / "a.csv", [(t, face, 0.0) for face in (0, 1) for t in range(1 + 20 * face, 60)])
    recording = read(tmp_path / "a.csv")
    recording = recording._replace(tracks=tuple(track._replace(time=None) for track in recording.tracks))
    shown = recordings.of_smoothed(recording, [track.points for track in recording.tracks], title="a", fps=10.0)
    assert [face.number[0] for face in shown.faces] == [1, 21]
    np.testing.assert_allclose([face.times[0] for face in shown.faces], [0, 2])


def test_a_folder_of_track_with_a_start(tmp_path):
    arrays = {"landmarks": np.stack([track_of(6), track_of(6)]), "time": 0.52 + np.arange(6) / 25}
    arrays["landmarks"][1, :2] = np.nan
    npz.write(tmp_path / "landmarks.npz", arrays | {"face_id": np.arange(2)})
    table(tmp_path / "landmarks.csv", [(14 + t, 0, 0.52 + t / 25) for t in range(6)])
    shown = recordings.of_track(tmp_path / "landmarks.npz", video=None, title="a")
    assert [face.number.tolist() for face in shown.faces] == [[14, 15, 16, 17, 18, 19], [16, 17, 18, 19]]


def test_a_long_gap_counts_whole(tmp_path):
    table(tmp_path / "a.csv", [(t, 0, t / 30) for t in (*range(1, 51), *range(300_051, 300_101))])
    recording = read(tmp_path / "a.csv")
    (face,) = recordings.of_smoothed(recording, [recording.tracks[0].points], title="a").faces
    assert (face.number[0], face.number[-1], len(face.number)) == (1, 300_100, 228)
    assert face.left_out == 300_000 - 128
