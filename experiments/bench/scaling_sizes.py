"""What a run on many devices moves: parameters, gradients, normalizations, operations, and a checkpoint's time."""

import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from accelerator_parts.networks import CONFIGS

from fhr_jax import checkpoint, train
from fhr_jax.train.recipe import MODERN, make_optimizer


def sizes(preset: str, *, checkpoints: Path | None = None, rounds: int = 3) -> dict[str, Any]:
    """Figures of a preset with the recipe `modern`: AdamW and moving averages.

    Args:
        preset: of `hourglass.PRESETS`; "tiny" is smaller than there.
        checkpoints: folder in which a checkpoint is written several times; None writes none.
        rounds: how often.
    """
    config = CONFIGS[preset]

    def make(key: jax.Array) -> Any:
        return train.init_state(key, config, make_optimizer(MODERN, 1000), ema=True)

    state = jax.eval_shape(make, jax.random.key(0))
    parameters, forward = train.network_flops(state, config)
    found: dict[str, Any] = {
        "crop": config.crop,
        "parameters": parameters,
        "gradient_bytes": _bytes(state.params),
        "normalizations": len(jax.tree.leaves(state.batch_stats)) // 2,
        "statistics_bytes": _bytes(state.batch_stats),
        "state_bytes": _bytes(state),
        "forward_flops": forward,
    }
    if checkpoints is not None:
        rng = np.random.default_rng(0)  # zeros would be compressed to nothing
        filled = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), leaf.dtype), state)
        found["checkpoint_seconds"] = sorted(_save(checkpoints, filled, rounds))[rounds // 2]
        files = [path for path in checkpoints.rglob("*") if path.is_file()]
        found["checkpoint_bytes"] = sum(path.stat().st_size for path in files) // len(list(checkpoints.iterdir()))
    return found


def _bytes(tree: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


class _Beginning:
    """Data of which nothing has been read."""

    def get_state(self) -> dict[str, Any]:
        return {"step": 0}

    def set_state(self, state: dict[str, Any]) -> None:
        """No checkpoint is read here."""


def _save(folder: Path, state: Any, rounds: int) -> list[float]:
    """Seconds until each of several checkpoints is on the disk."""
    seconds = []
    with checkpoint.manager(folder) as checkpoints:
        for step in range(rounds):
            began = time.perf_counter()
            checkpoint.save(checkpoints, step, state, _Beginning())
            checkpoints.wait_until_finished()
            seconds.append(time.perf_counter() - began)
    return seconds
