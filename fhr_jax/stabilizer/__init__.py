"""The paper's landmark stabilizer: a causal Bayesian filter with learned parameters.

params = stabilizer.default_params()
steady = stabilizer.run(params, track)
"""

from fhr_jax.stabilizer.compare import compare_fits
from fhr_jax.stabilizer.default import default_params
from fhr_jax.stabilizer.gradient import fit_gradient
from fhr_jax.stabilizer.history import Fit, History, join_histories
from fhr_jax.stabilizer.model import State, as_filter, init_state, run, run_complete, step
from fhr_jax.stabilizer.motion import Motion
from fhr_jax.stabilizer.params import (
    Free,
    Params,
    constrain,
    init_params,
    load,
    motion_basis,
    save,
    unconstrain,
)
from fhr_jax.stabilizer.problem import in_face_units, in_track_units, paper_start
from fhr_jax.stabilizer.recommended import fit_recommended, recommended_start
from fhr_jax.stabilizer.recurrent import Recurrent, init_recurrent
from fhr_jax.stabilizer.sharding import video_mesh
from fhr_jax.stabilizer.simplex import fit_simplex
from fhr_jax.stabilizer.simplex_starts import fit_starts
from fhr_jax.stabilizer.start import extended_start
from fhr_jax.stabilizer.switch import Switch
from fhr_jax.stabilizer.tail import Tail
from fhr_jax.stabilizer.videos import Videos, as_videos, pad_videos, without_bias
from fhr_jax.stabilizer.windows import fit_windows

__all__ = [
    "Fit",
    "Free",
    "History",
    "Motion",
    "Params",
    "Recurrent",
    "State",
    "Switch",
    "Tail",
    "Videos",
    "as_filter",
    "as_videos",
    "compare_fits",
    "constrain",
    "default_params",
    "extended_start",
    "fit_gradient",
    "fit_recommended",
    "fit_simplex",
    "fit_starts",
    "fit_windows",
    "in_face_units",
    "in_track_units",
    "init_params",
    "init_recurrent",
    "init_state",
    "join_histories",
    "load",
    "motion_basis",
    "pad_videos",
    "paper_start",
    "recommended_start",
    "run",
    "run_complete",
    "save",
    "step",
    "unconstrain",
    "video_mesh",
    "without_bias",
]
