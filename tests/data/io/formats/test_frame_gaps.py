from pathlib import Path

import numpy as np
import pytest

from fhr_jax.data.io import frame_times
from fhr_jax.data.io.formats import frame_gaps
from fhr_jax.data.io.landmark_arrays import DEFAULT
from fhr_jax.errors import InputError
from tests.data.io.formats.samples import track

LONGEST = frame_gaps.LONGEST


def read(frame, **fields):
    points = track(frames=len(frame))
    return frame_gaps.track_of_rows(Path("a.csv"), np.array(frame), points, DEFAULT, **fields)[0]


def test_short_gaps_are_frames_without_points():
    found = read([3, 4, 6 + LONGEST - 1])
    assert len(found.points) == 3 + LONGEST
    assert found.frame is None
    assert np.flatnonzero(found.present).tolist() == [0, 1, 2 + LONGEST]
    assert np.isnan(found.points[2:-1]).all()


def test_a_long_gap_is_shortened_and_the_frames_keep_their_numbers():
    found = read([3, 4, 300_004, 300_005], confidence=np.array([0.5, 0.6, 0.7, 0.8]), time=np.array([0.0, 1, 2, 3]))
    assert len(found.points) == 4 + LONGEST
    np.testing.assert_array_equal(found.points[found.present], track(frames=4))
    np.testing.assert_array_equal(found.confidence[found.present], [0.5, 0.6, 0.7, 0.8])
    np.testing.assert_array_equal(found.time[found.present], [0, 1, 2, 3])
    assert found.frame[[0, 1, 2, 1 + LONGEST, 2 + LONGEST, 3 + LONGEST]].tolist() == [
        0, 1, 2, 1 + LONGEST, 300_001, 300_002,
    ]  # fmt: skip


def test_the_step_over_a_long_gap_is_the_rest_of_it():
    found = read([3, 4, 300_004, 300_005])
    timeline = frame_times.timeline(found.points, nominal=30.0, frame=found.frame, present=found.present, fps=15.0)
    expected = np.full(4 + LONGEST, 2.0)
    expected[0], expected[-2] = 1, 2 * (300_000 - LONGEST)
    np.testing.assert_allclose(timeline.dt, expected)
    time = np.where(found.present, found.frame / 15, np.nan).round(3)
    again = frame_times.timeline(found.points, nominal=30.0, frame=found.frame, present=found.present, time=time)
    np.testing.assert_allclose(again.dt[1:], expected[1:], rtol=1e-6)
    assert again.notes == ("15 frames a second, from time",)


def test_many_frames_are_refused(monkeypatch):
    with pytest.raises(InputError, match=r"a.csv: face 3 spans 2000000001 frames; at most 1000000000 are read"):
        read([0, 2_000_000_000], name="face 3")
    monkeypatch.setattr(frame_gaps, "MAX_FRAMES", 100)
    with pytest.raises(InputError, match=r"face 3 has 131 frames; at most 100 are read"):
        read([0, 1, 1000], name="face 3")


def test_frames_without_any_point_are_no_part_of_a_face():
    points = track(frames=5)
    points[0], points[3] = np.nan, 0
    points[1, 2] = np.nan
    found, rows, _ = frame_gaps.track_where_present(Path("a"), points, DEFAULT, face=4)
    assert rows.tolist() == [1, 2, 4]
    assert found.present.tolist() == [True, True, False, True]
    assert np.isnan(found.points[0, 2]).all()
    assert found.face == 4
    nobody = frame_gaps.track_where_present(Path("a"), np.zeros((5, 4, 2)), DEFAULT)
    assert nobody[0] is None
