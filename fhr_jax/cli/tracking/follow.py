"""Follow faces through the frames of any source, also where their size changes."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, UInt8

from fhr_jax import geometry, pipeline
from fhr_jax.data.io.video import VideoFrame

_SAME_SHAPE = 1.02
"""Two frames show the same scene in another size if the ratios of their sides differ by no more than this factor."""


class Picture(NamedTuple):
    """A frame as it is searched and drawn.

    Attributes:
        image: RGB bytes (H, W, 3).
        scale: (2,), sides of the image over those of the frame, order (x, y).
        number: of the frame in its source, from 0.
        time: of the frame, in seconds since the first one of the source.
        damaged: whether the frame is corrupt.
    """

    image: UInt8[np.ndarray, "h w 3"]
    scale: Float64[np.ndarray, "2"]
    number: int
    time: float
    damaged: bool


class Tracked(NamedTuple):
    """A face in one frame.

    Attributes:
        id: the same number for the same face in all frames, from 0; None where only one face is followed.
        face: its landmarks in pixels of the `Picture`; NaN where it is not found.
    """

    id: int | None
    face: pipeline.Face


Align = Callable[
    [Iterator[np.ndarray], Iterator[float], pipeline.Box | None, Mapping[int, Any] | None],
    Iterator[Sequence[Tracked]],
]
"""Follows faces through images of one size: images, their times, the box of the face in the first one, and boxes by the
place of an image among them, from 0. Gives the faces of each image, after some look-ahead."""


def shrink(frame: VideoFrame, longest: int | None) -> Picture:
    """The frame with a longer side of at most `longest` pixels; None leaves it as it is."""
    height, width = frame.image.shape[:2]
    image, scale = frame.image, np.ones(2)
    if longest is not None and max(height, width) > longest:
        import cv2

        ratio = longest / max(height, width)
        size = max(1, round(width * ratio)), max(1, round(height * ratio))
        image = np.asarray(cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA), np.uint8)
        scale = np.array(size) / (width, height)
    return Picture(image, scale, frame.number, frame.time, frame.damaged)


def to_frame(face: pipeline.Face, scale: Float64[np.ndarray, "2"]) -> pipeline.Face:
    """A face in pixels of a `Picture`, in those of its frame; `scale` (2,) is that of the picture, without unit."""
    if (scale == 1).all():
        return face
    points, raw = (np.asarray(geometry.resize_points(own, 1 / scale), np.float32) for own in (face.points, face.raw))
    return face._replace(
        points=points, raw=raw, covariance=(face.covariance / (scale[:, None] * scale)).astype(np.float32)
    )


def to_picture(box: Sequence[float] | np.ndarray, scale: Float64[np.ndarray, "2"]) -> np.ndarray:
    """Boxes (..., 4) in pixels of a frame, in those of its `Picture`, whose `scale` is (2,), without unit."""
    box = np.asarray(box, np.float64)
    return np.concatenate([geometry.resize_points(box[..., :2], scale), box[..., 2:] * scale], axis=-1)


def follow(
    pictures: Iterator[Picture],
    align: Align,
    *,
    box: pipeline.Box | None,
    boxes: Mapping[int, np.ndarray] | None,
    on_change: Callable[[Picture], None],
) -> Iterator[tuple[Picture, Sequence[Tracked]]]:
    """Each picture with its faces.

    Where the size of the pictures changes, `align` starts again. A single face is then looked for where it was, if the
    pictures have the same shape; several faces get new numbers.

    Args:
        pictures: in order.
        align: follows faces through pictures of one size.
        box: of the face in the first picture, in pixels of its frame.
        boxes: (N, 4) by number of the frame, in pixels of the frames; None without.
        on_change: called with the first picture of each other size.
    """
    last: tuple[tuple[int, int], pipeline.Face] | None = None
    size, first_id, next_id = None, 0, 0
    for size_now, rest in itertools.groupby(pictures, key=lambda picture: picture.image.shape[:2]):
        first = next(rest)
        if size is None:
            begin = None if box is None else to_picture(box, first.scale)
        else:
            on_change(first)
            begin = None if last is None else _box_after_change(*last, size_now)
        size, first_id = size_now, next_id
        used: dict[int, np.ndarray] | None = None if boxes is None else {}
        kept, images, times = itertools.tee(itertools.chain([first], rest), 3)  # noqa: B031
        found = align(
            (picture.image for picture in _with_boxes(images, boxes, used)),
            (picture.time for picture in times),
            begin,
            used,
        )
        for picture, faces in zip(kept, found, strict=True):
            faces = [own if own.id is None else own._replace(id=own.id + first_id) for own in faces]
            next_id = max([next_id, *(own.id + 1 for own in faces if own.id is not None)])
            if len(faces) == 1 and faces[0].id is None and np.isfinite(faces[0].face.points).all():
                last = size_now, faces[0].face
            yield picture, faces


def _with_boxes(
    pictures: Iterable[Picture], boxes: Mapping[int, np.ndarray] | None, used: dict[int, np.ndarray] | None
) -> Iterator[Picture]:
    """The pictures; before each one, its boxes are put into `used` under its place among them."""
    for place, picture in enumerate(pictures):
        if boxes is not None and used is not None and picture.number in boxes:
            used[place] = to_picture(boxes[picture.number], picture.scale)
        yield picture


def _box_after_change(size: tuple[int, int], face: pipeline.Face, size_now: tuple[int, int]) -> np.ndarray | None:
    """The box of a face in a picture of another size; None if the picture cannot be the same one in another size."""
    ratio = (size[1] / size[0]) / (size_now[1] / size_now[0])
    if not 1 / _SAME_SHAPE <= ratio <= _SAME_SHAPE:
        return None
    scale = np.array([size_now[1] / size[1], size_now[0] / size[0]])
    return to_picture(geometry.box_of(np.asarray(face.points)), scale)
