"""The .pts file of 300W and 300-VW: landmarks of one face. Pixels count from 1 in the file and from 0 here."""

import os
import re
from pathlib import Path

import numpy as np
from jaxtyping import Float

from fhr_jax.data.io.missing_points import find_markers
from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file

MAX_BYTES = 2**20
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_LARGEST = 1e7


def read(path: str | os.PathLike[str], *, landmarks: int | None = None) -> Float[np.ndarray, "m 2"]:
    """Read landmarks (M, 2), pixels (x, y) counted from 0.

    Comments (from `#` or `//` on), blank lines, Windows line ends and exponents are allowed. The header (`version`,
    `n_points`) and the braces about the points may be missing; a number of points that is there must be right.

    Args:
        path: the file.
        landmarks: expected number M; None accepts any.

    Raises:
        InputError: the file cannot be read or has another form, the number of points is not the announced or expected
            one, or a coordinate is not a finite number.
    """
    path = Path(path)
    head, body = _parts(path, _lines(path))
    announced = dict(line.lower().replace(" ", "").split(":", 1) for line in head).get("n_points")
    if announced is not None and not (announced.isascii() and announced.isdigit() and len(announced) < 10):
        raise InputError(f"{path}: not a .pts file: n_points is {announced[:40]!r}, expected a number")
    points = np.array([_point(path, line) for line in body]).reshape(-1, 2)
    if announced is not None and len(points) != int(announced):
        raise InputError(f"{path}: n_points says {announced}, but {len(points)} points follow")
    if landmarks is not None and len(points) != landmarks:
        raise InputError(f"{path}: {len(points)} landmarks, expected {landmarks}")
    if not len(points):
        raise InputError(f"{path}: no points")
    return points - 1.0


def read_face(path: str | os.PathLike[str], *, landmarks: int | None = None) -> Float[np.ndarray, "m 2"]:
    """Read the landmarks (M, 2) of a face, and check that they can all be learned.

    Args:
        path: the file.
        landmarks: expected number M; None accepts any.

    Raises:
        InputError: as for `read`; or all landmarks lie at one place, or on a horizontal or vertical line; or one is
            marked as missing, by (0, 0) or (-1, -1) in the file while the face is elsewhere.
    """
    points = read(path, landmarks=landmarks)
    extent = np.ptp(points, axis=0)
    if not extent.min() > 0:
        raise InputError(f"{path}: all landmarks lie {'on a line' if extent.max() > 0 else 'at one place'}")
    for marker, missing in find_markers(points[None], offset=-1.0).items():
        where = f"landmark {int(missing[0].argmax())} at ({marker:g}, {marker:g}), off the face"
        raise InputError(f"{path}: {where}, reads as missing: expected all {len(points)} landmarks")
    return points


def check_inside(path: str | os.PathLike[str], points: Float[np.ndarray, "m 2"], size: tuple[int, int]) -> None:
    """Check that at least one landmark lies on the image.

    Args:
        path: file of the landmarks, for the error message.
        points: landmarks (M, 2), pixels (x, y).
        size: (height, width) of the image.

    Raises:
        InputError: all landmarks lie outside the image.
    """
    inside = (points > -0.5) & (points < np.array([size[1], size[0]]) - 0.5)
    if not inside.all(axis=1).any():
        raise InputError(f"{path}: no landmark lies on the image of {size[1]} x {size[0]} pixels")


def write(path: str | os.PathLike[str], points: Float[np.ndarray, "m 2"]) -> None:
    """Write landmarks (M, 2), pixels (x, y) counted from 0, with six decimals and atomically.

    Raises:
        InputError: a coordinate is not finite, or the folder cannot be written to.
    """
    if not np.isfinite(points).all():
        raise InputError(f"{path}: not written: a .pts file cannot hold missing points")
    body = "".join(f"{x:.6f} {y:.6f}\n" for x, y in np.asarray(points, np.float64) + 1.0)
    with atomic_file(path) as temporary:
        temporary.write_text(f"version: 1\nn_points: {len(points)}\n{{\n{body}}}\n", newline="\n")


def _lines(path: Path) -> list[str]:
    """The lines that are not blank, without comments and surrounding spaces."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise InputError(f"{path}: larger than {MAX_BYTES} bytes: not a .pts file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a .pts file: not a text file") from error
    lines = (re.split("#|//", line, maxsplit=1)[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def _parts(path: Path, lines: list[str]) -> tuple[list[str], list[str]]:
    """The lines of the header that name a value, and those of the points, with or without braces about them."""
    braces = [i for i, line in enumerate(lines) if line in ("{", "}")]
    if not braces:
        begin = next((i for i, line in enumerate(lines) if ":" not in line), len(lines))
        if begin == len(lines):
            raise InputError(f"{path}: not a .pts file: no points")
        if len(lines[begin].split()) != 2:
            raise InputError(f"{path}: not a .pts file: {lines[begin][:60]!r} is not a point: expected two numbers x y")
        return lines[:begin], lines[begin:]
    if [lines[i] for i in braces] != ["{", "}"]:
        raise InputError(f"{path}: not a .pts file: the points must stand between one line {{ and one line }}")
    begin, end = braces
    return [line for line in lines[:begin] if ":" in line], lines[begin + 1 : end]


def _point(path: Path, line: str) -> tuple[float, float]:
    words = line.split()
    if len(words) != 2 or not all(_NUMBER.fullmatch(word) for word in words):
        raise InputError(f"{path}: {line[:60]!r} is not a point: expected two numbers x y")
    x, y = map(float, words)
    if max(abs(x), abs(y)) > _LARGEST:
        raise InputError(f"{path}: {line[:60]!r} is no pixel coordinate")
    return x, y
