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
# # Decoders and their uncertainty
#
# A decoder turns a heatmap into a landmark with subpixel precision. This notebook compares
#
# 1. all decoders on the same noisy Gaussians, with the Cramer-Rao bound,
# 2. decoding of logits with decoding of heatmaps,
# 3. the predicted with the actual error of a network.
#
# It takes a minute or two on one core. The complete study is `experiments/decoder_study.py`; its results are in
# `docs/decoders.md`.

# %%
import jax
import jax.numpy as jnp
import numpy as np

from fhr_jax import calibrate, heatmap, plots, weights

# %% [markdown]
# ## 1. Noise on the heatmap
#
# The heatmaps are 2048 Gaussians of sigma 1.5 px at random positions. Independent noise is added to every pixel; its
# standard deviation is given as a fraction of the peak. The plot shows the root mean square error of a coordinate and
# its lower bound. The decoders differ in the pixels that they use: `fractional` (Eq. 4 of the paper) uses one neighbour
# of the maximum per axis, `two_sided` uses two, and `least_squares` (the default), `soft_argmax` and `dark` use a
# window.

# %%
SIZE, SIGMA = (32, 32), 1.5
DECODERS = ("argmax", "quarter_shift", "fractional", "two_sided", "parabola", "least_squares", "soft_argmax", "dark")
points = jax.random.uniform(jax.random.key(0), (2048, 2), minval=13, maxval=18)
clean = heatmap.encode(points, size=SIZE, sigma=SIGMA)
white = jax.random.normal(jax.random.key(1), clean.shape)


def rms(maps, decoder, **options):
    """Root mean square error of a coordinate in pixels."""
    found = heatmap.decode(maps, sigma=SIGMA, decoder=decoder, **options)
    return float(jnp.sqrt(((found - points) ** 2).mean()))


levels = np.array([0.005, 0.01, 0.02, 0.05, 0.1])
errors = {decoder: [rms(clean + level * white, decoder) for level in levels] for decoder in DECODERS}
bound = [heatmap.cramer_rao(points, size=SIZE, sigma=SIGMA, noise=float(level)) for level in levels]
limits = [float(jnp.sqrt(jnp.trace(b, axis1=-2, axis2=-1).mean() / 2)) for b in bound]
curves = {name: [(levels, values)] for name, values in {**errors, "Cramer-Rao bound": limits}.items()}
labels = [("noise, fraction of the peak", "rms error of a coordinate, px")]
plots.sweeps(curves, labels=labels, highlight=["least_squares"], logarithmic="xy")

# %% [markdown]
# Without noise four decoders are exact and two nearly so. `argmax` and the quarter shift are not:

# %%
for decoder in DECODERS:
    print(f"{decoder:14} {rms(clean, decoder):.5f} px")

# %% [markdown]
# ## 2. Logits
#
# The outputs of a network trained by cross-entropy are logarithms of heatmaps. With `logits=True` the decoders read
# them directly and find the same points, without exponentials and clamping. Eq. 4 is then linear: the mean of two sets
# of logits, such as those of an image and its mirror image, decodes to the mean of the two offsets.

# %%
from_logits = heatmap.decode(jnp.log(clean) + 7, sigma=SIGMA, logits=True)
difference = jnp.abs(from_logits - heatmap.decode(clean, sigma=SIGMA)).max()
print(f"largest difference to the points from heatmaps: {float(difference):.1e} px")

# A Gaussian so narrow (sigma 0.07 px) that all pixels beside its maximum are 0 in float32.
y, x = jnp.mgrid[:9, :9]
narrow = -((x - 4.3) ** 2 + (y - 3.8) ** 2)[..., None] / (2 * 0.07**2)
print("heatmap:", heatmap.decode(jnp.exp(narrow), sigma=0.07)[0])
print("logits: ", heatmap.decode(narrow, sigma=0.07, logits=True)[0], "(truth 4.3, 3.8)")

# %% [markdown]
# ## 3. Uncertainty
#
# A confident network predicts a peak as wide as its target; an uncertain one predicts a wider peak. `fhr-jax train`
# ends with a calibration, which maps the covariance of a peak to the covariance of the error in pixels. For the
# pretrained network:

# %%
net = weights.load()
peak_covariance = jnp.stack([k * jnp.eye(2) for k in (1.0, 1.2, 1.5, 2.0)])[:, None]
landmarks = {"tip of the nose": 30, "corner of an eye": 36, "corner of the mouth": 48, "chin": 8}
table = heatmap.error_covariance(net.calibration, jnp.broadcast_to(peak_covariance, (4, 68, 2, 2)))
print("standard deviation in crop pixels, for a peak with 1, 1.2, 1.5 and 2 times the variance of the target")
for name, m in landmarks.items():
    print(f"{name:20}", np.round(np.sqrt(np.asarray(table[:, m, 0, 0])), 2))

# %% [markdown]
# On new faces, the ellipses must contain as many landmarks as they claim, here 90 %.

# %%
faces = list(calibrate.synthetic_faces(jax.random.key(2), net.config.crop, faces=64))
found = calibrate.reliability(net.calibration, calibrate.collect(net, faces))
for predicted, actual, inside in zip(found.predicted, found.actual, found.coverage[:, 2], strict=True):
    print(f"predicted {predicted:.2f} px, actual {actual:.2f} px, inside the 90 % ellipse {100 * inside:.0f} %")
