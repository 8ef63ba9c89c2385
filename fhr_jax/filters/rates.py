"""Gains for frames that are not one nominal frame apart: the same filter in continuous time, sampled elsewhere."""

from typing import NamedTuple

import jax.numpy as jnp

from fhr_jax.filters.base import Gain, Step

SMALLEST = 1e-6
"""Lower limit of 1 - a and of other numbers that are divided by or whose logarithm is taken."""


class PairOfGains(NamedTuple):
    """Gains () of the position, and of the velocity per step."""

    a: Gain
    b: Gain


def gain_over(a: Gain, dt: Step) -> Gain:
    """The gain of exponential smoothing over dt frames, 1 - (1 - a)^dt, which is `a` at dt = 1; all are ().

    In continuous time x' = (z - x) / tau, whose error falls by exp(-dt / tau) = (1 - a)^dt. A gain of 1 forgets the
    past at once and stays 1.

    Args:
        a: () gain over one frame, in [0, 1].
        dt: () frames, more than 0.
    """
    if _is_one(dt):
        return a
    a, dt = jnp.asarray(a, float), jnp.asarray(dt, float)
    over = jnp.where(a >= 1, 1, -jnp.expm1(dt * jnp.log1p(-jnp.minimum(a, 1 - SMALLEST))))
    return jnp.where(dt == 1, a, over)


def pair_over(a: Gain, b: Gain, dt: Step) -> PairOfGains:
    """The gains of an alpha-beta filter over dt frames, which are (a, b) at dt = 1.

    Its error obeys e(t) = (2 - a - b) e(t-1) - (1 - a) e(t-2). With the roots z1, z2 of z^2 - (2 - a - b) z + (1 - a),
    the error in continuous time is a sum of exp(t log z1) and exp(t log z2). Sampled every dt frames it has the roots
    z1^dt and z2^dt, so

        a(dt) = 1 - (z1 z2)^dt,    b(dt) = (1 - z1^dt) (1 - z2^dt).

    With rho = sqrt(1 - a) and k = (b - (1 - rho)^2) / (2 rho) the roots are rho exp(+-i theta), sin^2(theta / 2) =
    k / 2, where k > 0, and real otherwise. Roots on the negative axis, a + b > 2, have no counterpart in continuous
    time; theta is at most pi.

    Args:
        a: () gain of the position over one frame.
        b: () gain of the velocity, per frame.
        dt: () frames, more than 0.
    """
    if _is_one(dt):
        return PairOfGains(a, b)
    a, b, dt = (jnp.asarray(value, float) for value in (a, b, dt))
    rho = jnp.sqrt(jnp.maximum(1 - a, SMALLEST**2))
    k = (b - (1 - rho) ** 2) / (2 * rho)
    shrink = jnp.exp(dt * jnp.log(rho))
    # Complex roots: |1 - z^dt|^2.
    half = jnp.arcsin(jnp.sqrt(jnp.clip(k / 2, 1e-12, 1 - 1e-7)))
    turning = (1 - shrink) ** 2 + 4 * shrink * jnp.sin(dt * half) ** 2
    # Real roots: the smaller one first, then the larger one from (1 - z1) (1 - z2) = b.
    width = 2 * jnp.arcsinh(jnp.sqrt(jnp.maximum(-k / 2, 1e-12)))
    small = jnp.minimum(rho * jnp.exp(-width), 1 - SMALLEST)
    ratio = jnp.clip(b / (1 - small), SMALLEST, 1 - SMALLEST)
    real = jnp.expm1(dt * jnp.log(jnp.maximum(small, SMALLEST**2))) * jnp.expm1(dt * jnp.log1p(-ratio))
    return PairOfGains(
        jnp.where(dt == 1, a, jnp.where(a >= 1, 1, 1 - shrink**2)),
        # With a = 1 one root is 0 and the other 1 - b.
        jnp.where(dt == 1, b, jnp.where(a >= 1, gain_over(b, dt), jnp.where(k > 0, turning, real))),
    )


def _is_one(dt: Step) -> bool:
    """Whether the compiler knows that dt is 1, so that the gains are those given, to the bit."""
    return isinstance(dt, int | float) and dt == 1
