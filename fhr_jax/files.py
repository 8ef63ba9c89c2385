"""Atomic writing of files and folders: into a temporary neighbour, which is then renamed. And locks."""

import errno
import functools
import json
import os
import shutil
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fhr_jax.errors import InputError


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Generator[Path]:
    """Yield a temporary path beside `path`, with the same suffix; rename it to `path` if the block succeeds.

    Raises:
        InputError: the folder does not exist or cannot be written to, or `path` is something else than a file.
    """
    target = followed(path)
    if os.path.exists(target) and not target.is_file():
        what = "a folder" if target.is_dir() else "no ordinary file"
        raise InputError(f"{path}: cannot be written: it is {what}")
    with _temporary_folder(target.parent, path) as folder:
        yield folder / target.name
        os.replace(folder / target.name, target)


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Generator[Path]:
    """Yield a temporary folder beside `path`; rename it to `path` if the block succeeds.

    Raises:
        InputError: `path` exists and is not an empty folder, or its parent cannot be written to.
    """
    target = followed(path)
    check_new_folder(path)
    with _temporary_folder(target.parent, path) as folder:
        inner = folder / target.name
        inner.mkdir()
        yield inner
        try:
            os.replace(inner, target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
            raise InputError(f"{path}: another process has written there; name a new folder") from error


@contextmanager
def staged_folder(path: str | os.PathLike[str], *, replaced: Sequence[str] = ()) -> Generator[Path]:
    """Yield a temporary folder; if the block succeeds, move its files into `path`, which is created if needed.

    Files with the same names are replaced; others stay. If the block fails, nothing is changed. The folder is locked
    meanwhile (`folder_lock`).

    Args:
        path: the folder.
        replaced: names of folders inside `path` that are deleted first.

    Raises:
        InputError: `path` cannot be created or written to, another process is at work there, or a folder that would be
            deleted is a symbolic link.
    """
    target = followed(path)
    created = [folder for folder in (target, *target.parents) if not os.path.exists(folder)]
    output_folder(path)
    for name in replaced:
        if (target / name).is_symlink():
            raise InputError(f"{target / name}: a symbolic link, and the folder that it leads to would be deleted")
    try:
        with folder_lock(target), _temporary_folder(target, path) as staging:
            yield staging
            for name in replaced:
                shutil.rmtree(target / name, ignore_errors=True)
            for file in sorted(staging.rglob("*")):
                place = target / file.relative_to(staging)
                if file.is_dir():
                    followed(place).mkdir(exist_ok=True)
                elif place.is_symlink():  # it may lead to another file system
                    with atomic_file(place) as temporary:
                        shutil.copyfile(file, temporary)
                else:
                    os.replace(file, place)
    finally:
        with suppress(OSError):  # folders that are not empty stay
            for folder in created:
                folder.rmdir()


def followed(path: str | os.PathLike[str]) -> Path:
    """The place where an output is written: symbolic links are followed, and stay links.

    Raises:
        InputError: the file system does not take the name, or links lead in a circle.
    """
    check_name(path)
    target = Path(path)
    if not os.path.islink(target):
        return target
    real = Path(os.path.realpath(target))
    if os.path.islink(real):
        raise InputError(f"{path}: cannot be written: a symbolic link that leads in a circle")
    check_name(real)
    return real


def check_new_folder(path: str | os.PathLike[str]) -> None:
    """Check that a folder does not exist yet, or is empty.

    Raises:
        InputError: there is something.
    """
    target = followed(path)
    if os.path.exists(target) and not (target.is_dir() and not os.listdir(target)):
        raise InputError(f"{path}: exists already; name a new folder")


def output_folder(path: str | os.PathLike[str]) -> Path:
    """Create a folder for results, with its parents, and check that it can be written to.

    Raises:
        InputError: it cannot be created or written to.
    """
    folder = followed(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"{path}: cannot write there: {error.strerror}") from error
    return Path(path)


@contextmanager
def folder_lock(folder: Path) -> Generator[None]:
    """Lock a folder against other processes that use this function; does nothing on systems without file locks.

    The lock ends with the process, however that ends, and leaves no file behind where folders can be locked.

    Raises:
        InputError: another process holds the lock.
    """
    descriptor = _locked(folder)
    if descriptor is None:
        raise InputError(f"{folder}: another process is at work there")
    try:
        yield
    finally:
        if descriptor >= 0:
            os.close(descriptor)


_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}


def _locked(folder: Path) -> int | None:
    """A descriptor that holds the lock of a folder until it is closed; None if another has it, -1 without locks."""
    try:
        import fcntl
    except ImportError:
        return -1
    # NFS locks no folder that is open for reading, and no folder can be opened for writing.
    for path, flags in ((folder, os.O_RDONLY), (folder / ".lock", os.O_WRONLY | os.O_CREAT)):
        descriptor = os.open(path, flags, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                return None
            if error.errno not in (*_NO_LOCKS, errno.EBADF):
                raise
            if error.errno in _NO_LOCKS:
                return -1
        else:
            return descriptor
    return -1


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


_PREFIX = ".writing-"


@contextmanager
def _temporary_folder(parent: Path, path: str | os.PathLike[str]) -> Generator[Path]:
    """Yield a temporary folder in `parent`, for the output `path`; it is deleted at the end.

    It is locked, so that it can be told from one that a killed process left behind.
    """
    _remove_leftovers(parent)
    try:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    except OSError as error:
        raise InputError(f"{path}: cannot write there: {error.strerror}") from error
    try:
        with folder_lock(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@functools.lru_cache(maxsize=16)
def _remove_leftovers(parent: Path) -> None:
    """Delete the temporary folders of killed processes in a folder; once a process is enough.

    Those younger than a second stay: their process may be about to lock them.
    """
    with suppress(OSError):
        for entry in list(os.scandir(parent)):
            if not entry.name.startswith(_PREFIX) or not entry.is_dir(follow_symlinks=False):
                continue
            if time.time() - entry.stat().st_mtime < 1:
                continue
            with suppress(OSError):
                descriptor = _locked(Path(entry.path))
                if descriptor is not None and descriptor >= 0:
                    shutil.rmtree(entry.path, ignore_errors=True)
                    os.close(descriptor)
