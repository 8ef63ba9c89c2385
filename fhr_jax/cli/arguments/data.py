"""The options of `fhr-jax data`; the command itself is `fhr_jax/cli/data.py`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from fhr_jax.cli.options import DIRECTORY, SPLIT, WORKERS, optional


@dataclass(frozen=True)
class BuildOptions:
    """Build a dataset from the folder that you downloaded and unpacked.

    NAME is face300w, face300vw, face300vw/clips16 (or any number of frames) or talking_face. The dataset goes to
    OUT/face300w/1.0.0, OUT/face300vw/videos/1.0.0, OUT/face300vw/clips16/1.0.0, ... It includes summary.json (counts,
    with the published ones) and skipped.csv (files that are not used, with the reasons). Interrupted builds resume when
    you repeat the command. Symbolic links that lead out of the source are skipped. Without --source the command tells
    how to get the data.

    Example:  fhr-jax data build face300w --source downloads/300W --out datasets
    """

    name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NAME")]
    """The dataset."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("datasets")
    """Folder of the datasets; created if needed."""
    source: Annotated[Path | None, optional("DIR")] = None
    """The folder that you unpacked."""
    exclusions: Annotated[Path | None, optional("FILE")] = None
    """List of unreliable frames to exclude: lines `VIDEO FRAME`, `VIDEO FIRST-LAST`, `VIDEO` or `PHOTOGRAPH`."""
    workers: Annotated[int, WORKERS] = 0


@dataclass(frozen=True)
class ShowOptions:
    """Draw faces of a dataset, with their landmarks and boxes, as tiles of one image.

    NAME is a dataset below --directory, the folder of a dataset, or a folder of your own images or videos with .pts.

    Example:  fhr-jax data show face300w --directory datasets --split train --out faces.png
    """

    name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NAME")]
    """A dataset or a folder."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """The image to write, a .png or .jpg."""
    directory: Annotated[Path | None, DIRECTORY] = None
    split: Annotated[str | None, SPLIT] = None
    number: int = 24
    """Number of faces, evenly spaced through the dataset."""


DataOptions = (
    Annotated[BuildOptions, tyro.conf.subcommand("build")] | Annotated[ShowOptions, tyro.conf.subcommand("show")]
)


DESCRIPTION = """Datasets of faces with landmarks: `build` one, or `show` its faces.

Example:  fhr-jax data build face300w --source downloads/300W --out datasets
"""
