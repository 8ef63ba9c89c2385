"""The parameters of one synthetic face, as plain pytrees for `jax.vmap` and `jax.tree.map`.

An `amount` (`glasses.amount`, `beard.amount`, ...) is a float in [0, 1]; 0 removes the part. A clip is a
`SyntheticFace` whose leaves all have a leading frame axis (`*t` in the shapes below).
"""

from typing import NamedTuple

from jaxtyping import Array, Bool, Float


class View(NamedTuple):
    """The camera: a similarity from head units to the frame, whose side is 1.

    Attributes:
        centre: (x, y) of the midpoint between the outer eye corners of the frontal head, in fractions of the frame.
        scale: inter-ocular distance of the mean frontal face, in fractions of the frame.
        distance: of the camera, in inter-ocular distances; a distant camera gives weak perspective.
        mirror: +1, or -1 for the mirrored image.
    """

    centre: Float[Array, "*t 2"]
    scale: Float[Array, "*t"]
    distance: Float[Array, "*t"]
    mirror: Float[Array, "*t"]


class Skin(NamedTuple):
    """Skin.

    Attributes:
        colour: sRGB.
        gloss: strength of highlights.
        blush: of cheeks and nose.
        mottle: strength of texture.
        age: strength of wrinkles.
    """

    colour: Float[Array, "*t 3"]
    gloss: Float[Array, "*t"]
    blush: Float[Array, "*t"]
    mottle: Float[Array, "*t"]
    age: Float[Array, "*t"]


class Hair(NamedTuple):
    """Hair of the head.

    Attributes:
        colour: sRGB.
        amount: 0 bald, 1 hair.
        hairline: height of the hairline above the brows, in inter-ocular distances.
        temple: how far the hairline comes down at the temples; large values cover the cheeks.
        fringe: depth of a fringe over the forehead.
        part: where the fringe parts, -1 to 1.
        volume: thickness of the hair above the skull.
        length: how far down the hair hangs beside the face.
        half_width: half width of the hanging hair.
        strands: frequency of strands.
        phase: of strands and waves.
    """

    colour: Float[Array, "*t 3"]
    amount: Float[Array, "*t"]
    hairline: Float[Array, "*t"]
    temple: Float[Array, "*t"]
    fringe: Float[Array, "*t"]
    part: Float[Array, "*t"]
    volume: Float[Array, "*t"]
    length: Float[Array, "*t"]
    half_width: Float[Array, "*t"]
    strands: Float[Array, "*t"]
    phase: Float[Array, "*t"]


class Features(NamedTuple):
    """Brows, eyes and mouth: colours (sRGB), widths and radii in inter-ocular distances, and strengths in [0, 1].

    `socket` darkens the hollow around the eye, most beside the nose, and `corner_shadow` its outer corner; `sclera` is
    the brightness of the white of the eye, and `tongue` the opacity of the tongue in an open mouth. `teeth` is the
    brightness of the teeth, `teeth_length` the length of the upper and `lower_teeth` the opacity of the lower ones, and
    `teeth_hidden` the height up to which an open mouth shows none.
    """

    brow_colour: Float[Array, "*t 3"]
    brow_width: Float[Array, "*t"]
    brow_amount: Float[Array, "*t"]
    iris: Float[Array, "*t 3"]
    iris_radius: Float[Array, "*t"]
    lashes: Float[Array, "*t"]
    makeup: Float[Array, "*t 3"]
    makeup_amount: Float[Array, "*t"]
    crease: Float[Array, "*t"]
    socket: Float[Array, "*t"]
    corner_shadow: Float[Array, "*t"]
    sclera: Float[Array, "*t"]
    lips: Float[Array, "*t 3"]
    lip_gloss: Float[Array, "*t"]
    teeth: Float[Array, "*t"]
    teeth_length: Float[Array, "*t"]
    lower_teeth: Float[Array, "*t"]
    teeth_hidden: Float[Array, "*t"]
    tongue: Float[Array, "*t"]


class Beard(NamedTuple):
    """Beard.

    Attributes:
        amount: opacity, overall.
        cheeks: how much of the cheeks it covers.
        chin: how much of the chin.
        moustache: how much of the skin above the upper lip.
        over_lips: how far it hides the lips from their outer edges, up to 0.6 of them at 1; above as far as there is a
            moustache, below as far as the chin is covered.
        length: how far it hangs below a covered chin, in inter-ocular distances.
        bare: how bare the skin below the lower lip is, on both sides of a tuft.
        colour: sRGB.
    """

    amount: Float[Array, "*t"]
    cheeks: Float[Array, "*t"]
    chin: Float[Array, "*t"]
    moustache: Float[Array, "*t"]
    over_lips: Float[Array, "*t"]
    length: Float[Array, "*t"]
    bare: Float[Array, "*t"]
    colour: Float[Array, "*t 3"]


class Glasses(NamedTuple):
    """Glasses.

    Attributes:
        amount: 0 none, 1 glasses.
        radius: of the lenses (x, y), in inter-ocular distances.
        power: exponent of the superellipse of the lens: 2 is an ellipse, 5 nearly a box.
        rim: half width of the rim, in inter-ocular distances.
        colour: of the rim, sRGB.
        tint: opacity of the lenses.
        glare: strength of a reflection.
        drop: how far the glasses slide down the nose.
    """

    amount: Float[Array, "*t"]
    radius: Float[Array, "*t 2"]
    power: Float[Array, "*t"]
    rim: Float[Array, "*t"]
    colour: Float[Array, "*t 3"]
    tint: Float[Array, "*t"]
    glare: Float[Array, "*t"]
    drop: Float[Array, "*t"]


class Occluder(NamedTuple):
    """A hand (`kind` 0), a bar (1) or a ball (2) that reaches to `centre` (head units) from the direction `angle`."""

    amount: Float[Array, "*t"]
    kind: Float[Array, "*t"]
    centre: Float[Array, "*t 2"]
    angle: Float[Array, "*t"]
    width: Float[Array, "*t"]
    colour: Float[Array, "*t 3"]


class Scene(NamedTuple):
    """Background (interpolated random grids, stripes, shapes), neck, clothes and light.

    A row of `shapes` is x, y and two radii in fractions of the frame, an angle, and a kind: below 1/2 an ellipse, else
    a box. `neck` is its half width in head units, its brightness relative to the face, and the darkness of the chin's
    shadow; `jowl` is the amount of double chin. `collar` is the depth of the neckline; `shoulders` is where the clothes
    begin (head units below the eyes). `light` is the direction towards the light, x right, y down, z to the camera;
    `ambient` is the share of light from all directions; `tint` is the colour of the light.
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
    """How much of each part is painted, 1 for all of it; `shading` is light and shade from the normals of the skin."""

    ears: Float[Array, "*t"]
    nose: Float[Array, "*t"]
    eyes: Float[Array, "*t"]
    brows: Float[Array, "*t"]
    mouth: Float[Array, "*t"]
    shading: Float[Array, "*t"]


class Appearance(NamedTuple):
    """Everything that changes the image but no landmark."""

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
        appearance: what changes the image but no landmark.
    """

    identity: Float[Array, "*t k"]
    expression: Float[Array, "*t e"]
    gaze: Float[Array, "*t 2"]
    pose: Float[Array, "*t 3"]
    view: View
    appearance: Appearance


class Rendering(NamedTuple):
    """A rendered face.

    Attributes:
        image: (size, size, 3), values in [0, 1].
        points: exact landmarks (68, 2) in pixels (x, y).
        visible: (68,), inside the frame and not hidden.
    """

    image: Float[Array, "size size 3"]
    points: Float[Array, "68 2"]
    visible: Bool[Array, "68"]
