"""Whether landmarks are in the order of a markup: partners must mirror each other on the mean face."""

import numpy as np
from jaxtyping import Float

from fhr_jax.data.records import Records, encoded
from fhr_jax.geometry import box_of
from fhr_jax.markup import Markup

FACES = 100
"""Number of faces whose mean is taken, at most."""
MIN_FACES = 16
"""With fewer faces their poses count: the mean of 8 real faces may be 19 % from symmetric, that of 100 is 3 %."""
LIMIT = 0.3
"""A landmark farther from the mirror image of its partner contradicts the markup, in units of the face box. In a clip
of one person, whose head is turned a little throughout, the farthest of 468 lies 0.17 away."""


def asymmetry(points: Float[np.ndarray, "n m 2"], *, markup: Markup) -> Float[np.ndarray, " m"]:
    """Distance (M,) of each landmark of the mean of N faces to the mirror image of its partner, in units of the box.

    Args:
        points: landmarks (N, M, 2) of upright faces, in pixels.
        markup: names the partners.
    """
    faces = points - points.mean(axis=1, keepdims=True)
    mean = (faces / np.sqrt((faces**2).sum(axis=-1).mean(axis=1))[:, None, None]).mean(axis=0)
    width, height = box_of(mean)[2:]
    apart = np.linalg.norm(mean[list(markup.flip)] * [-1, 1] - mean, axis=-1)
    return apart / max(np.sqrt(width * height), 1e-9)


def contradiction(records: Records, markup: Markup) -> str | None:
    """The landmark that contradicts a markup most, in words; None if the faces agree, or are too few to tell."""
    if not markup.flip or len(records) < MIN_FACES:
        return None
    chosen = np.unique(np.linspace(0, len(records) - 1, FACES).round().astype(int))
    points = np.stack([np.asarray(encoded(records, int(i))["points"], np.float64) for i in chosen])
    off = asymmetry(points, markup=markup)
    worst = int(off.argmax())
    if not off[worst] > LIMIT:
        return None
    return (
        f"landmarks {worst} and {markup.flip[worst]}, which change places in the mirror in markup {markup.label}, lie "
        f"{100 * off[worst]:.0f} % of the face from each other's mirror image"
    )
