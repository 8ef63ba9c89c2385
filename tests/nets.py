"""Random networks for tests, and training runs that share compiled programs."""

from contextlib import contextmanager
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import hourglass
from fhr_jax.hourglass import TINY, Config
from fhr_jax.train import run
from fhr_jax.weights import Net

SMALLEST = TINY._replace(stacks=1, depth=1)
"""For training runs in tests of something else: it compiles in less than half of TINY's time."""


@cache
def variable_shapes(config: Config) -> dict[str, Any]:
    """Shapes of the variables of a network; tracing one takes about a second."""
    return jax.eval_shape(lambda: hourglass.init(jax.random.key(0), config))


@cache
def random_net(config: Config = TINY, *, loss: str = "squared") -> Net:
    rng = np.random.default_rng(0)

    def fill(path, leaf):
        name = path[-1].key
        if name in ("scale", "var"):
            return jnp.asarray(np.ones(leaf.shape, leaf.dtype))
        deviation = 1 / np.sqrt(max(1, np.prod(leaf.shape[:-1])))
        return jnp.asarray(rng.normal(scale=deviation, size=leaf.shape), leaf.dtype)

    return Net(config, jax.tree_util.tree_map_with_path(fill, variable_shapes(config)), loss)


@contextmanager
def shared_programs():
    """Runs of `fhr-jax train` share the programs of nets of one shape, since compiling takes longest.

    Their options must be the same but for the data and how it is read, and the preset "tiny" is `SMALLEST` meanwhile.
    Yields the shared programs.
    """
    make_update, init_state, programs = run.make_update, run.init_state, {}

    def update(key, config, *more, **options):
        if ("update", config) not in programs:
            programs["update", config] = make_update(key, config, *more, **options)
        return programs["update", config]

    def start(key, config, optimizer, *, variables=None, **options):
        if variables is not None:
            return init_state(key, config, optimizer, variables=variables, **options)
        if ("start", config) not in programs:
            programs["start", config] = init_state(key, config, optimizer, **options)
        return programs["start", config]

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(hourglass.PRESETS, "tiny", SMALLEST)
        patch.setattr(run, "make_update", update)
        patch.setattr(run, "init_state", start)
        yield programs


@contextmanager
def stopped_after(steps: int):
    """Interrupt runs of `fhr-jax train` after so many steps, as by Ctrl-C."""
    whole = run.train_steps

    def stopped(update, state, batches, *, steps: int, at=steps):
        yield from whole(update, state, batches, steps=at)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "train_steps", stopped)
        yield
