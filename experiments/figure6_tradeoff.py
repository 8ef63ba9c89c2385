"""Fig. 6: accuracy and delay against stability for a sweep of lambda_1, for all baselines and two stabilizers.

For each lambda_1, every method is tuned or fitted on the training videos by the loss with this lambda_1, and scored on
the test videos. Each fit of a stabilizer continues the one at the neighbouring lambda_1 with a few steps, outwards
from 1. The smoother with the default parameters is scored beside them, at several frames of look-ahead.

Paper:    "Towards Highly Accurate and Stable Face Alignment for High-Resolution Videos" (AAAI 2019): on 300-VW
          the paper's model is better than four baselines in NRMSE and in stability.
Command:  python experiments/figure6_tradeoff.py --out runs/figure6 --data 300vw --frames 300 --fits FOLDER
Cost:     eleven minutes of processor time for three seeds with fits of stabilizer_ablation.py.
Figures:  docs/results.md, "Accuracy against smoothness". The paper's claim holds for its model against its four
          baselines in NRMSE and stability together. It does not hold against One Euro, which is slightly better in
          both at every lambda_1.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tyro

from fhr_jax import plots, stabilizer
from fhr_jax.benchmark import baselines
from fhr_jax.benchmark.options import LOOK_AHEAD, PAPER, RECOMMENDED, BenchmarkOptions, fit_further, fit_models
from fhr_jax.benchmark.scores import Score, score
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.losses import LossWeights, stabilization

MILLISECONDS = 1000 / 30
"""Duration of a frame."""


@dataclass(frozen=True)
class Options(BenchmarkOptions):
    """Sweep lambda_1."""

    lambdas: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0)
    """Weights of the smooth term, ascending; must include 1."""
    baselines: tuple[str, ...] = tuple(baseline.name for baseline in baselines.BASELINES)
    """Names of the baselines to tune."""


def settings(
    baseline: baselines.BaselineFilter, videos: stabilizer.Videos, lambdas: tuple[float, ...]
) -> list[dict[str, Any]]:
    """The best settings of a baseline on the training videos at each lambda_1."""
    if baseline.ranges:
        weights = [LossWeights(smooth=value) for value in lambdas]
        return [baselines.tune(baseline, videos, weights=w, starts=2, evaluations=100).settings for w in weights]
    # Only windows to choose: the terms of the loss are the same for all lambdas and computed once.
    terms = []
    for choice in baseline.choices:
        output = baselines.smooth(baseline, choice, videos.observed)
        terms.append(stabilization(output, videos.truth, mask=videos.mask))
    losses = [[float(t.euclidean + 10 * t.delay + value * t.smooth) for t in terms] for value in lambdas]
    return [dict(baseline.choices[int(np.argmin(row))]) for row in losses]


def sweep_models(options: Options, seed: int, train: stabilizer.Videos) -> dict[str, dict[float, stabilizer.Params]]:
    """The parameters of both stabilizers at each lambda_1, by model."""
    at_one = fit_models(options, seed, train)
    fitted = {name: {1.0: params} for name, params in at_one.items()}
    below = [value for value in reversed(options.lambdas) if value < 1]
    above = [value for value in options.lambdas if value > 1]
    for direction in (below, above):
        params = dict(at_one)
        for value in direction:
            for name, before in params.items():
                weights = LossWeights(smooth=value)
                params[name] = fit_further(options, seed, name, train, init_params=before, weights=weights)
                fitted[name][value] = params[name]
            print(f"seed {seed}: fitted at lambda_1 = {value}", flush=True)
    return fitted


def one_seed(options: Options, seed: int) -> dict[str, list[Score]]:
    """Scores of each method at each lambda_1; of the raw tracks, and of those with look-ahead, once."""
    train, test = options.videos(seed)
    scores = {"raw": [score(test.observed, test)]}
    for name, fitted in sweep_models(options, seed, train).items():
        scores[name] = [
            score(stabilizer.run(fitted[value], test.observed), test, weights=LossWeights(smooth=value))
            for value in options.lambdas
        ]
    for baseline in baselines.BASELINES:
        if baseline.name in options.baselines:
            scores[baseline.name] = [
                score(baselines.smooth(baseline, chosen, test.observed), test, weights=LossWeights(smooth=value))
                for value, chosen in zip(options.lambdas, settings(baseline, train, options.lambdas), strict=True)
            ]
            print(f"seed {seed}: tuned {baseline.name}", flush=True)
    params = stabilizer.default_params()
    for name, lag in LOOK_AHEAD.items():
        scores[name] = [score(stabilizer.smooth(params, test.observed, lag=lag), test)]
    return scores


def dominated(table: dict[str, dict[str, list[float]]], lambdas: tuple[float, ...], x: str) -> list[str]:
    """The points of the recommended model that a baseline matches or beats in both `x` and stability.

    Args:
        table: method to its scores at each lambda_1.
        lambdas: of the sweep.
        x: name of the score, "nrmse" or "delay".
    """
    recommended, points = table[RECOMMENDED], []
    for i, value in enumerate(lambdas):
        for name, row in table.items():
            for j, other in enumerate(lambdas if len(row[x]) > 1 else ("-",)):
                better = abs(row[x][j]) <= abs(recommended[x][i]) and row["stability"][j] <= recommended["stability"][i]
                if name not in (RECOMMENDED, PAPER, *LOOK_AHEAD) and better:
                    points.append(f"lambda_1 = {value}, by {name} at {other}")
    return points


def main(options: Options) -> None:
    """Sweep for every seed, print the scores and the dominated points, and write summary.json and tradeoff.png."""
    folder = options.begin()
    results = [one_seed(options, seed) for seed in options.seeds]
    means: dict[str, dict[str, list[float]]] = {}
    deviations: dict[str, dict[str, list[float]]] = {}
    for name in results[0]:
        values = np.array([result[name] for result in results])  # (seeds, lambdas, numbers)
        means[name] = dict(zip(Score._fields, values.mean(axis=0).T.tolist(), strict=True))
        deviations[name] = dict(zip(Score._fields, values.std(axis=0).T.tolist(), strict=True))
        print(name)
        for field in ("loss", "nrmse", "stability", "delay"):
            print(f"  {field:10}", "  ".join(f"{v:8.3f}" for v in means[name][field]))
    dominated_points = {x: dominated(means, options.lambdas, x) for x in ("nrmse", "delay")}
    for x, points in dominated_points.items():
        print(f"recommended model dominated in stability and {x}:", "; ".join(points) or "nowhere")
    summary = {"options": options.config(), "milliseconds_a_frame": MILLISECONDS, "mean": means, "sd": deviations}
    write_summary(folder, summary | {"dominated": dominated_points})
    curves = {
        name: [
            (row["nrmse"], row["stability"]),
            (row["delay"], row["stability"]),
            (MILLISECONDS * np.array(row["delay"]), row["stability"]),
        ]
        for name, row in means.items()
    }
    labels = [(x, "stability, %") for x in ("NRMSE, %", "delay, frames", "delay, ms at 30 frames a second")]
    figure = plots.sweeps(curves, labels=labels, highlight=[RECOMMENDED, PAPER])
    plots.save(folder / "tradeoff.png", figure)


if __name__ == "__main__":
    main(tyro.cli(Options))
