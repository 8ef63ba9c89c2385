"""`fhr-jax fit`: parameters of the stabilizer from a user's own tracks."""

from collections.abc import Collection
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from fhr_jax import log
from fhr_jax.cli.arguments.fit import FitOptions
from fhr_jax.cli.fitting import config as configs
from fhr_jax.cli.fitting.progress import STATE, progress_bar, saving
from fhr_jax.errors import InputError
from fhr_jax.files import folder_lock, output_folder, write_json

if TYPE_CHECKING:
    from fhr_jax.cli.fitting.tracks import UserTrack
    from fhr_jax.losses import LossWeights
    from fhr_jax.stabilizer import Fit, Params, Videos

T = TypeVar("T")


def run(options: FitOptions) -> None:
    """Read or make tracks, fit with a progress bar, write the parameters and the history."""
    options = _resolved(options)
    _check(options)
    from fhr_jax import stabilizer
    from fhr_jax.cli import notes
    from fhr_jax.cli.fitting import careful as careful_fit
    from fhr_jax.cli.fitting import pairs
    from fhr_jax.cli.fitting import tracks as reading
    from fhr_jax.data.io.landmark_arrays import ReadOptions

    read = ReadOptions(options.keep_zeros, options.third, options.part)
    tracks, assumed = reading.read_tracks(options.tracks, options=read, fps=options.fps)
    notes.say(assumed)
    if smoothed := sum(track.truth is None for track in tracks):
        print(
            f"{smoothed} of {len(tracks)} tracks have no truth: their zero-phase smoothing replaces it, with the noise "
            "of another track"
        )
    prepared = [pairs.prepare(track, keep_bias=options.keep_bias) for track in tracks or _synthetic(options)]
    size = float(np.median([stabilizer.median_distance(track.truth) for track in prepared]))
    if not options.track_units:
        prepared = [pairs.in_pixels(track) for track in prepared]
    holdout = reading.holdout_count(options.holdout, len(prepared))
    careful = options.method == "careful"
    config = _config(options, options.holdout if careful else holdout)
    everything = pairs.whole(prepared, seed=options.seed)
    reading.check_motion(np.asarray(everything.truth), np.asarray(everything.mask))
    held_out = reading.drawn_holdout(len(prepared), holdout, seed=options.seed)
    init_params = _init_params(options, everything, size)
    if options.resume:
        configs.check_same_fit(options.out, config, tracks=len(prepared))
    folder = output_folder(options.out)
    with folder_lock(folder):
        log.write_config(folder, config)
        if not careful:
            _fit_videos(options, folder, prepared, init_params, held_out)
            return
        careful_fit.run(
            folder,
            prepared,
            init_params,
            held_out=held_out if options.holdout else (),
            steps=_given(options.steps),
            seconds=_given(options.seconds),
            seed=options.seed,
            covariance=options.covariance,
            weights=_weights(options),
            resume=options.resume,
        )


def _fit_videos(
    options: FitOptions, folder: Path, prepared: "list[Any]", init_params: "Params", held_out: Collection[int]
) -> None:
    """Fit all tracks but those held out, whose lowest loss gives the result; write and print it."""
    from fhr_jax import stabilizer
    from fhr_jax.cli.fitting import pairs

    fitted = [i for i in range(len(prepared)) if i not in held_out]
    videos = pairs.whole([prepared[i] for i in fitted], seed=options.seed)
    validation = pairs.whole([prepared[i] for i in held_out], seed=options.seed) if held_out else None
    if held_out:
        print(f"{len(fitted)} tracks to fit, {len(held_out)} held out")
    print("compiling: half a minute at most on two cores, not counted in --seconds", flush=True)
    fit = _fit(options, init_params, videos, validation, folder)

    stabilizer.save(folder / "params.npz", fit.params)
    history, validation_loss = fit.history, fit.validation_loss
    figures = {} if validation_loss is None else {"held_out": validation_loss}
    write_json(folder / "history.json", {**history._asdict(), **figures, "compile_seconds": fit.compile_seconds})
    done = len(history.loss) - 1
    if _uses_adam(options) and done < _given(options.steps) and history.seconds[-1] >= _given(options.seconds):
        print(f"{done} of {options.steps} steps in {options.seconds:g} s: --resume with more --seconds continues")
    text = "" if validation_loss is None else f", held out {validation_loss[0]:.2f} -> {validation_loss[-1]:.2f}"
    print(f"{folder / 'params.npz'}: loss {history.loss[0]:.2f} -> {history.loss[-1]:.2f}{text}")


def _fit(
    options: FitOptions, init_params: "Params", videos: "Videos", validation: "Videos | None", folder: Path
) -> "Fit":
    """Fit by the function for this model and method."""
    import jax

    from fhr_jax import stabilizer
    from fhr_jax.sharding import device_mesh

    seconds = _given(options.seconds)
    with saving(folder / STATE, stabilizer.save_fit) as keep, progress_bar(seconds) as progress:
        common: dict[str, Any] = {
            "init_params": init_params,
            "share_scales": options.share_scales,
            "validation": validation,
            "covariance": options.covariance,
            "weights": _weights(options),
            "mesh": device_mesh() if jax.device_count() > 1 else None,
            "seconds": seconds,
            "patience": options.patience,
            "progress": progress,
            "keep": keep,
            "resume": folder / STATE if options.resume else None,
        }
        # The time ends the fits that have no number of steps.
        if options.method == "nelder-mead":
            return stabilizer.fit_nelder_mead(videos, evaluations=None, freeze_outliers=True, **common)
        if _uses_adam(options):
            return stabilizer.fit_recommended(videos, steps=_given(options.steps), **common)
        return stabilizer.fit_gradient(videos, annealing=stabilizer.ANNEALING, steps=None, **common)


def _weights(options: FitOptions) -> "LossWeights":
    from fhr_jax.losses import LossWeights

    return LossWeights(options.lambda1, options.lambda2, options.lambda3)


def _uses_adam(options: FitOptions) -> bool:
    return options.model == "recommended" and options.method == "gradient"


def _init_params(options: FitOptions, videos: "Videos", size: float) -> "Params":
    """First parameters; `size` is that of the faces, for parameters in the units of the tracks."""
    from fhr_jax import stabilizer

    if options.model == "paper":
        params = stabilizer.paper_init(videos)
        return params if options.track_units else stabilizer.in_face_units(params)
    landmarks, dims = videos.truth.shape[2:]
    careful = options.method == "careful"
    params = stabilizer.default_params(landmarks, dims) if careful else stabilizer.recommended_init(videos)
    return stabilizer.in_track_units(params, size) if options.track_units else params


def _config(options: FitOptions, holdout: int | None) -> dict[str, Any]:
    """The options as config.json holds them; they must be the same to resume."""
    config = {k: [str(p) for p in v] if isinstance(v, tuple) else v for k, v in asdict(options).items()}
    del config["resume"]
    return config | {"out": str(options.out), "lambda3": str(options.lambda3), "holdout": holdout}


def _resolved(options: FitOptions) -> FitOptions:
    """The options with the defaults that depend on the method."""
    method = options.method
    if method is None and options.resume:
        method = cast(Any, configs.method_of(options.out))
    elif method is None:
        method = "gradient" if options.model == "paper" or options.share_scales else "careful"
    if method == "careful" and (options.model == "paper" or options.share_scales or options.holdout == 0):
        raise InputError(
            "--method careful: leaves tracks out and moves only the network of the movement types, expected --method "
            "gradient with --model paper, --share-scales or --holdout 0"
        )
    steps, seconds = (20, 150.0) if method == "careful" else (150, 60.0)
    return replace(
        options,
        method=method,
        steps=steps if options.steps is None else options.steps,
        seconds=seconds if options.seconds is None else options.seconds,
    )


def _given(value: T | None) -> T:
    """A value of `_resolved` options, which is never None."""
    assert value is not None
    return value


def _synthetic(options: FitOptions) -> "list[UserTrack]":
    import jax

    from fhr_jax.cli.fitting.tracks import UserTrack
    from fhr_jax.data.synthetic import tracks

    print(f"no tracks given: fitting {options.videos} synthetic ones")
    keys = jax.random.split(jax.random.key(options.seed), options.videos)
    # Without detector failures, which the fitted part of the model cannot repair.
    made = jax.vmap(lambda key: tracks.sample(key, options.frames, faults=False))(keys)
    pairs = zip(np.asarray(made.observed), np.asarray(made.truth), strict=True)
    return [UserTrack(observed, truth) for observed, truth in pairs]


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
