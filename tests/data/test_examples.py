"""Training examples: synthetic faces by number, photographs from a folder."""

import tracemalloc

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fhr_jax import augment, geometry, heatmap
from fhr_jax.data import crops, examples
from fhr_jax.data.io import pts
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.data.records import FrameRun
from fhr_jax.data.sources import holdout
from fhr_jax.errors import InputError
from fhr_jax.markup import FACE68

SIZE = 32
KEY = jax.random.key(0)


def _batch(*numbers):
    return {"index": np.resize(np.array(numbers, np.uint32), examples.BATCH)}


@pytest.fixture(scope="module")
def prepare():
    return examples.synthetic_examples(KEY, SIZE)


def test_a_face_is_the_same_at_every_visit_and_its_jitter_is_not(prepare):
    first = prepare(jax.random.key(1), _batch(7, 8))
    again = prepare(jax.random.key(1), _batch(7, 8))
    other = prepare(jax.random.key(2), _batch(7, 8))
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert np.abs(first.points[0] - other.points[0]).max() > 0.05
    # The same face up to a similarity: what remains after the best one is small beside another face's.
    assert _misfit(first.points[0], other.points[0]) < 0.5
    assert _misfit(first.points[0], other.points[1]) > 2 * _misfit(first.points[0], other.points[0])
    assert first.images.shape == (examples.BATCH, SIZE, SIZE, 3)
    assert 0 <= float(first.images.min()) <= float(first.images.max()) <= 1


def _misfit(a, b):
    """Largest distance in pixels after the similarity (turn, scale, shift) that takes a nearest to b."""
    a, b = (np.asarray(p, np.float64) @ [1, 1j] for p in (a, b))
    a, b = a - a.mean(), b - b.mean()
    return np.abs(np.vdot(a, b) / np.vdot(a, a) * a - b).max()


def test_a_held_out_set_is_cropped_to_the_landmarks_for_any_number_of_faces():
    held_out = examples.synthetic_batch(KEY, range(5), SIZE)
    assert held_out.images.shape == (5, SIZE, SIZE, 3)
    for points in held_out.points:
        centre, side = geometry.landmark_square(points)
        np.testing.assert_allclose(centre, (SIZE - 1) / 2, atol=0.02)
        np.testing.assert_allclose(side, SIZE, atol=0.05)
    again = examples.synthetic_batch(KEY, [3], SIZE)
    np.testing.assert_allclose(again.points[0], held_out.points[3], atol=1e-4)


@pytest.fixture
def folder(tmp_path):
    """Photographs of two bright dots, at the first and at the last landmark, with .pts."""
    image_module = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for i in range(4):
        points = rng.uniform([60, 50], [180, 130], (68, 2))
        points[0], points[67] = [50.3, 60.7], [190.2, 120.4]
        dots = np.asarray(heatmap.encode(jnp.asarray(points[[0, 67]], jnp.float32), size=(200, 260), sigma=3.0))
        image = np.round(255 * np.stack([dots[..., 0], dots[..., 1], 0 * dots[..., 0]], axis=-1))
        image_module.fromarray(image.astype(np.uint8)).save(tmp_path / f"face {i}.png")
        pts.write(tmp_path / f"face {i}.pts", points)
    return tmp_path


def _peaks(image):
    """Positions of the red and the green dot."""
    return heatmap.decode(image[..., :2], sigma=3.0 * 96 / 182, decoder="parabola")


def test_dots_in_a_photograph_are_at_their_landmarks(folder):
    records = open_dataset(folder)
    example = crops.Crops(records, size=round(96 * crops.MARGIN))[2]
    assert example["image"].dtype == np.uint8
    np.testing.assert_allclose(_peaks(jnp.asarray(example["image"]) / 255), example["points"][[0, 67]], atol=0.1)
    seen = examples.photograph_batch(records, 96)
    np.testing.assert_allclose(_peaks(seen.images), np.asarray(seen.points)[:, [0, 67]], atol=0.1)


def test_augmented_photographs_carry_their_landmarks_along(folder):
    example = crops.Crops(open_dataset(folder), size=round(96 * crops.MARGIN))[0]
    batch = {name: np.repeat(example[name][None], 8, axis=0) for name in ("image", "points")}
    # Without the photometric part dots stay dots.
    prepare = jax.jit(examples.photograph_examples(96, options=augment.OFF))
    augmented = prepare(jax.random.key(5), batch)
    flipped = 0
    for dots, points in zip(np.asarray(_peaks(augmented.images)), np.asarray(augmented.points), strict=True):
        # In a mirrored crop the first landmark has the name of its partner.
        mirrored = np.abs(dots[0] - points[0]).max() > 1
        names = [FACE68.flip[0], FACE68.flip[67]] if mirrored else [0, 67]
        np.testing.assert_allclose(dots, points[names], atol=0.15)
        flipped += mirrored
    assert 0 < flipped < 8


def test_held_out_photographs_are_others_than_those_trained_on(folder):
    records = open_dataset(folder)

    def files(number, seed):
        parts = holdout.split_holdout(records, number, seed=seed, name=folder)
        return [[part[i]["file"] for i in range(len(part))] for part in parts]

    train_on, others = files(1, 0)
    assert sorted(train_on + others) == [f"face {i}.png" for i in range(4)]
    assert len(others) == 1
    assert files(1, 0) == [train_on, others]
    with pytest.raises(InputError, match=f"{folder}.*held out"):
        files(4, 0)


class Numbers(list):
    """Records that are their own numbers."""

    def __getitem__(self, index):
        return {"file": index}


def test_whole_videos_are_held_out():
    videos = [[0, 1, 2, 9, 10], [3, 4, 5], [6, 7, 8], [11, 12, 13, 14, 15, 16]]  # the first with a gap

    def parts(number, groups):
        halves = holdout.split_holdout(Numbers(range(17)), number, seed=1, name="videos", groups=groups)
        return [[part[i]["file"] for i in range(len(part))] for part in halves]

    for number in (2, 3, 4):
        learned, held = parts(number, videos)
        assert len(set(held)) == number
        for video in videos:
            assert not (set(video) & set(learned) and set(video) & set(held))
    # Where no half would be left, one video is cut, and nothing is lost.
    learned, held = parts(10, videos)
    assert sorted(learned + held) == list(range(17))
    assert sum(bool(set(v) & set(learned) and set(v) & set(held)) for v in videos) <= 1
    assert len(parts(3, [range(17)])[1]) == 3
    learned, held = parts(0, videos)
    assert sorted(learned) == list(range(17))
    assert not held


def test_the_order_of_ten_million_records_takes_little_memory():
    tracemalloc.start()
    learned, held = holdout.split_indices(10_000_000, 64, seed=3, name="many")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 200 * 2**20  # the order alone takes 80 MB
    assert (len(learned), len(held)) == (9_999_936, 64)
    order = np.random.default_rng(3).permutation(10_000_000)
    np.testing.assert_array_equal(held, order[:64])
    np.testing.assert_array_equal(learned[:1000], order[64:1064])


def test_the_records_of_each_video():
    class Videos:
        runs = (FrameRun(0, 3, "a"), FrameRun(3, 5, "b"), FrameRun(5, 9, "a"))

        def __len__(self):
            return 9

        def __getitem__(self, index):
            return {}

    a, b = holdout.records_by_video(Videos())
    assert a.tolist() == [0, 1, 2, 5, 6, 7, 8]
    assert b.tolist() == [3, 4]


@pytest.mark.parametrize(("records", "share"), [(2, 1), (9, 1), (20, 4), (870, 64)])
def test_of_few_records_a_fifth_is_held_out(records, share):
    assert holdout.fair_share(records) == share


def test_at_most_so_many_of_other_records():
    some = holdout.random_subset(Numbers(range(14)), 20, seed=1)
    assert sorted(some[i]["file"] for i in range(len(some))) == list(range(14))
