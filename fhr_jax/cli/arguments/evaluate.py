"""The options of `fhr-jax evaluate`; the command itself is `fhr_jax/cli/evaluate.py`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from fhr_jax.choices import CALIBRATED_DECODER, Decoder
from fhr_jax.cli.options import (
    BOXES,
    DATA,
    DECODER,
    DIRECTORY,
    KEEP_ZEROS,
    MARKUP,
    MIRROR,
    NET,
    OUT,
    SPLIT,
    STACKS,
    THIRD,
    WORKERS,
    optional,
)


@dataclass(frozen=True)
class EvaluateOptions:
    """Measure the accuracy of landmarks, in percent of the distance between the outer eye corners (NRMSE).

    Of a markup that normalizes otherwise, a line says by what.

    Give either --predictions or --data. --predictions is an .npz with `ground_truth` (or `truth`) and `predictions` (or
    `landmarks`), both (N, M, 2), and optionally `names` and `coordinates` ("fhr_crop256" for the published results of
    the paper's authors; else image pixels). Every true point must be there: points at (0, 0) while the face is
    elsewhere are missing, and refused. Faces of which a predicted point is missing are failures, and left out of the
    mean. --data names faces with true landmarks, on which the net is run; all other options but --out,
    --markup and those that read the file belong to it. Talking Face has another markup; of its landmarks, the seven
    that 300W has too are compared.

    The folder of --out gets summary.json (mean and median NRMSE, area under the cumulative error curve up to 8 %,
    percentage of failures above 8 %), images.csv (one row per image), ced.png (the cumulative error curve),
    regions.csv (error of jaw, brows, nose, eyes and mouth; how openings and lengths follow the truth), offsets.csv and
    offsets.png (median offset of each landmark); docs/files.md describes them. With --data it also gets
    predictions.npz, skipped.csv (files that cannot be read, and why), pictures of at most 100 faces, the net's
    landmarks in green and the true ones in red, and worst.jpg, a sheet of the faces with the largest errors. The rows
    then have dataset, file and frame (0 for photographs).

    Example:  fhr-jax evaluate --data photos --out runs/photos
    """

    out: Annotated[Path, OUT]
    predictions: Annotated[Path | None, optional("FILE")] = None
    """The .npz of predictions and ground truth."""
    data: Annotated[str | None, DATA] = None
    directory: Annotated[Path | None, DIRECTORY] = None
    split: Annotated[str | None, SPLIT] = None
    boxes: Annotated[str, BOXES] = "truth"
    workers: Annotated[int, WORKERS] = 0
    net: Annotated[Path | None, NET] = None
    markup: Annotated[str | None, MARKUP] = None
    decoder: Annotated[Decoder, DECODER] = CALIBRATED_DECODER
    mirror: Annotated[bool, MIRROR] = True
    stacks: Annotated[int | None, STACKS] = None
    worst: int = 24
    """Number of faces in worst.jpg."""
    keep_zeros: Annotated[bool, KEEP_ZEROS] = False
    third: Annotated[Literal["z", "score"] | None, THIRD] = None
