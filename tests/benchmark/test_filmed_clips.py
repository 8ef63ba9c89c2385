"""Filmed clips: a person who faces the camera and blinks, and bytes with exact landmarks."""

import jax
import numpy as np
import pytest

from fhr_jax import geometry
from fhr_jax.benchmark import filmed_clips
from fhr_jax.data import faces
from fhr_jax.data.synthetic.render_clip import RenderedClip
from fhr_jax.metrics import eyelid_lip_opening

FRAMES = 150


@pytest.fixture(scope="module")
def person():
    return jax.tree.map(np.asarray, filmed_clips.person(jax.random.key(3), FRAMES))


@pytest.fixture(scope="module")
def points(person):
    """In fractions of the frame."""
    return np.asarray(jax.jit(jax.vmap(faces.landmarks))(person))


def test_blinks_are_frequent_and_lips_move(points):
    blinks = eyelid_lip_opening.find_blinks(eyelid_lip_opening.eyelid_opening(points))
    assert len(blinks) >= 2
    width = np.linalg.norm(points[:, 48] - points[:, 54], axis=-1).mean()
    assert np.ptp(eyelid_lip_opening.lip_opening(points)) > 0.05 * width


def test_faces_the_camera_with_nothing_in_front_of_the_eyes(person):
    np.testing.assert_allclose(person.pose.mean(axis=0), 0, atol=1e-5)
    assert np.ptp(person.pose, axis=0).max() > 0.02
    assert not person.appearance.glasses.amount.any()
    assert not person.appearance.occluder.amount.any()


def test_the_camera_is_placed_for_the_first_frame(points):
    x, y, width, height = geometry.box_of(points[0])
    np.testing.assert_allclose(max(width, height), 1 / filmed_clips.FRAME_SCALE, rtol=1e-4)
    np.testing.assert_allclose((x + width / 2, y + height / 2), 0.5, atol=1e-4)
    # It does not follow: the face moves in the frame, and stays in it.
    assert np.ptp(points.mean(axis=1), axis=0).max() > 0.01
    assert 0 < points.min() < points.max() < 1


def test_frames_are_bytes(monkeypatch):
    keys = []

    def render(key, clip, *, size, options):
        keys.append(key)
        assert options == filmed_clips.CAMERA
        grey = np.linspace(0, 1, len(clip.pose))[:, None, None, None]
        points = np.zeros((len(clip.pose), 68, 2))
        return RenderedClip(np.broadcast_to(grey, (len(grey), size, size, 3)), points, points[..., 0] == 0)

    monkeypatch.setattr(filmed_clips, "render_clip", render)
    clip = filmed_clips.film(jax.random.key(3), FRAMES, size=16)
    assert clip.images.shape == (FRAMES, 16, 16, 3)
    assert clip.images.dtype == np.uint8
    assert (clip.images[0, 0, 0, 0], clip.images[-1, 0, 0, 0]) == (0, 255)
    assert clip.truth.shape == (FRAMES, 68, 2)
    # The camera has a key of its own.
    assert not (jax.random.key_data(keys[0]) == jax.random.key_data(jax.random.key(3))).all()
