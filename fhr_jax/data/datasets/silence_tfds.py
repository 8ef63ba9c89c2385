"""TFDS's warnings, where they would say nothing new."""

from collections.abc import Generator
from contextlib import contextmanager

from absl import logging


@contextmanager
def silence_tfds() -> Generator[None]:
    """Let TFDS warn of nothing: it does of every variant that its list does not name, and of folders to be made."""
    said = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(said)
