"""Whether faces are mirrored while their landmarks kept their numbers: right and left have to change places then.

Going from the person's right eye to the left one, mouth and chin lie to one side: clockwise in image coordinates (x to
the right, y down), however the face is turned in the image. Of a mirrored face whose landmarks were not exchanged they
lie on the other side.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from fhr_jax.markup import FACE68, Markup, regions_of

CLEAR = 0.25
"""Distance of the eyes across the face over that from the eyes to the mouth, from which on the side is clear. On 4651
faces with landmarks by hand, of all poses in 300W, it is at least 0.73."""
WIDEST = 0.8
"""RMS distance of the landmarks of the mouth from its middle, over that of the eyes and the mouth, beyond which this is
no face. On the same faces it is at most 0.63; of sets of 68 points at random 0.3 % pass for mirrored faces."""
ENOUGH = 5
"""With as many clearly mirrored photographs and none of the others, the unclear ones of a folder are mirrored too."""
_PARTS_OF_68 = ((48, 54), (range(17, 22), range(22, 27)), (range(5), range(12, 17)))
"""Right and left of the mouth, the brows and the jaw, which all have to be on the same side."""


class MirroredFaces(NamedTuple):
    """What is to be done about N faces.

    Attributes:
        exchange: numbers of the faces whose right and left landmarks have to change places.
        contradict: numbers of the faces that are clearly mirrored, unlike others of their video.
    """

    exchange: frozenset[int] = frozenset()
    contradict: frozenset[int] = frozenset()


def sides(points: Float[np.ndarray, "n m 2"], *, markup: Markup) -> Int[np.ndarray, " n"]:
    """For each of N faces (N, M, 2) in pixels: 1 as the markup says, -1 mirrored, 0 not clear.

    It is never clear for markups other than those of the package.
    """
    regions = regions_of(markup)
    unclear = np.zeros(len(points), int)
    if len(markup.eye_corners) != 2 or "mouth" not in regions or not markup.flip:
        return unclear
    points = np.asarray(points, np.float64)
    right, left = (_mean(points, group) for group in markup.eye_corners)
    middle = (right + left) / 2
    downs = [_mean(points, regions[name]) - middle for name in ("mouth", "jaw") if name in regions]
    with np.errstate(invalid="ignore", divide="ignore"):
        across = [_cross(left - right, down) / (down**2).sum(axis=-1) for down in downs]
    across[1:] = [np.sign(value) * CLEAR * 2 for value in across[1:]]  # how far depends on the points of the jaw
    if markup.size == FACE68.size:
        for first, second in _PARTS_OF_68:
            width = _mean(points, second) - _mean(points, first)
            across.append(np.sign(_cross(width, downs[0])) * CLEAR * 2)
    mouth = points[:, list(regions["mouth"])]
    spread = np.sqrt(((mouth - mouth.mean(axis=1, keepdims=True)) ** 2).sum(axis=-1).mean(axis=-1))
    is_face = spread < WIDEST * np.linalg.norm(downs[0], axis=-1)
    least, most = np.min(across, axis=0), np.max(across, axis=0)
    return np.where(is_face & (least >= CLEAR), 1, np.where(is_face & (most <= -CLEAR), -1, unclear))


def mirrored(side: Int[np.ndarray, " n"], videos: Sequence[Sequence[int]]) -> MirroredFaces:
    """Which faces are mirrored, from the `sides` of N faces (N,).

    Args:
        side: of each face.
        videos: for each video the numbers of its faces; without any they are photographs.
    """
    if not (side < 0).any():
        return MirroredFaces()
    if not videos:
        all_of_them = (side < 0).sum() >= ENOUGH and not (side > 0).any()
        return MirroredFaces(frozenset(range(len(side)) if all_of_them else np.flatnonzero(side < 0).tolist()))
    exchange: set[int] = set()
    contradict: set[int] = set()
    for video in videos:
        wrong = [i for i in video if side[i] < 0]
        if wrong and not any(side[i] > 0 for i in video):
            exchange.update(video)
        else:
            contradict.update(wrong)
    return MirroredFaces(frozenset(exchange), frozenset(contradict))


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _mean(points: np.ndarray, group: int | Sequence[int]) -> np.ndarray:
    return points[:, [group] if isinstance(group, int) else list(group)].mean(axis=1)
