"""How people move in front of a camera: turns, nods, speech, smiles, brows, blinks, swaying, at 30 frames a second.

The constants were tuned, and rounded, to match statistics of published predictions on 300-VW
(`experiments/match_tracks.py`): power spectrum, speed, second difference, range and speed of the pose, directions of
motion. Rendered clips and synthetic tracks both use this motion.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.data.faces import anatomy
from fhr_jax.data.faces.face import SyntheticFace
from fhr_jax.data.faces.random_draws import Key, RandomDraws, random_block
from fhr_jax.data.faces.sample import POSE_LIMIT, sample
from fhr_jax.errors import InputError

RATE = 30.0
"""Frames a second."""


class HeadMotion(NamedTuple):
    """The motion of one person around a neutral position.

    Attributes:
        pose: (T, 3) yaw, pitch, roll in radians.
        expression: (T, E) coefficients of `anatomy.EXPRESSION`.
        place: (T, 3) shift (x, y) in head units, and the logarithm of the size.
    """

    pose: Float[Array, "t 3"]
    expression: Float[Array, "t e"]
    place: Float[Array, "t 3"]


class Clock(NamedTuple):
    """When the frames are. The same draws give one motion, whatever the times at which it is seen.

    Attributes:
        time: of each frame in seconds, (T,).
        seconds: length of the motion that is drawn. Events fall into [0, seconds); later there are none.
    """

    time: Float[Array, "t"]
    seconds: float


def even_clock(frames: int) -> Clock:
    """The clock of `frames` frames T at `RATE`; its `time` has the shape (T,)."""
    return Clock(jnp.arange(frames) / RATE, frames / RATE)


def move(draws: RandomDraws, frames: int, liveliness: Float[Array, ""]) -> HeadMotion:
    """Random motion of `frames` frames; `liveliness` () scales its amount and speed, 1 is typical."""
    clock = even_clock(frames)
    return move_at(draws, clock, clock, liveliness)


def move_at(draws: RandomDraws, head: Clock, face: Clock, liveliness: Float[Array, ""]) -> HeadMotion:
    """Random motion at any times.

    Args:
        draws: random draws; their number depends on the length of the clocks and not on the number of frames.
        head: clock of pose and place, T frames.
        face: clock of the expression, T frames.
        liveliness: amount and speed of the motion, (); 1 is typical.
    """
    return HeadMotion(
        _pose(draws, head, liveliness), _expression(draws, face, liveliness), _place(draws, head, liveliness)
    )


def clip(key: Key, frames: int, *, liveliness: float | Float[Array, ""] = 1.0) -> SyntheticFace:
    """A clip of one random person who turns, nods, speaks, blinks, smiles, looks around and sways.

    Args:
        key: random key.
        frames: number of frames T, at 30 a second.
        liveliness: amount of motion, (); 1 is typical.

    Returns:
        A face whose leaves all have a leading axis T; identity and appearance are constant. Render it with
        ``jax.vmap(partial(render, size=...))`` or, to save memory, with `data.synthetic.render_clip.render_clip`.

    Raises:
        InputError: there are no frames.
    """
    if frames < 1:
        raise InputError(f"a clip of {frames} frames, expected at least 1")
    face_key, motion_key = jax.random.split(key)
    still = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf[None], (frames, *leaf.shape)), sample(face_key))
    lively = jnp.asarray(liveliness, jnp.float32)
    motion, gaze = random_block(
        motion_key, lambda draws: (move(draws, frames, lively), smooth_noise(draws, frames, 0.4, size=2))
    )
    limit = jnp.deg2rad(jnp.array([POSE_LIMIT]))
    view = still.view._replace(
        centre=still.view.centre + still.view.scale[:, None] * motion.place[:, :2],
        scale=still.view.scale * jnp.exp(motion.place[:, 2]),
    )
    return still._replace(
        pose=limit * jnp.tanh((0.7 * still.pose + motion.pose) / limit),
        expression=_combine(still.expression, motion.expression),
        gaze=0.5 * still.gaze + gaze * jnp.array([[0.15, 0.08]]),
        view=view,
    )


def smooth_noise(draws: RandomDraws, frames: int, seconds: float, *, size: int = 1) -> Float[Array, "t size"]:
    """Smooth stationary noise of variance 1, a sum of random sine waves.

    Args:
        draws: random draws.
        frames: T.
        seconds: time scale: the frequencies are normal with a standard deviation of 1 / (2 pi seconds).
        size: number of independent signals.

    Returns:
        The noise (T, size).
    """
    return waves(draws, even_clock(frames), seconds, size=size)


def waves(draws: RandomDraws, clock: Clock, seconds: float, *, size: int = 1) -> Float[Array, "t size"]:
    """`smooth_noise` at any times.

    Args:
        draws: random draws.
        clock: of T frames.
        seconds: time scale, see `smooth_noise`.
        size: number of independent signals.

    Returns:
        The noise (T, size).
    """
    number = 24
    frequency = jnp.abs(draws.normal(shape=(number, size), limit=jnp.inf)) / (2 * jnp.pi * seconds)
    phase = draws.uniform(0.0, 2 * jnp.pi, (number, size))
    weight = draws.normal(shape=(number, size), limit=jnp.inf) / jnp.sqrt(number / 2)
    time = clock.time[:, None, None]
    return (weight[None] * jnp.sin(2 * jnp.pi * frequency[None] * time + phase[None])).sum(axis=1)


def blinks(draws: RandomDraws, clock: Clock, *, every: float = 3.5) -> Float[Array, "t"]:
    """Closure of the lids (T,) in [0, 1]: closing takes about 0.1 s, opening 0.2 s; one blink in `every` seconds."""
    number = max(1, round(clock.seconds / every))
    start = draws.uniform(0.0, clock.seconds, (number,))
    pace = draws.uniform(0.8, 1.4, (number,))
    depth = draws.uniform(0.6, 1.0, (number,))
    t = (clock.time[:, None] - start[None]) / pace[None]

    def ease(u: Array) -> Array:
        u = jnp.clip(u, 0, 1)
        return u**2 * (3 - 2 * u)

    return (depth[None] * (ease(t / 0.11) - ease((t - 0.14) / 0.2))).max(axis=1)


def _moves(draws: RandomDraws, clock: Clock, *, every: float, lasting: tuple[float, float]) -> Float[Array, "t"]:
    """Smooth (minimum-jerk) moves between random positions of variance 1, at random times."""
    steps = max(1, round(clock.seconds / every))
    start = draws.uniform(0.0, clock.seconds, (steps,))
    length = draws.uniform(*lasting, (steps,))
    rests = draws.normal(shape=(steps + 1,), limit=jnp.inf)
    time = clock.time[:, None]
    u = jnp.clip((time - jnp.sort(start)[None]) / length[None], 0, 1)
    return rests[0] + (u**3 * (10 - 15 * u + 6 * u**2) * (rests[1:] - rests[:-1])[None]).sum(axis=1)


def _pose(draws: RandomDraws, clock: Clock, liveliness: Array) -> Float[Array, "t 3"]:
    """Yaw, pitch and roll in radians: drift, turns and nods."""
    drift = waves(draws, clock, 0.6, size=3) * jnp.array([[0.08, 0.03, 0.03]])
    sway = waves(draws, clock, 0.22, size=3) * jnp.array([[0.03, 0.025, 0.015]])
    tremor = waves(draws, clock, 0.12, size=3) * jnp.array([[0.004, 0.004, 0.003]])
    turn = 0.28 * _moves(draws, clock, every=3.0, lasting=(0.45, 1.3))
    bow = 0.10 * _moves(draws, clock, every=3.0, lasting=(0.3, 1.0))
    tilt = 0.07 * _moves(draws, clock, every=4.0, lasting=(0.4, 1.2))
    nodding = jax.nn.sigmoid(4 * (_moves(draws, clock, every=2.5, lasting=(0.3, 0.6)) - 1))
    nod = 0.05 * nodding * waves(draws, clock, 0.22)[:, 0]
    limited = jnp.stack([0.7 * jnp.tanh(turn / 0.7), bow + nod, tilt], axis=1)
    return liveliness * (sway + tremor) + liveliness**0.75 * (drift + limited)


def _expression(draws: RandomDraws, clock: Clock, liveliness: Array) -> Float[Array, "t e"]:
    """Coefficients of `anatomy.EXPRESSION`; the modes "corners down" and "lips apart" stay 0."""
    talking = jax.nn.sigmoid(5 * _moves(draws, clock, every=2.5, lasting=(0.2, 0.5)))
    syllables = waves(draws, clock, 0.08, size=3) * talking[:, None]
    jaw = 0.25 * jax.nn.softplus(2 * syllables[:, 0] - 0.6) * jnp.sqrt(liveliness)
    pucker, press = 0.35 * jax.nn.relu(syllables[:, 1]), 0.3 * jax.nn.relu(syllables[:, 2])
    smile = jax.nn.sigmoid(2 * _moves(draws, clock, every=4.0, lasting=(0.3, 1.0)) - 1)
    up = 0.8 * jax.nn.sigmoid(2.5 * _moves(draws, clock, every=3.0, lasting=(0.2, 0.6)) - 2)
    together = 0.6 * jax.nn.sigmoid(2 * _moves(draws, clock, every=4.0, lasting=(0.3, 0.8)) - 2)
    squint = 0.4 * jax.nn.sigmoid(2 * _moves(draws, clock, every=4.0, lasting=(0.3, 0.8)) - 1)
    nose = 0.3 * jax.nn.relu(waves(draws, clock, 0.5)[:, 0])
    lid = blinks(draws, clock)
    known = jnp.stack([jaw, smile, pucker, press, lid, lid, squint, up, together, nose], axis=1)
    return jnp.pad(known, ((0, 0), (0, len(anatomy.EXPRESSION) - known.shape[1])))


def _place(draws: RandomDraws, clock: Clock, liveliness: Array) -> Float[Array, "t 3"]:
    """Shift (x, y) in head units and log size, of a person who sways in front of the camera."""
    drift = waves(draws, clock, 0.7, size=3) * jnp.array([[0.08, 0.05, 0.03]])
    tremor = waves(draws, clock, 0.12, size=3) * jnp.array([[0.004, 0.004, 0.001]])
    return liveliness * (drift + tremor)


def _combine(rest: Float[Array, "t e"], moving: Float[Array, "t e"]) -> Float[Array, "t e"]:
    """Add the motion to the part of the sampled expression that persists (asymmetric lids, raised brows)."""
    keep = jnp.array([0.0, 0.2, 0.0, 0.3, 0.6, 0.6, 0.6, 0.4, 0.4, 0.3, 0.6, 0.0])
    expression = keep[None] * jnp.clip(rest, -0.4, 0.5) + moving
    return jnp.concatenate([expression[:, :4], jnp.minimum(expression[:, 4:6], 1), expression[:, 6:]], axis=1)
