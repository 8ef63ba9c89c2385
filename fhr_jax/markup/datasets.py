"""Markups of public datasets other than 300W. Right and left are the person's; the right side comes first.

Sources of the orders: the annotation files of WFLW, LaPa (the 106 points of the JD-landmark challenge), COFW and AFLW.
"""

from fhr_jax.markup.definition import Markup, flip_of


def _mirrored(first: range, second: range) -> tuple[tuple[int, int], ...]:
    """Pairs of landmarks along two contours."""
    return tuple(zip(first, second, strict=True))


def _closed(contour: range) -> tuple[int, ...]:
    return (*contour, contour[0])


_JAW_AND_BROWS = (
    *_mirrored(range(16), range(32, 16, -1)),
    *_mirrored(range(33, 38), range(46, 41, -1)),  # upper side of the brows, from the tip
    *_mirrored(range(38, 42), range(50, 46, -1)),  # lower side, back to the tip
)
"""WFLW and LaPa begin alike: 33 points of the jaw, nine of each brow, four of the bridge of the nose."""
_OUTLINE = (tuple(range(33)), _closed(range(33, 42)), _closed(range(42, 51)), tuple(range(51, 55)))

WFLW = Markup(
    size=98,
    flip=flip_of(
        98,
        (
            *_JAW_AND_BROWS,
            *_mirrored(range(55, 57), range(59, 57, -1)),
            *_mirrored(range(60, 65), range(72, 67, -1)),  # upper lid, outer to inner corner
            *_mirrored(range(65, 68), range(75, 72, -1)),  # lower lid
            *_mirrored(range(76, 79), range(82, 79, -1)),
            *_mirrored(range(83, 85), range(87, 85, -1)),
            *_mirrored(range(88, 90), range(92, 90, -1)),
            (93, 95),
            (96, 97),
        ),
    ),
    eye_corners=(60, 72),
    edges=(
        *_OUTLINE,
        tuple(range(55, 60)),
        *(_closed(range(a, a + 8)) for a in (60, 68)),
        _closed(range(76, 88)),
        _closed(range(88, 96)),
    ),
    name="wflw",
)
"""WFLW: 98 points. The last two are the pupils."""

LAPA = Markup(
    size=106,
    flip=flip_of(
        106,
        (
            *_JAW_AND_BROWS,
            *_mirrored(range(55, 60), range(65, 60, -1)),  # side of the nose and base, from above
            *_mirrored(range(66, 71), range(79, 74, -1)),  # upper lid, outer to inner corner
            *_mirrored(range(71, 74), range(82, 79, -1)),  # lower lid
            (74, 83),
            *_mirrored(range(84, 87), range(90, 87, -1)),
            *_mirrored(range(91, 93), range(95, 93, -1)),
            *_mirrored(range(96, 98), range(100, 98, -1)),
            (101, 103),
            (104, 105),
        ),
    ),
    eye_corners=(66, 79),
    edges=(
        *_OUTLINE,
        tuple(range(55, 66)),
        *(_closed(range(a, a + 8)) for a in (66, 75)),
        _closed(range(84, 96)),
        _closed(range(96, 104)),
    ),
    name="lapa",
)
"""LaPa and JD-landmark: 106 points. 74 and 83 are the middles of the eyes, the last two the pupils."""

COFW = Markup(
    size=29,
    flip=flip_of(
        29,
        (
            *((0, 1), (2, 3), (4, 6), (5, 7)),  # brows: tips, inner ends, above, below
            *((8, 9), (10, 11), (12, 14), (13, 15), (16, 17)),  # eyes: outer, inner, above, below, pupil
            *((18, 19), (22, 23)),  # nostrils, corners of the mouth
        ),
    ),
    eye_corners=(8, 9),
    edges=(
        (0, 4, 2, 5, 0),
        (1, 6, 3, 7, 1),
        (8, 12, 10, 13, 8),
        (9, 14, 11, 15, 9),
        (18, 21, 19),
        (22, 24, 23, 27, 22),
        (22, 25, 23, 26, 22),
    ),
    name="cofw",
)
"""COFW and LFPW: 29 points."""

_AFLW_PAIRS = ((0, 5), (1, 4), (2, 3), (6, 11), (7, 10), (8, 9))

AFLW = Markup(
    size=21,
    flip=flip_of(21, (*_AFLW_PAIRS, (12, 16), (13, 15), (17, 19))),
    eye_corners=(6, 11),
    edges=((0, 1, 2), (3, 4, 5), (6, 7, 8), (9, 10, 11), (12, 20, 16), (13, 14, 15), (17, 18, 19)),
    name="aflw",
)
"""AFLW: 21 points, with the ears (12 and 16)."""

AFLW19 = Markup(
    size=19,
    flip=flip_of(19, (*_AFLW_PAIRS, (12, 14), (15, 17))),
    eye_corners=(6, 11),
    edges=((0, 1, 2), (3, 4, 5), (6, 7, 8), (9, 10, 11), (12, 13, 14), (15, 16, 17)),
    name="aflw19",
)
"""AFLW without the ears, as most papers use it: 19 points."""
