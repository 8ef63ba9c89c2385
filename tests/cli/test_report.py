"""`fhr-jax report` on folders of `track` and `evaluate` and on files of landmarks."""

import numpy as np
import pytest

from fhr_jax import cli, npz
from tests.reports.faces import track_of
from tests.reports.pages import data_of, text_of


@pytest.fixture
def tracked(tmp_path):
    folder = tmp_path / "video"
    folder.mkdir()
    track = track_of(20).astype(np.float32)
    arrays = {"landmarks": track, "raw": track + 1, "confidence": np.full((20, 68), 0.9, np.float32)}
    npz.write(folder / "landmarks.npz", arrays | {"time": np.arange(20) / 25})
    return folder


def test_a_folder_of_track(tracked, capsys):
    assert cli.main(["report", str(tracked)]) == 0
    assert capsys.readouterr().out == f"{tracked}/report.html: The track is good.\n"
    html = (tracked / "report.html").read_text()
    assert "<h1>video</h1>" in html
    assert data_of(html)["faces"][0]["frames"] == 20
    assert cli.main(["report", str(tracked), "--out", str(tracked / "b.html"), "--markup", "300w"]) == 0
    assert (tracked / "b.html").read_text() == html
    for arguments, message in (
        (["--fps", "25"], "--fps: an option for a file of landmarks, but"),
        (["--markup", "wflw"], "68 landmarks, but the markup is wflw (98 points)"),
        (["--video", "missing.mp4"], "missing.mp4: no such video file"),
    ):
        assert cli.main(["report", str(tracked), *arguments]) == cli.BAD_INPUT
        assert message in capsys.readouterr().err


def test_a_file_of_landmarks(tmp_path, capsys):
    npz.write(tmp_path / "raw.npz", {"landmarks": track_of(20) + 1})
    npz.write(tmp_path / "steady.npz", {"landmarks": track_of(20)})
    assert cli.main(["report", f"{tmp_path}/steady.npz", "--raw", f"{tmp_path}/raw.npz", "--fps", "50"]) == 0
    html = (tmp_path / "steady.report.html").read_text()
    assert data_of(html)["faces"][0]["raw"] is not None
    assert "The track is good." in capsys.readouterr().out
    (tmp_path / "steady.report.html").write_text("notes")
    assert cli.main(["report", f"{tmp_path}/steady.npz"]) == cli.BAD_INPUT
    assert "exists and is no report of fhr-jax, so it stays" in capsys.readouterr().err
    assert (tmp_path / "steady.report.html").read_text() == "notes"
    assert cli.main(["report", f"{tmp_path}/missing.npz"]) == cli.BAD_INPUT
    assert "no such file or folder" in capsys.readouterr().err


def test_a_folder_of_evaluate(tmp_path, capsys):
    truth = track_of(5)
    arrays = {"predictions": truth + 2, "ground_truth": truth}
    npz.write(tmp_path / "a.npz", arrays)
    out = tmp_path / "out"
    assert cli.main(["evaluate", "--predictions", f"{tmp_path}/a.npz", "--out", str(out)]) == 0
    own = (out / "report.html").read_text()
    capsys.readouterr()
    assert cli.main(["report", str(out)]) == 0
    line = capsys.readouterr().out
    assert line.startswith(f"{out}/report.html: Half of the faces have an error below")
    again = (out / "report.html").read_text()
    assert data_of(again) == data_of(own)
    assert line.split(": ", 1)[1].strip() in text_of(again).replace("\xa0", " ")
    assert cli.main(["report", str(out), "--fps", "25"]) == cli.BAD_INPUT
    assert "--fps: an option for landmarks, but" in capsys.readouterr().err
    (out / "report.html").write_text("notes")
    assert cli.main(["evaluate", "--predictions", f"{tmp_path}/a.npz", "--out", str(out)]) == cli.BAD_INPUT
    assert "report.html: exists and is no report of fhr-jax" in capsys.readouterr().err
