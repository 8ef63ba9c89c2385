"""The protocol on a small mocked tree of predictions."""

import numpy as np
import pytest

from fhr_jax.benchmark import protocol
from fhr_jax.benchmark.steadiness import zero_phase
from fhr_jax.data.synthetic import tracks
from fhr_jax.errors import InputError

GROUPS = {"one": 6, "two": 4, "three": 3}
POINTS = 5
BROKEN = range(20, 30)  # 1-based
LOUD = 37.0
"""Noise in broken frames and nowhere else."""


def motion(level, frames=80):
    time = np.arange(frames)[:, None, None]
    return 100 + level + 30 * np.random.default_rng(5).normal(size=(1, POINTS, 2)) + 5 * np.sin(time / 15 + level)


@pytest.fixture
def tree(tmp_path):
    """Videos whose noise tells whose it is: its rms is the number of the video over 100."""
    number = 0
    for group, count in GROUPS.items():
        (tmp_path / group).mkdir()
        for i in range(count):
            number += 1
            rng = np.random.default_rng(number)
            z = motion(number) + 0.01 * number * rng.normal(size=(80, POINTS, 2))
            broken = np.array(BROKEN)
            z[broken - 1] += LOUD * rng.choice([-1, 1], size=(len(broken), POINTS, 2))
            np.savez(tmp_path / group / f"{i}.npz", predictions=z.astype(np.float32), broken_frames=broken)
    return tmp_path


def names(pairs):
    return {pair.motion for pair in pairs}


def test_sets_share_no_video_and_keep_the_shares_of_the_groups(tree):
    split = protocol.make_split(0, source=tree)
    assert not names(split.train) & names(split.test)
    assert len(names(split.train)) + len(names(split.test)) == 13
    assert len(split.test) == round(13 * 12 / 33) == 5
    counts = {group: sum(pair.motion.startswith(group + "/") for pair in split.test) for group in GROUPS}
    assert counts == {"one": 2, "two": 2, "three": 1}


@pytest.mark.parametrize("seed", protocol.SEEDS)
def test_noise_is_another_videos_of_the_same_set(tree, seed):
    split = protocol.make_split(seed, source=tree, crops=2)
    for pairs in split:
        assert all(pair.noise != pair.motion for pair in pairs)
        assert {pair.noise for pair in pairs} == names(pairs)


def test_the_truth_is_the_smoothed_motion_and_the_observation_adds_the_residual(tree):
    sources = {video.name: video for video in protocol.read(tree)}
    for pair in protocol.make_split(1, source=tree, frames=None).test:
        np.testing.assert_array_equal(pair.truth, sources[pair.motion].truth.astype(np.float32))
        residual = sources[pair.noise].residual.astype(np.float32)
        starts = [
            i
            for i in range(len(residual))
            if np.array_equal(pair.truth + residual[(i + np.arange(80)) % len(residual)], pair.observed)
        ]
        assert len(starts) == 1
    quiet = sources["one/0"]
    np.testing.assert_allclose(quiet.truth[quiet.mask], motion(1)[quiet.mask], atol=0.3)
    away = np.r_[40:80]
    np.testing.assert_allclose(quiet.truth[away], zero_phase(quiet.observed)[away], atol=1e-9)


def test_broken_frames_are_neither_scored_nor_transplanted(tree):
    split = protocol.make_split(0, source=tree)
    for pair in split.train + split.test:
        assert not pair.mask[np.array(BROKEN) - 1].any()
        assert pair.mask.sum() == 70
        assert np.abs(pair.observed - pair.truth).max() < 1
        assert np.abs(pair.truth - motion(0)).max() < 40
    assert not np.asarray(protocol.batch(split.test).mask)[:, np.array(BROKEN) - 1].any()


def test_crops_have_one_length_and_mostly_scored_frames(tree):
    split = protocol.make_split(0, source=tree, frames=12, crops=3)
    assert len(split.test) == 15
    for pair in split.train + split.test:
        assert pair.observed.shape == pair.truth.shape == (12, POINTS, 2)
        assert pair.mask.sum() >= 6
    assert protocol.batch(split.test).observed.shape == (15, 12, POINTS, 2)


def test_seeds_differ_and_repeat(tree):
    splits = [protocol.make_split(seed, source=tree, frames=40) for seed in (*protocol.SEEDS, 0)]
    assert len({frozenset(names(split.test)) for split in splits[:3]}) == 3
    for first, again in zip(splits[0].train + splits[0].test, splits[3].train + splits[3].test, strict=True):
        np.testing.assert_array_equal(first.observed, again.observed)
        assert first[3:] == again[3:]
    once = protocol.make_split(0, source=protocol.read(tree), frames=40)
    np.testing.assert_array_equal(once.test[0].observed, splits[0].test[0].observed)


def test_outliers_are_not_motion_and_are_noise_only_if_asked_for(tree):
    file = tree / "one" / "0.npz"
    with np.load(file) as arrays:
        z = arrays["predictions"].copy()
    z[60, 2] += 400
    np.savez(file, predictions=z)
    plain, with_outliers = (protocol.read(tree, keep_outliers=keep)[0] for keep in (False, True))
    assert plain.name == with_outliers.name == "one/0"
    np.testing.assert_array_equal(np.flatnonzero(~plain.mask[40:]) + 40, np.arange(54, 67))
    assert with_outliers.mask.all()
    assert np.abs(plain.truth[60] - plain.truth[59]).max() < 2
    assert np.abs(with_outliers.residual[60, 2] - 400).max() < 2
    assert np.abs(np.delete(with_outliers.residual, 60, axis=0)[40:]).max() < 1


def test_missing_points_stay_missing_in_the_noise(tree):
    file = tree / "one" / "0.npz"
    with np.load(file) as arrays:
        z = arrays["predictions"].copy()
    z[60, 2] = np.nan
    np.savez(file, predictions=z, broken_frames=np.array(BROKEN))
    video = protocol.read(tree)[0]
    assert np.isnan(video.residual).any(axis=-1).sum() == 1
    assert video.mask[60]
    assert np.isfinite(video.truth).all()


def test_pairs_with_a_truth_are_taken_as_they_are(tree):
    for i, file in enumerate(sorted(tree.glob("*/*.npz"))):
        with np.load(file) as arrays:
            z = arrays["predictions"]
        truth = np.full_like(z, i)
        truth[3] = np.nan
        np.savez(file, predictions=z, truth=truth, broken_frames=[11])
    for pair in protocol.make_split(0, source=tree).test:
        assert pair.motion == pair.noise
        assert np.unique(pair.truth[pair.mask]).size == 1
        np.testing.assert_array_equal(np.flatnonzero(~pair.mask), [3, 10])
    np.savez(file, predictions=z)
    with pytest.raises(InputError, match="some files hold truth"):
        protocol.make_split(0, source=tree)


def test_synthetic_tracks_are_drawn_anew_for_every_set_and_seed():
    splits = [protocol.make_split(seed, frames=8) for seed in (0, 0, 1)]
    for split in splits:
        assert (len(split.train), len(split.test)) == (protocol.TRAIN, protocol.TEST)
        assert split.train[0].truth.shape == (8, 68, 2)
        assert split.train[0].mask.all()
    np.testing.assert_array_equal(splits[0].test[3].observed, splits[1].test[3].observed)
    first = [pair.truth.tobytes() for split in (splits[0], splits[2]) for pair in split.train + split.test]
    assert len(set(first)) == len(first)
    assert tracks.CROP == 256


def test_the_real_folder_is_named_by_the_environment(tree, monkeypatch):
    monkeypatch.delenv("FHR_JAX_DATA", raising=False)
    with pytest.raises(InputError, match="FHR_JAX_DATA: not set"):
        protocol.make_split(0, source="300vw")
    monkeypatch.setenv("FHR_JAX_DATA", str(tree.parent))
    tree.rename(tree.parent / "300vw_fhr_predictions")
    assert len(protocol.make_split(0, source="300vw").test) == 5


def test_bad_input(tmp_path):
    with pytest.raises(InputError, match="no files"):
        protocol.make_split(0, source=tmp_path)
    with pytest.raises(InputError, match="crops: 0"):
        protocol.make_split(0, crops=0)
    np.savez(tmp_path / "a.npz", predictions=np.zeros((9, 4)))
    with pytest.raises(InputError, match="shape"):
        protocol.make_split(0, source=tmp_path)
    np.savez(tmp_path / "a.npz", predictions=motion(0), broken_frames=[81])
    with pytest.raises(InputError, match=r"1\.\.80"):
        protocol.make_split(0, source=tmp_path)
    np.savez(tmp_path / "a.npz", predictions=motion(0))
    with pytest.raises(InputError, match="1 videos"):
        protocol.make_split(0, source=tmp_path)
    np.savez(tmp_path / "a.npz", points=motion(0))
    with pytest.raises(InputError, match="no array predictions"):
        protocol.make_split(0, source=tmp_path)
    np.savez(tmp_path / "a.npz", predictions=motion(0), broken_frames=np.arange(1, 81))
    with pytest.raises(InputError, match="every frame is broken"):
        protocol.make_split(0, source=tmp_path)
