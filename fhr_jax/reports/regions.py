"""Tables of where predictions are wrong: errors by region, how lengths and openings follow the truth, offsets.

`metrics.regions` computes them; this module writes and words them.
"""

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fhr_jax.evaluate import LIMIT, Predictions, markup_of_predictions
from fhr_jax.files import atomic_file
from fhr_jax.markup import Markup, regions_of
from fhr_jax.metrics.regions import (
    MeasureResponse,
    Offsets,
    RegionError,
    measure_responses,
    median_offsets,
    region_errors,
)


class RegionTables(NamedTuple):
    """Where predictions are wrong; slopes and offsets without the failures, faces above `LIMIT`.

    Attributes:
        errors: of each region, and of all landmarks.
        responses: of lengths and openings; empty except for the 68 points.
        offsets: of each landmark.
        markup: of the landmarks.
    """

    errors: tuple[RegionError, ...]
    responses: tuple[MeasureResponse, ...]
    offsets: Offsets
    markup: Markup


def region_tables(results: Predictions) -> RegionTables:
    """All tables of predictions."""
    markup = markup_of_predictions(results)
    both = results.predictions, results.truth
    return RegionTables(
        region_errors(*both, markup=markup),
        measure_responses(*both, markup=markup, limit=LIMIT),
        median_offsets(*both, markup=markup, limit=LIMIT),
        markup,
    )


def write_regions(path: str | os.PathLike[str], tables: RegionTables) -> None:
    """Write a CSV with one row per region and one per length or opening; cells without a value are empty."""
    regions = [(r.name, r.landmarks, r.faces, _number(r.nrmse), "", "", "", "") for r in tables.errors]
    responses = [
        (r.name, "", r.faces, "", *(_number(value) for value in (r.truth, r.predicted, r.slope, r.correlation)))
        for r in tables.responses
    ]
    header = ("name", "landmarks", "faces", "nrmse", "true", "predicted", "slope", "correlation")
    _write(path, header, [*regions, *responses])


def write_offsets(path: str | os.PathLike[str], tables: RegionTables) -> None:
    """Write a CSV with one row per landmark: its number from 0, its region, and its median offset in percent.

    The last two columns are the mean with the mirror image of the other side's offset; empty without `flip_pairs`.
    """
    names = {i: name for name, points in regions_of(tables.markup).items() for i in points}
    numbers = np.concatenate([tables.offsets.median, tables.offsets.symmetric], axis=1)
    rows = [(i, names.get(i, ""), *map(_number, row)) for i, row in enumerate(numbers.tolist())]
    _write(path, ("landmark", "region", "x", "y", "x_symmetric", "y_symmetric"), rows)


def in_words(tables: RegionTables) -> list[str]:
    """A line for the regions, and lines for slopes, lengths and the largest offset where they are defined."""
    lines = []
    regions = [(r.name, r.nrmse) for r in tables.errors if r.name != "all" and np.isfinite(r.nrmse)]
    if regions:
        lines.append(f"by region: {_listed(regions)} %")
    slopes = [(r.name, r.slope) for r in tables.responses if np.isfinite(r.slope)]
    if slopes:
        lines.append(f"slope of predicted on true: {_listed(slopes)}")
    ratios = [(r.name, r.predicted / r.truth) for r in tables.responses if r.truth > 0]
    if ratios:
        lines.append(f"mean predicted over true: {_listed(ratios)}")
    sizes = np.linalg.norm(np.nan_to_num(tables.offsets.median), axis=1)
    if tables.offsets.faces and sizes.any():
        x, y = tables.offsets.median[largest := int(sizes.argmax())]
        lines.append(f"largest median offset: landmark {largest} by ({x:+.1f}, {y:+.1f}) % (x right, y down)")
    return lines


def _listed(values: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in values)


def _number(value: float) -> str:
    return f"{value:.4f}" if np.isfinite(value) else ""


def _write(path: str | os.PathLike[str], header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with atomic_file(path) as temporary, Path(temporary).open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows([header, *rows])
