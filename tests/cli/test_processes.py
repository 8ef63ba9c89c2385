"""`fhr-jax train` in two processes on loopback: they stop together, resume, and train as one process does."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from fhr_jax import log, weights
from fhr_jax.data.io import pts

STEPS = 40


@pytest.fixture
def command(tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    (tmp_path / "faces").mkdir()
    for i in range(9):
        Image.fromarray(rng.integers(0, 255, (80, 90, 3), np.uint8)).save(tmp_path / "faces" / f"{i}.png")
        pts.write(tmp_path / "faces" / f"{i}.pts", rng.uniform(20, 60, (68, 2)))
    options = ["--preset", "tiny", "--data", str(tmp_path / "faces"), "--holdout", "2", "--batch", "4"]
    every = ["--steps", str(STEPS), "--save-every", "9", "--validate-every", "6"]
    return [sys.executable, "-m", "fhr_jax.cli", "train", *options, *every]


def _start(command, out, processes):
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    cluster = ["--coordinator", address, "--hosts", str(processes), "--host"]
    more = [[*cluster, str(i)] for i in range(processes)] if processes > 1 else [[]]
    return [
        subprocess.Popen([*command, "--out", str(out), *each], env=environment, stderr=subprocess.PIPE) for each in more
    ]


def _ended(running):
    outputs = [process.communicate(timeout=600)[1].decode()[-2000:] for process in running]
    return [process.returncode for process in running], outputs


@pytest.mark.slow
def test_two_processes_stop_together_and_resume(command, tmp_path):
    together, alone = tmp_path / "together", tmp_path / "alone"
    running = _start(command, together, 2)
    for _ in range(1200):
        if any(line["step"] >= 6 for line in log.read_metrics(together)):
            break
        time.sleep(0.5)
    else:
        pytest.fail("no update in ten minutes")
    running[1].send_signal(signal.SIGTERM)  # asks one, and both stop
    codes, outputs = _ended(running)
    assert set(codes) == {128 + signal.SIGTERM}, outputs
    saved = max(int(path.name) for path in (together / "checkpoints").iterdir() if path.name.isdigit())
    assert 6 <= saved < STEPS
    codes, outputs = _ended(_start(command, together, 2))
    assert codes == [0, 0], outputs
    codes, outputs = _ended(_start(command, alone, 1))
    assert codes == [0], outputs
    steps = [line["step"] for line in log.read_metrics(together)]
    assert steps == [line["step"] for line in log.read_metrics(alone)]
    first, second = ({line["step"]: line for line in log.read_metrics(out)} for out in (together, alone))
    # In float32 sums in another order part slowly; test_sharding.py says how equal they are in float64.
    assert first[STEPS]["loss"] == pytest.approx(second[STEPS]["loss"], rel=5e-3)
    assert weights.load(together / "net.npz").config == weights.load(alone / "net.npz").config
    assert json.loads((together / "config.json").read_text()) == json.loads((alone / "config.json").read_text())
