"""Tune the memory allocator of the host for large blocks that are freed and soon allocated again."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
"""Parameters of glibc's `mallopt`, from its malloc.h."""


def tune_malloc() -> bool:
    """Make glibc keep freed memory for the rest of this process.

    A training update on a CPU allocates and frees blocks of hundreds of megabytes. By default glibc returns such blocks
    to the system each time, and the system clears all pages again, which takes a third of an update of the small net.
    Call this before anything large is computed.

    Returns:
        Whether it was done; only glibc supports it.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # a C library other than glibc
        return False
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_ARENA_MAX, 1))
    return all(mallopt(name, value) == 1 for name, value in settings)
