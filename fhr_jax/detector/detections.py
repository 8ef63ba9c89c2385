"""What a face detector returns, and a check of it."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from fhr_jax.errors import InputError
from fhr_jax.types import Size


class Detections(NamedTuple):
    """N faces in a picture, in the order in which the pipeline tries them.

    Attributes:
        boxes: of the landmarks, from brows to chin (N, 4): x, y, width, height in pixels of the picture.
        scores: how sure the detector is (N,), in [0, 1]; 1 if it does not say.
    """

    boxes: Float[np.ndarray, "n 4"]
    scores: Float[np.ndarray, " n"]


@runtime_checkable
class Detector(Protocol):
    """Any function that finds faces in an RGB image (H, W, 3), uint8.

    It returns `Detections`, or an array (N, 4) of boxes alone.
    """

    def __call__(self, image: UInt8[np.ndarray, "h w 3"], /) -> Detections | Float[np.ndarray, "n 4"]:
        """The faces in an image (H, W, 3), RGB bytes; boxes (N, 4) in its pixels."""
        ...


def checked(found: Any, *, name: str, size: Size | None = None) -> Detections:
    """What a detector returned, as `Detections`.

    Args:
        found: `Detections`, or anything that NumPy reads as boxes (N, 4) in pixels, which get the score 1.
        name: of the detector, for error messages.
        size: (height, width) of the picture; None: unknown.

    Raises:
        InputError: it is something else, a number is not finite, or a box is empty or outside the picture.
    """
    given, scores = (found.boxes, found.scores) if isinstance(found, Detections) else (found, None)
    try:
        boxes = np.asarray(given, np.float64)
        boxes = boxes.reshape(0, 4) if not boxes.size else boxes
        scores = np.ones(len(boxes)) if scores is None else np.asarray(scores, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: got a {type(found).__name__}, expected boxes (N, 4): {error}") from error
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise InputError(f"{name}: got boxes of shape {boxes.shape}, expected (N, 4): x, y, width, height")
    if scores.shape != (len(boxes),):
        raise InputError(f"{name}: got scores of shape {scores.shape}, expected ({len(boxes)},), one for each box")
    good = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > 0).all(axis=1)
    if not good.all():
        box = ", ".join(f"{value:g}" for value in boxes[good.argmin()])
        raise InputError(f"{name}: got the box {box}, expected x, y and a positive width and height in pixels")
    if size is not None:
        low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
        good = (high >= 0).all(axis=1) & (low[:, 0] <= size[1]) & (low[:, 1] <= size[0])
        if not good.all():
            box = ", ".join(f"{value:g}" for value in boxes[good.argmin()])
            raise InputError(f"{name}: the box {box} lies outside the picture of {size[1]} x {size[0]} pixels")
    return Detections(boxes, scores)
