"""Mirrored faces whose landmarks kept their numbers are found, and no others: turned, in profile, or upside down."""

import jax
import numpy as np
import pytest

from fhr_jax import cli, npz
from fhr_jax.data import chirality, faces
from fhr_jax.data.io import pts
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.markup import FACE68, unknown
from tests import trees
from tests.markup.mean_faces import FACES

MIRROR = np.array([-1.0, 1.0])


def turned(face, degrees):
    angle = np.deg2rad(degrees)
    return face @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


@pytest.mark.parametrize("markup", FACES, ids=lambda markup: markup.name)
def test_mean_faces_of_every_markup_in_every_direction(markup):
    face = np.asarray(FACES[markup], np.float64)
    every = np.stack([300 + 80 * turned(face, degrees) for degrees in range(0, 360, 15)])
    assert (chirality.sides(every, markup=markup) == 1).all()
    mirrored = every * MIRROR
    assert (chirality.sides(mirrored, markup=markup) == -1).all()
    assert (chirality.sides(mirrored[:, list(markup.flip)], markup=markup) == 1).all()
    assert (chirality.sides(mirrored, markup=unknown(markup.size)) == 0).all()


def test_points_at_random_are_no_face():
    points = np.random.default_rng(0).uniform(10, 50, (2000, 68, 2))
    assert (chirality.sides(points, markup=FACE68) < 0).mean() < 0.005


@pytest.mark.slow
def test_synthetic_faces_in_profile_raise_no_alarm():
    """The eyes of a profile lie behind one another; then the side is not clear."""
    drawn = jax.vmap(faces.sample)(jax.random.split(jax.random.key(0), 64))
    points = np.asarray(jax.vmap(lambda face: faces.render(faces.fill(face), size=64)[1])(drawn))
    assert (chirality.sides(points, markup=FACE68) >= 0).all()
    assert (chirality.sides(points, markup=FACE68) == 1).mean() > 0.9


def test_real_faces_raise_no_alarm(real_data):
    with np.load(real_data / "300w_shapes" / "train_3148.npz") as arrays:
        every = [arrays["points"].astype(np.float64)]
    for folder in ("helen_train", "afw"):
        paths = sorted((real_data / "real_faces" / folder).glob("*.pts"))
        every.append(np.stack([pts.read(path) for path in paths]))
    every += [npz.read(path)["predictions"] for path in (real_data / "300vw_fhr_predictions").rglob("*.npz")]
    every += [npz.read(path)["landmarks"] for path in (real_data / "detector_tracks").glob("dlib*.npz")]
    points = np.concatenate(every)
    points = points[np.isfinite(points).all(axis=(1, 2))]
    assert len(points) > 60_000
    assert not (chirality.sides(points, markup=FACE68) < 0).any()
    by_hand = np.concatenate(every[:3])
    assert (chirality.sides(by_hand, markup=FACE68) == 1).all()
    assert (chirality.sides(by_hand * MIRROR, markup=FACE68) == -1).all()


def test_what_is_done_about_them():
    side = np.array([1, -1, 0, -1, -1, 0])
    assert chirality.mirrored(np.abs(side), ()) == chirality.MirroredFaces()
    assert chirality.mirrored(side, ()).exchange == {1, 3, 4}
    assert chirality.mirrored(np.array([-1, 0, -1, -1, -1, -1]), ()).exchange == {0, 1, 2, 3, 4, 5}
    found = chirality.mirrored(side, [[0, 1, 2], [3, 4, 5]])
    assert found == chirality.MirroredFaces(frozenset({3, 4, 5}), frozenset({1}))


def write_face(path, seed, *, mirrored):
    """A photograph of trees.face with the landmarks of a real face shape, and perhaps mirrored as a whole."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    points = 60 + 25 * np.asarray(FACES[FACE68]) + rng.normal(scale=0.2, size=(68, 2))
    image = rng.integers(0, 255, (96, 128, 3), np.uint8)
    if mirrored:
        image, points = image[:, ::-1], points * MIRROR + [127, 0]
    Image.fromarray(np.ascontiguousarray(image)).save(path.with_suffix(".png"))
    trees.write_pts(path.with_suffix(".pts"), points)
    return points


def test_photographs_are_mended_and_it_is_said(tmp_path, capsys):
    written = [write_face(tmp_path / f"{name}", k, mirrored=k in (1, 2)) for k, name in enumerate("abcd")]
    source, number = open_dataset(tmp_path).with_sides_exchanged(FACE68)
    assert number == 2
    for k, points in enumerate(written):
        expected = points[list(FACE68.flip)] if k in (1, 2) else points
        np.testing.assert_allclose(source[k]["points"], expected, atol=1e-2)
    assert "2 exchanged" in repr(source)
    assert cli.main(["data", "show", str(tmp_path), "--out", str(tmp_path / "out" / "a.png")]) == 0
    line = "2 of 4 faces are mirrored, but their landmarks kept their numbers: right and left change places"
    assert f"{tmp_path}: {line}" in capsys.readouterr().out.splitlines()


def test_a_video_is_mended_as_a_whole_and_single_frames_are_skipped(tmp_path):
    for name, mirrored in (("a", (1, 2, 3)), ("b", (2,))):
        (tmp_path / name).mkdir()
        for k in (1, 2, 3):
            write_face(tmp_path / name / f"{k}", k, mirrored=k in mirrored)
    source, number = open_dataset(tmp_path).with_sides_exchanged(FACE68)
    assert number == 3
    assert [(source[i]["file"], int(source[i]["frame"])) for i in range(5)] == [
        *(("a/1.png", k) for k in (1, 2, 3)),
        *(("b/1.png", k) for k in (1, 3)),
    ]
    points = np.stack([source[i]["points"] for i in range(5)])
    assert (chirality.sides(points, markup=FACE68) == 1).all()
    assert [item.file for item in source.skipped] == ["b/1.png 2"]
    assert "right and left are exchanged" in source.skipped[0].reason
