"""Every experiment runs on a few short tracks, and what it writes is finite and says what it should."""

import dataclasses
import importlib.util
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from fhr_jax import stabilizer
from fhr_jax.benchmark import decoder_tables, options
from fhr_jax.data.faces import anatomy
from fhr_jax.errors import InputError
from fhr_jax.losses import LossWeights

FOLDER = Path(__file__).parents[2] / "experiments"
FRAMES = 48
TINY = {"seeds": (0,), "frames": FRAMES, "steps": 1}


def load(name):
    spec = importlib.util.spec_from_file_location(f"experiment_{name.replace('/', '_')}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("XLA_FLAGS", raising=False)
        spec.loader.exec_module(module)
        assert "XLA_FLAGS" not in os.environ, "processes that later tests start would get these flags"
    return module


@pytest.fixture
def instead_of_fits(monkeypatch):
    """Fits return their initial parameters: other tests check fits, and compiling one is slow."""

    calls = []

    def return_initial(*videos, init_params, **options):
        calls.append(options)
        return stabilizer.Fit(init_params, stabilizer.History([0.0], [1], [1.0]), 0.0)

    monkeypatch.setattr(stabilizer, "fit_recommended", return_initial)
    monkeypatch.setattr(stabilizer, "fit_gradient", return_initial)
    return calls


def run(name, out, module=None, **options):
    """What it wrote, every number of which must be finite (NaN is refused when it is written, and here)."""
    module = load(name) if module is None else module
    module.main(module.Options(out=out, **options))
    text = (out / "summary.json").read_text()
    assert "NaN" not in text
    for picture in out.glob("*.png"):
        assert picture.stat().st_size > 1000
    return json.loads(text), sorted(picture.name for picture in out.glob("*.png"))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Five tracks with truth: the mean face, swaying."""
    folder, rng = tmp_path_factory.mktemp("tracks"), np.random.default_rng(0)
    time = np.arange(FRAMES)[:, None, None]
    for i in range(5):
        sway = 8 * np.sin(time / 6 + rng.uniform(0, 6, (1, 1, 2)))
        truth = 100 + 90 * np.asarray(anatomy.MEAN)[None, :68, :2] + sway
        np.savez(folder / f"{i}.npz", predictions=truth + rng.normal(size=truth.shape), truth=truth)
    return str(folder)


@pytest.fixture(scope="module")
def fits(tmp_path_factory, source):
    """Parameters that the experiments read instead of fitting them: the paper's start and that of the extended."""
    import jax

    from fhr_jax.benchmark import protocol

    folder = tmp_path_factory.mktemp("fits")
    videos = protocol.batch(protocol.make_split(0, source=source, frames=FRAMES).train)
    stabilizer.save(folder / "paper_0.npz", stabilizer.paper_init(videos))
    stabilizer.save(folder / "recommended_0.npz", stabilizer.extended_init(jax.random.key(0), videos))
    return folder


@pytest.mark.slow
def test_ablation(tmp_path, source, instead_of_fits):
    only = ("raw", "first order", "RTS smoother", "paper's model", "recommended", "look-ahead 1")
    summary, pictures = run("stabilizer_ablation", tmp_path, data=source, only=only, **TINY)
    table = summary["table"]
    assert summary["best_baseline"] == "first order"
    assert table["first order"]["ratio"]["mean"] == 1.0
    # Independent noise on a smooth motion: filtering helps, and seeing the future helps more.
    assert table["RTS smoother"]["loss"]["mean"] < table["first order"]["loss"]["mean"] < table["raw"]["loss"]["mean"]
    assert table["look-ahead 1"]["loss"]["mean"] < table["raw"]["loss"]["mean"]
    assert set(table) == set(only)
    assert pictures == ["loss.png"]
    assert (tmp_path / "recommended_0.npz").exists()


def test_figure2(tmp_path):
    summary, _ = run("figure2_contours", tmp_path, points=9)
    axes = summary["along_over_across"]
    # By hand, for a step of 2 px: 1 / sqrt(1 + lambda2 / 2^2), and sqrt(lambda3 / (4^2 + lambda3)) the other way round.
    np.testing.assert_allclose(axes["Euclidean loss"], 1, rtol=1e-5)
    np.testing.assert_allclose(axes["with delay term"], 1 / np.sqrt(1 + 10 / 4), rtol=1e-4)
    np.testing.assert_allclose(axes["distance to the midpoint"], 1, rtol=1e-5)
    np.testing.assert_allclose(axes["smooth loss"], np.sqrt(17), rtol=1e-4)


def test_figure3(tmp_path, source, fits, instead_of_fits):
    summary, pictures = run("figure3_delay", tmp_path, data=source, fits=fits, window=30, **TINY)
    methods = summary["methods"]
    assert methods["raw"]["landmarks_with_smaller_angle"] == 0
    # The motion of two independent observations: 2 coordinates, twice the variance of 1 px^2.
    np.testing.assert_allclose(methods["raw"]["squared"], 4, rtol=0.1)
    assert methods["paper's model"]["landmarks_with_smaller_motion_error"] > 60
    assert pictures == ["landmarks.png", "trajectory.png"]


def test_figure6(tmp_path, source, fits, instead_of_fits, monkeypatch):
    monkeypatch.setattr(stabilizer, "smooth", lambda params, track, *, lag: track)
    summary, _ = run(
        "figure6_tradeoff",
        tmp_path,
        data=source,
        fits=fits,
        lambdas=(1.0, 10.0),
        baselines=("moving average",),
        **TINY,
    )
    smooth = summary["mean"]["moving average"]
    assert smooth["stability"][1] <= smooth["stability"][0] < summary["mean"]["raw"]["stability"][0]
    assert smooth["delay"][1] >= smooth["delay"][0]
    assert set(summary["dominated"]) == {"nrmse", "delay"}
    for name in options.LOOK_AHEAD:  # with a stand-in that returns the track
        assert summary["mean"][name] == summary["mean"]["raw"]


def test_where_a_model_is_dominated():
    module = load("figure6_tradeoff")
    ours = {"nrmse": [1.0, 2.0], "stability": [2.0, 1.0]}
    worse, better = {"nrmse": [1.1, 2.0], "stability": [2.0, 1.5]}, {"nrmse": [3.0, 0.9], "stability": [0.9, 1.9]}
    table = {"recommended": ours, "worse": worse}
    assert module.dominated(table, (1.0, 3.0), "nrmse") == []
    found = module.dominated(table | {"better": better}, (1.0, 3.0), "nrmse")
    assert found == ["lambda_1 = 1.0, by better at 3.0"]


@pytest.mark.slow
def test_figure7(tmp_path, source, fits):
    summary, pictures = run("figure7_second_order", tmp_path, data=source, fits=fits, draws=2, **TINY)
    parts = summary["parts"]
    assert len(pictures) == 5
    assert set(parts) > {"step", "ramp", "turn back", "oscillation"}
    # Noise alone makes no delay; smoothing does.
    assert abs(parts["ramp"]["raw"]["delay"]["mean"]) < 0.4 < parts["ramp"]["One Euro"]["delay"]["mean"]
    assert "delay" not in parts["test videos, fastest quarter of the frames"]["raw"]


def test_table3(tmp_path, source, fits, instead_of_fits):
    summary, _ = run("table3_loss_terms", tmp_path, data=source, fits=fits, **TINY)
    assert len(summary["table"]) == 9
    # The whole loss was fitted before; each other one by both models.
    inf, weights = float("inf"), [options["weights"] for options in instead_of_fits]
    others = (LossWeights(delay=0.0), LossWeights(even_steps=inf), LossWeights(delay=0.0, even_steps=inf))
    assert weights == [w for w in others for _ in "ab"]
    for row in summary["table"].values():
        assert row["stability"]["mean"] <= summary["table"]["raw"]["stability"]["mean"]


@pytest.mark.slow
def test_blinks(tmp_path, source, fits):
    options = TINY | {"frames": 150, "baselines": ("first order",)}
    summary, pictures = run("blinks", tmp_path, data=source, fits=fits, clips=3, **options)
    raw = summary["table"]["raw"]
    np.testing.assert_allclose([raw["lids"]["mean"], raw["lips"]["mean"]], 1, atol=0.15)
    assert abs(raw["lids_delay"]["mean"]) <= 0.2
    assert raw["meets_target"] is True
    assert summary["table"]["first order"]["lids"]["mean"] < raw["lids"]["mean"]
    assert pictures == ["blink.png"]


@pytest.mark.slow
def test_time_per_frame(tmp_path):
    summary, _ = run("bench/time_per_frame", tmp_path, frames=40, rounds=2, small=True)
    assert all(low <= median <= high for low, median, high in summary["us_a_frame"].values())
    assert set(summary["targets"]) < set(summary["us_a_frame"])
    assert summary["gradient"]["full"]["ratio"] > 1


@pytest.mark.slow
def test_tracked_frame(tmp_path):
    pytest.importorskip("av")
    summary, _ = run("bench/tracked_frame", tmp_path, frames=9)
    assert set(summary["ways"]) == {"both views", "one view", "first stack, both views", "first stack, one view"}
    assert summary["frames"] == 4
    assert summary["ways"]["first stack, one view"]["relative"] < 0.9
    first = summary["first_frame_seconds"]
    assert 0 < first["kept programs"] < first["compiled"]


@pytest.mark.slow
def test_memory_of_the_smoother(tmp_path):
    summary, pictures = run("bench/memory", tmp_path, frames=1000, smooth=True)
    (row,) = summary["marks"]["default, smooth"]
    assert row["finite"]
    assert row["frames"] == 1000
    assert row["MiB"] > 50
    assert pictures == ["memory.png"]


@pytest.mark.slow
def test_loader(tmp_path):
    pytest.importorskip("PIL")
    summary, _ = run("bench/loader", tmp_path, photographs=4, rounds=1, seconds=0.2, workers=(0,))
    assert set(summary["processor_ms_an_image"]) == {"host", "host, 12 megapixels", "device"}
    assert min(summary["images_a_second"]["0 workers"].values()) > 0


def test_network(tmp_path, monkeypatch):
    pytest.importorskip("torch", reason='PyTorch is not installed: pip install -e ".[torch]"')
    monkeypatch.syspath_prepend(FOLDER / "bench")
    module = load("bench/network")
    monkeypatch.setattr(module.torch, "set_num_threads", lambda _: None)  # more threads than idle cores only spin
    options = {"preset": "tiny", "batch": 2, "rounds": 1, "only": "network"}
    summary, pictures = run("bench/network", tmp_path, module, **options)
    network = summary["network"]
    assert network["maps_differ"] < 1e-4 < network["maps_sd"]
    here, there = network["first_losses"]  # in training, where normalizations take the statistics of the batch
    np.testing.assert_allclose(here, there, rtol=1e-5)
    assert set(network["training step"]["ms_a_crop"]) == {"JAX", "PyTorch"}
    assert network["inference"]["speed_over"]["PyTorch"] > 0
    assert pictures == ["network.png"]


@pytest.mark.slow
def test_whole_path(tmp_path, monkeypatch):
    pytest.importorskip("torch", reason='PyTorch is not installed: pip install -e ".[torch]"')
    monkeypatch.syspath_prepend(FOLDER / "bench")
    summary, _ = run("bench/network", tmp_path, preset="tiny", rounds=1, path=(1, 3), only="path")
    for batch in ("1", "3"):
        low, median, high = summary["path"][batch]["mirrored"]
        assert 0 < low <= median <= high


def test_the_peer_of_the_benchmark_is_one_euro():
    from fhr_jax import filters

    track = 100 + np.random.default_rng(0).normal(size=(30, 5, 2)).cumsum(axis=0)
    peer = load("bench/time_per_frame").one_euro_numpy(track, 2.0, 0.1, 1.3, 30.0)
    ours = filters.run(filters.one_euro(min_cutoff=2.0, beta=0.1, d_cutoff=1.3), track.astype(np.float32))
    np.testing.assert_allclose(peer, ours, atol=1e-3)


@pytest.fixture(scope="module")
def seven_points():
    """Seven points on a random walk, observed with noise."""
    rng = np.random.default_rng(0)
    truth = 100 + rng.normal(size=(3, 40, 7, 2)).cumsum(axis=1)
    return stabilizer.as_videos(*(part.astype(np.float32) for part in (truth + rng.normal(size=truth.shape), truth)))


def test_fits_are_kept_and_read(seven_points, tmp_path):
    chosen = options.BenchmarkOptions(tmp_path, steps=1, fits=tmp_path)
    made = options.fit_models(chosen, 3, seven_points)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["paper_3.npz", "recommended_3.npz"]
    assert made[options.PAPER].velocity is None
    assert made[options.RECOMMENDED].recurrent is not None
    paper = stabilizer.paper_init(seven_points)
    stabilizer.save(tmp_path / "paper_3.npz", paper)
    again = options.fit_models(chosen, 3, seven_points)
    np.testing.assert_array_equal(again[options.PAPER].noise, paper.noise)
    np.testing.assert_array_equal(again[options.RECOMMENDED].noise, made[options.RECOMMENDED].noise)


def test_a_fit_continues_from_the_parameters_of_another(seven_points):
    first = options.fit_model(options.PAPER, seven_points, steps=3)
    later = options.fit_model(
        options.PAPER, seven_points, init_params=first.params, steps=2, weights=LossWeights(smooth=3.0)
    )
    assert later.history.loss[-1] < later.history.loss[0]


def test_the_recommended_fit_starts_from_the_default_and_keeps_its_outliers(seven_points):
    default = stabilizer.default_params(7)
    fit = stabilizer.fit_recommended(seven_points, steps=8)
    assert fit.history.loss[-1] < fit.history.loss[0]
    assert fit.params.outliers == default.outliers
    np.testing.assert_array_equal(fit.params.basis, stabilizer.motion_basis(seven_points.truth))
    begun = stabilizer.fit_recommended(seven_points, init_params=fit.params, steps=1).history.loss[0]
    np.testing.assert_allclose(begun, fit.history.loss[-1], rtol=1e-3)


@pytest.mark.slow
def test_faces_ablation(tmp_path, capsys):
    module = load("faces_ablation")
    photographs = tmp_path / "photographs"
    contact_photographs(photographs)
    options = module.Options(
        out=tmp_path / "out",
        data=photographs,
        variants=("full", "degradation", "glasses"),
        chosen_on=("0", "1"),
        preset="tiny",
        steps=1,
    )
    summary = module.main(options)
    assert set(summary["results"]) == {"full", "degradation", "glasses"}
    assert len(summary["results"]["full"][0]["images"]) == 3
    nets = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*_0.npz")}
    assert len(nets) == 3
    assert module.main(options)["results"] == summary["results"]  # nothing is trained again
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*_0.npz")} == nets
    with pytest.raises(InputError, match="name another --out"):
        module.main(dataclasses.replace(options, steps=2))
    with pytest.raises(InputError, match="--variants"):
        module.main(dataclasses.replace(options, variants=("noses",)))


def contact_photographs(folder):
    from PIL import Image

    from fhr_jax.data.io import pts

    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in "012":
        Image.fromarray(rng.integers(0, 255, (80, 90, 3), np.uint8)).save(folder / f"{name}.png")
        pts.write(folder / f"{name}.pts", 45 + 20 * anatomy.MEAN[:68, :2] + rng.normal(size=(68, 2)))


@pytest.mark.slow
def test_contact_sheets(tmp_path):
    from PIL import Image

    module = load("contact_sheets")
    module.main(module.Options(out=tmp_path / "sheets", size=64, columns=4))
    for name in ("faces.jpg", "clip.jpg"):
        with Image.open(tmp_path / "sheets" / name) as sheet:
            assert sheet.size == (256, 256)


def test_the_papers_configuration(tmp_path, contact_faces):
    from fhr_jax import weights
    from fhr_jax.hourglass import PAPER
    from fhr_jax.train import recipe
    from tests.nets import SMALLEST

    module = load("paper")
    assert module.CONFIG == PAPER
    assert module.RECIPE == recipe.PAPER
    options = module.Options(out=tmp_path / "run", data=str(contact_faces), epochs=1, workers=0)
    net = weights.load(module.main(options, SMALLEST))
    assert (net.config, net.loss) == (SMALLEST, "squared")
    with pytest.raises(InputError, match="holds a run with epochs = 1, not 2"):
        module.main(dataclasses.replace(options, epochs=2), SMALLEST)


def test_the_modern_configuration(contact_faces, monkeypatch):
    from fhr_jax.hourglass import PAPER, TINY
    from fhr_jax.train import recipe

    monkeypatch.syspath_prepend(FOLDER)  # as for a script, beside which `paper` lies
    module = load("modern")
    assert module.CONFIG == PAPER
    assert module.RECIPE == recipe.MODERN
    made = []
    monkeypatch.setattr(module.paper, "train", lambda *arguments: made.append(arguments))
    options = module.paper.Options(out=contact_faces, data=str(contact_faces))
    module.main(options, TINY)
    ((_, config, chosen, faces),) = made
    assert (config, chosen, len(faces.source)) == (TINY, recipe.MODERN, 8)
    assert faces.validation.images.shape == (64, 32, 32, 3)


def test_recipes_from_the_papers_to_a_modern_one(tmp_path, few_faces, monkeypatch):
    import jax

    from fhr_jax.train import QUICK
    from tests.nets import SMALLEST

    module = load("recipe_ablation")
    # Rendering, which has tests of its own, takes longest to compile.
    monkeypatch.setattr(module.examples, "synthetic_examples", lambda key, size: _noise)
    held_out = _noise(jax.random.key(0), {"index": range(16)})
    monkeypatch.setattr(module.examples, "synthetic_batch", lambda key, indices, size: held_out)
    monkeypatch.setitem(module.PRESETS, "tiny", SMALLEST)
    made = module.recipes()
    assert made["the paper's"] == module.PAPER
    assert made["+ clipped gradients"] == QUICK
    rows = ("the paper's", "+ averaged parameters")
    options = {"data": few_faces, "preset": "tiny", "images": 12, "rows": rows}
    summary, pictures = run("recipe_ablation", tmp_path / "out", **options)
    assert tuple(summary["results"]) == rows
    assert set(summary["results"][rows[0]][0]) >= {"synthetic", "photographs", "images_per_second"}
    assert pictures == ["recipes.png"]
    nets = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*/net.npz")}
    assert len(nets) == 2
    assert run("recipe_ablation", tmp_path / "out", **options)[0]["results"] == summary["results"]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*/net.npz")} == nets
    with pytest.raises(InputError, match="--rows"):
        module.main(module.Options(out=tmp_path, rows=("+ magic",)))
    with pytest.raises(InputError, match="holds a run with images = 12, not 48"):
        run("recipe_ablation", tmp_path / "out", **options | {"images": 48})


def _noise(key, batch):
    from jax import random

    from fhr_jax.data.examples import Examples

    number = len(batch["index"])
    return Examples(random.uniform(key, (number, 32, 32, 3)), random.uniform(key, (number, 68, 2), maxval=31.0))


@pytest.fixture(scope="module")
def contact_faces(tmp_path_factory):
    """A folder of photographs with landmarks: 64 to validate on, and a few more."""
    return _contact_faces(tmp_path_factory.mktemp("photographs"), 72)


@pytest.fixture(scope="module")
def few_faces(tmp_path_factory):
    """A folder of a few photographs with landmarks."""
    return _contact_faces(tmp_path_factory.mktemp("few_photographs"), 8)


def _contact_faces(folder, number):
    from PIL import Image

    from fhr_jax.data.io import pts

    rng = np.random.default_rng(0)
    for i in range(number):
        Image.fromarray(rng.integers(0, 255, (60, 60, 3), np.uint8)).save(folder / f"{i}.png")
        pts.write(folder / f"{i}.pts", rng.uniform(10, 50, (68, 2)))
    return folder


def test_weaknesses(tmp_path):
    from fhr_jax import weights
    from tests.nets import SMALLEST, random_net

    weights.save(tmp_path / "net.npz", random_net(SMALLEST, loss="cross_entropy"))
    summary, pictures = run("weaknesses", tmp_path / "out", net=tmp_path / "net.npz", faces=48)
    rows = summary["groups"]
    assert pictures == ["weaknesses.png"]
    assert rows["all"]["mean"] > 20  # that net knows nothing
    by_yaw = [rows[name]["share"] for name in ("turned by less than 15 degrees", "15 to 30")]
    assert 0.5 < sum(by_yaw) < 1
    assert rows["darkest third of skins"]["share"] == pytest.approx(1 / 3, abs=0.03)
    found = load("weaknesses").row(np.array([2.0, 4.0, 9.0]))
    assert (found["mean"], found["median"], found["missed"]) == (5, 4, pytest.approx(100 / 3))
    assert found["error"] == pytest.approx(np.sqrt(13 / 3))
    with pytest.raises(InputError, match="--faces is 1"):
        run("weaknesses", tmp_path / "out", faces=1)


def test_decoders_on_a_net(tmp_path, few_faces, monkeypatch):
    from fhr_jax import evaluate, weights
    from fhr_jax.data.open_dataset import open_dataset
    from tests.nets import SMALLEST, random_net

    net = random_net(SMALLEST, loss="cross_entropy")
    weights.save(tmp_path / "net.npz", net)
    module = load("decoders_on_a_net")
    monkeypatch.setattr(module.heatmap, "DECODERS", ("argmax", "least_squares"))
    options = {"net": tmp_path / "net.npz", "data": few_faces, "faces": 8}
    summary, pictures = run("decoders_on_a_net", tmp_path / "out", **options)
    rows = summary["nrmse"]
    expected = evaluate.errors(evaluate.predict_records(net, open_dataset(few_faces), decoder="argmax")).mean()
    assert rows["argmax"]["photographs"] == pytest.approx(expected, rel=1e-5)
    assert rows["argmax"]["clean"] != rows["least_squares"]["clean"]
    assert pictures == ["decoders_clean.png", "decoders_degraded.png", "decoders_photographs.png"]


def test_decoder_study(tmp_path, monkeypatch):
    module = load("decoder_study")
    few = {name: (label, dict(list(cases.items())[-2:])) for name, (label, cases) in module.SWEEPS.items()}
    for name in ("sigma", "size"):  # each value of these is another set of programs
        few[name] = (few[name][0], {k: case._replace(size=32, sigma=1.5) for k, case in few[name][1].items()})
    monkeypatch.setattr(module, "SWEEPS", few)
    summary, pictures = run("decoder_study", tmp_path, module=module, centres=4, draws=6)
    assert pictures == ["kinds.png", "noise.png", "peaks.png"]
    strong = summary["sweeps"]["additive"]["0.2"]
    assert strong[module.BOUND]["rms"] == pytest.approx(0.2 * np.sqrt(2 / np.pi), rel=0.05)
    assert strong["dark"]["rms"] < strong["argmax"]["rms"]
    assert summary["sweeps"]["mismatch"]["1.25"]["least_squares"]["rms"] < 0.2


def test_the_figures_of_a_decoder():
    module = load("decoder_study")
    rng = np.random.default_rng(0)
    points, noise = rng.uniform(size=(30, 2)), rng.normal(size=(400, 30, 2))
    errors = 0.1 * noise + 0.2 * np.sign(points - 0.5)[None]
    errors[:40] = 5.0
    found = module.figures(errors)
    assert found == pytest.approx({"bias": 0.2, "deviation": 0.1, "rms": np.hypot(0.2, 0.1), "failures": 0.1}, rel=0.02)
    assert module.figures(0.1 * noise)["bias"] < 0.003


@pytest.mark.slow
def test_confidence(tmp_path):
    from fhr_jax import calibrate, weights
    from tests.nets import random_net

    net = random_net(loss="cross_entropy")
    weights.save(tmp_path / "net.npz", net)
    options = {"net": tmp_path / "net.npz", "faces": 16, "clips": 1, "frames": 4}
    with pytest.raises(InputError, match="no calibration"):
        run("confidence", tmp_path / "out", **options)
    weights.save(tmp_path / "net.npz", net._replace(calibration=calibrate.uncalibrated(net)))
    summary, pictures = run("confidence", tmp_path / "out", **options)
    assert pictures == ["reliability.png"]
    assert set(summary["reliability"]) == {"synthetic faces"}
    assert summary["clips"]["loss_ratio"]["mean"] > 0


@pytest.mark.slow
def test_fractional_against_conventional(tmp_path):
    nets = tmp_path / "nets"
    module = load("fractional_vs_conventional")
    options = module.Options(nets, preset="tiny", steps=2, seeds=(0, 1), faces=10, batch=2)
    summary = module.main(options)["results"]["synthetic"]
    for row in summary["table1"].values():
        assert np.isfinite([row[figure]["mean"] for figure in decoder_tables.FIGURES]).all()
        for gain in row["gain"].values():
            assert gain["interval"][0] <= gain["mean"] <= gain["interval"][1]
    gains = summary["table2"]["gain"][module.label(module.FHR)]
    pixels = [
        summary["table2"]["pixels"][name]["mean"] for name in (module.label(module.CHR), module.label(module.FHR))
    ]
    np.testing.assert_allclose([gain["mean"] for gain in gains], np.subtract(*pixels), atol=1e-4)
    assert sorted(path.name for path in nets.glob("*.png")) == ["figure5_synthetic.png", "table2_synthetic.png"]
    made = {path.name: path.stat().st_mtime_ns for path in nets.glob("*_*.npz")}
    assert len(made) == 2 * 4 + 1  # nets, what was read in their maps, faces
    assert module.main(options)["results"]["synthetic"] == summary  # nothing is made again
    assert {path.name: path.stat().st_mtime_ns for path in nets.glob("*_*.npz")} == made
    with pytest.raises(InputError, match="steps = 2"):
        module.main(dataclasses.replace(options, steps=3))

    figure4 = load("figure4_averages")
    averages = figure4.main(figure4.Options(nets, tmp_path / "figure4"))
    assert averages["of_each"] == 2
    assert set(averages["figures"]) == {"conventional", "fractional"}
    with pytest.raises(InputError, match="faces_private"):
        figure4.main(figure4.Options(nets, tmp_path / "figure4", faces="private"))


@pytest.mark.slow
def test_fractional_against_conventional_on_photographs(tmp_path):
    from fhr_jax import cli
    from tests import trees

    source, datasets = trees.tree_300w(tmp_path / "tree"), tmp_path / "datasets"
    assert cli.main(["data", "build", "face300w", "--source", str(source), "--out", str(datasets)]) == 0
    module = load("fractional_vs_conventional")
    real = {"data": "face300w", "directory": datasets, "recipe": "paper", "batch": 2}
    results = module.main(module.Options(tmp_path / "out", preset="tiny", steps=1, seeds=(0,), **real))["results"]
    assert {name: len(result["table2"]["size"]) for name, result in results.items()} == {
        "challenging": 2,
        "full": 5,
        "private": 2,
    }
    pictures = sorted(path.name for path in (tmp_path / "out").glob("*.png"))
    assert pictures == [f"{what}_{split}.png" for what in ("figure5", "table2") for split in sorted(results)]


def test_the_shape_of_an_average():
    module = load("figure4_averages")
    side = np.linspace(-6, 6, 49)
    squared = side[None] ** 2 + side[:, None] ** 2
    own = module.shape(0.5 * np.exp(-squared / 4.5), 6, 1.5)
    assert own == pytest.approx({"height": 0.5, "likeness": 1.0, "width": 1.0})
    wide = module.shape(np.exp(-squared / 9), 6, 1.5)
    assert wide["likeness"] < 0.97
    assert wide["width"] > 1.1


@pytest.mark.slow
def test_many_records(tmp_path):
    summary, _ = run("bench/many_records", tmp_path, records=2000)
    assert summary["resumes exactly"]
    assert summary["from the start"]["start_seconds"] < 60


@pytest.mark.slow
def test_long_runs(tmp_path):
    summary, _ = run("bench/long_runs", tmp_path, frames=(20_000, 60_000), hours=0.05)
    smooth, track = summary["smooth"], summary["track"]
    assert [row["frames"] for row in smooth["tracks"]] == [20_000, 60_000]
    assert smooth["bytes_a_frame"] < 3_000  # input and output take 1,088
    assert track["frames"] == 720
    assert track["with a face"] > 400
    assert track["open files"]["last tenth"] <= track["open files"]["first tenth"]
    assert abs(track["growth"]) < 0.5  # the detector is compiled when the face is lost for the first time
