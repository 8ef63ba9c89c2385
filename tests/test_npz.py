import zipfile

import numpy as np
import pytest

from fhr_jax import npz
from fhr_jax.errors import InputError


def test_round_trip(tmp_path):
    arrays = {"a/b": np.arange(3.0), "file": np.array("text"), "empty": np.zeros((0, 2), np.float16)}
    npz.write(tmp_path / "x.npz", arrays)
    read = npz.read(tmp_path / "x.npz")
    assert list(read) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype
    assert [p.name for p in tmp_path.iterdir()] == ["x.npz"]


def test_objects_are_never_unpickled(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(InputError, match=r"x\.npz: a holds Python objects"):
        npz.read(tmp_path / "x.npz")
    with pytest.raises(ValueError, match="allow_pickle"):
        npz.write(tmp_path / "y.npz", {"a": np.array([None])})
    assert [p.name for p in tmp_path.iterdir()] == ["x.npz"]


def test_bad_files(tmp_path):
    good = tmp_path / "good.npz"
    npz.write(good, {"a": np.random.default_rng(0).normal(size=1000)})
    contents = good.read_bytes()
    broken = bytearray(contents)
    broken[300:320] = b"x" * 20
    cases = {"empty": b"", "text": b"hello", "cut": contents[:200], "broken": bytes(broken)}
    for name, content in cases.items():
        path = tmp_path / f"{name}.npz"
        path.write_bytes(content)
        with pytest.raises(InputError, match=name) as caught:
            npz.read(path)
        assert "\n" not in str(caught.value)
    for path in (tmp_path / "missing.npz", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            npz.read(path)


def test_limit(tmp_path):
    npz.write(tmp_path / "bomb.npz", {"a": np.zeros(10**6)})
    assert (tmp_path / "bomb.npz").stat().st_size < 10**5
    with pytest.raises(InputError, match="bytes"):
        npz.read(tmp_path / "bomb.npz", max_bytes=10**6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"a": None}, "net.npz: a of a tiny net is missing"),
        ({"a": None, "b": None}, r"net.npz: a \(and 1 more\) of a tiny net is missing"),
        ({"c": np.zeros(2)}, "net.npz: c is not part of a tiny net"),
        ({"a": np.zeros(2)}, r"net.npz: a is \(2,\), expected \(3,\) for a tiny net"),
        ({"b": np.array([1.0, np.nan])}, "net.npz: b: expected finite floating-point numbers"),
        ({"b": np.arange(2)}, "net.npz: b: expected finite floating-point numbers"),
    ],
)
def test_parameters_that_are_not_those_of_a_network(changes, message):
    arrays, shapes = {"a": np.zeros(3), "b": np.ones(2, np.float32)}, {"a": (3,), "b": (2,)}
    npz.check_parameters("net.npz", arrays, shapes, name="a tiny net")
    changed = {name: array for name, array in (arrays | changes).items() if array is not None}
    with pytest.raises(InputError, match=message):
        npz.check_parameters("net.npz", changed, shapes, name="a tiny net")


def test_damaged_headers_are_one_line(tmp_path):
    """Of the zip file and of the .npy files in it; found by damaging 20,000 files."""
    path = tmp_path / "a.npz"
    np.savez(path, a=np.arange(6.0).reshape(2, 3))
    content = path.read_bytes()
    damaged = [
        content.replace(b"'descr'", b"'_escr'"),
        content.replace(b"(2, 3)", b"(2, 3 "),
        content.replace(b"<f8", b"<q8"),
    ]
    central = content.rindex(b"PK\x01\x02")
    for place, value in (
        (central + 10, b"\x0c\0"),
        (central + 10, b"\x0e\0"),
        (central + 10, b"\x63\0"),
        (central + 8, b"\x01\0"),
    ):
        damaged.append(content[:place] + value + content[place + len(value) :])
    with zipfile.ZipFile(path) as archive:
        body = archive.read("a.npy")
    for spoilt in (
        body.replace(b"<f8", b"<q8"),
        body.replace(b"False", b"((((("),
        body.replace(b"(2, 3)", b"(2, -3"),
        body[:20],
    ):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.npy", spoilt)
        damaged.append(path.read_bytes())
    for each in damaged:
        path.write_bytes(each)
        with pytest.raises(InputError) as caught:
            npz.read(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert len(str(caught.value).splitlines()) == 1


def test_text_that_is_not_unicode_is_refused(tmp_path):
    names = np.array(["abc"])
    names.view(np.uint32)[1] = 0x7FFFFFFF
    np.savez(tmp_path / "a.npz", names=names)
    with pytest.raises(InputError, match="names holds text that is not Unicode"):
        npz.read(tmp_path / "a.npz")
