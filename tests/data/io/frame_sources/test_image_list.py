"""The order of images, and the numbers that are missing."""

import pytest

from fhr_jax.data.io.frame_sources.image_list import list_images, natural_key
from fhr_jax.errors import InputError


def touch(folder, names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()


def names(listed):
    return [path.name for path in listed.files]


def test_numbers_count_as_numbers(tmp_path):
    given = [tmp_path / name for name in ("a10b1.png", "a1b10.png", "a2b10.png", "a2b9.png")]
    found = [path.name for path in sorted(given, key=natural_key)]
    assert found == ["a1b10.png", "a2b9.png", "a2b10.png", "a10b1.png"]


@pytest.mark.parametrize(
    ("given", "order", "numbers", "note"),
    [
        (["f9.png", "f10.png", "f11.png"], ["f9.png", "f10.png", "f11.png"], (0, 1, 2), None),
        (["f1.png", "f2.png", "f5.png"], ["f1.png", "f2.png", "f5.png"], (0, 1, 4), "missing: 2 (3, 4);"),
        (["c1_1.png", "c1_2.png", "c1_4.png"], ["c1_1.png", "c1_2.png", "c1_4.png"], (0, 1, 3), "missing: 1 (3);"),
        (["00.jpg", "10.jpg", "20.jpg"], ["00.jpg", "10.jpg", "20.jpg"], (0, 1, 2), None),
        (["1.png", "2.png", "2000.png"], ["1.png", "2.png", "2000.png"], (0, 1, 2), "do not count the images"),
        (["b.png", "a.png"], ["a.png", "b.png"], (0, 1), None),
        (["1.png", "1.jpg", "2.jpg"], ["1.jpg", "1.png", "2.jpg"], (0, 1, 2), None),
        (["7.png"], ["7.png"], (0,), None),
    ],
)
def test_a_folder(tmp_path, given, order, numbers, note):
    touch(tmp_path / "f", [*given, "notes.txt", ".hidden.png"])
    (tmp_path / "f" / "folder.png").mkdir()
    listed = list_images(str(tmp_path / "f"))
    assert names(listed) == order
    assert listed.numbers == numbers
    assert len(listed.notes) == (note is not None)
    assert note is None or note in listed.notes[0]


def test_many_holes_are_counted(tmp_path):
    touch(tmp_path / "f", [f"{number}.png" for number in range(1, 21) if number % 3])
    (note,) = list_images(str(tmp_path / "f")).notes
    assert "missing: 6 (3, 6, 9 and 3 more)" in note


def test_patterns(tmp_path):
    touch(tmp_path / "f", ["a01.png", "a02.png", "a2.png", "a100.png", "b01.png", "a03.txt", "a01.jpg"])
    folder = str(tmp_path / "f")
    assert names(list_images(f"{folder}/a%02d.png")) == ["a01.png", "a02.png", "a100.png"]
    assert names(list_images(f"{folder}/a%d.jpg")) == ["a01.jpg"]
    assert names(list_images(f"{folder}/b*")) == ["b01.png"]
    assert names(list_images(f"{folder}/*0[12].png")) == ["a01.png", "a02.png", "b01.png"]


def test_without_images_it_says_so(tmp_path):
    touch(tmp_path / "f", ["a.txt"])
    for text, where in (
        (str(tmp_path / "f"), "in this folder"),
        (str(tmp_path / "f" / "%d.png"), "of this pattern"),
        (str(tmp_path / "g" / "%d.png"), "of this pattern"),
        (str(tmp_path / "g" / "*"), "of this pattern"),
    ):
        with pytest.raises(InputError, match=f"no images {where}") as caught:
            list_images(text)
        assert "\n" not in str(caught.value)
