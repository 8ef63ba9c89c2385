"""Write videos with PyAV, one frame at a time, with or without the sound of another video."""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from fractions import Fraction

import numpy as np
from jaxtyping import UInt8

from fhr_jax.data.io import pyav
from fhr_jax.data.io.sound import Sound, sound_track
from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file

_TICKS = 90_000
"""Clock ticks a second in written files: fine enough for all usual frame rates and for irregular times."""

Write = Callable[[UInt8[np.ndarray, "h w 3"], float], None]


@contextmanager
def writer(
    path: str | os.PathLike[str], *, size: tuple[int, int], rate: Fraction, sound: Sound | None = None
) -> Generator[Write]:
    """Write an H.264 .mp4 that all players can read; the file appears once the block has succeeded.

    Args:
        path: a name that ends in .mp4.
        size: (height, width) of the frames; odd sizes are made even by repeating the last row or column.
        rate: nominal frames a second; the times of the frames decide when they are shown.
        sound: is written beside the frames, up to the end of the last one. Its 0 is that of the times. Afterwards its
            `problem` tells whether something is missing.

    Yields:
        write(image, time): RGB bytes (H, W, 3), and the time in seconds, which must increase.

    Raises:
        InputError: the folder cannot be written to, a frame has another size, or no frame was written.
    """
    av = pyav.load()
    height, width = size[0] + size[0] % 2, size[1] + size[1] % 2
    with atomic_file(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "20", "preset": "veryfast"}
        stream.codec_context.time_base = Fraction(1, _TICKS)
        track = sound_track(container, sound)
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
            if track is not None:
                track.write(last / _TICKS)

        yield write
        if last < 0:
            raise InputError(f"{path}: not written: no frames were given")
        container.mux(stream.encode())
        if track is not None:
            track.write(last / _TICKS + float(1 / rate), last=True)
