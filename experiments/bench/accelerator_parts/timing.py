"""Time one row: the largest size that fits into memory, a warm-up, several synchronised calls, the share of the limit.

`share` is the time that the limit allows over the measured time; 1 cannot be beaten. Of the two limits, bytes over the
bandwidth of a copy and operations over the rate of a large matrix product, `bound` names the one that is nearer. Bytes
are those that must be moved where these are known, else those that the compiler counts for every instruction, some of
which a cache may save.
"""

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np

from accelerator_parts import device
from accelerator_parts.rows import Call, Context, Row

FEWEST, LONG = 3, 2.0
"""Calls of a row that takes more than so many seconds in all. One is enough if it takes that long alone."""

FAILURES = (jax.errors.JaxRuntimeError, RuntimeError, ValueError)
"""What too large a size raises, most likely."""


def timed(name: str, make: Callable[[int], Call], sizes: Sequence[int] = (1,)) -> Row:
    """A row whose calls are timed.

    Args:
        name: of the row.
        make: prepares the call of one size, such as a batch.
        sizes: the first that fits into memory is measured.
    """
    return Row(name, partial(measure, make=make, sizes=tuple(sizes)))


def measure(context: Context, *, make: Callable[[int], Call], sizes: tuple[int, ...]) -> dict[str, Any]:
    """Measure the first size that fits into memory.

    Raises:
        JaxRuntimeError, RuntimeError, ValueError: of the last size.
    """
    for size in sizes[:-1]:
        try:
            result = _measure(context, make, size, only_if_it_fits=True)
        except FAILURES as error:
            print(f"  {size} at a time: {str(error).splitlines()[0][:120]}", flush=True)
            continue
        if result is not None:
            return result
    result = _measure(context, make, sizes[-1], only_if_it_fits=False)
    assert result is not None
    return result


def _measure(
    context: Context, make: Callable[[int], Call], size: int, *, only_if_it_fits: bool
) -> dict[str, Any] | None:
    """Prepare, warm up and time one size; None if the compiler says that it does not fit."""
    began, before = time.perf_counter(), device.peak()
    call = make(size)
    if only_if_it_fits and call.memory > context.memory:
        return None
    jax.block_until_ready(call.run())
    first = time.perf_counter() - began
    seconds = []
    while len(seconds) < context.rounds:
        if sum(seconds) > LONG and (len(seconds) >= FEWEST or min(seconds) > LONG):
            break
        began = time.perf_counter()
        jax.block_until_ready(call.run())
        seconds.append(time.perf_counter() - began)
    low, median, high = np.quantile(seconds, [0.25, 0.5, 0.75]).tolist()
    result: dict[str, Any] = {
        "ms": 1e3 * median,
        "ms_quartiles": [1e3 * low, 1e3 * high],
        "calls": len(seconds),
        "size": size,
        "first_call_s": first,
    }
    named = {"compile_s": call.compile_s, "moved_bytes": call.moved, "accessed_bytes": call.accessed}
    named |= {"flops": call.flops, "memory_bytes": call.memory}
    result |= {name: value for name, value in named.items() if value}
    result |= {"rate": call.items / median} if call.items else {}
    result |= {"us_a_step": 1e6 * median / call.steps} if call.steps else {}
    result |= {"bytes_per_second": call.moved / median} if call.moved else {}
    result |= {"flops_per_second": call.flops / median} if call.flops else {}
    after = device.peak()
    result |= {"peak_bytes": after} if after > before else {}  # else an earlier row had a higher peak
    return result | limit(call, median, context.found) | (call.more or {})


def limit(call: Call, seconds: float, found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """`share` of the limit that bounds a call, and which that is; nothing if no limit is known."""
    copied = found.get("copy", {}).get("bytes_per_second", math.inf)
    product = found.get(f"matmul {call.kind}", {}).get("flops_per_second", math.inf)
    least = {"memory": (call.moved or call.accessed) / copied, "arithmetic": call.flops / product}
    bound = max(least, key=least.__getitem__)
    return {"bound": bound, "share": least[bound] / seconds} if least[bound] else {}
