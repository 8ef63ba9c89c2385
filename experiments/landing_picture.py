"""The picture of docs/index.md: landmarks of a clip as a detector finds them, and stabilized.

A synthetic face moves for three seconds. The noise on its exact landmarks resembles that of real detectors. The trails
are the last 12 places of every second landmark; the curve is the middle of the lower lip.

Paper:    has no such picture.
Command:  python experiments/landing_picture.py --out runs/landing
Cost:     a minute, most of it compiling, on an x86 core.
Figures:  docs/steady.png (2026-11-28). The jitter (mean second difference) falls from 4.34 to 0.45
          px of the 384 px image.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import tyro
from jaxtyping import Float
from matplotlib.axes import Axes

from fhr_jax import geometry, metrics, plots, stabilizer
from fhr_jax.cli.options import OUT
from fhr_jax.data import faces
from fhr_jax.data.synthetic.detector_noise import DetectorNoise, observe
from fhr_jax.files import output_folder, write_json
from fhr_jax.plots.style import new_figure, style_axes

SIZE = 384
RAW, STEADY = "#e66100", "#0f9d76"
TRAIL = 12
LANDMARK, AXIS = 66, 1
"""The middle of the lower inner lip, its y coordinate."""


@dataclass(frozen=True)
class Options:
    """Draw the picture of the first page."""

    out: Annotated[Path, OUT] = Path("runs/landing")
    frames: int = 90
    """Length of the clip; 30 a second."""
    seed: int = 4
    """Draws the face and the noise."""


def main(options: Options) -> None:
    """Draw, and write the jitter before and after."""
    folder = output_folder(options.out)
    face_key, noise_key = jax.random.split(jax.random.key(options.seed))
    clip = faces.clip(face_key, options.frames)
    last = jax.tree.map(lambda leaf: leaf[-1], clip)
    image = np.asarray(faces.render(last, size=SIZE).image)
    truth = geometry.from_fractions(jax.vmap(faces.landmarks)(clip), SIZE)
    raw = np.asarray(observe(noise_key, truth, DetectorNoise(level=1.6)))
    steady = np.asarray(stabilizer.smooth(stabilizer.default_params(), raw))

    figure = new_figure(11.0, 3.9)
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1, 1.7))
    _face(left, image, raw, title="as a detector finds them", colour=RAW)
    _face(middle, image, steady, title="stabilized", colour=STEADY)
    seconds = np.arange(len(raw)) / 30
    right.plot(seconds, raw[:, LANDMARK, AXIS], color=RAW, linewidth=1.2, label="as found")
    right.plot(seconds, steady[:, LANDMARK, AXIS], color=STEADY, linewidth=2.0, label="stabilized")
    style_axes(right, x="seconds", y="px", title="height of the lower lip in the image")
    right.invert_yaxis()
    right.legend(frameon=False, loc="best")
    plots.save(folder / "steady.png", figure, dpi=110)
    jitter = {name: float(np.nanmean(metrics.second_difference(t))) for name, t in (("raw", raw), ("steady", steady))}
    write_json(folder / "summary.json", {"jitter, px": jitter})
    print(jitter)


def _face(
    axes: Axes, image: Float[np.ndarray, "s s 3"], track: Float[np.ndarray, "t 68 2"], *, title: str, colour: str
):
    """The last frame with the trails of the landmarks."""
    axes.imshow(image)
    axes.plot(track[-TRAIL:, ::2, 0], track[-TRAIL:, ::2, 1], color=colour, linewidth=1.3)
    axes.plot(*track[-1].T, ".", color=colour, markersize=4)
    low, high = np.nanmin(track[-1], axis=0) - 35, np.nanmax(track[-1], axis=0) + 35
    axes.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]), xticks=[], yticks=[], title=title)


if __name__ == "__main__":
    main(tyro.cli(Options))
