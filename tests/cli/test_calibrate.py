"""`fhr-jax calibrate` on random images and a random net: what it fits, checks, writes and refuses."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import calibrate, cli, markup, weights
from fhr_jax.data.examples import Examples
from fhr_jax.hourglass import TINY
from tests import photographs
from tests.nets import random_net

pytest.importorskip("cv2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faces") / "photographs"
    photographs.write(folder, [f"face{'abcdefgh'[i % 8]}{'xyzuvw'[i // 8]}" for i in range(48)])
    return folder


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    path = tmp_path_factory.mktemp("net") / "net.npz"
    weights.save(path, random_net(loss="cross_entropy"))
    return str(path)


def run(*arguments):
    return cli.main(["calibrate", *map(str, arguments)])


def summary(out):
    return json.loads((out / "summary.json").read_text())


def test_photographs(tmp_path, folder, net, capsys):
    out = tmp_path / "out"
    (folder / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "bad.pts").write_text((folder / "faceax.pts").read_text())
    assert run("--data", folder, "--net", net, "--out", out, "--seed", 3) == 0
    (folder / "bad.png").unlink()
    (folder / "bad.pts").unlink()
    assert sorted(p.name for p in out.iterdir()) == ["net.npz", "reliability.png", "skipped.csv", "summary.json"]
    assert "bad.png" in (out / "skipped.csv").read_text()
    found = summary(out)
    assert found["faces"] == {"fit": 36, "held out": 12}
    before, after = (found["reliability"][name]["inside"] for name in ("before", "after"))
    assert abs(after["0.9"] - 90) < abs(before["0.9"] - 90)
    printed = capsys.readouterr().out
    assert "net.npz: calibrated on 36 faces, checked on 12 others" in printed
    assert f"{after['0.9']:.1f} %" in printed
    assert "before: the net had no calibration" in printed
    # The net is the same but for its calibration.
    new, old = weights.load(out / "net.npz"), weights.load(net)
    ours, theirs = (weights.named_arrays("net", one._replace(calibration=None)) for one in (new, old))
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name])
    np.testing.assert_allclose(new.calibration.log_scale, found["calibration"]["log_scale"], rtol=1e-6)
    # A calibrated net starts from its own calibration.
    assert run("--data", folder, "--net", out / "net.npz", "--out", tmp_path / "again", "--seed", 3) == 0
    assert summary(tmp_path / "again")["reliability"]["before"]["inside"] == pytest.approx(after, abs=0.2)
    assert "had no calibration" not in capsys.readouterr().out


def test_as_many_faces_are_held_out_as_can_be_spared(tmp_path, folder, net, capsys):
    cases = [
        (["--holdout", "5"], (43, 5)),
        (["--faces", "32", "--holdout", "4"], (32, 4)),
        (["--holdout", "0"], (48, 0)),
    ]
    for number, (options, expected) in enumerate(cases):
        out = tmp_path / str(number)
        assert run("--data", folder, "--net", net, "--out", out, *options) == 0
        assert tuple(summary(out)["faces"].values()) == expected
    assert "too few to hold some out: checked on themselves" in capsys.readouterr().out


def test_frames_of_a_video_stay_together(tmp_path, net):
    """Three videos of 16 frames: one is held out, and the other two are fitted."""
    folder = tmp_path / "videos"
    folder.mkdir()
    for video in "abc":
        photographs.write(folder / video, [f"{i:06d}" for i in range(1, 17)], seed=ord(video))
    out = tmp_path / "out"
    assert run("--data", folder, "--net", net, "--out", out) == 0
    assert summary(out)["faces"] == {"fit": 32, "held out": 12}


def test_synthetic_faces(tmp_path, net, capsys, monkeypatch):
    keys = []

    def made(key, size, *, faces):
        keys.append(key)
        rng = np.random.default_rng(len(keys))
        for _ in range(-(-faces // 16)):
            points = jnp.asarray(rng.uniform(8, 24, (16, 68, 2)), jnp.float32)
            yield Examples(jnp.asarray(rng.uniform(size=(16, size, size, 3)), jnp.float32), points)

    monkeypatch.setattr(calibrate, "synthetic_faces", made)
    assert (
        run("--net", net, "--out", tmp_path / "out", "--faces", 40, "--holdout", 20, "--stored-dtype", "float16") == 0
    )
    assert summary(tmp_path / "out")["faces"] == {"fit": 40, "held out": 20}
    assert len(keys) == 2
    assert keys[0] != keys[1]
    assert not (tmp_path / "out" / "skipped.csv").exists()
    assert weights.load(tmp_path / "out" / "net.npz").calibration is not None
    assert "calibrated on 40 faces, checked on 20 others" in capsys.readouterr().out


def test_bad_input(tmp_path, folder, net, capsys):
    few = tmp_path / "few"
    photographs.write(few, [f"face{chr(97 + i)}" for i in range(20)])
    other = random_net(TINY._replace(landmarks=29), loss="cross_entropy")
    weights.save(tmp_path / "other.npz", other._replace(markup=markup.COFW))
    before = sorted(path.name for path in tmp_path.iterdir())
    out = ["--out", tmp_path / "out"]
    cases = [
        (["--data", few, "--net", net], f"{few}: 20 faces, expected at least 32 to calibrate on"),
        (["--data", folder, "--net", net, "--holdout", 20], "48 faces, expected at least 32 for the fit beside the 20"),
        (["--data", folder, "--net", net, "--holdout", -1], "--holdout is -1, expected 0 or more"),
        (["--data", folder, "--net", net, "--faces", 31], "--faces is 31, expected at least 32"),
        (["--data", folder, "--net", tmp_path / "other.npz"], f"{folder}: 68 landmarks, but the net has 29"),
        (["--data", tmp_path / "missing", "--net", net], "missing: neither a folder nor a dataset"),
        (["--net", tmp_path / "other.npz"], "cofw (29 points), but synthetic faces that of 300W: expected --data"),
        (["--net", net, "--boxes", "jitter"], "--boxes goes with --data"),
        (["--net", few], "few"),
    ]
    for arguments, message in cases:
        assert run(*arguments, *out) == 2, arguments
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
        assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_wider_than_the_fit_by_a_factor_of_the_variance(tmp_path, folder, net, capsys):
    for name, widen in (("plain", []), ("wide", ["--widen", "4"])):
        assert run("--data", folder, "--net", net, "--out", tmp_path / name, *widen) == 0
    assert "the variances are 4 times those of the fit" in capsys.readouterr().out
    plain, wide = (summary(tmp_path / name)["calibration"] for name in ("plain", "wide"))
    np.testing.assert_allclose(wide["log_scale"], np.asarray(plain["log_scale"]) + np.log(4), rtol=1e-5)
    assert wide["typical"] == pytest.approx(4 * plain["typical"], rel=1e-5)
    assert wide["dof"] == plain["dof"]
    assert run("--data", folder, "--net", net, "--out", tmp_path / "none", "--widen", "0") == 2
    assert "--widen is 0.0, expected a positive number" in capsys.readouterr().err
