"""Other markups through the commands: a run, its net, and what the commands say."""

import json
from fractions import Fraction

import numpy as np
import pytest

from fhr_jax import cli, exported, log, markup, npz, pipeline, weights
from fhr_jax.cli import markups
from fhr_jax.data.io import pts, video
from fhr_jax.errors import InputError
from tests.markup.mean_faces import FACES
from tests.markup.test_definition import FIVE
from tests.nets import SMALLEST, random_net, shared_programs

pytest.importorskip("cv2")

FIVE_OF_68 = [36, 45, 30, 48, 54]
FACE5 = FACES[markup.FACE68][FIVE_OF_68]


@pytest.fixture(scope="module", autouse=True)
def compiled_once():
    with shared_programs() as programs:
        yield programs


def draw(folder, face, *, number=6):
    """Pictures with the landmarks of a face as dots, and their .pts."""
    from PIL import Image

    folder.mkdir(exist_ok=True)
    for i in range(number):
        image = np.full((96, 96, 3), 30, np.uint8)
        points = [46 + i, 36] + (24 + i) * face
        for x, y in points.round().astype(int):
            image[y - 1 : y + 2, x - 1 : x + 2] = 220
        Image.fromarray(image).save(folder / f"{i}.png")
        pts.write(folder / f"{i}.pts", points)
    return folder


def train(data, out, *more):
    return cli.main(
        [
            *("train", "--out", str(out), "--preset", "tiny", "--data", str(data), "--holdout", "2", "--batch", "2"),
            *("--steps", "2", "--save-every", "2", "--validate-every", "2", *more),
        ]
    )


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("five") / "photos", FACE5)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("markup") / "five.toml"
    path.write_text(FIVE)
    return path


@pytest.fixture(scope="module")
def net(photographs, file, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "five"
    assert train(photographs, out, "--markup", str(file)) == 0
    return out / "net.npz"


def test_a_run_writes_the_markup_into_the_net(net, file):
    five = weights.load(net).markup
    assert five == markup.read(file)
    assert weights.load(net.parent / "best.npz").markup == five
    assert log.read_config(net.parent)["markup"] == markup.definition(five)
    assert "5 landmarks of five" in repr(weights.load(net))


def test_a_run_resumes_with_the_same_markup_only(net, photographs, file, tmp_path, capsys):
    copy = tmp_path / "copy.toml"
    copy.write_text(file.read_text())
    assert train(photographs, net.parent, "--markup", str(copy)) == 0
    copy.write_text(FIVE.replace("[3, 4]]\nnorm", "[2, 4]]\nnorm"))
    capsys.readouterr()
    assert train(photographs, net.parent, "--markup", str(copy)) == 2
    assert "holds a run with markup = " in capsys.readouterr().err


def test_evaluate_needs_no_option_for_such_a_net(net, photographs, tmp_path, capsys):
    out = tmp_path / "out"
    assert cli.main(["evaluate", "--data", str(photographs), "--net", str(net), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "percent of the distance between landmark 0 and landmark 1; markup five (5 points)" in said
    arrays = npz.read(out / "predictions.npz")
    assert arrays["predictions"].shape == (6, 5, 2)
    truth, found = arrays["ground_truth"], arrays["predictions"]
    error = np.linalg.norm(truth - found, axis=-1).mean(axis=1) / np.linalg.norm(truth[:, 0] - truth[:, 1], axis=-1)
    assert json.loads((out / "summary.json").read_text())["nrmse"] == pytest.approx(100 * error.mean(), rel=1e-4)
    assert len(list((out / "pictures").iterdir())) == 6

    assert (
        cli.main(["evaluate", "--data", str(photographs), "--net", str(net), "--out", str(out), "--markup", "7"]) == 2
    )
    assert "markup seven (7 points): the net has 5 landmarks" in capsys.readouterr().err


def test_predictions_of_another_markup(net, file, tmp_path, capsys):
    rng = np.random.default_rng(0)
    truth = FACE5 * 80 + rng.normal(size=(4, 5, 2))
    npz.write(tmp_path / "a.npz", {"ground_truth": truth, "predictions": truth + np.array([3.0, 4.0])})
    command = ["evaluate", "--predictions", f"{tmp_path}/a.npz", "--out", str(tmp_path / "out")]
    assert cli.main([*command, "--markup", str(file)]) == 0
    assert f"NRMSE {(500 / np.linalg.norm(truth[:, 0] - truth[:, 1], axis=1)).mean():.3f} %" in capsys.readouterr().out
    assert cli.main(command) == 0
    said = capsys.readouterr().out
    assert "percent of the size of the box of the true landmarks" in said
    assert f"NRMSE {(500 / np.sqrt(np.ptp(truth, axis=1).prod(axis=1))).mean():.3f} %" in said
    assert cli.main([*command, "--markup", "wflw"]) == 2
    assert "5 landmarks, but the markup is wflw (98 points)" in capsys.readouterr().err


def test_track_draws_the_lines_of_the_net(net, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pipeline.aligner.Aligner, "is_face", lambda *_, **__: True)
    image = np.full((96, 96, 3), 30, np.uint8)
    with video.writer(tmp_path / "a.mp4", size=(96, 96), rate=Fraction(25)) as write:
        for number in range(3):
            write(image, number / 25)
    drawn = []
    monkeypatch.setattr("fhr_jax.overlay.draw", lambda image, *_, markup, **more: drawn.append(markup) or image)
    command = ["track", f"{tmp_path}/a.mp4", "--net", str(net), "--out", str(tmp_path / "out"), "--box", "20,20,50,50"]
    assert cli.main(command) == 0
    arrays = npz.read(tmp_path / "out" / "landmarks.npz")
    assert arrays["landmarks"].shape == (3, 5, 2)
    assert arrays["covariance"].shape == (3, 5, 2, 2)
    assert {each.name for each in drawn} == {"five"}
    assert "no mirror averaging" not in capsys.readouterr().out


def test_an_exported_net_and_an_imported_one_keep_it(net, file, tmp_path, capsys):
    assert cli.main(["export", "--net", str(net), "--out", str(tmp_path / "exported")]) == 0
    assert exported.header(tmp_path / "exported")["markup"] == markup.definition(markup.read(file))
    assert exported.header(tmp_path / "exported")["mirror"] is True
    assert cli.main(["import", str(tmp_path / "exported"), "--out", str(tmp_path / "again.npz")]) == 0
    assert weights.load(tmp_path / "again.npz").markup == markup.read(file)
    other = tmp_path / "other.toml"
    other.write_text('points = 5\nnormalize = "box"\n')
    arguments = ["import", str(tmp_path / "exported"), "--out", str(tmp_path / "again.npz"), "--markup", str(other)]
    assert cli.main(arguments) == 0
    assert weights.load(tmp_path / "again.npz").markup == (5, (), (), (), "other")
    capsys.readouterr()
    assert cli.main(["export", "--net", str(tmp_path / "again.npz"), "--out", str(tmp_path / "unmirrored")]) == 0
    assert "no mirror averaging: the markup of the net, other (5 points), has no flip_pairs" in capsys.readouterr().out
    assert exported.header(tmp_path / "unmirrored")["mirror"] is False


def test_landmarks_of_no_known_markup(photographs, tmp_path, capsys):
    """They are learned without mirroring, and the commands say what they lack."""
    assert train(photographs, tmp_path / "run") == 0
    said = capsys.readouterr().out
    assert "photos: 5 landmarks of no known markup: faces are not mirrored" in said.replace(str(photographs.parent), "")
    net = tmp_path / "run" / "net.npz"
    assert weights.load(net).markup == markup.unknown(5)
    assert cli.main(["evaluate", "--data", str(photographs), "--net", str(net), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "no mirror averaging: the markup of the net, unknown (5 points), has no flip_pairs" in said
    assert "percent of the size of the box" in said


def test_98_landmarks_are_those_of_wflw(tmp_path, capsys):
    data = draw(tmp_path / "photos", FACES[markup.WFLW])
    assert train(data, tmp_path / "run") == 0
    assert "98 landmarks, taken for those of wflw; --markup names another order" in capsys.readouterr().out
    net = tmp_path / "run" / "net.npz"
    assert weights.load(net).markup == markup.WFLW
    assert cli.main(["evaluate", "--data", str(data), "--net", str(net), "--out", str(tmp_path / "out")]) == 0
    assert "percent of the distance between the outer eye corners; markup wflw (98 points)" in capsys.readouterr().out
    assert train(data, tmp_path / "other", "--markup", "lapa") == 2
    assert "photos: 98 landmarks, but --markup is lapa (106 points)" in capsys.readouterr().err


def test_a_net_of_another_number_is_refused(net, tmp_path, capsys):
    data = draw(tmp_path / "photos", FACES[markup.COFW])
    assert cli.main(["evaluate", "--data", str(data), "--net", str(net), "--out", str(tmp_path / "out")]) == 2
    assert "29 landmarks, but the net has 5" in capsys.readouterr().err


def test_the_net_that_a_run_starts_from_tells_the_markup(net, photographs, tmp_path, capsys):
    command = ["train", "--out", str(tmp_path / "run"), "--data", str(photographs), "--init", str(net)]
    assert cli.main([*command, "--holdout", "2", "--batch", "2", "--steps", "2"]) == 0
    assert weights.load(tmp_path / "run" / "net.npz").markup.name == "five"
    assert "no known markup" not in capsys.readouterr().out


def test_which_markup_the_data_have(file, capsys):
    five, other = markup.read(file), random_net(SMALLEST._replace(landmarks=5))
    assert markups.of_data("x", 5, option=str(file)) == five
    assert markups.of_data("x", 5, option=None, init=other._replace(markup=five)) == five
    assert markups.of_data("x", 68, option=None) == markup.FACE68
    assert not capsys.readouterr().out
    assert markups.of_data("x", 5, option=None, init=other) == markup.unknown(5)
    assert "x: 5 landmarks of no known markup" in capsys.readouterr().out
    with pytest.raises(InputError, match=r"--markup none: neither a \.toml file"):
        markups.chosen("none")


def test_an_imported_net_has_the_markup_of_its_number():
    net = random_net(SMALLEST._replace(landmarks=5))
    assert markups.imported("x", net, option=None).markup is None
    net = random_net(SMALLEST._replace(landmarks=29))
    assert markups.imported("x", net, option=None).markup == markup.COFW


def test_units_in_words(capsys):
    groups = markup.Markup(5, (), ((0, 1), 4), (), "pupils")
    assert markups.unit(groups) == "the distance between the mean of (0, 1) and landmark 4"
    markups.print_unit(markup.FACE68)
    assert not capsys.readouterr().out
