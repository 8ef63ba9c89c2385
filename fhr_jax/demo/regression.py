"""Conventional against fractional heatmap regression: two networks that differ only in target and decoder.

Both start from the same parameters and see the same batches of synthetic faces. The held-out faces are images of
different sizes and are cropped like photographs, so that errors can be given in pixels of the images (Table 2 of the
paper).
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PRNGKeyArray, UInt8

from fhr_jax import crop, geometry, metrics, pipeline, train
from fhr_jax.benchmark.decoder_tables import CONVENTIONAL, FRACTIONAL
from fhr_jax.data import examples, faces, loader
from fhr_jax.heatmap import Decoder
from fhr_jax.hourglass import Config
from fhr_jax.progress import Progress, ProgressCallback, silent
from fhr_jax.weights import Net

QUARTER = "conventional, quarter shift"
DECODERS: dict[str, tuple[str, Decoder]] = {
    CONVENTIONAL: (CONVENTIONAL, "argmax"),
    QUARTER: (CONVENTIONAL, "quarter_shift"),
    FRACTIONAL: (FRACTIONAL, "fractional"),
    "fractional, two-sided": (FRACTIONAL, "two_sided"),
}
"""Methods to compare: name to network and decoder."""

SIDE, REDUCTIONS = 480, (1, 2, 3, 5)
"""Held-out images are `SIDE` px wide, divided by one of `REDUCTIONS`."""


class TrainedPair(NamedTuple):
    """Both networks, and the loss of every update of each, by name."""

    nets: dict[str, Net]
    losses: dict[str, list[float]]


class HeldOutFaces(NamedTuple):
    """Square images of different sizes, and landmarks (N, 68, 2), (x, y) in pixels of each image."""

    images: list[UInt8[np.ndarray, "h w 3"]]
    points: Float[np.ndarray, "n 68 2"]


class RegressionScores(NamedTuple):
    """Results of one network and decoder on the held-out faces.

    Attributes:
        predictions: (N, 68, 2), (x, y) in pixels of each image.
        nrmse: (N,) in percent.
        auc: area under the cumulative error curve up to 8 %, in percent.
        failure_rate: images with an NRMSE above 8 %, in percent.
        by_scale: mean point distance in pixels of the images, in five groups by inter-ocular distance.
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
    progress: ProgressCallback = silent,
) -> TrainedPair:
    """Train the conventional and the fractional network from the same parameters on the same rendered batches.

    Args:
        key: of the parameters, the faces and the batches.
        config: of both networks.
        steps: updates of each network.
        batch: faces in a batch.
        loss: "cross_entropy", or "squared" for the paper's loss and optimizer.
        progress: called after every update, with `loss` in `info`.

    Returns:
        The networks, and the losses of each, one per update (T,).
    """
    network_key, face_key, step_key = jax.random.split(key, 3)
    optimizer = train.paper_optimizer() if loss == "squared" else train.quick_optimizer(steps)
    render = examples.synthetic_examples(face_key, config.crop)
    # One compiled update for both: the conventional network gets its landmarks rounded beforehand.
    update = train.make_update(step_key, config, optimizer, _unchanged, loss=loss)
    start = train.init_state(network_key, config, optimizer)
    states = {CONVENTIONAL: start, FRACTIONAL: start}
    losses: dict[str, list[float]] = {name: [] for name in states}
    batches = loader.batches(loader.Indices(0, 2**31 - 1), batch=batch, seed=0)
    for step in range(steps):
        fractional = render(jax.random.fold_in(step_key, step), next(batches))
        conventional = fractional._replace(points=round_to_heatmap(fractional.points, config))
        for name, batch_examples in ((CONVENTIONAL, conventional), (FRACTIONAL, fractional)):
            states[name], output = update(states[name], batch_examples)
            losses[name].append(float(output.loss))
        progress(Progress(step + 1, steps, {"loss": losses[FRACTIONAL][-1]}))
    nets = {name: train.trained_net(state, config, loss=loss) for name, state in states.items()}
    return TrainedPair(nets, losses)


def held_out_faces(key: PRNGKeyArray, number: int) -> HeldOutFaces:
    """Faces that fill between 40 and 75 % of their images, which are `SIDE` px wide divided by each of `REDUCTIONS`.

    Args:
        key: of the faces.
        number: N, of faces.

    Returns:
        Images (H, H, 3) and landmarks (N, 68, 2) in their pixels.
    """
    rendering = examples.render_in_batches(_sample_faces(jax.random.split(key, number)), size=SIDE)
    images, truth = [], []
    for i, (image, landmarks) in enumerate(zip(np.asarray(rendering.image), rendering.points, strict=True)):
        factor = REDUCTIONS[i % len(REDUCTIONS)]
        small = SIDE // factor
        reduced = image.reshape(small, factor, small, factor, 3).mean(axis=(1, 3))
        images.append(np.round(255 * reduced).astype(np.uint8))
        truth.append(np.asarray(geometry.apply(geometry.resize((SIDE, SIDE), (small, small)), landmarks)))
    return HeldOutFaces(images, np.stack(truth).astype(np.float32))


class FaceCrops(NamedTuple):
    """Crops of faces (N, S, S, 3), and the affine maps (N, 2, 3) from pixels of their images to pixels of the crops."""

    images: UInt8[np.ndarray, "n s s 3"]
    affines: Float[np.ndarray, "n 2 3"]


def crop_faces(data: HeldOutFaces, size: int) -> FaceCrops:
    """Crop every face as the authors do: around the box of its true landmarks (N, 68, 2), `size` px wide."""
    affines = np.stack([_crop_map(points, size) for points in data.points])
    crops = [crop.extract(image, affine, size) for image, affine in zip(data.images, affines, strict=True)]
    return FaceCrops(np.stack(crops), affines)


def evaluate(nets: dict[str, Net], data: HeldOutFaces) -> dict[str, RegressionScores]:
    """Scores of every method of `DECODERS` on the same crops of held-out faces (N, 68, 2), with mirror averaging."""
    images, affines = crop_faces(data, next(iter(nets.values())).config.crop)
    scores = {}
    for name, (network, decoder) in DECODERS.items():
        found = pipeline.predict_all(nets[network], images, decoder=decoder).points
        predictions = crop.to_image(affines, np.asarray(found))
        nrmse = metrics.nrmse(predictions, data.points)
        scores[name] = RegressionScores(
            predictions,
            np.asarray(nrmse),
            float(metrics.auc(nrmse)),
            float(metrics.failure_rate(nrmse)),
            metrics.scale_table(predictions, data.points),
        )
    return scores


def summary(scores: dict[str, RegressionScores]) -> dict[str, Any]:
    """The scores of `evaluate` as a dictionary that JSON can hold."""
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
def round_to_heatmap(points: Float[Array, "b m 2"], config: Config) -> Float[Array, "b m 2"]:
    """Move landmarks (B, M, 2) in crop pixels to the nearest whole heatmap pixel: the conventional target."""
    to_heatmap = geometry.resize((config.crop, config.crop), (config.heatmap, config.heatmap))
    nearest = jnp.floor(geometry.apply(to_heatmap, points) + 0.5)
    return geometry.apply(geometry.invert(to_heatmap), nearest)


def _unchanged(key: PRNGKeyArray, batch: examples.Examples) -> examples.Examples:
    return batch


@jax.jit
def _sample_faces(keys: Key[Array, " n"]) -> faces.SyntheticFace:
    def one(key: PRNGKeyArray) -> faces.SyntheticFace:
        face_key, scale_key = jax.random.split(key)
        scale = jax.random.uniform(scale_key, (), minval=1 / 0.75, maxval=1 / 0.4)
        return faces.fill(faces.sample(face_key), scale=scale)

    return jax.vmap(one)(keys)


def _crop_map(points: Float[np.ndarray, "68 2"], size: int) -> np.ndarray:
    centre, side = geometry.landmark_square(jnp.asarray(points))
    return np.asarray(geometry.square_crop(centre, side, size))
