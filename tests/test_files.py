"""Outputs are whole or absent."""

import errno
import json
import os

import pytest

from fhr_jax import files, log
from fhr_jax.errors import InputError


def test_a_file_appears_only_when_the_block_succeeds(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), files.atomic_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    with files.atomic_file(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_folder_appears_only_when_the_block_succeeds(tmp_path):
    path = tmp_path / "out"
    with pytest.raises(RuntimeError), files.atomic_folder(path) as temporary:
        (temporary / "a").write_text("half")
        raise RuntimeError
    assert os.listdir(tmp_path) == []
    with files.atomic_folder(path) as temporary:
        (temporary / "a").write_text("whole")
    assert (path / "a").read_text() == "whole"
    with pytest.raises(InputError, match="exists already"), files.atomic_folder(path):
        pass


def test_where_nothing_can_be_written_the_error_names_the_path(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file"), files.atomic_file(tmp_path / "file" / "a"):
        pass
    with pytest.raises(InputError, match="file"):
        files.output_folder(tmp_path / "file" / "out")
    with pytest.raises(InputError, match="folder"), files.atomic_file(tmp_path) as temporary:
        temporary.write_text("")


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_a_name_that_no_file_can_have_is_refused_before_the_work(tmp_path, name):
    for context in (files.atomic_file, files.atomic_folder):
        with pytest.raises(InputError, match="cannot be written"), context(tmp_path / name):
            raise AssertionError
    with pytest.raises(InputError, match="cannot be written"):
        files.check_name(tmp_path / name)
    files.check_name(tmp_path / "new" / "folder.txt")
    assert not list(tmp_path.iterdir())


def test_nan_is_refused_in_json(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert not (tmp_path / "a.json").exists()


def test_metrics_survive_a_line_cut_short(tmp_path):
    log.append_metrics(tmp_path, {"step": 1, "loss": 0.5})
    log.append_metrics(tmp_path, {"step": 2, "loss": 0.25})
    with open(tmp_path / log.METRICS, "a") as file:
        file.write('{"step": 3, "lo')
    assert log.read_metrics(tmp_path) == [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.25}]


def test_config_comes_back_and_a_broken_one_is_named(tmp_path):
    assert log.read_config(tmp_path) is None
    log.write_config(tmp_path, {"preset": "tiny"})
    assert log.read_config(tmp_path) == {"preset": "tiny"}
    (tmp_path / log.CONFIG).write_text(json.dumps([1]))
    with pytest.raises(InputError, match="config"):
        log.read_config(tmp_path)


def test_file_systems_without_locks_let_everybody_in(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def without(number):
        def flock(*_):
            raise OSError(number, os.strerror(number))

        return flock

    monkeypatch.setattr(fcntl, "flock", without(errno.ENOLCK))
    with files.folder_lock(tmp_path):
        pass
    monkeypatch.setattr(fcntl, "flock", without(errno.EIO))
    with pytest.raises(OSError, match="Input/output"), files.folder_lock(tmp_path):
        pass


def test_a_folder_is_for_one_process_at_a_time(tmp_path):
    with (
        files.folder_lock(tmp_path),
        pytest.raises(InputError, match="another process is at work"),
        files.folder_lock(tmp_path),
    ):
        pass
    with files.folder_lock(tmp_path):
        pass
