"""One script for any accelerator: heatmaps, networks, stabilizer, synthetic faces, the whole path, and agreement.

Times are medians of several synchronised calls after a warm-up, which compiles and is timed apart. Beside those whose
bytes or operations are known stands the time of the limit that bounds them, measured in the same run: bytes that must
be read and written over the bandwidth of a copy, or floating-point operations over the rate of a large matrix product;
`share` is that limit over the measured time, and 1 cannot be beaten. Results are written to summary.json after every
row; a run that was stopped goes on with the rows that are not there. Needs neither Grain nor TFDS. PyTorch is measured
by `network.py`.

Paper:    gives no time.
Command:  python experiments/bench/accelerator.py --out runs/accelerator
Cost:     at most --seconds for all parts (8 minutes), most valuable first.
Figures:  docs/accelerators.md.
"""

import json
import math
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from fhr_jax import heatmap, hourglass, losses, pipeline, stabilizer, train, weights
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.data import examples
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder
from fhr_jax.hourglass import PRESETS, Hourglass
from fhr_jax.markup import FACE68
from fhr_jax.train.state import init_state
from fhr_jax.train.update import make_update
from fhr_jax.weights import Net

Part = Literal["limits", "maps", "faces", "network", "path", "stabilizer", "agreement"]
PARTS: tuple[Part, ...] = ("limits", "agreement", "maps", "faces", "network", "path", "stabilizer")


FEWEST, LONG = 3, 2.0
"""Calls of a row that takes more than so many seconds in all."""


@dataclass(frozen=True)
class Options:
    """Measure this accelerator."""

    out: Path
    """Folder for summary.json."""
    parts: tuple[Part, ...] = PARTS
    """What to measure, in this order."""
    seconds: float = 480.0
    """Time for all parts; no row starts after it."""
    rounds: int = 10
    """Calls of each row after the warm-up."""
    tiny: bool = False
    """Small sizes, for a test on a CPU."""


class Row(NamedTuple):
    """One thing to measure.

    Attributes:
        name: of the row.
        make: prepares it, and returns a call that ends when its work is done.
        items: of which a rate is given, such as images; 0: no rate.
        moved: bytes that must be moved.
    """

    name: str
    make: Callable[[], "Call"]
    items: int = 0
    moved: int = 0


class Call(NamedTuple):
    """A compiled function and its arguments, or any other call, and its operations if they are known."""

    run: Callable[[], Any]
    flops: float = 0.0
    temporary_bytes: int = 0


def compiled(function: Callable[..., Any], *arguments: Any) -> Call:
    """Compile a function for its arguments."""
    program = jax.jit(function).lower(*arguments).compile()
    return Call(partial(program, *arguments), *_counts(program))


def _counts(program: Any) -> tuple[float, int]:
    """Operations of a compiled program, and the bytes that it uses; 0 where the compiler does not say."""
    analysis: Any = program.cost_analysis() or {}
    analysis = analysis[0] if isinstance(analysis, list) else analysis
    memory: Any = program.memory_analysis()
    used = memory.temp_size_in_bytes + memory.argument_size_in_bytes + memory.output_size_in_bytes if memory else 0
    return float(analysis.get("flops", 0.0)), used


def limits(tiny: bool) -> Iterator[Row]:
    """A copy, whose bytes are read and written, and large matrix products."""
    side = 256 if tiny else 8192
    array = jax.random.normal(jax.random.key(0), (16, side, side // 2))
    yield Row("copy", partial(compiled, lambda a: a + 1, array), moved=2 * array.nbytes)
    for kind in ("float32", "bfloat16"):
        matrix = jax.random.normal(jax.random.key(1), (side, side)).astype(kind)
        yield Row(f"matmul {kind}", lambda m=matrix: compiled(jnp.matmul, m, m)._replace(flops=2.0 * len(m) ** 3))


def maps(tiny: bool) -> Iterator[Row]:
    """Decoding, encoding and mirror averaging of 68 maps of 128 x 128 pixels, 64 faces."""
    batch, side = (2, 32) if tiny else (64, 128)
    points = jax.random.uniform(jax.random.key(0), (batch, 68, 2), minval=8.0, maxval=side - 9.0)
    values = jax.jit(partial(heatmap.encode, size=(side, side)))(points)
    once = values.nbytes
    yield Row("read the maps once", partial(compiled, lambda h: h.max(axis=(1, 2)), values), batch, once)
    for decoder in ("fractional", "least_squares", "dark"):
        yield Row(f"decode {decoder}", partial(compiled, partial(heatmap.decode, decoder=decoder), values), batch, once)
    yield Row("decode with covariance", partial(compiled, heatmap.confidence, values), batch, once)
    yield Row("encode", partial(compiled, partial(heatmap.encode, size=(side, side)), points), batch, once)
    flip = np.array(FACE68.flip)
    average = partial(compiled, lambda a, b: (a + b[:, :, ::-1, flip]) / 2, values, values + 1)
    yield Row("mirror averaging", average, batch, 3 * once)


def faces(tiny: bool) -> Iterator[Row]:
    """Synthetic faces, augmented as in training."""
    for size, batch in ((64, 2),) if tiny else ((128, 256), (256, 64)):
        prepare = examples.synthetic_examples(jax.random.key(0), size)
        index = {"index": jnp.arange(batch, dtype=jnp.uint32)}
        # Three programs, as it is called here; as one, they took minutes to compile on a GPU.
        call = Call(partial(prepare, jax.random.key(1), index))
        yield Row(f"faces of {size} px", lambda c=call: c, batch)


def network(tiny: bool) -> Iterator[Row]:
    """Inference, and updates of a run: forward, backward, Adam, without the making of crops."""
    presets = (("tiny", 2),) if tiny else (("small", 256), ("medium", 128), ("paper", 32))
    for preset, batch in presets:
        config = PRESETS[preset]
        crops = jax.random.uniform(jax.random.key(0), (batch, config.crop, config.crop, 3))
        points = jax.random.uniform(jax.random.key(1), (batch, config.landmarks, 2), maxval=config.crop - 1.0)
        for kind in ("float32", "bfloat16"):
            apply = Hourglass(config, jnp.dtype(kind)).apply
            variables = hourglass.init(jax.random.key(0), config)
            yield Row(f"{preset} inference {kind}", partial(compiled, apply, variables, crops), batch)
            optimizer = train.quick_optimizer(1000)
            state = init_state(jax.random.key(0), config, optimizer)
            given = examples.Examples(crops, points)
            update = make_update(jax.random.key(0), config, optimizer, lambda _, batch: batch, dtype=jnp.dtype(kind))
            yield Row(f"{preset} update {kind}", partial(_update, update, state, given), batch)


def _update(update: Any, state: Any, given: Any) -> Call:
    program = update.lower(state, given).compile()
    held = [jax.tree.map(jnp.copy, state)]

    def run() -> Any:
        held[0], metrics = program(held[0], given)
        return metrics

    return Call(run, *_counts(program))


def path(tiny: bool) -> Iterator[Row]:
    """From crops in bytes on the host to landmarks on the host."""
    preset = "tiny" if tiny else "small"
    config = PRESETS[preset]
    net = Net(config, hourglass.init(jax.random.key(0), config), "cross_entropy")
    rng = np.random.default_rng(0)

    def predict(pixels: np.ndarray, mirror: bool, dtype: Any) -> np.ndarray:
        crops = jnp.asarray(pixels).astype(jnp.float32) / 255
        return np.asarray(pipeline.predict(net, crops, mirror=mirror, dtype=dtype).points)

    for batch in (1,) if tiny else (1, 16, 256):
        pixels = rng.integers(0, 256, (batch, config.crop, config.crop, 3), np.uint8)
        for mirror in (False, True):
            views = "both views" if mirror else "one view"
            for dtype in (jnp.float32, jnp.bfloat16):
                call = Call(partial(predict, pixels, mirror, dtype))
                yield Row(f"path of {batch}, {views}, {jnp.dtype(dtype)}", lambda c=call: c, batch)


def tracks(tiny: bool) -> Iterator[Row]:
    """50 videos of 2000 frames through each stabilizer, and the gradient of the loss."""
    videos, frames = (2, 20) if tiny else (50, 2000)
    truth = jnp.cumsum(jax.random.normal(jax.random.key(0), (videos, frames, 68, 2)), axis=1) + 100
    observed = truth + jax.random.normal(jax.random.key(1), truth.shape)
    paper = stabilizer.init_params(1.0, jnp.eye(136))
    for covariance in ("diagonal", "windowed", "full"):
        run = partial(stabilizer.run, covariance=covariance, complete=True)
        yield Row(f"stabilizer {covariance}", partial(compiled, run, paper, observed), videos * frames)

        def loss(params: Any, run: Any = run) -> Any:
            found = run(params, observed, chunk=50).reshape(videos, frames, -1)
            return losses.stabilization(found, truth.reshape(videos, frames, -1)).total

        if covariance != "full":
            yield Row(f"gradient {covariance}", partial(compiled, jax.grad(loss), paper), videos * frames)
    default = stabilizer.default_params()
    yield Row("stabilizer default", partial(compiled, stabilizer.run, default, observed), videos * frames)


def agreement(tiny: bool) -> Iterator[tuple[str, float, float]]:
    """Largest differences to the CPU of this process: (name, found, target), in pixels."""
    cpu = jax.devices("cpu")[0]

    def apart(function: Callable[..., Any], *arguments: Any) -> float:
        here = np.asarray(jax.jit(function)(*arguments))
        with jax.default_device(cpu):
            there = np.asarray(jax.jit(function)(*jax.device_put(arguments, cpu)))
        return float(np.abs(here - there).max())

    side, batch = (32, 2) if tiny else (64, 16)
    points = jax.random.uniform(jax.random.key(0), (batch, 68, 2), minval=8.0, maxval=side - 9.0)
    noisy = heatmap.encode(points, size=(side, side)) + 0.01 * jax.random.uniform(
        jax.random.key(1), (batch, side, side, 68)
    )
    yield "decode, px of the map", apart(heatmap.decode, noisy), 1e-3
    track = 100 + jnp.cumsum(jax.random.normal(jax.random.key(2), (20 if tiny else 300, 68, 2)), axis=0)
    yield "stabilizer, px", apart(stabilizer.run, stabilizer.default_params(), track), 0.01
    preset = "tiny" if tiny else "small"
    config = PRESETS[preset]
    net = Net(config, hourglass.init(jax.random.key(0), config), "cross_entropy") if tiny else weights.load()
    picture = examples.synthetic_batch(jax.random.key(3), range(batch), config.crop)
    for kind in (jnp.float32, jnp.bfloat16):

        def landmarks(crops: Any, kind: Any = kind) -> Any:
            maps = jnp.asarray(Hourglass(config, kind).apply(net.variables, crops))[-1]
            return config.crop / config.heatmap * heatmap.decode(maps, sigma=config.sigma, logits=True)

        yield f"net {jnp.dtype(kind)}, px of the crop", apart(landmarks, picture.images), 0.05


ROWS = {"limits": limits, "maps": maps, "faces": faces, "network": network, "path": path, "stabilizer": tracks}


def measure(row: Row, rounds: int, found: dict[str, Any]) -> dict[str, Any]:
    """Compile, warm up and time one row."""
    began = time.perf_counter()
    call = row.make()
    jax.block_until_ready(call.run())
    first = time.perf_counter() - began
    seconds = []
    for number in range(rounds):
        if number >= FEWEST and sum(seconds) > LONG:
            break
        began = time.perf_counter()
        jax.block_until_ready(call.run())
        seconds.append(time.perf_counter() - began)
    low, median, high = np.quantile(seconds, [0.25, 0.5, 0.75]).tolist()
    result: dict[str, Any] = {"ms": 1e3 * median, "ms_quartiles": [1e3 * low, 1e3 * high], "first_call_s": first}
    result |= {"rate": row.items / median} if row.items else {}
    result |= {"moved_bytes": row.moved, "flops": call.flops, "memory_bytes": call.temporary_bytes}
    if row.moved:
        result["bytes_per_second"] = row.moved / median
    if call.flops:
        result["flops_per_second"] = call.flops / median
    bound = _bound(row.name, row.moved, call.flops, found)
    return result | ({"share": bound / median} if bound else {})


def _bound(name: str, moved: int, flops: float, found: dict[str, Any]) -> float:
    """The seconds that bytes and operations take at the limits that were measured; 0 if these are not known."""
    copied = found.get("copy", {}).get("bytes_per_second", math.inf)
    kind = "bfloat16" if "bfloat16" in name else "float32"
    product = found.get(f"matmul {kind}", {}).get("flops_per_second", math.inf)
    return max(moved / copied, flops / product)


def main(options: Options) -> dict[str, Any]:
    """Measure all rows that are not in summary.json yet.

    Raises:
        InputError: that file has the rows of another device or version.
    """
    start, path_out = time.monotonic(), output_folder(options.out) / "summary.json"
    device = jax.devices()[0]
    about: dict[str, Any] = {
        "device": f"{device.platform}, {device.device_kind}",
        "versions": f"Python {platform.python_version()}, jax {jax.__version__}",
        "tiny": options.tiny,
    }
    summary: dict[str, Any] = json.loads(path_out.read_text()) if path_out.exists() else {}
    if summary and {name: summary.get(name) for name in about} != about:
        raise InputError(
            f"{path_out}: holds the rows of {summary.get('device')}, {summary.get('versions')}; use another --out"
        )
    summary = summary or {**about, "rows": {}, "agreement": {}}
    print(about["device"], about["versions"], flush=True)
    rows = summary["rows"]
    for part in options.parts:
        if part == "agreement":
            if not summary["agreement"]:
                for name, found, target in agreement(options.tiny):
                    summary["agreement"][name] = {"found": found, "target": target}
                    print(f"agreement, {name}: {found:.2g} (target {target:g})", flush=True)
                    write_summary(path_out.parent, summary)
            continue
        for row in ROWS[part](options.tiny):
            if row.name in rows:
                continue
            if time.monotonic() - start > options.seconds:
                print(f"no time left for {part}: {row.name}; repeat the command to go on", flush=True)
                return summary
            try:
                rows[row.name] = measure(row, options.rounds, rows)
            except (jax.errors.JaxRuntimeError, RuntimeError, ValueError) as error:  # out of memory, most likely
                rows[row.name] = {"error": str(error).splitlines()[0][:300]}
            one = rows[row.name]
            text = one.get("error") or f"{one['ms']:.3f} ms, first call {one['first_call_s']:.1f} s"
            text += f", {one['rate']:.0f} a second" if "rate" in one else ""
            text += f", {one['share']:.2f} of the limit" if "share" in one else ""
            print(f"{row.name}: {text}", flush=True)
            write_summary(path_out.parent, summary)
    return summary


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
