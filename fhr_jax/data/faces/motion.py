"""Clips: one person, moving smoothly. Frames are 1/25 s apart.

Every signal is a cubic B-spline through random knots or a smooth pulse, so positions have bounded second differences.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.data.faces.dice import Dice, Key
from fhr_jax.data.faces.face import Face
from fhr_jax.data.faces.sample import POSE_LIMIT, sample

_SLOT = 75
"""Frames of a slot with one blink."""


def wander(key: Key, frames: int, *, period: float, channels: int) -> Float[Array, "t c"]:
    """Smooth noise of about unit deviation: cubic B-splines with random knots every `period` frames.

    The knots are uniform in +-2.5, so the second difference is at most 10 / period^2.
    """
    knots = math.ceil(frames / period) + 4
    values = jax.random.uniform(key, (knots, channels), minval=-2.5, maxval=2.5)
    values = jax.lax.optimization_barrier(values)
    t = jnp.abs(jnp.arange(frames)[:, None] / period + 1.5 - jnp.arange(knots)[None])
    near = 2 / 3 - t * t * (1 - t / 2)
    weights = jnp.where(t < 1, near, jnp.maximum(2 - t, 0) ** 3 / 6)
    return jnp.matmul(weights, values, precision=jax.lax.Precision.HIGHEST)


def _gate(x: Array) -> Array:
    """0 below 0, 1 above 1, smooth between."""
    x = jnp.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def blinks(key: Key, frames: int) -> Float[Array, "t"]:
    """Closing of the lids, 0 to 1: one blink of 8 to 12 frames somewhere in every 75."""
    slots = math.ceil(frames / _SLOT)
    dice = Dice(key, uniforms=2 * slots)
    middle = _SLOT * jnp.arange(slots) + dice.uniform(8.0, _SLOT - 8.0, (slots,))
    half = dice.uniform(4.0, 6.0, (slots,))
    away = (jnp.arange(frames)[:, None] - middle[None]) / half[None]
    return (jnp.maximum(1 - away * away, 0) ** 2).sum(axis=1)


def _pose(key: Key, start: Float[Array, "3"], frames: int) -> Float[Array, "t 3"]:
    slow_key, fast_key, nod_key = jax.random.split(key, 3)
    slow = wander(slow_key, frames, period=45.0, channels=3) * jnp.array([[14.0, 5.0, 4.0]])
    fast = wander(fast_key, frames, period=14.0, channels=3) * jnp.array([[3.0, 2.0, 1.5]])
    gate = wander(nod_key, frames, period=50.0, channels=1)[:, 0]
    nod = 5.0 * _gate(gate - 0.3) * jnp.sin(2 * jnp.pi * jnp.arange(frames) / 22)
    moving = slow + fast + nod[:, None] * jnp.array([[0.0, 1.0, 0.0]])
    limit = jnp.deg2rad(jnp.array([POSE_LIMIT]))
    return limit * jnp.tanh((0.7 * start[None] + jnp.deg2rad(moving)) / limit)


def _expression(key: Key, rest: Float[Array, "e"], frames: int) -> Float[Array, "t e"]:
    talk_key, speech_key, slow_key, blink_key = jax.random.split(key, 4)
    talk = _gate(0.5 + wander(talk_key, frames, period=40.0, channels=1)[:, 0])
    speech = wander(speech_key, frames, period=3.5, channels=3) * talk[:, None]
    slow = wander(slow_key, frames, period=30.0, channels=4)
    smile = _gate(0.45 * slow[:, 0] + 0.2)
    blink = blinks(blink_key, frames)
    still = jnp.zeros(frames)
    moving = [
        0.12 * speech[:, 0] ** 2,
        0.9 * smile,
        0.15 * speech[:, 1] ** 2,
        still,
        blink,
        blink,
        0.3 * smile,
        0.45 * slow[:, 1],
        0.3 * slow[:, 2],
        still,
        still,
        0.12 * speech[:, 2] ** 2,
    ]
    # What the person keeps: asymmetric lids, raised brows; the mouth starts from rest.
    keep = jnp.array([0.0, 0.2, 0.0, 0.3, 0.6, 0.6, 0.6, 0.4, 0.4, 0.3, 0.6, 0.0])
    expression = keep[None] * jnp.clip(rest, -0.4, 0.5)[None] + jnp.stack(moving, axis=1)
    return jnp.concatenate([expression[:, :4], jnp.minimum(expression[:, 4:6], 1), expression[:, 6:]], axis=1)


def clip(key: Key, frames: int) -> Face:
    """A clip of one random person: turns, nods, speech, blinks, smiles, gaze, drift and change of scale.

    Args:
        key: random key.
        frames: number of frames T, at 25 a second.

    Returns:
        A face whose every leaf has a leading axis T; identity and appearance do not change. Render it by
        ``jax.vmap(partial(render, size=...))`` or, to save memory, ``jax.lax.map``.
    """
    face_key, pose_key, expression_key, gaze_key, camera_key = jax.random.split(key, 5)
    face = sample(face_key)
    still = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf[None], (frames, *leaf.shape)), face)
    drift = wander(camera_key, frames, period=45.0, channels=3)
    gaze = wander(gaze_key, frames, period=12.0, channels=2) * jnp.array([[0.15, 0.08]])
    view = still.view._replace(
        centre=still.view.centre + 0.025 * drift[:, :2], scale=still.view.scale * jnp.exp(0.1 * drift[:, 2])
    )
    return still._replace(
        pose=_pose(pose_key, face.pose, frames),
        expression=_expression(expression_key, face.expression, frames),
        gaze=0.5 * still.gaze + gaze,
        view=view,
    )
