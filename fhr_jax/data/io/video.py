"""Read and write video files with PyAV, one frame at a time, so that memory does not grow."""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file

MAX_PIXELS = 80_000_000
_TICKS = 90_000
"""Clock ticks a second in written files: fine enough for all usual frame rates and for irregular times."""


_MOST_STRETCHED = 4.0
"""Largest ratio of the sides of a pixel that is taken for true."""


class Info(NamedTuple):
    """Properties of a video, from its metadata.

    Attributes:
        size: (height, width) as shown: with square pixels, after the rotation or mirroring in its metadata.
        rate: frames a second, on average.
        frames: expected number of frames; None where the file does not tell.
    """

    size: tuple[int, int]
    rate: Fraction
    frames: int | None


class VideoFrame(NamedTuple):
    """One frame of a video.

    Attributes:
        image: RGB bytes (H, W, 3).
        time: seconds since the first frame.
        damaged: whether the frame is corrupt; `image` is then the best that the decoder could make of it, often the
            frame before.
    """

    image: UInt8[np.ndarray, "h w 3"]
    time: float
    damaged: bool = False


def info(path: str | os.PathLike[str]) -> Info:
    """Read the properties of a video, and decode its first frame.

    Raises:
        InputError: the file cannot be read, is no video or has no frames.
    """
    with open_container(path) as (container, stream):
        first = _first(path, container, stream)
        rate = stream.average_rate or stream.guessed_rate or 25
        count = stream.frames
        if not count and stream.duration is not None and stream.time_base is not None:
            count = round(float(stream.duration * stream.time_base) * float(rate))
        elif not count and container.duration is not None:
            count = round(container.duration / 1_000_000 * float(rate))
        width, height = size_with_square_pixels(stream, first)
        height, width = _turned(first, np.empty((height, width))).shape
        return Info((height, width), Fraction(rate.numerator, rate.denominator), count or None)


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
            for number, frame in enumerate(decode_frames(path, container, stream), start=1):
                if frame.is_corrupt:
                    damaged.append(number)
    except InputError as error:
        return Readable(number, frozenset(damaged), str(error))
    return Readable(number, frozenset(damaged))


def frames(path: str | os.PathLike[str], *, on_damage: Callable[[str], None] | None = None) -> Iterator[VideoFrame]:
    """All frames in order, as they are shown: turned or mirrored as the metadata say, in the size of the first one.

    Pixels that are wider or narrower than high become square, by a wider or narrower image.

    Args:
        path: the file.
        on_damage: called with the reason where nothing more can be decoded after some frames; the video then ends.
            None raises it.

    Raises:
        InputError: the file cannot be read, is no video, has no frames, or is damaged.
    """
    with open_container(path) as (container, stream):
        size, begin, number = None, 0.0, -1
        rate = float(stream.average_rate or stream.guessed_rate or 25)
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
            size = size or size_with_square_pixels(stream, frame)
            time = frame.time if frame.time is not None else begin + number / rate
            begin = time if number == 0 else begin
            yield VideoFrame(to_rgb(frame, size), time - begin, frame.is_corrupt)
        if number < 0:
            raise InputError(f"{path}: no frames in this video")


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


Write = Callable[[UInt8[np.ndarray, "h w 3"], float], None]


@contextmanager
def writer(path: str | os.PathLike[str], *, size: tuple[int, int], rate: Fraction) -> Generator[Write]:
    """Write an H.264 .mp4 that all players can read; the file appears once the block has succeeded.

    Args:
        path: a name that ends in .mp4.
        size: (height, width) of the frames; odd sizes are made even by repeating the last row or column.
        rate: nominal frames a second; the times of the frames decide when they are shown.

    Yields:
        write(image, time): RGB bytes (H, W, 3), and the time in seconds, which must increase.

    Raises:
        InputError: the folder cannot be written to, a frame has another size, or no frame was written.
    """
    av = _av()
    height, width = size[0] + size[0] % 2, size[1] + size[1] % 2
    with atomic_file(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "20", "preset": "veryfast"}
        stream.codec_context.time_base = Fraction(1, _TICKS)
        last = -1

        def write(image: np.ndarray, time: float) -> None:
            nonlocal last
            if image.shape[:2] != size:
                raise InputError(f"{path}: a frame of {image.shape[:2]}, expected {size}")
            image = np.pad(image, ((0, height - size[0]), (0, width - size[1]), (0, 0)), mode="edge")
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            last = max(last + 1, round(time * _TICKS))
            frame.pts, frame.time_base = last, Fraction(1, _TICKS)
            container.mux(stream.encode(frame))

        yield write
        if last < 0:
            raise InputError(f"{path}: not written: no frames were given")
        container.mux(stream.encode())


def _av() -> Any:
    try:
        import av
    except ImportError as error:
        raise InputError('reading and writing video needs PyAV: pip install "fhr-jax[video]"') from error
    return av


@contextmanager
def open_container(path: str | os.PathLike[str]) -> Generator[tuple[Any, Any]]:
    """Open a video: the container of PyAV and its main video stream, closed at the end of the block.

    A file may also hold a thumbnail, or several videos; FFmpeg says which stream a player would show.

    Raises:
        InputError: the file cannot be read, or is no video.
    """
    av = _av()
    if not Path(path).is_file():
        raise InputError(f"{path}: no such video file")
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path}: not a readable video ({reason})") from error
    with container:
        if not container.streams.video:
            raise InputError(f"{path}: no video in this file")
        stream = container.streams.best("video") or container.streams.video[0]
        if stream.codec_context is None:
            raise InputError(f"{path}: a video of a kind that FFmpeg cannot decode")
        if stream.width * stream.height * _stretch(stream) > MAX_PIXELS:
            raise InputError(
                f"{path}: frames of {stream.width} x {stream.height}; at most {MAX_PIXELS} pixels are read"
            )
        stream.thread_type = "AUTO"
        yield container, stream


def decode_frames(path: str | os.PathLike[str], container: Any, stream: Any) -> Iterator[Any]:
    """The frames of a stream of PyAV from the current position of its container on.

    Raises:
        InputError: the file is damaged.
    """
    av = _av()
    number = 0
    decoded = container.decode(stream)
    while True:
        try:
            frame = next(decoded)
        except StopIteration:
            return
        except av.FFmpegError as error:
            raise InputError(f"{path}: damaged after {number} frames ({error.strerror})") from error
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
