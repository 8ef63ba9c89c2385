"""What is freed stays with the process."""

import subprocess
import sys

import pytest

from fhr_jax import memory

PROGRAM = """
import resource, sys
from fhr_jax import memory
kept = memory.tune_malloc() if sys.argv[1] == "yes" else False
import jax, jax.numpy as jnp
numbers = jnp.ones((2048, 2048))
update = jax.jit(lambda x: (jnp.sin(x) @ x @ jnp.cos(x)).sum())
def faults(calls):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(calls):
        update(numbers).block_until_ready()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults(8)  # each thread of the pool first takes pages of its own
print(kept, faults(4))
"""


def _run(answer):
    command = [sys.executable, "-c", PROGRAM, answer]
    kept, faults = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.split()
    return kept == "True", int(faults)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_pages_are_not_cleared_again():
    kept, with_it = _run("yes")
    _, without = _run("no")
    assert kept
    assert with_it < without / 10


def test_elsewhere_nothing_is_done(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not memory.tune_malloc()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: object())
    assert not memory.tune_malloc()
