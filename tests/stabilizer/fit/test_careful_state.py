"""The file of a careful fit under way."""

import jax
import numpy as np
import pytest

from fhr_jax import stabilizer
from fhr_jax.errors import InputError
from fhr_jax.stabilizer.fit.careful_state import CarefulState, load_careful, save_careful


def test_a_state_is_read_as_it_was_saved(tmp_path):
    losses = np.full((4, 3, 2), np.nan)
    losses[1] = 5.0
    state = CarefulState(losses, np.arange(24.0).reshape(4, 3, 2), np.asarray(12.5), stabilizer.default_params(5))
    save_careful(tmp_path / "fit.npz", state)
    found = load_careful(tmp_path / "fit.npz")
    jax.tree.map(np.testing.assert_array_equal, found, state)


def test_the_file_of_another_method_is_refused(tmp_path):
    np.savez(tmp_path / "fit.npz", best=np.zeros(3))
    with pytest.raises(InputError, match=r"fit\.npz: holds another fit, expected a careful one"):
        load_careful(tmp_path / "fit.npz")
