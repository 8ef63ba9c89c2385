"""The comparison with mmpose's decoders, on stand-ins for its functions."""

import json

import pytest

from fhr_jax.errors import InputError
from tests.experiments.test_experiments import load

STAND_IN = """
def refine_keypoints(keypoints, heatmaps):
    return keypoints + 0.25

def refine_keypoints_dark(keypoints, heatmaps, blur_kernel_size):
    return keypoints

refine_keypoints_dark_udp = refine_keypoints_dark
"""


def test_the_functions_of_a_source_tree_are_compared(tmp_path, monkeypatch):
    module = load("mmpose_decoders")
    monkeypatch.setattr(module, "NOISES", (0.05,))
    monkeypatch.setattr(module, "KERNELS", {2.0: 11})
    with pytest.raises(InputError, match=r"no mmpose/codecs/utils/refinement.py"):
        module.load(tmp_path)
    place = tmp_path / "mmpose" / "codecs" / "utils"
    place.mkdir(parents=True)
    (place / "refinement.py").write_text(STAND_IN)
    module.main(module.Options(mmpose=tmp_path, out=tmp_path / "out", maps=40))
    row = json.loads((tmp_path / "out" / "summary.json").read_text())["rows"]["sigma 2, noise 0.05"]
    assert row["apart"]["argmax"] == 0
    assert row["mmpose"]["DARK"] == row["ours"]["argmax"]
    assert row["apart"]["quarter shift"] > 0.2
    assert 0.5 < row["ours"]["maximum_likelihood"] / row["bound"] < 1.5
