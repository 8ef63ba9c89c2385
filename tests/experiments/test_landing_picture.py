"""The picture of the first page: a few frames, on a gray square instead of a rendered face."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from tests.experiments.test_experiments import load


@pytest.mark.slow
def test_it_draws_and_measures(tmp_path, monkeypatch, capsys):
    module = load("landing_picture")
    gray = SimpleNamespace(image=np.full((module.SIZE, module.SIZE, 3), 0.5))
    monkeypatch.setattr(module.faces, "render", lambda face, size: gray)
    module.main(module.Options(out=tmp_path, frames=20))
    jitter = json.loads((tmp_path / "summary.json").read_text())["jitter, px"]
    assert 0 < jitter["steady"] < 0.5 * jitter["raw"]
    assert (tmp_path / "steady.png").stat().st_size > 10_000
