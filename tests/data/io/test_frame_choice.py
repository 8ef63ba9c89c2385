"""Parts of a video."""

import numpy as np
import pytest

from fhr_jax.data.io.frame_choice import choose
from fhr_jax.data.io.video import VideoFrame
from fhr_jax.errors import InputError

IMAGE = np.zeros((2, 2, 3), np.uint8)


def frames(read=None):
    for number in range(10):
        if read is not None:
            read.append(number)
        yield VideoFrame(IMAGE, number / 4, number)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, range(10)),
        ({"start": 0.5}, range(2, 10)),
        ({"start": 0.6, "every": 3}, [3, 6, 9]),
        ({"end": 1.0}, range(5)),
        ({"start": 0.25, "end": 1.9, "every": 2}, [1, 3, 5, 7]),
        ({"start": 5.0}, []),
    ],
)
def test_frames_keep_their_numbers(options, expected):
    chosen = list(choose(frames(), **options))
    assert [frame.number for frame in chosen] == list(expected)
    assert [frame.time for frame in chosen] == [number / 4 for number in expected]


def test_nothing_is_decoded_behind_the_end():
    read = []
    list(choose(frames(read), end=0.5))
    assert read == [0, 1, 2, 3]


@pytest.mark.parametrize("options", [{"start": -0.1}, {"start": np.nan}, {"end": 0.0}, {"end": np.nan}, {"every": 0}])
def test_arguments_out_of_range_are_refused(options):
    with pytest.raises(InputError, match="expected"):
        choose(frames(), **options)
