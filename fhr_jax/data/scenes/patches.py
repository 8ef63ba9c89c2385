"""Cut-out synthetic heads with their landmarks: rendered once, then pasted into many scenes.

A head is rendered over black and over grey. The difference gives its opacity exactly, hair and glasses included, and
the picture over black is its colour times that opacity.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, PRNGKeyArray, UInt8, UInt32

from fhr_jax.data import examples, faces
from fhr_jax.data.faces.random_draws import RandomDraws, random_block

FRAME = 2.9
"""Side of a patch over the longer side of the box of its landmarks: all hair, and the shoulders."""
_GREY = 0.5


class Patches(NamedTuple):
    """N cut-out heads.

    Attributes:
        pixels: RGB times opacity, and opacity (N, S, S, 4), bytes.
        points: exact landmarks (N, 68, 2) in pixels (x, y) of the patch; of heads that are no faces too.
    """

    pixels: UInt8[np.ndarray, "n s s 4"]
    points: Float32[np.ndarray, "n 68 2"]


def render_patches(key: PRNGKeyArray, indices: Sequence[int], *, size: int, faceless: bool = False) -> Patches:
    """Render heads. Head number i is the same at each call.

    Args:
        key: random key of the heads, () or (2,).
        indices: numbers of the N heads.
        size: side S of the patches in pixels.
        faceless: heads that are no faces: eyes, and other parts with them, are not painted, or all of the head has the
            colour of hair, as from behind.
    """
    numbers = np.asarray(indices, np.uint32)
    padded = np.resize(numbers, -(-len(numbers) // examples.BATCH) * examples.BATCH).reshape(-1, examples.BATCH)
    parts = [_render(key, jnp.asarray(batch), size, faceless) for batch in padded]
    pixels, points = (np.concatenate(arrays)[: len(numbers)] for arrays in zip(*parts, strict=True))
    return Patches(pixels, points)


def _render(
    key: PRNGKeyArray, numbers: UInt32[Array, " b"], size: int, faceless: bool
) -> tuple[UInt8[np.ndarray, "b s s 4"], Float32[np.ndarray, "b 68 2"]]:
    return cut_out(_heads(key, numbers, faceless), size=size)


def cut_out(
    heads: faces.SyntheticFace, *, size: int
) -> tuple[UInt8[np.ndarray, "b s s 4"], Float32[np.ndarray, "b 68 2"]]:
    """Render heads without their background; use one B only, because compiling takes long.

    Args:
        heads: with a leading axis (B,).
        size: side S of the patches in pixels.

    Returns:
        RGB times opacity, and opacity (B, S, S, 4), bytes; and the landmarks (B, 68, 2) in pixels (x, y).
    """
    black = examples.render(_over(heads, 0.0), size=size)
    grey = examples.render(_over(heads, _GREY), size=size)
    return np.asarray(_opaque(black.image, grey.image, heads.appearance.scene.tint)), np.asarray(black.points)


@partial(jax.jit, static_argnames="faceless")
def _heads(key: PRNGKeyArray, numbers: UInt32[Array, " b"], faceless: bool) -> faces.SyntheticFace:
    def one(number: UInt32[Array, ""]) -> faces.SyntheticFace:
        own = jax.random.fold_in(key, number)
        face = faces.fill(faces.sample(own), scale=FRAME, jitter=faces.CameraJitter(shift=(0.0, -0.06)))
        return random_block(jax.random.fold_in(own, 1), partial(_without_face, face)) if faceless else face

    return jax.vmap(one)(numbers)


def _without_face(face: faces.SyntheticFace, draws: RandomDraws) -> faces.SyntheticFace:
    """The head without eyes and brows, and perhaps without nose and mouth; a third of them as seen from behind."""
    appearance = face.appearance
    behind, mouth, nose = draws.chance(0.35), draws.chance(0.5), draws.chance(0.5)
    parts = appearance.parts._replace(
        eyes=jnp.zeros(()), brows=jnp.zeros(()), nose=nose * (1 - behind), mouth=mouth * (1 - behind)
    )
    colour = appearance.skin.colour + behind * (appearance.hair.colour - appearance.skin.colour)
    glasses = appearance.glasses._replace(amount=jnp.zeros(()))
    return face._replace(
        appearance=appearance._replace(parts=parts, skin=appearance.skin._replace(colour=colour), glasses=glasses)
    )


@jax.jit
def _over(heads: faces.SyntheticFace, level: Float[Array, ""] | float) -> faces.SyntheticFace:
    """The heads before a background of one grey level."""
    scene = heads.appearance.scene
    zero = jnp.zeros_like(scene.stripes)
    plain = scene._replace(coarse=jnp.full_like(scene.coarse, level), fine_amount=zero, stripes=zero, shape_amount=zero)
    return heads._replace(appearance=heads.appearance._replace(scene=plain))


@jax.jit
def _opaque(
    black: Float[Array, "b s s 3"], grey: Float[Array, "b s s 3"], tint: Float[Array, "b 3"]
) -> UInt8[Array, "b s s 4"]:
    seen_through = ((grey - black) / (_GREY * tint[:, None, None])).max(axis=-1, keepdims=True)
    pixels = jnp.concatenate([black, 1 - seen_through], axis=-1)
    return jnp.round(255 * jnp.clip(pixels, 0, 1)).astype(jnp.uint8)
