"""Tables 4, 5 and 6: net and stabilizer over the whole path, on the videos of 300-VW and on Talking Face.

Wants the user's own data, built by `fhr-jax data build face300vw` and `... talking_face`. Landmarks of every video are
kept in --out/tracks as they come, with the truth, and the same command goes on from there.

Two ways to crop:
    --crops followed   as `fhr-jax track` does: only the first frame is cropped by the box of the true landmarks (or of
                       a detector, --boxes FILE), each later one around the landmarks of the one before; where the face
                       is lost, OpenCV's detector looks for it. Net alone and net with stabilizer go through the video
                       by themselves, so each has its own crops.
    --crops truth      as in the paper: every frame is cropped by its box. The net looks once, the stabilizer filters
                       what it has found, and --conventional-net adds the rows of a net with conventional heatmaps.
Frames that follow one another without a gap are followed by themselves, from a box of their own. A frame in which the
face is lost has no NRMSE: it is missing from the means, counted beside them, and a failure in AUC and failure rate.
Stability is of pairs of neighbouring frames that both have landmarks. Means are over all frames of a split;
summary.json has those over videos too, and the interval of the gain over videos (bootstrap, 95 %).

Paper:    "Towards Highly Accurate and Stable Face Alignment for High-Resolution Videos" (AAAI 2019), rows of PAPER
          below. Its net has learned from 300-VW, what ships has seen no photograph: train one first for a comparison.
Command:  python experiments/tables456_videos.py --directory datasets --out runs/videos
          python experiments/tables456_videos.py --directory datasets --out runs/paper --crops truth
              --net runs/300vw/net.npz --params runs/fit/params.npz --conventional-net runs/300vw_conventional/net.npz
Cost:     not measured on the real videos; --frames N takes the first of each for a quick look.
Figures:  none yet. Neither dataset may be handed on and neither lay where this was written; a test runs all of it on
          mocked trees of both. Say which net and parameters yours are of.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import numpy as np
import tyro
from tqdm import tqdm

from fhr_jax import crop, log, metrics, npz, pipeline, plots, stabilizer, weights
from fhr_jax.data import loader
from fhr_jax.data.crops import Crops
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.data.records import FrameRun, Frames, Records, encoded
from fhr_jax.data.sources import boxes
from fhr_jax.data.sources.holdout import Subset
from fhr_jax.errors import InputError
from fhr_jax.evaluate import LIMIT
from fhr_jax.files import output_folder, write_json
from fhr_jax.heatmap import Decoder
from fhr_jax.markup import SEVEN_OF_68, SEVEN_OF_TALKING_FACE
from fhr_jax.weights import Net

VIDEOS, TALKING = "face300vw", "talking_face"
SPLITS = {VIDEOS: ("scenario1", "scenario2", "scenario3"), TALKING: ("test",)}
POINTS = {VIDEOS: (7, 68), TALKING: (7,)}
"""Points that are compared: those of Talking Face are others, but for seven."""
TITLES = {(VIDEOS, 7): "Table 4", (TALKING, 7): "Table 5", (VIDEOS, 68): "Table 6"}
ALONE, STEADY, ARGMAX, QUARTER = "net", "net + stabilizer", "conventional, argmax", "conventional, quarter"
PAPER: dict[tuple[str, int], dict[str, str]] = {
    (VIDEOS, 7): {
        "scenario1": "REDnet 8.03/10.3, FHR 4.44/5.49, FHR+STA 3.93/3.04",
        "scenario2": "REDnet 10.1/9.64, FHR 3.96/3.55, FHR+STA 3.82/3.44",
        "scenario3": "REDnet 16.5/15.9, FHR 5.45/4.72, FHR+STA 4.91/4.45",
    },
    (TALKING, 7): {"test": "CFAN 3.52, CFSS 2.36, IFA 3.45, REDnet 3.32, TSTN 2.13, CHR 2.28, FHR 2.06, FHR+STA 2.14"},
    (VIDEOS, 68): {
        "scenario1": "TSCN 12.5, CFSS 7.68, TCDCN 7.66, TSTN 5.36, CHR 5.44, FHR 5.07/2.79, FHR+STA 4.42/1.67",
        "scenario2": "TSCN 7.25, CFSS 6.42, TCDCN 6.77, TSTN 4.51, CHR 4.71, FHR 4.34/1.85, FHR+STA 4.18/1.15",
        "scenario3": "TSCN 13.10, CFSS 13.70, TCDCN 15.00, TSTN 12.80, CHR 7.92, FHR 7.36/4.48, FHR+STA 5.98/2.74",
    },
}
"""NRMSE in percent and, where the paper has it (for 68 points in its Table 3), stability."""
COLUMNS = ("nrmse", "stability", "lost", "auc", "failure_rate")
PAD = 512
"""Tracks are filtered at multiples of this length, so that few programs are compiled."""


@dataclass(frozen=True)
class Options:
    """Follow the faces of 300-VW and Talking Face; Tables 4, 5 and 6."""

    out: Path
    """Folder for tracks, summary.json and the pictures."""
    directory: Path | None = None
    """The --out of `fhr-jax data build`."""
    data: tuple[Literal["face300vw", "talking_face"], ...] = (VIDEOS, TALKING)
    """Which of the two."""
    crops: Literal["followed", "truth"] = "followed"
    """Whether the net follows the face, or each frame is cropped by its box."""
    boxes: str = "truth"
    """Boxes of the landmarks, or a detector's file (README)."""
    net: Path | None = None
    """Of `fhr-jax train`; default: the one that ships."""
    params: Path | None = None
    """Of `fhr-jax fit`; default: those that ship."""
    conventional_net: Path | None = None
    """With --crops truth: a net of `fhr-jax train --conventional`."""
    frames: int | None = None
    """Of each run of frames only so many; default: all."""


class Nets(NamedTuple):
    """What goes over the videos."""

    net: Net
    params: stabilizer.Params
    conventional: Net | None


def main(options: Options) -> dict[str, Any]:
    """Follow what is missing, print the tables, write them and the pictures."""
    if options.conventional_net is not None and options.crops != "truth":
        raise InputError("--conventional-net goes with --crops truth: what follows a face decodes fractions")
    net = weights.load(options.net)
    params = (
        stabilizer.default_params(net.config.landmarks) if options.params is None else stabilizer.load(options.params)
    )
    nets = Nets(net, params, None if options.conventional_net is None else weights.load(options.conventional_net))
    opened = {(name, split): open_frames(options, name, split) for name in options.data for split in SPLITS[name]}
    output_folder(options.out)
    names = ("crops", "boxes", "net", "params", "conventional_net", "frames")
    fixed = {name: value if value is None else str(value) for name in names for value in [getattr(options, name)]}
    log.same_run(options.out, fixed)
    log.write_config(options.out, fixed)
    tables: dict[str, Any] = {}
    for (name, split), (records, boxed) in opened.items():
        paths = list(follow(options, nets, records, boxed, split))
        for number in POINTS[name]:
            if number <= net.config.landmarks:
                table = tables.setdefault(f"{TITLES[name, number]}: {name}, {number} points", {})
                table[split] = measure(options, name, split, number, paths)
    summary = {
        "options": {k: str(v) if isinstance(v, Path) else v for k, v in asdict(options).items()},
        "tables": tables,
        "jax": jax.__version__,
        "device": jax.devices()[0].device_kind,
    }
    write_json(options.out / "summary.json", summary)
    return summary


def open_frames(options: Options, name: str, split: str) -> tuple[Frames, Records]:
    """The frames of a split, and the same with the boxes that were asked for."""
    records = open_dataset(name, directory=options.directory, split=split)
    if not isinstance(records, Frames):
        raise InputError(f"{name}: expected single frames of videos, as `fhr-jax data build {name}` makes them")
    return records, boxes.with_boxes(records, options.boxes)


def follow(options: Options, nets: Nets, records: Frames, boxed: Records, split: str) -> Iterator[Path]:
    """Where the tracks of each video lie, once they do."""
    folder = output_folder(options.out / "tracks" / split)
    runs = [run._replace(stop=min(run.stop, run.start + (options.frames or len(records)))) for run in records.runs]
    with tqdm(total=sum(run.stop - run.start for run in runs), unit="frame", desc=split) as bar:
        for file in dict.fromkeys(run.file for run in runs):
            path, own = folder / f"{file.replace('/', '_')}.npz", [run for run in runs if run.file == file]
            if not path.exists():
                seen = [tracks(options, nets, records, boxed, run) for run in own]
                npz.write(path, {key: np.concatenate([part[key] for part in seen]) for key in seen[0]})
            bar.update(sum(run.stop - run.start for run in own))
            yield path


def tracks(options: Options, nets: Nets, records: Records, boxed: Records, run: FrameRun) -> dict[str, np.ndarray]:
    """The number of each frame, its true landmarks, and those of every row, in image pixels."""
    here = [encoded(records, i) for i in range(run.start, run.stop)]
    result = {"frame": np.array([each["frame"] for each in here]), "truth": np.stack([each["points"] for each in here])}
    if options.crops == "followed":
        for row, steady in ((ALONE, False), (STEADY, True)):
            images = (records[i]["image"] for i in range(run.start, run.stop))
            box = tuple(encoded(boxed, run.start)["box"].tolist())
            found = pipeline.align_video(nets.net, images, box=box, params=nets.params, stabilize=steady)
            result[row] = np.stack([face.points for face in found])
        return result
    cropped = Subset(boxed, range(run.start, run.stop))
    result[ALONE] = in_crops(nets.net, cropped, ("fractional",))["fractional"]
    result[STEADY] = filtered(nets.params, result[ALONE])
    if nets.conventional is not None:
        found = in_crops(nets.conventional, cropped, ("argmax", "quarter_shift"))
        result |= {ARGMAX: found["argmax"], QUARTER: found["quarter_shift"]}
    return result


def in_crops(net: Net, records: Records, decoders: tuple[Decoder, ...]) -> dict[Decoder, np.ndarray]:
    """Landmarks of every frame, cropped by its box, by each decoder."""
    source, found = Crops(records, size=net.config.crop, margin=1.0), {decoder: [] for decoder in decoders}
    for batch in loader.one_pass(source, batch=pipeline.BATCH, process_index=0, process_count=1):
        valid = batch["valid"]
        for decoder in decoders:
            points = np.asarray(pipeline.predict_all(net, batch["image"], decoder=decoder).points)
            found[decoder].append(crop.to_image(batch["affine"], points)[valid].astype(np.float32))
    return {decoder: np.concatenate(parts) for decoder, parts in found.items()}


def filtered(params: stabilizer.Params, track: np.ndarray) -> np.ndarray:
    """The track, stabilized; what is appended to fill the length comes too late to matter."""
    longer = np.pad(track, ((0, -len(track) % PAD), (0, 0), (0, 0)), mode="edge")
    return np.asarray(stabilizer.run(params, longer))[: len(track)]


def measure(options: Options, name: str, split: str, number: int, paths: list[Path]) -> dict[str, Any]:
    """The rows of one split, printed with those of the paper."""
    scores: dict[str, list[metrics.VideoScore]] = {}
    markup = pipeline.MARKUPS[number]
    for path in paths:
        kept = npz.read(path)
        truth = points_of(kept["truth"], number, SEVEN_OF_TALKING_FACE if name == TALKING else SEVEN_OF_68)
        for row in [row for row in kept if row not in ("frame", "truth")]:
            found = points_of(kept[row], number, SEVEN_OF_68)
            scores.setdefault(row, []).append(metrics.score_video(found, truth, kept["frame"], markup=markup))
    rows = {row: metrics.summarize_videos(each, limit=LIMIT) for row, each in scores.items()}
    print(f"\n{TITLES[name, number]}: {name} {split}, {number} points, {len(paths)} videos, crops: {options.crops}")
    print(f"{'':26}" + "".join(f"{column:>15}" for column in COLUMNS))
    for row, told in rows.items():
        print(f"{row:26}" + "".join(f"{getattr(told, column):15.2f}" for column in COLUMNS))
    print(f"paper, NRMSE/stability: {PAPER[name, number][split]}")
    errors = {row: np.concatenate([video.errors for video in each]) for row, each in scores.items()}
    plots.save(options.out / f"ced_{name}_{split}_{number}.png", plots.ced(errors, limit=LIMIT))
    return {
        "videos": len(paths),
        "rows": {row: {key: defined(value) for key, value in told._asdict().items()} for row, told in rows.items()},
        "gain_of_stabilizer": gains(scores[ALONE], scores[STEADY]),
        "paper": PAPER[name, number][split],
    }


def defined(value: float) -> float | None:
    """A number, or what JSON has for none."""
    return value if np.isfinite(value) else None


def points_of(track: np.ndarray, number: int, seven: tuple[int, ...]) -> np.ndarray:
    """All points, or the seven."""
    return track if track.shape[1] == number else track[:, list(seven)]


def gains(alone: list[metrics.VideoScore], steady: list[metrics.VideoScore]) -> dict[str, Any]:
    """By how much the stabilizer lowers both numbers, over videos in which both rows have them."""
    both = [(a, s) for a, s in zip(alone, steady, strict=True) if a.pairs and s.pairs]
    differences = {
        "nrmse": [np.nanmean(a.errors) - np.nanmean(s.errors) for a, s in both],
        "stability": [a.stability - s.stability for a, s in both],
    }
    intervals = {name: metrics.bootstrap(jax.random.key(0), np.array(d)) for name, d in differences.items() if d}
    return {name: {key: float(value) for key, value in each._asdict().items()} for name, each in intervals.items()}


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
