"""config.json of a fit: written for --resume, which continues only a fit with the same options; of any version."""

from pathlib import Path
from typing import Any

from fhr_jax import log
from fhr_jax.errors import InputError

METHODS = ("careful", "gradient", "nelder-mead")


def check_same_fit(folder: Path, config: dict[str, Any], *, tracks: int) -> None:
    """Refuse to resume a fit with other options than these.

    Raises:
        InputError: the folder holds no fit, or another one.
    """
    earlier = _with_new_names(read(folder), tracks)
    for name in config.keys() - {"out", "seconds"}:
        if earlier.get(name) != config[name]:
            raise InputError(f"{folder}: holds a fit with {name} = {earlier.get(name)}, not {config[name]}")


def method_of(folder: Path) -> str:
    """The method of the fit in a folder.

    Raises:
        InputError: the folder holds no fit.
    """
    method = _with_new_names(read(folder), 0).get("method")
    if method not in METHODS:
        raise InputError(f"{folder}: config.json has the method {method!r}, expected one of {', '.join(METHODS)}")
    return method


def read(folder: Path) -> dict[str, Any]:
    """The options of the fit in a folder, as its version of this program named them."""
    config = log.read_config(folder)
    if config is None:
        raise InputError(f"{folder}: no config.json there, expected a fit to resume")
    return config


def _with_new_names(config: dict[str, Any], tracks: int) -> dict[str, Any]:
    """A config.json of any version, with today's options: `tied`, `held_out` (a share) and `simplex` were renamed."""
    from fhr_jax.cli.fitting.tracks import ENOUGH

    config = {"keep_zeros": False, "third": None, "fps": None} | config
    if config.get("method") == "simplex":
        config["method"] = "nelder-mead"
    if "tied" in config:
        config["share_scales"] = config.pop("tied")
    if "held_out" in config:
        share = config.pop("held_out")
        if not isinstance(share, int | float) or not 0 <= share <= 1:
            raise InputError(f"config.json of the fit: held_out is {str(share)[:40]}, expected a share from 0 to 1")
        config["holdout"] = round(share * tracks) if tracks >= ENOUGH else 0
    return config
