"""Fig. 2: contours of the delay and of the smooth loss around one landmark.

Left: the truth moves from p(t-1) to p(t); the Euclidean loss alone, and with the delay term. Right: the output has
the neighbours x(t-1) and x(t+1); the distance of x(t) to their midpoint (lambda_3 = infinity; Cao, Hou and Zhou 2014),
and the smooth loss. All four are evaluated by `fhr_jax.losses.stabilization`. The aspect ratio of a contour is its axis
along the motion over its axis across the motion, from the second derivatives at the minimum.

Paper:    "Towards Highly Accurate and Stable Face Alignment for High-Resolution Videos" (AAAI 2019): the contours are
          ellipses. With the delay term their short axis lies along the motion, with the smooth loss their long axis.
Command:  python experiments/figure2_contours.py --out runs/figure2
Cost:     seconds on one CPU core.
Figures:  docs/results.md, "The terms of the loss". The ratios depend on the motion per frame: for faster faces and for
          more moving landmarks the delay term has less curvature beside the Euclidean loss, because all landmarks of a
          frame form one vector.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from fhr_jax import plots
from fhr_jax.benchmark.summaries import write_summary
from fhr_jax.files import output_folder
from fhr_jax.losses import LossWeights, stabilization


@dataclass(frozen=True)
class Options:
    """Draw the contours of the losses."""

    out: Path
    """Folder for summary.json and contours.png."""
    step: float = 2.0
    """Distance in pixels between p(t-1) and p(t), and half of that between x(t-1) and x(t+1)."""
    delay: float = 10.0
    """Weight of the delay term, lambda_2."""
    even_steps: float = 1.0
    """Preference for even steps in the smooth term, lambda_3."""
    points: int = 121
    """Grid points along each side of the plane."""


def delay_loss(options: Options, weight: float) -> Callable[[jax.Array], jax.Array]:
    """L_reg of the second of two frames as a function of the output (2,); the output of the first frame is exact."""
    truth = options.step * jnp.array([[[-1.0, 0.0]], [[0.0, 0.0]]])

    def loss(x: jax.Array) -> jax.Array:
        terms = stabilization(jnp.stack([truth[0], x[None]]), truth, weights=LossWeights(smooth=0.0))
        return 2 * terms.euclidean + weight * terms.delay  # the mean is over two frames

    return loss


def smooth_loss(options: Options, even_steps: float) -> Callable[[jax.Array], jax.Array]:
    """L_tm of the middle one of three frames as a function of the output (2,)."""
    ends = options.step * jnp.array([[-1.0, 0.0], [1.0, 0.0]])

    def loss(x: jax.Array) -> jax.Array:
        track = jnp.stack([ends[0], x, ends[1]])[:, None]
        return stabilization(track, track, weights=LossWeights(even_steps=even_steps)).smooth

    return loss


def main(options: Options) -> None:
    """Evaluate the losses, measure the axes of their contours, and draw them."""
    folder = output_folder(options.out)
    losses = {
        "Euclidean loss": delay_loss(options, 0.0),
        "with delay term": delay_loss(options, options.delay),
        "distance to the midpoint": smooth_loss(options, float("inf")),
        "smooth loss": smooth_loss(options, options.even_steps),
    }
    side = np.linspace(-1.5 * options.step, 1.5 * options.step, options.points).astype(np.float32)
    plane = jnp.asarray(np.stack(np.meshgrid(side, side), axis=-1))
    marks = [{"p(t-1)": (-options.step, 0.0), "p(t)": (0.0, 0.0)}] * 2
    marks += [{"x(t-1)": (-options.step, 0.0), "x(t+1)": (options.step, 0.0)}] * 2
    ratios, values = {}, {}
    for name, loss in losses.items():
        values[name] = np.asarray(jax.jit(jax.vmap(jax.vmap(loss)))(plane))
        hessian = np.asarray(jax.jit(jax.hessian(loss))(np.zeros(2, np.float32)))
        ratios[name] = float(np.sqrt(hessian[1, 1] / hessian[0, 0]))
        print(f"{name:26} axis along the motion over the one across: {ratios[name]:.3f}")
    config = asdict(options) | {"out": str(options.out)}
    write_summary(folder, {"options": config, "along_over_across": ratios})
    figure = plots.contours(side, values, marks=dict(zip(losses, marks, strict=True)))
    plots.save(folder / "contours.png", figure)


if __name__ == "__main__":
    main(tyro.cli(Options))
