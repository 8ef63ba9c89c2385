"""What one process of `scaling.py` computes: an update of training, or loss and gradient of a fit, and its all-reduces.

Every process has as many images or videos as every other one. Together they share normalization statistics and
gradients, as in a run; alone each of them does the same work without any communication.
"""

import os
import re
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any, NamedTuple

import numpy as np

LIMIT = 120.0
"""Seconds that processes wait for each other before a round; compiling is before it."""
TYPES = {"f64": 8, "f32": 4, "s32": 4, "u32": 4, "bf16": 2, "f16": 2, "pred": 1}
"""Bytes of a number, by its name in XLA."""
_ALL_REDUCE = re.compile(r"%\S+ = (.*?) all-reduce(?:-start)?\(")
_BODY = re.compile(r"body=(%[^\s,]+)")
_SHAPE = re.compile(r"(\w+)\[([\d,]*)\]")


class Work(NamedTuple):
    """Sizes of one process's work.

    Attributes:
        preset: of the network.
        images: crops an update.
        videos: of a fit.
        frames: of each video.
        rounds: timed calls.
    """

    preset: str
    images: int
    videos: int
    frames: int
    rounds: int


class Place(NamedTuple):
    """One process among those that start together.

    Attributes:
        number: from 0.
        processes: how many there are.
        core: that it is pinned to; None: any.
        address: HOST:PORT of the first, through which they work together; None: each works alone.
        cache: folder of compiled programs.
    """

    number: int
    processes: int
    core: int | None
    address: str | None
    cache: str


def run(place: Place, work: Work, parts: tuple[str, ...], barrier: Barrier, results: Connection) -> None:
    """Measure each part and send {part: {"seconds": of each round, "flops", "all_reduces", ...}}."""
    if place.core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {place.core})
    import jax

    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_compilation_cache_dir", place.cache)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    if place.address is not None:
        jax.distributed.initialize(place.address, place.processes, place.number)
    made = {"training": _update, "fit": _gradient}
    found = {}
    for part in parts:
        call, program = made[part](place, work)
        call()
        seconds = rounds(call, work.rounds, barrier)
        flops = float((program.cost_analysis() or {}).get("flops", 0.0))
        found[part] = {"seconds": seconds, "flops": flops, **all_reduces(program.as_text())}
    results.send(found)
    results.close()


def rounds(call: Callable[[], Any], number: int, barrier: Barrier) -> list[float]:
    """Seconds of each call; all processes begin their calls together."""
    barrier.wait(LIMIT)
    seconds = []
    for _ in range(number):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    barrier.wait(LIMIT)  # so that nobody ends while another one still computes
    return seconds


def all_reduces(text: str) -> dict[str, int]:
    """How many all-reduces a compiled program has, the bytes of all their results, and how many are in loops.

    Those in loops happen in every step, and count once.
    """
    bodies, found, in_loops, computation = set(_BODY.findall(text)), [], 0, ""
    for line in text.splitlines():
        if not line.startswith(" "):
            computation = line.removeprefix("ENTRY ").split(" ")[0]
        shapes = _ALL_REDUCE.findall(line)
        found += shapes
        in_loops += len(shapes) * (computation in bodies)
    sizes = [_bytes(*shape) for shapes in found for shape in _SHAPE.findall(shapes) if shape[0] in TYPES]
    return {"all_reduces": len(found), "all_reduce_bytes": sum(sizes), "all_reduces_in_loops": in_loops}


def _bytes(kind: str, dimensions: str) -> int:
    return TYPES[kind] * int(np.prod([int(size) for size in dimensions.split(",") if size], dtype=np.int64))


def _mesh(place: Place, batch: int) -> Any:
    from fhr_jax.sharding import device_mesh

    return None if place.address is None else device_mesh(batch=batch)


def _spread(array: np.ndarray, mesh: Any) -> Any:
    """This process's part of a batch."""
    import jax

    from fhr_jax.sharding import spread_sharding

    if mesh is None:
        return jax.device_put(array)
    return jax.make_array_from_process_local_data(spread_sharding(mesh), array)


def _update(place: Place, work: Work) -> tuple[Callable[[], Any], Any]:
    """An update of `fhr-jax train`, without the making of crops."""
    import jax
    from accelerator_parts.networks import CONFIGS

    from fhr_jax import train
    from fhr_jax.data.examples import Examples

    config, rng = CONFIGS[work.preset], np.random.default_rng(place.number)
    mesh = _mesh(place, work.images * place.processes)
    crops = rng.uniform(size=(work.images, config.crop, config.crop, 3)).astype(np.float32)
    points = rng.uniform(0, config.crop - 1, (work.images, config.landmarks, 2)).astype(np.float32)
    given = Examples(_spread(crops, mesh), _spread(points, mesh))
    optimizer = train.quick_optimizer(1000)
    state = train.init_state(jax.random.key(0), config, optimizer, mesh=mesh)
    update: Any = train.make_update(jax.random.key(0), config, optimizer, lambda _, batch: batch, mesh=mesh)
    program = update.lower(state, given).compile()
    return lambda: jax.block_until_ready(program(state, given)), program


def _gradient(place: Place, work: Work) -> tuple[Callable[[], Any], Any]:
    """Loss and gradient of `fhr-jax fit --model paper`."""
    import jax
    import jax.numpy as jnp

    from fhr_jax import sharding, stabilizer
    from fhr_jax.stabilizer.fit.objective import make_problem

    mesh = _mesh(place, work.videos * place.processes)
    number = work.videos * (1 if mesh is None else place.processes)
    rng = np.random.default_rng(0)  # every process makes all of them, as every process of a fit reads all of them
    truth = 300 + rng.normal(size=(number, work.frames, 68, 2)).cumsum(axis=1)
    videos = stabilizer.as_videos(truth + rng.normal(size=truth.shape), truth)
    problem = make_problem(videos, init_params=stabilizer.init_params(1.0, jnp.eye(136)), mesh=mesh)
    gradient: Any = sharding.jit_everywhere(jax.value_and_grad(problem.loss_on), mesh)
    program = gradient.lower(problem.initial, problem.videos).compile()
    return lambda: jax.block_until_ready(program(problem.initial, problem.videos)), program
