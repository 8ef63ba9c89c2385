"""Smoothing with look-ahead of whole tracks, in chunks, so that memory does not grow with the length of a track."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from fhr_jax.errors import InputError
from fhr_jax.stabilizer.params import Params
from fhr_jax.stabilizer.run_tracks import check_track, options_with_batch_axes, run
from fhr_jax.stabilizer.smoothing import cuts
from fhr_jax.stabilizer.smoothing.chunks import mix_track
from fhr_jax.stabilizer.smoothing.mixing import MixingNet
from fhr_jax.stabilizer.units import is_observed


def smooth(
    params: Params,
    track: Float[Array | np.ndarray, "*batch t m d"],
    *,
    lag: int | None = None,
    dt: Float[Array | np.ndarray, "..."] | None = None,
    mask: Bool[Array | np.ndarray, "..."] | None = None,
    confidence: Float[Array | np.ndarray, "..."] | None = None,
    reset: Bool[Array | np.ndarray, "..."] | None = None,
) -> Float[Array, "*batch t m d"]:
    """Smooth one track or a batch of tracks with look-ahead: an output depends on the frames after it, too.

    The causal stabilizer runs first: it finds outliers, cuts and the size of the face. Then each movement type is
    smoothed forward and back in time (`kalman_bank.py`), and a network mixes them (`mixing.py`). Nothing is smoothed
    across a cut or a `reset`, and a gap is filled from both sides. With `lag` None, cuts are also found that only later
    frames tell (`cuts.py`): many of those to another person in the same place, and a size that changes more than
    fourfold. Differentiable, and compiled once for each shape, lag and set of options. Memory beyond input, output and
    three copies of the track does not grow with T.

    Args:
        params: as for `run`, with `Params.smoother`.
        track: (..., T, M, d) with T at least 1; NaN where a point is missing.
        lag: frames of look-ahead, at least 0; None for the whole track. 0 is `run`.
        dt: (T,), see `run`.
        mask: (T,) or (T, M), see `run`.
        confidence: (T,) or (T, M), see `run`.
        reset: (T,), see `run`.

    Returns:
        (..., T, M, d) in the units of the track, in float32 for narrower types; a point is NaN until it is first
        observed.

    Raises:
        InputError: a shape does not fit, the lag is negative, or the parameters have no smoother.
    """
    smoother_of(params, lag)
    if lag == 0:
        return run(params, track, dt=dt, mask=mask, confidence=confidence, reset=reset)
    check_track(params, track)
    given = {"dt": dt, "mask": mask, "confidence": confidence, "reset": reset}
    options = {name: value for name, value in given.items() if value is not None}
    batched = options_with_batch_axes(options, track.shape)
    return _smooth(params, track, options, batched=batched, lag=lag)


def smoother_of(params: Params, lag: int | None) -> MixingNet:
    """The network of the smoother; refuses a negative lag, and parameters without a smoother.

    Raises:
        InputError: see above.
    """
    if lag is not None and lag < 0:
        raise InputError(f"lag: {lag}, expected frames of look-ahead, at least 0, or None for the whole track")
    if params.smoother is None:
        raise InputError("params: without a smoother, expected one, such as that of default_params().smoother")
    return params.smoother


@partial(jax.jit, static_argnames=("batched", "lag"))
def _smooth(
    params: Params, track: Array, options: dict[str, Array], *, batched: tuple[str, ...], lag: int | None
) -> Array:
    smoother = smoother_of(params, lag)

    def one_track(inputs: dict[str, Array]) -> Array:
        if lag is None and params.outliers is not None:
            inputs = inputs | {"reset": with_later_cuts(inputs)}
        return mix_track(params, smoother, inputs, lag=lag)

    axes = {"z": 0} | {name: 0 if name in batched else None for name in options}
    all_tracks = one_track
    for _ in track.shape[:-3]:
        all_tracks = jax.vmap(all_tracks, in_axes=(axes,))
    return all_tracks({"z": track} | options)


def with_later_cuts(inputs: dict[str, Array]) -> Bool[Array, " t"]:
    """The frames (T,) of a track that start anew: those given, and cuts that only later frames tell.

    Args:
        inputs: the track "z" (T, M, d) in any unit, and options of `step` by name, (T, ...).
    """
    z = inputs["z"].astype(jnp.promote_types(inputs["z"].dtype, jnp.float32))
    present = is_observed(z)
    for name in ("mask", "confidence"):
        if name in inputs:
            given = jnp.nan_to_num(inputs[name]) > 0
            present = present & (given if given.ndim == 2 else given[:, None])
    found = cuts.find(z, present)
    return found | inputs["reset"] if "reset" in inputs else found
