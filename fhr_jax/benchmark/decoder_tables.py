"""Tables 1 and 2 of the paper for nets on conventional and on fractional heatmaps, read by several decoders."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from fhr_jax import evaluate, heatmap, metrics

CONVENTIONAL, FRACTIONAL = "conventional", "fractional"
TARGETS = (CONVENTIONAL, FRACTIONAL)
Row = tuple[str, heatmap.Decoder]
"""The targets that a net was trained on, and the decoder; the paper's CHR and FHR are two of them."""
CHR: Row = (CONVENTIONAL, "argmax")
QUARTER: Row = (CONVENTIONAL, "quarter_shift")
FHR: Row = (FRACTIONAL, "fractional")
NAMES = {FHR: "fractional, Eq. 4", (CONVENTIONAL, "fractional"): "conventional, Eq. 4"}
ROWS: tuple[Row, ...] = (
    CHR,
    QUARTER,
    *((FRACTIONAL, m) for m in heatmap.DECODERS if m not in ("argmax", "quarter_shift")),
)
CONTROLS: tuple[Row, ...] = (
    *((FRACTIONAL, m) for m in ("argmax", "quarter_shift")),
    *((CONVENTIONAL, m) for m in heatmap.DECODERS if m not in ("argmax", "quarter_shift")),
)
"""Each net with the decoders of the other, to separate the gain of the targets from that of the decoder."""
IN_PIXELS: tuple[Row, ...] = (
    CHR,
    QUARTER,
    (CONVENTIONAL, "fractional"),
    FHR,
    (CONVENTIONAL, "least_squares"),
    (FRACTIONAL, "least_squares"),
)
"""The rows of Table 2: the paper's, the default decoder, and both with the targets of the other."""
FIGURES = ("nrmse", "nrmse_median", "auc", "failure_rate")

PerRow = Mapping[Row, Float[np.ndarray, "seeds n"]]
"""One number for each row, seed and face."""


def label(row: Row) -> str:
    """Name of a row of a table."""
    return NAMES.get(row, ", ".join(row))


def mean_and_sd(values: np.ndarray) -> dict[str, Any]:
    """Mean and standard deviation (of the sample; 0 of a single value) along the first axis."""
    return {"mean": values.mean(axis=0).tolist(), "sd": values.std(axis=0, ddof=min(1, len(values) - 1)).tolist()}


def gain(errors: Float[np.ndarray, "seeds n"], reference: Float[np.ndarray, "seeds n"]) -> dict[str, Any]:
    """How much lower errors are than those of a reference, paired by seed and face, both (S, N) for S seeds.

    Args:
        errors: in percent or pixels.
        reference: in the same unit.

    Returns:
        In that unit, mean and standard deviation over the seeds, the gain of `each` seed, and the `interval` that a
        bootstrap over the faces gives, each face averaged over the seeds.
    """
    differences = np.asarray(reference - errors, np.float64)
    interval = metrics.bootstrap(jax.random.key(0), differences.mean(axis=0))
    seeds = differences.mean(axis=1)
    return mean_and_sd(seeds) | {"each": seeds.tolist(), "interval": [float(interval.low), float(interval.high)]}


def format_gain(gain: dict[str, Any]) -> str:
    """A gain as text: mean, standard deviation over seeds, interval over faces."""
    low, high = gain["interval"]
    return f"{gain['mean']:.3f} ± {gain['sd']:.3f} ({low:.3f} to {high:.3f})"


def table1(errors: PerRow) -> dict[str, Any]:
    """NRMSE, AUC and failure rate of every row, and its gain over conventional heatmaps; also printed.

    Args:
        errors: NRMSE in percent, (S, N) for each row of `ROWS` and `CONTROLS`.

    Returns:
        For each row its figures in percent, and `gain` with those of `gain` in percent points.
    """
    table = {}
    head = [f"{figure:>16}" for figure in FIGURES]
    print(f"{'targets, decoder':30}{''.join(head)}  {'NRMSE gained over argmax':34}over the quarter shift")
    for row in (*ROWS, *CONTROLS):
        scores = [evaluate.summary(one) for one in errors[row]]
        figures = {figure: mean_and_sd(np.array([score[figure] for score in scores])) for figure in FIGURES}
        gains = {label(other): gain(errors[row], errors[other]) for other in (CHR, QUARTER) if other != row}
        table[label(row)] = figures | {"gain": gains}
        columns = "".join(f"{v['mean']:9.2f} ± {v['sd']:4.2f}" for v in figures.values())
        gained = [format_gain(gains[label(other)]) if other != row else "-" for other in (CHR, QUARTER)]
        print(f"{label(row):30}{columns}  {gained[0]:34}{gained[1]}")
    return table


def targets_table(errors: PerRow) -> dict[str, Any]:
    """By decoder: the NRMSE that fractional targets gain over conventional ones read by the same decoder; also printed.

    Args:
        errors: NRMSE in percent, (S, N) for each row of `ROWS` and `CONTROLS`.
    """
    table = {}
    print(f"{'decoder':30}NRMSE that fractional targets gain")
    for decoder in heatmap.DECODERS:
        table[decoder] = gain(errors[FRACTIONAL, decoder], errors[CONVENTIONAL, decoder])
        print(f"{decoder:30}{format_gain(table[decoder])}")
    return table


def table2(pixels: PerRow, truth: Float[np.ndarray, "n m 2"], shown: Sequence[Row]) -> dict[str, Any]:
    """Mean point error in five equal groups of faces by size, and the gain over conventional heatmaps; also printed.

    Args:
        pixels: mean distance of a face's points in pixels, (S, N) for each row.
        truth: true landmarks (N, M, 2) in the same pixels.
        shown: the rows of the table.
    """
    groups = min(5, len(truth))
    group = np.asarray(metrics.scale_groups(truth, groups=groups))
    scale = metrics.scale_table(truth, truth, groups=groups)
    members = [group == g for g in range(groups)]
    table: dict[str, Any] = {"edges": scale.edges.tolist(), "size": scale.size.tolist(), "pixels": {}, "gain": {}}
    print(f"px by inter-ocular distance: {', '.join(f'{a:.0f} to {b:.0f}' for a, b in pairwise(table['edges']))} px")
    for row in shown:
        of_groups = np.stack([pixels[row][:, inside].mean(axis=1) for inside in members], axis=1)
        figures = table["pixels"][label(row)] = mean_and_sd(of_groups)
        columns = "".join(f"{m:9.2f} ± {s:4.2f}" for m, s in zip(figures["mean"], figures["sd"], strict=True))
        print(f"{label(row):30}{columns}")
        if row != CHR:
            gains = [gain(pixels[row][:, inside], pixels[CHR][:, inside]) for inside in members]
            table["gain"][label(row)] = gains
            print(f"{'    gain':30}  {', '.join(map(format_gain, gains))}")
    return table
