"""Fig. 7: the stabilizer against the second-order filter, on time delay and on complex motion.

Filters are tuned and stabilizers fitted on the training videos. They are scored on known synthetic motion patterns
(step, ramp, turn back, oscillation, a turned head that blinks), observed many times with the noise of the synthetic
tracks, and on the frames of the test videos in which the face moves fastest.

Paper:    "Towards Highly Accurate and Stable Face Alignment for High-Resolution Videos" (AAAI 2019): the paper's
          model is much better than second order on complex motion, and has less delay.
Command:  python experiments/figure7_second_order.py --out runs/figure7 --data 300vw --frames 300 --fits FOLDER
Cost:     70 seconds of processor time for three seeds with fits of stabilizer_ablation.py.
Figures:  docs/results.md, "Delay, and complex movement". The paper's claim does not hold here for its model.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from fhr_jax import plots, stabilizer
from fhr_jax.benchmark import baselines, motion_patterns
from fhr_jax.benchmark.options import BenchmarkOptions, fit_models
from fhr_jax.benchmark.scores import score
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.data.synthetic import detector_noise

FASTEST = "test videos, fastest quarter of the frames"
BEFORE = 10
"""Frames to draw before each part of the motion pattern."""


@dataclass(frozen=True)
class Options(BenchmarkOptions):
    """Compare with the second-order filter."""

    draws: int = 24
    """How many noisy observations of the motion pattern to score."""


def one_seed(options: Options, seed: int) -> tuple[dict[str, dict[str, Any]], dict[str, np.ndarray]]:
    """Scores by part and method; the output of each method for the first observation of the motion pattern."""
    train, test = options.videos(seed)
    methods: dict[str, Callable[[jax.Array], jax.Array]] = {"raw": lambda observed: observed}
    for baseline in (baselines.SECOND_ORDER, baselines.ONE_EURO):
        methods[baseline.name] = partial(
            baselines.smooth, baseline, baselines.tune(baseline, train, evaluations=100).settings
        )
    models = fit_models(options, seed, train)
    methods |= {name: partial(stabilizer.run, params) for name, params in models.items()}

    pattern = motion_patterns.motion_pattern()
    keys = jax.random.split(jax.random.key(1000 + seed), options.draws)
    observed = jax.vmap(lambda key: detector_noise.observe(key, pattern.truth, detector_noise.DetectorNoise()))(keys)
    videos = stabilizer.as_videos(observed, jnp.broadcast_to(pattern.truth[None], observed.shape))
    speed = jnp.linalg.norm(jnp.diff(test.truth, axis=1, prepend=test.truth[:, :1]), axis=-1).mean(axis=-1)
    fastest = test._replace(mask=test.mask & (speed >= jnp.quantile(speed[test.mask], 0.75)))

    scores: dict[str, dict[str, Any]] = {part: {} for part in (*pattern.parts, FASTEST)}
    tracks = {}
    for name, method in methods.items():
        output = method(videos.observed)
        tracks[name] = np.asarray(output[0])
        for part, frames in pattern.parts.items():
            inside = jnp.zeros(videos.mask.shape, bool).at[:, frames].set(True)
            scores[part][name] = score(output, videos._replace(mask=inside))
        scores[FASTEST][name] = score(method(test.observed), fastest)
    return scores, tracks


def main(options: Options) -> None:
    """Compare for every seed, print the tables, and write summary.json and a picture of each motion pattern."""
    folder = options.begin()
    results = [one_seed(options, seed) for seed in options.seeds]
    summary: dict[str, dict[str, Any]] = {}
    for part, methods in results[0][0].items():
        print(part)
        for name in methods:
            row = {}
            for field in ("nrmse", "stability", "delay"):
                values = [getattr(scores[part][name], field) for scores, _ in results]
                # The delay of scattered single frames is not meaningful.
                if np.isfinite(values).all() and not (part == FASTEST and field == "delay"):
                    row[field] = {"mean": float(np.mean(values)), "sd": float(np.std(values))}
            summary.setdefault(part, {})[name] = row
            print(f"  {name:16}", "  ".join(f"{k} {v['mean']:.3f} ± {v['sd']:.3f}" for k, v in row.items()))
    write_summary(folder, {"options": options.config(), "parts": summary})
    pattern, tracks = motion_patterns.motion_pattern(), results[0][1]
    for part, frames in pattern.parts.items():
        shown = (frames.start - BEFORE, frames.stop)
        name = part.replace(" ", "_")
        # The blinks show in y of an upper eyelid, the other patterns in x of the tip of the nose.
        landmark, axis = (37, "y") if "blinks" in part else (30, "x")
        figure = plots.trajectories(pattern.truth, tracks, landmark=landmark, axis=axis, frames=shown)
        plots.save(folder / f"{name}.png", figure)


if __name__ == "__main__":
    main(tyro.cli(Options))
