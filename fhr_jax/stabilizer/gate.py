"""Which observed points to believe: points that jump are refused, real jumps and cuts are followed.

It is a cut if most points jump and still look like the same face, moved and scaled; points that are all over the
place are refused one by one.

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
    number = jnp.maximum(old.sum(), 1)
    alike = old & _within(_placed(z, old, predicted), predicted, distance)
    cut = (jumped.sum() > gate.most * number) & (alike.sum() > gate.most * number)

    again = _within(z, doubt.place, distance) & (doubt.refused > 0)
    refused = jnp.where(jumped, jnp.where(again, doubt.refused, 0) + 1, jnp.where(here, 0, doubt.refused))
    place = jnp.where(jumped[:, None], z, doubt.place)

    astray = _thrown(gate, z, here, _middle(z, here)[1])
    # Against the size that the face had: in a frame where all is scattered, nothing looks astray.
    usual = _middle(predicted, seen)[1]
    outside = _thrown(gate, z, here, usual)
    lost = _thrown(gate, predicted, seen, usual)
    # A new place has to last, but no longer than the old one did; a point that started far outside the face comes
    # back at once, and one that leaves it has to stay away ten times as long.
    lasted = refused > jnp.minimum(gate.patience, doubt.age)
    anew = jumped & ~cut & ((lasted & ~outside) | (refused > 10 * gate.patience) | (lost & ~outside))

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


def _placed(z: Array, old: Array, predicted: Array) -> Array:
    """The observation moved and scaled onto the prediction by medians, to compare their shapes alone."""
    middle, size = _middle(z, old)
    wanted_middle, wanted_size = _middle(predicted, old)
    ratio = wanted_size / jnp.where(size > 0, size, 1)
    return wanted_middle + jnp.sqrt(jnp.where(ratio > 0, ratio, 1)) * (z - middle)


def _middle(points: Array, known: Array) -> tuple[Array, Array]:
    """Median point (1, d) of the known points, and the median of their squared distances to it."""
    centre = jnp.nan_to_num(jnp.nanmedian(jnp.where(known[:, None], points, jnp.nan), axis=0, keepdims=True))
    away = ((points - centre) ** 2).sum(axis=-1)
    return centre, jnp.nan_to_num(jnp.nanmedian(jnp.where(known, away, jnp.nan)))


def _thrown(gate: Gate, points: Array, known: Array, usual: Array) -> Array:
    """Known points further from their median than `reach` times the usual distance (given squared)."""
    centre, _ = _middle(points, known)
    return known & (((points - centre) ** 2).sum(axis=-1) > gate.reach**2 * usual)
