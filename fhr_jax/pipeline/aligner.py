"""The landmarks in regions of an image, and whether they are those of a face: what one face and several share."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from fhr_jax import crop, geometry, heatmap
from fhr_jax.errors import InputError
from fhr_jax.heatmap import Decoder
from fhr_jax.markup import BUILT_IN, FACE_MESH, FACE_MESH_IRISES
from fhr_jax.pipeline import inference
from fhr_jax.pipeline.crop_region import CropRegion, region_from_landmarks
from fhr_jax.pipeline.face import Face
from fhr_jax.types import Box
from fhr_jax.weights import Net, markup_of

Image = UInt8[np.ndarray, "h w 3"]
MIN_CONFIDENCE = 0.54
"""Mean confidence below which landmarks do not count as a face. With the default net 99 % of 498 faces of HELEN and AFW
have 0.62 and more, and 99 % of the lower left corners of their crops, enlarged, have 0.44 and less."""
MAX_GROWTH = 1.6
"""A face that grows or shrinks by more than this factor from one frame to the next counts as lost."""
MAX_BATCH = 8
"""Largest number of crops that the net sees at once; fewer are padded to a power of two."""

_FROM_BROWS_TO_CHIN = tuple(markup for markup in BUILT_IN if markup not in (FACE_MESH, FACE_MESH_IRISES))
_SCALES = (1.0, 0.6, 1.35)
"""Sizes of the box that are tried for other markups: of eyes, nose and mouth, and with the forehead."""


class Aligner(NamedTuple):
    """Finds the landmarks in regions of an image, and the region around landmarks.

    Attributes:
        net: the network.
        mirror: as for `predict`.
        decoder: as for `predict`.
        dtype: as for `predict`.
    """

    net: Net
    mirror: bool = True
    decoder: Decoder = inference.CALIBRATED_DECODER
    dtype: Any = jnp.float32

    def __call__(self, image: Image, region: CropRegion) -> Face:
        """The face in a region of an image (H, W, 3), in its pixels."""
        return self.faces(image, [region])[0]

    def faces(self, image: Image, regions: Sequence[CropRegion]) -> list[Face]:
        """The faces in regions of an image (H, W, 3), in its pixels; one call of the net for `MAX_BATCH` of them."""
        return [
            face
            for start in range(0, len(regions), MAX_BATCH)
            for face in self._batch(image, regions[start : start + MAX_BATCH])
        ]

    def region(self, points: Float[np.ndarray, "m 2"]) -> CropRegion:
        """The region around the landmarks (M, 2) of the net, pixels (x, y) of an image."""
        return region_from_landmarks(points, markup=markup_of(self.net))

    def in_box(self, image: Image, box: Box, *, passes: int) -> Face:
        """The face in a box of landmarks in pixels, by `passes` passes of the net.

        Raises:
            InputError: the box is empty, not finite or outside the image (H, W, 3).
        """
        if len(box) != 4:
            raise InputError(f"box: got {len(box)} numbers, expected x,y,width,height")
        x, y, width, height = (float(value) for value in box)
        if not (np.isfinite([x, y]).all() and 0 < width < np.inf and 0 < height < np.inf):
            raise InputError(f"box {x:g},{y:g},{width:g},{height:g}: expected x,y,width,height with a positive size")
        if x + width < 0 or y + height < 0 or x > image.shape[1] or y > image.shape[0]:
            raise InputError(
                f"box {x:g},{y:g},{width:g},{height:g}: lies outside the image of {image.shape[1]} x {image.shape[0]}"
            )
        return self._in_boxes(image, np.array([[x, y, width, height]]), passes)[0]

    def in_detections(self, image: Image, boxes: Float[np.ndarray, "n 4"], *, passes: int) -> list[Face]:
        """The faces in boxes (N, 4) of a detector, which are those of faces from brows to chin.

        If the landmarks of the net may have a larger or smaller box, the size with the highest confidence counts.
        """
        scales = np.array((1.0,) if markup_of(self.net) in _FROM_BROWS_TO_CHIN else _SCALES)[:, None]
        corners, sizes = boxes[:, None, :2], boxes[:, None, 2:]
        tried = np.concatenate([corners + (1 - scales) * sizes / 2, scales * sizes], axis=-1).reshape(-1, 4)
        faces, number = self._in_boxes(image, tried, passes), len(scales)
        groups = (faces[start : start + number] for start in range(0, len(faces), number))
        return [max(group, key=lambda face: face.confidence.mean()) for group in groups]

    def is_face(self, face: Face, before: CropRegion | None, image: Image, *, min_confidence: float) -> bool:
        """Whether the net is confident, and the face neither changed its size too much nor left the image.

        Args:
            face: in pixels of the image.
            before: region in which it was looked for; None if its size is not known.
            image: RGB bytes (H, W, 3).
            min_confidence: lowest mean confidence.
        """
        centre, side = self.region(face.points)
        height, width = image.shape[:2]
        confident = face.confidence.mean() >= min_confidence
        inside = 0 <= centre[0] < width and 0 <= centre[1] < height
        same_size = before is None or 1 / MAX_GROWTH < side / before.side < MAX_GROWTH
        return bool(confident and inside and same_size)

    def weights(self, face: Face) -> Float[Array, " m"] | None:
        """What the stabilizer should trust each landmark (M,), in [0, 1]; None if the net is not calibrated.

        It follows from the covariance in crop pixels, that is relative to the face, like the noise of the stabilizer.
        """
        calibration = self.net.calibration
        if calibration is None or not inference.is_calibrated(self.net, mirror=self.mirror, decoder=self.decoder):
            return None
        scale = np.float32(self.net.config.crop / self.region(face.raw).side)
        return _weights(calibration, scale**2 * face.covariance)

    def _in_boxes(self, image: Image, boxes: Float[np.ndarray, "n 4"], passes: int) -> list[Face]:
        squares = (geometry.square_of_box(box) for box in boxes)
        faces = self.faces(image, [CropRegion(centre, float(side)) for centre, side in squares])
        for _ in range(passes - 1):
            faces = self.faces(image, [self.region(face.points) for face in faces])
        return faces

    def _batch(self, image: Image, regions: Sequence[CropRegion]) -> list[Face]:
        """Image -> crops -> heatmaps -> landmarks, and back to image pixels."""
        size, number = self.net.config.crop, len(regions)
        affines = np.stack([geometry.square_crop_on_host(region.centre, region.side, size) for region in regions])
        pixels = np.stack([crop.extract(image, affine, size) for affine in affines])
        # Few sizes of batches are compiled; what is small is done in NumPy, because each operation of JAX outside a
        # compiled function takes a tenth of a millisecond.
        padded = np.resize(pixels, (1 << (number - 1).bit_length(), *pixels.shape[1:]))
        crops = jnp.asarray(padded.astype(np.float32) / np.float32(255))
        options: dict[str, Any] = {"mirror": self.mirror, "decoder": self.decoder, "dtype": self.dtype}
        prediction = jax.device_get(inference.predict(self.net, crops, **options))
        points = crop.to_image(affines, prediction.points[:number]).astype(np.float32)
        scales = np.array([region.side / size for region in regions], np.float32)
        covariance = prediction.covariance[:number] * scales[:, None, None, None] ** 2
        return [Face(points[k], points[k], prediction.confidence[k], covariance[k]) for k in range(number)]


def missing_face(landmarks: int) -> Face:
    """No face, for a net of M landmarks: NaN, with confidence 0."""
    points = np.full((landmarks, 2), np.nan, np.float32)
    return Face(points, points, np.zeros(landmarks, np.float32), np.full((landmarks, 2, 2), np.nan, np.float32))


_weights = jax.jit(heatmap.confidence_weights)
