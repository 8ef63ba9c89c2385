"""Table 3: the stabilizer without the delay term, with the midpoint as smooth term, and with both changes.

Two stabilizers are fitted by the whole loss. From there, they are fitted further by the loss with lambda_2 = 0, with
lambda_3 = infinity, and with both. All are scored by NRMSE and stability on the test videos, like the raw tracks.

Paper:    "Towards Highly Accurate and Stable Face Alignment for High-Resolution Videos" (AAAI 2019): NRMSE/stability
          on 300-VW, scenario 1: raw 5.07/2.79, whole loss 4.42/1.67, lambda_2 = 0 5.55/1.64, lambda_3 = infinity
          4.40/1.78, both 4.49/1.68.
Command:  python experiments/table3_loss_terms.py --out runs/table3 --data 300vw --frames 300 --fits FOLDER
Cost:     four minutes of processor time for three seeds with fits of stabilizer_ablation.py.
Figures:  docs/results.md, "The terms of the loss"; fitted further by a third of the steps for each changed loss, and
          longer fits may differ more.
"""

from dataclasses import dataclass

import tyro

from fhr_jax import plots, stabilizer
from fhr_jax.benchmark.options import BenchmarkOptions, fit_further, fit_models
from fhr_jax.benchmark.scores import Score, over_seeds, score
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.losses import LossWeights

WHOLE = "whole loss"
LOSSES = {
    WHOLE: LossWeights(),
    "lambda_2 = 0": LossWeights(delay=0.0),
    "lambda_3 = inf": LossWeights(even_steps=float("inf")),
    "lambda_2 = 0, lambda_3 = inf": LossWeights(delay=0.0, even_steps=float("inf")),
}


@dataclass(frozen=True)
class Options(BenchmarkOptions):
    """Fit with and without the terms of the loss."""


def one_seed(options: Options, seed: int) -> dict[str, Score]:
    """Scores of the test videos by "model: loss"."""
    train, test = options.videos(seed)
    whole = fit_models(options, seed, train)
    scores = {"raw": score(test.observed, test)}
    for name, weights in LOSSES.items():
        for model, params in whole.items():
            if name != WHOLE:
                params = fit_further(options, seed, model, train, init_params=params, weights=weights)
            found = scores[f"{model}: {name}"] = score(stabilizer.run(params, test.observed), test)
            print(f"seed {seed}  {model}: {name}  NRMSE {found.nrmse:.3f}  stability {found.stability:.3f}", flush=True)
    return scores


def main(options: Options) -> None:
    """Fit for every seed, print the table, and write summary.json and terms.png."""
    folder = options.begin()
    results = [one_seed(options, seed) for seed in options.seeds]
    table = {name: over_seeds([scores[name] for scores in results]) for name in results[0]}
    for name, row in table.items():
        print(f"{name:46}", "  ".join(f"{k} {v['mean']:.3f} ± {v['sd']:.3f}" for k, v in row.items()))
    write_summary(folder, {"options": options.config(), "table": table})
    # Without the raw tracks, which are so far away that the other points would overlap.
    points = {name: (row["nrmse"]["mean"], row["stability"]["mean"]) for name, row in table.items() if name != "raw"}
    plots.save(folder / "terms.png", plots.accuracy_stability(points))


if __name__ == "__main__":
    main(tyro.cli(Options))
