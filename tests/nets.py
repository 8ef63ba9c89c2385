"""Networks for tests of what lies around them: random numbers in the right shapes, without compiling anything."""

import jax
import jax.numpy as jnp
import numpy as np

from fhr_jax import hourglass
from fhr_jax.hourglass import TINY, Config
from fhr_jax.weights import Net


def random_net(config: Config = TINY, *, loss: str = "squared") -> Net:
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(lambda: hourglass.init(jax.random.key(0), config))

    def fill(path, leaf):
        name = path[-1].key
        if name in ("scale", "var"):
            return jnp.ones(leaf.shape, leaf.dtype)
        spread = 1 / np.sqrt(max(1, np.prod(leaf.shape[:-1])))
        return jnp.asarray(rng.normal(scale=spread, size=leaf.shape), leaf.dtype)

    return Net(config, jax.tree_util.tree_map_with_path(fill, shapes), loss)
