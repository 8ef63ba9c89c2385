"""From the arrays of a file to a track: names, missing points, confidences, and what the user is told."""

from pathlib import Path

import numpy as np
import pytest

from fhr_jax import npz
from fhr_jax.data.io import landmark_arrays, landmark_files
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.errors import InputError

PATH = Path("a.npz")


def track(frames=6, points=4):
    return np.random.default_rng(0).uniform(20, 90, (frames, points, 2))


def test_the_first_known_name_counts():
    arrays = {"landmarks": track(), "predictions": track(3), "other": np.zeros(1)}
    key, array, notes = landmark_arrays.landmarks(PATH, arrays, landmark_arrays.OBSERVED)
    assert (key, notes) == ("predictions", [])
    assert array is arrays["predictions"]
    assert landmark_arrays.first_name(arrays, ("none", "other")) == "other"
    assert landmark_arrays.first_name({}, ("none",)) is None


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "no array predictions or landmarks in it, only nothing"),
        ({"a": track(), "b": track()}, "no array predictions or landmarks in it, only a, b"),
        ({"landmarks": track()[0]}, "landmarks is float64 (4, 2), expected numbers of shape (T, M, 2)"),
        ({"landmarks": np.zeros((5, 4, 4))}, "landmarks is float64 (5, 4, 4), expected numbers"),
        ({"landmarks": np.zeros((5, 0, 2))}, "landmarks is float64 (5, 0, 2), expected numbers"),
        ({"landmarks": np.zeros((5, 4, 2), bool)}, "landmarks is bool (5, 4, 2), expected numbers"),
        ({"landmarks": np.zeros((0, 4, 2))}, "the track is empty: landmarks has no frames"),
    ],
)
def test_other_arrays_are_refused_in_one_line(arrays, message):
    with pytest.raises(InputError) as caught:
        landmark_arrays.landmarks(PATH, arrays, landmark_arrays.OBSERVED)
    assert str(caught.value).startswith(f"a.npz: {message}")
    assert "\n" not in str(caught.value)


def test_a_point_with_one_missing_coordinate_is_missing_in_both():
    points = track().astype(np.float32)
    points[1, 2, 0], points[3, 0, 1], points[4, 1] = np.nan, np.inf, np.nan
    for options in (ReadOptions(), ReadOptions(keep_zeros=True)):
        found, notes = landmark_arrays.points_as_nan(points, options)
        expected = points.astype(np.float64)
        expected[[1, 3, 4], [2, 0, 1]] = np.nan
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == np.float64
        assert notes == []


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shared_points_keep_their_type_and_the_array_of_the_file_its_values(dtype):
    points = 100 + track().astype(dtype)
    own, share = ReadOptions(), ReadOptions(share=True)
    found, _ = landmark_arrays.points_as_nan(points, share)
    assert found is points
    assert not np.may_share_memory(landmark_arrays.points_as_nan(points, own)[0], points)
    points[1, 2] = 0
    points[3, 0, 1] = np.nan
    before = points.copy()
    found, notes = landmark_arrays.points_as_nan(points, share)
    assert found.dtype == dtype
    np.testing.assert_array_equal(points, before)
    expected, said = landmark_arrays.points_as_nan(points, own)
    assert expected.dtype == np.float64
    np.testing.assert_array_equal(found, expected)
    assert notes == said
    assert np.isnan(found[1, 2]).all()


@pytest.mark.parametrize(("marker", "number"), [(0.0, 1), (0.0, 3), (-1.0, 2)])
def test_points_that_mark_missing_ones_become_nan_and_are_counted(marker, number):
    points = track()
    points[:number, 1] = marker
    found, notes = landmark_arrays.points_as_nan(points, ReadOptions())
    assert np.isnan(found[:number, 1]).all()
    assert np.isfinite(found).sum() == 2 * (6 * 4 - number)
    what, them = ("point", "it") if number == 1 else ("points", "them")
    assert notes == [f"{number} {what} at ({marker:g}, {marker:g}) read as missing; --keep-zeros keeps {them}"]
    kept, notes = landmark_arrays.points_as_nan(points, ReadOptions(keep_zeros=True))
    np.testing.assert_array_equal(kept, points)
    assert notes == []


def test_markers_are_those_of_the_file_before_its_offset():
    points = track()
    points[2, 3] = -1.0  # the file counts from 1, and holds (0, 0)
    found, notes = landmark_arrays.points_as_nan(points, ReadOptions(), offset=-1.0)
    assert np.isnan(found[2, 3]).all()
    assert "(0, 0)" in notes[0]


def test_a_file_of_zeros_is_said(tmp_path):
    npz.write(tmp_path / "a.npz", {"landmarks": np.zeros((3, 4, 2))})
    assert landmark_files.read(tmp_path / "a.npz").notes == (
        "all points of all frames lie at (0, 0): there is no face to see",
    )
    one = np.zeros((3, 4, 2))
    one[1, 2] = 5
    assert landmark_arrays.in_one_place(one) == []
    assert landmark_arrays.in_one_place(np.full((3, 4, 2), np.nan)) == []


@pytest.mark.parametrize(
    ("values", "expected", "note"),
    [
        ([0, 0.5, 1], [0, 0.5, 1], ""),
        ([0.2, np.nan, 1.2], [0.2, 0, 1], ""),  # rounding may exceed 1
        ([0, 50, 100], [0, 0.5, 1], "score goes up to 100: read as percent"),
        ([20, 0, 0], [0.2, 0, 0], "score goes up to 20: read as percent"),
        ([1.6, 0, 0], None, "score goes from 0 to 1.6, neither within 0 and 1 nor percent: not used"),
        ([0, 1, 3], None, "score goes from 0 to 3, neither within 0 and 1 nor percent: not used"),
        ([0, 1, 2], [0, 1, 1], "score is 0, 1 or 2: read as COCO's visibility, 0 is missing"),
        ([0, -0.1, 1], None, "score goes from -0.1 to 1, neither within 0 and 1 nor percent: not used"),
        ([0, 0, 255], None, "score goes from 0 to 255, neither"),
        ([0, 0, np.inf], None, "score goes from 0 to inf, neither"),
        ([np.nan, np.nan], None, "score is NaN everywhere: not used"),
        ([], [], ""),
    ],
)
def test_confidences_are_scaled_to_1_or_not_used(values, expected, note):
    found, notes = landmark_arrays.scaled_confidence("score", np.array(values, np.float64))
    if expected is None:
        assert found is None
    else:
        np.testing.assert_allclose(found, expected)
    assert [text.startswith(note) for text in notes] == ([True] if note else [])


def test_a_confidence_is_one_number_a_frame_or_a_point():
    for shape in ((6,), (6, 4)):
        found, notes = landmark_arrays.confidence({"score": np.full(shape, 0.5)}, (6, 4))
        np.testing.assert_array_equal(found, np.full(shape, 0.5))
        assert notes == []
    found, notes = landmark_arrays.confidence({"confidence": np.ones((6, 4), bool), "score": np.zeros(6)}, (6, 4))
    np.testing.assert_array_equal(found, np.ones((6, 4)))
    assert landmark_arrays.confidence({"other": np.ones(6)}, (6, 4)) == (None, [])
    for odd in (np.ones((4,)), np.ones((6, 4, 1)), np.full(6, "a")):
        found, notes = landmark_arrays.confidence({"score": odd}, (6, 4))
        assert found is None
        assert notes == [f"score is {odd.dtype} {odd.shape}, not numbers of shape (T,) or (T, M): not used"]


@pytest.mark.parametrize("key", ["confidence", "score"])
@pytest.mark.parametrize("per_point", [False, True])
def test_confidence_of_an_npz(tmp_path, key, per_point):
    trust = np.random.default_rng(0).uniform(0.3, 1, size=(5, 4) if per_point else 5)
    npz.write(tmp_path / "a.npz", {"landmarks": track(5), key: trust})
    npz.write(tmp_path / "b.npz", {"landmarks": track(5), key: 100 * trust})
    plain, percent = (landmark_files.read(tmp_path / f"{name}.npz") for name in "ab")
    for recording in (plain, percent):
        np.testing.assert_allclose(recording.tracks[0].confidence, trust)
    assert plain.notes == ()
    assert len(percent.notes) == 1
    assert "percent" in percent.notes[0]


@pytest.mark.parametrize("bad", [np.zeros(3), np.full(5, -1.0), np.full(5, 300.0), np.full(5, "a")])
def test_a_confidence_that_is_none_is_not_used_and_it_says_so(tmp_path, bad):
    npz.write(tmp_path / "a.npz", {"landmarks": track(5), "score": bad})
    recording = landmark_files.read(tmp_path / "a.npz")
    assert recording.tracks[0].confidence is None
    assert len(recording.notes) == 1
    assert "not used" in recording.notes[0]


def test_percent_and_single_coordinates_in_a_csv(tmp_path):
    text = "frame,confidence,x_0,x_1,y_0,y_1\n1,98,10,20,30,40\n2,5,10,20,,40\n"
    (tmp_path / "a.csv").write_text(text)
    recording = landmark_files.read(tmp_path / "a.csv")
    np.testing.assert_allclose(recording.tracks[0].confidence, [0.98, 0.05])
    assert "percent" in recording.notes[0]
    assert np.isnan(recording.tracks[0].points[1, 0]).all()


def test_points_of_hardly_any_confidence_are_missing():
    trust = np.full((5, 4), 0.9)
    trust[2, 1], trust[3] = 0.01, 0.1
    points, notes = landmark_arrays.unsure_as_nan(track(5), trust)
    assert np.argwhere(np.isnan(points).all(axis=-1)).tolist() == [[2, 1]]
    assert notes == ["1 point has a confidence below 0.045, a twentieth of the median: read as missing"]
    assert landmark_arrays.unsure_as_nan(track(5), trust[:, 0])[1] == []


@pytest.mark.parametrize("third", [None, "score"])
def test_a_point_of_minus_ones_has_no_score(third):
    scores = np.random.default_rng(1).uniform(0.5, 1, (6, 4, 1))
    points = np.concatenate([10 * track(), scores], axis=-1)
    points[2, 1] = -1
    coordinates, trust, _ = landmark_arrays.split_third(points, ReadOptions(third=third))
    np.testing.assert_array_equal(coordinates, points[..., :2])
    np.testing.assert_array_equal(trust, np.where(points[..., 2] < 0, 0, points[..., 2]))
