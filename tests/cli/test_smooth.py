import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import cli, filters, npz, stabilizer
from fhr_jax.data.io import landmark_files, landmark_table, pts
from tests.data.io.test_landmark_files import csv_text
from tests.reports.pages import array, data_of

LANDMARKS = 4


@pytest.fixture
def params(tmp_path_factory):
    """Parameters for four points, so that the tests do not depend on those that ship."""
    path = tmp_path_factory.mktemp("params") / "params.npz"
    stabilizer.save(path, stabilizer.init_params(1.0, jnp.eye(2 * LANDMARKS)))
    return path


def noisy(frames=40, landmarks=LANDMARKS, seed=0):
    """A slowly moving face with noise."""
    rng = np.random.default_rng(seed)
    rest = rng.uniform(100, 200, (1, landmarks, 2))
    return rest + 5 * np.sin(np.arange(frames) / 15)[:, None, None] + rng.normal(size=(frames, landmarks, 2))


def jitter(track):
    return np.linalg.norm(np.diff(track, 2, axis=0), axis=-1).mean()


def test_npz(tmp_path, params, capsys):
    track = noisy().astype(np.float32)
    npz.write(tmp_path / "in.npz", {"predictions": track, "broken_frames": np.array([3])})
    assert cli.main(["smooth", f"{tmp_path}/in.npz", f"{tmp_path}/out.npz", "--params", str(params), "--causal"]) == 0
    written = npz.read(tmp_path / "out.npz")
    assert set(written) == {"predictions", "broken_frames"}
    expected = stabilizer.run(stabilizer.load(params), jnp.asarray(track))
    np.testing.assert_allclose(written["predictions"], expected, atol=1e-3)
    assert jitter(written["predictions"]) < 0.7 * jitter(track)
    output = capsys.readouterr().out
    assert "40 frames, 1 face" in output
    assert "0.00 % of the points were missing" in output


def test_the_page_beside_the_output(tmp_path, params, capsys):
    track = noisy(20).astype(np.float32)
    npz.write(tmp_path / "in.npz", {"landmarks": track, "fps": np.array(50.0)})
    command = ["smooth", f"{tmp_path}/in.npz", f"{tmp_path}/out.npz", "--params", str(params), "--causal"]
    assert cli.main([*command, "--no-report"]) == 0
    assert not (tmp_path / "out.report.html").exists()
    assert "report" not in capsys.readouterr().out
    assert cli.main(command) == 0
    assert f"{tmp_path}/out.report.html: Do not use the track as it is. The jitter is" in capsys.readouterr().out
    (face,) = data_of((tmp_path / "out.report.html").read_text())["faces"]
    np.testing.assert_allclose(array(face["steady"]), npz.read(tmp_path / "out.npz")["landmarks"], atol=0.01)
    np.testing.assert_allclose(array(face["raw"]), track, atol=0.01)
    np.testing.assert_allclose(array(face["times"]), np.arange(20) / 50)
    (tmp_path / "out.report.html").write_text("notes")
    (tmp_path / "out.npz").unlink()
    assert cli.main(command) == cli.BAD_INPUT
    assert "out.report.html: exists and is no report of fhr-jax" in capsys.readouterr().err
    assert not (tmp_path / "out.npz").exists()


@pytest.mark.parametrize("options", [["--covariance", "full"], ["--estimate", "mode"]])
def test_options_reach_the_stabilizer(tmp_path, params, options):
    track = noisy(12).astype(np.float32)
    npz.write(tmp_path / "in.npz", {"landmarks": track})
    assert (
        cli.main(["smooth", f"{tmp_path}/in.npz", f"{tmp_path}/out.npz", "--params", str(params), "--causal", *options])
        == 0
    )
    chosen = {options[0][2:]: options[1]}
    expected = stabilizer.run(stabilizer.load(params), jnp.asarray(track), **chosen)
    np.testing.assert_allclose(npz.read(tmp_path / "out.npz")["landmarks"], expected, atol=2e-3)


def test_missing_points_are_predicted_and_counted(tmp_path, params, capsys):
    track = noisy()
    track[10], track[20, 1] = np.nan, np.inf
    npz.write(tmp_path / "in.npz", {"landmarks": track})
    assert cli.main(["smooth", f"{tmp_path}/in.npz", f"{tmp_path}/out.npz", "--params", str(params), "--causal"]) == 0
    assert np.isfinite(npz.read(tmp_path / "out.npz")["landmarks"]).all()
    said = capsys.readouterr().out
    assert f"1 of the frames without the face; elsewhere {100 / 156:.2f} % of the points were missing" in said


def test_openface_with_two_faces(tmp_path, params, capsys):
    left, right = np.round(noisy(30, seed=1), 1), np.round(noisy(30, seed=2) + 300, 1)
    rows = []
    for t in range(30):
        rows.append((t + 1, 0, int(t != 7), left[t] if t != 7 else 0 * left[t]))
        if t % 10 != 5:  # the second face is not in every frame
            rows.append((t + 1, 1, 1, right[t]))
    (tmp_path / "in.csv").write_text(csv_text(rows))
    assert cli.main(["smooth", f"{tmp_path}/in.csv", f"{tmp_path}/out.csv", "--params", str(params), "--causal"]) == 0
    before, after = (landmark_table.read(tmp_path / f"{name}.csv") for name in ("in", "out"))
    assert [row[:5] for row in before.rows] == [row[:5] for row in after.rows]
    for face, track in ((0, left), (1, right)):
        x = after.points[after.face == face]
        frames = after.frame[after.face == face] - 1
        np.testing.assert_allclose(x[np.isfinite(x[:, 0, 0])], track[frames][np.isfinite(x[:, 0, 0])], atol=6)
    # A frame without success is predicted too; its success stays 0.
    lost = next(row for row in after.rows if row[0] == "8" and row[1].strip() == "0")
    assert np.abs(float(lost[after.layout.x[0]]) - left[7, 0, 0]) < 6
    assert "30 frames, 2 faces; not there: face 0 in 1 of its 30 frames, face 1 in 3" in capsys.readouterr().out


def test_folder_of_pts(tmp_path, params):
    track = noisy(15)
    (tmp_path / "in").mkdir()
    for t, frame in enumerate(track):
        pts.write(tmp_path / "in" / f"{t + 1}.pts", frame)
    assert cli.main(["smooth", f"{tmp_path}/in", f"{tmp_path}/out", "--params", str(params), "--causal"]) == 0
    steady = landmark_files.read_track(tmp_path / "out")
    assert steady.shape == track.shape
    assert jitter(steady) < 0.7 * jitter(track)


def test_default_parameters_work_for_68_points(tmp_path, capsys):
    track = noisy(60, 68)
    npz.write(tmp_path / "in.npz", {"landmarks": track})
    assert cli.main(["smooth", f"{tmp_path}/in.npz", f"{tmp_path}/out.npz"]) == 0
    assert jitter(npz.read(tmp_path / "out.npz")["landmarks"]) < 0.7 * jitter(track)


def make_bad(tmp_path, case):
    source, output = tmp_path / "in.npz", tmp_path / "out.npz"
    match case:
        case "wrong shape":
            npz.write(source, {"landmarks": np.zeros((5, 3))})
        case "track is empty":
            npz.write(source, {"landmarks": np.zeros((0, 4, 2))})
        case "no landmark":
            npz.write(source, {"landmarks": np.full((5, 4, 2), np.nan)})
        case "expected 4":
            npz.write(source, {"landmarks": np.zeros((5, 7, 2))})
        case "not an .npz":
            source.write_text("hello")
        case "ends in .npz":
            npz.write(source, {"landmarks": noisy()})
            output = tmp_path / "out.csv"
        case "cannot write":
            npz.write(source, {"landmarks": noisy()})
            output = tmp_path / "in.npz" / "out.npz"
    return source, output


@pytest.mark.parametrize(
    "case",
    ["wrong shape", "track is empty", "no landmark", "expected 4", "not an .npz", "ends in .npz", "cannot write"],
)
def test_bad_input(tmp_path, params, capsys, case):
    source, output = make_bad(tmp_path, case)
    assert cli.main(["smooth", str(source), str(output), "--params", str(params)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert str(tmp_path) in error
    if case != "wrong shape":
        assert case in error
    assert [p.name for p in tmp_path.iterdir()] == ["in.npz"]


def test_a_single_landmark_is_refused_with_what_to_do(tmp_path, capsys):
    npz.write(tmp_path / "in.npz", {"landmarks": noisy(10, 1)})
    assert cli.main(["smooth", f"{tmp_path}/in.npz", f"{tmp_path}/out.npz"]) == 2
    error = capsys.readouterr().err
    assert "a single landmark, expected at least 2" in error
    assert "fhr_jax.filters.run smooths single points, such as with one_euro()" in error
    found = filters.run(filters.one_euro(), np.asarray(noisy(10, 1)))
    assert found.shape == (10, 1, 2)
    assert np.isfinite(found).all()


def test_points_in_3d(tmp_path):
    rng = np.random.default_rng(0)
    track = 50 * rng.normal(size=(1, 9, 3)) + rng.normal(size=(40, 9, 3))
    np.savez(tmp_path / "in.npz", landmarks=track)
    assert cli.main(["smooth", str(tmp_path / "in.npz"), str(tmp_path / "out.npz")]) == 0
    steady = npz.read(tmp_path / "out.npz")["landmarks"]
    assert steady.shape == track.shape
    assert np.abs(np.diff(steady, 2, axis=0)).mean() < 0.7 * np.abs(np.diff(track, 2, axis=0)).mean()


def test_the_mode_needs_parameters_of_the_papers_model(tmp_path, capsys):
    np.savez(tmp_path / "in.npz", landmarks=np.random.default_rng(0).normal(size=(9, 5, 2)))
    assert cli.main(["smooth", str(tmp_path / "in.npz"), str(tmp_path / "out.npz"), "--estimate", "mode"]) == 2
    assert "--estimate mode" in capsys.readouterr().err
    assert not (tmp_path / "out.npz").exists()


def test_zeros_are_missing_points_and_it_says_so_once(tmp_path, params, capsys):
    clean = noisy(60)
    track = clean.copy()
    track[0], track[20:40, 1] = 0, 0
    npz.write(tmp_path / "in.npz", {"landmarks": track})
    arguments = ["smooth", f"{tmp_path}/in.npz", f"{tmp_path}/out.npz", "--params", str(params), "--causal"]
    assert cli.main(arguments) == 0
    output = capsys.readouterr().out
    assert output.count("24 points at (0, 0) read as missing; --keep-zeros keeps them") == 1
    steady = npz.read(tmp_path / "out.npz")["landmarks"]
    assert np.abs(steady - clean)[1:].max() < 10
    assert cli.main([*arguments, "--keep-zeros"]) == 0
    assert "read as missing" not in capsys.readouterr().out
    assert np.abs(npz.read(tmp_path / "out.npz")["landmarks"] - clean)[1:].max() > 50


def test_scores_of_points_are_weights(tmp_path, params):
    track = noisy(30)
    score = np.ones(track.shape[:2])
    track[10:13, 2], score[10:13, 2] = 5, 0
    npz.write(tmp_path / "in.npz", {"landmarks": track, "score": score})
    assert cli.main(["smooth", f"{tmp_path}/in.npz", f"{tmp_path}/out.npz", "--params", str(params), "--causal"]) == 0
    steady = npz.read(tmp_path / "out.npz")["landmarks"]
    assert np.abs(steady[10:13, 2] - noisy(30)[10:13, 2]).max() < 10


def test_scores_in_the_third_column_are_weights(tmp_path, params, capsys):
    clean = noisy(30) + 200
    track = np.concatenate([clean, np.full((30, LANDMARKS, 1), 0.95)], axis=-1)
    track[10:16, 2] = 5, 5, 0.001
    npz.write(tmp_path / "in.npz", {"landmarks": track})
    assert cli.main(["smooth", f"{tmp_path}/in.npz", f"{tmp_path}/out.npz", "--params", str(params), "--causal"]) == 0
    assert capsys.readouterr().out.count("read as score") == 1
    steady = npz.read(tmp_path / "out.npz")["landmarks"]
    np.testing.assert_array_equal(steady[..., 2], track[..., 2])
    assert np.abs(steady[..., :2] - clean).max() < 10


def smoothed(tmp_path, params, arrays, *options):
    npz.write(tmp_path / "in.npz", arrays)
    arguments = ["smooth", f"{tmp_path}/in.npz", f"{tmp_path}/out.npz", "--params", str(params), "--causal", *options]
    assert cli.main(arguments) == 0
    return npz.read(tmp_path / "out.npz")["landmarks"]


def test_time_from_every_source_is_the_dt_of_the_filter(tmp_path, params, capsys):
    track = noisy(40).astype(np.float32)
    plain = smoothed(tmp_path, params, {"landmarks": track})
    assert capsys.readouterr().out.count("counted as 30 frames a second; --fps gives another rate") == 1
    expected = stabilizer.run(stabilizer.load(params), jnp.asarray(track), dt=jnp.full(40, 2.0))
    assert np.abs(expected - plain).max() > 0.01
    for arrays, options in (
        ({"time": 7 + np.arange(40) / 15}, ()),
        ({"timestamp": np.round(np.arange(40) / 15, 3)}, ()),
        ({"fps": np.array(15)}, ()),
        ({"time": np.arange(40) / 99}, ("--fps", "15")),
    ):
        found = smoothed(tmp_path, params, {"landmarks": track} | arrays, *options)
        np.testing.assert_allclose(found, expected, atol=2e-3)
        assert capsys.readouterr().out.count("15 frames a second, from") == 1
    at_30 = smoothed(tmp_path, params, {"landmarks": track, "time": np.round(np.arange(40) / 30, 3)})
    np.testing.assert_array_equal(at_30, plain)
    assert "a second" not in capsys.readouterr().out


def test_frames_stored_twice_do_not_enter_the_filter(tmp_path, params, capsys):
    track = noisy(40).astype(np.float32)
    expected = smoothed(tmp_path, params, {"landmarks": track, "fps": np.array(25)})
    capsys.readouterr()
    found = smoothed(tmp_path, params, {"landmarks": track.repeat(2, axis=0), "fps": np.array(50)})
    np.testing.assert_allclose(found, expected.repeat(2, axis=0), atol=1e-4)
    said = capsys.readouterr().out
    assert said.count("40 of 80 frames repeat the one before (25 frames a second stored as 50)") == 1
    # Repeated frames do not enter the jitter either.
    jitter = jitter_before(said)
    assert jitter > 0.5
    again = track.repeat(5, axis=0) + 0.02 * np.random.default_rng(1).normal(size=(200, *track.shape[1:]))
    smoothed(tmp_path, params, {"landmarks": again, "fps": np.array(50)})
    said = capsys.readouterr().out
    assert said.count("160 of 200 frames repeat or nearly repeat the one before (10 frames a second stored as 50)") == 1
    assert jitter_before(said) == pytest.approx(jitter, rel=0.02)


def jitter_before(said):
    return float(said.split("over time, without repeated frames): ")[1].split(" before")[0])


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({"time": np.arange(12.0)[::-1] / 30}, (), "in.npz: time runs back from"),
        ({"time": np.arange(12.0) * 33}, (), "expected seconds"),
        ({}, ("--fps", "0"), "--fps is 0, expected 1 to 1000"),
        ({"fps": np.array(np.nan)}, (), "fps is nan, expected"),
    ],
)
def test_bad_times_are_refused_in_one_line(tmp_path, params, capsys, arrays, options, message):
    npz.write(tmp_path / "in.npz", {"landmarks": noisy(12)} | arrays)
    arguments = ["smooth", f"{tmp_path}/in.npz", f"{tmp_path}/out.npz", "--params", str(params), "--causal", *options]
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error
    assert not (tmp_path / "out.npz").exists()


def test_the_timestamps_of_openface_count_also_over_rows_that_are_missing(tmp_path, params, capsys):
    track = np.round(noisy(30), 1)
    frames = [t for t in range(30) if t % 7 != 3]
    rows = csv_text([(t + 1, 0, 1, track[t]) for t in frames]).splitlines()
    cells = [row.split(", ") for row in rows[1:]]
    for t, row in zip(frames, cells, strict=True):
        row[2] = f"{t / 60:.3f}"
    (tmp_path / "in.csv").write_text("\n".join([rows[0], *(", ".join(row) for row in cells)]))
    assert cli.main(["smooth", f"{tmp_path}/in.csv", f"{tmp_path}/out.csv", "--params", str(params), "--causal"]) == 0
    said = capsys.readouterr().out
    assert said.count("60 frames a second, from timestamp") == 1
    assert "interpolated" not in said
    gappy = np.where(np.isin(np.arange(30), frames)[:, None, None], track, np.nan).astype(np.float32)
    expected = stabilizer.run(
        stabilizer.load(params), jnp.asarray(gappy), dt=jnp.full(30, 0.5), confidence=jnp.full(30, 0.98)
    )
    np.testing.assert_allclose(landmark_table.read(tmp_path / "out.csv").points, expected[np.array(frames)], atol=3e-3)


@pytest.mark.parametrize(("options", "lag"), [([], None), (["--lag", "2"], 2)])
def test_it_looks_ahead_and_says_so(tmp_path, capsys, options, lag):
    # The command pads tracks to 2^n frames, which the first case checks; the second has a length that it compiles.
    track = noisy(30 if lag is None else 32, landmarks=6)
    npz.write(tmp_path / "in.npz", {"landmarks": track})
    assert cli.main(["smooth", f"{tmp_path}/in.npz", f"{tmp_path}/out.npz", *options]) == 0
    expected = stabilizer.smooth(stabilizer.default_params(6), jnp.asarray(track, jnp.float32), lag=lag)
    np.testing.assert_allclose(npz.read(tmp_path / "out.npz")["landmarks"], expected, atol=1e-3)
    assert ("2 frames after it" if lag else "all frames after it") in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lag", "0"], "--lag 0: expected at least 1"),
        (["--lag", "2", "--causal"], "without --causal"),
        (["--covariance", "full"], "--covariance full: an option of the causal stabilizer"),
    ],
)
def test_options_that_do_not_go_together_are_refused(tmp_path, capsys, options, message):
    assert cli.main(["smooth", f"{tmp_path}/in.npz", f"{tmp_path}/out.npz", *options]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.npz").exists()
