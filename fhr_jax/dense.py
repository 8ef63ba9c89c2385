"""A convolution of one pixel (1x1) as a product of matrices, with the gradient that XLA computes fastest."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

Rows = Float[Array, "n c"]
Kernel = Float[Array, "c f"]


class Dense(nn.Module):
    """y = x W + b at every pixel; parameters, their names and initial values are those of `flax.linen.Dense`.

    Attributes:
        features: number of outputs F.
        use_bias: add b.
        dtype: of the computation; parameters are float32.
        bias_init: draws b.
    """

    features: int
    use_bias: bool = True
    dtype: Any = jnp.float32
    bias_init: nn.initializers.Initializer = nn.initializers.zeros

    @nn.compact
    def __call__(self, x: Float[Array, "*pixels c"]) -> Float[Array, "*pixels f"]:
        """Features (..., C) to (..., F), both without unit."""
        kernel = self.param("kernel", nn.initializers.lecun_normal(), (x.shape[-1], self.features))
        rows = x.reshape(-1, x.shape[-1]).astype(self.dtype)
        y = product(rows, kernel.astype(self.dtype))
        if self.use_bias:
            y = y + self.param("bias", self.bias_init, (self.features,)).astype(self.dtype)[None]
        return y.reshape(*x.shape[:-1], self.features)


@jax.custom_vjp
def product(rows: Rows, kernel: Kernel) -> Float[Array, "n f"]:
    """The matrix product. It has a reverse-mode derivative only: `jax.jvp` raises TypeError.

    Args:
        rows: (N, C), one a pixel.
        kernel: (C, F).
    """
    return rows @ kernel


def _forward(rows: Rows, kernel: Kernel) -> tuple[Array, tuple[Rows, Kernel]]:
    return product(rows, kernel), (rows, kernel)


def _backward(residuals: tuple[Rows, Kernel], gradient: Float[Array, "n f"]) -> tuple[Rows, Kernel]:
    """The derivatives by rows and kernel.

    Without the barrier XLA's CPU compiler writes a transposed copy of the gradient and multiplies it several times
    more slowly: docs/results.md, "Speed". On GPUs and TPUs neither is measured.
    """
    rows, kernel = residuals
    gradient = lax.optimization_barrier(gradient)
    over_rows = (((0,), (0,)), ((), ()))
    return gradient @ kernel.T, lax.dot_general(gradient, rows, over_rows).T


product.defvjp(_forward, _backward)
