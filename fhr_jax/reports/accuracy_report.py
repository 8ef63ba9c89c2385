"""The page of an evaluation: report.html of `fhr-jax evaluate`, and of `fhr-jax report` for its folder."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fhr_jax.errors import InputError
from fhr_jax.evaluate import LIMIT, summary
from fhr_jax.markup import Markup
from fhr_jax.metrics.regions import Offsets
from fhr_jax.reports import page
from fhr_jax.reports.page import Html

MAX_ROWS = 3000
"""Rows of the table of images, those with the largest errors."""

MAX_CURVE = 2000
"""Points of the cumulative curve."""

MAX_BYTES = 2**26
"""Larger files of a folder are not read."""

BEYOND = 1e9
"""Percent, for the curve: the error of a face without a prediction."""

ENLARGED = 3
"""Times that the arrows of the offsets are longer than the offsets."""


class Measured(NamedTuple):
    """What the page of an evaluation shows.

    Attributes:
        title: such as the name of the data.
        names: of N images.
        errors: (N,) NRMSE in percent; NaN for an image without a prediction.
        regions: the rows of regions.csv with their header.
        offsets: the picture of the offsets; "" for none.
        worst: the largest errors as pictures: caption and JPEG.
        notes: sentences at the end of the page.
    """

    title: str
    names: tuple[str, ...]
    errors: Float[np.ndarray, " n"]
    regions: tuple[tuple[str, ...], ...] = ()
    offsets: Html = Html("")
    worst: tuple[tuple[str, bytes], ...] = ()
    notes: tuple[str, ...] = ()


def write(path: str | os.PathLike[str], measured: Measured) -> str:
    """Write the page, whole or not at all, and return its line.

    Raises:
        InputError: `path` exists and is no report, or its folder cannot be written to.
    """
    line = in_words(measured.errors)
    figures = summary(measured.errors)
    tiles = "".join(
        f"<div><dt>{page.text(name)}</dt><dd>{page.text(value)}</dd></div>"
        for name, value in (
            ("faces", f"{figures['images']}"),
            ("mean NRMSE", f"{figures['nrmse']:.2f} %"),
            ("median NRMSE", f"{figures['nrmse_median']:.2f} %"),
            ("area under the curve", f"{figures['auc']:.1f} %"),
            (f"failures (above {LIMIT:g} %)", f"{figures['failure_rate']:.1f} %"),
        )
    )
    curve = np.where(np.isnan(measured.errors), BEYOND, measured.errors)
    order = np.argsort(-curve, kind="stable")[:MAX_ROWS].tolist()
    notes = list(measured.notes)
    if len(order) < len(measured.names):
        notes.append(f"The table has the {MAX_ROWS} faces with the largest errors of {len(measured.names)}.")
    data = {
        "errors": _curve(curve),
        "limit": LIMIT,
        "rows": [[measured.names[i], None if curve[i] == BEYOND else round(float(curve[i]), 3)] for i in order],
    }
    body = page.body(
        "accuracy.html",
        tiles=tiles,
        regions=_regions(measured.regions),
        offsets=_section("Median offset of each landmark", measured.offsets.code),
        worst=_section("The largest errors", _worst(measured.worst)),
    )
    page.write(
        path,
        page.Page(measured.title, "", line, _slopes(measured.regions), body, "accuracy.js", data, tuple(notes)),
    )
    return line


def in_words(errors: Float[np.ndarray, " n"]) -> str:
    """The errors (N,), in percent, in one line; NaN for an image without a prediction, which is a failure."""
    failures = int((~(errors <= LIMIT)).sum())
    failed = "No face is a failure" if not failures else f"{failures} of {len(errors)} faces are failures"
    if failures == 1:
        failed = f"1 of {len(errors)} faces is a failure"
    known = errors[~np.isnan(errors)]
    if not known.size:
        return "No face has a prediction."
    without = len(errors) - len(known)
    found, of = ("", f"above {LIMIT:g} %")
    if without:
        found, of = " with a prediction", f"{of} or without a prediction; {without} without"
    return f"Half of the faces{found} have an error below {np.median(known):.2f} % (NRMSE). {failed} ({of})."


def of_folder(folder: Path) -> Measured:
    """What the folder of an earlier `fhr-jax evaluate` shows.

    Raises:
        InputError: images.csv is missing or is not one of `evaluate`, or another file cannot be read.
    """
    path = folder / "images.csv"
    rows = _rows(path)
    if len(rows) < 2 or rows[0][-2:] != ("nrmse", "failure"):
        raise InputError(f"{path}: expected the table of images that fhr-jax evaluate writes")
    try:
        # The cell of an image without a prediction is empty.
        errors = np.array([float(row[-2]) if row[-2:] != ("", "1") else np.nan for row in rows[1:]])
    except (ValueError, IndexError):
        raise InputError(f"{path}: an error that is no number, expected percent") from None
    if np.isinf(errors).any() or any(row[-2].lower().strip() == "nan" for row in rows[1:]):
        raise InputError(f"{path}: an error that is not finite, expected percent")
    regions = folder / "regions.csv"
    picture, sheet = folder / "offsets.png", folder / "worst.jpg"
    return Measured(
        folder.resolve().name,
        tuple(name_of(row[:-2]) for row in rows[1:]),
        errors,
        tuple(_rows(regions)) if regions.is_file() else (),
        _picture(picture, "image/png", "Offsets of the landmarks"),
        (("The largest errors; truth in red, predictions in green.", _read(sheet)),) if sheet.is_file() else (),
    )


def name_of(cells: Sequence[object]) -> str:
    """The name of an image: its name, or the dataset, the file and the frame, from 0, if it is not the first."""
    if len(cells) != 3:
        return " ".join(map(str, cells))
    dataset, file, frame = cells
    return f"{dataset}/{file}" + (f" frame {frame}" if str(frame) != "0" else "")


def offsets_picture(offsets: Offsets, *, markup: Markup) -> Html:
    """The mean face with an arrow at each landmark, from the true to the predicted place, as SVG."""
    shape, median = offsets.shape, offsets.median
    known = np.asarray(np.isfinite(shape).all(axis=-1))
    if not known.any():
        return Html("")
    low, high = shape[known].min(axis=0) - 12, shape[known].max(axis=0) + 12
    width, height = high - low
    lines = []
    for edge in markup.edges:
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape[[i for i in edge if known[i]]].tolist())
        lines.append(f'<polyline class="edge" points="{points}"/>')
    for i in np.flatnonzero(known).tolist():
        (x, y), (dx, dy) = shape[i], ENLARGED * median[i]
        lines.append(f'<circle class="true" cx="{x:.1f}" cy="{y:.1f}" r="0.9"/>')
        if np.isfinite([dx, dy]).all():
            lines.append(f'<path class="arrow" d="M{x:.1f} {y:.1f}l{dx:.1f} {dy:.1f}"/>')
    return Html(
        f'<svg class="offsets" viewBox="{low[0]:.1f} {low[1]:.1f} {width:.1f} {height:.1f}" role="img" '
        f'aria-label="Offsets of the landmarks on the mean face">{"".join(lines)}</svg>'
        f'<p class="caption">From the true place (dot) towards the predicted one, {ENLARGED} times as long.</p>'
    )


def _curve(errors: np.ndarray) -> list[float]:
    """The errors in order; of many faces, quantiles."""
    ordered = np.sort(errors)
    if len(ordered) > MAX_CURVE:
        ordered = np.quantile(ordered, np.linspace(0, 1, MAX_CURVE))
    return [round(float(error), 4) for error in ordered]


def _regions(rows: Sequence[Sequence[str]]) -> str:
    """The table of the regions, and that of lengths and openings."""
    if len(rows) < 2:
        return ""
    named = [dict(zip(rows[0], row, strict=False)) for row in rows[1:]]
    errors = [[r["name"], r.get("landmarks", ""), _percent(r.get("nrmse", ""))] for r in named if r.get("nrmse")]
    responses = [
        [r["name"], *(_percent(r.get(key, "")) for key in ("true", "predicted")), _short(r.get("slope", ""))]
        for r in named
        if r.get("true")
    ]
    parts = [_section("By region", page.table(("region", "landmarks", "NRMSE"), errors).code)]
    if responses:
        head = ("length or opening", "true", "predicted", "slope")
        caption = (
            "In percent of the true distance of the outer eye corners. A slope of 1 is right; less is too little "
            "movement."
        )
        parts.append(_section("Lengths and openings", page.table(head, responses, caption=caption).code))
    return f'<div class="pair">{"".join(parts)}</div>'


def _slopes(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """A sentence about the region with the largest error."""
    if len(rows) < 2:
        return ()
    named = [dict(zip(rows[0], row, strict=False)) for row in rows[1:]]
    errors = {r["name"]: float(r["nrmse"]) for r in named if r.get("nrmse") and r["name"] != "all"}
    if len(errors) < 2:
        return ()
    worst, best = max(errors, key=errors.__getitem__), min(errors, key=errors.__getitem__)
    return (
        f"The largest error is that of the {worst} ({errors[worst]:.1f} %), the smallest that of the {best} "
        f"({errors[best]:.1f} %).",
    )


def _worst(pictures: Sequence[tuple[str, bytes]]) -> str:
    if not pictures:
        return ""
    cards = "".join(
        f'<figure class="card"><img src="{page.data_address(content, "image/jpeg")}" alt="" loading="lazy">'
        f"<figcaption>{page.text(caption)}</figcaption></figure>"
        for caption, content in pictures
    )
    if len(pictures) == 1:
        return f'<div class="sheet">{cards}</div>'
    return f'<p class="soft">Truth in red, predictions in green.</p><div class="cards">{cards}</div>'


def _section(title: str, code: str) -> str:
    return f"<section><h2>{page.text(title)}</h2>{code}</section>" if code else ""


def _picture(path: Path, kind: str, caption: str) -> Html:
    if not path.is_file():
        return Html("")
    return Html(f'<img class="sheet" src="{page.data_address(_read(path), kind)}" alt="{page.text(caption)}">')


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: larger than {MAX_BYTES} bytes")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def _rows(path: Path) -> list[tuple[str, ...]]:
    try:
        text = _read(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no text in UTF-8") from error
    return [tuple(row) for row in csv.reader(text.splitlines())]


def _percent(cell: str) -> str:
    return f"{_short(cell)} %" if cell else ""


def _short(cell: str) -> str:
    try:
        return f"{float(cell):.2f}"
    except ValueError:
        return cell
