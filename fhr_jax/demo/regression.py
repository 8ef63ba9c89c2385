"""Conventional against fractional heatmap regression: two networks that differ in target and decoder alone.

Both start from the same parameters and see the same batches of synthetic faces, which are rendered once for both. The
held-out faces are pictures of different sizes, cropped as photographs are, so that errors can be told in their own
pixels (Table 2 of the paper).
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PRNGKeyArray, UInt8

from fhr_jax import crop, geometry, metrics, pipeline, train
from fhr_jax.data import examples, faces, loader
from fhr_jax.heatmap import Decoder
from fhr_jax.hourglass import Config
from fhr_jax.weights import Net

Progress = Callable[[int, int, str], None]
"""progress(done, of how many, what)."""

CONVENTIONAL, QUARTER, FRACTIONAL = "conventional", "conventional, quarter shift", "fractional"
DECODERS: dict[str, tuple[str, Decoder]] = {
    CONVENTIONAL: (CONVENTIONAL, "argmax"),
    QUARTER: (CONVENTIONAL, "quarter_shift"),
    FRACTIONAL: (FRACTIONAL, "fractional"),
    "fractional, two-sided": (FRACTIONAL, "two_sided"),
}
"""What is compared: name, and the network and the decoder behind it."""

SIDE, REDUCTIONS = 480, (1, 2, 3, 5)
"""The held-out pictures are 480 px wide, or a whole part of that."""


class Trained(NamedTuple):
    """Networks by name, and the loss of every update of each."""

    nets: dict[str, Net]
    losses: dict[str, list[float]]


class Faces(NamedTuple):
    """Held-out faces: pictures of one size each, landmarks (N, 68, 2) in their pixels."""

    pictures: list[UInt8[np.ndarray, "h w 3"]]
    points: Float[np.ndarray, "n 68 2"]


class Scores(NamedTuple):
    """How one pair of network and decoder did on the held-out faces.

    Attributes:
        predictions: (N, 68, 2) in the pixels of each picture.
        nrmse: (N,) in percent.
        auc: up to 8 %, in percent.
        failure_rate: above 8 %, in percent.
        by_scale: mean point distance in pixels in five groups, by inter-ocular distance.
    """

    predictions: Float[np.ndarray, "n 68 2"]
    nrmse: Float[np.ndarray, " n"]
    auc: float
    failure_rate: float
    by_scale: metrics.ScaleTable


def train_both(
    key: PRNGKeyArray,
    config: Config,
    *,
    steps: int,
    batch: int = examples.BATCH,
    loss: str = "cross_entropy",
    progress: Progress | None = None,
) -> Trained:
    """Train the conventional and the fractional network on the same rendered batches from the same start."""
    network_key, face_key, step_key = jax.random.split(key, 3)
    optimizer = train.paper_optimizer() if loss == "squared" else train.quick_optimizer(steps)
    render = examples.rendered(face_key, config.crop)
    # One compiled update for both: the conventional network gets its landmarks rounded beforehand.
    update = train.make_update(step_key, config, optimizer, _as_they_are, loss=loss)
    start = train.init_state(network_key, config, optimizer)
    states = {CONVENTIONAL: start, FRACTIONAL: start}
    losses: dict[str, list[float]] = {name: [] for name in states}
    batches = loader.batches(loader.Indices(0, 2**31 - 1), batch=batch, seed=0)
    for step in range(steps):
        seen = render(jax.random.fold_in(step_key, step), next(batches))
        conventional = seen._replace(points=rounded(seen.points, config))
        for name, shown in ((CONVENTIONAL, conventional), (FRACTIONAL, seen)):
            states[name], said = update(states[name], shown)
            losses[name].append(float(said.loss))
        if progress is not None:
            progress(step + 1, steps, f"loss {losses[FRACTIONAL][-1]:.2f}")
    nets = {name: train.trained_net(state, config, loss=loss) for name, state in states.items()}
    return Trained(nets, losses)


def held_out(key: PRNGKeyArray, number: int) -> Faces:
    """Faces that fill between 40 and 75 % of pictures of several sides: `SIDE` over each of `REDUCTIONS`."""
    rendering = examples.render_in_batches(_drawn(jax.random.split(key, number)), size=SIDE)
    images, points = np.asarray(rendering.image), np.asarray(rendering.points)
    pictures, truth = [], []
    for i, (image, landmarks) in enumerate(zip(images, points, strict=True)):
        factor = REDUCTIONS[i % len(REDUCTIONS)]
        # The mean of factor x factor pixels: pixel centres move by the half-pixel rule.
        reduced = image.reshape(SIDE // factor, factor, SIDE // factor, factor, 3).mean(axis=(1, 3))
        pictures.append(np.round(255 * reduced).astype(np.uint8))
        truth.append((landmarks + 0.5) / factor - 0.5)
    return Faces(pictures, np.stack(truth).astype(np.float32))


class Cut(NamedTuple):
    """Crops of faces, and the maps (N, 2, 3) from the pixels of their pictures to those of the crops."""

    images: UInt8[np.ndarray, "n s s 3"]
    affines: Float[np.ndarray, "n 2 3"]


def cut(data: Faces, size: int) -> Cut:
    """Every face cropped as the authors do: the box of its true landmarks, 1.3 times its longer side."""
    affines = np.stack([_crop_map(points, size) for points in data.points])
    return Cut(np.stack([crop.extract(p, a, size) for p, a in zip(data.pictures, affines, strict=True)]), affines)


def evaluate(nets: dict[str, Net], data: Faces) -> dict[str, Scores]:
    """Every pair of `DECODERS` on the same crops: true box, 1.3 times its longer side, mirror averaging."""
    images, affines = cut(data, next(iter(nets.values())).config.crop)
    scores = {}
    for name, (network, decoder) in DECODERS.items():
        found = pipeline.predict_all(nets[network], images, decoder=decoder).points
        predictions = crop.to_image(affines, np.asarray(found))
        nrmse = metrics.nrmse(predictions, data.points)
        scores[name] = Scores(
            predictions,
            np.asarray(nrmse),
            float(metrics.auc(nrmse)),
            float(metrics.failure_rate(nrmse)),
            metrics.scale_table(predictions, data.points),
        )
    return scores


def summary(scores: dict[str, Scores]) -> dict[str, Any]:
    """The figures of `evaluate`, ready for JSON."""
    return {
        name: {
            "nrmse": float(s.nrmse.mean()),
            "nrmse_median": float(np.median(s.nrmse)),
            "auc": s.auc,
            "failure_rate": s.failure_rate,
            "pixels_by_scale": [float(e) for e in s.by_scale.error],
            "interocular_edges": [float(e) for e in s.by_scale.edges],
        }
        for name, s in scores.items()
    }


@partial(jax.jit, static_argnums=1)
def rounded(points: Float[Array, "b m 2"], config: Config) -> Float[Array, "b m 2"]:
    """Landmarks in crop pixels whose heatmaps are centred on whole pixels: the conventional target."""
    to_heatmap = geometry.resize((config.crop, config.crop), (config.heatmap, config.heatmap))
    nearest = jnp.floor(geometry.apply(to_heatmap, points) + 0.5)
    return geometry.apply(geometry.invert(to_heatmap), nearest)


def _as_they_are(key: PRNGKeyArray, batch: examples.Examples) -> examples.Examples:
    return batch


@jax.jit
def _drawn(keys: Key[Array, " n"]) -> faces.SyntheticFace:
    def one(key: PRNGKeyArray) -> faces.SyntheticFace:
        face_key, scale_key = jax.random.split(key)
        scale = jax.random.uniform(scale_key, (), minval=1 / 0.75, maxval=1 / 0.4)
        return faces.fill(faces.sample(face_key), scale=scale)

    return jax.vmap(one)(keys)


def _crop_map(points: Float[np.ndarray, "68 2"], size: int) -> np.ndarray:
    centre, side = geometry.landmark_square(jnp.asarray(points))
    return np.asarray(geometry.square_crop(centre, side, size))
