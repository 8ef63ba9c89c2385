"""The number of frames by which a track lags behind the truth."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.metrics.motion import MIN_SQUARED_MOTION, AnyMask, AnyTrack, mask_tracks


@partial(jax.jit, static_argnames="max_shift")
def delay(
    predictions: AnyTrack, truth: AnyTrack, *, mask: AnyMask | None = None, max_shift: int = 5
) -> Float[Array, "*batch"]:
    """The shift d in frames for which the true track p(t - d) is nearest to x(t); positive if x is late.

    Minimizes the squared distance over all coordinates and frames for d in [-max_shift, max_shift]. The truth is
    interpolated linearly between frames, so d can be a fraction: an output (p(t) + p(t-1)) / 2 is half a frame late.
    All shifts are compared on the same frames, those whose window of 2 max_shift + 1 true frames is valid. If several
    shifts are equally good, the one nearest to 0 is the result, and the positive one of two at equal distance. A truth
    that stands still has delay 0.

    Args:
        predictions: track (..., T, M, 2) in pixels; frames with a point that is not finite do not count.
        truth: the true track (..., T, M, 2).
        mask: frames that count (..., T).
        max_shift: largest shift in frames; at most (T - 1) / 2 is used.

    Returns:
        The delay (...); NaN if no frame counts.
    """
    x, p, valid = mask_tracks(predictions, truth, mask)
    frames = x.shape[-3]
    max_shift = max(0, min(max_shift, (frames - 1) // 2))

    def shifted(track: Array, shift: int, axis: int) -> Array:
        """track(t - shift) for the frames t for which all shifts exist."""
        start = max_shift - shift
        return jnp.take(track, jnp.arange(start, start + frames - 2 * max_shift), axis=axis)

    compared = shifted(valid, 0, -1)
    for shift in range(-max_shift, max_shift + 1):
        compared &= shifted(valid, shift, -1)
    now = shifted(x, 0, -3)
    counts = compared[..., None, None]

    # Between the shifts k and k + 1 the squared distance is a parabola in the fraction. The argmin below takes the
    # first of equal distances, so the intervals nearest to 0 come first, and [0, 1] before [-1, 0].
    shifts, distances = [], []
    for start in sorted(range(-max_shift, max(max_shift, 1)), key=lambda k: abs(k + 0.5) + 0.1 * (k < 0)):
        near, far = shifted(p, start, -3), shifted(p, min(start + 1, max_shift), -3)
        difference, step = jnp.where(counts, now - near, 0), jnp.where(counts, far - near, 0)
        energy = (step**2).sum(axis=(-3, -2, -1))
        moves = energy > MIN_SQUARED_MOTION
        fraction = (difference * step).sum(axis=(-3, -2, -1)) / jnp.where(moves, energy, 1)
        # Without motion all fractions are equal: take the end nearest to 0.
        fraction = jnp.where(moves, jnp.clip(fraction, 0, 1), 0.0 if start >= 0 else 1.0)
        residual = difference - fraction[..., None, None, None] * step
        shifts.append(start + fraction)
        distances.append((residual**2).sum(axis=(-3, -2, -1)))
    best = jnp.argmin(jnp.stack(distances, axis=-1), axis=-1)
    found = jnp.take_along_axis(jnp.stack(shifts, axis=-1), best[..., None], axis=-1)[..., 0]
    return jnp.where(compared.any(axis=-1), found, jnp.nan)
