"""The files of `fhr-jax track`, for one face and for several; with the command itself in `test_track`."""

from fractions import Fraction

import numpy as np

from fhr_jax import npz, overlay, pipeline
from fhr_jax.cli.tracking.follow import Picture, Tracked
from fhr_jax.cli.tracking.outputs import Outputs, draw_faces
from fhr_jax.data.io import landmark_table, video
from fhr_jax.markup import FACE68
from fhr_jax.reports.views import in_film

RNG = np.random.default_rng(0)
BASE = RNG.uniform(10, 40, (68, 2)).astype(np.float32)


def face(points, confidence=1.0):
    covariance = np.tile(np.eye(2, dtype=np.float32), (68, 1, 1))
    return pipeline.Face(points, points + np.float32([60, 8]), np.full(68, confidence, np.float32), covariance)


def picture(number, size=(60, 120)):
    return Picture(np.full((*size, 3), 30, np.uint8), np.ones(2), number, number / 25, False)


def test_several_faces_have_their_numbers_in_the_rows_and_in_the_picture(tmp_path):
    two = [Tracked(0, face(BASE)), Tracked(3, face(BASE + np.float32([60, 0])))]
    first = picture(4)
    outputs = Outputs(
        tmp_path, first, markup=FACE68, landmarks=68, shown="steady", rate=Fraction(25), sound=None, page=None
    )
    with outputs:
        outputs.add(first, two)
        outputs.add(picture(5), two[:1])
        outputs.add(picture(6, (120, 240)), [])
    outputs.save()
    assert (outputs.frames, outputs.found, outputs.damaged) == (3, 2, 0)
    rows = [line.split(",")[:3] for line in (tmp_path / "landmarks.csv").read_text().splitlines()[1:]]
    assert rows == [["5", "0", "0.160"], ["5", "3", "0.160"], ["6", "0", "0.200"]]
    assert landmark_table.read(tmp_path / "landmarks.csv") is not None
    arrays = npz.read(tmp_path / "landmarks.npz")
    assert len(arrays["landmarks"]) == 3
    assert "overlay_views" in arrays  # the third picture is twice as large
    frames = list(video.frames(tmp_path / "overlay.mp4"))
    assert [frame.image.shape[:2] for frame in frames] == [(60, 120)] * 3
    np.testing.assert_allclose([frame.time for frame in frames], [0, 0.04, 0.08], atol=1e-3)
    one = draw_faces(first.image, [two[0]._replace(id=None)], shown="steady", markup=FACE68)
    np.testing.assert_array_equal(one, overlay.draw(first.image, BASE, confidence=np.ones(68)))
    both = draw_faces(first.image, two, shown="steady", markup=FACE68)
    unlabelled = draw_faces(first.image, [own._replace(id=None) for own in two], shown="steady", markup=FACE68)
    assert (both != unlabelled).any()


def test_frames_of_another_size_have_their_place_in_the_overlay(tmp_path):
    first = picture(0, (60, 120))
    outputs = Outputs(
        tmp_path, first, markup=FACE68, landmarks=68, shown="steady", rate=Fraction(25), sound=None, page=None
    )
    with outputs:
        for number, size in enumerate([(60, 120), (60, 120), (120, 120), (60, 120)]):
            outputs.add(picture(number, size), [Tracked(None, face(BASE))])
        # Half as large as its frame.
        outputs.add(picture(4)._replace(scale=np.array([0.5, 0.5])), [Tracked(None, face(BASE))])
    outputs.save()
    views = npz.read(tmp_path / "landmarks.npz")["overlay_views"]
    expected = [[0, 1, 1, 0, 0], [0.08, 0.5, 0.5, 30, 0], [0.12, 1, 1, 0, 0], [0.16, 0.5, 0.5, 0, 0]]
    np.testing.assert_allclose(views, expected)
    # The corners of a frame of the second size lie at those of its picture in the overlay.
    corners = np.array([[-0.5, -0.5], [119.5, 119.5]])
    np.testing.assert_allclose(in_film(corners, views, 0.09), [[29.5, -0.5], [89.5, 59.5]])
    frames = list(video.frames(tmp_path / "overlay.mp4"))
    assert frames[2].image[:, :28].mean() < 5
    assert frames[2].image[:, 32:88].mean() > 25


def test_raw_and_steady_points_have_two_tints_that_change_with_confidence():
    image = np.zeros((60, 120, 3), np.uint8)

    def colours(shown, confidence):
        drawn = draw_faces(image, [Tracked(None, face(BASE, confidence))], shown=shown, markup=FACE68)
        return {tuple(colour) for colour in drawn.reshape(-1, 3).tolist()}

    sure, raw, doubtful = colours("steady", 0.9), colours("raw", 0.9), colours("steady", 0.2)
    assert overlay.GREEN in sure
    assert overlay.GREEN not in raw
    assert overlay.ORANGE in raw
    assert overlay.MAGENTA in doubtful
    assert overlay.GREEN not in doubtful
    assert {overlay.GREEN, overlay.ORANGE} <= colours("raw,steady", 0.9)
