"""The objective of every fit: the stabilization loss over padded videos as a function of one flat vector."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh
from jaxtyping import Array, Float

from fhr_jax import sharding
from fhr_jax.errors import InputError
from fhr_jax.losses import PAPER_WEIGHTS, LossWeights, stabilization
from fhr_jax.stabilizer.covariance import CovarianceKind
from fhr_jax.stabilizer.extensions.responsibilities import single_group
from fhr_jax.stabilizer.fit.initial import paper_init
from fhr_jax.stabilizer.fit.tracks import Videos, pad_to_mesh
from fhr_jax.stabilizer.params import Params, UnconstrainedParams, constrain, unconstrain
from fhr_jax.stabilizer.run_tracks import run


@dataclass(frozen=True, eq=False)
class Problem:
    """The loss as a function of a flat vector of unconstrained parameters; made by `make_problem`.

    Attributes:
        initial: (n,), where a fit begins.
        init_params: the same as parameters; what a fit does not move stays as it is there.
        begin_at: Params -> this problem with other initial parameters.
        videos: the videos to fit, on the devices of the mesh.
        loss: (n,) -> loss () of `videos`, compiled.
        validation_loss: (n,) -> loss () of the validation videos, compiled; None without any.
        loss_on: (n,), videos, temperature -> loss (), to be compiled by the caller. The temperature divides the log
            odds of the components (on top of the model's own temperature); None leaves them as they are.
        to_params: (n,) -> Params.
        stabilize: Params, videos -> stabilized tracks (N, T, M, d) of what was observed.
        weights: of the terms of the loss.
        covariance: which covariance of the history the model keeps.
        mesh: devices that the videos are divided among; None is one device.
    """

    initial: Float[Array, " n"]
    init_params: Params
    begin_at: Callable[[Params], "Problem"]
    videos: Videos
    loss: Callable[[Float[Array, " n"]], Float[Array, ""]]
    validation_loss: Callable[[Float[Array, " n"]], Float[Array, ""]] | None
    loss_on: Callable[..., Float[Array, ""]]
    to_params: Callable[[Float[Array, " n"]], Params]
    stabilize: Callable[[Params, Videos], Float[Array, "n t m d"]]
    weights: LossWeights
    covariance: CovarianceKind
    mesh: Mesh | None
    _programs: dict[Hashable, Callable[..., Any]] = field(default_factory=dict, init=False, repr=False)

    def __repr__(self) -> str:
        """One line: size of the problem."""
        videos, frames, points, dims = self.videos.observed.shape
        return f"Problem({self.initial.size} numbers; {videos} videos of {frames} frames, {points} points in {dims}D)"

    def compiled(self, function: Callable[..., Any], *options: Hashable) -> Callable[..., Any]:
        """`function(problem, *options, ...)` compiled as a function of the other arguments.

        The program is kept with the problem, so solvers with the same options share it, and it is freed with it.
        """
        name = (function, *options)
        if name not in self._programs:
            self._programs[name] = sharding.jit_everywhere(partial(function, self, *options), self.mesh)
        return self._programs[name]


def make_problem(
    videos: Videos,
    *,
    init_params: Params | None = None,
    share_scales: bool = False,
    freeze_recurrent: bool = False,
    validation: Videos | None = None,
    covariance: CovarianceKind = "diagonal",
    chunk: int | None = None,
    weights: LossWeights = PAPER_WEIGHTS,
    mesh: Mesh | None = None,
) -> Problem:
    """The stabilization loss of the outputs for all videos, as a function of the unconstrained parameters.

    Args:
        videos: what to fit, from `pad_videos` or `as_videos`.
        init_params: where the fit begins; its basis, groups and units stay fixed. None is `paper_init(videos)`.
        share_scales: True moves each row of variances (the noise, and the prior of each component) by one shared
            number and keeps its shape: 7 numbers for the paper's two components instead of 4 + 3D. Other numbers move
            one by one.
        freeze_recurrent: True leaves the weights of a recurrent network as they are.
        validation: videos that choose the best parameters and stop the fit; they are not fitted.
        covariance: which covariance of the history to keep, see `run`.
        chunk: for long tracks, keep only the states of every `chunk`-th frame for the gradient, see `run`.
        weights: lambda_1, lambda_2 and lambda_3 of the loss.
        mesh: devices to divide the videos among, from `device_mesh`.

    Raises:
        InputError: no number is left to fit.
    """
    init_params = paper_init(videos) if init_params is None else init_params

    def begin_at(params: Params) -> Problem:
        return make_problem(
            videos,
            init_params=params,
            share_scales=share_scales,
            freeze_recurrent=freeze_recurrent,
            validation=validation,
            covariance=covariance,
            chunk=chunk,
            weights=weights,
            mesh=mesh,
        )

    # With movement types the mixture gives no output, so what is fitted is the mixture without them.
    init_params = init_params._replace(movements=None)
    free = unconstrain(init_params)
    origin, unravel = ravel_pytree(free)
    directions = _directions(free, share_scales=share_scales, freeze_recurrent=freeze_recurrent)
    complete = init_params.outliers is None and all(
        some.dt is None and some.confidence is None and bool(jnp.isfinite(some.observed).all())
        for some in (videos, validation)
        if some is not None
    )

    def to_params(vector: Float[Array, " n"]) -> Params:
        full = vector if directions is None else origin + jnp.matmul(directions, vector, precision="highest")
        return constrain(unravel(full), init_params)

    def stabilize(params: Params, videos: Videos) -> Float[Array, "n t m d"]:
        devices = 1 if mesh is None else mesh.devices.size
        if devices == 1 or len(videos.mask) % devices:
            return stabilize_some(params, videos)
        # Parameters of its own for each device: the gradients are then summed once. Otherwise the compiler sums them
        # over all devices in every frame.
        parts = jax.tree.map(lambda leaf: leaf.reshape(devices, -1, *leaf.shape[1:]), videos)
        copies = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (devices, *leaf.shape)), params)
        some = jax.vmap(stabilize_some)(*sharding.constrain_spread((copies, parts), mesh))
        return some.reshape(videos.observed.shape)

    def stabilize_some(params: Params, videos: Videos) -> Float[Array, "n t m d"]:
        return run(
            params,
            videos.observed,
            dt=videos.dt,
            confidence=videos.confidence,
            covariance=covariance,
            chunk=chunk,
            complete=complete,
        )

    def loss(vector: Array, videos: Videos, temperature: Array | None = None) -> Float[Array, ""]:
        params = with_temperature(to_params(vector), temperature)
        return stabilization(stabilize(params, videos), videos.truth, mask=videos.mask, weights=weights).total

    # The videos are an argument: as a constant the compiler would fold them into the program.
    program = sharding.jit_everywhere(loss, mesh)
    placed = pad_to_mesh(videos, mesh)
    placed_validation = None if validation is None else pad_to_mesh(validation, mesh)
    initial = origin if directions is None else jnp.zeros(directions.shape[1], origin.dtype)
    return Problem(
        initial=sharding.everywhere(initial, mesh),
        init_params=init_params,
        begin_at=begin_at,
        videos=placed,
        loss=lambda vector: program(vector, placed),
        validation_loss=None if placed_validation is None else lambda vector: program(vector, placed_validation),
        loss_on=loss,
        to_params=to_params,
        stabilize=stabilize,
        weights=weights,
        covariance=covariance,
        mesh=mesh,
    )


def with_temperature(params: Params, temperature: Float[Array, ""] | None) -> Params:
    """The model with the log odds of its components divided by a temperature (); None leaves them."""
    if temperature is None:
        return params
    grouped = single_group(params.noise.shape[0]) if params.responsibilities is None else params.responsibilities
    return params._replace(responsibilities=grouped._replace(temperature=grouped.temperature * temperature))


def _directions(free: UnconstrainedParams, *, share_scales: bool, freeze_recurrent: bool) -> Array | None:
    """0/1 matrix (all numbers, fitted numbers): what each fitted number moves. None where each moves itself."""
    if not share_scales and (not freeze_recurrent or free.recurrent is None):
        return None
    blocks = []  # of each parameter array: which of its numbers move together
    for name, value in free._asdict().items():
        for leaf in jax.tree.leaves(value):
            rows = leaf.shape[0] if leaf.ndim == 2 else 1
            if name == "recurrent" and freeze_recurrent:
                blocks.append(np.zeros((leaf.size, 0)))
            elif name in ("noise", "prior") and share_scales:
                blocks.append(np.kron(np.eye(rows), np.ones((leaf.size // rows, 1))))
            else:
                blocks.append(np.eye(leaf.size))
    columns = np.cumsum([0, *(block.shape[1] for block in blocks)])
    if not columns[-1]:
        raise InputError("init_params: every number is frozen, expected at least one to fit")
    matrix = [
        np.pad(block, ((0, 0), (first, columns[-1] - last)))
        for block, first, last in zip(blocks, columns[:-1], columns[1:], strict=True)
    ]
    return jnp.asarray(np.concatenate(matrix), free.noise.dtype)
