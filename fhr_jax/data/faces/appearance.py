"""Random appearance: skin, hair, features, beard, glasses, occluders, scene. Wider than typical on purpose."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from fhr_jax.data.faces.face import Appearance, Beard, Features, Glasses, Hair, Occluder, Parts, Scene, Skin
from fhr_jax.data.faces.random_draws import RandomDraws

# sRGB of skin from very light to very dark.
_TONES = (
    (0.98, 0.86, 0.78),
    (0.95, 0.78, 0.66),
    (0.88, 0.67, 0.53),
    (0.77, 0.55, 0.41),
    (0.60, 0.40, 0.28),
    (0.44, 0.28, 0.19),
    (0.28, 0.17, 0.12),
)
# Black, dark brown, brown, red brown, dark blond, blond, grey, white; and their shares.
_HAIR = (
    (0.05, 0.045, 0.045),
    (0.14, 0.10, 0.08),
    (0.27, 0.18, 0.12),
    (0.40, 0.21, 0.11),
    (0.50, 0.38, 0.24),
    (0.78, 0.64, 0.42),
    (0.50, 0.49, 0.48),
    (0.85, 0.84, 0.82),
)
_HAIR_SHARES = (0.22, 0.22, 0.18, 0.05, 0.11, 0.09, 0.08, 0.05)
# Dark brown, brown, green, blue, grey.
_IRIS = ((0.20, 0.12, 0.07), (0.36, 0.23, 0.12), (0.35, 0.36, 0.22), (0.38, 0.48, 0.58), (0.5, 0.55, 0.56))


def _skin(dice: RandomDraws) -> tuple[Skin, Float[Array, ""]]:
    tones = jnp.array(_TONES)
    tone = dice.uniform() ** 1.3 * (len(_TONES) - 1.01)
    low = jnp.floor(tone).astype(jnp.int32)
    colour = tones[low] + (tone - low) * (tones[low + 1] - tones[low])
    # From rosy to olive, and a little of everything.
    colour = colour * (1 + dice.normal(0.05) * jnp.array([0.5, 0.0, -1.0]) + dice.normal(0.015, shape=(3,)))
    skin = Skin(
        colour=jnp.clip(colour, 0.02, 1),
        gloss=dice.uniform(0.0, 0.6),
        blush=dice.uniform(0.0, 0.8),
        mottle=dice.uniform(),
        age=dice.uniform() ** 2,
    )
    return skin, tone


def _hair(dice: RandomDraws, tone: Array) -> Hair:
    colour = jnp.array(_HAIR)[dice.choice(_HAIR_SHARES)] * (1 + dice.normal(0.1, shape=(3,)))
    dark = 0.85 * jnp.clip((tone - 2.5) / 2, 0, 1)
    colour = colour * (1 - dark) + dark * 0.06
    colour = jnp.where(dice.chance(0.03) > 0, dice.uniform(0.05, 0.9, (3,)), colour)
    long = dice.chance(0.45)
    return Hair(
        colour=jnp.clip(colour, 0.02, 1),
        amount=1 - dice.chance(0.08),
        hairline=dice.uniform(0.40, 0.85),
        temple=dice.uniform(0.0, 0.25) + long * dice.uniform(0.0, 1.3),
        fringe=dice.chance(0.4) * dice.uniform(0.1, 0.7),
        part=dice.uniform(-0.9, 0.9),
        volume=dice.uniform(0.0, 0.14) + long * 0.06,
        length=long * dice.uniform(0.6, 2.4),
        spread=dice.uniform(0.85, 1.2),
        strands=dice.uniform(3.0, 9.0),
        phase=dice.uniform(),
    )


def _features(dice: RandomDraws, hair: Array, skin: Array, tone: Array) -> Features:
    iris = jnp.where(tone > 2.5, dice.choice((1.0, 1.0)), dice.choice((1.0, 1.0, 1.0, 1.0, 1.0)))
    lips = skin * jnp.array([0.87, 0.64, 0.63]) * (1 + dice.normal(0.06, shape=(3,)))
    stick = jnp.array([0.72, 0.12, 0.2]) * dice.uniform(0.6, 1.2, (3,))
    lips = lips + dice.chance(0.25) * dice.uniform(0.3, 0.95) * (stick - lips)
    return Features(
        brow_colour=dice.uniform(0.5, 0.95) * jnp.minimum(hair, 0.55) + 0.02,
        brow_width=dice.uniform(0.035, 0.11),
        brow_amount=dice.uniform(0.25, 1.0),
        iris=jnp.clip(jnp.array(_IRIS)[iris] * dice.uniform(0.6, 1.3), 0, 1),
        lashes=dice.uniform(0.2, 1.0),
        makeup=dice.uniform(0.05, 0.6) * dice.uniform(0.6, 1.4, (3,)),
        makeup_amount=dice.chance(0.3) * dice.uniform(0.1, 0.7),
        crease=dice.uniform(),
        lips=jnp.clip(lips, 0.02, 1),
        lip_gloss=dice.uniform(0.0, 0.5),
        teeth=dice.uniform(0.6, 1.0),
    )


def _beard(dice: RandomDraws, hair: Array) -> Beard:
    kind = dice.choice((0.62, 0.2, 0.18))
    amount = jnp.stack([jnp.zeros(()), dice.uniform(0.05, 0.4), dice.uniform(0.5, 0.95)])[kind]
    cheeks = dice.chance(0.55)
    return Beard(
        amount=amount,
        cheeks=cheeks,
        chin=jnp.maximum(cheeks, dice.chance(0.8)),
        moustache=dice.chance(0.85),
        colour=0.85 * hair + 0.01,
    )


def _glasses(dice: RandomDraws) -> Glasses:
    sun = dice.chance(0.15)
    return Glasses(
        amount=dice.chance(0.2),
        radius=jnp.stack([dice.uniform(0.2, 0.29), dice.uniform(0.12, 0.24)]),
        power=dice.uniform(2.0, 4.5),
        rim=dice.uniform(0.006, 0.035),
        colour=dice.uniform() ** 2 * 0.7 * (1 + dice.uniform(-0.2, 0.2, (3,))),
        tint=sun * dice.uniform(0.6, 0.95) + (1 - sun) * dice.uniform(0.0, 0.15),
        glare=dice.chance(0.4) * dice.uniform(0.1, 0.8),
        drop=dice.uniform(0.0, 0.07),
    )


def _occluder(dice: RandomDraws, skin: Array) -> Occluder:
    kind = dice.choice((0.45, 0.3, 0.25)).astype(skin.dtype)
    around = dice.uniform(0.0, 2 * jnp.pi)
    reach = dice.uniform(0.6, 1.1)
    other = (kind == 1) | ((kind == 2) & (dice.chance(0.5) > 0))
    colour = jnp.where(other, dice.uniform() * dice.uniform(0.6, 1.4, (3,)), 0.97 * skin)
    return Occluder(
        amount=dice.chance(0.15),
        kind=kind,
        centre=jnp.stack([reach * jnp.cos(around), 0.45 + reach * jnp.sin(around)]),
        angle=around + dice.normal(0.5),
        width=dice.uniform(0.09, 0.14),
        colour=jnp.clip(colour, 0, 1),
    )


def _scene(dice: RandomDraws) -> Scene:
    cells = dice.uniform(-(3**0.5), 3**0.5, (4, 36 + 22 * 22))  # of unit deviation
    coarse, fine = cells[:, :36].reshape(4, 6, 6), cells[:, 36:].reshape(4, 22, 22)
    base = dice.uniform(0.0, 1.0) + dice.normal(0.10, shape=(3,))
    # Light from the viewer's side, mostly from above.
    angle, high = dice.normal(0.9, 2.0), 0.45 + dice.normal(0.5, 2.0)
    light = jnp.stack([jnp.sin(angle), -jnp.sin(high), jnp.cos(angle) * jnp.cos(high) + 0.35])
    shapes = jnp.stack(
        [
            dice.uniform(-0.1, 1.1, (4,)),
            dice.uniform(-0.1, 1.1, (4,)),
            0.03 + 0.5 * dice.uniform(shape=(4,)) ** 2,
            0.03 + 0.5 * dice.uniform(shape=(4,)) ** 2,
            dice.uniform(0.0, jnp.pi, (4,)),
            dice.uniform(shape=(4,)),
        ],
        axis=1,
    )
    jowl = dice.chance(0.25) * dice.uniform(0.4, 1.0)
    stout = 0.2 * jowl * jnp.array([1.0, 1.0, -0.3])  # a stout neck, hardly darker than the face
    warm = jnp.array([1.0, 0.1, -1.0])
    tint = 1 + 0.02 * warm + dice.normal(0.07) * warm + dice.normal(0.02, shape=(3,))
    return Scene(
        coarse=base[:, None, None] + dice.uniform(0.03, 0.45) * (coarse[:1] + 0.4 * coarse[1:]),
        fine=fine[:1] + 0.3 * fine[1:],
        fine_amount=dice.uniform() ** 2 * 0.25,
        stripes=dice.chance(0.25) * dice.uniform(0.05, 0.4),
        stripe_wave=dice.normal(6.0, shape=(2,)),
        shapes=shapes,
        shape_colours=jnp.clip(dice.uniform(shape=(4, 1)) + dice.normal(0.13, shape=(4, 3)), 0, 1),
        shape_amount=dice.chance(0.7),
        clothes=jnp.clip(dice.uniform(0.02, 0.95) * (1 + dice.uniform(-0.4, 0.4, (3,))), 0, 1),
        neck=jnp.stack([dice.uniform(0.44, 0.68), dice.uniform(0.55, 1.25), dice.uniform(0.05, 0.5)]) + stout,
        jowl=jowl,
        collar=dice.uniform(0.0, 0.6),
        shoulders=dice.uniform(1.65, 2.1),
        light=light / jnp.sqrt((light**2).sum()),
        ambient=jnp.where(dice.chance(0.15) > 0, dice.uniform(0.12, 0.3), dice.uniform(0.3, 0.95)),
        tint=tint * dice.uniform(0.7, 1.15),
    )


def appearance(dice: RandomDraws) -> Appearance:
    """Skin, hair, features, beard, glasses, occluder and scene."""
    skin, tone = _skin(dice)
    hair = _hair(dice, tone)
    return Appearance(
        skin=skin,
        hair=hair,
        features=_features(dice, hair.colour, skin.colour, tone),
        beard=_beard(dice, hair.colour),
        glasses=_glasses(dice),
        occluder=_occluder(dice, skin.colour),
        scene=_scene(dice),
        parts=Parts(*jnp.ones(len(Parts._fields))),
    )
