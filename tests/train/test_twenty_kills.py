"""A run that is killed twenty times at random moments ends with the parameters of an uninterrupted one."""

import os
import random
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from fhr_jax import log, npz
from fhr_jax.data.io import pts

KILLS, STEPS = 20, 400


@pytest.fixture
def command(tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    for i in range(9):
        Image.fromarray(rng.integers(0, 255, (80, 90, 3), np.uint8)).save(tmp_path / f"{i}.png")
        pts.write(tmp_path / f"{i}.pts", rng.uniform(20, 60, (68, 2)))
    options = ["--preset", "tiny", "--data", str(tmp_path), "--holdout", "2", "--batch", "2", "--ema-decay", "0.9"]
    every = ["--save-every", "7", "--validate-every", "25"]
    return [sys.executable, "-m", "fhr_jax.cli", "train", *options, "--steps", str(STEPS), *every]


def _start(command, out, programs):
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "JAX_COMPILATION_CACHE_DIR": str(programs)}
    environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    with (programs.parent / "stderr").open("wb") as stderr:  # of the latest
        return subprocess.Popen([*command, "--out", str(out)], env=environment, stderr=stderr)


def _lines(folder):
    return [{k: v for k, v in line.items() if "second" not in k} for line in log.read_metrics(folder)]


def _shown(stderr):
    """The step that the progress bar shows; None before there is one."""
    steps = re.findall(rf"(\d+)/{STEPS} ".encode(), stderr.read_bytes()[-2000:])
    return int(steps[-1]) if steps else None


def _saved(out):
    return max((int(path.name) for path in (out / "checkpoints").glob("*") if path.name.isdigit()), default=0)


def _wait_to_kill(process, stderr, saved, moments):
    """Until some moment of the start, of the updates or after them; until the end, if there are none left to make."""
    if saved == STEPS:
        process.wait(timeout=900)
        return
    if moments.random() < 0.25:
        time.sleep(moments.uniform(0, 6))
        return
    step = moments.randint(saved + 1, min(saved + 60, STEPS))
    while process.poll() is None and (_shown(stderr) or 0) < step:
        time.sleep(0.005)
    time.sleep(moments.uniform(0, 0.1))  # between two updates, or in a save


@pytest.mark.slow
def test_twenty_kills(command, tmp_path):
    programs, stderr = tmp_path / "programs", tmp_path / "stderr"
    through = _start(command, tmp_path / "through", programs)
    assert through.wait(timeout=900) == 0
    moments, killed, started, out = random.Random(0), 0, 0, tmp_path / "killed"
    while killed < KILLS:
        started += 1
        assert started <= 2 * KILLS
        process = _start(command, out, programs)
        _wait_to_kill(process, stderr, _saved(out), moments)
        process.send_signal(signal.SIGTERM if killed % 5 == 4 else signal.SIGKILL)
        code = process.wait(timeout=300)
        stopped = (-signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGTERM, 0)
        assert code in stopped, stderr.read_text()[-2000:]
        killed += code != 0
        if code == 0:  # it was done before: begin again, with the kills that are left
            _same(tmp_path / "through", out)
            out = tmp_path / f"killed{started}"
    assert _start(command, out, programs).wait(timeout=900) == 0
    _same(tmp_path / "through", out)


def _same(through, folder):
    for name in ("net.npz", "best.npz"):
        expected, found = (npz.read(path / name) for path in (through, folder))
        assert set(expected) == set(found)
        for key in expected:
            np.testing.assert_array_equal(found[key], expected[key], err_msg=f"{name} {key}")
    assert _lines(folder) == _lines(through)
