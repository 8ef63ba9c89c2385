"""Videos spread over the devices of a mesh: the same loss and gradient, each device with its share of the videos."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from fhr_jax.stabilizer.videos import Videos

AXIS = "videos"

Tree = TypeVar("Tree")


def video_mesh(devices: int | None = None) -> Mesh:
    """A mesh of the first `devices` devices (all by default) in one row."""
    number = len(jax.devices()) if devices is None else devices
    return jax.make_mesh((number,), (AXIS,), axis_types=(AxisType.Auto,), devices=jax.devices()[:number])


def spread(videos: Videos, mesh: Mesh | None) -> Videos:
    """The videos, each on one device; their number is filled up with copies of the first that are not scored."""
    if mesh is None:
        return videos
    lacking = -videos.mask.shape[0] % mesh.devices.size

    def fill(array: jax.Array) -> jax.Array:
        return jnp.concatenate([array, jnp.repeat(array[:1], lacking, axis=0)])

    filled = Videos(fill(videos.observed), fill(videos.truth), fill(videos.mask).at[len(videos.mask) :].set(False))
    return jax.device_put(filled, NamedSharding(mesh, PartitionSpec(AXIS)))


def constrained(tree: Tree, mesh: Mesh | None) -> Tree:
    """Inside a jitted function: the leading axis of every array is to be spread over the devices."""
    if mesh is None:
        return tree
    return jax.lax.with_sharding_constraint(tree, NamedSharding(mesh, PartitionSpec(AXIS)))


def everywhere(tree: Tree, mesh: Mesh | None) -> Tree:
    """The arrays, whole on every device; of a fixed type, since a weak one would compile once more when it is lost."""
    tree = jax.tree.map(lambda leaf: jnp.asarray(leaf, leaf.dtype), tree)
    return tree if mesh is None else jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


def compiled(function: Callable[..., Any], mesh: Mesh | None) -> Callable[..., Any]:
    """`jax.jit` of a function whose results are to be whole on every device."""
    return jax.jit(function) if mesh is None else jax.jit(function, out_shardings=NamedSharding(mesh, PartitionSpec()))
