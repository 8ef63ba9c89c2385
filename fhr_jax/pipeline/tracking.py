"""The landmarks of a face in an image and through the frames of a video: where to crop, and when the face is lost."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from fhr_jax import crop, geometry, heatmap, inputs, stabilizer
from fhr_jax.detector import Detections, Detector, checked
from fhr_jax.errors import InputError
from fhr_jax.heatmap import Decoder
from fhr_jax.markup import BUILT_IN, FACE_MESH, FACE_MESH_IRISES
from fhr_jax.pipeline import face_detector, inference
from fhr_jax.pipeline.crop_region import CropRegion, region_from_landmarks
from fhr_jax.pipeline.face import Face
from fhr_jax.pipeline.look_ahead import LookAhead
from fhr_jax.types import Box
from fhr_jax.weights import Net, markup_of

Image = UInt8[np.ndarray, "h w 3"]
MIN_CONFIDENCE = 0.54
"""Mean confidence below which landmarks do not count as a face. With the default net 99 % of 498 faces of HELEN and AFW
have 0.62 and more, and 99 % of the lower left corners of their crops, enlarged, have 0.44 and less."""
MAX_GROWTH = 1.6
"""A face that grows or shrinks by more than this factor from one frame to the next counts as lost."""


_FROM_BROWS_TO_CHIN = tuple(markup for markup in BUILT_IN if markup not in (FACE_MESH, FACE_MESH_IRISES))
_SCALES = (1.0, 0.6, 1.35)
"""Sizes of the box that are tried for other markups: of eyes, nose and mouth, and with the forehead."""


class _Aligner(NamedTuple):
    """Finds the landmarks in a region of an image, and the region around landmarks."""

    net: Net
    options: dict[str, Any]

    def __call__(self, image: Image, region: CropRegion) -> Face:
        return _align_region(self.net, image, region, **self.options)

    def region(self, points: Float[np.ndarray, "m 2"]) -> CropRegion:
        return region_from_landmarks(points, markup=markup_of(self.net))

    def detected(self, image: Image, box: Box, passes: int) -> Face:
        """The landmarks in a box of the detector, which is that of a face from brows to chin.

        If the landmarks of the net may have a larger or smaller box, the size with the highest confidence counts.
        """
        scales = (1.0,) if markup_of(self.net) in _FROM_BROWS_TO_CHIN else _SCALES
        boxes = ((x + (1 - s) * w / 2, y + (1 - s) * h / 2, s * w, s * h) for x, y, w, h in [box] for s in scales)
        return max((_align_box(self, image, each, passes) for each in boxes), key=lambda face: face.confidence.mean())


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
    align = _Aligner(net, {"mirror": mirror, "decoder": decoder, "dtype": dtype})
    if box is not None:
        return _align_box(align, image, box, passes)
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
    align = _Aligner(net, {"mirror": mirror, "decoder": decoder, "dtype": dtype})
    calibration = net.calibration if inference.is_calibrated(net, mirror=mirror, decoder=decoder) else None
    weigh = None if calibration is None else partial(_confidence_weights, calibration, align)
    if detector is None and boxes is None:
        detector = face_detector.open_detector(face_detector.DEFAULT)
    region, state = None, None
    ahead = LookAhead(params, lag) if stabilize and lag and params is not None else None
    for number, (image, dt) in enumerate(zip(frames, _steps(times), strict=False)):
        inputs.check_image(image, name=f"frame {number}")
        if number == 0 and box is not None:
            face = _align_box(align, image, box, passes=2)
        else:
            face = align(image, region) if region is not None else None
        if face is None or not _is_face(align, face, region, image, min_confidence):
            candidates = (boxes or {}).get(number, ()) if detector is None else detector(image)
            name = f"{'boxes of' if detector is None else 'detector,'} frame {number}"
            found = checked(candidates, name=name, size=image.shape[:2])
            face, state = _detect(align, image, found, region, min_confidence=min_confidence, passes=2), None
            if ahead is not None:
                yield from ahead.end()
        if face is None:
            yield _missing_face(net.config.landmarks)
            continue
        weights = None if weigh is None or not stabilize else weigh(face)
        if ahead is not None:
            face, done = ahead.read(face, dt, weights)
        else:
            if params is not None and stabilize:
                state, face = _stabilize(params, state, face, dt, weights)
            done = [face]
        # Of the stabilized landmarks, not of the raw ones: on real clips the jitter of the next frame was 7 to 46 %
        # lower.
        region = align.region(face.points)
        yield from done
    if ahead is not None:
        yield from ahead.end()


def _steps(times: Iterable[float] | None) -> Iterator[np.float32]:
    """Before each frame, the time since the one before in frames of the stabilizer's rate; without times 1 for ever."""
    before = np.nan
    for time in itertools.repeat(np.nan) if times is None else times:
        step = (time - before) * stabilizer.FRAME_RATE
        yield np.float32(step if step > 0 else 1)
        before = time
    raise InputError("times: fewer than frames, expected one for each")


def _align_region(net: Net, image: Image, region: CropRegion, **options: Any) -> Face:
    """Image -> crop -> heatmaps -> landmarks, and back to image pixels."""
    affine = _to_crop(region.centre.astype(np.float32), np.float32(region.side), net.config.crop)
    pixels = crop.extract(image, np.asarray(affine), net.config.crop)
    # What is small is done in NumPy: each operation of JAX outside a compiled function takes a tenth of a millisecond.
    crops = jnp.asarray(pixels[None].astype(np.float32) / np.float32(255))
    prediction = jax.device_get(inference.predict(net, crops, **options))
    points = np.asarray(_to_image(affine, prediction.points[0]))
    covariance = prediction.covariance[0] * np.float32(region.side / net.config.crop) ** 2
    return Face(points, points, prediction.confidence[0], covariance)


def _align_box(align: _Aligner, image: Image, box: Box, passes: int) -> Face:
    if len(box) != 4:
        raise InputError(f"box: got {len(box)} numbers, expected x,y,width,height")
    x, y, width, height = (float(value) for value in box)
    if not (np.isfinite([x, y]).all() and 0 < width < np.inf and 0 < height < np.inf):
        raise InputError(f"box {x:g},{y:g},{width:g},{height:g}: expected x,y,width,height with a positive size")
    if x + width < 0 or y + height < 0 or x > image.shape[1] or y > image.shape[0]:
        raise InputError(
            f"box {x:g},{y:g},{width:g},{height:g}: lies outside the image of {image.shape[1]} x {image.shape[0]}"
        )
    centre, side = geometry.square_of_box(np.array([x, y, width, height]))
    face = align(image, CropRegion(centre, float(side)))
    for _ in range(passes - 1):
        face = align(image, align.region(face.points))
    return face


def _detect(
    align: _Aligner, image: Image, found: Detections, last: CropRegion | None, *, min_confidence: float, passes: int
) -> Face | None:
    """The first box in which the net finds a face: nearest to the last region first, else in the detector's order."""
    boxes = found.boxes
    if last is not None:
        centres = boxes[:, :2] + boxes[:, 2:] / 2
        boxes = boxes[np.argsort(np.linalg.norm(centres - last.centre, axis=1), kind="stable")]
    faces = (align.detected(image, tuple(box), passes) for box in boxes)
    return next((face for face in faces if _is_face(align, face, None, image, min_confidence)), None)


def _is_face(align: _Aligner, face: Face, before: CropRegion | None, image: Image, min_confidence: float) -> bool:
    """Whether the net is confident, and the face neither changed its size too much nor left the image."""
    centre, side = align.region(face.points)
    height, width = image.shape[:2]
    confident = face.confidence.mean() >= min_confidence
    inside = 0 <= centre[0] < width and 0 <= centre[1] < height
    same_size = before is None or 1 / MAX_GROWTH < side / before.side < MAX_GROWTH
    return bool(confident and inside and same_size)


def _stabilize(
    params: stabilizer.Params, state: Any, face: Face, dt: np.float32, weights: Float[Array, " m"] | None
) -> tuple[Any, Face]:
    if state is None:
        state = stabilizer.init_state(params)
    state, points = _step(params, state, face.raw, dt=dt, confidence=weights)
    return state, face._replace(points=np.asarray(points))


def _confidence_weights(calibration: heatmap.Calibration, align: _Aligner, face: Face) -> Float[Array, " m"]:
    """Weights from the covariance in crop pixels, that is relative to the face, like the noise of the stabilizer."""
    scale = np.float32(align.net.config.crop / align.region(face.raw).side)
    return _weights(calibration, scale**2 * face.covariance)


def _missing_face(landmarks: int) -> Face:
    points = np.full((landmarks, 2), np.nan, np.float32)
    return Face(points, points, np.zeros(landmarks, np.float32), np.full((landmarks, 2, 2), np.nan, np.float32))


_to_crop = jax.jit(geometry.square_crop, static_argnums=2)
_to_image = jax.jit(lambda affine, points: geometry.apply(geometry.invert(affine), points))
_step = jax.jit(stabilizer.step)
_weights = jax.jit(heatmap.confidence_weights)
