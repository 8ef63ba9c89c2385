"""Options that several commands share, so that each has one name, one meaning and one help text."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

Preset = Literal["paper", "medium", "small", "tiny"]

Directory = Annotated[
    Path | None,
    arg(
        metavar="DIR",
        help="With the name of a dataset: the folder of built datasets, the --out of `fhr-jax data build`; default: "
        "./datasets, then the data folder of TFDS.",
    ),
]
Boxes = Annotated[
    str,
    arg(
        metavar="truth|jitter|FILE",
        help="Face boxes to crop by: truth, the bounding boxes of the true landmarks; jitter, the same moved at "
        "random; or a file with the boxes of a face detector (format: README).",
    ),
]
Workers = Annotated[int, arg(help="Processes that read images; 0 reads in a thread.")]
Net = Annotated[
    Path | None,
    arg(
        metavar="FILE",
        help="A net.npz of `fhr-jax train` or `fhr-jax import`, or a folder of `fhr-jax export`; default: the net in "
        "the package.",
    ),
]
