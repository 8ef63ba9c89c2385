"""What `smooth` prints at its end."""

from pathlib import Path

import numpy as np
import pytest

from fhr_jax.cli.smoothing import summary
from fhr_jax.data.io.formats.base import LandmarkTrack
from fhr_jax.data.io.frame_times import Timeline

FRAMES = 200


def second_differences(track, frames):
    track = track[frames]
    return np.linalg.norm(track[2:] - 2 * track[1:-1] + track[:-2], axis=-1)


@pytest.mark.parametrize("chunk", [7, 4096])
def test_the_medians_are_those_of_all_points_that_are_observed(monkeypatch, chunk):
    monkeypatch.setattr(summary, "CHUNK", chunk)
    rng = np.random.default_rng(0)
    before, after = (100 + rng.normal(size=(FRAMES, 5, 2)) * size for size in (1.0, 0.2))
    before[20:30] = np.nan
    before[50, 3] = np.nan
    new = np.ones(FRAMES, bool)
    new[100:150:5] = False
    track = LandmarkTrack(before, np.arange(FRAMES) != 25)
    lines = summary.summary(Path("o.npz"), [track], [after], [Timeline(new, None, ())]).splitlines()
    share = 100 / (190 * 5)  # in the frames that have the face, with a row or not
    counted = "200 frames, 1 face; 10 of the frames without the face"
    assert lines[0] == f"o.npz: {counted}; elsewhere {share:.2f} % of the points were missing"
    known = np.isfinite(second_differences(before, new))
    raw, steady = (np.median(second_differences(own, new)[known]) for own in (before, after))
    assert f"without repeated frames): {raw:.3f} before, {steady:.3f} after, in pixels" in lines[1]


def first_line(*tracks):
    timelines = [Timeline(np.ones(len(track.points), bool), None, ()) for track in tracks]
    return summary.summary(Path("o"), tracks, [track.points for track in tracks], timelines).splitlines()[0]


def still(frames, **fields):
    return LandmarkTrack(100 + np.zeros((frames, 5, 2)), np.ones(frames, bool), **fields)


def test_the_frames_are_those_of_the_recording():
    assert first_line(still(100), still(100, face=1)) == "o: 100 frames, 2 faces, 0.00 % of the points were missing"
    later = still(50, face=1, first=70)
    later.points[10:13] = np.nan
    assert first_line(still(100), later).startswith(
        "o: 120 frames, 2 faces; not there: face 1 in 3 of its 50 frames; else"
    )
    gap = still(4, frame=np.array([0, 1, 2, 300_003]))
    gap.points[2] = np.nan
    assert first_line(gap).startswith(
        "o: 300004 frames, 1 face; 300001 of the frames without the face; elsewhere 0.00 %"
    )
    many = [still(9, face=i) for i in range(6)]
    for track in many:
        track.points[4] = np.nan
    assert "face 3 in 1 of its 9 frames, 2 more faces in some; elsewhere" in first_line(*many)


@pytest.mark.parametrize(("factor", "said"), [(1.0, False), (1.1, True)])
def test_a_rougher_output_is_said(factor, said):
    before = 100 + np.random.default_rng(0).normal(size=(FRAMES, 5, 2))
    track, timeline = LandmarkTrack(before, np.ones(FRAMES, bool)), Timeline(np.ones(FRAMES, bool), None, ())
    text = summary.summary(Path("o.npz"), [track], [factor * before], [timeline])
    assert ("the output jitters more than the input" in text) == said


def test_of_a_long_track_frames_at_even_distances_are_looked_at(monkeypatch):
    rng = np.random.default_rng(0)
    before = 0.5 + 0.001 * rng.normal(size=(20_000, 5, 2)).astype(np.float32)
    track, time = LandmarkTrack(before, np.ones(20_000, bool)), Timeline(np.ones(20_000, bool), None, ())
    exact = summary.summary(Path("o.npz"), [track], [before / 2], [time])
    monkeypatch.setattr(summary, "MOST", 25_000)
    asked = []

    def counted(three):
        asked.append(three.shape[1])
        return np.linalg.norm(three[2:] - 2 * three[1:-1] + three[:-2], axis=-1)

    monkeypatch.setattr(summary.metrics, "second_difference", counted)
    thinned = summary.summary(Path("o.npz"), [track], [before / 2], [time])
    assert "in units of the file" in exact
    assert 0.8 * 2 * 25_000 < sum(asked) <= 2 * 25_000
    assert thinned.splitlines()[0] == exact.splitlines()[0]
