import json

import numpy as np
import pytest

from fhr_jax import tensors
from fhr_jax.errors import InputError


def test_round_trip_is_bit_equal(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {
        "a/b": rng.normal(size=(3, 4)).astype(np.float32),
        "turned": rng.normal(size=(3, 4)).astype(np.float32).T,  # not in the order in which it lies in memory
        "strided": np.arange(20)[::3],
        "half": np.array([1, 65504, 6e-8, -0.0], np.float16),
        "odd": np.array([np.nan, np.inf, -np.inf, 1e-45], np.float32),
        "alone": np.float64(3),
        "empty": np.zeros((0, 5), np.uint8),
    }
    tensors.write(tmp_path / "a.safetensors", arrays)
    again = tensors.read(tmp_path / "a.safetensors")
    assert set(again) == set(arrays)
    for name, array in arrays.items():
        assert again[name].dtype == array.dtype
        assert again[name].shape == array.shape
        assert again[name].tobytes() == np.asarray(array, order="C").tobytes()


def file_of(header, content=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
BAD = {
    "nothing": b"",
    "text": b"no tensors at all, but some text",
    "cut": file_of({"a": ENTRY}, b"1234"),
    "too long": file_of({"a": ENTRY}, b"123456789"),
    "huge header": (10**12).to_bytes(8, "little") + b"{}",
    "no json": file_of(b"{{{{"),
    "overlapping": file_of({"a": ENTRY, "b": ENTRY}, b"12345678"),
    "huge shape": file_of({"a": ENTRY | {"shape": [2**62, 2**62]}}, b"12345678"),
    "negative": file_of({"a": ENTRY | {"shape": [-2]}}, b"12345678"),
    "unknown type": file_of({"a": ENTRY | {"dtype": "F3"}}, b"12345678"),
    "pickle": b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00.",
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_give_one_line(tmp_path, case):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(BAD[case])
    with pytest.raises(InputError, match=r"bad.safetensors: not a .safetensors file, or cut off") as caught:
        tensors.read(path)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_pytorch_gives_advice(tmp_path):
    path = tmp_path / "net.pth"
    path.write_bytes(b"PK\x03\x04 whatever")
    with pytest.raises(InputError, match=r"in PyTorch: safetensors.torch.save_file"):
        tensors.read(path)


def test_others_may_read_what_is_written(tmp_path):
    tensors.write(tmp_path / "a.safetensors", {"a": np.zeros(3)})
    (tmp_path / "b").touch()
    assert (tmp_path / "a.safetensors").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_files_that_are_missing_or_too_large(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        tensors.read(tmp_path / "none.safetensors")
    tensors.write(tmp_path / "a.safetensors", {"a": np.zeros(100)})
    with pytest.raises(InputError, match="at most 500 are read"):
        tensors.read(tmp_path / "a.safetensors", max_bytes=500)


def test_types_that_numpy_lacks(tmp_path):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(file_of({"a": {"dtype": "F4", "shape": [2], "data_offsets": [0, 1]}}, b"1"))
    with pytest.raises(InputError, match=r"numbers of a type|not a .safetensors"):
        tensors.read(path)
