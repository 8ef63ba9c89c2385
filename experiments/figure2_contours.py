"""Fig. 2: contours of the delay and of the smooth loss around one landmark.

Left, a truth that moved from p(t-1) to p(t): the Euclidean loss alone, and with the delay term. Right, neighbours
x(t-1) and x(t+1): the distance of x(t) to their midpoint (lambda_3 = infinity, Cao, Hou and Zhou 2014), and the smooth
loss. Both are `fhr_jax.losses.stabilization`, evaluated. The shape of a contour is the ratio of its axis along the
motion to the one across, from the second derivatives at the minimum.

Paper:    "Towards Highly Accurate and Stable Face Alignment for High-Resolution Videos" (AAAI 2019): the delay term
          makes an ellipse whose short axis lies along the motion, the smooth loss one whose long axis does.
Command:  python experiments/figure2_contours.py --out runs/figure2
Cost:     seconds.
Figures:  along over across: Euclidean loss 1.00, with the delay term 0.53; midpoint 1.00, smooth loss 4.12. Both claims
          hold. They depend on the step: at 2 px as here the delay term is 2.5 times the Euclidean one along the motion,
          and less the faster the face moves, or the more landmarks move, since all of a frame are one vector.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from fhr_jax import plots
from fhr_jax.files import output_folder, write_json
from fhr_jax.losses import LossWeights, stabilization


@dataclass(frozen=True)
class Options:
    """Draw the losses."""

    out: Path
    """Folder for summary.json and contours.png."""
    step: float = 2.0
    """Pixels between p(t-1) and p(t), and half of those between x(t-1) and x(t+1)."""
    lambda2: float = 10.0
    """Weight of the delay."""
    lambda3: float = 1.0
    """Of the smooth loss."""
    points: int = 121
    """Along each side of the plane."""


def delay_loss(options: Options, lambda2: float) -> Callable[[jax.Array], jax.Array]:
    """L_reg of the newest of two frames, as a function of where the output is; the first frame is exact."""
    truth = options.step * jnp.array([[[-1.0, 0.0]], [[0.0, 0.0]]])

    def loss(x: jax.Array) -> jax.Array:
        terms = stabilization(jnp.stack([truth[0], x[None]]), truth, weights=LossWeights(smooth=0.0))
        return 2 * terms.euclidean + lambda2 * terms.delay  # the mean is over two frames

    return loss


def smooth_loss(options: Options, lambda3: float) -> Callable[[jax.Array], jax.Array]:
    """L_tm of the middle of three frames, as a function of where the output is."""
    ends = options.step * jnp.array([[-1.0, 0.0], [1.0, 0.0]])

    def loss(x: jax.Array) -> jax.Array:
        track = jnp.stack([ends[0], x, ends[1]])[:, None]
        return stabilization(track, track, weights=LossWeights(even_steps=lambda3)).smooth

    return loss


def main(options: Options) -> None:
    """Evaluate, measure the axes, draw."""
    folder = output_folder(options.out)
    losses = {
        "Euclidean loss": delay_loss(options, 0.0),
        "with delay term": delay_loss(options, options.lambda2),
        "distance to the midpoint": smooth_loss(options, float("inf")),
        "smooth loss": smooth_loss(options, options.lambda3),
    }
    side = np.linspace(-1.5 * options.step, 1.5 * options.step, options.points).astype(np.float32)
    plane = jnp.asarray(np.stack(np.meshgrid(side, side), axis=-1))
    marks = [{"p(t-1)": (-options.step, 0.0), "p(t)": (0.0, 0.0)}] * 2
    marks += [{"x(t-1)": (-options.step, 0.0), "x(t+1)": (options.step, 0.0)}] * 2
    axes, values = {}, {}
    for name, loss in losses.items():
        values[name] = np.asarray(jax.vmap(jax.vmap(loss))(plane))
        bend = np.asarray(jax.hessian(loss)(jnp.zeros(2)))
        axes[name] = float(np.sqrt(bend[1, 1] / bend[0, 0]))
        print(f"{name:26} axis along the motion over the one across: {axes[name]:.3f}")
    config = asdict(options) | {"out": str(options.out)}
    write_json(folder / "summary.json", {"options": config, "along_over_across": axes})
    figure = plots.contours(side, values, marks=dict(zip(losses, marks, strict=True)))
    plots.save(folder / "contours.png", figure)


if __name__ == "__main__":
    main(tyro.cli(Options))
