"""`fhr-jax train --dry-run`: print the operations and memory that a run would need."""

import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fhr_jax.train.run import TrainPlan


def print_flops_and_memory(plan: "TrainPlan", *, name: str) -> None:
    """Compile an update, but train nothing.

    Args:
        plan: of the run; its validation examples may be shapes only.
        name: of the network.
    """
    import jax
    import jax.numpy as jnp

    from fhr_jax import train
    from fhr_jax.data import loader
    from fhr_jax.sharding import everywhere_shapes, spread_sharding
    from fhr_jax.train.run import initialize

    updates: list[Any] = []

    def state() -> Any:
        update, state = initialize(plan)
        updates.append(update)
        return state

    shapes = everywhere_shapes(jax.eval_shape(state), plan.mesh)
    sharding = None if plan.mesh is None else spread_sharding(plan.mesh)
    with closing(loader.batches(plan.source, batch=plan.recipe.batch, seed=plan.seed, sharding=sharding)) as batches:
        batch = next(batches)
    parameters, forward = train.network_flops(shapes, plan.config, dtype=jnp.dtype(plan.recipe.dtype))
    print(f"{name}: {parameters:,} parameters; {forward / 1e9:.2f} GFLOP per crop forward")
    print("compiling an update to count its operations ...", file=sys.stderr)
    costs = train.update_flops_and_memory(updates[0], shapes, batch)
    devices = 1 if plan.mesh is None else plan.mesh.devices.size
    images = plan.steps * plan.recipe.batch
    print(
        f"an update of {plan.recipe.batch} crops: {costs.flops / 1e9:.1f} GFLOP and "
        f"{costs.memory_bytes / 2**20:.0f} MiB of memory on each of {devices} {jax.devices()[0].device_kind} "
        f"device{'s' * (devices > 1)}\n"
        f"a checkpoint: {costs.state_bytes / 2**20:.0f} MiB\n"
        f"the run: {plan.steps:,} updates, {images:,} images of {len(plan.source):,} faces"
    )
