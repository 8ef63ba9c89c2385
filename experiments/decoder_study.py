"""Bias, deviation and failures of all decoders on heatmaps with known centres, without a network.

The maps are Gaussians at random centres far from the border, degraded in one way at a time: additive noise, noise as
smooth as the map, multiplicative noise (that of logits), a width other than the decoder assumes, a flat top, a second
peak. `bias` is the root mean square, over centres, of the mean error of a coordinate. `deviation` is the standard
deviation about that mean. `rms` combines both. `failures` is the share of points more than 1 px off; the other three
leave these points out. The bound is that of Cramer and Rao (`heatmap.cramer_rao`).

Paper:   Eq. 3-4; it compares argmax, the quarter shift and Eq. 4 on the maps of a network only.
Command: python experiments/decoder_study.py --out runs/decoders
Cost:    two minutes of processor time.
Figures: docs/decoders.md. With noise as smooth as the map the order of the decoders is reversed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from jaxtyping import Array, Float, PRNGKeyArray

from fhr_jax import heatmap, plots
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.files import output_folder

BOUND = "Cramer-Rao bound"
SIZE, SIGMA, NOISE, FAILURE = 32, 1.5, 0.05, 1.0
"""Defaults of the sweeps: side and sigma of the maps in pixels, additive noise; and the error of a failure in px."""

Maps = Float[Array, "n h w p"]
Degradation = Callable[[PRNGKeyArray, Float[Array, "n p 2"], int, float, float], Maps]


@dataclass(frozen=True)
class Options:
    """Measure every decoder under every degradation; OUT gets summary.json and three plots."""

    out: Path
    """Folder for the results."""
    centres: int = 64
    """True centres, the same for all decoders."""
    draws: int = 64
    """Draws of the noise for each centre."""
    seed: int = 0
    """Random seed of centres and noise."""


class Case(NamedTuple):
    """One degradation: its function, its strength, and the size and sigma of the maps."""

    degrade: Degradation
    strength: float
    size: int = SIZE
    sigma: float = SIGMA


def clean(points: Float[Array, "n p 2"], size: int, sigma: float) -> Maps:
    """Noise-free maps."""
    return heatmap.encode(points, size=(size, size), sigma=sigma)


def additive(key: PRNGKeyArray, points: Array, size: int, sigma: float, strength: float) -> Maps:
    """Independent noise on every pixel, in units of the peak."""
    maps = clean(points, size, sigma)
    return maps + strength * jax.random.normal(key, maps.shape)


def smooth(key: PRNGKeyArray, points: Array, size: int, sigma: float, strength: float) -> Maps:
    """Noise blurred by the same Gaussian: like the errors of a network, those of neighbours are correlated."""
    at = np.arange(size)
    blur = np.exp(-((at[:, None] - at[None]) ** 2) / (2 * sigma**2))
    blur = jnp.asarray(blur / np.sqrt((blur**2).sum(axis=1, keepdims=True)), jnp.float32)
    maps = clean(points, size, sigma)
    noise = jnp.einsum("ij,njkp,lk->nilp", blur, jax.random.normal(key, maps.shape), blur)
    return maps + strength * noise


def multiplicative(key: PRNGKeyArray, points: Array, size: int, sigma: float, strength: float) -> Maps:
    """Independent noise on the logarithm of every pixel."""
    maps = clean(points, size, sigma)
    return maps * jnp.exp(strength * jax.random.normal(key, maps.shape))


def mismatch(key: PRNGKeyArray, points: Array, size: int, sigma: float, strength: float) -> Maps:
    """A map `strength` times as wide as the decoder assumes, with a little noise."""
    return additive(key, points, size, strength * sigma, NOISE / 2)


def saturated(key: PRNGKeyArray, points: Array, size: int, sigma: float, strength: float) -> Maps:
    """Values above `strength` cut off, with a little noise."""
    maps = jnp.minimum(clean(points, size, sigma), strength)
    return maps + NOISE / 2 * strength * jax.random.normal(key, maps.shape)


def two_peaks(key: PRNGKeyArray, points: Array, size: int, sigma: float, strength: float) -> Maps:
    """A second Gaussian, 0.6 as high, `strength` sigma away in any direction, with a little noise."""
    angle_key, noise_key = jax.random.split(key)
    angle = jax.random.uniform(angle_key, points.shape[:-1], maxval=2 * jnp.pi)
    other = points + strength * sigma * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)
    return additive(noise_key, points, size, sigma, NOISE / 2) + 0.6 * clean(other, size, sigma)


SWEEPS: dict[str, tuple[str, dict[float, Case]]] = {
    "additive": ("noise, shares of the peak", {s: Case(additive, s) for s in (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)}),
    "sigma": ("sigma, px", {s: Case(additive, NOISE, 48, s) for s in (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)}),
    "size": ("side of the map, px", {s: Case(additive, 0.2, s) for s in (16, 32, 64, 128)}),
    "smooth": ("smooth noise, shares of the peak", {s: Case(smooth, s) for s in (0.01, 0.02, 0.05, 0.1, 0.2)}),
    "multiplicative": ("noise of the logarithm", {s: Case(multiplicative, s) for s in (0.02, 0.05, 0.1, 0.2, 0.4)}),
    "mismatch": ("true over assumed sigma", {s: Case(mismatch, s) for s in (0.6, 0.8, 0.9, 1.0, 1.1, 1.25, 1.6)}),
    "saturated": ("height where it is cut off", {s: Case(saturated, s) for s in (0.5, 0.7, 0.8, 0.9, 1.0)}),
    "two peaks": ("distance, sigma", {s: Case(two_peaks, s) for s in (0.5, 1.0, 1.5, 2.0, 3.0, 5.0)}),
}
"""Name of a sweep to the label of what changes, and one case for each value of it."""


@partial(jax.jit, static_argnames=("case", "draws"))
def degraded(key: PRNGKeyArray, points: Float[Array, "p 2"], case: Case, draws: int) -> Maps:
    """Maps (draws, H, W, P) of one case."""
    return case.degrade(
        key, jnp.broadcast_to(points[None], (draws, *points.shape)), case.size, case.sigma, case.strength
    )


def figures(errors: Float[np.ndarray, "n p 2"]) -> dict[str, float]:
    """Bias, deviation and rms of a coordinate in pixels without the failures, and the share of failures."""
    kept = (np.hypot(errors[..., 0], errors[..., 1]) <= FAILURE)[..., None]
    number = np.maximum(kept.sum(axis=0), 1)
    mean = np.where(kept, errors, 0).sum(axis=0) / number
    variance = np.where(kept, (errors - mean) ** 2, 0).sum(axis=0) / np.maximum(number - 1, 1)
    # The mean of few draws has a random error of deviation / sqrt(number), which is no bias.
    bias = np.maximum((mean**2 - variance / number).mean(), 0)
    return {
        "bias": float(np.sqrt(bias)),
        "deviation": float(np.sqrt(variance.mean())),
        "rms": float(np.sqrt(bias + variance.mean())),
        "failures": float(1 - kept.mean()),
    }


def limit(case: Case, points: Float[np.ndarray, "p 2"]) -> float | None:
    """The bound on the deviation of a coordinate, for independent additive noise only."""
    noise = {additive: case.strength}.get(case.degrade)
    if not noise:
        return None
    bound = heatmap.cramer_rao(jnp.asarray(points), size=(case.size, case.size), sigma=case.sigma, noise=noise)
    return float(np.sqrt(np.trace(np.asarray(bound), axis1=-2, axis2=-1).mean() / 2))


def study(options: Options) -> Iterator[tuple[str, float, dict[str, dict[str, float]]]]:
    """Yield sweep, value, and the figures of every decoder."""
    centre_key, noise_key = jax.random.split(jax.random.key(options.seed))
    fraction = np.asarray(jax.random.uniform(centre_key, (options.centres, 2)), np.float32)
    for name, (_, cases) in SWEEPS.items():
        for value, case in cases.items():
            points = (case.size // 2 - 0.5 + fraction).astype(np.float32)
            maps = degraded(noise_key, jnp.asarray(points), case, options.draws)
            table = {}
            for decoder in heatmap.DECODERS:
                found = np.asarray(heatmap.decode(maps, sigma=case.sigma, decoder=decoder), np.float64)
                table[decoder] = figures(found - points)
            bound = limit(case, points)
            if bound is not None:
                table[BOUND] = {"bias": 0.0, "deviation": bound, "rms": bound, "failures": 0.0}
            yield name, value, table


def draw(folder: Path, rows: dict[str, dict[float, dict[str, dict[str, float]]]]) -> None:
    """Draw noise.png (independent noise), kinds.png (other noise, another width) and peaks.png (other shapes)."""
    shown: list[str] = [decoder for decoder in heatmap.DECODERS if decoder != "paper_unclamped"]

    def line(sweep: str, decoder: str, figure: str) -> tuple[np.ndarray, np.ndarray]:
        values = [value for value in rows[sweep] if decoder in rows[sweep][value] and value > 0]
        return np.array(values), np.array([rows[sweep][value][decoder][figure] for value in values])

    def panels(names: list[str], sweeps: list[tuple[str, str]], path: Path, **style: Any) -> None:
        labels = [(SWEEPS[sweep][0], "failures" if figure == "failures" else "error, px") for sweep, figure in sweeps]
        curves = {name: [line(sweep, name, figure) for sweep, figure in sweeps] for name in names}
        plots.save(path, plots.sweeps(curves, labels=labels, highlight=["least_squares", BOUND], **style))

    panels([*shown, BOUND], [("additive", "rms"), ("sigma", "rms")], folder / "noise.png", logarithmic="y")
    kinds = [("smooth", "rms"), ("multiplicative", "rms"), ("mismatch", "rms")]
    panels(shown, kinds, folder / "kinds.png", from_zero=True)
    peaks = [("saturated", "rms"), ("two peaks", "rms"), ("size", "failures")]
    panels(shown, peaks, folder / "peaks.png", from_zero=True)


def main(options: Options) -> dict[str, Any]:
    """Measure, print one line per decoder and case, draw, and write summary.json."""
    rows: dict[str, dict[float, dict[str, dict[str, float]]]] = {name: {} for name in SWEEPS}
    for sweep, value, table in study(options):
        rows[sweep][value] = table
        print(f"{sweep} {value:g}")
        for decoder, row in table.items():
            print(f"    {decoder.ljust(16)}", "  ".join(f"{figure} {x:.4f}" for figure, x in row.items()))
    folder = output_folder(options.out)
    draw(folder, rows)
    summary = {
        "options": {"centres": options.centres, "draws": options.draws, "seed": options.seed},
        "base": {"size": SIZE, "sigma": SIGMA, "noise": NOISE},
        "sweeps": {name: {f"{value:g}": table for value, table in sweep.items()} for name, sweep in rows.items()},
        "jax": jax.__version__,
    }
    write_summary(folder, summary)
    return summary


if __name__ == "__main__":
    main(tyro.cli(Options))
