"""Images as a video: one frame each, at a constant rate."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction

from fhr_jax.data.io import images
from fhr_jax.data.io.frame_sources.image_list import ImageList, list_images
from fhr_jax.data.io.frame_sources.source import Source, silent
from fhr_jax.data.io.video import Info, VideoFrame
from fhr_jax.errors import InputError

FPS = 30.0
"""Frames a second of images by default."""


@contextmanager
def open_images(text: str, *, fps: float | None) -> Generator[Source]:
    """Open the images of a folder or a pattern; see `list_images`.

    Args:
        text: the name of the folder, or the pattern.
        fps: images a second; None takes `FPS`.

    Raises:
        InputError: there are no images, none of them can be read, or the rate is out of its range.
    """
    rate = FPS if fps is None else fps
    if not 1e-3 <= rate <= 1e4:
        raise InputError(f"--fps {rate:g}: expected frames a second from 0.001 to 10000")
    listed = list_images(text)
    unreadable: list[str] = []
    size = _first_size(text, listed)

    def report() -> list[str]:
        given = "" if fps is not None else ", which --fps changes"
        lines = [f"{len(listed.files)} images, taken as {rate:g} frames a second{given}", *listed.notes]
        if unreadable:
            lines.append(f"images that cannot be read: {len(unreadable)}; the first one: {unreadable[0]}")
        return lines

    info = Info(size, Fraction(rate).limit_denominator(10_000), len(listed.files))
    yield Source(text, info, _frames(text, listed, rate, unreadable), False, report, silent)


def _frames(text: str, listed: ImageList, rate: float, unreadable: list[str]) -> Iterator[VideoFrame]:
    begin = None
    for path, number in zip(listed.files, listed.numbers, strict=True):
        try:
            image = images.read_image(path)
        except InputError as error:
            unreadable.append(str(error))
            continue
        begin = number if begin is None else begin
        yield VideoFrame(image, (number - begin) / rate, number)
    if begin is None:
        raise InputError(f"{text}: none of {len(unreadable)} images can be read; the first one: {unreadable[0]}")


def _first_size(text: str, listed: ImageList) -> tuple[int, int]:
    problem = None
    for path in listed.files:
        try:
            return images.check_image(path)
        except InputError as error:
            problem = problem or error
    raise InputError(f"{text}: none of {len(listed.files)} images can be read; the first one: {problem}")
