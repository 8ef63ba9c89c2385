"""One setting for every detector: the stabilizer and One Euro on tracks that real detectors found in real clips.

The tracks of dlib and MediaPipe (`tracking`: with its own tracking, `static`: each frame alone) are those of
`detector_tracks` in the folder that FHR_JAX_DATA names. Those of the net that ships are computed from `videos` there,
as `fhr-jax track` does, before any smoothing, and kept in --tracks. The motion of each clip carries the noise of each
other clip of the same detector (`benchmark.detectors`). Published predictions on 300-VW are scored beside them, as the
protocol has them (`benchmark.protocol`): all test videos of its seeds.

One Euro has one setting for the four detectors, the best by the geometric mean of its losses there, and one for each.
Both are tuned on the very videos that are scored. With --lag the smoother is scored beside the causal stabilizer.

Paper:    none.
Command:  FHR_JAX_DATA=folder python experiments/detectors.py --out runs/detectors
Cost:     two minutes and a half on one x86 core, and as much for the tracks of the net the first time.
Figures:  docs/results.md, "Every detector".
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro
from tqdm import tqdm

from fhr_jax import npz, pipeline, stabilizer, weights
from fhr_jax.benchmark import baselines, detectors, protocol
from fhr_jax.benchmark.detectors import BatchFilter, DetectorLosses
from fhr_jax.benchmark.options import ALL, as_config
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.benchmark.tables import write_table
from fhr_jax.cli.options import optional
from fhr_jax.data.io import video
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder
from fhr_jax.stabilizer import Videos

FOUND = ("dlib", "mediapipe_tracking", "mediapipe_static")
"""Detectors with tracks in the folder `detector_tracks`."""

BASELINES = {baseline.name: baseline for baseline in (*baselines.BASELINES, *baselines.REFERENCES)}
OURS, PREDICTIONS = "fhr_jax", "300vw"
STABILIZER = "stabilizer"


@dataclass(frozen=True)
class Options:
    """Compare the stabilizer with One Euro on tracks of real detectors."""

    out: Path
    """Folder for summary.json, detectors.csv and detectors.md."""
    params: Annotated[Path | None, optional("FILE")] = None
    """Parameters that `fhr-jax fit` wrote; default: those in the package."""
    only: tuple[str, ...] = (*FOUND, OURS, PREDICTIONS)
    """Detectors to run."""
    baseline: str = baselines.ONE_EURO.name
    """The filter to compare with, such as "RTS smoother", which sees the future."""
    tracks: Path = Path("runs/detectors/tracks")
    """Folder in which the tracks of the net are kept."""
    frames: Annotated[int | None, optional("INT")] = None
    """Frames of a video at most; default: all, and 300 of 300-VW, as in its protocol."""
    lag: tuple[int | Literal["all"], ...] = ()
    """Frames of look-ahead of the smoother, one column each; none by default."""
    evaluations: int = 60
    """Evaluations of a search for settings at most."""


def main(options: Options) -> dict[str, DetectorLosses]:
    """Compare, print, write."""
    unknown = set(options.only) - {*FOUND, OURS, PREDICTIONS}
    if unknown:
        raise InputError(f"--only: {sorted(unknown)[0]!r}, expected some of {', '.join((*FOUND, OURS, PREDICTIONS))}")
    if options.baseline not in BASELINES:
        raise InputError(f"--baseline: {options.baseline!r}, expected one of {', '.join(BASELINES)}")
    if not set(options.only) - {PREDICTIONS}:
        raise InputError("--only: expected a detector beside 300vw")
    data = data_folder()
    if data is None:
        print("skipped: FHR_JAX_DATA names no folder with detector_tracks")
        return {}
    folder = output_folder(options.out)
    params = stabilizer.default_params() if options.params is None else stabilizer.load(options.params)
    filters: dict[str, BatchFilter] = {STABILIZER: lambda observed: stabilizer.run(params, observed)}
    for lag in options.lag:
        smoother = partial(stabilizer.smooth, params, lag=None if lag == ALL else lag)
        filters[f"look-ahead {lag}"] = smoother
    apart = dict(published(options))
    found, shared = detectors.compare(
        filters,
        dict(detected(options, data)),
        apart=apart,
        baseline=BASELINES[options.baseline],
        evaluations=options.evaluations,
    )
    text = table(found, options.baseline, apart=tuple(apart))
    setting = ", ".join(f"{name} {value:.3g}" for name, value in shared.items())
    print(f"{text}\n\n{options.baseline}, one setting: {setting}")
    ahead = [name for name in filters if name != STABILIZER]
    header = ("detector", "raw", STABILIZER, "one_setting", "tuned", *ahead)
    rows = [
        (name, one.raw, one.filters[STABILIZER], one.one_setting, one.tuned, *(one.filters[key] for key in ahead))
        for name, one in found.items()
    ]
    write_table(folder, "detectors", text=text, rows=[header, *rows])
    write_summary(
        folder,
        {
            "options": as_config(options),
            "one_setting": shared,
            "detectors": {name: one._asdict() for name, one in found.items()},
            "geometric_means": means(found, tuple(apart)),
        },
    )
    return found


def data_folder() -> Path | None:
    """The folder of real data, if there is one with detector tracks."""
    folder = Path(os.environ.get("FHR_JAX_DATA") or os.devnull)
    return folder if (folder / "detector_tracks").is_dir() else None


def detected(options: Options, data: Path) -> Iterator[tuple[str, Videos]]:
    """Names and videos of the detectors."""
    for name in options.only:
        if name == PREDICTIONS:
            continue
        folder = data / "detector_tracks"
        if name == OURS:
            folder = net_tracks(options.tracks, data)
        pairs = detectors.transplant(detectors.read_detector(folder, name), frames=options.frames)
        yield name, protocol.batch(pairs)


def published(options: Options) -> Iterator[tuple[str, Videos]]:
    """The test videos of all seeds of the protocol on 300-VW."""
    if PREDICTIONS in options.only:
        source = protocol.read(PREDICTIONS)
        frames = options.frames or 300
        pairs = [p for seed in protocol.SEEDS for p in protocol.make_split(seed, source=source, frames=frames).test]
        yield PREDICTIONS, protocol.batch(pairs)


def net_tracks(folder: Path, data: Path) -> Path:
    """Run the net that ships on the clips, as many frames as the other detectors saw, unless that was done before."""
    net = weights.load(None)
    for other in sorted((data / "detector_tracks").glob(f"{FOUND[0]}.*.npz")):
        clip = other.name.split(".")[1]
        kept = output_folder(folder) / f"{OURS}.{clip}.npz"
        if not kept.exists():
            frames = len(npz.read(other)["landmarks"])
            images = (frame.image for frame in islice(video.frames(data / "videos" / f"{clip}.mp4"), frames))
            faces = tqdm(pipeline.align_video(net, images), total=frames, unit="frame", desc=clip)
            npz.write(kept, {"landmarks": np.stack([face.raw for face in faces]).astype(np.float32)})
    return folder


def means(found: dict[str, DetectorLosses], apart: tuple[str, ...]) -> dict[str, float]:
    """Geometric means over the detectors, without those apart."""
    one, tuned = detectors.geometric_means({k: v for k, v in found.items() if k not in apart}, STABILIZER)
    return {"one_setting": one, "tuned": tuned}


def table(found: dict[str, DetectorLosses], baseline: str, *, apart: tuple[str, ...]) -> str:
    """The losses as a Markdown table; with look-ahead, in brackets over the causal stabilizer."""
    ahead = [name for name in next(iter(found.values())).filters if name != STABILIZER]
    columns = ("detector", "raw", f"{baseline}, one setting", "tuned for each", "stabilizer", "over one setting")
    lines = ["| " + " | ".join((*columns, "over tuned", *ahead)) + " |", "|---" * (len(columns) + 1 + len(ahead)) + "|"]
    for name, one in found.items():
        ours = one.filters[STABILIZER]
        losses = " | ".join(f"{loss:.1f}" for loss in (one.raw, one.one_setting, one.tuned, ours))
        more = "".join(f" {one.filters[key]:.1f} ({one.filters[key] / ours:.2f}) |" for key in ahead)
        lines.append(f"| {name} | {losses} | {ours / one.one_setting:.2f} | {ours / one.tuned:.2f} |{more}")
    mean = means(found, apart)
    name = "geometric mean" + (f" without {', '.join(apart)}" if apart else "")
    return "\n".join(
        [*lines, f"| {name} | | | | | {mean['one_setting']:.2f} | {mean['tuned']:.2f} |" + " |" * len(ahead)]
    )


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
