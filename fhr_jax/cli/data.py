"""`fhr-jax data`: build a dataset from what its authors hand out, and look at one."""

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from tqdm import tqdm

from fhr_jax import overlay
from fhr_jax.cli.source import MOST_LINES, open_sound
from fhr_jax.data import records
from fhr_jax.data.skipped import Skipped
from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file, output_folder

TILE = 224
"""Side of a picture of the contact sheet, in pixels."""


@dataclass(frozen=True)
class BuildOptions:
    """Build a dataset from the folder that you have downloaded and unpacked.

    NAME is face300w, face300vw, face300vw/clips16 (or any number of frames) or talking_face. It goes to
    OUT/face300w/1.0.0, OUT/face300vw/videos/1.0.0, OUT/face300vw/clips16/1.0.0, ..., with summary.json (counts, and
    those published) and left_out.csv (file, reason). The same command again goes on where it was stopped. Symbolic
    links that lead out of the source are left out. With no --source it says how to get the data.

    Example:  fhr-jax data build face300w --source downloads/300W --out datasets
    """

    name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NAME")]
    """The dataset."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("datasets")
    """Folder of the datasets; made if need be."""
    source: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """The folder that you have unpacked."""
    leave_out: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """List of what is unreliable: lines `VIDEO FRAME`, `VIDEO FIRST-LAST`, `VIDEO` or `PHOTOGRAPH`."""
    processes: int = 1
    """Processes that read at once."""


@dataclass(frozen=True)
class ShowOptions:
    """Draw faces of a dataset with their landmarks and boxes on one sheet.

    NAME is a dataset below --directory, or a folder: one that was built, or of your own images or videos with .pts.

    Example:  fhr-jax data show face300w --directory datasets --split train --out faces.png
    """

    name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NAME")]
    """A dataset or a folder."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """The sheet, a .png or .jpg."""
    directory: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder of the datasets, the --out of `build`; default: ./datasets, then where TFDS keeps its data."""
    split: str | None = None
    """Which split, where there are several."""
    number: int = 24
    """How many faces, at even steps through the dataset."""


@dataclass(frozen=True)
class DataOptions:
    """Datasets of faces with landmarks: `build` makes one, `show` draws one.

    Example:  fhr-jax data build face300w --source downloads/300W --out datasets
    """

    action: tyro.conf.OmitSubcommandPrefixes[
        Annotated[BuildOptions, tyro.conf.subcommand("build")] | Annotated[ShowOptions, tyro.conf.subcommand("show")]
    ]


def run(options: DataOptions) -> None:
    """Build or show; see `Build` and `Show`."""
    action = options.action
    _build(action) if isinstance(action, BuildOptions) else _show(action)


def _build(options: BuildOptions) -> None:
    if options.processes < 1:
        raise InputError(f"--processes is {options.processes}, expected at least 1")
    if options.source is None:
        from fhr_jax.data.datasets.build import registry

        instructions = registry.make_builder(options.name, options.out).MANUAL_DOWNLOAD_INSTRUCTIONS
        print("\n".join(line.removeprefix("    ") for line in instructions.strip("\n ").splitlines()))
        raise InputError(f"--source is missing: the folder with the data of {options.name}")
    from fhr_jax.data import skipped
    from fhr_jax.data.datasets.build import finalize, run

    said = 0
    with contextlib.ExitStack() as stack:
        bars: list[tqdm] = []  # none where the build is refused

        def report(done: int, total: int, files: tuple[Skipped, ...]) -> None:
            nonlocal said
            if not bars:
                bars.append(stack.enter_context(tqdm(total=total, unit="part", desc=f"build {options.name}")))
            bars[0].update(done - bars[0].n)
            for left in files:
                said += 1
                if said <= MOST_LINES:
                    bars[0].write(f"left out: {left.file}: {left.reason}", file=sys.stderr)

        folder = run.build(
            options.name,
            options.source,
            options.out,
            processes=options.processes,
            leave_out=options.leave_out,
            report=report,
        )
    summary = finalize.read_summary(folder)
    for split, count in summary["splits"].items():
        print(f"{split}: {count['records']} records of {count['frames']} images")
    for line in finalize.differences(summary):
        print(f"difference: {line}")
    if summary["left_out"]:
        print(f"left out: {summary['left_out']}, listed with the reasons in {folder / skipped.NAME}")
    print(folder)


def _show(options: ShowOptions) -> None:
    from PIL import Image

    if options.out.suffix.lower() not in (".png", ".jpg"):
        raise InputError(f"{options.out}: expected a name that ends in .png or .jpg")
    if options.number < 1:
        raise InputError(f"--number is {options.number}, expected at least 1")
    output_folder(options.out.parent)
    source = open_sound(options.name, directory=options.directory, split=options.split)
    chosen = np.unique(np.linspace(0, len(source) - 1, options.number).round().astype(int)).tolist()
    tiles = [_tile(source[i]) for i in tqdm(chosen, unit="face", desc="show", delay=1)]
    columns = min(8, len(tiles))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    rows = [np.concatenate(tiles[i : i + columns], axis=1) for i in range(0, len(tiles), columns)]
    with atomic_file(options.out) as path:
        Image.fromarray(np.concatenate(rows)).save(path)
    print(f"{options.out}: {len(chosen)} of {len(source)} records")


def _tile(record: records.Record) -> np.ndarray:
    """A face and its surroundings, of a clip the first frame."""
    import cv2

    image, points, box = record["image"], record["points"], record["box"]
    if points.ndim == 3:
        image, points, box = image[0], points[0], box[0]
    side = max(1.6 * float(box[2:].max()), 2.0)
    scale = TILE / side
    corner = box[:2] + box[2:] / 2 - side / 2
    # From the pixels of the image to those of the tile, half pixels included.
    to_tile = np.array([[scale, 0, (0.5 - corner[0]) * scale - 0.5], [0, scale, (0.5 - corner[1]) * scale - 0.5]])
    tile = cv2.warpAffine(image, to_tile, (TILE, TILE), flags=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    low, high = np.reshape([box[:2], box[:2] + box[2:]], (2, 2)) @ to_tile[:, :2].T + to_tile[:, 2]
    tile = cv2.rectangle(tile, low.round().astype(int).tolist(), high.round().astype(int).tolist(), (250, 200, 60))
    return overlay.draw(tile, points @ to_tile[:, :2].T + to_tile[:, 2])
