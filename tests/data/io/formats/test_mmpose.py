import json

import numpy as np
import pytest

from fhr_jax.data.io import landmark_files
from fhr_jax.errors import InputError
from tests.data.io.formats.samples import FRAMES, scores, track, write_json

ONE, TWO = track(), track(seed=5, at=700)


def person(points, trust, **more):
    return {"keypoints": points.tolist(), "keypoint_scores": trust.tolist(), "bbox": [[1.0, 2.0, 3.0, 4.0]], **more}


def frames(people, **more):
    return [
        {"frame_id": k + 1, "instances": [person(points[k], scores()[k], **more) for points in people]}
        for k in range(FRAMES)
    ]


def test_a_video_is_read_and_written_back_with_tabs(tmp_path):
    value = {"meta_info": {"dataset_name": "face", "num_keypoints": 4}, "instance_info": frames([ONE])}
    recording = landmark_files.read(write_json(tmp_path / "in.json", value, indent="\t"))
    (found,) = recording.tracks
    np.testing.assert_array_equal(found.points, ONE)
    np.testing.assert_array_equal(found.confidence, scores())
    assert landmark_files.sentence(recording) == "read as keypoints of mmpose, 1 person, 6 frames, 4 points"
    landmark_files.write(tmp_path / "same.json", recording, [ONE])
    assert (tmp_path / "same.json").read_text() == (tmp_path / "in.json").read_text()
    landmark_files.write(tmp_path / "out.json", recording, [ONE + 1])
    again = landmark_files.read(tmp_path / "out.json").tracks[0]
    np.testing.assert_allclose(again.points, ONE + 1)


def test_people_are_told_by_their_identity_or_followed_by_their_places(tmp_path):
    value = frames([ONE, TWO])
    value[2]["instances"] = value[2]["instances"][::-1]
    recording = landmark_files.read(write_json(tmp_path / "in.json", value))
    np.testing.assert_array_equal(recording.tracks[1].points, TWO)
    assert "followed by their places" in recording.notes[0]
    for frame in value:
        for one in frame["instances"]:
            one["track_id"] = 3 if one["keypoints"][0][0] < 500 else 8
    recording = landmark_files.read(write_json(tmp_path / "ids.json", value))
    np.testing.assert_array_equal(recording.tracks[0].points, ONE)
    assert recording.notes == ()


def test_frames_without_people_are_missing_and_points_may_have_depth(tmp_path):
    value = frames([np.concatenate([ONE, ONE[..., :1]], axis=-1)])
    value[3]["instances"] = []
    (found,) = landmark_files.read(write_json(tmp_path / "in.json", value)).tracks
    assert found.points.shape == (FRAMES, 4, 3)
    assert found.present.tolist() == [True, True, True, False, True, True]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoints": [[1, 2, 3, 4]]}, r"\[1\].instances\[0\].keypoints: points of 4 numbers"),
        ({"keypoints": 5}, r"expected a list of points"),
        ({"keypoints": [[1, [2]]]}, r"\[1\].instances\[0\].keypoints\[0\]\[1\]: '\[2\]' is no number"),
        ({"keypoints": [[1, 2]]}, r"1 points? of 2 coordinates|has 1 points"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, change, message):
    value = frames([ONE])
    value[1]["instances"][0] |= change
    with pytest.raises(InputError, match=message):
        landmark_files.read(write_json(tmp_path / "in.json", value))
    value[1] = {"frame_id": 2}
    with pytest.raises(InputError, match=r"\[1\]: expected a frame with frame_id and instances"):
        landmark_files.read(write_json(tmp_path / "in.json", json.loads(json.dumps(value))))
