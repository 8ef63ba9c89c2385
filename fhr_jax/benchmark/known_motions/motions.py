"""What a face does: pure functions of the time in seconds, so that every amplitude, onset and frame rate has a truth.

Each takes the landmarks of a face at rest, (68, 2) in pixels, and times (T,), and returns the track (T, 68, 2). Before
`onset` the face rests. Amplitudes are in face sizes: RMS distances of the landmarks to their centroid. All settings may
be traced. A `weights` (68, 2) says in which direction and how far each landmark goes, at most by 1.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fhr_jax.data.faces import anatomy
from fhr_jax.stabilizer.units import median_face_size

Number = float | int | Float[Array, ""]
Face = Float[Array | np.ndarray, "68 2"]
Time = Float[Array | np.ndarray, " t"]
Weights = Float[Array | np.ndarray, "68 2"]
Track = Float[Array, "t 68 2"]


def mean_face(*, size: float = 72.0, centre: tuple[float, float] = (128.0, 128.0)) -> Float[np.ndarray, "68 2"]:
    """The mean face of `data.faces`, frontal and at rest, (68, 2) in pixels.

    Args:
        size: of the face, pixels; 72 is typical of the 256 crop.
        centre: centroid of the landmarks, (x, y) in pixels.
    """
    points = anatomy.MEAN[:68, :2] - anatomy.MEAN[:68, :2].mean(axis=0)
    return points * (size / median_face_size(points[None])) + np.asarray(centre)


def progress(time: Time, *, onset: Number, duration: Number) -> Float[Array, " t"]:
    """Times (T,) in seconds to progress (T,): 0 until the onset, rising evenly to 1 within `duration` seconds."""
    return jnp.clip((jnp.asarray(time) - onset) / duration, 0, 1)


def pulse(time: Time, *, onset: Number, duration: Number) -> Float[Array, " t"]:
    """Times (T,) in seconds to half a sine wave (T,) of height 1 that lasts `duration` seconds; 0 before and after."""
    return jnp.sin(jnp.pi * progress(time, onset=onset, duration=duration))


def move_part(face: Face, time: Time, *, weights: Weights, amplitude: Number, onset: Number, duration: Number) -> Track:
    """Landmarks go somewhere at an even speed, and stay.

    Args:
        face: at rest, (68, 2) in pixels.
        time: (T,) in seconds.
        weights: direction of each landmark, (68, 2).
        amplitude: face sizes.
        onset: seconds.
        duration: of the way, seconds.
    """
    return _displace(face, weights, amplitude * progress(time, onset=onset, duration=duration))


def move_part_and_return(
    face: Face, time: Time, *, weights: Weights, amplitude: Number, onset: Number, duration: Number
) -> Track:
    """Landmarks go somewhere and back, such as lids in a blink, along half a sine wave.

    Args:
        face: at rest, (68, 2) in pixels.
        time: (T,) in seconds.
        weights: direction of each landmark, (68, 2).
        amplitude: face sizes.
        onset: seconds.
        duration: there and back, seconds.
    """
    return _displace(face, weights, amplitude * pulse(time, onset=onset, duration=duration))


def nod(face: Face, time: Time, *, amplitude: Number, frequency: Number, onset: Number) -> Track:
    """The whole face swings up and down, from the onset on.

    Args:
        face: at rest, (68, 2) in pixels.
        time: (T,) in seconds.
        amplitude: from the middle, face sizes.
        frequency: Hz.
        onset: seconds.
    """
    return _displace(face, DOWN, amplitude * _swing(time, frequency, onset))


def shake(face: Face, time: Time, *, amplitude: Number, frequency: Number, onset: Number) -> Track:
    """The whole face swings to the right and to the left, from the onset on.

    Args:
        face: at rest, (68, 2) in pixels.
        time: (T,) in seconds.
        amplitude: from the middle, face sizes.
        frequency: Hz.
        onset: seconds.
    """
    return _displace(face, RIGHT, amplitude * _swing(time, frequency, onset))


def _swing(time: Time, frequency: Number, onset: Number) -> Array:
    """A sine wave (T,) that begins at the onset."""
    return jnp.sin(2 * jnp.pi * frequency * jnp.maximum(jnp.asarray(time) - onset, 0))


def roll(face: Face, time: Time, *, speed: Number, angle: Number, onset: Number) -> Track:
    """The face turns about its centroid in the image plane, and stays turned.

    Args:
        face: at rest, (68, 2) in pixels.
        time: (T,) in seconds.
        speed: degrees a second.
        angle: at which it stops, degrees.
        onset: seconds.
    """
    turned = jnp.deg2rad(angle * progress(time, onset=onset, duration=angle / speed))
    cos, sin = jnp.cos(turned)[:, None], jnp.sin(turned)[:, None]
    centre, points = _centred(face)
    x, y = points[None, :, 0], points[None, :, 1]
    return jnp.stack([cos * x - sin * y, sin * x + cos * y], axis=-1) + centre[None]


def zoom(face: Face, time: Time, *, speed: Number, duration: Number, onset: Number) -> Track:
    """The face grows evenly, in proportion to its size, and stays.

    Args:
        face: at rest, (68, 2) in pixels.
        time: (T,) in seconds.
        speed: growth of the logarithm of the size, per second; negative shrinks.
        duration: seconds.
        onset: seconds.
    """
    centre, points = _centred(face)
    grown = jnp.exp(speed * duration * progress(time, onset=onset, duration=duration))
    return grown[:, None, None] * points[None] + centre[None]


def set_off(face: Face, time: Time, *, speed: Number, ramp: float, duration: Number, onset: Number) -> Track:
    """The whole face moves to the right at a speed, and stops at once.

    Args:
        face: at rest, (68, 2) in pixels.
        time: (T,) in seconds.
        speed: face sizes a second.
        ramp: seconds in which the speed builds up evenly; 0 sets off at full speed.
        duration: until it stops, seconds.
        onset: seconds.
    """
    passed = jnp.clip(jnp.asarray(time) - onset, 0, duration)
    building = jnp.minimum(passed, ramp)
    way = building**2 / (2 * ramp) + jnp.maximum(passed - ramp, 0) if ramp else passed
    return _displace(face, RIGHT, speed * way)


def _displace(face: Face, weights: Weights, sizes: Float[Array, " t"]) -> Track:
    _, points = _centred(face)
    size = jnp.sqrt((points**2).sum(axis=-1).mean())
    return jnp.asarray(face)[None] + (size * sizes)[:, None, None] * jnp.asarray(weights)[None]


def _centred(face: Face) -> tuple[Float[Array, "1 2"], Float[Array, "68 2"]]:
    centre = jnp.asarray(face).mean(axis=0, keepdims=True)
    return centre, jnp.asarray(face) - centre


def _towards(x: float, y: float, points: tuple[int, ...] | range = range(68)) -> Float[np.ndarray, "68 2"]:
    weights = np.zeros((68, 2))
    weights[list(points)] = x, y
    return weights


def _of_expression(mode: int) -> Float[np.ndarray, "68 2"]:
    """The displacements of the frontal face in a mode of `anatomy.EXPRESSION`, the largest of length 1."""
    moved = anatomy.EXPRESSION[mode, :68, :2]
    return moved / np.linalg.norm(moved, axis=-1).max()


DOWN, RIGHT = _towards(0.0, 1.0), _towards(1.0, 0.0)
"""All landmarks."""

LOWER_LIP_AND_CHIN = _towards(0.0, 1.0, (*range(6, 11), *range(55, 60), *range(65, 68)))
"""The lower lip and the chin go down."""

UPPER_LIDS = _towards(0.0, 1.0, (37, 38, 43, 44))
"""Both upper lids go down."""

GLANCE = UPPER_LIDS + 0.5 * _towards(0.0, 1.0, (40, 41, 46, 47))
"""Eyes look down: the upper lids follow them, and the lower lids half as far. The 68 points have no iris."""

SMILE = _of_expression(1)
"""The corners of the mouth go outwards and up."""

BROWS_UP = _of_expression(7)
"""Both brows go up."""

LEFT = (anatomy.MEAN[:68, :1] < -0.01).astype(float)
"""Factor (68, 1) of weights that leaves the left half of the image only."""
