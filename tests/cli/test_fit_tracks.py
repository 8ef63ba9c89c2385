"""Pairs of tracks from files: what is read, what replaces a missing truth, what is held out, and what is refused."""

import numpy as np
import pytest

from fhr_jax.benchmark.steadiness import zero_phase
from fhr_jax.cli import fit_tracks
from fhr_jax.data.io import pts
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.errors import InputError
from tests.data.io.test_landmark_files import csv_text


def _track(seed=0, frames=20, points=3):
    return np.random.default_rng(seed).normal(size=(frames, points, 2)).cumsum(axis=0) + 50


def test_the_first_known_name_counts_and_a_missing_truth_is_smoothed(tmp_path):
    one, two, three = (_track(seed) for seed in range(3))
    np.savez(tmp_path / "a.npz", predictions=one, landmarks=two, ground_truth=three)
    np.savez(tmp_path / "b.npz", landmarks=two, truth=one, ground_truth=three)
    np.savez(tmp_path / "c.npz", landmarks=three.astype(np.int64))
    pairs, smoothed, _ = fit_tracks.read_pairs((tmp_path / "c.npz", tmp_path / "a.npz", tmp_path / "b.npz"))
    assert smoothed == 1
    whole = three.astype(np.int64).astype(np.float32)
    expected = [(whole, zero_phase(whole)), (one, three), (two, one)]  # in the order of the names
    for pair, (observed, truth) in zip(pairs, expected, strict=True):
        assert pair[0].dtype == pair[1].dtype == np.float32
        np.testing.assert_array_equal(pair[0], observed.astype(np.float32))
        np.testing.assert_array_equal(pair[1], truth.astype(np.float32))


def test_a_folder_is_searched_in_order_and_results_of_fits_are_skipped(tmp_path):
    for i, name in enumerate(("b/x.npz", "a/y.npz", "z.npz", "done/fit.npz", "done/params.npz")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        np.savez(tmp_path / name, predictions=np.full((4, 2, 2), i), truth=np.full((4, 2, 2), i))
    pairs, smoothed, _ = fit_tracks.read_pairs((tmp_path,))
    assert [observed[0, 0, 0] for observed, _ in pairs] == [1, 0, 2]
    assert smoothed == 0


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
    found = fit_tracks.read_pairs((tmp_path / "b", tmp_path / "c.csv", tmp_path / "d.npz"))
    assert found.smoothed == 2
    for (observed, _), track in zip(found.pairs[:2], tracks[:2], strict=True):
        np.testing.assert_allclose(observed, track, atol=0.06)
    assert np.isnan(found.pairs[2][0]).any(axis=-1).sum() == 6
    note = "6 points at (0, 0) read as missing; --keep-zeros keeps them"
    assert found.notes == [(tmp_path / "d.npz", note)]
    kept = fit_tracks.read_pairs((tmp_path / "d.npz",), options=ReadOptions(keep_zeros=True))
    np.testing.assert_array_equal(kept.pairs[0][0], broken.astype(np.float32))
    assert kept.notes == []


def test_without_paths_nothing_is_read(tmp_path):
    assert fit_tracks.read_pairs(()) == ([], 0, [])
    with pytest.raises(InputError, match=f"{tmp_path}: no tracks in it"):
        fit_tracks.read_pairs((tmp_path,))


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
        fit_tracks.read_pairs((tmp_path / "good.npz", tmp_path / "bad.npz"))
    assert str(caught.value).startswith(f"{tmp_path / 'bad.npz'}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("wanted", "tracks", "number"), [(None, 4, 0), (None, 5, 1), (None, 13, 3), (0, 5, 0), (4, 5, 4), (None, 0, 0)]
)
def test_a_fifth_is_held_out_unless_a_number_is_given(wanted, tracks, number):
    assert fit_tracks.holdout_count(wanted, tracks) == number


@pytest.mark.parametrize(("wanted", "tracks"), [(5, 5), (-1, 5), (0, 0)])
def test_a_track_is_left_to_fit(wanted, tracks):
    with pytest.raises(InputError, match=f"--holdout is {wanted}, expected a number from 0 to below {tracks}"):
        fit_tracks.holdout_count(wanted, tracks)


def test_each_track_is_on_one_side_and_the_order_stays():
    pairs = [(np.full((1, 1, 2), i), np.full((1, 1, 2), i)) for i in range(12)]

    def numbers(pairs):
        return [int(observed[0, 0, 0]) for observed, _ in pairs]

    chosen = set()
    for seed in range(20):
        fitted, held_out = (numbers(part) for part in fit_tracks.split_holdout(pairs, 3, seed=seed))
        assert len(held_out) == 3
        assert sorted(fitted + held_out) == list(range(12))
        assert fitted == sorted(fitted)
        assert held_out == sorted(held_out)
        assert held_out == numbers(fit_tracks.split_holdout(pairs, 3, seed=seed)[1])
        chosen |= set(held_out)
    assert chosen == set(range(12))  # the draws differ between seeds
    assert fit_tracks.split_holdout(pairs, 0, seed=0) == (pairs, [])


def test_one_scored_motion_over_three_frames_is_enough():
    truth = np.zeros((2, 9, 4, 2))
    truth[1, 5:, 2, 1] = 0.1  # one coordinate of one point moves once
    mask = np.ones((2, 9), bool)
    fit_tracks.check_motion(truth, mask)
    with pytest.raises(InputError, match="does not move in any three frames"):
        fit_tracks.check_motion(
            truth, mask & (np.arange(9) != 5)
        )  # the three frames around each motion include frame 5
    with pytest.raises(InputError, match="does not move in any three frames"):
        fit_tracks.check_motion(np.zeros((2, 9, 4, 2)), mask)
    with pytest.raises(InputError, match="no frame can be scored"):
        fit_tracks.check_motion(truth, ~mask)
    with pytest.raises(InputError, match="does not move in any three frames"):
        fit_tracks.check_motion(truth[:, :2], mask[:, :2])


def test_repeated_frames_are_left_out_and_a_rate_that_the_fit_does_not_use_is_said(tmp_path):
    observed, truth = _track(0, 30), _track(1, 30)
    at_30 = {"predictions": observed, "truth": truth, "fps": 30}
    twice = {"predictions": observed.repeat(2, axis=0), "truth": truth.repeat(2, axis=0), "fps": 50}
    files = {"a": at_30, "b": twice, "c": at_30 | {"fps": 60}, "d": at_30 | {"time": -np.arange(30.0)}}
    for name, arrays in files.items():
        np.savez(tmp_path / f"{name}.npz", **arrays)
    found = fit_tracks.read_pairs((tmp_path,))
    for pair in found.pairs:
        np.testing.assert_array_equal(pair, np.stack([observed, truth]).astype(np.float32))
    told = "a fit counts 30 frames a second, unlike this file: smooth it with these parameters and --fps"
    assert found.notes == [
        (tmp_path / "b.npz", "30 of 60 frames repeat the one before: left out"),
        (tmp_path / "b.npz", f"{told} 60"),
        (tmp_path / "c.npz", f"{told} 30"),
        (tmp_path / "d.npz", "its times are wrong, but a fit does not use them"),
    ]
    without_truth = tmp_path / "e.npz"
    np.savez(without_truth, predictions=observed.repeat(2, axis=0))
    pair = fit_tracks.read_pairs((without_truth,)).pairs[0]
    np.testing.assert_array_equal(pair[1], zero_phase(observed.astype(np.float32)).astype(np.float32))
