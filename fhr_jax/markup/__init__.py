"""Markups: which landmarks a face has, which change places in a mirror, what normalizes errors, how they are drawn.

The package has those of the common datasets (`BUILT_IN`); `read` takes any other from a TOML file. It needs the
standard library only.
"""

from fhr_jax.markup.datasets import AFLW, AFLW19, COFW, LAPA, WFLW
from fhr_jax.markup.definition import Group, Markup, definition, from_definition, unknown
from fhr_jax.markup.face_mesh import FACE_MESH, FACE_MESH_IRISES
from fhr_jax.markup.faces import (
    BROWS,
    EYES,
    FACE7,
    FACE68,
    INNER_LIPS,
    JAW,
    NOSE_BASE,
    NOSE_BRIDGE,
    OUTER_LIPS,
    SEVEN_OF_68,
    SEVEN_OF_TALKING_FACE,
)
from fhr_jax.markup.find import BUILT_IN, built_in, find, read
from fhr_jax.markup.regions import Regions, regions_of

__all__ = [
    "AFLW",
    "AFLW19",
    "BROWS",
    "BUILT_IN",
    "COFW",
    "EYES",
    "FACE7",
    "FACE68",
    "FACE_MESH",
    "FACE_MESH_IRISES",
    "INNER_LIPS",
    "JAW",
    "LAPA",
    "NOSE_BASE",
    "NOSE_BRIDGE",
    "OUTER_LIPS",
    "SEVEN_OF_68",
    "SEVEN_OF_TALKING_FACE",
    "WFLW",
    "Group",
    "Markup",
    "Regions",
    "built_in",
    "definition",
    "find",
    "from_definition",
    "read",
    "regions_of",
    "unknown",
]
