"""Fig. 4: mean heatmaps of easy and of hard faces.

The maps of all nets that `fractional_vs_conventional.py` wrote are averaged at a fraction of a pixel: once aligned by
the true landmarks, once by the points decoded from the maps themselves. Easy and hard faces are the quarters of the
faces with the lowest and the highest NRMSE, averaged over all these nets.

Paper:    "Towards Highly Accurate and Stable Face Alignment for High-Resolution Videos" (AAAI 2019): maps of easy faces
          resemble the Gaussian, and fractions help them most; those of hard ones resemble it less. It does not say
          which centres were aligned, nor how faces were chosen.
Command:  python experiments/figure4_averages.py --nets runs/regression --out runs/figure4
Cost:     under a minute of one x86 core for six `small` nets and 300 faces.
Figures:  docs/results.md, "Fractional against conventional heatmaps". As in the paper the maps of hard
          faces are lower and less like the Gaussian, and fractional targets make them higher. After few updates the
          two kinds hardly differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import tyro

from fhr_jax import evaluate, geometry, heatmap, npz, pipeline, plots, weights
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.demo.regression import CONVENTIONAL, FRACTIONAL
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder

TRUTH, DECODED = "the truth", "decoded points"


@dataclass(frozen=True)
class Options:
    """Average the heatmaps of easy and of hard faces."""

    nets: Path
    """The --out of fractional_vs_conventional.py."""
    out: Path
    """Folder for summary.json and the picture."""
    faces: str = "synthetic"
    """The set of faces: synthetic, or a split such as private."""
    share: float = 0.25
    """Share of the faces that counts as easy; the same share counts as hard."""


def main(options: Options) -> dict[str, Any]:
    """Average, describe and draw."""
    faces, folder = npz.read(options.nets / f"faces_{options.faces}.npz"), output_folder(options.out)
    nets = {target: sorted(options.nets.glob(f"{target}_*.npz")) for target in (CONVENTIONAL, FRACTIONAL)}
    if not all(nets.values()):
        raise InputError(f"{options.nets}: expected nets {CONVENTIONAL}_0.npz, {FRACTIONAL}_0.npz, ... in it")
    errors = {
        target: np.mean([read_errors(options, path.name, faces["truth"]) for path in paths], axis=0)
        for target, paths in nets.items()
    }
    order = np.argsort(sum(errors.values()))  # of all nets: a choice by some of them would favour their maps
    number = max(1, round(options.share * len(order)))
    groups = {"easy": order[:number], "hard": order[-number:]}
    panels, figures = {}, {}
    for target, paths in nets.items():
        loaded = [weights.load(path) for path in paths]
        config = loaded[0].config
        radius = min(int(np.ceil(4 * config.sigma)), config.heatmap // 2)
        means = {
            f"{kind}, about {centre}": np.asarray(average.mean)
            for kind, which in groups.items()
            for centre, average in averages(loaded, {name: part[which] for name, part in faces.items()}, radius).items()
        }
        panels[target] = means
        figures[target] = {name: shape(mean, radius, config.sigma) for name, mean in means.items()}
        figures[target]["nrmse"] = {kind: float(errors[target][which].mean()) for kind, which in groups.items()}
        for name, row in figures[target].items():
            print(f"{target:14}{name:28}" + "  ".join(f"{key} {value:.3f}" for key, value in row.items()))
    figure = plots.mean_heatmaps(panels, radius=float(radius), sigma=config.sigma, label="mean value")
    plots.save(folder / "averages.png", figure)
    summary = {"faces": options.faces, "of_each": number, "sigma": config.sigma, "figures": figures}
    write_summary(folder, summary)
    return summary


def read_errors(options: Options, net: str, truth: np.ndarray) -> np.ndarray:
    """NRMSE of every face by the argmax of a net."""
    readings = npz.read(options.nets / f"{options.faces}_{net}")
    return evaluate.errors(evaluate.Predictions((), readings["argmax"], truth))


def averages(nets: Sequence[weights.Net], faces: dict[str, np.ndarray], radius: int) -> dict[str, heatmap.MeanHeatmap]:
    """The mean heatmaps of all nets and faces, by the kind of centre."""
    config, affines, total = nets[0].config, faces["affines"], {}
    in_crop = faces["truth"] * affines[:, None, [0, 1], [0, 1]] + affines[:, None, :, 2]
    truth = jnp.asarray(geometry.resize_points(in_crop, config.heatmap / config.crop), jnp.float32)
    for net in nets:
        for part, maps in pipeline.heatmap_batches(net, faces["images"], mirror=False):
            decoded = heatmap.decode(maps, sigma=config.sigma, decoder="two_sided")
            for centre, points in ((TRUTH, truth[part]), (DECODED, decoded)):
                mean = heatmap.mean_heatmap(maps, points, radius=radius)
                total[centre] = total[centre].merge(mean) if centre in total else mean
    return total


def shape(mean: np.ndarray, radius: int, sigma: float) -> dict[str, float]:
    """Height, likeness and width of a mean map (K, K).

    The height is the value in the middle. The likeness is the cosine similarity to the Gaussian of the target. The
    width is the standard deviation along an axis, within two sigma of the middle, divided by that of the Gaussian.
    """
    side = np.linspace(-radius, radius, len(mean))
    squared = side[None] ** 2 + side[:, None] ** 2
    target = np.exp(-squared / (2 * sigma**2))
    seen, near = np.nan_to_num(mean), squared <= 4 * sigma**2
    likeness = (seen * target).sum() / np.sqrt((seen**2).sum() * (target**2).sum())
    variance, expected = ((m * squared)[near].sum() / m[near].sum() for m in (seen, target))
    middle = len(mean) // 2
    return {
        "height": float(seen[middle, middle]),
        "likeness": float(likeness),
        "width": float(np.sqrt(variance / expected)),
    }


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
