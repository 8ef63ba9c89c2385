"""Every figure is drawn, whole, at the values that it was given, and leaves no state behind."""

import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread

from fhr_jax import plots
from fhr_jax.errors import InputError
from fhr_jax.markup import FACE7
from fhr_jax.plots import accuracy, canvas, comparisons, pictures, time_series


def rng():
    return np.random.default_rng(0)


def face_track(frames=40):
    return 100 + rng().normal(size=(frames, 68, 2)).cumsum(axis=0)


def draw_ced(path):
    plots.ced({"one": rng().gamma(4, 1, 80), "two": np.r_[rng().gamma(5, 1, 79), np.nan]}, path)


def draw_scale_table(path):
    plots.scale_table({"one": np.arange(1, 6), "two": np.arange(5) + 0.5}, np.arange(6) * 40 + 30, path)


def draw_accuracy_stability(path):
    many = {f"method {i}": (4 + i / 9, 3 - i / 5) for i in range(9)}
    plots.accuracy_stability(many | {"sweep": ([4, 5, 6], [3, 2, 1.5])}, path)


def draw_trajectories(path):
    track = face_track()
    raw = track + rng().normal(size=track.shape)
    raw[10] = np.nan
    plots.trajectories(track, {"raw": raw, "stabilized": track + 0.2}, path)


def draw_trajectories_without_truth(path):
    plots.trajectories(None, {"raw": face_track()}, path, landmark=3, axis="y", frames=(5, 30))


def draw_loss_history(path):
    seconds = np.linspace(0, 10, 20)
    plots.loss_history({"gradient": (seconds, 200 - 10 * seconds), "simplex": ([0.0], [200.0])}, path)


def draw_training(path):
    steps = np.arange(60)
    plots.training({"one": (steps, np.exp(-steps / 10)), "two": (steps, np.exp(-steps / 20))}, path)


def draw_faces(path):
    images = [rng().uniform(size=(60 + 10 * i, 80, 3)) for i in range(4)] + [np.zeros((50, 50, 3), np.uint8)]
    points = rng().uniform(10, 50, size=(5, 68, 2))
    points[0, 3] = np.nan
    plots.faces(images, {"truth": points, "prediction": points + 1}, path, titles=[str(i) for i in range(5)])


def draw_faces_of_seven_points(path):
    plots.faces([np.zeros((40, 40, 3))], rng().uniform(5, 35, size=(1, 7, 2)), path, markup=FACE7)


def draw_decoding(path):
    heatmap = np.exp(-((np.arange(20) - 8.3) ** 2)[None] / 5 - ((np.arange(16) - 5.7) ** 2)[:, None] / 5)
    plots.decoding(heatmap, {"argmax": [8, 6], "fractional": [8.3, 5.7]}, path, truth=[8.3, 5.7])


def averaged():
    side = np.linspace(-4, 4, 33)
    easy = np.exp(-(side[None] ** 2 + side[:, None] ** 2) / 4)
    hard = 0.6 * np.exp(-(side[None] ** 2 + (side[:, None] - 1) ** 2) / 9)
    hard[:3] = np.nan
    return {"fractional": {"easy": easy, "hard": hard}, "conventional": {"easy": 0.9 * easy, "hard": hard}}


def draw_averaged_maps(path):
    plots.averaged_maps(averaged(), path, reach=4.0, sigma=1.5)


def draw_bars(path):
    values = {f"method {i}": (1.0 + i / 5, 0.1 * i) for i in range(6)}
    plots.bars(values, path, label="loss", strong=["method 1"], pale=["method 5"], line=(1.2, "target"))


def draw_sweeps(path):
    x, y = np.arange(1, 6), rng().uniform(1, 9, 5)
    curves = {"swept": [(x, y), (y, x)], "one point": [(3.0, 2.0), (2.0, 3.0)]}
    plots.sweeps(curves, path, labels=[("x, px", "y, px"), ("y, px", "x, px")], strong=["swept"], logarithmic="xy")


def draw_contours(path):
    side = np.linspace(-2, 2, 21)
    plots.contours(side, {"round": side[None] ** 2 + side[:, None] ** 2}, path, marks={"round": {"p": (0.0, 0.0)}})


DRAWINGS = [value for name, value in dict(globals()).items() if name.startswith("draw_")]


@pytest.mark.parametrize("draw", DRAWINGS)
def test_draws_a_picture_and_nothing_else(draw, tmp_path):
    settings, pyplot = dict(matplotlib.rcParams), "matplotlib.pyplot" in sys.modules
    path = tmp_path / "figure.png"
    draw(path)
    assert [file.name for file in tmp_path.iterdir()] == ["figure.png"]
    pixels = imread(path)[..., :3]
    assert pixels.shape[0] > 250 < pixels.shape[1]
    assert (pixels.min(axis=-1) < 0.9).mean() > 0.01  # something is drawn
    assert (pixels.max(axis=-1) > 0.95).mean() > 0.1  # on white
    assert dict(matplotlib.rcParams) == settings
    assert ("matplotlib.pyplot" in sys.modules) == pyplot


def test_every_public_function_is_drawn_here():
    source = Path(__file__).read_text()
    for name in plots.__all__:
        assert f"plots.{name}(" in source


def figures_of(module, monkeypatch):
    """The figures that a module makes, instead of files."""
    made = []
    monkeypatch.setattr(module, "save", lambda figure, path: made.append(figure))
    return made


def test_the_cumulative_curve_passes_through_the_shares(monkeypatch):
    made = figures_of(accuracy, monkeypatch)
    errors = np.array([3.0, 1.0, np.nan, 5.0])
    plots.ced({"net": errors}, "unused")
    line = made[0].axes[0].get_lines()[0]
    x, y = line.get_data()
    assert line.get_drawstyle() == "steps-post"
    for at, share in ((0.5, 0), (1.0, 25), (4.0, 50), (7.9, 75)):
        assert y[np.searchsorted(x, at, side="right") - 1] == share
    # (7 + 5 + 3 + 0) / 8 / 4
    assert "46.9 %" in line.get_label()


def test_the_axis_goes_on_where_most_errors_are_above_the_limit(monkeypatch):
    made = figures_of(accuracy, monkeypatch)
    plots.ced({"bad": np.linspace(6, 30, 50)}, "unused")
    plots.ced({"good": np.linspace(1, 7, 50)}, "unused")
    assert made[0].axes[0].get_xlim()[1] > 25
    assert made[1].axes[0].get_xlim()[1] == 8


def test_trajectories_choose_the_landmark_and_axis_that_move_most(monkeypatch):
    made = figures_of(time_series, monkeypatch)
    track = np.zeros((20, 68, 2))
    track[:, 31, 1] = np.arange(20)
    plots.trajectories(track, {"late": np.roll(track, 1, axis=0)}, "unused")
    above, below = made[0].axes
    assert "landmark 31" in above.get_title(loc="left")
    assert above.get_ylabel() == "y, px"
    np.testing.assert_array_equal(above.get_lines()[0].get_ydata(), np.arange(20))
    np.testing.assert_array_equal(below.get_lines()[1].get_ydata()[1:], -1)


def test_a_start_at_zero_seconds_is_visible_on_the_logarithmic_axis(monkeypatch):
    made = figures_of(time_series, monkeypatch)
    plots.loss_history({"fit": (np.array([0.0, 0.5, 2.0]), np.array([9.0, 8.0, 7.0]))}, "unused")
    axes = made[0].axes[0]
    assert axes.get_xscale() == "log"
    assert (axes.get_lines()[0].get_xdata() > 0).all()
    assert axes.get_lines()[0].get_label() == "fit: 7 after 2 s"


def test_the_enlarged_part_shows_the_peak_in_the_right_place(monkeypatch):
    made = figures_of(pictures, monkeypatch)
    heatmap = np.zeros((12, 20))
    heatmap[4, 15] = 1
    plots.decoding(heatmap, {"argmax": [15, 4]}, "unused", reach=2)
    part = made[0].axes[1]
    assert part.get_xlim() == (12.5, 17.5)
    assert part.get_ylim() == (6.5, 1.5)


def test_averaged_maps_lie_where_they_were_averaged(monkeypatch):
    made = figures_of(pictures, monkeypatch)
    plots.averaged_maps(averaged(), "unused", reach=4.0, sigma=1.5)
    easy, hard, profiles = made[0].axes[:3]
    np.testing.assert_allclose(hard.images[0].get_array()[3:], averaged()["fractional"]["hard"][3:])
    np.testing.assert_allclose(hard.images[0].get_extent(), (-4.125, 4.125, 4.125, -4.125))
    assert easy.images[0].get_clim() == hard.images[0].get_clim() == (0, 1)
    x, y = profiles.get_lines()[1].get_data()
    np.testing.assert_allclose(y, 0.6 * np.exp(-(x**2 + 1) / 9))
    assert [easy.get_title(), hard.get_title()] == ["easy", "hard"]
    assert [line.get_label() for line in profiles.get_lines()] == ["easy", "hard", "target"]


def test_looks_differ_for_as_many_series_as_a_figure_can_bear():
    looks = canvas.series_styles(str(i) for i in range(20))
    assert len(set(looks.values())) == 20


def test_a_missing_folder_is_named_and_nothing_is_written(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        draw_training(tmp_path / "nowhere" / "figure.png")
    assert not list(tmp_path.iterdir())


def test_a_bar_is_as_long_as_its_value_and_the_first_is_on_top(monkeypatch):
    made = figures_of(comparisons, monkeypatch)
    plots.bars({"good": (0.5, 0.1), "bad": (2.0, 0.0)}, "unused", label="loss", line=(0.8, "target"))
    axes = made[0].axes[0]
    assert [bar.get_width() for bar in axes.patches] == [0.5, 2.0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["good", "bad"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert [text.get_text() for text in axes.texts] == ["0.500", "2.00"]
