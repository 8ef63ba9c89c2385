"""Time of a tracked frame, from the image to the stabilized landmarks: both views or one, both stacks or the first.

The ways take turns frame by frame on one clip, so that other load on the machine affects all of them. The first frame,
with all compiling, is measured apart: in a new Python without kept programs, and in another one that finds them
(`compilation_cache`).

Paper:    50 us a frame for the stabilizer; nothing about the network.
Command:  taskset -c 0 python experiments/bench/tracked_frame.py --out runs/tracked_frame
Cost:     a minute and a half.
Figures:  docs/results.md, "Speed".
"""

import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import tyro

from fhr_jax import geometry, pipeline, weights
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.cli.options import optional
from fhr_jax.data import faces
from fhr_jax.data.io import video
from fhr_jax.data.synthetic.render_clip import render_clip
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder
from fhr_jax.pipeline import Box
from fhr_jax.weights import Net

WARM = 5
"""Frames before the clock starts: the first ones compile."""


@dataclass(frozen=True)
class Options:
    """Time a tracked frame."""

    out: Path
    """Folder for summary.json."""
    frames: int = 120
    """Number of frames."""
    video: Annotated[Path | None, optional("FILE")] = None
    """A clip with a face in its first frame; default: a rendered one of 256 px."""
    net: Annotated[Path | None, optional("FILE")] = None
    """The net; default: the one in the package."""
    first: bool = True
    """Measure the first frame too, in new processes."""


def clip(options: Options) -> tuple[list[np.ndarray], Box | None]:
    """The frames, and the box of the face in the first one if it is known."""
    if options.video is not None:
        return [frame.image for _, frame in zip(range(options.frames), video.frames(options.video), strict=False)], None
    rendered = render_clip(jax.random.key(1), faces.clip(jax.random.key(0), options.frames), size=256)
    images = np.round(255 * np.asarray(rendered.images)).astype(np.uint8)
    x, y, width, height = np.asarray(geometry.box_of(rendered.points[0])).tolist()
    return list(images), (x, y, width, height)


def ways(net: Net) -> dict[str, tuple[Net, bool]]:
    """Nets and whether both views are averaged."""
    if net.config.stacks == 1:
        return {"both views": (net, True), "one view": (net, False)}
    first = weights.first_stacks(net, 1)
    return {
        "both views": (net, True),
        "one view": (net, False),
        "first stack, both views": (first, True),
        "first stack, one view": (first, False),
    }


def time_frames(net: Net, images: list[np.ndarray], box: Box | None) -> dict[str, list[float]]:
    """Seconds of each frame after `WARM`, way by way."""
    tracks: dict[str, Iterator[Any]] = {
        name: pipeline.align_video(each, images, box=box, mirror=mirror) for name, (each, mirror) in ways(net).items()
    }
    seconds: dict[str, list[float]] = {name: [] for name in tracks}
    for number in range(len(images)):
        for name, track in tracks.items():
            began = time.perf_counter()
            next(track)
            if number >= WARM:
                seconds[name].append(time.perf_counter() - began)
    return seconds


def first_frame(images: list[np.ndarray], box: Box | None, net: Path | None, folder: Path) -> float:
    """Seconds from the net to the first landmarks in a new Python that keeps its programs in a folder."""
    np.savez(folder.parent / "frame.npz", image=images[0], box=np.array([] if box is None else box))
    script = (
        "import sys, time\n"
        "import numpy as np\n"
        "from fhr_jax import compilation_cache, pipeline, weights\n"
        "compilation_cache.keep(folder=sys.argv[2])\n"
        "frame = np.load(sys.argv[1])\n"
        "box = tuple(frame['box'].tolist()) or None\n"
        "began = time.perf_counter()\n"
        "net = weights.load(sys.argv[3] or None)\n"
        "next(pipeline.align_video(net, [frame['image']], box=box))\n"
        "print(time.perf_counter() - began)\n"
    )
    arguments = [sys.executable, "-c", script, folder.parent / "frame.npz", folder, net or ""]
    done = subprocess.run([str(each) for each in arguments], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def main(options: Options) -> dict[str, Any]:
    """Measure, print and save."""
    images, box = clip(options)
    if len(images) <= WARM:
        raise InputError(f"{len(images)} frames, expected more than {WARM}")
    seconds = time_frames(weights.load(options.net), images, box)
    base = float(np.median(seconds["both views"]))
    rows = {}
    for name, each in seconds.items():
        low, middle, high = np.quantile(each, [0.25, 0.5, 0.75])
        rows[name] = {"milliseconds": [1e3 * value for value in (low, middle, high)], "relative": float(middle / base)}
        print(f"{name:24} {1e3 * middle:6.2f} ms ({1e3 * low:.2f} to {1e3 * high:.2f}), {middle / base:.2f}")
    summary: dict[str, Any] = {
        "machine": platform.machine(),
        "jax": jax.__version__,
        "frames": len(seconds["both views"]),
        "size": list(images[0].shape[:2]),
        "ways": rows,
    }
    if options.first:
        with tempfile.TemporaryDirectory() as folder:
            kept = Path(folder) / "programs"
            summary["first_frame_seconds"] = {
                name: first_frame(images, box, options.net, kept) for name in ("compiled", "kept programs")
            }
        print("first frame:", ", ".join(f"{n} {s:.1f} s" for n, s in summary["first_frame_seconds"].items()))
    write_summary(output_folder(options.out), summary)
    return summary


if __name__ == "__main__":
    main(tyro.cli(Options))
