"""The how-tos in docs/howto run as they are written, on a few frames and with a tiny net."""

import re
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import fhr_jax
from fhr_jax import cli, hourglass, pipeline, stabilizer, weights
from fhr_jax.data.io import pts, video
from fhr_jax.data.synthetic import tracks
from tests.data.io.test_landmark_files import csv_text
from tests.nets import SMALLEST, random_net

HOWTOS = Path(fhr_jax.__file__).parent.parent / "docs/howto"
FRAMES = 20
STEPS = re.compile(r"^```python\n(.*?)^```$|^    (fhr-jax [^\n]*)$", re.DOTALL | re.MULTILINE)

pytestmark = pytest.mark.skipif(not HOWTOS.exists(), reason="installed without its documentation")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def noisy():
    """Truth and observation of a face, (T, 68, 2) in pixels."""
    return jax.tree.map(np.asarray, tracks.sample(jax.random.key(0), FRAMES))


def follow(page, *, commands=(), **names):
    """Run the Python of a page from above to below, and those of its commands that are named, in between.

    Returns:
        The names that the Python of the page made.
    """
    ran = []
    for code, command in STEPS.findall((HOWTOS / f"{page}.md").read_text()):
        if code:
            exec(compile(code, f"docs/howto/{page}.md", "exec"), names)
        elif command in commands:
            assert cli.main(command.split()[1:]) == 0, command
            ran.append(command)
    assert tuple(ran) == tuple(commands)
    return names


def points_of(frame, **attributes):
    return [SimpleNamespace(x=x, y=y, z=0.0, **attributes) for x, y in frame]


def test_smooth(noisy):
    observed = noisy.observed
    Path("openface.csv").write_text(csv_text([(t + 1, 0, 1, frame) for t, frame in enumerate(observed)], landmarks=68))
    faces = [SimpleNamespace(face_landmarks=[points_of(frame / [640, 480])]) for frame in observed]
    shapes = [SimpleNamespace(parts=lambda frame=frame: points_of(frame)) for frame in observed]
    made = follow(
        "smooth",
        commands=(
            "fhr-jax smooth openface.csv steady.csv",
            "fhr-jax smooth mediapipe.json steady.json",
            "fhr-jax smooth landmarks.npz steady.npz",
        ),
        results=faces,
        shapes=[*shapes[:-1], None],
        width=640,
        height=480,
        fps=30.0,
        camera=[(frame, 1 / 30) for frame in observed[:3]],
    )
    steady = np.load("steady.npz")["predictions"]
    np.testing.assert_allclose(made["track"][:-1], observed[:-1], atol=1e-4)
    assert np.isfinite(steady).all()
    assert np.abs(np.diff(steady, 2, axis=0)).mean() < 0.6 * np.nanmean(np.abs(np.diff(made["track"], 2, axis=0)))
    assert Path("steady.csv").exists()
    assert Path("steady.json").exists()


def test_report(noisy, capsys):
    np.savez("landmarks.npz", predictions=noisy.observed)
    np.savez("results.npz", predictions=noisy.observed, ground_truth=noisy.truth)
    commands = ("fhr-jax smooth landmarks.npz steady.npz", "fhr-jax report steady.npz --raw landmarks.npz")
    made = follow("report", commands=commands)
    before, after = (np.nanmean(jitter[:, 0]) for jitter in (made["numbers"].jitter_raw, made["numbers"].jitter))
    assert after < 0.6 * before
    assert made["said"].level in ("good", "fair", "poor")
    assert Path("steady.report.html").stat().st_size > 10_000


@pytest.fixture
def tiny_net(monkeypatch):
    """`weights.load` gives a small random net, and any picture shows a face."""
    net = random_net(SMALLEST)
    monkeypatch.setattr(weights, "load", lambda path=None: net)
    monkeypatch.setattr(pipeline.tracking, "MIN_CONFIDENCE", 0.0)
    return net


def test_track(tiny_net, capsys):
    rng = np.random.default_rng(0)
    with video.writer("video.mp4", size=(64, 64), rate=Fraction(25)) as write:
        for t in range(4):
            write(rng.integers(0, 255, (64, 64, 3), np.uint8), t / 25)
    made = follow("track")
    assert made["face"].points.shape == (68, 2)


def test_fine_tune(tiny_net, capsys):
    points = np.random.default_rng(0).uniform(10, 50, (68, 2))
    image = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            pipeline, "align_image", lambda net, image: (net, SimpleNamespace(points=points, confidence=1))[1]
        )
        made = follow("fine_tune", annotations={"one": points}, image=image)
    np.testing.assert_allclose(pts.read("photographs/one.pts"), points, atol=1e-3)
    assert made["net"] is tiny_net


def test_scale(monkeypatch):
    monkeypatch.setitem(hourglass.PRESETS, "smallest", SMALLEST)
    Path("photographs").mkdir()
    rng = np.random.default_rng(0)
    for name in range(16):
        Image.fromarray(rng.integers(0, 255, (60, 60, 3), np.uint8)).save(f"photographs/{name}.png")
        pts.write(f"photographs/{name}.pts", rng.uniform(10, 50, (68, 2)))
    made = follow("scale", preset="smallest", steps=1)
    assert int(made["state"].step) == 1
    assert made["net"].config == SMALLEST


def test_fit(noisy, capsys):
    Path("runs/fit").mkdir(parents=True)
    stabilizer.save("runs/fit/params.npz", stabilizer.init_params(1.0, jnp.eye(136)))
    made = follow(
        "fit",
        tracks={"one": (noisy.observed, noisy.truth)},
        track=jnp.asarray(noisy.observed),
        truth=jnp.asarray(noisy.truth),
    )
    np.testing.assert_array_equal(np.load("tracks/one.npz")["truth"], noisy.truth)
    assert made["steady"].shape == noisy.truth.shape


def test_extend():
    track = np.zeros((4, 5, 2), np.float32)
    track[1:] = 8
    track[2, 0] = np.nan
    image = np.zeros((60, 60, 3), np.uint8)
    made = follow("extend", track=track, images=[image], landmarks=[np.random.default_rng(0).uniform(10, 50, (68, 2))])
    np.testing.assert_allclose(made["steady"][:, 1, 0], [0, 4, 6, 7])
    np.testing.assert_allclose(made["steady"][:, 0, 0], [0, 4, 4, 6])
    assert made["FIVE"].flip == (1, 0, 2, 4, 3)
    assert made["example"]["image"].shape == (192, 192, 3)
    assert 0 < made["example"]["points"].min() < made["example"]["points"].max() < 192


def test_every_how_to_is_run():
    assert {path.stem for path in HOWTOS.glob("*.md")} == {
        name.removeprefix("test_") for name in globals() if (HOWTOS / f"{name.removeprefix('test_')}.md").exists()
    }
