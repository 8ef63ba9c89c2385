"""The motion pattern: each part moves as its name says."""

import numpy as np

from fhr_jax.benchmark import motion_patterns


def test_the_motion_pattern_moves_as_its_parts_say():
    made = motion_patterns.motion_pattern()
    tip = np.asarray(made.truth)[:, 30, 0]
    step = np.diff(tip)
    at = made.parts
    np.testing.assert_allclose(np.abs(step[at["step"]]).max(), 12, rtol=1e-3)
    ramp = step[at["ramp"]][10:49]
    np.testing.assert_allclose(ramp, 45 / 40, rtol=1e-2)
    np.testing.assert_allclose(tip[at["turn back"].stop], tip[at["turn back"].start], atol=1e-2)
    assert np.ptp(tip[at["oscillation"]]) > 13
    still = np.asarray(made.truth)[:10]
    np.testing.assert_allclose(still, still[:1].repeat(10, axis=0), atol=1e-4)
