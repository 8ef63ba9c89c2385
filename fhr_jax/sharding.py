"""Arrays on several devices: divided along their leading axis (`spread`), or whole on each device (`everywhere`).

A mesh has one axis, "batch": training divides its images, a fit of the stabilizer its videos. Functions that take
`mesh=None` then work on one device.
"""

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
    """A mesh of one axis with all devices of all processes, or with some of them.

    Args:
        devices: number of devices, an equal number from every process; None: all.
        batch: size of the global batch, to check that it divides equally among the devices.

    Raises:
        InputError: JAX does not see so many devices, or they or the batch cannot be divided equally.
    """
    available = len(jax.devices())
    number = available if devices is None else devices
    if not 1 <= number <= available:
        raise InputError(f"{number} devices asked for; JAX sees {available} ({jax.devices()[0].device_kind})")
    processes = jax.process_count()
    if number % processes:
        raise InputError(
            f"{number} devices do not divide equally among {processes} processes; expected a multiple of {processes}"
        )
    if batch is not None and batch % number:
        raise InputError(
            f"a batch of {batch} does not divide equally among {number} devices; expected a multiple of {number}"
        )
    by_process = [[device for device in jax.devices() if device.process_index == i] for i in range(processes)]
    chosen = [device for own in by_process for device in own[: number // processes]]
    return jax.make_mesh((number,), (AXIS,), axis_types=(AxisType.Auto,), devices=chosen)


def spread_sharding(mesh: Mesh) -> NamedSharding:
    """The sharding of a batch: each device gets an equal part of the leading axis."""
    return NamedSharding(mesh, PartitionSpec(AXIS))


def everywhere_sharding(mesh: Mesh | None) -> Sharding:
    """The sharding of parameters: whole on each device; without a mesh, on the first device of this process.

    That device is named explicitly. If JAX chose it, a fresh state and a restored one would compile to two programs.
    """
    return SingleDeviceSharding(jax.local_devices()[0]) if mesh is None else NamedSharding(mesh, PartitionSpec())


def spread(tree: Tree, mesh: Mesh | None) -> Tree:
    """Divide the leading axis of every array (N, ...) among the devices; without a mesh, return the arrays as they are.

    N must be a multiple of the number of devices.
    """
    return tree if mesh is None else jax.device_put(tree, spread_sharding(mesh))


def everywhere(tree: Tree, mesh: Mesh | None) -> Tree:
    """Put every array whole on each device, as a strong type: a weak type that is lost later would compile again."""
    tree = jax.tree.map(lambda leaf: jnp.asarray(leaf, leaf.dtype), tree)
    return tree if mesh is None else jax.device_put(tree, everywhere_sharding(mesh))


def everywhere_shapes(tree: Any, mesh: Mesh | None) -> Any:
    """Shapes, dtypes and shardings of arrays that lie whole on each device, to restore or compile for them."""
    sharding = everywhere_sharding(mesh)
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), tree)


def constrain_spread(tree: Tree, mesh: Mesh | None) -> Tree:
    """Inside a jitted function: divide the leading axis of every array (N, ...) among the devices."""
    return tree if mesh is None else jax.lax.with_sharding_constraint(tree, spread_sharding(mesh))


def jit_everywhere(function: Callable[..., Any], mesh: Mesh | None) -> Callable[..., Any]:
    """`jax.jit` of a function whose results lie whole on each device."""
    return jax.jit(function) if mesh is None else jax.jit(function, out_shardings=everywhere_sharding(mesh))
