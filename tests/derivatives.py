"""Reverse-mode derivatives against finite differences."""

from collections.abc import Callable

import jax
import numpy as np
from jax.test_util import check_vjp


def check_gradient(function: Callable[..., jax.Array], arguments: tuple, *, atol: float, rtol: float) -> tuple:
    """The check of `check_grads` (order 1, mode "rev") for a scalar function, which is compiled once.

    Returns the gradient with respect to every argument.
    """
    compiled = jax.jit(jax.value_and_grad(function, argnums=tuple(range(len(arguments)))))
    check_compiled(compiled, arguments, atol=atol, rtol=rtol)
    return compiled(*arguments)[1]


def check_compiled(compiled: Callable[..., tuple], arguments: tuple, *, atol: float, rtol: float) -> None:
    """The same for the value and the gradients, one for each argument, that a function returns."""

    def vjp(*arguments):
        value, gradient = compiled(*arguments)
        return value, lambda cotangent: jax.tree.map(lambda g: np.asarray(cotangent) * np.asarray(g), gradient)

    check_vjp(lambda *arguments: compiled(*arguments)[0], vjp, arguments, atol=atol, rtol=rtol)
