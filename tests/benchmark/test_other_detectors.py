"""Detectors of other packages: stand-ins for the packages, and a real track of the mesh."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from fhr_jax.benchmark import other_detectors
from fhr_jax.benchmark.other_detectors import MESH_TO_68
from fhr_jax.markup import FACE68, FACE_MESH

IMAGES = [np.full((60, 80, 3), value, np.uint8) for value in (0, 1)]
"""Of another height than width; there is no face in the first."""


def test_the_points_of_the_mesh_are_those_of_the_published_tracks(real_data):
    mesh, points = (
        np.load(real_data / "detector_tracks" / f"{name}.talking_face_franck.npz")["landmarks"]
        for name in ("mediapipe_mesh468", "mediapipe_tracking")
    )
    np.testing.assert_array_equal(mesh[:, list(MESH_TO_68), :2], points[: len(mesh)])


def test_the_points_of_the_mesh_are_symmetric():
    assert [FACE_MESH.flip[i] for i in MESH_TO_68] == [MESH_TO_68[i] for i in FACE68.flip]


@pytest.mark.parametrize("tracking", [False, True])
def test_mediapipe(monkeypatch, tracking):
    made = {}

    class FaceMesh:
        def __init__(self, **options):
            made.update(options)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            made["closed"] = True

        def process(self, image):
            face = SimpleNamespace(landmark=[SimpleNamespace(x=i / 468, y=0.5) for i in range(468)])
            return SimpleNamespace(multi_face_landmarks=[face] if image.any() else None)

    solutions = SimpleNamespace(face_mesh=SimpleNamespace(FaceMesh=FaceMesh))
    monkeypatch.setitem(sys.modules, "mediapipe", SimpleNamespace(solutions=solutions))
    track = other_detectors.mediapipe_68(tracking=tracking)(iter(IMAGES))
    assert made == {"static_image_mode": not tracking, "max_num_faces": 1, "closed": True}
    assert track.shape == (2, 68, 2)
    assert np.isnan(track[0]).all()
    expected = np.stack([80 * np.array(MESH_TO_68) / 468 - 0.5, np.full(68, 29.5)], axis=1)
    np.testing.assert_allclose(track[1], expected)


def test_dlib_takes_the_largest_face(monkeypatch, tmp_path):
    model = tmp_path / "model.dat"
    boxes = [SimpleNamespace(area=lambda area=area: area, left=area) for area in (4, 9, 1)]

    def predictor(path):
        assert path == str(model)
        return lambda image, box: SimpleNamespace(parts=lambda: [SimpleNamespace(x=box.left, y=i) for i in range(68)])

    package = SimpleNamespace(
        get_frontal_face_detector=lambda: lambda image: boxes if image.any() else [], shape_predictor=predictor
    )
    monkeypatch.setitem(sys.modules, "dlib", package)
    monkeypatch.setattr(other_detectors, "_dlib_model", lambda: model)
    track = other_detectors.dlib_68()(iter(IMAGES))
    assert np.isnan(track[0]).all()
    np.testing.assert_array_equal(track[1], np.stack([np.full(68, 9), np.arange(68)], axis=1))


def test_the_model_of_dlib_comes_from_its_package(monkeypatch, tmp_path):
    package = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(other_detectors, "find_spec", lambda name: package)
    assert other_detectors._dlib_model() is None
    (tmp_path / "models").mkdir()
    path = tmp_path / "models" / other_detectors.DLIB_MODEL
    path.touch()
    assert other_detectors._dlib_model() == path
    monkeypatch.setattr(other_detectors, "find_spec", lambda name: None)
    assert other_detectors._dlib_model() is None


def test_missing_packages_are_no_error(monkeypatch, tmp_path):
    for name in ("dlib", "mediapipe"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(other_detectors, "_dlib_model", lambda: tmp_path)
    assert other_detectors.dlib_68() is None
    assert other_detectors.mediapipe_68(tracking=True) is None
    monkeypatch.setitem(sys.modules, "dlib", SimpleNamespace())
    monkeypatch.setattr(other_detectors, "_dlib_model", lambda: None)
    assert other_detectors.dlib_68() is None
