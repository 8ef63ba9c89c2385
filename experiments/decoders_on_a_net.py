"""Errors of all decoders on the heatmaps of a net: photographs, clean synthetic faces, and degraded ones.

Paper:    decodes its own heatmaps by Eq. 4 (`fractional`), and conventional ones by their maximum.
Command:  python experiments/decoders_on_a_net.py --out runs/decoders --data DIR
Figures:  docs/decoders.md, "On a net".
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from tqdm import tqdm

from fhr_jax import calibrate, evaluate, heatmap, metrics, pipeline, plots, weights
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.cli.options import optional
from fhr_jax.data import examples
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.data.records import Records
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder
from fhr_jax.weights import Net


@dataclass(frozen=True)
class Options:
    """Decode the heatmaps of a net with every decoder."""

    out: Path
    """Folder for summary.json and decoders.png."""
    net: Annotated[Path | None, optional("FILE")] = None
    """A net that `fhr-jax train` wrote; default: the net in the package."""
    data: Annotated[Path | None, optional("DIR")] = None
    """A folder of photographs with .pts files, beside the synthetic faces; default: none."""
    faces: int = 512
    """Number of clean synthetic faces; there are twice as many degraded ones."""
    seed: int = 2000
    """Random seed of the faces; training with the same seed draws other faces."""


def main(options: Options) -> dict[str, Any]:
    """Measure, print, write."""
    if options.faces < 1:
        raise InputError(f"--faces is {options.faces}, expected at least 1")
    net, folder = weights.load(options.net), output_folder(options.out)
    clean_key, degraded_key = jax.random.split(jax.random.key(options.seed))
    side = net.config.crop
    clean = examples.synthetic_batch(clean_key, range(options.faces), side)
    parts = list(calibrate.synthetic_faces(degraded_key, side, faces=2 * options.faces))
    degraded = examples.Examples(*(jnp.concatenate(leaves) for leaves in zip(*parts, strict=True)))
    photographs = None if options.data is None else open_dataset(options.data)
    rows: dict[str, dict[str, float]] = {}
    # `paper_unclamped` needs heatmaps; nets trained by cross-entropy are decoded from logits.
    decoders = [decoder for decoder in heatmap.DECODERS if net.loss == "squared" or decoder != "paper_unclamped"]
    for decoder in tqdm(decoders, desc="decoders"):
        row = {} if photographs is None else {"photographs": _photographs(net, photographs, decoder)}
        for name, faces in (("clean", clean), ("degraded", degraded)):
            found = pipeline.predict_all(net, faces.images, decoder=decoder).points
            row[name] = float(np.mean(metrics.nrmse(found, faces.points)))
        rows[decoder] = row
    columns = list(rows[decoders[0]])
    print(f"{'NRMSE %':16}" + "".join(f"{column:>14}" for column in columns))
    for decoder, row in rows.items():
        print(f"{decoder:16}" + "".join(f"{value:14.3f}" for value in row.values()))
    for column in columns:
        values = {decoder: (row[column], 0.0) for decoder, row in rows.items()}
        figure = plots.bars(values, label=f"NRMSE %, {column}", highlight=[pipeline.CALIBRATED_DECODER])
        plots.save(folder / f"decoders_{column}.png", figure)
    summary = {"faces": options.faces, "nrmse": rows}
    write_summary(folder, summary)
    return summary


def _photographs(net: Net, records: Records, decoder: heatmap.Decoder) -> float:
    return float(evaluate.errors(evaluate.predict_records(net, records, decoder=decoder)).mean())


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
