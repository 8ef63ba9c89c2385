"""Causal landmark filters: one interface, one scan, and the classical baselines.

A filter is a pair of pure functions, `init` and `step`; `run` is the only loop. The first four are the baselines of
Fig. 6. The paper names them without a definition; the definitions here are ours. With the observation z(t) and the
output x(t) of frame t:

* moving average of n:  x(t) = mean of the last n observations
* first order:          x(t) = a z(t) + (1 - a) x(t-1), exponential smoothing
* second order (Holt):  x(t) = a z(t) + (1 - a) (x(t-1) + b(t-1)),  b(t) = c (x(t) - x(t-1)) + (1 - c) b(t-1)
* constant speed:       x(t) = a z(t) + (1 - a) (2 x(t-1) - x(t-2))
* One Euro:             first order, with a gain that grows with the speed
* alpha-beta:           position and velocity, each with a fixed gain
* Kalman:               position and velocity, with the gains of the covariance recursion
* Savitzky-Golay:       polynomial fitted to the last n observations, evaluated at the last one

All start with x = z and velocity 0. A coordinate that is NaN is missing: the output is the prediction, and the filter
continues from there. A coordinate stays NaN until its first observation.

Each formula comes from one in continuous time, which the docstrings give, so `run(filter, track, dt=...)` takes frames
at any distance. Settings are those for dt = 1.

`smoothers` holds two references that are not causal.
"""

from fhr_jax.filters.alpha_beta import alpha_beta
from fhr_jax.filters.base import Filter, Gain, run
from fhr_jax.filters.constant_speed import constant_speed
from fhr_jax.filters.first_order import first_order
from fhr_jax.filters.kalman import kalman
from fhr_jax.filters.moving_average import moving_average
from fhr_jax.filters.one_euro import one_euro
from fhr_jax.filters.savgol import savgol
from fhr_jax.filters.second_order import second_order
from fhr_jax.lazy import submodules

__all__ = [
    "Filter",
    "Gain",
    "alpha_beta",
    "constant_speed",
    "first_order",
    "kalman",
    "moving_average",
    "one_euro",
    "run",
    "savgol",
    "second_order",
]

__getattr__, __dir__ = submodules(__name__)
