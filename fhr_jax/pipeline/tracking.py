"""The landmarks of a face in an image and through the frames of a video: where to crop, and when the face is lost."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from fhr_jax import inputs, stabilizer
from fhr_jax.detector import Detections, Detector, checked
from fhr_jax.errors import InputError
from fhr_jax.heatmap import Decoder
from fhr_jax.pipeline import face_detector, inference
from fhr_jax.pipeline.aligner import MIN_CONFIDENCE, Aligner, Image, missing_face
from fhr_jax.pipeline.crop_region import CropRegion
from fhr_jax.pipeline.face import Face
from fhr_jax.pipeline.face_smoothers import open_smoother
from fhr_jax.types import Box
from fhr_jax.weights import Net


def align_image(
    net: Net,
    image: Image,
    *,
    box: Box | None = None,
    passes: int = 1,
    mirror: bool = True,
    decoder: Decoder = inference.CALIBRATED_DECODER,
    dtype: Any = jnp.float32,
    detector: Detector | None = None,
    min_confidence: float = MIN_CONFIDENCE,
) -> Face:
    """The landmarks of one face in an image, in image pixels.

    Without a box the detector looks for faces, and the result is the first one in which the net finds landmarks. Our
    detector returns the surest face first, the cascade the largest.

    Args:
        net: the network.
        image: RGB bytes (H, W, 3).
        box: (x, y, width, height) of the landmarks (brows to chin, ear to ear), as exact as possible. None asks the
            detector.
        passes: how often the net runs. After the first pass the crop is that of the landmarks just found. Boxes of the
            detector are rough and get at least two passes.
        mirror: as for `predict`.
        decoder: as for `predict`.
        dtype: as for `predict`.
        detector: finds faces where there is no box; None takes `face_detector.DEFAULT`.
        min_confidence: mean confidence below which a box of the detector holds no face. It does not apply to `box`.

    Raises:
        InputError: the box is empty, not finite or outside the image; there is no box and no face is found; the image
            is no array of RGB bytes.
    """
    inputs.check_image(image)
    align = Aligner(net, mirror, decoder, dtype)
    if box is not None:
        return align.in_box(image, box, passes=passes)
    detect = detector if detector is not None else face_detector.open_detector(face_detector.DEFAULT)
    found = checked(detect(image), name="detector", size=image.shape[:2])
    face = _detect(align, image, found, None, min_confidence=min_confidence, passes=max(passes, 2))
    if face is None:
        raise InputError("image: no face found, expected one; box=(x, y, width, height) tells where it is")
    return face


def align_video(
    net: Net,
    frames: Iterable[Image],
    *,
    times: Iterable[float] | None = None,
    box: Box | None = None,
    params: stabilizer.Params | None = None,
    stabilize: bool = True,
    lag: int = 0,
    mirror: bool = True,
    decoder: Decoder = inference.CALIBRATED_DECODER,
    dtype: Any = jnp.float32,
    detector: Detector | None = None,
    boxes: Mapping[int, Any] | None = None,
    min_confidence: float = MIN_CONFIDENCE,
) -> Iterator[Face]:
    """Follow one face through a video, frame by frame; memory does not grow with the video.

    The crop of a frame lies around the landmarks of the frame before. If the net finds no face there, the detector
    looks for one, nearest to the last position first, and the stabilizer starts again. A calibrated net also gives the
    stabilizer a weight for each landmark (`heatmap.confidence_weights`).

    With look-ahead a face is yielded once `lag` later frames are read, or where the face is lost or the video ends. No
    frame on the other side of such an end counts for it.

    Args:
        net: the network.
        frames: RGB bytes (H, W, 3), in order.
        times: of the frames, in seconds from any start; the stabilizer then knows the time between them. A time that
            does not increase counts as a thirtieth of a second after the one before. None: 30 frames a second.
        box: (x, y, width, height) of the face in the first frame; None asks the detector.
        params: of the stabilizer; None takes the default ones.
        stabilize: False leaves the landmarks as the net finds them.
        lag: frames of look-ahead, at least 0, for parameters with a smoother. 0: causal.
        mirror: as for `predict`.
        decoder: as for `predict`.
        dtype: as for `predict`.
        detector: finds faces; None takes `face_detector.DEFAULT`.
        boxes: of faces by number of the frame, from 0, in the place of a detector: `Detections` or arrays (N, 4) of
            boxes of landmarks in pixels. They are looked at where the detector would be asked. A frame that is not
            there has no face.
        min_confidence: mean confidence below which there is no face.

    Yields:
        One `Face` per frame, NaN with confidence 0 where there is no face.

    Raises:
        InputError: a frame is no array of RGB bytes, where the message counts frames from 0; there are fewer times than
            frames; the lag is negative; with a lag, the parameters have no smoother; boxes are no boxes or lie outside
            their frame; or there are both boxes and a detector.
    """
    if boxes is not None and detector is not None:
        raise InputError("boxes and detector: got both, expected one of them")
    if stabilize and params is None:
        params = stabilizer.default_params(net.config.landmarks)
    align = Aligner(net, mirror, decoder, dtype)
    if detector is None and boxes is None:
        detector = face_detector.open_detector(face_detector.DEFAULT)
    region, smoother = None, open_smoother(params if stabilize else None, lag=lag)
    for number, (image, dt) in enumerate(zip(frames, steps_between(times), strict=False)):
        inputs.check_image(image, name=f"frame {number}")
        if number == 0 and box is not None:
            face = align.in_box(image, box, passes=2)
        else:
            face = align(image, region) if region is not None else None
        if face is None or not align.is_face(face, region, image, min_confidence=min_confidence):
            found = candidates(image, number, detector=detector, boxes=boxes)
            face = _detect(align, image, found, region, min_confidence=min_confidence, passes=2)
            yield from smoother.end()
        if face is None:
            yield missing_face(net.config.landmarks)
            continue
        face, done = smoother.read(face, dt, align.weights(face) if stabilize else None)
        # Of the stabilized landmarks, not of the raw ones: on real clips the jitter of the next frame was 7 to 46 %
        # lower.
        region = align.region(face.points)
        yield from done
    yield from smoother.end()


def candidates(image: Image, number: int, *, detector: Detector | None, boxes: Mapping[int, Any] | None) -> Detections:
    """What the detector, or the boxes in its place, find in a frame.

    Args:
        image: RGB bytes (H, W, 3).
        number: of the frame, from 0.
        detector: finds faces; None takes the boxes.
        boxes: by number of the frame.

    Raises:
        InputError: they are no boxes, or lie outside the frame.
    """
    found = (boxes or {}).get(number, ()) if detector is None else detector(image)
    name = f"{'boxes of' if detector is None else 'detector,'} frame {number}"
    return checked(found, name=name, size=image.shape[:2])


def steps_between(times: Iterable[float] | None) -> Iterator[np.float32]:
    """Before each frame, the time since the one before in frames of the stabilizer's rate; without times 1 for ever."""
    before = np.nan
    for time in itertools.repeat(np.nan) if times is None else times:
        step = (time - before) * stabilizer.FRAME_RATE
        yield np.float32(step if step > 0 else 1)
        before = time
    raise InputError("times: fewer than frames, expected one for each")


def _detect(
    align: Aligner, image: Image, found: Detections, last: CropRegion | None, *, min_confidence: float, passes: int
) -> Face | None:
    """The first box in which the net finds a face: nearest to the last region first, else in the detector's order."""
    boxes = found.boxes
    if last is not None:
        centres = boxes[:, :2] + boxes[:, 2:] / 2
        boxes = boxes[np.argsort(np.linalg.norm(centres - last.centre, axis=1), kind="stable")]
    faces = (align.in_detections(image, box[None], passes=passes)[0] for box in boxes)
    return next((face for face in faces if align.is_face(face, None, image, min_confidence=min_confidence)), None)
