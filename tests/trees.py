"""Small copies of the folders of 300W, 300-VW and Talking Face, with a handful of synthetic faces each.

Each image has a white dot at landmark 30, so that a test can check that landmarks belong to their image.
"""

from functools import cache
from pathlib import Path

import av
import jax
import numpy as np
from PIL import Image

from fhr_jax.data import faces
from fhr_jax.markup import SEVEN_OF_68, SEVEN_OF_TALKING_FACE
from tests import golden_faces

NOSE = 30
"""The landmark at the white dot, exact to the pixel."""

SIZE = (96, 128)


PEOPLE, SIDE = golden_faces.NUMBER, 96


PATH = Path(__file__).parent / "golden" / "tree_faces.npz"
"""Made by `python -m tests.trees`: tracing the renderer takes several seconds."""


@cache
def people():
    """Images of a few synthetic faces in dim light, (N, S, S, 3) in bytes, and their landmarks."""
    with np.load(PATH, allow_pickle=False) as stored:
        images, points = stored["images"], stored["points"]
    images = np.stack([Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC) for image in images])
    return images, (points.astype(np.float64) + 0.5) * SIDE / golden_faces.SIZE - 0.5


def _render():
    """The faces of `people`, without occluders and with little rotation."""
    face = golden_faces.sample(jax.random.split(jax.random.key(1), PEOPLE))
    face = faces.ABLATIONS["pose"](faces.ABLATIONS["occluder"](faces.ABLATIONS["glasses"](face)))
    made = golden_faces.render(golden_faces.fill(face._replace(identity=0.5 * face.identity)))
    np.savez_compressed(PATH, images=(110 * np.asarray(made.image)).astype(np.uint8), points=np.asarray(made.points))


def face(seed, size=SIZE):
    """An image with a synthetic face somewhere in it, and its 68 landmarks, counted from 0; different for each seed."""
    images, shapes = people()
    picture, points = images[seed % PEOPLE], shapes[seed % PEOPLE]
    y, x = (int(k) for k in np.random.default_rng(seed).integers(0, np.maximum(np.array(size) - SIDE, 0) + 1))
    image = np.full((*size, 3), 20 + seed % 50, np.uint8)
    part = image[y : y + SIDE, x : x + SIDE]
    part[:] = picture[: part.shape[0], : part.shape[1]]
    points = np.round(points + [x, y] + seed % 1000 * 1e-3, 3)
    points[NOSE] = np.round(points[NOSE])
    centre_x, centre_y = points[NOSE].astype(int)
    image[centre_y - 2 : centre_y + 3, centre_x - 2 : centre_x + 3] = 255
    return image, points


def dot(image):
    """The position of the white dot."""
    y, x = np.nonzero(image.min(axis=-1) > 160)
    return np.array([x.mean(), y.mean()])


def check(record):
    """Check a single record: its landmarks belong to its image, and its box is that of the landmarks."""
    assert record["image"].dtype == np.uint8
    assert record["image"].shape[2:] == (3,)
    assert record["points"].dtype == record["box"].dtype == np.float32
    assert record["points"].shape == (68, 2)
    np.testing.assert_allclose(dot(record["image"]), record["points"][NOSE], atol=0.3)
    np.testing.assert_allclose(record["box"][:2], record["points"].min(axis=0), atol=1e-4)
    np.testing.assert_allclose(record["box"][2:], np.ptp(record["points"], axis=0), atol=1e-4)
    assert record["frame"].dtype == np.int32
    assert record["frame"].shape == ()


def write_pts(path, points, end="\n"):
    lines = ["version: 1", "n_points:  68", "{", *(f"{x:.3f} {y:.3f}" for x, y in points + 1.0), "}", ""]
    Path(path).write_bytes(end.join(lines).encode())


def write_pair(folder, stem, seed, *, suffix=".jpg", pts=".pts", gray=False, end="\n"):
    folder.mkdir(parents=True, exist_ok=True)
    image, points = face(seed)
    picture = Image.fromarray(image).convert("L") if gray else Image.fromarray(image)
    if suffix.lower() in (".jpg", ".jpeg"):
        picture.save(folder / f"{stem}{suffix}", "JPEG", quality=95)
    else:
        picture.save(folder / f"{stem}{suffix}")
    write_pts(folder / f"{stem}{pts}", points, end)


COUNTS_300W = {"train": 7, "common": 3, "challenging": 2, "full": 5, "private": 2}


def tree_300w(root):
    """19 photographs, 7 + 3 + 2 + 2 of them in the splits; mixed case, spaces, two faces of one photograph, gray."""
    write_pair(root / "afw", "18489332_1", 1)
    write_pair(root / "afw", "18489332_2", 2, end="\r\n")
    write_pair(root / "helen" / "trainset", "100032540_1", 3, suffix=".JPG", pts=".PTS")
    write_pair(root / "helen" / "trainset", "gray", 4, gray=True)
    write_pair(root / "helen" / "testset", "296814969_3", 5)
    write_pair(root / "LFPW" / "trainset", "image_0001", 6, suffix=".png")
    write_pair(root / "LFPW" / "trainset", "image_0002", 7, suffix=".PNG")
    write_pair(root / "LFPW" / "trainset", "image_0003", 8, suffix=".png", gray=True)
    write_pair(root / "LFPW" / "testset", "image_0001", 9, suffix=".png")
    write_pair(root / "LFPW" / "testset", "Élise ñ", 10, suffix=".png")
    write_pair(root / "ibug", "image_092 _01", 11)
    write_pair(root / "ibug", "image_100_1", 12)
    write_pair(root / "300W" / "01_Indoor", "indoor_001", 13, suffix=".png")
    write_pair(root / "300W" / "02_Outdoor", "outdoor_001", 14, suffix=".png")
    return root


def write_video(path, seeds):
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        stream.options = {"qscale": "1", "g": "8"}
        stream.codec_context.qmin = stream.codec_context.qmax = 1
        for seed in seeds:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(face(seed)[0], format="rgb24")))
        container.mux(stream.encode())


VIDEOS = {"001": 9, "002": 6, "114": 7, "203": 5, "410": 5}


def tree_300vw(root, videos=VIDEOS):
    """A folder with the dataset's folder in it; frame k of video 114 is of seed 114000 + k."""
    for name, frames in videos.items():
        folder = root / "300VW_Dataset_2015_12_14" / name
        first = int(name) * 1000 if name.isdigit() else 0
        seeds = [first + k for k in range(1, frames + 1)]
        write_video(folder / "vid.avi", seeds)
        (folder / "annot").mkdir()
        for k, seed in enumerate(seeds, start=1):
            write_pts(folder / "annot" / f"{k:06d}.pts", face(seed)[1])
    return root


def talking_face(points):
    """The landmarks in the order of that dataset, for the seven that are known; the others are unchanged."""
    other = points.copy()
    other[list(SEVEN_OF_TALKING_FACE)] = points[list(SEVEN_OF_68)]
    return other


def tree_talking_face(root, frames=7):
    """Images and points in two folders; frame k, from 1, is of seed k. Of its points seven are those of 300W."""
    root.mkdir(parents=True, exist_ok=True)
    for k in range(1, frames + 1):
        write_pair(root / "images", f"franck_{k - 1:05d}", k)
        (root / "points").mkdir(exist_ok=True)
        (root / "images" / f"franck_{k - 1:05d}.pts").unlink()
        write_pts(root / "points" / f"franck_{k - 1:05d}.pts", talking_face(face(k)[1]))
    return root


if __name__ == "__main__":
    _render()
