"""`fhr-jax data`: build a dataset from the download of its authors, and draw faces of one."""

import contextlib
import sys

import numpy as np
from tqdm import tqdm

from fhr_jax import geometry, overlay
from fhr_jax.cli.arguments.data import BuildOptions, ShowOptions
from fhr_jax.cli.source import MAX_LINES, open_readable
from fhr_jax.data import records
from fhr_jax.data.skipped import SKIPPED_FILE
from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file, output_folder
from fhr_jax.progress import Progress

TILE = 224
"""Side of a tile, in pixels."""


def run(options: BuildOptions | ShowOptions) -> None:
    """Build or show; see `BuildOptions` and `ShowOptions`."""
    _build(options) if isinstance(options, BuildOptions) else _show(options)


def _build(options: BuildOptions) -> None:
    if options.workers < 0:
        raise InputError(f"--workers is {options.workers}, expected 0 or more")
    if options.source is None:
        from fhr_jax.data.datasets.build import registry

        instructions = registry.make_builder(options.name, options.out).MANUAL_DOWNLOAD_INSTRUCTIONS
        print("\n".join(line.removeprefix("    ") for line in instructions.strip("\n ").splitlines()))
        raise InputError(f"--source is missing: the folder with the data of {options.name}")
    from fhr_jax.data.datasets import summary as summaries
    from fhr_jax.data.datasets.build import run

    printed = 0
    with contextlib.ExitStack() as stack:
        bars: list[tqdm] = []  # created with the first report, so that a refused build shows none

        def report(progress: Progress) -> None:
            nonlocal printed
            if not bars:
                bar = tqdm(total=progress.total, unit="shard", desc=f"build {options.name}")
                bars.append(stack.enter_context(bar))
            bars[0].update(progress.done - bars[0].n)
            for item in progress.info["skipped"]:
                printed += 1
                if printed <= MAX_LINES:
                    bars[0].write(f"skipped: {item.file}: {item.reason}", file=sys.stderr)

        folder = run.build(
            options.name,
            options.source,
            options.out,
            workers=options.workers,
            exclusions=options.exclusions,
            progress=report,
        )
    summary = summaries.read_summary(folder)
    for split, count in summary["splits"].items():
        print(f"{split}: {count['records']} records of {count['frames']} images")
    for line in summaries.differences(summary):
        print(f"difference: {line}")
    if summary["skipped"]:
        print(f"skipped: {summary['skipped']}, listed with the reasons in {folder / SKIPPED_FILE}")
    print(folder)


def _show(options: ShowOptions) -> None:
    from PIL import Image

    if options.out.suffix.lower() not in (".png", ".jpg"):
        raise InputError(f"{options.out}: expected a name that ends in .png or .jpg")
    if options.number < 1:
        raise InputError(f"--number is {options.number}, expected at least 1")
    output_folder(options.out.parent)
    source = open_readable(options.name, directory=options.directory, split=options.split)
    chosen = np.unique(np.linspace(0, len(source) - 1, options.number).round().astype(int)).tolist()
    tiles = [_tile(source[i]) for i in tqdm(chosen, unit="face", desc="show", delay=1)]
    columns = min(8, len(tiles))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    rows = [np.concatenate(tiles[i : i + columns], axis=1) for i in range(0, len(tiles), columns)]
    with atomic_file(options.out) as path:
        Image.fromarray(np.concatenate(rows)).save(path)
    print(f"{options.out}: {len(chosen)} of {len(source)} records")


def _tile(record: records.Record) -> np.ndarray:
    """The face of a record, of a clip its first frame, with its surroundings, box and landmarks."""
    import cv2

    image, points, box = record["image"], record["points"], record["box"]
    if points.ndim == 3:
        image, points, box = image[0], points[0], box[0]
    side = max(1.6 * float(box[2:].max()), 2.0)
    to_tile = geometry.square_crop_on_host(box[:2] + box[2:] / 2, side, TILE)
    tile = cv2.warpAffine(image, to_tile, (TILE, TILE), flags=cv2.INTER_AREA if side > TILE else cv2.INTER_LINEAR)
    low, high = np.reshape([box[:2], box[:2] + box[2:]], (2, 2)) @ to_tile[:, :2].T + to_tile[:, 2]
    tile = cv2.rectangle(tile, low.round().astype(int).tolist(), high.round().astype(int).tolist(), (250, 200, 60))
    return overlay.draw(tile, points @ to_tile[:, :2].T + to_tile[:, 2])
