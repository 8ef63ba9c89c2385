import pytest

from fhr_jax.cli import look_ahead
from fhr_jax.errors import InputError


@pytest.mark.parametrize(
    ("lag", "text"),
    [(0, "before it"), (1, "1 frame after it"), (5, "5 frames after it"), (None, "all frames after it")],
)
def test_the_line_names_the_frames_that_count(lag, text):
    assert text in look_ahead.sentence(lag)
    assert ("--causal" in look_ahead.sentence(lag)) == (lag != 0)


def test_a_lag_below_1_or_beside_causal_is_refused():
    for lag, causal in ((None, False), (None, True), (3, False)):
        look_ahead.check(lag, causal=causal)
    for lag, causal in ((0, False), (-1, False), (2, True)):
        with pytest.raises(InputError, match=f"--lag {lag}: expected at least 1, without --causal"):
            look_ahead.check(lag, causal=causal)
