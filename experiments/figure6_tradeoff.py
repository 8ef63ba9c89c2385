"""Fig. 6: accuracy and delay against stability, lambda_1 swept, for every baseline and for two stabilizers.

For each lambda_1 every method is tuned or fitted on the training videos by the loss with this lambda_1 and judged on
the test videos. The stabilizers go from one lambda_1 to the next with a few steps, outwards from 1.

Paper:    "Towards Highly Accurate and Stable Face Alignment for High-Resolution Videos" (AAAI 2019), which finds its
          model better than four baselines in NRMSE and in stability, on 300-VW.
Command:  python experiments/figure6_tradeoff.py --out runs/figure6 --source 300vw --frames 300 --fits FOLDER
Cost:     4 minutes of one x86 core a seed with fits of stabilizer_ablation.py, a minute more without.
Figures:  means of three seeds, lambda_1 = 0.1, 0.3, 1, 3, 10; NRMSE and stability in %, delay in frames; raw
          has 1.09, 1.41, 0:
              recommended    NRMSE 0.79 0.79 0.80 0.82 0.89  stability 0.68 0.66 0.63 0.59 0.55  delay 0.38 to 0.68
              paper's model  NRMSE 0.93 0.93 0.96 1.03 1.22  stability 0.76 0.75 0.71 0.65 0.60  delay 0.53 to 1.07
              One Euro       NRMSE 0.91 0.92 0.94 1.01 1.19  stability 0.74 0.73 0.69 0.63 0.58  delay 0.54 to 1.08
              second order   NRMSE 0.95 0.95 0.97 1.03 1.16  stability 0.78 0.77 0.74 0.70 0.69  delay 0.32 to 0.42
              Kalman         NRMSE 0.95 0.96 0.97 1.02 1.16  stability 0.76 0.76 0.74 0.71 0.67  delay 0.29 to 0.66
              Savitzky-Golay NRMSE 1.02 1.02 1.05 1.07 1.17  stability 0.76 0.76 0.72 0.71 0.69  delay 0.30 to 0.59
              first order    NRMSE 0.99 1.00 1.03 1.11 1.32  stability 0.86 0.84 0.80 0.73 0.66  delay 0.54 to 1.24
              moving average NRMSE 1.02 or 1.22             stability 0.88 or 0.71             delay 0.49 or 0.99
              constant speed NRMSE 1.13 1.14 1.16 1.19 1.28  stability 0.85 0.85 0.83 0.81 0.80  delay 0.14 to 0.29
          No point of the recommended model is dominated by any of a baseline, neither in NRMSE and stability, where its
          front lies under all others, nor in delay and stability, where those that follow a velocity are less late
          but never as steady. The paper's claim for its model holds against its four baselines in NRMSE and stability
          together (second order is as exact at lambda_1 = 1, not as steady), not against One Euro, which is slightly
          better in both at every lambda_1.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tyro

from fhr_jax import plots, stabilizer
from fhr_jax.benchmark import baselines
from fhr_jax.benchmark.options import PAPER, RECOMMENDED, BenchmarkOptions, fit_model, fit_models
from fhr_jax.benchmark.scores import Score, score
from fhr_jax.files import output_folder, write_json
from fhr_jax.losses import LossWeights, stabilization

MILLISECONDS = 1000 / 30
"""Of a frame."""


@dataclass(frozen=True)
class Options(BenchmarkOptions):
    """Sweep lambda_1."""

    lambdas: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0)
    """Of the smooth term, ascending, 1 among them."""
    baselines: tuple[str, ...] = tuple(family.name for family in baselines.BASELINES)
    """Names of those to tune."""


def settings(
    family: baselines.BaselineFilter, videos: stabilizer.Videos, lambdas: tuple[float, ...]
) -> list[dict[str, Any]]:
    """The best settings of a baseline at each lambda_1."""
    if family.ranges:
        weights = [LossWeights(smooth=value) for value in lambdas]
        return [baselines.tune(family, videos, weights=w, starts=2, evaluations=100).settings for w in weights]
    # Nothing but windows to choose: the terms of the loss are the same for all lambdas.
    terms = []
    for choice in family.choices:
        output = baselines.smooth(family, choice, videos.observed)
        terms.append(stabilization(output, videos.truth, mask=videos.mask))
    losses = [[float(t.euclidean + 10 * t.delay + value * t.smooth) for t in terms] for value in lambdas]
    return [dict(family.choices[int(np.argmin(row))]) for row in losses]


def sweep_models(options: Options, seed: int, train: stabilizer.Videos) -> dict[str, dict[float, stabilizer.Params]]:
    """Both stabilizers at each lambda_1."""
    middle = fit_models(options, seed, train)
    found = {name: {1.0: params} for name, params in middle.items()}
    steps = max(options.steps // 3, 1)
    below = [value for value in reversed(options.lambdas) if value < 1]
    above = [value for value in options.lambdas if value > 1]
    for side in (below, above):
        params = dict(middle)
        for value in side:
            for name, before in params.items():
                weights = LossWeights(smooth=value)
                params[name] = fit_model(name, train, init_params=before, steps=steps, weights=weights).params
                found[name][value] = params[name]
            print(f"seed {seed}: fitted at lambda_1 = {value}", flush=True)
    return found


def one_seed(options: Options, seed: int) -> dict[str, list[Score]]:
    """Scores of each method at each lambda_1; raw once."""
    train, test = options.videos(seed)
    scores = {"raw": [score(test.observed, test)]}
    for name, found in sweep_models(options, seed, train).items():
        scores[name] = [
            score(stabilizer.run(found[value], test.observed), test, weights=LossWeights(smooth=value))
            for value in options.lambdas
        ]
    for family in baselines.BASELINES:
        if family.name in options.baselines:
            scores[family.name] = [
                score(baselines.smooth(family, chosen, test.observed), test, weights=LossWeights(smooth=value))
                for value, chosen in zip(options.lambdas, settings(family, train, options.lambdas), strict=True)
            ]
            print(f"seed {seed}: tuned {family.name}", flush=True)
    return scores


def dominated(table: dict[str, dict[str, list[float]]], lambdas: tuple[float, ...], x: str) -> list[str]:
    """Where a baseline is at least as good as the recommended model both in `x` and in stability."""
    ours, places = table[RECOMMENDED], []
    for i, value in enumerate(lambdas):
        for name, theirs in table.items():
            for j, other in enumerate(lambdas if len(theirs[x]) > 1 else ("-",)):
                better = abs(theirs[x][j]) <= abs(ours[x][i]) and theirs["stability"][j] <= ours["stability"][i]
                if name not in (RECOMMENDED, PAPER) and better:
                    places.append(f"lambda_1 = {value}, by {name} at {other}")
    return places


def main(options: Options) -> None:
    """Sweep for every seed; print the table, say what dominates what, write both and the plot."""
    folder = output_folder(options.out)
    results = [one_seed(options, seed) for seed in options.seeds]
    means: dict[str, dict[str, list[float]]] = {}
    spreads: dict[str, dict[str, list[float]]] = {}
    for name in results[0]:
        values = np.array([result[name] for result in results])  # (seeds, lambdas, numbers)
        means[name] = dict(zip(Score._fields, values.mean(axis=0).T.tolist(), strict=True))
        spreads[name] = dict(zip(Score._fields, values.std(axis=0).T.tolist(), strict=True))
        print(name)
        for field in ("loss", "nrmse", "stability", "delay"):
            print(f"  {field:10}", "  ".join(f"{v:8.3f}" for v in means[name][field]))
    beaten = {x: dominated(means, options.lambdas, x) for x in ("nrmse", "delay")}
    for x, places in beaten.items():
        print(f"recommended model dominated in stability and {x}:", "; ".join(places) or "nowhere")
    summary = {"options": options.config(), "milliseconds_a_frame": MILLISECONDS, "mean": means, "sd": spreads}
    write_json(folder / "summary.json", summary | {"dominated": beaten})
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
