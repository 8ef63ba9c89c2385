"""The metrics against their definitions, in limit cases, and on the published predictions."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from jax.test_util import check_grads

from fhr_jax import metrics
from fhr_jax.errors import InputError
from fhr_jax.markup import FACE7, FACE68, Markup, unknown
from tests.oracles import metrics as oracle


def faces(images=12, seed=0, noise=3.0):
    """Predictions and truth (N, 68, 2) of faces of very different sizes."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(50, 400, size=(images, 1, 1)) * rng.uniform(size=(images, 68, 2)) + 100
    return truth + noise * rng.normal(size=truth.shape), truth


def video(frames=30, points=7, seed=0, noise=0.7):
    rng = np.random.default_rng(seed)
    truth = 200 + 40 * rng.normal(size=(1, points, 2)) + rng.normal(size=(frames, points, 2)).cumsum(axis=0)
    valid = np.ones(frames, bool)
    valid[[t for t in (4, 11, 12, 20) if t < frames]] = False
    return truth + noise * rng.normal(size=truth.shape), truth, valid


# Single images


def test_nrmse_is_the_mean_distance_over_the_distance_of_the_outer_eye_corners():
    predictions, truth = faces()
    theirs = [oracle.nrmse(x, p, (36, 45)) for x, p in zip(predictions, truth, strict=True)]
    np.testing.assert_allclose(metrics.nrmse(predictions, truth), theirs, rtol=1e-5)
    expected = [oracle.nrmse(x, p, (0, 3)) for x, p in zip(predictions[:, :7], truth[:, :7], strict=True)]
    ours = metrics.nrmse(jnp.asarray(predictions[:, :7]), jnp.asarray(truth[:, :7]), markup=FACE7)
    np.testing.assert_allclose(ours, expected, rtol=1e-5)


def test_the_unit_of_errors_is_that_of_the_markup():
    predictions, truth = (np.asarray(points, np.float64)[:, :5] for points in faces())
    mean = np.linalg.norm(predictions - truth, axis=-1).mean(axis=-1)
    groups = Markup(5, (), ((0, 1), 4))
    unit = np.linalg.norm(truth[:, :2].mean(axis=1) - truth[:, 4], axis=-1)
    np.testing.assert_allclose(metrics.nrmse(predictions, truth, markup=groups), 100 * mean / unit, rtol=1e-4)
    box = np.sqrt(np.ptp(truth, axis=1).prod(axis=1))
    np.testing.assert_allclose(metrics.nrmse(predictions, truth, markup=unknown(5)), 100 * mean / box, rtol=1e-4)


def test_select_seven_gives_the_points_of_the_paper_with_the_same_eye_corners():
    _, truth = faces()
    chosen = metrics.select_seven(truth)
    np.testing.assert_allclose(chosen, truth[:, [i - 1 for i in (37, 40, 43, 46, 31, 49, 55)]], rtol=1e-6)
    np.testing.assert_allclose(metrics.interocular(chosen, markup=FACE7), metrics.interocular(truth), rtol=1e-6)


@given(scale=st.floats(0.1, 10), dx=st.floats(-100, 100), turn=st.floats(0, 6.3))
def test_nrmse_does_not_depend_on_scale_position_or_rotation(scale, dx, turn):
    predictions, truth = faces(images=3)
    rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = metrics.nrmse(predictions @ rotation + dx, truth @ rotation + dx)
    np.testing.assert_allclose(moved, metrics.nrmse(predictions, truth), rtol=1e-3)


def test_a_missing_point_makes_its_image_nan_and_no_other():
    predictions, truth = faces(images=3)
    predictions[1, 5] = np.nan
    assert np.isnan(metrics.nrmse(predictions, truth)).tolist() == [False, True, False]
    errors = metrics.point_errors(predictions, truth)
    assert np.isnan(errors).sum() == 1
    assert np.isnan(errors[1, 5])


# Many images

auc, failure_rate, ced = jax.jit(metrics.auc), jax.jit(metrics.failure_rate), jax.jit(metrics.ced)


@given(
    arrays(
        np.float32, st.sampled_from([1, 2, 9]), elements=st.floats(0, 20, width=32) | st.sampled_from([0, 8, np.inf])
    )
)
def test_auc_and_failure_rate_are_those_of_the_step_curve(errors):
    assert auc(errors) == pytest.approx(oracle.auc(errors.astype(float), 8.0), abs=1e-3)
    assert failure_rate(errors) == pytest.approx(100 * (1 - oracle.share_at_most(errors, 8.0)), abs=1e-4)
    curve = ced(errors)
    for error, share in zip(*map(np.asarray, curve), strict=True):
        assert float(share) == pytest.approx(100 * oracle.share_at_most(errors, float(error)), abs=1e-4)


def test_limit_cases_of_auc_and_failure_rate():
    assert metrics.auc(np.zeros(5, np.float32)) == 100
    assert metrics.auc(np.full(5, 8.0)) == 0
    assert metrics.auc(np.full(5, 2.0), limit=4.0) == 50
    assert metrics.failure_rate(np.full(4, 8.0)) == 0  # above, not at, the limit
    assert metrics.failure_rate(np.array([7.0, 8.1, 9.0, 1.0])) == 50


def test_an_image_without_prediction_is_a_failure():
    errors = np.array([1.0, np.nan, 3.0, 2.0])
    assert metrics.failure_rate(errors) == 25
    assert metrics.auc(errors) == metrics.auc(np.array([1.0, 1e9, 3.0, 2.0]))
    assert np.isinf(metrics.ced(errors).error[-1])


def test_scale_table_groups_by_size():
    predictions, truth = faces(images=23)
    order = np.argsort(np.linalg.norm(truth[:, 36] - truth[:, 45], axis=-1))
    table = jax.jit(metrics.scale_table)(predictions, truth)
    sizes = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=-1)
    distances = np.linalg.norm(predictions - truth, axis=-1).mean(axis=-1)
    starts = [0, 4, 9, 13, 18, 23]
    assert table.images.tolist() == np.diff(starts).tolist()
    for g, (a, b) in enumerate(pairwise(starts)):
        assert table.error[g] == pytest.approx(distances[order[a:b]].mean(), rel=1e-5)
        assert table.edges[g] <= sizes[order[a:b]].min() + 1e-3
        assert sizes[order[a:b]].max() <= table.edges[g + 1] + 1e-3
        assert table.size[g] == pytest.approx(sizes[order[a:b]].mean(), rel=1e-5)


@given(images=st.sampled_from([1, 2, 3, 5, 7, 8, 13, 24, 40]), groups=st.integers(1, 7), seed=st.integers(0, 99))
def test_groups_of_faces_are_equal_and_ordered(images, groups, seed):
    _, truth = faces(images=images, seed=seed)
    if groups > images:
        with pytest.raises(InputError, match=f"{groups} groups need at least as many images, got {images}"):
            metrics.scale_groups(truth, groups=groups)
        return
    group = np.asarray(metrics.scale_groups(truth, groups=groups))
    np.testing.assert_array_equal(group, oracle.scale_groups(truth, groups, (36, 45)))


def test_more_groups_than_images_is_an_error():
    predictions, truth = faces(images=3)
    with pytest.raises(InputError, match="5 groups need at least as many images, got 3"):
        metrics.scale_table(predictions, truth)


def test_second_difference_of_a_line_is_zero_and_of_a_zigzag_four_steps():
    line = np.arange(6.0)[:, None, None] * np.array([3.0, 4.0])
    np.testing.assert_allclose(metrics.second_difference(line), np.zeros((4, 1)), atol=1e-12)
    zigzag = (np.arange(6) % 2 * 2 - 1)[:, None, None] * np.array([3.0, 4.0])
    np.testing.assert_allclose(metrics.second_difference(zigzag), np.full((4, 1), 20.0))


# Confidence intervals


def test_the_bootstrap_agrees_with_all_samples_that_there_are():
    values = np.array([0.0, 1.0, 4.0, -2.0, 0.5])
    means = np.sort(oracle.resampled_means(values))
    assert len(means) == 5**5
    ours = metrics.bootstrap(jax.random.key(0), values, samples=20_000, level=0.8)
    assert ours.mean == pytest.approx(0.7)
    # The share of all samples whose mean is at most the bound, as exact as 20,000 draws can be.
    assert np.mean(means <= ours.low + 1e-6) == pytest.approx(0.1, abs=0.02)
    assert np.mean(means <= ours.high + 1e-6) == pytest.approx(0.9, abs=0.02)


def test_the_bootstrap_of_many_values_is_the_standard_error():
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    low, high = (float(v) for v in metrics.bootstrap(jax.random.key(1), values, samples=20_000)[1:])
    error = values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.1 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.1 * error)


def test_the_bootstrap_takes_percentiles_of_the_resampled_means():
    """On a skewed sample the percentile method differs from the reflected ("basic") interval."""
    values = np.array([0.0] * 16 + [1.0, 2.0, 10.0, 30.0])
    resampled = np.random.default_rng(0).choice(values, (20_000, len(values))).mean(axis=1)
    expected = np.percentile(resampled, [2.5, 97.5])
    basic = 2 * values.mean() - expected[::-1]
    assert np.abs(expected - basic).min() > 0.5
    np.testing.assert_allclose(metrics.bootstrap(jax.random.key(2), values, samples=20_000)[1:], expected, atol=0.15)


def test_the_bootstrap_of_equal_values_is_their_value_and_the_key_decides():
    assert [float(v) for v in metrics.bootstrap(jax.random.key(0), np.full(4, 2.5))] == [2.5, 2.5, 2.5]
    values = np.random.default_rng(0).normal(size=30)
    one, again, other = (metrics.bootstrap(jax.random.key(k), values) for k in (0, 0, 1))
    assert one == again
    assert one.low != other.low


@pytest.mark.parametrize(
    ("values", "options"),
    [([], {}), ([1.0, np.nan], {}), ([1.0], {"level": 1.0}), ([1.0], {"samples": 0})],
)
def test_bootstrap_rejects_bad_arguments(values, options):
    with pytest.raises(InputError, match=r"metrics\.bootstrap"):
        metrics.bootstrap(jax.random.key(0), np.array(values, np.float32), **options)


# Videos


def test_stability_agrees_with_the_definition():
    x, p, valid = video()
    ours = metrics.stability(x, p, mask=valid, markup=FACE7)
    assert ours == pytest.approx(oracle.stability(x, p, valid, (0, 3)), rel=1e-4)


def test_motion_agrees_with_the_definition():
    x, p, valid = video()
    ours, theirs = metrics.motion(x, p, mask=valid), oracle.motion(x, p, valid)
    np.testing.assert_allclose(ours.squared, theirs[0], rtol=1e-4)
    np.testing.assert_allclose(ours.angle, theirs[1], rtol=1e-3)


def test_evaluation_agrees_with_the_definition():
    x, p, valid = video()
    np.testing.assert_allclose(metrics.evaluation(x, p, mask=valid), oracle.evaluation(x, p, valid), rtol=1e-4)


@pytest.mark.parametrize("late", [0, 1, 2, -1])
@pytest.mark.parametrize("blend", [0.0, 0.3, 0.5])
def test_delay_agrees_with_brute_force(late, blend):
    _, p, valid = video(frames=60)
    shifted = np.roll(p, late, axis=0)
    x = (1 - blend) * shifted + blend * np.roll(shifted, 1, axis=0)
    x += 0.05 * np.random.default_rng(2).normal(size=x.shape)
    ours = metrics.delay(x, p, mask=valid, max_shift=3)
    assert ours == pytest.approx(oracle.delay(x, p, valid, 3), abs=0.011)
    assert ours == pytest.approx(late + blend, abs=0.05)


NAN_WHERE_MASKED = [
    lambda x, p, mask: metrics.stability(x, p, mask=mask, markup=FACE7),
    lambda x, p, mask: metrics.motion(x, p, mask=mask),
    lambda x, p, mask: metrics.evaluation(x, p, mask=mask),
    lambda x, p, mask: metrics.delay(x, p, mask=mask, max_shift=2),
]


@pytest.mark.parametrize("metric", NAN_WHERE_MASKED)
def test_masked_frames_have_no_influence_and_nan_is_masked(metric):
    x, p, valid = video()
    masked = metric(x, p, valid)
    holes = np.where(valid[:, None, None], x, np.nan)
    for other in (metric(holes, p, None), metric(holes, np.where(valid[:, None, None], p, np.inf), valid)):
        for a, b in zip(jax.tree.leaves(masked), jax.tree.leaves(other), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("metric", NAN_WHERE_MASKED)
def test_leading_axes_vmap_and_jit_agree_with_single_videos(metric):
    videos = [video(seed=seed) for seed in range(3)]
    x, p, valid = (jnp.asarray(np.stack(part)) for part in zip(*videos, strict=True))
    whole = metric(x, p, valid)
    mapped = jax.vmap(metric)(x, p, valid)
    jitted = jax.jit(metric)(x, p, valid)
    for i, one in enumerate(videos):
        single = jax.tree.leaves(metric(*one))
        for other in (whole, mapped, jitted):
            for a, b in zip(single, jax.tree.leaves(other), strict=True):
                np.testing.assert_allclose(a, b[i], rtol=1e-4, atol=1e-5)


def test_a_perfect_track_has_no_error_and_a_constant_offset_is_stable():
    _, p, _ = video()
    assert metrics.stability(p, p, markup=FACE7) == 0
    assert metrics.stability(p + 8, p, markup=FACE7) == pytest.approx(0, abs=1e-4)
    assert metrics.evaluation(p, p).error == 0
    assert metrics.delay(p, p) == 0


def test_the_last_frame_repeated_is_a_whole_step_late():
    _, p, _ = video(frames=200)
    x = np.roll(p, 1, axis=0)
    x[0] = p[0]
    assert metrics.evaluation(x, p).delay == pytest.approx(1, abs=1e-4)
    assert metrics.delay(x, p) == pytest.approx(1, abs=1e-4)


def test_delay_of_two_equally_good_shifts_is_the_late_one():
    p = np.zeros((12, 1, 2))
    p[1::2] = 1  # jumps to and fro: one frame late and one frame early are the same
    x = 1 - p
    assert metrics.delay(x, p, max_shift=3) == 1
    assert metrics.delay(x, p, max_shift=1) == 1


def test_angles_count_only_frames_in_which_both_tracks_move():
    p, x = np.zeros((9, 2, 2)), np.zeros((9, 2, 2))
    steps = np.arange(9) // 2  # the truth moves in every other frame
    p[:, 0, 0], x[:, 0, 1] = steps, np.arange(9)
    p[:, 1, 0], x[:, 1, 1] = np.arange(9), steps  # the track does
    np.testing.assert_allclose(metrics.motion(x, p).angle, 90, atol=1e-3)


def test_angles_of_simple_motions():
    p = np.zeros((3, 4, 2))
    p[:, :, 0] = np.arange(3)[:, None]
    x = np.zeros_like(p)
    x[:, 0, 0] = 3 * np.arange(3)  # same way, faster
    x[:, 1, 1] = np.arange(3)  # a right angle
    x[:, 2, 0] = -np.arange(3)  # the other way; the last stands still
    found = metrics.motion(x, p)
    np.testing.assert_allclose(found.angle, [0, 90, 180, 0], atol=1e-3)
    np.testing.assert_allclose(found.squared, [4, 2, 4, 1], atol=1e-5)


def test_standing_still_is_finite_in_value_and_gradient():
    still = jnp.asarray(np.broadcast_to(faces(images=1)[1], (6, 68, 2)).copy(), jnp.float32)

    def everything(x, p):
        values = (
            metrics.stability(x, p),
            metrics.motion(x, p),
            metrics.evaluation(x, p),
            metrics.delay(x, p, max_shift=2),
            metrics.nrmse(x, p),
        )
        return sum(leaf.sum() for leaf in jax.tree.leaves(values))

    value, gradients = jax.jit(jax.value_and_grad(everything, (0, 1)))(still, still)
    assert value == 0
    assert np.isfinite(gradients).all()


def test_undefined_numbers_are_nan():
    _, p, valid = video()
    assert np.isnan(metrics.stability(p[:1], p[:1], markup=FACE7))
    assert np.isnan(metrics.stability(p, p, mask=0 * valid > 0, markup=FACE7))
    assert np.isnan(metrics.evaluation(p[:2], p[:2]).midpoint)
    assert np.isnan(metrics.delay(p * np.nan, p))
    assert np.isnan(metrics.auc(np.zeros(0)))


def test_metrics_have_the_right_gradients():
    x, p, valid = video(frames=8, noise=2.0)

    def total(x):
        values = (
            metrics.stability(x, p, mask=valid, markup=FACE7),
            metrics.motion(x, p, mask=valid),
            metrics.evaluation(x, p, mask=valid),
            metrics.nrmse(x, p, markup=FACE7),
        )
        return sum(leaf.sum() for leaf in jax.tree.leaves(values))

    with jax.enable_x64(True):
        check_grads(jax.jit(total), (x,), order=1, modes=("rev",), rtol=1e-4, atol=1e-4)


# Published predictions


def test_published_predictions_have_the_published_error(real_data):
    """300 indoor faces of 300W; the conversion of the crop is that of the authors."""
    with np.load(real_data / "300w_test" / "fhr_predictions.npz", allow_pickle=False) as file:
        truth, crops = file["ground_truth"].astype(np.float64), file["predictions"].astype(np.float64)
    low, high = truth.min(axis=1), truth.max(axis=1)
    side = 1.3 * (high - low).max(axis=1)
    corner = (low + high) / 2 - side[:, None] / 2
    predictions = crops * ((np.floor(side) + 1) / 256)[:, None, None] + corner[:, None]
    errors = metrics.nrmse(predictions, truth, markup=FACE68)
    assert errors.mean() == pytest.approx(3.879, abs=0.005)
    assert metrics.auc(errors) == pytest.approx(53.0, abs=0.05)
    assert metrics.failure_rate(errors) == pytest.approx(1.67, abs=0.005)
