"""Decoding, encoding and mirror averaging of 68 maps of 128 x 128 pixels, 64 faces."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import numpy as np

from accelerator_parts.rows import Call, Row, compiled
from accelerator_parts.timing import timed
from fhr_jax import heatmap
from fhr_jax.markup import FACE68


def rows(tiny: bool) -> Iterator[Row]:
    """First one reading of the maps, which no decoder can beat."""
    sizes, side = ((2,), 32) if tiny else ((64, 16), 128)
    encode = partial(heatmap.encode, size=(side, side))
    flip = np.array(FACE68.flip)

    def points(batch: int) -> jax.Array:
        return jax.random.uniform(jax.random.key(0), (batch, 68, 2), minval=8.0, maxval=side - 9.0)

    def of_maps(batch: int, function: Callable[..., Any]) -> Call:
        maps = jax.jit(encode)(points(batch))
        return compiled(function, maps, items=batch, moved=maps.nbytes)

    def encoding(batch: int) -> Call:
        return compiled(encode, points(batch), items=batch, moved=4 * batch * side * side * 68)

    def averaging(batch: int) -> Call:
        maps = jax.jit(encode)(points(batch))
        average = partial(compiled, lambda a, b: (a + b[:, :, ::-1, flip]) / 2, maps, maps + 1)
        return average(items=batch, moved=3 * maps.nbytes)

    yield timed("read the maps once", partial(of_maps, function=lambda h: h.max(axis=(1, 2))), sizes)
    for decoder in ("fractional", "least_squares", "dark"):
        yield timed(f"decode {decoder}", partial(of_maps, function=partial(heatmap.decode, decoder=decoder)), sizes)
    yield timed("decode with covariance", partial(of_maps, function=heatmap.confidence), sizes)
    yield timed("encode", encoding, sizes)
    yield timed("mirror averaging", averaging, sizes)
