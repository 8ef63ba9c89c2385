"""Cuts of a film: the whole picture changes at once, by far more than in the frames before."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8

THUMBNAIL = (24, 32)
"""Height and width of the small pictures that are compared."""
MIN_CHANGE = 0.07
"""Mean absolute difference of the small pictures, in [0, 1], that a cut has at least. On five clips of real video the
three cuts have 0.10 to 0.11; in their 3,400 other frames the largest is 0.05."""
MIN_RATIO = 4.0
"""The same over the mean change of the frames before; a shaking camera has many large changes."""
MEMORY = 8
"""Number of frames before that count."""
_STILL = 0.005
"""Change that counts at least for the frames before."""


class CutState(NamedTuple):
    """What is known of the frames so far.

    Attributes:
        thumbnail: small picture of the last frame, RGB in [0, 1]; None before the first one.
        changes: the last changes, at most `MEMORY`.
    """

    thumbnail: Float32[np.ndarray, "24 32 3"] | None = None
    changes: tuple[float, ...] = ()


def read_frame(state: CutState, image: UInt8[np.ndarray, "h w 3"]) -> tuple[CutState, bool]:
    """Whether a cut lies before a frame (H, W, 3), and the state after it; the frame may have another size."""
    import cv2

    thumbnail = cv2.resize(image, THUMBNAIL[::-1], interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    if state.thumbnail is None:
        return CutState(thumbnail), False
    change = float(np.abs(thumbnail - state.thumbnail).mean())
    usual = max(float(np.mean(state.changes)) if state.changes else _STILL, _STILL)
    cut = change > MIN_CHANGE and change > MIN_RATIO * usual
    return CutState(thumbnail, () if cut else (*state.changes, change)[-MEMORY:]), cut
