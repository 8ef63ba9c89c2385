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
# # From a picture to steady landmarks
#
# The path of `fhr-jax demo` in small steps: heatmaps and their fraction of a pixel, a synthetic face, a few updates of
# a network, the network that ships, and the stabilizer. Everything runs on two CPU cores in two or three minutes.

# %%
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib import pyplot as plt

from fhr_jax import filters, heatmap, hourglass, losses, metrics, pipeline, stabilizer, train, weights
from fhr_jax.data import examples, faces, loader
from fhr_jax.data.synthetic import tracks

# %% [markdown]
# ## 1. The fraction of a pixel
#
# A landmark rarely lies on a whole pixel of its heatmap. Conventional heatmap regression rounds it twice: once when
# the target is drawn, once when the maximum is read. Fractional heatmap regression draws the Gaussian where the
# landmark is, and solves for its centre from the maximum and one neighbour along each axis (Eq. 4 of the paper).

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
# Real heatmaps are noisy. The decoders differ in how many pixels they read, and so in what noise does to them.

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
# ## 2. A synthetic face
#
# `sample` draws the parameters of a face, `fill` points the camera at it, `render` paints it and gives the exact
# landmarks. All three are pure functions of a key.

# %%
keys = jax.random.split(jax.random.key(3), examples.BATCH)
drawn = examples.render(jax.vmap(lambda key: faces.fill(faces.sample(key)))(keys), size=128)
figure, axes = plt.subplots(2, 6, figsize=(12, 4.2))
for axis, image, landmarks in zip(axes.flat, np.asarray(drawn.image), np.asarray(drawn.points), strict=False):
    axis.imshow(image)
    axis.scatter(*landmarks.T, s=3, c="lime")
    axis.set_axis_off()
figure.tight_layout()

# %% [markdown]
# ## 3. A few updates of a network
#
# The Grain loader says which faces come next; they are rendered, degraded and encoded on the device. `tiny` on 32 px
# crops is for tests: it shows that the loss falls, not more.

# %%
config = hourglass.TINY
optimizer = train.quick_optimizer(40)
update = train.make_update(jax.random.key(5), config, optimizer, examples.rendered(jax.random.key(4), config.crop))
history = []
state = train.train_loop(
    update,
    train.init_state(jax.random.key(6), config, optimizer),
    loader.batches(loader.Indices(0, 10_000), batch=examples.BATCH, seed=0),
    steps=40,
    progress=lambda report: history.append(report.info["loss"]),
)
print(f"loss {history[0]:.2f} -> {history[-1]:.2f}")

# %% [markdown]
# ## 4. The network that ships
#
# `fhr-jax train` made it from synthetic faces alone. `pipeline.predict` averages the heatmaps of the crop and of its
# mirror image and decodes them.

# %%
net = weights.load()
found = pipeline.predict(net, drawn.image)
error = metrics.nrmse(found.points, drawn.points)
print(f"NRMSE on these {len(error)} faces: median {np.median(error):.2f} %")
figure, axes = plt.subplots(1, 4, figsize=(10, 2.8))
for axis, image, truth, landmarks, value in zip(axes, drawn.image, drawn.points, found.points, error, strict=False):
    axis.imshow(image)
    axis.scatter(*truth.T, s=5, c="lime", label="truth")
    axis.scatter(*landmarks.T, s=5, c="red", label="network")
    axis.set_title(f"{value:.1f} %")
    axis.set_axis_off()
figure.tight_layout()

# %% [markdown]
# ## 5. The stabilizer
#
# Frame by frame, landmarks jitter. The stabilizer is a recursive Bayesian filter: `step` takes a state and the
# landmarks of a frame, and returns the next state and steadier landmarks. `run` is `step` under one `lax.scan`.

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
figure, axis = plt.subplots(figsize=(10, 3))
axis.plot(clip.truth[:, 48, 1], "k", lw=1, label="truth")
for name, track in outputs.items():
    axis.plot(track[:, 48, 1], lw=0.8, label=name)
axis.set(xlabel="frame", ylabel="y of a mouth corner, px")
axis.legend(ncols=4)
figure.tight_layout()

# %% [markdown]
# The same, streaming: nothing but the state is kept between frames.

# %%
step = jax.jit(stabilizer.step)
state = stabilizer.init_state(params)
streamed = []
for frame in clip.observed[:50]:
    state, steady = step(params, state, frame)
    streamed.append(steady)
print("largest difference to run:", float(jnp.abs(jnp.stack(streamed) - outputs["stabilizer"][:50]).max()), "px")

# %% [markdown]
# ## 6. Its parameters: gradient against simplex
#
# The loss weighs accuracy, delay and smoothness. The recursion is differentiable, so L-BFGS can minimize it; the paper
# used a simplex. Both start from the paper's start. With 412 parameters a simplex hardly moves; with the variances
# tied to 7 numbers it works.

# %%
pairs = tracks.batch(jax.random.key(8), 4, 120)
videos = stabilizer.as_videos(pairs.observed, pairs.truth)
fits = {
    "gradient": stabilizer.fit_gradient(videos, seconds=5),
    "simplex": stabilizer.fit_nelder_mead(videos, seconds=5, evaluations=100_000),
    "simplex, tied": stabilizer.fit_nelder_mead(videos, seconds=5, evaluations=100_000, share_scales=True),
}
figure, axis = plt.subplots(figsize=(7, 3))
for name, fit in fits.items():
    axis.plot(fit.history.seconds, fit.history.loss, label=name)
    print(f"{name:14} loss {fit.history.loss[0]:.0f} -> {fit.history.loss[-1]:.0f}")
axis.set(xlabel="seconds", ylabel="loss")
axis.legend()
figure.tight_layout()
