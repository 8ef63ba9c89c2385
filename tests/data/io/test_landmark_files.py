import h5py
import numpy as np
import pytest

from fhr_jax import npz
from fhr_jax.data.io import landmark_files, landmark_table, openface, pts
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.errors import InputError


def random_points(frames, landmarks=4, seed=0):
    return np.random.default_rng(seed).uniform(0, 500, (frames, landmarks, 2))


def csv_text(rows, landmarks=4, *, space=True, extra=True):
    """An OpenFace table; `rows` are (frame, face_id, success, points)."""
    comma = ", " if space else ","
    names = ["frame", "face_id", "timestamp", "confidence", "success"]
    names += ["gaze_0_x", "X_0"] * extra
    names += [f"{axis}_{m}" for axis in "xy" for m in range(landmarks)] + ["AU01_r"] * extra
    lines = [comma.join(names)]
    for frame, face, success, points in rows:
        cells = [str(frame), str(face), f"{frame / 30:.3f}", "0.98", str(success)]
        cells += ["-nan(ind)", "hello"] * extra
        cells += [f"{v:.1f}" for v in points.T.ravel()] + ["0.25"] * extra
        lines.append(comma.join(cells))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("key", ["predictions", "landmarks"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_npz_keeps_its_key_and_other_arrays(tmp_path, key, dtype):
    points = random_points(5).astype(dtype)
    others = {"names": np.array(["a", "b"]), "broken_frames": np.array([1, 3]), "note": np.array("text")}
    npz.write(tmp_path / "in.npz", {**others, key: points})
    recording = landmark_files.read(tmp_path / "in.npz")
    np.testing.assert_array_equal(recording.tracks[0].points, points)
    landmark_files.write(tmp_path / "out.npz", recording, [recording.tracks[0].points + 1])
    written = npz.read(tmp_path / "out.npz")
    assert set(written) == {*others, key}
    assert written[key].dtype == dtype
    np.testing.assert_allclose(written[key], points + 1)
    np.testing.assert_array_equal(written["names"], others["names"])
    np.testing.assert_array_equal(landmark_files.read_track(tmp_path / "in.npz"), points)


def test_points_that_miss_a_coordinate_are_missing(tmp_path):
    points = random_points(3)
    points[0, 1, 0], points[1, 2, 1], points[2] = np.nan, np.inf, np.nan
    npz.write(tmp_path / "in.npz", {"landmarks": points})
    track = landmark_files.read_track(tmp_path / "in.npz")
    missing = np.isnan(track)
    assert missing[0, 1].all()
    assert missing[1, 2].all()
    assert missing[2].all()
    assert missing.sum() == 2 + 2 + 8


@pytest.mark.parametrize("space", [True, False])
def test_openface_table_keeps_every_other_cell(tmp_path, space):
    points = np.round(random_points(4), 1)
    # Two faces in turn; face 7 is away in frame 3, face 9 not found in frame 2.
    rows = [(1, 7, 1, points[0]), (1, 9, 1, points[1]), (2, 9, 0, points[2]), (4, 7, 1, points[3])]
    (tmp_path / "in.csv").write_text(csv_text(rows, space=space))
    recording = landmark_files.read(tmp_path / "in.csv")
    first, second = recording.tracks
    assert (first.face, second.face) == (7, 9)
    assert first.present.tolist() == [True, False, False, True]
    np.testing.assert_allclose(first.points[[0, 3]], points[[0, 3]])
    assert np.isnan(first.points[1:3]).all()
    np.testing.assert_allclose(second.points[0], points[1])
    assert np.isnan(second.points[1]).all()
    np.testing.assert_allclose(second.confidence, 0.98)
    np.testing.assert_allclose(first.confidence, [0.98, 0, 0, 0.98])

    landmark_files.write(tmp_path / "out.csv", recording, [first.points + 1, np.full_like(second.points, 5)])
    before, after = (landmark_table.read(tmp_path / f"{name}.csv") for name in ("in", "out"))
    assert after.header == before.header
    other = [c for c in range(len(before.header[0])) if c not in (*before.layout.x, *before.layout.y)]
    for row_before, row_after in zip(before.rows, after.rows, strict=True):
        assert [row_before[c] for c in other] == [row_after[c] for c in other]
    np.testing.assert_allclose(after.points[[0, 3]], points[[0, 3]] + 1)
    np.testing.assert_allclose(after.points[1], 5)
    text = (tmp_path / "out.csv").read_text().splitlines()[1]
    assert (", " in text) == space


def test_openface_table_without_optional_columns(tmp_path):
    points = np.round(random_points(2, 1), 1)
    lines = ["x_0,y_0", *(f"{x},{y}" for ((x, y),) in points)]
    (tmp_path / "in.csv").write_text("\r\n".join(lines))
    recording = landmark_files.read(tmp_path / "in.csv")
    np.testing.assert_allclose(recording.tracks[0].points, points)
    assert recording.tracks[0].confidence is None


def test_npy_files_come_back_as_they_were(tmp_path):
    points = random_points(6).astype(np.float32)
    np.save(tmp_path / "in.npy", points)
    recording = landmark_files.read(tmp_path / "in.npy")
    np.testing.assert_array_equal(recording.tracks[0].points, points)
    landmark_files.write(tmp_path / "out.npy", recording, [points.astype(float) + 1])
    written = np.load(tmp_path / "out.npy")
    assert written.dtype == np.float32
    np.testing.assert_allclose(written, points + 1)
    scored = np.concatenate([points, np.full((6, 4, 1), 0.75, np.float32)], axis=-1)
    np.save(tmp_path / "in.npy", scored)
    recording = landmark_files.read(tmp_path / "in.npy", options=ReadOptions(third="score"))
    np.testing.assert_allclose(recording.tracks[0].confidence, 0.75)
    landmark_files.write(tmp_path / "out.npy", recording, [points.astype(float) + 1])
    np.testing.assert_allclose(np.load(tmp_path / "out.npy")[..., 2], 0.75)


def test_npy_files_that_are_none_are_refused(tmp_path):
    np.save(tmp_path / "whole.npy", random_points(6))
    whole = (tmp_path / "whole.npy").read_bytes()
    np.save(tmp_path / "objects.npy", np.array([{}], object), allow_pickle=True)
    contents = {"cut.npy": whole[:100], "cut later.npy": whole[:-8], "text.npy": b"x"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    np.save(tmp_path / "flat.npy", np.zeros((6, 8)))
    messages = dict.fromkeys((*contents, "objects.npy"), "not an .npy file of numbers, or cut off")
    for name, message in (
        messages | {"flat.npy": r"its array is float64 \(6, 8\)", "none.npy": "no such file"}
    ).items():
        with pytest.raises(InputError, match=f"{name}: {message}"):
            landmark_files.read(tmp_path / name)


def test_row_writer_writes_what_is_read(tmp_path):
    points = random_points(3, 68)
    points[1] = np.nan
    with (tmp_path / "a.csv").open("w", newline="") as stream:
        writer = openface.RowWriter(stream, landmarks=68)
        for t, frame in enumerate(points):
            writer.write(t + 1, t / 25, 0.5, frame)
    table = landmark_table.read(tmp_path / "a.csv")
    np.testing.assert_allclose(table.points, points, atol=6e-4)
    assert table.header[0][:6] == ["frame", "face_id", "timestamp", "confidence", "success", "x_0"]
    assert table.header[0][-1] == "y_67"
    assert [row[4] for row in table.rows] == ["1", "0", "1"]
    assert table.frame.tolist() == [1, 2, 3]


def test_folder_of_pts_is_sorted_by_number(tmp_path):
    points = random_points(12, 3)
    names = [f"frame {t}.{'PTS' if t % 2 else 'pts'}" for t in range(12)]
    (tmp_path / "in").mkdir()
    for name, frame in zip(names, points, strict=True):
        pts.write(tmp_path / "in" / name, frame)
    (tmp_path / "in" / "notes.txt").write_text("not a frame")
    recording = landmark_files.read(tmp_path / "in")
    np.testing.assert_allclose(recording.tracks[0].points, points, atol=1e-6)
    landmark_files.write(tmp_path / "out", recording, [points + 2])
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(names)
    np.testing.assert_allclose(landmark_files.read_track(tmp_path / "out"), points + 2, atol=1e-6)


def test_a_folder_is_written_whole_or_not_at_all(tmp_path):
    (tmp_path / "in").mkdir()
    for t, frame in enumerate(random_points(3)):
        pts.write(tmp_path / "in" / f"{t}.pts", frame)
    recording = landmark_files.read(tmp_path / "in")
    bad = recording.tracks[0].points.copy()
    bad[2, 0] = np.nan
    with pytest.raises(InputError):
        landmark_files.write(tmp_path / "out", recording, [bad])
    with pytest.raises(InputError, match="exists"):
        landmark_files.write(tmp_path / "in", recording, [recording.tracks[0].points])
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def text_file(content):
    def make(path):
        path.write_text(content)

    return make


HEADER = "frame,face_id,success,x_0,y_0\n"
BAD = {
    "wrong shape": ("a.npz", lambda p: npz.write(p, {"landmarks": np.zeros((5, 4))}), r"\(5, 4\).*\(T, M, 2\)"),
    "4D": ("a.npz", lambda p: npz.write(p, {"landmarks": np.zeros((5, 4, 4))}), r"\(T, M, 2\)"),
    "complex": ("a.npz", lambda p: npz.write(p, {"landmarks": np.zeros((5, 4, 2), complex)}), "numbers"),
    "no points": ("a.npz", lambda p: npz.write(p, {"landmarks": np.zeros((5, 0, 2))}), r"\(T, M, 2\)"),
    "empty track": ("a.npz", lambda p: npz.write(p, {"landmarks": np.zeros((0, 4, 2))}), "no frames"),
    "other names": ("a.npz", lambda p: npz.write(p, {"points": np.zeros((1, 4, 2))}), "predictions or landmarks"),
    "not npz": ("a.npz", text_file("hello"), "not an .npz"),
    "other kind": ("a.txt", text_file("hello"), "expected an .npz"),
    "missing": ("a.npz", lambda p: None, "no such file"),
    "no pts": ("a", lambda p: p.mkdir(), "no .pts"),
    "empty csv": ("a.csv", text_file(""), "the file is empty, expected a .csv of OpenFace"),
    "no columns": ("a.csv", text_file("frame,x\n1,2\n"), "columns of OpenFace"),
    "half the columns": ("a.csv", text_file("x_0,x_1,y_0\n1,2,3\n"), "columns of OpenFace"),
    "no rows": ("a.csv", text_file(HEADER), "empty"),
    "cut row": ("a.csv", text_file(HEADER + "1,0,1,2.0\n"), "row 2 has 4 cells, expected 5"),
    "text": ("a.csv", text_file(HEADER + "1,0,1,2.0,left\n"), "no number"),
    "half a frame": ("a.csv", text_file(HEADER + "1.5,0,1,2.0,3.0\n"), "whole numbers"),
    "repeated": ("a.csv", text_file(HEADER + "2,0,1,2.0,3.0\n2,0,1,2.0,3.0\n"), "row 3 repeats frame 2 of face 0"),
    "far apart": ("a.csv", text_file(HEADER + "1,0,1,2.0,3.0\n99999999999,0,1,2.0,3.0\n"), "spans"),
    "binary csv": ("a.csv", lambda p: p.write_bytes(b"\xff\xfe\x80"), "is text in UTF-16"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(tmp_path, case):
    name, make, message = BAD[case]
    make(tmp_path / name)
    with pytest.raises(InputError, match=message) as caught:
        landmark_files.read(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_folders_of_unlike_faces_are_refused(tmp_path):
    pts.write(tmp_path / "1.pts", random_points(1, 68)[0])
    pts.write(tmp_path / "2.pts", random_points(1, 5)[0])
    with pytest.raises(InputError, match=r"2\.pts: 5 landmarks, expected 68"):
        landmark_files.read(tmp_path)


def test_output_with_another_suffix_is_refused(tmp_path):
    npz.write(tmp_path / "in.npz", {"landmarks": random_points(2)})
    recording = landmark_files.read(tmp_path / "in.npz")
    with pytest.raises(InputError, match="ends in"):
        landmark_files.check_output(tmp_path / "out.csv", recording)


def test_read_track_wants_one_face(tmp_path):
    rows = [(1, 0, 1, random_points(1)[0]), (1, 1, 1, random_points(1)[0])]
    (tmp_path / "in.csv").write_text(csv_text(rows))
    with pytest.raises(InputError, match="2 faces, expected one"):
        landmark_files.read_track(tmp_path / "in.csv")


def test_missing_points_written_as_zeros_are_missing_and_stay_so_in_the_file(tmp_path):
    points = random_points(6) + 500
    points[0], points[3, 1], points[4, 2] = 0, 0, -1
    npz.write(tmp_path / "in.npz", {"landmarks": points})
    recording = landmark_files.read(tmp_path / "in.npz")
    lost = np.isnan(recording.tracks[0].points).all(axis=-1)
    assert lost[0].all()
    assert np.argwhere(lost[1:]).tolist() == [[2, 1], [3, 2]]
    assert recording.notes == (
        "5 points at (0, 0) read as missing; --keep-zeros keeps them",
        "1 point at (-1, -1) read as missing; --keep-zeros keeps it",
    )
    steady = np.where(np.arange(6)[:, None, None] == 0, np.nan, random_points(6))
    landmark_files.write(tmp_path / "out.npz", recording, [steady])
    written = npz.read(tmp_path / "out.npz")["landmarks"]
    assert (written[0] == 0).all()
    np.testing.assert_array_equal(written[1:], steady[1:])
    kept = landmark_files.read(tmp_path / "in.npz", options=ReadOptions(keep_zeros=True))
    np.testing.assert_array_equal(kept.tracks[0].points, points)
    assert kept.notes == ()


def test_zeros_in_pts_and_csv_files_too(tmp_path):
    points = random_points(5) + 500
    (tmp_path / "in").mkdir()
    for t, frame in enumerate(points):
        pts.write(tmp_path / "in" / f"{t}.pts", frame if t else np.full((4, 2), -1.0))
    folder = landmark_files.read(tmp_path / "in")
    assert np.isnan(folder.tracks[0].points[0]).all()
    assert folder.notes == ("4 points at (0, 0) read as missing; --keep-zeros keeps them",)
    landmark_files.write(tmp_path / "out", folder, [folder.tracks[0].points])
    np.testing.assert_allclose(landmark_files.read_track(tmp_path / "out"), folder.tracks[0].points, atol=1e-6)
    rows = [(t + 1, 0, 1, frame if t != 2 else 0 * frame) for t, frame in enumerate(points)]
    (tmp_path / "in.csv").write_text(csv_text(rows))
    table = landmark_files.read(tmp_path / "in.csv")
    assert np.isnan(table.tracks[0].points).all(axis=(1, 2)).tolist() == [False, False, True, False, False]
    assert table.notes == ("4 points at (0, 0) read as missing; --keep-zeros keeps them",)


@pytest.mark.parametrize(("third", "scale"), [(None, 1), (None, 100), ("score", 1)])
def test_scores_in_the_third_column_stay_in_the_file(tmp_path, third, scale):
    score = np.random.default_rng(0).uniform(0.9, 1, (5, 4))
    points = random_points(5) + 100
    npz.write(tmp_path / "in.npz", {"landmarks": np.concatenate([points, scale * score[..., None]], axis=-1)})
    recording = landmark_files.read(tmp_path / "in.npz", options=ReadOptions(third=third))
    np.testing.assert_array_equal(recording.tracks[0].points, points)
    np.testing.assert_allclose(recording.tracks[0].confidence, score)
    text = " ".join(recording.notes)
    assert ("--third z reads it as z" in text) == (third is None)
    assert ("percent" in text) == (scale == 100)
    landmark_files.write(tmp_path / "out.npz", recording, [points + 1])
    written = npz.read(tmp_path / "out.npz")["landmarks"]
    np.testing.assert_array_equal(written[..., :2], points + 1)
    np.testing.assert_array_equal(written[..., 2], scale * score)


def test_depth_in_the_third_column_is_a_coordinate(tmp_path):
    points = np.random.default_rng(0).uniform(-100, 100, (5, 4, 3))
    npz.write(tmp_path / "in.npz", {"landmarks": points})
    for options in (ReadOptions(), ReadOptions(third="z")):
        recording = landmark_files.read(tmp_path / "in.npz", options=options)
        np.testing.assert_array_equal(recording.tracks[0].points, points)
        assert bool(recording.notes) == (options.third is None)


def test_points_first_is_refused_with_the_likely_order(tmp_path):
    walk = np.random.default_rng(0).normal(size=(60, 1, 2)).cumsum(axis=0)
    track = np.random.default_rng(1).uniform(100, 300, (1, 68, 2)) + walk
    npz.write(tmp_path / "a.npz", {"landmarks": track.transpose(1, 0, 2)})
    with pytest.raises(InputError, match=r"a.npz: landmarks: shape \(68, 60, 2\) looks like \(M, T, d\)"):
        landmark_files.read(tmp_path / "a.npz")
    npz.write(tmp_path / "b.npz", {"landmarks": track[:, :33].transpose(1, 0, 2)})
    assert "looks like" in landmark_files.read(tmp_path / "b.npz").notes[0]


@pytest.mark.parametrize("value", [1e30, -2e7, 1e300])
def test_coordinates_that_are_no_pixels_are_refused(tmp_path, value):
    points = np.random.default_rng(0).uniform(50, 90, (6, 5, 2))
    points[3, 2, 1] = value
    np.save(tmp_path / "a.npy", points)
    np.savez(tmp_path / "a.npz", landmarks=points)
    names = [f"{axis}_{m}" for axis in "xy" for m in range(5)]
    rows = [",".join(map(repr, frame.T.reshape(-1).tolist())) for frame in points]
    (tmp_path / "a.csv").write_text("\n".join([",".join(names), *rows]))
    for name in ("a.npy", "a.npz", "a.csv"):
        with pytest.raises(InputError) as caught:
            landmark_files.read(tmp_path / name)
        assert f"a coordinate of {value:.3g}, expected pixels up to 1e+07" in str(caught.value)


def test_numbers_wider_than_float64_are_read(tmp_path):
    points = np.random.default_rng(0).uniform(50, 90, (6, 5, 2)).astype(np.longdouble)
    points[2, 1, 0] = np.longdouble("1e4000")
    np.savez(tmp_path / "a.npz", landmarks=points, time=np.arange(6).astype(np.longdouble) / 30)
    (track,) = landmark_files.read(tmp_path / "a.npz").tracks
    assert np.isnan(track.points[2, 1]).all()
    np.testing.assert_array_equal(track.points[3], points[3].astype(np.float64))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "the file is empty, expected a .csv of OpenFace, DeepLabCut"),
        ("a.npy", b"", "the file is empty, expected an .npy$"),
        ("a", b"", "the file is empty, expected an .npz, an .npy"),
        ("notes.txt", b"Dear all,\nthis", r"a text without landmarks \(it begins with 'Dear all,'\), expected an .npz"),
        ("a.mp4", b"\0\0\0\x18ftypmp42", r"a picture or a video \(fhr-jax track finds landmarks in it\), expected"),
        ("1.pts", b"version: 1\n", "a single .pts, whose folder would be read, expected"),
        ("a.bin", b"\0\1\2", "no known kind of file, expected an .npz"),
        ("blank", b" \n", "a text without landmarks"),
    ],
)
def test_files_without_landmarks_say_what_was_expected(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name}: {message}") as caught:
        landmark_files.read(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_hdf5_of_another_kind_says_what_it_holds(tmp_path):
    with h5py.File(tmp_path / "project.slp", "w") as file:
        file["frames"], file["videos_json"] = [1], [2]
    with pytest.raises(InputError, match=r"nor an analysis of SLEAP .* it holds frames, videos_json"):
        landmark_files.read(tmp_path / "project.slp")
