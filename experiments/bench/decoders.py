"""Time of decoding: every decoder against one pass over the maps, XLA's argmax, and DARK in NumPy and OpenCV.

Times are medians (and quartiles) of 400 calls after a warm-up, synchronised. The contestants take turns in random
order, so that a busy machine slows all of them equally: compare ratios, not milliseconds.

Paper:    Eq. 3-4, 68 maps of 128 x 128 pixels, one face; it gives no time.
Command:  python experiments/bench/decoders.py
Cost:     under a minute.
Figures:  2 idle x86 cores, Python 3.11.7, jax 0.10.2, numpy 2.4.6, OpenCV 4.14.0. The maximum over the maps takes
          0.25 ms (0.21 to 0.32). Times it: argmax 1.4, quarter_shift, fractional and parabola 1.5, two_sided 1.6,
          soft_argmax 1.7, least_squares and dark 2.0 (of logits 1.9), confidence 2.3; XLA's own argmax 20, DARK in
          NumPy and OpenCV 31, so ours is 15 times as fast.
"""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import tyro

from fhr_jax import heatmap

SIGMA, SIZE, LANDMARKS = 3.0, (128, 128), 68


def dark_numpy(maps: np.ndarray, sigma: float) -> np.ndarray:
    """DARK (Zhang et al., CVPR 2020) as it is commonly run: landmark by landmark, the map smoothed by OpenCV."""
    width = 2 * int(np.ceil(2.5 * sigma)) + 1
    height, breadth = maps.shape[:2]
    points = np.zeros((maps.shape[2], 2))
    for m in range(maps.shape[2]):
        h = np.ascontiguousarray(maps[..., m])
        y, x = np.unravel_index(np.argmax(h), h.shape)
        points[m] = x, y
        if not (2 <= x < breadth - 2 and 2 <= y < height - 2):
            continue
        log = np.log(np.maximum(cv2.GaussianBlur(h, (width, width), sigma, borderType=cv2.BORDER_CONSTANT), 1e-10))
        gradient = np.array([log[y, x + 1] - log[y, x - 1], log[y + 1, x] - log[y - 1, x]]) / 2
        xx = (log[y, x + 2] - 2 * log[y, x] + log[y, x - 2]) / 4
        yy = (log[y + 2, x] - 2 * log[y, x] + log[y - 2, x]) / 4
        xy = (log[y + 1, x + 1] - log[y - 1, x + 1] - log[y + 1, x - 1] + log[y - 1, x - 1]) / 4
        if xx * yy - xy * xy != 0:
            points[m] -= np.linalg.solve(np.array([[xx, xy], [xy, yy]]), gradient)
    return points


def contestants(maps: jax.Array) -> dict[str, Callable[[], object]]:
    """Names to calls without arguments that return when the work is done."""
    host = np.asarray(maps)
    highest = jax.jit(lambda h: h.max(axis=(0, 1)))
    flat = jax.jit(lambda h: h.reshape(-1, h.shape[-1]).argmax(axis=0))
    decoders = {m: partial(heatmap.decode, maps, sigma=SIGMA, decoder=m) for m in heatmap.DECODERS}
    calls: dict[str, Callable[[], object]] = {"max": partial(highest, maps), "argmax of XLA": partial(flat, maps)}
    calls |= decoders | {"confidence": partial(heatmap.confidence, maps, sigma=SIGMA)}
    # Any map is the logits of another map.
    for m in ("fractional", "least_squares", "maximum_likelihood"):
        calls[f"{m}, logits"] = partial(heatmap.decode, maps, sigma=SIGMA, decoder=m, logits=True)
    synchronised = {name: partial(lambda call: jax.block_until_ready(call()), call) for name, call in calls.items()}
    return synchronised | {"DARK in NumPy and OpenCV": partial(dark_numpy, host, SIGMA)}


@dataclass(frozen=True)
class Options:
    """Measure the decoders; every row also gives the ratio to one maximum over the maps."""

    rounds: int = 400
    """Calls of each contestant."""


def main(options: Options) -> None:
    """Print one line per contestant: median, quartiles, ratio to the maximum."""
    rng = np.random.default_rng(0)
    points = jnp.asarray(rng.uniform(4, 123, size=(LANDMARKS, 2)), jnp.float32)
    noise = jnp.asarray(0.01 * rng.normal(size=(*SIZE, LANDMARKS)), jnp.float32)
    maps = heatmap.encode(points, size=SIZE, sigma=SIGMA) + noise
    calls = contestants(maps)
    peer = np.abs(dark_numpy(np.asarray(maps), SIGMA) - heatmap.decode(maps, sigma=SIGMA, decoder="dark")).max()
    for call in calls.values():
        call()
    times = {name: np.zeros(options.rounds) for name in calls}
    for i in range(options.rounds):
        for name in rng.permutation(list(calls)):  # the state of the cache depends on the contestant before
            began = time.perf_counter()
            calls[name]()
            times[name][i] = time.perf_counter() - began
    print(f"{jax.devices()[0].device_kind}, jax {jax.__version__}, numpy {np.__version__}, OpenCV {cv2.__version__},")
    print(
        f"Python {platform.python_version()}; {options.rounds} rounds; our DARK and the peer's agree to {peer:.0e} px"
    )
    base = np.median(times["max"])
    for name, series in times.items():
        low, median, high = 1e3 * np.quantile(series, [0.25, 0.5, 0.75])
        print(f"{name:26} {median:8.3f} ms ({low:.3f} to {high:.3f})  {median / 1e3 / base:6.1f} x max")


if __name__ == "__main__":
    main(tyro.cli(Options))
