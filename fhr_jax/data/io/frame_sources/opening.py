"""Open whatever the user named: a file, images, a URL, a device or standard input."""

import contextlib
import os
import re
import stat
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

from fhr_jax.choices import Live
from fhr_jax.data.io import pyav, sound, video
from fhr_jax.data.io.frame_sources.image_sequence import open_images
from fhr_jax.data.io.frame_sources.source import Source
from fhr_jax.data.io.frame_sources.stream import StreamReader
from fhr_jax.data.io.video import Info, VideoFrame
from fhr_jax.errors import InputError

TIMEOUT = 10.0
"""Seconds to wait for a URL or a device by default."""
DEVICES = ("v4l2", "avfoundation", "dshow", "gdigrab", "x11grab", "fbdev", "lavfi")
"""Input devices of FFmpeg that may stand before a colon."""
_FILES = ("http", "https", "file", "ftp", "sftp")
"""Protocols that may give a whole file as well as a live stream."""
_WHOLE = 0.95
"""With a smaller share of the frames that the header of a file tells of, frames are missing; some headers estimate."""


def _never() -> bool:
    return False


@contextmanager
def open(
    text: str,
    *,
    fps: float | None = None,
    timeout: float | None = None,
    live: Live = "auto",
    stop: Callable[[], bool] = _never,
    keep_sound: bool = True,
) -> Generator[Source]:
    """Open a source of frames; it is closed at the end of the block.

    Args:
        text: a video file; a folder of images, or a pattern such as `frames/%05d.png` or `frames/*.png`; a URL; a
            device such as `/dev/video0` or `avfoundation:0`; or `-`, a video on standard input.
        fps: images a second; None takes 30. For images only.
        timeout: seconds to wait for a URL or a device to open, and for each frame; None takes 10, and none for
            standard input.
        live: whether frames for which there is no time are dropped. "auto": of a device, and of a URL without an end.
        stop: whether to stop waiting for frames.
        keep_sound: whether the sound will be asked for.

    Raises:
        InputError: there is no such thing, it cannot be read, or an option does not go with it.
    """
    url, options = _url(text)
    if url is not None:
        _only(fps, "--fps", text, "images")
        opened: Any = _open_stream(text, url, timeout, live, stop, keep_sound, options)
    else:
        _only(timeout, "--timeout", text, "a URL, a device or standard input")
        _only(None if live == "auto" else live, "--live", text, "a URL, a device or standard input")
        if os.path.isfile(text) or not (os.path.isdir(text) or re.search(r"%0?\d*d|[*?\[]", text)):
            _only(fps, "--fps", text, "images")
            opened = _open_file(text, keep_sound)
        else:
            opened = open_images(text, fps=fps)
    with opened as source:
        yield source


def _only(value: Any, option: str, text: str, where: str) -> None:
    if value is not None:
        raise InputError(f"{option} {value}: is for {where}, and {text} is something else")


def _url(text: str) -> tuple[str | None, dict[str, Any]]:
    """What FFmpeg is to open as a stream, with options of `av.open`; None for files and images."""
    if text == "-":
        if sys.stdin is not None and sys.stdin.isatty():
            raise InputError("-: expected a video on standard input, and it is a terminal")
        # A file that is given as standard input can be searched, which an .mp4 may need; a pipe cannot.
        return ("/dev/stdin" if stat.S_ISREG(_mode("/dev/stdin")) else "pipe:0"), {}
    device, _, rest = text.partition(":")
    if device in DEVICES and rest and not os.path.exists(text):
        return rest, {"format": _known(device, text)}
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text):
        return text, {}
    if stat.S_ISCHR(_mode(text)):
        return text, {"format": _known("v4l2", text)}
    return (text if stat.S_ISFIFO(_mode(text)) else None), {}


def _mode(text: str) -> int:
    """What kind of file there is under a name; 0 if there is none, or the text can be no name."""
    try:
        return os.stat(text).st_mode
    except (OSError, ValueError):
        return 0


def _known(device: str, text: str) -> str:
    if device not in pyav.load().formats_available:
        raise InputError(
            f"{text}: the FFmpeg in this PyAV was built without the device {device}; "
            f"pipe from FFmpeg itself: ffmpeg -f {device} -i ... -f matroska - | fhr-jax track - --live yes"
        )
    return device


@contextmanager
def _open_stream(
    text: str,
    url: str,
    timeout: float | None,
    live: Live,
    stop: Callable[[], bool],
    keep_sound: bool,
    options: dict[str, Any],
) -> Generator[Source]:
    piped = text == "-" or stat.S_ISFIFO(_mode(text))
    if timeout is None and not piped:
        timeout = TIMEOUT
    if timeout is not None and not 0 < timeout < 1e6:
        raise InputError(f"--timeout {timeout:g}: expected seconds above 0")
    scheme = text.partition("://")[0].lower()
    auto = False if piped else None if scheme in _FILES else True  # None: by what the stream says of its end
    reader = StreamReader(
        url,
        name="standard input" if text == "-" else text,
        live=auto if live == "auto" else live == "yes",
        timeout=timeout,
        stop=stop,
        keep_sound=keep_sound,
        **options,
    )
    try:
        info = reader.info()

        def report() -> list[str]:
            lines = [reader.problem] if reader.problem else []
            if reader.damaged:
                lines.append(f"packets that could not be decoded: {reader.damaged}")
            if reader.by_arrival:
                lines.append("the stream tells no times; they are those at which the frames came")
            if reader.live:
                lines.append(f"live: {reader.dropped} of {reader.frames} frames were dropped to keep up")
            return lines

        yield Source(text, info, iter(reader), reader.live, report, reader.sound)
    finally:
        reader.close()


@contextmanager
def _open_file(text: str, keep_sound: bool) -> Generator[Source]:
    if not os.path.isfile(text):
        raise InputError(
            f"{text}: no such video file or folder of images; expected one, a pattern of images, a URL, a device or -"
        )
    info = video.info(text)
    problems: list[str] = []
    with contextlib.ExitStack() as stack:

        def open_sound(zero: float) -> sound.Sound | None:
            av = pyav.load()
            try:
                container = stack.enter_context(av.open(text))
            except (av.FFmpegError, OSError, ValueError) as error:
                raise InputError(f"it cannot be read ({pyav.reason(error)})") from error
            return sound.of_file(container, zero=zero + info.start)

        yield Source(
            text,
            info,
            _all_frames(text, info, problems),
            False,
            lambda: [problem.removeprefix(f"{text}: ") for problem in problems],
            open_sound if keep_sound else lambda zero: None,
        )


def _all_frames(text: str, info: Info, problems: list[str]) -> Iterator[VideoFrame]:
    read = 0
    for frame in video.frames(text, on_damage=problems.append, own_size=True):
        yield frame
        read += 1
    if info.frames and read < _WHOLE * info.frames:
        told = f"the header tells of about {info.frames}; others are missing"
        problems.append(f"{read} frames could be read, but {told}")
