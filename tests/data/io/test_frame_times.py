"""Steps between frames, from times that are good, rounded, mended or refused, and frames that are repeated."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhr_jax.data.io import frame_times
from fhr_jax.errors import InputError


def track(frames=60, points=5, seed=0):
    return np.random.default_rng(seed).normal(size=(frames, points, 2)).cumsum(axis=0)


def dt_of(**time):
    found = frame_times.timeline(track(), nominal=30.0, **time)
    assert found.new.all()
    return found.dt, found.notes


@pytest.mark.parametrize("rate", [12, 15, 24, 25, 50, 59.94, 60, 120])
@pytest.mark.parametrize("digits", [3, 9])
def test_an_even_rate_is_found_through_rounding(rate, digits):
    expected = [1.0, *59 * [30 / rate]]
    for time in ({"time": np.round(12 + np.arange(60) / rate, digits)}, {"fps": float(rate)}):
        dt, notes = dt_of(**time)
        np.testing.assert_allclose(dt, expected, rtol=2e-3)
        assert len(notes) == 1
        assert "frames a second, from" in notes[0]


def test_30_frames_a_second_need_no_steps_and_no_time_is_said():
    assert dt_of() == (None, ("no times of the frames: counted as 30 frames a second; --fps gives another rate",))
    for time in ({"fps": 29.97}, {"time": np.round(np.arange(60) / 30, 3)}):
        assert dt_of(**time) == (None, ())


def test_a_variable_rate_keeps_its_steps():
    seconds = np.random.default_rng(0).uniform(0.01, 0.06, 60).cumsum()
    dt, notes = dt_of(time=seconds)
    np.testing.assert_allclose(dt[1:], 30 * np.diff(seconds))
    assert dt[0] == 1
    assert "ms apart, from time" in notes[0]


@given(seed=st.integers(0, 99))
def test_missing_and_repeated_times_are_interpolated(seed):
    rng = np.random.default_rng(seed)
    seconds = np.arange(60) / 25
    lost = rng.choice(60, 7, replace=False)
    broken = seconds.copy()
    broken[lost[:4]] = np.nan
    found, notes = frame_times.mend(broken)
    np.testing.assert_allclose(found, seconds, atol=1e-9)
    assert notes == ["time is missing or repeats in 4 of 60 frames: interpolated"]
    twice = seconds.copy()
    twice[30] = twice[29]
    found, notes = frame_times.mend(twice, name="timestamp")
    np.testing.assert_allclose(found, seconds, atol=1e-9)
    assert notes == ["timestamp is missing or repeats in 1 of 60 frames: interpolated"]
    present = np.isfinite(broken)
    assert frame_times.mend(broken, present=present)[1] == []


@pytest.mark.parametrize("time", [np.full(60, np.nan), np.zeros(60), np.where(np.arange(60) == 3, 1.0, np.nan)])
def test_times_that_tell_nothing_are_not_used_and_it_says_so(time):
    dt, notes = dt_of(time=time)
    assert dt is None
    assert "not used" in notes[0]
    assert "counted as 30" in notes[1]


@pytest.mark.parametrize(
    ("time", "message"),
    [
        ({"time": np.where(np.arange(60) == 30, 0.2, np.arange(60) / 30)}, "runs back from 0.966667 to 0.2 s at frame"),
        ({"time": np.arange(60.0)}, "rises by 1 a frame, expected seconds"),
        ({"time": np.arange(60.0) * 40}, "rises by 40 a frame, expected seconds"),
        ({"fps": 0.0}, "fps is 0, expected 1 to 1000"),
        ({"fps": np.nan}, "fps is nan"),
        ({"fps": 5000.0, "option": True}, "--fps is 5000"),
    ],
)  # fmt: skip
def test_times_that_cannot_be_are_refused(time, message):
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        dt_of(**time)


@pytest.mark.parametrize(("rate", "stored"), [(25, 50), (15, 60), (20, 60), (24, 30), (25, 30), (50, 60), (24, 60)])
def test_frames_that_raise_a_rate_are_found(rate, stored):
    shown = np.floor(np.arange(120) * rate / stored + 1e-9).astype(int)
    found = frame_times.timeline(track(130)[shown], nominal=30.0, fps=float(stored))
    np.testing.assert_array_equal(found.new, np.diff(shown, prepend=-1) > 0)
    np.testing.assert_allclose(found.dt[1:], 30 / rate, rtol=0.02)
    assert "frames repeat the one before" in found.notes[-1]


def test_gaps_repeat_too_and_variable_times_add_up():
    points = track(30)
    points[10:12] = np.nan
    points[20, 1] = np.nan
    seconds = np.random.default_rng(0).uniform(0.01, 0.03, 60).cumsum()
    found = frame_times.timeline(points.repeat(2, axis=0), nominal=30.0, time=seconds)
    assert found.new[::2].all()
    assert found.new[1::2].sum() == 2  # nothing is known to repeat
    np.testing.assert_allclose(found.dt[1:].sum(), 30 * (seconds[found.new][-1] - seconds[0]))


@pytest.mark.parametrize("times", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("noise", [0.0, 0.03])
def test_frames_stored_several_times_are_found_also_nearly_equal(times, noise):
    points = track(40, 30).repeat(times, axis=0)
    points += noise * np.random.default_rng(1).normal(size=points.shape)
    points[50:53, :4] += 20  # an outlier hides no repeated frame, nor does a missing point
    points[70, 2] = np.nan
    found = frame_times.timeline(points, nominal=30.0, fps=30.0)
    expected = np.arange(len(points)) % times == 0
    wrong = found.new != expected
    assert wrong.mean() < 0.04
    assert not wrong[expected].any()
    how = "repeat or nearly repeat" if noise else "repeat"
    assert f"{(~found.new).sum()} of {len(points)} frames {how} the one before" in found.notes[-1]


@pytest.mark.parametrize(("rate", "stored"), [(25, 30), (24, 30), (20, 30), (15, 30), (25, 50)])
def test_frames_that_raise_a_rate_are_found_after_encoding_again(rate, stored):
    shown = np.floor(np.arange(150) * rate / stored + 1e-9).astype(int)
    points = track(160, 30)[shown]
    found = frame_times.repeated(points + 0.03 * np.random.default_rng(2).normal(size=points.shape))
    np.testing.assert_array_equal(found, np.diff(shown, prepend=-1) == 0)


@pytest.mark.parametrize("noise", [0.0, 0.01, 1.0])
@pytest.mark.parametrize("kind", ["constant", "rests", "stops", "drifts", "shakes", "shakes to and fro"])
def test_a_face_that_rests_or_swings_does_not_repeat(kind, noise):
    face, time = 30 * track(1, 30), np.arange(120.0)[:, None, None]
    motion = {
        "constant": 0 * time,
        "rests": np.where(time % 40 < 20, 0, 3 * (time % 40 - 20)),
        "stops": 2 * np.minimum(time, 60),
        "drifts": 0.1 * time,
        "shakes": 10 * np.sin(2 * np.pi * time / 8),
        "shakes to and fro": 10 * np.sin(2 * np.pi * (time / 4 + 1 / 8)),
    }[kind]
    points = face + motion + noise * np.random.default_rng(3).normal(size=(120, 30, 2))
    assert not frame_times.repeated(points).any()


@given(seed=st.integers(0, 99), share=st.floats(0.02, 0.7))
def test_chance_and_still_pictures_are_no_pattern(seed, share):
    rng = np.random.default_rng(seed)
    points = track(120)
    assert not frame_times.repeated(points).any()
    assert not frame_times.repeated(
        points[np.sort(rng.integers(0, 120, 120)) if share < 0.2 else np.zeros(120, int)]
    ).any()
    still = points.copy()
    still[30:60] = still[30]
    assert not frame_times.repeated(still).any()
    few = points.copy()
    for t in rng.choice(np.arange(1, 120), max(1, int(0.1 * share * 120)), replace=False):
        few[t] = few[t - 1]
    assert not frame_times.repeated(few).any()


@pytest.mark.parametrize("rate", [24, 30, 60])
@pytest.mark.parametrize("first", [0.0, 990.0])
def test_times_of_six_digits_are_evenly_spaced(rate, first):
    """OpenFace's timestamps have two decimals after 1,000 seconds, and three before."""
    seconds = first + np.arange(60 * rate) / rate
    written = np.array([float(f"{value:.6g}") for value in seconds])
    points = np.zeros((len(seconds), 5, 2)) + np.arange(len(seconds))[:, None, None]
    found = frame_times.timeline(points, nominal=30.0, time=written)
    expected = None if rate == 30 else np.array([1.0, *(len(seconds) - 1) * [30 / rate]])
    np.testing.assert_equal(found.dt if found.dt is None else found.dt.round(2), expected)


@pytest.mark.parametrize("time", [{}, {"fps": 60.0}, {"time": np.zeros(1)}])
def test_a_single_frame_has_no_steps(time):
    found = frame_times.timeline(track(1), nominal=30.0, **time)
    assert found.new.tolist() == [True]
    assert found[1:] == (None, ())


def test_frames_that_repeat_in_some_part_keep_their_own_times():
    shown = np.concatenate([np.arange(100), 100 + np.repeat(np.arange(50), 2), np.arange(150, 250)])
    found = frame_times.timeline(track(250)[shown], nominal=30.0, fps=30.0)
    np.testing.assert_array_equal(found.new, np.diff(shown, prepend=-1) > 0)
    np.testing.assert_allclose(found.dt, [*100 * [1.0], 1.0, *49 * [2.0], 2.0, *99 * [1.0]])
    assert "stored as" not in found.notes[-1]


def test_times_of_thirty_thousand_years_are_no_seconds():
    with pytest.raises(InputError, match=r"time goes up to 1e\+300, expected seconds"):
        frame_times.mend(np.array([0, 0.04, 0.08, 0.12, 1e300]))
