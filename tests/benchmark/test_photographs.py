"""Faces of one photograph stay together, and the table of the originals is read or refused."""

from pathlib import Path

import numpy as np
import pytest

from fhr_jax.benchmark.photographs import ORIGINALS, keep_aside, original_pixels
from fhr_jax.data import records
from fhr_jax.errors import InputError

FACES = [
    records.record(Path(f"{i // 3}_{i % 3}.png"), np.eye(68, 2), dataset="own", file=f"{i // 3}_{i % 3}.png")
    for i in range(30)
]


def _files(part):
    return [part[i]["file"] for i in range(len(part))]


def test_faces_of_one_photograph_are_on_one_side():
    learn, test = keep_aside(FACES, name="own")
    assert len(test) == 6
    assert len(learn) >= 12
    assert not {file.split("_")[0] for file in _files(learn)} & {file.split("_")[0] for file in _files(test)}
    assert _files(keep_aside(FACES, name="own")[1]) == _files(test)


def test_one_face_cannot_be_split():
    with pytest.raises(InputError, match="own: 1 annotated images, but 1"):
        keep_aside(FACES[:1], name="own")


def test_pixels_of_the_originals(tmp_path):
    np.testing.assert_array_equal(original_pixels(tmp_path, FACES[:2]), [1, 1])
    (tmp_path / ORIGINALS).write_text("name,inter_ocular_px,scale\n0_1,300,0.25\n0_0,80,1.0\n")
    np.testing.assert_array_equal(original_pixels(tmp_path, FACES[:2]), [1, 4])
    with pytest.raises(InputError, match="no row for 0_2"):
        original_pixels(tmp_path, FACES[:3])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,px\n0_0,80\n", "the columns name and scale"),
        ("name,scale\n0_0,large\n", "scale of 0_0 is 'large'"),
        ("name,scale\n0_0,0\n", "scale of 0_0 is '0'"),
        ("name,scale\n0_0\n", "scale of 0_0 is None"),
    ],
)
def test_tables_of_originals_that_are_refused(text, message, tmp_path):
    (tmp_path / ORIGINALS).write_text(text)
    with pytest.raises(InputError, match=message):
        original_pixels(tmp_path, FACES[:1])
