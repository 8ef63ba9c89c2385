"""Time per frame of the stabilizer: whole tracks, batches, streaming, gradients, scaling; beside One Euro in NumPy.

Medians (and quartiles) of several synchronised calls after a warm-up. The contestants take turns, so that other load on
the machine affects all of them: compare ratios, and repeat the run before you rely on microseconds.

Paper:    50 us a frame, Matlab or C++ unsaid, 64 videos of 300-VW in 6 s.
Command:  taskset -c 0 python experiments/bench/time_per_frame.py --out runs/time_per_frame --rounds 5
Cost:     a minute and a half.
Figures:  docs/results.md, "Speed". Not measured: a GPU.
"""

import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from fhr_jax import plots, stabilizer, xla_flags
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.data.synthetic import tracks
from fhr_jax.files import output_folder
from fhr_jax.losses import stabilization
from fhr_jax.stabilizer.covariance import CovarianceKind
from fhr_jax.stabilizer.run_tracks import run_in_basis

BATCH = (16, 300)
"""Tracks and frames of the batch."""

MAX_BATCH_RATIO = 1.3
"""Target for `run` of a batch, relative to the fast path of the same batch."""

TARGETS = {
    "scan in the basis": 0.5,
    "diagonal": 1.5,
    "windowed, 32": 20.0,
    "full": 80.0,
    "default_params()": 30.0,
    "streaming": 60.0,
    "default_params(), streaming": 120.0,
}
"""Microseconds a frame, 68 points, one core."""

GRADIENT = {"diagonal": 5.0, "full": 8.0}
"""Target for the time of loss and gradient, relative to the loss."""


@dataclass(frozen=True)
class Options:
    """Measure the time per frame."""

    out: Path
    """Folder for summary.json and scaling.png."""
    frames: int = 2000
    """Frames of a track; slow contestants take a tenth of it."""
    rounds: int = 15
    """Timed calls of each contestant."""
    small: bool = False
    """Measure only two sizes of each kind, to try the script."""


def one_euro_numpy(track: np.ndarray, min_cutoff: float, beta: float, d_cutoff: float, rate: float) -> np.ndarray:
    """One Euro (Casiez et al., CHI 2012) as commonly written: a loop over frames, all coordinates at once."""
    tau = rate / (2 * np.pi)
    smooth = 1 / (1 + tau / d_cutoff)
    out = np.empty_like(track)
    last, derivative = track[0], np.zeros_like(track[0])
    out[0] = last
    for t in range(1, len(track)):
        derivative = derivative + smooth * ((track[t] - last) * rate - derivative)
        gain = 1 / (1 + tau / (min_cutoff + beta * np.abs(derivative)))
        last = last + gain * (track[t] - last)
        out[t] = last
    return out


def measure(calls: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, np.ndarray]:
    """Quartiles of the seconds of each call, (3,)."""
    rng, seconds = np.random.default_rng(0), {name: [] for name in calls}
    for call in calls.values():
        jax.block_until_ready(call())
    for _ in range(rounds):
        for name in rng.permutation(list(calls)):
            began = time.perf_counter()
            jax.block_until_ready(calls[name]())
            seconds[name].append(time.perf_counter() - began)
    return {name: np.quantile(values, [0.25, 0.5, 0.75]) for name, values in seconds.items()}


def model(landmarks: int = 68, components: int = 2) -> stabilizer.Params:
    """The paper's model."""
    return stabilizer.init_params(1.0, jnp.eye(2 * landmarks), components=components)


def stream(params: stabilizer.Params, track: np.ndarray) -> np.ndarray:
    """Frame by frame through one compiled step with a donated state, as in a live loop."""
    step = _step()
    state, frames = stabilizer.init_state(params), list(track)
    for frame in frames:
        state, out = step(params, state, frame)
    return np.asarray(out)


_compiled: list[Callable[..., Any]] = []


def _step() -> Callable[..., Any]:
    if not _compiled:
        _compiled.append(jax.jit(stabilizer.step, donate_argnums=1))
    return _compiled[0]


def contestants(frames: int) -> tuple[dict[str, Callable[[], Any]], dict[str, int]]:
    """Calls by name, and the number of frames of each."""
    made = tracks.sample(jax.random.key(0), frames).observed
    host, short, params = np.asarray(made), made[: max(frames // 10, 2)], model()
    turned = jnp.asarray(host - host[:1]).reshape(frames, -1) @ params.basis
    scan = jax.jit(run_in_basis)
    calls = {
        "scan in the basis": partial(scan, params, turned),
        "diagonal": partial(stabilizer.run, params, made),
        "windowed, 32": partial(stabilizer.run, params, short, covariance="windowed", window=32),
        "full": partial(stabilizer.run, params, short, covariance="full"),
        "default_params()": partial(stabilizer.run, stabilizer.default_params(), made),
        "streaming": partial(stream, params, np.asarray(short)),
        "default_params(), streaming": partial(stream, stabilizer.default_params(), np.asarray(short)),
        "One Euro in NumPy": partial(one_euro_numpy, host, 2.0, 0.1, 1.3, 30.0),
    }
    long = ("scan in the basis", "diagonal", "default_params()", "One Euro in NumPy")
    return calls, {name: frames if name in long else len(short) for name in calls}


def gradients(frames: int, rounds: int) -> dict[str, dict[str, float]]:
    """Time of the loss and of the loss with its gradient (`both`), us a frame."""
    found = {}
    kinds: tuple[CovarianceKind, ...] = ("diagonal", "full")
    for kind in kinds:
        made = tracks.sample(jax.random.key(1), frames if kind == "diagonal" else max(frames // 10, 3))

        def loss(
            free: stabilizer.UnconstrainedParams, observed: jax.Array, truth: jax.Array, kind: CovarianceKind = kind
        ) -> jax.Array:
            params = stabilizer.constrain(free, model())
            return stabilization(stabilizer.run(params, observed, covariance=kind, complete=True), truth).total

        inputs = (stabilizer.unconstrain(model()), made.observed, made.truth)
        compiled = {"forward": jax.jit(loss), "both": jax.jit(jax.value_and_grad(loss))}
        calls = {name: partial(function, *inputs) for name, function in compiled.items()}
        times = measure(calls, rounds)
        found[kind] = {name: 1e6 * float(t[1]) / len(made.truth) for name, t in times.items()}
        found[kind]["ratio"] = found[kind]["both"] / found[kind]["forward"]
    return found


def batches(rounds: int) -> dict[str, float]:
    """Milliseconds for a batch of complete tracks: `run`, the fast path, and under `jax.vmap`; the paper's model."""
    number, frames = BATCH
    track = jax.vmap(lambda key: tracks.sample(key, frames, faults=False).observed)(
        jax.random.split(jax.random.key(2), number)
    )
    params = model()
    run = partial(stabilizer.run, params)
    complete = partial(run, complete=True)
    contestants = {
        "run": run,
        "run, complete=True": complete,
        "jit(vmap(run, complete=True))": jax.jit(jax.vmap(complete)),
        "jit(vmap(run))": jax.jit(jax.vmap(run)),
    }
    times = measure({name: partial(call, track) for name, call in contestants.items()}, rounds)
    return {name: 1e3 * float(value[1]) for name, value in times.items()}


def scaling(options: Options) -> dict[str, tuple[list[float], list[float]]]:
    """Microseconds a frame (and face) of the diagonal model over T, D, K and faces."""
    keep = slice(None, 2) if options.small else slice(None)
    rng = np.random.default_rng(0)

    def timed(params: stabilizer.Params, frames: int, faces: int = 1) -> float:
        points = params.noise.size // 2
        track = jnp.asarray(100 + rng.normal(size=(faces, frames, points, 2)), jnp.float32)
        seconds = measure({"": lambda: stabilizer.run(params, track)}, min(options.rounds, 7))[""][1]
        return 1e6 * float(seconds) / (frames * faces)

    sizes = {
        "frames T": ([125, 500, 2000, 8000, 32000][keep], lambda n: timed(model(), n)),
        "coordinates D": ([14, 42, 136, 410, 956][keep], lambda n: timed(model(n // 2), 500)),
        "components K": ([1, 2, 3, 4, 8][keep], lambda n: timed(model(components=n), 1000)),
        "faces": ([1, 2, 4, 8, 16, 32][keep], lambda n: timed(model(), 500, n)),
    }
    return {name: ([float(n) for n in numbers], [call(n) for n in numbers]) for name, (numbers, call) in sizes.items()}


def main(options: Options) -> None:
    """Measure, print beside the targets, write."""
    folder = output_folder(options.out)
    calls, frames = contestants(options.frames)
    times = measure(calls, options.rounds)
    us = {name: (1e6 * value / frames[name]).tolist() for name, value in times.items()}
    cores = xla_flags.processors()
    versions = f"jax {jax.__version__}, numpy {np.__version__}, Python {platform.python_version()}"
    print(f"{jax.devices()[0].device_kind}, {cores} core(s), {versions}")
    for name, (low, median, high) in us.items():
        target = f"target {TARGETS[name]:5.1f}" if name in TARGETS else ""
        print(f"{name:27} {median:8.2f} us a frame ({low:.2f} to {high:.2f})  {target}")
    ratio = us["One Euro in NumPy"][1] / us["diagonal"][1]
    print(f"diagonal: {ratio:.1f} times the frames a second of One Euro in NumPy, target 5")
    slopes = gradients(options.frames, options.rounds)
    for kind, row in slopes.items():
        print(f"gradient, {kind}: {row['ratio']:.1f} times the forward pass, target {GRADIENT[kind]:.0f}", row)
    batch = batches(options.rounds)
    fast = batch["run, complete=True"]
    for name, value in batch.items():
        print(
            f"batch of {BATCH[0]} x {BATCH[1]} frames, {name:30} {value:8.2f} ms, {value / fast:.2f} of the fast path"
        )
    print(f"target for run: {MAX_BATCH_RATIO}")
    scale = scaling(options)
    for name, (numbers, values) in scale.items():
        print(f"us a frame over {name}:", ", ".join(f"{n:.0f}: {v:.2f}" for n, v in zip(numbers, values, strict=True)))
    config = asdict(options) | {"out": str(options.out)}
    summary = {"options": config, "versions": versions, "cores": cores, "us_a_frame": us, "targets": TARGETS}
    summary |= {"one_euro_over_diagonal": ratio, "gradient": slopes, "batch_ms": batch, "scaling": scale}
    write_summary(folder, summary)
    figure = plots.sweeps(
        {"paper's model, diagonal": list(scale.values())},
        labels=[(name, "us a frame and face") for name in scale],
        logarithmic="x",
        from_zero=True,
    )
    plots.save(folder / "scaling.png", figure)


if __name__ == "__main__":
    # One core: XLA reads this when JAX first asks for its devices. Tests that import this file keep their flags.
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    main(tyro.cli(Options))
