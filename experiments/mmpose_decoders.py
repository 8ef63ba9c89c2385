"""Our decoders beside those of mmpose, on the same maps.

mmpose decodes heatmaps by the highest pixel, by a quarter of a pixel towards the higher neighbour, by DARK, and by DARK
as UDP changes it. Its functions are read from a copy of its source tree, so neither mmpose nor mmcv need be installed;
PyTorch and OpenCV must. Without noise, highest pixel and quarter shift must agree with ours exactly (away from the
border, where mmpose does not shift), and DARK to 1e-4 px.

Paper:   Eq. 3-4; it does not compare with DARK (2020).
Command: python experiments/mmpose_decoders.py --mmpose mmpose/ --out runs/mmpose
Cost:    one minute on one x86 core.
Figures: see docs/decoders.md.
"""

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import jax.numpy as jnp
import numpy as np
import tyro
from jaxtyping import Float

from fhr_jax import heatmap
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder

SIZE = 64
"""Side of the maps in pixels; the centres lie away from the border."""

KERNELS = {2.0: 11, 3.0: 17}
"""Width in pixels of the smoothing kernel that mmpose takes for each sigma."""

NOISES = (0.0, 0.02, 0.05, 0.1)
"""Standard deviation of independent noise, shares of the peak."""

PAIRS: dict[str, heatmap.Decoder] = {"argmax": "argmax", "quarter shift": "quarter_shift", "DARK": "dark"}
"""Decoders of mmpose and ours that do the same."""


@dataclass(frozen=True)
class Options:
    """Compare the decoders; OUT gets summary.json."""

    mmpose: Path
    """Folder of mmpose's source tree, the one that holds mmpose/codecs."""
    out: Path
    """Folder for the results."""
    maps: int = 2000
    """Maps of each case."""
    seed: int = 0
    """Random seed of centres and noise."""


def load(folder: Path) -> ModuleType:
    """The refinement functions of mmpose, without the rest of the package.

    Raises:
        InputError: the folder holds no mmpose/codecs/utils/refinement.py.
    """
    place = folder / "mmpose" / "codecs" / "utils"
    if not (place / "refinement.py").is_file():
        raise InputError(f"{folder}: no mmpose/codecs/utils/refinement.py, expected the source tree of mmpose")
    package = ModuleType("mmpose_codecs_utils")
    package.__path__ = [str(place)]
    sys.modules[package.__name__] = package
    return importlib.import_module(f"{package.__name__}.refinement")


def theirs(
    refinement: ModuleType, maps: Float[np.ndarray, "h w m"], sigma: float
) -> dict[str, Float[np.ndarray, "m 2"]]:
    """Points (M, 2) of each decoder of mmpose, order (x, y)."""
    stack = np.ascontiguousarray(np.moveaxis(maps, -1, 0))
    at = stack.reshape(len(stack), -1).argmax(axis=1)
    highest = np.stack([at % maps.shape[1], at // maps.shape[1]], axis=-1).astype(np.float32)

    def refine(name: str, *kernel: int) -> np.ndarray:
        return getattr(refinement, name)(highest[None].copy(), stack.copy(), *kernel)[0]

    return {
        "argmax": highest,
        "quarter shift": refine("refine_keypoints"),
        "DARK": refine("refine_keypoints_dark", KERNELS[sigma]),
        "UDP": refine("refine_keypoints_dark_udp", KERNELS[sigma]),
    }


def compare(refinement: ModuleType, options: Options, sigma: float, noise: float) -> dict[str, Any]:
    """Error (rms, of a coordinate, in pixels) of every decoder, and how far the pairs are apart."""
    rng = np.random.default_rng(options.seed)
    points = rng.uniform(SIZE / 2 - 4, SIZE / 2 + 4, size=(options.maps, 2)).astype(np.float32)
    maps = np.asarray(heatmap.encode(jnp.asarray(points), size=(SIZE, SIZE), sigma=sigma))
    maps = (maps + noise * rng.normal(size=maps.shape)).astype(np.float32)
    found = {
        name: np.asarray(heatmap.decode(jnp.asarray(maps), sigma=sigma, decoder=name)) for name in heatmap.DECODERS
    }
    peers = theirs(refinement, maps, sigma)
    row: dict[str, Any] = {
        "ours": {name: float(np.sqrt(((value - points) ** 2).mean())) for name, value in found.items()},
        "mmpose": {name: float(np.sqrt(((value - points) ** 2).mean())) for name, value in peers.items()},
        "apart": {name: float(np.abs(peers[name] - found[ours]).max()) for name, ours in PAIRS.items()},
    }
    if noise:
        bound = heatmap.cramer_rao(jnp.asarray(points), size=(SIZE, SIZE), sigma=sigma, noise=noise)
        row["bound"] = float(np.sqrt(np.trace(np.asarray(bound), axis1=-2, axis2=-1).mean() / 2))
    return row


def main(options: Options) -> dict[str, Any]:
    """Compare every case, print it, and write summary.json."""
    refinement = load(options.mmpose)
    rows: dict[str, Any] = {}
    for sigma in KERNELS:
        for noise in NOISES:
            row = rows[f"sigma {sigma:g}, noise {noise:g}"] = compare(refinement, options, sigma, noise)
            print(f"sigma {sigma:g}, noise {noise:g}: bound {row.get('bound', 0):.4f}")
            for group in ("ours", "mmpose", "apart"):
                print(f"    {group.ljust(7)}", ", ".join(f"{name} {x:.5f}" for name, x in row[group].items()))
    summary = {"options": {"maps": options.maps, "seed": options.seed}, "rows": rows}
    write_summary(output_folder(options.out), summary)
    return summary


if __name__ == "__main__":
    main(tyro.cli(Options))
