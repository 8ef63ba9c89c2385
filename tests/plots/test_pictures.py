"""Decoded heatmaps and mean heatmaps lie where their pixels are."""

import numpy as np

from fhr_jax import plots
from tests.plots.test_plots import averaged


def test_the_enlarged_part_shows_the_peak_in_the_right_place():
    heatmap = np.zeros((12, 20))
    heatmap[4, 15] = 1
    figure = plots.decoding(heatmap, {"argmax": [15, 4]}, radius=2)
    part = figure.axes[1]
    assert part.get_xlim() == (12.5, 17.5)
    assert part.get_ylim() == (6.5, 1.5)


def test_mean_heatmaps_lie_where_they_were_averaged():
    figure = plots.mean_heatmaps(averaged(), radius=4.0, sigma=1.5)
    easy, hard, profiles = figure.axes[:3]
    np.testing.assert_allclose(hard.images[0].get_array()[3:], averaged()["fractional"]["hard"][3:])
    np.testing.assert_allclose(hard.images[0].get_extent(), (-4.125, 4.125, 4.125, -4.125))
    assert easy.images[0].get_clim() == hard.images[0].get_clim() == (0, 1)
    x, y = profiles.get_lines()[1].get_data()
    np.testing.assert_allclose(y, 0.6 * np.exp(-(x**2 + 1) / 9))
    assert [easy.get_title(), hard.get_title()] == ["easy", "hard"]
    assert [line.get_label() for line in profiles.get_lines()] == ["easy", "hard", "target"]
