"""The face of an image, and a face through the frames of a video: where to look, and whether what was found is one."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, UInt8

from fhr_jax import crop, geometry, heatmap, inputs, stabilizer
from fhr_jax.errors import InputError
from fhr_jax.geometry import CROP_SCALE
from fhr_jax.pipeline import inference
from fhr_jax.pipeline.crop_region import CropRegion, region_from_landmarks
from fhr_jax.pipeline.face_detector import Detector, cascade
from fhr_jax.types import Box
from fhr_jax.weights import Net

Image = UInt8[np.ndarray, "h w 3"]
MIN_CONFIDENCE = 0.54
"""Mean confidence below which what the net found counts as no face. With the small net that ships, nine faces of real
photographs had 0.58 and more, other places of the same pictures, without other faces, 0.51 and less."""
MAX_GROWTH = 1.6
"""A face that grows or shrinks more than this from one frame to the next counts as lost."""


class Face(NamedTuple):
    """The landmarks of one face in one frame.

    Attributes:
        points: (M, 2) in image pixels, stabilized if that was asked for; NaN where there is no face.
        raw: (M, 2) as the net found them in this frame alone.
        confidence: (M,) in [0, 1].
        covariance: (M, 2, 2) in square image pixels, of the error of `raw`: see `Prediction`.
    """

    points: Float[np.ndarray, "m 2"]
    raw: Float[np.ndarray, "m 2"]
    confidence: Float[np.ndarray, " m"]
    covariance: Float[np.ndarray, "m 2 2"]


def align_image(net: Net, image: Image, box: Box, *, passes: int = 1, mirror: bool = True) -> Face:
    """Landmarks of the face in a box (x, y, width, height) of an image, all in image pixels.

    Args:
        net: the network.
        image: RGB bytes.
        box: of the landmarks (brows to chin, ear to ear), as exact as it is known.
        passes: how often to look; each time after the first, the box is that of the landmarks just found.
        mirror: as for `predict`.

    Raises:
        InputError: the box is empty, not finite or outside the image, or the image is no array of RGB bytes.
    """
    inputs.check_image(image)
    if len(box) != 4:
        raise InputError(f"box of {len(box)} numbers, expected x,y,width,height")
    x, y, width, height = (float(value) for value in box)
    if not (np.isfinite([x, y]).all() and 0 < width < np.inf and 0 < height < np.inf):
        raise InputError(f"box {x:g},{y:g},{width:g},{height:g}: expected x,y,width,height with a positive size")
    if x + width < 0 or y + height < 0 or x > image.shape[1] or y > image.shape[0]:
        raise InputError(
            f"box {x:g},{y:g},{width:g},{height:g}: outside the image of {image.shape[1]} x {image.shape[0]}"
        )
    centre = np.array([x + width / 2, y + height / 2])
    face = _look(net, image, CropRegion(centre, CROP_SCALE * max(width, height)), mirror)
    for _ in range(passes - 1):
        face = _look(net, image, region_from_landmarks(face.points), mirror)
    return face


def align_video(
    net: Net,
    frames: Iterable[Image],
    *,
    box: Box | None = None,
    params: stabilizer.Params | None = None,
    stabilize: bool = True,
    detector: Detector | None = None,
    min_confidence: float = MIN_CONFIDENCE,
) -> Iterator[Face]:
    """Follow one face through a video; one result a frame, and nothing kept but the last one's landmarks.

    The crop of a frame lies around the landmarks of the frame before. Where the net finds no face there, the
    detector looks for one, the one nearest to the last; the stabilizer then starts afresh. A calibrated net tells the
    stabilizer how far to trust each landmark (`heatmap.trust`).

    Args:
        net: the network.
        frames: RGB bytes, in order.
        box: (x, y, width, height) of the face in the first frame; None asks the detector.
        params: of the stabilizer; None takes those that ship.
        stabilize: False leaves the landmarks as the net finds them.
        detector: finds faces; None takes OpenCV's cascade.
        min_confidence: mean confidence below which there is no face.

    Yields:
        A `Face` a frame, all NaN (confidence 0) where there is none.

    Raises:
        InputError: a frame is no array of RGB bytes; they are counted from 0.
    """
    if stabilize and params is None:
        params = stabilizer.default_params(net.config.landmarks)
    look_for = detector if detector is not None else cascade()
    square, state = None, None
    for number, image in enumerate(frames):
        inputs.check_image(image, f"frame {number}")
        if number == 0 and box is not None:
            face = align_image(net, image, box, passes=2)
        else:
            face = _look(net, image, square) if square is not None else None
        if face is None or not _is_face(face, square, image, min_confidence):
            face, state = _search(net, image, look_for, square, min_confidence), None
        if face is None:
            yield _no_face(net.config.landmarks)
            continue
        if params is not None and stabilize:
            state, face = _steady(net, params, state, face)
        # The stabilized landmarks, not the raw ones: on real clips the next frame's jitter was 7 to 46 % lower.
        square = region_from_landmarks(face.points)
        yield face


def _look(net: Net, image: Image, square: CropRegion, mirror: bool = True) -> Face:
    """Image -> crop -> heatmaps -> landmarks, and back to image pixels."""
    affine = _to_crop(square.centre.astype(np.float32), np.float32(square.side), net.config.crop)
    pixels = crop.extract(image, np.asarray(affine), net.config.crop)
    found = inference.predict(net, jnp.asarray(pixels[None], jnp.float32) / 255, mirror=mirror)
    points = np.asarray(_to_image(affine, found.points[0]))
    covariance = np.asarray(found.covariance[0]) * np.float32(square.side / net.config.crop) ** 2
    return Face(points, points, np.asarray(found.confidence[0]), covariance)


def _search(net: Net, image: Image, detector: Detector, last: CropRegion | None, min_confidence: float) -> Face | None:
    """The best candidate of the detector in which the net finds a face: the nearest to the last, or the largest."""
    boxes = detector(image)
    if last is not None:
        middles = boxes[:, :2] + boxes[:, 2:] / 2
        boxes = boxes[np.argsort(np.linalg.norm(middles - last.centre, axis=1), kind="stable")]
    for box in boxes:
        # The detector's box is rough: the second look is from the landmarks of the first.
        face = align_image(net, image, tuple(box), passes=2)
        if _is_face(face, None, image, min_confidence):
            return face
    return None


def _is_face(face: Face, before: CropRegion | None, image: Image, min_confidence: float) -> bool:
    """Whether the net is sure enough, and the face neither jumped in size nor left the image."""
    centre, side = region_from_landmarks(face.points)
    height, width = image.shape[:2]
    sure = face.confidence.mean() >= min_confidence
    inside = 0 <= centre[0] < width and 0 <= centre[1] < height
    steady = before is None or 1 / MAX_GROWTH < side / before.side < MAX_GROWTH
    return bool(sure and inside and steady)


def _steady(net: Net, params: stabilizer.Params, state: Any, face: Face) -> tuple[Any, Face]:
    if state is None:
        state = stabilizer.init_state(params)
    trust = None
    if net.calibration is not None:
        # Relative to the size of the face, as the calibration and the noise of the stabilizer are.
        scale = np.float32(net.config.crop / region_from_landmarks(face.raw).side)
        trust = _trust(net.calibration, scale**2 * face.covariance)
    state, points = _step(params, state, face.raw, confidence=trust)
    return state, face._replace(points=np.asarray(points))


def _no_face(landmarks: int) -> Face:
    nowhere = np.full((landmarks, 2), np.nan, np.float32)
    return Face(nowhere, nowhere, np.zeros(landmarks, np.float32), np.full((landmarks, 2, 2), np.nan, np.float32))


_to_crop = jax.jit(geometry.square_crop, static_argnums=2)
_to_image = jax.jit(lambda affine, points: geometry.apply(geometry.invert(affine), points))
_step = jax.jit(stabilizer.step)
_trust = jax.jit(heatmap.confidence_weights)
