import pytest

from fhr_jax import log
from fhr_jax.cli.fitting import config
from fhr_jax.errors import InputError


@pytest.mark.parametrize("method", [None, "none", ["careful"]])
def test_a_config_without_a_method_is_refused(tmp_path, method):
    log.write_config(tmp_path, {"model": "paper"} | ({} if method is None else {"method": method}))
    with pytest.raises(
        InputError, match=r"config\.json has the method .*, expected one of careful, gradient, nelder-mead"
    ):
        config.method_of(tmp_path)
