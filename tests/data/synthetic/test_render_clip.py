"""Rendered clips: exact landmarks, one camera for all frames, new noise in each."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import augment
from fhr_jax.data import examples, faces
from fhr_jax.data.synthetic.render_clip import render_clip

SIZE, FRAMES = 32, 6


@pytest.fixture(scope="module")
def clip():
    """Every third frame, so that so small a face moves by enough pixels."""
    whole = jax.jit(faces.clip, static_argnums=1)(jax.random.key(3), 3 * FRAMES)
    return jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)[::3]), whole)


@pytest.fixture(scope="module")
def still(clip):
    return jax.tree.map(lambda leaf: jnp.asarray(np.broadcast_to(np.asarray(leaf)[:1], leaf.shape)), clip)


def test_without_faults_it_is_what_the_renderer_paints(clip):
    made, plain = (
        render_clip(jax.random.key(0), clip, size=SIZE, options=augment.OFF),
        examples.render_in_batches(clip, size=SIZE),
    )
    np.testing.assert_array_equal(made.images, plain.image)
    np.testing.assert_array_equal(made.points, plain.points)
    np.testing.assert_array_equal(made.visible, plain.visible)


def test_one_camera_and_noise_that_moves(still):
    options = augment.Photometric(noise_chance=1.0, noise=0.1, jpeg_chance=0.0, cutout_chance=1.0)
    made = np.asarray(render_clip(jax.random.key(1), still, size=SIZE, options=options).images)
    assert made.shape == (FRAMES, SIZE, SIZE, 3)
    assert made.min() >= 0
    assert made.max() <= 1
    between = np.abs(np.diff(made, axis=0)).mean(axis=(1, 2, 3))
    assert between.min() > 1e-4  # new noise in every frame
    # The blur, the colours and the cutout are the same: frames agree far better than two cameras do.
    other = np.asarray(render_clip(jax.random.key(2), still, size=SIZE, options=options).images)
    assert between.max() < 0.3 * np.abs(made - other).mean()


def test_landmarks_do_not_depend_on_the_camera(clip):
    one, other = (render_clip(jax.random.key(seed), clip, size=SIZE) for seed in (1, 2))
    np.testing.assert_array_equal(one.points, other.points)
    same = render_clip(jax.random.key(1), clip, size=SIZE)
    np.testing.assert_array_equal(one.images, same.images)


def _loudness(images):
    return np.asarray(images).mean(axis=(1, 2, 3))


def test_exposure_varies_slowly(still):
    """Of a face at rest, without any other fault, only the brightness changes, and not by much."""
    options = augment.OFF._replace(cutout=0.1)  # its chance is 0, but the faults of a clip are on
    made = _loudness(render_clip(jax.random.key(3), still, size=SIZE, options=options).images)
    change = np.abs(np.diff(made)) / made[0]
    assert 1e-5 < change.max() < 0.02


def test_compression_works_on_what_each_frame_is(clip):
    """Its blocks stay in the frame while the face moves, so what it adds is new in every frame."""
    options = augment.OFF._replace(jpeg_chance=1.0)
    plain = augment.OFF._replace(cutout=0.1)
    key = jax.random.key(4)
    packed, free = (np.asarray(render_clip(key, clip, size=SIZE, options=o).images) for o in (options, plain))
    added = packed - free
    assert np.abs(added).mean() > 1e-3
    assert np.abs(np.diff(added, axis=0)).mean() > 0.3 * np.abs(added).mean()
