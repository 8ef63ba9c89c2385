import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fhr_jax.data.io import pts
from fhr_jax.errors import InputError

GOOD = "version: 1\nn_points: 3\n{\n1 1\n2.5 3.25\n1e2 -4\n}\n"
POINTS = [[0, 0], [1.5, 2.25], [99, -5]]


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\n\n"),
        GOOD.removesuffix("\n"),
        "\ufeff" + GOOD,
        "# made by hand\n" + GOOD.replace("1 1\n", "// first\n  1\t1.0  # corner\n"),
        GOOD.replace("version: 1\n", "").replace("n_points: 3", "N_Points:3"),
        GOOD.replace("1e2", "1.0E+02").replace("1 1", "+1. 1"),
        GOOD.replace("version: 1\n", "").replace("n_points: 3\n", ""),
        GOOD.replace("n_points: 3\n", ""),
        GOOD.replace("{\n", "").replace("}\n", ""),
        "1 1\n2.5 3.25\n1e2 -4\n",
        "# x y\n\n1 1\r\n2.5\t3.25\n1e2 -4",
        "{\n1 1\n2.5 3.25\n1e2 -4\n}",
    ],
)
def test_forms_that_occur(tmp_path, content):
    (tmp_path / "a b.pts").write_bytes(content.encode())
    np.testing.assert_allclose(pts.read(tmp_path / "a b.pts", landmarks=3), POINTS)


BAD = {
    "n_points says 4": GOOD.replace("n_points: 3", "n_points: 4"),
    "n_points says 2": GOOD.replace("n_points: 3", "n_points: 2"),
    "n_points is 'three', expected a number": GOOD.replace("n_points: 3", "n_points: three"),
    "n_points says 5": "n_points: 5\n1 1\n2 2\n",
    "'x y' is not a point": "x y\n1 1\n2 2\n",
    "not a .pts file: '1 1 2'": "1 1 2\n2 2 3\n",
    "'nan 1' is not a point": GOOD.replace("1 1", "nan 1"),
    "'inf 1'": GOOD.replace("1 1", "inf 1"),
    "'1_0 1'": GOOD.replace("1 1", "1_0 1"),
    "'one two'": GOOD.replace("1 1", "one two"),
    "'1 1 1'": GOOD.replace("1 1", "1 1 1"),
    "'1'": GOOD.replace("1 1", "1"),
    "'1e300 1'": GOOD.replace("1 1", "1e300 1"),
    "between": GOOD.replace("{", ""),
    "between one line {": GOOD.replace("}", ""),
    "between one": "}\n1 1\n{\n",
    "between one line { and one line }": GOOD + GOOD,
    "no points": "n_points: 0\n{\n}\n",
    "not a .pts file: no points": "",
}


@pytest.mark.parametrize("message", BAD)
def test_bad_files(tmp_path, message):
    (tmp_path / "bad.pts").write_text(BAD[message])
    with pytest.raises(InputError) as caught:
        pts.read(tmp_path / "bad.pts")
    assert message in str(caught.value)
    assert "bad.pts" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wrong_number_missing_binary_and_huge(tmp_path):
    (tmp_path / "a.pts").write_text(GOOD)
    with pytest.raises(InputError, match="3 landmarks, expected 68"):
        pts.read(tmp_path / "a.pts", landmarks=68)
    with pytest.raises(InputError, match="cannot be read"):
        pts.read(tmp_path / "none.pts")
    (tmp_path / "b.pts").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError, match="not a text file"):
        pts.read(tmp_path / "b.pts")
    (tmp_path / "c.pts").write_bytes(b" " * (pts.MAX_BYTES + 1))
    with pytest.raises(InputError, match="larger"):
        pts.read(tmp_path / "c.pts")


@given(arrays(np.float64, (5, 2), elements=st.floats(-1e4, 1e4)))
def test_round_trip(tmp_path_factory, points):
    path = tmp_path_factory.mktemp("pts") / "x.pts"
    pts.write(path, points)
    np.testing.assert_allclose(pts.read(path, landmarks=5), points, atol=1e-6)


def test_missing_points_are_not_written(tmp_path):
    with pytest.raises(InputError, match="missing"):
        pts.write(tmp_path / "x.pts", np.array([[1.0, np.nan]]))
    with pytest.raises(InputError, match="cannot write"):
        pts.write(tmp_path / "no" / "x.pts", np.ones((1, 2)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("marker", ["0 0", "-1 -1", "0.0 0.000"])
def test_a_face_with_a_missing_landmark_is_refused(marker, tmp_path):
    rows = [f"{100 + 10 * i} {200 + (7 * i) % 40}" for i in range(8)]
    rows[3] = marker
    path = tmp_path / "face.pts"
    path.write_text("version: 1\nn_points: 8\n{\n" + "\n".join(rows) + "\n}\n")
    with pytest.raises(InputError, match=r"face\.pts: landmark 3 at \((0, 0|-1, -1)\), off the face, reads as missing"):
        pts.read_face(path)
    assert len(pts.read(path)) == 8


def test_a_landmark_at_the_corner_of_a_face_that_is_there_is_kept(tmp_path):
    rows = ["0 0", *(f"{2 + 3 * i} {1 + (7 * i) % 20}" for i in range(7))]
    path = tmp_path / "face.pts"
    path.write_text("version: 1\nn_points: 8\n{\n" + "\n".join(rows) + "\n}\n")
    np.testing.assert_array_equal(pts.read_face(path)[0], [-1, -1])
