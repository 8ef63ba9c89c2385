"""`fhr-jax evaluate`: how exact the landmarks of a file are, or those that a net finds in photographs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from tqdm import tqdm

from fhr_jax import evaluate, npz, overlay, pipeline, plots, weights
from fhr_jax.data import images
from fhr_jax.errors import InputError
from fhr_jax.files import staged_folder, write_json

PICTURE = 512
"""Longest side of the pictures with landmarks, in pixels."""


@dataclass(frozen=True)
class Evaluate:
    """Measure how exact landmarks are, in percent of the distance between the outer eye corners (NRMSE).

    Either --predictions, an .npz with `ground_truth` and `predictions`, both (N, M, 2), and optionally `names` and
    `coordinates` ("fhr_crop256" for the published results of the paper's authors; else image pixels); or
    --images, a folder of photographs with 68 landmarks each in a .pts of the same name, which the net is run on.

    The folder of --out gets summary.json (mean and median NRMSE, area under the curve up to 8 %, share of failures
    above 8 %), images.csv (a row an image) and ced.png (the cumulative error curve); with --images also
    predictions.npz and pictures of the faces: green the net's landmarks, red those of the .pts.

    Example:  fhr-jax evaluate --images photos --out runs/photos
    """

    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Folder for the results; made if need be."""
    predictions: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """The .npz of predictions and ground truth."""
    images: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """The folder of photographs and .pts files."""
    net: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """With --images: a net that `fhr-jax train` wrote; default: the one that ships with the package."""


def run(options: Evaluate) -> None:
    """Measure, write the results, and print the summary."""
    if options.predictions is not None and options.images is None:
        if options.net is not None:
            raise InputError("--net goes with --images, not with --predictions")
        results = evaluate.read_predictions(options.predictions)
        with staged_folder(options.out) as folder:
            summary = _write(folder, results)
    elif options.images is not None and options.predictions is None:
        net, pairs = weights.load(options.net), images.list_annotated(options.images)
        alone = len(images.list_images(options.images)) - len(pairs)
        if alone:
            print(f"{options.images}: {alone} images without a .pts of their name are left out")
        with staged_folder(options.out) as folder:
            results = _look(net, pairs, folder)
            summary = _write(folder, results)
            npz.write(folder / "predictions.npz", _arrays(results))
    else:
        raise InputError("expected either --predictions FILE or --images DIR")
    print(f"{options.out}: {summary['images']} images")
    print(f"NRMSE {summary['nrmse']:.3f} % (median {summary['nrmse_median']:.3f} %)")
    print(f"AUC {summary['auc']:.2f} %, failure rate {summary['failure_rate']:.2f} %")


def _look(net: weights.Net, pairs: list[images.Annotated], folder: Path) -> evaluate.Predictions:
    (folder / "pictures").mkdir()
    names, predictions, truth = [], [], []
    for seen in tqdm(evaluate.look(net, pairs), total=len(pairs), unit="image", desc="evaluate", delay=1):
        _picture(folder / "pictures" / f"{seen.name}.jpg", seen)
        names.append(seen.name)
        predictions.append(seen.face.points.astype(np.float64))
        truth.append(seen.truth)
    return evaluate.Predictions(tuple(names), np.stack(predictions), np.stack(truth))


def _write(folder: Path, results: evaluate.Predictions) -> dict[str, Any]:
    errors = evaluate.errors(results)
    summary = evaluate.summary(errors)
    write_json(folder / "summary.json", summary)
    evaluate.write_table(folder / "images.csv", results.names, errors)
    plots.ced({"predictions": errors}, folder / "ced.png", limit=evaluate.LIMIT)
    return summary


def _arrays(results: evaluate.Predictions) -> dict[str, np.ndarray]:
    return {"names": np.array(results.names), "ground_truth": results.truth, "predictions": results.predictions}


def _picture(path: Path, seen: evaluate.Looked) -> None:
    """The face and its surroundings, with both sets of landmarks."""
    import cv2

    x, y, width, height = pipeline.box_of(seen.truth)
    margin = max(width, height) / 2
    rows, columns = seen.image.shape[:2]
    top, bottom = max(0, int(y - margin)), min(rows, int(y + height + margin))
    left, right = max(0, int(x - margin)), min(columns, int(x + width + margin))
    part = seen.image[top:bottom, left:right]
    scale = min(1.0, PICTURE / max(part.shape[:2]))
    part = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else part
    for points, colour in ((seen.truth, overlay.RED), (seen.face.points, overlay.GREEN)):
        # From the pixels of the image to those of the shrunken part, half pixels included.
        part = overlay.draw(part, (points - [left, top] + 0.5) * scale - 0.5, colour=colour)
    cv2.imwrite(str(path), cv2.cvtColor(part, cv2.COLOR_RGB2BGR))
