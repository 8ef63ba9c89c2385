"""Points written as (0, 0) or (-1, -1) are missing where the face is elsewhere, and only there."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fhr_jax.data.io.missing_points import find_markers


def face(frames=20, points=12, *, centre=(300.0, 250.0), size=100.0, seed=0, step=3.0):
    """A face of about `size` pixels that walks at random."""
    rng = np.random.default_rng(seed)
    shape = rng.uniform(-0.5, 0.5, (1, points, 2))
    way = step * rng.normal(size=(frames, 1, 2)).cumsum(axis=0)
    return np.array(centre) + size * shape + way + 0.01 * size * rng.normal(size=(frames, points, 2))


seeds, markers = st.integers(0, 200), st.sampled_from([0.0, -1.0])


@given(seed=seeds, marker=markers, share=st.floats(0.01, 0.9))
def test_single_points_far_from_the_face_are_found(seed, marker, share):
    track = face(seed=seed)
    lost = np.random.default_rng(seed).uniform(size=track.shape[:2]) < share
    lost[:, 0] = lost[0, 1:] = False
    lost[:, 1] = False
    track[lost] = marker
    found = find_markers(track)
    np.testing.assert_array_equal(found.get(marker, np.zeros_like(lost)), lost)


@given(seed=seeds, marker=markers, frames=st.sets(st.integers(0, 19), min_size=1, max_size=15))
def test_whole_frames_are_found(seed, marker, frames):
    track = face(seed=seed)
    track[list(frames)] = marker
    found = find_markers(track)[marker]
    np.testing.assert_array_equal(found.all(axis=1), np.isin(np.arange(20), list(frames)))
    assert found.sum() == 12 * len(frames)


@given(seed=seeds)
def test_a_face_that_fills_its_crop_of_256_pixels_loses_points_too(seed):
    track = face(seed=seed, centre=(128, 132), size=190, step=0.5)
    track[7:9], track[3, 5] = 0, 0
    found = find_markers(track).get(0.0)
    assert found is not None
    assert found[7:9].all()
    expected = 7 * [False] + 2 * [True] + 11 * [False]
    expected[3] = bool(found[3, 5])
    np.testing.assert_array_equal(found.any(axis=1), expected)


@given(
    seed=seeds,
    origin=st.sampled_from(["centroid", "point", "first point", "unit square", "symmetric square"]),
    whole=st.booleans(),
)
def test_coordinates_in_which_0_is_ordinary_stay(seed, origin, whole):
    """Centred on the face or on one of its points, or normalized: exact zeros are then real places."""
    track = face(seed=seed)
    if origin == "centroid":
        track -= track.mean(axis=1, keepdims=True)
        track[4, 3] = track[9, :2] = 0
    elif origin == "point":
        track -= track[:, :1]
    elif origin == "first point":
        track -= track[:1, :1]
    else:
        track = track / 600
        if origin == "symmetric square":
            track = 2 * track - 1
        low, high = track.min(axis=(0, 1)), track.max(axis=(0, 1))
        track = (track - low) / (high - low) if origin == "unit square" else 2 * (track - low) / (high - low) - 1
        # A face that leaves the image is often cut off at its edge.
        track = track.clip(0.2 if origin == "unit square" else -0.5, 1) - (0.2 if origin == "unit square" else 0)
    if whole and origin != "unit square":
        track[6] = 0
    assert find_markers(track) == {}


def test_a_point_that_passes_the_origin_stays():
    track = face(step=0.0)
    track += 40 - track[10].min(axis=0) + np.linspace(-400, 400, 20).round()[:, None, None]
    corner = track[10, :, 0].argmin()
    track -= track[10, corner]
    assert (track[10, corner] == 0).all()
    assert find_markers(track) == {}


def test_both_markers_and_the_offset_of_a_file():
    track = face()
    track[2, 3], track[5, 1] = 0, -1
    found = find_markers(track)
    assert {marker: np.argwhere(where).tolist() for marker, where in found.items()} == {0.0: [[2, 3]], -1.0: [[5, 1]]}
    shifted = find_markers(track - 1, offset=-1.0)
    assert {marker: np.argwhere(where).tolist() for marker, where in shifted.items()} == {0.0: [[2, 3]], -1.0: [[5, 1]]}


def test_what_has_no_face_to_compare_with_stays():
    assert find_markers(np.zeros((5, 4, 2))) == {}
    assert find_markers(np.full((5, 4, 2), np.nan)) == {}
    assert find_markers(face(points=2) * [[[0.0], [1.0]]]) == {}
