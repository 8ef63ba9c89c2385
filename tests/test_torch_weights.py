"""Weights of PyTorch: the same outputs as a network of PyTorch with random weights and random running statistics."""

from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import hourglass, pipeline, torch_weights, weights
from fhr_jax.errors import InputError
from fhr_jax.hourglass import PAPER, SMALL, TINY, Hourglass
from tests import torch_nets
from tests.torch_nets import offset, randomized, saved

torch = torch_nets.torch

PAPER_LIKE = PAPER._replace(crop=64, heatmap=32, stacks=2)
"""The paper's stem, features, units and depth on a crop that takes less time."""


@pytest.fixture(scope="module")
def peer():
    return torch_nets.peer()


def images_of(config, number=2):
    return np.random.default_rng(0).uniform(size=(number, config.crop, config.crop, 3)).astype(np.float32)


def outputs(network, images):
    with torch.no_grad():
        return network(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).permute(0, 1, 3, 4, 2).numpy()


@pytest.fixture(scope="module")
def tiny(peer):
    return randomized(peer(TINY))


CONFIGS = {
    "tiny": TINY,
    "small": SMALL,
    "paper-like": PAPER_LIKE,
    "one stack, seven points": TINY._replace(stacks=1, landmarks=7),
    "as many features as the stem": TINY._replace(features=64, depth=1, units=2),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_outputs_are_those_of_pytorch(peer, tmp_path, name):
    config = CONFIGS[name]
    network = randomized(peer(config))
    path = saved(network, tmp_path / "net.safetensors")
    net = torch_weights.load(path, config._replace(landmarks=68), loss="squared")
    assert net.config == config  # landmarks are those of the file
    images = images_of(config)
    expected = outputs(network, images)
    assert 0.5 < expected.std() < 10  # neither faded nor blown up on its way through the network
    found = jax.jit(Hourglass(config).apply)(net.variables, images)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_every_array_is_used_once():
    for config in (*CONFIGS.values(), *hourglass.PRESETS.values()):
        names = list(torch_weights.modules(config).values())
        assert len(names) == len(set(names))


def test_names_of_data_parallel_and_half_precision(tiny, tmp_path):
    def change(arrays):
        return {f"module.{name}": a.astype(jnp.bfloat16) if a.ndim == 4 else a for name, a in arrays.items()}

    net = torch_weights.load(saved(tiny, tmp_path / "a.safetensors", change), TINY, loss="cross_entropy")
    exact = torch_weights.load(saved(tiny, tmp_path / "b.safetensors"), TINY, loss="cross_entropy")
    assert net.loss == "cross_entropy"
    for a, b in zip(jax.tree.leaves(net.variables), jax.tree.leaves(exact.variables), strict=True):
        assert a.dtype == np.float32
        np.testing.assert_allclose(a, b, rtol=2**-8)


MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def test_a_mean_of_mid_gray_is_folded_exactly(tiny, tmp_path):
    path = saved(tiny, tmp_path / "net.safetensors")
    net = torch_weights.load(path, TINY, loss="squared", mean=(0.5, 0.5, 0.5), std=STD)
    images = images_of(TINY)
    # The peer subtracts 0.5 itself, so this is what a network sees that subtracts the mean and divides by `STD`.
    expected = outputs(tiny, 0.5 + (images - 0.5) / np.array(STD, np.float32))
    np.testing.assert_allclose(jax.jit(Hourglass(TINY).apply)(net.variables, images), expected, atol=1e-4)


def test_another_mean_is_folded_exactly_but_for_the_border(tiny, tmp_path):
    path = saved(tiny, tmp_path / "net.safetensors")
    net = torch_weights.load(path, TINY, loss="squared", mean=MEAN, std=STD)
    images = images_of(TINY)
    seen = (images - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    with torch.no_grad():
        expected = tiny.conv1(torch.from_numpy(seen.transpose(0, 3, 1, 2).copy())).permute(0, 2, 3, 1).numpy()
    expected = expected - tiny.bn1.running_mean.numpy()
    stem = nn.Conv(64, (7, 7), (2, 2), padding=hourglass.STEM_PADDING, use_bias=False)
    kernel = {"kernel": net.variables["params"]["Conv_0"]["kernel"]}
    found = np.asarray(stem.apply({"params": kernel}, images - 0.5)) + offset(net)
    np.testing.assert_allclose(found[:, 2:-1, 2:-1], expected[:, 2:-1, 2:-1], atol=1e-4)

    # Beyond the border ours sees 0.5 where theirs saw the mean: by hand, tap by tap.
    kernel, size = tiny.conv1.weight.numpy(), TINY.crop
    excess = np.zeros(expected.shape[1:])
    for y, x in np.ndindex(excess.shape[:2]):
        for i, j in np.ndindex(7, 7):
            if not (0 <= 2 * y + i - 3 < size and 0 <= 2 * x + j - 3 < size):
                excess[y, x] += kernel[:, :, i, j] @ ((0.5 - np.array(MEAN)) / np.array(STD))
    assert np.abs(excess).max() > 0.1
    np.testing.assert_allclose(found - expected, np.broadcast_to(excess, found.shape), atol=1e-4)


def test_normalizing_the_crops_instead_is_exact(tiny, tmp_path):
    """What the docstring of `fold` recommends where the border matters."""
    net = torch_weights.load(saved(tiny, tmp_path / "net.safetensors"), TINY, loss="squared")
    images = images_of(TINY)
    with torch.no_grad():
        seen = ((images - np.array(MEAN)) / np.array(STD)).astype(np.float32)
        expected = tiny(torch.from_numpy(seen.transpose(0, 3, 1, 2).copy()) + 0.5)[-1].permute(0, 2, 3, 1).numpy()
    crops = jnp.asarray(0.5 + (images - np.array(MEAN)) / np.array(STD), jnp.float32)
    found = jax.jit(lambda crops: pipeline.heatmaps(net, crops, mirror=False))(crops)
    np.testing.assert_allclose(found, np.maximum(expected, 0), atol=1e-4)


def test_biases_before_normalizations_may_be_missing(peer, tmp_path):
    network = randomized(peer(TINY, biases=False))
    assert "conv1.bias" not in network.state_dict()
    net = torch_weights.load(saved(network, tmp_path / "net.safetensors"), TINY, loss="squared")
    images = images_of(TINY)
    found = jax.jit(Hourglass(TINY).apply)(net.variables, images)
    np.testing.assert_allclose(found, outputs(network, images), rtol=0, atol=1e-4)


def without(*names):
    return lambda arrays: {name: array for name, array in arrays.items() if name not in names}


def only(**changes):
    """Replaces arrays; dots in names are written as two underscores."""
    return lambda arrays: arrays | {name.replace("__", "."): array for name, array in changes.items()}


BAD = {
    "no hourglass": (lambda a: {"weight": np.zeros(3)}, "not a PyTorch stacked hourglass: it has no conv1.weight"),
    "missing": (without("hg.1.hg.0.3.0.bn2.bias"), r"lacks hg.1.hg.0.3.0.bn2.bias \(and 0 more\) of preset 'tiny'"),
    "no score": (without("score.0.weight", "score.0.bias"), r"lacks score.0.bias \(and 1 more\)"),
    "extra": (only(head__weight=np.zeros(3)), r"head.weight \(and 0 more\) does not belong to preset 'tiny'"),
    "shape": (only(conv1__bias=np.zeros(3)), r"conv1.bias is \(3,\), expected \(64,\)"),
    "kernel": (only(res__0__0__conv2__weight=np.zeros((8, 8, 3, 1))), r"\(8, 8, 3, 1\), expected \(8, 8, 3, 3\)"),
    "matrix": (
        lambda a: a | {"fc_.0.weight": np.zeros((16, 16))},
        r"fc_.0.weight is \(16, 16\), expected \(16, 16, 1, 1\)",
    ),
    "integers": (only(conv1__bias=np.zeros(64, np.int32)), "conv1.bias holds int32, expected floating-point"),
    "nan": (only(conv1__bias=np.full(64, np.nan, np.float32)), "conv1.bias holds numbers that are not finite"),
    "variance": (only(bn1__running_var=np.full(64, -1, np.float32)), "a negative variance"),
    "scalar": (only(conv1__weight=np.array(3.0)), "a network with stem 0; preset 'tiny' has stem 64"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_name_what_was_expected(tiny, tmp_path, case):
    change, message = BAD[case]
    path = saved(tiny, tmp_path / "bad.safetensors", change)
    with pytest.raises(InputError, match=message) as caught:
        torch_weights.load(path, TINY, loss="squared")
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_wrong_preset_is_reported_in_one_line(peer, tmp_path):
    config = TINY._replace(stacks=3, features=32, units=2, depth=3)
    path = saved(peer(config), tmp_path / "net.safetensors")
    with pytest.raises(InputError) as caught:
        torch_weights.load(path, TINY, loss="squared")
    assert str(caught.value) == (
        f"{path}: a network with features 32, stacks 3, depth 3, units 2; "
        "preset 'tiny' has features 16, stacks 2, depth 2, units 1"
    )


@pytest.mark.parametrize(
    ("mean", "std"), [((0, 0, np.nan), (1, 1, 1)), ((0, 0, 0), (1, 0, 1)), ((0, 0, 0), (1, -1, 1))]
)
def test_bad_colours(tiny, tmp_path, mean, std):
    path = saved(tiny, tmp_path / "net.safetensors")
    mean, std = (tuple(float(v) for v in colour) for colour in (mean, std))
    with pytest.raises(InputError, match="expected finite numbers, and std above 0"):
        torch_weights.load(path, TINY, loss="squared", mean=mean, std=std)


def test_the_package_never_imports_pytorch():
    for file in Path(weights.__file__).parent.rglob("*.py"):
        text = file.read_text()
        assert "import torch\n" not in text
        assert "from torch" not in text
        assert "safetensors.torch import" not in text
