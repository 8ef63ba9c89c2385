"""Target maps against their oracle."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax.detector import targets
from tests.detector.nets import CONFIG
from tests.oracles import detection as oracle

encode = jax.jit(targets.encode, static_argnames=("size", "config"))
NONE = [np.nan] * 4
BOXES = np.array(
    [
        [[10.3, 12.7, 20, 25], [40, 30.2, 17, 14], [11, 13, 60, 60], [50, 2, 10, 9]],
        [[30, 20, 40, 46], [-8, 40, 20, 20], [60, 40, 24, 20], NONE],
        [[0, 0, 300, 310], [20, 20, 5, 5], NONE, NONE],  # too large and too small: background
        [NONE, NONE, NONE, NONE],
    ],
    np.float32,
)
IGNORED = np.zeros((4, 4), bool)
IGNORED[1, 2] = True


@pytest.mark.parametrize("picture", range(4))
def test_agree_with_the_oracle(picture):
    found = encode(jnp.asarray(BOXES), jnp.asarray(IGNORED), size=(64, 96), config=CONFIG)
    assert found.centres.shape == (4, 8, 12)
    slow = oracle.targets(
        BOXES[picture].astype(float),
        IGNORED[picture],
        64,
        96,
        smallest=CONFIG.smallest,
        largest=CONFIG.largest,
        sigma=CONFIG.sigma,
        margin=targets.MARGIN,
    )
    for (r, c), (value, log_width, log_height, weight) in slow.items():
        assert found.centres[picture, r, c] == pytest.approx(value, abs=1e-5)
        assert found.weights[picture, r, c] == weight
        if log_width is not None and value > 1e-6:
            np.testing.assert_allclose(found.sizes[picture, r, c], [log_width, log_height], atol=1e-5)
    assert np.isfinite(np.asarray(found.sizes)).all()


def test_a_face_too_large_or_too_small_is_background():
    found = encode(jnp.asarray(BOXES[2:]), jnp.asarray(IGNORED[2:]), size=(64, 96), config=CONFIG)
    assert not np.asarray(found.centres).any()
    assert np.asarray(found.weights).all()


def test_ignored_faces_do_not_count_but_faces_beside_them_do():
    found = encode(jnp.asarray(BOXES[1:2]), jnp.asarray(IGNORED[1:2]), size=(64, 96), config=CONFIG)
    assert found.weights[0, 6, 9] == 0  # the middle of the ignored box
    assert found.centres[0, 5, 6] > 0.5
    assert found.weights[0, 5, 6] == 1
