"""A part of a video: from a time on, up to a time, one frame in so many."""

import itertools
import math
from collections.abc import Iterator

from fhr_jax.data.io.video import VideoFrame
from fhr_jax.errors import InputError


def choose(
    frames: Iterator[VideoFrame], *, start: float = 0.0, end: float = math.inf, every: int = 1
) -> Iterator[VideoFrame]:
    """The chosen frames, with the numbers that they have in the video. Of those behind `end` one is decoded.

    Args:
        frames: of the video, from its first one on.
        start: seconds from the first frame of the video to the first that is chosen, at least 0.
        end: seconds to the last one that may be chosen, more than `start`.
        every: one frame in so many is chosen, the first one included; at least 1.

    Raises:
        InputError: an argument is out of its range.
    """
    if not 0 <= start < math.inf:
        raise InputError(f"start is {start:g}, expected seconds from 0 on")
    if not end > start:
        raise InputError(f"end is {end:g}, expected more than start, {start:g} seconds")
    if every < 1:
        raise InputError(f"every is {every}, expected at least 1")
    inside = itertools.takewhile(lambda frame: frame.time <= end, frames)
    return itertools.islice(itertools.dropwhile(lambda frame: frame.time < start, inside), 0, None, every)
