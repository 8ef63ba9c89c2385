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
# # Your own data
#
# Three things that most people come for: fine-tune the net in the package on photographs of one's own, steady the track
# of another detector, and read the numbers that say whether the result is good. Everything here is made up on the spot,
# so the notebook needs no download; a comment says where your own files go. It takes two minutes on one core, most of
# them for compiling.

# %%
import contextlib
import io
import tempfile
from pathlib import Path

import jax
import numpy as np
from PIL import Image

from fhr_jax import cli, filters, losses, markup, metrics, pipeline, plots, stabilizer, weights
from fhr_jax.data import examples, faces
from fhr_jax.data.io import pts
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.data.synthetic import tracks
from fhr_jax.data.synthetic.detector_noise import DetectorNoise
from fhr_jax.reports import track_data, verdict

folder = Path(tempfile.mkdtemp())

# %% [markdown]
# ## 1. A folder of photographs
#
# Each photograph `NAME.jpg` lies beside its landmarks `NAME.pts`. Here they are drawings: 32 to learn from and 16 that
# the net must not see. To have something to learn, the landmarks of the jaw follow another definition than those that
# the net knows: they lie a twentieth of the face further down. Annotators differ by as much.

# %%
LEARN, TEST = 32, 16
keys = jax.random.split(jax.random.key(0), LEARN + TEST)
people = jax.jit(jax.vmap(lambda key: faces.fill(faces.sample(key))))(keys)
drawn = examples.render_in_batches(people, size=128)
images, points = (255 * np.asarray(drawn.image)).astype(np.uint8), np.array(drawn.points)
points[:, :17, 1] += 0.05 * (points[..., 1].max(axis=1) - points[..., 1].min(axis=1))[:, None]

for i in range(LEARN + TEST):
    part = folder / ("photographs" if i < LEARN else "others")  # your own folders take their place
    part.mkdir(exist_ok=True)
    Image.fromarray(images[i]).save(part / f"{i}.jpg", quality=95)
    pts.write(part / f"{i}.pts", points[i])

plots.faces(list(images[:6]), points[:6], columns=6)

# %% [markdown]
# ## 2. Fine-tune
#
# A run of `fhr-jax train --init small --data photographs/`, here with 24 updates of 8 photographs instead of a hundred
# updates of 16. From a notebook a command is `cli.main`. The run holds out a fifth of the photographs, and keeps the
# net of the lowest error on them, the initial net included.

# %%
run = f"train --out {folder}/tuned --init small --data {folder}/photographs --steps 24 --batch 8 --validate-every 24"
with contextlib.redirect_stderr(io.StringIO()):  # the progress bar
    cli.main(run.split())

# %% [markdown]
# The error on the photographs that neither net has seen, and where it changed:

# %%
others = open_dataset(folder / "others")
test = [others[i] for i in range(len(others))]
truth = np.stack([record["points"] for record in test])


def landmarks(net):
    """Landmarks of the net in each test photograph, in its pixels."""
    found = [pipeline.align_image(net, record["image"], box=record["box"]) for record in test]
    return np.stack([face.points for face in found])


found = {
    "net in the package": landmarks(weights.load()),
    "fine-tuned": landmarks(weights.load(folder / "tuned/net.npz")),
}
for name, guess in found.items():
    jaw, rest = (metrics.point_errors(guess, truth)[:, part].mean() for part in (slice(17), slice(17, 68)))
    print(f"{name:12} NRMSE {float(metrics.nrmse(guess, truth).mean()):.2f} %   jaw {jaw:.2f} px, others {rest:.2f} px")
shown = {"truth": truth[:4], "fine-tuned": found["fine-tuned"][:4]}
plots.faces([record["image"] for record in test[:4]], shown)

# %% [markdown]
# Few photographs and few updates already move the jaw to where these annotators see it. For the net of a real project
# leave the options out: `fhr-jax train --out runs/tuned --init small --data photographs/`.
#
# ## 3. The track of another detector
#
# Any detector will do: an array of T frames, M points and x, y, in any unit, with NaN where it found nothing. Here a
# head turns and talks, and noise stands for the detector. Yours would be `np.load("landmarks.npz")["predictions"]`, or
# what `fhr-jax smooth openface.csv steady.csv` reads.

# %%
clip = tracks.sample(jax.random.key(5), 200, noise=DetectorNoise(level=1.3))
params = stabilizer.default_params(68)
results = {
    "as found": clip.observed,
    "One Euro": filters.run(filters.one_euro(min_cutoff=2.0, beta=0.1), clip.observed),
    "live": stabilizer.run(params, clip.observed),
    "with look-ahead": stabilizer.smooth(params, clip.observed),
}

# %% [markdown]
# With a truth at hand one can measure: the loss, the mean error, the error of the motion (stability), and the delay.

# %%
print(" " * 16 + "".join(f"{name:>14}" for name in ("loss", "NRMSE %", "stability %", "delay, frames")))
for name, track in results.items():
    numbers = [
        losses.stabilization(track, clip.truth).total,
        metrics.nrmse(track, clip.truth).mean(),
        metrics.stability(track, clip.truth),
        metrics.delay(track, clip.truth),
    ]
    print(f"{name:16}" + "".join(f"{float(number):14.2f}" for number in numbers))
plots.trajectories(clip.truth, {name: results[name] for name in ("as found", "with look-ahead")}, landmark=62, axis="y")

# %% [markdown]
# ## 4. Without a truth: the report
#
# Your own video has no truth. `fhr-jax smooth` and `track` write a page with these numbers, curves and the frames that
# deserve a look. Jitter is the second difference in percent of the face size; "far" is the share of points that
# smoothing moved by more than a tenth of the face.

# %%
raw, steady = np.asarray(clip.observed), np.asarray(results["with look-ahead"])
face = track_data.TrackOfFace(np.arange(len(raw)) / 30, steady, raw)
numbers = track_data.measure(face, markup=markup.FACE68)
said = verdict.judge([face], [numbers])

print(said.line)
for reason in said.reasons:
    print(" ", reason)
print()
for region, name in enumerate(numbers.regions):
    before, after = (np.nanmean(jitter[:, region]) for jitter in (numbers.jitter_raw, numbers.jitter))
    print(f"{name:12} jitter {before:5.2f} % -> {after:5.2f} %   far {np.nanmean(numbers.far[:, region]):.2f} %")

# %% [markdown]
# The page itself, from the command line:
#
#     fhr-jax smooth landmarks.npz steady.npz
#     fhr-jax report steady.npz --raw landmarks.npz --video video.mp4
#
# A verdict of "good" means steady and complete. Whether landmarks are right only photographs with a truth can tell, as
# in part 2.
