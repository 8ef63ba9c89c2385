"""`fhr-jax fit`: parameters of the stabilizer from a user's own tracks."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro

from fhr_jax.errors import InputError
from fhr_jax.files import output_folder, write_json

_Positional = tyro.conf.Positional

_TRUTH = ("truth", "ground_truth")
_OBSERVED = ("predictions", "landmarks")


@dataclass(frozen=True)
class Fit:
    """Fit the stabilizer to your landmarks; `fhr-jax smooth --params` then uses the result.

    TRACKS are .npz files, or folders of them, with `predictions` (T, M, 2) and, if you have it, `truth` (or
    `ground_truth`) of the same shape. Where a file has no truth, the track's own zero-phase smoothing (Savitzky-Golay,
    13 frames) takes its place, which hides blinks; the command says so. Without TRACKS the fit is on synthetic ones.

    OUT gets params.npz, history.json and config.json.

    Example:  fhr-jax fit tracks/ --out runs/fit
    """

    tracks: Annotated[_Positional[tuple[Path, ...]], tyro.conf.arg(metavar="TRACKS")] = ()
    """Files and folders; default: synthetic tracks of 68 points."""
    out: Path = Path("runs/fit")
    """Folder for the results."""
    method: Literal["hybrid", "gradient", "simplex"] = "hybrid"
    """hybrid: the simplex on few numbers, then gradient descent on all; gradient: L-BFGS alone; simplex: alone."""
    tied: bool = False
    """Fit one scale for each row of variances instead of every variance: robust where there is little data."""
    seconds: float = 60.0
    """Time for the fit, without reading and compiling."""
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
    """Of the synthetic tracks."""


def run(options: Fit) -> None:
    """Read or make tracks, fit with a progress bar, write the parameters and the history."""
    _check(options)
    pairs = read_pairs(options.tracks)

    import jax.numpy as jnp
    from tqdm import tqdm

    from fhr_jax import stabilizer

    pairs = pairs or _synthetic(options)
    if not options.keep_bias:
        pairs = [(stabilizer.without_bias(z, p), p) for z, p in pairs]
    scales = [1.0] * len(pairs) if options.track_units else [_crop_scale(truth) for _, truth in pairs]
    videos = stabilizer.pad_videos([(z * s, p * s) for (z, p), s in zip(pairs, scales, strict=True)])
    if not np.asarray(videos.mask).any():
        raise InputError("tracks: no frame has both a truth and an observation of every point so far")
    if not _moves(np.asarray(videos.truth), np.asarray(videos.mask)):
        raise InputError("tracks: no three frames in a row with a truth that moves, expected tracks to learn from")
    folder = output_folder(options.out)
    start = stabilizer.paper_start(videos)
    if not options.track_units:
        start = start._replace(
            noise=start.noise / FACE**2, prior=start.prior / FACE**2, face=jnp.asarray(1.0, start.noise.dtype)
        )

    common: dict[str, Any] = {
        "covariance": options.covariance,
        "lambda1": options.lambda1,
        "lambda2": options.lambda2,
        "lambda3": options.lambda3,
    }
    with tqdm(
        total=round(options.seconds, 1), unit="s", bar_format="{l_bar}{bar}| {n:.0f}/{total:.0f} s{postfix}"
    ) as bar:

        def report(seconds: float, evaluations: int, loss: float) -> None:
            bar.set_postfix_str(f"loss {loss:.2f}, {evaluations} evaluations", refresh=False)
            bar.update(min(base + seconds, options.seconds) - bar.n)

        base, fits = 0.0, []
        if options.method != "gradient":
            share = options.seconds if options.method == "simplex" else options.seconds / 3
            tied = options.tied or options.method == "hybrid"
            fits.append(
                stabilizer.fit_simplex(
                    videos, start=start, tied=tied, evaluations=10**6, seconds=share, callback=report, **common
                )
            )
            base, start = fits[-1].history.seconds[-1], fits[-1].params
        if options.method != "simplex":
            rest = max(options.seconds - base, 0.0)
            fits.append(
                stabilizer.fit_gradient(
                    videos, start=start, tied=options.tied, steps=10**6, seconds=rest, callback=report, **common
                )
            )
    history = stabilizer.join_histories([fit.history for fit in fits])
    stabilizer.save(folder / "params.npz", fits[-1].params)
    write_json(folder / "history.json", {**history._asdict(), "compile_seconds": sum(f.compile_seconds for f in fits)})
    config = {k: [str(p) for p in v] if isinstance(v, tuple) else v for k, v in asdict(options).items()}
    write_json(folder / "config.json", config | {"out": str(options.out), "lambda3": str(options.lambda3)})
    print(f"{folder / 'params.npz'}: loss {history.loss[0]:.2f} -> {history.loss[-1]:.2f}")


FACE = 72.0
"""RMS size of a face in the 256 crop, pixels: the scale at which the weights of the loss are meant."""


def read_pairs(paths: tuple[Path, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    """(observed, truth) of every .npz file; files without a truth get their own zero-phase smoothing, and a note."""
    from fhr_jax import npz
    from fhr_jax.stabilizer.reference import zero_phase

    files = [file for path in paths for file in (sorted(path.rglob("*.npz")) if path.is_dir() else [path])]
    if paths and not files:
        raise InputError(f"{paths[0]}: no .npz file in it, expected tracks")
    pairs, alone = [], 0
    for file in files:
        arrays = npz.read(file)
        observed = _array(file, arrays, _OBSERVED)
        if any(name in arrays for name in _TRUTH):
            truth = _array(file, arrays, _TRUTH)
        else:
            truth, alone = zero_phase(observed), alone + 1
        if truth.shape != observed.shape:
            raise InputError(
                f"{file}: truth has shape {truth.shape}, expected that of the predictions, {observed.shape}"
            )
        if pairs and observed.shape[1:] != pairs[0][0].shape[1:]:
            raise InputError(f"{file}: points {observed.shape[1:]}, expected {pairs[0][0].shape[1:]} as in {files[0]}")
        pairs.append((observed, truth.astype(np.float32)))
    if alone:
        print(f"{alone} of {len(files)} tracks have no truth: their own zero-phase smoothing stands for it")
    return pairs


def _array(file: Path, arrays: dict[str, np.ndarray], names: tuple[str, ...]) -> np.ndarray:
    found = next((arrays[name] for name in names if name in arrays), None)
    if found is None:
        raise InputError(f"{file}: no array {' or '.join(names)}, expected one of shape (T, M, 2)")
    if found.ndim != 3 or found.shape[-1] not in (2, 3) or 0 in found.shape or found.dtype.kind not in "fiu":
        raise InputError(f"{file}: {found.dtype} of shape {found.shape}, expected numbers of shape (T, M, 2)")
    if not np.isfinite(found).any():
        raise InputError(f"{file}: no landmark in any frame: every point is missing")
    return found.astype(np.float32)


def _synthetic(options: Fit) -> list[tuple[np.ndarray, np.ndarray]]:
    import jax

    from fhr_jax.data import tracks

    print(f"no tracks given: fitting on {options.videos} synthetic ones")
    made = tracks.batch(jax.random.key(options.seed), options.videos, options.frames)
    return list(zip(np.asarray(made.observed), np.asarray(made.truth), strict=True))


def _moves(truth: np.ndarray, mask: np.ndarray) -> bool:
    """Whether some truth moves within three scored frames in a row: else no term of the loss says anything."""
    together = mask[:, 2:] & mask[:, 1:-1] & mask[:, :-2]
    step = np.abs(truth[:, 2:] - truth[:, :-2]).max(axis=(2, 3))
    return bool((together & (step > 1e-6)).any())


def _crop_scale(truth: np.ndarray) -> float:
    """What brings the face of a track to its size in the 256 crop, where the weights of the loss are meant."""
    known = truth[np.isfinite(truth).all(axis=(1, 2))]
    if not len(known):
        return 1.0
    off = known - known.mean(axis=1, keepdims=True)
    size = np.sqrt(np.median((off**2).sum(axis=-1)))
    return float(FACE / size) if size > 0 else 1.0


def _check(options: Fit) -> None:
    for name in ("seconds", "frames", "videos"):
        if getattr(options, name) <= 0:
            raise InputError(f"--{name} is {getattr(options, name)}, expected more than 0")
    for name in ("lambda1", "lambda2", "lambda3"):
        if not getattr(options, name) >= 0:
            raise InputError(f"--{name} is {getattr(options, name)}, expected 0 or more")
