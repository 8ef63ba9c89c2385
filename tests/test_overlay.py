import numpy as np
from PIL import Image

from fhr_jax import overlay


def test_points_are_drawn_where_they_are():
    points = np.full((68, 2), np.nan)
    points[30] = [20.0, 12.0]
    image = overlay.draw(np.zeros((40, 60, 3), np.uint8), points)
    y, x = np.nonzero(image.max(axis=-1))
    assert abs(np.average(x, weights=image[y, x, 0]) - 20) < 0.1
    assert abs(np.average(y, weights=image[y, x, 0]) - 12) < 0.1
    half = overlay.draw(np.zeros((40, 60, 3), np.uint8), points + 0.5)
    y, x = np.nonzero(half.max(axis=-1))
    assert abs(np.average(x, weights=half[y, x, 0].astype(float)) - 20.5) < 0.15


def test_nothing_is_drawn_without_a_face_and_the_image_stays():
    image = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    before = image.copy()
    np.testing.assert_array_equal(overlay.draw(image, np.full((68, 2), np.nan)), image)
    overlay.draw(image, np.random.default_rng(1).uniform(0, 20, (68, 2)))
    np.testing.assert_array_equal(image, before)


def test_points_far_outside_do_not_break_it():
    points = np.random.default_rng(0).uniform(-1e9, 1e9, (68, 2))
    points[3] = np.inf
    overlay.draw(np.zeros((20, 20, 3), np.uint8), points)


def test_other_markups_are_points_without_lines():
    image = overlay.draw(np.zeros((50, 50, 3), np.uint8), np.array([[10.0, 10.0], [40.0, 40.0]]))
    assert image[10, 10].max() == 255
    assert image[25, 25].max() == 0


TRUTH = np.array([[20.0, 30.0], [60.0, 30.0], [40.0, 70.0]])


def strongest(picture, colour):
    """Place (x, y) of the pixels of about this colour."""
    y, x = np.nonzero(np.abs(picture.astype(int) - colour).max(axis=-1) < 60)
    return np.array([x.mean(), y.mean()])


def test_a_comparison_shows_both_sets_in_their_tints():
    image = np.zeros((200, 100, 3), np.uint8)
    predicted = TRUTH + np.array([0, 6])
    picture = overlay.compare(image, TRUTH, predicted)
    assert picture.shape == (80, 80, 3)  # half of the larger side around the box, within the image
    for points, colour in ((TRUTH, overlay.LIGHT_RED), (predicted, overlay.LIGHT_GREEN)):
        np.testing.assert_allclose(strongest(picture, colour), (points - np.array([0, 10])).mean(axis=0), atol=1.0)
    assert not np.array_equal(picture, overlay.compare(image, TRUTH, np.full((3, 2), np.nan)))
    assert overlay.compare(image, TRUTH, TRUTH, size=40).shape == (40, 40, 3)
    assert overlay.compare(image, TRUTH, TRUTH, size=300).shape == (80, 80, 3)
    assert overlay.compare(image, TRUTH, TRUTH, size=300, margin=0.25, enlarge=True).shape == (300, 300, 3)


def test_a_face_outside_of_its_image_has_no_picture():
    assert overlay.compare(np.zeros((20, 20, 3), np.uint8), TRUTH + 500, TRUTH) is None
    assert overlay.compare(np.zeros((20, 20, 3), np.uint8), np.full((3, 2), np.nan), TRUTH) is None


def test_a_sheet_has_its_pictures_in_rows_with_text_below():
    colours = [(250, 0, 0), (0, 250, 0), (0, 0, 250)]
    shapes = [(40, 20), (10, 10), (300, 100)]
    pictures = [np.full((*shape, 3), colour, np.uint8) for shape, colour in zip(shapes, colours, strict=True)]
    captions = [("a", "1 %"), ("Zoë " + 40 * "long", "2 %"), ("c", "3 %")]
    sheet = overlay.sheet(pictures, captions, size=100, columns=2)
    assert sheet.shape == (2 * (100 + 2 * 16 + 6) + 6, 2 * 106 + 6, 3)
    centres = [strongest(sheet, colour) for colour in colours]
    np.testing.assert_allclose(centres, [[56, 56], [162, 56], [56, 194]], atol=1)
    assert (sheet[106:136, 6:106].min(axis=-1) < 100).any()
    assert (sheet[106:136, 214:] == 255).all()  # a long name does not leave its column
    assert overlay.sheet(pictures[:1], captions[:1], size=100).shape == (144, 112, 3)


def test_jpeg(tmp_path):
    image = np.full((20, 30, 3), (200, 100, 50), np.uint8)
    overlay.write_jpeg(tmp_path / "a.jpg", image)
    with Image.open(tmp_path / "a.jpg") as read:
        np.testing.assert_allclose(np.asarray(read), image, atol=4)


def test_colours_turn_to_blue_and_magenta_as_confidence_falls():
    for own in (overlay.GREEN, overlay.WHITE, overlay.ORANGE):
        assert overlay.shade(own, 1.0) == overlay.shade(own, overlay.SURE) == own
        assert overlay.shade(own, (overlay.SURE + overlay.DOUBTFUL) / 2) == overlay.BLUE
        assert overlay.shade(own, overlay.DOUBTFUL) == overlay.shade(own, 0.0) == overlay.MAGENTA
    points = np.array([[10.0, 10.0], [40.0, 40.0], [np.nan, np.nan]])
    image = overlay.draw(np.zeros((50, 50, 3), np.uint8), points, confidence=np.array([1.0, 0.1, 1.0]))
    assert image[10, 10].tolist() == list(overlay.WHITE)
    assert image[40, 40].tolist() == list(overlay.MAGENTA)


def test_labels_lie_inside_and_beside_the_face():
    image = np.full((80, 120, 3), 128, np.uint8)
    for points in (np.array([[20.0, 30.0], [60.0, 70.0]]), np.array([[-50.0, -50.0], [200.0, 200.0]])):
        y, x, _ = np.nonzero(overlay.label(image, "7", points) != image)
        assert len(x) > 20
        assert x.max() - x.min() < 40
    y, x, _ = np.nonzero(overlay.label(image, "7", np.array([[20.0, 30.0], [60.0, 70.0]])) != image)
    assert x.min() >= 60
    assert 10 < y.min() < 40
    np.testing.assert_array_equal(overlay.label(image, "7", np.full((2, 2), np.nan)), image)


def test_pictures_fit_between_black_bars():
    image = np.full((20, 40, 3), 200, np.uint8)
    fitted = overlay.fit_into(image, (60, 60))
    assert fitted.shape == (60, 60, 3)
    assert (fitted[15:45] == 200).all()
    assert (fitted[:15] == 0).all()
    assert (fitted[45:] == 0).all()
    assert overlay.fit_into(image, (20, 40)) is image
    assert overlay.fit_into(image, (7, 3)).shape == (7, 3, 3)
