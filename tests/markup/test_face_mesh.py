"""The face mesh against a real track of it."""

import numpy as np

from fhr_jax.markup import FACE_MESH, FACE_MESH_IRISES


def test_a_real_mesh_and_its_mirror_image_match(real_data):
    track = np.load(real_data / "detector_tracks" / "mediapipe_mesh468.talking_face_franck.npz")["landmarks"][..., :2]
    track = track[np.isfinite(track).all(axis=(1, 2))].astype(np.float64)
    flip = list(FACE_MESH.flip)
    mean = (track - track.mean(axis=1, keepdims=True)).mean(axis=0)
    mirrored = mean[flip] * [-1, 1]
    # The best similarity (rotation and scale), as complex numbers: the head is a little turned.
    ours, theirs = mean @ [1, 1j], mirrored @ [1, 1j]
    off = np.abs(theirs * (np.vdot(theirs, ours) / np.vdot(theirs, theirs)) - ours)
    left, right = FACE_MESH.eye_corners
    unit = abs(ours[left] - ours[right])
    assert off.max() < 0.05 * unit
    assert off.mean() < 0.025 * unit
    # The middle lies in the middle, and no other landmark has itself as partner.
    assert sum(i == j for i, j in enumerate(flip)) == 28


def test_the_order_of_the_sides_is_that_of_their_mirror_images():
    partners = [j for i, j in enumerate(FACE_MESH.flip[:248]) if i != j]
    assert partners == list(range(248, 468))


def test_the_irises_are_added_behind_the_mesh():
    assert FACE_MESH_IRISES.flip[:468] == FACE_MESH.flip
    # Rims begin on the right of the picture and turn the same way, here with the pupils at -1 and 1.
    rim = np.array([[0, 0], [0.1, 0], [0, -0.1], [-0.1, 0], [0, 0.1]])
    irises = np.concatenate([rim - np.array([1, 0]), rim + np.array([1, 0])])
    partners = np.array(FACE_MESH_IRISES.flip[468:]) - 468
    np.testing.assert_allclose(irises[partners] * [-1, 1], irises)
