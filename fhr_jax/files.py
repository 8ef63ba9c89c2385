"""Writing files and folders whole or not at all: to a temporary neighbour, then renamed."""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fhr_jax.errors import InputError


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Generator[Path]:
    """Yield a temporary path beside `path`, with the same suffix; rename it to `path` if the block succeeds.

    Raises:
        InputError: the folder does not exist or cannot be written to.
    """
    target = Path(path)
    folder = _temporary_folder(target)
    try:
        yield folder / target.name
        os.replace(folder / target.name, target)
    except IsADirectoryError as error:
        raise InputError(f"{target}: cannot be written: it is a folder") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Generator[Path]:
    """Yield a temporary folder beside `path`; rename it to `path` if the block succeeds.

    Raises:
        InputError: `path` exists and is not an empty folder, or its parent cannot be written to.
    """
    target = Path(path)
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise InputError(f"{target}: exists already; name a new folder")
    folder = _temporary_folder(target)
    inner = folder / target.name
    inner.mkdir()
    try:
        yield inner
        os.replace(inner, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def staged_folder(path: str | os.PathLike[str], *, replaced: Sequence[str] = ()) -> Generator[Path]:
    """Yield a temporary folder; if the block succeeds, move its files into `path`, which is made if need be.

    Files of the same names are replaced, others stay, but in the folders named in `replaced`; if the block fails,
    nothing is left behind.

    Raises:
        InputError: `path` cannot be made or written to.
    """
    target = Path(path)
    made = [folder for folder in (target, *target.parents) if not folder.exists()]
    staging = Path(tempfile.mkdtemp(prefix=".writing-", dir=output_folder(target)))
    try:
        yield staging
        for name in replaced:
            shutil.rmtree(target / name, ignore_errors=True)
        for file in sorted(staging.rglob("*")):
            place = target / file.relative_to(staging)
            if file.is_dir():
                place.mkdir(exist_ok=True)
            else:
                os.replace(file, place)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        with suppress(OSError):  # those that hold something stay
            for folder in made:
                folder.rmdir()


def output_folder(path: str | os.PathLike[str]) -> Path:
    """Make a folder for results (parents too) and check that it can be written to.

    Raises:
        InputError: it cannot be made or written to.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"{folder}: cannot write there: {error.strerror}") from error
    return folder


@contextmanager
def folder_lock(folder: Path) -> Generator[None]:
    """Keep other processes that ask for the same out of a folder; where the system has no locks, nobody.

    Raises:
        InputError: another one is at work there.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"{folder}: another process is at work there") from error
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
        yield


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n")


def _temporary_folder(target: Path) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=".writing-", dir=target.parent))
    except OSError as error:
        raise InputError(f"{target}: cannot write there: {error.strerror}") from error
