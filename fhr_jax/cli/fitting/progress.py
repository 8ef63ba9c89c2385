"""While a fit runs: its state is saved from time to time, and a bar shows its progress."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fhr_jax.progress import Progress, ProgressCallback

STATE = "fit.npz"
"""State of the fit, in the folder of its results."""

SAVE_EVERY = 10.0
"""Seconds between savings."""


@contextmanager
def saving(path: Path, save: Callable[[Path, Any], None]) -> "Generator[Callable[[Any], None]]":
    """A callback that saves the state from time to time; the last one is saved at the end, interrupted or not.

    Args:
        path: of the file.
        save: writes a state to it.
    """
    latest, saved = None, time.monotonic()

    def keep(state: Any) -> None:
        nonlocal latest, saved
        latest = state
        if time.monotonic() - saved > SAVE_EVERY:
            save(path, state)
            saved = time.monotonic()

    try:
        yield keep
    finally:
        if latest is not None:
            save(path, latest)


@contextmanager
def progress_bar(seconds: float) -> "Generator[ProgressCallback]":
    """A callback that shows the seconds of the fit, of `seconds`, and its lowest loss."""
    from tqdm import tqdm

    form = "{l_bar}{bar}| {n:.0f}/{total:.0f} s{postfix}"
    with tqdm(total=seconds, unit="s", bar_format=form) as bar:

        def report(progress: "Progress") -> None:
            bar.set_postfix_str(
                f"loss {progress.info['loss']:.2f}, {progress.info['evaluations']} evaluations", refresh=False
            )
            bar.update(min(progress.info["seconds"], seconds) - bar.n)

        yield report
