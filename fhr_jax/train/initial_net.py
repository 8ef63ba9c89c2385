"""Start a run from a trained net: the same parameters, or its trunk with new layers for other landmarks."""

import os

import jax
import jax.numpy as jnp
from flax import traverse_util

from fhr_jax import hourglass, weights
from fhr_jax.weights import Net


def init_from(key: jax.Array, net: Net, *, landmarks: int | None = None) -> Net:
    """The net itself, or the same trunk for another number of landmarks.

    New are the layers whose shape depends on that number: those that predict the maps of each stack, and those that
    feed the maps back. Their parameters are drawn as for an untrained network. The calibration is dropped.

    Args:
        key: of the new layers, a scalar key.
        net: the trained net.
        landmarks: number of landmarks M of the result; None: those of the net.

    Returns:
        A net with the same architecture, loss and batch-normalization statistics.
    """
    if landmarks is None or landmarks == net.config.landmarks:
        return net
    config = net.config._replace(landmarks=landmarks)
    ours, others = weights.shapes_of(config), weights.shapes_of(net.config)
    new_layers = {name.rsplit("/", 1)[0] for name, shape in ours.items() if shape != others[name]}
    variables = traverse_util.flatten_dict(hourglass.init(key, config), sep="/")
    trained = traverse_util.flatten_dict(net.variables, sep="/")
    kept = {name: array for name, array in trained.items() if name.rsplit("/", 1)[0] not in new_layers}
    variables = {name: jnp.asarray(array, jnp.float32) for name, array in (variables | kept).items()}
    return Net(config, traverse_util.unflatten_dict(variables, sep="/"), net.loss)


def load_initial(path: str | os.PathLike[str]) -> Net:
    """Read the net that a run starts from.

    Args:
        path: an .npz file, an exported folder, or the name of a net in the package, such as "small".

    Raises:
        InputError: there is no such net, or it cannot be read.
    """
    packaged = weights.DEFAULT.parent / f"{path}.npz"
    return weights.load(packaged if os.fspath(path).isidentifier() and packaged.exists() else path)
