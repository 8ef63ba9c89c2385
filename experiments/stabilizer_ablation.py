"""Ablation of the stabilizer: held-out loss of baselines, of the paper's model, and of its extensions.

All methods are tuned or fitted on the training videos of `benchmark.protocol` by the same loss (lambdas 1, 10, 1) and
scored on its test videos. Baselines are tuned by a grid and a simplex. The paper's model and the extensions without a
network are fitted by annealed L-BFGS from the paper's initial parameters. Those with a network are fitted by Adam, once
from initial parameters that are estimated from the videos, and once (recommended) from the pretrained parameters, which
were fitted on synthetic tracks. The smoother with the default parameters is not fitted; it is no rival of the causal
methods, but shows what look-ahead is worth.

Paper:    "Towards Highly Accurate and Stable Face Alignment for High-Resolution Videos" (AAAI 2019); it has no
          ablation of the model, and does not say how its four baselines were tuned.
Command:  python experiments/stabilizer_ablation.py --out runs/ablation --data 300vw --frames 300
Cost:     21 minutes of processor time for three seeds.
Figures:  docs/results.md, "The stabilizer on unseen motion". Differences between the extensions are known to a few
          hundredths of a ratio only: fitted by the simplex and then by L-BFGS, "+ velocity" was a few hundredths
          better. Starting from the pretrained parameters also preserves blinks, see `blinks.py`. The number of steps
          was chosen by looking at seed 0.
"""

import re
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from fhr_jax import markup, plots, stabilizer
from fhr_jax.benchmark import baselines
from fhr_jax.benchmark.options import FILES, LOOK_AHEAD, PAPER, RECOMMENDED, BenchmarkOptions, kept
from fhr_jax.benchmark.scores import Score, over_seeds, score
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.stabilizer.extensions import responsibilities
from fhr_jax.stabilizer.fit.gradient import ANNEALING

REGIONS = (markup.JAW, sum(markup.BROWS, ()), markup.NOSE_BRIDGE + markup.NOSE_BASE, sum(markup.EYES, ()))
TARGET = 0.80
PRETRAINED = "default_params(), not fitted"


@dataclass(frozen=True)
class Options(BenchmarkOptions):
    """Compare the stabilizer and its extensions with tuned baselines."""

    only: tuple[str, ...] = ()
    """Names of the methods to run, by default all. They must include the recommended model and a baseline."""


def initial_params(key: jax.Array, videos: stabilizer.Videos) -> dict[str, stabilizer.Params]:
    """Initial parameters of each model."""
    paper, size = stabilizer.paper_init(videos), videos.truth[0, 0].size
    half = jnp.full(2, 0.5)
    velocity = paper._replace(velocity=stabilizer.Velocity(half, half, half))
    region = np.full(size // 2, len(REGIONS))
    for number, points in enumerate(REGIONS):
        region[list(points)] = number
    by_direction, third = stabilizer.Responsibilities(jnp.ones(())), jnp.full(3, 0.5)
    three = stabilizer.paper_init(videos, components=3)
    return {
        PAPER: paper,
        "+ velocity": velocity,
        "+ velocity, temperature": velocity._replace(
            responsibilities=responsibilities.single_group(size, temperature=10.0)
        ),
        "+ velocity, by region": velocity._replace(responsibilities=responsibilities.by_region(paper.basis, region)),
        "+ velocity, by direction": velocity._replace(responsibilities=by_direction),
        "+ velocity, by direction, K = 3": three._replace(
            responsibilities=by_direction, velocity=stabilizer.Velocity(third, third, third)
        ),
        "+ velocity, by direction, network": stabilizer.extended_init(key, videos),
        RECOMMENDED: stabilizer.default_params(),
    }


def one_seed(options: Options, seed: int) -> tuple[dict[str, Score], dict[str, float]]:
    """Scores on the test videos and losses on the training videos, by method."""
    train, test = options.videos(seed)
    scores, losses = {}, {}

    def record(name: str, output: jax.Array, loss: float) -> None:
        scores[name], losses[name] = score(output, test), loss
        print(f"seed {seed}  {name:42} {loss:7.1f} training {scores[name].loss:7.1f} held out", flush=True)

    for baseline in (baselines.RAW, *baselines.BASELINES, *baselines.REFERENCES):
        if options.only and baseline.name not in options.only:
            continue
        tuned = baselines.tune(baseline, train)
        record(baseline.name, baselines.smooth(baseline, tuned.settings, test.observed), tuned.loss)
    key = jax.random.key(seed)
    for name, start in initial_params(key, train).items():
        if options.only and name not in options.only:
            continue

        def fit(start: stabilizer.Params = start) -> stabilizer.Params:
            if start.recurrent is None:
                found = stabilizer.fit_gradient(train, init_params=start, annealing=ANNEALING, steps=options.steps)
            else:
                found = stabilizer.fit_recommended(train, init_params=start, steps=options.steps)
            return found.params

        # The two models that other experiments read have names of their own.
        file = FILES.get(name, re.sub(r"\W+", "_", name.removeprefix("+ ")) + "_{}.npz").format(seed)
        params = kept((options.fits or options.out) / file, fit)
        record(name, stabilizer.run(params, test.observed), score(stabilizer.run(params, train.observed), train).loss)
    if PRETRAINED in options.only or not options.only:
        params = stabilizer.default_params()
        record(
            PRETRAINED, stabilizer.run(params, test.observed), score(stabilizer.run(params, train.observed), train).loss
        )
    for name, lag in LOOK_AHEAD.items():
        if options.only and name not in options.only:
            continue
        smooth = partial(stabilizer.smooth, stabilizer.default_params(), lag=lag)
        record(name, smooth(test.observed), score(smooth(train.observed), train).loss)
    return scores, losses


def report(options: Options, results: list[tuple[dict[str, Score], dict[str, float]]]) -> None:
    """Print the table of these seeds, and write summary.json and loss.png."""
    causal = [baseline.name for baseline in baselines.BASELINES if baseline.name in results[0][0]]
    references = (*(baseline.name for baseline in baselines.REFERENCES), *LOOK_AHEAD)
    not_causal = [name for name in references if name in results[0][0]]
    table: dict[str, dict[str, dict[str, Any]]] = {}
    for name in results[0][0]:
        # Over the best baseline of the same seed, because some splits are harder than others.
        ratios = [scores[name].loss / min(scores[c].loss for c in causal) for scores, _ in results]
        table[name] = over_seeds([scores[name] for scores, _ in results]) | {
            "training_loss": {"mean": float(np.mean([losses[name] for _, losses in results]))},
            "ratio": {"mean": float(np.mean(ratios)), "sd": float(np.std(ratios)), "seeds": ratios},
        }
    best = min(causal, key=lambda name: table[name]["loss"]["mean"])
    for name, row in table.items():
        print(f"{name:32}", "  ".join(f"{k} {v['mean']:.3f}" for k, v in row.items()))
    print(f"best tuned baseline: {best}; ratio of the recommended model {table[RECOMMENDED]['ratio']['mean']:.3f}")
    config = options.config() | {"seeds": options.seeds[: len(results)]}
    write_summary(options.out, {"options": config, "best_baseline": best, "table": table})
    others = {"raw", *causal, *not_causal}
    figure = plots.bars(
        {name: (row["ratio"]["mean"], row["ratio"]["sd"]) for name, row in table.items() if name != "raw"},
        label="held-out loss over that of the best tuned baseline (grey: not causal)",
        highlight=[name for name in table if name not in others],
        muted=not_causal,
        reference=(TARGET, f"target, {TARGET:.2f}"),
    )
    plots.save(options.out / "loss.png", figure)


def main(options: Options) -> None:
    """Fit and score every model for every seed; report after each seed, because a seed takes minutes."""
    options.begin()
    results = []
    for seed in options.seeds:
        results.append(one_seed(options, seed))
        report(options, results)


if __name__ == "__main__":
    main(tyro.cli(Options))
