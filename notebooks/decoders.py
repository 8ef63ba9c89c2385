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
# # Which decoder, and how sure
#
# A heatmap says where a landmark is to the fraction of a pixel, if it is read well. Here all decoders read the same
# spoiled Gaussians, beside the limit of Cramer and Rao; then logits instead of maps; then what the spread of a peak
# says of the error. No network but in the last part; a minute or two on one core. The whole study is
# `experiments/decoder_study.py`, its results `docs/decoders.md`.

# %%
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib import pyplot as plt

from fhr_jax import calibrate, heatmap, weights

# %% [markdown]
# ## 1. Noise on the map
#
# 2048 Gaussians of sigma 1.5 px at random places, noise of a share of their height on every pixel. The root mean
# square error of a coordinate, against the bound. Eq. 4 of the paper reads one neighbour an axis, `two_sided` two;
# `least_squares`, the default, and the last two read a window.

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
limit = [float(jnp.sqrt(jnp.trace(b, axis1=-2, axis2=-1).mean() / 2)) for b in bound]
figure, axis = plt.subplots(figsize=(7, 4))
for decoder, values in errors.items():
    axis.loglog(levels, values, marker=".", lw=2.5 if decoder == "least_squares" else 1, label=decoder)
axis.loglog(levels, limit, "k--", label="Cramer-Rao bound")
axis.set(xlabel="noise, shares of the peak", ylabel="rms error of a coordinate, px")
axis.legend(ncols=2, fontsize="small")
figure.tight_layout()

# %% [markdown]
# Without noise, four of them are exact, two nearly so, and `argmax` and the quarter shift are not:

# %%
for decoder in DECODERS:
    print(f"{decoder:14} {rms(clean, decoder):.5f} px")

# %% [markdown]
# ## 2. Logits
#
# A net trained by cross-entropy puts out logarithms. Reading them as such (`logits=True`) gives the same points as the
# maps that they are logarithms of, but needs no exponential and no clamp, and Eq. 4 becomes linear: the mean of two
# sets of logits, such as those of a picture and its mirror image, decodes to the mean of the two offsets.

# %%
ours = heatmap.decode(jnp.log(clean) + 7, sigma=SIGMA, logits=True)
print(f"largest difference to the maps: {float(jnp.abs(ours - heatmap.decode(clean, sigma=SIGMA)).max()):.1e} px")

# A Gaussian so narrow that float32 holds none of its neighbours: sigma 0.07 px.
y, x = jnp.mgrid[:9, :9]
narrow = -((x - 4.3) ** 2 + (y - 3.8) ** 2)[..., None] / (2 * 0.07**2)
print("map:   ", heatmap.decode(jnp.exp(narrow), sigma=0.07)[0])
print("logits:", heatmap.decode(narrow, sigma=0.07, logits=True)[0], "(truth 4.3, 3.8)")

# %% [markdown]
# ## 3. How sure
#
# A net that is sure draws a peak as wide as its target; one that is not smears it. `fhr-jax train` ends with a
# calibration, which turns the spread of a peak into the covariance of the error, in pixels. For the net that ships:

# %%
net = weights.load()
spread = jnp.stack([k * jnp.eye(2) for k in (1.0, 1.2, 1.5, 2.0)])[:, None]
landmarks = {"tip of the nose": 30, "corner of an eye": 36, "corner of the mouth": 48, "chin": 8}
table = heatmap.error_covariance(net.calibration, jnp.broadcast_to(spread, (4, 68, 2, 2)))
print("standard deviation in crop pixels, for a peak 1, 1.2, 1.5 and 2 times as wide (in variance) as the target")
for name, m in landmarks.items():
    print(f"{name:20}", np.round(np.sqrt(np.asarray(table[:, m, 0, 0])), 2))

# %% [markdown]
# On faces that it was not fitted on, the ellipses must hold as many landmarks as they say: here 90 %.

# %%
faces = list(calibrate.synthetic_faces(jax.random.key(2), net.config.crop, faces=64))
found = calibrate.reliability(net.calibration, calibrate.collect(net, faces))
for predicted, actual, inside in zip(found.predicted, found.actual, found.coverage[:, 2], strict=True):
    print(f"predicted {predicted:.2f} px, actual {actual:.2f} px, inside of the 90 % ellipse {100 * inside:.0f} %")
