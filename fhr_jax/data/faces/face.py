"""The parameters of one synthetic face: plain pytrees, so that `jax.vmap` and `jax.tree.map` work on them.

A switch (`glasses.amount`, `beard.amount`, ...) is a float in [0, 1]: 0 leaves the part out, and an ablation sets
it with `face._replace`. A clip is a `Face` whose every leaf has a leading frame axis.
"""

from typing import NamedTuple

from jaxtyping import Array, Bool, Float


class View(NamedTuple):
    """The camera: a similarity from head units to the frame, whose side is 1.

    Attributes:
        centre: (x, y) of the midpoint between the outer eye corners of the frontal head, in fractions of the frame.
        scale: inter-ocular distance of the mean frontal face, in fractions of the frame.
        distance: of the camera, in inter-ocular distances; far means weak perspective.
        mirror: +1, or -1 for the mirrored picture.
    """

    centre: Float[Array, "*t 2"]
    scale: Float[Array, "*t"]
    distance: Float[Array, "*t"]
    mirror: Float[Array, "*t"]


class Skin(NamedTuple):
    """Colour (sRGB), `gloss` of highlights, `blush` of cheeks and nose, `mottle` of texture, `age` of wrinkles."""

    colour: Float[Array, "*t 3"]
    gloss: Float[Array, "*t"]
    blush: Float[Array, "*t"]
    mottle: Float[Array, "*t"]
    age: Float[Array, "*t"]


class Hair(NamedTuple):
    """Hair of head.

    Attributes:
        colour: sRGB.
        amount: 0 bald, 1 hair.
        hairline: height of the hairline above the brows, in inter-ocular distances.
        temple: how far the hairline comes down at the temples; large values cover the cheeks.
        fringe: depth of a fringe over the forehead.
        part: where the fringe parts, -1 to 1.
        volume: thickness of the hair above the skull.
        length: how far down the hair hangs beside the face.
        spread: how wide it hangs.
        strands: frequency of strands; phase: of strands and waves.
    """

    colour: Float[Array, "*t 3"]
    amount: Float[Array, "*t"]
    hairline: Float[Array, "*t"]
    temple: Float[Array, "*t"]
    fringe: Float[Array, "*t"]
    part: Float[Array, "*t"]
    volume: Float[Array, "*t"]
    length: Float[Array, "*t"]
    spread: Float[Array, "*t"]
    strands: Float[Array, "*t"]
    phase: Float[Array, "*t"]


class Features(NamedTuple):
    """Brows, eyes and lips: colours (sRGB) and strengths."""

    brow_colour: Float[Array, "*t 3"]
    brow_width: Float[Array, "*t"]
    brow_amount: Float[Array, "*t"]
    iris: Float[Array, "*t 3"]
    lashes: Float[Array, "*t"]
    makeup: Float[Array, "*t 3"]
    makeup_amount: Float[Array, "*t"]
    crease: Float[Array, "*t"]
    lips: Float[Array, "*t 3"]
    lip_gloss: Float[Array, "*t"]
    teeth: Float[Array, "*t"]


class Beard(NamedTuple):
    """Beard: overall amount, and how much of cheeks, chin and upper lip it covers."""

    amount: Float[Array, "*t"]
    cheeks: Float[Array, "*t"]
    chin: Float[Array, "*t"]
    moustache: Float[Array, "*t"]
    colour: Float[Array, "*t 3"]


class Glasses(NamedTuple):
    """Glasses: radii of the lenses in inter-ocular distances, roundness (2 ellipse, 5 box), rim, tint."""

    amount: Float[Array, "*t"]
    radius: Float[Array, "*t 2"]
    power: Float[Array, "*t"]
    rim: Float[Array, "*t"]
    colour: Float[Array, "*t 3"]
    tint: Float[Array, "*t"]
    glare: Float[Array, "*t"]
    drop: Float[Array, "*t"]


class Occluder(NamedTuple):
    """A hand (kind 0), a bar (1) or something round (2) that reaches to `centre` (head units) from `angle`."""

    amount: Float[Array, "*t"]
    kind: Float[Array, "*t"]
    centre: Float[Array, "*t 2"]
    angle: Float[Array, "*t"]
    width: Float[Array, "*t"]
    colour: Float[Array, "*t 3"]


class Scene(NamedTuple):
    """Background (random grids that are interpolated, stripes, shapes), clothes and light.

    A row of `shapes` is x, y and two radii in fractions of the frame, an angle, and a kind: below 1/2 an ellipse, else
    a box. `neck` is its half width in head units, how bright it is beside the face, how dark the shadow of the chin;
    `jowl` is how much of a double chin there is. `collar` is how deep the clothes are cut, `shoulders` where they begin
    (head units below the eyes). `light` is the direction towards the light, x right, y down, z to the camera; `ambient`
    its share of light from everywhere; `tint` its colour.
    """

    coarse: Float[Array, "*t 3 6 6"]
    fine: Float[Array, "*t 3 22 22"]
    fine_amount: Float[Array, "*t"]
    stripes: Float[Array, "*t"]
    stripe_wave: Float[Array, "*t 2"]
    shapes: Float[Array, "*t 4 6"]
    shape_colours: Float[Array, "*t 4 3"]
    shape_amount: Float[Array, "*t"]
    clothes: Float[Array, "*t 3"]
    neck: Float[Array, "*t 3"]
    jowl: Float[Array, "*t"]
    collar: Float[Array, "*t"]
    shoulders: Float[Array, "*t"]
    light: Float[Array, "*t 3"]
    ambient: Float[Array, "*t"]
    tint: Float[Array, "*t 3"]


class Parts(NamedTuple):
    """How much of each part is painted, 1 all of it; `shading` is light and shade by the normals of the skin."""

    ears: Float[Array, "*t"]
    nose: Float[Array, "*t"]
    eyes: Float[Array, "*t"]
    brows: Float[Array, "*t"]
    mouth: Float[Array, "*t"]
    shading: Float[Array, "*t"]


class Appearance(NamedTuple):
    """Everything that changes the picture and no landmark."""

    skin: Skin
    hair: Hair
    features: Features
    beard: Beard
    glasses: Glasses
    occluder: Occluder
    scene: Scene
    parts: Parts


class SyntheticFace(NamedTuple):
    """One face.

    Attributes:
        identity: coefficients of `anatomy.IDENTITY`, about standard normal.
        expression: coefficients of `anatomy.EXPRESSION`: jaw, smile, pucker, press, left lid, right lid, squint,
            brows up, brows together, nose, corners down, lips apart; mostly in [0, 1].
        gaze: (right, down) in radians, relative to the head.
        pose: (yaw, pitch, roll) in radians; positive yaw turns the nose to the right of the picture, positive
            pitch bows the head, positive roll turns from x towards y.
        view: the camera.
        appearance: the rest.
    """

    identity: Float[Array, "*t k"]
    expression: Float[Array, "*t e"]
    gaze: Float[Array, "*t 2"]
    pose: Float[Array, "*t 3"]
    view: View
    appearance: Appearance


class Rendering(NamedTuple):
    """A picture (size, size, 3) in [0, 1], landmarks (68, 2) in pixels (x, y), and which are not hidden."""

    image: Float[Array, "size size 3"]
    points: Float[Array, "68 2"]
    visible: Bool[Array, "68"]
