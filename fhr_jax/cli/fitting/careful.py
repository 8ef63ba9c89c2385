"""The careful fit of `fhr-jax fit`: near the default parameters, and only as far as it helps on tracks left out."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fhr_jax.cli.fitting import pairs
from fhr_jax.cli.fitting.pairs import PreparedTrack
from fhr_jax.cli.fitting.progress import STATE, progress_bar, saving
from fhr_jax.files import write_json
from fhr_jax.losses import LossWeights
from fhr_jax.stabilizer.covariance import CovarianceKind

if TYPE_CHECKING:
    from fhr_jax.stabilizer import Params, Videos


def run(
    folder: Path,
    tracks: Sequence[PreparedTrack],
    init_params: "Params",
    *,
    held_out: Sequence[int],
    steps: int,
    seconds: float,
    seed: int,
    covariance: CovarianceKind,
    weights: LossWeights,
    resume: bool,
) -> None:
    """Fit, print what the tracks that were left out say, write the parameters and the history.

    Args:
        folder: of the results.
        tracks: all of them.
        init_params: the default parameters.
        held_out: numbers of the tracks that are never fitted; without any, all are left out in turn.
        steps: of Adam at most.
        seconds: time limit.
        seed: draws the videos.
        covariance: see `fit_carefully`.
        weights: of the loss.
        resume: whether to continue the fit in the folder.
    """
    import jax

    from fhr_jax import stabilizer
    from fhr_jax.sharding import device_mesh
    from fhr_jax.stabilizer.fit import fit_carefully, save_careful

    if len(tracks) == 1:
        tracks = pairs.parts(tracks[0])
        if len(tracks) > 1:
            print(f"a single track: its {len(tracks)} parts are left out in turn, which says less than other tracks do")
    number = pairs.number_of_videos(tracks)

    def videos_of(chosen: Sequence[int], draw: int) -> "Videos":
        return pairs.sample(tracks, chosen, seed=seed + 1000 * draw, videos=number)

    print("compiling: a minute at most on two cores, not counted in --seconds", flush=True)
    with saving(folder / STATE, save_careful) as keep, progress_bar(seconds) as progress:
        fit = fit_carefully(
            videos_of,
            len(tracks),
            init_params=init_params,
            left_out=[held_out] if held_out else None,
            steps=steps,
            seconds=seconds,
            covariance=covariance,
            weights=weights,
            mesh=device_mesh() if jax.device_count() > 1 else None,
            progress=progress,
            keep=keep,
            resume=folder / STATE if resume else None,
        )
    stabilizer.save(folder / "params.npz", fit.params)
    history, judged = fit.history, all(map(math.isfinite, fit.held_out))
    figures = {"held_out": list(fit.held_out)} if judged else {}
    more = {"steps": fit.steps, "folds": fit.folds, "compile_seconds": fit.compile_seconds}
    write_json(folder / "history.json", {**history._asdict(), **figures, **more})
    if judged:
        before, after = fit.held_out
        print(f"loss on tracks that were left out: {before:.2f} with the default parameters, {after:.2f} fitted")
    if fit.steps:
        text = f"loss {history.loss[0]:.2f} -> {history.loss[-1]:.2f} in {fit.steps} of {steps} steps"
    elif judged:
        text = "no fit is better beyond doubt, so these are the default parameters"
    elif len(tracks) == 1:
        text = "nothing can be left out of a short track, so these are the default parameters"
    else:
        text = (
            f"{seconds:g} s were too short to leave out tracks, so these are the default parameters; --resume with "
            "more --seconds continues"
        )
    print(f"{folder / 'params.npz'}: {text}")
