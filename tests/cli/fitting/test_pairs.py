"""Videos to fit from a user's tracks: motion with the noise of another track, and never with its own."""

import numpy as np
import pytest

from fhr_jax.cli.fitting import pairs
from fhr_jax.cli.fitting.tracks import UserTrack


def _track(seed, frames=90, points=4, truth=False, noise=1.0):
    rng = np.random.default_rng(seed)
    swing = np.sin(np.arange(frames)[:, None, None] / 15 + rng.uniform(0, 6, (1, 1, 2)))
    motion = 100 * rng.normal(size=(1, points, 2)) + 40 * swing
    observed = motion + noise * rng.normal(size=motion.shape)
    return UserTrack(observed.astype(np.float32), motion.astype(np.float32) if truth else None)


@pytest.fixture(scope="module")
def tracks():
    return [pairs.in_pixels(pairs.prepare(_track(seed))) for seed in range(3)]


def _lender(noise, tracks):
    """Number of the track that has this noise (T, M, d) in frames that follow each other."""
    for i, track in enumerate(tracks):
        twice = np.concatenate([track.noise, track.noise])
        for start in range(len(track.noise)):
            if np.abs(twice[start : start + len(noise)] - noise).max() < 1e-3:
                return i
    return None


def test_motion_gets_the_noise_of_another_track(tracks):
    videos = pairs.sample(tracks, [0, 1, 2], 0, videos=6)
    lenders = []
    for z, p in zip(np.asarray(videos.observed, float), np.asarray(videos.truth, float), strict=True):
        motion = next(i for i, track in enumerate(tracks) if np.abs(track.truth - p).max() < 1e-3)
        lenders.append((motion, _lender(z - p, tracks)))
    assert all(lender is not None and lender != motion for motion, lender in lenders)
    assert sorted(motion for motion, _ in lenders) == [0, 0, 1, 1, 2, 2]


def test_only_the_chosen_tracks_are_used_and_all_videos_have_one_shape(tracks):
    longer = [*tracks, pairs.prepare(_track(5, frames=700))]
    some = pairs.sample(longer, [0, 2], 1, videos=4)
    assert some.observed.shape == (4, pairs.FRAMES, 4, 2) == pairs.sample(longer, [3], 2, videos=4).truth.shape
    assert not np.asarray(some.mask[:, 90:]).any()
    for z, p in zip(np.asarray(some.observed[:, :90], float), np.asarray(some.truth[:, :90], float), strict=True):
        assert _lender(z - p, longer) in (0, 2)
    again = pairs.sample(longer, [0, 2], 1, videos=4)
    np.testing.assert_array_equal(some.observed, again.observed)
    assert (np.asarray(pairs.sample(longer, [0, 2], 2, videos=4).observed) != np.asarray(some.observed)).any()


def test_a_track_alone_gets_its_noise_half_a_track_later(tracks):
    z, p = (np.asarray(part[0], float) for part in pairs.sample(tracks, [1], 0, videos=2)[:2])
    noise, own = z - p, tracks[1].noise
    np.testing.assert_allclose(noise, np.roll(own, -(len(own) // 2), axis=0), atol=1e-3)


def test_a_track_with_a_truth_keeps_its_noise(tracks):
    one = pairs.prepare(_track(7, truth=True))
    z, p, mask = (np.asarray(part[0]) for part in pairs.whole([one, *tracks], seed=0)[:3])
    np.testing.assert_allclose(z, one.observed, rtol=1e-5)
    np.testing.assert_allclose(p, one.truth, rtol=1e-5)
    assert mask.all()
    biased = _track(7, truth=True)
    biased = biased._replace(observed=biased.observed + 9)
    kept = pairs.prepare(biased, keep_bias=True)
    assert np.abs(pairs.prepare(biased).noise.mean(axis=0)).max() < 1e-3
    assert np.abs(kept.noise.mean(axis=0) - 9).max() < 1


def test_outliers_are_neither_scored_nor_lent(tracks):
    track = _track(0)
    track.observed[40, 1] += 300
    track.observed[10, 2] = np.nan
    found = pairs.prepare(track)
    assert not found.scored[34:47].any()
    assert found.scored[:34].all()
    assert np.nanmax(np.abs(found.noise)) < 30
    assert np.isfinite(found.truth).all()
    assert np.isnan(found.noise[10, 2]).all()
    track.observed[60:65, :3] = np.nan  # hardly any point of these frames is known
    assert not pairs.prepare(track).scored[60:65].any()


def test_steps_go_with_the_motion_and_confidence_with_the_noise():
    tracks = []
    for seed, step in enumerate((1.0, 0.5)):
        track = _track(seed)
        weight = np.linspace(0.2, 1, 90) * (seed + 1) / 2
        tracks.append(pairs.prepare(track._replace(dt=np.full(90, step, np.float32), confidence=weight)))
    videos = pairs.whole(tracks, seed=3)
    np.testing.assert_allclose(videos.dt[:, 1:], np.broadcast_to([[1.0], [0.5]], (2, 89)))
    weights = np.asarray(videos.confidence)
    assert weights.shape == (2, 90, 4)
    assert (weights[0].max(), weights[1].max()) == pytest.approx((1.0, 0.5))
    plain = pairs.whole([pairs.prepare(_track(seed)) for seed in range(2)], seed=3)
    assert plain.dt is None
    assert plain.confidence is None


def test_a_single_long_track_is_cut_into_parts():
    long, short = (pairs.prepare(_track(0, frames=frames)) for frames in (300, 100))
    pieces = pairs.parts(long)
    assert [len(piece.dt) for piece in pieces] == [75] * 4
    np.testing.assert_array_equal(np.concatenate([piece.truth for piece in pieces]), long.truth)
    assert pairs.parts(short) == [short]
    assert pairs.number_of_videos([long]) == 2
    assert pairs.number_of_videos([long] * 30) == pairs.VIDEOS
