"""Fractional against conventional targets on a folder of photographs, from a trained net."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from fhr_jax import npz, weights
from fhr_jax.benchmark.photographs import ORIGINALS
from fhr_jax.errors import InputError
from tests import photographs
from tests.experiments.test_experiments import load
from tests.nets import SMALLEST, random_net

experiment = load("fractional_vs_conventional")


pytestmark = pytest.mark.slow  # nets are trained


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Ten faces to learn from, made of photographs twice as large, and three to test on."""
    folder = tmp_path_factory.mktemp("real_faces")
    for seed, (name, number) in enumerate((("learn", 10), ("others", 3))):
        photographs.write(folder / name, [f"{i}_1" for i in range(number)], seed=seed)
    rows = "".join(f"{i}_1,40,0.5\n" for i in range(10))
    (folder / "learn" / ORIGINALS).write_text("name,inter_ocular_px,scale\n" + rows)
    weights.save(folder / "net.npz", random_net(SMALLEST, loss="cross_entropy"))
    return folder


@pytest.fixture(scope="module")
def options(folders, tmp_path_factory):
    return experiment.Options(
        tmp_path_factory.mktemp("out"),
        data=str(folders / "learn"),
        test=(folders / "others",),
        init=str(folders / "net.npz"),
        batch=2,
        steps=2,
        seeds=(0,),
    )


@pytest.fixture(scope="module")
def summary(options):
    experiment.main(options)
    return json.loads((options.out / "summary.json").read_text())


def test_each_folder_has_its_tables(summary, options):
    assert {name: len(result["table2"]["size"]) for name, result in summary["results"].items()} == {
        "aside": 2,
        "others": 3,
    }
    assert summary["validation"].keys() == {"conventional_0", "fractional_0"}
    assert all(list(curve) == ["0", "2"] for curve in summary["validation"].values())
    assert summary["options"]["test"] == [str(path) for path in options.test]
    pictures = sorted(path.name for path in Path(options.out).glob("*.png"))
    assert pictures == [f"{what}_{name}.png" for what in ("figure5", "table2") for name in ("aside", "others")]


def test_pixels_are_those_of_the_originals(summary, options):
    for name, factor in (("aside", 2), ("others", 1)):
        faces = npz.read(options.out / f"faces_{name}.npz")
        np.testing.assert_array_equal(faces["original"], np.full(len(faces["truth"]), factor))
        found = npz.read(options.out / f"{name}_fractional_0.npz")["fractional"]
        distance = np.linalg.norm(found - faces["truth"], axis=-1).mean(axis=-1)
        pixels = summary["results"][name]["table2"]["pixels"]["fractional, Eq. 4"]["mean"]
        np.testing.assert_allclose(np.mean(pixels), factor * distance.mean(), rtol=1e-5)  # groups of one face


def test_both_nets_differ_in_the_rounding_only(options):
    data = experiment.open_data(options)
    net = weights.load(options.init)
    conventional, fractional = (
        experiment.make_plan(options, SMALLEST, net, data, target, 0) for target in experiment.TARGETS
    )
    assert (conventional.rounded, fractional.rounded) == (True, False)
    assert (conventional.recipe, conventional.seed) == (fractional.recipe, fractional.seed)
    assert repr(conventional.source) == repr(fractional.source)
    assert fractional.recipe.patience is None
    np.testing.assert_array_equal(conventional.validation.points, fractional.validation.points)


def test_another_start_needs_another_folder(summary, options):
    with pytest.raises(InputError, match="holds a run with init"):
        experiment.main(dataclasses.replace(options, init="random"))


def test_smaller_crops_have_coarser_maps(options):
    random = dataclasses.replace(options, init="random", preset="small", crop=64)
    config = experiment.make_config(random, None)
    assert (config.crop, config.heatmap, config.sigma) == (64, 16, 1.0)
    with pytest.raises(InputError, match="a multiple of 64 for small"):
        experiment.make_config(dataclasses.replace(random, crop=100), None)
    with pytest.raises(InputError, match="leave out one"):
        experiment.make_config(random, random_net(SMALLEST))
