"""Do the shapes of the synthetic faces cover real ones? A comparison with the 3148 training shapes of 300W.

    python experiments/shape_coverage.py --data train_shapes.npz --out runs/coverage

Synthetic shapes are drawn as in training. Both sets are aligned to the synthetic mean by a similarity (Procrustes) and
measured in inter-ocular distances (outer eye corners) of that mean. Reported are the error of real shapes when they are
reconstructed from the synthetic mean and the first K principal components of the synthetic shapes; the same with mean
and components of the real shapes; and for each landmark the distance between the two means and the ratio of the two
standard deviations (rms distance from the mean). Takes half a minute on one core.

Expected, in percent of the inter-ocular distance (6000 synthetic shapes, seed 0):

    components                      5     10     15     20     30
    error, synthetic components   4.02   3.03   2.61   2.19   1.69
    error, real components       3.53   2.57   2.01   1.68   1.22

The means are at most 1.9 % apart; the standard deviation is 0.92 to 1.36 times the real one.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import tyro
from jaxtyping import Float
from matplotlib.patches import Circle

from fhr_jax import npz
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.data import faces
from fhr_jax.errors import InputError
from fhr_jax.files import output_folder
from fhr_jax.markup import FACE68
from fhr_jax.plots.style import legend, new_figure, save, series_styles, style_axes

Shapes = Float[np.ndarray, "n 68 2"]


class Comparison(NamedTuple):
    """What was found, in inter-ocular distances of the synthetic mean.

    Attributes:
        components: numbers K of components.
        error: mean distance of real landmarks from their reconstruction by K synthetic components.
        own: the same by K components of the real shapes.
        apart: (68,) distance between the two means.
        sd_ratio: (68,) standard deviation of the synthetic shapes over that of the real ones.
        means: (2, 68, 2) synthetic and real mean.
        sds: (2, 68) standard deviation of both.
    """

    components: tuple[int, ...]
    error: Float[np.ndarray, " k"]
    own: Float[np.ndarray, " k"]
    apart: Float[np.ndarray, "68"]
    sd_ratio: Float[np.ndarray, "68"]
    means: Float[np.ndarray, "2 68 2"]
    sds: Float[np.ndarray, "2 68"]


@dataclass(frozen=True)
class Coverage:
    """Compare the shapes of synthetic faces with real ones."""

    out: Path
    """Folder for summary.json and coverage.png."""
    data: Path
    """The .npz with `points` (N, 68, 2) of real shapes, or a folder that holds 300w_shapes/train_3148.npz."""
    shapes: int = 6000
    """Synthetic shapes."""
    seed: int = 0
    """Of the synthetic shapes."""


def synthetic(key: jax.Array, number: int) -> Shapes:
    """Landmarks of random faces as training draws them."""
    draw = jax.jit(jax.vmap(lambda k: faces.landmarks(faces.sample(k))))
    return np.asarray(draw(jax.random.split(key, number)), np.float64)


def align(shapes: Shapes, onto: Float[np.ndarray, "68 2"]) -> Shapes:
    """The similarity of each shape whose difference to `onto` is at right angles to it, as in statistical shape models.

    The nearest one would be smaller, the more so the more a shape differs.
    """
    z = (shapes - shapes.mean(axis=1, keepdims=True)) @ np.array([1, 1j])
    target = (onto - onto.mean(axis=0)) @ np.array([1, 1j])
    turn = (np.abs(target) ** 2).sum() / (z @ target.conj())
    moved = turn[:, None] * z
    return np.stack([moved.real, moved.imag], axis=-1)


def mean_shape(shapes: Shapes) -> Float[np.ndarray, "68 2"]:
    """The generalized Procrustes mean, upright, the distance of its outer eye corners being 1."""
    left, right = FACE68.eye_corners
    mean = shapes[0]
    for _ in range(10):
        mean = align(shapes, mean).mean(axis=0)
        across = (mean[right] - mean[left]) @ np.array([1, 1j])
        z = (mean - mean.mean(axis=0)) @ np.array([1, 1j]) / across
        mean = np.stack([z.real, z.imag], axis=-1)
    return mean


def compare(made: Shapes, real: Shapes, components: tuple[int, ...] = (5, 10, 15, 20, 30)) -> Comparison:
    """Align both sets to the synthetic mean and compare."""
    mean = mean_shape(made)
    made, real = align(made, mean), align(real, mean)
    middle = real.mean(axis=0)
    sds = np.stack([_spread(made, mean), _spread(real, middle)])
    return Comparison(
        components,
        np.array([_left(real, mean, _directions(made, mean, k)) for k in components]),
        np.array([_left(real, middle, _directions(real, middle, k)) for k in components]),
        np.linalg.norm(mean - middle, axis=1),
        sds[0] / sds[1],
        np.stack([mean, middle]),
        sds,
    )


def run(options: Coverage) -> Comparison:
    """Compare, write summary.json and coverage.png."""
    path = options.data / "300w_shapes" / "train_3148.npz" if options.data.is_dir() else options.data
    arrays = npz.read(path)
    if "points" not in arrays or arrays["points"].shape[1:] != (68, 2):
        raise InputError(f"{path}: expected an array points of shape (N, 68, 2)")
    found = compare(synthetic(jax.random.key(options.seed), options.shapes), arrays["points"].astype(np.float64))
    output_folder(options.out)
    summary = {
        "synthetic": options.shapes,
        "real": len(arrays["points"]),
        "error_percent": dict(zip(map(str, found.components), (100 * found.error).tolist(), strict=True)),
        "own_percent": dict(zip(map(str, found.components), (100 * found.own).tolist(), strict=True)),
        "means_apart_percent": {"max": 100 * float(found.apart.max()), "mean": 100 * float(found.apart.mean())},
        "sd_ratio": {"min": float(found.sd_ratio.min()), "max": float(found.sd_ratio.max())},
    }
    write_summary(options.out, summary)
    plot(found, options.out / "coverage.png")
    for k, error, own in zip(found.components, found.error, found.own, strict=True):
        print(f"{k:3d} components: {100 * error:.2f} % left, with those of the real shapes {100 * own:.2f} %")
    print(f"means apart: at most {100 * found.apart.max():.2f} % (landmark {found.apart.argmax() + 1})")
    low, high = found.sd_ratio.argmin(), found.sd_ratio.argmax()
    extremes = " to ".join(f"{found.sd_ratio[i]:.2f} (landmark {i + 1})" for i in (low, high))
    print(f"ratio of standard deviations: {extremes}")
    return found


def plot(found: Comparison, path: Path) -> None:
    """Both means with circles of one standard deviation, and what is left against the number of components."""
    figure = new_figure(11.0, 5.6)
    left, right = figure.subplots(1, 2)
    rows = zip(found.means, found.sds, series_styles(["synthetic", "real"]).items(), strict=True)
    for mean, sd, (name, style) in rows:
        for number, edge in enumerate(FACE68.edges):
            left.plot(*mean[list(edge)].T, color=style.colour, linewidth=1, label=None if number else name)
        for point, radius in zip(mean, sd, strict=True):
            left.add_patch(Circle(tuple(point), radius, fill=False, color=style.colour, linewidth=0.7))
    left.invert_yaxis()
    left.set_aspect("equal")
    style_axes(left, x="inter-ocular distances", y="inter-ocular distances", title="means, circles of one sd")
    for values, style in zip((found.error, found.own), series_styles(["synthetic", "real"]).values(), strict=True):
        right.plot(found.components, 100 * values, color=style.colour, marker=style.marker)
    right.set_ylim(bottom=0)
    style_axes(right, x="components", y="% of the inter-ocular distance", title="left of real shapes")
    legend(left, outside=True)
    save(path, figure)


def _directions(shapes: Shapes, mean: Float[np.ndarray, "68 2"], number: int) -> Float[np.ndarray, "k 136"]:
    return np.linalg.svd((shapes - mean).reshape(len(shapes), -1), full_matrices=False)[2][:number]


def _left(shapes: Shapes, mean: Float[np.ndarray, "68 2"], directions: Float[np.ndarray, "k 136"]) -> float:
    away = (shapes - mean).reshape(len(shapes), -1)
    rest = away - away @ directions.T @ directions
    return float(np.linalg.norm(rest.reshape(-1, 68, 2), axis=-1).mean())


def _spread(shapes: Shapes, mean: Float[np.ndarray, "68 2"]) -> Float[np.ndarray, "68"]:
    return np.sqrt(((shapes - mean) ** 2).sum(axis=-1).mean(axis=0))


if __name__ == "__main__":
    try:
        run(tyro.cli(Coverage))
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
