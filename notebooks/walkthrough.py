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
# # From an image to stable landmarks
#
# The steps of `fhr-jax demo` one by one: fractional heatmaps, synthetic faces, a few updates of a network, the
# pretrained network, and the stabilizer. Everything runs on two CPU cores in two or three minutes.

# %%
import jax
import jax.numpy as jnp
import numpy as np

from fhr_jax import filters, heatmap, hourglass, losses, metrics, pipeline, plots, stabilizer, train, weights
from fhr_jax.data import examples, faces, loader
from fhr_jax.data.synthetic import tracks

# %% [markdown]
# ## 1. Fractional heatmaps
#
# A landmark rarely lies on a whole pixel of its heatmap. Conventional heatmap regression rounds it twice: when the
# target is drawn, and when the maximum is read. Fractional heatmap regression centres the Gaussian exactly on the
# landmark, and computes its centre from the maximum and one neighbour along each axis (Eq. 4 of the paper).

# %%
points = jax.random.uniform(jax.random.key(0), (1000, 1, 2), minval=20, maxval=40)
fractional = heatmap.encode(points, size=(64, 64), sigma=1.5)
conventional = heatmap.encode(points, size=(64, 64), sigma=1.5, rounded=True)


def mean_error(maps, decoder):
    """Mean distance to the truth in heatmap pixels."""
    return float(metrics.point_errors(heatmap.decode(maps, sigma=1.5, decoder=decoder), points).mean())


print(f"conventional, argmax:   {mean_error(conventional, 'argmax'):.4f} px")
print(f"fractional, argmax:     {mean_error(fractional, 'argmax'):.4f} px")
print(f"fractional, fractional: {mean_error(fractional, 'fractional'):.4f} px")

# %% [markdown]
# Real heatmaps are noisy. The decoders use different numbers of pixels and differ in their sensitivity to noise.

# %%
noisy = fractional + 0.03 * jax.random.normal(jax.random.key(1), fractional.shape)
for decoder in (
    "argmax",
    "quarter_shift",
    "fractional",
    "two_sided",
    "parabola",
    "dark",
    "soft_argmax",
    "least_squares",
):
    print(f"{decoder:14} {mean_error(noisy, decoder):.4f} px")

# %% [markdown]
# ## 2. Synthetic faces
#
# `sample` draws the parameters of a face, `fill` lets the face fill the image, and `render` returns the image and the
# exact landmarks.

# %%
keys = jax.random.split(jax.random.key(3), examples.BATCH)
drawn = examples.render(jax.vmap(lambda key: faces.fill(faces.sample(key)))(keys), size=128)
plots.faces(list(drawn.image[:12]), drawn.points[:12], columns=6)

# %% [markdown]
# ## 3. A few updates of a network
#
# The Grain loader chooses the faces of each batch; they are rendered, degraded and encoded on the device. The preset
# `tiny` with 32 px crops is for tests: this only shows that the loss decreases.

# %%
config = hourglass.TINY
optimizer = train.quick_optimizer(40)
update = train.make_update(
    jax.random.key(5), config, optimizer, examples.synthetic_examples(jax.random.key(4), config.crop)
)
history = []
state = train.train_loop(
    update,
    train.init_state(jax.random.key(6), config, optimizer),
    loader.batches(loader.Indices(0, 10_000), batch=examples.BATCH, seed=0),
    steps=40,
    progress=lambda report: history.append(report.info["loss"]),
)
print(f"loss {history[0]:.2f} -> {history[-1]:.2f}")
plots.training_loss({"tiny": (np.arange(1, len(history) + 1), history)}, window=9)

# %% [markdown]
# ## 4. The pretrained network
#
# `fhr-jax train` trained it on synthetic faces only. `pipeline.predict` averages the heatmaps of the crop and of its
# mirror image and decodes them.

# %%
net = weights.load()
found = pipeline.predict(net, drawn.image)
error = metrics.nrmse(found.points, drawn.points)
print(f"NRMSE on these {len(error)} faces: median {np.median(error):.2f} %")
landmarks = {"truth": drawn.points[:4], "network": found.points[:4]}
plots.faces(list(drawn.image[:4]), landmarks, titles=[f"{value:.1f} %" for value in error[:4]])

# %% [markdown]
# ## 5. The stabilizer
#
# Landmarks that are predicted frame by frame jitter. The stabilizer is a recursive Bayesian filter: `step` takes a
# state and the landmarks of a frame, and returns the next state and stabilized landmarks. `run` is `step` in one
# `lax.scan`.

# %%
clip = tracks.sample(jax.random.key(7), 200)
params = stabilizer.default_params()
outputs = {
    "raw": clip.observed,
    "stabilizer": stabilizer.run(params, clip.observed),
    "One Euro": filters.run(filters.one_euro(min_cutoff=2.0, beta=0.05), clip.observed),
}
for name, track in outputs.items():
    print(
        f"{name:10}  NRMSE {float(metrics.nrmse(track, clip.truth).mean()):.2f} %"
        f"  stability {float(metrics.stability(track, clip.truth)):.2f} %"
        f"  delay {float(metrics.delay(track, clip.truth)):.2f} frames"
        f"  loss {float(losses.stabilization(track, clip.truth).total):.0f}"
    )
plots.trajectories(clip.truth, outputs, landmark=48, axis="y")

# %% [markdown]
# Streaming gives the same result: only the state is kept between frames.

# %%
step = jax.jit(stabilizer.step)
state = stabilizer.init_state(params)
streamed = []
for frame in clip.observed[:50]:
    state, steady = step(params, state, frame)
    streamed.append(steady)
print("largest difference to run:", float(jnp.abs(jnp.stack(streamed) - outputs["stabilizer"][:50]).max()), "px")

# %% [markdown]
# ## 6. Fitting the parameters: gradient against Nelder-Mead
#
# The loss is a weighted sum of accuracy, delay and smoothness. The recursion is differentiable, so L-BFGS can minimize
# it; the paper used Nelder-Mead. All fits start from the paper's initial parameters. With 412 parameters it hardly
# improves the loss; with scales shared among the variances, which leaves 7 parameters, it succeeds.

# %%
pairs = tracks.batch(jax.random.key(8), 4, 120)
videos = stabilizer.as_videos(pairs.observed, pairs.truth)
fits = {
    "gradient": stabilizer.fit_gradient(videos, seconds=3),
    "Nelder-Mead": stabilizer.fit_nelder_mead(videos, seconds=3, evaluations=100_000),
    "Nelder-Mead, shared scales": stabilizer.fit_nelder_mead(videos, seconds=3, evaluations=100_000, share_scales=True),
}
for name, fit in fits.items():
    print(f"{name:22} loss {fit.history.loss[0]:.0f} -> {fit.history.loss[-1]:.0f}")
plots.loss_history({name: (fit.history.seconds, fit.history.loss) for name, fit in fits.items()})
