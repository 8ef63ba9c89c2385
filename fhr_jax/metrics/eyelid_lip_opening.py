"""Openings of eyelids and lips, and how much of their fast movements an output keeps, and with what delay.

NumPy on the host; points are (x, y) in pixels of any unit, in the 68-point markup or in one that `has_openings`.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from fhr_jax.errors import InputError
from fhr_jax.markup import FACE68, FACE_MESH, FACE_MESH_IRISES, LAPA, WFLW, Markup

MEAN_FRAMES = 31
"""Length in frames of the centred moving mean that is subtracted, so that blinks and syllables remain."""

DELAYS = np.arange(-20, 51) / 10
"""Delays in frames that are tried."""

BLINK_FRAMES = 10
"""Frames before and after a blink that belong to it."""

_Opening = tuple[int, int, tuple[int, ...], tuple[int, ...]]
"""First and last corner, from the left of the image to the right, points above, points below."""


class _Openings(NamedTuple):
    eyes: tuple[_Opening, _Opening]
    lips: _Opening


_FACE68 = _Openings(((36, 39, (37, 38), (41, 40)), (42, 45, (43, 44), (47, 46))), (60, 64, (61, 62, 63), (67, 66, 65)))
_WFLW = _Openings(
    ((60, 64, (61, 62, 63), (67, 66, 65)), (68, 72, (69, 70, 71), (75, 74, 73))), (88, 92, (89, 90, 91), (95, 94, 93))
)
_LAPA = _Openings(
    ((66, 70, (67, 68, 69), (73, 72, 71)), (75, 79, (76, 77, 78), (82, 81, 80))),
    (96, 100, (97, 98, 99), (103, 102, 101)),
)
_MESH = _Openings(
    ((33, 133, (160, 159, 158), (144, 145, 153)), (362, 263, (385, 386, 387), (380, 374, 373))),
    (78, 308, (81, 13, 311), (178, 14, 402)),
)
_OPENINGS = {
    (own.size, own.flip): openings
    for own, openings in (
        (FACE68, _FACE68),
        (WFLW, _WFLW),
        (LAPA, _LAPA),
        (FACE_MESH, _MESH),
        (FACE_MESH_IRISES, _MESH),
    )
}


class MovementResponse(NamedTuple):
    """The response of an output to a movement.

    Attributes:
        gain: share of the amplitude that the output keeps: slope of its fast part on that of the truth, at the delay.
        delay: shift in frames with the highest correlation; positive if the output is late.
    """

    gain: float
    delay: float


def has_openings(markup: Markup) -> bool:
    """Whether openings are known: in the 68 points, WFLW, LaPa and the face mesh."""
    return (markup.size, markup.flip) in _OPENINGS


def eyelid_opening(
    track: Float[np.ndarray, "*batch t m 2"], *, markup: Markup = FACE68
) -> Float[np.ndarray, "*batch t"]:
    """Distance (..., T) of upper and lower eyelid, mean of both eyes, in the unit of the track (..., T, M, 2).

    It is measured perpendicular to the line through the eye corners.

    Raises:
        InputError: the track has another number of landmarks, or the markup has no openings.
    """
    return np.mean([_opening(track, *eye) for eye in _openings(track, markup).eyes], axis=0)


def lip_opening(track: Float[np.ndarray, "*batch t m 2"], *, markup: Markup = FACE68) -> Float[np.ndarray, "*batch t"]:
    """Distance (..., T) of the inner lips, across the line of the corners, in the unit of the track (..., T, M, 2).

    Raises:
        InputError: the track has another number of landmarks, or the markup has no openings.
    """
    return _opening(track, *_openings(track, markup).lips)


def find_blinks(opening: Float[np.ndarray, " t"], *, depth: float = 0.5) -> list[int]:
    """Frames of the blinks in a noise-free eyelid opening (T,).

    A blink is a run of frames with an opening below `depth` times the median; its frame is that of the smallest one.
    """
    closed = np.concatenate([[False], opening < depth * np.median(opening), [False]])
    starts, stops = (np.flatnonzero(np.diff(closed.astype(int)) == sign) for sign in (1, -1))
    return [int(a + np.argmin(opening[a:b])) for a, b in zip(starts, stops, strict=True)]


def blink_mask(openings: Float[np.ndarray, "n t"], *, frames: int = BLINK_FRAMES) -> Bool[np.ndarray, "n t"]:
    """Which frames of noise-free eyelid openings (N, T) lie within `frames` of a blink."""
    from scipy.ndimage import maximum_filter1d

    near = np.zeros(openings.shape, bool)
    for row, opening in zip(near, openings, strict=True):
        row[find_blinks(opening)] = True
    return maximum_filter1d(near, 2 * frames + 1, axis=1)


def movement_response(
    output: Float[np.ndarray, "n t"], truth: Float[np.ndarray, "n t"], *, mask: Bool[np.ndarray, "n t"] | None = None
) -> MovementResponse:
    """Gain and delay of the fast part of an opening, over all videos together.

    Args:
        output: (N, T), opening in the output; NaN in frames without one.
        truth: (N, T), true opening.
        mask: (N, T), frames that count. The first and last frames of a video, half of `MEAN_FRAMES` and the largest
            delay, never count, nor do frames with a NaN in the moving mean.
    """
    x, p = _fast_part(np.asarray(output, np.float64)), _fast_part(np.asarray(truth, np.float64))
    counts = np.ones(x.shape, bool) if mask is None else np.array(mask)
    edge = MEAN_FRAMES // 2 + int(np.ceil(np.abs(DELAYS).max()))
    counts &= np.isfinite(x)
    counts[:, :edge], counts[:, x.shape[1] - edge :] = False, False
    time = np.arange(x.shape[1])
    best = (-np.inf, MovementResponse(np.nan, np.nan))
    for delay in DELAYS:
        delayed = np.stack([np.interp(time - delay, time, row) for row in p])[counts]
        product, energy = float(x[counts] @ delayed), float(delayed @ delayed)
        if energy > 0 and product / np.sqrt(energy) > best[0]:
            best = (product / np.sqrt(energy), MovementResponse(product / energy, float(delay)))
    return best[1]


def _openings(track: np.ndarray, markup: Markup) -> _Openings:
    if not has_openings(markup):
        raise InputError(f"openings are not known for the markup {markup.label}")
    if track.shape[-2] != markup.size:
        raise InputError(f"track: {track.shape[-2]} landmarks, but openings are measured in {markup.size}")
    return _OPENINGS[markup.size, markup.flip]


def _opening(
    track: np.ndarray, first: int, last: int, above: tuple[int, ...], below: tuple[int, ...]
) -> Float[np.ndarray, "*batch t"]:
    along = track[..., last, :] - track[..., first, :]
    length = np.maximum(np.linalg.norm(along, axis=-1), 1e-9)
    # The line of the corners turned by 90 degrees, towards the chin: x right, y down.
    down = np.stack([-along[..., 1], along[..., 0]], axis=-1) / length[..., None]
    gap = track[..., list(below), :].mean(axis=-2) - track[..., list(above), :].mean(axis=-2)
    return (gap * down).sum(axis=-1)


def _fast_part(opening: Float[np.ndarray, "n t"]) -> Float[np.ndarray, "n t"]:
    kernel = np.ones(MEAN_FRAMES) / MEAN_FRAMES
    return opening - np.stack([np.convolve(row, kernel, mode="same") for row in opening])
