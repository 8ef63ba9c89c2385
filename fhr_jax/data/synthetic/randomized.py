"""Synthetic tracks that vary more than real ones do, to train a stabilizer that nobody needs to tune.

Motion: from a still portrait over heads that move less than, as much as, or more than those of `tracks`, with rests, to
violent shaking; with quick motions of parts of the face (`quick_motion`). Noise: `random_noise`. Frame rates: `RATES`;
the motion is a function of the time in seconds, so all rates see the same one. Any markup: pass `markup`.

The stabilization loss differs between these tracks by a factor of a thousand: the delay term counts steps of the truth,
which are tiny where a face rests. So a fit divides the loss of each track by a typical one, such as that of the raw
track or of a plain filter, and bounds the quotient.

`tracks` is what the figures and the parameters that ship rest on, and resembles published predictions on 300-VW.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Float

from fhr_jax.data.faces import anatomy
from fhr_jax.data.faces.motion import Clock, HeadMotion, move_at
from fhr_jax.data.faces.random_draws import Key, RandomDraws, random_block
from fhr_jax.data.synthetic.quick_motion import REFERENCE, gestures, local_motion
from fhr_jax.data.synthetic.random_noise import draw_noise, field, observe_randomly, without_faults
from fhr_jax.data.synthetic.tracks import crop, project

RATES = (12.0, 15.0, 24.0, 25.0, 30.0, 50.0, 60.0, 120.0)
"""Frames a second that are drawn, the usual 30 more often than others."""

_RATE_SHARES = (0.08, 0.08, 0.08, 0.16, 0.36, 0.08, 0.1, 0.06)

STYLES = {"still": 0.05, "calm": 0.25, "talking": 0.48, "violent": 0.22}
"""Shares of the tracks: nothing moves but at most parts of the face; little or typical motion; with gestures."""

_SECONDS_PER_FRAME = 1 / min(RATES)


class RandomizedTracks(NamedTuple):
    """Truth and observation, in pixels (x, y) of the 256 crop, and the rate of the camera.

    Attributes:
        truth: (..., T, M, 2).
        observed: (..., T, M, 2), NaN where the detector reports nothing.
        fps: frames a second, (...,). The `dt` of a stabilizer whose unit is a frame of 30 a second is 30 / fps.
    """

    truth: Float[Array, "*batch t m 2"]
    observed: Float[Array, "*batch t m 2"]
    fps: Float[Array, "*batch"]


@partial(jax.jit, static_argnames=("frames", "faults"))
def sample(
    key: Key,
    frames: int,
    *,
    fps: float | Float[Array, ""] | None = None,
    faults: bool = True,
    markup: Float[Array, "m 68"] | None = None,
) -> RandomizedTracks:
    """One random track.

    Args:
        key: random key, () or (2,). With the same key the motion is the same for every `fps`; the detector's noise
            comes frame by frame.
        frames: number of frames T.
        fps: frames a second, (), at least 12; None draws one of `RATES`.
        faults: False removes outliers, drop-outs and bias by pose.
        markup: weights (M, 68) of the 68 landmarks in each of M points; None is the 68 points.

    Returns:
        Truth and observation, each (T, M, 2), and the rate ().
    """
    rate_key, motion_key, noise_key = jax.random.split(key, 3)
    if fps is None:
        fps = jax.random.choice(rate_key, jnp.asarray(RATES), p=jnp.asarray(_RATE_SHARES))
    fps = jnp.asarray(fps, jnp.float32)
    clock = Clock(jnp.arange(frames) / fps, frames * _SECONDS_PER_FRAME)
    reference = jnp.asarray(REFERENCE, jnp.float32)
    if markup is not None:
        reference = _of_markup(markup, reference)
    truth, pose, liveliness = random_block(motion_key, lambda draws: _motion(draws, clock, markup, reference))

    def report(draws: RandomDraws) -> Float[Array, "t m 2"]:
        noise = draw_noise(draws, liveliness=liveliness, fps=fps)
        noise = noise if faults else without_faults(noise)
        return observe_randomly(draws, truth, noise, reference=reference, pose=pose)

    return RandomizedTracks(truth, random_block(noise_key, report), fps)


def batch(
    key: Key,
    tracks: int,
    frames: int,
    *,
    fps: float | Float[Array, ""] | None = None,
    faults: bool = True,
    markup: Float[Array, "m 68"] | None = None,
) -> RandomizedTracks:
    """Several tracks, stacked along the first axis; see `sample`.

    Args:
        key: random key, () or (2,).
        tracks: number of tracks B.
        frames: frames T of each.
        fps: frames a second of all, (); None draws one for each track.
        faults: False removes outliers, drop-outs and bias by pose.
        markup: weights (M, 68) of the 68 landmarks in each of M points; None is the 68 points.

    Returns:
        Truth and observation, each (B, T, M, 2), and the rates (B,).
    """
    one = partial(sample, frames=frames, fps=fps, faults=faults, markup=markup)
    return jax.vmap(lambda k: one(k))(jax.random.split(key, tracks))


def _motion(
    draws: RandomDraws, clock: Clock, markup: Array | None, reference: Float[Array, "m 2"]
) -> tuple[Float[Array, "t m 2"], Float[Array, "t 3"], Float[Array, ""]]:
    """Truth (T, M, 2) in pixels, pose (T, 3), and liveliness ()."""
    style = draws.choice(tuple(STYLES.values()))
    calm, typical, any_of_both = (low * (high / low) ** draws.uniform() for low, high in _LIVELINESS)
    liveliness = jnp.stack([jnp.zeros(()), calm, typical, any_of_both])[style]
    expressive = jnp.where(style == 0, 0.0, 0.2 * (1.7 / 0.2) ** draws.uniform())
    motion = move_at(draws, _with_rests(draws, clock), clock, liveliness)
    quick = draws.chance(0.75) * draws.uniform(0.02, 1.0)
    local = local_motion(draws, clock, share=quick)
    whole = (style == 3) * gestures(draws, clock, share=draws.uniform(0.2, 1.0))

    rest = draws.normal(0.2, shape=(1, len(anatomy.EXPRESSION)))
    motion = HeadMotion(
        motion.pose + whole[:, :3] + draws.normal(0.15, shape=(1, 3)),
        jax.nn.relu(rest) + expressive * motion.expression,
        motion.place + whole[:, 3:],
    )
    identity = draws.normal(0.8, shape=(len(anatomy.IDENTITY),))
    points = project(identity, motion, local=local)
    truth = crop(points, follow=draws.chance(0.35) * draws.chance(0.9))
    if markup is not None:
        truth = _of_markup(markup, truth)
    size = jnp.where(style == 0, 0.0, draws.chance(0.8) * 0.03 * (0.6 / 0.03) ** draws.uniform())
    return truth + size * _fine_motion(draws, clock, reference), motion.pose, liveliness


_LIVELINESS = ((0.05, 0.5), (0.4, 1.5), (0.1, 2.0))
"""Range of the calm, the typical and the violent, in which 1 is what `tracks` has on average."""


def _with_rests(draws: RandomDraws, clock: Clock) -> Clock:
    """A clock that runs at a pace of its own, and mostly at a varying one, so that heads rest and set off."""
    tempo = 0.6 * (2.5 / 0.6) ** draws.uniform()
    number = max(2, round(clock.seconds / 1.5))
    pace = 0.3 * (1.8 / 0.3) ** draws.uniform(shape=(number + 1,))
    pace = jnp.where(draws.uniform(shape=(number + 1,)) < draws.uniform(0.0, 0.8), 0.03, pace)
    start, length = jnp.sort(draws.uniform(0.0, clock.seconds, (number,))), draws.uniform(0.1, 0.8, (number,))
    u = (clock.time[:, None] - start[None]) / length[None]
    inside = jnp.clip(u, 0, 1)
    passed = inside**3 - inside**4 / 2 + jnp.maximum(u - 1, 0)  # the integral of 3 u^2 - 2 u^3
    uneven = pace[0] * clock.time + (passed * (length * (pace[1:] - pace[:-1]))[None]).sum(axis=1)
    time = tempo * jnp.where(draws.chance(1 / 3) > 0, clock.time, uneven)
    return Clock(time, 1.5 * clock.seconds)


def _fine_motion(draws: RandomDraws, clock: Clock, reference: Float[Array, "m 2"]) -> Float[Array, "t m 2"]:
    """Slow motion of single points and of neighbours, of variance 1: what the model of the head lacks."""
    waves, points, features = 32, len(reference), 24
    seconds = 0.06 * (0.5 / 0.06) ** draws.uniform()
    frequency = draws.normal(shape=(1, waves), limit=jnp.inf) / seconds
    phase = clock.time[:, None] * frequency
    time = jnp.concatenate([jnp.cos(phase), jnp.sin(phase)], axis=1) / jnp.sqrt(float(waves))
    smooth = field(draws, reference, 0.3, features // 2)
    alone = 0.005 * (0.6 / 0.005) ** draws.uniform()
    weight = jnp.sqrt(1 - alone) * jnp.matmul(
        draws.normal(shape=(2, 2 * waves, features), limit=jnp.inf), smooth.T, precision=Precision.HIGHEST
    )
    weight = weight + jnp.sqrt(alone) * draws.normal(shape=(2, 2 * waves, points), limit=jnp.inf)
    return jnp.einsum("tw,cwm->tmc", time, weight, precision=Precision.HIGHEST)


def _of_markup(markup: Float[Array, "m 68"], points: Float[Array, "*t 68 2"]) -> Float[Array, "*t m 2"]:
    return jnp.matmul(markup, points, precision=Precision.HIGHEST)
