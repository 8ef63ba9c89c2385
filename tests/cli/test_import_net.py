"""`fhr-jax import`: nets of PyTorch and exported ones become an .npz; bad commands write nothing."""

import jax
import numpy as np
import pytest

from fhr_jax import cli, export, markup, weights
from fhr_jax.hourglass import TINY
from tests.nets import random_net

FULL = ("--preset", "tiny", "--loss", "squared")


@pytest.fixture(scope="module")
def torch_nets():
    """Helpers that need PyTorch; the test is skipped without it."""
    from tests import torch_nets

    return torch_nets


@pytest.fixture(scope="module")
def tiny(torch_nets):
    return torch_nets.randomized(torch_nets.peer()(TINY))


def test_mean_std_and_sigma_of_a_net_of_pytorch_are_in_the_npz(tiny, torch_nets, tmp_path, capsys):
    path = torch_nets.saved(tiny, tmp_path / "net.safetensors")
    arguments = ["import", str(path), *FULL, "--out", f"{tmp_path}/net.npz"]
    assert cli.main([*arguments, "--mean", "0", "0", "0", "--std", "1", "1", "0.5", "--sigma", "1.5"]) == 0
    output = capsys.readouterr().out
    assert "(images - mean) / std: mean 0 0 0, std 1 1 0.5" in output
    assert "not calibrated" in output
    assert "2 stacks of 16 features, 68 landmarks" in output
    net = weights.load(tmp_path / "net.npz")
    assert net.config == TINY._replace(sigma=1.5)
    stem = tiny.conv1.weight.numpy().transpose(2, 3, 1, 0) / np.array([1, 1, 0.5])[:, None]
    np.testing.assert_allclose(net.variables["params"]["Conv_0"]["kernel"], stem, rtol=1e-6)
    bias = tiny.conv1.bias.numpy() - tiny.bn1.running_mean.numpy() + 0.5 * stem.sum(axis=(0, 1, 2))
    np.testing.assert_allclose(torch_nets.offset(net), bias, rtol=1e-5, atol=1e-6)


def test_a_net_of_another_number_of_landmarks_has_their_markup(torch_nets, tmp_path, capsys):
    network = torch_nets.randomized(torch_nets.peer()(TINY._replace(landmarks=29)))
    path, file = torch_nets.saved(network, tmp_path / "net.safetensors"), tmp_path / "mine.toml"
    arguments = ["import", str(path), *FULL, "--out", f"{tmp_path}/net.npz"]
    assert cli.main(arguments) == 0
    assert "29 landmarks, taken for those of cofw" in capsys.readouterr().out
    assert weights.load(tmp_path / "net.npz").markup == markup.COFW
    file.write_text('points = 29\nnormalize = "box"\n')
    assert cli.main([*arguments, "--markup", str(file)]) == 0
    assert "cofw" not in capsys.readouterr().out
    assert weights.load(tmp_path / "net.npz").markup == markup.read(file)
    assert cli.main([*arguments, "--markup", "wflw"]) == 2
    assert "29 landmarks, but --markup is wflw (98 points)" in capsys.readouterr().err


def _refuse(arguments, message, tmp_path, capsys):
    before = sorted(tmp_path.iterdir())
    assert cli.main(["import", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_a_net_of_another_preset_is_refused(tiny, torch_nets, tmp_path, capsys):
    path = str(torch_nets.saved(tiny, tmp_path / "net.safetensors"))
    arguments = [path, "--preset", "small", "--loss", "squared", "--out", f"{tmp_path}/net.npz"]
    _refuse(arguments, "preset 'small' has", tmp_path, capsys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("net.safetensors", "--out", "net.npz"), "needs --preset and --loss"),
        (("net.safetensors", "--preset", "tiny", "--out", "net.npz"), "needs --preset and --loss"),
        (("net.safetensors", *FULL, "--out", "net.pth"), "expected a name that ends in .npz"),
        (("net.safetensors", *FULL, "--sigma", "0", "--out", "net.npz"), "--sigma is 0.0"),
        (("net.safetensors", *FULL, "--sigma", "16", "--out", "net.npz"), "above 0 and below 16"),
        (("net.safetensors", *FULL, "--sigma", "nan", "--out", "net.npz"), "--sigma is nan"),
        (("none.safetensors", *FULL, "--out", "net.npz"), "none.safetensors: cannot be read"),
        (("net.safetensors", *FULL, "--out", "net.npz"), "net.safetensors: not a .safetensors file"),
        ((".", "--out", "net.npz"), "net.json: cannot be read"),
        ((".", "--loss", "squared", "--out", "net.npz"), "describes its own net; give no option but --out"),
        ((".", "--mean", "0", "0", "0", "--out", "net.npz"), "describes its own net; give no option but --out"),
    ],
)
def test_bad_commands_are_refused_in_one_line(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.safetensors").write_bytes(b"none of them")
    _refuse(arguments, message, tmp_path, capsys)


def test_an_exported_net_comes_back_bit_by_bit(tmp_path, capsys):
    net = random_net(loss="cross_entropy")
    export.write(tmp_path / "exported", net, mirror=False, platforms=("cpu",))
    _refuse(
        [f"{tmp_path}/exported", "--preset", "tiny", "--out", f"{tmp_path}/net.npz"],
        "describes its own net",
        tmp_path,
        capsys,
    )
    assert cli.main(["import", f"{tmp_path}/exported", "--out", f"{tmp_path}/net.npz"]) == 0
    assert "assumes" not in capsys.readouterr().out  # its header says what the net expects
    again = weights.load(tmp_path / "net.npz")
    assert (again.config, again.loss) == (net.config, net.loss)
    assert jax.tree.structure(again.variables) == jax.tree.structure(net.variables)
    for here, there in zip(*(jax.tree.leaves(n.variables) for n in (net, again)), strict=True):
        assert np.asarray(here).tobytes() == np.asarray(there).tobytes()
