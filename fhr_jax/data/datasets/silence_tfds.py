"""Silence the warnings of TFDS."""

from collections.abc import Generator
from contextlib import contextmanager

from absl import logging


@contextmanager
def silence_tfds() -> Generator[None]:
    """Hide TFDS's warnings inside the block: it warns about every unlisted variant and every folder it will make."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
