import os

import pytest

from fhr_jax.errors import InputError
from fhr_jax.files import staged_folder


def test_files_move_in_and_others_stay(tmp_path):
    target = tmp_path / "a" / "b"
    with staged_folder(target) as folder:
        (folder / "x.txt").write_text("1")
        (folder / "below").mkdir()
        (folder / "below" / "y.txt").write_text("2")
        assert not (target / "x.txt").exists()
    with staged_folder(target) as folder:
        (folder / "x.txt").write_text("3")
        (folder / "below").mkdir()
        (folder / "below" / "z.txt").write_text("4")
    assert (target / "x.txt").read_text() == "3"
    assert sorted(p.name for p in target.rglob("*")) == ["below", "x.txt", "y.txt", "z.txt"]


def test_a_failure_leaves_nothing(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "x.txt").write_text("old")
    for target in (tmp_path / "new" / "deep", tmp_path / "old"):
        with pytest.raises(RuntimeError), staged_folder(target) as folder:
            (folder / "x.txt").write_text("new")
            raise RuntimeError
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["old", "x.txt"]
    assert (tmp_path / "old" / "x.txt").read_text() == "old"


def test_places_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"), staged_folder(tmp_path / "file" / "below"):
        pass
    with pytest.raises(InputError, match="cannot write"), staged_folder(tmp_path / "file"):
        pass
    if os.geteuid():  # root may write everywhere
        (tmp_path / "closed").mkdir(mode=0o500)
        with pytest.raises(InputError, match="cannot write"), staged_folder(tmp_path / "closed"):
            pass
