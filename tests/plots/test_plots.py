"""Each function draws the given values, returns the figure, writes nothing and leaves no global state."""

import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from fhr_jax import plots
from fhr_jax.data.faces import anatomy
from fhr_jax.markup import FACE7


def rng():
    return np.random.default_rng(0)


def face_track(frames=40):
    return 100 + rng().normal(size=(frames, 68, 2)).cumsum(axis=0)


def draw_ced(axes=None):
    return plots.ced({"one": rng().gamma(4, 1, 80), "two": np.r_[rng().gamma(5, 1, 79), np.nan]}, axes=axes)


def draw_scale_table(axes=None):
    return plots.scale_table({"one": np.arange(1, 6), "two": np.arange(5) + 0.5}, np.arange(6) * 40 + 30, axes=axes)


def draw_accuracy_stability(axes=None):
    many = {f"method {i}": (4 + i / 9, 3 - i / 5) for i in range(9)}
    return plots.accuracy_stability(many | {"sweep": ([4, 5, 6], [3, 2, 1.5])}, axes=axes)


def draw_trajectories(axes=None):
    track = face_track()
    raw = track + rng().normal(size=track.shape)
    raw[10] = np.nan
    return plots.trajectories(track, {"raw": raw, "stabilized": track + 0.2}, axes=axes)


def draw_trajectories_without_truth(axes=None):
    return plots.trajectories(None, {"raw": face_track()}, axes=axes, landmark=3, axis="y", frames=(5, 30))


def draw_loss_history(axes=None):
    seconds = np.linspace(0, 10, 20)
    return plots.loss_history({"gradient": (seconds, 200 - 10 * seconds), "simplex": ([0.0], [200.0])}, axes=axes)


def draw_training_loss(axes=None):
    steps = np.arange(60)
    return plots.training_loss({"one": (steps, np.exp(-steps / 10)), "two": (steps, np.exp(-steps / 20))}, axes=axes)


def draw_faces(axes=None):
    images = [rng().uniform(size=(60 + 10 * i, 80, 3)) for i in range(4)] + [np.zeros((50, 50, 3), np.uint8)]
    points = rng().uniform(10, 50, size=(5, 68, 2))
    points[0, 3] = np.nan
    return plots.faces(
        images, {"truth": points, "prediction": points + 1}, axes=axes, titles=[str(i) for i in range(5)]
    )


def draw_faces_of_another_markup(axes=None):
    return plots.faces([np.zeros((40, 40, 3))], rng().uniform(5, 35, size=(1, 7, 2)), axes=axes, markup=FACE7)


def draw_offsets(axes=None):
    shape = 100 * np.asarray(anatomy.MEAN)[:68, :2]
    arrows = rng().normal(size=(68, 2))
    arrows[5] = np.nan
    return plots.offsets(shape, arrows, axes=axes)


def draw_decoding(axes=None):
    heatmap = np.exp(-((np.arange(20) - 8.3) ** 2)[None] / 5 - ((np.arange(16) - 5.7) ** 2)[:, None] / 5)
    return plots.decoding(heatmap, {"argmax": [8, 6], "fractional": [8.3, 5.7]}, axes=axes, truth=[8.3, 5.7])


def averaged():
    side = np.linspace(-4, 4, 33)
    easy = np.exp(-(side[None] ** 2 + side[:, None] ** 2) / 4)
    hard = 0.6 * np.exp(-(side[None] ** 2 + (side[:, None] - 1) ** 2) / 9)
    hard[:3] = np.nan
    return {"fractional": {"easy": easy, "hard": hard}, "conventional": {"easy": 0.9 * easy, "hard": hard}}


def draw_mean_heatmaps(axes=None):
    return plots.mean_heatmaps(averaged(), axes=axes, radius=4.0, sigma=1.5)


def draw_bars(axes=None):
    values = {f"method {i}": (1.0 + i / 5, 0.1 * i) for i in range(6)}
    return plots.bars(
        values, axes=axes, label="loss", highlight=["method 1"], muted=["method 5"], reference=(1.2, "target")
    )


def draw_sweeps(axes=None):
    x, y = np.arange(1, 6), rng().uniform(1, 9, 5)
    curves = {"swept": [(x, y), (y, x)], "one point": [(3.0, 2.0), (2.0, 3.0)]}
    return plots.sweeps(
        curves, axes=axes, labels=[("x, px", "y, px"), ("y, px", "x, px")], highlight=["swept"], logarithmic="xy"
    )


def draw_contours(axes=None):
    side = np.linspace(-2, 2, 21)
    return plots.contours(
        side, {"round": side[None] ** 2 + side[:, None] ** 2}, axes=axes, marks={"round": {"p": (0.0, 0.0)}}
    )


DRAWINGS = [value for name, value in dict(globals()).items() if name.startswith("draw_")]


@pytest.mark.parametrize("draw", DRAWINGS)
def test_a_figure_is_drawn_and_nothing_else_changes(draw, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings, pyplot = dict(matplotlib.rcParams), "matplotlib.pyplot" in sys.modules
    figure = draw()
    assert isinstance(figure, Figure)
    assert not list(tmp_path.iterdir())
    path = tmp_path / "figure.png"
    plots.save(path, figure)
    assert [file.name for file in tmp_path.iterdir()] == ["figure.png"]
    pixels = imread(path)[..., :3]
    assert pixels.shape[0] > 250 < pixels.shape[1]
    assert (pixels.min(axis=-1) < 0.9).mean() > 0.01  # something is drawn
    assert (pixels.max(axis=-1) > 0.95).mean() > 0.1  # on white
    assert dict(matplotlib.rcParams) == settings
    assert ("matplotlib.pyplot" in sys.modules) == pyplot


PANELS = {
    draw_trajectories: (2, 1),
    draw_trajectories_without_truth: (2, 1),
    draw_faces: (1, 5),
    draw_faces_of_another_markup: (1, 1),
    draw_decoding: (1, 2),
    draw_mean_heatmaps: (2, 3),
    draw_sweeps: (1, 2),
    draw_contours: (1, 1),
}
"""Rows and columns of axes that a function takes; the others take one `Axes`."""


@pytest.mark.parametrize("draw", DRAWINGS)
def test_a_figure_is_drawn_into_given_axes(draw):
    """The same series and labels as in a new figure; only colour bars are added beside the given axes."""
    figure = Figure(figsize=(9, 5))
    given = figure.subplots(*PANELS.get(draw, (1, 1)), squeeze=False)
    own = draw()
    assert draw(given[0, 0] if draw not in PANELS else given) is figure
    bars = len(own.axes) - len(given.flat) if draw is not draw_faces else 0
    assert len(figure.axes) == len(given.flat) + bars
    for axes, expected in zip(given.flat, own.axes, strict=False):
        assert axes.get_xlabel() == expected.get_xlabel()
        assert [line.get_label() for line in axes.get_lines()] == [line.get_label() for line in expected.get_lines()]
        for line, wanted in zip(axes.get_lines(), expected.get_lines(), strict=True):
            np.testing.assert_array_equal(line.get_xydata(), wanted.get_xydata())
    assert not figure.legends


def test_every_public_function_is_drawn_here():
    source = Path(__file__).read_text()
    for name in plots.__all__:
        assert f"plots.{name}(" in source
