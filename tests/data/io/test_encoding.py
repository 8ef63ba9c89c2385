import pytest

from fhr_jax.data.io import encoding


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("x".encode("utf-16"), "is text in UTF-16, expected UTF-8; save it as UTF-8"),
        (b"\xfe\xff\0x", "is text in UTF-16, expected UTF-8; save it as UTF-8"),
        ("x".encode("utf-32"), "is text in UTF-32, expected UTF-8; save it as UTF-8"),
        (b"\0\0\xfe\xff", "is text in UTF-32, expected UTF-8; save it as UTF-8"),
        ("né".encode("latin-1"), "is not text in UTF-8, but perhaps in Latin-1 or Windows-1252; save it as UTF-8"),
    ],
)
def test_the_encoding_is_named_where_its_mark_tells(content, said):
    assert encoding.not_utf8("a.csv", content) == f"a.csv: {said}"
