"""The devices that share a batch: each computes its part, gradients and batch statistics are those of the whole."""

from typing import Any, TypeVar

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec, Sharding, SingleDeviceSharding

from fhr_jax.errors import InputError

AXIS = "faces"

Tree = TypeVar("Tree")


def face_mesh(batch: int, devices: int | None = None) -> Mesh:
    """All devices of all processes in one row, or the first `devices` of them.

    Raises:
        InputError: there are not so many, or a batch has no equal parts for them.
    """
    there = len(jax.devices())
    number = there if devices is None else devices
    if not 1 <= number <= there:
        raise InputError(f"{number} devices asked for; JAX sees {there} ({jax.devices()[0].device_kind})")
    if number % jax.process_count():
        raise InputError(f"{number} devices have no {jax.process_count()} equal parts, one a process")
    if batch % number:
        raise InputError(f"a batch of {batch} has no {number} equal parts, one a device: take a multiple of {number}")
    here = number // jax.process_count()
    chosen = [device for process in _by_process() for device in process[:here]]
    return jax.make_mesh((number,), (AXIS,), axis_types=(AxisType.Auto,), devices=chosen)


def spread(mesh: Mesh) -> NamedSharding:
    """Where a batch lies: an equal part of its examples on each device."""
    return NamedSharding(mesh, PartitionSpec(AXIS))


def everywhere(mesh: Mesh | None) -> Sharding:
    """Where parameters lie: whole on each device; without a mesh on the first of this process.

    That one is named too: a fresh state whose place is left to JAX would be another program than a restored one.
    """
    return SingleDeviceSharding(jax.local_devices()[0]) if mesh is None else NamedSharding(mesh, PartitionSpec())


def constrained(tree: Tree, mesh: Mesh | None) -> Tree:
    """Inside a jitted function: the leading axis of every array is to be spread over the devices."""
    return tree if mesh is None else jax.lax.with_sharding_constraint(tree, spread(mesh))


def placed(tree: Any, mesh: Mesh | None) -> Any:
    """Shapes and types with the places where arrays go, for restoring them."""

    def one(leaf: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=everywhere(mesh))

    return jax.tree.map(one, tree)


def _by_process() -> list[list[jax.Device]]:
    count = jax.process_count()
    return [[device for device in jax.devices() if device.process_index == i] for i in range(count)]
