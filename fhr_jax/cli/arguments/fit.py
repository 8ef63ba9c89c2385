"""The options of `fhr-jax fit`; the command itself is `fhr_jax/cli/fit.py`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from fhr_jax.cli.options import COVARIANCE, FPS, KEEP_ZEROS, OUT, PART, THIRD, optional


@dataclass(frozen=True)
class FitOptions:
    """Fit the stabilizer to your landmarks; `fhr-jax smooth --params` then uses the result.

    TRACKS are files and folders that `fhr-jax smooth` reads, or folders of any of them; times, rates and confidences
    count as they do there. An .npz has `predictions` or `landmarks` (T, M, 2) and, if you have it, `truth` (or
    `ground_truth`) of the same shape. If a file has no truth, the zero-phase smoothing of the track (Savitzky-Golay, 13
    frames) replaces it, which removes blinks, and the noise of another track is added to it; the command says so.
    Without TRACKS it fits synthetic ones.

    The fit stays near the default parameters. A quarter of the tracks at a time is left out, the others are fitted, and
    the command prints the loss on those left out with the default parameters and with the best fit. If the gain is not
    certain, params.npz holds the default parameters.

    The fit changes the causal stabilizer: `fhr-jax smooth --causal`, and what `smooth` finds missing or broken.

    OUT gets params.npz, history.json, config.json and fit.npz, from which --resume continues.

    Example:  fhr-jax fit tracks/ --out runs/fit
    """

    tracks: Annotated[tyro.conf.Positional[tuple[Path, ...]], optional("TRACKS")] = ()
    """Files and folders; default: synthetic tracks of 68 points."""
    out: Annotated[Path, OUT] = Path("runs/fit")
    resume: bool = False
    """Continue the fit in OUT, which was interrupted or ran out of time. Tracks and options must be the same, but for
    --seconds."""
    model: Literal["recommended", "paper"] = "recommended"
    """recommended: the default parameters, fitted further: their movement types with --method careful, else their
    mixture with velocity, responsibilities by direction and a small recurrent network; paper: the paper's model from
    the paper's initial parameters."""
    method: Annotated[
        Literal["careful", "gradient", "nelder-mead"] | None, optional("{careful,gradient,nelder-mead}")
    ] = None
    """careful: few steps of Adam near the initial parameters, and only as far as tracks that are left out gain by it;
    gradient: Adam for the recommended model, annealed L-BFGS for the paper's; nelder-mead: as in the paper, needs
    --share-scales unless there are few points. Default: careful for the recommended model, gradient for the paper's
    and with --share-scales; with --resume that of the fit."""
    steps: Annotated[int | None, optional("INT")] = None
    """Steps of Adam at most, for the recommended model. Default: 20, or 150 with --method gradient."""
    share_scales: bool = False
    """Fit one scale per row of variances instead of every variance: robust where there is little data."""
    seconds: Annotated[float | None, optional("FLOAT")] = None
    """Time limit of the fit, without reading and compiling. The time before --resume counts. Default: 150, or 60
    without --method careful."""
    holdout: Annotated[int | None, optional("INT")] = None
    """Number of tracks to hold out, which are never fitted; 0 holds out none. Default: a quarter at a time with
    --method careful, else a fifth of them if there are at least five, whose lowest loss gives the result."""
    patience: int = 50
    """Stop after this number of iterations in a row without an improvement on the held-out tracks; not for --method
    careful."""
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
    part: Annotated[str | None, PART] = None
    fps: Annotated[float | None, FPS] = None
