"""How much of a movement a filter keeps, where the detector before it does not report all of it either."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from fhr_jax.errors import InputError
from fhr_jax.metrics.eyelid_lip_opening import movement_response

Openings = Float[np.ndarray, "n t"]


class KeptOpening(NamedTuple):
    """The response of a filter to a movement, beside that of the raw track.

    Attributes:
        slope: of the output on the truth, as in `movement_response`.
        kept: the slope over that of the raw track.
        error: standard error of `kept` over clips, by the jackknife; 0 with one clip.
        delay: frames behind the truth.
        later: frames behind the raw track.
    """

    slope: float
    kept: float
    error: float
    delay: float
    later: float


def kept_opening(
    output: Openings, raw: Openings, truth: Openings, *, mask: Bool[np.ndarray, "n t"] | None = None
) -> KeptOpening:
    """Compare the openings (N, T) in the output of a filter, in the raw track and in truth, over all clips together.

    Args:
        output: NaN in frames without one.
        raw: what the filter read.
        truth: exact.
        mask: frames that count; None counts all but the ends of a clip, as `movement_response` does.

    Raises:
        InputError: there is no clip, or nothing moves in the frames that count.
    """
    mask = np.ones(truth.shape, bool) if mask is None else mask
    if not len(truth):
        raise InputError("truth: no clips, expected at least one")
    ours, before = (movement_response(track, truth, mask=mask) for track in (output, raw))
    if not np.isfinite([ours.gain, before.gain]).all():
        raise InputError("truth: no movement in the frames that count, expected some in more or longer clips")

    number = len(truth)
    without = []
    for left_out in range(number) if number > 1 else ():
        rest = np.arange(number) != left_out
        pair = (movement_response(track[rest], truth[rest], mask=mask[rest]).gain for track in (output, raw))
        without.append(next(pair) / next(pair))
    error = np.sqrt((number - 1) * np.var(without)) if without else 0.0
    return KeptOpening(ours.gain, ours.gain / before.gain, float(error), ours.delay, ours.delay - before.delay)
