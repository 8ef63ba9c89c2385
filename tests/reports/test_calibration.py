"""Checks of calibrations in words, as JSON and as a figure."""

import json

import numpy as np
import pytest

from fhr_jax.calibrate import Reliability
from fhr_jax.reports import calibration


def reliability(share, groups=5):
    levels = np.array(calibration.LEVELS)
    coverage = share * levels * np.linspace(0.9, 1.1, groups)[:, None]
    return Reliability(np.arange(1.0, groups + 1), np.arange(1.0, groups + 1) / share, levels, coverage, -3.25)


CHECKED = {"before": reliability(0.5), "after": reliability(1.0)}


def test_coverage_is_that_of_all_landmarks():
    assert calibration.coverage(CHECKED["before"]) == pytest.approx({p: 50 * p for p in calibration.LEVELS})


def test_in_words():
    lines = calibration.in_words(CHECKED)
    assert [line.split()[-8:] for line in lines[1:]] == [
        ["25.0", "%", "45.0", "%", "49.5", "%", "-3.250", "nats"],
        ["50.0", "%", "90.0", "%", "99.0", "%", "-3.250", "nats"],
    ]
    assert lines[0].split()[-8:] == ["50", "%", "90", "%", "99", "%", "log", "likelihood"]
    columns = [[i for i, letter in enumerate(line) if letter == "%"] for line in lines]
    assert columns[0] == columns[1] == columns[2]


def test_json():
    written = json.loads(json.dumps(calibration.as_json(CHECKED), allow_nan=False))
    assert written["after"]["inside"]["0.9"] == pytest.approx(90)
    assert np.shape(written["before"]["coverage"]) == (5, 5)
    assert written["before"]["actual"] == pytest.approx([2, 4, 6, 8, 10])


def test_figure():
    figure = calibration.figure(CHECKED)
    above = {line.get_label(): line.get_xydata() for line in figure.axes[0].get_lines()}
    np.testing.assert_allclose(above["after"], np.stack([np.arange(1, 6)] * 2, axis=1))
    np.testing.assert_allclose(above["perfect"], [[0, 0], [10, 10]])
    inside = {line.get_label(): line.get_xydata()[:, 1] for line in figure.axes[1].get_lines()}
    np.testing.assert_allclose(inside["before"], 45 * np.linspace(0.9, 1.1, 5))
    assert "90 % ellipse" in figure.axes[1].get_ylabel()
