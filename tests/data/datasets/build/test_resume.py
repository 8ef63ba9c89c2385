"""A build that was stopped, in whatever way, goes on; it is the same as one that was not."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from fhr_jax.data import skipped
from fhr_jax.data.datasets.build import finalize, run, shards
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.errors import InputError
from tests import trees


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("datasets")
    trees.tree_300w(folder / "w")
    trees.tree_300vw(folder / "vw")
    return folder


def content(folder):
    """Every file of a dataset, and of the shards what TFDS reads: two processes write its maps in another order."""
    files = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    builder = tfds.builder_from_directory(str(folder))
    for path in [path for path in files if ".array_record-" in path.name]:
        files[path] = len(files[path])
    for split in builder.info.splits:
        for number, example in enumerate(builder.as_data_source(split)):
            files[split, number] = {key: np.asarray(value).tolist() for key, value in example.items()}
    return files


def made(monkeypatch):
    """The parts that are made from now on."""
    names, make_part = [], shards.make_shard

    def watched(task):
        names.append(task.key)
        return make_part(task)

    monkeypatch.setattr(shards, "make_part", watched)
    return names


class Stop(Exception):
    pass


def stop_after(number):
    def report(done, total, left_out):
        if done == number:
            raise Stop

    return report


@pytest.mark.parametrize(("name", "tree", "total"), [("face300w", "w", 8), ("face300vw", "vw", 5)])
def test_what_is_done_is_not_done_again(root, tmp_path, monkeypatch, name, tree, total):
    with pytest.raises(Stop):
        run.build(name, root / tree, tmp_path / "a", report=stop_after(3))
    assert not list((tmp_path / "a").rglob("dataset_info.json"))
    names, seen = made(monkeypatch), []
    folder = run.build(name, root / tree, tmp_path / "a", report=lambda done, *_: seen.append(done))
    assert len(names) == total - 3
    assert seen == list(range(total + 1))
    whole = run.build(name, root / tree, tmp_path / "b")
    assert content(folder) == content(whole)
    assert not list((tmp_path / "a").rglob(".*"))


def test_a_file_that_was_mended_meanwhile_is_read_again(tmp_path, monkeypatch):
    tree = trees.tree_300w(tmp_path / "tree")
    (tree / "afw" / "18489332_1.pts").write_text("broken")
    with pytest.raises(Stop):
        run.build("face300w", tree, tmp_path / "out", report=stop_after(2))
    trees.write_pts(tree / "afw" / "18489332_1.pts", trees.face(1)[1])
    names = made(monkeypatch)
    folder = run.build("face300w", tree, tmp_path / "out")
    assert len(names) == 7
    assert skipped.read(folder) == []
    assert len(open_dataset("face300w", directory=tmp_path / "out", split="train")) == 7


def test_stopped_while_it_gives_out_the_names(root, tmp_path, monkeypatch):
    def killed(*_):
        raise Stop

    for function in ("_link", "_summary"):
        with monkeypatch.context() as patch, pytest.raises(Stop):
            patch.setattr(finalize, function, killed)
            run.build("face300vw", root / "vw", tmp_path / "a")
    names = made(monkeypatch)
    folder = run.build("face300vw", root / "vw", tmp_path / "a")
    assert names == []
    trees.check(open_dataset(folder, split="train")[3])


KILLED = """
import multiprocessing, os, sys
from fhr_jax.data.datasets import build

def report(done, total, left_out):
    if done == 2:
        print([child.pid for child in multiprocessing.active_children()], flush=True)
        os.kill(os.getpid(), 9)

if __name__ == "__main__":
    build.build("face300vw", sys.argv[1], sys.argv[2], processes=2, report=report)
"""


def test_killed_with_processes_at_work(root, tmp_path, monkeypatch):
    (tmp_path / "killed.py").write_text(KILLED)
    command = [sys.executable, str(tmp_path / "killed.py"), str(root / "vw"), str(tmp_path / "out")]
    environment = os.environ | {"PYTHONPATH": str(Path(run.__file__).parents[3])}
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=120, env=environment)
    assert result.returncode == -signal.SIGKILL
    workers = json.loads(result.stdout)
    assert len(workers) == 2
    # They end with the process that made them, and so write nothing while the build goes on.
    deadline = time.monotonic() + 20
    while any(_runs(worker) for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    done = len(list((tmp_path / "out").rglob("parts/*.json")))
    assert done >= 2
    names = made(monkeypatch)
    folder = run.build("face300vw", root / "vw", tmp_path / "out")
    assert len(names) == 5 - done
    assert content(folder) == content(run.build("face300vw", root / "vw", tmp_path / "b"))


def _runs(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_processes_and_a_process_alone_make_the_same(root, tmp_path):
    folder = run.build("face300vw/clips3", root / "vw", tmp_path / "a", processes=2)
    assert content(folder) == content(run.build("face300vw/clips3", root / "vw", tmp_path / "b"))


def test_an_ended_process_gives_one_line(root, tmp_path, monkeypatch):
    class Future:
        def result(self):
            raise shards.BrokenProcessPool("ended")

    class Pool:
        def __init__(self, *_, **__):
            pass

        def submit(self, *_):
            return Future()

        def shutdown(self, **_):
            pass

    monkeypatch.setattr(shards, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(shards, "as_completed", list)
    with pytest.raises(InputError, match="the same command goes on"):
        run.build("face300w", root / "w", tmp_path, processes=2)


def test_frames_of_a_video_that_is_left_out_now_do_not_stay(root, tmp_path):
    with pytest.raises(Stop):
        run.build("face300vw", root / "vw", tmp_path / "out", report=stop_after(2))
    first = next((tmp_path / "out").rglob("frames/*")).name
    listed = tmp_path / "list.txt"
    listed.write_text(first)
    folder = run.build("face300vw", root / "vw", tmp_path / "out", leave_out=listed)
    assert first not in [path.name for path in (folder / "frames").iterdir()]
    assert len(list((folder / "frames").iterdir())) == 4


def test_a_full_disk_gives_one_line_and_keeps_what_is_done(root, tmp_path, monkeypatch):
    def write(*_):
        raise RuntimeError("write() failed: No space left on device; writing x\n\ntrace")

    with pytest.raises(Stop):
        run.build("face300w", root / "w", tmp_path / "out", report=stop_after(3))
    with (
        monkeypatch.context() as patch,
        pytest.raises(InputError, match=r"cannot write there .*No space"),
    ):
        patch.setattr("tensorflow_datasets.core.ExampleWriter.write", write)
        run.build("face300w", root / "w", tmp_path / "out")
    names = made(monkeypatch)
    run.build("face300w", root / "w", tmp_path / "out")
    assert len(names) == 5


def test_two_builds_at_once(root, tmp_path):
    def again(done, *_):
        if done == 1:
            with pytest.raises(InputError, match="another process is at work there"):
                run.build("face300w", root / "w", tmp_path / "out")

    run.build("face300w", root / "w", tmp_path / "out", report=again)
