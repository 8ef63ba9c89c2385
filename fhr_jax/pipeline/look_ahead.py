"""Look-ahead while a face is followed: each frame is smoothed once `lag` later ones are read, in constant memory."""

from collections import deque

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fhr_jax import stabilizer
from fhr_jax.pipeline.face import Face
from fhr_jax.stabilizer.smoothing.lagged import LaggedState, step_both


class LookAhead:
    """Smooths the faces of a video, which arrive one by one, with `lag` frames of look-ahead.

    Args:
        params: of the stabilizer, with a smoother.
        lag: at least 1.
        first: the state before the first frame, `init_lagged(params, lag=lag)`; None makes it. Making it traces the
            stabilizer, which takes 0.1 s and 40 kB that JAX keeps, so it is made once for all tracks of a video.

    Raises:
        InputError: the lag is negative, or the parameters have no smoother.
    """

    def __init__(self, params: stabilizer.Params, lag: int, *, first: LaggedState | None = None):
        self._params, self._lag = params, lag
        self._waiting: deque[Face] = deque()
        self._read = 0
        self._first: LaggedState = stabilizer.init_lagged(params, lag=lag) if first is None else first
        self._state = self._begin()

    def read(
        self, face: Face, dt: np.float32, weights: Float[Array | np.ndarray, " m"] | None
    ) -> tuple[Face, list[Face]]:
        """Take the next face.

        Args:
            face: whose `raw` landmarks (M, 2) are smoothed.
            dt: frames of 1/30 s since the last one.
            weights: (M,) confidence in [0, 1], in all frames or in none.

        Returns:
            The face as the causal stabilizer leaves it, which says where to look for it in the next frame; and the
            smoothed face of the frame `lag` frames before, if there is one.
        """
        self._waiting.append(face)
        causal, done = self._step(face.raw, dt, weights)
        return face._replace(points=causal), done

    def end(self) -> list[Face]:
        """The faces that are still waiting, smoothed; the next face then starts anew."""
        done: list[Face] = []
        while self._waiting:
            face = self._waiting[-1]
            done += self._step(np.full_like(face.raw, np.nan), np.float32(1), np.zeros_like(face.confidence))[1]
        if self._read:
            self._read, self._state = 0, self._begin()
        return done

    def _begin(self) -> LaggedState:
        return jax.tree.map(jnp.copy, self._first)  # each step takes the buffers of the state before it

    def _step(
        self, points: Float[np.ndarray, "m 2"], dt: np.float32, weights: Float[Array | np.ndarray, " m"] | None
    ) -> tuple[Float[np.ndarray, "m 2"], list[Face]]:
        weights = np.ones(len(points), np.float32) if weights is None else weights
        self._state, (causal, smooth) = _step(self._params, self._state, points, dt=dt, confidence=weights)
        self._read += 1
        if self._read <= self._lag:
            return np.asarray(causal), []
        return np.asarray(causal), [self._waiting.popleft()._replace(points=np.asarray(smooth))]


_step = jax.jit(step_both, donate_argnums=1)
