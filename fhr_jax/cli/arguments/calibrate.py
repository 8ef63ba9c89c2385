"""The options of `fhr-jax calibrate`; the command itself is `fhr_jax/cli/calibrate.py`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from fhr_jax.cli.options import BOXES, DATA, DIRECTORY, MARKUP, NET, OUT, SPLIT, WORKERS, optional


@dataclass(frozen=True)
class CalibrateOptions:
    """Fit the confidence of a net, so that its covariances are those of its errors on faces like yours.

    A net draws its peaks as wide as in training, however wrong they are. The calibration maps them to the covariance of
    the error: `fhr-jax train` fits one, on synthetic faces for a net that has seen no others, and on photographs such a
    net is too sure. --data names faces with true landmarks, at least 32. Photographs, or whole videos, that are held
    out check the result. Without --data the net is calibrated on synthetic faces.

    The folder of --out gets net.npz (the parameters of --net and the new calibration), summary.json, reliability.png
    (predicted against actual errors, before and after) and, with --data, skipped.csv (files that cannot be read). What
    is printed are the percentages of landmarks inside of the ellipses that should hold 50, 90 and 99 %.

    Example:  fhr-jax calibrate --data photographs --out runs/calibrated
    """

    out: Annotated[Path, OUT]
    data: Annotated[str | None, DATA] = None
    directory: Annotated[Path | None, DIRECTORY] = None
    split: Annotated[str | None, SPLIT] = None
    boxes: Annotated[str, BOXES] = "truth"
    workers: Annotated[int, WORKERS] = 0
    net: Annotated[Path | None, NET] = None
    markup: Annotated[str | None, MARKUP] = None
    faces: Annotated[int | None, optional("INT")] = None
    """Number of faces for the fit at most, drawn at random; default: 2048 of --data, or 512 synthetic ones."""
    holdout: Annotated[int | None, optional("INT")] = None
    """Number of faces that are held out; default: a quarter of those of --data, at most 512, or 512 synthetic ones."""
    widen: float = 1.0
    """Multiply the fitted variances by this: on photographs the errors of a net that has seen synthetic faces only are
    larger. The default net was calibrated with 2.5."""
    stored_dtype: Literal["float32", "float16"] = "float32"
    """Type of the parameters in net.npz. float16 loses nothing if the net was stored so before, as the default one."""
    seed: int = 0
    """Random seed of the synthetic faces, and of which faces are held out."""
