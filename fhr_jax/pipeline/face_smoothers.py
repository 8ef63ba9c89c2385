"""How the faces of one track are stabilized: not at all, causally, or with look-ahead."""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np
from jaxtyping import Array, Float

from fhr_jax import stabilizer
from fhr_jax.pipeline.face import Face
from fhr_jax.pipeline.look_ahead import LookAhead


@runtime_checkable
class FaceSmoother(Protocol):
    """Takes the faces of a track one by one, and gives them back stabilized, perhaps later."""

    def read(self, face: Face, dt: np.float32, weights: Float[Array, " m"] | None) -> tuple[Face, list[Face]]:
        """Take the next face.

        Args:
            face: whose `raw` landmarks (M, 2) are stabilized.
            dt: frames of 1/30 s since the last one.
            weights: (M,) confidence in [0, 1], in all frames or in none.

        Returns:
            The face as far as it is known now, which says where to look for it in the next frame; and the faces that
            are done, in their order.
        """
        ...

    def end(self) -> list[Face]:
        """The faces that are still waiting; the next face then starts a new track."""
        ...


def open_smoothers(params: stabilizer.Params | None, *, lag: int) -> Callable[[], FaceSmoother]:
    """Makes the smoother of each track of a video; what they have in common is made once.

    Args:
        params: of the stabilizer; None leaves the faces as they are.
        lag: frames of look-ahead, at least 0, for parameters with a smoother. 0: causal.

    Raises:
        InputError: the lag is negative; or it is not 0 and the parameters have no smoother.
    """
    if params is None:
        return _AsFound
    if not lag:
        return partial(_Causal, params)
    return partial(LookAhead, params, lag, first=stabilizer.init_lagged(params, lag=lag))


def open_smoother(params: stabilizer.Params | None, *, lag: int) -> FaceSmoother:
    """The smoother of one track; see `open_smoothers`."""
    return open_smoothers(params, lag=lag)()


class _AsFound:
    def read(self, face: Face, dt: np.float32, weights: Float[Array, " m"] | None) -> tuple[Face, list[Face]]:
        return face, [face]

    def end(self) -> list[Face]:
        return []


class _Causal:
    def __init__(self, params: stabilizer.Params):
        self._params, self._state = params, None

    def read(self, face: Face, dt: np.float32, weights: Float[Array, " m"] | None) -> tuple[Face, list[Face]]:
        state: Any = stabilizer.init_state(self._params) if self._state is None else self._state
        self._state, points = _step(self._params, state, face.raw, dt=dt, confidence=weights)
        face = face._replace(points=np.asarray(points))
        return face, [face]

    def end(self) -> list[Face]:
        self._state = None
        return []


_step = jax.jit(stabilizer.step)
