"""Train the default net on synthetic faces for so many seconds, on a GPU or TPU that is at hand for minutes only.

`fhr-jax train` wants the number of updates beforehand and decays the learning rate over them. Here the learning rate
is a cosine over the time that is left once everything is compiled, so a machine of unknown speed is used to the end.
The number of updates depends on the machine, so a run cannot be repeated exactly. There is no validation, checkpoint or
resuming, and larger batches and a moving average are the default; the update itself is that of `fhr-jax train`. Faces
are rendered on the device. The making of faces and the update are separate programs, compiled at the same time. Needs
neither Grain nor TFDS. The net is not calibrated: `fhr-jax calibrate` does that.

Command:  python experiments/train_in_time.py --out runs/net --init small --seconds 400
Cost:     the seconds given.
Figures:  none; on one x86 core 14 faces a second at a batch of 8, and compiling takes 80 seconds.
Output:   OUT/net.npz (every minute, and at the end), OUT/metrics.jsonl.
"""

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import optax
import tyro

from fhr_jax import log, weights
from fhr_jax.cli.options import optional
from fhr_jax.data import examples
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder
from fhr_jax.hourglass import PRESETS
from fhr_jax.train.recipe import RECIPES
from fhr_jax.train.state import init_state, trained_net
from fhr_jax.train.update import make_update

LOG_EVERY = 100
"""Updates between lines of metrics.jsonl."""
WARMUP = 0.02
"""Share of the time in which the learning rate rises."""
LOWEST = 0.01
"""The last learning rate over the highest."""


@dataclass(frozen=True)
class Options:
    """Train within a given time."""

    out: Path
    """Folder for net.npz and metrics.jsonl."""
    seconds: float = 400.0
    """All of it, compiling included."""
    init: Annotated[str | None, optional("FILE|small")] = None
    """The net to start from: a file, or `small`, the net in the package. Default: random parameters."""
    preset: Literal["paper", "medium", "small", "tiny"] = "small"
    """Size of a net with random parameters."""
    batch: int = 128
    """Faces an update."""
    learning_rate: float = 2e-3
    """The highest learning rate of Adam."""
    ema_decay: float = 0.999
    """Of the moving averages that become the net."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Precision of the network's computation."""
    seed: int = 0
    """Of the faces, their degradation and the network."""
    save_every: float = 60.0
    """Seconds between two writings of net.npz."""


def learning_rate(passed: float, highest: float) -> float:
    """The learning rate when this share of the time has passed: a linear rise, then a cosine down to `LOWEST`."""
    passed = min(max(passed, 0.0), 1.0)
    if passed < WARMUP:
        return highest * max(passed / WARMUP, 0.05)
    return highest * (LOWEST + (1 - LOWEST) * 0.5 * (1 + math.cos(math.pi * (passed - WARMUP) / (1 - WARMUP))))


def main(options: Options) -> None:
    """Compile, train until the time is over, write the net."""
    began, folder = time.monotonic(), output_folder(options.out)
    init = None
    if options.init is not None:
        init = weights.load() if options.init == "small" else weights.load(options.init)
    config = PRESETS[options.preset] if init is None else init.config
    network_key, step_key, faces_key = jax.random.split(jax.random.key(options.seed), 3)
    clip = RECIPES["quick"].clip or math.inf
    optimizer = optax.chain(
        optax.clip_by_global_norm(clip), optax.inject_hyperparams(optax.adam)(learning_rate=options.learning_rate)
    )
    state = init_state(network_key, config, optimizer, ema=True, variables=None if init is None else init.variables)
    prepare = examples.synthetic_examples(faces_key, config.crop)
    update: Any = make_update(
        step_key,
        config,
        optimizer,
        lambda _, given: given,
        ema_decay=options.ema_decay,
        dtype=jnp.dtype(options.dtype),
    )

    def batch(step: int) -> tuple[jax.Array, dict[str, jax.Array]]:
        return jax.random.fold_in(step_key, step), {
            "index": step * options.batch + jnp.arange(options.batch, dtype=jnp.uint32)
        }

    with ThreadPoolExecutor() as threads:
        made = jax.eval_shape(prepare, *batch(0))
        compiling = threads.submit(update.lower(state, made).compile)
        first = jax.block_until_ready(prepare(*batch(0)))
        print(f"faces: compiled after {time.monotonic() - began:.0f} s", flush=True)
        update = compiling.result()
    jax.block_until_ready(update(state, first))
    print(f"update: compiled after {time.monotonic() - began:.0f} s", flush=True)

    start = saved = time.monotonic()
    end, step, losses = began + options.seconds, 0, []
    while (now := time.monotonic()) < end:
        rate = learning_rate((now - start) / (end - start), options.learning_rate)
        state.optimizer[1].hyperparams["learning_rate"] = jnp.asarray(rate, jnp.float32)
        state, metrics = update(state, prepare(*batch(step)))
        step += 1
        losses.append(metrics.loss)
        if step % LOG_EVERY == 0:
            loss = float(jnp.stack(losses).mean())  # waits for the device, so that the clock is right
            if not math.isfinite(loss):
                raise InputError(f"the loss is {loss:g} at update {step}; lower --learning-rate")
            line: dict[str, Any] = {"step": step, "loss": loss, "learning_rate": rate, "faces": step * options.batch}
            line["faces_per_second"] = round(step * options.batch / (time.monotonic() - start))
            log.append_metrics(folder, line)
            print(line, flush=True)
            losses = []
            if time.monotonic() - saved > options.save_every:
                _save(folder, state, config)
                saved = time.monotonic()
    if not step:
        raise InputError(
            f"compiling took more than {options.seconds:g} seconds, nothing is trained; expected more --seconds"
        )
    _save(folder, state, config)
    print(f"{folder / 'net.npz'}: {step} updates, {step * options.batch} faces, {time.monotonic() - began:.0f} s")


def _save(folder: Path, state: Any, config: Any) -> None:
    weights.save(folder / "net.npz", trained_net(jax.device_get(state), config, loss="cross_entropy"))


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
