import pickle

import h5py
import numpy as np
import pytest

from fhr_jax.data.io import landmark_files
from fhr_jax.errors import InputError
from tests.data.io.formats.samples import FRAMES, scores, track

ONE, TWO, TRUST = track(points=2), track(points=2, seed=5, at=700), scores(points=2)


def labels(individuals):
    return [
        ("net", *([name] if name else []), part, coordinate)
        for name in individuals
        for part in ("nose", "chin")
        for coordinate in ("x", "y", "likelihood")
    ]


def values(people):
    blocks = [np.concatenate([points, TRUST[..., None]], axis=-1).reshape(FRAMES, -1) for points in people]
    return np.concatenate(blocks, axis=1)


def as_table(path, people=(ONE,), individuals=("",), *, index=range(FRAMES), kind=None, dtype="<f8"):
    """What pandas and PyTables write, as far as it is read."""
    numbers = values(people)
    rows = np.zeros(FRAMES, [("index", "<i8"), ("values_block_0", dtype, (numbers.shape[1],))])
    rows["index"], rows["values_block_0"] = list(index), numbers
    with h5py.File(path, "w") as file:
        group = file.create_group("df_with_missing")
        group.attrs["pandas_type"] = np.bytes_(b"frame_table")
        table = group.create_dataset("table", data=rows, chunks=(4,), maxshape=(None,))
        table.attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(labels(individuals) if kind is None else kind, 0))
        group["other"] = np.arange(3)
    return path


def tree(path):
    found = {}
    with h5py.File(path) as file:

        def keep(name, item):
            found[name] = (dict(item.attrs), item[()] if isinstance(item, h5py.Dataset) else None)

        file.visititems(keep)
    return found


def test_points_and_likelihoods_are_read_and_written_back(tmp_path):
    recording = landmark_files.read(as_table(tmp_path / "in.anything"))
    (found,) = recording.tracks
    np.testing.assert_array_equal(found.points, ONE)
    np.testing.assert_array_equal(found.confidence, TRUST)
    assert landmark_files.sentence(recording) == (
        "read as a table of DeepLabCut (HDF5), 1 individual, 6 frames, 2 points"
    )
    landmark_files.write(tmp_path / "same.h5", recording, [ONE])
    assert (tmp_path / "same.h5").read_bytes() == (tmp_path / "in.anything").read_bytes()
    landmark_files.write(tmp_path / "out.h5", recording, [ONE + 0.125])
    before, after = tree(tmp_path / "in.anything"), tree(tmp_path / "out.h5")
    block = after["df_with_missing/table"][1]["values_block_0"].reshape(FRAMES, 2, 3)
    np.testing.assert_array_equal(block[..., :2], ONE + 0.125)
    np.testing.assert_array_equal(block[..., 2], TRUST)
    assert str(after["df_with_missing/other"]) == str(before["df_with_missing/other"])
    assert str(after["df_with_missing/table"][0]) == str(before["df_with_missing/table"][0])


def test_individuals_are_faces_and_those_that_are_away_stay_so(tmp_path):
    two = TWO.copy()
    two[2] = np.nan
    recording = landmark_files.read(as_table(tmp_path / "in.h5", (ONE, two), ("ann", "bob"), dtype="<f4"))
    first, second = recording.tracks
    np.testing.assert_allclose(first.points, ONE, rtol=1e-6)
    assert second.present.tolist() == [True, True, False, True, True, True]
    landmark_files.write(tmp_path / "out.h5", recording, [first.points, second.points + 1])
    block = tree(tmp_path / "out.h5")["df_with_missing/table"][1]["values_block_0"].reshape(FRAMES, 2, 2, 3)
    assert block.dtype == np.float32
    assert np.isnan(block[2, 1, :, :2]).all()
    np.testing.assert_allclose(block[:2, 1, :, :2], TWO[:2] + 1, rtol=1e-6)


def test_frames_are_numbered_by_the_index(tmp_path):
    order = [5, 3, 0, 1, 2, 8]
    recording = landmark_files.read(as_table(tmp_path / "in.h5", index=order))
    (found,) = recording.tracks
    assert len(found.points) == 9
    np.testing.assert_array_equal(found.points[order], ONE)
    landmark_files.write(tmp_path / "out.h5", recording, [found.points])
    assert (tmp_path / "out.h5").read_bytes() == (tmp_path / "in.h5").read_bytes()


def test_missing_points_and_little_likelihood(tmp_path):
    value = ONE.copy()
    value[1, 1, 0] = np.nan
    path = as_table(tmp_path / "in.h5", (value,))
    with h5py.File(path, "r+") as file:
        rows = file["df_with_missing/table"][()]
        rows["values_block_0"][3, 2] = 0.001
        file["df_with_missing/table"][...] = rows
    recording = landmark_files.read(path)
    assert np.argwhere(np.isnan(recording.tracks[0].points[..., 0])).tolist() == [[1, 1], [3, 0]]
    assert any("a twentieth of the median" in note for note in recording.notes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": [("net", "nose", "x"), ("net", "nose", "likelihood")]}, "nose has no column x or no y"),
        ({"kind": [("a", "x")]}, "2 levels of columns, expected those of DeepLabCut"),
        ({"kind": [(name, "n", c) for name in "ab" for c in "xy"]}, "points of several scorers"),
        ({"kind": [("a", "n", "z")]}, "no columns x and y"),
        ({"kind": [("a", "n", c) for c in "xyx"]}, "the column a n x is there twice"),
        ({"kind": {}}, "values_block_0_kind: expected a list of labels"),
        ({"index": [0, 1, 1, 2, 3, 4]}, "frame 1 is in it twice"),
    ],
)
def test_other_tables_are_refused(tmp_path, arguments, message):
    with pytest.raises(InputError, match=f"in.h5: .*{message}"):
        landmark_files.read(as_table(tmp_path / "in.h5", **arguments))


def test_damaged_and_other_files_are_refused_in_one_line(tmp_path):
    whole = as_table(tmp_path / "in.h5").read_bytes()
    for end in (100, 700, len(whole) // 2):
        (tmp_path / "cut.h5").write_bytes(whole[:end])
        with pytest.raises(InputError, match=r"cut.h5: this HDF5 file cannot be read, or is cut off") as caught:
            landmark_files.read(tmp_path / "cut.h5")
        assert "\n" not in str(caught.value)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 3
    with pytest.raises(InputError, match=r"other.h5: HDF5, but neither a table of DeepLabCut"):
        landmark_files.read(tmp_path / "other.h5")


@pytest.mark.parametrize("form", ["table", "fixed"])
@pytest.mark.parametrize("individuals", [("",), ("ann", "bob")])
def test_pandas_reads_what_is_written(tmp_path, form, individuals):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("tables")
    names = ["scorer", *["individuals"] * (len(individuals) > 1), "bodyparts", "coords"]
    people = (ONE, TWO)[: len(individuals)]
    frame = pandas.DataFrame(values(people), columns=pandas.MultiIndex.from_tuples(labels(individuals), names=names))
    frame.to_hdf(tmp_path / "in.h5", key="df_with_missing", format=form, mode="w")
    recording = landmark_files.read(tmp_path / "in.h5")
    np.testing.assert_array_equal([found.points for found in recording.tracks], people)
    landmark_files.write(tmp_path / "same.h5", recording, [found.points for found in recording.tracks])
    assert (tmp_path / "same.h5").read_bytes() == (tmp_path / "in.h5").read_bytes()
    landmark_files.write(tmp_path / "out.h5", recording, [found.points + 1 for found in recording.tracks])
    expected = frame + np.array([coordinate != "likelihood" for *_, coordinate in labels(individuals)])
    pandas.testing.assert_frame_equal(pandas.read_hdf(tmp_path / "out.h5"), expected)


def test_whole_numbers_are_not_written_with_a_loss(tmp_path):
    recording = landmark_files.read(as_table(tmp_path / "in.h5", (ONE.round(),), dtype="<i4"))
    np.testing.assert_array_equal(recording.tracks[0].points, ONE.round())
    with pytest.raises(InputError, match="values_block_0 is int32, expected float32 or float64, which hold landmarks"):
        landmark_files.write(tmp_path / "out.h5", recording, [ONE])
    plain = as_arrays(tmp_path / "plain.h5", ONE.round().astype(np.int16))
    recording = landmark_files.read(plain)
    np.testing.assert_array_equal(recording.tracks[0].points, ONE.round())
    landmark_files.write(tmp_path / "out.h5", recording, [ONE])
    np.testing.assert_array_equal(landmark_files.read(tmp_path / "out.h5").tracks[0].points, ONE)


def as_arrays(path, points, *, labels=(0, 0, 1, 1), frame=range(FRAMES)):
    """What pandas writes as "fixed"."""
    with h5py.File(path, "w") as file:
        group = file.create_group("df")
        group.attrs.update({"pandas_type": np.bytes_(b"frame"), "nblocks": 1, "block0_items_nlevels": 3})
        group.update({"block0_values": points.reshape(FRAMES, -1), "axis1": np.array(frame)})
        for level, (texts, places) in enumerate(
            (([b"net"], (0,) * 4), ([b"a", b"b"], labels), ([b"x", b"y"], (0, 1) * 2))
        ):
            group[f"block0_items_level{level}"] = texts
            group[f"block0_items_label{level}"] = np.array(places, np.int8)
    return path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": (0, 0, -1, -1)}, "block0_items_label1 is damaged"),
        ({"frame": [0, 1, 2, 3, 4, 2**60]}, r"the numbers of its frames are damaged"),
        ({"frame": 5}, "the numbers of its frames are"),
    ],
)
def test_damaged_arrays_are_refused(tmp_path, arguments, message):
    np.testing.assert_array_equal(landmark_files.read(as_arrays(tmp_path / "whole.h5", ONE)).tracks[0].points, ONE)
    with pytest.raises(InputError, match=f"in.h5: .*{message}"):
        landmark_files.read(as_arrays(tmp_path / "in.h5", ONE, **arguments))
