"""Atomic writing of files and folders: into a temporary neighbour, which is then renamed. And locks."""

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
    check_name(target)
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
    check_name(target)
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
    """Yield a temporary folder; if the block succeeds, move its files into `path`, which is created if needed.

    Files with the same names are replaced; others stay. If the block fails, nothing is changed.

    Args:
        path: the folder.
        replaced: names of folders inside `path` that are deleted first.

    Raises:
        InputError: `path` cannot be created or written to.
    """
    target = Path(path)
    created = [folder for folder in (target, *target.parents) if not folder.exists()]
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
        with suppress(OSError):  # folders that are not empty stay
            for folder in created:
                folder.rmdir()


def output_folder(path: str | os.PathLike[str]) -> Path:
    """Create a folder for results, with its parents, and check that it can be written to.

    Raises:
        InputError: it cannot be created or written to.
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
    """Lock a folder against other processes that use this function; does nothing on systems without file locks.

    Raises:
        InputError: another process holds the lock.
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
    """Write `value` as indented JSON, atomically; NaN raises ValueError."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n")


def check_name(path: str | os.PathLike[str]) -> None:
    """Check that the file system takes the name of a file that is to be written, such as one that is not too long.

    Raises:
        InputError: it does not.
    """
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return  # told apart when it is written
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{str(path)[:80]!r}: cannot be written: {reason}") from error


def _temporary_folder(target: Path) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=".writing-", dir=target.parent))
    except OSError as error:
        raise InputError(f"{target}: cannot write there: {error.strerror}") from error
