"""What a fit leaves behind: the parameters, and how it went."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from fhr_jax.stabilizer.params import Params


class History(NamedTuple):
    """How a fit went: one entry an iteration, the best loss so far.

    Attributes:
        seconds: since the start, without the compilation.
        evaluations: of the loss over all videos, with or without its gradient; a part of them counts as that part.
        loss: the lowest so far.
    """

    seconds: list[float]
    evaluations: list[int]
    loss: list[float]


class Fit(NamedTuple):
    """The result of a fit.

    Attributes:
        params: the best parameters that were seen: on the held-out videos if there were any.
        history: loss against seconds and evaluations; the first entry is the start.
        compile_seconds: what compiling took, before the clock of the history started.
        held_out: lowest loss of the held-out videos, one entry an iteration; None without any.
    """

    params: Params
    history: History
    compile_seconds: float
    held_out: list[float] | None = None


Callback = Callable[[float, int, float], None]
"""Called after each iteration with seconds, evaluations and the lowest loss so far."""


def join_histories(parts: Sequence[History]) -> History:
    """One history of fits that followed each other, each starting where the last one ended."""
    joined = History([], [], [])
    for part in parts:
        seconds = joined.seconds[-1] if joined.seconds else 0.0
        evaluations = joined.evaluations[-1] if joined.evaluations else 0
        lowest = joined.loss[-1] if joined.loss else np.inf
        joined.seconds.extend(seconds + value for value in part.seconds)
        joined.evaluations.extend(evaluations + value for value in part.evaluations)
        joined.loss.extend(min(lowest, value) for value in part.loss)
    return joined
