"""`fhr-jax fit`: parameters of the stabilizer from a user's own tracks."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import tyro

from fhr_jax import log
from fhr_jax.cli.options import COVARIANCE, KEEP_ZEROS, OUT, THIRD, optional
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder, write_json

if TYPE_CHECKING:
    from fhr_jax.progress import Progress, ProgressCallback
    from fhr_jax.stabilizer import Fit, Params, Videos
    from fhr_jax.stabilizer.fit.loop import KeepCallback
    from fhr_jax.stabilizer.fit.state import FitState

_Positional = tyro.conf.Positional


@dataclass(frozen=True)
class FitOptions:
    """Fit the stabilizer to your landmarks; `fhr-jax smooth --params` then uses the result.

    TRACKS are files and folders that `fhr-jax smooth` reads, or folders of them. An .npz has `predictions` or
    `landmarks` (T, M, 2) and, if you have it, `truth` (or `ground_truth`) of the same shape. If a file has no truth,
    the zero-phase smoothing of the track (Savitzky-Golay, 13 frames) replaces it, which removes blinks; the command
    says so. Without TRACKS it fits synthetic ones.

    If there are at least five tracks, a fifth of them is held out: they are not fitted, and the parameters with the
    lowest loss on them are the result. This prevents overfitting.

    OUT gets params.npz, history.json, config.json and fit.npz, from which --resume continues.

    Example:  fhr-jax fit tracks/ --out runs/fit
    """

    tracks: Annotated[_Positional[tuple[Path, ...]], optional("TRACKS")] = ()
    """Files and folders; default: synthetic tracks of 68 points."""
    out: Annotated[Path, OUT] = Path("runs/fit")
    resume: bool = False
    """Continue the fit in OUT, which was interrupted or ran out of time. Tracks and options must be the same, but for
    --seconds."""
    model: Literal["recommended", "paper"] = "recommended"
    """recommended: the pretrained model with velocity, responsibilities by direction and a small recurrent network,
    fitted further; paper: the paper's model from the paper's initial parameters."""
    method: Literal["gradient", "nelder-mead"] = "gradient"
    """gradient: Adam for the recommended model, annealed L-BFGS for the paper's; nelder-mead: as in the
    paper, needs --share-scales unless there are few points."""
    steps: int = 150
    """Steps of Adam, for the recommended model."""
    share_scales: bool = False
    """Fit one scale per row of variances instead of every variance: robust where there is little data."""
    seconds: float = 60.0
    """Time limit of the fit, without reading and compiling. The time before --resume counts."""
    holdout: Annotated[int | None, optional("INT")] = None
    """Number of tracks to hold out; 0 holds out none. Default: a fifth of them if there are at least five."""
    patience: int = 50
    """Stop after this number of iterations in a row without an improvement on the held-out tracks."""
    covariance: Annotated[Literal["diagonal", "full"], COVARIANCE] = "diagonal"
    lambda1: float = 1.0
    """Weight of smoothness in the loss."""
    lambda2: float = 10.0
    """Weight of delay in the loss."""
    lambda3: float = 1.0
    """Preference for even steps in the loss; may be inf."""
    track_units: bool = False
    """Fit in the units of the track, as the paper, instead of face sizes. The result then suits only tracks of this
    scale."""
    keep_bias: bool = False
    """Keep the constant part of each track's error, which no filter can remove. By default it is subtracted first."""
    frames: int = 300
    """Length of synthetic tracks."""
    videos: int = 12
    """Number of synthetic tracks."""
    seed: int = 0
    """Draws the synthetic tracks and the tracks to hold out."""
    keep_zeros: Annotated[bool, KEEP_ZEROS] = False
    third: Annotated[Literal["z", "score"] | None, THIRD] = None


def run(options: FitOptions) -> None:
    """Read or make tracks, fit with a progress bar, write the parameters and the history."""
    _check(options)
    from fhr_jax import stabilizer
    from fhr_jax.cli import fit_tracks, notes
    from fhr_jax.data.io.landmark_arrays import ReadOptions

    reading = ReadOptions(options.keep_zeros, options.third)
    pairs, smoothed, assumed = fit_tracks.read_pairs(options.tracks, options=reading)
    notes.say(assumed)
    if smoothed:
        print(f"{smoothed} of {len(pairs)} tracks have no truth: their zero-phase smoothing replaces it")
    pairs = pairs or _synthetic(options)
    if not options.keep_bias:
        pairs = [(stabilizer.without_bias(z, p), p) for z, p in pairs]
    size = float(np.median([stabilizer.median_distance(truth) for _, truth in pairs]))
    if not options.track_units:
        pairs = [stabilizer.scale_to_face_size(z, p) for z, p in pairs]
    holdout = fit_tracks.holdout_count(options.holdout, len(pairs))
    fitted, held_out = fit_tracks.split_holdout(pairs, holdout, seed=options.seed)
    videos = stabilizer.pad_videos(fitted)
    fit_tracks.check_motion(np.asarray(videos.truth), np.asarray(videos.mask))
    init_params = _init_params(options, videos, size)
    config = _config(options, holdout)
    if options.resume:
        _check_same_fit(options.out, config, tracks=len(pairs))
    folder = output_folder(options.out)
    log.write_config(folder, config)
    if held_out:
        print(f"{len(fitted)} tracks to fit, {len(held_out)} held out")
    print("compiling: half a minute at most on two cores, not counted in --seconds", flush=True)
    validation = stabilizer.pad_videos(held_out) if held_out else None
    fit = _fit(options, init_params, videos, validation, folder)

    stabilizer.save(folder / "params.npz", fit.params)
    history, validation_loss = fit.history, fit.validation_loss
    figures = {} if validation_loss is None else {"held_out": validation_loss}
    write_json(folder / "history.json", {**history._asdict(), **figures, "compile_seconds": fit.compile_seconds})
    done = len(history.loss) - 1
    if _uses_adam(options) and done < options.steps and history.seconds[-1] >= options.seconds:
        print(f"{done} of {options.steps} steps in {options.seconds:g} s: --resume with more --seconds continues")
    text = "" if validation_loss is None else f", held out {validation_loss[0]:.2f} -> {validation_loss[-1]:.2f}"
    print(f"{folder / 'params.npz'}: loss {history.loss[0]:.2f} -> {history.loss[-1]:.2f}{text}")


STATE = "fit.npz"
"""State of the fit, in the folder of its results."""

SAVE_EVERY = 10.0
"""Seconds between savings."""


def _fit(
    options: FitOptions, init_params: "Params", videos: "Videos", validation: "Videos | None", folder: Path
) -> "Fit":
    """Fit by the function for this model and method."""
    import jax

    from fhr_jax import stabilizer
    from fhr_jax.losses import LossWeights
    from fhr_jax.sharding import device_mesh

    with _saving(folder / STATE) as keep, _progress_bar(options.seconds) as progress:
        common: dict[str, Any] = {
            "init_params": init_params,
            "share_scales": options.share_scales,
            "validation": validation,
            "covariance": options.covariance,
            "weights": LossWeights(options.lambda1, options.lambda2, options.lambda3),
            "mesh": device_mesh() if jax.device_count() > 1 else None,
            "seconds": options.seconds,
            "patience": options.patience,
            "progress": progress,
            "keep": keep,
            "resume": folder / STATE if options.resume else None,
        }
        # The time ends the fits that have no number of steps.
        if options.method == "nelder-mead":
            return stabilizer.fit_nelder_mead(videos, evaluations=None, freeze_outliers=True, **common)
        if _uses_adam(options):
            return stabilizer.fit_recommended(videos, steps=options.steps, **common)
        return stabilizer.fit_gradient(videos, annealing=stabilizer.ANNEALING, steps=None, **common)


@contextmanager
def _saving(path: Path) -> "Generator[KeepCallback]":
    """A callback that saves the state from time to time; the last one is saved at the end, interrupted or not."""
    from fhr_jax.stabilizer import save_fit

    latest, saved = None, time.monotonic()

    def keep(state: "FitState") -> None:
        nonlocal latest, saved
        latest = state
        if time.monotonic() - saved > SAVE_EVERY:
            save_fit(path, state)
            saved = time.monotonic()

    try:
        yield keep
    finally:
        if latest is not None:
            save_fit(path, latest)


@contextmanager
def _progress_bar(seconds: float) -> "Generator[ProgressCallback]":
    """A callback that shows the seconds of the fit, of `seconds`, and its lowest loss."""
    from tqdm import tqdm

    form = "{l_bar}{bar}| {n:.0f}/{total:.0f} s{postfix}"
    with tqdm(total=seconds, unit="s", bar_format=form) as bar:

        def report(progress: "Progress") -> None:
            bar.set_postfix_str(
                f"loss {progress.info['loss']:.2f}, {progress.info['evaluations']} evaluations", refresh=False
            )
            bar.update(min(progress.info["seconds"], seconds) - bar.n)

        yield report


def _uses_adam(options: FitOptions) -> bool:
    return options.model == "recommended" and options.method == "gradient"


def _init_params(options: FitOptions, videos: "Videos", size: float) -> "Params":
    """First parameters; `size` is that of the faces, for parameters in the units of the tracks."""
    from fhr_jax import stabilizer

    if options.model == "paper":
        params = stabilizer.paper_init(videos)
        return params if options.track_units else stabilizer.in_face_units(params)
    params = stabilizer.recommended_init(videos)
    return stabilizer.in_track_units(params, size) if options.track_units else params


def _config(options: FitOptions, holdout: int) -> dict[str, Any]:
    """The options as config.json holds them; they must be the same to resume."""
    config = {k: [str(p) for p in v] if isinstance(v, tuple) else v for k, v in asdict(options).items()}
    del config["resume"]
    return config | {"out": str(options.out), "lambda3": str(options.lambda3), "holdout": holdout}


def _check_same_fit(folder: Path, config: dict[str, Any], *, tracks: int) -> None:
    """Refuse to resume a fit with other options than these."""
    earlier = log.read_config(folder)
    if earlier is None:
        raise InputError(f"{folder}: no config.json there, expected a fit to resume")
    earlier = _with_new_names(earlier, tracks)
    for name in config.keys() - {"out", "seconds"}:
        if earlier.get(name) != config[name]:
            raise InputError(f"{folder}: holds a fit with {name} = {earlier.get(name)}, not {config[name]}")


def _with_new_names(config: dict[str, Any], tracks: int) -> dict[str, Any]:
    """A config.json of any version, with today's options: `tied`, `held_out` (a share) and `simplex` were renamed."""
    from fhr_jax.cli.fit_tracks import ENOUGH

    config = {"keep_zeros": False, "third": None} | config
    if config.get("method") == "simplex":
        config["method"] = "nelder-mead"
    if "tied" in config:
        config["share_scales"] = config.pop("tied")
    if "held_out" in config:
        share = config.pop("held_out")
        config["holdout"] = round(share * tracks) if tracks >= ENOUGH else 0
    return config


def _synthetic(options: FitOptions) -> list[tuple[np.ndarray, np.ndarray]]:
    import jax

    from fhr_jax.data.synthetic import tracks

    print(f"no tracks given: fitting {options.videos} synthetic ones")
    keys = jax.random.split(jax.random.key(options.seed), options.videos)
    # Without detector failures, which the fitted part of the model cannot repair.
    made = jax.vmap(lambda key: tracks.sample(key, options.frames, faults=False))(keys)
    return list(zip(np.asarray(made.observed), np.asarray(made.truth), strict=True))


def _check(options: FitOptions) -> None:
    for name in ("seconds", "steps", "frames", "videos", "patience"):
        if getattr(options, name) <= 0:
            raise InputError(f"--{name} is {getattr(options, name)}, expected more than 0")
    for name in ("seconds", "lambda1", "lambda2"):
        if not np.isfinite(getattr(options, name)):
            raise InputError(f"--{name} is {getattr(options, name)}, expected a finite number")
    for name in ("lambda1", "lambda2", "lambda3"):
        if not getattr(options, name) >= 0:
            raise InputError(f"--{name} is {getattr(options, name)}, expected 0 or more")
