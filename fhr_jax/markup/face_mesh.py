"""The face mesh of MediaPipe: 468 points, or 478 with five of each iris. Right and left are the person's.

The mesh is symmetric, and its order too: points 0 to 247 are those of the middle and of the right side, 248 to 467
those of the left side, in the order of their mirror images.
"""

from fhr_jax.markup.definition import Markup, flip_of

_MIDDLE = (
    0,
    1,
    2,
    4,
    5,
    6,
    8,
    9,
    10,
    11,
    12,
    13,
    14,
    15,
    16,
    17,
    18,
    19,
    94,
    151,
    152,
    164,
    168,
    175,
    195,
    197,
    199,
    200,
)
_RIGHT = tuple(i for i in range(248) if i not in _MIDDLE)
_PAIRS = tuple(zip(_RIGHT, range(248, 468), strict=True))
_FLIP = flip_of(468, _PAIRS)
_IRISES = ((468, 473), (469, 476), (470, 475), (471, 474), (472, 477))
"""Centre; then, counted anticlockwise in the image from the right, the rim: so 469 and 474 both look right."""

_RIGHT_LINES = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7, 33),
    (46, 53, 52, 65, 55),
    (70, 63, 105, 66, 107),
)
_HALVES = (
    (10, 109, 67, 103, 54, 21, 162, 127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152),
    (0, 37, 39, 40, 185, 61, 146, 91, 181, 84, 17),
    (13, 82, 81, 80, 191, 78, 95, 88, 178, 87, 14),
)
"""Lines around the face, the lips and the mouth, from the middle above over the right side to the middle below."""


def _left(line: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(_FLIP[i] for i in line)


_EDGES = (
    *(half + _left(half)[-2::-1] for half in _HALVES),
    *_RIGHT_LINES,
    *(_left(line) for line in _RIGHT_LINES),
)

FACE_MESH = Markup(size=468, flip=_FLIP, eye_corners=(33, 263), edges=_EDGES, name="face_mesh")
"""The mesh without the irises."""

FACE_MESH_IRISES = Markup(
    size=478,
    flip=flip_of(478, (*_PAIRS, *_IRISES)),
    eye_corners=(33, 263),
    edges=(*_EDGES, (469, 470, 471, 472, 469), (474, 475, 476, 477, 474)),
    name="face_mesh_irises",
)
"""The mesh with the irises."""
