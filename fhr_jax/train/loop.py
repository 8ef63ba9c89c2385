"""The training loop: it checks each update while the next one runs, so that the device never waits for the host."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fhr_jax.progress import Progress, ProgressCallback
from fhr_jax.train.state import Batch, Metrics, TrainState, Update


class NonFiniteLoss(FloatingPointError):
    """The loss of an update or the norm of its gradient is NaN or infinite.

    Attributes:
        step: the number of the update, from 1.
        what: which of them is not finite, with both values.
        state: the state before the update.
        batch: the batch of the update.
    """

    def __init__(self, step: int, what: str, state: TrainState, batch: Batch):
        super().__init__(f"{what} at step {step}; lower the learning rate")
        self.step, self.what, self.state, self.batch = step, what, state, batch


class StepOutput(NamedTuple):
    """One update. The device may still be computing it; `check` waits for it.

    Attributes:
        step: number of the update, from 1.
        before: state before the update.
        batch: batch of the update.
        state: state after the update.
        metrics: loss and norm of the gradient.
    """

    step: int
    before: TrainState
    batch: Batch
    state: TrainState
    metrics: Metrics

    def check(self) -> None:
        """Wait for the update; raise `NonFiniteLoss` if its loss or the norm of its gradient is not finite."""
        loss, norm = float(self.metrics.loss), float(self.metrics.gradient_norm)
        if not np.isfinite(loss + norm):
            raise NonFiniteLoss(self.step, f"loss {loss:g}, norm of the gradient {norm:g}", self.before, self.batch)


def train_steps(update: Update, state: TrainState, batches: Iterator[Batch], *, steps: int) -> Iterator[StepOutput]:
    """Update until `state.step` reaches `steps`, and yield every update; each is checked once the next has begun.

    Call `check` on an update before you save or show its state: until then it may hold NaN. The next batch is drawn
    only when the next update is asked for, so the position of `batches` always belongs to the update just yielded.

    Args:
        update: what `make_update` returned.
        state: where to begin.
        batches: the batches, from update `state.step` + 1 on.
        steps: number of updates in all.

    Raises:
        NonFiniteLoss: a loss or the norm of its gradient is no longer finite.
        ValueError: there are too few batches.
    """
    previous: StepOutput | None = None
    for step in range(int(state.step) + 1, steps + 1):
        try:
            batch = next(batches)
        except Exception as error:
            if previous is not None:
                previous.check()  # of two errors, the earlier one is raised
            if isinstance(error, StopIteration):
                raise ValueError(f"the batches ended before update {step} of {steps}") from None
            raise
        output = StepOutput(step, state, batch, *update(state, batch))
        if previous is not None:
            previous.check()
        yield output
        previous, state = output, output.state
    if previous is not None:
        previous.check()


def train_loop(
    update: Update,
    state: TrainState,
    batches: Iterator[Batch],
    *,
    steps: int,
    progress: ProgressCallback | None = None,
) -> TrainState:
    """Update until `state.step` reaches `steps`, and return the last state.

    Args:
        update: what `make_update` returned.
        state: where to begin.
        batches: the batches, from update `state.step` + 1 on.
        steps: number of updates in all.
        progress: called after every update, once it is checked, with `loss` and `gradient_norm` as its `info`. The
            device then waits for the host after every update; `train_steps` does not.

    Raises:
        NonFiniteLoss: a loss or the norm of its gradient is no longer finite; the error holds the state before that
            update, and the batch.
        ValueError: there are too few batches.
    """
    for output in train_steps(update, state, batches, steps=steps):
        state = output.state
        if progress is not None:
            output.check()
            progress(Progress(output.step, steps, {name: float(v) for name, v in output.metrics._asdict().items()}))
    return state
