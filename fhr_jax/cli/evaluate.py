"""`fhr-jax evaluate`: the accuracy of the landmarks of a file, or of a net on photographs and videos."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from tqdm import tqdm

from fhr_jax import evaluate, geometry, npz, overlay, pipeline, plots
from fhr_jax.cli import markups
from fhr_jax.cli.options import (
    BOXES,
    DATA,
    DECODER,
    DIRECTORY,
    KEEP_ZEROS,
    MARKUP,
    MIRROR,
    NET,
    OUT,
    SPLIT,
    THIRD,
    WORKERS,
    optional,
)
from fhr_jax.cli.source import open_source
from fhr_jax.data.io.images import SUFFIXES
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.data.records import Records
from fhr_jax.data.skipped import write_skipped
from fhr_jax.errors import InputError
from fhr_jax.files import staged_folder, write_json
from fhr_jax.heatmap import Decoder
from fhr_jax.markup import Markup
from fhr_jax.progress import Progress

PICTURE_SIZE = 512
"""Longest side of the pictures with landmarks, in pixels."""
MAX_PICTURES = 100
"""Number of faces that are drawn at most."""


@dataclass(frozen=True)
class EvaluateOptions:
    """Measure the accuracy of landmarks, in percent of the distance between the outer eye corners (NRMSE).

    Of a markup that normalizes otherwise, a line says by what.

    Give either --predictions or --data. --predictions is an .npz with `ground_truth` (or `truth`) and `predictions` (or
    `landmarks`), both (N, M, 2), and optionally `names` and `coordinates` ("fhr_crop256" for the published results of
    the paper's authors; else image pixels). Every point must be there: points at (0, 0) while the face is elsewhere are
    missing, and refused. --data names faces with true landmarks, on which the net is run; all other options but --out,
    --markup and those that read the file belong to it. Talking Face has another markup; of its landmarks, the seven
    that 300W has too are compared.

    The folder of --out gets summary.json (mean and median NRMSE, area under the cumulative error curve up to 8 %,
    percentage of failures above 8 %), images.csv (one row per image) and ced.png (the cumulative error curve). With
    --data it also gets predictions.npz, skipped.csv (files that cannot be read, and why) and pictures of at most 100
    faces, the net's landmarks in green and the true ones in red. The rows then have dataset, file and frame (0 for
    photographs).

    Example:  fhr-jax evaluate --data photos --out runs/photos
    """

    out: Annotated[Path, OUT]
    predictions: Annotated[Path | None, optional("FILE")] = None
    """The .npz of predictions and ground truth."""
    data: Annotated[str | None, DATA] = None
    directory: Annotated[Path | None, DIRECTORY] = None
    split: Annotated[str | None, SPLIT] = None
    boxes: Annotated[str, BOXES] = "truth"
    workers: Annotated[int, WORKERS] = 0
    net: Annotated[Path | None, NET] = None
    markup: Annotated[str | None, MARKUP] = None
    decoder: Annotated[Decoder, DECODER] = pipeline.CALIBRATED_DECODER
    mirror: Annotated[bool, MIRROR] = True
    keep_zeros: Annotated[bool, KEEP_ZEROS] = False
    third: Annotated[Literal["z", "score"] | None, THIRD] = None


def run(options: EvaluateOptions) -> None:
    """Measure, write the results and print the summary."""
    if options.predictions is not None and options.data is None:
        _check(options)
        results = evaluate.read_predictions(
            options.predictions,
            options=ReadOptions(options.keep_zeros, options.third),
            markup=markups.chosen(options.markup),
        )
        with staged_folder(options.out) as folder:
            summary = _write(folder, results)
    elif options.data is not None and options.predictions is None:
        net = markups.open_net(options.net, options.markup)
        mirror = markups.can_mirror(net, options.mirror)
        faces, _, _, skipped = open_source(
            options.data, directory=options.directory, split=options.split, choice=options.boxes, seed=0
        )
        with staged_folder(options.out, replaced=("pictures",)) as folder:
            with tqdm(total=len(faces), unit="image", desc="evaluate", delay=1) as bar:

                def report(progress: Progress, bar: tqdm = bar) -> None:
                    bar.update(progress.done - bar.n)

                results = evaluate.predict_records(
                    net,
                    faces,
                    workers=options.workers,
                    mirror=mirror,
                    decoder=options.decoder,
                    progress=report,
                )
            summary = _write(folder, results)
            write_skipped(folder, skipped)
            npz.write(folder / "predictions.npz", _arrays(results))
            _pictures(folder / "pictures", faces, results)
    else:
        raise InputError("expected either --predictions FILE or --data DATA")
    print(f"{options.out}: {summary['images']} images")
    markups.print_unit(evaluate.markup_of_predictions(results))
    print(f"NRMSE {summary['nrmse']:.3f} % (median {summary['nrmse_median']:.3f} %)")
    print(f"AUC {summary['auc']:.2f} %, failure rate {summary['failure_rate']:.2f} %")


def _check(options: EvaluateOptions) -> None:
    for field in dataclasses.fields(options):
        if (
            field.name not in ("out", "predictions", "markup", "keep_zeros", "third")
            and getattr(options, field.name) != field.default
        ):
            raise InputError(f"--{field.name} goes with --data, not with --predictions")


def _write(folder: Path, results: evaluate.Predictions) -> dict[str, Any]:
    errors = evaluate.errors(results)
    summary = evaluate.summary(errors)
    write_json(folder / "summary.json", summary)
    evaluate.write_table(folder / "images.csv", results.identities or results.names, errors)
    plots.save(folder / "ced.png", plots.ced({"predictions": errors}, limit=evaluate.LIMIT))
    return summary


def _arrays(results: evaluate.Predictions) -> dict[str, np.ndarray]:
    return {"names": np.array(results.names), "ground_truth": results.truth, "predictions": results.predictions}


def _pictures(folder: Path, faces: Records, results: evaluate.Predictions) -> None:
    """Draw the faces, evenly chosen if there are many, under the names of their files."""
    markup = evaluate.markup_of_predictions(results)
    chosen = np.unique(np.linspace(0, len(faces) - 1, MAX_PICTURES).round().astype(int)).tolist()
    for i in tqdm(chosen, unit="picture", desc="draw", delay=1):
        _, file, frame = results.identities[i]
        path = folder / file
        path = path.with_suffix("") if path.suffix.lower() in SUFFIXES else path
        path = path / f"{frame:06d}.jpg" if frame else path.with_name(f"{path.name}.jpg")
        path.parent.mkdir(parents=True, exist_ok=True)
        _picture(path, faces[i]["image"], results.truth[i], results.predictions[i], markup)


def _picture(path: Path, image: np.ndarray, truth: np.ndarray, predicted: np.ndarray, markup: Markup) -> None:
    """Write the face and its surroundings with both sets of landmarks."""
    import cv2

    x, y, width, height = geometry.box_of(truth)
    margin = max(width, height) / 2
    rows, columns = image.shape[:2]
    top, bottom = max(0, int(y - margin)), min(rows, int(y + height + margin))
    left, right = max(0, int(x - margin)), min(columns, int(x + width + margin))
    part = image[top:bottom, left:right]
    if not part.size:
        return
    scale = min(1.0, PICTURE_SIZE / max(part.shape[:2]))
    part = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else part
    for points, colour in ((truth, overlay.RED), (predicted, overlay.GREEN)):
        part = overlay.draw(part, geometry.resize_points(points - [left, top], scale), markup=markup, colour=colour)
    content = cv2.imencode(".jpg", cv2.cvtColor(part, cv2.COLOR_RGB2BGR))[1]
    path.write_bytes(content.tobytes())
