"""What all fits minimize: the same compiled loss over padded, masked videos, from the same start."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypedDict, Unpack

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh
from jaxtyping import Array, Float

from fhr_jax import sharding
from fhr_jax.errors import InputError
from fhr_jax.losses import stabilization
from fhr_jax.stabilizer.covariance import CovarianceKind
from fhr_jax.stabilizer.extensions.responsibilities import single_group
from fhr_jax.stabilizer.filter import run, run_complete
from fhr_jax.stabilizer.fit.tracks import Videos, fill_up
from fhr_jax.stabilizer.params import Free, Params, constrain, unconstrain


class Objective(TypedDict, total=False):
    """Options of the loss, which all fits take by these names.

    Attributes:
        tied: True moves each row of variances as a whole, keeping its shape: 7 numbers for the paper's two components
            instead of 4 + 3D, where a simplex can work. Numbers of extensions move one by one, but the
            weights of a recurrent network stay as they are; "rows" lets these move too.
        held_out: videos that are not fitted but judge: the best parameters are those with the lowest loss on them.
        covariance: of the history, as in `run`; "diagonal" by default.
        chunk: keep the states of every so manyth frame alone for the gradient, for long tracks; see `run`.
        lambda1: weight of the smooth term, 1 by default.
        lambda2: weight of the delay, 10 by default.
        lambda3: see `stabilization`, 1 by default.
        mesh: from `video_mesh`: spread the videos over its devices.
    """

    tied: bool | Literal["rows"]
    held_out: Videos | None
    covariance: CovarianceKind
    chunk: int | None
    lambda1: float
    lambda2: float
    lambda3: float
    mesh: Mesh | None


class Problem(NamedTuple):
    """The loss as a function of a flat vector in the unconstrained space.

    Attributes:
        start: (n,) where a fit begins.
        videos: what is fitted, on the devices of the mesh.
        loss: (n,) -> loss of the problem's videos, compiled.
        judge: (n,) -> loss of the held-out videos, compiled; None without any.
        loss_of: (n,), videos, temperature -> loss, to be compiled with whatever calls it. The temperature divides the
            log odds of the components (on top of the model's own, if it has one); None leaves them.
        expand: (n,) -> Params.
        ties: (n, m), directions of the tied form in this space; see `Objective`.
        outputs: Params, tracks (N, T, M, d) -> stabilized tracks.
        objective: the options that the problem was made with.
    """

    start: Float[Array, " n"]
    videos: Videos
    loss: Callable[[Float[Array, " n"]], Float[Array, ""]]
    judge: Callable[[Float[Array, " n"]], Float[Array, ""]] | None
    loss_of: Callable[..., Float[Array, ""]]
    expand: Callable[[Float[Array, " n"]], Params]
    ties: Float[Array, "n m"]
    outputs: Callable[[Params, Float[Array, "n t m d"]], Float[Array, "n t m d"]]
    objective: Objective

    @property
    def mesh(self) -> Mesh | None:
        """Of the devices that the videos are spread over."""
        return self.objective.get("mesh")


def make_problem(start: Params, videos: Videos, **objective: Unpack[Objective]) -> Problem:
    """The stabilization loss of the outputs of all videos, as a function of the unconstrained parameters.

    Args:
        start: where the fit begins; its basis, groups and units stay as they are.
        videos: from `pad_videos` or `as_videos`.
        **objective: see `Objective`.
    """
    covariance, mesh = objective.get("covariance", "diagonal"), objective.get("mesh")
    weights = {name: objective.get(name, usual) for name, usual in LAMBDAS.items()}
    held_out = objective.get("held_out")
    free = unconstrain(start)
    origin, unravel = ravel_pytree(free)
    tied = objective.get("tied", False)
    ties = _tie(free, network=tied == "rows")
    directions = ties if tied else None
    complete = start.outliers is None and all(
        bool(jnp.isfinite(some.observed).all()) for some in (videos, held_out) if some is not None
    )
    options: dict[str, Any] = {"covariance": covariance, "chunk": objective.get("chunk")}

    def expand(vector: Float[Array, " n"]) -> Params:
        full = vector if directions is None else origin + jnp.matmul(directions, vector, precision="highest")
        return constrain(unravel(full), start)

    def outputs(params: Params, tracks: Float[Array, "n t m d"]) -> Float[Array, "n t m d"]:
        follow = run_complete if complete else run
        return jax.vmap(lambda track: follow(params, track, **options))(tracks)

    def loss(vector: Array, videos: Videos, temperature: Array | None = None) -> Float[Array, ""]:
        params = with_temperature(expand(vector), temperature)
        return stabilization(outputs(params, videos.observed), videos.truth, mask=videos.mask, **weights).total

    # The videos are an argument, not a constant that the compiler would fold into the program.
    whole = sharding.compiled(loss, mesh)
    videos = fill_up(videos, mesh)
    judged = None if held_out is None else fill_up(held_out, mesh)
    zero = jnp.zeros(directions.shape[1], origin.dtype) if directions is not None else origin
    return Problem(
        start=sharding.everywhere(zero, mesh),
        videos=videos,
        loss=lambda vector: whole(vector, videos),
        judge=None if judged is None else lambda vector: whole(vector, judged),
        loss_of=loss,
        expand=expand,
        ties=ties if directions is None else jnp.eye(ties.shape[1], dtype=ties.dtype),
        outputs=outputs,
        objective=objective,
    )


LAMBDAS = {"lambda1": 1.0, "lambda2": 10.0, "lambda3": 1.0}
"""The weights of the paper."""


def with_temperature(params: Params, temperature: Float[Array, ""] | None) -> Params:
    """The model with the log odds of its components divided by the temperature; None leaves them."""
    if temperature is None:
        return params
    grouped = single_group(params.noise.shape[0]) if params.responsibilities is None else params.responsibilities
    return params._replace(responsibilities=grouped._replace(temperature=grouped.temperature * temperature))


def _tie(free: Free, *, network: bool) -> Array:
    """0/1 matrix from the tied numbers to all: one column a row of variances, one for any other number."""
    rows = []
    for name, value in free._asdict().items():
        for leaf in jax.tree.leaves(value):
            if name == "noise":
                rows.append(leaf.shape[0])
            elif name == "prior":
                rows.extend([leaf.shape[1]] * leaf.shape[0])
            elif name == "recurrent" and not network:
                rows.extend([0] * leaf.size)
            else:
                rows.extend([1] * leaf.size)
    columns = sum(size > 0 for size in rows)
    matrix, column = [], 0
    for size in rows:
        matrix.append(np.zeros((max(size, 1), columns), np.float32))
        if size:
            matrix[-1][:, column] = 1
            column += 1
    if not columns:
        raise InputError("start: no number to fit")
    return jnp.asarray(np.concatenate(matrix))
