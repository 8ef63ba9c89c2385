"""Synthetic faces, as training makes them: three programs, which sample, paint and degrade.

As one program they did not compile within 400 seconds on a GPU, so nothing here compiles them together. Operations are
counted without compiling, before the compiler has simplified anything.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from accelerator_parts.rows import Call, Row
from accelerator_parts.timing import timed
from fhr_jax import augment
from fhr_jax.data import examples, faces


def rows(tiny: bool) -> Iterator[Row]:
    """All three programs, then each apart, at two sizes of the image."""
    for side, sizes in ((32, (2,)),) if tiny else ((128, (256, 64, 16)), (256, (64, 16, 4))):
        yield timed(f"faces of {side} px", partial(_together, side=side), sizes)
        yield timed(f"faces of {side} px: paint", partial(_paint, side=side), sizes)
        if not tiny:
            yield timed(f"faces of {side} px: degrade", partial(_degrade, side=side), sizes)
    yield timed("faces: sample", _sample, (2,) if tiny else (256,))


def _together(batch: int, *, side: int) -> Call:
    prepare = examples.synthetic_examples(jax.random.key(0), side)
    given = {"index": jnp.arange(batch, dtype=jnp.uint32)}
    return Call(partial(prepare, jax.random.key(1), given), items=batch, moved=_bytes(batch, side))


def _paint(batch: int, *, side: int) -> Call:
    people = _people(jax.random.split(jax.random.key(0), batch))
    return _counted(partial(examples.render, size=side), people, items=batch, moved=_bytes(batch, side))


def _degrade(batch: int, *, side: int) -> Call:
    keys = jax.random.split(jax.random.key(0), batch)
    images = jax.random.uniform(jax.random.key(1), (batch, side, side, 3))
    points = jax.random.uniform(jax.random.key(2), (batch, 68, 2), maxval=side - 1.0)

    @jax.jit
    @jax.vmap
    def degrade(key: jax.Array, image: jax.Array, points: jax.Array) -> jax.Array:
        return augment.photometric(key, image, options=examples.SYNTHETIC, points=points)

    return _counted(degrade, keys, images, points, items=batch, moved=2 * _bytes(batch, side))


def _sample(batch: int) -> Call:
    return _counted(_people, jax.random.split(jax.random.key(0), batch), items=batch)


@jax.jit
@jax.vmap
def _people(key: jax.Array) -> faces.SyntheticFace:
    return faces.fill(faces.sample(key))


def _bytes(batch: int, side: int) -> int:
    """Of the images, which must be written at least."""
    return 12 * batch * side * side


def _counted(function: Callable[..., Any], *arguments: Any, **known: Any) -> Call:
    """A call of a jitted function, which keeps the program for other rows."""
    lowered: Any = jax.jit(function).lower(*arguments).cost_analysis() or {}
    flops = max(float(lowered.get("flops", 0.0)), 0.0)
    return Call(partial(function, *arguments), flops=flops, **known)
