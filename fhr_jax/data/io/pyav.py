"""PyAV, which reads and writes videos through FFmpeg; imported on first use."""

from typing import Any

from fhr_jax.errors import InputError


def load() -> Any:
    """The module `av`.

    Raises:
        InputError: it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise InputError('reading and writing video needs PyAV: pip install "fhr-jax[video]"') from error
    return av


def reason(error: BaseException) -> str:
    """Why FFmpeg failed, in its own words, on one line."""
    return " ".join((getattr(error, "strerror", None) or str(error)).split())
