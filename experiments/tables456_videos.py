"""Tables 4, 5 and 6: net and stabilizer over the whole path, on the videos of 300-VW and on Talking Face.

With --directory it uses your own data, built by `fhr-jax data build face300vw` and `... talking_face`; without it,
filmed clips of synthetic people (`benchmark.filmed_clips`), whose truth is exact. The landmarks of every video are
saved in --out/tracks with the true ones, and an interrupted experiment resumes when you repeat the command.

Two ways to crop:
    --crops followed   as in `fhr-jax track`: only the first frame is cropped by the box of the true landmarks (or of a
                       detector, --boxes FILE), every later one around the landmarks of the frame before. Where the face
                       is lost, OpenCV's detector searches for it. The net alone and the net with the stabilizer track
                       the video separately, each with its own crops.
    --crops truth      as in the paper: every frame is cropped by its box. The net runs once, the stabilizer filters its
                       landmarks, and --conventional-net adds the rows of a net with conventional heatmaps.
Each run of frames without a gap is tracked separately, from its own first box. A frame in which the face is lost has no
NRMSE: it is missing from the means, counted in the column `lost`, and a failure in AUC and failure rate. Stability uses
pairs of neighbouring frames that both have landmarks. Means are over all frames of a split; summary.json also has means
over videos, and the gain of the stabilizer with its 95 % interval over videos (bootstrap).

Paper:    "Towards Highly Accurate and Stable Face Alignment for High-Resolution Videos" (AAAI 2019), rows of PAPER
          below. Its net is trained on 300-VW, the one in the package on synthetic faces: train one first to compare.
Command:  python experiments/tables456_videos.py --out runs/filmed
          python experiments/tables456_videos.py --directory datasets --out runs/videos
          python experiments/tables456_videos.py --directory datasets --out runs/paper --crops truth
              --net runs/300vw/net.npz --params runs/fit/params.npz --conventional-net runs/300vw_conventional/net.npz
Cost:     the filmed default: see experiments/README.md. Not measured on the real videos; --frames N takes the first N
          frames of each run, for a quick look.
Figures:  filmed: docs/results.md, "Videos". Of 300-VW and Talking Face none: they cannot be redistributed, and we did
          not have them. A test runs everything on mock datasets of both. When you report figures, name your net and
          parameters.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import jax
import numpy as np
import tyro
from tqdm import tqdm

from fhr_jax import crop, log, metrics, npz, pipeline, plots, stabilizer, weights
from fhr_jax.benchmark.filmed_clips import film
from fhr_jax.benchmark.options import as_config
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.cli.options import optional
from fhr_jax.data import loader
from fhr_jax.data.crops import Crops
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.data.records import FrameRun, Frames, Record, Records, encoded, record
from fhr_jax.data.sources import boxes
from fhr_jax.data.sources.holdout import Subset
from fhr_jax.errors import InputError
from fhr_jax.evaluate import LIMIT
from fhr_jax.files import output_folder
from fhr_jax.heatmap import Decoder
from fhr_jax.markup import FACE7, FACE68, SEVEN_OF_68, SEVEN_OF_TALKING_FACE
from fhr_jax.weights import Net

VIDEOS, TALKING, FILMED = "face300vw", "talking_face", "filmed"
SPLITS = {VIDEOS: ("scenario1", "scenario2", "scenario3"), TALKING: ("test",), FILMED: ("synthetic",)}
POINTS = {VIDEOS: (7, 68), TALKING: (7,), FILMED: (7, 68)}
"""Numbers of landmarks that are compared: Talking Face has another markup, which shares seven landmarks with 300W."""
TITLES = {
    (VIDEOS, 7): "Table 4",
    (TALKING, 7): "Table 5",
    (VIDEOS, 68): "Table 6",
    (FILMED, 7): "As Tables 4 and 5",
    (FILMED, 68): "As Table 6",
}
NET_ONLY, STABILIZED, ARGMAX, QUARTER = "net", "net + stabilizer", "conventional, argmax", "conventional, quarter"
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
    (FILMED, 7): {"synthetic": "none, no synthetic people"},
    (FILMED, 68): {"synthetic": "none, no synthetic people"},
}
"""NRMSE in percent and, where the paper gives it (for 68 points in its Table 3), stability."""
COLUMNS = ("nrmse", "stability", "lost", "auc", "failure_rate")
PAD = 512
"""Tracks are padded to multiples of this length, so that few programs are compiled."""


@dataclass(frozen=True)
class Options:
    """Track the faces of 300-VW and Talking Face; make Tables 4, 5 and 6."""

    out: Path
    """Folder for tracks, summary.json and the pictures."""
    directory: Annotated[Path | None, optional("DIR")] = None
    """The --out of `fhr-jax data build`; default: with --data ./datasets, then the data folder of TFDS."""
    data: Annotated[
        tuple[Literal["face300vw", "talking_face", "filmed"], ...] | None, optional("{face300vw,talking_face,filmed}")
    ] = None
    """The datasets to use; default: both real ones with --directory, else filmed clips of synthetic people."""
    people: int = 8
    """Number of synthetic people."""
    clip: int = 150
    """Frames of each of their clips."""
    crops: Literal["followed", "truth"] = "followed"
    """Track the face from frame to frame, or crop each frame by its box."""
    boxes: str = "truth"
    """truth, the bounding boxes of the true landmarks, or a file with the boxes of a face detector."""
    net: Annotated[Path | None, optional("FILE")] = None
    """A net of `fhr-jax train`; default: the net in the package."""
    params: Annotated[Path | None, optional("FILE")] = None
    """Parameters of `fhr-jax fit`; default: those in the package."""
    conventional_net: Annotated[Path | None, optional("FILE")] = None
    """With --crops truth: a net of `fhr-jax train --conventional` to compare with; default: none."""
    frames: Annotated[int | None, optional("INT")] = None
    """Number of frames to use of each run of frames; default: all."""


class Nets(NamedTuple):
    """The nets and the parameters of the stabilizer."""

    net: Net
    params: stabilizer.Params
    conventional: Net | None


def main(options: Options) -> dict[str, Any]:
    """Track missing videos, print the tables, write summary.json and the pictures."""
    if options.conventional_net is not None and options.crops != "truth":
        raise InputError("--conventional-net goes with --crops truth")
    net = weights.load(options.net)
    params = (
        stabilizer.default_params(net.config.landmarks) if options.params is None else stabilizer.load(options.params)
    )
    nets = Nets(net, params, None if options.conventional_net is None else weights.load(options.conventional_net))
    chosen = options.data or ((FILMED,) if options.directory is None else (VIDEOS, TALKING))
    opened = {(name, split): open_frames(options, name, split) for name in chosen for split in SPLITS[name]}
    output_folder(options.out)
    names = ("crops", "boxes", "net", "params", "conventional_net", "frames", "people", "clip")
    fixed = {name: value if value is None else str(value) for name in names for value in [getattr(options, name)]}
    log.same_run(options.out, fixed)
    log.write_config(options.out, fixed)
    tables: dict[str, Any] = {}
    for (name, split), (records, boxed) in opened.items():
        paths = list(track_videos(options, nets, records, boxed, split))
        for number in POINTS[name]:
            if number <= net.config.landmarks:
                table = tables.setdefault(f"{TITLES[name, number]}: {name}, {number} points", {})
                table[split] = measure(options, name, split, number, paths)
    summary = {
        "options": as_config(options),
        "tables": tables,
    }
    write_summary(options.out, summary)
    return summary


class FilmedPeople:
    """Single frames of clips of synthetic people, one film a person; the last film is kept.

    Args:
        people: number of clips.
        frames: of each.
    """

    def __init__(self, people: int, frames: int):
        self._people, self._frames = people, frames
        self._film = lru_cache(maxsize=1)(lambda person: film(jax.random.key(person), frames, size=256))

    def __len__(self) -> int:
        return self._people * self._frames

    def __getitem__(self, index: int) -> Record:
        person, frame = divmod(index, self._frames)
        shot = self._film(person)
        return record(shot.images[frame], shot.truth[frame], dataset=FILMED, file=f"person{person}", frame=frame + 1)

    @property
    def runs(self) -> tuple[FrameRun, ...]:
        """One run a person."""
        n = self._frames
        return tuple(FrameRun(i * n, (i + 1) * n, f"person{i}") for i in range(self._people))


def open_frames(options: Options, name: str, split: str) -> tuple[Frames, Records]:
    """The frames of a split, and the same frames with the boxes of --boxes."""
    records = (
        FilmedPeople(options.people, options.clip)
        if name == FILMED
        else open_dataset(name, directory=options.directory, split=split)
    )
    if not isinstance(records, Frames):
        raise InputError(f"{name}: expected single frames of videos, as `fhr-jax data build {name}` makes them")
    return records, boxes.with_boxes(records, options.boxes)


def track_videos(options: Options, nets: Nets, records: Frames, boxed: Records, split: str) -> Iterator[Path]:
    """Track each video of a split that has no tracks yet; yield the files of the tracks."""
    folder = output_folder(options.out / "tracks" / split)
    runs = [run._replace(stop=min(run.stop, run.start + (options.frames or len(records)))) for run in records.runs]
    with tqdm(total=sum(run.stop - run.start for run in runs), unit="frame", desc=split) as bar:
        for file in dict.fromkeys(run.file for run in runs):
            path, own = folder / f"{file.replace('/', '_')}.npz", [run for run in runs if run.file == file]
            if not path.exists():
                parts = [tracks(options, nets, records, boxed, run) for run in own]
                npz.write(path, {key: np.concatenate([part[key] for part in parts]) for key in parts[0]})
            bar.update(sum(run.stop - run.start for run in own))
            yield path


def tracks(options: Options, nets: Nets, records: Records, boxed: Records, run: FrameRun) -> dict[str, np.ndarray]:
    """Frame numbers (T,), true landmarks and those of every row (T, M, 2), in image pixels."""
    here = [encoded(records, i) for i in range(run.start, run.stop)]
    result = {"frame": np.array([each["frame"] for each in here]), "truth": np.stack([each["points"] for each in here])}
    if options.crops == "followed":
        for row, steady in ((NET_ONLY, False), (STABILIZED, True)):
            images = (records[i]["image"] for i in range(run.start, run.stop))
            box = tuple(encoded(boxed, run.start)["box"].tolist())
            found = pipeline.align_video(nets.net, images, box=box, params=nets.params, stabilize=steady)
            result[row] = np.stack([face.points for face in found])
        return result
    cropped = Subset(boxed, range(run.start, run.stop))
    result[NET_ONLY] = in_crops(nets.net, cropped, ("fractional",))["fractional"]
    result[STABILIZED] = filtered(nets.params, result[NET_ONLY])
    if nets.conventional is not None:
        found = in_crops(nets.conventional, cropped, ("argmax", "quarter_shift"))
        result |= {ARGMAX: found["argmax"], QUARTER: found["quarter_shift"]}
    return result


def in_crops(net: Net, records: Records, decoders: tuple[Decoder, ...]) -> dict[Decoder, np.ndarray]:
    """Landmarks (T, M, 2) by each decoder, of frames cropped by their boxes."""
    source, found = Crops(records, size=net.config.crop, margin=1.0), {decoder: [] for decoder in decoders}
    for batch in loader.one_pass(source, batch=pipeline.BATCH, process_index=0, process_count=1):
        valid = batch["valid"]
        for decoder in decoders:
            points = np.asarray(pipeline.predict_all(net, batch["image"], decoder=decoder).points)
            found[decoder].append(crop.to_image(batch["affine"], points)[valid].astype(np.float32))
    return {decoder: np.concatenate(parts) for decoder, parts in found.items()}


def filtered(params: stabilizer.Params, track: np.ndarray) -> np.ndarray:
    """Stabilize a track; the padding at its end does not affect the frames before."""
    longer = np.pad(track, ((0, -len(track) % PAD), (0, 0), (0, 0)), mode="edge")
    return np.asarray(stabilizer.run(params, longer))[: len(track)]


def measure(options: Options, name: str, split: str, number: int, paths: list[Path]) -> dict[str, Any]:
    """The rows of one split, printed beside those of the paper."""
    scores: dict[str, list[metrics.VideoScore]] = {}
    markup = {68: FACE68, 7: FACE7}[number]
    for path in paths:
        kept = npz.read(path)
        truth = points_of(kept["truth"], number, SEVEN_OF_TALKING_FACE if name == TALKING else SEVEN_OF_68)
        for row in [row for row in kept if row not in ("frame", "truth")]:
            found = points_of(kept[row], number, SEVEN_OF_68)
            scores.setdefault(row, []).append(metrics.score_video(found, truth, kept["frame"], markup=markup))
    rows = {row: metrics.summarize_videos(each, limit=LIMIT) for row, each in scores.items()}
    print(f"\n{TITLES[name, number]}: {name} {split}, {number} points, {len(paths)} videos, crops: {options.crops}")
    print(f"{'':26}" + "".join(f"{column:>15}" for column in COLUMNS))
    for row, score in rows.items():
        print(f"{row:26}" + "".join(f"{getattr(score, column):15.2f}" for column in COLUMNS))
    print(f"paper, NRMSE/stability: {PAPER[name, number][split]}")
    errors = {row: np.concatenate([video.errors for video in each]) for row, each in scores.items()}
    plots.save(options.out / f"ced_{name}_{split}_{number}.png", plots.ced(errors, limit=LIMIT))
    return {
        "videos": len(paths),
        "rows": {row: {key: defined(value) for key, value in score._asdict().items()} for row, score in rows.items()},
        "gain_of_stabilizer": gains(scores[NET_ONLY], scores[STABILIZED]),
        "paper": PAPER[name, number][split],
    }


def defined(value: float) -> float | None:
    """The number, or None (null in JSON) if it is not finite."""
    return value if np.isfinite(value) else None


def points_of(track: np.ndarray, number: int, seven: tuple[int, ...]) -> np.ndarray:
    """All landmarks, or the seven shared ones."""
    return track if track.shape[1] == number else track[:, list(seven)]


def gains(net_only: list[metrics.VideoScore], stabilized: list[metrics.VideoScore]) -> dict[str, Any]:
    """How much the stabilizer lowers NRMSE and stability, over videos in which both rows have them."""
    both = [(a, s) for a, s in zip(net_only, stabilized, strict=True) if a.pairs and s.pairs]
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
