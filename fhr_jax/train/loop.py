"""The loop around the update."""

from collections.abc import Callable, Iterator

import jax.numpy as jnp

from fhr_jax.train.state import Batch, Metrics, State, Update


class NotFinite(FloatingPointError):
    """The loss of an update is not finite.

    Attributes:
        step: the number of the update.
        loss: its loss.
        state: before the update.
        batch: that it was made with.
    """

    def __init__(self, step: int, loss: float, state: State, batch: Batch):
        super().__init__(f"loss {loss} at step {step}; lower the learning rate")
        self.step, self.loss, self.state, self.batch = step, loss, state, batch


def fit(
    update: Update,
    state: State,
    batches: Iterator[Batch],
    *,
    steps: int,
    callback: Callable[[State, Metrics], None] | None = None,
) -> State:
    """Update until `state.step` reaches `steps`; `callback` sees the state after each of them.

    Raises:
        NotFinite: a loss is no longer finite; it holds the state before that update, and the batch.
    """
    for step in range(int(state.step), steps):
        batch = next(batches)
        after, metrics = update(state, batch)
        if not jnp.isfinite(metrics.loss):
            raise NotFinite(step + 1, float(metrics.loss), state, batch)
        state = after
        if callback is not None:
            callback(state, metrics)
    return state
