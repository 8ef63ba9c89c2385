"""Which landmarks of the markups in the package belong to the jaw, the brows, the nose, the eyes and the mouth.

The groups are those of the published markups. Pupils and irises belong to the eyes, ears and chin to the jaw.
"""

from fhr_jax.markup.datasets import AFLW, AFLW19, COFW, LAPA, WFLW
from fhr_jax.markup.definition import Markup
from fhr_jax.markup.face_mesh import FACE_MESH, FACE_MESH_IRISES
from fhr_jax.markup.faces import BROWS, EYES, FACE7, FACE68, INNER_LIPS, JAW, NOSE_BASE, NOSE_BRIDGE, OUTER_LIPS

Regions = dict[str, tuple[int, ...]]
"""Name of a region to the indices of its landmarks."""

_NAMES = ("jaw", "brows", "nose", "eyes", "mouth")


def regions_of(markup: Markup) -> Regions:
    """The regions of a markup, each landmark in one of them; empty for a markup that is none of the package."""
    # Normalization and lines do not matter: a user's file may change them.
    return next((dict(found) for own, found in _REGIONS if (own.size, own.flip) == (markup.size, markup.flip)), {})


def _in_order(*parts: tuple[range | tuple[int, ...], ...]) -> Regions:
    """The regions of `_NAMES`, each from its parts; those without landmarks are left out."""
    joined = (tuple(i for part in group for i in part) for group in parts)
    return {name: points for name, points in zip(_NAMES, joined, strict=True) if points}


def _mesh(markup: Markup) -> Regions:
    """The points on the lines of the mesh, its nose, and the rest as "skin"."""
    outline, lips, mouth, *others = markup.edges
    nose = (168, 6, 197, 195, 5, 4, 1, 19, 94, 2, 97, 98, 64, 48, 115, 220, 45)
    both_sides = {*nose, *(markup.flip[i] for i in nose)}
    eyes, brows = {*others[0], *others[3]}, {*others[1], *others[2], *others[4], *others[5]}
    eyes.update(range(FACE_MESH.size, markup.size))
    found = dict(zip(_NAMES, ({*outline}, brows, both_sides, eyes, {*lips, *mouth}), strict=True))
    skin = set(range(markup.size)).difference(*found.values())
    return {name: tuple(sorted(points)) for name, points in (found | {"skin": skin}).items()}


_REGIONS: tuple[tuple[Markup, Regions], ...] = (
    (FACE68, _in_order((JAW,), BROWS, (NOSE_BRIDGE, NOSE_BASE), EYES, (OUTER_LIPS, INNER_LIPS))),
    (FACE7, _in_order((), (), ((4,),), (range(4),), ((5, 6),))),
    (WFLW, _in_order((range(33),), (range(33, 51),), (range(51, 60),), (range(60, 76), (96, 97)), (range(76, 96),))),
    (
        LAPA,
        _in_order((range(33),), (range(33, 51),), (range(51, 66),), (range(66, 84), (104, 105)), (range(84, 104),)),
    ),
    (COFW, _in_order(((28,),), (range(8),), (range(18, 22),), (range(8, 18),), (range(22, 28),))),
    (AFLW, _in_order(((12, 16, 20),), (range(6),), (range(13, 16),), (range(6, 12),), (range(17, 20),))),
    (AFLW19, _in_order(((18,),), (range(6),), (range(12, 15),), (range(6, 12),), (range(15, 18),))),
    (FACE_MESH, _mesh(FACE_MESH)),
    (FACE_MESH_IRISES, _mesh(FACE_MESH_IRISES)),
)
