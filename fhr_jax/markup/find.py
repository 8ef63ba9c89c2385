"""Find a markup: one of those in the package by name or number, or one in a TOML file."""

import os
import tomllib
from pathlib import Path

from fhr_jax.errors import InputError
from fhr_jax.markup.datasets import AFLW, AFLW19, COFW, LAPA, WFLW
from fhr_jax.markup.definition import Markup, from_definition
from fhr_jax.markup.face_mesh import FACE_MESH, FACE_MESH_IRISES
from fhr_jax.markup.faces import FACE7, FACE68

BUILT_IN = (FACE68, FACE7, WFLW, LAPA, COFW, AFLW, AFLW19, FACE_MESH, FACE_MESH_IRISES)
"""The markups in the package; no two have the same number of landmarks."""
MAX_BYTES = 2**20
"""Larger files are refused."""


def built_in(size: int) -> Markup | None:
    """The markup in the package with this number of landmarks, or None."""
    return next((markup for markup in BUILT_IN if markup.size == size), None)


def read(path: str | os.PathLike[str]) -> Markup:
    """Read a markup from a TOML file; `definition` describes it.

    Raises:
        InputError: the file cannot be read, is no TOML, or its definition is wrong.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InputError(f"{path}: more than {MAX_BYTES} bytes, expected a markup in TOML")
        table = tomllib.loads(content.decode())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is no TOML ({str(error).splitlines()[0]})") from error
    return from_definition(table, where=str(path), name=path.stem)


def find(choice: str | os.PathLike[str]) -> Markup:
    """The markup with this name or number of landmarks in the package, or in this TOML file.

    Raises:
        InputError: there is none, or the file cannot be read or is wrong.
    """
    text = os.fspath(choice)
    for markup in BUILT_IN:
        if text in (markup.name, str(markup.size)):
            return markup
    if Path(text).suffix == ".toml" or Path(text).is_file():
        return read(text)
    known = ", ".join(f"{markup.name} ({markup.size})" for markup in BUILT_IN)
    raise InputError(f"{text}: neither a .toml file nor a markup of the package: {known}")
