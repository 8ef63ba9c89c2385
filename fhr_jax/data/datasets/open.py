"""Open a dataset that was built, or prepared by TFDS, by its name or its folder."""

import os
from pathlib import Path

from fhr_jax.data.datasets import catalogue
from fhr_jax.data.datasets.names import BUILDERS, BUILT, CATALOGUE
from fhr_jax.data.records import Records
from fhr_jax.errors import InputError


def open_named(name: str, directory: str | os.PathLike[str] | None, split: str | None) -> Records:
    """Open a dataset by its name.

    Args:
        name: such as "face300w", "face300vw/clips16" or "the300w_lp".
        directory: the folder of the datasets; None looks in ./datasets, then where TFDS keeps its data.
        split: which split; None for the only one.

    Raises:
        InputError: there is no such dataset or split.
    """
    base, _, config = name.partition("/")
    roots = [Path(directory)] if directory is not None else [BUILT, _usual_directory()]
    root = next((root for root in roots if (root / base).is_dir()), roots[-1 if name in CATALOGUE else 0])
    if name in CATALOGUE:
        return catalogue.open_prepared(name, root, split)
    if base in CATALOGUE:
        raise InputError(f"{name}: {base} has no variants, expected {base} alone")
    folder = root / base / config if config else root / base
    built = find_built(folder) if folder.is_dir() else None
    if built is None:
        raise InputError(f"{folder}: no such dataset; make it: fhr-jax data build {name} --source DIR --out {root}")
    return open_built(built, split)


def find_built(folder: str | os.PathLike[str]) -> Path | None:
    """The folder of a built dataset: `folder` itself or its latest version below; None if there is none.

    Of a dataset of videos with several variants, the one with whole videos is taken.
    """
    folder = Path(folder)
    if (folder / "dataset_info.json").is_file():
        return folder
    if (folder / "videos").is_dir() and folder.name in BUILDERS:
        folder = folder / "videos"
    versions = [path.parent for path in folder.glob("[0-9]*.[0-9]*.[0-9]*/dataset_info.json")]
    return max(versions, key=lambda path: [int(part) for part in path.name.split(".") if part.isdigit()], default=None)


def open_built(folder: Path, split: str | None) -> Records:
    """Open a folder that `find_built` returned.

    Raises:
        InputError: TFDS cannot read it, or it has no such split.
    """
    from fhr_jax.data.datasets import read

    builder = read.read_builder(folder)
    if builder.name in CATALOGUE:
        return catalogue.adapt(builder, split)
    return read.open_builder(builder, split)


def _usual_directory() -> Path:
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()
