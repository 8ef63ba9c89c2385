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
from tests.photographs import write

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


def killed_at(arguments, seconds):
    process = start(arguments)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    return process.wait()


def leftovers(folder):
    return list(Path(folder).rglob(".writing-*"))


def moments(seconds):
    """Random ones, half of them near the end, where files are written."""
    rng = np.random.default_rng(0)
    return [*rng.uniform(0, seconds, MOMENTS // 2), *rng.uniform(0.6 * seconds, 1.05 * seconds, MOMENTS - MOMENTS // 2)]


@pytest.mark.slow
def test_smooth_killed_at_any_moment(tmp_path):
    track = np.random.default_rng(0).uniform(100, 300, (68, 2)) + np.random.default_rng(1).normal(size=(8000, 68, 2))
    npz.write(tmp_path / "in.npz", {"landmarks": track.astype(np.float32)})
    out = tmp_path / "out" / "steady.npz"
    out.parent.mkdir()
    arguments = ["smooth", str(tmp_path / "in.npz"), str(out)]
    seconds = duration(arguments)
    new = npz.read(out)["landmarks"]
    old, ended = np.arange(10.0), 0
    for before in (False, True):
        for moment in moments(seconds):
            out.unlink(missing_ok=True)
            if before:
                npz.write(out, {"landmarks": old})
            code = killed_at(arguments, moment)
            ended += code == 0
            if code == 0 or (out.exists() and out.stat().st_size > 10_000):
                np.testing.assert_array_equal(npz.read(out)["landmarks"], new)
            elif before:
                np.testing.assert_array_equal(npz.read(out)["landmarks"], old)
            else:
                assert not out.exists()
    assert ended < 2 * MOMENTS - 5
    for folder in leftovers(tmp_path):
        os.utime(folder, (time.time() - 5,) * 2)
    assert start(arguments).wait(300) == 0
    assert os.listdir(out.parent) == ["steady.npz"]


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
    new, ended = {name: (out / name).read_bytes() for name in names if name != "landmarks.npz"}, 0
    points = npz.read(out / "landmarks.npz")["landmarks"]
    for before in (False, True):
        for moment in moments(seconds):
            for name in names:
                (out / name).unlink(missing_ok=True)
                if before:
                    (out / name).write_text("old")
            ended += killed_at(arguments, moment) == 0
            for name in names:  # each is whole
                if not (out / name).exists():
                    assert not before
                elif name == "landmarks.npz" and (out / name).stat().st_size > 3:
                    np.testing.assert_array_equal(npz.read(out / name)["landmarks"], points)
                else:
                    assert (out / name).read_bytes() in ((b"old",) if before else ()) + (new.get(name),)
    assert ended < 2 * MOMENTS - 5
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
