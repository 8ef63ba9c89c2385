"""The options of `fhr-jax report`; the command itself is `fhr_jax/cli/report.py`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from fhr_jax.cli.options import FPS, MARKUP, optional


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
