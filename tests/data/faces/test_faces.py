"""Synthetic faces: landmarks against the image, seeds, mirror, camera, amounts, ablations, clips."""

import subprocess
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from fhr_jax import geometry
from fhr_jax.data import faces
from fhr_jax.data.faces import anatomy, features, shape, silhouette
from fhr_jax.data.faces.motion import blinks, even_clock, smooth_noise
from fhr_jax.data.faces.paint import Canvas
from fhr_jax.data.faces.random_draws import RandomDraws, random_block
from fhr_jax.data.faces.render import pixel_canvas
from fhr_jax.markup import FACE68
from tests import golden_faces
from tests.oracles import faces as oracle

SIZE, BATCH = golden_faces.SIZE, golden_faces.NUMBER

render, sample, fill = golden_faces.render, golden_faces.sample, golden_faces.fill
points = jax.jit(jax.vmap(faces.landmarks))
project = jax.jit(shape.project)
project_all = jax.jit(jax.vmap(shape.project))
slide = jax.jit(shape.slide)
outline = jax.jit(shape.outline)


def keys(seed=0, number=BATCH):
    return jax.random.split(jax.random.key(seed), number)


@pytest.fixture(scope="module")
def people():
    return golden_faces.people()


@pytest.fixture(scope="module")
def rendered(people):
    return render(people)


def plain(people, **changes):
    """Frontal, upright, not mirrored, nothing before the face."""
    appearance = people.appearance
    people = people._replace(view=people.view._replace(mirror=jnp.ones(BATCH)))
    appearance = appearance._replace(
        hair=appearance.hair._replace(amount=0 * appearance.hair.amount),
        glasses=appearance.glasses._replace(amount=0 * appearance.glasses.amount),
        occluder=appearance.occluder._replace(amount=0 * appearance.occluder.amount),
        beard=appearance.beard._replace(amount=0 * appearance.beard.amount, over_lips=0 * appearance.beard.over_lips),
        features=appearance.features._replace(tongue=0 * appearance.features.tongue),
    )
    return people._replace(pose=0 * people.pose, appearance=appearance._replace(**changes))


def test_same_key_same_bits(people):
    first, again = (fill(sample(keys())) for _ in range(2))
    jax.tree.map(np.testing.assert_array_equal, first, again)
    jax.tree.map(np.testing.assert_array_equal, render(first), render(again))
    # Compiled with other functions around it, sums may be rounded otherwise.
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5), first, people)


def test_every_platform_paints_the_same(rendered):
    """At most one pixel in a thousand differs by more than 2 of 255 from what was painted elsewhere."""
    with Image.open(golden_faces.PATH) as picture:
        golden = np.asarray(picture)
    painted = golden_faces.strip(rendered.image)
    off = np.abs(painted.astype(int) - golden).max(axis=-1) > 2
    assert off.mean() < 1e-3


def test_other_key_other_face(rendered):
    other = render(fill(sample(keys(seed=1))))
    assert np.abs(other.image - rendered.image).mean(axis=(1, 2, 3)).min() > 0.02


def test_two_hundred_faces_are_finite_in_range_and_inside_the_frame():
    for seed in range(100, 125):
        face = fill(sample(keys(seed)))
        image, at, visible = (np.asarray(x) for x in render(face))
        assert image.shape == (BATCH, SIZE, SIZE, 3)
        assert image.dtype == np.float32
        assert np.isfinite(image).all()
        assert np.isfinite(at).all()
        assert image.min() >= 0
        assert image.max() <= 1
        assert at.min() > -0.5
        assert at.max() < SIZE - 0.5
        assert visible.mean() > 0.5
        # No blank pictures: the face stands out from itself.
        assert image.std(axis=(1, 2, 3)).min() > 0.02


def test_one_trace_serves_every_face(people):
    before = len(golden_faces.TRACES)
    render(people)
    render(faces.mirror(people))
    assert len(golden_faces.TRACES) <= max(before, 1)


def test_points_scale_with_the_size(people, rendered):
    small, large = rendered.points, jax.jit(jax.vmap(lambda face: faces.render(face, size=600).points))(people)
    np.testing.assert_allclose((small + 0.5) / SIZE, (large + 0.5) / 600, atol=2e-6)
    np.testing.assert_allclose((small + 0.5) / SIZE, points(people), atol=2e-6)


def test_single_face_agrees_with_vmap_and_jit(people):
    one = jax.tree.map(lambda leaf: leaf[3], people)
    np.testing.assert_allclose(jax.jit(faces.landmarks)(one), points(people)[3], atol=2e-6)


def _edge(line, level):
    """Where a rising line of samples first crosses a level, to a fraction of a pixel."""
    first = int(np.argmax(line > level))
    return first - (line[first] - level) / (line[first] - line[first - 1])


@pytest.mark.parametrize("size", [SIZE, 256])
def test_lips_are_painted_at_their_landmarks(people, size):
    """Paint the lips twice: the difference of the pictures is their coverage; its edges are the landmarks."""
    face = plain(people)._replace(expression=0 * people.expression, identity=0.5 * people.identity)
    face = fill(face)
    appearance = face.appearance

    def lips_only(face):
        blank = jnp.zeros((3, size, size))
        painted = features.mouth(blank, pixel_canvas(face, size), face, shape.project(face))
        return jnp.moveaxis(painted, 0, -1)

    def with_lips(value):
        lips = appearance.features._replace(
            lips=0 * appearance.features.lips + value, lip_gloss=0 * appearance.features.lip_gloss
        )
        return face._replace(appearance=appearance._replace(features=lips))

    # The whole picture at one size; at the other, to spare a long compilation, the lips alone.
    draw = (lambda face: render(face).image) if size == SIZE else jax.jit(jax.vmap(lips_only))
    cover = np.asarray(draw(with_lips(0.3)) - draw(with_lips(0.0))).sum(axis=-1)
    at = size * np.asarray(points(face)) - 0.5
    unit = np.linalg.norm(at[:, 45] - at[:, 36], axis=-1)
    for i in range(BATCH):
        column = cover[i][:, round(float(at[i, 57, 0]))]
        low = size - 1 - _edge(column[::-1], 0.5 * column[size // 2 :].max())
        # It ends a little below the lower one.
        assert -0.4 < low - at[i, 57, 1] < 0.4 + 0.023 * unit[i]
        high = _edge(column, 0.3 * column.max())
        # The red begins a little below the upper landmark.
        assert -0.4 < high - at[i, 51, 1] < 0.4 + 0.03 * unit[i]
        # The corners are sharp wedges: they fade a little before the landmark, and never reach beyond it.
        across = cover[i].max(axis=0)
        left, right = np.flatnonzero(across > 0.25 * across.max())[[0, -1]]
        for inside in (left - at[i, 48, 0], at[i, 54, 0] - right):
            assert -1 < inside < 1 + 0.05 * unit[i]


def test_brows_are_painted_at_their_landmarks(people):
    face = fill(plain(people))
    appearance = face.appearance
    amount = jnp.ones(BATCH)
    strong = appearance.features._replace(brow_colour=0 * appearance.features.brow_colour, brow_amount=amount)
    none = strong._replace(brow_amount=0 * amount)
    with_brows = render(face._replace(appearance=appearance._replace(features=strong)))
    without = render(face._replace(appearance=appearance._replace(features=none)))
    cover = np.abs(np.asarray(with_brows.image - without.image)).sum(axis=-1)
    at = np.asarray(with_brows.points)
    for i in range(BATCH):
        unit = np.linalg.norm(at[i, 45] - at[i, 36])
        for mark in (19, 24):
            column = cover[i][:, round(float(at[i, mark, 0]))]
            centre = (column * np.arange(SIZE)).sum() / column.sum()
            # The points lie on the upper edge of the brow.
            assert 0.01 < (centre - at[i, mark, 1]) / unit < 0.1
            first = np.flatnonzero(column > 0.5 * column.max())[0]
            assert abs(first - at[i, mark, 1]) < 1 + 0.03 * unit


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (-60, 0), (35, 20), (10, -30)])
def test_landmarks_are_those_of_the_head_before_the_camera(yaw, pitch):
    face = sample(keys(5))
    pose = jnp.asarray(np.deg2rad(np.broadcast_to([yaw, pitch, 0.0], (BATCH, 3))), jnp.float32)
    found = np.asarray(project_all(face._replace(pose=pose)).points)
    for i in range(BATCH):
        expected = oracle.landmarks(
            *(np.asarray(leaf[i], np.float64) for leaf in (face.identity, face.expression)),
            *np.deg2rad([yaw, pitch]),
            float(face.view.distance[i]),
        )
        np.testing.assert_allclose(found[i], expected, atol=2e-5)


def test_signs_of_the_pose():
    face = jax.tree.map(lambda leaf: np.asarray(leaf)[0], sample(keys()))

    def nose(*pose):
        turned = face._replace(pose=np.deg2rad(np.array(pose, np.float32)), identity=0 * face.identity)
        at = np.asarray(project(jax.tree.map(jnp.asarray, turned)).points)
        return at[30] - at[27]

    assert nose(30.0, 0.0, 0.0)[0] > 0.1 > abs(nose(0.0, 0.0, 0.0)[0])
    assert nose(0.0, 25.0, 0.0)[1] > nose(0.0, 0.0, 0.0)[1] > nose(0.0, -25.0, 0.0)[1]


def test_contour_points_are_spread_over_what_is_seen_of_the_jaw():
    """Of a head turned to the right the right cheek hides the jaw: its middle points go up, those of the left down."""
    jaw = jnp.asarray(anatomy.MEAN[:17], jnp.float32)
    down = np.asarray(slide(jaw, jnp.float32(0.8), jnp.float32(0.0)))[:, 1] - anatomy.MEAN[:17, 1]
    assert (down[10:14] < -0.02).all()
    assert (down[3:7] > 0.02).all()
    np.testing.assert_allclose(slide(jaw, jnp.float32(0.0), jnp.float32(0.0)), jaw, atol=1e-7)
    bowed = np.asarray(slide(jaw, jnp.float32(0.0), jnp.float32(0.4)))[:, 1] - anatomy.MEAN[:17, 1]
    assert (bowed[[2, 3, 4, 5, 11, 12, 13, 14]] > 0.01).all()


@jax.jit
def depths(faces):
    """(N, 68) distance to the edge of the painted face without nose, and with it; negative inside."""

    def one(face):
        seen = shape.project(face)
        canvas = Canvas(seen.points[:, :1], seen.points[:, 1:], jnp.float32(0.01))
        edge = silhouette.edge_distance(canvas, seen)[:, 0]
        return edge, jnp.minimum(edge, silhouette.nose_distance(canvas, seen)[:, 0])

    return jax.vmap(one)(faces)


@pytest.mark.parametrize("yaw", [-60, -45, -20, 0, 10, 30, 60])
@pytest.mark.parametrize("pitch", [-25, 0, 25])
def test_all_landmarks_are_on_the_painted_face(people, yaw, pitch):
    pose = jnp.asarray(np.deg2rad(np.broadcast_to([yaw, pitch, 0.0], (BATCH, 3))), jnp.float32)
    turned = sample(keys(11))._replace(pose=pose)
    edge, away = (np.asarray(x) for x in depths(turned))
    assert away[:, 17:].max() < 0.01
    # The contour is the edge, but where lips or a brow stand out beside it.
    off = np.abs(edge[:, :17])
    assert np.median(off) < 0.002
    assert (off > 0.03).mean() < (0.03 if abs(yaw) <= 30 else 0.2)


def test_the_far_side_of_the_jaw_slides_and_the_near_side_stays():
    rim = jnp.array([[-0.8, 0.2, -0.6], [0.8, 0.2, -0.6]])
    front = jnp.array([0.2, 0.2])
    moved = np.asarray(outline(rim, front, jnp.float32(0.7)))
    np.testing.assert_allclose(moved[0], rim[0], atol=1e-5)
    # The tangent point of the ellipse maximizes x cos + z sin.
    t = np.linspace(0, np.pi / 2, 100001)
    seen = 0.8 * np.sin(t) * np.cos(0.7) + (-0.6 + 0.8 * np.cos(t)) * np.sin(0.7)
    assert abs(moved[1, 0] * np.cos(0.7) + moved[1, 2] * np.sin(0.7) - seen.max()) < 1e-5
    np.testing.assert_allclose(outline(rim, front, jnp.float32(0.0)), rim, atol=1e-5)


def test_mirrored_parameters_render_the_mirrored_picture(people, rendered):
    picture, mirrored = rendered, render(faces.mirror(people))
    difference = np.abs(np.asarray(mirrored.image)[:, :, ::-1] - np.asarray(picture.image))
    assert difference.mean() < 1e-5
    assert (difference > 0.01).mean() < 1e-4
    expected = jax.vmap(lambda p: geometry.mirror(p, width=SIZE, markup=FACE68))(picture.points)
    np.testing.assert_allclose(mirrored.points, expected, atol=1e-4)
    np.testing.assert_array_equal(mirrored.visible, picture.visible[:, jnp.array(FACE68.flip)])


def test_mean_head_is_symmetric():
    mean = anatomy.MEAN[:68]
    np.testing.assert_allclose(mean[list(FACE68.flip)] * [-1, 1, 1], mean, atol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 1.7])
def test_fill_frames_the_square_of_the_landmarks(people, scale):
    at = np.asarray(points(jax.jit(jax.vmap(partial(faces.fill, scale=scale)))(people)))
    low, high = at.min(axis=1), at.max(axis=1)
    np.testing.assert_allclose((high - low).max(axis=1), 1 / scale, atol=1e-5)
    np.testing.assert_allclose((high + low) / 2, 0.5, atol=1e-5)


def test_fill_of_the_mirror_is_the_mirror_of_fill(people):
    one = points(faces.mirror(people))
    other = points(fill(faces.mirror(people)))
    np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("mirrored", [False, True])
def test_jitter_is_a_similarity_of_the_crop(people, mirrored):
    people = faces.mirror(people) if mirrored else people
    jitter = faces.CameraJitter(zoom=1.2, turn=0.3, shift=(0.05, -0.04))
    at = np.asarray(points(jax.jit(jax.vmap(partial(faces.fill, jitter=jitter)))(people)), np.float64)
    straight = np.asarray(points(people), np.float64)
    cos, sin = 1.2 * np.cos(0.3), 1.2 * np.sin(0.3)
    turned = straight @ np.array([[cos, -sin], [sin, cos]]).T
    offset = at - turned
    np.testing.assert_allclose(offset, np.broadcast_to(offset[:, :1], offset.shape), atol=1e-5)
    middle = (at.min(axis=1) + at.max(axis=1)) / 2
    np.testing.assert_allclose(middle, np.broadcast_to([0.55, 0.46], middle.shape), atol=1e-5)


@pytest.mark.parametrize(
    ("part", "amount", "least"),
    [
        ("hair", "amount", 0.01),
        ("beard", "amount", 0.002),
        ("glasses", "amount", 0.004),
        ("occluder", "amount", 0.005),
        ("features", "brow_amount", 0.001),
        ("features", "makeup_amount", 0.0005),
        ("features", "socket", 0.002),
        ("features", "corner_shadow", 0.0003),
        ("features", "sclera", 0.0002),
        ("features", "iris_radius", 0.0005),
        ("skin", "blush", 0.0005),
        ("skin", "age", 0.0005),
        ("scene", "stripes", 0.001),
        ("scene", "fine_amount", 0.001),
        ("scene", "shape_amount", 0.003),
        ("scene", "ambient", 0.01),
    ],
)
def test_each_amount_changes_the_image_and_no_landmark(people, part, amount, least):
    def at(value):
        group = getattr(people.appearance, part)
        group = group._replace(**{amount: 0 * getattr(group, amount) + value})
        return render(people._replace(appearance=people.appearance._replace(**{part: group})))

    off, on = at(0.0), at(1.0)
    assert np.abs(on.image - off.image).mean() > least
    np.testing.assert_array_equal(on.points, off.points)


def with_beard(people, **values):
    """People with a full beard."""
    beard = people.appearance.beard
    one = jnp.ones(BATCH)
    full = {"amount": one, "cheeks": one, "chin": one, "moustache": one, "over_lips": 0 * one, "length": 0 * one}
    beard = beard._replace(**full | {name: value * one for name, value in values.items()})
    return people._replace(appearance=people.appearance._replace(beard=beard))


def test_a_long_beard_hangs_below_the_chin_and_one_over_the_lips_hides_their_edges(people):
    bare = fill(plain(people)._replace(expression=0 * people.expression, identity=0 * people.identity))
    short = render(with_beard(bare))
    at, picture = np.asarray(short.points), np.asarray(short.image)
    hanging = np.abs(np.asarray(render(with_beard(bare, length=0.5)).image) - picture).max(axis=-1)
    hidden = np.abs(np.asarray(render(with_beard(bare, over_lips=0.9)).image) - picture).max(axis=-1)
    unit = np.linalg.norm(at[:, 45] - at[:, 36], axis=-1)
    for i in range(BATCH):
        rows = np.flatnonzero(hanging[i].max(axis=1) > 0.02)
        assert rows[0] > at[i, 4, 1]
        assert rows[-1] > min(at[i, 8, 1] + 0.2 * unit[i], SIZE - 2)
        rows, columns = np.nonzero(hidden[i] > 0.02)
        assert len(rows)
        assert at[i, 50, 1] - 2 < rows.min() <= rows.max() < at[i, 57, 1] + 2
        assert at[i, 48, 0] - 2 < columns.min() <= columns.max() < at[i, 54, 0] + 2


def test_a_tongue_is_seen_only_in_an_open_mouth(people):
    face = plain(people)

    def change(jaw):
        opened = fill(face._replace(expression=(0 * people.expression).at[:, 0].set(jaw)))
        features_of = opened.appearance.features
        pictures = []
        for tongue in (0.0, 1.0):
            shown = features_of._replace(tongue=0 * features_of.tongue + tongue)
            pictures.append(render(opened._replace(appearance=opened.appearance._replace(features=shown))).image)
        return np.abs(np.asarray(pictures[1] - pictures[0])).max()

    assert change(0.8) > 0.1 > 2 * change(0.0)


def test_one_head_in_ten_is_that_of_a_child():
    people = jax.vmap(faces.sample)(jax.random.split(jax.random.key(8), 2000))
    where = anatomy.IDENTITY_NAMES.index("length of the lower face")
    short = np.asarray(people.identity[:, where])
    assert (short < -2).mean() == pytest.approx(0.023 + 0.02, abs=0.015)  # 2.3 % of adults, and some children
    assert np.abs(people.identity).max() <= 2.5
    assert abs(np.median(short)) < 0.3
    assert len(anatomy.IDENTITY_NAMES) == len(anatomy.IDENTITY) == people.identity.shape[1]


TOUCHED = {
    "hair": ("hair.amount",),
    "beard": ("beard.amount", "beard.over_lips"),
    "glasses": ("glasses.amount",),
    "occluder": ("occluder.amount",),
    "background": ("scene.coarse", "scene.fine_amount", "scene.stripes", "scene.shape_amount"),
    "light": ("scene.ambient",),
    "skin": ("skin.gloss", "skin.blush", "skin.mottle", "skin.age"),
    "makeup": ("features.makeup_amount",),
    "neck": ("scene.neck", "scene.jowl"),
    "shading": ("parts.shading",),
    "ears": ("parts.ears",),
    "nose": ("parts.nose",),
    "eyes": ("parts.eyes",),
    "brows": ("parts.brows",),
    "mouth": ("parts.mouth",),
    "teeth": ("features.teeth",),
    "gaze": ("gaze",),
    "perspective": ("view.distance",),
    "expression": ("expression",),
    "pose": ("pose",),
    "identity": ("identity",),
}
"""The fields that each ablation may change."""


@pytest.fixture(scope="module")
def adorned(people):
    """People with everything that an ablation can take away, and their pictures (N, S, S, 3)."""
    appearance, one = people.appearance, jnp.ones(BATCH)
    appearance = appearance._replace(
        hair=appearance.hair._replace(amount=one),
        beard=appearance.beard._replace(amount=one, over_lips=one),
        glasses=appearance.glasses._replace(amount=one),
        occluder=appearance.occluder._replace(amount=one),
        features=appearance.features._replace(makeup_amount=one),
        scene=appearance.scene._replace(jowl=one, stripes=one, shape_amount=one),
    )
    mouth_open = people.expression.at[:, 0].set(0.6)
    people = people._replace(appearance=appearance, expression=mouth_open)
    return people, np.asarray(render(people).image)


@pytest.mark.parametrize("name", faces.ABLATIONS)
def test_ablations_change_only_their_fields(adorned, name):
    people, picture = adorned
    bare = faces.ABLATIONS[name](people)
    changed = set()
    for (path, leaf), other in zip(jax.tree.leaves_with_path(bare), jax.tree.leaves(people), strict=True):
        assert leaf.shape == other.shape
        assert leaf.dtype == other.dtype
        if (np.asarray(leaf) != np.asarray(other)).any():
            changed.add(jax.tree_util.keystr(path, simple=True, separator=".").removeprefix("appearance."))
    assert changed == set(TOUCHED[name])
    difference = np.abs(np.asarray(render(bare).image) - picture).mean(axis=(1, 2, 3))
    assert difference.max() > (1e-3 if name not in ("gaze", "teeth") else 2e-4)
    again = faces.ABLATIONS[name](bare)
    if name != "pose":  # which is a third of what it was
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), again, bare)


def test_what_is_hidden_is_not_visible(people):
    """Sunglasses, a hand, a fringe, the edge of the frame; nothing else is touched by them."""
    bare = fill(plain(people)._replace(expression=0 * people.expression))
    assert np.asarray(render(bare).visible).mean() > 0.99
    appearance, one = bare.appearance, jnp.ones(BATCH)

    def seen(**changes):
        return np.asarray(render(bare._replace(appearance=appearance._replace(**changes))).visible)

    visible = seen(glasses=appearance.glasses._replace(amount=one, tint=one))
    assert not visible[:, 36:48].any()
    assert visible[:, 48:].all()
    below = jnp.broadcast_to(jnp.array([0.0, 0.6]), (BATCH, 2))  # a bar from below up to the mouth
    bar = appearance.occluder._replace(amount=one, kind=one, centre=below, angle=jnp.pi / 2 * one, width=0.14 * one)
    visible = seen(occluder=bar)
    assert not visible[:, [8, 51, 57, 66]].any()
    assert visible[:, [*range(17, 30), *range(36, 48)]].all()
    assert visible[:, [0, 1, 2, 14, 15, 16]].all()
    fringe = appearance.hair._replace(amount=one, hairline=0.5 * one, fringe=one, part=0 * one, temple=0 * one)
    visible = seen(hair=fringe)
    assert visible[:, 17:27].mean() < 0.5
    assert visible[:, 48:68].all()
    away = bare.view._replace(centre=bare.view.centre + jnp.array([[5.0, 0.0]]))
    assert not np.asarray(render(bare._replace(view=away)).visible).any()


def test_a_turned_head_hides_its_far_side(people):
    def seen(yaw):
        pose = people.pose.at[:].set(jnp.deg2rad(jnp.array([yaw, 0.0, 0.0])))
        face = plain(people)._replace(expression=0 * people.expression, identity=0 * people.identity, pose=pose)
        return np.asarray(render(fill(face)).visible)

    assert seen(20.0)[:, 17:].all()
    right, left = seen(60.0), seen(-60.0)
    # The corner of the mouth and the wing of the nose lie behind their middle, the inner eye behind the nose.
    for mark in (35, 42, 54):
        assert right[:, mark].mean() < 0.2
        assert left[:, FACE68.flip[mark]].mean() < 0.2
    for visible, near in ((right, range(9)), (left, range(8, 17))):
        assert visible[:, near].all()
    for shown in (right[:, 17:22], right[:, 36:42], left[:, 22:27], left[:, 42:48]):
        assert shown.all()


@jax.jit
def clips(keys):
    return jax.vmap(lambda key: faces.clip(key, 240))(keys)


def test_clip_is_smooth_and_keeps_the_person():
    frames = 240
    clip, again = (jax.tree.map(lambda leaf: np.asarray(leaf)[0], clips(keys(4))) for _ in range(2))
    for one, other in zip(jax.tree.leaves(clip), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(one, other)
    assert all(leaf.shape[0] == frames for leaf in jax.tree.leaves(clip))
    for leaf in jax.tree.leaves((clip.identity, clip.appearance)):
        np.testing.assert_array_equal(leaf, np.broadcast_to(np.asarray(leaf)[:1], leaf.shape))
    at = np.asarray(points(clip))
    unit = np.linalg.norm(at[:, 45] - at[:, 36], axis=-1).mean()
    second = np.abs(np.diff(at, n=2, axis=0)) / unit
    speed = np.abs(np.diff(at, axis=0)) / unit
    assert second.max() < 0.12
    assert second.mean() < 0.004
    assert speed.mean() > 0.001
    opening = (at[:, 41, 1] - at[:, 37, 1]) / unit
    assert opening.min() < 0.5 * np.median(opening)
    assert np.ptp(np.asarray(clip.pose[:, 0])) > np.deg2rad(3)
    first = render(jax.tree.map(lambda leaf: leaf[:BATCH], clip))
    assert np.isfinite(first.image).all()
    difference = np.abs(np.diff(np.asarray(first.image), axis=0)).mean()
    assert 0 < difference < 0.05


def test_people_in_clips_speak_smile_blink_look_about_and_come_nearer():
    people = clips(keys(4))
    spread = np.asarray(people.expression).std(axis=1)  # (N, E)
    least = {"jaw": 0.03, "smile": 0.1, "pucker": 0.02, "press": 0.02, "left lid": 0.05, "right lid": 0.05}
    least |= {"squint": 0.03, "up": 0.03, "together": 0.03, "nose": 0.03}
    for i, (name, floor) in enumerate(least.items()):
        assert np.median(spread[:, i]) > floor, name
    assert (spread[:, 10:] < 1e-6).all()
    assert np.median(np.asarray(people.gaze).std(axis=1)) > 0.03
    assert np.median(np.ptp(np.log(np.asarray(people.view.scale)), axis=1)) > 0.05
    assert np.median(np.asarray(people.pose).std(axis=1), axis=0).min() > np.deg2rad(1)


@pytest.mark.slow
def test_another_process_renders_the_same_bits(tmp_path):
    program = (
        "import sys, jax, numpy as np; from fhr_jax.data import faces\n"
        "make = jax.jit(lambda key: faces.render(faces.fill(faces.sample(key)), size=64).image)\n"
        "np.save(sys.argv[1], make(jax.random.key(3)))"
    )
    for name in ("a.npy", "b.npy"):
        subprocess.run([sys.executable, "-c", program, str(tmp_path / name)], check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy"))


def test_a_clip_may_have_one_frame():
    assert np.isfinite(points(jax.jit(faces.clip, static_argnums=1)(jax.random.key(1), 1))).all()


def test_smooth_noise_has_unit_variance():
    signal = np.asarray(
        jax.jit(lambda key: random_block(key, lambda draws: smooth_noise(draws, 6000, 0.4, size=8)))(jax.random.key(0))
    )
    assert 0.8 < signal.std() < 1.2
    # Angular frequencies are |n| / 0.4 a second, n normal, so each derivative has the deviation 1 / 0.4 a second.
    assert abs(np.diff(signal, axis=0).std() * 30 * 0.4 - 1) < 0.3


def test_blinks_close_and_open():
    lids = np.asarray(
        jax.jit(lambda key: random_block(key, lambda draws: blinks(draws, even_clock(600))))(jax.random.key(2))
    )
    assert lids.max() > 0.55
    assert lids.min() == 0
    assert np.median(lids) == 0


def test_random_draws_raise_when_exhausted():
    draws = RandomDraws(jax.random.key(0), uniforms=3)
    draws.uniform(shape=(3,))
    with pytest.raises(ValueError, match="4 uniform draws from 3"):
        draws.chance(0.5)


def test_random_draws_have_the_given_distributions():
    draws = RandomDraws(jax.random.key(0), uniforms=10200, normals=10000)
    normal = np.asarray(draws.normal(2.0, 2.5, (10000,)))
    assert abs(normal.std() - 1.97) < 0.05
    assert np.abs(normal).max() <= 5.0
    uniform = np.asarray(draws.uniform(-1.0, 3.0, (10000,)))
    assert abs(uniform.mean() - 1) < 0.05
    picks = np.bincount([int(draws.choice((0.2, 0.0, 0.8))) for _ in range(200)], minlength=3)
    assert picks[1] == 0
    assert 20 < picks[0] < 65
