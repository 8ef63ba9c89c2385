"""`fhr-jax smooth` on every kind of file: read, smoothed, and written back in kind."""

import json
import pickle

import h5py
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from fhr_jax import cli, npz, stabilizer
from fhr_jax.cli import track_times
from fhr_jax.data.io import landmark_files, landmark_table
from fhr_jax.data.io.frame_times import Timeline
from fhr_jax.errors import InputError
from tests.data.io.formats.samples import triples, write_json
from tests.data.io.test_landmark_files import csv_text

FRAMES, LANDMARKS = 32, 4


@pytest.fixture(scope="module")
def params(tmp_path_factory):
    path = tmp_path_factory.mktemp("params") / "params.npz"
    stabilizer.save(path, stabilizer.init_params(1.0, jnp.eye(2 * LANDMARKS)))
    return path


def noisy(seed=0, at=150.0):
    rng = np.random.default_rng(seed)
    rest = at + rng.uniform(-50, 50, (1, LANDMARKS, 2))
    return rest + 5 * np.sin(np.arange(FRAMES) / 15)[:, None, None] + rng.normal(size=(FRAMES, LANDMARKS, 2))


TRACK = noisy().round(2)
TRUST = np.random.default_rng(3).uniform(0.5, 1, (FRAMES, LANDMARKS)).round(3)


def mediapipe(path):
    frames = [{"faceLandmarks": [[{"x": x / 400, "y": y / 200} for x, y in face]]} for face in TRACK]
    return write_json(path / "in.json", {"width": 400, "height": 200, "frames": frames})


def coco(path):
    return write_json(
        path / "in.json", [{"image_id": t, "keypoints": triples(TRACK[t], TRUST[t])} for t in range(FRAMES)]
    )


def openpose(path):
    (path / "in").mkdir()
    for t in range(FRAMES):
        value = {"people": [{"face_keypoints_2d": triples(TRACK[t], TRUST[t])}]}
        write_json(path / "in" / f"a_{t:012d}_keypoints.json", value)
    return path / "in"


def sleap(path):
    with h5py.File(path / "in.h5", "w") as file:
        file["tracks"], file["node_names"] = TRACK.transpose(2, 1, 0)[None], [b"a"] * 4
        file["point_scores"] = TRUST.T[None]
    return path / "in.h5"


def deeplabcut(path):
    names = [("net", part, coordinate) for part in "abcd" for coordinate in ("x", "y", "likelihood")]
    rows = np.zeros(FRAMES, [("index", "<i8"), ("values_block_0", "<f8", (12,))])
    rows["index"] = np.arange(FRAMES)
    rows["values_block_0"] = np.concatenate([TRACK, TRUST[..., None]], axis=-1).reshape(FRAMES, -1)
    with h5py.File(path / "in.h5", "w") as file:
        file["df/table"] = rows
        file["df"].attrs["pandas_type"] = np.bytes_(b"frame_table")
        file["df/table"].attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(names, 0))
    return path / "in.h5"


def matlab(path):
    savemat(path / "in.mat", {"landmarks": TRACK.transpose(1, 2, 0), "confidence": TRUST, "note": "kept"})
    return path / "in.mat"


KINDS = {
    "landmarks of MediaPipe (face), 1 face": (mediapipe, False),
    "COCO keypoints, 1 person": (coco, True),
    "a folder of OpenPose (face_keypoints_2d), 1 person": (openpose, True),
    "an analysis file of SLEAP (HDF5), 1 face": (sleap, True),
    "a table of DeepLabCut (HDF5), 1 individual": (deeplabcut, True),
    "array landmarks of a MATLAB file, 1 face": (matlab, True),
}


def smooth(source, out, params, *options):
    return cli.main(["smooth", str(source), str(out), "--params", str(params), "--causal", *options])


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_smoothed_and_written_back(tmp_path, params, capsys, kind):
    make, trusted = KINDS[kind]
    source = make(tmp_path)
    out = tmp_path / f"out{source.suffix}"
    assert smooth(source, out, params) == 0
    assert f"read as {kind}, 32 frames, 4 points" in capsys.readouterr().out
    confidence = {"confidence": jnp.asarray(TRUST)} if trusted else {"confidence": jnp.ones(TRUST.shape)}
    expected = stabilizer.run(stabilizer.load(params), jnp.asarray(TRACK, jnp.float32), **confidence)
    again = landmark_files.read(out)
    assert again.kind == landmark_files.read(source).kind
    np.testing.assert_allclose(again.tracks[0].points, expected, atol=2e-3)
    assert (again.tracks[0].confidence is not None) == trusted


def test_what_is_no_landmark_is_kept(tmp_path, params):
    assert smooth(matlab(tmp_path), tmp_path / "out.mat", params) == 0
    assert loadmat(tmp_path / "out.mat")["note"] == ["kept"]
    assert smooth(coco(tmp_path), tmp_path / "out.json", params) == 0
    written = np.array([one["keypoints"] for one in json.loads((tmp_path / "out.json").read_text())])
    np.testing.assert_array_equal(written.reshape(FRAMES, LANDMARKS, 3)[..., 2], TRUST)


def test_the_suffix_of_the_input_is_no_obstacle_and_that_of_the_output_is_checked(tmp_path, params, capsys):
    coco(tmp_path).rename(tmp_path / "in.txt")
    for name, code in (("out.txt", 0), ("out.json", 0), ("out.npz", 2)):
        assert smooth(tmp_path / "in.txt", tmp_path / name, params) == code
    assert "out.npz: expected a name that ends in .json, like the input's kind" in capsys.readouterr().err
    npz.write(tmp_path / "a.npz", {"landmarks": TRACK})
    (tmp_path / "a.npz").rename(tmp_path / "a")
    assert smooth(tmp_path / "a", tmp_path / "b", params) == 0
    assert landmark_files.read(tmp_path / "b").kind == "npz"


def test_several_faces_of_an_array_are_smoothed_each(tmp_path, params):
    faces = np.stack([TRACK, noisy(5, at=700)])
    faces[1, 20:] = np.nan
    npz.write(tmp_path / "in.npz", {"landmarks": faces})
    assert smooth(tmp_path / "in.npz", tmp_path / "out.npz", params) == 0
    written = npz.read(tmp_path / "out.npz")["landmarks"]
    assert np.isnan(written[1, 20:]).all()
    for face, last in ((0, FRAMES), (1, 20)):
        expected = stabilizer.run(stabilizer.load(params), jnp.asarray(faces[face], jnp.float32))
        np.testing.assert_allclose(written[face, :last], expected[:last], atol=2e-3)


def test_individuals_with_other_numbers_of_points_are_smoothed(tmp_path, capsys):
    coords = ",".join(["x,y"] * 8)
    rows = np.concatenate([noisy(1)[:, :3].reshape(FRAMES, -1), TRACK.reshape(FRAMES, -1), noisy(2)[:, 0]], axis=1)
    individuals = "individuals" + ",a" * 6 + ",b" * 8 + ",single" * 2
    parts = "".join(f",p{k // 2}" for k in range(16))
    lines = ["scorer" + ",n" * 16, individuals, f"bodyparts{parts}", f"coords,{coords}"]
    lines += [",".join(map(str, (t, *row))) for t, row in enumerate(rows.round(2))]
    (tmp_path / "in.csv").write_text("\n".join(lines))
    assert cli.main(["smooth", f"{tmp_path}/in.csv", f"{tmp_path}/out.csv"]) == 0
    said = capsys.readouterr().out
    assert "read as a table of DeepLabCut, 3 individuals, 32 frames, 1 or 3 or 4 points" in said
    assert "who has a single point has no size, and is left as it is" in said
    before, after = (landmark_table.read(tmp_path / f"{name}.csv").points for name in ("in", "out"))
    np.testing.assert_array_equal(after[:, 7], before[:, 7])
    for own in (slice(0, 3), slice(3, 7)):
        jitter = [np.abs(np.diff(points[:, own], 2, axis=0)).mean() for points in (before, after)]
        assert jitter[1] < 0.7 * jitter[0]


def test_faces_of_single_images_are_no_track(tmp_path, params, capsys):
    header = ",".join(["face", "confidence", *(f"{axis}_{m}" for axis in "xy" for m in range(4))])
    (tmp_path / "in.csv").write_text("\n".join([header, *(f"{t},0.9," + ",".join("12345678") for t in range(3))]))
    assert smooth(tmp_path / "in.csv", tmp_path / "out.csv", params) == 0
    assert "copied: each row is the face of a single image" in capsys.readouterr().out
    assert (tmp_path / "out.csv").read_text().splitlines() == (tmp_path / "in.csv").read_text().splitlines()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]
    with pytest.raises(InputError, match="expected faces over time, as FaceLandmarkVid"):
        track_times.check_over_time(landmark_files.read(tmp_path / "in.csv"))


@pytest.mark.parametrize("gap", [10, 29])
def test_a_short_gap_is_missing_frames(tmp_path, params, gap):
    numbers = [*range(1, 17), *range(17 + gap, 33 + gap)]
    rows = csv_text([(frame, 0, 1, face) for frame, face in zip(numbers, TRACK.round(1), strict=True)])
    (tmp_path / "in.csv").write_text(rows.replace("0.98", "1.0"))
    assert smooth(tmp_path / "in.csv", tmp_path / "out.csv", params) == 0
    full = np.full((32 + gap, LANDMARKS, 2), np.nan, np.float32)
    full[np.array(numbers) - 1] = TRACK.round(1)
    expected = np.asarray(stabilizer.run(stabilizer.load(params), jnp.asarray(full)))[np.array(numbers) - 1]
    np.testing.assert_allclose(landmark_table.read(tmp_path / "out.csv").points, expected, atol=0.01)


@pytest.mark.parametrize("gap", [200, 300_000])
@pytest.mark.parametrize("options", [["--causal"], []])
def test_after_a_long_gap_the_face_starts_anew(tmp_path, capsys, gap, options):
    numbers = [*range(1, 17), *range(17 + gap, 33 + gap)]
    rows = csv_text([(frame, 0, 1, face) for frame, face in zip(numbers, TRACK.round(1), strict=True)])
    (tmp_path / "in.csv").write_text(rows)
    assert cli.main(["smooth", f"{tmp_path}/in.csv", f"{tmp_path}/out.csv", *options]) == 0
    said = capsys.readouterr().out
    assert "a gap of more than 1.0 s once: the face starts anew after it" in said
    assert "nan" not in said
    assert "left as they are" not in said  # the file has no such rows
    written = landmark_table.read(tmp_path / "out.csv").points
    if options:  # a causal filter knows nothing of later frames
        expected = [
            stabilizer.run(
                stabilizer.default_params(LANDMARKS), jnp.asarray(half, jnp.float32), confidence=jnp.full(16, 0.98)
            )
            for half in (TRACK.round(1)[:16], TRACK.round(1)[16:])
        ]
        np.testing.assert_allclose(written, np.concatenate(expected), atol=0.01)
    assert np.abs(written - TRACK.round(1)).max() < 8


def test_a_jump_of_the_times_is_a_long_gap_too(tmp_path, capsys):
    time = np.arange(FRAMES) / 30 + np.where(np.arange(FRAMES) < 16, 0, 3600)
    npz.write(tmp_path / "in.npz", {"landmarks": TRACK, "time": time})
    assert cli.main(["smooth", f"{tmp_path}/in.npz", f"{tmp_path}/out.npz"]) == 0
    assert "starts anew" in capsys.readouterr().out
    assert np.abs(npz.read(tmp_path / "out.npz")["landmarks"] - TRACK).max() < 8


def test_frames_in_a_long_gap_of_an_array_are_left_as_they_are(tmp_path, capsys):
    track = np.concatenate([TRACK[:16], np.full((300, LANDMARKS, 2), np.nan), TRACK[16:]])
    track[100] = 0
    npz.write(tmp_path / "in.npz", {"landmarks": track})
    assert cli.main(["smooth", f"{tmp_path}/in.npz", f"{tmp_path}/out.npz"]) == 0
    assert "300 frames lie in gaps of more than 1.0 s: left as they are" in capsys.readouterr().out
    written = npz.read(tmp_path / "out.npz")["landmarks"]
    assert (written[100] == 0).all()
    assert np.isnan(np.delete(written[16:316], 84, axis=0)).all()
    assert np.abs(written[[*range(16), *range(316, 332)]] - TRACK).max() < 8


def test_pieces_of_a_track():
    points = np.zeros((6, 1, 2))
    points[[1, 2, 5]] = np.nan
    timeline = Timeline(np.ones(6, bool), np.array([1.0, 100, 20, 50, 200, 1]), ())
    found = track_times.pieces(points, timeline)
    # From frame 0 to 3 it is 170 steps, with two frames in between; frame 4 follows after 200.
    assert found.used.tolist() == [True, False, False, True, True, True]
    assert found.restart.tolist() == [False, True, True, False]
    assert found.dt.tolist() == [1, 1, 1, 1]
    whole = track_times.pieces(points, timeline._replace(dt=None))
    assert whole.used.all()
    assert not whole.restart.any()
    assert whole.dt is None
    assert track_times.gap_notes(whole, np.ones(6, bool)) == []
    assert track_times.gap_notes(found, np.arange(6) != 1) == [
        "a gap of more than 1.0 s 2 times: the face starts anew after it",
        "1 frame lies in gaps of more than 1.0 s: left as they are, nothing is known of them",
    ]


def test_normalised_coordinates_have_no_pixels(tmp_path, capsys):
    frames = [[{"x": x / 400, "y": y / 200} for x, y in face] for face in TRACK]
    write_json(tmp_path / "in.json", frames)
    assert cli.main(["smooth", f"{tmp_path}/in.json", f"{tmp_path}/out.json"]) == 0
    said = capsys.readouterr().out
    assert "x and y are shares of an image of unknown size: read as if it were square" in said
    assert "in units of the file" in said
    before = float(said.split("over time): ")[1].split(" before")[0])
    assert 0.001 < before < 0.02
