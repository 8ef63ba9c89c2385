"""A killed run resumes exactly, with any number of workers; and its workers die with it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fhr_jax import train
from tests import interrupted

STEPS = 20
"""Of 4 examples out of 11: seven passes, and the kill comes in the middle of the second."""


@pytest.fixture(scope="module")
def through():
    """The state of an uninterrupted run at every step."""
    states, data = {}, interrupted.batches(0)

    for output in train.train_steps(interrupted.update, interrupted.start(), data, steps=STEPS):
        states[output.step] = float(output.state.params).hex()
    data.close()
    return states


def run(folder, workers):
    command = [sys.executable, "-m", "tests.interrupted", str(folder), str(workers), str(STEPS)]
    place = {"cwd": Path(__file__).parents[2], "env": os.environ | {"JAX_PLATFORMS": "cpu"}}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **place)


def read(lines):
    return {int(step): state for step, state in (line.split() for line in lines)}


def children(pid):
    return [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]


def alive(pid):
    """Whether a process runs: not gone, and no zombie that waits to be collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found through /proc")
@pytest.mark.parametrize(("before", "after"), [(2, 0), pytest.param(0, 2, marks=pytest.mark.slow)])
def test_a_killed_run_resumes_exactly(tmp_path, through, before, after):
    killed = run(tmp_path, before)
    seen = read(killed.stdout.readline() for _ in range(5))  # step 4 is saved, step 5 is not
    workers = children(killed.pid)
    assert len(workers) >= before
    killed.send_signal(signal.SIGKILL)
    killed.stdout.close()
    assert killed.wait() == -signal.SIGKILL
    with run(tmp_path, after) as resumed:
        seen_again = read(resumed.stdout)
    assert resumed.returncode == 0
    assert seen == {step: through[step] for step in range(1, 6)}
    assert 5 <= min(seen_again) <= 11  # the killed run may have saved more before it died
    assert seen_again == {step: through[step] for step in range(min(seen_again), STEPS + 1)}
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(alive(pid) for pid in workers)
