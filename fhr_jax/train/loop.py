"""The loop around the update."""

from collections.abc import Callable, Iterator

import jax.numpy as jnp

from fhr_jax.train.state import Batch, Metrics, State, Update


class NotFinite(FloatingPointError):
    """The loss of an update, or its gradient, is not finite.

    Attributes:
        step: the number of the update.
        what: what is not finite, and its value.
        state: before the update.
        batch: that it was made with.
    """

    def __init__(self, step: int, what: str, state: State, batch: Batch):
        super().__init__(f"{what} at step {step}; lower the learning rate")
        self.step, self.what, self.state, self.batch = step, what, state, batch


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
        NotFinite: a loss or the norm of its gradient is no longer finite; it holds the state before that update, and
            the batch.
    """
    for step in range(int(state.step), steps):
        batch = next(batches)
        after, metrics = update(state, batch)
        if not jnp.isfinite(metrics.loss + metrics.gradient_norm):
            named = {"loss": float(metrics.loss), "norm of the gradient": float(metrics.gradient_norm)}
            raise NotFinite(step + 1, ", ".join(f"{name} {value:g}" for name, value in named.items()), state, batch)
        state = after
        if callback is not None:
            callback(state, metrics)
    return state
