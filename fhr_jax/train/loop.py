"""The loop around the update, which keeps the device busy: an update is checked while the next one runs."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from fhr_jax.train.state import Batch, Metrics, TrainState, Update


class NonFiniteLoss(FloatingPointError):
    """The loss of an update, or its gradient, is not finite.

    Attributes:
        step: the number of the update.
        what: what is not finite, and its value.
        state: before the update.
        batch: that it was made with.
    """

    def __init__(self, step: int, what: str, state: TrainState, batch: Batch):
        super().__init__(f"{what} at step {step}; lower the learning rate")
        self.step, self.what, self.state, self.batch = step, what, state, batch


class StepOutput(NamedTuple):
    """One update that was handed to the device, and may still run there.

    Attributes:
        step: its number, from 1.
        before: the state that it changes.
        batch: that it is made with.
        state: after it.
        metrics: of it.
    """

    step: int
    before: TrainState
    batch: Batch
    state: TrainState
    metrics: Metrics

    def check(self) -> None:
        """Wait for it; `NotFinite` if its loss or the norm of its gradient is not finite."""
        loss, norm = float(self.metrics.loss), float(self.metrics.gradient_norm)
        if not np.isfinite(loss + norm):
            said = f"loss {loss:g}, norm of the gradient {norm:g}"
            raise NonFiniteLoss(self.step, said, self.before, self.batch)


def train_steps(update: Update, state: TrainState, batches: Iterator[Batch], *, steps: int) -> Iterator[StepOutput]:
    """Update until `state.step` reaches `steps`; each update is checked after the next one is begun.

    Who keeps a state, or shows it, calls its `check` first: else it may be what an update made of NaN. A batch is drawn
    only when the next update is asked for, so that the position of `batches` is that of the update just given.

    Raises:
        NotFinite: a loss or the norm of its gradient is no longer finite.
        ValueError: the batches ended before.
    """
    earlier: StepOutput | None = None
    for step in range(int(state.step) + 1, steps + 1):
        try:
            batch = next(batches)
        except Exception as error:
            if earlier is not None:
                earlier.check()  # of two troubles the earlier one is told
            if isinstance(error, StopIteration):
                raise ValueError(f"the batches ended before update {step} of {steps}") from None
            raise
        made = StepOutput(step, state, batch, *update(state, batch))
        if earlier is not None:
            earlier.check()
        yield made
        earlier, state = made, made.state
    if earlier is not None:
        earlier.check()


def fit(
    update: Update,
    state: TrainState,
    batches: Iterator[Batch],
    *,
    steps: int,
    callback: Callable[[TrainState, Metrics], None] | None = None,
) -> TrainState:
    """Update until `state.step` reaches `steps`; `callback` sees the state after each of them, once it is checked.

    Raises:
        NotFinite: a loss or the norm of its gradient is no longer finite; it holds the state before that update, and
            the batch.
    """
    for made in train_steps(update, state, batches, steps=steps):
        state = made.state
        if callback is not None:
            made.check()
            callback(state, made.metrics)
    return state
