"""What the confidence of a net is worth: on synthetic faces, on photographs, and to the stabilizer.

Paper:   has no calibration; it mentions the height of the peak only. `fhr-jax calibrate` fits one.
Command: python experiments/confidence.py --out runs/confidence
         python experiments/confidence.py --out runs/own --net runs/own/net.npz --data photographs/
Cost:    about 3 minutes on one x86 core, a quarter of it compiling.
Figures: docs/decoders.md, "Confidence".
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from fhr_jax import calibrate, geometry, losses, metrics, pipeline, plots, stabilizer, weights
from fhr_jax.benchmark.options import as_config
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.cli.options import optional
from fhr_jax.data import faces
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.data.synthetic.render_clip import render_clip
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder
from fhr_jax.reports import calibration as report
from fhr_jax.weights import Net

CROP = 256.0
"""Losses of clips are in pixels of a crop of this side, as in the other experiments."""


@dataclass(frozen=True)
class Options:
    """Check the calibration of a net; OUT gets summary.json and reliability.png."""

    out: Path
    """Folder for the results."""
    net: Annotated[Path | None, optional("FILE")] = None
    """A net that `fhr-jax train` or `fhr-jax calibrate` wrote; default: the net in the package."""
    faces: int = 512
    """Number of synthetic faces."""
    data: Annotated[Path | None, optional("DIR")] = None
    """A folder of photographs with .pts files for another check; default: none."""
    clips: int = 12
    """Number of synthetic clips, tracked with and without confidence weights; 0 skips this."""
    frames: int = 80
    """Frames of each clip."""
    seed: int = 0
    """Random seed of faces and clips."""


def track(net: Net, images: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Landmarks (T, 68, 2) of a clip as `fhr-jax track` finds them, given the box of the first frame."""
    found = pipeline.align_video(net, images, box=geometry.box_of(points[0]), min_confidence=0.0)
    return np.stack([face.points for face in found])


def on_clips(net: Net, key: jax.Array, options: Options) -> dict[str, Any]:
    """Loss and steadiness with and without confidence weights, on degraded clips."""
    nets = {"without": net._replace(calibration=None), "with": net}
    rows: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in nets}
    for i in range(options.clips):
        clip_key, film_key = jax.random.split(jax.random.fold_in(key, i))
        shot = render_clip(film_key, faces.clip(clip_key, options.frames), size=256)
        images = np.asarray(np.round(255 * np.asarray(shot.images)), np.uint8)
        truth = np.asarray(shot.points)
        scale = CROP / float(geometry.landmark_square(jnp.asarray(truth[0]))[1])
        for name, one in nets.items():
            points = track(one, images, truth)
            centred, known = (jnp.asarray(a) for a in (stabilizer.without_bias(points, truth), truth))
            rows[name].append(
                (
                    float(losses.stabilization(scale * centred, scale * known).total),
                    float(metrics.stability(points, truth)),
                    float(metrics.delay(centred, known)),
                    float(metrics.nrmse(points, truth).mean()),
                )
            )
    figures = {name: np.array(values) for name, values in rows.items()}
    ratio = figures["with"][:, 0] / figures["without"][:, 0]
    names = ("loss", "stability", "delay", "nrmse")
    return {
        **{name: dict(zip(names, values.mean(axis=0).tolist(), strict=True)) for name, values in figures.items()},
        "loss_ratio": {"mean": float(ratio.mean()), "standard_error": float(ratio.std() / np.sqrt(len(ratio)))},
    }


def main(options: Options) -> dict[str, Any]:
    """Check, print, and write summary.json and reliability.png."""
    net = weights.load(options.net)
    if net.calibration is None:
        raise InputError(f"{options.net}: the net has no calibration; fhr-jax calibrate fits one")
    face_key, clip_key = jax.random.split(jax.random.key(options.seed))
    synthetic = calibrate.synthetic_faces(face_key, net.config.crop, faces=options.faces)
    checked = {"synthetic faces": calibrate.collect(net, synthetic)}
    if options.data is not None:
        checked["photographs"], _ = calibrate.collect_records(net, open_dataset(options.data))
    levels = report.LEVELS
    reliability = {name: calibrate.reliability(net.calibration, one, levels=levels) for name, one in checked.items()}
    summary: dict[str, Any] = {
        "options": as_config(options),
        "reliability": report.as_json(reliability),
        "log_likelihood_of_a_constant": {
            name: calibrate.constant_log_likelihood(one, one) for name, one in checked.items()
        },
    }
    for line in report.in_words(reliability):
        print(line)
    if options.clips:
        summary["clips"] = on_clips(net, clip_key, options)
        for name, row in summary["clips"].items():
            print(name.ljust(12), "  ".join(f"{figure} {value:.4f}" for figure, value in row.items()))
    folder = output_folder(options.out)
    plots.save(folder / "reliability.png", report.figure(reliability))
    write_summary(folder, summary)
    return summary


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
