"""How fast the hourglass is: inference and a training step beside PyTorch, and the whole path from crops to landmarks.

The other implementation is `torch_hourglass`, the same architecture in PyTorch, channels-last, eager or with
torch.compile, without the biases that have no effect. Both get the same weights (the script prints how much their maps
and first losses differ), crops, targets and processors. A training step is forward, cross-entropy against Gaussian
targets, backward and Adam (fused in both). On GPUs, float32 is TF32 in both; bfloat16 is autocast in PyTorch and
`dtype` in JAX. Times are medians (and quartiles) of several synchronised calls after a warm-up; the two take turns in
random order, so compare ratios. The whole path goes from bytes on the host to landmarks on the host, with and without
mirror averaging. First calls are timed separately: they compile, unless JAX_COMPILATION_CACHE_DIR has the programs.

Paper:    gives no time; its network is the preset paper, 53 GFLOP a crop of 256 pixels.
Command:  python experiments/bench/network.py --out runs/network --threads 1 --batch 8 --rounds 9 --only network
Cost:     a minute if the programs are cached, otherwise some minutes.
Figures:  docs/results.md, "Speed". Not measured: torch.compile, bfloat16, a GPU.
"""

import os
import platform
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
import torch.nn.functional as F
import tyro
from torch_hourglass import TorchHourglass
from tqdm import tqdm

from fhr_jax import hourglass, losses, pipeline, plots, tensors, torch_weights, train, xla_flags
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.cli.options import optional
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder
from fhr_jax.hourglass import PRESETS, Config, Hourglass
from fhr_jax.weights import Net, shapes_of

LEARNING_RATE = 2.5e-4
"""Of Adam; it has no effect on time."""


@dataclass(frozen=True)
class Options:
    """Measure the network beside PyTorch."""

    out: Path
    """Folder for summary.json and network.png."""
    preset: Literal["paper", "medium", "small", "tiny"] = "small"
    """Size of the network."""
    batch: int = 16
    """Crops per call."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Precision of the computation; parameters stay float32."""
    device: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to run; auto takes a GPU if JAX has one."""
    threads: Annotated[int | None, optional("INT")] = None
    """Number of processors that both may use; default: all of this process."""
    compile: bool = False
    """Also measure PyTorch with torch.compile."""
    rounds: int = 7
    """Number of calls of each."""
    path: tuple[int, ...] = (1, 64)
    """Batch sizes for the whole path."""
    only: Literal["all", "network", "path"] = "all"
    """What to measure."""


class TorchSide:
    """The PyTorch network on its device, with its optimizer."""

    def __init__(self, config: Config, options: Options, gpu: bool):
        torch.manual_seed(0)
        self.device = torch.device("cuda" if gpu else "cpu")
        self.kind = torch.bfloat16 if options.dtype == "bfloat16" else None
        self.network = TorchHourglass(config, biases="params/Conv_0/bias" in shapes_of(config)).to(self.device)
        for parameter in self.network.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(self.network.parameters(), LEARNING_RATE, fused=True)
        self.config = config

    def images(self, crops: np.ndarray) -> torch.Tensor:
        """Crops (B, S, S, 3) as a PyTorch tensor (B, 3, S, S), channels last in memory."""
        return torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2)

    def maps(self, network: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor) -> torch.Tensor:
        """Forward, in the dtype of the options."""
        with torch.autocast(self.device.type, dtype=self.kind, enabled=self.kind is not None):
            return network(images)

    def infer(self, network: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor) -> torch.Tensor:
        """Maps of all stacks, statistics fixed."""
        self.network.eval()
        with torch.inference_mode():
            return self.finished(self.maps(network, images))

    def update(
        self, network: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor, weights: torch.Tensor
    ) -> torch.Tensor:
        """One training step; `weights` are the targets (B, M, h, w), each map with the sum 1."""
        self.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        logs = F.log_softmax(self.maps(network, images).float().flatten(3), dim=-1)
        loss = -(logs * weights.flatten(2)).sum() / (len(images) * self.config.landmarks)
        loss.backward()
        self.optimizer.step()
        return self.finished(loss.detach())

    def finished(self, result: torch.Tensor) -> torch.Tensor:
        """Wait for the result and return it."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return result

    def net(self) -> Net:
        """The same weights for JAX, through a file."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "peer.safetensors"
            arrays = {name: value.cpu().contiguous().numpy() for name, value in self.network.state_dict().items()}
            tensors.write(path, arrays)
            return torch_weights.load(path, self.config, loss="cross_entropy")


class JaxSide:
    """The JAX network with its optimizer."""

    def __init__(self, net: Net, options: Options):
        network = Hourglass(net.config, dtype=jnp.dtype(options.dtype))
        optimizer = optax.adam(LEARNING_RATE)
        self.variables = net.variables
        self.state = (net.variables["params"], net.variables["batch_stats"], optimizer.init(net.variables["params"]))
        self.state = jax.tree.map(jnp.copy, self.state)  # an update donates it
        self.apply = jax.jit(network.apply)

        def objective(params: Any, stats: Any, images: jax.Array, target: jax.Array) -> tuple[jax.Array, Any]:
            variables = {"params": params, "batch_stats": stats}
            maps, changed = network.apply(variables, images, train=True, mutable=["batch_stats"])
            return losses.cross_entropy(maps, target), changed["batch_stats"]

        @partial(jax.jit, donate_argnums=0)
        def step(state: Any, images: jax.Array, target: jax.Array) -> tuple[Any, jax.Array]:
            params, stats, adam = state
            gradient = jax.value_and_grad(objective, has_aux=True)
            (loss, stats), grads = gradient(params, stats, images, target)
            changes, adam = optimizer.update(grads, adam, params)
            return (optax.apply_updates(params, changes), stats, adam), loss

        self.step = step

    def infer(self, images: jax.Array) -> jax.Array:
        """Maps of all stacks, statistics fixed."""
        return jax.block_until_ready(self.apply(self.variables, images))

    def update(self, images: jax.Array, target: jax.Array) -> jax.Array:
        """One training step."""
        self.state, loss = self.step(self.state, images, target)
        return jax.block_until_ready(loss)


def measure(calls: Mapping[str, Callable[[], Any]], rounds: int, name: str) -> dict[str, list[float]]:
    """Quartiles of the seconds of each call, after a warm-up."""
    rng, seconds = np.random.default_rng(0), {key: [] for key in calls}
    with tqdm(total=len(calls) * (rounds + 1), desc=name, unit="call") as bar:
        for number in range(rounds + 1):
            for key in rng.permutation(list(calls)):
                time.sleep(0.05)  # lets the threads of the other library stop spinning
                began = time.perf_counter()
                calls[key]()
                if number:
                    seconds[key].append(time.perf_counter() - began)
                bar.update()
    return {key: np.quantile(values, [0.25, 0.5, 0.75]).tolist() for key, values in seconds.items()}


def network(config: Config, options: Options, gpu: bool) -> dict[str, Any]:
    """Time inference and a training step of both, and compare their results."""
    rng = np.random.default_rng(0)
    crops = rng.uniform(size=(options.batch, config.crop, config.crop, 3)).astype(np.float32)
    points = rng.uniform(0, config.crop - 1, (options.batch, config.landmarks, 2)).astype(np.float32)
    target = train.targets(jnp.asarray(points), config)
    weights = np.asarray(target / target.sum(axis=(1, 2), keepdims=True)).transpose(0, 3, 1, 2)

    peer = TorchSide(config, options, gpu)
    theirs, their_target = peer.images(crops), torch.from_numpy(weights.copy()).to(peer.device)
    ours, images = JaxSide(peer.net(), options), jnp.asarray(crops)
    there = peer.infer(peer.network, theirs).float().permute(0, 1, 3, 4, 2).cpu().numpy()
    began = time.perf_counter()
    here = np.asarray(ours.infer(images))
    between = time.perf_counter()
    our_first = float(ours.update(images, target))
    compiling = {"inference": between - began, "training step": time.perf_counter() - between}
    first = [float(peer.update(peer.network, theirs, their_target)), our_first]
    apart = float(np.abs(there - here).max())
    print(
        f"maps differ by {apart:.1e} at most (standard deviation {there.std():.2g}); first losses {first}",
        flush=True,
    )
    times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in compiling.items())
    print(f"first calls of JAX, which compile: {times}", flush=True)

    ways: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {"PyTorch": peer.network}
    if options.compile:
        ways["PyTorch, compiled"] = torch.compile(peer.network)
    inference: dict[str, Callable[[], Any]] = {"JAX": partial(ours.infer, images)}
    inference |= {name: partial(peer.infer, way, theirs) for name, way in ways.items()}
    training: dict[str, Callable[[], Any]] = {"JAX": partial(ours.update, images, target)}
    training |= {name: partial(peer.update, way, theirs, their_target) for name, way in ways.items()}
    result: dict[str, Any] = {"maps_differ": apart, "maps_sd": float(there.std()), "first_losses": first}
    result["first_calls_s"] = compiling
    for name, calls in (("inference", inference), ("training step", training)):
        seconds = measure(calls, options.rounds, name)
        ms = {key: [1e3 * value / options.batch for value in values] for key, values in seconds.items()}
        ratios = {key: ms[key][1] / ms["JAX"][1] for key in ms if key != "JAX"}
        result[name] = {"ms_a_crop": ms, "speed_over": ratios}
        for key, (low, median, high) in ms.items():
            over = f"  JAX is {ratios[key]:.2f} times as fast" if key in ratios else ""
            print(f"{name}, {key}: {median:.2f} ms a crop ({low:.2f} to {high:.2f}){over}", flush=True)
    return result


def whole_path(config: Config, options: Options) -> dict[str, Any]:
    """Frames per second from bytes on the host to landmarks on the host."""
    net = Net(config, hourglass.init(jax.random.key(0), config), "cross_entropy")
    rng, result = np.random.default_rng(0), {}

    def predict(pixels: np.ndarray, mirror: bool) -> np.ndarray:
        crops = jnp.asarray(pixels, jnp.float32) / 255
        return np.asarray(pipeline.predict(net, crops, mirror=mirror).points)

    for batch in options.path:
        pixels = rng.integers(0, 256, (batch, config.crop, config.crop, 3), np.uint8)
        calls = {name: partial(predict, pixels, mirror) for name, mirror in (("mirrored", True), ("once", False))}
        seconds = measure(calls, options.rounds, f"path, batch {batch}")
        result[str(batch)] = {name: [batch / value for value in values[::-1]] for name, values in seconds.items()}
        for name, (low, median, high) in result[str(batch)].items():
            print(f"path, batch {batch}, {name}: {median:.2f} frames a second ({low:.2f} to {high:.2f})", flush=True)
    return result


def prepare(options: Options) -> bool:
    """Give both libraries the same device and processors; return whether it is a GPU.

    Raises:
        InputError: there is no GPU for one of them.
    """
    if options.threads is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    xla_flags.set_environment()
    torch.set_num_threads(xla_flags.processors())
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    if options.device == "cpu":
        jax.config.update("jax_platforms", "cpu")
    gpu = jax.default_backend() == "gpu"
    if options.device == "gpu" and not gpu:
        raise InputError("--device gpu: jax finds no GPU here")
    if gpu and not torch.cuda.is_available():
        raise InputError("JAX has a GPU, but PyTorch has none; expected --device cpu, or a PyTorch with CUDA")
    return gpu


def main(options: Options) -> dict[str, Any]:
    """Measure, print the table, write summary.json and the plot."""
    gpu, config = prepare(options), PRESETS[options.preset]
    folder = output_folder(options.out)
    versions = f"jax {jax.__version__}, torch {torch.__version__}, Python {platform.python_version()}"
    device = jax.devices()[0].device_kind
    print(
        f"{device}, {torch.get_num_threads()} threads, {versions}; {options.preset}, batch {options.batch}", flush=True
    )
    summary: dict[str, Any] = {"options": asdict(options) | {"out": str(options.out)}}
    summary |= {"device": device, "threads": torch.get_num_threads(), "versions": versions}
    if options.only != "path":
        summary["network"] = network(config, options, gpu)
        parts = {name: summary["network"][name]["ms_a_crop"] for name in ("inference", "training step")}
        values = {
            f"{part}, {key}": (ms[1], (ms[2] - ms[0]) / 2) for part, rows in parts.items() for key, ms in rows.items()
        }
        ours = [name for name in values if name.endswith("JAX")]
        plots.save(folder / "network.png", plots.bars(values, label="ms a crop", highlight=ours))
    if options.only != "network":
        summary["path"] = whole_path(config, options)
    write_summary(folder, summary)
    return summary


if __name__ == "__main__":
    main(tyro.cli(Options))
