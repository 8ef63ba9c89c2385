import json

import numpy as np
import pytest

from fhr_jax.data.io import landmark_files
from fhr_jax.data.io.formats import mediapipe
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.errors import InputError
from tests.data.io.formats.samples import FRAMES, track, write_json

SHARES = np.concatenate([track() / 400, np.linspace(-0.05, 0.05, FRAMES * 4).reshape(FRAMES, 4, 1)], axis=-1).round(9)
ASIDE = np.array([0.4, 0, 0])


def landmarks(points, **more):
    return [dict(zip("xyz", map(float, point), strict=False)) | more for point in points]


SHAPES = {
    "lists": [landmarks(face) for face in SHARES],
    "faces": [[landmarks(face)] for face in SHARES],
    "results": [{"faceLandmarks": [landmarks(face)], "faceBlendshapes": []} for face in SHARES],
    "python": [{"face_landmarks": [landmarks(face)], "note": "kept"} for face in SHARES],
    "solutions": [{"multi_face_landmarks": [{"landmark": landmarks(face)}]} for face in SHARES],
    "frames": {"model": "x", "frames": [{"landmarks": landmarks(face)} for face in SHARES]},
    "holistic": [{"faceLandmarks": landmarks(face), "poseLandmarks": None} for face in SHARES],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_all_shapes_are_read_and_written_back_with_nothing_else_changed(tmp_path, shape):
    recording = landmark_files.read(write_json(tmp_path / "in.txt", SHAPES[shape]))
    assert recording.kind == "mediapipe"
    (found,) = recording.tracks
    np.testing.assert_array_equal(found.points, SHARES)
    assert recording.notes == ("x and y are shares of an image of unknown size: read as if it were square",)
    part = "" if shape in ("lists", "faces", "frames") else " (face)"
    assert landmark_files.sentence(recording) == f"read as landmarks of MediaPipe{part}, 1 face, 6 frames, 4 points"
    landmark_files.write(tmp_path / "same.json", recording, [found.points])
    assert json.loads((tmp_path / "same.json").read_text()) == SHAPES[shape]
    landmark_files.write(tmp_path / "out.json", recording, [found.points + 0.001])
    again = landmark_files.read(tmp_path / "out.json").tracks[0].points
    np.testing.assert_allclose(again, SHARES + 0.001, atol=1e-9)
    assert set(str(SHAPES[shape])) - set("0123456789.-e") <= set((tmp_path / "out.json").read_text()) | set("'N")


def test_the_size_of_the_image_makes_pixels_for_the_work_and_shares_again(tmp_path):
    value = {"width": 400, "height": 200, "fps": 25, "frames": [{"faceLandmarks": [landmarks(f)]} for f in SHARES]}
    recording = landmark_files.read(write_json(tmp_path / "in.json", value))
    np.testing.assert_allclose(recording.tracks[0].points, SHARES * [400, 200, 400])
    assert recording.notes == ("x and y are shares of an image of 400 x 200 pixels",)
    assert recording.fps == 25
    landmark_files.write(tmp_path / "out.json", recording, [recording.tracks[0].points + 4])
    first = json.loads((tmp_path / "out.json").read_text())["frames"][0]["faceLandmarks"][0][0]
    np.testing.assert_allclose([first[a] for a in "xyz"], SHARES[0, 0] + [0.01, 0.02, 0.01], atol=1e-9)


def test_frames_may_be_keyed_by_their_numbers(tmp_path):
    order = [3, 10, 0, 1, 12, 2]  # by number, and not by place or name
    numbers = dict(zip(sorted(order), range(FRAMES), strict=True))
    value = {str(number): SHAPES["results"][numbers[number]] for number in order}
    for name, whole in (("a", value), ("b", {"width": 1, "frames": value})):
        recording = landmark_files.read(write_json(tmp_path / f"{name}.json", whole))
        (found,) = recording.tracks
        assert np.flatnonzero(found.present).tolist() == sorted(order)
        np.testing.assert_array_equal(found.points[found.present], SHARES)
        landmark_files.write(tmp_path / "out.json", recording, [found.points])
        assert json.loads((tmp_path / "out.json").read_text()) == whole
    assert list(json.loads((tmp_path / "out.json").read_text())["frames"]) == [str(number) for number in order]
    path = write_json(tmp_path / "c.json", {"1": value["1"], "x": value["2"]})
    assert landmark_files.kind_of(path) is None


def test_a_single_frame_is_refused_with_what_is_expected(tmp_path):
    path = write_json(tmp_path / "in.json", SHAPES["results"][0])
    with pytest.raises(InputError, match="a single frame of MediaPipe, expected a list of frames, or a line with each"):
        landmark_files.read(path)


def test_a_face_under_an_unknown_name_is_refused_and_not_lost(tmp_path):
    value = json.loads(json.dumps(SHAPES["solutions"]))
    value[2]["multi_face_landmarks"] = [{"": value[2]["multi_face_landmarks"][0]["landmark"]}]
    with pytest.raises(InputError, match=r"\[2\]: landmarks that make no face"):
        landmark_files.read(write_json(tmp_path / "in.json", value))
    value[2]["multi_face_landmarks"] = [{"landmark": SHAPES["lists"][2], "box": [1, 2, 3, 4]}]
    assert landmark_files.read(write_json(tmp_path / "in.json", value)).tracks[0].present.all()


def test_frames_without_a_face_stay_so(tmp_path):
    value = json.loads(json.dumps(SHAPES["results"]))
    value[2] = {"faceLandmarks": []}
    value[4] = None
    recording = landmark_files.read(write_json(tmp_path / "in.json", value))
    (found,) = recording.tracks
    assert found.present.tolist() == [True, True, False, True, False, True]
    landmark_files.write(tmp_path / "out.json", recording, [found.points + 0.001])
    written = json.loads((tmp_path / "out.json").read_text())
    assert written[2] == {"faceLandmarks": []}
    assert written[4] is None


def test_visibility_is_the_confidence_and_zeros_are_none(tmp_path):
    pose = [{"poseLandmarks": [landmarks(face, visibility=0.25, presence=0.9)]} for face in SHARES]
    pose[1]["poseLandmarks"][0][2]["visibility"] = 0.001
    (found,) = landmark_files.read(write_json(tmp_path / "in.json", pose)).tracks
    assert found.confidence[0, 0] == 0.25
    assert np.argwhere(np.isnan(found.points[..., 0])).tolist() == [[1, 2]]
    face = [{"faceLandmarks": [landmarks(face, visibility=0.0, presence=0.0)]} for face in SHARES]
    assert landmark_files.read(write_json(tmp_path / "in.json", face)).tracks[0].confidence is None


def test_times_in_milliseconds_are_seconds(tmp_path):
    value = [{"timestamp_ms": 40 * t, "faceLandmarks": [landmarks(face)]} for t, face in enumerate(SHARES)]
    (found,) = landmark_files.read(write_json(tmp_path / "in.json", value)).tracks
    np.testing.assert_allclose(found.time, np.arange(FRAMES) / 25)


def test_two_faces_without_names_are_followed_by_their_places(tmp_path):
    value = [
        {"faceLandmarks": [landmarks(f), landmarks(f + ASIDE)][:: 1 if t % 2 else -1]} for t, f in enumerate(SHARES)
    ]
    recording = landmark_files.read(write_json(tmp_path / "in.json", value))
    one, two = sorted(recording.tracks, key=lambda found: found.points[0, 0, 0])
    np.testing.assert_allclose(one.points, SHARES)
    np.testing.assert_allclose(two.points, SHARES + ASIDE)
    assert any("followed by their places" in note for note in recording.notes)


def test_the_part_can_be_chosen(tmp_path):
    value = [{"faceLandmarks": landmarks(f), "leftHandLandmarks": landmarks(f + 0.1)} for f in SHARES]
    path = write_json(tmp_path / "in.json", value)
    assert "the face is read; --part hand_left reads the other landmarks" in landmark_files.read(path).notes
    recording = landmark_files.read(path, options=ReadOptions(part="hand_left"))
    np.testing.assert_allclose(recording.tracks[0].points, SHARES + 0.1)
    with pytest.raises(InputError, match="--part pose: not there, expected one of: face, hand_left"):
        landmark_files.read(path, options=ReadOptions(part="pose"))


def test_a_wrong_number_is_named_by_its_place(tmp_path):
    value = json.loads(json.dumps(SHAPES["results"]))
    value[3]["faceLandmarks"][0][1]["y"] = "0.5"
    with pytest.raises(InputError, match=r"in.json: \[3\].faceLandmarks\[0\]\[1\].y: '0.5' is no number"):
        landmark_files.read(write_json(tmp_path / "in.json", value))
    value = json.loads(json.dumps(SHAPES["results"]))
    del value[3]["faceLandmarks"][0][1]
    with pytest.raises(InputError, match=r"\[3\].faceLandmarks\[0\] has 3 points .*, expected 4"):
        landmark_files.read(write_json(tmp_path / "in.json", value))


def test_a_point_with_one_coordinate_is_missing(tmp_path):
    value = json.loads(json.dumps(SHAPES["results"]))
    value[3]["faceLandmarks"][0][1]["y"] = None
    (found,) = landmark_files.read(write_json(tmp_path / "in.json", value)).tracks
    assert np.isnan(found.points).sum() == 3
    assert np.isnan(found.points[3, 1]).all()


def test_other_json_is_not_recognised(tmp_path):
    assert not mediapipe.recognise(landmark_files.OpenedFile(write_json(tmp_path / "a.json", [{"x": 1}])))
    with pytest.raises(InputError, match=r"a.json: JSON, but neither keypoints of COCO or mmpose nor landmarks"):
        landmark_files.read(tmp_path / "a.json")


@pytest.mark.parametrize("wrong", ["deeper", "no y"])
def test_a_face_that_cannot_be_read_is_refused_and_not_taken_for_a_frame_without_one(tmp_path, wrong):
    value = json.loads(json.dumps(SHAPES["results"]))
    face = value[3]["faceLandmarks"][0]
    if wrong == "deeper":
        face[1] = [face[1]]
    else:
        del face[1]["y"]
    with pytest.raises(InputError, match=r"in\.json: \[3\]: landmarks that make no face"):
        landmark_files.read(write_json(tmp_path / "in.json", value))


def test_lines_are_frames_and_stay_lines(tmp_path):
    lines = [json.dumps({"timestamp": k, "faceLandmarks": [landmarks(face)]}) for k, face in enumerate(SHARES)]
    (tmp_path / "in.jsonl").write_text("\n".join(lines) + "\n")
    recording = landmark_files.read(tmp_path / "in.jsonl")
    np.testing.assert_array_equal(recording.tracks[0].points, SHARES)
    assert recording.tracks[0].time.tolist() == list(range(FRAMES))
    landmark_files.write(tmp_path / "out.jsonl", recording, [recording.tracks[0].points])
    assert (tmp_path / "out.jsonl").read_text() == (tmp_path / "in.jsonl").read_text()
    (tmp_path / "cut.jsonl").write_text("\n".join(lines)[:-5])
    with pytest.raises(InputError, match=r"cut.jsonl: line 6, column \d+: not JSON, or cut off"):
        landmark_files.read(tmp_path / "cut.jsonl")


@pytest.mark.parametrize("numbers", [2, 3, 4])
@pytest.mark.parametrize("key", ["landmarks", None])
def test_lists_of_numbers_are_points(tmp_path, numbers, key):
    full = np.concatenate([SHARES, np.linspace(0.2, 1, FRAMES * 4).reshape(FRAMES, 4, 1)], axis=-1)
    value = [face[:, :numbers].tolist() for face in full]
    value = value if key is None else [{key: face, "note": 1} for face in value]
    recording = landmark_files.read(write_json(tmp_path / "in.json", value))
    (found,) = recording.tracks
    np.testing.assert_array_equal(found.points, full[..., : min(numbers, 3)])
    if numbers == 4:
        np.testing.assert_allclose(found.confidence, full[..., 3])
    landmark_files.write(tmp_path / "same.json", recording, [found.points])
    assert json.loads((tmp_path / "same.json").read_text()) == value


def test_the_result_may_stand_beside_the_time(tmp_path):
    value = [{"timestamp_ms": 40 * k, "results": {"faceLandmarks": [landmarks(f)]}} for k, f in enumerate(SHARES)]
    recording = landmark_files.read(write_json(tmp_path / "in.json", value))
    np.testing.assert_array_equal(recording.tracks[0].points, SHARES)
    np.testing.assert_allclose(recording.tracks[0].time, 0.04 * np.arange(FRAMES))
