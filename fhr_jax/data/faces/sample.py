"""Random faces: shape, expression, gaze, pose and camera here; the appearance in `appearance`."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.data.faces import anatomy
from fhr_jax.data.faces.appearance import appearance
from fhr_jax.data.faces.face import SyntheticFace, View
from fhr_jax.data.faces.random_draws import Key, RandomDraws, random_block

POSE_LIMIT = (60.0, 38.0, 30.0)
"""Largest yaw, pitch and roll in degrees."""


def _pose(draws: RandomDraws) -> Float[Array, "3"]:
    """Mostly nearly frontal; 40 % turn far to a side, 30 % bow or raise the head."""
    yaw = jnp.where(draws.chance(0.4) > 0, draws.normal(30.0, 2.0), draws.normal(10.0))
    bowed = draws.chance(0.3)
    pitch = (1 + 1.3 * bowed) * draws.normal(7.5, 2.0) + 3.0 * bowed
    limit = jnp.array(POSE_LIMIT)
    return jnp.deg2rad(jnp.clip(jnp.stack([yaw, pitch, draws.normal(8.0)]), -limit, limit))


_CHILD = {
    "face width": 0.6,
    "length of the lower face": -1.6,
    "long chin": -0.8,
    "chin forward": -0.8,
    "eyes apart": 0.5,
    "eye height": 0.8,
    "nose length": -1.3,
    "nose forward": -1.2,
    "nose turned up": 0.8,
    "bridge height": -1.2,
    "mouth width": -0.8,
    "deep or flat face": -0.8,
}
"""How the head of a small child differs from the mean, in standard deviations of the modes of identity."""


def _identity(draws: RandomDraws) -> Float[Array, "k"]:
    """Coefficients of `anatomy.IDENTITY`; one head in ten is partly or wholly that of a child."""
    child = jnp.array([_CHILD.get(name, 0.0) for name in anatomy.IDENTITY_NAMES])
    young = draws.chance(0.1) * draws.uniform(0.5, 1.3)
    return jnp.clip(draws.normal(shape=(len(anatomy.IDENTITY),)) + young * child, -2.5, 2.5)


def _expression(draws: RandomDraws) -> Float[Array, "e"]:
    """Coefficients of `anatomy.EXPRESSION`: often nearly neutral, smiles common, wide open mouths rare."""
    strong = jnp.where(draws.chance(0.65) > 0, 1.0, 0.25)
    smile = strong * draws.chance(0.6) * draws.uniform(0.1, 1.15)
    blink = jnp.where(draws.chance(0.12) > 0, draws.uniform(0.5, 1.0), draws.normal(0.14))
    wink = draws.normal(0.05)
    return jnp.stack(
        [
            strong * draws.chance(0.45) * draws.uniform() ** 2 * 1.15,
            smile,
            draws.chance(0.12) * draws.uniform(),
            draws.chance(0.3) * draws.uniform(0.2, 1.6),
            jnp.clip(blink + wink, -0.4, 1),
            jnp.clip(blink - wink, -0.4, 1),
            draws.uniform(0.0, 0.5) + 0.4 * smile * draws.uniform(),
            draws.normal(0.55),
            draws.normal(0.55),
            0.2 * jnp.abs(draws.normal()),
            0.4 * jnp.abs(draws.normal()),
            draws.chance(0.35) * draws.uniform() * (0.3 + smile),
        ]
    )


def sample(key: Key) -> SyntheticFace:
    """A random face from a key () or (2,). It lies near the centre of the frame; `fill` makes a crop of it."""
    return random_block(key, _face)


def _face(draws: RandomDraws) -> SyntheticFace:
    pose = _pose(draws)
    gaze = draws.normal(0.22, shape=(2,)) * jnp.array([1.0, 0.6])
    # Half of the people look at the camera, the others straight ahead.
    gaze = jnp.clip(gaze - 0.5 * pose[:2] * draws.chance(0.5), -0.6, 0.6)
    return SyntheticFace(
        identity=_identity(draws),
        expression=_expression(draws),
        gaze=gaze,
        pose=pose,
        view=View(
            centre=jnp.array([0.5, 0.38]) + draws.normal(0.04, shape=(2,)),
            scale=draws.uniform(0.2, 0.36),
            distance=jnp.exp(draws.uniform(2.0, 3.8)),
            mirror=2 * draws.chance(0.5) - 1,
        ),
        appearance=appearance(draws),
    )
