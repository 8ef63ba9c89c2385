"""Images as the frames of a video."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from fhr_jax.data.io.frame_sources.image_sequence import open_images
from fhr_jax.errors import InputError


def write(folder, sizes):
    folder.mkdir()
    for number, size in sizes.items():
        Image.fromarray(np.full((*size, 3), number, np.uint8)).save(folder / f"{number:03d}.png")


def test_images_have_times_and_numbers_and_bad_ones_are_counted(tmp_path):
    write(tmp_path / "f", {5: (8, 12), 6: (8, 12), 8: (16, 24), 9: (8, 12), 10: (8, 12)})
    (tmp_path / "f" / "009.png").write_bytes((tmp_path / "f" / "009.png").read_bytes()[:40])
    (tmp_path / "f" / "010.png").write_text("no image")
    with open_images(str(tmp_path / "f"), fps=None) as source:
        assert (source.info.size, source.info.rate, source.info.frames) == ((8, 12), Fraction(30), 5)
        assert not source.live
        assert source.sound(0.0) is None
        frames = list(source.frames)
        lines = source.report()
    assert [frame.number for frame in frames] == [0, 1, 3]
    np.testing.assert_allclose([frame.time for frame in frames], [0, 1 / 30, 3 / 30])
    assert [frame.image.shape[:2] for frame in frames] == [(8, 12), (8, 12), (16, 24)]
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [5, 6, 8]
    assert lines[0] == "5 images, taken as 30 frames a second, which --fps changes"
    assert "missing: 1 (7)" in lines[1]
    assert lines[2].startswith("images that cannot be read: 2; the first one:")
    assert "009.png" in lines[2]


def test_the_rate_may_be_given(tmp_path):
    write(tmp_path / "f", {1: (8, 12), 2: (8, 12)})
    with open_images(str(tmp_path / "f"), fps=12.5) as source:
        assert source.info.rate == Fraction(25, 2)
        np.testing.assert_allclose([frame.time for frame in source.frames], [0, 0.08])
        assert source.report() == ["2 images, taken as 12.5 frames a second"]
    for fps in (0.0, 1e-5, -1.0, np.inf, np.nan):
        with (
            pytest.raises(InputError, match="expected frames a second from"),
            open_images(str(tmp_path / "f"), fps=fps),
        ):
            pass


def test_a_folder_of_images_none_of_which_can_be_read(tmp_path):
    (tmp_path / "f").mkdir()
    for name in ("1.png", "2.png"):
        (tmp_path / "f" / name).write_text("no image")
    with pytest.raises(InputError, match=r"none of 2 images can be read; the first one: .*1\.png"):
        open_images(str(tmp_path / "f"), fps=None).__enter__()
