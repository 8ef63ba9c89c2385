"""The frames of a track that deserve a look, and pictures of them: cut from a video, or drawn from the landmarks."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from fhr_jax.data.io.video import decode_frames, open_container, size_with_square_pixels, to_rgb
from fhr_jax.errors import InputError
from fhr_jax.markup import Markup
from fhr_jax.reports.track_data import TrackNumbers, TrackOfFace
from fhr_jax.reports.verdict import restarts

APART = 0.7
"""Seconds between two of the frames, at least, so that they do not all show the same moment."""

UNREMARKABLE = 2.0
"""A frame is shown only if one of its numbers is so many times the median over frames."""

RESTART_RATIO = 5.0
"""The rank of a frame in which a face starts anew: that of a number so many times its median."""

PICTURE = 288
"""Longest side of a picture in pixels."""

_AROUND = 0.6
"""Room around the face in a picture, as a share of its longer side."""


class WorstFrame(NamedTuple):
    """A frame that deserves a look.

    Attributes:
        face: number of the face in the report, from 0.
        frame: number of the frame, from 0.
        reason: what is remarkable about it.
        ratio: of its number to the median over frames.
    """

    face: int
    frame: int
    reason: str
    ratio: float


def choose(faces: Sequence[TrackOfFace], numbers: Sequence[TrackNumbers], *, wanted: int = 8) -> tuple[WorstFrame, ...]:
    """The frames whose jitter, distance between raw and smoothed, or lack of confidence exceeds the median most.

    At most `wanted`, `APART` seconds from each other, in the order of time.
    """
    candidates = []
    for i, (face, own) in enumerate(zip(faces, numbers, strict=True)):
        jitter = (own.jitter if own.jitter_raw is None else own.jitter_raw)[:, 0].copy()
        for frame in restarts(face, own).tolist():
            jitter[max(0, frame - 1) : frame + 1] = np.nan  # a leap is no jitter
            candidates.append(WorstFrame(i, frame, "the face starts anew", RESTART_RATIO))
        candidates += _candidates(i, jitter, "jitter of {:.3g} % of the face size")
        if own.moved is not None:
            candidates += _candidates(i, own.moved, "smoothing moved it by {:.3g} % of the face size")
        if own.confidence is not None:
            with np.errstate(divide="ignore", invalid="ignore"):
                doubt = np.where(own.seen, 1 / own.confidence, np.nan)
            candidates += _candidates(i, doubt, "confidence {:.2f}", shown=own.confidence)
    chosen: list[WorstFrame] = []
    for candidate in sorted(candidates, key=lambda c: -c.ratio):
        if len(chosen) == wanted:
            break
        times = faces[candidate.face].times
        others = (c for c in chosen if c.face == candidate.face)
        if all(abs(times[c.frame] - times[candidate.frame]) >= APART for c in others):
            chosen.append(candidate)
    return tuple(sorted(chosen, key=lambda c: (faces[c.face].times[c.frame], c.face)))


def _candidates(face: int, values: np.ndarray, reason: str, *, shown: np.ndarray | None = None) -> list[WorstFrame]:
    """The 100 frames with the largest finite values, where they are `UNREMARKABLE` times the median or more."""
    known = np.flatnonzero(np.isfinite(values))
    middle = float(np.median(values[known])) if len(known) else 0
    if not middle > 0:
        return []
    highest = known[np.argsort(-values[known], kind="stable")[:100]]
    found = []
    for frame in highest.tolist():
        if (ratio := float(values[frame]) / middle) >= UNREMARKABLE:
            number = values[frame] if shown is None else shown[frame]
            found.append(WorstFrame(face, frame, reason.format(number), ratio))
    return found


def from_video(
    path: str | os.PathLike[str], windows: Mapping[float, Float[np.ndarray, "4"]]
) -> dict[float, UInt8[np.ndarray, "h w 3"]]:
    """Parts of the frames of a video, in one pass and constant memory.

    Args:
        path: the video.
        windows: for each time in seconds since the first frame, the part (x, y, width, height) in pixels, (4,).

    Returns:
        RGB bytes (H, W, 3) of the frames shown at these times, those that could be decoded.

    Raises:
        InputError: the file is no video.
    """
    import cv2

    pictures, left = {}, sorted(windows)
    with open_container(path) as (container, stream):
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        size, begin, before = None, None, None
        decoded = decode_frames(path, container, stream)
        number = -1
        while left:
            try:
                frame = next(decoded, None)
            except InputError:  # what can be decoded is enough
                frame = None
            number += 1
            time = None if frame is None else frame.time if frame.time is not None else number / rate
            begin = time if begin is None else begin
            # The frame shown at a time is the last one that began before it, half a millisecond given for rounding.
            while left and before is not None and (time is None or begin is None or time - begin > left[0] + 5e-4):
                wanted = left.pop(0)
                size = size or size_with_square_pixels(stream, before)
                pictures[wanted] = _cut(to_rgb(before, size), windows[wanted], cv2)
            if frame is None:
                break
            before = frame
    return pictures


def first_time(path: str | os.PathLike[str]) -> float:
    """When a video shows its first frame, in seconds of its own clock, which a browser counts in: mostly 0.

    Raises:
        InputError: the file is no video, or its first frame cannot be decoded.
    """
    with open_container(path) as (container, stream):
        frame = next(decode_frames(path, container, stream), None)
        return 0.0 if frame is None or frame.time is None else float(frame.time)


def window(points: Float[np.ndarray, "m 2"]) -> Float[np.ndarray, "4"]:
    """The square (x, y, width, height), (4,), around the known landmarks (M, 2), in pixels; NaN without any."""
    known = points[np.isfinite(points).all(axis=-1)]
    if not len(known):
        return np.full(4, np.nan)
    # Quantiles, so that a landmark far outside does not shrink the face to a dot.
    low, high = np.percentile(known, [5, 95], axis=0)
    side = max(float((high - low).max()), 2.0) * (1 + 2 * _AROUND)
    return np.array([*((low + high) / 2 - side / 2), side, side])


def jpeg(image: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """RGB bytes (H, W, 3) as a JPEG of middle quality, enlarged or reduced to `PICTURE` pixels."""
    import cv2

    scale = PICTURE / max(image.shape[:2])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 82])[1].tobytes()


def drawing(steady: Float[np.ndarray, "m 2"], raw: Float[np.ndarray, "m 2"] | None, *, markup: Markup) -> str:
    """The landmarks (M, 2) of a frame, in pixels, as SVG: raw below smoothed; without text, so nothing to escape."""
    view = window(steady)
    if not np.isfinite(view).all() and raw is not None:
        view = window(raw)
    if not np.isfinite(view).all():
        return ""
    parts = []
    for name, points in (("raw", raw), ("steady", steady)):
        if points is None:
            continue
        at = 100 * (np.clip(points, view[:2] - view[2], view[:2] + 2 * view[2]) - view[:2]) / view[2]
        lines = "".join(_line(at, edge) for edge in markup.edges)
        dots = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in at[np.isfinite(at).all(axis=-1)].tolist())
        kind = "dot dense" if len(points) > 120 else "dot"
        parts.append(f'<g class="{name}"><path class="line" d="{lines}"/><path class="{kind}" d="{dots}"/></g>')
    return f'<svg viewBox="0 0 100 100" aria-hidden="true">{"".join(parts)}</svg>'


def _line(at: np.ndarray, edge: Sequence[int]) -> str:
    """A polyline as a path of SVG, with gaps at missing landmarks."""
    code, pen = [], "M"
    for x, y in at[list(edge)].tolist():
        if np.isfinite(x) and np.isfinite(y):
            code.append(f"{pen}{x:.1f} {y:.1f}")
            pen = "L"
        else:
            pen = "M"
    return "".join(code)


def _cut(image: np.ndarray, part: np.ndarray, cv2: Any) -> np.ndarray:
    """The part (x, y, width, height) of an image; the whole image where the part is unknown or outside."""
    height, width = image.shape[:2]
    if np.isfinite(part).all():
        x, y, w, h = np.clip(part, -1e6, 1e6)
        left, top = max(0, int(x)), max(0, int(y))
        right, bottom = min(width, int(x + w) + 1), min(height, int(y + h) + 1)
        if right - left > 8 and bottom - top > 8:
            image = image[top:bottom, left:right]
    scale = PICTURE / max(image.shape[:2])
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image.copy()
