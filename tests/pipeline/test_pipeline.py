"""Inference on a random net; alignment and tracking with a stand-in for the net that reads a drawn pattern."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import geometry, heatmap, hourglass, npz, pipeline
from fhr_jax.errors import InputError
from fhr_jax.markup import FACE68, Markup, unknown
from tests.nets import random_net

CONFIG = hourglass.TINY


@pytest.fixture(scope="module")
def net():
    return random_net()


BATCH = pipeline.inference.BATCH
"""One number of crops in all tests, so that each combination of options is compiled only once."""


@pytest.fixture(scope="module")
def crops():
    rng = np.random.default_rng(1)
    return jnp.asarray(rng.uniform(size=(BATCH, CONFIG.crop, CONFIG.crop, 3)), jnp.float32)


apply = jax.jit(hourglass.Hourglass(CONFIG).apply)


def maps_of(net, crops):
    """The outputs of the net, jitted like the code under test: without jit logits differ by some 1e-5."""
    return np.asarray(apply(net.variables, jnp.asarray(crops))[-1], np.float64)


def log_softmax(logits):
    shifted = logits - logits.max(axis=(1, 2), keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=(1, 2), keepdims=True))


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
def test_predict_decodes_the_last_maps(net, crops, loss, mirror):
    net = net._replace(loss=loss)
    result = pipeline.predict(net, crops, mirror=mirror)
    views = [maps_of(net, crops)]
    if mirror:
        views.append(maps_of(net, crops[:, :, ::-1])[:, :, ::-1][..., list(FACE68.flip)])
    logits = loss == "cross_entropy"
    if logits:
        maps = np.mean([log_softmax(view) for view in views], axis=0)
        height = np.exp(maps).max(axis=(1, 2)) * 2 * np.pi * CONFIG.sigma**2
    else:
        maps = np.maximum(np.mean(views, axis=0), 0)
        height = maps.max(axis=(1, 2))
    np.testing.assert_allclose(result.confidence, np.clip(height, 0, 1), atol=1e-5)
    maps = jnp.asarray(maps, jnp.float32)
    points = np.asarray(heatmap.decode(maps, sigma=CONFIG.sigma, decoder="least_squares", logits=logits))
    np.testing.assert_allclose(result.points, (points + 0.5) * 2 - 0.5, atol=2e-3)
    covariance = np.asarray(heatmap.confidence(maps, sigma=CONFIG.sigma, logits=logits).covariance)
    np.testing.assert_allclose(result.covariance, 4 * covariance, rtol=2e-3, atol=1e-3)
    ((part, seen),) = pipeline.heatmap_batches(net, crops[:3], mirror=mirror)
    assert part == slice(0, 3)
    expected = np.exp(maps[:3]) * 2 * np.pi * CONFIG.sigma**2 if logits else maps[:3]
    np.testing.assert_allclose(seen, expected, atol=1e-4)


def make_calibration(**changes):
    values = {"exponent": 3.0, "saturation": 0.5, "anisotropy": 2.0, "dof": 8.0, "typical": 1.0} | changes
    arrays = {name: jnp.asarray(value, jnp.float32) for name, value in values.items()}
    return heatmap.Calibration(log_scale=jnp.asarray(np.linspace(-1, 1, 68), jnp.float32), **arrays)


def test_a_calibrated_net_predicts_the_covariance_of_its_errors(net, crops):
    net = net._replace(loss="cross_entropy")
    of_peaks = pipeline.predict(net, crops).covariance
    prediction = pipeline.predict(net._replace(calibration=make_calibration()), crops)
    peaks = jnp.asarray(np.asarray(of_peaks) / (2 * CONFIG.sigma) ** 2)
    expected = jax.jit(heatmap.error_covariance)(make_calibration(), peaks)
    np.testing.assert_allclose(prediction.covariance, expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(prediction.points, pipeline.predict(net, crops).points)


@pytest.mark.parametrize("other", [{"mirror": False}, {"decoder": "two_sided"}])
def test_with_other_options_than_in_calibration_the_covariance_is_that_of_the_peaks(net, crops, other):
    assert not pipeline.is_calibrated(net, **{"mirror": True, "decoder": pipeline.CALIBRATED_DECODER} | other)
    calibrated = net._replace(calibration=make_calibration())
    expected = pipeline.predict(net, crops, **other).covariance
    np.testing.assert_array_equal(pipeline.predict(calibrated, crops, **other).covariance, expected)


def test_results_of_a_bfloat16_computation_are_float32(net, crops):
    exact, fast = pipeline.predict(net, crops), pipeline.predict(net, crops, dtype=jnp.bfloat16)
    assert all(leaf.dtype == jnp.float32 for leaf in fast)
    apart = np.linalg.norm(np.asarray(exact.points) - fast.points, axis=-1)
    assert 0 < np.median(apart) < 2
    text = str(jax.make_jaxpr(lambda c: pipeline.predict(net, c, dtype=jnp.bfloat16))(crops))
    assert text.count("bf16") > 10


@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
def test_mirror_averaging_keeps_no_second_copy_of_the_maps(net, loss):
    """Mirror averaging may add the sum of the maps and the mirrored crops to the memory of one view."""
    crops = jnp.zeros((BATCH, CONFIG.crop, CONFIG.crop, 3))

    def temporary(flip):
        arguments = (net.variables, None, crops, CONFIG, loss, flip, "least_squares", jnp.dtype("float32"))
        return pipeline.inference._predict.lower(*arguments).compile().memory_analysis().temp_size_in_bytes

    maps = 4 * BATCH * CONFIG.heatmap**2 * 68
    assert temporary(FACE68.flip) <= temporary(()) + 1.5 * maps + 2 * crops.nbytes


@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
def test_mirror_averaging_makes_mirror_images_agree(net, crops, loss):
    net = net._replace(loss=loss)
    first, second = (pipeline.predict(net, images) for images in (crops, crops[:, :, ::-1]))
    mirrored = np.asarray(second.points)[:, list(FACE68.flip)]
    mirrored[..., 0] = CONFIG.crop - 1 - mirrored[..., 0]
    # Where no value is positive, or two pixels are equally high, rounding decides which is the peak.
    close = np.abs(np.asarray(first.points) - mirrored).max(axis=-1) < 1e-2
    assert close[np.asarray(first.confidence) > 0.05].mean() > 0.97
    np.testing.assert_allclose(first.confidence, np.asarray(second.confidence)[:, list(FACE68.flip)], atol=1e-5)


def test_predict_compiles_once_and_crops_are_independent(net, crops):
    together = pipeline.predict(net, crops)
    before = pipeline.inference._predict._cache_size()
    again = pipeline.predict(net, crops[::-1])
    assert pipeline.inference._predict._cache_size() == before
    np.testing.assert_allclose(together.points, again.points[::-1], atol=1e-3)


def test_bad_crops_and_unknown_markups_are_named(net, crops):
    with pytest.raises(InputError, match=r"expected \(B, 32, 32, 3\)"):
        pipeline.predict(net, crops[:, :16, :16])
    other = net._replace(config=CONFIG._replace(landmarks=5))
    with pytest.raises(InputError, match="mirror"):
        pipeline.predict(other, crops)
    with pytest.raises(InputError, match="mirror"):
        pipeline.heatmaps(other, crops)


def test_mirror_averaging_follows_the_markup_of_the_net(net, crops):
    net = net._replace(loss="squared")
    flip = tuple(reversed(range(68)))
    other = net._replace(markup=Markup(68, flip, FACE68.eye_corners))
    views = [maps_of(net, crops), maps_of(net, crops[:, :, ::-1])[:, :, ::-1][..., list(flip)]]
    for _, seen in pipeline.heatmap_batches(other, crops):
        np.testing.assert_allclose(seen, np.maximum(np.mean(views, axis=0), 0), atol=1e-4)


def test_nets_that_cannot_mirror_are_calibrated_without(net):
    calibrated = net._replace(calibration=object())
    cannot = calibrated._replace(markup=unknown(68))
    options = {"decoder": pipeline.CALIBRATED_DECODER}
    assert pipeline.is_calibrated(calibrated, mirror=True, **options)
    assert not pipeline.is_calibrated(calibrated, mirror=False, **options)
    assert not pipeline.is_calibrated(cannot, mirror=True, **options)
    assert pipeline.is_calibrated(cannot, mirror=False, **options)


@pytest.mark.parametrize(("points", "sides"), [(68, (100, 100)), (5, (100, 60, 135, 60))])
def test_the_size_of_a_detected_face_is_that_of_its_markup(monkeypatch, points, sides):
    """A net of other landmarks finds them in the crop of the size that it learned."""
    seen = []

    def stand_in(align, image, region):
        seen.append(region.side / geometry.CROP_SCALE)
        shape = np.random.default_rng(0).uniform(size=(points, 2))
        found = (region.centre + 60 * (shape - 0.5)).astype(np.float32)
        likely = np.float32(0.9 if points == 68 or abs(seen[-1] - 60) < 9 else 0.3)
        return pipeline.Face(found, found, np.full(points, likely), np.zeros((points, 2, 2), np.float32))

    monkeypatch.setattr(
        pipeline.aligner.Aligner, "faces", lambda align, image, regions: [stand_in(align, image, r) for r in regions]
    )
    net = random_net(CONFIG)._replace(config=CONFIG._replace(landmarks=points))
    boxes = np.array([[110.0, 70, 100, 100]])
    face = pipeline.align_image(net, np.zeros((240, 320, 3), np.uint8), detector=lambda _: boxes, mirror=points == 68)
    assert face.confidence.mean() > 0.8
    np.testing.assert_allclose(sorted({round(side) for side in seen[: len(set(sides))]}), sorted(set(sides)), atol=1)


def test_only_the_68_landmarks_of_300w_are_cropped_by_their_inner_part():
    points = np.random.default_rng(0).uniform(20, 60, (68, 2)).astype(np.float32)
    other = pipeline.region_from_landmarks(points, markup=unknown(68))
    centre, side = geometry.landmark_square(jnp.asarray(points))
    np.testing.assert_allclose(other.centre, centre, rtol=1e-5)
    assert other.side == pytest.approx(float(side), rel=1e-5)
    ours = pipeline.region_from_landmarks(points, markup=FACE68._replace(name="mine"))
    np.testing.assert_array_equal(ours.centre, pipeline.region_from_landmarks(points).centre)


# A pattern whose landmarks can be read from its colours: red grows to the right, green downwards, blue marks it.
COVARIANCE = jnp.broadcast_to(jnp.array([[2.0, 0.5], [0.5, 1.0]]), (1, 68, 2, 2))
SHAPE = np.stack(np.meshgrid(np.linspace(0, 1, 17), np.linspace(0, 1, 4)), axis=-1).reshape(68, 2)


def pattern(position, side, size=(240, 320)):
    """An image with a square face at `position` (x, y of its upper left landmark) of `side` pixels."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float64)
    u, v = (x - position[0]) / side, (y - position[1]) / side
    inside = (abs(u - 0.5) < 0.62) & (abs(v - 0.5) < 0.62)
    image = np.stack([60 + 100 * u, 60 + 100 * v, np.full_like(u, 250)], axis=-1)
    return np.where(inside[..., None], image, 20).clip(0, 255).astype(np.uint8)


def read_pattern(net, crops, **options):
    """A stand-in for `predict`: fits the map from shape to crop to the colours of the pattern by least squares."""
    crop = np.asarray(crops[0], np.float64) * 255
    y, x = np.nonzero(crop[..., 2] > 200)
    if len(x) < 50:
        nothing = jnp.full((1, 68, 2), crop.shape[0] / 2) + jnp.asarray(SHAPE, jnp.float32)[None]
        return pipeline.Prediction(nothing, jnp.zeros((1, 68)), COVARIANCE)
    red, green = ((crop[y, x, c] + 0.5 - 60) / 100 for c in (0, 1))
    slope_x, shift_x = np.polyfit(red, x, 1)
    slope_y, shift_y = np.polyfit(green, y, 1)
    points = SHAPE * [slope_x, slope_y] + [shift_x, shift_y]
    return pipeline.Prediction(jnp.asarray(points, jnp.float32)[None], jnp.ones((1, 68)), COVARIANCE)


@pytest.fixture
def reader(monkeypatch, net):
    monkeypatch.setattr(pipeline.inference, "predict", read_pattern)
    return net._replace(config=CONFIG._replace(crop=64))


@pytest.mark.parametrize("side", [30.0, 64.0, 150.0])
def test_align_image_returns_to_image_pixels(reader, side):
    position = np.array([51.3, 40.7])
    image = pattern(position, side)
    face = pipeline.align_image(reader, image, box=(*position, side, side))
    np.testing.assert_allclose(face.points, position + SHAPE * side, atol=0.02 * side)
    rough = pipeline.align_image(reader, image, box=(*(position - side / 8), 1.2 * side, 1.2 * side), passes=2)
    np.testing.assert_allclose(rough.points, position + SHAPE * side, atol=0.02 * side)
    np.testing.assert_allclose(face.covariance, np.asarray(COVARIANCE[0]) * (1.3 * side / 64) ** 2, rtol=1e-3)


@pytest.mark.parametrize("box", [(0, 0, 0, 5), (0, 0, -1, 5), (float("nan"), 0, 5, 5), (0, 0, 5, float("inf"))])
def test_empty_boxes_are_an_error(reader, box):
    with pytest.raises(InputError, match="box"):
        pipeline.align_image(reader, np.zeros((20, 20, 3), np.uint8), box=tuple(float(v) for v in box))


def boxes_of(images):
    """A detector that finds the blue square, roughly, and a list that grows with every call of it."""
    calls = []

    def detect(image):
        calls.append(len(calls))
        y, x = np.nonzero(image[..., 2] > 200)
        if not len(x):
            return np.zeros((0, 4))
        low, size = np.array([x.min(), y.min()]), np.array([np.ptp(x), np.ptp(y)])
        return np.concatenate([low + 0.1 * size, size])[None].astype(np.float64)

    return detect, calls


def moving(frames):
    """Positions and sides of a face that moves 5 pixels a frame and grows by a third."""
    t = np.arange(frames)
    return np.stack([20 + 5.0 * t, 30 + 1.5 * t], axis=-1), 60 * (1 + t / (3 * frames))


def test_align_video_follows_the_face_and_calls_the_detector_once(reader):
    positions, sides = moving(30)
    images = [pattern(p, s) for p, s in zip(positions, sides, strict=True)]
    detector, calls = boxes_of(images)
    faces = list(pipeline.align_video(reader, images, detector=detector, stabilize=False))
    assert len(calls) == 1
    for face, position, side in zip(faces, positions, sides, strict=True):
        np.testing.assert_allclose(face.points, position + SHAPE * side, atol=1.5)
        np.testing.assert_array_equal(face.points, face.raw)


def test_the_next_crop_surrounds_the_stabilized_landmarks(reader, monkeypatch):
    regions = []
    in_regions = pipeline.aligner.Aligner.faces

    def record(align, image, searched):
        regions.extend(searched)
        return in_regions(align, image, searched)

    monkeypatch.setattr(pipeline.aligner.Aligner, "faces", record)
    images = [pattern((60 + x, 60), 80) for x in (0, 5, 5)]
    faces = list(pipeline.align_video(reader, images, box=(60, 60, 80, 80)))
    stabilized, raw = (pipeline.crop_region.region_from_landmarks(points) for points in (faces[1].points, faces[1].raw))
    assert np.abs(stabilized.centre - raw.centre).max() > 0.5
    np.testing.assert_allclose(regions[-1].centre, stabilized.centre, atol=1e-3)
    assert regions[-1].side == pytest.approx(stabilized.side, abs=1e-3)


@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_a_face_that_changes_its_size_too_much_is_lost_and_detected_again(reader, factor):
    first, second = pattern((60, 60), 80), pattern((60, 60), 80 * factor)
    detector, calls = boxes_of(None)
    options = {"box": (60, 60, 80, 80), "detector": detector, "stabilize": False}
    assert np.isfinite(list(pipeline.align_video(reader, [first, first], **options))[1].points).all()
    assert not calls
    face = list(pipeline.align_video(reader, [first, second], **options))[1]
    assert len(calls) == 1
    np.testing.assert_allclose(face.points, np.array([60, 60]) + SHAPE * 80 * factor, atol=2.5)


def test_align_image_detects_the_largest_face_in_which_the_net_finds_landmarks(reader):
    image = pattern((51.3, 40.7), 64)

    def detector(_):
        return np.array([[220.0, 120, 90, 90], [48, 36, 60, 66], [50, 41, 20, 20]])  # the first holds no face

    face = pipeline.align_image(reader, image, detector=detector)
    np.testing.assert_allclose(face.points, [51.3, 40.7] + SHAPE * 64, atol=1.5)
    for empty in (detector, lambda _: np.zeros((0, 4))):
        with pytest.raises(InputError, match="no face found") as caught:
            pipeline.align_image(reader, np.full_like(image, 20), detector=empty)
        assert "\n" not in str(caught.value)


def test_alignment_passes_its_options_to_the_net(reader, monkeypatch):
    options = {"mirror": False, "decoder": "fractional", "dtype": jnp.bfloat16}
    seen = []

    def record(net, crops, **given):
        seen.append(given)
        return read_pattern(net, crops)

    monkeypatch.setattr(pipeline.inference, "predict", record)
    image, box = pattern((51.3, 40.7), 64), (51.3, 40.7, 64, 64)
    pipeline.align_image(reader, image, box=box, **options)
    pipeline.align_image(reader, image, detector=lambda _: np.array([box]), **options)
    calibrated = reader._replace(calibration=make_calibration())
    list(pipeline.align_video(calibrated, [image, image], box=box, **options))
    assert seen == [options] * 6


def test_results_have_a_short_repr(net, crops, reader):
    parameters = sum(leaf.size for leaf in jax.tree.leaves(net.variables["params"]))
    size = f"crop {CONFIG.crop}, heatmap {CONFIG.heatmap}, 68 landmarks, {parameters:,} parameters"
    assert repr(net) == f"Net(preset tiny, {size}, loss squared, not calibrated)"
    prediction = pipeline.predict(net, crops)
    text = f"Prediction(points ({BATCH}, 68, 2), confidence ({BATCH}, 68), covariance ({BATCH}, 68, 2, 2)"
    assert repr(prediction) == f"{text}; mean confidence {np.mean(prediction.confidence):.2f})"
    traced = []
    jax.eval_shape(lambda images: traced.append(repr(pipeline.predict(net, images))), crops)
    assert traced == [f"{text})"]
    image = pattern((51.3, 40.7), 64)
    face = pipeline.align_image(reader, image, box=(51.3, 40.7, 64, 64))
    assert repr(face).startswith("Face(68 landmarks, x 5")
    assert repr(face).endswith("mean confidence 1.00)")
    (missing,) = pipeline.align_video(reader, [image], detector=lambda _: np.zeros((0, 4)))
    assert repr(missing) == "Face(68 landmarks, not found)"


def test_align_video_with_a_box_needs_no_detector(reader):
    positions, sides = moving(5)
    images = [pattern(p, s) for p, s in zip(positions, sides, strict=True)]

    def never(image):
        raise AssertionError

    faces = list(pipeline.align_video(reader, images, box=(20, 30, 60, 60), detector=never, stabilize=False))
    np.testing.assert_allclose(faces[-1].points, positions[-1] + SHAPE * sides[-1], atol=1.5)


def test_frames_without_a_face_are_nan_and_the_face_is_found_again(reader):
    blank = np.full((240, 320, 3), 20, np.uint8)
    here, there = pattern((40, 40), 60), pattern((200, 120), 80)
    images = [blank, here, here, blank, blank, there, there]
    detector, _ = boxes_of(images)
    faces = list(pipeline.align_video(reader, images, detector=detector, stabilize=False))
    found = [bool(np.isfinite(face.points).all()) for face in faces]
    assert found == [False, True, True, False, False, True, True]
    for i in (0, 3, 4):
        assert np.isnan(faces[i].points).all()
        assert not faces[i].confidence.any()
        assert np.isnan(faces[i].covariance).all()
    np.testing.assert_allclose(faces[6].points, np.array([200, 120]) + SHAPE * 80, atol=1.5)


def test_boxes_of_frames_take_the_place_of_a_detector(reader):
    blank, face = np.full((240, 320, 3), 20, np.uint8), pattern((40, 40), 60)
    boxes = {1: [[200.0, 100, 50, 50], [41, 39, 60, 61]], 4: np.array([[40.0, 40, 60, 60]])}
    faces = list(pipeline.align_video(reader, [face, face, face, blank, face], boxes=boxes, stabilize=False))
    found = [bool(np.isfinite(face.points).all()) for face in faces]
    assert found == [False, True, True, False, True]
    np.testing.assert_allclose(faces[2].points, np.array([40, 40]) + SHAPE * 60, atol=1.5)
    with pytest.raises(InputError, match=r"boxes of frame 1: got boxes of shape \(1, 3\), expected \(N, 4\)"):
        list(pipeline.align_video(reader, [face] * 2, boxes={1: [[1, 2, 3]]}, stabilize=False))
    with pytest.raises(InputError, match="got both, expected one of them"):
        list(pipeline.align_video(reader, [face], boxes={}, detector=lambda _: np.zeros((0, 4)), stabilize=False))


def test_what_a_detector_returns_is_checked(reader):
    image = pattern((40, 40), 60)
    with pytest.raises(InputError, match="detector: got the box 1, 2, 0, 4"):
        pipeline.align_image(reader, image, detector=lambda _: [[1, 2, 0, 4]])
    with pytest.raises(InputError, match="detector, frame 1: got a NoneType"):
        list(pipeline.align_video(reader, [image, 0 * image], detector=_once(image), stabilize=False))


def _once(image):
    return lambda seen: [[40, 40, 60, 60]] if seen is image else None


def test_align_video_takes_one_frame_at_a_time(reader):
    taken = []

    def images():
        for position, side in zip(*moving(6), strict=True):
            taken.append(None)
            yield pattern(position, side)

    detector, _ = boxes_of(None)
    for number, _ in enumerate(pipeline.align_video(reader, images(), detector=detector, stabilize=False), 1):
        assert len(taken) == number


def test_a_calibrated_net_gives_the_stabilizer_confidence_weights(reader, monkeypatch):
    weights = []
    step = pipeline.face_smoothers._step

    def record(params, state, points, **options):
        weights.append(options["confidence"])
        return step(params, state, points, **options)

    monkeypatch.setattr(pipeline.face_smoothers, "_step", record)
    images = [pattern(p, s) for p, s in zip(*moving(3), strict=True)]
    box = (20, 30, 60, 60)
    list(pipeline.align_video(reader, images, box=box))
    assert weights == [None] * 3
    # The deviation in `COVARIANCE` is sqrt(1.5) crop pixels; here three times that was typical, or a third of it.
    for typical, expected in ((13.5, 1.0), (1.5 / 9, 1 / 3)):
        weights.clear()
        calibrated = reader._replace(calibration=make_calibration(typical=typical))
        *_, last = pipeline.align_video(calibrated, images, box=box)
        np.testing.assert_allclose(weights, expected, rtol=0.25)
        assert np.isfinite(last.points).all()


def test_no_frames_give_no_results(reader):
    assert list(pipeline.align_video(reader, [], stabilize=False)) == []


def test_a_slipping_chin_does_not_drag_the_crop(real_data):
    shapes = npz.read(real_data / "300w_shapes" / "train_3148.npz")["points"][::40].astype(np.float32)
    off, moved = [], []
    for points in shapes:
        square = pipeline.crop_region.region_from_landmarks(points)
        low, high = points.min(axis=0), points.max(axis=0)
        side = 1.3 * (high - low).max()
        off.append([square.side / side - 1, *(square.centre - (low + high) / 2) / side])
        slipped = points.copy()
        slipped[4:13] += 0.25 * (points[48:68].mean(axis=0) - points[36:48].mean(axis=0))
        after = pipeline.crop_region.region_from_landmarks(slipped)
        moved.append([after.side / square.side - 1, *(after.centre - square.centre) / side])
    assert np.abs(np.median(off, axis=0)).max() < 0.02
    assert np.percentile(np.abs(off), 90, axis=0).max() < 0.12
    assert np.percentile(np.abs(moved), 90, axis=0).max() < 0.02


def test_crop_squares_move_and_grow_with_the_face():
    points = np.random.default_rng(0).uniform(50, 90, (68, 2)).astype(np.float32)
    square, other = pipeline.crop_region.region_from_landmarks(points), pipeline.region_from_landmarks(3 * points + 7)
    np.testing.assert_allclose(other.side, 3 * square.side, rtol=1e-5)
    np.testing.assert_allclose(other.centre, 3 * square.centre + 7, rtol=1e-5)
    assert np.isfinite(pipeline.crop_region.region_from_landmarks(np.full((68, 2), 5, np.float32)).centre).all()


def test_the_stabilizer_knows_the_times_of_the_frames(reader, monkeypatch):
    seen, step = [], pipeline.face_smoothers._step

    def listen(*arguments, dt, **options):
        seen.append(float(dt))
        return step(*arguments, dt=dt, **options)

    monkeypatch.setattr(pipeline.face_smoothers, "_step", listen)
    images, box = [pattern((60, 60), 80)] * 5, (60, 60, 80, 80)
    list(pipeline.align_video(reader, images, box=box))
    list(pipeline.align_video(reader, images, box=box, times=[9.0, 9.04, 9.14, 9.14, 9.12]))
    np.testing.assert_allclose(seen, [1, 1, 1, 1, 1, 1, 1.2, 3, 1, 1], rtol=1e-4)
    with pytest.raises(InputError, match="times: fewer than frames"):
        list(pipeline.align_video(reader, images, box=box, times=[0.0, 0.1]))
