"""Frame rates: one motion seen by cameras of 12 to 120 frames a second, through the stabilizer and One Euro.

Synthetic heads move; every camera sees the same motion (`benchmark.frame_rates`) with the same noise in each frame. The
stabilizer gets `dt` = 30 / rate, or is not told the rate. One Euro knows the rate; it has one setting, tuned at 30
frames a second by the stabilization loss, and one tuned for each rate. A filter that uses the rate well has a lower
error the faster the camera is.

With --fit alone there is a stabilizer for each rate as well: Adam fits the network that weighs the movement types
further, by the stabilization loss, to other heads at this rate alone, and keeps the best on yet others. With --fit
together one network is fitted so to the heads at all rates. The first says how much a rate of its own is worth, the
second how much of that is motion and noise like those of the test.

Paper:    none; its clips have 25 to 30 frames a second.
Command:  python experiments/frame_rates.py --out runs/frame_rates
Cost:     four minutes of processor time; 15 to 20 with each --fit.
Figures:  docs/results.md, "Frame rates".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro
from jaxtyping import Array, Float

from fhr_jax import losses, stabilizer
from fhr_jax.benchmark import baselines, frame_rates
from fhr_jax.benchmark.frame_rates import RateFilter, RateScore
from fhr_jax.benchmark.options import as_config
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.benchmark.tables import write_table
from fhr_jax.cli.options import optional
from fhr_jax.data.faces.random_draws import Key
from fhr_jax.data.synthetic import randomized
from fhr_jax.data.synthetic.detector_noise import DetectorNoise
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder
from fhr_jax.stabilizer import Params, Videos
from fhr_jax.stabilizer.smoothing.mixing import MixingNet

FIT_RATE, FIT_EVERY = 2e-3, 10
"""Learning rate of a fit at the start, and the number of steps between validations."""


@dataclass(frozen=True)
class Options:
    """Compare frame rates."""

    out: Path
    """Folder for summary.json, rates.csv and rates.md."""
    params: Annotated[Path | None, optional("FILE")] = None
    """Parameters that `fhr-jax fit` wrote; default: those in the package."""
    fps: tuple[float, ...] = randomized.RATES
    """Frames a second."""
    videos: int = 4
    """Heads."""
    seconds: float = 10.0
    """Length of each video."""
    liveliness: float = 1.0
    """Amount of motion; 1 is typical."""
    noise: Literal["white", "detector"] = "white"
    """Independent noise of 1 pixel, or a model of a detector with a level of 1 pixel."""
    seed: int = 0
    """Seed of motion and noise."""
    evaluations: int = 60
    """Evaluations of a search for settings of One Euro at most."""
    fit: tuple[Literal["alone", "together"], ...] = ()
    """Fit the network further, at each rate alone or at all rates together; default: neither."""
    fit_steps: int = 40
    """Steps of a fit at each rate."""
    fit_videos: int = 8
    """Heads of a fit at each rate, and as many to choose by."""


class RateFit(NamedTuple):
    """A fit at one rate.

    Attributes:
        update: network and state of the optimizer to those after one step.
        loss: of a network on the heads to choose by.
    """

    update: Callable[[MixingNet, optax.OptState], tuple[MixingNet, optax.OptState]]
    loss: Callable[[MixingNet], Float[Array, ""]]


def main(options: Options) -> dict[str, dict[float, RateScore]]:
    """Compare, print, write."""
    folder = output_folder(options.out)
    params = stabilizer.default_params() if options.params is None else stabilizer.load(options.params)
    key = jax.random.key(options.seed)
    videos = {fps: heads(options, key, fps, options.videos) for fps in sorted(options.fps)}

    def stabilized(observed: Float[Array, "n t m 2"], fps: float, *, known: bool = True) -> Float[Array, "n t m 2"]:
        return stabilizer.run(params, observed, dt=steps_at(fps, observed.shape[1]) if known else None)

    baseline = {fps: baselines.coarser(frame_rates.one_euro_at(fps)) for fps in videos}
    own = {fps: baselines.tune(baseline[fps], some, evaluations=options.evaluations) for fps, some in videos.items()}
    one = own[min(videos, key=lambda fps: abs(fps - 30))].settings
    filters: dict[str, RateFilter] = {
        "raw": lambda observed, fps: observed,
        "One Euro, one setting": lambda observed, fps: baselines.smooth(baseline[fps], one, observed),
        "One Euro, tuned": lambda observed, fps: baselines.smooth(baseline[fps], own[fps].settings, observed),
        "stabilizer, dt": stabilized,
        "stabilizer, no dt": lambda observed, fps: stabilized(observed, fps, known=False),
    }
    for name, own_params in fitted(params, [*videos], options).items():
        filters[f"stabilizer, fitted {name}"] = lambda observed, fps, own=own_params: stabilizer.run(
            own[fps], observed, dt=steps_at(fps, observed.shape[1])
        )
    found = frame_rates.compare(filters, videos)
    text = table(found)
    print(text)
    rows = [(name, fps, *one) for name, scores in found.items() for fps, one in scores.items()]
    write_table(folder, "rates", text=text, rows=[("filter", "fps", *RateScore._fields), *rows])
    write_summary(
        folder,
        {
            "options": as_config(options),
            "one_euro": {str(fps): tuned.settings for fps, tuned in own.items()},
            "scores": {
                name: {str(fps): one._asdict() for fps, one in scores.items()} for name, scores in found.items()
            },
        },
    )
    return found


def heads(options: Options, key: Key, fps: float, number: int) -> Videos:
    """Heads (N, T, 68, 2) as a camera of this rate and the detector see them."""
    noise = None if options.noise == "white" else DetectorNoise(level=1.0)
    return frame_rates.videos_at(
        key, fps, number=number, seconds=options.seconds, liveliness=options.liveliness, noise=noise
    )


def steps_at(fps: float, frames: int) -> Float[Array, " t"]:
    """`dt` (T,) of a camera of this rate, in frames of 1/30 s."""
    return jnp.full(frames, 30 / fps)


def fitted(params: Params, rates: Sequence[float], options: Options) -> dict[str, dict[float, Params]]:
    """For each of `options.fit`, parameters by rate."""
    if not options.fit:
        return {}
    start = params.movements
    if start is None:
        raise InputError("--fit: the parameters have no movement types, expected some to fit their network")
    found = {}
    for name in options.fit:
        updates = options.fit_steps * (len(rates) if name == "together" else 1)
        schedule = optax.cosine_decay_schedule(FIT_RATE, updates)
        optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))
        fits = {fps: rate_fit(params, fps, optimizer, options) for fps in rates}
        if name == "together":
            own = dict.fromkeys(rates, fit(start, [*fits.values()], optimizer, options))
        else:
            own = {fps: fit(start, [one], optimizer, options) for fps, one in fits.items()}
        found[name] = {fps: params._replace(movements=network) for fps, network in own.items()}
    return found


def rate_fit(params: Params, fps: float, optimizer: optax.GradientTransformation, options: Options) -> RateFit:
    """Steps at one rate."""
    key = jax.random.fold_in(jax.random.key(options.seed), 1)
    learned, choice = (heads(options, k, fps, options.fit_videos) for k in jax.random.split(key))
    dt = steps_at(fps, learned.observed.shape[1])

    @jax.jit
    def loss(network: MixingNet, videos: Videos) -> Float[Array, ""]:
        output = stabilizer.run(params._replace(movements=network), videos.observed, dt=dt)
        return jax.vmap(lambda x, p: losses.stabilization(x, p).total)(output, videos.truth).mean()

    @jax.jit
    def update(network: MixingNet, state: optax.OptState) -> tuple[MixingNet, optax.OptState]:
        change, state = optimizer.update(jax.grad(loss)(network, learned), state)
        return jax.tree.map(jnp.add, network, change), state

    return RateFit(update, lambda network: loss(network, choice))


def fit(
    start: MixingNet, fits: Sequence[RateFit], optimizer: optax.GradientTransformation, options: Options
) -> MixingNet:
    """The network with the lowest geometric mean of the losses on the heads to choose by."""

    def score(network: MixingNet) -> float:
        return float(np.exp(np.mean([np.log(one.loss(network)) for one in fits])))

    network, state = start, optimizer.init(start)
    best, lowest = network, score(network)
    print(f"fit: {lowest:.2f} on other heads as given", flush=True)
    for step in range(1, options.fit_steps + 1):
        for one in fits:
            network, state = one.update(network, state)
        if step % FIT_EVERY == 0 or step == options.fit_steps:
            found = score(network)
            print(f"    {found:.2f} after {step} steps at each rate", flush=True)
            if found < lowest:
                best, lowest = network, found
    return best


def table(found: dict[str, dict[float, RateScore]]) -> str:
    """Rms error in pixels and delay in milliseconds by filter and rate, as a Markdown table."""
    rates = list(next(iter(found.values())))
    lines = [
        f"| rms, px (delay, ms) | {' | '.join(f'{fps:g} fps' for fps in rates)} | falls with the rate |",
        "|---" * (len(rates) + 2) + "|",
    ]
    for name, scores in found.items():
        cells = " | ".join(f"{one.rms:.2f} ({one.delay:.0f})" for one in scores.values())
        falls = "yes" if frame_rates.falls([one.rms for one in scores.values()]) else "no"
        lines.append(f"| {name} | {cells} | {falls} |")
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
