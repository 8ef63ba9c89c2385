"""Causal landmark filters: one interface, one scan, and the classical baselines.

A filter is a pair of pure functions, `init` and `step`; `run` is the only loop. The first four are those of Fig. 6,
which are named in the paper and not defined there; the definitions are this project's. With z(t) the observation and
x(t) the output of frame t:

* moving average of n:  x(t) = mean of the last n observations
* first order:          x(t) = a z(t) + (1 - a) x(t-1), exponential smoothing
* second order (Holt):  x(t) = a z(t) + (1 - a) (x(t-1) + b(t-1)),  b(t) = c (x(t) - x(t-1)) + (1 - c) b(t-1)
* constant speed:       x(t) = a z(t) + (1 - a) (2 x(t-1) - x(t-2))
* One Euro:             first order, with a gain that grows with the speed
* alpha-beta:           position and velocity with a fixed gain each
* Kalman:               position and velocity with the gains that their covariance asks for
* Savitzky-Golay:       polynomial fitted to the last n observations, at the last

All start with x = z at rest. A coordinate that is NaN is missing: the filter puts out its prediction and goes
on from there. A coordinate that was never seen stays NaN.

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
