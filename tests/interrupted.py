"""A miniature training run, for `test_kill`: python -m tests.interrupted FOLDER WORKERS STEPS

Its state depends on all pixels that it has seen, in their order. It saves every second step and prints each step.
"""

import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from fhr_jax import checkpoint, train
from fhr_jax.data import crops, loader


class Noise:
    """Records of noise."""

    def __len__(self):
        return 11

    def __getitem__(self, index):
        rng = np.random.default_rng(index)
        record = {"image": rng.integers(0, 255, (60, 80, 3), np.uint8), "points": rng.uniform(20, 40, (68, 2))}
        box = np.array([20, 20, 20, 20], np.float32)
        return record | {"box": box, "dataset": "noise", "file": f"{index}.png", "frame": np.int32(0)}

    def __repr__(self):
        return "Noise()"


def start():
    return train.TrainState(jnp.zeros((), jnp.int32), jnp.zeros(()), {}, {})


def batches(workers):
    return loader.batches(crops.Crops(Noise(), size=48), batch=4, seed=5, workers=workers)


def update(state, batch):
    """Sums of bytes times small powers of two: exact, so that runs can be compared bit by bit."""
    weights = 1.0 + np.arange(4)
    seen = float((np.asarray(batch["image"], np.float64).mean(axis=(1, 2, 3)) * weights).sum())
    mixed = jnp.float32((np.float64(state.params) * 0.7 + seen) % 1000)
    return state._replace(step=state.step + 1, params=mixed), train.Metrics(mixed, mixed)


def main(folder, workers, steps):
    data, state = batches(workers), start()
    with checkpoint.manager(Path(folder)) as checkpoints:
        if checkpoints.latest_step() is not None:
            state = checkpoint.restore(checkpoints, state, data)

        for output in train.train_steps(update, state, data, steps=steps):
            output.check()
            if output.step % 2 == 0:
                checkpoint.save(checkpoints, output.step, output.state, data)
                checkpoints.wait_until_finished()
            print(output.step, float(output.state.params).hex(), flush=True)
    data.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
