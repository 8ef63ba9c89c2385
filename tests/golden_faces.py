"""Reference images of a few faces, to notice when another platform or version renders them differently.

python -m tests.golden_faces      # renders them again, after an intended change of the faces
"""

from pathlib import Path

import jax
import numpy as np
from PIL import Image

from fhr_jax.data import faces
from tests.compiling import OPTIMIZED

PATH = Path(__file__).parent / "golden" / "faces.png"
SIZE, NUMBER = 64, 8


TRACES = []
"""Grows whenever `render` is traced."""


def _traced(face: faces.SyntheticFace) -> faces.Rendering:
    TRACES.append(face)
    return faces.render(face, size=SIZE)


# Compiling the renderer takes longest, so all tests that need a few faces share these functions. It is called a hundred
# times, and runs ten times as fast with optimizations.
render = jax.jit(jax.vmap(_traced), compiler_options=OPTIMIZED)
sample = jax.jit(jax.vmap(faces.sample))
fill = jax.jit(jax.vmap(faces.fill))


def people() -> faces.SyntheticFace:
    """The faces."""
    keys = jax.random.split(jax.random.key(0), NUMBER)
    return jax.jit(jax.vmap(lambda key: faces.fill(faces.sample(key))))(keys)


def strip(images: jax.Array) -> np.ndarray:
    """Pictures (N, S, S, 3) in [0, 1] beside each other, as bytes."""
    return np.concatenate(np.round(255 * np.asarray(images)).astype(np.uint8), axis=1)


if __name__ == "__main__":
    PATH.parent.mkdir(exist_ok=True)
    painted = render(people()).image
    Image.fromarray(strip(painted)).save(PATH, optimize=True)
    print(PATH)
