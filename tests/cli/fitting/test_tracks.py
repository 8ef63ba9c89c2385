"""Tracks from files: what is read, as `smooth` reads it, what is held out, and what is refused."""

import json

import numpy as np
import pytest

from fhr_jax.cli.fitting import tracks as reading
from fhr_jax.data.io import pts
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.errors import InputError
from tests.data.io.test_landmark_files import csv_text


def _track(seed=0, frames=20, points=3):
    return np.random.default_rng(seed).normal(size=(frames, points, 2)).cumsum(axis=0) + 50


NO_TIMES = "no times of the frames: counted as 30 frames a second; --fps gives another rate"


def test_the_first_known_name_counts(tmp_path):
    one, two, three = (_track(seed) for seed in range(3))
    np.savez(tmp_path / "a.npz", predictions=one, landmarks=two, ground_truth=three)
    np.savez(tmp_path / "b.npz", landmarks=two, truth=one, ground_truth=three)
    np.savez(tmp_path / "c.npz", landmarks=three.astype(np.int64))
    tracks, _ = reading.read_tracks((tmp_path / "c.npz", tmp_path / "a.npz", tmp_path / "b.npz"))
    expected = [(three.astype(np.int64), None), (one, three), (two, one)]  # in the order of the names
    for track, (observed, truth) in zip(tracks, expected, strict=True):
        assert (track.observed.dtype, track.dt, track.confidence) == (np.float32, None, None)
        np.testing.assert_array_equal(track.observed, observed.astype(np.float32))
        assert (track.truth is None) == (truth is None)
        if truth is not None:
            np.testing.assert_array_equal(track.truth, truth.astype(np.float32))


def test_a_folder_is_searched_in_order_and_results_of_fits_are_skipped(tmp_path):
    for i, name in enumerate(("b/x.npz", "a/y.npz", "z.npz", "done/fit.npz", "done/params.npz")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        np.savez(tmp_path / name, predictions=np.full((4, 2, 2), i), truth=np.full((4, 2, 2), i))
    tracks, _ = reading.read_tracks((tmp_path,))
    assert [track.observed[0, 0, 0] for track in tracks] == [1, 0, 2]


def test_tracks_of_other_kinds_are_read_and_zeros_are_missing(tmp_path):
    tracks = [_track(seed, frames=30, points=5) + 300 for seed in range(3)]
    (tmp_path / "b").mkdir()
    for t, frame in enumerate(tracks[0]):
        pts.write(tmp_path / "b" / f"{t}.pts", frame)
    rows = [(t + 1, 0, 1, frame) for t, frame in enumerate(tracks[1])]
    (tmp_path / "c.csv").write_text(csv_text(rows, landmarks=5))
    broken = tracks[2].copy()
    broken[7], broken[9, 2] = 0, 0
    np.savez(tmp_path / "d.npz", predictions=broken, truth=tracks[2])
    found = reading.read_tracks((tmp_path / "b", tmp_path / "c.csv", tmp_path / "d.npz"))
    assert [read.truth is None for read in found.tracks] == [True, True, False]
    for read, track in zip(found.tracks[:2], tracks[:2], strict=True):
        np.testing.assert_allclose(read.observed, track, atol=0.06)
    assert np.isnan(found.tracks[2].observed).any(axis=-1).sum() == 6
    note = "6 points at (0, 0) read as missing; --keep-zeros keeps them"
    assert [told for told in found.notes if told[0].name == "d.npz"] == [
        (tmp_path / "d.npz", note),
        (tmp_path / "d.npz", NO_TIMES),
    ]
    kept = reading.read_tracks((tmp_path / "d.npz",), options=ReadOptions(keep_zeros=True))
    np.testing.assert_array_equal(kept.tracks[0].observed, broken.astype(np.float32))
    assert kept.notes == [(tmp_path / "d.npz", NO_TIMES)]


def test_without_paths_nothing_is_read(tmp_path):
    assert reading.read_tracks(()) == ([], [])
    with pytest.raises(InputError, match=f"{tmp_path}: no tracks in it"):
        reading.read_tracks((tmp_path,))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"wrong": np.zeros((5, 4, 2))}, "no array predictions or landmarks"),
        ({"predictions": np.zeros((5, 4))}, "expected numbers of shape (T, M, 2)"),
        ({"predictions": np.zeros((5, 4, 4))}, "predictions is float64 (5, 4, 4), expected numbers"),
        ({"predictions": np.zeros((0, 4, 2))}, "expected numbers of shape (T, M, 2)"),
        ({"predictions": np.zeros((5, 4, 2), bool)}, "predictions is bool (5, 4, 2), expected numbers"),
        ({"predictions": np.full((5, 4, 2), np.nan)}, "every point is missing"),
        ({"predictions": np.zeros((5, 4, 2)), "truth": np.zeros((6, 4, 2))}, "truth has shape (6, 4, 2)"),
        ({"predictions": np.zeros((5, 4, 2)), "truth": np.zeros((5, 4))}, "truth is float64 (5, 4), expected numbers"),
        ({"predictions": np.zeros((5, 4, 2)), "truth": np.full((5, 4, 2), np.inf)}, "every point is missing"),
        ({"predictions": np.zeros((5, 3, 2)), "truth": np.zeros((5, 3, 2))}, "points (3, 2), expected (4, 2) as in"),
    ],
)
def test_bad_tracks_are_named_in_one_line(tmp_path, arrays, message):
    np.savez(tmp_path / "good.npz", predictions=np.zeros((5, 4, 2)), truth=np.zeros((5, 4, 2)))
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(InputError) as caught:
        reading.read_tracks((tmp_path / "good.npz", tmp_path / "bad.npz"))
    assert str(caught.value).startswith(f"{tmp_path / 'bad.npz'}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("wanted", "tracks", "number"), [(None, 4, 0), (None, 5, 1), (None, 13, 3), (0, 5, 0), (4, 5, 4), (None, 0, 0)]
)
def test_a_fifth_is_held_out_unless_a_number_is_given(wanted, tracks, number):
    assert reading.holdout_count(wanted, tracks) == number


@pytest.mark.parametrize(("wanted", "tracks"), [(5, 5), (-1, 5), (0, 0)])
def test_a_track_is_left_to_fit(wanted, tracks):
    with pytest.raises(InputError, match=f"--holdout is {wanted}, expected a number from 0 to below {tracks}"):
        reading.holdout_count(wanted, tracks)


def test_the_tracks_held_out_are_drawn_in_their_order():
    drawn = [reading.drawn_holdout(12, 3, seed=seed) for seed in range(20)]
    for seed, chosen in enumerate(drawn):
        assert len(set(chosen)) == 3
        assert chosen == sorted(chosen) == reading.drawn_holdout(12, 3, seed=seed)
    assert {i for chosen in drawn for i in chosen} == set(range(12))  # the draws differ between seeds
    assert reading.drawn_holdout(12, 0, seed=0) == []


def test_one_scored_motion_over_three_frames_is_enough():
    truth = np.zeros((2, 9, 4, 2))
    truth[1, 5:, 2, 1] = 0.1  # one coordinate of one point moves once
    mask = np.ones((2, 9), bool)
    reading.check_motion(truth, mask)
    with pytest.raises(InputError, match="does not move in any three frames"):
        reading.check_motion(truth, mask & (np.arange(9) != 5))  # the three frames around each motion include frame 5
    with pytest.raises(InputError, match="does not move in any three frames"):
        reading.check_motion(np.zeros((2, 9, 4, 2)), mask)
    with pytest.raises(InputError, match="no frame can be scored"):
        reading.check_motion(truth, ~mask)
    with pytest.raises(InputError, match="does not move in any three frames"):
        reading.check_motion(truth[:, :2], mask[:, :2])


def test_times_rates_and_repeated_frames_are_those_of_smooth(tmp_path):
    observed, truth = _track(0, 30), _track(1, 30)
    at_30 = {"predictions": observed, "truth": truth, "fps": 30}
    twice = {"predictions": observed.repeat(2, axis=0), "truth": truth.repeat(2, axis=0), "fps": 50}
    files = {"a": at_30, "b": twice, "c": at_30 | {"fps": 60}, "d": at_30 | {"time": np.arange(30) / 15}}
    for name, arrays in files.items():
        np.savez(tmp_path / f"{name}.npz", **arrays)
    found = reading.read_tracks((tmp_path,))
    for track, step in zip(found.tracks, (None, 1.2, 0.5, 2.0), strict=True):
        np.testing.assert_array_equal(track.observed, observed.astype(np.float32))
        np.testing.assert_array_equal(track.truth, truth.astype(np.float32))
        if step is None:
            assert track.dt is None
        else:
            np.testing.assert_allclose(track.dt[1:], step, rtol=1e-6)
    assert [path.name for path, _ in found.notes] == ["b.npz", "b.npz", "c.npz", "d.npz"]
    for track in reading.read_tracks((tmp_path / "c.npz", tmp_path / "d.npz"), fps=10.0).tracks:
        np.testing.assert_allclose(track.dt[1:], 3.0, rtol=1e-6)
    np.savez(tmp_path / "e.npz", **at_30 | {"time": -np.arange(30.0)})
    with pytest.raises(InputError, match=r"e\.npz: time runs back"):
        reading.read_tracks((tmp_path / "e.npz",))


def test_confidence_is_that_of_smooth(tmp_path):
    observed = _track(0, 30) + 200
    by_point = np.full((30, 3), 0.5)
    by_point[3, 1] = 0
    np.savez(tmp_path / "a.npz", predictions=observed, confidence=by_point)
    np.savez(tmp_path / "b.npz", predictions=observed, score=np.linspace(0, 1, 30))
    one, two = reading.read_tracks((tmp_path,)).tracks
    np.testing.assert_array_equal(one.confidence, by_point)
    assert np.isnan(one.observed[3, 1]).all()
    assert np.isnan(one.observed).any(axis=-1).sum() == 1
    np.testing.assert_allclose(two.confidence, np.linspace(0, 1, 30).clip(0.05))
    assert np.isfinite(two.observed).all()


def test_long_gaps_split_a_track(tmp_path):
    track = _track(frames=60)
    track[20:25] = np.nan
    time = np.arange(60) / 30 + np.where(np.arange(60) < 40, 0, 3600) + np.where(np.arange(60) < 58, 0, 3600)
    np.savez(tmp_path / "a.npz", landmarks=track, truth=track + 1, time=time)
    found = reading.read_tracks((tmp_path / "a.npz",))
    # The last piece has two frames, which show no motion.
    assert [len(part.observed) for part in found.tracks] == [40, 18]
    np.testing.assert_allclose(found.tracks[1].observed, track[40:58], rtol=1e-6)
    np.testing.assert_allclose(found.tracks[1].truth, track[40:58] + 1, rtol=1e-6)
    assert found.tracks[1].dt.max() < 1.01
    assert any("a gap of more than 1.0 s 2 times" in note for _, note in found.notes)


def test_a_folder_may_hold_tracks_of_all_kinds(tmp_path):
    one = _track(0, 30) + 200
    np.savez(tmp_path / "a.npz", landmarks=one)
    (tmp_path / "b.json").write_text(json.dumps([[{"x": x, "y": y} for x, y in face.tolist()] for face in one]))
    (tmp_path / "history.json").write_text(json.dumps({"loss": [1, 2]}))
    np.save(tmp_path / "c.npy", one + 1)
    folder = tmp_path / "deep" / "d"
    folder.mkdir(parents=True)
    for k, face in enumerate(one):
        values = np.concatenate([face, np.ones((len(face), 1))], axis=1).ravel().tolist()
        people = [{"person_id": [-1], "pose_keypoints_2d": [1, 2, 1] * 3, "face_keypoints_2d": values}]
        (folder / f"v_{k:012d}_keypoints.json").write_text(json.dumps({"people": people}))
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    rows = [(k + 1, 0, 1, face) for k, face in enumerate(one)]
    (tmp_path / "a.csv").write_text(csv_text(rows, landmarks=3))  # the same track as in a.npz
    found = reading.read_tracks((tmp_path,))
    assert [len(track.observed) for track in found.tracks] == [30] * 4
    for track, added in zip(found.tracks, (0, 0, 1, 0), strict=True):
        np.testing.assert_allclose(track.observed, one + added, rtol=1e-6)
    left_out = [note for path, note in found.notes if path == tmp_path]
    assert left_out == ["left out, since no tracks are known in them: history.json, notes.csv"]
    part = reading.read_tracks((folder,), options=ReadOptions(part="pose"))
    assert part.tracks[0].observed.shape == (30, 3, 2)


def test_several_faces_have_a_truth_each(tmp_path):
    observed = np.stack([_track(0, 30) + 200, _track(1, 30) + 700])
    observed[1, 10:14] = np.nan
    truth = observed + np.array([1, 2])[:, None, None, None]
    np.savez(tmp_path / "a.npz", predictions=observed, truth=truth)
    one, two = reading.read_tracks((tmp_path / "a.npz",)).tracks
    np.testing.assert_allclose(one.truth, observed[0] + 1, rtol=1e-6)
    np.testing.assert_allclose(two.truth, observed[1] + 2, rtol=1e-6)
    np.savez(tmp_path / "b.npz", predictions=observed, truth=truth[:, :20])
    with pytest.raises(InputError, match=r"truth has shape \(2, 20, 3, 2\)"):
        reading.read_tracks((tmp_path / "b.npz",))
