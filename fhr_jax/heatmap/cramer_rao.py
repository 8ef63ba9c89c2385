"""The Cramer-Rao bound: the lowest error of any unbiased decoder of a Gaussian of known width on noisy pixels.

The map is h(c) = a exp(-|c - p|^2 / (2 sigma^2)) with centre p and height a = 1, both unknown to the decoder. With
independent noise of standard deviation tau on every pixel the Fisher information of (p, ln a) is

    I = sum_c g(c) g(c)^T / tau^2,   g = (c - p, sigma^2) / sigma^2 times h(c)  (times 1 if the noise is on ln h).

The bound is the block of the inverse of I that belongs to p. Far from the border, and for sigma from 1 up, the sums
are close to integrals: the standard deviation along each axis is tau sqrt(2 / pi), for every sigma.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.errors import InputError
from fhr_jax.types import Points, Size


def cramer_rao(
    points: Points, *, size: Size, sigma: float = 3.0, noise: float, logits: bool = False
) -> Float[Array, "*batch m 2 2"]:
    """The lowest covariance of an unbiased estimate of each centre.

    Args:
        points: true centres (..., M, 2) in heatmap pixels, order (x, y).
        size: (height, width) of the maps in pixels.
        sigma: standard deviation of the Gaussians in heatmap pixels, known to the decoder.
        noise: standard deviation of the noise on every pixel, in units of the Gaussian's height.
        logits: the noise is on the logarithms, so it multiplies the values, and all pixels are equally exact. The bound
            then falls with the size of the map, and decoders that read a window stay far above it.

    Returns:
        Covariances (..., M, 2, 2) in square heatmap pixels; not finite where the pixels do not determine the centre, as
        on an axis of one pixel.

    Raises:
        InputError: `sigma`, `noise` or `size` is not positive.
    """
    height, width = size
    if not (sigma > 0 and noise > 0 and height > 0 and width > 0):
        raise InputError(f"heatmap.cramer_rao: sigma {sigma}, noise {noise} and size {size}, expected positive numbers")
    # Every entry is a product of a sum over columns and a sum over rows: moments 0, 1 and 2 about the centre.
    x, y = (_moments(points[..., axis], length, sigma, logits) for axis, length in ((0, width), (1, height)))
    square = sigma**2
    xx, xy, yy = x[2] * y[0], x[1] * y[1], x[0] * y[2]
    xa, ya, aa = square * x[1] * y[0], square * x[0] * y[1], square**2 * x[0] * y[0]
    # The unknown height takes away the information that it shares with the centre (Schur complement).
    xx, xy, yy = xx - xa * xa / aa, xy - xa * ya / aa, yy - ya * ya / aa
    scale = (noise * square) ** 2 / (xx * yy - xy * xy)
    return scale[..., None, None] * jnp.stack([jnp.stack([yy, -xy], axis=-1), jnp.stack([-xy, xx], axis=-1)], axis=-2)


def _moments(centres: Float[Array, "*batch m"], length: int, sigma: float, logits: bool) -> tuple[Array, Array, Array]:
    distance = jnp.arange(length, dtype=centres.dtype).reshape((1,) * centres.ndim + (-1,)) - centres[..., None]
    weights = jnp.ones_like(distance) if logits else jnp.exp(-((distance / sigma) ** 2))
    zeroth, first, second = ((weights * distance**k).sum(axis=-1) for k in range(3))
    return zeroth, first, second
