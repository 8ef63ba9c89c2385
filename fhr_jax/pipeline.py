"""The whole path, one line an arrow: image -> box -> crop -> heatmaps -> landmarks -> stabilized landmarks.

``predict`` is the network with its decoder, ``align_image`` places it on one face of an image, ``align_video``
follows a face through frames, one at a time.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from fhr_jax import crop, geometry, heatmap, inputs, stabilizer
from fhr_jax.data.detector import Detector, cascade
from fhr_jax.errors import InputError
from fhr_jax.heatmap import Calibration, Method
from fhr_jax.hourglass import Config, Hourglass
from fhr_jax.markup import FACE7, FACE68
from fhr_jax.weights import Net

Image = UInt8[np.ndarray, "h w 3"]
MARKUPS = {markup.size: markup for markup in (FACE68, FACE7)}
CROP_SCALE = 1.3
"""Side of the square crop over the longer side of the landmarks' box."""
MIN_CONFIDENCE = 0.5
"""Mean confidence below which what the net found counts as no face. With the small net that ships, nine faces of real
photographs had 0.52 and more, other places of the same pictures, without other faces, 0.48 and less."""
MAX_GROWTH = 1.6
"""A face that grows or shrinks more than this from one frame to the next counts as lost."""


_Number = float | int
Box = tuple[_Number, _Number, _Number, _Number]
"""(x, y, width, height) in image pixels: the smallest and largest coordinates of landmarks, as pixel centres."""


class Square(NamedTuple):
    """What a crop covers: its centre (x, y) and its side, in image pixels."""

    centre: Float[np.ndarray, "2"]
    side: float


class Prediction(NamedTuple):
    """What a net says of B crops.

    Attributes:
        points: landmarks (B, M, 2) in crop pixels.
        confidence: height of their peaks (B, M) in [0, 1], about 1 where the net is sure.
        covariance: (B, M, 2, 2) in square crop pixels, order (x, y): of the error of each landmark if the net is
            calibrated (`Net.calibration`) and used as it was (mirrored, default decoder); else the spread of its peak.
    """

    points: Float[Array, "b m 2"]
    confidence: Float[Array, "b m"]
    covariance: Float[Array, "b m 2 2"]


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


def predict(
    net: Net, crops: Float[Array, "b s s 3"], *, mirror: bool = True, method: Method = "least_squares"
) -> Prediction:
    """Crops with values in [0, 1] to landmarks.

    Args:
        net: the network.
        crops: (B, S, S, 3) with S = net.config.crop.
        mirror: average the heatmaps with those of the mirrored crops, as the authors do; of nets trained by
            cross-entropy the logarithms of the probabilities.
        method: of `heatmap.decode`.

    Raises:
        InputError: crops of another size or type, or with NaN; or `mirror` for a number of landmarks without a known
            markup.
    """
    side = net.config.crop
    inputs.check_crops(crops, side)
    if mirror and net.config.landmarks not in MARKUPS:
        raise InputError(f"mirror averaging of {net.config.landmarks} landmarks: known for 68 and 7; pass mirror=False")
    if crops.shape[0] == 0:
        one = predict(net, jnp.zeros((1, side, side, 3)), mirror=mirror, method=method)
        return jax.tree.map(lambda leaf: leaf[:0], one)
    return _predict(net.variables, net.calibration, crops, net.config, net.loss, mirror, method)


BATCH = 16
"""`predict_all` looks at so many crops at a time."""


def predict_all(net: Net, crops: Float[Array, "n s s 3"] | UInt8[np.ndarray, "n s s 3"], **options: Any) -> Prediction:
    """`predict` for any number of crops (bytes, or values in [0, 1]), with one compiled program for all numbers."""
    inputs.check_crops(crops, net.config.crop, or_bytes=True)
    number, scale = len(crops), 255 if crops.dtype == np.uint8 else 1
    if not number:
        return predict(net, jnp.zeros(crops.shape), **options)
    order = np.arange(-(-number // BATCH) * BATCH) % number
    parts = [predict(net, jnp.asarray(crops[i], jnp.float32) / scale, **options) for i in order.reshape(-1, BATCH)]
    return Prediction(*(jnp.concatenate(leaves)[:number] for leaves in zip(*parts, strict=True)))


def heatmaps(net: Net, crops: Float[Array, "b s s 3"], *, mirror: bool = True) -> Float[Array, "b h w m"]:
    """The maps of the net without negative values; of logits the probabilities, 1 being the peak of a Gaussian.

    Not compiled by itself; arguments as for `predict`.
    """
    seen = _seen(net.variables, crops, net.config, mirror)
    if net.loss == "squared":
        return jnp.maximum(seen.maps, 0)
    return 2 * jnp.pi * net.config.sigma**2 * jnp.exp(seen.maps - seen.normalizer[:, None, None, :])


@partial(jax.jit, static_argnums=(3, 4, 5, 6))
def _predict(
    variables: Any,
    calibration: Calibration | None,
    crops: Array,
    config: Config,
    loss: str,
    mirror: bool,
    method: Method,
) -> Prediction:
    seen = _seen(variables, crops, config, mirror)
    if loss == "squared":
        maps, logits = jnp.maximum(seen.maps, 0), False  # after the average, as the authors do
        height = maps.max(axis=(1, 2))
    else:
        # The height of the softmax, in units of the peak of a Gaussian of unit mass.
        maps, logits = seen.maps, True
        height = 2 * jnp.pi * config.sigma**2 * jnp.exp(maps.max(axis=(1, 2)) - seen.normalizer)
    to_crop = geometry.resize((config.heatmap, config.heatmap), (config.crop, config.crop))
    points = geometry.apply(to_crop, heatmap.decode(maps, sigma=config.sigma, method=method, logits=logits))
    spread = heatmap.confidence(maps, sigma=config.sigma, logits=logits).covariance
    if calibration is None:
        covariance = spread * (config.crop / config.heatmap) ** 2
    else:
        covariance = heatmap.calibrate(calibration, spread / config.sigma**2)
    return Prediction(points, jnp.clip(height, 0, 1), covariance)


class _Seen(NamedTuple):
    """Maps of the last stack (B, H, W, M), and the logarithm of what their exponentials sum to (B, M).

    Of two views both are the mean, so that of logits their difference is the mean logarithm of the probabilities:
    where the views disagree, its height falls.
    """

    maps: Float[Array, "b h w m"]
    normalizer: Float[Array, "b m"]


def _seen(variables: Any, crops: Array, config: Config, mirror: bool) -> _Seen:
    """The net on the crops; with `mirror` on their mirror images first, one after the other to save memory."""

    def look(images: Array) -> _Seen:
        maps = jnp.asarray(Hourglass(config).apply(variables, images))[-1]
        return _Seen(maps, jax.nn.logsumexp(maps, axis=(1, 2)))

    if not mirror:
        return look(crops)
    names = np.array(MARKUPS[config.landmarks].flip)

    def view(carry: tuple[_Seen, Array], _: None) -> tuple[tuple[_Seen, Array], None]:
        # What was seen so far is mirrored with the picture, so that twice the same step ends where it began.
        total, images = carry
        turned, images = _Seen(total.maps[:, :, ::-1, names], total.normalizer[:, names]), images[:, :, ::-1]
        return (jax.tree.map(lambda old, new: old + new / 2, turned, look(images)), images), None

    shape = (crops.shape[0], config.heatmap, config.heatmap, config.landmarks)
    nothing = _Seen(jnp.zeros(shape), jnp.zeros((shape[0], shape[-1])))
    return jax.lax.scan(view, (nothing, crops), length=2)[0][0]


def align_image(net: Net, image: Image, box: Box, *, passes: int = 1, mirror: bool = True) -> Face:
    """Landmarks of the face in a box (x, y, width, height) of an image, all in image pixels.

    Args:
        net: the network.
        image: RGB bytes.
        box: of the landmarks (brows to chin, ear to ear), as exact as it is known.
        passes: how often to look; each time after the first, the box is that of the landmarks just found.
        mirror: as for `predict`.

    Raises:
        InputError: the box is empty or not finite, or the image is no array of RGB bytes.
    """
    inputs.check_image(image)
    x, y, width, height = (float(value) for value in box)
    if not (np.isfinite([x, y]).all() and 0 < width < np.inf and 0 < height < np.inf):
        raise InputError(f"box {x:g},{y:g},{width:g},{height:g}: expected x,y,width,height with a positive size")
    centre = np.array([x + width / 2, y + height / 2])
    face = _look(net, image, Square(centre, CROP_SCALE * max(width, height)), mirror)
    for _ in range(passes - 1):
        face = _look(net, image, _square(face.points), mirror)
    return face


def box_of(points: Float[np.ndarray, "m 2"]) -> Box:
    """The box of landmarks."""
    (x, y), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return x, y, right - x, bottom - y


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
        square = _square(face.points)
        yield face


def _look(net: Net, image: Image, square: Square, mirror: bool = True) -> Face:
    """Image -> crop -> heatmaps -> landmarks, and back to image pixels."""
    affine = _to_crop(square.centre.astype(np.float32), np.float32(square.side), net.config.crop)
    pixels = crop.extract(image, np.asarray(affine), net.config.crop)
    found = predict(net, jnp.asarray(pixels[None], jnp.float32) / 255, mirror=mirror)
    points = np.asarray(_to_image(affine, found.points[0]))
    covariance = np.asarray(found.covariance[0]) * np.float32(square.side / net.config.crop) ** 2
    return Face(points, points, np.asarray(found.confidence[0]), covariance)


def _search(net: Net, image: Image, detector: Detector, last: Square | None, min_confidence: float) -> Face | None:
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


def _is_face(face: Face, before: Square | None, image: Image, min_confidence: float) -> bool:
    """Whether the net is sure enough, and the face neither jumped in size nor left the image."""
    centre, side = _square(face.points)
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
        scale = np.float32(net.config.crop / _square(face.raw).side)
        trust = _trust(net.calibration, scale**2 * face.covariance)
    state, points = _step(params, state, face.raw, confidence=trust)
    return state, face._replace(points=np.asarray(points))


def _no_face(landmarks: int) -> Face:
    nowhere = np.full((landmarks, 2), np.nan, np.float32)
    return Face(nowhere, nowhere, np.zeros(landmarks, np.float32), np.full((landmarks, 2, 2), np.nan, np.float32))


def _square(points: np.ndarray) -> Square:
    """Where to look next, given where the landmarks are."""
    centre, side = _face_square(points) if len(points) == FACE68.size else _landmark_square(points)
    return Square(np.asarray(centre), float(side))


@jax.jit
def _face_square(points: Float[Array, "68 2"]) -> tuple[Array, Array]:
    """The crop square of 68 landmarks, its size and height from brows, eyes, nose and mouth alone.

    A chin that slips to the collar would otherwise pull the crop down with it, frame after frame. On real faces the
    numbers (medians of 300W) give the landmark square to 8 % of its side and 2 % of its place.
    """
    inner, eyes, mouth = points[17:], points[36:48].mean(axis=0), points[48:].mean(axis=0)
    middle = inner.mean(axis=0)
    spread = jnp.sqrt(((inner - middle[None]) ** 2).sum(axis=-1).mean())
    down = (mouth - eyes) / jnp.maximum(jnp.linalg.norm(mouth - eyes), 1e-6)
    centre, _ = geometry.landmark_square(points)
    lower = ((middle - centre) * down).sum() + 0.30 * spread
    return centre + lower * down, CROP_SCALE * 3.285 * spread


_to_crop = jax.jit(geometry.square_crop, static_argnums=2)
_to_image = jax.jit(lambda affine, points: geometry.apply(geometry.invert(affine), points))
_landmark_square = jax.jit(partial(geometry.landmark_square, scale=CROP_SCALE))
_step = jax.jit(stabilizer.step)
_trust = jax.jit(heatmap.trust)
