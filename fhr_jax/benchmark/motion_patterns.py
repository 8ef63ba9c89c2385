"""Known motion patterns of a face, for Fig. 7: a step, a ramp, a reversal, an oscillation, a turned head that blinks.

The face is the mean face of `fhr_jax.data.faces`, in pixels of the 256 crop of its first frame, at 30 frames a second.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fhr_jax.data.faces import anatomy, shape
from fhr_jax.data.synthetic import tracks

PARTS = {"step": 50, "ramp": 60, "turn back": 60, "oscillation": 80, "turned head and blinks": 80}
"""Frames of each pattern."""

_LIDS = (4, 5)
"""Rows of the lids in `anatomy.EXPRESSION`."""


class MotionPattern(NamedTuple):
    """The landmarks, and the frames of each pattern.

    Attributes:
        truth: (T, 68, 2), pixels of the 256 crop.
        parts: frames of each pattern, by name.
    """

    truth: Float[Array, "t 68 2"]
    parts: dict[str, slice]


def motion_pattern() -> MotionPattern:
    """All patterns one after the other; the face rests in the first and last ten frames of each, except after the step.

    The landmarks have shape (T, 68, 2).
    """
    position, yaw, lid, parts = [np.zeros(10)], [np.zeros(10)], [np.zeros(10)], {}
    began = 10
    for name, frames in PARTS.items():
        parts[name] = slice(began, began + frames)
        began += frames
        u = np.clip((np.arange(frames) - 10) / (frames - 20), 0, 1)
        still = np.zeros(frames)
        move = {
            "step": 12.0 * (np.arange(frames) >= 10),
            "ramp": 45.0 * u,
            "turn back": 50.0 * np.minimum(u, 1 - u),
            "oscillation": 7.0 * np.sin(2 * np.pi * 4 * u),
        }.get(name, still)
        position.append(position[-1][-1] + move)
        turned = name == "turned head and blinks"
        yaw.append(0.5 * np.sin(np.pi * u) if turned else still)
        closed = [np.clip(1 - np.abs(np.arange(frames) - at) / 4, 0, 1) for at in (25, 40, 55)]
        lid.append(np.maximum.reduce(closed) if turned else still)
    x, angle, shut = (jnp.asarray(np.concatenate(part), jnp.float32) for part in (position, yaw, lid))

    def frame(angle: Array, shut: Array) -> Array:
        expression = jnp.zeros(len(anatomy.EXPRESSION)).at[jnp.array(_LIDS)].set(shut)
        head = shape.head(jnp.zeros(len(anatomy.IDENTITY)), expression)
        return shape.perspective(shape.rotate(head[:68], shape.rotation(angle, 0 * angle)), jnp.asarray(7.0))

    points = tracks.crop(jax.vmap(frame)(angle, shut), follow=0.0)
    return MotionPattern(points.at[:, :, 0].add((x - x.mean())[:, None]), parts)
