"""Commands that are killed at any moment leave the old output or the new one; and two that write to one place."""

import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import jax
import numpy as np
import pytest

from fhr_jax import augment, cli, npz
from fhr_jax.data import faces
from fhr_jax.data.io import video
from fhr_jax.data.synthetic.render_clip import render_clip
from fhr_jax.files import folder_lock
from fhr_jax.reports.page import MARKER
from tests.photographs import write

OLD = f"old {MARKER}".encode()  # a report may be replaced, other pages not
PROGRAM = [sys.executable, "-m", "fhr_jax.cli"]
MOMENTS = 10


def start(arguments):
    return subprocess.Popen([*PROGRAM, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def duration(arguments):
    """Seconds of a whole run, with programs compiled before."""
    for _ in range(2):
        began = time.monotonic()
        assert start(arguments).wait(300) == 0
    return time.monotonic() - began


def killed(arguments, seconds, prepare, check):
    """Kill runs at random moments of their duration, half of them near the end, where files are written.

    Args:
        arguments: of the command.
        seconds: duration of a run.
        prepare: called before each run.
        check: called after it, with whether the run was killed.
    """
    rng = np.random.default_rng(0)
    for low in (0, 0.6):
        kills = 0
        for _ in range(4 * MOMENTS):
            prepare()
            began = time.monotonic()
            process = start(arguments)
            try:
                process.wait(rng.uniform(low, 1.05) * seconds)
                seconds = time.monotonic() - began  # the machine may be busy, or no longer
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            was_killed = process.wait() != 0
            check(was_killed)
            kills += was_killed
            if kills == MOMENTS // 2:
                break
        assert kills == MOMENTS // 2


def leftovers(folder):
    return list(Path(folder).rglob(".writing-*"))


@pytest.mark.slow
def test_smooth_killed_at_any_moment(tmp_path):
    track = np.random.default_rng(0).uniform(100, 300, (68, 2)) + np.random.default_rng(1).normal(size=(8000, 68, 2))
    npz.write(tmp_path / "in.npz", {"landmarks": track.astype(np.float32)})
    out = tmp_path / "out" / "steady.npz"
    page = out.with_name("steady.report.html")
    out.parent.mkdir()
    arguments = ["smooth", str(tmp_path / "in.npz"), str(out)]
    seconds = duration(arguments)
    new, new_page = npz.read(out)["landmarks"], page.read_bytes()
    old = np.arange(10.0)
    for before in (False, True):

        def prepare(before=before):
            out.unlink(missing_ok=True)
            page.unlink(missing_ok=True)
            if before:
                npz.write(out, {"landmarks": old})
                page.write_bytes(OLD)

        def check(was_killed, before=before):
            found = npz.read(out)["landmarks"] if out.exists() else None
            if found is None:
                assert was_killed
                assert not before
            else:
                assert np.array_equal(found, new) or (was_killed and before and np.array_equal(found, old))
            found_page = page.read_bytes() if page.exists() else None
            assert found_page == new_page or (was_killed and found_page == (OLD if before else None))

        killed(arguments, seconds, prepare, check)
    for folder in leftovers(tmp_path):
        os.utime(folder, (time.time() - 5,) * 2)
    assert start(arguments).wait(300) == 0
    assert sorted(os.listdir(out.parent)) == ["steady.npz", "steady.report.html"]


@pytest.mark.slow
def test_track_killed_at_any_moment(tmp_path):
    clip = faces.clip(jax.random.key(1), 60)
    rendered = render_clip(jax.random.key(1), clip, size=192, options=augment.OFF)
    with video.writer(tmp_path / "a.mp4", size=(192, 192), rate=Fraction(25)) as add:
        for t, image in enumerate(np.round(255 * np.asarray(rendered.images)).astype(np.uint8)):
            add(image, t / 25)
    out, names = tmp_path / "out", ["landmarks.csv", "landmarks.npz", "overlay.mp4", "report.html"]
    arguments = ["track", str(tmp_path / "a.mp4"), "--out", str(out), "--no-mirror", "--stacks", "1"]
    seconds = duration(arguments)
    new = {name: (out / name).read_bytes() for name in names if name != "landmarks.npz"}
    points = npz.read(out / "landmarks.npz")["landmarks"]
    for before in (False, True):

        def prepare(before=before):
            for name in names:
                (out / name).unlink(missing_ok=True)
                if before:
                    (out / name).write_bytes(OLD)

        def check(was_killed, before=before):
            for name in names:  # each is whole
                found = (out / name).read_bytes() if (out / name).exists() else None
                if was_killed and found == (OLD if before else None):
                    continue
                assert found is not None
                if name == "landmarks.npz":
                    np.testing.assert_array_equal(npz.read(out / name)["landmarks"], points)
                else:
                    assert found == new[name]

        killed(arguments, seconds, prepare, check)
    for folder in leftovers(out):
        os.utime(folder, (time.time() - 5,) * 2)
    assert start(arguments).wait(300) == 0
    assert sorted(os.listdir(out)) == names


@pytest.mark.parametrize("command", ["track", "evaluate", "calibrate", "fit", "train"])
def test_the_second_of_two_in_one_folder_is_told_so(command, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    with video.writer(tmp_path / "a.mp4", size=(64, 64), rate=Fraction(25)) as add:
        add(np.zeros((64, 64, 3), np.uint8), 0.0)
    truth = np.random.default_rng(0).uniform(100, 300, (20, 68, 2)).cumsum(axis=0) / 9
    npz.write(tmp_path / "track.npz", {"predictions": truth, "truth": truth + 1})
    write(tmp_path / "faces", list("abcdef"))
    arguments = {
        "track": [str(tmp_path / "a.mp4")],
        "evaluate": ["--predictions", str(tmp_path / "track.npz")],
        "calibrate": [],
        "fit": [str(tmp_path / "track.npz"), "--holdout", "0", "--method", "gradient"],
        "train": ["--steps", "1", "--preset", "tiny", "--data", str(tmp_path / "faces"), "--holdout", "2"],
    }
    with folder_lock(out):
        assert cli.main([command, *arguments[command], "--out", str(out)]) == cli.BAD_INPUT
    last = capsys.readouterr().err.replace("\r", "\n").strip().splitlines()[-1]
    assert last == f"fhr-jax: error: {out}: another process is at work there"
    assert not list(out.iterdir())
