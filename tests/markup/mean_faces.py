"""A frontal face in every markup of the package, placed point by point on the contours of the mean 68-point face.

Each side is placed from the landmarks of that side, without the permutation of the markup, so that a wrong pair shows.
"""

import numpy as np

from fhr_jax.data.faces import anatomy
from fhr_jax.markup import AFLW, AFLW19, BROWS, COFW, EYES, FACE7, FACE68, INNER_LIPS, JAW, LAPA, OUTER_LIPS, WFLW

_FACE = np.asarray(anatomy.MEAN)[:68, :2].copy()
_FACE[[65, 66, 67], 1] += 0.03  # the mouth a little open, so that the lips are apart
_DOWN = np.array([0.0, 0.07])
RIGHT_EYE, LEFT_EYE = (_FACE[list(eye)].mean(axis=0) for eye in EYES)


def _along(indices, number):
    points = _FACE[list(indices)]
    place = np.linspace(0, len(points) - 1, number)
    return np.stack([np.interp(place, range(len(points)), axis) for axis in points.T], axis=1)


def _brow(brow, *, tip_first):
    """Five points of the upper side from right to left, and four of the lower side back; the tip has no lower one."""
    upper = _along(brow, 5)
    lower = (upper[1:] if tip_first else upper[:-1]) + _DOWN
    return np.concatenate([upper, lower[::-1]])


def _eye(eye):
    """Eight points around the eye, from its corner on the right of the face."""
    return np.concatenate([_along(eye[:4], 5), _along((*eye[3:], eye[0]), 5)[1:4]])


def _jaw_to_bridge():
    brows = (_brow(BROWS[0], tip_first=True), _brow(BROWS[1], tip_first=False))
    return [_along(JAW, 33), *brows, _along(range(27, 31), 4)]


def _lips():
    return [_FACE[list(OUTER_LIPS)], _FACE[list(INNER_LIPS)]]


def _wflw():
    return np.concatenate(
        [*_jaw_to_bridge(), _along(range(31, 36), 5), *(_eye(eye) for eye in EYES), *_lips(), [RIGHT_EYE], [LEFT_EYE]]
    )


def _lapa():
    sides = np.array([[0.08, 0.1], [0.11, 0.25], [0.17, 0.4]])
    right, left = sides * [-1, 1], sides
    nose = np.concatenate([right, _along(range(31, 36), 5), left[::-1]])
    # The file order: right side and right nostril, the base, the left nostril and left side from below.
    eyes = [
        np.concatenate([_eye(eye), [c * np.array([1.1, 1.0])]])
        for eye, c in zip(EYES, (RIGHT_EYE, LEFT_EYE), strict=True)
    ]
    return np.concatenate([*_jaw_to_bridge(), nose, *eyes, *_lips(), [RIGHT_EYE], [LEFT_EYE]])


def _cofw():
    f, up = _FACE, np.array([0.0, -0.04])
    return np.array(
        [
            *(f[17], f[26], f[21], f[22]),
            *(f[19] + up, f[19] + _DOWN, f[24] + up, f[24] + _DOWN),
            *(f[36], f[45], f[39], f[42]),
            *((f[37] + f[38]) / 2, (f[40] + f[41]) / 2, (f[43] + f[44]) / 2, (f[46] + f[47]) / 2),
            *(RIGHT_EYE, LEFT_EYE),
            *(f[31], f[35], f[30], f[33]),
            *(f[48], f[54], f[51], f[62], f[66], f[57], f[8]),
        ]
    )


def _aflw(*, ears):
    f = _FACE
    before, after = [*f[[17, 19, 21, 22, 24, 26, 36]], RIGHT_EYE, f[39], f[42], LEFT_EYE, f[45]], f[[48, 62, 54, 8]]
    nose = f[[31, 30, 35]]
    return np.array([*before, f[0], *nose, f[16], *after] if ears else [*before, *nose, *after])


FACES = {
    FACE68: _FACE,
    FACE7: _FACE[[36, 39, 42, 45, 30, 48, 54]],
    WFLW: _wflw(),
    LAPA: _lapa(),
    COFW: _cofw(),
    AFLW: _aflw(ears=True),
    AFLW19: _aflw(ears=False),
}
"""Markup to its face (M, 2), x to the right of the picture, y down, in inter-ocular distances."""
