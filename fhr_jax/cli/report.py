"""`fhr-jax report`: a page to look at, from the folder of an earlier run or from a file of landmarks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from fhr_jax.cli import markups
from fhr_jax.cli.options import FPS, MARKUP, optional
from fhr_jax.errors import InputError
from fhr_jax.reports import accuracy_report, recordings, track_report


@dataclass(frozen=True)
class ReportOptions:
    """Write a page in one file that a browser shows without a network: what was tracked, and how good it is.

    FROM is a folder that `fhr-jax track` or `evaluate` wrote, and the page is its report.html; or a file or folder of
    landmarks as `fhr-jax smooth` reads it, and the page lies beside it. docs/report.md describes the page.

    Example:  fhr-jax report runs/video
    """

    source: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="FROM")]
    """Folder of an earlier run, or landmarks."""
    out: Annotated[Path | None, optional("FILE.html")] = None
    """The page; default: report.html in the folder of a run, NAME.report.html beside landmarks."""
    raw: Annotated[Path | None, optional("FILE")] = None
    """The same landmarks before smoothing."""
    video: Annotated[Path | None, optional("FILE")] = None
    """The video that the landmarks belong to; default: overlay.mp4 in the folder of `track`."""
    markup: Annotated[str | None, MARKUP] = None
    fps: Annotated[float | None, FPS] = None


def run(options: ReportOptions) -> None:
    """Read, write the page and print its verdict."""
    source, markup = options.source, markups.chosen(options.markup)
    if source.is_dir() and (source / "landmarks.npz").is_file():
        for name in ("raw", "fps"):
            if getattr(options, name) is not None:
                raise InputError(f"--{name}: an option for a file of landmarks, but {source} is a folder of track")
        out = options.out or source / recordings.PAGE
        title = source.resolve().name
        said = recordings.write_track_page(source, title=title, out=out, video=options.video, markup=markup)
    elif source.is_dir() and (source / "images.csv").is_file():
        for name in ("raw", "video", "fps", "markup"):
            if getattr(options, name) is not None:
                raise InputError(f"--{name}: an option for landmarks, but {source} is a folder of evaluate")
        out = options.out or source / recordings.PAGE
        print(f"{out}: {accuracy_report.write(out, accuracy_report.of_folder(source))}")
        return
    else:
        out = options.out or recordings.beside(source)
        track = recordings.of_file(source, raw=options.raw, video=options.video, fps=options.fps, markup=markup)
        said = track_report.write(out, track)
    print(f"{out}: {said.line}")
