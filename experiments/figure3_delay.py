"""Fig. 3: the effect of the stabilizer on the delay (a), and on the size (b) and angle (c) of the motion error.

(a) is a part of a test video, with a stabilizer fitted by the whole loss and one fitted without the delay term. (b) is
E|dx - dp|^2 and (c) the mean absolute angle between dx and dp, for each landmark over the test videos. dx is the motion
of the output per frame, dp that of the truth.

Paper:    "Towards Highly Accurate and Stable Face Alignment for High-Resolution Videos" (AAAI 2019): the stabilizer
          reduces (b) and (c) for every landmark. Its output is closer to the truth, and late without the delay term.
Command:  python experiments/figure3_delay.py --out runs/figure3 --data 300vw --frames 300 --fits FOLDER
Cost:     40 seconds of processor time for three seeds with fits of stabilizer_ablation.py.
Figures:  docs/results.md, "Delay, and complex movement". (b) and (c) hold; (a) does not: in fast turns the paper's
          model is late, and leaving out the delay term makes no visible difference.
"""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
import tyro

from fhr_jax import metrics, plots, stabilizer
from fhr_jax.benchmark.options import PAPER, RECOMMENDED, BenchmarkOptions, fit_further, fit_models
from fhr_jax.benchmark.scores import score
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.losses import LossWeights

WITHOUT_DELAY_TERM = "paper's model, lambda_2 = 0"


@dataclass(frozen=True)
class Options(BenchmarkOptions):
    """Measure the motion error of each landmark."""

    window: int = 80
    """Frames to draw: the part of this length in which the face moves most."""


def one_seed(options: Options, seed: int) -> tuple[dict[str, Any], stabilizer.Videos, dict[str, np.ndarray]]:
    """For each method the squared motion error (M,), its angle (M,) and the delay; the test videos; all outputs."""
    train, test = options.videos(seed)
    models = fit_models(options, seed, train)
    weights = LossWeights(delay=0.0)
    models[WITHOUT_DELAY_TERM] = fit_further(options, seed, PAPER, train, init_params=models[PAPER], weights=weights)
    tracks = {"raw": test.observed} | {name: stabilizer.run(params, test.observed) for name, params in models.items()}
    found = {}
    for name, track in tracks.items():
        moved = metrics.motion(track, test.truth, mask=test.mask)
        found[name] = [np.asarray(jnp.nanmean(part, axis=0)) for part in moved] + [score(track, test).delay]
    return found, test, {name: np.asarray(track) for name, track in tracks.items()}


def most_motion(videos: stabilizer.Videos, window: int) -> tuple[int, int]:
    """Video and first frame of the `window` scored frames with the longest path of the truth."""
    speed = np.linalg.norm(np.diff(np.asarray(videos.truth), axis=1), axis=-1).mean(axis=-1)
    mask = np.asarray(videos.mask)
    scored = np.where(mask[:, 1:] & mask[:, :-1], speed, -speed.max())
    total = np.stack([np.convolve(row, np.ones(window - 1), mode="valid") for row in scored])
    video, frame = np.unravel_index(total.argmax(), total.shape)
    return int(video), int(frame)


def main(options: Options) -> None:
    """Measure for every seed, print the means, and write summary.json, landmarks.png and trajectory.png."""
    folder = options.begin()
    results = [one_seed(options, seed) for seed in options.seeds]
    means: dict[str, list[np.ndarray]] = {}
    summary: dict[str, Any] = {}
    for name in results[0][0]:
        parts = list(zip(*(found[name] for found, *_ in results), strict=True))
        means[name] = [np.mean(part, axis=0) for part in parts]
        raw = means["raw"]
        summary[name] = {
            "squared": float(means[name][0].mean()),
            "angle": float(means[name][1].mean()),
            "delay": float(means[name][2]),
            "delay_sd": float(np.std(parts[2])),
            "landmarks_with_smaller_motion_error": int((means[name][0] < raw[0]).sum()),
            "landmarks_with_smaller_angle": int((means[name][1] < raw[1]).sum()),
        }
        print(f"{name:30}", summary[name])
    write_summary(folder, {"options": options.config(), "methods": summary})
    shown = ("raw", PAPER, RECOMMENDED)
    landmark = np.arange(len(means["raw"][0]))
    angles = plots.sweeps(
        {name: [(landmark, means[name][0]), (landmark, means[name][1])] for name in shown},
        labels=[("landmark (from 0)", "E |dx - dp|², px²"), ("landmark (from 0)", "mean angle of dx to dp, degrees")],
    )
    plots.save(folder / "landmarks.png", angles)
    _, test, tracks = results[0]
    video, frame = most_motion(test, min(options.window, test.mask.shape[1]))
    trajectory = plots.trajectories(
        test.truth[video],
        {name: track[video] for name, track in tracks.items()},
        frames=(frame, frame + min(options.window, test.mask.shape[1])),
    )
    plots.save(folder / "trajectory.png", trajectory)


if __name__ == "__main__":
    main(tyro.cli(Options))
