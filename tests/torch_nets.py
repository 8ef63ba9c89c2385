"""Networks of PyTorch with random numbers, and files of them. Tests that need them skip without PyTorch."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from fhr_jax import tensors

torch = pytest.importorskip("torch", reason='PyTorch is not installed: pip install -e ".[torch]"')

PEER = Path(__file__).parents[1] / "experiments" / "bench" / "torch_hourglass.py"


def peer():
    """The class of networks of PyTorch that experiments compare with."""
    spec = importlib.util.spec_from_file_location("torch_hourglass", PEER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    torch.set_num_threads(1)
    return module.TorchHourglass


def randomized(network):
    """Every number random, those of the normalizations too; in eval mode, where they are used as they are."""
    generator = torch.Generator().manual_seed(0)
    state = network.state_dict()
    for name, value in state.items():
        if name.endswith("num_batches_tracked"):
            continue
        noise = torch.randn(value.shape, generator=generator)
        if name.endswith("running_var") or (value.ndim == 1 and name.endswith("weight")):
            state[name] = torch.exp(0.3 * noise)
        else:
            state[name] = noise * (0.7 / np.sqrt(max(1, value[0].numel())) if value.ndim == 4 else 0.2)
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)


def saved(network, path, change=lambda arrays: arrays):
    tensors.write(path, change({name: value.numpy() for name, value in network.state_dict().items()}))
    return path


def offset(net):
    """What the stem adds before its first normalization: its bias, if it has one, minus the running mean."""
    bias = net.variables["params"]["Conv_0"].get("bias", 0.0)
    return np.asarray(bias - net.variables["batch_stats"]["BatchNorm_0"]["mean"])
