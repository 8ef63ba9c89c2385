"""What `fhr-jax track` writes: landmarks.csv, landmarks.npz, overlay.mp4; and the page of --show."""

import contextlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from fhr_jax import overlay
from fhr_jax.choices import Shown
from fhr_jax.cli.tracking.follow import Picture, Tracked, to_frame
from fhr_jax.cli.tracking.log import FaceLog
from fhr_jax.cli.tracking.page import LivePage
from fhr_jax.data.io import openface, video
from fhr_jax.data.io.sound import Sound
from fhr_jax.markup import Markup
from fhr_jax.reports.views import SAME


class Outputs:
    """Writes the faces of one frame after the other; memory does not grow with the video.

    The files are open within a `with` block, and `save` comes after it.

    Args:
        folder: takes the files.
        first: the first picture; the overlay has its size and begins at its time.
        markup: of the landmarks.
        landmarks: of each face.
        shown: what the overlay shows; None writes no overlay.
        rate: frames a second of the overlay.
        sound: of the overlay, from the first picture on.
        page: shows the overlay to a person.
        several: landmarks.npz has an axis of faces, and a frame without a face has no row.

    Attributes:
        frames: how many frames were written.
        found: in how many of them there is a face.
        damaged: how many of them are corrupt.
    """

    def __init__(
        self,
        folder: Path,
        first: Picture,
        *,
        markup: Markup,
        landmarks: int,
        shown: Shown | None,
        rate: Fraction,
        sound: Sound | None,
        page: LivePage | None,
        several: bool = False,
    ):
        self._folder, self._first, self._markup, self._shown, self._page = folder, first, markup, shown, page
        self._landmarks, self._rate, self._sound, self._several = landmarks, rate, sound, several
        self._stack = contextlib.ExitStack()
        self._write: video.Write | None = None
        self._numbers: set[int] = set()
        self._views: list[tuple[float, ...]] = []
        self.frames = self.found = self.damaged = 0

    def __enter__(self) -> "Outputs":
        with contextlib.ExitStack() as stack:
            if self._shown is not None:
                size = self._first.image.shape[:2]
                path = self._folder / "overlay.mp4"
                self._write = stack.enter_context(video.writer(path, size=size, rate=self._rate, sound=self._sound))
            stream = stack.enter_context((self._folder / "landmarks.csv").open("w", newline=""))
            self._rows = openface.RowWriter(stream, landmarks=self._landmarks)
            self._log = stack.enter_context(
                FaceLog(self._folder / "log", landmarks=self._landmarks, several=self._several)
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def add(self, picture: Picture, faces: Sequence[Tracked]) -> None:
        """Draw and write the faces of the next picture."""
        if self._write is not None or self._page is not None:
            drawn = draw_faces(picture.image, faces, shown=self._shown or "steady", markup=self._markup)
            if self._page is not None:
                self._page.show(drawn)
            if self._write is not None:
                self._write(overlay.fit_into(drawn, self._first.image.shape[:2]), picture.time - self._first.time)
        self._log.start_frame(picture.time)
        view = _view(picture, self._first)
        if not self._views or view != self._views[-1][1:]:
            self._views.append((picture.time, *view))
        for own in faces:
            face = to_frame(own.face, picture.scale)
            confidence = float(face.confidence.mean())
            self._rows.write(picture.number + 1, picture.time, confidence, face.points, face=own.id or 0)
            self._log.add(face, number=own.id or 0)
            self._numbers.add(own.id or 0)
        self.frames += 1
        self.found += any(np.isfinite(own.face.points).all() for own in faces)
        self.damaged += picture.damaged

    def summary(self) -> str:
        """How many frames, and in how many of them there is a face; of several, how many faces."""
        text = f"{self.frames} frames, a face in {self.found} of them"
        return f"{text}, {len(self._numbers)} face{'s' * (len(self._numbers) != 1)} in all" if self._several else text

    def save(self) -> None:
        """After the block: write landmarks.npz."""
        views = np.array(self._views)
        shown = bool((views[:, 1:] != SAME[:, 1:]).any())
        self._log.save(self._folder / "landmarks.npz", views=views if shown else None)


def _view(picture: Picture, first: Picture) -> tuple[float, float, float, float]:
    """Where the overlay has the landmarks of a picture: scale of x and y and the place of the corner (`SAME`)."""
    height, width = picture.image.shape[:2]
    left, top, shown_width, shown_height = overlay.placed((height, width), first.image.shape[:2])
    scale = picture.scale * (shown_width / width, shown_height / height)
    return float(scale[0]), float(scale[1]), float(left), float(top)


def draw_faces(
    image: UInt8[np.ndarray, "h w 3"], faces: Sequence[Tracked], *, shown: Shown, markup: Markup
) -> UInt8[np.ndarray, "h w 3"]:
    """The image, RGB bytes (H, W, 3), with all faces; several have their numbers beside them.

    Args:
        image: RGB bytes (H, W, 3).
        faces: in pixels of the image.
        shown: smoothed landmarks, those that the net finds, or both.
        markup: of the landmarks.
    """
    for own in faces:
        face = own.face
        if "raw" in shown:
            image = overlay.draw(
                image,
                face.raw,
                markup=markup,
                colour=overlay.ORANGE,
                dots=overlay.LIGHT_ORANGE,
                confidence=face.confidence,
            )
        if "steady" in shown:
            image = overlay.draw(image, face.points, markup=markup, confidence=face.confidence)
        if own.id is not None:
            image = overlay.label(image, str(own.id), face.points)
    return image
