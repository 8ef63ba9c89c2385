"""Find the faces in a picture: the net at every scale, boxes from its maps, suppression of those that overlap."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from fhr_jax import geometry, inputs
from fhr_jax.detector import atlas
from fhr_jax.detector.decoding import Candidates, CentreDecoder, decode
from fhr_jax.detector.detections import Detections
from fhr_jax.detector.letterbox import letterbox
from fhr_jax.detector.net import STRIDE, CentreNet, DetectorConfig, DetectorNet
from fhr_jax.detector.suppression import merge, suppress


def find_faces(
    net: DetectorNet,
    image: UInt8[np.ndarray, "h w 3"],
    *,
    side: int | None = None,
    threshold: float | None = None,
    decoder: CentreDecoder = "parabola",
) -> Detections:
    """The faces in a picture, the highest score first.

    Args:
        net: the detector.
        image: RGB bytes (H, W, 3).
        side: longer side in pixels to which the picture is resized; the smallest face that is found is about
            `net.config.smallest` pixels there. None: that of the net.
        threshold: lowest score; None: that of the net.
        decoder: of the centres, see `decoding.decode`.

    Raises:
        InputError: the image is no array of RGB bytes.
    """
    inputs.check_image(image)
    side = net.config.side if side is None else side
    threshold = net.config.threshold if threshold is None else threshold
    boxed = letterbox(image, side=side)
    found = _candidates(net.variables, jnp.asarray(boxed.canvas), net.config, atlas.scales(net.config, side), decoder)
    boxes, scores = (np.asarray(array, np.float64) for array in found[:2])
    likely = scores >= threshold
    boxes, scores = boxes[likely], scores[likely]
    kept = suppress(boxes, scores)
    return Detections(boxed.to_image(merge(boxes, scores, kept)), scores[kept])


@partial(jax.jit, static_argnames=("config", "number", "decoder"))
def _candidates(
    variables: Any, canvas: Array, config: DetectorConfig, number: int, decoder: CentreDecoder
) -> Candidates:
    """Boxes in pixels of the canvas and their scores, from all scales, which the net sees side by side."""
    layout = atlas.layout((canvas.shape[0], canvas.shape[1]), number)
    image = atlas.assemble(canvas.astype(jnp.float32) / 255, layout)
    maps = CentreNet(config).apply(variables, image[None])[0]
    scale_of_cell = atlas.scale_of_cell(layout, STRIDE)
    inside = jnp.asarray(scale_of_cell >= 0)
    maps = maps.at[..., 0].set(jnp.where(inside, maps[..., 0], -jnp.inf))
    found = decode(maps, config, decoder=decoder)
    scale = jnp.asarray(scale_of_cell).ravel()[found.cells]
    return found._replace(boxes=_in_canvas(found.boxes, scale, layout))


def _in_canvas(boxes: Float[Array, "n 4"], scale: Array, layout: atlas.Layout) -> Float[Array, "n 4"]:
    """Boxes of the atlas in pixels of the canvas, by the number of the scale that each was found at."""
    corners = jnp.asarray([[left, top] for top, left, _, _ in layout.places], jnp.float32)[scale]
    factor = jnp.exp2(scale.astype(jnp.float32))[:, None]
    return jnp.concatenate([geometry.resize_points(boxes[:, :2] - corners, factor), boxes[:, 2:] * factor], axis=-1)
