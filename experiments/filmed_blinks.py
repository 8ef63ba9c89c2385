"""Blinks and speech in filmed clips: what each filter keeps of the openings that real detectors report.

`blinks.py` draws the tracks and their noise. Here synthetic faces are rendered as a camera films them, with exact
landmarks (`benchmark.filmed_clips`), and detectors find them frame by frame: the net that ships, dlib, and MediaPipe
alone in each frame and with its own tracking (`benchmark.other_detectors`). The slope of the opening of eyelids and
lips on the true opening says how much of its amplitude is there. A detector that under-reacts has a slope below 1
before any filter, so each filter is judged by its slope over that of the raw track, and by its delay beyond that of the
raw track. Jitter is the mean second difference of all points over that of the raw track.

Detectors whose packages are missing are skipped, unless --out holds their tracks. Tracks are kept in --out/tracks, so a
repeated command resumes, and the detectors may run in another environment than the rest. One for them, as dependencies
of MediaPipe exclude some of ours:

    pip install "setuptools<80" mediapipe==0.10.14 dlib-bin==20.0.1.post1 face_recognition_models flax optax safetensors
    pip install jaxtyping tyro tqdm && pip install --no-deps .

Look at --out/sheets before you believe the numbers: a clip a file, a row a detector, a frame a column.

Target:   at least 90 % of the amplitude of both, with at most one frame of delay.
Command:  python experiments/filmed_blinks.py --out runs/filmed_blinks
Cost:     about 18 minutes on a busy x86 core to film and track 16 clips, 75 seconds of processor time to repeat.
Figures:  docs/earlier_results.md, "Filmed clips, tracked by detectors". The causal stabilizer meets the target with our
          net and MediaPipe and nearly with dlib; five frames of look-ahead miss it with dlib.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from jaxtyping import Float
from matplotlib.figure import Figure
from tqdm import tqdm

from fhr_jax import geometry, metrics, npz, pipeline, plots, stabilizer, weights
from fhr_jax.benchmark import baselines, filmed_clips, other_detectors
from fhr_jax.benchmark.filmed_clips import FilmedClip
from fhr_jax.benchmark.kept_openings import KeptOpening, kept_opening
from fhr_jax.benchmark.options import ALL, as_config
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.benchmark.tables import write_table
from fhr_jax.cli.options import optional
from fhr_jax.data.synthetic.tracks import CROP
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder
from fhr_jax.metrics import eyelid_lip_opening
from fhr_jax.metrics.eyelid_lip_opening import BLINK_FRAMES
from fhr_jax.plots.style import axes_grid, shared_legend

OURS = "fhr_jax"
OTHERS: dict[str, Callable[[], other_detectors.DetectVideo | None]] = {
    "dlib": other_detectors.dlib_68,
    "mediapipe_static": partial(other_detectors.mediapipe_68, tracking=False),
    "mediapipe_tracking": partial(other_detectors.mediapipe_68, tracking=True),
}
RAW, STABILIZER = "raw", "stabilizer"

MAX_MISSING = 0.05
"""A clip is left out for a detector that finds no face in a larger share of its frames."""


class Row(NamedTuple):
    """One method on the tracks of one detector.

    Attributes:
        lids: of the eyelids, around blinks.
        lips: of the lips, in all frames.
        jitter: mean second difference of all points over that of the raw track.
    """

    lids: KeptOpening
    lips: KeptOpening
    jitter: float


class Clips(NamedTuple):
    """What a detector found in the clips where it finds the face, in pixels of the 256 crop.

    Attributes:
        found: (N, T, 68, 2), NaN where it found nothing.
        truth: (N, T, 68, 2).
        used: (N,), clips that count. The found landmarks of the others are the true ones.
    """

    found: Float[np.ndarray, "n t 68 2"]
    truth: Float[np.ndarray, "n t 68 2"]
    used: np.ndarray


@dataclass(frozen=True)
class Options:
    """Measure how much of filmed blinks and speech each filter keeps."""

    out: Path
    """Folder for summary.json, filmed_blinks.csv and .md, filmed_blinks.png, tracks/ and sheets/."""
    only: tuple[str, ...] = (OURS, *OTHERS)
    """Detectors to run."""
    clips: int = 16
    """Clips, one person each."""
    frames: int = 150
    """Frames of each, 30 a second."""
    size: int = 320
    """Side of the frames in pixels, a multiple of 8; a face takes half of it."""
    seed: int = 16
    """Draws the clips."""
    net: Annotated[Path | None, optional("FILE")] = None
    """A net that `fhr-jax train` wrote; default: the net in the package. Its tracks are kept like the others', so name
    another --out for each net."""
    params: Annotated[Path | None, optional("FILE")] = None
    """Parameters with a smoother; default: those in the package."""
    lags: tuple[int | Literal["all"], ...] = (1, 5, ALL)
    """Frames of look-ahead of the smoother, one row each."""
    one_euro: tuple[float, float, float] = (2.86, 0.108, 0.82)
    """Cut-off in Hz, beta and cut-off of the derivative in Hz: the one setting that is best for real tracks of four
    detectors (`detectors.py`)."""


def main(options: Options) -> dict[str, dict[str, Row]]:
    """Film, find, filter, compare, print, write; by detector and method."""
    unknown = set(options.only) - {OURS, *OTHERS}
    if unknown:
        raise InputError(f"--only: {sorted(unknown)[0]!r}, expected some of {', '.join((OURS, *OTHERS))}")
    folder = output_folder(options.out)
    names = find_all(options, folder)
    if not names:
        raise InputError(f"--only: no detector of {', '.join(options.only)} is installed, expected one")
    filters = methods(options)
    rows: dict[str, dict[str, Row]] = {}
    curves: dict[str, dict[str, np.ndarray]] = {}
    used: dict[str, int] = {}
    for name in names:
        clips = read(options, folder, name)
        used[name] = int(clips.used.sum())
        print(f"{name}: {used[name]} of {options.clips} clips with a face in {1 - MAX_MISSING:.0%} of the frames")
        if not used[name]:
            continue
        found = jnp.asarray(clips.found)
        outputs = {key: np.asarray(method(found)) for key, method in filters.items()}
        rows[name], curves[name] = compare(outputs, clips)
    if not rows:
        raise InputError(f"--only: {', '.join(names)} found too few faces in every clip, expected one clip at least")
    text = table(rows)
    print(text)
    header = [f"{part}_{field}" for part in ("lids", "lips") for field in KeptOpening._fields]
    csv = [(name, key, *row.lids, *row.lips, row.jitter) for name, found in rows.items() for key, row in found.items()]
    write_table(folder, "filmed_blinks", text=text, rows=[("detector", "method", *header, "jitter"), *csv])
    summary = {
        name: {
            key: {"lids": row.lids._asdict(), "lips": row.lips._asdict(), "jitter": row.jitter}
            for key, row in found.items()
        }
        for name, found in rows.items()
    }
    write_summary(folder, {"options": as_config(options), "clips": used, "rows": summary})
    plots.save(folder / "filmed_blinks.png", figure(curves))
    return rows


def find_all(options: Options, folder: Path) -> list[str]:
    """Run the detectors on the clips whose tracks are not there yet; the names of those with tracks of all clips."""
    kept, sheets = output_folder(folder / "tracks"), output_folder(folder / "sheets")
    detectors = installed(options)
    for number in tqdm(range(options.clips), unit="clip"):
        files = {name: kept / track_name(options, name, number) for name in options.only}
        missing = [name for name in options.only if name in detectors and not files[name].exists()]
        if not missing:
            continue
        key = jax.random.fold_in(jax.random.key(options.seed), number)
        clip = filmed_clips.film(key, options.frames, size=options.size)
        for name in missing:
            landmarks = detectors[name](clip)
            npz.write(files[name], {"landmarks": landmarks.astype(np.float32), "truth": clip.truth})
        found = {name: npz.read(file)["landmarks"] for name, file in files.items() if file.exists()}
        write_sheet(sheets / f"{clip_name(options, number)}.png", clip, found)
    names = []
    for name in options.only:
        if all((kept / track_name(options, name, number)).exists() for number in range(options.clips)):
            names.append(name)
        else:
            print(f"{name}: skipped, its package or its model is not installed and {kept} lacks its tracks")
    return names


def installed(options: Options) -> dict[str, Callable[[FilmedClip], Float[np.ndarray, "t 68 2"]]]:
    """The chosen detectors whose packages are there, by name."""
    found: dict[str, Callable[[FilmedClip], np.ndarray]] = {}
    if OURS in options.only:
        found[OURS] = partial(net_track, weights.load(options.net))
    for name in OTHERS:
        detect = OTHERS[name]() if name in options.only else None
        if detect is not None:
            found[name] = lambda clip, detect=detect: detect(clip.images)
    return found


def clip_name(options: Options, number: int) -> str:
    """The name of a clip, which says how it was drawn."""
    return f"{options.seed}-{number:02d}-{options.frames}x{options.size}"


def track_name(options: Options, detector: str, number: int) -> str:
    """The file of the track of a detector on a clip."""
    return f"{detector}.{clip_name(options, number)}.npz"


def net_track(net: weights.Net, clip: FilmedClip) -> Float[np.ndarray, "t 68 2"]:
    """The raw landmarks of the net, which follows the face as `fhr-jax track` does.

    The face is first looked for, and again if it is lost, where it is on average.
    """
    box = np.median(geometry.box_of(clip.truth), axis=0)
    faces = pipeline.align_video(net, clip.images, detector=lambda image: box[None])
    return np.stack([face.raw for face in faces])


def write_sheet(path: Path, clip: FilmedClip, found: dict[str, np.ndarray]) -> None:
    """Some frames with the true landmarks and with those of each detector, a row each.

    The first has the eyes most closed, the second and the third the mouth least and most open.
    """
    lids, lips = eyelid_lip_opening.eyelid_opening(clip.truth), eyelid_lip_opening.lip_opening(clip.truth)
    last = len(clip.truth) - 1
    shown = [int(lids.argmin()), int(lips.argmin()), int(lips.argmax()), 0, last // 2, last]
    rows = {"truth": clip.truth, **found}
    plots.save(
        path,
        plots.faces(
            [clip.images[frame] for frame in shown] * len(rows),
            np.concatenate([points[shown] for points in rows.values()]),
            titles=[f"{name}, frame {frame}" for name in rows for frame in shown],
            columns=len(shown),
        ),
    )


def read(options: Options, folder: Path, detector: str) -> Clips:
    """The tracks of a detector, scaled so that 1.3 true boxes are 256 pixels."""
    found, truth = [], []
    for number in range(options.clips):
        arrays = npz.read(folder / "tracks" / track_name(options, detector, number))
        side = float(np.median(geometry.box_of(arrays["truth"])[:, 2:].max(axis=-1)))
        scale = CROP / (geometry.CROP_SCALE * side)
        found.append(scale * arrays["landmarks"])
        truth.append(scale * arrays["truth"])
    tracks, true = np.stack(found).astype(np.float32), np.stack(truth).astype(np.float32)
    missing = ~np.isfinite(tracks).all(axis=(2, 3))
    used = missing.mean(axis=1) <= MAX_MISSING
    # One shape for all detectors, so that each filter is compiled once.
    return Clips(np.where(used[:, None, None, None], tracks, true), true, used)


def methods(options: Options) -> dict[str, Callable[[Any], Any]]:
    """All methods by name; each maps tracks (N, T, 68, 2) to tracks of the same shape."""
    params = stabilizer.default_params() if options.params is None else stabilizer.load(options.params)
    setting = dict(zip(("min_cutoff", "beta", "d_cutoff"), options.one_euro, strict=True))
    ahead: dict[str, Callable[[Any], Any]] = {
        f"look-ahead {lag}": partial(stabilizer.smooth, params, lag=None if lag == ALL else lag) for lag in options.lags
    }
    return {
        # The raw track repeats the last landmarks where the detector finds nothing.
        RAW: partial(baselines.smooth, baselines.RAW, {}),
        baselines.ONE_EURO.name: partial(baselines.smooth, baselines.ONE_EURO, setting),
        STABILIZER: partial(stabilizer.run, params),
        **ahead,
    }


def compare(outputs: dict[str, np.ndarray], clips: Clips) -> tuple[dict[str, Row], dict[str, np.ndarray]]:
    """The row of each method, and the mean opening of the eyelids around blinks, by method."""
    used = {key: output[clips.used] for key, output in outputs.items()}
    truth = clips.truth[clips.used]
    lids = {key: eyelid_lip_opening.eyelid_opening(track) for key, track in used.items()}
    lips = {key: eyelid_lip_opening.lip_opening(track) for key, track in used.items()}
    true_lids, true_lips = eyelid_lip_opening.eyelid_opening(truth), eyelid_lip_opening.lip_opening(truth)
    near = eyelid_lip_opening.blink_mask(true_lids)
    raw = mean_jitter(used[RAW])
    rows = {
        key: Row(
            kept_opening(lids[key], lids[RAW], true_lids, mask=near),
            kept_opening(lips[key], lips[RAW], true_lips),
            mean_jitter(track) / raw,
        )
        for key, track in used.items()
    }
    blinks = [(i, t) for i, row in enumerate(true_lids) for t in eyelid_lip_opening.find_blinks(row)]
    blinks = [(i, t) for i, t in blinks if BLINK_FRAMES <= t < true_lids.shape[1] - 2 * BLINK_FRAMES]
    curves = {
        key: np.nanmean([signal[i, t - BLINK_FRAMES : t + 2 * BLINK_FRAMES] for i, t in blinks], axis=0)
        for key, signal in {"truth": true_lids, **lids}.items()
    }
    return rows, curves


def mean_jitter(tracks: Float[np.ndarray, "n t 68 2"]) -> float:
    """Mean second difference in pixels; frames beside a missing one do not count."""
    return float(np.nanmean([metrics.second_difference(track) for track in tracks]))


def table(rows: dict[str, dict[str, Row]]) -> str:
    """The rows as a Markdown table: percent, with delays in brackets."""
    lines = [
        "| detector | method | lids kept % (later, frames) | lips kept % (later, frames) | jitter % | slope of lids "
        "(delay) | of lips |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, found in rows.items():
        for key, row in found.items():
            kept = [f"{100 * part.kept:.0f} ± {100 * part.error:.0f} ({part.later:+.1f})" for part in row[:2]]
            slopes = [f"{part.slope:.2f} ({part.delay:+.1f})" for part in row[:2]]
            lines.append(f"| {name} | {key} | {' | '.join(kept)} | {100 * row.jitter:.0f} | {' | '.join(slopes)} |")
    return "\n".join(lines)


def figure(curves: dict[str, dict[str, np.ndarray]]) -> Figure:
    """The mean opening of the eyelids around a blink, one panel for each detector."""
    time = np.arange(-BLINK_FRAMES, 2 * BLINK_FRAMES)
    made, grid = axes_grid(None, 1, len(curves), width=4.2 * len(curves), height=4.6)
    series = {key: [(time, panel[key]) for panel in curves.values()] for key in next(iter(curves.values()))}
    labels = [("frames after the eyes were most closed", "mean opening of the eyelids, px")] * len(curves)
    plots.sweeps(series, labels=labels, highlight=["truth", STABILIZER], axes=grid)
    for panel, name in zip(grid.flat, curves, strict=True):
        panel.set_title(name, loc="left", fontsize="medium")
    shared_legend(grid)
    return made


if __name__ == "__main__":
    try:
        main(tyro.cli(Options))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
