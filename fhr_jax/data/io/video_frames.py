"""Frame-exact random access to a video file, with one decoded frame in memory."""

import contextlib
import os
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from fhr_jax.data.io.video import decode_frames, is_damaged, open_container, size_with_square_pixels, to_rgb
from fhr_jax.errors import InputError

MAX_SKIP = 64
"""Frames at most this far ahead are reached by decoding; others by seeking."""


class VideoFrames:
    """video[i] is frame i, from 0, of those that `video.frames` yields, as RGB bytes (H, W, 3).

    Reading in order takes one pass. Random access decodes from the preceding key frame. Before the first seek, one pass
    reads the times of all frames, because the index of a file is not reliable. Where times are missing or repeated,
    seeking back starts at the beginning.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self._path = Path(path)
        self._lock = threading.Lock()
        self._stack = contextlib.ExitStack()
        self._container: Any = None
        self._stream: Any = None
        self._frames: Iterator[Any] = iter(())
        self._next = 0
        self._size: tuple[int, int] | None = None
        self._first = (0, 0)
        self._times: list[int] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return VideoFrames, (self._path,)

    def __getitem__(self, index: int) -> UInt8[np.ndarray, "h w 3"]:
        """Frame `index` as RGB bytes (H, W, 3).

        Raises:
            InputError: the file cannot be read, is damaged, or ends before that frame.
        """
        if index < 0:
            raise IndexError(f"frame {index}: frames count from 0")
        with self._lock:
            if self._container is None:
                self._open()
            if not 0 <= index - self._next <= MAX_SKIP:
                self._seek(index)
            while True:
                frame = next(self._frames, None)
                if frame is None:
                    end = self._next
                    self.close()
                    raise InputError(f"{self._path}: ends after {end} frames, expected frame {index + 1}")
                size = self._keep_size(frame)
                self._next += 1
                if self._next > index:
                    if is_damaged(frame, self._first):
                        raise InputError(f"{self._path}: frame {self._next} is damaged")
                    return to_rgb(frame, size)

    def close(self) -> None:
        """Close the file; the next access opens it again."""
        self._stack.close()
        self._container, self._frames, self._next = None, iter(()), 0

    def _open(self) -> None:
        self.close()
        self._container, self._stream = self._stack.enter_context(open_container(self._path))
        self._frames = decode_frames(self._path, self._container, self._stream)

    def _keep_size(self, frame: Any) -> tuple[int, int]:
        """(width, height) in which the first frame of the video, and so all of them, are shown."""
        if self._size is None:
            self._size = size_with_square_pixels(self._stream, frame)
            self._first = (frame.width, frame.height)
        return self._size

    def _read_times(self) -> None:
        """Read the times of all frames, up to the first damage."""
        self._open()
        self._times = []
        with contextlib.suppress(InputError):
            for frame in self._frames:
                self._keep_size(frame)
                self._times.append(frame.pts)

    def _seek(self, index: int) -> None:
        """Make frame `index` the next one, or start at the beginning."""
        if self._times is None:
            self._read_times()
        times = self._times or []
        self._open()
        if index >= len(times) or None in times or any(a >= b for a, b in pairwise(times)):
            return
        with contextlib.suppress(OSError):  # if seeking fails, the times below show it
            self._container.seek(times[index], stream=self._stream)
        frames = decode_frames(self._path, self._container, self._stream)
        for frame in frames:
            if frame.pts is None or frame.pts > times[index]:
                self._open()
                return
            if frame.pts == times[index]:
                self._frames, self._next = _chain(frame, frames), index
                return
        self._open()


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest
