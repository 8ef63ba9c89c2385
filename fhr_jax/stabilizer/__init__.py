"""The paper's landmark stabilizer: a causal Bayesian filter with learned parameters.

    params = stabilizer.default_params()
    steady = stabilizer.run(params, track)

The filter:

* `filter`: one frame (`step`), and its `state` (`init_state`).
* `cleaning`: a frame before the mixture. `size_tracking` finds broken frames and follows the size of the face.
* `run_tracks`: whole tracks and batches of tracks (`run`).
* `mixture`: the posterior of one frame, a mixture of Gaussians. `mixture_mode` finds its argmax.
* `covariance`: full, diagonal or windowed covariance of the past landmarks.
* `checkpointed_scan`: a scan whose gradient needs less memory.
* `smoothing`: a bank of Kalman filters, one for each movement type, and networks that weigh them: without look-ahead
  (`Params.movements`, in `run` and `step`), and with it for whole tracks (`smooth`) and frame by frame (`init_lagged`,
  `step_lagged`).
* `units`: face size, and face units to and from track units.
* `extensions`: velocity, responsibilities by direction, recurrent network, outliers, common motion.

The parameters:

* `params`: the parameters and their constraints. `bijectors` map them to unconstrained numbers.
* `params_io`: loading and saving them.
* `pretrained`: the default parameters (`default_params`).
* `fit`: fitting them by gradient, by minibatches or by Nelder-Mead, and carefully where there are few tracks.
"""

import importlib
from typing import TYPE_CHECKING, Any

from fhr_jax.stabilizer.extensions.outliers import Outliers
from fhr_jax.stabilizer.extensions.recurrent import Recurrent, init_recurrent
from fhr_jax.stabilizer.extensions.responsibilities import Responsibilities
from fhr_jax.stabilizer.extensions.velocity import Velocity
from fhr_jax.stabilizer.filter import as_filter, step
from fhr_jax.stabilizer.params import Params, UnconstrainedParams, constrain, init_params, motion_basis, unconstrain
from fhr_jax.stabilizer.params_io import load, save
from fhr_jax.stabilizer.pretrained import default_params
from fhr_jax.stabilizer.run_tracks import run
from fhr_jax.stabilizer.smoothing.lagged import LaggedState, init_lagged, step_lagged
from fhr_jax.stabilizer.smoothing.mixing import MixingNet, init_net
from fhr_jax.stabilizer.smoothing.smooth_tracks import smooth
from fhr_jax.stabilizer.state import State, init_state
from fhr_jax.stabilizer.units import FRAME_RATE, in_face_units, in_track_units, median_distance

if TYPE_CHECKING:
    from fhr_jax.stabilizer.fit import (
        ANNEALING,
        Fit,
        History,
        Videos,
        as_videos,
        extended_init,
        fit_carefully,
        fit_gradient,
        fit_minibatch,
        fit_nelder_mead,
        fit_recommended,
        join_histories,
        pad_videos,
        paper_init,
        recommended_init,
        save_fit,
        scale_to_face_size,
        without_bias,
    )

__all__ = [
    "ANNEALING",
    "FRAME_RATE",
    "Fit",
    "History",
    "LaggedState",
    "MixingNet",
    "Outliers",
    "Params",
    "Recurrent",
    "Responsibilities",
    "State",
    "UnconstrainedParams",
    "Velocity",
    "Videos",
    "as_filter",
    "as_videos",
    "constrain",
    "default_params",
    "extended_init",
    "fit_carefully",
    "fit_gradient",
    "fit_minibatch",
    "fit_nelder_mead",
    "fit_recommended",
    "in_face_units",
    "in_track_units",
    "init_lagged",
    "init_net",
    "init_params",
    "init_recurrent",
    "init_state",
    "join_histories",
    "load",
    "median_distance",
    "motion_basis",
    "pad_videos",
    "paper_init",
    "recommended_init",
    "run",
    "save",
    "save_fit",
    "scale_to_face_size",
    "smooth",
    "step",
    "step_lagged",
    "unconstrain",
    "without_bias",
]


def __getattr__(name: str) -> Any:
    # What fits is imported on first use: its solvers take longer to import than the filter.
    fit = importlib.import_module(f"{__name__}.fit") if name in __all__ or name == "fit" else None
    if fit is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return fit if name == "fit" else getattr(fit, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
