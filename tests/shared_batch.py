"""A training run on several devices, for `test_sharding`: python -m tests.shared_batch OUT [ADDRESS NUMBER]

OUT gets the losses of all updates and the final parameters, of a run on all devices and of one on one device, and the
fits of `shared_videos`. With ADDRESS this is process NUMBER of two, which save and restore the last state, and there is
no run on one device and no fit.

It computes in float64. In float32 the order of a sum sometimes decides which of two nearly equal pixels a max pooling
takes, or the sign before a ReLU, and from then on two equally correct runs differ.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import traverse_util

from fhr_jax import checkpoint, heatmap, train
from fhr_jax.data import loader
from fhr_jax.data.examples import Examples
from fhr_jax.hourglass import TINY
from fhr_jax.sharding import device_mesh, everywhere, everywhere_shapes, spread_sharding
from tests import shared_videos

CONFIG = TINY._replace(crop=16, heatmap=8, landmarks=5, stacks=1, depth=1)
BATCH, STEPS = 8, 10


def prepare(key, batch):
    """Dots at random places, a function of the example's number and the step's key."""

    def one(index, key):
        points = jax.random.uniform(jax.random.fold_in(key, index), (5, 2), minval=3.0, maxval=13.0)
        dots = heatmap.encode(points, size=(CONFIG.crop, CONFIG.crop), sigma=1.0)[..., :3]
        noisy = dots + jax.random.uniform(key, dots.shape)  # on a flat ground, poolings would have ties
        return noisy, points.astype(jnp.float64)

    keys = jax.random.split(key, batch["index"].shape[0])
    return Examples(*jax.vmap(one)(batch["index"], keys))


@jax.jit
def _in_float64(state):
    return jax.tree.map(lambda leaf: leaf.astype(jnp.float64) if leaf.dtype == jnp.float32 else leaf, state)


def main(out, address=None, number=0):
    if address is not None:
        jax.distributed.initialize(address, 2, int(number))
        if jax.__version_info__ < (0, 12):  # not tried with later versions
            _cache_programs_of_both()
    else:
        shared_videos.fit(f"{out}_fits.npz")
    jax.config.update("jax_enable_x64", True)
    mesh, method = device_mesh(batch=BATCH), optax.sgd(0.03, momentum=0.9)

    def start(mesh):
        return train.init_state(jax.random.key(0), CONFIG, method, ema=True, mesh=mesh)

    path = Path(f"{out}{number}.npz")
    if address is not None:
        _train(path, start(mesh), method, mesh)
        return
    state = start(None)  # the two processes make theirs on their mesh
    _train(path, everywhere(state, mesh), method, mesh)
    _train(Path(f"{out}_alone.npz"), state, method, None)


def _cache_programs_of_both():
    """Only the first process of several writes the cache of programs, but the programs of the second have other keys.

    JAX has no option for it. Without this the second compiles for five seconds at each run.
    """
    compiler = jax._src.compiler
    compiler.distributed = SimpleNamespace(global_state=SimpleNamespace(process_id=0, client=None))


def _saved_and_restored(folder, state, batches, mesh):
    with checkpoint.manager(folder) as checkpoints:
        checkpoint.save(checkpoints, STEPS, state, batches)
        checkpoints.wait_until_finished()
        return checkpoint.restore(checkpoints, state, batches, like=everywhere_shapes(state, mesh))


def _train(path, state, method, mesh):
    """On all devices of a mesh; without one on one device."""
    sharding = None if mesh is None else spread_sharding(mesh)
    batches = loader.batches(loader.Indices(0, 50), batch=BATCH, seed=3, sharding=sharding)
    update = train.make_update(jax.random.key(1), CONFIG, method, prepare, ema_decay=0.99, dtype=jnp.float64, mesh=mesh)
    state = _in_float64(state)
    losses = []
    for output in train.train_steps(update, state, batches, steps=STEPS):
        state = output.state
        losses.append(output.metrics.loss)
    if jax.process_count() > 1:
        state = _saved_and_restored(path.parent / "checkpoints", state, batches, mesh)
    batches.close()
    net = train.trained_net(state, CONFIG, loss="cross_entropy")
    arrays = {name: np.asarray(leaf) for name, leaf in traverse_util.flatten_dict(net.variables, sep="/").items()}
    devices = len(losses[0].sharding.device_set)
    np.savez(path, losses=np.asarray(jnp.stack(losses)), devices=devices, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
