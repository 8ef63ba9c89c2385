"""What a fit knows: its state under way, its history, its result."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from fhr_jax.stabilizer.params import Params


class History(NamedTuple):
    """How a fit went, one entry per iteration; the first entry is that of the initial parameters.

    Attributes:
        seconds: since the start, without compiling.
        evaluations: of the loss of all videos, with or without its gradient. A minibatch counts as its share.
        loss: the lowest so far.
    """

    seconds: list[float]
    evaluations: list[int]
    loss: list[float]


class Fit(NamedTuple):
    """The result of a fit.

    Attributes:
        params: the best parameters found: by the validation loss if there are validation videos, else by the loss.
        history: loss against seconds and evaluations.
        compile_seconds: time for compiling, before the clock of the history started.
        validation_loss: lowest loss of the validation videos, one entry per iteration; None without any.
    """

    params: Params
    history: History
    compile_seconds: float
    validation_loss: list[float] | None = None

    def __repr__(self) -> str:
        """One line: initial and final loss, iterations, evaluations, seconds."""
        seconds, evaluations, loss = self.history
        validation = self.validation_loss
        text = "" if validation is None else f", validation loss {validation[0]:.2f} -> {validation[-1]:.2f}"
        return (
            f"Fit(loss {loss[0]:.2f} -> {loss[-1]:.2f}{text}, {len(loss) - 1} iterations, "
            f"{evaluations[-1]} evaluations, {seconds[-1]:.1f} s)"
        )


class FitState(NamedTuple):
    """A fit under way.

    Attributes:
        solver_state: of the solver.
        best: (n,), the best vector so far, by the validation loss if there is one.
        best_loss: the loss that it is the best by.
        stale_steps: iterations since it was found.
        finished: whether the solver has finished.
        seconds: (i,), one entry per iteration as in `History`; the first is that of the initial parameters.
        evaluations: (i,), likewise.
        loss: (i,), likewise.
        validation_loss: (i,), likewise, see `Fit`; infinite without validation videos.
        init_params: the parameters that it began with, of which the basis, for example, is not fitted. None where an
            earlier version saved the fit.
    """

    solver_state: Any
    best: Float[np.ndarray, " n"]
    best_loss: Float[np.ndarray, ""]
    stale_steps: Int[np.ndarray, ""]
    finished: Bool[np.ndarray, ""]
    seconds: Float[np.ndarray, " i"]
    evaluations: Float[np.ndarray, " i"]
    loss: Float[np.ndarray, " i"]
    validation_loss: Float[np.ndarray, " i"]
    init_params: Params | None = None


def join_histories(parts: Sequence[History]) -> History:
    """One history of fits that followed each other, each of which started where the one before had ended."""
    joined = History([], [], [])
    for part in parts:
        seconds = joined.seconds[-1] if joined.seconds else 0.0
        evaluations = joined.evaluations[-1] if joined.evaluations else 0
        lowest = joined.loss[-1] if joined.loss else np.inf
        joined.seconds.extend(seconds + value for value in part.seconds)
        joined.evaluations.extend(evaluations + value for value in part.evaluations)
        joined.loss.extend(min(lowest, value) for value in part.loss)
    return joined
