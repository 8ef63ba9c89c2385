"""The default parameters on all published predictions of 300-VW: steadier, at most one frame late, few lost points."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import median_filter

from fhr_jax import stabilizer
from fhr_jax.benchmark.steadiness import steadiness, zero_phase
from tests.compiling import fully_optimized


@pytest.fixture(scope="module")
def outputs(real_data: Path):
    """(name, track, valid, output) of every file, all filtered at once."""
    files = sorted((real_data / "300vw_fhr_predictions").glob("*/*.npz"))
    if not files:
        pytest.skip("no 300vw_fhr_predictions in FHR_JAX_DATA")
    tracks, valid = [], []
    for file in files:
        with np.load(file, allow_pickle=False) as arrays:
            tracks.append(arrays["predictions"])
            valid.append(~np.isin(np.arange(len(tracks[-1])), arrays["broken_frames"] - 1))
    names = [f"{file.parent.name}/{file.stem}" for file in files]
    return list(zip(names, tracks, valid, filtered(tracks), strict=True))


def filtered(tracks):
    """The outputs of all tracks, as many as fit one after the other in rows of the length of the longest."""
    longest, rows, places = max(map(len, tracks)), [], {}
    for number in sorted(range(len(tracks)), key=lambda n: -len(tracks[n])):
        row = next((i for i, used in enumerate(rows) if used + len(tracks[number]) <= longest), len(rows))
        rows += [0] * (row == len(rows))
        places[number] = row, slice(rows[row], rows[row] + len(tracks[number]))
        rows[row] += len(tracks[number])
    packed = np.full((len(rows), longest, *tracks[0].shape[1:]), np.nan, np.float32)
    reset = np.zeros(packed.shape[:2], bool)
    for number, (row, part) in places.items():
        packed[row, part], reset[row, part.start] = tracks[number], True
    with fully_optimized():
        smooth = np.asarray(stabilizer.run(stabilizer.default_params(), packed, reset=reset))
    return [smooth[places[number]] for number in range(len(tracks))]


def test_steadier_on_every_file(outputs):
    figures = {name: steadiness(x, track, valid=valid) for name, track, valid, x in outputs}
    assert len(figures) >= 27  # all 33 of the published half, or a part of it
    for name, found in figures.items():
        assert found.second_difference <= 0.7, (name, found)
        assert found.distance <= 1.0, (name, found)
        assert abs(found.delay) <= 1, (name, found)


def test_output_is_finite_and_near_the_crop(outputs):
    """The crop is 256 px wide and a face about 72 px in RMS size; the decoder threw points up to 600 px out.

    On valid frames no point lies 36 px (half a face) or more outside the crop. On broken frames, where single points
    are wrong for several frames in a row, none lies 64 px (a quarter of the crop) or more outside.
    """
    for name, _, valid, x in outputs:
        assert np.isfinite(x).all(), name
        far = np.abs(x - 128).max(axis=(1, 2))
        assert far[valid].max() < 128 + 36, (name, far[valid].max())
        assert far.max() < 128 + 64, (name, far.max())


def test_few_points_lie_far_from_the_reference(outputs):
    """More than 80 px from the zero-phase smoothing, on valid frames: 8 in 100,000 points."""
    lost, number = 0, 0
    for _, track, valid, x in outputs:
        off = np.linalg.norm(x - zero_phase(track), axis=-1)[valid]
        lost, number = lost + int((off > 80).sum()), number + off.size
    assert lost <= 11.6e-5 * number, (lost, number)


def test_few_steady_raw_points_are_lost(outputs):
    """Where a raw point lies within 10 px of the median of 9 frames, the output should be near it.

    It is far from it where the decoder alternates between two places in the face: 11 in 100,000 points. The limit is
    16, so the test fails if that number doubles.
    """
    lost, steady = 0, 0
    for _, track, valid, x in outputs:
        middle = median_filter(track, size=(9, 1, 1), mode="nearest")
        good = (np.linalg.norm(track - middle, axis=-1) < 10) & valid[:, None]
        lost += int((good & (np.linalg.norm(x - middle, axis=-1) > 40)).sum())
        steady += int(good.sum())
    assert lost < 1.6e-4 * steady, (lost, steady)
