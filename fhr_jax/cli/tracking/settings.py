"""What the options of `fhr-jax track` mean: boxes, parameters of the stabilizer, look-ahead."""

from pathlib import Path

import numpy as np

from fhr_jax import pipeline, stabilizer
from fhr_jax.cli import look_ahead
from fhr_jax.data.sources.boxes import read_video_boxes
from fhr_jax.errors import InputError
from fhr_jax.pipeline.face_detector import DEFAULT as DEFAULT_DETECTOR

LAG = 5
"""Frames of look-ahead by default."""


def parse_faces(text: str) -> int | None:
    """The largest number of faces from text such as `3`; None for `all`.

    Raises:
        InputError: the text is something else.
    """
    if text.strip().lower() == "all":
        return None
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise InputError(f"--faces {text!r}: expected a number from 1 on, or all")
    return int(text)


def check_part(start: float, end: float | None, every: int) -> None:
    """Check --start, --end and --every, in seconds, seconds and frames.

    Raises:
        InputError: one of them is out of its range.
    """
    if not 0 <= start < np.inf:
        raise InputError(f"--start {start:g}: expected seconds from 0 on")
    if end is not None and not end > start:
        raise InputError(f"--end {end:g}: expected more than --start, {start:g} seconds")
    if every < 1:
        raise InputError(f"--every {every}: expected at least 1")


def parse_box(text: str) -> pipeline.Box:
    """The box (x, y, width, height) in pixels from text such as `10,20,100,120`.

    Raises:
        InputError: the text is something else.
    """
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--box {text!r}: expected four numbers x,y,w,h in pixels") from None
    if not (np.isfinite([x, y, width, height]).all() and width > 1 and height > 1):
        raise InputError(f"--box {text!r}: expected finite numbers, with a width and a height above 1 pixel")
    return x, y, width, height


def check_box(box: pipeline.Box, size: tuple[int, int]) -> None:
    """Check that the centre of a box lies inside frames of `size` (height, width).

    Raises:
        InputError: it does not.
    """
    x, y, width, height = (float(value) for value in box)
    if not (0 <= x + width / 2 < size[1] and 0 <= y + height / 2 < size[0]):
        text = ",".join(f"{value:g}" for value in box)
        raise InputError(f"--box {text}: its centre lies outside the frames of {size[1]} x {size[0]} pixels")


def read_boxes(
    path: Path | None, *, video: str, detector: str, detector_file: Path | None
) -> dict[int, np.ndarray] | None:
    """The boxes (N, 4) of --boxes, in pixels, by number of the frame; None without them.

    Args:
        path: of the file.
        video: name of the video in its column `file`.
        detector: that of --detector.
        detector_file: that of --detector-file.

    Raises:
        InputError: the file cannot be read, or there is a detector beside it.
    """
    if path is None:
        return None
    if detector != DEFAULT_DETECTOR or detector_file is not None:
        raise InputError(f"--boxes {path}: takes the place of a detector, expected no --detector beside it")
    return read_video_boxes(path, video=Path(video).name)


def read_params(path: Path | None, *, landmarks: int) -> stabilizer.Params:
    """The parameters of the stabilizer from a file, or the default ones, for so many landmarks.

    Raises:
        InputError: the file cannot be read, or is for another number of landmarks.
    """
    if path is None:
        return stabilizer.default_params(landmarks)
    params = stabilizer.load(path)
    if params.noise.shape[0] != 2 * landmarks:
        found = params.noise.shape[0]
        raise InputError(f"{path}: for {found} coordinates, expected {2 * landmarks}, two for each landmark of the net")
    return params


def choose_lag(lag: int | None, *, causal: bool, params: stabilizer.Params) -> tuple[int, str]:
    """Frames of look-ahead, and what is said about them.

    Args:
        lag: that of --lag.
        causal: that of --causal.
        params: of the stabilizer.

    Raises:
        InputError: a lag was asked for, and the parameters have no smoother.
    """
    if causal:
        return 0, look_ahead.sentence(0)
    if params.smoother is not None:
        lag = LAG if lag is None else lag
        return lag, look_ahead.sentence(lag)
    if lag is not None:
        raise InputError(f"--lag {lag}: the parameters have no smoother, expected --causal with them")
    return 0, f"{look_ahead.sentence(0)}, since the parameters have no smoother"
