"""Look-ahead in `align_video`: with the drawn faces and the stand-in for the net of `test_pipeline.py`."""

import jax
import numpy as np
import pytest

from fhr_jax import hourglass, pipeline, stabilizer
from fhr_jax.errors import InputError
from fhr_jax.pipeline.face_smoothers import open_smoothers
from fhr_jax.pipeline.look_ahead import LookAhead
from tests.nets import random_net
from tests.pipeline.test_pipeline import SHAPE, pattern, read_pattern

LAG = 3
PARAMS = stabilizer.default_params()


@pytest.fixture
def reader(monkeypatch):
    monkeypatch.setattr(pipeline.inference, "predict", read_pattern)
    return random_net()._replace(config=hourglass.TINY._replace(crop=64))


def face_at(points):
    return pipeline.Face(points, points, np.ones(68, np.float32), np.zeros((68, 2, 2), np.float32))


def shaking(frames):
    noise = np.random.default_rng(0).normal(size=(frames, 68, 2))
    return (100 + 80 * SHAPE + noise).astype(np.float32)


def test_parts_between_two_ends_are_smoothed_by_themselves():
    track, ahead, done = shaking(20), LookAhead(PARAMS, LAG), []
    causal = []
    lengths = (10, 2, 8)
    for part in np.split(track, np.cumsum(lengths)[:-1]):
        for number, points in enumerate(part):
            face, now = ahead.read(face_at(points), np.float32(1), None)
            np.testing.assert_array_equal(face.raw, points)
            assert len(now) == (number >= LAG)
            causal.append(face.points)
            done += now
        done += ahead.end()
        assert ahead.end() == []
    np.testing.assert_array_equal([face.raw for face in done], track)
    step = jax.jit(stabilizer.step)
    begin = 0
    for length in lengths:
        part = slice(begin, begin + length)
        padded = np.full((10, 68, 2), np.nan, np.float32)
        padded[:length] = track[part]
        expected = np.asarray(stabilizer.smooth(PARAMS, padded, lag=LAG))[:length]
        np.testing.assert_allclose([face.points for face in done[part]], expected, atol=1e-3)
        state = stabilizer.init_state(PARAMS)
        for number, points in enumerate(track[part]):
            state, x = step(PARAMS, state, points)
            np.testing.assert_allclose(causal[begin + number], x, atol=1e-3)
        begin += length


def test_the_crop_follows_the_causal_landmarks(reader):
    """So a face is lost and found as without look-ahead."""
    images = [pattern((60 + 2 * t, 60), 80) for t in range(8)]
    found = {lag: list(pipeline.align_video(reader, images, box=(60, 60, 80, 80), lag=lag)) for lag in (0, LAG)}
    for now, later in zip(*found.values(), strict=True):
        np.testing.assert_allclose(later.raw, now.raw, atol=1e-3)
    delay = [np.mean([(f.raw - f.points)[:, 0].mean() for f in faces]) for faces in found.values()]
    assert abs(delay[1]) < 0.5 * abs(delay[0])


def test_frames_are_read_as_far_ahead_as_is_needed(reader):
    taken = []

    def images():
        for _ in range(8):
            taken.append(None)
            yield pattern((60, 60), 80)

    faces = pipeline.align_video(reader, images(), box=(60, 60, 80, 80), lag=LAG)
    for number, _ in enumerate(faces, 1):
        assert len(taken) == min(number + LAG, 8)


def test_parameters_without_a_smoother_and_negative_lags_are_refused(reader):
    options = {"box": (60, 60, 80, 80)}
    with pytest.raises(InputError, match="without a smoother"):
        list(pipeline.align_video(reader, [], lag=2, params=PARAMS._replace(smoother=None), **options))
    with pytest.raises(InputError, match="lag: -1"):
        list(pipeline.align_video(reader, [], lag=-1, **options))
    assert list(pipeline.align_video(reader, [], lag=2, stabilize=False, **options)) == []


def test_the_first_state_is_made_once_for_all_tracks(monkeypatch):
    made, make = [], stabilizer.init_lagged
    monkeypatch.setattr(stabilizer, "init_lagged", lambda *args, **options: made.append(1) or make(*args, **options))
    smoother = open_smoothers(PARAMS, lag=LAG)
    track, outputs = shaking(6), []
    for _ in range(2):
        ahead = smoother()
        for _ in range(2):  # lost and found again
            done = [own for points in track for own in ahead.read(face_at(points), np.float32(1), None)[1]]
            outputs.append([own.points for own in done + ahead.end()])
    assert len(made) == 1
    assert np.isfinite(outputs).all()
    for other in outputs[1:]:
        np.testing.assert_array_equal(other, outputs[0])
