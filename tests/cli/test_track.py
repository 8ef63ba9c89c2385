"""`fhr-jax track` on drawn clips; the network and the detector are stand-ins that read the drawn pattern."""

import os
import re
import signal
import threading
import urllib.request
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from fhr_jax import cli, npz, overlay, pipeline, stabilizer, weights
from fhr_jax.data.io import landmark_table, video
from fhr_jax.errors import InputError
from tests.nets import random_net
from tests.pipeline.test_pipeline import SHAPE, boxes_of, pattern, read_pattern
from tests.reports.pages import array, data_of
from tests.sounding import heard, write_clip

RATE = Fraction(25)


def clip(path, images):
    with video.writer(path, size=images[0].shape[:2], rate=RATE) as write:
        for number, image in enumerate(images):
            write(image, number / 25)


@pytest.fixture
def net(tmp_path_factory, monkeypatch):
    monkeypatch.setattr(pipeline.inference, "predict", read_pattern)
    monkeypatch.setattr(pipeline.face_detector, "fhr", lambda file: boxes_of(None)[0])
    path = tmp_path_factory.mktemp("net") / "net.npz"
    weights.save(path, random_net())
    return str(path)


def faces(frames):
    return [pattern((40 + 3 * t, 50 + t), 80) for t in range(frames)]


BLANK = np.full((240, 320, 3), 20, np.uint8)


def test_results(tmp_path, net, capsys):
    clip(tmp_path / "a.mp4", [BLANK, *faces(6), BLANK])
    out = tmp_path / "deep" / "out"
    arguments = ["track", f"{tmp_path}/a.mp4", "--out", str(out), "--net", net, "--no-stabilize"]
    assert cli.main(arguments) == 0
    assert sorted(p.name for p in out.iterdir()) == ["landmarks.csv", "landmarks.npz", "overlay.mp4", "report.html"]
    arrays = npz.read(out / "landmarks.npz")
    assert {name: array.shape for name, array in arrays.items()} == {
        "landmarks": (8, 68, 2),
        "raw": (8, 68, 2),
        "confidence": (8, 68),
        "covariance": (8, 68, 2, 2),
        "time": (8,),
    }
    np.testing.assert_allclose(arrays["time"], np.arange(8) / 25, atol=1e-3)
    assert np.isnan(arrays["landmarks"][[0, 7]]).all()
    for t in range(6):
        expected = np.array([40 + 3 * t, 50 + t]) + 80 * SHAPE
        np.testing.assert_allclose(arrays["landmarks"][t + 1], expected, atol=5)

    table = landmark_table.read(out / "landmarks.csv")
    assert table.frame.tolist() == list(range(1, 9))
    np.testing.assert_allclose(table.points, arrays["landmarks"], atol=6e-4)
    assert [row[4] for row in table.rows] == ["0", *"111111", "0"]

    overlay = list(video.frames(out / "overlay.mp4"))
    assert len(overlay) == 8
    np.testing.assert_allclose([f.time for f in overlay], arrays["time"], atol=1e-3)
    assert overlay[0].image.max() < 60
    assert (overlay[3].image[..., 1] > 200).any()
    printed = capsys.readouterr().out
    assert "8 frames, a face in 6" in printed
    assert f"{out}/report.html: Do not use the track as it is. 25 % of the frames are without the face." in printed
    data = data_of((out / "report.html").read_text())
    assert data["video"]["kind"] == "video/mp4"
    assert data["faces"][0]["raw"] is None  # not smoothed
    np.testing.assert_allclose(array(data["faces"][0]["steady"]), arrays["landmarks"], atol=0.02)

    # The same command again replaces the results.
    assert cli.main(arguments) == 0


def test_decoder_mirror_and_stacks_reach_the_net(tmp_path, net, monkeypatch, capsys):
    seen = []

    def record(net, crops, **options):
        seen.append((options["decoder"], options["mirror"], net.config.stacks))
        return read_pattern(net, crops)

    monkeypatch.setattr(pipeline.inference, "predict", record)
    clip(tmp_path / "a.mp4", faces(1))
    arguments = ["--net", net, "--decoder", "fractional", "--no-mirror", "--no-stabilize"]
    assert cli.main(["track", f"{tmp_path}/a.mp4", "--out", f"{tmp_path}/out", *arguments]) == 0
    stacks = weights.load(net).config.stacks
    assert set(seen) == {("fractional", False, stacks)}
    assert cli.main(["track", f"{tmp_path}/a.mp4", "--out", f"{tmp_path}/one", *arguments, "--stacks", "1"]) == 0
    assert seen[-1] == ("fractional", False, 1)
    assert cli.main(["track", f"{tmp_path}/a.mp4", "--out", f"{tmp_path}/no", *arguments, "--stacks", "9"]) == 2
    assert f"stacks is 9, expected 1 to {stacks}" in capsys.readouterr().err


def test_box_of_the_first_frame(tmp_path, net, monkeypatch):
    monkeypatch.setattr(pipeline.face_detector, "fhr", lambda file: never)
    clip(tmp_path / "a.mp4", faces(3))
    arguments = ["--out", f"{tmp_path}/out", "--net", net, "--box", "44,52,78,82", "--no-stabilize"]
    assert cli.main(["track", f"{tmp_path}/a.mp4", *arguments]) == 0
    assert np.isfinite(npz.read(tmp_path / "out" / "landmarks.npz")["landmarks"]).all()


def never(image):
    raise AssertionError


def test_boxes_of_a_file_take_the_place_of_the_detector(tmp_path, net, monkeypatch):
    monkeypatch.setattr(pipeline.face_detector, "fhr", lambda file: never)
    clip(tmp_path / "a.mp4", [BLANK, *faces(3), BLANK, *faces(2)])
    rows = ["frame,x,y,width,height", "0,5,5,70,70", "1,200,100,30,30", "1,40,50,80,80", "2,1,1,9,9", "6,44,50,80,80"]
    (tmp_path / "boxes.csv").write_text("\n".join(rows))
    arguments = ["--out", f"{tmp_path}/out", "--net", net, "--boxes", f"{tmp_path}/boxes.csv", "--no-stabilize"]
    assert cli.main(["track", f"{tmp_path}/a.mp4", *arguments]) == 0
    found = np.isfinite(npz.read(tmp_path / "out" / "landmarks.npz")["landmarks"]).all(axis=(1, 2))
    assert found.tolist() == [False, True, True, True, False, True, True]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--boxes", "FOLDER/none.csv"], "none.csv: cannot be read"),
        (["--boxes", "FOLDER/other.csv"], "other.csv: no row for file a.mp4"),
        (
            ["--boxes", "FOLDER/outside.csv"],
            "boxes of frame 0: the box 900, 5, 70, 70 lies outside the picture of 320 x",
        ),
        (["--boxes", "FOLDER/outside.csv", "--detector", "yunet"], "expected no --detector beside it"),
        (["--detector", "yunet"], "detector yunet: needs the ONNX file"),
        (["--detector", "yunet", "--detector-file", "FOLDER/x.onnx"], "x.onnx: no such file"),
        (["--detector", "cascade", "--detector-file", "FOLDER/x.onnx"], "detector cascade: takes no file"),
    ],
)
def test_bad_detectors_and_files_of_boxes(tmp_path, net, capsys, arguments, message):
    clip(tmp_path / "a.mp4", faces(2))
    (tmp_path / "other.csv").write_text("file,frame,x,y,width,height\nb.mp4,0,1,2,3,4\n")
    (tmp_path / "outside.csv").write_text("frame,x,y,width,height\n0,900,5,70,70\n")
    before = sorted(p.name for p in tmp_path.iterdir())
    given = [word.replace("FOLDER", str(tmp_path)) for word in arguments]
    assert cli.main(["track", f"{tmp_path}/a.mp4", "--out", f"{tmp_path}/out", "--net", net, *given]) == 2
    assert message in last_line(capsys)
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_odd_sizes_keep_their_coordinates(tmp_path, net):
    clip(tmp_path / "a.mp4", [image[:239, :319] for image in faces(3)])
    assert cli.main(["track", f"{tmp_path}/a.mp4", "--out", f"{tmp_path}/out", "--net", net, "--no-stabilize"]) == 0
    landmarks = npz.read(tmp_path / "out" / "landmarks.npz")["landmarks"]
    np.testing.assert_allclose(landmarks[2], np.array([46, 52]) + 80 * SHAPE, atol=5)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ("1,2,3", "four numbers"),
        ("a,b,c,d", "four numbers"),
        ("1,2,0,5", "above 1 pixel"),
        ("nan,2,9,5", "above 1 pixel"),
        ("900,2,30,50", "outside"),
    ],
)
def test_bad_boxes(tmp_path, net, capsys, box, message):
    clip(tmp_path / "a.mp4", faces(2))
    assert cli.main(["track", f"{tmp_path}/a.mp4", "--out", f"{tmp_path}/out", "--net", net, "--box", box]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def last_line(capsys):
    """The line on stderr after the progress bar."""
    return capsys.readouterr().err.replace("\r", "\n").strip().splitlines()[-1]


def test_a_video_without_a_face_is_an_error_and_leaves_nothing(tmp_path, net, capsys):
    clip(tmp_path / "a.mp4", [BLANK] * 4)
    assert cli.main(["track", f"{tmp_path}/a.mp4", "--out", f"{tmp_path}/x/out", "--net", net, "--no-stabilize"]) == 2
    assert "no face found in any of 4 frames" in last_line(capsys)
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_bad_input(tmp_path, net, capsys):
    clip(tmp_path / "good.mp4", faces(2))
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "bad.npz").write_text("no net")
    before = sorted(p.name for p in tmp_path.iterdir())
    cases = [
        ([f"{tmp_path}/missing.mp4", "--out", f"{tmp_path}/out", "--net", net], "missing.mp4"),
        ([f"{tmp_path}/empty.mp4", "--out", f"{tmp_path}/out", "--net", net], "empty.mp4"),
        ([f"{tmp_path}/text.mp4", "--out", f"{tmp_path}/out", "--net", net], "text.mp4"),
        ([f"{tmp_path}/good.mp4", "--out", f"{tmp_path}/text.mp4/out", "--net", net], "cannot write"),
        ([f"{tmp_path}/good.mp4", "--out", f"{tmp_path}/out", "--net", f"{tmp_path}/bad.npz"], "bad.npz"),
        ([f"{tmp_path}/good.mp4", "--out", f"{tmp_path}/out", "--net", f"{tmp_path}/none.npz"], "none.npz"),
    ]
    for arguments, message in cases:
        assert cli.main(["track", *arguments]) == 2
        line = last_line(capsys)
        assert line.startswith("fhr-jax: error: ")
        assert message in line
        assert sorted(p.name for p in tmp_path.iterdir()) == before


@pytest.mark.parametrize("options", [("--causal",), ("--lag", "2")])
def test_the_times_of_the_frames_reach_the_stabilizer(tmp_path, net, monkeypatch, options):
    place, lag = (pipeline.face_smoothers, 0) if options == ("--causal",) else (pipeline.look_ahead, 2)
    seen, step = [], place._step
    monkeypatch.setattr(place, "_step", lambda *a, dt, **more: (seen.append(float(dt)), step(*a, dt=dt, **more))[1])
    times = np.array([0, 0.04, 0.06, 0.16])
    with video.writer(tmp_path / "a.mp4", size=BLANK.shape[:2], rate=RATE) as write:
        for image, time in zip(faces(4), times, strict=True):
            write(image, float(time))
    assert cli.main(["track", f"{tmp_path}/a.mp4", "--out", f"{tmp_path}/out", "--net", net, *options]) == 0
    np.testing.assert_allclose(seen, [1, *30 * np.diff(times), *[1] * lag], rtol=1e-3)


def shaking(frames, seed):
    """Images of a face at rest whose position is uncertain by a pixel."""
    rng = np.random.default_rng(seed)
    return [pattern(np.array([60, 60]) + rng.normal(size=2), 80) for _ in range(frames)]


LAG = 2
AHEAD = ["--lag", str(LAG)]


@pytest.mark.parametrize("suffix", ["avi", "mkv"])
def test_a_cut_off_video_keeps_what_can_be_read_and_says_what_is_missing(tmp_path, net, capsys, suffix):
    path = tmp_path / f"a.{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.options = {"g": "4"}
        for image in faces(30):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    whole = path.read_bytes()
    arguments = ["--net", net, "--no-stabilize"]
    assert cli.main(["track", str(path), "--out", f"{tmp_path}/whole", *arguments]) == 0
    assert str(path) not in capsys.readouterr().out
    path.write_bytes(whole[: len(whole) * 6 // 10])
    assert cli.main(["track", str(path), "--out", f"{tmp_path}/cut", *arguments]) == 0
    said = capsys.readouterr().out
    found = npz.read(tmp_path / "cut" / "landmarks.npz")["landmarks"]
    assert 10 < len(found) < 25
    assert f"{path}: {len(found)} frames could be read, but the header tells of about 30; others are missing" in said
    damaged = len(video.readable(path).damaged)
    assert (f"{path}: damaged frames: {damaged};" in said) == (damaged > 0)
    before = npz.read(tmp_path / "whole" / "landmarks.npz")["landmarks"]
    np.testing.assert_allclose(found[:-1], before[: len(found) - 1])


def test_what_ends_a_video_early_is_said(tmp_path, net, capsys, monkeypatch):
    clip(tmp_path / "a.mp4", faces(6))
    decode = video.decode_frames

    def breaks(path, container, stream):
        for number, frame in enumerate(decode(path, container, stream)):
            if number == 4:
                raise InputError(f"{path}: damaged after 4 frames (broken)")
            yield frame

    monkeypatch.setattr(video, "decode_frames", breaks)
    assert cli.main(["track", f"{tmp_path}/a.mp4", "--out", f"{tmp_path}/out", "--net", net, "--no-stabilize"]) == 0
    assert f"{tmp_path}/a.mp4: damaged after 4 frames (broken)" in capsys.readouterr().out
    assert len(npz.read(tmp_path / "out" / "landmarks.npz")["landmarks"]) == 4


def test_a_part_of_a_video_keeps_the_numbers_and_times_of_its_frames(tmp_path, net, monkeypatch, capsys):
    monkeypatch.setattr(pipeline.face_detector, "fhr", lambda file: never)
    clip(tmp_path / "a.mp4", faces(12))
    (tmp_path / "boxes.csv").write_text("frame,x,y,width,height\n0,1,1,9,9\n3,49,53,80,80\n4,1,1,9,9\n")
    arguments = ["track", f"{tmp_path}/a.mp4", "--out", f"{tmp_path}/out", "--net", net, "--no-stabilize"]
    part = ["--boxes", f"{tmp_path}/boxes.csv", "--start", "0.12", "--end", "0.36", "--every", "2"]
    assert cli.main([*arguments, *part]) == 0
    assert "4 frames, a face in 4" in capsys.readouterr().out
    table = landmark_table.read(tmp_path / "out" / "landmarks.csv")
    assert table.frame.tolist() == [4, 6, 8, 10]
    np.testing.assert_allclose(table.time, [0.12, 0.2, 0.28, 0.36], atol=1e-3)
    found = npz.read(tmp_path / "out" / "landmarks.npz")["landmarks"]
    for row, t in zip(found, (3, 5, 7, 9), strict=True):
        np.testing.assert_allclose(row, np.array([40 + 3 * t, 50 + t]) + 80 * SHAPE, atol=5)
    shown = list(video.frames(tmp_path / "out" / "overlay.mp4"))
    np.testing.assert_allclose([frame.time for frame in shown], [0, 0.08, 0.16, 0.24], atol=1e-3)
    for wrong, message in (
        (["--start", "-1"], "--start -1: expected seconds from 0 on"),
        (["--start", "2", "--end", "1"], "--end 1: expected more than --start, 2 seconds"),
        (["--every", "0"], "--every 0: expected at least 1"),
        (["--start", "9"], "a.mp4: no frame from second 9 on"),
    ):
        assert cli.main([*arguments, *wrong]) == 2
        assert message in capsys.readouterr().err


def test_the_overlay_shows_what_is_asked_for(tmp_path, net, monkeypatch):
    drawn, draw = [], overlay.draw

    def record(image, points, *, colour=overlay.GREEN, **options):
        drawn.append((colour, points))
        return draw(image, points, colour=colour, **options)

    monkeypatch.setattr(overlay, "draw", record)
    clip(tmp_path / "a.mp4", shaking(6, 0))
    arguments = ["track", f"{tmp_path}/a.mp4", "--out", f"{tmp_path}/out", "--net", net, *AHEAD]

    def shown(what):
        drawn.clear()
        assert cli.main([*arguments, "--overlay", what]) == 0
        assert len(list(video.frames(tmp_path / "out" / "overlay.mp4"))) == 6
        found = npz.read(tmp_path / "out" / "landmarks.npz")
        colours = [colour for colour, _ in drawn]
        for colour, name in ((overlay.GREEN, "landmarks"), (overlay.ORANGE, "raw")):
            points = [points for own, points in drawn if own == colour]
            assert not points or np.array_equal(np.stack(points), found[name])
        return colours

    assert shown("steady") == [overlay.GREEN] * 6
    assert shown("raw") == [overlay.ORANGE] * 6
    assert shown("raw,steady") == [overlay.ORANGE, overlay.GREEN] * 6
    assert cli.main([*arguments, "--no-overlay"]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "landmarks.csv",
        "landmarks.npz",
        "report.html",
    ]


def test_it_looks_ahead_and_never_across_a_lost_face(tmp_path, net, monkeypatch, capsys):
    drawn, draw = [], overlay.draw

    def record(image, points, **options):
        drawn.append((image, points))
        return draw(image, points, **options)

    monkeypatch.setattr(overlay, "draw", record)
    images = [*shaking(5, 0), BLANK, *shaking(1, 1), BLANK, *shaking(6, 2)]
    clip(tmp_path / "a.mp4", images)
    assert cli.main(["track", f"{tmp_path}/a.mp4", "--out", f"{tmp_path}/out", "--net", net, *AHEAD]) == 0
    said = capsys.readouterr().out
    assert "14 frames, a face in 12" in said
    assert said.count("each frame is smoothed from the frames before it and 2 frames after it") == 1
    found = npz.read(tmp_path / "out" / "landmarks.npz")
    landmarks, raw = found["landmarks"], found["raw"]
    assert np.isnan(landmarks[[5, 7]]).all()
    params, dt = stabilizer.default_params(), np.full(6, 30 / 25, np.float32)
    # The length is the same everywhere, so that one program is compiled: frames without a face follow.
    for part in (slice(0, 5), slice(6, 7), slice(8, 14)):
        track = np.full((6, 68, 2), np.nan, np.float32)
        track[: part.stop - part.start] = raw[part]
        dt[0] = 30 / 25 if part.start else 1  # of the first frame of the video nothing is known
        expected = np.asarray(stabilizer.smooth(params, track, lag=LAG, dt=dt))[: part.stop - part.start]
        np.testing.assert_allclose(landmarks[part], expected, atol=1e-3)
    # Each frame is drawn with its own landmarks, and is its own image.
    assert len(drawn) == len(images)
    for (image, points), expected, own in zip(drawn, landmarks, images, strict=True):
        np.testing.assert_array_equal(points, expected)
        assert np.abs(image.astype(float) - own).mean() < 4
    assert np.abs(np.diff(landmarks[8:], axis=0)).mean() < 0.7 * np.abs(np.diff(raw[8:], axis=0)).mean()


def test_by_default_it_looks_five_frames_ahead(tmp_path, net, monkeypatch, capsys):
    seen = []

    def stand_in(net, frames, *, lag, **options):
        seen.append(lag)
        return pipeline.align_video(net, frames, stabilize=False)

    monkeypatch.setattr("fhr_jax.cli.track.pipeline", _Replaced(pipeline, align_video=stand_in))
    clip(tmp_path / "a.mp4", faces(2))
    command = ["track", f"{tmp_path}/a.mp4", "--out", f"{tmp_path}/out", "--net", net]
    stabilizer.save(tmp_path / "bare.npz", stabilizer.default_params()._replace(smoother=None))
    bare = ["--params", f"{tmp_path}/bare.npz"]
    cases = (([], 5, "5 frames after it"), (["--causal"], 0, "from the frames before it\n"), (bare, 0, "no smoother"))
    for options, lag, text in cases:
        assert cli.main([*command, *options]) == 0
        assert seen.pop() == lag
        assert text in capsys.readouterr().out
    assert cli.main([*command, "--no-stabilize"]) == 0
    assert "as the net finds it" in capsys.readouterr().out


class _Replaced:
    """A module with some other members."""

    def __init__(self, module, **members):
        self.__dict__.update({name: getattr(module, name) for name in dir(module)} | members)


def test_options_that_do_not_go_together_are_refused(tmp_path, net, capsys):
    clip(tmp_path / "a.mp4", faces(2))
    stabilizer.save(tmp_path / "bare.npz", stabilizer.default_params()._replace(smoother=None))
    stabilizer.save(tmp_path / "seven.npz", stabilizer.default_params(7))
    cases = (
        (["--lag", "0"], "--lag 0: expected at least 1"),
        (["--lag", "2", "--causal"], "without --causal"),
        (["--lag", "2", "--no-stabilize"], "without --no-stabilize"),
        (["--lag", "2", "--params", f"{tmp_path}/bare.npz"], "no smoother"),
        (["--params", f"{tmp_path}/seven.npz"], "for 14 coordinates, expected 136"),
        (["--no-overlay", "--overlay", "raw"], "--overlay raw: expected without --no-overlay, which writes none"),
    )
    for options, message in cases:
        assert cli.main(["track", f"{tmp_path}/a.mp4", "--out", f"{tmp_path}/out", "--net", net, *options]) == 2
        assert message in last_line(capsys)
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [["--no-stabilize"], AHEAD])
def test_when_interrupted_it_writes_what_it_has_read(tmp_path, net, monkeypatch, capsys, options):
    images = [BLANK, *faces(9)]
    clip(tmp_path / "a.mp4", images)
    read, stop_at = video.frames, []

    def interrupt(path, **options):
        for number, frame in enumerate(read(path, **options)):
            if number == stop_at[0]:
                os.kill(os.getpid(), signal.SIGINT)
            yield frame

    monkeypatch.setattr(video, "frames", interrupt)
    command = ["track", f"{tmp_path}/a.mp4", "--out", f"{tmp_path}/out", "--net", net, *options]
    stop_at.append(1)
    assert cli.main(command) == 128 + signal.SIGINT
    assert "before a face was found; nothing is written" in last_line(capsys)
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]
    stop_at[0] = 6
    assert cli.main(command) == 128 + signal.SIGINT
    assert "stopped after 6 frames" in last_line(capsys)
    landmarks = npz.read(tmp_path / "out" / "landmarks.npz")["landmarks"]
    assert np.isfinite(landmarks).all(axis=(1, 2)).tolist() == [False, *[True] * 5]
    assert len(list(read(tmp_path / "out" / "overlay.mp4"))) == 6
    assert landmark_table.read(tmp_path / "out" / "landmarks.csv").frame.tolist() == list(range(1, 7))


def track(tmp_path, net, source, *options):
    """Track without a stabilizer, and the table of landmarks.csv."""
    arguments = ["--out", f"{tmp_path}/out", "--net", net, "--no-stabilize", *options]
    assert cli.main(["track", str(source), *arguments]) == 0
    return landmark_table.read(tmp_path / "out" / "landmarks.csv")


def expected(t, scale=1.0):
    return scale * (np.array([40 + 3 * t, 50 + t]) + 80 * SHAPE)


def test_numbered_images_of_two_sizes(tmp_path, net, capsys):
    (tmp_path / "f").mkdir()
    for t, image in enumerate(faces(8)):
        if t != 2:
            picture = Image.fromarray(image)
            (picture.resize((640, 480)) if t in (4, 5, 6) else picture).save(tmp_path / "f" / f"{t + 9}.png")
    (tmp_path / "f" / "10.png").write_text("no image")
    table = track(tmp_path, net, tmp_path / "f", "--fps", "10")
    assert table.frame.tolist() == [1, 4, 5, 6, 7, 8]
    np.testing.assert_allclose(table.time, [0, 0.3, 0.4, 0.5, 0.6, 0.7])
    for row, t in zip(table.points, (0, 3, 4, 5, 6, 7), strict=True):
        np.testing.assert_allclose(row, expected(t, 2.0 if t in (4, 5, 6) else 1.0), atol=5)
    said = capsys.readouterr().out
    for line in (
        "7 images, taken as 10 frames a second",
        "numbers that are missing: 1 (11)",
        "images that cannot be read: 1; the first one:",
        "the size of the frames changes 2 times, first to 640 x 480 in frame 5",
    ):
        assert f"{tmp_path}/f: {line}" in said
    shown = list(video.frames(tmp_path / "out" / "overlay.mp4"))
    assert [frame.image.shape[:2] for frame in shown] == [(240, 320)] * 6
    np.testing.assert_allclose([frame.time for frame in shown], table.time, atol=1e-3)


def test_landmarks_of_shrunk_frames_are_in_pixels_of_the_original_ones(tmp_path, net, monkeypatch):
    monkeypatch.setattr(pipeline.face_detector, "fhr", lambda file: never)
    clip(tmp_path / "a.mp4", faces(3))
    table = track(tmp_path, net, tmp_path / "a.mp4", "--size", "160", "--box", "40,50,80,80")
    for t, row in enumerate(table.points):
        np.testing.assert_allclose(row, expected(t), atol=5)
    found = npz.read(tmp_path / "out" / "landmarks.npz")
    np.testing.assert_allclose(found["landmarks"], table.points, atol=1e-3)
    assert video.info(tmp_path / "out" / "overlay.mp4").size == (120, 160)
    assert cli.main(["track", f"{tmp_path}/a.mp4", "--out", f"{tmp_path}/no", "--net", net, "--size", "5"]) == 2


def test_the_overlay_has_the_sound_of_the_part(tmp_path, net):
    write_clip(tmp_path / "a.mkv", faces(25), begin=0.6, audio="libmp3lame")
    track(tmp_path, net, tmp_path / "a.mkv", "--start", "0.39", "--end", "0.9", "--every", "2")
    begin, end, _, codec = heard(tmp_path / "out" / "overlay.mp4")
    assert codec == "mp3"
    np.testing.assert_allclose([begin, end], [0.2, 0.52], atol=0.04)


def test_a_live_stream_drops_frames_shows_its_overlay_and_ends_with_ctrl_c(tmp_path, net, monkeypatch, capsys):
    """The stream goes on as a pipe without data, and blocks."""
    write_clip(tmp_path / "a.ts", faces(40), audio=None)
    os.mkfifo(tmp_path / "pipe")
    opened, drawn = [], []

    def write():
        file = os.open(tmp_path / "pipe", os.O_WRONLY)
        opened.append(file)
        os.write(file, (tmp_path / "a.ts").read_bytes())

    def look(image, faces, **options):
        if not drawn:
            page = re.search(r"http://127.0.0.1:\d+/", capsys.readouterr().out).group()
            drawn.append(urllib.request.urlopen(page, timeout=5).read())
            threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
        return image

    monkeypatch.setattr("fhr_jax.cli.tracking.outputs.draw_faces", look)
    threading.Thread(target=write, daemon=True).start()
    arguments = ["--out", f"{tmp_path}/out", "--net", net, "--no-stabilize", "--live", "yes", "--show"]
    try:
        assert cli.main(["track", f"{tmp_path}/pipe", *arguments]) == 128 + signal.SIGINT
    finally:
        os.close(opened[0])
    assert b"<img src=stream" in drawn[0]
    table = landmark_table.read(tmp_path / "out" / "landmarks.csv")
    captured = capsys.readouterr()
    dropped, read = map(int, re.search(r"live: (\d+) of (\d+) frames were dropped", captured.out).groups())
    assert dropped == read - len(table.frame)
    np.testing.assert_allclose(table.time, (np.array(table.frame) - 1) / 25, atol=2e-3)
    assert len(list(video.frames(tmp_path / "out" / "overlay.mp4"))) == len(table.frame)
    assert f"stopped after {len(table.frame)} frames, which are written" in captured.err


def test_a_stream_that_says_nothing_is_stopped_or_given_up(tmp_path, net, capsys):
    os.mkfifo(tmp_path / "pipe")
    command = ["track", f"{tmp_path}/pipe", "--out", f"{tmp_path}/out", "--net", net]
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
    assert cli.main(command) == 128 + signal.SIGTERM
    assert "stopped before the first frame" in last_line(capsys)
    assert cli.main([*command, "--timeout", "0.2"]) == 2
    assert last_line(capsys) == f"fhr-jax: error: {tmp_path}/pipe: no answer within 0.2 seconds (--timeout)"
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
    os.close(os.open(tmp_path / "pipe", os.O_RDWR))
