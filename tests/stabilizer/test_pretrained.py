"""The default parameters on synthetic clips that they were not fitted on: accurate, and blinks are kept."""

import jax
import numpy as np
import pytest

from fhr_jax import stabilizer
from fhr_jax.benchmark import baselines
from fhr_jax.benchmark.scores import score
from fhr_jax.data.synthetic import tracks
from fhr_jax.metrics import eyelid_lip_opening
from tests.compiling import fully_optimized


@pytest.fixture(scope="module")
def clips():
    keys = jax.random.split(jax.random.key(77), 10)
    made = jax.vmap(lambda key: tracks.sample(key, 200, faults=False))(keys)
    return stabilizer.as_videos(made.observed, made.truth)


@pytest.fixture(scope="module")
def outputs(clips):
    tracks = np.concatenate([clips.observed, broken_for_a_while(clips)[None]])
    with fully_optimized():
        some = stabilizer.run(stabilizer.default_params(67), clips.observed[:, :, 1:])
        found = stabilizer.run(stabilizer.default_params(), tracks)
    return {"68 points": found[:-1], "any points": some, "broken": found[-1]}


def broken_for_a_while(clips):
    """A face at rest whose points are scattered for 15 frames."""
    rng = np.random.default_rng(0)
    track = np.asarray(clips.truth[0, :1]) + 0.7 * rng.normal(size=(clips.truth.shape[1], 68, 2))
    track[30:45] += 25 * rng.normal(size=(15, 68, 2))
    return track.astype(np.float32)


def test_loss_is_below_four_fifths_of_one_euro_tuned_on_the_same_clips(clips, outputs):
    with fully_optimized():
        euro = baselines.tune(baselines.ONE_EURO, clips, starts=1, evaluations=40)
    loss = score(outputs["68 points"], clips).loss
    assert loss < 0.8 * euro.loss < 0.8 * score(clips.observed, clips).loss


@pytest.mark.parametrize("name", ["68 points", "any points"])
def test_blinks_and_speech_are_kept_with_at_most_one_frame_of_delay(clips, outputs, name):
    truth, output = np.asarray(clips.truth), np.asarray(outputs[name])
    if output.shape[2] == 67:  # the first point is one of the jaw
        output = np.concatenate([truth[:, :, :1], output], axis=2)
    lids = eyelid_lip_opening.eyelid_opening(truth)
    assert sum(len(eyelid_lip_opening.find_blinks(row)) for row in lids) > 10
    shut = eyelid_lip_opening.movement_response(
        eyelid_lip_opening.eyelid_opening(output), lids, mask=eyelid_lip_opening.blink_mask(lids)
    )
    talk = eyelid_lip_opening.movement_response(
        eyelid_lip_opening.lip_opening(output), eyelid_lip_opening.lip_opening(truth)
    )
    assert min(shut.gain, talk.gain) >= 0.9
    assert max(shut.delay, talk.delay) <= 1


def test_the_track_recovers_after_broken_frames(clips, outputs):
    """8 frames after them the error is below 1 px again."""
    off = np.linalg.norm(np.asarray(outputs["broken"]) - np.asarray(clips.truth[0, :1]), axis=-1).mean(axis=-1)
    assert off[53:].max() < 1
    assert off[5:30].max() < 1
