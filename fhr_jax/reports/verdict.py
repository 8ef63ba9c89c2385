"""Whether a track is good, in plain words: a line, and the reasons for it.

Each check compares one number of the track with two limits: beyond the first the track deserves a look, beyond the
second it should not be used as it is. `docs/report.md` says on which recordings the limits were chosen, and what they
say of others.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from fhr_jax.reports.track_data import CHUNK, TrackNumbers, TrackOfFace

Level = Literal["none", "good", "fair", "poor"]
LEVELS: tuple[Level, ...] = ("none", "good", "fair", "poor")
""""none" where there is too little to judge."""

ENOUGH = 10
"""Frames with a face from which on a track may be called good."""

POINT = 1e-6
"""A face that is smaller than this share of its largest coordinate has all landmarks in one place."""

UNSURE = 0.75
"""A frame is unsure if its mean confidence is below this share of the median over the frames."""

RESTART = 60.0
"""A face starts anew where it was not seen before, or where half of its landmarks move further than this between two
frames, in percent of the face size."""


class Limits(NamedTuple):
    """From which values on a number is fair, and from which poor.

    Attributes:
        fair: the first limit.
        poor: the second one.
    """

    fair: float
    poor: float


UNSEEN = Limits(5, 20)
"""Frames without the face, in percent."""
JITTER = Limits(1.5, 4)
"""Jitter of the middle frame (median over frames), in percent of the face size."""
BURSTS = Limits(5, 7)
"""Jitter that one frame in twenty exceeds (95th percentile), in percent of the face size."""
MOVED_FAR = Limits(1, 3)
"""Landmarks that smoothing moved far, in percent of those that are known."""
MISSING = Limits(5, 20)
"""Landmarks that are missing in frames with the face, in percent."""
HASTY = 1.0
"""Seconds; a face that starts anew twice within this time has jumped away and back."""
JUMPS = Limits(0.1, 2)
"""Jumps away and back, in percent of the frames."""
UNSURE_FRAMES = Limits(2, 10)
"""Unsure frames in percent."""


class Finding(NamedTuple):
    """One check of a track.

    Attributes:
        level: how good the number is.
        sentence: the number in words.
    """

    level: Level
    sentence: str


class Verdict(NamedTuple):
    """What is said of a track.

    Attributes:
        level: the worst of its findings, without those of faces that cannot be judged; "none" if all are such.
        line: in one line.
        reasons: further sentences, the gravest first.
    """

    level: Level
    line: str
    reasons: tuple[str, ...]


def judge(faces: Sequence[TrackOfFace], numbers: Sequence[TrackNumbers]) -> Verdict:
    """The verdict on all faces of a recording together: its level is that of the worst face."""
    findings = [
        (finding, face.name if len(faces) > 1 else "")
        for face, own in zip(faces, numbers, strict=True)
        for finding in check(face, own)
    ]
    level = max((finding.level for finding, _ in findings), key=LEVELS.index, default="poor")
    unjudged = sum(finding.level == "none" for finding, _ in findings)
    good = "The track is good." if len(faces) == 1 else f"All {len(faces)} tracks are good."
    line = {
        "none": "There is nothing to judge.",
        "good": f"{len(faces) - unjudged} of {len(faces)} tracks are good, the others cannot be judged."
        if unjudged
        else good,
        "fair": "The track is usable, but look at the marked parts.",
        "poor": "Do not use the track as it is.",
    }[level]
    findings.sort(key=lambda found: -LEVELS.index(found[0].level))
    if len(faces) > 1:  # of several, only what is wrong
        findings = [found for found in findings if found[0].level != "good"]
    sentences = [f"{name}: {finding.sentence}" if name else finding.sentence for finding, name in findings]
    fine = [face.name for face in faces if face.name not in {name for _, name in findings}]
    if len(faces) > 1 and level in ("fair", "poor") and fine:
        sentences.append(f"Good: {', '.join(fine)}.")
    if level == "none" and len(faces) > 1:
        line = f"{line} None of the {len(faces)} faces is in {ENOUGH} frames, with its landmarks apart."
    elif level != "good" and sentences:
        line = f"{line} {sentences.pop(0)}"
    return Verdict(level, line, tuple(sentences))


def check(face: TrackOfFace, numbers: TrackNumbers) -> list[Finding]:
    """What is found about one face."""
    seen = numbers.seen
    if not seen.any():
        return [Finding("poor", "No frame has the face.")]
    frames = len(seen) + face.left_out
    if (shown := _with_extent(face, seen)) < min(ENOUGH, seen.sum()):
        where = "every frame" if not shown else f"all but {shown} frame{'s' * (shown != 1)}"
        return [Finding("none", f"All landmarks lie in one place in {where}, so that there is no face to see.")]
    found = [_unseen(int((~seen).sum()) + face.left_out, frames)]
    jitter = numbers.jitter[:, 0]
    jitter = jitter[np.isfinite(jitter)]
    if len(jitter):
        found += _steadiness(jitter, numbers.jitter_raw)
    missing = float(numbers.missing[seen, 0].mean())
    if missing > 0:
        found.append(Finding(_level(missing, MISSING), f"{_percent(missing)} of the landmarks were missing."))
    if face.raw is not None:
        known = 100 - numbers.missing[:, 0]
        far = float(100 * numbers.far[:, 0].sum() / max(known.sum(), 1))
        found.append(Finding(_level(far, MOVED_FAR), f"Smoothing moved {_percent(far)} of the landmarks far."))
    if numbers.confidence is not None:
        found += _confidence(numbers.confidence)
    anew = face.times[restarts(face, numbers)]
    jumps = int((np.diff(anew) <= HASTY).sum())
    if jumps:
        found.append(Finding(_level(100 * jumps / frames, JUMPS), f"The face jumps away and back {_times(jumps)}."))
    elif len(anew):
        sentence = f"The face starts anew {_times(len(anew))} (a cut, or a face lost and found)."
        found.append(Finding("good", sentence))
    number = int(seen.sum())
    if number < ENOUGH and all(finding.level == "good" for finding in found):
        frames = "Only 1 frame has" if number == 1 else f"Only {number} frames have"
        return [Finding("none", f"{frames} the face, and at least {ENOUGH} are needed.")]
    return found


def _with_extent(face: TrackOfFace, seen: np.ndarray) -> int:
    """In how many of the frames with the face its landmarks are not all in one place; of a single landmark, in all."""
    track = face.steady if face.raw is None else face.raw
    if track.shape[1] == 1:
        return int(seen.sum())
    number = 0
    for start in range(0, len(seen), CHUNK):
        part = np.asarray(track[start : start + CHUNK][seen[start : start + CHUNK]], np.float64)
        if len(part):
            part = np.where(np.isfinite(part), part, np.nan)
            extent = (np.nanmax(part, axis=1) - np.nanmin(part, axis=1)).max(axis=-1)
            number += int((extent > POINT * np.nanmax(np.abs(part), axis=(1, 2))).sum())
    return number


def restarts(face: TrackOfFace, numbers: TrackNumbers) -> np.ndarray:
    """Numbers of the frames (N,), from 0, in which the face starts anew."""
    seen = numbers.seen
    anew = np.zeros(len(seen), bool)
    anew[1:] = seen[1:] & ~seen[:-1] & (seen.cumsum()[:-1] > 0)
    track = face.steady if face.raw is None else face.raw
    for start in range(0, len(seen), CHUNK):
        part = np.asarray(track[start : start + CHUNK + 1], np.float64)
        step = 100 * np.linalg.norm(np.diff(part, axis=0), axis=-1)
        leaps = np.where(np.isfinite(step), step, 0) > RESTART * numbers.size[start + 1 : start + len(part), None]
        anew[start + 1 : start + len(part)] |= leaps.mean(axis=1) > 0.5
    return np.flatnonzero(anew)


def _unseen(lost: int, frames: int) -> Finding:
    share = 100 * lost / frames
    sentence = "Every frame has the face." if not lost else f"{_percent(share)} of the frames are without the face."
    if share >= 99.5:  # which would be 100 %
        sentence = f"{lost} of {frames} frames are without the face."
    return Finding(_level(share, UNSEEN), sentence)


def _steadiness(jitter: np.ndarray, raw: np.ndarray | None) -> list[Finding]:
    middle, high = float(np.median(jitter)), float(np.percentile(jitter, 95))
    before = "" if raw is None else f", before smoothing {_percent(float(np.nanmedian(raw[:, 0])))}"
    found = [Finding(_level(middle, JITTER), f"The jitter is {_percent(middle)} of the face size{before}.")]
    if _level(high, BURSTS) != "good":
        sentence = f"One frame in twenty has a jitter above {_percent(high)}: broken frames, or a very fast face."
        found.append(Finding(_level(high, BURSTS), sentence))
    return found


def _confidence(confidence: np.ndarray) -> list[Finding]:
    known = confidence[np.isfinite(confidence)]
    if not len(known) or not np.median(known) > 0:
        return []
    unsure = 100 * float((known < UNSURE * np.median(known)).mean())
    if unsure == 0:
        return [Finding("good", "No frame is much less sure than the others.")]
    return [
        Finding(_level(unsure, UNSURE_FRAMES), f"{_percent(unsure)} of the frames are much less sure than the rest.")
    ]


def _level(value: float, limits: Limits) -> Level:
    return "poor" if value >= limits.poor else "fair" if value >= limits.fair else "good"


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def _percent(value: float) -> str:
    """Percent with two significant digits, so that little is not shown as nothing."""
    return f"{value:.0f} %" if value >= 10 else f"{value:.1f} %" if value >= 1 else f"{value:.2f} %"
