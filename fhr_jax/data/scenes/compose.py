"""Put cut-out heads into a background: a picture and the boxes of the landmarks of its faces."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from fhr_jax import geometry
from fhr_jax.data.scenes import lookalikes
from fhr_jax.data.scenes.backgrounds import Picture, background
from fhr_jax.data.scenes.patches import FRAME, Patches
from fhr_jax.errors import InputError

MAX_ROLL = 45.0
"""Largest rotation of a cut-out head in degrees, in addition to that of the head itself."""
MIN_INSIDE = 0.7
"""Share of the box of a face that must lie in the picture; a face that is cut more is ignored."""
MAX_COVERED = 0.35
"""Share of the box of a face that others may cover; a face that is covered more is ignored."""
MAX_HIDDEN = 0.8
"""Share from which a face counts as not there."""
HEAD_ONLY = 0.2
"""Share of the heads without shoulders, or without most of them."""
MIN_FACELESS = 20.0
"""Size in pixels below which a head without a face is ignored: it looks like a face there."""


class SceneOptions(NamedTuple):
    """What a scene holds; sizes are those of the longer side of the landmarks' box, in pixels.

    Attributes:
        sizes: smallest and largest face; the logarithm is uniform.
        faces: largest number of faces; the number is uniform from 0.
        lookalikes: largest number of things that are no faces, of each kind.
        whole: probability that a face lies in the picture with all of its box; the others lie anywhere.
        large_chance: probability that the scene lies before, or on, a head that is larger than `sizes`.
        large_sizes: smallest and largest size of such a head.
    """

    sizes: tuple[float, float] = (16.0, 320.0)
    faces: int = 8
    lookalikes: int = 3
    whole: float = 0.7
    large_chance: float = 0.0
    large_sizes: tuple[float, float] = (80.0, 400.0)


class ComposedScene(NamedTuple):
    """A picture with K faces.

    Attributes:
        image: (H, W, 3), RGB bytes.
        boxes: of the landmarks (K, 4): x, y, width, height in pixels.
        ignored: (K,), which of them are neither faces to find nor background: cut off, covered, or too small to tell.
    """

    image: UInt8[np.ndarray, "h w 3"]
    boxes: Float32[np.ndarray, "k 4"]
    ignored: Bool[np.ndarray, " k"]


class Pool(NamedTuple):
    """Cut-out heads to take from.

    Attributes:
        faces: of the faces.
        faceless: of heads that are no faces.
        large: of faces in more pixels, for large sizes.
    """

    faces: Patches
    faceless: Patches
    large: Patches


def compose(
    rng: np.random.Generator,
    pool: Pool,
    *,
    height: int,
    width: int,
    options: SceneOptions,
    behind: Picture | None = None,
) -> ComposedScene:
    """A random scene.

    Smaller heads are painted first, as farther ones. A head has shoulders, which continue below its patch.

    Args:
        rng: the source of randomness.
        pool: cut-out heads.
        height: H of the picture in pixels.
        width: W of the picture in pixels.
        options: what it holds.
        behind: the background (H, W, 3), RGB bytes, which is changed; None paints one.

    Raises:
        InputError: the sizes of the options are no positive range.
    """
    if not 0 < options.sizes[0] <= options.sizes[1]:
        raise InputError(f"sizes is {options.sizes}, expected a smallest and a largest size in pixels")
    picture = background(rng, height, width) if behind is None else behind
    found = _FacesSoFar([], [], [])
    for kind, size, centre in _objects(rng, options, height, width):
        if kind == "lookalike":
            lookalikes.draw(rng, picture, centre, size)
            continue
        patch, points = _taken(rng, pool, kind, size)
        affine = _placement(rng, points, centre, size, patch.shape[1])
        alpha, corner = _paste(rng, picture, patch, affine)
        found.cover(alpha, corner)
        if kind != "faceless" or size < MIN_FACELESS:
            box = geometry.box_of(points @ affine[:, :2].T + affine[:, 2])
            found.add(box, ignored=kind == "faceless" or _inside(box, height, width) < MIN_INSIDE)
    return found.scene(picture)


class _FacesSoFar(NamedTuple):
    """The boxes so far, which of them do not count, and the share of each that heads in front cover."""

    boxes: list[np.ndarray]
    ignored: list[bool]
    covered: list[float]

    def add(self, box: np.ndarray, *, ignored: bool) -> None:
        self.boxes.append(box)
        self.ignored.append(ignored)
        self.covered.append(0.0)

    def cover(self, alpha: np.ndarray, corner: np.ndarray) -> None:
        """Note a new head in front: its opacity, and the upper left pixel of that."""
        for k, (x, y, width, height) in enumerate(self.boxes):
            left, top = int(x - corner[0]), int(y - corner[1])
            part = alpha[max(top, 0) : max(top + int(height), 0), max(left, 0) : max(left + int(width), 0)]
            self.covered[k] += float(part.sum()) / max(1.0, int(width) * int(height))

    def scene(self, picture: Picture) -> ComposedScene:
        covered = np.array(self.covered)
        left = covered < MAX_HIDDEN
        boxes = np.array(self.boxes, np.float32).reshape(-1, 4)
        ignored = np.array(self.ignored, bool) | (covered > MAX_COVERED)
        return ComposedScene(picture, boxes[left], ignored[left])


def _objects(
    rng: np.random.Generator, options: SceneOptions, height: int, width: int
) -> list[tuple[str, float, np.ndarray]]:
    """Kind, size and centre of each thing in the scene, the smallest first; no two in the same place."""
    kinds = ["face"] * int(rng.integers(0, options.faces + 1))
    kinds += ["faceless"] * int(rng.integers(0, options.lookalikes + 1))
    kinds += ["lookalike"] * int(rng.integers(0, options.lookalikes + 1))
    kinds += ["large"] * int(rng.random() < options.large_chance)
    objects: list[tuple[str, float, np.ndarray]] = []
    for kind in kinds:
        low, high = options.large_sizes if kind == "large" else options.sizes
        size = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        margin = -0.5 * size if kind == "face" and rng.random() < options.whole else 0.0
        margin = 0.6 * size if kind == "large" else margin
        room = np.array([width, height]) - 1.0
        low = np.minimum(-margin, room / 2)  # in the middle where it does not fit
        centre = rng.uniform(low, room - low)
        apart = [np.abs(centre - other).max() - 0.4 * (size + large) for _, large, other in objects]
        if kind == "large" or min(apart, default=0.0) >= 0:
            objects.append((kind, size, centre))
    return sorted(objects, key=lambda item: item[1])


def _taken(rng: np.random.Generator, pool: Pool, kind: str, size: float) -> tuple[np.ndarray, np.ndarray]:
    """Pixels and landmarks of a random head, mirrored in half of the cases."""
    source = pool.faceless if kind == "faceless" else pool.faces
    scramble = kind == "faceless" and rng.random() < 0.25
    if scramble or (kind != "faceless" and FRAME * size > source.pixels.shape[1] * 1.2):
        source = pool.faces if scramble else pool.large
    number = int(rng.integers(len(source.pixels)))
    pixels, points = source.pixels[number], source.points[number].astype(np.float64)
    if rng.random() < 0.5:
        pixels, points = pixels[:, ::-1], np.stack([pixels.shape[1] - 1 - points[:, 0], points[:, 1]], axis=-1)
    return (lookalikes.scrambled(rng, pixels) if scramble else pixels), points


def _placement(rng: np.random.Generator, points: np.ndarray, centre: np.ndarray, size: float, side: int) -> np.ndarray:
    """The map (2, 3) from pixels of a patch to pixels of the picture: half of the heads are nearly upright."""
    roll = np.radians(np.clip(rng.normal(0, 10), -25, 25) if rng.random() < 0.5 else rng.uniform(-MAX_ROLL, MAX_ROLL))
    x, y, width, height = geometry.box_of(points)
    scale = size / max(width, height)
    linear = scale * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    return np.column_stack([linear, centre - linear @ np.array([x + width / 2, y + height / 2])])


def _paste(
    rng: np.random.Generator, picture: Picture, patch: np.ndarray, affine: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Blend a patch into a picture, in place.

    Returns:
        The opacity where it was blended, and the upper left pixel (2,) of that part.
    """
    import cv2

    shrink = max(1, int(1 / np.hypot(affine[0, 0], affine[1, 0])))
    if shrink > 1:
        small = max(1, len(patch) // shrink)
        scale = len(patch) / small
        patch = cv2.resize(patch, (small, small), interpolation=cv2.INTER_AREA)
        linear = affine[:, :2] * scale
        affine = np.column_stack([linear, affine[:, 2] + affine[:, :2] @ np.full(2, geometry.resize_shift(scale))])
    if rng.random() < HEAD_ONLY:
        patch = patch[: int(len(patch) * rng.uniform(0.66, 0.9))].copy()
        patch[-1] = 0
    body = int(len(patch) * rng.uniform(0.2, 1.2))
    patch = cv2.copyMakeBorder(patch, 0, body, 0, 0, cv2.BORDER_REPLICATE)
    tall, wide, _ = patch.shape
    corners = np.array([[u, v] for u in (-1, wide) for v in (-1, tall)]) @ affine[:, :2].T + affine[:, 2]
    limit = np.array(picture.shape[1::-1])
    low = np.clip(np.floor(corners.min(axis=0)), 0, limit).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 1, low, limit).astype(int)
    columns, rows = (high - low).tolist()
    if not columns * rows:
        return np.zeros((0, 0)), low
    shifted = np.column_stack([affine[:, :2], affine[:, 2] - low])
    pasted = cv2.warpAffine(patch, shifted, (columns, rows), flags=cv2.INTER_LINEAR).astype(np.float32)
    alpha = pasted[..., 3:] / 255
    light = rng.uniform(0.55, 1.15) * rng.uniform(0.93, 1.07, 3).astype(np.float32)
    part = picture[low[1] : high[1], low[0] : high[0]]
    part[:] = np.minimum(part * (1 - alpha) + np.minimum(pasted[..., :3] * light, 255 * alpha) + 0.5, 255).astype(
        np.uint8
    )
    return alpha[..., 0], low


def _inside(box: np.ndarray, height: int, width: int) -> float:
    """The share of a box that lies in the picture; 0 where its centre lies outside."""
    x, y, wide, tall = (float(value) for value in box)
    if not (0 <= x + wide / 2 < width and 0 <= y + tall / 2 < height):
        return 0.0
    across = min(x + wide, width - 0.5) - max(x, -0.5)
    down = min(y + tall, height - 0.5) - max(y, -0.5)
    return across * down / (wide * tall)
