"""A headless Chromium for tests of pages, driven through chromedriver with the standard library alone."""

import base64
import contextlib
import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
)


def missing():
    """Why there is no browser here; None if there is one."""
    programs = [name for name in ("chromedriver", "chromium") if shutil.which(name) is None]
    return f"no {' and no '.join(programs)} here" if programs else None


class Browser:
    """One tab."""

    def __init__(self, address):
        self._address = address

    def _call(self, method, path, value=None):
        body = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(
            self._address + path, body, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())["value"]

    def open(self, path):
        self._call("POST", "/url", {"url": path.as_uri()})

    def run(self, script, *arguments):
        """The result of JavaScript; it may be a promise."""
        return self._call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def until(self, script, *, seconds=20):
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self.run(f"return Boolean({script})"):
            assert time.monotonic() < end, f"not within {seconds} s: {script}"
            time.sleep(0.05)

    def problems(self):
        """Errors and warnings of the console, refused loads among them, since the last call."""
        return [entry["message"] for entry in self._call("POST", "/se/log", {"type": "browser"})]

    def devtools(self, command, **parameters):
        return self._call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def show_as(self, *, width, height, dark=False, phone=False):
        """Set the size of the window in CSS pixels, and the theme."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.devtools("Emulation.setEmulatedMedia", media="screen", features=[theme])

    def picture(self, *, whole=False):
        """A picture of the window, or of the whole page, as PNG."""
        shot = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(shot["data"])


@contextlib.contextmanager
def browser():
    """Start chromedriver and a browser with a profile of its own; both end with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    profile = tempfile.mkdtemp(prefix="profile-")
    driver = subprocess.Popen(
        ["chromedriver", f"--port={port}", "--silent"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    session = None
    try:
        root = f"http://127.0.0.1:{port}/session"
        options = {"args": [*FLAGS, f"--user-data-dir={profile}"], "binary": shutil.which("chromium")}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        end = time.monotonic() + 60
        while session is None:
            try:
                started = Browser(root)._call("POST", "", {"capabilities": {"alwaysMatch": wanted}})
                session = Browser(f"{root}/{started['sessionId']}")
            except (ConnectionError, urllib.error.URLError) as error:
                refused = isinstance(getattr(error, "reason", error), ConnectionError)
                if not refused or time.monotonic() > end:
                    raise
                time.sleep(0.1)
        yield session
    finally:
        if session is not None:
            with contextlib.suppress(OSError):
                session._call("DELETE", "")
        driver.terminate()
        driver.wait(20)
        shutil.rmtree(profile, ignore_errors=True)
