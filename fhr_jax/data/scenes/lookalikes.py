"""Things that look like faces and are none: ovals of skin, pairs of dark spots, wheels, hands, scrambled faces."""

from collections.abc import Callable

import numpy as np
from jaxtyping import UInt8

from fhr_jax.data.scenes.backgrounds import Picture, skin_colour

_EDGE = 0.17
"""Half the side of the box of the landmarks over the side of a patch; see `patches.FRAME`."""


def draw(rng: np.random.Generator, picture: Picture, centre: np.ndarray, size: float) -> None:
    """Draw one of them into a picture.

    Args:
        rng: the source of randomness.
        picture: (H, W, 3), RGB bytes; changed in place.
        centre: (2,), pixels (x, y).
        size: in pixels, about the longer side of the box that a face of that size would have.
    """
    _KINDS[rng.integers(len(_KINDS))](rng, picture, centre, size)


def scrambled(rng: np.random.Generator, patch: UInt8[np.ndarray, "s s 4"]) -> UInt8[np.ndarray, "s s 4"]:
    """A cut-out head (S, S, 4) of RGB and opacity, whose face is cut in two or four pieces that change places."""
    size = len(patch)
    middle, half = size // 2, round(_EDGE * size * rng.uniform(0.9, 1.1))
    top = int(size * (0.5 - 0.06)) - half
    rows, columns = slice(top, top + 2 * half), slice(middle - half, middle + half)
    face = patch[rows, columns]
    face = np.roll(face, half, axis=0) if rng.random() < 0.7 else face[:, ::-1].swapaxes(0, 1)
    if rng.random() < 0.4:
        face = np.roll(face, half, axis=1)
    patch = patch.copy()
    patch[rows, columns] = face
    return patch


def _oval(rng: np.random.Generator, picture: Picture, centre: np.ndarray, size: float) -> None:
    """A skin-coloured oval, lit from one side, perhaps with one or two dark spots where no eyes would be."""
    import cv2

    axes = (size * rng.uniform(0.35, 0.7), size * rng.uniform(0.5, 0.8))
    angle, colour = float(rng.uniform(-60, 60)), skin_colour(rng)
    steps = 5
    slant = rng.uniform(-0.25, 0.25, 2) * size
    for k in range(steps):
        shrink = 1 - k / steps
        at = centre + slant * (1 - shrink)
        _ellipse(picture, at, (axes[0] * shrink, axes[1] * shrink), angle, colour * (0.7 + 0.3 * k / (steps - 1)))
    for _ in range(int(rng.integers(0, 3))):
        at = centre + rng.uniform(-0.4, 0.4, 2) * size * [1, 1]
        _ellipse(picture, at, (size * 0.08, size * 0.05), angle, colour * 0.3)
    if rng.random() < 0.3:
        cv2.line(picture, _pixel(centre - slant), _pixel(centre + slant), _bytes(colour * 0.5), 1, cv2.LINE_AA)


def _spots(rng: np.random.Generator, picture: Picture, centre: np.ndarray, size: float) -> None:
    """Two equal spots or rings side by side."""
    import cv2

    angle, apart = rng.uniform(-0.8, 0.8), size * rng.uniform(0.3, 0.6)
    step = np.array([np.cos(angle), np.sin(angle)]) * apart / 2
    radius, colour = size * rng.uniform(0.06, 0.22), rng.uniform(0, 90, 3)
    thickness = -1 if rng.random() < 0.6 else max(1, int(radius / 3))
    for at in (centre - step, centre + step):
        cv2.circle(picture, _pixel(at), max(1, int(radius)), _bytes(colour), thickness, cv2.LINE_AA)


def _wheel(rng: np.random.Generator, picture: Picture, centre: np.ndarray, size: float) -> None:
    """A disc with rings and spokes, such as wheels, clocks, plates and balls."""
    import cv2

    radius, colours = size * rng.uniform(0.4, 0.8), rng.uniform(0, 255, (3, 3))
    _ellipse(picture, centre, (radius, radius * rng.uniform(0.6, 1)), 0.0, colours[0])
    for k in range(int(rng.integers(0, 4))):
        cv2.circle(picture, _pixel(centre), max(1, int(radius * (0.25 + 0.2 * k))), _bytes(colours[1]), 1, cv2.LINE_AA)
    for angle in rng.uniform(0, 2 * np.pi, int(rng.integers(0, 7))):
        end = centre + radius * np.array([np.cos(angle), np.sin(angle)])
        cv2.line(picture, _pixel(centre), _pixel(end), _bytes(colours[2]), max(1, int(size / 30)), cv2.LINE_AA)


def _hand(rng: np.random.Generator, picture: Picture, centre: np.ndarray, size: float) -> None:
    """A palm with fingers, or bare limbs."""
    import cv2

    colour, angle = skin_colour(rng), rng.uniform(0, 2 * np.pi)
    _ellipse(picture, centre, (size * 0.3, size * 0.35), np.degrees(angle), colour)
    for spread in np.linspace(-0.5, 0.5, int(rng.integers(2, 6))):
        turned = angle + spread * rng.uniform(0.5, 1.5)
        end = centre + size * rng.uniform(0.5, 0.9) * np.array([np.cos(turned), np.sin(turned)])
        shade = _bytes(colour * rng.uniform(0.8, 1.05))
        cv2.line(picture, _pixel(centre), _pixel(end), shade, max(1, int(size * 0.12)), cv2.LINE_AA)


_KINDS: tuple[Callable[[np.random.Generator, Picture, np.ndarray, float], None], ...] = (_oval, _spots, _wheel, _hand)


def _ellipse(picture: Picture, at: np.ndarray, axes: tuple[float, float], angle: float, colour: np.ndarray) -> None:
    import cv2

    sixteenths = (max(1, int(8 * axes[0])), max(1, int(8 * axes[1])))
    cv2.ellipse(picture, _pixel(16 * at), sixteenths, angle, 0, 360, _bytes(colour), -1, cv2.LINE_AA, 4)


def _pixel(at: np.ndarray) -> tuple[int, int]:
    return round(float(at[0])), round(float(at[1]))


def _bytes(colour: np.ndarray) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in np.clip(colour, 0, 255))
    return red, green, blue
