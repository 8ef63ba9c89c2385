import json

import numpy as np
import pytest

from fhr_jax.data.io import landmark_files
from fhr_jax.data.io.formats import openpose
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.errors import InputError
from tests.data.io.formats.samples import FRAMES, scores, track, triples, write_json

FACE, POSE, OTHER, TRUST = track(), track(points=5, seed=3), track(seed=5, at=600), scores()


def person(t, *, face=FACE, identity=-1, **more):
    return {
        "person_id": [identity],
        "pose_keypoints_2d": triples(POSE[t], np.full(5, 0.5 + 0.01 * t)),
        "face_keypoints_2d": triples(face[t], TRUST[t]),
        "hand_left_keypoints_2d": [],
        **more,
    }


def folder(path, people=lambda t: [person(t)], *, first=8, name="clip_{:012d}_keypoints.json"):
    path.mkdir()
    for t in range(FRAMES):
        write_json(path / name.format(first + t), {"version": 1.3, "people": people(t)}, separators=(",", ":"))
    return path


def content(path):
    return {file.name: json.loads(file.read_text()) for file in path.iterdir()}


def test_the_face_is_read_and_written_back_with_nothing_else_changed(tmp_path):
    recording = landmark_files.read(folder(tmp_path / "in"))
    (found,) = recording.tracks
    np.testing.assert_array_equal(found.points, FACE)
    np.testing.assert_array_equal(found.confidence, TRUST)
    assert recording.notes == ("the face is read; --part pose reads the other points",)
    assert landmark_files.sentence(recording) == (
        "read as a folder of OpenPose (face_keypoints_2d), 1 person, 6 frames, 4 points"
    )
    landmark_files.write(tmp_path / "same", recording, [found.points])
    for file in (tmp_path / "in").iterdir():
        assert (tmp_path / "same" / file.name).read_text() == file.read_text()
    landmark_files.write(tmp_path / "out", recording, [FACE + 0.125])
    before, after = content(tmp_path / "in"), content(tmp_path / "out")
    assert before.keys() == after.keys()
    values = np.array([after[name]["people"][0]["face_keypoints_2d"] for name in sorted(after)]).reshape(FRAMES, 4, 3)
    np.testing.assert_allclose(values[..., :2], FACE + 0.125)
    np.testing.assert_array_equal(values[..., 2], TRUST)
    for name, value in after.items():
        value["people"][0]["face_keypoints_2d"] = before[name]["people"][0]["face_keypoints_2d"]
    assert after == before


def test_another_part_can_be_chosen(tmp_path):
    folder(tmp_path / "in")
    recording = landmark_files.read(tmp_path / "in", options=ReadOptions(part="pose"))
    np.testing.assert_array_equal(recording.tracks[0].points, POSE)
    with pytest.raises(InputError, match="--part hand_left: not there, expected one of: face, pose"):
        landmark_files.read(tmp_path / "in", options=ReadOptions(part="hand_left"))


def test_points_that_were_not_found_and_frames_without_people_are_missing(tmp_path):
    def people(t):
        if t == 2:
            return []
        one = person(t)
        if t < 5:
            one["face_keypoints_2d"][3:6] = [0, 0, 0]  # most frames lack the point: no median helps
        return [one]

    recording = landmark_files.read(folder(tmp_path / "in", people))
    (found,) = recording.tracks
    assert found.present.tolist() == [True, True, False, True, True, True]
    assert np.isnan(found.points[found.present, 1, 0]).tolist() == [True] * 4 + [False]
    np.testing.assert_array_equal(found.points[:2, 2:], FACE[:2, 2:])
    landmark_files.write(tmp_path / "out", recording, [found.points])
    assert content(tmp_path / "out") == content(tmp_path / "in")


def test_numbers_in_the_names_are_the_frames(tmp_path):
    folder(tmp_path / "in")
    (tmp_path / "in" / "clip_000000000010_keypoints.json").unlink()
    (found,) = landmark_files.read(tmp_path / "in").tracks
    assert found.present.tolist() == [True, True, False, True, True, True]


@pytest.mark.parametrize("ids", [True, False])
def test_several_people(tmp_path, ids):
    def people(t):
        pair = [person(t, identity=4 if ids else -1), person(t, face=OTHER, identity=2 if ids else -1)]
        return pair[:: 1 if t % 2 else -1]

    recording = landmark_files.read(folder(tmp_path / "in", people))
    one, two = sorted(recording.tracks, key=lambda found: found.points[0, 0, 0])
    np.testing.assert_array_equal(one.points, FACE)
    np.testing.assert_array_equal(two.points, OTHER)
    assert any("followed by their places" in note for note in recording.notes) != ids


def test_folders_that_are_no_recording_are_refused(tmp_path):
    path = folder(tmp_path / "in")
    write_json(path / "other_000000000003_keypoints.json", {"people": []})
    with pytest.raises(InputError, match=r"holds files of 2 recordings \(clip, other\), expected one in a folder"):
        landmark_files.read(path)
    (path / "other_000000000003_keypoints.json").rename(path / "x_keypoints.json")
    with pytest.raises(InputError, match="no number of a frame in its name"):
        landmark_files.read(path)
    (path / "x_keypoints.json").unlink()
    (path / "clip_000000000009_keypoints.json").write_text('{"people": [}')
    with pytest.raises(InputError, match=r"9_keypoints.json: line 1, column 13: not JSON"):
        landmark_files.read(path)
    (path / "clip_000000000009_keypoints.json").write_text('{"people": [{"face_keypoints_2d": [1, 2]}]}')
    with pytest.raises(InputError, match=r"9_keypoints.json: people\[0\].face_keypoints_2d: expected a list of three"):
        landmark_files.read(path)
    assert openpose.recognise(landmark_files.OpenedFile(path))


def test_nobody_is_refused(tmp_path):
    with pytest.raises(InputError, match="nobody has any point in any frame"):
        landmark_files.read(folder(tmp_path / "in", lambda t: []))


def test_a_part_of_a_file_without_parts_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", FACE)
    with pytest.raises(InputError, match=r"a.npy: --part face: an .npy has no parts, expected OpenPose or MediaPipe"):
        landmark_files.read(tmp_path / "a.npy", options=ReadOptions(part="face"))


def test_a_single_file_says_that_its_folder_is_expected(tmp_path):
    path = write_json(tmp_path / "video_000000000000_keypoints.json", {"version": 1.3, "people": []})
    with pytest.raises(InputError, match="a single frame of OpenPose, expected the folder"):
        landmark_files.read(path)
