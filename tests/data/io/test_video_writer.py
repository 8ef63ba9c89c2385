"""Most of it is tested with what reads it, in `test_video` and `test_sound`."""

from fractions import Fraction

import numpy as np
import pytest

from fhr_jax.data.io import video, video_writer
from fhr_jax.errors import InputError


def test_a_frame_of_another_size_is_refused_and_nothing_is_written(tmp_path):
    with (
        pytest.raises(InputError, match=r"a frame of \(4, 8\), expected \(8, 8\)"),
        video_writer.writer(tmp_path / "a.mp4", size=(8, 8), rate=Fraction(25)) as write,
    ):
        write(np.zeros((4, 8, 3), np.uint8), 0.0)
    assert not list(tmp_path.iterdir())
    assert video.writer is video_writer.writer
