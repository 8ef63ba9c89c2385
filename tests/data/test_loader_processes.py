"""Two real processes read what one would, and put it into one global array."""

import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from fhr_jax.data import loader

PROGRAM = """
import sys
import jax
jax.distributed.initialize(sys.argv[2], 2, int(sys.argv[1]))
from jax.experimental import multihost_utils
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from fhr_jax.data import loader
mesh = jax.make_mesh((2,), ("faces",), axis_types=(AxisType.Auto,))
sharding = NamedSharding(mesh, PartitionSpec("faces"))
batches = loader.batches(loader.Indices(0, 13), batch=6, seed=1, sharding=sharding)
for _ in range(3):
    index = next(batches)["index"]
    assert index.shape == (6,) and index.addressable_shards[0].data.shape == (3,)
    print("batch", *multihost_utils.process_allgather(index, tiled=True))
batches.close()
"""


@pytest.mark.slow
def test_two_processes_read_what_one_would():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}
    commands = [[sys.executable, "-c", PROGRAM, str(number), address] for number in (0, 1)]
    running = [subprocess.Popen(c, env=environment, stdout=subprocess.PIPE, text=True) for c in commands]
    outputs = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    alone = loader.batches(loader.Indices(0, 13), batch=6, seed=1)
    expected = [np.asarray(next(alone)["index"]).tolist() for _ in range(3)]
    for output in outputs:
        lines = [line.split()[1:] for line in output.splitlines() if line.startswith("batch")]
        assert [[int(word) for word in line] for line in lines] == expected
