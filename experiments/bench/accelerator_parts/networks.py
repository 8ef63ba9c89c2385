"""The networks: inference, and updates of a run (forward, backward, Adam) without the making of crops.

An update also tells the compiler's estimate of its memory, which `fhr-jax train --dry-run` prints, and, where the
device tells it, the highest use of memory beside it. That is only known if it is higher than that of all rows before.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from accelerator_parts.limits import KINDS
from accelerator_parts.rows import Call, Row, compile_program, compiled, counts
from accelerator_parts.timing import timed
from fhr_jax import hourglass, train
from fhr_jax.data.examples import Examples
from fhr_jax.hourglass import PRESETS, TINY, Config, Hourglass

SIZES: dict[str, tuple[int, ...]] = {"small": (256, 64, 16), "medium": (128, 32, 8), "paper": (32, 8, 2)}
"""Crops a batch, by preset: the first that fits is measured."""
CONFIGS = PRESETS | {"tiny": TINY._replace(stacks=1, depth=1)}
"""A tiny network that compiles in seconds, for tests."""


def presets(tiny: bool) -> dict[str, tuple[int, ...]]:
    """Batches by preset, the most used preset first."""
    return {"tiny": (2,)} if tiny else SIZES


def rows(tiny: bool) -> Iterator[Row]:
    """Each preset in float32 and bfloat16, and how much more the highest precision takes."""
    for preset, sizes in presets(tiny).items():
        config = CONFIGS[preset]
        for kind in ("float32", "bfloat16", "float32 highest"):
            if kind != "float32 highest" or preset in ("small", "tiny"):
                yield timed(f"{preset} inference {kind}", partial(_inference, config=config, kind=kind), sizes)
        for kind in ("float32",) if tiny else ("bfloat16", "float32"):  # ordered by memory: each has a new peak
            yield timed(f"{preset} update {kind}", partial(_update, config=config, kind=kind), sizes)


def _inference(batch: int, *, config: Config, kind: str) -> Call:
    dtype, precision = KINDS[kind]
    variables = hourglass.init(jax.random.key(0), config)
    crops = jax.random.uniform(jax.random.key(0), (batch, config.crop, config.crop, 3))
    apply = Hourglass(config, jnp.dtype(dtype)).apply
    return compiled(apply, variables, crops, precision=precision, items=batch, kind=kind)


def _update(batch: int, *, config: Config, kind: str) -> Call:
    dtype, precision = KINDS[kind]
    crops = jax.random.uniform(jax.random.key(0), (batch, config.crop, config.crop, 3))
    points = jax.random.uniform(jax.random.key(1), (batch, config.landmarks, 2), maxval=config.crop - 1.0)
    optimizer = train.quick_optimizer(1000)
    state = train.init_state(jax.random.key(0), config, optimizer)
    given = Examples(crops, points)
    update = train.make_update(jax.random.key(0), config, optimizer, lambda _, batch: batch, dtype=jnp.dtype(dtype))
    program, seconds = compile_program(update, state, given, precision=precision)
    held = [state]

    def run() -> Any:
        held[0], metrics = program(held[0], given)
        return metrics

    estimate = train.compiled_flops_and_memory(program, state).memory_bytes
    more = {"dry_run_bytes": estimate, "gradient_bytes": sum(leaf.nbytes for leaf in jax.tree.leaves(state.params))}
    return Call(run, items=batch, kind=kind, compile_s=seconds, more=more, **counts(program))
