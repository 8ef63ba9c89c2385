"""A page on this computer that shows pictures as they come: motion-JPEG, for which a browser needs no script."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from jaxtyping import UInt8

from fhr_jax import overlay

ADDRESS = "127.0.0.1"
_BOUNDARY = "frame"
_HTML = (
    b"<!doctype html><title>fhr-jax track</title>"
    b"<style>body{margin:0;background:#111}img{display:block;margin:auto;max-width:100vw;max-height:100vh}</style>"
    b"<img src=stream alt='the overlay'>"
)
_WAIT = 0.5
"""Seconds between two looks at whether the page was closed."""


class LivePage:
    """Serves the newest picture at `url`, to this computer only, until it is closed.

    Attributes:
        url: of the page.
    """

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._image: UInt8[np.ndarray, "h w 3"] | None = None
        self._number = 0
        self._closed = False
        self._server = ThreadingHTTPServer((ADDRESS, 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://{ADDRESS}:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="page", daemon=True).start()

    def __enter__(self) -> "LivePage":
        return self

    def __exit__(self, *error: object) -> None:
        with self._change:
            self._closed = True
            self._change.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def show(self, image: UInt8[np.ndarray, "h w 3"]) -> None:
        """Make RGB bytes (H, W, 3) the newest picture."""
        with self._change:
            self._image, self._number = image, self._number + 1
            self._change.notify_all()

    def next_picture(self, after: int) -> tuple[int, bytes] | None:
        """Wait for a picture with a higher number than `after`: its number and its JPEG; None once closed."""
        with self._change:
            while not self._closed and (self._number <= after or self._image is None):
                self._change.wait(_WAIT)
            if self._closed or self._image is None:
                return None
            number, image = self._number, self._image
        return number, overlay.to_jpeg(image, quality=80)


def _handler(page: LivePage) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # Another name for this address would let a page of someone else read the pictures.
            if self.headers.get("Host", "").rpartition(":")[0] not in (ADDRESS, "localhost"):
                self.send_error(403)
            elif self.path == "/stream":
                self._stream()
            elif self.path == "/":
                self._answer("text/html; charset=utf-8")
                self.wfile.write(_HTML)
            else:
                self.send_error(404)

        def _answer(self, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Cache-Control", "no-store")
            self.end_headers()

        def _stream(self) -> None:
            self._answer(f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
            number = 0
            try:
                while (picture := page.next_picture(number)) is not None:
                    number, content = picture
                    head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(content)}\r\n\r\n"
                    self.wfile.write(head.encode() + content + b"\r\n")
            except OSError:
                pass  # the viewer has gone

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: the terminal has a progress bar."""

    return Handler
