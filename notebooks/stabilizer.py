# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The stabilizer
#
# This notebook shows what the stabilizer does to a track, how its parameters are fitted (gradient or Nelder-Mead), and
# how the weights of the loss trade smoothness against accuracy and delay, and what look-ahead is worth. It takes two
# or three minutes on two CPU cores and needs no download.

# %%
import jax
import jax.numpy as jnp
import numpy as np

from fhr_jax import filters, losses, metrics, plots, stabilizer
from fhr_jax.data.synthetic import tracks
from fhr_jax.data.synthetic.detector_noise import DetectorNoise

# %% [markdown]
# ## 1. Effect on a track
#
# A synthetic head turns, talks and blinks. Its landmarks are known exactly, and the noise resembles that of a real
# detector. The plot shows the y coordinate of an upper eyelid. The stabilizer is causal: its output for a frame uses
# only this frame and earlier ones.

# %%
clip = tracks.sample(jax.random.key(3), 150, noise=DetectorNoise(level=1.2))
params = stabilizer.default_params()
steady = stabilizer.run(params, clip.observed)

EYELID = 37
plots.trajectories(clip.truth, {"observed": clip.observed, "stabilized": steady}, landmark=EYELID, axis="y")

# %% [markdown]
# The paper's loss has three terms: distance to the truth, delay along the motion, and a smoothness penalty. More
# smoothing means more delay.


# %%
def scores(track, *, truth=clip.truth):
    """The loss, its terms, and the stability (NRMSE of the motion, percent)."""
    terms = losses.stabilization(track, truth)
    return [float(term) for term in terms] + [float(metrics.stability(track, truth))]


slow = filters.run(filters.first_order(0.3), clip.observed)
euro = filters.run(filters.one_euro(min_cutoff=2.0, beta=0.1, d_cutoff=1.3), clip.observed)
print(" " * 14 + "".join(f"{name:>11}" for name in ("loss", "distance", "delay", "smooth", "stability")))
for name, track in (("observed", clip.observed), ("exponential", slow), ("One Euro", euro), ("stabilizer", steady)):
    print(f"{name:14}" + "".join(f"{value:11.2f}" for value in scores(track)))

# %% [markdown]
# A short outlier is ignored. Missing points move with the others, and gaps are bridged by the prediction.

# %%
damaged = np.array(clip.observed)
damaged[40:43, 30] += 150  # the tip of the nose is an outlier for three frames
damaged[70:80, 48:68] = np.nan  # the mouth is missing for a third of a second
repaired = stabilizer.run(params, jnp.asarray(damaged))


def largest_error(frames, points):
    """Largest distance of some points to the truth, in pixels."""
    return float(metrics.point_errors(repaired, clip.truth)[frames, points].max())


print(f"nose, observed 212 px away: largest error {largest_error(slice(40, 43), slice(30, 31)):.1f} px")
print(f"mouth, not observed:        largest error {largest_error(slice(70, 80), slice(48, 68)):.1f} px")

# %% [markdown]
# ## 2. Gradient against Nelder-Mead
#
# The paper fits the 412 parameters of its model by the Nelder-Mead simplex, in twelve hours. The recursion is one
# `lax.scan`, so the loss also has a gradient. All fits below minimize the same compiled loss from the same initial
# parameters. Sharing one scale per row of variances leaves 7 parameters, which a simplex can handle.
#
# With 68 points, one mixture component has almost all of the weight in nearly every frame, and the gradient of the
# other one vanishes. Annealing divides their log odds by a temperature that falls to 1, which restores the gradient.
# (On these few short clips L-BFGS succeeds with and without annealing. On those of `experiments/gradient_vs_simplex.py`
# annealing is seven times faster, and without it the fit does not always converge.)

# %%
train, test = (
    stabilizer.as_videos(made.observed, made.truth)
    for made in (tracks.batch(jax.random.key(seed), 6, 150, noise=DetectorNoise(level=1.2)) for seed in (0, 1))
)
start = stabilizer.paper_init(train)
shared = stabilizer.fit_nelder_mead(train, init_params=start, share_scales=True, evaluations=10_000, seconds=4)
fits = {
    "L-BFGS, 412 parameters": stabilizer.fit_gradient(train, init_params=start, steps=1000, seconds=4),
    "L-BFGS, annealed": stabilizer.fit_gradient(train, init_params=start, steps=1000, seconds=4, annealing=(10.0, 1.0)),
    "Nelder-Mead, 412 parameters": stabilizer.fit_nelder_mead(train, init_params=start, evaluations=10_000, seconds=4),
    "Nelder-Mead, 7 parameters": shared,
}
plots.loss_history({name: (fit.history.seconds, fit.history.loss) for name, fit in fits.items()})


# %% [markdown]
# The comparison that matters is the loss on clips that no fit has seen. The pretrained parameters belong to a model
# that extends the paper's by a velocity, responsibilities per direction and a small recurrent network.
# `fit_recommended` (`fhr-jax fit --method gradient`) fine-tunes them on your own tracks. It needs many of them;
# `fhr-jax fit` by itself stays near the pretrained parameters.


# %%
def held_out(params):
    """Loss of the test clips."""
    outputs = stabilizer.run(params, test.observed)
    return float(losses.stabilization(outputs, test.truth, mask=test.mask).total)


print(f"{'raw':24}{float(losses.stabilization(test.observed, test.truth, mask=test.mask).total):8.1f}")
for name, fit in fits.items():
    print(f"{name:24}{held_out(fit.params):8.1f}")
print(f"{'pretrained':24}{held_out(params):8.1f}")
fine_tuned = stabilizer.fit_recommended(train, steps=40)
print(f"{'pretrained, fine-tuned':24}{held_out(fine_tuned.params):8.1f}")

# %% [markdown]
# ## 3. Choosing lambda
#
# lambda 1 is the weight of smoothness against accuracy and delay. Here is the same fit at three values. Choose the
# largest one whose delay is acceptable. On your own tracks the command is `fhr-jax fit tracks/ --lambda1 3`.

# %%
print(f"{'lambda 1':>9}{'stability':>11}{'NRMSE %':>9}{'delay, frames':>15}")
for lambda1 in (0.1, 1.0, 10.0):
    fit = stabilizer.fit_nelder_mead(
        train, init_params=shared.params, share_scales=True, evaluations=150, weights=losses.LossWeights(smooth=lambda1)
    )
    outputs = stabilizer.run(fit.params, test.observed)
    stability = float(metrics.stability(outputs, test.truth).mean())
    error = float(metrics.nrmse(outputs, test.truth).mean())
    delay = float(metrics.delay(outputs, test.truth).mean())
    print(f"{lambda1:9.1f}{stability:11.2f}{error:9.2f}{delay:15.2f}")

# %% [markdown]
# ## 4. Look-ahead
#
# A file has a future. `stabilizer.smooth` also uses the frames after a frame: all of them, or the next `lag`. Its
# output has less noise and less delay, and it never smooths across a cut. A live application can wait for a few
# frames: `step_lagged` reads a frame and gives the output of the one `lag` frames ago.

# %%
whole = stabilizer.smooth(params, clip.observed)

LAG = 2
step = jax.jit(stabilizer.step_lagged, donate_argnums=1)
state, late = stabilizer.init_lagged(params, lag=LAG), []
end = jnp.full((LAG, *clip.observed.shape[1:]), jnp.nan)  # missing frames bring out the last outputs
for frame in jnp.concatenate([clip.observed, end]):
    state, points = step(params, state, frame)
    late.append(points)
lagged = jnp.stack(late[LAG:])  # that of stabilizer.smooth(params, clip.observed, lag=LAG)

print(f"{'look-ahead':14}{'loss':>8}{'stability':>11}{'delay, frames':>15}")
for name, track in (("none", steady), (f"{LAG} frames", lagged), ("whole clip", whole)):
    loss, *_, stability = scores(track)
    print(f"{name:14}{loss:8.2f}{stability:11.2f}{float(metrics.delay(track, clip.truth)):15.2f}")
plots.trajectories(clip.truth, {"causal": steady, "whole clip": whole}, landmark=EYELID, axis="y")
