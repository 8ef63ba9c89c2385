"""An interrupted build resumes, and its result is that of a build without interruption."""

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

from fhr_jax.data import worker_processes
from fhr_jax.data.datasets.build import finalize, run, shards, work_units
from fhr_jax.data.datasets.summary import read_summary
from fhr_jax.data.io.file_tree import ImagePair
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.data.skipped import Skipped, read_skipped
from fhr_jax.errors import InputError
from tests import trees


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("datasets")
    trees.tree_300w(folder / "w")
    trees.tree_300vw(folder / "vw")
    return folder


def content(folder):
    """Every file of a dataset, and for shards what TFDS reads: the order of their maps differs between processes."""
    files = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    builder = tfds.builder_from_directory(str(folder))
    for path in [path for path in files if ".array_record-" in path.name]:
        files[path] = len(files[path])
    for split in builder.info.splits:
        for number, example in enumerate(builder.as_data_source(split)):
            files[split, number] = {key: np.asarray(value).tolist() for key, value in example.items()}
    return files


def made(monkeypatch):
    """The keys of the shards that are made from now on."""
    names, make_shard = [], shards.make_shard

    def watched(task):
        names.append(task.key)
        return make_shard(task)

    monkeypatch.setattr(shards, "make_shard", watched)
    return names


class Stop(Exception):
    pass


def stop_after(number):
    def report(progress):
        if progress.done == number:
            raise Stop

    return report


@pytest.mark.parametrize(("name", "tree", "total"), [("face300w", "w", 8), ("face300vw", "vw", 5)])
def test_finished_shards_are_not_made_again(root, tmp_path, monkeypatch, name, tree, total):
    with pytest.raises(Stop):
        run.build(name, root / tree, tmp_path / "a", progress=stop_after(3))
    assert not list((tmp_path / "a").rglob("dataset_info.json"))
    names, seen = made(monkeypatch), []
    folder = run.build(name, root / tree, tmp_path / "a", progress=lambda progress: seen.append(progress.done))
    assert len(names) == total - 3
    assert seen == list(range(total + 1))
    whole = run.build(name, root / tree, tmp_path / "b")
    assert content(folder) == content(whole)
    assert not list((tmp_path / "a").rglob(".*"))


def test_a_file_that_was_repaired_is_read_again(tmp_path, monkeypatch):
    tree = trees.tree_300w(tmp_path / "tree")
    (tree / "afw" / "18489332_1.pts").write_text("broken")
    with pytest.raises(Stop):
        run.build("face300w", tree, tmp_path / "out", progress=stop_after(2))
    trees.write_pts(tree / "afw" / "18489332_1.pts", trees.face(1)[1])
    names = made(monkeypatch)
    folder = run.build("face300w", tree, tmp_path / "out")
    assert len(names) == 7
    assert read_skipped(folder) == []
    assert len(open_dataset("face300w", directory=tmp_path / "out", split="train")) == 7


def test_interrupted_while_finalizing(root, tmp_path, monkeypatch):
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
from fhr_jax.data.datasets.build import run

def report(progress):
    if progress.done == 2:
        print([child.pid for child in multiprocessing.active_children()], flush=True)
        os.kill(os.getpid(), 9)

if __name__ == "__main__":
    run.build("face300vw", sys.argv[1], sys.argv[2], workers=2, progress=report)
"""


def test_killed_with_workers_running(root, tmp_path, monkeypatch):
    (tmp_path / "killed.py").write_text(KILLED)
    command = [sys.executable, str(tmp_path / "killed.py"), str(root / "vw"), str(tmp_path / "out")]
    environment = os.environ | {"PYTHONPATH": str(Path(run.__file__).parents[4])}
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


def test_workers_and_one_process_build_the_same(root, tmp_path):
    folder = run.build("face300vw/clips3", root / "vw", tmp_path / "a", workers=2)
    assert content(folder) == content(run.build("face300vw/clips3", root / "vw", tmp_path / "b"))


def test_a_killed_worker_gives_one_line(root, tmp_path, monkeypatch):
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

    monkeypatch.setattr(worker_processes, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(shards, "as_completed", list)
    with pytest.raises(InputError, match="repeat the same command to resume"):
        run.build("face300w", root / "w", tmp_path, workers=2)


def test_frames_of_a_video_that_is_excluded_by_now_are_removed(root, tmp_path):
    with pytest.raises(Stop):
        run.build("face300vw", root / "vw", tmp_path / "out", progress=stop_after(2))
    first = next((tmp_path / "out").rglob("frames/*")).name
    listed = tmp_path / "list.txt"
    listed.write_text(first)
    folder = run.build("face300vw", root / "vw", tmp_path / "out", exclusions=listed)
    assert first not in [path.name for path in (folder / "frames").iterdir()]
    assert len(list((folder / "frames").iterdir())) == 4


def test_a_full_disk_gives_one_line_and_keeps_finished_shards(root, tmp_path, monkeypatch):
    def write(*_):
        raise RuntimeError("write() failed: No space left on device; writing x\n\ntrace")

    with pytest.raises(Stop):
        run.build("face300w", root / "w", tmp_path / "out", progress=stop_after(3))
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
    def again(progress):
        if progress.done == 1:
            with pytest.raises(InputError, match="another process is at work there"):
                run.build("face300w", root / "w", tmp_path / "out")

    run.build("face300w", root / "w", tmp_path / "out", progress=again)


PHOTOGRAPHS = work_units.Photographs("train", "face300w", (ImagePair("afw/1.jpg", Path("a/1.jpg"), Path("a/1.pts")),))
VIDEO = work_units.Video(
    "train", "face300vw", "001/vid.avi", Path("a/vid.avi"), (work_units.Annotation(1, Path("a/1.pts"), None),), (2, 3)
)


def test_hashes_of_datasets_and_builds_made_before():
    """Recorded with the first version; a name that changes them would make a build start again."""
    assert shards.unit_key(PHOTOGRAPHS, 0) == "d97a247fc1e5b57b8d037f8d"
    assert shards.unit_key(VIDEO, 16) == "651ce598ffdddd05b498096f"
    planned = [Skipped("afw/2.jpg", "no .pts of its name")]
    assert shards.source_hash(["a", "b"], planned) == "f917c033c9337e89d07b747f"


def test_a_build_and_a_dataset_made_before(root, tmp_path, monkeypatch):
    """Their files had other names and keys."""
    tree = trees.tree_300w(tmp_path / "tree")
    (tree / "afw" / "18489332_1.pts").write_text("broken")
    with pytest.raises(Stop):
        run.build("face300w", tree, tmp_path / "out", progress=stop_after(3))
    for path in (tmp_path / "out").rglob("parts/*.json"):
        fields = json.loads(path.read_text())
        fields["left_out"] = fields.pop("skipped")
        path.write_text(json.dumps(fields))
    names = made(monkeypatch)
    folder = run.build("face300w", tree, tmp_path / "out")
    assert len(names) == 5
    before, skipped = repr(open_dataset(folder, split="train")), read_skipped(folder)
    assert [item.file for item in skipped] == ["afw/18489332_1.jpg"]

    (folder / "skipped.csv").rename(folder / "left_out.csv")
    written = json.loads((folder / "summary.json").read_text())
    written |= {"left_out": written.pop("skipped"), "made_of": written.pop("source_hash")}
    (folder / "summary.json").write_text(json.dumps(written))
    assert run.build("face300w", tree, tmp_path / "out") == folder  # recognized, not built again
    assert repr(open_dataset(folder, split="train")) == before
    assert read_skipped(folder) == skipped
    assert read_summary(folder)["skipped"] == 1
    (folder / "left_out.csv").unlink()
    with pytest.raises(InputError, match=r"no skipped\.csv"):
        read_skipped(folder)
