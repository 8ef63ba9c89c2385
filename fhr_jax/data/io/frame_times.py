"""The time between the frames of a track, from the times or the rate that a file gives, and frames that are repeated.

Steps are in frames of a nominal rate: 1 is the time between two of its frames, as `stabilizer.run` and `filters.run`
take it as `dt`.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.lib.stride_tricks import sliding_window_view

from fhr_jax.errors import InputError

MIN_FPS, MAX_FPS = 1.0, 1000.0
"""Accepted frames a second. Times further apart are probably milliseconds or numbers of frames."""

RESOLUTIONS = (1e-2, 1e-3)
"""Seconds to which files round times. Programs that print six digits reach the first after 1,000 seconds."""

NEARLY_NOMINAL = 0.005
"""Share by which a rate may differ from the nominal one and count as it, such as 29.97 for 30."""

MAX_RUN = 5
"""Longest run of repeated frames, as of a frame that is stored six times; in a longer one the picture stands still."""

NEAR = 0.2
"""A frame nearly repeats the one before if it moves less than this share of what frames around it move, as where a
video was encoded again. Detectors that find each frame alone have about 0.06, those that smooth by themselves 0.5."""

CHUNK = 4096
"""Frames that are compared at once."""

AROUND = MAX_RUN + 3
"""Frames on each side that are compared; two of them are new, also where each is stored six times, and at the ends."""

SWING = -0.75
"""Median cosine between the motions before and after the frames that nearly repeat, below which it turns back.
It is -1 at turning points, and -0.5 where nothing but noise moves the points."""

MIN_RUNS = 4
"""Fewest runs of repeated frames that count as a pattern."""

MIN_SHARE = 1 / 8
"""Smallest share of repeated frames; 25 frames a second stored as 30 have a sixth."""

REGULAR = 0.8
"""Share of the runs of repeated frames that must be equally long, and as far apart as the others."""

MAX_SECONDS = 1e12
"""Times beyond this, which is 30,000 years, are no seconds."""


class Timeline(NamedTuple):
    """When the frames of a track were taken.

    Attributes:
        new: (T,) False where a frame repeats the one before.
        dt: (N,) steps before each of the N new frames, in frames of the nominal rate; None where all are 1.
        notes: what to tell the user.
    """

    new: Bool[np.ndarray, " t"]
    dt: Float[np.ndarray, " n"] | None
    notes: tuple[str, ...]


def timeline(
    points: Float[np.ndarray, "t m d"],
    *,
    nominal: float,
    time: Float[np.ndarray, " t"] | None = None,
    name: str = "time",
    present: Bool[np.ndarray, " t"] | None = None,
    fps: float | None = None,
    option: bool = False,
    frame: Int[np.ndarray, " t"] | None = None,
) -> Timeline:
    """The steps between the frames of a track that are not repeated.

    Args:
        points: (T, M, d) in any unit, NaN where missing.
        nominal: frames a second for which a step is 1; also the rate of a file without any time.
        time: (T,) in seconds from any start, NaN where unknown.
        name: of the time in the file, for messages.
        present: (T,) False for frames that the file leaves out, whose times nobody expects; None: all are there.
        fps: frames a second; counts instead of `time`.
        option: whether the user gave `fps`, and not the file.
        frame: (T,) numbers of the frames, which increase; None: 0, 1, 2 and so on.

    Raises:
        InputError: the times run backwards or are no seconds, or the rate is out of range.
    """
    notes = []
    places = np.arange(len(points)) if frame is None else frame - frame[:1]
    if fps is not None:
        source = "--fps" if option else "fps"
        if not MIN_FPS <= fps <= MAX_FPS:
            raise InputError(f"{source} is {fps:g}, expected {MIN_FPS:g} to {MAX_FPS:g} frames a second")
        seconds = places / fps
    elif time is not None:
        source = name
        seconds, notes = mend(time, name=name, present=present, frame=frame)
    else:
        seconds = None
    if len(points) < 2:
        return Timeline(np.ones(len(points), bool), None, tuple(notes))
    if seconds is None:
        notes.append(f"no times of the frames: counted as {nominal:g} frames a second; --fps gives another rate")
        seconds = places / nominal
    elif (rate := constant_rate(seconds, frame=frame)) is not None:
        # The nominal rate needs no word unless the user asks for another.
        notes += [] if _is_nominal(rate, nominal) else [f"{rate:.4g} frames a second, from {source}"]
        seconds = places / rate
    else:
        gaps = 1000 * np.percentile(np.diff(seconds), [5, 95])
        notes.append(f"frames {gaps[0]:.3g} to {gaps[1]:.3g} ms apart, from {source}")
    new = ~repeated(points)
    steps = np.diff(seconds[new])
    if not new.all():
        # A camera's frames are evenly spaced, also where only some are stored twice.
        even = frame is None and constant_rate(seconds) is not None and _evenly_spread(new)
        steps = np.full_like(steps, steps.mean()) if even else steps
        rates = f" ({1 / np.median(steps):.3g} frames a second stored as {1 / np.median(np.diff(seconds)):.3g})"
        how = "repeat" if _equal(points)[~new].all() else "repeat or nearly repeat"
        notes.append(
            f"{(~new).sum()} of {len(new)} frames {how} the one before{rates if even else ''}: "
            "left out, their output is that of the frame they repeat"
        )
    dt = np.concatenate([[1.0], steps * nominal])
    exact = np.abs(dt - 1).max() < NEARLY_NOMINAL
    return Timeline(new, None if exact else dt, tuple(notes))


def mend(
    time: Float[np.ndarray, " t"],
    *,
    name: str = "time",
    present: Bool[np.ndarray, " t"] | None = None,
    frame: Int[np.ndarray, " t"] | None = None,
) -> tuple[Float[np.ndarray, " t"] | None, list[str]]:
    """Times (T,) in seconds that increase, and what to tell the user; None where there are none to use.

    Times that are missing or repeat the one before are interpolated.

    Args:
        time: (T,) in seconds, NaN where unknown.
        name: for messages.
        present: as for `timeline`.
        frame: as for `timeline`.

    Raises:
        InputError: the times run backwards, or are so far apart that they are no seconds.
    """
    time = np.asarray(time, np.float64)
    known = np.flatnonzero(np.isfinite(time))
    if len(time) < 2:
        return None, []
    if len(known) < 2 or (time[known] == time[known[0]]).all():
        return None, [f"{name} does not change or is missing: not used"]
    back = np.flatnonzero(np.diff(time[known]) < 0)
    if len(back):
        before, after = time[known[back[0]]], time[known[back[0] + 1]]
        raise InputError(
            f"{name} runs back from {before:g} to {after:g} s at frame {known[back[0] + 1] + 1}, expected times that "
            "increase; --fps replaces them"
        )
    use = known[np.concatenate([[True], np.diff(time[known]) > 0])]
    places = np.arange(len(time)) if frame is None else frame - frame[:1]
    gaps = np.diff(time[use]) / np.diff(places[use])
    typical = float(np.median(gaps))
    if typical > 1 / MIN_FPS or np.isclose(typical, 1 / MIN_FPS):
        raise InputError(
            f"{name} rises by {typical:.3g} a frame, expected seconds, not milliseconds or frames; --fps replaces it"
        )
    if np.abs(time[use]).max() > MAX_SECONDS:
        raise InputError(f"{name} goes up to {np.abs(time[use]).max():.3g}, expected seconds; --fps replaces it")
    seconds = np.interp(places, places[use], time[use])
    seconds[: use[0]] = time[use[0]] - typical * (places[use[0]] - places[: use[0]])
    seconds[use[-1] + 1 :] = time[use[-1]] + typical * (places[use[-1] + 1 :] - places[use[-1]])
    rows = len(time) if present is None else int(present.sum())
    mended = rows - len(use)
    return seconds, [f"{name} is missing or repeats in {mended} of {rows} frames: interpolated"] if mended else []


def constant_rate(seconds: Float[np.ndarray, " t"], *, frame: Int[np.ndarray, " t"] | None = None) -> float | None:
    """The rate () in frames a second of times (T,) that are evenly spaced up to rounding; else None.

    Args:
        seconds: the times.
        frame: as for `timeline`.
    """
    if len(seconds) < 2:
        return None
    places = np.arange(len(seconds)) if frame is None else frame - frame[0]
    duration = float(seconds[-1] - seconds[0])
    step = duration / int(places[-1])
    off = np.abs(seconds - seconds[0] - step * places).max()
    if off > max(1.1 * _resolution(seconds), 0.05 * step):
        return None
    rate = 1 / step
    return float(round(rate)) if abs(rate - round(rate)) <= rate * 1.1 * _resolution(seconds) / duration else rate


def _resolution(seconds: Float[np.ndarray, " t"]) -> float:
    """Seconds to which the last times (T,) are rounded, at least the finest of `RESOLUTIONS`."""
    last = seconds[-max(10, len(seconds) // 10) :]
    for size in RESOLUTIONS:
        if (np.abs(last / size - np.round(last / size)) < 1e-3).mean() > 0.9:
            return size
    return RESOLUTIONS[-1]


def repeated(points: Float[np.ndarray, "t m d"]) -> Bool[np.ndarray, " t"]:
    """Which frames (T,) repeat the one before, or nearly so, as where a rate was raised by storing frames twice.

    Frames that are equal by chance, or because the picture stands still, do not count: the runs of repeated frames are
    at most five long, and regular. Frames that differ a little count if they move far less than the frames around them
    in such runs, and if the face moves on after them: where it swings to and fro it rests at each turning point.

    Args:
        points: (T, M, d) in any unit, NaN where missing.
    """
    if len(points) < 2:
        return np.zeros(len(points), bool)
    equal = _equal(points)
    exact = _in_regular_runs(equal)
    if exact.any():
        return exact
    for near in _nearly_equal(points):
        near = _in_regular_runs(equal | near)
        if near.any() and _moves_on(points, near):
            return near
    return exact


def _equal(points: np.ndarray) -> np.ndarray:
    """(T,) True where a frame is that before it, to the bit."""
    parts = [np.zeros(1, bool)]
    for now, before in _pairs(points):
        equal = ((now == before) | (np.isnan(now) & np.isnan(before))).all(axis=(1, 2))
        parts.append(equal & np.isfinite(now).any(axis=(1, 2)))
    return np.concatenate(parts)


def _pairs(points: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Frames and those before them, (N, M, d) each, in parts of a track (T, M, d), so that a long one is not copied."""
    for start in range(0, len(points) - 1, CHUNK):
        part = points[start : start + CHUNK + 1]
        yield part[1:], part[:-1]


def _nearly_equal(points: np.ndarray) -> list[np.ndarray]:
    """(T,) True where a frame moves far less than those around it, by two measures; False where these rest too."""
    moved = np.concatenate([_moved(now, before) for now, before in _pairs(points)])
    known = np.isfinite(moved)
    moved = np.where(known, moved, 0)
    windows = sliding_window_view(np.pad(moved, AROUND, mode="symmetric"), 2 * AROUND + 1)
    # Where few frames repeat, the median tells what the others move. Where most do, the largest ones tell it, and the
    # very largest may be a jump.
    places = [AROUND, 2 * AROUND - 1]
    parts = range(0, len(windows), CHUNK)
    around = np.concatenate([np.partition(windows[i : i + CHUNK], places, axis=1)[:, places] for i in parts])
    return [np.concatenate([[False], known & (moved < NEAR * around[:, k])]) for k in range(2)]


def _moved(now: np.ndarray, before: np.ndarray) -> np.ndarray:
    """How far most points move between frames, (N,), NaN where none is known.

    Most points, so that one that flickers does not hide a repeated frame, and points that rest do not make one.
    """
    steps = np.linalg.norm(np.subtract(now, before, dtype=np.float64), axis=-1)
    known = np.isfinite(steps)
    moved = np.full(len(steps), np.nan)
    whole = known.all(axis=1)
    moved[whole] = np.percentile(steps[whole], 80, axis=1)  # much faster than without the missing ones
    some = known.any(axis=1) & ~whole
    moved[some] = np.nanpercentile(steps[some], 80, axis=1)
    return moved


def _moves_on(points: np.ndarray, near: np.ndarray) -> bool:
    """Whether the face moves on after the frames (T,) that nearly repeat, and does not turn back there."""
    flags = near.astype(int)
    starts, ends = (np.flatnonzero(np.diff(flags, prepend=0) == 1), np.flatnonzero(np.diff(flags, append=0) == -1))
    inner = (starts > 1) & (ends < len(points) - 1)
    before, after = (np.nan_to_num(points[t[inner]] - points[t[inner] - 1]) for t in (starts - 1, ends + 1))
    size = np.sqrt((before**2).sum(axis=(1, 2)) * (after**2).sum(axis=(1, 2)))
    cosines = (before * after).sum(axis=(1, 2)) / np.where(size > 0, size, 1)
    return bool(np.median(cosines) > SWING)


def _in_regular_runs(equal: np.ndarray) -> np.ndarray:
    """Those of the flags (T,) that lie in runs, if the runs are short, many, equally long and equally far apart."""
    none = np.zeros(len(equal), bool)
    frames = np.flatnonzero(equal)
    if not len(frames):
        return none
    runs = [run for run in np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1) if len(run) <= MAX_RUN]
    if len(runs) < MIN_RUNS or sum(map(len, runs)) < MIN_SHARE * len(equal):
        return none
    lengths, gaps = np.array([len(run) for run in runs]), np.diff([run[0] for run in runs])
    # Half a frame: 24 frames a second stored as 60 are shown twice and three times in turn.
    tolerance = 1.0 if np.median(gaps) > 3 else 0.5
    if min(_regular(gaps, tolerance), _regular(lengths, 0.5)) < REGULAR:
        return none
    none[np.concatenate(runs)] = True
    return none


def _evenly_spread(new: Bool[np.ndarray, " t"]) -> bool:
    """Whether the new frames (T,) have the same rate everywhere, up to a frame, and do not lie in some part only."""
    places = np.flatnonzero(new)
    if len(places) < 2:
        return True
    even = np.linspace(places[0], places[-1], len(places))
    return bool(np.abs(places - even).max() <= MAX_RUN / 2)


def _regular(values: np.ndarray, tolerance: float) -> float:
    """Share of the values (N,) that are typical; what is typical may alternate between two numbers."""
    typical = np.median((values[1:] + values[:-1]) / 2)
    return float((np.abs(values - typical) <= tolerance).mean())


def _is_nominal(rate: float, nominal: float) -> bool:
    return abs(rate / nominal - 1) < NEARLY_NOMINAL
