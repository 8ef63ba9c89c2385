import json
import math

import numpy as np
import pytest

from fhr_jax.data.io.formats import json_text
from fhr_jax.errors import InputError


@pytest.mark.parametrize(
    "text",
    [
        '{"a": [1, 2.5, -3e-07], "b": null}',
        '{"a":[1,2.5,-3e-07],"b":null}',
        '{\n  "a": [\n    1,\n    2.5\n  ]\n}',
        "[\n    NaN,\n    Infinity,\n    -Infinity\n]",
        '{"name": "né"}',
        '{"name": "n\\u00e9"}',
    ],
)
def test_a_file_is_written_as_it_came(tmp_path, text):
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    document = json_text.read(tmp_path / "a.json")
    json_text.write(tmp_path / "b.json", document, document.value)
    assert (tmp_path / "b.json").read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": 1, "b": 2, "a": 3}', "the key 'a' occurs twice in one object"),
        (b"[1,\n 2,\n]", "line 3, column 1: not JSON, or cut off"),
        (b'{"a": [1, 2', "line 1, column 12: not JSON, or cut off"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deep"),
        (b'["\xff"]', "is not text in UTF-8, but perhaps in Latin-1"),
        (b"\xff\xfe[\0]\0", "is text in UTF-16, expected UTF-8"),
        (b"[" + b"9" * 10_000 + b"]", "not JSON of landmarks"),
    ],
)
def test_bad_json_is_refused_with_its_place(tmp_path, content, message):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        json_text.read(tmp_path / "a.json")
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "a.json") in str(caught.value)


def test_large_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(json_text, "MAX_BYTES", 10)
    (tmp_path / "a.json").write_text(json.dumps(list(range(20))))
    with pytest.raises(InputError, match="larger than 10 bytes"):
        json_text.read(tmp_path / "a.json")


def test_what_is_no_number_is_missing():
    assert json_text.number(3) == 3
    for value in (None, True, "3", [3], math.inf, math.nan, 10**400):
        assert math.isnan(json_text.number(value))


def test_decimals_are_those_of_the_file():
    assert json_text.decimals(np.array([1.0, 2.5])) == 3
    assert json_text.decimals(np.array([0.1234567, 2.5, np.nan])) == 7
    assert json_text.decimals(np.array([1e-9])) == 17
    assert json_text.decimals(np.array([])) == 3


def test_only_what_changes_is_copied():
    value = {"a": [{"x": 1}, {"x": 2}], "b": [3]}
    new = json_text.replaced(value, {("a", 1, "x"): 5, ("a", 0): 7})
    assert new == {"a": [7, {"x": 5}], "b": [3]}
    assert new["b"] is value["b"]
    assert value == {"a": [{"x": 1}, {"x": 2}], "b": [3]}
    assert json_text.at(value, ("a", 1, "x")) == 2
