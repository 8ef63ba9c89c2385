"""The contact sheets of the documentation: synthetic faces and a rendered clip, with their landmarks.

    python experiments/contact_sheets.py --out docs

Takes about a minute on one core.
"""

from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
import tyro
from jaxtyping import UInt8

from fhr_jax import augment, overlay
from fhr_jax.data import examples, faces
from fhr_jax.data.synthetic.render_clip import render_clip
from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file, output_folder

EVERY = 5
"""Frames of the clip between two images."""


@dataclass(frozen=True)
class Options:
    """Render faces.jpg and clip.jpg."""

    out: Path
    """Folder for both; created if needed."""
    size: int = 128
    """Side of each image in pixels, a multiple of 8."""
    columns: int = 10
    """Images in a row."""
    seed: int = 0
    """Seed of the faces and clips."""


def sheet(images: np.ndarray, points: np.ndarray | None, columns: int) -> UInt8[np.ndarray, "h w 3"]:
    """Images (N, S, S, 3) in [0, 1] in rows, with their landmarks (N, M, 2) if given."""
    pictures = [np.ascontiguousarray(image) for image in np.round(255 * images).astype(np.uint8)]
    if points is not None:
        pictures = [overlay.draw(image, at, colour=overlay.GREEN) for image, at in zip(pictures, points, strict=True)]
    return np.concatenate([np.concatenate(pictures[i : i + columns], 1) for i in range(0, len(pictures), columns)])


def faces_sheet(options: Options) -> np.ndarray:
    """Training crops: clean, with landmarks, and degraded as training sees them."""
    key, degrade_key = jax.random.split(jax.random.key(options.seed))
    number = 4 * options.columns
    people = jax.jit(jax.vmap(lambda k: faces.fill(faces.sample(k))))(jax.random.split(key, number))
    made = examples.render_in_batches(people, size=options.size)
    images, points = np.asarray(made.image), np.asarray(made.points)
    degraded = jax.jit(jax.vmap(augment.photometric))(
        jax.random.split(degrade_key, options.columns), made.image[-options.columns :]
    )
    middle = 3 * options.columns
    rows = [
        sheet(images[: 2 * options.columns], None, options.columns),
        sheet(images[2 * options.columns : middle], points[2 * options.columns : middle], options.columns),
        sheet(np.asarray(degraded), None, options.columns),
    ]
    return np.concatenate(rows)


def clip_sheet(options: Options) -> np.ndarray:
    """Two people, an image every few frames: degraded as by a camera, and with landmarks."""
    rows = []
    for number in (3, 4):
        key, camera_key = jax.random.split(jax.random.fold_in(jax.random.key(options.seed), number))
        clip = faces.clip(key, EVERY * options.columns)
        # The camera is placed for the first frame and does not move.
        first = jax.tree.map(lambda leaf: leaf[0], clip)
        view = faces.fill(first, scale=1.7).view
        move = clip.view._replace(
            centre=view.centre[None] + (clip.view.centre - first.view.centre[None]) * view.scale / first.view.scale,
            scale=clip.view.scale * view.scale / first.view.scale,
        )
        clip = jax.tree.map(lambda leaf: leaf[::EVERY], clip._replace(view=move))
        seen = render_clip(camera_key, clip, size=options.size)
        rows += [
            sheet(np.asarray(seen.images), None, options.columns),
            sheet(np.asarray(seen.images), np.asarray(seen.points), options.columns),
        ]
    return np.concatenate(rows)


def main(options: Options) -> None:
    """Paint and write both."""
    import cv2

    output_folder(options.out)
    for name, image in (("faces.jpg", faces_sheet(options)), ("clip.jpg", clip_sheet(options))):
        with atomic_file(options.out / name) as temporary:
            cv2.imwrite(str(temporary), cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])
        print(options.out / name, f"{image.shape[1]} x {image.shape[0]}")


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
