"""The 68-point markup of 300W and its 7-point subset.

Indices count from 0; published pictures of the markup count from 1.
"""

from fhr_jax.markup.definition import Markup, flip_of

JAW = tuple(range(17))
BROWS = (tuple(range(17, 22)), tuple(range(22, 27)))
NOSE_BRIDGE = tuple(range(27, 31))
NOSE_BASE = tuple(range(31, 36))
EYES = (tuple(range(36, 42)), tuple(range(42, 48)))
OUTER_LIPS = tuple(range(48, 60))
INNER_LIPS = tuple(range(60, 68))

_PAIRS = (
    *((i, 16 - i) for i in range(8)),
    *((17 + i, 26 - i) for i in range(5)),
    (31, 35),
    (32, 34),
    *((36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)),
    *((48, 54), (49, 53), (50, 52), (55, 59), (56, 58)),
    *((60, 64), (61, 63), (65, 67)),
)

FACE68 = Markup(
    size=68,
    flip=flip_of(68, _PAIRS),
    eye_corners=(36, 45),
    edges=(
        JAW,
        *BROWS,
        NOSE_BRIDGE,
        NOSE_BASE,
        *((*eye, eye[0]) for eye in EYES),
        (*OUTER_LIPS, OUTER_LIPS[0]),
        (*INNER_LIPS, INNER_LIPS[0]),
    ),
    name="300w",
)
"""The 68 points of 300W, 300-VW and OpenFace."""

SEVEN_OF_68 = (36, 39, 42, 45, 30, 48, 54)
"""The indices in FACE68 of the seven landmarks of FACE7: eye corners, nose tip, mouth corners."""

SEVEN_OF_TALKING_FACE = (27, 29, 34, 32, 67, 48, 54)
"""The indices of the same seven landmarks in the Talking Face video. Its 68 points follow the markup of FGNET, that of
XM2VTS: contour, brows, eyes of five points (outer corner, above, inner corner, below, pupil), nose, lips, nose tip."""

FACE7 = Markup(
    size=7,
    flip=flip_of(7, ((0, 3), (1, 2), (5, 6))),
    eye_corners=(0, 3),
    edges=((0, 1), (2, 3), (5, 6)),
    name="seven",
)
"""Eye corners (4), nose tip, mouth corners (2), in the order of SEVEN_OF_68 and SEVEN_OF_TALKING_FACE."""
