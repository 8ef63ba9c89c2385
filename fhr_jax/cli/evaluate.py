"""`fhr-jax evaluate`: the accuracy of the landmarks of a file, or of a net on photographs and videos."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from fhr_jax import evaluate, npz, overlay, plots, weights
from fhr_jax.cli import markups, notes
from fhr_jax.cli.arguments.evaluate import EvaluateOptions
from fhr_jax.cli.source import open_source
from fhr_jax.data.io.images import SUFFIXES
from fhr_jax.data.io.landmark_arrays import ReadOptions
from fhr_jax.data.records import Records
from fhr_jax.data.skipped import write_skipped
from fhr_jax.errors import InputError
from fhr_jax.files import staged_folder, write_json
from fhr_jax.progress import Progress
from fhr_jax.reports import accuracy_report, page, regions
from fhr_jax.reports.recordings import PAGE
from fhr_jax.reports.worst_frames import jpeg

PICTURE_SIZE = 512
"""Longest side of the pictures with landmarks, in pixels."""
MAX_PICTURES = 100
"""Number of faces that are drawn at most."""
WORST_SIZE = 320
"""Side of a face on the sheet of the worst, in pixels."""


def run(options: EvaluateOptions) -> None:
    """Measure, write the results and print the summary."""
    if options.worst < 1:
        raise InputError(f"--worst is {options.worst}, expected at least 1")
    page.check(options.out / PAGE)
    if options.predictions is not None and options.data is None:
        _check(options)
        results = evaluate.read_predictions(
            options.predictions,
            options=ReadOptions(options.keep_zeros, options.third),
            markup=markups.chosen(options.markup),
        )
        with staged_folder(options.out) as folder:
            summary, tables = _write(folder, results)
            _page(folder, options.predictions.name, results, tables)
    elif options.data is not None and options.predictions is None:
        net = markups.open_net(options.net, options.markup, stacks=options.stacks)
        mirror = markups.can_mirror(net, options.mirror)
        faces, _, _, skipped = open_source(
            options.data,
            directory=options.directory,
            split=options.split,
            choice=options.boxes,
            seed=0,
            markup=weights.markup_of(net),
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
            summary, tables = _write(folder, results)
            write_skipped(folder, skipped)
            npz.write(folder / "predictions.npz", _arrays(results))
            _pictures(folder / "pictures", faces, results)
            worst = _worst(folder / "worst.jpg", faces, results, options.worst)
            _page(folder, Path(options.data).name, results, tables, worst)
    else:
        raise InputError("expected either --predictions FILE or --data DATA")
    notes.say((options.predictions or options.out, note) for note in results.notes)
    print(f"{options.out}: {summary['images']} images")
    if lost := summary["without_prediction"]:
        print(f"{lost} without a prediction of all points: failures; mean and median are of the others")
    markups.print_unit(evaluate.markup_of_predictions(results))
    print(f"NRMSE {summary['nrmse']:.3f} % (median {summary['nrmse_median']:.3f} %)")
    print(f"AUC {summary['auc']:.2f} %, failure rate {summary['failure_rate']:.2f} %")
    for line in regions.in_words(tables):
        print(line)


def _check(options: EvaluateOptions) -> None:
    for field in dataclasses.fields(options):
        if (
            field.name not in ("out", "predictions", "markup", "keep_zeros", "third")
            and getattr(options, field.name) != field.default
        ):
            raise InputError(f"--{field.name} goes with --data, not with --predictions")


def _write(folder: Path, results: evaluate.Predictions) -> tuple[dict[str, Any], regions.RegionTables]:
    errors = evaluate.errors(results)
    summary, tables = evaluate.summary(errors), regions.region_tables(results)
    write_json(folder / "summary.json", summary)
    evaluate.write_table(folder / "images.csv", results.identities or results.names, errors)
    plots.save(folder / "ced.png", plots.ced({"predictions": errors}, limit=evaluate.LIMIT))
    regions.write_regions(folder / "regions.csv", tables)
    regions.write_offsets(folder / "offsets.csv", tables)
    drawn = plots.offsets(tables.offsets.shape, tables.offsets.median, markup=tables.markup)
    plots.save(folder / "offsets.png", drawn)
    return summary, tables


def _arrays(results: evaluate.Predictions) -> dict[str, np.ndarray]:
    return {"names": np.array(results.names), "ground_truth": results.truth, "predictions": results.predictions}


def _pictures(folder: Path, faces: Records, results: evaluate.Predictions) -> None:
    """Draw the faces, evenly chosen if there are many, under the names of their files."""
    chosen = np.unique(np.linspace(0, len(faces) - 1, MAX_PICTURES).round().astype(int)).tolist()
    for i in tqdm(chosen, unit="picture", desc="draw", delay=1):
        _, file, frame = results.identities[i]
        path = folder / file
        path = path.with_suffix("") if path.suffix.lower() in SUFFIXES else path
        path = path / f"{frame:06d}.jpg" if frame else path.with_name(f"{path.name}.jpg")
        path.parent.mkdir(parents=True, exist_ok=True)
        if (picture := _picture(faces, results, i, size=PICTURE_SIZE)) is not None:
            overlay.write_jpeg(path, picture)


def _page(
    folder: Path,
    title: str,
    results: evaluate.Predictions,
    tables: regions.RegionTables,
    worst: tuple[tuple[str, bytes], ...] = (),
) -> None:
    drawn = accuracy_report.offsets_picture(tables.offsets, markup=tables.markup)
    read = accuracy_report.of_folder(folder)  # so that `fhr-jax report` shows the same
    accuracy_report.write(folder / PAGE, read._replace(title=title, offsets=drawn, worst=worst))


def _worst(path: Path, faces: Records, results: evaluate.Predictions, number: int) -> tuple[tuple[str, bytes], ...]:
    """Draw the faces with the largest errors on one sheet, the largest first, with name and error under each.

    Returns caption and JPEG of each face for the page.
    """
    errors = evaluate.errors(results)
    pictures, captions = [], []
    for i in np.argsort(-np.nan_to_num(errors, nan=np.inf), kind="stable")[:number].tolist():
        _, file, frame = results.identities[i]
        picture = _picture(faces, results, i, size=WORST_SIZE, margin=0.25, enlarge=True)
        pictures.append(np.zeros((WORST_SIZE, WORST_SIZE, 3), np.uint8) if picture is None else picture)
        captions.append((file + f" frame {frame}" * (frame > 0), f"{errors[i]:.2f} %"))
    overlay.write_jpeg(path, overlay.sheet(pictures, captions, size=WORST_SIZE))
    images = (jpeg(picture) for picture in pictures)
    return tuple((", ".join(caption), image) for caption, image in zip(captions, images, strict=True))


def _picture(faces: Records, results: evaluate.Predictions, i: int, **options: Any) -> np.ndarray | None:
    markup = evaluate.markup_of_predictions(results)
    return overlay.compare(faces[i]["image"], results.truth[i], results.predictions[i], markup=markup, **options)
