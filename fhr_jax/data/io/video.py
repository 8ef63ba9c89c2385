"""Read video files with PyAV, one frame at a time, so that memory does not grow; `video_writer` writes them."""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from fhr_jax.data.io import pyav
from fhr_jax.data.io.sound import RESTART
from fhr_jax.data.io.video_writer import Write, writer
from fhr_jax.errors import InputError

__all__ = [
    "MAX_PIXELS",
    "FrameConverter",
    "Info",
    "Readable",
    "VideoFrame",
    "Write",
    "decode_frames",
    "frames",
    "info",
    "info_of",
    "is_damaged",
    "open_container",
    "open_input",
    "readable",
    "size_with_square_pixels",
    "to_rgb",
    "writer",
]

MAX_PIXELS = 80_000_000
_MOST_STRETCHED = 4.0
"""Largest ratio of the sides of a pixel that is taken for true; larger changes of a frame's shape are damage."""


class Info(NamedTuple):
    """Properties of a video, from its metadata.

    Attributes:
        size: (height, width) as shown: with square pixels, after the rotation or mirroring in its metadata.
        rate: frames a second, on average.
        frames: expected number of frames; None where the file does not tell.
        start: time of the first frame on the clock of the file, in seconds, which its sound shares.
    """

    size: tuple[int, int]
    rate: Fraction
    frames: int | None
    start: float = 0.0


class VideoFrame(NamedTuple):
    """One frame of a video.

    Attributes:
        image: RGB bytes (H, W, 3).
        time: seconds since the first frame.
        number: of the frame in its video, from 0.
        damaged: whether the frame is corrupt (`is_damaged`); `image` is then the best that the decoder could make of
            it, often the frame before. Those that it predicted from this frame may show the damage too.
    """

    image: UInt8[np.ndarray, "h w 3"]
    time: float
    number: int
    damaged: bool = False


def info(path: str | os.PathLike[str]) -> Info:
    """Read the properties of a video, and decode its first frame.

    Raises:
        InputError: the file cannot be read, is no video or has no frames.
    """
    with open_container(path) as (container, stream):
        return info_of(container, stream, _first(path, container, stream))


def info_of(container: Any, stream: Any, first: Any) -> Info:
    """The properties of an open video whose first frame is decoded.

    Args:
        container: of PyAV.
        stream: its video stream.
        first: the first frame.
    """
    rate = stream.average_rate or stream.guessed_rate or 25
    count = stream.frames
    if not count and stream.duration is not None and stream.time_base is not None:
        count = round(float(stream.duration * stream.time_base) * float(rate))
    elif not count and container.duration is not None:
        count = round(container.duration / 1_000_000 * float(rate))
    width, height = size_with_square_pixels(stream, first)
    height, width = _turned(first, np.empty((height, width))).shape
    start = first.time if first.time is not None else 0.0
    return Info((height, width), Fraction(rate.numerator, rate.denominator), max(0, count) or None, start)


class Readable(NamedTuple):
    """What can be read of a video.

    Attributes:
        frames: how many frames there are up to the first damage that ends it.
        damaged: numbers of those of them, from 1, that are corrupt.
        problem: why nothing more can be read, in the words of the error; empty for a whole video.
    """

    frames: int
    damaged: frozenset[int] = frozenset()
    problem: str = ""


def readable(path: str | os.PathLike[str]) -> Readable:
    """Decode a video, without keeping or converting its frames, and say what of it can be read."""
    number, damaged = 0, []
    try:
        with open_container(path) as (container, stream):
            first = None
            for number, frame in enumerate(decode_frames(path, container, stream), start=1):
                first = first or (frame.width, frame.height)
                if is_damaged(frame, first):
                    damaged.append(number)
    except InputError as error:
        return Readable(number, frozenset(damaged), str(error))
    return Readable(number, frozenset(damaged))


def is_damaged(frame: Any, first: tuple[int, int]) -> bool:
    """Whether the decoder calls a frame corrupt, or it is more than four times as wide or high as the first one shows.

    A decoder believes a size that is damaged. A video may change its size, and be turned, but not to such a shape.

    Args:
        frame: of PyAV.
        first: (width, height) in which the first frame was decoded.
    """
    change = frame.width * first[1] / max(1, frame.height * first[0])
    return frame.is_corrupt or not 1 / _MOST_STRETCHED <= change <= _MOST_STRETCHED


def frames(
    path: str | os.PathLike[str], *, on_damage: Callable[[str], None] | None = None, own_size: bool = False
) -> Iterator[VideoFrame]:
    """All frames in order, as they are shown: turned or mirrored as the metadata say, in the size of the first one.

    Pixels that are wider or narrower than high become square, by a wider or narrower image.

    Args:
        path: the file.
        on_damage: called with the reason where nothing more can be decoded after some frames; the video then ends.
            None raises it.
        own_size: leave each frame its own size where it changes within the video.

    Raises:
        InputError: the file cannot be read, is no video, has no frames, or is damaged.
    """
    with open_container(path) as (container, stream):
        convert, number = None, -1
        decoded = enumerate(decode_frames(path, container, stream))
        while True:
            try:
                number, frame = next(decoded)
            except StopIteration:
                break
            except InputError as error:
                if on_damage is None or number < 0:
                    raise
                on_damage(str(error))
                break
            convert = convert or FrameConverter(stream, frame, own_size=own_size)
            yield convert(frame, number)
        if number < 0:
            raise InputError(f"{path}: no frames in this video")


class FrameConverter:
    """Turns the decoded frames of a stream into `VideoFrame`, with times from the first one on.

    A clock that starts again, as where two recordings were joined, goes on from where it was.
    """

    def __init__(self, stream: Any, first: Any, *, own_size: bool):
        """Look at the first frame.

        Args:
            stream: of PyAV.
            first: its first decoded frame.
            own_size: leave each frame its own size; False gives all of them that of the first one.
        """
        self._stretch = _stretch(stream)
        self._step = 1 / float(stream.average_rate or stream.guessed_rate or 25)
        self._size = None if own_size else size_with_square_pixels(stream, first)
        self._first = (first.width, first.height)
        self._begin = first.time if first.time is not None else 0.0
        self._last = 0.0

    def __call__(self, frame: Any, number: int, *, time: float | None = None) -> VideoFrame:
        """Convert one frame, whose number in the video counts from 0, with its own time or another in seconds."""
        if time is None:
            time = frame.time - self._begin if frame.time is not None else number * self._step
        if time < self._last and (time <= self._step or time < self._last - RESTART):
            self._begin -= self._last + self._step - time
            time = self._last + self._step
        self._last = time = max(time, self._last)
        size = self._size or (max(1, round(frame.width * self._stretch)), frame.height)
        return VideoFrame(to_rgb(frame, size), time, number, is_damaged(frame, self._first))


def to_rgb(frame: Any, size: tuple[int, int]) -> UInt8[np.ndarray, "h w 3"]:
    """A decoded frame as RGB bytes (H, W, 3): scaled to `size` = (width, height), then turned as the metadata say."""
    image = frame.to_ndarray(format="rgb24", width=size[0], height=size[1])
    return np.ascontiguousarray(_turned(frame, image))


def size_with_square_pixels(stream: Any, frame: Any) -> tuple[int, int]:
    """(width, height) that shows a frame undistorted; `_MOST_STRETCHED` limits what is believed of the metadata."""
    return max(1, round(frame.width * _stretch(stream))), frame.height


def _stretch(stream: Any) -> float:
    """Width of a pixel over its height; 1 where the metadata are silent or not to be believed."""
    aspect = float(stream.sample_aspect_ratio or 1)
    return aspect if 1 / _MOST_STRETCHED <= aspect <= _MOST_STRETCHED else 1.0


@contextmanager
def open_container(path: str | os.PathLike[str]) -> Generator[tuple[Any, Any]]:
    """Open a video: the container of PyAV and its main video stream, closed at the end of the block.

    A file may also hold a thumbnail, or several videos; FFmpeg says which stream a player would show.

    Raises:
        InputError: the file cannot be read, or is no video.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such video file")
    with open_input(str(path), name=path) as opened:
        yield opened


@contextmanager
def open_input(url: str, *, name: object, **options: Any) -> Generator[tuple[Any, Any]]:
    """As `open_container`, for anything that FFmpeg opens.

    Args:
        url: a file, a URL, a pipe or a device.
        name: of the video in error messages.
        **options: of `av.open`.

    Raises:
        InputError: it cannot be read, or is no video.
    """
    av = pyav.load()
    from av.stream import Disposition

    try:
        container = av.open(url, **options)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputError(f"{name}: not a readable video ({pyav.why_not_opened(url, error)})") from error
    with container:
        if container.format.name == "tty":  # FFmpeg would draw the letters
            raise InputError(f"{name}: not a readable video (it is a text file)")
        moving = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
        if not moving:
            raise InputError(f"{name}: no video in this file")
        known = [stream for stream in moving if stream.codec_context is not None]
        if not known:
            raise InputError(f"{name}: a video whose codec this FFmpeg does not know; convert it, such as to H.264")
        best = container.streams.best("video")
        stream = best if best in known else known[0]
        if stream.width * stream.height * _stretch(stream) > MAX_PIXELS:
            raise InputError(
                f"{name}: frames of {stream.width} x {stream.height}; at most {MAX_PIXELS} pixels are read"
            )
        stream.thread_type = "AUTO"
        yield container, stream


def decode_frames(path: str | os.PathLike[str], container: Any, stream: Any) -> Iterator[Any]:
    """The frames of a stream of PyAV from the current position of its container on.

    Raises:
        InputError: the file is damaged.
    """
    av = pyav.load()
    number = 0
    decoded = container.decode(stream)
    while True:
        try:
            frame = next(decoded)
        except StopIteration:
            return
        except av.FFmpegError as error:
            raise InputError(f"{path}: damaged after {number} frames ({pyav.reason(error)})") from error
        if frame.width * frame.height > MAX_PIXELS:  # of a damaged file a frame may be larger than the header says
            raise InputError(f"{path}: damaged after {number} frames (a frame of {frame.width} x {frame.height})")
        number += 1
        yield frame


def _first(path: str | os.PathLike[str], container: Any, stream: Any) -> Any:
    frame = next(decode_frames(path, container, stream), None)
    if frame is None:
        raise InputError(f"{path}: no frames in this video")
    return frame


def _turned(frame: Any, image: np.ndarray) -> np.ndarray:
    """The image as shown: the display matrix of its frame turns it by quarters, mirrors it, or both.

    The pixel (x, y) is shown at (a x + c y, b x + d y), but for a shift; a, b, c and d are the entries 0, 1, 3 and 4.
    """
    for data in frame.side_data:
        if data.type.name == "DISPLAYMATRIX":
            matrix = np.frombuffer(bytes(data), np.int32)
            a, b, c, d = matrix[[0, 1, 3, 4]].tolist()
            if max(abs(a), abs(d)) < max(abs(b), abs(c)):
                image, a, d = image.swapaxes(0, 1), c, b
            return image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]
    return image
