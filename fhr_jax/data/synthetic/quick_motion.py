"""Quick motions at random times: of parts of a face (jaw, lids, smile, brows, anything), and of the whole head.

A part moves by a smooth weight over the face, so that any markup moves with it. All motions are functions of the time
in seconds, so that cameras of different rates see the same motion. "Frames" are those of 30 frames a second.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.lax import Precision
from jaxtyping import Array, Float

from fhr_jax.data.faces import anatomy
from fhr_jax.data.faces.motion import RATE, Clock
from fhr_jax.data.faces.random_draws import RandomDraws

HEAD_SIZE = 0.6
"""Size of the mean head: RMS distance of its 68 landmarks to their centroid, in inter-ocular distances."""

REFERENCE = (anatomy.MEAN + 0.4 * anatomy.EXPRESSION[0])[:68, :2]
"""Face coordinates (68, 2) of the landmarks, mouth open, so that a smooth weight can tell the lips apart."""

EVERY = 0.8
"""Seconds from one local motion to the next where a track has as many as possible."""

GESTURE_EVERY = 1.5
"""Seconds from one gesture of the head to the next where a track has as many as possible."""


class LocalKind(NamedTuple):
    """A kind of local motion; ranges are drawn log-uniformly.

    Attributes:
        share: how often it is drawn, relative.
        amplitude: of the point that moves most, in face sizes.
        rise: frames until it is reached.
        hold: frames for which it stays.
        fall: frames until all is as before.
        one_sided: chance that only one half of the face moves.
    """

    share: float
    amplitude: tuple[float, float]
    rise: tuple[float, float]
    hold: tuple[float, float]
    fall: tuple[float, float]
    one_sided: float


KINDS = {
    "jaw": LocalKind(0.28, (0.05, 0.5), (1, 8), (0.3, 20), (1.5, 12), 0.0),
    "lids": LocalKind(0.28, (0.03, 0.25), (1, 3.5), (0.2, 2.5), (1.8, 6), 0.15),
    "smile": LocalKind(0.12, (0.03, 0.2), (2, 15), (5, 60), (3, 20), 0.3),
    "brows": LocalKind(0.12, (0.03, 0.2), (2, 12), (1, 40), (2, 15), 0.3),
    "anything": LocalKind(0.20, (0.02, 0.35), (1, 12), (0.3, 60), (1, 15), 0.0),
}


def ease(u: Float[Array, "*#shape"], softness: Float[Array, "*#shape"]) -> Float[Array, "*shape"]:
    """Progress of a move from 0 to 1.

    Args:
        u: time (...), 0 where the move begins and 1 where it ends.
        softness: (...), share of the time in which the speed rises, in (0, 1/2], and share in which it falls; else it
            is constant. Near 0 the move starts and stops at once.
    """
    u = jnp.clip(u, 0, 1)
    nearest = jnp.minimum(u, 1 - u)
    half = jnp.where(nearest < softness, nearest**2 / (2 * softness), nearest - softness / 2) / (1 - softness)
    return jnp.where(u < 0.5, half, 1 - half)


def local_motion(
    draws: RandomDraws, clock: Clock, *, share: Float[Array, ""], amount: float | Float[Array, ""] = 1.0
) -> Float[Array, "t 68 3"]:
    """Displacements of the 68 landmarks of a frontal head, in inter-ocular distances.

    Args:
        draws: random draws.
        clock: of T frames.
        share: of the possible motions that take place, (); 1 is one in `EVERY` seconds.
        amount: factor of all amplitudes, ().

    Returns:
        (T, 68, 3): x right, y down, z to the viewer.
    """
    number = max(1, round(clock.seconds / EVERY))
    kinds = list(KINDS.values())
    kind = draws.choice(tuple(k.share for k in kinds), (number,))

    def of_kind(field: str) -> Float[Array, " n"]:
        low, high = jnp.asarray([getattr(k, field) for k in kinds]).T
        return low[kind] * (high[kind] / low[kind]) ** draws.uniform(shape=(number,))

    rise, hold, fall = (of_kind(name) / RATE for name in ("rise", "hold", "fall"))
    amplitude = amount * HEAD_SIZE * of_kind("amplitude") * (draws.uniform(shape=(number,)) < share)
    start = draws.uniform(0.0, clock.seconds, (number,))
    softness = draws.uniform(0.01, 0.5, (2, number))
    begin = ease((clock.time[:, None] - start[None]) / rise[None], softness[:1])
    end = ease((clock.time[:, None] - (start + rise + hold)[None]) / fall[None], softness[1:])
    weight = _weights(draws, number)[kind, jnp.arange(number)]
    one = draws.uniform(shape=(number,)) < jnp.asarray([k.one_sided for k in kinds])[kind]
    side = jnp.sign(draws.uniform(-1.0, 1.0, (number, 1)))
    half = jax.nn.sigmoid(side * jnp.asarray(REFERENCE[None, :, 0], jnp.float32) / 0.05)
    weight = weight * jnp.where(one[:, None], half, 1.0)[..., None]
    peak = jnp.linalg.norm(weight, axis=-1).max(axis=1)
    weight = weight * (amplitude / jnp.maximum(peak, 1e-3))[:, None, None]
    return jnp.einsum("te,emd->tmd", begin - end, weight, precision=Precision.HIGHEST)


def gestures(draws: RandomDraws, clock: Clock, *, share: Float[Array, ""]) -> Float[Array, "t 6"]:
    """Quick motions of the whole head, to be added to its pose and place.

    A gesture shakes, nods, rolls, moves or zooms at 1 to 8 Hz for a while, evenly or with sharp turns, or goes
    somewhere else: at 0.1 to 2 face sizes a frame, by up to 9 degrees of roll a frame, or by up to a fifth in size a
    frame.

    Args:
        draws: random draws.
        clock: of T frames.
        share: of the possible gestures that take place, (); 1 is one in `GESTURE_EVERY` seconds.

    Returns:
        (T, 6): yaw, pitch, roll in radians; x, y in inter-ocular distances; logarithm of the size.
    """
    number = max(1, round(clock.seconds / GESTURE_EVERY))

    def log_uniform(low: float, high: float) -> Float[Array, " n"]:
        return low * (high / low) ** draws.uniform(shape=(number,))

    channel = jax.nn.one_hot(draws.choice((1.0, 1.0, 1.0, 1.5, 1.5, 0.8), (number,)), 6)
    start = draws.uniform(0.0, clock.seconds, (number,))
    time = clock.time[:, None] - start[None]
    softness = draws.uniform(0.01, 0.5, (1, number))

    # Oscillation: half of a face size is the largest swing of a nod, in the units of each channel.
    frequency, swing = log_uniform(1.0, 8.0), log_uniform(0.015, 0.5)
    length, fade = log_uniform(0.5, 4.0), log_uniform(0.03, 0.5)
    envelope = ease(time / fade[None], softness) - ease((time - (fade + length)[None]) / fade[None], softness)
    sine = jnp.sin(2 * jnp.pi * frequency[None] * time)
    sharp = draws.uniform(shape=(1, number)) < 0.3
    wave = envelope * jnp.where(sharp, 2 / jnp.pi * jnp.arcsin(0.999 * sine), sine)
    oscillation = wave * swing[None]

    # A move at a speed, for a while. Its length is limited, so that the face stays a face.
    sign = jnp.sign(draws.uniform(-1.0, 1.0, (number,)))
    speed, frames = log_uniform(0.05, 1.0), log_uniform(2.0, 30.0)
    reach = jnp.asarray([0.6, 0.4, 0.9, 8.0, 8.0, 0.6])
    fastest = jnp.asarray([0.12, 0.1, np.deg2rad(9.0), 2 * HEAD_SIZE, 2 * HEAD_SIZE, 0.2])
    per_frame = speed[:, None] * fastest[None]
    distance = jnp.minimum(per_frame * frames[:, None], reach[None])
    lasting = (distance / per_frame * channel).sum(axis=1) / RATE
    move = sign[None] * ease(time / lasting[None], softness)
    scale = jnp.asarray([0.7, 0.6, 0.8, HEAD_SIZE, HEAD_SIZE, 0.6])

    oscillates = draws.uniform(shape=(number,)) < 0.45
    on = (draws.uniform(shape=(number,)) < share)[:, None] * channel
    moves = jnp.where(oscillates[:, None], 0.0, on * distance)
    swings = jnp.where(oscillates[:, None], on * scale[None], 0.0)
    return jnp.matmul(move, moves, precision=Precision.HIGHEST) + jnp.matmul(
        oscillation, swings, precision=Precision.HIGHEST
    )


def _weights(draws: RandomDraws, number: int) -> Float[Array, "kinds n 68 3"]:
    """Direction of each landmark in the motions of each kind, up to a factor."""
    anywhere = jnp.asarray(REFERENCE, jnp.float32)
    centre = jnp.floor(draws.uniform(0.0, 68.0, (number,))).astype(jnp.int32)
    width = 0.08 * (0.6 / 0.08) ** draws.uniform(shape=(number,))
    apart = ((anywhere[None] - anywhere[centre][:, None]) ** 2).sum(axis=-1)
    bump = jnp.exp(-apart / (2 * width[:, None] ** 2))
    angle = draws.uniform(0.0, 2 * jnp.pi, (number,))
    direction = jnp.stack([jnp.cos(angle), jnp.sin(angle), draws.normal(0.3, shape=(number,))], axis=1)
    random = bump[..., None] * direction[:, None]
    known = jnp.asarray(np.stack([_jaw(), _lids(), _smile(), _brows()]), jnp.float32)
    return jnp.concatenate([jnp.broadcast_to(known[:, None], (4, number, 68, 3)), random[None]])


def _bumps(x: float, y: float, across: float, down: float) -> np.ndarray:
    """Gaussian weights (68,) about (-x, y) and (x, y), with these deviations."""
    apart = (np.abs(REFERENCE[:, 0]) - x) / across, (REFERENCE[:, 1] - y) / down
    return np.exp(-(apart[0] ** 2 + apart[1] ** 2) / 2)


def _directed(weight: np.ndarray, x: np.ndarray | float, y: float, z: float) -> np.ndarray:
    return np.stack([weight * x, weight * y, weight * z], axis=-1)


def _jaw() -> np.ndarray:
    """Down: all below the gap of the lips, less at the sides of the face."""
    below = 1 / (1 + np.exp(-(REFERENCE[:, 1] - 0.79) / 0.015))
    return _directed(below * np.exp(-((REFERENCE[:, 0] / 0.6) ** 4)), 0.0, 1.0, -0.3)


def _lids() -> np.ndarray:
    """The upper lids down, the lower ones hardly."""
    upper = _bumps(0.36, -0.06, 0.09, 0.035)
    lower = _bumps(0.36, 0.05, 0.09, 0.03)
    return _directed(upper - 0.08 * lower, 0.0, 1.0, 0.0)


def _smile() -> np.ndarray:
    """The corners of the mouth outwards, up and back, and the cheeks a little."""
    corners = _bumps(0.31, 0.79, 0.14, 0.12)
    return _directed(corners, np.sign(REFERENCE[:, 0]), -0.8, -0.5)


def _brows() -> np.ndarray:
    """Up."""
    return _directed(_bumps(0.4, -0.25, 0.25, 0.08), 0.0, -1.0, 0.0)
