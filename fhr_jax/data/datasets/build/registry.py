"""The dataset builders by name."""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

from fhr_jax.data.datasets.build.builder import VideoBuilder, config
from fhr_jax.data.datasets.build.exclusions import NO_EXCLUSIONS, Exclusions
from fhr_jax.data.datasets.names import BUILDERS, CATALOGUE, PREPARE
from fhr_jax.data.datasets.silence_tfds import silence_tfds
from fhr_jax.errors import InputError


def make_builder(name: str, out: str | os.PathLike[str], *, exclusions: Exclusions = NO_EXCLUSIONS) -> Any:
    """The TFDS builder of a dataset.

    Args:
        name: such as "face300w" or "face300vw/clips16".
        out: the folder of the datasets.
        exclusions: the user's list of what is unreliable.

    Raises:
        InputError: there is no such dataset or variant.
    """
    first, _, variant = name.partition("/")
    if first not in BUILDERS:
        hint = f"; TFDS makes that one: {PREPARE.format(name=first, root=str(out))}" if first in CATALOGUE else ""
        raise InputError(f"{name!r}: no dataset that can be built, expected one of {', '.join(BUILDERS)}{hint}")
    module, cls = BUILDERS[first]
    builder = getattr(import_module(module), cls)
    options = {}
    if issubclass(builder, VideoBuilder):
        options["config"] = config(variant or "videos")
        if options["config"] is None:
            raise InputError(f"{name!r}: expected {first}, {first}/videos or {first}/clips16 (any number of frames)")
    elif variant:
        raise InputError(f"{name!r}: {first} has no variants, expected {first} alone")
    with silence_tfds():
        return builder(data_dir=Path(out), exclusions=exclusions, **options)
