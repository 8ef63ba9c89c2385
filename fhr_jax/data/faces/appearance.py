"""Random appearance: skin, hair, features, beard, glasses, occluder and scene; on purpose wider than typical."""

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
# Black, dark brown, brown, red brown, dark blond, blond, grey, white; and their frequencies.
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


def _skin(draws: RandomDraws) -> tuple[Skin, Float[Array, ""]]:
    tones = jnp.array(_TONES)
    tone = draws.uniform() ** 1.3 * (len(_TONES) - 1.01)
    low = jnp.floor(tone).astype(jnp.int32)
    colour = tones[low] + (tone - low) * (tones[low + 1] - tones[low])
    # From rosy to olive, and a little of everything.
    colour = colour * (1 + draws.normal(0.05) * jnp.array([0.5, 0.0, -1.0]) + draws.normal(0.015, shape=(3,)))
    skin = Skin(
        colour=jnp.clip(colour, 0.02, 1),
        gloss=draws.uniform(0.0, 0.6),
        blush=draws.uniform(0.0, 0.8),
        mottle=draws.uniform(),
        age=draws.uniform() ** 2,
    )
    return skin, tone


def _hair(draws: RandomDraws, tone: Array) -> Hair:
    colour = jnp.array(_HAIR)[draws.choice(_HAIR_SHARES)] * (1 + draws.normal(0.1, shape=(3,)))
    dark = 0.85 * jnp.clip((tone - 2.5) / 2, 0, 1)
    colour = colour * (1 - dark) + dark * 0.06
    colour = jnp.where(draws.chance(0.03) > 0, draws.uniform(0.05, 0.9, (3,)), colour)
    long = draws.chance(0.5)
    return Hair(
        colour=jnp.clip(colour, 0.02, 1),
        amount=1 - draws.chance(0.08),
        hairline=draws.uniform(0.40, 0.85),
        temple=draws.uniform(0.0, 0.5) + long * draws.uniform(0.0, 1.3),
        fringe=draws.chance(0.4) * draws.uniform(0.1, 0.7),
        part=draws.uniform(-0.9, 0.9),
        volume=draws.uniform(0.0, 0.14) + long * 0.06,
        length=long * draws.uniform(0.6, 2.4),
        half_width=draws.uniform(0.85, 1.2),
        strands=draws.uniform(3.0, 9.0),
        phase=draws.uniform(),
    )


def _features(draws: RandomDraws, hair: Array, skin: Array, tone: Array) -> Features:
    iris = jnp.where(tone > 2.5, draws.choice((1.0, 1.0)), draws.choice((1.0, 1.0, 1.0, 1.0, 1.0)))
    lips = skin * jnp.array([0.87, 0.64, 0.63]) * (1 + draws.normal(0.06, shape=(3,)))
    lips = lips + draws.uniform(0.0, 0.8) * (0.84 * skin - lips)  # often hardly another colour than the skin
    stick = jnp.array([0.72, 0.12, 0.2]) * draws.uniform(0.6, 1.2, (3,))
    lips = lips + draws.chance(0.25) * draws.uniform(0.3, 0.95) * (stick - lips)
    return Features(
        brow_colour=draws.uniform(0.5, 0.95) * jnp.minimum(hair, 0.55) + 0.02,
        brow_width=draws.uniform(0.04, 0.12),
        brow_amount=draws.uniform(0.25, 1.0),
        iris=jnp.clip(jnp.array(_IRIS)[iris] * draws.uniform(0.6, 1.3), 0, 1),
        iris_radius=draws.uniform(0.055, 0.085),
        lashes=draws.uniform(0.15, 1.0),
        makeup=draws.uniform(0.05, 0.6) * draws.uniform(0.6, 1.4, (3,)),
        makeup_amount=draws.chance(0.3) * draws.uniform(0.1, 0.7),
        crease=draws.uniform(),
        socket=draws.uniform(0.1, 1.2),
        corner_shadow=draws.uniform(0.2, 0.9),
        sclera=draws.uniform(0.6, 1.0),
        lips=jnp.clip(lips, 0.02, 1),
        lip_gloss=draws.uniform(0.0, 0.5),
        teeth=draws.uniform(0.5, 0.97),
        teeth_length=draws.uniform(0.08, 0.18),
        lower_teeth=draws.uniform(0.0, 1.0),
        teeth_hidden=draws.uniform(0.02, 0.13),
        tongue=draws.uniform(),
    )


def _beard(draws: RandomDraws, hair: Array) -> Beard:
    kind = draws.choice((0.55, 0.22, 0.23))
    amount = jnp.stack([jnp.zeros(()), draws.uniform(0.05, 0.4), draws.uniform(0.5, 0.95)])[kind]
    cheeks = draws.chance(0.55)
    colour = 0.85 * hair + 0.01
    colour = colour + draws.chance(0.2) * draws.uniform(0.2, 0.9) * (0.6 - colour)  # turning grey
    return Beard(
        amount=amount,
        cheeks=cheeks,
        chin=jnp.maximum(cheeks, draws.chance(0.8)),
        moustache=draws.chance(0.85),
        over_lips=(kind == 2) * draws.uniform(0.0, 0.9),
        length=(kind == 2) * draws.chance(0.4) * draws.uniform(0.05, 0.6),
        bare=draws.chance(0.5) * draws.uniform(0.3, 1.0),
        colour=colour,
    )


def _glasses(draws: RandomDraws) -> Glasses:
    sun = draws.chance(0.15)
    return Glasses(
        amount=draws.chance(0.2),
        radius=jnp.stack([draws.uniform(0.2, 0.29), draws.uniform(0.12, 0.24)]),
        power=draws.uniform(2.0, 4.5),
        rim=draws.uniform(0.006, 0.035),
        colour=draws.uniform() ** 2 * 0.7 * (1 + draws.uniform(-0.2, 0.2, (3,))),
        tint=sun * draws.uniform(0.6, 0.95) + (1 - sun) * draws.uniform(0.0, 0.15),
        glare=draws.chance(0.4) * draws.uniform(0.1, 0.8),
        drop=draws.uniform(0.0, 0.07),
    )


def _occluder(draws: RandomDraws, skin: Array) -> Occluder:
    kind = draws.choice((0.45, 0.3, 0.25)).astype(skin.dtype)
    around = draws.uniform(0.0, 2 * jnp.pi)
    reach = draws.uniform(0.6, 1.1)
    other = (kind == 1) | ((kind == 2) & (draws.chance(0.5) > 0))
    colour = jnp.where(other, draws.uniform() * draws.uniform(0.6, 1.4, (3,)), 0.97 * skin)
    return Occluder(
        amount=draws.chance(0.15),
        kind=kind,
        centre=jnp.stack([reach * jnp.cos(around), 0.45 + reach * jnp.sin(around)]),
        angle=around + draws.normal(0.5),
        width=draws.uniform(0.09, 0.14),
        colour=jnp.clip(colour, 0, 1),
    )


def _scene(draws: RandomDraws) -> Scene:
    cells = draws.uniform(-(3**0.5), 3**0.5, (4, 36 + 22 * 22))  # of unit deviation
    coarse, fine = cells[:, :36].reshape(4, 6, 6), cells[:, 36:].reshape(4, 22, 22)
    base = draws.uniform(0.0, 1.0) + draws.normal(0.10, shape=(3,))
    # Light from the side of the viewer, mostly from above.
    angle, high = draws.normal(0.9, 2.0), 0.45 + draws.normal(0.5, 2.0)
    light = jnp.stack([jnp.sin(angle), -jnp.sin(high), jnp.cos(angle) * jnp.cos(high) + 0.35])
    shapes = jnp.stack(
        [
            draws.uniform(-0.1, 1.1, (4,)),
            draws.uniform(-0.1, 1.1, (4,)),
            0.03 + 0.5 * draws.uniform(shape=(4,)) ** 2,
            0.03 + 0.5 * draws.uniform(shape=(4,)) ** 2,
            draws.uniform(0.0, jnp.pi, (4,)),
            draws.uniform(shape=(4,)),
        ],
        axis=1,
    )
    jowl = draws.chance(0.25) * draws.uniform(0.4, 1.0)
    stout = 0.2 * jowl * jnp.array([1.0, 1.0, -0.3])  # a stout neck, hardly darker than the face
    warm = jnp.array([1.0, 0.1, -1.0])
    tint = 1 + 0.02 * warm + draws.normal(0.07) * warm + draws.normal(0.02, shape=(3,))
    return Scene(
        coarse=base[:, None, None] + draws.uniform(0.03, 0.45) * (coarse[:1] + 0.4 * coarse[1:]),
        fine=fine[:1] + 0.3 * fine[1:],
        fine_amount=draws.uniform() ** 2 * 0.25,
        stripes=draws.chance(0.25) * draws.uniform(0.05, 0.4),
        stripe_wave=draws.normal(6.0, shape=(2,)),
        shapes=shapes,
        shape_colours=jnp.clip(draws.uniform(shape=(4, 1)) + draws.normal(0.13, shape=(4, 3)), 0, 1),
        shape_amount=draws.chance(0.7),
        clothes=jnp.clip(draws.uniform(0.02, 0.95) * (1 + draws.uniform(-0.4, 0.4, (3,))), 0, 1),
        neck=jnp.stack([draws.uniform(0.44, 0.68), draws.uniform(0.5, 1.15), draws.uniform(0.05, 0.5)]) + stout,
        jowl=jowl,
        collar=draws.uniform(0.0, 0.6),
        shoulders=draws.uniform(1.65, 2.1),
        light=light / jnp.sqrt((light**2).sum()),
        ambient=jnp.where(draws.chance(0.15) > 0, draws.uniform(0.12, 0.3), draws.uniform(0.3, 0.95)),
        tint=tint * draws.uniform(0.7, 1.15),
    )


def appearance(draws: RandomDraws) -> Appearance:
    """Draw the appearance of one face."""
    skin, tone = _skin(draws)
    hair = _hair(draws, tone)
    return Appearance(
        skin=skin,
        hair=hair,
        features=_features(draws, hair.colour, skin.colour, tone),
        beard=_beard(draws, hair.colour),
        glasses=_glasses(draws),
        occluder=_occluder(draws, skin.colour),
        scene=_scene(draws),
        parts=Parts(*jnp.ones(len(Parts._fields))),
    )
