"""Outputs are whole or absent."""

import errno
import json
import os
import signal
import subprocess
import sys
import time

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
    monkeypatch.setattr(fcntl, "flock", without(errno.EBADF))  # NFS: a folder is open for reading only
    with files.folder_lock(tmp_path):
        assert (tmp_path / ".lock").exists()
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


def test_links_as_outputs_are_followed_and_stay_links(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.txt").write_text("old")
    for name, place in (
        ("file", "real/a.txt"),
        ("dangling", "real/b.txt"),
        ("folder", "real/new"),
        ("out", "real/out"),
    ):
        (tmp_path / name).symlink_to(place)
    for name in ("file", "dangling"):
        with files.atomic_file(tmp_path / name) as temporary:
            temporary.write_text("new")
    assert [(tmp_path / "real" / name).read_text() for name in ("a.txt", "b.txt")] == ["new", "new"]
    with files.atomic_folder(tmp_path / "folder") as temporary:
        (temporary / "c.txt").write_text("whole")
    assert (tmp_path / "real" / "new" / "c.txt").read_text() == "whole"
    (tmp_path / "real" / "out").mkdir()
    (tmp_path / "real" / "out" / "inner").symlink_to(tmp_path / "real" / "a.txt")
    with files.staged_folder(tmp_path / "out") as temporary:
        for name in ("inner", "other"):
            (temporary / name).write_text("third")
    assert (tmp_path / "real" / "a.txt").read_text() == "third"
    assert sorted(os.listdir(tmp_path / "real" / "out")) == ["inner", "other"]
    links = ("file", "dangling", "folder", "out", "real/out/inner")
    assert all((tmp_path / name).is_symlink() for name in links)
    (tmp_path / "late").symlink_to("real/late")  # a new folder through a dangling link
    with files.staged_folder(tmp_path / "late") as temporary:
        (temporary / "x").write_text("1")
    assert (tmp_path / "real" / "late" / "x").read_text() == "1"


def test_links_that_cannot_be_followed_are_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for context in (files.atomic_file, files.atomic_folder, files.staged_folder):
        with pytest.raises(InputError, match="a: cannot be written: a symbolic link that leads in a circle"):
            context(tmp_path / "a").__enter__()
    with pytest.raises(InputError, match="in a circle"):
        files.output_folder(tmp_path / "a")
    (tmp_path / "photographs").mkdir()
    (tmp_path / "photographs" / "mine").write_text("precious")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "pictures").symlink_to("../photographs")
    with pytest.raises(InputError, match="pictures: a symbolic link, and the folder that it leads to would be deleted"):
        files.staged_folder(tmp_path / "out", replaced=("pictures",)).__enter__()
    assert (tmp_path / "photographs" / "mine").read_text() == "precious"


def test_devices_and_pipes_are_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with (
        pytest.raises(InputError, match="pipe: cannot be written: it is no ordinary file"),
        files.atomic_file(tmp_path / "pipe"),
    ):
        raise AssertionError
    with pytest.raises(InputError, match="cannot be written"), files.atomic_file("/dev/null"):
        raise AssertionError


def test_two_that_write_one_folder(tmp_path):
    with (
        pytest.raises(InputError, match="another process has written there"),
        files.atomic_folder(tmp_path / "a") as first,
    ):
        (first / "x").write_text("1")
        with files.atomic_folder(tmp_path / "a") as second:
            (second / "x").write_text("2")
    assert (tmp_path / "a" / "x").read_text() == "2"
    with files.staged_folder(tmp_path / "b") as first:
        (first / "x").write_text("1")
        with pytest.raises(InputError, match="b: another process is at work there"):
            files.staged_folder(tmp_path / "b").__enter__()
    assert os.listdir(tmp_path / "b") == ["x"]


KILLED = """
import sys, time
from fhr_jax import files
with files.atomic_file(sys.argv[1] + "/a") as one, files.staged_folder(sys.argv[1] + "/b") as two:
    one.write_text("half")
    (two / "x").write_text("half")
    print(flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_left_is_removed_by_the_next_that_writes_there(tmp_path):
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        left = [*tmp_path.glob(".writing-*"), *tmp_path.glob("b/.writing-*")]
        assert len(left) == 2
        for folder in left:
            os.utime(folder, (time.time() - 5,) * 2)
        with files.atomic_file(tmp_path / "c") as path:
            path.write_text("meanwhile")
        assert left[0].exists()  # its process lives
        process.send_signal(signal.SIGKILL)
        process.wait()
    files._remove_leftovers.cache_clear()  # as in another process
    with files.atomic_file(tmp_path / "a") as path:
        path.write_text("whole")
    with files.staged_folder(tmp_path / "b") as folder:
        (folder / "x").write_text("whole")
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")) == ["a", "b", "b/x", "c"]
