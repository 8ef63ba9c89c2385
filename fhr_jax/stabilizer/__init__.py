"""The paper's landmark stabilizer: a causal Bayesian filter with learned parameters.

params = stabilizer.default_params()
steady = stabilizer.run(params, track)
"""

from fhr_jax.stabilizer.model import State, as_filter, init_state, run, run_complete, step
from fhr_jax.stabilizer.params import (
    Free,
    Gate,
    Motion,
    Params,
    constrain,
    init_params,
    load,
    motion_basis,
    save,
    unconstrain,
)

__all__ = [
    "Free",
    "Gate",
    "Motion",
    "Params",
    "State",
    "as_filter",
    "constrain",
    "init_params",
    "init_state",
    "load",
    "motion_basis",
    "run",
    "run_complete",
    "save",
    "step",
    "unconstrain",
]
