import os
import pickle
from pathlib import Path

import pytest

from fhr_jax.data.io.formats import pickled_labels
from fhr_jax.errors import InputError

LABELS = [("net", "ann", "nöse", coordinate) for coordinate in ("x", "y", "likelihood")] * 2


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_labels_are_read_without_unpickling(protocol):
    assert pickled_labels.read(Path("a.h5"), "kind", pickle.dumps(LABELS, protocol)) == LABELS
    assert pickled_labels.read(Path("a.h5"), "kind", pickle.dumps([], protocol)) == []


class Harmful:
    def __reduce__(self):
        return os.mkdir, ("made by a pickle",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("value", [Harmful(), [Harmful()], 3, ["x"], [("a", 1)], [("a", "b"), ("a",)], {"a": 1}, b""])
def test_everything_else_is_refused_and_nothing_runs(tmp_path, monkeypatch, value, protocol):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"a.h5: kind: expected a list of labels, each a tuple of texts"):
        pickled_labels.read(Path("a.h5"), "kind", pickle.dumps(value, protocol))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b".", b"(", b"(lp0", b"nonsense", b"t.", b"a.", b"g7\n.", b"\x80\xff."])
def test_pickles_that_are_cut_off_are_refused(content):
    with pytest.raises(InputError, match="expected a list of labels"):
        pickled_labels.read(Path("a.h5"), "kind", content)
