"""The size of the face over a track, for parameters in face units: broken frames do not set it, and a zoom changes it.

The size is sure from the first frame that shows a quarter of the points, and not all of them in one place. This frame
starts anew, and so does every frame before it that shows a new point. From then on a frame whose size differs from that
of the last output by more than a factor `LIMIT` is broken, or the face has changed. It counts as missing until as many
such frames came in a row as frames of the old size were seen, at most `FRAMES`; then the filter starts anew there.
Frames with all points in one place always count as missing. Before `FRAMES` frames have agreed, the same holds for a
frame of another shape: no similarity brings half of its points near their expected places, as after points scattered
over the picture. Later, such a frame holds outliers.

Otherwise the size follows that of the outputs. The scale of the state changes only if the two differ by more than
`TOLERANCE`, so an ordinary track keeps one scale.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from fhr_jax.stabilizer.extensions.common_motion import common_motion

LIMIT = 4.0
"""Factor between the sizes of two frames that is taken for a broken frame or another face."""

FRAMES = 3
"""Frames in a row of another size after which the filter starts anew."""

NEAR = 5.0
"""Face sizes around the centroid of the expected face within which points tell its size."""

TRIM = 2.0
"""RMS distances from the centroid beyond which points of a frame do not count for its size; a face has none there."""

SHAPE = 0.5
"""A point fits the shape within this part of the face's RMS distance of its expected place, moved by a similarity."""

SHAPE_ROUNDS = 3
"""Least squares fits of that similarity, each with new weights."""

RATE = 0.2
"""Weight of the newest output in the running mean of the size."""

TOLERANCE = 1.25
"""Factor between size and scale at which the scale changes."""

SHARE = 0.25
"""Part of the points that a frame must show for a size that all later frames are measured by."""

FEWEST = 5
"""Points of a first frame from which on some of them can be told to be broken."""

ROUNDING = 1e-5
"""Sizes below this part of the largest coordinate are rounding errors: all points lie in one place."""


class SizeState(NamedTuple):
    """What is kept between frames.

    Attributes:
        size: () size of the face, units of the track; 0 while it is unknown.
        agreed: () frames that agreed with it, counted up to `FRAMES`; 0 while it is not sure.
        others: () frames in a row with another size.
    """

    size: Float[Array, ""]
    agreed: Float[Array, ""]
    others: Float[Array, ""]


class SizeCheck(NamedTuple):
    """The result for one frame.

    Attributes:
        start: () True if the past is forgotten and the filter starts with this frame.
        z: (M, d) the observed points; in a first frame those far from the others are moved nearer.
        present: (M,) the points that count: none in a broken frame, and no far ones in a first frame.
    """

    start: Bool[Array, ""]
    z: Float[Array, "m d"]
    present: Bool[Array, " m"]


def init_state(like: Float[Array, ""]) -> SizeState:
    """The state before the first frame, in the dtype of the scalar `like`."""
    return SizeState(*(jnp.zeros_like(like) for _ in SizeState._fields))


def rms_distance(z: Float[Array, "m d"], counted: Bool[Array, " m"]) -> Float[Array, ""]:
    """RMS distance (), units of `z`, of the counted points (M, d) to their centroid; 0 for one place or no point."""
    deviation = jnp.where(counted[:, None], z - centroid(z, counted), 0)
    square = (deviation**2).sum() / jnp.maximum(counted.sum(), 1)
    z = jnp.where(counted[:, None], z, 0)
    found = square > (ROUNDING * jnp.abs(z).max()) ** 2
    return jnp.where(found, jnp.sqrt(jnp.where(found, square, 1)), 0)


def centroid(z: Float[Array, "m d"], counted: Bool[Array, " m"]) -> Float[Array, "1 d"]:
    """Mean (1, d) of the counted points (M, d), whose rounding errors do not grow with the distance from the origin."""
    first = z[counted.argmax()][None]
    number = jnp.maximum(counted.sum(), 1)
    return first + jnp.where(counted[:, None], z - first, 0).sum(axis=0, keepdims=True) / number


def check(
    state: SizeState,
    z: Float[Array, "m d"],
    expected: Float[Array, "m d"],
    *,
    present: Bool[Array, " m"],
    seen: Bool[Array, " m"],
    far: float | None = None,
) -> tuple[SizeState, SizeCheck]:
    """Compare the size of a frame with that of the face so far.

    Args:
        state: from the last frame.
        z: (M, d) observed points, units of the track.
        expected: (M, d) where they are expected.
        present: (M,) the points that are observed.
        seen: (M,) the points that have an expectation.
        far: in a first frame, median distances from the median point beyond which a point is broken; None: no limit,
            and any shape is a face.
    """
    if len(z) < 3:  # one point has no size, and two may meet
        return _check_few(state, z, present)
    need = max(3, round(SHARE * len(z)))
    number = present.sum()
    collapsed = (number >= 3) & (rms_distance(z, present) == 0)
    usable = (number >= need) & ~collapsed
    sure, both = state.agreed > 0, present & seen
    enough = jnp.where(sure, need, 2)
    # Where enough points are near the face, those that are not are broken, not the face.
    near = both & ~within(z, centroid(expected, seen), NEAR * state.size)[1]
    both = jnp.where(near.sum() >= enough, near, both)
    both = both & ~within(z, centroid(z, both), TRIM * rms_distance(z, both))[1]
    now, before = rms_distance(z, both), rms_distance(expected, both)
    differs = (before > 0) & ((LIMIT * now < before) | (now > LIMIT * before))
    if far is not None:
        young = (before > 0) & (state.agreed < FRAMES)
        differs = differs | (young & ~_same_shape(z, expected, both, now))
    other = (state.size > 0) & ~collapsed & (both.sum() >= enough) & differs
    others = jnp.where(other, state.others + 1, jnp.where(usable, 0, state.others))
    restart = other & (others >= jnp.minimum(state.agreed, FRAMES))
    unsure = ~sure & (usable | (present & ~seen).any() | (state.size == 0))
    start = (restart | unsure) & (number > 0) & ~collapsed
    present = present & ~collapsed & (~other | restart)
    if far is not None:
        z, present = around_the_median(z, present, limit=far, wanted=start & (number >= FEWEST))
    agreed = jnp.where(usable & ~other, jnp.minimum(state.agreed + 1, FRAMES), state.agreed)
    first = rms_distance(z, present)
    state = SizeState(
        size=jnp.where(start, first, state.size),
        agreed=jnp.where(start, (usable & (first > 0)).astype(agreed.dtype), agreed),
        others=jnp.where(start, 0, others),
    )
    return state, SizeCheck(start, z, present)


def _same_shape(z: Array, expected: Array, counted: Array, size: Array) -> Array:
    """Whether a similarity brings half of the counted points near their expected places, ()."""
    moved, expected, size = lax.stop_gradient((z - expected, expected, size))
    weight = counted.astype(z.dtype)
    square = jnp.zeros_like(weight)
    for _ in range(SHAPE_ROUNDS):
        share = weight / (1 + 4 * square)  # a point at half of the limit counts half
        square = ((moved - common_motion(moved, expected, share)) ** 2).sum(axis=-1)
        square = square / jnp.maximum((SHAPE * size) ** 2, 1e-30)
    return 2 * (counted & (square < 1)).sum() >= counted.sum()


def _check_few(state: SizeState, z: Array, present: Array) -> tuple[SizeState, SizeCheck]:
    """`check` of one or two points: their first frame sets the size, 1 if they lie in one place."""
    known, some = state.agreed > 0, present.any()
    size = rms_distance(z, present)
    size = jnp.where(known, state.size, jnp.where(some, jnp.where(size > 0, size, 1), 0))
    agreed = jnp.where(known | some, jnp.ones_like(size), 0)
    return SizeState(size, agreed, jnp.zeros_like(size)), SizeCheck(~known & some, z, present)


def update(
    state: SizeState,
    points: Float[Array, "m d"],
    *,
    seen: Bool[Array, " m"],
    at_once: Bool[Array, ""],
    known: Bool[Array, ""],
) -> SizeState:
    """The state after a frame with the output `points` (M, d), units of the track.

    Args:
        state: from `check`.
        points: (M, d) output.
        seen: (M,) the points that were ever observed.
        at_once: () True sets the size, as after a cut or where new points have appeared.
        known: () True moves it by `RATE`; False leaves it, as in a frame of which most points are outliers.
    """
    size = rms_distance(points, seen)
    moved = state.size + jnp.where(at_once, 1, jnp.where(known, RATE, 0)) * (size - state.size)
    return state._replace(size=jnp.where((state.size > 0) & (size > 0), moved, state.size))


def within(
    z: Float[Array, "m d"], centre: Float[Array, "1 d"], radius: Float[Array, "*m"]
) -> tuple[Float[Array, "m d"], Bool[Array, " m"]]:
    """The points (M, d), moved to the edge if they lie outside a circle, and (M,) which do; units of `z`.

    The radius is () or (M,), one for each point; 0 is no limit.
    """
    distance = jnp.sqrt(jnp.maximum(((z - centre) ** 2).sum(axis=-1), 1e-12))
    outside = (radius > 0) & (distance > radius)
    return jnp.where(outside[:, None], centre + (radius / distance)[:, None] * (z - centre), z), outside


def around_the_median(
    z: Float[Array, "m d"], present: Bool[Array, " m"], *, limit: float, wanted: Bool[Array, ""]
) -> tuple[Float[Array, "m d"], Bool[Array, " m"]]:
    """Which present points lie within `limit` median distances of their median; the others, moved to that limit.

    Half of the points may lie anywhere. For the first frame, in which nothing is expected yet.

    Args:
        z: (M, d) points, in any unit.
        present: (M,) the points that are observed.
        limit: in median distances.
        wanted: () False returns what is given, and sorts nothing.

    Returns:
        (M, d) the points, in the unit of `z`, and (M,) the present ones that lie within.
    """
    at = _lower_medians(z, present, wanted)
    centre = jnp.take_along_axis(z, at[None], axis=0)
    distance = jnp.sqrt(jnp.maximum(((z - centre) ** 2).sum(axis=-1), 1e-12))
    radius = limit * distance[_lower_medians(distance[:, None], present, wanted)[0]]
    placed, outside = within(z, centre, radius)
    outside = wanted & present & outside
    return jnp.where(outside[:, None], placed, z), present & ~outside


def _lower_medians(
    values: Float[Array, "m d"], counted: Bool[Array, " m"], wanted: Bool[Array, ""]
) -> Int[Array, " d"]:
    """Index of the lower median over the counted values, by column; 0 where it is not wanted.

    The loop has one round or none, also if a batch of frames, none of which wants it, goes through it.
    """
    values = jnp.where(counted[:, None], jax.lax.stop_gradient(values), jnp.inf)
    middle = jnp.maximum(counted.sum() - 1, 0) // 2

    def find(_: tuple[Array, Array]) -> tuple[Array, Array]:
        return jnp.zeros((), bool), jnp.argsort(values, axis=0)[middle].astype(middle.dtype)

    none = jnp.zeros_like(middle, shape=values.shape[1:])
    return jax.lax.while_loop(lambda loop: loop[0], find, (wanted, none))[1]


def new_scale(
    state: SizeState, scale: Float[Array, ""], face_size: Float[Array, ""] | None, *, tolerance: float = 1.0
) -> Float[Array, ""]:
    """Units of the track in one unit of the parameters, (): the old scale where it is within the tolerance.

    Args:
        state: from `check` or `update`.
        scale: () the old one.
        face_size: () `Params.face_size`; None: parameters in units of the track, whose scale stays.
        tolerance: factor between old and new scale that changes nothing.
    """
    if face_size is None:
        return scale
    new = state.size / face_size
    return jnp.where((state.size > 0) & ((new > tolerance * scale) | (new * tolerance < scale)), new, scale)
