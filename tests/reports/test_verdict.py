"""What is said of good, shaky, lost and broken tracks."""

import numpy as np
import pytest

from fhr_jax.markup import FACE68
from fhr_jax.reports import verdict
from fhr_jax.reports.track_data import TrackOfFace, face_sizes, measure
from tests.reports.faces import track_of

FRAMES = 200
RNG = np.random.default_rng(0)


def said(steady, raw=None, confidence=None):
    face = TrackOfFace(np.arange(len(steady)) / 30, steady, raw, confidence)
    return verdict.judge([face], [measure(face, markup=FACE68)])


def test_a_good_track():
    track = track_of(FRAMES)
    raw = track + 0.3 * RNG.normal(size=track.shape)
    found = said(track, raw, np.full((FRAMES, 68), 0.8))
    assert found.level == "good"
    assert found.line == "The track is good."
    assert found.reasons[0] == "Every frame has the face."
    assert "Smoothing moved 0.00 % of the landmarks far." in found.reasons
    assert "No frame is much less sure than the others." in found.reasons


@pytest.mark.parametrize(("lost", "level"), [(9, "good"), (10, "fair"), (39, "fair"), (40, "poor")])
def test_frames_without_the_face(lost, level):
    track = track_of(FRAMES)
    track[50 : 50 + lost] = np.nan
    found = said(track)
    assert found.level == level
    sentence = f"{lost / 2:.0f} % of the frames" if lost >= 20 else f"{lost / 2:.1f} % of the frames"
    assert any(text.startswith(sentence) for text in (*found.reasons, found.line.split(". ")[-1]))
    assert any("The face starts anew once" in reason for reason in found.reasons)


@pytest.mark.parametrize(("amount", "level"), [(0.4, "good"), (1.0, "fair"), (4.0, "poor")])
def test_jitter(amount, level):
    """Noise of s pixels a coordinate has a second difference of about s sqrt(6 pi / 2), here in % of the size."""
    track = track_of(FRAMES)
    size = np.median(face_sizes(track))
    noise = amount * size / 100 * np.random.default_rng(0).normal(size=track.shape)
    found = said(track + noise)
    assert found.level == level
    expected = amount * np.sqrt(6 * np.pi / 2)
    shown = next(s for s in (*found.reasons, found.line) if "The jitter is" in s)
    assert float(shown.split("jitter is ")[1].split(" %")[0]) == pytest.approx(expected, rel=0.05)


def test_points_that_smoothing_moved_far():
    track = track_of(FRAMES)
    raw = track.copy()
    raw[::2, 30] += 80  # 1 of 68 landmarks in every second frame: 0.74 %
    assert said(track, raw).level == "good"
    raw[:, 31] += 80
    found = said(track, raw)
    assert found.level == "fair"
    assert found.line.endswith("Smoothing moved 2.2 % of the landmarks far.")
    raw[:, 32] += 80
    assert said(track, raw).level == "poor"


def test_gaps_that_smoothing_filled_count_as_lost_and_not_as_unsure():
    track, confidence = track_of(FRAMES), np.full((FRAMES, 1), 0.98)
    raw = track.copy()
    raw[40:60], confidence[40:60] = np.nan, 0
    found = said(track, raw, confidence)
    assert found.level == "fair"
    assert found.line.endswith("10 % of the frames are without the face.")
    assert "No frame is much less sure than the others." in found.reasons


def test_frames_that_were_left_out_of_a_long_gap_count_as_lost():
    face = TrackOfFace(np.arange(FRAMES) / 30, track_of(FRAMES), left_out=50)
    found = verdict.judge([face], [measure(face, markup=FACE68)])
    assert found.line == "Do not use the track as it is. 20 % of the frames are without the face."
    face = face._replace(left_out=300_000)
    found = verdict.judge([face], [measure(face, markup=FACE68)])
    assert found.line.endswith("300000 of 300200 frames are without the face.")


def test_missing_points_count_where_the_face_is_seen():
    track = track_of(FRAMES)
    raw = track.copy()
    raw[:, :7] = np.nan
    found = said(track, raw)
    assert found.level == "fair"
    assert found.line.endswith("10 % of the landmarks were missing.")


def test_unsure_frames():
    track = track_of(FRAMES)
    confidence = np.full((FRAMES, 68), 0.8)
    confidence[:3] = 0.59
    assert said(track, None, confidence).level == "good"
    confidence[:30] = 0.59
    found = said(track, None, confidence)
    assert found.level == "poor"
    assert found.line.endswith("15 % of the frames are much less sure than the rest.")


def test_cuts_are_counted_and_are_no_fault():
    track = track_of(FRAMES)
    track[100:] += 300
    face = TrackOfFace(np.arange(FRAMES) / 30, track)
    numbers = measure(face, markup=FACE68)
    assert verdict.restarts(face, numbers).tolist() == [100]
    found = said(track)
    assert found.level == "good"
    assert found.reasons[-1] == "The face starts anew once (a cut, or a face lost and found)."


def test_jumps_away_and_back_are_a_fault():
    track = track_of(FRAMES)
    track[100:103] += 300
    found = said(track)
    assert found.level == "fair"
    assert found.line.endswith("The face jumps away and back once.")
    for start in range(0, 180, 30):
        track[start : start + 2] += 300
    assert said(track).level == "poor"


@pytest.mark.parametrize(("frames", "number"), [(1, "1 frame has"), (9, "9 frames have")])
def test_too_few_frames_are_not_called_good(frames, number):
    found = said(track_of(frames))
    line = f"There is nothing to judge. Only {number} the face, and at least 10 are needed."
    assert found == verdict.Verdict("none", line, ())
    assert said(track_of(10)).level == "good"
    track = track_of(12)
    track[3:7] = np.nan
    assert said(track).level == "poor"  # a fault is said of few frames too


def test_landmarks_in_one_place_are_no_face():
    point = np.full((FRAMES, 68, 2), 123.4)
    found = said(point + 1e-9 * RNG.normal(size=point.shape), point)
    assert found.level == "none"
    assert found.line.endswith("All landmarks lie in one place in every frame, so that there is no face to see.")
    point[:3] = track_of(3)
    assert "in one place in all but 3 frames" in said(point).line


def test_faces_that_cannot_be_judged_beside_others():
    faces = [TrackOfFace(np.arange(n) / 30, track_of(n), name=f"face {n}") for n in (4, 5, FRAMES)]
    numbers = [measure(face, markup=FACE68) for face in faces]
    found = verdict.judge(faces, numbers)
    assert found.level == "good"
    assert found.line == "1 of 3 tracks are good, the others cannot be judged."
    assert found.reasons[0] == "face 4: Only 4 frames have the face, and at least 10 are needed."
    found = verdict.judge(faces[:2], numbers[:2])
    assert found.level == "none"
    assert found.line.startswith("There is nothing to judge. None of the 2 faces")


def test_the_worst_face_decides_and_is_named():
    good, bad = track_of(FRAMES), np.full((FRAMES, 68, 2), np.nan)
    faces = [TrackOfFace(np.arange(FRAMES) / 30, own, name=name) for own, name in ((good, "face 0"), (bad, "face 1"))]
    found = verdict.judge(faces, [measure(face, markup=FACE68) for face in faces])
    assert found.level == "poor"
    assert found.line == "Do not use the track as it is. face 1: No frame has the face."
    assert found.reasons == ("Good: face 0.",)
    faces[1] = faces[0]._replace(name="face 1")
    found = verdict.judge(faces, [measure(face, markup=FACE68) for face in faces])
    assert found == verdict.Verdict("good", "All 2 tracks are good.", ())
