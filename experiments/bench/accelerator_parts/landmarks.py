"""The whole path: from crops in bytes on the host to landmarks on the host, with the net in the package."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from accelerator_parts.networks import CONFIGS
from accelerator_parts.rows import Call, Row
from accelerator_parts.timing import timed
from fhr_jax import hourglass, pipeline, train, weights
from fhr_jax.weights import Net

WAYS = (("both views", True, "float32"), ("one view", False, "bfloat16"))
"""The default, and the fastest: name, mirror averaging, type of the network's computation."""


def rows(tiny: bool) -> Iterator[Row]:
    """A live frame, a batch of the commands, and a large batch, each in both ways."""
    for views, mirror, dtype in WAYS:
        for batch in (1,) if tiny else (1, 16, 256):
            make = partial(_path, tiny=tiny, mirror=mirror, dtype=dtype)
            yield timed(f"path of {batch}, {views}, {dtype}", make, (batch,))


def _path(batch: int, *, tiny: bool, mirror: bool, dtype: str) -> Call:
    net = random_net() if tiny else weights.load()
    config = net.config
    pixels = np.random.default_rng(0).integers(0, 256, (batch, config.crop, config.crop, 3), np.uint8)

    def predict() -> np.ndarray:
        crops = jnp.asarray(pixels).astype(jnp.float32) / 255
        return np.asarray(pipeline.predict(net, crops, mirror=mirror, dtype=jnp.dtype(dtype)).points)

    state: Any = train.init_state(jax.random.key(0), config, train.quick_optimizer(10))
    operations = train.network_flops(state, config)[1] * batch * (1 + mirror)
    return Call(predict, items=batch, kind=dtype, flops=operations)


def random_net() -> Net:
    """A tiny net with random parameters, for tests."""
    config = CONFIGS["tiny"]
    return Net(config, hourglass.init(jax.random.key(0), config), "cross_entropy")
