"""The motions that judge a filter. Training may draw from `motions`, with other amplitudes, onsets and durations."""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from fhr_jax.benchmark.known_motions import motions
from fhr_jax.benchmark.known_motions.motions import Face, Number, Time, Track

SECONDS = 3.0
"""Length of a track."""

FRAME = 1 / 30
"""Seconds. Durations below are in frames of 30 a second, whatever the rate at which a track is sampled."""

ONSET = 29 * FRAME
"""At 30 frames a second, frame 30 is the first that has moved."""

AFTER = 3
"""Frames after the last one that moved which still count as moving."""

SETTLED = 0.35
"""Seconds from which a face that rests is scored."""

MOVES = 0.25
"""A point moves if it goes at least this share of the way of the point that moves most."""


class MotionCase(NamedTuple):
    """A motion to judge by.

    Attributes:
        name: for tables.
        kind: of motion.
        listed: whether it is one of those that the stabilizer's targets name one by one.
        move: face at rest (68, 2) in pixels, times (T,) in seconds -> track (T, 68, 2).
        moving: (68,), True for landmarks that move.
    """

    name: str
    kind: str
    listed: bool
    move: Callable[[Face, Time], Track]
    moving: Bool[np.ndarray, "68"]


class SampledMotion(NamedTuple):
    """A case seen by a camera.

    Attributes:
        truth: (T, M, 2), pixels.
        moving: (M,), True for points that move.
        active: (T,), True from the first frame that moved to `AFTER` frames after the last; for rest, once settled.
        onset: first frame of `active`.
    """

    truth: Float[np.ndarray, "t m 2"]
    moving: Bool[np.ndarray, " m"]
    active: Bool[np.ndarray, " t"]
    onset: int


def sample(
    case: MotionCase, face: Face, *, rate: float = 30.0, weights: Float[np.ndarray, "m 68"] | None = None
) -> SampledMotion:
    """The track of a case at a frame rate.

    Args:
        case: one of `CASES`, or your own.
        face: at rest, (68, 2) in pixels.
        rate: frames a second.
        weights: of the 68 landmarks in each of M points, (M, 68) as from `markups.markup_weights`; None is the 68.
    """
    time = np.arange(round(SECONDS * rate)) / rate
    truth, moving = np.asarray(case.move(face, time), np.float64), case.moving
    changed = np.zeros(len(time), bool)
    # Coordinates are float32, whose last bits change where positions repeat.
    changed[1:] = np.abs(np.diff(truth, axis=0)).max(axis=(1, 2)) > 1e-3
    if changed.any():
        first, last = np.flatnonzero(changed)[[0, -1]]
        active = (np.arange(len(time)) >= first) & (np.arange(len(time)) <= last + AFTER)
    else:
        active = time > SETTLED
    if weights is not None:
        truth, moving = weights @ truth, weights @ moving > 0.5
    return SampledMotion(truth, moving, active, int(active.argmax()))


def _whole(name: str, kind: str, listed: bool, move: Callable[..., Track], **settings: Number) -> MotionCase:
    return MotionCase(name, kind, listed, partial(move, onset=ONSET, **settings), np.ones(68, bool))


def _part(
    name: str, kind: str, listed: bool, move: Callable[..., Track], weights: np.ndarray, amplitude: float, frames: int
) -> MotionCase:
    length = np.linalg.norm(weights, axis=-1)
    settings = {"weights": weights, "amplitude": amplitude, "duration": frames * FRAME}
    return MotionCase(name, kind, listed, partial(move, onset=ONSET, **settings), length >= MOVES * length.max())


def _rest(face: Face, time: Time) -> Track:
    return motions.nod(face, time, amplitude=0.0, frequency=1.0, onset=0.0)


def _jaws() -> list[MotionCase]:
    return [
        _part(f"jaw {a:g} in {n}", "jaw", True, motions.move_part, motions.LOWER_LIP_AND_CHIN, a, n)
        for a, n in ((0.25, 3), (0.4, 4), (0.15, 2))
    ]


def _blinks() -> list[MotionCase]:
    # n frames away from rest are half a sine wave of n + 1 frames.
    return [
        _part(f"blink {a:g} in {n}", "blink", True, motions.move_part_and_return, motions.UPPER_LIDS, a, n + 1)
        for a, n in ((0.06, 5), (0.12, 6), (0.2, 7))
    ]


def _nods() -> list[MotionCase]:
    return [
        _whole(f"nod {f:g} Hz {a:g}", "nod", True, motions.nod, amplitude=a, frequency=f)
        for f, a in ((1, 0.2), (2, 0.15), (3, 0.2), (4, 0.1))
    ]


def _shakes() -> list[MotionCase]:
    return [
        *(
            _whole(f"shake {f:g} Hz {a:g}", "shake", False, motions.shake, amplitude=a, frequency=f)
            for f, a in (
                *((1, 0.05), (1, 0.3), (2, 0.1), (3, 0.05), (3, 0.3), (4, 0.1), (5, 0.05)),
                *((5, 0.2), (6, 0.1), (7, 0.05), (7, 0.2), (8, 0.1), (8, 0.3)),
            )
        ),
        *(
            _whole(f"nod {f:g} Hz {a:g}", "nod", False, motions.nod, amplitude=a, frequency=f)
            for f, a in ((2, 0.05), (5, 0.1), (6, 0.05), (6, 0.2), (8, 0.1))
        ),
    ]


def _rolls() -> list[MotionCase]:
    return [
        _whole(f"roll {d:g} a frame", "roll", True, motions.roll, speed=d / FRAME, angle=float(45 // d * d))
        for d in (2, 5, 9)
    ]


def _zooms() -> list[MotionCase]:
    return [
        _whole(f"zoom {g:+.0%} a frame", "zoom", False, motions.zoom, speed=math.log1p(g) / FRAME, duration=n * FRAME)
        for g, n in ((0.03, 12), (0.08, 5), (-0.05, 8))
    ]


def _faces() -> list[MotionCase]:
    left = motions.LEFT
    return [
        *(
            _part(f"glance {a:g} in {n}", "glance", False, motions.move_part, motions.GLANCE, a, n)
            for a, n in ((0.05, 2), (0.1, 3))
        ),
        *(
            _part(f"smile {a:g} in {n}", "smile", False, motions.move_part, motions.SMILE, a, n)
            for a, n in ((0.1, 8), (0.15, 5))
        ),
        _part("wink 0.15 in 6", "one side", False, motions.move_part_and_return, left * motions.UPPER_LIDS, 0.15, 7),
        _part("half smile 0.1 in 6", "one side", False, motions.move_part, left * motions.SMILE, 0.1, 6),
        _part("one brow 0.12 in 5", "one side", False, motions.move_part, left * motions.BROWS_UP, 0.12, 5),
    ]


def _departures() -> list[MotionCase]:
    return [
        _whole(
            f"sets off {v:g} a frame" + (f" over {n}" if n else ""),
            "set off",
            False,
            motions.set_off,
            speed=v / FRAME,
            ramp=n * FRAME,
            duration=25 * FRAME,
        )
        for v, n in (
            *((v, 0) for v in (0.1, 0.2, 0.3, 0.45, 0.6, 1.0, 2.0)),
            *((0.3, 4), (1.0, 4), (0.6, 15), (2.0, 15)),
        )
    ]


CASES = (
    MotionCase("rest", "rest", True, _rest, np.ones(68, bool)),
    *_jaws(),
    *_blinks(),
    *_nods(),
    *_rolls(),
    *_zooms(),
    *_faces(),
    *_departures(),
    *_shakes(),
)
"""All cases; the amplitude in a name is in face sizes, the duration in frames of 30 a second."""
