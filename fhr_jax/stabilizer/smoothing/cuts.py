"""Cuts that only later frames tell: another person in the same place, and a face more than four times as large.

The causal stabilizer finds a cut where the whole face is suddenly elsewhere. It cannot tell another face in the same
place, at the same size, from a frame of errors, and takes two frames to believe in a size that differs by more than
`size_tracking.LIMIT`. Smoothing of a whole track looks at the frames on both sides instead:

    c(t) = min( r(t-1, t), r(t-2, t), r(t-1, t+1) )      other shape: c(t) > SHAPE and c(t) > STEADY max r(s-1, s)

where r(s, t) is the median distance of the points of frame t to those of frame s after the best similarity, in sizes of
the face, and the maximum is over the `AROUND` frames s on each side of t. So the shape changes between two frames, by
far more than it does in the frames around, and stays. The size has changed if each of the `FRAMES` frames before t and
each of those from t on differ by more than the limit, and these look alike.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fhr_jax.stabilizer.extensions.common_motion import common_motion
from fhr_jax.stabilizer.size_tracking import FRAMES, LIMIT, centroid

SHAPE = 0.08
"""Smallest change of shape that is a cut, in sizes of the face; two people differ by 0.05 to 0.3. Head turns reach it
between two frames of some videos, but not alone among the frames around them."""

STEADY = 4.0
"""Factor by which the change exceeds those between the frames around it."""

AROUND = 6
"""Frames on each side that are compared."""

ALIKE = 0.5
"""Largest change of shape between the frames of a new size, in sizes of the face, which may be only a few pixels."""

FEWEST, SHAPELY = 5, 20
"""Points of a face whose size counts, and of one whose shape does: of few points, an expression moves half."""

FIT_SCALE = 0.1
"""Distance, in sizes of the face, at which a point counts half in the fit of the similarity."""

ROUNDS = 3
"""Least squares fits of the similarity, each with new weights."""

CHUNK = 512
"""Frames that are compared at once."""


def find(z: Float[Array, "t m d"], present: Bool[Array, "t m"]) -> Bool[Array, " t"]:
    """Frames (T,) with which a track starts anew, though the causal stabilizer would not see it at once.

    Args:
        z: (T, M, d) observed points, in any unit.
        present: (T, M) the points that are observed.
    """
    frames, points, dims = z.shape
    if points < FEWEST or frames < 4:
        return jnp.zeros(frames, bool)
    one, two, size = _compare_all(jax.lax.stop_gradient(z), present)
    known = jnp.isfinite(one)
    change = jnp.minimum(jnp.minimum(one, two), _at(two, 1))
    steps = jnp.where(known, one, 0)
    others = [_at(steps, k) for k in range(-AROUND, AROUND + 1) if k]
    around = jnp.stack(others).max(axis=0)
    shown = known & _at(known, -1) & _at(known, 1) & jnp.isfinite(change)
    shape = shown & (change > SHAPE) & (change > STEADY * around)
    if dims != 2 or points < SHAPELY:  # in 3D, the similarity does not turn
        shape = jnp.zeros(frames, bool)
    before = jnp.stack([_at(size, -1 - k) for k in range(FRAMES)])
    after = jnp.stack([_at(size, k) for k in range(FRAMES)])
    grown = LIMIT * before.max(axis=0) < after.min(axis=0)
    shrunk = LIMIT * after.max(axis=0) < before.min(axis=0)
    sized = (before.min(axis=0) > 0) & (after.min(axis=0) > 0)
    alike = jnp.stack([_at(one, k) for k in range(1, FRAMES)]).max(axis=0) < ALIKE
    return shape | (sized & alike & (grown | shrunk))


def _compare_all(z: Array, present: Array) -> tuple[Array, Array, Array]:
    """Changes of shape (T,) from the frame before and from the one before that, infinite if unknown; sizes (T,)."""
    frames = z.shape[0]
    chunk = min(CHUNK, frames)
    chunks = -(-frames // chunk)
    padding = (2, chunks * chunk - frames)
    z = jnp.pad(jnp.where(present[..., None], z, 0), (padding, (0, 0), (0, 0)))
    present = jnp.pad(present, (padding, (0, 0)))

    def compare(start: Array) -> tuple[Array, Array, Array]:
        now, shown = (jax.lax.dynamic_slice_in_dim(a, start, chunk + 2) for a in (z, present))
        size = jax.vmap(_size)(now, shown)
        change = jax.vmap(_change)
        one = change(now[1:-1], now[2:], shown[1:-1] & shown[2:], size[2:])
        two = change(now[:-2], now[2:], shown[:-2] & shown[2:], size[2:])
        return one, two, size[2:]

    found = jax.lax.map(compare, chunk * jnp.arange(chunks))
    return found[0].reshape(-1)[:frames], found[1].reshape(-1)[:frames], found[2].reshape(-1)[:frames]


def _change(before: Array, now: Array, both: Array, size: Array) -> Array:
    """Median distance () of the points (M, d) after the best similarity, in sizes; infinite if half are missing."""
    weight = both.astype(now.dtype)
    moved = now - before
    off = jnp.zeros_like(weight)
    for _ in range(ROUNDS):
        fitted = common_motion(moved, before, weight / (1 + (off / FIT_SCALE) ** 2))
        off = jnp.sqrt(((moved - fitted) ** 2).sum(axis=-1)) / jnp.maximum(size, 1e-30)
    enough = (2 * both.sum() >= both.size) & (both.sum() >= FEWEST) & (size > 0)
    return jnp.where(enough, _median(off, both), jnp.inf)


def _size(z: Array, present: Array) -> Array:
    """Median distance () of the present points (M, d) to their centroid; 0 if there are fewer than half."""
    away = z - centroid(z, present)
    enough = (2 * present.sum() >= present.size) & (present.sum() >= FEWEST)
    return jnp.where(enough, _median(jnp.sqrt((away**2).sum(axis=-1)), present), 0)


def _median(values: Array, counted: Array) -> Array:
    """Lower median () of the counted values (M,)."""
    ordered = jnp.sort(jnp.where(counted, values, jnp.inf))
    return ordered[jnp.maximum(counted.sum() - 1, 0) // 2]


def _at(values: Array, later: int) -> Array:
    """Values (T,) so many frames later; 0 or False beyond the ends."""
    frames = values.shape[0]
    padded = jnp.pad(values, (max(-later, 0), max(later, 0)))
    return padded[max(later, 0) : max(later, 0) + frames]
