"""Cut-out heads: over any background they look as if they had been rendered before it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import geometry
from fhr_jax.data import examples
from fhr_jax.data.scenes import patches

SIZE = 32
KEY = jax.random.key(3)


@pytest.fixture(scope="module")
def heads():
    return patches.render_patches(KEY, range(5), size=SIZE)


def test_over_another_background_they_are_what_would_have_been_rendered(heads):
    numbers = jnp.arange(examples.BATCH, dtype=jnp.uint32)
    level = 0.8
    faces = patches._heads(KEY, numbers, False)
    expected = np.asarray(examples.render(patches._over(faces, level), size=SIZE).image)[:5]
    tint = np.asarray(faces.appearance.scene.tint)[:5, None, None]
    opacity = heads.pixels[..., 3:] / 255
    found = np.minimum(heads.pixels[..., :3] / 255 + (1 - opacity) * level * tint, 1)
    # Where a colour is clipped the sum is not exact.
    assert np.quantile(np.abs(found - expected), 0.98) < 0.02
    assert 0.1 < opacity.mean() < 0.9
    assert np.median(opacity[:, :2]) == 0


def test_the_landmarks_lie_in_the_middle(heads):
    boxes = geometry.box_of(heads.points)
    np.testing.assert_allclose(boxes[:, 2:].max(axis=1), SIZE / patches.FRAME, rtol=1e-4)
    np.testing.assert_allclose(boxes[:, 0] + boxes[:, 2] / 2, (SIZE - 1) / 2, atol=1e-3)
    assert heads.pixels.shape == (5, SIZE, SIZE, 4)
    assert heads.points.dtype == np.float32


def test_a_head_depends_on_its_number_alone(heads):
    again = patches.render_patches(KEY, [4, 1], size=SIZE)
    np.testing.assert_array_equal(again.pixels, heads.pixels[[4, 1]])
    np.testing.assert_array_equal(again.points, heads.points[[4, 1]])


def test_heads_without_a_face_keep_their_shape(heads):
    without = patches.render_patches(KEY, range(5), size=SIZE, faceless=True)
    np.testing.assert_allclose(without.points, heads.points, atol=1e-3)
    differ = np.abs(without.pixels.astype(int) - heads.pixels).max(axis=(1, 2, 3))
    assert (differ > 10).all()
