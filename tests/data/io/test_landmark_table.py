"""CSV files as spreadsheets and trackers write them: delimiters, decimal marks, words, texts, orders, wrong cells."""

import csv
import re

import numpy as np
import pytest

from fhr_jax.data.io import landmark_files, landmark_table
from fhr_jax.errors import InputError

POINTS = np.random.default_rng(0).uniform(100, 300, (6, 4, 2)).round(1)


def table(path, *, delimiter=",", decimal=".", digits=1, scale=1.0, frames=range(6), faces=None, success="1"):
    names = ["frame", "face_id", "success", *(f"{axis}_{m}" for axis in "xy" for m in range(4)), "note"]
    rows = [names]
    for k, frame in enumerate(frames):
        cells = [f"{scale * value:.{digits}f}".replace(".", decimal) for value in POINTS[frame].T.ravel()]
        rows.append([str(frame), "0" if faces is None else faces[k], success, *cells, "a, b; c"])
    with open(path, "w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return path


@pytest.mark.parametrize(("delimiter", "decimal"), [(";", ","), (";", "."), ("\t", "."), ("\t", ","), (",", ".")])
def test_delimiters_and_decimal_marks_are_read_and_written_in_kind(tmp_path, delimiter, decimal):
    path = table(tmp_path / "in.csv", delimiter=delimiter, decimal=decimal)
    recording = landmark_files.read(path)
    np.testing.assert_allclose(recording.tracks[0].points, POINTS)
    landmark_files.write(tmp_path / "out.csv", recording, [POINTS + 0.125])
    again = landmark_files.read(tmp_path / "out.csv")
    np.testing.assert_allclose(again.tracks[0].points, POINTS + 0.125)
    with open(tmp_path / "out.csv", newline="", encoding="utf-8") as stream:
        header, first, *_ = csv.reader(stream, delimiter=delimiter)
    assert header[:3] == ["frame", "face_id", "success"]
    assert first[3] == f"{POINTS[0, 0, 0] + 0.125:.3f}".replace(".", decimal)
    assert first[-1] == "a, b; c"


@pytest.mark.parametrize(("digits", "expected"), [(0, 3), (2, 3), (7, 7), (15, 12)])
def test_landmarks_are_written_as_precisely_as_they_came(tmp_path, digits, expected):
    recording = landmark_files.read(table(tmp_path / "in.csv", digits=digits, scale=1 / 1920 if digits else 1))
    new = recording.tracks[0].points / 3
    landmark_files.write(tmp_path / "out.csv", recording, [new])
    again = landmark_files.read(tmp_path / "out.csv").tracks[0].points
    assert np.abs(again - new).max() <= 0.5 * 10.0**-expected + 1e-15
    assert np.abs(again - new).max() > 0.01 * 10.0**-expected


@pytest.mark.parametrize("word", ["", "NA", "n/a", "nan", "-nan(ind)", "NULL", "inf"])
def test_a_cell_without_a_number_is_a_missing_point(tmp_path, word):
    path = table(tmp_path / "in.csv")
    lines = path.read_text().splitlines()
    cells = lines[3].split(",")
    cells[4] = word
    path.write_text("\n".join([*lines[:3], ",".join(cells), *lines[4:]]))
    missing = np.isnan(landmark_files.read(path).tracks[0].points)
    assert missing[2, 1].all()  # both coordinates
    assert missing.sum() == 2


def test_success_may_be_a_word(tmp_path):
    points = landmark_files.read(table(tmp_path / "in.csv", success="TRUE")).tracks[0].points
    np.testing.assert_allclose(points, POINTS)
    assert np.isnan(landmark_files.read(table(tmp_path / "in.csv", success="False")).tracks[0].points).all()


def test_an_empty_row_is_a_missing_frame(tmp_path):
    (tmp_path / "in.csv").write_text("x_0,y_0,x_1,y_1\n1,2,5,6\n,,,\n3,4,7,8\n")
    recording = landmark_files.read(tmp_path / "in.csv")
    assert np.isnan(recording.tracks[0].points).all(axis=(1, 2)).tolist() == [False, True, False]
    landmark_files.write(tmp_path / "out.csv", recording, [np.ones((3, 2, 2))])
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 4


def test_a_decimal_comma_may_be_in_other_columns_only(tmp_path):
    (tmp_path / "in.csv").write_text("\n\ntimestamp;confidence;x_0;y_0;x_1;y_1\n0,033;0,9;1;2;5;6\n0,067;0,8;3;4;7;8\n")
    (track,) = landmark_files.read(tmp_path / "in.csv").tracks
    np.testing.assert_allclose(track.time, [0.033, 0.067])
    np.testing.assert_allclose(track.confidence, [0.9, 0.8])


def test_a_word_is_no_coordinate(tmp_path):
    (tmp_path / "in.csv").write_text("x_0,y_0,x_1,y_1\n1,2,TRUE,6\n")
    with pytest.raises(InputError, match="row 2, column x_1: 'TRUE' is no number"):
        landmark_files.read(tmp_path / "in.csv")


def test_a_face_without_a_number_among_numbers_is_refused(tmp_path):
    with pytest.raises(InputError, match="column face_id must hold whole numbers"):
        landmark_files.read(table(tmp_path / "in.csv", frames=[0, 0], faces=["0", "NA"]))
    recording = landmark_files.read(table(tmp_path / "in.csv", frames=[0, 0], faces=["e", "1"]))
    assert recording.content[0].names == ("e", "1")


def test_faces_may_have_names(tmp_path):
    path = table(tmp_path / "in.csv", frames=[0, 0, 1, 1], faces=["ann", "bob", "ann", "bob"])
    recording = landmark_files.read(path)
    assert recording.content[0].names == ("ann", "bob")
    assert [track.points.shape for track in recording.tracks] == [(2, 4, 2)] * 2
    landmark_files.write(tmp_path / "out.csv", recording, [track.points for track in recording.tracks])
    assert "bob" in (tmp_path / "out.csv").read_text().splitlines()[2]


def test_rows_in_another_order_are_sorted_and_written_where_they_were(tmp_path):
    order = [3, 0, 5, 1, 4, 2]
    recording = landmark_files.read(table(tmp_path / "in.csv", frames=order))
    np.testing.assert_allclose(recording.tracks[0].points, POINTS)
    assert recording.notes == ("the rows of face 0 are not in the order of their frames: read in that order",)
    landmark_files.write(tmp_path / "out.csv", recording, [POINTS + 1])
    written = landmark_table.read(tmp_path / "out.csv")
    assert written.frame.tolist() == order
    np.testing.assert_allclose(written.points, POINTS[order] + 1)


def test_a_repeated_frame_is_named_with_both_rows(tmp_path):
    with pytest.raises(InputError, match=r"in.csv: row 5 repeats frame 1 of face 0, which row 3 has; expected one row"):
        landmark_files.read(table(tmp_path / "in.csv", frames=[0, 1, 2, 1, 3]))
    with pytest.raises(InputError, match="row 4 repeats frame 0 of face 'ann', which row 2 has, and 1 more rows"):
        landmark_files.read(table(tmp_path / "in.csv", frames=[0, 1, 0, 1], faces=["ann"] * 4))


def test_a_wrong_cell_is_named_by_row_and_column(tmp_path):
    path = table(tmp_path / "in.csv")
    text = path.read_text().splitlines()
    cells = text[4].split(",")
    cells[5] = "banana"
    path.write_text("\n".join([*text[:2], "", *text[2:4], ",".join(cells), *text[5:]]))
    with pytest.raises(InputError, match="row 6, column x_2: 'banana' is no number"):
        landmark_files.read(path)
    path.write_text("\n".join([*text[:4], text[4] + ",1,2", *text[5:]]))
    with pytest.raises(InputError, match="row 5 has 14 cells, expected 12"):
        landmark_files.read(path)


def test_another_encoding_is_named(tmp_path):
    path = table(tmp_path / "in.csv")
    path.write_bytes(path.read_text().replace("a, b; c", "né").encode("latin-1"))
    with pytest.raises(
        InputError, match="is not text in UTF-8, but perhaps in Latin-1 or Windows-1252; save it as UTF-8"
    ):
        landmark_files.read(path)
    text = table(tmp_path / "in.csv").read_text()
    for encoding in ("utf-16", "utf-32"):
        path.write_bytes(text.encode(encoding))
        with pytest.raises(InputError, match=f"is text in {encoding.upper()}, expected UTF-8; save it as UTF-8"):
            landmark_files.read(path)


def test_a_wrong_cell_of_a_body_part_is_named_with_it(tmp_path):
    for above, name in (("", "b y"), ("individuals,ann,ann,ann,ann\n", "ann b y")):
        head = f"scorer,n,n,n,n\n{above}bodyparts,a,a,b,b\ncoords,x,y,x,y\n"
        (tmp_path / "in.csv").write_text(head + "0,1,2,3,oops\n")
        row = head.count("\n") + 1
        with pytest.raises(InputError, match=f"row {row}, column {name}: 'oops' is no number"):
            landmark_files.read(tmp_path / "in.csv")
        (tmp_path / "in.csv").write_text(head + "0.5,1,2,3,4\n")
        with pytest.raises(InputError, match="column coords must hold whole numbers"):
            landmark_files.read(tmp_path / "in.csv")


def test_columns_that_are_not_those_of_openface_are_named(tmp_path):
    (tmp_path / "in.csv").write_text("time|x_0|y_0\n1|2|3\n")
    with pytest.raises(
        InputError, match=r"expected the columns of OpenFace \(.*; its first columns are time\|x_0\|y_0"
    ):
        landmark_files.read(tmp_path / "in.csv")
    (tmp_path / "in.csv").write_text("\n")
    with pytest.raises(InputError, match="its first columns are missing"):
        landmark_files.read(tmp_path / "in.csv")


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("x_0,x_1,x_1,y_0,y_1", "x_1"),
        ("frame_idx,p.x,p.y,q.x,q.y,p.x", "p.x"),
        ("Landmark[0].X,Landmark[0].Y,Landmark[0].Y", "Landmark[0].Y"),
    ],
)
def test_two_columns_of_one_name_are_refused(tmp_path, header, name):
    """The first of them took the place of both."""
    (tmp_path / "a.csv").write_text(header + "\n" + ",".join("1" * (header.count(",") + 1)) + "\n")
    with pytest.raises(InputError, match=rf"a\.csv: the column '{re.escape(name)}' is there twice"):
        landmark_table.read(tmp_path / "a.csv")


def test_a_byte_order_mark_that_is_there_twice_is_no_part_of_a_name(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf\xef\xbb\xbfframe,x_0,y_0\n7,1,2\n9,3,4\n")
    assert landmark_table.read(tmp_path / "a.csv").frame.tolist() == [7, 9]


def test_cells_that_do_not_change_stay_as_they_are(tmp_path):
    (tmp_path / "in.csv").write_text("frame,x_0,x_1,y_0,y_1\n1,5,6.25,+7.0,8e0\n2,1.5,,3,4\n")
    table = landmark_table.read(tmp_path / "in.csv")
    landmark_table.write(tmp_path / "same.csv", table, table.points)
    assert (tmp_path / "same.csv").read_text() == (tmp_path / "in.csv").read_text()
    points = table.points.copy()
    points[0, 1] = 6.5, 8
    landmark_table.write(tmp_path / "out.csv", table, points)
    assert (tmp_path / "out.csv").read_text().splitlines()[1:] == ["1,5,6.500000000000,+7.0,8e0", "2,1.5,,3,4"]
