"""Random faces: every distribution of the generator, in one place.

All draws are `key` first and pure. Ranges are chosen to cover people and pictures, wider rather than typical.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

from fhr_jax.data.faces import anatomy
from fhr_jax.data.faces.face import (
    Appearance,
    Beard,
    Face,
    Features,
    Glasses,
    Hair,
    Occluder,
    Scene,
    Skin,
    View,
)

Key = PRNGKeyArray | UInt32[Array, "2"]

# sRGB of skin from very light to very dark.
_TONES = jnp.array(
    [
        [0.98, 0.86, 0.78],
        [0.94, 0.78, 0.67],
        [0.87, 0.68, 0.55],
        [0.76, 0.56, 0.43],
        [0.60, 0.41, 0.30],
        [0.43, 0.28, 0.20],
        [0.27, 0.17, 0.13],
    ]
)
# Black, dark brown, brown, red brown, dark blond, blond, grey, white.
_HAIR = jnp.array(
    [
        [0.05, 0.045, 0.045],
        [0.14, 0.10, 0.08],
        [0.27, 0.18, 0.12],
        [0.40, 0.21, 0.11],
        [0.50, 0.38, 0.24],
        [0.78, 0.64, 0.42],
        [0.50, 0.49, 0.48],
        [0.85, 0.84, 0.82],
    ]
)
_HAIR_SHARE = jnp.array([0.24, 0.22, 0.17, 0.05, 0.1, 0.09, 0.08, 0.05])
_IRIS = jnp.array([[0.20, 0.12, 0.07], [0.36, 0.23, 0.12], [0.35, 0.36, 0.22], [0.38, 0.48, 0.58], [0.5, 0.55, 0.56]])


def _uniform(key: Key, low: float = 0.0, high: float = 1.0, shape: tuple[int, ...] = ()) -> Array:
    return jax.random.uniform(key, shape, minval=low, maxval=high)


def _chance(key: Key, probability: float) -> Array:
    return jax.random.bernoulli(key, probability).astype(jnp.float32)


def _normal(key: Key, deviation: float = 1.0, limit: float = 2.5, shape: tuple[int, ...] = ()) -> Array:
    return deviation * jax.random.truncated_normal(key, -limit, limit, shape)


def pose(key: Key) -> Float[Array, "3"]:
    """Yaw, pitch, roll in radians: mostly near frontal, up to 60, 30 and 30 degrees."""
    k = jax.random.split(key, 6)
    wide = _chance(k[0], 0.4)
    yaw = jnp.where(wide > 0, _normal(k[1], 30.0, 2.0), _normal(k[2], 10.0))
    pitch = jnp.where(_chance(k[3], 0.3) > 0, 2.0, 1.0) * _normal(k[4], 7.5, 2.0) + 1.0
    roll = _normal(k[5], 8.0)
    limit = jnp.array([60.0, 30.0, 30.0])
    return jnp.deg2rad(jnp.clip(jnp.stack([yaw, pitch, roll]), -limit, limit))


def expression(key: Key) -> Float[Array, "e"]:
    """Coefficients of `anatomy.EXPRESSION`: half of the faces near rest, smiles common, wide open mouths rare."""
    k = jax.random.split(key, 16)
    strong = jnp.where(_chance(k[0], 0.65) > 0, 1.0, 0.25)
    jaw = strong * _chance(k[1], 0.45) * _uniform(k[2]) ** 2 * 1.15
    smile = strong * _chance(k[3], 0.6) * _uniform(k[4], 0.1, 1.25)
    pucker = _chance(k[5], 0.12) * _uniform(k[6])
    press = _chance(k[7], 0.2) * _uniform(k[8])
    blink = jnp.where(_chance(k[9], 0.08) > 0, _uniform(k[10], 0.5, 1.0), _normal(k[10], 0.14))
    wink = _normal(k[11], 0.05)
    squint = _uniform(k[12], 0.0, 0.5) + 0.6 * smile * _uniform(k[12])
    brows = _normal(k[13], 0.55, shape=(2,))
    rest = jnp.abs(_normal(k[14], 0.4, shape=(2,))) * jnp.array([0.5, 1.0])
    apart = _chance(k[15], 0.45) * _uniform(jax.random.fold_in(key, 16)) * (0.3 + smile)
    return jnp.stack(
        [
            jaw,
            smile,
            pucker,
            press,
            jnp.clip(blink + wink, -0.4, 1),
            jnp.clip(blink - wink, -0.4, 1),
            squint,
            brows[0],
            brows[1],
            rest[0],
            rest[1],
            apart,
        ]
    )


def _skin(key: Key) -> tuple[Skin, Array]:
    k = jax.random.split(key, 7)
    tone = _uniform(k[0]) ** 1.3 * 5.99
    low = jnp.floor(tone).astype(jnp.int32)
    colour = _TONES[low] + (tone - low) * (_TONES[low + 1] - _TONES[low])
    colour = jnp.clip(
        colour * (1 + _normal(k[1], 0.05) * jnp.array([0.6, 0.0, -1.0]) + _normal(k[2], 0.015, shape=(3,))), 0.02, 1
    )
    skin = Skin(
        colour=colour,
        gloss=_uniform(k[2], 0.0, 0.5),
        blush=_uniform(k[3], 0.0, 0.7),
        mottle=_uniform(k[4], 0.0, 1.0),
        age=_uniform(k[5]) ** 2,
    )
    return skin, tone


def _hair(key: Key) -> Hair:
    k = jax.random.split(key, 14)
    colour = _HAIR[jax.random.choice(k[0], 8, p=_HAIR_SHARE)] * (1 + _normal(k[1], 0.12, shape=(3,)))
    dyed = _chance(k[2], 0.03)
    colour = jnp.where(dyed > 0, _uniform(k[3], 0.05, 0.9, (3,)), colour)
    long = _chance(k[4], 0.45)
    fringe = _chance(k[5], 0.4) * _uniform(k[6], 0.1, 0.75)
    return Hair(
        colour=jnp.clip(colour, 0.02, 1),
        amount=1 - _chance(k[7], 0.08),
        hairline=_uniform(k[8], 0.42, 0.85),
        temple=_uniform(k[9], 0.0, 0.25) + long * _uniform(k[9], 0.0, 1.2),
        fringe=fringe,
        part=_uniform(k[10], -0.9, 0.9),
        volume=_uniform(k[11], 0.0, 0.14) + long * 0.06,
        length=long * _uniform(k[12], 0.6, 2.2),
        spread=_uniform(k[12], 0.8, 1.15),
        strands=_uniform(k[13], 3.0, 9.0),
        phase=_uniform(k[13], 0.0, 7.0),
    )


def _features(key: Key, hair: Array, skin: Array, tone: Array) -> Features:
    k = jax.random.split(key, 12)
    brow = 0.75 * jnp.minimum(hair, 0.5) + 0.02
    iris = jnp.where(tone > 2.5, jax.random.randint(k[0], (), 0, 2), jax.random.randint(k[0], (), 0, 5))
    lip = skin * jnp.array([0.86, 0.62, 0.62]) + jnp.array([0.02, 0.0, 0.01])
    lip = jnp.clip(lip * (1 + _normal(k[1], 0.07, shape=(3,))), 0.02, 1)
    stick = jnp.array([0.72, 0.12, 0.2]) * (0.6 + 0.6 * _uniform(k[2], shape=(3,)))
    painted = _chance(k[3], 0.25)
    lip = lip + painted * _uniform(k[4], 0.3, 0.95) * (stick - lip)
    return Features(
        brow_colour=brow,
        brow_width=_uniform(k[5], 0.035, 0.10),
        brow_amount=_uniform(k[6], 0.3, 1.0),
        iris=jnp.clip(_IRIS[iris] * _uniform(k[7], 0.6, 1.3), 0, 1),
        lashes=_uniform(k[8], 0.3, 1.0),
        makeup=_uniform(k[9], 0.05, 0.6, (3,)),
        makeup_amount=_chance(k[10], 0.3) * _uniform(k[10], 0.1, 0.7),
        crease=_uniform(k[11], 0.0, 1.0),
        lips=lip,
        lip_gloss=_uniform(k[4], 0.0, 0.5),
        teeth=_uniform(k[3], 0.6, 1.0),
    )


def _beard(key: Key, hair: Array) -> Beard:
    k = jax.random.split(key, 6)
    stubble = _uniform(k[0], 0.05, 0.4)
    full = _uniform(k[1], 0.5, 1.0)
    kind = jax.random.choice(k[2], 3, p=jnp.array([0.62, 0.2, 0.18]))
    amount = jnp.stack([jnp.zeros(()), stubble, full])[kind]
    return Beard(
        amount=amount,
        cheeks=_chance(k[3], 0.6),
        chin=_chance(k[4], 0.9),
        moustache=_chance(k[5], 0.85),
        colour=0.85 * hair + 0.01,
    )


def _glasses(key: Key) -> Glasses:
    k = jax.random.split(key, 8)
    sun = _chance(k[0], 0.15)
    return Glasses(
        amount=_chance(k[1], 0.2),
        radius=jnp.stack([_uniform(k[2], 0.2, 0.29), _uniform(k[3], 0.12, 0.24)]),
        power=_uniform(k[4], 2.0, 4.5),
        rim=_uniform(k[5], 0.008, 0.04),
        colour=_uniform(k[6], 0.0, 0.45) * (1 + 0.2 * _uniform(k[6], -1, 1, (3,))),
        tint=sun * _uniform(k[7], 0.6, 0.95) + (1 - sun) * _uniform(k[7], 0.0, 0.15),
        glare=_chance(k[7], 0.4) * _uniform(k[0], 0.1, 0.8),
        drop=_uniform(k[5], 0.0, 0.06),
    )


def _occluder(key: Key, skin: Array) -> Occluder:
    k = jax.random.split(key, 7)
    kind = _chance(k[0], 0.5)
    around = _uniform(k[1], 0.0, 2 * jnp.pi)
    centre = jnp.array([0.0, 0.45]) + _uniform(k[2], 0.65, 1.1) * jnp.stack([jnp.cos(around), jnp.sin(around)])
    return Occluder(
        amount=_chance(k[3], 0.1),
        kind=kind,
        centre=centre,
        angle=around + _normal(k[4], 0.5),
        width=_uniform(k[5], 0.09, 0.16),
        colour=jnp.where(kind > 0, _uniform(k[6], 0.0, 1.0, (3,)), skin * 0.97),
    )


def _scene(key: Key) -> Scene:
    k = jax.random.split(key, 14)
    base = _uniform(k[0], 0.0, 1.0) + _normal(k[1], 0.10, shape=(3,))
    spots = jax.random.normal(k[3], (1, 5, 5)) + 0.4 * jax.random.normal(k[4], (3, 5, 5))
    coarse = base[:, None, None] + _uniform(k[2], 0.03, 0.35) * spots
    fine = jax.random.normal(k[4], (1, 20, 20)) + 0.3 * jax.random.normal(k[5], (3, 20, 20))
    # From the viewer's side, mostly from above.
    angle = _normal(k[6], 0.9, 2.0)
    high = _normal(k[7], 0.5, 2.0) + 0.45
    light = jnp.stack([jnp.sin(angle), -jnp.sin(high), jnp.cos(angle) * jnp.cos(high) + 0.35])
    return Scene(
        coarse=coarse,
        fine=fine,
        fine_amount=_uniform(k[8]) ** 3 * 0.2,
        stripes=_chance(k[9], 0.25) * _uniform(k[9], 0.05, 0.4),
        stripe_wave=jax.random.normal(k[10], (2,)) * 6.0,
        clothes=_uniform(k[11], 0.02, 0.95) * (1 + 0.5 * _uniform(k[11], -1.0, 1.0, (3,))),
        collar=_uniform(k[12], 0.0, 0.6),
        shoulders=_uniform(k[12], 1.65, 2.1),
        light=light / jnp.sqrt((light**2).sum()),
        ambient=_uniform(k[13], 0.3, 0.85),
        tint=(1 + _normal(k[13], 0.08) * jnp.array([1.0, 0.1, -1.0]) + _normal(k[11], 0.025, shape=(3,)))
        * _uniform(k[6], 0.65, 1.15),
    )


def appearance(key: Key) -> Appearance:
    """Skin, hair, features, beard, glasses, occluder and scene."""
    k = jax.random.split(key, 7)
    skin, tone = _skin(k[0])
    hair = _hair(k[1])
    dark = jnp.clip((tone - 2.5) / 2, 0, 1)
    hair = hair._replace(colour=hair.colour * (1 - dark * 0.8) + dark * 0.8 * 0.06)
    return Appearance(
        skin=skin,
        hair=hair,
        features=_features(k[2], hair.colour, skin.colour, tone),
        beard=_beard(k[3], hair.colour),
        glasses=_glasses(k[4]),
        occluder=_occluder(k[5], skin.colour),
        scene=_scene(k[6]),
    )


def sample(key: Key) -> Face:
    """A random face, somewhere near the middle of the frame; `fill` makes training crops of it."""
    k = jax.random.split(key, 8)
    scale = _uniform(k[0], 0.28, 0.5)
    gaze = _normal(k[1], 0.22, shape=(2,)) * jnp.array([1.0, 0.6])
    turn = pose(k[2])
    return Face(
        identity=_normal(k[3], 1.0, shape=(len(anatomy.IDENTITY),)),
        expression=expression(k[4]),
        gaze=gaze - 0.4 * turn[:2] * _chance(k[5], 0.5),
        pose=turn,
        view=View(
            centre=jnp.array([0.5, 0.36]) + _normal(k[6], 0.04, shape=(2,)),
            scale=scale,
            distance=jnp.exp(_uniform(k[7], 2.0, 3.8)),
            mirror=jnp.ones(()),
        ),
        appearance=appearance(jax.random.fold_in(key, 1)),
    )
