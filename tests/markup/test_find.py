"""Markups by name, by number and from files."""

import pytest

from fhr_jax.errors import InputError
from fhr_jax.markup import BUILT_IN, built_in, find, read


def test_a_file_by_its_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("points = 2\nnormalize = [0, 1]\n")
    assert find(path) == find(str(path)) == read(path) == (2, (), (0, 1), (), "mine")
    path.rename(tmp_path / "mine")
    assert find(tmp_path / "mine").size == 2


def test_other_bad_files(tmp_path):
    with pytest.raises(InputError, match=r"none\.toml: cannot be read"):
        find(tmp_path / "none.toml")
    (tmp_path / "large.toml").write_text("#" * 2**21)
    with pytest.raises(InputError, match="more than"):
        read(tmp_path / "large.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="is no TOML"):
        read(tmp_path / "bytes.toml")


def test_names_and_numbers():
    assert [built_in(known.size) for known in BUILT_IN] == list(BUILT_IN)
    for known in BUILT_IN:
        assert find(known.name) is find(str(known.size)) is known
    with pytest.raises(InputError, match=r"five: neither a .toml file nor a markup of the package: 300w \(68\), "):
        find("five")
