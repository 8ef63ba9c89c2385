"""The 3D face: 68 landmarks and helper points of a mean head, and the modes in which identity and expression move them.

Units are the distance between the outer eye corners (about 95 mm). x points to the right of the image, y down, z to the
viewer; the origin lies between the outer eye corners. The constants are our own rounded estimates from anthropometric
knowledge. Names that end in `_L` are on the left of the image.
"""

import numpy as np

from fhr_jax.markup import FACE68

# The left half and the midline; the right half mirrors it.
_LEFT = {
    # jaw, ear to chin
    0: (-0.829, 0.033, -0.46),
    1: (-0.817, 0.244, -0.43),
    2: (-0.789, 0.465, -0.41),
    3: (-0.746, 0.672, -0.4),
    4: (-0.672, 0.86, -0.36),
    5: (-0.54, 1.02, -0.255),
    6: (-0.375, 1.14, -0.08),
    7: (-0.198, 1.237, 0.11),
    8: (0.0, 1.258, 0.16),
    # brow
    17: (-0.676, -0.134, -0.045),
    18: (-0.565, -0.23, 0.05),
    19: (-0.42, -0.26, 0.125),
    20: (-0.27, -0.24, 0.195),
    21: (-0.13, -0.19, 0.255),
    # nose
    27: (0.0, -0.02, 0.28),
    28: (0.0, 0.114, 0.345),
    29: (0.0, 0.246, 0.425),
    30: (0.0, 0.383, 0.505),
    31: (-0.168, 0.49, 0.33),
    32: (-0.085, 0.511, 0.36),
    33: (0.0, 0.533, 0.38),
    # eye
    36: (-0.505, 0.006, 0.04),
    37: (-0.412, -0.052, 0.08),
    38: (-0.305, -0.052, 0.095),
    39: (-0.212, 0.022, 0.1),
    40: (-0.313, 0.047, 0.1),
    41: (-0.42, 0.047, 0.085),
    # outer lips, at rest nearly closed
    48: (-0.31, 0.745, 0.16),
    49: (-0.197, 0.695, 0.29),
    50: (-0.073, 0.66, 0.355),
    51: (0.0, 0.67, 0.36),
    57: (0.0, 0.858, 0.34),
    58: (-0.081, 0.855, 0.335),
    59: (-0.197, 0.82, 0.27),
    # inner lips
    60: (-0.262, 0.741, 0.175),
    61: (-0.074, 0.739, 0.345),
    62: (0.0, 0.741, 0.348),
    66: (0.0, 0.749, 0.345),
    67: (-0.075, 0.745, 0.338),
}
_HELPERS_LEFT = {
    "ala": (-0.19, 0.44, 0.28),
    "nostril": (-0.095, 0.48, 0.355),
    "cheek": (-0.47, 0.33, 0.14),
    "fold": (-0.40, 0.80, 0.14),
    "ear": (-0.85, 0.20, -0.72),
    "eyeball": (-0.365, -0.005, -0.03),
    "sideburn": (-0.62, 0.62, -0.15),
}
_HELPERS_MIDDLE = {
    "glabella": (0.0, -0.17, 0.29),
    "forehead": (0.0, -0.50, 0.22),
    "pogonion": (0.0, 1.08, 0.29),
    "throat": (0.0, 1.12, -0.55),
}

HELPERS: dict[str, int] = {}
"""Row of each helper point, after the 68 landmarks."""


def _mean() -> np.ndarray:
    points = np.zeros((68, 3))
    for i, xyz in _LEFT.items():
        points[i] = xyz
        points[FACE68.flip[i]] = (-xyz[0], *xyz[1:])
    rows: list[tuple[float, float, float]] = []
    for name, xyz in _HELPERS_LEFT.items():
        HELPERS[f"{name}_L"] = 68 + len(HELPERS)
        HELPERS[f"{name}_R"] = 68 + len(HELPERS)
        rows += [xyz, (-xyz[0], *xyz[1:])]
    for name, xyz in _HELPERS_MIDDLE.items():
        HELPERS[name] = 68 + len(HELPERS)
        rows.append(xyz)
    return np.concatenate([points, np.array(rows)])


MEAN = _mean()
"""The mean head, (68 + helpers, 3)."""

_X, _Y, _Z = MEAN.T
_SIDE = np.sign(np.round(_X, 6))
_N = len(MEAN)


def _ids(*groups: int | str | range) -> np.ndarray:
    """Indicator (points,) of landmark indices, ranges or helper names (both sides)."""
    chosen = np.zeros(_N)
    for group in groups:
        if isinstance(group, str):
            chosen[[row for name, row in HELPERS.items() if name.removesuffix("_L").removesuffix("_R") == group]] = 1
        elif isinstance(group, range):
            chosen[list(group)] = 1
        else:
            chosen[group] = 1
    return chosen


_JAW = _ids(range(17))
_BROWS = _ids(range(17, 27))
_NOSE = _ids(range(27, 36), "ala", "nostril")
_EYES = _ids(range(36, 48), "eyeball")
_MOUTH = _ids(range(48, 68), "fold")
_UPPER_LIP = _ids(range(49, 54), range(61, 64))
_LOWER_LIP = _ids(range(55, 60), range(65, 68))
_EYE_X = 0.355


def _move(x: np.ndarray | float = 0.0, y: np.ndarray | float = 0.0, z: np.ndarray | float = 0.0) -> np.ndarray:
    return np.stack([np.broadcast_to(np.asarray(a, float), (_N,)) for a in (x, y, z)], axis=1)


def _ramp(y: float, width: float) -> np.ndarray:
    """A ramp over the height of the points: 0 above y, 1 below y + width."""
    return np.clip((_Y - y) / width, 0, 1)


def _identity() -> dict[str, np.ndarray]:
    low = _ramp(0.25, 1.0)
    corner = np.exp(-(((_Y - 0.85) / 0.25) ** 2)) * _JAW
    outer = np.clip((np.abs(_X) - 0.13) / 0.54, 0, 1)
    # Height of the eye opening: lids away from the line between the corners, upper more than lower.
    opening = _EYES * (_Y - np.interp(np.abs(_X), [0.212, 0.5], [0.022, 0.0]))
    brow_row = np.clip((np.abs(_X) - 0.13) / 0.53, 0, 1)
    lips_y = np.where(_Y < 0.746, -1.0, 1.0) * _ids(range(49, 54), range(55, 60))
    return {
        "face width": _move(x=0.055 * _X * (_JAW + _ids("ear", "sideburn")) + 0.012 * _X),
        "length of the lower face": _move(y=0.075 * low * (_Y > 0.25)),
        "square jaw": _move(x=0.06 * _SIDE * corner),
        "long chin": _move(y=0.045 * _ramp(0.9, 0.35), x=-0.02 * _SIDE * corner),
        "broad chin": _move(x=0.05 * _X * _ramp(0.9, 0.3) * _JAW),
        "chin forward": _move(z=0.05 * _ramp(0.75, 0.4)),
        "eyes apart": _move(x=0.018 * _SIDE * _EYES),
        "eye width": _move(x=0.045 * (np.abs(_X) - _EYE_X) * _SIDE * _EYES),
        "eye height": _move(y=0.17 * opening),
        "eye slant": _move(y=-0.03 * (np.abs(_X) - _EYE_X) / 0.145 * _EYES * 0.4),
        "brow height": _move(y=-0.026 * _BROWS),
        "brow slant": _move(y=0.024 * brow_row * _BROWS),
        "brow arch": _move(y=-0.02 * np.sin(np.pi * brow_row) * _BROWS),
        "brow length": _move(x=0.03 * (np.abs(_X) - 0.4) / 0.26 * _SIDE * _BROWS),
        "brows close together": _move(x=-0.02 * _SIDE * _BROWS * (1 - outer)),
        "nose length": _move(y=0.032 * _NOSE * _ramp(-0.02, 0.5) + 0.012 * _MOUTH),
        "nose width": _move(x=0.10 * _X * _NOSE),
        "nose forward": _move(z=0.05 * _NOSE * _ramp(-0.05, 0.4)),
        "nose turned up": _move(y=-0.022 * _ids(30) - 0.012 * _ids(range(31, 36))),
        "bridge height": _move(z=0.03 * _ids(27, 28, "glabella")),
        "mouth width": _move(x=0.085 * _X * _MOUTH),
        "mouth low": _move(y=0.026 * _MOUTH),
        "full lips": _move(y=0.016 * lips_y),
        "thin upper lip": _move(y=0.012 * _UPPER_LIP * _ids(range(49, 54))),
        "lips forward": _move(z=0.03 * _ids(range(49, 54), range(55, 60), range(61, 64), range(65, 68))),
        "mouth corners up": _move(y=-0.012 * (np.abs(_X) / 0.3) * _MOUTH),
        "asymmetry: mouth, chin": _move(x=0.02 * _MOUTH + 0.012 * _NOSE * low + 0.01 * low * _JAW),
        "asymmetry: one eye higher": _move(y=0.010 * _SIDE * (_EYES + _BROWS)),
        "asymmetry: mouth slanted": _move(y=0.010 * _SIDE * _MOUTH * np.abs(_X) / 0.3),
        "asymmetry: one brow higher": _move(y=0.014 * _SIDE * _BROWS),
        "deep or flat face": _move(z=0.07 * (_Z - 0.1)),
        "ears low: upper contour points lower": _move(y=0.08 * (_JAW * (1 - _ramp(0.0, 1.0)) + _ids("ear"))),
        "asymmetry: one ear lower": _move(y=0.03 * _SIDE * (_JAW * (1 - _ramp(0.0, 1.0)) + _ids("ear"))),
        "asymmetry: chin aside": _move(x=0.022 * _JAW * _ramp(0.7, 0.5) - 0.006 * _BROWS),
        "brow tails low": _move(y=0.028 * brow_row**3 * _BROWS - 0.008 * _BROWS),
        "asymmetry: one brow tail lower": _move(y=0.025 * _SIDE * (brow_row**3 - 0.35) * _BROWS),
        "nose tip low": _move(y=0.016 * _ids(28, 29, 30) - 0.01 * _ids(31, 35), x=0.014 * _SIDE * _ids(31, 35)),
    }


def _expression() -> np.ndarray:
    below = np.clip((_Y - 0.45) / 0.75, 0, 1)
    jaw = _LOWER_LIP + 0.9 * (_JAW * below**1.5) + _ids("pogonion") + 0.42 * _ids(48, 54, 60, 64) + 0.35 * _ids("fold")
    corner = _ids(48, 54, 60, 64, "fold") + 0.62 * _ids(49, 53, 55, 59) + 0.3 * _ids(50, 52, 56, 58, 61, 63, 65, 67)
    upper = _ids(37, 38, 43, 44)
    lower = _ids(40, 41, 46, 47)
    close = np.zeros(_N)
    for top, bottom in ((37, 41), (38, 40), (43, 47), (44, 46)):
        gap = _Y[bottom] - _Y[top]
        close[top], close[bottom] = 0.88 * gap, -0.06 * gap
    left = (_X < 0).astype(float)
    lids = _ids(range(36, 48))
    modes = [
        _move(y=0.30 * jaw, z=-0.10 * jaw),  # jaw open
        _move(
            x=0.085 * _SIDE * corner,
            y=-0.075 * corner + 0.02 * _ids(range(49, 54)) - 0.012 * _LOWER_LIP - 0.03 * _ids("cheek"),
            z=-0.05 * corner,
        ),  # smile
        _move(x=-0.38 * _X * _MOUTH, y=0.012 * np.sign(_Y - 0.746) * _MOUTH, z=0.06 * _MOUTH),  # pucker
        _move(y=-0.022 * np.sign(_Y - 0.746) * _ids(range(49, 54), range(55, 60))),  # lips pressed
        _move(y=close * left * lids),  # left lid
        _move(y=close * (1 - left) * lids),  # right lid
        _move(y=0.014 * upper - 0.016 * lower - 0.01 * _ids("cheek")),  # squint
        _move(y=-0.075 * _BROWS - 0.006 * upper),  # brows up
        _move(
            x=-0.03 * _SIDE * _BROWS * (1 - np.clip((np.abs(_X) - 0.13) / 0.5, 0, 1)),
            y=0.04 * _BROWS * (1 - 0.7 * np.clip((np.abs(_X) - 0.13) / 0.5, 0, 1)),
        ),  # brows together
        _move(y=-0.02 * _NOSE * _ramp(0.3, 0.2) - 0.025 * _ids(range(49, 54))),  # sneer: nose and upper lip up
        _move(y=0.02 * _ids(48, 54, 60, 64) * 1.6, x=-0.01 * _SIDE * corner),  # corners down
        _move(y=0.11 * _LOWER_LIP * _ids(range(55, 60), range(65, 68)) - 0.03 * _UPPER_LIP),  # lips apart
    ]
    return np.stack(modes)


_MODES = _identity()
IDENTITY_NAMES = tuple(_MODES)
"""Names of the modes of identity, in the order of their coefficients."""
IDENTITY = np.stack(list(_MODES.values()))
"""Modes of identity, (modes, 68 + helpers, 3); a coefficient of 1 is one standard deviation."""
EXPRESSION = _expression()
"""Modes of expression, (modes, 68 + helpers, 3)."""

# Horizontal sections through the head at the height of each contour point 0..8: z of the front of the face, without the
# nose. Under yaw the visible outline is where these ellipses turn away from the camera.
CONTOUR_FRONT = np.array([0.20, 0.31, 0.34, 0.29, 0.21, 0.15, 0.14, 0.12, 0.16])

CONTOUR_SLIDE = np.array([0.3, -0.1, -0.5, -0.8, -0.95, -0.9, -0.75, -0.5, -0.4])
"""How far contour points of the far side move along the contour towards the chin, in segments, at 90 degrees of yaw.

Those of the near side move the other way, and the chin moves to the far side."""

CONTOUR_BOW = np.array([0.15, 0.35, 0.7, 1.0, 1.2, 1.15, 0.8, 0.5, 0.0])
"""How far contour points of a bowed head move along the contour towards the chin, in segments, at 90 degrees."""

CROWN = np.array(
    [[0.79, -0.2, -0.58, 0.27], [0.755, -0.45, -0.52, 0.24], [0.66, -0.70, -0.45, 0.2], [0.45, -0.92, -0.36, 0.1]]
)
"""Outline of the forehead on the right: x, y, z and front z, from the temple up."""
CROWN_TOP = np.array([0.0, -1.02, -0.3])

SKULL_CENTRE = np.array([0.0, -0.28, -0.72])
SKULL_RADII = np.array([0.83, 0.92, 1.0])
FACE_CENTRE = np.array([0.0, 0.2, -0.62])
FACE_RADII = np.array([0.90, 1.30, 0.92])
TURN_CENTRE = np.array([0.0, 0.2, -0.6])
