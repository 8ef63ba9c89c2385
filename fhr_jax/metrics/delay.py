"""By how many frames a track lags behind the truth."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.metrics.motion import STANDSTILL, AnyMask, AnyTrack, clean


@partial(jax.jit, static_argnames="reach")
def delay(
    predictions: AnyTrack, truth: AnyTrack, *, mask: AnyMask | None = None, reach: int = 5
) -> Float[Array, "*batch"]:
    """The shift d in frames for which p(t - d) is nearest to x(t): positive if x is late.

    The squared distance over all coordinates and frames is minimized over d in [-reach, reach], the truth
    interpolated linearly between frames, so that d has fractions: an output a (p(t) + p(t-1)) / 2 is half a
    frame late. Every shift is judged on the same frames: those whose window of 2 reach + 1 true frames is
    valid. Of equal shifts the one nearest to 0 wins; a truth that stands still has delay 0.

    Args:
        predictions: track (..., T, M, 2) in pixels; frames with a non-finite point do not count.
        truth: the same for the true landmarks.
        mask: frames that count (..., T).
        reach: largest shift in frames; at most (T - 1) / 2 is used.

    Returns:
        The delay (...); NaN if no frame can be judged.
    """
    x, p, valid = clean(predictions, truth, mask)
    frames = x.shape[-3]
    reach = max(0, min(reach, (frames - 1) // 2))

    def shifted(track: Array, shift: int, axis: int) -> Array:
        """track(t - shift) for the frames t that have every shift."""
        start = reach - shift
        return jnp.take(track, jnp.arange(start, start + frames - 2 * reach), axis=axis)

    judged = shifted(valid, 0, -1)
    for shift in range(-reach, reach + 1):
        judged &= shifted(valid, shift, -1)
    now = shifted(x, 0, -3)
    counts = judged[..., None, None]

    # On each interval [k, k + 1] the squared distance is a parabola in the fraction. Nearest to 0 first.
    shifts, distances = [], []
    for start in sorted(range(-reach, max(reach, 1)), key=lambda k: abs(k + 0.5) + 0.1 * (k < 0)):
        near, far = shifted(p, start, -3), shifted(p, min(start + 1, reach), -3)
        away, span = jnp.where(counts, now - near, 0), jnp.where(counts, far - near, 0)
        energy = (span**2).sum(axis=(-3, -2, -1))
        moves = energy > STANDSTILL
        fraction = (away * span).sum(axis=(-3, -2, -1)) / jnp.where(moves, energy, 1)
        # Without motion the end nearest to 0.
        fraction = jnp.where(moves, jnp.clip(fraction, 0, 1), 0.0 if start >= 0 else 1.0)
        rest = away - fraction[..., None, None, None] * span
        shifts.append(start + fraction)
        distances.append((rest**2).sum(axis=(-3, -2, -1)))
    best = jnp.argmin(jnp.stack(distances, axis=-1), axis=-1)
    found = jnp.take_along_axis(jnp.stack(shifts, axis=-1), best[..., None], axis=-1)[..., 0]
    return jnp.where(judged.any(axis=-1), found, jnp.nan)
