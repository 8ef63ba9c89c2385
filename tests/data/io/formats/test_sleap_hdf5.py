import json

import h5py
import numpy as np
import pytest

from fhr_jax.data.io import landmark_files
from fhr_jax.errors import InputError
from tests.data.io.formats.samples import FRAMES, scores, track

ONE, TWO = track(), track(seed=5, at=700)
AXES = ["track", "frame", "node", "xy"]


def analysis(path, *, dims=None, names=("ann", "bob"), compression="gzip"):
    """The file that SLEAP writes; `dims` names the axes of the tracks in another order."""
    tracks = np.stack([ONE, TWO])
    tracks[1, [0, 3]] = np.nan
    trust = np.stack([scores(), scores(seed=9)])
    trust[1, [0, 3]] = np.nan
    orders = {"tracks": dims or ["track", "xy", "node", "frame"]}
    orders["point_scores"] = [name for name in orders["tracks"] if name != "xy"]
    with h5py.File(path, "w") as file:
        for name, value in (("tracks", tracks), ("point_scores", trust)):
            axes = [AXES.index(axis) for axis in orders[name]]
            file.create_dataset(name, data=value.transpose(axes), compression=compression)
            if dims:
                file[name].attrs["dims"] = json.dumps(orders[name])
        file["track_names"] = [name.encode() for name in names]
        file["node_names"] = [b"a", b"b", b"c", b"d"]
        file["track_occupancy"] = np.isfinite(tracks[..., 0, 0]).T
        file["video_path"] = "v.mp4"
    return path


@pytest.mark.parametrize("dims", [None, ["frame", "track", "node", "xy"], ["xy", "frame", "node", "track"]])
def test_tracks_are_faces_and_frames_without_them_stay_so(tmp_path, dims):
    recording = landmark_files.read(analysis(tmp_path / "in.hdf5", dims=dims))
    one, two = recording.tracks
    np.testing.assert_array_equal(one.points, ONE)
    np.testing.assert_array_equal(one.confidence, scores())
    assert two.present.tolist() == [True, True, False, True, True]
    np.testing.assert_array_equal(two.points[two.present], TWO[[1, 2, 4, 5]])
    assert landmark_files.sentence(recording) == (
        "read as an analysis file of SLEAP (HDF5), 2 faces, 6 frames, 4 points"
    )
    landmark_files.write(tmp_path / "out.h5", recording, [one.points + 1, np.zeros_like(two.points)])
    with h5py.File(tmp_path / "in.hdf5") as before, h5py.File(tmp_path / "out.h5") as after:
        axes = np.argsort([AXES.index(axis) for axis in dims or ["track", "xy", "node", "frame"]])
        written = after["tracks"][()].transpose(axes)
        np.testing.assert_array_equal(written[0], ONE + 1)
        assert np.isnan(written[1, [0, 3]]).all()
        assert (written[1, [1, 2, 4, 5]] == 0).all()
        assert after["tracks"].compression == "gzip"
        assert before.keys() == after.keys()
        for name in before.keys() - {"tracks"}:
            np.testing.assert_array_equal(before[name][()], after[name][()])


def test_a_file_without_names_of_tracks_has_one(tmp_path):
    path = analysis(tmp_path / "in.h5", names=())
    recording = landmark_files.read(path)
    assert [found.face for found in recording.tracks] == [0, 1]


def test_scores_of_zero_tell_nothing(tmp_path):
    path = analysis(tmp_path / "in.h5")
    with h5py.File(path, "r+") as file:
        file["point_scores"][...] = 0
    assert landmark_files.read(path).tracks[0].confidence is None


def changed(path, name, **options):
    with h5py.File(path, "r+") as file:
        del file[name]
        file.create_dataset(name, **options)


def test_other_arrays_are_refused(tmp_path):
    path = analysis(tmp_path / "in.h5", dims=["frame", "track", "node", "xy"])
    with h5py.File(path, "r+") as file:
        file["tracks"].attrs["dims"] = 0.5
    with pytest.raises(InputError, match=r"dims of tracks is '0.5', expected a list of names"):
        landmark_files.read(path)
    with h5py.File(path, "a") as file:
        file["tracks"].attrs["dims"] = '["frame", "track"]'
    with pytest.raises(InputError, match=r"in.h5: tracks is \(6, 2, 4, 2\) of frame, track, expected track, xy, node"):
        landmark_files.read(path)
    path = analysis(tmp_path / "in.h5")
    changed(path, "tracks", data=np.zeros((2, 3, 4, FRAMES)))
    with pytest.raises(InputError, match=r"tracks is \(2, 3, 4, 6\), expected 2 coordinates"):
        landmark_files.read(path)
    changed(path, "tracks", data=np.full((2, 2, 4, FRAMES), np.nan))
    with pytest.raises(InputError, match="no track has a point in any frame"):
        landmark_files.read(path)
    changed(path, "tracks", shape=(2, 2, 4, 10**9), dtype="f8", chunks=(1, 2, 4, 10))
    with pytest.raises(InputError, match="tracks takes 128000000000 bytes; at most"):
        landmark_files.read(path)


def test_links_into_other_files_are_not_followed(tmp_path):
    path = analysis(tmp_path / "other.h5")
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["tracks"], file["node_names"] = h5py.ExternalLink(str(path), "tracks"), 1
    with pytest.raises(InputError, match=r"in.h5: tracks is a link into another file, which is not followed"):
        landmark_files.read(tmp_path / "in.h5")
    layout = h5py.VirtualLayout(shape=(2, 2, 4, FRAMES), dtype="f8")
    layout[:] = h5py.VirtualSource(str(path), "tracks", shape=(2, 2, 4, FRAMES))
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["node_names"] = 1
        file.create_virtual_dataset("tracks", layout)
    with pytest.raises(InputError, match="tracks lies in other files, which are not read"):
        landmark_files.read(tmp_path / "in.h5")


def test_points_set_by_hand_have_no_score_and_count_fully(tmp_path):
    analysis(tmp_path / "in.h5", compression=None)
    with h5py.File(tmp_path / "in.h5", "r+") as file:
        trust = file["point_scores"][()]
        trust[0, :, 0] = np.nan  # all points of the first face in the first frame
        file["point_scores"][...] = trust
    recording = landmark_files.read(tmp_path / "in.h5")
    one, two = recording.tracks
    assert (one.confidence[0] == 1).all()
    np.testing.assert_array_equal(one.confidence[1:], scores()[1:])
    assert recording.notes == ("4 points have a place and no score, as if set by hand: fully trusted",)
    landmark_files.write(tmp_path / "out.h5", recording, [one.points, two.points])
    with h5py.File(tmp_path / "out.h5") as file:
        np.testing.assert_array_equal(file["tracks"][0].T, ONE.transpose(0, 1, 2))


def test_whole_numbers_become_float64(tmp_path):
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["tracks"] = ONE.round().astype(np.int16).transpose(2, 1, 0)[None]
        file["node_names"] = [b"n"] * 4
    recording = landmark_files.read(tmp_path / "in.h5")
    landmark_files.write(tmp_path / "out.h5", recording, [ONE])
    np.testing.assert_array_equal(landmark_files.read(tmp_path / "out.h5").tracks[0].points, ONE)
    with h5py.File(tmp_path / "in.h5", "r+") as file:
        file["tracks"].attrs["dims"] = json.dumps(["track", "frame", "frame", "node", "xy"])
    with pytest.raises(InputError, match=r"in.h5: tracks is .* of track, frame, frame, node, xy, expected"):
        landmark_files.read(tmp_path / "in.h5")
