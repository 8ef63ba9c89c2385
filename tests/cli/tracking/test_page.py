"""The page of `fhr-jax track --show`."""

import http.client
import io
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from fhr_jax.cli.tracking.page import LivePage


def get(page, path, host=None):
    place = urlsplit(page.url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=5)
    connection.request("GET", path, headers={} if host is None else {"Host": host})
    return connection, connection.getresponse()


def next_image(response):
    """The next picture of a motion-JPEG stream."""
    assert response.readline() == b"--frame\r\n"
    assert response.readline() == b"Content-Type: image/jpeg\r\n"
    length = int(response.readline().split(b":")[1])
    response.readline()
    content = response.read(length)
    response.readline()
    return np.asarray(Image.open(io.BytesIO(content)))


def test_a_browser_sees_the_newest_picture():
    with LivePage() as page:
        assert page.url.startswith("http://127.0.0.1:")
        _, response = get(page, "/")
        assert response.status == 200
        assert b"<img src=stream" in response.read()
        page.show(np.full((16, 24, 3), 10, np.uint8))
        page.show(np.full((16, 24, 3), [200, 20, 20], np.uint8))
        connection, response = get(page, "/stream")
        assert response.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"
        image = next_image(response)
        np.testing.assert_allclose(image[8, 12], [200, 20, 20], atol=8)
        page.show(np.full((16, 24, 3), 90, np.uint8))
        np.testing.assert_allclose(next_image(response)[8, 12], 90, atol=4)
        connection.close()
        assert page.next_picture(0) is not None
    assert page.next_picture(0) is None
    with pytest.raises(ConnectionRefusedError):
        get(page, "/")


def test_only_this_computer_may_look():
    with LivePage() as page:
        assert get(page, "/", host="elsewhere.example:80")[1].status == 403
        assert get(page, "/stream", host="elsewhere.example:80")[1].status == 403
        assert get(page, "/passwd")[1].status == 404
