"""Clips of a given length, made from the single frames of videos."""

import numpy as np

from fhr_jax.data.records import Frames, Record, Records, record
from fhr_jax.errors import InputError


class Clips:
    """Records of `length` consecutive frames: each field but `dataset` and `file` has a leading axis of frames.

    A clip begins every `stride` frames. No clip spans a missing frame. Frames at the end of a run that do not fill a
    clip are not used.

    Args:
        frames: single frames of videos.
        length: frames of a clip.
        stride: frames from the start of a clip to the start of the next.

    Raises:
        InputError: the source has no single frames of videos, or no run of `length` frames.
    """

    def __init__(self, frames: Records, *, length: int, stride: int):
        if length < 1 or stride < 1:
            raise InputError(f"clips of {length} frames every {stride}, expected at least 1")
        if not isinstance(frames, Frames):
            raise InputError(f"{frames!r}: photographs or clips, expected single frames of videos to make clips of")
        self._frames, self._length, self._stride = frames, length, stride
        self._starts = np.array(
            [start for run in frames.runs for start in range(run.start, run.stop - length + 1, stride)], np.int64
        )
        if not len(self._starts):
            longest = max((run.stop - run.start for run in frames.runs), default=0)
            raise InputError(f"clips of {length} frames: at most {longest} frames follow one another in a video here")

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, index: int) -> Record:
        start = int(self._starts[int(index)])
        frames = [self._frames[i] for i in range(start, start + self._length)]
        sizes = {frame["image"].shape for frame in frames}
        if len(sizes) > 1:
            raise InputError(f"{frames[0]['file']}: frames of several sizes, {sizes}, expected one")
        image, points, frame = (np.stack([f[key] for f in frames]) for key in ("image", "points", "frame"))
        return record(image, points, dataset=frames[0]["dataset"], file=frames[0]["file"], frame=frame)

    def __repr__(self) -> str:
        return f"Clips({self._frames!r}, length={self._length}, stride={self._stride})"
