"""Speed of the synthetic faces: rendering, drawing parameters, and photometric augmentation.

    taskset -c 0 python experiments/bench/faces.py            # one core
    python experiments/bench/faces.py --sizes 128 256 512

Faces are rendered one at a time and `--batch` at a time; on a CPU one at a time is faster, because its planes stay in
the cache. Times are medians of `--repeats` synchronized runs after two that warm up.

Figures: one quiet x86 core, Python 3.11.7, jax 0.10.2, milliseconds an image (images a second):

                                  128 px         256 px
    one face at a time            4.4 (227)      15.7 (64)
    16 together                   8.6 (117)      22.5 (45)
    photometric, 16 together      2.1 (478)      13.4 (75)

A loop over the faces (`jax.lax.map`) in one program is slower than both: 80 and 21 a second.
"""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np
import tyro

from fhr_jax import augment
from fhr_jax.data import faces


@dataclass(frozen=True)
class Options:
    """Measure the renderer."""

    sizes: tuple[int, ...] = (128, 256)
    """Sides of the images in pixels."""
    batch: int = 16
    """Faces in a batch."""
    repeats: int = 20
    """Runs; the median is reported."""


def seconds(run: Callable[[], Any], repeats: int) -> float:
    """Median time of a run in seconds, after two runs to warm up."""
    times = []
    for _ in range(repeats + 2):
        start = time.perf_counter()
        jax.block_until_ready(run())
        times.append(time.perf_counter() - start)
    return float(np.median(times[2:]))


def main(options: Options) -> None:
    """Print a table."""
    print(f"jax {jax.__version__}, {jax.devices()[0]}, Python {platform.python_version()}, {platform.machine()}")
    keys = jax.random.split(jax.random.key(0), options.batch)
    draw = jax.jit(jax.vmap(lambda key: faces.fill(faces.sample(key))))
    people = draw(keys)
    rows = [("parameters, together", 0, seconds(lambda: draw(keys), options.repeats) / options.batch)]
    for size in options.sizes:
        one = jax.tree.map(lambda leaf: leaf[0], people)
        alone = jax.jit(partial(faces.render, size=size))
        together = jax.jit(jax.vmap(partial(faces.render, size=size)))
        degrade = jax.jit(jax.vmap(augment.photometric))
        images = together(people).image
        rows += [
            ("one face at a time", size, seconds(partial(alone, one), options.repeats)),
            (f"{options.batch} together", size, seconds(partial(together, people), options.repeats) / options.batch),
            (
                f"photometric, {options.batch} together",
                size,
                seconds(partial(degrade, keys, images), options.repeats) / options.batch,
            ),
        ]
    for name, size, cost in rows:
        print(f"{name:28} {size or '-'!s:>5} px  {1000 * cost:8.2f} ms  {1 / cost:8.0f} a second")


if __name__ == "__main__":
    main(tyro.cli(Options))
