"""Training and fits on several devices, in one process and in two, give the same result as on one device."""

import socket
import subprocess
import sys

import jax
import numpy as np
import pytest

from fhr_jax import npz, sharding
from fhr_jax.errors import InputError
from tests.devices import environment


def _start(out, *more, devices=1):
    command = [sys.executable, "-m", "tests.shared_batch", str(out), *more]
    return subprocess.Popen(command, env=environment(devices))


@pytest.fixture(scope="module")
def one_process(tmp_path_factory):
    """Training and fits on four devices and on one, all by one process."""
    out = tmp_path_factory.mktemp("one_process") / "run"
    assert _start(out, devices=4).wait(timeout=300) == 0
    return out


@pytest.fixture(scope="module")
def one_device(one_process):
    return npz.read(f"{one_process}_alone.npz")


def _same(one_device, path, devices):
    shared = npz.read(path)
    assert shared["devices"] == devices
    for name in set(one_device) - {"devices"}:
        np.testing.assert_allclose(shared[name], one_device[name], rtol=0, atol=1e-5, err_msg=name)
    assert one_device["losses"][-1] < one_device["losses"][0] - 0.1


def test_four_devices_train_like_one(one_process, one_device):
    assert one_device["devices"] == 1
    _same(one_device, f"{one_process}0.npz", 4)


@pytest.mark.parametrize("what", ["loss", "gradient", "fits", "validation"])
def test_four_devices_fit_videos_like_one(one_process, what):
    figures = npz.read(f"{one_process}_fits.npz")
    one, four = figures[f"{what}_1"], figures[f"{what}_4"]
    np.testing.assert_allclose(four, one, rtol=1e-5, atol=1e-5 * np.abs(one).max())


def test_two_processes_train_like_one(one_device, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    running = [_start(tmp_path / "run", address, str(number)) for number in (0, 1)]
    assert [process.wait(timeout=300) for process in running] == [0, 0]
    for number in (0, 1):
        _same(one_device, tmp_path / f"run{number}.npz", 2)


def test_a_batch_must_divide_equally_among_the_devices():
    devices = len(jax.devices())
    assert sharding.device_mesh(batch=6 * devices).devices.shape == (devices,)
    with pytest.raises(InputError, match=f"{devices + 1} devices asked for; JAX sees {devices} "):
        sharding.device_mesh(devices + 1, batch=8)
    with pytest.raises(InputError, match="0 devices asked for"):
        sharding.device_mesh(0, batch=8)
