"""Largest differences in pixels to the CPU of this process, and whether they meet their targets.

The net is compared with float32 on the CPU, in three settings of the accelerator: `float32` has the default precision
of products and convolutions, which is TF32 or bfloat16 on many accelerators; `float32 highest` has all its bits, as
with JAX_DEFAULT_MATMUL_PRECISION=highest; `bfloat16` is the type of the computation.
"""

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from accelerator_parts.landmarks import random_net
from accelerator_parts.limits import KINDS
from accelerator_parts.rows import Context, Row, compile_program
from accelerator_parts.stabilizers import videos
from fhr_jax import heatmap, stabilizer, weights
from fhr_jax.data import examples
from fhr_jax.hourglass import Hourglass

TARGETS = {"decode": 1e-3, "stabilizer": 0.01, "net": 0.05}
"""Pixels of the map, of the track, of the crop."""


def rows(tiny: bool) -> Iterator[Row]:
    """Net first: it is what differs."""
    for kind in ("float32 highest", "float32", "bfloat16"):
        yield Row(f"agreement, net {kind}", partial(_net, tiny=tiny, kind=kind))
    yield Row("agreement, decode", partial(_decode, tiny=tiny))
    yield Row("agreement, stabilizer", partial(_stabilizer, tiny=tiny))


def _compared(here: Any, there: Any, target: float) -> dict[str, Any]:
    apart = np.abs(np.asarray(here) - np.asarray(there))
    largest = float(apart.max())  # NaN where one of them is NaN, which meets nothing
    return {"px": largest, "mean_px": float(apart.mean()), "target_px": target, "meets": largest <= target}


def _on_the_cpu(function: Callable[..., Any], *arguments: Any) -> np.ndarray:
    cpu = jax.devices("cpu")[0]
    with jax.default_device(cpu):
        return np.asarray(jax.jit(function)(*jax.device_put(arguments, cpu)))


def _decode(_: Context, *, tiny: bool) -> dict[str, Any]:
    side, batch = (32, 2) if tiny else (64, 16)
    points = jax.random.uniform(jax.random.key(0), (batch, 68, 2), minval=8.0, maxval=side - 9.0)
    noise = 0.01 * jax.random.uniform(jax.random.key(1), (batch, side, side, 68))
    maps = heatmap.encode(points, size=(side, side)) + noise
    return _compared(jax.jit(heatmap.decode)(maps), _on_the_cpu(heatmap.decode, maps), TARGETS["decode"])


def _stabilizer(_: Context, *, tiny: bool) -> dict[str, Any]:
    track = videos(1, 20 if tiny else 300)[0][0]
    params = stabilizer.init_params(1.0, jnp.eye(136)) if tiny else stabilizer.default_params()
    there = _on_the_cpu(stabilizer.run, params, track)
    return _compared(jax.jit(stabilizer.run)(params, track), there, TARGETS["stabilizer"])


def _net(_: Context, *, tiny: bool, kind: str) -> dict[str, Any]:
    net, images, there = _reference(tiny)
    dtype, precision = KINDS[kind]
    program, seconds = compile_program(
        partial(_landmarks, net.config, dtype), net.variables, images, precision=precision
    )
    return _compared(program(net.variables, images), there, TARGETS["net"]) | {"compile_s": seconds}


@cache
def _reference(tiny: bool) -> tuple[Any, jax.Array, np.ndarray]:
    """The net, crops, and its landmarks on the CPU in float32."""
    net = random_net() if tiny else weights.load()
    images = pictures(2 if tiny else 16, net.config.crop)
    return net, images, _on_the_cpu(partial(_landmarks, net.config, "float32"), net.variables, images)


def pictures(number: int, side: int) -> jax.Array:
    """Synthetic faces, painted and not degraded."""
    return examples.synthetic_batch(jax.random.key(3), range(number), side).images


def _landmarks(config: Any, dtype: str, variables: Any, crops: Any) -> jax.Array:
    """Landmarks (B, M, 2) in pixels of the crop."""
    maps = jnp.asarray(Hourglass(config, jnp.dtype(dtype)).apply(variables, crops))[-1]
    return config.crop / config.heatmap * heatmap.decode(maps, sigma=config.sigma, logits=True)
