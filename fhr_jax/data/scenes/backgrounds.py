"""Procedural backgrounds: smooth colour, noise at all scales, overlapping leaves, gratings, strokes and writing."""

from collections.abc import Callable

import numpy as np
from jaxtyping import UInt8

Picture = UInt8[np.ndarray, "h w 3"]
Colours = UInt8[np.ndarray, "n 3"]

_LETTERS = np.array(list("ABCDEGHKMNOPRSTUVXZabdeghknopqrstuvxyz0123456789%&@#?"))


def background(rng: np.random.Generator, height: int, width: int) -> Picture:
    """A random background (H, W, 3) of RGB bytes.

    Overlapping leaves, whose sizes follow a power law, have about the statistics of edges in photographs; see the dead
    leaves model of Lee, Mumford and Huang (2001).

    Args:
        rng: the source of randomness.
        height: of the picture in pixels.
        width: of the picture in pixels.
    """
    import cv2

    colours = palette(rng)
    picture = _smooth(rng, height, width, colours)
    for _ in range(rng.integers(0, 4)):
        layer = _LAYERS[rng.choice(len(_LAYERS), p=_SHARES)]
        layer(rng, picture, colours)
        if rng.random() < 0.25:
            sigma = float(rng.uniform(0.5, 0.5 + 0.02 * max(height, width)))
            picture = cv2.GaussianBlur(picture, (0, 0), sigma)
    if rng.random() < 0.7:
        picture = _with_noise(rng, picture)
    return picture


def part_of(rng: np.random.Generator, picture: Picture, height: int, width: int) -> UInt8[np.ndarray, "h2 w2 3"]:
    """A random part of a larger picture as a background of its own (H, W, 3): enlarged or shrunk, perhaps mirrored.

    Args:
        rng: the source of randomness.
        picture: RGB bytes (H', W', 3), sides at least twice as long.
        height: H in pixels.
        width: W in pixels.
    """
    import cv2

    shrink = np.exp(rng.uniform(np.log(0.5), np.log(min(picture.shape[0] / height, picture.shape[1] / width))))
    rows, columns = max(1, int(shrink * height)), max(1, int(shrink * width))
    top, left = (int(rng.integers(0, room + 1)) for room in (picture.shape[0] - rows, picture.shape[1] - columns))
    part = picture[top : top + rows, left : left + columns][:, :: rng.choice([-1, 1])]
    method = cv2.INTER_AREA if shrink > 1 else cv2.INTER_LINEAR
    return cv2.resize(np.ascontiguousarray(part), (width, height), interpolation=method)


def palette(rng: np.random.Generator) -> Colours:
    """Random colours (N, 3) that go together, RGB bytes: shades of two hues, a few greys, sometimes those of skin."""
    hues = rng.uniform(0, 255, (2, 3))
    hues = hues.mean(axis=1, keepdims=True) + rng.beta(1.2, 2) * (hues - hues.mean(axis=1, keepdims=True))
    shades = rng.uniform(0.15, 1.3, (6, 1)) * hues[rng.integers(0, 2, 6)]
    greys = np.repeat(rng.uniform(0, 255, (3, 1)), 3, axis=1)
    skins = np.stack([skin_colour(rng) for _ in range(int(2 * rng.random() + 0.6))] or [greys[0]])
    return np.concatenate([shades, greys, skins]).clip(0, 255).astype(np.uint8)


def skin_colour(rng: np.random.Generator) -> np.ndarray:
    """A colour of skin (3,), RGB in [0, 255]."""
    light = rng.random()
    dark, pale = np.array([62.0, 38.0, 28.0]), np.array([250.0, 214.0, 190.0])
    return (dark + light * (pale - dark)) * rng.uniform(0.85, 1.15, 3)


def _smooth(rng: np.random.Generator, height: int, width: int, colours: Colours) -> Picture:
    """A field that changes slowly between colours of the palette."""
    import cv2

    cells = int(rng.integers(1, 6))
    grid = colours[rng.integers(0, len(colours), (cells, cells))].astype(np.float32)
    field = cv2.resize(grid.reshape(cells, cells, 3), (width, height), interpolation=cv2.INTER_CUBIC)
    return field.clip(0, 255).astype(np.uint8)


def _with_noise(rng: np.random.Generator, picture: Picture) -> Picture:
    """Add grey noise at several scales, weaker at finer ones, and coloured noise at the coarse ones."""
    import cv2

    height, width, _ = picture.shape
    strength, roughness = rng.uniform(2, 24), rng.uniform(0.4, 1.0)
    tint = rng.uniform(0, 1) * strength * rng.standard_normal((8, 8, 3), np.float32)
    total = cv2.resize(tint, (width, height), interpolation=cv2.INTER_LINEAR)
    grey = np.zeros((height, width), np.float32)
    cells = 4
    while cells < max(height, width):
        grid = rng.standard_normal((cells, cells), np.float32)
        grey += strength * cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR)
        strength *= roughness
        cells *= 2
    return (picture + total + grey[..., None]).clip(0, 255).astype(np.uint8)


def _leaves(rng: np.random.Generator, picture: Picture, colours: Colours) -> None:
    """Overlapping ellipses, rectangles and polygons, small ones more often than large ones."""
    side = max(picture.shape[:2])
    smallest = rng.uniform(0.01, 0.06)
    for _ in range(int(rng.integers(5, 70))):
        radius = side * min(smallest * rng.random() ** -0.7, 0.7)
        _shape(rng, picture, _place(rng, picture), radius, _colour(rng, colours))


def _shape(rng: np.random.Generator, picture: Picture, at: np.ndarray, radius: float, colour: tuple) -> None:
    import cv2

    number = int(rng.integers(3, 8)) if rng.random() < 0.5 else 20
    angles = np.sort(rng.uniform(0, 2 * np.pi, number)) if number < 20 else np.linspace(0, 2 * np.pi, 20)
    if rng.random() < 0.35:
        angles = np.pi * np.array([0.25, 0.75, 1.25, 1.75])
    round_ = np.stack([np.cos(angles), np.sin(angles)], axis=-1) * [radius, radius * rng.uniform(0.25, 1)]
    turn = rng.uniform(0, np.pi)
    turned = round_ @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    points = np.round(16 * (at + turned)).astype(np.int32)
    cv2.fillPoly(picture, [points], colour, cv2.LINE_AA, 4)
    if rng.random() < 0.2:
        cv2.polylines(picture, [points], True, _dark(colour), int(rng.integers(1, 3)), cv2.LINE_AA, 4)


def _grating(rng: np.random.Generator, picture: Picture, colours: Colours) -> None:
    """Repeated boxes or dots on a grid, such as windows, tiles, buttons and fences."""
    import cv2

    side = max(picture.shape[:2])
    step = rng.uniform(0.03, 0.3, 2) * side
    size = np.maximum(step * rng.uniform(0.2, 0.9, 2), 1)
    start, extent = _place(rng, picture), rng.uniform(0.2, 1.2) * side
    colour, round_ = _colour(rng, colours), rng.random() < 0.4
    shear = rng.normal(0, 0.1)
    for i in np.arange(0, extent, step[0])[:30]:
        for j in np.arange(0, extent, step[1])[:30]:
            x, y = start[0] + i - extent / 2 + shear * j, start[1] + j - extent / 2 + shear * i
            corner, opposite = (int(x), int(y)), (int(x + size[0]), int(y + size[1]))
            if round_:
                cv2.circle(picture, corner, max(1, int(size.min() / 2)), colour, -1, cv2.LINE_AA)
            else:
                cv2.rectangle(picture, corner, opposite, colour, -1)


def _strokes(rng: np.random.Generator, picture: Picture, colours: Colours) -> None:
    """Curved strokes, such as branches, cables and hair."""
    import cv2

    side = max(picture.shape[:2])
    colour, width = _colour(rng, colours), int(max(1, side * rng.uniform(0, 0.02)))
    direction, spread = rng.uniform(0, 2 * np.pi), rng.uniform(0.05, 1)
    for _ in range(int(rng.integers(3, 25))):
        turns = direction + spread * rng.standard_normal(8).cumsum() * 0.4
        path = _place(rng, picture) + np.cumsum(np.stack([np.cos(turns), np.sin(turns)], -1), axis=0) * side * 0.06
        cv2.polylines(picture, [np.round(16 * path).astype(np.int32)], False, colour, width, cv2.LINE_AA, 4)


def _writing(rng: np.random.Generator, picture: Picture, colours: Colours) -> None:
    import cv2

    side = max(picture.shape[:2])
    size, colour = side * rng.uniform(0.02, 0.25), _colour(rng, colours)
    at = _place(rng, picture)
    for row in range(int(rng.integers(1, 6))):
        text = "".join(rng.choice(_LETTERS, int(rng.integers(2, 20))))
        corner = (int(at[0] - side / 4), int(at[1] + 1.4 * size * row))
        font = int(rng.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX]))
        cv2.putText(picture, text, corner, font, size / 22, colour, max(1, int(size / 10)), cv2.LINE_AA)


_LAYERS: tuple[Callable[[np.random.Generator, Picture, Colours], None], ...] = (_leaves, _grating, _strokes, _writing)
_SHARES = (0.6, 0.15, 0.15, 0.1)


def _place(rng: np.random.Generator, picture: Picture) -> np.ndarray:
    return rng.uniform(-0.1, 1.1, 2) * picture.shape[1::-1]


def _colour(rng: np.random.Generator, colours: Colours) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in colours[rng.integers(len(colours))])
    return red, green, blue


def _dark(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    red, green, blue = (value // 3 for value in colour)
    return red, green, blue
