"""A live loop may donate the state from the first frame on."""

import jax
import jax.numpy as jnp
import numpy as np

from fhr_jax import stabilizer


def test_the_state_can_be_donated_from_the_first_frame_on():
    params = stabilizer.default_params(7)
    frames = 100 + np.random.default_rng(0).normal(size=(4, 7, 2)).astype(np.float32)
    live, state, outputs = jax.jit(stabilizer.step, donate_argnums=1), stabilizer.init_state(params), []
    for frame in frames:
        state, output = live(params, state, frame)
        outputs.append(np.asarray(output))
    np.testing.assert_allclose(np.stack(outputs), stabilizer.run(params, jnp.asarray(frames)), rtol=1e-5)
