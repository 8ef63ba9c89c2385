"""Meshes of devices, and arrays on them: `spread` over the devices by their leading axis, or whole `everywhere`."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec, Sharding, SingleDeviceSharding

from fhr_jax.errors import InputError

AXIS = "batch"
"""Name of the one axis of every mesh."""

Tree = TypeVar("Tree")


def device_mesh(devices: int | None = None, *, batch: int | None = None) -> Mesh:
    """A mesh of one axis: all devices of all processes, or the first `devices` of them.

    Args:
        devices: how many; every process gives an equal share.
        batch: size of the global batch, if it has to be divided equally.

    Raises:
        InputError: there are not so many devices, or the batch cannot be divided equally among them.
    """
    available = len(jax.devices())
    number = available if devices is None else devices
    if not 1 <= number <= available:
        raise InputError(f"{number} devices asked for; JAX sees {available} ({jax.devices()[0].device_kind})")
    processes = jax.process_count()
    if number % processes:
        raise InputError(f"{number} devices have no {processes} equal parts, one a process")
    if batch is not None and batch % number:
        raise InputError(f"a batch of {batch} has no {number} equal parts, one a device: take a multiple of {number}")
    by_process = [[device for device in jax.devices() if device.process_index == i] for i in range(processes)]
    chosen = [device for own in by_process for device in own[: number // processes]]
    return jax.make_mesh((number,), (AXIS,), axis_types=(AxisType.Auto,), devices=chosen)


def spread_sharding(mesh: Mesh) -> NamedSharding:
    """The sharding of a batch: an equal part of its leading axis on each device."""
    return NamedSharding(mesh, PartitionSpec(AXIS))


def everywhere_sharding(mesh: Mesh | None) -> Sharding:
    """The sharding of parameters: whole on each device; without a mesh on the first device of this process.

    That device is named explicitly: a fresh state whose device is left to JAX compiles to another program than a
    restored one.
    """
    return SingleDeviceSharding(jax.local_devices()[0]) if mesh is None else NamedSharding(mesh, PartitionSpec())


def spread(tree: Tree, mesh: Mesh | None) -> Tree:
    """The arrays with their leading axes divided among the devices; without a mesh as they are."""
    return tree if mesh is None else jax.device_put(tree, spread_sharding(mesh))


def everywhere(tree: Tree, mesh: Mesh | None) -> Tree:
    """The arrays whole on every device, with fixed dtypes: losing a weak type would compile once more."""
    tree = jax.tree.map(lambda leaf: jnp.asarray(leaf, leaf.dtype), tree)
    return tree if mesh is None else jax.device_put(tree, everywhere_sharding(mesh))


def constrained(tree: Tree, mesh: Mesh | None) -> Tree:
    """Inside a jitted function: divide the leading axis of every array among the devices."""
    return tree if mesh is None else jax.lax.with_sharding_constraint(tree, spread_sharding(mesh))


def compiled(function: Callable[..., Any], mesh: Mesh | None) -> Callable[..., Any]:
    """`jax.jit` of a function whose results are whole on every device."""
    return jax.jit(function) if mesh is None else jax.jit(function, out_shardings=everywhere_sharding(mesh))


def placed(tree: Any, mesh: Mesh | None) -> Any:
    """Shapes, dtypes and shardings of arrays that are whole on every device, for restoring them."""

    def one(leaf: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=everywhere_sharding(mesh))

    return jax.tree.map(one, tree)
