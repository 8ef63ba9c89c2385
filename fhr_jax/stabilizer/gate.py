"""Which observed points to believe: single points that jump are refused, real jumps and cuts are followed.

A decoder that throws a point hundreds of pixels out must not carry the landmark away, and a face that really jumps
must not leave it behind for ever.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.stabilizer.params import Gate


class Doubt(NamedTuple):
    """What the gate keeps between frames, for each point.

    Attributes:
        refused: how often in a row it was refused, each time about where it was the last time.
        place: where it was when it was last refused.
        age: how often it was believed since it started (or started anew).
    """

    refused: Float[Array, " m"]
    place: Float[Array, "m d"]
    age: Float[Array, " m"]


class Verdict(NamedTuple):
    """What to do with a frame.

    Attributes:
        here: (M,) points to use.
        anew: (M,) points whose past is to be forgotten: they start where they are now.
        cut: () the whole past is to be forgotten.
        z: (M, d) the observation; after a cut, a point thrown out of the face is put where the others went.
    """

    here: Bool[Array, " m"]
    anew: Bool[Array, " m"]
    cut: Bool[Array, ""]
    z: Float[Array, "m d"]


def judge(
    gate: Gate,
    doubt: Doubt,
    z: Float[Array, "m d"],
    here: Bool[Array, " m"],
    predicted: Float[Array, "m d"],
    seen: Bool[Array, " m"],
    distance: Float[Array, ""],
) -> tuple[Doubt, Verdict]:
    """Judge one frame, all in units of the track.

    Args:
        gate: the thresholds.
        doubt: from the last frame.
        z: observed points.
        here: which are observed.
        predicted: where they were expected; any value where `seen` is False.
        seen: which have a past.
        distance: how far from its prediction a point may be.
    """
    old = here & seen
    jumped = old & ~_within(z, predicted, distance)
    cut = jumped.sum() > gate.most * jnp.maximum(old.sum(), 1)

    again = _within(z, doubt.place, distance) & (doubt.refused > 0)
    refused = jnp.where(jumped, jnp.where(again, doubt.refused, 0) + 1, jnp.where(here, 0, doubt.refused))
    place = jnp.where(jumped[:, None], z, doubt.place)

    astray = _thrown(gate, z, here)
    lost = _thrown(gate, predicted, seen)
    # A new place has to last, but no longer than the old one did; a point that started far outside the face comes
    # back at once, and one that leaves it has to stay away ten times as long.
    lasted = refused > jnp.minimum(gate.patience, doubt.age)
    anew = jumped & ~cut & ((lasted & ~astray) | (refused > 10 * gate.patience) | (lost & ~astray))

    # A decision, not a function to follow the slope of: the median of nothing has none.
    moved = jax.lax.stop_gradient(jnp.where((jumped & ~astray)[:, None], z - predicted, jnp.nan))
    shift = jnp.nan_to_num(jnp.nanmedian(moved, axis=0, keepdims=True))
    replaced = cut & old & astray & ~lost
    z = jnp.where(replaced[:, None], predicted + shift, z)

    settled = cut | anew
    age = jnp.where(settled & here, 1, doubt.age + (here & ~jumped))
    doubt = Doubt(jnp.where(settled, 0, refused), place, age)
    return doubt, Verdict(here & (settled | ~jumped), anew, cut, z)


def _within(a: Array, b: Array, distance: Array) -> Array:
    # Squared: a root has no derivative at 0.
    return ((a - b) ** 2).sum(axis=-1) <= distance**2


def _thrown(gate: Gate, points: Array, known: Array) -> Array:
    """Known points that lie further from the median of the known points than `reach` times the median distance."""
    inside = jnp.where(known[:, None], points, jnp.nan)
    centre = jnp.nan_to_num(jnp.nanmedian(inside, axis=0, keepdims=True))
    away = ((points - centre) ** 2).sum(axis=-1)
    usual = jnp.nan_to_num(jnp.nanmedian(jnp.where(known, away, jnp.nan)))
    return known & (away > gate.reach**2 * usual)
