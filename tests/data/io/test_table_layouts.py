"""Tables of DeepLabCut, SLEAP and OpenSeeFace: read, and written back with nothing else changed."""

from pathlib import Path

import numpy as np
import pytest

from fhr_jax.data.io import landmark_files, table_layouts
from fhr_jax.errors import InputError

POINTS = np.random.default_rng(0).uniform(100, 300, (5, 3, 2)).round(2)
SCORES = np.random.default_rng(1).uniform(0.5, 1, (5, 3)).round(3)


def joined(*cells):
    return ",".join(map(str, cells))


def deeplabcut(*, frames=range(5), individuals=None, scores=True):
    coords = ("x", "y", "likelihood") if scores else ("x", "y")
    names = [name for name in ("brow", "nose", "chin") for _ in coords]
    lines = [joined("scorer", *["net"] * len(names))]
    if individuals:
        lines.append(joined("individuals", *individuals))
    lines += [joined("bodyparts", *names), joined("coords", *coords * 3)]
    for t in frames:
        cells = np.concatenate([POINTS[t], SCORES[t][:, None]], axis=1)[:, : len(coords)]
        lines.append(joined(t, *cells.ravel()))
    return "\n".join(lines) + "\n"


def sleap(*, tracks=("",), scores=True):
    parts = [f"{name}.{part}" for name in ("brow", "nose", "chin") for part in ("x", "y", *["score"] * scores)]
    lines = [joined("track", "frame_idx", "instance.score", *parts)]
    for t in range(5):
        for k, track in enumerate(tracks):
            cells = np.concatenate([POINTS[t] + 100 * k, SCORES[t][:, None]], axis=1)[:, : 2 + scores]
            lines.append(joined(track, t, 0.9, *cells.ravel()))
    return "\n".join(lines) + "\n"


def openseeface(*, faces=(0,)):
    names = [f"Landmark[{m}].{part}" for m in range(3) for part in ("X", "Y", "Confidence")]
    lines = [joined("Frame", "Time", "Width", "Height", "FPS", "Face", "FaceID", *names, "Point3D[0].X")]
    for t in range(5):
        for face in faces:
            cells = np.concatenate([POINTS[t] + 100 * face, SCORES[t][:, None]], axis=1)
            lines.append(joined(t, t / 20, 640, 480, 20, face, face, *cells.ravel(), 7.5))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("program", "text"), [("DeepLabCut", deeplabcut()), ("SLEAP", sleap()), ("OpenSeeFace", openseeface())]
)
def test_points_and_scores_are_read_and_written_back(tmp_path, program, text):
    (tmp_path / "in.csv").write_text(text)
    recording = landmark_files.read(tmp_path / "in.csv")
    (track,) = recording.tracks
    np.testing.assert_allclose(track.points, POINTS)
    np.testing.assert_allclose(track.confidence, SCORES)
    assert recording.notes == ()
    assert landmark_files.sentence(recording) == f"read as a table of {program}, 1 face, 5 frames, 3 points"
    landmark_files.write(tmp_path / "out.csv", recording, [POINTS + 0.5])
    before, after = ((tmp_path / name).read_text().splitlines() for name in ("in.csv", "out.csv"))
    places = [f"{value:.3f}" for value in (POINTS + 0.5).ravel()]
    head = 3 if program == "DeepLabCut" else 1
    assert after[:head] == before[:head]
    changed = [
        b
        for x, y in zip(before[head:], after[head:], strict=True)
        for a, b in zip(x.split(","), y.split(","), strict=True)
        if a != b
    ]
    assert changed == places
    assert landmark_files.read(tmp_path / "out.csv").title == recording.title


def test_times_of_openseeface_are_used(tmp_path):
    (tmp_path / "in.csv").write_text(openseeface())
    np.testing.assert_allclose(landmark_files.read(tmp_path / "in.csv").tracks[0].time, np.arange(5) / 20)


def test_scores_may_be_left_out(tmp_path):
    for text in (deeplabcut(scores=False), sleap(scores=False)):
        (tmp_path / "in.csv").write_text(text)
        (track,) = landmark_files.read(tmp_path / "in.csv").tracks
        np.testing.assert_allclose(track.points, POINTS)
        assert track.confidence is None


def test_several_faces_are_several_tracks(tmp_path):
    for text in (sleap(tracks=("ann", "bob")), openseeface(faces=(0, 1))):
        (tmp_path / "in.csv").write_text(text)
        first, second = landmark_files.read(tmp_path / "in.csv").tracks
        np.testing.assert_allclose(first.points, POINTS)
        np.testing.assert_allclose(second.points, POINTS + 100)


def test_a_point_of_little_likelihood_is_missing(tmp_path):
    cells = deeplabcut().splitlines()
    row = cells[5].split(",")
    row[3] = "0.001"
    (tmp_path / "in.csv").write_text("\n".join([*cells[:5], ",".join(row), *cells[6:]]))
    recording = landmark_files.read(tmp_path / "in.csv")
    assert np.isnan(recording.tracks[0].points).all(axis=-1).sum() == 1
    assert any("a twentieth of the median" in note for note in recording.notes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            deeplabcut(individuals=["a"] * 4 + ["b"] * 5),
            "2 columns x, 1 y and 1 likelihood in the row coords of individual a, expected as many of each",
        ),
        ("scorer,a,a\nbodyparts,n,n\n0,1,2\n", "begins like a table of DeepLabCut, but has no row coords"),
        ("scorer,a,a\ncoords,x,x\n0,1,2\n", "2 columns x, 0 y and 0 likelihood in the row coords"),
        (deeplabcut().replace("\n2,", "\nimg2.png,"), "its rows are named by texts, as labelled images are"),
        ("frame_idx,nose.x\n0,1\n", "expected the columns of OpenFace"),
        ("Landmark[0].X,Landmark[1].Y\n0,1\n", "expected the columns of OpenFace"),
    ],
)
def test_what_is_none_of_them_is_refused(tmp_path, text, message):
    (tmp_path / "in.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        landmark_files.read(tmp_path / "in.csv")


def test_one_individual_is_fine(tmp_path):
    (tmp_path / "in.csv").write_text(deeplabcut(individuals=["a"] * 9))
    np.testing.assert_allclose(landmark_files.read(tmp_path / "in.csv").tracks[0].points, POINTS)


def test_each_individual_of_deeplabcut_is_a_face(tmp_path):
    lines = deeplabcut(individuals=["a"] * 3 + ["b"] * 6).splitlines()
    cells = [line.split(",") for line in lines]
    cells[6][4:] = [""] * 6  # b is away in frame 2
    (tmp_path / "in.csv").write_text("\n".join(map(",".join, cells)) + "\n")
    recording = landmark_files.read(tmp_path / "in.csv")
    one, two = recording.tracks
    np.testing.assert_allclose(one.points, POINTS[:, :1])
    assert two.present.tolist() == [True, True, False, True, True]
    np.testing.assert_allclose(two.points[two.present], POINTS[[0, 1, 3, 4], 1:])
    np.testing.assert_allclose(two.confidence[two.present], SCORES[[0, 1, 3, 4], 1:])
    assert landmark_files.sentence(recording) == (
        "read as a table of DeepLabCut, 2 individuals, 5 frames, 1 or 2 points"
    )
    landmark_files.write(tmp_path / "out.csv", recording, [one.points + 1, two.points + 2])
    after = [line.split(",") for line in (tmp_path / "out.csv").read_text().splitlines()]
    assert after[:4] == cells[:4]
    assert after[6][4:] == [""] * 6
    assert [row[3] for row in after[4:]] == [row[3] for row in cells[4:]]
    np.testing.assert_allclose(np.array(after[5][1:3], float), POINTS[1, 0] + 1)
    np.testing.assert_allclose(np.array(after[7][4:6], float), POINTS[3, 1] + 2)


def test_the_faces_of_images_are_no_track(tmp_path):
    header = joined("face", "confidence", *(f"{axis}_{m}" for axis in "xy" for m in range(3)))
    rows = [joined(k, 0.9, *POINTS[k].T.ravel()) for k in range(4)]
    (tmp_path / "in.csv").write_text("\n".join([header, *rows]))
    recording = landmark_files.read(tmp_path / "in.csv")
    assert recording.images
    assert [track.points.shape for track in recording.tracks] == [(1, 3, 2)] * 4
    np.testing.assert_allclose([track.points[0] for track in recording.tracks], POINTS[:4])


def _two_instances(tracks):
    """A table of SLEAP with two instances in each of five frames, the nearer one in turn first."""
    near = POINTS[0] + np.arange(5)[:, None, None]
    lines = sleap(tracks=("", "")).splitlines()[:1]
    for t in range(5):
        for k in (t % 2, 1 - t % 2):
            cells = np.concatenate([near[t] + 300 * k, SCORES[t][:, None]], axis=1).round(2)
            lines.append(joined(tracks[k], t, 0.9, *cells.ravel()))
    return near, lines


@pytest.mark.parametrize("column", [True, False])
def test_instances_of_sleap_without_a_track_are_followed_by_their_places(tmp_path, column):
    near, lines = _two_instances(("", ""))
    if not column:
        lines = [line.partition(",")[2] for line in lines]
    (tmp_path / "in.csv").write_text("\n".join(lines))
    recording = landmark_files.read(tmp_path / "in.csv")
    for track, expected in zip(recording.tracks, (near, near + 300), strict=True):
        np.testing.assert_allclose(track.points, expected, atol=1e-9)
    assert "up to 2 instances in a frame and nothing that tells them apart" in recording.notes[0]
    landmark_files.write(tmp_path / "out.csv", recording, [track.points for track in recording.tracks])
    np.testing.assert_allclose(
        landmark_files.read(tmp_path / "out.csv").tracks[1].points, recording.tracks[1].points, atol=1e-9
    )
    (tmp_path / "huge.csv").write_text("\n".join(lines).replace(lines[3].split(",")[-2], "1e300"))
    with pytest.raises(InputError, match=r"a coordinate of 1e\+300"):
        landmark_files.read(tmp_path / "huge.csv")
    (tmp_path / "twice.csv").write_text("\n".join([*lines, lines[1]]))
    with pytest.raises(InputError, match="row 12 repeats row 2; expected each instance once"):
        landmark_files.read(tmp_path / "twice.csv")


def test_instances_without_a_track_may_stand_beside_those_with_one(tmp_path):
    near, lines = _two_instances(("ann", ""))
    (tmp_path / "in.csv").write_text("\n".join(lines))
    recording = landmark_files.read(tmp_path / "in.csv")
    found = {track.face: track.points for track in recording.tracks}
    assert len(found) == 2
    np.testing.assert_allclose(found[0], near, atol=1e-9)
    np.testing.assert_allclose(found[2], near + 300, atol=1e-9)
    assert recording.notes == ()


def test_openface_without_landmarks_says_how_to_get_them():
    with pytest.raises(InputError, match=r"without landmarks .* -2Dfp writes them"):
        table_layouts.find(Path("a.csv"), [["frame", " face_id", " confidence", " success", " AU01_r"]])


def test_labelled_images_whose_names_stand_in_three_cells_are_no_frames():
    rows = [["scorer", "", "", "a", "a"], ["bodyparts", "", "", "n", "n"], ["coords", "", "", "x", "y"]]
    with pytest.raises(InputError, match="named by texts, as labelled images are"):
        table_layouts.find(Path("a.csv"), rows)
