import json

import numpy as np
import pytest

from fhr_jax.data.io import landmark_files
from fhr_jax.data.io.formats import coco
from fhr_jax.errors import InputError
from tests.data.io.formats.samples import FRAMES, scores, track, triples, write_json

ONE, TWO, TRUST = track(), track(seed=5, at=600), scores()


def annotations(people=(ONE,), *, name="frame_{}.jpg", **more):
    """Images out of order, whose ids say nothing."""
    images = [{"id": 900 + 7 * t, "file_name": name.format(t + 8), "width": 800} for t in range(FRAMES)]
    found = []
    for t in range(FRAMES):
        for k, points in enumerate(people):
            own = {key: value(t, k) for key, value in more.items()}
            values = triples(points[t], np.full(4, 2 - (t == 2)))
            found.append(
                {"image_id": 900 + 7 * t, "category_id": 1, "keypoints": values, "bbox": [0, 0, 1.5, 2], **own}
            )
    return {"info": {"year": 2024}, "images": images[::-1], "annotations": found[::-1], "categories": []}


def results(people=(ONE,), *, ids=None, **more):
    return [
        {
            "image_id": t + 1 if ids is None else ids[t],
            "category_id": 1,
            "keypoints": triples(points[t], TRUST[t]),
            "score": 0.9,
            **{key: value(t, k) for key, value in more.items()},
        }
        for t in range(FRAMES)
        for k, points in enumerate(people)
    ]


def test_annotations_are_frames_in_the_order_of_the_names_of_their_images(tmp_path):
    value = annotations(id=lambda t, k: 50 + t)
    recording = landmark_files.read(write_json(tmp_path / "in.json", value))
    (found,) = recording.tracks
    np.testing.assert_array_equal(found.points, ONE)
    np.testing.assert_array_equal(found.confidence, 1.0)
    assert landmark_files.sentence(recording) == "read as COCO keypoints, 1 person, 6 frames, 4 points"
    landmark_files.write(tmp_path / "same.json", recording, [found.points])
    assert json.loads((tmp_path / "same.json").read_text()) == value
    landmark_files.write(tmp_path / "out.json", recording, [ONE + 0.125])
    written = json.loads((tmp_path / "out.json").read_text())
    for before, after in zip(value["annotations"], written["annotations"], strict=True):
        assert {**after, "keypoints": 0} == {**before, "keypoints": 0}
        assert after["keypoints"][2::3] == before["keypoints"][2::3]
        assert np.abs(np.array(after["keypoints"][::3]) - before["keypoints"][::3] - 0.125).max() < 1e-9
    assert {**written, "annotations": 0} == {**value, "annotations": 0}


def test_results_of_detectors_have_scores(tmp_path):
    value = results()
    del value[3]
    recording = landmark_files.read(write_json(tmp_path / "in", value))
    (found,) = recording.tracks
    # Ids that count the frames have a gap where nobody was found.
    assert found.present.tolist() == [True, True, True, False, True, True]
    np.testing.assert_array_equal(found.points[found.present], np.delete(ONE, 3, axis=0))
    np.testing.assert_array_equal(found.confidence[4:], TRUST[4:])
    landmark_files.write(tmp_path / "out.json", recording, [found.points])
    assert json.loads((tmp_path / "out.json").read_text()) == value


def test_results_named_by_texts_are_in_natural_order(tmp_path):
    ids = [f"clip/{t}.png" for t in (8, 9, 10, 11, 12, 13)]
    recording = landmark_files.read(write_json(tmp_path / "in.json", results(ids=ids)[::-1]))
    np.testing.assert_array_equal(recording.tracks[0].points, ONE)


@pytest.mark.parametrize("make", [annotations, results])
def test_people_with_ids_are_tracks(tmp_path, make):
    value = make((ONE, TWO), track_id=lambda t, k: 7 - k)
    recording = landmark_files.read(write_json(tmp_path / "in.json", value))
    assert landmark_files.sentence(recording).startswith("read as COCO keypoints, 2 people, 6 frames")
    by_place = sorted(recording.tracks, key=lambda found: found.points[0, 0, 0])
    np.testing.assert_array_equal([found.points for found in by_place], [ONE, TWO])
    landmark_files.write(tmp_path / "out.json", recording, [found.points for found in recording.tracks])
    assert json.loads((tmp_path / "out.json").read_text()) == value


def test_people_without_ids_are_followed_by_their_places_and_it_is_said(tmp_path):
    value = annotations((ONE, TWO), id=lambda t, k: 2 * t + k)
    value["annotations"][2:4] = value["annotations"][3:1:-1]
    recording = landmark_files.read(write_json(tmp_path / "in.json", value))
    by_place = sorted(recording.tracks, key=lambda found: found.points[0, 0, 0])
    np.testing.assert_array_equal([found.points for found in by_place], [ONE, TWO])
    assert any(
        note.startswith("up to 2 people in a frame and nothing that tells them apart") for note in recording.notes
    )


def test_points_that_are_not_labelled_are_missing(tmp_path):
    value = annotations()
    value["annotations"][0]["keypoints"][3:6] = [0, 0, 0]
    value["annotations"].append({"image_id": 900, "keypoints": [0] * 12, "id": 5})
    recording = landmark_files.read(write_json(tmp_path / "in.json", value))
    (found,) = recording.tracks
    assert np.argwhere(np.isnan(found.points[..., 0])).tolist() == [[5, 1]]
    landmark_files.write(tmp_path / "out.json", recording, [found.points])
    assert json.loads((tmp_path / "out.json").read_text()) == value


BAD = {
    "no triples": (
        lambda v: v["annotations"][0]["keypoints"].pop(),
        r"annotations\[0\].keypoints: expected a list of three",
    ),
    "a text": (
        lambda v: v["annotations"][1]["keypoints"].__setitem__(4, "7"),
        r"annotations\[1\].keypoints\[4\]: '7' is no",
    ),
    "other points": (
        lambda v: v["annotations"][2].update(keypoints=[1, 2, 2]),
        r"has 1 points of 2 coordinates, expected 4",
    ),
    "no image": (lambda v: v["annotations"][2].update(image_id=3), "image_id 3 is not the id of any of the images"),
    "two videos": (lambda v: v["images"][0].update(file_name="b/1.jpg"), r"frames of 2 videos \(., b\), expected one"),
    "nobody": (
        lambda v: v.update(annotations=[{"image_id": 1, "keypoints": [0, 0, 0]}]),
        "no annotation has keypoints",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_named(tmp_path, case):
    value, (change, message) = annotations(), BAD[case]
    change(value)
    with pytest.raises(InputError, match=f"in.json: .*{message}"):
        landmark_files.read(write_json(tmp_path / "in.json", value))


def test_a_person_twice_in_a_frame_is_refused(tmp_path):
    value = results((ONE, ONE), track_id=lambda t, k: 3)
    with pytest.raises(InputError, match=r"person 3 is twice in one frame, at \[0\].keypoints and \[1\].keypoints"):
        landmark_files.read(write_json(tmp_path / "in.json", value))


def test_only_json_with_keypoints_is_recognised(tmp_path):
    write_json(tmp_path / "a.json", {"annotations": [{"image_id": 1, "bbox": []}]})
    assert not coco.recognise(landmark_files.OpenedFile(tmp_path / "a.json"))


def test_images_of_different_sizes_are_no_video(tmp_path):
    images = [{"id": k, "file_name": f"{k}.jpg", "width": 640, "height": 480 + k} for k in range(2)]
    notes = [{"id": k, "image_id": k, "keypoints": [1.0, 2.0, 2, 30.0, 40.0, 2]} for k in range(2)]
    with pytest.raises(InputError, match=r"its images are 640 x 480, 640 x 481 and so on, so they are no frames"):
        landmark_files.read(write_json(tmp_path / "in.json", {"images": images, "annotations": notes}))


def test_an_id_of_thousands_of_digits_is_a_name_like_others(tmp_path):
    ids = [str(t) if t else "9" * 5000 for t in range(FRAMES)]
    (found,) = landmark_files.read(write_json(tmp_path / "in.json", results(ids=ids))).tracks
    np.testing.assert_array_equal(found.points, np.roll(ONE, -1, axis=0))
