"""The numbers of a track against loops over frames and landmarks, and against values by hand."""

import numpy as np
import pytest

from fhr_jax.markup import FACE7, FACE68, regions_of, unknown
from fhr_jax.reports import track_data
from fhr_jax.reports.track_data import FAR, TrackOfFace, measure
from tests.reports.faces import face, track_of

RATE = 30.0


def numbers_by_loops(steady, raw):
    """Jitter, jitter before smoothing, missing and moved landmarks by region, from their definitions."""
    frames, points = steady.shape[:2]
    size = [np.sqrt(((frame - frame.mean(axis=0)) ** 2).sum(axis=1).mean()) for frame in steady]
    regions = {"whole face": range(points), **regions_of(FACE68)}
    result = {name: np.full((frames, len(regions)), np.nan) for name in ("jitter", "jitter_raw", "missing", "far")}
    for r, members in enumerate(regions.values()):
        for t in range(frames):
            for name, track in (("jitter", steady), ("jitter_raw", raw)):
                if 0 < t < frames - 1:
                    seconds = [np.hypot(*(track[t - 1, i] - 2 * track[t, i] + track[t + 1, i])) for i in members]
                    known = [100 * value / size[t] for value in seconds if not np.isnan(value)]
                    result[name][t, r] = np.mean(known) if known else np.nan
            gone = [np.isnan(raw[t, i]).any() for i in members]
            away = [100 * np.hypot(*(raw[t, i] - steady[t, i])) / size[t] > FAR for i in members]
            result["missing"][t, r], result["far"][t, r] = 100 * np.mean(gone), 100 * np.mean(away)
    return size, result


@pytest.fixture
def both():
    steady = track_of(25)
    raw = steady + np.random.default_rng(1).normal(size=steady.shape)
    raw[5:9, 36:48] = np.nan
    raw[12, 3] += 60
    raw[20] = np.nan
    return steady, raw


@pytest.mark.parametrize("chunk", [4096, 7, 1])
def test_numbers_are_those_of_loops_in_chunks_too(both, chunk, monkeypatch):
    monkeypatch.setattr(track_data, "CHUNK", chunk)
    steady, raw = both
    trust = np.linspace(0, 1, 25 * 68).reshape(25, 68)
    found = measure(TrackOfFace(np.arange(25) / RATE, steady, raw, trust), markup=FACE68)
    size, expected = numbers_by_loops(steady, raw)
    np.testing.assert_allclose(found.size, size)
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(found, name), values, atol=1e-9, err_msg=name)
    assert found.regions == ("whole face", "jaw", "brows", "nose", "eyes", "mouth")
    assert found.far[12].max() == pytest.approx(100 / 17)
    np.testing.assert_allclose(found.confidence, np.where(found.seen, trust.mean(axis=1), np.nan))
    moved = 100 * np.linalg.norm(raw - steady, axis=-1) / np.array(size)[:, None]
    np.testing.assert_allclose(found.moved[[0, 12, 24]], moved[[0, 12, 24]].mean(axis=1))
    assert np.isnan(found.moved[20])
    assert np.flatnonzero(~found.seen).tolist() == [20]


def test_a_track_that_was_not_smoothed_has_no_numbers_of_smoothing():
    steady = track_of(6)
    steady[2] = np.nan
    found = measure(TrackOfFace(np.arange(6) / RATE, steady), markup=FACE68)
    assert found.jitter_raw is None
    assert found.moved is None
    assert found.confidence is None
    assert (found.far == 0).all()
    assert found.missing[:, 0].tolist() == [0, 0, 100, 0, 0, 0]
    assert found.seen.tolist() == [True, True, False, True, True, True]
    assert np.isnan(found.jitter[:4, 0]).all()  # beside the missing frame, and at the ends
    assert np.isfinite(found.jitter[4, 0])


def test_openings_are_in_percent_of_the_face_size():
    points = face()
    points[[41, 40, 46, 47], 1] = points[[37, 38, 44, 43], 1] + 0.125 * 100
    points[[37, 38, 43, 44], 0] = points[[41, 40, 47, 46], 0]
    found = measure(TrackOfFace(np.zeros(1), points[None]), markup=FACE68)
    size = np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean())
    np.testing.assert_allclose(found.eyes, 100 * 12.5 / size, rtol=0.05)
    assert measure(TrackOfFace(np.zeros(1), points[None, :7]), markup=FACE7).eyes is None


def test_the_size_of_an_incomplete_frame_is_that_of_its_neighbours():
    track = np.stack([face(), 2 * face(), 3 * face()])
    whole = track_data.face_sizes(track)
    track[1, 5] = np.nan
    np.testing.assert_allclose(track_data.face_sizes(track), [whole[0], (whole[0] + whole[2]) / 2, whole[2]])
    assert track_data.face_sizes(np.zeros((3, 4, 2))).tolist() == [1, 1, 1]
    assert track_data.face_sizes(np.full((2, 4, 2), np.nan)).tolist() == [1, 1]
    some = track_data.face_sizes(np.array([[[0.0, 0], [2, 0], [np.nan, np.nan]]]))
    np.testing.assert_allclose(some, [1.0])


def test_the_mean_shape_is_upright_and_of_one_size():
    upright = face()
    turns = [np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) for a in np.linspace(-0.6, 0.7, 9)]
    track = np.stack([scale * upright @ turn.T + 50 for scale, turn in zip(range(1, 10), turns, strict=True)])
    track[3, 8] = np.nan
    shape = track_data.mean_shape(track, markup=FACE68)
    corners = shape[45] - shape[36]
    assert corners[0] > 0
    assert corners[1] == pytest.approx(0, abs=1e-9)
    assert np.sqrt((shape**2).sum(axis=1).mean()) == pytest.approx(1, rel=0.02)
    assert shape[8, 1] > shape[27, 1]  # the chin is below
    assert track_data.mean_shape(track, markup=unknown(68)).shape == (68, 2)
    assert np.isnan(track_data.mean_shape(np.full((2, 68, 2), np.nan), markup=FACE68)).all()
