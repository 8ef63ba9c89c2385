"""`fhr-jax fit`: parameters of the stabilizer from a user's own tracks."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro

from fhr_jax import log
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder, write_json

_Positional = tyro.conf.Positional


@dataclass(frozen=True)
class FitOptions:
    """Fit the stabilizer to your landmarks; `fhr-jax smooth --params` then uses the result.

    TRACKS are .npz files, or folders of them, with `predictions` (T, M, 2) and, if you have it, `truth` (or
    `ground_truth`) of the same shape. Where a file has no truth, the track's own zero-phase smoothing (Savitzky-Golay,
    13 frames) takes its place, which hides blinks; the command says so. Without TRACKS the fit is on synthetic ones.

    From five tracks on, a fifth of them is held out: they are not fitted, and the parameters that suit them best are
    the result, so that a fit does not learn its own tracks by heart.

    OUT gets params.npz, history.json, config.json and fit.npz, from which --resume goes on.

    Example:  fhr-jax fit tracks/ --out runs/fit
    """

    tracks: Annotated[_Positional[tuple[Path, ...]], tyro.conf.arg(metavar="TRACKS")] = ()
    """Files and folders; default: synthetic tracks of 68 points."""
    out: Path = Path("runs/fit")
    """Folder for the results."""
    resume: bool = False
    """Go on with the fit in OUT, which was stopped or had too little time; same tracks and options, but --seconds."""
    model: Literal["recommended", "paper"] = "recommended"
    """recommended: goes on from the parameters that ship, with velocity, directions by themselves and a small network;
    paper: the paper's model, from its start."""
    method: Literal["gradient", "simplex"] = "gradient"
    """gradient: Adam for the recommended model, L-BFGS for the paper's, whose switch between components cools down;
    simplex: Nelder-Mead, as the paper, which wants --tied unless there are few points."""
    steps: int = 150
    """Of Adam, for the recommended model."""
    tied: bool = False
    """Fit one scale for each row of variances instead of every variance: robust where there is little data."""
    seconds: float = 60.0
    """Time for the fit at most, without reading and compiling; those before --resume count."""
    held_out: float = 0.2
    """Share of the tracks to hold out, if there are at least five; 0 holds out none."""
    patience: int = 50
    """Iterations without an improvement on the held-out tracks after which the fit stops."""
    covariance: Literal["diagonal", "full"] = "diagonal"
    """What is kept of the spread of past landmarks; full is the paper's, and much slower."""
    lambda1: float = 1.0
    """Weight of smoothness in the loss."""
    lambda2: float = 10.0
    """Weight of delay in the loss."""
    lambda3: float = 1.0
    """Preference for even steps in the loss; may be inf."""
    track_units: bool = False
    """Fit in the units of the track, as the paper, instead of face sizes: then it only suits tracks of this scale."""
    keep_bias: bool = False
    """Keep the constant part of each track's error, which no filter can remove; by default it is taken off first."""
    frames: int = 300
    """Length of synthetic tracks."""
    videos: int = 12
    """Number of synthetic tracks."""
    seed: int = 0
    """Of the synthetic tracks, of the tracks to hold out and of the windows."""


def run(options: FitOptions) -> None:
    """Read or make tracks, fit with a progress bar, write the parameters and the history."""
    _check(options)
    from fhr_jax import stabilizer
    from fhr_jax.cli import fit_tracks as own
    from fhr_jax.stabilizer.fit.checkpoint import load_fit
    from fhr_jax.stabilizer.units import FACE_SIZE, face_size

    pairs, alone = own.read_pairs(options.tracks)
    if alone:
        print(f"{alone} of {len(pairs)} tracks have no truth: their own zero-phase smoothing stands for it")
    pairs = pairs or _synthetic(options)
    if not options.keep_bias:
        pairs = [(stabilizer.without_bias(z, p), p) for z, p in pairs]
    sizes = [face_size(truth) for _, truth in pairs]
    if not options.track_units:
        # To the size of a face in the 256 crop, where the weights of the loss are meant.
        pairs = [(z * (FACE_SIZE / size), p * (FACE_SIZE / size)) for (z, p), size in zip(pairs, sizes, strict=True)]
    fitted, judging = own.divide(pairs, options.held_out, options.seed)
    videos = stabilizer.pad_videos(fitted)
    own.check_motion(np.asarray(videos.truth), np.asarray(videos.mask))
    start = _start(options, videos, float(np.median(sizes)))
    problem, solver = _method(options, start, videos, stabilizer.pad_videos(judging) if judging else None)
    config = _config(options)
    earlier = None
    if options.resume:
        _same(options.out, config)
        earlier = load_fit(options.out / STATE, solver.init(problem.start))
    folder = output_folder(options.out)
    log.write_config(folder, config)
    if judging:
        print(f"{len(fitted)} tracks to fit, {len(judging)} to judge")
    print("compiling: half a minute at most on two cores, not counted in --seconds", flush=True)
    fit = _drive(options, problem, solver, folder, earlier)

    stabilizer.save(folder / "params.npz", fit.params._replace(outliers=start.outliers))
    history = fit.history
    held_out = {} if fit.held_out is None else {"held_out": fit.held_out}
    write_json(folder / "history.json", {**history._asdict(), **held_out, "compile_seconds": fit.compile_seconds})
    done = len(history.loss) - 1
    if _adam(options) and done < options.steps and history.seconds[-1] >= options.seconds:
        print(f"{done} of {options.steps} steps in {options.seconds:g} s: --resume with more --seconds goes on")
    judged = "" if fit.held_out is None else f", held out {fit.held_out[0]:.2f} -> {fit.held_out[-1]:.2f}"
    print(f"{folder / 'params.npz'}: loss {history.loss[0]:.2f} -> {history.loss[-1]:.2f}{judged}")


STATE = "fit.npz"
"""Where a fit is, in the folder of its results."""

ENDLESS = 10**9
"""Iterations of a method that the clock ends."""

SAVE_EVERY = 10.0
"""Seconds between savings."""


def _drive(options: FitOptions, problem: Any, solver: Any, folder: Path, earlier: Any) -> Any:
    """Run the fit with a progress bar, saving where it is."""
    from tqdm import tqdm

    from fhr_jax.stabilizer.fit.checkpoint import save_fit
    from fhr_jax.stabilizer.fit.loop import run_loop

    first = 0.0 if earlier is None else float(earlier.seconds[-1])
    latest, saved = earlier, time.monotonic()
    with tqdm(
        total=round(options.seconds, 1),
        initial=min(first, options.seconds),
        unit="s",
        bar_format="{l_bar}{bar}| {n:.0f}/{total:.0f} s{postfix}",
    ) as bar:

        def report(seconds: float, evaluations: int, loss: float) -> None:
            bar.set_postfix_str(f"loss {loss:.2f}, {evaluations} evaluations", refresh=False)
            bar.update(min(seconds, options.seconds) - bar.n)

        def keep(run: Any) -> None:
            nonlocal latest, saved
            latest = run
            if time.monotonic() - saved > SAVE_EVERY:
                save_fit(folder / STATE, run)
                saved = time.monotonic()

        try:
            fit = run_loop(
                problem,
                solver,
                iterations=options.steps if _adam(options) else ENDLESS,
                seconds=options.seconds,
                patience=options.patience,
                callback=report,
                keep=keep,
                resume=earlier,
            )
        finally:
            # Interrupted or not: from here --resume goes on.
            if latest is not None:
                save_fit(folder / STATE, latest)
    return fit


def _adam(options: FitOptions) -> bool:
    return options.model == "recommended" and options.method == "gradient"


def _start(options: FitOptions, videos: Any, size: float) -> Any:
    """Where the fit begins; faces have this size where the units are those of the tracks."""
    from fhr_jax import stabilizer

    if options.model == "paper":
        start = stabilizer.paper_init(videos)
        return start if options.track_units else stabilizer.in_face_units(start)
    start = stabilizer.recommended_init(videos)
    return stabilizer.in_track_units(start, size) if options.track_units else start


def _method(options: FitOptions, start: Any, videos: Any, held_out: Any) -> tuple[Any, Any]:
    """The problem and what is to solve it."""
    import jax

    from fhr_jax.sharding import device_mesh
    from fhr_jax.stabilizer.fit.gradient import ANNEALING, lbfgs, optax_descent
    from fhr_jax.stabilizer.fit.objective import make_problem
    from fhr_jax.stabilizer.fit.recommended import adam
    from fhr_jax.stabilizer.fit.simplex_starts import simplices

    recommended = options.model == "recommended"
    problem = make_problem(
        # The loss tells nothing of faults: the tail is not fitted.
        start._replace(outliers=None),
        videos,
        tied="rows" if options.tied and recommended else options.tied,
        held_out=held_out,
        covariance=options.covariance,
        lambda1=options.lambda1,
        lambda2=options.lambda2,
        lambda3=options.lambda3,
        mesh=device_mesh() if jax.device_count() > 1 else None,
    )
    if options.method == "simplex":
        return problem, simplices(jax.random.key(options.seed), problem, starts=1, away=0.0, edge=1.0)
    if recommended:
        return problem, optax_descent(problem, adam(options.steps))
    return problem, lbfgs(problem, temperatures=ANNEALING)


def _config(options: FitOptions) -> dict[str, Any]:
    """The options as they are kept, and must be the same to resume."""
    config = {k: [str(p) for p in v] if isinstance(v, tuple) else v for k, v in asdict(options).items()}
    del config["resume"]
    return config | {"out": str(options.out), "lambda3": str(options.lambda3)}


def _same(folder: Path, config: dict[str, Any]) -> None:
    earlier = log.read_config(folder)
    if earlier is None:
        raise InputError(f"{folder}: no config.json there, expected a fit to resume")
    for name in config.keys() - {"out", "seconds"}:
        if earlier.get(name) != config[name]:
            raise InputError(f"{folder}: holds a fit with {name} = {earlier.get(name)}, not {config[name]}")


def _synthetic(options: FitOptions) -> list[tuple[np.ndarray, np.ndarray]]:
    import jax

    from fhr_jax.data.synthetic import tracks

    print(f"no tracks given: fitting on {options.videos} synthetic ones")
    keys = jax.random.split(jax.random.key(options.seed), options.videos)
    # Without faults: the model that is fitted has nothing to mend them with.
    made = jax.vmap(lambda key: tracks.sample(key, options.frames, faults=False))(keys)
    return list(zip(np.asarray(made.observed), np.asarray(made.truth), strict=True))


def _check(options: FitOptions) -> None:
    for name in ("seconds", "steps", "frames", "videos"):
        if getattr(options, name) <= 0:
            raise InputError(f"--{name} is {getattr(options, name)}, expected more than 0")
    if not 0 <= options.held_out < 1 or options.patience < 1:
        raise InputError(
            f"--held-out is {options.held_out}, --patience {options.patience}, "
            "expected a share from 0 to below 1, and at least 1"
        )
    for name in ("seconds", "lambda1", "lambda2", "held_out"):
        if not np.isfinite(getattr(options, name)):
            raise InputError(f"--{name.replace('_', '-')} is {getattr(options, name)}, expected a finite number")
    for name in ("lambda1", "lambda2", "lambda3"):
        if not getattr(options, name) >= 0:
            raise InputError(f"--{name} is {getattr(options, name)}, expected 0 or more")
