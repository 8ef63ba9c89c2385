"""The accuracy of landmarks: of a file of predictions, of a net on records, of a net on examples in memory."""

import csv
import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from fhr_jax import axis_order, crop, geometry, metrics, npz, pipeline
from fhr_jax.data.crops import Crops
from fhr_jax.data.examples import Examples
from fhr_jax.data.io import landmark_arrays
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.data.records import Identity, Records, encoded, identity
from fhr_jax.errors import InputError
from fhr_jax.files import atomic_file
from fhr_jax.heatmap import Decoder
from fhr_jax.markup import FACE7, FACE68, SEVEN_OF_68, Markup, built_in, unknown
from fhr_jax.progress import Progress, ProgressCallback, silent
from fhr_jax.weights import Net, markup_of

LIMIT = 8.0
"""NRMSE in percent: upper limit of the AUC, and the error above which an image is a failure."""


class Predictions(NamedTuple):
    """Predicted and true landmarks of N images, in image pixels, order (x, y).

    Attributes:
        names: of the images.
        predictions: (N, M, 2); NaN for an image without a prediction, which counts as a failure.
        truth: (N, M, 2).
        identities: dataset, file and frame of each image, if they are records; else empty.
        markup: of the landmarks; None takes that of the package with as many (`markup_of_predictions`).
        notes: what was assumed about their file, one sentence each.
    """

    names: tuple[str, ...]
    predictions: Float[np.ndarray, "n m 2"]
    truth: Float[np.ndarray, "n m 2"]
    identities: tuple[Identity, ...] = ()
    markup: Markup | None = None
    notes: tuple[str, ...] = ()


def markup_of_predictions(results: Predictions) -> Markup:
    """The markup that measures predictions; `markup.unknown`, with errors in units of the box, if none is known."""
    landmarks = results.truth.shape[1]
    return results.markup or built_in(landmarks) or unknown(landmarks)


def read_predictions(
    path: str | os.PathLike[str],
    *,
    options: ReadOptions = landmark_arrays.DEFAULT,
    markup: Markup | None = None,
) -> Predictions:
    """Read an .npz with `ground_truth` and `predictions`, both (N, M, 2), and optionally `names` and `coordinates`.

    `truth` and `landmarks` are names for the same. A third column of scores is left out. Without `coordinates` the
    predictions are in the pixels of the ground truth. `coordinates` = "fhr_crop256" is the convention of the results
    that the paper's authors published; see `crop256_to_image`. An image of which a predicted point is missing, or lies
    beyond `landmark_arrays.MAX_PIXEL`, has no prediction.

    Args:
        path: the file.
        options: how its numbers are read.
        markup: of the landmarks; default: the one of the package with as many.

    Raises:
        InputError: the file cannot be read, an array is missing, has another shape or order of axes, a true point is
            missing, no image has a prediction, or the value of `coordinates` is unknown.
    """
    path = Path(path)
    arrays = npz.read(path)
    labels = arrays.get("names")
    both, said = [], []
    for names in (("ground_truth", "truth"), landmark_arrays.OBSERVED):
        name = landmark_arrays.first_name(arrays, names)
        if name is None:
            raise InputError(f"{path}: no array {names[0]}, only {', '.join(arrays) or 'nothing'}")
        array = arrays[name]
        if array.dtype.kind == "f" and array.dtype.itemsize > 8:
            array = landmark_arrays.as_float64(array)
        if array.ndim == 3 and array.dtype.kind in "fiu":
            huge = landmark_arrays.beyond_pixels(array)
            if huge.any() and not both:
                first = int(huge.any(axis=(1, 2)).argmax())
                label = first + 1 if labels is None or labels.shape != (len(array),) else labels[first]
                value = f"{array[first][huge[first]][0]:.3g}"
                raise InputError(
                    f"{path}: {name} of {label}: a coordinate of {value}, {landmark_arrays.EXPECTED_PIXELS}"
                )
            array = np.where(huge, np.nan, array) if huge.any() else array
            try:
                axis_order.check_images(array, points=None if markup is None else markup.size, name=name)
            except InputError as error:
                raise InputError(f"{path}: {error}") from None
        if array.ndim == 3 and array.dtype.kind in "fiu" and len(array):
            array, _, _ = landmark_arrays.split_third(array, options)
        if array.ndim != 3 or array.shape[2] != 2 or array.dtype.kind not in "fiu" or not len(array):
            raise InputError(f"{path}: {name} is {array.dtype} {array.shape}, expected numbers of shape (N, M, 2)")
        points, said = landmark_arrays.points_as_nan(array, options)
        if said and not both:
            raise InputError(f"{path}: {name}: {said[0]}, expected every true point of every image")
        both.append(points)
    truth, predictions = both
    if truth.shape != predictions.shape:
        raise InputError(f"{path}: predictions is {predictions.shape}, but ground_truth {truth.shape}")
    names = np.arange(1, len(truth) + 1).astype(str) if labels is None else labels
    if names.shape != (len(truth),):
        raise InputError(f"{path}: names is {names.shape}, expected {(len(truth),)}")
    convention = str(arrays["coordinates"]) if "coordinates" in arrays else "image"
    if convention not in ("image", "fhr_crop256"):
        raise InputError(f"{path}: coordinates is {convention[:40]!r}, expected image or fhr_crop256")
    if convention == "fhr_crop256":
        predictions = crop256_to_image(predictions, truth)
    known = np.isfinite(predictions).all(axis=(1, 2))
    if not known.any():
        raise InputError(f"{path}: no image has a prediction of all points, expected at least one")
    predictions = np.where(known[:, None, None], predictions, np.nan)
    result = Predictions(tuple(str(name) for name in names), predictions, truth, markup=markup, notes=tuple(said))
    _check(path, result)
    return result


def crop256_to_image(
    predictions: Float[np.ndarray, "n m 2"], truth: Float[np.ndarray, "n m 2"]
) -> Float[np.ndarray, "n m 2"]:
    """Map predictions (N, M, 2) in the crops of the paper's authors to image pixels, those of `truth` (N, M, 2).

    Their crop has 256 pixels for a square of side L = 1.3 max(width, height) about the box of the truth, and
    image = prediction * (floor(L) + 1) / 256 + (centre - L / 2).
    """
    centre, side = geometry.square_of_box(geometry.box_of(truth, dtype=truth.dtype))
    centre, side = centre[:, None], side[:, None, None]
    return predictions * (np.floor(side) + 1) / 256 + (centre - side / 2)


def predict_records(
    net: Net,
    records: Records,
    *,
    workers: int = 0,
    mirror: bool = True,
    decoder: Decoder = pipeline.CALIBRATED_DECODER,
    dtype: Any = jnp.float32,
    progress: ProgressCallback = silent,
) -> Predictions:
    """Run a net on annotated images, each cropped by its box, in batches.

    If one of net and records has 7 landmarks and the other 68, the seven of the 68 that correspond are compared.

    Args:
        net: the network.
        records: the images.
        workers: processes that read them; 0 reads in a thread of this process.
        mirror: as for `pipeline.predict`.
        decoder: as for `pipeline.predict`.
        dtype: as for `pipeline.predict`.
        progress: called after each batch with the number of images done and in all.

    Returns:
        Landmarks (N, M, 2) in image pixels. A name is dataset/file, with the frame for images of a video.

    Raises:
        InputError: an image cannot be read, its landmarks are not those of the others or of the net, or its eye corners
            coincide.
    """
    from fhr_jax.data import loader  # imports Grain

    landmarks = len(encoded(records, 0)["points"])
    markup = _compared(markup_of(net), landmarks)
    if markup is None:
        raise InputError(f"{records!r}: {landmarks} landmarks, but the net has {net.config.landmarks}")
    source = Crops(records, size=net.config.crop, landmarks=landmarks, margin=1.0)
    identities, predictions, truth = [], [], []
    options: dict[str, Any] = {"mirror": mirror, "decoder": decoder, "dtype": dtype}
    stream = loader.one_pass(source, batch=pipeline.BATCH, workers=workers, process_index=0, process_count=1)
    with closing(stream) as batches:
        for batch in batches:
            found, valid = np.asarray(pipeline.predict_all(net, batch["image"], **options).points), batch["valid"]
            identities += [identity({key: batch[key][i] for key in Identity._fields}) for i in np.flatnonzero(valid)]
            predictions.append(_select_seven(crop.to_image(batch["affine"], found)[valid], markup.size))
            truth.append(_select_seven(crop.to_image(batch["affine"], batch["points"])[valid], markup.size))
            progress(Progress(len(identities), len(records)))
    names = tuple(f"{dataset}/{file}" + f" frame {k}" * (k > 0) for dataset, file, k in identities)
    results = Predictions(names, np.concatenate(predictions), np.concatenate(truth), tuple(identities), markup)
    _check("the data", results)
    finite = np.isfinite(results.predictions).all(axis=(1, 2))
    if not finite.all():
        raise InputError(f"the data: predictions of {names[finite.argmin()]}: a point is not finite")
    return results


def validate(net: Net, examples: Examples, *, conventional: bool = False) -> float:
    """Mean NRMSE in percent of a net on crops in memory.

    Args:
        net: the net.
        examples: N crops (N, S, S, 3) and their landmarks.
        conventional: decode as conventional heatmaps with rounded centres are decoded, by argmax and quarter shift.
    """
    decoder: Decoder = "quarter_shift" if conventional else pipeline.CALIBRATED_DECODER
    mirror = pipeline.can_mirror(net)
    points = pipeline.predict_all(net, examples.images, decoder=decoder, mirror=mirror).points
    return float(metrics.nrmse(points, examples.points, markup=markup_of(net)).mean())


def errors(results: Predictions) -> Float[np.ndarray, " n"]:
    """NRMSE of every image (N,), in percent of the distance between the outer eye corners, or as the markup says.

    It is NaN for an image without a prediction.
    """
    markup = markup_of_predictions(results)
    # Relative to a corner of the face: float32 coordinates of large images have too few digits.
    origin = results.truth.min(axis=1, keepdims=True)
    return np.asarray(metrics.nrmse(results.predictions - origin, results.truth - origin, markup=markup))


def summary(errors: Float[np.ndarray, " n"]) -> dict[str, Any]:
    """The figures of a table from errors (N,) in percent; all but the numbers of images are in percent too.

    Images without a prediction, whose error is NaN, are failures; the mean and the median are of the others.
    """
    known = errors[~np.isnan(errors)]
    return {
        "images": len(errors),
        "without_prediction": len(errors) - len(known),
        "nrmse": float(known.mean(dtype=np.float64)),
        "nrmse_median": float(np.median(known)),
        "auc": float(metrics.auc(errors, limit=LIMIT)),
        "failure_rate": float(metrics.failure_rate(errors, limit=LIMIT)),
    }


def write_table(
    path: str | os.PathLike[str], names: Sequence[str] | Sequence[Identity], errors: Float[np.ndarray, " n"]
) -> None:
    """Write a CSV with one row per image: name or identity, NRMSE in percent or nothing, 1 for a failure.

    Args:
        path: the file.
        names: names or identities of N images.
        errors: (N,) in percent.
    """
    with atomic_file(path) as temporary, Path(temporary).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        rows = [name if isinstance(name, Identity) else (name,) for name in names]
        writer.writerow([*(Identity._fields if rows and len(rows[0]) > 1 else ["image"]), "nrmse", "failure"])
        numbers = zip(rows, errors.tolist(), strict=True)
        for row, error in numbers:
            writer.writerow([*row, "" if np.isnan(error) else f"{error:.4f}", int(not error <= LIMIT)])


def _compared(markup: Markup, landmarks: int) -> Markup | None:
    """The markup of the points to compare, of a net and of data with this number; None if they do not go together."""
    if markup.size == landmarks:
        return markup
    return FACE7 if markup in (FACE68, FACE7) and landmarks in (FACE68.size, FACE7.size) else None


def _select_seven(points: Float[np.ndarray, "b m 2"], number: int) -> Float[np.ndarray, "b k 2"]:
    """The points (B, M, 2) as they are, or the seven of the 68 if `number` is less than M."""
    return points[:, np.array(SEVEN_OF_68)] if number < points.shape[1] else points


def _check(path: str | os.PathLike[str], results: Predictions) -> None:
    markup, landmarks = markup_of_predictions(results), results.truth.shape[1]
    if markup.size != landmarks:
        raise InputError(f"{path}: {landmarks} landmarks, but the markup is {markup.label}")
    finite = np.isfinite(results.truth).all(axis=(1, 2))
    if not finite.all():
        raise InputError(f"{path}: ground_truth of {results.names[finite.argmin()]}: a point is not finite")
    apart = np.asarray(metrics.interocular(results.truth - results.truth[:, :1], markup=markup))
    if not apart.all():
        what = "its eye corners coincide" if markup.eye_corners else "its landmarks lie on one line"
        raise InputError(f"{path}: ground_truth of {results.names[apart.argmin()]}: {what}")
