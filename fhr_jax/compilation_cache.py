"""Keep compiled programs on disk, so that a later Python loads them instead of compiling them again."""

import os
from pathlib import Path

FOLDER, LEAST_SECONDS = "JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"
"""Environment variables of JAX: where programs are kept, and how long compiling one must take for it to be kept."""


def default_folder() -> Path | None:
    """Where the commands keep programs: fhr_jax/programs in the user's cache folder; None for a user without a home."""
    try:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:  # as in some containers
        return None
    return Path(home) / "fhr_jax" / "programs"


def set_environment() -> None:
    """Keep the programs of this process and its children, unless the user has set `FOLDER` (empty: keep none).

    JAX reads the environment when it is imported, so call this before; unlike `keep` it imports nothing.
    """
    folder = default_folder()
    if FOLDER not in os.environ and folder is not None:
        os.environ[FOLDER] = str(folder)
    if os.environ.get(FOLDER):
        os.environ.setdefault(LEAST_SECONDS, "0")  # following a face takes dozens of small programs


def keep(*, folder: str | os.PathLike[str] | None = None) -> Path | None:
    """Keep the programs that this process compiles from now on, and load those that an earlier one has kept.

    Call it before the first computation. The folder grows with every new program and may be deleted at any time.

    Args:
        folder: made when the first program is kept; default: that of the environment variable `FOLDER`, else
            `default_folder`. The commands use the same.

    Returns:
        The folder; None if the variable is empty or there is no default one. Then nothing is kept.
    """
    import jax

    if folder is None:
        folder = os.environ.get(FOLDER, default_folder())
    if not folder:
        return None
    chosen = Path(folder)
    jax.config.update("jax_compilation_cache_dir", str(chosen))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    return chosen
