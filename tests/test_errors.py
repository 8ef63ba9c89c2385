import pickle

from fhr_jax import errors
from fhr_jax.errors import InputError


def test_a_message_is_one_line_whatever_it_quotes():
    quoted = "a\nb\r\x1b[31m\u2028\udcff \N{LATIN SMALL LETTER U WITH DIAERESIS}"
    assert str(InputError(f"x.csv: {quoted}")) == r"x.csv: a\nb\r\x1b[31m\u2028\udcff ü"
    assert len(str(InputError("long " * 10_000))) == errors.LONGEST + 4


def test_it_goes_to_other_processes():
    again = pickle.loads(pickle.dumps(InputError("x.csv: no rows")))
    assert isinstance(again, InputError)
    assert str(again) == "x.csv: no rows"
