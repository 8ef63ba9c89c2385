"""Random faces: shape, expression, gaze, pose and camera. `looks` draws the appearance."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.data.faces import anatomy
from fhr_jax.data.faces.appearance import appearance
from fhr_jax.data.faces.face import SyntheticFace, View
from fhr_jax.data.faces.random_draws import Key, RandomDraws, random_block

POSE_LIMIT = (60.0, 38.0, 30.0)
"""Largest yaw, pitch and roll in degrees."""


def _pose(dice: RandomDraws) -> Float[Array, "3"]:
    """Mostly near frontal; two in five turn far, three in ten bow or raise their heads."""
    yaw = jnp.where(dice.chance(0.4) > 0, dice.normal(30.0, 2.0), dice.normal(10.0))
    bowed = dice.chance(0.3)
    pitch = (1 + 1.3 * bowed) * dice.normal(7.5, 2.0) + 1.0 + 3.0 * bowed
    limit = jnp.array(POSE_LIMIT)
    return jnp.deg2rad(jnp.clip(jnp.stack([yaw, pitch, dice.normal(8.0)]), -limit, limit))


def _expression(dice: RandomDraws) -> Float[Array, "e"]:
    """Coefficients of `anatomy.EXPRESSION`: many faces near rest, smiles common, wide open mouths rare."""
    strong = jnp.where(dice.chance(0.65) > 0, 1.0, 0.25)
    smile = strong * dice.chance(0.6) * dice.uniform(0.1, 1.15)
    blink = jnp.where(dice.chance(0.08) > 0, dice.uniform(0.5, 1.0), dice.normal(0.14))
    wink = dice.normal(0.05)
    return jnp.stack(
        [
            strong * dice.chance(0.45) * dice.uniform() ** 2 * 1.15,
            smile,
            dice.chance(0.12) * dice.uniform(),
            dice.chance(0.2) * dice.uniform(),
            jnp.clip(blink + wink, -0.4, 1),
            jnp.clip(blink - wink, -0.4, 1),
            dice.uniform(0.0, 0.5) + 0.4 * smile * dice.uniform(),
            dice.normal(0.55),
            dice.normal(0.55),
            0.2 * jnp.abs(dice.normal()),
            0.4 * jnp.abs(dice.normal()),
            dice.chance(0.45) * dice.uniform() * (0.3 + smile),
        ]
    )


def sample(key: Key) -> SyntheticFace:
    """A random face, near the middle of the frame and smaller than it; `fill` makes training crops of it."""
    return random_block(key, _face)


def _face(dice: RandomDraws) -> SyntheticFace:
    pose = _pose(dice)
    gaze = dice.normal(0.22, shape=(2,)) * jnp.array([1.0, 0.6])
    # Half of the people look at the camera rather than ahead.
    gaze = jnp.clip(gaze - 0.5 * pose[:2] * dice.chance(0.5), -0.6, 0.6)
    return SyntheticFace(
        identity=dice.normal(shape=(len(anatomy.IDENTITY),)),
        expression=_expression(dice),
        gaze=gaze,
        pose=pose,
        view=View(
            centre=jnp.array([0.5, 0.38]) + dice.normal(0.04, shape=(2,)),
            scale=dice.uniform(0.2, 0.36),
            distance=jnp.exp(dice.uniform(2.0, 3.8)),
            mirror=2 * dice.chance(0.5) - 1,
        ),
        appearance=appearance(dice),
    )
